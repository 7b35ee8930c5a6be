"""The joint test of balance: against R, against the permutations it stands for, and its size."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import impact
from impact.core.inference import wald
from impact.design.joint_balance import (
    clustered,
    hansen_bowers,
    joint_sentence,
    shared_sets,
    weighted,
)

REFERENCE = Path(__file__).parent.parent / "reference" / "joint_balance"


def expected() -> dict[str, tuple[float, int]]:
    rows = [line.rsplit(maxsplit=2) for line in (REFERENCE / "output.txt").read_text().splitlines()]
    return {r[0].strip(): (float(r[1]), int(r[2])) for r in rows if not r[0].startswith("survival")}


@pytest.fixture(scope="module")
def plants() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "plants.csv")


# ---- someone else's numbers --------------------------------------------------------------------


@pytest.mark.parametrize("formula", list(expected()))
def test_it_is_the_score_test_of_a_conditional_logit(formula: str, plants: pd.DataFrame) -> None:
    *names, last = formula.split(" + ")
    strata = last.removeprefix("strata(").removesuffix(")") if "strata" in last else None
    names = names if strata else [*names, last]
    rows = plants if strata is None else plants[plants[strata].notna()]
    sets = np.ones(len(rows)) if strata is None else rows[strata].to_numpy()
    got = hansen_bowers(rows[names].to_numpy(float), rows["pr"].to_numpy() == 1, sets)
    statistic, df = expected()[formula]
    assert got.statistic == pytest.approx(statistic, abs=1e-10)
    assert got.df == df


def test_it_is_what_ritools_prints(plants: pd.DataFrame) -> None:
    x, treated = plants[["cap", "t2"]].to_numpy(float), plants["pr"].to_numpy() == 1
    plain = hansen_bowers(x, treated, np.ones(len(x)))
    assert (round(plain.statistic, 2), plain.df, round(plain.p_value, 3)) == (2.71, 2, 0.258)
    inside = plants["pm"].notna().to_numpy()
    pairs = hansen_bowers(x[inside], treated[inside], plants["pm"].to_numpy()[inside])
    assert (round(pairs.statistic, 2), pairs.df, round(pairs.p_value, 4)) == (6.73, 2, 0.0345)
    assert pairs.n_clusters == 7


# ---- slow twins --------------------------------------------------------------------------------


def test_the_covariance_is_that_of_all_permutations_within_strata() -> None:
    rng = np.random.default_rng(2)
    strata = np.repeat([1, 2, 3, 4], [2, 3, 4, 3])
    treated = np.array([1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0], dtype=bool)
    x = rng.normal(size=(12, 2)) * [1.0, 1000.0]
    parts = []
    for s in np.unique(strata):
        rows = np.flatnonzero(strata == s)
        m = int(treated[rows].sum())
        parts.append([x[list(chosen)].sum(axis=0) for chosen in combinations(rows, m)])
    scores = np.array([np.sum(one, axis=0) for one in product(*parts)])
    mean, covariance = scores.mean(axis=0), np.cov(scores.T, bias=True)
    want = wald(x[treated].sum(axis=0) - mean, covariance)
    got = hansen_bowers(x, treated, strata)
    assert got.statistic == pytest.approx(want.statistic, rel=1e-10)
    assert got.df == want.df == 2


def test_the_p_value_is_near_that_of_permutations() -> None:
    rng = np.random.default_rng(5)
    x = rng.exponential(size=(120, 3))
    strata = np.repeat(np.arange(40), 3)
    treated = np.tile([True, False, False], 40)
    x[treated] += 0.15
    got = hansen_bowers(x, treated, strata)
    draws = []
    for _ in range(1000):
        chosen = np.zeros(120, dtype=bool)
        chosen[np.arange(40) * 3 + rng.integers(0, 3, 40)] = True
        draws.append(hansen_bowers(x, chosen, strata).statistic)
    assert got.p_value == pytest.approx(np.mean(np.array(draws) >= got.statistic), abs=0.04)
    assert 0.01 < got.p_value < 0.6


def test_without_strata_it_is_the_r2_of_a_regression_of_participation() -> None:
    rng = np.random.default_rng(3)
    x, treated = rng.normal(size=(50, 3)), rng.random(50) < 0.4
    r2 = sm.OLS(treated.astype(float), sm.add_constant(x)).fit().rsquared
    got = hansen_bowers(x, treated, np.ones(50, dtype=int))
    assert got.statistic == pytest.approx(49 * r2, rel=1e-10)


def test_pairs_without_reuse_give_one_statistic_either_way() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 2))
    treated, pair = np.tile([True, False], 30), np.repeat(np.arange(30), 2)
    one, other = hansen_bowers(x, treated, pair), clustered(x, treated, np.ones(60), pair)
    assert one.statistic == pytest.approx(other.statistic, rel=1e-10)
    assert (one.df, one.n_clusters) == (other.df, other.n_clusters)


def test_weighted_differences_against_a_loop() -> None:
    rng = np.random.default_rng(6)
    x, w = rng.normal(size=(40, 2)), rng.uniform(0.2, 3, 40)
    treated = np.arange(40) % 3 == 0
    covariance, means = np.zeros((2, 2)), []
    for arm in (treated, ~treated):
        mean = np.average(x[arm], axis=0, weights=w[arm])
        means.append(mean)
        for i in np.flatnonzero(arm):
            u = w[i] * (x[i] - mean) / w[arm].sum()
            covariance += np.outer(u, u)
    want = wald(means[0] - means[1], covariance)
    got = weighted(x, treated, w, np.arange(40), np.zeros(40, dtype=int))
    assert got.statistic == pytest.approx(want.statistic, rel=1e-10)


def test_sets_of_which_each_firm_is_in_one_have_the_variance_of_permutations() -> None:
    """With the weights of the ATT the mean of the covariance over permutations is that of the difference."""
    rng = np.random.default_rng(8)
    sets = np.repeat([1, 2, 3], [2, 4, 3])
    m = {1: 1, 2: 2, 3: 1}
    x = rng.normal(size=(9, 1))
    differences, ratios = [], []
    choices = [list(combinations(np.flatnonzero(sets == s), k)) for s, k in m.items()]
    for chosen in product(*choices):
        treated = np.zeros(9, dtype=bool)
        treated[np.concatenate(chosen)] = True
        weights = np.array(
            [
                1.0 if t else m[s] / (np.sum(sets == s) - m[s])
                for t, s in zip(treated, sets, strict=True)
            ]
        )
        apart = weights[treated] @ x[treated, 0] / 4 - weights[~treated] @ x[~treated, 0] / 4
        differences.append(apart)
        test = shared_sets(x, treated, weights, sets, np.arange(9))
        ratios.append(apart**2 / test.statistic)  # the variance
    assert np.mean(differences) == pytest.approx(0, abs=1e-12)
    assert np.mean(ratios) == pytest.approx(np.var(differences), rel=1e-9)


# ---- invariances -------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_units_order_and_repeated_covariates_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 2))
    treated, strata = np.tile([True, False, False, True], 10), np.repeat(np.arange(10), 4)
    want = hansen_bowers(x, treated, strata)
    order = rng.permutation(40)
    other = np.column_stack([1e6 * x[:, 0] + 5, x[:, 1] - x[:, 0], x.sum(axis=1), np.ones(40)])
    got = hansen_bowers(other[order], treated[order], strata[order])
    assert got.statistic == pytest.approx(want.statistic, rel=1e-6)
    assert got.df == want.df == 2


# ---- where there is nothing to test ------------------------------------------------------------


def test_as_many_covariates_as_pairs_is_missing() -> None:
    x = np.random.default_rng(1).normal(size=(6, 4))
    treated, pair = np.tile([True, False], 3), np.repeat([1, 2, 3], 2)
    for got in (hansen_bowers(x, treated, pair), clustered(x, treated, np.ones(6), pair)):
        assert np.isnan(got.statistic)
        assert np.isnan(got.p_value)
    assert hansen_bowers(x[:, :2], treated, pair).df == 2


def test_identical_pairs_leave_nothing_to_test() -> None:
    x = np.repeat(np.random.default_rng(1).normal(size=(10, 2)), 2, axis=0)
    got = hansen_bowers(x, np.tile([True, False], 10), np.repeat(np.arange(10), 2))
    assert np.isnan(got.p_value)


def firms(n: int, seed: int, slope: float = 0.7) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 2)), columns=["size", "age"])
    joined = rng.random(n) < special.expit(-0.8 + slope * frame["size"])
    return frame.assign(joined=joined.astype(int), sector=rng.integers(0, 3, n).astype(str))


ON = ["size", "age"]


@pytest.mark.parametrize(
    ("method", "options"),
    [("entropy", {}), ("cbps", {}), ("ipw", {"estimand": "ATO"})],
)
def test_weights_that_balance_by_construction_are_not_tested(
    method: str, options: dict[str, str]
) -> None:
    data = firms(300, 1)
    table = impact.match(data, treatment="joined", on=ON, method=method, **options).joint_balance()
    assert table["df"].isna().tolist() == [False, True]
    assert np.isnan(table.loc["after", "p_value"])
    assert "after matching" not in joint_sentence(table)


@pytest.mark.parametrize("method", ["entropy", "cbps", "exact"])
def test_nor_are_they_in_a_panel(method: str) -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(200), 5),
            "year": np.tile(np.arange(1, 6), 200),
            "joined": np.repeat(rng.choice([3.0, 4.0, np.nan, np.nan], 200), 5),
            "size": rng.normal(size=1000),
            "age": rng.normal(size=1000),
            "sector": np.repeat(rng.choice(list("ab"), 200), 5),
        }
    )
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    asked = {"exact": ["sector"]} if method == "exact" else {"on": ON}
    table = impact.match(panel, method=method, **asked).joint_balance()
    assert table["p_value"].isna().tolist() == [False, True]


# ---- the verb ----------------------------------------------------------------------------------


def test_pairs_are_strata_and_exact_columns_count() -> None:
    data = firms(200, 3)
    matched = impact.match(data, treatment="joined", on=ON, exact=["sector"], caliper=0.3)
    table = matched.joint_balance()
    assert table["test"].tolist() == ["hansen_bowers"] * 2
    assert table["df"].tolist() == [4, 2]  # within pairs the sector does not vary
    inside = matched.candidates["weight"] > 0
    chosen = matched.candidates[inside]
    want = hansen_bowers(
        chosen[ON].to_numpy(), chosen["treated"].to_numpy(), chosen["pair"].to_numpy(int)
    )
    assert table.loc["after", "statistic"] == pytest.approx(want.statistic)
    assert table.loc["after", "n_clusters"] == len(matched.pairs)
    before = impact.match(data, treatment="joined", on=ON).joint_balance().loc["before"]
    assert before["p_value"] < 0.01
    text = matched.summary()
    assert "Joint test of balance (Hansen and Bowers 2008): before matching chi2(4)" in text
    assert f"after matching chi2(2) = {table.loc['after', 'statistic']:.1f}" in text


def test_sets_that_share_a_control_are_one_cluster() -> None:
    data = firms(120, 4)
    matched = impact.match(data, treatment="joined", on=ON, replace=True)
    row = matched.joint_balance().loc["after"]
    assert row["test"] == "wald"
    assert row["n_clusters"] == matched.pairs["control"].nunique()
    two = impact.match(data, treatment="joined", on=ON, replace=True, ratio=2)
    group = {u: {u} for u in set(two.pairs["treated"]) | set(two.pairs["control"])}
    for t, c in zip(two.pairs["treated"], two.pairs["control"], strict=True):
        merged = group[t] | group[c]
        for unit in merged:
            group[unit] = merged
    assert two.joint_balance().loc["after", "n_clusters"] == len({id(g) for g in group.values()})


def test_a_firm_offered_to_several_cohorts_is_one_firm() -> None:
    rng = np.random.default_rng(7)
    joined = np.repeat([3.0, 4.0, np.nan, np.nan, np.nan], 20)
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(100), 5),
            "year": np.tile(np.arange(1, 6), 100),
            "joined": np.repeat(joined, 5),
            "size": np.repeat(rng.normal(size=100), 5),
        }
    )
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    table = impact.match(panel, on=["size"]).joint_balance()
    assert table["test"].tolist() == ["wald", "hansen_bowers"]
    assert table["n_clusters"].tolist() == [100, 40]


# ---- size --------------------------------------------------------------------------------------


def rejections(p: list[float]) -> float:
    return float(np.mean(np.array(p) < 0.05))


def test_size_where_the_score_was_estimated() -> None:
    """Counting the estimation gives the level; weights taken as known would hardly ever reject."""
    right, wrong = [], []
    for seed in range(250):
        matched = impact.match(
            firms(400, seed, slope=0.5), treatment="joined", on=ON, method="ipw", estimand="ATE"
        )
        right.append(matched.joint_balance().loc["after", "p_value"])
        frame = matched.candidates
        args = [frame[c].to_numpy() for c in ("treated", "weight", "unit")]
        fixed = weighted(frame[ON].to_numpy(), *args, np.zeros(len(frame), dtype=int))
        wrong.append(fixed.p_value)
    assert 0.01 < rejections(right) < 0.12
    assert rejections(wrong) < 0.005


def test_size_with_controls_that_serve_often() -> None:
    """Groups of sets that share a control give the level; pairs taken as independent reject too often."""
    rng = np.random.default_rng(9)
    right, wrong = [], []
    for _ in range(400):
        uses = rng.integers(1, 6, 80)
        star = np.concatenate([np.arange(80), np.repeat(np.arange(80), uses)])
        treated = np.arange(len(star)) >= 80
        x = rng.normal(size=(len(star), 2)) + rng.normal(size=(80, 2))[star]
        weights = np.where(treated, 1.0, 0.0)
        weights[:80] = uses
        right.append(clustered(x, treated, weights, star).p_value)
        difference = x[treated] - x[:80][star[treated]]
        mean = difference.mean(axis=0)
        wrong.append(wald(mean, difference.T @ difference / len(difference) ** 2).p_value)
    assert 0.02 < rejections(right) < 0.09
    assert rejections(wrong) > 0.15


def test_size_where_cohorts_share_their_controls() -> None:
    rng = np.random.default_rng(11)
    right, wrong = [], []
    for _ in range(400):
        size = rng.normal(size=(160, 2))
        group = np.repeat([0, 1, 2, 3], 40)  # the last never joins
        rows = [np.flatnonzero((group == g) | (group == 3)) for g in range(3)]
        units = np.concatenate(rows)
        cohorts = np.repeat([0, 1, 2], 80)
        treated = group[units] < 3
        x, w = size[units], np.ones(240)
        right.append(weighted(x, treated, w, units, cohorts).p_value)
        wrong.append(weighted(x, treated, w, np.arange(240), cohorts).p_value)
    assert 0.02 < rejections(right) < 0.09
    assert rejections(wrong) > 0.12


def test_size_where_sets_of_several_cohorts_share_firms() -> None:
    """Sets taken as independent reject too often."""
    rng = np.random.default_rng(12)
    right, wrong = [], []
    for _ in range(400):
        place = rng.normal(
            size=(30, 1)
        )  # each cohort has two participants and the same two controls
        units = np.concatenate([np.arange(120), np.tile(np.arange(120, 180), 2)])
        sets = np.concatenate([np.repeat(np.arange(60), 2), np.repeat(np.arange(60), 2)])
        treated = np.arange(240) < 120
        x = rng.normal(size=(180, 2))[units] + place[sets % 30]
        w = np.ones(240)
        right.append(shared_sets(x, treated, w, sets, units).p_value)
        wrong.append(hansen_bowers(x, treated, sets).p_value)
    assert 0.02 < rejections(right) < 0.09
    assert rejections(wrong) > 0.09
