"""Relations in Spark: for data that outgrow one machine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from impact.core.errors import StudyError
from impact.display.progress import progress
from impact.engines.duckdb_connection import quoted
from impact.engines.duckdb_relations import DuckRelations
from impact.engines.parquet_columns import Alike, columns_sql, look_into, refuse_damaged, source
from impact.engines.spark_session import open_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_CLASS = re.compile(r"\[[^\]]*\]")
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*")
_UNKNOWN = {"TIMESTAMP_NS": "TIMESTAMP", "UBIGINT": "BIGINT", '"NULL"': "VARCHAR"}
_EXHAUSTED = re.compile("OutOfMemoryError|No space left on device|Disk quota", re.IGNORECASE)


class SparkRelations:
    """Relations in a Spark session; the methods of `Relations`.

    Tables of Python and files go in and out through DuckDB and Parquet, so that both engines give equal tables and equal
    files. What `make` computes is written to the scratch folder as Parquet.

    Parameters
    ----------
    max_memory : str, optional
        Memory of the driver; at least "512MB". It has no effect where a Spark session is running already.
    threads : int, optional
        Cores in local mode.

    Raises
    ------
    MissingEngine
        If pyspark or Java is missing.
    StudyError
        If a setting is wrong. Later, by any method: if memory or disk end.
    """

    name = "spark"

    def __init__(self, *, max_memory: str | None = None, threads: int | None = None) -> None:
        self._files = DuckRelations(max_memory=max_memory, threads=threads, keep_order=True)
        self.folder = self._files.folder
        try:
            self._session = open_session(max_memory, threads)
        except BaseException:
            self._files.close()
            raise
        self.notices = self._session.notices
        self._names: dict[str, Path | None] = {}
        self._received: dict[str, tuple[Path, ...]] = {}
        self._count = 0

    def parquet(self, name: str, paths: Sequence[Path]) -> dict[str, str]:
        """Name a relation over Parquet files, and give the kinds of its columns."""
        kinds, groups = look_into(self._files.connection, paths)
        folder = self._new_path()
        with self._naming(name, folder):
            views: list[str] = []
            for group in groups:
                views.append(f"{name}_files_{len(views)}")
                files = self._legible(group, folder)
                self._read(files).createOrReplaceTempView(views[-1])
            queries = [
                f'SELECT {columns_sql({c: g.types[c] for c in kinds}, "STRING")} FROM "{view}"'
                for g, view in zip(groups, views, strict=True)
            ]
            self._session.spark.sql(" UNION ALL ".join(queries)).createOrReplaceTempView(name)
        self._received[name] = tuple(paths)
        return kinds

    def put(self, name: str, frame: pd.DataFrame) -> None:
        """Name a relation over a small table."""
        path = self._new_path()
        with self._naming(name, path):
            path.mkdir(parents=True)
            self._files.put("table_of_caller", frame)
            try:
                self._files.write("SELECT * FROM table_of_caller", path / "part.parquet")
            finally:
                self._files.drop("table_of_caller")
            self._read([path]).createOrReplaceTempView(name)

    def view(self, name: str, sql: str) -> None:
        """Name a query; it is computed when it is used."""
        with self._naming(name, None):
            self._query(sql).createOrReplaceTempView(name)

    def make(self, name: str, sql: str) -> None:
        """Compute a query now, once, and name its rows."""
        path = self._new_path()
        with self._naming(name, path):
            self._compute(sql, path, f"computing {name}")
            self._read([path]).createOrReplaceTempView(name)

    def frame(self, sql: str) -> pd.DataFrame:
        """Rows of a query as a table."""
        with self._computed(sql, "computing") as rows:
            return self._files.frame(rows)

    def write(self, sql: str, path: Path) -> None:
        """Write rows of a query, in its order, to one Parquet file."""
        with self._computed(sql, f"writing {path.name}") as rows:
            self._files.write(rows, path)

    def has(self, name: str) -> bool:
        """Say whether there is a relation of this name."""
        return name in self._names

    def drop(self, name: str) -> None:
        """Forget a relation."""
        if name not in self._names:
            raise ValueError(f"there is no relation {name!r} to drop")
        self._session.spark.catalog.dropTempView(name)
        path = self._names.pop(name)
        self._received.pop(name, None)
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Forget everything, stop the session if it was started here, and remove the scratch folder."""
        try:
            for name in self._names:
                with suppress(Exception):  # a session that is lost already
                    self._session.spark.catalog.dropTempView(name)
            self._session.close()
        finally:
            self._files.close()

    def _query(self, sql: str) -> DataFrame:
        for found in _LITERAL.findall(sql):
            # Within a class of characters, [''], a quote that stands twice is the same class.
            if found.startswith("'") and "''" in _CLASS.sub("", found[1:-1]):
                raise ValueError(f"Spark keeps both quotes of {found}: bring the text in by put()")
        return self._session.spark.sql(sql)

    def _read(self, paths: Sequence[Path]) -> DataFrame:
        return self._session.spark.read.parquet(*(f"file://{path}" for path in paths))

    def _compute(self, sql: str, path: Path, label: str) -> None:
        query = self._query(sql)
        try:
            with progress(label, self._fraction):
                query.write.parquet(f"file://{path}")
        except Exception as error:
            if _EXHAUSTED.search(str(error)):
                raise StudyError(
                    "Memory or disk are too small for what Spark was asked to compute. To mend: raise max_memory, free "
                    "some space, or name a folder on a larger disk in the environment variable TMPDIR."
                ) from error
            refuse_damaged(
                self._files.connection, [p for ps in self._received.values() for p in ps]
            )
            raise

    @contextmanager
    def _computed(self, sql: str, label: str) -> Iterator[str]:
        """Rows of a query as files, and the SQL by which DuckDB reads them in their order."""
        path = self._new_path()
        self._compute(sql, path, label)
        name = f"computed_{path.name}"
        try:
            self._files.parquet(name, sorted(path.glob("part-*.parquet")))
            yield f"SELECT * FROM {name}"
            self._files.drop(name)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _legible(self, group: Alike, folder: Path) -> list[Path]:
        """Received files under names that Spark does not take for a pattern (`[1]`) or for hidden (`_x`).

        Files with types that Spark does not know are written again.
        """
        folder.mkdir(parents=True, exist_ok=True)
        first = len(list(folder.iterdir()))
        if not _UNKNOWN.keys().isdisjoint(group.types.values()):
            columns = (
                f"CAST({quoted(c)} AS {_UNKNOWN.get(t, t)}) AS {quoted(c)}"
                for c, t in group.types.items()
            )
            again = folder / f"file{first:06d}.parquet"
            query = f"SELECT {', '.join(columns)} FROM {source(group.paths)}"
            self._files.connection.copy(query, again, "snappy", f"reading {group.paths[0].name}")
            return [again]
        links = [folder / f"file{first + i:06d}.parquet" for i in range(len(group.paths))]
        for link, path in zip(links, group.paths, strict=True):
            link.symlink_to(path.absolute())
        return links

    def _new_path(self) -> Path:
        self._count += 1
        return self.folder / "relations" / f"{self._count:06d}"

    @contextmanager
    def _naming(self, name: str, path: Path | None) -> Iterator[None]:
        if name in self._names:
            raise ValueError(f"there is a relation {name!r} already; drop it first")
        yield
        self._names[name] = path

    def _fraction(self) -> float | None:
        """Part of the tasks of the running jobs that is done; later stages are not counted before they are planned."""
        tracker = self._session.spark.sparkContext.statusTracker()
        done = planned = 0
        for job in tracker.getActiveJobsIds():
            for stage in getattr(tracker.getJobInfo(job), "stageIds", ()):
                info = tracker.getStageInfo(stage)
                if info is not None:
                    done, planned = done + info.numCompletedTasks, planned + info.numTasks
        return done / planned if planned else None
