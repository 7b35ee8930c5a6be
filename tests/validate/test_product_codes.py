"""HS codes: lengths, lost zeros, notations, what spreadsheets do to them, concordances."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import DataError, StudyError
from impact.validate.products import (
    HS_REVISIONS,
    concordance_families,
    consolidate,
    understand_products,
    vintage_births,
)
from impact.validate.understood import Understood


def column(*texts: str, rows: int = 1) -> pd.Series:
    index = pd.Index(list(texts), dtype="object")
    return pd.Series([rows] * len(texts), index=index, dtype="int64")


def read(found: Understood) -> dict[str, str | None]:
    products = found.meaning["product"]
    return dict(
        zip(found.meaning["text"], [None if pd.isna(p) else p for p in products], strict=True)
    )


def problem(found: Understood, text: str) -> str:
    return str(found.misread.set_index("text")["problem"].loc[text])


@pytest.mark.parametrize(
    ("text", "digits", "expected"),
    [
        ("090111", 6, "090111"),
        ("0901110000", 6, "090111"),
        ("09011100", 4, "0901"),
        ("0901", 4, "0901"),
        ("0901", 2, "09"),
        ("0901110000", 10, "0901110000"),
        ("0901.11.00", 6, "090111"),
        ("0901.1100", 6, "090111"),
        ("0901.11", 6, "090111"),
        ("0901 11 00", 6, "090111"),
        ("090111.00", 6, "090111"),
        ("09.01.11", 6, "090111"),
        ("09.01", 4, "0901"),
        ("'090111", 6, "090111"),
        ("847130.0", 6, "847130"),
        ("8471.0", 4, "8471"),
        ("\ufeff847130\u00a0", 6, "847130"),
        ("979999", 6, "979999"),
        ("980000", 6, "980000"),
        ("99999999", 6, "999999"),
    ],
)
def test_codes_that_are_read(text: str, digits: int, expected: str) -> None:
    found = understand_products(column(text), digits=digits)
    assert read(found) == {text: expected}
    assert found.faults == () and found.misread.empty
    untouched = text.isdigit() and text[:2] < "98"
    assert len(found.notices) == (0 if untouched or text[0] == "\ufeff" else 1)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("1.0E+05", "last digits are lost"),
        ("8,47E+09", "last digits are lost"),
        ("oct-49", "date"),
        ("10-oct", "date"),
        ("10-Ago", "date"),
        ("=A1", "formula"),
        ('="090111"', "formula"),
        ("#N/A", "error of a spreadsheet"),
        ("8471.3", "cut its last zeros"),  # 8471.30
        ("901.1", "cut its last zeros"),  # 0901.10, and no heading 9011
        ("0901.11.0", "cut its last zeros"),
        ("090111A", "letters"),
        ("OTH", "letters"),
        ("12345678901", "more than 10 digits"),
        ("0901.11.00.00.00", "expected an HS code"),
        ("01.05.2008", "looks like a date"),
        ("2008-05-01", "looks like a date"),
        ("０９０１１１", "expected an HS code"),
        ("0901110", "in pairs"),  # a zero stands in front: none was lost there
        ("000000", "no chapter 00"),
        ("770100", "no chapter 77"),
        ("", "empty"),
        ("9" * 100_000, "expected an HS code"),
    ],
)
def test_misread_with_its_cause(text: str, cause: str) -> None:
    found = understand_products(column(text), restore_zeros=True)
    assert cause in problem(found, text)
    assert found.meaning.empty


def test_a_lost_zero_is_asked_about_once_and_restored_when_declared() -> None:
    texts = column("90111", "1012100", "847130", "90111.0", rows=5)
    found = understand_products(texts)
    assert len(found.faults) == 1 and found.misread.empty
    fault = found.faults[0]
    assert "15 rows" in fault.problem and "restore_leading_zeros = true" in fault.remedy
    assert read(found) == {"1012100": None, "847130": "847130", "90111": None, "90111.0": None}
    found = understand_products(texts, restore_zeros=True)
    assert found.faults == ()
    assert read(found) == {
        "1012100": "010121", "847130": "847130", "90111": "090111", "90111.0": "090111",
    }  # fmt: skip
    assert [n.rows for n in found.notices if "leading zero" in n.said] == [15]


def test_short_codes_are_misread_or_asked_about() -> None:
    found = understand_products(column("0901", "901", "847130", "847141", "847149"))
    assert problem(found, "0901") == "the code has 4 digits, and the study's products have 6"
    assert "product_digits = 4" in str(found.misread["remedy"].iloc[0])
    assert "3 digits" in problem(found, "901")
    found = understand_products(column("0901", "8471", "847130"))
    assert len(found.faults) == 1 and "product_digits = 4" in found.faults[0].remedy
    assert read(found) == {"0901": None, "8471": None, "847130": "847130"}


def test_excluded_beginnings_leave_with_their_reason() -> None:
    texts = column("270900", "2710", "000000", "090111")
    found = understand_products(texts, exclude=["27", "2710", "00"])
    reasons = found.meaning.set_index("text")["reason"].dropna().to_dict()
    assert reasons == {
        "000000": "product excluded by the study: 00",
        "270900": "product excluded by the study: 27",
        "2710": "product excluded by the study: 2710",
    }
    assert found.misread.empty


def test_national_chapters_are_kept_and_said() -> None:
    found = understand_products(column("99990000", "980000", "990000", rows=2))
    assert {(n.rows, "9999" in n.said) for n in found.notices} == {(2, True), (4, False)}


def test_an_empty_cell_is_missing_where_it_may_be() -> None:
    assert read(understand_products(column(""), empty_allowed=True)) == {"": None}


def test_what_a_study_cannot_ask() -> None:
    with pytest.raises(StudyError, match="not 5"):
        understand_products(column("090111"), digits=5)
    with pytest.raises(StudyError, match="'2x'"):
        understand_products(column("090111"), exclude=["2x"])


@given(st.integers(1, 97).filter(lambda c: c != 77), st.integers(0, 10**8 - 1), st.booleans())
def test_what_a_spreadsheet_does_to_a_whole_code_is_undone(
    chapter: int, rest: int, ten: bool
) -> None:
    code = f"{chapter:02d}{rest:08d}"[: 10 if ten else 8]
    as_number = str(int(code))
    found = understand_products(column(as_number), restore_zeros=True)
    assert read(found) == {as_number: code[:6]}
    dotted = ".".join([code[:4], code[4:6], code[6:]])
    assert read(understand_products(column(dotted))) == {dotted: code[:6]}


HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.text(alphabet="0123456789. 'Ee+-oct", max_size=12),
        st.characters(categories=["Cs", "Cc", "Cf"]),
        st.sampled_from(["=cmd|' /C calc'!A0", "\0", "0901\u202e11", "1" * 5000, "²³"]),
    ),
    unique=True,
    max_size=8,
)


@given(HOSTILE, st.sampled_from([2, 4, 6, 8, 10]), st.booleans(), st.randoms())
def test_no_text_breaks_it(texts: list[str], digits: int, restore: bool, random) -> None:  # type: ignore[no-untyped-def]
    found = understand_products(
        column(*texts), digits=digits, restore_zeros=restore, exclude=["27"]
    )
    assert sorted([*found.meaning["text"], *found.misread["text"]]) == sorted(texts)
    used = found.meaning.loc[found.meaning["reason"].isna(), "product"].dropna()
    assert used.map(lambda p: len(p) == digits and p.isascii() and p.isdigit()).all()
    assert not used.str[:2].isin(["00", "77"]).any()
    if not found.faults:
        assert len(used) == found.meaning["reason"].isna().sum()
    random.shuffle(texts)
    again = understand_products(
        column(*texts), digits=digits, restore_zeros=restore, exclude=["27"]
    )
    pd.testing.assert_frame_equal(found.meaning, again.meaning)
    assert (found.faults, found.notices) == (again.faults, again.notices)


def links(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(pairs), columns=["from_code", "to_code"], dtype="str")


def test_families_join_codes_that_split_and_merge() -> None:
    """A splits in B and C, D merges into C, E stays: A, B, C, D are one family."""
    table = links(("000001", "000002"), ("000001", "000003"), ("000004", "000003"),
                  ("000005", "000005"))  # fmt: skip
    families = concordance_families(table).set_index("product")["family"].to_dict()
    assert families == {
        "000001": "000001", "000002": "000001", "000003": "000001", "000004": "000001",
        "000005": "000005",
    }  # fmt: skip


def test_families_of_an_empty_table() -> None:
    assert concordance_families(links()).empty


def test_codes_of_a_concordance_have_the_study_s_length() -> None:
    with pytest.raises(DataError) as caught:
        concordance_families(links(("90111", "090111"), ("0901.11", "090111")))
    assert [f.value for f in caught.value.faults] == ["0901.11", "90111"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40), st.randoms())
def test_families_against_a_plain_search(pairs: list[tuple[int, int]], random) -> None:  # type: ignore[no-untyped-def]
    table = links(*((f"{a:06d}", f"{b:06d}") for a, b in pairs))
    neighbours: dict[str, set[str]] = {}
    for a, b in table.itertuples(index=False):
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)

    def reach(code: str) -> set[str]:
        seen, todo = {code}, [code]
        while todo:
            new = neighbours[todo.pop()] - seen
            seen |= new
            todo += new
        return seen

    families = concordance_families(table)
    assert families["product"].tolist() == sorted(neighbours)
    expected = {code: min(reach(code)) for code in neighbours}
    assert dict(zip(families["product"], families["family"], strict=True)) == expected
    random.shuffle(pairs)
    flipped = links(*((f"{b:06d}", f"{a:06d}") for a, b in pairs))
    pd.testing.assert_frame_equal(concordance_families(flipped), families)


def test_consolidated_products() -> None:
    found = understand_products(column("852520", "851712", "090111", "270900"), exclude=["27"])
    families = concordance_families(links(("852520", "851712"), ("270900", "270901")))
    after = consolidate(found, families)
    assert read(after) == {
        "090111": "090111", "270900": "270900", "851712": "851712", "852520": "851712",
    }  # fmt: skip
    assert read(found)["852520"] == "852520"  # what was given stays
    said = [str(n) for n in after.notices]
    assert any("3 codes were put in 2 families" in s for s in said)
    assert any("1 codes are not in the concordance" in s and "090111" in s for s in said)
    assert after.meaning["reason"].notna().sum() == 1


def births(years: dict[int, int]) -> pd.DataFrame:
    rows = [(f"{y}{i}", y, 2) for y, n in years.items() for i in range(n)]
    return pd.DataFrame(rows, columns=["product", "first_year", "firms"])


def test_births_in_a_year_of_change() -> None:
    table = births({2010: 100, 2011: 4, 2012: 40, 2013: 6, 2014: 2})
    notice = vintage_births(table, HS_REVISIONS)
    assert notice is not None
    assert "40 codes (80 firms) appear first in 2012" in notice.said
    assert "against 4 in other years" in notice.said


def test_no_change_inside_the_data() -> None:
    assert vintage_births(births({2012: 10, 2013: 2}), HS_REVISIONS) is None  # the data begin then
    assert vintage_births(births({2013: 10, 2014: 2}), {2017: "HS 2017"}) is None
    assert vintage_births(births({}), HS_REVISIONS) is None
    only = vintage_births(births({2011: 10, 2012: 2}), HS_REVISIONS)
    assert only is not None and "other years" not in only.said
