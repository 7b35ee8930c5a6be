"""Balance: were the arms alike before joining, and are they after matching?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from impact.core.inference import FloatArray
from impact.design.chosen import IntArray
from impact.design.propensity import BoolArray

COLUMNS = (
    "covariate",
    "mean_treated_before",
    "mean_control_before",
    "mean_treated_after",
    "mean_control_after",
    "smd_before",
    "smd_after",
    "variance_ratio_before",
    "variance_ratio_after",
    "ecdf_mean_before",
    "ecdf_mean_after",
    "ecdf_max_before",
    "ecdf_max_after",
)
"""Columns of a balance table."""

_TINY = float(np.sqrt(np.finfo(np.float64).eps))


def effective_sample_size(weights: FloatArray) -> float:
    """Size of an unweighted sample with the precision of the weighted one: (sum w)^2 / sum w^2.

    Examples
    --------
    >>> effective_sample_size(np.array([1.0, 1.0, 2.0]))
    2.6666666666666665
    """
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def weighted_variance(x: FloatArray, weights: FloatArray, *, binary: bool = False) -> float:
    """Variance with the correction of R's `cov.wt`; p(1 - p) for a zero-one column.

    With shares w that sum to one it is `sum w (x - mean)^2 / (1 - sum w^2)`, the (n - 1) variance
    where the weights are equal. `binary` is a property of the whole column, not of one arm of it.

    Examples
    --------
    >>> weighted_variance(np.array([1.0, 2.0, 3.0, 6.0]), np.ones(4))
    4.666666666666667
    """
    if not weights.sum() > 0:
        return float("nan")
    share = weights / weights.sum()
    mean = float(share @ x)
    if binary:
        return mean * (1 - mean)
    correction = 1 - float(share @ share)
    return float(share @ (x - mean) ** 2) / correction if correction > 1e-12 else float("nan")


def ecdf_differences(
    x: FloatArray, treated: BoolArray, weights: FloatArray, line: IntArray | None = None
) -> tuple[float, float]:
    """Mean and largest difference between the arms' weighted distribution functions.

    The mean is over the distinct values of the column; the largest is the Kolmogorov-Smirnov
    statistic. For a column of zeros and ones both are the difference in shares.

    Examples
    --------
    >>> x, treated = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, False])
    >>> ecdf_differences(x, treated, np.ones(4))
    (0.25, 0.5)
    """
    arms = [weights * treated, weights * ~treated]
    if not min(w.sum() for w in arms) > 0:
        return float("nan"), float("nan")
    ins, outs = (w / w.sum() for w in arms)
    if _binary(x):
        apart = abs(float(ins @ x) - float(outs @ x))
        return apart, apart
    if line is None:  # else the order of x, from a caller that needs it twice
        line = np.argsort(x, kind="stable")
    gap = np.abs(np.cumsum((ins - outs)[line]))
    last_of_value = np.append(np.diff(x[line]) != 0, True)
    return float(gap[last_of_value].mean()), float(gap[last_of_value].max())


def balance_table(
    columns: pd.DataFrame,
    treated: BoolArray,
    before: FloatArray,
    after: FloatArray,
    *,
    pooled: bool = False,
) -> pd.DataFrame:
    """Compare the arms on each column before and after matching.

    Parameters
    ----------
    columns : DataFrame
        One column of numbers per covariate, one row per candidate.
    treated : array of bool, shape (n,)
    before, after : array, shape (n,)
        Weights of the candidates before and after matching.
    pooled : bool
        Divide by the root of the mean of both arms' variances before matching, and not by the participants' standard
        deviation: where the effect on all firms is asked for, neither arm is the target.

    Returns
    -------
    DataFrame
        One row per covariate with the columns of `COLUMNS`. Standardised mean differences divide by
        the standard deviation of the participants before matching, before and after alike, so that a
        change of the sample cannot pass for balance; where participants do not vary, by that of all
        candidates (such covariates stand in `attrs["scaled_by_all"]`). Variance ratios of zero-one
        columns say nothing that their means do not, and are missing.
    """
    rows = []
    scaled_by_all = []
    for name in columns.columns:
        x = columns[name].to_numpy(dtype=np.float64)
        binary = _binary(x)
        scale = _scale(x, treated, before, binary, pooled)
        if scale is None:
            scaled_by_all.append(str(name))
            scale = _spread(x, before, binary)
        row: dict[str, object] = {"covariate": str(name)}
        line = None if binary else np.argsort(x, kind="stable")
        for when, weights in (("before", before), ("after", after)):
            row |= _one(x, treated, weights, scale, line, when)
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table.attrs["scaled_by_all"] = scaled_by_all
    return table


def indicator_columns(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Turn categories into one zero-one column per level; columns of zeros and ones stay as they are."""
    columns = {}
    for name in names:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values) and values.isin([0, 1]).all():
            columns[name] = values.astype("float64")
            continue
        for level in sorted(values.unique(), key=str):
            columns[f"{name}: {level}"] = (values == level).astype("float64")
    return pd.DataFrame(columns, index=frame.index)


def _binary(x: FloatArray) -> bool:
    return bool(np.isin(x, (0.0, 1.0)).all())


def _spread(x: FloatArray, weights: FloatArray, binary: bool) -> float | None:
    """Standard deviation, or None where there is none to divide by."""
    scale = float(np.sqrt(weighted_variance(x, weights, binary=binary)))
    return scale if np.isfinite(scale) and scale > _TINY else None


def _scale(
    x: FloatArray, treated: BoolArray, weights: FloatArray, binary: bool, pooled: bool
) -> float | None:
    if not pooled:
        return _spread(x[treated], weights[treated], binary)
    variances = [
        weighted_variance(x[arm], weights[arm], binary=binary) for arm in (treated, ~treated)
    ]
    scale = float(np.sqrt(np.mean(variances)))
    return scale if np.isfinite(scale) and scale > _TINY else None


def _one(
    x: FloatArray,
    treated: BoolArray,
    weights: FloatArray,
    scale: float | None,
    line: IntArray | None,
    when: str,
) -> dict[str, float]:
    ins, outs = (_mean(x[arm], weights[arm]) for arm in (treated, ~treated))
    ratio = float("nan")
    if line is not None:  # of a zero-one column the variance follows from the mean
        of_treated = weighted_variance(x[treated], weights[treated])
        of_control = weighted_variance(x[~treated], weights[~treated])
        ratio = of_treated / of_control if of_control > 0 else float("nan")
    mean_gap, max_gap = ecdf_differences(x, treated, weights, line)
    return {
        f"mean_treated_{when}": ins,
        f"mean_control_{when}": outs,
        f"smd_{when}": (ins - outs) / scale if scale is not None else float("nan"),
        f"variance_ratio_{when}": ratio,
        f"ecdf_mean_{when}": mean_gap,
        f"ecdf_max_{when}": max_gap,
    }


def _mean(x: FloatArray, weights: FloatArray) -> float:
    return float(weights @ x) / float(weights.sum()) if weights.sum() > 0 else float("nan")
