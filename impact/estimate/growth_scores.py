"""One comparison of two groups over two periods by growth: what participants would have had, had they grown as comparison firms did.

The multiplicative twin of `did_scores`, for outcomes of 0 or more (Poisson, zeros included). What a panel has as a change there, it has as a
ratio of means here: without participation, firms that are alike at the base period would have grown by the same factor `r(x)`, whatever their levels.
Then, with b and a the outcome before and after,

    mean of a without participation, among participants = E[b r(x) | participant] = E[v(x) a | others] / E[v(x) b | others] x E[b | participant],

where v are the odds that a *euro* of the base period (not a firm) is a participant's. The first is `growth_regression`, the second `growth_weighting`, and

    E[b r(x) | participant] + E[v(x) (a - r(x) b) | others] / E[v(x) b | others] x E[b | participant]

is right where r or v is (`growth_doubly_robust`): with the right r the second term is 0 for every v, with the right v the terms in r cancel for every r. Both
are fitted by a logit: r by that of a euro's period, `a / (a + b)` weighted by `a + b` among comparison firms, which is the Poisson regression with an effect of each
firm over two periods; v by that of participation weighted by b. Odds of firms in the place of v would be right only where levels, given x, differ by
one factor between the groups.

Influence functions are the exact derivatives of the estimate, models included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impact.core.inference import FloatArray
from impact.estimate.did_scores import (
    OVERLAP_LIMIT,
    TRIM_LIMIT,
    BoolArray,
    NotIdentified,
    Score,
    logit_probability,
)
from impact.estimate.etwfe_solve import newton

NO_BASE = "no outcome of its firms is above 0 in the base period, and nothing grows from 0"
NO_GROWTH = (
    "no outcome of the comparison firms is above 0 in the base period, so that they show no growth"
)
ALL_GONE = "no outcome of the comparison firms is above 0 in this year, so that nothing tells what there is to lose"
_SINGULAR = 1e-14
_BLOCK = 8_192  # firms, so that they fit into a processor's cache


def growth_score(
    estimator: str,
    before: FloatArray,
    after: FloatArray,
    treated: BoolArray,
    weights: FloatArray,
    design: FloatArray,
) -> Score:
    """Estimate m effects in the unit of the outcome.

    Parameters
    ----------
    estimator : {"dr", "ipw", "reg"}
        Without covariates the three are one.
    before, after : array, shape (n, m)
        Outcomes of 0 or more at the base and the target period.
    treated : array of bool, shape (n,)
    weights : array, shape (n,)
        Positive weights of any scale.
    design : array, shape (n, k)
        Constant and covariates at the base period.

    Raises
    ------
    NotIdentified
        If a group has nothing that could grow, or comparison firms cannot carry the models.

    Examples
    --------
    Others grew by a half, so participants would have gone from 4 to 6.

    >>> before, after = np.array([[3.0], [5.0], [0.0], [2.0]]), np.array([[8.0], [10.0], [1.0], [2.0]])
    >>> d = np.array([True, True, False, False])
    >>> float(growth_score("dr", before, after, d, np.ones(4), np.ones((4, 1))).att[0])
    3.0
    """
    weights = weights / weights.mean()
    own, others = _share(weights * treated), weights * ~treated
    refuse_no_growth(own @ before, others @ before, others @ after)
    if design.shape[1] == 1:
        return _plain(before, after, own, _share(others))
    influence = np.empty_like(after)
    att = np.empty(after.shape[1])
    trimmed = 0
    score: _EuroScore | None = None
    for j in range(after.shape[1]):
        b, a = before[:, j], after[:, j]
        if estimator != "reg" and (score is None or not np.array_equal(b, before[:, j - 1])):
            score = _euro_score(b, treated, weights, design)
            trimmed = max(trimmed, score.trimmed)
        model = _growth_model(b, a, treated, others, design) if estimator != "ipw" else None
        without, moved = _without(b, a, own, design, model, score)
        mean = float(own @ a / len(own))
        att[j] = mean - without
        influence[:, j] = own * (a - mean) - moved
    return Score(att, influence, trimmed)


def refuse_no_growth(own_before: FloatArray, before: FloatArray, after: FloatArray) -> None:
    """Refuse where a mean that is divided by, or that growth starts from, is 0.

    Raises
    ------
    NotIdentified
    """
    for mean, reason in ((own_before, NO_BASE), (before, NO_GROWTH), (after, ALL_GONE)):
        if (np.asarray(mean) <= 0).any():
            raise NotIdentified(reason)


def _share(weights: FloatArray) -> FloatArray:
    """Weights whose mean is 1."""
    return np.asarray(weights / weights.mean())


def _plain(before: FloatArray, after: FloatArray, own: FloatArray, others: FloatArray) -> Score:
    """Without covariates: four means."""
    n = len(own)
    a, b = own @ after / n, own @ before / n
    growth = (others @ after) / (others @ before)
    att, weight = a - growth * b, b / (others @ before / n)
    influence = np.empty_like(after)
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        rest = after[rows] - growth * before[rows]
        rest *= own[rows, None] - others[rows, None] * weight
        np.subtract(rest, own[rows, None] * att, out=influence[rows])
    return Score(att, influence)


@dataclass(frozen=True, slots=True)
class _GrowthModel:
    """Growth r(x) of comparison firms."""

    factor: FloatArray  # (n,), for participants too
    error: FloatArray  # (n,), weighted generalised residual; 0 for participants
    bread: FloatArray  # inverse of the information per firm


def _growth_model(
    before: FloatArray,
    after: FloatArray,
    treated: BoolArray,
    others: FloatArray,
    design: FloatArray,
) -> _GrowthModel:
    """Logit of the period of a euro, among comparison firms."""
    rows = np.flatnonzero((others > 0) & (before + after > 0))
    x, w = design[rows], others[rows]
    a, total = w * after[rows], w * (before[rows] + after[rows])
    unit = float(total.mean())
    a, total = a / unit, total / unit

    def moments(at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        index = x @ at
        p = _expit(index)
        loss = float(total @ np.logaddexp(0.0, index) - a @ index)
        return loss, x.T @ (a - total * p), (x * (total * p * (1 - p))[:, None]).T @ x

    start = np.zeros(x.shape[1])
    start[0] = np.log(a.sum() / (total - a).sum())
    at, inverse = newton(start, moments, lambda step: float(np.abs(x @ step).max()))
    if not inverse.determined(design[treated & (before > 0)]).all():
        raise NotIdentified(
            "covariates do not vary enough among the comparison firms with an outcome above 0 to say how its firms would have grown"
        )
    index = design @ at
    error = others * (after - (before + after) * _expit(index))
    return _GrowthModel(np.exp(index), error, inverse.inverse * (len(design) / unit))


@dataclass(frozen=True, slots=True)
class _EuroScore:
    """Odds v(x) that a euro of the base period is a participant's."""

    odds: FloatArray  # (n,), times the weight; 0 for participants
    error: FloatArray
    bread: FloatArray
    trimmed: int


def _euro_score(
    before: FloatArray, treated: BoolArray, weights: FloatArray, design: FloatArray
) -> _EuroScore:
    mass = weights * before
    mass = mass / mass.mean()
    probability = logit_probability(treated, mass, design)
    if probability[treated & (before > 0)].max() >= OVERLAP_LIMIT:
        raise NotIdentified(
            f"no overlap: for some participants the propensity reaches {OVERLAP_LIMIT}, "
            "so no comparison firm resembles them"
        )
    trimmed = ~treated & (probability >= TRIM_LIMIT)
    usable = ~treated & ~trimmed
    odds = np.where(usable, weights * probability / (1 - np.where(usable, probability, 0.0)), 0.0)
    spread = mass * probability * (1 - probability)
    information = (design * spread[:, None]).T @ design / len(design)
    bread = np.linalg.pinv(information, rcond=_SINGULAR, hermitian=True)
    return _EuroScore(odds, mass * (treated - probability), np.asarray(bread), int(trimmed.sum()))


def _without(
    before: FloatArray,
    after: FloatArray,
    own: FloatArray,
    design: FloatArray,
    model: _GrowthModel | None,
    score: _EuroScore | None,
) -> tuple[float, FloatArray]:
    """Mean of participants without participation, and its influence (n,): by the model, by the score, or by both."""
    n = len(own)
    without, moved = 0.0, np.zeros(n)
    rest = after
    through_model = np.zeros(design.shape[1])
    if model is not None:
        grown = before * model.factor
        rest = after - grown
        without = float(own @ grown / n)
        moved = own * (grown - without)
        through_model = (own * grown) @ design / n
    if score is not None:
        base, mass = float(own @ before / n), float(score.odds @ before / n)
        if mass <= 0:
            raise NotIdentified(NO_GROWTH)
        left = float(score.odds @ rest / n) / mass
        apart = score.odds * (rest - left * before)
        without += base * left
        moved += left * own * (before - base)
        by_score = score.error * (design @ (score.bread @ (apart @ design / n)))
        moved += base / mass * (apart + by_score)
        if model is not None:
            through_model -= base / mass * ((score.odds * before * model.factor) @ design / n)
    if model is not None:
        moved += model.error * (design @ (model.bread @ through_model))
    return without, moved


def _expit(index: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1 + np.tanh(index / 2)))
