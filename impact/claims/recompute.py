"""R1: does the stated figure follow from the figures beside it?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.readings import Readings, readings, true_sentence
from impact.claims.text import NOTHING, Text, number, percent, quantity, say, window
from impact.core.registry import METHODS
from impact.read.claim_wordings import ABOVE, OF
from impact.value.windows import Window, exactly, product, quotient, stated_window

RULE = "R1"

_OF_TARGET = Text(*["100 × {a} / {t} = {of}"] * 3)
_ABOVE_TARGET = Text(*["100 × ({a} / {t} − 1) = {above}"] * 3)
_STANDS_FOR = Text(
    "{sum}; {stated} stands for {window}",
    "{sum}; {stated} equivale a {window}",
    "{sum}; {stated} equivale a {window}",
)
_FOLLOWS = Text(
    "the recomputed figure rounds to the stated one",
    "la cifra recalculada se redondea a la indicada",
    "o valor recalculado arredonda para o indicado",
)
_DIFFERS = Text(
    "the figures of the text do not give the stated one",
    "las cifras del texto no dan la indicada",
    "os valores do texto não dão o indicado",
)
_CUT_OFF = Text(
    "the digits after {stated} were cut off, not rounded",
    "los dígitos que siguen a {stated} se cortaron, no se redondearon",
    "os algarismos a seguir a {stated} foram cortados, não arredondados",
)
_NO_BASE = Text(
    "the base is not above zero, so no percentage or ratio is defined",
    "la base no es mayor que cero, de modo que no hay porcentaje ni razón definidos",
    "a base não é superior a zero, pelo que não há percentagem nem rácio definidos",
)
_SHARE = Text("{part} is {share} of {whole}.", "{part} es el {share} de {whole}.",
              "{part} é {share} de {whole}.")  # fmt: skip
_RATIO = Text("{part} to {whole} is a ratio of {ratio}.",
              "{part} por {whole} es una razón de {ratio}.",
              "{part} por {whole} é um rácio de {ratio}.")  # fmt: skip


@METHODS.register(
    "audit",
    RULE,
    summary="recompute the stated figure; half a unit of its last digit is allowed",
    takes=("claims",),
    needs=("a stated ratio", "the two figures it is made of"),
    reference="impact.value.windows.rounding_window",
)
def recompute(book: Book) -> Iterator[Finding]:
    """Recompute every stated percentage and ratio whose two figures the texts give.

    The number alone is judged here: it holds if it is right as a percentage *of* or *above* the
    target. Whether the words say which one is rule R2's question.
    """
    for claim in book.claims:
        if math.isnan(claim.stated_ratio):
            continue
        if claim.has_pair and claim.stated_as in (OF, ABOVE):
            found = readings(claim)
            yield _target_finding(claim, found) if found else _undefined(claim)
        else:
            yield from _quotient_finding(book, claim)


def _target_finding(claim: Claim, found: Readings) -> Finding:
    said = claim.stated_as
    reading = said if said in found.fits else next(iter(found.fits or found.cut_off), OF)
    parts = {
        "a": number(claim.achieved),
        "t": number(claim.target),
        "of": number(found.values[OF].value, 2),
        "above": number(found.values[ABOVE].value, 2),
    }
    sums = say(_OF_TARGET if reading == OF else _ABOVE_TARGET, **parts)
    decimals = 0 if math.isnan(claim.stated_decimals) else int(claim.stated_decimals)
    stated = percent(claim.stated_ratio, decimals)
    reason = _FOLLOWS if found.fits else _DIFFERS
    if not found.fits and found.cut_off:
        reason = say(_CUT_OFF, stated=stated)
    return Finding(
        claim.claim_id,
        RULE,
        "holds" if found.fits else "arithmetic_error",
        quantity="per cent of target" if reading == OF else "per cent above target",
        unit="per cent",
        stated=claim.stated_ratio,
        value=found.values[reading].value,
        low=found.stated.low,
        high=found.stated.high,
        arithmetic=say(
            _STANDS_FOR, sum=sums, stated=stated, window=window(found.stated, decimals + 1)
        ),
        reason=reason,
        sentence=NOTHING if found.fits else true_sentence(claim),
    )


def _quotient_finding(book: Book, claim: Claim) -> Iterator[Finding]:
    """A share of a stated whole, or the ratio of a claim's own two figures."""
    if claim.has_pair and claim.stated_as == "ratio":
        whole, unit = exactly(claim.target), claim.unit
        done = stated_window(claim.achieved, claim.qualifier)
    elif claim.stated_as == "per_cent_of" and claim.part_of and not math.isnan(claim.amount):
        base = book.find(claim.part_of)
        if base is None or math.isnan(base.amount):
            return
        whole, unit = base.amount_window(), base.unit
        done = claim.amount_window()
    else:
        return
    if whole.value <= 0:
        yield _undefined(claim)
    else:
        yield _judge_quotient(claim, done, whole, unit)


def _judge_quotient(claim: Claim, done: Window, whole: Window, unit: str) -> Finding:
    share = claim.stated_as == "per_cent_of"
    value = quotient(product(exactly(100.0 if share else 1.0), done), whole)
    stated = claim.ratio_window()
    holds = value.meets(stated)
    decimals = 0 if math.isnan(claim.stated_decimals) else int(claim.stated_decimals)
    sums = say(
        Text(*["100 × {a} / {t} = {of}" if share else "{a} / {t} = {of}"] * 3),
        a=number(done.value),
        t=number(whole.value),
        of=number(value.value, 2),
    )
    figure = percent if share else number
    sentence = say(
        _SHARE if share else _RATIO,
        part=quantity(done.value, claim.unit, claim.qualifier),
        whole=quantity(whole.value, unit),
        share=figure(value.value, decimals),
        ratio=figure(value.value, decimals),
    )
    return Finding(
        claim.claim_id,
        RULE,
        "holds" if holds else "arithmetic_error",
        quantity="share of the whole" if share else "ratio",
        unit="per cent" if share else "",
        stated=claim.stated_ratio,
        value=value.value,
        low=stated.low,
        high=stated.high,
        arithmetic=say(
            _STANDS_FOR,
            sum=sums,
            stated=figure(claim.stated_ratio, decimals),
            window=window(stated, decimals + 1),
        ),
        reason=_FOLLOWS if holds else _DIFFERS,
        sentence=NOTHING if holds else sentence,
    )


def _undefined(claim: Claim) -> Finding:
    return Finding(
        claim.claim_id,
        RULE,
        "undefined",
        quantity="per cent of target",
        unit="per cent",
        stated=claim.stated_ratio,
        reason=_NO_BASE,
        sentence=true_sentence(claim) if claim.has_pair else NOTHING,
    )
