"""Inference against published vectors, closed forms and simulation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import EstimationError, ImpactError
from impact.core.inference import (
    cluster_sums,
    critical_value,
    delta_ratio,
    fieller,
    infer,
    influence_covariance,
    small_sample_factor,
    uniform_critical_value,
    wald,
)

number = st.floats(-1e6, 1e6, allow_nan=False)
spread = st.floats(1e-3, 1e6)


def test_a_zero_or_missing_standard_error_leaves_everything_missing() -> None:
    got = infer([1.0, 2.0, 3.0, 4.0], [0.0, math.nan, math.inf, 1e-14])
    assert got["estimate"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert got.drop(columns="estimate").isna().all().all()


def test_t_and_normal_quantiles_are_those_of_the_tables() -> None:
    assert critical_value(0.95) == pytest.approx(1.959963985, abs=1e-9)
    assert critical_value(0.95, df=53) == pytest.approx(2.005745995, abs=1e-9)
    with pytest.raises(ImpactError, match="between 0 and 1"):
        critical_value(95)


@given(number, spread, st.floats(0.5, 1000))
def test_interval_p_value_and_statistic_tell_one_story(b: float, se: float, df: float) -> None:
    row = infer([b], [se], df=df).iloc[0]
    if math.isnan(row["std_error"]):
        return
    assert row["conf_low"] <= b <= row["conf_high"]
    excludes = row["conf_low"] > 0 or row["conf_high"] < 0
    if abs(row["p_value"] - 0.05) > 1e-9:
        assert excludes == (row["p_value"] < 0.05)


@given(number, spread, st.floats(1e-3, 1e3))
def test_a_change_of_unit_changes_no_p_value(b: float, se: float, k: float) -> None:
    one, two = infer([b], [se]), infer([k * b], [k * se])
    np.testing.assert_allclose(one["p_value"], two["p_value"], rtol=1e-9, atol=1e-300)


def test_small_sample_factors_by_their_definition() -> None:
    effects = {"firm": (54, True), "year": (3, False)}
    fixest = small_sample_factor(
        "fixest", n_obs=162, n_slopes=2, effect_sizes=effects, n_clusters=54
    )
    linear = small_sample_factor(
        "linearmodels", n_obs=162, n_slopes=2, effect_sizes=effects, n_clusters=54
    )
    assert fixest == pytest.approx(54 / 53 * 161 / 157, rel=1e-14)
    assert linear == pytest.approx(162 / 158, rel=1e-14)
    with pytest.raises(ImpactError, match="no small-sample factor"):
        small_sample_factor("areg", n_obs=9, n_slopes=1, effect_sizes={}, n_clusters=3)
    with pytest.raises(EstimationError, match="degrees of freedom"):
        small_sample_factor("fixest", n_obs=9, n_slopes=1, effect_sizes={}, n_clusters=1)


def test_clustered_influence_is_a_sum_within_clusters() -> None:
    psi = np.array([[1.0], [2.0], [-3.0], [4.0]])
    groups = np.array(["a", "a", "b", "b"])
    assert cluster_sums(psi, groups).tolist() == [[3.0], [1.0]]
    assert influence_covariance(psi, groups)[0, 0] == pytest.approx(10 / 16)
    assert influence_covariance(psi)[0, 0] == pytest.approx(30 / 16)
    with pytest.raises(EstimationError, match="no cluster"):
        cluster_sums(psi, np.array(["a", None, "b", "b"], dtype=object))


def test_uniform_band_is_sidak_when_independent_and_pointwise_when_one() -> None:
    k = 5
    sidak = critical_value(0.95 ** (1 / k))
    got = uniform_critical_value(np.eye(k), draws=200_000)
    assert got == pytest.approx(sidak, abs=0.02)
    same = uniform_critical_value(np.ones((k, k)), draws=200_000)
    assert same == pytest.approx(critical_value(), abs=0.02)
    assert math.isnan(uniform_critical_value(np.zeros((2, 2))))


def test_wald_uses_the_rank() -> None:
    v = np.array([[1.0, 1.0], [1.0, 1.0]])
    test = wald([2.0, 2.0], v)
    assert (test.df, round(test.statistic, 12)) == (1, 4.0)
    assert math.isnan(wald([1.0], [[math.nan]]).p_value)
    assert math.isnan(wald([], np.zeros((0, 0))).p_value)


def test_fieller_published_vectors() -> None:
    bounded = fieller(10.96e6, 1200, 0.0, 500.0**2)
    assert bounded.kind == "bounded"
    assert (round(bounded.low), round(bounded.high)) == (5028, 49814)
    outside = fieller(10.96e6, 1200, 0.0, 800.0**2)
    assert outside.kind == "complement"
    assert (round(outside.low, -1), round(outside.high, -1)) == (3960, -29780)
    per_euro = fieller(60.0, 16.9, 18.0**2, 0.5**2)
    assert (round(per_euro.low, 3), round(per_euro.high, 3)) == (1.461, 5.664)
    theta, se = delta_ratio(60.0, 16.9, 18.0**2, 0.5**2)
    assert (round(theta, 3), round(se, 3)) == (3.550, 1.070)


@given(number, number, spread, spread, st.floats(-0.95, 0.95), number)
def test_fieller_set_is_exactly_its_definition(
    a: float, b: float, sa: float, sb: float, rho: float, theta: float
) -> None:
    cov = rho * sa * sb
    got = fieller(a, b, sa**2, sb**2, cov)
    z2 = critical_value() ** 2
    left = (a - theta * b) ** 2
    right = z2 * (sa**2 - 2 * theta * cov + theta**2 * sb**2)
    if abs(left - right) <= 1e-6 * max(left, right):
        return  # on the edge of the set, where rounding decides
    inside = {
        "bounded": got.low <= theta <= got.high,
        "complement": theta >= got.low or theta <= got.high,
        "unbounded": True,
        "undefined": False,
    }[got.kind]
    assert inside == (left < right)


def test_fieller_of_missing_is_undefined() -> None:
    assert fieller(1.0, math.nan, 1.0, 1.0).kind == "undefined"
    assert math.isnan(delta_ratio(1.0, 0.0, 1.0, 1.0)[0])


def test_infer_keeps_the_order_and_refuses_unequal_lengths() -> None:
    assert list(infer([1.0], [1.0]).columns) == [
        "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high",
    ]  # fmt: skip
    with pytest.raises(ImpactError, match="2 estimates came with 1"):
        infer([1.0, 2.0], [1.0])
    assert isinstance(infer(1.0, 2.0), pd.DataFrame)
