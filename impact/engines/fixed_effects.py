"""Fixed effects taken out exactly: those of the effect with the most levels by its means, all others by one dense system.

Rows come sorted by the first effect (firms, as a rule), so that its means are sums over runs of rows. What is left of the other effects
(years, sector-years: some hundreds of levels) is the Schur complement `A = D'W(I - P)D`, a small matrix that is factorised once for each set
of weights; then every column is read once for its right-hand side and once for its residual (Wooldridge 2010, section 10.5; the partitioned
normal equations of Abowd, Creecy and Kramarz 2002). An error in the solution moves a coefficient only by its square, since residuals are
orthogonal to the effects. Rows are read in blocks that fit into the cache of a processor.

With more levels than a dense matrix can hold, `fixed_effects_iterative.py` solves the same system by conjugate gradients.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from impact.engines.fixed_effects_schur import Layout, schur_complement

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

DENSE_LEVELS = (
    1_500  # of all effects but the first; beyond, iterating is faster (benchmarks/regress.py)
)
_SAME = 1e-11  # share of a level that the levels before it leave unexplained; less is rounding
_BLOCK = 32_768  # rows


@dataclass(frozen=True, slots=True)
class Block:
    """A run of levels of the first effect, with its rows; `starts` count from its first row."""

    levels: slice
    rows: slice
    starts: IntArray
    counts: IntArray


class Effects(Layout):
    """Fixed effects of rows that are sorted by the first of them, and sums over their levels."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.starts[-1] + self.counts[-1])

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums over the levels of the first effect."""
        return np.asarray(np.add.reduceat(values, self.starts))

    def spread(self, values: FloatArray) -> FloatArray:
        """A value for each level of the first effect, given to each of its rows."""
        return np.repeat(values, self.counts)

    def level_sums(self, values: FloatArray | None) -> FloatArray:
        """Sums over the levels of the other effects; numbers of rows where no values are given."""
        total = np.zeros(self.width)
        for code in self.others:
            total += np.bincount(code, values, minlength=self.width)
        return total

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """All rows, in runs of whole levels that fit into a processor's cache."""
        size = max(_BLOCK, 4 * self.width)
        ends = self.starts + self.counts
        cuts = [0]
        while cuts[-1] < len(ends):
            wanted = int(self.starts[cuts[-1]]) + size
            cuts.append(max(cuts[-1] + 1, int(np.searchsorted(ends, wanted, side="right"))))
        return tuple(
            Block(
                slice(low, high),
                slice(int(self.starts[low]), int(ends[high - 1])),
                self.starts[low:high] - self.starts[low],
                self.counts[low:high],
            )
            for low, high in itertools.pairwise(cuts)
        )

    def complement(self, weights: FloatArray | None, totals: FloatArray) -> FloatArray:
        """`D'W(I - P)D`, P the weighted means over the first effect."""
        return self._plain if weights is None else schur_complement(self, weights, totals)

    @cached_property
    def _plain(self) -> FloatArray:
        return schur_complement(self, None, self.counts.astype(np.float64))

    @cached_property
    def identified(self) -> IntArray:
        """Levels of the others that the first effect and the levels before them do not span, by a pivoted Cholesky factorisation.

        Which are spanned does not depend on weights.
        """
        from scipy.linalg import lapack

        scale = 1.0 / np.sqrt(self.level_sums(None))
        matrix = self._plain * scale[:, None] * scale
        _, pivots, rank, _ = lapack.dpstrf(matrix, tol=_SAME, lower=1)
        return np.asarray(np.sort(pivots[:rank] - 1), dtype=np.int64)

    def kept(self, rows: BoolArray) -> tuple[Effects, IntArray]:
        """The effects of some of the rows, and the number that each level of the others had before."""
        counts = np.add.reduceat(rows.astype(np.int64), self.starts)
        counts = counts[counts > 0]
        present = np.zeros(self.width, dtype=bool)
        for code in self.others:
            present[code[rows]] = True
        number = np.cumsum(present) - 1
        ends = np.cumsum([0, *self.sizes])
        sizes = tuple(int(present[a:b].sum()) for a, b in itertools.pairwise(ends))
        others = tuple(number[code[rows]] for code in self.others)
        return Effects(np.cumsum(counts) - counts, counts, others, sizes), np.flatnonzero(present)


def effects_of(codes: Sequence[IntArray]) -> Effects:
    """Lay out fixed effects whose rows are sorted by the first.

    Parameters
    ----------
    codes : sequence of int arrays
        Levels of each effect, numbered from 0 without gaps.

    Examples
    --------
    >>> effects_of([np.array([0, 0, 1]), np.array([0, 1, 1])]).counts.tolist()
    [2, 1]
    """
    main = codes[0]
    starts = np.flatnonzero(np.concatenate([[True], main[1:] != main[:-1]]))
    counts = np.diff(np.append(starts, len(main)))
    sizes = tuple(int(code.max()) + 1 for code in codes[1:])
    before = np.cumsum([0, *sizes])
    others = tuple(
        code if shift == 0 else code + shift
        for code, shift in zip(codes[1:], before[:-1], strict=True)
    )
    return Effects(starts, counts, others, sizes)


class Projection(ABC):
    """Residuals on the effects under one set of weights."""

    def __init__(self, effects: Effects, weights: FloatArray | None = None) -> None:
        self.effects, self.weights = effects, weights
        self.totals = (
            effects.counts.astype(np.float64) if weights is None else effects.sums(weights)
        )

    @abstractmethod
    def solve(self, right: FloatArray, squares: FloatArray) -> FloatArray:
        """The coefficients of the other effects' levels, (width, q), from their right-hand sides.

        `squares` are those of the columns, beside which an error is measured.
        """

    @abstractmethod
    def leverage(self) -> FloatArray:
        """Share of each row's own outcome in its prediction by the effects alone."""

    def residuals(self, columns: FloatArray) -> FloatArray:
        """Replace columns, shape (q, n), by their residuals; gives the other effects' coefficients, (width, q)."""
        effects = self.effects
        right, squares = np.zeros((len(columns), effects.width)), np.zeros(len(columns))
        for block, weights, codes in self._blocks():
            for j, column in enumerate(columns):
                part = column[block.rows]
                self._centre(part, block, weights)
                own = part if weights is None else weights * part
                squares[j] += own @ part
                for code in codes:
                    right[j] += np.bincount(code, own, minlength=effects.width)
        if not effects.width:
            return right.T
        found = np.ascontiguousarray(self.solve(right.T, squares).T)
        for block, weights, codes in self._blocks():
            for j, column in enumerate(columns):
                part = column[block.rows]
                for code in codes:
                    part -= found[j].take(code)
                self._centre(part, block, weights)
        return found.T

    def _blocks(self) -> Iterator[tuple[Block, FloatArray | None, list[IntArray]]]:
        for block in self.effects.blocks:
            weights = None if self.weights is None else self.weights[block.rows]
            yield block, weights, [code[block.rows] for code in self.effects.others]

    def _centre(self, part: FloatArray, block: Block, weights: FloatArray | None) -> None:
        own = part if weights is None else weights * part
        means = np.add.reduceat(own, block.starts)
        means /= self.totals[block.levels]
        part -= np.repeat(means, block.counts)


class DenseProjection(Projection):
    """Exact, by the dense Schur complement."""

    def __init__(self, effects: Effects, weights: FloatArray | None = None) -> None:
        super().__init__(effects, weights)
        if effects.width:
            self._factorise()

    def _factorise(self) -> None:
        from scipy.linalg import cho_factor

        effects = self.effects
        kept = effects.identified
        matrix = effects.complement(self.weights, self.totals)
        size = effects.level_sums(self.weights)[kept]
        scale = 1.0 / np.sqrt(np.maximum(size, np.finfo(np.float64).tiny))
        matrix = matrix[np.ix_(kept, kept)] * scale[:, None] * scale
        self._kept, self._scale = kept, scale
        self._inverse: FloatArray | None = None
        try:
            self._factor = cho_factor(matrix, lower=True, check_finite=False)
        except np.linalg.LinAlgError:  # weights that are all but 0: the solution of least norm
            self._inverse = np.asarray(np.linalg.pinv(matrix, hermitian=True), dtype=np.float64)

    def solve(self, right: FloatArray, squares: FloatArray) -> FloatArray:
        """The coefficients of the other effects' levels, (width, q); 0 for one that others span."""
        from scipy.linalg import cho_solve

        out = np.zeros_like(right)
        scaled = right[self._kept] * self._scale[:, None]
        if self._inverse is None:
            found = cho_solve(self._factor, scaled, check_finite=False)
        else:
            found = self._inverse @ scaled
        out[self._kept] = found * self._scale[:, None]
        return out

    def leverage(self) -> FloatArray:
        """Share of each row's own outcome in its prediction by the effects alone."""
        effects = self.effects
        own = np.ones(effects.rows) if self.weights is None else self.weights
        share = own / effects.spread(self.totals)
        if not effects.width:
            return share
        inverse = self.solve(np.eye(effects.width), np.ones(effects.width))
        inverse = (inverse + inverse.T) / 2
        for block in effects.blocks:
            place = np.repeat(np.arange(len(block.counts)), block.counts)
            codes = np.stack([code[block.rows] for code in effects.others])
            part = own[block.rows]
            share[block.rows] += part * _quadratic(inverse, codes, place, part)
        return share


def _quadratic(
    inverse: FloatArray, codes: IntArray, place: IntArray, weights: FloatArray
) -> FloatArray:
    """`u'Qu` of each row, u its levels of the other effects less their mean over its level of the first."""
    from scipy import sparse

    deep, levels = len(codes), int(place[-1]) + 1
    shares = weights / np.bincount(place, weights, levels)[place]
    means = sparse.csr_array(
        (np.tile(shares, deep), (np.tile(place, deep), codes.ravel())),
        shape=(levels, len(inverse)),
    )
    spread = means @ inverse
    out = np.asarray(means.multiply(spread).sum(axis=1), dtype=np.float64)[place]
    for a in codes:
        out -= 2 * spread[place, a]
        for b in codes:
            out += inverse[a, b]
    return out
