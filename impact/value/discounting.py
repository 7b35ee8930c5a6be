"""Money of different years: discount factors, net present value, the internal rate of return."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq

from impact.core.errors import DataError, Fault
from impact.core.inference import FloatArray

Flows: TypeAlias = "Mapping[int, float] | pd.Series"
"""Amounts by calendar year; costs below zero."""

LOWEST, HIGHEST = -0.99, 10.0
"""Yearly rates between which an internal rate is looked for."""

_GRID = np.expm1(np.linspace(math.log1p(LOWEST), math.log1p(HIGHEST), 4_001))
_EXACT = 1e-14


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

    Examples
    --------
    >>> round(net_present_value({2010: -100.0, 2011: 60.0, 2012: 60.0}, rate=0.1), 4)
    4.1322
    """
    known = _checked(flows)
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
        Amounts by year, costs below zero.

    Returns
    -------
    InternalRate
        Flows of one sign have no rate; flows that change sign more than once may have several, of which none is the answer.

    Raises
    ------
    DataError
        No flows, or one that is not a finite number.

    Examples
    --------
    >>> round(internal_rate_of_return({2010: -100.0, 2011: 60.0, 2012: 60.0}).rate, 6)
    0.130662
    >>> internal_rate_of_return({2010: -100.0, 2011: -5.0}).reason
    'the flows never change sign'
    """
    known = _checked(flows)
    amounts = np.array([known[year] for year in sorted(known)])
    signs = np.sign(amounts[amounts != 0])
    if not len(signs) or (signs == signs[0]).all():
        return InternalRate(math.nan, "the flows never change sign")
    first = min(known)
    later = np.array([year - first for year in sorted(known)], dtype=np.float64)
    # Divided by the largest, so that neither huge nor tiny amounts leave the range of floats.
    scaled = amounts / np.abs(amounts).max()

    def worth(rate: float) -> float:
        return math.fsum(scaled * (1.0 + rate) ** -later)

    values = np.array([worth(float(rate)) for rate in _GRID])
    roots = [float(rate) for rate, value in zip(_GRID, values, strict=True) if value == 0.0]
    for at in np.flatnonzero(values[:-1] * values[1:] < 0):
        roots.append(float(brentq(worth, _GRID[at], _GRID[at + 1], xtol=_EXACT)))
    if len(roots) == 1:
        return InternalRate(roots[0])
    if not roots:
        return InternalRate(
            math.nan,
            f"no rate between {100 * LOWEST:g} % and {100 * HIGHEST:,.0f} % makes the flows worth nothing",
        )
    listed = ", ".join(f"{100 * rate:.2f} %" for rate in sorted(roots))
    return InternalRate(math.nan, f"several rates make the flows worth nothing: {listed}")


def _checked(flows: Flows) -> dict[int, float]:
    known = {int(year): float(amount) for year, amount in flows.items()}
    faults = [
        Fault("the amount is not a finite number", "give a number", column=str(year), value=amount)
        for year, amount in known.items()
        if not math.isfinite(amount)
    ]
    if not known:
        faults.append(Fault("there are no flows", "give amounts by year"))
    if faults:
        raise DataError("The flows cannot be valued.", faults)
    return known
