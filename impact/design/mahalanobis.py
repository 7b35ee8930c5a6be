"""Mahalanobis matching: the nearest by all covariates at once, each measured in its own spread.

Plain distance uses the covariance within the arms, pooled (n - 2), as R MatchIt does and Rubin (1980) proposed: the difference
between the arms is what matching removes, and must not shrink the distance along it. The robust distance of Rosenbaum (2010,
ch. 8) puts ranks in place of values, so that one very large firm does not stretch the scale, and gives each rank the variance
that it would have without ties, so that a rare category is not far from everything; it too follows MatchIt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen
from impact.design.pairing import Firms, Found, IntArray, pair_by_cohort
from impact.design.propensity import BoolArray, independent_columns
from impact.design.request import MatchSettings

_SLACK = 1e-9  # the tree and numpy round differently; what is closer than this is measured again
_FEW, _MORE = 12, 8  # neighbours asked for at first, and how many times as many then
_BATCH = 8_192  # participants whose neighbours are looked up together
_CELLS = 4_000_000  # numbers in one block of neighbours


@METHODS.register(
    "match",
    "mahalanobis",
    summary="each participant with its nearest comparison firms by Mahalanobis distance, plain or robust, also within a "
    "caliper on a score",
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
        "robust",
        "order",
        "seed",
        "control",
    ),
    reference="Rubin (1980); Rosenbaum and Rubin (1985), caliper on the score; Rosenbaum (2010, ch. 8), robust",
)
def mahalanobis(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Match on all covariates; `distance` names the score of the caliper, and of the order."""
    return pair_by_cohort(candidates, settings, search_by_covariates)


def search_by_covariates(firms: Firms, settings: MatchSettings) -> tuple[Found, FloatArray]:
    """Who is nearest by Mahalanobis distance, and how far apart they are.

    Without a score the caliper counts Mahalanobis distance; with one it counts the score.
    """
    columns = firms.frame[list(settings.on)].to_numpy(dtype=np.float64)
    robust = settings.option("robust", False)
    if not isinstance(robust, (bool, np.bool_)):
        raise DesignError(f"robust is {robust!r}; it is True or False.")
    x = whitened(columns, firms.treated, settings.on, robust=bool(robust))
    scored = settings.distance != "mahalanobis"
    found = nearest_by_covariates(
        x,
        firms.turns,
        firms.capacity,
        firms.strata,
        caliper=None if scored else firms.caliper,
        score=firms.score if scored and firms.caliper is not None else None,
        score_caliper=firms.caliper if scored else None,
        ratio=settings.ratio,
    )
    t, c, _ = found
    return found, np.asarray(np.linalg.norm(x[t] - x[c], axis=1), dtype=np.float64)


def whitened(
    x: FloatArray, treated: BoolArray, names: Sequence[str], *, robust: bool = False
) -> FloatArray:
    """Covariates turned so that Euclidean distance is Mahalanobis distance.

    Raises
    ------
    DesignError
        If no covariate varies, or they do not vary in every direction.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [4.0], [1e6]])
    >>> arms = np.array([True, False, True, False])
    >>> z = whitened(x, arms, ["size"], robust=True)
    >>> np.abs(np.diff(z[:, 0])).round(6).tolist()
    [0.774597, 0.774597, 0.774597]
    """
    kept, _ = independent_columns(x, names)
    if not kept or len(x) < 3:
        raise DesignError("No covariate varies among these firms; there is nothing to match on.")
    if robust:
        z = np.column_stack([pd.Series(x[:, j]).rank().to_numpy() for j in kept])
        covariance = np.atleast_2d(np.cov(z.T))
        untied = np.sqrt(len(z) * (len(z) + 1) / 12) / np.sqrt(np.diag(covariance))
        covariance = covariance * np.outer(untied, untied)
    else:
        z = x[:, kept] / x[:, kept].std(axis=0)
        centred = z.copy()
        for arm in (treated, ~treated):
            centred[arm] -= z[arm].mean(axis=0)
        covariance = centred.T @ centred / (len(z) - 2)
    values, vectors = np.linalg.eigh(covariance)
    if values.min() <= 1e-12 * values.max():
        raise DesignError(
            "The covariates do not vary within the arms in every direction, so Mahalanobis distance "
            "is not defined; leave a covariate out, or match on a score."
        )
    turn = vectors / np.sqrt(values)
    turned: FloatArray = np.zeros(z.shape)
    for column, row in zip(z.T, turn, strict=True):  # by columns, so that equal firms stay equal
        turned += column[:, None] * row
    return turned


def nearest_by_covariates(
    x: FloatArray,
    turns: IntArray,
    capacity: IntArray,
    strata: IntArray,
    *,
    caliper: float | None = None,
    score: FloatArray | None = None,
    score_caliper: float | None = None,
    ratio: int = 1,
) -> Found:
    """Greedy nearest neighbours by Euclidean distance between rows; ties by position.

    Parameters
    ----------
    x : array, shape (n, k)
        What distances are between.
    turns, capacity, strata, ratio
        As for `impact.design.nearest.nearest_by_score`.
    caliper : float, optional
        Largest distance.
    score, score_caliper : array and float, optional
        Largest difference in another number.

    Returns
    -------
    tuple of arrays
        Participants, controls, and the round in which they met, in the order of the meetings.

    Notes
    -----
    Rows that are equal stand once in a k-d tree for each stratum. A participant asks it for a few neighbours, which are
    measured again in one way, so that ties are ties; only where all of them are taken does it ask for more, and at last looks
    at all that are left. Memory is that of the firms and of a block of neighbours, never participants times firms.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    >>> t, c, _ = nearest_by_covariates(x, np.array([0]), np.array([0, 1, 1]),
    ...                                 np.zeros(3, dtype=np.int64))
    >>> c.tolist()
    [2]
    """
    limit = np.inf if caliper is None else caliper
    if score is None or score_caliper is None:
        score, score_caliper = np.zeros(len(x)), np.inf
    room = capacity.copy()
    taken: dict[int, list[int]] = {}
    found: list[tuple[IntArray, IntArray, IntArray]] = []
    position = np.empty(len(x), dtype=np.int64)
    position[turns] = np.arange(len(turns))
    for rank in range(1, ratio + 1):
        met = [np.empty((2, 0), dtype=np.int64)]
        for members in _by_stratum(strata, turns, room):
            crowd = _Crowd(x, score, room, members, limit, score_caliper)
            waiting = turns[strata[turns] == strata[members[0]]]
            met.append(crowd.choose(waiting, taken))
        t, c = np.concatenate(met, axis=1)
        order = np.argsort(position[t], kind="stable")
        found.append((t[order], c[order], np.full(len(t), rank, dtype=np.int64)))
        if rank < ratio:
            for one, control in zip(t.tolist(), c.tolist(), strict=True):
                taken.setdefault(one, []).append(control)
    t, c, ranks = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return t, c, ranks


def _by_stratum(strata: IntArray, turns: IntArray, room: IntArray) -> list[IntArray]:
    """Positions of the firms that can be chosen, by stratum, of the strata that have participants."""
    wanted = np.zeros(int(strata.max(initial=0)) + 1, dtype=bool)
    wanted[strata[turns]] = True
    able = np.flatnonzero((room > 0) & wanted[strata])
    able = able[np.argsort(strata[able], kind="stable")]
    cuts = np.flatnonzero(np.diff(strata[able])) + 1
    return [part for part in np.split(able, cuts) if len(part)]


def _equal_rows(table: FloatArray) -> IntArray:
    """One number per distinct row, from 0."""
    codes = np.zeros(len(table), dtype=np.int64)
    for number, column in enumerate(table.T):
        level, levels = pd.factorize(column)
        codes = level if number == 0 else pd.factorize(codes * len(levels) + level)[0]
        if codes.max() + 1 == len(table):
            break
    return np.asarray(codes, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """Kinds of firms near one participant, the nearest first, and how far out the list is known to be whole."""

    distances: list[float]
    kinds: list[int]
    whole: float


class _Crowd:
    """The firms of one stratum that can be chosen: equal ones are one kind, and each kind knows its first with room."""

    def __init__(
        self,
        x: FloatArray,
        score: FloatArray,
        room: IntArray,
        members: IntArray,
        limit: float,
        score_limit: float,
    ) -> None:
        self.x, self.score, self.room = x, score, room
        self.limit, self.score_limit = limit, score_limit
        kind = _equal_rows(np.column_stack([x[members], score[members]]))
        self.members = members[np.argsort(kind, kind="stable")]  # of a kind by position
        self.end = np.cumsum(np.bincount(kind)).astype(np.int64)
        self.next = np.concatenate([[0], self.end[:-1]]).astype(np.int64)
        first = self.members[self.next]
        self.points, self.scores = x[first], score[first]
        self._plant()

    def _open(self) -> IntArray:
        return np.flatnonzero(self.next < self.end)

    def _plant(self) -> None:
        """A tree of the kinds that have room."""
        from scipy.spatial import cKDTree

        self.planted = self._open()
        self.gone = 0
        self.tree = cKDTree(self.points[self.planted]) if len(self.planted) else None

    def choose(self, waiting: IntArray, taken: dict[int, list[int]]) -> IntArray:
        """Let participants choose in turn; their positions and those of the firms they take."""
        pairs = []
        scarce = bool(self.room[self.members].min() < len(waiting))  # some may be used up
        few = (_FEW if scarce else 2) + max((len(own) for own in taken.values()), default=0)
        batch = max(1, min(_BATCH, _CELLS // (few * self.x.shape[1])))
        for start in range(0, len(waiting), batch):
            if 20 * self.gone > len(self.planted):
                self._plant()
            if self.tree is None:
                break
            some = waiting[start : start + batch]
            for t, near in zip(some.tolist(), self._neighbours(some, few), strict=True):
                own = taken.get(t, [])
                kind, firm = self._best(t, near, own)
                if kind == _UNKNOWN:
                    more = next(iter(self._neighbours(np.array([t]), few * _MORE)))
                    kind, firm = self._best(t, more, own)
                if kind == _UNKNOWN:
                    kind, firm = self._best(t, self._everybody(t), own)
                if kind != _NOBODY:
                    pairs.append((t, firm))
                    self._take(kind, firm)
        return np.array(pairs, dtype=np.int64).reshape(-1, 2).T

    def _neighbours(self, some: IntArray, count: int) -> Iterator[_Near]:
        """The nearest kinds of each participant."""
        assert self.tree is not None
        count = min(count, self.tree.n)
        _, near = self.tree.query(self.x[some], k=count, workers=-1)
        kinds = self.planted[near.reshape(len(some), count)]
        distances = _distances(self.points[kinds], self.x[some][:, None, :])
        whole = np.full(len(some), np.inf)
        if count < self.tree.n:
            whole = distances.max(axis=1) * (1 - _SLACK)
        order = np.argsort(distances, axis=1, kind="stable")
        distances = np.take_along_axis(distances, order, axis=1)
        kinds = np.take_along_axis(kinds, order, axis=1)
        for row in zip(distances.tolist(), kinds.tolist(), whole.tolist(), strict=True):
            yield _Near(*row)

    def _everybody(self, t: int) -> _Near:
        """All kinds that have room, within the caliper of the score."""
        kinds = self._open()
        kinds = kinds[np.abs(self.scores[kinds] - self.score[t]) <= self.score_limit]
        distances = _distances(self.points[kinds], self.x[t])
        near = np.flatnonzero(distances <= self.limit)
        near = near[np.argsort(distances[near], kind="stable")]
        return _Near(distances[near].tolist(), kinds[near].tolist(), np.inf)

    def _best(self, t: int, near: _Near, own: list[int]) -> tuple[int, int]:
        """The nearest kind with room and its firm; of equal distances the first firm."""
        best, kind, firm = np.inf, _NOBODY, _NOBODY
        for distance, number in zip(near.distances, near.kinds, strict=True):
            if distance > best or (distance > self.limit and self.limit < near.whole):
                break
            if distance >= near.whole:
                return _UNKNOWN, _UNKNOWN
            if distance > self.limit:
                continue
            if abs(self.scores[number] - self.score[t]) > self.score_limit:
                continue
            free = self._first(number, own)
            if free != _NOBODY and (distance < best or free < firm):
                best, kind, firm = distance, number, free
        return kind, firm

    def _first(self, kind: int, own: list[int]) -> int:
        """The first firm of a kind that has room and has not been taken by the participant before."""
        for m in range(self.next[kind], self.end[kind]):
            firm = int(self.members[m])
            if self.room[firm] and firm not in own:
                return firm
        return _NOBODY

    def _take(self, kind: int, firm: int) -> None:
        self.room[firm] -= 1
        while self.next[kind] < self.end[kind] and not self.room[self.members[self.next[kind]]]:
            self.next[kind] += 1
            self.gone += int(self.next[kind] == self.end[kind])


_NOBODY, _UNKNOWN = -1, -2


def _distances(points: FloatArray, x: FloatArray) -> FloatArray:
    """Euclidean distances, the same to the last bit in whichever block they are measured."""
    return np.asarray(np.sqrt(((points - x) ** 2).sum(axis=-1)), dtype=np.float64)
