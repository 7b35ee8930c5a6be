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
_ALL = tuple(aspect for aspect, _ in _ASPECTS)
_DIFFERS = Text(*["{aspect}: {above} / {below}"] * 3)
_OTHER = Text(
    "the two figures are of different scope",
    "las dos cifras tienen distinto alcance",
    "os dois valores têm âmbitos diferentes",
)
_UNSAID = Text(
    "what is said of both agrees; not said of both: {aspects}",
    "lo que se dice de ambos concuerda; no se dice de ambos: {aspects}",
    "o que se diz de ambos concorda; não se diz de ambos: {aspects}",
)
_SAME = Text(
    "the two figures are of the same scope",
    "las dos cifras tienen el mismo alcance",
    "os dois valores têm o mesmo âmbito",
)
_SENTENCE = Text(
    "No such ratio can be formed: {differences}.",
    "No se puede formar tal razón: {differences}.",
    "Não se pode formar tal rácio: {differences}.",
)
_NO_SHARE = Text(
    "No such share can be formed: {differences}.",
    "No se puede formar tal porcentaje: {differences}.",
    "Não se pode formar tal percentagem: {differences}.",
)
UNSAID = ("", "not said")


@METHODS.register(
    "audit",
    RULE,
    summary="numerator and denominator of different scope: place, programme, years, prices",
    takes=("claims",),
    needs=("a ratio with `numerator` and `part_of`, or a share with `part_of`",),
    reference="equal geography, programme, period and price base",
)
def scope(book: Book) -> Iterator[Finding]:
    """Compare the scope of the two figures that a ratio is made of.

    What a text does not say is named as not said: it neither agrees nor differs. A share may be of a part of the place, as firms of Peru
    are of those of Latin America, but of the same programme and years.
    """
    for claim in book.claims:
        top, base = book.find(claim.numerator), book.find(claim.part_of)
        if claim.stated_as == "ratio" and top is not None and base is not None:
            yield _finding(claim, top, base)
        elif claim.stated_as == "per_cent_of" and base is not None:
            found = _finding(
                claim, claim, base, aspects=("programme", "period"), sentence=_NO_SHARE
            )
            if found.verdict == "undefined":
                yield found


def _finding(
    claim: Claim,
    top: Claim,
    base: Claim,
    *,
    aspects: tuple[str, ...] = _ALL,
    sentence: Text = _SENTENCE,
) -> Finding:
    pairs = [
        (words, str(getattr(top, name)), str(getattr(base, name)))
        for name, words in _ASPECTS
        if name in aspects
    ]
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
        sentence=say(sentence, differences=joined(differences)) if differences else NOTHING,
    )
