"""Columns of amounts: checked row by row in SQL, exact to the cent, located in the file where they are wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal

from impact.core.errors import Fault
from impact.validate.numbers import (
    NumberFormat,
    amount_sql,
    number_question,
    parse_number,
    shape_sql,
    valid_pattern,
    why_no_number,
)
from impact.validate.reading import Reading

LARGEST = Decimal("1e13")
"""A larger amount is damage: it is above the exports of every country, and cents would no longer fit."""


def amount_expression(column: str, kind: str, numbers: NumberFormat) -> str:
    """SQL of an amount: an exact DECIMAL(24, 6), or the DOUBLE that was delivered; NULL where the cell is empty."""
    if kind == "text":
        return (
            f"CASE WHEN regexp_like({column}, '{valid_pattern(numbers)}') "
            f"THEN {amount_sql(column, numbers)} ELSE NULL END"
        )
    return column if kind == "double" else f"CAST({column} AS DECIMAL(24,6))"


def own_expression(column: str, kind: str, numbers: NumberFormat) -> str:
    """SQL of an amount in its own currency to hundredths, half away from zero, as DECIMAL(17, 2)."""
    if kind == "double":
        whole = (
            f"CASE WHEN {column} < 0 THEN -floor(-{column} * 100 + 0.5) "
            f"ELSE floor({column} * 100 + 0.5) END"
        )
        hundredths = f"CAST(CAST({whole} AS BIGINT) AS DECIMAL(17,0))"
        return f"CAST({hundredths} * CAST(0.01 AS DECIMAL(3,2)) AS DECIMAL(17,2))"
    if kind == "integer":
        return f"CAST({column} AS DECIMAL(17,2))"
    if kind == "decimal":
        return f"CAST(round({column}, 2) AS DECIMAL(17,2))"
    amount = amount_sql(column, numbers, 2)
    valid = f"regexp_like({column}, '{valid_pattern(numbers)}')"
    return f"CASE WHEN {valid} THEN CAST({amount} AS DECIMAL(17,2)) ELSE NULL END"


def converted(query: str, amounts: Mapping[str, str]) -> str:
    """Add columns of whole euro cents to a query, each exact and rounded half away from zero.

    Parameters
    ----------
    query : str
        Gives, among others, the columns of `amounts` and `factor`, the euro cents that one unit is worth, as
        DECIMAL(19, 13).
    amounts : mapping of str to str
        Column of an amount, DECIMAL(17, 2) -> name of its column in cents, BIGINT.

    Notes
    -----
    Rounding a product of 36 digits is dear; multiplying is not. So a double says the nearest whole number, and the exact
    rest between the product and that number, which is compared and not divided, says whether it is one too far.
    """
    near = ", ".join(
        f"CAST(floor(CAST({own} AS DOUBLE) * CAST(factor AS DOUBLE) + 0.5) AS BIGINT) AS {cents}_near"
        for own, cents in amounts.items()
    )
    rest = ", ".join(
        f"{own} * factor - CAST({cents}_near AS DECIMAL(18,0)) AS {cents}_rest"
        for own, cents in amounts.items()
    )
    half = "CAST(0.5 AS DECIMAL(2,1))"
    exact = ", ".join(
        f"CASE WHEN {cents}_rest > {half} OR ({cents}_rest = {half} AND {own} > 0) THEN {cents}_near + 1 "
        f"WHEN {cents}_rest < -{half} OR ({cents}_rest = -{half} AND {own} < 0) THEN {cents}_near - 1 "
        f"ELSE {cents}_near END AS {cents}"
        for own, cents in amounts.items()
    )
    return f"SELECT *, {exact} FROM (SELECT *, {rest} FROM (SELECT *, {near} FROM ({query}) a) b) c"


def cents_per_unit(factor: Decimal) -> str:
    """A factor, euros per unit, as the text of euro cents per unit that `converted` takes."""
    return f"{factor.scaleb(2):f}"


def amount_of(cell: object, numbers: NumberFormat) -> Decimal | None:
    """The exact amount of a cell of a small table, a text or a float; None where it is empty, damaged or beyond all bounds.

    Examples
    --------
    >>> amount_of("1.50", NumberFormat()), amount_of(1e-3, NumberFormat()), amount_of(float("inf"), NumberFormat())
    (Decimal('1.500000'), Decimal('0.001000'), None)
    """
    if not isinstance(cell, float):
        return parse_number(str(cell), numbers)
    if not abs(cell) < float(LARGEST):
        return None
    return Decimal(repr(float(cell))).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def amount_faults(
    reading: Reading,
    column: str,
    numbers: NumberFormat,
    *,
    empty_allowed: bool = False,
    negative_allowed: bool = True,
) -> list[Fault]:
    """What is wrong with a column of amounts: one question on its form, or every cell that is no number."""
    if reading.types[column] != "text":
        return _typed_faults(reading, column, empty_allowed, negative_allowed)
    shapes = reading.relations.frame(shape_sql(column, reading.relation)).iloc[0]
    question = number_question(shapes, column, numbers)
    if question is not None:
        return [reading.placed(question, column)]
    pattern = valid_pattern(numbers)
    filled = f"trim({column}) <> '' AND " if empty_allowed else ""
    wrong = int(reading.relations.frame(
        f"SELECT count(*) AS n FROM {reading.relation} WHERE {filled}NOT regexp_like({column}, '{pattern}')"
    )["n"].iloc[0])  # fmt: skip
    if wrong:
        faults = reading.rows_with(
            column,
            lambda t: not (empty_allowed and not t.strip()) and parse_number(t, numbers) is None,
            lambda t: why_no_number(t, numbers),
        )
        # The engine refused cells that the exact reader accepts: never let that pass as clean.
        return faults or [Fault(f"{wrong:,} cells are no numbers", "write numbers such as 1234.56",
                                file=reading.files(), column=column)]  # fmt: skip
    return _beyond(reading, column, numbers, negative_allowed)


def _beyond(
    reading: Reading, column: str, numbers: NumberFormat, negative_allowed: bool
) -> list[Fault]:
    amount = amount_expression(column, reading.types[column], numbers)
    longest = reading.relations.frame(
        f"SELECT CAST(coalesce(max(length(trim({column}))), 0) AS BIGINT) AS n FROM {reading.relation}"
    )["n"].iloc[0]
    if int(longest) > 13:

        def large(text: str) -> bool:
            value = parse_number(text, numbers)
            return value is not None and abs(value) >= LARGEST

        candidates = reading.relations.frame(
            f"SELECT DISTINCT {column} AS text FROM {reading.relation} WHERE length(trim({column})) > 13 "
        )["text"]
        if candidates.map(lambda t: large(str(t))).any():
            return reading.rows_with(column, large, lambda _: (
                "the amount is larger than any firm's", "correct the cell, or its unit"))  # fmt: skip
    if negative_allowed:
        return []
    below = reading.relations.frame(
        f"SELECT count(*) AS n FROM {reading.relation} WHERE {amount} < 0"
    )["n"].iloc[0]
    if not int(below):
        return []
    return reading.rows_with(column, lambda t: (parse_number(t, numbers) or Decimal(0)) < 0,
                             lambda _: ("the number is negative", "correct the cell"))  # fmt: skip


def _typed_faults(
    reading: Reading, column: str, empty_allowed: bool, negative_allowed: bool
) -> list[Fault]:
    """Faults of a typed column: missing, not finite, too large, negative."""
    if reading.types[column] not in ("integer", "decimal", "double"):
        return [Fault("expected numbers", "deliver the column as numbers or text",
                      file=reading.files(), column=column)]  # fmt: skip
    number = f"CAST({column} AS DOUBLE)"
    # Not-a-number compares as larger than every number in both engines.
    found = reading.relations.frame(
        f"SELECT count(*) AS n, count({column}) AS known, "
        f"CAST(coalesce(sum(CASE WHEN abs({number}) >= 1e13 THEN 1 ELSE 0 END), 0) AS BIGINT) AS large, "
        f"CAST(coalesce(sum(CASE WHEN {number} < 0 THEN 1 ELSE 0 END), 0) AS BIGINT) AS below "
        f"FROM {reading.relation}"
    ).iloc[0]
    said: list[tuple[Callable[[str], bool], tuple[str, str]]] = []
    if found["known"] < found["n"] and not empty_allowed:
        said.append((lambda t: t == "", ("the cell is empty", "fill it in, or drop the row")))
    if found["large"]:
        words = "the amount is not finite, or larger than any firm's"
        said.append((_not_plain, (words, "correct the cell, or its unit")))
    if found["below"] and not negative_allowed:
        said.append((lambda t: t.startswith("-"), ("the number is negative", "correct the cell")))
    faults: list[Fault] = []
    for wanted, words_of in said:
        faults += _named(reading, column, wanted, words_of)
    return faults


def _named(
    reading: Reading, column: str, wanted: Callable[[str], bool], said: tuple[str, str]
) -> list[Fault]:
    return reading.rows_with(column, wanted, lambda _: said) or [
        Fault(*said, file=reading.files(), column=column)
    ]


def _not_plain(text: str) -> bool:
    try:
        return not abs(float(text)) < float(LARGEST)
    except ValueError:
        return text != ""
