"""Both engines: what our SQL needs, against values worked by hand, and the same on each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from impact.core.errors import DataError
from impact.engines.relations import ENGINES, Relations

HAS_SPARK = find_spec("pyspark") is not None and (
    "JAVA_HOME" in os.environ or shutil.which("java") is not None
)
D = Decimal


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Relations]]:
    """Each engine once; Spark when it is first asked for."""
    engines: dict[str, Relations] = {}
    yield engines
    for relations in engines.values():
        relations.close()


@pytest.fixture(params=ENGINES)
def relations(request: pytest.FixtureRequest, opened: dict[str, Relations]) -> Relations:
    return engine(request.param, opened)


@pytest.fixture
def both(opened: dict[str, Relations]) -> list[Relations]:
    return [engine(name, opened) for name in ENGINES]


def engine(name: str, opened: dict[str, Relations]) -> Relations:
    if name == "spark" and not HAS_SPARK:
        pytest.skip("pyspark or Java is not here")
    if name not in opened:
        opened[name] = _open(name)
    return opened[name]


def _open(name: str) -> Relations:
    if name == "duckdb":
        from impact.engines.duckdb_relations import DuckRelations

        return DuckRelations(max_memory="1GB", threads=2)
    from impact.engines.spark_relations import SparkRelations

    return SparkRelations(max_memory="1GB", threads=2)


@pytest.fixture
def put(relations: Relations) -> Iterator[Any]:
    """Put a table that is dropped after the test."""
    names = []

    def put(name: str, columns: dict[str, Any]) -> None:
        relations.put(name, pd.DataFrame(columns))
        names.append(name)

    yield put
    for name in names:
        relations.drop(name)


def cells(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Rows as plain values; missing is None."""

    def plain(value: Any) -> Any:
        if value is None or value is pd.NA or value is pd.NaT or value != value:
            return None
        if isinstance(value, pd.Timestamp):
            return value.date()
        return value.item() if hasattr(value, "item") else value

    return [tuple(plain(v) for v in row) for row in frame.itertuples(index=False)]


def typed(value: Any) -> Any:
    """A value that is equal only to values of its type, and decimals only to those of its scale."""
    return (type(value).__name__, str(value))


# --- expressions: SQL with {x} for a column of text, then texts and what must come of them -----------------------------------

TEXT = [
    ("trim({x})", {"  a b  ": "a b", "\ta ": "\ta", "": "", "\u00a0a": "\u00a0a", "é ": "é"}),
    ("ltrim({x})", {"  a ": "a "}),
    ("rtrim({x})", {"  a ": "  a"}),
    ("btrim({x}, 'x ')", {"x x a x": "a"}),
    ("trim(LEADING '0' FROM {x})", {"00120": "120", "000": "", "1200": "1200"}),
    ("translate({x}, '.,', 'x')", {"1.234,5": "1x2345"}),
    ("replace({x}, '.', '')", {"1.234.567": "1234567", "é": "é"}),
    ("substring({x}, 2, 3)", {"abcdef": "bcd", "é𝄞xy": "𝄞xy", "a": "", "ab": "b"}),
    ("left({x}, 2) || right({x}, 1)", {"abc": "abc", "é𝄞x": "é𝄞x", "": ""}),
    ("lpad({x}, 3, '0')", {"7": "007", "1234": "123"}),
    ("upper({x})", {"abc": "ABC", "ñandú": "ÑANDÚ", "çã": "ÇÃ", "1-a": "1-A"}),
    ("lower({x})", {"ABC": "abc", "ÑANDÚ": "ñandú"}),
    ("reverse({x})", {"abc": "cba"}),
    ("repeat({x}, 2)", {"ab": "abab"}),
    ("split_part({x}, '-', 2)", {"a-b-c": "b", "a": ""}),
    ("concat_ws('-', {x}, NULL, 'z')", {"a": "a-z"}),
    ("nullif({x}, '')", {"": None, " ": " "}),
    ("CASE WHEN {x} = 'a' THEN 'first' WHEN {x} > 'a' THEN 'later' ELSE 'before' END",
     {"a": "first", "b": "later", "Z": "before", "é": "later"}),
    ("'back\\slash \\n ' || {x}", {"a": "back\\slash \\n a"}),
    ("coalesce(CAST(NULL AS STRING), {x})", {"a": "a"}),
    ("length({x})", {"": 0, "é𝄞x": 3, "a\0b": 3}),
    ("instr({x}, 'b')", {"abc": 2, "x": 0}),
    ("contains({x}, 'b')", {"abc": True, "x": False}),
    ("startswith({x}, '00') AND NOT endswith({x}, '0')", {"001": True, "000": False}),
    ("{x} IS DISTINCT FROM 'a'", {"a": False, "b": True}),
    ("{x} IN ('a', 'b')", {"a": True, "c": False}),
    ("{x} BETWEEN 'A' AND 'b'", {"a": True, "c": False}),
]  # fmt: skip

PATTERNS = [
    (r"regexp_like({x}, '^\d+\z')", {"12": True, "12\n": False, "٣": False, "": False, "1a": False}),
    (r"regexp_like({x}, '\d')", {"a1b": True, "ab": False}),
    (r"regexp_like({x}, '^[+-]?[0-9]{1,3}([.][0-9]{3})*(,[0-9]+)?\z')",
     {"12.500": True, "-1.234,50": True, "1234": False, "12,500.0": False}),
    (r"regexp_like({x}, '^(19|20)\d{2}-\d{2}-\d{2}\z')", {"2015-01-31": True, "2015-1-31": False}),
    (r"regexp_like({x}, '(?i)^oct')", {"OCT-49": True, "nov": False}),
    (r"regexp_like({x}, '[^\x{20}-\x{7e}]')", {"abc": False, "é": True, "\u200b": True}),
    (r"regexp_like({x}, '^.\z')", {"é": True, "𝄞": True, "ab": False}),
    ("regexp_extract({x}, '^([A-Z]+)([0-9]+)', 2)", {"AB12x": "12", "x": ""}),
]  # fmt: skip

NUMBERS = [
    ("try_cast({x} AS BIGINT)", {"12": 12, "-5": -5, "+5": 5, " 12 ": 12, "12x": None, "": None,
                                 "9223372036854775807": 2**63 - 1, "9223372036854775808": None}),
    ("try_cast({x} AS DOUBLE)", {"0.1": 0.1, "1e5": 1e5, "x": None, "-2.5": -2.5}),
    ("CAST({x} AS DECIMAL(24,6))", {"1.2345675": D("1.234568"), "-1.2345675": D("-1.234568"), "1.23456749999": D("1.234567"),
                                    ".5": D("0.500000"), "1e3": D("1000.000000"), "0.0000005": D("0.000001"),
                                    "123456789012345678.123456": D("123456789012345678.123456")}),
    ("try_cast({x} AS DECIMAL(24,6))", {"1234567890123456789.5": None, "1,5": None, "": None, "NaN": None}),
    ("CAST(round(CAST({x} AS DECIMAL(24,6)), 0) AS BIGINT)",
     {"2.5": 3, "-2.5": -3, "0.5": 1, "-0.5": -1, "3.5": 4, "-2.499999": -2, "2.499999": 2}),
    ("round(CAST({x} AS DECIMAL(24,6)), 2)", {"2.345": D("2.35"), "-2.345": D("-2.35"), "2.344999": D("2.34")}),
    ("CAST(CAST({x} AS BIGINT) AS DECIMAL(18,0)) * CAST('1234.123456789012345' AS DECIMAL(19,15))",
     {"123456789012345678": D("152360919219987805404.824265349394910"), "-1": D("-1234.123456789012345")}),
    ("CAST(CAST({x} AS BIGINT) AS DECIMAL(38,0)) * CAST(CAST({x} AS BIGINT) AS DECIMAL(38,0))",
     {"9000000000000000000": D("81000000000000000000000000000000000000"), "-3": D("9")}),
    # Just above the middle between two doubles, and in it: 66, 67, 68 and 71 bits, of which a double keeps 53.
    ("CAST(CAST(CAST({x} AS DECIMAL(38,0)) AS STRING) AS DOUBLE)",
     {str(n): float(n) for n in (2**65 + 2**12 + 1, 2**66 + 2**13, -(2**67 + 2**14 + 1), 2**70 + 3 * 2**17 + 1,
                                 36893488147419103233)}),
    ("CAST(CAST({x} AS DECIMAL(24,6)) AS STRING)", {"0": "0.000000", "-.5": "-0.500000", "1e3": "1000.000000"}),
    ("CAST(floor(CAST({x} AS DOUBLE)) AS BIGINT)", {"2.7": 2, "-2.1": -3, "-1": -1, "1e15": 10**15}),
    ("CAST(CAST({x} AS BIGINT) AS STRING)", {"-7": "-7"}),
    ("CAST(1 AS DOUBLE) / CAST({x} AS DOUBLE)", {"3": 1 / 3, "7": 1 / 7}),
    ("CAST({x} AS BIGINT) % 7", {"16": 2, "-16": -2}),
    ("CAST({x} AS BIGINT) / 2", {"7": 3.5}),
    ("abs(CAST({x} AS BIGINT))", {"-5": 5}),
    ("greatest(CAST({x} AS BIGINT), 3) - least(CAST({x} AS BIGINT), 3)", {"5": 2, "-1": 4}),
    ("if(CAST({x} AS BIGINT) > 3, 1, 0)", {"5": 1, "3": 0}),
    ("CAST({x} AS DATE)", {"2015-01-31": date(2015, 1, 31), "2016-02-29": date(2016, 2, 29)}),
    ("year(CAST({x} AS DATE)) * 12 + month(CAST({x} AS DATE))", {"2015-01-31": 2015 * 12 + 1}),
    ("CAST(make_date(CAST({x} AS INT), 2, 5) AS STRING)", {"2010": "2010-02-05"}),
    ("CAST({x} AS DATE) < DATE '2015-02-01'", {"2015-01-31": True, "2015-02-01": False}),
]  # fmt: skip
NOT_NULL_OF_NULL = {"concat_ws", "if(", "greatest", "coalesce(", "CASE WHEN", "IS DISTINCT"}


@pytest.mark.parametrize("cases", [TEXT, PATTERNS, NUMBERS], ids=["text", "patterns", "numbers"])
def test_expressions_give_the_values_worked_by_hand(
    relations: Relations, put: Any, cases: list[tuple[str, dict[str, Any]]]
) -> None:
    height = max(len(c) for _, c in cases) + 1  # one more: what comes of NULL
    texts = [[*c, *[None] * (height - len(c))] for _, c in cases]
    put(
        "texts",
        {"k": range(height)} | {f"x{i}": pd.Series(t, dtype="str") for i, t in enumerate(texts)},
    )
    picked = [sql.replace("{x}", f"x{i}") for i, (sql, _) in enumerate(cases)]
    found = relations.frame(
        "SELECT "
        + ", ".join(f"{p} AS v{i}" for i, p in enumerate(picked))
        + " FROM texts ORDER BY k"
    )
    for i, (sql, expected) in enumerate(cases):
        values = [row[0] for row in cells(found[[f"v{i}"]])]
        got = dict(zip(expected, values, strict=False))
        assert {k: typed(v) for k, v in got.items()} == {
            k: typed(v) for k, v in expected.items()
        }, sql
        if not any(word in sql for word in NOT_NULL_OF_NULL):
            assert values[-1] is None, sql


# --- queries: SQL over a few shipments, and the rows that it must give ----------------------------------------------------------

SHIPMENTS = {
    "firm": ["b", "a", "a", "é", None, "a", "𝄞", "\uffff"],
    "year": [2011, 2010, 2010, 2010, 2010, 2011, 2010, 2010],
    "product": ["0901", "0901", "2709", None, "0901", "0901", "0901", "0901"],
    "cents": [700, 3_037_000_499, -100, 5, 11, 9_000_000_000_000_000_000, 1, 2],
}
FIRMS = {"firm": ["a", "c", None], "birth": pd.array([1999, None, 2005], dtype="Int64")}

QUERIES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "sums, counts and extremes by group": (
        """SELECT year, CAST(sum(cents) AS BIGINT) AS cents, count(*) AS n, count(firm) AS named, count(DISTINCT product) AS products,
        min(firm) AS first, max(firm) AS last, bool_or(cents < 0) AS any_below, bool_and(product = '0901') AS coffee,
        count(*) FILTER (WHERE cents > 10) AS large FROM shipments GROUP BY year ORDER BY year""",
        [(2010, 3_037_000_418, 6, 5, 2, "a", "𝄞", True, False, 2),
         (2011, 9_000_000_000_000_000_700, 2, 2, 1, "a", "b", False, True, 2)],
    ),
    "a sum of squares beyond 64 bits": (
        "SELECT CAST(sum(CAST(cents AS DECIMAL(38,0)) * CAST(cents AS DECIMAL(38,0))) AS DECIMAL(38,0)) AS squares FROM shipments",
        [(D(sum(c * c for c in SHIPMENTS["cents"])),)],
    ),
    "a missing key is a group of its own": (
        "SELECT product, count(*) AS n FROM shipments GROUP BY product HAVING count(*) > 0 ORDER BY product NULLS LAST",
        [("0901", 6), ("2709", 1), (None, 1)],
    ),
    "text is ordered by code points": (
        "SELECT DISTINCT firm FROM shipments ORDER BY firm DESC NULLS LAST",
        [("𝄞",), ("\uffff",), ("é",), ("b",), ("a",), (None,)],
    ),
    "missing comes first unless said otherwise": (
        "SELECT DISTINCT firm FROM shipments WHERE firm IS NULL OR firm < 'c' ORDER BY firm",
        [(None,), ("a",), ("b",)],
    ),
    "missing keys join nothing": (
        "SELECT s.firm, s.cents, f.birth FROM shipments s JOIN firms f ON s.firm = f.firm ORDER BY s.cents",
        [("a", -100, 1999), ("a", 3_037_000_499, 1999), ("a", 9_000_000_000_000_000_000, 1999)],
    ),
    "a left join keeps every row": (
        "SELECT f.firm, count(s.firm) AS n FROM firms f LEFT JOIN shipments s ON s.firm = f.firm GROUP BY f.firm "
        "ORDER BY f.firm NULLS LAST",
        [("a", 3), ("c", 0), (None, 0)],
    ),
    "semi join": (
        "SELECT f.firm FROM firms f WHERE EXISTS (SELECT 1 FROM shipments s WHERE s.firm = f.firm) ORDER BY f.firm",
        [("a",)],
    ),
    "anti join": (
        "SELECT f.firm FROM firms f WHERE NOT EXISTS (SELECT 1 FROM shipments s WHERE s.firm = f.firm) "
        "ORDER BY f.firm NULLS LAST",
        [("c",), (None,)],
    ),
    "a year grid": (
        "SELECT f.firm, y.year FROM firms f CROSS JOIN (SELECT CAST(year AS INT) AS year FROM range(2010, 2012) AS t(year)) y "
        "WHERE f.firm IS NOT NULL ORDER BY f.firm, y.year",
        [("a", 2010), ("a", 2011), ("c", 2010), ("c", 2011)],
    ),
    "windows over a total order": (
        """SELECT firm, year, row_number() OVER (PARTITION BY firm ORDER BY year, cents) AS place,
        lag(cents) OVER (PARTITION BY firm ORDER BY year, cents) AS before,
        CAST(sum(cents) OVER (PARTITION BY firm ORDER BY year, cents ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        AS BIGINT) AS until FROM shipments WHERE firm < 'c' ORDER BY firm, year, cents""",
        [("a", 2010, 1, None, -100), ("a", 2010, 2, -100, 3_037_000_399),
         ("a", 2011, 3, 3_037_000_499, 9_000_000_003_037_000_399), ("b", 2011, 1, None, 700)],
    ),
    "one set under another": (
        "SELECT firm, 1 AS side FROM firms UNION ALL SELECT firm, CAST(2 AS BIGINT) AS side FROM shipments WHERE firm = 'b' "
        "ORDER BY side, firm NULLS LAST",
        [("a", 1), ("c", 1), (None, 1), ("b", 2)],
    ),
    "the row of the largest": (
        "WITH best AS (SELECT firm, max_by(product, cents) AS product, min_by(year, cents) AS year FROM shipments "
        "GROUP BY firm) SELECT product, year FROM best WHERE firm = 'a'",
        [("0901", 2010)],
    ),
    "a query in a query": (
        "SELECT (SELECT count(*) FROM firms) AS firms, (SELECT max(year) FROM shipments) AS year",
        [(3, 2011)],
    ),
    "rows out of nothing": (
        "SELECT n, word FROM (VALUES (2, 'b'), (1, NULL)) AS t(n, word) ORDER BY n",
        [(1, None), (2, "b")],
    ),
    "no rows": ("SELECT firm, cents FROM shipments WHERE 1 = 0", []),
    "a name with a quote": ('SELECT "a ""b" FROM (SELECT 1 AS "a ""b")', [(1,)]),
    "not-a-number is larger than every number": (
        "SELECT max(x) AS x, count(x) AS n FROM (SELECT CAST('NaN' AS DOUBLE) AS x UNION ALL SELECT 1e300 AS x)",
        [(None, 2)],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def shipments(opened: dict[str, Relations]) -> set[str]:
    return set()


@pytest.mark.parametrize("name", QUERIES)
def test_queries_give_the_rows_worked_by_hand(
    relations: Relations, shipments: set[str], name: str
) -> None:
    if relations.name not in shipments:
        shipments.add(relations.name)
        relations.put("shipments", pd.DataFrame(SHIPMENTS))
        relations.put("firms", pd.DataFrame(FIRMS))
    sql, expected = QUERIES[name]
    assert [[*map(typed, r)] for r in cells(relations.frame(sql))] == [
        [*map(typed, r)] for r in expected
    ]


STOPS = {
    "a division by zero": "SELECT 1 / (k - k) AS x FROM one",
    "a division of doubles by zero": "SELECT CAST(1 AS DOUBLE) / CAST(k - k AS DOUBLE) AS x FROM one",
    "a sum beyond BIGINT": "SELECT 9223372036854775807 + k AS x FROM one",
    "a sum of rows beyond BIGINT": "SELECT sum(x) AS x FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT k AS x FROM one)",
    "a square beyond DECIMAL(38, 0)": "SELECT CAST(k + 99999999999999999999 AS DECIMAL(38,0)) * 99999999999999999999 AS x FROM one",
    "a text that is no number": "SELECT CAST('x' || k AS BIGINT) AS x FROM one",
}


@pytest.mark.parametrize("name", STOPS)
def test_what_cannot_be_right_stops_the_query(relations: Relations, put: Any, name: str) -> None:
    put("one", {"k": [1]})
    with pytest.raises(
        Exception, match=r"(?i)overflow|divi|cast|convert|range|represent"
    ) as caught:
        relations.frame(STOPS[name])
    assert not isinstance(caught.value, AssertionError)


def test_a_frame_has_the_promised_types(relations: Relations, put: Any) -> None:
    put("all_kinds", {
        "s": ["a", None], "i": pd.array([2**62 + 1, None], dtype="Int64"), "j": [1, 2], "d": [0.5, None],
        "b": [True, False], "c": pd.array([None, True], dtype="boolean"), "e": pd.Series([None, None], dtype="str"),
        "o": pd.Series([None, "x"], dtype="object"),
    })  # fmt: skip
    frame = relations.frame("SELECT *, CAST(j AS INT) AS narrow, CAST(j AS DECIMAL(9,2)) AS m, CAST('2015-01-31' AS DATE) AS t "
                            "FROM all_kinds ORDER BY j")  # fmt: skip
    assert [str(t) for t in frame.dtypes] == [
        "str", "Int64", "int64", "float64", "bool", "boolean", "str", "str", "int64", "object", "datetime64[s]",
    ]  # fmt: skip
    assert cells(frame)[0] == (
        "a",
        2**62 + 1,
        1,
        0.5,
        True,
        None,
        None,
        None,
        1,
        D("1.00"),
        date(2015, 1, 31),
    )
    assert cells(frame)[1] == (
        None,
        None,
        2,
        None,
        False,
        True,
        None,
        "x",
        2,
        D("2.00"),
        date(2015, 1, 31),
    )
    empty = relations.frame("SELECT * FROM all_kinds WHERE j > 9")
    assert len(empty) == 0 and str(empty["s"].dtype) == "str" and str(empty["i"].dtype) == "int64"


def test_hostile_text_comes_back_unchanged(relations: Relations, put: Any) -> None:
    texts = ["", " ", "\0", "a\0b", "it's", 'a"b', "\\", "\n\r\t", "\u200f\u202e", "😀", "\ufeff", "=cmd|' /C calc'!A0",
             "NULL", "x" * 1_000_000]  # fmt: skip
    put("hostile", {"k": range(len(texts)), "t": texts})
    assert list(relations.frame("SELECT t FROM hostile ORDER BY k")["t"]) == texts


def test_an_unknown_kind_of_column_is_refused(relations: Relations) -> None:
    with pytest.raises(TypeError, match="'when' is datetime"):
        relations.put("bad", pd.DataFrame({"when": pd.to_datetime(["2015-01-31"])}))
    with pytest.raises(TypeError, match="'mix' is object"):
        relations.put("bad", pd.DataFrame({"mix": pd.Series([1, "a"], dtype="object")}))


def test_names_are_given_once_and_forgotten(relations: Relations) -> None:
    relations.put("once", pd.DataFrame({"k": [1, 2]}))
    with pytest.raises(ValueError, match="'once' already"):
        relations.view("once", "SELECT 1 AS k")
    relations.make("made", "SELECT k + 1 AS k FROM once")
    relations.drop("once")
    assert cells(relations.frame("SELECT k FROM made ORDER BY k")) == [(2,), (3,)]
    relations.view("once", "SELECT k FROM made WHERE k > 2")
    assert cells(relations.frame("SELECT k FROM once")) == [(3,)]
    relations.drop("once")
    relations.drop("made")
    with pytest.raises(ValueError, match="no relation 'made'"):
        relations.drop("made")


def test_a_name_is_free_again_after_a_query_that_failed(relations: Relations) -> None:
    with pytest.raises(Exception, match=r"(?i)nowhere"):
        relations.make("failed", "SELECT * FROM nowhere")
    relations.make("failed", "SELECT 1 AS k")
    relations.drop("failed")


def test_a_sum_is_bigint_wherever_it_goes(relations: Relations, tmp_path: Path) -> None:
    relations.view(
        "summed", "SELECT sum(n) AS n, count_if(n > 1) AS m FROM (VALUES (1), (2)) AS t(n)"
    )
    relations.write("SELECT sum(n) AS n, m FROM summed GROUP BY m", tmp_path / "out.parquet")
    assert relations.parquet("back", [tmp_path / "out.parquet"]) == {"n": "integer", "m": "integer"}
    assert cells(relations.frame("SELECT * FROM back")) == [(3, 1)]
    relations.drop("back")
    relations.drop("summed")


ORDERED = """SELECT CAST(n % 1009 AS INT) AS place, n, 'firm ' || n AS firm, CAST(n AS DECIMAL(18,2)) AS money, n / 7 AS part,
    n % 2 = 0 AS even, DATE '2015-01-31' AS day, nullif(n % 5, 0) AS holes FROM (SELECT n FROM range(0, 30000) AS t(n))
    ORDER BY place DESC, n"""


def test_a_file_keeps_the_order_of_its_query(relations: Relations, tmp_path: Path) -> None:
    relations.write(ORDERED, tmp_path / "out.parquet")
    found = pd.read_parquet(tmp_path / "out.parquet")
    n = pd.Series(range(30_000))
    expected = pd.DataFrame({
        "place": n % 1009, "n": n, "firm": "firm " + n.astype("str"), "money": [D(i).quantize(D("0.01")) for i in n],
        "part": n / 7, "even": n % 2 == 0, "day": date(2015, 1, 31), "holes": (n % 5).where(n % 5 > 0),
    }).sort_values(["place", "n"], ascending=[False, True], ignore_index=True)  # fmt: skip
    assert [str(t) for t in found.dtypes] == [
        "int64", "int64", "str", "object", "float64", "bool", "object", "float64",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_a_file_of_several_tasks_keeps_the_order_too(
    opened: dict[str, Relations], tmp_path: Path
) -> None:
    spark: Any = engine("spark", opened)
    settings = spark._session.spark.conf
    settings.set("spark.sql.adaptive.coalescePartitions.enabled", "false")
    try:
        with spark._computed(ORDERED, "computing") as rows:
            parts = len(list(spark.folder.glob("relations/*/part-*.parquet")))
            found = spark._files.frame(rows)
    finally:
        settings.unset("spark.sql.adaptive.coalescePartitions.enabled")
    assert parts > 2
    assert len(found) == 30_000 and found["place"].is_monotonic_decreasing
    assert found.groupby("place")["n"].is_monotonic_increasing.all()


def test_both_engines_give_equal_tables(both: list[Relations]) -> None:
    query = f"SELECT firm, count(*) AS n, max(money) AS most FROM ({ORDERED}) AS o GROUP BY firm ORDER BY firm LIMIT 500"
    pd.testing.assert_frame_equal(*[r.frame(query) for r in both], check_exact=True)


# --- received Parquet files ---------------------------------------------------------------------------------------------------


def parquet(folder: Path, name: str, columns: dict[str, Any]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path)
    return path


def test_kinds_of_received_columns(relations: Relations, tmp_path: Path) -> None:
    now = pd.Series(pd.to_datetime(["2015-01-31 12:00"]))
    path = parquet(tmp_path, "all.parquet", {
        "text": ["a"], "whole": pd.Series([1], dtype="int16"), "wide": [2**40], "float": pd.Series([0.5], dtype="float32"),
        "double": [0.5], "truth": [True], "money": [D("1.50")], "day": [date(2015, 1, 31)], "time": now, "nothing": [None],
        "list": [[1]],
    })  # fmt: skip
    assert relations.parquet("kinds", [path]) == {
        "text": "text", "whole": "integer", "wide": "integer", "float": "double", "double": "double", "truth": "boolean",
        "money": "decimal", "day": "date", "time": "timestamp", "nothing": "text", "list": "other",
    }  # fmt: skip
    found = relations.frame(
        "SELECT whole, money, day, CAST(time AS DATE) AS t, CAST(time AS STRING) AS s, nothing FROM kinds"
    )
    assert cells(found) == [
        (1, D("1.50"), date(2015, 1, 31), date(2015, 1, 31), "2015-01-31 12:00:00", None)
    ]
    with pytest.raises(TypeError, match="'time' is TIMESTAMP"):
        relations.frame("SELECT time FROM kinds")
    relations.drop("kinds")


def test_types_that_spark_does_not_know_are_read_all_the_same(
    relations: Relations, tmp_path: Path
) -> None:
    moments = pd.Series(pd.to_datetime(["2015-01-31 12:00:00.5"])).astype("datetime64[ns]")
    files = [
        parquet(tmp_path, "1.parquet", {"time": moments, "n": pd.Series([2**40], dtype="uint64")}),
        parquet(tmp_path, "2.parquet", {"time": moments.astype("datetime64[us]"), "n": [1]}),
    ]
    assert relations.parquet("times", files) == {"time": "timestamp", "n": "integer"}
    found = relations.frame("SELECT CAST(time AS DATE) AS day, n FROM times ORDER BY n")
    assert cells(found) == [(date(2015, 1, 31), 1), (date(2015, 1, 31), 2**40)]
    relations.drop("times")


def test_files_may_differ_in_width_order_and_empty_columns(
    relations: Relations, tmp_path: Path
) -> None:
    files = [
        parquet(
            tmp_path,
            "1.parquet",
            {"firm": ["a"], "n": pd.Series([1], dtype="int32"), "left": [None]},
        ),
        parquet(tmp_path, "2.parquet", {"left": ["2015"], "n": [2**40], "firm": ["b"]}),
        parquet(tmp_path, "3.parquet", {"firm": ["c"], "n": [3], "left": ["2016"]}),
    ]
    assert relations.parquet("three", files) == {"firm": "text", "n": "integer", "left": "text"}
    assert cells(relations.frame("SELECT * FROM three ORDER BY firm")) == [
        ("a", 1, None), ("b", 2**40, "2015"), ("c", 3, "2016"),
    ]  # fmt: skip
    relations.drop("three")


def test_the_name_of_a_file_is_no_pattern_and_no_column(
    relations: Relations, tmp_path: Path
) -> None:
    parquet(tmp_path, "a1.parquet", {"k": [0]})
    files = [
        parquet(tmp_path, name, {"k": [i]})
        for i, name in enumerate(
            ["a[1].parquet", "a*.parquet", "_it's ?.parquet", "year=2010/{x,y}.parquet"], 1
        )
    ]
    assert relations.parquet("named", files) == {"k": "integer"}
    assert cells(relations.frame("SELECT k FROM named ORDER BY k")) == [(1,), (2,), (3,), (4,)]
    relations.drop("named")


def test_files_that_differ_are_refused_with_every_difference(
    relations: Relations, tmp_path: Path
) -> None:
    files = [
        parquet(tmp_path, "2010.parquet", {"firm": ["a"], "value": [1.5]}),
        parquet(tmp_path, "2011.parquet", {"firm": [1], "value": [1.5]}),
        parquet(tmp_path, "2012.parquet", {"firm": ["a"], "valor": [1.5]}),
    ]
    with pytest.raises(DataError) as caught:
        relations.parquet("different", files)
    assert [(f.file, f.column, f.problem) for f in caught.value.faults] == [
        ("2011.parquet", "firm", "the column is integer here and text in 2010.parquet"),
        ("2012.parquet", "value", "the column is missing here and double in 2010.parquet"),
        ("2012.parquet", "valor", "the column is double here and missing in 2010.parquet"),
    ]


def test_two_names_that_differ_in_capitals_are_refused(
    relations: Relations, tmp_path: Path
) -> None:
    path = parquet(tmp_path, "twice.parquet", {"Value": [1], "value": [2]})
    with pytest.raises(DataError, match="two columns have this name, but for capital letters"):
        relations.parquet("twice", [path])


@pytest.mark.parametrize(
    "content", [b"", b"firm_id,value\n1,2\n", "cut"], ids=["empty", "text", "cut off"]
)
def test_a_damaged_file_is_named(relations: Relations, tmp_path: Path, content: Any) -> None:
    sound = parquet(tmp_path, "sound.parquet", {"k": range(1000)})
    path = tmp_path / "broken.parquet"
    path.write_bytes(sound.read_bytes()[:-200] if content == "cut" else content)
    with pytest.raises(
        DataError,
        match=r"broken\.parquet: the Parquet file cannot be read .*To mend: send the file again",
    ):
        relations.parquet("broken", [sound, path])
    with pytest.raises(DataError, match=r"gone\.parquet: the file does not exist"):
        relations.parquet("broken", [tmp_path / "gone.parquet"])


def test_damage_inside_a_file_is_named_when_it_is_met(relations: Relations, tmp_path: Path) -> None:
    files = [
        parquet(tmp_path, f"{name}.parquet", {"t": [f"{name}{i}" for i in range(2000)]})
        for name in "ab"
    ]
    raw = bytearray(files[1].read_bytes())
    raw[4:400] = b"\xff" * 396
    files[1].write_bytes(raw)
    relations.parquet("rotten", files)
    for compute in (
        lambda: relations.frame("SELECT max(t) AS t FROM rotten"),
        lambda: relations.make("copied", "SELECT t FROM rotten"),
        lambda: relations.write("SELECT t FROM rotten", tmp_path / "out.parquet"),
    ):
        with pytest.raises(DataError, match=r"^b\.parquet cannot be used"):
            compute()
    relations.drop("rotten")
