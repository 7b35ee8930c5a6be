"""Uncertain amounts and what is printed of them: the interval of a total, of a quotient, of a price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from impact.core.inference import FloatArray, infer, quantile_interval
from impact.display.digits import number_text
from impact.value.additionality import Additionality
from impact.value.gross import GrossToNet
from impact.value.ratio import ratio

Inference = dict[str, Any]
"""`estimate` to `conf_high`, `kind`, `interval`."""


@dataclass(frozen=True, slots=True, eq=False)
class Amount:
    """An amount with its uncertainty.

    Attributes
    ----------
    value : float
    std_error : float
        0 for what was counted or paid, missing where it is not known.
    draws : array or None
        Where the amount is not close to normal; its interval is then of their quantiles.
    """

    value: float
    std_error: float
    draws: FloatArray | None = None

    def times(self, factor: float) -> Amount:
        """The amount in another unit, or a share of it."""
        drawn = None if self.draws is None else self.draws * factor
        return Amount(self.value * factor, self.std_error * abs(factor), drawn)

    def less(self, known: Amount) -> Amount:
        """The difference of two independent amounts."""
        error = math.hypot(self.std_error, known.std_error)
        if self.draws is None and known.draws is None:
            return Amount(self.value - known.value, error)
        size = len(self.draws if self.draws is not None else known.draws)  # type: ignore[arg-type]
        return Amount(self.value - known.value, error, self._drawn(size, 0) - known._drawn(size, 1))

    def _drawn(self, size: int, stream: int) -> FloatArray:
        if self.draws is not None:
            return self.draws
        normal = np.random.default_rng([stream, size]).standard_normal(size)
        return np.asarray(self.value + self.std_error * normal, dtype=np.float64)


def after(
    amount: Amount, additionality: Additionality | GrossToNet, *, draws: int, seed: int
) -> Amount:
    """An effect after leakage, displacement, substitution and multiplier, which are independent of it.

    The standard error is that of a product of independent numbers; where one of the factors is a prior, the interval is of draws of effect x
    priors.
    """
    factor = additionality.factor
    if not additionality.uncertain:
        return amount.times(factor)
    if math.isnan(amount.std_error):
        return Amount(amount.value * factor, math.nan)
    spread = additionality.variance
    variance = factor**2 * amount.std_error**2 + (amount.value**2 + amount.std_error**2) * spread
    normal = np.random.default_rng([seed, 1]).standard_normal(draws)
    drawn = (amount.value + amount.std_error * normal) * additionality.draws(draws, seed)
    return Amount(amount.value * factor, math.sqrt(variance), drawn)


def known(value: float) -> Inference:
    """A number that was counted or paid: it has no sampling error, and no interval is made up."""
    row = infer([value], [math.nan]).iloc[0].to_dict()
    return {**row, "kind": "known", "interval": "no interval: not an estimate"}


def plain(amount: Amount, conf_level: float, df: float | None) -> Inference:
    """An amount with its interval: t or normal, or the quantiles of its draws."""
    found = infer([amount.value], [amount.std_error], conf_level=conf_level, df=df)
    row = found.iloc[0].to_dict()
    if math.isnan(row["std_error"]):
        return {**row, "kind": "undefined", "interval": "no interval"}
    if amount.draws is not None:
        low, high = quantile_interval(amount.draws, conf_level)
        # A p-value would be of effect and priors together, and is of neither.
        row |= {"conf_low": low, "conf_high": high, "statistic": math.nan, "p_value": math.nan}
    words = f"{number_text(row['conf_low'])} to {number_text(row['conf_high'])}"
    return {**row, "kind": "bounded", "interval": words}


def quotient(amount: Amount, cost: Amount, conf_level: float, df: float | None) -> Inference:
    """An amount per unit of cost; Fieller's set where the cost is uncertain, too."""
    if cost.std_error == 0:
        return plain(amount.times(1 / cost.value), conf_level, df)
    if amount.draws is not None:
        drawn = amount.draws / cost._drawn(len(amount.draws), 2)
        value = amount.value / cost.value
        error = math.hypot(amount.std_error, value * cost.std_error) / cost.value
        return plain(Amount(value, error, drawn), conf_level, df)
    found = ratio(
        (amount.value, amount.std_error), (cost.value, cost.std_error), conf_level=conf_level, df=df
    )
    row = found.tidy().iloc[0].to_dict()
    wanted = (
        "estimate",
        "std_error",
        "statistic",
        "p_value",
        "conf_low",
        "conf_high",
        "kind",
        "interval",
    )
    return {name: row[name] for name in wanted}


def price(cost: Amount, units: Amount, conf_level: float, df: float | None) -> Inference:
    """Cost per unit with Fieller's set; no number where the data do not support one."""
    nothing: Inference = infer([math.nan], [math.nan]).iloc[0].to_dict()
    undefined = {**nothing, "kind": "undefined", "interval": "no interval"}
    below = {**undefined, "interval": "not defined: the effect is below zero"}
    if units.draws is not None:
        return _drawn_price(cost, units, conf_level, nothing, below)
    found = ratio(
        (cost.value, cost.std_error), (units.value, units.std_error), conf_level=conf_level, df=df
    )
    if found.kind == "undefined":
        return undefined
    if found.kind == "bounded" and found.estimate < 0:
        # A bounded set below zero prices a loss; "minus 9,000 per job" would read as a saving.
        return below
    row = found.tidy().iloc[0].to_dict()
    delta = _delta(row["estimate"], row["std_error"], conf_level, df)
    if found.kind == "complement" and cost.std_error == 0:
        # The cost is positive, so that only the branch above zero is a price; the other is a loss.
        row["interval"] = _no_upper(found.conf_low)
        row["conf_low"] = found.conf_low if math.isfinite(found.conf_low) else math.nan
    return {**nothing, **{k: row[k] for k in (*nothing, "kind", "interval")}, **delta}


def _delta(value: float, error: float, conf_level: float, df: float | None) -> dict[str, float]:
    """The delta method's interval of a price, beside Fieller's; missing where that has no upper bound, since it would be nonsense there."""
    row = infer([value], [error], conf_level=conf_level, df=df).iloc[0]
    return {"delta_low": float(row["conf_low"]), "delta_high": float(row["conf_high"])}


def _drawn_price(
    cost: Amount, units: Amount, conf_level: float, nothing: Inference, below: Inference
) -> Inference:
    """The set of prices is that of units per cost, turned over: what is not below zero in all but the tail has a price."""
    assert units.draws is not None
    low, high = quantile_interval(units.draws / cost._drawn(len(units.draws), 2), conf_level)
    turned = turned_price(low, high)
    if turned["kind"] == "undefined":
        return below
    if turned["kind"] == "complement":
        return {**nothing, **turned}
    value = cost.value / units.value
    error = value * math.hypot(units.std_error / units.value, cost.std_error / cost.value)
    return {**nothing, "estimate": value, "std_error": error, **turned}


def turned_price(low: float, high: float, per: float = 1.0) -> Inference:
    """The set of a price from an interval of units per cost: turned over, and without an upper bound where zero units are in it.

    Examples
    --------
    >>> turned_price(2.0, 4.0, per=100.0)["interval"], turned_price(-1.0, 4.0)["kind"]
    ('25.00 to 50.00', 'complement')
    """
    missing = {"conf_low": math.nan, "conf_high": math.nan}
    if high < 0:
        return {**missing, "kind": "undefined", "interval": "not defined: the effect is below zero"}
    if low <= 0:
        least = per / high if high > 0 else math.nan
        return {**missing, "conf_low": least, "kind": "complement", "interval": _no_upper(least)}
    ends = (per / high, per / low)
    words = f"{number_text(ends[0])} to {number_text(ends[1])}"
    return {"conf_low": ends[0], "conf_high": ends[1], "kind": "bounded", "interval": words}


def _no_upper(least: float) -> str:
    if not math.isfinite(least):
        return "no upper bound"
    return f"no upper bound (at least {number_text(least)} if the effect is positive)"
