"""Columns of a matched cross-section as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.inference import FloatArray
from impact.design.match import MatchResult


def cross_section(matched: MatchResult) -> pd.DataFrame:
    """The table that was matched."""
    assert isinstance(matched.data, pd.DataFrame)
    return matched.data


def numbers_of(frame: pd.DataFrame, names: Sequence[str]) -> list[FloatArray]:
    """Columns as numbers, refusing text and infinite values with their rows."""
    faults: list[Fault] = []
    arrays = []
    for name in names:
        column = pd.to_numeric(frame[name], errors="coerce")
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        arrays.append(values)
        bad = (np.isnan(values) & frame[name].notna().to_numpy()) | np.isinf(values)
        faults += [
            Fault(
                f"this is not a finite number, at index {frame.index[i]}",
                "write a number, or leave the cell empty",
                column=name,
                value=frame[name].iloc[i],
            )
            for i in np.flatnonzero(bad)
        ]
    if faults:
        raise DataError("A column cannot be estimated on.", faults)
    return arrays
