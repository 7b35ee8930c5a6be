"""Imputation and the interaction-weighted event study on programmes whose true effect is known: bias, coverage, size.

The quick version runs with every test; `make proof` runs 2,000 draws. The panel is that of the validation plan: 240 firms by 8 years,
cohorts 4 and 6 and never, AR(1) of 0.5.
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


def imputation(name: str = "imputation", **options: Any) -> Estimator:
    def run(panel: impact.Panel) -> dict[str, Draw]:
        effect = impact.att(panel, "exports", method="imputation", **options)
        overall = effect.aggregate("overall")
        row = overall.tidy().iloc[0]
        found = {name: (row["estimate"], row["std_error"])}
        if "pretrends" in options:
            lead = effect.aggregate("event").tidy().set_index("event_time").loc[-1]
            found["lead"] = (lead["estimate"], lead["std_error"])
        # Effects themselves instead of their distance from tau~: a wrong standard error, to be seen to fail.
        firms, table = overall.firms, effect.tidy().query("event_time >= 0")
        size = firms["cohort"].value_counts()
        weight = size[table["cohort"]].to_numpy() / size[table["cohort"]].sum()
        mean = (weight * table["estimate"]).groupby(table["cohort"].astype(float)).sum()
        added = firms["cohort"].map(mean / size * len(firms)).fillna(0.0)
        raw = overall.influence["ATT"] + added
        found[f"{name}, raw effects"] = (row["estimate"], float(np.sqrt((raw**2).sum())) / len(raw))
        return found

    return run


def interaction_weighted(panel: impact.Panel) -> dict[str, Draw]:
    effect = impact.att(panel, "exports", method="interaction_weighted")
    row = effect.aggregate("overall").tidy().iloc[0]
    cells = effect.tidy().query("event_time >= 0")["std_error"]
    # The covariances of the cells left out: a wrong standard error, to be seen to fail.
    independent = float(np.sqrt((cells**2).sum()) / len(cells))
    return {
        "interaction_weighted": (row["estimate"], row["std_error"]),
        "interaction_weighted, independent cells": (row["estimate"], independent),
    }


def verdict(rows: pd.DataFrame, truth: float) -> pd.Series:
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


@pytest.fixture(scope="module")
def quick() -> pd.DataFrame:
    return draws(QUICK, [imputation(), interaction_weighted])


@pytest.mark.parametrize("name", ["imputation", "interaction_weighted"])
def test_growing_effects_are_found_and_covered(quick: pd.DataFrame, name: str) -> None:
    got = verdict(quick[quick["estimator"] == name], DYNAMIC)
    assert abs(got["bias"]) <= got["allowed"]
    assert 0.904 <= got["coverage"] <= 0.996  # three standard errors of 200 draws
    assert 0.86 <= got["ratio"] <= 1.16
    assert got["uniform"] > 0.001


def test_raw_effects_in_the_variance_are_too_unsure() -> None:
    """Where noise is half as large the wrong error is too large by half, and the right one is right."""
    rows = draws(QUICK // 2, [imputation()], noise=0.3)
    right, wrong = (
        verdict(rows[rows["estimator"] == name], DYNAMIC)
        for name in ("imputation", "imputation, raw effects")
    )
    assert 0.82 <= right["ratio"] <= 1.22
    assert wrong["ratio"] > 1.3
    assert wrong["ratio"] > 1.3 * right["ratio"]


def test_cells_taken_as_independent_are_too_sure(quick: pd.DataFrame) -> None:
    got = verdict(quick[quick["estimator"] == "interaction_weighted, independent cells"], DYNAMIC)
    assert got["coverage"] < 0.85
    assert got["ratio"] < 0.8


@pytest.mark.proof
@pytest.mark.parametrize(
    ("effect", "truth"), [("dynamic", DYNAMIC), ("constant", 0.15), ("none", 0.0)]
)
def test_long(effect: str, truth: float) -> None:
    estimators = [
        imputation(pretrends=2),
        imputation("by group", by="half"),
        imputation("leave one out", leave_one_out=True),
        interaction_weighted,
    ]
    frame, _ = programme(seed=0)
    # Groups in which cohorts are of other sizes, so that `by` matters.
    firms = frame["firm"].unique()
    low = pd.Series(np.random.default_rng(SEED).random(len(firms)) < 0.4, index=firms)
    half = frame["firm"].map(low).astype(int)

    def with_half(estimator: Estimator) -> Estimator:
        return lambda panel: estimator(panel.with_columns(half=half))

    rows = draws(LONG, [with_half(x) for x in estimators], effect=effect)
    table = pd.DataFrame(
        {
            name: verdict(own, 0.0 if name == "lead" else truth)
            for name, own in rows.groupby("estimator")
        }
    ).T
    print(table.round(4).to_string())
    right = table[~table.index.str.contains("raw effects|independent cells")]
    assert (right["bias"].abs() <= right["allowed"]).all(), table
    assert right["coverage"].between(0.935, 0.965).all(), table
    assert right["ratio"].between(0.95, 1.06).all(), table
    assert (right["uniform"] > 0.001).all(), table
    if effect == "dynamic":
        assert table.loc["imputation, raw effects", "coverage"] > 0.965, table
        assert table.loc["interaction_weighted, independent cells", "coverage"] < 0.85, table
