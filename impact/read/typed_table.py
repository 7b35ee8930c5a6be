"""Parquet deliveries: read where they lie, with the types that they have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from impact.core.errors import DataError, Fault
from impact.read.containers import Content
from impact.read.heading import Heading, Wanted, missing_column
from impact.read.staged import Origin, StagedFile

if TYPE_CHECKING:
    from impact.engines.duckdb_relations import DuckRelations

_AGAIN = "write the file again"


def stage_typed(
    path: Path, content: Content, wanted: Wanted, duck: DuckRelations, relation: str
) -> tuple[StagedFile | None, list[Fault]]:
    """Look into a Parquet file that will be used as it is.

    Parameters
    ----------
    path : Path
        The file, unpacked.
    content : Content
        The file as received.
    wanted : Wanted
        Columns to find.
    duck : DuckRelations
        The engine.
    relation : str
        A name that is free in it.

    Returns
    -------
    StagedFile or None
        None where the file cannot be read, or lacks a mapped or required column.
    list of Fault
        Damage, no rows, missing columns, columns of lists or bytes.
    """
    file = content.name
    try:
        types, rows = _looked_into(path, duck, relation)
    except DataError as error:
        return None, [
            replace(fault, file=file, problem=fault.problem.replace(str(path), file))
            for fault in error.faults
        ]
    if rows == 0:
        return None, [Fault("there are columns but no row", "deliver the data", file=file)]
    faults: list[Fault] = []
    columns: dict[str, str] = {}
    names = list(types)
    wanted = wanted.resolved(names, file)
    for canonical in wanted.canonical:
        name = wanted.columns.get(canonical, canonical)
        if name not in types:
            if canonical in wanted.expected():
                faults.append(missing_column(canonical, name, names, None, file))
        elif types[name] == "other":
            faults.append(Fault("the column holds lists, bytes or another type that is no single value",
                                _AGAIN + " with text, numbers or dates in it", file=file, column=name))  # fmt: skip
        else:
            columns[canonical] = name
    if faults:
        return None, faults
    places = {c: names.index(name) for c, name in columns.items()}
    origin = Origin(content, Heading(0, tuple(names), places), numeric=frozenset(wanted.numeric))
    staged = StagedFile(file, content.sha256, rows, path, True, tuple(columns), columns, dict(columns),
                        {c: types[name] for c, name in columns.items()}, origin)  # fmt: skip
    return staged, faults


def alike(files: list[StagedFile], duck: DuckRelations) -> tuple[list[StagedFile], list[Fault]]:
    """Keep the files of a table that can be read as one.

    Parameters
    ----------
    files : list of StagedFile
        Files of one table.
    duck : DuckRelations
        The engine.

    Returns
    -------
    list of StagedFile
        Those that are like the first.
    list of Fault
        Where others differ: text beside Parquet, other columns, other types.
    """
    kept: list[StagedFile] = []
    faults: list[Fault] = []
    for file in files:
        unlike = _unlike(file, kept[0], duck) if kept else []
        faults += unlike
        kept += [] if unlike else [file]
    return kept, faults


def _unlike(file: StagedFile, first: StagedFile, duck: DuckRelations) -> list[Fault]:
    if file.typed != first.typed:
        return [Fault(f"one of '{first.name}' and '{file.name}' is Parquet and the other is text",
                      "deliver all files of a table in one format", file=file.name)]  # fmt: skip
    if not file.typed:
        return []
    faults = []
    for column in dict.fromkeys([*first.columns, *file.columns]):
        here, there = _column(file, column), _column(first, column)
        if here != there:
            faults.append(Fault(f"the column is {here} here and {there} in '{first.name}'",
                                "write it in the same way in all files", file=file.name,
                                column=column))  # fmt: skip
    if faults:
        return faults
    try:  # the engine reads them as one only if the columns that nobody asks for are alike too
        duck.parquet("files_of_one_table", [first.parquet, file.parquet])
        duck.drop("files_of_one_table")
    except DataError as error:
        return [replace(fault, file=file.name) for fault in error.faults]
    return []


def _column(file: StagedFile, canonical: str) -> str:
    if canonical not in file.columns:
        return "missing"
    return f"'{file.columns[canonical]}' ({file.types[canonical]})"


def _looked_into(path: Path, duck: DuckRelations, relation: str) -> tuple[dict[str, str], int]:
    types = duck.parquet(relation, [path])
    try:
        return types, int(duck.frame(f"SELECT count(*) AS n FROM {relation}")["n"].iloc[0])
    finally:
        duck.drop(relation)
