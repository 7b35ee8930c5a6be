"""A programme whose true effect is known: firms that join in different years, or never."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from impact.core.errors import ImpactError

GROWTH = 0.1
_EARLIEST_BONUS = 0.5


def programme(
    *,
    firms: int = 240,
    periods: int = 8,
    cohorts: Sequence[int] = (4, 6),
    seed: int | Sequence[int],
    effect: Literal["dynamic", "constant", "none"] = "dynamic",
    size: float = 0.15,
    autocorrelation: float = 0.5,
    noise: float = 0.6,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw a panel of firms, equally many in each cohort and among those that never join.

    `exports = firm effect + year effect + AR(1) + effect`, where the firm effect is standard normal
    plus 0.3 for each cohort that comes later, so that participants differ from the others in level
    but not in trend.

    Parameters
    ----------
    firms, periods : int
        Numbers of firms and of years (1, 2, …).
    cohorts : sequence of int
        Years of joining, all after the first year.
    seed : int or sequence of int
        Seed; replication r of a study uses `[seed, r]`, so that order and number of processes do
        not matter.
    effect : {"dynamic", "constant", "none"}
        `dynamic`: ATT(g, t) = 0.1 (t - g + 1), half as much again for the earliest of several
        cohorts; `constant`: `size` in every year; `none`: zero.
    size : float
        The constant effect.
    autocorrelation, noise : float
        Coefficient of the AR(1) and standard deviation of its innovations; the first year is
        drawn from its stationary distribution.

    Returns
    -------
    data : DataFrame
        `firm, year, joined` (missing = never), `region` (of 12), `exports`, rows in order.
    truth : DataFrame
        `cohort, time, event_time, att`, for every cell from joining on.

    Raises
    ------
    ImpactError
        If a cohort lies outside the years after the first, or there are too few firms.

    Examples
    --------
    >>> data, truth = programme(seed=1)
    >>> data.shape, round(float(truth["att"].mean()), 5)
    ((1920, 5), 0.35625)
    """
    cohorts = sorted(set(cohorts))
    if not cohorts or not all(1 < g <= periods for g in cohorts):
        raise ImpactError(f"Cohorts must lie in 2 to {periods}; got {cohorts}.")
    if firms < 2 * (len(cohorts) + 1):
        raise ImpactError(f"{firms} firms are too few for {len(cohorts)} cohorts and the rest.")
    if not -1 < autocorrelation < 1:
        raise ImpactError(f"autocorrelation is {autocorrelation}; it must lie between -1 and 1.")
    rng = np.random.default_rng(seed)
    group = np.arange(firms) % (len(cohorts) + 1)
    joined = np.array([*cohorts, np.inf])[group]
    years = np.arange(1, periods + 1)
    shocks = rng.normal(scale=noise, size=(firms, periods))
    shocks[:, 0] /= np.sqrt(1 - autocorrelation**2)
    for t in range(1, periods):
        shocks[:, t] += autocorrelation * shocks[:, t - 1]
    level = rng.normal(size=firms) + 0.3 * group
    year_effect = rng.normal(scale=0.2, size=periods)
    truth = _truth(cohorts, years, effect, size)
    added = np.zeros((firms, periods))
    for row in truth.itertuples():
        added[joined == row.cohort, int(row.time) - 1] = row.att
    exports = level[:, None] + year_effect + shocks + added
    data = pd.DataFrame(
        {
            "firm": np.repeat([f"F{i:06d}" for i in range(1, firms + 1)], periods),
            "year": np.tile(years, firms),
            "joined": np.repeat(np.where(np.isinf(joined), np.nan, joined), periods),
            "region": np.repeat(np.arange(firms) // (len(cohorts) + 1) % 12 + 1, periods),
            "exports": exports.ravel(),
        }
    )
    return data, truth


def _truth(cohorts: Sequence[int], years: np.ndarray, effect: str, size: float) -> pd.DataFrame:
    rows = []
    for g in cohorts:
        bonus = 1 + _EARLIEST_BONUS * (len(cohorts) > 1 and g == cohorts[0])
        for t in years[years >= g].tolist():
            att = {"dynamic": GROWTH * (t - g + 1) * bonus, "constant": size, "none": 0.0}
            if effect not in att:
                raise ImpactError(
                    f"There is no effect {effect!r}; choose from {', '.join(map(repr, att))}."
                )
            rows.append((g, t, t - g, att[effect]))
    return pd.DataFrame(rows, columns=["cohort", "time", "event_time", "att"])
