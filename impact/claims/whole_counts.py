"""R13: is there a whole number of firms that rounds to a stated percentage?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, number, percent, say
from impact.core.registry import METHODS
from impact.value.windows import Window

RULE = "R13"

COUNTED = (
    "firms",
    "nuclei",
    "clusters",
    "organisations",
    "countries",
    "proposals",
    "institutions",
    "projects",
    "entrepreneurs",
    "farmers",
)
"""Units of which there is no half; jobs may be counted in full-time equivalents."""

_SUM = Text(*["{share} × {whole} = {low} … {high}"] * 3)
_POSSIBLE = Text(
    "whole numbers from {first} to {last} round to it",
    "los números enteros de {first} a {last} se redondean a él",
    "os números inteiros de {first} a {last} arredondam para ele",
)
_ONE = Text(
    "one whole number rounds to it: {first}",
    "un solo número entero se redondea a él: {first}",
    "um só número inteiro arredonda para ele: {first}",
)
_IMPOSSIBLE = Text(
    "no whole number of {whole} rounds to {share}",
    "ningún número entero de {whole} se redondea a {share}",
    "nenhum número inteiro de {whole} arredonda para {share}",
)
_SENTENCE = Text(
    "{below} of {whole} are {lower}, {above} are {upper}; {share} is neither.",
    "{below} de {whole} son {lower}, {above} son {upper}; {share} no es ninguno de los dos.",
    "{below} de {whole} são {lower}, {above} são {upper}; {share} não é nenhum dos dois.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="a percentage that no whole number gives",
    takes=("claims",),
    needs=("a percentage of a stated whole that is counted",),
    reference="n with round(100 n / N) = stated",
)
def whole_counts(book: Book) -> Iterator[Finding]:
    """Look for the whole numbers that round to the percentage, by either convention for halves."""
    for claim in book.claims:
        base = book.find(claim.part_of)
        if (
            claim.stated_as == "per_cent_of"
            and claim.qualifier == "exact"
            and not math.isnan(claim.stated_decimals)
            and base is not None
            and base.qualifier == "exact"
            and base.unit in COUNTED
            and float(base.amount).is_integer()
            and base.amount > 0
        ):
            yield _finding(claim, base)


def feasible(share: Window, whole: int) -> tuple[int, int]:
    """First and last whole number that round to a share; the last is smaller than the first where there is none.

    Examples
    --------
    >>> from impact.value.windows import rounding_window
    >>> feasible(rounding_window(45, 0), 341), feasible(rounding_window(36, 0), 8)
    ((152, 155), (3, 2))
    """
    slack = 1e-9 * whole
    return math.ceil(share.low * whole / 100 - slack), math.floor(share.high * whole / 100 + slack)


def _finding(claim: Claim, base: Claim) -> Finding:
    whole = int(base.amount)
    share = claim.ratio_window()
    first, last = feasible(share, whole)
    decimals = int(claim.stated_decimals)
    below = math.floor(claim.stated_ratio * whole / 100)
    words = {
        "share": percent(claim.stated_ratio, decimals),
        "whole": number(whole),
        "low": number(share.low * whole / 100, 2),
        "high": number(share.high * whole / 100, 2),
        "first": number(first),
        "last": number(last),
        "below": number(below),
        "above": number(below + 1),
        "lower": percent(100 * below / whole, decimals + 1),
        "upper": percent(100 * (below + 1) / whole, decimals + 1),
    }
    impossible = last < first
    reason = _IMPOSSIBLE if impossible else _ONE if first == last else _POSSIBLE
    return Finding(
        claim.claim_id,
        RULE,
        "arithmetic_error" if impossible else "unverifiable",
        quantity="whole numbers",
        unit=base.unit,
        stated=claim.stated_ratio,
        value=math.nan if impossible else float(first),
        low=math.nan if impossible else float(first),
        high=math.nan if impossible else float(last),
        arithmetic=say(_SUM, **words),
        reason=say(reason, **words),
        sentence=say(_SENTENCE, **words) if impossible else NOTHING,
    )
