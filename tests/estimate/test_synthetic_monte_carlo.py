"""Synthetic difference in differences on programmes whose true effect is known: bias, coverage, and where plain differences fail.

The quick version runs with every test; `make proof` runs 2,000 draws on the panel of the validation plan.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import impact
from impact.simulate.programme import programme

SEED = 20160516
QUICK, LONG = 150, 2000
DYNAMIC = 0.35625


def apart(seed: int | list[int], *, firms: int = 90, years: int = 20, g: int = 17) -> pd.DataFrame:
    """Participants are more exposed to a growing market than the others: trends are not parallel. The effect is 1."""
    rng = np.random.default_rng(seed)
    joined = np.where(np.arange(firms) < 20, float(g), np.nan)
    exposure = rng.normal(size=firms) + 0.6 * np.isfinite(joined)
    market = 5 * (np.arange(years) / years) ** 2
    y = rng.normal(size=(firms, 1)) + exposure[:, None] * market
    y = y + rng.normal(scale=0.4, size=y.shape)
    y[np.isfinite(joined), g - 1 :] += 1.0
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), years),
            "year": np.tile(np.arange(1, years + 1), firms),
            "joined": np.repeat(joined, years),
            "y": y.ravel(),
        }
    )


def overall(panel: impact.Panel, outcome: str, method: str) -> tuple[float, float]:
    row = impact.att(panel, outcome, method=method).aggregate("overall").tidy().iloc[0]
    return row["estimate"], row["std_error"]


def verdict(draws: list[tuple[float, float]], truth: float) -> pd.Series:
    rows = pd.DataFrame(draws, columns=["estimate", "std_error"])
    t = (rows["estimate"] - truth) / rows["std_error"]
    spread = rows["estimate"].std()
    return pd.Series(
        {
            "bias": rows["estimate"].mean() - truth,
            "allowed": max(3 * spread / np.sqrt(len(rows)), 0.06 * spread),
            "coverage": (t.abs() < stats.norm.ppf(0.975)).mean(),
            "ratio": rows["std_error"].mean() / spread,
            "spread": spread,
            "uniform": stats.kstest(2 * stats.norm.sf(t.abs()), "uniform").pvalue,
        }
    )


def plan(
    count: int, methods: list[str], effect: str = "dynamic"
) -> dict[str, list[tuple[float, float]]]:
    frame, _ = programme(seed=0)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    found: dict[str, list[tuple[float, float]]] = {m: [] for m in methods}
    for r in range(count):
        data, _ = programme(seed=[SEED, r], effect=effect)
        drawn = panel.with_columns(exports=data["exports"])
        for method in methods:
            found[method].append(overall(drawn, "exports", method))
    return found


def test_growing_effects_are_found_and_covered() -> None:
    got = verdict(plan(QUICK, ["synthetic"])["synthetic"], DYNAMIC)
    assert abs(got["bias"]) <= got["allowed"]
    assert 0.89 <= got["coverage"] <= 0.997
    assert 0.84 <= got["ratio"] <= 1.2


def test_where_trends_are_not_parallel_plain_differences_fail_and_this_does_less() -> None:
    panel = impact.panel(apart(0), unit="firm", time="year", cohort="joined")
    found: dict[str, list[tuple[float, float]]] = {"group_time": [], "synthetic": []}
    for r in range(60):
        drawn = panel.with_columns(y=apart([SEED, r])["y"])
        for method, rows in found.items():
            rows.append(overall(drawn, "y", method))
    plain, ours = (verdict(found[m], 1.0) for m in ("group_time", "synthetic"))
    assert abs(plain["bias"]) > plain["allowed"] and plain["coverage"] < 0.75
    assert abs(ours["bias"]) < abs(plain["bias"]) / 4
    assert ours["coverage"] > 0.9
    rmse = [np.hypot(v["bias"], v["spread"]) for v in (ours, plain)]
    assert rmse[0] < rmse[1] / 3


@pytest.mark.proof
@pytest.mark.parametrize(("effect", "truth"), [("dynamic", DYNAMIC), ("none", 0.0)])
def test_long(effect: str, truth: float) -> None:
    got = verdict(plan(LONG, ["synthetic"], effect)["synthetic"], truth)
    print(got.round(4).to_string())
    assert abs(got["bias"]) <= got["allowed"]
    assert 0.935 <= got["coverage"] <= 0.965
    assert 0.95 <= got["ratio"] <= 1.06
    assert got["uniform"] > 0.001


@pytest.mark.proof
def test_long_where_trends_are_not_parallel() -> None:
    """The jackknife keeps weights and so counts what they would take away: conservative. The bootstrap weighs anew, and is of the spread's size."""
    panel = impact.panel(apart(0), unit="firm", time="year", cohort="joined")
    found: dict[str, list[tuple[float, float]]] = {"jackknife": [], "bootstrap": []}
    for r in range(200):
        drawn = panel.with_columns(y=apart([SEED, r])["y"])
        for inference, rows in found.items():
            asked = {"method": "synthetic", "inference": inference, "average": "overall"}
            row = impact.att(drawn, "y", draws=100, **asked).tidy().iloc[0]
            rows.append((row["estimate"], row["std_error"]))
    jackknife, bootstrap = (verdict(found[m], 1.0) for m in found)
    print(pd.DataFrame({"jackknife": jackknife, "bootstrap": bootstrap}).round(3).to_string())
    assert 1.5 < jackknife["ratio"] < 2.5 and jackknife["coverage"] > 0.98
    assert 0.8 < bootstrap["ratio"] < 1.2 and bootstrap["coverage"] > 0.85
