"""The shapes in which files write amounts, each a pattern that DuckDB, Spark and Python read alike.

Patterns have no backslash, since Spark takes those out of a literal, and a quote stands twice in them, which SQL reads as
one and a class of characters does not mind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from impact.validate.meanings import OUTER_BLANKS, stripped

INNER_BLANKS = " \u00a0\u2009\u202f"
"""Blanks that part thousands."""

BLANK = "[" + re.sub("[\x1c-\x1f]", "", OUTER_BLANKS) + "]*"  # no cast passes over those four

# The shapes of texts, most frequent first: a text has the first shape whose pattern it matches.
SHAPE_PATTERNS: tuple[tuple[str, str], ...] = (
    ("integer", "[+-]?[0-9]{1,15}"),
    ("point_groups_one", "[+-]?[1-9][0-9]{0,2}[.][0-9]{3}"),
    ("point", "[+-]?(?:[0-9]{1,15}[.][0-9]{0,30}|[.][0-9]{1,30})"),
    ("empty", ""),
    ("point_groups_many", "[+-]?[1-9][0-9]{0,2}(?:[.][0-9]{3}){2,5}"),
    ("comma_groups_one", "[+-]?[1-9][0-9]{0,2},[0-9]{3}"),
    ("comma_groups_many", "[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3}){2,5}"),
    ("comma", "[+-]?(?:[0-9]{1,15},[0-9]{0,30}|,[0-9]{1,30})"),
    ("both", "[+-]?[0-9]{1,3}(?:(?:[.][0-9]{3}){1,5},|(?:,[0-9]{3}){1,5}[.])[0-9]{0,30}"),
    ("blanks", "[+-]?[0-9]{1,3}(?:[" + INNER_BLANKS + "][0-9]{3}){1,5}(?:[.,][0-9]{0,30})?"),
    ("apostrophes", "[+-]?[0-9]{1,3}(?:[''’][0-9]{3}){1,5}(?:[.,][0-9]{0,30})?"),
    ("parentheses", "[(][0-9., ''’]{1,40}[)]"),
    ("minus_after", "[0-9][0-9., ''’]{0,40}-"),
    ("exponent", "[+-]?[0-9]{1,20}(?:[.,][0-9]{0,30})?[eE][+-]?[0-9]{1,5}"),
    ("currency", "(?:[A-Z]{0,3}[$€£¥] ?[+-]?[0-9., ''’]{1,40}|[+-]?[0-9., ''’]{1,40} ?[$€£¥])"),
    ("too_long", "[+-]?[0-9]{16,60}(?:[.,][0-9]{0,30})?"),
)
SHAPES = (*(name for name, _ in SHAPE_PATTERNS), "other")
EXAMPLES = (
    "point", "point_groups_one", "point_groups_many", "comma", "comma_groups_one", "comma_groups_many",
    "both", "blanks", "apostrophes", "parentheses", "minus_after",
)  # fmt: skip


def whole(pattern: str) -> str:
    """Pattern of a whole cell, between its outer blanks."""
    return f"^{BLANK}(?:{pattern}){BLANK}$"


_COMPILED = {name: re.compile(f"{BLANK}(?:{p}){BLANK}") for name, p in SHAPE_PATTERNS}


@dataclass(frozen=True, slots=True)
class ShapeCounts:
    """Rows of a column of amounts by the shape of their text, and an example of each shape that may be asked about.

    The fields are the columns that `shape_sql` selects.
    """

    empty: int = 0
    integer: int = 0
    point: int = 0
    point_groups_one: int = 0
    point_groups_many: int = 0
    comma: int = 0
    comma_groups_one: int = 0
    comma_groups_many: int = 0
    both: int = 0
    blanks: int = 0
    apostrophes: int = 0
    parentheses: int = 0
    minus_after: int = 0
    exponent: int = 0
    currency: int = 0
    too_long: int = 0
    other: int = 0
    eg_point: str = ""
    eg_point_groups_one: str = ""
    eg_point_groups_many: str = ""
    eg_comma: str = ""
    eg_comma_groups_one: str = ""
    eg_comma_groups_many: str = ""
    eg_both: str = ""
    eg_blanks: str = ""
    eg_apostrophes: str = ""
    eg_parentheses: str = ""
    eg_minus_after: str = ""

    @classmethod
    def of_row(cls, row: Mapping[str, Any] | pd.Series) -> ShapeCounts:
        """Take the counts from a row of `shape_sql`; sums and examples over no row are missing there."""
        values: dict[str, Any] = {}
        for f in fields(cls):
            value = row[f.name]
            missing = bool(pd.isna(value))
            if f.name.startswith("eg_"):
                values[f.name] = "" if missing else stripped(str(value))
            else:
                values[f.name] = 0 if missing else int(value)
        return cls(**values)


def shape_of(text: str) -> str:
    """Name the shape of one text.

    Examples
    --------
    >>> [shape_of(t) for t in ("12", "12.5", "12.500", "1.234,50", "1e5", "n/a")]
    ['integer', 'point', 'point_groups_one', 'both', 'exponent', 'other']
    """
    if len(text) > 300:
        text = stripped(text)
        if len(text) > 300:
            return "other"
    return next((name for name, p in _COMPILED.items() if p.fullmatch(text)), "other")


def count_shapes(texts: pd.Series) -> ShapeCounts:
    """Count the shapes of a small column: what `shape_sql` gives for its rows.

    Parameters
    ----------
    texts : Series
        Index: distinct texts; values: rows.

    Examples
    --------
    >>> count_shapes(pd.Series([3, 1], index=["12.500", ""])).point_groups_one
    3
    """
    row: dict[str, Any] = dict.fromkeys(SHAPES, 0) | {f"eg_{n}": None for n in EXAMPLES}
    for text, rows in sorted(zip(map(str, texts.index), texts.tolist(), strict=True)):
        shape = shape_of(text)
        row[shape] += int(rows)
        if shape in EXAMPLES and row[f"eg_{shape}"] is None:
            row[f"eg_{shape}"] = text
    return ShapeCounts.of_row(row)
