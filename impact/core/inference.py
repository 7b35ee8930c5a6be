"""Inference, written once: standard errors to t, p and intervals; factors; bands; ratio intervals.

Every number that leaves `impact` with an uncertainty passes through this file. Where a standard error
is zero or undefined, the statistic, the p-value and the interval are missing, never 0 and never infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError, ImpactError

FloatArray = npt.NDArray[np.float64]

_RELATIVE_ZERO = 1e-12  # a standard error this small beside its estimate is rounding, not knowledge
_CANCELLED = (
    1e-14  # a variance this small beside the terms that it is the difference of is rounding, too
)

SMALL_SAMPLE = {
    "fixest": "G/(G-1) x (N-1)/(N-K), K without fixed effects nested in the cluster (R fixest)",
    "linearmodels": "N/(N-K), K without fixed effects nested in the cluster (linearmodels default)",
    "none": "no small-sample factor",
}
"""Small-sample factors of a variance, by the name that is printed under each table."""

REGRESSION_FACTORS = SMALL_SAMPLE | {
    "stata": "G/(G-1) x (N-1)/(N-K), K without fixed effects nested in the cluster and levels that others span (Stata reghdfe)",
}
"""The same with a further name that `impact.regress` takes; studies print those of `SMALL_SAMPLE` beside each other."""


def critical_value(conf_level: float = 0.95, df: float | None = None) -> float:
    """Two-sided critical value of the t distribution, or of the normal where `df` is missing.

    Raises
    ------
    ImpactError
        If `conf_level` is not strictly between 0 and 1.

    Examples
    --------
    >>> round(critical_value(0.95), 6), round(critical_value(0.95, df=10), 6)
    (1.959964, 2.228139)
    """
    from scipy import stats

    if not 0.0 < conf_level < 1.0:
        raise ImpactError(f"conf_level is {conf_level}; it must lie between 0 and 1, as 0.95 does.")
    tail = 0.5 + conf_level / 2
    return float(stats.norm.ppf(tail) if df is None else stats.t.ppf(tail, df))


def infer(
    estimate: npt.ArrayLike,
    std_error: npt.ArrayLike,
    *,
    conf_level: float = 0.95,
    df: float | None = None,
) -> pd.DataFrame:
    """Turn estimates and standard errors into the inference columns of a tidy table.

    Parameters
    ----------
    estimate, std_error : array_like, shape (k,)
        Point estimates and their standard errors.
    conf_level : float
        Confidence level of the pointwise interval.
    df : float, optional
        Degrees of freedom of the t distribution; the normal distribution where missing.

    Returns
    -------
    DataFrame
        `estimate, std_error, statistic, p_value, conf_low, conf_high`, k rows. Where the standard
        error is not finite, not positive, or nothing but rounding beside its estimate, all but the
        estimate are missing.

    Examples
    --------
    >>> infer([2.0, 1.0], [1.0, 0.0]).round(4)["p_value"].tolist()
    [0.0455, nan]
    """
    from scipy import stats

    b = np.atleast_1d(np.asarray(estimate, dtype=np.float64))
    se = np.atleast_1d(np.asarray(std_error, dtype=np.float64)).copy()
    if b.shape != se.shape:
        raise ImpactError(f"{b.size} estimates came with {se.size} standard errors.")
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(se) & np.isfinite(b) & (se > _RELATIVE_ZERO * np.abs(b)) & (se > 0)
    se[~usable] = np.nan
    statistic = b / se
    upper = stats.norm.sf(np.abs(statistic)) if df is None else stats.t.sf(np.abs(statistic), df)
    half = critical_value(conf_level, df) * se
    return pd.DataFrame(
        {
            "estimate": b,
            "std_error": se,
            "statistic": statistic,
            "p_value": 2 * upper,
            "conf_low": b - half,
            "conf_high": b + half,
        }
    )


def small_sample_factor(
    name: str,
    *,
    n_obs: int,
    n_slopes: int,
    effect_sizes: dict[str, tuple[int, bool]],
    n_clusters: int | None,
    redundant: int = 0,
    likelihood: bool = False,
) -> float:
    """Factor by which a sandwich covariance without correction is multiplied.

    Parameters
    ----------
    name : {"fixest", "linearmodels", "stata", "none"}
        Convention; see `REGRESSION_FACTORS`.
    n_obs : int
        Rows, N.
    n_slopes : int
        Estimated slopes.
    effect_sizes : dict of str to (int, bool)
        For each fixed effect its number of levels and whether it is nested in the clusters.
    n_clusters : int, optional
        Clusters, G; rows where each is its own cluster. Missing for a classical covariance.
    redundant : int
        Levels beyond one for each effect that other effects span; `stata` takes them off K.
    likelihood : bool
        Whether the estimates maximise a likelihood, for which `stata` knows G/(G-1) alone.

    Returns
    -------
    float
        The factor on the variance.

    Notes
    -----
    fixest counts K as slopes, plus one for the constant, plus (levels - 1) of each fixed effect that
    is not nested in the clusters (its `ssc(K.fixef = "nested")`). linearmodels drops the
    nested effect whole, constant included: K is the slopes plus (levels - 1) of the other effects.
    Stata's reghdfe counts as fixest does, less the levels that a pair of effects has in common.

    Examples
    --------
    >>> effects = {"firm": (54, True), "year": (3, False)}
    >>> round(small_sample_factor("fixest", n_obs=162, n_slopes=2, effect_sizes=effects,
    ...                           n_clusters=54), 6)
    1.044826
    """
    if name == "none":
        return 1.0
    free = sum(levels - 1 for levels, nested in effect_sizes.values() if not nested)
    nested_any = any(nested for _, nested in effect_sizes.values())
    k = n_slopes + free + 1
    if name == "fixest":
        scale = (n_obs - 1) / _positive(n_obs - k)
        return scale if n_clusters is None else scale * n_clusters / _positive(n_clusters - 1)
    if name == "linearmodels":
        return n_obs / _positive(n_obs - (k - 1 if nested_any else k))
    if name == "stata" and n_clusters is not None:
        scale = 1.0 if likelihood else (n_obs - 1) / _positive(n_obs - k + redundant)
        return scale * n_clusters / _positive(n_clusters - 1)
    if name == "stata":
        return (n_obs - 1) / _positive(n_obs - k + redundant)
    raise ImpactError(
        f"There is no small-sample factor {name!r}; choose from {', '.join(map(repr, REGRESSION_FACTORS))}."
    )


def _positive(value: int) -> int:
    if value <= 0:
        raise EstimationError(
            "No degrees of freedom are left for a variance: as many parameters as rows, or one cluster."
        )
    return value


def cluster_sums(influence: FloatArray, clusters: npt.NDArray[Any]) -> FloatArray:
    """Sum the rows of an influence matrix (n, k) within clusters, giving (clusters, k)."""
    # In the order of their names: sums over clusters must not depend on the order of rows.
    codes, labels = pd.factorize(clusters, sort=True)
    if (codes < 0).any():
        raise EstimationError("A firm has no cluster: the cluster column has missing values.")
    sums = np.zeros((len(labels), influence.shape[1]))
    np.add.at(sums, codes, influence)
    return sums


def _each_its_own(clusters: npt.NDArray[Any]) -> bool:
    """Whether labels are in rising order, none twice: sums over clusters are then the rows themselves."""
    if clusters.dtype.kind not in "biuf":
        return False
    return bool((clusters[1:] > clusters[:-1]).all())


def influence_covariance(
    influence: FloatArray, clusters: npt.NDArray[Any] | None = None
) -> FloatArray:
    """Covariance of estimates from their influence functions.

    Parameters
    ----------
    influence : array, shape (n, k)
        Influence of each of n firms on each of k estimates, scaled so that
        `estimate - truth` is about the mean of its column.
    clusters : array, shape (n,), optional
        Cluster of each firm; each firm is its own where missing.

    Returns
    -------
    array, shape (k, k)
        `sum_c s_c s_c' / n^2`, `s_c` the sum of the rows of cluster c.
    """
    alone = clusters is None or (len(clusters) > 1 and _each_its_own(clusters))
    scores = influence if clusters is None or alone else cluster_sums(influence, clusters)
    return np.asarray(scores.T @ scores / influence.shape[0] ** 2, dtype=np.float64)


def uniform_critical_value(
    covariance: FloatArray, *, conf_level: float = 0.95, draws: int = 20_000, seed: int = 20160516
) -> float:
    """Critical value of a uniform (sup-t) band over all rows with a defined standard error.

    Draws from the Gaussian process that the multiplier bootstrap converges to, whose covariance is
    that of the influence functions (Callaway and Sant'Anna 2021, section 4.2; Montiel Olea and
    Plagborg-Moller 2019). Never below the pointwise value.

    Parameters
    ----------
    covariance : array, shape (k, k)
        Covariance of the estimates; rows with a zero or missing variance are left out.
    draws, seed : int
        Number of draws and the seed.

    Returns
    -------
    float
        The critical value; missing where no row has a standard error.
    """
    variance = np.diag(covariance)
    keep = np.isfinite(variance) & (variance > 0)
    if not keep.any():
        return math.nan
    se = np.sqrt(variance[keep])
    correlation = covariance[np.ix_(keep, keep)] / np.outer(se, se)
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    normal = np.random.default_rng(seed).standard_normal((draws, root.shape[1]))
    largest = np.abs(normal @ root.T).max(axis=1)
    return max(float(np.quantile(largest, conf_level)), critical_value(conf_level))


@dataclass(frozen=True, slots=True)
class WaldTest:
    """Joint test that k estimates are zero."""

    statistic: float
    df: int
    p_value: float


def wald(estimate: npt.ArrayLike, covariance: npt.ArrayLike) -> WaldTest:
    """Wald chi-squared test that all estimates are zero; the rank of the covariance gives the df.

    Examples
    --------
    >>> wald([1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]]).statistic
    5.0
    """
    from scipy import stats

    b = np.asarray(estimate, dtype=np.float64)
    v = np.asarray(covariance, dtype=np.float64)
    if b.size == 0 or not (np.isfinite(b).all() and np.isfinite(v).all()):
        return WaldTest(math.nan, 0, math.nan)
    rank = int(np.linalg.matrix_rank(v, hermitian=True))
    if rank == 0:
        return WaldTest(math.nan, 0, math.nan)
    statistic = float(b @ np.linalg.pinv(v, hermitian=True) @ b)
    return WaldTest(statistic, rank, float(stats.chi2.sf(statistic, rank)))


def power_of_two(value: float, spread: float) -> int:
    """Exponent of the power of two that brings the larger of a value and its error below 1; 0 where both are 0.

    Examples
    --------
    >>> power_of_two(-3.0, 10.0), power_of_two(0.0, 0.0)
    (4, 0)
    """
    return math.frexp(max(abs(value), spread))[1]


def shifted(value: float, power: int) -> float:
    """`value x 2^power`, exact; infinite where that is too large for a float.

    Examples
    --------
    >>> shifted(3.0, -1), shifted(-3.0, 5_000)
    (1.5, -inf)
    """
    try:
        return math.ldexp(value, power)
    except OverflowError:
        return math.copysign(math.inf, value)


@dataclass(frozen=True, slots=True)
class RatioInterval:
    """Confidence set of a ratio.

    `kind` is `bounded` ([low, high]), `complement` (everything but the open gap between `high` and
    `low`: [low, inf) and (-inf, high]), `unbounded` (the whole line), or `undefined`. An end of a
    complement is infinite where that half does not exist: the denominator is then exactly as many
    standard errors from zero as the critical value says.
    """

    kind: Literal["bounded", "complement", "unbounded", "undefined"]
    low: float
    high: float


def fieller(
    numerator: float,
    denominator: float,
    var_n: float,
    var_d: float,
    cov: float = 0.0,
    *,
    conf_level: float = 0.95,
    df: float | None = None,
) -> RatioInterval:
    """Fieller's confidence set of numerator / denominator.

    The set of theta with `(a - theta b)^2 <= z^2 (s_aa - 2 theta s_ab + theta^2 s_bb)` (Fieller 1954).
    It is an interval only where the denominator differs from zero at the same level. `df` makes z the critical value of t.

    Examples
    --------
    >>> got = fieller(60.0, 16.9, 18.0**2, 0.5**2)
    >>> got.kind, round(got.low, 3), round(got.high, 3)
    ('bounded', 1.461, 5.664)
    """
    z = critical_value(conf_level, df)
    scaled = _scaled(numerator, denominator, var_n, var_d, cov)
    if scaled is None or (denominator == 0 and var_d == 0):
        return RatioInterval("undefined", math.nan, math.nan)
    n, d, s_n, s_d, s_nd, back = scaled
    # The set is {theta: a theta^2 - 2 b theta + c <= 0}. Differences of squares are factored, and the second root follows from the product of the
    # two, so that nothing cancels where an end is near zero or far away.
    a, b, c = (d - z * s_d) * (d + z * s_d), n * d - z**2 * s_nd, (n - z * s_n) * (n + z * s_n)
    never_negative = max((s_n * s_d - abs(s_nd)) * (s_n * s_d + abs(s_nd)), 0.0)
    discriminant = z**2 * (_spread(n, d, s_n, s_d, s_nd) - z**2 * never_negative)
    if a < 0 and discriminant <= 0:
        return RatioInterval("unbounded", -math.inf, math.inf)
    q = b + math.copysign(math.sqrt(max(discriminant, 0.0)), b)
    if a == 0:
        edge = shifted(c / (2 * b), back) if b else math.nan
        if b == 0:
            return RatioInterval("unbounded", -math.inf, math.inf)
        low, high = (edge, -math.inf) if b > 0 else (math.inf, edge)
        return RatioInterval("complement", low, high)
    small, large = sorted(shifted(root, back) for root in (q / a, c / q if q else 0.0))
    if (
        a > 0
    ):  # the denominator is away from zero: the parabola opens upwards, and its inside is the set
        return RatioInterval("bounded", small, large)
    return RatioInterval("complement", large, small)


def delta_ratio(
    numerator: float, denominator: float, var_n: float, var_d: float, cov: float = 0.0
) -> tuple[float, float]:
    """Ratio and its delta-method standard error; both missing where the denominator is 0.

    The error is missing, too, where it cannot be told from rounding: where the two move together exactly, or neither is uncertain.

    Examples
    --------
    >>> tuple(round(x, 3) for x in delta_ratio(60.0, 16.9, 18.0**2, 0.5**2))
    (3.55, 1.07)
    """
    if denominator == 0 or not math.isfinite(numerator / denominator):
        return math.nan, math.nan
    theta = numerator / denominator
    scaled = _scaled(numerator, denominator, var_n, var_d, cov)
    if scaled is None:
        return theta, math.nan
    n, d, s_n, s_d, s_nd, back = scaled
    variance, most = _spread(n, d, s_n, s_d, s_nd), (d * s_n) ** 2 + (n * s_d) ** 2
    if variance <= _CANCELLED * most or math.sqrt(variance) <= _RELATIVE_ZERO * abs(n * d):
        return theta, math.nan
    std_error = shifted(math.sqrt(variance) / abs(d) / abs(d), back)
    return theta, std_error if math.isfinite(std_error) else math.nan


def _scaled(
    numerator: float, denominator: float, var_n: float, var_d: float, cov: float
) -> tuple[float, float, float, float, float, int] | None:
    """Both numbers, their errors and covariance in units in which none is above 1, and the power of two that turns a ratio back.

    Squares of numbers beyond 1e154 or below 1e-154 are no floats; powers of two change no digit.
    """
    values = (numerator, denominator, var_n, var_d, cov)
    if not all(math.isfinite(v) for v in values) or min(var_n, var_d) < 0:
        return None
    s_n, s_d = math.sqrt(var_n), math.sqrt(var_d)
    up, down = power_of_two(numerator, s_n), power_of_two(denominator, s_d)
    s_nd = shifted(cov, -up - down)
    if math.isinf(s_nd):
        return None
    n, d = shifted(numerator, -up), shifted(denominator, -down)
    return n, d, shifted(s_n, -up), shifted(s_d, -down), s_nd, up - down


def _spread(n: float, d: float, s_n: float, s_d: float, s_nd: float) -> float:
    """Variance of `d x numerator - n x denominator`: `d^2 s_nn - 2 n d s_nd + n^2 s_dd`, as a sum of two terms that are not negative."""
    sign = math.copysign(1.0, n * d)
    return (d * s_n - sign * n * s_d) ** 2 + 2 * abs(n * d) * max(s_n * s_d - sign * s_nd, 0.0)


def ratio_interval(
    ratio: npt.ArrayLike, std_error: npt.ArrayLike, *, critical: float
) -> tuple[FloatArray, FloatArray]:
    """Interval of ratios that is symmetric on the scale of their logarithm, so that no end is below 0.

    Parameters
    ----------
    ratio, std_error : array_like, shape (k,)
        Ratios and their delta-method errors.
    critical : float
        Critical value; see `critical_value`.

    Returns
    -------
    tuple of array, shape (k,)
        `ratio x exp(-+ critical x std_error / ratio)`; missing where the ratio is not above 0 or its error is undefined.

    Notes
    -----
    The error of a logarithm is `std_error / ratio` (delta method). Of a ratio that is the exponential of a coefficient these are the exponentials of the
    coefficient's ends, as R prints them (`exp(confint(...))`).

    Examples
    --------
    >>> low, high = ratio_interval([0.5], [0.3], critical=1.96)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.154], [1.621])
    """
    r = np.atleast_1d(np.asarray(ratio, dtype=np.float64))
    se = np.atleast_1d(np.asarray(std_error, dtype=np.float64))
    told = (r > 0) & (se > 0) & np.isfinite(se)
    r, se = np.where(told, r, np.nan), np.where(told, se, np.nan)
    with np.errstate(over="ignore"):
        return r * np.exp(-critical * se / r), r * np.exp(critical * se / r)


_TIE = 1e-9  # statistics that differ by less, relatively, are the same
_FARTHEST = 4_096.0  # standard errors
_HALVINGS = 40


def share_beyond(statistics: FloatArray, found: float, *, complete: bool = False) -> float:
    """p-value of a statistic among those of draws or permutations: the share as far from 0, ties counted.

    Parameters
    ----------
    statistics : array, shape (draws,)
        Of the draws.
    found : float
    complete : bool
        Whether they are of every pattern there is, the one found among them. Where they are not, the one found is added.

    Returns
    -------
    float
        Missing where nothing was found.

    References
    ----------
    Davison and Hinkley (1997), section 4.2.5: with `(1 + number beyond) / (1 + draws)` the test keeps its level for any number of draws.

    Examples
    --------
    >>> share_beyond(np.array([0.1, -2.0, 3.0, 0.5]), 1.0)
    0.6
    """
    if not math.isfinite(found):
        return math.nan
    beyond = int((np.abs(statistics) >= abs(found) * (1 - _TIE)).sum())
    added = 0 if complete else 1
    return (added + beyond) / (added + len(statistics))


def interval_by_inversion(
    share: Callable[[float], float],
    estimate: float,
    std_error: float,
    *,
    conf_level: float = 0.95,
) -> tuple[float, float]:
    """Ends of the interval of the values that a test does not reject.

    Parameters
    ----------
    share : callable
        p-value of a tested value.
    estimate, std_error : float
        Where to begin, and how far to step.

    Returns
    -------
    tuple of float
        Missing on a side where no value up to 4,096 standard errors away is rejected.

    Examples
    --------
    >>> low, high = interval_by_inversion(lambda v: max(0.0, 1 - abs(v - 3) / 10), 3.0, 1.0)
    >>> round(low, 6), round(high, 6)
    (-6.5, 12.5)
    """
    level = 1 - conf_level
    if not (math.isfinite(estimate) and std_error > 0):
        return math.nan, math.nan
    ends = []
    for side in (-1.0, 1.0):
        inside, step = 0.0, 0.5
        while step <= _FARTHEST and share(estimate + side * step * std_error) > level:
            inside, step = step, 2 * step
        if step > _FARTHEST:
            ends.append(math.nan)
            continue
        outside = step
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            if share(estimate + side * middle * std_error) > level:
                inside = middle
            else:
                outside = middle
        ends.append(estimate + side * inside * std_error)
    return ends[0], ends[1]


def quantile_interval(draws: FloatArray, conf_level: float = 0.95) -> tuple[float, float]:
    """Ends of the interval that leaves out equal tails of the draws; missing where there are none.

    Examples
    --------
    >>> quantile_interval(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    if not len(draws):
        return math.nan, math.nan
    tail = (1 - conf_level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
