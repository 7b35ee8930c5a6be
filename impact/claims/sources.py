"""R4: do two places that speak of the same thing give numbers that can both be true?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from impact.claims.book import Book, Figure
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Part, Text, by_language, joined, number, say
from impact.core.registry import METHODS

RULE = "R4"

_CAN = Text("compatible", "compatible", "compatível")
_CANNOT = Text("incompatible", "incompatible", "incompatível")
_OTHER_UNIT = Text("another unit", "otra unidad", "outra unidade")
_SAID_BY = Text("{figure} ({teller})", "{figure} ({teller})", "{figure} ({teller})")
_AGAINST = Text("{own}; {others}", "{own}; {others}", "{own}; {others}")
_ONE_OF = Text("{said}: {judged}", "{said}: {judged}", "{said}: {judged}")
_AGREES = Text(
    "compatible with {n} other place(s), {m} of them in another source",
    "compatible con {n} otro(s) lugar(es), {m} de ellos en otra fuente",
    "compatível com {n} outro(s) lugar(es), {m} deles noutra fonte",
)
_AGREES_WITH_ITSELF = Text(
    "compatible with {n} other place(s) of the same source; no other source confirms it",
    "compatible con {n} otro(s) lugar(es) de la misma fuente; ninguna otra fuente lo confirma",
    "compatível com {n} outro(s) lugar(es) da mesma fonte; nenhuma outra fonte o confirma",
)
_DISAGREES = Text(
    "no number satisfies both statements, if both speak of the same thing",
    "ningún número satisface ambas afirmaciones, si las dos hablan de lo mismo",
    "nenhum número satisfaz ambas as afirmações, se as duas falam do mesmo",
)
_DISAGREES_IN_WORDS = Text(
    "no number satisfies both statements, if both speak of the same thing: “{one}” here, “{other}” there",
    "ningún número satisface ambas afirmaciones, si las dos hablan de lo mismo: «{one}» aquí, «{other}» allí",
    "nenhum número satisfaz ambas as afirmações, se as duas falam do mesmo: «{one}» aqui, «{other}» ali",
)
_OTHER_GROUND = Text(
    "the numbers differ, and so does what they cover: {one} here, {other} there",
    "los números difieren, y también lo que abarcan: {one} aquí, {other} allí",
    "os números diferem, e também o que abrangem: {one} aqui, {other} ali",
)
_UNITS = Text(
    "the other place counts in another unit, so the two cannot be compared",
    "el otro lugar cuenta en otra unidad, de modo que no se pueden comparar",
    "o outro lugar conta noutra unidade, pelo que não se podem comparar",
)
_SENTENCE = Text(
    "The sources disagree: {all}.",
    "Las fuentes no coinciden: {all}.",
    "As fontes não coincidem: {all}.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="two sources, or two places of one, on the same subject",
    takes=("claims",),
    needs=("two claims with one subject",),
    reference="impact.value.windows.stated_window",
)
def sources(book: Book) -> Iterator[Finding]:
    """Compare all numbers that the texts give for one subject.

    "More than 6,500" and 6,438 cannot both be true; "more than 5,300" and 5,375 can, and so can
    5,375 and "11 % of 49,000" with its rounding window. A plan is not compared with an achievement.
    Numbers that differ and cover different places or years are no conflict: the comparison is not
    defined.
    """
    for claim in book.claims:
        for figure in book.figures(claim):
            rivals = book.rivals(figure)
            if rivals:
                yield _finding(figure, rivals)


def clash(figure: Figure, rivals: Sequence[Figure]) -> bool:
    """Whether a number of the same unit cannot be true beside `figure`."""
    return any(
        rival.unit == figure.unit and not rival.window.meets(figure.window) for rival in rivals
    )


def _finding(figure: Figure, rivals: Sequence[Figure]) -> Finding:
    comparable = [rival for rival in rivals if rival.unit == figure.unit]
    against = [rival for rival in comparable if not rival.window.meets(figure.window)]
    clashes = [rival for rival in against if ground(rival, figure) is None]
    if not comparable:
        verdict, reason = "undefined", _UNITS
    elif clashes:
        verdict, reason = "conflict", _disagrees(figure, clashes[0])
    elif against:
        place = ground(figure, against[0]) or ("", "")
        verdict, reason = "undefined", say(_OTHER_GROUND, one=place[0], other=place[1])
    else:
        elsewhere = sum(rival.claim.source != figure.claim.source for rival in comparable)
        verdict = "holds"
        reason = say(
            _AGREES if elsewhere else _AGREES_WITH_ITSELF,
            n=number(len(comparable)),
            m=number(elsewhere),
        )
    # Of several other numbers the one that clashes is shown, if one does.
    shown = sorted(comparable, key=lambda rival: rival.window.meets(figure.window))
    every = joined([_said(one) for one in (figure, *rivals)])
    return Finding(
        figure.claim.claim_id,
        RULE,
        verdict,
        quantity=figure.side,
        unit=figure.unit,
        stated=figure.window.value,
        value=shown[0].window.value if shown else math.nan,
        low=figure.window.low,
        high=figure.window.high,
        arithmetic=say(
            _AGAINST,
            own=_said(figure),
            others=joined([_judged(figure, rival) for rival in rivals]),
        ),
        reason=reason,
        sentence=by_language(say(_SENTENCE, all=every)) if against else NOTHING,
    )


def _disagrees(figure: Figure, rival: Figure) -> Text:
    """Where two texts name what they count in different words, the reader is shown both."""
    one, other = figure.claim.indicator, rival.claim.indicator
    return _DISAGREES if one == other else say(_DISAGREES_IN_WORDS, one=one, other=other)


def ground(figure: Figure, rival: Figure) -> tuple[str, str] | None:
    """Place and years of both, where both say them and they are not the same; an open end is met by any."""
    for name in ("geography", "period"):
        one, other = getattr(figure.claim, name), getattr(rival.claim, name)
        open_end = name == "period" and (one.startswith(other) or other.startswith(one))
        if one != other and not open_end and not {one, other} & {"", "not said"}:
            return one, other
    return None


def _said(figure: Figure) -> Part:
    return say(_SAID_BY, figure=figure.text, teller=figure.claim.teller)


def _judged(figure: Figure, rival: Figure) -> Part:
    if rival.unit != figure.unit:
        judged = _OTHER_UNIT
    else:
        judged = _CAN if rival.window.meets(figure.window) else _CANNOT
    return say(_ONE_OF, said=_said(rival), judged=judged)
