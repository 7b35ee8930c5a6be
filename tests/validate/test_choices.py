"""Yes and no, and words as they stand."""

from __future__ import annotations

import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.validate.choices import understand_flags, understand_text


def column(*texts: str) -> pd.Series:
    index = pd.Index(list(texts), dtype="object")
    return pd.Series(range(1, len(texts) + 1), index=index, dtype="int64")


@pytest.mark.parametrize(
    "text", ["yes", "Y", "SÍ", "si", "s", "Sim", "1", "1.0", "TRUE", "x", " X "]
)
def test_yes(text: str) -> None:
    found = understand_flags(column(text), "women_led")
    assert found.meaning["women_led"].tolist() == [True] and found.notices == ()


@pytest.mark.parametrize("text", ["no", "N", "Não", "nao", "0", "0.0", "false", "Falso"])
def test_no(text: str) -> None:
    found = understand_flags(column(text), "women_led")
    assert found.meaning["women_led"].tolist() == [False]


@pytest.mark.parametrize("text", ["2", "-1", "maybe", "NA", "mujer", "=TRUE()", "yes" * 1000, "\0"])
def test_neither(text: str) -> None:
    found = understand_flags(column(text), "women_led")
    assert found.misread["problem"].tolist() == ["expected yes or no"] and found.meaning.empty


def test_t_and_f_are_true_and_false_only_together() -> None:
    both = understand_flags(column("T", "f"), "women_led")
    assert dict(zip(both.meaning["text"], both.meaning["women_led"], strict=True)) == {
        "T": True, "f": False,
    }  # fmt: skip
    sexes = understand_flags(column("F", "M"), "women_led")
    assert sexes.misread["text"].tolist() == ["F", "M"]


def test_an_empty_cell_is_missing_and_not_no() -> None:
    found = understand_flags(column("x", "", " "), "consortium")
    assert found.meaning["consortium"].dtype == "boolean"
    assert found.meaning["consortium"].isna().tolist() == [True, True, False]
    assert [(n.rows, "never no" in n.said) for n in found.notices] == [(5, True)]
    assert understand_flags(column("x", "", "no"), "consortium").notices == ()


def test_words_are_kept() -> None:
    found = understand_text(column(" Norte ", "", "0111", "-", "+57 1", "NA", "Åland"), "region")
    kept = dict(zip(found.meaning["text"], found.meaning["region"], strict=True))
    assert pd.isna(kept.pop(""))
    assert kept == {
        " Norte ": "Norte", "0111": "0111", "-": "-", "+57 1": "+57 1", "NA": "NA", "Åland": "Åland",
    }  # fmt: skip
    assert found.notices == () and found.misread.empty


def test_words_are_written_plainly_and_that_is_said() -> None:
    loose = unicodedata.normalize("NFD", "Bogotá")
    texts = column("San\nJosé", "San  José", "Nor\u200bte", loose, "San\u00a0Juan")
    found = understand_text(texts, "region")
    assert sorted(found.meaning["region"]) == [
        "Bogotá",
        "Norte",
        "San José",
        "San José",
        "San Juan",
    ]
    assert [n.rows for n in found.notices] == [15]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("=cmd|' /C calc'!A0", "formula"),
        ("@SUM(A1)", "formula"),
        ("a\0b", "control character"),
        ("a\x1fb", "control character"),
        ("a\x9db", "control character"),  # Latin-1 read as something else
        ("a\ud800", "half a character"),
        ("x" * 10_000_000, "10,000,000 characters"),
        ("é " * 1000, "1,999 characters"),
        ("\u200b=A1", "formula"),
    ],
)
def test_what_is_no_word(text: str, cause: str) -> None:
    found = understand_text(column(text), "region")
    assert cause in found.misread["problem"].iloc[0] and found.meaning.empty
    assert found.misread["text"].iloc[0] == text


def test_twins_are_named_and_kept_apart() -> None:
    found = understand_text(column("Norte", "NORTE", "Bogota", "Bogotá", "Sur"), "region")
    assert found.meaning["region"].nunique() == 5
    notice = found.notices[0]
    assert "kept apart" in notice.said and notice.rows == 10
    assert notice.examples == ("Bogota", "Bogotá", "NORTE")


HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.characters(categories=["Cs", "Cc", "Cf", "Zs", "Mn"]),
        st.sampled_from(["yes", "no", "1", "\0", "=1", "\u202eabc", "é" * 2000, "e\u0301", "İ"]),
    ),
    unique=True,
    max_size=8,
)


@given(HOSTILE, st.randoms())
def test_no_text_breaks_it(texts: list[str], random) -> None:  # type: ignore[no-untyped-def]
    for understand in (understand_flags, understand_text):
        found = understand(column(*texts), "service")
        assert sorted([*found.meaning["text"], *found.misread["text"]]) == sorted(texts)
        order = list(range(len(texts)))
        random.shuffle(order)
        again = understand(column(*texts).iloc[order], "service")
        pd.testing.assert_frame_equal(found.meaning, again.meaning)
        pd.testing.assert_frame_equal(found.misread, again.misread)
        assert found.notices == again.notices
    words = understand_text(column(*texts), "service").meaning["service"].dropna()
    for word in words:
        assert word == word.strip() and word and word[0] not in "=@"
        word.encode("utf-8")
        assert not any(unicodedata.category(c) == "Cc" for c in word)
