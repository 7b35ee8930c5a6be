"""Costs: which lines count, in which money, and what is refused by name."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.core.errors import DataError
from impact.core.money import Money
from impact.core.rate_tables import DeflatorTable, RateTable
from impact.value.costs import (
    counted_for,
    discounted_costs,
    funder_shares,
    named_denominators,
    present_value,
    present_variance,
)


def costs(**changed: Any) -> pd.DataFrame:
    table: dict[str, Any] = {
        "item": ["grants", "fees", "hours"],
        "year": [2011, 2012, 2012],
        "amount": [60.0, 30.0, 10.0],
        "currency": "EUR",
        "source_of_funds": ["EU", "ministry", "Firms"],
    }
    return pd.DataFrame(table | changed)


def faults_of(table: pd.DataFrame, **arguments: Any) -> list[tuple[str, str]]:
    with pytest.raises(DataError) as caught:
        discounted_costs(table, **arguments)
    return [(str(f.column), f.problem) for f in caught.value.faults]


def test_three_denominators_by_hand():
    made = discounted_costs(costs(), discount_rate=0.25)
    assert present_value(made) == pytest.approx(
        60 + 24
    )  # public is the default; firms are private, however written
    assert present_value(made, "total") == pytest.approx(60 + 24 + 8)
    assert present_value(made, "EU") == pytest.approx(60)
    assert present_value(made, ["EU", "Firms"]) == pytest.approx(68)
    assert counted_for(made, "public").tolist() == [True, True, False]
    assert named_denominators(made) == ["EU", "Firms", "ministry", "public", "total"]
    shares = funder_shares(made).set_index("source_of_funds")["share"]
    assert shares["EU"] == pytest.approx(60 / 92)
    assert shares.sum() == pytest.approx(1.0)


def test_a_column_says_what_is_public():
    made = discounted_costs(costs(public=[True, False, False]))
    assert present_value(made) == 60
    assert [c for c, _ in faults_of(costs(public=[True, "no", None]))] == ["public", "public"]


def test_denominators_that_count_the_same_lines_are_named_once():
    made = discounted_costs(costs(source_of_funds="public"))
    assert named_denominators(made) == ["public"]


def test_mid_year_is_half_a_year_later():
    made = discounted_costs(costs(), discount_rate=0.21, mid_year=True)
    assert made["discount_factor"].tolist() == pytest.approx(
        [1 / 1.1, 1 / 1.1 / 1.21, 1 / 1.1 / 1.21]
    )


def test_an_amount_that_is_an_estimate_has_a_variance():
    made = discounted_costs(costs(std_error=[3.0, 4.0, 100.0]))
    assert present_variance(made) == pytest.approx(25.0)
    assert present_variance(made, "total") == pytest.approx(10_025.0)
    assert [c for c, _ in faults_of(costs(std_error=[-1.0, math.nan, 0.0]))] == [
        "std_error",
        "std_error",
    ]


def test_only_what_was_paid_out_is_a_cost():
    assert present_value(discounted_costs(costs(kind="disbursed"))) == 90
    found = faults_of(costs(kind=["disbursed", "committed", "planned"]))
    assert [c for c, _ in found] == ["kind", "kind"]
    assert "not disbursed" in found[0][1]


def test_of_a_budget_what_was_disbursed_counts():
    table = costs(committed=100.0, disbursed=[60.0, 30.0, 10.0])
    budget = table.drop(columns="amount")
    assert present_value(discounted_costs(budget), "total") == 100
    assert faults_of(budget.assign(disbursed=[60.0, 0.0, None]))[0][0] == "disbursed"
    (found, *_) = faults_of(table.assign(amount=table["committed"]))
    assert found == ("amount", "the amount is not what was disbursed, 60.0, at index 0")
    (found,) = faults_of(budget.drop(columns="disbursed"))
    assert found == ("committed", "the costs are committed and not disbursed")


def test_decimal_amounts_are_numbers():
    made = discounted_costs(costs(amount=[Decimal("60.5"), Decimal("30"), Decimal("10")]))
    assert present_value(made, "total") == 100.5
    assert faults_of(costs(amount=[Decimal("NaN"), 1.0, 1.0]))[0][0] == "amount"


def test_messages_of_what_is_no_currency_rate_year_or_denominator():
    assert set(faults_of(costs(currency=None))) == {
        ("currency", f"the cost has no currency, at index {i}") for i in range(3)
    }
    assert faults_of(costs(), discount_rate="3%") == [
        ("discount_rate", "a discount rate lies between 0 and 1")
    ]
    assert faults_of(costs(year=["2011", 2012, 2012])) == [
        ("year", "the year is not a whole number, at index 0")
    ]
    assert faults_of(costs(), denominator=3) == [("denominator", "this is no denominator")]
    with pytest.raises(DataError, match="choose from firms, total"):
        discounted_costs(costs(source_of_funds="firms"))


def test_several_currencies_need_rates():
    (found,) = faults_of(costs(currency=["EUR", "USD", "USD"]))
    assert found == ("currency", "the costs are in several currencies: EUR, USD")


def test_a_cost_without_a_date_cannot_be_converted():
    found = faults_of(costs(year=[2011, None, 2012], currency="USD"))
    assert found == [("year", "the cost has no year, at index 1")]


def _money(base_year: int | None = 2012) -> Money:
    rates = RateTable(
        {("USD", 2011): Decimal("1.25"), ("USD", 2012): Decimal("1.6")}, quoted="currency_per_euro"
    )
    deflators = DeflatorTable(
        {("EUR", 2011): Decimal("80"), ("EUR", 2012): Decimal("100")}, "index"
    )
    return Money(rates, deflators, base_year, "convert_then_deflate")


def test_money_brings_each_line_to_constant_euros_by_hand():
    made = discounted_costs(
        costs(currency=["USD", "EUR", "USD"], std_error=[6.0, 0.0, 0.0]),
        denominator="total",
        money=_money(),
        price_base=2012,
    )
    # 60 USD of 2011 are 48 EUR, and 60 in prices of 2012; 10 USD of 2012 are 6.25 EUR.
    assert made["amount"].tolist() == pytest.approx([60.0, 30.0, 6.25])
    assert made["std_error"].iloc[0] == pytest.approx(6.0)
    assert set(made["currency"]) == {"EUR"}
    assert set(made["price_base"]) == {"2012"}


def test_money_that_leads_elsewhere_or_lacks_a_rate_is_refused():
    problems = faults_of(costs(currency="PEN"), money=_money(), price_base=2012)
    assert len(problems) == 2  # one for each year, once
    (found,) = {p for _, p in faults_of(costs(), money=_money(), price_base=2015)}
    assert "prices of 2015 and the rates and deflators lead to 2012" in found
    assert "deflated again" in faults_of(costs(price_base=2010), money=_money())[0][1]


def test_numerator_and_denominator_are_of_one_place_and_one_years_prices():
    both = faults_of(
        costs(geography=["Andes", "Peru", ""], price_base=[2010, None, "current"]),
        geography="Andes",
        price_base=2010,
    )
    assert [c for c, _ in both] == ["geography", "price_base"]
    assert "paid for Peru and the outcome was measured in Andes" in both[0][1]
    undeclared = faults_of(costs(price_base=2010))
    assert "those of the outcome are not said" in undeclared[0][1]


def test_a_bare_number_is_no_table_of_costs():
    with pytest.raises(DataError, match="needs its year"):
        discounted_costs(10.96e6)  # type: ignore[arg-type]


def test_the_callers_table_is_untouched():
    table = costs()
    before = table.copy()
    discounted_costs(table, discount_rate=0.03)
    pd.testing.assert_frame_equal(table, before)


@given(
    st.lists(st.floats(0.01, 1e6), min_size=3, max_size=3),
    st.permutations(range(3)),
    st.floats(0.1, 100),
)
@settings(max_examples=40, deadline=None)
def test_the_present_value_is_linear_and_knows_no_order(amounts, order, k):
    table = costs(amount=amounts)
    one = present_value(discounted_costs(table, denominator="total", discount_rate=0.05))
    other = present_value(
        discounted_costs(table.iloc[order], denominator="total", discount_rate=0.05)
    )
    assert one == other
    more = costs(amount=[k * a for a in amounts])
    assert present_value(
        discounted_costs(more, denominator="total", discount_rate=0.05)
    ) == pytest.approx(k * one)
