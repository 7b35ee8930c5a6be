"""Plain delimited files to Parquet by DuckDB: every cell as Python's strict reader has it, or a refusal."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from impact.engines.duckdb_connection import DuckConnection, quoted
from impact.engines.plain_text import LINE_LIMIT, NotPlain, count_lines, engine_encoding

# All that str.strip() takes away; RE2 writes a sign by its number.
_BLANK = "".join(rf"\x{{{i:x}}}" for i in range(0x3001) if chr(i).isspace())


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a delimited file is written.

    Attributes
    ----------
    names : tuple of str
        Each column, in order.
    delimiter : str
        One character.
    quote : str
        One character; empty where quotes are text like any other sign.
    encoding : str
        UTF-8 and Latin-1 are read.
    compression : {"none", "gzip"}
    skip_rows : int
        Lines above the data.
    """

    names: tuple[str, ...]
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    compression: str = "none"
    skip_rows: int = 1


def stage(
    duck: DuckConnection, path: Path, out: Path, form: TextForm, columns: Mapping[str, str]
) -> int:
    """Write columns of a file to Parquet, and count the rows; see `DuckRelations.stage_delimited`.

    Notes
    -----
    DuckDB pads short rows with NULL, and no text is NULL otherwise; with one column too many, rows that are too
    short or too long show themselves. It refuses line ends within quotes in this mode, so that there are as many
    rows as lines: fewer or more would be a loss, and are refused.
    """
    try:
        rows = _staged(duck, path, out, form, columns)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return rows


def _staged(
    duck: DuckConnection, path: Path, out: Path, form: TextForm, columns: Mapping[str, str]
) -> int:
    encoding = engine_encoding(form.encoding)
    lines = count_lines(
        path, delimiter=form.delimiter, quote=form.quote, encoding=encoding,
        compression=form.compression, skip_rows=form.skip_rows,
    )  # fmt: skip
    source, filled = _source(path, form, encoding), _filled(len(form.names))
    places = {canonical: form.names.index(raw) for canonical, raw in columns.items()}
    query = f"SELECT {_cells(places, len(form.names))} FROM {source} WHERE {filled}"
    label = f"reading {path.name}"
    rows = _as_plain(duck, lambda: duck.copy(query, out, "snappy", label))
    if rows != lines:
        blank = f"SELECT count(*) FROM {source} WHERE ({filled}) IS NOT TRUE"
        rest = _as_plain(duck, lambda: int(duck.run(blank, label).fetchall()[0][0]))
        if rows + rest != lines:
            raise NotPlain(f"{lines:,} lines and {rows + rest:,} rows")
    return rows


def _source(path: Path, form: TextForm, encoding: str) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(form.names) + 1))
    options = {
        "columns": f"{{{columns}}}",
        "auto_detect": "false",
        "header": "false",
        "skip": str(form.skip_rows),
        "delim": _literal(form.delimiter),
        "quote": _literal(form.quote),
        "escape": _literal(form.quote),
        "encoding": _literal(encoding),
        "compression": _literal(form.compression),
        "nullstr": "'\n'",  # no cell without quotes can be this
        "allow_quoted_nulls": "false",
        "null_padding": "true",
        "strict_mode": "true",
        "max_line_size": str(LINE_LIMIT),
    }
    told = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv({_literal(glob.escape(str(path)))}, {told})"


def _cells(places: Mapping[str, int], width: int) -> str:
    """Cells under canonical names; the first of them stops the query at a row of another width."""
    ragged = f"c{width} IS NOT NULL OR c{width - 1} IS NULL"
    cells = [f"c{place} AS {quoted(name)}" for name, place in places.items()]
    name, place = next(iter(places.items()))
    cells[0] = f"CASE WHEN {ragged} THEN error('ragged row') ELSE c{place} END AS {quoted(name)}"
    return ", ".join(cells)


def _filled(width: int) -> str:
    """Whether any cell holds more than blanks; nearly every row is told by the first sign of a cell."""
    cells = [f"c{i}" for i in range(width + 1)]
    quick = " OR ".join(f"{cell} BETWEEN '!' AND '~'" for cell in cells)
    return f"({quick} OR regexp_matches(concat({', '.join(cells)}), '[^{_BLANK}]'))"


def _as_plain(duck: DuckConnection, work: Callable[[], int]) -> int:
    """Turn DuckDB's refusal of a file into ours; defects of our own stay what they are."""
    try:
        return work()
    except duck.errors as error:
        if duck.is_defect(error):
            raise
        raise NotPlain(str(error).splitlines()[0]) from error


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
