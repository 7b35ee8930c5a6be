"""Benefits against all costs: benefit-cost ratio, net present value, internal rate of return."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from impact.core.inference import FloatArray, critical_value, infer
from impact.display.digits import number_text
from impact.value.amounts import Amount, Inference, plain, quotient
from impact.value.costs import TOTAL, present_variance
from impact.value.discounting import discount_factor, internal_rate_of_return
from impact.value.flows import lacks_error, standard_error
from impact.value.outcome_rows import Outcome, Terms, row

_RATES = np.expm1(np.linspace(math.log(0.02), math.log(11.0), 1_500))  # -98 % to 1,000 % a year
_ENDS = 1e-10


def social_cost(paid: pd.DataFrame, cost_of_public_funds: float) -> pd.DataFrame:
    """All costs by year and line, public ones raised by what a euro of tax costs beyond itself."""
    raised = np.where(paid["public"], 1.0 + cost_of_public_funds, 1.0)
    return paid.assign(
        amount=paid["amount"] * raised,
        present_value=paid["present_value"] * raised,
        std_error=paid["std_error"] * raised,
    )


def return_rows(
    benefit: Outcome, terms: Terms, paid: pd.DataFrame, cost_of_public_funds: float
) -> list[dict[str, Any]]:
    """Benefit-cost ratio, net present value and internal rate of return of an outcome in money.

    Notes
    -----
    The denominator is what all paid, whatever the denominator of the other rows: `C_public (1 + mcpf) + C_private`. The set of the internal
    rate is every rate at which the net present value cannot be told from zero, as Fieller's set is of ratios; it may be open.
    """
    social = social_cost(paid, cost_of_public_funds)
    value = math.fsum(social["present_value"])
    error = math.sqrt(present_variance(social, TOTAL))
    cost = Amount(value, error)
    gain = benefit.amount(benefit.yearly, terms)
    level, df = terms.joint.conf_level, terms.joint.df
    words = terms.words
    funds = (
        f" with {100 * cost_of_public_funds:g} % cost of public funds"
        if cost_of_public_funds
        else ""
    )
    whole = f"total cost{funds} ({words.currency}, {words.prices}{words.discounted}{', assumed' if paid['assumed'].any() else ''})"
    assumed = (
        terms.adjusted or benefit.assumed or cost_of_public_funds > 0 or bool(paid["assumed"].any())
    )
    status = "assumption" if assumed else "estimate"
    name = benefit.words.sum
    undiscounted = (
        f"{benefit.words.basis} {benefit.role.words} {benefit.words.span} against total cost{funds}"
    )
    of = f"{words.currency} of {whole}"
    rows = [
        row("benefit_cost_ratio", f"{words.currency} per {words.currency}", name, of, status, quotient(gain, cost, level, df)),
        row("net_present_value", words.currency, f"{name} less {whole}", "", status, plain(gain.less(cost), level, df)),
        row("internal_rate_of_return", "per cent per year", f"yearly rate at which {undiscounted} is worth nothing", "", status,
            _internal_rate(benefit, terms, social)),
    ]  # fmt: skip
    return [{**one, "outcome": benefit.role.name or benefit.role.unit} for one in rows]


def _internal_rate(benefit: Outcome, terms: Terms, social: pd.DataFrame) -> Inference:
    nothing: Inference = infer([math.nan], [math.nan]).iloc[0].to_dict()
    years, gains, spread = _by_year(benefit, terms)
    costs = social.groupby("year")["amount"].agg(math.fsum)
    undated = social.assign(discount_factor=1.0)
    errors = {year: present_variance(lines, TOTAL) for year, lines in undated.groupby("year")}
    every = sorted({*years, *map(int, costs.index)})
    flow = {y: -float(costs.get(y, 0.0)) for y in every}
    for year, gain in zip(years, gains, strict=True):
        flow[year] += float(gain)
    found = internal_rate_of_return(flow)
    if math.isnan(found.rate):
        return {**nothing, "kind": "undefined", "interval": f"not defined: {found.reason}"}
    estimate = {**nothing, "estimate": 100 * found.rate}
    if lacks_error(benefit.yearly):
        return {**estimate, "kind": "undefined", "interval": "no interval"}

    def beyond(rate: float) -> float:
        """|NPV| in standard errors, less the critical value; below zero inside the set."""
        to = {y: discount_factor(y, base_year=every[0], rate=rate) for y in every}
        present = math.fsum(flow[y] * to[y] for y in every)
        factor = np.array([to[y] for y in years])
        paid = math.fsum(float(errors.get(y, 0.0)) * to[y] ** 2 for y in every)
        error = standard_error(float(factor @ spread @ factor) + paid)
        return abs(present) / error - critical if error > 0 else math.nan

    critical = critical_value(terms.joint.conf_level, terms.joint.df)
    low, high = _edge(beyond, found.rate, _RATES[0]), _edge(beyond, found.rate, _RATES[-1])
    ends = {"conf_low": 100 * low, "conf_high": 100 * high}
    kind = "bounded" if math.isfinite(low) and math.isfinite(high) else "unbounded"
    text = " to ".join(
        [
            "no lower bound" if math.isnan(low) else number_text(100 * low),
            "no upper bound" if math.isnan(high) else number_text(100 * high),
        ]
    )
    return {**estimate, **ends, "kind": kind, "interval": text}


def _by_year(benefit: Outcome, terms: Terms) -> tuple[list[int], FloatArray, FloatArray]:
    """What is gained in each calendar year, undiscounted, and the covariance of the years."""
    frozen = Terms(
        terms.joint,
        terms.cost,
        terms.words,
        terms.additionality,
        0.0,
        False,
        terms.draws,
        terms.seed,
        None,
    )
    parts = [(int(str(year)), rows) for year, rows in benefit.yearly.groupby("time", sort=True)]
    w = np.array([benefit.weights(rows, frozen) for _, rows in parts])
    used = np.flatnonzero(w.any(axis=0))
    gains = w[:, used] @ terms.joint.estimate[used]
    covariance = w[:, used] @ terms.joint.vcov[np.ix_(used, used)] @ w[:, used].T
    factor, spread = terms.additionality.factor, terms.additionality.variance
    return (
        [year for year, _ in parts],
        factor * gains,
        factor**2 * covariance + spread * (np.outer(gains, gains) + covariance),
    )


def _edge(beyond: Any, inside: float, end: float) -> float:
    """Where the set ends on one side of the point; missing if it reaches the last rate looked at."""
    towards = _RATES[inside < _RATES] if end > inside else _RATES[inside > _RATES][::-1]
    last = inside
    for rate in map(float, towards):
        if not beyond(rate) < 0:
            return (
                float(brentq(beyond, last, rate, xtol=_ENDS))
                if math.isfinite(beyond(rate))
                else math.nan
            )
        last = rate
    return math.nan
