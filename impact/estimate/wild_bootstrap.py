"""The wild cluster bootstrap of a regression: p-values and intervals where clusters are few.

Nothing is estimated again in a draw. All that a draw changes are the signs of the clusters, and the statistic depends on them through sums over
each cluster, which are made once (MacKinnon 2023; Roodman, MacKinnon, Nielsen and Webb 2019, section 5): a draw costs a product of the signs with a
matrix of as many rows as there are clusters, and with it the whole test for any value of the coefficient is a few multiplications.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray, infer, interval_by_inversion, share_beyond
from impact.core.panel import Panel, require_columns
from impact.core.tidy import estimate_table
from impact.engines.formula import parse
from impact.engines.one_thread import on_one_thread
from impact.estimate.regress_rows import Sample, complete_rows, sample_of

IntArray = npt.NDArray[np.int64]
Weights = Literal["rademacher", "webb"]

_BLOCK = 512  # draws
_WEBB = np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)])
_MOST_TERMS = 3_000  # columns that are written out


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapResult:
    """What `impact.wild_bootstrap` found.

    Attributes
    ----------
    estimates : DataFrame
        One row: `term`, `estimate`, the cluster-robust `std_error` and `statistic`, and of the bootstrap `p_value`, `conf_low`, `conf_high`; `n_obs`,
        `n_clusters`, `n_draws`. An end of the interval is missing where the test rejects no value on that side.
    statistics : array, shape (draws,)
        The t statistics of the draws, each around the value that they were drawn under.
    variance : str
        How they were drawn, in words.
    notes : tuple of str
    """

    estimates: pd.DataFrame
    statistics: FloatArray
    variance: str
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.estimates.copy()

    def summary(self) -> str:
        """The table, and how it came about."""
        shown = [c for c in self.estimates.columns if not self.estimates[c].isna().all()]
        table = self.estimates[shown].to_string(index=False, float_format=lambda x: f"{x:.4f}")
        return "\n".join([table, f"{self.variance}.", *self.notes])

    def __repr__(self) -> str:
        return self.summary()


@on_one_thread
def wild_bootstrap(
    formula: str,
    data: pd.DataFrame | Panel,
    term: str,
    *,
    cluster: str,
    weights: str | None = None,
    value: float = 0.0,
    impose_null: bool = True,
    signs: Weights | None = None,
    draws: int = 9_999,
    conf_level: float = 0.95,
    seed: int = 20160516,
) -> BootstrapResult:
    """Test a coefficient of a regression with few clusters by the wild cluster bootstrap.

    Parameters
    ----------
    formula : str
        As for `impact.regress`: `"log_sales ~ grant | firm_id + year"`. Effects of which each level lies in one cluster are absorbed, others
        written out.
    data : DataFrame or Panel
        Rows with a missing value are left out, and counted.
    term : str
        The coefficient.
    cluster : str
        Column of the clusters.
    weights : str, optional
        Column of positive weights of the rows; a panel's own where it has them.
    value : float
        The value that is tested.
    impose_null : bool
        Whether the residuals that are drawn from are those of the regression that holds the coefficient at the tested value (WCR), which has the
        better size, or its own (WCU).
    signs : {"rademacher", "webb"}, optional
        What a cluster's residuals are multiplied by: -1 or 1, or one of six values. If there are no more patterns of signs than `draws`, each is taken
        once and no chance is left. Where missing: Rademacher's, and Webb's where clusters are so few that no pattern of signs could reject.
    draws : int
        How many.
    conf_level : float
        Level of the interval: the values that the same test does not reject.
    seed : int
        Seed of the draws.

    Returns
    -------
    BootstrapResult
        p-values are symmetric: the share of draws whose statistic is as far from 0 as the one found, this one counted among them.

    Raises
    ------
    EstimationError
        If the formula cannot be read, a term is collinear or unknown, there is one cluster, or an option is none.
    DataError
        If a column is missing.

    References
    ----------
    Cameron, Gelbach and Miller (2008); Webb (2023) for six-point weights; Roodman, MacKinnon, Nielsen and Webb (2019), "Fast and wild", Stata Journal
    19(1).

    Examples
    --------
    >>> rows = pd.DataFrame({"y": [1.0, 2, 2, 5, 7, 6, 2, 3, 8, 9], "x": [0, 0, 0, 1, 1, 1, 0, 0, 1, 1], "g": list("aabbccddee")})
    >>> found = wild_bootstrap("y ~ x", rows, "x", cluster="g", signs="rademacher").tidy()
    >>> found[["estimate", "p_value", "n_draws"]].round(4).values.tolist()
    [[5.0, 0.0625, 32.0]]
    """
    if isinstance(draws, bool) or not isinstance(draws, (int, np.integer)) or draws < 99:
        raise EstimationError(f"draws is {draws!r}; it is a whole number from 99.")
    if not isinstance(cluster, str):
        raise EstimationError(
            f"cluster is {cluster!r}; name one column, the bootstrap draws one way."
        )
    if signs not in (None, "rademacher", "webb"):
        raise EstimationError(f"signs is {signs!r}; choose from 'rademacher', 'webb'.")
    own = data.weights if isinstance(data, Panel) and weights is None else weights
    sample, left_out = _sample(formula, data, cluster, own)
    reduced = _reduced(sample, term, cluster)
    kind = signs or _kind(reduced.n_clusters, conf_level)
    patterns, count = _patterns(reduced.n_clusters, kind, int(draws), seed)
    complete = kind == "rademacher" and count == 2**reduced.n_clusters
    parts = reduced.drawn(patterns, restricted=impose_null)
    found = reduced.statistic(value)
    if impose_null:
        statistics = parts.at(value)

        def share(of: float) -> float:
            return share_beyond(parts.at(of), reduced.statistic(of), complete=complete)
    else:
        statistics = parts.at(reduced.estimate)

        def share(of: float) -> float:
            return share_beyond(statistics, reduced.statistic(of), complete=complete)

    p, low, high, notes = _interval(reduced, share, found, value, conf_level)
    table = infer(
        np.array([reduced.estimate]), np.array([reduced.std_error]), conf_level=conf_level
    )
    table["statistic"], table["p_value"] = found / np.sqrt(reduced.factor), p
    table["conf_low"], table["conf_high"] = low, high
    table.insert(0, "term", [term])
    table["n_obs"], table["n_clusters"], table["n_draws"] = len(sample), reduced.n_clusters, count
    if left_out:
        what = "row" if left_out == 1 else "rows"
        notes.insert(0, f"{left_out:,} {what} without a value in the formula left out.")
    return BootstrapResult(
        estimate_table(table), statistics / np.sqrt(reduced.factor), _words(cluster, kind, count, reduced.n_clusters, impose_null), tuple(notes)
    )  # fmt: skip


def _interval(
    reduced: _Reduced,
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


def _words(cluster: str, kind: str, count: int, clusters: int, impose_null: bool) -> str:
    drawn = (
        f"all {count:,} patterns"
        if kind == "rademacher" and count == 2**clusters
        else f"{count:,} draws"
    )
    under = "residuals under the tested value" if impose_null else "unrestricted residuals"
    return f"wild cluster bootstrap by {cluster}, {kind.capitalize()} signs, {drawn}, {under}; standard error with G/(G-1) x (N-1)/(N-K)"


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
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
class _Reduced:
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

    def drawn(self, patterns: Iterator[FloatArray], *, restricted: bool) -> _Drawn:
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
        return _Drawn(*(np.concatenate(pieces) for pieces in out))


def _sample(
    formula: str, data: pd.DataFrame | Panel, cluster: str, weights: str | None
) -> tuple[Sample, int]:
    """The rows as `impact.regress` lays them out, and how many are left out."""
    frame = data.data if isinstance(data, Panel) else data
    parsed = parse(formula)
    if parsed.endogenous:
        raise EstimationError("The bootstrap is of least squares; instruments are not taken.")
    columns = list(dict.fromkeys([*parsed.columns, cluster, *([weights] if weights else [])]))
    require_columns(frame, columns)
    rows = complete_rows(frame, columns)
    if rows is not None and not len(rows):
        raise EstimationError(f"No row has a value in each of {', '.join(columns)}.")
    sample = sample_of(parsed, frame, data, rows, [cluster], weights, "gaussian")
    if sample.clusters[cluster].size < 2:
        raise EstimationError("There is one cluster; the bootstrap needs two at the least.")
    return sample, len(frame) - len(sample)


def _reduced(sample: Sample, term: str, cluster: str) -> _Reduced:
    """Project the other columns out, and sum over clusters."""
    if term not in sample.terms:
        known = ", ".join(map(repr, sample.terms))
        raise EstimationError(f"The formula has no term {term!r}; its terms: {known}.")
    groups = sample.clusters[cluster].codes
    w = np.ones(len(sample)) if sample.weights is None else sample.weights
    codes = [factor.codes for factor in sample.effects.values()]
    nested = [c for c in codes if _nested(c, groups)]
    inside = max(nested, key=lambda c: int(c.max()), default=None)
    written = [c for c in codes if c is not inside]
    wide = sum(int(c.max()) for c in written) + len(sample.terms)
    if wide > _MOST_TERMS:
        raise EstimationError(
            f"The regression has {wide:,} columns beside the effect within clusters; the bootstrap takes up to {_MOST_TERMS:,}."
        )
    others = [column for name, column in sample.terms.items() if name != term]
    blocks = [sample.outcome, sample.terms[term], *others]
    has_level = inside is not None or "Intercept" in sample.terms
    for c in written:
        dummies = (c[:, None] == np.arange(int(has_level), int(c.max()) + 1)).astype(np.float64)
        blocks.append(dummies)
        has_level = True
    everything = np.column_stack(blocks)
    if inside is not None:
        total = np.bincount(inside, w)
        for j in range(everything.shape[1]):
            everything[:, j] -= (np.bincount(inside, w * everything[:, j]) / total)[inside]
    everything *= np.sqrt(w)[:, None]
    levels = 0 if inside is None else int(inside.max()) + 1
    # fixest's factor: effects within clusters count as one parameter, their mean.
    return _summed(everything, groups, term, constant=int(inside is not None), levels=levels)


def _nested(code: IntArray, groups: IntArray) -> bool:
    return len(np.unique(np.column_stack([code, groups]), axis=0)) == int(code.max()) + 1


def _summed(
    everything: FloatArray, groups: IntArray, term: str, *, constant: int, levels: int
) -> _Reduced:
    n = len(everything)
    y, x, z = everything[:, 0], everything[:, 1], everything[:, 2:]
    keep = _independent(z)
    z = z[:, keep]
    both = np.column_stack([y, x])
    both = (
        both - z @ (np.linalg.pinv(z.T @ z, hermitian=True) @ (z.T @ both)) if z.shape[1] else both
    )
    ey, r = both[:, 0], both[:, 1]
    size = float(r @ r)
    if size <= 1e-12 * float(x @ x):
        raise EstimationError(f"The term {term!r} is collinear with the other terms and effects.")
    beta = float(r @ ey) / size
    columns = np.column_stack([x, z])
    g = int(groups.max()) + 1

    def summed(values: FloatArray) -> FloatArray:
        out = np.zeros((g, values.shape[1]))
        np.add.at(out, groups, values)
        return out

    dy, dx = (summed((r * e)[:, None])[:, 0] for e in (ey, r))
    own = dy - beta * dx
    k = columns.shape[1] + constant
    free = n - k
    if free <= 0 or n <= levels:
        raise EstimationError(f"{n} rows leave no degrees of freedom for the regression.")
    factor = g / (g - 1) * (n - 1) / free
    return _Reduced(
        estimate=beta,
        std_error=float(np.sqrt((own**2).sum() * factor)) / size,
        dy=dy,
        dx=dx,
        across=summed(columns * r[:, None]),
        by=summed(columns * ey[:, None]),
        bx=summed(columns * r[:, None]),
        inverse=np.asarray(np.linalg.pinv(columns.T @ columns, hermitian=True)),
        own=own,
        factor=factor,
    )


def _independent(z: FloatArray) -> IntArray:
    """Columns that add something to those before them."""
    from scipy import linalg

    if not z.shape[1]:
        return np.empty(0, dtype=np.int64)
    _, upper, order = linalg.qr(
        z / np.maximum(np.sqrt((z * z).sum(axis=0)), 1e-300), mode="economic", pivoting=True
    )
    told = np.abs(np.diag(upper)) > 1e-9
    return np.sort(order[: len(told)][told])


def _kind(clusters: int, conf_level: float) -> Weights:
    """Webb's, where even the two patterns furthest out are more than one minus the level of all."""
    return "webb" if 2.0 ** (1 - clusters) >= 1 - conf_level else "rademacher"


def _patterns(
    clusters: int, kind: Weights, draws: int, seed: int
) -> tuple[Iterator[FloatArray], int]:
    """Blocks of multipliers (G, draws): every pattern of signs where these are few, else drawn."""
    if kind == "rademacher" and clusters < 31 and 2**clusters <= draws:
        return _all_signs(clusters), 2**clusters
    rng = np.random.default_rng(seed)

    def blocks() -> Iterator[FloatArray]:
        for start in range(0, draws, _BLOCK):
            shape = (clusters, min(_BLOCK, draws - start))
            if kind == "webb":
                yield _WEBB[rng.integers(0, 6, shape)]
            else:
                yield (2.0 * rng.integers(0, 2, shape, dtype=np.int8) - 1.0).astype(np.float64)

    return blocks(), draws


def _all_signs(clusters: int) -> Iterator[FloatArray]:
    for start in range(0, 2**clusters, _BLOCK):
        number = np.arange(start, min(start + _BLOCK, 2**clusters))
        yield (2.0 * ((number >> np.arange(clusters)[:, None]) & 1) - 1.0).astype(np.float64)
