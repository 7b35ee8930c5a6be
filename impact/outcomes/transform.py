"""Columns made from columns: logarithm and lag, with their edge cases said."""

from __future__ import annotations

import numpy as np
import pandas as pd

from impact.core.errors import DataError, Fault


def log(values: pd.Series) -> pd.Series:
    """Natural logarithm; missing stays missing.

    Parameters
    ----------
    values : Series
        Positive numbers.

    Raises
    ------
    DataError
        If a value is 0 or negative: the log is undefined there, and a silent drop, or log(1 + x), would
        change the question (Chen and Roth 2024).

    Examples
    --------
    >>> log(pd.Series([1.0, None])).tolist()
    [0.0, nan]
    """
    bad = values[values <= 0]
    if len(bad):
        faults = [
            Fault(
                "the logarithm of a value that is not positive was asked for",
                "use the level of this outcome, or declare the cell missing if it is an error",
                row=int(row) if isinstance(row, (int, np.integer)) else None,
                column=str(values.name),
                value=value,
            )
            for row, value in bad.items()
        ]
        raise DataError("A logarithm is undefined.", faults)
    return np.log(values.astype("float64"))


def lag(
    values: pd.Series, unit: pd.Series, time: pd.Series, *, before_first: float | None = None
) -> pd.Series:
    """Value of the same firm in the period before.

    Parameters
    ----------
    values, unit, time : Series
        Same index.
    before_first : float, optional
        Value in the first period of the data, where it is known: participation before the
        programme began is 0. Missing where not given.

    Returns
    -------
    Series
        Missing where the firm has no row for the period before; gaps are not jumped over.

    Examples
    --------
    >>> rows = pd.DataFrame({"f": ["a", "a", "b"], "t": [1, 2, 2], "x": [5.0, 6.0, 7.0]})
    >>> lag(rows["x"], rows["f"], rows["t"], before_first=0.0).tolist()
    [0.0, 5.0, nan]
    """
    known = pd.Series(values.to_numpy(), index=pd.MultiIndex.from_arrays([unit, time + 1]))
    wanted = pd.MultiIndex.from_arrays([unit, time])
    lagged = pd.Series(known.reindex(wanted).to_numpy(), index=values.index, dtype="float64")
    if before_first is not None:
        lagged = lagged.mask(time == time.min(), before_first)
    return lagged
