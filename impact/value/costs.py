"""What was paid: a table of costs checked in one pass, and its present value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.panel import require_columns

COST_COLUMNS = ("item", "year", "amount", "currency", "source_of_funds", "assumed")
"""Columns of a table of costs; further columns are kept and not read."""

TOTAL = "total"
"""The denominator that counts every source of funds."""


def discounted_costs(
    costs: pd.DataFrame,
    *,
    currency: str,
    denominator: str | Sequence[str] = "public",
    discount_rate: float = 0.0,
) -> pd.DataFrame:
    """Check a table of costs and discount each line to the first year in it.

    Parameters
    ----------
    costs : DataFrame
        One row per payment: `item`, `year` (whole number), `amount` (positive), `currency`,
        `source_of_funds` (for example public, firm), `assumed` (True where the amount is an
        assumption and not a record).
    currency : str
        The one currency of all rows.
    denominator : str or sequence of str
        Sources of funds that count, or "total" for all.
    discount_rate : float
        Yearly rate, 0.03 for 3 %.

    Returns
    -------
    DataFrame
        The rows, with `counted` (whether in the denominator), `discount_factor` and `present_value`.
        The first year of the whole table is the reference whatever the denominator, so that
        denominators can be compared.

    Raises
    ------
    DataError
        Every fault of the table in one pass.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"item": ["grants", "grants"], "year": [2010, 2011],
    ...     "amount": [100.0, 110.0], "currency": "EUR", "source_of_funds": "public",
    ...     "assumed": False})
    >>> discounted_costs(table, currency="EUR", discount_rate=0.1)["present_value"].round(6).tolist()
    [100.0, 100.0]
    """
    require_columns(costs, list(COST_COLUMNS))
    wanted = (denominator,) if isinstance(denominator, str) else tuple(denominator)
    faults = [
        *_row_faults(costs, currency),
        *_denominator_faults(costs, wanted),
        *_rate_faults(discount_rate),
    ]
    if faults:
        raise DataError("The costs cannot be used.", faults)
    frame = costs.reset_index(drop=True)
    years = frame["year"].astype("int64")
    factor = (1.0 + discount_rate) ** -(years - years.min()).astype("float64")
    counted = frame["source_of_funds"].isin(wanted) | (TOTAL in wanted)
    return frame.assign(
        year=years,
        amount=frame["amount"].astype("float64"),
        assumed=frame["assumed"].astype(bool),
        counted=counted,
        discount_factor=factor,
        present_value=frame["amount"].astype("float64") * factor,
    )


def present_value(costs: pd.DataFrame) -> float:
    """Sum of the counted present values; exact, so that the order of the rows cannot matter."""
    return math.fsum(costs.loc[costs["counted"], "present_value"])


def _row_faults(costs: pd.DataFrame, currency: str) -> list[Fault]:
    if costs.empty:
        return [Fault("the table of costs has no rows", "give at least one cost")]
    rules: list[tuple[str, Callable[[Any], bool], str, str]] = [
        ("item", _is_text, "the cost has no name", "name what was paid for"),
        ("year", _is_whole, "the cost has no year", "write the year of payment, such as 2012"),
        (
            "amount",
            _is_positive,
            "a cost must be a positive number",
            "write the amount paid as a number above zero, or drop the row",
        ),
        (
            "currency",
            lambda value: isinstance(value, str) and value == currency,
            f"the cost is not in {currency}",
            f"convert it to {currency} at the average rate of its year first",
        ),
        ("source_of_funds", _is_text, "the source of funds is missing", "say who paid"),
        (
            "assumed",
            lambda value: isinstance(value, bool | np.bool_),
            "it is not said whether the amount is assumed",
            "write True for an assumption, False for a record",
        ),
    ]
    return [
        Fault(f"{problem}, at index {costs.index[i]}", remedy, column=column, value=value)
        for column, good, problem, remedy in rules
        for i, value in enumerate(costs[column])
        if not good(value)
    ]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and float(value) > 0


def _is_whole(value: Any) -> bool:
    return _is_number(value) and float(value) == math.floor(value)


def _denominator_faults(costs: pd.DataFrame, wanted: tuple[str, ...]) -> list[Fault]:
    there = sorted({str(s) for s in costs["source_of_funds"].dropna()})
    remedy = f"choose from {', '.join([*there, TOTAL])}"
    if not wanted:
        return [Fault("no source of funds was named as the denominator", remedy)]
    return [
        Fault("no cost comes from this source of funds", remedy, column="denominator", value=name)
        for name in wanted
        if name != TOTAL and name not in there
    ]


def _rate_faults(rate: float) -> list[Fault]:
    if 0.0 <= rate < 1.0:
        return []
    return [
        Fault(
            "a discount rate lies between 0 and 1",
            "write 0.03 for 3 %",
            column="discount_rate",
            value=rate,
        )
    ]
