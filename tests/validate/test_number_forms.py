"""Amounts as texts: read only as declared, asked about, and alike in Python and in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import product

import duckdb
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from impact.core.errors import StudyError
from impact.validate.meanings import OUTER_BLANKS
from impact.validate.number_shapes import SHAPES, ShapeCounts, count_shapes, shape_of
from impact.validate.numbers import (
    NumberFormat,
    amount_sql,
    number_question,
    parse_number,
    shape_sql,
    valid_pattern,
    why_no_number,
)

PLAIN = NumberFormat()
FORMATS = [
    NumberFormat(decimal=d, thousands=t, minus=m)
    for d, t, m in product(
        (None, ".", ","),
        (None, "", ".", ",", " ", "'"),
        (None, "before", "after", "parentheses"),
    )
    if d is None or d != t
]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("CREATE MACRO regexp_like(t, p) AS regexp_matches(t, p)")
    yield connection
    connection.close()


def column(*texts: str) -> pd.Series:
    return pd.Series([1] * len(texts), index=pd.Index(list(texts), dtype="object"), dtype="int64")


@pytest.mark.parametrize(
    ("text", "format", "expected"),
    [
        ("12", PLAIN, "12"),
        ("-12.5", PLAIN, "-12.5"),
        ("+0012.50", PLAIN, "12.5"),
        (".5", PLAIN, "0.5"),  # as Stata writes a half
        ("12.", PLAIN, "12"),
        ("12.500", PLAIN, "12.5"),  # the question on the column comes before
        ("1234.5600000000001", PLAIN, "1234.56"),
        ("0.0000005", PLAIN, "0.000001"),  # half away from zero, at a millionth
        ("-0.0000005", PLAIN, "-0.000001"),
        ("\u00a012.5\ufeff", PLAIN, "12.5"),
        ("999999999999999.99", PLAIN, "999999999999999.99"),
        ("12,5", NumberFormat(decimal=","), "12.5"),
        ("12.500", NumberFormat(thousands="."), "12500"),
        ("1.234.567,89", NumberFormat(thousands="."), "1234567.89"),
        ("1,234,567.89", NumberFormat(thousands=","), "1234567.89"),
        ("1234567.89", NumberFormat(thousands=","), "1234567.89"),
        ("1 234\u202f567,89", NumberFormat(decimal=",", thousands=" "), "1234567.89"),
        ("1'234’567.89", NumberFormat(thousands="'"), "1234567.89"),
        ("(1,234)", NumberFormat(thousands=",", minus="parentheses"), "-1234"),
        ("-5", NumberFormat(minus="parentheses"), "-5"),
        ("1.234,5-", NumberFormat(thousands=".", minus="after"), "-1234.5"),
        ("5 - ", NumberFormat(minus="after"), "-5"),
    ],
)
def test_numbers_that_are_read(
    text: str, format: NumberFormat, expected: str, engine: duckdb.DuckDBPyConnection
) -> None:
    assert parse_number(text, format) == Decimal(expected)
    sql = amount_sql("t", format)
    got = engine.execute(f"SELECT {sql}, typeof({sql}) FROM (SELECT ? AS t)", [text]).fetchone()
    assert got == (Decimal(expected), "DECIMAL(24,6)")


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("", PLAIN),
        ("  ", PLAIN),
        (".", PLAIN),
        ("-", PLAIN),
        ("12,5", PLAIN),
        ("1.234.567", PLAIN),
        ("1 234", PLAIN),
        ("1e5", PLAIN),
        ("1_000", PLAIN),
        ("0x10", PLAIN),
        ("--5", PLAIN),
        ("(5)", PLAIN),
        ("5-", PLAIN),
        ("$5", PLAIN),
        ("nan", PLAIN),
        ("inf", PLAIN),
        ("１２", PLAIN),
        ("12\x005", PLAIN),
        ("12\n5", PLAIN),
        ("=1+1", PLAIN),
        ("1234567890123456", PLAIN),
        ("9" * 100_000, PLAIN),
        (" " * 10_000 + "x", PLAIN),
        ("12,34", NumberFormat(thousands=",")),  # a group has three digits
        ("1234,567", NumberFormat(thousands=",")),
        ("1,234", NumberFormat(decimal=".")),
        ("1.234,5", NumberFormat(decimal=",")),
        ("(-5)", NumberFormat(minus="parentheses")),
        ("-5-", NumberFormat(minus="after")),
    ],
)
def test_texts_that_are_refused(
    text: str, format: NumberFormat, engine: duckdb.DuckDBPyConnection
) -> None:
    assert parse_number(text, format) is None
    sql = f"SELECT regexp_like(t, '{valid_pattern(format)}') FROM (SELECT ? AS t)"
    assert engine.execute(sql, [text]).fetchone() == (False,)
    problem, remedy = why_no_number(text, format)
    assert problem and remedy


def test_a_sign_has_one_meaning() -> None:
    with pytest.raises(StudyError, match="both decimals and thousands"):
        NumberFormat(decimal=",", thousands=",")
    with pytest.raises(StudyError, match="thousands is ';'"):
        NumberFormat(thousands=";")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("", "empty"),
        ("\u00a0", "empty"),
        ("-12", "integer"),
        ("0.500", "point"),  # no group of thousands begins with 0
        ("1234.500", "point"),
        ("12.50", "point"),
        ("12.500", "point_groups_one"),
        ("12.500\u00a0", "point_groups_one"),
        ("-1.234.567", "point_groups_many"),
        ("12,5", "comma"),
        ("1234,500", "comma"),
        ("12,500", "comma_groups_one"),
        ("1,234,567", "comma_groups_many"),
        ("1.234,5", "both"),
        ("1,234.567", "both"),
        ("12.345.6", "other"),
        ("1 234", "blanks"),
        ("1 234,50", "blanks"),
        ("12 34", "other"),
        ("1'234.5", "apostrophes"),
        ("(1.234)", "parentheses"),
        ("123-", "minus_after"),
        ("1.2E+05", "exponent"),
        ("1e5", "exponent"),
        ("USD 5", "other"),
        ("US$ 5", "currency"),
        ("5 €", "currency"),
        ("1234567890123456.1", "too_long"),
        ("n/a", "other"),
        ("12\n", "integer"),
        ("x" * 1_000_000, "other"),
    ],
)
def test_shapes(text: str, shape: str, engine: duckdb.DuckDBPyConnection) -> None:
    assert shape_of(text) == shape
    row = engine.execute(shape_sql("t", "(SELECT ? AS t)"), [text]).df().iloc[0]
    assert {name: int(row[name]) for name in SHAPES if row[name]} == {shape: 1}


@pytest.mark.parametrize(
    "texts",
    [
        ("12", "12.5", "-12.50"),
        ("12", "13"),
        ("0.500", "12.500"),
        ("1234.500", "1.500"),
        ("", "7"),
        ("1e5", "12.5", "n/a"),  # refused row by row, nothing to ask
    ],
)
def test_columns_without_a_question(texts: tuple[str, ...]) -> None:
    assert number_question(count_shapes(column(*texts)), "value") is None


@pytest.mark.parametrize(
    ("texts", "value", "words"),
    [
        (("12.500", "7"), "12.500", ("12.5 or 12500", 'decimal = "."', 'thousands = "."')),
        (("1.234.567", "12.500"), "1.234.567", ('thousands = "."',)),
        (("1.234.567", "12.5"), "1.234.567", ("12.5", "one form")),
        (("12,500", "7"), "12,500", ("12.5 or 12500", 'decimal = ","', 'thousands = ","')),
        (("12,5", "12,500"), "12,5", ('decimal = ","',)),
        (("1,234,567", "12,500"), "1,234,567", ('thousands = ","',)),
        (("1,234,567", "12,5"), "12,5", ("one form",)),
        (("1.234,5",), "1.234,5", ('decimal = "," and thousands = "."',)),
        (("1,234.5",), "1,234.5", ('decimal = "." and thousands = ","',)),
        (("1 234",), "1 234", ('thousands = " "',)),
        (("1'234",), "1'234", ('thousands = "\'"',)),
        (("(12)", "12.5"), "(12)", ('minus = "parentheses"',)),
        (("12-", "12.5"), "12-", ('minus = "after"',)),
    ],
)
def test_what_is_asked(
    texts: tuple[str, ...],
    value: str,
    words: tuple[str, ...],
    engine: duckdb.DuckDBPyConnection,
) -> None:
    fault = number_question(count_shapes(column(*texts)), "value")
    assert fault is not None and fault.column == "value" and fault.value == value
    for word in words:
        assert word in str(fault)
    rows = " UNION ALL ".join("SELECT '" + t.replace("'", "''") + "' AS t" for t in texts)
    in_sql = engine.execute(shape_sql("t", f"({rows})")).df().iloc[0]
    assert number_question(in_sql, "value") == fault


def test_what_is_declared_is_not_asked() -> None:
    counts = count_shapes(column("12.500", "(7)"))
    asked = [
        number_question(counts, "value", format)
        for format in (
            PLAIN,
            NumberFormat(minus="parentheses"),
            NumberFormat(decimal="."),
            NumberFormat(decimal=".", minus="parentheses"),
        )
    ]
    assert [None if f is None else f.value for f in asked] == ["12.500", "12.500", "(7)", None]


def test_one_stray_text_does_not_settle_the_point() -> None:
    """12.5 among a thousand texts like 12.500 is likelier a slip than the rule."""
    few = ShapeCounts(point=1, point_groups_one=1000, eg_point="12.5", eg_point_groups_one="12.500")
    some = ShapeCounts(
        point=20, point_groups_one=1000, eg_point="12.5", eg_point_groups_one="12.500"
    )
    assert number_question(few, "value") is not None
    assert number_question(some, "value") is None


def test_a_column_without_rows(engine: duckdb.DuckDBPyConnection) -> None:
    row = engine.execute(shape_sql("t", "(SELECT 'x' AS t WHERE false)")).df().iloc[0]
    assert ShapeCounts.of_row(row) == ShapeCounts()
    assert number_question(row, "value") is None


@pytest.mark.parametrize(
    ("text", "format", "cause"),
    [
        ("1.2E+05", PLAIN, "spreadsheet shortened"),
        ("-inf", PLAIN, "not finite"),
        ("NaN", PLAIN, "not finite"),
        ("=SUMA(A1:A2)", PLAIN, "formula"),
        ("#¡REF!", PLAIN, "error of a spreadsheet"),
        ("12,5", PLAIN, "comma"),
        ("(5)", PLAIN, "parentheses"),
        ("twelve", PLAIN, "expected a number"),
        ("12.5", NumberFormat(decimal=","), "as declared"),
        ("", NumberFormat(decimal=","), "empty"),
        ("1234567890123456", PLAIN, "15 digits"),
    ],
)
def test_causes(text: str, format: NumberFormat, cause: str) -> None:
    assert cause in why_no_number(text, format)[0]


WRITTEN = st.one_of(
    st.text(alphabet="0123456789.,-+ ()'’eE$\u00a0\u202f", max_size=24),
    st.from_regex(r"[+-]?[0-9]{1,3}([.,' ]?[0-9]{3}){0,4}([.,][0-9]{0,9})?-?", fullmatch=True),
    st.text(max_size=12).filter(lambda t: not any("\ud800" <= c <= "\udfff" for c in t)),
    st.tuples(st.sampled_from(OUTER_BLANKS), st.decimals(-99999, 99999, places=8)).map(
        lambda p: f"{p[0]}{p[1]:f}{p[0]}"
    ),
)


@given(st.lists(WRITTEN, min_size=1, max_size=30), st.sampled_from(FORMATS))
@example(["\x1c5", "5\x85", "1\u20005"], PLAIN)
def test_python_and_sql_agree(texts: list[str], format: NumberFormat) -> None:
    with duckdb.connect() as engine:
        engine.execute("CREATE MACRO regexp_like(t, p) AS regexp_matches(t, p)")
        engine.register("given_texts", pd.DataFrame({"t": pd.Series(texts, dtype="str")}))
        valid = f"regexp_like(t, '{valid_pattern(format)}')"
        amount = f"CASE WHEN {valid} THEN {amount_sql('t', format)} END"
        rows = engine.execute(f"SELECT t, {valid}, {amount} FROM given_texts").fetchall()
        for text, is_valid, got in rows:
            expected = parse_number(text, format)
            assert is_valid == (expected is not None), text
            assert got == expected, text
        in_sql = engine.execute(shape_sql("t", "given_texts")).df().iloc[0]
    counts = pd.Series(texts).groupby(pd.Series(texts)).size()
    assert ShapeCounts.of_row(in_sql) == count_shapes(counts)


@given(st.decimals(-(10**14), 10**14, places=6), st.sampled_from(FORMATS))
def test_a_number_written_in_a_format_is_read_back(number: Decimal, format: NumberFormat) -> None:
    whole, _, decimals = f"{abs(number):,.6f}".partition(".")
    text = whole.replace(",", format.thousands or "") + format.point + decimals
    if number < 0:
        text = {"after": f"{text}-", "parentheses": f"({text})"}.get(format.minus or "", f"-{text}")
    assert parse_number(text, format) == number


@given(st.lists(WRITTEN, max_size=8))
def test_what_needs_no_question_has_one_reading(texts: list[str]) -> None:
    """Where a column is read undeclared, no number in it could be thousands and decimals alike in every text."""
    counts = count_shapes(column(*dict.fromkeys(texts)))
    if number_question(counts, "value") is None:
        dotted = [t for t in texts if parse_number(t, PLAIN) is not None and "." in t]
        as_thousands = [parse_number(t, NumberFormat(thousands=".")) for t in dotted]
        assert not dotted or None in as_thousands


@given(st.text() | st.sampled_from(["\ud800", "=cmd|' /C calc'!A0", "1" * 1_000_000]))
def test_no_text_breaks_it(text: str) -> None:
    assert shape_of(text) in SHAPES
    for format in FORMATS[::7]:
        if parse_number(text, format) is None:
            problem, remedy = why_no_number(text, format)
            assert problem and remedy
