"""One comparison of two groups over two cross-sections: firms need not be seen twice.

The twin of `did_scores` for samples that are drawn anew in each period. Each row is a firm in one of two periods; what a panel has as a change, the
difference of two means has here. Right only if the composition of both groups is the same in both periods.

The estimators are those of Sant'Anna and Zhao (2020), sections 2.2 and 3.2: outcome regression, inverse probability weighting with weights that
add to one, and the locally efficient doubly robust one. Influence functions are the exact derivatives of the estimate, models included.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from impact.core.inference import FloatArray
from impact.estimate.did_scores import (
    BoolArray,
    NotIdentified,
    PropensityModel,
    propensity_model,
    solved_model,
)
from impact.estimate.growth_scores import refuse_no_growth


@dataclass(frozen=True, slots=True)
class RowScore:
    """ATT, the influence of n rows on it (n,), and the mean of participants in the later period with its influence."""

    att: float
    influence: FloatArray
    after: float
    after_influence: FloatArray
    trimmed: int = 0


@dataclass(slots=True)
class _Sum:
    """An estimate that is put together of weighted means, and its influence with it."""

    influence: FloatArray
    estimate: float = 0.0
    parts: list[float] = field(default_factory=list)

    def add(self, sign: float, values: FloatArray, weights: FloatArray) -> float:
        """Add `sign` times the weighted mean of values; gives the mean."""
        mean = float(weights @ values / weights.sum())
        self.estimate += sign * mean
        self.influence += sign * (weights / weights.mean()) * (values - mean)
        return mean


@dataclass(frozen=True, slots=True)
class _Fit:
    """Least squares on the rows of one group in one period."""

    predicted: FloatArray  # (n,), for all rows
    influence_of: FloatArray  # (n, k): row of the coefficients' influence

    def through(self, moment: FloatArray) -> FloatArray:
        """Influence (n,) by way of the coefficients, `moment` (k,) being the slope of the estimate."""
        return np.asarray(self.influence_of @ moment)


def _fit(y: FloatArray, design: FloatArray, weights: FloatArray, who: str) -> _Fit:
    found = solved_model(y[:, None], design, weights, who)
    residual = y - design @ found.slopes[:, 0]
    rows = design * (weights * residual)[:, None]
    return _Fit(design @ found.slopes[:, 0], np.asarray(rows @ found.bread))


def _moment(design: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray(weights @ design / weights.sum())


def cross_section_score(
    estimator: str,
    y: FloatArray,
    treated: BoolArray,
    later: BoolArray,
    weights: FloatArray,
    design: FloatArray,
) -> RowScore:
    """Estimate one cell from the rows of its two periods.

    Parameters
    ----------
    estimator : {"dr", "ipw", "reg"}
    y : array, shape (n,)
    treated, later : array of bool, shape (n,)
        Whether the row is of a participant, and of the later period.
    weights : array, shape (n,)
    design : array, shape (n, k)
        Constant and covariates of the row's own period.

    Raises
    ------
    NotIdentified
        If one of the four groups is empty or cannot carry its model, or the propensities do not overlap.

    Examples
    --------
    >>> y = np.array([1.0, 4.0, 1.0, 2.0])
    >>> d, t = np.array([True, True, False, False]), np.array([False, True, False, True])
    >>> cross_section_score("dr", y, d, t, np.ones(4), np.ones((4, 1))).att
    2.0
    """
    weights = weights / weights.mean()
    _refuse_empty(treated, later)
    total = _Sum(np.zeros(len(y)))
    d = weights * treated
    after = float((d * later) @ y / (d @ later))
    after_influence = d * later / (d * later).mean() * (y - after)
    trimmed = 0
    if estimator == "reg" or design.shape[1] == 1:
        _regression(total, y, treated, later, weights, design)
    else:
        score = propensity_model(treated, weights, design)
        trimmed = score.trimmed
        if estimator == "ipw":
            _weighting(total, y, treated, later, weights, score)
        else:
            _doubly_robust(total, y, treated, later, weights, score)
    return RowScore(total.estimate, total.influence, after, after_influence, trimmed)


def cross_section_growth(
    y: FloatArray, treated: BoolArray, later: BoolArray, weights: FloatArray
) -> RowScore:
    """The same by growth (see `growth_scores`), of means, without covariates.

    Raises
    ------
    NotIdentified
        If one of the four groups is empty, or has nothing that could grow.

    Examples
    --------
    >>> y = np.array([2.0, 9.0, 1.0, 3.0])
    >>> d, t = np.array([True, True, False, False]), np.array([False, True, False, True])
    >>> cross_section_growth(y, d, t, np.ones(4)).att
    3.0
    """
    weights = weights / weights.mean()
    _refuse_empty(treated, later)
    mean, moved = {}, {}
    for own in (True, False):
        for after in (True, False):
            w = weights * ((treated == own) & (later == after))
            mean[own, after] = float(w @ y / w.sum())
            moved[own, after] = w / w.mean() * (y - mean[own, after])
    refuse_no_growth(*(np.array(mean[which]) for which in ((True, False), (False, False), (False, True))))  # fmt: skip
    growth = mean[False, True] / mean[False, False]
    of_growth = (moved[False, True] - growth * moved[False, False]) / mean[False, False]
    return RowScore(
        mean[True, True] - mean[True, False] * growth,
        moved[True, True] - growth * moved[True, False] - mean[True, False] * of_growth,
        mean[True, True],
        moved[True, True],
    )


def _refuse_empty(treated: BoolArray, later: BoolArray) -> None:
    for who, of in (("the cohort", treated), ("the comparison firms", ~treated)):
        for when, at in (("base", ~later), ("target", later)):
            if not (of & at).any():
                raise NotIdentified(f"no firm of {who} is observed in the {when} period")


def _regression(
    total: _Sum,
    y: FloatArray,
    treated: BoolArray,
    later: BoolArray,
    weights: FloatArray,
    x: FloatArray,
) -> None:
    """Participants' change of means less the change predicted for them from the comparison firms of each period."""
    d = weights * treated
    total.add(1, y, d * later)
    total.add(-1, y, d * ~later)
    fits = [_fit(y, x, weights * (~treated & at), "the comparison firms") for at in (later, ~later)]
    total.add(-1, fits[0].predicted - fits[1].predicted, d)
    at = _moment(x, d)
    total.influence -= fits[0].through(at) - fits[1].through(at)


def _weighting(
    total: _Sum,
    y: FloatArray,
    treated: BoolArray,
    later: BoolArray,
    weights: FloatArray,
    score: PropensityModel,
) -> None:
    """Comparison firms of each period weighted by their odds of joining."""
    d = weights * treated
    total.add(1, y, d * later)
    total.add(-1, y, d * ~later)
    for sign, at in ((-1.0, later), (1.0, ~later)):
        odds = score.odds * at
        mean = total.add(sign, y, odds)
        total.influence += sign * _through_score(score, odds, y - mean)


def _through_score(score: PropensityModel, odds: FloatArray, apart: FloatArray) -> FloatArray:
    """Influence by way of the score on a mean weighted by odds: their derivative by the index are the odds themselves."""
    moment = (odds * apart) @ score.design / odds.sum()
    return np.asarray(score.error * (score.design @ (score.bread @ moment)))


def _doubly_robust(
    total: _Sum,
    y: FloatArray,
    treated: BoolArray,
    later: BoolArray,
    weights: FloatArray,
    score: PropensityModel,
) -> None:
    """Equation (3.4) of the paper: errors of the comparison model, weighted, and participants' models to share one composition of both periods."""
    x, d = score.design, weights * treated
    periods = ((1.0, later, "target"), (-1.0, ~later, "base"))
    control = {
        s: _fit(y, x, weights * (~treated & at), "the comparison firms") for s, at, _ in periods
    }
    own = {s: _fit(y, x, weights * (treated & at), "the cohort") for s, at, _ in periods}
    everyone = _moment(x, d)
    for sign, at, _ in periods:
        left = y - control[sign].predicted
        gain = own[sign].predicted - control[sign].predicted
        odds = score.odds * at
        total.add(sign, left, d * at)
        mean = total.add(-sign, left, odds)
        total.influence -= sign * _through_score(score, odds, left - mean)
        total.add(sign, gain, d)
        total.add(-sign, gain, d * at)
        # The comparison model cancels between participants' means; what is left is everyone against the weighted.
        total.influence += control[sign].through(sign * (_moment(x, odds) - everyone))
        total.influence += own[sign].through(sign * (everyone - _moment(x, d * at)))
