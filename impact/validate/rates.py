"""Delivered tables of exchange rates and deflators: every row understood, or a fault that names it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from impact.core.errors import Fault
from impact.core.notice import Notice
from impact.core.rate_tables import (
    DeflatorTable,
    Kind,
    Quoted,
    RateTable,
    code_problem,
    deflator_problem,
    rate_problem,
    require_one_of,
    year_problem,
)
from impact.read.delimited import TextTable

Mark = Literal[".", ","]
"""The decimal mark of a table."""

_Problem = tuple[str, str] | None

_YEAR = re.compile(r"[0-9]{4}")
# [0-9] and not \d, which also finds the digits of other scripts; bounded, since a cell may hold megabytes
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")
_ONE_MARK = re.compile(r"[+-]?[0-9]{1,30}([.,])[0-9]{1,30}")
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")  # 2.500: with or without a fraction?
_BLANK = " \t\r\n\v\f\u00a0\u2007\u202f\ufeff\u200b\u200c\u200d\u2060"


def read_rates(
    table: TextTable,
    *,
    quoted: Quoted,
    columns: Mapping[str, str] | None = None,
    decimal: Mark | None = None,
    missing: Sequence[str] = (),
) -> tuple[RateTable | None, list[Fault], list[Notice]]:
    """Understand a table of yearly average exchange rates against the euro.

    Parameters
    ----------
    table : TextTable
        One row per year and currency.
    quoted : {"currency_per_euro", "euro_per_currency"}
        The direction of the rates.
    columns : mapping of str to str, optional
        `year`, `currency`, `rate` -> name in the file, where it differs.
    decimal : {".", ","}, optional
        The decimal mark; needed only where the column leaves it open.
    missing : sequence of str
        Cells that mean missing, besides the empty cell. A missing rate is no rate: amounts that need it
        are faults later.

    Returns
    -------
    RateTable or None
        None where there is a fault.
    list of Fault
        Every row that is a duplicate or has a bad code, year or rate.
    list of Notice
        Missing rates, and jumps that only a redenomination explains.

    Raises
    ------
    StudyError
        If `quoted` or `decimal` is a word that is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"year": ["2010", "2011"], "currency": ["COP", "COP"],
    ...                       "rate": ["2516.5", "0"]}, index=[2, 3])
    >>> made, faults, _ = read_rates(TextTable("rates.csv", "", cells), quoted="currency_per_euro")
    >>> print(faults[0])
    rates.csv, row 3, column 'rate', value '0': an exchange rate must be a number above 0. To mend: correct it, or leave out a year that is unknown.
    """
    require_one_of("quoted", quoted, get_args(Quoted))
    names = {c: (columns or {}).get(c, c) for c in ("year", "currency", "rate")}
    layout = _Layout(table, names["year"], names["currency"], names["rate"], None, missing)
    values, faults, notices = _read(
        layout, decimal, code_problem, lambda key, year, x: rate_problem(key, year, x, quoted)
    )
    if faults:
        return None, faults, notices
    made = RateTable(values, quoted, table.name)
    return made, [], [*notices, *made.notices()]


def read_deflators(
    table: TextTable,
    *,
    kind: Kind,
    columns: Mapping[str, str] | None = None,
    area: str | None = None,
    decimal: Mark | None = None,
    missing: Sequence[str] = (),
) -> tuple[DeflatorTable | None, list[Fault], list[Notice]]:
    """Understand a table of yearly price levels, or of yearly inflation in per cent.

    Parameters
    ----------
    table : TextTable
        One row per year and area.
    kind : {"index", "inflation_pct"}
        What the figures are; also the canonical name of their column.
    columns : mapping of str to str, optional
        `year`, `area`, and `index` or `inflation_pct` -> name in the file, where it differs. The area may
        be a country, a currency or any word; `Money.areas` says which one belongs to which currency.
    area : str, optional
        The one area of a table that has no column for it.
    decimal, missing
        As in `read_rates`.

    Returns
    -------
    DeflatorTable or None
        None where there is a fault.
    list of Fault
        Every row that is a duplicate or has no area, a bad year, or a figure that is none.
    list of Notice
        Missing figures, and figures that look like the other kind.

    Raises
    ------
    StudyError
        If `kind` or `decimal` is a word that is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"year": ["2010", "2011"], "index": ["95.5", "98"]}, index=[2, 3])
    >>> made, faults, _ = read_deflators(TextTable("hicp.csv", "", cells), kind="index", area="EUR")
    >>> float(made.ratio("EUR", 2011, 2010)), faults
    (1.0261780104712042, [])
    """
    require_one_of("kind", kind, get_args(Kind))
    named = columns or {}
    key = named.get("area", "area")
    if area is None and "area" not in named and key not in table.cells:
        key = "currency" if "currency" in table.cells else key
    names = named.get("year", "year"), key, named.get(kind, kind)
    layout = _Layout(table, *names, area, missing)
    values, faults, notices = _read(
        layout, decimal, _area_problem, lambda _key, _year, x: deflator_problem(x, kind)
    )
    if faults:
        return None, faults, notices
    made = DeflatorTable(values, kind, table.name)
    return made, [], [*notices, *made.notices()]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where year, key (currency or area) and figure stand; `only` is the key of a table without one."""

    table: TextTable
    year: str
    key: str
    figure: str
    only: str | None
    missing: Sequence[str]

    def faults(self) -> list[Fault]:
        wanted = [self.year, *([self.key] if self.only is None else []), self.figure]
        has = ", ".join(map(str, self.table.cells.columns))
        return [
            Fault("the column is missing", f"name the column that holds it; the file has: {has}",
                  file=self.table.name, row=1, column=column)
            for column in wanted
            if column not in self.table.cells
        ]  # fmt: skip

    def rows(self) -> list[tuple[int, str, str, str]]:
        """Row, year, key and figure, as text without outer blanks; a missing figure is empty."""
        cells = self.table.cells
        missing = {"", *self.missing}
        keys = [self.only] * len(cells) if self.only is not None else cells[self.key].tolist()
        rows = []
        for row, year, key, figure in zip(
            cells.index.tolist(), cells[self.year].tolist(), keys, cells[self.figure].tolist(),
            strict=True,
        ):  # fmt: skip
            text = figure.strip(_BLANK)
            text = "" if text in missing else text
            rows.append((int(row), year.strip(_BLANK), key.strip(_BLANK), text))
        return rows

    def fault(self, row: int, column: str, problem: tuple[str, str], value: str) -> Fault:
        return Fault(*problem, file=self.table.name, row=row, column=column, value=value)


def _read(
    layout: _Layout,
    decimal: Mark | None,
    key_problem: Callable[[str], _Problem],
    figure_problem: Callable[[str, int, Decimal], _Problem],
) -> tuple[dict[tuple[str, int], Decimal], list[Fault], list[Notice]]:
    """Figures by key and year, with every fault of every row."""
    if decimal is not None:
        require_one_of("decimal", decimal, get_args(Mark))
    faults = layout.faults()
    if faults:
        return {}, faults, []
    rows = layout.rows()
    mark, open_question = _decimal_mark(layout, [figure for *_, figure in rows], decimal)
    if open_question is not None:
        return {}, [open_question], []
    values: dict[tuple[str, int], Decimal] = {}
    first: dict[tuple[str, int], int] = {}
    empty = 0
    for row, year, key, figure in rows:
        wrong = _place_faults(layout, row, year, key, key_problem)
        number, found = _number(layout, row, figure, mark)
        faults += [*wrong, *found]
        if wrong:
            continue
        place = (key, int(year))
        if place in first:
            faults.append(layout.fault(row, layout.year, (
                f"{key} {year} stands in row {first[place]} already", "keep one row per year of each"),
                year))  # fmt: skip
            continue
        first[place] = row
        empty += not figure
        if number is None:
            continue
        problem = figure_problem(key, place[1], number)
        if problem:
            faults.append(layout.fault(row, layout.figure, problem, figure))
        values[place] = number
    return values, faults, _empty_notices(layout, empty)


def _place_faults(
    layout: _Layout, row: int, year: str, key: str, key_problem: Callable[[str], _Problem]
) -> list[Fault]:
    faults = []
    whole = _YEAR.fullmatch(year) is not None
    wrong = year_problem(int(year)) if whole else _NO_YEAR
    if wrong:
        faults.append(layout.fault(row, layout.year, wrong, year))
    wrong = key_problem(key)
    if wrong:
        faults.append(layout.fault(row, layout.key, wrong, key))
    return faults


_NO_YEAR = ("expected a year of four digits", "write the calendar year, such as 2015")


def _number(
    layout: _Layout, row: int, figure: str, mark: str
) -> tuple[Decimal | None, list[Fault]]:
    if not figure:
        return None, []
    plain = figure.replace(mark, ".") if mark == "," and "." not in figure else figure
    if (mark == "." or "." not in figure) and _NUMBER.fullmatch(plain):
        return Decimal(plain), []
    remedy = f"write the figure with the decimal mark '{mark}' and without thousands separators"
    problem = ("expected a number", f"{remedy}; leave the cell empty if it is unknown")
    return None, [layout.fault(row, layout.figure, problem, figure)]


def _decimal_mark(
    layout: _Layout, figures: Sequence[str], declared: Mark | None
) -> tuple[str, Fault | None]:
    """The mark that was declared or that the column proves; else the question.

    `1.0945` proves the point, and `0.125` does, since no thousands begin with 0. A column in which every
    mark stands before exactly three digits proves nothing.
    """
    if declared is not None:
        return declared, None
    found = [(figure, m[1]) for figure in figures if (m := _ONE_MARK.fullmatch(figure))]
    proven = {mark for figure, mark in found if not _GROUPED.fullmatch(figure)}
    if len(proven) == 1:
        return proven.pop(), None
    if not found:
        return ".", None
    if not proven:
        problem = (
            "every mark stands before three digits: it may part thousands or begin the decimals"
        )
    else:
        problem = "both '.' and ',' stand before decimals"
    question = 'which is the decimal mark? Declare decimal = "." or decimal = ","'
    return ".", Fault(f"{problem}, and it is not guessed", question, file=layout.table.name,
                      column=layout.figure, value=found[0][0])  # fmt: skip


_LONGEST = 80


def _area_problem(area: str) -> _Problem:
    if not area:
        return "the area is empty", "name the country, area or currency"
    if len(area) > _LONGEST or not area.isprintable():
        return "this is no name of an area", "name the country, area or currency in a few letters"
    return None


def _empty_notices(layout: _Layout, empty: int) -> list[Notice]:
    if not empty:
        return []
    return [Notice("figures are missing and are left missing; amounts that need one are refused",
                   file=layout.table.name, column=layout.figure, rows=empty)]  # fmt: skip
