"""R12: does a list have as many entries as the text counts, and each of them once?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, number, quantity, say
from impact.core.registry import METHODS

RULE = "R12"

_SUM = Text(
    "{entries} entries in the list, {distinct} of them different; {stated} stated",
    "{entries} entradas en la lista, {distinct} de ellas distintas; {stated} según el texto",
    "{entries} entradas na lista, {distinct} delas diferentes; {stated} segundo o texto",
)
_FITS = Text(
    "the list is as long as stated and names each entry once",
    "la lista tiene la longitud indicada y nombra cada entrada una vez",
    "a lista tem o comprimento indicado e nomeia cada entrada uma vez",
)
_TWICE = Text(
    "the number is that of the different entries; the list names twice: {twice}",
    "el número es el de las entradas distintas; la lista nombra dos veces: {twice}",
    "o número é o das entradas diferentes; a lista nomeia duas vezes: {twice}",
)
_OTHER_LENGTH = Text(
    "the list is not as long as stated",
    "la lista no tiene la longitud indicada",
    "a lista não tem o comprimento indicado",
)
_REPEATED = Text(
    "the list is as long as stated only because it names twice: {twice}",
    "la lista tiene la longitud indicada solo porque nombra dos veces: {twice}",
    "a lista só tem o comprimento indicado porque nomeia duas vezes: {twice}",
)
_SENTENCE = Text(
    "The list has {entries} entries, {distinct} of them different.",
    "La lista tiene {entries} entradas, {distinct} de ellas distintas.",
    "A lista tem {entries} entradas, {distinct} delas diferentes.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="length of a list against the stated count; entries named twice",
    takes=("claims",),
    needs=("a stated count", "the list that the text gives"),
    reference="counted from the column `listed`",
)
def listed(book: Book) -> Iterator[Finding]:
    """Count the entries of each list that stands beside a stated number."""
    for claim in book.claims:
        if claim.listed and not math.isnan(claim.amount):
            yield _finding(claim)


def entries(claim: Claim) -> list[str]:
    """Names in the list of a claim, as printed."""
    return [name.strip() for name in claim.listed.split("|") if name.strip()]


def _finding(claim: Claim) -> Finding:
    names = entries(claim)
    counts = Counter(" ".join(name.casefold().split()) for name in names)
    twice = sorted({name for name in names if counts[" ".join(name.casefold().split())] > 1})
    allowed = claim.amount_window()
    if len(names) in allowed and not twice:
        verdict, reason = "holds", _FITS
    elif len(counts) in allowed and twice:
        # The stated number is right; that the list repeats itself is a remark, not a fault of the claim.
        verdict, reason = "holds", say(_TWICE, twice=", ".join(twice))
    elif len(names) in allowed:
        verdict, reason = "conflict", say(_REPEATED, twice=", ".join(twice))
    else:
        verdict, reason = "conflict", _OTHER_LENGTH
    words = {
        "entries": number(len(names)),
        "distinct": number(len(counts)),
        "stated": quantity(claim.amount, claim.unit, claim.qualifier),
    }
    return Finding(
        claim.claim_id,
        RULE,
        verdict,
        quantity="entries in the list",
        unit=claim.unit,
        stated=claim.amount,
        value=float(len(names)),
        low=allowed.low,
        high=allowed.high,
        arithmetic=say(_SUM, **words),
        reason=reason,
        sentence=NOTHING if verdict == "holds" else say(_SENTENCE, **words),
    )
