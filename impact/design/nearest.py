"""Nearest-neighbour matching: each participant takes the closest comparison firm that is left.

Conventions are those of R MatchIt 4.7 (Ho, Imai, King and Stuart 2011), so that pairs agree: the
caliper counts standard deviations (n - 1) of the score over all firms; firms are sorted by score,
ties by identifier; the search goes out to the left and to the right of the participant; the smaller
distance wins, then fewer steps, then left; `ratio` k makes k rounds over all participants, and in
later rounds steps are counted from the outermost firms the participant has taken. `max_uses` is its
`reuse.max`: a control leaves when it has served so many participants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen
from impact.design.mahalanobis import search_by_covariates
from impact.design.pairing import Firms, Found, IntArray, matching_order, pair_by_cohort
from impact.design.propensity import BoolArray
from impact.design.request import MatchSettings

__all__ = ["matching_order", "nearest", "nearest_by_score"]


@METHODS.register(
    "match",
    "nearest",
    summary="each participant with its nearest comparison firms, by score or Mahalanobis distance",
    takes=("cross-section", "panel"),
    estimands=("ATT",),
    covariates=True,
    needs=("numeric covariates known before joining", "firms of both arms"),
    options=(
        "exact",
        "distance",
        "caliper",
        "caliper_scale",
        "ratio",
        "replace",
        "max_uses",
        "order",
        "seed",
        "control",
    ),
    reference="Rubin (1973); Rosenbaum and Rubin (1985); Ho, Imai, King and Stuart (2011), MatchIt",
)
def nearest(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Match cohort by cohort; without replacement a control serves once over all cohorts."""
    by_score = settings.distance != "mahalanobis"
    return pair_by_cohort(
        candidates, settings, _search_by_score if by_score else search_by_covariates
    )


def _search_by_score(firms: Firms, settings: MatchSettings) -> tuple[Found, FloatArray]:
    found = nearest_by_score(
        firms.score,
        firms.turns,
        firms.capacity,
        firms.strata,
        caliper=firms.caliper,
        ratio=settings.ratio,
    )
    t, c, _ = found
    return found, np.abs(firms.score[t] - firms.score[c])


def nearest_by_score(
    score: FloatArray,
    turns: IntArray,
    capacity: IntArray,
    strata: IntArray,
    *,
    caliper: float | None = None,
    ratio: int = 1,
) -> Found:
    """Greedy nearest neighbours on one number.

    Parameters
    ----------
    score : array, shape (n,)
        Scores of all firms, in the order of their identifiers.
    turns : array
        Positions of the participants in the order in which they choose.
    capacity : array of int, shape (n,)
        How many participants a firm can serve; 0 for those that cannot be chosen.
    strata : array of int, shape (n,)
        Firms are matched within equal numbers (from 0) only.
    caliper : float, optional
        Largest distance, in units of the score.
    ratio : int
        Controls per participant, in as many rounds.

    Returns
    -------
    tuple of arrays
        Participants, controls, and the round in which they met, in the order of the meetings.

    Notes
    -----
    Firms stand sorted in a line, and for all participants at once it is seen which open control on either side is the
    nearest. A participant whose first choice is still open when its turn comes takes it, since others only leave; the few
    for whom it is not walk on over those that are taken, along paths that are shortened as they are walked. The cost is
    that of the sort, n log n.

    Examples
    --------
    >>> score = np.array([0.5, 0.4, 0.6, 0.1])
    >>> t, c, _ = nearest_by_score(score, np.array([0]), np.array([0, 1, 1, 1]),
    ...                            np.zeros(4, dtype=np.int64))
    >>> c.tolist()
    [1]
    """
    line = _line(score, strata)
    place = np.empty(len(line), dtype=np.int64)
    place[line] = np.arange(len(line))
    row = _Row(
        along=score[line],
        room=capacity[line],
        start=_stratum_starts(strata, line),
        limit=np.inf if caliper is None else caliper,
    )
    own = place[turns]
    low, high = own.copy(), own.copy()
    found = []
    for rank in range(1, ratio + 1):
        chosen = row.choose(own, low, high)
        met = np.flatnonzero(chosen >= 0)
        found.append((turns[met], line[chosen[met]], np.full(len(met), rank, dtype=np.int64)))
        low[met] = np.minimum(low[met], chosen[met])
        high[met] = np.maximum(high[met], chosen[met])
    t, c, ranks = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return t, c, ranks


def _line(score: FloatArray, strata: IntArray) -> IntArray:
    """Firms by stratum, score and position: the same as `np.lexsort((score, strata))`, several times as fast."""
    line = _by_score(score)
    if not strata.any():
        return line
    codes = strata[line]
    for shift in range(0, int(codes.max()).bit_length(), 16):  # numpy sorts 16 bits by radix
        digits = (codes >> shift).astype(np.uint16)
        order = np.argsort(digits, kind="stable")
        line, codes = line[order], codes[order]
    return line


def _by_score(score: FloatArray) -> IntArray:
    """A stable sort: a fast one, with equal scores put back into the order of their positions."""
    line = np.argsort(score)
    along = score[line]
    same = along[1:] == along[:-1]
    ties = int(np.count_nonzero(same))
    if ties > len(score) // 8:
        return np.argsort(score, kind="stable")
    if ties:
        tied = np.zeros(len(score), dtype=bool)
        tied[1:] |= same
        tied[:-1] |= same
        where = np.flatnonzero(tied)
        line[where] = line[where][np.lexsort((line[where], along[where]))]
    return line


def _stratum_starts(strata: IntArray, line: IntArray) -> IntArray:
    """Places at which strata begin, and the end of the line."""
    begins = np.empty(0, dtype=np.int64)
    if strata.any():
        along = strata[line]
        begins = np.flatnonzero(along[1:] != along[:-1]) + 1
    return np.concatenate([[0], begins, [len(line)]]).astype(np.int64)


@dataclass(slots=True, eq=False)
class _Row:
    """Firms in a line, and how much room each has left."""

    along: FloatArray
    room: IntArray
    start: IntArray
    limit: float

    def choose(self, own: IntArray, low: IntArray, high: IntArray) -> IntArray:
        """The place that each participant takes in one round, in turn; -1 for none.

        Steps are counted down from `low` and up from `high`, distances from `own`.
        """
        places = np.flatnonzero(self.room)
        stratum = np.searchsorted(self.start, own, side="right") - 1
        first = np.searchsorted(places, self.start[stratum])  # open places of the stratum
        last = np.searchsorted(places, self.start[stratum + 1]) - 1
        left = np.searchsorted(places, low) - 1
        right = np.searchsorted(places, high, side="right")
        scores = self.along[places]
        to_left = self._distances(scores, own, left, left >= first)
        to_right = self._distances(scores, own, right, right <= last)
        nearest = np.minimum(to_left, to_right)
        possible = (nearest <= self.limit) & (nearest < np.inf)
        best = np.where(to_left < to_right, left, right)
        tied = np.flatnonzero(possible & (to_left == to_right))
        steps = low[tied] - places[left[tied]] <= places[right[tied]] - high[tied]
        best[tied] = np.where(steps, left[tied], right[tied])
        who = np.flatnonzero(possible)
        chosen = np.full(len(own), -1, dtype=np.int64)
        room = self.room[places]
        if len(places) and room.min() >= len(own):  # nobody is used up in this round
            chosen[who] = places[best[who]]
            self.room -= np.bincount(chosen[who], minlength=len(self.room))
            return chosen
        taken = _in_turn(
            _Turns(who, best, left, right, first, last, low, high, own=self.along[own]),
            places,
            scores,
            room,
            self.limit,
        )
        chosen[who] = np.where(taken >= 0, places[taken], -1)
        self.room[places] = room
        return chosen

    def _distances(
        self, scores: FloatArray, own: IntArray, near: IntArray, there: BoolArray
    ) -> FloatArray:
        distance = np.full(len(own), np.inf)
        distance[there] = np.abs(self.along[own[there]] - scores[near[there]])
        return distance


@dataclass(frozen=True, slots=True, eq=False)
class _Turns:
    """Participants in turn, with their neighbours among the open places."""

    who: IntArray
    best: IntArray
    left: IntArray
    right: IntArray
    first: IntArray
    last: IntArray
    low: IntArray
    high: IntArray
    own: FloatArray


def _in_turn(
    turns: _Turns, places: IntArray, scores: FloatArray, room: IntArray, limit: float
) -> IntArray:
    """Which open place each of `turns.who` takes; `room` is what is left in the end."""
    spare, at, where = room.data, scores.data, places.data
    down: dict[int, int] = {}
    up: dict[int, int] = {}
    taken = turns.best[turns.who].tolist()
    for k, (turn, best) in enumerate(zip(turns.who.tolist(), taken, strict=True)):
        if spare[best]:
            spare[best] -= 1
            continue
        own = float(turns.own[turn])
        i = _follow(down, spare, int(turns.left[turn]), -1, int(turns.first[turn]) - 1)
        j = _follow(up, spare, int(turns.right[turn]), 1, int(turns.last[turn]) + 1)
        to_left = abs(own - at[i]) if i >= turns.first[turn] else np.inf
        to_right = abs(own - at[j]) if j <= turns.last[turn] else np.inf
        if min(to_left, to_right) > limit or min(to_left, to_right) == np.inf:
            taken[k] = -1
            continue
        go_left = to_left < to_right or (
            to_left == to_right and turns.low[turn] - where[i] <= where[j] - turns.high[turn]
        )
        taken[k] = i if go_left else j
        spare[taken[k]] -= 1
    return np.array(taken, dtype=np.int64)


def _follow(link: dict[int, int], spare: memoryview, i: int, step: int, end: int) -> int:
    """The next place with room from `i` on, or `end`; the path is shortened on the way."""
    path = []
    while i != end and not spare[i]:
        path.append(i)
        i = link.get(i, i + step)
    for passed in path:
        link[passed] = i
    return i
