"""Interaction-weighted event study: every cohort and year in one regression, with firm and period effects (Sun and Abraham 2021).

One regression gives each cohort its own coefficient in each year but the last before joining. Averages weight them by the sizes
of cohorts, not by the weights that a regression with one coefficient per event time would choose, some of them negative.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.estimate.did_scores import BoolArray
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.firm_periods import FirmPeriods, firm_periods, panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.request import AttRequest
from impact.estimate.staggered import (
    CohortYear,
    Reasons,
    cluster_range,
    cohorts_of,
    joining,
    key_table,
    observed,
    periods_option,
    require_participants,
)
from impact.estimate.two_way import IntArray, TwoWay

NOT_OWN = "no firms of the cohort connect that year with the year before joining"
NOT_OTHERS = "no comparison firms connect that year with the year before joining"
ONE_CLUSTER = "the cohort is one firm or one cluster in that year"
FEW_OTHERS = "too few comparison firms or clusters in that year"


@dataclass(slots=True)
class _Rows:
    """k rows: base period of each (a position), estimate, influence (n, k), mean outcome and its influence, counts, reasons."""

    plan: list[CohortYear]
    base: list[int]
    estimate: FloatArray
    influence: FloatArray
    mean: FloatArray
    of_mean: FloatArray
    n_treated: IntArray
    n_control: IntArray
    reasons: Reasons


@METHODS.register(
    "att",
    "interaction_weighted",
    summary="an effect for each cohort and year from one regression, averaged by the sizes of cohorts",
    takes=("panel",),
    estimands=("ATT",),
    families=("gaussian",),
    covariates=True,
    weights=True,
    needs=("a period before joining", "firms that never join, or a last cohort"),
    options=("anticipation",),
    reference="Sun and Abraham (2021), section 4",
)
def interaction_weighted(request: AttRequest) -> EffectResult:
    """Estimate ATT(g, t) by a regression with an indicator for each cohort and year.

    `Y(i, t) = a(i) + b(t) + sum over cohorts g and years t of ATT(g, t) 1[i in g, year t] + x(i, t)'d + e(i, t)`, without the last year before
    joining (and before `anticipation`), which is the reference of its cohort. Firms that never join give b(t).

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; covariates are those of the same year (they must not react to participation). Options:

        anticipation : int
            Periods before joining in which firms may already react; the reference moves back by as many.

    Returns
    -------
    EffectResult
        One row per cohort and year, keys `cohort, time, event_time`; the reference is a row of 0 without a standard error. Where every
        firm joins, the last cohort is the comparison: it has no rows, the years from its joining (less `anticipation`) on are dropped, and `notes` say
        so.

    Raises
    ------
    DataError
        If a column holds text or infinite values, or a cluster changes within a firm.
    EstimationError
        If nobody joins within the data, there is nobody to compare with, or no effect can be estimated.

    Notes
    -----
    The indicators leave each cohort period effects of its own, so that the regression falls into one of firms and periods for each
    cohort and one for the comparison firms, joined by the slopes of covariates alone, and needs no dummies. Standard errors come from its
    scores, summed within clusters, without a small-sample factor (fixest and pyfixest multiply by G/(G-1) x (N-1)/(N-K), diff-diff likewise).
    `aggregate` counts the sizes of cohorts as estimated, as the paper does; fixest, pyfixest and diff-diff take them as given.

    Without covariates and with every firm observed in every year the rows are those of `group_time` with control="never" and
    base_period="universal". In an unbalanced panel they are not: a firm that is not seen in the reference year still takes part here.

    References
    ----------
    Sun, L. and Abraham, S. (2021), "Estimating dynamic treatment effects in event studies with heterogeneous treatment effects", Journal of
    Econometrics 225(2).

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=4, cohorts=(3,), seed=1, noise=0.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="interaction_weighted")
    >>> effect.tidy()[["term", "estimate", "n_treated", "n_control"]].tail(2).round(6)
           term  estimate  n_treated  n_control
    2  ATT(3,3)       0.1         30         30
    3  ATT(3,4)       0.2         30         30
    """
    anticipation = periods_option(request.options, "anticipation")
    panel = panel_of(request.data)
    data, control = compared(firm_periods(request), anticipation, request.outcome)
    rows = _estimate(data, control, anticipation, request.covariates)
    reference = np.array([i == cell.target for i, cell in zip(rows.base, rows.plan, strict=True)])
    if np.isnan(rows.estimate[~reference]).all():
        raise EstimationError("No effect can be estimated. " + " ".join(rows.reasons.notes()))
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    return effect_from_influence(
        keys=key_table(rows.plan),
        estimate=rows.estimate,
        influence=rows.influence,
        firms=data.firms(),
        counts=pd.DataFrame({"n_treated": rows.n_treated, "n_control": rows.n_control}),
        method="interaction_weighted",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"standard errors from the scores of the regression, clustered by {by}",
        notes=(*data.notes, *rows.reasons.notes(), *cluster_notes(data)),
        source=request.data,
        seed=request.seed,
        anticipation=anticipation,
        baseline=np.where(reference, np.nan, rows.mean - rows.estimate),
        baseline_influence=np.subtract(rows.of_mean, rows.influence, out=rows.of_mean),
    )


def compared(data: FirmPeriods, anticipation: int, outcome: str) -> tuple[FirmPeriods, BoolArray]:
    """The firms and periods that are used, and which firms are the comparison."""
    data = joining(data, anticipation)
    require_participants(data, outcome)
    if np.isinf(data.cohort).any():
        data = observed(data, outcome)
        require_participants(data, outcome)
        control = np.isinf(data.cohort)
        if control.any():
            return data, control
        raise EstimationError(
            f"No firm that never joins is observed twice with '{outcome}'; leave such firms out, so that the last cohort can be compared with, or add "
            "comparison firms."
        )
    last = max(cohorts_of(data))
    before = data.periods < last - anticipation
    if len(cohorts_of(data)) == 1:
        raise EstimationError(
            "Every firm joins, and all in the same year: there is nobody to compare with. Add firms that never join, or that join later."
        )
    data = replace(
        data,
        periods=data.periods[before],
        outcome=data.outcome[:, before],
        covariates=data.covariates[:, :, before],
        weights=data.weights[:, before],
    ).noted(
        f"No firm never joins, so the last cohort ({last}) is the comparison, and the years from {last - anticipation} on are dropped."
    )
    data = observed(data, outcome)
    control = data.cohort == last
    if control.all() or not control.any():
        raise EstimationError(
            f"No firm joins before the last cohort ({last}), or none of it is observed in two years with '{outcome}': there is nobody to compare with."
        )
    return data, control


def _estimate(
    data: FirmPeriods, control: BoolArray, anticipation: int, names: tuple[str, ...]
) -> _Rows:
    """Fit the regression and take each row as a difference of differences of period effects."""
    seen = ~np.isnan(data.outcome)
    weights = np.where(seen, data.weights, 0.0)
    cohorts = [g for g in cohorts_of(data) if not control[data.cohort == g].any()]
    groups = [np.flatnonzero(control), *(np.flatnonzero(data.cohort == g) for g in cohorts)]
    outcome = np.where(seen, data.outcome, 0.0)
    fit = TwoWay.fit(outcome, weights, np.where(seen, data.covariates, 0.0), groups)
    rows = _start(data, cohorts, anticipation)
    for position, reason in fit.dropped:
        rows.reasons.say(f"covariate left out, it {reason}", [f"'{names[position]}'"])
    periods, k = len(data.periods), len(rows.plan)
    contrast = np.zeros((1 + len(cohorts), periods, k))
    for i, (cell, base) in enumerate(zip(rows.plan, rows.base, strict=True)):
        own = 1 + cohorts.index(cell.cohort)
        for b, sign in ((own, 1.0), (0, -1.0)):
            contrast[b, cell.target, i] += sign
            contrast[b, base, i] -= sign
    rows.estimate = np.einsum("bt,btk->k", fit.period_effects, contrast)
    moment = -np.einsum("pbt,btk->pk", fit.covariate_effects, contrast)
    loadings = {b: two.inverse @ contrast[b] for b, two in enumerate(fit.effects)}
    rows.influence = fit.influence(loadings, moment, k)
    rows.influence *= len(data.units)
    _count(rows, data, weights, fit, cohorts)
    return rows


def _start(data: FirmPeriods, cohorts: list[int], anticipation: int) -> _Rows:
    """The rows of each cohort, with its reference: the last period before joining and anticipation."""
    plan, base = [], []
    for g in cohorts:
        last_before = int(np.flatnonzero(data.periods < g - anticipation)[-1])
        for target, time in enumerate(data.periods.tolist()):
            plan.append(CohortYear(g, time, target))
            base.append(last_before)
    n, k = len(data.units), len(plan)
    count, none = np.zeros(k, dtype=np.int64), np.zeros((n, k))
    return _Rows(plan, base, np.zeros(k), none, np.full(k, np.nan), np.zeros((n, k)), count, count.copy(), Reasons())  # fmt: skip


def _count(
    rows: _Rows, data: FirmPeriods, weights: FloatArray, fit: TwoWay, cohorts: list[int]
) -> None:
    """Counts and means of each row; rows that have no estimate or no standard error, with the reason."""
    clusters = pd.factorize(data.cluster)[0]
    inside = weights > 0
    ends = [cluster_range(clusters[group], inside[group]) for group in fit.groups]
    few = [low >= high for low, high in ends]
    count = [np.count_nonzero(inside[group], axis=0) for group in fit.groups]
    found: dict[str, list[int]] = {}
    for i, (cell, base) in enumerate(zip(rows.plan, rows.base, strict=True)):
        own = 1 + cohorts.index(cell.cohort)
        rows.n_treated[i] = count[own][cell.target]
        rows.n_control[i] = count[0][cell.target]
        if base == cell.target:
            continue
        for b, reason in ((own, NOT_OWN), (0, NOT_OTHERS)):
            part = fit.effects[b].part
            if not part[cell.target] == part[base] >= 0:
                found.setdefault(reason, []).append(i)
                break
        else:
            members = fit.groups[own]
            share = weights[members, cell.target] / weights[members, cell.target].sum()
            outcome = np.where(share > 0, data.outcome[members, cell.target], 0.0)
            rows.mean[i] = share @ outcome
            rows.of_mean[members, i] = len(data.units) * share * (outcome - rows.mean[i])
            if few[own][cell.target] or few[0][cell.target]:
                reason = ONE_CLUSTER if few[own][cell.target] else FEW_OTHERS
                found.setdefault(reason, []).append(i)
    for reason, of in found.items():
        lost = "no estimate" if reason in (NOT_OWN, NOT_OTHERS) else "no standard error"
        rows.influence[:, of] = np.nan
        rows.estimate[of] = np.where(lost == "no estimate", np.nan, rows.estimate[of])
        rows.reasons.say(f"{lost}, {reason}", [rows.plan[i].term for i in of])
