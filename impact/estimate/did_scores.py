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
_BLOCK = 8_192  # firms
_NEWTON_STEPS = 60
_DEVIANCE_TOLERANCE = 1e-12
_SAFE_MOVE = 0.5
"""Newton steps that move no firm's index by more than this lower the loss of a logit for certain (its third derivative is at most
that of the index times its second), and need no look at it."""


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
    own = _share(weights * treated)
    att = own @ outcome.residual / len(own)
    slope = own - outcome.reach(_moment(design, own))
    return Score(att, _influence(outcome.residual, slope, own[:, None], -att[None, :]))


def inverse_probability(
    change: FloatArray, treated: BoolArray, weights: FloatArray, design: FloatArray
) -> Score:
    """Normalised inverse probability weighting: comparison firms weighted by their odds of joining.

    Abadie (2005) with weights that add to one; influence function of R DRDID's
    `std_ipw_did_panel`. Parameters, errors: see `regression`; `NotIdentified` also where the
    propensities do not overlap.
    """
    weights = weights / weights.mean()
    score = propensity_model(treated, weights, design)
    own, others = _share(weights * treated), _share(score.odds)
    return _weighted(change, own, others, own - others, score)


def doubly_robust(
    change: FloatArray, treated: BoolArray, weights: FloatArray, design: FloatArray
) -> Score:
    """Doubly robust: right where the outcome model or the propensity model is right.

    Sant'Anna and Zhao (2020), equation (2.5) with normalised weights; influence function of R
    DRDID's `drdid_panel`. Parameters, errors: see `inverse_probability`.
    """
    weights = weights / weights.mean()
    outcome = _outcome_model(change, treated, weights, design)
    score = propensity_model(treated, weights, design)
    own, others = _share(weights * treated), _share(score.odds)
    imbalance = _moment(design, own) - _moment(design, others)
    return _weighted(outcome.residual, own, others, own - others - outcome.reach(imbalance), score)


def _weighted(
    values: FloatArray,
    own: FloatArray,
    others: FloatArray,
    slope: FloatArray,
    score: PropensityModel,
) -> Score:
    """Difference of two weighted means of m values, and its influence by way of the values and of the score.

    Influence is `own (v - mean) - others (v - mean of others) - score's part`; all but the part in v is a product of two small matrices, so that
    the values are read twice and no further array of their size is made.
    """
    n = len(values)
    att_own, att_others = own @ values / n, others @ values / n
    weighted = score.design * others[:, None]
    moment = (weighted.T @ values - weighted.sum(axis=0)[:, None] * att_others) / n
    left = np.column_stack([own, others, score.design * score.error[:, None]])
    right = np.vstack([-att_own, att_others, -(score.bread @ moment)])
    return Score(att_own - att_others, _influence(values, slope, left, right), score.trimmed)


def _influence(
    values: FloatArray, slope: FloatArray, left: FloatArray, right: FloatArray
) -> FloatArray:
    """`slope v + left right`, by blocks of firms that fit into a processor's cache."""
    out = np.empty_like(values)
    for start in range(0, len(values), _BLOCK):
        rows = slice(start, start + _BLOCK)
        np.matmul(left[rows], right, out=out[rows])
        out[rows] += slope[rows, None] * values[rows]
    return out


def _share(weights: FloatArray) -> FloatArray:
    """Weights whose mean is 1."""
    return np.asarray(weights / weights.mean())


ESTIMATORS = {"dr": doubly_robust, "ipw": inverse_probability, "reg": regression}
"""The three estimators by the name that a person types."""


@dataclass(frozen=True, slots=True)
class _OutcomeModel:
    """Least squares of the change on the design among comparison firms."""

    residual: FloatArray  # (n, m), for participants too
    design: FloatArray
    weights: FloatArray  # 0 for participants
    bread: FloatArray  # inverse of X'WX/n

    def reach(self, moment: FloatArray) -> FloatArray:
        """What a firm's residual is multiplied by in the influence of the coefficients through `moment` (k,), the slope of the estimate."""
        return np.asarray(self.weights * (self.design @ (self.bread @ moment)))


def _outcome_model(
    change: FloatArray, treated: BoolArray, weights: FloatArray, design: FloatArray
) -> _OutcomeModel:
    kept = weights * ~treated
    found = solved_model(change, design, kept, "the comparison firms")
    slopes, bread = found.slopes, found.bread
    residual = np.empty_like(change)
    for start in range(0, len(change), _BLOCK):
        rows = slice(start, start + _BLOCK)
        np.subtract(change[rows], design[rows] @ slopes, out=residual[rows])
    return _OutcomeModel(residual, design, kept, bread)


@dataclass(frozen=True, slots=True)
class SolvedModel:
    """Coefficients (k, m) of a least-squares fit, and the inverse of X'WX/n."""

    slopes: FloatArray
    bread: FloatArray


def solved_model(
    values: FloatArray, design: FloatArray, weights: FloatArray, who: str
) -> SolvedModel:
    """Least squares of m columns of values on a design, over the rows with weight.

    Raises
    ------
    NotIdentified
        If those rows, which are of `who`, cannot carry the regression.
    """
    weighted = design * weights[:, None]
    gram = weighted.T @ design / len(design)
    spread = np.linalg.eigvalsh(gram)
    if spread[0] <= _SINGULAR * spread[-1] or np.count_nonzero(weights) < design.shape[1]:
        raise NotIdentified(f"the covariates do not vary enough among {who}")
    bread = np.asarray(np.linalg.inv(gram), dtype=np.float64)
    return SolvedModel(bread @ (weighted.T @ values / len(design)), bread)


@dataclass(frozen=True, slots=True)
class PropensityModel:
    """Logit of participation on the design."""

    odds: FloatArray  # (n,), weight of each comparison firm; 0 for participants
    error: FloatArray  # (n,), weighted generalised residual of the logit
    design: FloatArray
    bread: FloatArray  # inverse of the information per firm
    trimmed: int


def propensity_model(
    treated: BoolArray, weights: FloatArray, design: FloatArray
) -> PropensityModel:
    """Fit the logit of participation and weight comparison firms by their odds.

    Raises
    ------
    NotIdentified
        If the propensity of some participant reaches `OVERLAP_LIMIT`.
    """
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
    return PropensityModel(
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
    total = float(weights.sum())
    share = float(weights @ treated) / total
    slopes = np.zeros(design.shape[1])
    slopes[0] = np.log(share / (1 - share))
    # Of one parameter; the loss of the fit is of this order, unless the data are separated.
    scale = -total * (share * np.log(share) + (1 - share) * np.log1p(-share))
    index, loss = design @ slopes, np.nan
    for _ in range(_NEWTON_STEPS):
        probability = _expit(index)
        gradient = design.T @ (weights * (treated - probability))
        information = design.T @ (design * (weights * probability * (1 - probability))[:, None])
        step = np.linalg.pinv(information, rcond=_SINGULAR, hermitian=True) @ gradient
        move = design @ step
        gain = float(gradient @ step) / 2  # of the likelihood, to second order
        if np.abs(move).max() > _SAFE_MOVE:
            loss = _loss(index, treated, weights) if np.isnan(loss) else loss
            new = _loss(index + move, treated, weights)
            while new > loss * (1 + _DEVIANCE_TOLERANCE) and np.abs(step).max() > 1e-12:
                step, move = step / 2, move / 2
                new = _loss(index + move, treated, weights)
            gain, scale, loss = abs(loss - new), new, new
        else:
            loss = np.nan
        slopes, index = slopes + step, index + move
        if gain <= _DEVIANCE_TOLERANCE * (scale + 0.1):
            break
    return _expit(index)


def _loss(index: FloatArray, treated: BoolArray, weights: FloatArray) -> float:
    """Minus the log-likelihood of the logit, written so that a large index cannot overflow."""
    return float(weights @ (np.logaddexp(0.0, index) - treated * index))


def _expit(index: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1 + np.tanh(index / 2)))


def _moment(design: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray(weights @ design / weights.sum())
