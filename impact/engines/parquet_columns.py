"""Columns of received Parquet files, held against each other."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impact.core.errors import DataError, Fault
from impact.engines.duckdb_connection import DuckConnection, quoted

_KINDS = {"VARCHAR": "text", "FLOAT": "double", "DOUBLE": "double", "BOOLEAN": "boolean", "DATE": "date",
          '"NULL"': "text"}  # fmt: skip
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
          "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alike:
    """Files with the same columns of the same types, in the same order."""

    paths: tuple[Path, ...]
    types: Mapping[str, str]


def kind_of(type_: str) -> str:
    """Give the word of `Relations.parquet` for a type of DuckDB.

    A column that holds nothing but missing cells is text.

    Examples
    --------
    >>> kind_of("DECIMAL(18,2)"), kind_of("UINTEGER"), kind_of("TIMESTAMP_NS"), kind_of("INTEGER[]")
    ('decimal', 'integer', 'timestamp', 'other')
    """
    if type_.endswith("]"):
        return "other"
    if type_ in _WHOLE:
        return "integer"
    if type_.startswith("DECIMAL"):
        return "decimal"
    return "timestamp" if type_.startswith("TIMESTAMP") else _KINDS.get(type_, "other")


def look_into(duck: DuckConnection, paths: Sequence[Path]) -> tuple[dict[str, str], list[Alike]]:
    """Read the columns of files of one table.

    Returns
    -------
    dict of str to str
        Column -> kind, in the order of the first file.
    list of Alike
        The files by their types, which may differ in width, as whole numbers of 4 and of 8 bytes do.

    Raises
    ------
    DataError
        If a file is missing or damaged, or has other columns, or columns of another kind, than the first.
    """
    if not paths:
        raise ValueError("no Parquet file was given")
    types = {path: _types(duck, path) for path in paths}
    first, *others = paths
    kinds = {column: kind_of(t) for column, t in types[first].items()}
    faults = [f for other in others for f in _unlike(other, types[other], first.name, kinds)]
    if faults:
        raise DataError("The Parquet files of one table differ.", faults)
    groups: dict[tuple[tuple[str, str], ...], list[Path]] = {}
    for path in paths:
        groups.setdefault(tuple(types[path].items()), []).append(path)
    return kinds, [Alike(tuple(paths), dict(key)) for key, paths in groups.items()]


def source(paths: Sequence[Path]) -> str:
    """The SQL by which DuckDB reads these files and no others.

    Examples
    --------
    >>> print(source([Path("customs[1].parquet")]))
    read_parquet(['customs[[]1].parquet'], union_by_name = false, hive_partitioning = false)
    """
    # DuckDB takes a name with brackets or stars for a pattern, even where there is such a file.
    names = ", ".join("'" + glob.escape(str(p)).replace("'", "''") + "'" for p in paths)
    return f"read_parquet([{names}], union_by_name = false, hive_partitioning = false)"


def columns_sql(columns: Mapping[str, str], text: str) -> str:
    """Pick columns by name; one without any cell becomes text, under the engine's word for it."""
    return ", ".join(
        f"CAST({quoted(c)} AS {text}) AS {quoted(c)}" if t == '"NULL"' else quoted(c)
        for c, t in columns.items()
    )


def refuse_damaged(duck: DuckConnection, paths: Sequence[Path]) -> None:
    """Read files to their end, and refuse the first that cannot be read.

    Raises
    ------
    DataError
        If there is one.
    """
    for path in paths:
        # A maximum could come from the file's statistics, without a look at its rows.
        columns = ", ".join(f"bit_xor(hash({quoted(c)}))" for c in _types(duck, path))
        try:
            duck.run(
                f"SELECT {columns} FROM {source([path])}", f"looking for damage in {path.name}"
            )
        except duck.errors as error:
            if not duck.is_defect(error):
                raise _damaged(path, error) from error


def _types(duck: DuckConnection, path: Path) -> dict[str, str]:
    if not path.is_file():
        fault = Fault("the file does not exist", "check its path", file=path.name)
        raise DataError("A file is missing.", [fault])
    try:
        types = duck.types(f"SELECT * FROM {source([path])}")
        name = "'" + glob.escape(str(path)).replace("'", "''") + "'"
        found = duck.run(f"SELECT name FROM parquet_schema({name})", f"reading {path.name}")
        names = {str(row[0]) for row in found.fetchall()}
    except duck.errors as error:
        raise _damaged(path, error) from error
    faults = [  # DuckDB gives the second of two such columns another name
        Fault("two columns have this name, but for capital letters", "rename one", file=path.name,
              column=column.rsplit("_", 1)[0])
        for column in types if column not in names
    ]  # fmt: skip
    if faults:
        raise DataError(f"{path.name} cannot be used as it is.", faults)
    return types


def _unlike(
    path: Path, types: Mapping[str, str], example: str, kinds: Mapping[str, str]
) -> list[Fault]:
    faults = []
    here = {column: kind_of(t) for column, t in types.items()}
    for column in dict.fromkeys([*kinds, *here]):
        one, other = here.get(column, "missing"), kinds.get(column, "missing")
        if one != other:
            faults.append(Fault(f"the column is {one} here and {other} in {example}",
                                "write all files of a table with the same columns and types",
                                file=path.name, column=column))  # fmt: skip
    return faults


def _damaged(path: Path, error: Exception) -> DataError:
    said = str(error).splitlines()[0] if str(error) else "no reason is given"
    fault = Fault(
        f"the Parquet file cannot be read ({said})", "send the file again", file=path.name
    )
    return DataError(f"{path.name} cannot be used as it is.", [fault])
