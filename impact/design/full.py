"""Full matching: every firm goes into a set with at least one firm of the other arm, at the least total distance.

A set holds one participant and one or more controls, or one control and several participants (Rosenbaum 1991; Hansen 2004).
Nobody is left out for want of a partner of its own, as in pairs, and weights make the sets comparable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse.csgraph import connected_components

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.core.whole_numbers import counted
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen, IntArray, strata_codes
from impact.design.optimal import (
    check_size,
    connected_parts,
    distance_block,
    distance_space,
    distances,
    members_by_stratum,
)
from impact.design.propensity import BoolArray
from impact.design.request import MatchSettings

Pairs = tuple[IntArray, IntArray]

_COST = 1e3  # distances are scaled to this maximum, against which the tolerances of the linear programme are small
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many firms of the other arm a participant (t) and a control (c) stand in a set with."""

    low_t: int = 1
    high_t: float = np.inf
    low_c: int = 1
    high_c: float = np.inf

    @property
    def none(self) -> bool:
        """Whether everything is allowed."""
        return self == Bounds()


@METHODS.register(
    "match",
    "full",
    summary="sets of one participant and controls or one control and participants, least total distance",
    takes=("cross-section", "panel"),
    estimands=("ATT", "ATE"),
    covariates=True,
    needs=("numeric covariates known before joining", "firms of both arms"),
    options=(
        "exact",
        "distance",
        "caliper",
        "caliper_scale",
        "control",
        "min_controls",
        "max_controls",
    ),
    reference="Rosenbaum (1991); Hansen (2004); Hansen and Klopfer (2006), optmatch",
)
def full(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Part each cohort's candidates into sets; the total distance between participants and controls of sets is the least.

    Options: `min_controls` and `max_controls`, the least and largest number of controls per participant in a set, as in
    optmatch: `min_controls=1/2` allows two participants to share a control, `min_controls=2` asks for two controls at least.

    Left out are firms that have nobody of the other arm in their stratum and within the caliper. Where
    `max_controls`, or `min_controls` below 1, cannot hold with everybody in a set, as few firms as possible are left
    out, then the distance is the least; a `min_controls` of 2 or more (or `max_controls` of 1/2 or less) that cannot hold is
    refused.

    In a panel a comparison firm is in a set of each cohort that it is offered to, once; its weight is the sum over cohorts.

    Notes
    -----
    *Without limits* the sets are an edge cover of least cost: everybody goes with its nearest of the other arm, except
    where a pair saves more by going with each other; the pairs that save most are an assignment. Only pairs nearer than
    the two nearest distances together can save, which on a score are few. With Mahalanobis distance all
    distances of a stratum are looked at.

    *With limits* it is a flow, and the linear programme of a flow has whole solutions. It is solved (HiGHS) over near
    pairs; all other distances are then compared with the dual prices, and pairs that would lower the total are added, until
    there are none: the total is the least of all. On a score without a caliper, or with one that forbids nothing of what
    is best without it, the flow goes along the line of scores, and no pairs are needed.

    *Equal totals.* Candidates are taken in the order of their points, so neither the order of rows nor firms' names change anything. Which of
    several partings with equal totals is taken follows from that order and from the solver; firms at one point are told apart by their identifiers.
    """
    frame = candidates.frame
    bounds = read_bounds(settings)
    score = np.full(len(frame), np.nan)
    sets = np.zeros(len(frame), dtype=np.int64)
    models, notes = [], []
    for rows in candidates.cohorts:
        cohort = frame.iloc[rows]
        treated = cohort["treated"].to_numpy(dtype=bool)
        score[rows], x, limit, model, said = distance_space(cohort, settings)
        notes += said
        if model is not None:
            models.append(model.assign(cohort=cohort["cohort"].iloc[0]))
        strata = strata_codes(cohort, settings.exact)
        found = least_total_sets(x, treated, strata, caliper=limit, bounds=bounds)
        sets[rows] = np.where(found > 0, found + sets.max(initial=0), 0)
    return Chosen(
        sets=sets,
        score=score,
        model=pd.concat(models, ignore_index=True) if models else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def read_bounds(settings: MatchSettings) -> Bounds:
    """How many firms of the other arm anybody may have in its set.

    Raises
    ------
    DesignError
        If the options are no numbers, or leave no whole number of firms.
    """
    values = []
    for name, default in (("min_controls", 0.0), ("max_controls", np.inf)):
        value = settings.option(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or np.isnan(value):
            raise DesignError(f"{name} is {value!r}; it is a number of controls per participant.")
        values.append(float(value))
    low, high = values
    if not (0 <= low <= high and high > 0 and np.isfinite(low)):
        raise DesignError(
            f"min_controls is {low:g} and max_controls {high:g}; the first is from 0 to the second, and the second "
            "above 0."
        )
    near = 1e-9  # 1 / (1/3) is three controls
    bounds = Bounds(
        low_t=max(1, int(np.ceil(low - near))),
        high_t=np.floor(high + near) if high >= 1 else 1.0,
        low_c=max(1, int(np.ceil(1 / high - near))),
        high_c=1.0 if low >= 1 else np.floor(1 / low + near) if low > 0 else np.inf,
    )
    if bounds.low_t > bounds.high_t or bounds.low_c > bounds.high_c:
        raise DesignError(
            f"No set has from {low:g} to {high:g} controls per participant: one participant has a whole number of "
            "controls, or one control a whole number of participants."
        )
    return bounds


def least_total_sets(
    x: FloatArray,
    treated: BoolArray,
    strata: IntArray,
    *,
    caliper: float = np.inf,
    bounds: Bounds | None = None,
) -> IntArray:
    """Number of each firm's set, from 1; 0 for none.

    Parameters
    ----------
    x : array, shape (n, k)
        Points, in the order of the firms' identifiers.
    treated : array of bool, shape (n,)
    strata : array of int, shape (n,)
        Sets lie within equal numbers.
    caliper : float
        Largest distance between a participant and a control of a set with a single one of either.
    bounds : Bounds, optional

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [0.2], [0.3], [1.1], [5.0]])
    >>> arm = np.array([True, True, False, False, False, False])
    >>> least_total_sets(x, arm, np.zeros(6, dtype=np.int64)).tolist()
    [1, 2, 1, 1, 2, 2]
    """
    # Several partings may have one total; that it is found in the order of the points keeps firms' names out of the choice.
    order = np.lexsort((treated, *x.T[::-1], strata))
    label = _least_total(x[order], treated[order], strata[order], caliper, bounds or Bounds())
    found = np.empty(len(x), dtype=np.int64)
    found[order] = label
    inside = found > 0
    sets = np.zeros(len(x), dtype=np.int64)
    sets[inside] = pd.factorize(found[inside])[0] + 1
    return sets


def _least_total(
    x: FloatArray, treated: BoolArray, strata: IntArray, caliper: float, bounds: Bounds
) -> IntArray:
    """A label of each firm's set, 0 for none."""
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for ins, outs in members_by_stratum(strata, treated, ~treated):
        solve = _cover if bounds.none else _flow
        t, c = solve(x, ins, outs, caliper, bounds)
        t, c = _stars(t, c, distances(x, ins[t], outs[c]))
        found.append((ins[t], outs[c]))
    t, c = (np.concatenate(side) for side in zip(*found, strict=True))
    n = len(x)
    graph = sparse.coo_array((np.ones(len(t)), (t, c)), shape=(n, n))
    label = connected_components(graph, directed=False)[1]
    inside = np.zeros(n, dtype=bool)
    inside[t] = inside[c] = True
    return np.where(inside, label + 1, 0).astype(np.int64)


def _stars(t: IntArray, c: IntArray, distance: FloatArray) -> Pairs:
    """Drop pairs whose firms both have others, so that each set has one firm in its middle.

    At the least total these have distance 0, or equal ones that rounding tells apart.
    """
    of_t, of_c = np.bincount(t), np.bincount(c)
    keep = np.ones(len(t), dtype=bool)
    twice = np.flatnonzero((of_t[t] > 1) & (of_c[c] > 1))
    for e in twice[np.lexsort((c[twice], t[twice], -distance[twice]))].tolist():
        if of_t[t[e]] > 1 and of_c[c[e]] > 1:
            keep[e] = False
            of_t[t[e]] -= 1
            of_c[c[e]] -= 1
    return t[keep], c[keep]


# ---- without limits: an edge cover ------------------------------------------------------------


def _cover(x: FloatArray, ins: IntArray, outs: IntArray, caliper: float, bounds: Bounds) -> Pairs:
    """Everybody's nearest, except for the pairs that save most by going with each other."""
    own_t, own_c, near_t, near_c, (t, c) = (_near_on_line if x.shape[1] == 1 else _near_in_space)(
        x, ins, outs
    )
    distance = distances(x, ins[t], outs[c])
    saved = near_t[t] + near_c[c] - distance
    worth = (saved > 0) & (distance <= caliper)
    t, c, saved = t[worth], c[worth], saved[worth]
    table = sparse.csr_array((saved, (t, c)), shape=(len(ins), len(outs)))
    pairs = []
    for one, two, _ in connected_parts(t, c, len(ins), len(outs)):
        check_size(len(one) * len(two))
        block = table[one][:, two].toarray()
        a, b = linear_sum_assignment(block, maximize=True)
        real = block[a, b] > 0
        pairs.append(np.column_stack([one[a[real]], two[b[real]]]))
    together = np.concatenate([np.empty((0, 2), np.int64), *pairs])
    alone_t = np.setdiff1d(np.flatnonzero(near_t <= caliper), together[:, 0])
    alone_c = np.setdiff1d(np.flatnonzero(near_c <= caliper), together[:, 1])
    edges = np.concatenate(
        [
            together,
            np.column_stack([alone_t, own_t[alone_t]]),
            np.column_stack([own_c[alone_c], alone_c]),
        ]
    )
    edges = np.unique(edges, axis=0)
    return edges[:, 0], edges[:, 1]


_Near = tuple[IntArray, IntArray, FloatArray, FloatArray, Pairs]
"""Nearest of each participant and control, their distances, and the pairs among which some can save."""


def _near_on_line(x: FloatArray, ins: IntArray, outs: IntArray) -> _Near:
    t, c = x[ins, 0], x[outs, 0]
    own_t, own_c = _nearest_on_line(t, c), _nearest_on_line(c, t)
    near_t, near_c = np.abs(t - c[own_t]), np.abs(c - t[own_c])
    # A pair that saves is nearer than twice the larger of its two nearest distances.
    one, two = _within(t, c, 2 * near_t)
    also_two, also_one = _within(c, t, 2 * near_c)
    edges = np.column_stack([np.append(one, also_one), np.append(two, also_two)])
    distance = np.abs(t[edges[:, 0]] - c[edges[:, 1]])
    edges = edges[distance < near_t[edges[:, 0]] + near_c[edges[:, 1]]]
    edges = np.unique(edges, axis=0)
    return own_t, own_c, near_t, near_c, (edges[:, 0], edges[:, 1])


def _nearest_on_line(a: FloatArray, b: FloatArray) -> IntArray:
    """Position in `b` of the nearest to each of `a`; of equals that on the left, then the first."""
    order = np.argsort(b, kind="stable")
    line = b[order]
    right = np.searchsorted(line, a)
    left = np.searchsorted(line, line[np.maximum(right - 1, 0)])
    right = np.minimum(right, len(b) - 1)
    take = np.where(np.abs(a - line[left]) <= np.abs(a - line[right]), left, right)
    return order[take]


def _within(a: FloatArray, b: FloatArray, radius: FloatArray) -> Pairs:
    """Positions of pairs that may be within the radius of the first; a few more by rounding."""
    order = np.argsort(b, kind="stable")
    more = radius + 1e-12 * (np.abs(a) + radius)
    first = np.searchsorted(b[order], a - more, side="left")
    count = np.searchsorted(b[order], a + more, side="right") - first
    count[radius == 0] = (
        0  # who has an equal partner saves nothing by another; there may be many equals
    )
    check_size(int(count.sum()))
    one = np.repeat(np.arange(len(a)), count)
    two = np.arange(len(one)) - np.repeat(np.cumsum(count) - count - first, count)
    return one, order[two]


def _near_in_space(x: FloatArray, ins: IntArray, outs: IntArray) -> _Near:
    near_c, own_c = np.full(len(outs), np.inf), np.zeros(len(outs), dtype=np.int64)
    near_t, own_t = np.empty(len(ins)), np.empty(len(ins), dtype=np.int64)
    blocks = np.array_split(np.arange(len(ins)), -(-len(ins) * len(outs) // 5_000_000))
    for block in blocks:
        distance = distance_block(x, ins[block], outs)
        own_t[block], near_t[block] = distance.argmin(axis=1), distance.min(axis=1)
        nearest, at = distance.min(axis=0), block[distance.argmin(axis=0)]
        own_c, near_c = np.where(nearest < near_c, at, own_c), np.minimum(nearest, near_c)
    pairs, count = [], 0
    for block in blocks:
        one, two = np.nonzero(
            distance_block(x, ins[block], outs) < near_t[block][:, None] + near_c[None, :]
        )
        count += len(one)
        check_size(count * 5)  # positions, distances and savings of each
        pairs.append((block[one], two.astype(np.int64)))
    t, c = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return own_t, own_c, near_t, near_c, (t, c)


# ---- with limits: a flow ----------------------------------------------------------------------


def _flow(x: FloatArray, ins: IntArray, outs: IntArray, caliper: float, bounds: Bounds) -> Pairs:
    """Solve the linear programme over near pairs, and add pairs until none would lower the total."""
    if x.shape[1] == 1:
        t, c = _flow_on_line(x[ins, 0], x[outs, 0], bounds)
        if (distances(x, ins[t], outs[c]) <= caliper).all():
            return t, c  # the caliper forbids nothing of what is best without it
    check_size(3 * len(ins) * len(outs))
    distance = distance_block(x, ins, outs)
    distance[distance > caliper] = np.inf
    largest = float(np.where(np.isinf(distance), 0.0, distance).max()) or 1.0
    distance *= _COST / largest
    used = _nearest_pairs(distance, 10)
    # What a firm costs that is left out: if nobody is, any sum that has this effect will do, and a smaller is more exact.
    for missing in (10 * _COST, 2 * _COST * (len(ins) + len(outs))):
        while True:
            t, c = np.nonzero(used)
            flow, left_out, prices = _programme(
                distance[t, c], t, c, distance.shape, bounds, missing
            )
            gain = distance - prices[: len(ins), None] - prices[None, len(ins) :]
            gain[used] = 0.0
            if gain.min() >= -_TOLERANCE:
                break
            used |= _nearest_pairs(np.where(gain < -_TOLERANCE, gain, np.inf), 20)
        if left_out.max() < 0.5:
            break
    if left_out.max() > 0.5 and max(bounds.low_t, bounds.low_c) > 1:
        raise DesignError(_cannot_hold(len(ins), len(outs)))
    return t[flow > 0.5], c[flow > 0.5]


def _flow_on_line(ins: FloatArray, outs: FloatArray, bounds: Bounds) -> Pairs:
    """The least total on a score without a caliper: a flow along the line from firm to firm.

    What goes from participants to controls passes the gaps between neighbours, and its cost is that of the gaps, so that no
    pairs are needed. Each firm sends or takes its least, and more up to its most. Whatever is sent and taken is paired
    in the order of the line.
    """
    n_ins, n_outs = len(ins), len(outs)
    n = n_ins + n_outs
    feasible = max(n_ins * bounds.low_t, n_outs * bounds.low_c) <= min(
        n_ins * bounds.high_t, n_outs * bounds.high_c
    )
    if not feasible and max(bounds.low_t, bounds.low_c) > 1:
        raise DesignError(_cannot_hold(n_ins, n_outs))
    score = np.concatenate([ins, outs])
    line = np.lexsort((np.arange(n), score))
    is_in = line < n_ins
    gap = np.diff(score[line])
    gap *= (n - 1) / (gap.sum() or 1.0)  # 1 on average, against which the tolerances are small
    low = np.where(is_in, bounds.low_t, bounds.low_c).astype(np.float64)
    high = np.where(is_in, bounds.high_t, bounds.high_c)
    # A firm that is left out costs more than the whole line: that is the most that one more unit of flow can cost.
    reward = np.zeros(n) if feasible else np.full(n, -2.0 * n)
    k = np.arange(n - 1)
    right = sparse.coo_array((np.repeat([1.0, -1.0], n - 1), (np.append(k, k + 1), np.append(k, k))), shape=(n, n - 1))  # fmt: skip
    own = sparse.diags_array(np.where(is_in, -1.0, 1.0))
    solved = _solved(
        np.concatenate([gap, gap, reward, np.zeros(n)]),
        sparse.hstack([right, -right, own, own], format="csc"),
        np.zeros(n),
        np.concatenate([np.zeros(2 * n - 2), low if feasible else np.zeros(n), np.zeros(n)]),
        np.concatenate([np.full(2 * n - 2, np.inf), low, high - low]),
    )[0]
    amount = np.round(solved[2 * n - 2 : 3 * n - 2] + solved[3 * n - 2 :]).astype(np.int64)
    t = np.repeat(line[is_in], amount[is_in])
    c = np.repeat(line[~is_in], amount[~is_in]) - n_ins
    pairs = np.unique(np.column_stack([t, c]), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _cannot_hold(n_ins: int, n_outs: int) -> str:
    return (
        "min_controls and max_controls cannot hold with every firm in a set (of a stratum, within the caliper) that has "
        f"{counted(n_ins, 'participant')} and {counted(n_outs, 'comparison firm')}. Bring both nearer to 1, widen the caliper, or match "
        "exactly on fewer columns."
    )


def _nearest_pairs(distance: FloatArray, count: int) -> BoolArray:
    """The nearest few of each row and each column, as a mask."""
    mask = np.zeros(distance.shape, dtype=bool)
    for axis in (0, 1):
        k = min(count, distance.shape[axis])
        best = np.take(np.argpartition(distance, k - 1, axis=axis), np.arange(k), axis=axis)
        np.put_along_axis(mask, best, True, axis=axis)
    return mask & np.isfinite(distance)


def _programme(
    cost: FloatArray,
    t: IntArray,
    c: IntArray,
    shape: tuple[int, ...],
    bounds: Bounds,
    missing: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Flow of each pair, what each firm lacks, and the price of each firm.

    Each firm has the sum of its flows, plus what it lacks, less what it has beyond its least, equal to its least.
    """
    n_ins, n_outs = shape
    n = n_ins + n_outs
    e = np.arange(len(t))
    incidence = sparse.coo_array(
        (np.ones(2 * len(t)), (np.append(t, n_ins + c), np.append(e, e))), shape=(n, len(t))
    )
    one = sparse.eye_array(n)
    low = np.repeat([bounds.low_t, bounds.low_c], [n_ins, n_outs]).astype(np.float64)
    high = np.repeat([bounds.high_t, bounds.high_c], [n_ins, n_outs])
    beyond = len(t) + n
    flow, prices = _solved(
        np.concatenate([cost, np.full(n, missing), np.zeros(n)]),
        sparse.hstack([incidence, one, -one], format="csc"),
        low,
        np.zeros(beyond + n),
        np.concatenate([np.full(len(t), np.inf), low, high - low]),
    )
    return flow[: len(t)], flow[len(t) : beyond], prices


def _solved(
    cost: FloatArray,
    a: sparse.csc_array,
    b: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Whole solution and prices of a flow: least cost of x with a @ x = b between low and high."""
    solved = linprog(
        cost,
        A_eq=a,
        b_eq=b,
        bounds=np.column_stack([low, high]),
        method="highs-ds",
        options={"dual_feasibility_tolerance": 1e-10, "primal_feasibility_tolerance": 1e-10},
    )
    flow = solved.x if solved.status == 0 else np.full(1, 0.5)
    if np.abs(flow - np.round(flow)).max() > 1e-6:
        raise DesignError(
            f"The linear programme of full matching was not solved ({solved.message}); match within smaller groups "
            "(`exact`), or leave out the limits."
        )
    return flow, np.asarray(solved.eqlin.marginals)
