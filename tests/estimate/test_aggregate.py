"""Averages of group-time effects: weights, errors, counts, what is left out and said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import EstimationError
from impact.estimate.aggregate import aggregate, overall_of
from impact.estimate.effect import effect_from_influence
from impact.simulate.programme import programme


def frame_of(**asked: Any) -> pd.DataFrame:
    """Cohorts of unequal size: 3 (20 firms), 5 (12 of 20), never (20)."""
    data, _ = programme(**{"firms": 60, "periods": 6, "cohorts": (3, 5), "seed": 8, **asked})
    few = data.loc[data["joined"] == 5, "firm"].unique()[:8]
    return data[~data["firm"].isin(few)].reset_index(drop=True)


def fit(frame: pd.DataFrame, **asked: Any) -> impact.EffectResult:
    panel = impact.panel(
        frame, unit="firm", time="year", cohort="joined", weights=asked.pop("weights", None)
    )
    return impact.att(panel, "exports", method="group_time", **asked)


def test_averages_by_hand() -> None:
    effect = fit(frame_of())
    att = effect.tidy().set_index(["cohort", "time"])["estimate"]
    event = effect.aggregate("event").tidy().set_index("event_time")["estimate"]
    assert event[0] == pytest.approx((20 * att[3, 3] + 12 * att[5, 5]) / 32)
    assert event[3] == pytest.approx(att[3, 6])
    assert event[-1] == pytest.approx((20 * att[3, 2] + 12 * att[5, 4]) / 32)
    cohort = effect.aggregate("cohort").tidy().set_index("cohort")["estimate"]
    assert cohort[3] == pytest.approx(att[3][[3, 4, 5, 6]].mean())
    assert cohort[5] == pytest.approx(att[5][[5, 6]].mean())
    calendar = effect.aggregate("calendar").tidy().set_index("time")["estimate"]
    assert list(calendar.index) == [3, 4, 5, 6]
    assert calendar[6] == pytest.approx((20 * att[3, 6] + 12 * att[5, 6]) / 32)
    overall = effect.aggregate().tidy()["estimate"].item()
    treated = 20 * att[3][[3, 4, 5, 6]].sum() + 12 * att[5][[5, 6]].sum()
    assert overall == pytest.approx(treated / (20 * 4 + 12 * 2))


def test_averages_of_averages_by_hand() -> None:
    effect = fit(frame_of())
    event, cohort, calendar = (effect.aggregate(k) for k in ("event", "cohort", "calendar"))

    def number(aggregated: impact.EffectResult) -> float:
        return overall_of(aggregated).tidy()["estimate"].item()

    after = event.tidy().query("event_time >= 0")["estimate"]
    assert number(event) == pytest.approx(after.mean())
    assert number(calendar) == pytest.approx(calendar.tidy()["estimate"].mean())
    assert number(cohort) == pytest.approx(np.average(cohort.tidy()["estimate"], weights=[20, 12]))
    assert overall_of(effect.aggregate("overall")).tidy().equals(effect.aggregate("overall").tidy())


def test_cohorts_are_weighted_by_sampling_weights() -> None:
    frame = frame_of()
    frame["w"] = np.where(frame["joined"] == 5, 4.0, 1.0)
    effect = fit(frame, weights="w")
    att = effect.tidy().set_index(["cohort", "time"])["estimate"]
    got = effect.aggregate("calendar").tidy().set_index("time")["estimate"]
    assert got[6] == pytest.approx((20 * att[3, 6] + 48 * att[5, 6]) / 68)


def test_the_sizes_of_cohorts_are_estimated_too() -> None:
    """With exact effects the only noise left is who happens to be in which cohort."""
    firms = pd.DataFrame(
        {
            "cohort": np.repeat([3.0, 5.0, np.nan], [30, 10, 60]),
            "weight": 1.0,
            "cluster": np.arange(100),
        }
    )
    effect = effect_from_influence(
        keys=pd.DataFrame(
            {
                "term": ["ATT(3,5)", "ATT(5,5)"],
                "cohort": [3, 5],
                "time": [5, 5],
                "event_time": [2, 0],
            }
        ),
        estimate=np.array([1.0, 0.0]),
        influence=np.zeros((100, 2)),
        firms=firms,
        counts=pd.DataFrame({"n_treated": [30, 10], "n_control": [60, 60]}),
        method="exact",
        outcome="y",
        family="gaussian",
        label="y",
        conf_level=0.95,
        variance="none",
    )
    row = aggregate(effect, "overall").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(0.75)
    # The share of 30 among 40 firms: a binomial proportion given the 40.
    assert row["std_error"] == pytest.approx(np.sqrt(0.75 * 0.25 / 40))
    by_year = aggregate(effect, "calendar").tidy().iloc[0]
    assert by_year["std_error"] == pytest.approx(row["std_error"])
    assert aggregate(effect, "cohort").tidy()["std_error"].isna().all()


def test_counts_are_different_firms() -> None:
    effect = fit(frame_of())
    event = effect.aggregate("event").tidy().set_index("event_time")
    assert event.loc[0, ["n_treated", "n_control"]].tolist() == [32, 20]
    assert event.loc[3, ["n_treated", "n_control"]].tolist() == [20, 20]
    assert effect.aggregate().tidy()[["n_treated", "n_control"]].to_numpy().tolist() == [[32, 20]]
    late = fit(frame_of(), control="not_yet").aggregate("overall").tidy()
    assert late[["n_treated", "n_control"]].to_numpy().tolist() == [[32, 32]]
    for kind, treated in (("event", 32), ("cohort", 32), ("calendar", 32)):
        assert overall_of(effect.aggregate(kind)).tidy()["n_treated"].item() == treated


def test_counts_where_no_outcome_changes() -> None:
    """Nobody has influence on an effect of exactly zero, and the firms are there all the same."""
    frame = frame_of().assign(exports=0.0)
    got = fit(frame).aggregate("overall").tidy()
    assert got[["n_treated", "n_control"]].to_numpy().tolist() == [[32, 20]]
    assert got["std_error"].isna().all()


def test_cells_without_an_error_of_their_own_stay_in_the_averages_and_are_said() -> None:
    """The estimand does not change because a cohort is one firm; csdid and diff-diff average over it, too."""
    frame = frame_of()
    alone = frame.loc[frame["joined"] == 5, "firm"].unique()[1:]
    effect = fit(frame[~frame["firm"].isin(alone)])  # cohort 5 is one firm
    assert effect.tidy().query("cohort == 5")["std_error"].isna().all()
    for kind in ("overall", "event", "cohort", "calendar"):
        got = effect.aggregate(kind)
        said = "In the averages, but without a standard error of their own"
        assert any(said in n and "ATT(5,5)" in n for n in got.notes), kind
        rows = got.tidy()
        lone = np.zeros(len(rows), dtype=bool)
        if kind in ("cohort", "event"):  # rows of the one firm alone
            lone = (
                rows["cohort"] == 5 if kind == "cohort" else rows["event_time"] <= -2
            ).to_numpy()
        assert (rows["std_error"].isna() == lone).all(), kind
    cells = effect.tidy().query("event_time >= 0")
    whole = np.average(cells["estimate"], weights=np.where(cells["cohort"] == 3, 20, 1))
    assert effect.aggregate().tidy()["estimate"].item() == pytest.approx(whole)
    assert effect.aggregate("cohort").tidy()["cohort"].tolist() == [3, 5]


def test_an_average_that_rests_on_one_firm_has_no_standard_error() -> None:
    frame = frame_of()
    keep = [*frame.loc[frame["joined"] == 3, "firm"].unique()[:1]]
    keep += frame.loc[frame["joined"].isna(), "firm"].unique().tolist()
    effect = fit(frame[frame["firm"].isin(keep)])
    for kind in ("overall", "event", "cohort", "calendar"):
        table = effect.aggregate(kind).tidy()
        assert table["estimate"].notna().all()
        assert table[["std_error", "p_value", "conf_low", "band_low"]].isna().all(axis=None)


def test_reference_year_of_a_universal_base() -> None:
    event = fit(frame_of(), base_period="universal").aggregate("event").tidy()
    reference = event[event["event_time"] == -1]
    assert reference["estimate"].item() == 0
    assert reference[["std_error", "p_value", "conf_low", "band_low"]].isna().all(axis=None)
    assert event.loc[event["event_time"] != -1, "std_error"].notna().all()
    assert reference["n_treated"].item() == 32


def test_uniform_band_covers_the_rows_of_the_table() -> None:
    effect = fit(frame_of())
    for kind in ("event", "cohort", "calendar"):
        table = effect.aggregate(kind).tidy()
        assert (table["band_high"] > table["conf_high"]).all(), kind
    one = effect.aggregate("overall").tidy()
    assert one["band_high"].item() == pytest.approx(one["conf_high"].item(), rel=0.02)


def test_few_years_before_joining_are_said() -> None:
    frame = frame_of(cohorts=(3, 5))
    assert not any("years before joining" in n for n in fit(frame).aggregate("event").notes)
    short = frame[frame["joined"] != 5]
    got = fit(short).aggregate("event")
    assert any("Fewer than two years before joining can be compared (1)" in n for n in got.notes)
    universal = fit(short, base_period="universal").aggregate("event")
    assert any("can be compared (1)" in n for n in universal.notes)


def test_what_cannot_be_aggregated() -> None:
    effect = fit(frame_of())
    with pytest.raises(EstimationError, match="There is no aggregation 'weekly'"):
        effect.aggregate("weekly")  # type: ignore[arg-type]
    with pytest.raises(EstimationError, match="averaged already"):
        effect.aggregate("event").aggregate("overall")
    with pytest.raises(EstimationError, match="aggregate first"):
        overall_of(effect)


def test_the_kind_travels() -> None:
    effect = fit(frame_of(), conf_level=0.9)
    for kind in ("overall", "event", "cohort", "calendar"):
        got = effect.aggregate(kind)
        assert got.aggregation == kind
        assert got.method == "group_time"
        assert got.conf_level == 0.9
        assert got.firms is effect.firms
        np.testing.assert_allclose(np.sqrt(np.diag(got.vcov)), got.tidy()["std_error"].to_numpy())
