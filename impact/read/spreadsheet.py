"""Sheets of an XLSX workbook as text: what the person sees in the cells, and what they cannot see.

Cells come from openpyxl in its reading mode, row by row; the same pass over the sheet notes what openpyxl keeps to itself
there: merged cells, hidden rows, formulas whose values were never calculated.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import iterparse

from impact.core.notice import Notice
from impact.display.progress import progress
from impact.read.containers import Unreadable
from impact.read.exact import CELL_LIMIT

_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
EXACT_DIGITS = 15  # a spreadsheet program writes zeros for the digits that follow
_AGAIN = "open it in a spreadsheet program and save it again as XLSX, or as 'CSV UTF-8'"
_AT_ONCE = 500  # rows read between two looks at the warnings of openpyxl

Odd = tuple[int, str, str]
"""Position of a cell, what is odd about it, its text."""

SheetRow = tuple[int, list[str], list[Odd]]
"""Number of a row, its texts by position, its odd cells."""


@dataclass(slots=True)
class Sheet:
    """One sheet, open.

    Attributes
    ----------
    name : str
        Its title.
    merged : list of tuple of int
        First column, first row, last column, last row (from 1) of merged cells; known once the rows are read.
    hidden : int
        Hidden rows with cells, of those that were read.
    notices : list of Notice
        What was decided when it was chosen.
    """

    name: str
    rows: Iterator[SheetRow]
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden: int = 0
    notices: list[Notice] = field(default_factory=list)


@contextmanager
def open_sheet(path: Path, file: str, wanted: str | None) -> Iterator[Sheet]:
    """Open the declared sheet of a workbook, or its only one with data.

    Parameters
    ----------
    path : Path
        The workbook; `refuse_bomb` has seen it.
    file : str
        What messages call it.
    wanted : str, optional
        Declared sheet.

    Raises
    ------
    Unreadable
        If the workbook is damaged or empty, or which sheet to read must be asked.
    """
    with (
        path.open("rb") as stream,
        zipfile.ZipFile(stream) as archive,
        progress(f"reading {file}", lambda: None),
    ):
        _refuse_entities(archive)
        book = _book(stream)
        try:
            sheet, notices = _chosen(book, archive, file, wanted)
            chosen = Sheet(sheet.title, iter(()), notices=notices)
            chosen.rows = _rows(book, archive, sheet, chosen)
            yield chosen
        finally:
            book.close()


def number_text(number: int | float) -> str:
    """Write a number of a cell without exponent and with no more digits than a spreadsheet keeps.

    Examples
    --------
    >>> number_text(1e5), number_text(0.1 + 0.2), number_text(901.0), number_text(-1.5e-7)
    ('100000', '0.3', '901', '-0.00000015')
    """
    if isinstance(number, int):
        return str(number)
    text = format(Decimal(f"{number:.{EXACT_DIGITS}g}"), "f")
    return "0" if text == "-0" else text


def _book(stream: IO[bytes]) -> Any:
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fonts, validations and other things that are not read
        try:
            return load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        except Exception as error:  # openpyxl raises what its parts raise; all of it is damage
            raise _damaged(error) from error


def _chosen(
    book: Any, archive: zipfile.ZipFile, file: str, wanted: str | None
) -> tuple[Any, list[Notice]]:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    listed = ", ".join(f"'{title}'" for title in sheets)
    if wanted is not None:
        if wanted not in sheets:
            raise Unreadable(f"there is no sheet '{wanted}'", f"declare one of: {listed}")
        return sheets[wanted], []
    full = [sheet for sheet in sheets.values() if _has_data(book, archive, sheet)]
    seen = [sheet for sheet in full if sheet.sheet_state == "visible"]
    if not full:
        raise Unreadable(
            "the workbook holds no data", "deliver it again, with a header row and data"
        )
    if len(seen) != 1:
        titles = ", ".join(f"'{sheet.title}'" for sheet in seen or full)
        what = "several sheets hold data" if seen else "only hidden sheets hold data"
        raise Unreadable(f"{what}: {titles}", "declare sheet = the one to read; which is it?")
    beside = tuple(sheet.title for sheet in full if sheet is not seen[0])
    said = "hidden sheets hold data and were not read"
    return seen[0], [Notice(said, file, examples=beside)] if beside else []


def _has_data(book: Any, archive: zipfile.ZipFile, sheet: Any) -> bool:
    rows = _rows(book, archive, sheet, Sheet(sheet.title, iter(())))
    return any(odd or any(map(str.strip, cells)) for _, cells, odd in rows)


def _rows(book: Any, archive: zipfile.ZipFile, sheet: Any, seen: Sheet) -> Iterator[SheetRow]:
    """Rows with cells, some at a time: warnings are muted while openpyxl works, and not while the caller does."""
    rows = _parsed(book, archive, sheet, seen)
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a date that is none is said below, with its cell
            try:
                some = list(islice(rows, _AT_ONCE))
            except Unreadable:
                raise
            except Exception as error:  # as above
                raise _damaged(error) from error
        if not some:
            return
        yield from some


def _parsed(book: Any, archive: zipfile.ZipFile, sheet: Any, seen: Sheet) -> Iterator[SheetRow]:
    # The parser that openpyxl itself uses; its own loop drops merged cells, hidden rows and formulas.
    from openpyxl.worksheet._reader import MERGE_TAG, ROW_TAG, WorkSheetParser

    never_calculated = _never_calculated(archive)
    zeros = _zero_formats(book)
    before = 0
    with archive.open(sheet._worksheet_path) as source:
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for _, element in iterparse(source):
            if element.tag == ROW_TAG:
                _plain_inline(element)
                number, cells = parser.parse_row(element)
                if not before < number <= _LAST_ROW:
                    raise Unreadable(f"the sheet has a row {number} after row {before}", _AGAIN)
                before = number
                formulas = _formulas(element, never_calculated)
                texts, odd = _texts(cells, formulas, zeros)
                hidden = element.get("hidden") in ("1", "true") and any(map(str.strip, texts))
                seen.hidden += hidden
                element.clear()
                yield number, texts, odd
            elif element.tag == MERGE_TAG:
                seen.merged += [_corners(part.get("ref", "")) for part in element]


def _refuse_entities(archive: zipfile.ZipFile) -> None:
    """Parts that declare entities can grow without end when they are read; no spreadsheet program writes them."""
    for name in archive.namelist():
        if not name.endswith((".xml", ".rels")):
            continue
        try:
            with archive.open(name) as source:
                head = source.read(1 << 16).replace(b"\0", b"")
        except Exception as error:
            raise _damaged(error) from error
        if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
            what = f"its part '{name}' declares entities, as XML does that is made to fill a memory"
            raise Unreadable(what, _AGAIN)


def _plain_inline(row: Any) -> None:
    """Give inline text the form that openpyxl reads ten times faster; its phonetic guides are no part of it."""
    from openpyxl.worksheet._reader import INLINE_STRING, VALUE_TAG

    for cell in row:
        inline = cell.find(INLINE_STRING) if cell.get("t") == "inlineStr" else None
        if inline is None:
            continue
        runs = [part for part in inline if not part.tag.endswith("}rPh")]
        text = "".join(t.text or "" for part in runs for t in part.iter() if t.tag.endswith("}t"))
        cell.set("t", "str")
        value = cell.makeelement(VALUE_TAG, {})
        value.text = text
        cell.append(value)


def _formulas(row: Any, never_calculated: bool) -> list[bool]:
    """Whether each cell of a row holds a formula whose value is not known."""
    from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG

    unknown = []
    for cell in row:
        if cell.find(FORMULA_TAG) is None:
            unknown.append(False)
            continue
        value = cell.findtext(VALUE_TAG)
        empty = not value and cell.get("t") != "str"  # a formula may give the empty text
        unknown.append(empty or (never_calculated and value == "0"))
    return unknown


def _texts(
    cells: list[dict[str, Any]], formulas: list[bool], zeros: dict[int, int]
) -> tuple[list[str], list[Odd]]:
    """Texts of a row's cells by position, and those that are odd."""
    texts: list[str] = []
    odd: list[Odd] = []
    for cell, unknown in zip(cells, formulas, strict=True):
        value = cell["value"]
        if value is None and not unknown:
            continue
        place = cell["column"] - 1
        if place >= _LAST_COLUMN:
            raise Unreadable(f"the sheet has a cell in column {place + 1}", _AGAIN)
        text = _text(value)
        if len(texts) <= place:
            texts += [""] * (place + 1 - len(texts))
        texts[place] = text
        what = "formula" if unknown else _oddity(cell, text)
        if what:
            odd.append((place, what, text))
        elif cell["data_type"] == "n" and cell["style_id"] in zeros and text.isdigit():
            odd.append((place, "padded", text.zfill(zeros[cell["style_id"]])))
    return texts, odd


def _oddity(cell: dict[str, Any], text: str) -> str:
    kind = cell["data_type"]
    if kind == "e" or (kind == "n" and text in ("Infinity", "-Infinity", "NaN")):
        return "error"
    if kind == "n" and len(text.lstrip("-")) > EXACT_DIGITS and "." not in text:
        return "digits"
    return "long" if len(text) > CELL_LIMIT else ""


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, dt.datetime):
        return (value.date() if value.time() == dt.time() else value).isoformat()
    return str(value)  # dates, times and spans of time write themselves in ISO form


def _never_calculated(archive: zipfile.ZipFile) -> bool:
    """Programs that write formulas without calculating them ask the spreadsheet to do so when it opens the file.

    Some of them write 0 as the value meanwhile. A spreadsheet program that saves the file drops the request.
    """
    try:
        with archive.open("xl/workbook.xml") as part:
            return re.search(rb'fullCalcOnLoad="(1|true)"', part.read()) is not None
    except KeyError:
        return False


def _zero_formats(book: Any) -> dict[int, int]:
    """Styles that show a number with leading zeros, and to which width."""
    from openpyxl.styles.numbers import (
        BUILTIN_FORMATS,
        BUILTIN_FORMATS_MAX_SIZE,
    )

    widths = {}
    for position, style in enumerate(book._cell_styles):
        number = style.numFmtId
        own = number - BUILTIN_FORMATS_MAX_SIZE
        known = own < len(book._number_formats)
        shown = (
            BUILTIN_FORMATS.get(number) if own < 0 else book._number_formats[own] if known else ""
        )
        if shown and re.fullmatch(r"00+", shown):
            widths[position] = min(len(shown), 64)
    return widths


def _corners(reference: str) -> tuple[int, int, int, int]:
    from openpyxl.utils import range_boundaries

    left, top, right, bottom = range_boundaries(reference)
    return int(left), int(top), int(right), int(bottom)


def _damaged(error: Exception) -> Unreadable:
    return Unreadable(f"the workbook cannot be read ({type(error).__name__})", _AGAIN)
