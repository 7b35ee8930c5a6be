"""Group-time effects from repeated cross-sections: three packages, derivatives, relations to the panel estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import EstimationError
from impact.simulate.programme import programme

REFERENCE = Path(__file__).parent.parent / "reference" / "cross_sections"
ALONE = {
    ("moderndid", "dr", True),
    ("diff-diff", "reg", True),
}  # package, estimator, covariate: see README.md there


def rows() -> pd.DataFrame:
    frame = pd.read_csv(REFERENCE / "rows.csv")
    return frame.assign(joined=frame["joined"].where(frame["joined"] > 0))


def fit(frame: pd.DataFrame, *, weights: str | None = None, **asked: Any) -> impact.EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    return impact.att(panel, "y", method="group_time", unbalanced="cross_sections", **asked)


@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize("covariate", [False, True])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("estimator", ["dr", "ipw", "reg"])
def test_packages(estimator: str, control: str, covariate: bool, weight: bool) -> None:
    raw = pd.read_csv(REFERENCE / "raw.csv")
    told = raw[
        (raw["estimator"] == estimator)
        & (raw["control"] == control)
        & (raw["covariate"] == covariate)
        & (raw["weight"] == weight)
    ]
    ours = fit(
        rows(), weights="weight" if weight else None, estimator=estimator, control=control, covariates=["x"] if covariate else None
    ).tidy()  # fmt: skip
    both = told.merge(ours, on=["cohort", "time"], suffixes=("_told", ""))
    assert len(both) == len(told) and told["package"].nunique() >= 2
    np.testing.assert_allclose(both["estimate"], both["estimate_told"], atol=1e-8)
    alone = np.array([(p, estimator, covariate) in ALONE for p in both["package"]])
    assert both.loc[~alone, "package"].nunique() >= 1
    np.testing.assert_allclose(both["std_error"][~alone], both["std_error_told"][~alone], rtol=1e-8)
    for package in both.loc[alone, "package"].unique():
        own = both[both["package"] == package]
        assert (own["std_error"] / own["std_error_told"] - 1).abs().max() > 0.03


@pytest.mark.parametrize("estimator", ["dr", "ipw", "reg"])
def test_influence_is_the_derivative_of_everything_in_a_firms_weight(estimator: str) -> None:
    """Firms seen once, twice and in all years; averages count the sizes of cohorts."""
    rng = np.random.default_rng(3)
    frame = rows().iloc[:300].assign(weight=lambda f: 1.0)
    frame["firm"] = rng.integers(0, 120, len(frame))
    frame = frame.drop_duplicates(["firm", "year"])
    frame["joined"] = frame.groupby("firm")["joined"].transform(lambda j: j.iloc[0])

    def numbers(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, pd.Index]:
        effect = fit(data, weights="weight", covariates=["x"], estimator=estimator)
        parts = [effect, effect.aggregate("overall"), effect.aggregate("event")]
        both = [
            np.concatenate([p.tidy()["estimate"] for p in parts]),
            np.concatenate([p.baseline for p in parts]),
        ]
        influence = [
            np.column_stack([p.influence for p in parts]),
            np.column_stack([p.baseline_influence for p in parts]),
        ]
        return np.concatenate(both), np.column_stack(influence), effect.firms.index

    _, influence, firms = numbers(frame)
    step = 1e-4
    for position in range(0, len(firms), 20):
        own = frame["firm"] == firms[position]
        up, down = (
            numbers(frame.assign(weight=frame["weight"].where(~own, frame["weight"] * (1 + s))))[0] for s in (step, -step)
        )  # fmt: skip
        np.testing.assert_allclose(
            influence[position], (up - down) / (2 * step) * len(firms), atol=2e-4
        )


def test_a_balanced_panel_gives_the_effects_of_the_panel_estimator() -> None:
    """Without covariates means of changes are changes of means; standard errors too, since a firm's rows are summed."""
    frame, _ = programme(firms=90, periods=5, cohorts=(3, 4), seed=1)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    one = impact.att(panel, "exports", method="group_time")
    two = impact.att(panel, "exports", method="group_time", unbalanced="cross_sections")
    for kind in (None, "overall", "event", "cohort", "calendar"):
        a, b = (e.tidy() if kind is None else e.aggregate(kind).tidy() for e in (one, two))
        for column in ("estimate", "std_error", "band_low"):
            np.testing.assert_allclose(a[column], b[column], rtol=1e-9)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    st.integers(0, 1000),
    st.sampled_from(["dr", "ipw", "reg"]),
    st.floats(0.1, 50),
    st.floats(-9, 9),
)
def test_names_order_units_and_a_constant_column(
    seed: int, estimator: str, scale: float, shift: float
) -> None:
    frame = rows().sample(n=400, random_state=seed)
    one = fit(frame, estimator=estimator, covariates=["x"]).tidy()
    pd.testing.assert_frame_equal(
        one, fit(frame.sample(frac=1.0, random_state=1), estimator=estimator, covariates=["x"]).tidy(), check_exact=True
    )  # fmt: skip
    other = frame.assign(
        y=scale * frame["y"] + shift, firm=-frame["firm"], one=1.0, x=3 * frame["x"] + 1
    )
    two = fit(other, estimator=estimator, covariates=["x", "one"]).tidy()
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(two[column], scale * one[column], rtol=1e-6, atol=1e-9 * scale)


def test_changing_composition_is_not_seen_by_the_plain_difference() -> None:
    """The wrong variant: larger firms are asked later, in both groups but more so among participants; means move with the sample."""
    rng = np.random.default_rng(8)
    n = 6_000
    joined, later = rng.random(n) < 0.5, rng.random(n) < 0.5
    x = rng.normal(size=n) + 0.8 * (joined & later)
    frame = pd.DataFrame(
        {
            "firm": np.arange(n),
            "year": 1 + later,
            "joined": np.where(joined, 2.0, np.nan),
            "x": x,
            "y": x + 0.1 * rng.normal(size=n),
        }
    )
    plain = fit(frame).tidy().iloc[0]
    held = fit(frame, estimator="reg", covariates=["x"]).tidy().iloc[0]
    assert plain["estimate"] > 0.6  # of no effect at all
    assert held["estimate"] > 0.6  # nor does a regression help: participants' own mean has moved
    assert "same kind of firms" in " ".join(fit(frame).notes)


def test_groups_that_lack_a_period() -> None:
    frame = rows()
    effect = fit(frame[~((frame["joined"] == 3) & (frame["year"] == 2))])
    table = effect.tidy().set_index("term")
    assert np.isnan(table.loc["ATT(3,3)", "estimate"]) and np.isfinite(
        table.loc["ATT(4,4)", "estimate"]
    )
    assert any("the cohort is observed in the base period" in note for note in effect.notes)
    with pytest.raises(EstimationError, match="choose from"):
        impact.att(
            impact.panel(frame, unit="firm", time="year", cohort="joined"), "y", method="group_time", unbalanced="rows"
        )  # fmt: skip
