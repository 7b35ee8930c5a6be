"""The form in which one text writes a date, before anyone decides what its parts mean."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from typing import NamedTuple

from impact.validate.month_names import month_named

EARLIEST, LATEST = 1900, 2100
_LONGEST = 60  # characters of a date with its time; what is longer is no date

_TIME = re.compile(
    r"(?:[T:]| T?)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
    r"(?: ?[ap]\. ?m\.?| ?[ap]m)? ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?$",
    re.ASCII | re.IGNORECASE,
)
_STAMP = re.compile(r"(\d{8})T?\d{6}", re.ASCII)
_DIGITS = re.compile(r"\d{1,8}", re.ASCII)
_FLOAT = re.compile(r"(\d{4,8})\.0+", re.ASCII)
_THREE = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})(?:\2(\d{1,2}))?", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})[/.-](\d{4})", re.ASCII)
_WORDS = re.compile(r"[0-9]+|[^\W\d_]+\.?")
_WORDY = re.compile(r"(?:[0-9]+|[^\W\d_]+\.?|[/., -])+")
_FILLERS = ("de", "del", "of", "st", "nd", "rd", "th")
_STATA = re.compile(r"(\d{4})m(\d{1,2})", re.ASCII | re.IGNORECASE)


class DateText(NamedTuple):
    """A date's form and its numbers in the order of the text.

    Forms: `y-m-d`, `y-m`, `m-y`, `a-b-y` (day and month in either order), `a-b-yy`, `d-mon-y`, `d-mon-yy`,
    `mon-y`, `mon-yy`, and `digits`.
    """

    form: str
    parts: tuple[int, ...]
    digits: str = ""
    float_form: bool = False


def without_time(text: str) -> tuple[str, bool]:
    """Cut the time of day; say whether it named a zone.

    Examples
    --------
    >>> without_time("15/03/2012 10:30 p. m."), without_time("2012-03-15T10:30:00Z")
    (('15/03/2012', False), ('2012-03-15', True))
    """
    if len(text) > _LONGEST:
        return text, False
    if ":" not in text:
        stamp = _STAMP.fullmatch(text)
        return (stamp[1], False) if stamp else (text, False)
    text = " ".join(text.split())
    time = _TIME.search(text, max(text.index(":") - 4, 0))
    return (text[: time.start()], time["zone"] is not None) if time else (text, False)


def date_text(text: str) -> DateText | None:
    """Find the form of a text without its time; None where it is no date.

    Examples
    --------
    >>> date_text("15/03/2012").form
    'a-b-y'
    >>> date_text("3 de mayo de 2012").parts
    (3, 5, 2012)
    >>> date_text("soon") is None
    True
    """
    if len(text) > _LONGEST:
        return None
    return _numeric(text) or _named(" ".join(text.split()))


def _numeric(text: str) -> DateText | None:
    if _DIGITS.fullmatch(text):
        return DateText("digits", (), text)
    if match := _THREE.fullmatch(text):
        a, _, b, y = match.groups()
        return DateText("a-b-y" if len(y) == 4 else "a-b-yy", (int(a), int(b), int(y)))
    if match := _FLOAT.fullmatch(text):
        return DateText("digits", (), match[1], float_form=True)
    if match := _YEAR_FIRST.fullmatch(text):
        y, sign, m, d = match.groups()
        if d is not None:
            return DateText("y-m-d", (int(y), int(m), int(d)))
        # A spreadsheet writes both January and October 2012 as 2012.1.
        return None if sign == "." and len(m) == 1 else DateText("y-m", (int(y), int(m)))
    if match := _YEAR_LAST.fullmatch(text):
        return DateText("m-y", (int(match[1]), int(match[2])))
    if match := _STATA.fullmatch(text):
        return DateText("y-m", (int(match[1]), int(match[2])))
    return None


def _named(text: str) -> DateText | None:
    """Dates with the name of a month: 15-mar-2012, 15mar2012, March 15, 2012, mar/2012, 2012 March 15."""
    if not _WORDY.fullmatch(text):
        return None
    words = [w for w in _WORDS.findall(text) if w.lower() not in _FILLERS]
    months = [month_named(w) for w in words if not w.isdigit()]
    numbers = [w for w in words if w.isascii() and w.isdigit()]
    if len(months) != 1 or months[0] is None or len(numbers) != len(words) - 1:
        return None
    month, at = months[0], next(i for i, w in enumerate(words) if not w.isdigit())
    lengths = tuple(len(n) for n in numbers)
    values = tuple(int(n) for n in numbers)
    if lengths == (4,):
        return DateText("mon-y", (month, values[0]))
    if lengths in ((1,), (2,)):
        return DateText("mon-yy", (month, values[0]))
    if lengths in ((1, 4), (2, 4)) and at < 2:
        return DateText("d-mon-y", (values[0], month, values[1]))
    if lengths in ((4, 1), (4, 2)) and at == 1:
        return DateText("d-mon-y", (values[1], month, values[0]))
    if lengths in ((1, 2), (2, 2)) and at == 1:
        return DateText("d-mon-yy", (values[0], month, values[1]))
    return None


class Day(NamedTuple):
    """A date, a month or a year: what is not known is None."""

    year: int
    month: int | None = None
    day: int | None = None


def _century(yy: int) -> int:
    return yy + (1900 if yy >= 50 else 2000)


def _parts(form: str, order: Callable[..., Day]) -> Callable[[DateText], Day | None]:
    return lambda t: order(*t.parts) if t.form == form else None


def _digits(
    lengths: tuple[int, ...], cut: Callable[[str], Day]
) -> Callable[[DateText], Day | None]:
    return lambda t: cut(t.digits.zfill(max(lengths))) if len(t.digits) in lengths else None


READERS: Mapping[str, Callable[[DateText], Day | None]] = {
    "yyyy-mm-dd": _parts("y-m-d", lambda y, m, d: Day(y, m, d)),
    "dd/mm/yyyy": _parts("a-b-y", lambda a, b, y: Day(y, b, a)),
    "mm/dd/yyyy": _parts("a-b-y", lambda a, b, y: Day(y, a, b)),
    "dd/mm/yy": _parts("a-b-yy", lambda a, b, y: Day(_century(y), b, a)),
    "mm/dd/yy": _parts("a-b-yy", lambda a, b, y: Day(_century(y), a, b)),
    "yyyymmdd": _digits((8,), lambda t: Day(int(t[:4]), int(t[4:6]), int(t[6:]))),
    # A number sheds the zero of a day below 10, and of a year below 2010 that is written with two digits.
    "ddmmyyyy": _digits((7, 8), lambda t: Day(int(t[4:]), int(t[2:4]), int(t[:2]))),
    "yyyymm": _digits((6,), lambda t: Day(int(t[:4]), int(t[4:]))),
    "yyyy-mm": _parts("y-m", lambda y, m: Day(y, m)),
    "mm/yyyy": _parts("m-y", lambda m, y: Day(y, m)),
    "yymm": _digits((1, 2, 3, 4), lambda t: Day(_century(int(t[:2])), int(t[2:]))),
    "yyyy": _digits((4,), lambda t: Day(int(t))),
    "dd-mon-yyyy": _parts("d-mon-y", lambda d, m, y: Day(y, m, d)),
    "dd-mon-yy": _parts("d-mon-yy", lambda d, m, y: Day(_century(y), m, d)),
    "mon-yyyy": _parts("mon-y", lambda m, y: Day(y, m)),
}
"""Declared format -> how a text of that form is read; None where it has another form."""

FREE = ("yyyy-mm-dd", "yyyymmdd", "yyyymm", "yyyy-mm", "mm/yyyy", "yyyy", "dd-mon-yyyy", "mon-yyyy")
"""Formats that say by themselves what they are."""


def calendar_problem(found: Day) -> str | None:
    """Say why a date stands in no calendar of the study; None where it does.

    Examples
    --------
    >>> calendar_problem(Day(2012, 2, 31))
    'there is no day 31 in month 2 of 2012'
    """
    year, month, day = found
    if (year, month) in ((1899, 12), (1900, 0)):
        return "this is the zero of a spreadsheet's calendar, which stands for an empty cell"
    if year < EARLIEST:
        return f"the year {year} is before {EARLIEST}"
    if year > LATEST:
        stands = ", and may stand for 'no end'" if year == 9999 else ""
        return f"the year {year} is after {LATEST}{stands}"
    if month is not None and not 1 <= month <= 12:
        return f"there is no month {month}"
    if month is not None and day is not None and not 1 <= day <= monthrange(year, month)[1]:
        return f"there is no day {day} in month {month} of {year}"
    return None
