"""R10: does a ratio to cost, or a cost per unit, lie where published ones of the same definition lie?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pandas as pd

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.gross_or_net import says_net
from impact.claims.text import NOTHING, Part, Text, computed, number, quantity, say
from impact.core.registry import METHODS
from impact.value.benchmarks import COMPARABLE, GROSS_EXPORTS, PROFIT, TAX, VALUE_ADDED, benchmarks
from impact.value.funding import COUNTED_UNITS
from impact.value.windows import Window, quotient, stated_window

RULE = "R10"

_QUANTITIES = (
    (r"value[ _]added|valor agregado|valor añadido|valor acrescentado", VALUE_ADDED),
    (r"\bprofits?\b|\bbeneficios\b|\butilidades\b|\blucros?\b", PROFIT),
    (r"\btax(?:es)?\b|\bimpuestos?\b|\bimpostos?\b", TAX),
    (r"\bexports?\b|\bnew business\b|\bexportaciones\b|\bexportações\b", GROSS_EXPORTS),
)
_MONEY = re.compile(r"([A-Z]{3}) per \1")
"""What is published is money per money; money per job or per firm is of another definition."""

_SUM = Text(
    "{stated} stated; published: {published}",
    "{stated} según el texto; publicado: {published}",
    "{stated} segundo o texto; publicado: {published}",
)
_INSIDE = Text(
    "within the published range of the same quantity, if horizon and costs are alike",
    "dentro del rango publicado de la misma magnitud, si horizonte y costos son semejantes",
    "dentro do intervalo publicado da mesma grandeza, se horizonte e custos forem semelhantes",
)
_OUTSIDE = Text(
    "outside the published range of the same quantity ({source})",
    "fuera del rango publicado de la misma magnitud ({source})",
    "fora do intervalo publicado da mesma grandeza ({source})",
)
_NOT_NET = Text(
    "not comparable: what is published is net of a counterfactual, or of another definition, and this is not said to be the same",
    "no comparable: lo publicado es neto de un contrafactual, o de otra definición, y no se dice que esto sea lo mismo",
    "não comparável: o publicado é líquido de um contrafactual, ou de outra definição, e não se diz que isto seja o mesmo",
)
_ONE_FIGURE = Text(
    "not comparable: one published figure is no range",
    "no comparable: una sola cifra publicada no es un rango",
    "não comparável: um só valor publicado não é um intervalo",
)
_NONE = Text("nothing", "nada", "nada")
_NOTHING_PUBLISHED = Text(
    "nothing to compare it with: no published cost per unit is of the same definition ({money}, over a count of the programme)",
    "nada con que compararlo: ningún costo por unidad publicado es de la misma definición ({money}, sobre un recuento del programa)",
    "nada com que o comparar: nenhum custo por unidade publicado é da mesma definição ({money}, sobre uma contagem do programa)",
)
_UNIT_COST = Text(*["{cost} / {count} = {each}"] * 3)
_SENTENCE = Text(
    "{stated} per unit of cost lies outside what programmes like it have shown ({published}); what it rests on should be published.",
    "{stated} por unidad de costo está fuera de lo que han mostrado programas semejantes ({published}); debería publicarse en qué se basa.",
    "{stated} por unidade de custo está fora do que programas semelhantes mostraram ({published}); deveria publicar-se em que se baseia.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="a ratio to cost, or a cost per unit, against published ones of the same definition",
    takes=("claims",),
    needs=("a ratio of money to money, or a count and the money put in on the same ground",),
    reference="impact.benchmarks",
)
def unit_costs(book: Book) -> Iterator[Finding]:
    """Compare a stated ratio with the published range of the same quantity; another definition is no yardstick.

    The same means: the quantity of `COMPARABLE`, which is net of the counterfactual, so that the claim must say net; and a range takes two
    published figures. Of costs per firm and per job nothing is published here, so these are computed and left without a judgement.
    """
    for claim in book.claims:
        if claim.stated_as == "ratio" and " per " in claim.unit:
            if not math.isnan(claim.stated_ratio):
                yield _ratio(claim)
        else:
            yield from _per_unit(book, claim)


def _ratio(claim: Claim) -> Finding:
    quantity_of = next(
        (name for words, name in _QUANTITIES if re.search(words, claim.indicator, re.IGNORECASE)),
        None,
    )
    table = benchmarks()
    table = table[table["quantity"] == quantity_of]
    low, high = table["low"].min(), table["high"].max()
    stated = stated_window(claim.stated_ratio, claim.qualifier, claim.stated_decimals)
    same = quantity_of in COMPARABLE and says_net(claim.basis) and _MONEY.fullmatch(claim.unit)
    if not same:
        verdict, reason = "unverifiable", _NOT_NET
    elif low == high:
        verdict, reason = "unverifiable", _ONE_FIGURE
    elif stated.meets(Window(low, low, high)):
        verdict, reason = "unverifiable", _INSIDE
    else:
        verdict = "implausible"
        reason = say(_OUTSIDE, source="; ".join(dict.fromkeys(table["source"])))
    words = {"stated": number(claim.stated_ratio), "published": _published(table)}
    return Finding(
        claim.claim_id,
        RULE,
        verdict,
        quantity="ratio to cost",
        unit=claim.unit,
        stated=claim.stated_ratio,
        value=high if verdict == "implausible" else math.nan,
        low=low if same else math.nan,
        high=high if same else math.nan,
        arithmetic=say(_SUM, **words),
        reason=reason,
        sentence=say(_SENTENCE, **words) if verdict == "implausible" else NOTHING,
    )


def _published(table: pd.DataFrame) -> Text:
    """The published figures, each with its definition in the words of the table."""
    if table.empty:
        return _NONE
    parts = [
        say(
            Text(*["{value} ({name})"] * 3),
            value=number(row["high"]),
            name=f"{row['benchmark']}: {row['definition']}",
        )
        for row in table.to_dict("records")
    ]
    return Text(*["; ".join(texts) for texts in zip(*[(p.en, p.es, p.pt) for p in parts], strict=True)])  # fmt: skip


def _per_unit(book: Book, claim: Claim) -> Iterator[Finding]:
    """Money put in per unit counted, where both are of one programme and place; nothing is published to hold it against."""
    done = claim.kind in ("achievement", "target_vs_achieved")
    if not done or claim.unit not in COUNTED_UNITS or claim.part_of or not claim.amount > 0:
        return
    ground = (claim.programme, claim.geography)
    for paid in book.claims:
        if paid.kind == "input" and (paid.programme, paid.geography) == ground and not paid.part_of:
            each = quotient(paid.amount_window(), claim.amount_window())
            cost = quantity(paid.amount, paid.unit, paid.qualifier)
            count = quantity(claim.amount, claim.unit, claim.qualifier)
            yield Finding(
                claim.claim_id,
                RULE,
                "unverifiable",
                quantity="money per unit counted",
                unit=paid.unit,
                value=each.value,
                low=each.low,
                high=each.high,
                arithmetic=say(_UNIT_COST, cost=cost, count=count, each=_shown(each, paid.unit)),
                reason=say(_NOTHING_PUBLISHED, money=paid.indicator),
            )  # fmt: skip
            return


def _shown(each: Window, unit: str) -> Part:
    """An exact cost has no window; one over "almost" has."""
    return quantity(round(each.value), unit) if each.low == each.high else computed(each, unit)
