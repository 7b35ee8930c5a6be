"""How amounts are written: recognised by their shapes, declared by the person, never guessed.

The check of a value column runs in the engine, one row at a time; here stand its SQL fragments and, for small tables
and as their oracle, the same rules in Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, Literal

import pandas as pd

from impact.core.errors import Fault, StudyError, shown
from impact.validate.meanings import OUTER_BLANKS, stripped
from impact.validate.number_shapes import (
    BLANK,
    EXAMPLES,
    INNER_BLANKS,
    SHAPE_PATTERNS,
    SHAPES,
    ShapeCounts,
    shape_of,
    whole,
)

_INTEGER_DIGITS = 15  # a larger figure is no firm's, and would leave no room for cents in 64 bits
_DECIMALS = 30  # a float written in full has some 17; what is cut from them is below a millionth
_ENOUGH = 0.01  # share of dotted texts that must show a decimal point before 12.500 is read as 12.5


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a file writes its amounts, as far as the person declared it.

    Attributes
    ----------
    decimal : {".", ","}, optional
        Where missing: the one that the thousands sign leaves, else the point.
    thousands : {"", ".", ",", " ", "'"}, optional
        Where missing: none.
    minus : {"before", "after", "parentheses"}, optional
        Form of negative amounts besides -12: 12- or (12). Where missing: none.

    Raises
    ------
    StudyError
        If a sign is unknown, or one sign stands for both.

    Examples
    --------
    >>> parse_number("1.234,50", NumberFormat(decimal=",", thousands="."))
    Decimal('1234.500000')
    """

    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ".", ",", " ", "'"] | None = None
    minus: Literal["before", "after", "parentheses"] | None = None

    def __post_init__(self) -> None:
        known = {
            "decimal": (None, ".", ","),
            "thousands": (None, "", ".", ",", " ", "'"),
            "minus": (None, "before", "after", "parentheses"),
        }
        for key, choices in known.items():
            if getattr(self, key) not in choices:
                names = ", ".join(f'"{c}"' for c in choices if c is not None)
                raise StudyError(
                    f"{key} is {shown(getattr(self, key))}; it must be one of {names}."
                )
        if self.decimal is not None and self.decimal == self.thousands:
            raise StudyError(f"The sign '{self.decimal}' cannot part both decimals and thousands.")

    @property
    def point(self) -> str:
        """The decimal sign in force."""
        return self.decimal or ("," if self.thousands == "." else ".")


_CLASSES = {"": "", ".": "[.]", ",": "[,]", " ": f"[{INNER_BLANKS}]", "'": "[''’]"}


@lru_cache(maxsize=64)
def valid_pattern(format: NumberFormat) -> str:
    """Regular expression of the texts that are numbers in a format, for `regexp_like` and Python.

    It takes in outer blanks, refuses the empty text, and can stand between the quotes of an SQL literal as it is.

    Examples
    --------
    >>> bool(re.search(valid_pattern(NumberFormat()), " -12.5"))
    True
    >>> bool(re.search(valid_pattern(NumberFormat()), "1,234"))
    False
    """
    point, sign = f"[{format.point}]", _CLASSES[format.thousands or ""]
    whole = f"[0-9]{{1,{_INTEGER_DIGITS}}}"
    if sign:
        whole = f"(?:{whole}|[0-9]{{1,3}}(?:{sign}[0-9]{{3}}){{1,4}})"
    number = f"(?:{whole}(?:{point}[0-9]{{0,{_DECIMALS}}})?|{point}[0-9]{{1,{_DECIMALS}}})"
    signed = f"[+-]?{number}"
    if format.minus == "after":
        signed = f"(?:{signed}|{number}[ ]?-)"
    elif format.minus == "parentheses":
        signed = f"(?:{signed}|[(]{number}[)])"
    return f"^{BLANK}{signed}{BLANK}$"


def amount_sql(column: str, format: NumberFormat, scale: int = 6) -> str:
    """SQL expression of a valid text's amount, as DECIMAL(18 + scale, scale), half away from zero.

    Parameters
    ----------
    column : str
        SQL expression of a text that `valid_pattern` matches; others may stop the engine.
    format : NumberFormat
        How it is written.
    scale : int
        Decimals that are kept.

    Examples
    --------
    >>> amount_sql("value", NumberFormat(decimal=","))[:48]
    "CASE WHEN bit_length(replace(value, ',', '.')) ="
    """
    text = column
    for sign in {"": "", ".": ".", ",": ",", " ": INNER_BLANKS, "'": "'’"}[format.thousands or ""]:
        text = f"replace({text}, {_literal(sign)}, '')"
    if format.point == ",":
        text = f"replace({text}, ',', '.')"
    signs = {"after": "-", "parentheses": "()-"}.get(format.minus or "", "")
    if signs:
        bare = f"concat('-', translate({text}, '{signs}{OUTER_BLANKS}', ''))"
        marked = " OR ".join(f"instr({text}, '{sign}') > 0" for sign in signs if sign != ")")
        text = f"CASE WHEN {marked} THEN {bare} ELSE {text} END"
    kind = f"DECIMAL({18 + scale},{scale})"
    # A cast passes over blanks of ASCII by itself; to take out the others costs more than the cast.
    return (
        f"CASE WHEN bit_length({text}) = 8 * length({text}) THEN CAST({text} AS {kind}) "
        f"ELSE CAST(translate({text}, '{OUTER_BLANKS}', '') AS {kind}) END"
    )


def _literal(sign: str) -> str:
    return "chr(39)" if sign == "'" else f"'{sign}'"


def parse_number(text: str, format: NumberFormat, scale: int = 6) -> Decimal | None:
    """Give the number that a text writes, with `scale` decimals, or None: what `amount_sql` gives in the engine.

    Examples
    --------
    >>> parse_number("(1'234)", NumberFormat(thousands="'", minus="parentheses"), scale=2)
    Decimal('-1234.00')
    >>> parse_number("12,5", NumberFormat()) is None
    True
    """
    if len(text) > 200 and len(stripped(text)) > 100:
        return None
    if re.search(valid_pattern(format), text) is None:
        return None
    plain = stripped(text)
    negative = plain[0] in "-(" or plain[-1] == "-"
    kept = "".join(c for c in plain if c in "0123456789" or c == format.point)
    number = Decimal(kept.replace(",", ".")).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    return -number if negative and number else number


def shape_sql(column: str, relation: str) -> str:
    """Query that counts the shapes of a column of texts: one row, with the fields of `ShapeCounts`.

    Parameters
    ----------
    column : str
        SQL expression of a text; NULL counts as empty.
    relation : str
        Name of the relation that holds it.
    """
    # Nearly all texts are plain numbers: one pattern and two searches for the point tell their three shapes.
    plain = (
        "WHEN regexp_like(cell, '^[+-]?[0-9]{1,15}(?:[.][0-9]{0,30})?$') AND right(cell, 1) >= '.' THEN "
        "CASE WHEN instr(cell, '.') = 0 THEN 0 WHEN length(cell) - instr(cell, '.') <> 3 THEN 2 "
        f"WHEN regexp_like(cell, '{whole(SHAPE_PATTERNS[1][1])}') THEN 1 ELSE 2 END"
    )
    tests = " ".join(
        f"WHEN regexp_like(cell, '{whole(pattern)}') THEN {number}"
        for number, (_, pattern) in enumerate(SHAPE_PATTERNS)
    )
    counts = [
        f"CAST(sum(CASE WHEN shape = {number} THEN 1 ELSE 0 END) AS BIGINT) AS {name}"
        for number, name in enumerate(SHAPES)
    ]
    examples = [
        f"min(CASE WHEN shape = {SHAPES.index(name)} THEN cell END) AS eg_{name}"
        for name in EXAMPLES
    ]
    return (
        f"SELECT {', '.join([*counts, *examples])} FROM (SELECT cell, CASE {plain} {tests} ELSE {len(SHAPE_PATTERNS)} END "
        f"AS shape FROM (SELECT coalesce({column}, '') AS cell FROM {relation}) AS cells) AS shaped"
    )


def number_question(
    counts: ShapeCounts | Mapping[str, Any] | pd.Series,
    column: str,
    format: NumberFormat | None = None,
) -> Fault | None:
    """Ask how a column of undeclared amounts is to be read, where its texts do not say so themselves.

    Without a declaration, only digits with a point are numbers, and a point is a decimal point where some text shows it:
    12.5 or 0.500 or 1234.500 do, 12.500 and 1.234.567 do not.

    Parameters
    ----------
    counts : ShapeCounts, or a row of `shape_sql`
        Shapes of the column.
    column : str
        Canonical name.
    format : NumberFormat, optional
        What is declared is not asked.

    Returns
    -------
    Fault or None
        One question with the key to declare; None where the column can be read as it is.

    Examples
    --------
    >>> from impact.validate.number_shapes import count_shapes
    >>> print(number_question(count_shapes(pd.Series([3], index=["12.500"])), "value"))
    column 'value', value '12.500': the point may part decimals or thousands: 12.500 is 12.5 or 12500. To mend: declare
    decimal = "." or thousands = ".": which is it?
    """
    c = counts if isinstance(counts, ShapeCounts) else ShapeCounts.of_row(counts)
    declared = format or NumberFormat()
    signs = _asked_signs(c) if declared.decimal is None and declared.thousands is None else None
    found = signs or (_asked_minus(c) if declared.minus is None else None)
    if found is None:
        return None
    example, problem, remedy = found
    return Fault(problem, remedy, column=column, value=example)


def _asked_signs(c: ShapeCounts) -> tuple[str, str, str] | None:
    if c.both:
        return _asked_both(c.eg_both)
    if c.blanks:
        return c.eg_blanks, "blanks part the thousands", 'declare thousands = " "'
    if c.apostrophes:
        return c.eg_apostrophes, "apostrophes part the thousands", 'declare thousands = "\'"'
    if c.comma + c.comma_groups_one + c.comma_groups_many:
        return _asked_comma(c)
    if c.point_groups_many or c.point < _ENOUGH * (c.point + c.point_groups_one):
        return _asked_point(c)
    return None


def _asked_minus(c: ShapeCounts) -> tuple[str, str, str] | None:
    if c.parentheses:
        return (c.eg_parentheses, "a number stands in parentheses, which may mean that it is negative",
                'declare minus = "parentheses", or correct the cells')  # fmt: skip
    if c.minus_after:
        return (c.eg_minus_after, "a minus stands behind a number",
                'declare minus = "after", or correct the cells')  # fmt: skip
    return None


def _asked_both(example: str) -> tuple[str, str, str]:
    comma_last = example.rindex(",") > example.rindex(".")
    decimal, thousands = (",", ".") if comma_last else (".", ",")
    problem = f"numbers hold both '{thousands}' and '{decimal}'"
    return example, problem, f'declare decimal = "{decimal}" and thousands = "{thousands}", if so'


def _asked_comma(c: ShapeCounts) -> tuple[str, str, str]:
    if c.comma and c.comma_groups_many:
        problem = (
            f"the comma parts thousands in {c.eg_comma_groups_many} and decimals in {c.eg_comma}"
        )
        return (
            c.eg_comma,
            problem,
            "write the column in one form, and declare decimal and thousands",
        )
    if c.comma:
        example = c.eg_comma
        return example, "numbers hold a comma", 'declare decimal = ",", if it parts the decimals'
    if c.comma_groups_many:
        example = c.eg_comma_groups_many
        return example, "numbers hold commas", 'declare thousands = ",", if they part the thousands'
    return _two_readings(c.eg_comma_groups_one, ",", "comma")


def _asked_point(c: ShapeCounts) -> tuple[str, str, str]:
    if not c.point_groups_many:
        return _two_readings(c.eg_point_groups_one, ".", "point")
    many = c.eg_point_groups_many
    if c.point:
        problem = f"the point parts thousands in {many} and decimals in {c.eg_point}"
        return many, problem, "write the column in one form, and declare decimal and thousands"
    return (
        many,
        "numbers hold several points",
        'declare thousands = ".", if they part the thousands',
    )


def _two_readings(example: str, sign: str, name: str) -> tuple[str, str, str]:
    less = f"{Decimal(example.replace(',', '.')).normalize():f}"
    more = example.replace(sign, "").lstrip("+")
    problem = f"the {name} may part decimals or thousands: {example} is {less} or {more}"
    return example, problem, f'declare decimal = "{sign}" or thousands = "{sign}": which is it?'


_CAUSES: Mapping[str, tuple[str, str]] = {
    "empty": ("the cell is empty", "fill it in, or drop the row"),
    "point_groups_many": ("expected a number; points part its thousands", 'declare thousands = "."'),
    "comma": ("expected a number; it holds a comma", 'declare decimal = ","'),
    "comma_groups_one": ("expected a number; it holds a comma",
                         'declare decimal = "," or thousands = ","'),
    "comma_groups_many": ("expected a number; commas part its thousands", 'declare thousands = ","'),
    "both": ("expected a number; it holds commas and points", "declare decimal and thousands"),
    "blanks": ("expected a number; blanks part its thousands", 'declare thousands = " "'),
    "apostrophes": ("expected a number; apostrophes part its thousands", 'declare thousands = "\'"'),
    "parentheses": ("expected a number; parentheses may mean that it is negative",
                    'declare minus = "parentheses"'),
    "minus_after": ("expected a number; a minus stands behind it", 'declare minus = "after"'),
    "exponent": ("a spreadsheet shortened the number, so that its last digits may be lost",
                 "export the column again with all its digits"),
    "currency": ("expected a number; it holds a sign of a currency",
                 "write the number alone, and the currency in its own column"),
    "too_long": (f"the number has more than {_INTEGER_DIGITS} digits before the decimals, which no "
                 "firm's has", "correct the cell"),
}  # fmt: skip
_NOT_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan|1\.#inf|1\.#qnan)", re.IGNORECASE)


def why_no_number(text: str, format: NumberFormat) -> tuple[str, str]:
    """Give the problem and the remedy of a text that is no number in a format.

    Examples
    --------
    >>> why_no_number("1.2E+05", NumberFormat())[0]
    'a spreadsheet shortened the number, so that its last digits may be lost'
    """
    known = _CAUSES.get(shape_of(text))
    cell = stripped(text[:200])
    if known is not None and format == NumberFormat():
        return known
    if known is not None and shape_of(text) in ("empty", "exponent", "currency", "too_long"):
        return known
    if _NOT_FINITE.fullmatch(cell):
        return "the number is not finite", "correct the cell, or leave it empty if it is unknown"
    if cell[:1] in ("=", "@"):
        return "expected a number; this looks like a formula", "export the values, not the formulas"
    if cell[:1] == "#":
        return (
            "expected a number; this is an error of a spreadsheet",
            "mend the sheet, and export it again",
        )
    if format != NumberFormat():
        signs = f'decimal = "{format.point}", thousands = "{format.thousands or ""}"'
        return (
            f"the number is not written as declared ({signs})",
            "correct the cell, or the declaration",
        )
    return (
        "expected a number",
        "write a number such as 1234.56, or leave the cell empty if it is unknown",
    )
