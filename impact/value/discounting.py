"""Money of different years: discount factors, net present value, the internal rate of return."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.inference import FloatArray
from impact.value.polynomial_roots import roots_between
from impact.value.priors import is_number

Flows: TypeAlias = "Mapping[int, float] | pd.Series"
"""Amounts by calendar year; costs below zero."""

LOWEST, HIGHEST = -0.99, 10.0
"""Yearly rates between which an internal rate is looked for."""

_GROWTH = (Fraction(1, 100), Fraction(11))
"""The same as factors of growth, 1 + rate, exact."""


def discount_factor(year: float, *, base_year: int, rate: float, mid_year: bool = False) -> float:
    """What one unit of money of a year is worth in the base year: `(1 + rate)^-(year - base_year)`.

    Parameters
    ----------
    year : float
    base_year : int
    rate : float
        Yearly, 0.03 for 3 %.
    mid_year : bool
        Whether money flows in the middle of its year, half a year later.

    Examples
    --------
    >>> round(discount_factor(2012, base_year=2010, rate=0.03), 6)
    0.942596
    >>> round(discount_factor(2012, base_year=2010, rate=0.03, mid_year=True), 6)
    0.928767
    """
    late = 0.5 if mid_year else 0.0
    return float((1.0 + rate) ** -(year - base_year + late))


def discount_factors(
    years: npt.NDArray[np.integer], *, base_year: int, rate: float, mid_year: bool = False
) -> FloatArray:
    """The same for an array of years."""
    late = 0.5 if mid_year else 0.0
    factors: FloatArray = (1.0 + rate) ** -(years.astype(np.float64) - base_year + late)
    return factors


def net_present_value(
    flows: Flows, *, rate: float, base_year: int | None = None, mid_year: bool = False
) -> float:
    """Sum of yearly amounts, each discounted to the base year; the first year where missing.

    Raises
    ------
    DataError
        No flows, years or amounts that are no numbers, a rate that is not above -1.

    Examples
    --------
    >>> round(net_present_value({2010: -100.0, 2011: 60.0, 2012: 60.0}, rate=0.1), 4)
    4.1322
    """
    known = _checked(flows, rate)
    base = min(known) if base_year is None else base_year
    return math.fsum(
        amount * discount_factor(year, base_year=base, rate=rate, mid_year=mid_year)
        for year, amount in known.items()
    )


@dataclass(frozen=True, slots=True)
class InternalRate:
    """The yearly rate at which flows are worth nothing; missing, with the reason, where there is none or more than one."""

    rate: float
    reason: str = ""


def internal_rate_of_return(flows: Flows) -> InternalRate:
    """The one rate between -99 % and 1,000 % at which the net present value is zero.

    Parameters
    ----------
    flows : mapping or Series of int to float
        Amounts by year, costs below zero. Amounts of the same year are added up.

    Returns
    -------
    InternalRate
        Flows of one sign have no rate; flows that change sign more than once may have several, of which none is the answer.

    Raises
    ------
    DataError
        No flows, or years and amounts that are no numbers.

    Notes
    -----
    With `x = 1 + rate` the flows are a polynomial in `x`, whose roots are counted exactly (Sturm 1829): two rates that lie close together, and one that the
    net present value only touches, are found as well.

    Examples
    --------
    >>> round(internal_rate_of_return({2010: -100.0, 2011: 60.0, 2012: 60.0}).rate, 6)
    0.130662
    >>> internal_rate_of_return({2010: -100.0, 2011: -5.0}).reason
    'the flows never change sign'
    """
    known = _checked(flows)
    signs = {math.copysign(1.0, amount) for amount in known.values() if amount}
    if len(signs) < 2:
        return InternalRate(math.nan, "the flows never change sign")
    years = range(min(known), max(known) + 1)
    found = roots_between([Fraction(known.get(year, 0.0)) for year in years], *_GROWTH)
    rates = [float(growth - 1) for growth in found]
    if len(rates) == 1:
        return InternalRate(rates[0])
    if not rates:
        return InternalRate(
            math.nan,
            f"no rate between {100 * LOWEST:g} % and {100 * HIGHEST:,.0f} % makes the flows worth nothing",
        )
    return InternalRate(math.nan, f"several rates make the flows worth nothing: {_apart(rates)}")


def _apart(rates: list[float]) -> str:
    """The rates in per cent, with as many decimals as it takes to tell them apart."""
    for decimals in range(2, 15):
        said = [f"{100 * rate:.{decimals}f} %" for rate in rates]
        if len(set(said)) == len(said):
            break
    return ", ".join(said)


def _checked(flows: Flows, rate: float = 0.0) -> dict[int, float]:
    """Amounts by year, those of one year added up; every fault in one pass."""
    faults = []
    if not isinstance(flows, Mapping | pd.Series):
        fault = Fault("these are no flows", "give amounts by year, such as {2010: -100.0, 2011: 60.0}", value=flows)  # fmt: skip
        raise DataError("The flows cannot be valued.", [fault])
    if not is_number(rate) or rate <= -1:
        faults.append(Fault("a yearly rate lies above -1", "write 0.03 for 3 %", column="rate", value=rate))  # fmt: skip
    each: dict[int, list[float]] = defaultdict(list)
    for year, amount in flows.items():
        whole = is_number(year) and float(year) == math.floor(year)
        if not whole:
            faults.append(Fault("the year is not a whole number", "write a year such as 2012", value=year))  # fmt: skip
        if not is_number(amount):
            faults.append(Fault("the amount is not a finite number", "give a number", column=str(year), value=amount))  # fmt: skip
        if whole and is_number(amount):
            each[int(year)].append(float(amount))
    if not len(flows):
        faults.append(Fault("there are no flows", "give amounts by year"))
    if faults:
        raise DataError("The flows cannot be valued.", faults)
    return {year: math.fsum(amounts) for year, amounts in each.items()}
