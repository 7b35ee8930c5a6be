"""Targets against achievements, in both wordings."""

from __future__ import annotations

import math
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.display.numbers import LANGUAGES, MISSING
from impact.value.targets import (
    both_wordings,
    pct_above_target,
    pct_of_target,
    target_sentence,
    targets_table,
)

counts = st.integers(1, 10**7)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def percentages(text: str) -> list[float]:
    """The numbers before a per cent sign, read as English writes them."""
    return [float(x.replace(",", "")) for x in re.findall(r"([\d,.]+) %", plain(text))]


def claim(**changes):
    row = {
        "claim_id": "a", "subject": "tools", "indicator": "firms with tools", "unit": "firms",
        "period": "2009", "geography": "Andes", "programme": "P", "kind": "target_vs_achieved",
        "qualifier": "exact", "target": 11_600.0, "achieved": 23_810.0, "stated_ratio": 205.0,
        "stated_as": "per_cent_above_target",
    }  # fmt: skip
    return {**row, **changes}


@pytest.mark.parametrize(
    ("achieved", "target", "of", "above"),
    [
        (23_810, 11_600, 205.2586, 105.2586),
        (6_438, 2_950, 218.2373, 118.2373),
        (11_743, 5_200, 225.8269, 125.8269),
        (5_318, 2_200, 241.7273, 141.7273),
        (5_224, 4_000, 130.6, 30.6),
        (324, 200, 162.0, 62.0),
        (0, 10, 0.0, -100.0),
    ],
)
def test_worked_by_hand(achieved, target, of, above):
    assert pct_of_target(achieved, target) == pytest.approx(of, abs=5e-5)
    assert pct_above_target(achieved, target) == pytest.approx(above, abs=5e-5)


@pytest.mark.parametrize(("achieved", "target"), [(1, 0), (1, -5), (math.nan, 5), (5, math.nan)])
def test_without_a_base_nothing_is_defined(achieved, target):
    assert math.isnan(pct_of_target(achieved, target))
    assert math.isnan(pct_above_target(achieved, target))
    assert both_wordings(achieved, target) == (MISSING, MISSING)


def test_a_target_of_zero_gives_figures_without_a_percentage():
    text = target_sentence(5, 0, "firms")
    assert "%" not in text
    assert "5" in text
    assert "no percentage" in text


@given(counts, counts)
def test_of_and_above_differ_by_one_hundred(achieved, target):
    of, above = pct_of_target(achieved, target), pct_above_target(achieved, target)
    assert of - above == pytest.approx(100)
    assert (above > 0) == (achieved > target)


@given(counts, counts, st.integers(0, 3))
def test_the_printed_pair_adds_up_as_printed(achieved, target, decimals):
    found = percentages(target_sentence(achieved, target, "firms", "en", decimals))
    of = found[0]
    if len(found) == 1:  # exactly on target, as far as the printed digits go
        assert of == 100
        return
    gap = math.copysign(found[1], of - 100)
    assert of - gap == pytest.approx(100)
    assert of == pytest.approx(100 * achieved / target, abs=0.51 * 10**-decimals)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("achieved", "shown"), [(205, ("205", "105")), (80, ("80", "20"))])
def test_every_language_always_gives_both(lang, achieved, shown):
    text = plain(target_sentence(achieved, 100, "firms", lang))
    assert all(f"{number} %" in text for number in shown)


def test_the_words_of_each_language():
    figures = (23_810, 11_600, "firms")
    assert plain(target_sentence(*figures)) == (
        "23,810 firms against a target of 11,600: 205 % of the target, that is, "
        "the target was exceeded by 105 %."
    )
    assert plain(target_sentence(*figures, "es")) == (
        "23.810 empresas frente a una meta de 11.600: se alcanzó el 205 % de la meta, es decir, "
        "la meta se superó en un 105 %."
    )
    assert plain(target_sentence(*figures, "pt")) == (
        "23.810 empresas face a uma meta de 11.600: atingiu-se 205 % da meta, ou seja, "
        "a meta foi superada em 105 %."
    )


def test_below_and_on_target_have_their_own_words():
    assert "fell 20 % short" in plain(target_sentence(80, 100, "firms"))
    assert "exceeded" not in target_sentence(80, 100, "firms")
    assert "the target was met" in target_sentence(100, 100, "firms")


def test_halves_keep_the_pair_together():
    # 79.5 is printed as 80, so the gap is 20 and not the 21 that 20.5 alone would give.
    assert percentages(target_sentence(795, 1000, "firms")) == [80, 20]


def test_a_bound_on_the_achievement_turns_round_below_the_target():
    of, gap = both_wordings(80, 100, qualifier="more_than")
    assert plain(of) == "more than 80 % of the target"
    assert plain(gap) == "the achievement fell under 20 % short of the target"
    of, gap = both_wordings(80, 100, qualifier="almost")
    assert plain(of) == "almost 80 % of the target"
    assert plain(gap) == "the achievement fell more than 20 % short of the target"
    of, gap = both_wordings(120, 100, qualifier="more_than")
    assert plain(gap) == "the target was exceeded by more than 20 %"


def test_the_table_holds_both_wordings_and_what_the_text_says():
    table = targets_table(pd.DataFrame([claim()]), "es")
    row = table.iloc[0]
    assert row["pct_of_target"] - row["pct_above"] == pytest.approx(100)
    assert plain(row["wording_of"]) == "se alcanzó el 205 % de la meta"
    assert plain(row["wording_above"]) == "la meta se superó en un 105 %"
    assert (row["stated_ratio"], row["stated_as"]) == (205, "per_cent_above_target")
    assert row["pct_of_target_low"] == row["pct_of_target"] == row["pct_of_target_high"]


def test_a_plan_is_paired_with_the_achievement_of_its_subject():
    plan = claim(claim_id="plan", kind="plan", qualifier="more_than", target=25_000.0,
                 achieved=math.nan, stated_ratio=math.nan, stated_as="")  # fmt: skip
    done = claim(claim_id="done", kind="achievement", target=math.nan, achieved=49_000.0,
                 stated_ratio=math.nan, stated_as="")  # fmt: skip
    other = {**done, "claim_id": "other", "subject": "something_else"}
    jobs = {**done, "claim_id": "jobs", "unit": "jobs"}
    table = targets_table(pd.DataFrame([plan, done, other, jobs]))
    assert table[["claim_id", "achieved_in"]].to_numpy().tolist() == [["plan", "done"]]
    assert table["pct_of_target"][0] == 196
    assert (table["pct_of_target_low"][0], table["pct_of_target_high"][0]) == (0, 196)
    assert "more than 25,000" in plain(table["sentence"][0])


def test_claims_without_a_target_are_not_in_the_table():
    done = claim(kind="achievement", target=math.nan)
    assert targets_table(pd.DataFrame([done])).empty
