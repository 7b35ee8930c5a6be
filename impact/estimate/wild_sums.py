"""What a wild bootstrap is drawn from: sums over clusters, patterns of signs, and the test for any value of a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from impact.core.inference import FloatArray, interval_by_inversion, share_beyond

Weights = Literal["rademacher", "webb"]

_BLOCK = 512  # draws
_WEBB = np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)])


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What draws need to give a statistic for any tested value: numerator and squared error are polynomials of it."""

    by_y: FloatArray  # (draws,): sum over clusters of sign x score, of the outcome
    by_x: FloatArray  # the same of the term
    yy: FloatArray  # (draws,): sums over clusters of squared scores after the draw
    xy: FloatArray
    xx: FloatArray

    def at(self, value: float) -> FloatArray:
        """t statistics (draws,) for a value of the coefficient."""
        top = self.by_y - value * self.by_x
        below = self.yy - 2 * value * self.xy + value**2 * self.xx
        scale = np.abs(self.yy) + value**2 * np.abs(self.xx)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = top / np.sqrt(np.maximum(below, 0.0))
        # Where nothing but rounding is left under the root, the draw is as far out as can be.
        return np.where(below <= 1e-13 * scale, np.where(np.abs(top) > 0, np.inf, 0.0), found)


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSums:
    """A regression reduced to sums over its G clusters.

    With r what is left of the term after all others, e_y and e_x what is left of outcome and term (so e_x = r), X all columns: `dy, dx` (G,)
    are sums of r e, `across` (G, k) of r X, `by, bx` (G, k) of X e, `inverse` that of X'X.
    """

    estimate: float
    std_error: float
    dy: FloatArray
    dx: FloatArray
    across: FloatArray
    by: FloatArray
    bx: FloatArray
    inverse: FloatArray
    own: FloatArray  # (G,): scores at the estimate
    factor: float  # of the squared standard error; the same in every draw, so that only what is shown has it

    @property
    def n_clusters(self) -> int:
        return len(self.dy)

    def statistic(self, value: float) -> float:
        """The t statistic that was found, without a small-sample factor, which would be the same in every draw."""
        below = float(np.sqrt((self.own**2).sum()))
        top = float((self.dy - value * self.dx).sum())
        scale = float(np.abs(self.dy).sum() + abs(value) * self.dx.sum())
        return top / below if below > 1e-13 * scale else np.nan

    def drawn(self, patterns: Iterator[FloatArray], *, restricted: bool) -> Drawn:
        """Go through the draws, a block of signs (G, draws) at a time."""
        dy, by = self.dy, self.by
        if not restricted:  # residuals at the estimate; those of any value are then the same
            dy, by = dy - self.estimate * self.dx, by - self.estimate * self.bx
        left = self.across @ self.inverse
        out: list[list[FloatArray]] = [[], [], [], [], []]
        for v in patterns:
            sy = dy[:, None] * v - left @ (by.T @ v)
            sx = self.dx[:, None] * v - left @ (self.bx.T @ v)
            if not restricted:
                sx = np.zeros_like(sx)
            top_x = np.zeros(v.shape[1]) if not restricted else self.dx @ v
            for k, piece in enumerate(
                (dy @ v, top_x, (sy * sy).sum(axis=0), (sy * sx).sum(axis=0), (sx * sx).sum(axis=0))
            ):
                out[k].append(piece)
        return Drawn(*(np.concatenate(pieces) for pieces in out))


def _interval(
    reduced: ClusterSums,
    share: Callable[[float], float],
    found: float,
    value: float,
    conf_level: float,
) -> tuple[float, float, float, list[str]]:
    """p-value, both ends of the interval, and what must be said of them."""
    if not np.isfinite(found):
        return np.nan, np.nan, np.nan, ["The clusters show no variation, so nothing can be tested."]
    low, high = interval_by_inversion(
        share, reduced.estimate, reduced.std_error, conf_level=conf_level
    )
    notes = []
    if np.isnan(low) or np.isnan(high):
        side = "either side" if np.isnan(low) and np.isnan(high) else "one side"
        notes.append(
            f"The test rejects no value on {side}, however far: the interval has no end there. {reduced.n_clusters} clusters tell too little."
        )
    return share(value), low, high, notes


def kind_of_signs(clusters: int, conf_level: float) -> Weights:
    """Webb's, where even the two patterns furthest out are more than one minus the level of all."""
    return "webb" if 2.0 ** (1 - clusters) >= 1 - conf_level else "rademacher"


def patterns_of(draws: Draws) -> Iterator[FloatArray]:
    """Blocks of multipliers (G, draws)."""
    if draws.complete:
        yield from _all_signs(draws.clusters)
        return
    rng = np.random.default_rng(draws.seed)
    for start in range(0, draws.count, _BLOCK):
        shape = (draws.clusters, min(_BLOCK, draws.count - start))
        if draws.kind == "webb":
            yield _WEBB[rng.integers(0, 6, shape)]
        else:
            yield (2.0 * rng.integers(0, 2, shape, dtype=np.int8) - 1.0).astype(np.float64)


def _all_signs(clusters: int) -> Iterator[FloatArray]:
    for start in range(0, 2**clusters, _BLOCK):
        number = np.arange(start, min(start + _BLOCK, 2**clusters))
        yield (2.0 * ((number >> np.arange(clusters)[:, None]) & 1) - 1.0).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Draws:
    """How to draw: `kind` of signs, `count` of patterns, and whether these are all there are."""

    clusters: int
    kind: Weights
    count: int
    seed: int
    impose_null: bool

    @classmethod
    def of(cls, clusters: int, signs: Weights | None, draws: int, seed: int, impose_null: bool, conf_level: float) -> Draws:  # fmt: skip
        """All patterns of signs where these are few, else as many as asked."""
        kind = signs or kind_of_signs(clusters, conf_level)
        every = kind == "rademacher" and clusters < 31 and 2**clusters <= draws
        return cls(clusters, kind, 2**clusters if every else draws, seed, impose_null)

    @property
    def complete(self) -> bool:
        """Whether each pattern is taken once, so that no chance is left."""
        return self.kind == "rademacher" and self.count == 2**self.clusters

    @property
    def words(self) -> str:
        """How they are drawn, in words."""
        drawn = f"all {self.count:,} patterns" if self.complete else f"{self.count:,} draws"
        under = "residuals under the tested value" if self.impose_null else "unrestricted residuals"
        return f"{self.kind.capitalize()} signs, {drawn}, {under}"


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a bootstrap says of one number; `statistics` are those of the draws, without a small-sample factor."""

    statistic: float
    statistics: FloatArray
    p_value: float
    conf_low: float
    conf_high: float
    notes: tuple[str, ...]


def judged(sums: ClusterSums, value: float, draws: Draws, conf_level: float) -> Verdict:
    """Test a value of a number, and invert the test for its interval."""
    patterns = patterns_of(draws)
    parts = sums.drawn(patterns, restricted=draws.impose_null)
    found = sums.statistic(value)
    statistics = parts.at(value if draws.impose_null else sums.estimate)

    def share(of: float) -> float:
        drawn = parts.at(of) if draws.impose_null else statistics
        return share_beyond(drawn, sums.statistic(of), complete=draws.complete)

    p, low, high, notes = _interval(sums, share, found, value, conf_level)
    return Verdict(found, statistics, p, low, high, tuple(notes))
