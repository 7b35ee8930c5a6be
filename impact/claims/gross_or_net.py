"""R8: does a claimed effect say whether it is gross, or net of what would have happened anyway?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Part, Text, quantity, say
from impact.core.registry import METHODS
from impact.read.claim_phrases import claims_change, claims_effect

RULE = "R8"

RESULTS = ("jobs", "EUR", "USD")
"""Units of results; what a programme did itself (firms served, nuclei formed) needs no counterfactual, and a ratio has that of its numerator."""

_NET = re.compile(r"\bnet\b|\bnet[oa]s?\b|\blíquid[oa]s?\b", re.IGNORECASE)
_GROSS = re.compile(r"\bgross\b|\bbrut[oa]s?\b", re.IGNORECASE)
_RESULT = re.compile(
    r"\bincreas|\bfirst-time export|\bnew export|\binternationali[sz]ed\b|\bsurviv", re.IGNORECASE
)
"""Indicators of firms that say what became of them; `indicator` is in English."""

_SUM = Text(
    "{figure} = due to the programme + would have happened anyway",
    "{figure} = debido al programa + habría ocurrido de todos modos",
    "{figure} = devido ao programa + teria acontecido de qualquer modo",
)
_IS_NET = Text("said to be net", "se dice que es neto", "diz-se que é líquido")
_IS_GROSS = Text(
    "the words say that the programme brought it about; the figure is what participants had, with what would have happened anyway",
    "las palabras dicen que el programa lo produjo; la cifra es lo que tuvieron los participantes, con lo que habría ocurrido de todos modos",
    "as palavras dizem que o programa o produziu; o valor é o que os participantes tiveram, com o que teria acontecido de qualquer modo",
)
_NOT_SAID = Text(
    "it is not said whether the figure is gross, or net of what would have happened anyway",
    "no se dice si la cifra es bruta o neta de lo que habría ocurrido de todos modos",
    "não se diz se o valor é bruto ou líquido do que teria acontecido de qualquer modo",
)
_SENTENCE = Text(
    "{figure}: gross, as reported; not net of what would have happened anyway.",
    "{figure}: cifra bruta, tal como se comunicó; no es neta de lo que habría ocurrido de todos modos.",
    "{figure}: valor bruto, tal como foi comunicado; não é líquido do que teria acontecido de qualquer modo.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="a result that does not say whether it is gross or net",
    takes=("claims",),
    needs=("a result: jobs, money, or firms that changed; what the text says of it in `basis`",),
    reference="net = gross less what would have happened anyway",
)
def gross_or_net(book: Book) -> Iterator[Finding]:
    """Look at each result that is claimed as an effect.

    Money put in, targets, background and what a programme did itself are no effects.
    """
    for claim in book.claims:
        if claim.kind not in ("achievement", "target_vs_achieved"):
            continue
        changed = claims_change(claim.phrase) or _RESULT.search(claim.indicator)
        if claim.unit in RESULTS or (claim.unit == "firms" and changed):
            yield _finding(claim)


def _finding(claim: Claim) -> Finding:
    if _NET.search(claim.basis):
        verdict, reason = "holds", _IS_NET
    elif _GROSS.search(claim.basis) and (claims_effect(claim.phrase) or claim.unit == "jobs"):
        verdict, reason = "wording", _IS_GROSS
    elif _GROSS.search(claim.basis):
        verdict, reason = "unverifiable", _IS_GROSS
    else:
        verdict, reason = "undefined", _NOT_SAID
    value = claim.amount if not math.isnan(claim.amount) else claim.stated_ratio
    figure: Part = quantity(value, claim.unit, claim.qualifier)
    return Finding(
        claim.claim_id,
        RULE,
        verdict,
        quantity="gross or net",
        unit=claim.unit,
        stated=value,
        arithmetic=say(_SUM, figure=figure),
        reason=reason,
        sentence=NOTHING if verdict == "holds" else say(_SENTENCE, figure=_capital(figure)),
    )


def _capital(part: Part) -> Part:
    text = say(Text(*["{x}"] * 3), x=part)
    return Text(*[words[:1].upper() + words[1:] for words in (text.en, text.es, text.pt)])
