"""Delimited text files, as text: every cell keeps its file and its row."""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from impact.core.errors import DataError, Fault

_CELL_LIMIT = 1_000_000  # characters; a longer cell is a damaged file, not a firm's answer


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """A file as it was received: nothing converted, nothing dropped.

    Attributes
    ----------
    name : str
        The file as the person knows it.
    sha256 : str
        Hash of its bytes, for the manifest.
    cells : DataFrame
        Text cells, stripped of outer blanks; an empty cell is the empty text. The index is the
        row as the person counts it: the header is row 1.
    """

    name: str
    sha256: str
    cells: pd.DataFrame


def read_delimited(path: Path, *, name: str | None = None, delimiter: str = ",") -> TextTable:
    """Read a delimited UTF-8 file (plain, .gz or .bz2) as text.

    Parameters
    ----------
    path : Path
        The file.
    name : str, optional
        What messages call it; the path's own name where missing.
    delimiter : str
        One character.

    Returns
    -------
    TextTable

    Raises
    ------
    DataError
        If the file is missing, empty, not UTF-8 or damaged, has a doubled or empty column name, or rows
        with too many or too few cells; every fault in one pass.
    """
    shown = name or path.name
    raw = _bytes(path, shown)
    text = _text(raw, path, shown)
    rows, faults = _rows(text, delimiter, shown)
    if not rows:
        raise _refused(
            shown, [Fault("the file is empty", "give a header row and data", file=shown)]
        )
    header = [cell.strip() for cell in rows[0][1]]
    if len(header) == 1:
        _refuse_other_delimiter(header[0], delimiter, shown)
    faults += _header_faults(header, shown)
    body = []
    for number, cells in rows[1:]:
        if len(cells) != len(header):
            faults.append(
                Fault(
                    f"{len(cells)} cells where the header has {len(header)}",
                    "quote cells that contain the delimiter, and complete short rows",
                    file=shown,
                    row=number,
                )
            )
        else:
            body.append((number, [cell.strip() for cell in cells]))
    if not body and not faults:
        faults.append(Fault("there is a header but no row", "give the data below it", file=shown))
    if faults:
        raise _refused(shown, faults)
    frame = pd.DataFrame([c for _, c in body], columns=header, dtype="str")
    frame.index = pd.Index([n for n, _ in body], name="row", dtype="int64")
    return TextTable(shown, hashlib.sha256(raw).hexdigest(), frame)


def packaged_file(package: str) -> Path:
    """Locate the data file of a data set that ships with an installed library.

    Parameters
    ----------
    package : str
        For example `linearmodels.datasets.jobtraining`: a package whose folder holds one
        `.csv`, `.csv.gz` or `.csv.bz2` file.

    Raises
    ------
    DataError
        If there is no such package, or its folder does not hold exactly one such file.
    """
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    found: list[Path] = []
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        found = sorted(p for s in ("csv", "csv.gz", "csv.bz2") for p in folder.glob(f"*.{s}"))
    if len(found) != 1:
        what = "no such data set is installed" if not found else "it holds several files"
        raise DataError(
            "The data cannot be read.",
            [Fault(what, "name an installed data set such as 'linearmodels.datasets.jobtraining'",
                   file=package)],
        )  # fmt: skip
    return found[0]


def _bytes(path: Path, shown: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        fault = Fault("the file does not exist", "check the path in study.toml; it is relative "
                      "to that file", file=shown)  # fmt: skip
        raise DataError("A file is missing.", [fault]) from None
    except OSError as error:
        fault = Fault(f"the file cannot be read ({error.strerror})", "check that it is a file "
                      "and that you may read it", file=shown)  # fmt: skip
        raise DataError("A file cannot be read.", [fault]) from None


def _text(raw: bytes, path: Path, shown: str) -> str:
    try:
        if path.suffix == ".bz2":
            raw = bz2.decompress(raw)
        elif path.suffix == ".gz":
            raw = gzip.decompress(raw)
    except (OSError, EOFError, ValueError):
        fault = Fault(f"the file is not a {path.suffix[1:]} archive, or is damaged",
                      "send the file again, or correct its ending", file=shown)  # fmt: skip
        raise _refused(shown, [fault]) from None
    if raw.startswith(b"PK\x03\x04"):
        fault = Fault("the file is a workbook or an archive, not text", "save the sheet as CSV",
                      file=shown)  # fmt: skip
        raise _refused(shown, [fault])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        fault = Fault("the file is not UTF-8 text", "save it as UTF-8 (in a spreadsheet: 'CSV "
                      "UTF-8')", file=shown, row=row, value=raw[error.start : error.start + 8])  # fmt: skip
        raise _refused(shown, [fault]) from None
    if "\0" in text:
        row = text[: text.index("\0")].count("\n") + 1
        fault = Fault("the file holds a NUL character", "export it again as text",
                      file=shown, row=row)  # fmt: skip
        raise _refused(shown, [fault])
    return text


def _rows(text: str, delimiter: str, shown: str) -> tuple[list[tuple[int, list[str]]], list[Fault]]:
    """Rows with their number; blank lines are passed over, as a spreadsheet's last lines are."""
    rows: list[tuple[int, list[str]]] = []
    faults: list[Fault] = []
    csv.field_size_limit(_CELL_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        for cells in reader:
            number += 1
            if cells and any(cell.strip() for cell in cells):
                rows.append((number, cells))
    except csv.Error as error:
        faults.append(
            Fault(f"the row cannot be read ({error})", "close the quotes of each cell",
                  file=shown, row=number + 1)
        )  # fmt: skip
    return rows, faults


def _refuse_other_delimiter(header: str, delimiter: str, shown: str) -> None:
    """One column with another delimiter in its name is a file that was split at the wrong sign."""
    for other, name in ((";", ";"), (",", ","), ("\t", "\\t"), ("|", "|")):
        if other != delimiter and other in header:
            fault = Fault(
                f"the whole header is one cell when split at '{delimiter}'",
                f'declare delimiter = "{name}" under [data], if that is what parts the columns',
                file=shown,
                row=1,
                value=header,
            )
            raise _refused(shown, [fault])


def _header_faults(header: list[str], shown: str) -> list[Fault]:
    faults = []
    for position, column in enumerate(header, 1):
        if not column:
            faults.append(Fault(f"column {position} has no name", "name it", file=shown, row=1))
        elif column in header[: position - 1]:
            faults.append(
                Fault("two columns have this name", "rename one", file=shown, row=1, column=column)
            )
    return faults


def _refused(shown: str, faults: list[Fault]) -> DataError:
    return DataError(f"{shown} cannot be used as it is.", faults)
