"""`impact.att(..., method="synthetic")`: designs at the edge, refusals, options, notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import EstimationError


def panel(
    *,
    firms: int = 24,
    periods: int = 8,
    cohorts: tuple[float, ...] = (5.0, 7.0, np.nan, np.nan),
    seed: int = 1,
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    joined = np.array(cohorts)[np.arange(firms) % len(cohorts)]
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(np.arange(1, periods + 1), firms),
            "joined": np.repeat(joined, periods),
            "town": np.repeat(np.arange(firms) // 3, periods),
            "weight": 1.5,
        }
    )
    noise = rng.normal(size=len(frame)) + np.repeat(rng.normal(size=firms), periods)
    return frame.assign(y=10 + noise + (frame["year"] >= frame["joined"]))


def one_participant(firms: int = 12) -> pd.DataFrame:
    frame = panel(firms=firms, cohorts=(np.nan,))
    return frame.assign(joined=np.where(frame["firm"] == 3, 6.0, np.nan))


def fit(frame: pd.DataFrame, **asked: Any) -> impact.EffectResult:
    weights = asked.pop("weights", None)
    data = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    return impact.att(data, "y", method="synthetic", **asked)


def noted(result: Any, text: str) -> bool:
    return any(text in note for note in result.notes)


def test_cohorts_with_too_few_years_before_are_missing_and_named() -> None:
    effect = fit(panel(cohorts=(2.0, 6.0, np.nan)))
    table = effect.tidy()
    early = table["cohort"] == 2
    assert table.loc[early, "estimate"].isna().all() and table.loc[~early, "estimate"].notna().all()
    assert noted(effect, "ATT(2,2), ATT(2,3)") and noted(
        effect, "1 period before joining is too few"
    )
    assert np.isfinite(effect.aggregate("overall").tidy()["estimate"].item())
    with pytest.raises(EstimationError, match="1 period before joining is too few"):
        fit(panel(cohorts=(2.0, np.nan)))


def test_nobody_to_compare_with() -> None:
    everybody = panel(cohorts=(5.0, 7.0))
    with pytest.raises(EstimationError, match="control='not_yet'"):
        fit(everybody)
    effect = fit(everybody, control="not_yet")
    known = effect.tidy().set_index("term")["estimate"].notna()
    assert known[["ATT(5,5)", "ATT(5,6)"]].all() and not known[["ATT(5,7)", "ATT(7,7)"]].any()
    assert noted(effect, "0 comparison firms are too few")
    with pytest.raises(EstimationError, match="0 comparison firms are too few"):
        fit(panel(cohorts=(5.0,)), control="not_yet")
    alone = panel(firms=5, cohorts=(5.0,)).assign(joined=lambda x: x["joined"].where(x["firm"] > 0))
    with pytest.raises(EstimationError, match="1 comparison firm is too few"):
        fit(alone)
    with pytest.raises(EstimationError, match="No firm joins"):
        fit(panel(cohorts=(1.0, np.nan)))


def test_firms_with_gaps_leave_with_their_number_or_are_refused() -> None:
    frame = panel()
    frame.loc[(frame["firm"] == 2) & (frame["year"] == 3), "y"] = np.nan
    gaps = frame[~((frame["firm"] == 4) & (frame["year"] == 8))]
    effect = fit(gaps)
    assert noted(effect, "(participants: 1, other firms: 1)")
    pd.testing.assert_frame_equal(effect.tidy(), fit(frame[~frame["firm"].isin([2, 4])]).tidy())
    with pytest.raises(EstimationError, match=r"some lack it \(participants: 1, other firms: 1\)"):
        fit(gaps, unbalanced="refuse")
    nobody = frame.assign(y=frame["y"].where((frame["year"] + frame["firm"]) % 3 > 0))
    with pytest.raises(EstimationError, match="method='imputation'"):
        fit(nobody)
    hole = panel().assign(y=lambda x: x["y"].where(x["year"] != 3))
    effect = fit(hole)
    assert noted(effect, "No firm is observed in 3")
    pd.testing.assert_frame_equal(effect.tidy(), fit(hole[hole["year"] != 3]).tidy())


def test_sampling_weights_are_refused() -> None:
    with pytest.raises(EstimationError, match="takes no sampling weights; this panel has 'weight'"):
        fit(panel(), weights="weight")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"control": "all"}, "control='all' does not exist"),
        ({"inference": "hac"}, "choose from 'jackknife', 'placebo', 'bootstrap'"),
        ({"average": "mean"}, "average='mean' does not exist"),
        ({"before": 2}, "before=2 does not exist"),
        ({"unbalanced": "pairwise"}, "unbalanced='pairwise' does not exist"),
        ({"zeta_omega": 0}, "Without a ridge the weights of firms are not unique"),
        ({"zeta_omega": "big"}, "zeta_omega='big' is no ridge"),
        ({"draws": 1}, "draws=1 is no number of draws"),
        ({"anticipation": -1}, "anticipation=-1 is not a number of periods"),
        ({"inference": "placebo", "cluster": "town"}, "exchanges single firms, not clusters"),
        ({"inference": "placebo", "control": "not_yet"}, "take control='never'"),
    ],
)
def test_options_that_do_not_exist_or_do_not_go_together(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(EstimationError, match=words):
        fit(panel(), **asked)


def test_one_participant_has_no_jackknife_and_a_placebo() -> None:
    frame = one_participant()
    effect = fit(frame)
    assert effect.tidy()["estimate"].notna().all() and effect.tidy()["std_error"].isna().all()
    assert noted(effect, "inference='placebo'")
    overall = effect.aggregate("overall")
    assert noted(overall, "inference='placebo'") and overall.tidy()["std_error"].isna().all()
    assert overall.tidy()["estimate"].item() == pytest.approx(effect.tidy()["estimate"].mean())
    placebo = fit(frame, inference="placebo")
    np.testing.assert_array_equal(placebo.tidy()["estimate"], effect.tidy()["estimate"])
    assert (placebo.tidy()["std_error"] > 0).all()
    assert (
        "11 placebos" in placebo.variance
    )  # each of the others once, whatever `draws` and the seed
    pd.testing.assert_frame_equal(
        placebo.tidy().drop(columns=["band_low", "band_high"]),
        fit(frame, inference="placebo", seed=3, draws=7).tidy().drop(columns=["band_low", "band_high"]),
    )  # fmt: skip
    whole = fit(frame, inference="placebo", average="overall").tidy().iloc[0]
    assert whole["estimate"] == pytest.approx(effect.tidy()["estimate"].mean())
    mean = np.sqrt(placebo.vcov.mean())
    assert whole["std_error"] == pytest.approx(mean, rel=1e-12)  # with one cohort, a mean of cells
    assert noted(placebo, "average='overall'") and not noted(effect, "average='overall'")
    drawn_anew = fit(frame, inference="bootstrap", draws=10)
    assert drawn_anew.tidy()["std_error"].isna().all()
    assert noted(drawn_anew, "which every sample drawn anew repeats")


def test_the_placebo_needs_more_comparison_firms_than_participants() -> None:
    with pytest.raises(EstimationError, match="by two at least: there are 8 and 16"):
        fit(panel(cohorts=(5.0, 7.0, np.nan)), inference="placebo")


def test_one_cluster_of_participants() -> None:
    frame = panel().assign(town=lambda x: np.where(x["joined"].notna(), 0, x["firm"]))
    effect = fit(frame, cluster="town")
    assert effect.tidy()["estimate"].notna().all() and effect.tidy()["std_error"].isna().all()


@pytest.mark.parametrize("kind", ["overall", "event", "cohort", "calendar"])
def test_average_of_the_jackknife_is_aggregate(kind: str) -> None:
    frame = panel()
    pd.testing.assert_frame_equal(
        fit(frame, average=kind).tidy(), fit(frame).aggregate(kind).tidy()
    )
    frame = panel(firms=48, cohorts=(5.0, 7.0, *(np.nan,) * 4))
    for inference in ("placebo", "bootstrap"):
        rows = fit(frame, inference=inference, average=kind, draws=20)
        same = fit(frame, average=kind).tidy()
        keys = ["term", "estimate", "n_treated", "n_control"]
        pd.testing.assert_frame_equal(rows.tidy()[keys], same[keys])
        assert (rows.tidy()["std_error"] > 0).all() and rows.aggregation == kind


def test_the_three_errors_are_of_one_size() -> None:
    """Firms alike but for noise: jackknife, placebo and bootstrap estimate the same number, over a few panels."""
    found: dict[str, list[float]] = {"jackknife": [], "placebo": [], "bootstrap": []}
    for seed in range(5):
        frame = panel(firms=100, cohorts=(6.0, *(np.nan,) * 4), seed=seed)
        for inference, errors in found.items():
            row = fit(frame, inference=inference, average="overall", draws=60).tidy()
            errors.append(row["std_error"].item())
    # The mean over the years after less a weighted mean of those before, of 20 and of 80 firms.
    expected = np.sqrt((1 / 3 + 1 / 5) * (1 / 20 + 1 / 80))
    for inference, errors in found.items():
        assert np.mean(errors) == pytest.approx(expected, rel=0.2), inference


def test_rows_before_joining_are_asked_for_and_are_no_test() -> None:
    plain = fit(panel())
    assert (plain.tidy()["event_time"] >= 0).all()
    assert impact.check(plain, ["pretrends"]).tidy()["verdict"].tolist() == ["cannot tell"]
    effect = fit(panel(), before=True)
    assert noted(effect, "no test of the comparison")
    both = effect.tidy().merge(plain.tidy(), on=["cohort", "time"])
    np.testing.assert_array_equal(both["estimate_x"], both["estimate_y"])
    # Weighted by the weights of years, what is left before joining is nothing.
    years = impact.synthetic_weights(
        impact.panel(panel(), unit="firm", time="year", cohort="joined"), "y"
    ).years
    rows = effect.tidy().merge(years, on=["cohort", "time"])
    np.testing.assert_allclose(rows["gap"], rows["estimate"], atol=1e-12)
    left = (rows["weight"].fillna(0) * rows["estimate"]).groupby(rows["cohort"]).sum()
    np.testing.assert_allclose(left, 0, atol=1e-12)


def test_anticipation_counts_as_participation() -> None:
    frame = panel()
    effect = fit(frame, anticipation=1)
    early = frame.assign(joined=frame["joined"] - 1)
    np.testing.assert_array_equal(effect.tidy()["estimate"], fit(early).tidy()["estimate"])
    assert effect.tidy()["event_time"].min() == -1 and effect.anticipation == 1


def test_per_cent_of_what_would_have_been() -> None:
    effect = fit(panel()).aggregate("overall")
    row = effect.percent().tidy().iloc[0]
    assert row["estimate"] == pytest.approx(
        100 * effect.tidy()["estimate"].item() / effect.baseline[0]
    )
    assert row["std_error"] > 0


def test_nothing_varies() -> None:
    table = fit(panel().assign(y=3.0)).tidy()
    assert (table["estimate"] == 0).all() and table["std_error"].isna().all()


def test_weights_of_firms_and_years() -> None:
    data = impact.panel(panel(), unit="firm", time="year", cohort="joined")
    weights = impact.synthetic_weights(data, "y", control="not_yet")
    assert weights.fit[["cohort", "piece"]].to_numpy().tolist() == [[5, 5], [5, 7], [7, 7]]
    assert weights.fit["n_control"].tolist() == [18, 12, 12]
    for _, rows in weights.firms.groupby(["cohort", "piece"]):
        assert rows["weight"].sum() == pytest.approx(1) and rows["weight"].is_monotonic_decreasing
    effect = fit(panel(), control="not_yet").tidy()
    rows = effect.merge(weights.years, on=["cohort", "time"])
    np.testing.assert_allclose(rows["gap"], rows["estimate"], atol=1e-12)
    assert "rms_gap" in repr(weights) and len(weights.tidy()) == len(weights.firms)
    with pytest.raises(EstimationError, match="has no option draws"):
        impact.synthetic_weights(data, "y", draws=3)


def test_the_notes_say_how_the_weights_fit() -> None:
    effect = fit(panel())
    note = next(n for n in effect.notes if n.startswith("Cohort 5:"))
    assert (
        "root mean square over 4 periods" in note and "of 12 comparison firms carry weight" in note
    )
