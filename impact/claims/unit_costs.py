"""R10: does a ratio to cost lie where published ones of the same definition lie?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, number, say
from impact.core.registry import METHODS
from impact.value.benchmarks import benchmarks
from impact.value.windows import Window, stated_window

RULE = "R10"

_QUANTITIES = (
    (
        re.compile(
            r"value[ _]added|valor agregado|valor añadido|valor acrescentado", re.IGNORECASE
        ),
        "value added per unit of cost",
    ),
    (
        re.compile(r"\bprofits?\b|\bbeneficios\b|\butilidades\b|\blucros?\b", re.IGNORECASE),
        "profit per unit of cost",
    ),
    (
        re.compile(r"\btax(?:es)?\b|\bimpuestos?\b|\bimpostos?\b", re.IGNORECASE),
        "tax per unit of cost",
    ),
)
_NET = re.compile(r"\bnet\b", re.IGNORECASE)

_SUM = Text(
    "{stated} stated; published: {low} to {high}",
    "{stated} según el texto; publicado: {low} a {high}",
    "{stated} segundo o texto; publicado: {low} a {high}",
)
_INSIDE = Text(
    "within the published range", "dentro del rango publicado", "dentro do intervalo publicado"
)
_OUTSIDE = Text(
    "outside the published range of the same quantity ({source})",
    "fuera del rango publicado de la misma magnitud ({source})",
    "fora do intervalo publicado da mesma grandeza ({source})",
)
_NOT_COMPARABLE = Text(
    "no published figure has this definition: those of programmes like it are of value added, profit or tax, net, per unit of cost ({low} to {high})",
    "ninguna cifra publicada tiene esta definición: las de programas semejantes son de valor agregado, beneficios o impuestos, netos, por unidad de "
    "costo ({low} a {high})",
    "nenhum valor publicado tem esta definição: os de programas semelhantes são de valor acrescentado, lucros ou impostos, líquidos, por unidade de "
    "custo ({low} a {high})",
)

_SENTENCE = Text(
    "{stated} per unit of cost lies outside what programmes like it have shown ({low} to {high}); what it rests on should be published.",
    "{stated} por unidad de costo está fuera de lo que han mostrado programas semejantes ({low} a {high}); debería publicarse en qué se basa.",
    "{stated} por unidade de custo está fora do que programas semelhantes mostraram ({low} a {high}); deveria publicar-se em que se baseia.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="a ratio to cost against published ones of the same definition",
    takes=("claims",),
    needs=("a ratio of money to money",),
    reference="impact.benchmarks",
)
def unit_costs(book: Book) -> Iterator[Finding]:
    """Compare a stated ratio with the published range of the same quantity; another definition is no yardstick."""
    for claim in book.claims:
        if (
            claim.stated_as == "ratio"
            and " per " in claim.unit
            and not math.isnan(claim.stated_ratio)
        ):
            yield _finding(claim)


def _finding(claim: Claim) -> Finding:
    quantity = next((name for words, name in _QUANTITIES if words.search(claim.indicator)), None)
    table = benchmarks()
    per_cost = table[table["quantity"].isin([name for _, name in _QUANTITIES])]
    same = (
        per_cost[per_cost["quantity"] == quantity]
        if quantity and _NET.search(claim.basis)
        else per_cost[:0]
    )
    stated = stated_window(claim.stated_ratio, claim.qualifier, claim.stated_decimals)
    shown = per_cost if same.empty else same
    low, high = float(shown["low"].min()), float(shown["high"].max())
    words = {"stated": number(claim.stated_ratio), "low": number(low), "high": number(high)}
    if same.empty:
        return Finding(
            claim.claim_id, RULE, "unverifiable", quantity="ratio to cost", unit=claim.unit, stated=claim.stated_ratio,
            arithmetic=say(_SUM, **words), reason=say(_NOT_COMPARABLE, **words),
        )  # fmt: skip
    inside = stated.meets(Window(low, low, high))
    return Finding(
        claim.claim_id,
        RULE,
        "unverifiable" if inside else "implausible",
        quantity="ratio to cost",
        unit=claim.unit,
        stated=claim.stated_ratio,
        value=float(same["high"].max()),
        low=low,
        high=high,
        arithmetic=say(_SUM, **words),
        reason=_INSIDE
        if inside
        else say(_OUTSIDE, source="; ".join(dict.fromkeys(same["source"]))),
        sentence=NOTHING if inside else say(_SENTENCE, **words),
    )
