"""Discounting: a spreadsheet's example, the roots of a polynomial, flows that have no rate."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
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
        # (x - 1.1)(x - 1.100001): closer than any grid of rates.
        ({2010: -1e6, 2011: 2_200_001.0, 2012: -1_210_001.1}, "10.0000 %, 10.0001 %"),
        ({2010: -1.0, 2011: 0.005}, "no rate between"),
        ({2010: -1.0, 2011: 21.0}, "no rate between"),
    ],
)
def test_flows_without_one_rate_say_so(flows, said):
    found = internal_rate_of_return(flows)
    assert math.isnan(found.rate)
    assert said in found.reason


@pytest.mark.parametrize(
    ("flows", "rate"),
    [
        ({2010: -100.0, 2011: 220.0, 2012: -121.0}, 0.1),  # -100 (x - 1.1)^2: touched, not crossed
        ({2010: -3.0, 2011: 1.0, 2012: 1.0, 2013: 1.0}, 0.0),
        ({2010: -1.0, 2011: 11.0}, 10.0),
        ({2010: 0.0, 2011: -100.0, 2012: 110.0, 2013: 0.0}, 0.1),
        ({0: -1.0, 400: 5.0}, 5 ** (1 / 400) - 1),
    ],
)
def test_rates_at_the_edges(flows, rate):
    found = internal_rate_of_return(flows)
    assert found.rate == pytest.approx(rate, abs=1e-15)
    assert found.reason == ""


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=7))
@settings(max_examples=150, deadline=None)
def test_rates_are_counted_as_by_the_eigenvalues(amounts):
    """The slow twin: roots of the polynomial as eigenvalues of its companion matrix, where these tell real from complex ones."""
    roots = np.roots(amounts)
    growth = roots[(np.abs(roots.imag) < 1e-9) & (roots.real > 0.02) & (roots.real < 10.9)].real
    close = [abs(a - b) for i, a in enumerate(roots) for b in roots[:i]]
    assume(not close or min(close) > 1e-3)
    assume(not any(0.005 < x.real < 0.02 or 10.9 < x.real < 11.1 for x in roots))
    found = internal_rate_of_return({2010 + i: float(a) for i, a in enumerate(amounts)})
    if len(growth) == 1:
        assert found.rate == pytest.approx(growth[0] - 1, abs=1e-9)
    else:
        assert math.isnan(found.rate)
        assert found.reason.count(" %") >= len(growth)


def test_amounts_of_one_year_are_added_up():
    flows = pd.Series([-100.0, 60.0, 60.0], index=[2010, 2011, 2011])
    assert net_present_value(flows, rate=0.0) == 20.0
    assert internal_rate_of_return(flows).rate == pytest.approx(0.2)


def test_flows_are_numbers():
    with pytest.raises(DataError, match="flows"):
        net_present_value({2010: math.nan}, rate=0.1)
    with pytest.raises(DataError) as caught:
        net_present_value({2010.5: 1.0, math.nan: 2.0, 2012: "x"}, rate=-1.0)
    assert [f.problem for f in caught.value.faults] == [
        "a yearly rate lies above -1",
        "the year is not a whole number",
        "the year is not a whole number",
        "the amount is not a finite number",
    ]
    with pytest.raises(DataError, match="by year"):
        net_present_value([1.0, 2.0], rate=0.1)
    with pytest.raises(DataError, match="no flows"):
        internal_rate_of_return({})


@given(st.floats(0.001, 3.0), st.lists(st.floats(0.1, 10.0), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_was_paid_back_at_a_rate_has_that_rate(rate, later):
    cost = sum(x / (1 + rate) ** (i + 1) for i, x in enumerate(later))
    flows = {2010: -cost, **{2011 + i: x for i, x in enumerate(later)}}
    assert internal_rate_of_return(flows).rate == pytest.approx(rate, rel=1e-9)
    assert net_present_value(flows, rate=rate) == pytest.approx(0.0, abs=1e-9 * cost)
