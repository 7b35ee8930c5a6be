"""What must hold for every registered estimator of `att`, whatever it is: a new one is picked up here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import EstimationError
from impact.core.registry import METHODS
from impact.estimate.effect import EffectResult

impact.methods()  # loads the rooms
ALL = list(METHODS.of("att"))
EFFECT = 0.8
OPTIONS = {"dose": {"dose": "hours"}}  # what a method must be told


def firms(seed: int, effect: float, n: int = 240) -> pd.DataFrame:
    """Firms over five years; a third join in year 3; growth does not depend on joining."""
    rng = np.random.default_rng(seed)
    unit = pd.DataFrame(
        {
            "firm": [f"f{i:03d}" for i in range(n)],
            "x": rng.normal(size=n),
            "joined": np.where(rng.uniform(size=n) < 1 / 3, 3.0, np.nan),
        }
    )
    frame = unit.merge(pd.DataFrame({"year": range(1, 6)}), how="cross")
    treated = frame["year"] >= frame["joined"]
    frame["y"] = (
        frame["x"] + 0.1 * frame["year"] + effect * treated + rng.normal(scale=0.5, size=len(frame))
    )
    hours = (frame["firm"].str[1:].astype(int) % 8 + 1).where(frame["joined"].notna(), 0)
    return frame.assign(joins=frame["joined"].notna().astype(int), hours=hours)


def estimate(name: str, frame: pd.DataFrame) -> EffectResult:
    """Run a method on the first kind of data that it takes."""
    method = METHODS.find("att", name)
    if "panel" in method.takes:
        data = impact.panel(frame, unit="firm", time="year", cohort="joined")
    elif "matched panel" in method.takes:
        panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
        data = impact.match(panel, on=["x"])
    else:
        assert "matched" in method.takes, method.takes
        cross = frame[frame["year"] == 5].set_index("firm")
        by = "ipw" if name == "aipw" else "nearest"
        data = impact.match(cross, treatment="joins", on=["x"], method=by)
    return impact.att(data, "y", method=name, **OPTIONS.get(name, {}))


def overall(result: EffectResult) -> pd.Series:
    if {"cohort", "time"} <= set(result.estimates.columns):
        result = result.aggregate("overall")
    return result.tidy().iloc[0]


@pytest.fixture(params=[m.name for m in ALL])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_known_effect_is_found(name: str) -> None:
    row = overall(estimate(name, firms(1, EFFECT)))
    assert row["conf_low"] <= EFFECT <= row["conf_high"]
    assert row["conf_low"] > 0


def test_no_effect_is_covered_and_found_small(name: str) -> None:
    row = overall(estimate(name, firms(2, 0.0)))
    assert row["conf_low"] <= 0 <= row["conf_high"]
    assert abs(row["estimate"]) < 0.25


def test_the_order_of_rows_changes_nothing(name: str) -> None:
    frame = firms(3, EFFECT, n=60)
    again = frame.sample(frac=1.0, random_state=5).reset_index(drop=True)
    one, two = (estimate(name, f).tidy() for f in (frame, again))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_the_data_are_not_touched(name: str) -> None:
    frame = firms(4, EFFECT, n=60)
    before = frame.copy(deep=True)
    estimate(name, frame)
    pd.testing.assert_frame_equal(frame, before)


def test_every_row_has_its_error_its_counts_and_the_result_its_labels(name: str) -> None:
    result = estimate(name, firms(5, EFFECT, n=60))
    table = result.tidy()
    counted = table[["n_treated", "n_control"]].notna().all(axis=None)
    assert counted and (table["n_treated"] > 0).all()
    reference = table["std_error"].isna()
    assert (table.loc[~reference, "std_error"] > 0).all()
    assert (
        table.loc[reference, ["statistic", "p_value", "conf_low", "conf_high"]]
        .isna()
        .all(axis=None)
    )
    assert result.label and result.variance and result.small_sample
    np.testing.assert_allclose(
        np.sqrt(np.diag(result.vcov))[~reference], table["std_error"][~reference]
    )


def test_an_outcome_without_noise_has_no_error_and_no_p_value(name: str) -> None:
    """Undefined inference is missing, never 0 and never infinite."""
    frame = firms(6, 0.0, n=60).assign(y=1.0)
    try:
        table = estimate(name, frame).tidy()
    except EstimationError as refusal:
        assert str(refusal)
        return
    assert (
        table[["std_error", "statistic", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    )


def test_abilities_are_declared_and_held(name: str) -> None:
    method = METHODS.find("att", name)
    assert method.summary and method.reference and method.estimands and method.families
    frame = firms(7, EFFECT, n=60)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    matched = impact.match(panel, on=["x"])
    data = panel if "panel" in method.takes else matched
    if "panel" in method.takes or "matched panel" in method.takes:
        with pytest.raises(EstimationError, match="has no option zzz"):
            impact.att(data, "y", method=name, zzz=1)
        with pytest.raises(EstimationError, match="has the families"):
            impact.att(data, "y", method=name, family="cauchy")
        if not method.covariates:
            with pytest.raises(EstimationError, match="does not use covariates"):
                impact.att(data, "y", method=name, covariates=["x"])
    else:
        with pytest.raises(EstimationError, match="it was given matched panel data"):
            impact.att(matched, "y", method=name)


def test_the_help_of_att_names_every_method_and_option() -> None:
    text = impact.att.__doc__ or ""
    for method in ALL:
        assert f"`{method.name}`" in text
        assert all(f"`{option}`" in text for option in method.options), method.name


def test_the_table_of_methods_is_derived_from_the_registry() -> None:
    table = impact.methods()
    assert set(table["verb"]) == {"match", "att", "check", "audit"}
    assert {m.name for m in ALL} == set(table.loc[table["verb"] == "att", "method"])
    assert (table["summary"].str.len() > 10).all() and (table["reference"].str.len() > 0).all()
