"""Balance statistics: worked by hand, against scipy, and against slow twins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import impact
from impact.design.balance import (
    balance_table,
    ecdf_differences,
    effective_sample_size,
    indicator_columns,
    weighted_variance,
)


def test_standardised_difference_by_hand() -> None:
    # Participants 2, 4, 6 (mean 4, SD 2); controls 1, 3, 8 (mean 4); after: 3 alone (mean 3).
    columns = pd.DataFrame({"x": [2.0, 4.0, 6.0, 1.0, 3.0, 8.0]})
    treated = np.array([True] * 3 + [False] * 3)
    after = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    row = balance_table(columns, treated, np.ones(6), after).iloc[0]
    assert (row["mean_control_before"], row["mean_control_after"]) == (4.0, 3.0)
    assert row["smd_before"] == 0.0
    assert row["smd_after"] == pytest.approx(0.5)  # divided by 2, the SD before matching
    assert row["variance_ratio_before"] == pytest.approx(4.0 / 13.0)


def test_the_denominator_stays_that_of_the_unmatched_participants() -> None:
    """Dropping the outlying participants must not inflate the difference of those that stay."""
    columns = pd.DataFrame({"x": [0.0, 10.0, 20.0, 9.0, 9.0, 9.0]})
    treated = np.array([True] * 3 + [False] * 3)
    after = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    row = balance_table(columns, treated, np.ones(6), after).iloc[0]
    assert row["smd_after"] == pytest.approx(1.0 / 10.0)


def test_zero_one_columns_use_the_variance_of_a_share() -> None:
    columns = pd.DataFrame({"union": [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]})
    treated = np.array([True] * 4 + [False] * 4)
    row = balance_table(columns, treated, np.ones(8), np.ones(8)).iloc[0]
    assert row["smd_before"] == pytest.approx(0.25 / 0.5)
    assert np.isnan(row["variance_ratio_before"])
    assert row["ecdf_mean_before"] == row["ecdf_max_before"] == 0.25


def test_an_arm_of_zeros_and_ones_does_not_make_a_count_binary() -> None:
    columns = pd.DataFrame({"products": [0.0, 1.0, 1.0, 0.0, 3.0, 1.0]})
    treated = np.array([True] * 3 + [False] * 3)
    row = balance_table(columns, treated, np.ones(6), np.ones(6)).iloc[0]
    assert row["smd_before"] == pytest.approx((2 / 3 - 4 / 3) / np.sqrt(1 / 3))
    assert row["variance_ratio_before"] == pytest.approx((1 / 3) / (7 / 3))


def test_participants_that_do_not_vary_are_scaled_by_all() -> None:
    columns = pd.DataFrame({"union": [1.0, 1.0, 0.0, 1.0], "same": [5.0] * 4})
    treated = np.array([True, True, False, False])
    table = balance_table(columns, treated, np.ones(4), np.ones(4)).set_index("covariate")
    assert table.attrs["scaled_by_all"] == ["union", "same"]
    assert table.loc["union", "smd_before"] == pytest.approx(0.5 / np.sqrt(0.75 * 0.25))
    assert np.isnan(table.loc["same", "smd_before"])


def test_effective_sample_size_by_hand() -> None:
    assert effective_sample_size(np.array([1.0, 1.0, 1.0])) == pytest.approx(3.0)
    assert effective_sample_size(np.array([2.0, 1.0, 1.0, 0.0])) == pytest.approx(16 / 6)
    assert effective_sample_size(np.zeros(3)) == 0.0


weights = st.lists(st.integers(0, 4), min_size=8, max_size=8).map(np.array)
values = st.lists(st.integers(-3, 3), min_size=8, max_size=8).map(
    lambda v: np.array(v, dtype=float)
)
TREATED = np.array([True, False] * 4)


@settings(deadline=None)
@given(values)
def test_largest_ecdf_difference_is_kolmogorov_smirnov(x: np.ndarray) -> None:
    x = x * 0.5 + 7  # not zero-one
    wanted = stats.ks_2samp(x[TREATED], x[~TREATED], method="exact").statistic
    assert ecdf_differences(x, TREATED, np.ones(8))[1] == pytest.approx(wanted, abs=1e-12)


@settings(deadline=None)
@given(values, weights)
def test_ecdf_differences_against_a_slow_twin(x: np.ndarray, w: np.ndarray) -> None:
    x, w = x + 10, w.astype(float)
    mean, largest = ecdf_differences(x, TREATED, w)
    if min(w[TREATED].sum(), w[~TREATED].sum()) == 0:
        assert np.isnan(mean)
        assert np.isnan(largest)
        return
    gaps = []
    for value in np.unique(x):
        below = [np.average(x[arm] <= value, weights=w[arm]) for arm in (TREATED, ~TREATED)]
        gaps.append(abs(below[0] - below[1]))
    assert mean == pytest.approx(np.mean(gaps), abs=1e-12)
    assert largest == pytest.approx(np.max(gaps), abs=1e-12)


@settings(deadline=None)
@given(values, weights)
def test_weighted_variance_against_its_definition(x: np.ndarray, w: np.ndarray) -> None:
    got = weighted_variance(x, w.astype(float))
    if (w > 0).sum() < 2:
        assert np.isnan(got)
        return
    # Half the mean squared difference of two different draws by weight.
    share = w / w.sum()
    both = np.outer(share, share) * (x[:, None] - x[None, :]) ** 2
    assert got == pytest.approx(both.sum() / 2 / (1 - (share**2).sum()), abs=1e-10)


def test_equal_weights_give_the_textbook_variance() -> None:
    x = np.array([1.0, 4.0, 4.0, 9.0])
    assert weighted_variance(x, np.full(4, 0.3)) == pytest.approx(np.var(x, ddof=1))


def test_categories_become_one_column_per_level() -> None:
    frame = pd.DataFrame({"sector": ["b", "a", "b"], "union": [0, 1, 1], "class": [1, 2, 3]})
    columns = indicator_columns(frame, ["sector", "union", "class"])
    assert list(columns) == ["sector: a", "sector: b", "union", "class: 1", "class: 2", "class: 3"]
    assert columns["sector: b"].tolist() == [1.0, 0.0, 1.0]


def test_exact_columns_balance_and_stand_in_the_table() -> None:
    rng = np.random.default_rng(4)
    data = pd.DataFrame(
        {
            "joined": (np.arange(60) % 3 == 0).astype(int),
            "size": rng.normal(size=60),
            "sector": rng.choice(list("abc"), 60),
        }
    )
    matched = impact.match(data, treatment="joined", on=["size"], exact=["sector"], ratio=2)
    table = matched.balance().set_index("covariate")
    assert list(table.index) == ["distance", "size", "sector: a", "sector: b", "sector: c"]
    np.testing.assert_allclose(table["smd_after"].iloc[2:], 0.0, atol=1e-12)
    assert table["smd_before"].iloc[2:].abs().max() > 0
    sizes = table.attrs["sizes"]["after"]
    assert sizes["n_treated"] == matched.pairs["treated"].nunique()
    assert sizes["ess_control"] <= sizes["n_control"]


def test_matching_lowers_the_largest_difference() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=400)
    data = pd.DataFrame(
        {"joined": (rng.random(400) < 0.3 / (1 + np.exp(-2 * x))).astype(int), "x": x}
    )
    row = impact.match(data, treatment="joined", on=["x"], caliper=0.1).balance().iloc[1]
    assert abs(row["smd_before"]) > 0.4
    assert abs(row["smd_after"]) < 0.05
