"""R1: the stated figure against the figures beside it."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

counts = st.integers(1, 10**6)


def printed(value: Decimal, decimals: int) -> float:
    return float(value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("stated", "decimals", "verdict"),
    [
        (205, 0, "holds"),
        (206, 0, "arithmetic_error"),
        (204, 0, "arithmetic_error"),
        (205.3, 1, "holds"),
        (205.2, 1, "arithmetic_error"),
        (105, 0, "holds"),
        (106, 0, "arithmetic_error"),
    ],
)
def test_23810_of_11600(pair, verdicts, stated, decimals, verdict):
    row = pair(stated_ratio=stated, stated_decimals=decimals)
    assert verdicts("R1", row) == {"tools": verdict}


def test_the_arithmetic_is_shown_with_its_window(pair, audited):
    row = audited(pair()).tidy().iloc[0]
    assert (row["stated"], row["low"], row["high"]) == (205, 204.5, 205.5)
    assert row["value"] == pytest.approx(100 * 23_810 / 11_600)
    assert "100 × 23,810 / 11,600 = 205.26" in row["arithmetic"]
    assert "[204.5; 205.5]" in row["arithmetic"]
    assert row["sentence"] == ""


def test_an_error_comes_with_the_true_pair_of_wordings(pair, audited):
    wrong = pair(target=4_000, achieved=5_224, stated_ratio=132)
    row = audited(wrong).tidy().iloc[0]
    assert row["verdict"] == "arithmetic_error"
    for lang, number in (("en", "5,224"), ("es", "5.224"), ("pt", "5.224")):
        text = row[f"sentence_{lang}"].replace("\u00a0", " ")
        assert number in text
        assert "131 %" in text
        assert "31 %" in text
        assert "132" not in text


@given(counts, counts, st.integers(0, 3), st.booleans())
def test_a_correct_rounding_always_holds(pair, verdicts, achieved, target, decimals, above):
    of = Decimal(100 * achieved) / Decimal(target)
    stated = printed(of - 100 if above else of, decimals)
    reading = "per_cent_above_target" if above else "per_cent_of_target"
    row = pair(target=target, achieved=achieved, stated_ratio=stated, stated_decimals=decimals,
               stated_as=reading)  # fmt: skip
    assume(stated >= 0)
    assert verdicts("R1", row) == {"tools": "holds"}


@given(counts, counts, st.integers(0, 2), st.integers(1, 40), st.sampled_from([-1, 1]))
def test_a_figure_that_is_off_never_holds(pair, verdicts, achieved, target, decimals, off, side):
    of = Decimal(100 * achieved) / Decimal(target)
    stated = round(printed(of, decimals) + side * off * 10.0**-decimals, decimals)
    assume(stated >= 0)
    row = pair(target=target, achieved=achieved, stated_ratio=stated, stated_decimals=decimals)
    # One unit of the last digit off is wrong unless the value lies exactly between two figures.
    assume(abs(float(of) - stated) > 0.5 * 10.0**-decimals + 1e-6)
    assume(abs(float(of) - 100 - stated) > 0.5 * 10.0**-decimals + 1e-6)
    assert verdicts("R1", row) == {"tools": "arithmetic_error"}


@given(st.integers(201, 5_000), st.integers(6, 9), st.integers(1, 50))
def test_cut_off_digits_are_an_error_that_is_named(pair, audited, whole, tenths, times):
    # 10 whole + tenths of 1,000 is whole.tenths per cent, which rounds up and is cut down.
    row = pair(target=1_000 * times, achieved=(10 * whole + tenths) * times, stated_ratio=whole)
    found = audited(row).tidy().iloc[0]
    assert found["verdict"] == "arithmetic_error"
    assert "cut off" in found["reason"]


def test_a_target_of_zero_is_undefined_not_an_error(pair, audited):
    row = audited(pair(target=0)).tidy().iloc[0]
    assert row["verdict"] == "undefined"
    assert math.isnan(row["value"])
    assert "%" not in row["sentence"]


@pytest.mark.parametrize(
    ("part", "stated", "verdict"),
    [(5_375, 11, "holds"), (5_390, 11, "holds"), (5_700, 11, "arithmetic_error")],
)
def test_a_share_of_a_stated_whole(fact, share, verdicts, part, stated, verdict):
    whole = fact("whole", 49_000, subject="whole")
    row = share("part", stated, achieved=part, part_of="whole", unit="firms")
    assert verdicts("R1", whole, row) == {"part": verdict}


def test_the_true_share_is_said(fact, share, audited):
    rows = fact("whole", 49_000, subject="w"), share("part", 15, achieved=5_375, part_of="whole")
    table = audited(*rows).tidy().query("rule == 'R1'").set_index("claim_id")
    row = table.loc["part"]
    assert row["sentence_en"].replace("\u00a0", " ").endswith("is 11 % of 49,000 firms.")


@pytest.mark.parametrize(("stated", "verdict"), [(2.1, "holds"), (2.2, "arithmetic_error")])
def test_a_ratio_of_the_claims_own_figures(pair, verdicts, stated, verdict):
    row = pair(stated_ratio=stated, stated_as="ratio", stated_decimals=1)
    assert verdicts("R1", row) == {"tools": verdict}


@pytest.mark.parametrize(
    ("qualifier", "stated", "verdict"),
    [
        ("more_than", 230, "holds"),
        ("more_than", 240, "holds"),
        ("more_than", 220, "arithmetic_error"),
        ("fewer_than", 220, "holds"),
        ("fewer_than", 240, "arithmetic_error"),
        ("exact", 240, "arithmetic_error"),
    ],
)
def test_a_bounded_achievement_is_judged_by_its_bound(pair, verdicts, qualifier, stated, verdict):
    row = pair(qualifier=qualifier, achieved=230, target=100, stated_ratio=stated,
               stated_as="per_cent_of_target", phrase="%")  # fmt: skip
    assert verdicts("R1", row) == {"tools": verdict}
    assert verdicts("R2", row) == ({"tools": "holds"} if verdict == "holds" else {})


def test_claims_without_a_stated_figure_are_not_reached(fact, verdicts):
    assert verdicts("R1", fact("a", 5)) == {}
