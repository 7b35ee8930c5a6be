"""Families of the extended two-way model: mean, link and loss, each with its canonical link.

Canonical links are what makes the counterfactual of a saturated cell the one of the firms that do not participate: the
score of a cell is then `sum of w (y - mean) z = 0`, which ties nothing else down (Wooldridge 2023, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from impact.core.errors import DataError, Fault
from impact.core.inference import FloatArray
from impact.estimate.firm_periods import FirmPeriods


@dataclass(frozen=True, slots=True)
class Family:
    """Functions of arrays of any shape.

    Attributes
    ----------
    mean : callable
        Mean of an index.
    slope : callable
        Derivative of the mean with respect to the index, from the mean.
    link : callable
        Index of a mean.
    loss : callable
        Minus the log-likelihood of `(y, index)`, up to what does not depend on the index.
    low, high : float
        Least and largest outcome; at a mean of either the index is not finite.
    said : str
        What is assumed of the years without the programme.
    """

    name: str
    mean: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    link: Callable[[FloatArray], FloatArray]
    loss: Callable[[FloatArray, FloatArray], FloatArray]
    low: float
    high: float
    said: str


def _expit(index: FloatArray) -> FloatArray:
    from scipy.special import expit

    return np.asarray(expit(index), dtype=np.float64)


def _soft(index: FloatArray) -> FloatArray:
    return np.asarray(np.logaddexp(0.0, index), dtype=np.float64)


FAMILIES = {
    "gaussian": Family(
        "gaussian",
        mean=lambda index: index,
        slope=np.ones_like,
        link=lambda mean: mean,
        loss=lambda y, index: 0.5 * (y - index) ** 2,
        low=-np.inf,
        high=np.inf,
        said="",
    ),
    "poisson": Family(
        "poisson",
        mean=lambda index: np.asarray(np.exp(index)),
        slope=lambda mean: mean,
        link=lambda mean: np.asarray(np.log(mean)),
        loss=lambda y, index: np.exp(index) - y * index,
        low=0.0,
        high=np.inf,
        said="without the programme, mean outcomes would have grown by the same per cent (exponential mean, zeros included)",
    ),
    "logit": Family(
        "logit",
        mean=_expit,
        slope=lambda mean: mean * (1.0 - mean),
        link=lambda mean: np.asarray(np.log(mean / (1.0 - mean))),
        loss=lambda y, index: _soft(index) - y * index,
        low=0.0,
        high=1.0,
        said="without the programme, the log odds would have moved alike",
    ),
}


def refuse_outside(data: FirmPeriods, family: Family, outcome: str) -> None:
    """Refuse outcomes that the family cannot have.

    Raises
    ------
    DataError
    """
    bad = np.argwhere((data.outcome < family.low) | (data.outcome > family.high))
    if not len(bad):
        return
    may = "0 or more" if family.name == "poisson" else "0 or 1, or a share between them"
    faults = [
        Fault(
            f"family '{family.name}' takes outcomes of {may}: firm {data.units[i]!s:.80}, period {data.periods[t]}",
            "correct the cell, or use family='gaussian'",
            column=outcome,
            value=float(data.outcome[i, t]),
        )
        for i, t in bad
    ]
    raise DataError("The outcome does not fit the family.", faults)
