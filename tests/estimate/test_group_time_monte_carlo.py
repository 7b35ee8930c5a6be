"""Group-time effects on programmes whose true effect is known: bias, coverage, size.

The quick version runs with every test; `make proof` runs 2,000 draws of each estimator. The panel is
that of the validation plan: 240 firms by 8 years, cohorts 4 and 6 and never, AR(1) of 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import impact
from impact.simulate.programme import programme

SEED = 20160516
QUICK, LONG = 200, 2000
DYNAMIC = 0.35625
Draw = tuple[float, float]  # estimate, standard error
Estimator = Callable[[impact.Panel], dict[str, Draw]]


def draws(count: int, estimators: list[Estimator], **asked: Any) -> pd.DataFrame:
    """One row per replication and estimator; replication r depends on the seed and r alone."""
    frame, _ = programme(seed=0)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    rows = []
    for r in range(count):
        data, _ = programme(seed=[SEED, r], **asked)
        drawn = panel.with_columns(exports=data["exports"])
        for estimator in estimators:
            rows += [(name, *draw) for name, draw in estimator(drawn).items()]
    return pd.DataFrame(rows, columns=["estimator", "estimate", "std_error"])


def group_time(name: str, **options: Any) -> Estimator:
    def run(panel: impact.Panel) -> dict[str, Draw]:
        effect = impact.att(panel, "exports", method="group_time", **options)
        row = effect.aggregate("overall").tidy().iloc[0]
        cells = effect.tidy().query("event_time >= 0")["std_error"]
        # The covariances of the cells left out: a wrong standard error, to be seen to fail.
        independent = float(np.sqrt((cells**2).sum()) / len(cells))
        return {
            name: (row["estimate"], row["std_error"]),
            f"{name}, independent cells": (row["estimate"], independent),
        }

    return run


def two_way_fixed_effects(panel: impact.Panel) -> dict[str, Draw]:
    """One coefficient for all, clustered by firm: the wrong variant where effects grow."""
    y = panel.wide("exports").to_numpy()
    d = (np.array(panel.periods) >= panel.unit_cohort().to_numpy()[:, None]).astype(float)
    y, d = (x - x.mean(1, keepdims=True) - x.mean(0) + x.mean() for x in (y, d))
    slope = (d * y).sum() / (d**2).sum()
    score = (d * (y - slope * d)).sum(axis=1)
    return {"twfe": (float(slope), float(np.sqrt((score**2).sum()) / (d**2).sum()))}


def verdict(rows: pd.DataFrame, truth: float) -> pd.Series:
    t = (rows["estimate"] - truth) / rows["std_error"]
    spread = rows["estimate"].std()
    return pd.Series(
        {
            "bias": rows["estimate"].mean() - truth,
            "allowed": max(3 * spread / np.sqrt(len(rows)), 0.06 * spread),
            "coverage": (t.abs() < stats.norm.ppf(0.975)).mean(),
            "ratio": rows["std_error"].mean() / spread,
            "uniform": stats.kstest(2 * stats.norm.sf(t.abs()), "uniform").pvalue,
        }
    )


@pytest.fixture(scope="module")
def quick() -> pd.DataFrame:
    return draws(QUICK, [group_time("never"), two_way_fixed_effects])


def test_growing_effects_are_found_and_covered(quick: pd.DataFrame) -> None:
    got = verdict(quick[quick["estimator"] == "never"], DYNAMIC)
    assert abs(got["bias"]) <= got["allowed"]
    assert 0.904 <= got["coverage"] <= 0.996  # three standard errors of 200 draws
    assert 0.86 <= got["ratio"] <= 1.16
    assert got["uniform"] > 0.001


def test_two_way_fixed_effects_fail_where_effects_grow(quick: pd.DataFrame) -> None:
    got = verdict(quick[quick["estimator"] == "twfe"], DYNAMIC)
    assert abs(got["bias"]) > got["allowed"]
    assert got["coverage"] < 0.75


def test_cells_taken_as_independent_are_too_sure(quick: pd.DataFrame) -> None:
    got = verdict(quick[quick["estimator"] == "never, independent cells"], DYNAMIC)
    assert got["coverage"] < 0.85
    assert got["ratio"] < 0.8


def with_covariate(name: str) -> Estimator:
    """Adds a covariate that has nothing to do with the outcome, so that the truth stays."""
    rng = np.random.default_rng(SEED)

    def run(panel: impact.Panel) -> dict[str, Draw]:
        noise = pd.Series(rng.normal(size=len(panel.data)), index=panel.data.index)
        estimator = group_time(name, covariates=["noise"], estimator=name)
        return estimator(panel.with_columns(noise=noise))

    return run


@pytest.mark.proof
@pytest.mark.parametrize(
    ("effect", "truth", "estimators"),
    [
        ("dynamic", DYNAMIC, ["never", "not_yet", "dr", "ipw", "reg"]),
        ("none", 0.0, ["dr"]),
    ],
)
def test_long(effect: str, truth: float, estimators: list[str]) -> None:
    known = {
        "never": group_time("never"),
        "not_yet": group_time("not_yet", control="not_yet"),
        **{name: with_covariate(name) for name in ("dr", "ipw", "reg")},
    }
    rows = draws(LONG, [known[name] for name in estimators], effect=effect)
    rows = rows[~rows["estimator"].str.endswith("independent cells")]
    table = rows.groupby("estimator")[["estimate", "std_error"]].apply(verdict, truth=truth)
    print(table.round(4).to_string())
    assert (table["bias"].abs() <= table["allowed"]).all(), table
    assert table["coverage"].between(0.935, 0.965).all(), table
    assert table["ratio"].between(0.95, 1.06).all(), table
    assert (table["uniform"] > 0.001).all(), table


@pytest.mark.proof
def test_long_uniform_band() -> None:
    """The band holds all true effects of an event study at once; pointwise intervals do not."""
    frame, truth = programme(seed=0)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    true = truth.groupby("event_time")["att"].mean().reindex(range(-4, 5), fill_value=0.0)
    inside = {"band": 0, "conf": 0}
    for r in range(LONG // 2):
        data, _ = programme(seed=[SEED, r])
        effect = impact.att(
            panel.with_columns(exports=data["exports"]), "exports", method="group_time"
        )
        rows = effect.aggregate("event").tidy().set_index("event_time")
        for kind in inside:
            low, high = rows[f"{kind}_low"], rows[f"{kind}_high"]
            inside[kind] += int(((low <= true[rows.index]) & (true[rows.index] <= high)).all())
    assert 0.929 <= inside["band"] / (LONG // 2) <= 0.971
    assert inside["conf"] / (LONG // 2) < 0.85
