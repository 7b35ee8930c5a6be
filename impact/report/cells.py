"""The numbers that several exhibits print, made in one way."""

from __future__ import annotations

import pandas as pd

from impact.display.document import (
    Number,
)
from impact.report.analysis import Analysis, OutcomeEffects
from impact.report.study import OutcomeSection
from impact.value.cost_effectiveness import ValueResult

LOG = "log points"
"""Unit of outcomes in logarithms."""

RATIOS = ("per_unit_of_cost", "domestic_value_added_per_unit_of_cost", "benefit_cost_ratio")
"""Rows of an account that are euros per euro."""

FEW = 10
"""Participants under which the normal approximation is not to be trusted."""


def contains_zero(number: Number) -> bool:
    """Whether an interval contains zero; an undefined one cannot exclude it."""
    if number.low is None or number.high is None:
        return True
    return number.low <= 0 <= number.high


def estimate_number(row: pd.Series, outcome: OutcomeSection, what: str) -> Number:
    """An estimate of an outcome with its uncertainty and the firms behind it."""
    counts = [row.get("n_treated"), row.get("n_control")]
    n = row.get("n_units")
    if all(c is not None and not pd.isna(c) for c in counts):
        n = sum(int(c) for c in counts if c is not None)
    return Number(
        optional(row["estimate"]),
        f"{outcome.label}: {what}",
        3 if outcome.unit == LOG else 2,
        outcome.unit,
        None if n is None or pd.isna(n) else int(n),
        optional(row["std_error"]),
        optional(row["conf_low"]),
        optional(row["conf_high"]),
    )


def count_number(n: int | None, label: str) -> Number:
    """A count."""
    return Number(n, label, 0, "", n)


def optional(value: object) -> float | None:
    """A float, or None where it is missing."""
    return None if value is None or pd.isna(value) else float(value)  # type: ignore[arg-type]


def capital(text: str) -> str:
    """The text with a capital first letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def listed(parts: list[str]) -> str:
    """Parts as a list in a sentence."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def matched_adjective(analysis: Analysis) -> str:
    """What firms of the comparison are called: matched, or weighted where nobody stands for anybody."""
    return "weighted" if analysis.match.kind == "weights" else "matched"


def decimals_of(value: float) -> int:
    """How many decimals a declared number was written with."""
    return len(f"{value:.10f}".rstrip("0").partition(".")[2])


def overall_number(one: OutcomeEffects) -> Number:
    """The overall group-time effect of an outcome."""
    row = one.group_time.aggregate("overall").tidy().iloc[0]
    return estimate_number(row, one.outcome, "overall group-time effect")


def failed_pretrend(one: OutcomeEffects) -> Number | None:
    """The p-value of a pre-trend test that failed."""
    table = one.pretrends.tidy()
    bad = table[table["verdict"] == "fails"]
    if bad.empty:
        return None
    return Number(optional(bad["p_value"].iloc[0]), f"{one.outcome.label}: pre-trend test, p-value", 3,
                  floor=0.001)  # fmt: skip


def counted_outcome(value: ValueResult) -> str | None:
    """The first outcome of an account that is counted (jobs, new exporters), not added up in money."""
    counted = value.table.loc[value.table["term"] == "total_at_horizon", "outcome"]
    return None if counted.empty else str(counted.iloc[0])


def value_number(row: pd.Series, analysis: Analysis) -> Number:
    """A row of the value table; amounts of money and totals are printed without decimals, small ones and ratios with some."""
    value = optional(row["estimate"])
    size = 0.0 if value is None else abs(value)
    return Number(
        value,
        str(row["label"]),
        0 if size >= 100 else 1 if size >= 10 or row.get("term", row.name) not in RATIOS else 2,
        str(row["unit"]),
        int(row["n_units"]),
        optional(row["std_error"]),
        optional(row["conf_low"]),
        optional(row["conf_high"]),
        note=str(row["status"]),
    )
