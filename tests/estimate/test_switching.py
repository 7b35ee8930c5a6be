"""What `switching` says and refuses: paths with gaps, lone firms, parts of a cohort without comparison, options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, EstimationError


def made(paths: dict[str, tuple[str, int]], seed: int = 1, effect: float = 1.0) -> pd.DataFrame:
    """Firms from paths such as {"in": ("00111", 4)}: a name, participation by year, how many."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, (path, count) in paths.items():
        for i in range(count):
            level = rng.normal()
            for t, d in enumerate(path):
                rows.append(
                    (
                        f"{name}{i:02d}",
                        t + 1,
                        int(d),
                        10 + level + 0.3 * t + effect * int(d) + 0.2 * rng.normal(),
                    )
                )
    return pd.DataFrame(rows, columns=["firm", "year", "member", "y"])


def fit(frame: pd.DataFrame, **options: Any) -> impact.EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", treatment="member")
    return impact.att(panel, "y", method="switching", **options)


BOTH = {
    "never": ("00000", 6),
    "in": ("00111", 5),
    "short": ("00100", 4),
    "always": ("11111", 6),
    "out": ("11000", 5),
}


def test_effects_of_entering_and_of_staying_have_one_sign() -> None:
    frame = made(BOTH)
    for which in ("in", "out", "both"):
        row = fit(frame, switchers=which).aggregate("event").tidy().set_index("event_time").loc[0]
        assert row["estimate"] == pytest.approx(1.0, abs=0.25)
        assert row["conf_low"] > 0.5
    assert fit(frame, by="total").tidy()["estimate"].item() == pytest.approx(1.0, abs=0.2)
    instant = fit(frame, effects="instantaneous").tidy()
    assert instant["group"].tolist()[:3] == ["joining and leaving", "joining", "leaving"]
    assert (instant["estimate"][:3] - 1).abs().max() < 0.25


def test_firms_that_come_back_dilute_horizons_and_not_the_total() -> None:
    frame = made(BOTH)
    rows = fit(frame, by="horizon", switchers="in").tidy().set_index("event_time")
    assert rows.loc[1, "estimate"] == pytest.approx(5 / 9, abs=0.25)
    per = fit(frame, normalized=True, switchers="in").tidy().set_index("event_time")
    assert per.loc[1, "denominator"] == pytest.approx((2 * 5 + 4) / 9)
    effect = fit(frame, by="total", switchers="in")
    assert effect.tidy()["denominator"].item() == pytest.approx((3 * 5 + 4) / 27)
    assert any("more than once" in note and "(firms: 4)" in note for note in effect.notes)


def test_per_cent_is_of_the_outcome_outside_the_programme() -> None:
    """Firms that leave are outside after leaving; of those that enter it is what they would have had."""
    frame = made(BOTH, seed=3)
    last = frame[frame["year"] == 5].assign(kind=lambda f: f["firm"].str.extract("([a-z]+)"))
    outside = last[last["kind"].isin(["in", "short", "out"])]
    effect = fit(frame, by="horizon")
    out = fit(frame, by="horizon", switchers="out")
    row = out.estimates["event_time"].tolist().index(2)
    assert out.baseline[row] == pytest.approx(
        outside.loc[outside["kind"] == "out", "y"].mean(), abs=1e-10
    )
    left = outside.loc[outside["kind"] == "out", "y"]
    error = np.sqrt((out.baseline_influence[:, row] ** 2).sum()) / len(out.firms)
    assert error == pytest.approx(left.std(ddof=0) / np.sqrt(len(left)), rel=1e-10)
    instant = fit(frame, effects="instantaneous")
    third = frame[(frame["year"] == 3) & frame["firm"].str.startswith("out")]["y"]
    assert instant.baseline[2] == pytest.approx(
        (
            5 * third.mean()
            + 4 * frame[(frame["year"] == 4) & frame["firm"].str.startswith("short")]["y"].mean()
        )
        / 9
    )
    per = effect.percent().tidy().set_index("event_time")
    np.testing.assert_allclose(
        per.loc[0, "estimate"],
        100
        * effect.estimates.set_index("event_time").loc[0, "estimate"]
        / effect.baseline[effect.estimates["event_time"].tolist().index(0)],
    )
    assert (per.loc[[0, 1, 2], "std_error"] > 0).all()
    assert fit(frame).aggregate("overall").percent().tidy()["estimate"].notna().all()


def test_a_part_without_comparison_is_named_and_averages_say_how_they_weight() -> None:
    """Nobody is always inside, so the last to leave are compared with nobody after they left."""
    frame = made(
        {"never": ("00000", 6), "in": ("00111", 5), "out": ("11000", 5), "late": ("11110", 4)}
    )
    effect = fit(frame)
    said = " ".join(effect.notes)
    assert (
        "ATT(3,5), ATT(5,3), ATT(5,4), ATT(5,5): no comparison for firms that leave" in said
        and "by='horizon'" in said
    )
    table = effect.tidy().set_index("term")
    assert np.isnan(table.loc["ATT(5,5)", "estimate"]) and np.isnan(
        table.loc["ATT(5,5)", "std_error"]
    )
    assert table.loc["ATT(3,5)", "n_treated"] == 5
    horizon = fit(frame, by="horizon").tidy().set_index("event_time")
    assert horizon.loc[2, "n_treated"] == 5 and horizon.loc[1, "n_treated"] == 10
    entering = fit(frame, switchers="in").tidy().set_index("term")
    assert table.loc["ATT(3,5)", "estimate"] == pytest.approx(
        entering.loc["ATT(3,5)", "estimate"], abs=1e-12
    )


def test_a_cohort_of_one_firm_has_an_effect_and_no_error() -> None:
    frame = made({"never": ("00000", 6), "in": ("00111", 5), "one": ("00011", 1)})
    effect = fit(frame)
    row = effect.tidy().set_index("term").loc["ATT(4,4)"]
    assert np.isfinite(row["estimate"]) and np.isnan(row["std_error"]) and np.isnan(row["p_value"])
    assert any("ATT(4,4)" in n and "no standard error" in n for n in effect.notes)
    # Among others it is measured from the mean of its comparison.
    assert (fit(frame, by="horizon").tidy().query("event_time >= 0")["std_error"] > 0).all()


def test_one_comparison_firm_leaves_no_error() -> None:
    effect = fit(made({"never": ("00000", 1), "in": ("00111", 5)}))
    assert effect.tidy()["std_error"].isna().all()
    assert effect.tidy().query("event_time >= 0")["estimate"].notna().all()


def test_a_gap_is_filled_where_both_sides_agree_and_ends_the_path_where_not() -> None:
    frame = made({"never": ("00000", 6), "in": ("00111", 6)})
    full = fit(frame).tidy().set_index("term")
    # A row missing before joining, and one after it: nothing is lost but these rows.
    agree = frame.drop(frame.index[(frame["firm"] == "in00") & (frame["year"] == 1)])
    agree = agree.drop(agree.index[(agree["firm"] == "in01") & (agree["year"] == 4)])
    effect = fit(agree)
    assert "gap" not in " ".join(effect.notes)
    table = effect.tidy().set_index("term")
    assert table.loc["ATT(3,3)", "n_treated"] == 6 and table.loc["ATT(3,4)", "n_treated"] == 5
    assert table.loc["ATT(3,5)", "estimate"] == pytest.approx(
        full.loc["ATT(3,5)", "estimate"], abs=1e-12
    )
    # The row of joining is missing: joined in 3 or in 4? The firm leaves, and is no comparison either.
    differ = frame.drop(frame.index[(frame["firm"] == "in00") & (frame["year"] == 3)])
    effect = fit(differ)
    assert any("changed during a gap" in n and "(firms: 1)" in n for n in effect.notes)
    assert (effect.tidy()["n_treated"] == 5).all()
    assert effect.tidy().set_index("term").loc["ATT(3,3)", "n_control"] == 6


def test_the_policy_balanced_uses_firms_that_are_always_seen() -> None:
    frame = made(BOTH)
    holes = frame.assign(y=frame["y"].where(~((frame["firm"] == "in00") & (frame["year"] == 5))))
    some = fit(holes, unbalanced="balanced")
    same = fit(frame[frame["firm"] != "in00"])
    pd.testing.assert_frame_equal(some.tidy(), same.tidy())
    assert any("policy 'balanced'" in n and "(firms: 1)" in n for n in some.notes)
    assert any("policy 'pairwise'" in n for n in fit(holes).notes)


def test_a_placebo_is_of_the_firms_of_its_effect() -> None:
    frame = made({"never": ("00000", 6), "in": ("00111", 6)})
    holes = frame.assign(y=frame["y"].where(~((frame["firm"] == "in00") & (frame["year"] == 3))))
    table = fit(holes).tidy().set_index("term")
    assert table.loc["ATT(3,3)", "n_treated"] == table.loc["ATT(3,1)", "n_treated"] == 5
    assert table.loc["ATT(3,4)", "n_treated"] == 6


def test_clusters_above_the_firm() -> None:
    frame = made(BOTH).assign(nucleus=lambda f: f["firm"].str[-1])
    panel = impact.panel(frame, unit="firm", time="year", treatment="member")
    effect = impact.att(panel, "y", method="switching", by="horizon", cluster="nucleus")
    moved = effect.influence.groupby(effect.firms["cluster"]).sum()
    by_hand = np.sqrt((moved**2).sum() / len(effect.influence) ** 2)
    shown = effect.tidy().set_index("term")["std_error"]
    np.testing.assert_allclose(shown.dropna(), by_hand[shown.dropna().index], rtol=1e-12)
    assert "clustered by nucleus" in effect.variance


def test_a_cohort_alone_says_who_takes_part() -> None:
    frame = made({"never": ("00000", 6), "in": ("00111", 6)})
    frame["joined"] = np.where(frame["firm"].str.startswith("in"), 3.0, np.nan)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    pd.testing.assert_frame_equal(
        impact.att(panel, "y", method="switching").tidy(), fit(frame).tidy()
    )


@pytest.mark.parametrize(
    ("paths", "options", "said"),
    [
        ({"never": ("000", 4), "always": ("111", 4)}, {}, "No firm enters or leaves"),
        ({"never": ("000", 4), "in": ("011", 4)}, {"switchers": "out"}, "No firm leaves"),
        ({"in": ("011", 4)}, {}, "No firm that switches can be compared"),
        (
            {"in": ("011", 4)},
            {"effects": "instantaneous"},
            "No firm switches between two adjacent periods",
        ),
        ({"in": ("011", 4)}, {"by": "year"}, "by='year' does not exist"),
        ({"in": ("011", 4)}, {"normalized": 3}, "neither True nor False"),
        ({"in": ("011", 4)}, {"normalized": True, "by": "cohort"}, "by='horizon'"),
        ({"in": ("011", 4)}, {"effects": "instantaneous", "by": "total"}, "leave by out"),
    ],
)
def test_refusals_say_what_would_be_needed(
    paths: dict[str, tuple[str, int]], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(EstimationError, match=said):
        fit(made(paths), **options)


def test_a_panel_that_knows_nothing_of_participation_is_refused() -> None:
    with pytest.raises(DataError, match="cohort"):
        impact.att(impact.panel(made(BOTH), unit="firm", time="year"), "y", method="switching")


def test_horizons_are_averaged_already_and_pictures_are_drawn() -> None:
    import matplotlib.pyplot as plt

    frame = made(BOTH)
    with pytest.raises(EstimationError, match="averaged already"):
        fit(frame, by="horizon").aggregate("overall")
    with pytest.raises(EstimationError, match="no effects by cohort and year"):
        fit(frame, effects="instantaneous").aggregate("event")
    for effect in (
        fit(frame),
        fit(frame, by="horizon"),
        fit(frame, by="total"),
        fit(frame, effects="instantaneous"),
    ):
        assert "switching" in effect.summary()
        plt.close(effect.plot())
