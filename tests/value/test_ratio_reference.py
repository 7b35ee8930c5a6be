"""Ratios against other programs, and against two slow twins: a test that is turned over, and sixty digits."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from impact.core.inference import critical_value
from impact.value.ratio import RatioResult, ratio
from tests.reference.ratio import reader

Z = critical_value(0.95)


def rel(found: float, expected: float) -> float:
    return abs(found - expected) / abs(expected)


# --- other programs --------------------------------------------------------------------------------


@pytest.mark.parametrize("row", list(reader.ivmodels().itertuples()), ids=lambda r: f"{r.case}, {r.critical_values}, {r.conf_level}")  # fmt: skip
def test_the_set_is_that_of_anderson_and_rubin_in_ivmodels(row):
    a, se_a, b, se_b, cov = reader.slopes(row.case)
    df = 78 if row.critical_values == "f" else None
    got = ratio((a, se_a), (b, se_b), cov=cov, conf_level=row.conf_level, df=df)
    assert got.kind == row.kind
    if row.kind != "unbounded":
        assert rel(got.conf_low, row.conf_low) < 1e-10
        assert rel(got.conf_high, row.conf_high) < 1e-10


@pytest.mark.parametrize("row", list(reader.r().itertuples()), ids=lambda r: f"{r.a:g} over {r.b:g}, {r.cov:g}, {r.df:g}")  # fmt: skip
def test_the_set_is_that_of_a_test_turned_over_in_r(row):
    arguments = {"cov": row.cov, "df": row.df or None}
    got = ratio((row.a, row.se_a), (row.b, row.se_b), **arguments)
    assert got.kind == row.kind
    assert rel(got.conf_low, row.conf_low) < 1e-10
    assert rel(got.conf_high, row.conf_high) < 1e-10
    assert got.std_error == pytest.approx(row.std_error, rel=1e-12)
    assert got.estimate == pytest.approx(row.estimate, rel=1e-12)
    # The wrong variant: the covariance with the other sign.
    if row.cov:
        arguments["cov"] = -row.cov
        assert rel(ratio((row.a, row.se_a), (row.b, row.se_b), **arguments).conf_low, row.conf_low) > 1e-3  # fmt: skip


# --- a twin that knows no formula of the ends ------------------------------------------------------


def turned_over(
    a: float, se_a: float, b: float, se_b: float, cov: float, df: float | None
) -> list[float]:
    """Ends of the set, in the order of the angle of the line a = theta b, by bisection of a p-value."""

    def beyond(angle: float) -> float:
        x, y = math.cos(angle), math.sin(angle)
        error = math.sqrt(max((x * se_a) ** 2 - 2 * x * y * cov + (y * se_b) ** 2, 0.0))
        t = abs(x * a - y * b) / error
        return 2 * float(stats.norm.sf(t) if df is None else stats.t.sf(t, df)) - 0.05

    steps = [math.pi * (k / 600 - 0.5) for k in range(601)]
    signs = [beyond(s) > 0 for s in steps]
    turns = [k for k in range(600) if signs[k] != signs[k + 1]]
    return [math.tan(optimize.brentq(beyond, steps[k], steps[k + 1], xtol=1e-15)) for k in turns]


@given(
    st.floats(-4, 4), st.floats(0.3, 2), st.floats(-4, 4), st.floats(0.3, 2), st.floats(-0.8, 0.8), st.sampled_from([None, 1, 5, 40])
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_set_is_that_of_the_slow_twin(a, se_a, b, se_b, r, df):
    got = ratio((a, se_a), (b, se_b), cov=r * se_a * se_b, df=df)
    ends = turned_over(a, se_a, b, se_b, r * se_a * se_b, df)
    assume(len(ends) == 2 or got.kind == "unbounded")  # else both turns fall into one step
    if got.kind == "unbounded":
        assert ends == []
        return
    mine = sorted([got.conf_low, got.conf_high])
    # On the scale of the angle: an end may lie at 1e15.
    assert [math.atan(x) for x in mine] == pytest.approx([math.atan(x) for x in ends], abs=1e-9)


# --- sixty digits, for numbers of any size ---------------------------------------------------------


def exact(a: float, se_a: float, b: float, se_b: float, cov: float) -> tuple[str, Decimal, Decimal]:
    """Kind and ends by the textbook's formula in sixty digits and without limits of size."""
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 60, 999_999, -999_999
        n, sn, d, sd, c, z = (Decimal(x) for x in (a, se_a, b, se_b, cov, Z))
        lead, middle = d * d - z * z * sd * sd, n * d - z * z * c
        root = middle * middle - lead * (n * n - z * z * sn * sn)
        if lead < 0 and root < 0:
            return "unbounded", Decimal("-Infinity"), Decimal("Infinity")
        low, high = sorted([(middle - root.sqrt()) / lead, (middle + root.sqrt()) / lead])
        return ("bounded", low, high) if lead > 0 else ("complement", high, low)


def close(got: RatioResult, expected: tuple[str, Decimal, Decimal], tolerance: float) -> bool:
    if got.kind != expected[0] or got.kind == "unbounded":
        return got.kind == expected[0]
    low, high = float(expected[1]), float(expected[2])
    # What a float keeps of an end near zero is what it keeps of the larger of the two.
    size = max(abs(low), abs(high)) if low * high < 0 else 0.0
    return all(
        abs(x - y) <= tolerance * max(abs(y), size * 1e-3) for x, y in ((got.conf_low, low), (got.conf_high, high))
    )  # fmt: skip


size = st.floats(-140, 140).map(lambda e: 10.0**e)


@given(
    size, size, st.floats(-3, 3), st.floats(-3, 3), st.floats(0.05, 2), st.floats(0.05, 2), st.floats(-0.9, 0.9)
)  # fmt: skip
def test_numbers_of_any_size(up, down, a, b, se_a, se_b, r):
    if abs(abs(b) - Z * se_b) < 1e-3 or abs(abs(a) - Z * se_a) < 1e-3:
        return  # an end at zero or infinity
    n, d, sn, sd = up * a, down * b, up * se_a, down * se_b
    cov = r * sn * sd
    assert close(ratio((n, sn), (d, sd), cov=cov), exact(n, sn, d, sd, cov), 1e-10)


@pytest.mark.parametrize("k", [1e-300, 1e-200, 1e200, 1e300])
def test_sizes_whose_squares_are_no_floats(k):
    plain = ratio((6.0, 1.8), (1.69, 0.05))
    both = ratio((6.0 * k, 1.8 * k), (1.69 * k, 0.05 * k))
    assert both.kind == "bounded"
    assert both.conf_low == pytest.approx(plain.conf_low, rel=1e-13)
    assert both.conf_high == pytest.approx(plain.conf_high, rel=1e-13)
    one = ratio((6.0 * k, 1.8 * k), (1.69, 0.05))
    assert one.conf_low / k == pytest.approx(plain.conf_low, rel=1e-13)
    assert one.std_error / k == pytest.approx(plain.std_error, rel=1e-13)
    weak = ratio((6.0, 1.8), (1.69 * k, 0.9 * k))
    assert weak.kind == "complement"
    assert weak.conf_low * k == pytest.approx(ratio((6.0, 1.8), (1.69, 0.9)).conf_low, rel=1e-13)


def test_small_errors_do_not_cancel():
    """One part in ten million: the textbook's formula in floats is off in the third digit of the width."""
    a, se_a, b, se_b = 1.0, 1e-7, 3.0, 2e-7
    got, (_, low, high) = ratio((a, se_a), (b, se_b)), exact(a, se_a, b, se_b, 0.0)
    assert rel(got.conf_high - got.conf_low, float(high - low)) < 1e-8
    lead, middle = b * b - (Z * se_b) ** 2, a * b
    wrong = 2 * math.sqrt(middle**2 - lead * (a * a - (Z * se_a) ** 2)) / lead
    assert rel(wrong, float(high - low)) > 1e-5


@pytest.mark.parametrize("hair", [1e-6, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12])
def test_an_end_near_zero_and_an_end_far_away_keep_their_digits(hair):
    edge = Z * (1 + hair)
    _, low, _ = exact(edge, 1.0, 5.0, 1.0, 0.3)
    assert rel(ratio((edge, 1.0), (5.0, 1.0), cov=0.3).conf_low, float(low)) < 1e-12
    _, _, high = exact(5.0, 1.0, edge, 1.0, 0.3)
    assert rel(ratio((5.0, 1.0), (edge, 1.0), cov=0.3).conf_high, float(high)) < 1e-12
