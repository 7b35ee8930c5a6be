"""Firm and period effects of a mean that is a product: Poisson regression on a panel, by the small system of periods of `two_way`.

Each Newton step is a weighted least-squares problem with firm and period effects, which `TwoWay` solves exactly; the last one holds what influence functions
need. No firm gets a column. The estimate asks for the mean alone to be right (no counts, any variance, zeros).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.estimate.did_scores import BoolArray
from impact.estimate.etwfe_layout import strong_parts
from impact.estimate.two_way import IntArray, TwoWay

_STEPS = 100
_STILL = 1e-9  # largest step of a linear predictor; what is left is its square
_HALVINGS = 30
_FAR = 600.0  # exp() of it is a number


@dataclass(frozen=True, slots=True, eq=False)
class PoissonTwoWay:
    """A fitted regression of n firms by P periods.

    Attributes
    ----------
    fit : TwoWay
        The last step: its weights are those of the regression times the mean, its residuals `(y - mean) / mean`, so that scores, inverses and influence
        functions are those of the Poisson regression.
    mean : array, shape (n, P)
        Fitted mean, also outside the regression; 0 for firms whose outcome is 0 wherever they are in it.
    weights : array, shape (n, P)
        Of the firm-periods that carry the fit.
    silent : array of bool, shape (n,)
        Firms in the regression whose outcome is 0 throughout: their mean is 0, and they carry nothing.
    separated : array of bool, shape (n, P)
        Other firm-periods whose outcome of 0 has no finite best fit; their mean is 0, too, and they carry nothing.
    known : list of array of bool
        By group, firm-periods whose mean is determined.
    """

    fit: TwoWay
    mean: FloatArray
    weights: FloatArray
    silent: BoolArray
    separated: BoolArray
    known: list[BoolArray]

    @classmethod
    def of(
        cls,
        outcome: FloatArray,
        weights: FloatArray,
        covariates: FloatArray,
        groups: Sequence[IntArray],
    ) -> PoissonTwoWay:
        """Fit by maximum likelihood.

        Parameters
        ----------
        outcome, weights : array, shape (n, P)
            Outcomes of 0 or more. Weight 0 leaves a firm-period out of the fit.
        covariates : array, shape (p, n, P)
            Finite.
        groups : sequence of array of int
            Firms that share period effects.

        Raises
        ------
        EstimationError
            If no outcome is above 0, or there is no best fit.

        Examples
        --------
        >>> y = np.array([[1.0, 3.0], [2.0, 6.0], [4.0, 0.0]])
        >>> found = PoissonTwoWay.of(y, np.array([[1.0, 1], [1, 1], [1, 0]]), np.empty((0, 3, 2)), [np.arange(3)])
        >>> found.mean.round(6).tolist()
        [[1.0, 3.0], [2.0, 6.0], [4.0, 12.0]]
        """
        inside = weights > 0
        silent = np.asarray(inside.any(axis=1) & ~(inside & (outcome > 0)).any(axis=1))
        carried = np.where(silent[:, None], 0.0, weights)
        for group in groups:
            carried[group] = _tied(outcome[group], carried[group])
        if not (carried > 0).any():
            raise EstimationError(
                "No effect can be imputed: no outcome without participation is above 0."
            )
        separated = np.asarray(inside & (carried == 0) & ~silent[:, None])
        fit, linear = _fitted(outcome, carried, covariates, groups)
        mean = np.where(silent[:, None], 0.0, np.exp(np.clip(linear, -_FAR, _FAR)))
        return cls(fit, mean, carried, silent, separated, [two.connects() for two in fit.effects])


def _tied(outcome: FloatArray, weights: FloatArray) -> FloatArray:
    """Weights without the firm-periods that zeros separate.

    A zero beside a positive outcome of the same firm can push its period down only: periods between which positive outcomes lead in both directions
    have finite effects relative to each other.
    """
    inside = weights > 0
    above = inside & (outcome > 0)
    links = above.astype(np.float32).T @ inside.astype(np.float32) > 0
    part = strong_parts(len(links), [(int(a), int(b)) for a, b in np.argwhere(links)])
    home = part[np.argmax(above, axis=1)]
    return np.where(part == home[:, None], weights, 0.0)


def _fitted(
    y: FloatArray, weights: FloatArray, covariates: FloatArray, groups: Sequence[IntArray]
) -> tuple[TwoWay, FloatArray]:
    """Newton's steps until they die out: the last one, and the linear predictor, also outside the regression."""
    inside = weights > 0
    linear = _start(y, weights)
    height = -np.inf
    for step in range(_STEPS):
        mean = np.exp(linear)
        wanted = np.where(inside, linear + y / mean - 1.0, 0.0)
        fit = TwoWay.fit(wanted, weights * mean, covariates, groups)
        new = wanted - fit.residual
        change = np.where(inside, new - linear, 0.0)
        if step and float(np.abs(change).max()) < _STILL:
            return fit, new
        share = 1.0
        for _ in range(_HALVINGS):
            found = _levelled(y, weights, np.clip(linear + share * change, -_FAR, _FAR))
            value = _likelihood(y, weights, found)
            if np.isfinite(value) and value >= height - 1e-10 * abs(height):
                break
            share /= 2
        linear, height = found, value
    raise EstimationError(
        "The Poisson regression on the years without participation has no best fit: covariates tell zeros without error. Use fewer covariates."
    )


def _start(y: FloatArray, weights: FloatArray) -> FloatArray:
    """Half way between an outcome and the mean of its firm; 0 outside the regression."""
    total = weights.sum(axis=1, keepdims=True)
    mean = (weights * y).sum(axis=1, keepdims=True) / np.where(total > 0, total, 1.0)
    inside = weights > 0
    return np.log(np.where(inside, (y + mean) / 2, 1.0))


def _levelled(y: FloatArray, weights: FloatArray, linear: FloatArray) -> FloatArray:
    """The best firm effects, given all else: those with which means add up to outcomes."""
    inside = weights > 0
    some = inside.any(axis=1, keepdims=True)
    own = np.where(some, (weights * y).sum(axis=1, keepdims=True), 1.0)
    fitted = np.where(some, (weights * np.exp(linear)).sum(axis=1, keepdims=True), 1.0)
    return np.where(inside, linear + np.log(own / fitted), 0.0)


def _likelihood(y: FloatArray, weights: FloatArray, linear: FloatArray) -> float:
    """Log-likelihood without its constant; means add up to outcomes, so that they are one, too."""
    return float((weights * y * linear).sum())
