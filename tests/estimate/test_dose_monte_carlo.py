"""`dose` on a programme whose curve is known: bias, coverage; and one in which comparing doses misleads, as every result warns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import impact

SEED = 20160516
QUICK, LONG = 200, 2000
PERIODS = 6
TRUTH = {
    "ATT": 0.5,  # 0.1 x the mean dose of 5
    "low": 0.2,  # doses 1 to 3
    "high": 0.75,  # 6 to 9
    "ATT(5)": 0.5,
    "spline(7)": 0.7,
    "ACRT": 0.1,
    "no noise of comparison firms": 0.5,
}


def panel_of(firms: int = 240) -> impact.Panel:
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), PERIODS),
            "year": np.tile(np.arange(1, PERIODS + 1), firms),
            "joined": np.repeat(np.array([3.0, 5.0, np.nan])[np.arange(firms) % 3], PERIODS),
        }
    )
    return impact.panel(frame.assign(hours=0.0, y=0.0), unit="firm", time="year", cohort="joined")


def drawn(panel: impact.Panel, r: int) -> impact.Panel:
    """Doses, of which half a unit of outcome is made in ten, drawn anew with the outcomes."""
    rng = np.random.default_rng([SEED, r])
    frame = panel.data
    n = len(frame) // PERIODS
    joined = frame["joined"].to_numpy().reshape(n, PERIODS)[:, 0]
    hours = np.where(np.isnan(joined), 0.0, rng.uniform(1, 9, n))
    shocks = rng.normal(scale=0.6, size=(n, PERIODS))
    shocks[:, 0] /= np.sqrt(0.75)
    for t in range(1, PERIODS):
        shocks[:, t] += 0.5 * shocks[:, t - 1]
    treated = np.arange(1, PERIODS + 1) >= joined[:, None]
    y = rng.normal(size=(n, 1)) + 0.2 * np.arange(PERIODS) + shocks + 0.1 * hours[:, None] * treated
    index = frame.index
    return panel.with_columns(
        hours=pd.Series(np.repeat(hours, PERIODS), index=index), y=pd.Series(y.ravel(), index=index)
    )


def draws(count: int) -> pd.DataFrame:
    panel, rows = panel_of(), []
    for r in range(count):
        data = drawn(panel, r)

        def asked(data: impact.Panel = data, **options: object) -> impact.EffectResult:
            return impact.att(data, "y", method="dose", dose="hours", **options)

        bins = asked(bins=[3, 6])
        found = {"ATT": (bins, 0), "low": (bins, 1), "high": (bins, 3)}
        found["ATT(5)"] = (asked(shape="linear", at=[5.0]), 1)
        found["spline(7)"] = (asked(shape="spline", at=[7.0]), 1)
        found["ACRT"] = (asked(shape="quadratic", curve="slope", at=[5.0]), 0)
        for name, (effect, i) in found.items():
            row = effect.estimates.iloc[i]
            rows.append((name, row["estimate"], row["std_error"]))
        own = bins.influence["ATT"][bins.firms["cohort"].notna()]
        rows.append(
            (
                "no noise of comparison firms",
                bins.estimates["estimate"][0],
                float(np.sqrt((own**2).sum()) / len(bins.influence)),
            )
        )
    return pd.DataFrame(rows, columns=["name", "estimate", "std_error"])


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
    return draws(QUICK)


@pytest.mark.parametrize("name", list(TRUTH)[:-1])
def test_effects_are_found_and_covered(quick: pd.DataFrame, name: str) -> None:
    got = verdict(quick[quick["name"] == name], TRUTH[name])
    assert abs(got["bias"]) <= got["allowed"]
    assert 0.904 <= got["coverage"] <= 0.996  # three standard errors of 200 draws
    assert 0.86 <= got["ratio"] <= 1.16
    assert got["uniform"] > 0.001


def test_without_the_noise_of_comparison_firms_errors_are_too_small(quick: pd.DataFrame) -> None:
    name = "no noise of comparison firms"
    got = verdict(quick[quick["name"] == name], TRUTH[name])
    assert got["ratio"] < 0.85 and got["coverage"] < 0.91


def test_slopes_mislead_where_firms_choose_doses_by_their_gains() -> None:
    """The effect is a firm's own and no dose changes it, but firms that gain more take more: levels are right, slopes are not causal."""
    panel = panel_of(600)
    data = drawn(
        panel, 0
    )  # as if 0.1 x hours were each firm's gain from any dose, and hours what it chose
    level = impact.att(data, "y", method="dose", dose="hours", bins=[3, 6]).tidy()
    assert (level["conf_low"][1:] < [0.2, 0.45, 0.75]).all() and (
        level["conf_high"][1:] > [0.2, 0.45, 0.75]
    ).all()
    slope = impact.att(data, "y", method="dose", dose="hours", shape="linear", curve="slope")
    assert slope.tidy()["conf_low"][0] > 0  # the causal slope is 0
    assert any("mix in who chose which dose" in note for note in slope.notes)


@pytest.mark.proof
def test_long() -> None:
    rows = draws(LONG)
    table = pd.DataFrame({name: verdict(own, TRUTH[name]) for name, own in rows.groupby("name")}).T
    print(table.round(4).to_string())
    right = table.drop(index="no noise of comparison firms")
    assert (right["bias"].abs() <= right["allowed"]).all(), table
    assert right["coverage"].between(0.935, 0.965).all(), table
    assert right["ratio"].between(0.95, 1.06).all(), table
    assert (right["uniform"] > 0.001).all(), table
    assert table.loc["no noise of comparison firms", "coverage"] < 0.91, table
