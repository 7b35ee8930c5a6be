"""Real roots of a polynomial with exact coefficients: counted by Sturm's theorem, parted, halved down to the last bit of a float."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

Coefficients = list[int]  # of falling powers, the first not zero; empty for nothing

_CLOSE = Fraction(1, 2**60)


def roots_between(
    coefficients: Sequence[Fraction], low: Fraction, high: Fraction
) -> list[Fraction]:
    """Distinct real roots in (low, high], in rising order, each within 2^-60; a root at 1 is exact.

    Parameters
    ----------
    coefficients : sequence of Fraction
        Of falling powers.
    low, high : Fraction
        Above zero and below 1; above 1.

    Examples
    --------
    >>> thirds = roots_between([Fraction(9), Fraction(-6), Fraction(1)], Fraction(1, 9), Fraction(2))
    >>> [round(float(x), 12) for x in thirds]
    [0.333333333333]
    """
    polynomial = _whole(coefficients)
    if sum(a * b < 0 for a, b in pairwise(c for c in polynomial if c)) == 1:
        return _only_root(polynomial, low, high)
    chain = _sturm_chain(polynomial)
    if not chain or len(chain[0]) < 2:
        return []
    waiting = [(low, Fraction(1)), (Fraction(1), high)]
    found = []
    while waiting:
        left, right = waiting.pop()
        number = _changes(chain, left) - _changes(chain, right)
        if number == 1:
            found.append(_narrowed(chain[0], left, right))
        elif number > 1:
            middle = (left + right) / 2
            waiting += [(left, middle), (middle, right)]
    return sorted(found)


def _only_root(polynomial: Coefficients, low: Fraction, high: Fraction) -> list[Fraction]:
    """The root where the coefficients change sign once: then there is one above zero and no other (Descartes), which needs no chain."""
    at_low, at_one, at_high = (_sign(polynomial, x) for x in (low, Fraction(1), high))
    if at_low == 0 or at_low == at_high:
        return []
    side = (low, Fraction(1)) if at_one != at_low else (Fraction(1), high)
    return [_narrowed(polynomial, *side)]


def _narrowed(polynomial: Coefficients, left: Fraction, right: Fraction) -> Fraction:
    """The one root in (left, right], by halving; the polynomial has no double roots, so that its sign changes there."""
    at_right = _sign(polynomial, right)
    if at_right == 0:
        return right
    while right - left > _CLOSE:
        middle = (left + right) / 2
        sign = _sign(polynomial, middle)
        if sign == 0:
            return middle
        left, right = (left, middle) if sign == at_right else (middle, right)
    return (left + right) / 2


def _sturm_chain(polynomial: Coefficients) -> list[Coefficients]:
    """Sturm's chain of the polynomial without its repeated roots; every member is a positive multiple of the textbook's."""
    if not polynomial:
        return []
    degree = len(polynomial) - 1
    slope = [c * (degree - i) for i, c in enumerate(polynomial[:-1])]
    chain = [polynomial, _reduced(slope)] if slope else [polynomial]
    while len(chain) > 1 and len(chain[-1]) > 1:
        rest = _remainder(chain[-2], chain[-1])
        if not rest:
            break
        chain.append([-c for c in rest])
    shared = chain[-1]
    if len(shared) == 1:
        return chain
    # The last member is what the polynomial and its slope share: the roots that are there more than once.
    return [_reduced(_quotient(member, shared)) for member in chain]


def _remainder(dividend: Coefficients, divisor: Coefficients) -> Coefficients:
    """A positive multiple of what is left of a division, in whole numbers."""
    rest, lead = list(dividend), divisor[0]
    while len(rest) >= len(divisor):
        factor = rest[0]
        scaled = [c * abs(lead) for c in rest]
        for i, c in enumerate(divisor):
            scaled[i] -= factor * c * (1 if lead > 0 else -1)
        rest = scaled[1:]
    return _reduced(_without_zeros(rest))


def _quotient(dividend: Coefficients, divisor: Coefficients) -> Coefficients:
    """A positive multiple of a division that leaves nothing, in whole numbers."""
    rest, steps = [Fraction(c) for c in dividend], []
    while len(rest) >= len(divisor):
        steps.append(rest[0] / divisor[0])
        for i, c in enumerate(divisor):
            rest[i] -= steps[-1] * c
        rest = rest[1:]
    return _whole(steps)


def _changes(chain: Sequence[Coefficients], at: Fraction) -> int:
    signs = [sign for member in chain if (sign := _sign(member, at))]
    return sum(a != b for a, b in pairwise(signs))


def _sign(polynomial: Coefficients, at: Fraction) -> int:
    """Sign of the value, in whole numbers: Horner's scheme times a power of the denominator, which is positive."""
    value, power = 0, 1
    for c in polynomial:
        value = value * at.numerator + c * power
        power *= at.denominator
    return (value > 0) - (value < 0)


def _whole(coefficients: Sequence[Fraction]) -> Coefficients:
    common = math.lcm(*(c.denominator for c in coefficients)) if coefficients else 1
    return _reduced(_without_zeros([int(c * common) for c in coefficients]))


def _without_zeros(coefficients: Coefficients) -> Coefficients:
    first = next((i for i, c in enumerate(coefficients) if c), len(coefficients))
    return coefficients[first:]


def _reduced(coefficients: Coefficients) -> Coefficients:
    """Divided by what all coefficients share, so that they do not grow from step to step."""
    shared = math.gcd(*coefficients) or 1
    return [c // shared for c in coefficients]
