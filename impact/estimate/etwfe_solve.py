"""Newton steps on small dense normal equations, which may be singular, and what they leave undetermined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from impact.core.inference import FloatArray
from impact.estimate.did_scores import BoolArray, NotIdentified

_NULL = (
    1e-11  # eigenvalues this small beside the largest, after scaling to a unit diagonal, are none
)
_FIRM = 1e-3  # a combination this far within the null space, relatively, is not determined
_STEPS = 100
_STILL = 1e-9
_HALVINGS = 40
_WORSE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Inverse:
    """A generalised inverse of a symmetric matrix, and a basis of what it maps to nothing.

    Attributes
    ----------
    inverse : array, shape (k, k)
    null : array, shape (k, m)
    scale : array, shape (k,)
        Square roots of the diagonal.
    """

    inverse: FloatArray
    null: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, matrix: FloatArray) -> Inverse:
        """Invert; a parameter on which nothing bears is left undetermined."""
        diagonal = np.diag(matrix)
        some = diagonal > 0
        scale = np.sqrt(np.where(some, diagonal, diagonal[some].mean() if some.any() else 1.0))
        values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
        kept = values > _NULL * max(values[-1], 0.0)
        part = vectors[:, kept] / scale[:, None]
        return cls(part / values[kept] @ part.T, vectors[:, ~kept] / scale[:, None], scale)

    def determined(self, combinations: FloatArray) -> BoolArray:
        """Whether each row, a combination of the parameters, has a value."""
        size = np.sqrt(((combinations / self.scale) ** 2).sum(axis=1))
        left = np.sqrt(((combinations @ self.null) ** 2).sum(axis=1))
        return np.asarray(left <= _FIRM * size)


def newton(
    start: FloatArray,
    moments: Callable[[FloatArray], tuple[float, FloatArray, FloatArray]],
    moved: Callable[[FloatArray], float],
) -> tuple[FloatArray, Inverse]:
    """Minimise a convex loss.

    Parameters
    ----------
    start : array, shape (k,)
    moments : callable
        Loss, score (minus its gradient) and second derivative at parameters.
    moved : callable
        By how much a step moves the index of any row at most.

    Returns
    -------
    array, shape (k,)
    Inverse
        Of the second derivative at the solution.

    Raises
    ------
    NotIdentified
        If steps stay large.

    Notes
    -----
    Where the best fit is at infinity, the second derivative vanishes in that direction after some steps, and the direction joins those that
    are not determined; `Inverse.determined` then tells what does not depend on it.
    """
    at = start
    loss, score, second = moments(at)
    for _ in range(_STEPS):
        inverse = Inverse.of(second)
        step = inverse.inverse @ score
        far = moved(step)
        if far < _STILL:
            return at + step, inverse
        share = 1.0
        for _ in range(_HALVINGS):
            found = moments(at + share * step)
            if found[0] <= loss + _WORSE * abs(loss):
                break
            share /= 2
        at = at + share * step
        loss, score, second = found
    raise NotIdentified(
        "the model finds no best fit; use fewer covariates, or fewer outcomes that are always the same"
    )
