"""The extended two-way model with an effect of each firm: linear, and Poisson, where this is consistent.

The index of firm i in period t is `alpha(i) + z(i)'c(node)`: the node is the period while the firm-year is free, else the cell of its cohort and
period. Given the coefficients of the nodes, alpha(i) has a closed form (a mean of residuals; the logarithm of a ratio of sums), so that firms
leave the equations: what remains is one small system, `sum over i of m(i) z z' (diag(s(i)) - s(i) s(i)')`, where s(i) are the shares of firm i's
weight (Poisson: of its expected outcome) in its periods, and m(i) its weight (Poisson: its outcome) over all of them. There are no dummies of firms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.core.inference import FloatArray
from impact.estimate.did_scores import NotIdentified
from impact.estimate.etwfe_families import Family
from impact.estimate.etwfe_layout import Block, IntArray, Place, strong_parts
from impact.estimate.etwfe_solve import Inverse, newton


@dataclass(frozen=True, slots=True, eq=False)
class FirmFit:
    """Coefficients of nodes: the T periods, then the cells.

    Attributes
    ----------
    nodes : list of array of int, shape (T,)
        Node of each period, by block.
    coefficient : array, shape (nodes, q)
    solved : Inverse
    parts : array of int
        Part of each node; differences between nodes of different parts are not finite, or not tied.
    weights : list of array, shape (m, T)
        Weights of the firm-years that carry the fit, by block.
    own : list of array of int, shape (m,)
        Part in which each firm's outcome lies; -1 where it is 0 in every year (its mean is 0 with and without the programme).
    """

    family: Family
    blocks: Sequence[Block]
    cells: dict[Place, int]
    nodes: list[IntArray]
    coefficient: FloatArray
    solved: Inverse
    parts: IntArray
    weights: list[FloatArray]
    own: list[IntArray]

    def refuse(self, place: Place) -> None:
        """Say why the counterfactual of a cell is not determined, if it is not.

        Raises
        ------
        NotIdentified
        """
        block = self.blocks[place.block]
        inside = block.w[:, place.time] > 0
        own = self.own[place.block][inside]
        carried = own >= 0
        t = place.time
        if not any(b.compared[t] and (b.w[:, t] > 0).any() for b in self.blocks):
            raise NotIdentified("no comparison firm is observed in this year")
        if not carried.any() or (own[carried] != self.parts[place.time]).any():
            raise NotIdentified(
                "its firms are not tied to the comparison firms of this year by years in which both are observed with an outcome above the limit"
            )
        if block.z.shape[1] == 1:
            return
        z = block.z[inside][carried]
        wide = np.zeros((len(z), *self.coefficient.shape))
        wide[:, place.time] = z
        wide[:, self.cells[place]] = -z
        if not self.solved.determined(wide.reshape(len(z), -1)).all():
            raise NotIdentified(
                "covariates cannot be carried over to its firms from years and firms without the programme"
            )

    def _fitted(self, b: int) -> tuple[FloatArray, FloatArray]:
        """Shares s(i) and the mean of each firm-year at the nodes, less (Poisson: over) the path of the node, shape (m, T) and (m, 1)."""
        block = self.blocks[b]
        path = block.z @ self.coefficient[self.nodes[b]].T
        return _absorbed(self.family, block.y, self.weights[b], path)[:2]

    def counterfactual(self, place: Place) -> FloatArray:
        """Mean outcome without the programme of the firms of a cell, shape (m,)."""
        block = self.blocks[place.block]
        _, level = self._fitted(place.block)
        path = block.z @ self.coefficient[place.time]
        if self.family.name == "gaussian":
            return np.asarray(level[:, 0] + path)
        return np.asarray(level[:, 0] * np.exp(path))

    def gradient(self, place: Place, share: FloatArray) -> FloatArray:
        """Derivative of `share @ counterfactual` with respect to all coefficients, by way of the firms' effects, too."""
        block = self.blocks[place.block]
        shares, _ = self._fitted(place.block)
        if self.family.name != "gaussian":
            share = share * self.counterfactual(place)
        out = np.zeros(self.coefficient.shape)
        out[place.time] += share @ block.z
        out[self.nodes[place.block]] -= (shares * share[:, None]).T @ block.z
        return out.ravel()

    def link_gradient(self, place: Place, z: FloatArray) -> FloatArray:
        """Derivative of the effect on the index at covariates z."""
        out = np.zeros(self.coefficient.shape)
        out[self.cells[place]] += z
        out[place.time] -= z
        return out.ravel()

    def moved(self, b: int, gradients: FloatArray) -> FloatArray:
        """How the firms of block b move combinations of the coefficients by their scores, shape (m, k)."""
        block = self.blocks[b]
        push = (self.solved.inverse @ gradients.T).reshape(*self.coefficient.shape, -1)
        path = block.z @ self.coefficient[self.nodes[b]].T
        _, _, rest, _ = _absorbed(self.family, block.y, self.weights[b], path)
        out = np.zeros((len(block.rows), len(gradients)))
        for j in range(block.z.shape[1]):
            out += (rest * block.z[:, j, None]) @ push[self.nodes[b], j]
        return out


def _absorbed(
    family: Family, y: FloatArray, w: FloatArray, path: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Shares (m, T), level (m, 1), weighted residuals (m, T) and mass m(i) (m, 1), given the paths of the nodes."""
    if family.name == "gaussian":
        mass = w.sum(axis=1, keepdims=True)
        shares = np.divide(w, mass, out=np.zeros_like(w), where=mass > 0)
        level = (shares * (y - path)).sum(axis=1, keepdims=True)
        return shares, level, w * (y - path - level), mass
    # Relative to the firm's highest point, so that no power overflows.
    top = np.where(w > 0, path, -np.inf).max(axis=1, keepdims=True)
    top[~np.isfinite(top)] = 0.0
    rate = np.exp(np.minimum(path - top, 0.0)) * w
    total = rate.sum(axis=1, keepdims=True)
    shares = np.divide(rate, total, out=np.zeros_like(w), where=total > 0)
    mass = (w * y).sum(axis=1, keepdims=True)
    level = np.divide(mass, total * np.exp(top), out=np.zeros_like(mass), where=total > 0)
    return shares, level, w * y - mass * shares, mass


def fit_firms(blocks: Sequence[Block], family: Family, places: Sequence[Place]) -> FirmFit:
    """Fit the coefficients of periods and cells, with an effect of each firm.

    Raises
    ------
    NotIdentified
        If no outcome is above 0 (Poisson), or there is no best fit.
    """
    periods = len(blocks[0].free)
    cells = {place: periods + k for k, place in enumerate(places)}
    nodes = []
    for b, block in enumerate(blocks):
        own = [t if block.free[t] else cells[Place(b, t)] for t in range(periods)]
        nodes.append(np.array(own, dtype=np.int64))
    size, q = periods + len(places), blocks[0].z.shape[1]
    parts = _parts(blocks, family, nodes, size)
    weights: list[FloatArray] = []
    homes: list[IntArray] = []
    for b, block in enumerate(blocks):
        above = block.w > 0
        if family.name == "poisson":
            above &= block.y > family.low
        mine = np.where(above.any(axis=1), parts[nodes[b][np.argmax(above, axis=1)]], -1)
        homes.append(mine)
        weights.append(np.where(parts[nodes[b]] == mine[:, None], block.w, 0.0))
    if all((mine < 0).all() for mine in homes):
        raise NotIdentified("no outcome is above 0")
    flat, inverse = _fit(blocks, family, nodes, weights, (size, q))
    return FirmFit(
        family, blocks, cells, nodes, flat.reshape(size, q), inverse, parts, weights, homes
    )


def _parts(
    blocks: Sequence[Block], family: Family, nodes: Sequence[IntArray], size: int
) -> IntArray:
    """Which nodes are tied by firms that are observed at both; a zero beside a positive outcome of the firm can push one way only."""
    links: npt.NDArray[np.bool_] = np.zeros((size, size), dtype=bool)
    for block, own in zip(blocks, nodes, strict=True):
        seen = block.w > 0
        above = (seen & (block.y > 0) if family.name == "poisson" else seen).astype(np.float32)
        together = above.T @ seen.astype(np.float32) > 0
        links[np.ix_(own, own)] |= together
    return strong_parts(size, [(int(a), int(b)) for a, b in np.argwhere(links)])


def _fit(
    blocks: Sequence[Block],
    family: Family,
    nodes: Sequence[IntArray],
    weights: Sequence[FloatArray],
    shape: tuple[int, int],
) -> tuple[FloatArray, Inverse]:
    """Solve the equations of the nodes."""
    size, q = shape
    unit = max(float(np.abs(block.y).max(initial=0.0)) for block in blocks)
    unit = unit if family.name == "gaussian" and unit > 0 else 1.0

    def moments(flat: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        coefficient = flat.reshape(size, q)
        loss, score = 0.0, np.zeros((size, q))
        second = np.zeros((size, q, size, q))
        for block, w, own in zip(blocks, weights, nodes, strict=True):
            path = block.z @ coefficient[own].T
            shares, level, rest, mass = _absorbed(family, block.y, w, path)
            loss += _loss(family, block.y, w, path, shares, level)
            score[own] += rest.T @ block.z
            for j in range(q):
                for k in range(j + 1):
                    each = mass[:, 0] * block.z[:, j] * block.z[:, k]
                    table = np.diag(each @ shares) - (shares * each[:, None]).T @ shares
                    second[own[:, None], j, own, k] += table
                    if k < j:
                        second[own[:, None], k, own, j] += table
        return loss, score.ravel(), second.reshape(size * q, size * q)

    def moved(step: FloatArray) -> float:
        coefficient = step.reshape(size, q)
        largest = 0.0
        for block, w, own in zip(blocks, weights, nodes, strict=True):
            path = block.z @ coefficient[own].T
            high = np.where(w > 0, path, -np.inf).max(axis=1)
            low = np.where(w > 0, path, np.inf).min(axis=1)
            spread = high - low
            largest = max(largest, float(spread[np.isfinite(spread)].max(initial=0.0)))
        return largest / unit

    return newton(np.zeros(size * q), moments, moved)


def _loss(
    family: Family,
    y: FloatArray,
    w: FloatArray,
    path: FloatArray,
    shares: FloatArray,
    level: FloatArray,
) -> float:
    """Minus the log-likelihood with the firms' effects at their best."""
    if family.name == "gaussian":
        return float((w * (y - path - level) ** 2).sum() / 2)
    some = (w > 0) & (y > 0)
    # w y log(share / w): what is left of the likelihood once the firm's total is given.
    return -float((w[some] * y[some] * np.log(np.maximum(shares[some], 1e-300) / w[some])).sum())
