"""The edge to DuckDB: one connection in process, that says in our words when memory or disk end."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from impact.core.errors import StudyError
from impact.display.progress import progress
from impact.engines.relations import memory_bytes, thread_count

if TYPE_CHECKING:
    import duckdb

FRAME = "frame_of_caller"
"""What a table of Python is called while a query looks at it."""

_DISK = re.compile("no space left|max_temp_directory_size|disk quota", re.IGNORECASE)
_MACROS = (  # names and senses that Spark gives to the same
    "regexp_like(string, pattern) AS regexp_matches(string, pattern)",
    "startswith(string, part) AS starts_with(string, part)",
    "endswith(string, part) AS ends_with(string, part)",
    "btrim(string, signs) AS system.main.trim(string, signs)",
    # DuckDB's own take away every blank of Unicode that is a space, Spark's the common one.
    "trim(string) AS system.main.trim(string, ' '), (string, signs) AS system.main.trim(string, signs)",
    "ltrim(string) AS system.main.ltrim(string, ' '), (string, signs) AS system.main.ltrim(string, signs)",
    "rtrim(string) AS system.main.rtrim(string, ' '), (string, signs) AS system.main.rtrim(string, signs)",
)


class DuckConnection:
    """A DuckDB in a scratch folder, which is removed with it.

    Relations are kept in a file there, where DuckDB compresses them; a relation in memory is not, and what does not fit
    would be moved to disk and back at its full size.

    Parameters
    ----------
    max_memory : str, optional
        Such as "1GB".
    threads : int, optional
        Default: one per core.
    keep_order : bool
        Whether rows without an ORDER BY keep the order of their files.

    Raises
    ------
    StudyError
        If `max_memory` is no size, or `threads` no number of threads.
    """

    def __init__(self, max_memory: str | None, threads: int | None, keep_order: bool) -> None:
        import duckdb

        self.errors = duckdb.Error
        self._max_memory = max_memory
        limit, count = memory_bytes(max_memory), thread_count(threads)
        self.folder = Path(tempfile.mkdtemp(prefix="impact-"))
        # Runs at close, or when Python ends without it.
        self._remove_folder = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        settings: dict[str, str | int | bool] = {
            "temp_directory": str(self.folder),
            "home_directory": str(self.folder),
            "preserve_insertion_order": keep_order,
            "autoinstall_known_extensions": False,  # nothing is fetched from the network
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,  # a relation is never a variable of the caller
            "default_null_order": "nulls_first_on_asc_last_on_desc",  # as Spark has it
            "ieee_floating_point_ops": False,  # a division by zero is an error, as in Spark
            "TimeZone": "UTC",
            "enable_progress_bar": True,  # counted, for our own bar, and not printed
            "enable_progress_bar_print": False,
        }
        settings |= {} if limit is None else {"memory_limit": f"{limit}B"}
        settings |= {} if count is None else {"threads": count}
        try:
            self._duck = duckdb.connect(str(self.folder / "relations.duckdb"))
            for name, value in settings.items():
                self._duck.execute(f"SET {name} = {_literal(value)}")
            self._duck.execute(
                "PRAGMA disable_checkpoint_on_shutdown"
            )  # nobody reads the file again
            for macro in _MACROS:
                self._duck.execute(f"CREATE TEMP MACRO {macro}")
        except BaseException:
            self._remove_folder()
            raise

    def run(self, sql: str, label: str) -> duckdb.DuckDBPyConnection:
        """Run a query, under a progress bar where it takes long.

        Raises
        ------
        StudyError
            If memory or disk end. DuckDB's other errors are left as they are.
        """
        import duckdb

        try:
            with progress(label, self.fraction):
                return self._duck.execute(sql)
        except duckdb.Error as error:
            if _DISK.search(str(error)):
                raise StudyError(
                    "The disk is too small for what does not fit in memory. To mend: free some space, name a folder "
                    "on a larger disk in the environment variable TMPDIR, or raise max_memory."
                ) from error
            if isinstance(error, duckdb.OutOfMemoryException):
                limit = f"max_memory = {self._max_memory}" if self._max_memory else "this machine"
                raise StudyError(
                    f"The memory of {limit} is too small for the data. To mend: raise max_memory, or use fewer threads."
                ) from error
            raise

    def types(self, sql: str) -> dict[str, str]:
        """Columns of a query and DuckDB's types of them; the query is not run.

        Raises
        ------
        ValueError
            If two columns have the same name.
        """
        found = self._duck.execute(f"DESCRIBE {sql}").fetchall()
        types = {str(row[0]): str(row[1]) for row in found}
        if len(types) < len(found):
            raise ValueError("two columns of a query have the same name")
        return types

    def copy(self, sql: str, path: Path, compression: str, label: str) -> int:
        """Write rows of a query to a Parquet file, and count them."""
        form = f"FORMAT parquet, COMPRESSION {compression}"
        found = self.run(f"COPY ({sql}\n) TO {_literal(str(path))} ({form})", label)
        return int(found.fetchall()[0][0])

    @contextmanager
    def showing(self, frame: pd.DataFrame) -> Iterator[None]:
        """Let queries see a table of Python under the name `FRAME`."""
        self._duck.register(FRAME, frame)
        try:
            yield
        finally:
            self._duck.unregister(FRAME)

    def fraction(self) -> float | None:
        """Part of the query at hand that is done, from 0 to 1, where it is known."""
        done = float(self._duck.query_progress())
        return None if done < 0 else done / 100

    def is_defect(self, error: Exception) -> bool:
        """Whether an error comes from our own SQL or from DuckDB itself, and not from a file."""
        import duckdb

        kinds = (duckdb.InternalException, duckdb.FatalException, duckdb.BinderException,
                 duckdb.ParserException, duckdb.CatalogException)  # fmt: skip
        return isinstance(error, kinds)

    def close(self) -> None:
        """Forget everything and remove the scratch folder."""
        self._duck.close()
        self._remove_folder()


def quoted(name: str) -> str:
    """Write a name as SQL has it.

    Examples
    --------
    >>> print(quoted('a "b"'))
    "a ""b\"""
    """
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str | int | bool) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower()
