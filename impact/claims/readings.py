"""A stated percentage of a target read both ways: per cent *of* it, and per cent *above* it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from impact.claims.book import Claim
from impact.claims.text import Text, by_language
from impact.read.claim_wordings import ABOVE, OF
from impact.value.targets import target_sentence
from impact.value.windows import Window, quotient, stated_window


@dataclass(frozen=True, slots=True)
class Readings:
    """What the figures of a claim give under each reading, and which reading its number fits.

    Parameters
    ----------
    values : dict
        Reading -> the percentage recomputed, with what the words leave open.
    stated : Window
        The stated percentage, with its rounding window.
    fits : tuple of str
        Readings under which the stated percentage is a correct rounding.
    cut_off : tuple of str
        Readings under which it is the recomputed one with its further digits cut off, not rounded.
    """

    values: dict[str, Window]
    stated: Window
    fits: tuple[str, ...]
    cut_off: tuple[str, ...]


def readings(claim: Claim) -> Readings | None:
    """Read the stated percentage of a claim both ways.

    Returns
    -------
    Readings or None
        None if the claim does not hold a percentage of a target, or its target is not above zero.

    Notes
    -----
    The readings differ by exactly 100, and a rounding window is at most one wide, so an exact
    figure never fits both.
    """
    if not (claim.has_pair and claim.stated_as in (OF, ABOVE) and claim.target > 0):
        return None
    done = stated_window(100 * claim.achieved, claim.qualifier)
    of = quotient(done, Window(claim.target, claim.target, claim.target))
    above = Window(of.value - 100, of.low - 100, of.high - 100, of.low_open, of.high_open)
    values = {OF: of, ABOVE: above}
    stated = claim.ratio_window()
    # The text computed its percentage from the figure it prints, "more than" or not; what the word
    # leaves open is used only to acquit a percentage that the printed figure does not give.
    fits = tuple(name for name, value in values.items() if value.value in stated)
    if not fits and values[claim.stated_as].meets(stated):
        fits = (claim.stated_as,)
    cut = tuple(
        name
        for name, value in values.items()
        if name not in fits and _cut(value.value, claim.stated_decimals) == claim.stated_ratio
    )
    return Readings(values, stated, fits, cut)


def _cut(value: float, decimals: float) -> float:
    if math.isnan(decimals):
        return math.nan
    step = Decimal(1).scaleb(-int(decimals))
    return float(Decimal(repr(float(value))).quantize(step, rounding=ROUND_DOWN))


def true_sentence(claim: Claim) -> Text:
    """The pair of wordings that the figures of a claim support.

    Percentages are printed with the decimals that the claim prints.
    """
    decimals = 0 if math.isnan(claim.stated_decimals) else int(claim.stated_decimals)
    return by_language(
        lambda lang: target_sentence(
            claim.achieved, claim.target, claim.unit, lang, decimals, qualifier=claim.qualifier
        )
    )
