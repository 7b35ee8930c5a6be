"""The contract of a firm-year file: which cells become numbers, and which rows may not be there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from impact.core.errors import Fault
from impact.read.delimited import TextTable

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_LARGEST = 1e15  # beyond it a float no longer holds cents, and squares begin to overflow
_COMMA = re.compile(r"[+-]?\d{1,3}([.,]\d{3})*[.,]\d+|[+-]?\d+,\d+")


@dataclass(frozen=True, slots=True)
class FirmYearContract:
    """What a firm-year file must hold.

    Attributes
    ----------
    columns : mapping of str to str
        Name in the study -> name in the file. All are numbers but `unit` and those in `text`.
    unit, time : str
        Names in the study of the firm identifier and the year.
    text : sequence of str
        Further text columns (sector, region).
    missing : sequence of str
        Cells that mean missing, besides the empty cell.
    first_year, last_year : int
        The declared period.
    """

    columns: Mapping[str, str]
    unit: str
    time: str
    first_year: int
    last_year: int
    text: Sequence[str] = ()
    missing: Sequence[str] = ()


def check_firm_years(
    table: TextTable, contract: FirmYearContract
) -> tuple[pd.DataFrame, list[Fault]]:
    """Hold a file against its contract and convert its cells.

    Parameters
    ----------
    table : TextTable
        The file as text.
    contract : FirmYearContract
        What it must hold.

    Returns
    -------
    DataFrame
        Columns by their name in the study, rows as in the file, index = row in the file. Whole only
        when there is no fault.
    list of Fault
        Every missing column, text in a number column, empty identifier, year that is no year or lies
        outside the declared period, and duplicated firm-year.
    """
    faults: list[Fault] = []
    frame = pd.DataFrame(index=table.cells.index)
    for name, column in contract.columns.items():
        if column not in table.cells.columns:
            faults.append(_missing_column(table, name, column))
            continue
        cells = table.cells[column]
        cells = cells.where(~cells.isin(list(contract.missing)), "")
        if name == contract.unit or name in contract.text:
            frame[name] = cells.where(cells != "")
        else:
            frame[name], found = _numbers(table.name, column, cells)
            faults += found
    if contract.unit in frame:
        faults += _empty(table, contract, frame, contract.unit)
    if contract.time in frame:
        faults += _empty(table, contract, frame, contract.time)
        faults += _outside(table, contract, frame)
    if {contract.unit, contract.time} <= set(frame.columns):
        faults += _duplicates(table, contract, frame)
    return frame, sorted(faults, key=lambda f: (f.row or 0, f.column or ""))


def _missing_column(table: TextTable, name: str, column: str) -> Fault:
    import difflib

    near = difflib.get_close_matches(column, list(table.cells.columns), n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"the file has: {', '.join(table.cells)}"
    return Fault(
        f"the column is missing; the study calls it '{name}'",
        f"correct [data.columns] in study.toml; {hint}",
        file=table.name,
        row=1,
        column=column,
    )


def _numbers(file: str, column: str, cells: pd.Series) -> tuple[pd.Series, list[Fault]]:
    good = cells.str.fullmatch(_NUMBER).fillna(False)
    faults = []
    for row in cells.index[~good & (cells != "")]:
        value = cells[row]
        remedy = (
            "write the decimal point as '.' and no thousands separator"
            if _COMMA.fullmatch(value)
            else "write a number such as 12.5, leave the cell empty if it is unknown, or declare "
            "the code under data.missing"
        )
        faults.append(Fault("expected a number", remedy, file=file, row=int(row), column=column,
                            value=value))  # fmt: skip
    values = pd.to_numeric(cells.where(good)).astype("float64")
    for row in values.index[values.abs() > _LARGEST]:
        faults.append(Fault(f"the number is larger than {_LARGEST:.0e}, which no figure of a firm is",
                            "correct the cell, or give the column in thousands or millions",
                            file=file, row=int(row), column=column, value=cells[row]))  # fmt: skip
    return values, faults


def _empty(
    table: TextTable, contract: FirmYearContract, frame: pd.DataFrame, name: str
) -> list[Fault]:
    column = contract.columns[name]
    blank = frame[name].isna()
    if name == contract.time:  # text in the year column is reported as such already
        blank &= table.cells[column].isin(["", *contract.missing])
    return [
        Fault("the cell is empty", "fill it in, or drop the row", file=table.name, row=int(row),
              column=column)
        for row in frame.index[blank]
    ]  # fmt: skip


def _outside(table: TextTable, contract: FirmYearContract, frame: pd.DataFrame) -> list[Fault]:
    year = frame[contract.time]
    bad = year.notna() & ~(
        (year >= contract.first_year) & (year <= contract.last_year) & (year == year.round())
    )
    column = contract.columns[contract.time]
    return [
        Fault(
            f"the year lies outside the declared period {contract.first_year}-{contract.last_year}",
            "correct the year, or first_year and last_year in study.toml",
            file=table.name,
            row=int(row),
            column=column,
            value=table.cells.at[row, column],
        )
        for row in frame.index[bad]
    ]


def _duplicates(table: TextTable, contract: FirmYearContract, frame: pd.DataFrame) -> list[Fault]:
    keys = [contract.unit, contract.time]
    known = frame[keys].notna().all(axis=1)
    again = frame.duplicated(keys, keep="first") & known
    faults = []
    first = frame[known].drop_duplicates(keys).reset_index().set_index(keys)["row"]
    for row in frame.index[again]:
        firm, year = frame.at[row, contract.unit], frame.at[row, contract.time]
        faults.append(
            Fault(
                f"the firm-year {firm}, {year:g} stands in row {first[firm, year]} already",
                "keep one row per firm and year",
                file=table.name,
                row=int(row),
                column=contract.columns[contract.unit],
                value=firm,
            )
        )
    return faults
