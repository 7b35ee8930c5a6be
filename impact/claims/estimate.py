"""A published number held against a study's own estimate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from impact.claims.book import Book, Figure
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, computed, say
from impact.core.registry import METHODS
from impact.value.windows import Window

RULE = "estimate"

_SUM = Text(
    "{stated} stated; {estimate} estimated",
    "{stated} según el texto; {estimate} según la estimación",
    "{stated} segundo o texto; {estimate} segundo a estimativa",
)
_INSIDE = Text(
    "inside the interval of the study's own estimate",
    "dentro del intervalo de la estimación propia del estudio",
    "dentro do intervalo da estimativa própria do estudo",
)
_OUTSIDE = {
    "above": Text(
        "above the interval of the study's own estimate",
        "por encima del intervalo de la estimación propia del estudio",
        "acima do intervalo da estimativa própria do estudo",
    ),
    "below": Text(
        "below the interval of the study's own estimate",
        "por debajo del intervalo de la estimación propia del estudio",
        "abaixo do intervalo da estimativa própria do estudo",
    ),
}
_NO_INTERVAL = Text(
    "the study's own estimate has no interval",
    "la estimación propia del estudio no tiene intervalo",
    "a estimativa própria do estudo não tem intervalo",
)
_OTHER_UNIT = Text(
    "the study's own estimate is in {own}, and the claim in {stated}",
    "la estimación propia del estudio está en {own}, y la afirmación en {stated}",
    "a estimativa própria do estudo está em {own}, e a afirmação em {stated}",
)
_SENTENCE = Text(
    "The study estimates {estimate}.",
    "El estudio estima {estimate}.",
    "O estudo estima {estimate}.",
)


@METHODS.register(
    "audit",
    RULE,
    summary="the published number against the study's own estimate",
    takes=("claims", "results"),
    needs=("a row of `results` with the claim's subject",),
    reference="inside, above or below the confidence interval",
)
def estimate(book: Book) -> Iterator[Finding]:
    """Say whether each number lies inside, above or below the study's own interval."""
    if book.results is None:
        return
    estimates: dict[str, dict[str, Any]] = {
        row["subject"]: row for row in book.results.to_dict("records")
    }
    for claim in book.claims:
        for figure in book.figures(claim):
            row = estimates.get(claim.subject)
            if figure.side == "achievement" and row is not None:
                yield _finding(figure, row)


def _finding(figure: Figure, row: dict[str, Any]) -> Finding:
    own = Window(float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"]))
    unit = str(row.get("unit") or figure.unit)
    if unit != figure.unit:
        verdict, reason = "undefined", say(_OTHER_UNIT, own=unit, stated=figure.unit)
    elif math.isnan(own.low) or math.isnan(own.high):
        verdict, reason = "undefined", _NO_INTERVAL
    elif own.meets(figure.window):
        verdict, reason = "holds", _INSIDE
    else:
        side = "above" if figure.window.low >= own.high else "below"
        verdict, reason = "conflict", _OUTSIDE[side]
    words = {"stated": figure.text, "estimate": computed(own, unit)}
    return Finding(
        figure.claim.claim_id,
        RULE,
        verdict,
        quantity="estimate",
        unit=figure.unit,
        stated=figure.window.value,
        value=own.value,
        low=own.low,
        high=own.high,
        arithmetic=say(_SUM, **words),
        reason=reason,
        sentence=say(_SENTENCE, **words) if verdict == "conflict" else NOTHING,
    )
