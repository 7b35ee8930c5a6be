"""Words that an effect leaves with, and numbers at the edges: per cent near -100, huge outcomes, digits of a summary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import impact
from impact.core.errors import DesignError, EstimationError
from impact.core.inference import critical_value, ratio_interval
from impact.display.digits import table_text
from impact.estimate.effect import EffectResult
from impact.simulate.programme import programme


def fit(method: str, scale: float = 1.0, shift: float = 10.0, firms: int = 120, **more: Any) -> EffectResult:  # fmt: skip
    frame, _ = programme(firms=firms, periods=6, cohorts=(3, 5), seed=1)
    rows = frame.assign(exports=scale * (frame["exports"] + shift))
    panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    return impact.att(panel, "exports", method=method, **more)


def test_two_way_warning_has_no_sign() -> None:
    said = fit("twfe").notes[0]
    assert "grow, fade or differ" in said and "whose changes of effect are subtracted" in said


def leaving(holes: float) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    firms, years = 60, 8
    first = np.where(np.arange(firms) < 20, 3, np.where(np.arange(firms) < 40, 5, 99))
    last = np.where(np.arange(firms) % 3 == 0, 7, 99)
    firm, year = np.repeat(np.arange(firms), years), np.tile(np.arange(1, years + 1), firms)
    d = ((year >= first[firm]) & (year < last[firm])).astype(int)
    frame = pd.DataFrame({"firm": firm, "year": year, "d": d, "y": rng.normal(size=firms * years) + d})  # fmt: skip
    frame.loc[rng.random(len(frame)) < holes, "y"] = np.nan
    return frame


def test_switching_does_not_say_that_effects_are_counted_on_after_leaving() -> None:
    panel = impact.panel(leaving(0.0), unit="firm", time="year", treatment="d")
    assert any("counted from the first year on" in note for note in panel.notes)
    for by in ("cohort", "horizon", "total"):
        notes = impact.att(panel, "y", method="switching", by=by).notes
        assert not any("counted from the first year on" in note for note in notes)
    instant = impact.att(panel, "y", method="switching", effects="instantaneous").notes
    assert not any("counted from the first year on" in note for note in instant)


@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_switching_says_where_averages_weight_by_firms_that_are_not_compared(holes: float) -> None:
    panel = impact.panel(leaving(holes), unit="firm", time="year", treatment="d")
    event = impact.att(panel, "y", method="switching").aggregate("event")
    exact = impact.att(panel, "y", method="switching", by="horizon")
    both = event.tidy().merge(exact.tidy(), on="event_time").dropna(subset=["std_error_x"])
    differ = not np.allclose(both["estimate_x"], both["estimate_y"], rtol=1e-9, atol=1e-12)
    said = any("by='horizon' weights by the firms" in note for note in event.notes)
    assert said == differ == (holes > 0)


def test_stacked_says_that_its_averages_end_with_the_window() -> None:
    notes = fit("stacked", kappa_pre=1, kappa_post=1).aggregate("overall").notes
    assert any(
        "the window only, the period of joining and the period after it" in note for note in notes
    )


@pytest.mark.parametrize(("late", "warned"), [(8, True), (60, False)])
def test_matched_did_says_at_which_event_times_participants_are_few(late: int, warned: bool) -> None:  # fmt: skip
    rng = np.random.default_rng(1)
    joined = np.repeat([3.0, 5.0, np.nan], [late, 60, 200])
    n, years = len(joined), 6
    frame = pd.DataFrame({"firm": np.repeat(np.arange(n), years), "year": np.tile(np.arange(1, years + 1), n), "joined": np.repeat(joined, years)})  # fmt: skip
    frame = frame.assign(x=rng.normal(size=n * years), y=rng.normal(size=n * years))
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    notes = impact.att(impact.match(panel, on=["x"]), "y", method="matched_did").notes
    said = [note for note in notes if note.startswith("Some years after joining")]
    assert bool(said) == warned
    if warned:
        assert "event time 2: 8, event time 3: 8" in said[0]


def test_etwfe_logit_says_its_unit() -> None:
    frame, _ = programme(firms=120, periods=5, cohorts=(3,), seed=1)
    yes = frame.assign(exports=(frame["exports"] > 0).astype(int))
    panel = impact.panel(yes, unit="firm", time="year", cohort="joined")
    for scale, words in (("response", "times 100 they are percentage points"), ("link", "log odds, not of a probability")):  # fmt: skip
        effect = impact.att(panel, "exports", method="etwfe", family="logit", scale=scale)
        assert any(words in note for note in effect.notes)


def test_pretrends_say_their_unit() -> None:
    effect = fit("group_time")
    assert "in the unit of exports" in str(impact.check(effect, ["pretrends"]))


def test_per_cent_intervals_are_of_the_logarithm_of_the_ratio() -> None:
    plain = fit("group_time", firms=24, shift=0.5).aggregate("event")
    share = plain.percent()
    table = share.tidy()
    known = table["std_error"].notna() & (table["estimate"] > -100)
    assert known.sum() >= 3
    ratio, se = 1 + table["estimate"] / 100, table["std_error"] / 100
    for end, sign in (("conf_low", -1), ("conf_high", 1)):
        wanted = 100 * np.expm1(np.log(ratio) + sign * critical_value(0.95) * se / ratio)
        np.testing.assert_allclose(table.loc[known, end], wanted[known], rtol=1e-9)
    ends = table.loc[known, ["conf_low", "band_low"]]
    assert (ends > -100).all(axis=None)
    assert (table["conf_low"] >= table["band_low"] - 1e-9)[known].all()
    assert (table["conf_high"] - table["estimate"] > table["estimate"] - table["conf_low"])[known].all()  # fmt: skip
    # The hypothesis is that of the effect, and the error still the delta method's.
    told = table["std_error"].notna()
    pd.testing.assert_series_equal(table.loc[told, "p_value"], plain.tidy().loc[told, "p_value"])
    symmetric = table["estimate"] - critical_value(0.95) * table["std_error"]
    assert (symmetric[known] < -100).any()  # what was printed before


def test_per_cent_of_a_poisson_effect_is_the_exponential_of_its_interval() -> None:
    """Two groups, two periods: the log of the ratio is the coefficient, and its interval exponentiated that of the ratio."""
    rng = np.random.default_rng(3)
    n = 60
    frame = pd.DataFrame({"firm": np.repeat(np.arange(n), 2), "year": np.tile([1, 2], n)})
    frame["joined"] = np.where(frame["firm"] < 30, 2.0, np.nan)
    frame["exports"] = rng.poisson(3.0, size=2 * n).astype(float)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    share = impact.att(panel, "exports", method="etwfe", family="poisson").percent().tidy().iloc[0]
    link = impact.att(panel, "exports", method="etwfe", family="poisson", scale="link").tidy().iloc[0]  # fmt: skip
    for column in ("estimate", "conf_low", "conf_high"):
        assert share[column] == pytest.approx(100 * np.expm1(link[column]), rel=1e-8)


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 10), st.floats(0.5, 5))
def test_ratio_intervals_hold_the_ratio_and_turn_with_it(ratio: float, relative: float, critical: float) -> None:  # fmt: skip
    (low,), (high,) = ratio_interval(ratio, relative * ratio, critical=critical)
    assert 0 <= low < ratio < high
    (up,), (down,) = ratio_interval(1 / ratio, relative / ratio, critical=critical)
    assert up == pytest.approx(1 / high) and down == pytest.approx(1 / low)


def test_a_ratio_that_is_not_above_zero_has_no_interval() -> None:
    low, high = ratio_interval([0.0, -0.5, 2.0, 2.0], [0.1, 0.1, 0.0, np.nan], critical=1.96)
    assert np.isnan(low).all() and np.isnan(high).all()
    frame, _ = programme(firms=60, periods=4, cohorts=(3,), seed=1)
    nothing = (frame["year"] >= frame["joined"]) & frame["joined"].notna()
    rows = frame.assign(exports=np.where(nothing, 0.0, frame["exports"] + 10))
    panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    share = impact.att(panel, "exports", method="group_time").aggregate("overall").percent()
    row = share.tidy().iloc[0]
    assert row["estimate"] == pytest.approx(-100) and np.isnan(row["conf_low"])
    assert any("not above 0: ATT" in note for note in share.notes)


def test_digits_of_a_summary_follow_the_errors() -> None:
    euros = fit("group_time", scale=1e5).aggregate("overall").summary().splitlines()[1].split()
    assert euros[1:3] == ["32,993", "12,360"]
    small = pd.DataFrame({"term": ["a", "b"], "estimate": [0.00123, np.nan], "std_error": [0.00045, np.nan], "p_value": [1e-9, np.nan], "n_treated": [3, 4]})  # fmt: skip
    text = table_text(small)
    assert "0.001230" in text and "0.000450" in text and "< 0.0001" in text and "NaN" in text
    assert "0.1234" in table_text(pd.DataFrame({"estimate": [0.1234], "std_error": [0.0124]}))


@pytest.mark.parametrize("scale", [1e160, 1e200, 1e300])
def test_synthetic_refuses_outcomes_whose_squares_overflow(scale: float) -> None:
    with pytest.raises(EstimationError, match="Express it in a larger unit"):
        fit("synthetic", scale=scale)


def test_overlap_after_entropy_names_a_method_that_has_a_score() -> None:
    frame, _ = programme(firms=60, periods=4, cohorts=(3,), seed=1)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    with pytest.raises(DesignError, match="method='nearest', distance='logit'"):
        impact.match(panel, on=["exports"], method="entropy").overlap()


def test_the_sentence_on_a_match_counts_all_participants() -> None:
    frame, _ = programme(firms=60, periods=4, cohorts=(3,), seed=1)
    frame.loc[frame["firm"].isin(frame["firm"].unique()[:4]), "exports"] = np.nan
    joined = frame.groupby("firm")["joined"].first()
    without = int(joined.iloc[:4].notna().sum())
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    said = impact.match(panel, on=["exports"], distance="exports", caliper=None, ratio=1, replace=True).methods_sentence()  # fmt: skip
    whole = int(joined.notna().sum())
    assert without and f"of {whole - without} participants with known covariates ({whole} participate in all)" in said  # fmt: skip
