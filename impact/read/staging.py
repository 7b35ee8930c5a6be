"""Receive the files of one table: found, opened, held against their names, and staged for the engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from impact.core.errors import Fault
from impact.core.notice import Notice
from impact.read.containers import Content, Unreadable, contents_of
from impact.read.deliveries import Delivery, TableFormat, find_deliveries
from impact.read.heading import Wanted
from impact.read.locating import locate, locate_rows
from impact.read.sheet_table import stage_sheet
from impact.read.staged import Origin, Staged, StagedFile
from impact.read.text_table import stage_text
from impact.read.typed_table import alike, stage_typed

if TYPE_CHECKING:
    from impact.engines.duckdb_relations import DuckRelations

__all__ = ["Staged", "StagedFile", "TableFormat", "locate", "locate_rows", "stage"]

Columns = Mapping[str, str] | Callable[[Sequence[str], str], Mapping[str, str]]


def stage(
    table: str,
    format: TableFormat,
    columns: Columns,
    *,
    canonical: Sequence[str],
    required: Collection[str],
    folder: Path,
    scratch: Path,
    duck: DuckRelations,
    numeric: Collection[str] = (),
) -> Staged:
    r"""Receive all files of a table and stage them as Parquet.

    Parameters
    ----------
    table : str
        Name of the table, as its section in study.toml is called.
    format : TableFormat
        Which files, and how they are written.
    columns : mapping of str to str, or callable
        Canonical name -> name in the file. A callable is given the names in a file's header and the file, once for
        each file, and gives such a mapping.
    canonical : sequence of str
        Every canonical name of the table. One that is not mapped is taken from a column of exactly that name.
    required : collection of str
        Canonical names that each file must have.
    folder : Path
        What relative file names start from.
    scratch : Path
        Folder for the Parquet files.
    duck : DuckRelations
        The engine that writes them.
    numeric : collection of str
        Canonical names of numbers and dates: a first row without a digit in them is a second header, and in other
        columns digits and zeros are part of a code.

    Returns
    -------
    Staged
        The staged files, and every fault of all files in one pass. Nothing of the files raises.

    Notes
    -----
    A text file is read twice from front to back: once for its SHA-256, once by the engine. One that the engine
    refuses (ragged rows, stray quotes, mixed line ends, NULs) is read by the exact reader instead, which names each
    bad row and stages the others, so that their cells can be looked at in the same pass.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from impact.engines.relations import open_relations
    >>> with TemporaryDirectory() as folder, open_relations("duckdb") as duck:
    ...     _ = Path(folder, "budget_2012.csv").write_text("Line;EUR\nadvice;1.200,50\nfairs\n")
    ...     staged = stage("budget", TableFormat(("budget_*.csv",)), {"line": "Line", "committed": "EUR"},
    ...                    canonical=("line", "committed"), required=("committed",),
    ...                    folder=Path(folder), scratch=Path(folder, "scratch"), duck=duck)
    ...     print(staged.faults[0])
    ...     print(locate(staged.files[0], {"committed": {"1.200,50"}}))
    budget_2012.csv, row 3: 1 cell where the header names 2. To mend: complete the row.
    ([(2, 'committed', '1.200,50')], {'committed': 1})
    """
    resolve = columns if callable(columns) else None
    mapped = {} if callable(columns) else dict(columns)
    wanted = Wanted(mapped, tuple(canonical), frozenset(required), frozenset(numeric), resolve)
    scratch.mkdir(parents=True, exist_ok=True)
    deliveries, faults, notices = find_deliveries(folder, format.files)
    intake = _Intake(table, format, wanted, scratch, duck, faults, notices)
    for delivery in deliveries:
        intake.receive(delivery)
    return intake.finished()


class _Intake:
    """The files of one table while they are received."""

    def __init__(
        self, table: str, declared: TableFormat, wanted: Wanted, scratch: Path, duck: DuckRelations,
        faults: list[Fault], notices: list[Notice],
    ) -> None:  # fmt: skip
        self.table, self.declared, self.wanted = table, declared, wanted
        self.scratch, self.duck = scratch, duck
        self.faults, self.notices = faults, notices
        self.files: list[StagedFile] = []
        self._known: dict[str, str] = {}
        self._count = 0

    def receive(self, delivery: Delivery) -> None:
        """Look into a delivery and stage the tables in it."""
        contents, faults, notices = contents_of(delivery)
        self.faults += faults
        self.notices += notices
        for sha256 in {content.sha256 for content in contents}:
            if sha256 in self._known:
                self.faults.append(_twice(delivery.name, self._known[sha256]))
                return
            self._known[sha256] = delivery.name
        for content in contents:
            self._count += 1
            try:
                self._stage(content, f"{self.table}_{self._count:04d}")
            except Unreadable as error:
                self.faults.append(Fault(error.problem, error.remedy, file=content.name))
            except OSError as error:  # a disk or a network that fails while the file is read
                what = f"the file cannot be read to its end ({error.strerror})"
                self.faults.append(
                    Fault(what, "check the disk, and start again", file=content.name)
                )

    def _stage(self, content: Content, name: str) -> None:
        out = self.scratch / f"{name}.parquet"
        inside = out if content.kind == "parquet" else self.scratch / f"{name}.unpacked"
        inside.unlink(missing_ok=True)
        try:
            unpacked = content.unpack(inside) if content.packing else content
            path = unpacked.path
            if content.kind == "parquet":
                self._stage_typed(path, content, name)
            elif content.kind == "xlsx":
                origin, rows, faults, notices = stage_sheet(
                    path, content, self.declared, self.wanted, out, self.duck)  # fmt: skip
                self.notices += notices
                self._take(origin, rows, faults, out)
            else:
                origin, rows, faults = stage_text(
                    path, content, self.declared, self.wanted, self.table, out, self.duck)  # fmt: skip
                self._take(origin, rows, faults, out)
        finally:
            if content.kind != "parquet":
                inside.unlink(missing_ok=True)

    def _stage_typed(self, path: Path, content: Content, name: str) -> None:
        file, faults = stage_typed(path, content, self.wanted, self.duck, f"{name}_seen")
        self.files += [file] if file else []
        self.faults += faults

    def _take(self, origin: Origin | None, rows: int, faults: list[Fault], out: Path) -> None:
        self.faults += faults
        if origin is None:
            return
        name, heading = origin.content.name, origin.heading
        if rows and not heading.complete:
            out.unlink()  # its cells would be empty where a column is missing, and be faulted for that
        elif rows:
            names = tuple(heading.places)
            self.files.append(
                StagedFile(
                    name, origin.content.sha256, rows, out, False, names, {c: c for c in names},
                    {c: heading.name_of(c) for c in names}, dict.fromkeys(names, "text"), origin,
                )
            )  # fmt: skip
        elif not faults:
            self.faults.append(
                Fault("there is a header but no row", "give the data below it", file=name, row=heading.row or None)
            )  # fmt: skip

    def finished(self) -> Staged:
        """Hold the files against each other."""
        self.files, faults = alike(self.files, self.duck)
        self.faults += faults
        self.faults += _same_rows(self.files, self.duck)
        columns = [c for c in self.wanted.canonical if any(c in f.columns for f in self.files)]
        files = tuple(self._completed(file, columns) for file in self.files)
        return Staged(files, tuple(self.faults), tuple(self.notices))

    def _completed(self, file: StagedFile, columns: Sequence[str]) -> StagedFile:
        """Give a text file the columns that only others have, empty."""
        if file.typed or set(columns) == set(file.columns):
            return file
        out = file.parquet.with_name(f"{file.parquet.stem}_completed.parquet")
        picked = ", ".join(c if c in file.columns else f"'' AS {c}" for c in columns)
        relation = f"{file.parquet.stem}_short"
        self.duck.parquet(relation, [file.parquet])
        self.duck.write(f"SELECT {picked} FROM {relation}", out)
        self.duck.drop(relation)
        out.replace(file.parquet)
        types = dict.fromkeys(columns, "text")
        return replace(file, columns={c: c for c in columns}, types=types)


def _twice(name: str, first: str) -> Fault:
    return Fault(f"the file is byte for byte the same as '{first}'",
                 "deliver it once, or send the file that was meant", file=name)  # fmt: skip


def _same_rows(files: Sequence[StagedFile], duck: DuckRelations) -> list[Fault]:
    """Two files with the same rows, in whatever order and packing, are one delivery that came twice.

    Only files with equal numbers of rows and the same columns are hashed.
    """
    alike: dict[tuple[int, tuple[str, ...], bool], list[StagedFile]] = {}
    for file in files:
        alike.setdefault((file.rows, file.present, file.typed), []).append(file)
    faults = []
    for group in alike.values():
        hashes = {f.parquet: digest for f, digest in _hashes(group, duck)} if len(group) > 1 else {}
        for first, second in combinations(group, 2):
            if hashes[first.parquet] == hashes[second.parquet]:
                what = f"the file holds the same {first.rows:,} row{'s' * (first.rows > 1)} as '{first.name}'"
                faults.append(Fault(what, "deliver them once, or send the file that was meant",
                                    file=second.name))  # fmt: skip
    return faults


def _hashes(files: Sequence[StagedFile], duck: DuckRelations) -> Iterator[tuple[StagedFile, str]]:
    """A sum over the hashes of all rows does not know their order, and counts what stands twice."""
    for file in files:
        relation = "rows_of_one_file"
        cells = ", ".join('"' + c.replace('"', '""') + '"' for c in file.columns.values())
        duck.parquet(relation, [file.parquet])
        found = duck.frame(
            f"SELECT CAST(sum(CAST(hash({cells}) AS HUGEINT)) AS VARCHAR) AS digest FROM {relation}"
        )
        duck.drop(relation)
        yield file, str(found["digest"].iloc[0])
