"""Relational work on either engine: the same SQL texts, equal results.

The texts keep to what DuckDB 2 and Spark 4 understand in the same sense; `tests/engines/test_relations.py` runs each line
of the two lists below on both.

Safe
----
- Types STRING, INT, BIGINT, DOUBLE, DECIMAL(p, s), BOOLEAN, DATE; casts by CAST(x AS T) and try_cast(x AS T).
- Text: trim, ltrim, rtrim, btrim(x, signs), trim(LEADING '0' FROM x), translate, replace, substring(x, n, m) with n >= 1, left,
  right, lpad, length (code points), instr, contains, startswith, endswith, split_part, reverse, repeat, x || y (NULL if
  either is), concat_ws. `=`, `<`, min, max, ORDER BY and DISTINCT compare the bytes of UTF-8, which is the order of code points.
- upper and lower of letters that have one partner each: A-Z, accented Latin. Not ß, İ, ŉ, ﬁ, Σ.
- regexp_like(x, pattern) finds a match anywhere. In patterns: literals, [...], \\d, (?i), ^, \\z, ?, *, +, {n,m}, |, groups.
- Numbers: DECIMAL from text rounds halves away from zero; round(decimal, n) does too; a product of decimals with p1 + p2 + 1 <= 38, or
  of two DECIMAL(38, 0); sum of DECIMAL(38, 0); CAST(CAST(decimal AS STRING) AS DOUBLE); CAST(floor(double) AS BIGINT); % of whole numbers.
- Overflow of BIGINT or DECIMAL and division by zero stop the query on both. sum(BIGINT) is BIGINT on both.
- count(DISTINCT x), bool_or, bool_and, max_by and min_by without ties, aggregates with FILTER (WHERE ...), HAVING.
- Joins with ON and named columns, USING, CROSS JOIN, EXISTS and NOT EXISTS, IN (...), UNION ALL, WITH, scalar subqueries,
  VALUES ... AS t(a, b), range(a, b) AS t(n).
- row_number, lag, lead, counts and sums OVER (... ORDER BY a key that is total), with ROWS BETWEEN and without.
- year, month, make_date, comparison of dates, CAST(date AS STRING), DATE '2015-01-31'.
- CASE, coalesce, nullif, greatest, least, if(condition, a, b), IS [NOT] DISTINCT FROM.

Traps
-----
- A quote within a literal: Spark keeps 'it''s' as it''s. Texts that a person wrote come in by `put`; Spark refuses such a query.
- `$` in a pattern: Java's matches before a last line end too. Write \\z. `.`, \\s and \\w differ in control signs and letters.
- concat(x, NULL) and regexp_replace (first or every match) differ; so do substring(x, 0, n), chr, ascii, hash, datediff, date - date.
- CAST of text to a number: Spark refuses '1.5' and '1e3' as BIGINT, DuckDB takes '1_000'. Try the pattern first, then cast.
- CAST to BIGINT: DuckDB rounds, Spark truncates. Round or floor first.
- ln and exp of doubles: the last digit is that of the engine's library. Terms are summed as whole numbers (outcomes/line_years.py).
- CAST(double AS STRING), decimal / decimal, avg of decimals, round(double): of different form or type. Divide doubles.
- CAST(text AS DATE) takes more forms in Spark; try the pattern first.
- Sums of doubles depend on the order of rows, on either engine. Sum whole cents.
- ORDER BY with missing values: write NULLS FIRST or NULLS LAST. Here both put them first, and last where DESC.
- A column of NULL has no type: CAST(NULL AS STRING). SELECT * over USING gives the columns in another order.
- Only in one of them: //, div, QUALIFY, EXCLUDE, count(DISTINCT a, b), lists, structs, ::.
- any_value, first, and row_number with ties give what they like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pandas as pd

from impact.core.errors import StudyError
from impact.core.notice import Notice

ENGINES = ("duckdb", "spark")

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT])(I?)B", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


class Relations(Protocol):
    """A place where named relations live while one study is read.

    A name is given once, until it is dropped. Errors of the engine on our own SQL are left as they are; where memory or
    disk end a `StudyError` names the setting, and a received file that cannot be read to its end is a `DataError`.
    """

    name: str
    folder: Path
    """Scratch folder of this run, on disk; gone when it is closed."""
    notices: tuple[Notice, ...]
    """What must be said of how the engine was started."""

    def parquet(self, name: str, paths: Sequence[Path]) -> dict[str, str]:
        """Name a relation over Parquet files (same columns in each), and give its columns' kinds.

        Kinds are `text`, `integer`, `decimal`, `double`, `boolean`, `date`, `timestamp`, `other`. Widths may differ from
        file to file; a column in which every cell is missing is text.

        Raises
        ------
        DataError
            If a file is missing or damaged, or its columns are not those of the first file.
        """

    def put(self, name: str, frame: pd.DataFrame) -> None:
        """Name a relation over a small table: text -> STRING, whole numbers -> BIGINT, floats -> DOUBLE, truth -> BOOLEAN.

        Missing cells are NULL. The index is left out.
        """

    def view(self, name: str, sql: str) -> None:
        """Name a query; it is computed when it is used."""

    def make(self, name: str, sql: str) -> None:
        """Compute a query now, once, and name its rows; what does not fit in memory goes to disk."""

    def frame(self, sql: str) -> pd.DataFrame:
        """Rows of a query as a table: STRING -> `str`, whole numbers -> `int64` (`Int64` where NULL occurs),
        DOUBLE -> `float64`, BOOLEAN -> `bool`/`boolean`, DECIMAL -> `object` of decimal.Decimal, DATE -> `datetime64[s]`."""

    def write(self, sql: str, path: Path) -> None:
        """Write rows of a query, in its order, to one Parquet file; whole numbers become BIGINT.

        Where the order is total, the bytes do not depend on the number of threads.
        """

    def has(self, name: str) -> bool:
        """Say whether there is a relation of this name."""

    def drop(self, name: str) -> None:
        """Forget a relation."""

    def close(self) -> None:
        """Forget everything and remove the scratch folder."""


@contextmanager
def open_relations(
    engine: str = "duckdb", *, max_memory: str | None = None, threads: int | None = None
) -> Iterator[Relations]:
    """Open an engine for the length of a `with` block.

    Parameters
    ----------
    engine : {"duckdb", "spark"}
        DuckDB works in process; Spark needs the extra `impact[spark]` and Java 17.
    max_memory : str, optional
        Such as "1GB"; what does not fit is written to disk. Default: the engine's own.
    threads : int, optional
        Default: the engine's own.

    Raises
    ------
    StudyError
        If there is no such engine, or `max_memory` is no size.
    MissingEngine
        If Spark or Java is not installed.

    Examples
    --------
    >>> with open_relations(threads=1) as relations:
    ...     relations.put("firms", pd.DataFrame({"firm_id": ["00123", "123"]}))
    ...     int(relations.frame("SELECT count(DISTINCT firm_id) AS n FROM firms")["n"].iloc[0])
    2
    """
    relations: Relations
    if engine == "duckdb":
        from impact.engines.duckdb_relations import DuckRelations

        relations = DuckRelations(max_memory=max_memory, threads=threads)
    elif engine == "spark":
        from impact.engines.spark_relations import SparkRelations

        relations = SparkRelations(max_memory=max_memory, threads=threads)
    else:
        raise StudyError(f"There is no engine {engine!r}; choose from {', '.join(ENGINES)}.")
    try:
        yield relations
    finally:
        relations.close()


def memory_bytes(max_memory: str | None) -> int | None:
    """Read a size of memory.

    Raises
    ------
    StudyError
        If it is none, or less than a megabyte.

    Examples
    --------
    >>> memory_bytes("1.5GB"), memory_bytes("512 MiB")
    (1500000000, 536870912)
    """
    if max_memory is None:
        return None
    read = _SIZE.fullmatch(max_memory.strip())
    size = 0
    if read:
        number, letter, binary = read.groups()
        size = int(float(number) * (1024 if binary else 1000) ** _POWERS[letter.upper()])
    if size < 1_000_000:
        raise StudyError(
            f'max_memory = {max_memory!r} is no size of memory. Write a number with MB or GB, such as "500MB", '
            '"1.5GB" or "1GiB".'
        )
    return size


def thread_count(threads: int | None) -> int | None:
    """Check a number of threads.

    Raises
    ------
    StudyError
        If it is less than 1.
    """
    if threads is not None and threads < 1:
        raise StudyError(f"threads = {threads} is too few; write 1 or more.")
    return threads
