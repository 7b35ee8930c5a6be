"""Effects in per cent of the outcome without the programme."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import EstimationError
from impact.estimate.effect import EffectResult
from impact.simulate.programme import programme


def fit(seed: int = 1, shift: float = 10.0, **more: object) -> EffectResult:
    frame, _ = programme(firms=120, periods=6, cohorts=(3, 5), seed=seed)
    panel = impact.panel(
        frame.assign(exports=frame["exports"] + shift), unit="firm", time="year", cohort="joined"
    )
    return impact.att(panel, "exports", method="group_time", **more)


def test_baseline_is_the_mean_of_participants_less_the_effect() -> None:
    frame, _ = programme(firms=120, periods=6, cohorts=(3, 5), seed=1)
    means = (
        frame.assign(exports=frame["exports"] + 10).groupby(["joined", "year"])["exports"].mean()
    )
    effect = fit()
    for row, base in zip(effect.estimates.itertuples(), effect.baseline, strict=True):
        assert base == pytest.approx(means[(row.cohort, row.time)] - row.estimate, rel=1e-12)


def test_percent_is_the_ratio_and_its_error_counts_both() -> None:
    """Against leaving out one firm after the other: the jackknife knows nothing of influence functions."""
    frame, _ = programme(firms=120, periods=6, cohorts=(3, 5), seed=1)
    frame = frame.assign(exports=frame["exports"] + 10)

    def overall(rows: pd.DataFrame) -> pd.Series:
        panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
        return (
            impact.att(panel, "exports", method="group_time")
            .aggregate("overall")
            .percent()
            .tidy()
            .iloc[0]
        )

    whole = overall(frame)
    plain = fit().aggregate("overall")
    assert plain.baseline is not None
    assert whole["estimate"] == pytest.approx(
        100 * plain.tidy()["estimate"].item() / plain.baseline[0], rel=1e-12
    )
    firms = frame["firm"].unique()
    left = np.array([overall(frame[frame["firm"] != f])["estimate"] for f in firms])
    n = len(firms)
    jackknife = np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum())
    assert whole["std_error"] == pytest.approx(jackknife, rel=0.02)
    # Not the error of the effect over a baseline taken as known.
    assert whole["std_error"] != pytest.approx(
        100 * plain.tidy()["std_error"].item() / plain.baseline[0], rel=0.01
    )


@pytest.mark.parametrize("kind", ["overall", "event", "cohort", "calendar"])
def test_unit_of_the_outcome_does_not_matter(kind: str) -> None:
    one = fit().aggregate(kind).percent().tidy()
    frame, _ = programme(firms=120, periods=6, cohorts=(3, 5), seed=1)
    panel = impact.panel(
        frame.assign(exports=1000 * (frame["exports"] + 10)),
        unit="firm",
        time="year",
        cohort="joined",
    )
    other = impact.att(panel, "exports", method="group_time").aggregate(kind).percent().tidy()
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_universal_base_has_no_baseline_in_its_reference_year_alone() -> None:
    effect = fit(base_period="universal")
    missing = np.isnan(effect.baseline)
    assert (effect.estimates["event_time"].to_numpy()[missing] == -1).all() and missing.sum() == 2
    event = effect.aggregate("event").percent().tidy().set_index("event_time")
    assert np.isnan(event.loc[-1, "estimate"])
    assert event.drop(index=-1)["std_error"].notna().all()


def test_a_baseline_that_is_not_positive_has_no_per_cent() -> None:
    table = fit(shift=-10.0).percent()
    assert table.estimates[["estimate", "std_error", "p_value"]].isna().all(axis=None)
    assert any("not above 0" in note for note in table.notes)


def test_refusals() -> None:
    share = fit().percent()
    with pytest.raises(EstimationError, match="mean of percentages"):
        share.aggregate("overall")
    with pytest.raises(EstimationError, match="in per cent and not"):
        share.percent()
    frame, _ = programme(firms=60, periods=4, cohorts=(3,), seed=1)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    with pytest.raises(EstimationError, match="no mean outcome without the programme"):
        impact.att(panel, "exports", method="twfe").percent()
    assert "per cent" in share.summary()
