"""Roots of polynomials that were made from their roots: each found once, at its place, whatever its multiplicity."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from impact.value.polynomial_roots import roots_between

LOW, HIGH = Fraction(1, 100), Fraction(11)

factors = st.fractions(min_value=-3, max_value=14, max_denominator=1000)


def made_from(roots: list[Fraction], lead: Fraction) -> list[Fraction]:
    made = [lead]
    for root in roots:
        raised, lowered = [*made, Fraction(0)], [Fraction(0), *(-root * c for c in made)]
        made = [a + b for a, b in zip(raised, lowered, strict=True)]
    return made


@given(
    st.lists(st.tuples(factors, st.integers(1, 3)), max_size=4),
    st.integers(0, 2),
    st.sampled_from([Fraction(1), Fraction(-7, 3), Fraction(10**30), Fraction(-1, 10**30)]),
)
@settings(max_examples=150, deadline=None)
def test_every_root_is_found_once(roots, without, lead):
    each = [root for root, times in roots for _ in range(times)]
    coefficients = made_from(each, lead)
    for _ in range(without):  # times x^2 + x + 1, which has no real root
        coefficients = [
            sum((c for c in part if c is not None), Fraction(0))
            for part in zip(
                [*coefficients, None, None],
                [None, *coefficients, None],
                [None, None, *coefficients],
                strict=True,
            )
        ]
    found = roots_between(coefficients, LOW, HIGH)
    wanted = sorted({root for root, _ in roots if LOW < root <= HIGH})
    assert len(found) == len(wanted)
    assert all(abs(a - b) < Fraction(1, 2**59) for a, b in zip(found, wanted, strict=True))


def test_ends_and_nothing():
    assert roots_between(made_from([LOW, HIGH], Fraction(1)), LOW, HIGH) == [HIGH]
    assert roots_between(made_from([Fraction(1)], Fraction(1)), LOW, HIGH) == [1]
    assert roots_between(made_from([LOW], Fraction(1)), LOW, HIGH) == []
    assert roots_between([], LOW, HIGH) == []
    assert roots_between([Fraction(0), Fraction(5)], LOW, HIGH) == []


def test_two_roots_that_no_float_tells_apart():
    near = Fraction(11, 10) + Fraction(1, 10**20)
    assert len(roots_between(made_from([Fraction(11, 10), near], Fraction(1)), LOW, HIGH)) == 2
