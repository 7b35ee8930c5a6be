"""Cells found again in the file as received, so that a fault can name their rows."""

from __future__ import annotations

import glob
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from impact.engines.relations import open_relations
from impact.read.found import Found
from impact.read.heading import Row
from impact.read.sheet_table import sheet_rows
from impact.read.staged import StagedFile
from impact.read.text_table import text_body

Sought = Collection[str] | Callable[[str], bool]
"""Texts, or what tells whether a text is meant."""


def locate(
    file: StagedFile, wanted: Mapping[str, Sought], limit: int = 50
) -> tuple[list[tuple[int, str, str]], dict[str, int]]:
    """Find cells by their text.

    Parameters
    ----------
    file : StagedFile
        A staged file; the file as received is read again.
    wanted : mapping of str to collection of str, or to callable
        Canonical column -> texts as staged, or a function that tells them. A missing cell of a Parquet file is the
        empty text; a point in time there is its date.
    limit : int
        Cells of each column that are named.

    Returns
    -------
    list of (int, str, str)
        Row as the person counts it (the header's row included; in a Parquet file the number of the record, from
        1), canonical column, text; in the order of the rows, and of the columns in the file.
    dict of str to int
        Column -> cells that were found, those beyond the limit among them. A column that the file lacks has none.
    """
    order = file.origin.heading.places
    sought = {c: _told(wanted[c]) for c in sorted(set(wanted) & set(order), key=order.__getitem__)}
    totals = dict.fromkeys(wanted, 0)
    cells: list[tuple[int, str, str]] = []
    if file.typed:
        for column in sought:
            found, totals[column] = _in_parquet(file, column, sought[column], limit)
            cells += found
        return sorted(cells, key=lambda cell: cell[0]), totals
    places = [(order[c], c, is_meant) for c, is_meant in sought.items()]
    with _rows_again(file) as rows:
        for number, row in rows:
            for place, column, is_meant in places:
                if is_meant(row[place]):
                    totals[column] += 1
                    if totals[column] <= limit:
                        cells.append((number, column, row[place]))
    return cells, totals


def locate_rows(
    file: StagedFile, columns: Sequence[str], wanted: Collection[tuple[str, ...]]
) -> list[tuple[int, tuple[str, ...]]]:
    """Find rows by the texts of several of their cells.

    Parameters
    ----------
    file : StagedFile
        A staged file; the file as received is read again.
    columns : sequence of str
        Canonical columns. One that the file lacks is the empty text throughout.
    wanted : collection of tuple of str
        Texts as staged, in the order of `columns`.

    Returns
    -------
    list of (int, tuple of str)
        Row as the person counts it, and its texts, in the order of the rows.
    """
    keys = frozenset(wanted)
    if not keys:
        return []
    if file.typed:
        return _rows_in_parquet(file, columns, sorted(keys))
    places = [file.origin.heading.places.get(c) for c in columns]
    with _rows_again(file) as rows:
        told = ((n, tuple("" if p is None else row[p] for p in places)) for n, row in rows)
        return [(number, texts) for number, texts in told if texts in keys]


def _told(what: Sought) -> Callable[[str], bool]:
    return what if callable(what) else frozenset(what).__contains__


@contextmanager
def _rows_again(file: StagedFile) -> Iterator[Iterator[Row]]:
    origin = file.origin
    with TemporaryDirectory(dir=file.parquet.parent) as folder:
        content = origin.content
        if content.packing:
            content = content.unpack(Path(folder) / "again")
        if content.kind == "xlsx":
            with sheet_rows(content.path, origin) as rows:
                yield rows
        else:
            with text_body(content.path, origin, Found(file.name)) as rows:
                yield rows


def _in_parquet(
    file: StagedFile, column: str, is_meant: Callable[[str], bool], limit: int
) -> tuple[list[tuple[int, str, str]], int]:
    """Distinct texts are told apart in Python, rows are found by the engine."""
    source = f"(SELECT file_row_number + 1 AS record, {_text_of(file, column)} AS text FROM {_source(file)})"
    with open_relations("duckdb") as duck:
        texts = duck.frame(f"SELECT DISTINCT text FROM {source} ORDER BY text")["text"]
        duck.put("meant", pd.DataFrame({"text": [t for t in texts if is_meant(t)]}, dtype="str"))
        hits = f"FROM {source} JOIN meant USING (text)"
        total = int(duck.frame(f"SELECT count(*) AS n {hits}")["n"].iloc[0])
        rows = duck.frame(f"SELECT record, text {hits} ORDER BY record LIMIT {int(limit)}")
    return [(int(r), column, t) for r, t in zip(rows["record"], rows["text"], strict=True)], total


def _rows_in_parquet(
    file: StagedFile, columns: Sequence[str], wanted: list[tuple[str, ...]]
) -> list[tuple[int, tuple[str, ...]]]:
    names = [f"text_{number}" for number in range(len(columns))]
    cells = ", ".join(f"{_text_of(file, c)} AS {n}" for c, n in zip(columns, names, strict=True))
    source = f"(SELECT file_row_number + 1 AS record, {cells} FROM {_source(file)})"
    with open_relations("duckdb") as duck:
        duck.put("meant", pd.DataFrame(wanted, columns=names, dtype="str"))
        rows = duck.frame(
            f"SELECT record, {', '.join(names)} FROM {source} JOIN meant USING ({', '.join(names)}) "
            "ORDER BY record"
        )
    return [(int(record), tuple(texts)) for record, *texts in rows.itertuples(index=False)]


def _source(file: StagedFile) -> str:
    path = glob.escape(str(file.parquet)).replace("'", "''")
    return f"read_parquet('{path}', file_row_number = true)"


def _text_of(file: StagedFile, column: str) -> str:
    """SQL of a cell as text: a missing one is empty, a point in time is its date."""
    if column not in file.columns:
        return "''"
    name = file.columns[column].replace('"', '""')
    cell = f'CAST("{name}" AS DATE)' if file.types[column] == "timestamp" else f'"{name}"'
    return f"coalesce(CAST({cell} AS VARCHAR), '')"
