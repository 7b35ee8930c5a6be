"""The covariate balancing propensity score: a logit score estimated so that its weights balance the covariates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray, infer
from impact.core.registry import METHODS
from impact.core.tidy import estimate_table
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen
from impact.design.ipw import weights_of_score
from impact.design.propensity import BoolArray
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

_TOLERANCE = 1e-12  # on the mean moment, in standard deviations of the covariates
_ITERATIONS = 200


@METHODS.register(
    "match",
    "cbps",
    summary="weights by a logit score that is estimated to balance the covariates' means",
    takes=("cross-section", "panel"),
    estimands=("ATT", "ATE"),
    covariates=True,
    needs=("numeric covariates known before joining", "firms of both arms"),
    options=("control",),
    reference="Imai and Ratkovic (2014), just identified",
)
def cbps(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Solve the balance conditions for the coefficients of the score e = expit(x b).

    ATT: sum of [D - (1 - D) e/(1-e)] x = 0; ATE: sum of [D/e - (1 - D)/(1-e)] x = 0. Weighted means of the covariates are then
    equal in both arms. For the ATT these are the weights of entropy balancing of means. The over-identified form, which adds the score
    of the logit and balances only nearly, is not offered.
    """
    return weigh_cohorts(candidates, settings, _weigh)


def _weigh(cohort: pd.DataFrame, settings: MatchSettings) -> CohortWeights:
    treated = cohort["treated"].to_numpy(dtype=bool)
    z, names, notes = covariates_of(cohort, settings)
    design = np.column_stack([np.ones(len(z)), z])
    b = _solve(design, treated, settings.estimand)
    line = rows_times(design, b)
    score = 1 / (1 + np.exp(-line))
    weights, by_score = weights_of_score(score, treated, settings.estimand)
    slope = by_score * score * (1 - score)
    moment, steep = _moments(line, treated, settings.estimand)
    jacobian = cross_product(design, steep) / len(z)
    influence = solved_rows(jacobian, design * moment[:, None])
    covariance = cross_product(influence, np.ones(len(z))) / len(z) ** 2
    return CohortWeights(
        weights,
        score,
        design * slope[:, None],
        influence,
        _in_units(b, covariance, cohort, names),
        notes,
    )


def _moments(line: FloatArray, treated: BoolArray, estimand: str) -> tuple[FloatArray, FloatArray]:
    """The factor of x in each firm's balance condition, and less its derivative by the linear predictor (never negative)."""
    up = np.exp(np.minimum(line, 700.0))
    if estimand == "ATT":
        return np.where(treated, 1.0, -up), np.where(treated, 0.0, up)
    down = np.exp(np.minimum(-line, 700.0))
    return np.where(treated, 1 + down, -(1 + up)), np.where(treated, down, up)


def _objective(line: FloatArray, treated: BoolArray, estimand: str) -> float:
    """What the conditions maximise: concave in the coefficients."""
    up = np.exp(np.minimum(line, 700.0))
    if estimand == "ATT":
        return float(np.where(treated, line, -up).sum())
    down = np.exp(np.minimum(-line, 700.0))
    return float(np.where(treated, line - down, -(line + up)).sum())


def _solve(design: FloatArray, treated: BoolArray, estimand: str) -> FloatArray:
    n = len(design)
    b = np.zeros(design.shape[1])
    b[0] = np.log(treated.sum() / (~treated).sum())
    line = rows_times(design, b)
    value = _objective(line, treated, estimand)
    for _ in range(_ITERATIONS):
        moment, steep = _moments(line, treated, estimand)
        slope = weighted_sum(moment, design)
        if np.abs(slope).max() <= _TOLERANCE * n:
            return b
        step = np.linalg.lstsq(cross_product(design, steep), slope, rcond=1e-14)[0]
        length = 1.0
        while length > 1e-10:
            trial_line = rows_times(design, b + length * step)
            trial = _objective(trial_line, treated, estimand)
            if trial >= value - 1e-12 * abs(value) and np.isfinite(trial):
                break
            length /= 2
        else:
            break
        b, line, value = b + length * step, trial_line, trial
    raise DesignError(
        "No score balances the covariates: their means in one arm cannot be reached by weighting the other. Use fewer covariates, or match "
        "within a caliper."
    )


def _in_units(
    b: FloatArray, covariance: FloatArray, cohort: pd.DataFrame, names: list[str]
) -> pd.DataFrame:
    """Coefficients per unit of the covariates, from those per standard deviation."""
    x = cohort[names].to_numpy(dtype=np.float64)
    center, scale = x.mean(axis=0), x.std(axis=0)
    back = np.diag(np.concatenate([[1.0], 1.0 / scale]))
    back[0, 1:] = -center / scale
    table = infer(back @ b, np.sqrt(np.diag(back @ covariance @ back.T)))
    table.insert(0, "term", ["constant", *names])
    return estimate_table(table)
