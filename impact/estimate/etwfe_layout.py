"""Firms of one cohort side by side: what the extended two-way model is fitted on, and which of its cells can be told.

A cohort's firm-years are either *free*, which means that they carry the path without the programme, or they belong to a cell that is
estimated. Which cells are tied to free ones, and which zeros push a coefficient to infinity, is a question about a small graph of
cohorts and periods (or of coefficients, where firms have effects of their own), and is answered exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from impact.core.inference import FloatArray
from impact.estimate.did_scores import BoolArray
from impact.estimate.etwfe_families import Family
from impact.estimate.firm_periods import FirmPeriods
from impact.estimate.staggered import CohortYear

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The m firms of one cohort.

    Attributes
    ----------
    cohort : float
        Infinite for those that never join.
    rows : array of int, shape (m,)
        Positions of the firms.
    y, w : array, shape (m, T)
        Outcome and weight, both 0 where the firm is not observed.
    z : array, shape (m, q)
        A constant and standardised covariates.
    free : array of bool, shape (T,)
        Periods whose firm-years are no cells of their own: they carry the path without the programme, or at least the cohort's level.
    compared : array of bool, shape (T,)
        Periods in which other cohorts are compared with these firms.
    """

    cohort: float
    rows: IntArray
    y: FloatArray
    w: FloatArray
    z: FloatArray
    free: BoolArray
    compared: BoolArray

    def means(self) -> Block:
        """One firm that stands for all: mean outcomes with the sum of weights, sufficient where there are no covariates."""
        total = self.w.sum(axis=0)
        mean = np.divide(
            (self.w * self.y).sum(axis=0), total, out=np.zeros(len(total)), where=total > 0
        )
        return replace(self, rows=self.rows[:1], y=mean[None], w=total[None], z=np.ones((1, 1)))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where an estimated cell lies: its block and its period."""

    block: int
    time: int


def blocks_of(data: FirmPeriods, z: FloatArray, anticipation: int, control: str) -> list[Block]:
    """One block per cohort, in order, those that never join last."""
    found = []
    for g in np.unique(data.cohort):
        rows = np.flatnonzero(data.cohort == g)
        y, w = data.outcome[rows], data.weights[rows]
        unseen = np.isnan(y)
        w[unseen] = 0.0
        y[unseen] = 0.0
        compared = free = np.asarray(data.periods < g - anticipation)
        if control == "never" and np.isfinite(g):
            free = np.arange(len(free)) == np.flatnonzero(free)[-1]  # the level of the cohort
            compared = np.zeros_like(free)
        found.append(Block(float(g), rows, y, w, z[rows], free, compared))
    return found


def plan_of(
    blocks: Sequence[Block], periods: npt.NDArray[np.int64]
) -> tuple[list[CohortYear], list[Place]]:
    """Every cell that is estimated: the years of a cohort that are not free."""
    plan, places = [], []
    for b, block in enumerate(blocks):
        for t in np.flatnonzero(~block.free).tolist():
            plan.append(CohortYear(int(block.cohort), int(periods[t]), t))
            places.append(Place(b, t))
    return plan, places


def strong_parts(size: int, links: Sequence[tuple[int, int]]) -> IntArray:
    """Part of each of `size` nodes: two are in one part if each can be reached from the other.

    Examples
    --------
    >>> parts = strong_parts(3, [(0, 1), (1, 0), (1, 2)])
    >>> bool(parts[0] == parts[1]), bool(parts[1] == parts[2])
    (True, False)
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    start = [a for a, _ in links]
    end = [b for _, b in links]
    graph = coo_array((np.ones(len(links)), (start, end)), shape=(size, size))
    _, parts = connected_components(graph, directed=True, connection="strong")
    return np.asarray(parts, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Ties:
    """Which cohorts and periods have finite coefficients relative to each other.

    Attributes
    ----------
    cohort, period : array of int
        Part of each; free cells whose cohort and period are in different parts are separated and carry nothing.
    linked : array of bool, shape (cohorts, T)
        Whether a chain of free cells leads from the cohort to the period, separated or not.
    """

    cohort: IntArray
    period: IntArray
    linked: BoolArray

    def used(self, b: int, free: BoolArray) -> BoolArray:
        """The free periods of a block that carry something."""
        return np.asarray(free & (self.period == self.cohort[b]))


def ties(means: Sequence[Block], family: Family) -> Ties:
    """Find separated cells of a table of cohorts and periods.

    A direction u(cohort) + v(period) that lowers cells of mean 0 (raises cells of mean 1) and moves no other cell has no finite best
    fit. It must be level along cells strictly between, and fall along a cell at the limit: cells that lie on no cycle are separated.
    """
    count, periods = len(means), len(means[0].free)
    links: list[tuple[int, int]] = []
    either: list[tuple[int, int]] = []
    for b, block in enumerate(means):
        for t in np.flatnonzero(block.free & (block.w[0] > 0)).tolist():
            there, back = (b, count + t), (count + t, b)
            either += [there, back]
            if block.y[0, t] > family.low:
                links.append(back)
            if block.y[0, t] < family.high:
                links.append(there)
    parts = strong_parts(count + periods, links)
    whole = strong_parts(count + periods, either)
    return Ties(parts[:count], parts[count:], np.equal.outer(whole[:count], whole[count:]))
