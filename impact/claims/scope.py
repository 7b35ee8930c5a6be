"""R6: do numerator and denominator of a ratio speak of the same place, programme, years and prices?"""

from __future__ import annotations

from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, joined, say
from impact.core.registry import METHODS

RULE = "R6"

_ASPECTS = (
    ("geography", Text("geography", "geografía", "geografia")),
    ("programme", Text("programme", "programa", "programa")),
    ("period", Text("period", "período", "período")),
    ("price_base", Text("price base", "base de precios", "base de preços")),
)
_DIFFERS = Text(*["{aspect}: {above} / {below}"] * 3)
_OTHER = Text(
    "numerator and denominator are of different scope",
    "numerador y denominador tienen distinto alcance",
    "numerador e denominador têm âmbitos diferentes",
)
_UNSAID = Text(
    "what is said of both agrees; not said of both: {aspects}",
    "lo que se dice de ambos concuerda; no se dice de ambos: {aspects}",
    "o que se diz de ambos concorda; não se diz de ambos: {aspects}",
)
_SAME = Text(
    "numerator and denominator are of the same scope",
    "numerador y denominador tienen el mismo alcance",
    "numerador e denominador têm o mesmo âmbito",
)
_SENTENCE = Text(
    "No such ratio can be formed: {differences}.",
    "No se puede formar tal razón: {differences}.",
    "Não se pode formar tal rácio: {differences}.",
)
UNSAID = ("", "not said")


@METHODS.register(
    "audit",
    RULE,
    summary="numerator and denominator of different scope: place, programme, years, prices",
    takes=("claims",),
    needs=("a ratio with `numerator` and `part_of`",),
    reference="equal geography, programme, period and price base",
)
def scope(book: Book) -> Iterator[Finding]:
    """Compare the scope of the two figures that a ratio is made of.

    What a text does not say is named as not said: it neither agrees nor differs.
    """
    for claim in book.claims:
        top, base = book.find(claim.numerator), book.find(claim.part_of)
        if claim.stated_as == "ratio" and top is not None and base is not None:
            yield _finding(claim, top, base)


def _finding(claim: Claim, top: Claim, base: Claim) -> Finding:
    pairs = [(words, str(getattr(top, name)), str(getattr(base, name))) for name, words in _ASPECTS]
    known = [(w, a, b) for w, a, b in pairs if a not in UNSAID and b not in UNSAID]
    unsaid = [w for w, a, b in pairs if a in UNSAID or b in UNSAID]
    differences = [say(_DIFFERS, aspect=w, above=a, below=b) for w, a, b in known if a != b]
    every = [say(_DIFFERS, aspect=w, above=a or "–", below=b or "–") for w, a, b in pairs]
    if differences:
        verdict, reason = "undefined", _OTHER
    elif unsaid:
        verdict, reason = "unverifiable", say(_UNSAID, aspects=joined(unsaid, ", "))
    else:
        verdict, reason = "holds", _SAME
    return Finding(
        claim.claim_id,
        RULE,
        verdict,
        quantity="scope",
        arithmetic=say(Text(*["{all}"] * 3), all=joined(differences or every)),
        reason=reason,
        sentence=say(_SENTENCE, differences=joined(differences)) if differences else NOTHING,
    )
