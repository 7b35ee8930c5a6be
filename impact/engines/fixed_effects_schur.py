"""The Schur complement of fixed effects: what is left of all but the first once its means are taken off, as a dense matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_PER_SECOND = {"sparse": 3e8, "dense": 1.5e10}  # products; what was measured
_PATTERN = 1e-5  # seconds


@dataclass(frozen=True, eq=False)
class Patterns:
    """Firms that stand in the same levels, row by row: their products are one small product of matrices.

    Attributes
    ----------
    starts, counts : int array, one for each firm
        Its first row, and its number of rows.
    pattern : int array, one for each firm
    first, times : int array, one for each pattern
        A firm that has it, and the number of those that do.
    """

    starts: IntArray
    counts: IntArray
    pattern: IntArray
    first: IntArray
    times: IntArray

    @cached_property
    def rows(self) -> IntArray:
        """Rows in the order of patterns."""
        order = np.argsort(self.pattern, kind="stable")
        long = self.counts[order]
        shift = np.repeat(self.starts[order] - np.cumsum(long) + long, long)
        return np.asarray(shift + np.arange(len(shift)))


def patterns_of(starts: IntArray, counts: IntArray, others: Sequence[IntArray]) -> Patterns | None:
    """Find firms with the same levels in the same order; None where it would not pay.

    Firms are grouped by a sum of random numbers, one for each level, and then compared level by level.
    """
    random = np.random.default_rng(1)
    number = np.zeros(len(starts), dtype=np.uint64)
    for code in others:
        keys = random.integers(0, 2**63, int(code.max()) + 1, dtype=np.uint64)
        number += np.add.reduceat(keys.take(code), starts)
    pattern, seen = pd.factorize(number)
    saved = float((counts.astype(np.float64) ** 2).sum()) * len(others) ** 2 / _PER_SECOND["sparse"]
    if len(seen) * _PATTERN > saved / 2:
        return None
    first = np.empty(len(seen), dtype=np.int64)
    first[pattern[::-1]] = np.arange(len(starts))[::-1]
    like = first[pattern]
    if (counts != counts[like]).any():
        return None
    shift = np.repeat(starts[like] - starts, counts)
    shift += np.arange(len(shift))
    if any((code != code.take(shift)).any() for code in others):
        return None
    return Patterns(starts, counts, pattern, first, np.bincount(pattern))


@dataclass(frozen=True, eq=False)
class Layout:
    """Fixed effects of rows that are sorted by the first of them.

    Attributes
    ----------
    starts, counts : int array, one for each level of the first effect
        Its first row, and its number of rows.
    others : tuple of int arrays, each of shape (n,)
        Level of each row in the other effects; levels are numbered through over all of them.
    sizes : tuple of int
        Levels of each of the others.
    """

    starts: IntArray
    counts: IntArray
    others: tuple[IntArray, ...]
    sizes: tuple[int, ...]

    @property
    def width(self) -> int:
        """Levels of all effects but the first."""
        return sum(self.sizes)

    @cached_property
    def patterns(self) -> Patterns | None:
        """Levels of the first effect that stand in the same levels of the others, row by row, where these are few patterns."""
        return patterns_of(self.starts, self.counts, self.others)

    @cached_property
    def codes(self) -> IntArray:
        """Levels of the others, row by row."""
        return self.others[0] if len(self.others) == 1 else np.stack(self.others, axis=1).ravel()

    @cached_property
    def ends(self) -> IntArray:
        """Where the codes of each level of the first effect begin, and where the last ends."""
        return np.append(self.starts, self.starts[-1] + self.counts[-1]) * len(self.others)

    @cached_property
    def turned(self) -> tuple[IntArray, IntArray, IntArray]:
        """The table of levels turned on its side: places of its entries, their levels of the first effect, and where each row begins."""
        from scipy import sparse

        n = len(self.codes)
        table = sparse.csr_array(
            (np.arange(n), self.codes, self.ends), shape=(len(self.starts), self.width)
        )
        side = table.T.tocsr()
        return side.data, side.indices, side.indptr


def schur_complement(layout: Layout, weights: FloatArray | None, totals: FloatArray) -> FloatArray:
    """`D'W(I - P)D` of the other effects, P the weighted means over the first.

    Parameters
    ----------
    layout : Layout
    weights : array, shape (n,), optional
    totals : array
        Sums of weights over the levels of the first effect.
    """
    together = _levels_together(layout.others, layout.sizes, weights)
    if layout.patterns is not None and weights is None:
        return together - _by_patterns(layout, layout.patterns, None)
    root = np.repeat(1.0 / np.sqrt(totals), layout.counts)
    shares = root if weights is None else weights * root
    if layout.patterns is not None:
        return together - _by_patterns(layout, layout.patterns, shares)
    return together - _by_table(layout, shares)


def _levels_together(
    others: Sequence[IntArray], sizes: Sequence[int], weights: FloatArray | None
) -> FloatArray:
    """`D'WD`: a diagonal for one effect, and tables of each pair for more."""
    first = np.cumsum([0, *sizes])
    matrix = np.zeros((first[-1], first[-1]))
    for a, code in enumerate(others):
        own = slice(first[a], first[a + 1])
        matrix[own, own] = np.diag(np.bincount(code, weights, minlength=first[a + 1])[own])
        for b in range(a + 1, len(others)):
            pair = (code - first[a]) * sizes[b] + (others[b] - first[b])
            table = np.bincount(pair, weights, minlength=sizes[a] * sizes[b])
            other = slice(first[b], first[b + 1])
            matrix[own, other] = table.reshape(sizes[a], sizes[b])
            matrix[other, own] = matrix[own, other].T
    return matrix


def _by_patterns(layout: Layout, patterns: Patterns, shares: FloatArray | None) -> FloatArray:
    """`D'WPD` pattern by pattern: firms by rows, turned and multiplied; without weights all rows of a firm share alike."""
    width = layout.width
    ordered = None if shares is None else shares[patterns.rows]
    pairs, values, at = [], [], 0
    starts, counts = patterns.starts[patterns.first], patterns.counts[patterns.first]
    for start, rows, firms in zip(
        starts.tolist(), counts.tolist(), patterns.times.tolist(), strict=True
    ):
        if ordered is None:
            product = np.full((rows, rows), firms / rows)
        else:
            part = ordered[at : at + firms * rows].reshape(firms, rows)
            product = part.T @ part
        at += firms * rows
        codes = [code[start : start + rows] for code in layout.others]
        for a in codes:
            for b in codes:
                pairs.append((a[:, None] * width + b).ravel())
                values.append(product.ravel())
    found = np.bincount(np.concatenate(pairs), np.concatenate(values), minlength=width * width)
    return np.asarray(found, dtype=np.float64).reshape(width, width)


def _by_table(layout: Layout, shares: FloatArray) -> FloatArray:
    """`C'C`, C the table of levels of the first effect by those of the others, sparse or dense, whichever is faster."""
    from scipy import sparse

    starts, counts, deep, width = layout.starts, layout.counts, len(layout.others), layout.width
    shares = shares if deep == 1 else np.repeat(shares, deep)
    products = float((counts.astype(np.float64) ** 2).sum()) * deep**2
    in_full = len(starts) * float(width) ** 2
    if products / _PER_SECOND["sparse"] <= in_full / _PER_SECOND["dense"]:
        shape = (len(starts), width)
        place, levels, ends = layout.turned
        table = sparse.csr_array((shares, layout.codes.astype(np.int32), layout.ends), shape=shape)
        side = sparse.csr_array((shares[place], levels, ends), shape=shape[::-1])
        return np.asarray((side @ table).toarray(), dtype=np.float64)
    out = np.zeros((width, width))
    step = max(1, 2**22 // width)  # a table of 32 MB at a time
    for low in range(0, len(starts), step):
        high = min(low + step, len(starts))
        rows = slice(layout.ends[low], layout.ends[high])
        place = np.repeat(np.arange(high - low), counts[low:high] * deep)
        cells = np.bincount(place * width + layout.codes[rows], shares[rows], (high - low) * width)
        part = cells.reshape(high - low, width)
        out += part.T @ part
    return out
