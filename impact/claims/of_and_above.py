"""R2: do the words say per cent *of* the target where the number is that, and *above* where not?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.readings import Readings, readings, true_sentence
from impact.claims.text import NOTHING, Text, number, percent, say
from impact.core.registry import METHODS
from impact.read.claim_phrases import reading_of
from impact.read.claim_wordings import ABOVE, OF

RULE = "R2"

_SUM = Text(
    "100 × {a} / {t} = {of} of the target, that is {above} above it",
    "100 × {a} / {t} = {of} de la meta, es decir, {above} por encima de ella",
    "100 × {a} / {t} = {of} da meta, ou seja, {above} acima dela",
)
_AGREE = Text(
    "the words name what the number is",
    "las palabras nombran lo que la cifra es",
    "as palavras nomeiam o que o número é",
)
_SAYS_ABOVE = Text(
    "{stated} is the percentage of the target; the words say above the target",
    "{stated} es el porcentaje de la meta; las palabras dicen por encima de la meta",
    "{stated} é a percentagem da meta; as palavras dizem acima da meta",
)
_SAYS_OF = Text(
    "{stated} is the percentage above the target; the words say of the target",
    "{stated} es el porcentaje por encima de la meta; las palabras dicen de la meta",
    "{stated} é a percentagem acima da meta; as palavras dizem da meta",
)
_CUT_OFF = Text(
    "{reason}; its further digits were cut off, not rounded",
    "{reason}; sus demás dígitos se cortaron, no se redondearon",
    "{reason}; os restantes algarismos foram cortados, não arredondados",
)

_PHRASE_ABOVE = Text(
    "the phrase says above the target, and the column stated_as says of the target: one of the two must be mended first",
    "la frase dice por encima de la meta, y la columna stated_as dice de la meta: antes hay que corregir una de las dos",
    "a frase diz acima da meta, e a coluna stated_as diz da meta: antes há que corrigir uma das duas",
)
_PHRASE_OF = Text(
    "the phrase says of the target, and the column stated_as says above the target: one of the two must be mended first",
    "la frase dice de la meta, y la columna stated_as dice por encima de la meta: antes hay que corregir una de las dos",
    "a frase diz da meta, e a coluna stated_as diz acima da meta: antes há que corrigir uma das duas",
)


@METHODS.register(
    "audit",
    RULE,
    summary="per cent of the target against per cent above the target",
    takes=("claims",),
    needs=("a target", "an achievement", "a stated percentage"),
    reference="pct_of = 100 A / T, pct_above = 100 (A / T - 1)",
)
def of_and_above(book: Book) -> Iterator[Finding]:
    """Compare what the words say a percentage is with what the number is.

    The words are those of the phrase; where the column `stated_as` says otherwise, the claim is not judged before one of them is mended.

    A number that fits neither reading is left to rule R1.
    """
    for claim in book.claims:
        found = readings(claim) if not math.isnan(claim.stated_ratio) else None
        if found and (found.fits or found.cut_off):
            yield _finding(claim, found)


def _finding(claim: Claim, found: Readings) -> Finding:
    named = found.fits or found.cut_off
    agrees = claim.stated_as in named
    value = found.values[claim.stated_as if agrees else named[0]]
    decimals = 0 if math.isnan(claim.stated_decimals) else int(claim.stated_decimals)
    reason = _AGREE if agrees else _SAYS_ABOVE if named[0] == OF else _SAYS_OF
    reason = say(reason, stated=percent(claim.stated_ratio, decimals))
    if not found.fits:
        reason = say(_CUT_OFF, reason=reason)
    said = reading_of(claim.phrase)
    differs = said is not None and said != claim.stated_as
    if differs:
        reason = _PHRASE_ABOVE if said == ABOVE else _PHRASE_OF
    of = found.values[OF].value
    return Finding(
        claim.claim_id,
        RULE,
        "undefined" if differs else "holds" if agrees else "wording",
        quantity=(claim.stated_as if agrees else named[0]).replace("_", " "),
        unit="per cent",
        stated=claim.stated_ratio,
        value=value.value,
        low=found.stated.low,
        high=found.stated.high,
        arithmetic=say(
            _SUM,
            a=number(claim.achieved),
            t=number(claim.target),
            of=percent(of, 2),
            above=percent(of - 100, 2),
        ),
        reason=reason,
        sentence=NOTHING if agrees and not differs else true_sentence(claim),
    )
