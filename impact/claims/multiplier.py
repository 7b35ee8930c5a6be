"""R9: which multiplier do direct and indirect results imply, and can it be?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, number, percent, quantity, say
from impact.core.registry import METHODS
from impact.value.windows import Window, quotient

RULE = "R9"

BOUND = 2.0
"""Largest multiplier that is not called implausible without evidence of its own.

With a share c of each round spent again in the region, all rounds together are 1 / (1 - c). A multiplier of 2 needs one half, of 4 three
quarters; imports, taxes and savings leave the region in every round. The half is a convention of this audit and no finding."""

_DIRECT = re.compile(r"(?<!in)\bdirect\b", re.IGNORECASE)
_INDIRECT = re.compile(r"\bindirect\b", re.IGNORECASE)

_SUM = Text(
    *["({direct} + {indirect}) / {direct} = {multiplier}; 1 - 1 / {multiplier} = {share}"] * 3
)
_TOO_LARGE = Text(
    "a multiplier of {multiplier} needs {share} of each round to be spent again within the region; no method and no model is named",
    "un multiplicador de {multiplier} exige que en cada ronda se vuelva a gastar el {share} dentro de la región; no se nombra ningún método ni modelo",
    "um multiplicador de {multiplier} exige que em cada ronda se volte a gastar {share} dentro da região; não se nomeia nenhum método nem modelo",
)
_POSSIBLE = Text(
    "a multiplier of {multiplier} is possible; an input-output model of the region would show it",
    "un multiplicador de {multiplier} es posible; lo mostraría un modelo insumo-producto de la región",
    "um multiplicador de {multiplier} é possível; mostrá-lo-ia um modelo de insumo-produto da região",
)
_SENTENCE = Text(
    "{direct} direct; the indirect ones are assumed, with a multiplier of {multiplier}.",
    "{direct} directos; los indirectos se suponen, con un multiplicador de {multiplier}.",
    "{direct} diretos; os indiretos são supostos, com um multiplicador de {multiplier}.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="the multiplier that direct and indirect results imply",
    takes=("claims",),
    needs=("a direct and an indirect figure of one programme, place and unit",),
    reference="multiplier = (direct + indirect) / direct = 1 / (1 - share spent again)",
)
def multiplier(book: Book) -> Iterator[Finding]:
    """Hold the indirect figure of a programme against the direct one beside it."""
    for claim in book.claims:
        if not _says(claim, _INDIRECT) or math.isnan(claim.amount) or claim.planned:
            continue
        for other in book.claims:
            same = (other.programme, other.geography, other.unit) == (
                claim.programme,
                claim.geography,
                claim.unit,
            )
            if same and _says(other, _DIRECT) and not other.planned and other.amount > 0:
                yield _finding(claim, other)
                break


def _says(claim: Claim, word: re.Pattern[str]) -> bool:
    return word.search(claim.indicator) is not None


def _finding(indirect: Claim, direct: Claim) -> Finding:
    value = 1 + indirect.amount / direct.amount
    window = quotient(indirect.amount_window(), direct.amount_window())
    allowed = Window(value, 1 + window.low, 1 + window.high, window.low_open, window.high_open)
    words = {
        "direct": quantity(direct.amount, direct.unit, direct.qualifier),
        "multiplier": number(value, 2),
        "share": percent(100 * (1 - 1 / value), 0),
    }
    large = value > BOUND
    bare = {**words, "direct": number(direct.amount), "indirect": number(indirect.amount)}
    return Finding(
        indirect.claim_id,
        RULE,
        "implausible" if large else "unverifiable",
        quantity="implied multiplier",
        stated=indirect.amount,
        value=value,
        low=allowed.low,
        high=allowed.high,
        arithmetic=say(_SUM, **bare),
        reason=say(_TOO_LARGE if large else _POSSIBLE, **words),
        sentence=_capital(say(_SENTENCE, **words)) if large else NOTHING,
    )


def _capital(of: Text) -> Text:
    return Text(*[words[:1].upper() + words[1:] for words in (of.en, of.es, of.pt)])
