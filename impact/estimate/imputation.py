"""Imputation: what participants would have had, from firms and years without participation (Borusyak, Jaravel and Spiess 2024).

Firm and period effects are fitted on firm-years without participation only. They say what each participant would have had in each year;
the effect is the mean of what it had beyond that. No firm that participates is ever a comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.panel import Panel, as_codes, require_columns
from impact.core.registry import METHODS
from impact.estimate.did_scores import BoolArray
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.etwfe_families import FAMILIES, refuse_outside
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
from impact.estimate.two_way_poisson import PoissonTwoWay

NO_COMPARISON = (
    "no firm that its firms can be compared with is observed without participation in that year"
)
NO_GROWTH = (
    f"{NO_COMPARISON}, or no outcome of its firms or of these is above 0 without participation"
)
NO_EARLIER = (
    "no firm of the cohort, or none to compare it with, is observed in a year before it, too"
)
UNSEEN = "no firm of the cohort is observed in that year"
ONE_CLUSTER = "the cohort is one firm or one cluster in that year"
FEW_OTHERS = "too few comparison firms or clusters in that year"
_SHOWN_FIRMS = 5


@dataclass(frozen=True, slots=True)
class ImputationOptions:
    """Options of `imputation`; see there."""

    by: str | None = None
    anticipation: int = 0
    pretrends: int = 0
    leave_one_out: bool = False

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> ImputationOptions:
        """Check the options of a request.

        Raises
        ------
        EstimationError
            If an option has a value that does not exist.
        """
        by, apart = given.get("by"), given.get("leave_one_out", False)
        if by is not None and not isinstance(by, str):
            raise EstimationError(
                f"by={by!r} is not the name of a column; give one, such as by='sector'."
            )
        if not isinstance(apart, bool):
            raise EstimationError(f"leave_one_out={apart!r} does not exist; write True or False.")
        return cls(
            by, periods_option(given, "anticipation"), periods_option(given, "pretrends"), apart
        )


@dataclass(slots=True)
class _Rows:
    """k rows and what is known of them.

    Attributes
    ----------
    plan : list of CohortYear
    estimate : array, shape (k,)
    influence : array, shape (n, k)
        Not multiplied by n, so that a row's variance is the sum of squares of its column.
    share : array, shape (n, T)
        Part of a firm in the mean over its cohort in a period; 0 where it is in none of the rows.
    n_treated, n_control : array of int, shape (k,)
    reasons : Reasons
    """

    plan: list[CohortYear]
    estimate: FloatArray
    influence: FloatArray
    share: FloatArray
    n_treated: IntArray
    n_control: IntArray
    reasons: Reasons

    def undefined(self, reason: str, of: Sequence[int], *, estimate: bool = False) -> None:
        """Take the standard error of some rows away, or the estimate too, and say why."""
        self.influence[:, of] = np.nan
        if estimate:
            self.estimate[of] = np.nan
        lost = "no estimate" if estimate else "no standard error"
        self.reasons.say(f"{lost}, {reason}", [self.plan[i].term for i in of])


@METHODS.register(
    "att",
    "imputation",
    summary="an effect for each cohort and year, against what firms without participation predict",
    takes=("panel",),
    estimands=("ATT",),
    families=("gaussian", "poisson"),
    covariates=True,
    weights=True,
    needs=("firm-years without participation, in every year that is to be estimated",),
    options=("by", "anticipation", "pretrends", "leave_one_out"),
    reference="Borusyak, Jaravel and Spiess (2024), theorems 1 to 3; Wooldridge (2023), section 3 (Poisson)",
    earlier="pretrends=2",
)
def imputation(request: AttRequest) -> EffectResult:
    """Estimate ATT(g, t) as the mean of outcome less imputed outcome without participation.

    `Y(i, t) = a(i) + b(t) + x(i, t)'d + e(i, t)` is fitted by least squares on the firm-years in which the firm does not participate (yet);
    `tau(i, t) = Y(i, t) - a(i) - b(t) - x(i, t)'d` where it does, and ATT(g, t) is its mean over the firms of cohort g observed in t.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; covariates are those of the same year (they must not react to participation). With `family="poisson"` the
        mean is `exp(a(i) + b(t) + x(i, t)'d)`, for exports and other amounts with zeros. Options:

        by : str
            Column, constant within the firm, whose values have period effects of their own, such as a sector.
        anticipation : int
            Periods before joining in which firms may already react; they count as participation and have rows of their own.
        pretrends : int
            Number of years before joining (and before anticipation) to test, 0 for none. A *separate* regression on the same firm-years without
            participation gives each cohort a coefficient in each of these years, relative to its years before them. Nothing of
            it enters the effects, so that looking at it does not distort them (proposition 9 of the paper). Poisson: these years are imputed from all
            earlier ones (and other firms) as effects are, in a fit of their own.
        leave_one_out : bool
            Whether the mean effect that a firm's effect is compared with in the variance leaves that firm out: larger standard
            errors, for small cohorts (supplement A.9 of the paper).

    Returns
    -------
    EffectResult
        One row per cohort and year from joining on, and for the tested years before, keys `cohort, time, event_time`. `n_control` are the firms of
        other cohorts that take part in the regression. A firm that is never observed without participation cannot be imputed;
        it is left out, counted in `notes`, and not part of its cohort's size. Rows that cannot be imputed are missing.

    Raises
    ------
    DataError
        If a column holds text or infinite values, the outcome is below 0 (Poisson), or a cluster or `by` changes within a firm.
    EstimationError
        If nobody joins within the data, or no effect can be imputed.

    Notes
    -----
    *Variance.* An effect is `sum v(i,t) Y(i,t)`, and its conservative variance the sum over clusters of `(sum v e~)^2` (theorem 3), with `e~` the
    residual without participation, and `tau(i,t) - tau~(g,t)` under it. `tau~` is here the mean by cohort and period that gives the
    smallest variance, `sum_c V_c sum_(i in c) v tau / sum_c V_c^2`, V_c the sum of v over cluster c (with firms as clusters and equal weights, ATT(g, t)
    itself); the default of the authors' program. In general `tau~` depends on the weights of what is estimated, so that the influences of cells would not
    add up to that of their average. Within one cohort and period they do: an average multiplies all v of the cell by one number, which leaves
    `tau~` and the leave-one-out factor `1 / (1 - V_c^2 / sum V_c^2)` as they are. So the influence of an average is the average of the cells',
    and `aggregate` gives exactly the paper's variance of that average. As in the paper, sizes of cohorts are taken as given.

    *Poisson.* Effects are `Y(i, t)` less the fitted mean, in the unit of the outcome; `percent()` of the result (or of an average) gives per cent. The variance is
    the same with the Poisson regression's scores and the derivative of the fitted means (delta method); firm effects leave it as they leave the equations. A firm whose outcome is 0 in every
    year without participation has a fitted mean of 0 (it is separated, as ppmlhdfe says): it carries nothing in the regression, and what it has as a participant is all
    effect; such firms are counted in `notes`. On balanced panels without covariates the numbers are those of `etwfe` in the same family.

    *Averages* weight a cell by the size of its cohort (see `aggregate`). In an unbalanced panel this differs from the mean over
    all observed participants' years, in which cohorts that answer more count more.

    *Other packages.* diff-diff takes `tau~` over firms also where clusters are coarser; the same where clusters weigh alike. Its and the paper's
    leads are one coefficient for all cohorts; here each cohort has its own and averages weight them.

    References
    ----------
    Borusyak, K., Jaravel, X. and Spiess, J. (2024), "Revisiting event-study designs: robust and efficient estimation", Review of Economic
    Studies 91(6). Wooldridge, J. (2023), "Simple approaches to nonlinear difference-in-differences with panel data", Econometrics Journal 26(3).

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=4, cohorts=(3,), seed=1, noise=0.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="imputation")
    >>> effect.tidy()[["term", "estimate", "n_treated", "n_control"]].round(6)
           term  estimate  n_treated  n_control
    0  ATT(3,3)       0.1         30         30
    1  ATT(3,4)       0.2         30         30
    """
    options = ImputationOptions.read(request.options)
    panel = panel_of(request.data)
    family = FAMILIES[request.family]
    data = firm_periods(request)
    if family.name == "poisson":
        refuse_outside(data, family, request.outcome)
    data, untreated, groups = _usable(data, panel, options, request.outcome)
    effects, leads = _plan(data, options)
    fitted = _model(data, untreated, groups, family.name)
    rows = _impute(data, fitted, untreated, groups, effects, options, request.covariates)
    if np.isnan(rows.estimate).all():
        raise EstimationError("No effect can be imputed. " + " ".join(rows.reasons.notes()))
    if leads and family.name == "poisson":
        rows = _together(_imputed_leads(data, untreated, groups, leads, options), rows)
    elif leads:
        rows = _together(_test(data, untreated, groups, leads), rows)
    mean, of_mean = _means(rows, data)
    rows.influence *= len(data.units)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    return effect_from_influence(
        keys=key_table(rows.plan),
        estimate=rows.estimate,
        influence=rows.influence,
        firms=data.firms(),
        counts=pd.DataFrame({"n_treated": rows.n_treated, "n_control": rows.n_control}),
        method="imputation",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"conservative standard errors of Borusyak, Jaravel and Spiess (2024), clustered by {by}",
        notes=(
            *data.notes,
            *([f"Family {family.name}: {family.said}."] if family.said else []),
            *fitted.notes(data),
            *rows.reasons.notes(),
            *cluster_notes(data),
        ),
        source=request.data,
        seed=request.seed,
        anticipation=options.anticipation,
        baseline=mean - rows.estimate,
        baseline_influence=np.subtract(of_mean, rows.influence, out=of_mean),
        fixed_shares=True,
    )


def _usable(
    data: FirmPeriods, panel: Panel, options: ImputationOptions, outcome: str
) -> tuple[FirmPeriods, BoolArray, list[IntArray]]:
    """Firms that can be imputed or compared with, their firm-years without participation, and the groups of `by`."""
    group = None
    if options.by is not None:
        require_columns(panel.data, [options.by])
        group = panel.by_unit(options.by)
    data = observed(joining(data, options.anticipation), outcome)
    if group is not None:
        known = group.reindex(data.units).notna().to_numpy()
        data = data.kept(
            known, f"Firms without '{options.by}' are left out (firms: {int((~known).sum()):,})."
        )
    start = data.cohort[:, None] - options.anticipation
    untreated = ~np.isnan(data.outcome) & (data.periods < start)
    ever = np.asarray(untreated.any(axis=1))
    if not ever.all():
        names = [str(u) for u in data.units[~ever]]
        shown = ", ".join(names[:_SHOWN_FIRMS]) + (" and more" if len(names) > _SHOWN_FIRMS else "")
        data = data.kept(
            ever,
            f"Never observed without participation, so left out (firms: {len(names):,}: {shown}).",
        )
        untreated = untreated[ever]
    require_participants(data, outcome)
    if group is None:
        return data, untreated, [np.arange(len(data.units))]
    codes, levels = as_codes(group.reindex(data.units))
    order = np.argsort(codes, kind="stable")
    return (
        data,
        untreated,
        np.split(order, np.cumsum(np.bincount(codes, minlength=len(levels)))[:-1]),
    )


def _plan(
    data: FirmPeriods, options: ImputationOptions
) -> tuple[list[CohortYear], list[CohortYear]]:
    """Rows from joining (or anticipation) on, and the years before that are tested."""
    effects, leads = [], []
    for g in cohorts_of(data):
        start = g - options.anticipation
        for target, time in enumerate(data.periods.tolist()):
            if time >= start:
                effects.append(CohortYear(g, time, target))
            elif target and time >= start - options.pretrends:  # the first has no year before it
                leads.append(CohortYear(g, time, target))
    return effects, leads


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """What firms have without participation.

    Attributes
    ----------
    fit : TwoWay
        Firm and period effects (Poisson: the last step of the regression).
    effect : array, shape (n, T)
        Outcome less what was fitted.
    slope : array, shape (n, T), or None
        Derivative of what was fitted by the linear predictor; None is 1.
    weights : array, shape (n, T)
        Of the firm-years that carry the fit.
    known : list of array of bool
        By group, firm-years that can be imputed.
    poisson : PoissonTwoWay or None
    """

    fit: TwoWay
    effect: FloatArray
    slope: FloatArray | None
    weights: FloatArray
    known: list[BoolArray]
    poisson: PoissonTwoWay | None = None

    def pulled(self, share: FloatArray, members: IntArray, targets: list[int]) -> FloatArray:
        """How the mean over firms moves with their linear predictors."""
        return share if self.slope is None else share * self.slope[members][:, targets]

    def notes(self, data: FirmPeriods) -> list[str]:
        """Zeros that carry nothing."""
        if self.poisson is None:
            return []
        said = []
        joined = np.isfinite(data.cohort)
        own, others = (int((self.poisson.silent & arm).sum()) for arm in (joined, ~joined))
        if own:
            said.append(
                "Participants whose outcome is 0 in every year without participation are given 0 without the programme, so that all they have counts as effect "
                f"(firms: {own:,} of {int(joined.sum()):,})."
            )
        if others:
            said.append(
                f"Comparison firms whose outcome is always 0 say nothing on growth (firms: {others:,} of {int((~joined).sum()):,})."
            )
        lost = int(self.poisson.separated.sum())
        if lost:
            said.append(
                f"Zeros without participation that the model fits without error, so that they say nothing on growth (firm-years: {lost:,})."
            )
        return said


def _model(data: FirmPeriods, untreated: BoolArray, groups: list[IntArray], family: str) -> _Model:
    """Fit what firms have without participation."""
    weights = np.where(untreated, data.weights, 0.0)
    seen = ~np.isnan(data.outcome)
    outcome, covariates = _filled(data.outcome, seen), _filled(data.covariates, seen)
    if family == "gaussian":
        fit = TwoWay.fit(outcome, weights, covariates, groups)
        known = [two.connects() for two in fit.effects]
        return _Model(fit, fit.residual, None, weights, known)
    found = PoissonTwoWay.of(outcome, weights, covariates, groups)
    known = _with_silent(found, data.cohort, groups)
    return _Model(found.fit, outcome - found.mean, found.mean, found.weights, known, found)


def _with_silent(
    found: PoissonTwoWay, cohort: FloatArray, groups: list[IntArray]
) -> list[BoolArray]:
    """Firms without an outcome above 0 are imputed, by 0, in the years in which others of their cohort are imputed."""
    told = np.zeros(found.mean.shape, dtype=bool)
    for group, known in zip(groups, found.known, strict=True):
        told[group] = known
    for g in np.unique(cohort[found.silent]).tolist():
        own = np.flatnonzero(cohort == g)
        told[own[found.silent[own]]] = told[own[~found.silent[own]]].any(axis=0)
    return [told[group] for group in groups]


def _impute(
    data: FirmPeriods,
    model: _Model,
    untreated: BoolArray,
    groups: list[IntArray],
    plan: list[CohortYear],
    options: ImputationOptions,
    names: Sequence[str],
    wanted: BoolArray | None = None,
) -> _Rows:
    """Compare participants with what they would have had; in the firm-years `wanted`, else in all with participation."""
    fit = model.fit
    if wanted is None:
        wanted = ~np.isnan(data.outcome) & ~untreated
    own = np.where(wanted, data.weights, 0.0)
    lost = _without(own, model.known, groups)
    rows = _start(data, plan, own)
    for position, reason in fit.dropped if names else ():
        rows.reasons.say(
            f"covariate left out, it {reason} without participation", [f"'{names[position]}'"]
        )
    clusters = pd.factorize(data.cluster)[0]
    moment = np.zeros((len(fit.covariates), len(plan)))
    parts = []
    for members, where, targets in _cohorts(plan, data.cohort):
        share, effect = rows.share[members][:, targets], model.effect[members][:, targets]
        effect = np.where(share > 0, effect, 0.0)
        rows.estimate[where] = np.einsum("ij,ij->j", share, effect)
        moment[:, where] = -np.einsum(
            "ij,pij->pj",
            model.pulled(share, members, targets),
            fit.covariates[:, members][:, :, targets],
        )
        parts.append(
            (members, where, _apart(share, effect, clusters[members], options.leave_one_out))
        )
    rows.influence = fit.influence(_loadings(rows, data, model), moment, len(plan))
    for members, where, apart in parts:
        rows.influence[members, where] += apart
    unlike = NO_COMPARISON if model.poisson is None else NO_GROWTH
    _finish(rows, data, model.weights, groups, clusters, lost, unlike)
    return rows


def _imputed_leads(
    data: FirmPeriods,
    untreated: BoolArray,
    groups: list[IntArray],
    plan: list[CohortYear],
    options: ImputationOptions,
) -> _Rows:
    """The tested years before joining, imputed from the years before them in a fit of its own."""
    tested = np.zeros(untreated.shape, dtype=bool)
    for cell in plan:
        tested[data.cohort == cell.cohort, cell.target] = True
    tested &= untreated
    before = untreated & ~tested
    model = _model(data, before, groups, "poisson")
    return _impute(data, model, before, groups, plan, options, (), tested)


def _loadings(rows: _Rows, data: FirmPeriods, model: _Model) -> dict[int, FloatArray]:
    """How the effects move with the scores of the periods of each group: the weights v of the paper on firm-years without participation.

    They are `-w (l(i) + l(t) + x'l)`; a firm's scores add up to 0, so that its l(i) never enters, and the l(t) solve the system of periods.
    """
    found = {}
    fit = model.fit
    for b, (group, two) in enumerate(zip(fit.groups, fit.effects, strict=True)):
        need = np.zeros((two.weights.shape[1], len(rows.plan)))
        for members, where, targets in _cohorts(rows.plan, data.cohort[group]):
            share = model.pulled(rows.share[group[members]][:, targets], group[members], targets)
            need[targets, np.arange(len(rows.plan))[where]] += share.sum(axis=0)
            total = np.where(two.total[members] > 0, two.total[members], 1.0)
            need[:, where] -= two.weights[members].T @ (share / total[:, None])
        if need.any():
            found[b] = -two.inverse @ need
    return found


def _apart(
    share: FloatArray, effect: FloatArray, clusters: IntArray, leave_one_out: bool
) -> FloatArray:
    """Participants' part in the influence: how far their effects are from the mean that gives the smallest variance."""
    codes = pd.factorize(clusters)[0]
    sums = share
    if len(codes) and codes.max() + 1 < len(codes):
        by_cluster = np.zeros((codes.max() + 1, share.shape[1]))
        np.add.at(by_cluster, codes, share)
        sums = by_cluster[codes]
    weight = sums * share
    total = weight.sum(axis=0)
    safe = np.where(total > 0, total, 1.0)
    apart: FloatArray = share * (effect - np.einsum("ij,ij->j", weight, effect) / safe)
    if leave_one_out:
        left = 1 - sums**2 / safe
        apart /= np.where(
            left > 0, left, 1.0
        )  # 0 for a cohort of one cluster, which has no standard error
    return apart


def _test(
    data: FirmPeriods, untreated: BoolArray, groups: list[IntArray], plan: list[CohortYear]
) -> _Rows:
    """The separate regression of pre-trends: the tested years of a cohort have period effects of their own, beside those of other firms.

    Each tested year moves to a further column, so that its coefficient is the difference of two period effects.
    """
    n, periods = data.outcome.shape
    seen = ~np.isnan(data.outcome)
    wide = [
        np.zeros((*x.shape[:-1], periods + len(plan)))
        for x in (data.outcome, data.weights, data.covariates)
    ]
    outcome, weights, covariates = wide
    outcome[:, :periods] = _filled(data.outcome, seen)
    weights[:, :periods] = np.where(untreated, data.weights, 0.0)
    covariates[:, :, :periods] = _filled(data.covariates, seen)
    own = np.zeros((n, periods))
    for j, cell in enumerate(plan):
        members = np.flatnonzero(data.cohort == cell.cohort)
        own[members, cell.target] = weights[members, cell.target]
        for values in wide:
            values[..., members, periods + j] = values[..., members, cell.target]
        weights[members, cell.target] = 0.0
    fit = TwoWay.fit(outcome, weights, covariates, groups)
    known = []
    for group, two in zip(groups, fit.effects, strict=True):
        connected = np.ones((len(group), periods), dtype=bool)
        for j, cell in enumerate(plan):
            same = two.part[periods + j] == two.part[cell.target] >= 0
            connected[data.cohort[group] == cell.cohort, cell.target] = same
        known.append(connected)
    lost = _without(own, known, groups)
    rows = _start(data, plan, own)
    loadings = {}
    moment = np.zeros((len(fit.covariates), len(plan)))
    for b, (group, two) in enumerate(zip(groups, fit.effects, strict=True)):
        contrast = np.zeros((periods + len(plan), len(plan)))
        for members, where, targets in _cohorts(plan, data.cohort[group]):
            part = rows.share[group[members]][:, targets].sum(axis=0)
            columns = np.arange(len(plan))[where]
            contrast[periods + columns, columns] = part
            contrast[targets, columns] = -part
        rows.estimate += fit.period_effects[b] @ contrast
        moment -= fit.covariate_effects[:, b] @ contrast
        if contrast.any():
            loadings[b] = two.inverse @ contrast
    rows.influence = fit.influence(loadings, moment, len(plan))
    clusters = pd.factorize(data.cluster)[0]
    _finish(rows, data, np.where(untreated, data.weights, 0.0), groups, clusters, lost, NO_EARLIER)
    return rows


def _filled(values: FloatArray, seen: BoolArray) -> FloatArray:
    """0 where nothing was observed, which no weight will touch."""
    return np.where(seen, values, 0.0)


def _cohorts(
    plan: Sequence[CohortYear], cohort: FloatArray
) -> Iterator[tuple[IntArray, slice, list[int]]]:
    """For each cohort of the rows its firms (positions in `cohort`), its rows, which stand together, and their periods."""
    first = 0
    while first < len(plan):
        g = plan[first].cohort
        last = first
        while last < len(plan) and plan[last].cohort == g:
            last += 1
        members = np.flatnonzero(cohort == g)
        if len(members):
            yield members, slice(first, last), [cell.target for cell in plan[first:last]]
        first = last


def _without(own: FloatArray, known: list[BoolArray], groups: list[IntArray]) -> BoolArray:
    """Take the weight of firm-years that cannot be compared away, and say which they were."""
    lost = np.zeros(own.shape, dtype=bool)
    for group, connected in zip(groups, known, strict=True):
        lost[group] = (own[group] > 0) & ~connected
    own[lost] = 0.0
    return lost


def _start(data: FirmPeriods, plan: list[CohortYear], own: FloatArray) -> _Rows:
    """Rows with the shares of their firms, of which nothing else is known; `own` becomes the shares."""
    count = np.zeros(len(plan), dtype=np.int64)
    for members, where, targets in _cohorts(plan, data.cohort):
        weight = own[members][:, targets]
        count[where] = (weight > 0).sum(axis=0)
        total = weight.sum(axis=0)
        own[members[:, None], targets] = weight / np.where(total > 0, total, 1.0)
    none = np.zeros((0, 0))
    return _Rows(plan, np.zeros(len(plan)), none, own, count, np.zeros_like(count), Reasons())


def _finish(
    rows: _Rows,
    data: FirmPeriods,
    weights: FloatArray,
    groups: list[IntArray],
    clusters: IntArray,
    lost: BoolArray,
    unlike: str,
) -> None:
    """Count comparison firms, and find the rows that have no estimate or no standard error."""
    inside = weights > 0
    # A firm with one firm-year without participation says what it is like, and nothing on how years differ.
    twice = np.count_nonzero(inside, axis=1) >= 2
    for group in groups:
        for members, where, targets in _cohorts(rows.plan, data.cohort[group]):
            used = rows.share[group[members]][:, targets].any(axis=0)
            rows.n_control[where] += used * int(twice[group].sum() - twice[group[members]].sum())
    seen_apart = {
        g: cluster_range(clusters[m], inside[m] & twice[m, None]) for g, m in _members(data)
    }
    found: dict[str, list[int]] = {}
    partly: list[str] = []
    for members, where, targets in _cohorts(rows.plan, data.cohort):
        g = float(data.cohort[members[0]])
        missing = np.asarray(lost[members][:, targets].any(axis=0))
        low, high = cluster_range(clusters[members], rows.share[members][:, targets] > 0)
        alone = np.asarray(low >= high)
        others = [ends for cohort, ends in seen_apart.items() if cohort != g]
        few: BoolArray = np.ones(len(data.periods), dtype=bool)
        if others:
            low_of, high_of = (np.array(x) for x in zip(*others, strict=True))
            few = np.asarray(low_of.min(axis=0) >= high_of.max(axis=0))
        for j, i in enumerate(range(where.start, where.stop)):
            if not rows.n_treated[i]:
                found.setdefault(unlike if missing[j] else UNSEEN, []).append(i)
                continue
            if missing[j]:
                partly.append(rows.plan[i].term)
            if alone[j] or few[targets[j]]:
                found.setdefault(ONE_CLUSTER if alone[j] else FEW_OTHERS, []).append(i)
    for reason, of in found.items():
        rows.undefined(reason, of, estimate=reason in (UNSEEN, unlike))
    rows.reasons.say(f"some firms left out, {unlike}", partly)


def _members(data: FirmPeriods) -> Iterator[tuple[float, IntArray]]:
    """Firms of each cohort, and those that never join."""
    for g in np.unique(data.cohort).tolist():
        yield g, np.flatnonzero(data.cohort == g)


def _together(leads: _Rows, effects: _Rows) -> _Rows:
    """Leads and effects as one table, by cohort and period."""
    plan = [*leads.plan, *effects.plan]
    order = sorted(range(len(plan)), key=lambda i: (plan[i].cohort, plan[i].time))
    for reason, terms in leads.reasons.found.items():
        effects.reasons.say(reason, terms)
    return _Rows(
        [plan[i] for i in order],
        np.concatenate([leads.estimate, effects.estimate])[order],
        np.concatenate([leads.influence, effects.influence], axis=1)[:, order],
        leads.share + effects.share,
        np.concatenate([leads.n_treated, effects.n_treated])[order],
        np.concatenate([leads.n_control, effects.n_control])[order],
        effects.reasons,
    )


def _means(rows: _Rows, data: FirmPeriods) -> tuple[FloatArray, FloatArray]:
    """Mean outcome of the firms of each row, and its influence (n, k)."""
    mean = np.full(len(rows.plan), np.nan)
    influence = np.zeros((len(data.units), len(rows.plan)))
    for members, where, targets in _cohorts(rows.plan, data.cohort):
        share = rows.share[members][:, targets]
        outcome = np.where(share > 0, data.outcome[members][:, targets], 0.0)
        mean[where] = np.einsum("ij,ij->j", share, outcome)
        influence[members, where] = len(data.units) * share * (outcome - mean[where])
    return mean, influence
