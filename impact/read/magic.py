"""What a file is, told from its first bytes and not from its name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

HEAD = 4096
"""Bytes that are looked at."""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b", "gz"),
    (b"PAR1", "parquet"),
    (b"PARE", "encrypted parquet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"%PDF-", "pdf"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\x00\x00\xfe\xff", "utf-16"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"{\\rtf", "rtf"),
    (b"SQLite format 3\x00", "sqlite"),
    (b"ARROW1", "arrow"),
    (b"<stata_dta>", "stata"),
    (b"$FL2", "spss"),
    (b"RDX2\n", "r data"),
    (b"RDX3\n", "r data"),
)
_BZ2 = re.compile(rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90)")
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|\?xml|\?mso|html|head|table|script|style|meta|!--)", re.I)  # fmt: skip

WORDS = {
    "zip": "a zip archive",
    "gz": "a gzip archive",
    "bz2": "a bzip2 archive",
    "xlsx": "an XLSX workbook",
    "parquet": "a Parquet file",
    "encrypted parquet": "an encrypted Parquet file",
    "ole": "a workbook of the old XLS format",
    "locked": "a workbook under a password",
    "pdf": "a PDF document",
    "markup": "a web page or XML",
    "utf-16": "UTF-16 text",
    "xz": "an xz archive",
    "zstd": "a Zstandard archive",
    "7z": "a 7-Zip archive",
    "rar": "a RAR archive",
    "tar": "a tar archive",
    "rtf": "a document (RTF)",
    "sqlite": "a database (SQLite)",
    "arrow": "an Arrow file",
    "stata": "a Stata file",
    "spss": "an SPSS file",
    "r data": "an R data file",
    "binary": "neither text nor a format that is known",
    "text": "text",
}
"""Kind of content -> what a message calls it."""

REMEDIES = {
    "ole": "open it in a spreadsheet program and save it as XLSX or as 'CSV UTF-8'",
    "locked": "open it with its password, and save it without one as XLSX",
    "pdf": "ask for the table itself, as CSV, XLSX or Parquet",
    "markup": "open it in a spreadsheet program and save it as XLSX or as 'CSV UTF-8'",
    "utf-16": "save it as UTF-8 (in a spreadsheet program: 'CSV UTF-8')",
    "encrypted parquet": "write it without encryption",
    "tar": "unpack it, and name the files in it",
}
"""Kind that is never read -> what to do about it."""

_PACKED = ("xz", "zstd", "7z", "rar")
_ENDINGS = {
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".tab": "text",
    ".dat": "text",
    ".psv": "text",
    ".gz": "gz",
    ".bz2": "bz2",
    ".zip": "zip",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xls": "ole",
    ".xlsb": "xlsb",
    ".ods": "ods",
    ".pdf": "pdf",
    ".html": "markup",
    ".htm": "markup",
    ".xml": "markup",
}
_RIGHT = {"text": ".csv", "gz": ".gz", "bz2": ".bz2", "zip": ".zip", "xlsx": ".xlsx", "parquet": ".parquet"}  # fmt: skip

READ = tuple(_RIGHT)
"""Kinds that are read."""


def kind_of(head: bytes) -> str:
    """Tell the kind of a file from its first bytes.

    Parameters
    ----------
    head : bytes
        The first 4,096 bytes, or all of them.

    Returns
    -------
    str
        A key of `WORDS`. A workbook is `zip` here; its members tell it apart.

    Examples
    --------
    >>> kind_of(b"firm_id;value"), kind_of(b"PAR1..."), kind_of("a;b".encode("utf-16"))
    ('text', 'parquet', 'utf-16')
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if _BZ2.match(head):
        return "bz2"
    if _MARKUP.match(head):
        return "markup"
    if head[257:262] == b"ustar":
        return "tar"
    return _text_or_binary(head)


def _text_or_binary(head: bytes) -> str:
    """A few NULs are damage within text; many are another kind of file, or letters of two bytes."""
    if head.count(0) * 5 < len(head):
        return "text"
    even, odd = head[::2].count(0), head[1::2].count(0)
    wide = max(even, odd) * 2 > len(head) // 2 and min(even, odd) * 10 < len(head)
    return "utf-16" if wide and len(head) > 3 else "binary"


def ending_kind(name: str) -> str | None:
    """Give the kind that the ending of a name promises, where it promises one."""
    return _ENDINGS.get(PurePosixPath(name).suffix.lower())


def at_odds(name: str, kind: str) -> tuple[str, str] | None:
    """Say what is wrong where a file's content is not read, or is not what its name says.

    Returns
    -------
    tuple of str, or None
        Problem and remedy.

    Examples
    --------
    >>> at_odds("customs.csv", "xlsx")
    ("the file is an XLSX workbook, though its name ends in '.csv'", "rename it to end in '.xlsx'")
    >>> at_odds("customs.csv", "text") is None
    True
    """
    promised = ending_kind(name)
    ending = PurePosixPath(name).suffix.lower()
    problem = f"the file is {WORDS[kind]}"
    if promised is not None and promised != kind:
        problem += f", though its name ends in '{ending}'"
    if kind not in READ:
        other = "unpack it, and name the files in it" if kind in _PACKED else (
            "deliver the table as CSV, XLSX or Parquet")  # fmt: skip
        return problem, REMEDIES.get(kind, other)
    if promised is None or promised == kind:
        return None
    if kind == "text" and promised in ("xlsx", "gz", "bz2", "zip", "parquet"):
        return problem, f"send the file again, or rename it to end in '{_RIGHT[kind]}'"
    return problem, f"rename it to end in '{_RIGHT[kind]}'"
