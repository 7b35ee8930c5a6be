"""Group-time effects against a slow twin in pandas, and exact relations on drawn panels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.estimate.aggregate import overall_of

NUMBERS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


def drawn(seed: int, *, firms: int = 36, periods: int = 5, missing: float = 0.1) -> pd.DataFrame:
    """A small messy panel: cohorts 2, 3, 5 and never, absent rows, missing outcomes, weights."""
    rng = np.random.default_rng(seed)
    joined = np.array([2.0, 3.0, 5.0, np.nan, np.nan])[np.arange(firms) % 5]
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(np.arange(1, periods + 1), firms),
            "joined": np.repeat(joined, periods),
            "weight": np.repeat(rng.uniform(0.5, 2, firms), periods),
            "town": np.repeat(np.arange(firms) // 5, periods),
            "size": rng.normal(size=firms * periods),
        }
    )
    frame["exports"] = (
        np.repeat(rng.normal(size=firms), periods)
        + 0.3 * frame["size"]
        + rng.normal(size=len(frame))
        + 0.5 * (frame["year"] >= frame["joined"])
    )
    frame.loc[rng.random(len(frame)) < missing / 2, "exports"] = np.nan
    return frame[rng.random(len(frame)) >= missing / 2].reset_index(drop=True)


def fit(frame: pd.DataFrame, *, weights: str | None = None, **asked: Any) -> impact.EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    return impact.att(panel, "exports", method="group_time", **asked)


# The slow twin -----------------------------------------------------------------------------------


def twin(frame: pd.DataFrame, *, control: str, estimator: str, base_period: str) -> pd.DataFrame:
    """Every cell from merged data frames and the regressions of another library."""
    rows = frame[frame["exports"].notna()]
    rows = rows[rows.groupby("firm")["exports"].transform("size") >= 2]
    never = rows["joined"].isna()
    years = sorted(frame["year"].unique())
    cells = []
    for g in sorted(rows["joined"].dropna().unique()):
        last_before = max(t for t in years if t < g)
        for t in years:
            if base_period == "universal" or t >= g:
                base = last_before
            elif t == years[0]:
                continue
            else:
                base = t - 1
            eligible = never | (rows["joined"] == g)
            if control == "not_yet":
                eligible |= rows["joined"] > max(t, base)
            pair = pd.merge(
                rows[eligible & (rows["year"] == base)],
                rows[eligible & (rows["year"] == t)][["firm", "exports"]],
                on="firm",
                suffixes=("", "_later"),
            )
            pair["change"] = pair["exports_later"] - pair["exports"]
            pair["d"] = pair["joined"] == g
            cells.append(
                (int(g), t, twin_cell(pair, estimator), pair["d"].sum(), (~pair["d"]).sum())
            )
    return pd.DataFrame(cells, columns=["cohort", "time", "estimate", "n_treated", "n_control"])


def twin_cell(pair: pd.DataFrame, estimator: str) -> float:
    x = sm.add_constant(pair[["size"]])
    joined, others = pair[pair["d"]], pair[~pair["d"]]
    rest = pair["change"]
    odds = others["weight"]
    if estimator in ("dr", "reg"):
        model = sm.WLS(others["change"], x[~pair["d"]], weights=others["weight"]).fit()
        rest = rest - model.predict(x)
    if estimator in ("dr", "ipw"):
        logit = sm.GLM(
            pair["d"].astype(float), x, sm.families.Binomial(), freq_weights=pair["weight"]
        )
        p = logit.fit(tol=1e-14, maxiter=200).predict(x)
        odds = (pair["weight"] * p / (1 - p))[~pair["d"]]
    treated = np.average(rest[pair["d"]], weights=joined["weight"])
    if estimator == "reg":
        return float(treated)
    return float(treated - np.average(rest[~pair["d"]], weights=odds))


@pytest.mark.parametrize("base_period", ["varying", "universal"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("estimator", ["dr", "ipw", "reg"])
def test_slow_twin(estimator: str, control: str, base_period: str) -> None:
    frame = drawn(11)
    options = {"estimator": estimator, "control": control, "base_period": base_period}
    got = fit(frame, weights="weight", covariates=["size"], **options).tidy()
    expected = twin(frame, **options)
    pd.testing.assert_frame_equal(
        got[expected.columns], expected, check_dtype=False, rtol=0, atol=1e-8
    )


def test_the_twin_can_say_no() -> None:
    frame = drawn(11)
    options = {"estimator": "dr", "control": "never", "base_period": "varying"}
    got = fit(frame, covariates=["size"], **options).tidy()  # without the weights
    assert (got["estimate"] - twin(frame, **options)["estimate"]).abs().max() > 1e-3


# Influence functions -----------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["dr", "ipw", "reg"])
def test_influence_is_the_derivative_of_everything_in_a_firms_weight(estimator: str) -> None:
    """Cells and averages, shares of cohorts included, on an unbalanced panel."""
    frame = drawn(12, firms=30)

    def numbers(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        effect = fit(data, weights="weight", covariates=["size"], estimator=estimator)
        parts = [effect]
        for kind in ("overall", "event", "cohort", "calendar"):
            parts += [effect.aggregate(kind), overall_of(effect.aggregate(kind))]
        return (
            np.concatenate([part.tidy()["estimate"] for part in parts]),
            np.column_stack([part.influence for part in parts]),
        )

    _, influence = numbers(frame)
    firms = fit(frame, weights="weight", covariates=["size"]).firms.index
    step = 1e-4
    for position in range(0, len(firms), 10):
        own = frame["firm"] == firms[position]
        up = frame.assign(weight=frame["weight"].where(~own, frame["weight"] * (1 + step)))
        down = frame.assign(weight=frame["weight"].where(~own, frame["weight"] * (1 - step)))
        slope = (numbers(up)[0] - numbers(down)[0]) / (2 * step) * len(firms)
        np.testing.assert_allclose(influence[position], slope, atol=1e-4)


# Exact relations (numbers as in the design) ------------------------------------------------------

panels = st.builds(
    drawn,
    st.integers(0, 10_000),
    firms=st.sampled_from([30, 41]),
    periods=st.sampled_from([5, 6]),
    missing=st.sampled_from([0.0, 0.15]),
)
options = st.fixed_dictionaries(
    {
        "control": st.sampled_from(["never", "not_yet"]),
        "estimator": st.sampled_from(["dr", "reg"]),
        "base_period": st.sampled_from(["varying", "universal"]),
    }
)
some = settings(max_examples=8, deadline=None, derandomize=True)


def same(
    got: impact.EffectResult,
    expected: impact.EffectResult,
    *,
    error: float = 1.0,
    rtol: float = 1e-8,
) -> None:
    np.testing.assert_allclose(
        got.tidy()["estimate"], expected.tidy()["estimate"], rtol=rtol, atol=rtol
    )
    np.testing.assert_allclose(
        got.tidy()["std_error"], error * expected.tidy()["std_error"], rtol=rtol, atol=rtol
    )


@some
@given(panels, options, st.integers(0, 99))
def test_1_order_of_rows_and_columns(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    mixed = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    first, second = (fit(x, covariates=["size"], weights="weight", **asked) for x in (frame, mixed))
    pd.testing.assert_frame_equal(first.tidy(), second.tidy(), check_exact=True)
    pd.testing.assert_frame_equal(
        first.aggregate("event").tidy(), second.aggregate("event").tidy(), check_exact=True
    )


@some
@given(panels, options, st.integers(0, 99))
def test_2_names_of_firms(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    firms = frame["firm"].unique()
    names = np.random.default_rng(seed).permutation([f"id-{i:04d}" for i in range(len(firms))])
    renamed = frame.assign(firm=frame["firm"].map(dict(zip(firms, names, strict=True))))
    same(fit(renamed, covariates=["size"], **asked), fit(frame, covariates=["size"], **asked))


@some
@given(panels, options)
def test_3_unit_of_the_outcome(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    one = fit(frame, covariates=["size"], **asked).tidy()
    thousand = fit(
        frame.assign(exports=frame["exports"] * 1000), covariates=["size"], **asked
    ).tidy()
    for column, factor in zip(NUMBERS, [1000, 1000, 1, 1, 1000, 1000], strict=True):
        np.testing.assert_allclose(thousand[column], one[column] * factor, rtol=1e-9, atol=1e-9)


@some
@given(panels, options)
def test_4_constants_of_firms_and_years(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    moved = frame.assign(
        exports=frame["exports"] + 3.0 * (frame["firm"] % 7) - 2.0 * frame["year"] + 11.0
    )
    same(fit(moved, covariates=["size"], **asked), fit(frame, covariates=["size"], **asked))


@some
@given(panels, options)
def test_5_unit_and_origin_of_a_covariate(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    moved = frame.assign(size=40.0 - 250.0 * frame["size"])
    same(fit(moved, covariates=["size"], **asked), fit(frame, covariates=["size"], **asked))


@some
@given(panels, options)
def test_6_and_7_columns_that_add_nothing(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    more = frame.assign(one=1.0, twice=2 * frame["size"] + 3)
    got = fit(more, covariates=["size", "one", "twice"], **asked)
    same(got, fit(frame, covariates=["size"], **asked))
    assert any("'one' left out, it is constant" in note for note in got.notes)
    assert any("'twice' left out, it is a combination" in note for note in got.notes)


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)], ignore_index=True)


@some
@given(panels, options)
def test_8_every_firm_twice(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    asked = {**asked, "covariates": ["size"]}
    once, twice = fit(frame, **asked), fit(doubled(frame), **asked)
    same(twice, once, error=np.sqrt(0.5))
    same(twice.aggregate("cohort"), once.aggregate("cohort"), error=np.sqrt(0.5))


@some
@given(panels, options)
def test_9_every_firm_twice_in_one_cluster(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    again = doubled(frame)
    again["origin"] = again["firm"] % 1000
    same(fit(again, cluster="origin", **asked), fit(frame, **asked))


@some
@given(panels, options)
def test_10_weight_two_is_the_firm_twice(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    heavy = frame["firm"] % 3 == 0
    weighted = frame.assign(weight=np.where(heavy, 2.0, 1.0))
    copies = frame[heavy].assign(firm=frame["firm"] + 1000)
    again = pd.concat([frame, copies], ignore_index=True)
    first = fit(weighted, weights="weight", covariates=["size"], **asked)
    second = fit(again, covariates=["size"], **asked)
    for kind in ("overall", "event", "cohort", "calendar"):
        np.testing.assert_allclose(
            first.aggregate(kind).tidy()["estimate"],
            second.aggregate(kind).tidy()["estimate"],
            atol=1e-8,
        )


def two_periods(seed: int) -> pd.DataFrame:
    frame = drawn(seed, periods=2, missing=0.0)
    return frame.assign(joined=frame["joined"].where(frame["joined"] == 2))


@given(st.integers(0, 10_000))
@some
def test_11_the_arms_changed_over(seed: int) -> None:
    frame = two_periods(seed)
    over = frame.assign(joined=np.where(frame["joined"].isna(), 2.0, np.nan))
    one, two = fit(frame).tidy(), fit(over).tidy()
    np.testing.assert_allclose(two["estimate"], -one["estimate"], atol=1e-10)
    np.testing.assert_allclose(two["std_error"], one["std_error"], atol=1e-10)


@some
@given(panels, options)
def test_14_cells_that_are_never_used(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    """Firms that joined in the first year, and firms after joining as not-yet comparison."""
    always = frame.assign(joined=frame["joined"].where(frame["firm"] % 10 != 0, 1.0))
    rng = np.random.default_rng(1)
    noise = rng.normal(size=len(frame)) * 1e6
    noisy = always.assign(exports=always["exports"].where(always["joined"] != 1, noise))
    first, second = fit(always, **asked).tidy(), fit(noisy, **asked).tidy()
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    after = always.assign(
        exports=always["exports"].where(~(always["year"] >= always["joined"]), noise)
    )
    before = first["event_time"] < 0
    third = fit(after, **asked).tidy()
    pd.testing.assert_frame_equal(
        first.loc[before, ["estimate", "std_error"]],
        third.loc[before, ["estimate", "std_error"]],
        check_exact=True,
    )


@given(st.integers(0, 10_000))
@some
def test_15_two_periods_are_two_by_two_and_fixed_effects(seed: int) -> None:
    frame = two_periods(seed)
    got = fit(frame).tidy()
    change = frame.pivot(index="firm", columns="year", values="exports").diff(axis=1)[2]
    joined = frame.groupby("firm")["joined"].first().notna()
    by_hand = change[joined].mean() - change[~joined].mean()
    dummies = pd.get_dummies(frame["firm"]).to_numpy(float)
    post = (frame["year"] == 2).to_numpy(float)
    treated = post * frame["joined"].notna()
    x = np.column_stack([treated, post, dummies])
    slopes, *_ = np.linalg.lstsq(x, frame["exports"].to_numpy(), rcond=None)
    assert got["estimate"].item() == pytest.approx(by_hand, abs=1e-10)
    assert got["estimate"].item() == pytest.approx(slopes[0], abs=1e-10)
    error = np.sqrt(
        change[joined].var(ddof=0) / joined.sum() + change[~joined].var(ddof=0) / (~joined).sum()
    )
    assert got["std_error"].item() == pytest.approx(error, abs=1e-10)
