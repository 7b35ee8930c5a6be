"""When: what the texts of a column of dates, years or months mean.

A form that says by itself what it is (2012-03-15, 20120315, 201203, 15-mar-2012) is read. Day and month in numbers are
told apart by the column as a whole, or the person is asked; two-digit years are always asked about.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import pandas as pd

from impact.core.errors import StudyError, shown
from impact.validate.date_forms import (
    EARLIEST,
    FREE,
    LATEST,
    READERS,
    DateText,
    Day,
    calendar_problem,
    date_text,
    without_time,
)
from impact.validate.meanings import Meanings, by_text
from impact.validate.month_names import ENGLISH, month_named
from impact.validate.understood import Understood

DATE_FORMATS = tuple(READERS)
"""What `date_format` may be; '/', '-' and '.' stand for one another."""

_WRITE = "write dates as yyyy-mm-dd, or declare date_format"
_DAY_MONTH = ("dd/mm/yyyy", "mm/dd/yyyy")
_ENOUGH = 4  # distinct texts of each kind, before a pattern between two kinds is believed
_SERIAL = re.compile(r"[2-7]\d{4}(?:[.,]\d+)?", re.ASCII)
_QUARTER = re.compile(r"\d{4}[ /-]?[qt][1-4]|[qt][1-4][ /-]?\d{4}", re.ASCII | re.IGNORECASE)
_LOST_OCTOBER = re.compile(r"\d{4}\.\d", re.ASCII)


class _Cell(NamedTuple):
    """A date as it is written, without its time, and every text that holds it."""

    text: str
    form: DateText
    raws: list[str]
    rows: int


def understand_dates(
    texts: pd.Series,
    column: str = "date",
    *,
    declared: str | None = None,
    empty_allowed: bool = False,
) -> Understood:
    """Understand a column of dates.

    Parameters
    ----------
    texts : Series
        Index: distinct texts as received; values: rows.
    column : str
        Canonical name.
    declared : str, optional
        One of `DATE_FORMATS`. Texts of any other form are then misread, except yyyy-mm-dd beside a declared
        day, since the cells that a workbook knows to be dates arrive so.
    empty_allowed : bool
        Whether an empty cell is missing rather than misread.

    Returns
    -------
    Understood
        Parts `year`, `month` (missing where a text holds only a year) and `day` (missing where it holds none).

    Raises
    ------
    StudyError
        If there is no such format.

    Examples
    --------
    >>> found = understand_dates(pd.Series([7, 2], index=["15/03/2012", "03/04/2012"]))
    >>> found.meaning[["text", "year", "month", "day"]].values.tolist()
    [['03/04/2012', 2012, 4, 3], ['15/03/2012', 2012, 3, 15]]
    >>> print(understand_dates(pd.Series([2], index=["03/04/2012"])).faults[0].problem)
    day and month cannot be told apart: '03/04/2012' is 3 April 2012 or 4 March 2012
    """
    wanted = _declared_format(declared)
    found = Meanings(column, {"year": "Int64", "month": "Int64", "day": "Int64"})
    kinds = _cells_by_kind(found, texts, wanted, empty_allowed)
    if not _half_converted(found, kinds):
        if wanted is None:
            _read_undeclared(found, kinds)
        else:
            _read_declared(found, kinds, wanted)
    _note_forms(found, kinds)
    return found.understood()


def _declared_format(declared: str | None) -> str | None:
    if declared is None:
        return None
    wanted = known_format(declared)
    if wanted is None:
        raise StudyError(
            f"There is no date_format {shown(declared)}; choose from {', '.join(DATE_FORMATS)}."
        )
    return wanted


def known_format(declared: str) -> str | None:
    """The format of `DATE_FORMATS` that a declaration means, whatever its separators; None where there is none.

    Examples
    --------
    >>> known_format("DD-MM-YYYY"), known_format("%d/%m/%Y")
    ('dd/mm/yyyy', None)
    """
    known = {re.sub("[/.]", "-", f): f for f in DATE_FORMATS}
    return known.get(re.sub("[/.]", "-", declared.strip().lower()))


def _cells_by_kind(
    found: Meanings, texts: pd.Series, wanted: str | None, empty_allowed: bool
) -> dict[str, list[_Cell]]:
    """Dates by the format that reads them; texts that differ in the time of day are one date."""
    days: dict[str, tuple[list[str], list[int]]] = {}
    for raw, text, rows in by_text(texts):
        if not text:
            found.empty(raw, empty_allowed)
            continue
        day, zone = without_time(text)
        raws, counts = days.setdefault(day, ([], []))
        raws.append(raw)
        counts.append(rows)
        if zone:
            found.noted("the clock's zone after the time was ignored", rows, text)
    kinds: dict[str, list[_Cell]] = defaultdict(list)
    for day in sorted(days):
        raws, counts = days[day]
        form = date_text(day)
        if form is None:
            for raw in raws:
                found.misread(raw, _why_no_date(day), _WRITE)
        else:
            kinds[_kind(form, wanted)].append(_Cell(day, form, raws, sum(counts)))
    return kinds


def _kind(form: DateText, wanted: str | None) -> str:
    """The format that reads a text, or its form where none may."""
    if wanted is not None:
        also = ("yyyy-mm-dd",) if "dd" in wanted else ()
        tried: Sequence[str] = (wanted, *also)
    else:
        tried = FREE
    for name in tried:
        if READERS[name](form) is not None:
            return name
    return f"digits {len(form.digits)}" if form.form == "digits" else form.form


def _read(found: Meanings, cells: Sequence[_Cell], name: str) -> None:
    for cell in cells:
        day = READERS[name](cell.form)
        problem = "this is no date" if day is None else calendar_problem(day)
        for raw in cell.raws:
            if problem is None and day is not None:
                found.means(raw, *day)
            else:
                found.misread(raw, problem or "", f"correct it; dates are read as {name} here")


def _refuse(found: Meanings, cell: _Cell, problem: str, remedy: str) -> None:
    for raw in cell.raws:
        found.misread(raw, problem, remedy)


def _leave_open(found: Meanings, cells: Sequence[_Cell]) -> None:
    for cell in cells:
        for raw in cell.raws:
            found.undecided(raw)


def _reads(cell: _Cell, name: str) -> bool:
    day = READERS[name](cell.form)
    return day is not None and calendar_problem(day) is None


def _read_declared(found: Meanings, kinds: dict[str, list[_Cell]], wanted: str) -> None:
    for kind, cells in kinds.items():
        if kind in READERS:
            _read(found, cells, kind)
            continue
        for cell in cells:
            cause = _serial_day(cell.text) or f"the date is not written as {wanted}, as declared"
            _refuse(found, cell, cause, "correct the cell, or declare another date_format")


def _read_undeclared(found: Meanings, kinds: dict[str, list[_Cell]]) -> None:
    for kind, cells in kinds.items():
        if kind == "yyyymmdd":
            _read_or_ask(found, cells, kind, "ddmmyyyy")
        elif kind == "yyyy":
            _read_or_ask(found, cells, kind, "yymm")
        elif kind in READERS:
            _read(found, cells, kind)
        elif kind == "a-b-y":
            _tell_day_from_month(found, cells)
        elif kind == "a-b-yy":
            _ask_two_digits(found, cells, ("dd/mm/yy", "mm/dd/yy"))
        elif kind == "d-mon-yy":
            _ask_two_digits(found, cells, ("dd-mon-yy",))
        elif kind == "digits 7":
            _read_or_ask(found, cells, None, "ddmmyyyy")
        else:
            for cell in cells:
                _refuse(found, cell, _why_not_plain(cell), _WRITE)


def _read_or_ask(found: Meanings, cells: Sequence[_Cell], name: str | None, other: str) -> None:
    """Read digits as `name`; where those that fail are all dates of another form, ask about that form."""
    bad = [c for c in cells if name is None or not _reads(c, name)]
    if bad and all(_reads(c, other) for c in bad):
        day = READERS[other](bad[0].form)
        found.ask(
            f"{shown(bad[0].text)} is {_said(day)} if it is written as {other}"
            + ("" if name is None else f", and no date as {name}"),
            f'declare date_format = "{other}", or write dates as yyyy-mm-dd',
            bad[0].text,
        )
        _leave_open(found, cells)
    elif name is not None:
        _read(found, cells, name)
    else:
        for cell in bad:
            _refuse(found, cell, _why_not_plain(cell), _WRITE)


def _tell_day_from_month(found: Meanings, cells: Sequence[_Cell]) -> None:
    """Decide the order of day and month from texts that make sense in one order only, or ask."""
    first, second = _DAY_MONTH
    shows: dict[str, list[_Cell]] = {first: [], second: []}
    open_: list[_Cell] = []
    for cell in cells:
        ways = [name for name in _DAY_MONTH if _reads(cell, name)]
        if len(ways) == 1:
            shows[ways[0]].append(cell)
        elif ways and cell.form.parts[0] != cell.form.parts[1]:
            open_.append(cell)
    if shows[first] and shows[second]:
        one, other = shows[first][0], shows[second][0]
        found.ask(
            f"the column mixes two orders: {shown(one.text)} can only be day/month and "
            f"{shown(other.text)} only month/day",
            f'declare date_format = "{first}" or "{second}", and the rows of the other order are named one by one',
            one.text,
        )
    elif open_ and not shows[first] and not shows[second]:
        ways = [_said(READERS[name](open_[0].form)) for name in _DAY_MONTH]
        found.ask(
            f"day and month cannot be told apart: {shown(open_[0].text)} is {ways[0]} or {ways[1]}",
            f'declare date_format = "{first}" or date_format = "{second}": which is it?',
            open_[0].text,
        )
    else:
        order = second if shows[second] else first
        if open_:
            found.noted(f"dates were read as {order}, as {shown(shows[order][0].text)} shows",
                        sum(c.rows for c in cells), open_[0].text)  # fmt: skip
        _read(found, cells, order)
        return
    _leave_open(found, cells)


def _ask_two_digits(found: Meanings, cells: Sequence[_Cell], names: Sequence[str]) -> None:
    choice = " or ".join(f'date_format = "{name}"' for name in names)
    found.ask(
        "years have two digits, which may be taken for days",
        f"declare {choice} (00 to 49 are then 2000 to 2049), or write dates as yyyy-mm-dd",
        cells[0].text,
    )
    _leave_open(found, cells)


def _half_converted(found: Meanings, kinds: dict[str, list[_Cell]]) -> bool:
    """Whether a spreadsheet of another country turned those dates into its own that it could.

    It takes 03/04/2012 for its own order, changes day and month, and leaves 15/03/2012 as text. What it leaves is then
    above 12 in one part, and what it took is at most 12 in both.
    """
    taken = kinds.get("yyyy-mm-dd", [])
    left = [c for kind in ("a-b-y", *_DAY_MONTH) for c in kinds.get(kind, [])]
    if min(len(taken), len(left)) < _ENOUGH:
        return False
    if max(c.form.parts[2] for c in taken) > 12 or min(max(c.form.parts[:2]) for c in left) <= 12:
        return False
    found.ask(
        f"a spreadsheet seems to have changed day and month of part of the dates: all like {shown(taken[0].text)} have "
        f"days up to 12, all like {shown(left[0].text)} have one part above 12",
        "export the column again as text, or with every date as yyyy-mm-dd",
        taken[0].text,
    )
    for cells in kinds.values():
        _leave_open(found, cells)
    return True


def _note_forms(found: Meanings, kinds: dict[str, list[_Cell]]) -> None:
    read = sorted(kind for kind in kinds if kind in READERS or kind == "a-b-y")
    if len(read) > 1:
        names = ["dd/mm/yyyy or mm/dd/yyyy" if k == "a-b-y" else k for k in read]
        found.noted(f"dates are written in {len(names)} ways: {', '.join(names)}", None,
                    *(kinds[k][0].text for k in read))  # fmt: skip
    for kind, cells in kinds.items():
        for cell in cells:
            if cell.form.float_form:
                found.noted("'.0' after a date was cut", cell.rows, cell.text)
            if kind in ("ddmmyyyy", "yymm") and len(cell.form.digits) < len(kind):
                found.noted(f"leading zeros were put back: {kind}", cell.rows, cell.text)
        if kind in ("dd/mm/yy", "mm/dd/yy", "dd-mon-yy", "yymm"):
            found.noted("two-digit years were read as 1950 to 2049", sum(c.rows for c in cells),
                        cells[0].text)  # fmt: skip
        if kind == "yyyy" and len(read) > 1:
            found.noted("some dates hold only a year, so their month is missing",
                        sum(c.rows for c in cells), cells[0].text)  # fmt: skip


def _said(found: Day | None) -> str:
    """A date in words, so that two readings of one text look as different as they are."""
    if found is None:
        return "no date"
    month = "" if found.month is None else f"{ENGLISH[found.month - 1]} "
    return f"{'' if found.day is None else f'{found.day} '}{month}{found.year}"


def _why_not_plain(cell: _Cell) -> str:
    if cell.form.form == "mon-yy":
        return ("the two digits may be a day or a year; a spreadsheet makes such texts from codes and dates "
                "alike")  # fmt: skip
    return _serial_day(cell.text) or _why_no_date(cell.text)


def _serial_day(text: str) -> str | None:
    if not _SERIAL.fullmatch(text):
        return None
    day = date(1899, 12, 30) + timedelta(days=int(text[:5]))
    return f"expected a date; this may be a spreadsheet's day number, {day.isoformat()}"


def _why_no_date(text: str) -> str:
    if _QUARTER.fullmatch(text):
        return "this is a quarter, of which the month is unknown"
    if _LOST_OCTOBER.fullmatch(text):
        return "this may be January, or October whose last zero was lost in a spreadsheet"
    if text[:1] in ("=", "@"):
        return "expected a date; this looks like a formula"
    return _serial_day(text) or "expected a date"


_YEAR = re.compile(r"(\d{4})(\.0+)?", re.ASCII)
_MONTH = re.compile(r"(0?[1-9]|1[0-2])(\.0+)?", re.ASCII)


def understand_years(
    texts: pd.Series,
    column: str = "year",
    *,
    earliest: int = EARLIEST,
    latest: int = LATEST,
    empty_allowed: bool = False,
) -> Understood:
    """Understand a column of years; the part is named as the column.

    Parameters
    ----------
    texts : Series
        Index: distinct texts as received; values: rows.
    column : str
        Canonical name, such as `year` or `birth_year`.
    earliest, latest : int
        Years outside are misread.
    empty_allowed : bool
        Whether an empty cell is missing rather than misread.

    Examples
    --------
    >>> found = understand_years(pd.Series([3, 1], index=["2012", "12"]))
    >>> found.meaning["year"].tolist(), found.misread["problem"].tolist()
    ([2012], ['a year of two digits'])
    """

    def read(text: str) -> int | str:
        match = _YEAR.fullmatch(text)
        if match is None:
            return _why_no_year(text)
        year = int(match[1])
        if earliest <= year <= latest:
            return year
        return f"the year {year} is not between {earliest} and {latest}"

    remedy = "write the year with four digits, such as 2012"
    return _whole_numbers(texts, column, read, remedy, empty_allowed)


def _why_no_year(text: str) -> str:
    if re.fullmatch(r"\d{2}", text, re.ASCII):
        return "a year of two digits"
    if re.fullmatch(r"\d[.,]\d{3}", text, re.ASCII):
        return "a year written with a thousands sign"
    form = date_text(text)
    if form is not None and (form.form != "digits" or len(form.digits) > 5):
        return "expected a year; this is a date, whose column is called date in the study"
    return "expected a year"


def understand_months(
    texts: pd.Series, column: str = "month", *, empty_allowed: bool = False
) -> Understood:
    """Understand a column of months, 1 to 12 or by name; the part is named as the column.

    Parameters
    ----------
    texts : Series
        Index: distinct texts as received; values: rows.
    column : str
        Canonical name.
    empty_allowed : bool
        Whether an empty cell is missing rather than misread.

    Examples
    --------
    >>> understand_months(pd.Series([3, 1], index=["03", "Agosto"])).meaning["month"].tolist()
    [3, 8]
    """

    def read(text: str) -> int | str:
        match = _MONTH.fullmatch(text)
        if match is not None:
            return int(match[1])
        return month_named(text) or "expected a month"

    return _whole_numbers(texts, column, read, "write a month from 1 to 12", empty_allowed)


def _whole_numbers(
    texts: pd.Series,
    column: str,
    read: Callable[[str], int | str],
    remedy: str,
    empty_allowed: bool,
) -> Understood:
    found = Meanings(column, {column: "Int64"})
    for raw, text, rows in by_text(texts):
        if not text:
            found.empty(raw, empty_allowed)
            continue
        number = read(text) if len(text) <= 40 else f"expected a {column}"
        if isinstance(number, str):
            found.misread(raw, number, remedy)
            continue
        found.means(raw, number)
        if "." in text and text[0].isdigit():
            found.noted("'.0' after a number was cut", rows, text)
    return found.understood()
