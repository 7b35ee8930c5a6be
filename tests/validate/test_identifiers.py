"""Identifiers: what is kept, what is repaired and said, what is refused with its cause."""

from __future__ import annotations

import random
import re
import sys
import unicodedata

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.core.errors import MissingEngine, StudyError
from impact.validate import identifier_text
from impact.validate.identifier_text import BLANKS, PROBLEMS, REPAIRS, read_identifier
from impact.validate.identifiers import IdentifierRules, _tails, understand_identifiers
from impact.validate.understood import Understood


def understood(
    texts: dict[str, int] | list[str], *, dropped: dict[str, str] | None = None, **rules: object
) -> Understood:
    counts = texts if isinstance(texts, dict) else dict.fromkeys(texts, 1)
    series = pd.Series(
        list(counts.values()), index=pd.Index(list(counts), dtype="object"), dtype="int64"
    )
    return understand_identifiers(series, IdentifierRules(**rules), dropped=dropped)  # type: ignore[arg-type]


def firms(found: Understood) -> dict[str, str]:
    return dict(zip(found.meaning["text"], found.meaning["firm_id"], strict=True))


def said(found: Understood) -> str:
    return "\n".join(str(notice) for notice in found.notices)


# What is kept


def test_plain_identifiers_stay_as_they_are_and_nothing_is_said() -> None:
    found = understood({"0012345": 3, "900123456": 1, "12531909K": 2, "A1B2": 1, "EXPORTER": 1})
    assert firms(found) == {t: t for t in ["0012345", "900123456", "12531909K", "A1B2", "EXPORTER"]}
    assert found.misread.empty and found.notices == () and found.faults == ()
    assert found.meaning["reason"].isna().all()
    assert list(found.meaning.columns) == ["text", "firm_id", "reason"]


def test_a_number_with_and_without_its_zeros_is_two_firms_and_that_is_said() -> None:
    found = understood({"00123": 2, "123": 5, "0123": 1, "0999": 1, "55": 1})
    assert firms(found)["00123"] == "00123" and firms(found)["123"] == "123"
    (notice,) = found.notices
    assert "1 number occurs with and without zeros" in notice.said
    assert notice.rows == 8 and notice.examples == ("00123", "0123", "123")


def test_one_identifier_written_twice_is_not_two_forms_of_a_number() -> None:
    assert "without zeros" not in said(understood(["00123", "00-123"]))


def test_zeros_and_letters_o_are_never_exchanged() -> None:
    found = understood(["A0B1", "AOBI", "AOBl"])
    assert firms(found) == {"A0B1": "A0B1", "AOBI": "AOBI", "AOBl": "AOBL"}


def test_the_texts_are_not_changed() -> None:
    texts = pd.Series([1, 2], index=[" b-1", "a 2"])
    before = texts.copy()
    understand_identifiers(texts, IdentifierRules(width=9))
    pd.testing.assert_series_equal(texts, before)


def test_an_empty_column() -> None:
    found = understood([])
    assert found.meaning.empty and found.misread.empty and found.notices == ()
    assert list(found.meaning.columns) == ["text", "firm_id", "reason"]


# What is repaired, and said


@pytest.mark.parametrize(
    ("raw", "firm", "repair"),
    [
        ("900.123.456-7", "9001234567", "separators"),
        ("900 123 456/7", "9001234567", "separators"),
        ("900\u00a0123", "900123", "separators"),
        ("900–123", "900123", "separators"),
        ("12531909k", "12531909K", "capitals"),
        ("９００１２３", "900123", "width"),
        ("٩٠٠", "900", "width"),
        ("90\u200b0\u200e1", "9001", "invisible"),
        ("АВ12", "AB12", "lookalike"),  # Cyrillic A, Ve
        ("ΑΒ12", "AB12", "lookalike"),  # Greek Alpha, Beta
        ("'00123", "00123", "quotes"),
        ('="00123"', "00123", "quotes"),
        ('"00123"', "00123", "quotes"),
    ],
)  # fmt: skip
def test_a_repair_is_made_and_counted(raw: str, firm: str, repair: str) -> None:
    found = understood({raw: 4, "777": 1})
    assert firms(found) == {raw: firm, "777": "777"}
    (notice,) = [n for n in found.notices if n.said == REPAIRS[repair]]
    assert notice.rows == 4 and notice.examples == (raw,) and notice.column == "firm_id"


@pytest.mark.parametrize("raw", [" 123 ", "\ufeff123", "123\u00a0", "\t123\n", "\u200b123"])
def test_outer_blanks_are_cut_in_silence(raw: str) -> None:
    found = understood([raw])
    assert firms(found) == {raw: "123"} and found.notices == ()


def test_a_word_of_another_alphabet_stays_in_it() -> None:
    found = understood(["ООО РОМАШКА 5", "ΓΑΛΑ7"])
    assert firms(found)["ООО РОМАШКА 5"] == "ОООРОМАШКА5"
    assert firms(found)["ΓΑΛΑ7"] == "ΓΑΛΑ7"
    assert REPAIRS["lookalike"] not in said(found)


def test_separators_are_those_of_the_study() -> None:
    found = understood(["12-3", "1_23"], separators="_")
    assert firms(found) == {"12-3": "12-3", "1_23": "123"}
    assert firms(understood(["12-3 4"], separators="")) == {"12-3 4": "12-3 4"}


def test_a_mark_is_joined_to_its_letter_once_the_separator_is_gone() -> None:
    assert firms(understood(["9A-\u0301"])) == {"9A-\u0301": "9Á"}


def test_texts_that_become_one_identifier_are_said_unless_they_differ_by_case_and_blanks() -> None:
    found = understood({"12-3": 2, "1-23": 3, "ab 1": 1, "AB1": 1, "77": 9})
    assert firms(found)["12-3"] == firms(found)["1-23"] == "123"
    (notice,) = [n for n in found.notices if "became one" in n.said]
    assert notice.said.startswith("1 identifier was written")
    assert notice.rows == 5 and notice.examples == ("1-23", "12-3")


@pytest.mark.parametrize(
    ("texts", "rules", "keys"),
    [
        (["12-3", "1-23"], {}, ["separators"]),
        (["0123", "123"], {"width": 6}, ["width"]),
        (["0123", "123"], {"strip_leading_zeros": True}, ["strip_leading_zeros"]),
        (
            ["0123", "123"],
            {"strip_leading_zeros": True, "width": 6},
            ["width", "strip_leading_zeros"],
        ),
        (["1234", "1235"], {"drop_check_digit": True}, ["drop_check_digit"]),
        (["12-3", "123", "0123"], {"width": 6}, ["separators", "width"]),
        (["A123", "\u0410123"], {}, []),  # a Cyrillic A: no key keeps it
    ],
)
def test_what_made_texts_one_is_named_by_its_own_key(
    texts: list[str], rules: dict[str, object], keys: list[str]
) -> None:
    found = understood(texts, **rules)
    assert len(set(firms(found).values())) == 1
    (notice,) = [n for n in found.notices if "became one" in n.said]
    assert re.findall(r"identifiers\.(\w+)", notice.said) == keys
    assert ("correct them at the source" in notice.said) == (not keys)


def test_a_column_of_decimals_loses_its_tail() -> None:
    found = understood([f"{n}.0" for n in range(100, 110)] + ["55"])
    assert firms(found)["104.0"] == "104" and firms(found)["55"] == "55"
    assert found.misread.empty and REPAIRS["tail"] in said(found)


def test_few_decimals_are_a_question() -> None:
    found = understood([f"{n}.0" for n in range(100, 109)])
    assert found.meaning.empty and len(found.misread) == 9
    assert "check digit" in found.misread["problem"].iloc[0]


def test_beside_other_decimals_a_zero_is_a_check_digit() -> None:
    found = understood(["900123.0", "900124.7", "900125.3"])
    assert firms(found) == {
        "900123.0": "9001230",
        "900124.7": "9001247",
        "900125.3": "9001253",
    }


def test_many_zeros_beside_one_other_decimal_are_a_question() -> None:
    found = understood([f"{n}.0" for n in range(100, 130)] + ["55.5"])
    assert len(found.misread) == 30 and firms(found) == {"55.5": "555"}


def test_a_decimal_of_more_than_fifteen_digits_has_lost_digits() -> None:
    texts = [f"{n}.0" for n in range(100, 110)] + ["1234567890123456.0"]
    found = understood(texts)
    assert found.misread[["text", "problem"]].values.tolist() == [
        ["1234567890123456.0", PROBLEMS["rounded"][0]]
    ]


# What is refused, with its cause


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("", "empty"), ("  \u00a0", "empty"), ("-", "empty"), ("./-", "empty"), ("''", "empty"), ('=""', "empty"),
        ("12\x0034", "control"), ("\x1f1234", "control"), ("12\n34", "control"), ("12\ud80034", "control"),
        ("=cmd|' /C calc'!A0", "formula"), ("=A1+B1", "formula"), ("+57 300", "formula"), ("@SUM(1)", "formula"),
        ("-1234", "formula"),
        ("1.23E+09", "exponent"), ("1,23e+09", "exponent"), ("1E+05", "exponent"), ("9.0012E9", "exponent"),
        ("2015-03-01", "date"), ("01/02/2016", "date"), ("2016-01-01 00:00:00", "date"), ("oct-49", "date"),
        ("01-oct", "date"), ("ene-05", "date"), ("1/2/15", "date"), ("10.12.1998", "date"), ("févr.-12", "date"),
        ("Total", "total"), ("TOTAL GENERAL", "total"), ("Gran total:", "total"), ("Subtotal 2015", "total"),
        ("sub-total", "total"), ("Suma", "total"), ("Totales", "total"), ("Grand Total", "total"), ("ИТОГО", "total"),
        ("Total geral", "total"), ("Summe", "total"), ("合計", "total"), ("T-O-T-A-L", "total"), ("TOTAL2015", "total"),
        ("Fuente: DIAN", "note"), ("Source: customs 2015", "note"),
        ("NIT", "heading"), ("firm_id", "heading"),
        ("NA", "nobody"), ("n/a", "nobody"), ("NULL", "nobody"), ("#N/A", "nobody"), ("s/n", "nobody"), ("OTH", "nobody"),
        ("Otros", "nobody"), ("#DIV/0!", "nobody"),
        ("1,234,567", "thousands"), ("1,234.50", "thousands"),
        ("12�45", "symbol"), ("12?45", "symbol"), ("🙂12", "symbol"), ("12|45", "symbol"), ("a;b", "symbol"),
        ("9" * 65, "long"), ("x" * 10_000_000, "long"), ("ﷺ" * 60, "long"),
    ],
)  # fmt: skip
def test_what_is_no_identifier_is_refused_with_its_cause(raw: str, problem: str) -> None:
    found = understood([raw, "777"])
    assert firms(found) == {"777": "777"}
    assert [list(r) for r in found.misread.itertuples(index=False)] == [[raw, *PROBLEMS[problem]]]


@pytest.mark.parametrize(
    "raw",
    [
        "TOTALGAZ1", "MARINE-12", "1E05", "SUMA123", "OCTAVIO5", "12-34-5678", "NA123", "ABC010101XY9", "Ñ&12", "20150301",
        "SUMMIT", "0", "12:34", "A_1", "9" * 64, "NOTARIO1", "SETRA-15", "1234-5",
    ],
)  # fmt: skip
def test_what_only_resembles_damage_is_an_identifier(raw: str) -> None:
    assert understood([raw]).misread.empty


def test_a_comma_that_the_study_declares_separates() -> None:
    assert firms(understood(["1,234,567"], separators=",")) == {"1,234,567": "1234567"}


def test_the_lists_of_words_are_written_as_they_are_compared() -> None:
    words = identifier_text._TOTALS | identifier_text._NOBODY | identifier_text._HEADINGS
    assert {unicodedata.normalize("NFKC", w.upper()) for w in words} == set(words)


# What looks like no firm, and is said


def test_fillers_names_and_rounded_numbers_are_kept_and_said() -> None:
    found = understood(
        {
            "99999": 2,
            "000": 1,
            "Andina de Flores": 4,
            "12345678901234500": 1,
            "12345678901234600": 1,
        }
    )
    text = said(found)
    assert found.misread.empty
    assert "one repeated digit were kept" in text and "(3 rows), such as '000', '99999'" in text
    assert "look like names" in text and "(4 rows), such as 'Andina de Flores'" in text
    assert "a spreadsheet may have rounded them" in text
    assert "rounded" not in said(understood(["12345678901234567", "12345678901234600"]))


# What leaves for a reason of the ledger


def test_dropped_texts_carry_their_reason_and_no_firm() -> None:
    found = understood(
        {"OTH": 5, " oth ": 2, "": 3, "12": 1},
        dropped={"OTH": "firm not named", "": "no identifier"},
    )
    rows = found.meaning.fillna("-").values.tolist()
    assert rows == [
        ["", "-", "no identifier"],
        [" oth ", "-", "firm not named"],
        ["12", "12", "-"],
        ["OTH", "-", "firm not named"],
    ]
    assert found.misread.empty


def test_a_declared_dash_is_not_the_empty_text() -> None:
    found = understood(["-", "", "5"], dropped={"-": "not named"})
    assert found.misread["text"].tolist() == [""]
    assert found.meaning["text"].tolist() == ["-", "5"]


def test_any_damaged_text_can_be_dropped_by_declaration() -> None:
    found = understood(["=A1", "Total:", "7"], dropped={"=A1": "formula", "total:": "total row"})
    assert found.misread.empty and found.meaning["reason"].notna().sum() == 2


# What the study declares


def test_zeros_are_put_in_front_up_to_the_width() -> None:
    found = understood({"123": 2, "000123": 1, "12K": 1, "AB1": 1, "12345678": 1}, width=6)
    assert firms(found) == {
        "123": "000123", "000123": "000123", "12K": "00012K", "AB1": "AB1", "12345678": "12345678",
    }  # fmt: skip
    assert "declared width 6 (3 rows)" in said(found)
    assert "longer than the declared width 6 and were kept as they are (1 row)" in said(found)


def test_zeros_are_taken_away() -> None:
    found = understood(["000123", "00", "00K", "0AB", "5"], strip_leading_zeros=True)
    assert firms(found) == {"000123": "123", "00": "0", "00K": "0K", "0AB": "0AB", "5": "5"}
    assert "as declared (3 rows)" in said(found)


def test_zeros_away_then_width_gives_one_form() -> None:
    found = understood(["0000000123", "123"], strip_leading_zeros=True, width=5)
    assert set(firms(found).values()) == {"00123"}


def test_the_check_digit_is_dropped_before_zeros_are_put_in_front() -> None:
    found = understood(["1234567-8", "9"], drop_check_digit=True, width=9)
    assert firms(found) == {"1234567-8": "001234567"}
    assert found.misread["text"].tolist() == ["9"]
    assert "one character" in found.misread["problem"].iloc[0]


def test_wrong_check_digits_are_counted_by_default() -> None:
    """800197268-4 is right by hand (tests/engines/test_check_digits.py); with 5 it is wrong."""
    found = understood({"800.197.268-4": 1, "800197268-5": 7}, country="CO")
    assert firms(found) == {"800.197.268-4": "8001972684", "800197268-5": "8001972685"}
    (notice,) = [n for n in found.notices if "co.nit" in n.said]
    assert notice.said.startswith("1 of 2 identifiers (50%) are no valid co.nit")
    assert notice.rows == 7 and notice.examples == ("800197268-5",)
    assert "without their check digit" not in notice.said


def test_wrong_check_digits_are_refused_where_the_study_says_so() -> None:
    found = understood(["8001972684", "8001972685"], country="CO", check="refuse")
    assert found.meaning["text"].tolist() == ["8001972684"]
    assert found.misread["text"].tolist() == ["8001972685"]


def test_a_column_without_check_digits_is_recognised() -> None:
    texts = [str(n) for n in range(900_000_000, 900_000_200)]
    assert "numbers without their check digit" in said(understood(texts, country="CO"))


def test_check_digits_are_tested_on_the_full_number() -> None:
    """An Ecuadorian RUC has 13 digits; one of Azuay (01) that lost its zero is right once it is put back."""
    assert "no valid" in said(understood(["102345678001"], kind="ec.ruc"))
    whole = [f"01{n:08d}001" for n in range(2_000)]
    from impact.engines.check_digits import valid_numbers

    right = next(n for n, ok in zip(whole, valid_numbers(whole, "ec.ruc"), strict=True) if ok)
    assert "no valid" not in said(understood([right.lstrip("0")], country="EC", width=13))
    assert "no valid" not in said(
        understood([right.lstrip("0")], country="EC", width=12, drop_check_digit=True)
    )


def test_without_stdnum_the_default_check_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "stdnum", None)
    found = understood(["8001972685"], country="CO")
    assert firms(found) == {"8001972685": "8001972685"}
    assert "not tested" in said(found) and "impact[identifiers]" in said(found)
    with pytest.raises(MissingEngine):
        understood(["8001972685"], country="CO", check="warn")
    assert said(understood(["8001972685"], country="CO", check="off")) == ""


def test_a_country_whose_numbers_nobody_knows_is_said() -> None:
    assert "no number of firms is known for BO" in said(understood(["1"], country="BO"))


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"country": "COL"}, "two letters"),
        ({"check": "maybe"}, "'off', 'warn' or 'refuse'"),
        ({"width": 0}, "between 1 and 64"),
        ({"width": 65}, "between 1 and 64"),
        ({"separators": "-0"}, "letters and digits"),
        ({"check": "refuse"}, "needs identifiers.country"),
        ({"check": "warn", "country": "BO"}, "none is known for BO"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: dict[str, object], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        IdentifierRules(**rules)  # type: ignore[arg-type]


def test_a_kind_that_stdnum_does_not_know_is_refused() -> None:
    with pytest.raises(StudyError, match="no kind of identifier"):
        understood(["1"], kind="co.nitt")


# Properties

NASTY = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from(
            list("0123456789ABCxyzОАΑ.,-/ =+@'\"E%?\x00\ufeff\u200f\ud800\u0301’–Ⅻ²ßıŉ")
        ),
    ),
    max_size=70,
)
LIKELY = st.from_regex(
    r"[ ']?(TOTAL|Oct|SUB|0{0,3}|CO|nota|12)?[-./ ,]?[0-9]{0,4}[-./ ,eE]{0,2}[+]?[0-9]{0,4}[A-Za-z]?[.]?0? ?",
    fullmatch=True,
)


@given(
    st.lists(NASTY | LIKELY, unique=True, max_size=12),
    st.sampled_from(
        [
            {},
            {"width": 8},
            {"strip_leading_zeros": True, "drop_check_digit": True},
            {"country": "CO", "check": "refuse"},
            {"separators": ""},
            {"separators": "].^-\\"},
        ]
    ),
)
@settings(max_examples=300)
def test_every_text_is_understood_or_misread_once_in_any_order(
    texts: list[str], rules: dict[str, object]
) -> None:
    found = understood(texts, **rules)
    both = found.meaning["text"].tolist() + found.misread["text"].tolist()
    assert sorted(both) == sorted(texts)
    assert found.meaning["firm_id"].notna().all() and (found.meaning["firm_id"] != "").all()
    assert all(found.misread["remedy"]) and all(str(n) for n in found.notices)
    shuffled = texts.copy()
    random.Random(1).shuffle(shuffled)
    again = understood(shuffled, **rules)
    pd.testing.assert_frame_equal(again.meaning, found.meaning)
    pd.testing.assert_frame_equal(again.misread, found.misread)
    assert again.notices == found.notices


@given(
    st.lists(NASTY | LIKELY, unique=True, max_size=12),
    st.sampled_from([" .-/", "", ".", "-_", "/ ,"]),
)
@settings(max_examples=300)
def test_the_fast_way_reads_as_the_slow_one(texts: list[str], separators: str) -> None:
    found = understood(texts, separators=separators)
    fast = {text: (firm, "") for text, firm in firms(found).items()}
    causes = {words[0]: key for key, words in PROBLEMS.items()}
    for text, problem in zip(found.misread["text"], found.misread["problem"], strict=True):
        fast[text] = ("", causes[problem])
    trimmed = {text: text.strip(BLANKS) for text in texts}
    tails = _tails(pd.Series(list(trimmed.values()), dtype="object").astype(object))
    slow = {t: read_identifier(trimmed[t], separators, tails) for t in texts}
    assert fast == {t: (firm, problem) for t, (firm, _, problem) in slow.items()}
    for repair, words in REPAIRS.items():
        rows = sum(repair in repairs for _, repairs, problem in slow.values() if not problem)
        assert sum(n.rows or 0 for n in found.notices if n.said == words) == rows


@given(NASTY | LIKELY)
@settings(max_examples=500)
def test_an_identifier_reads_as_itself(text: str) -> None:
    firm, _, problem = read_identifier(text.strip(BLANKS), " .-/", "keep")
    if not problem:
        assert read_identifier(firm, " .-/", "keep") == (firm, (), "")
