"""`impact.att(..., method="group_time")`: designs at the edge, refusals, options, notes."""

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


def fit(frame: pd.DataFrame, **asked: Any) -> impact.EffectResult:
    panel = impact.panel(
        frame, unit="firm", time="year", cohort="joined", weights=asked.pop("weights", None)
    )
    return impact.att(panel, "exports", method="group_time", **asked)


def said(effect: impact.EffectResult, part: str) -> bool:
    return any(part in note for note in effect.notes)


def firms_of(frame: pd.DataFrame, cohort: float) -> list[str]:
    """Identifiers of a cohort; a missing cohort stands for never."""
    first = frame.drop_duplicates("firm")
    own = first["joined"].isna() if np.isnan(cohort) else first["joined"] == cohort
    return first.loc[own, "firm"].tolist()


def no_number_without_its_error(effect: impact.EffectResult) -> None:
    """An estimate without a standard error has no interval, and a note that says why."""
    table = effect.tidy()
    bare = table[table["std_error"].isna()]
    assert bare[["statistic", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    for term in bare["term"]:
        assert said(effect, term), term
    assert (table[["n_treated", "n_control"]] >= 0).all(axis=None)


# The table ---------------------------------------------------------------------------------------


def test_one_row_per_cohort_and_year() -> None:
    table = fit(frame_of()).tidy()
    assert table["term"].tolist()[:3] == ["ATT(3,2)", "ATT(3,3)", "ATT(3,4)"]
    assert table.groupby("cohort")["time"].apply(list).to_dict() == {
        3: [2, 3, 4, 5, 6],
        5: [2, 3, 4, 5, 6],
    }
    assert (table["event_time"] == table["time"] - table["cohort"]).all()
    assert (table["n_treated"] == 20).all()
    assert (table["n_control"] == 20).all()
    assert (table["n_clusters"] == 60).all()
    assert (table["band_high"] - table["band_low"] > table["conf_high"] - table["conf_low"]).all()


def test_universal_base_has_a_reference_row_without_inference() -> None:
    effect = fit(frame_of(), base_period="universal")
    table = effect.tidy().set_index("event_time")
    assert sorted(effect.tidy()["time"].unique()) == [1, 2, 3, 4, 5, 6]
    reference = table.loc[[-1]]
    assert (reference["estimate"] == 0).all()
    columns = ["std_error", "statistic", "p_value", "conf_low", "conf_high", "band_low"]
    assert reference[columns].isna().all(axis=None)
    assert (reference["n_treated"] == 20).all()


def test_varying_base_chains_to_the_universal_one() -> None:
    """Short differences before joining add up to the long ones; after joining both are one."""
    frame = frame_of()
    short = fit(frame).tidy().set_index(["cohort", "time"])["estimate"]
    long = fit(frame, base_period="universal").tidy().set_index(["cohort", "time"])["estimate"]
    assert long[5, 2] == pytest.approx(-(short[5, 3] + short[5, 4]))
    assert long[5, 6] == pytest.approx(short[5, 6])


def test_comparison_firms_of_not_yet() -> None:
    table = fit(frame_of(), control="not_yet").tidy().set_index(["cohort", "time"])
    assert table.loc[(3, 4), "n_control"] == 40  # never, and those that join in 5
    assert table.loc[(3, 5), "n_control"] == 20
    assert table.loc[(5, 2), "n_control"] == 40  # never, and those that join in 3
    assert table.loc[(5, 3), "n_control"] == 20


def test_anticipation_moves_the_base_and_the_comparison_firms() -> None:
    frame = frame_of(cohorts=(4, 6), periods=7)
    wide = frame.pivot(index="firm", columns="year", values="exports")
    own, never = firms_of(frame, 4), firms_of(frame, np.nan)

    def contrast(time: int, base: int, others: list[str]) -> float:
        change = wide[time] - wide[base]
        return float(change[own].mean() - change[others].mean())

    table = fit(frame, anticipation=2).tidy().set_index(["cohort", "time"])["estimate"]
    assert table[4, 5] == pytest.approx(contrast(5, 1, never))
    assert table[4, 3] == pytest.approx(contrast(3, 1, never))  # anticipating: the long base too
    late = fit(frame, anticipation=1, control="not_yet").tidy().set_index(["cohort", "time"])
    later = never + firms_of(frame, 6)
    assert late.loc[(4, 4), "estimate"] == pytest.approx(contrast(4, 2, later))
    assert late.loc[(4, 5), "estimate"] == pytest.approx(contrast(5, 2, never))


def test_gap_in_time_takes_the_last_year_before_joining() -> None:
    frame = frame_of(cohorts=(4,), periods=6)
    frame = frame[frame["year"] != 3]
    table = fit(frame).tidy().set_index("time")
    wide = frame.pivot(index="firm", columns="year", values="exports")
    change = wide[4] - wide[2]
    joined = wide.index.isin(firms_of(frame, 4))
    assert table.loc[4, "estimate"] == pytest.approx(change[joined].mean() - change[~joined].mean())
    assert list(table.index) == [2, 4, 5, 6]


# Designs at the edge -----------------------------------------------------------------------------


def test_no_firm_that_never_joins() -> None:
    frame = frame_of()
    frame = frame[frame["joined"].notna()]
    with pytest.raises(EstimationError, match="control='not_yet'"):
        fit(frame)
    effect = fit(frame, control="not_yet")
    table = effect.tidy().set_index(["cohort", "time"])
    assert table.loc[[(3, 5), (3, 6), (5, 5), (5, 6)], "estimate"].isna().all()
    assert table.loc[(3, 4), "std_error"] > 0
    assert said(effect, "no comparison firm is observed in both periods")
    no_number_without_its_error(effect)


def test_always_treated_are_left_out_counted_and_named() -> None:
    frame = frame_of()
    early = firms_of(frame, 3)[:4]
    frame.loc[frame["firm"].isin(early), "joined"] = 1
    effect = fit(frame)
    assert said(effect, "begin in 1 (firms: 4 in 1)")
    assert not set(early) & set(effect.firms.index)
    pd.testing.assert_frame_equal(effect.tidy(), fit(frame[~frame["firm"].isin(early)]).tidy())


def test_only_always_treated() -> None:
    frame = frame_of()
    frame["joined"] = frame["joined"].where(frame["joined"].isna(), 1)
    with pytest.raises(EstimationError, match="No firm joins between the second and the last"):
        fit(frame)


def test_cohort_after_the_data_counts_as_never() -> None:
    frame = frame_of()
    late = frame.assign(joined=frame["joined"].where(frame["joined"] != 5, 9))
    never = frame.assign(joined=frame["joined"].where(frame["joined"] != 5))
    effect = fit(late)
    assert said(effect, "counted as never (firms: 20)")
    pd.testing.assert_frame_equal(effect.tidy(), fit(never).tidy())


def test_one_treated_firm_has_no_standard_error() -> None:
    frame = frame_of()
    frame = frame[frame["firm"].isin([*firms_of(frame, 3)[:1], *firms_of(frame, np.nan)])]
    effect = fit(frame)
    table = effect.tidy()
    assert table["estimate"].notna().all()
    assert table["std_error"].isna().all()
    assert said(effect, "no standard error, the cohort is one firm or one cluster")
    no_number_without_its_error(effect)


def test_one_treated_cluster_has_no_standard_error() -> None:
    frame = frame_of()
    frame["chamber"] = np.where(frame["joined"] == 3, "north", frame["firm"])
    table = fit(frame, cluster="chamber").tidy()
    assert table.loc[table["cohort"] == 3, "std_error"].isna().all()
    assert table.loc[table["cohort"] == 5, "std_error"].notna().all()


def test_one_comparison_firm_has_no_standard_error() -> None:
    frame = frame_of()
    keep = [*firms_of(frame, 3), *firms_of(frame, np.nan)[:1]]
    effect = fit(frame[frame["firm"].isin(keep)])
    assert effect.tidy()["std_error"].isna().all()
    assert said(effect, "too few comparison firms")


def test_all_firms_join_in_the_last_year() -> None:
    frame = frame_of().assign(joined=6.0)
    with pytest.raises(EstimationError, match="no firm that never joins"):
        fit(frame)
    with pytest.raises(
        EstimationError, match=r"No group-time effect can be estimated.*no comparison"
    ):
        fit(frame, control="not_yet")


def test_outcome_that_never_changes() -> None:
    frame = frame_of()
    frame["exports"] = frame.groupby("firm")["exports"].transform("first")
    table = fit(frame).tidy()
    assert (table["estimate"].abs() < 1e-12).all()
    assert table[["std_error", "p_value", "statistic", "conf_low"]].isna().all(axis=None)


def test_few_treated_clusters_are_said() -> None:
    frame = frame_of(firms=60)
    assert not said(fit(frame), "participating clusters")
    assert said(fit(frame.assign(town=frame["firm"].str[-1]), cluster="town"), "clusters")


# Unbalanced panels -------------------------------------------------------------------------------


def test_pairwise_and_balanced() -> None:
    frame = frame_of()
    one = firms_of(frame, 3)[0]
    frame.loc[(frame["firm"] == one) & (frame["year"] == 6), "exports"] = np.nan
    pairwise = fit(frame)
    counts = pairwise.tidy().query("cohort == 3").set_index("time")["n_treated"]
    assert counts.to_dict() == {2: 20, 3: 20, 4: 20, 5: 20, 6: 19}
    assert said(pairwise, "'exports' is missing in some period (firms: 1 of 60)")
    balanced = fit(frame, unbalanced="balanced")
    assert (balanced.tidy().query("cohort == 3")["n_treated"] == 19).all()
    assert said(balanced, "by the policy 'balanced' (firms: 1)")
    pd.testing.assert_frame_equal(balanced.tidy(), fit(frame[frame["firm"] != one]).tidy())


def test_missing_is_not_zero_and_an_absent_row_is_a_missing_outcome() -> None:
    frame = frame_of()
    hole = (frame["firm"] == firms_of(frame, np.nan)[3]) & (frame["year"] == 4)
    empty = frame.assign(exports=frame["exports"].mask(hole))
    zero = frame.assign(exports=frame["exports"].where(~hole, 0.0))
    absent = fit(frame[~hole]).tidy()
    pd.testing.assert_frame_equal(fit(empty).tidy(), absent)
    assert not np.allclose(fit(zero).tidy()["estimate"], absent["estimate"])


def test_firms_seen_once_are_counted_and_left_out() -> None:
    frame = frame_of()
    once = firms_of(frame, np.nan)[:3]
    effect = fit(frame[~frame["firm"].isin(once) | (frame["year"] == 2)])
    assert said(effect, "in fewer than two periods are left out (firms: 3)")
    assert len(effect.firms) == 57


def test_covariate_missing_at_the_base_leaves_the_cell() -> None:
    frame = frame_of()
    one = firms_of(frame, 5)[0]
    frame.loc[(frame["firm"] == one) & (frame["year"] == 4), "size"] = np.nan
    effect = fit(frame, covariates=["size"])
    counts = effect.tidy().query("cohort == 5").set_index("time")["n_treated"]
    assert counts.to_dict() == {2: 20, 3: 20, 4: 20, 5: 19, 6: 19}  # 4 is the base of 5 and 6
    assert said(effect, "A covariate is missing in some period (firms: 1)")


# Covariates --------------------------------------------------------------------------------------


def test_covariates_after_joining_are_never_read() -> None:
    frame = frame_of()
    after = frame["year"] >= frame["joined"].fillna(np.inf)
    moved = frame.assign(size=frame["size"].where(~after, 1e6))
    first, second = fit(frame, covariates=["size"]), fit(moved, covariates=["size"])
    pd.testing.assert_frame_equal(first.tidy(), second.tidy())
    before = frame.assign(size=frame["size"].where(after, frame["size"] ** 2))
    third = fit(before, covariates=["size"])
    assert not np.allclose(first.tidy()["estimate"], third.tidy()["estimate"])


def test_no_overlap_is_missing_and_named() -> None:
    frame = frame_of()
    frame["apart"] = np.where(frame["joined"] == 3, 5.0, 0.0) + 0.1 * frame["size"]
    effect = fit(frame, covariates=["apart"])
    table = effect.tidy()
    assert table.loc[table["cohort"] == 3, "estimate"].isna().all()
    assert table.loc[table["cohort"] == 5, "estimate"].notna().all()
    assert said(effect, "no overlap")
    no_number_without_its_error(effect)


@pytest.mark.parametrize("base_period", ["varying", "universal"])
def test_no_overlap_anywhere_is_refused(base_period: str) -> None:
    frame = frame_of()
    frame["apart"] = np.where(frame["joined"].notna(), 5.0, 0.0) + 0.1 * frame["size"]
    with pytest.raises(EstimationError, match=r"No group-time effect can be estimated.*no overlap"):
        fit(frame, covariates=["apart"], base_period=base_period)


def test_all_covariates_collinear_is_no_covariate() -> None:
    frame = frame_of().assign(one=1.0, other=2.0)
    effect = fit(frame, covariates=["one", "other"])
    np.testing.assert_allclose(effect.tidy()["estimate"], fit(frame).tidy()["estimate"])
    assert said(effect, "covariate 'one' left out")
    assert said(effect, "covariate 'other' left out")


# Weights, clusters, matched panels ---------------------------------------------------------------


def test_larger_clusters_change_errors_and_not_effects() -> None:
    frame = frame_of()
    frame["town"] = frame["firm"].str[-1]
    own, town = fit(frame), fit(frame, cluster="town")
    np.testing.assert_array_equal(own.tidy()["estimate"], town.tidy()["estimate"])
    assert (town.tidy()["n_clusters"] == 10).all()
    assert not np.allclose(own.tidy()["std_error"], town.tidy()["std_error"])
    sums = own.influence.groupby(town.firms["cluster"]).sum().to_numpy()
    expected = np.sqrt((sums**2).sum(axis=0)) / 60
    np.testing.assert_allclose(town.tidy()["std_error"], expected)


def test_cluster_must_hold_the_firm() -> None:
    frame = frame_of()
    frame["town"] = frame["firm"].str[-1]
    frame.loc[3, "town"] = "elsewhere"
    with pytest.raises(DataError, match="more than one cluster"):
        fit(frame, cluster="town")
    frame.loc[3, "town"] = None
    with pytest.raises(DataError, match="the cluster is missing in a row"):
        fit(frame, cluster="town")
    frame.loc[frame["firm"] == frame["firm"][0], "town"] = None
    with pytest.raises(DataError, match="the cluster is missing"):
        fit(frame, cluster="town")


def test_matched_panel_is_the_weighted_panel() -> None:
    frame = frame_of(firms=90)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    matched = impact.match(panel, on=["size"])
    effect = impact.att(matched, "exports", method="group_time")
    weighted = frame.assign(w=matched.weights.to_numpy())
    expected = fit(weighted[weighted["w"] > 0], weights="w")
    pd.testing.assert_frame_equal(effect.tidy(), expected.tidy())
    assert said(effect, "Left out of the matched sample")
    assert len(effect.firms) < 90


def test_cross_section_is_refused() -> None:
    frame = frame_of().drop_duplicates("firm")
    frame["d"] = frame["joined"].notna().astype(int)
    matched = impact.match(frame, treatment="d", on=["size"])
    with pytest.raises(EstimationError, match="works on panel or matched panel data"):
        impact.att(matched, "exports", method="group_time")


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"control": "nobody"}, "control='nobody' does not exist"),
        ({"estimator": "ols"}, "choose from 'dr', 'ipw', 'reg'"),
        ({"base_period": "first"}, "base_period='first'"),
        ({"unbalanced": "zero"}, "unbalanced='zero'"),
        ({"anticipation": -1}, "anticipation=-1"),
        ({"anticipation": 0.5}, "anticipation=0.5"),
        ({"anticipation": True}, "anticipation=True"),
        ({"speed": 3}, "has no option speed"),
        ({"family": "logit"}, "has the families gaussian, poisson"),
    ],
)
def test_wrong_options(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(EstimationError, match=message):
        fit(frame_of(), **asked)


def test_text_and_infinite_values_are_named_with_their_row() -> None:
    frame = frame_of()
    frame.loc[7, "exports"] = -np.inf
    with pytest.raises(
        DataError, match=r"infinite \(the logarithm of zero\?\): firm F000002, period 2"
    ):
        fit(frame)
    words = frame_of().astype({"size": object})
    words.loc[8, "size"] = "small"
    with pytest.raises(DataError, match="not a number: firm F000002, period 3"):
        fit(words, covariates=["size"])


def test_the_callers_data_are_not_changed() -> None:
    frame = frame_of()
    before = frame.copy(deep=True)
    fit(frame, covariates=["size"], control="not_yet")
    pd.testing.assert_frame_equal(frame, before)


def test_panel_notes_travel() -> None:
    frame = frame_of()
    frame["d"] = ((frame["joined"] == 3) & (frame["year"] == 3)).astype(int)
    panel = impact.panel(frame, unit="firm", time="year", treatment="d")
    effect = impact.att(panel, "exports", method="group_time")
    assert panel.notes
    assert set(panel.notes) <= set(effect.notes)
    assert panel.notes[0] in effect.summary()
