"""`impact.att(..., method="interaction_weighted")`: designs at the edge, refusals, notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, EstimationError
from impact.simulate.programme import programme


def frame_of(**asked: Any) -> pd.DataFrame:
    asked = {"firms": 60, "periods": 6, "cohorts": (3, 5), "seed": 4, **asked}
    data, _ = programme(**asked)
    rng = np.random.default_rng(asked["seed"])
    return data.assign(size=rng.normal(size=len(data)))


def fit(
    frame: pd.DataFrame, method: str = "interaction_weighted", **asked: Any
) -> impact.EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    return impact.att(panel, "exports", method=method, **asked)


def said(effect: impact.EffectResult, part: str) -> bool:
    return any(part in note for note in effect.notes)


def firms_of(frame: pd.DataFrame, cohort: float) -> list[str]:
    """Identifiers of a cohort; a missing cohort stands for never."""
    first = frame.drop_duplicates("firm")
    own = first["joined"].isna() if np.isnan(cohort) else first["joined"] == cohort
    return first.loc[own, "firm"].tolist()


def test_rows_reference_and_counts() -> None:
    table = fit(frame_of()).tidy()
    assert table.groupby("cohort")["time"].apply(list).to_dict() == {
        3: [1, 2, 3, 4, 5, 6],
        5: [1, 2, 3, 4, 5, 6],
    }
    assert (table["n_treated"] == 20).all()
    assert (table["n_control"] == 20).all()
    reference = table[table["event_time"] == -1]
    assert (reference["estimate"] == 0).all()
    columns = ["std_error", "statistic", "p_value", "conf_low", "conf_high", "band_low"]
    assert reference[columns].isna().all(axis=None)


@pytest.mark.parametrize("anticipation", [0, 1])
def test_group_time_on_balanced_panels(anticipation: int) -> None:
    """Also below the sizes of mpdta, with anticipation, and in the averages, which count shares alike."""
    frame = frame_of(cohorts=(3, 5, 6), firms=90, periods=7)
    frame = frame[~frame["firm"].isin(firms_of(frame, 5)[:9])]
    one = fit(frame, anticipation=anticipation)
    two = fit(frame, "group_time", base_period="universal", anticipation=anticipation)
    pd.testing.assert_frame_equal(one.tidy(), two.tidy(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(one.influence, two.influence, rtol=0, atol=1e-10)
    for kind in ("overall", "event", "cohort", "calendar"):
        first, second = (x.aggregate(kind) for x in (one, two))
        pd.testing.assert_frame_equal(first.tidy(), second.tidy(), rtol=0, atol=1e-10)
        columns = ["estimate", "std_error"]
        first, second = (x.percent().tidy()[columns] for x in (first, second))
        pd.testing.assert_frame_equal(first, second, rtol=1e-9, atol=1e-9)


def test_no_firm_that_never_joins_takes_the_last_cohort() -> None:
    frame = frame_of(cohorts=(3, 4, 6), periods=7)
    frame = frame[frame["joined"].notna()]
    effect = fit(frame)
    table = effect.tidy()
    assert sorted(table["cohort"].unique()) == [3, 4]
    assert sorted(table["time"].unique()) == [1, 2, 3, 4, 5]
    assert said(
        effect, "the last cohort (6) is the comparison, and the years from 6 on are dropped"
    )
    # The same as firms that never join, in the years before they do.
    by_hand = frame[frame["year"] < 6].assign(joined=frame["joined"].where(frame["joined"] != 6))
    columns = ["cohort", "time", "estimate", "std_error", "n_treated", "n_control"]
    pd.testing.assert_frame_equal(table[columns], fit(by_hand).tidy()[columns])
    shorter = fit(frame, anticipation=1)
    assert sorted(shorter.tidy()["time"].unique()) == [1, 2, 3, 4]
    assert said(shorter, "the years from 5 on are dropped")


def test_one_cohort_and_nobody_else() -> None:
    with pytest.raises(EstimationError, match="all in the same year: there is nobody to compare"):
        fit(frame_of().assign(joined=4.0))


def test_nobody_joins() -> None:
    frame = frame_of()
    with pytest.raises(EstimationError, match="No firm joins between the second and the last"):
        fit(frame.assign(joined=np.nan))
    with pytest.raises(EstimationError, match="No firm joins between the second and the last"):
        fit(frame.assign(joined=frame["joined"].where(frame["joined"].isna(), 1.0)))


def test_always_treated_are_left_out_counted_and_named() -> None:
    frame = frame_of()
    early = firms_of(frame, 3)[:4]
    frame.loc[frame["firm"].isin(early), "joined"] = 1
    effect = fit(frame)
    assert said(effect, "begin in 1 (firms: 4 in 1)")
    pd.testing.assert_frame_equal(effect.tidy(), fit(frame[~frame["firm"].isin(early)]).tidy())


def test_gap_in_time_takes_the_last_year_before_joining() -> None:
    frame = frame_of(cohorts=(4,), periods=6)
    table = fit(frame[frame["year"] != 3]).tidy().set_index("time")
    assert list(table.index) == [1, 2, 4, 5, 6]
    assert table.loc[2, "estimate"] == 0 and np.isnan(table.loc[2, "std_error"])


def test_a_year_that_no_firm_connects_is_missing_and_named() -> None:
    frame = frame_of(cohorts=(4,))
    own = frame["joined"] == 4
    half = frame["firm"].isin(firms_of(frame, 4)[::2])
    apart = frame[~own | (half & (frame["year"] <= 3)) | (~half & (frame["year"] >= 4))]
    without = apart[(apart["joined"] != 4) | (apart["year"] != 3)]
    with pytest.raises(
        EstimationError, match=r"No effect can be estimated.*no firms of the cohort"
    ):
        fit(without)
    effect = fit(apart)
    table = effect.tidy().set_index("time")
    assert table.loc[[4, 5, 6], "estimate"].isna().all()
    assert (table.loc[[1, 2], "std_error"] > 0).all()
    assert said(effect, "no estimate, no firms of the cohort connect that year")


def test_one_firm_or_cluster_has_no_standard_error() -> None:
    frame = frame_of()
    alone = frame[frame["firm"].isin([*firms_of(frame, 3)[:1], *firms_of(frame, np.nan)])]
    effect = fit(alone)
    assert effect.tidy()["estimate"].notna().all() and effect.tidy()["std_error"].isna().all()
    assert said(effect, "no standard error, the cohort is one firm or one cluster")
    few = frame[frame["firm"].isin([*firms_of(frame, 3), *firms_of(frame, np.nan)[:1]])]
    assert fit(few).tidy()["std_error"].isna().all()
    assert said(fit(few), "too few comparison firms")
    frame["chamber"] = np.where(frame["joined"] == 3, "north", frame["firm"])
    table = fit(frame, cluster="chamber").tidy()
    assert table.loc[table["cohort"] == 3, "std_error"].isna().all()


def test_outcome_that_never_changes() -> None:
    frame = frame_of()
    frame["exports"] = frame.groupby("firm")["exports"].transform("first")
    table = fit(frame).tidy()
    assert (table["estimate"].abs() < 1e-12).all()
    assert table[["std_error", "p_value", "statistic", "conf_low"]].isna().all(axis=None)


def test_influence_is_the_derivative_in_a_firms_weight() -> None:
    """Cells and averages, shares of cohorts included, on an unbalanced panel with a covariate."""
    frame = frame_of(firms=30)
    frame = frame[np.random.default_rng(3).random(len(frame)) > 0.1].assign(weight=1.0)
    frame["exports"] += 0.4 * frame["size"]

    def numbers(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        panel = impact.panel(data, unit="firm", time="year", cohort="joined", weights="weight")
        effect = impact.att(panel, "exports", method="interaction_weighted", covariates=["size"])
        parts = [effect, *(effect.aggregate(k) for k in ("overall", "event", "cohort", "calendar"))]
        estimates = [p.tidy()["estimate"] for p in parts] + [np.nan_to_num(effect.baseline)]
        moved = np.where(np.isnan(effect.baseline), 0.0, effect.baseline_influence)
        return np.concatenate(estimates), np.column_stack([*(p.influence for p in parts), moved])

    _, influence = numbers(frame)
    firms = np.sort(frame["firm"].unique())
    step = 1e-4
    for position in range(0, len(firms), 7):
        own = frame["firm"] == firms[position]
        up, down = (
            numbers(frame.assign(weight=frame["weight"].where(~own, 1 + sign * step)))[0]
            for sign in (1, -1)
        )
        slope = (up - down) / (2 * step) * len(firms)
        np.testing.assert_allclose(influence[position], slope, atol=1e-4)


def test_covariates_that_add_nothing_are_named() -> None:
    frame = frame_of().assign(one=1.0)
    effect = fit(frame, covariates=["one"])
    np.testing.assert_allclose(effect.tidy()["estimate"], fit(frame).tidy()["estimate"], atol=1e-12)
    assert said(effect, "'one': covariate left out, it does not vary beyond")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"anticipation": -1}, "anticipation=-1"),
        ({"anticipation": True}, "anticipation=True"),
        ({"control": "never"}, "has no option control"),
        ({"family": "poisson"}, "has the families gaussian"),
    ],
)
def test_wrong_options(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(EstimationError, match=message):
        fit(frame_of(), **asked)


def test_infinite_values_are_named_with_their_row() -> None:
    frame = frame_of()
    frame.loc[7, "exports"] = np.inf
    with pytest.raises(DataError, match=r"infinite .*: firm F000002, period 2"):
        fit(frame)
