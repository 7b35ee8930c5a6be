"""What printed digits and the words before them allow."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from impact.core.errors import ImpactError
from impact.value.windows import (
    Window,
    exactly,
    implied_denominator,
    implied_part,
    implied_whole,
    product,
    quotient,
    rounding_window,
    stated_window,
)

positive = st.floats(min_value=1e-3, max_value=1e9)


@given(st.decimals(0, 10_000, places=6), st.integers(0, 4))
def test_a_figure_holds_the_value_that_it_was_rounded_from(value, decimals):
    step = Decimal(1).scaleb(-decimals)
    for rounding in (ROUND_HALF_UP, ROUND_HALF_EVEN):
        printed = float(value.quantize(step, rounding=rounding))
        assert float(value) in rounding_window(printed, decimals)


@given(st.integers(0, 10_000), st.integers(0, 3), st.floats(0.51, 5), st.sampled_from([-1, 1]))
def test_a_figure_does_not_hold_what_rounds_to_another(digits, decimals, units, side):
    step = 10.0**-decimals
    assert digits * step + side * units * step not in rounding_window(digits * step, decimals)


def test_a_fraction_in_words_has_no_window():
    window = rounding_window(33.33, math.nan)
    assert math.isnan(window.low)
    assert math.isnan(window.high)
    assert 33.33 not in window


@pytest.mark.parametrize(
    ("qualifier", "inside", "outside"),
    [
        ("exact", [6500], [6499, 6501]),
        ("more_than", [6501, 1e9], [6500, 6438]),
        ("at_least", [6500, 1e9], [6499]),
        ("fewer_than", [0, 6499], [6500, 7000]),
        ("at_most", [0, 6500], [6501]),
        ("almost", [6400, 6499], [6500, 5000]),
        ("about", [6000, 6500, 7000], [5000, 8000]),
    ],
)
def test_the_word_before_a_figure_bounds_it(qualifier, inside, outside):
    window = stated_window(6500, qualifier)
    assert all(value in window for value in inside)
    assert not any(value in window for value in outside)


def test_an_unknown_qualifier_is_refused():
    with pytest.raises(ImpactError, match="'roughly'"):
        stated_window(1, "roughly")


def test_open_ends_that_only_touch_do_not_meet():
    above, below = stated_window(10, "more_than"), stated_window(10, "fewer_than")
    assert not above.meets(below)
    assert not above.meets(exactly(10))
    assert stated_window(10, "at_least").meets(stated_window(10, "at_most"))
    assert above.meets(stated_window(1000, "more_than"))


@given(positive, positive, st.sampled_from(["exact", "more_than", "almost", "about"]))
def test_meeting_is_mutual_and_reflexive(first, second, qualifier):
    one, other = stated_window(first, qualifier), stated_window(second, "about")
    assert one.meets(other) == other.meets(one)
    assert one.meets(one)


@given(positive, st.floats(1, 100), st.integers(0, 2))
def test_part_and_whole_are_inverse(whole, share, decimals):
    share = round(share, decimals)
    assume(share - 0.5 * 10**-decimals > 0)
    part = implied_part(whole, share, decimals)
    back = implied_whole(part.value, share, decimals)
    assert back.value == pytest.approx(whole)
    assert whole in back
    assert back.low < back.value < back.high
    # Whatever whole is in the window makes the printed share right.
    for end in (back.low, back.high):
        assert 100 * part.value / end in rounding_window(share, decimals)


def test_known_answers():
    total = implied_whole(50e6, 83, 0)
    assert [round(x / 1e6, 2) for x in (total.value, total.low, total.high)] == [
        60.24,
        59.88,
        60.61,
    ]
    base = implied_denominator(84_599_457, 5, 0)
    assert round(base.value / 1e6, 2) == 16.92
    assert base.low == 84_599_457 / 5.5
    assert base.high == 84_599_457 / 4.5
    part = implied_part(49_000, 11, 0)
    assert (part.low, part.value, part.high) == (5145, 5390, 5635)


def test_a_share_that_may_round_from_zero_leaves_the_whole_unbounded():
    whole = implied_whole(10, 0.5, 0)
    assert whole.high == math.inf
    assert whole.low == 1000
    # Printed as zero, the share still bounds the whole from below.
    tiny = implied_whole(10, 0, 0)
    assert math.isnan(tiny.value)
    assert (tiny.low, tiny.high) == (2000, math.inf)


@given(positive, positive, st.floats(0, 1), st.floats(0, 1))
def test_products_and_quotients_hold_what_their_factors_hold(first, second, p, q):
    one, other = stated_window(first, "about"), stated_window(second, "almost")
    a = one.low + p * (one.high - one.low)
    b = other.low + q * 0.999 * (other.high - other.low)
    assert a * b in product(one, other)
    assert a / b in quotient(one, other)


def test_an_open_denominator_bounds_a_quotient_on_one_side():
    cost = quotient(exactly(50e6), stated_window(20_000, "more_than"))
    assert (cost.low, cost.high, cost.high_open) == (0, 2500, True)
    assert quotient(exactly(1), stated_window(5, "at_most")).high == math.inf
    assert math.isnan(quotient(exactly(1), exactly(0)).value)
    assert product(exactly(0), stated_window(1, "more_than")) == Window(0, 0, 0)
