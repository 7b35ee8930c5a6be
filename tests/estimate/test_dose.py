"""What `dose` says and refuses: how doses are read, bins, shapes, and what is never left unsaid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, EstimationError
from impact.core.tidy import GLOSSARY


def made(
    doses: list[float],
    joined: float = 3.0,
    never: int = 8,
    years: int = 4,
    slope: float = 0.5,
    seed: int = 1,
) -> pd.DataFrame:
    """Firms with these doses and some without; the effect is `slope` times the dose."""
    rng = np.random.default_rng(seed)
    all_doses = [*doses, *[0.0] * never]
    rows = []
    for i, hours in enumerate(all_doses):
        level = rng.normal()
        for t in range(1, years + 1):
            inside = hours > 0 and t >= joined
            rows.append(
                (
                    f"f{i:02d}",
                    t,
                    joined if hours else np.nan,
                    hours,
                    10 + level + t + slope * hours * inside + 0.01 * rng.normal(),
                )
            )
    return pd.DataFrame(rows, columns=["firm", "year", "joined", "hours", "y"])


def fit(frame: pd.DataFrame, **options: Any) -> impact.EffectResult:
    panel = impact.panel(
        frame, unit="firm", time="year", cohort="joined", labels={"hours": "hours of advice"}
    )
    return impact.att(panel, "y", method="dose", **{"dose": "hours", **options})


TWELVE = [float(d) for d in range(1, 13)]


def test_bins_hold_equally_many_firms_and_equal_doses_stay_together() -> None:
    table = fit(made(TWELVE)).tidy()
    assert table["term"].tolist() == [
        "ATT",
        "ATT(dose 1 to 3)",
        "ATT(dose 4 to 6)",
        "ATT(dose 7 to 9)",
        "ATT(dose 10 to 12)",
    ]
    assert table["n_treated"].tolist() == [12, 3, 3, 3, 3] and (table["n_control"] == 8).all()
    np.testing.assert_allclose(table["dose"][1:], [2, 5, 8, 11])
    np.testing.assert_allclose(table["estimate"], [3.25, 1, 2.5, 4, 5.5], atol=0.03)
    table = fit(made([1.0] * 6 + [5.0] * 3 + [9.0] * 3)).tidy()
    assert table["term"].tolist() == ["ATT", "ATT(dose 1)", "ATT(dose 5)", "ATT(dose 9)"]
    assert table["n_treated"].tolist() == [12, 6, 3, 3]


def test_limits_of_bins_are_their_upper_ends_and_empty_bins_do_not_exist() -> None:
    table = fit(made(TWELVE), bins=[4, 5, 5.5, 20]).tidy()
    assert table["term"].tolist() == ["ATT", "ATT(dose 1 to 4)", "ATT(dose 5)", "ATT(dose 6 to 12)"]
    assert np.isnan(table["std_error"][2]) and np.isfinite(table["estimate"][2])  # one firm


def test_texts_of_doses_that_are_near_each_other_differ() -> None:
    doses = [1.00001, 1.00002, 1.00003, 1.00004]
    terms = fit(made(doses), bins=4).tidy()["term"]
    assert terms.is_unique and terms[1] == "ATT(dose 1.00001)"


@pytest.mark.parametrize("shape", ["linear", "quadratic", "spline"])
def test_a_straight_line_is_found_by_every_shape(shape: str) -> None:
    frame = made(TWELVE)
    level = fit(frame, shape=shape, at=[2.0, 7.5]).tidy()
    np.testing.assert_allclose(level["estimate"], [3.25, 1.0, 3.75], atol=0.05)
    slope = fit(frame, shape=shape, curve="slope", at=[2.0, 7.5])
    np.testing.assert_allclose(slope.tidy()["estimate"], 0.5, atol=0.05)
    assert slope.tidy()["term"].tolist() == ["ACRT", "ACRT(dose=2)", "ACRT(dose=7.5)"]
    assert slope.estimand == "ACRT" and "per unit of hours of advice" in slope.label


def test_doses_of_the_rows_are_doses_that_firms_received() -> None:
    table = fit(made(TWELVE), shape="linear", at=3).tidy()
    assert table["dose"].tolist()[1:] == [3.0, 6.0, 9.0]


def test_every_result_says_what_is_identified() -> None:
    frame = made(TWELVE)
    for options in ({}, {"shape": "linear"}, {"shape": "linear", "curve": "slope"}):
        said = fit(frame, **options).summary()
        assert "strong parallel trends" in said
        assert "descri" in said
    assert (
        "per cent" in fit(frame).percent().summary()
        and "strong parallel trends" in fit(frame).percent().summary()
    )
    assert "dose" in GLOSSARY


def test_the_baseline_is_told_for_means_and_not_for_fits() -> None:
    frame = made(TWELVE)
    bins = fit(frame)
    inside = frame[(frame["year"] >= 3) & (frame["hours"] > 9)]
    assert bins.baseline[4] == pytest.approx(
        inside["y"].mean() - bins.estimates["estimate"][4], abs=1e-10
    )
    curve = fit(frame, shape="linear", at=[5.0]).percent().tidy()
    assert np.isfinite(curve["estimate"][0]) and np.isnan(curve["estimate"][1])
    with pytest.raises(EstimationError, match="no mean outcome without the programme"):
        fit(frame, shape="linear", curve="slope").percent()


def test_participants_without_a_dose_leave_and_are_counted() -> None:
    frame = made(TWELVE)
    without = frame.assign(hours=frame["hours"].where(frame["firm"] != "f00"))
    none = without.assign(hours=without["hours"].where(without["firm"] != "f01", 0.0))
    effect = fit(none, bins=2)
    assert effect.tidy()["n_treated"][0] == 10
    assert any("hours of advice missing: 1, of 0: 1" in note for note in effect.notes)


def test_doses_are_read_from_joining_on() -> None:
    frame = made(TWELVE)
    before = frame.assign(hours=frame["hours"].where(frame["year"] >= 3))
    zero = frame.assign(hours=frame["hours"].where(frame["year"] >= 3, 0.0))
    once = frame.assign(hours=frame["hours"].where(frame["year"] == 3))
    for other in (before, zero, once):
        pd.testing.assert_frame_equal(fit(other).tidy(), fit(frame).tidy())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda f: f.assign(hours=f["hours"].where((f["firm"] != "f00") | (f["year"] < 4), 7.0)),
            "changes after joining, from 1 to 7",
        ),
        (
            lambda f: f.assign(hours=f["hours"].where(f["firm"] != "f15", 3.0)),
            "has a dose but never joins",
        ),
        (lambda f: f.assign(hours=f["hours"].where(f["firm"] != "f00", -1.0)), "not a dose"),
        (lambda f: f.assign(hours=f["hours"].where(f["firm"] != "f00", np.inf)), "not a dose"),
        (
            lambda f: f.assign(hours=f["hours"].astype(object).where(f["firm"] != "f00", "many")),
            "not a dose",
        ),
        (lambda f: f.drop(columns="hours"), "this column is missing"),
    ],
)
def test_doses_that_cannot_be_read_are_named(change: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fit(change(made(TWELVE)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dose": None}, "`dose` is missing"),
        ({"dose": "y"}, "has no effect on itself"),
        ({"shape": "cubic"}, "shape='cubic' does not exist"),
        ({"bins": 0}, "bins=0 is no whole number from 1 on"),
        ({"bins": [5, 3]}, "not doses in rising order"),
        ({"bins": True}, "no whole number"),
        ({"at": 3}, "`at` does not go with shape='bins'"),
        ({"shape": "linear", "bins": 3}, "`bins` does not go with shape='linear'"),
        ({"shape": "linear", "knots": 1}, "`knots` does not go"),
        ({"shape": "linear", "at": [40.0]}, "outside the doses"),
        ({"curve": "slope"}, "Bins have no slope"),
    ],
)
def test_refusals_say_what_would_be_needed(options: dict[str, Any], said: str) -> None:
    with pytest.raises(EstimationError, match=said):
        fit(made(TWELVE), **options)


def test_too_few_doses_for_a_shape_are_refused_or_left_out() -> None:
    with pytest.raises(
        EstimationError, match="No cohort has enough firms with different doses for shape='spline'"
    ):
        fit(made([1.0, 1.0, 2.0, 2.0, 3.0, 3.0]), shape="spline")
    late = made([2.0, 2.0, 8.0], joined=4.0, never=0, seed=2)
    both = pd.concat([made(TWELVE), late.assign(firm="g" + late["firm"])])
    effect = fit(both, shape="quadratic")
    assert any("ATT(4,4): not in the curve" in note for note in effect.notes)
    table = effect.tidy()
    assert table["n_treated"].tolist()[:2] == [15, 12]
    effect = fit(
        pd.concat(
            [
                made(TWELVE),
                made([3.0, 4.0, 5.0, 6.0], joined=4.0, never=0).assign(
                    firm=lambda f: "g" + f["firm"]
                ),
            ]
        ),
        shape="linear",
    )
    assert any("4 (3 to 6)" in note and "beyond them" in note for note in effect.notes)


def test_nobody_to_compare_with() -> None:
    with pytest.raises(EstimationError, match="No participant can be compared"):
        fit(made(TWELVE, never=0))
    late = made(TWELVE, joined=4.0, never=0, seed=2)
    both = pd.concat([made(TWELVE, never=0), late.assign(firm="g" + late["firm"])])
    with pytest.raises(EstimationError, match="control='not_yet'"):
        fit(both)
    effect = fit(both, control="not_yet")
    assert any("ATT(3,4), ATT(4,4): left out" in note for note in effect.notes)
    assert effect.tidy()["n_treated"][0] == 12


def test_missing_outcomes_by_policy() -> None:
    frame = made(TWELVE)
    holes = frame.assign(y=frame["y"].where(~((frame["firm"] == "f00") & (frame["year"] == 4))))
    assert any("policy 'pairwise'" in n for n in fit(holes).notes)
    assert fit(holes).tidy()["n_treated"][0] == 12
    balanced = fit(holes, unbalanced="balanced")
    assert balanced.tidy()["n_treated"][0] == 11
    pd.testing.assert_frame_equal(balanced.tidy(), fit(frame[frame["firm"] != "f00"]).tidy())


def test_pictures_are_drawn_and_there_is_nothing_to_aggregate() -> None:
    import matplotlib.pyplot as plt

    for options in ({}, {"shape": "spline"}, {"shape": "linear", "curve": "slope"}):
        effect = fit(made(TWELVE), **options)
        plt.close(effect.plot())
        with pytest.raises(EstimationError, match="no effects by cohort and year"):
            effect.aggregate("overall")
