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
QUICK, LONG = 300, 2000
DYNAMIC = 0.35625
Draw = tuple[float, float]  # estimate, standard error


def draws(
    count: int, estimators: dict[str, Callable[[impact.Panel], Draw]], **asked: Any
) -> pd.DataFrame:
    """One row per replication and estimator; replication r depends on the seed and r alone."""
    frame, _ = programme(seed=0)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    rows = []
    for r in range(count):
        data, _ = programme(seed=[SEED, r], **asked)
        drawn = panel.with_columns(exports=data["exports"])
        rows += [(name, *estimate(drawn)) for name, estimate in estimators.items()]
    return pd.DataFrame(rows, columns=["estimator", "estimate", "std_error"])


def group_time(**options: Any) -> Callable[[impact.Panel], Draw]:
    def run(panel: impact.Panel) -> Draw:
        effect = impact.att(panel, "exports", method="group_time", **options)
        row = effect.aggregate("overall").tidy().iloc[0]
        return row["estimate"], row["std_error"]

    return run


def two_way_fixed_effects(panel: impact.Panel) -> Draw:
    """One coefficient for all, clustered by firm: the wrong variant where effects grow."""
    y = panel.wide("exports").to_numpy()
    d = (np.array(panel.periods) >= panel.unit_cohort().to_numpy()[:, None]).astype(float)
    y, d = (x - x.mean(1, keepdims=True) - x.mean(0) + x.mean() for x in (y, d))
    slope = (d * y).sum() / (d**2).sum()
    score = (d * (y - slope * d)).sum(axis=1)
    return float(slope), float(np.sqrt((score**2).sum()) / (d**2).sum())


def independent_cells(panel: impact.Panel) -> Draw:
    """The average with the covariances of its cells left out: a wrong standard error."""
    effect = impact.att(panel, "exports", method="group_time")
    estimate = effect.aggregate("overall").tidy()["estimate"].item()
    after = effect.tidy().query("event_time >= 0")
    return estimate, float(np.sqrt((after["std_error"] ** 2).sum()) / len(after))


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
    return draws(
        QUICK,
        {"never": group_time(), "twfe": two_way_fixed_effects, "independent": independent_cells},
    )


def test_growing_effects_are_found_and_covered(quick: pd.DataFrame) -> None:
    got = verdict(quick[quick["estimator"] == "never"], DYNAMIC)
    assert abs(got["bias"]) <= got["allowed"]
    assert 0.912 <= got["coverage"] <= 0.988  # three standard errors of 300 draws
    assert 0.88 <= got["ratio"] <= 1.13
    assert got["uniform"] > 0.001


def test_two_way_fixed_effects_fail_where_effects_grow(quick: pd.DataFrame) -> None:
    got = verdict(quick[quick["estimator"] == "twfe"], DYNAMIC)
    assert abs(got["bias"]) > got["allowed"]
    assert got["coverage"] < 0.8


def test_cells_taken_as_independent_are_too_sure(quick: pd.DataFrame) -> None:
    got = verdict(quick[quick["estimator"] == "independent"], DYNAMIC)
    assert got["coverage"] < 0.9
    assert got["ratio"] < 0.88


def with_covariate(**options: Any) -> Callable[[impact.Panel], Draw]:
    """Adds a covariate that has nothing to do with the outcome, so that the truth stays."""
    rng = np.random.default_rng(SEED)

    def run(panel: impact.Panel) -> Draw:
        noise = pd.Series(rng.normal(size=len(panel.data)), index=panel.data.index)
        return group_time(covariates=["noise"], **options)(panel.with_columns(noise=noise))

    return run


@pytest.mark.proof
@pytest.mark.parametrize(
    ("effect", "truth"), [("dynamic", DYNAMIC), ("constant", 0.15), ("none", 0.0)]
)
def test_long(effect: str, truth: float) -> None:
    rows = draws(
        LONG,
        {
            "never": group_time(),
            "not_yet": group_time(control="not_yet"),
            "universal": group_time(base_period="universal"),
            "dr": with_covariate(estimator="dr"),
            "ipw": with_covariate(estimator="ipw"),
            "reg": with_covariate(estimator="reg"),
        },
        effect=effect,
    )
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
