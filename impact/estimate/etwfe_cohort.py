"""The extended two-way model with effects of cohorts and periods, and covariates interacted with both.

The index of firm i of cohort g in period t is `z(i)'(a(g) + b(t))` while it is free, z being a constant and covariates. Cells that are
estimated are saturated (a constant and all slopes of their own), so with canonical links they bear on neither a nor b, and the counterfactual is
`z(i)'(a(g) + b(t))` there, too (Wooldridge 2021, section 6; 2023, section 3). All equations are sums over cells of `w z z'`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from impact.core.inference import FloatArray
from impact.estimate.did_scores import NotIdentified
from impact.estimate.etwfe_families import Family
from impact.estimate.etwfe_layout import Block, Place, Ties, ties
from impact.estimate.etwfe_solve import Inverse, newton


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Firm-years of a block that carry the fit."""

    block: int
    times: list[int]
    y: FloatArray
    w: FloatArray
    z: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CohortFit:
    """Coefficients of cohorts and periods.

    Attributes
    ----------
    cohort : array, shape (C, q)
    period : array, shape (T, q)
    solved : Inverse
        Of the second derivative of the loss, cohorts before periods.
    ties : Ties
    """

    family: Family
    blocks: Sequence[Block]
    cohort: FloatArray
    period: FloatArray
    solved: Inverse
    ties: Ties

    def index(self, place: Place) -> FloatArray:
        """Index without the programme of the firms of a cell, shape (m,)."""
        z = self.blocks[place.block].z
        return np.asarray(z @ (self.cohort[place.block] + self.period[place.time]))

    def refuse(self, place: Place) -> None:
        """Say why the counterfactual of a cell is not determined, if it is not.

        Raises
        ------
        NotIdentified
        """
        b, t = place.block, place.time
        if not self.ties.linked[b, t]:
            raise NotIdentified("no comparison firm is observed in this year")
        if self.ties.cohort[b] != self.ties.period[t]:
            raise NotIdentified(
                "before joining, or among comparison firms, all outcomes are at their limit: without the programme the mean would be the limit itself"
            )
        block = self.blocks[b]
        z = block.z[block.w[:, t] > 0]
        if z.shape[1] == 1:
            return
        wide = np.zeros((len(z), *self._shape))
        wide[:, b] = z
        wide[:, len(self.blocks) + t] = z
        if not self.solved.determined(wide.reshape(len(z), -1)).all():
            raise NotIdentified(
                "covariates cannot be carried over to its firms from years and firms without the programme"
            )

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.cohort) + len(self.period), self.cohort.shape[1]

    def counterfactual(self, place: Place) -> FloatArray:
        """Mean outcome without the programme of the firms of a cell, shape (m,)."""
        return self.family.mean(self.index(place))

    def gradient(self, place: Place, share: FloatArray) -> FloatArray:
        """Derivative of `share @ counterfactual` with respect to all coefficients."""
        return self.index_gradient(place, share * self.family.slope(self.counterfactual(place)))

    def index_gradient(self, place: Place, share: FloatArray) -> FloatArray:
        """Derivative of `share @ index`."""
        out = np.zeros(self._shape)
        own = share @ self.blocks[place.block].z
        out[place.block] = own
        out[len(self.blocks) + place.time] = own
        return out.ravel()

    def moved(self, b: int, gradients: FloatArray) -> FloatArray:
        """How the firms of block b move combinations of the coefficients by their scores, shape (m, k).

        Parameters
        ----------
        b : int
        gradients : array, shape (k, parameters)
        """
        block = self.blocks[b]
        push = (self.solved.inverse @ gradients.T).reshape(*self._shape, -1)
        times = np.flatnonzero(self.ties.used(b, block.free))
        out = np.zeros((len(block.rows), len(gradients)))
        if not len(times):
            return out
        index = block.z @ (self.cohort[b] + self.period[times]).T
        rest = block.w[:, times] * (block.y[:, times] - self.family.mean(index))
        reach = push[b] + push[len(self.blocks) + times]  # (times, q, k)
        for j in range(block.z.shape[1]):
            out += (rest * block.z[:, j, None]) @ reach[:, j]
        return out


def fit_cohorts(blocks: Sequence[Block], family: Family) -> CohortFit:
    """Fit the path without the programme on the free firm-years.

    Raises
    ------
    NotIdentified
        If no free firm-year tells anything, or there is no best fit.
    """
    means = [block.means() for block in blocks]
    tied = ties(means, family)
    count, periods = len(blocks), len(means[0].free)
    table = [_rows(b, m, tied) for b, m in enumerate(means)]
    if not any(rows.times for rows in table):
        raise NotIdentified("no firm-year without the programme tells anything on the outcome")
    flat, inverse = _fit(table, family, count, periods, _start(table, family, count, periods))
    q = blocks[0].z.shape[1]
    if q > 1:
        start = np.zeros((count + periods, q))
        start[:, 0] = flat
        rows = [_rows(b, block, tied) for b, block in enumerate(blocks)]
        flat, inverse = _fit(rows, family, count, periods, start.ravel())
    found = flat.reshape(-1, q)
    return CohortFit(family, blocks, found[:count], found[count:], inverse, tied)


def _rows(b: int, block: Block, tied: Ties) -> Rows:
    times = np.flatnonzero(tied.used(b, block.free) & (block.w > 0).any(axis=0)).tolist()
    return Rows(b, times, block.y[:, times], block.w[:, times], block.z)


def _start(table: Sequence[Rows], family: Family, count: int, periods: int) -> FloatArray:
    """One weighted least-squares step from means drawn towards the middle, as every generalised linear model starts."""
    if family.name == "gaussian":
        return np.zeros(count + periods)
    total = sum(float(r.w.sum()) for r in table)
    middle = sum(float((r.w * r.y).sum()) for r in table) / total
    second = np.zeros((count + periods,) * 2)
    score = np.zeros(count + periods)
    for rows in table:
        mean = (rows.y[0] + middle) / 2
        slope = family.slope(mean)
        weight = rows.w[0] * slope
        working = family.link(mean) + (rows.y[0] - mean) / slope
        nodes = [count + t for t in rows.times]
        second[rows.block, rows.block] += weight.sum()
        second[nodes, nodes] += weight
        second[rows.block, nodes] += weight
        second[nodes, rows.block] += weight
        score[rows.block] += weight @ working
        score[nodes] += weight * working
    return np.asarray(Inverse.of(second).inverse @ score)


def _index(rows: Rows, parameters: FloatArray, count: int) -> FloatArray:
    nodes = [count + t for t in rows.times]
    return np.asarray(rows.z @ (parameters[rows.block] + parameters[nodes]).T)


def _fit(
    table: Sequence[Rows], family: Family, count: int, periods: int, start: FloatArray
) -> tuple[FloatArray, Inverse]:
    """Solve the equations, which are sums over cells."""
    q = table[0].z.shape[1]
    # Moves of a linear index are judged beside the outcome, those of others are relative already.
    unit = max(float(np.abs(r.y).max(initial=0.0)) for r in table)
    unit = unit if family.name == "gaussian" and unit > 0 else 1.0

    def moments(flat: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        parameters = flat.reshape(-1, q)
        loss, score = 0.0, np.zeros((count + periods, q))
        second = np.zeros((count + periods, q, count + periods, q))
        with np.errstate(over="ignore", invalid="ignore"):
            for rows in table:
                index = _index(rows, parameters, count)
                loss += float((rows.w * family.loss(rows.y, index)).sum())
                mean = family.mean(index)
                rest = rows.w * (rows.y - mean)
                weight = rows.w * family.slope(mean)
                for j, t in enumerate(rows.times):
                    b, node = rows.block, count + t
                    own = rest[:, j] @ rows.z
                    cell = (rows.z * weight[:, j, None]).T @ rows.z
                    score[b] += own
                    score[node] += own
                    second[b, :, b] += cell
                    second[node, :, node] += cell
                    second[b, :, node] += cell
                    second[node, :, b] += cell
        size = (count + periods) * q
        return loss, score.ravel(), second.reshape(size, size)

    def moved(step: FloatArray) -> float:
        parameters = step.reshape(-1, q)
        moves = (np.abs(_index(rows, parameters, count)) * (rows.w > 0) for rows in table)
        return max(float(x.max(initial=0.0)) for x in moves) / unit

    return newton(start, moments, moved)
