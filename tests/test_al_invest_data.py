"""The transcribed figures: quoted from the texts, in short, and printed there as the rows say."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest

from impact.read.claims import PHRASE_WORDS, read_budget, read_claims

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data_raw" / "al_invest"
TEXTS = ROOT.parent / "shared" / "sources"

texts_needed = pytest.mark.skipif(not TEXTS.is_dir(), reason="the published texts are not here")

# Numbers that the texts write as words.
WORDS = {
    1.0: ("one",),
    2.0: ("two", "2-year"),
    3.0: ("three",),
    4.0: ("four",),
    5.0: ("five",),
    12.0: ("dozen",),
    33.33: ("a third",),
    50.0: ("one-half",),
}


@pytest.fixture(scope="module")
def claims() -> pd.DataFrame:
    return read_claims(DATA / "claims.csv")


@pytest.fixture(scope="module")
def budget() -> pd.DataFrame:
    return read_budget(DATA / "budget.csv")


def text_of(source: str) -> str:
    return normal((TEXTS / f"{source}.txt").read_text(encoding="utf-8"))


def normal(text: str) -> str:
    return " ".join(text.split())


def printed_forms(value: float) -> set[str]:
    """Every way in which the texts may print a number."""
    forms = set(WORDS.get(value, ()))
    if not value.is_integer():
        return forms
    digits = str(int(value))
    groups = f"{int(value):,}"
    forms |= {digits, groups, groups.replace(",", "."), groups.replace(",", " ")}
    if value >= 1e6:
        forms.add(f"{value / 1e6:g} million")
    return forms


def stands_alone(form: str, text: str) -> bool:
    """Whether a number stands in the text, and not as a part of a longer number."""
    return re.search(rf"(?<![\d.,]){re.escape(form)}(?![\d]|[.,]\d)", text) is not None


def test_all_quantitative_claims_of_the_five_texts_are_there(claims):
    assert len(claims) >= 40
    assert claims["source"].nunique() == 5
    assert claims["claim_id"].is_unique


def test_phrases_are_short(claims, budget):
    for frame in (claims, budget):
        assert frame["phrase"].str.split().str.len().between(1, PHRASE_WORDS).all()


@texts_needed
def test_phrases_are_verbatim(claims, budget):
    for frame in (claims, budget):
        lost = [
            row["phrase"]
            for row in frame.to_dict("records")
            if normal(row["phrase"]) not in text_of(row["source"])
        ]
        assert lost == []


@texts_needed
def test_numbers_are_printed_in_the_texts(claims, budget):
    rows = [
        (row["source"], row[column])
        for row in claims.to_dict("records")
        for column in ("target", "achieved", "stated_ratio")
    ]
    rows += [(row["source"], row["amount_eur"]) for row in budget.to_dict("records")]
    rows += [(row["source"], 100 * row["share_of_total"]) for row in budget.to_dict("records")]
    lost = [
        (source, value)
        for source, value in rows
        if not math.isnan(value)
        and not any(stands_alone(form, text_of(source)) for form in printed_forms(value))
    ]
    assert lost == []


@texts_needed
def test_listed_names_are_printed_in_the_texts(claims):
    for row in claims.to_dict("records"):
        for name in filter(None, row["listed"].split("|")):
            assert name in text_of(row["source"]), (row["claim_id"], name)


def test_a_number_inside_a_longer_number_does_not_count():
    assert stands_alone("5.375", "Un total de 5.375 micro")
    assert stands_alone("4,000", "que 4,000 Pymes")
    assert not stands_alone("375", "Un total de 5.375 micro")
    assert not stands_alone("4", "que 4,000 Pymes")
    assert not any(stands_alone(form, "Un total de 5.375") for form in printed_forms(5.375))


def test_the_dot_of_spanish_texts_is_read_as_a_thousands_mark(claims):
    lima = claims[claims["source"].str.startswith("ccl_")].set_index("claim_id")["achieved"]
    assert lima["ccl_firms_peru_5375"] == 5375
    assert lima["ccl_firms_total_49000"] == 49_000


def test_what_a_text_does_not_give_is_missing(claims):
    plans = claims[claims["kind"] == "plan"]
    assert len(plans) > 0
    assert plans["achieved"].isna().all()
    assert claims.loc[claims["kind"] != "plan", "target"].notna().sum() == 6
    assert not (claims[["target", "achieved", "stated_ratio"]] == 0).any(axis=None)


def test_the_files_have_unix_line_ends_and_no_byte_order_mark():
    for name in ("claims.csv", "budget.csv"):
        raw = (DATA / name).read_bytes()
        assert b"\r" not in raw
        assert not raw.startswith(b"\xef\xbb\xbf")
        assert raw.endswith(b"\n")
