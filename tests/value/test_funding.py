"""Co-financing, leverage and unit costs."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.value.funding import (
    LEVERAGE_FORMS,
    cofinancing_table,
    leverage,
    unit_cost,
    unit_costs,
)
from impact.value.windows import exactly, implied_whole, stated_window

LINE = {
    "programme": "P", "line": "grant", "source_of_funds": "EU", "amount_eur": 50e6,
    "share_of_total": 0.83, "share_decimals": 0.0, "part_of_line": "", "qualifier": "exact",
    "geography": "Latin America",
}  # fmt: skip
COUNT = {
    "claim_id": "served", "indicator": "firms served", "unit": "firms", "kind": "achievement",
    "qualifier": "almost", "target": math.nan, "achieved": 60_000.0, "part_of": "",
    "geography": "Latin America", "programme": "P", "basis": "firms; gross",
}  # fmt: skip


def costs(*counts, lines=(LINE,)):
    return unit_costs(pd.DataFrame(list(counts)), pd.DataFrame(list(lines)))


def test_leverage_comes_in_its_three_named_forms():
    table = leverage(50e6, 60e6, private=4e6).set_index("form")["value"]
    assert table.index.tolist() == list(LEVERAGE_FORMS)
    assert table.tolist() == pytest.approx([1.2, 0.2, 0.08])


@given(st.floats(1, 1e9), st.floats(1, 10))
def test_the_first_two_forms_differ_by_one(contribution, multiple):
    table = leverage(contribution, contribution * multiple).set_index("form")["value"]
    total, others = table["total_per_contribution"], table["others_per_contribution"]
    assert total - others == pytest.approx(1)
    assert math.isnan(table["private_per_contribution"])


def test_leverage_carries_the_window_of_a_rounded_share():
    table = leverage(50e6, implied_whole(50e6, 83, 0)).set_index("form")
    row = table.loc["total_per_contribution"]
    assert row["value"] == pytest.approx(1 / 0.83)
    assert (row["low"], row["high"]) == (pytest.approx(1 / 0.835), pytest.approx(1 / 0.825))


def test_leverage_on_nothing_is_undefined():
    assert leverage(0, 60e6)["value"].isna().all()


def test_cofinancing_follows_from_amount_and_share():
    table = cofinancing_table(pd.DataFrame([LINE])).set_index("quantity")
    assert table.loc["total_cost", "value"] == pytest.approx(50e6 / 0.83)
    assert table.loc["total_cost", "low"] == pytest.approx(50e6 / 0.835)
    assert table.loc["others_money", "value"] == pytest.approx(50e6 / 0.83 - 50e6)
    assert table.loc["others_share", ["low", "value", "high"]].tolist() == [16.5, 17, 17.5]
    assert table.loc["leverage_private_per_contribution", "reason"] == "not stated"
    money = table.loc[["contribution", "others_money"], "value"].sum()
    assert money == pytest.approx(table.loc["total_cost", "value"])


def test_without_a_share_the_total_is_missing_and_the_reason_said():
    line = {**LINE, "share_of_total": math.nan, "share_decimals": math.nan}
    table = cofinancing_table(pd.DataFrame([line])).set_index("quantity")
    assert math.isnan(table.loc["total_cost", "value"])
    assert "share" in table.loc["total_cost", "reason"]
    assert table.loc["contribution", "value"] == 50e6


def test_a_part_of_a_line_is_not_counted_again():
    part = {**LINE, "line": "calls", "part_of_line": "grant"}
    assert cofinancing_table(pd.DataFrame([LINE, part]))["line"].unique().tolist() == ["grant"]
    assert costs(COUNT, lines=(LINE, part))["cost_eur"].tolist() == [
        50e6,
        pytest.approx(60.24e6, rel=1e-4),
    ]


@pytest.mark.parametrize(
    ("qualifier", "bound"),
    [("exact", "exact"), ("more_than", "less_than"), ("at_least", "less_than"),
     ("almost", "more_than"), ("fewer_than", "more_than"), ("about", "about")],
)  # fmt: skip
def test_the_word_of_the_count_bounds_the_cost_on_the_other_side(qualifier, bound):
    window, found = unit_cost(exactly(50e6), stated_window(20_000, qualifier))
    assert window.value == 2500
    assert found == bound


def test_a_count_of_zero_has_no_unit_cost():
    window, bound = unit_cost(exactly(1e6), exactly(0))
    assert math.isnan(window.value)
    assert bound == "undefined"


def test_unit_costs_name_money_count_and_basis():
    table = costs(COUNT)
    assert table["money"].tolist() == ["grant", "total cost implied by its share"]
    assert table["cost_per_unit_eur"].tolist() == pytest.approx([833.333, 1004.016], abs=1e-3)
    assert table["bound"].tolist()[0] == "more_than"
    assert table["same_scope"].all()
    assert table["label"].str.contains("firm counted: firms served, almost 60,000").all()
    assert table["label"].str.contains("not an effect").all()
    assert table["basis"].tolist() == ["firms; gross"] * 2


def test_counts_on_the_ground_of_the_money_are_preferred():
    small = {**COUNT, "claim_id": "andean", "geography": "Andes", "achieved": 6_438.0}
    assert costs(COUNT, small)["claim_id"].unique().tolist() == ["served"]


def test_counts_on_a_smaller_ground_are_flagged():
    jobs = {**COUNT, "claim_id": "jobs", "unit": "jobs", "indicator": "direct jobs",
            "qualifier": "more_than", "geography": "Andes", "achieved": 20_000.0}  # fmt: skip
    table = costs(COUNT, jobs).set_index("claim_id")
    assert table.loc["served", "same_scope"].all()
    assert not table.loc["jobs", "same_scope"].any()
    assert table.loc["jobs", "label"].str.contains("Andes alone, so this is no cost per unit").all()


def test_other_programmes_other_units_and_parts_are_left_out():
    other = {**COUNT, "claim_id": "x", "programme": "Q"}
    nuclei = {**COUNT, "claim_id": "y", "unit": "nuclei"}
    part = {**COUNT, "claim_id": "z", "part_of": "served"}
    assert costs(other, nuclei, part).empty


def test_a_plan_is_counted_as_expected():
    plan = {**COUNT, "kind": "plan", "target": 25_000.0, "achieved": math.nan}
    row = costs(plan).iloc[0]
    assert row["count"] == 25_000
    assert "per firm expected" in row["label"]
