"""`switching` against a slow, plain version of the formulas, and relations that hold whatever the truth."""

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

TWIN = runpy.run_path(str(Path(__file__).parent.parent / "reference" / "switching" / "twin.py"))
some = settings(max_examples=6, deadline=None, derandomize=True)
seeds = st.integers(0, 10_000)


def drawn(seed: int, firms: int = 40, periods: int = 5) -> pd.DataFrame:
    """Every path occurs; two of each kind at least, so that errors are defined."""
    rng = np.random.default_rng(seed)
    kinds = [
        [0] * 5,
        [1] * 5,
        [0, 1, 1, 1, 1],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 1, 1],
        [1, 1, 0, 0, 0],
        [1, 0, 0, 1, 1],
        [0, 0, 0, 1, 1],
    ]
    path = np.array(kinds)[np.concatenate([np.arange(8).repeat(2), rng.integers(0, 8, firms - 16)])]
    y = rng.normal(size=(firms, 1)) + rng.normal(size=(firms, periods)) + 0.8 * path
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(np.arange(1, periods + 1), firms),
            "member": path.ravel(),
            "y": 20 + y.ravel(),
        }
    )


def fit(frame: pd.DataFrame, **options: Any) -> impact.EffectResult:
    weights = "weight" if "weight" in frame else None
    panel = impact.panel(frame, unit="firm", time="year", treatment="member", weights=weights)
    return impact.att(panel, "y", method="switching", **options)


@some
@given(seeds)
def test_horizons_are_the_formula_and_errors_its_derivative(seed: int) -> None:
    frame = drawn(seed)
    paths = TWIN["paths_of"](frame)
    rows = fit(frame, by="horizon").estimates.set_index("event_time")
    assert list(rows.index) == [-3, -2, -1, 0, 1, 2, 3]
    for e in (-3, -2, 0, 1, 2, 3):
        own = TWIN["did"](paths, e)
        assert rows.loc[e, "estimate"] == pytest.approx(own, abs=1e-10)
        error = TWIN["jackknife"](lambda w, e=e: TWIN["did_with_weights"](paths, e, w), list(paths))
        assert rows.loc[e, "std_error"] == pytest.approx(error, rel=1e-6)


@some
@given(seeds)
def test_normalized_and_total_are_the_formula(seed: int) -> None:
    frame = drawn(seed)
    paths = TWIN["paths_of"](frame)
    plain = fit(frame, by="horizon").estimates.set_index("event_time")
    per = fit(frame, normalized=True).estimates.set_index("event_time")
    for e in (-3, -2, 0, 1, 2, 3):
        received = TWIN["mean_received"](paths, e)
        assert per.loc[e, "denominator"] == pytest.approx(received, abs=1e-12)
        assert per.loc[e, "estimate"] == pytest.approx(
            plain.loc[e, "estimate"] / received, abs=1e-10
        )
        assert per.loc[e, "std_error"] == pytest.approx(
            plain.loc[e, "std_error"] / received, rel=1e-10
        )
    total = fit(frame, by="total").estimates.iloc[0]
    assert total["estimate"] == pytest.approx(TWIN["total"](paths), abs=1e-10)


@some
@given(seeds)
def test_adjacent_switches_are_the_formula(seed: int) -> None:
    frame = drawn(seed)
    paths = TWIN["paths_of"](frame)
    rows = fit(frame, effects="instantaneous").estimates
    for kind, (_, row) in zip(
        ("all", "joining", "leaving", "placebo"), rows.iterrows(), strict=True
    ):
        assert row["estimate"] == pytest.approx(TWIN["did_m"](paths, kind), abs=1e-10)
        error = TWIN["jackknife"](lambda w, kind=kind: TWIN["did_m"](paths, kind, w), list(paths))
        assert row["std_error"] == pytest.approx(error, rel=1e-6)


ALL: list[dict[str, Any]] = [{}, {"by": "horizon"}, {"by": "total"}, {"effects": "instantaneous"}]


def same(
    one: impact.EffectResult,
    two: impact.EffectResult,
    scale: float = 1.0,
    error: float | None = None,
) -> None:
    a, b = one.estimates, two.estimates
    assert list(a["term"]) == list(b["term"])
    np.testing.assert_allclose(b["estimate"], scale * a["estimate"], rtol=1e-8, atol=1e-9)
    factor = abs(scale) if error is None else error
    np.testing.assert_allclose(b["std_error"], factor * a["std_error"], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("options", ALL)
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
    same(one, fit(frame.assign(y=5 + 1000 * frame["y"] + frame["firm"]), **options), scale=1000.0)
    twice = pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)])
    if options:  # a cohort of one firm has no error, which two firms have
        same(
            one,
            fit(twice, **options),
            error=np.nan if one.estimates["std_error"].isna().all() else np.sqrt(0.5),
        )


@pytest.mark.parametrize("options", ALL)
def test_in_and_out_swapped_turns_the_sign(options: dict[str, Any]) -> None:
    """Effects of taking part are minus the effects of not taking part."""
    frame = drawn(3, firms=60)
    if options.get("effects") == "instantaneous":
        one, two = (
            fit(f, **options).estimates.set_index("group")
            for f in (frame, frame.assign(member=1 - frame["member"]))
        )
        swap = {"joining": "leaving", "leaving": "joining"}
        for group in one.index:
            assert two.loc[swap.get(group, group), "estimate"] == pytest.approx(
                -one.loc[group, "estimate"], abs=1e-10
            )
            assert two.loc[swap.get(group, group), "std_error"] == pytest.approx(
                one.loc[group, "std_error"], rel=1e-10
            )
        return
    same(
        fit(frame, **options), fit(frame.assign(member=1 - frame["member"]), **options), scale=-1.0
    )


def test_noise_of_those_that_begin_otherwise_changes_nothing() -> None:
    """Firms that enter are never compared with firms that were inside from the start."""
    frame = drawn(5)
    start = frame.groupby("firm")["member"].transform("first")
    noise = np.random.default_rng(1).normal(scale=50, size=len(frame)) * (start == 1)
    same(
        fit(frame, switchers="in", by="horizon"),
        fit(frame.assign(y=frame["y"] + noise), switchers="in", by="horizon"),
    )


def absorbing(seed: int, joined: tuple[float, ...] = (3, 4, 6, np.nan)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n, years = 60, 6
    when = np.array(joined)[np.arange(n) % len(joined)]
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), years),
            "year": np.tile(np.arange(1, years + 1), n),
            "joined": np.repeat(when, years),
            "y": np.repeat(rng.normal(size=n), years) + rng.normal(size=n * years),
        }
    )
    return frame.assign(y=frame["y"] + (frame["year"] >= frame["joined"]))


@pytest.mark.parametrize("joined", [(3, 4, 6, np.nan), (2, 5, 6)])
@some
@given(seed=seeds)
def test_where_nobody_leaves_it_is_group_time_with_not_yet_controls(
    joined: tuple[float, ...], seed: int
) -> None:
    """Cells from joining on are equal, errors too; averages differ in that paths, and so sizes of cohorts, are given here."""
    panel = impact.panel(absorbing(seed, joined), unit="firm", time="year", cohort="joined")
    ours = impact.att(panel, "y", method="switching")
    theirs = impact.att(panel, "y", method="group_time", control="not_yet", base_period="universal")
    one, two = (e.estimates.query("event_time >= 0").set_index("term") for e in (ours, theirs))
    assert list(one.index) == list(two.index)
    np.testing.assert_allclose(one["estimate"], two["estimate"], atol=1e-12)
    np.testing.assert_allclose(one["std_error"], two["std_error"], rtol=1e-10)
    shifted = panel.with_columns(y=panel.data["y"] + 20)
    one, two = (
        impact.att(shifted, "y", method=m, **o).percent().estimates.query("event_time >= 0")
        for m, o in (("switching", {}), ("group_time", {"control": "not_yet"}))
    )
    np.testing.assert_allclose(one["estimate"], two["estimate"], rtol=1e-10)
    np.testing.assert_allclose(one["std_error"], two["std_error"], rtol=1e-10)
    for kind in ("event", "overall", "cohort", "calendar"):
        a, b = (e.aggregate(kind).estimates for e in (ours, theirs))
        if "event_time" in a:
            a, b = a.query("event_time >= 0"), b.query("event_time >= 0")
        np.testing.assert_allclose(a["estimate"], b["estimate"], atol=1e-12)
    total = impact.att(panel, "y", method="switching", by="total").estimates.iloc[0]
    overall = ours.aggregate("overall").estimates.iloc[0]
    assert total["estimate"] == pytest.approx(overall["estimate"], abs=1e-12)
    assert total["std_error"] == pytest.approx(overall["std_error"], rel=1e-10)


def test_placebos_are_those_of_group_time_where_comparison_firms_are_the_same() -> None:
    """One period back they are. Further back they must not join as long after the base, either, which group_time lets them do."""
    panel = impact.panel(absorbing(1, (4, 5, np.nan)), unit="firm", time="year", cohort="joined")
    theirs = impact.att(panel, "y", method="group_time", control="not_yet", base_period="universal")
    one = impact.att(panel, "y", method="switching").estimates.set_index("term")
    two = theirs.estimates.set_index("term")
    for term in ("ATT(4,2)", "ATT(5,3)", "ATT(5,2)"):
        assert one.loc[term, "estimate"] == pytest.approx(two.loc[term, "estimate"], abs=1e-12)
        assert one.loc[term, "std_error"] == pytest.approx(two.loc[term, "std_error"], rel=1e-10)
    assert (one.loc["ATT(4,1)", "n_control"], two.loc["ATT(4,1)", "n_control"]) == (20, 40)


def test_two_periods_are_two_by_two_also_in_per_cent() -> None:
    frame = absorbing(2, (2, np.nan)).query("year <= 2")
    panel = impact.panel(frame.assign(y=frame["y"] + 20), unit="firm", time="year", cohort="joined")
    theirs = impact.att(panel, "y", method="two_by_two")
    instant = impact.att(panel, "y", method="switching", effects="instantaneous")
    total = impact.att(panel, "y", method="switching", by="total")
    for ours in (instant, total):
        for a, b in ((ours, theirs), (ours.percent(), theirs.percent())):
            assert a.estimates["estimate"][0] == pytest.approx(
                b.estimates["estimate"][0], rel=1e-10
            )
            assert a.estimates["std_error"][0] == pytest.approx(
                b.estimates["std_error"][0], rel=1e-10
            )
