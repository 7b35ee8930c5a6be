"""R5: which base or part does a stated share or ratio imply, and does the text state another?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.sources import clash
from impact.claims.text import (
    NOTHING,
    Text,
    bounded_percent,
    computed,
    number,
    percent,
    quantity,
    say,
)
from impact.core.registry import METHODS
from impact.value.windows import Window, exactly, product, quotient, stated_window

RULE = "R5"

_WHOLE_SUM = Text(*["100 × {part} / {share} = {whole}"] * 3)
_WHOLE_NOT_STATED = Text(
    "the whole is not stated; {share} of it implies {whole}",
    "el total no se indica; un {share} implica {whole}",
    "o total não é indicado; {share} dele implica {whole}",
)
_PART_SUM = Text(*["{share} × {whole} = {part}"] * 3)
_PART_NOT_STATED = Text(
    "the part is not stated; the share implies {part}",
    "la parte no se indica; el porcentaje implica {part}",
    "a parte não é indicada; a percentagem implica {part}",
)
_PART_FOUND = Text(
    "the part is stated in another place and fits the share",
    "la parte se indica en otro lugar y concuerda con el porcentaje",
    "a parte é indicada noutro lugar e concorda com a percentagem",
)
_PART_CLASHES = Text(
    "the part is stated in another place and does not fit the share",
    "la parte se indica en otro lugar y no concuerda con el porcentaje",
    "a parte é indicada noutro lugar e não concorda com a percentagem",
)
_PART_SENTENCE = Text(
    "{share} of {whole} would be {part}; another place states {other}.",
    "El {share} de {whole} sería {part}; otro lugar indica {other}.",
    "{share} de {whole} seriam {part}; outro lugar indica {other}.",
)
_RATIO_SUM = Text(
    *[
        "{numerator} / {ratio} = {base}; {numerator} / {stated} = {actual}; "
        "{ratio} × {stated} = {product}"
    ]
    * 3
)
_RATIO_HOLDS = Text(
    "the stated denominator lies in the window that the ratio implies",
    "el denominador indicado está en el intervalo que implica la razón",
    "o denominador indicado está no intervalo que o rácio implica",
)
_RATIO_FAILS = Text(
    "the stated denominator lies outside the window that the ratio implies",
    "el denominador indicado está fuera del intervalo que implica la razón",
    "o denominador indicado está fora do intervalo que o rácio implica",
)
_RATIO_SCOPE = Text(
    "numerator and denominator do not cover the same ground: {above} against {below}",
    "numerador y denominador no cubren el mismo ámbito: {above} frente a {below}",
    "numerador e denominador não cobrem o mesmo âmbito: {above} face a {below}",
)
_RATIO_NO_FIGURE = Text(
    "the text states no figure for the numerator or for the denominator",
    "el texto no indica ninguna cifra para el numerador o para el denominador",
    "o texto não indica nenhum valor para o numerador ou para o denominador",
)
_RATIO_SENTENCE = Text(
    "{numerator} is {ratio} only over {base}; "
    "over the {stated} that the text states it is {actual}.",
    "{numerator} equivale a {ratio} solo sobre {base}; "
    "sobre los {stated} que indica el texto equivale a {actual}.",
    "{numerator} equivale a {ratio} apenas sobre {base}; "
    "sobre os {stated} que o texto indica equivale a {actual}.",
)
_SHARE_SUM = Text(*["100 × {part} / {whole} = {share}"] * 3)
_SHARE_FITS = Text(
    "the part does not exceed the whole; the share it implies is not stated, and no other place "
    "gives the part",
    "la parte no supera el total; el porcentaje que implica no se indica y ningún otro lugar da la "
    "parte",
    "a parte não excede o total; a percentagem que implica não é indicada e nenhum outro lugar dá a "
    "parte",
)
_SHARE_EXCEEDS = Text(
    "the part exceeds the whole", "la parte supera el total", "a parte excede o total"
)
_SHARE_SENTENCE = Text(
    "{part} cannot be part of {whole}.",
    "{part} no pueden ser parte de {whole}.",
    "{part} não podem ser parte de {whole}.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="implied denominators, wholes, parts and shares",
    takes=("claims",),
    needs=("a share or a ratio", "one of its two figures"),
    reference="impact.value.windows.implied_whole, implied_part, implied_denominator",
)
def implied(book: Book) -> Iterator[Finding]:
    """Compute what a share or ratio implies and hold it against what the texts state.

    A part without a whole implies the whole; a whole without a part, the part; a numerator, the
    denominator that would make the ratio true; a part beside its whole, the share.
    """
    for claim in book.claims:
        base = book.find(claim.part_of)
        if claim.stated_as == "ratio" and (base or claim.numerator):
            yield _denominator(book, claim, base)
        elif claim.stated_as == "per_cent_of" and base is None:
            if not math.isnan(claim.amount):
                yield _whole(claim)
        elif base is not None and not math.isnan(base.amount):
            if not math.isnan(claim.amount):
                yield from _share(claim, base)
            elif claim.stated_as == "per_cent_of":
                yield _part(book, claim, base)


def _decimals(claim: Claim) -> int:
    return 0 if math.isnan(claim.stated_decimals) else int(claim.stated_decimals)


def _ratio(claim: Claim) -> Window:
    """The stated share or ratio with its qualifier, if it is the claim's only figure."""
    qualifier = claim.qualifier if math.isnan(claim.amount) else "exact"
    return stated_window(claim.stated_ratio, qualifier, claim.stated_decimals)


def _whole(claim: Claim) -> Finding:
    whole = quotient(product(exactly(100.0), claim.amount_window()), _ratio(claim))
    words = {
        "part": quantity(claim.amount, claim.unit, claim.qualifier),
        "share": percent(claim.stated_ratio, _decimals(claim)),
        "whole": computed(whole, claim.unit),
    }
    return Finding(
        claim.claim_id,
        RULE,
        "unverifiable",
        quantity="implied whole",
        unit=claim.unit,
        value=whole.value,
        low=whole.low,
        high=whole.high,
        arithmetic=say(_WHOLE_SUM, **words),
        reason=say(_WHOLE_NOT_STATED, **words),
    )


def _part(book: Book, claim: Claim, base: Claim) -> Finding:
    figure = next(book.figures(claim))
    rivals = [rival for rival in book.rivals(figure) if rival.unit == figure.unit]
    part = figure.window
    words = {
        "share": percent(claim.stated_ratio, _decimals(claim)),
        "whole": quantity(base.amount, base.unit, base.qualifier),
        "part": computed(part, base.unit),
    }
    if not rivals:
        verdict, reason = "unverifiable", say(_PART_NOT_STATED, **words)
    elif clash(figure, rivals):
        verdict, reason = "conflict", _PART_CLASHES
    else:
        verdict, reason = "holds", _PART_FOUND
    wrong = next((r for r in rivals if not r.window.meets(part)), None)
    return Finding(
        claim.claim_id,
        RULE,
        verdict,
        quantity="implied part",
        unit=base.unit,
        stated=rivals[0].window.value if rivals else math.nan,
        value=part.value,
        low=part.low,
        high=part.high,
        arithmetic=say(_PART_SUM, **words),
        reason=reason,
        sentence=say(_PART_SENTENCE, other=wrong.text, **words) if wrong else NOTHING,
    )


def _share(claim: Claim, base: Claim) -> Iterator[Finding]:
    """A part beside its whole; with a stated share the claim is rule R1's."""
    if not math.isnan(claim.stated_ratio) or claim.unit != base.unit or base.amount <= 0:
        return
    part, whole = claim.amount_window(), base.amount_window()
    share = quotient(product(exactly(100.0), part), whole)
    exceeds = not part.meets(Window(whole.value, 0.0, whole.high, high_open=whole.high_open))
    words = {
        "part": quantity(claim.amount, claim.unit, claim.qualifier),
        "whole": quantity(base.amount, base.unit, base.qualifier),
        "share": bounded_percent(share),
    }
    yield Finding(
        claim.claim_id,
        RULE,
        "arithmetic_error" if exceeds else "unverifiable",
        quantity="implied share",
        unit="per cent",
        value=share.value,
        low=share.low,
        high=share.high,
        arithmetic=say(_SHARE_SUM, **words),
        reason=_SHARE_EXCEEDS if exceeds else _SHARE_FITS,
        sentence=say(_SHARE_SENTENCE, **words) if exceeds else NOTHING,
    )


def _denominator(book: Book, claim: Claim, base: Claim | None) -> Finding:
    top = book.find(claim.numerator)
    if top is None or math.isnan(top.amount) or base is None or math.isnan(base.amount):
        return Finding(
            claim.claim_id,
            RULE,
            "undefined",
            quantity="implied denominator",
            stated=math.nan if base is None else base.amount,
            reason=_RATIO_NO_FIGURE,
        )
    needed = quotient(top.amount_window(), _ratio(claim))
    verdict, reason = _judge_ratio(top, base, needed)
    actual = quotient(top.amount_window(), base.amount_window())
    words = {
        "numerator": quantity(top.amount, top.unit, top.qualifier),
        "ratio": quantity(claim.stated_ratio, claim.unit),
        "base": computed(needed, base.unit),
        "product": computed(product(_ratio(claim), base.amount_window()), base.unit),
        "stated": quantity(base.amount, base.unit, base.qualifier),
        "actual": quantity(round(actual.value, 2), claim.unit),
    }
    sums = {**words, "ratio": number(claim.stated_ratio), "actual": number(actual.value, 2)}
    return Finding(
        claim.claim_id,
        RULE,
        verdict,
        quantity="implied denominator",
        unit=base.unit,
        stated=base.amount,
        value=needed.value,
        low=needed.low,
        high=needed.high,
        arithmetic=say(_RATIO_SUM, **sums),
        reason=reason,
        sentence=NOTHING if verdict == "holds" else say(_RATIO_SENTENCE, **words),
    )


def _judge_ratio(top: Claim, base: Claim, needed: Window) -> tuple[str, Text]:
    """A ratio of figures for different ground is undefined, whatever number it gives."""
    if (top.geography, top.programme) != (base.geography, base.programme):
        ground = say(_RATIO_SCOPE, above=_ground(top, base), below=_ground(base, top))
        return "undefined", ground
    if needed.meets(base.amount_window()):
        return "holds", _RATIO_HOLDS
    return "arithmetic_error", _RATIO_FAILS


def _ground(claim: Claim, other: Claim) -> str:
    if claim.programme == other.programme:
        return claim.geography
    return f"{claim.programme}, {claim.geography}"
