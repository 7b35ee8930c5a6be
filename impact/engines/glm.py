"""Binary regressions: Newton's method over blocks of rows, and statsmodels where that does not settle.

Arrays in, plain estimates out. The blocks fit into the cache of a processor, so that a million firms are read once an
iteration and no matrix of their size is made on the way.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

Link = Literal["logit", "probit"]

_TOLERANCE = 1e-11  # on the coefficients, which belong to standardised columns
_ITERATIONS = 200
_NEWTON = 40  # iterations, before statsmodels is asked
_BLOCK = 16_384  # rows
_SAMPLE = 16  # of many firms every such one is fitted first
_MANY = 50_000  # firms
_POSITIVE = 1e-7  # above the tolerance of the linear programme
_LARGE = {"logit": 15.0, "probit": 5.0}  # a linear predictor beyond this is worth a closer look


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The columns of a regression, standardised a block of rows at a time, after a constant.

    Attributes
    ----------
    columns : sequence of arrays, each of shape (n,)
    center, scale : array, shape (k,)
        What is taken off each column, and what the rest is divided by.
    constant : bool
        Whether a column of ones comes first.
    """

    columns: Sequence[FloatArray]
    center: FloatArray
    scale: FloatArray
    constant: bool = True

    def __len__(self) -> int:
        return len(self.columns[0])

    @property
    def width(self) -> int:
        """Columns, with the constant."""
        return len(self.columns) + int(self.constant)

    def block(self, rows: slice) -> FloatArray:
        """Some rows, by columns: shape (width, m)."""
        first = self.columns[0][rows]
        out = np.empty((self.width, len(first)))
        if self.constant:
            out[0] = 1.0
        for j, column in enumerate(self.columns, start=int(self.constant)):
            np.subtract(column[rows], self.center[j - self.constant], out=out[j])
            out[j] /= self.scale[j - self.constant]
        return out

    def blocks(self) -> Iterator[tuple[slice, FloatArray]]:
        """All rows, in parts that fit into a processor's cache."""
        for start in range(0, len(self), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield rows, self.block(rows)

    def thinned(self, step: int) -> Design:
        """Every so many rows."""
        return Design([c[::step] for c in self.columns], self.center, self.scale, self.constant)

    def whole(self) -> FloatArray:
        """All rows at once: shape (n, width)."""
        return self.block(slice(None)).T


@dataclass(frozen=True, slots=True)
class BinaryFit:
    """Maximum-likelihood estimates of a binary regression.

    Attributes
    ----------
    coefficients : array, shape (k,)
    covariance : array, shape (k, k)
        Inverse of the expected information.
    linear_predictor, fitted : array, shape (n,)
        `X b` and the probability.
    converged : bool
    separated : array of bool, shape (n,)
        Rows that a combination of the columns predicts without error; no maximum exists when any.
    """

    coefficients: FloatArray
    covariance: FloatArray
    linear_predictor: FloatArray
    fitted: FloatArray
    converged: bool
    separated: npt.NDArray[np.bool_]


def fit_binary(y: FloatArray, x: FloatArray | Design, link: Link) -> BinaryFit:
    """Fit `P(y = 1) = F(x b)` by maximum likelihood.

    Parameters
    ----------
    y : array, shape (n,)
        Zeros and ones.
    x : array, shape (n, k), or Design
        Columns with the constant among them, of about the same scale and not collinear.
    link : {"logit", "probit"}

    Returns
    -------
    BinaryFit
        The linear predictor is summed column by column, so that equal rows have equal scores to the
        last bit; a matrix product does not promise that.

    Examples
    --------
    >>> y = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    >>> fit = fit_binary(y, np.ones((5, 1)), "logit")
    >>> bool(np.isclose(fit.coefficients[0], np.log(0.6 / 0.4), atol=1e-10))
    True
    """
    from scipy import special

    design = x if isinstance(x, Design) else _as_design(x)
    fit = _newton(y, design, link)
    separated = np.zeros(len(y), dtype=bool)
    if fit is None:
        whole = design.whole()
        separated = separated_rows(y, whole)
        most = (
            1 if separated.any() else _ITERATIONS
        )  # where there is no maximum, none is looked for
        estimate, covariance, converged = _statsmodels(y, whole, link, most=most)
    else:
        estimate, covariance, converged = fit.coefficients, fit.covariance, True
    linear = np.zeros(len(y))
    for rows, block in design.blocks():
        for column, coefficient in zip(block, estimate, strict=True):
            linear[rows] += column * coefficient
    if fit is not None and not fit.bounded and bool(np.abs(linear).max() > _LARGE[link]):
        separated = separated_rows(y, design.whole())
    return BinaryFit(
        coefficients=estimate,
        covariance=covariance,
        linear_predictor=linear,
        fitted=special.expit(linear) if link == "logit" else special.ndtr(linear),
        converged=converged,
        separated=separated,
    )


def _as_design(x: FloatArray) -> Design:
    k = x.shape[1]
    return Design(list(x.T), np.zeros(k), np.ones(k), constant=False)


@dataclass(frozen=True, slots=True)
class _Maximum:
    """Where Newton's method came to rest, and whether it is certain that no row is separated."""

    coefficients: FloatArray
    covariance: FloatArray
    bounded: bool


_Terms = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Derivative of the log-likelihood by the linear predictor, and minus its second derivative."""


def _newton(y: FloatArray, x: Design, link: Link) -> _Maximum | None:
    """The maximum of the likelihood, or None where the steps do not die out."""
    terms: _Terms = _logit_terms if link == "logit" else _probit_terms
    nowhere = np.zeros(x.width)
    with np.errstate(all="ignore"):
        near = _steps(y[::_SAMPLE], x.thinned(_SAMPLE), nowhere, terms) if len(y) > _MANY else None
        found = None if near is None else _steps(y, x, near[0], terms)
        if found is None:
            found = _steps(y, x, nowhere, terms)
        if found is None:
            return None
        b, _, information, bounded = found
        if link == "probit":
            information = _derivatives(y, x, b, _probit_expected)[1]
        try:
            covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
        except np.linalg.LinAlgError:
            return None
    return _Maximum(b, covariance, bounded) if np.isfinite(covariance).all() else None


def _steps(
    y: FloatArray, x: Design, b: FloatArray, terms: _Terms
) -> tuple[FloatArray, FloatArray, FloatArray, bool] | None:
    """Newton's steps until the next one would be nothing.

    Close to the maximum each step is a smaller part of the one before it, so what is left after a step is less than the
    step times that part. Gives the coefficients, the last derivatives, and whether they prove that there is a maximum.
    """
    before = np.inf
    for _ in range(_NEWTON):
        gradient, information, largest = _derivatives(y, x, b, terms)
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return None
        size = float(np.abs(step).max())
        if not np.isfinite(size):
            return None
        b = b + step
        if size < 1e-3 and size * min(1.0, size / before) <= _TOLERANCE:
            if size > 10 * _TOLERANCE:  # the variance belongs to where the steps end
                gradient, information, largest = _derivatives(y, x, b, terms)
            return b, gradient, information, _bounded(gradient, information, largest, len(y))
        before = size
    return None


def _derivatives(
    y: FloatArray, x: Design, b: FloatArray, terms: _Terms
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradient and information at `b`, and the largest absolute value of each column and of the linear predictor."""
    gradient, information, largest = (
        np.zeros(len(b)),
        np.zeros((len(b), len(b))),
        np.zeros(len(b) + 1),
    )
    for part, rows in x.blocks():
        linear = b @ rows
        slope, curve = terms(y[part], linear)
        gradient += rows @ slope
        np.maximum(largest[:-1], rows.max(axis=1), out=largest[:-1])
        np.maximum(largest[:-1], -rows.min(axis=1), out=largest[:-1])
        largest[-1] = max(largest[-1], np.abs(linear).max())
        rows *= np.sqrt(curve)
        information += rows @ rows.T
    return gradient, information, largest


def _logit_terms(y: FloatArray, linear: FloatArray) -> tuple[FloatArray, FloatArray]:
    from scipy import special

    p = special.expit(linear)
    return y - p, p * (1.0 - p)


def _probit_terms(y: FloatArray, linear: FloatArray) -> tuple[FloatArray, FloatArray]:
    from scipy import special

    sign = 2.0 * y - 1.0
    ratio = np.exp(_LOG_PEAK - linear**2 / 2 - special.log_ndtr(sign * linear))
    return sign * ratio, np.maximum(ratio * (ratio + sign * linear), 0.0)


def _probit_expected(y: FloatArray, linear: FloatArray) -> tuple[FloatArray, FloatArray]:
    from scipy import special

    log_weight = 2 * _LOG_PEAK - linear**2 - special.log_ndtr(linear) - special.log_ndtr(-linear)
    return np.zeros_like(y), np.exp(log_weight)


_LOG_PEAK = float(-0.5 * np.log(2 * np.pi))


def _bounded(gradient: FloatArray, information: FloatArray, largest: FloatArray, n: int) -> bool:
    """Whether the derivatives alone prove that no direction separates the arms.

    Were `d` such a direction (largest entry 1, columns scaled to a largest entry of 1), no row would lose by it, and so
    `d'Hd = sum h (x d)^2 <= k (1 + max|x b|) sum u |x d| = k (1 + max|x b|) d'g`, with `u` the slope of a row and
    `h <= u (1 + |x b|)` its curvature. Where the smallest eigenvalue of `H` is above what `g` allows there is none, and a
    linear programme over all rows is spared.
    """
    scale = np.where(largest[:-1] > 0, largest[:-1], 1.0)
    least = float(np.linalg.eigvalsh(information / np.outer(scale, scale)).min())
    slope = float(np.abs(gradient / scale).sum()) + n * np.finfo(np.float64).eps
    return bool(least > 1e3 * len(scale) * (1.0 + float(largest[-1])) * slope)


def _statsmodels(
    y: FloatArray, x: FloatArray, link: Link, *, most: int
) -> tuple[FloatArray, FloatArray, bool]:
    """The same by the iterations of statsmodels, which get by where Newton's steps are too long."""
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    links = {"logit": families.links.Logit(), "probit": families.links.Probit()}
    with warnings.catch_warnings():  # what they say is found and said by the caller
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            result = GLM(y, x, family=families.Binomial(link=links[link])).fit(
                maxiter=most, tol=_TOLERANCE, tol_criterion="params"
            )
            covariance = np.asarray(result.cov_params(), dtype=np.float64)
    coefficients = np.asarray(result.params, dtype=np.float64)
    converged = bool(result.converged) and bool(np.isfinite(coefficients).all())
    return coefficients, covariance, converged


def separated_rows(y: FloatArray, x: FloatArray) -> npt.NDArray[np.bool_]:
    """Rows that some combination of the columns predicts without error (Albert and Anderson 1984).

    Solves Konis's (2007) linear programme: maximise `sum_i s_i x_i b` over `-1 <= b <= 1` subject to
    `s_i x_i b >= 0`, with `s = 2y - 1`. A positive optimum is a direction in which the likelihood
    rises for ever. It is solved again for the rows left at zero, since the sum of two such directions
    is one too, until no row is added.

    Examples
    --------
    >>> x = np.column_stack([np.ones(4), [0.0, 0.0, 0.0, 1.0]])
    >>> separated_rows(np.array([0.0, 1.0, 0.0, 1.0]), x).tolist()
    [False, False, False, True]
    """
    from scipy.optimize import linprog

    signed = (2 * y - 1)[:, None] * x
    size = np.abs(signed).max(axis=0)
    signed = signed / np.where(size > 0, size, 1.0)
    separated = np.zeros(len(y), dtype=bool)
    while not separated.all():
        found = linprog(
            -signed[~separated].sum(axis=0),
            A_ub=-signed,
            b_ub=np.zeros(len(y)),
            bounds=(-1, 1),
            method="highs",
        )
        more = ~separated & (signed @ found.x > _POSITIVE)
        if not more.any():
            break
        separated |= more
    return separated
