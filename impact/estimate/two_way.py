"""Firm and period effects absorbed exactly: least squares on a panel by one small system of periods.

Firms are divided out and leave a system of as many equations as there are periods, which is solved once; no firm gets a column of its
own and nothing is iterated. Groups of firms may each have their own period effects (sector-years, cohort-years); what they share are the
slopes of covariates, which are found from what the effects leave over (Frisch, Waugh and Lovell).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.core.inference import FloatArray
from impact.estimate.did_scores import BoolArray

IntArray = npt.NDArray[np.int64]

_ABSORBED = 1e-18  # of a covariate's sum of squares: what is left is rounding
_COMBINATION = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class PeriodEffects:
    """Weighted least squares of m firms on firm effects and P period effects.

    Attributes
    ----------
    weights : array, shape (m, P)
        Weights of the regression; 0 where a firm-period is not in it.
    total : array, shape (m,)
        Sum of a firm's weights.
    inverse : array, shape (P, P)
        Inverse of the system of periods, on the contrasts that the data identify.
    part : array of int, shape (P,)
        Periods that firms connect have the same number; only their effects can be compared. -2 for a period in which nobody is seen.
    part_of_firm : array of int, shape (m,)
        Part of a firm's periods; -1 for a firm that is not in the regression.
    """

    weights: FloatArray
    total: FloatArray
    inverse: FloatArray
    part: IntArray
    part_of_firm: IntArray

    @classmethod
    def of(cls, weights: FloatArray) -> PeriodEffects:
        """Set the system up and invert it.

        Examples
        --------
        >>> two = PeriodEffects.of(np.ones((2, 2)))
        >>> two.residual(np.array([[1.0, 2.0], [5.0, 8.0]]))[0].tolist()
        [[0.5, -0.5], [-0.5, 0.5]]
        """
        from scipy.sparse.csgraph import connected_components

        inside = weights > 0
        total = weights.sum(axis=1)
        in_period = weights.sum(axis=0)
        shares = weights / np.where(total > 0, total, 1.0)[:, None]
        system = np.diag(in_period) - weights.T @ shares
        met = inside.astype(np.float32)
        _, part = connected_components(met.T @ met > 0, directed=False)
        # In each part the effects are known up to a constant, which is fixed by adding the constant to the system.
        member = part[:, None] == np.arange(part.max() + 1)
        level = member / member.sum(axis=0)
        scale = float(in_period.max()) or 1.0
        system += scale * level @ member.T
        part = np.where(in_period > 0, part, -2).astype(np.int64)
        part_of_firm = np.where(total > 0, part[np.argmax(inside, axis=1)], -1)
        inverse = np.asarray(np.linalg.inv((system + system.T) / 2), dtype=np.float64)
        return cls(weights, total, inverse, part, part_of_firm)

    def residual(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What firm and period effects leave over, also in firm-periods outside the regression, and the period effects.

        Parameters
        ----------
        values : array, shape (m, P)
            Any finite number where nothing was observed.
        """
        rest = values - self._mean(values)[:, None]
        effects = self.inverse @ np.einsum("ij,ij->j", self.weights, rest)
        rest -= effects
        rest -= self._mean(rest)[:, None]
        return rest, effects

    def _mean(self, values: FloatArray) -> FloatArray:
        summed = np.einsum("ij,ij->i", self.weights, values)
        return np.asarray(summed / np.where(self.total > 0, self.total, 1.0))

    def connects(self) -> BoolArray:
        """Firm-periods whose outcome can be predicted: firm and period effect are known on one scale, (m, P)."""
        return np.asarray(self.part_of_firm[:, None] == self.part)


@dataclass(frozen=True, slots=True, eq=False)
class TwoWay:
    """A fitted regression of n firms by P periods.

    Attributes
    ----------
    groups : list of array of int
        Positions of the firms of each group; each firm is in one.
    effects : list of PeriodEffects
        Of each group.
    period_effects : array, shape (groups, P)
        Estimated effects of the periods.
    residual : array, shape (n, P)
        Outcome less all that was fitted, also outside the regression.
    covariates : array, shape (p, n, P)
        Covariates that are used, less the effects.
    covariate_effects : array, shape (p, groups, P)
        Period effects of the covariates.
    bread : array, shape (p, p)
        Inverse of the covariates' cross-product.
    dropped : list of (int, str)
        Covariates left out (positions), and why.
    """

    groups: list[IntArray]
    effects: list[PeriodEffects]
    period_effects: FloatArray
    residual: FloatArray
    weights: FloatArray
    covariates: FloatArray
    covariate_effects: FloatArray
    bread: FloatArray
    dropped: list[tuple[int, str]]

    @classmethod
    def fit(
        cls,
        outcome: FloatArray,
        weights: FloatArray,
        covariates: FloatArray,
        groups: Sequence[IntArray],
    ) -> TwoWay:
        """Fit by weighted least squares.

        Parameters
        ----------
        outcome, weights : array, shape (n, P)
            Weight 0 leaves a firm-period out of the fit; the outcome must be finite all the same.
        covariates : array, shape (p, n, P)
            Finite.
        groups : sequence of array of int
            Firms that share period effects.
        """
        effects = [PeriodEffects.of(_rows(weights, g)) for g in groups]
        residual, fitted = _absorbed(outcome, groups, effects)
        columns, of_columns, size = [], [], []
        for x in covariates:
            center = float(np.sum(weights * x) / np.sum(weights))
            size.append(float(np.sum(weights * (x - center) ** 2)))
            rest, of_periods = _absorbed(x - center, groups, effects)
            columns.append(rest)
            of_columns.append(of_periods)
        kept, dropped = _independent(columns, size, weights)
        used = np.array([columns[j] for j in kept]).reshape(len(kept), *outcome.shape)
        of_used = np.array([of_columns[j] for j in kept]).reshape(len(kept), *fitted.shape)
        bread = np.zeros((len(kept), len(kept)))
        if kept:
            flat = used.reshape(len(kept), -1)
            scale = 1 / np.sqrt([size[j] for j in kept])
            gram = (flat * weights.ravel()) @ flat.T * np.outer(scale, scale)
            bread = np.asarray(np.linalg.inv(gram) * np.outer(scale, scale), dtype=np.float64)
            slopes = bread @ (flat @ (weights * residual).ravel())
            for slope, column, of_periods in zip(slopes, used, of_used, strict=True):
                residual -= slope * column
                fitted -= slope * of_periods
        # Rounding of the outcome itself is no noise: an outcome that the effects explain has no error, not a tiny one.
        rounding = (outcome.shape[1] + 8) * np.finfo(float).eps * float(np.abs(outcome).max())
        residual[np.abs(residual) <= rounding] = 0.0
        return cls(list(groups), effects, fitted, residual, weights, used, of_used, bread, dropped)

    def influence(
        self, loadings: Mapping[int, FloatArray], moment: FloatArray, k: int
    ) -> FloatArray:
        """Influence of each firm on k numbers that are linear in the fit; its sum over firms is 0.

        Parameters
        ----------
        loadings : mapping of int to array, shape (P, k)
            For groups by position: how the numbers move with the scores of its periods, which is `inverse` times their derivative in the
            group's period effects (firm effects divided out).
        moment : array, shape (p, k)
            Derivative of the numbers in the slopes, of covariates less the effects.
        k : int

        Returns
        -------
        array, shape (n, k)
            Not multiplied by n.
        """
        score = self.weights * self.residual
        if len(self.groups) == 1 and loadings:
            out = score @ loadings[0]
        else:
            out = np.zeros((len(score), k))
            for position, loading in loadings.items():
                out[self.groups[position]] = score[self.groups[position]] @ loading
        if len(self.covariates):
            own = np.einsum("ij,pij->ip", score, self.covariates)
            out += own @ (self.bread @ moment)
        return out


def _rows(values: FloatArray, group: IntArray) -> FloatArray:
    """The rows of a group; all of them without a copy."""
    return values if len(group) == len(values) else values[group]


def _absorbed(
    values: FloatArray, groups: Sequence[IntArray], effects: Sequence[PeriodEffects]
) -> tuple[FloatArray, FloatArray]:
    """Residual (n, P) and period effects (groups, P)."""
    if len(groups) == 1:
        rest, of_periods = effects[0].residual(values)
        return rest, of_periods[None]
    out, found = np.empty_like(values), np.empty((len(groups), values.shape[1]))
    for b, (rows, of_group) in enumerate(zip(groups, effects, strict=True)):
        out[rows], found[b] = of_group.residual(values[rows])
    return out, found


def _independent(
    columns: Sequence[FloatArray], size: Sequence[float], weights: FloatArray
) -> tuple[list[int], list[tuple[int, str]]]:
    """Covariates that say something which effects and earlier covariates do not; the others with the reason."""
    kept: list[int] = []
    dropped: list[tuple[int, str]] = []
    basis: list[FloatArray] = []
    for j, column in enumerate(columns):
        left = float(np.sum(weights * column**2))
        if left <= _ABSORBED * max(size[j], np.finfo(float).tiny):
            dropped.append((j, "does not vary beyond the effects of firms and periods"))
            continue
        rest = column
        for q in basis:
            rest = rest - q * float(np.sum(weights * q * rest))
        new = float(np.sum(weights * rest**2))
        if new <= _COMBINATION * left:
            dropped.append((j, "is a combination of covariates before it and the effects"))
            continue
        kept.append(j)
        basis.append(rest / np.sqrt(new))
    return kept, dropped
