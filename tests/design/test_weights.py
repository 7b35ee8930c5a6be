"""Weighting methods: inverse probability, entropy balancing, balancing score; each against a plain twin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import impact
from impact.core.errors import DataError, DesignError
from impact.core.inference import FloatArray
from impact.design.entropy import balance_to_zero
from impact.design.ipw import crump_limit
from impact.design.match import MatchResult

ON = ["size", "age", "urban"]


def firms(n: int = 200, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.lognormal(3, 1, n),
            "age": rng.normal(12, 4, n),
            "urban": rng.integers(0, 2, n),
        },
        index=[f"f{i:04d}" for i in range(n)],
    )
    line = -1.2 + 0.01 * frame["size"] + 0.05 * frame["age"] - 0.4 * frame["urban"]
    frame["joined"] = (rng.random(n) < 1 / (1 + np.exp(-line))).astype(int)
    return frame


def matched(frame: pd.DataFrame | None = None, **words: object) -> MatchResult:
    frame = firms() if frame is None else frame
    return impact.match(frame, treatment="joined", **{"on": ON, **words})  # type: ignore[arg-type]


# Inverse probability


def test_ipw_weighs_by_the_score_of_statsmodels() -> None:
    frame = firms()
    fit = sm.Logit(frame["joined"], sm.add_constant(frame[ON])).fit(disp=0, tol=1e-12, maxiter=100)
    e, d = fit.predict(), frame["joined"] == 1
    want = {
        "ATT": np.where(d, 1, e / (1 - e)),
        "ATE": np.where(d, 1 / e, 1 / (1 - e)),
        "ATO": np.where(d, 1 - e, e),
    }
    for estimand, weights in want.items():
        got = matched(method="ipw", estimand=estimand)
        np.testing.assert_allclose(got.weights, weights, rtol=1e-9)
        np.testing.assert_allclose(got.distance, e, rtol=1e-9)


def test_overlap_weights_balance_the_means_of_a_logit_exactly() -> None:
    table = matched(method="ipw", estimand="ATO").balance().set_index("covariate")
    np.testing.assert_allclose(table.loc[ON, "smd_after"], 0, atol=1e-9)


def test_stabilized_weights_have_a_mean_near_one_and_the_same_balance() -> None:
    for estimand in ("ATT", "ATE"):
        plain = matched(method="ipw", estimand=estimand)
        stable = matched(method="ipw", estimand=estimand, stabilized=True)
        pd.testing.assert_frame_equal(plain.balance(), stable.balance(), rtol=1e-10)
        d = firms()["joined"] == 1
        assert stable.weights[~d].mean() == pytest.approx(1, abs=0.05)
    d = firms()["joined"] == 1
    e = matched(method="ipw").distance
    ratio = (matched(method="ipw", stabilized=True).weights / matched(method="ipw").weights)[~d]
    np.testing.assert_allclose(ratio, (1 - d.mean()) / d.mean())
    assert e.between(0, 1).all()


def test_trimmed_firms_have_no_weight_and_are_counted() -> None:
    got = matched(method="ipw", trim=(0.2, 0.6))
    outside = ~got.distance.between(0.2, 0.6)
    assert outside.sum() > 5
    assert (got.weights[outside] == 0).all() and (got.weights[~outside] > 0).all()
    d = firms()["joined"] == 1
    said = f"{(outside & d).sum()} participants and {(outside & ~d).sum()} comparison firms were trimmed"
    assert said in " ".join(got.notes)
    assert matched(method="ipw", trim=0.2).weights.equals(
        matched(method="ipw", trim=(0.2, 0.8)).weights
    )


@given(st.lists(st.floats(0.001, 0.999), min_size=2, max_size=40))
def test_the_limit_of_crump_solves_its_equation(scores: list[float]) -> None:
    e = np.array(scores)
    a, k = crump_limit(e), 1 / (e * (1 - e))
    if a == 0:
        assert k.max() <= 2 * k.mean() * (1 + 1e-12)
        return
    gamma = 1 / (a * (1 - a))
    assert gamma == pytest.approx(2 * k[k <= gamma * (1 + 1e-12)].mean(), rel=1e-9)
    assert k.max() > gamma * (1 - 1e-9)


def test_a_score_from_elsewhere_must_be_a_probability() -> None:
    frame = firms().assign(score=0.3)
    assert matched(frame, method="ipw", distance="score").weighting == ()
    frame.loc["f0007", "score"] = 1.0
    with pytest.raises(
        DesignError, match=r"'score' must be a probability .* 1 firm has .* 'f0007'"
    ):
        matched(frame, method="ipw", distance="score")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"method": "ipw", "trim": (0.9, 0.1)}, "the lower one first"),
        ({"method": "ipw", "trim": "much"}, "'crump'"),
        ({"method": "ipw", "trim": 0.499}, "widen `trim`"),
        ({"method": "ipw", "distance": "mahalanobis"}, "weights need a probability"),
        ({"method": "ipw", "estimand": "ATO", "stabilized": True}, "Overlap weights"),
        ({"method": "ipw", "stabilized": "yes"}, "True or False"),
        ({"method": "ipw", "caliper": 0.2}, "does not use caliper"),
        ({"method": "ipw", "exact": ["urban"]}, "does not use exact"),
        ({"method": "ipw", "moments": 2}, "does not use moments"),
        ({"method": "entropy", "moments": 4}, "choose from 1, 2, 3"),
        ({"method": "entropy", "estimand": "ATO"}, "'ATO' was asked for"),
        ({"method": "entropy", "ratio": 2}, "does not use ratio"),
        ({"method": "cbps", "distance": "probit"}, "does not use distance"),
        ({"method": "nearest", "estimand": "ATE"}, "'ATE' was asked for"),
    ],
)
def test_refusals(words: dict[str, object], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        matched(**words)


# Entropy balancing


def primal(c: FloatArray, q: FloatArray) -> FloatArray:
    """Least sum of w log(w / q) with w >= 0, sum 1, w c = 0: the primal problem, by a general optimiser."""
    found = optimize.minimize(
        lambda w: float((w * np.log(w / q)).sum()),
        np.full(len(q), 1 / len(q)),
        jac=lambda w: np.log(w / q) + 1,
        bounds=[(1e-12, 1)] * len(q),
        constraints=[{"type": "eq", "fun": lambda w: np.append(w @ c, w.sum() - 1)}],
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    return np.asarray(found.x)


def test_entropy_weights_solve_the_primal_problem() -> None:
    rng = np.random.default_rng(4)
    c, q = rng.normal(size=(25, 2)) + 0.3, rng.uniform(0.5, 2, 25)
    got, _ = balance_to_zero(c, q)
    np.testing.assert_allclose(got, primal(c, q / q.sum()), atol=1e-6)
    np.testing.assert_allclose(got @ c, 0, atol=1e-12)


@pytest.mark.parametrize("moments", [1, 2, 3])
def test_entropy_balances_the_moments_it_was_asked_for(moments: int) -> None:
    frame = firms(400).assign(size=lambda f: np.log(f["size"]))
    got = matched(frame, method="entropy", moments=moments)
    d = frame["joined"] == 1
    w = got.weights
    assert w[~d].sum() == pytest.approx(d.sum(), rel=1e-12) and (w[d] == 1).all()
    for column in ON:
        x = frame[column].astype(float)
        for power in range(1, moments + 1):
            raised = (x / x.std()) ** power
            assert np.average(raised[~d], weights=w[~d]) == pytest.approx(
                raised[d].mean(), rel=1e-9
            )
    if moments == 1:
        x = frame["size"]
        assert abs(np.average(x[~d] ** 2, weights=w[~d]) / (x[d] ** 2).mean() - 1) > 0.01


def test_entropy_for_all_firms_balances_both_arms_to_all() -> None:
    frame = firms(400)
    got, d = matched(frame, method="entropy", estimand="ATE"), frame["joined"] == 1
    for arm in (d, ~d):
        for column in ON:
            mean = np.average(frame[column][arm], weights=got.weights[arm])
            assert mean == pytest.approx(frame[column].mean(), rel=1e-10)
        assert got.weights[arm].sum() == pytest.approx(len(frame), rel=1e-12)


def test_base_weights_stay_where_the_firms_are_balanced_already() -> None:
    frame = pd.DataFrame(
        {"x": [0.0, 1, 0, 1, 0, 1], "joined": [1, 1, 0, 0, 0, 0], "q": [1.0, 1, 3, 3, 1, 1]}
    )
    got = impact.match(frame, treatment="joined", on=["x"], method="entropy", base_weights="q")
    assert got.weights.tolist() == pytest.approx([1, 1, 0.75, 0.75, 0.25, 0.25])
    with pytest.raises(DesignError, match="must be positive"):
        impact.match(
            frame.assign(q=0.0), treatment="joined", on=["x"], method="entropy", base_weights="q"
        )
    with pytest.raises(DataError, match="base"):
        impact.match(frame, treatment="joined", on=["x"], method="entropy", base_weights="base")


def test_a_target_out_of_reach_is_named() -> None:
    frame = pd.DataFrame(
        {"x": [5.0, 6, 1, 2, 3], "z": [0.0, 1, 0, 1, 0.5], "joined": [1, 1, 0, 0, 0]}
    )
    with pytest.raises(DesignError, match=r"mean of x lies outside the range"):
        impact.match(frame, treatment="joined", on=["z", "x"], method="entropy")
    # Each mean lies inside the range, and no weights reach both: x + z is 1 for every comparison firm.
    frame = pd.DataFrame(
        {"x": [0.5, 0.7, 0, 1, 0.5], "z": [0.2, 0.0, 1, 0, 0.5], "joined": [1, 1, 0, 0, 0]}
    )
    with pytest.raises(DesignError, match="can reach together"):
        impact.match(frame, treatment="joined", on=["x", "z"], method="entropy")
    with pytest.raises(DesignError, match="No score balances"):
        impact.match(frame, treatment="joined", on=["x", "z"], method="cbps")


# The balancing score


def test_cbps_balances_and_equals_entropy_for_participants() -> None:
    frame = firms(400)
    got, d = matched(frame, method="cbps"), frame["joined"] == 1
    table = got.balance().set_index("covariate")
    np.testing.assert_allclose(table.loc[ON, "smd_after"], 0, atol=1e-10)
    entropy = matched(frame, method="entropy").weights
    share, other = got.weights[~d] / got.weights[~d].sum(), entropy[~d] / entropy[~d].sum()
    np.testing.assert_allclose(share, other, rtol=1e-8)
    assert got.weights[~d].sum() == pytest.approx(d.sum(), rel=1e-9)


def test_cbps_for_all_firms_solves_its_conditions() -> None:
    frame = firms(300)
    got, d = matched(frame, method="cbps", estimand="ATE"), frame["joined"] == 1
    e = got.distance
    moment = d / e - (1 - d) / (1 - e)
    for column in ON:
        z = (frame[column] - frame[column].mean()) / frame[column].std()
        assert (moment * z).mean() == pytest.approx(0, abs=1e-10)
    assert moment.mean() == pytest.approx(0, abs=1e-10)
    model = got.score_model
    assert model is not None
    line = model["estimate"].iloc[0] + frame[ON].to_numpy() @ model["estimate"].iloc[1:].to_numpy()
    np.testing.assert_allclose(e, 1 / (1 + np.exp(-line)), rtol=1e-9)


# All of them

METHODS = [
    {"method": "ipw"}, {"method": "ipw", "estimand": "ATE"}, {"method": "entropy"}, {"method": "entropy", "moments": 2},
    {"method": "entropy", "estimand": "ATE"}, {"method": "cbps"}, {"method": "cbps", "estimand": "ATE"},
]  # fmt: skip


@pytest.mark.parametrize("words", METHODS, ids=str)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
def test_rows_and_units_do_not_matter(words: dict[str, object], seed: int, scale: float) -> None:
    frame = firms(150)
    other = frame.assign(size=frame["size"] * scale + 5).sample(frac=1, random_state=seed)
    here, there = matched(frame, **words).weights, matched(other, **words).weights
    np.testing.assert_allclose(there[here.index], here, rtol=1e-7)


@pytest.mark.parametrize("words", METHODS, ids=str)
def test_what_cannot_count_is_said(words: dict[str, object]) -> None:
    frame = firms(200).assign(twin=lambda f: 2 * f["size"], same=1.0)
    got = matched(frame, on=[*ON, "twin", "same"], **words)
    np.testing.assert_allclose(got.weights, matched(frame, **words).weights, rtol=1e-9)
    said = " ".join(got.notes)
    assert "'twin' is a combination" in said and "'same' is constant" in said
    with pytest.raises(DesignError, match="No covariate varies"):
        matched(frame, on=["same"], **words)


def test_separation_is_said() -> None:
    frame = firms(60).assign(age=lambda f: f["joined"] * 10.0 + np.arange(60) / 100)
    with pytest.raises(DesignError, match=r"cannot be estimated.*age"):
        matched(frame, method="ipw")


def test_one_firm_that_carries_the_comparison_is_named() -> None:
    rng = np.random.default_rng(0)
    x = np.append(rng.normal(2.5, 0.3, 20), np.append(rng.normal(0, 0.5, 59), 2.6))
    frame = pd.DataFrame(
        {"x": x, "joined": [1] * 20 + [0] * 60}, index=[f"f{i:02d}" for i in range(80)]
    )
    said = " ".join(impact.match(frame, treatment="joined", on=["x"], method="entropy").notes)
    assert "'f79', carries" in said


def test_each_cohort_of_a_panel_is_weighted_by_itself() -> None:
    rng = np.random.default_rng(3)
    unit = pd.DataFrame(
        {
            "firm": range(120),
            "x": rng.normal(size=120),
            "joined": [2.0] * 20 + [3.0] * 20 + [np.nan] * 80,
        }
    )
    rows = unit.merge(pd.DataFrame({"year": range(1, 5)}), how="cross")
    rows["x"] += 0.3 * rows["year"] * rng.normal(size=len(rows))
    data = impact.panel(rows, unit="firm", time="year", cohort="joined")
    for method in ("ipw", "entropy", "cbps"):
        got = impact.match(data, on=["x"], method=method)
        assert got.kind == "weights" and got.pairs.empty and len(got.weighting) == 2
        for g in (2, 3):
            at_base = rows[
                (rows["year"] == g - 1) & (rows["joined"].isna() | (rows["joined"] == g))
            ].set_index("firm")
            alone = impact.match(
                at_base.assign(d=at_base["joined"].notna().astype(int)),
                treatment="d",
                on=["x"],
                method=method,
            )
            own = got.candidates[got.candidates["cohort"] == g].set_index("unit")["weight"]
            np.testing.assert_allclose(own, alone.weights[own.index], rtol=1e-9)
        sentence = got.methods_sentence()
        assert "40 of 40 participants" in sentence and "80 firms that never joined" in sentence
        assert "nearest neighbour" not in sentence and "caliper" not in sentence
