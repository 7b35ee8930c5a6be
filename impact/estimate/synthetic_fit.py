"""One cohort and its comparison firms: weights of firms and of years, the gaps between the two arms, and what each firm adds to them.

Free of panels and names: arrays of firms by periods come in. The treated firms enter by their mean, as in the paper, so that nothing is
of the size firms by firms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.core.inference import FloatArray
from impact.estimate.simplex_weights import simplex_weights
from impact.estimate.two_way import IntArray

TIME_RIDGE = 1e-6
"""Ridge of the weights of years, as a part of the noise: so small that it only decides between years that tell the same."""

_NO_NOISE = 1e-12  # of the largest outcome: changes that differ by less differ by rounding
_WHOLE = 1e-9  # a cluster that holds all but this of the weight cannot be left out


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticFit:
    """Weights of n0 comparison firms and of the periods before joining.

    Attributes
    ----------
    unit_weights : array, shape (n0,)
    time_weights : array, shape (periods before,)
    zeta_omega, zeta_lambda : float
        Ridges of the two, in the unit of the outcome.
    noise : float
        Standard deviation of the comparison firms' changes from period to period before joining.
    gap : float
        Root mean square of the gap between the arms before joining, their mean difference taken away.
    """

    unit_weights: FloatArray
    time_weights: FloatArray
    zeta_omega: float
    zeta_lambda: float
    noise: float
    gap: float


def noise_level(before: FloatArray) -> float:
    """Standard deviation of the changes of comparison firms, one period to the next (section I.B of the paper, with n - 1 as in its program).

    Examples
    --------
    >>> round(noise_level(np.array([[1.0, 2.0, 4.0], [0.0, 3.0, 3.0]])), 6)
    1.290994
    """
    noise = float(np.std(np.diff(before, axis=1), ddof=1))
    return 0.0 if noise <= _NO_NOISE * float(np.abs(before).max()) else noise


def fit_weights(
    mean: FloatArray,
    others: FloatArray,
    before: IntArray,
    after: IntArray,
    *,
    n_treated: int,
    zeta_omega: float | None = None,
    zeta_lambda: float | None = None,
) -> SyntheticFit:
    """Weights that let the comparison firms run beside the cohort before it joined, and the years before speak for those after.

    Parameters
    ----------
    mean : array, shape (T,)
        Mean outcome of the cohort.
    others : array, shape (n0, T)
        Outcome of the comparison firms, two at least.
    before, after : array of int
        Positions of the periods before joining, two at least, and of those that are to be estimated.
    n_treated : int
        Firms of the cohort.
    zeta_omega, zeta_lambda : float, optional
        Ridges; those of the paper where missing.

    Notes
    -----
    With T0 periods before, T1 after and noise s (equations 4 to 6 of the paper):
    omega minimises `sum_t (c + omega'Y(t) - mean(t))^2 + zeta^2 T0 |omega|^2` over the periods before, `zeta = (n_treated T1)^(1/4) s`;
    lambda minimises `sum_j (c + lambda'Y(j, before) - mean over after of Y(j))^2 + zeta^2 n0 |lambda|^2` with `zeta = 1e-6 s`; each over weights that
    are not negative and add to one. A ridge of `zeta_omega` = 0 leaves weights open where there are more firms than periods, so there is none.
    """
    noise = noise_level(others[:, before])
    if zeta_omega is None:
        zeta_omega = (n_treated * len(after)) ** 0.25 * noise
    if zeta_lambda is None:
        zeta_lambda = TIME_RIDGE * noise
    # How far each comparison firm is from the cohort in every period, but for a constant.
    apart = others[:, before].T - mean[before, None]
    apart = apart - apart.mean(axis=0)
    # Where all change alike, every weight tells the same, and rounding must not choose.
    equal = noise == 0.0
    if equal:
        omega = np.full(len(others), 1.0 / len(others))
        lambda_ = np.full(len(before), 1.0 / len(before))
    else:
        omega = simplex_weights(apart, zeta_omega**2 * len(before))
        gone = others[:, before] - others[:, after].mean(axis=1, keepdims=True)
        gone = gone - gone.mean(axis=0)
        lambda_ = simplex_weights(gone, zeta_lambda**2 * len(others))
    gap = float(np.sqrt(np.mean((apart @ omega) ** 2)))
    return SyntheticFit(omega, lambda_, zeta_omega, zeta_lambda, noise, gap)


def since_before(
    paths: FloatArray, before: IntArray, targets: IntArray, time_weights: FloatArray
) -> FloatArray:
    """Outcome in each target period less the weighted mean of the periods before, (n, targets)."""
    return np.asarray(paths[:, targets] - (paths[:, before] @ time_weights)[:, None])


def without_each(
    own: FloatArray,
    others: FloatArray,
    weights: FloatArray,
    clusters: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> tuple[FloatArray, FloatArray] | None:
    """By how much the means of both arms change where one cluster is left out, weights kept (algorithm 3 of the paper).

    Parameters
    ----------
    own : array, shape (n1, k)
        Of the cohort.
    others : array, shape (n0, k)
        Of the comparison firms.
    weights : array, shape (n0,)
        Those of firms that stay are divided by their sum.
    clusters : pair of arrays of int
        Cluster of each firm, numbered from 0 over both arms.

    Returns
    -------
    pair of arrays, shape (clusters, k)
        Change of the mean of the cohort, and of the weighted mean of the others; nothing where a cluster holds a whole arm.
    """
    count = 1 + max(int(c.max()) for c in clusters)
    size = np.bincount(clusters[0], minlength=count)
    weight = np.bincount(clusters[1], weights, minlength=count)
    if size.max() == len(own) or weight.max() > 1.0 - _WHOLE:
        return None
    mean, mixed = own.mean(axis=0), weights @ others
    gone, left = np.zeros((count, own.shape[1])), np.zeros((count, own.shape[1]))
    np.add.at(gone, clusters[0], own - mean)
    np.add.at(left, clusters[1], weights[:, None] * (others - mixed))
    gone /= -(len(own) - size)[:, None]
    left /= -(1.0 - weight)[:, None]
    return gone, left


def jackknife_influence(changes: FloatArray, clusters: IntArray, firms: int) -> FloatArray:
    """Leave-one-out changes (clusters, k) as influence functions of the firms in `clusters`, whose covariance is the jackknife's.

    With G clusters the jackknife is `(G - 1)/G sum (u - mean u)(u - mean u)'`. Influence functions give `s's / n^2`, s their sums over clusters: so
    `s = -n sqrt((G - 1)/G) (u - mean u)`, spread evenly over the firms of the cluster.

    Examples
    --------
    >>> u = np.array([[1.0], [2.0], [4.0]])
    >>> s = jackknife_influence(u, np.array([0, 1, 2]), 3)
    >>> round(float((s**2).sum() / 9), 6), round(float(2 / 3 * ((u - u.mean()) ** 2).sum()), 6)
    (3.111111, 3.111111)
    """
    count = len(changes)
    size = np.bincount(clusters, minlength=count)
    centred = changes - changes.mean(axis=0)
    return np.asarray(-firms * np.sqrt((count - 1) / count) * (centred / size[:, None])[clusters])
