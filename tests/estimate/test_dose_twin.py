"""`dose` against a slow, plain version, and relations that hold whatever the truth."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact

Twin = runpy.run_path(str(Path(__file__).parent.parent / "reference" / "dose" / "twin.py"))["Twin"]
some = settings(max_examples=4, deadline=None, derandomize=True)
seeds = st.integers(0, 10_000)


def drawn(seed: int, firms: int = 40, periods: int = 5) -> pd.DataFrame:
    """Two cohorts and as many firms that never join, with doses, some of them the same."""
    rng = np.random.default_rng(seed)
    joined = np.array([3.0, 4.0, np.nan, np.nan])[np.arange(firms) % 4]
    hours = np.where(np.isnan(joined), 0.0, np.round(rng.uniform(1, 9, firms), 1))
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(np.arange(1, periods + 1), firms),
            "joined": np.repeat(joined, periods),
            "hours": np.repeat(hours, periods),
        }
    )
    treated = frame["year"] >= frame["joined"]
    noise = rng.normal(size=len(frame))
    return frame.assign(
        y=20 + np.repeat(rng.normal(size=firms), periods) + 0.2 * frame["hours"] * treated + noise
    )


def fit(frame: pd.DataFrame, **options: Any) -> impact.EffectResult:
    weights = "weight" if "weight" in frame else None
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    return impact.att(panel, "y", method="dose", dose="hours", **options)


@pytest.mark.parametrize("average", ["overall", "cohort"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@some
@given(seed=seeds)
def test_bins_are_means_over_years_of_their_firms(control: str, average: str, seed: int) -> None:
    frame = drawn(seed)
    rows = fit(frame, bins=[3.0, 6.0], control=control, average=average).estimates
    twin = Twin(frame, "hours", control, average)
    limits = [(0, np.inf), (0, 3.0), (3.0, 6.0), (6.0, np.inf)]
    for (low, high), (_, row) in zip(limits, rows.iterrows(), strict=True):

        def estimate(w: np.ndarray, low: float = low, high: float = high) -> float:
            return float(twin.mean(lambda d: (d > low) & (d <= high), w))

        assert row["estimate"] == pytest.approx(estimate(twin.even), abs=1e-10)
        assert row["std_error"] == pytest.approx(twin.error(estimate), rel=1e-6)


@pytest.mark.parametrize("shape", ["linear", "quadratic", "spline"])
@some
@given(seed=seeds)
def test_curves_are_fitted_in_cells_and_averaged(shape: str, seed: int) -> None:
    frame = drawn(seed)
    twin = Twin(frame, "hours", "never", "overall")
    for curve, kind in (("level", "ATT"), ("slope", "ACRT")):
        rows = fit(frame, shape=shape, curve=curve, at=[3.0, 5.5]).estimates
        for _, row in rows.iterrows():
            if kind == "ATT" and np.isnan(row["dose"]):
                continue

            def estimate(w: np.ndarray, at: float = row["dose"], kind: str = kind) -> float:
                return float(twin.curve(at, kind, shape, w))

            assert row["estimate"] == pytest.approx(estimate(twin.even), abs=1e-9)
            assert row["std_error"] == pytest.approx(twin.error(estimate), rel=1e-6)


@pytest.mark.parametrize("control", ["never", "not_yet"])
@some
@given(seed=seeds)
def test_the_average_is_the_overall_of_group_time(control: str, seed: int) -> None:
    frame = drawn(seed)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    theirs = impact.att(panel, "y", method="group_time", control=control).aggregate("overall")
    for options in ({}, {"shape": "quadratic"}):
        ours = fit(frame, control=control, **options)
        for column in ("estimate", "std_error"):
            assert ours.estimates[column][0] == pytest.approx(
                theirs.estimates[column][0], rel=1e-10
            )
        assert ours.estimates["n_control"][0] == theirs.estimates["n_control"][0]
        one, two = ours.percent().estimates, theirs.percent().estimates
        for column in ("estimate", "std_error"):
            assert one[column][0] == pytest.approx(two[column][0], rel=1e-9)


def test_one_cohort_and_two_periods_are_two_by_two() -> None:
    frame = drawn(2)
    frame = frame[(frame["year"] <= 3) & (frame["year"] >= 2) & (frame["joined"] != 4)]
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    theirs = impact.att(panel, "y", method="two_by_two").estimates
    for options in ({}, {"shape": "linear"}):
        ours = fit(frame, **options).estimates
        assert ours["estimate"][0] == pytest.approx(theirs["estimate"][0], abs=1e-10)
        assert ours["std_error"][0] == pytest.approx(theirs["std_error"][0], rel=1e-10)


@some
@given(seed=seeds)
def test_bins_average_to_the_whole(seed: int) -> None:
    frame = drawn(seed)
    rows = fit(frame, bins=3).estimates
    one = frame.drop_duplicates("firm")
    years = (6 - one["joined"]).to_numpy()
    size, left = [], one["hours"].to_numpy()
    for b in range(3):
        low, high = (
            float(x)
            for x in rows["term"][b + 1].removeprefix("ATT(dose ").removesuffix(")").split(" to ")
        )
        size.append(np.nansum(years[(left >= low) & (left <= high)]))
    assert np.average(rows["estimate"][1:], weights=size) == pytest.approx(
        rows["estimate"][0], abs=1e-10
    )
    assert rows["n_treated"][1:].sum() == rows["n_treated"][0] == one["joined"].notna().sum()


def test_all_one_bin_is_the_average_and_one_dose_has_no_slope() -> None:
    rows = fit(drawn(1), bins=1).estimates
    for column in ("estimate", "std_error", "n_treated", "n_control"):
        assert rows[column][0] == rows[column][1]


OPTIONS: list[dict[str, Any]] = [
    {},
    {"bins": [4.0]},
    {"shape": "linear"},
    {"shape": "spline", "knots": 1, "at": [3.0, 6.0]},
    {"shape": "quadratic", "curve": "slope"},
]


def same(
    one: impact.EffectResult,
    two: impact.EffectResult,
    scale: float = 1.0,
    error: float | None = None,
    tol: float = 1e-8,
) -> None:
    a, b = one.estimates, two.estimates
    np.testing.assert_allclose(
        b["estimate"], scale * a["estimate"], rtol=tol, atol=tol * max(1.0, abs(scale))
    )
    factor = abs(scale) if error is None else error
    np.testing.assert_allclose(b["std_error"], factor * a["std_error"], rtol=tol, atol=tol)


@pytest.mark.parametrize("options", OPTIONS)
@some
@given(seed=seeds)
def test_relations(options: dict[str, Any], seed: int) -> None:
    frame = drawn(seed)
    one = fit(frame, **options)
    shuffled = frame.sample(frac=1.0, random_state=seed)
    pd.testing.assert_frame_equal(
        one.estimates, fit(shuffled, **options).estimates, check_exact=True
    )
    names = np.random.default_rng(seed).permutation(1000)
    same(one, fit(frame.assign(firm=[f"x{names[i]}" for i in frame["firm"]]), **options))
    same(
        one,
        fit(frame.assign(y=5 + 1000 * frame["y"] + frame["firm"] + frame["year"]), **options),
        scale=1000.0,
    )
    twice = pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)])
    if "knots" not in options:  # quantiles of doubled doses lie elsewhere, a little
        same(one, fit(twice, **options), error=np.sqrt(0.5))
        heavy = frame["firm"] % 3 == 0
        both = pd.concat([frame, frame[heavy].assign(firm=frame["firm"] + 1000)])
        weighted = fit(frame.assign(weight=np.where(heavy, 2.0, 1.0)), **options)
        np.testing.assert_allclose(
            fit(both, **options).estimates["estimate"], weighted.estimates["estimate"], atol=1e-9
        )


@pytest.mark.parametrize("options", OPTIONS)
def test_another_unit_of_the_dose(options: dict[str, Any]) -> None:
    """Minutes instead of hours: effects are the same, slopes per unit are a sixtieth."""
    frame = drawn(4)
    asked = dict(options)
    for name in ("bins", "at"):
        if name in asked:
            asked[name] = [60 * x for x in asked[name]]
    one, two = fit(frame, **options), fit(frame.assign(hours=60 * frame["hours"]), **asked)
    same(one, two, scale=1 / 60 if options.get("curve") == "slope" else 1.0)
    np.testing.assert_allclose(two.estimates["dose"], 60 * one.estimates["dose"])


def test_noise_of_not_yet_joined_firms_is_used_when_asked_only() -> None:
    frame = drawn(6)
    noise = (
        np.random.default_rng(1).normal(scale=50, size=len(frame))
        * (frame["joined"] == 4)
        * (frame["year"] < 3)
    )
    same(fit(frame), fit(frame.assign(y=frame["y"] + noise * 0)))
    later = frame.assign(y=frame["y"] + noise)
    early = frame["joined"] != 4
    same(fit(frame[early]), fit(later[early]))
