"""The two-way fixed effects coefficient of participation, which says with each number what it is made of.

It is kept because it is what many evaluations print. Where firms join in different years it is no average effect: firms that already participate
serve as comparison, so that changes of their effects are subtracted (Goodman-Bacon 2021; de Chaisemartin and D'Haultfoeuille 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.core.whole_numbers import by_number, counted
from impact.estimate.bacon import (
    FORBIDDEN,
    not_decomposed,
    regression_sample,
    shares,
)
from impact.estimate.did_scores import BoolArray
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.firm_periods import FirmPeriods, firm_periods, panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.lone_cluster import lone_cluster
from impact.estimate.request import AttRequest
from impact.estimate.two_way import TwoWay

_ROUNDING = 1e-12  # of the largest weight: a weight of 0


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """The coefficient, its influence (n,), the residual of participation (n, P) and the covariates that were left out."""

    coefficient: float
    influence: FloatArray
    residual: FloatArray
    dropped: list[tuple[int, str]]


@METHODS.register(
    "att",
    "twfe",
    summary="the two-way fixed effects coefficient, with what it is made of; no average effect where effects differ",
    takes=("panel",),
    estimands=("ATT",),
    families=("gaussian",),
    covariates=True,
    weights=True,
    needs=("firms that join within the data, at different times or beside others",),
    options=(),
    reference="Goodman-Bacon (2021), theorem 1; de Chaisemartin and D'Haultfoeuille (2020), theorem 1",
)
def twfe(request: AttRequest) -> EffectResult:
    """Regress the outcome on participation (0 or 1) with firm and period effects, and say what the coefficient is made of.

    `Y(i, t) = a(i) + b(t) + beta D(i, t) + x(i, t)'d + e(i, t)`, D being 1 from the first period of participation on.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; no options. Covariates are those of the same period.

    Returns
    -------
    EffectResult
        One row. `notes` say what share of its weight lies on comparisons with firms that already participate, and how much weight on treated
        firm-periods is negative; `impact.bacon` lists the comparisons. Firms that participate since before the data begin take part, as in
        any such regression. There is no baseline, since the number is no effect on anybody.

    Raises
    ------
    DataError
        If a column holds text or infinite values, or a cluster changes within a firm.
    EstimationError
        If participation does not vary beyond the effects of firms and periods.

    Notes
    -----
    Standard errors are those of the scores summed within clusters, without a small-sample factor (CR0; plm's Arellano HC0). On mpdta, clustered by
    county, that is 0.01324. With G/(G-1) x (N-1)/(N-K), firm effects not in K (fixest, pyfixest, reghdfe), it is 0.01327, the 0.0133 that is mostly
    printed; linearmodels, which counts firm effects in K where there are two effects, prints 0.0148.

    The weight of a treated firm-period is `w D~ / sum of w D~ over treated firm-periods`, D~ the residual of D on all other
    regressors: the coefficient is the sum of these weights times the effect in each firm-period (theorem 1 of de Chaisemartin and D'Haultfoeuille). With
    covariates, or in an unbalanced panel, only this is given, and the decomposition into comparisons is not.

    References
    ----------
    Goodman-Bacon, A. (2021), "Difference-in-differences with variation in treatment timing", Journal of Econometrics 225(2). de Chaisemartin, C. and
    D'Haultfoeuille, X. (2020), "Two-way fixed effects estimators with heterogeneous treatment effects", American Economic Review 110(9).

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=8, cohorts=(4, 6), seed=1, noise=0.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="twfe")  # the mean effect is 0.35625
    >>> effect.tidy()["estimate"].round(4).tolist()
    [0.2393]
    >>> effect.notes[0][:60]
    'WARNING: this number is no average effect where effects grow'
    """
    panel = panel_of(request.data)
    data = regression_sample(firm_periods(request), request.outcome)
    treated = np.asarray(data.periods >= data.cohort[:, None])
    fit = _fitted(data, treated)
    seen = ~np.isnan(data.outcome)
    said = [f"Covariate '{request.covariates[j]}' left out, it {why}." for j, why in fit.dropped]
    influence = fit.influence
    reason = _undefined(data, treated & seen)
    if reason:
        influence = np.full_like(influence, np.nan)
        said.append(f"No standard error: {reason}.")
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    took_part = (treated & seen).any(axis=1)
    return effect_from_influence(
        keys=pd.DataFrame({"term": ["participation"]}),
        estimate=np.array([fit.coefficient]),
        influence=influence[:, None],
        firms=data.firms(),
        counts=pd.DataFrame(
            {
                "n_treated": [int(took_part.sum())],
                "n_control": [int((~took_part).sum())],
                "n_obs": [int(seen.sum())],
            }
        ),
        method="twfe",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"standard errors from the scores of the regression, clustered by {by}, no small-sample factor",
        band=False,
        notes=(
            *_comparison_notes(data, request),
            _negative_note(data, treated & seen, fit.residual),
            *data.notes,
            *said,
            *cluster_notes(data),
        ),
        source=request.data,
        seed=request.seed,
    )


def _fitted(data: FirmPeriods, treated: BoolArray) -> _Fit:
    """Fit the regression; participation stands first among its columns."""
    if not len(data.units):
        raise EstimationError("No firm is observed in two periods; a change needs two.")
    seen = ~np.isnan(data.outcome)
    weights = np.where(seen, data.weights, 0.0)
    columns = np.concatenate([treated[None].astype(np.float64), data.covariates])
    fit = TwoWay.fit(
        np.where(seen, data.outcome, 0.0),
        weights,
        np.where(seen, columns, 0.0),
        [np.arange(len(data.units))],
    )
    if any(position == 0 for position, _ in fit.dropped):
        raise EstimationError(
            "Participation does not vary beyond the effects of firms and periods: nobody is seen before and after joining, or everybody joins in the same "
            "period and there is nobody to compare with. Add firms that never join, or periods before joining."
        )
    n, k = len(data.units), len(fit.covariates)
    unit = np.eye(k)[:, :1]
    # Of the coefficients only this one: what participation has that all other regressors have not (Frisch, Waugh and Lovell).
    residual = np.einsum("p,pit->it", fit.bread[0] / fit.bread[0, 0], fit.covariates)
    # The level of a firm takes no part; without it the sum keeps its digits.
    level = np.where(seen, data.outcome - np.nanmean(data.outcome, axis=1, keepdims=True), 0.0)
    coefficient = float(np.sum(weights * residual * level) / np.sum(weights * residual**2))
    influence = n * fit.influence({}, unit, 1)[:, 0]
    return _Fit(coefficient, influence, residual, [(j - 1, why) for j, why in fit.dropped])


def _undefined(data: FirmPeriods, treated: BoolArray) -> str:
    """Why the spread between clusters cannot be seen; empty where it can."""
    clusters = pd.factorize(data.cluster)[0]
    seen = ~np.isnan(data.outcome)
    moves = np.asarray(treated.any(axis=1) & (seen & ~treated).any(axis=1))
    if lone_cluster(clusters, moves):
        return "the firms that join are one firm or one cluster"
    if len(np.unique(data.cohort[moves])) == 1 and lone_cluster(clusters, ~moves):
        return "too few comparison firms or clusters"
    return ""


def _comparison_notes(data: FirmPeriods, request: AttRequest) -> list[str]:
    """What share of weight lies on which comparisons, and what that means."""
    advice = "Use method='group_time' or 'imputation' for an average effect."
    loud = "WARNING: this number is no average effect where effects grow, fade or differ between cohorts"
    several = len(np.unique(data.cohort[np.isfinite(data.cohort)])) > 1
    reason = "it has covariates" if request.covariates else not_decomposed(data)
    if reason:
        said = f"It is not taken apart into comparisons, since {reason}."
        return [f"{loud}. {said} {advice}" if several else said]
    share = shares(data)
    forbidden = sum(share.get(kind, 0.0) for kind in FORBIDDEN)
    parts = ", ".join(f"{kind} {100 * weight:.1f} %" for kind, weight in share.items())
    if not forbidden:
        return [f"No comparison uses firms that already participate (weights: {parts})."]
    return [
        f"{loud}: {100 * forbidden:.1f} % of its weight lies on forbidden comparisons, with firms that already participate and whose changes of effect "
        f"are subtracted (weights: {parts}). impact.bacon lists them. {advice}"
    ]


def _negative_note(data: FirmPeriods, treated: BoolArray, residual: FloatArray) -> str:
    """How many treated firm-periods have a negative weight, and how much in all."""
    weight = np.where(treated, data.weights * residual, 0.0)
    weight /= weight.sum()
    negative = weight < -_ROUNDING * np.abs(weight).max()
    count, of = int(negative.sum()), int(treated.sum())
    if not count:
        return f"No treated firm-period has a negative weight (of {of:,})."
    return (
        f"Negative weights: {count:,} of {of:,} treated firm-periods ({100 * count / of:.1f} %) {by_number(count, 'enters', 'enter')} with the opposite sign; their weights sum to "
        f"{weight[negative].sum():.4f}, those of all {counted(of, 'firm-period')} to 1."
    )
