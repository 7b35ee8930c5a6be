"""R8: does a claimed effect say whether it is gross, or net of what would have happened anyway?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Part, Text, capitalised, quantity, say
from impact.core.registry import METHODS
from impact.read.claim_phrases import claims_change, claims_effect

RULE = "R8"

RESULTS = ("jobs", "EUR", "USD")
"""Units of results; what a programme did itself (firms served, nuclei formed) needs no counterfactual, and a ratio has that of its numerator."""

_NET = re.compile(r"\bnet\b|\bnet[oa]s?\b|\blíquid[oa]s?\b", re.IGNORECASE)
_GROSS = re.compile(r"\bgross\b|\bbrut[oa]s?\b", re.IGNORECASE)
_OPEN = re.compile(
    r"\bnot\b|\bunknown\b|\bunclear\b|\bunsaid\b|\bno\s+(?:se\s+)?(?:dice|indica|consta)|\bnão\s+(?:se\s+)?(?:diz|indica|consta)"
    r"|\bnet\s+or\s+gross\b|\bgross\s+or\s+net\b",
    re.IGNORECASE,
)
"""A part of `basis` that leaves it open, or denies it: "gross or net not said", "not net"."""
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
_SAID_GROSS = Text(
    "said to be gross, and not said to be brought about by the programme",
    "se dice que es bruto, y no se dice que lo produjo el programa",
    "diz-se que é bruto, e não se diz que o programa o produziu",
)
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
_SENTENCE_OPEN = Text(
    "{figure}, as reported; whether that is gross, or net of what would have happened anyway, is not said.",
    "{figure}, tal como se comunicó; no se dice si es una cifra bruta, o neta de lo que habría ocurrido de todos modos.",
    "{figure}, tal como foi comunicado; não se diz se é um valor bruto, ou líquido do que teria acontecido de qualquer modo.",
)


def says_net(basis: str) -> bool:
    """Whether a basis says net; "gross or net not said" and "not net" do not.

    Examples
    --------
    >>> says_net("jobs; net of the comparison group"), says_net("jobs; gross or net not said"), says_net("not net")
    (True, False, False)
    """
    return _says(basis, _NET)


def _says(basis: str, word: re.Pattern[str]) -> bool:
    parts = basis.split(";")
    return any(word.search(part) and not _OPEN.search(part) for part in parts)


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
    gross = _says(claim.basis, _GROSS)
    if says_net(claim.basis):
        verdict, reason = "holds", _IS_NET
    elif gross and (claims_effect(claim.phrase) or claims_effect(claim.indicator)):
        verdict, reason = "wording", _IS_GROSS
    elif gross:
        verdict, reason = "unverifiable", _SAID_GROSS
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
        sentence=NOTHING
        if verdict == "holds"
        else say(_SENTENCE if gross else _SENTENCE_OPEN, figure=capitalised(figure)),
    )
