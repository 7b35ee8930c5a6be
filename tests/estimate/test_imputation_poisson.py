"""Imputation by growth: held to etwfe, derivatives, exact relations, firms of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DataError, EstimationError
from impact.estimate.effect import EffectResult
from impact.estimate.two_way_poisson import PoissonTwoWay

KINDS = ("overall", "event", "cohort", "calendar")


def drawn(seed: int, *, firms: int = 48, periods: int = 6, missing: float = 0.0) -> pd.DataFrame:
    """Cohorts 3, 5 and never, counts with zeros, firms with nothing else, a covariate that moves, sectors."""
    rng = np.random.default_rng(seed)
    joined = np.array([3.0, 5.0, np.nan, np.nan])[np.arange(firms) % 4]
    t = np.arange(1, periods + 1)
    price = rng.normal(size=(firms, periods))
    index = (0.7 + 0.6 * rng.normal(size=firms) + 0.3 * np.isfinite(joined))[:, None]
    index = index + 0.1 * t + 0.2 * price + 0.3 * (t >= joined[:, None])
    index[[2, 4]] -= 20
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(t, firms),
            "joined": np.repeat(joined, periods),
            "weight": np.repeat(rng.uniform(0.5, 2, firms), periods),
            "town": np.repeat(np.arange(firms) // 5, periods),
            "sector": np.repeat(np.arange(firms) // 4 % 2, periods),
            "price": price.ravel(),
            "exports": rng.poisson(np.exp(index)).ravel().astype(float),
        }
    )
    return frame[rng.random(len(frame)) >= missing].reset_index(drop=True)


def fit(frame: pd.DataFrame, *, weights: str | None = None, **asked: Any) -> EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    return impact.att(panel, "exports", **{"method": "imputation", "family": "poisson", **asked})


def whole(effect: EffectResult) -> list[EffectResult]:
    parts = [effect, *(effect.aggregate(kind) for kind in KINDS)]
    return [*parts, *(part.percent() for part in parts)]


@pytest.mark.parametrize("effects", ["firm", "cohort"])
@pytest.mark.parametrize("cluster", [None, "town"])
def test_a_balanced_panel_gives_the_numbers_of_etwfe(effects: str, cluster: str | None) -> None:
    """Cells and errors, in units and in per cent. The two share no step: etwfe fits years with participation, too."""
    frame = drawn(1)
    mine = fit(frame, cluster=cluster)
    other = fit(frame, method="etwfe", effects=effects, cluster=cluster)
    for one, two in ((mine, other), (mine.percent(), other.percent())):
        a, b = one.tidy(), two.tidy()
        np.testing.assert_allclose(a["estimate"], b["estimate"], rtol=1e-10, atol=1e-10)
        if (
            cluster is None
        ):  # coarser clusters: the mean that is taken off weights firms by their cluster
            np.testing.assert_allclose(a["std_error"], b["std_error"], rtol=1e-9)
        else:
            np.testing.assert_allclose(a["std_error"], b["std_error"], rtol=0.1)


def test_unbalanced_panels_differ_from_etwfe() -> None:
    """So that the identity can say no: firms' effects come from years without participation alone here."""
    frame = drawn(1, missing=0.15)
    one, two = fit(frame), fit(frame, method="etwfe", effects="firm")
    assert (one.tidy()["estimate"] - two.tidy()["estimate"]).abs().max() > 1e-3


@pytest.mark.parametrize(
    "asked",
    [{}, {"covariates": ["price"]}, {"by": "sector"}, {"by": "sector", "covariates": ["price"]},
     {"pretrends": 1, "covariates": ["price"]}, {"anticipation": 1}],
    ids=str,
)  # fmt: skip
def test_influence_is_the_derivative_in_a_firms_weight(asked: dict[str, Any]) -> None:
    """At equal weights, where the mean that the variance takes off is the effect of the cell; cohort sizes are taken as given."""
    frame = drawn(12, missing=0.1).assign(weight=1.0)
    effect = fit(frame, weights="weight", **asked)
    firms, step = effect.firms.index, 1e-5
    for position in range(0, len(firms), 11):
        own = frame["firm"] == firms[position]
        there, back = (
            fit(frame.assign(weight=frame["weight"].where(~own, 1 + s)), weights="weight", **asked)
            for s in (step, -step)
        )
        for one, a, b in (
            (effect, there, back),
            (effect.percent(), there.percent(), back.percent()),
        ):
            slope = (a.tidy()["estimate"] - b.tidy()["estimate"]) / (2 * step) * len(firms)
            np.testing.assert_allclose(
                one.influence.to_numpy()[position], slope, atol=3e-5, rtol=1e-5
            )


def test_jackknife() -> None:
    frame = drawn(13, firms=80)
    overall = fit(frame).aggregate().percent().tidy()["std_error"].item()
    left_out = [
        fit(frame[frame["firm"] != firm]).aggregate().percent().tidy()["estimate"].item()
        for firm in range(80)
    ]
    assert overall == pytest.approx(np.sqrt(79 * np.var(left_out)), rel=0.12)


some = settings(max_examples=6, deadline=None, derandomize=True)
panels = st.builds(drawn, st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.12]))
options = st.fixed_dictionaries(
    {
        "covariates": st.sampled_from([[], ["price"]]),
        "pretrends": st.sampled_from([0, 1]),
        "leave_one_out": st.booleans(),
        "by": st.sampled_from([None, "sector"]),
    }
)


@some
@given(panels, options, st.integers(0, 99))
def test_order_of_rows(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    mixed = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    first, second = (fit(x, weights="weight", **asked) for x in (frame, mixed))
    for a, b in zip(whole(first), whole(second), strict=True):
        pd.testing.assert_frame_equal(a.tidy(), b.tidy(), check_exact=True)


@some
@given(panels, options)
def test_unit_of_the_outcome_and_of_a_covariate(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    other = frame.assign(exports=frame["exports"] * 1000, price=7 - 3 * frame["price"])
    for a, b in zip(whole(fit(frame, **asked)), whole(fit(other, **asked)), strict=True):
        by = 1 if a.scale == "percent" else 1000
        for column in ("estimate", "std_error"):
            np.testing.assert_allclose(
                b.tidy()[column], by * a.tidy()[column], rtol=1e-7, atol=1e-8 * by
            )


@some
@given(panels, options)
def test_every_firm_twice(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    asked = {**asked, "leave_one_out": False}
    twice = pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)])
    for a, b in zip(whole(fit(frame, **asked)), whole(fit(twice, **asked)), strict=True):
        for column, factor in (("estimate", 1), ("std_error", np.sqrt(0.5))):
            np.testing.assert_allclose(
                b.tidy()[column], factor * a.tidy()[column], rtol=1e-7, atol=1e-9
            )


@some
@given(panels, options)
def test_firms_of_zeros_that_never_join_change_nothing_but_the_count(
    frame: pd.DataFrame, asked: dict[str, Any]
) -> None:
    zeros = frame[frame["firm"] % 4 == 3].assign(exports=0.0, firm=lambda x: x["firm"] + 1000)
    one, two = fit(frame, **asked), fit(pd.concat([frame, zeros]), **asked)
    for column in ("estimate", "std_error", "n_treated", "n_control"):
        np.testing.assert_allclose(two.tidy()[column], one.tidy()[column], rtol=1e-8, atol=1e-9)
    count = zeros["firm"].nunique() - sum(zeros.groupby("firm").size() < 2)
    assert any(f"(firms: {count + 1:,} of" in note for note in two.notes), two.notes


def test_participants_of_zeros_have_nothing_without_the_programme() -> None:
    """Firm 4 joins in 3 without an export before; all that it has then is effect, and it is counted."""
    frame = drawn(1)
    later = (frame["firm"] == 4) & (frame["year"] >= 3)
    effect = fit(frame.assign(exports=frame["exports"].where(~later, 5.0)))
    without = fit(frame[frame["firm"] != 4])
    a, b = (x.tidy().query("cohort == 3")["estimate"] for x in (effect, without))
    np.testing.assert_allclose(a, (11 * b + 5) / 12, rtol=1e-9)
    assert any("counts as effect (firms: 1 of 24)" in note for note in effect.notes)


def test_zeros_that_a_year_tells_are_separated() -> None:
    """Nobody who exports elsewhere exports in the first year: the year has no finite effect, and carries nothing."""
    frame = drawn(2)
    first = frame.assign(exports=frame["exports"].where(frame["year"] > 1, 0.0))
    effect, without = fit(first), fit(frame[frame["year"] > 1])
    np.testing.assert_allclose(
        effect.tidy()["estimate"], without.tidy()["estimate"], rtol=1e-9, atol=1e-10
    )
    assert any("fits without error" in note for note in effect.notes)


def test_a_year_in_which_no_comparison_firm_exports_cannot_be_imputed() -> None:
    frame = drawn(2)
    gone = frame["joined"].isna() & (frame["year"] == 6)
    effect = fit(frame.assign(exports=frame["exports"].where(~gone, 0.0)))
    assert effect.tidy().query("time == 6")["estimate"].isna().all()
    assert effect.tidy().query("time < 6")["estimate"].notna().all()
    assert any("is above 0 without participation" in note for note in effect.notes)


def test_a_covariate_that_tells_zeros_without_error_is_refused() -> None:
    """Every zero has a low price, no other outcome has."""
    frame = drawn(3)
    frame["price"] = np.where(frame["exports"] == 0, -1.0 - frame["year"] / 10, 0.0)
    with pytest.raises(EstimationError, match="covariates tell zeros without error"):
        fit(frame, covariates=["price"])


def test_nothing_above_0_and_amounts_below_0() -> None:
    frame = drawn(1)
    with pytest.raises(EstimationError, match="no outcome without participation is above 0"):
        fit(frame.assign(exports=0.0))
    frame.loc[7, "exports"] = -3.0
    with pytest.raises(DataError, match="0 or more: firm 1, period 2"):
        fit(frame)


def test_years_before_joining_enter_no_effect_and_are_imputed_from_earlier_ones() -> None:
    frame = drawn(5)
    tested, plain = fit(frame, pretrends=1), fit(frame)
    rows = tested.tidy().query("event_time >= 0").reset_index(drop=True)
    np.testing.assert_allclose(rows["estimate"], plain.tidy()["estimate"], rtol=1e-12)
    lead = tested.tidy().query("cohort == 5 and time == 4")["estimate"].item()
    # The same firms as if they had joined a year earlier, the other cohort's tested year left out.
    early = frame.assign(joined=frame["joined"] - 1)
    want = fit(early).tidy().query("cohort == 4 and time == 4")["estimate"].item()
    assert lead == pytest.approx(want, rel=1e-10)


def test_outcomes_of_very_different_sizes() -> None:
    """Euros from 0 to hundreds of millions: fitted sums add up by firm and by period."""
    rng = np.random.default_rng(1)
    y = np.exp(10 + 4 * rng.normal(size=(400, 1)) + rng.normal(size=(400, 8)))
    y = np.where(rng.random(y.shape) < 0.3, 0.0, y)
    w = np.ones_like(y)
    found = PoissonTwoWay.of(y, w, np.empty((0, *y.shape)), [np.arange(400)])
    np.testing.assert_allclose(found.mean.sum(axis=1), y.sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(found.mean.sum(axis=0), y.sum(axis=0), rtol=1e-9)
