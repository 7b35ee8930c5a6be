"""Whole numbers: counts that a caller gives, such as years of a look-back, and counts in the words of a message."""

from __future__ import annotations

from numbers import Real

from impact.core.errors import DataError


def whole_number(name: str, value: object, *, least: int, of: str = "years") -> int:
    """Give a count as an `int`, or say in one sentence why it is none.

    Parameters
    ----------
    name : str
        Argument that holds it.
    value : object
        A whole number of any kind, 3.0 too; true and false are none.
    least : int
        The smallest that is allowed.
    of : str
        What is counted.

    Raises
    ------
    DataError
        If it is no whole number, or too small.

    Examples
    --------
    >>> whole_number("look_back", 2.0, least=1)
    2
    >>> whole_number("look_back", 1.5, least=1)
    Traceback (most recent call last):
    impact.core.errors.DataError: look_back is 1.5; it is a whole number of years, 1 or more.
    """
    good = isinstance(value, Real) and not isinstance(value, bool)
    if good and float(value) == float(value) // 1 and value >= least:  # type: ignore[arg-type, operator]
        return int(value)  # type: ignore[call-overload, no-any-return]
    shown = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    raise DataError(f"{name} is {shown!r}; it is a whole number of {of}, {least} or more.")


def years_before(count: int) -> str:
    """Say how far a look-back goes.

    Examples
    --------
    >>> years_before(1), years_before(3)
    ('in the year before', 'in the 3 years before')
    """
    return "in the year before" if count == 1 else f"in the {count} years before"


def years(count: int) -> str:
    """A number of years in words.

    Examples
    --------
    >>> years(1), years(2)
    ('1 year', '2 years')
    """
    return f"{count} year" if count == 1 else f"{count} years"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number of things in words: `one` for a single thing, else `many`, by default `one` with an s.

    Examples
    --------
    >>> counted(1, "firm"), counted(2000, "firm"), counted(0, "subclass", "subclasses")
    ('1 firm', '2,000 firms', '0 subclasses')
    """
    return f"{count:,} {by_number(count, one, many)}"


def by_number(count: float, one: str, many: str | None = None) -> str:
    """The word that goes with a number of things: a noun, or the verb that agrees with it.

    Examples
    --------
    >>> by_number(1, "has", "have"), by_number(0, "has", "have"), by_number(3, "pair")
    ('has', 'have', 'pairs')
    """
    return one if count == 1 else f"{one}s" if many is None else many
