"""Matched difference in differences, and the difference in the year of joining: cohort by cohort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.design.match import MatchResult
from impact.estimate.arms import Cell, MatchedSets, WeightedArms, arms_of
from impact.estimate.did_scores import NotIdentified
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.etwfe_families import FAMILIES, refuse_outside
from impact.estimate.firm_periods import firm_periods, panel_of
from impact.estimate.matched_means import by_difference, by_growth
from impact.estimate.matched_words import (
    counts_of,
    matched_note,
    never_candidates,
    panel_notes,
    refuse_replacement,
    score_note,
    variance_words,
)
from impact.estimate.request import AttRequest

Arms = MatchedSets | WeightedArms


@METHODS.register(
    "att",
    "matched_did",
    summary="matched difference in differences, by cohort and year",
    takes=("matched panel",),
    estimands=("ATT",),
    families=("gaussian", "poisson"),
    needs=(
        "a panel matched without replacement, in sets or by weights",
        "the outcome in the year before joining",
    ),
    reference="Heckman, Ichimura and Todd (1997), section 7; Abadie and Spiess (2022)",
)
def matched_did(request: AttRequest) -> EffectResult:
    """Compare each participant's change since the year before joining with its controls' change.

    For cohort g and year t the effect is the mean over matched sets of
    `[Y(i, t) - Y(i, g-1)] - mean over its controls c of [Y(c, t) - Y(c, g-1)]`, over the sets whose
    participant and at least one control are observed in both years. Years before g - 1 compare
    trends before joining. A control that joins later (`control="not_yet"`) is left out from its own first year on; sets that share a
    firm are one cluster.

    With `family="poisson"` (exports and other amounts with zeros) growth is compared, not change: the effect is participants' mean in t less
    their mean in g - 1 times the growth of the controls' mean, over the same sets with the same weights.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; no options. `cluster` may name a column that is coarser than the
        matched set, such as a chamber on which firms were matched exactly.

    Returns
    -------
    EffectResult
        One row per cohort and year but g - 1, keys `cohort, time, event_time`. A cell of one set
        stands without a standard error. The baseline, of which `percent()` is the per cent, is participants' mean in t less the effect.

    Raises
    ------
    DataError
        If the outcome is no number, or below 0 (Poisson).
    EstimationError
        After matching with replacement; if no set is observed in two years; if clusters cut sets.

    Examples
    --------
    >>> import impact, pandas as pd
    >>> rows = pd.DataFrame({"firm": list("aabbccdd"), "year": [1, 2] * 4,
    ...                      "joined": [2.0] * 4 + [None] * 4, "size": [3, 3, 5, 5, 2, 2, 6, 6],
    ...                      "exports": [10.0, 16, 10, 12, 7, 8, 9, 9]})
    >>> panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    >>> matched = impact.match(panel, on=["size"], distance="size")
    >>> impact.att(matched, "exports", method="matched_did").tidy()["estimate"].tolist()
    [3.5]
    """
    return _by_cohort(request, _plan, changes=True)


@METHODS.register(
    "att",
    "at_joining",
    summary="matched difference in the year of joining, of outcomes that look ahead of it",
    takes=("matched panel",),
    estimands=("ATT",),
    families=("gaussian",),
    needs=(
        "a panel matched without replacement, in sets or by weights",
        "the outcome in the year of joining",
    ),
    reference="Abadie and Spiess (2022), section 2",
)
def at_joining(request: AttRequest) -> EffectResult:
    """Compare each participant in its year of joining with its controls in the same year.

    For outcomes that look ahead of their year, such as `entry_within_2` or `export_survival_1`: whether the firm exports within
    two years *of joining*, and its matched control within two years of the same year. They have no year before that the
    programme has not touched, so there is no difference in differences of them; that the firms are alike rests on the match.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; no options. `cluster` as in `matched_did`.

    Returns
    -------
    EffectResult
        One row per cohort, keys `cohort, time, event_time` (time is the cohort, event_time 0).

    Raises
    ------
    DataError
        If the outcome is no number.
    EstimationError
        After matching with replacement; if no set is observed in the year of joining; if clusters cut sets.

    Examples
    --------
    >>> import impact, pandas as pd
    >>> rows = pd.DataFrame({"firm": list("aabbccdd"), "year": [1, 2] * 4, "joined": [2.0] * 4 + [None] * 4,
    ...                      "size": [3, 3, 5, 5, 2, 2, 6, 6], "stays": [None, 1, None, 1, None, 0, None, 1]})
    >>> panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    >>> matched = impact.match(panel, on=["size"], distance="size")
    >>> impact.att(matched, "stays", method="at_joining").tidy()["estimate"].tolist()
    [0.5]
    """
    return _by_cohort(request, lambda arms, _: [(g, g) for g in arms.cohorts], changes=False)


def _by_cohort(
    request: AttRequest,
    planned: Callable[[Arms, npt.NDArray[np.int64]], list[tuple[int, int]]],
    *,
    changes: bool,
) -> EffectResult:
    """One cell per planned cohort and year: of changes since the year before joining, or of the outcome as it is."""
    matched = request.data
    assert isinstance(matched, MatchResult)
    refuse_replacement(matched)
    # Firms without weight still bear on estimated weights.
    whole = request if matched.kind == "pairs" else replace(request, data=panel_of(matched))
    data = firm_periods(whole)
    family = FAMILIES[request.family]
    if family.name == "poisson":
        refuse_outside(data, family, request.outcome)
    arms = arms_of(matched, data.units)
    plan = planned(arms, data.periods)
    ahead = panel_of(matched).ahead(request.outcome)
    cells, spans = [], []
    for g, time in plan:
        t, base = np.searchsorted(data.periods, [time, g - 1])
        spans.append((data.outcome[:, base] if changes else None, data.outcome[:, t]))
        values = data.outcome[:, t] - (data.outcome[:, base] if changes else 0.0)
        # Who has joined by then (or by the last year that the outcome sees) is compared with nobody.
        joined = (data.cohort <= time + ahead) & (data.cohort != g)
        cells.append(arms.cell(np.where(joined, np.nan, values), g))
    if not any(len(cell.treated) for cell in cells):
        when = (
            "in the year before joining and in another year"
            if changes
            else "in the year of joining"
        )
        who = "pair" if arms.what == "pairs" else "participant with a comparison"
        raise EstimationError(
            f"No {who} has '{request.outcome}' {when}. Give an outcome that is observed in these years, or match firms that are."
        )
    terms = [f"ATT({g},{time})" for g, time in plan]
    own = data.cluster if request.cluster not in (None, panel_of(matched).unit) else None
    firms = arms.firms(cells, data.units, own, request.cluster)
    found = _filled(cells, spans, firms, data.units, arms.what == "firms", family.name)
    return effect_from_influence(
        part=_part(cells, len(data.units))[data.units.get_indexer(firms.index)],
        keys=pd.DataFrame(
            {
                "term": terms,
                "cohort": [g for g, _ in plan],
                "time": [time for _, time in plan],
                "event_time": [time - g for g, time in plan],
            }
        ),
        estimate=found.estimate,
        influence=found.influence,
        baseline=found.baseline,
        baseline_influence=found.baseline_influence,
        firms=firms,
        counts=counts_of(cells),
        method=request.method,
        estimand=matched.settings.estimand,
        outcome=request.outcome,
        family=request.family,
        label=panel_of(matched).label(request.outcome),
        conf_level=request.conf_level,
        variance=variance_words(request, arms, own is not None),
        notes=(
            *data.notes,
            *(never_candidates if matched.kind == "pairs" else matched_note)(matched),
            *score_note(matched),
            *([f"Family {family.name}: {family.said}."] if family.said else []),
            *panel_notes(
                request, arms, cells, terms, found.reasons, firms, [time - g for g, time in plan]
            ),
        ),
        source=matched,
        seed=request.seed,
    )


def _plan(arms: Arms, periods: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Every cohort and year but the year before joining, which is the base."""
    return [(g, t) for g in arms.cohorts for t in periods.tolist() if t != g - 1]


def _part(cells: Sequence[Cell], n: int) -> npt.NDArray[np.int8]:
    """What each of n firms is in each cell: 1 a participant, 2 a control."""
    part = np.zeros((n, len(cells)), dtype=np.int8)
    for k, cell in enumerate(cells):
        part[cell.treated, k] = 1
        part[cell.control, k] = 2
    return part


@dataclass(frozen=True, slots=True)
class _Filled:
    """k cells over the firms in use, and why a cell has no standard error, or no estimate."""

    estimate: FloatArray
    influence: FloatArray
    baseline: FloatArray
    baseline_influence: FloatArray
    reasons: list[str]


def _filled(
    cells: Sequence[Cell],
    spans: Sequence[tuple[FloatArray | None, FloatArray]],
    firms: pd.DataFrame,
    units: pd.Index,
    alone: bool,
    family: str,
) -> _Filled:
    """Estimate every cell from its outcomes before (where changes are compared) and after.

    `alone` says that firms, not pairs, tell the noise, of which one firm of an arm tells nothing.
    """
    rows = units.get_indexer(firms.index)
    clusters = pd.Series(firms["cluster"].to_numpy(), index=rows)
    nothing = np.full((len(rows), len(cells)), np.nan)
    missing = np.full(len(cells), np.nan)
    out = _Filled(missing, nothing, missing.copy(), nothing.copy(), [])
    for k, (cell, (before, after)) in enumerate(zip(cells, spans, strict=True)):
        out.reasons.append("")
        if not len(cell.treated) or not len(cell.control):
            out.reasons[k] = (
                f"no {'participant with a comparison' if alone else 'pair'} is observed"
            )
            continue
        try:
            if family == "poisson" and before is not None:
                one = by_growth(cell, before, after)
            else:
                one = by_difference(cell, after)
        except NotIdentified as reason:
            out.reasons[k] = f"no estimate, {reason}"
            continue
        out.estimate[k], out.baseline[k] = one.estimate, one.baseline
        if clusters.loc[cell.treated].nunique() < 2 or (alone and len(cell.control) < 2):
            out.reasons[k] = "one pair or cluster, so no standard error"
            continue
        scale = len(rows) / len(units)
        out.influence[:, k] = one.influence[rows] * scale
        out.baseline_influence[:, k] = one.baseline_influence[rows] * scale
    return out
