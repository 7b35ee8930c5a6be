"""Weights that are not negative and add to one, by least squares: exact, in a finite number of steps.

`min |B w|^2 + ridge |w|^2` over `w >= 0, sum(w) = 1`: the columns of B say how far each candidate is from a target, w how they are mixed.
Iterations that stop when little is gained, as Frank and Wolfe's, leave digits that depend on where they stop; these two do not.
"""

from __future__ import annotations

import numpy as np

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.estimate.did_scores import BoolArray

_STEPS = 100
_HALVINGS = 30
_EXACT = 1e-9  # of the mean weight, by which a weight may be wrong
_ROUNDING = 1e-15
_DENSE = 3_000


def simplex_weights(distance: FloatArray, ridge: float) -> FloatArray:
    """Mix the columns so that their mean is as near to zero as the ridge allows.

    Parameters
    ----------
    distance : array, shape (m, n)
        Column j is how far candidate j is from the target.
    ridge : float
        Above 0, so that the weights are unique; the larger, the more equal they are.

    Returns
    -------
    array, shape (n,)
        Not negative, with sum 1.

    Notes
    -----
    The weights are `(nu - B'u)+ / ridge` with `u = B w` and nu such that they add to one, so that m + 1 numbers determine n weights: Newton's method
    on the dual, which is quadratic between kinks, ends after finitely many steps of cost n m^2. Where the ridge is so small
    that this loses digits, or m is above n, the active set of Lawson and Hanson takes over: with v = s w for a sum s that is free,
    `|B v|^2 + ridge |v|^2 + (s - 1)^2` is least at a v that is proportional to w, whatever the data.

    References
    ----------
    Lawson, C. and Hanson, R. (1974), Solving Least Squares Problems, chapter 23. Qi, L. and Sun, J. (1993), "A nonsmooth version of Newton's
    method", Mathematical Programming 58.

    Examples
    --------
    >>> simplex_weights(np.array([[-1.0, 3.0, 50.0]]), 1e-9).round(6).tolist()
    [0.75, 0.25, 0.0]
    >>> simplex_weights(np.array([[-1.0, 3.0, 50.0]]), 1e9).round(4).tolist()
    [0.3333, 0.3333, 0.3333]
    """
    size = float(np.abs(distance).max(initial=0.0))
    n = distance.shape[1]
    if size == 0.0 or n == 1:
        return np.full(n, 1.0 / n)
    scaled, small = distance / size, ridge / size**2
    if len(scaled) <= n:
        weights = _newton(scaled, small)
        if weights is not None:
            return weights
    else:
        scaled = np.asarray(np.linalg.qr(scaled, mode="r"))
    if n > _DENSE:
        raise EstimationError(
            f"Weights of {n:,} comparison firms are not determined to the digit with so small a ridge; leave zeta_omega out, or make it larger."
        )
    return _active_set(scaled, small)


def _newton(b: FloatArray, ridge: float) -> FloatArray | None:
    """Minimise `|u|^2 / 2 + sum (nu - b'u)+^2 / (2 ridge) - nu` over u and nu; nothing where that does not end at the optimum."""
    m, n = b.shape
    u = b.mean(axis=1)
    # Equal weights are `ridge / n` above the mean of b'u: as good a beginning as any.
    point = np.append(u, float((u @ b).mean()) + ridge / n)
    before = None
    for _ in range(_STEPS):
        slack = point[m] - point[:m] @ b
        active = slack > 0
        step = _step(b, ridge, point, slack, active)
        if step is None:
            return None
        if before is not None and (active == before).all():
            point = (
                point + step
            )  # once more on the same piece: takes the rounding of the first away
            break
        whole, point = _moved(b, ridge, point, step)
        before = active if whole else None
    weights = np.maximum(point[m] - point[:m] @ b, 0.0)
    total = weights.sum()
    if not total > 0:
        return None
    weights = np.asarray(weights / total)
    if _optimal(b, ridge, weights):
        return weights
    if np.count_nonzero(weights) > _DENSE:
        return None
    weights = _refined(b, ridge, weights)  # with a small ridge, weights are differences of equals
    return weights if _optimal(b, ridge, weights) else None


def _step(
    b: FloatArray, ridge: float, point: FloatArray, slack: FloatArray, active: BoolArray
) -> FloatArray | None:
    """Newton's step on the piece where these candidates have weight."""
    m = len(b)
    own, above = b[:, active], slack[active]
    if not own.shape[1]:
        return np.append(np.zeros(m), ridge - slack.max())  # lift nu until somebody has weight
    hessian = np.empty((m + 1, m + 1))
    hessian[:m, :m] = own @ own.T
    hessian[:m, :m].flat[:: m + 1] += ridge
    hessian[:m, m] = hessian[m, :m] = -own.sum(axis=1)
    hessian[m, m] = own.shape[1]
    gradient = np.append(ridge * point[:m] - own @ above, above.sum() - ridge)
    try:
        return np.asarray(-np.linalg.solve(hessian, gradient))
    except np.linalg.LinAlgError:
        return None


def _moved(
    b: FloatArray, ridge: float, point: FloatArray, step: FloatArray
) -> tuple[bool, FloatArray]:
    """Go along the step as far as it lowers the dual; also whether that was all of it."""
    m = len(b)

    def dual(x: FloatArray) -> float:
        slack = np.maximum(x[m] - x[:m] @ b, 0.0)
        return float(ridge * (x[:m] @ x[:m]) / 2 + slack @ slack / 2 - ridge * x[m])

    start, share = dual(point), 1.0
    for _ in range(_HALVINGS):
        there = point + share * step
        if dual(there) <= start:
            break
        share /= 2
    return share == 1.0, there


def _optimal(b: FloatArray, ridge: float, weights: FloatArray) -> bool:
    """Whether no shift of weight from one candidate to another can gain anything."""
    slope = b.T @ (b @ weights) + ridge * weights
    level = float(weights @ slope)
    # No candidate may be better than the mean of those in use; the gap bounds what is lost against the optimum.
    allowed = _EXACT * ridge / len(weights) + _ROUNDING * len(b)  # distances are at most 1
    return level - float(slope.min()) <= allowed


def _active_set(b: FloatArray, ridge: float) -> FloatArray:
    """Lawson and Hanson's solution, refined."""
    from scipy.optimize import nnls

    n = b.shape[1]
    rows = np.vstack([b, np.sqrt(ridge) * np.eye(n)])
    # The sum may weigh anything beside the rest; of the size of the columns it spoils no digits.
    sums = np.full((1, n), float(np.sqrt((rows**2).sum(axis=0).mean())))
    target = np.zeros(len(rows) + 1)
    target[-1] = sums[0, 0]
    found = nnls(np.vstack([rows, sums]), target)[0]
    weights = np.asarray(found / found.sum())
    return _refined(b, ridge, weights)


def _refined(b: FloatArray, ridge: float, weights: FloatArray) -> FloatArray:
    """The same candidates, their weights by orthogonal least squares under the sum alone: one candidate plus shifts from it to the others."""
    used = np.flatnonzero(weights > 0)
    rows = np.vstack([b[:, used], np.sqrt(ridge) * np.eye(len(used))])
    first, shifts = rows[:, 0], rows[:, 1:] - rows[:, :1]
    rest = np.linalg.lstsq(shifts, -first, rcond=None)[0]
    again = np.append(1.0 - rest.sum(), rest)
    if (again < 0).any():
        return weights
    found = np.zeros(len(weights))
    found[used] = again
    return found
