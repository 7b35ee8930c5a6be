"""Dates, years and months: what is read, what is asked, what is refused and why."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import StudyError
from impact.validate.dates import (
    DATE_FORMATS,
    understand_dates,
    understand_months,
    understand_years,
)
from impact.validate.understood import Understood


def column(*texts: str) -> pd.Series:
    return pd.Series([1] * len(texts), index=pd.Index(list(texts), dtype="object"), dtype="int64")


def read(found: Understood) -> dict[str, tuple[int | None, int | None, int | None]]:
    """Text -> (year, month, day), None where missing."""
    parts = found.meaning[["year", "month", "day"]].astype("object")
    parts = parts.where(parts.notna(), None)
    return dict(zip(found.meaning["text"], parts.itertuples(index=False, name=None), strict=True))


def problem(found: Understood, text: str) -> str:
    return str(found.misread.set_index("text")["problem"].loc[text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2012-03-15", (2012, 3, 15)),
        ("2012/3/5", (2012, 3, 5)),
        ("2012.03.15", (2012, 3, 15)),
        ("20120315", (2012, 3, 15)),
        ("20120315.0", (2012, 3, 15)),
        ("201203", (2012, 3, None)),
        ("201203.0", (2012, 3, None)),
        ("2012-03", (2012, 3, None)),
        ("2012/3", (2012, 3, None)),
        ("03/2012", (2012, 3, None)),
        ("2012m3", (2012, 3, None)),
        ("2012", (2012, None, None)),
        ("2012.0", (2012, None, None)),
        ("15-mar-2012", (2012, 3, 15)),
        ("15mar2012", (2012, 3, 15)),
        ("15MAR2012:00:00:00", (2012, 3, 15)),
        ("15 de marzo de 2012", (2012, 3, 15)),
        ("15 de março de 2012", (2012, 3, 15)),
        ("March 15th, 2012", (2012, 3, 15)),
        ("2012-Mar-15", (2012, 3, 15)),
        ("ago/2012", (2012, 8, None)),
        ("29-02-2012", (2012, 2, 29)),
        ("31/12/2012 23:59", (2012, 12, 31)),
        ("31/12/2012 11:59:59 p. m.", (2012, 12, 31)),
        ("2012-03-15T10:30:00.123Z", (2012, 3, 15)),
        ("2012-03-15 00:00:00", (2012, 3, 15)),
        ("20120315103000", (2012, 3, 15)),
        ("\ufeff 2012-03-15\u00a0", (2012, 3, 15)),
        ("1900-01-01", (1900, 1, 1)),
        ("2100-12-31", (2100, 12, 31)),
        ("05.05.2012", (2012, 5, 5)),  # the same day in both orders
    ],
)
def test_forms_that_say_what_they_are(text: str, expected: tuple[int | None, ...]) -> None:
    found = understand_dates(column(text))
    assert read(found) == {text: expected}
    assert found.faults == () and found.misread.empty


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("31/02/2012", "no day 31 in month 2"),
        ("2011-02-29", "no day 29 in month 2"),
        ("2012-13-01", "no month 13"),
        ("201213", "no month 13"),
        ("0000-00-00", "year 0 is before"),
        ("1899-12-30", "spreadsheet's calendar"),
        ("1900-01-00", "no day 0"),
        ("1812-06-24", "before 1900"),
        ("9999-12-31", "no end"),
        ("2101-01-01", "after 2100"),
        ("41275", "2013-01-01"),
        ("41275.5", "2013-01-01"),
        ("oct-49", "day or a year"),
        ("49-oct", "day or a year"),
        ("2012.1", "October"),
        ("2012q3", "quarter"),
        ("15/16/2012", "no month 16"),
        ("=HOY()", "formula"),
        ("soon", "expected a date"),
        ("15-foo-2012", "expected a date"),
        ("2012-03-15-01", "expected a date"),
        ("２０１２-03-15", "expected a date"),
        ("1" * 1000, "expected a date"),
        ("", "empty"),
        (" \u00a0", "empty"),
    ],
)
def test_misread_with_its_cause(text: str, cause: str) -> None:
    found = understand_dates(column(text))
    assert cause in problem(found, text)
    assert found.meaning.empty


def test_an_empty_cell_is_missing_where_it_may_be() -> None:
    found = understand_dates(column("", "2012"), column="left", empty_allowed=True)
    assert read(found) == {"": (None, None, None), "2012": (2012, None, None)}
    assert found.meaning["reason"].isna().all()


def test_day_and_month_are_told_apart_by_one_text() -> None:
    found = understand_dates(column("03/04/2012", "15/03/2012"))
    assert read(found) == {"03/04/2012": (2012, 4, 3), "15/03/2012": (2012, 3, 15)}
    assert "dd/mm/yyyy" in found.notices[0].said and "15/03/2012" in found.notices[0].said
    found = understand_dates(column("03/04/2012", "03/15/2012"))
    assert read(found) == {"03/04/2012": (2012, 3, 4), "03/15/2012": (2012, 3, 15)}
    assert "mm/dd/yyyy" in found.notices[0].said


def test_an_impossible_day_is_no_evidence_of_the_order() -> None:
    found = understand_dates(column("03/04/2012", "31/02/2012"))
    assert len(found.faults) == 1 and "cannot be told apart" in found.faults[0].problem


def test_day_and_month_are_asked_about() -> None:
    found = understand_dates(column("03/04/2012", "01/01/2012"))
    fault = found.faults[0]
    assert "3 April 2012 or 4 March 2012" in fault.problem
    assert "date_format" in fault.remedy and fault.remedy.endswith("?")
    assert found.meaning["year"].isna().all() and found.misread.empty


def test_two_orders_in_one_column_decide_nothing() -> None:
    texts = column("15/03/2012", "03/15/2012", "03/04/2012", "2012-01-01")
    found = understand_dates(texts)
    assert len(found.faults) == 1
    assert "15/03/2012" in found.faults[0].problem and "03/15/2012" in found.faults[0].problem
    assert read(found)["2012-01-01"] == (2012, 1, 1)
    assert read(found)["15/03/2012"] == (None, None, None)
    declared = understand_dates(texts, declared="dd/mm/yyyy")
    assert declared.faults == ()
    assert problem(declared, "03/15/2012") == "there is no month 15"


@pytest.mark.parametrize(
    ("declared", "text", "expected"),
    [
        ("dd/mm/yyyy", "03-04-2012", (2012, 4, 3)),
        ("MM.DD.YYYY", "03/04/2012", (2012, 3, 4)),
        ("dd/mm/yy", "03/04/12", (2012, 4, 3)),
        ("mm/dd/yy", "03/04/99", (1999, 3, 4)),
        ("dd/mm/yy", "3/4/12 9:05", (2012, 4, 3)),
        ("dd/mm/yy", "03/04/49", (2049, 4, 3)),
        ("dd/mm/yy", "03/04/50", (1950, 4, 3)),
        ("yyyymmdd", "20120403", (2012, 4, 3)),
        ("ddmmyyyy", "03042012", (2012, 4, 3)),
        ("ddmmyyyy", "3042012", (2012, 4, 3)),
        ("yyyymm", "201204", (2012, 4, None)),
        ("yyyy-mm", "2012/04", (2012, 4, None)),
        ("mm/yyyy", "4.2012", (2012, 4, None)),
        ("yymm", "1204", (2012, 4, None)),
        ("yymm", "504", (2005, 4, None)),
        ("yyyy", "2012", (2012, None, None)),
        ("dd-mon-yyyy", "3 abr 2012", (2012, 4, 3)),
        ("dd-mon-yy", "3-abr-12", (2012, 4, 3)),
        ("mon-yyyy", "abr-2012", (2012, 4, None)),
        ("dd/mm/yyyy", "2012-04-03 00:00:00", (2012, 4, 3)),  # a workbook's own date cell
    ],
)
def test_declared_forms(declared: str, text: str, expected: tuple[int | None, ...]) -> None:
    found = understand_dates(column(text), declared=declared)
    assert read(found) == {text: expected} and found.faults == ()


def test_other_forms_than_the_declared_one_are_misread() -> None:
    texts = column("201204", "2012", "03/04/12", "15-mar-2012", "41275")
    found = understand_dates(texts, declared="dd/mm/yyyy")
    assert found.meaning.empty
    assert "as declared" in problem(found, "201204") and "2013-01-01" in problem(found, "41275")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(StudyError, match=r"'dmy'.*dd/mm/yyyy"):
        understand_dates(column("2012"), declared="dmy")


@pytest.mark.parametrize(
    ("texts", "key"),
    [
        (("03/04/12", "15/03/12"), "dd/mm/yy"),
        (("15-mar-12",), "dd-mon-yy"),
        (("15032012", "01022012"), "ddmmyyyy"),  # 0102 and 1503 are no years
        (("5032012",), "ddmmyyyy"),
        (("1203", "9912"), "yymm"),
    ],
)
def test_forms_that_are_asked_about(texts: tuple[str, ...], key: str) -> None:
    found = understand_dates(column(*texts))
    assert len(found.faults) == 1 and key in found.faults[0].remedy
    assert found.meaning["year"].isna().all() and found.misread.empty
    assert understand_dates(column(*texts), declared=key).misread.empty


def test_several_forms_are_read_and_said() -> None:
    found = understand_dates(column("2012-03-15", "201204", "2013"))
    assert read(found)["2013"] == (2013, None, None)
    said = " ".join(n.said for n in found.notices)
    assert "3 ways: yyyy, yyyy-mm-dd, yyyymm" in said and "month is missing" in said


def test_the_table_is_in_the_order_of_the_texts() -> None:
    found = understand_dates(column("2012-03-01", "2012-02", "2012-01-01"))
    assert found.meaning["text"].tolist() == ["2012-01-01", "2012-02", "2012-03-01"]


def test_a_half_converted_column_is_seen() -> None:
    """03/04/2012 typed in one country and opened in another is a date with day and month changed."""
    taken = [f"2012-{d:02d}-{m:02d}" for d, m in [(1, 2), (3, 4), (5, 6), (7, 8)]]
    left = ["15/03/2012", "16/04/2012", "17/05/2012", "31/12/2012"]
    for declared in (None, "dd/mm/yyyy"):
        found = understand_dates(column(*taken, *left), declared=declared)
        assert len(found.faults) == 1 and "spreadsheet" in found.faults[0].problem
        assert found.meaning["year"].isna().all()
    with_late_day = understand_dates(column(*taken, "2012-01-13", *left))
    assert with_late_day.faults == ()


def test_repairs_are_said_with_their_rows() -> None:
    texts = pd.Series([5, 2], index=["20120315.0", "2012-03-15T10:00:00-05:00"])
    found = understand_dates(texts)
    assert {(n.said, n.rows) for n in found.notices} >= {
        ("'.0' after a date was cut", 5),
        ("the clock's zone after the time was ignored", 2),
    }


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_every_day_is_read_back_in_every_form(day: date) -> None:
    y, m, d = day.year, day.month, day.day
    forms = {
        "yyyy-mm-dd": f"{y}-{m:02d}-{d:02d}",
        "dd/mm/yyyy": f"{d}/{m:02d}/{y}",
        "mm/dd/yyyy": f"{m}.{d}.{y}",
        "yyyymmdd": f"{y}{m:02d}{d:02d}",
        "ddmmyyyy": f"{d:02d}{m:02d}{y}",
        "dd-mon-yyyy": f"{d}-{'enefebmarabrmayjunjulagosetoutnovdez'[3 * m - 3 : 3 * m]}-{y}",
    }
    for declared, text in forms.items():
        assert read(understand_dates(column(text), declared=declared)) == {text: (y, m, d)}


@given(st.lists(st.integers(0, 700), min_size=1, max_size=8, unique=True))
def test_what_is_read_undeclared_is_true_or_asked(days: list[int]) -> None:
    """A column of true dd/mm/yyyy dates is never read as something else in silence."""
    truth = [date(2012, 1, 1) + timedelta(days=n) for n in days]
    texts = {f"{t.day:02d}/{t.month:02d}/{t.year}": t for t in truth}
    found = understand_dates(column(*texts))
    assert found.misread.empty
    if found.faults:
        assert all(t.day <= 12 for t in truth) and any(t.day != t.month for t in truth)
    else:
        assert read(found) == {s: (t.year, t.month, t.day) for s, t in texts.items()}


HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.text(alphabet="0123456789/-. :TZmaroct", max_size=14),
        st.characters(categories=["Cs", "Cc", "Cf"]),
        st.sampled_from(["=cmd|' /C calc'!A0", "\0", "é" * 10_000, "12/\u202e2012", "1" * 5000]),
    ),
    unique=True,
    max_size=8,
)


@given(HOSTILE, st.sampled_from([None, *DATE_FORMATS]), st.booleans(), st.randoms())
def test_no_text_breaks_it(texts: list[str], declared: str | None, allowed: bool, random) -> None:  # type: ignore[no-untyped-def]
    given_ = column(*texts)
    found = understand_dates(given_, declared=declared, empty_allowed=allowed)
    assert sorted([*found.meaning["text"], *found.misread["text"]]) == sorted(texts)
    assert found.meaning["text"].tolist() == sorted(found.meaning["text"])
    meant = found.meaning.dropna(subset=["year"])
    assert meant["year"].between(1900, 2100).all()
    random.shuffle(texts)
    again = understand_dates(column(*texts), declared=declared, empty_allowed=allowed)
    pd.testing.assert_frame_equal(found.meaning, again.meaning)
    pd.testing.assert_frame_equal(found.misread, again.misread)
    assert (found.faults, found.notices) == (again.faults, again.notices)


def test_years() -> None:
    found = understand_years(column("2012", "2013.0", " 2014 "))
    assert found.meaning["year"].tolist() == [2014, 2012, 2013]  # in the order of the texts
    assert found.notices[0].rows == 1 and "'.0'" in found.notices[0].said
    causes = {
        "12": "two digits",
        "2.012": "thousands",
        "1899": "not between 1900 and 2100",
        "2012-01-01": "is a date",
        "201203": "is a date",
        "MMXII": "expected a year",
        "41275": "expected a year",
        "2012,5": "expected a year",
    }
    found = understand_years(column(*causes))
    for text, cause in causes.items():
        assert cause in problem(found, text)


def test_years_of_birth_may_be_old_and_missing() -> None:
    found = understand_years(
        column("1789", ""), column="birth_year", earliest=1500, empty_allowed=True
    )
    assert found.meaning["birth_year"].tolist() == [pd.NA, 1789]
    assert found.meaning["birth_year"].dtype == "Int64"


def test_months() -> None:
    texts = {"1": 1, "02": 2, "12": 12, "3.0": 3, "ABRIL": 4, "mai": 5, "Sept.": 9}
    found = understand_months(column(*texts))
    assert dict(zip(found.meaning["text"], found.meaning["month"], strict=True)) == texts
    bad = understand_months(column("0", "13", "201203", "-1", "primavera", "1,0", ""))
    assert len(bad.misread) == 7 and bad.meaning.empty


@given(HOSTILE)
def test_no_text_breaks_years_and_months(texts: list[str]) -> None:
    for understand in (understand_years, understand_months):
        found = understand(column(*texts))
        assert sorted([*found.meaning["text"], *found.misread["text"]]) == sorted(texts)
