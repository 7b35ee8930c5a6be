"""A sheet of a workbook as a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from impact.core.errors import Fault
from impact.core.notice import Notice
from impact.read.batches import write_rows
from impact.read.containers import Content, Unreadable
from impact.read.deliveries import TableFormat
from impact.read.found import Found
from impact.read.heading import LOOKED_AT, Row, Wanted, read_heading
from impact.read.sheet_body import sheet_body
from impact.read.spreadsheet import SheetRow, open_sheet
from impact.read.staged import Origin

if TYPE_CHECKING:
    from impact.engines.duckdb_relations import DuckRelations


def stage_sheet(
    path: Path, content: Content, declared: TableFormat, wanted: Wanted, out: Path,
    duck: DuckRelations,
) -> tuple[Origin | None, int, list[Fault], list[Notice]]:  # fmt: skip
    """Stage the rows of a workbook's sheet.

    Parameters
    ----------
    path : Path
        The unpacked workbook.
    content : Content
        The file as received.
    declared : TableFormat
        Which sheet, and where its header is.
    wanted : Wanted
        Columns to find.
    out : Path
        Parquet file to write.
    duck : DuckRelations
        The engine.

    Returns
    -------
    Origin or None
        None where nothing could be staged.
    int
        Rows staged.
    list of Fault
        Of the workbook, the header and the cells.
    list of Notice
        Hidden rows and sheets, zeros that only the format shows.
    """
    found = Found(content.name)
    faults: list[Fault] = []
    try:
        with open_sheet(path, content.name, declared.sheet) as sheet:
            rows = iter(sheet.rows)
            first = _first(rows, declared.names_row + LOOKED_AT)
            preview = [(number, cells) for number, cells, _ in first]
            heading, faults = read_heading(
                preview, wanted, declared.names_row, content.name,
                given=declared.names, unnamed_allowed=True,
            )  # fmt: skip
            if heading is None:
                return None, 0, faults, []
            body = sheet_body(sheet, chain(first, rows), heading, wanted.numeric, found)
            count = write_rows(body, heading, out, duck)
            origin = Origin(content, heading, sheet=sheet.name, numeric=frozenset(wanted.numeric))
            return origin, count, [*faults, *found.faults()], sheet.notices
    except Unreadable as error:
        damage = Fault(error.problem, error.remedy, file=content.name)
        return None, 0, [*faults, *found.faults(), damage], []


@contextmanager
def sheet_rows(path: Path, origin: Origin) -> Iterator[Iterator[Row]]:
    """Open the sound rows of data of an unpacked workbook again."""
    name = origin.content.name
    with open_sheet(path, name, origin.sheet) as sheet:
        yield sheet_body(sheet, sheet.rows, origin.heading, origin.numeric, Found(name))


def _first(rows: Iterator[SheetRow], last: int) -> list[SheetRow]:
    """Rows up to one of the given number; that one comes too, whatever its number is."""
    kept: list[SheetRow] = []
    for row in rows:
        kept.append(row)
        if row[0] >= last:
            break
    return kept
