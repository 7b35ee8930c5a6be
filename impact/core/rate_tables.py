"""Declared tables of exchange rates and price levels: exact, one direction, nothing filled in.

A value that a table does not hold is absent. It is never carried forward, interpolated or taken from a
neighbour, since each of these is an estimate that the reader of an amount would not see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import Literal, get_args

from impact.core.errors import DataError, Fault, StudyError
from impact.core.notice import Notice

Quoted = Literal["currency_per_euro", "euro_per_currency"]
"""Which way a rate is quoted: 2,500 pesos per euro, or 0.0004 euros per peso."""

Kind = Literal["index", "inflation_pct"]
"""What a deflator is: a price level of any base, or yearly inflation in per cent."""

EURO = "EUR"
FIRST_YEAR, LAST_YEAR = 1900, 2100

_CODE = re.compile(r"[A-Z]{3}")
_DEAREST = (
    10  # euros; no currency unit has been worth as much, so a dearer one is a rate upside down
)
_MAGNITUDE = 15  # powers of ten on either side of 1 that a rate or price level may have
_JUMP = 50  # no currency moves by this factor from year to year; a redenomination or a slip does


@dataclass(frozen=True, slots=True)
class RateTable:
    """Yearly average exchange rates against the euro.

    Parameters
    ----------
    rates : mapping of (str, int) to Decimal
        (ISO 4217 code, year) -> rate.
    quoted : {"currency_per_euro", "euro_per_currency"}
        The direction, which must be declared.
    name : str
        What messages call the table; the file as the person knows it.

    Raises
    ------
    StudyError
        If the direction is none of the two.
    DataError
        If a code, a year or a rate cannot be one; every fault in one pass.

    Examples
    --------
    >>> from decimal import Decimal
    >>> table = RateTable({("COP", 2010): Decimal(2500)}, "currency_per_euro")
    >>> table.euros("COP", 2010), table.euros("COP", 2011), table.euros("EUR", 2011)
    (Fraction(1, 2500), None, Fraction(1, 1))
    """

    rates: Mapping[tuple[str, int], Decimal]
    quoted: Quoted
    name: str = "exchange rates"

    def __post_init__(self) -> None:
        require_one_of("quoted", self.quoted, get_args(Quoted))
        faults = []
        for (currency, year), rate in self.rates.items():
            wrong = code_problem(currency) or year_problem(year)
            wrong = wrong or rate_problem(currency, year, rate, self.quoted)
            if wrong:
                faults.append(Fault(*wrong, file=self.name, value=f"{currency} {year}: {rate}"))
        if faults:
            raise DataError("The table of exchange rates cannot be used.", faults)
        object.__setattr__(self, "rates", MappingProxyType(dict(self.rates)))

    def euros(self, currency: str, year: int) -> Fraction | None:
        """Give the euros that one unit of a currency is worth in a year, exactly; None where unknown.

        The euro is worth one euro in any year and needs no entry.
        """
        if currency == EURO:
            return Fraction(1)
        rate = self.rates.get((currency, year))
        return None if rate is None else _in_euros(rate, self.quoted)

    def notices(self) -> list[Notice]:
        """Say where a rate jumps so far from one year to the next that the unit must be another one."""
        said = []
        for currency, series in _by_key(self.rates).items():
            for (before, old), (year, new) in pairwise(series):
                if _jumps(Fraction(new) / Fraction(old)):
                    said.append(Notice(
                        f"the rate of {currency} goes from {old:f} in {before} to {new:f} in {year}; "
                        "if the currency was redenominated, check that the amounts of each year stand "
                        "in the unit that its rate is quoted in", file=self.name))  # fmt: skip
        return said


@dataclass(frozen=True, slots=True)
class DeflatorTable:
    """Yearly price levels, or yearly inflation from which they are chained.

    Parameters
    ----------
    values : mapping of (str, int) to Decimal
        (area or currency, year) -> price level of any base, or inflation over the year before in %.
    kind : {"index", "inflation_pct"}
        Which of the two.
    name : str
        What messages call the table.

    Raises
    ------
    StudyError
        If the kind is none of the two.
    DataError
        If a year, a price level or an inflation cannot be one; every fault in one pass.

    Examples
    --------
    >>> from decimal import Decimal
    >>> table = DeflatorTable({("EMU", 2014): Decimal(25), ("EMU", 2015): Decimal(60)}, "inflation_pct")
    >>> table.ratio("EMU", 2015, 2013), table.ratio("EMU", 2013, 2015)
    (Fraction(2, 1), Fraction(1, 2))
    >>> table.missing("EMU", 2016, 2012)
    [2013, 2016]
    """

    values: Mapping[tuple[str, int], Decimal]
    kind: Kind
    name: str = "deflators"

    def __post_init__(self) -> None:
        require_one_of("kind", self.kind, get_args(Kind))
        faults = []
        for (area, year), value in self.values.items():
            wrong = year_problem(year) or deflator_problem(value, self.kind)
            if wrong:
                faults.append(Fault(*wrong, file=self.name, value=f"{area} {year}: {value}"))
        if faults:
            raise DataError("The table of deflators cannot be used.", faults)
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    def areas(self) -> list[str]:
        """Areas that the table has, sorted."""
        return sorted({area for area, _ in self.values})

    def missing(self, area: str, base: int, year: int) -> list[int]:
        """Years that the table lacks to compare the prices of `year` with those of `base`.

        Inflation is needed for every year between the two, since one gap breaks the chain.
        """
        return [y for y in self._needed(base, year) if (area, y) not in self.values]

    def ratio(self, area: str, base: int, year: int) -> Fraction:
        """Give the price level of `base` over that of `year`, exactly.

        Raises
        ------
        KeyError
            If a year that is needed is missing; ask `missing` first.
        """
        needed = [Fraction(self.values[area, y]) for y in self._needed(base, year)]
        if not needed:
            return Fraction(1)
        if self.kind == "index":
            return needed[0] / needed[1]
        grown = Fraction(1)
        for inflation in needed:
            grown *= 1 + inflation / 100
        return grown if base > year else 1 / grown

    def _needed(self, base: int, year: int) -> list[int]:
        if base == year:
            return []  # the ratio is 1 whatever the price level
        return (
            [base, year]
            if self.kind == "index"
            else [*range(min(base, year) + 1, max(base, year) + 1)]
        )

    def notices(self) -> list[Notice]:
        """Say where the figures look like the other kind, or jump as no prices do."""
        said = []
        for area, series in _by_key(self.values).items():
            said += self._other_kind(area, [value for _, value in series])
            for before, year, change in _changes(series, self.kind):
                if _jumps(change):
                    said.append(Notice(
                        f"prices of {area} change by a factor of {float(change):,.4g} between {before} and "
                        f"{year}; check these two years", file=self.name))  # fmt: skip
        return said

    def _other_kind(self, area: str, values: list[Decimal]) -> list[Notice]:
        falls = any(3 * new < 2 * old for old, new in pairwise(values))
        if self.kind == "index" and falls:
            doubt = "falls by more than a third within a year; check that it is not yearly inflation in %"
        elif self.kind == "inflation_pct" and len(values) > 1 and median(values) > _MUCH_INFLATION:
            doubt = f"has a median of {median(values):f} %; check that it is not a price index"
        else:
            return []
        return [Notice(f"the {_WORD[self.kind]} of {area} {doubt}", file=self.name)]


_MUCH_INFLATION = 50
_WORD = {"index": "price level", "inflation_pct": "yearly inflation"}


def require_one_of(key: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is none of those allowed.

    Raises
    ------
    StudyError
        Naming the key and the words.
    """
    if value not in allowed:
        words = " or ".join(repr(w) for w in allowed)
        raise StudyError(f"{key} = {value!r} is not known; declare {words}.")


def code_problem(currency: str) -> tuple[str, str] | None:
    """Say why a text cannot be a currency code, and what to do; None where it can.

    Examples
    --------
    >>> code_problem("EUR") is None, code_problem("eur")[1]
    (True, "write 'EUR'")
    """
    if _CODE.fullmatch(currency):
        return None
    upper = currency.upper()
    remedy = f"write '{upper}'" if _CODE.fullmatch(upper) else "write a code such as COP or USD"
    return "this is not a currency code of three capital letters (ISO 4217)", remedy


def year_problem(year: int) -> tuple[str, str] | None:
    """Say why a number cannot be a year, and what to do; None where it can."""
    if FIRST_YEAR <= year <= LAST_YEAR:
        return None
    return f"the year lies outside {FIRST_YEAR}-{LAST_YEAR}", "write a calendar year such as 2015"


def rate_problem(currency: str, year: int, rate: Decimal, quoted: Quoted) -> tuple[str, str] | None:
    """Say why a number cannot be an exchange rate, and what to do; None where it can."""
    wrong = _magnitude_problem("an exchange rate", rate)
    if wrong:
        return wrong
    euros = _in_euros(rate, quoted)
    if currency == EURO and euros != 1:
        return "the euro is worth one euro", "leave EUR out of the table of rates"
    if euros > _DEAREST:
        other = next(q for q in get_args(Quoted) if q != quoted)
        return (
            f"read as {quoted}, one {currency} would be worth {float(euros):,.6g} euros in {year}, "
            "and no currency is worth as much",
            f'are the rates quoted as "{other}", or in another unit?',
        )
    return None


def deflator_problem(value: Decimal, kind: Kind) -> tuple[str, str] | None:
    """Say why a number cannot be a price level or an inflation, and what to do; None where it can."""
    if kind == "index":
        return _magnitude_problem("a price level", value)
    if not isinstance(value, Decimal):
        return _INEXACT
    if not value.is_finite() or not -100 < value < Decimal(10) ** _MAGNITUDE:
        return (
            "yearly inflation in % must be a number above -100",
            "write 2.5 for 2.5 %, and leave out a year that is unknown",
        )
    if value and value.adjusted() < _LEAST:
        return "yearly inflation cannot be this small", "write 0 where prices did not change"
    return None


_INEXACT = ("the number is not exact", "give it as decimal.Decimal, made from its text")
_LEAST = -30  # powers of ten; far below what a float that was written as text would show


def _magnitude_problem(what: str, value: Decimal) -> tuple[str, str] | None:
    if not isinstance(value, Decimal):
        return _INEXACT
    if not value.is_finite() or value <= 0:
        return (
            f"{what} must be a number above 0",
            "correct it, or leave out a year that is unknown",
        )
    if not -_MAGNITUDE <= value.adjusted() < _MAGNITUDE:
        return f"{what} cannot be this large or small", "check the number and its unit"
    return None


def _in_euros(rate: Decimal, quoted: Quoted) -> Fraction:
    exact = Fraction(rate)
    return 1 / exact if quoted == "currency_per_euro" else exact


def _by_key(values: Mapping[tuple[str, int], Decimal]) -> dict[str, list[tuple[int, Decimal]]]:
    """Series by currency or area, each in the order of its years."""
    series: dict[str, list[tuple[int, Decimal]]] = {}
    for (key, year), value in sorted(values.items(), key=lambda item: item[0]):
        series.setdefault(key, []).append((year, value))
    return series


def _changes(series: list[tuple[int, Decimal]], kind: Kind) -> list[tuple[int, int, Fraction]]:
    if kind == "inflation_pct":
        return [(year - 1, year, 1 + Fraction(value) / 100) for year, value in series]
    return [(a, b, Fraction(new) / Fraction(old)) for (a, old), (b, new) in pairwise(series)]


def _jumps(ratio: Fraction) -> bool:
    return ratio > _JUMP or ratio < Fraction(1, _JUMP)
