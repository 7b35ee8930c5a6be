"""Relations in a DuckDB of this process: the default engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from impact.core.notice import Notice
from impact.engines import delimited
from impact.engines.duckdb_connection import FRAME, DuckConnection, quoted
from impact.engines.parquet_columns import (
    columns_sql,
    kind_of,
    look_into,
    refuse_damaged,
    source,
)
from impact.engines.plain_text import NotPlain

__all__ = ["DuckRelations", "NotPlain"]

_WIDE = {"HUGEINT", "UHUGEINT", "UBIGINT"}  # what Spark has as BIGINT; Parquet would get a DOUBLE


class DuckRelations:
    """Relations in DuckDB; the methods of `Relations`, and two that bring files in.

    Parameters
    ----------
    max_memory : str, optional
        Such as "1GB"; what does not fit is written to the scratch folder.
    threads : int, optional
        Default: one per core.
    keep_order : bool
        Whether rows without an ORDER BY keep the order of their files, at some cost in memory.

    Raises
    ------
    StudyError
        If `max_memory` is no size, or `threads` no number of threads. Later, by any method: if memory or disk end.
    DataError
        By any method: if a received Parquet file turns out to be damaged.
    """

    name = "duckdb"
    notices: tuple[Notice, ...] = ()

    def __init__(
        self,
        *,
        max_memory: str | None = None,
        threads: int | None = None,
        keep_order: bool = False,
    ) -> None:
        self.connection = DuckConnection(max_memory, threads, keep_order)
        self.folder = self.connection.folder
        self._names: dict[str, str] = {}
        self._received: dict[str, tuple[Path, ...]] = {}

    def parquet(self, name: str, paths: Sequence[Path]) -> dict[str, str]:
        """Name a relation over Parquet files, and give the kinds of its columns."""
        kinds, groups = look_into(self.connection, paths)
        queries = [
            f"SELECT {columns_sql({c: g.types[c] for c in kinds}, 'VARCHAR')} FROM {source(g.paths)}"
            for g in groups
        ]
        with self._naming(name, "VIEW"):
            self.connection.run(
                _create("VIEW", name, " UNION ALL ".join(queries)), f"naming {name}"
            )
        self._received[name] = tuple(paths)
        return kinds

    def put(self, name: str, frame: pd.DataFrame) -> None:
        """Name a relation over a small table."""
        columns = ", ".join(
            f"CAST({quoted(c)} AS {t}) AS {quoted(c)}" for c, t in column_types(frame).items()
        )
        with self._naming(name, "TABLE"), self.connection.showing(frame):
            self.connection.run(
                _create("TABLE", name, f"SELECT {columns} FROM {FRAME}"), f"taking in {name}"
            )

    def view(self, name: str, sql: str) -> None:
        """Name a query; it is computed when it is used."""
        with self._naming(name, "VIEW"):
            self.connection.run(
                _create("VIEW", name, self._settled(sql, _is_wide)), f"naming {name}"
            )

    def make(self, name: str, sql: str) -> None:
        """Compute a query now, once, and name its rows."""
        with self._naming(name, "TABLE"), self._saying_damage():
            self.connection.run(
                _create("TABLE", name, self._settled(sql, _is_wide)), f"computing {name}"
            )

    def frame(self, sql: str) -> pd.DataFrame:
        """Rows of a query as a table."""
        types = self.connection.types(sql)
        for column, type_ in types.items():
            if kind_of(type_) in ("other", "timestamp"):
                raise TypeError(f"column {column!r} is {type_}: cast it to a type of the dialect")
        query = _cast(sql, types, {c: _fetched(t) for c, t in types.items()})
        with self._saying_damage():
            arrays = self.connection.run(query, "computing").fetchnumpy()
        return pd.DataFrame({c: _series(arrays[c], kind_of(t)) for c, t in types.items()})

    def write(self, sql: str, path: Path) -> None:
        """Write rows of a query, in its order, to one Parquet file."""
        settled = self._settled(sql, lambda type_: kind_of(type_) == "integer")
        with self._saying_damage():
            self.connection.copy(settled, path, "zstd", f"writing {path.name}")

    def has(self, name: str) -> bool:
        """Say whether there is a relation of this name."""
        return name in self._names

    def drop(self, name: str) -> None:
        """Forget a relation."""
        if name not in self._names:
            raise ValueError(f"there is no relation {name!r} to drop")
        self.connection.run(f"DROP {self._names.pop(name)} {quoted(name)}", f"dropping {name}")
        self._received.pop(name, None)

    def close(self) -> None:
        """Forget everything and remove the scratch folder."""
        self.connection.close()

    def stage_delimited(
        self,
        path: Path,
        out: Path,
        *,
        names: Sequence[str],
        columns: Mapping[str, str],
        delimiter: str = ",",
        quote: str = '"',
        encoding: str = "utf-8",
        compression: str = "none",
        skip_rows: int = 1,
    ) -> int:
        """Write columns of a plain delimited file to Parquet, as text; blank rows are left out.

        What is accepted gives exactly the cells of `csv.reader(strict=True)`; everything else is refused.

        Parameters
        ----------
        path : Path
            The file.
        out : Path
            Parquet file to write.
        names : sequence of str
            Each column of the file, in order.
        columns : mapping of str to str
            Canonical name -> name in the file.
        delimiter : str
            One character.
        quote : str
            One character; empty where quotes are text like any other sign.
        encoding : str
            UTF-8 and Latin-1 are read.
        compression : {"none", "gzip"}
        skip_rows : int
            Lines above the data.

        Returns
        -------
        int
            Rows written, in no order. A missing or empty cell is the empty text.

        Raises
        ------
        NotPlain
            If the file is to be read by the exact reader. Nothing is left at `out`.
        """
        form = delimited.TextForm(tuple(names), delimiter, quote, encoding, compression, skip_rows)
        return delimited.stage(self.connection, path, out, form, columns)

    def stage_frame(self, frame: pd.DataFrame, out: Path) -> None:
        """Write a table of text to Parquet; a missing cell is the empty text."""
        columns = ", ".join(
            f"coalesce(CAST({quoted(c)} AS VARCHAR), '') AS {quoted(c)}"
            for c in column_types(frame)
        )
        with self.connection.showing(frame):
            self.connection.copy(
                f"SELECT {columns} FROM {FRAME}", out, "snappy", f"writing {out.name}"
            )

    def _settled(self, sql: str, is_meant: Any) -> str:
        """The query with some of its columns as BIGINT; a number that does not fit stops it."""
        types = self.connection.types(sql)
        for column, type_ in types.items():
            if type_ == '"NULL"':
                raise TypeError(
                    f"column {column!r} is nothing but NULL: write CAST(NULL AS STRING)"
                )
        return _cast(sql, types, {c: "BIGINT" if is_meant(t) else t for c, t in types.items()})

    @contextmanager
    def _naming(self, name: str, kind: str) -> Iterator[None]:
        """Take a name, for good if nothing goes wrong."""
        if name in self._names:
            raise ValueError(f"there is a relation {name!r} already; drop it first")
        yield
        self._names[name] = kind

    @contextmanager
    def _saying_damage(self) -> Iterator[None]:
        """Where a query fails, look whether a received file is the cause."""
        try:
            yield
        except self.connection.errors as error:
            if not self.connection.is_defect(error):
                paths = (p for received in self._received.values() for p in received)
                refuse_damaged(self.connection, list(dict.fromkeys(paths)))
            raise


def column_types(frame: pd.DataFrame) -> dict[str, str]:
    """Give the SQL type of each column of a table.

    Raises
    ------
    TypeError
        If a column is neither text, whole number, floating-point number nor truth value.

    Examples
    --------
    >>> column_types(pd.DataFrame({"firm_id": ["00123"], "year": [2015]}))
    {'firm_id': 'VARCHAR', 'year': 'BIGINT'}
    """
    types = {}
    for name, column in frame.items():
        words = {"string": "VARCHAR", "empty": "VARCHAR", "integer": "BIGINT", "floating": "DOUBLE",
                 "boolean": "BOOLEAN"}  # fmt: skip
        inferred = pd.api.types.infer_dtype(column, skipna=True)
        if isinstance(column.dtype, pd.StringDtype):
            inferred = "string"  # also where every cell is missing
        elif column.dtype != object:
            inferred = {"i": "integer", "u": "integer", "f": "floating", "b": "boolean"}.get(
                getattr(column.dtype, "kind", ""), inferred
            )
        if inferred not in words:
            raise TypeError(f"column {name!r} is {column.dtype} ({inferred}); give text, numbers or truth values")  # fmt: skip
        types[str(name)] = words[inferred]
    if len(types) < frame.shape[1]:
        raise ValueError("two columns of a table have the same name")
    return types


def _create(kind: str, name: str, sql: str) -> str:
    # A temporary table would be kept in memory, uncompressed.
    lifetime = "" if kind == "TABLE" else "TEMP "
    return f"CREATE {lifetime}{kind} {quoted(name)} AS {sql}"


def _cast(sql: str, types: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Give columns of a query another type; its order stays."""
    if all(wanted[c] == t for c, t in types.items()):
        return sql
    columns = (
        quoted(c) if wanted[c] == t else f"CAST({quoted(c)} AS {wanted[c]}) AS {quoted(c)}"
        for c, t in types.items()
    )
    return f"SELECT {', '.join(columns)} FROM ({sql}\n) AS settled"


def _is_wide(type_: str) -> bool:
    return type_ in _WIDE


def _fetched(type_: str) -> str:
    """The type in which a column is fetched: nothing may pass through a float that is none."""
    return {"integer": "BIGINT", "double": "DOUBLE", "decimal": "VARCHAR", "text": "VARCHAR"}.get(
        kind_of(type_), type_
    )


def _series(values: Any, kind: str) -> pd.Series:
    """A fetched column as the protocol promises it."""
    missing = np.ma.getmaskarray(values)
    data = np.ma.getdata(values)
    if kind == "double":
        return pd.Series(np.where(missing, np.nan, data), dtype="float64")
    if kind == "date":
        days = data.astype("datetime64[s]")
        days[missing] = np.datetime64("NaT")
        return pd.Series(days)
    if kind in ("integer", "boolean"):
        plain, masked = ("int64", "Int64") if kind == "integer" else ("bool", "boolean")
        if not missing.any():
            return pd.Series(data, dtype=plain)
        array: Any = pd.array(np.where(missing, 0, data).astype(plain), dtype=masked)
        array[missing] = pd.NA
        return pd.Series(array)
    texts = data.astype(object)
    texts[missing] = None
    if kind == "decimal":
        return pd.Series([None if t is None else Decimal(t) for t in texts], dtype="object")
    return pd.Series(texts, dtype="str")
