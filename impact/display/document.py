"""A document as a value: tables, figures and sentences whose numbers are still numbers.

Nothing is formatted until it is printed, so the annex, the workbook and results.json are three
prints of one value, and a number cannot stand in one and be absent from another.
"""

from __future__ import annotations

import math
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from impact.core.errors import ReportError
from impact.display.numbers import Lang, format_interval, format_number, is_missing


@dataclass(frozen=True, slots=True)
class Number:
    """A number with what must travel with it.

    Attributes
    ----------
    value : float or None
        The number; None or NaN is printed as a dash.
    label : str
        What it is, in words that stand alone.
    decimals : int
        Decimals in print.
    unit : str
        Its unit, in words.
    n : int or None
        Count behind it.
    std_error, low, high : float or None
        Its uncertainty, where it is an estimate.
    note : str
        For example `assumption`.
    grouping : bool
        Thousands separator; off for years.
    floor : float or None
        Smallest value that is printed as such; below it, `<0.001` is, as p-values are.
    prefix : str
        `< ` or `> ` where the number is a bound.
    """

    value: float | None
    label: str
    decimals: int = 0
    unit: str = ""
    n: int | None = None
    std_error: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    grouping: bool = True
    floor: float | None = None
    prefix: str = ""

    def shown(self, lang: Lang = "en") -> str:
        """The number in print."""
        if is_missing(self.value):
            return "–"
        assert self.value is not None
        if math.isinf(self.value):
            return "∞" if self.value > 0 else "−∞"
        if self.floor is not None and self.value < self.floor:
            return "<" + format_number(self.floor, self.decimals, lang)
        return self.prefix + format_number(self.value, self.decimals, lang, grouping=self.grouping)


@dataclass(frozen=True, slots=True)
class Interval:
    """The confidence interval of a number, printed in a cell of its own."""

    of: Number

    def shown(self, lang: Lang = "en") -> str:
        """The interval in print; a dash where it is undefined."""
        low, high = self.of.low, self.of.high
        if is_missing(low) or is_missing(high):
            return "–"
        return format_interval(low, high, self.of.decimals, lang)


@dataclass(frozen=True, slots=True)
class StdError:
    """The standard error of a number, printed in a cell of its own."""

    of: Number

    def shown(self, lang: Lang = "en") -> str:
        """The standard error in print; a dash where it is undefined."""
        if is_missing(self.of.std_error):
            return "–"
        return format_number(self.of.std_error, self.of.decimals, lang)


Cell = str | Number | Interval | StdError


@dataclass(frozen=True, slots=True)
class Column:
    """Heading of a column, how it is aligned, and its share of the width where the text wraps."""

    heading: str
    align: Literal["left", "decimal", "center"] = "decimal"
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row; a `panel` row is a sub-heading over the whole width, a `total` row has a rule above."""

    cells: tuple[Cell, ...]
    kind: Literal["body", "panel", "total"] = "body"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the annex. `key` is its exhibit, such as `T4`."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    wide: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            expected = 1 if row.kind == "panel" else len(self.columns)
            if len(row.cells) != expected:
                raise ReportError(f"A row of {self.key} has {len(row.cells)} cells: {row.cells!r}")


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of the annex: its file below the output folder, and its words for those who hear it."""

    key: str
    title: str
    file: str
    alt: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph whose numbers are still numbers; made by `prose`."""

    template: str
    numbers: tuple[tuple[str, Number | Interval], ...] = ()

    def shown(self, lang: Lang = "en") -> str:
        """The paragraph in print."""
        return self.template.format_map({k: v.shown(lang) for k, v in self.numbers})


def prose(template: str, **numbers: Number | Interval) -> Prose:
    """A paragraph with numbers in braces.

    Raises
    ------
    ReportError
        If a brace has no number, or a number no brace.

    Examples
    --------
    >>> prose("{n} firms joined.", n=Number(1200, "firms that joined")).shown()
    '1,200 firms joined.'
    """
    wanted = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    if wanted != set(numbers):
        raise ReportError(
            f"The paragraph {template!r} names {sorted(wanted)}, given {list(numbers)}."
        )
    return Prose(template, tuple(numbers.items()))


Block = Table | Figure | Prose


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The annex of one study."""

    study: str
    title: str
    subtitle: str
    headlines: tuple[Prose, ...]
    sections: tuple[Section, ...]
    colophon: tuple[str, ...] = ()

    def tables(self) -> list[Table]:
        """Its tables, in order."""
        return [b for s in self.sections for b in s.blocks if isinstance(b, Table)]

    def figures(self) -> list[Figure]:
        """Its figures, in order."""
        return [b for s in self.sections for b in s.blocks if isinstance(b, Figure)]

    def numbers(self) -> list[dict[str, Any]]:
        """Every number of the document as a tidy row, once per place where it is printed."""
        rows: list[dict[str, Any]] = []
        for i, headline in enumerate(self.headlines, 1):
            rows += _of_prose(f"headline {i}", headline)
        for section in self.sections:
            count = 0
            for block in section.blocks:
                if isinstance(block, Prose):
                    count += 1
                    rows += _of_prose(f"{section.heading}, paragraph {count}", block)
                elif isinstance(block, Table):
                    rows += _of_table(block)
        return rows


def _of_prose(exhibit: str, block: Prose) -> Iterator[dict[str, Any]]:
    for name, cell in block.numbers:
        number = cell if isinstance(cell, Number) else cell.of
        yield _row(exhibit, "", name, number, cell.shown())


def _of_table(table: Table) -> Iterator[dict[str, Any]]:
    panel = ""
    for row in table.rows:
        if row.kind == "panel":
            panel = str(row.cells[0])
            continue
        name = row.cells[0] if isinstance(row.cells[0], str) else row.cells[0].shown()
        where = f"{panel}: {name}" if panel else name
        for column, cell in zip(table.columns, row.cells, strict=True):
            if isinstance(cell, Number):
                yield _row(table.key, where, column.heading, cell, cell.shown())
            elif not isinstance(cell, str):
                yield _row(table.key, where, column.heading, cell.of, cell.shown())


def _row(exhibit: str, row: str, column: str, number: Number, shown: str) -> dict[str, Any]:
    return {
        "exhibit": exhibit,
        "row": row,
        "column": column,
        "label": number.label,
        "value": number.value,
        "unit": number.unit,
        "std_error": number.std_error,
        "conf_low": number.low,
        "conf_high": number.high,
        "n": number.n,
        "note": number.note,
        "shown": shown,
    }


def printable(document: Document, lang: Lang = "en") -> dict[str, Any]:
    """The document as nested dictionaries of text, ready for a typesetter: no number is left to format."""
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "headlines": [h.shown(lang) for h in document.headlines],
        "sections": [
            {"heading": s.heading, "blocks": [_printed(b, lang) for b in s.blocks]}
            for s in document.sections
        ],
        "colophon": list(document.colophon),
    }


def _printed(block: Block, lang: Lang) -> Mapping[str, Any]:
    if isinstance(block, Prose):
        return {"kind": "prose", "text": block.shown(lang)}
    if isinstance(block, Figure):
        return {"kind": "figure", "key": block.key, "title": block.title, "file": block.file,
                "alt": block.alt, "notes": list(block.notes)}  # fmt: skip
    return {
        "kind": "table",
        "key": block.key,
        "title": block.title,
        "wide": block.wide,
        "columns": [
            {"heading": c.heading, "align": c.align, "share": c.share} for c in block.columns
        ],
        "rows": [
            {"kind": r.kind, "cells": [_aligned(cell, lang) for cell in r.cells]}
            for r in block.rows
        ],
        "pads": _pads(block, lang),
        "notes": list(block.notes),
    }


def _aligned(cell: Cell, lang: Lang) -> dict[str, str]:
    """A cell as the text up to the decimal sign and the rest, so that a column can be aligned there."""
    if isinstance(cell, str):
        return {"whole": cell, "part": ""}
    shown = cell.shown(lang)
    if isinstance(cell, Interval):
        return {"whole": shown, "part": ""}
    mark = "." if lang == "en" else ","
    whole, point, part = shown.partition(mark) if _decimals(cell) else (shown, "", "")
    return {"whole": whole, "part": point + part}


def _decimals(cell: Number | StdError) -> int:
    return cell.decimals if isinstance(cell, Number) else cell.of.decimals


def _pads(table: Table, lang: Lang) -> list[str]:
    """The longest decimal part of each column: what shorter ones are filled up to, unseen."""
    pads = [""] * len(table.columns)
    for row in table.rows:
        if row.kind == "panel":
            continue
        for i, cell in enumerate(row.cells):
            part = _aligned(cell, lang)["part"]
            if len(part) > len(pads[i]):
                pads[i] = part
    return pads


def as_text(table: Table, lang: Lang = "en") -> str:
    """A table as plain text with aligned columns, for a terminal or a README.

    Examples
    --------
    >>> t = Table("T0", "Firms", (Column("", "left"), Column("n")),
    ...           (Row(("joined", Number(66, "firms"))), Row(("never", Number(91, "firms")))))
    >>> print(as_text(t))
    T0. Firms
    <BLANKLINE>
             n
    joined  66
    never   91
    """
    pads = _pads(table, lang)
    body: list[tuple[str, list[str]]] = []
    for row in table.rows:
        if row.kind == "panel":
            body.append(("panel", [str(row.cells[0])]))
            continue
        cells = []
        for cell, pad in zip(row.cells, pads, strict=True):
            a = _aligned(cell, lang)
            fill = "" if isinstance(cell, (str, Interval)) else " " * (len(pad) - len(a["part"]))
            cells.append(a["whole"] + a["part"] + fill)
        body.append((row.kind, cells))
    heads = [c.heading for c in table.columns]
    widths = [
        max([len(h), *(len(cells[i]) for kind, cells in body if kind != "panel")])
        for i, h in enumerate(heads)
    ]

    def line(cells: list[str]) -> str:
        parts = [
            c.ljust(w) if column.align == "left" else c.rjust(w)
            for c, w, column in zip(cells, widths, table.columns, strict=True)
        ]
        return "  ".join(parts).rstrip()

    lines = [f"{table.key}. {table.title}", "", line(heads)]
    lines += [cells[0] if kind == "panel" else line(cells) for kind, cells in body]
    return "\n".join([*lines, *(f"Note: {n}" for n in table.notes)])
