"""Group-time effects: one effect for each cohort and year (Callaway and Sant'Anna 2021).

Each cell compares the change of a cohort, from its base period to a target period, with the change
of firms that were not participating, and nothing else: cells never borrow from firms that already
participate. `impact.estimate.aggregate` averages the cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.core.whole_numbers import counted
from impact.estimate.cross_section_scores import cross_section_growth, cross_section_score
from impact.estimate.did_scores import (
    ESTIMATORS,
    TRIM_LIMIT,
    BoolArray,
    NotIdentified,
    design_matrix,
    regression,
)
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.etwfe_families import FAMILIES, refuse_outside
from impact.estimate.firm_periods import FirmPeriods, firm_periods, panel_of
from impact.estimate.growth_scores import growth_score
from impact.estimate.request import AttRequest

FEW_CLUSTERS = 30
_SHOWN_TERMS = 6


@dataclass(frozen=True, slots=True)
class GroupTimeOptions:
    """Options of `group_time`; see there."""

    control: Literal["never", "not_yet"] = "never"
    estimator: Literal["dr", "ipw", "reg"] = "dr"
    base_period: Literal["varying", "universal"] = "varying"
    anticipation: int = 0
    unbalanced: Literal["pairwise", "balanced", "cross_sections"] = "pairwise"

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> GroupTimeOptions:
        """Check the options of a request.

        Raises
        ------
        EstimationError
            If an option has a value that does not exist.
        """
        choices = {
            "control": ("never", "not_yet"),
            "estimator": tuple(ESTIMATORS),
            "base_period": ("varying", "universal"),
            "unbalanced": ("pairwise", "balanced", "cross_sections"),
        }
        for name, known in choices.items():
            if name in given and given[name] not in known:
                raise EstimationError(
                    f"{name}={given[name]!r} does not exist for group_time; choose from "
                    f"{', '.join(map(repr, known))}."
                )
        wait = given.get("anticipation", 0)
        if isinstance(wait, bool) or not isinstance(wait, int | np.integer) or wait < 0:
            raise EstimationError(
                f"anticipation={wait!r} is not a number of periods; write 0, 1, 2, …"
            )
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Cell:
    """One effect to be estimated: a cohort, a target period and the positions of its two periods."""

    cohort: int
    time: int
    target: int
    base: int

    @property
    def term(self) -> str:
        """How the cell is printed."""
        return f"ATT({self.cohort},{self.time})"


@dataclass(slots=True)
class _Cells:
    """What is filled in cell by cell: k estimates, their influence (n, k), counts, and reasons."""

    plan: list[Cell]
    estimate: FloatArray
    influence: FloatArray
    baseline: FloatArray
    baseline_influence: FloatArray
    part: npt.NDArray[np.int8]
    n_treated: npt.NDArray[np.int64]
    n_control: npt.NDArray[np.int64]
    reasons: dict[str, list[str]] = field(default_factory=dict)

    def say(self, reason: str, positions: list[int]) -> None:
        """Remember that the cells at these positions share a limitation."""
        known = self.reasons.setdefault(reason, [])
        known += [t for t in (self.plan[i].term for i in positions) if t not in known]


@METHODS.register(
    "att",
    "group_time",
    summary="an effect for each cohort and year, against firms that do not participate (yet)",
    takes=("panel", "matched panel"),
    estimands=("ATT",),
    families=("gaussian", "poisson"),
    covariates=True,
    weights=True,
    needs=(
        "a period before joining",
        "firms that never join, or join later (control='not_yet')",
    ),
    options=("control", "estimator", "base_period", "anticipation", "unbalanced"),
    reference="Callaway and Sant'Anna (2021), equations 2.1-2.4; Sant'Anna and Zhao (2020); Wooldridge (2023), section 2 (Poisson)",
)
def group_time(request: AttRequest) -> EffectResult:
    """Estimate ATT(g, t): the effect in year t on the firms that joined in year g.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; `family` is

        gaussian
            Parallel trends: without the programme, means would have changed by as much.
        poisson
            Parallel growth: without the programme, means would have changed by the same per cent. For exports and other amounts with zeros.
            Effects are in the unit of the outcome; `percent()` of the result (or of an average of it) is the effect in per cent.

        with the options

        control : {"never", "not_yet"}
            Comparison firms: those that never join within the data, or these and all that have not
            joined by the later of the two periods (plus `anticipation`).
        estimator : {"dr", "ipw", "reg"}
            Doubly robust, inverse probability weighting, outcome regression; all three are the
            plain difference in differences (Poisson: ratio of ratios) where there are no covariates.
        base_period : {"varying", "universal"}
            Base of the cells before joining: the period before the target (a chain of short
            differences), or the last period before joining (one long difference each, with a
            reference row of 0). From joining on, both take the last period before joining.
        anticipation : int
            Periods before joining in which firms may already react; the base period moves back by
            as many.
        unbalanced : {"pairwise", "balanced", "cross_sections"}
            Each cell takes the firms observed in both of its periods; or only firms observed in
            every period of the data are used at all; or periods are cross-sections of firms that need not
            be seen twice, such as a survey whose sample is drawn anew, and cells are differences of means. The last
            uses covariates and weights of a row's own period (Poisson: weights alone).

    Returns
    -------
    EffectResult
        One row per cell, keys `cohort, time, event_time`; counts are the firms behind the cell.
        Cells that cannot be estimated are missing, and `notes` say why. Where a cohort is one firm
        (or one cluster), its estimate stands without a standard error, which is undefined.

    Raises
    ------
    DataError
        If a column holds text or infinite values, the outcome is below 0 (Poisson), or a cluster changes within a firm.
    EstimationError
        If there is no firm to compare with, nobody joins after the first period, or no cell can be
        estimated; for covariates of cross-sections in the family Poisson.

    Notes
    -----
    Covariates are those of the base period of the cell; so are the weights. R `did` takes them from
    the earlier of the two periods, which differs for cells before joining with a universal base.
    Where a firm is not in a cell its influence is 0, and the influence of the n_c firms in the cell
    is multiplied by n / n_c, so that the variance of every cell is `s's / n^2` (section 4.1).

    *Poisson.* With means over the firms of the cell, what cohort g would have had in t is its mean at the base times the growth of the comparison firms,
    `ATT(g, t) = Y(g, t) - Y(g, base) C(t) / C(base)`. For two groups and two periods, `ATT / baseline` is `exp(b) - 1` with b the coefficient of
    the Poisson regression with firm and period effects; zeros need nothing special. With covariates, firms that are alike in them at the base
    would have grown by the same factor r(x), whatever their levels. `reg`: r from the Poisson regression with firm effects on the comparison firms' two periods, the
    baseline the cohort's mean of `Y(base) r(x)`. `ipw`: comparison firms weighted by the odds that a *euro* of the base period is a participant's (a logit weighted by
    the outcome at the base), then the ratio of their means; odds of firms would be right only if levels, too, were the same multiple at every x. `dr`: the regression
    plus the weighted mean of its errors; right if one of the two is. See `impact.estimate.growth_scores`. A cell is missing where the outcome of the
    cohort at the base, or of the comparison firms in one of the two periods, is 0 for every firm.

    References
    ----------
    Callaway, B. and Sant'Anna, P. (2021), "Difference-in-Differences with multiple time periods",
    Journal of Econometrics 225(2). Sant'Anna, P. and Zhao, J. (2020), "Doubly robust
    difference-in-differences estimators", Journal of Econometrics 219(1). Wooldridge, J. (2023), "Simple approaches to nonlinear
    difference-in-differences with panel data", Econometrics Journal 26(3).

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=4, cohorts=(3,), seed=1, noise=0.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="group_time")
    >>> effect.tidy()[["term", "estimate", "n_treated", "n_control"]].tail(2).round(6)
           term  estimate  n_treated  n_control
    1  ATT(3,3)       0.1         30         30
    2  ATT(3,4)       0.2         30         30

    Comparison firms grew by a fifth, 20 to 24, so participants would have gone from 5 to 6 on average; they went to 15.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"firm": list("aabbccdd"), "year": [1, 2] * 4, "joined": [2.0] * 4 + [None] * 4,
    ...                      "exports": [10.0, 24, 0, 6, 8, 10, 12, 14]})
    >>> panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="group_time", family="poisson")
    >>> effect.tidy()["estimate"].round(6).tolist(), effect.percent().tidy()["estimate"].round(6).tolist()
    ([9.0], [150.0])
    """
    options = GroupTimeOptions.read(request.options)
    family = FAMILIES[request.family]
    data = firm_periods(request)
    if family.name == "poisson":
        refuse_outside(data, family, request.outcome)
        _refuse_dated_rows(options, request.covariates)
    data = _eligible(data, options, request.outcome)
    plan = _plan(data, options)
    cells = _estimate(data, plan, options, request.covariates, family.name)
    reference = np.array([cell.base == cell.target for cell in plan])
    if np.isnan(cells.estimate[~reference]).all():
        raise EstimationError(
            "No group-time effect can be estimated. " + " ".join(_reason_notes(cells))
        )
    panel = panel_of(request.data)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    return effect_from_influence(
        keys=_keys(plan),
        estimate=cells.estimate,
        influence=cells.influence,
        firms=data.firms(by_rows=options.unbalanced == "cross_sections"),
        counts=pd.DataFrame({"n_treated": cells.n_treated, "n_control": cells.n_control}),
        method="group_time",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"standard errors from influence functions, clustered by {by}",
        notes=(
            *data.notes,
            *([f"Family {family.name}: {family.said}."] if family.said else []),
            *_reason_notes(cells),
            *cluster_notes(data),
        ),
        source=request.data,
        seed=request.seed,
        anticipation=options.anticipation,
        baseline=cells.baseline,
        baseline_influence=cells.baseline_influence,
        part=cells.part,
    )


def _keys(plan: list[Cell]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "term": [cell.term for cell in plan],
            "cohort": [cell.cohort for cell in plan],
            "time": [cell.time for cell in plan],
            "event_time": [cell.time - cell.cohort for cell in plan],
        }
    )


def _refuse_dated_rows(options: GroupTimeOptions, names: tuple[str, ...]) -> None:
    """Growth of a firm at its covariates needs the firm in both periods."""
    if options.unbalanced == "cross_sections" and names:
        raise EstimationError(
            "family='poisson' with covariates compares each firm's growth with that of firms alike at its base period, which cross-sections do not show. "
            "Leave `covariates` out, or unbalanced='cross_sections'."
        )


def _eligible(data: FirmPeriods, options: GroupTimeOptions, outcome: str) -> FirmPeriods:
    """Leave out, with a note, the firms that can be in no cell; refuse where nothing remains."""
    first, last = int(data.periods[0]), int(data.periods[-1])
    data = _without_unobserved(data, options, outcome)
    always = data.cohort <= first + options.anticipation
    named = ", ".join(f"{n:,} in {int(g)}" for g, n in _sizes(data.cohort[always]))
    data = data.kept(
        ~always,
        "Left out, joined before there is a period without participation in the data, which begin "
        f"in {first} (firms: {named}).",
    )
    late = np.isfinite(data.cohort) & (data.cohort > last + options.anticipation)
    if late.any():
        data = replace(data, cohort=np.where(late, np.inf, data.cohort)).noted(
            f"Joined after the data end in {last}, so counted as never (firms: {int(late.sum()):,})."
        )
    joined = data.cohort[np.isfinite(data.cohort)]
    if not (joined <= last).any():
        raise EstimationError(
            f"No firm joins between the second and the last period ({first} to {last}) with "
            f"'{outcome}' observed; a group-time effect needs firms that are seen before and after "
            "joining."
        )
    if options.control == "never" and len(joined) == len(data.cohort):
        raise EstimationError(
            "There is no firm that never joins, and control='never' was asked for. Use "
            "control='not_yet' to compare with firms that join later, or add comparison firms."
        )
    return data


def _without_unobserved(data: FirmPeriods, options: GroupTimeOptions, outcome: str) -> FirmPeriods:
    """Apply the policy for firms that are not observed in every period."""
    seen = ~np.isnan(data.outcome)
    lacks = seen & np.isnan(data.covariates).any(axis=0)
    if options.unbalanced == "cross_sections":
        there = seen & ~lacks
        outcome_there = np.where(there, data.outcome, np.nan)
        kept = replace(data, outcome=outcome_there).kept(
            np.asarray(there.any(axis=1)),
            f"Firms without '{outcome}' or a covariate in any period are left out (firms: {int((~there.any(axis=1)).sum()):,}).",
        )
        return kept.noted(
            "Each period is taken as a cross-section of its own: right if the same kind of firms is seen before and after."
        )
    if options.unbalanced == "balanced":
        complete = np.asarray((seen & ~lacks).all(axis=1))
        return data.kept(
            complete,
            f"Firms without '{outcome}' or a covariate in every period are left out, by the policy "
            f"'balanced' (firms: {int((~complete).sum()):,}).",
        )
    twice = seen.sum(axis=1) >= 2
    data = data.kept(
        twice,
        f"Firms with '{outcome}' in fewer than two periods are left out "
        f"(firms: {int((~twice).sum()):,}).",
    )
    partly = int((~seen[twice]).any(axis=1).sum())
    if partly:
        data = data.noted(
            f"'{outcome}' is missing in some period (firms: {partly:,} of {len(data.units):,}); each "
            "cell uses the firms observed in both of its periods (policy 'pairwise')."
        )
    if lacks[twice].any():
        count = int(lacks[twice].any(axis=1).sum())
        data = data.noted(
            f"A covariate is missing in some period (firms: {count:,}); these firms are not in the "
            "cells that have this period as their base."
        )
    return data


def _sizes(cohort: FloatArray) -> Iterator[tuple[float, int]]:
    values, counts = np.unique(cohort, return_counts=True)
    return zip(values.tolist(), counts.tolist(), strict=True)


def _plan(data: FirmPeriods, options: GroupTimeOptions) -> list[Cell]:
    """Every cell with its base period, cohorts and periods in order.

    From `anticipation` periods before joining on, the base is the last period before that; before,
    it is the preceding period (varying) or that same last one (universal).
    """
    periods = data.periods
    plan = []
    for g in np.unique(data.cohort[np.isfinite(data.cohort)]).astype(int).tolist():
        last_before = int(np.flatnonzero(periods + options.anticipation < g)[-1])
        for target, time in enumerate(periods.tolist()):
            affected = time >= g - options.anticipation
            if options.base_period == "universal" or affected:
                plan.append(Cell(g, time, target, last_before))
            elif target > 0:
                plan.append(Cell(g, time, target, target - 1))
    return plan


def _estimate(
    data: FirmPeriods,
    plan: list[Cell],
    options: GroupTimeOptions,
    names: tuple[str, ...],
    family: str = "gaussian",
) -> _Cells:
    """Fill every cell; those with the same firms and base period share their models."""
    n, k = len(data.units), len(plan)
    count = np.zeros(k, dtype=np.int64)
    cells = _Cells(
        plan, np.full(k, np.nan), np.zeros((n, k)), np.full(k, np.nan), np.zeros((n, k)), np.zeros((n, k), np.int8), count, count.copy()
    )  # fmt: skip
    clusters = pd.factorize(data.cluster)[0]
    for members, positions in _blocks(data, plan, options):
        _estimate_block(cells, data, members, positions, options, names, family, clusters)
    return cells


def _estimate_block(
    cells: _Cells,
    data: FirmPeriods,
    members: npt.NDArray[np.int64],
    positions: list[int],
    options: GroupTimeOptions,
    names: tuple[str, ...],
    family: str,
    clusters: npt.NDArray[np.int64],
) -> None:
    """Fill the cells of one block, or say why they have no estimate or no standard error."""
    first = cells.plan[positions[0]]
    treated = data.cohort[members] == first.cohort
    cells.n_treated[positions] = treated.sum()
    cells.n_control[positions] = (~treated).sum()
    if first.base == first.target:
        cells.estimate[positions] = 0.0  # the reference of a universal base, by construction
        return  # its baseline stays missing
    fill = _fill_rows if options.unbalanced == "cross_sections" else _fill
    try:
        parameters = fill(cells, data, members, treated, positions, options, names, family)
    except NotIdentified as reason:
        if family == "poisson" and len(positions) > 1:  # it may hold of one year alone
            for i in positions:
                _estimate_block(cells, data, members, [i], options, names, family, clusters)
            return
        cells.influence[:, positions] = np.nan
        cells.say(f"no estimate, {reason}", positions)
        return
    undefined = _undefined_variance(clusters[members], treated, parameters)
    if undefined:
        cells.influence[:, positions] = np.nan
        cells.say(f"no standard error, {undefined}", positions)


def _fill(
    cells: _Cells,
    data: FirmPeriods,
    members: npt.NDArray[np.int64],
    treated: BoolArray,
    positions: list[int],
    options: GroupTimeOptions,
    names: tuple[str, ...],
    family: str,
) -> int:
    """Estimate the cells of one block; returns the number of parameters of its models."""
    if not treated.any():
        raise NotIdentified("no firm of the cohort is observed in both periods")
    if treated.all():
        raise NotIdentified("no comparison firm is observed in both periods")
    first, last = positions[0], positions[-1]
    bases = np.array([cells.plan[i].base for i in positions])
    targets = np.array([cells.plan[i].target for i in positions])
    paths = data.outcome[members]
    after = paths[:, targets]
    base = cells.plan[first].base
    design, dropped = design_matrix(data.covariates[:, members, base].T, names)
    for name, reason in dropped:
        cells.say(f"covariate '{name}' left out, it {reason}", positions)
    weights = data.weights[members, base]
    if family == "poisson":
        score = growth_score(options.estimator, paths[:, bases], after, treated, weights, design)
    else:
        # Without covariates the three are one estimator, and the regression needs no iteration.
        estimator = ESTIMATORS[options.estimator] if design.shape[1] > 1 else regression
        score = estimator(after - paths[:, bases], treated, weights, design)
    if score.trimmed:
        cells.say(
            f"left out, comparison firms with a propensity of {TRIM_LIMIT} or more (firms: "
            f"{score.trimmed:,})",
            positions,
        )
    # Cells of a cohort stand side by side, mostly: whole pieces of a row are written at once.
    where: Any = (
        slice(first, last + 1) if last - first + 1 == len(positions) else np.array(positions)
    )
    rows = members if isinstance(where, slice) else members[:, None]
    scale = len(data.units) / len(members)
    own = weights * treated
    mean = own @ after / own.sum()
    cells.estimate[where] = score.att
    cells.baseline[where] = mean - score.att
    cells.part[rows, where] = np.where(treated, 1, 2).astype(np.int8)[:, None]
    block = score.influence
    block *= scale
    cells.influence[rows, where] = block
    block *= -1
    joined = np.flatnonzero(treated)
    block[joined] += (len(data.units) / own.sum() * own[joined])[:, None] * (after[joined] - mean)
    cells.baseline_influence[rows, where] = block
    return int(design.shape[1])


def _fill_rows(
    cells: _Cells,
    data: FirmPeriods,
    members: npt.NDArray[np.int64],
    treated: BoolArray,
    positions: list[int],
    options: GroupTimeOptions,
    names: tuple[str, ...],
    family: str,
) -> int:
    """Estimate one cell from two cross-sections; a firm in both counts in both. Returns the number of parameters."""
    (i,) = positions
    target, base = cells.plan[i].target, cells.plan[i].base
    at = [(t, np.flatnonzero(~np.isnan(data.outcome[members, t]))) for t in (target, base)]
    firm = np.concatenate([rows for _, rows in at])
    later = np.repeat([True, False], [len(rows) for _, rows in at])

    def stacked(values: FloatArray) -> FloatArray:
        return np.concatenate([values[members[rows], t] for t, rows in at])

    covariates = np.array([stacked(x) for x in data.covariates]).reshape(len(names), len(firm))
    design, dropped = design_matrix(covariates.T, names)
    for name, reason in dropped:
        cells.say(f"covariate '{name}' left out, it {reason}", positions)
    rows = (stacked(data.outcome), treated[firm], later, stacked(data.weights))
    if family == "poisson":
        score = cross_section_growth(*rows)
    else:
        score = cross_section_score(options.estimator, *rows, design)
    if score.trimmed:
        cells.say(
            f"left out, rows of comparison firms with a propensity of {TRIM_LIMIT} or more (rows: {score.trimmed:,})",
            positions,
        )
    scale = len(data.units) / len(firm)
    n = len(members)
    moved = np.bincount(firm, score.influence, minlength=n) * scale
    cells.estimate[i], cells.baseline[i] = score.att, score.after - score.att
    cells.part[members, i] = np.where(treated, 1, 2)
    cells.influence[members, i] = moved
    after = np.bincount(firm, score.after_influence, minlength=n) * scale
    cells.baseline_influence[members, i] = after - moved
    return int(design.shape[1])


def _undefined_variance(
    clusters: npt.NDArray[np.int64], treated: BoolArray, parameters: int
) -> str:
    """Why the spread between clusters cannot be seen in this cell; empty where it can."""
    own, others = clusters[treated], clusters[~treated]
    if own.min() == own.max():
        return "the cohort is one firm or one cluster"
    if others.min() == others.max() or len(others) <= parameters:
        return "too few comparison firms or clusters"
    return ""


def _blocks(
    data: FirmPeriods, plan: list[Cell], options: GroupTimeOptions
) -> Iterator[tuple[npt.NDArray[np.int64], list[int]]]:
    """Firms (positions) and cells (positions in the plan) that share firms, covariates and weights, and so their models."""
    seen = ~np.isnan(data.outcome)
    dated = seen & ~np.isnan(data.covariates).any(axis=0)  # may serve as a base period
    alike = _alike(data)
    blocks: dict[tuple[int, int, bool, bytes], list[int]] = {}
    for i, cell in enumerate(plan):
        free = np.inf
        if options.control == "not_yet":
            free = data.periods[max(cell.target, cell.base)] + options.anticipation
        control = np.isinf(data.cohort) | ((data.cohort > free) & (data.cohort != cell.cohort))
        inside = control | (data.cohort == cell.cohort)
        reference = cell.base == cell.target
        if options.unbalanced == "cross_sections":
            inside &= seen[:, cell.base] | seen[:, cell.target]
            yield np.flatnonzero(inside), [i]
            continue
        inside &= dated[:, cell.base] & seen[:, cell.target]
        key = (cell.cohort, alike[cell.base], reference, np.packbits(inside).tobytes())
        blocks.setdefault(key, []).append(i)
    for (_, _, _, packed), positions in blocks.items():
        bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=len(data.units))
        yield np.flatnonzero(bits), positions


def _alike(data: FirmPeriods) -> list[int]:
    """For each period the first one with the same covariates and weights: models of the one are models of the other."""
    found: list[int] = []
    for t in range(len(data.periods)):
        same = t
        for earlier in sorted(set(found)):
            if np.array_equal(data.weights[:, t], data.weights[:, earlier], equal_nan=True) and all(
                np.array_equal(x[:, t], x[:, earlier], equal_nan=True) for x in data.covariates
            ):
                same = earlier
                break
        found.append(same)
    return found


def _reason_notes(cells: _Cells) -> list[str]:
    """One note per limitation, naming the first cells that share it."""
    notes = []
    for reason, terms in cells.reasons.items():
        shown = ", ".join(terms[:_SHOWN_TERMS])
        if len(terms) > _SHOWN_TERMS:
            shown += f" and {len(terms) - _SHOWN_TERMS} more"
        notes.append(f"{shown}: {reason}.")
    return notes


def cluster_notes(data: FirmPeriods) -> list[str]:
    """Warn where the normal approximation rests on few clusters of either arm."""
    joined = np.isfinite(data.cohort)
    arms = [
        (data.cluster[joined], "participating cluster"),
        (data.cluster[~joined], "comparison cluster"),
    ]
    few, one = min((len(pd.unique(clusters)), one) for clusters, one in arms if len(clusters))
    if few >= FEW_CLUSTERS:
        return []
    return [
        f"Only {counted(few, one)} (fewer than {FEW_CLUSTERS}): normal critical values may make the intervals too short. "
        "impact.wild_bootstrap(effect.aggregate('overall')), or of the effect itself, and impact.randomization_test ask less of large numbers."
    ]
