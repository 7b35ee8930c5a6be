"""Discounting: a spreadsheet's example, the roots of a polynomial, flows that have no rate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.core.errors import DataError
from impact.value.discounting import (
    discount_factor,
    discount_factors,
    internal_rate_of_return,
    net_present_value,
)


def test_the_factor_by_hand():
    assert discount_factor(2013, base_year=2010, rate=0.05) == pytest.approx(1 / 1.157625)
    assert discount_factor(2010, base_year=2010, rate=0.05, mid_year=True) == pytest.approx(
        1 / math.sqrt(1.05)
    )
    got = discount_factors(np.array([2009, 2010]), base_year=2010, rate=0.05)
    assert got.tolist() == pytest.approx([1.05, 1.0])


def test_the_worth_of_a_project_by_hand():
    # -10,000 now, then 3,000, 4,200, 6,800 at 10 %: 10000 = 2727.27 + 3471.07 + 5108.94 - 1307.29.
    flows = {2010: -10_000.0, 2011: 3_000.0, 2012: 4_200.0, 2013: 6_800.0}
    assert net_present_value(flows, rate=0.1) == pytest.approx(1_307.29, abs=0.005)
    assert net_present_value(flows, rate=0.1, base_year=2009) == pytest.approx(1_188.44, abs=0.005)
    assert net_present_value(flows, rate=0.0) == 4_000


def test_the_internal_rate_is_the_root_of_the_polynomial():
    flows = {
        2010: -70_000.0,
        2011: 12_000.0,
        2012: 15_000.0,
        2013: 18_000.0,
        2014: 21_000.0,
        2015: 26_000.0,
    }
    found = internal_rate_of_return(flows)
    roots = np.roots([flows[y] for y in sorted(flows)])
    real = roots[np.isreal(roots) & (roots.real > 0)].real
    assert found.rate == pytest.approx(real[0] - 1, abs=1e-12)
    assert found.rate == pytest.approx(0.0866, abs=5e-5)  # the example of spreadsheets


def test_years_may_be_missing_and_amounts_huge():
    plain = internal_rate_of_return({2010: -100.0, 2015: 161.051})
    assert plain.rate == pytest.approx(0.10, abs=1e-12)
    assert internal_rate_of_return({2010: -1e300, 2015: 1.61051e300}).rate == pytest.approx(0.10)


@pytest.mark.parametrize(
    ("flows", "said"),
    [
        ({2010: 5.0, 2011: 6.0}, "never change sign"),
        ({2010: -5.0}, "never change sign"),
        ({2010: 0.0, 2011: 0.0}, "never change sign"),
        (
            {2010: -100.0, 2011: 230.0, 2012: -132.0},
            "several rates make the flows worth nothing: 10.00 %, 20.00 %",
        ),
        ({2010: 100.0, 2011: -300.0, 2012: 250.0}, "no rate between"),
    ],
)
def test_flows_without_one_rate_say_so(flows, said):
    found = internal_rate_of_return(flows)
    assert math.isnan(found.rate)
    assert said in found.reason


def test_flows_are_numbers():
    with pytest.raises(DataError, match="flows"):
        net_present_value({2010: math.nan}, rate=0.1)
    with pytest.raises(DataError, match="no flows"):
        internal_rate_of_return({})


@given(st.floats(0.001, 3.0), st.lists(st.floats(0.1, 10.0), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_was_paid_back_at_a_rate_has_that_rate(rate, later):
    cost = sum(x / (1 + rate) ** (i + 1) for i, x in enumerate(later))
    flows = {2010: -cost, **{2011 + i: x for i, x in enumerate(later)}}
    assert internal_rate_of_return(flows).rate == pytest.approx(rate, rel=1e-9)
    assert net_present_value(flows, rate=rate) == pytest.approx(0.0, abs=1e-9 * cost)
