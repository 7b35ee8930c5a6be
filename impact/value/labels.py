"""The words of an account, from which every label is made, so that no two labels can disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from impact.value.roles import UNIT, Role
from impact.value.totals import years_after


@dataclass(frozen=True, slots=True)
class CostWords:
    """What is said of the denominator."""

    currency: str
    funds: str
    prices: str
    discount: float
    mid_year: bool
    first_year: int
    assumed: bool

    @property
    def discounted(self) -> str:
        """How amounts were discounted; empty where they were not."""
        if not self.discount:
            return ""
        when = ", mid-year" if self.mid_year else ""
        return f", discounted to {self.first_year} at {100 * self.discount:g} %{when}"

    @property
    def cost(self) -> str:
        """The denominator: whose money, in which currency and prices, discounted how."""
        text = f"{self.funds} cost ({self.currency}, {self.prices}{self.discounted}"
        return text + (", assumed)" if self.assumed else ")")


@dataclass(frozen=True, slots=True)
class OutcomeWords:
    """What is said of one outcome."""

    role: Role
    basis: str
    horizon: int
    short: str
    span: str
    prices: str
    adjusted: str = ""

    @property
    def one_year(self) -> str:
        return f"{self.role.one}-year" if self.role.one != UNIT else f"{UNIT} and year"

    @property
    def unit_years(self) -> str:
        one = self.role.one
        return f"{one}-years" if one != UNIT else f"{self.role.unit}, years added up"

    @property
    def when(self) -> str:
        return f"{years_after(self.horizon)}{self.short}"

    @property
    def total(self) -> str:
        return f"{self.basis} {self.role.words} {self.when}{self.adjusted}"

    @property
    def sum(self) -> str:
        """The outcome added over years: unit-years, or money at its present value."""
        if self.role.kind == "money":
            return f"{self.basis} {self.role.words} {self.span}{self.prices}{self.adjusted}"
        return f"{self.basis} {self.unit_years} {self.span}{self.adjusted}"


def funds_text(denominator: str | Sequence[str]) -> str:
    """Whose money is in the denominator."""
    return denominator if isinstance(denominator, str) else " and ".join(denominator)


def short_text(rows: pd.DataFrame, horizon: int) -> str:
    """Which cohorts are counted before the horizon, or after what was observed of them."""
    each = [
        f"cohort {int(row.cohort)} {years_after(int(row.event_time))}, its last observed"
        for row in rows[(rows["event_time"] < horizon) & ~rows["carried"]].itertuples()
    ]
    each += [
        f"cohort {int(row.cohort)} {years_after(int(row.event_time))}, carried on at {100 * float(row.share):g} % of its last observed"
        for row in rows[rows["carried"]].itertuples()
    ]
    return f" ({'; '.join(each)})" if each else ""


def span_text(rows: pd.DataFrame, horizon: int) -> str:
    """Over which years an outcome is added, how many of them were observed, and how many are carried on."""
    number, carried = int((~rows["carried"]).sum()), int(rows["carried"].sum())
    years = f"{number} cohort-year{'s' if number > 1 else ''} observed"
    if carried:
        years += f", {carried} carried on"
    if horizon == 0:
        return f"in the year of joining ({years})"
    return f"from joining to {years_after(horizon)} ({years})"
