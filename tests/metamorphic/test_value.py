"""Relations 17 and 18 of the account of costs and effects: the unit of money, and parts that add to the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.estimate.effect import EffectResult
from impact.outcomes.job_flows import COUNTS, FLOWS, job_flows
from tests.metamorphic.subjects import SUBJECTS, panel_rows

MONEY = 1e-12
SUM = 1e-9
few = settings(max_examples=5, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 10_000)
factors = st.floats(0.01, 1000.0, allow_subnormal=False)

POWERS = {
    "total_at_horizon": 0,
    "unit_years": 0,
    "total_per_million": -1,
    "unit_years_per_million": -1,
    "cost_per_unit": 1,
    "cost_per_unit_year": 1,
    "present_value": 1,
    "per_unit_of_cost": 0,
    "domestic_value_added": 1,
    "domestic_value_added_per_unit_of_cost": 0,
    "benefit_cost_ratio": 0,
    "net_present_value": 1,
    "internal_rate_of_return": 0,
    "cost": 1,
    "cost_per_participant": 1,
}
"""The power of the unit of money in each term of the account."""


def effect(frame: pd.DataFrame, outcome: str) -> EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    return impact.att(panel, outcome, method="group_time")


def drawn(seed: int) -> pd.DataFrame:
    """Firms with jobs, exports and value added, on which the programme has a clear effect."""
    frame = panel_rows(seed, firms=60)
    rng = np.random.default_rng(seed)
    treated = (frame["year"] >= frame["joined"]).astype(float)
    jobs = frame["y"] + 6 * treated
    exports, added = (
        scale * (frame["y"] + 9 * treated + rng.normal(size=len(frame))) for scale in (1e4, 4e3)
    )
    return frame.assign(jobs=jobs, exports=exports, value_added=added)


def costs(scale: float = 1.0, share: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item": ["grants", "agency", "own share"],
            "year": [3, 5, 5],
            "amount": scale * share * np.array([100_000.0, 22_000.0, 11_000.0]),
            "currency": ["EUR"] * 3,
            "source_of_funds": ["public", "public", "firm"],
            "assumed": [False] * 3,
        }
    )


def account(effects: Mapping[str, EffectResult], paid: pd.DataFrame, **more: Any) -> pd.DataFrame:
    asked = {"horizon": 1, "discount_rate": 0.03, **more}
    return impact.cost_effectiveness(effects, paid, **asked).tidy()


def in_other_money(one: pd.DataFrame, two: pd.DataFrame, k: float) -> None:
    """Every number of the account, its error and its interval, by the power of the unit of money."""
    assert list(one["term"]) == list(two["term"]) and len(one) > 8
    assert list(one["kind"]) == list(two["kind"])
    power = k ** one["term"].map(POWERS).to_numpy(float)
    assert np.isfinite(power).all(), "a term has no power of money here"
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        want, got = power * one[column].to_numpy(float), two[column].to_numpy(float)
        # An end of an interval or an error may lie near 0: it is as exact as its estimate.
        size = np.fmax(np.abs(want), np.abs(power * one["estimate"].to_numpy(float)))
        assert (np.isnan(want) == np.isnan(got)).all(), column
        off = np.abs(got - want) / np.where(size > 0, size, 1.0)
        assert np.nanmax(off) <= MONEY, f"{column}: {list(one['term'])}, off by {off}"


@few
@given(seeds, factors)
def test_17_the_unit_of_money(seed: int, k: float) -> None:
    frame = drawn(seed)
    other = frame.assign(exports=k * frame["exports"], value_added=k * frame["value_added"])
    one, two = (
        account(
            {name: effect(f, name) for name in ("jobs", "exports", "value_added")}, costs(scale)
        )
        for f, scale in ((frame, 1.0), (other, k))
    )
    in_other_money(one, two, k)


@few
@given(seeds, factors)
def test_17_ratios_present_values_and_rates_of_return(seed: int, k: float) -> None:
    rng = np.random.default_rng(seed)
    cost, units = float(rng.uniform(1e3, 1e6)), float(rng.uniform(5, 500))
    errors = (0.1 * cost, 0.2 * units)
    one = impact.ratio((cost, errors[0]), (units, errors[1]))
    two = impact.ratio((k * cost, k * errors[0]), (units, errors[1]))
    same = impact.ratio((k * cost, k * errors[0]), (k * units, k * errors[1]))
    for name in ("estimate", "std_error", "conf_low", "conf_high"):
        want = getattr(one, name)
        assert getattr(two, name) == pytest.approx(k * want, rel=MONEY)
        assert getattr(same, name) == pytest.approx(want, rel=MONEY)
    flows = {2010: -cost, 2011: 0.7 * cost, 2013: 0.8 * cost}
    more = {year: k * flow for year, flow in flows.items()}
    rate = impact.internal_rate_of_return(flows)
    assert impact.internal_rate_of_return(more).rate == pytest.approx(rate.rate, rel=MONEY)
    worth = impact.net_present_value(flows, rate=0.03)
    assert impact.net_present_value(more, rate=0.03) == pytest.approx(
        k * worth, rel=MONEY, abs=MONEY * k * cost
    )


def test_17_can_say_no() -> None:
    """An account whose costs alone are in the other money is not the same account."""
    effects = {name: effect(drawn(1), name) for name in ("jobs", "exports")}
    one, two = account(effects, costs()), account(effects, costs(7.0))
    with pytest.raises(AssertionError):
        in_other_money(one, two, 7.0)
    with pytest.raises(AssertionError):
        in_other_money(one, one.assign(estimate=one["estimate"] * (1 + 1e-11)), 1.0)


def of(table: pd.DataFrame, term: str) -> float:
    return float(table.set_index("term").loc[term, "estimate"])


def weighted(whole: pd.DataFrame, parts: list[pd.DataFrame], shares: list[float]) -> None:
    """Per million of the whole is the cost-weighted mean of the services; totals add."""
    for term in ("total_per_million", "unit_years_per_million"):
        mean = sum(share * of(part, term) for share, part in zip(shares, parts, strict=True))
        assert of(whole, term) == pytest.approx(mean, rel=SUM), term
    for term in ("total_at_horizon", "unit_years", "cost"):
        assert of(whole, term) == pytest.approx(sum(of(p, term) for p in parts), rel=SUM), term


def services(seed: int, share: float) -> tuple[pd.DataFrame, list[pd.DataFrame], list[float]]:
    frame = drawn(seed)
    rng = np.random.default_rng(seed + 1)
    treated = frame["year"] >= frame["joined"]
    first = rng.uniform(1, 3, len(frame)) + 2 * treated
    frame = frame.assign(first=first, second=frame["jobs"] - first)
    whole = account({"jobs": effect(frame, "jobs")}, costs())
    parts = [
        account({"jobs": effect(frame, name)}, costs(share=part))
        for name, part in (("first", share), ("second", 1 - share))
    ]
    return whole, parts, [share, 1 - share]


@few
@given(seeds, st.floats(0.1, 0.9))
def test_18_services_add_to_the_programme(seed: int, share: float) -> None:
    weighted(*services(seed, share))


@few
@given(seeds)
def test_18_shares_of_funders_and_of_activities_add_to_the_whole(seed: int) -> None:
    frame = drawn(seed)
    value = impact.cost_effectiveness({"jobs": effect(frame, "jobs")}, costs(), horizon=1)
    parts = value.attribution().groupby(["outcome", "term"])[["share", "estimate"]].sum()
    np.testing.assert_allclose(parts["share"], 1.0, rtol=SUM)
    whole = value.table.set_index(["outcome", "term"]).loc[parts.index, "estimate"]
    np.testing.assert_allclose(parts["estimate"], whole, rtol=SUM)
    joint = costs().assign(activity=["missions", "joint", None])
    shared = impact.share_costs(joint, {"missions": 3, "training": 1}, key_name="participants")
    assert shared["amount"].sum() == pytest.approx(joint["amount"].sum(), rel=SUM)


@few
@given(seeds)
def test_18_flows_of_jobs_by_group_add_to_those_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    jobs = pd.DataFrame(rng.integers(0, 9, (40, 4)).astype(float), columns=[1, 2, 3, 4])
    jobs = jobs.mask(rng.random(jobs.shape) < 0.1)
    gone = jobs == 0
    groups = pd.Series(rng.integers(0, 3, 40), index=jobs.index)
    whole = job_flows(jobs, gone).set_index("year")
    parts = job_flows(jobs, gone, groups).groupby("year").sum(numeric_only=True)
    # What is left of reallocation beyond a group's own net change is no sum: jobs move between groups, too.
    flows = [f for f in FLOWS if f != "excess_reallocation"]
    columns = ["jobs_before", "jobs", *flows, *COUNTS, "jobs_into_sight", "jobs_out_of_sight"]
    np.testing.assert_allclose(parts[columns], whole[columns], rtol=SUM, atol=SUM)


def test_18_can_say_no() -> None:
    whole, parts, shares = services(1, 0.4)
    weighted(whole, parts, shares)
    with pytest.raises(AssertionError):
        weighted(whole, parts, shares[::-1])  # the weights of the wrong services
    with pytest.raises(AssertionError):
        weighted(whole, [parts[0], parts[0]], shares)


def test_the_account_rests_on_an_estimator_that_is_run() -> None:
    assert "group_time" in SUBJECTS
