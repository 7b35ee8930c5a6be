"""The contract of a firm-year file: each breach found, with file, row, column, value and remedy."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import Fault
from impact.read.delimited import TextTable, read_delimited
from impact.validate.firm_years import FirmYearContract, check_firm_years

CONTRACT = FirmYearContract(
    columns={"firm_id": "id", "year": "yr", "jobs": "empl", "sector": "isic"},
    unit="firm_id",
    time="year",
    text=("sector",),
    missing=("NA",),
    first_year=2010,
    last_year=2012,
)


def check(tmp_path: Path, text: str) -> tuple[pd.DataFrame, list[Fault]]:
    path = tmp_path / "firms.csv"
    path.write_text(text, "utf-8")
    return check_firm_years(read_delimited(path), CONTRACT)


def test_a_whole_file(tmp_path: Path) -> None:
    frame, faults = check(
        tmp_path, "id,yr,empl,isic\n007,2010,5,0111\n007,2011,NA,0111\n7,2011,1e1,\n"
    )
    assert faults == []
    assert frame["firm_id"].tolist() == ["007", "007", "7"]  # two firms: identifiers are text
    assert frame["sector"].tolist()[:2] == ["0111", "0111"]
    assert pd.isna(frame["sector"].iloc[2])
    np.testing.assert_array_equal(frame["jobs"], [5.0, np.nan, 10.0])
    assert frame.index.tolist() == [2, 3, 4]


def test_every_breach_in_one_pass(tmp_path: Path) -> None:
    text = (
        "id,yr,empl,isic\n"
        "a,2010,twelve,1\n"
        "a,2010,3,1\n"
        ",2011,3,1\n"
        "b,2013,3,1\n"
        "b,20x1,3,1\n"
        "c,,3,1\n"
        "c,2012,12.500,1\n"
        'd,2012,"1,234",1\n'
    )
    _, faults = check(tmp_path, text)
    got = [(f.row, f.column, f.value) for f in faults]
    assert got == [
        (2, "empl", "twelve"),
        (3, "id", "a"),
        (4, "id", None),
        (5, "yr", "2013"),
        (6, "yr", "20x1"),
        (7, "yr", None),
        (9, "empl", "1,234"),
    ]
    assert "row 2 already" in str(faults[1])
    assert "2010-2012" in str(faults[3])
    assert "decimal point" in faults[-1].remedy


@pytest.mark.parametrize("cell", ["1e200", "-1e999", "9" * 40])
def test_a_number_that_no_firm_has_is_a_fault(tmp_path: Path, cell: str) -> None:
    _, faults = check(tmp_path, f"id,yr,empl,isic\na,2010,{cell},1\n")
    assert [(f.row, f.column, f.value) for f in faults] == [(2, "empl", cell)]
    assert "larger than" in faults[0].problem


def test_every_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    _, faults = check(tmp_path, "id,yrs,isic\na,2010,1\n")
    assert [f.column for f in faults] == ["empl", "yr"]
    assert "did you mean 'yrs'" in faults[1].remedy
    assert "the file has: id, yrs, isic" in faults[0].remedy


@given(st.text(max_size=12))
def test_a_cell_is_a_number_missing_or_a_fault(cell: str) -> None:
    cell = cell.strip()
    cells = pd.DataFrame({"id": ["a"], "yr": ["2010"], "empl": [cell], "isic": ["1"]}, dtype="str")
    cells.index = pd.Index([2], name="row")
    table = TextTable("f", hashlib.sha256(b"").hexdigest(), cells)
    frame, faults = check_firm_years(table, CONTRACT)
    value = frame["jobs"].iloc[0]
    if faults:
        assert [f.column for f in faults] == ["empl"]
    elif cell in ("", "NA"):
        assert np.isnan(value)
    else:
        assert value == pytest.approx(float(cell), nan_ok=False)
