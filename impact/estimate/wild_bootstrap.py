"""The wild cluster bootstrap of a regression: p-values and intervals where clusters are few.

Nothing is estimated again in a draw. All that a draw changes are the signs of the clusters, and the statistic depends on them through sums over
each cluster, which are made once (MacKinnon 2023; Roodman, MacKinnon, Nielsen and Webb 2019, section 5): a draw costs a product of the signs with a
matrix of as many rows as there are clusters, and with it the whole test for any value of the coefficient is a few multiplications.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray, infer
from impact.core.panel import Panel, require_columns
from impact.core.tidy import estimate_table
from impact.engines.formula import parse
from impact.engines.one_thread import on_one_thread
from impact.estimate.effect import EffectResult
from impact.estimate.regress_collinear import without_collinear
from impact.estimate.regress_rows import Sample, complete_rows, sample_of
from impact.estimate.wild_effect import bootstrap_effect
from impact.estimate.wild_result import Asked, BootstrapResult
from impact.estimate.wild_sums import ClusterSums, Weights
from impact.estimate.zero_logarithms import zero_logarithm_refused
from impact.outcomes.zero_transforms import asked_transform

IntArray = npt.NDArray[np.int64]

_MOST_TERMS = 3_000  # columns that are written out


@on_one_thread
def wild_bootstrap(
    formula: str | EffectResult,
    data: pd.DataFrame | Panel | None = None,
    term: str | Sequence[str] | None = None,
    *,
    cluster: str | None = None,
    weights: str | None = None,
    value: float = 0.0,
    impose_null: bool = True,
    signs: Weights | None = None,
    draws: int = 9_999,
    conf_level: float | None = None,
    seed: int = 20160516,
) -> BootstrapResult:
    """Test effects, or a coefficient of a regression, with few clusters by the wild cluster bootstrap.

    Parameters
    ----------
    formula : str or EffectResult
        A result of `impact.att` or an average of it (`impact.wild_bootstrap(effect.aggregate("overall"))`), which brings its data and clusters; or
        a formula as for `impact.regress`: `"log_sales ~ grant | firm_id + year"`. Effects of which each level lies in one cluster are absorbed, others
        written out.
    data : DataFrame or Panel
        With a formula. Rows with a missing value are left out, and counted.
    term : str or sequence of str
        The coefficient; of an effect the rows that are tested, all where missing.
    cluster : str
        Column of the clusters, with a formula.
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
    conf_level : float, optional
        Level of the interval: the values that the same test does not reject. That of the effect, or 0.95.
    seed : int
        Seed of the draws.

    Returns
    -------
    BootstrapResult
        p-values are symmetric: the share of draws whose statistic is as far from 0 as the one found, this one counted among them.

    Raises
    ------
    EstimationError
        If the formula cannot be read, a term is collinear or unknown, there is one cluster, the result has no influence functions, or an option is none.
    DataError
        If a column is missing.

    Notes
    -----
    *Of an effect* there are two kinds, and `kind` of the result says which it is. `wild`: the numbers are coefficients of a least-squares regression,
    or differences of them, and its residuals are drawn from, under the tested value. That is so of `twfe`, `interaction_weighted` and
    `stacked`; without covariates of `two_by_two`; and, without covariates, with each firm seen in each year and weights that do not change, of
    `group_time`, `imputation` and `etwfe` (gaussian). Averages take the sizes of cohorts as given. `score`: what has influence functions only, as
    with covariates, Poisson or per cent. Their sums over clusters are drawn from (Kline and Santos 2012), each drawn statistic with its
    own error, where a change of the number under test is borne by clusters as it would be in a difference of two means.

    *Size.* How often a test at 5 % rejects where nothing is true, in per cent, with half of the clusters joining in one year / in two years, 2,000 draws
    each (`tests/estimate/test_wild_bootstrap_size.py`):

    ================================  ============  ============  ============
    kind, method                      8 clusters    12 clusters   20 clusters
    ================================  ============  ============  ============
    wild, group_time                  6.8 / 7.6     5.4 / 6.6     3.5 / 5.2
    wild, imputation                  6.4 / 7.4     5.1 / 5.1     4.5 / 4.6
    wild, twfe                        6.4 / 6.9     5.1 / 4.5     4.5 / 5.0
    score, group_time, a covariate    7.1 / 7.7     6.1 / 6.2     3.7 / 5.1
    score, etwfe, Poisson             6.4 / 7.6     5.8 / 5.6     5.0 / 5.4
    normal critical values            14 to 19      10 to 13      6 to 9
    ================================  ============  ============  ============

    With 20 clusters both kinds lie within 3.5 to 6.5, with 12 all but one do, and with 8 they reject a little too often; a note says so under 20. So does
    one where fewer than four clusters join or do not, of which no bootstrap can tell much (MacKinnon and Webb 2017).

    References
    ----------
    Cameron, Gelbach and Miller (2008); Webb (2023) for six-point weights; Roodman, MacKinnon, Nielsen and Webb (2019), "Fast and wild", Stata Journal
    19(1); Kline and Santos (2012), "A score based approach to wild bootstrap inference", Journal of Econometric Methods 1(1); MacKinnon and Webb (2017),
    "Wild bootstrap inference for wildly different cluster sizes", Journal of Applied Econometrics 32(2).

    Examples
    --------
    >>> rows = pd.DataFrame({"y": [1.0, 2, 2, 5, 7, 6, 2, 3, 8, 9], "x": [0, 0, 0, 1, 1, 1, 0, 0, 1, 1], "g": list("aabbccddee")})
    >>> found = wild_bootstrap("y ~ x", rows, "x", cluster="g", signs="rademacher").tidy()
    >>> found[["estimate", "p_value", "n_draws"]].round(4).values.tolist()
    [[5.0, 0.0625, 32.0]]

    Eight regions, of which four joined, one after the other two at a time:

    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> firms, _ = programme(firms=80, periods=6, cohorts=(3, 5), seed=1, effect="constant", size=1.0)
    >>> region = firms["firm"].rank(method="dense").astype(int) % 4 + 4 * firms["joined"].fillna(0)
    >>> panel = impact.panel(firms.assign(region=region), unit="firm", time="year", cohort="joined")
    >>> overall = impact.att(panel, "exports", method="group_time", cluster="region").aggregate("overall")
    >>> found = wild_bootstrap(overall)
    >>> found.kind, int(found.tidy()["n_draws"].iloc[0])
    ('wild', 4096)
    """
    asked = Asked(draws, signs, seed, impose_null, value)
    if isinstance(formula, EffectResult):
        given = {"data": data, "cluster": cluster, "weights": weights}
        named = [name for name, v in given.items() if v is not None]
        if named:
            raise EstimationError(
                f"An effect brings its data, clusters and weights: leave {', '.join(named)} out. For other clusters, name them in impact.att(..., cluster=...)."
            )
        return bootstrap_effect(formula, term, asked, conf_level)
    if data is None or not isinstance(term, str) or not isinstance(formula, str):
        raise EstimationError(
            "wild_bootstrap takes a result of impact.att, or a formula with data, term and cluster: impact.wild_bootstrap('y ~ d | firm', data, 'd', "
            "cluster='region')."
        )
    if not isinstance(cluster, str):
        raise EstimationError(
            f"cluster is {cluster!r}; name one column, the bootstrap draws one way."
        )
    own = data.weights if isinstance(data, Panel) and weights is None else weights
    sample, left_out = _sample(formula, data, cluster, own)
    sample, reasons = without_collinear(sample)
    if term in reasons:
        raise EstimationError(
            f"The term {term!r} cannot be tested: it {reasons[term]}, so that impact.regress leaves it out, too."
        )
    return _of_formula(
        sample, term, cluster, asked, 0.95 if conf_level is None else conf_level, left_out
    )


def _of_formula(
    sample: Sample, term: str, cluster: str, asked: Asked, conf_level: float, left_out: int
) -> BootstrapResult:
    sums = _sums(sample, term, cluster)
    plan = asked.plan(sums.n_clusters, conf_level)
    found = asked.test(sums, plan, conf_level)
    root = np.sqrt(sums.factor)
    table = infer(np.array([sums.estimate]), np.array([sums.std_error]), conf_level=conf_level)
    table["statistic"], table["p_value"] = found.statistic / root, found.p_value
    table["conf_low"], table["conf_high"] = found.conf_low, found.conf_high
    table.insert(0, "term", [term])
    table["n_obs"], table["n_clusters"], table["n_draws"] = len(sample), sums.n_clusters, plan.count
    notes = [*sample.notes, *found.notes]
    if left_out:
        what = "row" if left_out == 1 else "rows"
        notes.insert(0, f"{left_out:,} {what} without a value in the formula left out.")
    return BootstrapResult(
        estimate_table(table),
        found.statistics / root,
        f"wild cluster bootstrap by {cluster}, {plan.words}; standard error with G/(G-1) x (N-1)/(N-K)",
        tuple(notes),
    )


def _sample(
    formula: str, data: pd.DataFrame | Panel, cluster: str, weights: str | None
) -> tuple[Sample, int]:
    """The rows as `impact.regress` lays them out, and how many are left out."""
    frame = data.data if isinstance(data, Panel) else data
    parsed = parse(formula)
    if parsed.endogenous:
        raise EstimationError("The bootstrap is of least squares; instruments are not taken.")
    asked = asked_transform(parsed.outcome)
    if asked is not None and parsed.outcome not in frame:
        raise zero_logarithm_refused(asked, frame, data)
    columns = list(dict.fromkeys([*parsed.columns, cluster, *([weights] if weights else [])]))
    require_columns(frame, columns)
    rows = complete_rows(frame, columns)
    if rows is not None and not len(rows):
        raise EstimationError(
            f"No row has a value in each of {', '.join(columns)}. Check that these are the columns that were meant: a row is used where none of "
            "them is missing."
        )
    sample = sample_of(parsed, frame, data, rows, [cluster], weights, "gaussian")
    if sample.clusters[cluster].size < 2:
        raise EstimationError("There is one cluster; the bootstrap needs two at the least.")
    return sample, len(frame) - len(sample)


def _sums(sample: Sample, term: str, cluster: str) -> ClusterSums:
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
) -> ClusterSums:
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
    return ClusterSums(
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
