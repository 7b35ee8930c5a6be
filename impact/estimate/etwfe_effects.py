"""Effects of cells from a fitted extended two-way model: estimates, baselines, and how each firm moves them.

In the unit of the outcome the effect of a cell is the mean over its firms of outcome less counterfactual, because the score of a saturated cell makes the
mean of its fitted outcomes the mean of its outcomes. A firm moves it by its own share in that mean (so that the averaging counts), and by its scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.inference import FloatArray
from impact.estimate.did_scores import NotIdentified
from impact.estimate.etwfe_cohort import CohortFit
from impact.estimate.etwfe_families import Family
from impact.estimate.etwfe_firm import FirmFit
from impact.estimate.etwfe_layout import Block, IntArray, Place
from impact.estimate.etwfe_solve import Inverse, newton
from impact.estimate.staggered import CohortYear, Reasons


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """k cells over n firms; `influence` is scaled as that of an `EffectResult`."""

    estimate: FloatArray
    influence: FloatArray
    baseline: FloatArray
    baseline_influence: FloatArray | None
    n_treated: IntArray
    n_control: IntArray
    reasons: Reasons = field(default_factory=Reasons)


@dataclass(frozen=True, slots=True, eq=False)
class _One:
    """One cell: estimate, baseline, what its own firms add directly, and the combination of coefficients it depends on."""

    estimate: float
    baseline: float
    direct: FloatArray
    base_direct: FloatArray
    gradient: FloatArray


def effects_of(
    fit: CohortFit | FirmFit,
    plan: Sequence[CohortYear],
    places: Sequence[Place],
    clusters: npt.NDArray[np.int64],
    *,
    scale: str,
    sizes: FloatArray,
) -> Cells:
    """Estimate every cell of the plan.

    Parameters
    ----------
    fit : CohortFit or FirmFit
    plan, places : sequences, length k
    clusters : array of int, shape (n,)
    scale : {"response", "link"}
    sizes : array, shape (n,)
        Weight of each firm in the mean of its cohort.
    """
    n, k = len(clusters), len(plan)
    blocks, reasons = fit.blocks, Reasons()
    estimate, baseline = np.full(k, np.nan), np.full(k, np.nan)
    response = scale == "response"
    influence = np.zeros((n, k))
    moved = np.zeros((n, k)) if response else None
    counts = np.array([_counts(blocks, place) for place in places], dtype=np.int64)
    gradients, known, bare = [], [], []
    for j, (cell, place) in enumerate(zip(plan, places, strict=True)):
        block = blocks[place.block]
        try:
            _refuse_limit(block, place, fit.family)
            fit.refuse(place)
            one = _response(fit, place) if response else _link(fit, place, sizes[block.rows])
        except NotIdentified as reason:
            reasons.say(f"no estimate, {reason}", [cell.term])
            bare.append(j)
            continue
        estimate[j], baseline[j] = one.estimate, one.baseline
        gradients.append(one.gradient)
        known.append(j)
        influence[block.rows, j] = one.direct
        if moved is not None:
            moved[block.rows, j] = one.base_direct
        unseen = _undefined(blocks, place, clusters)
        if unseen:
            reasons.say(f"no standard error, {unseen}", [cell.term])
            bare.append(j)
    if known:
        _add_scores(fit, np.array(gradients), known, influence, moved)
    for table in (influence, moved):
        if table is not None:
            table *= n
            table[:, bare] = np.nan
    return Cells(estimate, influence, baseline, moved, counts[:, 0], counts[:, 1], reasons)


def _add_scores(
    fit: CohortFit | FirmFit,
    gradients: FloatArray,
    known: list[int],
    influence: FloatArray,
    moved: FloatArray | None,
) -> None:
    """Add what firms move by way of the coefficients; the effect is the mean outcome less the baseline."""
    everything = len(known) == influence.shape[1]
    columns = np.array(known, dtype=np.int64)
    for b, block in enumerate(fit.blocks):
        push = fit.moved(b, gradients)
        where: Any = block.rows if everything else np.ix_(block.rows, columns)
        influence[where] += push
        if moved is not None:
            moved[where] -= push


def _counts(blocks: Sequence[Block], place: Place) -> tuple[int, int]:
    own = int((blocks[place.block].w[:, place.time] > 0).sum())
    others = sum(int((b.w[:, place.time] > 0).sum()) for b in blocks if b.compared[place.time])
    return own, others


def _refuse_limit(block: Block, place: Place, family: Family) -> None:
    """A cell whose outcomes are all at a limit, or that nobody is in."""
    inside = block.w[:, place.time] > 0
    y = block.y[inside, place.time]
    if not len(y):
        raise NotIdentified("no firm of the cohort is observed in this year")
    if not (block.w[:, block.free] > 0).any():
        raise NotIdentified("the cohort is not observed before joining")
    for limit in (family.low, family.high):
        if (y == limit).all():
            raise NotIdentified(
                f"every outcome of its firms is {limit:g}, so that nothing tells how far it could have been from that"
            )


def _undefined(blocks: Sequence[Block], place: Place, clusters: npt.NDArray[np.int64]) -> str:
    """Why the spread between clusters cannot be seen; empty where it can."""
    block, t = blocks[place.block], place.time
    q = block.z.shape[1]
    inside = block.w[:, t] > 0
    if _one_cluster(clusters[block.rows[inside]]):
        return "the cohort is one firm or one cluster"
    if q > 1 and inside.sum() <= q:
        return "the cohort has no more firms than its own coefficients of covariates"
    rows = [b.rows[b.w[:, t] > 0] for b in blocks if b.compared[t]]
    others = np.concatenate(rows)
    if _one_cluster(clusters[others]) or len(others) <= q:
        return "too few comparison firms or clusters"
    return ""


def _one_cluster(clusters: npt.NDArray[np.int64]) -> bool:
    return not len(clusters) or bool(clusters.min() == clusters.max())


def _response(fit: CohortFit | FirmFit, place: Place) -> _One:
    """Mean of outcome less counterfactual over the firms of a cell."""
    block, t = fit.blocks[place.block], place.time
    share = block.w[:, t] / block.w[:, t].sum()
    without = fit.counterfactual(place)
    mean, baseline = float(share @ block.y[:, t]), float(share @ without)
    effect = mean - baseline
    return _One(
        estimate=effect,
        baseline=baseline,
        direct=share * (block.y[:, t] - without - effect),
        base_direct=share * (without - baseline),
        gradient=-fit.gradient(place, share),
    )


def _link(fit: CohortFit | FirmFit, place: Place, sizes: FloatArray) -> _One:
    """Effect on the index at the mean covariates of the cohort."""
    block, t = fit.blocks[place.block], place.time
    share = sizes / sizes.sum()
    middle = share @ block.z
    none = (
        fit.coefficient[t] if isinstance(fit, FirmFit) else fit.cohort[place.block] + fit.period[t]
    )
    if isinstance(fit, FirmFit):
        own, gradient = fit.coefficient[fit.cells[place]], fit.link_gradient(place, middle)
        direct = np.zeros(len(block.rows))
    else:
        own, inverse, rest = _cell_fit(block, t, fit.family)
        gradient = -fit.index_gradient(place, share)
        direct = rest * (block.z @ (inverse.inverse @ middle))
    apart = own - none
    estimate = float(middle @ apart)
    return _One(estimate, np.nan, direct + share * (block.z @ apart - estimate), direct, gradient)


def _cell_fit(block: Block, t: int, family: Family) -> tuple[FloatArray, Inverse, FloatArray]:
    """Coefficients of a saturated cell, the inverse of their second derivative, and weighted residuals."""
    y, w, z = block.y[:, t], block.w[:, t], block.z
    unit = float(np.abs(y).max()) if family.name == "gaussian" else 1.0

    def moments(at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        with np.errstate(over="ignore", invalid="ignore"):
            index = z @ at
            mean = family.mean(index)
            weight = w * family.slope(mean)
            loss = float((w * family.loss(y, index)).sum())
            return loss, z.T @ (w * (y - mean)), (z * weight[:, None]).T @ z

    start = np.zeros(z.shape[1])
    start[0] = family.link(np.asarray(w @ y / w.sum()))
    inside = w > 0
    at, inverse = newton(
        start, moments, lambda s: float(np.abs(z[inside] @ s).max()) / (unit or 1.0)
    )
    middle = (w[inside] / w.sum()) @ z[inside]
    if not inverse.determined(middle[None]).all():
        raise NotIdentified("covariates tell the outcome of its firms without error")
    return at, inverse, w * (y - family.mean(z @ at))


def clusters_of(labels: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
    """Number of each firm's cluster."""
    return np.asarray(pd.factorize(labels)[0], dtype=np.int64)
