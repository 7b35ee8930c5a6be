"""The glossary of column names, and the one way in which a table of estimates is laid out."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from impact.core.errors import ImpactError

ESTIMATE_COLUMNS = (
    "term",
    "estimate",
    "std_error",
    "statistic",
    "p_value",
    "conf_low",
    "conf_high",
)
COUNT_COLUMNS = ("n_treated", "n_control", "n_obs", "n_units", "n_clusters")

GLOSSARY: dict[str, str] = {
    "term": "what is estimated: a coefficient, a group-time cell, or an aggregate",
    "estimate": "point estimate, in the unit of the outcome unless `unit` says otherwise",
    "std_error": "standard error; missing where it is undefined, never 0",
    "statistic": "estimate / std_error",
    "p_value": "two-sided p-value of the hypothesis that the estimate is 0",
    "conf_low": "lower end of the pointwise confidence interval",
    "conf_high": "upper end of the pointwise confidence interval",
    "band_low": "lower end of the uniform (sup-t) confidence band over the rows of the table",
    "band_high": "upper end of the uniform (sup-t) confidence band over the rows of the table",
    "n_treated": "participating firms behind the estimate",
    "n_control": "comparison firms behind the estimate",
    "n_obs": "rows used",
    "n_units": "firms used",
    "n_clusters": "clusters in the variance",
    "n_draws": "draws of a bootstrap or permutations of a test",
    "cohort": "first year of participation",
    "time": "calendar year",
    "event_time": "years since the first year of participation; 0 is that year",
    "dose": "units of service a firm received",
    "outcome": "the outcome variable",
    "group": "sub-population",
    "method": "estimator",
    "unit": "unit of the estimate",
    "label": "what the number is, in words",
    "small_sample": "the small-sample factor of the variance, by name",
    "weight": "weight of the row in an aggregate",
    "kind": "shape of a confidence set: bounded, complement, unbounded, undefined; or known",
    "interval": "the confidence set in words",
    "numerator": "what a ratio divides",
    "denominator": "what a ratio divides by",
    "horizon": "years after joining at which an outcome is counted",
    "basis": "net of the counterfactual, or gross",
    "price_base": "year of the prices in which amounts stand",
    "currency": "currency of amounts",
    "status": "known, estimate, or assumption where a cost in it is assumed",
    "n_participants": "participants of the roster to whom the effect is applied",
    "conf_level": "level of the intervals",
    "check": "a check of the design",
    "verdict": "what a check or a rule of the audit finds",
    "df": "degrees of freedom",
    "size": "what a check could have missed, or the largest change it found",
    "n": "count behind the row",
    "sentence": "the finding in words",
}
"""Every canonical column of a tidy table and what it holds."""


def estimate_table(frame: pd.DataFrame, keys: Sequence[str] = ()) -> pd.DataFrame:
    """Order the columns of a table of estimates: term, keys, estimate to interval, the rest.

    Parameters
    ----------
    frame : DataFrame
        At least the columns of `ESTIMATE_COLUMNS`.
    keys : sequence of str
        Key columns such as `cohort` and `time`, placed after `term`.

    Returns
    -------
    DataFrame
        A new frame with a fresh index.

    Raises
    ------
    ImpactError
        If a canonical column is absent, or a column is not in the glossary.
    """
    absent = [c for c in (*ESTIMATE_COLUMNS, *keys) if c not in frame.columns]
    if absent:
        raise ImpactError(f"A table of estimates lacks {', '.join(absent)}.")
    unknown = [c for c in frame.columns if c not in GLOSSARY]
    if unknown:
        raise ImpactError(f"Column not in the glossary: {', '.join(map(str, unknown))}.")
    first = ["term", *keys, *ESTIMATE_COLUMNS[1:]]
    rest = [c for c in frame.columns if c not in first]
    return frame[first + rest].reset_index(drop=True)
