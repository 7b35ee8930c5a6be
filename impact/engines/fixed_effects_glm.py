"""Poisson and logit regressions with any number of fixed effects, by iteratively reweighted least squares.

Each step is the least-squares problem of `fixed_effects.py` under the weights of the last one, for what the outcome still differs by; the
regressors keep what earlier steps took out of them (Correia, Guimaraes and Zylkin 2020, *Stata Journal* 20). Many firms start from where a
sixteenth of them ends. A step that lowers the likelihood is halved.

**Separation.** No maximum exists where a combination d of regressors and effects is 0 on all rows with y > 0, and at most 0 and somewhere below
on rows with y = 0 (Correia, Guimaraes and Zylkin 2019). For such a d, with s the Newton step of each row and m its mean,
`sum m |d| (1 + s) = 0` over the rows with y = 0: some row has a step of -1 or lower, at every iteration. So steps that die out prove that no row is
separated, at no cost; and where rows keep falling by about 1 while all others have come to rest, the step itself is such a d, and those rows are the
separated ones. A logit has the same, with the sign of its outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from impact.core.errors import EstimationError
from impact.engines.fixed_effects import DENSE_LEVELS, Effects
from impact.engines.fixed_effects_iterative import projection
from impact.engines.normal_equations import (
    CollinearTerms,
    gram,
    refuse_collinear,
    regression,
    spreads,
    weighted,
)

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Columns = FloatArray | Sequence[FloatArray]
Family = Literal["poisson", "logit"]

_TOLERANCE = 1e-7  # last step of the linear predictor, root mean square; what is left is its square
_STEPS = 100
_LOW = 600.0  # the linear predictor stays within this: exp() of it is a number
_ESCAPES = 0.5  # a step that separated rows keep taking; in the limit it is 1
_RESTS = 1e-2  # a step below which all others rest
_SAMPLE = 16  # of many firms every such one is fitted first
_MANY = 200_000  # rows


class NoMaximum(Exception):
    """The likelihood rises for ever along some direction, or nothing could be found.

    Attributes
    ----------
    tells : array, shape (k,)
        See `GlmFit.tells`.
    complete : bool
        Whether every row is separated.
    """

    def __init__(self, message: str, tells: FloatArray, *, complete: bool = False) -> None:
        self.tells, self.complete = tells, complete
        super().__init__(message)


@dataclass(frozen=True, slots=True, eq=False)
class GlmFit:
    """A maximum of the likelihood, or the rows that keep it from having one.

    Attributes
    ----------
    coefficients : array, shape (k,)
    design : array, shape (k, n)
        Regressors less their effects, under the weights.
    weights : array, shape (n,)
        Curvature of the likelihood by the linear predictor, times the prior weights.
    slopes : array, shape (n,)
        Its derivative: outcome less mean, times the prior weights.
    linear : array, shape (n,)
        Linear predictor, effects included.
    separated : array of bool, shape (n,)
        Where any, the fit ended early and the rest is not to be used.
    steps : int
    """

    coefficients: FloatArray
    design: FloatArray
    weights: FloatArray
    slopes: FloatArray
    linear: FloatArray
    separated: BoolArray
    steps: int
    tells: FloatArray


class _Model(Protocol):
    """What differs between the two families."""

    def start(
        self, y: FloatArray, effects: Effects | None, prior: FloatArray | None
    ) -> FloatArray: ...
    def terms(self, y: FloatArray, linear: FloatArray) -> tuple[FloatArray, FloatArray]: ...
    def slopes(self, y: FloatArray, linear: FloatArray) -> FloatArray: ...
    def likelihood(self, y: FloatArray, linear: FloatArray, prior: FloatArray | None) -> float: ...
    def polished(
        self, y: FloatArray, linear: FloatArray, effects: Effects, prior: FloatArray | None
    ) -> FloatArray: ...
    def falls(self, y: FloatArray, change: FloatArray) -> FloatArray: ...


class _Poisson:
    """Poisson with a logarithmic link."""

    def start(self, y: FloatArray, effects: Effects | None, prior: FloatArray | None) -> FloatArray:
        """Half way between the outcome and its mean; by level of the first effect, since firms differ by orders of magnitude."""
        own = weighted(y, prior)
        if effects is None:
            mean = own.sum() / (len(y) if prior is None else prior.sum())
            return np.asarray(np.log((y + mean) / 2))
        totals = effects.counts if prior is None else effects.sums(prior)
        return np.asarray(np.log((y + effects.spread(effects.sums(own) / totals)) / 2))

    def terms(self, y: FloatArray, linear: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Curvature, and derivative over curvature."""
        mean = np.exp(linear)
        return mean, y / mean - 1.0

    def slopes(self, y: FloatArray, linear: FloatArray) -> FloatArray:
        """Outcome less mean."""
        return y - np.exp(linear)

    def likelihood(self, y: FloatArray, linear: FloatArray, prior: FloatArray | None) -> float:
        """Without its constant."""
        own = weighted(y, prior)
        return float(own @ linear - weighted(np.exp(linear), prior).sum())

    def polished(
        self, y: FloatArray, linear: FloatArray, effects: Effects, prior: FloatArray | None
    ) -> FloatArray:
        """The best effects of the first kind, given all else: those with which means add up to outcomes."""
        means = effects.sums(weighted(np.exp(linear), prior))
        return linear + effects.spread(np.log(effects.sums(weighted(y, prior)) / means))

    def falls(self, y: FloatArray, change: FloatArray) -> FloatArray:
        """How much a step lowers the linear predictor of a row that may be separated."""
        return np.where(y == 0, -change, 0.0)


class _Logit:
    """Binary outcomes with a logit link."""

    def start(self, y: FloatArray, effects: Effects | None, prior: FloatArray | None) -> FloatArray:
        """Three quarters for a one, one quarter for a zero."""
        return np.asarray((2.0 * y - 1.0) * np.log(3.0))

    def terms(self, y: FloatArray, linear: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Curvature, and derivative over curvature, in forms that keep their digits far out."""
        small = np.exp(-np.abs(linear))
        sign = 2.0 * y - 1.0
        return small / (1.0 + small) ** 2, sign * (1.0 + np.exp(-sign * linear))

    def slopes(self, y: FloatArray, linear: FloatArray) -> FloatArray:
        """Outcome less probability."""
        from scipy import special

        return np.asarray(y - special.expit(linear))

    def likelihood(self, y: FloatArray, linear: FloatArray, prior: FloatArray | None) -> float:
        """Log of the probability of what happened."""
        return -float(weighted(np.logaddexp(0.0, (1.0 - 2.0 * y) * linear), prior).sum())

    def polished(
        self, y: FloatArray, linear: FloatArray, effects: Effects, prior: FloatArray | None
    ) -> FloatArray:
        """The same: a logit's effects have no closed form."""
        return linear

    def falls(self, y: FloatArray, change: FloatArray) -> FloatArray:
        """How much a step takes a row away from the other outcome."""
        return (2.0 * y - 1.0) * change


_MODELS: dict[str, _Model] = {"poisson": _Poisson(), "logit": _Logit()}


def fit_glm(
    family: Family,
    y: FloatArray,
    x: Columns,
    effects: Effects | None = None,
    prior: FloatArray | None = None,
    *,
    dense: int = DENSE_LEVELS,
) -> GlmFit:
    """Fit a Poisson or a logit regression by maximum likelihood.

    Parameters
    ----------
    family : {"poisson", "logit"}
    y : array, shape (n,)
        Not negative, and above 0 somewhere in each level of each effect; zeros and ones, both in each level, for a logit.
    x : array, shape (k, n), or sequence of k arrays
        Regressors; with a constant where there are no effects.
    effects : Effects, optional
        See `effects_of`.
    prior : array, optional
        Weights of the rows.
    dense : int
        Levels beside the largest effect up to which the system is solved directly.

    Raises
    ------
    CollinearTerms
        If a regressor is spanned.
    NoMaximum
        If no maximum is found; the caller says so in words of its terms.

    Examples
    --------
    >>> y, x = np.array([1.0, 2.0, 3.0, 6.0]), np.array([[1.0, 1, 1, 1], [0, 0, 1, 1]])
    >>> np.exp(fit_glm("poisson", y, x).coefficients).round(6).tolist()
    [1.5, 3.0]
    """
    start = None
    if family == "poisson" and effects is not None and len(y) > _MANY:
        with np.errstate(all="ignore"):
            start = _from_sample(family, y, x, effects, prior, dense)
    with np.errstate(all="ignore"):
        return _steps(_MODELS[family], y, x, effects, prior, dense, start, _TOLERANCE)


def _from_sample(
    family: Family,
    y: FloatArray,
    x: Columns,
    effects: Effects,
    prior: FloatArray | None,
    dense: int,
) -> tuple[FloatArray, FloatArray] | None:
    """Coefficients and linear predictor from every sixteenth firm, or None where that does not work."""
    rows = effects.spread((np.arange(len(effects.starts)) % _SAMPLE == 0).astype(np.float64)) > 0
    few, levels = effects.kept(rows)
    part = np.stack([column[rows] for column in x])
    own = None if prior is None else prior[rows]
    model = _MODELS[family]
    try:
        fit = _steps(model, y[rows], part, few, own, dense, None, _RESTS)
        rest = (fit.linear - fit.coefficients @ part)[None]
        found = projection(few, fit.weights, dense=dense).residuals(rest)
    except (EstimationError, CollinearTerms, NoMaximum):
        return None
    level = np.zeros(effects.width)
    level[levels] = found[:, 0]
    linear = np.zeros(len(y))
    for b, column in zip(fit.coefficients, x, strict=True):
        linear += b * column
    for code in effects.others:
        linear += level.take(code)
    # A level without an outcome in the sample has no coefficient there; its own rows give it one.
    linear = model.polished(y, np.clip(linear, -_LOW, _LOW), effects, prior)
    own = weighted(y, prior)
    for code in effects.others:
        sums = [np.bincount(code, v, effects.width) for v in (own, weighted(np.exp(linear), prior))]
        with np.errstate(all="ignore"):
            linear += np.nan_to_num(np.log(sums[0] / sums[1]))[code]
    linear = model.polished(y, linear, effects, prior)
    flat = model.polished(y, np.zeros(len(y)), effects, prior)
    better = model.likelihood(y, linear, prior) > model.likelihood(y, flat, prior)
    return (fit.coefficients, linear) if better else None


def _steps(
    model: _Model,
    y: FloatArray,
    x: Columns,
    effects: Effects | None,
    prior: FloatArray | None,
    dense: int,
    start: tuple[FloatArray, FloatArray] | None,
    tolerance: float,
) -> GlmFit:
    """Newton's steps until they die out."""
    k = len(x)
    columns = np.empty((k + 1, len(y)))
    for row, column in zip(columns, x, strict=False):
        row[:] = column
    b, linear = (np.zeros(k), model.start(y, effects, prior)) if start is None else start
    spanned = start is not None  # whether the linear predictor is made of regressors and effects
    height = model.likelihood(y, linear, prior) if spanned else -np.inf
    for step in range(1, _STEPS + 1):
        curve, wanted = model.terms(y, linear)
        weights = weighted(curve, prior)
        if not spanned:
            wanted += linear
        columns[k] = wanted
        spread = spreads(columns[:k], weights) if step == 1 else None
        if effects is not None:
            projection(effects, weights, dense=dense).residuals(columns)
        squares = gram(columns[:k], weights)
        if spread is not None:
            refuse_collinear(squares, spread)
        move, rest = regression(columns[:k], columns[k], weights, squares)
        wanted -= rest
        change = wanted if spanned else wanted - linear
        linear, height, share = _uphill(model, y, linear, change, effects, prior, height)
        b = b + share * move if spanned else move
        size = share * float(np.sqrt((weights @ change**2) / weights.sum()))
        if not spanned:  # the first step is no step yet: it leads to the first combination
            spanned = share == 1.0
            continue
        escaped = _escaped(model, y, change)
        if escaped is not None and escaped.all():
            # A combination of regressors and effects with the sign of every outcome: the step itself is the proof.
            raise NoMaximum(
                "All rows are separated.", _tells(move, columns, escaped), complete=True
            )
        done = size <= tolerance and (escaped is None or tolerance > _TOLERANCE)
        if done or (escaped is not None and escaped.any() and size <= _RESTS and step > 2):
            curve = model.terms(y, linear)[0]
            return GlmFit(
                b, columns[:k], weighted(curve, prior), weighted(model.slopes(y, linear), prior), linear,
                np.zeros(len(y), dtype=bool) if escaped is None else escaped, step,
                np.zeros(k) if escaped is None else _tells(move, columns, escaped),
            )  # fmt: skip
    raise NoMaximum(
        f"The likelihood has no maximum that {_STEPS} steps could find. Look for a term, or a sum of terms, that tells the outcome "
        "without error: one that is 0 wherever an amount is above 0, or larger for every 1 than for any 0 of a yes or no.",
        _tells(move, columns, None),
    )


def _tells(move: FloatArray, columns: FloatArray, rows: BoolArray | None) -> FloatArray:
    """The most that the step of each coefficient moves one of the rows, of all rows where none are given."""
    part = columns[: len(move)] if rows is None else columns[: len(move), rows]
    return np.asarray(np.abs(move) * np.abs(part).max(axis=1))


def _uphill(
    model: _Model,
    y: FloatArray,
    linear: FloatArray,
    change: FloatArray,
    effects: Effects | None,
    prior: FloatArray | None,
    height: float,
) -> tuple[FloatArray, float, float]:
    """Take a step, or so much of it that the likelihood does not fall."""
    share = 1.0
    for _ in range(30):
        new = np.clip(linear + share * change, -_LOW, _LOW)
        if effects is not None:
            new = model.polished(y, new, effects, prior)
        value = model.likelihood(y, new, prior)
        if np.isfinite(value) and value >= height - 1e-10 * abs(height):
            return new, value, share
        share /= 2
    raise EstimationError(
        "The likelihood rises in no direction that could be found. Look for a term or an outcome with a few enormous values."
    )


def _escaped(model: _Model, y: FloatArray, change: FloatArray) -> BoolArray | None:
    """Rows that a step still takes away by about 1; none of them while others move, too; None where there is no such row."""
    if max(float(change.max()), -float(change.min())) < _ESCAPES:
        return None
    falls = model.falls(y, change)
    escaped = falls >= _ESCAPES
    if not escaped.any():
        return None
    rest = np.abs(change[~escaped])
    return (
        escaped if rest.size == 0 or float(rest.max()) <= _RESTS else np.zeros(len(y), dtype=bool)
    )
