"""Numbers of unknown size in a sentence: as many digits as matter, and no more."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from impact.display.numbers import format_number


def number_text(value: float) -> str:
    """Write a number with four significant digits, from 1,000 on whole.

    Examples
    --------
    >>> number_text(49814.2), number_text(3.54999), number_text(0.0123456)
    ('49,814', '3.550', '0.01235')
    """
    if not math.isfinite(value) or value == 0:
        return format_number(value)
    return format_number(value, min(max(3 - math.floor(math.log10(abs(value))), 0), 9))


_IN_UNIT = ("estimate", "std_error", "conf_low", "conf_high", "band_low", "band_high")
_SMALL_P = 0.0001
_WIDEST = 7  # digits of the largest number


def table_text(table: pd.DataFrame) -> str:
    """Lay a table of estimates out as text: one number of decimals for all that is in one unit, as many as its errors need.

    Parameters
    ----------
    table : DataFrame
        Columns without a value are left out.

    Examples
    --------
    >>> print(table_text(pd.DataFrame({"term": ["a"], "estimate": [49814.23], "std_error": [8123.4], "p_value": [3e-9]})))
    term estimate std_error  p_value
       a   49,814     8,123 < 0.0001
    """
    shown = table[[c for c in table.columns if not table[c].isna().all()]]
    unit = shown[[c for c in _IN_UNIT if c in shown]]
    decimals = _decimals(unit)
    columns = {}
    for name in shown.columns:
        column = shown[name]
        if name in unit:
            columns[name] = [_cell(x, decimals) for x in column]
        elif name == "p_value":
            columns[name] = ["< 0.0001" if x < _SMALL_P else _cell(x, 4) for x in column]
        elif name == "statistic":
            columns[name] = [_cell(x, 2) for x in column]
        elif pd.api.types.is_float_dtype(column):
            columns[name] = [_cell(x, _decimals(column.to_frame())) for x in column]
        else:
            columns[name] = ["" if pd.isna(x) else str(x) for x in column]
    return str(pd.DataFrame(columns).to_string(index=False))


def _decimals(numbers: pd.DataFrame) -> int:
    """Three significant digits of the smallest error (of the smallest number, where there is none), four of the largest number; none beyond seven."""
    of_errors = numbers[["std_error"]] if "std_error" in numbers else numbers
    errors, sizes = (np.abs(x.to_numpy(dtype=np.float64)) for x in (of_errors, numbers))
    errors, sizes = (x[np.isfinite(x) & (x > 0)] for x in (errors, sizes))
    if not len(sizes):
        return 4
    largest = math.floor(math.log10(sizes.max()))
    wanted = 3 - largest
    if len(errors):
        wanted = max(wanted, 2 - math.floor(math.log10(errors.min())))
    return min(max(min(wanted, _WIDEST - 1 - largest), 0), 9)


def _cell(value: float, decimals: int) -> str:
    if pd.isna(value):
        return "NaN"
    return f"{value:,.{decimals}f}" if math.isfinite(value) else str(value)
