"""Which files a study declares, and which of them are there: patterns to deliveries."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from impact.core.errors import Fault
from impact.core.notice import Notice

Encoding = Literal["utf-8", "latin-1", "iso-8859-15", "cp1252", "cp850"]


@dataclass(frozen=True, slots=True)
class TableFormat:
    """How the files of one table are written, as the study declares it.

    Attributes
    ----------
    files : tuple of str
        Names or patterns (`*`, `?`, `[...]`, `**`), relative to the study's folder or absolute.
    delimiter : str, optional
        One character. Where missing, the one of `,` `;` tab `|` that parts the header into the expected names.
    encoding : str
        Of text files. A byte-order mark of UTF-8 is understood.
    header_row : int
        Row of the column names, as a spreadsheet counts it.
    sheet : str, optional
        Sheet of a workbook; must be declared where several hold data.
    names : tuple of str
        Names of the columns in their order, of files without a header row.
    quoted : bool
        Whether a cell may stand within double quotes; otherwise a quote is a sign like any other.
    """

    files: tuple[str, ...]
    delimiter: str | None = None
    encoding: Encoding = "utf-8"
    header_row: int = 1
    sheet: str | None = None
    names: tuple[str, ...] = ()
    quoted: bool = True

    @property
    def names_row(self) -> int:
        """Row of the column names; 0 where the file has none."""
        return 0 if self.names else self.header_row


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file that was received.

    Attributes
    ----------
    name : str
        As the person knows it: the path that the pattern matched, printable.
    path : Path
        Where it lies.
    """

    name: str
    path: Path


def find_deliveries(
    folder: Path, patterns: Sequence[str]
) -> tuple[list[Delivery], list[Fault], list[Notice]]:
    """Find the files that patterns match, in the order of their names.

    Parameters
    ----------
    folder : Path
        What relative patterns start from.
    patterns : sequence of str
        Names or patterns.

    Returns
    -------
    list of Delivery
        Regular files that may be read, each once, whatever the number of patterns that match it.
    list of Fault
        Patterns that match nothing; folders, broken links, pipes and files that may not be read.
    list of Notice
        Links that were followed.

    Examples
    --------
    >>> found, faults, _ = find_deliveries(Path("no-such-folder"), ["customs_*.csv"])
    >>> print(faults[0])
    customs_*.csv: no file matches. To mend: check the pattern; it is relative to study.toml.
    """
    faults: list[Fault] = []
    notices: list[Notice] = []
    matched: dict[str, str] = {}
    for pattern in patterns:
        names = _matches(folder, pattern)
        if not names:
            what = "no file matches" if glob.has_magic(pattern) else "the file does not exist"
            faults.append(Fault(what, "check the pattern; it is relative to study.toml",
                                file=printable(pattern)))  # fmt: skip
        for name in names:
            matched.setdefault(os.path.normpath(os.path.join(folder, name)), name)
    found = []
    for place, name in sorted(matched.items(), key=lambda item: (item[1], item[0])):
        delivery = Delivery(printable(name), Path(place))
        fault = _unusable(delivery)
        if fault is not None:
            faults.append(fault)
            continue
        found.append(delivery)
        if delivery.path.is_symlink():
            notices.append(Notice("the name is a link to another file, which is read", delivery.name))  # fmt: skip
    return found, faults, notices


def printable(name: str) -> str:
    """Write a file name for a message: no control characters, no half characters.

    Examples
    --------
    >>> printable("a" + chr(27) + "[2Jb.csv")
    'a�[2Jb.csv'
    """
    return "".join(c if c.isprintable() else "�" for c in name)


def _matches(folder: Path, pattern: str) -> list[str]:
    if not pattern or "\0" in pattern:
        return []
    if os.path.lexists(os.path.join(folder, pattern)):  # a name may hold [ or ? itself
        return [pattern]
    return glob.glob(pattern, root_dir=folder, recursive=True)


def _unusable(delivery: Delivery) -> Fault | None:
    """Say why a matched name is no file that can be read; a pipe must never be opened, since it waits."""
    try:
        mode = delivery.path.stat().st_mode
        if stat.S_ISDIR(mode):
            return Fault("this is a folder, not a file", "name the files in it, such as "
                         f"'{delivery.name}/*.csv'", file=delivery.name)  # fmt: skip
        if not stat.S_ISREG(mode):
            return Fault("this is a device or a pipe, not a file", "name a file", file=delivery.name)  # fmt: skip
        with delivery.path.open("rb"):
            return None
    except OSError as error:
        broken = delivery.path.is_symlink() and not os.path.exists(delivery.path)
        what = "the link leads nowhere" if broken else f"the file cannot be read ({error.strerror})"
        remedy = "mend the link" if broken else "check that you may read it"
        return Fault(what, remedy, file=delivery.name)
