"""Entropy balancing: the weights closest to equal ones with which the comparison firms have the participants' moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen
from impact.design.propensity import BoolArray, independent_columns
from impact.design.request import MatchSettings
from impact.design.weighting import (
    CohortWeights,
    covariates_of,
    cross_product,
    rows_times,
    solved_rows,
    weigh_cohorts,
    weighted_sum,
)

_TOLERANCE = 1e-13  # on the moments, in standard deviations
_ROUNDING = 1e-8  # what rounding may leave of it where the weights are extreme
_ITERATIONS = 200
_HALVINGS = 40
_FLAT = 1e-8


@METHODS.register(
    "match",
    "entropy",
    summary="weights under which comparison firms have the means (variances, skewness) of the target",
    takes=("cross-section", "panel"),
    estimands=("ATT", "ATE"),
    covariates=True,
    needs=(
        "numeric covariates known before joining",
        "a target inside the range of the comparison firms",
    ),
    options=("control", "moments", "base_weights"),
    reference="Hainmueller (2012); Zhao and Percival (2017)",
)
def entropy(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Minimise the sum of w log(w / q) subject to the moments; the dual is solved by Newton's method.

    Weights of a weighted arm sum to the number of firms of the target: participants for the ATT, all firms for the ATE.

    Options
    -------
    moments : {1, 2, 3}
        Balance means, or variances too, or the third moments too. A covariate of zeros and ones has one moment.
    base_weights : str
        Column of the weights q to which the weights stay close; positive. Default: equal ones.
    """
    moments = settings.option("moments", 1)
    if isinstance(moments, bool) or moments not in (1, 2, 3):
        raise DesignError(f"moments is {moments!r}; choose from 1, 2, 3.")
    return weigh_cohorts(candidates, settings, _weigh)


def _weigh(cohort: pd.DataFrame, settings: MatchSettings) -> CohortWeights:
    treated = cohort["treated"].to_numpy(dtype=bool)
    z, names, notes = covariates_of(cohort, settings)
    c, terms = _powers(z, names, int(settings.option("moments", 1)))
    base = _base(cohort, settings)
    everyone = np.ones(len(c), dtype=bool)
    target = treated if settings.estimand == "ATT" else everyone
    arms = [~treated] if settings.estimand == "ATT" else [treated, ~treated]
    weights = np.where(treated, 1.0, 0.0)
    gradients, influences = [], []
    for arm in arms:
        w, gradient, influence = _arm(c, terms, arm, target, base)
        weights[arm] = w[arm]
        gradients.append(gradient)
        influences.append(influence)
    return CohortWeights(
        weights,
        np.full(len(c), np.nan),
        np.concatenate(gradients, axis=1),
        np.concatenate(influences, axis=1),
        None,
        notes,
    )


def _powers(z: FloatArray, names: Sequence[str], moments: int) -> tuple[FloatArray, list[str]]:
    """Covariates and their powers, each standardised; powers that add nothing (of zero-one columns) left out."""
    columns, terms = [z], list(names)
    for power in range(2, moments + 1):
        raised = z**power
        columns.append(
            (raised - raised.mean(axis=0))
            / np.where(raised.std(axis=0) > 0, raised.std(axis=0), 1.0)
        )
        terms += [f"{name}^{power}" for name in names]
    c = np.concatenate(columns, axis=1)
    if moments == 1:
        return c, terms
    kept, _ = independent_columns(c, terms)
    return np.asarray(c[:, kept], dtype=np.float64), [terms[j] for j in kept]


def _base(cohort: pd.DataFrame, settings: MatchSettings) -> FloatArray:
    name: Any = settings.option("base_weights", None)
    if name is None:
        return np.ones(len(cohort))
    q: FloatArray = cohort[name].to_numpy(dtype=np.float64)
    if not (q > 0).all():
        unit = cohort["unit"].to_numpy()[int(np.argmin(q))]
        raise DesignError(
            f"Base weights must be positive; '{name}' is {q.min():.6g} for firm {unit!r}."
        )
    return q


def _arm(
    c: FloatArray, terms: Sequence[str], arm: BoolArray, target: BoolArray, base: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights of one arm that have the target's means of `c`, their gradient and the influence of their parameters."""
    n, size = len(c), float(target.sum())
    mean = c[target].mean(axis=0)
    _refuse_out_of_range(c[arm], mean, terms)
    own = c[arm] - mean
    share, _ = balance_to_zero(own, base[arm])
    if np.abs(weighted_sum(share, own)).max() > _ROUNDING:
        raise DesignError(
            "No weights give the comparison firms the participants' moments: the target lies outside what firms of the arm, "
            "weighted in any way, can reach together. Balance fewer covariates or fewer moments, or match within a caliper."
        )
    weights = np.zeros(n)
    weights[arm] = share * size
    # Moment conditions: the arm's weighted distance from the target mean is 0, and the mean is the target's.
    gradient = np.zeros_like(c)
    gradient[arm] = weights[arm, None] * own
    jacobian = cross_product(own, weights[arm]) / n
    moment = gradient - (weights.sum() / size) * np.where(target[:, None], c - mean, 0.0)
    influence = -solved_rows(jacobian, moment)
    return weights, gradient, influence


def balance_to_zero(c: FloatArray, base: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares proportional to `base * exp(c b)` with which every column of `c` has mean zero, and b.

    Parameters
    ----------
    c : array, shape (m, k)
        Columns of about unit scale, measured from their target.
    base : array, shape (m,)
        Positive weights.

    Returns
    -------
    tuple of arrays
        Shares (m,), which sum to one, and b (k,). Where no weights reach the target, the shares of the last step: the
        caller looks at their means.

    Notes
    -----
    The dual of entropy balancing, log sum q exp(c b), is convex; damped Newton steps with its exact Hessian.

    Examples
    --------
    >>> shares, _ = balance_to_zero(np.array([[-1.0], [0.0], [3.0]]), np.ones(3))
    >>> round(float(shares @ np.array([-1.0, 0.0, 3.0])), 12), round(float(shares.sum()), 12)
    (0.0, 1.0)
    """
    b = np.zeros(c.shape[1])
    value, share = _dual(c, base, b)
    for _ in range(_ITERATIONS):
        slope = weighted_sum(share, c)
        if np.abs(slope).max() <= _TOLERANCE:
            break
        hessian = cross_product(c, share) - np.outer(slope, slope)
        step = -np.linalg.lstsq(hessian, slope, rcond=1e-14)[0]
        fall = float(slope @ step)
        for length in 0.5 ** np.arange(_HALVINGS):
            trial, shares = _dual(c, base, b + length * step)
            # Next to the optimum the value no longer tells steps apart; the moments do.
            nearer = fall > -_FLAT and np.abs(weighted_sum(shares, c)).max() < np.abs(slope).max()
            if nearer or trial <= value + 1e-4 * length * fall:
                break
        else:
            break
        b, value, share = b + length * step, trial, shares
    return share, b


def _dual(c: FloatArray, base: FloatArray, b: FloatArray) -> tuple[float, FloatArray]:
    line = rows_times(c, b)
    top = float(line.max())
    raised = base * np.exp(line - top)
    total = float(raised.sum())
    return float(np.log(total) + top), raised / total


def _refuse_out_of_range(c: FloatArray, mean: FloatArray, terms: Sequence[str]) -> None:
    outside = [
        terms[j]
        for j in range(len(terms))
        if not c[:, j].min() < mean[j] < c[:, j].max()
        and not (c[:, j].min() == mean[j] == c[:, j].max())
    ]
    if outside:
        raise DesignError(
            f"The target's mean of {', '.join(outside)} lies outside the range of the firms that are to be weighted: no weights reach "
            "it. Leave the covariate (or the moment) out, or find other comparison firms."
        )
