"""The edge to XlsxWriter: each table of the annex as a sheet of real numbers."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

from impact.display.document import Document, Interval, Number, StdError, Table
from impact.display.numbers import is_missing

_STAMP = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
_WIDEST = 60


def write_workbook(document: Document, path: Path) -> Path:
    """Write `tables.xlsx`: one sheet per table, numbers as numbers at full precision.

    Intervals take two columns. Text never becomes a formula or a link, whatever it begins with.
    """
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": document.title, "created": _STAMP})
        formats = {
            "bold": book.add_format({"bold": True}),
            "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True}),
            "italic": book.add_format({"italic": True}),
        }
        for table in document.tables():
            _sheet(book, table, formats)
    return path


def _sheet(book: Any, table: Table, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(table.key[:31])
    sheet.write_string(0, 0, f"{table.key}. {table.title}", formats["bold"])
    spans = [_is_interval(table, i) for i in range(len(table.columns))]
    places = [i + sum(spans[:i]) for i in range(len(spans))]
    widths = [0] * (len(spans) + sum(spans))
    for column, place, span in zip(table.columns, places, spans, strict=True):
        names = [f"{column.heading} low", f"{column.heading} high"] if span else [column.heading]
        for i, name in enumerate(names):
            sheet.write_string(2, place + i, name, formats["head"])
            widths[place + i] = max(widths[place + i], len(name))
    for r, row in enumerate(table.rows, 3):
        if row.kind == "panel":
            sheet.write_string(r, 0, str(row.cells[0]), formats["italic"])
            continue
        for place, cell in zip(places, row.cells, strict=True):
            if isinstance(cell, str):
                sheet.write_string(r, place, cell)
                widths[place] = max(widths[place], len(cell))
            elif isinstance(cell, Interval):
                _number(sheet, r, place, cell.of.low)
                _number(sheet, r, place + 1, cell.of.high)
            elif isinstance(cell, (Number, StdError)):
                _number(sheet, r, place, cell.value if isinstance(cell, Number) else (
                    cell.of.std_error))  # fmt: skip
    for r, note in enumerate(table.notes, len(table.rows) + 4):
        sheet.write_string(r, 0, note)
    for place, width in enumerate(widths):
        sheet.set_column(place, place, min(max(width + 2, 12), _WIDEST))
    sheet.freeze_panes(3, 1)


def _is_interval(table: Table, i: int) -> bool:
    return any(isinstance(r.cells[i], Interval) for r in table.rows if r.kind != "panel")


def _number(sheet: Any, row: int, place: int, value: float | None) -> None:
    """A missing number is an empty cell, an infinite one its word: a spreadsheet has neither."""
    if is_missing(value):
        return
    assert value is not None
    if math.isinf(value):
        sheet.write_string(row, place, "unbounded")
    else:
        sheet.write_number(row, place, float(value))
