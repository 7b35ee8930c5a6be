"""Effects as years of a programme: which years are counted, which are carried on, and what each weighs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.value.discounting import discount_factors

Persistence = int | Sequence[float]
"""Years that the last observed effect is carried on at its full size, or the share of it that is left in each of them."""


def persistence_shares(persistence: Persistence) -> tuple[float, ...]:
    """The share of the last observed effect in each later year.

    Raises
    ------
    EstimationError
        Not a whole number of years, and not shares between 0 and 1.

    Examples
    --------
    >>> persistence_shares(2), persistence_shares([0.8, 0.64])
    ((1.0, 1.0), (0.8, 0.64))
    """
    if (
        isinstance(persistence, int | np.integer)
        and not isinstance(persistence, bool)
        and persistence >= 0
    ):
        return (1.0,) * int(persistence)
    shares = (
        tuple(persistence)
        if isinstance(persistence, Sequence) and not isinstance(persistence, str)
        else ()
    )
    if shares and all(
        isinstance(s, Real) and not isinstance(s, bool) and 0.0 <= s <= 1.0 for s in shares
    ):
        return tuple(float(s) for s in shares)
    raise EstimationError(
        f"persistence is {persistence!r}; give the years that the last observed effect is carried on, such as 3, or the share of it in each of "
        "them, such as [0.8, 0.64]. 0 extrapolates nothing."
    )


def yearly_rows(cells: pd.DataFrame, horizon: int, shares: tuple[float, ...]) -> pd.DataFrame:
    """The years of each cohort up to the horizon: those observed, then those that a persistence fills.

    Parameters
    ----------
    cells : DataFrame
        As `impact.value.totals.treated_cells` gives them.
    horizon : int
    shares : tuple of float
        See `persistence_shares`.

    Returns
    -------
    DataFrame
        `cohort, time, event_time, position, std_error, share, carried`, sorted by cohort and year.

    Examples
    --------
    >>> cells = pd.DataFrame({"cohort": [2011], "time": [2012], "event_time": [1], "position": [0], "std_error": [1.0]})
    >>> yearly_rows(cells, 3, (0.5,))[["time", "share", "carried"]].to_dict("records")
    [{'time': 2012, 'share': 1.0, 'carried': False}, {'time': 2013, 'share': 0.5, 'carried': True}]
    """
    keys = ["cohort", "time", "event_time", "position", "std_error"]
    observed = cells.loc[cells["event_time"] <= horizon, keys].sort_values(["cohort", "event_time"])
    parts = [observed.assign(share=1.0, carried=False)]
    last = observed.groupby("cohort", sort=True).tail(1)
    # A cohort that is observed up to the horizon has nothing to fill; one whose later years are known is not guessed at either.
    for years, share in enumerate(shares, start=1):
        later = last.assign(time=last["time"] + years, event_time=last["event_time"] + years)
        parts.append(later[later["event_time"] <= horizon].assign(share=share, carried=True))
    together = pd.concat(parts, ignore_index=True)
    return together.sort_values(["cohort", "event_time"], kind="stable").reset_index(drop=True)


def weights(
    rows: pd.DataFrame,
    sizes: Mapping[int, int],
    *,
    length: int,
    offset: int,
    rate: float = 0.0,
    base_year: int = 0,
    mid_year: bool = False,
) -> FloatArray:
    """What each estimate weighs in a total: participants x share carried on x discount factor.

    Parameters
    ----------
    rows : DataFrame
        See `yearly_rows`.
    sizes : mapping of int to int
        Participants per cohort.
    length, offset : int
        Estimates in all, and where those of this effect begin.
    rate, base_year, mid_year
        See `impact.value.discounting.discount_factor`.

    Returns
    -------
    array, shape (length,)
    """
    number = rows["cohort"].map(dict(sizes)).to_numpy(dtype=np.float64)
    factor = number * rows["share"].to_numpy(dtype=np.float64)
    if rate:
        factor = factor * discount_factors(
            rows["time"].to_numpy(), base_year=base_year, rate=rate, mid_year=mid_year
        )
    at = offset + rows["position"].to_numpy(dtype=np.int64)
    total = np.zeros(length)
    np.add.at(total, at, factor)
    return total


def lacks_error(rows: pd.DataFrame) -> bool:
    """Whether a year that counts has no standard error, so that the total has none."""
    return bool(rows.loc[rows["share"] > 0, "std_error"].isna().any())


def standard_error(variance: float) -> float:
    """Root of a variance; missing where it is not above zero, never 0."""
    return math.sqrt(variance) if variance > 0 else math.nan
