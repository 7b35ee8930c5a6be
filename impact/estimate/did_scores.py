"""One comparison of two groups over two periods: three estimators on arrays, with influence functions.

Everything here is free of panels, cohorts and names: `change` is the outcome's change between the two
periods, `treated` marks the participants, and each function returns the ATT and the influence of each
firm on it. Several changes that belong to the same firms and the same base period are columns of one
matrix, so that the propensity and outcome models are fitted once for all of them.

The influence functions are those of the panel estimators of Sant'Anna and Zhao (2020) in their
"traditional" form (logit by maximum likelihood, least squares on the comparison firms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.core.inference import FloatArray
from impact.design.propensity import independent_columns

BoolArray = npt.NDArray[np.bool_]

OVERLAP_LIMIT = 0.999
"""A fitted propensity at or above this among participants means that nobody is comparable."""

TRIM_LIMIT = 0.995
"""Comparison firms with a fitted propensity at or above this get weight 0, as in R DRDID."""

_SINGULAR = 1e-14  # smallest over largest eigenvalue of a cross-product that is still inverted
_NEWTON_STEPS = 60
_DEVIANCE_TOLERANCE = 1e-12


class NotIdentified(Exception):
    """The comparison cannot be made; the message is the reason, as a clause."""


@dataclass(frozen=True, slots=True)
class Score:
    """ATT of m changes, shape (m,), and the influence of n firms on each, shape (n, m)."""

    att: FloatArray
    influence: FloatArray
    trimmed: int = 0


def design_matrix(
    covariates: FloatArray, names: Sequence[str]
) -> tuple[FloatArray, list[tuple[str, str]]]:
    """Put a constant before standardised covariates, leaving out those that add nothing.

    Standardising changes no effect, and makes the numbers independent of the units of a covariate.

    Parameters
    ----------
    covariates : array, shape (n, p)
    names : sequence of str

    Returns
    -------
    array, shape (n, 1 + kept)
        The constant and the standardised independent covariates.
    list of (str, str)
        The covariates left out, and why.

    Examples
    --------
    >>> x = np.array([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0]])
    >>> design_matrix(x, ["size", "one"])[1]
    [('one', 'is constant')]
    """
    kept, dropped = independent_columns(covariates, names)
    columns = covariates[:, kept]
    if len(kept):
        columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    return np.column_stack([np.ones(len(covariates)), columns]), dropped


def regression(
    change: FloatArray, treated: BoolArray, weights: FloatArray, design: FloatArray
) -> Score:
    """Outcome regression: participants' change less the change predicted from comparison firms.

    Heckman, Ichimura and Todd (1997); influence function of R DRDID's `reg_did_panel`.

    Parameters
    ----------
    change : array, shape (n, m)
        Change of the outcome between base and target period.
    treated : array of bool, shape (n,)
    weights : array, shape (n,)
        Positive weights of any scale.
    design : array, shape (n, k)
        Constant and covariates at the base period.

    Raises
    ------
    NotIdentified
        If the comparison firms cannot carry the regression.

    Examples
    --------
    >>> y = np.array([[3.0], [5.0], [1.0], [2.0]])
    >>> d = np.array([True, True, False, False])
    >>> float(regression(y, d, np.ones(4), np.ones((4, 1))).att[0])
    2.5
    """
    weights = weights / weights.mean()
    outcome = _outcome_model(change, treated, weights, design)
    att, influence = _mean(outcome.residual, weights * treated)
    moment = _moment(design, weights * treated)
    return Score(att, influence - outcome.influence(moment))


def inverse_probability(
    change: FloatArray, treated: BoolArray, weights: FloatArray, design: FloatArray
) -> Score:
    """Normalised inverse probability weighting: comparison firms weighted by their odds of joining.

    Abadie (2005) with weights that add to one; influence function of R DRDID's
    `std_ipw_did_panel`. Parameters, errors: see `regression`; `NotIdentified` also where the
    propensities do not overlap.
    """
    weights = weights / weights.mean()
    score = _propensity_model(treated, weights, design)
    att_treated, influence_treated = _mean(change, weights * treated)
    att_control, influence_control = _mean(change, score.odds)
    moment = design.T @ (score.odds[:, None] * (change - att_control)) / score.odds.sum()
    influence = influence_treated - influence_control - score.influence(moment)
    return Score(att_treated - att_control, influence, score.trimmed)


def doubly_robust(
    change: FloatArray, treated: BoolArray, weights: FloatArray, design: FloatArray
) -> Score:
    """Doubly robust: right where the outcome model or the propensity model is right.

    Sant'Anna and Zhao (2020), equation (2.5) with normalised weights; influence function of R
    DRDID's `drdid_panel`. Parameters, errors: see `inverse_probability`.
    """
    weights = weights / weights.mean()
    outcome = _outcome_model(change, treated, weights, design)
    score = _propensity_model(treated, weights, design)
    att_treated, influence_treated = _mean(outcome.residual, weights * treated)
    att_control, influence_control = _mean(outcome.residual, score.odds)
    moment = design.T @ (score.odds[:, None] * (outcome.residual - att_control))
    imbalance = _moment(design, weights * treated) - _moment(design, score.odds)
    influence = (
        influence_treated
        - influence_control
        - outcome.influence(imbalance)
        - score.influence(moment / score.odds.sum())
    )
    return Score(att_treated - att_control, influence, score.trimmed)


ESTIMATORS = {"dr": doubly_robust, "ipw": inverse_probability, "reg": regression}
"""The three estimators by the name that a person types."""


@dataclass(frozen=True, slots=True)
class _OutcomeModel:
    """Least squares of the change on the design among comparison firms."""

    residual: FloatArray  # (n, m), for participants too
    design: FloatArray
    weights: FloatArray  # 0 for participants
    bread: FloatArray  # inverse of X'WX/n

    def influence(self, moment: FloatArray) -> FloatArray:
        """Influence (n, m) of the coefficients through `moment` (k,), the slope of the estimate."""
        leverage = self.weights * (self.design @ (self.bread @ moment))
        return np.asarray(leverage[:, None] * self.residual)


def _outcome_model(
    change: FloatArray, treated: BoolArray, weights: FloatArray, design: FloatArray
) -> _OutcomeModel:
    kept = weights * ~treated
    weighted = design * kept[:, None]
    gram = weighted.T @ design / len(design)
    values = np.linalg.eigvalsh(gram)
    if values[0] <= _SINGULAR * values[-1] or np.count_nonzero(kept) < design.shape[1]:
        raise NotIdentified("the covariates do not vary enough among the comparison firms")
    bread = np.asarray(np.linalg.inv(gram), dtype=np.float64)
    slopes = bread @ (weighted.T @ change / len(design))
    return _OutcomeModel(change - design @ slopes, design, kept, bread)


@dataclass(frozen=True, slots=True)
class _PropensityModel:
    """Logit of participation on the design."""

    odds: FloatArray  # (n,), weight of each comparison firm; 0 for participants
    error: FloatArray  # (n,), weighted generalised residual of the logit
    design: FloatArray
    bread: FloatArray  # inverse of the information per firm
    trimmed: int

    def influence(self, moment: FloatArray) -> FloatArray:
        """Influence (n, m) of the coefficients through `moment` (k, m)."""
        return np.asarray(self.error[:, None] * (self.design @ (self.bread @ moment)))


def _propensity_model(
    treated: BoolArray, weights: FloatArray, design: FloatArray
) -> _PropensityModel:
    probability = logit_probability(treated, weights, design)
    if probability[treated].max() >= OVERLAP_LIMIT:
        raise NotIdentified(
            f"no overlap: for some participants the propensity reaches {OVERLAP_LIMIT}, "
            "so no comparison firm resembles them"
        )
    # A comparison firm can reach the limit only by extrapolation; its odds would dwarf all others.
    trimmed = ~treated & (probability >= TRIM_LIMIT)
    usable = ~treated & ~trimmed
    odds = np.where(usable, weights * probability / (1 - np.where(usable, probability, 0.0)), 0.0)
    spread = weights * probability * (1 - probability)
    information = (design * spread[:, None]).T @ design / len(design)
    inverse = np.linalg.pinv(information, rcond=_SINGULAR, hermitian=True)
    bread = np.asarray(inverse, dtype=np.float64)
    return _PropensityModel(
        odds, weights * (treated - probability), design, bread, int(trimmed.sum())
    )


def logit_probability(treated: BoolArray, weights: FloatArray, design: FloatArray) -> FloatArray:
    """Fitted probabilities of a weighted logit by Newton's method with halved steps.

    Where the data are separated the likelihood has no maximum; the probabilities then go to 0 or
    1, which the caller judges by `OVERLAP_LIMIT`.

    Parameters
    ----------
    treated : array of bool, shape (n,)
    weights : array, shape (n,)
    design : array, shape (n, k)
        First column constant.

    Returns
    -------
    array, shape (n,)

    Examples
    --------
    >>> d = np.array([True, False, False, False])
    >>> logit_probability(d, np.ones(4), np.ones((4, 1))).round(6).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    share = np.average(treated, weights=weights)
    slopes = np.zeros(design.shape[1])
    slopes[0] = np.log(share / (1 - share))
    loss = _loss(design @ slopes, treated, weights)
    for _ in range(_NEWTON_STEPS):
        probability = _expit(design @ slopes)
        gradient = design.T @ (weights * (treated - probability))
        spread = weights * probability * (1 - probability)
        information = (design * spread[:, None]).T @ design
        step = np.linalg.pinv(information, rcond=_SINGULAR, hermitian=True) @ gradient
        new = _loss(design @ (slopes + step), treated, weights)
        while new > loss * (1 + _DEVIANCE_TOLERANCE) and np.abs(step).max() > 1e-12:
            step = step / 2
            new = _loss(design @ (slopes + step), treated, weights)
        slopes = slopes + step
        if abs(loss - new) <= _DEVIANCE_TOLERANCE * (new + 0.1):
            break
        loss = new
    return _expit(design @ slopes)


def _loss(index: FloatArray, treated: BoolArray, weights: FloatArray) -> float:
    """Minus the log-likelihood of the logit, written so that a large index cannot overflow."""
    return float(weights @ (np.logaddexp(0.0, index) - treated * index))


def _expit(index: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1 + np.tanh(index / 2)))


def _mean(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean of each column and its influence function."""
    mean = weights @ values / weights.sum()
    return mean, weights[:, None] / weights.mean() * (values - mean)


def _moment(design: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray(weights @ design / weights.sum())
