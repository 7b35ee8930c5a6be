"""Several effects with very many levels: the Schur complement solved by conjugate gradients, never formed.

The same system as in `fixed_effects.py`, for designs whose second effect is itself too large for a dense matrix (firms and workers, firms
and product-destination-years). Each step costs two products with the sparse table of levels, for all columns at once. `fereg` 0.4.1, the
fastest compiled library that was found, does the same; measured beside it (`benchmarks/regress.py`, 2 cores, CPU seconds): one million rows, 100,000 firms
and 20,000 buyers 0.27 against 0.22, five million 2.2 against 1.5, so that no library is needed. One million rows with 3,000 levels that each
row draws: 0.10 s here, 0.95 s by the dense system, which is why that one ends at 1,500.
"""

from __future__ import annotations

import numpy as np

from impact.core.errors import EstimationError
from impact.engines.fixed_effects import (
    DENSE_LEVELS,
    DenseProjection,
    Effects,
    FloatArray,
    Projection,
)

_TOLERANCE = 1e-11  # what is left of a column in the levels, beside the column
_STEPS = 10_000


class IterativeProjection(Projection):
    """Residuals on the effects under one set of weights, by preconditioned conjugate gradients."""

    def __init__(self, effects: Effects, weights: FloatArray | None = None) -> None:
        from scipy import sparse

        super().__init__(effects, weights)
        deep, width, n = len(effects.others), effects.width, effects.rows
        own = np.ones(n) if weights is None else weights
        place = np.repeat(np.arange(len(effects.starts)), effects.counts)
        codes = np.concatenate(effects.others)
        table = sparse.coo_array(
            (np.tile(own, deep), (np.tile(place, deep), codes)), shape=(len(effects.starts), width)
        ).tocsr()  # rows of the same two levels become one
        scale = 1.0 / np.sqrt(np.maximum(effects.level_sums(weights), np.finfo(np.float64).tiny))
        table = table @ sparse.diags_array(scale)
        self.scale = scale
        self._table = sparse.diags_array(1.0 / np.sqrt(self.totals)) @ table
        self._turned = self._table.T.tocsr()
        self._together = None
        diagonal = np.ones(width)
        if deep > 1:
            rows = sparse.csr_array(
                (
                    np.ones(n * deep),
                    np.stack(effects.others, axis=1).ravel(),
                    np.arange(n + 1) * deep,
                ),
                shape=(n, width),
            )
            levels = rows.T.tocsr() @ (rows if weights is None else rows * weights[:, None])
            self._together = sparse.diags_array(scale) @ levels.tocsr() @ sparse.diags_array(scale)
        diagonal = diagonal - np.asarray(self._table.multiply(self._table).sum(axis=0)).ravel()
        self._inverse = np.where(diagonal > 1e-12, 1.0 / np.maximum(diagonal, 1e-12), 0.0)

    def _times(self, v: FloatArray) -> FloatArray:
        out = v if self._together is None else self._together @ v
        return np.asarray(out - self._turned @ (self._table @ v))

    def solve(self, right: FloatArray, squares: FloatArray) -> FloatArray:
        """The coefficients of the other effects' levels, (width, q)."""
        residual = right * self.scale[:, None]
        found = np.zeros_like(residual)
        moved = self._inverse[:, None] * residual
        direction = moved.copy()
        size = (residual * moved).sum(axis=0)
        goal = _TOLERANCE**2 * squares
        for _ in range(_STEPS):
            going = size > goal
            if not going.any():
                return found * self.scale[:, None]
            image = self._times(direction)
            curve = (direction * image).sum(axis=0)
            step = np.where(going & (curve > 0), size / np.where(curve > 0, curve, 1.0), 0.0)
            found += step * direction
            residual -= step * image
            moved = self._inverse[:, None] * residual
            after = (residual * moved).sum(axis=0)
            direction *= np.where(going, after / np.where(size > 0, size, 1.0), 0.0)
            direction += np.where(going, moved, 0.0)
            size = np.where(going, after, size)
        raise EstimationError(
            f"The fixed effects could not be told apart in {_STEPS:,} steps: their levels are hardly connected. Leave out one of "
            "the effects, or levels with few rows."
        )

    def leverage(self) -> FloatArray:
        """Not known on this path."""
        raise EstimationError(
            f"HC2 and HC3 need the leverage of every row, which is computed for effects of up to {DENSE_LEVELS:,} levels beside "
            "the largest. Use 'hetero', or cluster."
        )


def projection(
    effects: Effects, weights: FloatArray | None = None, *, dense: int = DENSE_LEVELS
) -> Projection:
    """Residuals on effects: by one dense system where all but the largest effect have few levels, else by iteration."""
    return (DenseProjection if effects.width <= dense else IterativeProjection)(effects, weights)
