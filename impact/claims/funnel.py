"""R11: does a later stage of a programme hold no more firms than the one it is part of?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, quantity, say
from impact.core.registry import METHODS

RULE = "R11"

_SUM = Text(
    "{later} ({name}) after {earlier} ({before})",
    "{later} ({name}) después de {earlier} ({before})",
    "{later} ({name}) depois de {earlier} ({before})",
)
_GROWS = Text(
    "a later stage is larger than an earlier one: the two do not count the same firms, or count some twice",
    "una etapa posterior es mayor que una anterior: no cuentan las mismas empresas, o cuentan algunas dos veces",
    "uma etapa posterior é maior do que uma anterior: não contam as mesmas empresas, ou contam algumas duas vezes",
)
_SHRINKS = Text(
    "no larger than the stage before it; whether the firms are the same is not said",
    "no mayor que la etapa anterior; no se dice si las empresas son las mismas",
    "não maior do que a etapa anterior; não se diz se as empresas são as mesmas",
)
_SENTENCE = Text(
    "{later} and {earlier} are not stages of one group of firms.",
    "{later} y {earlier} no son etapas de un mismo grupo de empresas.",
    "{later} e {earlier} não são etapas de um mesmo grupo de empresas.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="a funnel of stages that grows",
    takes=("claims",),
    needs=("two claims of one programme, place, period and unit with a `stage`",),
    reference="stage 1 >= stage 2 >= ...",
)
def funnel(book: Book) -> Iterator[Finding]:
    """Compare each stage with the nearest one before it: taking part, tools received, tools applied, first export."""
    staged = [c for c in book.claims if not math.isnan(c.stage) and not math.isnan(c.amount)]
    for claim in staged:
        earlier = [
            other
            for other in staged
            if other.stage < claim.stage
            and (other.programme, other.geography, other.period, other.unit, other.planned)
            == (claim.programme, claim.geography, claim.period, claim.unit, claim.planned)
        ]
        if earlier:
            yield _finding(claim, max(earlier, key=lambda other: other.stage))


def _finding(claim: Claim, before: Claim) -> Finding:
    later, earlier = claim.amount_window(), before.amount_window()
    grows = later.low > earlier.high or (
        later.low == earlier.high and (later.low_open or earlier.high_open)
    )
    words = {
        "later": quantity(claim.amount, claim.unit, claim.qualifier),
        "earlier": quantity(before.amount, before.unit, before.qualifier),
        "name": claim.indicator,
        "before": before.indicator,
    }
    return Finding(
        claim.claim_id,
        RULE,
        "implausible" if grows else "unverifiable",
        quantity="stage before",
        unit=claim.unit,
        stated=claim.amount,
        value=before.amount,
        low=earlier.low,
        high=earlier.high,
        arithmetic=say(_SUM, **words),
        reason=_GROWS if grows else _SHRINKS,
        sentence=say(_SENTENCE, **words) if grows else NOTHING,
    )
