"""The joint test of balance: could chance alone have left all of these differences between the arms?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.inference import FloatArray, WaldTest, wald
from impact.design.chosen import IntArray, Weighting
from impact.design.propensity import BoolArray

_NO_SPREAD = 1e-18  # a variance this small, of standardised covariates, is rounding
_COMBINATION = 1e-9  # an eigenvalue of correlations this small is a combination of other covariates
_BY_CONSTRUCTION = 1e-8  # left of a variance once the estimation of the weights is counted

TESTS = {
    "hansen_bowers": "Hansen and Bowers 2008",
    "wald": "Wald test of the weighted differences",
}
"""Names of the joint tests, and how they are said."""


@dataclass(frozen=True, slots=True)
class JointTest:
    """A joint test of balance.

    Attributes
    ----------
    test : {"hansen_bowers", "wald"}
    statistic, df, p_value
        Chi-squared; missing (`df` 0) where there is nothing to test, or too few strata or firms to test it.
    n_clusters : int
        Strata within which joining is permuted, or clusters (groups of sets, or firms) whose sums make the variance.
    """

    test: str
    statistic: float
    df: int
    p_value: float
    n_clusters: int


def hansen_bowers(x: FloatArray, treated: BoolArray, strata: IntArray) -> JointTest:
    """Omnibus test of balance within strata.

    Parameters
    ----------
    x : array, shape (n, k)
        Covariates.
    treated : array of bool, shape (n,)
    strata : array of int, shape (n,)
        Matched set of each firm.

    Returns
    -------
    JointTest

    Notes
    -----
    With `d = sum over strata s of z_s' (x_s - mean x_s)`, which is proportional to the differences in means weighted by
    `m_s (n_s - m_s) / n_s` (half the harmonic mean of the numbers of the arms), the statistic is `d' V^- d`,

        V = sum_s m_s (n_s - m_s) / (n_s (n_s - 1)) sum_i (x_i - mean x_s)(x_i - mean x_s)',

    the covariance of d if within each stratum every choice of m_s participants was as likely (Hansen and Bowers
    2008; it is also the score test of a conditional logit). Its degrees of freedom are the rank of V. Without strata it is (n - 1) times the R2
    of a regression of participation on the covariates. Where the covariates could tell any arms apart (rank of V = n less the
    strata) it is a constant, and missing here.

    Examples
    --------
    >>> x = np.array([[1.0], [0.0], [2.0], [1.0], [3.0], [3.5]])
    >>> treated = np.array([True, False] * 3)
    >>> test = hansen_bowers(x, treated, np.array([1, 1, 2, 2, 3, 3]))
    >>> round(test.statistic, 6), test.df, test.n_clusters  # (1 + 1 - 0.5)^2 / (1 + 1 + 0.25)
    (1.0, 1, 3)
    """
    codes = pd.factorize(strata)[0]
    n = np.bincount(codes).astype(np.float64)
    m = np.bincount(codes, weights=treated)
    both = (m > 0) & (m < n)
    rest = _within(_standardised(x), codes, n)
    factor = np.divide(m * (n - m), n * (n - 1), out=np.zeros_like(n), where=both)
    covariance = (rest * factor[codes][:, None]).T @ rest
    score = rest[treated & both[codes]].sum(axis=0)
    found = _jointly_zero(score, covariance, free=int((n[both] - 1).sum()))
    return _said("hansen_bowers", found, int(both.sum()))


def clustered(
    x: FloatArray, treated: BoolArray, weights: FloatArray, clusters: IntArray
) -> JointTest:
    """Wald test of the weighted differences in means, where sets of firms are alike but for chance.

    Parameters
    ----------
    x : array, shape (n, k)
    treated : array of bool, shape (n,)
    weights : array, shape (n,)
    clusters : array of int, shape (n,)
        Group of matched sets that share a firm; sets of different groups share none.

    Returns
    -------
    JointTest

    Notes
    -----
    The difference is the sum of `u_c = sum_i in c of w_i x_i (z_i / W1 - (1 - z_i) / W0)` over the clusters, W1 and W0 the arms' sums of
    weights; its covariance is `sum_c u_c u_c'`. For pairs of which each firm is in one it equals `hansen_bowers`.

    Examples
    --------
    >>> x = np.array([[1.0], [0.0], [2.0], [1.0], [3.0], [3.5]])
    >>> treated = np.array([True, False] * 3)
    >>> round(clustered(x, treated, np.ones(6), np.array([1, 1, 2, 2, 3, 3])).statistic, 6)
    1.0
    """
    shares = _signed_shares(treated, weights)
    inside = weights > 0
    codes = pd.factorize(clusters[inside])[0]
    parts = _standardised(x)[inside] * shares[inside, None]
    sums = _sums(parts, codes)
    found = _jointly_zero(sums.sum(axis=0), sums.T @ sums, free=len(sums))
    return _said("wald", found, len(sums))


def shared_sets(
    x: FloatArray, treated: BoolArray, weights: FloatArray, sets: IntArray, units: IntArray
) -> JointTest:
    """Wald test of the weighted differences in means, where a firm may be in sets of several cohorts.

    Parameters
    ----------
    x : array, shape (n, k)
    treated : array of bool, shape (n,)
    weights : array, shape (n,)
        Positive; the arms of a set have the same shares of the weight of their arm.
    sets, units : array of int, shape (n,)
        Matched set and firm of each row.

    Returns
    -------
    JointTest

    Notes
    -----
    With `a_is` the share of firm i in the weight of its arm (negative for comparison firms) and `e_is` its distance from the mean of set s
    of n_s firms, the difference is the sum of `a_is e_is`. Its covariance is the sum of `a_is a_is e_is e_is' n_s / (n_s - 1)`, whose mean
    over the permutations within a set is that of `hansen_bowers` for these weights, and for a firm in the sets s and t twice
    `a_is a_it e_is e_it' n_s n_t / ((n_s - 1)(n_t - 1))`.

    Examples
    --------
    >>> x = np.array([[1.0], [0.0], [2.0], [1.0], [3.0], [3.5]])
    >>> treated = np.array([True, False] * 3)
    >>> test = shared_sets(x, treated, np.ones(6), np.array([1, 1, 2, 2, 3, 3]), np.arange(6))
    >>> round(test.statistic, 6)
    1.0
    """
    codes = pd.factorize(sets)[0]
    n = np.bincount(codes).astype(np.float64)
    parts = _within(_standardised(x), codes, n) * _signed_shares(treated, weights)[:, None]
    more = np.divide(n, n - 1, out=np.zeros_like(n), where=n > 1)[codes]
    by_firm = _sums(parts * more[:, None], pd.factorize(units)[0])
    own = parts * np.sqrt(more * (more - 1))[:, None]  # counted once too often in the sum by firm
    covariance = by_firm.T @ by_firm - own.T @ own
    found = _jointly_zero(parts.sum(axis=0), covariance, free=int((n - 1).sum()))
    return _said("wald", found, len(by_firm))


def weighted(
    x: FloatArray,
    treated: BoolArray,
    weights: FloatArray,
    units: IntArray,
    cohorts: IntArray,
    weighting: Sequence[Weighting] = (),
) -> JointTest:
    """Wald test of the weighted differences in means, from the influence of each firm.

    Parameters
    ----------
    x : array, shape (n, k)
    treated : array of bool, shape (n,)
    weights : array, shape (n,)
    units, cohorts : array of int, shape (n,)
        Firm and cohort of each row: a firm that is a candidate of several cohorts counts as one.
    weighting : sequence of Weighting
        How the weights depend on what was estimated.

    Returns
    -------
    JointTest
        Missing for weights that balance these means by construction (entropy balancing, the covariate balancing score, overlap
        weights of a logit): nothing is left to chance.

    Notes
    -----
    The influence of a firm is its weighted distance from its arm's mean (in a panel: within the cohort, the cohorts' shares of the
    weight taken as they are), over the arm's sum of weights, and what it adds through the estimated score. The estimation matters: an
    estimated score balances better than the true one.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0], [1.0], [2.0], [0.0]])
    >>> treated = np.array([True, True, False, False, False])
    >>> test = weighted(x, treated, np.ones(5), np.arange(5), np.zeros(5, dtype=np.int64))
    >>> round(test.statistic, 6)  # difference 1; variance 2/4 + 2/9
    1.384615
    """
    z = _standardised(x)
    shares = _signed_shares(treated, weights)
    centred = np.zeros_like(z)
    for arm in (treated, ~treated):
        sums = _sums(z[arm] * weights[arm, None], cohorts[arm], int(cohorts.max()) + 1)
        total = np.bincount(cohorts[arm], weights=weights[arm], minlength=len(sums))[:, None]
        means = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
        centred[arm] = z[arm] - means[cohorts[arm]]
    influence = centred * shares[:, None]
    fixed = _sums(influence, units)
    one_each = _signed_shares(treated, weights, each=True)
    for part in weighting:
        slope = part.gradient.T @ (centred * one_each[:, None])[part.rows]
        influence[part.rows] += part.influence @ slope / len(part.rows)
    sums = _sums(influence, units)
    found = _jointly_zero(shares @ z, sums.T @ sums, free=len(sums), plain=fixed.T @ fixed)
    return _said("wald", found, int((np.bincount(units, weights=weights) > 0).sum()))


def _standardised(x: FloatArray) -> FloatArray:
    """Covariates in standard deviations, so that what is rounding does not depend on their units."""
    spread = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0), dtype=np.float64)


def _within(x: FloatArray, codes: IntArray, n: FloatArray) -> FloatArray:
    """Distances from the mean of the set."""
    return np.asarray(x - (_sums(x, codes) / n[:, None])[codes], dtype=np.float64)


def _signed_shares(treated: BoolArray, weights: FloatArray, *, each: bool = False) -> FloatArray:
    """Weights over the sum of their arm, negative for comparison firms; with `each`, one over that sum."""
    top = np.ones_like(weights) if each else weights
    ins, outs = float(weights[treated].sum()), float(weights[~treated].sum())
    return np.where(treated, top / ins, -top / outs)


def _sums(values: FloatArray, codes: IntArray, size: int = 0) -> FloatArray:
    """Sums of the rows of each code."""
    columns = [np.bincount(codes, weights=v, minlength=size) for v in values.T]
    return np.column_stack(columns) if columns else np.zeros((size, 0))


def _jointly_zero(
    score: FloatArray, covariance: FloatArray, *, free: int, plain: FloatArray | None = None
) -> WaldTest:
    """Wald test over the directions that vary; missing where there are as many as `free` strata or firms.

    `plain` is the covariance without the estimation of the weights: what is next to nothing beside it is balanced by construction.
    """
    base = covariance if plain is None else plain
    varies = np.diag(base) > _NO_SPREAD * max(1.0, float(np.diag(base).max(initial=0.0)))
    if not varies.any():
        return wald([], [])
    scale = 1 / np.sqrt(np.diag(base)[varies])
    values, vectors = np.linalg.eigh(base[np.ix_(varies, varies)] * np.outer(scale, scale))
    own = values > _COMBINATION
    turn = vectors[:, own] / np.sqrt(values[own]) * scale[:, None]
    b = turn.T @ score[varies]
    v = turn.T @ covariance[np.ix_(varies, varies)] @ turn
    if plain is not None:
        values, vectors = np.linalg.eigh(v)
        left = values > _BY_CONSTRUCTION
        b, v = vectors[:, left].T @ b, np.diag(values[left])
    if len(b) >= free:
        return WaldTest(math.nan, 0, math.nan)
    return wald(b, v)


def _said(test: str, found: WaldTest, n_clusters: int) -> JointTest:
    return JointTest(test, found.statistic, found.df, found.p_value, n_clusters)


def joint_table(before: JointTest, after: JointTest) -> pd.DataFrame:
    """Rows `before` and `after` with the columns `test, statistic, df, p_value, n_clusters`."""
    rows = [
        (x.test, x.statistic, x.df if x.df else pd.NA, x.p_value, x.n_clusters)
        for x in (before, after)
    ]
    table = pd.DataFrame(
        rows,
        index=["before", "after"],
        columns=["test", "statistic", "df", "p_value", "n_clusters"],
    )
    return table.astype({"df": "Int64"})


def joint_sentence(table: pd.DataFrame, what: str = "matching") -> str:
    """One line on the joint test; nothing where it is defined neither before nor after `what`."""
    known = table[table["p_value"].notna()]
    said, names = [], known["test"].map(TESTS).tolist()
    for (when, row), name in zip(known.iterrows(), names, strict=True):
        p = "p < 0.001" if row["p_value"] < 0.001 else f"p = {row['p_value']:.3f}"
        of = f" ({name})" if len(set(names)) > 1 else ""
        said.append(f"{when} {what} chi2({row['df']}) = {row['statistic']:.1f}, {p}{of}")
    if not said:
        return ""
    which = f" ({names[0]})" if len(set(names)) == 1 else ""
    return f"Joint test of balance{which}: {'; '.join(said)}."


def joint_balance(
    frame: pd.DataFrame,
    columns: pd.DataFrame,
    before: FloatArray,
    *,
    kind: str,
    pairs: pd.DataFrame,
    weighting: Sequence[Weighting],
) -> pd.DataFrame:
    """The joint test before and after matching, by the kind of comparison.

    Parameters
    ----------
    frame : DataFrame
        Candidates: `unit`, `cohort`, `treated`, `weight`, `pair`.
    columns : DataFrame
        Covariates of the candidates.
    before : array, shape (n,)
        Weights of the candidates before matching.
    kind : {"pairs", "sets", "weights"}
    pairs : DataFrame
        `pair`, `treated`, `control`.
    weighting : sequence of Weighting

    Returns
    -------
    DataFrame
        See `joint_table`.
    """
    x = columns.to_numpy(dtype=np.float64)
    treated = frame["treated"].to_numpy(dtype=bool)
    units = pd.factorize(frame["unit"])[0]
    cohorts = np.maximum(pd.factorize(frame["cohort"], sort=True)[0], 0)
    weights = frame["weight"].to_numpy(dtype=np.float64)
    inside = weights > 0
    if _once(units):
        first = hansen_bowers(x, treated, cohorts)
    else:
        first = weighted(x, treated, before, units, cohorts)
    alone = _once(units[inside]) and not frame["pair"][inside].isna().any()
    if kind != "weights" and alone:
        sets = frame["pair"][inside].to_numpy(dtype=np.int64)
        after = hansen_bowers(x[inside], treated[inside], sets)
    elif kind == "pairs":
        after = clustered(x, treated, weights, _sharing(frame["unit"], units, pairs))
    elif kind == "sets":
        sets = frame["pair"][inside].to_numpy(dtype=np.int64)
        after = shared_sets(x[inside], treated[inside], weights[inside], sets, units[inside])
    else:
        after = weighted(x, treated, weights, units, cohorts, weighting)
    return joint_table(first, after)


def _once(units: IntArray) -> bool:
    return bool((np.bincount(units) <= 1).all())


def _sharing(names: pd.Series, units: IntArray, pairs: pd.DataFrame) -> IntArray:
    """Number of the group of matched sets to which each row's firm belongs; sets that share a firm are in one group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    labels = pd.Index(names.drop_duplicates())  # in the order of the codes
    ends = [labels.get_indexer(pd.Index(pairs[arm])) for arm in ("treated", "control")]
    links = coo_array((np.ones(len(pairs)), (ends[0], ends[1])), shape=(len(labels), len(labels)))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)[units]
