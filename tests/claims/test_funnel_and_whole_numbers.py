"""R11 and R13: a funnel does not grow, and there is no half firm."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.claims.whole_counts import feasible
from impact.value.windows import rounding_window


def stages(fact, *numbers, **changes):
    return [
        fact(f"s{i}", n, subject=f"s{i}", stage=i, **changes)
        for i, n in enumerate(numbers, start=1)
    ]


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ((100, 80, 80), {"s2": "unverifiable", "s3": "unverifiable"}),
        ((100, 101, 80), {"s2": "implausible", "s3": "unverifiable"}),
        ((100, 80, 90), {"s2": "unverifiable", "s3": "implausible"}),
    ],
)
def test_funnel(fact, verdicts, numbers, found):
    assert verdicts("R11", *stages(fact, *numbers)) == found


def test_bounds_that_leave_it_open_are_no_growth(fact, verdicts):
    first, second = stages(fact, 100, 120)
    assert verdicts("R11", {**first, "qualifier": "more_than"}, second) == {"s2": "unverifiable"}
    assert verdicts("R11", first, {**second, "qualifier": "more_than"}) == {"s2": "implausible"}


def test_stages_of_other_places_are_not_compared(fact, verdicts):
    first, second = stages(fact, 100, 120)
    assert verdicts("R11", {**first, "geography": "Peru"}, second) == {}


def test_the_andean_funnel(published):
    """11,743 firms take part, 23,810 have tools, 5,318 apply them."""
    rows = published.tidy().query("rule == 'R11'").set_index("claim_id")
    assert rows["verdict"].to_dict() == {
        "pc_tools_205": "implausible",
        "pc_applied_tools_242": "unverifiable",
    }
    assert rows.loc["pc_tools_205", "value"] == 11_743


@pytest.mark.parametrize(
    ("stated", "decimals", "whole", "verdict", "first", "last"),
    [
        (45, 0, 341, "unverifiable", 152, 155),
        (38, 0, 8, "unverifiable", 3, 3),
        (37.5, 1, 20, "arithmetic_error", None, None),
    ],
)
def test_whole_numbers(fact, share, audited, stated, decimals, whole, verdict, first, last):
    rows = (
        fact("whole", whole, subject="w"),
        share("part", stated, stated_decimals=decimals, part_of="whole"),
    )
    table = audited(*rows).tidy()
    row = table[table["rule"] == "R13"].iloc[0]
    assert row["verdict"] == verdict
    if first is not None:
        assert (row["low"], row["high"]) == (first, last)
    else:
        assert "is neither" in row["sentence_en"]


@given(st.integers(1, 500), st.integers(0, 500), st.integers(0, 2))
def test_a_percentage_that_was_computed_is_always_possible(whole, part, decimals):
    part = min(part, whole)
    stated = round(float(Fraction(100 * part, whole)), decimals)
    first, last = feasible(rounding_window(stated, decimals), whole)
    assert first <= part <= last


@given(st.integers(1, 200), st.integers(0, 100))
def test_first_and_last_are_those_of_a_search(whole, stated):
    found = [
        n for n in range(whole + 1) if abs(Fraction(100 * n, whole) - stated) <= Fraction(1, 2)
    ]
    first, last = feasible(rounding_window(stated, 0), whole)
    assert [n for n in range(first, last + 1) if 0 <= n <= whole] == found


def test_the_real_percentages_are_possible(published):
    rows = published.tidy().query("rule == 'R13'").set_index("claim_id")
    ends = rows[["low", "high"]].apply(tuple, axis=1).to_dict()
    assert ends["eu_iv_cartagena_micro_45"] == (152, 155)
    assert ends["pp_women_25"] == (64, 66)


def test_a_whole_that_is_not_exact_has_no_whole_numbers(fact, share, verdicts):
    rows = (
        fact("whole", 60_000, subject="w", qualifier="almost"),
        share("part", 11, part_of="whole"),
    )
    assert verdicts("R13", *rows) == {}


def test_stages_of_different_years_are_not_one_funnel(fact, verdicts):
    rows = [
        fact("a", 100, subject="a", stage=1, period="2010"),
        fact("b", 150, subject="b", stage=2, period="2012"),
    ]
    assert verdicts("R11", *rows) == {}
    assert verdicts("R11", *[{**row, "period": "2010"} for row in rows]) == {"b": "implausible"}
