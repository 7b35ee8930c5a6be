"""Amounts in several currencies as constant euros, by declared tables, in one of two named orders.

One factor per currency and year turns hundredths of the currency into euro cents. The factor is exact
until it is rounded once, to fifteen decimals; so Python, DuckDB and Spark multiply by the same number and
round the product the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Literal, get_args

import pandas as pd

from impact.core.errors import DataError, Fault, StudyError
from impact.core.notice import Notice
from impact.core.rate_tables import (
    EURO,
    DeflatorTable,
    RateTable,
    code_problem,
    require_one_of,
    year_problem,
)

Order = Literal["convert_then_deflate", "deflate_then_convert"]
"""Convert at the rate of the year and deflate with euro-area prices (exports, budgets), or deflate with the
prices of the currency's own area and convert at the rate of the base year (wages, sales)."""

_DECIMALS = (
    15  # with four digits before them a factor is DECIMAL(19, 15), and a product fits 38 digits
)
_LARGEST = 10**4
_SMALLEST = Fraction(1, 10**9)  # below it fewer than six digits of the factor would be left
_DIGITS = 18  # of an amount in hundredths
_CENT = Decimal("0.01")
_BIGINT = 2**63 - 1
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)  # half away from zero, as SQL rounds decimals


@dataclass(frozen=True, slots=True)
class Money:
    """How amounts become euros: the tables, the base year and the order.

    Parameters
    ----------
    rates : RateTable, optional
        Yearly average rates; not needed where every amount stands in euros.
    deflators : DeflatorTable, optional
        Price levels; needed with a base year.
    base_year : int, optional
        Year of the prices; nominal (current) euros where missing.
    order : {"convert_then_deflate", "deflate_then_convert"}, optional
        Must be declared with a base year.
    areas : mapping of str to str
        Currency -> area of the deflator table that holds its prices, where the table does not go by
        currency: `{"EUR": "EMU"}`.

    Raises
    ------
    StudyError
        If there is a base year without order or deflators, or a word is not known.

    Examples
    --------
    >>> from decimal import Decimal
    >>> rates = RateTable({("COP", 2010): Decimal(2500)}, "currency_per_euro")
    >>> prices = DeflatorTable({("EUR", 2010): Decimal(95), ("EUR", 2015): Decimal(100)}, "index")
    >>> money = Money(rates, prices, 2015, "convert_then_deflate")
    >>> money.factor("COP", 2010)
    Decimal('0.000421052631579')
    >>> to_cents(Decimal("1000000.00"), money.factor("COP", 2010))
    42105
    >>> print(money.label())
    constant 2015 euros, converted at yearly average rates, then deflated (euro area)
    """

    rates: RateTable | None = None
    deflators: DeflatorTable | None = None
    base_year: int | None = None
    order: Order | None = None
    areas: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.order is not None:
            require_one_of("order", self.order, get_args(Order))
        if self.base_year is None:
            return
        wrong = year_problem(self.base_year)
        if wrong:
            raise StudyError(f"The base year {self.base_year} cannot be one: {wrong[0]}.")
        if self.deflators is None:
            raise StudyError(
                f"Prices of {self.base_year} are asked for and no table of deflators is declared."
            )
        require_one_of("order", self.order, get_args(Order))

    def factor(self, currency: str, year: int) -> Decimal:
        """Give the euros, of the base year, that one unit of a currency was worth in a year.

        Order "convert_then_deflate" is `1/e_t * P_EA(b)/P_EA(t)`, order "deflate_then_convert" is
        `P_L(b)/P_L(t) / e_b`, with `e` units of currency per euro; without a base year it is `1/e_t`.

        Returns
        -------
        Decimal
            Rounded once, half to even, to fifteen decimals.

        Raises
        ------
        DataError
            Naming every rate and price level that is missing.
        """
        factor, faults = self._factor(currency, year)
        if faults:
            raise DataError("An amount cannot be turned into euros.", faults)
        return factor

    def factors(self, pairs: Iterable[tuple[str, int]]) -> tuple[pd.DataFrame, list[Fault]]:
        """Give the factor of each currency and year that occurs.

        Parameters
        ----------
        pairs : iterable of (str, int)
            Currency and year of amounts; repeats do no harm.

        Returns
        -------
        DataFrame
            `currency, year, factor` (object of Decimal, below 10,000, fifteen decimals), sorted; the
            pairs that have a fault are left out.
        list of Fault
            Every missing rate and price level, once, by currency and year, with the table that lacks it.
        """
        rows: list[tuple[str, int, Decimal]] = []
        faults: dict[Fault, None] = {}  # in order, each once: a base year is missed by many years
        for currency, year in sorted({(str(c), int(y)) for c, y in pairs}):
            factor, found = self._factor(currency, year)
            faults |= dict.fromkeys(found)
            if not found:
                rows.append((currency, year, factor))
        frame = pd.DataFrame({
            "currency": pd.Series([c for c, _, _ in rows], dtype="str"),
            "year": pd.Series([y for _, y, _ in rows], dtype="int64"),
            "factor": pd.Series([f for _, _, f in rows], dtype="object"),
        })  # fmt: skip
        return frame, list(faults)

    def notices(self) -> list[Notice]:
        """What the tables hold that the reader of the amounts must know."""
        tables = [table for table in (self.rates, self.deflators) if table is not None]
        return [notice for table in tables for notice in table.notices()]

    def label(self) -> str:
        """Words for print."""
        rated = ", converted at yearly average rates" if self.rates is not None else ""
        if self.base_year is None:
            return f"current euros{rated}"
        if self.order == "convert_then_deflate":
            then = ", then deflated (euro area)" if rated else ", deflated (euro area)"
            return f"constant {self.base_year} euros{rated}{then}"
        then = f", then converted at the rate of {self.base_year}" if rated else ""
        return f"constant {self.base_year} euros, deflated (prices of each currency's area){then}"

    def column_suffix(self) -> str:
        """Unit at the end of a column name.

        Examples
        --------
        >>> Money().column_suffix()
        'eur'
        """
        return "eur" if self.base_year is None else f"eur_{self.base_year}"

    def _factor(self, currency: str, year: int) -> tuple[Decimal, list[Fault]]:
        wrong = code_problem(currency) or year_problem(year)
        if wrong:
            return Decimal(0), [Fault(*wrong, value=f"{currency} {year}")]
        at, prices = year, EURO
        if self.base_year is not None and self.order == "deflate_then_convert":
            at, prices = self.base_year, currency
        euros, faults = self._euros(currency, at)
        ratio, lacking = self._ratio(prices, year)
        if faults or lacking:
            return Decimal(0), [*faults, *lacking]
        return _rounded(euros * ratio, currency, year)

    def _euros(self, currency: str, year: int) -> tuple[Fraction, list[Fault]]:
        """Euros per unit of a currency in a year, or the fault that there is no rate."""
        if currency == EURO:
            return Fraction(1), []
        if self.rates is None:
            return Fraction(0), [Fault(
                f"amounts stand in {currency} and no exchange rates are declared",
                "name a table of yearly averages under [money]: rates = \"rates.csv\"", file="study.toml",
                column="money.rates", value=currency)]  # fmt: skip
        euros = self.rates.euros(currency, year)
        if euros is None:
            return Fraction(0), [Fault(
                f"there is no exchange rate of {currency} for {year}",
                f"add the yearly average of {year}; no rate is carried forward or interpolated",
                file=self.rates.name, value=f"{currency} {year}")]  # fmt: skip
        return euros, []

    def _ratio(self, currency: str, year: int) -> tuple[Fraction, list[Fault]]:
        """Prices of the base year over those of a year, where `currency` is paid."""
        if self.base_year is None or self.deflators is None:
            return Fraction(1), []
        table, area = self.deflators, self.areas.get(currency, currency)
        missing = table.missing(area, self.base_year, year)
        if not missing:
            return table.ratio(area, self.base_year, year), []
        return Fraction(0), self._unpriced(table, area, currency, missing)

    def _unpriced(
        self, table: DeflatorTable, area: str, currency: str, missing: list[int]
    ) -> list[Fault]:
        known = table.areas()
        if area not in known:
            return [Fault(
                f"there are no prices of '{area}', which bring {currency} to prices of {self.base_year}",
                f"add them, or declare which area of the table holds the prices of {currency} (it has: "
                f"{', '.join(known) or 'none'})", file=table.name, value=area)]  # fmt: skip
        what = "price level" if table.kind == "index" else "yearly inflation"
        return [
            Fault(f"there is no {what} of {area} for {y}, which brings {currency} to prices of "
                  f"{self.base_year}", f"add that of {y}; none is carried forward or interpolated",
                  file=table.name, value=f"{area} {y}")
            for y in missing
        ]  # fmt: skip


def to_cents(amount: Decimal, factor: Decimal) -> int:
    """Turn an amount into whole euro cents, half away from zero: the exact twin of what the engines compute.

    Parameters
    ----------
    amount : Decimal
        In units of its currency; it is taken to hundredths first, as the engines hold it.
    factor : Decimal
        Euros per unit, from `Money`.

    Returns
    -------
    int
        Euro cents.

    Raises
    ------
    DataError
        If the amount is no number, has more than 18 digits in hundredths, or overflows a BIGINT in
        cents; the engines refuse the same.

    Examples
    --------
    >>> to_cents(Decimal("0.10"), Decimal("0.45")), to_cents(Decimal("-0.10"), Decimal("0.45"))
    (5, -5)
    """
    fits = amount.is_finite() and (not amount or amount.adjusted() + 3 <= _DIGITS)
    hundredths = _EXACT.quantize(amount, _CENT) if fits else Decimal(0)
    euros = _EXACT.quantize(_EXACT.multiply(hundredths, factor), _CENT)
    cents = int(euros.scaleb(2, _EXACT))
    if not fits or abs(cents) > _BIGINT:
        raise DataError("An amount cannot be turned into cents.", [Fault(
            f"an amount has at most {_DIGITS} digits in hundredths, and euro cents fit a BIGINT",
            "check the amount and its unit", value=amount)])  # fmt: skip
    return cents


def _rounded(exact: Fraction, currency: str, year: int) -> tuple[Decimal, list[Fault]]:
    """A factor with fifteen decimals, or the fault that it does not fit them."""
    if _SMALLEST <= exact < _LARGEST:
        whole = round(exact * 10**_DECIMALS)  # a Fraction is rounded half to even, exactly
        return Decimal(whole).scaleb(-_DECIMALS, _EXACT), []
    size = "little" if exact < _SMALLEST else "much"
    return Decimal(0), [Fault(
        f"one {currency} of {year} would be worth {float(exact):.3g} euros, too {size} to be counted in "
        "cents", "check the rate and the price levels; is the unit of the currency the one in which "
        "amounts and rates stand?", value=f"{currency} {year}")]  # fmt: skip
