"""Variances of regression coefficients: classical, robust, clustered in one or several ways, each with its factor in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from impact.core.errors import EstimationError
from impact.core.inference import REGRESSION_FACTORS, FloatArray, small_sample_factor
from impact.core.whole_numbers import by_number, counted
from impact.engines.normal_equations import gram
from impact.estimate.regress_fit import Fit
from impact.estimate.regress_rows import Factor

IntArray = npt.NDArray[np.int64]

_FEW = 30  # clusters
VARIANCES = ("iid", "hetero", "HC1", "HC2", "HC3")


@dataclass(frozen=True, slots=True, eq=False)
class Variance:
    """A covariance with what must be said of it.

    Attributes
    ----------
    vcov : array, shape (k, k)
    df : float or None
        Degrees of freedom of the t distribution; None is the normal distribution.
    small_sample : str
    words : str
    n_clusters : int or None
        The smallest number of clusters.
    factor : float
        Already part of `vcov`.
    notes : tuple of str
    """

    vcov: FloatArray
    df: float | None
    small_sample: str
    words: str
    n_clusters: int | None
    factor: float
    notes: tuple[str, ...] = ()


def variance_of(fit: Fit, kind: str, small_sample: str) -> Variance:
    """The covariance of the coefficients of a fit; see `_of_design`.

    Raises
    ------
    EstimationError
        If no degrees of freedom are left, or there is one cluster.
    """
    found = _of_design(fit, kind, small_sample)
    if fit.turn is None:
        return found
    return replace(found, vcov=fit.turn @ found.vcov @ fit.turn.T)


def _of_design(fit: Fit, kind: str, small_sample: str) -> Variance:
    """The covariance of the coefficients of the design of a fit.

    Parameters
    ----------
    fit : Fit
        Its sample's clusters are used where it has any.
    kind : {"iid", "hetero", "HC1", "HC2", "HC3"}
        Where there are no clusters.
    small_sample : str
        A key of `REGRESSION_FACTORS`.
    """
    if fit.sample.clusters:
        return _clustered(fit, small_sample)
    n, k = len(fit.sample), _parameters(fit, small_sample)
    if n <= k:
        raise EstimationError(
            f"{counted(n, 'row')} {by_number(n, 'leaves', 'leave')} no degrees of freedom for {counted(k, 'parameter')}."
        )
    df = None if fit.error is None else float(n - k)
    if kind == "iid":
        return _classical(fit, n, k, df, small_sample)
    if kind in ("HC2", "HC3"):
        return _leveraged(fit, kind, df, small_sample)
    factor = _factor(
        fit, small_sample, n, {name: (f.size, False) for name, f in fit.sample.effects.items()}
    )
    vcov = fit.bread @ gram(fit.design, fit.slopes**2) @ fit.bread
    named = "HC0" if small_sample == "none" else "HC1"
    words = f"standard errors robust to unequal variances ({named}), {_words(fit, small_sample, rows=True)}"
    return Variance(vcov * factor, df, small_sample, words, None, factor)


def _parameters(fit: Fit, small_sample: str) -> int:
    """K: slopes, the constant, and the levels of every effect but one each."""
    free = sum(f.size - 1 for f in fit.sample.effects.values())
    k = len(fit.coefficients) + free + (1 if fit.sample.effects else 0)
    return k - (_redundant(list(fit.sample.effects.values())) if small_sample == "stata" else 0)


def _classical(fit: Fit, n: int, k: int, df: float | None, small_sample: str) -> Variance:
    if fit.error is None:
        factor = 1.0 if small_sample in ("none", "stata") else (n - 1) / (n - k)
        named = "" if factor == 1.0 else ", factor (N-1)/(N-K)"
        words = f"standard errors from the information matrix, which trusts the family{named}"
        return Variance(fit.bread * factor, None, small_sample, words, None, factor)
    words = "classical standard errors, sigma^2 over N - K, fixed effects counted in K"
    vcov = fit.bread * fit.error / (n - k)
    notes = _not_used(small_sample, ("fixest", "stata"), "a classical variance is over N - K")
    return Variance(vcov, df, "classical", words, None, n / (n - k), notes)


def _not_used(small_sample: str, silent: tuple[str, ...], why: str) -> tuple[str, ...]:
    """Say that a factor which was asked for makes no difference; the default, and those that are what is done, need no word."""
    if small_sample in silent:
        return ()
    return (
        f"small_sample={small_sample!r} changes nothing here: {why}. It belongs to robust (HC1) and clustered variances.",
    )


def _leveraged(fit: Fit, kind: str, df: float | None, small_sample: str) -> Variance:
    """HC2 and HC3: each residual is made larger by its own row's share in its prediction (MacKinnon and White 1985)."""
    if fit.error is None:
        raise EstimationError(f"{kind} is offered for least squares; use 'hetero', or cluster.")
    share = fit.leverage()
    certain = share > 1 - 1e-9  # predicted by itself alone: no residual, no score
    power = 0.5 if kind == "HC2" else 1.0
    slopes = np.where(certain, 0.0, fit.slopes / (1 - np.where(certain, 0.0, share)) ** power)
    vcov = fit.bread @ gram(fit.design, slopes**2) @ fit.bread
    words = f"standard errors robust to unequal variances ({kind}, leverage with fixed effects)"
    notes = _not_used(small_sample, ("fixest", "none"), f"{kind} corrects by the leverage alone")
    return Variance(vcov, df, "none", words, None, 1.0, notes)


def _clustered(fit: Fit, small_sample: str) -> Variance:
    """Sandwich over clusters; over several ways by inclusion and exclusion (Cameron, Gelbach and Miller 2011)."""
    clusters = fit.sample.clusters
    sizes = [factor.size for factor in clusters.values()]
    if min(sizes) < 2:
        raise EstimationError("There is one cluster; a clustered variance needs two at the least.")
    k = len(fit.coefficients)
    meat = np.zeros((k, k))
    ways = list(clusters.values())
    for number in range(1, len(ways) + 1):
        for some in combinations(ways, number):
            sums = score_sums(fit, some)
            meat += sums @ sums.T if number % 2 else -(sums @ sums.T)
    effects = {
        name: (f.size, any(_nested(f, way) for way in ways))
        for name, f in fit.sample.effects.items()
    }
    factor = _factor(fit, small_sample, min(sizes), effects)
    vcov, notes = _semidefinite(fit.bread @ meat @ fit.bread * factor, fit.names, len(ways))
    by = " and ".join(
        [", ".join(list(clusters)[:-1]), list(clusters)[-1]] if len(ways) > 1 else clusters
    )
    words = f"standard errors clustered by {by}, {_words(fit, small_sample)}"
    if len(ways) > 1:
        words += ", G the smallest number of clusters"
    df = float(min(sizes) - 1)
    if small_sample == "stata" and fit.error is not None:
        free = sum(levels - 1 for levels, nested in effects.values() if not nested)
        df = min(df, float(len(fit.sample) - k - free))
    return Variance(
        vcov, None if fit.error is None else df, small_sample, words, min(sizes), factor, notes
    )


def score_sums(fit: Fit, ways: tuple[Factor, ...] | list[Factor]) -> FloatArray:
    """Scores summed within clusters, or within their intersections: shape (k, clusters)."""
    codes, size = ways[0].codes, ways[0].size
    for way in ways[1:]:
        _, codes = np.unique(codes * way.size + way.codes, return_inverse=True)
        size = int(codes.max()) + 1
    sums = np.empty((len(fit.design), size))
    runs = len(ways) == 1 and fit.effects is not None and len(fit.effects.starts) == size
    starts = fit.effects.starts if fit.effects is not None and runs else None
    if starts is not None and not np.array_equal(
        codes, next(iter(fit.sample.effects.values())).codes
    ):
        starts = None
    for row, column in zip(sums, fit.design, strict=True):
        own = column * fit.slopes
        row[:] = (
            np.bincount(codes, own, minlength=size)
            if starts is None
            else np.add.reduceat(own, starts)
        )
    return sums


def _factor(
    fit: Fit, small_sample: str, groups: int, effects: dict[str, tuple[int, bool]]
) -> float:
    loose = [fit.sample.effects[name] for name, (_, nested) in effects.items() if not nested]
    return small_sample_factor(
        small_sample,
        n_obs=len(fit.sample),
        n_slopes=len(fit.coefficients) - (0 if effects else 1),  # one of them is the constant
        effect_sizes=effects,
        n_clusters=groups,
        redundant=_redundant(loose) if small_sample == "stata" else 0,
        likelihood=fit.error is None,
    )


def _nested(effect: Factor, way: Factor) -> bool:
    """Whether every level of an effect lies within one cluster."""
    if effect.size < way.size:
        return False
    if np.array_equal(effect.codes, way.codes):
        return True
    home = np.zeros(effect.size, dtype=np.int64)
    home[effect.codes] = way.codes
    return bool((home[effect.codes] == way.codes).all())


def _redundant(effects: list[Factor]) -> int:
    """Levels beyond one for each effect that another effect spans, as reghdfe counts them: groups of levels that rows connect, pair by pair."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    found = 0
    for b in range(1, len(effects)):
        most = 1
        for a in range(b):
            one, two = effects[a], effects[b]
            links = sparse.coo_array(
                (np.ones(len(one.codes), dtype=np.int8), (one.codes, two.codes + one.size)),
                shape=(one.size + two.size,) * 2,
            )
            most = max(most, int(connected_components(links, directed=False)[0]))
        found += most - 1
    return found


def _semidefinite(
    vcov: FloatArray, names: list[str], ways: int
) -> tuple[FloatArray, tuple[str, ...]]:
    """Several ways may give a matrix that is no covariance; its negative eigenvalues are set to 0, those of the slopes by themselves."""
    vcov = (vcov + vcov.T) / 2
    if ways == 1:
        return vcov, ()
    fixed, changed = _clipped(vcov)
    slopes = [i for i, name in enumerate(names) if name != "Intercept"]
    if changed and 0 < len(slopes) < len(names):
        # The constant alone must not move the errors of the slopes (reghdfe does the same).
        fixed[np.ix_(slopes, slopes)] = _clipped(vcov[np.ix_(slopes, slopes)])[0]
    if not changed:
        return vcov, ()
    return fixed, (
        "The covariance of several ways of clustering had a negative eigenvalue, which was set to 0 (Cameron, Gelbach and Miller 2011): "
        "there are few clusters for so many terms.",
    )


def _clipped(vcov: FloatArray) -> tuple[FloatArray, bool]:
    values, vectors = np.linalg.eigh(vcov)
    if values.min() >= -1e-12 * max(float(values.max()), 0.0):
        return vcov.copy(), False
    return (vectors * np.clip(values, 0.0, None)) @ vectors.T, True


def _words(fit: Fit, small_sample: str, *, rows: bool = False) -> str:
    if small_sample == "none":
        return REGRESSION_FACTORS[small_sample]
    if small_sample == "stata" and fit.error is None:
        return f"factor {'N/(N-1)' if rows else 'G/(G-1)'} (Stata ppmlhdfe)"
    if rows:
        return f"factor N/(N-K), fixed effects counted in K ({small_sample})"
    return f"factor {REGRESSION_FACTORS[small_sample]}"


def few_clusters(found: Variance, family: str, *, instruments: bool) -> tuple[str, ...]:
    """Warn where intervals rest on few clusters, as `impact.att` does."""
    if found.n_clusters is None or found.n_clusters >= _FEW:
        return ()
    values = (
        "normal critical values"
        if found.df is None
        else f"t values with {found.df:.0f} degrees of freedom"
    )
    linear = (
        ""
        if family == "gaussian" and not instruments
        else ", for least squares without instruments,"
    )
    return (
        f"Only {counted(found.n_clusters, 'cluster')} (fewer than {_FEW}): {values} may make the intervals too short. "
        f"impact.wild_bootstrap{linear} asks less of large numbers.",
    )
