"""R2: per cent of the target against per cent above it."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

OF, ABOVE = "per_cent_of_target", "per_cent_above_target"
counts = st.integers(1, 10**6)


def rounded(value: Decimal, rounding: str = ROUND_HALF_UP) -> float:
    return float(value.quantize(Decimal(1), rounding=rounding))


@pytest.mark.parametrize(
    ("stated", "words", "verdict"),
    [
        (205, ABOVE, "wording"),
        (205, OF, "holds"),
        (105, ABOVE, "holds"),
        (105, OF, "wording"),
    ],
)
def test_205_and_105_under_both_wordings(pair, verdicts, stated, words, verdict):
    row = pair(stated_ratio=stated, stated_as=words, phrase=f"meta: {stated}%")
    assert verdicts("R2", row) == {"tools": verdict}


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("superada en 205%", OF), ("exceeded by 205 %", OF), ("superou a meta em 205 %", OF),
        ("alcanzó el 205 % de la meta", ABOVE), ("reached 205 % of target", ABOVE), ("atingiu 205 % da meta", ABOVE),
    ],
)  # fmt: skip
def test_a_phrase_that_says_other_than_the_file_is_flagged(pair, audited, phrase, words):
    """205 is the percentage of the target whatever the column says; which of the two the text says must be settled first."""
    row = audited(pair(phrase=phrase, stated_as=words)).tidy().set_index("rule").loc["R2"]
    assert row["verdict"] == "undefined"
    assert "stated_as" in row["reason"]
    assert "exceeded by 105" in row["sentence_en"]


@pytest.mark.parametrize(
    ("phrase", "verdict"),
    [
        ("superada en 205%", "wording"), ("superada en un 105%", None), ("se alcanzó el 205% de la meta", "holds"),
        ("205 % above target", "wording"), ("reached 205 % of the target", "holds"),
        ("excedeu a meta em 205 %", "wording"), ("atingiu 205 % da meta", "holds"),
    ],
)  # fmt: skip
def test_a_file_without_stated_as_is_read_by_its_phrase(pair, verdicts, phrase, verdict):
    row = {key: value for key, value in pair(phrase=phrase).items() if key != "stated_as"}
    if verdict is None:
        row, verdict = {**row, "stated_ratio": 105}, "holds"
    assert verdicts("R2", row) == {"tools": verdict}


@pytest.mark.parametrize(
    ("target", "achieved", "stated"),
    [(11_600, 23_810, 205), (2_950, 6_438, 218), (5_200, 11_743, 226), (2_200, 5_318, 242)],
)
def test_the_andean_close_out(pair, audited, target, achieved, stated):
    result = audited(pair(target=target, achieved=achieved, stated_ratio=stated), lang="es")
    row = result.tidy().set_index("rule").loc["R2"]
    assert row["verdict"] == "wording"
    text = row["sentence"].replace("\u00a0", " ")
    assert f"se alcanzó el {stated} % de la meta" in text
    assert f"la meta se superó en un {stated - 100} %" in text


@given(counts, counts, st.sampled_from([OF, ABOVE]), st.sampled_from([OF, ABOVE]))
def test_the_words_hold_if_and_only_if_they_name_the_number(
    pair, verdicts, achieved, target, number, words
):
    of = Decimal(100 * achieved) / Decimal(target)
    stated = rounded(of if number == OF else of - 100)
    row = pair(target=target, achieved=achieved, stated_ratio=stated, stated_as=words, phrase="%")
    assert verdicts("R2", row) == {"tools": "holds" if number == words else "wording"}


@given(counts, counts)
def test_the_sentence_is_true_of_the_figures(pair, audited, more, target):
    achieved = target + target // 50 + more  # clearly above the target
    of = Decimal(100 * achieved) / Decimal(target)
    assume(rounded(of) > 100)
    table = audited(pair(target=target, achieved=achieved, stated_ratio=rounded(of))).tidy()
    text = table.set_index("rule").loc["R2", "sentence_en"].replace("\u00a0", " ")
    assert f"{int(rounded(of)):,} % of the target" in text
    assert f"exceeded by {int(rounded(of)) - 100:,} %" in text


def test_a_cut_off_number_is_still_matched_and_said_to_be_cut(pair, audited):
    # 225.83 cut off is 225; rounded it is 226.
    row = pair(target=5_200, achieved=11_743, stated_ratio=225)
    found = audited(row).tidy().set_index("rule").loc["R2"]
    assert found["verdict"] == "wording"
    assert "cut off" in found["reason"]
    assert rounded(Decimal(100 * 11_743) / 5_200, ROUND_DOWN) == 225
    assert "226" in found["sentence"]
    assert "225" not in found["sentence"]


def test_a_number_that_fits_neither_reading_is_left_to_the_recomputation(pair, verdicts):
    assert verdicts("R2", pair(stated_ratio=150)) == {}


def test_nothing_is_said_without_a_base(pair, verdicts):
    assert verdicts("R2", pair(target=0)) == {}


def test_over_a_time_is_not_over_the_target():
    from impact.read.claim_phrases import reading_of

    assert reading_of("reached 120% of the target over two years") == "per_cent_of_target"
    assert (
        reading_of("20% over the target") == reading_of("ended 20% over") == "per_cent_above_target"
    )
