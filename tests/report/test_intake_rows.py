"""Rows that contradict one another, named by their numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from impact.core.errors import Fault
from impact.report.receive import Received, inspect

STUDY = """
[study]
name = "rows"
title = "Two files"
programme = "A programme"
source = "worked by hand"
first_year = 2008
last_year = 2010
[roster]
file = "roster.csv"
{roster}
[register]
files = "register*.{ending}"
[linkage]
accept_below = 0.0
reason = "a few rows by hand"
"""
REGISTER = "firm_id,year,birth_year\n001,2008,2000\n002,2009,2009\n001,2009,2000\n 001,2008,2000\n002,2009,2009\n001,2008,2000\n"
ROSTER = """firm_id,programme,joined,left
001,AL,13/05/2009,14/06/2009
002,BX,13/05/1999,
001,AL,13/05/1999,
002,AL,14/02/2010,01/02/2010
001,BX,14/02/2010,01/02/2010
"""


def look(folder: Path, roster: str, register: str | bytes, declared: str = "", ending: str = "csv") -> tuple[Received, list[Fault]]:  # fmt: skip
    (folder / "roster.csv").write_text(roster, "utf-8")
    data = register.encode() if isinstance(register, str) else register
    (folder / f"register.{ending}").write_bytes(data)
    (folder / "study.toml").write_text(STUDY.format(roster=declared, ending=ending), "utf-8")
    received, refusal = inspect(folder / "study.toml")
    assert received is not None
    return received, [] if refusal is None else list(refusal.faults)


ONCE = "firm_id,year,birth_year\n001,2008,2000\n002,2009,2009\n"
PLAIN = "firm_id,programme,joined,left\n001,AL,13/05/2009,14/06/2009\n"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_each_later_row_of_a_firm_year_is_named(tmp_path: Path, ending: str) -> None:
    register: str | bytes = REGISTER
    if ending == "parquet":
        rows = [line.split(",") for line in REGISTER.splitlines()]
        frame = pd.DataFrame(rows[1:], columns=rows[0]).astype({"year": "int64", "birth_year": "int64"})  # fmt: skip
        register = frame.to_parquet()
    _, faults = look(tmp_path, PLAIN, register, ending=ending)
    shift = 1 if ending == "csv" else 0  # a Parquet file counts records
    assert [(f.row, "first in row" in f.problem) for f in faults] == [
        (4 + shift, True), (5 + shift, True), (6 + shift, True)
    ]  # fmt: skip
    assert "001, 2008 stands 3 times, first in row " + str(1 + shift) in faults[0].problem
    assert "002, 2009 stands 2 times, first in row " + str(2 + shift) in faults[1].problem


def test_a_firm_year_in_two_files_names_both(tmp_path: Path) -> None:
    (tmp_path / "register_b.csv").write_text("firm_id,year,birth_year\n003,2008,\n001,2008,2000\n", "utf-8")  # fmt: skip
    _, (fault,) = look(tmp_path, PLAIN, ONCE)
    assert {fault.file, fault.problem.rsplit(" ", 1)[1]} == {"register.csv", "register_b.csv"}


def test_only_rows_under_study_are_held_against_the_programme(tmp_path: Path) -> None:
    _, faults = look(tmp_path, ROSTER, ONCE, 'programmes = ["AL"]\nstarts = 2008\nends = 2010')
    assert [(f.row, f.column) for f in faults] == [(4, "joined"), (5, "left")]


def test_participation_outside_the_period_is_said(tmp_path: Path) -> None:
    received, faults = look(tmp_path, "firm_id,joined\n001,13/05/1999\n002,14/05/2015\n", ONCE)
    assert faults == []
    said = [n for n in received.notices if n.column == "joined" and "declared period" in n.said]
    assert [n.examples for n in said] == [("001: 1999",), ("002: 2015",)]
    assert any(n.column == "birth_year" and n.examples == ("001: 1999, born 2000",) for n in received.notices)  # fmt: skip


def test_a_programme_that_ends_before_it_starts_is_a_fault_of_the_study(tmp_path: Path) -> None:
    _, faults = look(tmp_path, PLAIN, ONCE, "starts = 2010\nends = 2009")
    assert [f.column for f in faults] == ["roster.ends"]


def test_no_linkage_is_judged_on_a_file_that_lacks_rows(tmp_path: Path) -> None:
    broken = ONCE.encode() + b"003,2008,\xff\n"
    _, faults = look(tmp_path, PLAIN.replace("001", "003"), broken)
    assert len(faults) == 1 and "UTF-8" in faults[0].problem
