"""Paths before joining: did the arms move alike in the years in which neither had joined?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.panel import Panel, require_columns
from impact.core.whole_numbers import by_number, counted
from impact.design.before_joining import numbers_before

COLUMNS = (
    "sample",
    "event_time",
    "mean_treated",
    "mean_control",
    "difference",
    "n_treated",
    "n_control",
    "n_cohorts",
)
"""Columns of a table of paths."""


def path_table(
    panel: Panel,
    frame: pd.DataFrame,
    before: FloatArray,
    outcome: str,
    years_before: int | None,
) -> pd.DataFrame:
    """Weighted means of a column in the years before joining, by arm, before and after matching.

    Parameters
    ----------
    panel : Panel
    frame : DataFrame
        Candidates: `unit`, `cohort`, `treated`, `weight`.
    before : array, shape (n,)
        Weights of the candidates before matching.
    outcome : str
    years_before : int, optional
        How many years; all of which the panel has any where missing.

    Returns
    -------
    DataFrame
        See `MatchResult.paths`.
    """
    require_columns(panel.data, [outcome])
    if outcome in (panel.unit, panel.time, panel.cohort, panel.treatment):
        raise DesignError(f"'{outcome}' has a role in the panel and is no outcome.")
    first = panel.ahead(outcome) + 1  # the first year before joining in which it has not seen it
    last = _last(panel, frame, years_before, first)
    treated = frame["treated"].to_numpy(dtype=bool)
    cohorts = pd.factorize(frame["cohort"], sort=True)[0]
    values = {k: numbers_before(panel, frame, outcome, k) for k in range(last, first - 1, -1)}
    rows = []
    after = frame["weight"].to_numpy(dtype=np.float64)
    for sample, weights in (("before", before), ("after", after)):
        for years, x in values.items():
            rows.append((sample, -years, *_one_year(x, weights, treated, frame["unit"], cohorts)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _last(panel: Panel, frame: pd.DataFrame, years_before: int | None, first: int) -> int:
    longest = int(frame["cohort"].max()) - panel.periods[0]
    if years_before is None:
        years_before = longest
    elif (
        isinstance(years_before, (bool, np.bool_))
        or not isinstance(years_before, (int, np.integer))
        or years_before < 1
    ):
        raise DesignError(
            f"years_before is {years_before!r}; it is a whole number from 1. Years from joining on are not shown: the design does not "
            "look at outcomes."
        )
    if min(years_before, longest) < first:
        raise DesignError(
            f"No year is left to show: the panel has {counted(longest, 'year')} before joining, {years_before} "
            f"{by_number(years_before, 'was', 'were')} asked for, and the outcome looks {counted(first - 1, 'year')} ahead. The design "
            "looks at nothing from the year of joining on."
        )
    return int(min(years_before, longest))


def _one_year(
    x: FloatArray,
    weights: FloatArray,
    treated: np.typing.NDArray[np.bool_],
    units: pd.Series,
    cohorts: np.typing.NDArray[np.int64],
) -> tuple[float, float, float, int, int, int]:
    """Means and firms of both arms, over the cohorts of which both arms have a known value."""
    known = ~np.isnan(x) & (weights > 0)
    size = int(cohorts.max()) + 1
    both = np.ones(size, dtype=bool)
    for arm in (treated, ~treated):
        both &= np.bincount(cohorts[known & arm], minlength=size) > 0
    known &= both[cohorts]
    means, counts = [], []
    for arm in (treated, ~treated):
        there = known & arm
        means.append(
            float(np.average(x[there], weights=weights[there])) if there.any() else float("nan")
        )
        counts.append(int(units[there].nunique()))
    return means[0], means[1], means[0] - means[1], counts[0], counts[1], int(both.sum())
