"""Claims that no rule reaches: said to be unverifiable, with what would be needed."""

from __future__ import annotations

import math

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.listed import entries
from impact.claims.readings import true_sentence
from impact.claims.text import NOTHING, Text, by_language, number, quantity, say
from impact.value.targets import target_sentence

RULE = "none"

_PLAN = Text(
    "a plan: needs what was achieved",
    "un plan: falta lo que se logró",
    "um plano: falta o que foi alcançado",
)
_PLAN_DONE = Text(
    "a plan, neither true nor false; {teller} reports {done}",
    "un plan, ni verdadero ni falso; {teller} informa de {done}",
    "um plano, nem verdadeiro nem falso; {teller} relata {done}",
)
_PAIR = Text(
    "no percentage is stated: needs the records behind the two figures",
    "no se indica ningún porcentaje: faltan los registros en que se basan las dos cifras",
    "não é indicada nenhuma percentagem: faltam os registos em que se baseiam os dois valores",
)
_SHARE = Text(
    "neither the part nor the whole is stated: needs the data behind the share",
    "no se indica ni la parte ni el total: faltan los datos en que se basa el porcentaje",
    "não é indicada nem a parte nem o total: faltam os dados em que se baseia a percentagem",
)
_RATIO = Text(
    "neither the numerator nor the denominator is stated",
    "no se indica ni el numerador ni el denominador",
    "não é indicado nem o numerador nem o denominador",
)
_LIST = Text(
    "a list of {n} entries beside which the text states no number",
    "una lista de {n} entradas junto a la cual el texto no indica ningún número",
    "uma lista de {n} entradas junto à qual o texto não indica nenhum número",
)
_ACCOUNTS = Text(
    "one place states it: needs the contract or the accounts",
    "lo indica un solo lugar: falta el contrato o la contabilidad",
    "só um lugar o indica: falta o contrato ou a contabilidade",
)
_RECORDS = Text(
    "one place states it: needs a second source or the list behind the count",
    "lo indica un solo lugar: falta una segunda fuente o la lista en que se basa la cuenta",
    "só um lugar o indica: falta uma segunda fonte ou a lista em que se baseia a contagem",
)
_BACKGROUND = Text(
    "one place states it as background: needs a second source",
    "lo indica un solo lugar como contexto: falta una segunda fuente",
    "só um lugar o indica como contexto: falta uma segunda fonte",
)
_BY_KIND = {"input": _ACCOUNTS, "context": _BACKGROUND, "plan": _PLAN}


def unchecked(book: Book, claim: Claim) -> Finding:
    """Say why no rule could check a claim and what would be needed to do so."""
    reason, sentence = _why(book, claim)
    figure = claim.amount if not math.isnan(claim.amount) else claim.stated_ratio
    return Finding(
        claim.claim_id,
        RULE,
        "unverifiable",
        unit=claim.unit,
        stated=figure,
        reason=reason,
        sentence=sentence,
    )


def _why(book: Book, claim: Claim) -> tuple[Text, Text]:
    if claim.has_pair:
        return _PAIR, true_sentence(claim)
    if claim.planned and not math.isnan(claim.target):
        return _plan(book, claim)
    if claim.stated_as == "ratio":
        return _RATIO, NOTHING
    if not math.isnan(claim.stated_ratio):
        return _SHARE, NOTHING
    if math.isnan(claim.amount):
        return say(_LIST, n=number(len(entries(claim)))), NOTHING
    return _BY_KIND.get(claim.kind, _RECORDS), NOTHING


def _plan(book: Book, claim: Claim) -> tuple[Text, Text]:
    """A plan gains a sentence where another claim says what was achieved."""
    done = next(
        (
            other
            for other in book.by_subject[claim.subject]
            if other.unit == claim.unit and not other.planned and not math.isnan(other.achieved)
        ),
        None,
    )
    if done is None:
        return _PLAN, NOTHING
    figure = quantity(done.achieved, done.unit, done.qualifier)
    sentence = by_language(
        lambda lang: target_sentence(
            done.achieved, claim.target, claim.unit, lang,
            qualifier=done.qualifier, target_qualifier=claim.qualifier,
        )
    )  # fmt: skip
    return say(_PLAN_DONE, teller=done.teller, done=figure), sentence
