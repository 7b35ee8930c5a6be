"""Is a delimited text file so plain that a fast reader sees in it what the strict reader of Python sees?

DuckDB's reader agrees with `csv.reader(strict=True)` on almost every file. Where it does not (spaces around quotes, NULs,
line ends of two kinds, rows lost at the edge of a buffer), the bytes tell before, or the number of lines tells after.
"""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

LINE_LIMIT = 1_000_000
"""Bytes; a longer line is a damaged file, or cells too long for the strict reader."""

_CHUNK = 1 << 22
_LINE_ENDS = re.compile(rb"[\r\n]+")
_ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "iso8859-1": "latin-1"}


class NotPlain(Exception):
    """The file must be read by the exact reader; nothing is said about whether it is sound."""


def engine_encoding(encoding: str) -> str:
    """Give DuckDB's word for an encoding.

    Raises
    ------
    NotPlain
        If it cannot read it as Python does.

    Examples
    --------
    >>> engine_encoding("ISO-8859-1")
    'latin-1'
    """
    try:
        return _ENCODINGS[codecs.lookup(encoding).name]
    except (LookupError, ValueError):
        raise NotPlain(f"the encoding {encoding}") from None


def count_lines(
    path: Path,
    *,
    delimiter: str,
    quote: str,
    encoding: str = "utf-8",
    compression: str = "none",
    skip_rows: int = 0,
) -> int:
    """Look through a file, and count the lines after the header that are not empty.

    Parameters
    ----------
    path : Path
        The file.
    delimiter : str
        One character of ASCII.
    quote : str
        One character of ASCII, or empty.
    encoding : str
        In which the lines above the data are held against the grammar.
    compression : {"none", "gzip"}
    skip_rows : int
        Lines above the data.

    Returns
    -------
    int
        As many rows as a reader must find where no cell holds a line end.

    Raises
    ------
    NotPlain
        If the two readers may differ.
    """
    grammar = _Grammar(delimiter, quote)
    ends = _Ends()
    lines, skipped = 0, 0
    last = b"\n"
    for position, block in enumerate(_blocks(path, compression)):
        if position == 0:
            block = block.removeprefix(codecs.BOM_UTF8)
        ends.look(block)
        if skipped < skip_rows:
            head, block, number = _cut(block, skip_rows - skipped)
            grammar.require_simple(head, encoding)
            skipped += number
            if not block:
                continue
        if b"\0" in block:
            raise NotPlain("a NUL character")
        grammar.require_plain(block)
        lines += _rows_ended(block, last)
        last = block[-1:]
    ends.require_one_kind(lone_is_text=not quote)
    return lines + (last not in b"\r\n")


def _cut(block: bytes, number: int) -> tuple[list[bytes], bytes, int]:
    """Take up to so many lines from the beginning of a block."""
    head: list[bytes] = []
    start = 0
    for end in re.finditer(rb"\r\n|\r|\n", block):
        head.append(block[start : end.start()])
        start = end.end()
        if len(head) == number:
            break
    return head, block[start:], len(head)


def _rows_ended(block: bytes, last: bytes) -> int:
    """Line ends that follow something else than a line end."""
    signs = np.frombuffer(last + block, np.uint8)
    ends = (signs == 10) | (signs == 13)
    return int(np.count_nonzero(ends[1:] & ~ends[:-1]))


class _Ends:
    """Which line ends a file has."""

    def __init__(self) -> None:
        self.returns = self.feeds = self.both = 0

    def look(self, block: bytes) -> None:
        self.feeds += block.count(b"\n")
        if b"\r" in block:
            self.returns += block.count(b"\r")
            self.both += block.count(b"\r\n")

    def require_one_kind(self, *, lone_is_text: bool) -> None:
        if self.returns == 0 or self.returns == self.feeds == self.both:
            return
        if self.feeds or lone_is_text:  # without quotes, a lone return is text in a cell
            raise NotPlain("line ends of more than one kind")


class _Grammar:
    """Lines that both readers take apart in the same way.

    DuckDB passes over spaces between a quote and the end of its cell, and glues `"a" "b"` together. Only lines with
    a space beside a quote are looked at closely, and these must follow the strict grammar.
    """

    def __init__(self, delimiter: str, quote: str) -> None:
        sound = len(delimiter) == 1 and delimiter.isascii() and delimiter not in " \r\n\0"
        if not sound or (quote and (len(quote) != 1 or not quote.isascii() or quote in " \r\n\0")):
            raise NotPlain(f"the delimiter {delimiter!r} with the quote {quote!r}")
        if delimiter == quote:
            raise NotPlain("a delimiter that is the quote")
        d, q = re.escape(delimiter.encode()), re.escape(quote.encode())
        self._quote = quote.encode()
        cell = rb"(?:%b(?:[^%b\r\n]|%b%b)*%b|(?! *%b)[^%b\r\n]*)" % (q, q, q, q, q, q, d)
        self._line = re.compile(rb"%b(?:%b%b)*" % (cell, d, cell)) if quote else None
        self._beside = re.compile(rb"(?:^|[%b\r\n]) +%b|%b +(?:[%b%b\r\n]|\Z)" % (d, q, q, d, q))

    def require_simple(self, head: list[bytes], encoding: str) -> None:
        """Lines above the data must be text, and not open a quote that a later line closes."""
        for line in head:
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                raise NotPlain(f"a header that is not {encoding}") from None
            if b"\0" in line or (self._line is not None and not self._line.fullmatch(line)):
                raise NotPlain("quotes above the data")

    def require_plain(self, block: bytes) -> None:
        """Refuse spaces beside quotes, unless they stand within a quoted cell."""
        if self._line is None or not (b" " + self._quote in block or self._quote + b" " in block):
            return
        looked = 0  # up to here; what lies before is not searched again
        for found in self._beside.finditer(block):
            place = found.start() + (found.group()[:1] in b"\r\n")
            if place < looked:
                continue
            start = max(block.rfind(sign, looked, place) for sign in (b"\n", b"\r"))
            end = _LINE_ENDS.search(block, place)
            line = block[max(start + 1, looked) : end.start() if end else len(block)]
            if not self._line.fullmatch(line):
                raise NotPlain("a space beside a quote")
            looked = end.end() if end else len(block)


def _blocks(path: Path, compression: str) -> Iterator[bytes]:
    """Whole lines of a file, some megabytes at a time."""
    try:
        with _opened(path, compression) as file:
            rest = b""
            while chunk := file.read(_CHUNK):
                block = rest + chunk
                # A return at the very end may be half of a line end.
                cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1)) + 1
                if len(block) - cut > LINE_LIMIT:
                    raise NotPlain("a line that is too long")
                if cut:
                    yield block[:cut]
                rest = block[cut:]
            if rest:
                yield rest
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise NotPlain("an archive that is damaged") from None


def _opened(path: Path, compression: str) -> IO[bytes] | gzip.GzipFile:
    if compression == "none":
        return path.open("rb")
    if compression == "gzip":
        return gzip.open(path, "rb")
    raise NotPlain(f"the compression {compression}")
