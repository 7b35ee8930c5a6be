"""`impact.att(..., method="etwfe")`: designs at the edge, separation, refusals, options, notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, EstimationError


def frame_of(seed: int = 4, firms: int = 90, periods: int = 6) -> pd.DataFrame:
    """Counts and yes or no of firms that join in 3, in 5, or never."""
    rng = np.random.default_rng(seed)
    joined = np.resize([3.0, 5.0, np.nan], firms)
    frame = pd.DataFrame(
        {
            "firm": np.repeat([f"F{i:03d}" for i in range(firms)], periods),
            "year": np.tile(np.arange(1, periods + 1), firms),
            "joined": np.repeat(joined, periods),
            "size": np.repeat(rng.normal(size=firms), periods),
        }
    )
    index = (
        0.8 + 0.1 * frame["year"] + 0.3 * frame["size"] + 0.3 * (frame["year"] >= frame["joined"])
    )
    frame["exports"] = rng.poisson(np.exp(index)).astype(float)
    frame["yes"] = (rng.random(len(frame)) < 1 / (1 + np.exp(1 - index))).astype(float)
    return frame


def fit(
    frame: pd.DataFrame, outcome: str = "exports", *, weights: str | None = None, **asked: Any
) -> impact.EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    asked = {"family": "logit" if outcome == "yes" else "poisson", **asked}
    return impact.att(panel, outcome, method="etwfe", **asked)


def said(effect: impact.EffectResult, part: str) -> bool:
    return any(part in note for note in effect.notes)


def firms_of(frame: pd.DataFrame, cohort: float) -> list[str]:
    """Identifiers of a cohort; a missing cohort stands for never."""
    first = frame.drop_duplicates("firm")
    own = first["joined"].isna() if np.isnan(cohort) else first["joined"] == cohort
    return first.loc[own, "firm"].tolist()


def no_number_without_its_error(effect: impact.EffectResult) -> None:
    """What is missing stays missing, and a note says why."""
    table = effect.tidy()
    bare = table[table["std_error"].isna()]
    assert bare[["statistic", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    for term in bare["term"]:
        assert said(effect, term), term


# The table ---------------------------------------------------------------------------------------


def test_one_row_per_cohort_and_year_of_participation() -> None:
    effect = fit(frame_of())
    table = effect.tidy()
    assert table.groupby("cohort")["time"].apply(list).to_dict() == {3: [3, 4, 5, 6], 5: [5, 6]}
    assert (table["event_time"] == table["time"] - table["cohort"]).all()
    assert (table["n_treated"] == 30).all()
    assert table["n_control"].tolist() == [60, 60, 30, 30, 30, 30]
    assert (table["n_clusters"] == 90).all()
    assert effect.family == "poisson" and effect.scale == "outcome"
    assert "by etwfe (poisson)" in effect.summary()


def test_against_never_the_years_before_joining_are_cells_too() -> None:
    effect = fit(frame_of(), control="never")
    table = effect.tidy()
    assert table.groupby("cohort")["time"].apply(list).to_dict() == {
        3: [1, 3, 4, 5, 6],
        5: [1, 2, 3, 5, 6],
    }
    assert (table["n_control"] == 30).all()
    assert table["std_error"].notna().all()
    events = effect.aggregate("event").tidy()["event_time"].tolist()
    assert events == [-4, -3, -2, 0, 1, 2, 3]


def test_per_cent_and_baseline_of_cells_and_averages() -> None:
    frame = frame_of()
    effect = fit(frame)
    means = frame.groupby(["joined", "year"])["exports"].mean()
    own = [means[row.cohort, row.time] for row in effect.tidy().itertuples()]
    np.testing.assert_allclose(effect.tidy()["estimate"] + effect.baseline, own)
    overall = effect.aggregate("overall")
    per_cent = overall.percent().tidy()["estimate"].item()
    assert per_cent == pytest.approx(100 * overall.tidy()["estimate"].item() / overall.baseline[0])


def test_the_link_scale_is_named_and_has_no_per_cent() -> None:
    effect = fit(frame_of(), scale="link")
    assert effect.scale == "link" and effect.baseline is None
    assert "coefficient" in effect.summary()
    with pytest.raises(EstimationError, match="units of the link"):
        effect.percent()


def test_anticipation_makes_cells_of_the_years_before_joining() -> None:
    frame = frame_of()
    table = fit(frame, anticipation=1).tidy()
    assert table.groupby("cohort")["time"].apply(list).to_dict() == {
        3: [2, 3, 4, 5, 6],
        5: [4, 5, 6],
    }
    assert table.set_index(["cohort", "time"])["n_control"].to_dict()[3, 4] == 30
    earlier = fit(frame.assign(joined=frame["joined"] - 1)).tidy()
    np.testing.assert_allclose(table["estimate"], earlier["estimate"])


# Separation --------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["cohort", "firm"])
def test_a_cell_without_any_outcome_above_zero_is_missing_and_others_are_not_touched(
    effects: str,
) -> None:
    frame = frame_of()
    cell = (frame["joined"] == 3) & (frame["year"] == 4)
    idle = frame.assign(exports=frame["exports"].mask(cell, 0.0))
    effect, before = fit(idle, effects=effects), fit(frame, effects=effects)
    table = effect.tidy().set_index("term")
    assert table["estimate"].isna().sum() == 1 and np.isnan(table.loc["ATT(3,4)", "estimate"])
    assert said(effect, "ATT(3,4): no estimate, every outcome of its firms is 0")
    rest = before.tidy().set_index("term").drop("ATT(3,4)")
    if effects == "cohort":  # with levels of firms, their sums move others of the cohort a little
        pd.testing.assert_frame_equal(table.drop("ATT(3,4)")[["estimate", "std_error"]],
                                      rest[["estimate", "std_error"]])  # fmt: skip
    assert table.drop("ATT(3,4)")["std_error"].notna().all()
    assert said(effect.aggregate("overall"), "Left out of the averages")
    no_number_without_its_error(effect)


def test_a_cell_whose_answers_are_all_yes_is_missing() -> None:
    frame = frame_of()
    cell = (frame["joined"] == 5) & (frame["year"] == 6)
    effect = fit(frame.assign(yes=frame["yes"].mask(cell, 1.0)), "yes")
    assert effect.tidy().set_index("term")["estimate"].isna().to_dict()["ATT(5,6)"]
    assert said(effect, "every outcome of its firms is 1")
    assert effect.tidy()["estimate"].notna().sum() == 5
    no_number_without_its_error(effect)


@pytest.mark.parametrize("covariates", [None, ["size"]])
def test_a_counterfactual_of_exactly_zero_is_none(covariates: list[str] | None) -> None:
    """Nobody in cohort 5 exported before joining: the model gives growth from nothing."""
    frame = frame_of()
    before = (frame["joined"] == 5) & (frame["year"] < 5)
    effect = fit(frame.assign(exports=frame["exports"].mask(before, 0.0)), covariates=covariates)
    table = effect.tidy()
    assert table.loc[table["cohort"] == 5, "estimate"].isna().all()
    assert table.loc[table["cohort"] == 3, "std_error"].notna().all()
    assert said(effect, "without the programme the mean would be the limit itself")
    no_number_without_its_error(effect)
    # The cohort tells nothing on the others: they are what they are without it.
    alone = fit(frame[frame["joined"] != 5], covariates=covariates).tidy()
    np.testing.assert_allclose(
        table.loc[table["cohort"] == 3, "estimate"], alone["estimate"], atol=1e-8
    )


def test_a_year_in_which_no_comparison_firm_exports() -> None:
    frame = frame_of()
    year = (frame["year"] == 6) & frame["joined"].isna()
    for effects in ("cohort", "firm"):
        effect = fit(frame.assign(exports=frame["exports"].mask(year, 0.0)), effects=effects)
        missing = effect.tidy().query("time == 6")["estimate"].isna()
        assert missing.all()
        assert effect.tidy().query("time != 6")["std_error"].notna().all()
        no_number_without_its_error(effect)


def test_covariates_that_tell_the_outcome_are_seen() -> None:
    """In cohort 3 firms above a size never export before joining: its slope has no finite value, cohort 5 has its effects."""
    frame = frame_of()
    frame["large"] = (frame["size"] > 0).astype(float)
    idle = (frame["joined"] == 3) & (frame["year"] < 3) & (frame["large"] == 1)
    effect = fit(frame.assign(exports=frame["exports"].mask(idle, 0.0)), covariates=["large"])
    table = effect.tidy()
    assert table.loc[table["cohort"] == 3, "estimate"].isna().all()
    assert table.loc[table["cohort"] == 5, "std_error"].notna().all()
    assert said(effect, "covariates cannot be carried over")
    no_number_without_its_error(effect)


def test_firms_that_never_export_count_in_the_means() -> None:
    frame = frame_of()
    some = frame["firm"].isin(firms_of(frame, 3)[:5])
    idle = frame.assign(exports=frame["exports"].mask(some, 0.0))
    table = fit(idle, effects="firm")
    own = idle[(idle["joined"] == 3) & (idle["year"] == 4)]["exports"].mean()
    row = table.tidy().set_index("term").loc["ATT(3,4)"]
    assert row["n_treated"] == 30
    assert row["estimate"] + table.baseline[1] == pytest.approx(own)


# Designs at the edge -----------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["cohort", "firm"])
def test_no_firm_that_never_joins(effects: str) -> None:
    frame = frame_of()
    frame = frame[frame["joined"].notna()]
    with pytest.raises(EstimationError, match="control='not_yet'"):
        fit(frame, control="never", effects=effects)
    effect = fit(frame, effects=effects)
    table = effect.tidy().set_index(["cohort", "time"])
    assert table.loc[[(3, 5), (3, 6), (5, 5), (5, 6)], "estimate"].isna().all()
    assert table.loc[[(3, 3), (3, 4)], "std_error"].notna().all()
    assert said(effect, "no comparison firm is observed in this year")
    no_number_without_its_error(effect)


def test_always_treated_and_late_cohorts() -> None:
    frame = frame_of()
    early = firms_of(frame, 3)[:4]
    first = frame.assign(joined=frame["joined"].mask(frame["firm"].isin(early), 1.0))
    effect = fit(first)
    assert said(effect, "begin in 1 (firms: 4 in 1)")
    pd.testing.assert_frame_equal(effect.tidy(), fit(frame[~frame["firm"].isin(early)]).tidy())
    late = frame.assign(joined=frame["joined"].replace(5, 9))
    effect = fit(late)
    assert said(effect, "counted as never (firms: 30)")
    never = frame.assign(joined=frame["joined"].where(frame["joined"] != 5))
    pd.testing.assert_frame_equal(effect.tidy(), fit(never).tidy())


def test_nobody_joins_or_all_join_at_once() -> None:
    frame = frame_of()
    with pytest.raises(EstimationError, match="No firm joins"):
        fit(frame.assign(joined=frame["joined"].where(frame["joined"].isna(), 1.0)))
    for effects in ("cohort", "firm"):
        with pytest.raises(EstimationError, match="No effect can be estimated"):
            fit(frame.assign(joined=4.0), effects=effects)


@pytest.mark.parametrize("covariates", [None, ["size"]])
def test_one_treated_firm_has_no_standard_error(covariates: list[str] | None) -> None:
    frame = frame_of()
    frame = frame[frame["firm"].isin([*firms_of(frame, 3)[:1], *firms_of(frame, np.nan)])]
    effect = fit(frame, family="gaussian", covariates=covariates)
    assert effect.tidy()["estimate"].notna().all()
    assert effect.tidy()["std_error"].isna().all()
    assert said(effect, "no standard error, the cohort is one firm or one cluster")
    no_number_without_its_error(effect)


def test_one_treated_cluster_and_one_comparison_firm_have_no_standard_error() -> None:
    frame = frame_of()
    frame["chamber"] = np.where(frame["joined"] == 3, "north", frame["firm"])
    table = fit(frame, cluster="chamber").tidy()
    assert table.loc[table["cohort"] == 3, "std_error"].isna().all()
    assert table.loc[table["cohort"] == 5, "std_error"].notna().all()
    keep = [*firms_of(frame, 3), *firms_of(frame, np.nan)[:1]]
    effect = fit(frame[frame["firm"].isin(keep)])
    assert effect.tidy()["std_error"].isna().all()
    assert said(effect, "too few comparison firms")


def test_few_treated_clusters_are_said() -> None:
    frame = frame_of()
    assert not said(fit(frame), "participating clusters")
    assert said(fit(frame.assign(town=frame["firm"].str[-1]), cluster="town"), "clusters")


def test_gaps_in_time() -> None:
    frame = frame_of()
    table = fit(frame[frame["year"] != 4], control="never").tidy()
    assert table.groupby("cohort")["time"].apply(list).to_dict() == {
        3: [1, 3, 5, 6],
        5: [1, 2, 5, 6],
    }


def test_an_outcome_that_tells_nothing() -> None:
    frame = frame_of().assign(zero=0.0)
    with pytest.raises(EstimationError, match="No effect can be estimated: no firm-year"):
        fit(frame, "zero", family="poisson")
    table = fit(frame, "zero", family="gaussian").tidy()
    assert (table["estimate"] == 0).all() and table["std_error"].isna().all()


# Unbalanced panels -------------------------------------------------------------------------------


def test_an_unbalanced_panel_says_what_levels_compare() -> None:
    frame = frame_of()
    hole = (frame["firm"] == firms_of(frame, 3)[0]) & (frame["year"] == 6)
    empty = frame.assign(exports=frame["exports"].mask(hole))
    by_cohort, by_firm = fit(empty), fit(empty, effects="firm")
    assert said(
        by_cohort,
        "'exports' is missing in some period (firms: 1 of 90); effects='cohort' compares levels of cohorts",
    )
    assert said(by_firm, "effects='firm' compares each firm with itself")
    assert not said(fit(frame), "missing in some period")
    assert by_cohort.tidy().set_index("term").loc["ATT(3,6)", "n_treated"] == 29
    assert (by_cohort.tidy()["estimate"] - by_firm.tidy()["estimate"]).abs().max() > 1e-6
    pd.testing.assert_frame_equal(by_cohort.tidy(), fit(frame[~hole]).tidy())


def test_firms_seen_once_tell_levels_of_cohorts_only() -> None:
    frame = frame_of()
    once = firms_of(frame, np.nan)[:3]
    thin = frame[~frame["firm"].isin(once) | (frame["year"] == 2)]
    assert len(fit(thin).firms) == 90
    effect = fit(thin, effects="firm")
    assert said(effect, "in fewer than two periods are left out (firms: 3)")
    assert len(effect.firms) == 87


def test_a_cohort_that_is_not_seen_before_joining() -> None:
    frame = frame_of()
    before = (frame["joined"] == 3) & (frame["year"] < 3)
    for effects in ("cohort", "firm"):
        effect = fit(frame[~before], effects=effects)
        table = effect.tidy()
        assert table.loc[table["cohort"] == 3, "estimate"].isna().all()
        assert table.loc[table["cohort"] == 5, "std_error"].notna().all()
        assert said(effect, "the cohort is not observed before joining")


# Covariates --------------------------------------------------------------------------------------


def test_covariates_are_those_of_the_first_period() -> None:
    frame = frame_of()
    rng = np.random.default_rng(1)
    moving = frame.assign(size=frame["size"].where(frame["year"] == 1, rng.normal(size=len(frame))))
    effect = fit(moving, covariates=["size"])
    assert said(effect, "Covariate 'size' changes over time (firms: 90)")
    pd.testing.assert_frame_equal(effect.tidy(), fit(frame, covariates=["size"]).tidy())
    assert not said(fit(frame, covariates=["size"]), "changes over time")


def test_no_covariate_is_dated_after_joining() -> None:
    frame = frame_of()
    late = frame["firm"].isin(firms_of(frame, 3)[:2]) & (frame["year"] < 3)
    effect = fit(frame.assign(size=frame["size"].mask(late)), covariates=["size"])
    assert said(effect, "Firms without a covariate before joining are left out (firms: 2)")
    assert len(effect.firms) == 88


def test_a_covariate_constant_within_a_cohort_is_no_harm() -> None:
    frame = frame_of()
    frame["size"] = frame["size"].where(frame["joined"] != 3, 0.4)
    table = fit(frame, covariates=["size"]).tidy()
    assert table["std_error"].notna().all()


# Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"control": "later"}, "control='later' does not exist for etwfe; choose from 'not_yet', 'never'"),
        ({"effects": "unit"}, "effects='unit' does not exist"),
        ({"scale": "log"}, "scale='log' does not exist"),
        ({"anticipation": -1}, "anticipation=-1 is not a number of periods"),
        ({"family": "probit"}, "has the families gaussian, poisson, logit"),
        ({"unbalanced": "pairwise"}, "has no option unbalanced"),
    ],
)  # fmt: skip
def test_options_that_do_not_exist(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(EstimationError, match=message):
        fit(frame_of(), **asked)


def test_a_logit_with_levels_of_firms_is_refused() -> None:
    with pytest.raises(EstimationError, match="incidental parameters"):
        fit(frame_of(), "yes", effects="firm")


def test_outcomes_outside_the_family() -> None:
    frame = frame_of()
    frame.loc[3, "exports"] = -2.0
    frame.loc[5, "yes"] = 2.0
    with pytest.raises(
        DataError,
        match=r"family 'poisson' takes outcomes of 0 or more: firm F000, period 4",
    ):
        fit(frame)
    with pytest.raises(DataError, match="takes outcomes of 0 or 1"):
        fit(frame, "yes")
    assert fit(frame, family="gaussian").tidy()["std_error"].notna().all()
