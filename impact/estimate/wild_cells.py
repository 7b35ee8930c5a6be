"""Least squares of firms and cells, reduced to sums over clusters: what the wild bootstrap of an effect draws from.

Outcomes are a firm's level plus an effect of its cell, a cell being a group of firms in a period; the effects of cells may be tied to each other by a
design with as many rows as there are cells. Without ties this is the regression that is saturated in cohorts and periods, of which many
estimators are differences of differences; with them it is the extended two-way regression, or participation with one coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impact.core.inference import FloatArray
from impact.estimate.two_way import IntArray
from impact.estimate.wild_sums import ClusterSums

_SINGULAR = 1e-11
_ABSORBED = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class CellRegression:
    """Least squares of m firms by P periods on levels of firms, K combinations of B x P cells, and p covariates.

    Attributes
    ----------
    outcome, weights : array, shape (m, P)
        Weight 0 where a firm-period is not in the regression; finite all the same.
    group : array of int, shape (m,)
        Group of each firm, from 0 to B - 1.
    cluster : array of int, shape (m,)
        From 0 to G - 1; a firm lies in one.
    design : array, shape (B x P, K)
        What each combination adds in each cell, cells ordered by group, then period.
    target : array, shape (K + p, k)
        The k numbers as combinations of the coefficients, those of covariates last.
    covariates : array, shape (p, m, P)
    """

    outcome: FloatArray
    weights: FloatArray
    group: IntArray
    cluster: IntArray
    design: FloatArray
    target: FloatArray
    covariates: FloatArray

    def fit(self) -> FittedCells:
        """Fit, and keep what sums over clusters are made from."""
        return FittedCells.of(self)


@dataclass(frozen=True, slots=True, eq=False)
class FittedCells:
    """The fit: residual (m, P), covariates less all effects, inverses, and how numbers load on firm-periods."""

    told: CellRegression
    residual: FloatArray
    covariates: FloatArray
    inverse: FloatArray  # (K, K)
    bread: FloatArray  # (p, p)
    through: FloatArray  # (K, p): coefficients of covariates on the cells
    estimates: FloatArray  # (k,)
    determined: FloatArray  # (k,): whether the data tell the number

    @classmethod
    def of(cls, told: CellRegression) -> FittedCells:
        weights = told.weights
        total = weights.sum(axis=1)
        shares = weights / np.where(total > 0, total, 1.0)[:, None]
        groups, periods = int(told.group.max()) + 1, weights.shape[1]
        system = np.zeros((groups, periods, groups, periods))
        for b in range(groups):
            w = weights[told.group == b]
            system[b, :, b] = np.diag(w.sum(axis=0)) - w.T @ shares[told.group == b]
        size = groups * periods
        gram = told.design.T @ system.reshape(size, size) @ told.design
        inverse = np.asarray(np.linalg.pinv(gram, rcond=_SINGULAR, hermitian=True))
        residual, coefficients = _absorbed(told, told.outcome, inverse)
        pairs = [_absorbed(told, x, inverse) for x in told.covariates]
        shape = (len(pairs), *told.outcome.shape)
        rest = np.array([r for r, _ in pairs]).reshape(shape)
        through = np.array([c for _, c in pairs]).reshape(len(pairs), len(inverse)).T
        flat = rest.reshape(len(pairs), told.outcome.size)
        bread = np.linalg.pinv((flat * weights.ravel()) @ flat.T, hermitian=True)
        slopes = bread @ (flat @ (weights * residual).ravel())
        residual = residual - np.einsum("p,pit->it", slopes, rest)
        rounding = (periods + 8) * np.finfo(float).eps * float(np.abs(told.outcome).max())
        residual[np.abs(residual) <= rounding] = 0.0
        of_cells = told.target[: len(inverse)]
        estimates = of_cells.T @ (coefficients - through @ slopes)
        estimates += told.target[len(inverse) :].T @ slopes
        known = gram @ (inverse @ of_cells)
        scale = np.maximum(np.abs(of_cells).max(axis=0, initial=0.0), 1e-300)
        off = np.abs(known - of_cells).max(axis=0, initial=0.0) / scale
        return cls(told, residual, rest, inverse, np.asarray(bread), through, estimates, off < 1e-6)

    def sums(self, position: int) -> ClusterSums:
        """The sums over clusters for one of the numbers."""
        told, weights = self.told, self.told.weights
        k = len(self.inverse)
        own = told.target[:k, position]
        moment = told.target[k:, position] - self.through.T @ own
        loading = _by_cell(told, told.design @ (self.inverse @ own))
        loading = loading - _mean(weights, loading)[:, None]
        loading = loading + np.einsum("p,pit->it", self.bread @ moment, self.covariates)
        size = float(np.sum(weights * loading**2))
        loading = loading / size  # what is left of the number's regressor, after all others
        left, value = weights * loading, self.estimates[position]
        rest = weights * self.residual
        count = int(told.cluster.max()) + 1

        def summed(values: FloatArray) -> FloatArray:
            out = np.zeros((count, *values.shape[1:]))
            np.add.at(out, told.cluster, values)
            return out

        own_scores = summed(np.einsum("it,it->i", left, self.residual))
        leverage = summed(np.einsum("it,it->i", left, loading))
        across, by = self._scores(left), self._scores(rest)
        inverse = np.zeros((k + len(self.bread),) * 2)
        inverse[:k, :k], inverse[k:, k:] = self.inverse, self.bread
        return ClusterSums(
            estimate=float(value),
            std_error=float(np.sqrt((own_scores**2).sum()) * size),
            dy=own_scores + value * leverage,
            dx=leverage,
            across=across,
            by=by + value * across,
            bx=across,
            inverse=inverse,
            own=own_scores,
            factor=1.0,
        )

    def _scores(self, weighted: FloatArray) -> FloatArray:
        """Sums over each cluster (G, K + p) of weighted values, whose firms' means are 0, times the regressors."""
        told = self.told
        groups, periods = int(told.group.max()) + 1, weighted.shape[1]
        count = int(told.cluster.max()) + 1
        cells = np.zeros((count * groups, periods))
        np.add.at(cells, told.cluster * groups + told.group, weighted)
        out = cells.reshape(count, groups * periods) @ told.design
        if not len(self.covariates):
            return np.asarray(out)
        own = np.zeros((count, len(self.covariates)))
        np.add.at(own, told.cluster, np.einsum("it,pit->ip", weighted, self.covariates))
        return np.column_stack([out, own])


def _mean(weights: FloatArray, values: FloatArray) -> FloatArray:
    total = weights.sum(axis=1)
    return np.asarray(np.einsum("it,it->i", weights, values) / np.where(total > 0, total, 1.0))


def _by_cell(told: CellRegression, values: FloatArray) -> FloatArray:
    return np.asarray(values.reshape(-1, told.weights.shape[1])[told.group])


def _absorbed(
    told: CellRegression, values: FloatArray, inverse: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What firms and cells leave of values, and the coefficients of the combinations."""
    rest = values - _mean(told.weights, values)[:, None]
    cells = np.zeros((int(told.group.max()) + 1, values.shape[1]))
    np.add.at(cells, told.group, told.weights * rest)
    coefficients = inverse @ (told.design.T @ cells.ravel())
    rest = rest - _by_cell(told, told.design @ coefficients)
    return rest - _mean(told.weights, rest)[:, None], coefficients
