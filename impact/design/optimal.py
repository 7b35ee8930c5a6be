"""Optimal pair matching: no other choice of pairs has a smaller total distance.

Nearest neighbours are taken greedily: who chooses first may take the only good control of who chooses later. Here all pairs
are chosen at once (Rosenbaum 1989; Hansen and Klopfer 2006), as an assignment that SciPy solves.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen, IntArray, strata_codes
from impact.design.mahalanobis import whitened
from impact.design.pairing import score_cohort
from impact.design.propensity import BoolArray
from impact.design.request import MatchSettings

CELLS = 200_000_000
"""Distances that are held at once; 1.6 GB."""

_MARGIN = 1e-9  # searches look this much further than the caliper; what they find is then compared exactly


@METHODS.register(
    "match",
    "optimal",
    summary="pairs without replacement whose total distance is the least of all",
    takes=("cross-section", "panel"),
    estimands=("ATT",),
    covariates=True,
    needs=("numeric covariates known before joining", "firms of both arms"),
    options=("exact", "distance", "caliper", "caliper_scale", "ratio", "control"),
    reference="Rosenbaum (1989); Hansen and Klopfer (2006), optmatch",
)
def optimal(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Match cohort by cohort, `ratio` controls to a participant, with the least total distance.

    As many participants as possible are matched (fewer than all where a caliper or too few controls forbid it), then as
    many controls; among all such choices the total distance is the least. A control serves once, in a panel once over all
    cohorts: the first cohorts choose first, and the total is the least within each cohort.

    Notes
    -----
    *Equal totals.* Candidates stand in the order of their identifiers, so the rows' order in the caller's table changes
    nothing. Where several choices of controls have the same total, which is taken follows from that order and from the
    solver. The chosen firms of a stratum are paired in the order of their scores, which of all pairings with the least
    total has the least sum of squares and the smallest largest distance.

    *Cost.* On a score without a caliper the cost is that of sorting (`pairs_by_levels`). Where a caliper forbids what is best
    without it, only pairs that can belong to an optimum are laid before the solver (`pairs_in_reach`); it takes long where
    thousands of participants crowd among few controls. Where moreover `ratio` is above 1 and not all places can be
    filled, all pairs within the caliper are needed, and Mahalanobis distance needs participants times
    controls of a stratum: more than `CELLS` of them are refused.
    """
    frame = candidates.frame
    score = np.full(len(frame), np.nan)
    free = np.ones(len(frame), dtype=bool)
    units = pd.factorize(frame["unit"])[0]
    tables, models, notes = [], [], []
    for rows in candidates.cohorts:
        cohort = frame.iloc[rows]
        treated = cohort["treated"].to_numpy(dtype=bool)
        values, x, limit, model, said = distance_space(cohort, settings)
        score[rows] = values
        notes += said
        if model is not None:
            models.append(model.assign(cohort=cohort["cohort"].iloc[0]))
        strata = strata_codes(cohort, settings.exact)
        t, c = least_total_pairs(
            x, treated, ~treated & free[rows], strata, caliper=limit, ratio=settings.ratio
        )
        tables.append(_table(rows, t, c, distances(x, t, c)))
        free &= ~np.isin(units, units[rows[c]])
    return Chosen(
        pairs=pd.concat(tables, ignore_index=True),
        score=score,
        model=pd.concat(models, ignore_index=True) if models else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def _table(rows: IntArray, t: IntArray, c: IntArray, distance: FloatArray) -> pd.DataFrame:
    """Pairs, the controls of a participant ranked by their distance, then by identifier."""
    table = pd.DataFrame({"treated": rows[t], "control": rows[c], "distance": distance})
    table = table.sort_values(["treated", "distance", "control"], ignore_index=True)
    rank = table.groupby("treated").cumcount() + 1
    return table.assign(rank=rank)[["treated", "control", "rank", "distance"]]


def distance_space(
    cohort: pd.DataFrame, settings: MatchSettings
) -> tuple[FloatArray, FloatArray, float, pd.DataFrame | None, list[str]]:
    """One cohort's scores, the points between which distances are measured, and how far is too far.

    Returns
    -------
    score : array, shape (n,)
        Missing for Mahalanobis distance.
    x : array, shape (n, k)
        Points whose Euclidean distances are those of the matching; k = 1 for a score.
    limit : float
        The caliper in units of distance; infinite where there is none.
    model, notes
        The score's model, and what must be said of it.
    """
    # Nobody chooses before another, so that what is said of the order in which participants choose must not be said here.
    score, model, notes = score_cohort(cohort, replace(settings, order="data"))
    limit = np.inf if settings.caliper is None else settings.caliper
    if settings.distance == "mahalanobis":
        treated = cohort["treated"].to_numpy(dtype=bool)
        x = whitened(cohort[list(settings.on)].to_numpy(dtype=np.float64), treated, settings.on)
        return score, x, limit, model, notes
    if settings.caliper_scale == "sd" and settings.caliper is not None:
        limit *= float(score.std(ddof=1))
    return score, score[:, None], limit, model, notes


def distances(x: FloatArray, t: IntArray, c: IntArray) -> FloatArray:
    """Distance between the points of each pair.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [3.0, 4.0]])
    >>> distances(x, np.array([0]), np.array([1])).tolist()
    [5.0]
    """
    if x.shape[1] == 1:
        return np.asarray(np.abs(x[t, 0] - x[c, 0]), dtype=np.float64)
    return np.asarray(np.linalg.norm(x[t] - x[c], axis=1), dtype=np.float64)


def distance_block(x: FloatArray, t: IntArray, c: IntArray) -> FloatArray:
    """Distances of all pairs, shape (len(t), len(c))."""
    if x.shape[1] == 1:
        return np.asarray(np.abs(x[t, 0][:, None] - x[c, 0][None, :]), dtype=np.float64)
    squares = np.zeros((len(t), len(c)))
    for column in x.T:  # by columns: no array of three dimensions, and equal points have distance 0
        squares += (column[t][:, None] - column[c][None, :]) ** 2
    return np.sqrt(squares, out=squares)


def least_total_pairs(
    x: FloatArray,
    treated: BoolArray,
    eligible: BoolArray,
    strata: IntArray,
    *,
    caliper: float = np.inf,
    ratio: int = 1,
) -> tuple[IntArray, IntArray]:
    """Pairs of the least total distance, stratum by stratum.

    Parameters
    ----------
    x : array, shape (n, k)
        Points, in the order of the firms' identifiers.
    treated, eligible : array of bool, shape (n,)
        Participants, and firms that can be their controls.
    strata : array of int, shape (n,)
        Firms are matched within equal numbers only.
    caliper, ratio : float, int
        Largest distance of a pair; controls per participant.

    Returns
    -------
    tuple of arrays
        Positions of participants and of controls.

    Examples
    --------
    The participant at 1.0 leaves its nearest control to the one at 0.0, for whom the other is far.

    >>> x = np.array([[0.0], [1.0], [0.9], [2.0]])
    >>> arm = np.array([True, True, False, False])
    >>> t, c = least_total_pairs(x, arm, ~arm, np.zeros(4, dtype=np.int64))
    >>> t.tolist(), c.tolist()
    ([0, 1], [2, 3])
    """
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for ins, outs in members_by_stratum(strata, treated, eligible):
        t, c = _one_stratum(x, ins, outs, caliper, ratio)
        if x.shape[1] == 1:  # the same firms in the order of their scores: never a larger distance
            t, c = (
                side[np.argsort(x[side, 0], kind="stable")] for side in (np.sort(t), np.sort(c))
            )
        found.append((t, c))
    return np.concatenate([t for t, _ in found]), np.concatenate([c for _, c in found])


def members_by_stratum(
    strata: IntArray, treated: BoolArray, eligible: BoolArray
) -> list[tuple[IntArray, IntArray]]:
    """Positions of both arms of each stratum that has both."""
    order = np.argsort(strata, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(strata[order])) + 1)
    both = [(p[treated[p]], p[eligible[p]]) for p in parts]
    return [(ins, outs) for ins, outs in both if len(ins) and len(outs)]


def _one_stratum(
    x: FloatArray, ins: IntArray, outs: IntArray, caliper: float, ratio: int
) -> tuple[IntArray, IntArray]:
    if x.shape[1] == 1:
        t, c = _on_a_line(x, ins, outs, caliper, ratio)
    elif np.isinf(caliper) and (ratio == 1 or len(ins) * ratio <= len(outs)):
        check_size(len(ins) * ratio * len(outs))
        places = np.repeat(np.arange(len(ins)), ratio)  # one for each control of a participant
        a, b = linear_sum_assignment(distance_block(x, ins, outs)[places])
        t, c = places[a], b
    else:
        t, c = _assign(x, ins, outs, pairs_within(x, ins, outs, caliper), caliper, ratio)
    return ins[t], outs[c]


def _on_a_line(
    x: FloatArray, ins: IntArray, outs: IntArray, caliper: float, ratio: int
) -> tuple[IntArray, IntArray]:
    """The least total on a score, by the cheapest way that is known to find it."""
    t, c = x[ins, 0], x[outs, 0]
    full = len(ins) * ratio <= len(outs)
    if full or (ratio == 1 and np.isinf(caliper)):
        matched = pairs_by_levels(t, c, ratio)
        if (np.abs(np.sort(t[matched[0]]) - np.sort(c[matched[1]])) <= caliper).all():
            return matched  # the caliper forbids nothing of what is best without it
    if ratio == 1 or filled_on_a_line(t, c, caliper, ratio) == len(ins) * ratio:
        reach = pairs_in_reach(t, c, caliper, ratio)
        return _assign(x, ins, outs, reach, caliper, ratio)
    # Not all places can be filled. With several for a participant the proof of `pairs_in_reach` does not hold then.
    return _assign(x, ins, outs, pairs_within(x, ins, outs, caliper), caliper, ratio)


def check_size(cells: int) -> None:
    """Refuse what would not fit into memory.

    Raises
    ------
    DesignError
        If there are more than `CELLS` distances.
    """
    if cells > CELLS:
        raise DesignError(
            f"The best choice of all would have to compare {cells:,} distances, {cells * 8 / 1e9:.0f} GB; "
            f"{CELLS:,} can be held. Match within smaller groups (`exact`), set a narrower caliper, ask for fewer "
            'controls, match on a score instead of Mahalanobis distance, or use method="nearest".'
        )


def pairs_by_levels(ins: FloatArray, outs: FloatArray, ratio: int) -> tuple[IntArray, IntArray]:
    """The least total on one score without a caliper; in closed form.

    Parameters
    ----------
    ins, outs : array
        Scores of participants and of controls; with `ratio` above 1 enough controls for all places.
    ratio : int

    Returns
    -------
    tuple of arrays
        Positions in `ins` and in `outs`.

    Notes
    -----
    Firms stand in a line by score. Going along it, a participant is a step up for each of its places, a control a step
    down. Of all optima take one whose squared distances have the largest sum: then of two pairs that overlap one lies inside
    the other, or they could be exchanged. Between the two of a pair nobody is left over, who would be nearer; so
    there are as many places as controls between them: the steps of a pair lead between the same two levels. Steps
    between two levels go up and down in turns, and pairing neighbours among them is never dearer than pairing around
    others. So each two levels have a chain of steps; if their number is even, the first goes with the second, the third
    with the fourth; if it is odd, one step stays alone, with pairs on its left and its right, and it is the one that
    makes the total least. (Aggarwal et al. 1992 part the problem so, too.) The cost is that of sorting.

    Examples
    --------
    >>> t, c = pairs_by_levels(np.array([0.0, 10.0]), np.array([1.0, 2.0, 9.5, 11.0]), 1)
    >>> sorted(zip(t.tolist(), c.tolist()))
    [(0, 0), (1, 2)]
    """
    firm = np.concatenate([np.repeat(np.arange(len(ins)), ratio), np.arange(len(outs))])
    up = np.arange(len(firm)) < len(ins) * ratio
    score = np.concatenate([np.repeat(ins, ratio), outs])
    line = np.lexsort((np.arange(len(firm)), score))
    level = np.cumsum(np.where(up[line], 1, -1)) - up[line]
    steps = line[np.argsort(level, kind="stable")]
    level = np.sort(level)
    start = np.flatnonzero(np.append(True, level[1:] != level[:-1]))
    length = np.diff(np.append(start, len(steps)))
    begin = np.repeat(start, length)
    within = np.arange(len(steps)) - begin
    odd = np.repeat(length % 2 == 1, length)
    # What leaving a step alone costs beyond leaving the first of its chain: pairs (0, 1), (2, 3) .. for (1, 2), (3, 4) ..
    gap = np.append(np.diff(score[steps]), 0.0)
    change = np.cumsum(np.where(within % 2 == 0, gap, -gap)) - np.where(within % 2 == 0, gap, -gap)
    change = np.where(within % 2 == 0, change - change[begin], np.inf)
    lowest = np.repeat(np.minimum.reduceat(change, start), length)
    at_lowest = np.where(change == lowest, within, len(steps))
    alone = np.repeat(np.minimum.reduceat(at_lowest, start), length)
    first = np.where(odd & (within > alone), within % 2 == 1, within % 2 == 0)
    first &= ~(odd & (within == alone))
    one, two = steps[:-1][first[:-1]], steps[1:][first[:-1]]
    t, c = np.where(up[one], one, two), np.where(up[one], two, one)
    return firm[t], firm[c]


def pairs_in_reach(
    ins: FloatArray, outs: FloatArray, caliper: float, ratio: int
) -> tuple[IntArray, IntArray]:
    """The pairs on one score among which there is an optimum.

    Parameters
    ----------
    ins, outs : array
        Scores of participants and of controls.
    caliper, ratio : float, int

    Returns
    -------
    tuple of arrays
        Positions in `ins` and in `outs`.

    Notes
    -----
    Firms stand in a line by score. There is an optimum in which the matched firms are paired in the order of the line. Let
    it pair participant p with a control c to the left of p, m controls standing between them. All m are taken, or p would
    take one of them; by participants on the right of p, or the order would be broken. Going right from p, these m wait for
    their participants: whoever is a participant takes one of those waiting (else a later one who does could leave it
    cheaper), whatever is a control waits too (else a later participant who passes it could take it cheaper). In the end
    none waits, so that somewhere on the right of p there are m participants more than controls since p. Controls that
    are further away than that excess are never needed, nor those on the right by the mirrored argument. With `ratio`
    places per participant it holds as long as all places are filled.

    Examples
    --------
    >>> t, c = pairs_in_reach(np.array([0.0, 10.0]), np.array([1.0, 2.0, 9.0, 11.0]), np.inf, 1)
    >>> list(zip(t.tolist(), c.tolist()))
    [(0, 0), (1, 2), (1, 3)]
    """
    scores = np.concatenate([ins, outs])
    step = np.repeat([ratio, -1], [len(ins), len(outs)])
    line = np.lexsort((np.arange(len(scores)), scores))
    place = np.empty(len(line), dtype=np.int64)
    place[line] = np.arange(len(line))
    height = np.cumsum(step[line])
    rise = np.maximum.accumulate(height[::-1])[::-1] - height + ratio - 1
    fall = height - np.minimum.accumulate(np.concatenate([[0], height[:-1]])) - 1
    by_score = np.argsort(outs, kind="stable")
    before = np.searchsorted(np.sort(place[len(ins) :]), place[: len(ins)])
    margin = caliper * (1 + _MARGIN) + _MARGIN * np.abs(ins)
    first = np.maximum(
        before - 1 - rise[place[: len(ins)]],
        np.searchsorted(outs[by_score], ins - margin, side="left"),
    )
    last = np.minimum(
        before + fall[place[: len(ins)]],
        np.searchsorted(outs[by_score], ins + margin, side="right") - 1,
    )
    count = np.maximum(last - np.maximum(first, 0) + 1, 0)
    check_size(int(count.sum()) * ratio)
    t = np.repeat(np.arange(len(ins)), count)
    c = np.arange(len(t)) - np.repeat(np.cumsum(count) - count, count)
    c = by_score[c + np.repeat(np.maximum(first, 0), count)]
    near = np.abs(ins[t] - outs[c]) <= caliper
    return t[near], c[near]


def pairs_within(
    x: FloatArray, ins: IntArray, outs: IntArray, caliper: float
) -> tuple[IntArray, IntArray]:
    """All pairs within the caliper, as positions in `ins` and `outs`."""
    check_size(len(ins) * len(outs))
    t, c = np.nonzero(distance_block(x, ins, outs) <= caliper)
    return t.astype(np.int64), c.astype(np.int64)


def _assign(
    x: FloatArray,
    ins: IntArray,
    outs: IntArray,
    reach: tuple[IntArray, IntArray],
    caliper: float,
    ratio: int,
) -> tuple[IntArray, IntArray]:
    """The least total among the pairs in reach, where places may stay empty.

    How many places can be filled is counted before. What no pair connects is solved apart: a part is small, and is
    dense enough for SciPy's dense solver. (Its sparse one, `min_weight_full_bipartite_matching` of SciPy 1.17, did not end
    on distances that differ by rounding alone.)
    """
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for t, c, at in connected_parts(*reach, len(ins), len(outs)):
        places = np.repeat(np.arange(len(t)), ratio)
        if x.shape[1] == 1:
            filled = filled_on_a_line(x[ins[t], 0], x[outs[c], 0], caliper, ratio)
        else:
            filled = _filled(at, (len(t), len(c)), ratio)
        ranked = ratio > 1 and filled < len(places)
        check_size(len(places) * (len(c) + (len(places) if ranked else len(places) - filled)))
        block = np.full((len(t), len(c)), np.inf)
        block[at] = distances(x, ins[t[at[0]]], outs[c[at[1]]])
        block = block[places]
        spare = _spare_controls(block, len(places) - filled, ratio)
        a, b = linear_sum_assignment(np.hstack([block, spare]))
        real = b < len(c)
        found.append((t[places[a[real]]], c[b[real]]))
    return np.concatenate([t for t, _ in found]), np.concatenate([c for _, c in found])


def filled_on_a_line(ins: FloatArray, outs: FloatArray, caliper: float, ratio: int) -> int:
    """How many places of participants can be filled at once on a score: the first with the first, as they come.

    Examples
    --------
    >>> filled_on_a_line(np.array([0.0, 1.0]), np.array([0.9, 1.8, 5.0]), 1.0, 1)
    2
    """
    t, c = np.sort(np.repeat(ins, ratio)).tolist(), np.sort(outs).tolist()
    i = j = filled = 0
    while i < len(t) and j < len(c):
        if abs(t[i] - c[j]) <= caliper:
            i, j, filled = i + 1, j + 1, filled + 1
        elif c[j] < t[i]:
            j += 1
        else:
            i += 1
    return filled


def _filled(pairs: tuple[IntArray, IntArray], shape: tuple[int, int], ratio: int) -> int:
    """How many places of participants can be filled at once."""
    t, c = pairs
    row = (t[:, None] * ratio + np.arange(ratio)).ravel()
    places = sparse.csr_array(
        (np.ones(len(row)), (row, np.repeat(c, ratio))), shape=(shape[0] * ratio, shape[1])
    )
    return int((maximum_bipartite_matching(places, perm_type="column") >= 0).sum())


def _spare_controls(block: FloatArray, empty: int, ratio: int) -> FloatArray:
    """Costs of leaving a place empty, as further columns of the distances.

    With one place for a participant as many columns as places stay empty: their cost decides nothing; a dear one is tried
    late, which is fast. With several places each has a column of its own; it costs more than all distances together, for a
    first place more than all others together: so many participants are matched first, then many controls, then
    near ones.
    """
    n = len(block)
    farthest = np.where(np.isinf(block), 0.0, block).max(axis=1)
    if ratio == 1 or not empty:
        return np.full((n, empty), 10.0 * farthest.max())
    cost = np.full(n, 2.0 * farthest.sum() or 1.0)
    cost[::ratio] += cost.sum()
    spare = np.full((n, n), np.inf)
    np.fill_diagonal(spare, cost)
    return spare


def connected_parts(
    t: IntArray, c: IntArray, n_ins: int, n_outs: int
) -> list[tuple[IntArray, IntArray, tuple[IntArray, IntArray]]]:
    """Parts of a graph of pairs that no pair connects.

    Returns
    -------
    list of tuples
        Participants and controls of a part, and its pairs as positions in these.

    Examples
    --------
    >>> parts = connected_parts(np.array([0, 1, 1]), np.array([2, 0, 1]), 2, 3)
    >>> [(ins.tolist(), outs.tolist()) for ins, outs, _ in parts]
    [([0], [2]), ([1], [0, 1])]
    """
    if not len(t):
        return []
    graph = sparse.coo_array((np.ones(len(t)), (t, n_ins + c)), shape=(n_ins + n_outs,) * 2)
    label = connected_components(graph, directed=False)[1][t]
    order = np.lexsort((c, t, label))
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    parts = []
    for edges in np.split(order, cuts):
        ins, one = np.unique(t[edges], return_inverse=True)
        outs, two = np.unique(c[edges], return_inverse=True)
        parts.append((ins, outs, (one, two)))
    return sorted(parts, key=lambda part: int(part[0][0]))
