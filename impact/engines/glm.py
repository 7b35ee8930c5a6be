"""Binary regressions by statsmodels: arrays in, plain estimates out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

Link = Literal["logit", "probit"]

_TOLERANCE = 1e-11  # on the coefficients, which belong to standardised columns
_ITERATIONS = 200
_POSITIVE = 1e-7  # above the tolerance of the linear programme
_LARGE = {"logit": 15.0, "probit": 5.0}  # a linear predictor beyond this is worth a closer look


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


def fit_binary(y: FloatArray, x: FloatArray, link: Link) -> BinaryFit:
    """Fit `P(y = 1) = F(x b)` by iterated weighted least squares.

    Parameters
    ----------
    y : array, shape (n,)
        Zeros and ones.
    x : array, shape (n, k)
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
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    links = {"logit": families.links.Logit(), "probit": families.links.Probit()}
    with warnings.catch_warnings():  # what they say is found and said by the caller
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            result = GLM(y, x, family=families.Binomial(link=links[link])).fit(
                maxiter=_ITERATIONS, tol=_TOLERANCE, tol_criterion="params"
            )
            covariance = np.asarray(result.cov_params(), dtype=np.float64)
    coefficients = np.asarray(result.params, dtype=np.float64)
    linear = np.zeros(len(y))
    for column, coefficient in zip(x.T, coefficients, strict=True):
        linear += column * coefficient
    converged = bool(result.converged) and bool(np.isfinite(coefficients).all())
    suspicious = not converged or bool(np.abs(linear).max() > _LARGE[link])
    return BinaryFit(
        coefficients=coefficients,
        covariance=covariance,
        linear_predictor=linear,
        fitted=special.expit(linear) if link == "logit" else special.ndtr(linear),
        converged=converged,
        separated=separated_rows(y, x) if suspicious else np.zeros(len(y), dtype=bool),
    )


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
