"""Every fault of the catalogue, through the whole intake: accepted, repaired with a notice, asked about, or refused by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from impact.core.errors import DataError, Fault
from impact.report.receive import Received, inspect
from impact.simulate.deliveries import Deliveries, deliveries
from impact.simulate.spoil import FAULTS, Expected, spoil

STUDY = """
[study]
name = "spoiled"
title = "Four files, one of them spoilt"
programme = "A programme"
source = "simulated"
first_year = 2008
last_year = 2015

[customs]
file = "customs.csv"
exclude_regimes = ["60"]

[roster]
file = "roster.csv"
starts = 2010
ends = 2013

[register]
file = "register.csv"
employment = "headcount"

[budget]
file = "budget.csv"

[money]
rates = "rates.csv"
quoted = "currency_per_euro"
"""
NAMED = 50

Panel = list[tuple[object, ...]]
Tables = Mapping[str, pd.DataFrame]


def tables_of(got: Deliveries) -> dict[str, pd.DataFrame]:
    return {n: getattr(got, n) for n in ("customs", "roster", "register", "budget", "rates")}


@pytest.fixture(scope="module")
def got() -> dict[str, pd.DataFrame]:
    return tables_of(deliveries(firms=60, seed=3))


@pytest.fixture(scope="module")
def zeros(got: Tables) -> dict[str, pd.DataFrame]:
    """The same, and every firm's number begins with a zero."""
    return {
        n: t.assign(firm_id="0" + t["firm_id"]) if "firm_id" in t else t for n, t in got.items()
    }


def write(folder: Path, tables: Tables, study: Callable[[str], str] = lambda t: t) -> Path:
    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    (folder / "study.toml").write_text(study(STUDY), "utf-8")
    return folder / "study.toml"


def panel_of(received: Received | None) -> Panel:
    assert received is not None and received.intake is not None
    with duckdb.connect() as con:
        return con.execute(
            f"SELECT * FROM '{received.intake.parquet}' ORDER BY firm_id, year"
        ).fetchall()


@pytest.fixture(scope="module")
def clean(got: Tables, tmp_path_factory: pytest.TempPathFactory) -> tuple[Panel, set[str]]:
    """Panel and notices of the files as they should be."""
    received, refusal = inspect(write(tmp_path_factory.mktemp("clean"), got))
    assert refusal is None and received is not None
    return panel_of(received), {str(n) for n in received.notices}


def spoilt(tables: Tables, fault: str) -> tuple[dict[str, pd.DataFrame], Expected]:
    name = FAULTS[fault].table
    made, expected = spoil(tables[name], fault, np.random.default_rng(5))
    return {**tables, name: made}, expected


def faults_of(
    folder: Path, tables: Tables, study: Callable[[str], str] = lambda t: t
) -> list[Fault]:
    _, refusal = inspect(write(folder, tables, study))
    assert isinstance(refusal, DataError) and refusal.exit_code == 12
    assert all(f.remedy for f in refusal.faults)
    return list(refusal.faults)


ROWS = [
    "product in scientific notation", "product as a date", "total row", "second header row",
    "currency sign in the value", "dates as serial numbers", "negative corrections", "empty firm identifier",
    "Namibia taken for missing", "formula in a cell", "NUL in a cell", "endless cell",
    "participation before the programme",
]  # fmt: skip
QUESTIONS = {
    "product without its zero": ["restore_leading_zeros = true"],
    "ambiguous thousands": ['decimal = "."', 'thousands = "."'],
    "decimal commas": ['decimal = ","'],
    "mixed date orders": ["date_format"],
}
SAME = ["blank rows at the end", "blanks around the identifier", "look-alike letters"]
OTHERS = [
    "lost leading zeros",
    "missing rate",
    "delivered twice",
    "letter O for zero",
    "rows before the firm's birth",
]


def test_every_fault_of_the_catalogue_is_held_here() -> None:
    assert sorted([*ROWS, *QUESTIONS, *SAME, *OTHERS]) == sorted(FAULTS)
    assert {f for f in (*ROWS, *QUESTIONS) if FAULTS[f].outcome not in ("ask", "refuse")} == set()
    assert {FAULTS[f].outcome for f in QUESTIONS} == {"ask"}
    assert {FAULTS[f].outcome for f in SAME} == {"accept", "repair"}


@pytest.mark.parametrize("fault", ROWS)
def test_bad_rows_are_named_and_the_rest_is_counted(
    got: Tables, tmp_path: Path, fault: str
) -> None:
    tables, expected = spoilt(got, fault)
    found = faults_of(tmp_path, tables)
    assert {f.file for f in found} == {f"{expected.table}.csv"}
    if expected.column is not None:
        assert {f.column for f in found} <= {expected.column, None}
    rows = sorted({f.row for f in found if f.row is not None})
    assert rows == list(expected.rows[:NAMED])
    beyond = len(expected.rows) - NAMED
    assert beyond <= 0 or any(f.problem.startswith(f"{beyond} more cells") for f in found)
    if expected.outcome == "ask":
        assert all("?" in str(f) or "more cells" in f.problem for f in found)


@pytest.mark.parametrize("fault", QUESTIONS)
def test_a_column_that_can_be_read_in_two_ways_is_one_question(
    got: Tables, tmp_path: Path, fault: str
) -> None:
    tables, expected = spoilt(got, fault)
    (asked,) = faults_of(tmp_path, tables)
    assert (asked.file, asked.column) == ("customs.csv", expected.column)
    assert all(key in asked.remedy for key in QUESTIONS[fault])
    assert asked.row is not None and asked.value is not None
    assert str(asked.value) == tables["customs"][str(expected.column)].iloc[asked.row - 2]


@pytest.mark.parametrize(
    ("fault", "answer"),
    [("product without its zero", "restore_leading_zeros = true"), ("decimal commas", 'decimal = ","')],
)  # fmt: skip
def test_the_answer_gives_the_panel_of_the_clean_files(
    got: Tables, clean: tuple[Panel, set[str]], tmp_path: Path, fault: str, answer: str
) -> None:
    tables, _ = spoilt(got, fault)
    received, refusal = inspect(
        write(tmp_path, tables, lambda t: t.replace("[customs]", f"[customs]\n{answer}"))
    )
    assert refusal is None
    assert panel_of(received) == clean[0]


def test_a_declared_order_of_dates_names_the_rows_of_the_other(got: Tables, tmp_path: Path) -> None:
    tables, expected = spoilt(got, "mixed date orders")
    found = faults_of(tmp_path, tables, lambda t: t.replace(
        "[customs]", '[customs]\ndate_format = "dd/mm/yyyy"'))  # fmt: skip
    assert [f.row for f in found] == list(expected.rows)


@pytest.mark.parametrize("fault", SAME)
def test_what_is_accepted_or_repaired_changes_nothing(
    got: Tables, clean: tuple[Panel, set[str]], tmp_path: Path, fault: str
) -> None:
    tables, expected = spoilt(got, fault)
    received, refusal = inspect(write(tmp_path, tables))
    assert refusal is None and received is not None
    assert panel_of(received) == clean[0]
    said = [n for n in received.notices if str(n) not in clean[1]]
    if expected.outcome == "accept":
        assert said == []
    else:
        assert [(n.file, n.column, n.rows) for n in said] == [
            (f"{expected.table}.csv", expected.column, len(expected.rows))
        ]


def test_zeros_that_all_firms_lost_are_asked_for(
    zeros: Tables, clean: tuple[Panel, set[str]], tmp_path: Path
) -> None:
    tables, expected = spoilt(zeros, "lost leading zeros")
    assert expected.outcome == "ask" and len(expected.rows) == len(zeros["roster"])
    found = faults_of(tmp_path, tables)
    assert any("leading zeros" in f.problem and "identifiers.width = 10" in f.remedy for f in found)
    received, refusal = inspect(
        write(tmp_path, tables, lambda t: t + "\n[identifiers]\nwidth = 10\n")
    )
    assert refusal is None
    assert [("0" + str(r[0]), *r[1:]) for r in clean[0]] == panel_of(received)


def test_zeros_that_some_firms_lost_are_said_though_most_are_linked(
    got: Tables, clean: tuple[Panel, set[str]], tmp_path: Path
) -> None:
    tables, _ = spoilt(got, "lost leading zeros")
    # Whatever is below the limit: with 7 of 9 linked nothing else would speak of the ninth, which then is a control.
    limits = "\n[linkage]\nwarn_below = 0.6\n"
    received, refusal = inspect(write(tmp_path, tables, lambda t: t + limits))
    assert refusal is None and received is not None
    assert any(
        "leading zeros" in n.said and "identifiers.width = 9" in n.said for n in received.notices
    )


def test_a_missing_rate_is_one_fault_with_currency_and_year(got: Tables, tmp_path: Path) -> None:
    tables, _ = spoilt(got, "missing rate")
    (year,) = set(got["rates"]["year"]) - set(tables["rates"]["year"])
    (found,) = faults_of(tmp_path, tables)  # though customs, register and budget all lack it
    assert found.file == "rates.csv"
    assert "USD" in found.problem and year in found.problem
    assert "carried forward" in found.remedy


def test_shipments_that_all_stand_twice_are_refused(got: Tables, tmp_path: Path) -> None:
    tables, expected = spoilt(got, "delivered twice")
    first, *rows = faults_of(tmp_path, tables)
    assert first.file == "customs.csv" and "twice" in first.problem
    assert f"{len(expected.rows)} rows" in first.remedy
    assert len(rows) == NAMED and {f.row for f in rows} <= set(expected.rows)
    n = len(got["customs"])
    assert all(f"row {f.row - n} of" in f.problem for f in rows if f.row is not None)


def test_one_year_that_stands_twice_is_refused_and_a_few_rows_are_counted(
    got: Tables, tmp_path: Path
) -> None:
    customs = got["customs"]
    year = customs[customs["date"].str.endswith("2011")]
    found = faults_of(tmp_path, {**got, "customs": pd.concat([customs, year])})
    assert "2011" in found[0].problem and "2010" not in found[0].problem
    received, refusal = inspect(
        write(tmp_path, {**got, "customs": pd.concat([customs, customs.head(4)])})
    )
    assert refusal is None and received is not None
    assert [n.rows for n in received.notices if "equal in every cell" in n.said] == [4]


def test_letters_for_digits_are_the_cause_that_is_guessed(got: Tables, tmp_path: Path) -> None:
    tables, expected = spoilt(got, "letter O for zero")
    assert (
        expected.outcome == "accept"
    )  # text is text: another identifier, until somebody corrects it
    received, refusal = inspect(write(tmp_path, tables))
    assert refusal is None and received is not None
    assert any("letters O" in n.said for n in received.notices)


def test_rows_before_a_birth_are_counted(got: Tables, tmp_path: Path) -> None:
    tables, expected = spoilt(got, "rows before the firm's birth")
    assert expected.outcome == "repair"
    received, refusal = inspect(write(tmp_path, tables))
    assert refusal is None and received is not None
    (said,) = [n for n in received.notices if "rows in the register before birth_year" in n.said]
    assert (said.file, said.column, said.rows) == ("register.csv", "birth_year", len(expected.rows))
    assert any("shipped before birth_year" in n.said for n in received.notices)


def test_faults_of_all_files_are_printed_though_one_has_hundreds(
    got: Tables, tmp_path: Path
) -> None:
    tables, _ = spoilt(got, "product as a date")
    tables, _ = spoilt(tables, "currency sign in the value")
    tables, _ = spoilt(tables, "participation before the programme")
    tables["register"] = tables["register"].assign(employees="many")
    _, refusal = inspect(write(tmp_path, tables))
    assert refusal is not None
    shown = str(refusal).splitlines()
    # One headline, fifty cells, a line for each column of which more were counted, and how many were left unsaid.
    assert sum(", row " in line for line in shown) == 50 and shown[-1].endswith("more.")
    assert sum("more cells of this column" in line for line in shown) == 3
    for place in ("customs.csv, row", "register.csv, row", "roster.csv, row"):
        assert any(place in line for line in shown)
    for column in ("'product'", "'value'", "'employees'", "'joined'"):
        assert any(column in line for line in shown)
