"""Firms whose births, deaths, staff, participation and exports are drawn: the truth behind simulated deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impact.core.errors import ImpactError

MEDIAN_EXPORTS = 30_000.0
"""Euros a year that the median exporter of the first year sells abroad."""

_LARGEST_STAFF = 60
_BORN_WITHIN = 0.2  # of all firms; the others stand on the first day
_DEATH = 0.03  # a year
_SELECTION = 0.6  # better firms join more often, as in every programme that one applies for

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FirmLives:
    """What happened to each firm (rows) in each year (columns).

    Attributes
    ----------
    born : array
        Year of birth; within the years for some.
    alive : array of bool
        Firm-years from birth to death.
    joined : array
        First year of participation; 0 = never.
    staff : array
        Employees, whole numbers from 1 to 60.
    exporter, exporter_without : array of bool
        Who exports, and who would export had the programme done nothing: both come from the same draws.
    exports : array
        Euros that an exporter sells in the year, the programme's effect included.
    effect : array
        Log points that the programme adds to exports; 0 before it and for the others.
    """

    born: Ints
    alive: Bools
    joined: Ints
    staff: Ints
    exporter: Bools
    exporter_without: Bools
    exports: Floats
    effect: Floats


def firm_lives(
    *,
    firms: int,
    years: Sequence[int],
    programme_years: Sequence[int],
    share: float,
    effect: float,
    entry_effect: float,
    rng: np.random.Generator,
) -> FirmLives:
    """Draw the lives of firms.

    A firm's quality moves its staff, its chance to export, what it exports and its chance to join. Log exports are quality,
    an own level, a year's shock that all share, an AR(1) and the effect; a firm that does not export begins with a
    probability that participation raises by `entry_effect`, and one that exports goes on with a probability that participation
    leaves alone.

    Parameters
    ----------
    firms : int
        Number of firms.
    years, programme_years : sequence of int
        Consecutive years; the years in which firms join.
    share : float
        Share of firms that join, equally many in each programme year.
    effect, entry_effect : float
        Log points of exports; points of the probability of entry.
    rng : Generator
        Only uniform numbers and whole numbers are drawn from it, whose bits are the same on every machine.

    Returns
    -------
    FirmLives

    Raises
    ------
    ImpactError
        If fewer firms stand in a programme year than should join in it.

    Examples
    --------
    >>> lives = firm_lives(firms=200, years=range(2008, 2012), programme_years=[2010], share=0.1,
    ...                    effect=0.3, entry_effect=0.1, rng=np.random.default_rng(1))
    >>> int((lives.joined == 2010).sum()), lives.exporter.shape
    (20, (200, 4))
    """
    quality = normals(rng, firms)
    born, alive = _born_and_alive(firms, years, rng)
    joined = _joined(quality, born, alive, years, programme_years, share, rng)
    treated = (joined[:, None] > 0) & (np.asarray(years)[None, :] >= joined[:, None])
    staff = _staff(quality, len(years), rng)
    luck = rng.random((firms, len(years)))
    exporter = _exporters(quality, alive, luck, np.where(treated, entry_effect, 0.0))
    without = _exporters(quality, alive, luck, np.zeros(alive.shape))
    added = np.where(treated & alive, effect, 0.0)
    log_exports = _log_exports(quality, len(years), rng) + added
    return FirmLives(born, alive, joined, staff, exporter, without, np.exp(log_exports), added)


def normals(rng: np.random.Generator, shape: Any) -> Floats:
    """Draw numbers that are nearly standard normal: twelve uniform numbers, less six.

    Sums of uniform numbers have the same bits on every machine, which logarithms and sines have not.

    Examples
    --------
    >>> draws = normals(np.random.default_rng(1), 10_000)
    >>> round(abs(float(draws.mean())), 1), round(float(draws.std()), 1)
    (0.0, 1.0)
    """
    total = rng.random(shape)
    for _ in range(11):
        total = total + rng.random(shape)
    return np.asarray(total - 6.0)


def _born_and_alive(
    firms: int, years: Sequence[int], rng: np.random.Generator
) -> tuple[Ints, Bools]:
    first, n = years[0], len(years)
    within = (rng.random(firms) < _BORN_WITHIN) & (n > 1)
    older = first - 1 - rng.integers(0, 25, firms)
    young = first + 1 + rng.integers(0, max(n - 1, 1), firms)
    born = np.where(within, young, older)
    year = np.asarray(years)[None, :]
    dies = (rng.random((firms, n)) < _DEATH) & (year > np.maximum(born, first)[:, None])
    dead = np.cumsum(dies, axis=1) > 0
    return born, (year >= born[:, None]) & ~dead


def _joined(
    quality: Floats,
    born: Ints,
    alive: Bools,
    years: Sequence[int],
    programme_years: Sequence[int],
    share: float,
    rng: np.random.Generator,
) -> Ints:
    """Firms that stood two years before are taken in the order of a score that quality raises."""
    joined = np.zeros(len(quality), dtype=np.int64)
    order = np.argsort(-(normals(rng, len(quality)) + _SELECTION * quality), kind="stable")
    each = round(share * len(quality) / len(programme_years))
    for g in sorted(programme_years):
        t = list(years).index(g)
        free = (joined == 0) & alive[:, t] & (born <= g - 2)
        taken = order[free[order]][:each]
        if len(taken) < each or each == 0:
            raise ImpactError(
                f"{each} of {len(quality)} firms should join in {g} and {int(free.sum())} can; ask for more "
                f"firms, or for another share."
            )
        joined[taken] = g
    return joined


def _staff(quality: Floats, n: int, rng: np.random.Generator) -> Ints:
    level = 2.1 + 0.7 * quality + 0.3 * normals(rng, len(quality))
    growth = np.cumsum(0.02 + 0.06 * normals(rng, (len(quality), n)), axis=1)
    staff = np.floor(np.exp(level[:, None] + growth) + 0.5)
    return np.clip(staff, 1, _LARGEST_STAFF).astype(np.int64)


def _exporters(quality: Floats, alive: Bools, luck: Floats, added: Floats) -> Bools:
    starts = np.clip(0.35 + 0.12 * quality, 0.05, 0.9)
    enters = np.clip(0.06 + 0.03 * quality, 0.01, 0.3)
    goes_on = np.clip(0.84 + 0.05 * quality, 0.6, 0.97)
    exporter = np.zeros(alive.shape, dtype=bool)
    for t in range(alive.shape[1]):
        entry = np.minimum(enters + added[:, t], 0.95)
        chance = starts if t == 0 else np.where(exporter[:, t - 1], goes_on, entry)
        exporter[:, t] = alive[:, t] & (luck[:, t] < chance)
    return exporter


def _log_exports(quality: Floats, n: int, rng: np.random.Generator) -> Floats:
    # Exporters are better firms: the median of their quality is about a half.
    level = np.log(MEDIAN_EXPORTS) + 0.7 * (quality - 0.5) + 0.7 * normals(rng, len(quality))
    shocks = 0.3 * normals(rng, (len(quality), n))
    for t in range(1, n):
        shocks[:, t] += 0.5 * shocks[:, t - 1]
    year = 0.02 * np.arange(n) + 0.05 * normals(rng, n)
    return np.asarray(level[:, None] + year + shocks)
