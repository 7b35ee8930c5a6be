"""R5: what shares and ratios imply."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st


def money(fact, claim_id, amount, **changes):
    return fact(claim_id, amount, unit="EUR", subject=claim_id, **changes)


def per_euro(fact, share, *, numerator, denominator, ratio=5, ground="Andes"):
    """A numerator, a denominator and the ratio that the text forms of them."""
    return (
        money(fact, "exports", numerator, geography=ground),
        money(fact, "contribution", denominator),
        share("ratio", ratio, stated_as="ratio", unit="EUR per EUR", subject="ratio",
              part_of="contribution", numerator="exports"),
    )  # fmt: skip


def of_rule(audited, *rows):
    return audited(*rows).tidy().query("rule == 'R5'").set_index("claim_id")


def test_the_contribution_that_makes_five_per_euro_true(fact, share, audited):
    rows = per_euro(fact, share, numerator=84_599_457, denominator=50e6, ground="Mexico")
    row = of_rule(audited, *rows).loc["ratio"]
    assert row["verdict"] == "undefined"
    assert row["value"] == pytest.approx(84_599_457 / 5)
    assert row["low"] == pytest.approx(84_599_457 / 5.5)
    assert row["high"] == pytest.approx(84_599_457 / 4.5)
    assert row["stated"] == 50e6
    assert "Mexico against Andes" in row["reason"]
    text = row["sentence_en"].replace("\u00a0", " ")
    assert "EUR 16.92 million [15.38; 18.80]" in text
    assert "1.69 euros per euro" in text
    assert "16,92 millones de EUR [15,38; 18,80]" in row["sentence_es"].replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("denominator", "verdict"),
    [
        (16.92e6, "holds"),
        (18.7e6, "holds"),
        (15.3e6, "arithmetic_error"),
        (50e6, "arithmetic_error"),
    ],
)
def test_on_common_ground_the_window_decides(fact, share, audited, denominator, verdict):
    rows = per_euro(fact, share, numerator=84_599_457, denominator=denominator)
    row = of_rule(audited, *rows).loc["ratio"]
    assert row["verdict"] == verdict
    assert bool(row["sentence"]) == (verdict != "holds")


def test_a_ratio_without_a_figure_is_undefined(fact, share, audited):
    *_, ratio = per_euro(fact, share, numerator=1, denominator=1)
    no_figure = share("exports", 3, subject="exports")
    rows = (no_figure, money(fact, "contribution", 50e6), ratio)
    assert of_rule(audited, *rows).loc["ratio", "verdict"] == "undefined"


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_ratio_printed_from_its_figures_holds(fact, share, verdicts, numerator, denominator):
    ratio = round(numerator / denominator, 3)
    rows = list(per_euro(fact, share, numerator=numerator, denominator=denominator, ratio=ratio))
    rows[-1]["stated_decimals"] = 3
    assert verdicts("R5", *rows)["ratio"] == "holds"


def test_50_million_that_are_83_per_cent_imply_the_whole(share, audited):
    row = of_rule(audited, share("eu", 83, achieved=50e6, unit="EUR")).loc["eu"]
    assert row["verdict"] == "unverifiable"
    assert row["quantity"] == "implied whole"
    assert [round(row[c] / 1e6, 2) for c in ("value", "low", "high")] == [60.24, 59.88, 60.61]
    assert math.isnan(row["stated"])
    assert "EUR 60.24 million [59.88; 60.61]" in row["reason"].replace("\u00a0", " ")


def test_the_word_before_an_amount_does_not_touch_its_share(share, audited):
    row = share("eu", 83, achieved=50e6, unit="EUR", qualifier="more_than")
    found = of_rule(audited, row).loc["eu"]
    assert found["low"] == pytest.approx(50e6 / 0.835)
    assert found["high"] == math.inf


def test_a_share_of_a_stated_whole_implies_whole_numbers_of_firms(fact, share, audited):
    rows = fact("firms", 341, subject="firms"), share("micro", 45, subject="micro", part_of="firms")
    row = of_rule(audited, *rows).loc["micro"]
    assert (row["verdict"], row["quantity"], row["unit"]) == (
        "unverifiable",
        "implied part",
        "firms",
    )
    assert row["value"] == pytest.approx(153.45)
    assert "153 firms [152; 155]" in row["arithmetic"].replace("\u00a0", " ")


@pytest.mark.parametrize(("count", "verdict"), [(5_375, "holds"), (6_000, "conflict")])
def test_an_implied_part_is_held_against_a_stated_one(fact, share, audited, count, verdict):
    rows = (
        fact("whole", 49_000, subject="all"),
        share("share", 11, subject="peru", part_of="whole"),
        fact("count", count, subject="peru"),
    )
    row = of_rule(audited, *rows).loc["share"]
    assert (row["verdict"], row["value"], row["stated"]) == (verdict, 5_390, count)
    assert ("6,000" in row["sentence"]) == (verdict == "conflict")


def test_an_unbounded_whole_leaves_the_part_unbounded(fact, share, audited):
    whole = fact("whole", 1_000, subject="all", qualifier="more_than")
    row = of_rule(audited, whole, share("part", 10, subject="p", part_of="whole")).loc["part"]
    assert row["high"] == math.inf
    assert "no upper bound" in row["arithmetic"]


@pytest.mark.parametrize(
    ("part", "whole", "verdict"),
    [
        (("exact", 15), ("exact", 25), "unverifiable"),
        (("exact", 25), ("exact", 25), "unverifiable"),
        (("exact", 26), ("exact", 25), "arithmetic_error"),
        (("more_than", 25), ("exact", 25), "arithmetic_error"),
        (("at_least", 25), ("exact", 25), "unverifiable"),
        (("more_than", 1_000), ("more_than", 6_500), "unverifiable"),
        (("exact", 30), ("fewer_than", 30), "arithmetic_error"),
    ],
)
def test_a_part_cannot_exceed_its_whole(fact, audited, part, whole, verdict):
    rows = (
        fact("whole", whole[1], qualifier=whole[0], subject="w"),
        fact("part", part[1], qualifier=part[0], subject="p", part_of="whole"),
    )
    row = of_rule(audited, *rows).loc["part"]
    assert row["verdict"] == verdict
    assert row["value"] == pytest.approx(100 * part[1] / whole[1])
    assert bool(row["sentence"]) == (verdict == "arithmetic_error")


def test_an_implied_share_says_on_which_side_it_is_open(fact, audited):
    whole = money(fact, "all", 25e6)
    for qualifier, ending in (
        ("at_least", "= at least 60.0 %"),
        ("more_than", "= more than 60.0 %"),
        ("fewer_than", "= under 60.0 %"),
        ("exact", "= 60.0 %"),
    ):
        part = money(fact, "calls", 15e6, qualifier=qualifier, part_of="all")
        text = of_rule(audited, whole, part).loc["calls", "arithmetic"].replace("\u00a0", " ")
        assert text.endswith(ending)


def test_parts_in_another_unit_imply_no_share(fact, verdicts):
    rows = fact("w", 324, subject="w", unit="nuclei"), fact("p", 5_224, subject="p", part_of="w")
    assert verdicts("R5", *rows) == {}
