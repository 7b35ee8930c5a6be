"""`impact.att(..., method="two_by_two")`: four means, defaults, refusals, identities, coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import EstimationError
from impact.simulate.programme import programme


def frame_of(seed: int = 4, **asked: Any) -> pd.DataFrame:
    data, _ = programme(**{"firms": 60, "periods": 6, "cohorts": (4,), "seed": seed, **asked})
    rng = np.random.default_rng(seed)
    number = data["firm"].str[1:].astype(int)
    data["size"] = rng.normal(size=len(data)) + data["joined"].notna() * 0.3
    return data.assign(weight=1 + number % 3 / 2, chamber=number % 12)


def fit(frame: pd.DataFrame, method: str = "two_by_two", **asked: Any) -> impact.EffectResult:
    weights = asked.pop("sampling", None)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    return impact.att(panel, "exports", method=method, **asked)


def only(effect: impact.EffectResult) -> pd.Series:
    table = effect.tidy()
    assert len(table) == 1
    return table.iloc[0]


def by_hand(frame: pd.DataFrame, early: list[int], late: list[int]) -> tuple[float, float]:
    """The four means, and the error of two independent means of changes (variance with n)."""
    wide = frame.pivot(index="firm", columns="year", values="exports")
    change = wide[late].mean(axis=1) - wide[early].mean(axis=1)
    joined = frame.groupby("firm")["joined"].first().notna()
    one, two = change[joined], change[~joined]
    return one.mean() - two.mean(), float(np.sqrt(one.var(ddof=0) / len(one) + two.var(ddof=0) / len(two)))  # fmt: skip


# The number --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "early", "late"),
    [
        ({}, [3], [4]),
        ({"before": 1}, [1], [4]),
        ({"after": 6}, [3], [6]),
        ({"before": 2, "after": 5}, [2], [5]),
        ({"average": True}, [1, 2, 3], [4, 5, 6]),
    ],
)
def test_four_means(asked: dict[str, Any], early: list[int], late: list[int]) -> None:
    frame = frame_of()
    row = only(fit(frame, **asked))
    estimate, error = by_hand(frame, early, late)
    assert row["estimate"] == pytest.approx(estimate, abs=1e-12)
    assert row["std_error"] == pytest.approx(error, abs=1e-12)
    assert (row["n_treated"], row["n_control"], row["n_clusters"]) == (30, 30, 60)


@pytest.mark.parametrize("covariates", [None, ["size"]])
@pytest.mark.parametrize("after", [4, 5, 6])
def test_two_periods_are_a_cell_of_group_time(covariates: list[str] | None, after: int) -> None:
    frame = frame_of()
    asked: dict[str, Any] = {"covariates": covariates, "cluster": "chamber", "sampling": "weight"}
    got = only(fit(frame, after=after, **asked))
    cell = fit(frame, "group_time", **asked).tidy().query("time == @after").iloc[0]
    for column in ("estimate", "std_error", "p_value", "conf_low", "n_clusters"):
        assert got[column] == pytest.approx(cell[column], abs=1e-12)


def test_averages_of_one_cohort_are_the_two_way_coefficient() -> None:
    frame = frame_of()
    got, other = only(fit(frame, average=True)), only(fit(frame, "twfe"))
    assert got["estimate"] == pytest.approx(other["estimate"], abs=1e-10)
    assert got["std_error"] == pytest.approx(other["std_error"], abs=1e-10)


def test_one_cohort_and_two_periods_make_all_methods_one() -> None:
    frame = frame_of(periods=2, cohorts=(2,))
    own = only(fit(frame))
    twin = by_hand(frame, [1], [2])
    others = [
        only(fit(frame, "group_time")),
        only(fit(frame, "twfe")),
        fit(frame, "stacked", kappa_pre=1, kappa_post=0).tidy().query("event_time == 0").iloc[0],
        only(fit(frame, "stacked", kappa_pre=1, kappa_post=0).aggregate("overall")),
        fit(frame, "stacked", kappa_pre=1, kappa_post=0, weights="none").tidy().iloc[1],
        only(fit(frame, average=True)),
    ]
    assert own["estimate"] == pytest.approx(twin[0], abs=1e-10)
    for other in others:
        assert other["estimate"] == pytest.approx(own["estimate"], abs=1e-10)
        assert other["std_error"] == pytest.approx(own["std_error"], abs=1e-10)


def test_per_cent_of_what_participants_would_have_had() -> None:
    frame = frame_of()
    frame["exports"] += 20
    effect = fit(frame, average=True)
    wide = frame.pivot(index="firm", columns="year", values="exports")
    joined = frame.groupby("firm")["joined"].first().notna()
    without = wide.loc[joined, [4, 5, 6]].mean(axis=None) - only(effect)["estimate"]
    assert effect.percent().tidy()["estimate"].item() == pytest.approx(100 * only(effect)["estimate"] / without)  # fmt: skip


# Who takes part ----------------------------------------------------------------------------------


def test_cohorts_of_different_years_are_refused_and_group_time_named() -> None:
    frame = frame_of(cohorts=(3, 5))
    with pytest.raises(EstimationError, match=r"2 different periods \(3: 20 firms, 5: 20 firms\).*group_time.*cohort=3"):  # fmt: skip
        fit(frame)
    effect = fit(frame, cohort=5)
    assert only(effect)["n_control"] == 20
    assert any("join in another period are left out (firms: 20)" in note for note in effect.notes)
    alone = fit(frame[(frame["joined"] != 3)])
    assert only(effect)["estimate"] == only(alone)["estimate"]
    with pytest.raises(EstimationError, match="they join in 3: 20 firms, 5: 20 firms"):
        fit(frame, cohort=4)


def test_nobody_to_compare_with() -> None:
    frame = frame_of()
    with pytest.raises(EstimationError, match="control='not_yet'"):
        fit(frame[frame["joined"].notna()])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"before": 4}, "before=4 is not a period of the data before joining in 4; there are 1, 2, 3"),
        ({"after": 3}, "after=3 is not a period of the data from joining in 4 on; there are 4, 5, 6"),
        ({"after": 7}, "there are 4, 5, 6"),
        ({"average": True, "before": 1}, "leave before out"),
        ({"average": 1}, "neither True nor False"),
    ],
)  # fmt: skip
def test_periods_that_cannot_be(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(EstimationError, match=said):
        fit(frame_of(), **asked)


def test_firms_without_a_period_that_is_used_are_left_out_and_counted() -> None:
    frame = frame_of()
    lost = frame["firm"].isin(["F000001", "F000002", "F000005"]) & (frame["year"] == 3)
    effect = fit(frame[~lost])
    row = only(effect)
    assert row["n_treated"] + row["n_control"] == 57
    assert any("left out (firms: 3)" in note for note in effect.notes)
    whole = frame[~frame["firm"].isin(frame.loc[lost, "firm"])]
    assert row["estimate"] == pytest.approx(by_hand(whole, [3], [4])[0], abs=1e-12)
    # Another pair of periods does not need that year.
    assert only(fit(frame[~lost], before=2))["n_control"] == 30
    with pytest.raises(EstimationError, match="No participant has 'exports'"):
        fit(frame[~((frame["joined"] == 4) & (frame["year"] == 3))])


def test_one_firm_of_an_arm_has_no_standard_error() -> None:
    frame = frame_of()
    treated, never = (frame.loc[m, "firm"].unique() for m in (frame["joined"] == 4, frame["joined"].isna()))  # fmt: skip
    one = fit(frame[frame["firm"].isin([treated[0], *never])])
    two = fit(frame[frame["firm"].isin([never[0], *treated])])
    for effect in (one, two):
        assert np.isfinite(only(effect)["estimate"])
        assert np.isnan(only(effect)[["std_error", "p_value", "conf_low"]].astype(float)).all()
        assert any(note.startswith("No standard error") for note in effect.notes)


def test_covariates_that_say_nothing_are_named_and_no_overlap_is_refused() -> None:
    frame = frame_of().assign(one=1.0)
    effect = fit(frame, covariates=["size", "one"])
    assert any("'one' left out, it is constant" in note for note in effect.notes)
    assert only(effect)["estimate"] == pytest.approx(only(fit(frame, covariates=["size"]))["estimate"])  # fmt: skip
    apart = frame.assign(size=frame["size"] + 100 * frame["joined"].notna())
    with pytest.raises(EstimationError, match="no overlap"):
        fit(apart, covariates=["size"])


# Exact relations ---------------------------------------------------------------------------------

some = settings(max_examples=8, deadline=None, derandomize=True)
seeds = st.integers(0, 10_000)
asks = st.sampled_from(
    [{}, {"average": True}, {"after": 5, "covariates": ["size"]}, {"average": True, "covariates": ["size"], "sampling": "weight"}]
)  # fmt: skip


@some
@given(seeds, asks, st.integers(0, 99))
def test_order_of_rows(seed: int, asked: dict[str, Any], shuffle: int) -> None:
    frame = frame_of(seed)
    mixed = frame.sample(frac=1, random_state=shuffle)[frame.columns[::-1]]
    pd.testing.assert_frame_equal(fit(frame, **asked).tidy(), fit(mixed, **asked).tidy(), check_exact=True)  # fmt: skip


@some
@given(seeds, asks)
def test_names_units_levels_and_years(seed: int, asked: dict[str, Any]) -> None:
    frame = frame_of(seed)
    one = only(fit(frame, **asked))
    number = frame["firm"].str[1:].astype(int)
    moved = frame.assign(
        firm="x" + (1000 - number).astype(str),
        exports=1000 * frame["exports"] + 7.0 * (number % 11) - 3.0 * frame["year"],
        size=5 - 40 * frame["size"],
    )
    two = only(fit(moved, **asked))
    for column, factor in (("estimate", 1000), ("std_error", 1000), ("p_value", 1)):
        assert two[column] == pytest.approx(factor * one[column], rel=1e-8)


@some
@given(seeds, asks)
def test_every_firm_twice(seed: int, asked: dict[str, Any]) -> None:
    frame = frame_of(seed)
    again = pd.concat([frame, frame.assign(firm=frame["firm"] + "b")]).assign(origin=lambda d: d["firm"].str[:7])  # fmt: skip
    one, two = only(fit(frame, **asked)), only(fit(again, **asked))
    same = only(fit(again, cluster="origin", **asked))
    assert two["estimate"] == pytest.approx(one["estimate"], rel=1e-9)
    assert two["std_error"] == pytest.approx(one["std_error"] / np.sqrt(2), rel=1e-9)
    assert same["std_error"] == pytest.approx(one["std_error"], rel=1e-9)


@some
@given(seeds)
def test_the_arms_changed_over(seed: int) -> None:
    frame = frame_of(seed)
    over = frame.assign(joined=np.where(frame["joined"].isna(), 4.0, np.nan))
    one, two = only(fit(frame, average=True)), only(fit(over, average=True))
    assert two["estimate"] == pytest.approx(-one["estimate"], abs=1e-12)
    assert two["std_error"] == pytest.approx(one["std_error"], abs=1e-12)


def test_influence_is_the_derivative_in_a_firms_weight() -> None:
    frame = frame_of(9, firms=30)
    asked: dict[str, Any] = {"average": True, "covariates": ["size"], "sampling": "weight"}
    effect = fit(frame, **asked)
    step = 1e-4
    for i in (0, 1, 14, 15):
        own = frame["firm"] == effect.firms.index[i]
        up, down = (
            only(fit(frame.assign(weight=frame["weight"] * np.where(own, 1 + s, 1)), **asked))["estimate"]
            for s in (step, -step)
        )  # fmt: skip
        assert effect.influence.iloc[i, 0] == pytest.approx((up - down) / (2 * step) * 30, abs=1e-4)


# A known truth -----------------------------------------------------------------------------------


def covered(count: int) -> pd.DataFrame:
    """Whether the interval holds the truth: of averages; of rows taken as independent, a wrong variant."""
    truth = 0.1 * np.arange(1, 6).mean()
    rows = []
    for r in range(count):
        frame, _ = programme(firms=80, periods=8, cohorts=(4,), seed=[20160516, r], autocorrelation=0.7)  # fmt: skip
        row = only(fit(frame, average=True))
        wide = frame.pivot(index="firm", columns="year", values="exports")
        joined = frame.groupby("firm")["joined"].first().notna()
        cells = [wide.loc[arm, when] for arm in (joined, ~joined) for when in ([1, 2, 3], [4, 5, 6, 7, 8])]  # fmt: skip
        within = [c.sub(wide.loc[c.index].mean(axis=1), axis=0) for c in cells]
        naive = np.sqrt(sum(c.to_numpy().var() / c.size for c in within))
        rows.append(
            (row["conf_low"] <= truth <= row["conf_high"], abs(row["estimate"] - truth) <= 1.96 * naive)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["clustered", "naive"])


def test_coverage_and_a_wrong_variant_that_fails() -> None:
    got = covered(200).mean()
    assert 0.90 <= got["clustered"] <= 0.985
    assert got["naive"] < 0.85


@pytest.mark.proof
def test_coverage_in_two_thousand_draws() -> None:
    assert 0.935 <= covered(2000)["clustered"].mean() <= 0.965
