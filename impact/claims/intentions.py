"""R15: is an intention told as if it had been achieved?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, by_language, capitalised, quantity, say
from impact.core.registry import METHODS
from impact.read.claim_phrases import intends

RULE = "R15"

_SAID_AS_DONE = Text(
    "the words speak of what should be; the figure is given as achieved",
    "las palabras hablan de lo que debería ser; la cifra se da como lograda",
    "as palavras falam do que deveria ser; o valor é dado como alcançado",
)
_REPEATED = Text(
    "equal to the plan of {teller}: the target may have been repeated as the result",
    "igual al plan de {teller}: puede que la meta se haya repetido como resultado",
    "igual ao plano de {teller}: a meta pode ter sido repetida como resultado",
)
_AN_INTENTION = Text(
    "said as an intention, and to be read as one",
    "dicho como una intención, y así debe leerse",
    "dito como uma intenção, e assim deve ser lido",
)
_SENTENCE = Text(
    "{figure} were planned; what was achieved is not said here.",
    "Se previeron {figure}; aquí no se dice qué se logró.",
    "Previram-se {figure}; aqui não se diz o que foi alcançado.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="an intention or a plan presented as an achievement",
    takes=("claims",),
    needs=("words of intention, or a plan and an achievement of one subject",),
    reference="verbs of intention in English, Spanish and Portuguese",
)
def intentions(book: Book) -> Iterator[Finding]:
    """Read the words of each claim, and look for plans whose figure another text gives as the result."""
    for claim in book.claims:
        if claim.planned and intends(claim.phrase):
            yield Finding(
                claim.claim_id, RULE, "unverifiable", quantity="intention", unit=claim.unit, arithmetic=_quoted(claim), reason=_AN_INTENTION
            )  # fmt: skip
        elif claim.kind == "achievement" and not math.isnan(claim.amount):
            yield from _achievement(book, claim)


def _achievement(book: Book, claim: Claim) -> Iterator[Finding]:
    if intends(claim.phrase):
        figure = quantity(claim.amount, claim.unit, claim.qualifier)
        sentence = capitalised(say(_SENTENCE, figure=figure))
        yield Finding(
            claim.claim_id, RULE, "wording", quantity="intention", unit=claim.unit, stated=claim.amount, arithmetic=_quoted(claim),
            reason=_SAID_AS_DONE, sentence=sentence
        )  # fmt: skip
        return
    plan = next(
        (
            other
            for other in book.by_subject[claim.subject]
            if other.planned
            and other.unit == claim.unit
            and other.target == claim.amount
            and other.source != claim.source
        ),
        None,
    )
    if plan is not None:
        yield Finding(
            claim.claim_id, RULE, "unverifiable", quantity="plan repeated", unit=claim.unit, stated=claim.amount, value=plan.target, arithmetic=_quoted(plan),
            reason=say(_REPEATED, teller=plan.teller), sentence=NOTHING,
        )  # fmt: skip


def _quoted(claim: Claim) -> Text:
    """The words that the verdict rests on; they are in the language of their text."""
    return by_language(f"«{claim.phrase}»")
