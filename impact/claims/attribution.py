"""R7: are results of the whole money set against the money of one who paid?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, number, percent, quantity, say, window
from impact.core.registry import METHODS
from impact.value.windows import Window, exactly, product, quotient, stated_window

RULE = "R7"

_SUM = Text(*["{ratio} × {share} = {whole}; 100 / {bare} = {factor} {window}"] * 3)
_ONE_FUNDER = Text(
    "the contribution is {share} of the cost: to set all results against it counts them {factor} times",
    "la contribución es el {share} del costo: atribuirle todos los resultados los cuenta {factor} veces",
    "a contribuição é {share} do custo: atribuir-lhe todos os resultados conta-os {factor} vezes",
)
_NOT_SAID = Text(
    "the text does not say which share of the cost the contribution is, so that the share of the results that is due to it is not known",
    "el texto no dice qué parte del costo es la contribución, de modo que no se sabe qué parte de los resultados le corresponde",
    "o texto não diz que parte do custo é a contribuição, pelo que não se sabe que parte dos resultados lhe cabe",
)
_EURO = Text("euro", "euro", "euro")
_UNKNOWN = Text("share of the cost: –", "parte del costo: –", "parte do custo: –")
_WHOLE = Text(
    "the contribution is the whole cost",
    "la contribución es la totalidad del costo",
    "a contribuição é a totalidade do custo",
)
_SENTENCE = Text(
    "Per {money} of total cost that is {whole}; in proportion to its money, {share} of the results may be attributed to the contribution.",
    "Por {money} de costo total son {whole}; en proporción a su dinero, a la contribución se le puede atribuir el {share} de los resultados.",
    "Por {money} de custo total são {whole}; na proporção do seu dinheiro, à contribuição pode atribuir-se {share} dos resultados.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="all results set against one funder's share of the cost",
    takes=("claims",),
    needs=("a ratio over a contribution", "its share of the cost"),
    reference="result x share of the cost; a ratio over one contribution is 1 / share too large",
)
def attribution(book: Book) -> Iterator[Finding]:
    """Say what a ratio over one contribution is per euro of the whole cost."""
    for claim in book.claims:
        base = book.find(claim.part_of)
        if claim.stated_as == "ratio" and base is not None and base.kind == "input":
            yield _finding(book, claim, base)


def _finding(book: Book, claim: Claim, base: Claim) -> Finding:
    whole_of = book.find(base.part_of)
    # A share of a contribution is no share of the cost.
    of_cost = whole_of is None or whole_of.kind != "input"
    if base.stated_as != "per_cent_of" or math.isnan(base.stated_ratio) or not of_cost:
        return Finding(
            claim.claim_id,
            RULE,
            "unverifiable",
            quantity="attributable share",
            arithmetic=_UNKNOWN,
            reason=_NOT_SAID,
        )
    decimals = 0 if math.isnan(base.stated_decimals) else int(base.stated_decimals)
    share = base.ratio_window()
    ratio = stated_window(claim.stated_ratio, claim.qualifier, claim.stated_decimals)
    whole = _hundredth(product(ratio, share))
    factor = quotient(exactly(100.0), share)
    all_of_it = share.value >= 100
    top = book.find(claim.numerator)
    formed = top is None or (top.geography, top.programme) == (base.geography, base.programme)
    words = {
        "ratio": number(claim.stated_ratio),
        "bare": number(base.stated_ratio, decimals),
        "share": percent(base.stated_ratio, decimals),
        "factor": number(factor.value, 3),
        "window": window(factor, 3),
        "money": _EURO if base.unit == "EUR" else base.unit,
    }
    return Finding(
        claim.claim_id,
        RULE,
        # A ratio that cannot be formed has nothing to attribute: it stays undefined, as R6 finds it.
        "holds" if all_of_it else "wording" if formed else "undefined",
        quantity="per unit of total cost",
        unit=claim.unit,
        stated=claim.stated_ratio,
        value=whole.value,
        low=whole.low,
        high=whole.high,
        arithmetic=say(_SUM, whole=number(whole.value, 2), **words),
        reason=_WHOLE if all_of_it else say(_ONE_FUNDER, **words),
        sentence=NOTHING
        if all_of_it
        else say(_SENTENCE, whole=quantity(round(whole.value, 2), claim.unit), **words),
    )


def _hundredth(of: Window) -> Window:
    return Window(of.value / 100, of.low / 100, of.high / 100, of.low_open, of.high_open)
