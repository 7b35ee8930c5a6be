"""Effects in the very period of a switch: firms that join or leave between two adjacent periods against firms that stay as they were (DID_M)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.estimate.did_scores import BoolArray
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.firm_periods import FirmPeriods, panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.lone_cluster import lone_cluster
from impact.estimate.request import AttRequest
from impact.estimate.staggered import Reasons
from impact.estimate.switching_paths import Paths
from impact.estimate.two_way import IntArray

_ROWS = (
    ("ATT", "joining and leaving"),
    ("ATT(joining)", "joining"),
    ("ATT(leaving)", "leaving"),
    ("placebo", "joining and leaving, one period before"),
)
_ALL, _JOINING, _LEAVING, _PLACEBO = range(4)


@dataclass(slots=True)
class _Sums:
    """Weighted sums over switches for the four rows: effects, numbers, outcomes without the programme; influence (n, 4); firms behind."""

    effect: FloatArray
    size: FloatArray
    outcome: FloatArray
    influence: FloatArray
    of_outcome: FloatArray
    treated: BoolArray
    control: BoolArray
    spread: BoolArray
    reasons: Reasons

    @classmethod
    def empty(cls, n: int) -> _Sums:
        """Nothing summed yet."""
        return cls(
            effect=np.zeros(4),
            size=np.zeros(4),
            outcome=np.zeros(4),
            influence=np.zeros((n, 4)),
            of_outcome=np.zeros((n, 4)),
            treated=np.zeros((n, 4), dtype=bool),
            control=np.zeros((n, 4), dtype=bool),
            spread=np.zeros(4, dtype=bool),
            reasons=Reasons(),
        )


def adjacent(request: AttRequest, data: FirmPeriods, paths: Paths) -> EffectResult:
    """DID_M, its parts of joining and leaving firms, and its placebo.

    Raises
    ------
    EstimationError
        If nobody switches between two adjacent periods in which others stay as they were.
    """
    clusters = pd.factorize(data.cluster)[0]
    sums = _Sums.empty(len(data.units))
    for t in range(1, len(data.periods)):
        _add_period(sums, data, paths, clusters, t, placebo=False)
        if t > 1:
            _add_period(sums, data, paths, clusters, t, placebo=True)
    if not sums.size[_ALL]:
        raise EstimationError(
            f"No firm switches between two adjacent periods from {data.periods[0]} to {data.periods[-1]} in which others that were alike stay as they "
            f"were. {' '.join(sums.reasons.notes())} Give participation in each period: impact.panel(..., treatment=...)."
        )
    return _result(request, data, clusters, sums)


def _add_period(
    sums: _Sums, data: FirmPeriods, paths: Paths, clusters: IntArray, t: int, *, placebo: bool
) -> None:
    """Add the switches from period t-1 to t: changes of the outcome between them or, for the placebo, one period earlier."""
    before, now = paths.treatment[:, t - 1], paths.treatment[:, t]
    later, base = (t - 1, t - 2) if placebo else (t, t - 1)
    change = data.outcome[:, later] - data.outcome[:, base]
    there = ~np.isnan(change) & ~np.isnan(now)
    if placebo:
        there &= paths.treatment[:, t - 2] == before
    for start in (0, 1):
        alike = there & (before == start)
        own, others = np.flatnonzero(alike & (now != start)), np.flatnonzero(alike & (now == start))
        if not len(own):
            continue
        if not len(others):
            reason = (
                "no firm stays as it was, to compare with those that leave"
                if start
                else "no firm stays outside, to compare with those that join"
            )
            sums.reasons.say(reason, [f"{data.periods[t]}{' (placebo)' if placebo else ''}"])
            continue
        rows = [_PLACEBO] if placebo else [_ALL, _LEAVING if start else _JOINING]
        for row in rows:
            sums.treated[own, row] = sums.control[others, row] = True
            sums.spread[row] |= not lone_cluster(clusters[others], np.ones(len(others), dtype=bool))
        _add(
            sums, rows, (own, others), change, data.outcome[:, later], data.weights[:, base], start
        )


def _add(
    sums: _Sums,
    rows: list[int],
    arms: tuple[IntArray, IntArray],
    change: FloatArray,
    after: FloatArray,
    weights: FloatArray,
    start: int,
) -> None:
    own, others = arms
    sign, total, mass = 1.0 - 2.0 * start, weights[own].sum(), weights[others].sum()
    mean, trend = weights[own] @ change[own] / total, weights[others] @ change[others] / mass
    moved = weights[own] * (change[own] - mean)
    moved_others = total / mass * weights[others] * (change[others] - trend)
    level = weights[own] @ after[own]
    for row in rows:
        sums.size[row] += total
        sums.effect[row] += sign * total * (mean - trend)
        sums.influence[own, row] += sign * moved
        sums.influence[others, row] -= sign * moved_others
        sums.outcome[row] += level - (0.0 if start else total * (mean - trend))
        sums.of_outcome[own, row] += weights[own] * (after[own] - level / total) - (
            0.0 if start else moved
        )
        if not start:
            sums.of_outcome[others, row] += moved_others


def _result(
    request: AttRequest, data: FirmPeriods, clusters: IntArray, sums: _Sums
) -> EffectResult:
    shown = np.flatnonzero(sums.size > 0)
    n, size = len(data.units), sums.size[shown]
    influence = n / size * sums.influence[:, shown]
    for j, row in enumerate(shown):
        if lone_cluster(clusters, sums.treated[:, row]) or not sums.spread[row]:
            influence[:, j] = np.nan
            sums.reasons.say(
                "no standard error, one firm or cluster switches, or is there to compare with",
                [_ROWS[row][0]],
            )
    panel = panel_of(request.data)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    switches = "switches left out" if sums.reasons.found else ""
    return effect_from_influence(
        keys=pd.DataFrame([_ROWS[i] for i in shown], columns=["term", "group"]),
        estimate=sums.effect[shown] / size,
        influence=influence,
        firms=data.firms(),
        counts=pd.DataFrame(
            {
                "n_treated": sums.treated[:, shown].sum(axis=0),
                "n_control": sums.control[:, shown].sum(axis=0),
            }
        ),
        method="switching",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"standard errors from influence functions, numbers of switches as given, clustered by {by}",
        notes=(
            *data.notes,
            "Effects in the period of a switch alone; right where the outcome does not depend on participation in earlier periods.",
            *([f"{switches}: " + " ".join(sums.reasons.notes())] if switches else []),
            *cluster_notes(data),
        ),
        source=request.data,
        seed=request.seed,
        baseline=sums.outcome[shown] / size,
        baseline_influence=n / size * sums.of_outcome[:, shown],
        fixed_shares=True,
    )
