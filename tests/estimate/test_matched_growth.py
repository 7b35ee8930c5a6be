"""Matched effects in per cent, and by growth: against plain means, derivatives, and each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, EstimationError
from impact.estimate.effect import EffectResult


def drawn(seed: int, *, firms: int = 160, periods: int = 5, missing: float = 0.0) -> pd.DataFrame:
    """Cohorts 3 and 4 and firms that never join, counts with zeros; levels and growth depend on size."""
    rng = np.random.default_rng(seed)
    joined = np.array([3.0, 4.0, np.nan, np.nan, np.nan])[np.arange(firms) % 5]
    size = rng.normal(size=firms) + 0.3 * np.isfinite(joined)
    t = np.arange(1, periods + 1)
    index = (0.8 + 0.5 * rng.normal(size=firms) + 0.2 * size)[:, None]
    index = index + (0.1 + 0.05 * size[:, None]) * t + 0.3 * (t >= joined[:, None])
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(t, firms),
            "joined": np.repeat(joined, periods),
            "size": np.repeat(size, periods),
            "town": np.repeat(np.where(size > 0, "a", "b"), periods),
            "weight": 1.0,
            "exports": rng.poisson(np.exp(index)).ravel().astype(float),
        }
    )
    return frame[rng.random(len(frame)) >= missing].reset_index(drop=True)


DESIGNS: dict[str, dict[str, Any]] = {
    "pairs": {"on": ["size"]},
    "two controls": {"on": ["size"], "ratio": 2},
    "exact": {"on": ["town"], "method": "exact"},
    "ipw": {"on": ["size"], "method": "ipw"},
    "entropy": {"on": ["size"], "method": "entropy"},
}


def match(frame: pd.DataFrame, design: str) -> impact.MatchResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    return impact.match(panel, **DESIGNS[design])


def fit(matched: impact.MatchResult, family: str, **asked: Any) -> EffectResult:
    return impact.att(matched, "exports", **{"method": "matched_did", "family": family, **asked})


@pytest.mark.parametrize("design", ["pairs", "exact", "ipw", "entropy"])
def test_four_weighted_means(design: str) -> None:
    """From the weights that the match prints."""
    frame = drawn(1)
    matched = match(frame, design)
    growth, change = (fit(matched, family) for family in ("poisson", "gaussian"))
    wide = frame.pivot(index="firm", columns="year", values="exports")
    pool = matched.candidates
    if design == "pairs":
        rows = [(c, u, d) for c, a, b in matched.pairs[["cohort", "treated", "control"]].itertuples(index=False) for u, d in ((a, True), (b, False))]  # fmt: skip
        pool = pd.DataFrame(rows, columns=["cohort", "unit", "treated"]).assign(weight=1.0)
    for i, cell in growth.tidy().iterrows():
        own = pool[(pool["cohort"] == cell["cohort"]) & (pool["weight"] > 0)]
        mean = {
            (arm, t): np.average(wide.loc[part["unit"], t], weights=part["weight"])
            for arm, part in own.groupby(own["treated"].astype(bool))
            for t in (cell["cohort"] - 1, cell["time"])
        }
        before, after = cell["cohort"] - 1, cell["time"]
        without = mean[True, before] * mean[False, after] / mean[False, before]
        assert cell["estimate"] == pytest.approx(mean[True, after] - without, rel=1e-9, abs=1e-9)
        assert growth.baseline[i] == pytest.approx(without, rel=1e-9)
        moved = mean[True, before] + mean[False, after] - mean[False, before]
        assert change.baseline[i] == pytest.approx(moved, rel=1e-9)


def test_pairs_are_group_time_on_the_pairs_of_a_cohort() -> None:
    """One cohort matched in pairs: group_time's numbers by growth; errors of sets, as these are the clusters."""
    frame = drawn(2).query("joined != 4")
    matched = match(frame, "pairs")
    mine = fit(matched, "poisson")
    other = impact.att(
        matched, "exports", method="group_time", family="poisson", base_period="universal"
    )
    rows = other.tidy().query("estimate != 0")
    np.testing.assert_allclose(mine.tidy()["estimate"], rows["estimate"], rtol=1e-10)
    np.testing.assert_allclose(mine.baseline, other.baseline[rows.index], rtol=1e-10)
    number = dict(
        zip(
            [*matched.pairs["treated"], *matched.pairs["control"]],
            [*matched.pairs["pair"], *matched.pairs["pair"]],
            strict=True,
        )
    )
    panel = impact.panel(
        frame[frame["firm"].isin(number)].assign(pair=lambda x: x["firm"].map(number)),
        unit="firm",
        time="year",
        cohort="joined",
    )
    by_pair = impact.att(
        panel, "exports", method="group_time", family="poisson", base_period="universal", cluster="pair"
    )  # fmt: skip
    for one, two in ((mine, by_pair), (mine.percent(), by_pair.percent())):
        errors = two.tidy()["std_error"][rows.index]
        np.testing.assert_allclose(one.tidy()["std_error"], errors, rtol=1e-9)


@pytest.mark.parametrize("design", ["ipw", "entropy"])
@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_influence_in_per_cent_is_what_leaving_a_firm_out_does(design: str, family: str) -> None:
    """Weights are estimated anew without the firm."""
    frame = drawn(3)
    effect = fit(match(frame, design), family).aggregate().percent()
    inside = effect.firms.index
    frame, whole = frame[frame["firm"].isin(inside)], effect.tidy()["estimate"].item()
    told = effect.influence.to_numpy()[:, 0]
    scale = float(np.abs(told).mean())
    for position in range(0, len(inside), 30):
        part = match(frame[frame["firm"] != inside[position]], design)
        without = fit(part, family).aggregate().percent().tidy()["estimate"].item()
        moved = (len(inside) - 1) * (whole - without)
        assert told[position] == pytest.approx(moved, rel=0.1, abs=0.1 * scale)


@pytest.mark.proof
@pytest.mark.parametrize("design", ["ipw", "entropy"])
@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_jackknife_of_matched_per_cent(design: str, family: str) -> None:
    frame = drawn(3, firms=250)
    effect = fit(match(frame, design), family).aggregate().percent()
    inside = effect.firms.index
    frame = frame[frame["firm"].isin(inside)]
    found = [
        fit(match(frame[frame["firm"] != firm], design), family)
        .aggregate()
        .percent()
        .tidy()["estimate"]
        .item()
        for firm in inside
    ]
    error = np.sqrt((len(found) - 1) * np.var(found))
    assert effect.tidy()["std_error"].item() == pytest.approx(error, rel=0.05)


def test_the_year_of_joining_in_per_cent_of_the_controls() -> None:
    frame = drawn(4)
    matched = match(frame, "pairs")
    effect = impact.att(matched, "exports", method="at_joining")
    wide = frame.pivot(index="firm", columns="year", values="exports")
    for i, g in enumerate((3, 4)):
        others = wide.loc[matched.pairs.query("cohort == @g")["control"], g].mean()
        assert effect.baseline[i] == pytest.approx(others)
    assert effect.aggregate().percent().tidy()["std_error"].notna().all()


def test_unbalanced_and_limits() -> None:
    effect = fit(match(drawn(5, missing=0.1), "pairs"), "poisson")
    assert effect.percent().tidy()["std_error"].notna().all()
    frame = drawn(5)
    gone = frame["joined"].isna() & (frame["year"] == 5)
    effect = fit(
        match(frame.assign(exports=frame["exports"].where(~gone, 0.0)), "pairs"), "poisson"
    )
    assert effect.tidy().query("time == 5")["estimate"].isna().all()
    assert effect.tidy().query("time < 5")["estimate"].notna().all()
    assert any("nothing tells what there is to lose" in note for note in effect.notes)
    frame.loc[7, "exports"] = -3.0
    with pytest.raises(DataError, match="0 or more"):
        fit(match(frame, "pairs"), "poisson")
    with pytest.raises(EstimationError, match="these have it: 'group_time', 'matched_did'"):
        fit(match(drawn(5), "pairs"), "poisson", method="at_joining")


# Other baselines ---------------------------------------------------------------------------------


def test_baseline_of_unweighted_stacks() -> None:
    """One stack: that of the corrected weights; several: their mean with the regression's weights, with its derivative."""
    frame = drawn(6)

    def run(rows: pd.DataFrame, weights: str) -> EffectResult:
        panel = impact.panel(rows, unit="firm", time="year", cohort="joined", weights="weight")
        return impact.att(
            panel, "exports", method="stacked", kappa_pre=2, kappa_post=1, weights=weights
        )

    one = frame.query("joined != 4")
    a, b = (run(one, kind).percent().tidy() for kind in ("none", "corrected"))
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(a[column], b[column], rtol=1e-9)
    effect = run(frame, "none")
    assert np.isnan(effect.percent().tidy()["estimate"][1])
    share = effect.percent()
    firms, step = effect.firms.index, 1e-5
    for position in range(0, len(firms), 40):
        own = frame["firm"] == firms[position]
        there, back = (
            run(frame.assign(weight=frame["weight"].where(~own, 1 + s)), "none").percent().tidy()
            for s in (step, -step)
        )
        slope = (there["estimate"] - back["estimate"]) / (2 * step) * len(firms)
        # The regression's scores take the shares of participants within a stack as given, to first order.
        np.testing.assert_allclose(
            share.influence.to_numpy()[position], slope, atol=1e-2, rtol=1e-2
        )


@pytest.mark.parametrize("asked", [{}, {"average": True}, {"covariates": ["size"]}], ids=str)
def test_two_by_two(asked: dict[str, Any]) -> None:
    """Against group_time where it is one of its cells; its influence is the derivative."""
    frame = drawn(7)

    def run(rows: pd.DataFrame) -> EffectResult:
        panel = impact.panel(rows, unit="firm", time="year", cohort="joined", weights="weight")
        return impact.att(
            panel, "exports", method="two_by_two", family="poisson", cohort=3, **asked
        )

    effect = run(frame)
    if "average" not in asked:
        panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
        cells = impact.att(panel, "exports", method="group_time", family="poisson", **asked)
        cell = cells.tidy().query("cohort == 3 and time == 3").iloc[0]
        got = effect.tidy().iloc[0]
        assert got["estimate"] == pytest.approx(cell["estimate"], rel=1e-10)
        assert got["std_error"] == pytest.approx(cell["std_error"], rel=1e-10)
    firms, step = effect.firms.index, 1e-5
    for position in range(0, len(firms), 40):
        own = frame["firm"] == firms[position]
        there, back = (
            run(frame.assign(weight=frame["weight"].where(~own, 1 + s))).percent().tidy()
            for s in (step, -step)
        )
        slope = (there["estimate"] - back["estimate"]).item() / (2 * step) * len(firms)
        got = effect.percent().influence.to_numpy()[position, 0]
        assert got == pytest.approx(slope, abs=1e-3, rel=1e-4)
