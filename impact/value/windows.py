"""What a printed figure allows: the values that round to it, or that "more than" leaves open."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from impact.core.errors import ImpactError

NEAR = 0.10
"""How far "almost" and "about" reach, as a share of the figure: a convention of reading."""

_SLACK = 1e-12  # relative; an exact half must not fall out of its window by a float's last bit


@dataclass(frozen=True, slots=True)
class Window:
    """A value with the lowest and the highest that the words and digits of a text allow.

    Parameters
    ----------
    value : float
        The figure as printed, or what is computed from it.
    low, high : float
        Ends of the window. Missing where the figure has no printed precision; infinite where the
        text sets no bound.
    low_open, high_open : bool
        Whether an end itself is excluded, as "more than" excludes it.

    Examples
    --------
    >>> 105.5 in Window(105, 104.5, 105.5), 105.6 in Window(105, 104.5, 105.5)
    (True, False)
    """

    value: float
    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        return self.meets(exactly(value))

    def meets(self, other: Window) -> bool:
        """Whether some value lies in both windows; an undefined window meets nothing.

        Examples
        --------
        >>> stated_window(6500, "more_than").meets(exactly(6438))
        False
        """
        return _begins_before_end(self, other) and _begins_before_end(other, self)


def _begins_before_end(first: Window, second: Window) -> bool:
    """Whether the low end of `first` lies at or below the high end of `second`."""
    low, high = first.low, second.high
    if math.isinf(low) or math.isinf(high):
        return low < high
    if abs(low - high) <= _SLACK * max(abs(low), abs(high)):
        return not (first.low_open or second.high_open)
    return low < high


def exactly(value: float) -> Window:
    """The window of a figure that is exact."""
    return Window(value, value, value)


def rounding_window(stated: float, decimals: float) -> Window:
    """The values that round to a stated figure: half a unit of its last digit on each side.

    Parameters
    ----------
    stated : float
        The figure as printed.
    decimals : float
        Decimals printed; missing for a fraction in words, which has no window.

    Returns
    -------
    Window
        Both ends count as inside, since both conventions for halves are in use.

    Examples
    --------
    >>> rounding_window(83, 0)
    Window(value=83, low=82.5, high=83.5, low_open=False, high_open=False)
    """
    if math.isnan(stated) or math.isnan(decimals):
        return Window(stated, math.nan, math.nan)
    half = 0.5 * 10.0 ** -int(decimals)
    return Window(stated, stated - half, stated + half)


def stated_window(value: float, qualifier: str = "exact", decimals: float = math.nan) -> Window:
    """The values that a figure allows, given the word before it.

    Parameters
    ----------
    value : float
        The figure as printed; not below zero.
    qualifier : str
        One of the words of the claims file: `exact`, `more_than`, `at_least`, `fewer_than`,
        `at_most`, `almost`, `about`.
    decimals : float
        Decimals printed, for an exact figure that was rounded; missing for a count.

    Raises
    ------
    ImpactError
        If the qualifier is not known.

    Examples
    --------
    >>> window = stated_window(60_000, "almost")
    >>> 59_000 in window, 60_000 in window
    (True, False)
    """
    if qualifier == "exact":
        return exactly(value) if math.isnan(decimals) else rounding_window(value, decimals)
    if qualifier in ("more_than", "at_least"):
        return Window(value, value, math.inf, low_open=qualifier == "more_than")
    if qualifier in ("fewer_than", "at_most"):
        return Window(value, 0.0, value, high_open=qualifier == "fewer_than")
    if qualifier == "almost":
        return Window(value, (1 - NEAR) * value, value, high_open=True)
    if qualifier == "about":
        return Window(value, (1 - NEAR) * value, (1 + NEAR) * value)
    raise ImpactError(f"The qualifier {qualifier!r} is not known.")


def product(first: Window, second: Window) -> Window:
    """Multiply two figures that are not below zero, ends with ends.

    Examples
    --------
    >>> share = product(exactly(490), rounding_window(11, 0))
    >>> share.low, share.value, share.high
    (5145.0, 5390, 5635.0)
    """
    return Window(
        first.value * second.value,
        _times(first.low, second.low),
        _times(first.high, second.high),
        _reached_by_neither(first.low, first.low_open, second.low, second.low_open),
        _reached_by_neither(first.high, first.high_open, second.high, second.high_open),
    )


def quotient(numerator: Window, denominator: Window) -> Window:
    """Divide two figures that are not below zero, each end by the other's opposite end.

    Returns
    -------
    Window
        Without upper end if the denominator may be zero. Its value is missing if the denominator is
        printed as zero, and so are its ends if it is zero and nothing else.

    Examples
    --------
    >>> cost = quotient(exactly(50e6), stated_window(20_000, "more_than"))
    >>> cost.low, cost.high, cost.high_open
    (0.0, 2500.0, True)
    """
    if denominator.high <= 0:
        return Window(math.nan, math.nan, math.nan)
    divisor = replace(denominator, low=max(denominator.low, 0.0))
    return Window(
        numerator.value / divisor.value if divisor.value else math.nan,
        0.0 if math.isinf(divisor.high) else numerator.low / divisor.high,
        math.inf if divisor.low == 0 else numerator.high / divisor.low,
        numerator.low_open or divisor.high_open,
        numerator.high_open or divisor.low_open,
    )


def _reached_by_neither(first: float, first_open: bool, second: float, second_open: bool) -> bool:
    """Whether the product of two ends is excluded; a zero that is reached makes it zero anyway."""
    if (first == 0 and not first_open) or (second == 0 and not second_open):
        return False
    return first_open or second_open


def _times(first: float, second: float) -> float:
    # Zero of something unbounded is still zero; floats would say it is undefined.
    return 0.0 if first == 0 or second == 0 else first * second


def implied_whole(part: float, share: float, decimals: float) -> Window:
    """The whole of which `part` is `share` per cent.

    Parameters
    ----------
    part : float
        Size of the part.
    share : float
        Per cent, as printed.
    decimals : float
        Decimals that the percentage prints.

    Returns
    -------
    Window
        `100 part / share`; a share that may round from zero leaves the whole without upper end.

    Examples
    --------
    >>> whole = implied_whole(50e6, 83, 0)
    >>> round(whole.value), round(whole.low), round(whole.high)
    (60240964, 59880240, 60606061)
    """
    return quotient(exactly(100 * part), rounding_window(share, decimals))


def implied_part(whole: float, share: float, decimals: float) -> Window:
    """The part that `share` per cent of `whole` is.

    Examples
    --------
    >>> part = implied_part(49_000, 11, 0)
    >>> part.value, part.low, part.high
    (5390.0, 5145.0, 5635.0)
    """
    return product(exactly(whole / 100), rounding_window(share, decimals))


def implied_denominator(numerator: float, ratio: float, decimals: float) -> Window:
    """The denominator that makes a stated ratio true.

    Parameters
    ----------
    numerator : float
        The stated numerator.
    ratio : float
        The stated ratio, as printed.
    decimals : float
        Decimals that the ratio prints.

    Examples
    --------
    >>> base = implied_denominator(84_599_457, 5, 0)
    >>> round(base.value), round(base.low), round(base.high)
    (16919891, 15381719, 18799879)
    """
    return quotient(exactly(numerator), rounding_window(ratio, decimals))
