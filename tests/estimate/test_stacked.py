"""`impact.att(..., method="stacked")`: other packages, literal stacked regressions, who is in a stack, relations, coverage."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import EstimationError
from impact.estimate.aggregate import overall_of
from impact.simulate.programme import programme

REFERENCE = Path(__file__).parent.parent / "reference"
FIRMS = runpy.run_path(str(REFERENCE / "twfe" / "reader.py"))["firms"]
STACKED = runpy.run_path(str(REFERENCE / "stacked" / "reader.py"))
PACKAGES = STACKED["references"]()
SETTINGS = [
    (2, 1, "not_yet"),
    (3, 1, "not_yet"),
    (1, 0, "not_yet"),
    (2, 2, "never"),
    (3, 1, "never"),
]


def fit(frame: pd.DataFrame, pre: int = 2, post: int = 1, **asked: Any) -> impact.EffectResult:
    sampling = asked.pop("sampling", None)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=sampling)
    return impact.att(panel, "exports", method="stacked", kappa_pre=pre, kappa_post=post, **asked)


def event(effect: impact.EffectResult) -> pd.DataFrame:
    """Event times but the reference."""
    whole = effect if effect.aggregation == "event" else effect.aggregate("event")
    return whole.tidy().query("event_time != -1").set_index("event_time")


def packages(setting: tuple[int, int, str], weights: str) -> pd.DataFrame:
    same = (PACKAGES[["kappa_pre", "kappa_post", "control"]] == list(setting)).all(axis=1)
    found = PACKAGES[same & (PACKAGES["weights"] == weights)]
    return found.query("event_time != -1").set_index("event_time")


def stack(frame: pd.DataFrame, pre: int, post: int, control: str) -> pd.DataFrame:
    """All stacks below each other, with the corrective weights `q` of Wing, Freedman and Hollingsworth."""
    parts = []
    for g in sorted(frame["joined"].dropna().unique()):
        if g - pre < frame["year"].min() or g + post > frame["year"].max():
            continue
        clean = frame["joined"].isna()
        if control == "not_yet":
            clean |= frame["joined"] > g + post
        part = frame[((frame["joined"] == g) | clean) & frame["year"].between(g - pre, g + post)]
        whole = part.groupby("firm")["exports"].transform("count") == pre + post + 1
        part = part[whole].assign(stack=g, event=lambda d, g=g: (d["year"] - g).astype(int), own=lambda d, g=g: (d["joined"] == g).astype(float))  # fmt: skip
        parts.append(part)
    data = pd.concat(parts, ignore_index=True)
    number = data.groupby(["stack", "own"])["firm"].nunique()
    of = number.groupby("own").sum()
    share = {k: number[k] / of[k[1]] for k in number.index}
    data["q"] = [1.0 if d else share[s, 1.0] / share[s, 0.0] for s, d in zip(data["stack"], data["own"], strict=True)]  # fmt: skip
    return data


def pooled(data: pd.DataFrame, *, corrected: bool) -> tuple[pd.Series, pd.Series, int]:
    """The paper's regression: constant, participation, event times and their products; errors of statsmodels by firm."""
    events = sorted(set(data["event"]) - {-1})
    x = pd.DataFrame({"one": 1.0, "own": data["own"]})
    for e in events:
        x[f"t{e}"] = (data["event"] == e).astype(float)
    for e in events:
        x[f"d{e}"] = data["own"] * (data["event"] == e)
    groups = pd.factorize(data["firm"])[0]
    model = sm.WLS(data["exports"], x, weights=data["q"] if corrected else np.ones(len(data)))
    got = model.fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False})
    names = [f"d{e}" for e in events]
    return got.params[names].set_axis(events), got.bse[names].set_axis(events), x.shape[1]


# Other people's numbers, and literal regressions -------------------------------------------------


@pytest.mark.parametrize("setting", SETTINGS)
def test_effects_of_diff_diff_and_of_the_weighted_regression(setting: tuple[int, int, str]) -> None:
    pre, post, control = setting
    frame = FIRMS("plain")
    mine = event(fit(frame, pre, post, control=control))
    theirs = packages(setting, "corrected")
    data = stack(frame, pre, post, control)
    slopes, errors, k = pooled(data, corrected=True)
    np.testing.assert_allclose(mine["estimate"], theirs["estimate"], atol=1e-9)
    np.testing.assert_allclose(mine["estimate"], slopes, atol=1e-10)
    # diff-diff's error is that of the regression with the factor G/(G-1) x (N-1)/(N-K).
    g, n = data["firm"].nunique(), len(data)
    factor = np.sqrt(g / (g - 1) * (n - 1) / (n - k))
    np.testing.assert_allclose(theirs["std_error"], errors * factor, atol=1e-9)
    np.testing.assert_allclose(mine["std_error"], errors, rtol=0.05)  # see the next test


@pytest.mark.parametrize("setting", SETTINGS)
def test_how_the_error_of_the_pooled_regression_differs(setting: tuple[int, int, str]) -> None:
    """It attributes what stacks' comparison firms differ in growth to these firms, and none of it to the numbers of participants."""
    pre, post, control = setting
    frame = FIRMS("plain")
    effect = fit(frame, pre, post, control=control)
    data = stack(frame, pre, post, control)
    wide = frame.pivot(index="firm", columns="year", values="exports")
    _, errors, _ = pooled(data, corrected=True)
    of_event = effect.aggregate("event")
    n = len(effect.firms)
    for e, error in errors.items():
        column = of_event.influence[f"ATT(e={e})"].copy()
        size = data[data["own"] == 1].groupby("stack")["firm"].nunique()
        share = size / size.sum()
        growth = {}
        for g in share.index:
            inside = data[(data["stack"] == g) & (data["own"] == 0)]["firm"].unique()
            growth[g] = (wide.loc[inside, g + e] - wide.loc[inside, g - 1]).mean()
        mean = sum(share[g] * growth[g] for g in share.index)
        for g in share.index:
            rows = data[data["stack"] == g]
            own, others = (rows[rows["own"] == d]["firm"].unique() for d in (1, 0))
            column.loc[own] += n / size.sum() * (growth[g] - mean)
            column.loc[others] -= n * share[g] / len(others) * (growth[g] - mean)
        assert float(np.sqrt((column**2).sum()) / n) == pytest.approx(error, abs=1e-10)


@pytest.mark.parametrize("setting", SETTINGS)
def test_errors_of_the_saturated_regression_where_shares_are_given(
    setting: tuple[int, int, str],
) -> None:
    """With effects of each stack, and averages with fixed weights, statsmodels' cluster errors are ours."""
    from dataclasses import replace

    pre, post, control = setting
    frame = FIRMS("plain")
    effect = fit(frame, pre, post, control=control)
    mine = event(replace(effect, fixed_shares=True))
    data = stack(frame, pre, post, control)
    x, events = {}, sorted(set(data["event"]) - {-1})
    stacks = sorted(data["stack"].unique())
    for g in stacks:
        inside = (data["stack"] == g).astype(float)
        x[f"c{g}"], x[f"o{g}"] = inside, inside * data["own"]
        for e in events:
            x[f"t{g},{e}"] = inside * (data["event"] == e)
            x[f"d{g},{e}"] = x[f"t{g},{e}"] * data["own"]
    x = pd.DataFrame(x)
    got = sm.OLS(data["exports"], x).fit(
        cov_type="cluster",
        cov_kwds={"groups": pd.factorize(data["firm"])[0], "use_correction": False},
    )
    size = data[data["own"] == 1].groupby("stack")["firm"].nunique()
    for e in events:
        contrast = pd.Series(0.0, index=x.columns)
        contrast[[f"d{g},{e}" for g in stacks]] = (size / size.sum()).loc[stacks].to_numpy()
        assert mine.loc[e, "estimate"] == pytest.approx(contrast @ got.params, abs=1e-10)
        error = float(np.sqrt(contrast @ got.cov_params() @ contrast))
        assert mine.loc[e, "std_error"] == pytest.approx(error, abs=1e-10)


@pytest.mark.parametrize("setting", SETTINGS)
def test_without_weights_the_regression_of_cengiz(setting: tuple[int, int, str]) -> None:
    """Effects of firm x stack and year x stack, by pyfixest and by dummies: estimates and errors."""
    pre, post, control = setting
    frame = FIRMS("plain")
    mine = event(fit(frame, pre, post, control=control, weights="none"))
    theirs = packages(setting, "none")
    np.testing.assert_allclose(mine["estimate"], theirs["estimate"], atol=1e-9)
    np.testing.assert_allclose(mine["std_error"], theirs["std_error"], atol=1e-9)
    data = stack(frame, pre, post, control)
    events = sorted(set(data["event"]) - {-1})
    y = data[["exports"]].assign(**{f"d{e}": data["own"] * (data["event"] == e) for e in events})
    for by in (["firm", "stack"], ["year", "stack"]):  # balanced in each stack: one sweep is enough
        y = y - y.groupby([data["stack"], *(data[c] for c in by)]).transform("mean")
    slopes = np.linalg.lstsq(y.to_numpy()[:, 1:], y["exports"].to_numpy(), rcond=None)[0]
    np.testing.assert_allclose(mine["estimate"], slopes, atol=1e-10)


def test_cells_are_those_of_group_time_with_the_same_comparison_firms() -> None:
    frame = FIRMS("plain")
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    theirs = impact.att(panel, "exports", method="group_time", base_period="universal").tidy()
    mine = fit(frame, 2, 1, control="never").tidy()
    both = mine.merge(theirs, on="term")
    assert len(both) == len(mine)
    np.testing.assert_allclose(both["estimate_x"], both["estimate_y"], atol=1e-12)
    np.testing.assert_allclose(both["std_error_x"], both["std_error_y"], atol=1e-12)


# Averages ----------------------------------------------------------------------------------------


def test_averages_are_by_participants_and_overall_is_the_mean_over_years() -> None:
    effect = fit(FIRMS("plain"), 2, 1)
    cells = effect.tidy()
    for e, rows in cells.groupby("event_time"):
        expected = (rows["n_treated"] * rows["estimate"]).sum() / rows["n_treated"].sum()
        events = effect.aggregate("event").tidy().set_index("event_time")["estimate"]
        assert events[e] == pytest.approx(expected, abs=1e-12)
    overall = effect.aggregate("overall").tidy()
    other = overall_of(effect.aggregate("event")).tidy()
    for column in ("estimate", "std_error"):
        assert overall[column].item() == pytest.approx(other[column].item(), abs=1e-12)


def test_weights_none_says_what_its_weights_are_and_has_its_overall() -> None:
    frame = FIRMS("plain")
    effect = fit(frame, 2, 1, weights="none")
    assert effect.notes[0].startswith("Cohorts are weighted by the regression")
    assert overall_of(effect).tidy()["estimate"].item() == pytest.approx(
        effect.tidy().query("event_time >= 0")["estimate"].mean()
    )
    with pytest.raises(EstimationError, match="averaged already"):
        effect.aggregate("overall")


def test_per_cent() -> None:
    frame = FIRMS("plain").assign(exports=lambda d: d["exports"] + 30)
    effect = fit(frame, 2, 1)
    row = effect.aggregate("overall").percent().tidy().iloc[0]
    wide = frame.pivot(index="firm", columns="year", values="exports")
    first = frame.groupby("firm")["joined"].first()
    after = [wide.loc[f, [g, g + 1]].mean() for f, g in first.items() if g in effect.tidy()["cohort"].unique()]  # fmt: skip
    plain = effect.aggregate("overall").tidy()["estimate"].item()
    assert row["estimate"] == pytest.approx(100 * plain / (np.mean(after) - plain))


# Who is in a stack -------------------------------------------------------------------------------


def test_cohorts_without_a_window_are_named() -> None:
    effect = fit(FIRMS("plain"), 4, 1)
    assert effect.tidy()["cohort"].unique().tolist() == [2015, 2016]
    assert "Cohort left out, its window does not lie within the data: 2013 (20 firms)." in effect.notes  # fmt: skip
    with pytest.raises(EstimationError, match=r"No cohort can be stacked with kappa_pre=5 and kappa_post=3, in data from 2010 to 2017.*group_time"):  # fmt: skip
        fit(FIRMS("plain"), 5, 3)


def test_clean_comparison_firms_join_after_the_window() -> None:
    frame = FIRMS("plain")
    table = fit(frame, 2, 1).tidy().groupby("cohort")["n_control"].first()
    assert table.to_dict() == {2013: 34 + 16 + 12, 2015: 34, 2016: 34}
    never = fit(frame, 2, 1, control="never").tidy()["n_control"]
    assert (never == 34).all()


def test_nobody_never_joins() -> None:
    effect = fit(FIRMS("no_never"), 2, 1)
    assert effect.tidy()["cohort"].unique().tolist() == [2013]
    assert "Cohort left out, no clean comparison firm: 2015 (16 firms), 2016 (12 firms)." in effect.notes  # fmt: skip
    with pytest.raises(EstimationError, match="no clean comparison firm"):
        fit(FIRMS("no_never"), 2, 1, control="never")


def test_firms_with_holes_are_in_the_stacks_that_do_not_need_them() -> None:
    frame = FIRMS("plain")
    wide = frame.pivot(index="firm", columns="year", values="exports")
    hole = (frame["year"] == 2011) & frame["firm"].isin(wide.index[::5])
    effect = fit(frame[~hole], 2, 1)
    counted = effect.tidy().groupby("cohort")[["n_treated", "n_control"]].first()
    first = frame.groupby("firm")["joined"].first().loc[wide.index[::5]]
    assert counted.loc[2013, "n_treated"] == 20 - (first == 2013).sum()
    assert counted.loc[2015].tolist() == [16, 34]
    lost = int((first.isna() | (first >= 2013)).sum())
    assert any(f"(firms, counted once for each stack: {lost})" in note for note in effect.notes)
    data = stack(frame[~hole], 2, 1, "not_yet")
    slopes, _, _ = pooled(data, corrected=True)
    np.testing.assert_allclose(event(effect)["estimate"], slopes, atol=1e-10)


def test_one_firm_has_no_standard_error() -> None:
    frame = FIRMS("plain")
    keep = frame.loc[frame["joined"] == 2013, "firm"].iloc[0]
    effect = fit(frame[(frame["joined"] != 2013) | (frame["firm"] == keep)], 2, 1)
    table = effect.tidy()
    assert table.loc[table["cohort"] == 2013, "std_error"].isna().all()
    assert any("the cohort is one firm or one cluster" in note for note in effect.notes)
    averaged = effect.aggregate("event")
    assert any("without a standard error of their own" in note for note in averaged.notes)
    assert averaged.tidy()["estimate"].notna().all()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"pre": 0}, "kappa_pre=0 leaves no period"),
        ({"post": -1}, "kappa_post=-1 is not a number of periods"),
        ({"pre": 1.5}, "kappa_pre=1.5 is not"),
        ({"weights": "equal"}, "choose from 'corrected', 'none'"),
        ({"control": "later"}, "choose from 'not_yet', 'never'"),
    ],
)
def test_options_that_do_not_exist(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(EstimationError, match=said):
        fit(FIRMS("plain"), **asked)


# Exact relations ---------------------------------------------------------------------------------

some = settings(max_examples=8, deadline=None, derandomize=True)


def drawn(seed: int, missing: float) -> pd.DataFrame:
    frame, _ = programme(firms=48, periods=8, cohorts=(3, 5, 6), seed=seed)
    rng = np.random.default_rng(seed)
    number = frame["firm"].str[1:].astype(int)
    frame = frame.assign(weight=1 + number % 3, chamber=number % 10)
    return frame[rng.uniform(size=len(frame)) >= missing].reset_index(drop=True)


panels = st.builds(drawn, st.integers(0, 10_000), st.sampled_from([0.0, 0.05]))
asks = st.sampled_from([{}, {"weights": "none"}, {"sampling": "weight"}, {"control": "never", "cluster": "chamber"},
                        {"sampling": "weight", "weights": "none"}])  # fmt: skip


@some
@given(panels, asks, st.integers(0, 99))
def test_order_of_rows(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    mixed = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    pd.testing.assert_frame_equal(fit(frame, **asked).tidy(), fit(mixed, **asked).tidy(), check_exact=True)  # fmt: skip


@some
@given(panels, asks)
def test_names_units_and_levels(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    number = frame["firm"].str[1:].astype(int)
    moved = frame.assign(
        firm="x" + (1000 - number).astype(str),
        exports=1000 * frame["exports"] + 7.0 * (number % 11) - 3.0 * frame["year"],
    )
    one, two = event(fit(frame, **asked)), event(fit(moved, **asked))
    np.testing.assert_allclose(two["estimate"], 1000 * one["estimate"], rtol=1e-8)
    np.testing.assert_allclose(two["std_error"], 1000 * one["std_error"], rtol=1e-8)


@some
@given(panels, st.sampled_from([{}, {"weights": "none"}, {"sampling": "weight"}]))
def test_every_firm_twice(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    again = pd.concat([frame, frame.assign(firm=frame["firm"] + "b")]).assign(origin=lambda d: d["firm"].str[:7])  # fmt: skip
    one, two = event(fit(frame, **asked)), event(fit(again, **asked))
    same = event(fit(again, cluster="origin", **asked))
    np.testing.assert_allclose(two["estimate"], one["estimate"], rtol=1e-9)
    np.testing.assert_allclose(two["std_error"], one["std_error"] / np.sqrt(2), rtol=1e-9)
    np.testing.assert_allclose(same["std_error"], one["std_error"], rtol=1e-9)


@some
@given(panels)
def test_cells_that_are_never_used(frame: pd.DataFrame) -> None:
    """Outcomes of participants after their window, and of later cohorts inside a window that they join."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=len(frame)) * 1e6
    after = frame["year"] > frame["joined"] + 1
    one = fit(frame).tidy()
    two = fit(frame.assign(exports=frame["exports"].where(~after, noise))).tidy()
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("weights", ["corrected", "none"])
def test_influence_is_the_derivative_in_a_firms_weight(weights: str) -> None:
    frame = drawn(5, 0.0).assign(weight=lambda d: d["weight"].astype(float))
    effect = fit(frame, sampling="weight", weights=weights)
    effect = effect if weights == "none" else effect.aggregate("event")
    n, step = len(effect.firms), 1e-4
    for i in (0, 1, 2, 3, 20, 21):
        own = frame["firm"] == effect.firms.index[i]
        up, down = (
            event(fit(frame.assign(weight=frame["weight"] * np.where(own, 1 + s, 1)), sampling="weight", weights=weights))
            for s in (step, -step)
        )  # fmt: skip
        slope = (up["estimate"] - down["estimate"]) / (2 * step) * n
        used = effect.tidy()["event_time"].to_numpy() != -1
        np.testing.assert_allclose(effect.influence.iloc[i].to_numpy()[used], slope, atol=1e-4)


# A known truth -----------------------------------------------------------------------------------


def coverage(count: int) -> dict[str, float]:
    """Coverage of the mean effect over the window; and with every other firm in each stack, participants too, a wrong variant."""
    design: dict[str, Any] = {"cohorts": (3, 5, 6), "firms": 240}
    frame, truth = programme(seed=0, **design)
    truth = truth[truth["event_time"] <= 2]["att"].mean()
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    first = frame.groupby("firm")["joined"].first().to_numpy()
    rows = []
    for r in range(count):
        data, _ = programme(seed=[20160516, r], **design)
        drawn = panel.with_columns(exports=data["exports"])
        row = impact.att(drawn, "exports", method="stacked").aggregate("overall").tidy().iloc[0]
        wide = data["exports"].to_numpy().reshape(240, 8)
        unclean = []
        for g in (3, 5, 6):
            change = wide[:, g - 1 : g + 2].mean(axis=1) - wide[:, g - 2]
            unclean.append(change[first == g].mean() - change[first != g].mean())
        half = row["conf_high"] - row["estimate"]
        rows.append((abs(row["estimate"] - truth) <= half, abs(np.mean(unclean) - truth) <= half))
    found = np.array(rows).mean(axis=0)
    return {"stacked": float(found[0]), "unclean": float(found[1])}


def test_coverage_and_a_wrong_variant_that_fails() -> None:
    got = coverage(200)
    assert 0.90 <= got["stacked"] <= 0.985
    assert got["unclean"] < 0.85


@pytest.mark.proof
def test_coverage_in_two_thousand_draws() -> None:
    assert 0.935 <= coverage(2000)["stacked"] <= 0.965
