"""What a review of panel effects found wrong: counts of averages, references in gaps, permutations that move nothing, words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, EstimationError
from impact.core.registry import METHODS
from impact.estimate.effect import EffectResult
from impact.simulate.programme import programme

impact.methods()
OPTIONS: dict[str, dict[str, Any]] = {"dose": {"dose": "hours"}}


def firms(n: int = 90, seed: int = 1) -> pd.DataFrame:
    frame, _ = programme(firms=n, periods=6, cohorts=(3, 5), seed=seed)
    hours = (frame["firm"].rank(method="dense") % 5 + 1).where(frame["joined"].notna(), 0.0)
    return frame.assign(hours=hours)


def fit(method: str, frame: pd.DataFrame, **more: Any) -> EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    return impact.att(panel, "exports", method=method, **OPTIONS.get(method, {}), **more)


CELLS = [
    m.name
    for m in METHODS.of("att")
    if "panel" in m.takes and m.name not in ("twfe", "dose", "two_by_two")
]


@pytest.mark.parametrize("method", CELLS)
def test_a_row_of_one_cell_has_the_counts_of_that_cell(method: str) -> None:
    frame = firms()
    holes = np.random.default_rng(2).random(len(frame)) < (0.0 if method == "synthetic" else 0.1)
    effect = fit(method, frame[~holes])
    cells = effect.estimates.dropna(subset=["std_error"])
    event = effect.aggregate("event").estimates.set_index("event_time")
    for e, own in cells.groupby("event_time"):
        row = event.loc[e]
        if len(own) == 1:
            assert (row["n_treated"], row["n_control"]) == (
                own["n_treated"].item(),
                own["n_control"].item(),
            )
        assert row["n_treated"] >= own["n_treated"].max()
        assert row["n_control"] <= frame["firm"].nunique()
    overall = effect.aggregate("overall").estimates.iloc[0]
    assert overall["n_treated"] <= 60 and overall["n_control"] <= 60  # 30 never join, 30 join later
    scaled = fit(method, frame[~holes].assign(exports=lambda f: 1e-5 * f["exports"]))
    counts = ["n_treated", "n_control"]
    pd.testing.assert_frame_equal(
        effect.aggregate("overall").estimates[counts], scaled.aggregate("overall").estimates[counts]
    )


def test_a_reference_year_does_not_pull_others_to_nought() -> None:
    frame = firms(60)
    years = {1: 2001, 2: 2002, 3: 2004, 4: 2005, 5: 2006, 6: 2007}
    frame = frame.assign(
        year=frame["year"].map(years), joined=frame["joined"].map({3: 2004.0, 5: 2006.0})
    )
    effect = fit("group_time", frame, base_period="universal")
    cells = effect.tidy().set_index("term")
    assert cells.loc["ATT(2004,2002)", "estimate"] == 0
    event = effect.aggregate("event").tidy().set_index("event_time")
    assert event.loc[-2, "estimate"] == pytest.approx(cells.loc["ATT(2006,2004)", "estimate"])
    assert event.loc[-2, "std_error"] == pytest.approx(cells.loc["ATT(2006,2004)", "std_error"])
    assert event.loc[-1, "estimate"] == 0 and np.isnan(event.loc[-1, "std_error"])


@pytest.mark.parametrize("method", ["switching", "dose"])
def test_methods_that_do_not_read_the_year_of_joining_are_not_permuted(method: str) -> None:
    panel = impact.panel(firms(), unit="firm", time="year", cohort="joined")
    with pytest.raises(EstimationError, match="does not move with the year of joining"):
        impact.randomization_test(panel, "exports", method=method, **OPTIONS.get(method, {}))


def test_a_method_without_cells_is_permuted_as_it_is() -> None:
    panel = impact.panel(firms(24), unit="firm", time="year", cohort="joined")
    found = impact.randomization_test(panel, "exports", method="twfe", draws=19)
    assert 1 / 20 <= found.tidy()["p_value"].item() <= 1


def test_few_clusters_of_either_arm_are_said_with_a_remedy() -> None:
    frame = firms()
    number = frame["firm"].rank(method="dense").astype(int)
    frame["town"] = np.where(frame["joined"].isna(), 1000 + number // 3 % 3, number)
    said = " ".join(fit("group_time", frame, cluster="town").notes)
    assert "Only 3 comparison clusters" in said and "impact.randomization_test" in said


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cluster": ["region"]}, "name one column"),
        ({"seed": -1}, "whole number from 0"),
        ({"seed": 1.5}, "whole number from 0"),
        ({"conf_level": "a"}, "between 0 and 1"),
        ({"conf_level": 1.0}, "between 0 and 1"),
    ],
)
def test_arguments_of_a_wrong_kind(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(EstimationError, match=message):
        fit("group_time", firms(), **asked)


def test_dates_are_no_periods() -> None:
    frame = firms()
    frame["year"] = pd.to_datetime(frame["year"].add(2000).astype(str))
    with pytest.raises(DataError, match="the period is a date"):
        impact.panel(frame, unit="firm", time="year", cohort="joined")


def test_synthetic_where_everybody_joined_before_the_data() -> None:
    frame = firms(20)
    with pytest.raises(EstimationError):
        fit("synthetic", frame.assign(joined=1.0))


@pytest.mark.parametrize(
    "formula", ["exports ~ hours^2", "exports ~ hours**2 | firm", "exports ~ region + hours^3"]
)
def test_a_power_of_a_column_is_not_passed_over(formula: str) -> None:
    with pytest.raises(EstimationError, match=r"write I\(hours\*\*2\)"):
        impact.regress(formula, firms())


def test_powers_that_mean_what_they_say() -> None:
    frame = firms().assign(x=lambda f: f["exports"].shift(3).fillna(0.0))
    square = impact.regress("exports ~ x + I(x**2)", frame).tidy()
    assert len(square) == 3
    assert len(impact.regress("exports ~ (x + hours)^2", frame).tidy()) == 4


def test_the_plain_sandwich_is_hc0() -> None:
    frame = firms()
    assert (
        "(HC0)"
        in impact.regress("exports ~ hours", frame, variance="hetero", small_sample="none").variance
    )
    assert "(HC1)" in impact.regress("exports ~ hours", frame, variance="hetero").variance


def test_clusters_in_a_list_are_refused_where_one_way_is_all_there_is() -> None:
    panel = impact.panel(firms(), unit="firm", time="year", cohort="joined")
    with pytest.raises(EstimationError, match="name one column"):
        impact.wild_bootstrap("exports ~ hours", panel, "hours", cluster=["region"])
    with pytest.raises(EstimationError, match="name one column"):
        impact.panel_model("exports ~ hours", panel, cluster=["region"])


def lone(others: int) -> pd.DataFrame:
    """Two participants' cohorts: one firm that joins in 3, and `others` that join in 5."""
    frame = firms(30 + 3 * others)
    one = frame.loc[frame["joined"] == 3, "firm"].unique()[:1]
    many = frame.loc[frame["joined"] == 5, "firm"].unique()[:others]
    return frame[frame["firm"].isin([*one, *many]) | frame["joined"].isna()]


def test_the_share_of_a_lone_firm_decides_on_the_standard_error() -> None:
    """Of 5 years in 2 cohorts: 4 of the one firm, 2 of each other; a tenth is 18 others."""
    for others, told in ((17, False), (20, True)):
        overall = fit("group_time", lone(others)).aggregate("overall").tidy().iloc[0]
        assert np.isfinite(overall["estimate"])
        assert np.isfinite(overall["std_error"]) == told, others


def test_a_lone_firm_has_its_part_in_the_per_cent() -> None:
    frame = lone(40).assign(exports=lambda f: f["exports"] + 10)
    for method in ("group_time", "etwfe", "imputation"):
        overall = fit(method, frame).aggregate("overall")
        share = overall.percent().tidy().iloc[0]
        assert overall.baseline is not None and np.isfinite(overall.baseline).all()
        expected = 100 * overall.tidy()["estimate"].item() / overall.baseline[0]
        assert share["estimate"] == pytest.approx(expected) and share["std_error"] > 0


def test_an_event_study_without_earlier_years_names_the_option() -> None:
    for method, option in (
        ("imputation", "pretrends=2"),
        ("etwfe", "control='never'"),
        ("synthetic", "before=True"),
    ):
        said = " ".join(fit(method, firms()).aggregate("event").notes)
        assert option in said, method
        name, _, value = option.partition("=")
        more = fit(method, firms(), **{name: {"2": 2, "True": True}.get(value, value.strip("'"))})
        assert (more.aggregate("event").estimates["event_time"] < 0).any(), method
        assert option not in " ".join(more.aggregate("event").notes)
