"""R3: can one stated percentage be true of every pair of figures that it is said of?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.readings import Readings, readings, true_sentence
from impact.claims.text import NOTHING, Text, by_language, joined, number, percent, say
from impact.core.registry import METHODS
from impact.read.claim_wordings import OF

RULE = "R3"

_SUM = Text(*["100 × {a} / {t} = {of}"] * 3)
_ALL = Text(
    "{stated} is right for each of the {n} bases",
    "{stated} es correcto para cada una de las {n} bases",
    "{stated} está certo para cada uma das {n} bases",
)
_NOT_ALL = Text(
    "{stated} is stated once for {n} bases and is right for {right} of them",
    "{stated} se indica una vez para {n} bases y es correcto para {right} de ellas",
    "{stated} é indicado uma vez para {n} bases e está certo para {right} delas",
)


@METHODS.register(
    "audit",
    RULE,
    summary="one stated percentage for several bases",
    takes=("claims",),
    needs=("one phrase of one source with a percentage and two pairs of figures",),
    reference="pct_of = 100 A / T for each base",
)
def one_figure(book: Book) -> Iterator[Finding]:
    """Find a percentage that one phrase states for several bases, and try it on each."""
    shared: dict[tuple[object, ...], list[tuple[Claim, Readings]]] = defaultdict(list)
    for claim in book.claims:
        found = readings(claim)
        if found:
            key = (claim.source, claim.phrase, claim.stated_ratio, claim.stated_as)
            shared[key].append((claim, found))
    for group in shared.values():
        if len({(claim.target, claim.achieved) for claim, _ in group}) > 1:
            yield from _findings(group)


def _findings(group: list[tuple[Claim, Readings]]) -> Iterator[Finding]:
    # The phrase is one statement: it must be true of all bases under one and the same reading.
    right = max(
        sum(name in found.fits for _, found in group) for name in group[0][1].values
    )  # fmt: skip
    holds = right == len(group)
    sums = joined([_sum(claim, found) for claim, found in group])
    true = joined([true_sentence(claim) for claim, _ in group], " ")
    for claim, found in group:
        reading = next(iter(found.fits), OF)
        yield Finding(
            claim.claim_id,
            RULE,
            "holds" if holds else "arithmetic_error",
            quantity=reading.replace("_", " "),
            unit="per cent",
            stated=claim.stated_ratio,
            value=found.values[reading].value,
            low=found.stated.low,
            high=found.stated.high,
            arithmetic=by_language(sums),
            reason=say(
                _ALL if holds else _NOT_ALL,
                stated=percent(claim.stated_ratio),
                n=number(len(group)),
                right=number(right),
            ),
            sentence=NOTHING if holds else by_language(true),
        )


def _sum(claim: Claim, found: Readings) -> Text:
    return say(
        _SUM,
        a=number(claim.achieved),
        t=number(claim.target),
        of=number(found.values[OF].value, 2),
    )
