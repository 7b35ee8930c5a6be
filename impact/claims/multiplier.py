"""R9: which multiplier do direct and indirect results imply, and has one so large been found?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, capitalised, number, quantity, say
from impact.core.registry import METHODS
from impact.value.windows import Window, quotient

RULE = "R9"

PUBLISHED = (
    (
        2.02,
        "jobs in the tradable sector of a US city",
        "van Dijk 2014, Oxford Economics Discussion Paper 730",
    ),
    (2.6, "jobs in manufacturing in a US city", "Moretti 2010, AER: P&P 100 (2)"),
    (3.5, "skilled jobs in the tradable sector of a US city", "Moretti 2010, AER: P&P 100 (2)"),
)
"""Local employment multipliers, 1 + further jobs per job: each as the abstract of its source words it.

The abstracts say 1.02, 1.6 and 2.5 further jobs in the same city per job; the first is a second look at the data of the others and finds them too
large. They are of formal jobs and of one country, so they are no yardstick for a difference of a half; they say what was ever found."""

BOUND = max(value for value, _, _ in PUBLISHED)
"""A multiplier above the largest published one is called implausible, until the method behind it is published."""

_DIRECT = re.compile(r"(?<!in)\bdirect\b", re.IGNORECASE)
_INDIRECT = re.compile(r"\bindirect\b", re.IGNORECASE)

_SUM = Text(*["({direct} + {indirect}) / {direct} = {multiplier}"] * 3)
_TOO_LARGE = Text(
    "{more} indirect per direct one, as printed; the largest local multiplier of jobs known here is {bound} ({source}), and how the indirect ones were "
    "counted is not said",
    "{more} indirectos por cada directo, tal como se indica; el mayor multiplicador local de empleo que aquí se conoce es {bound} ({source}), y no se dice "
    "cómo se contaron los indirectos",
    "{more} indiretos por cada direto, tal como se indica; o maior multiplicador local de emprego que aqui se conhece é {bound} ({source}), e não se diz "
    "como se contaram os indiretos",
)
_POSSIBLE = Text(
    "{more} indirect per direct one: not larger than published local multipliers of jobs ({bound} at most); needs the model or the count behind the "
    "indirect ones",
    "{more} indirectos por cada directo: no más que los multiplicadores locales de empleo publicados (como máximo {bound}); falta el modelo o el recuento "
    "de los indirectos",
    "{more} indiretos por cada direto: não mais do que os multiplicadores locais de emprego publicados (no máximo {bound}); falta o modelo ou a contagem "
    "dos indiretos",
)
_SENTENCE = Text(
    "{direct} were reported as direct; {more} indirect ones per direct one were added, by a method that is not given.",
    "{direct} se comunicaron como directos; se añadieron {more} indirectos por cada directo, con un método que no se indica.",
    "{direct} foram comunicados como diretos; acrescentaram-se {more} indiretos por cada direto, por um método que não se indica.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="the multiplier that direct and indirect jobs imply, against published ones",
    takes=("claims",),
    needs=("a direct and an indirect number of jobs of one programme, place and period",),
    reference="(direct + indirect) / direct; Moretti (2010), van Dijk (2014)",
)
def multiplier(book: Book) -> Iterator[Finding]:
    """Hold the indirect figure of a programme against the direct one beside it."""
    for claim in book.claims:
        # Figures of both together are no indirect ones; of anything but jobs no multiplier is published.
        alone = _says(claim, _INDIRECT) and not _says(claim, _DIRECT)
        if claim.unit != "jobs" or not alone or math.isnan(claim.amount) or claim.planned:
            continue
        for other in book.claims:
            same = (other.programme, other.geography, other.unit, other.period) == (
                claim.programme,
                claim.geography,
                claim.unit,
                claim.period,
            )
            direct = _says(other, _DIRECT) and not _says(other, _INDIRECT)
            if same and direct and not other.planned and other.amount > 0:
                yield _finding(claim, other)
                break


def _says(claim: Claim, word: re.Pattern[str]) -> bool:
    return word.search(claim.indicator) is not None


def _finding(indirect: Claim, direct: Claim) -> Finding:
    value = 1 + indirect.amount / direct.amount
    window = quotient(indirect.amount_window(), direct.amount_window())
    allowed = Window(value, 1 + window.low, 1 + window.high, window.low_open, window.high_open)
    large = value > BOUND
    source = next(f"{what}; {source}" for found, what, source in PUBLISHED if found == BOUND)
    words = {
        "direct": capitalised(quantity(direct.amount, direct.unit, direct.qualifier)),
        "more": number(value - 1),
        "bound": number(BOUND, 1),
    }  # fmt: skip
    sums = {"direct": number(direct.amount), "indirect": number(indirect.amount)}
    return Finding(
        indirect.claim_id,
        RULE,
        "implausible" if large else "unverifiable",
        quantity="implied multiplier",
        stated=indirect.amount,
        value=value,
        low=allowed.low,
        high=allowed.high,
        arithmetic=say(_SUM, multiplier=number(value, 2), **sums),
        reason=say(_TOO_LARGE if large else _POSSIBLE, source=source, **words),
        sentence=say(_SENTENCE, **words) if large else NOTHING,
    )
