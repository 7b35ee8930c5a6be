"""R16: does "more than" agree with the number that another place gives, and how far is it off?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from impact.claims.book import Book, Figure
from impact.claims.finding import Finding
from impact.claims.sources import ground
from impact.claims.text import NOTHING, Part, Text, number, percent, say
from impact.core.registry import METHODS
from impact.value.windows import NEAR

RULE = "R16"

BOUNDS = ("more_than", "at_least", "fewer_than", "at_most")

_SUM = Text(*["{other} - {bound} = {difference} ({share})"] * 3)
_HOLDS = Text(
    "the number that {teller} gives satisfies the bound and lies {share} from it",
    "el número que da {teller} cumple la cota y dista de ella un {share}",
    "o número que {teller} dá cumpre o limite e dista dele {share}",
)
_SAYS_LITTLE = Text(
    "{holds}: true, but it says little",
    "{holds}: cierto, pero dice poco",
    "{holds}: verdadeiro, mas diz pouco",
)
_FAILS = Text(
    "the number that {teller} gives does not satisfy the bound",
    "el número que da {teller} no cumple la cota",
    "o número que {teller} dá não cumpre o limite",
)
_SENTENCE = Text(
    "{teller} gives {text}, and not {said}.",
    "{teller} da {text}, y no {said}.",
    "{teller} dá {text}, e não {said}.",
)


@METHODS.register(
    "audit",
    RULE,
    summary='"more than" and its kin against another place\'s number',
    takes=("claims",),
    needs=("a bound and an exact figure of one subject, unit, place and period",),
    reference="difference = number - bound",
)
def more_than(book: Book) -> Iterator[Finding]:
    """Hold each bound against the exact numbers that other claims give for its subject, another source first."""
    for claim in book.claims:
        if claim.qualifier not in BOUNDS:
            continue
        for figure in book.figures(claim):
            exact = [
                rival
                for rival in book.rivals(figure)
                if rival.unit == figure.unit
                and rival.claim.qualifier == "exact"
                and ground(figure, rival) is None  # another place or other years bound nothing
                and not math.isnan(rival.claim.amount)
            ]
            if exact:
                exact.sort(key=lambda rival: rival.claim.source == claim.source)
                yield _finding(figure, exact[0])


def _finding(figure: Figure, other: Figure) -> Finding:
    bound, value = figure.window.value, other.window.value
    fails = not other.window.meets(figure.window)
    far = abs(value - bound) > NEAR * abs(bound)
    words: dict[str, Part] = {
        "bound": number(bound),
        "other": number(value),
        "difference": number(value - bound),
        "share": percent(100 * abs(value - bound) / bound, 1) if bound else "–",
        "teller": other.claim.teller,
        "text": other.text,
        "said": figure.text,
    }
    return Finding(
        figure.claim.claim_id,
        RULE,
        "conflict" if fails else "holds",
        quantity="difference from the bound",
        unit=figure.unit,
        stated=bound,
        value=value,
        low=figure.window.low,
        high=figure.window.high,
        arithmetic=say(_SUM, **words),
        reason=_reason(words, fails=fails, far=far),
        sentence=say(_SENTENCE, **words) if fails else NOTHING,
    )


def _reason(words: dict[str, Part], *, fails: bool, far: bool) -> Text:
    """A bound that is true says little where the number lies further from it than "almost" would reach."""
    if fails:
        return say(_FAILS, **words)
    holds = say(_HOLDS, **words)
    return say(_SAYS_LITTLE, holds=holds) if far else holds
