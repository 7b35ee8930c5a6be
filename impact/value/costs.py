"""What was paid: a table of costs checked in one pass, in one currency and one year's prices, and its present value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.money import Money
from impact.core.panel import require_columns
from impact.value.discounting import discount_factors
from impact.value.priors import is_number

COST_COLUMNS = ("item", "year", "amount", "currency", "source_of_funds", "assumed")
"""Columns of a table of costs; `assumed` is False where it is absent, and `disbursed` may stand for `amount`."""

OPTIONAL_COLUMNS = (
    "std_error",
    "price_base",
    "geography",
    "kind",
    "public",
    "activity",
    "committed",
    "disbursed",
    "shared_line",
)
"""Further columns that are read; any other is kept and not read."""

TOTAL = "total"
"""The denominator that counts every source of funds."""

PUBLIC = "public"
"""The denominator that counts every source but private ones."""

PRIVATE = (
    "firm",
    "firms",
    "participant",
    "participants",
    "private",
    "company",
    "companies",
    "beneficiary",
    "beneficiaries",
)
"""Sources of funds that are private by their name; a column `public` says otherwise."""

CURRENT = "current"
"""Prices of the year of payment."""

Denominator = str | Sequence[str]


def discounted_costs(
    costs: pd.DataFrame,
    *,
    currency: str | None = None,
    denominator: Denominator = PUBLIC,
    discount_rate: float = 0.0,
    mid_year: bool = False,
    money: Money | None = None,
    price_base: str | int | None = None,
    geography: str | None = None,
) -> pd.DataFrame:
    """Check a table of costs and discount each line to the first year in it.

    Parameters
    ----------
    costs : DataFrame
        One row per payment: `item`, `year` (whole number), `amount` (positive), `currency`, `source_of_funds` (for example EU, ministry, firms).
        Where present: `assumed` (True where the amount is an assumption and not a record), `std_error` (of an amount that is an estimate), `price_base`
        (year of its prices, or "current"), `geography`, `kind` ("disbursed"; what was only committed is refused), `public` (whether the source is
        public money). Of `committed` and `disbursed`, as budgets have them, what was disbursed is the amount.
    currency : str, optional
        The one currency of all rows; that of the table where missing.
    denominator : str or sequence of str
        Sources of funds that count, "public" for all but private ones (`PRIVATE`, or the column `public`), or "total" for all.
    discount_rate : float
        Yearly rate, 0.03 for 3 %.
    mid_year : bool
        Whether amounts are paid in the middle of their year.
    money : Money, optional
        Rates and deflators: each line becomes euros of their base year, by the rate of its year.
    price_base : str or int, optional
        Year of the prices of the numerator; a line that says another is refused.
    geography : str, optional
        Where the numerator was measured; a line of another place is refused.

    Returns
    -------
    DataFrame
        The rows, with `std_error`, `public`, `price_base`, `geography`, `counted` (whether in the denominator), `discount_factor` and
        `present_value`. The first year of the whole table is the reference whatever the denominator, so that denominators can be compared.

    Raises
    ------
    DataError
        Every fault of the table in one pass.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"item": ["grants", "grants"], "year": [2010, 2011],
    ...     "amount": [100.0, 110.0], "currency": "EUR", "source_of_funds": "EU"})
    >>> discounted_costs(table, discount_rate=0.1)["present_value"].round(6).tolist()
    [100.0, 100.0]
    """
    if not isinstance(costs, pd.DataFrame):
        fault = Fault(
            "this is no table of costs",
            f"give a data frame with {', '.join(COST_COLUMNS)}: a cost needs its year",
            value=costs,
        )
        raise DataError("The costs cannot be used.", [fault])
    given = "disbursed" if "amount" not in costs else "amount"
    costs = _disbursed(costs)
    require_columns(costs, [c for c in COST_COLUMNS if c != "assumed"])
    frame = _with_optional(costs)
    currency = _one_currency(frame, currency, money)
    wanted = _names(denominator)
    faults = [
        *_disbursed_faults(frame, costs.index),
        *_row_faults(frame, costs.index, currency if money is None else None, given),
        *_scope_faults(frame, costs.index, price_base, geography, money),
        *_denominator_faults(frame, wanted),
        *_rate_faults(discount_rate),
    ]
    if not faults and money is not None:
        frame, faults = _in_constant_euros(frame, costs.index, money)
    if faults:
        raise DataError("The costs cannot be used.", faults)
    frame = frame.reset_index(drop=True).assign(
        year=frame["year"].astype("int64").to_numpy(),
        amount=frame["amount"].astype("float64").to_numpy(),
        std_error=frame["std_error"].astype("float64").to_numpy(),
        assumed=frame["assumed"].astype(bool).to_numpy(),
    )
    factor = discount_factors(
        frame["year"].to_numpy(),
        base_year=int(frame["year"].min()),
        rate=discount_rate,
        mid_year=mid_year and discount_rate > 0,
    )
    made = frame.assign(
        public=public_lines(frame), discount_factor=factor, present_value=frame["amount"] * factor
    )
    return made.assign(counted=counted_for(made, denominator))


def counted_for(costs: pd.DataFrame, denominator: Denominator) -> pd.Series:
    """Which lines a denominator counts.

    Examples
    --------
    >>> lines = pd.DataFrame({"source_of_funds": ["EU", "firms"], "public": [True, False]})
    >>> counted_for(lines, "public").tolist(), counted_for(lines, "total").tolist()
    ([True, False], [True, True])
    """
    wanted = _names(denominator)
    counted = costs["source_of_funds"].isin(wanted)
    if PUBLIC in wanted:
        counted = counted | costs["public"]
    return counted | (TOTAL in wanted)


def present_value(costs: pd.DataFrame, denominator: Denominator | None = None) -> float:
    """Sum of the counted present values; exact, so that the order of the rows cannot matter."""
    return math.fsum(costs.loc[_lines(costs, denominator), "present_value"])


def present_variance(costs: pd.DataFrame, denominator: Denominator | None = None) -> float:
    """Variance of that sum; lines are independent, but for the parts of a shared one; what was recorded has none.

    Examples
    --------
    >>> lines = pd.DataFrame({"std_error": [3.0, 4.0], "discount_factor": 1.0, "counted": True})
    >>> present_variance(lines), present_variance(lines.assign(shared_line=0))  # two lines; two parts of one
    (25.0, 49.0)
    """
    lines = costs[_lines(costs, denominator)]
    errors = lines["std_error"] * lines["discount_factor"]
    if "shared_line" not in lines:
        return math.fsum(errors**2)
    alone = lines["shared_line"].isna()
    together = errors[~alone].groupby(lines["shared_line"][~alone]).agg(math.fsum)
    return math.fsum([*errors[alone] ** 2, *together**2])


def named_denominators(costs: pd.DataFrame) -> list[str]:
    """Each source of funds, "public" and "total", without one that counts the same lines as another before it.

    Examples
    --------
    >>> named_denominators(pd.DataFrame({"source_of_funds": ["EU", "firms"], "public": [True, False]}))
    ['EU', 'firms', 'total']
    """
    found: dict[tuple[bool, ...], str] = {}
    for name in (*sorted({str(s) for s in costs["source_of_funds"]}), PUBLIC, TOTAL):
        lines = counted_for(costs, name)
        if lines.any():
            found.setdefault(tuple(lines), name)
    return list(found.values())


def funder_shares(costs: pd.DataFrame) -> pd.DataFrame:
    """What each source paid: `source_of_funds, present_value, share`, by name."""
    whole = math.fsum(costs["present_value"])
    rows = []
    for source, lines in costs.groupby("source_of_funds", sort=True):
        paid = math.fsum(lines["present_value"])
        rows.append({"source_of_funds": str(source), "present_value": paid, "share": paid / whole})
    return pd.DataFrame(rows)


def public_lines(costs: pd.DataFrame) -> pd.Series:
    """Which lines are public money: by the column `public`, else by the name of the source."""
    named = ~costs["source_of_funds"].astype(str).str.strip().str.casefold().isin(PRIVATE)
    return named if "public" not in costs else costs["public"].astype(bool)


def _lines(costs: pd.DataFrame, denominator: Denominator | None) -> pd.Series:
    return costs["counted"] if denominator is None else counted_for(costs, denominator)


def _names(denominator: Denominator) -> tuple[str, ...]:
    if isinstance(denominator, str):
        return (denominator,)
    if isinstance(denominator, Iterable):
        return tuple(denominator)
    fault = Fault("this is no denominator", f"write {PUBLIC!r}, {TOTAL!r}, a source of funds, or a list of these",
                  column="denominator", value=denominator)  # fmt: skip
    raise DataError("The costs cannot be used.", [fault])


def _disbursed(costs: pd.DataFrame) -> pd.DataFrame:
    """The table with what was disbursed as its amount, where it has no other."""
    if "amount" in costs:
        return costs
    if "disbursed" in costs:
        return costs.assign(amount=costs["disbursed"])
    if "committed" in costs:
        fault = Fault("the costs are committed and not disbursed", "give what was paid out in a column disbursed; what was only committed is no cost yet",
                      column="committed")  # fmt: skip
        raise DataError("The costs cannot be used.", [fault])
    return costs


def _disbursed_faults(costs: pd.DataFrame, index: pd.Index) -> list[Fault]:
    """Amounts that are not what the same line says was disbursed, such as those committed."""
    if "disbursed" not in costs:
        return []
    return [
        Fault(f"the amount is not what was disbursed, {paid}, at index {index[i]}", "give what was paid out as the amount, or leave one of the two columns out",
              column="amount", value=amount)
        for i, (amount, paid) in enumerate(zip(costs["amount"], costs["disbursed"], strict=True))
        if _is_number(amount) and _is_number(paid) and float(amount) != float(paid)
    ]  # fmt: skip


def _with_optional(costs: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns that may be absent: nothing assumed, no error, nothing said."""
    defaults: dict[str, Any] = {
        "assumed": False,
        "std_error": 0.0,
        "price_base": "",
        "geography": "",
    }
    return costs.assign(**{name: value for name, value in defaults.items() if name not in costs})


def _one_currency(costs: pd.DataFrame, currency: str | None, money: Money | None) -> str:
    if money is not None:
        return "EUR"
    if currency is not None:
        return currency
    there = sorted({c for c in costs["currency"] if isinstance(c, str) and c.strip()})
    if len(there) > 1:
        fault = Fault(f"the costs are in several currencies: {', '.join(there)}",
                      "convert them at the average rate of their year, or give money=impact.Money(...)", column="currency")  # fmt: skip
        raise DataError("The costs cannot be used.", [fault])
    return there[0] if there else ""


def _row_faults(
    costs: pd.DataFrame, index: pd.Index, currency: str | None, given: str
) -> list[Fault]:
    if costs.empty:
        return [Fault("the table of costs has no rows", "give at least one cost")]
    rules: list[tuple[str, Callable[[Any], bool], str, str]] = [
        ("item", _is_text, "the cost has no name", "name what was paid for"),
        ("year", _is_given, "the cost has no year", "write the year of payment, such as 2012"),
        (
            "year",
            lambda value: not _is_given(value) or _is_whole(value),
            "the year is not a whole number",
            "write the year of payment as a number, such as 2012",
        ),
        (
            given,
            _is_positive,
            "a cost must be a positive number",
            "write the amount paid as a number above zero, or drop the row",
        ),
        (
            "currency",
            _is_text
            if currency is None
            else lambda value: isinstance(value, str) and value == currency,
            f"the cost is not in {currency}" if currency else "the cost has no currency",
            "write a code such as EUR"
            if not currency
            else f"convert it to {currency} at the average rate of its year first",
        ),
        ("source_of_funds", _is_text, "the source of funds is missing", "say who paid"),
        (
            "assumed",
            lambda value: isinstance(value, bool | np.bool_),
            "it is not said whether the amount is assumed",
            "write True for an assumption, False for a record",
        ),
        (
            "std_error",
            lambda value: _is_number(value) and float(value) >= 0,
            "a standard error is a number that is not below zero",
            "write 0 for an amount that was recorded",
        ),
    ]
    if "kind" in costs:
        rules.append(("kind", lambda value: value == "disbursed", "the amount was not disbursed",
                      "give what was paid out; what was only committed is no cost yet"))  # fmt: skip
    if "public" in costs:
        rules.append(("public", lambda value: isinstance(value, bool | np.bool_),
                      "it is not said whether the source is public", "write True or False"))  # fmt: skip
    return [
        Fault(f"{problem}, at index {index[i]}", remedy, column=column, value=value)
        for column, good, problem, remedy in rules
        for i, value in enumerate(costs[column])
        if not good(value)
    ]


def _scope_faults(
    costs: pd.DataFrame,
    index: pd.Index,
    price_base: str | int | None,
    geography: str | None,
    money: Money | None,
) -> list[Fault]:
    """Lines in other prices, or from another place, than what they are divided into."""
    faults = []
    declared = None if price_base is None else str(price_base)
    if money is not None and declared is not None and declared != _base_of(money):
        faults.append(Fault(f"the outcome is in prices of {declared} and the rates and deflators lead to {_base_of(money)}",
                            "give a money with this base year", column="price_base", value=price_base))  # fmt: skip
    for i, (said, place) in enumerate(zip(costs["price_base"], costs["geography"], strict=True)):
        base = _said(said)
        if money is not None and base not in ("", CURRENT):
            faults.append(Fault(f"the amount is already in prices of {base}, and would be deflated again, at index {index[i]}",
                                "give amounts as they were paid, or leave money out", column="price_base", value=said))  # fmt: skip
        elif money is None and declared is not None and base not in ("", declared):
            words = "current prices" if declared == CURRENT else f"prices of {declared}"
            faults.append(Fault(f"the cost is in other prices than the outcome, which is in {words}, at index {index[i]}",
                                "bring both to one year's prices (money=)", column="price_base", value=said))  # fmt: skip
        elif money is None and declared is None and base not in ("", CURRENT):
            faults.append(Fault(f"the cost is in prices of {base}, and those of the outcome are not said, at index {index[i]}",
                                f"say price_base={base} if the outcome is in them", column="price_base", value=said))  # fmt: skip
        if geography is not None and _said(place) not in ("", geography):
            faults.append(Fault(f"the cost was paid for {_said(place)} and the outcome was measured in {geography}, at index {index[i]}",
                                "leave the line out, or measure the outcome where the money went", column="geography", value=place))  # fmt: skip
    return faults


def _said(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
        return ""
    if isinstance(value, float) and value.is_integer():  # a year beside missing ones
        return str(int(value))
    return str(value).strip()


def _in_constant_euros(
    costs: pd.DataFrame, index: pd.Index, money: Money
) -> tuple[pd.DataFrame, list[Fault]]:
    """Amounts in euros of the base year; a line without a rate or a deflator is a fault."""
    pairs = sorted(
        {(str(c), int(y)) for c, y in zip(costs["currency"], costs["year"], strict=True)}
    )
    table, faults = money.factors(pairs)
    if faults:
        return costs, faults
    factor = {
        (str(c), int(y)): Fraction(f)
        for c, y, f in table[["currency", "year", "factor"]].itertuples(index=False)
    }
    each = [factor[str(c), int(y)] for c, y in zip(costs["currency"], costs["year"], strict=True)]
    return costs.assign(
        amount=[float(Fraction(float(a)) * f) for a, f in zip(costs["amount"], each, strict=True)],
        std_error=[float(s) * float(f) for s, f in zip(costs["std_error"], each, strict=True)],
        currency="EUR",
        price_base=_base_of(money),
    ), []


def _base_of(money: Money) -> str:
    return CURRENT if money.base_year is None else str(money.base_year)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_given(value: Any) -> bool:
    return not pd.isna(value)


def _is_number(value: Any) -> bool:
    return is_number(value) or (isinstance(value, Decimal) and value.is_finite())


def _is_positive(value: Any) -> bool:
    return _is_number(value) and float(value) > 0


def _is_whole(value: Any) -> bool:
    return _is_number(value) and float(value) == math.floor(value)


def _denominator_faults(costs: pd.DataFrame, wanted: tuple[str, ...]) -> list[Fault]:
    there = sorted({str(s) for s in costs["source_of_funds"].dropna()})
    public = PUBLIC in there or _any_public(costs)
    remedy = (
        f"choose from {', '.join(dict.fromkeys([*there, *([PUBLIC] if public else []), TOTAL]))}"
    )
    if not wanted:
        return [Fault("no source of funds was named as the denominator", remedy)]
    faults = [
        Fault("no cost comes from this source of funds", remedy, column="denominator", value=name)
        for name in wanted
        if name not in (*there, PUBLIC, TOTAL)
    ]
    if PUBLIC in wanted and not public:
        faults.append(Fault("no cost comes from public funds", remedy, column="denominator", value=PUBLIC))  # fmt: skip
    return faults


def _any_public(costs: pd.DataFrame) -> bool:
    if "public" in costs:
        return bool((costs["public"] == True).any())  # noqa: E712  (other values are faults of their own)
    return bool(public_lines(costs.dropna(subset=["source_of_funds"])).any())


def _rate_faults(rate: Any) -> list[Fault]:
    if is_number(rate) and 0.0 <= rate < 1.0:
        return []
    return [
        Fault(
            "a discount rate lies between 0 and 1",
            "write 0.03 for 3 %",
            column="discount_rate",
            value=rate,
        )
    ]
