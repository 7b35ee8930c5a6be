"""Who paid, and what one unit cost: co-financing, leverage in its three forms, unit costs.

None of these is an effect. A unit cost divides money by what a programme counted; the label of each
row says whose money and which count, and whether both cover the same ground.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from impact.display.numbers import format_integer, qualified, unit_word
from impact.value.windows import (
    Window,
    exactly,
    implied_whole,
    product,
    quotient,
    rounding_window,
    stated_window,
)

LEVERAGE_FORMS = {
    "total_per_contribution": "total / contribution",
    "others_per_contribution": "(total - contribution) / contribution",
    "private_per_contribution": "private / contribution",
}
"""The three ratios that are all called leverage, and how each is computed."""

COUNTED_UNITS = ("firms", "jobs")
"""Units of which a unit cost is computed: beneficiaries and jobs."""

_Record = dict[str, Any]
_UNDEFINED = Window(math.nan, math.nan, math.nan)


def leverage(
    contribution: float, total: float | Window, private: float | None = None
) -> pd.DataFrame:
    """Leverage in its three named forms; a number without its form is not comparable.

    Parameters
    ----------
    contribution : float
        What the funder paid, in a currency.
    total : float or Window
        Total cost in the same currency, or what is known of it.
    private : float, optional
        What private parties paid; its form is missing if this is.

    Returns
    -------
    DataFrame
        `form, formula, value, low, high`, one row per form. `low` and `high` are the window that
        the rounding of the stated figures leaves, not a confidence interval.

    Examples
    --------
    >>> leverage(50e6, 60e6).round(2)[["form", "value"]]
                           form  value
    0    total_per_contribution    1.2
    1   others_per_contribution    0.2
    2  private_per_contribution    NaN
    """
    whole = total if isinstance(total, Window) else exactly(total)
    money = exactly(contribution)
    multiple = quotient(whole, money) if contribution > 0 else _UNDEFINED
    paid = exactly(math.nan if private is None else private)
    windows = (
        multiple,
        Window(multiple.value - 1, multiple.low - 1, multiple.high - 1),
        quotient(paid, money) if contribution > 0 else _UNDEFINED,
    )
    return pd.DataFrame(
        [
            {"form": form, "formula": formula, "value": x.value, "low": x.low, "high": x.high}
            for (form, formula), x in zip(LEVERAGE_FORMS.items(), windows, strict=True)
        ]
    )


def cofinancing_table(budget: pd.DataFrame) -> pd.DataFrame:
    """What the stated amounts and shares imply: total cost, partners' money, leverage.

    Parameters
    ----------
    budget : DataFrame
        As `impact.read.claims.read_budget` returns it.

    Returns
    -------
    DataFrame
        One row per budget line and quantity: `programme, line, source_of_funds, quantity, formula,
        unit, value, low, high, reason`. `low` and `high` are rounding windows. Where the share is
        not stated the values are missing and `reason` says so.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"programme": "P", "line": "grant", "source_of_funds": "EU", "amount_eur": 50e6,
    ...        "share_of_total": 0.83, "share_decimals": 0.0, "part_of_line": ""}
    >>> table = cofinancing_table(pd.DataFrame([row])).set_index("quantity")
    >>> print(f"{table.loc['total_cost', 'value'] / 1e6:.2f}")
    60.24
    """
    rows = [
        {**{key: line[key] for key in ("programme", "line", "source_of_funds")}, **row}
        for line in budget.to_dict("records")
        if not line["part_of_line"] and not math.isnan(line["amount_eur"])
        for row in _cofinancing_rows(line)
    ]
    columns = ["programme", "line", "source_of_funds", "quantity", "formula", "unit", "value",
               "low", "high", "reason"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _cofinancing_rows(line: _Record) -> Iterator[_Record]:
    amount = line["amount_eur"]
    share = rounding_window(100 * line["share_of_total"], line["share_decimals"])
    total = implied_whole(amount, share.value, line["share_decimals"])
    unknown = math.isnan(line["share_of_total"])
    others = Window(total.value - amount, total.low - amount, total.high - amount)
    rest = Window(100 - share.value, 100 - share.high, 100 - share.low)
    quantities = [
        ("contribution", "stated", "EUR", exactly(amount)),
        ("share_of_total", "stated", "per cent", share),
        ("total_cost", "contribution / share", "EUR", total),
        ("others_money", "total - contribution", "EUR", others),
        ("others_share", "100 - share", "per cent", rest),
    ]
    for _, form in leverage(amount, total).iterrows():
        window = Window(form["value"], form["low"], form["high"])
        quantities.append((f"leverage_{form['form']}", form["formula"], "EUR per EUR", window))
    for quantity, formula, unit, window in quantities:
        reason = ""
        if math.isnan(window.value):
            reason = "the share of the total is not stated" if unknown else "not stated"
        yield {"quantity": quantity, "formula": formula, "unit": unit, "value": window.value,
               "low": window.low, "high": window.high, "reason": reason}  # fmt: skip


def unit_cost(cost: Window, count: Window) -> tuple[Window, str]:
    """Money per counted unit, and the side on which the figures leave it open.

    Parameters
    ----------
    cost : Window
        Money, with what is known of it.
    count : Window
        What was counted, with what "more than" or "almost" leaves open.

    Returns
    -------
    window : Window
        Cost per unit.
    bound : {"exact", "less_than", "more_than", "about", "undefined"}
        What may be said: the cost is the value, less than `high`, more than `low`, between the two.

    Examples
    --------
    >>> cost, bound = unit_cost(exactly(50e6), stated_window(20_000, "more_than"))
    >>> cost.value, bound
    (2500.0, 'less_than')
    """
    window = quotient(cost, count)
    if math.isnan(window.value):
        return window, "undefined"
    if window.low == window.high:
        return window, "exact"
    if window.value == window.high or window.low == 0:
        return window, "less_than"
    if window.value == window.low or math.isinf(window.high):
        return window, "more_than"
    return window, "about"


def unit_costs(claims: pd.DataFrame, budget: pd.DataFrame) -> pd.DataFrame:
    """Money per beneficiary and per job, with the basis of each.

    A count is paired with the money of its programme. Where a programme reports a unit on the
    ground that the money covers, those counts are used; where it reports it for a smaller ground
    only, these are shown with `same_scope` false: the quotient is then no cost per unit, since money
    spent elsewhere is divided by what was counted here.

    Parameters
    ----------
    claims : DataFrame
        As `impact.read.claims.read_claims` returns it.
    budget : DataFrame
        As `impact.read.claims.read_budget` returns it; lines that are part of another are left out.

    Returns
    -------
    DataFrame
        `programme, money, cost_eur, claim_id, indicator, unit, kind, count, qualifier, same_scope,
        cost_per_unit_eur, low, high, bound, basis, label`; one row per money and count. `money` is
        a budget line, or the total cost that its share implies.
    """
    rows = [
        _unit_cost_row(name, money, line, claim)
        for line in budget.to_dict("records")
        if not line["part_of_line"] and not math.isnan(line["amount_eur"])
        for claim in _countable(claims, line)
        for name, money in _moneys(line)
    ]
    columns = ["programme", "money", "cost_eur", "claim_id", "indicator", "unit", "kind", "count",
               "qualifier", "same_scope", "cost_per_unit_eur", "low", "high", "bound", "basis",
               "label"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _moneys(line: _Record) -> Iterator[tuple[str, Window]]:
    yield line["line"], stated_window(line["amount_eur"], line["qualifier"])
    if not math.isnan(line["share_of_total"]):
        share = rounding_window(100 * line["share_of_total"], line["share_decimals"])
        amount = stated_window(line["amount_eur"], line["qualifier"])
        yield "total cost implied by its share", quotient(product(exactly(100.0), amount), share)


def _countable(claims: pd.DataFrame, line: _Record) -> Iterator[_Record]:
    """Counts of the programme: those on the ground of the money, else those on a smaller one."""
    counts = [
        claim
        for claim in claims.to_dict("records")
        if claim["programme"] == line["programme"]
        and claim["unit"] in COUNTED_UNITS
        and not claim["part_of"]
        and not math.isnan(_count(claim))
    ]
    for unit in COUNTED_UNITS:
        of_unit = [claim for claim in counts if claim["unit"] == unit]
        same = [claim for claim in of_unit if claim["geography"] == line["geography"]]
        yield from same or of_unit


def _count(claim: _Record) -> float:
    return float(claim["target"] if claim["kind"] == "plan" else claim["achieved"])


def _unit_cost_row(name: str, money: Window, line: _Record, claim: _Record) -> _Record:
    count = _count(claim)
    window, bound = unit_cost(money, stated_window(count, claim["qualifier"]))
    same = claim["geography"] == line["geography"]
    scope = "" if same else (
        f"; the money covers {line['geography']}, the count {claim['geography']} alone, "
        "so this is no cost per unit"
    )  # fmt: skip
    planned = "expected" if claim["kind"] == "plan" else "counted"
    return {
        "programme": line["programme"],
        "money": name,
        "cost_eur": money.value,
        "claim_id": claim["claim_id"],
        "indicator": claim["indicator"],
        "unit": claim["unit"],
        "kind": claim["kind"],
        "count": count,
        "qualifier": claim["qualifier"],
        "same_scope": same,
        "cost_per_unit_eur": window.value,
        "low": window.low,
        "high": window.high,
        "bound": bound,
        "basis": claim["basis"],
        "label": f"{name} per {unit_word(claim['unit'], one=True)} {planned}: {claim['indicator']}, "
                 f"{qualified(format_integer(count), claim['qualifier'])}; "
                 f"a gross count, not an effect{scope}",
    }  # fmt: skip
