"""Effects on matched sets: strata with fixed borders are a saturated score, small sets are clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import impact
from impact.core.errors import EstimationError
from impact.estimate.arms import arms_of


def firms(n: int = 300, seed: int = 1, levels: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "s": rng.integers(0, levels, n)})
    k = frame["s"] % 4
    frame["joined"] = (rng.random(n) < 1 / (1 + np.exp(1 - frame["x"] - 0.3 * k))).astype(int)
    frame["y"] = frame["x"] + k + frame["joined"] * (1 + 0.4 * k) + rng.normal(size=n)
    return frame


def att(matched: impact.MatchResult, method: str = "difference", **words: object) -> pd.Series:
    return impact.att(matched, "y", method=method, **words).tidy().iloc[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize("method", ["difference", "g_computation"])
def test_exact_strata_are_weights_of_a_saturated_score(method: str, estimand: str) -> None:
    frame = firms()
    dummies = pd.get_dummies(frame["s"], prefix="s", dtype=float).iloc[:, 1:]
    whole = frame.join(dummies)
    words = {} if method == "difference" else {"covariates": ["x"]}
    exact = att(
        impact.match(whole, treatment="joined", exact=["s"], method="exact", estimand=estimand),
        method,
        **words,
    )
    score = att(
        impact.match(whole, treatment="joined", on=list(dummies), method="ipw", estimand=estimand),
        method,
        **words,
    )
    assert exact["estimate"] == pytest.approx(score["estimate"], abs=1e-9)
    assert exact["std_error"] == pytest.approx(score["std_error"], rel=1e-8)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_strata_by_the_textbook_formula(estimand: str) -> None:
    """Imbens and Rubin (2015), chapter 17: shares of strata times differences, and how these differ between strata."""
    frame = firms()
    got = att(
        impact.match(frame, treatment="joined", exact=["s"], method="exact", estimand=estimand)
    )
    d = frame["joined"] == 1
    cells = (
        frame.groupby(["s", "joined"])["y"].agg(["mean", "size", lambda y: y.var(ddof=0)]).unstack()
    )
    gap = cells["mean"][1] - cells["mean"][0]
    share = (
        cells["size"][1] / d.sum() if estimand == "ATT" else cells["size"].sum(axis=1) / len(frame)
    )
    effect = (share * gap).sum()
    noise = cells["<lambda_0>"]
    within = (share**2 * (noise[1] / cells["size"][1] + noise[0] / cells["size"][0])).sum()
    between = (share * (gap - effect) ** 2).sum() / (d.sum() if estimand == "ATT" else len(frame))
    assert got["estimate"] == pytest.approx(effect, abs=1e-12)
    assert got["std_error"] ** 2 == pytest.approx(within + between, rel=1e-9)


def test_small_sets_are_the_clusters() -> None:
    frame = firms(300, levels=100)
    matched = impact.match(frame, treatment="joined", exact=["s"], method="exact")
    counts = matched.candidates.dropna(subset=["pair"]).groupby(["pair", "treated"]).size()
    assert counts.min() == 1  # so that noise within a set cannot be told
    result = impact.att(matched, "y", method="difference")
    used = frame.assign(w=matched.weights)[matched.weights > 0]
    fit = sm.WLS(used["y"], sm.add_constant(used["joined"]), weights=used["w"]).fit(
        cov_type="cluster", cov_kwds={"groups": used["s"], "use_correction": False}
    )
    assert result.tidy()["estimate"].iloc[0] == pytest.approx(fit.params["joined"], abs=1e-10)
    assert result.tidy()["std_error"].iloc[0] == pytest.approx(fit.bse["joined"], rel=1e-8)
    assert "matched set" in result.variance


def test_few_large_strata_have_firms_as_clusters() -> None:
    matched = impact.match(firms(), treatment="joined", on=["x"], method="subclass")
    result = impact.att(matched, "y", method="difference")
    assert (
        "clustered by firm, counting that the strata's shares of participants were estimated"
        in result.variance
    )
    assert result.tidy()["n_clusters"].iloc[0] == 300


def test_a_lone_control_that_carries_weight_has_its_noise_counted() -> None:
    """Of 200 participants 60 are compared with one control: its noise is most of the error."""
    errors, estimates = [], []
    for seed in range(200):
        rng = np.random.default_rng([9, seed])
        frame = pd.DataFrame(
            {
                "joined": [1] * 140 + [0] * 600 + [1] * 60 + [0],
                "s": [0] * 740 + [1] * 61,
                "y": rng.normal(size=801),
            }
        )
        row = att(impact.match(frame, treatment="joined", exact=["s"], method="exact"))
        errors.append(row["std_error"])
        estimates.append(row["estimate"])
    assert 0.8 < np.sqrt(np.mean(np.square(errors))) / np.std(estimates) < 1.25


def test_a_set_without_an_observed_arm_falls_out() -> None:
    frame = firms(300, levels=100)
    matched = impact.match(frame, treatment="joined", exact=["s"], method="exact")
    first = (
        matched.candidates.dropna(subset=["pair"]).groupby("pair")["treated"].sum().eq(1).idxmax()
    )
    member = matched.candidates[matched.candidates["pair"] == first]
    lost = member.loc[member["treated"], "unit"]
    holes = frame.copy()
    holes.loc[lost, "y"] = np.nan
    arms = arms_of(matched, frame.index)
    whole, fewer = arms.cell(frame["y"].to_numpy()), arms.cell(holes["y"].to_numpy())
    assert len(whole.treated) - len(fewer.treated) == 1
    assert len(whole.control) - len(fewer.control) == (~member["treated"]).sum()
    assert fewer.lost == len(member)


def test_a_cluster_may_hold_sets_but_not_cut_them() -> None:
    frame = firms(300, levels=100).assign(
        region=lambda f: f["s"] // 10, odd=lambda f: np.arange(len(f)) % 3
    )
    matched = impact.match(frame, treatment="joined", exact=["s"], method="exact")
    assert att(matched, cluster="region")["n_clusters"] <= 10
    with pytest.raises(EstimationError, match="more than one 'odd'"):
        att(matched, cluster="odd")


def draws(count: int, seed: int) -> pd.DataFrame:
    rows = []
    for r in range(count):
        frame = firms(400, seed=[seed, r])  # type: ignore[arg-type]
        for estimand in ("ATT", "ATE"):
            row = att(impact.match(frame, treatment="joined", on=["x"], exact=["s"], method="coarsened", cutpoints=3, estimand=estimand),
                      "g_computation", covariates=["x"])  # fmt: skip
            rows.append((estimand, row["estimate"], row["std_error"]))
    return pd.DataFrame(rows, columns=["estimand", "estimate", "std_error"])


def test_errors_are_as_large_as_the_spread_of_estimates() -> None:
    table = draws(150, seed=5).groupby("estimand")
    ratio = table["std_error"].mean() / table["estimate"].std()
    assert (abs(ratio - 1) <= 3 / np.sqrt(300) + 0.03).all(), ratio


def test_in_a_panel_a_comparison_firm_stands_in_a_set_of_each_cohort() -> None:
    rng = np.random.default_rng(3)
    unit = pd.DataFrame(
        {
            "firm": range(160),
            "s": rng.integers(0, 3, 160),
            "joined": [2.0] * 20 + [3.0] * 20 + [np.nan] * 120,
        }
    )
    rows = unit.merge(pd.DataFrame({"year": range(1, 5)}), how="cross")
    rows["y"] = (
        rows["s"] * rows["year"]
        + (rows["year"] >= rows["joined"]) * 0.7
        + rng.normal(scale=0.1, size=len(rows))
    )
    panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    matched = impact.match(panel, exact=["s"], method="exact")
    result = impact.att(matched, "y", method="matched_did")
    cells = result.tidy().set_index(["cohort", "time"])
    wide = rows.pivot(index="firm", columns="year", values="y")
    for g, t in ((2, 3), (3, 4)):
        change = (wide[t] - wide[g - 1]).rename("change").to_frame().join(unit.set_index("firm"))
        own = change[change["joined"].isna() | (change["joined"] == g)]
        arms = own.groupby(["s", own["joined"].notna()])["change"].agg(["mean", "size"]).unstack()
        effect = ((arms["mean"][True] - arms["mean"][False]) * arms["size"][True]).sum() / arms[
            "size"
        ][True].sum()
        assert cells.loc[(g, t), "estimate"] == pytest.approx(effect, abs=1e-12)
        assert abs(cells.loc[(g, t), "estimate"] - 0.7) < 4 * cells.loc[(g, t), "std_error"]
    assert "firm" in result.variance
    overall = result.aggregate("overall").tidy().iloc[0]
    assert overall["conf_low"] < 0.7 < overall["conf_high"]


@pytest.mark.parametrize(
    ("method", "estimand"), [("full", "ATT"), ("full", "ATE"), ("optimal", "ATT")]
)
def test_full_and_optimal_sets_are_clusters(method: str, estimand: str) -> None:
    frame = firms(200)
    matched = impact.match(frame, treatment="joined", on=["x"], method=method, estimand=estimand)  # type: ignore[arg-type]
    result = impact.att(matched, "y", method="difference")
    known = matched.candidates.set_index("unit")
    used = frame.assign(w=known["weight"], pair=known["pair"]).query("w > 0")
    fit = sm.WLS(used["y"], sm.add_constant(used["joined"]), weights=used["w"]).fit(
        cov_type="cluster", cov_kwds={"groups": used["pair"].astype(int), "use_correction": False}
    )
    assert result.tidy()["estimate"].iloc[0] == pytest.approx(fit.params["joined"], abs=1e-10)
    assert result.tidy()["std_error"].iloc[0] == pytest.approx(fit.bse["joined"], rel=1e-8)
    assert "The score is taken as known" in " ".join(result.notes)


def test_full_matching_of_a_panel_compares_changes_within_cohorts() -> None:
    rng = np.random.default_rng(5)
    unit = pd.DataFrame(
        {
            "firm": range(120),
            "x": rng.normal(size=120),
            "joined": [2.0] * 15 + [3.0] * 15 + [np.nan] * 90,
        }
    )
    rows = unit.merge(pd.DataFrame({"year": range(1, 5)}), how="cross")
    rows["y"] = (
        rows["x"] * rows["year"]
        + (rows["year"] >= rows["joined"]) * 0.7
        + rng.normal(scale=0.1, size=len(rows))
    )
    panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    matched = impact.match(panel, on=["x"], method="full")
    cells = impact.att(matched, "y", method="matched_did").tidy().set_index(["cohort", "time"])
    wide = rows.pivot(index="firm", columns="year", values="y")
    own = matched.candidates[matched.candidates["cohort"] == 3].set_index("unit")
    change = (wide[4] - wide[2])[own.index]
    d = own["treated"]
    effect = change[d].mean() - np.average(change[~d], weights=own["weight"][~d])
    assert cells.loc[(3, 4), "estimate"] == pytest.approx(effect, abs=1e-12)


def test_few_strata_of_which_many_hold_one_participant() -> None:
    """What is alike within such a stratum cancels; with all firms apart errors were a quarter too large."""
    estimates, errors, words = [], [], set()
    for seed in range(120):
        rng = np.random.default_rng([5, seed])
        a, s = (rng.random(900) < 0.15).astype(int), rng.integers(0, 6, 900)
        joined = (rng.random(900) < np.where(a == 1, 0.16, 0.012)).astype(int)
        y = (rng.random(900) < 0.03 + 0.75 * a + 0.08 * joined).astype(float)
        frame = pd.DataFrame({"joined": joined, "a": a, "s": s, "y": y})
        result = impact.att(
            impact.match(frame, treatment="joined", exact=["a", "s"], method="exact"), "y", method="difference"
        )  # fmt: skip
        row = result.tidy().iloc[0]
        estimates.append(row["estimate"])
        errors.append(row["std_error"])
        words.add(result.variance)
        if "strata with one firm of an arm are clusters" in result.variance:
            firms_of = frame.groupby(["a", "s"])["joined"].agg(["sum", "size"])
            both = firms_of[(firms_of["sum"] > 0) & (firms_of["sum"] < firms_of["size"])]
            alone = both[(both["sum"] == 1) | (both["size"] - both["sum"] == 1)]
            assert row["n_clusters"] == both["size"].sum() - alone["size"].sum() + len(alone)
    assert any("strata with one firm of an arm are clusters" in said for said in words)
    assert 0.85 < np.mean(errors) / np.std(estimates) < 1.15
