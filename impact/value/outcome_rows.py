"""The rows of one outcome: totals, what a million bought, what one unit cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from impact.core.inference import FloatArray
from impact.estimate.effect import EffectResult
from impact.value.additionality import Additionality
from impact.value.amounts import Amount, Inference, after, plain, price, quotient
from impact.value.flows import lacks_error, standard_error, weights
from impact.value.gross import GrossToNet
from impact.value.joint import Joint
from impact.value.labels import CostWords, OutcomeWords
from impact.value.roles import Role

PRIMARY = "total_per_million"
"""The row to read first of a stock or an event: it is well behaved even where the effect cannot be told from zero."""

PER_COST = "per_unit_of_cost"
"""The row to read first of money: euros of it per euro of cost."""

MILLION = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What all outcomes of an account share."""

    joint: Joint
    cost: Amount
    words: CostWords
    additionality: Additionality | GrossToNet
    rate: float
    mid_year: bool
    draws: int
    seed: int
    domestic_share: float | None

    @property
    def adjusted(self) -> bool:
        """Whether leakage, displacement, substitution or a multiplier was declared."""
        return self.additionality != Additionality()


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One outcome of the account: its effect, the years that count, the participants."""

    role: Role
    effect: EffectResult
    yearly: pd.DataFrame
    last: pd.DataFrame
    sizes: dict[int, int]
    words: OutcomeWords

    def weights(self, rows: pd.DataFrame, terms: Terms) -> FloatArray:
        """What each estimate weighs in the sum over rows; money is discounted, anything else is counted."""
        rate = terms.rate if self.role.kind == "money" else 0.0
        return weights(
            rows,
            self.sizes,
            length=len(terms.joint.estimate),
            offset=terms.joint.offset[self.role.name],
            rate=rate,
            base_year=terms.words.first_year,
            mid_year=terms.mid_year,
        )

    def amount(self, rows: pd.DataFrame, terms: Terms) -> Amount:
        """The sum over rows, after the additionality that was declared."""
        w = self.weights(rows, terms)
        error = float("nan") if lacks_error(rows) else standard_error(terms.joint.covariance(w, w))
        return after(
            Amount(terms.joint.total(w), error),
            terms.additionality,
            draws=terms.draws,
            seed=terms.seed,
        )

    @property
    def assumed(self) -> bool:
        """Whether a year of it is carried on, and not observed."""
        return bool(self.yearly["carried"].any())


def outcome_rows(outcome: Outcome, terms: Terms) -> list[dict[str, Any]]:
    """All rows of an outcome, the one to read first among them."""
    make = {"stock": _stock_rows, "money": _money_rows, "event": _event_rows}[outcome.role.kind]
    return [
        {**row, "outcome": outcome.role.name or outcome.role.unit} for row in make(outcome, terms)
    ]


def row(
    term: str,
    unit: str,
    numerator: str,
    denominator: str,
    status: str,
    numbers: Inference,
    *,
    each: str = "",
) -> dict[str, Any]:
    """One row; `each` is the denominator in the singular, where the label needs it."""
    label = f"{numerator} per {each or denominator}" if denominator else numerator
    return {
        "term": term,
        **numbers,
        "unit": unit,
        "label": label,
        "numerator": numerator,
        "denominator": denominator,
        "status": status,
    }


def _stock_rows(outcome: Outcome, terms: Terms) -> list[dict[str, Any]]:
    words, cost, paid = outcome.words, terms.words, terms.cost
    total = outcome.amount(outcome.last, terms)
    years = outcome.amount(outcome.yearly, terms)
    level, df = terms.joint.conf_level, terms.joint.df
    found, uses = _statuses(outcome, terms)
    million = f"1 million {cost.currency}"
    one, one_year = outcome.role.one, words.one_year
    return [
        row("total_at_horizon", outcome.role.unit, words.total, "", found, plain(total, level, df)),
        row("unit_years", words.unit_years, words.sum, "", found, plain(years, level, df)),
        row(PRIMARY, f"{outcome.role.unit} per {million}", words.total, f"{million} of {cost.cost}", uses,
            quotient(total.times(MILLION), paid, level, df)),
        row("unit_years_per_million", f"{words.unit_years} per {million}", words.sum, f"{million} of {cost.cost}", uses,
            quotient(years.times(MILLION), paid, level, df)),
        row("cost_per_unit", f"{cost.currency} per {one}", cost.cost, words.total, uses, price(paid, total, level, df),
            each=f"{words.basis} {one} {words.when}{words.adjusted}"),
        row("cost_per_unit_year", f"{cost.currency} per {one_year}", cost.cost, words.sum, uses, price(paid, years, level, df),
            each=f"{words.basis} {one}-year {words.span}{words.adjusted}"),
    ]  # fmt: skip


def _event_rows(outcome: Outcome, terms: Terms) -> list[dict[str, Any]]:
    words, cost, paid = outcome.words, terms.words, terms.cost
    total = outcome.amount(outcome.last, terms)
    level, df = terms.joint.conf_level, terms.joint.df
    found, uses = _statuses(outcome, terms)
    million = f"1 million {cost.currency}"
    return [
        row("total_at_horizon", outcome.role.unit, words.total, "", found, plain(total, level, df)),
        row(PRIMARY, f"{outcome.role.unit} per {million}", words.total, f"{million} of {cost.cost}", uses,
            quotient(total.times(MILLION), paid, level, df)),
        row("cost_per_unit", f"{cost.currency} per {outcome.role.one}", cost.cost, words.total, uses,
            price(paid, total, level, df), each=f"{words.basis} {outcome.role.one} {words.when}{words.adjusted}"),
    ]  # fmt: skip


def _money_rows(outcome: Outcome, terms: Terms) -> list[dict[str, Any]]:
    words, cost, paid = outcome.words, terms.words, terms.cost
    total = outcome.amount(outcome.yearly, terms)
    level, df = terms.joint.conf_level, terms.joint.df
    found, uses = _statuses(outcome, terms)
    unit, of = f"{cost.currency} per {cost.currency}", f"{cost.currency} of {cost.cost}"
    rows = [
        row("present_value", cost.currency, words.sum, "", found, plain(total, level, df)),
        row(PER_COST, unit, words.sum, of, uses, quotient(total, paid, level, df)),
    ]
    if terms.domestic_share is not None and outcome.role.name in ("exports", ""):
        share = (
            f"domestic value added in {words.sum} (declared share {100 * terms.domestic_share:g} %)"
        )
        domestic = quotient(total.times(terms.domestic_share), paid, level, df)
        rows.append(
            row("domestic_value_added_per_unit_of_cost", unit, share, of, "assumption", domestic)
        )
    return rows


def _statuses(outcome: Outcome, terms: Terms) -> tuple[str, str]:
    """Status of a total and of a quotient: what rests on an assumption says so."""
    found = "assumption" if outcome.assumed or terms.adjusted else "estimate"
    return found, "assumption" if terms.words.assumed else found
