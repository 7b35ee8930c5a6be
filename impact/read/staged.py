"""What is known of received files once they are staged."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from impact.core.errors import Fault
from impact.core.notice import Notice
from impact.read.containers import Content
from impact.read.deliveries import Encoding
from impact.read.heading import Heading


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a staged file came from, so that they can be found again.

    Attributes
    ----------
    content : Content
        The file as received, and how it is packed.
    heading : Heading
        Its header; row 0 for a Parquet file.
    encoding : str
        Of a text file.
    delimiter : str
        Of a text file.
    quoted : bool
        Whether quotes hold the cells of a text file together.
    sheet : str, optional
        Of a workbook.
    numeric : frozenset of str
        Canonical names of numbers and dates.
    """

    content: Content
    heading: Heading
    encoding: Encoding = "utf-8"
    delimiter: str = ","
    quoted: bool = True
    sheet: str | None = None
    numeric: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A received table that the engine can read.

    Attributes
    ----------
    name : str
        As the person knows it.
    sha256 : str
        Of the file as received.
    rows : int
        Rows of data.
    parquet : Path
        Where the rows are: text under canonical names, or the delivered file itself.
    typed : bool
        Whether it is the delivered Parquet file, with its own types and names.
    present : tuple of str
        Canonical columns that the file has.
    columns : dict of str to str
        Canonical name -> name in `parquet`. A text column that only other files of the table have is there too,
        empty.
    headings : dict of str to str
        Canonical name -> name in the file as received, for messages.
    types : dict of str to str
        Canonical name -> type in `parquet`, as `Relations.parquet` calls it.
    origin : Origin
        How to find its rows again.
    """

    name: str
    sha256: str
    rows: int
    parquet: Path
    typed: bool
    present: tuple[str, ...]
    columns: dict[str, str]
    headings: dict[str, str]
    types: dict[str, str]
    origin: Origin = field(repr=False)


@dataclass(frozen=True, slots=True)
class Staged:
    """All files of one table.

    Attributes
    ----------
    files : tuple of StagedFile
        In the order of their names; they can be read as one table. Where there are faults it may lack files, and
        files may lack rows: enough to look for further faults, and not for more.
    faults : tuple of Fault
        Everything that is wrong with the files as such.
    notices : tuple of Notice
        What was accepted and must be said.
    """

    files: tuple[StagedFile, ...]
    faults: tuple[Fault, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def present(self) -> tuple[str, ...]:
        """Canonical columns that any file has; each staged file can give all of them."""
        return tuple(dict.fromkeys(c for file in self.files for c in file.columns))
