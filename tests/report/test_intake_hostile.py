"""Hostile cells in every column of every file and format: a refusal with faults, or rows and euros that add up; never more."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.utils.exceptions import IllegalCharacterError

from impact.core.errors import ImpactError
from impact.report.build import describe
from impact.report.receive import Received, inspect

FILES = {
    "customs": """firm_id,date,product,destination,value,currency,regime,quantity,unit
001,15/01/2008,090111,DE,100.00,EUR,10,5,kg
001,20/03/2008,090111,FR,50.00,USD,10,5,kg
002,31/12/2009,090111,NA,10.00,EUR,10,1,kg
003,13/05/2010,271012,US,40.00,EUR,10,2,l
001,02/02/2010,090111,DE,20.00,EUR,10,3,kg
001,25/02/2010,090111,DE,-5.00,EUR,10,1,kg""",
    "register": """firm_id,year,employees,sales,wages,sector,birth_year,region,country,size_class,women_led
001,2008,5,1000.50,10,C10,2001,N,EC,small,yes
001,2010,6,1100,11,C10,2001,N,EC,small,yes
002,2009,3,510,12,A01,1999,S,EC,small,no
003,2008,0,0,0,C13,2005,S,EC,small,no
003,2010,2,12,1,C13,2005,S,EC,small,no""",
    "roster": """firm_id,programme,service,joined,left,hours,cost,nucleus,partner,consortium,country,women_led
001,AL,fair,13/05/2009,14/05/2010,8,1500.00,a,b,c,EC,yes
002,AL,advice,02/11/2009,,20,500.00,a,b,c,EC,no
003,AL,advice,02/11/2009,,20,500.00,a,b,c,EC,no""",
    "budget": """programme,year,line,source,committed,disbursed,currency
AL,2009,services,EU,3000,2500.00,EUR
AL,2010,services,EU,3000,3125.00,USD""",
}
RATES = "currency,year,rate\nUSD,2008,1.25\nUSD,2009,1.25\nUSD,2010,1.25\n"
STUDY = """[study]
name = "hostile"
title = "Hostile cells"
programme = "A programme"
source = "drawn"
first_year = 2008
last_year = 2010
[customs]
file = "customs.{customs}"
{declared}
[roster]
file = "roster.{roster}"
currency = "EUR"
[register]
file = "register.{register}"
employment = "headcount"
currency = "EUR"
[budget]
file = "budget.{budget}"
[money]
rates = "rates.csv"
quoted = "currency_per_euro"
"""
HOSTILE = [
    "\x00", "a\x00b", "\x1b[31m", "=cmd|' /C calc'!A0", "@SUM(1)", "1e308", "1e-308", "NaN", "inf", "-Infinity", "١٢", "−5",
    "1,234.5", "12.500", "1.234.567", "", " ", "\u00a0", "\ufeff001", "NA", "NULL", "null", "😀", "\u202e001", "x" * 5000,
    "9" * 400, '"', 'a"b', "a\nb", "\r\n", "'", "''", "0901", "1.0E+05", "oct-49", "00123", "TOTAL", "2008", "2008.0",
    "31/02/2008", "2008-01-15", "01/15/2008", "15/01/08", "39465", "2008-01-15T10:00:00Z", "0000-00-00", "9999-12-31", "5-",
    "(5)", "$5", "0", "-0", "0.004", "12.3456", "99999999999999999999", "1_000", "0x10", "XX", "СО", "OTH", "maybe", "\ud83d",
    "\udcff", "Ã©", "e\u0301", "a;b", "\\N", "%s", "{0}", "$1", "002 ", "00-2", "1.001", "usd", "€",
]  # fmt: skip
TYPED: dict[str, tuple[pa.DataType, list[Any]]] = {
    "float": (pa.float64(), [1.0, 0.1 + 0.2, math.nan, math.inf, -math.inf, 1e308, 1e-320, 1e15, -3.0, 2008.0, None]),
    "small float": (pa.float32(), [1.5, math.nan, 2009.0, None]),
    "integer": (pa.int64(), [1, 0, -1, 2008, 2**62, -(2**63), None]),
    "unsigned": (pa.uint64(), [1, 2010, 2**64 - 1, None]),
    "decimal": (pa.decimal128(18, 4), [Decimal("1.2345"), Decimal("-3.1"), None]),
    "wide decimal": (pa.decimal128(38, 2), [Decimal(5), Decimal(10) ** 30, None]),
    "date": (pa.date32(), [date(2008, 3, 1), date(1, 1, 1), date(9999, 12, 31), None]),
    "time": (pa.timestamp("us"), [datetime(2009, 2, 3, 4, 5), datetime(1700, 1, 1), None]),
    "zoned": (pa.timestamp("ns", tz="UTC"), [datetime(2009, 2, 3, 4, 5), None]),
    "yes or no": (pa.bool_(), [True, False, None]),
    "nothing": (pa.null(), [None]),
    "bytes": (pa.binary(), [b"\xff\x00"]),
    "list": (pa.list_(pa.int64()), [[1, 2], None]),
}  # fmt: skip
DECLARED = [
    'negative = "net"', 'negative = "drop"', "",
    'negative = "net"\ndecimal = ","', 'negative = "net"\nthousands = ","', 'negative = "net"\nclassification = "other"',
    'negative = "net"\ndrop_unreadable = ["firm_id", "date", "product", "destination", "regime"]',
]  # fmt: skip
Rows = list[list[str]]


def rows_of(name: str) -> Rows:
    return [list(row) for row in csv.reader(io.StringIO(FILES[name]))]


def as_csv(folder: Path, name: str, rows: Rows, *, quoted: bool = True) -> None:
    text = io.StringIO()
    if quoted:
        csv.writer(text, lineterminator="\n").writerows(rows)
    else:
        text.write("\n".join(",".join(row) for row in rows))
    (folder / f"{name}.csv").write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))


def as_xlsx(folder: Path, name: str, rows: Rows) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for number, row in enumerate(rows, 1):
        for place, text in enumerate(row, 1):
            try:
                plain = text.replace(".", "", 1).isdecimal() and number > 1 and len(text) < 15
                sheet.cell(number, place, float(text) if plain else text)
            except (IllegalCharacterError, ValueError):
                sheet.cell(number, place, "#REF!")  # no workbook can hold it
    try:
        book.save(folder / f"{name}.xlsx")
    except UnicodeEncodeError:
        Workbook().save(folder / f"{name}.xlsx")


def as_parquet(folder: Path, name: str, rows: Rows, typed: dict[int, pa.Array]) -> None:
    head, *body = rows
    texts = [[r[j].encode("utf-8", "replace").decode() for r in body] for j in range(len(head))]
    columns = [typed.get(j, pa.array(column, pa.string())) for j, column in enumerate(texts)]
    pq.write_table(pa.table(columns, names=head), folder / f"{name}.parquet")


def written(
    folder: Path, name: str, form: str, rows: Rows, typed: dict[int, pa.Array], declared: str
) -> Path:
    """The four files, one of them hostile, and their study."""
    endings = dict.fromkeys(FILES, "csv")
    for other in FILES:
        if other != name:
            as_csv(folder, other, rows_of(other))
    if form == "xlsx":
        as_xlsx(folder, name, rows)
    elif form == "parquet":
        as_parquet(folder, name, rows, typed)
    else:
        as_csv(folder, name, rows, quoted=form == "csv")
    endings[name] = "csv" if form == "raw csv" else form
    (folder / "rates.csv").write_text(RATES, "utf-8")
    (folder / "study.toml").write_text(STUDY.format(declared=declared, **endings), "utf-8")
    return folder / "study.toml"


def hold(study: Path) -> None:
    """What must be true whatever stands in the files."""
    received, refusal = inspect(study)
    if received is not None:
        describe(received)
        assert all(str(n).encode("utf-8") for n in received.notices)
    if refusal is not None:
        assert isinstance(refusal, ImpactError) and refusal.exit_code in (11, 12)
        assert refusal.faults and all(f.problem and f.remedy for f in refusal.faults)
        assert str(refusal).encode("utf-8")
        return
    assert received is not None
    add_up(received)


def add_up(received: Received) -> None:
    ledgers = {ledger.table: ledger for ledger in received.ledgers}
    for ledger in ledgers.values():
        assert ledger.rows_in == ledger.rows_used + sum(line.rows for line in ledger.lines)
        if ledger.cents_in is not None:
            assert ledger.cents_in == (ledger.cents_used or 0) + sum(
                line.cents or 0 for line in ledger.lines
            )
    assert received.intake is not None
    with duckdb.connect() as con:
        found = con.execute(
            "SELECT count(*), count(DISTINCT (firm_id, year)), sum(CAST(round(exports_eur * 100) AS HUGEINT)) "
            f"FROM '{received.intake.parquet}'"
        ).fetchone()
    assert found is not None
    assert found[0] == found[1]
    assert int(found[2] or 0) == (ledgers["customs"].cents_used or 0)


@st.composite
def delivered(draw: st.DrawFn, form: str) -> tuple[str, Rows, dict[int, pa.Array], str]:
    name = draw(st.sampled_from(["customs", "customs", "register", "roster", "budget"]))
    head, *body = rows_of(name)
    columns = st.integers(0, len(head) - 1)
    cell = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=6))
    for j, i, text in draw(st.lists(st.tuples(columns, st.integers(0, len(body) - 1), cell),
                                    min_size=form != "parquet", max_size=2)):  # fmt: skip
        body[i][j] = text
    typed: dict[int, pa.Array] = {}
    if form == "parquet":
        for j, kind in draw(st.dictionaries(columns, st.sampled_from(sorted(TYPED)), min_size=1, max_size=3)).items():  # fmt: skip
            type_, values = TYPED[kind]
            cells = draw(st.lists(st.sampled_from(values), min_size=len(body), max_size=len(body)))
            typed[j] = pa.array(cells, type_)
    return name, [head, *body], typed, draw(st.sampled_from(DECLARED))


few = settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("form", ["csv", "raw csv", "xlsx", "parquet"])
def test_no_cell_is_an_uncaught_exception(form: str) -> None:
    @few
    @given(delivered(form))
    def held(drawn: tuple[str, Rows, dict[int, pa.Array], str]) -> None:
        name, rows, typed, declared = drawn
        with tempfile.TemporaryDirectory() as folder:
            hold(written(Path(folder), name, form, rows, typed, declared))

    held()


@pytest.mark.parametrize(
    ("name", "column", "kind", "cells"),
    [
        ("budget", "year", "unsigned", [2**64 - 1, 2010]),
        ("budget", "currency", "integer", [0, 2]),
        ("roster", "hours", "float", [1e-05, 1e308, math.nan]),
        ("roster", "firm_id", "unsigned", [1, 2**64 - 1, None]),
        ("customs", "value", "float", [math.nan, math.inf, 1e308, -3.0, None, 1.0]),
        ("customs", "value", "wide decimal", [Decimal(10) ** 30, *[Decimal(1)] * 5]),
        ("customs", "currency", "integer", [1, 2, 3, 4, 5, None]),
        ("customs", "date", "time", [datetime(1700, 1, 1), None, *[datetime(2009, 2, 3, 4)] * 4]),
        ("register", "year", "float", [2008.0, 2010.0, 2009.0, math.nan, math.inf]),
    ],
)  # fmt: skip
def test_cells_that_once_broke_it(
    tmp_path: Path, name: str, column: str, kind: str, cells: list[Any]
) -> None:
    rows = rows_of(name)
    typed = {rows[0].index(column): pa.array(cells, TYPED[kind][0])}
    hold(written(tmp_path, name, "parquet", rows, typed, 'negative = "net"'))


@pytest.mark.parametrize("kind", ["text", "float", "integer", "decimal", "nothing"])
def test_a_missing_value_of_a_typed_column_is_a_fault_with_its_record(
    tmp_path: Path, kind: str
) -> None:
    rows = rows_of("customs")
    cells: list[Any] = [1, 2, None, 4, 5, 6] if kind != "nothing" else [None] * 6
    if kind == "text":
        array = pa.array([None if c is None else str(c) for c in cells], pa.string())
    else:
        array = pa.array(cells, TYPED[kind][0])
    study = written(tmp_path, "customs", "parquet", rows, {4: array}, 'negative = "net"')
    _, refusal = inspect(study)
    assert refusal is not None
    wanted = [3] if kind != "nothing" else [1, 2, 3, 4, 5, 6]
    assert [(f.row, f.column) for f in refusal.faults] == [(row, "value") for row in wanted]
    assert all("empty" in f.problem for f in refusal.faults)


def test_hostile_cells_that_are_text_and_no_more_are_taken(tmp_path: Path) -> None:
    """The test above would pass where everything is refused."""
    rows = rows_of("register")
    rows[1][5], rows[2][7] = "Ã©; 😀", "NULL"
    hold(study := written(tmp_path, "register", "csv", rows, {}, 'negative = "net"'))
    received, refusal = inspect(study)
    assert refusal is None and received is not None
    assert {x.table: x.cents_used for x in received.ledgers}[
        "customs"
    ] == 20500  # 100 + 40 + 10 + 40 + 15
