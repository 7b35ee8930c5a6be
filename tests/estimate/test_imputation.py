"""`impact.att(..., method="imputation")`: designs at the edge, refusals, options, notes."""

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
    return impact.att(panel, "exports", method="imputation", **asked)


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


def test_one_row_per_cohort_and_year_from_joining_on() -> None:
    table = fit(frame_of()).tidy()
    assert table.groupby("cohort")["time"].apply(list).to_dict() == {3: [3, 4, 5, 6], 5: [5, 6]}
    assert (table["n_treated"] == 20).all()
    assert (table["n_control"] == 40).all()
    assert (table["n_clusters"] == 60).all()


def test_leads_need_a_year_before_them_and_keep_the_effects() -> None:
    frame = frame_of()
    effect, plain = fit(frame, pretrends=3), fit(frame)
    before = effect.tidy().query("event_time < 0")
    assert before.groupby("cohort")["time"].apply(list).to_dict() == {3: [2], 5: [2, 3, 4]}
    after = effect.tidy().query("event_time >= 0").reset_index(drop=True)
    columns = ["term", "estimate", "std_error", "n_treated", "n_control"]
    pd.testing.assert_frame_equal(after[columns], plain.tidy()[columns], check_exact=True)
    check = impact.check(effect, ["pretrends"]).tidy().iloc[0]
    assert check["verdict"] == "passes" and check["df"] == 4
    with_event = impact.check(effect.aggregate("event"), ["pretrends"]).tidy().iloc[0]
    assert with_event["df"] == 3


def test_anticipating_years_are_imputed_and_no_leads() -> None:
    frame = frame_of(cohorts=(4, 6), periods=7)
    effect = fit(frame, anticipation=1, pretrends=1)
    table = effect.tidy().query("cohort == 6").set_index("time")
    assert list(table.index) == [4, 5, 6, 7]
    moved = frame.assign(joined=frame["joined"] - 1)
    earlier = fit(moved, pretrends=1).tidy().query("cohort == 5")
    np.testing.assert_array_equal(table["estimate"], earlier["estimate"])
    np.testing.assert_array_equal(table["std_error"], earlier["std_error"])


def test_by_gives_each_group_its_own_years() -> None:
    """Shocks of a sector in a year leave no trace; by the groups is the mean of the groups' own fits."""
    frame = frame_of(firms=120)
    frame["sector"] = np.where(frame["region"] % 2 == 0, "food", "steel")
    shock = np.where(frame["sector"] == "food", frame["year"] ** 2 * 0.7, 0.0)
    one = fit(frame, by="sector")
    two = fit(frame.assign(exports=frame["exports"] + shock), by="sector")
    np.testing.assert_allclose(one.tidy()["estimate"], two.tidy()["estimate"], atol=1e-10)
    np.testing.assert_allclose(one.tidy()["std_error"], two.tidy()["std_error"], atol=1e-10)
    parts = [fit(frame[frame["sector"] == s]).tidy() for s in ("food", "steel")]
    n = np.array([p["n_treated"] for p in parts], dtype=float)
    mean = sum(n[i] * parts[i]["estimate"] for i in range(2)) / n.sum(axis=0)
    np.testing.assert_allclose(one.tidy()["estimate"], mean, atol=1e-10)
    assert (one.tidy()["n_control"] == sum(p["n_control"] for p in parts)).all()


def test_baseline_is_the_mean_imputed_outcome() -> None:
    frame = frame_of()
    frame["exports"] += 20
    effect = fit(frame)
    table = effect.tidy()
    means = frame.groupby(["joined", "year"])["exports"].mean()
    for i, row in table.iterrows():
        outcome = means[row["cohort"], row["time"]]
        assert effect.baseline[i] == pytest.approx(outcome - row["estimate"], abs=1e-12)
    percent = effect.aggregate("overall").percent().tidy().iloc[0]
    size = np.average(effect.baseline)
    assert percent["estimate"] == pytest.approx(100 * table["estimate"].mean() / size)
    assert percent["std_error"] > 0


# Designs at the edge -----------------------------------------------------------------------------


def test_no_firm_that_never_joins() -> None:
    """Years in which everybody participates cannot be imputed; the others can."""
    frame = frame_of()
    effect = fit(frame[frame["joined"].notna()])
    table = effect.tidy().set_index(["cohort", "time"])
    assert table.loc[[(3, 5), (3, 6), (5, 5), (5, 6)], "estimate"].isna().all()
    assert (table.loc[[(3, 3), (3, 4)], "std_error"] > 0).all()
    assert said(effect, "no estimate, no firm that its firms can be compared with")
    no_number_without_its_error(effect)


def test_all_firms_join_in_one_year() -> None:
    frame = frame_of().assign(joined=4.0)
    with pytest.raises(EstimationError, match=r"No effect can be imputed.*no firm that its firms"):
        fit(frame)


def test_always_treated_are_left_out_counted_and_named() -> None:
    frame = frame_of()
    early = firms_of(frame, 3)[:4]
    frame.loc[frame["firm"].isin(early), "joined"] = 1
    effect = fit(frame)
    assert said(effect, "begin in 1 (firms: 4 in 1)")
    pd.testing.assert_frame_equal(effect.tidy(), fit(frame[~frame["firm"].isin(early)]).tidy())
    with pytest.raises(EstimationError, match="No firm joins between the second and the last"):
        fit(frame.assign(joined=frame["joined"].where(frame["joined"].isna(), 1)))


def test_firms_never_seen_before_joining_are_left_out_counted_and_named() -> None:
    frame = frame_of()
    late = firms_of(frame, 3)[:2]
    short = frame[~frame["firm"].isin(late) | (frame["year"] >= 3)]
    effect = fit(short)
    assert said(
        effect,
        f"Never observed without participation, so left out (firms: 2: {late[0]}, {late[1]})",
    )
    assert not set(late) & set(effect.firms.index)
    pd.testing.assert_frame_equal(effect.tidy(), fit(frame[~frame["firm"].isin(late)]).tidy())


def test_cohort_after_the_data_counts_as_never() -> None:
    frame = frame_of()
    late = frame.assign(joined=frame["joined"].where(frame["joined"] != 5, 9))
    never = frame.assign(joined=frame["joined"].where(frame["joined"] != 5))
    effect = fit(late)
    assert said(effect, "counted as never (firms: 20)")
    pd.testing.assert_frame_equal(effect.tidy(), fit(never).tidy())


def test_one_treated_firm_or_cluster_has_no_standard_error() -> None:
    frame = frame_of()
    alone = frame[frame["firm"].isin([*firms_of(frame, 3)[:1], *firms_of(frame, np.nan)])]
    for apart in (False, True):
        effect = fit(alone, leave_one_out=apart)
        assert effect.tidy()["estimate"].notna().all()
        assert effect.tidy()["std_error"].isna().all()
        assert said(effect, "no standard error, the cohort is one firm or one cluster")
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


def test_parts_of_the_data_that_nothing_connects() -> None:
    """Comparison firms seen only early, others only late: what joins them is nothing, so late years are unknown."""
    frame = frame_of(cohorts=(3,))
    never = firms_of(frame, np.nan)
    early = frame["firm"].isin(never[::2]) & (frame["year"] <= 2)
    late = frame["firm"].isin(never[1::2]) & (frame["year"] >= 4)
    effect = None
    with pytest.raises(EstimationError, match="No effect can be imputed"):
        effect = fit(frame[early | late | (frame["joined"] == 3)])
    assert effect is None
    bridge = frame["firm"] == never[0]
    table = fit(frame[early | late | bridge | (frame["joined"] == 3)]).tidy().set_index("time")
    assert table["estimate"].notna().all()
    assert np.isnan(table.loc[3, "std_error"])  # one firm alone is observed in year 3


def test_some_firms_of_a_cohort_cannot_be_compared() -> None:
    frame = frame_of(firms=120)
    frame["sector"] = np.where(frame["region"] <= 3, "rare", "common")
    gone = (frame["sector"] == "rare") & (frame["year"] == 6) & ~(frame["joined"] <= 6)
    effect = fit(frame[~gone], by="sector")
    table = effect.tidy().set_index(["cohort", "time"])
    whole = fit(frame, by="sector").tidy().set_index(["cohort", "time"])
    assert table.loc[(3, 6), "n_treated"] < whole.loc[(3, 6), "n_treated"]
    assert table.loc[(3, 5), "n_treated"] == whole.loc[(3, 5), "n_treated"]
    assert said(effect, "some firms left out, no firm that its firms can be compared with")


def test_gaps_in_time_and_missing_outcomes() -> None:
    frame = frame_of(periods=7, cohorts=(4, 6))
    gap = fit(frame[frame["year"] != 3])
    assert gap.tidy().query("cohort == 4")["time"].tolist() == [4, 5, 6, 7]
    hole = (frame["firm"] == firms_of(frame, np.nan)[3]) & (frame["year"] == 4)
    absent = fit(frame[~hole]).tidy()
    pd.testing.assert_frame_equal(
        fit(frame.assign(exports=frame["exports"].mask(hole))).tidy(), absent
    )
    zero = fit(frame.assign(exports=frame["exports"].where(~hole, 0.0))).tidy()
    assert not np.allclose(zero["estimate"], absent["estimate"])


def test_outcome_that_never_changes() -> None:
    frame = frame_of()
    frame["exports"] = frame.groupby("firm")["exports"].transform("first")
    table = fit(frame, pretrends=1).tidy()
    assert (table["estimate"].abs() < 1e-12).all()
    assert table[["std_error", "p_value", "statistic", "conf_low"]].isna().all(axis=None)


def test_few_treated_clusters_are_said() -> None:
    frame = frame_of(firms=60)
    assert not said(fit(frame), "participating clusters")
    assert said(fit(frame.assign(town=frame["firm"].str[-1]), cluster="town"), "clusters")


# Covariates --------------------------------------------------------------------------------------


def test_covariates_are_fitted_without_participation() -> None:
    """Slopes do not see participants' years: an outcome built from a covariate is imputed exactly."""
    frame = frame_of(noise=0.0, effect="constant", size=0.5)
    frame["exports"] += 3.0 * frame["size"]
    effect = fit(frame, covariates=["size"], pretrends=1)
    table = effect.tidy()
    np.testing.assert_allclose(
        table["estimate"], np.where(table["event_time"] < 0, 0.0, 0.5), atol=1e-10
    )


def test_a_firm_year_without_its_covariate_is_left_out() -> None:
    frame = frame_of()
    hole = (frame["firm"] == firms_of(frame, 5)[0]) & (frame["year"] == 6)
    effect = fit(frame.assign(size=frame["size"].mask(hole)), covariates=["size"])
    assert said(effect, "Firm-years without a covariate are left out (firm-years: 1, in firms: 1)")
    expected = fit(frame[~hole], covariates=["size"])
    pd.testing.assert_frame_equal(effect.tidy(), expected.tidy())


def test_constant_covariates_are_no_covariates() -> None:
    frame = frame_of()
    frame["age"] = frame.groupby("firm")["size"].transform("first") + frame["year"]
    effect = fit(frame, covariates=["age"])
    np.testing.assert_allclose(effect.tidy()["estimate"], fit(frame).tidy()["estimate"])
    assert said(effect, "'age': covariate left out, it does not vary beyond")


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"anticipation": -1}, "anticipation=-1"),
        ({"pretrends": 0.5}, "pretrends=0.5"),
        ({"pretrends": True}, "pretrends=True"),
        ({"leave_one_out": "yes"}, "leave_one_out='yes'"),
        ({"by": 3}, "by=3 is not the name of a column"),
        ({"speed": 3}, "has no option speed"),
        ({"family": "logit"}, "has the families gaussian, poisson"),
    ],
)
def test_wrong_options(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(EstimationError, match=message):
        fit(frame_of(), **asked)


def test_by_must_exist_and_hold_the_firm() -> None:
    frame = frame_of()
    with pytest.raises(DataError, match="did you mean 'region'"):
        fit(frame, by="regio")
    moves = frame.assign(region=frame["region"].where(frame["year"] < 4, 99))
    with pytest.raises(DataError, match="'region' changes within"):
        fit(moves, by="region")
    unknown = frame.assign(half=np.where(frame["region"] < 7, "a", "b"))
    one = firms_of(frame, 3)[0]
    unknown.loc[unknown["firm"] == one, "half"] = None
    effect = fit(unknown, by="half")
    assert said(effect, "Firms without 'half' are left out (firms: 1)")


def test_text_and_infinite_values_are_named_with_their_row() -> None:
    frame = frame_of()
    frame.loc[7, "exports"] = -np.inf
    with pytest.raises(DataError, match=r"infinite .*: firm F000002, period 2"):
        fit(frame)


def test_matched_panels_are_refused() -> None:
    panel = impact.panel(frame_of(firms=90), unit="firm", time="year", cohort="joined")
    matched = impact.match(panel, on=["size"])
    with pytest.raises(EstimationError, match="works on panel data"):
        impact.att(matched, "exports", method="imputation")
