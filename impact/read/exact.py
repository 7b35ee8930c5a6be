"""Rows of a delimited text file, exactly: slow, strict, and with a place for every fault.

The engine reads plain files many times faster. This reader is for those that it refuses, and for finding a row again.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import IO

from impact.core.errors import shown
from impact.read.deliveries import Encoding
from impact.read.found import SHOWN, Found
from impact.read.heading import Heading, Row

CELL_LIMIT = 1_000_000
"""Characters; a longer cell is a damaged file, not a firm's answer."""

ROW_LIMIT = 20 * CELL_LIMIT
_NOT_TEXT = re.compile("[\0\udc80-\udcff]")


class TextRows:
    """Records of a text file with their numbers, blank ones among them, as a spreadsheet counts them.

    Parameters
    ----------
    stream : binary file
        The unpacked bytes.
    encoding : str
        How they are written.
    delimiter : str
        One character.
    found : Found
        Where records go that cannot be read.
    header_row : int
        Rows above it hold a title, in which nothing is a fault.
    quoted : bool
        Whether quotes hold cells together; otherwise a line is a row, and a carriage return may stand in a cell.
    table : str
        What messages call the section of study.toml.

    Notes
    -----
    A quote that is never closed would swallow the rest of the file. Its record is a fault, and the reading goes on
    with the line below its first line. Since a record ends at the next quote at the latest, no line is read more
    than twice.
    """

    def __init__(
        self,
        stream: IO[bytes],
        encoding: Encoding,
        delimiter: str,
        found: Found,
        *,
        header_row: int = 1,
        quoted: bool = True,
        table: str = "the table",
    ) -> None:
        self.encoding, self.found = encoding, found
        self.header_row, self.table = header_row, table
        self.number = 0
        self._lines = _Lines(stream, encoding, newline="" if quoted else "\n")
        self._reader: Iterator[list[str]] = (
            csv.reader(self._lines, delimiter=delimiter, strict=True)
            if quoted
            else (line.rstrip("\r\n").split(delimiter) for line in self._lines)
        )

    def __iter__(self) -> Iterator[Row]:
        csv.field_size_limit(2 * ROW_LIMIT)  # cells are measured below, where their column is known
        while True:
            self.number += 1
            self._lines.start_record()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._note_unreadable(error)
                self._lines.read_again()
                continue
            if self._lines.too_long:
                self._note("rows that are too long", f"the row is longer than {ROW_LIMIT:,} characters",
                           "send the file again; its line ends may be lost")  # fmt: skip
                continue
            yield self.number, cells

    @property
    def simple(self) -> bool:
        """Whether the record at hand is one line of sound text."""
        return len(self._lines.record) == 1 and not self._lines.odd

    def sound(self, row: Row, names: tuple[str, ...]) -> bool:
        """Note cells that are not text or too long, and say whether there are none."""
        lines = self._lines
        if not lines.odd and lines.size <= CELL_LIMIT:
            return True
        good = True
        for place, cell in enumerate(row[1]):
            if len(cell) > CELL_LIMIT or (lines.odd and _NOT_TEXT.search(cell)):
                self._note_cell(cell, names[place] if place < len(names) else None)
                good = False
        return good

    def _note_cell(self, cell: str, column: str | None) -> None:
        if len(cell) > CELL_LIMIT:
            self._note("cells that are too long", f"the cell has {len(cell):,} characters",
                       "shorten it, or mend its quotes", column, cell)  # fmt: skip
        elif "\0" in cell:
            self._note("cells with a NUL character", "the cell holds a NUL character",
                       "export the file again as text", column, cell)  # fmt: skip
        else:
            self._note_undecoded(cell, column)

    def _note_undecoded(self, cell: str, column: str | None) -> None:
        start = max(0, next(_NOT_TEXT.finditer(cell)).start() - 20)
        raw = cell[start : start + 60].encode(self.encoding, "surrogateescape")
        windows = self.encoding == "utf-8" and any(0x80 <= sign < 0xA0 for sign in raw)
        other = "cp1252" if windows else "latin-1"
        self._note(
            f"cells that are not {self.encoding.upper()} text",
            f"the cell is not {self.encoding.upper()} text; as {other} it would read "
            f"{shown(raw.decode(other, 'replace'))}",
            f'declare encoding = "{other}" under [{self.table}] if the file is in it, or save it as UTF-8',
            column,
            _NOT_TEXT.sub("�", cell),
            shown=5,  # one declaration mends them all
        )

    def _note_unreadable(self, error: csv.Error) -> None:
        first = self._lines.record[0] if self._lines.record else ""
        self._note("rows that cannot be read", _quote_words(str(error)),
                   "close each quote, and write a quote within a quoted cell twice", None,
                   first.rstrip("\r\n"))  # fmt: skip

    def _note(
        self, kind: str, problem: str, remedy: str, column: str | None = None, value: object = None,
        shown: int = SHOWN,
    ) -> None:  # fmt: skip
        if self.number >= self.header_row:
            self.found.note(kind, problem, remedy, row=self.number, column=column, value=value,
                            shown=shown)  # fmt: skip


def body_rows(rows: TextRows, heading: Heading) -> Iterator[Row]:
    """Give the rows of data that are sound, each with as many cells as the header names.

    Parameters
    ----------
    rows : TextRows
        A file from its beginning.
    heading : Heading
        Its header.

    Yields
    ------
    Row
        Without blank rows. Rows with too few or too many cells go to `rows.found`; empty cells beyond the header
        are let go, since some programs end each line with the delimiter.
    """
    width = len(heading.names)
    for row in rows:
        number, cells = row
        if number <= heading.row:
            if number == heading.row:
                rows.sound(row, heading.names)
            continue
        if len(cells) != width:
            if not any(map(str.strip, cells)):
                continue
            del cells[max(width, _filled(cells)) :]
        if not rows.sound(row, heading.names):
            continue
        if len(cells) != width:
            _note_ragged(rows.found, number, cells, width)
        elif any(map(str.strip, cells)):
            yield row


def _filled(cells: list[str]) -> int:
    """Position after the last cell that is not empty."""
    count = len(cells)
    while count and not cells[count - 1]:
        count -= 1
    return count


def _note_ragged(found: Found, number: int, cells: list[str], width: int) -> None:
    count = len(cells)
    many = count > width
    found.note(
        f"rows with too {'many' if many else 'few'} cells",
        f"{count} cell{'' if count == 1 else 's'} where the header names {width}",
        "quote cells that contain the delimiter" if many else "complete the row",
        row=number,
        value=cells[width] if many else None,
    )


def _quote_words(error: str) -> str:
    if "unexpected end" in error:
        return "a quote is opened and never closed"
    if "expected after" in error:
        return "text follows a closed quote"
    return f"the row cannot be read ({error})"


class _Lines:
    """Lines for the csv module, with those of the record at hand."""

    def __init__(self, stream: IO[bytes], encoding: Encoding, newline: str) -> None:
        codec = "utf-8-sig" if encoding == "utf-8" else encoding
        self._text = io.TextIOWrapper(stream, codec, errors="surrogateescape", newline=newline)
        self._again: deque[str] = deque()
        self.record: list[str] = []
        self.size = 0
        self.odd = self.too_long = False

    def start_record(self) -> None:
        self.record.clear()
        self.size = 0
        self.odd = self.too_long = False

    def read_again(self) -> None:
        """Take back all lines of the record but the first."""
        self._again.extendleft(reversed(self.record[1:]))

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if (
            self.size > ROW_LIMIT
        ):  # within quotes; the csv module then says that the text ends there
            raise StopIteration
        line = self._again.popleft() if self._again else self._next_line()
        if not line:
            raise StopIteration
        self.record.append(line)
        self.size += len(line)
        if not line.isascii() or "\0" in line:
            self.odd = self.odd or _NOT_TEXT.search(line) is not None
        return line

    def _next_line(self) -> str:
        line = self._text.readline(ROW_LIMIT)
        if len(line) < ROW_LIMIT or line.endswith(("\n", "\r")):
            return line
        self.too_long = True
        while (rest := self._text.readline(ROW_LIMIT)) and not rest.endswith(("\n", "\r")):
            pass
        return "\n"
