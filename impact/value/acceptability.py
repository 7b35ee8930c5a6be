"""How likely a unit cost no more than a price: the cost-effectiveness acceptability curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray, infer

if TYPE_CHECKING:
    from impact.value.cost_effectiveness import ValueResult

_POINTS = 81


def acceptability(
    value: ValueResult, thresholds: Sequence[float] | None = None, outcome: str | None = None
) -> pd.DataFrame:
    """The share of what the data allow in which one unit costs no more than a price.

    Parameters
    ----------
    value : ValueResult
    thresholds : sequence of float, optional
        Prices of one unit, above zero, in the currency of the costs; 80 up to four times the cost per unit where missing.
    outcome : str, optional
        A stock or an event of the account; the first where missing.

    Returns
    -------
    DataFrame
        `threshold, probability, currency, label`.

    Raises
    ------
    EstimationError
        An outcome in money, or without a standard error; prices that are not above zero.

    Notes
    -----
    At a price p the net benefit is `p J - C`, which is defined whatever the sign of J, where C / J is not (van Hout et al. 1994; Fenwick, O'Brien
    and Briggs 2004). The curve is the normal probability that it is not below zero, a one-sided p-value read the other way: a probability
    of the estimate and not of a price. It levels off at the probability that the effect is positive, which may be far below 1.

    Examples
    --------
    >>> bool(_at_least_zero(1.0, 0.5) > 0.97)
    True
    """
    table = value.table[value.table["term"] == "cost_per_unit"]
    if outcome is not None:
        table = table[table["outcome"] == outcome]
    if table.empty:
        raise EstimationError(
            "An acceptability curve is of the cost of a unit (jobs, new exporters); this account has no such outcome"
            + (f" named {outcome!r}." if outcome is not None else ".")
        )
    line = table.iloc[0]
    rows = value.table[value.table["outcome"] == line["outcome"]].set_index("term")
    units = rows.loc["total_at_horizon"]
    if units["kind"] == "undefined":
        raise EstimationError(
            "The total has no standard error, so that no probability can be given."
        )
    cost = value.table.set_index("term").loc["cost"]
    prices = _prices(thresholds, float(cost["estimate"]), units)
    cost_error = 0.0 if math.isnan(cost["std_error"]) else float(cost["std_error"])
    benefit = prices * float(units["estimate"]) - float(cost["estimate"])
    error = np.hypot(prices * float(units["std_error"]), cost_error)
    return pd.DataFrame(
        {
            "threshold": prices,
            "probability": [_at_least_zero(b, s) for b, s in zip(benefit, error, strict=True)],
            "currency": line["currency"],
            "label": f"probability that one unit costs no more: {line['label']}",
        }
    )


def _at_least_zero(value: float, error: float) -> float:
    """Normal probability that a number estimated with an error is not below zero."""
    two_sided = float(infer([value], [error])["p_value"].iloc[0])
    if math.isnan(two_sided):
        return float(value >= 0)
    return 1 - two_sided / 2 if value > 0 else two_sided / 2


def _prices(thresholds: Sequence[float] | None, cost: float, units: pd.Series) -> FloatArray:
    if thresholds is None:
        # Where zero is allowed there is no cost per unit to take as a scale; the far end of the interval gives one.
        scale = max(float(units["estimate"]), float(units["conf_high"]) / 2)
        if scale <= 0:
            raise EstimationError(
                "The effect is below zero: give thresholds, such as [10_000, 20_000]."
            )
        return np.linspace(0.0, 4 * cost / scale, _POINTS)[1:]
    try:
        prices = np.asarray(thresholds, dtype=np.float64)
    except (TypeError, ValueError):
        prices = np.array([])
    if prices.ndim != 1 or not prices.size or not (np.isfinite(prices) & (prices > 0)).all():
        raise EstimationError(
            f"thresholds are {thresholds!r}; give prices of one unit above zero, such as [10_000, 20_000]."
        )
    return np.sort(prices)
