"""What the data say of candidates in a year before joining: amounts and outcomes, never of the year of joining or after."""

from __future__ import annotations

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.panel import Panel, require_columns
from impact.core.whole_numbers import counted


def numbers_before(
    data: pd.DataFrame | Panel, frame: pd.DataFrame, column: str, years: int = 1
) -> FloatArray:
    """A column of the data for each candidate; in a panel in the year `years` before the cohort joined.

    Parameters
    ----------
    data : DataFrame or Panel
        What was matched.
    frame : DataFrame
        Candidates: `unit`, `cohort`.
    column : str
        A column of numbers.
    years : int
        Years before joining, from 1; of no meaning in a cross-section.

    Returns
    -------
    array, shape (n,)
        Missing where the data have no such row, or no value in it.

    Raises
    ------
    DataError
        If there is no such column.
    DesignError
        If it does not hold numbers, or looks ahead into the year of joining.
    """
    rows = data.data if isinstance(data, Panel) else data
    require_columns(rows, [column])
    values = rows[column]
    if not pd.api.types.is_numeric_dtype(values):
        raise DesignError(f"'{column}' does not hold numbers; name a column of amounts or of an outcome.")  # fmt: skip
    numbers = values.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan)
    if not isinstance(data, Panel):
        return np.asarray(numbers[rows.index.get_indexer(pd.Index(frame["unit"]))])
    ahead = data.ahead(column)
    if years - ahead < 1:
        raise DesignError(
            f"'{column}' looks {counted(ahead, 'year')} ahead of its row, so {counted(years, 'year')} before joining it has seen what came after. The design "
            "looks at nothing from the year of joining on."
        )
    keys = pd.MultiIndex.from_arrays([rows[data.unit], rows[data.time]])
    wanted = pd.MultiIndex.from_arrays([frame["unit"], frame["cohort"].astype("int64") - years])
    place = keys.get_indexer(wanted)
    return np.where(place >= 0, numbers[place], np.nan)
