"""Inverse probability weighting: each firm counts by how much its like is missing from the other arm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.core.whole_numbers import by_number, counted
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen
from impact.design.propensity import BoolArray, fit_propensity
from impact.design.request import MatchSettings, instead_of_separation
from impact.design.weighting import (
    CohortWeights,
    covariates_of,
    cross_product,
    said_when,
    solved_rows,
    weigh_cohorts,
)

_DEFAULT_TRIM = (0.0, 1.0)
_CERTAIN = 1e-12


@METHODS.register(
    "match",
    "ipw",
    summary="weights by the inverse of the probability of joining, or by overlap",
    takes=("cross-section", "panel"),
    estimands=("ATT", "ATE", "ATO"),
    covariates=True,
    needs=("numeric covariates known before joining", "firms of both arms"),
    options=("distance", "control", "stabilized", "trim"),
    reference="Hirano, Imbens and Ridder (2003); Robins, Hernan and Brumback (2000); Li, Morgan and Zaslavsky (2018); "
    "Crump, Hotz, Imbens and Mitnik (2009)",
)
def ipw(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Weigh by the score e: ATT 1 and e/(1-e), ATE 1/e and 1/(1-e), ATO (overlap) 1-e and e.

    Options
    -------
    stabilized : bool
        Multiply by the share of the arm (ATE: P(D = d); ATT: (1-P)/P for comparison firms), so that weights have a mean near one. A
        weighted mean is the same with and without.
    trim : (low, high), float, or "crump"
        Firms whose score lies outside [low, high] get no weight; one number a is [a, 1 - a]; "crump" is the rule of Crump et al.
        with the least variance. The effect is then one on the firms that stay.
    """
    _refuse_options(settings)
    return weigh_cohorts(candidates, settings, _weigh)


def _refuse_options(settings: MatchSettings) -> None:
    stabilized = settings.option("stabilized", False)
    if not isinstance(stabilized, (bool, np.bool_)):
        raise DesignError(f"stabilized is {stabilized!r}; it is True or False.")
    if stabilized and settings.estimand == "ATO":
        raise DesignError(
            "Overlap weights lie between 0 and 1 and are not stabilized; leave `stabilized` out."
        )
    if settings.distance in ("mahalanobis", "linear_logit"):
        raise DesignError(
            f"distance is {settings.distance!r}; weights need a probability: 'logit', 'probit', or a column with one."
        )
    trim_limits(settings, np.array([0.5]))


def trim_limits(settings: MatchSettings, score: FloatArray) -> tuple[float, float]:
    """Limits of the score between which firms keep their weight.

    Raises
    ------
    DesignError
        If `trim` is no pair of numbers in order, between 0 and 1.
    """
    trim: Any = settings.option("trim", _DEFAULT_TRIM)
    if isinstance(trim, str):
        if trim != "crump":
            raise DesignError(f"trim is {trim!r}; it is (low, high), one number, or 'crump'.")
        low = crump_limit(score)
        return low, 1 - low
    try:
        low, high = (trim, 1 - trim) if isinstance(trim, (int, float)) else map(float, trim)
    except (TypeError, ValueError):
        raise DesignError(f"trim is {trim!r}; it is (low, high), one number, or 'crump'.") from None
    if not 0 <= low < high <= 1:
        raise DesignError(f"trim is {trim!r}; the limits lie between 0 and 1, the lower one first.")
    return low, high


def crump_limit(score: FloatArray) -> float:
    """The limit a of the score, so that the effect on firms in [a, 1 - a] has the least variance (Crump et al. 2009, Corollary 1).

    With k = 1 / (e (1 - e)): no firm is dropped where max k <= 2 mean k; else a solves 1 / (a (1 - a)) = 2 mean of the k that are no
    larger than it.

    Examples
    --------
    >>> crump_limit(np.array([0.3, 0.5, 0.6]))
    0.0
    >>> round(crump_limit(np.array([0.01, 0.5, 0.5, 0.5, 0.6, 0.7])), 4)
    0.1387
    """
    k = np.sort(1.0 / (score * (1.0 - score)))
    mean = np.cumsum(k) / np.arange(1, len(k) + 1)
    if k[-1] <= 2 * mean[-1]:
        return 0.0
    # The limit solves gamma = 2 E[k | k <= gamma]; between two firms the mean stays what it is.
    inside = np.flatnonzero(k <= 2 * mean)
    gamma = 2 * float(mean[inside[-1]])
    return float(0.5 - np.sqrt(max(0.25 - 1 / gamma, 0.0)))


def _weigh(cohort: pd.DataFrame, settings: MatchSettings) -> CohortWeights:
    treated = cohort["treated"].to_numpy(dtype=bool)
    if settings.given is not None:
        score = cohort[settings.given].to_numpy(dtype=np.float64)
        _refuse_no_probability(score, cohort, settings.given)
        weights, _ = weights_of_score(score, treated, settings.estimand)
        weights, notes = _finished(weights, score, treated, cohort, settings)
        return CohortWeights(weights, score, notes=tuple(notes))
    link = "probit" if settings.distance == "probit" else "logit"
    x = cohort[list(settings.on)].to_numpy(dtype=np.float64)
    fit = fit_propensity(
        x,
        settings.on,
        treated,
        "probit" if link == "probit" else "logit",
        instead=instead_of_separation(settings),
    )
    z, _, dropped = covariates_of(cohort, settings)
    score = fit.probability
    _refuse_certain(score, treated, cohort, settings)
    weights, by_score = weights_of_score(score, treated, settings.estimand)
    design = np.column_stack([np.ones(len(z)), z])
    slope = score * (1 - score) if link == "logit" else _normal_density(fit.linear)
    spread = score * (1 - score)
    odds = np.divide(slope, spread, out=np.zeros_like(slope), where=spread > 0)
    if link == "logit":
        odds[:] = 1.0
    by_score = np.where(np.isfinite(by_score), by_score, 0.0)  # of firms that are trimmed
    information = cross_product(design, slope * odds) / len(z)
    influence = solved_rows(information, design * (odds * (treated - score))[:, None])
    gradient = design * (by_score * slope)[:, None]
    scaled, said = _finished(weights, score, treated, cohort, settings)
    ratio = np.divide(scaled, weights, out=np.zeros_like(weights), where=scaled > 0)
    return CohortWeights(
        scaled, score, gradient * ratio[:, None], influence, fit.model, (*dropped, *said)
    )


def weights_of_score(
    score: FloatArray, treated: BoolArray, estimand: str
) -> tuple[FloatArray, FloatArray]:
    """Weights of a score, and their derivative with respect to it.

    Examples
    --------
    >>> e, d = np.array([0.5, 0.2]), np.array([True, False])
    >>> [weights_of_score(e, d, estimand)[0].tolist() for estimand in ("ATT", "ATE", "ATO")]
    [[1.0, 0.25], [2.0, 1.25], [0.5, 0.2]]
    """
    e = score
    with np.errstate(divide="ignore"):
        if estimand == "ATT":
            return np.where(treated, 1.0, e / (1 - e)), np.where(treated, 0.0, 1 / (1 - e) ** 2)
        if estimand == "ATE":
            return (
                np.where(treated, 1 / e, 1 / (1 - e)),
                np.where(treated, -1 / e**2, 1 / (1 - e) ** 2),
            )
    return np.where(treated, 1 - e, e), np.where(treated, -1.0, 1.0)


def _finished(
    weights: FloatArray,
    score: FloatArray,
    treated: BoolArray,
    cohort: pd.DataFrame,
    settings: MatchSettings,
) -> tuple[FloatArray, list[str]]:
    """Stabilized and trimmed."""
    out = weights.copy()
    notes: list[str] = []
    if settings.option("stabilized", False):
        share = float(treated.mean())
        if settings.estimand == "ATE":
            out *= np.where(treated, share, 1 - share)
        else:
            out[~treated] *= (1 - share) / share
    low, high = trim_limits(settings, score)
    outside = (score < low) | (score > high)
    if outside.any():
        out[outside] = 0.0
        ins, outs = int((outside & treated).sum()), int((outside & ~treated).sum())
        notes.append(
            f"{counted(ins, 'participant')} and {counted(outs, 'comparison firm')}{said_when(cohort)} were trimmed: their score lies "
            f"outside [{low:.4g}, {high:.4g}]. The effect is on those that stay."
        )
    for arm, name in ((treated, "participant"), (~treated, "comparison firm")):
        if not out[arm].sum() > 0:
            raise DesignError(
                f"No {name} is left between the limits [{low:.4g}, {high:.4g}] of the score; widen `trim`."
            )
    return out, notes


def _refuse_certain(
    score: FloatArray, treated: BoolArray, cohort: pd.DataFrame, settings: MatchSettings
) -> None:
    """A firm that was as good as certain to be in its arm, or in the other, has a weight without bound."""
    certain = (~treated & (score >= 1 - _CERTAIN)) | (treated & (score <= _CERTAIN))
    if settings.estimand == "ATT":
        certain &= ~treated
    if certain.any() and settings.estimand != "ATO" and settings.option("trim", None) is None:
        unit, n = cohort["unit"].to_numpy()[int(np.flatnonzero(certain)[0])], int(certain.sum())
        raise DesignError(
            f"The score of {counted(n, 'firm')} of the other arm, {by_number(n, '', 'such as ')}'{unit}', is 0 or 1 to the last digits, so that "
            f"{by_number(n, 'its', 'their')} weight has "
            "no bound: the covariates nearly separate the arms. Use `trim`, overlap weights (estimand='ATO'), or fewer covariates."
        )


def _refuse_no_probability(score: FloatArray, cohort: pd.DataFrame, name: str) -> None:
    wrong = np.flatnonzero(~((score > 0) & (score < 1)))
    if len(wrong):
        first = int(wrong[0])
        raise DesignError(
            f"'{name}' must be a probability above 0 and below 1 to weight by; {counted(len(wrong), 'firm')} "
            f"{by_number(len(wrong), 'has another value,', 'have another value, such as')} {score[first]:.6g} of firm {cohort['unit'].iloc[first]!r}."
        )


def _normal_density(x: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))
