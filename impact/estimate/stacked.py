"""Stacked difference in differences: each cohort with clean comparison firms in a window of its own, then all windows together.

A stack holds one cohort and firms that do not join within its window. Within a stack nothing is compared with a participant, so that its effects are plain
differences in differences. What the stacks' common regression makes of them is a matter of weights (Wing, Freedman and Hollingsworth 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.core.whole_numbers import counted
from impact.estimate.did_scores import BoolArray
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.firm_periods import FirmPeriods, firm_periods, panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.lone_cluster import lone_cluster
from impact.estimate.request import AttRequest
from impact.estimate.staggered import (
    CohortYear,
    Reasons,
    cohorts_of,
    joining,
    key_table,
    periods_option,
    require_participants,
)
from impact.estimate.two_way import IntArray

KAPPA = 2
"""Periods of the window on either side, where none are named: one that can be tested before joining, and three of effects."""


@dataclass(frozen=True, slots=True)
class StackedOptions:
    """Options of `stacked`; see there."""

    kappa_pre: int = KAPPA
    kappa_post: int = KAPPA
    control: Literal["not_yet", "never"] = "not_yet"
    weights: Literal["corrected", "none"] = "corrected"

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> StackedOptions:
        """Check the options of a request.

        Raises
        ------
        EstimationError
            If an option has a value that does not exist.
        """
        for name, known in {
            "control": ("not_yet", "never"),
            "weights": ("corrected", "none"),
        }.items():
            if name in given and given[name] not in known:
                raise EstimationError(
                    f"{name}={given[name]!r} does not exist for stacked; choose from {', '.join(map(repr, known))}."
                )
        windows = {
            name: periods_option(given, name)
            for name in ("kappa_pre", "kappa_post")
            if name in given
        }
        if windows.get("kappa_pre", KAPPA) < 1:
            raise EstimationError(
                "kappa_pre=0 leaves no period before joining, with which every other is compared; write 1 or more."
            )
        return cls(**{**given, **windows})


@dataclass(frozen=True, slots=True)
class Stack:
    """A cohort with its comparison firms: positions of firms, which of them joined, and of the periods of the window."""

    cohort: int
    firms: IntArray
    treated: BoolArray
    window: IntArray
    base: int


@dataclass(slots=True)
class _Cells:
    """k cells, stack by stack: estimate, influence (n, k), mean outcome of participants and its influence, counts, reasons."""

    plan: list[CohortYear]
    estimate: FloatArray
    influence: FloatArray
    mean: FloatArray
    of_mean: FloatArray
    n_treated: IntArray
    n_control: IntArray
    reasons: Reasons = field(default_factory=Reasons)


@METHODS.register(
    "att",
    "stacked",
    summary="each cohort against clean comparison firms in its own window, the windows stacked",
    takes=("panel",),
    estimands=("ATT",),
    families=("gaussian",),
    weights=True,
    needs=(
        "cohorts whose window lies within the data",
        "firms that never join, or join after the window",
    ),
    options=("kappa_pre", "kappa_post", "control", "weights"),
    reference="Cengiz, Dube, Lindner and Zipperer (2019), section III.A; Wing, Freedman and Hollingsworth (2024), sections 3-4",
)
def stacked(request: AttRequest) -> EffectResult:
    """Compare each cohort, within a window around its joining, with firms that do not join within it.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked, with the options

        kappa_pre, kappa_post : int
            The window: periods before joining (1 or more; the last one is the reference), and periods after that of joining. Cohorts whose
            window does not lie within the data are left out and named, so that every event time is an average of the same cohorts.
        control : {"not_yet", "never"}
            Clean comparison firms: those that have not joined by the end of the window, or those that never join.
        weights : {"corrected", "none"}
            How cohorts are averaged. `corrected`: by their numbers of participants (Wing, Freedman and Hollingsworth's trimmed aggregate ATT).
            `none`: as the unweighted regression with effects of firm x stack and period x stack does (Cengiz et al.), by n1 n0 / (n1 + n0) of each stack,
            which is nobody's average effect; one row per event time.

    Returns
    -------
    EffectResult
        `corrected`: one row per cohort and period of its window, keys `cohort, time, event_time`, the reference a row of 0 without a standard
        error; `aggregate("event")` is the paper's event study. `none`: one row per event time.

    Raises
    ------
    DataError
        If the outcome holds text or infinite values, or a cluster changes within a firm.
    EstimationError
        If no cohort has a window within the data and clean comparison firms.

    Notes
    -----
    The corrective weights make the comparison firms of a stack count, in every event time, as much as its participants do; the regression is then
    the average of the cohorts' differences in differences by their participants, which is computed here directly. A firm takes part in a stack if
    it is observed in its whole window, so that no event time is of other firms than the next. A firm in several stacks
    has one influence, summed over them, so that errors are clustered by firm (or coarser), without a small-sample factor.

    Averages count the sizes of cohorts as estimated. diff-diff and Wing's R code print the error of the weighted regression of all stacks, which takes
    the corrective weights as given and counts differences between stacks in the growth of comparison firms as noise of these firms; where the stacks' comparison
    firms grow alike, both errors are one (tests/reference/stacked). They also multiply by G/(G-1) x (N-1)/(N-K).
    Of `none`, the error is that of the regression.

    References
    ----------
    Cengiz, D., Dube, A., Lindner, A. and Zipperer, B. (2019), "The effect of minimum wages on low-wage jobs", Quarterly Journal of Economics 134(3). Wing, C.,
    Freedman, S. and Hollingsworth, A. (2024), "Stacked difference-in-differences", NBER working paper 32054.

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=8, cohorts=(4, 6), seed=1, noise=0.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="stacked", kappa_pre=2, kappa_post=1)
    >>> effect.aggregate("event").tidy()[["term", "estimate"]].round(6)
            term  estimate
    0  ATT(e=-2)     0.000
    1  ATT(e=-1)     0.000
    2   ATT(e=0)     0.125
    3   ATT(e=1)     0.250
    """
    options = StackedOptions.read(request.options)
    data = joining(firm_periods(request), 0)
    require_participants(data, request.outcome)
    stacks, notes = stacks_of(data, options, request.outcome)
    data, stacks = in_some_stack(data, stacks)
    cells = _estimate(data, stacks)
    firms = data.firms().assign(weight=_own_weight(data, stacks))
    if options.weights == "none":
        return _regression(request, data, stacks, cells, firms, options, notes)
    reference = np.array([cell.time == cell.cohort - 1 for cell in cells.plan])
    return _result(
        request,
        data,
        firms,
        keys=key_table(cells.plan),
        estimate=cells.estimate,
        influence=cells.influence,
        counts=pd.DataFrame({"n_treated": cells.n_treated, "n_control": cells.n_control}),
        baseline=np.where(reference, np.nan, cells.mean - cells.estimate),
        baseline_influence=cells.of_mean - cells.influence,
        notes=(
            *data.notes,
            *notes,
            _window_note(options.kappa_post),
            *cells.reasons.notes(),
            *cluster_notes(data),
        ),
    )


def _window_note(kappa_post: int) -> str:
    """Of which periods averages are."""
    after = "period" if kappa_post == 1 else f"{kappa_post} periods"
    more = f" and the {after} after it" if kappa_post else ""
    return f"Averages are of the window only, the period of joining{more}, and not of all periods since."


def _result(
    request: AttRequest, data: FirmPeriods, firms: pd.DataFrame, **given: Any
) -> EffectResult:
    panel = panel_of(request.data)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    return effect_from_influence(
        firms=firms,
        method="stacked",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"standard errors from influence functions summed over stacks, clustered by {by}, no small-sample factor",
        source=request.data,
        seed=request.seed,
        **given,
    )


def stacks_of(
    data: FirmPeriods, options: StackedOptions, outcome: str
) -> tuple[list[Stack], list[str]]:
    """One stack for each cohort that can have one, and notes that name the others."""
    stacks: list[Stack] = []
    trimmed: dict[str, list[str]] = {}
    lost = 0
    for g in cohorts_of(data):
        own = data.cohort == g
        name = f"{g} ({counted(int(own.sum()), 'firm')})"
        times = np.arange(g - options.kappa_pre, g + options.kappa_post + 1)
        if not np.isin(times, data.periods).all():
            trimmed.setdefault("its window does not lie within the data", []).append(name)
            continue
        window = np.searchsorted(data.periods, times)
        clean = np.isinf(data.cohort)
        if options.control == "not_yet":
            clean |= data.cohort > g + options.kappa_post
        seen = ~np.isnan(data.outcome[:, window]).any(axis=1)
        inside = (own | clean) & seen
        lost += int(((own | clean) & ~seen).sum())
        if not (own & inside).any():
            trimmed.setdefault("none of it is observed in the whole window", []).append(name)
        elif not (clean & inside).any():
            trimmed.setdefault("no clean comparison firm", []).append(name)
        else:
            firms = np.flatnonzero(inside)
            stacks.append(Stack(g, firms, own[firms], window, options.kappa_pre - 1))
    said = [f"Cohort left out, {why}: {', '.join(names)}." for why, names in trimmed.items()]
    if lost:
        said.append(
            f"A firm without '{outcome}' in some period of a window is not in that stack (firms, counted once for each stack: {lost:,})."
        )
    if not stacks:
        first, last = int(data.periods[0]), int(data.periods[-1])
        raise EstimationError(
            f"No cohort can be stacked with kappa_pre={options.kappa_pre} and kappa_post={options.kappa_post}, in data from {first} to {last}. "
            f"{' '.join(said)} Choose a narrower window, or use method='group_time', which needs none."
        )
    return stacks, said


def in_some_stack(data: FirmPeriods, stacks: list[Stack]) -> tuple[FirmPeriods, list[Stack]]:
    """The data of the firms that are in a stack, and stacks with their positions among these."""
    keep = np.zeros(len(data.units), dtype=bool)
    for stack in stacks:
        keep[stack.firms] = True
    place = np.cumsum(keep) - 1
    data = data.kept(keep, f"Firms that are in no stack are left out (firms: {int((~keep).sum()):,}).")  # fmt: skip
    return data, [Stack(s.cohort, place[s.firms], s.treated, s.window, s.base) for s in stacks]


def _own_weight(data: FirmPeriods, stacks: list[Stack]) -> FloatArray:
    """Weight of each firm in the size of its cohort: none where it is a comparison firm alone."""
    weight = data.first_weight()
    weight[np.isfinite(data.cohort)] = 0.0
    for stack in stacks:
        firms = stack.firms[stack.treated]
        weight[firms] = data.weights[firms, stack.window[stack.base]]
    return weight


def _estimate(data: FirmPeriods, stacks: list[Stack]) -> _Cells:
    """Every stack's differences in differences from its reference period."""
    plan = [
        CohortYear(s.cohort, int(data.periods[t]), int(t)) for s in stacks for t in s.window.tolist()
    ]  # fmt: skip
    n, k = len(data.units), len(plan)
    count = np.zeros(k, dtype=np.int64)
    cells = _Cells(plan, np.zeros(k), np.zeros((n, k)), np.full(k, np.nan), np.zeros((n, k)), count, count.copy())  # fmt: skip
    clusters = pd.factorize(data.cluster)[0]
    first = 0
    for stack in stacks:
        where = slice(first, first + len(stack.window))
        first = where.stop
        _fill(cells, data, stack, where)
        reason = ""
        if lone_cluster(clusters[stack.firms], stack.treated):
            reason = "the cohort is one firm or one cluster"
        elif lone_cluster(clusters[stack.firms], ~stack.treated):
            reason = "the comparison firms are one firm or one cluster"
        if reason:
            cells.influence[:, where] = np.nan
            cells.reasons.say(f"no standard error, {reason}", [c.term for c in plan[where]])
    return cells


def _fill(cells: _Cells, data: FirmPeriods, stack: Stack, where: slice) -> None:
    paths = data.outcome[np.ix_(stack.firms, stack.window)]
    change = paths - paths[:, [stack.base]]
    weight = data.weights[stack.firms, stack.window[stack.base]]
    n, effect = len(data.units), np.zeros(change.shape[1])
    for arm, sign in ((stack.treated, 1.0), (~stack.treated, -1.0)):
        share = weight[arm] / weight[arm].sum()
        mean = share @ change[arm]
        effect += sign * mean
        cells.influence[stack.firms[arm], where] = sign * n * share[:, None] * (change[arm] - mean)
    cells.estimate[where] = effect
    own = stack.treated
    share = weight[own] / weight[own].sum()
    cells.mean[where] = share @ paths[own]
    cells.of_mean[stack.firms[own], where] = n * share[:, None] * (paths[own] - cells.mean[where])
    cells.n_treated[where] = own.sum()
    cells.n_control[where] = (~own).sum()


def _regression(
    request: AttRequest,
    data: FirmPeriods,
    stacks: list[Stack],
    cells: _Cells,
    firms: pd.DataFrame,
    options: StackedOptions,
    notes: list[str],
) -> EffectResult:
    """The unweighted regression with stack-specific effects: event times, each a mean over stacks by what participation varies within them.

    A stack counts as its sum of w (D - mean D)^2, which is n1 n0 / (n1 + n0). A firm moves it by its own w (D - mean D)^2, to first order: with this, the influence
    is that of the regression's scores.
    """
    width = options.kappa_pre + options.kappa_post + 1
    effects = cells.estimate.reshape(len(stacks), width)
    varies = np.zeros((len(data.units), len(stacks)))
    for j, stack in enumerate(stacks):
        weight = data.weights[stack.firms, stack.window[stack.base]]
        share = weight @ stack.treated / weight.sum()
        varies[stack.firms, j] = weight * (stack.treated - share) ** 2
    total = float(varies.sum())
    share = varies.sum(axis=0) / total

    def averaged(of_stacks: FloatArray, moved: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean = share @ of_stacks
        influence = np.einsum("j,ijk->ik", share, moved.reshape(len(varies), len(stacks), width))
        influence += len(varies) * varies @ (of_stacks - mean) / total
        return mean, influence

    estimate, influence = averaged(effects, cells.influence)
    baseline, of_baseline = averaged(
        cells.mean.reshape(len(stacks), width) - effects, cells.of_mean - cells.influence
    )
    baseline[options.kappa_pre - 1] = np.nan  # the reference, as of the cells
    events = np.arange(-options.kappa_pre, options.kappa_post + 1)
    in_arm = [
        len(np.unique(np.concatenate([s.firms[s.treated == arm] for s in stacks])))
        for arm in (True, False)
    ]
    said = ", ".join(f"{s.cohort} {100 * w:.1f} %" for s, w in zip(stacks, share, strict=True))
    return _result(
        request,
        data,
        firms,
        keys=pd.DataFrame({"term": [f"ATT(e={e})" for e in events], "event_time": events}),
        estimate=estimate,
        influence=influence,
        baseline=baseline,
        baseline_influence=of_baseline,
        counts=pd.DataFrame({"n_treated": [in_arm[0]] * width, "n_control": [in_arm[1]] * width}),
        aggregation="event",
        notes=(
            f"Cohorts are weighted by the regression, not by their participants ({said}); weights='corrected' weights them by participants.",
            *data.notes,
            *notes,
            *cells.reasons.notes(),
            *cluster_notes(data),
        ),
    )
