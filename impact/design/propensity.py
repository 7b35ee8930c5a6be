"""The score: how likely was each firm to join, given what was known of it before?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray, infer
from impact.core.tidy import estimate_table
from impact.core.whole_numbers import by_number, counted
from impact.engines.glm import BinaryFit, Design, Link, fit_binary

BoolArray = npt.NDArray[np.bool_]

_CONSTANT = 1e-10  # a spread this small beside the mean is rounding
_COLLINEAR = 1e-7  # what is left of a standardised column after the columns before it
_CLEARLY = 1e-4  # above this, neither needs a closer look
_BLOCK = 16_384  # rows that fit into a processor's cache


@dataclass(frozen=True, slots=True)
class Propensity:
    """A fitted score.

    Attributes
    ----------
    linear, probability : array, shape (n,)
        The score on the scale of the link, and as a probability.
    model : DataFrame
        Coefficients in the units of the covariates: `term`, `estimate` to `conf_high`.
    dropped : tuple of (str, str)
        Covariates that carry no information of their own, and why.
    """

    linear: FloatArray
    probability: FloatArray
    model: pd.DataFrame
    dropped: tuple[tuple[str, str], ...]


def fit_propensity(
    x: FloatArray | Sequence[FloatArray],
    names: Sequence[str],
    treated: BoolArray,
    link: Link,
    *,
    instead: str = "Leave the covariate out.",
) -> Propensity:
    """Estimate the probability of joining by logit or probit.

    Parameters
    ----------
    x : array, shape (n, k), or sequence of k arrays, each of shape (n,)
        Covariates; columns of their own need not be put into one table first.
    names : sequence of str
        Their names.
    treated : array of bool, shape (n,)
    link : {"logit", "probit"}
    instead : str
        What to do where the covariates separate the arms, in a sentence: what else the method can take.

    Returns
    -------
    Propensity

    Raises
    ------
    DesignError
        If no covariate varies, or if the covariates tell some firms' participation without error
        (separation), so that the score has no maximum-likelihood estimate.

    Notes
    -----
    The covariates are standardised for the fit, so that a change of their unit or origin changes
    nothing; the coefficients are turned back.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])
    >>> treated = np.array([False, False, True, False, True, True])
    >>> score = fit_propensity(x, ["size"], treated, "logit")
    >>> round(float(score.probability.sum()), 8)
    3.0
    """
    columns = list(x.T) if isinstance(x, np.ndarray) else list(x)
    kept, dropped = independent_columns(columns, names)
    if not kept:
        raise DesignError(
            f"No covariate varies among these {len(treated):,} firms ({', '.join(names)}); there is "
            "nothing to match on."
        )
    center = np.array([columns[j].mean() for j in kept])
    scale = np.array([columns[j].std() for j in kept])
    design = Design([columns[j] for j in kept], center, scale)
    fit = fit_binary(treated.astype(np.float64), design, link)
    kept_names = [names[j] for j in kept]
    _refuse_separation(fit, design.columns, treated, kept_names, instead)
    return Propensity(
        linear=fit.linear_predictor,
        probability=fit.fitted,
        model=_in_units(fit, center, scale, kept_names),
        dropped=tuple(dropped),
    )


def independent_columns(
    x: FloatArray | Sequence[FloatArray], names: Sequence[str]
) -> tuple[list[int], list[tuple[str, str]]]:
    """Columns that vary and are no combination of those before them; the others with the reason.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 5.0], [2.0, 4.0, 5.0], [4.0, 8.0, 5.0]])
    >>> independent_columns(x, ["size", "double", "same"])
    ([0], [('double', 'is a combination of covariates before it'), ('same', 'is constant')])
    """
    columns = list(x.T) if isinstance(x, np.ndarray) else x
    if _clearly_independent(columns):
        return list(range(len(columns))), []
    kept: list[int] = []
    dropped = []
    basis: list[FloatArray] = []
    for j, name in enumerate(names):
        column = columns[j] - columns[j].mean()
        norm = float(np.linalg.norm(column))
        if norm <= _CONSTANT * max(float(np.linalg.norm(columns[j])), np.finfo(float).tiny):
            dropped.append((name, "is constant"))
            continue
        rest = column / norm
        for _ in range(2):  # twice is enough to orthogonalise to machine precision
            for q in basis:
                rest = rest - q * float(q @ rest)
        left = float(np.linalg.norm(rest))
        if left <= _COLLINEAR:
            dropped.append((name, "is a combination of covariates before it"))
            continue
        kept.append(j)
        basis.append(rest / left)
    return kept, dropped


def _clearly_independent(columns: Sequence[FloatArray]) -> bool:
    """Whether the correlations alone show that no column is close to constant or to a combination.

    They lose half of the digits, so what is close is looked at column by column.
    """
    n, k = (len(columns[0]) if len(columns) else 0), len(columns)
    if not n:
        return False
    center = np.array([column.mean() for column in columns])
    cross = np.zeros((k, k))
    for start in range(0, n, _BLOCK):
        rows = np.stack([c[start : start + _BLOCK] for c in columns]) - center[:, None]
        cross += rows @ rows.T
    with np.errstate(all="ignore"):
        around_zero = np.diag(cross) + n * center**2
        if not (np.diag(cross) > _CLEARLY**2 * around_zero).all():
            return False
        norm = np.sqrt(np.diag(cross))
        try:
            left = np.diag(np.linalg.cholesky(cross / np.outer(norm, norm)))
        except np.linalg.LinAlgError:
            return False
    return bool((left > _CLEARLY).all())


def _refuse_separation(
    fit: BinaryFit,
    columns: Sequence[FloatArray],
    treated: BoolArray,
    names: Sequence[str],
    instead: str,
) -> None:
    if fit.separated.any():
        count = int(fit.separated.sum())
        if count == len(treated):
            found = "the covariates tell participants from the others without a single error"
        else:
            found = (
                f"for {count:,} of {counted(len(treated), 'firm')} the covariates tell without error whether "
                f"{by_number(count, 'it', 'they')} joined"
            )
        alone = [n for n, column in zip(names, columns, strict=True) if _separates(column, treated)]
        blame = f" ({', '.join(alone)} does so alone)" if alone else ""
        raise DesignError(
            f"The score cannot be estimated: {found}{blame}, so there is nobody to compare them with. "
            f"{instead}"
        )
    if not fit.converged:
        raise DesignError(
            "The score did not converge; the covariates are close to collinear or to separation. "
            "Leave one of them out."
        )


def _separates(column: FloatArray, treated: BoolArray) -> bool:
    """Whether one arm's values lie on one side of the other's, touching at most at one value."""
    ins, outs = column[treated], column[~treated]
    return bool(ins.min() >= outs.max() or outs.min() >= ins.max())


def _in_units(
    fit: BinaryFit, center: FloatArray, scale: FloatArray, names: Sequence[str]
) -> pd.DataFrame:
    """Coefficients per unit of the covariates, from those per standard deviation."""
    back = np.diag(np.concatenate([[1.0], 1.0 / scale]))
    back[0, 1:] = -center / scale
    estimate = back @ fit.coefficients
    std_error = np.sqrt(np.diag(back @ fit.covariance @ back.T))
    table = infer(estimate, std_error)
    table.insert(0, "term", ["constant", *names])
    return estimate_table(table)
