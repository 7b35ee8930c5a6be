"""Numbers of unknown size in a sentence: as many digits as matter, and no more."""

from __future__ import annotations

import math

from impact.display.numbers import format_number


def number_text(value: float) -> str:
    """Write a number with four significant digits, from 1,000 on whole.

    Examples
    --------
    >>> number_text(49814.2), number_text(3.54999), number_text(0.0123456)
    ('49,814', '3.550', '0.01235')
    """
    if not math.isfinite(value) or value == 0:
        return format_number(value)
    return format_number(value, min(max(3 - math.floor(math.log10(abs(value))), 0), 9))
