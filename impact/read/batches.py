"""Rows in Python to a Parquet file, some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from impact.read.heading import Heading, Row

if TYPE_CHECKING:
    from impact.engines.duckdb_relations import DuckRelations

_ROWS = 100_000
_CHARACTERS = 50_000_000
"""A part is written when it holds this much, so that memory stays bounded whatever the cells hold."""


def write_rows(rows: Iterator[Row], heading: Heading, out: Path, duck: DuckRelations) -> int:
    """Write the canonical columns of rows to a Parquet file, as text.

    Parameters
    ----------
    rows : iterator of Row
        Sound rows.
    heading : Heading
        Where the canonical columns stand in them.
    out : Path
        File to write; parts lie beside it meanwhile.
    duck : DuckRelations
        The engine that writes.

    Returns
    -------
    int
        Rows written; no file is written where there are none.
    """
    parts: list[Path] = []
    count = 0
    for cells in _batches(rows, list(heading.places.values())):
        frame = pd.DataFrame(dict(zip(heading.places, cells, strict=True)), dtype="str")
        parts.append(out.with_name(f"{out.stem}_part{len(parts):05d}.parquet"))
        duck.stage_frame(frame, parts[-1])
        count += len(frame)
    if len(parts) == 1:
        parts[0].replace(out)
    elif parts:
        _join(parts, heading, out, duck)
    return count


def _batches(rows: Iterator[Row], places: list[int]) -> Iterator[list[list[str]]]:
    columns: list[list[str]] = [[] for _ in places]
    size = 0
    for _, cells in rows:
        for column, place in zip(columns, places, strict=True):
            cell = cells[place]
            column.append(cell)
            size += len(cell)
        if len(columns[0]) >= _ROWS or size >= _CHARACTERS:
            yield columns
            columns, size = [[] for _ in places], 0
    if columns[0]:
        yield columns


def _join(parts: list[Path], heading: Heading, out: Path, duck: DuckRelations) -> None:
    name = f"{out.stem}_parts"
    duck.parquet(name, parts)
    duck.write(f"SELECT {', '.join(heading.places)} FROM {name}", out)
    duck.drop(name)
    for part in parts:
        part.unlink()
