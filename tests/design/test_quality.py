"""Match quality and who was left out, by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.design.match import MatchResult


def value(matched: MatchResult, measure: str, level: str, arm: str | None = None) -> float:
    table = matched.quality()
    found = table[(table["measure"] == measure) & (table["level"] == level)]
    found = found[found["arm"].isna() if arm is None else found["arm"] == arm]
    assert len(found) == 1
    return float(found["value"].iloc[0])


def firms(n: int = 150, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 2)), columns=["size", "age"])
    joined = rng.random(n) < 1 / (1 + np.exp(1 - frame["size"]))
    return frame.assign(joined=joined.astype(int), sector=rng.integers(0, 3, n).astype(str))


ON = ["size", "age"]


def match(data: pd.DataFrame | None = None, **words: object) -> MatchResult:
    data = firms() if data is None else data
    return impact.match(data, treatment="joined", on=ON, **words)  # type: ignore[arg-type]


def test_distances_and_reuse_by_hand() -> None:
    data = pd.DataFrame(
        {"joined": [1, 1, 1, 0, 0, 0], "size": [1.0, 2.0, 9.0, 1.5, 8.0, 30.0]},
        index=list("abcdef"),
    )
    found = impact.match(data, treatment="joined", on=["size"], distance="size", replace=True)
    # a and b share d (0.5 each), c has e (1).
    assert [value(found, "distance", q) for q in ("min", "p50", "max")] == [0.5, 0.5, 1.0]
    assert value(found, "score difference in SD", "max") == pytest.approx(1 / data["size"].std())
    assert value(found, "participants with so many controls", "1") == 3
    assert value(found, "controls used so many times", "1") == 1
    assert value(found, "controls used so many times", "2") == 1
    assert value(found, "uses of a control", "max") == 2
    # Weights 2 and 1, scaled to two controls.
    assert value(found, "weight", "max", "comparison firms") == pytest.approx(4 / 3)
    assert value(found, "share of the weight", "largest", "comparison firms") == pytest.approx(
        2 / 3
    )
    assert value(found, "share of the weight", "5 largest", "comparison firms") == pytest.approx(1)
    assert value(found, "effective sample size", "number", "comparison firms") == pytest.approx(1.8)


def test_quantiles_are_those_of_the_pairs() -> None:
    found = match(ratio=2)
    for level, q in (("p25", 0.25), ("p90", 0.9), ("p99", 0.99)):
        assert value(found, "distance", level) == pytest.approx(
            found.pairs["distance"].quantile(q), rel=1e-12
        )
        assert value(found, "score difference in SD", level) == pytest.approx(
            found.pairs["distance"].quantile(q) / found.distance.std(), rel=1e-9
        )
    counts = found.pairs["pair"].value_counts().value_counts()
    for many, n in counts.items():
        assert value(found, "participants with so many controls", str(many)) == n


def test_without_a_score_its_difference_is_missing() -> None:
    found = match(distance="mahalanobis")
    assert np.isnan(value(found, "score difference in SD", "max"))
    assert value(found, "distance", "max") > 0


def test_the_spread_of_a_score_is_that_of_its_cohort() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(80), 5),
            "year": np.tile(np.arange(1, 6), 80),
            "joined": np.repeat([3.0, 4.0, np.nan, np.nan], 100),
            "size": rng.normal(size=400),
        }
    )
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    found = impact.match(panel, on=["size"])
    spread = found.distance.groupby(level="cohort").std()
    want = found.pairs["distance"] / found.pairs["cohort"].map(spread)
    assert value(found, "score difference in SD", "max") == pytest.approx(want.max(), rel=1e-9)
    assert value(found, "firms with weight", "number", "participants") == 40


def test_sets_have_sizes() -> None:
    found = match(method="coarsened")
    assert found.kind == "sets"
    inside = found.candidates[found.candidates["pair"].notna()]
    sizes = inside.groupby("pair").size()
    assert value(found, "sets", "number") == len(sizes)
    assert value(found, "firms in a set", "max") == sizes.max()
    ins = inside.groupby("pair")["treated"].sum()
    assert value(found, "firms in a set", "p50", "participants") == ins.median()
    assert value(found, "firms in a set", "min", "comparison firms") == (sizes - ins).min()


def test_weights_have_a_tail() -> None:
    found = match(method="ipw", estimand="ATE")
    for arm, joined in (("participants", 1), ("comparison firms", 0)):
        w = found.weights[firms()["joined"] == joined].sort_values()
        assert value(found, "weight", "max", arm) == pytest.approx(w.max())
        assert value(found, "weight", "p95", arm) == pytest.approx(w.quantile(0.95))
        heavy = w.iloc[-5:].sum() / w.sum()
        assert value(found, "share of the weight", "5 largest", arm) == pytest.approx(heavy)
    sizes = found.balance().attrs["sizes"]["after"]
    got = value(found, "effective sample size", "number", "comparison firms")
    assert got == pytest.approx(sizes["ess_control"])


# ---- who was left out --------------------------------------------------------------------------


def test_unmatched_are_compared_with_matched() -> None:
    data = firms()
    found = match(data, exact=["sector"], caliper=0.1)
    table = found.unmatched().set_index("covariate")
    joined = data["joined"] == 1
    inside = joined & (found.weights > 0)
    outside = joined & (found.weights == 0)
    assert outside.sum() > 3
    for name in ON:
        row = table.loc[name]
        assert row["mean_matched"] == pytest.approx(data.loc[inside, name].mean())
        assert row["mean_unmatched"] == pytest.approx(data.loc[outside, name].mean())
        assert row["difference"] == pytest.approx(row["mean_unmatched"] - row["mean_matched"])
        assert row["smd"] == pytest.approx(row["difference"] / data.loc[joined, name].std())
    share = (data["sector"] == "0")[joined].mean()
    row = table.loc["sector: 0"]
    assert row["smd"] == pytest.approx(row["difference"] / np.sqrt(share * (1 - share)))
    assert table.index[0] == "distance"


def test_reasons_are_those_of_the_ledger() -> None:
    data = firms()
    first, second = data.index[data["joined"] == 1][:2]
    data.loc[first, "age"] = np.nan
    data.loc[second, "sector"] = "alone"
    data.loc[data.index[data["joined"] == 0][0], "age"] = np.nan
    found = match(data, exact=["sector"], caliper=0.1)
    attrs = found.unmatched().attrs
    lines = {
        x.reason.removeprefix("participant: "): x.rows
        for x in found.ledger.lines
        if x.reason.startswith("participant: ")
    }
    assert attrs["reasons"] == {r: n for r, n in lines.items() if n}
    named = found.unmatched_firms().set_index("unit")
    assert named.loc[first, "reason"] == "age is missing"
    assert not named.loc[first, "candidate"]
    assert named.loc[second, "reason"] == "no comparison firm agrees on sector"
    left = data.index[(data["joined"] == 1) & (found.weights == 0)]
    assert set(named.index) == set(left)
    assert attrs["n_matched"] + len(named) == (data["joined"] == 1).sum()
    assert attrs["n_unmatched"] == named["candidate"].sum()


def test_nobody_unmatched_is_missing_and_not_zero() -> None:
    table = match(replace=True).unmatched()
    assert table.attrs["n_unmatched"] == 0
    assert table.attrs["reasons"] == {}
    assert table[["mean_unmatched", "difference", "smd"]].isna().all(axis=None)
    assert len(match(replace=True).unmatched_firms()) == 0


def test_participants_of_a_panel_have_their_cohort() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "firm": np.repeat([f"F{i:02d}" for i in range(60)], 5),
            "year": np.tile(np.arange(1, 6), 60),
            "joined": np.repeat([3.0, 1.0, np.nan], 100),
            "size": rng.normal(size=300),
        }
    )
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    found = impact.match(panel, on=["size"], caliper=0.01)
    named = found.unmatched_firms()
    early = named[~named["candidate"]]
    assert len(early) == 20
    assert early["reason"].unique().tolist() == ["the year before joining is not in the panel"]
    assert early["cohort"].isna().all()
    assert (named.loc[named["candidate"], "cohort"] == 3).all()
