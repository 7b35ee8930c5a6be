"""A delimited text file as a table: by the engine where it is plain, else by the exact reader."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from impact.core.errors import Fault
from impact.display.progress import progress
from impact.read.batches import write_rows
from impact.read.containers import Content
from impact.read.deliveries import TableFormat
from impact.read.exact import TextRows, body_rows
from impact.read.found import Found
from impact.read.heading import (
    DELIMITERS,
    LOOKED_AT,
    Row,
    Wanted,
    choose_delimiter,
    plain_name,
    read_heading,
)
from impact.read.staged import Origin

if TYPE_CHECKING:
    from impact.engines.duckdb_relations import DuckRelations

_SHOWN = {"\t": "\\t"}


def stage_text(
    path: Path, content: Content, declared: TableFormat, wanted: Wanted, table: str, out: Path,
    duck: DuckRelations,
) -> tuple[Origin | None, int, list[Fault]]:  # fmt: skip
    """Stage the rows of a text file.

    Parameters
    ----------
    path : Path
        The unpacked file.
    content : Content
        The file as received.
    declared : TableFormat
        How the study says it is written.
    wanted : Wanted
        Columns to find.
    table : str
        Section of study.toml, for messages.
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
        Of the header and of the rows.
    """
    reading = _Reading(path, content.name, declared, table)
    wrong = reading.wrong_encoding()
    if wrong:
        return None, 0, [wrong]
    delimiter, rows, simple, fault = _parted(reading, wanted)
    if fault:
        return None, 0, [fault]
    heading, faults = read_heading(
        rows, wanted, declared.names_row, content.name, given=declared.names
    )
    if heading is None:
        return None, 0, faults
    origin = Origin(
        content,
        heading,
        declared.encoding,
        delimiter,
        declared.quoted,
        numeric=frozenset(wanted.numeric),
    )
    named_once = len({*heading.names, ""}) == len(heading.names) + 1
    count = None
    if simple and named_once and len(heading.names) > 1:
        count = _by_engine(path, origin, out, duck)
    if count is None:
        found = Found(content.name)
        with text_body(path, origin, found, table) as body:
            count = write_rows(body, heading, out, duck)
        faults = [*faults, *found.faults()]
    return origin, count, faults


@contextmanager
def text_body(
    path: Path, origin: Origin, found: Found, table: str = "the table"
) -> Iterator[Iterator[Row]]:
    """Open the sound rows of data of an unpacked text file; the others go to `found`."""
    size = path.stat().st_size or 1
    with (
        path.open("rb") as stream,
        progress(f"reading {origin.content.name}", lambda: stream.tell() / size),
    ):
        rows = TextRows(stream, origin.encoding, origin.delimiter, found,
                        header_row=origin.heading.row, quoted=origin.quoted, table=table)  # fmt: skip
        yield body_rows(rows, origin.heading)


def _by_engine(path: Path, origin: Origin, out: Path, duck: DuckRelations) -> int | None:
    from impact.engines.duckdb_relations import NotPlain

    heading = origin.heading
    try:
        return duck.stage_delimited(
            path,
            out,
            names=list(heading.names),
            columns={c: heading.name_of(c) for c in heading.places},
            delimiter=origin.delimiter,
            quote='"' if origin.quoted else "",
            encoding=origin.encoding,
            compression="none",
            skip_rows=heading.row,
        )
    except NotPlain:
        out.unlink(missing_ok=True)
        return None


class _Reading:
    """The first rows of a text file, under one delimiter or another."""

    def __init__(self, path: Path, file: str, declared: TableFormat, table: str) -> None:
        self.path, self.file, self.declared, self.table = path, file, declared, table

    def first_rows(self, delimiter: str) -> tuple[list[Row], bool]:
        """Rows up to some below the header, and whether each down to the header is one line of sound text."""
        header_row = self.declared.names_row
        found, simple, above = Found(self.file), True, 0
        kept: list[Row] = []
        with self.path.open("rb") as stream:
            rows = TextRows(stream, self.declared.encoding, delimiter, found, header_row=0,
                            quoted=self.declared.quoted)  # fmt: skip
            last = header_row + LOOKED_AT
            for number, cells in takewhile(lambda row: row[0] <= last, rows):
                kept.append((number, cells))
                if number <= header_row:
                    above += 1
                    simple = simple and rows.simple
        return kept, simple and above == header_row

    def wrong_encoding(self) -> Fault | None:
        """Text that is declared to be of another encoding, and reads as UTF-8 from end to end, is UTF-8."""
        encoding = self.declared.encoding
        if encoding == "utf-8" or not _is_utf8(self.path):
            return None
        return Fault(
            f"the file is declared as {encoding} and is UTF-8: all its accented letters read as such",
            f'declare encoding = "utf-8" under [{self.table}], or save all files in one encoding',
            file=self.file,
        )


def _is_utf8(path: Path) -> bool:
    decoder, ascii_only = codecs.getincrementaldecoder("utf-8")(), True
    with path.open("rb") as file:
        try:
            while chunk := file.read(1 << 20):
                ascii_only = decoder.decode(chunk).isascii() and ascii_only
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return not ascii_only


def _parted(reading: _Reading, wanted: Wanted) -> tuple[str, list[Row], bool, Fault | None]:
    """The delimiter, the first rows parted at it, whether they are simple, or why there is none."""
    declared, file = reading.declared, reading.file
    row = declared.names_row or 1
    if declared.delimiter is not None:
        sign = declared.delimiter
        if len(sign) != 1 or sign in '"\r\n\0':
            fault = Fault("the delimiter is not one character", f'declare delimiter = ";" under [{reading.table}], '
                          "or the sign that parts the columns", value=sign)  # fmt: skip
            return sign, [], False, fault
        rows, simple = reading.first_rows(sign)
        return sign, rows, simple, _other_delimiter(rows, sign, reading, wanted)
    tried = {sign: reading.first_rows(sign) for sign in DELIMITERS}
    chosen = choose_delimiter({sign: rows for sign, (rows, _) in tried.items()}, wanted, row)
    if chosen is not None:
        return chosen, *tried[chosen], None
    rows, simple = tried[","]
    header = next((cells for number, cells in rows if number == row), [])
    if not any(map(plain_name, header)):
        return ",", rows, simple, None  # an empty file or row, which read_heading says better
    names = ", ".join(f"'{name}'" for name in wanted.expected().values())
    fault = Fault(
        "no comma, semicolon, tab or bar parts this row into columns",
        f"declare the delimiter, or header_row if the names stand in another row; expected are {names}",
        file=file,
        row=row,
        value=",".join(header),
    )
    return ",", rows, simple, fault


def _other_delimiter(rows: list[Row], sign: str, reading: _Reading, wanted: Wanted) -> Fault | None:
    """One cell with another delimiter in it is a header that was parted at the wrong sign."""
    row = reading.declared.names_row or 1
    header = next((cells for number, cells in rows if number == row), [])
    if len(header) != 1 or len(wanted.expected()) < 2:
        return None
    for other in DELIMITERS:
        if other != sign and other in header[0]:
            return Fault(
                f"the whole header is one cell when it is parted at '{_SHOWN.get(sign, sign)}'",
                f'declare delimiter = "{_SHOWN.get(other, other)}" under [{reading.table}], if that is what parts '
                "the columns",
                file=reading.file,
                row=row,
                value=header[0],
            )
    return None
