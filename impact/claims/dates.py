"""R14: do dates, weekdays, durations and periods agree with each other?"""

from __future__ import annotations

import calendar
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from impact.claims.book import Book, Claim
from impact.claims.finding import Finding
from impact.claims.text import NOTHING, Text, by_language, capitalised, number, quantity, say
from impact.core.registry import METHODS
from impact.value.windows import Window

RULE = "R14"

_PART = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")
_MONTHS = {
    name: i
    for names in (
        "january february march april may june july august september october november december",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    )
    for i, name in enumerate(names.split(), start=1)
}
_WEEKDAYS = {
    name: i
    for names in (
        "monday tuesday wednesday thursday friday saturday sunday",
        "lunes martes miércoles jueves viernes sábado domingo",
        "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
    )
    for i, name in enumerate(names.split())
}
_DATED = re.compile(
    rf"\b({'|'.join(_WEEKDAYS)})\b,?\s+(?:el\s+|dia\s+)?(\d{{1,2}})\s+(?:de\s+)?({'|'.join(_MONTHS)})\s*,?\s+(?:de\s+|del\s+)?(\d{{4}})",
    re.IGNORECASE,
)
_NAMES = Text(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "lunes martes miércoles jueves viernes sábado domingo",
    "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
)

_BACKWARDS = Text(
    "the period ends before it begins: {period}",
    "el período termina antes de empezar: {period}",
    "o período termina antes de começar: {period}",
)
_LASTS = Text(
    "{period} lasts {low} to {high}; {stated} stated",
    "{period} dura de {low} a {high}; {stated} según el texto",
    "{period} dura de {low} a {high}; {stated} segundo o texto",
)
_FITS = Text(
    "a period of these years can last so long; the days are not said",
    "un período de esos años puede durar eso; no se indican los días",
    "um período desses anos pode durar isso; não se indicam os dias",
)
_NO_FIT = Text(
    "no period of these years lasts so long",
    "ningún período de esos años dura eso",
    "nenhum período desses anos dura isso",
)
_SPAN_SENTENCE = Text(
    "{period} lasts between {low} and {high}, and not {stated}.",
    "{period} dura entre {low} y {high}, y no {stated}.",
    "{period} dura entre {low} e {high}, e não {stated}.",
)
_OUTSIDE = Text(
    "the year lies outside the period that the same claim gives ({period})",
    "el año está fuera del período que da la misma afirmación ({period})",
    "o ano está fora do período que a mesma afirmação dá ({period})",
)
_AFTER = Text(
    "of {period}, when {programme} had ended ({end}); needs what the programme did for it",
    "de {period}, cuando {programme} ya había terminado ({end}); falta qué hizo el programa para ello",
    "de {period}, quando {programme} já tinha terminado ({end}); falta o que o programa fez para isso",
)
_WEEKDAY = Text(
    "{day} was a {right}",
    "{day} fue {right}",
    "{day} foi {right}",
)
_NO_DAY = Text(
    "the calendar has no such day",
    "el calendario no tiene ese día",
    "o calendário não tem esse dia",
)
_ONLY_WHOLE = Text(
    "possible only from the first day of {period} to the last",
    "posible solo desde el primer día de {period} hasta el último",
    "possível apenas do primeiro dia de {period} ao último",
)


@dataclass(frozen=True, slots=True)
class Period:
    """First and last day that a period may have; an open end is missing."""

    first: date | None
    last: date | None
    whole_years: bool


def period_of(text: str) -> Period | None:
    """Understand a period of a claims file: a year, a month, a day, two of them, or one and an open end.

    Examples
    --------
    >>> period_of("2016-2018").last, period_of("2014-04").first, period_of("2016-").last, period_of("not said")
    (datetime.date(2018, 12, 31), datetime.date(2014, 4, 1), None, None)
    """
    text = text.strip()
    span = re.fullmatch(r"(\d{4})-(\d{4})?", text)
    if span and not (span[2] and len(text) == 7):
        first = date(int(span[1]), 1, 1)
        return Period(first, date(int(span[2]), 12, 31) if span[2] else None, whole_years=True)
    one = _PART.fullmatch(text)
    if one is None:
        return None
    year, month, day = int(one[1]), int(one[2] or 0), int(one[3] or 0)
    try:
        first = date(year, month or 1, day or 1)
        end_day = day or (calendar.monthrange(year, month)[1] if month else 31)
        return Period(first, date(year, month or 12, end_day), whole_years=not month)
    except ValueError:
        return None


@METHODS.register(
    "audit",
    RULE,
    summary="dates, weekdays, durations and periods that do not agree",
    takes=("claims",),
    needs=("a period, a duration, a year, or a date with its weekday",),
    reference="the calendar",
)
def dates(book: Book) -> Iterator[Finding]:
    """Hold what a claim says of time against its own period, the calendar, and the period of its programme."""
    ends = _ends_of_programmes(book)
    for claim in book.claims:
        yield from _weekday(claim)
        period = period_of(claim.period)
        if period is None:
            continue
        if period.first is not None and period.last is not None and period.last < period.first:
            reason = say(_BACKWARDS, period=claim.period)
            yield _found(
                claim,
                "arithmetic_error",
                reason,
                arithmetic=by_language(claim.period),
                sentence=_as_sentence(reason),
            )
        elif claim.unit in ("years", "months") and not math.isnan(claim.amount):
            yield from _duration(claim, period)
        elif claim.unit == "year" and not math.isnan(claim.amount):
            yield from _year(claim, period)
        else:
            yield from _afterwards(claim, period, ends)


def _found(claim: Claim, verdict: str, reason: Text, **more: Any) -> Finding:
    return Finding(
        claim.claim_id, RULE, verdict, quantity="dates", unit=claim.unit, reason=reason, **more
    )


def _weekday(claim: Claim) -> Iterator[Finding]:
    said = _DATED.search(claim.phrase)
    if said is None:
        return
    wrong, reason = True, _NO_DAY
    try:
        day = date(int(said[4]), _MONTHS[said[3].lower()], int(said[2]))
    except ValueError:
        pass
    else:
        right = Text(*[names.split()[day.weekday()] for names in (_NAMES.en, _NAMES.es, _NAMES.pt)])
        reason = say(_WEEKDAY, day=day.isoformat(), right=right)
        wrong = day.weekday() != _WEEKDAYS[said[1].lower()]
    yield _found(
        claim,
        "arithmetic_error" if wrong else "unverifiable",
        reason,
        arithmetic=by_language(f"«{said[0]}»"),
        sentence=_as_sentence(reason) if wrong else NOTHING,
    )


def _duration(claim: Claim, period: Period) -> Iterator[Finding]:
    """A period given by years may begin and end on any of their days."""
    if period.first is None or period.last is None or not period.whole_years:
        return
    years = period.last.year - period.first.year
    unit = 12 if claim.unit == "months" else 1
    allowed = Window(years * unit, max(years - 1, 0) * unit, (years + 1) * unit, low_open=years > 0)
    fits = claim.amount_window().meets(allowed)
    words = {
        "period": claim.period,
        "low": number(allowed.low),
        "high": quantity(allowed.high, claim.unit),
        "stated": quantity(claim.amount, claim.unit, claim.qualifier),
    }
    reason = _FITS if fits else _NO_FIT
    if claim.qualifier == "exact" and claim.amount == allowed.high:
        reason = say(_ONLY_WHOLE, **words)
    yield _found(
        claim, "unverifiable" if fits else "arithmetic_error", reason,
        stated=claim.amount, value=float(years * unit), low=allowed.low, high=allowed.high, arithmetic=say(_LASTS, **words),
        sentence=NOTHING if fits else say(_SPAN_SENTENCE, **words),
    )  # fmt: skip


def _year(claim: Claim, period: Period) -> Iterator[Finding]:
    first = -math.inf if period.first is None else period.first.year
    last = math.inf if period.last is None else period.last.year
    if not first <= claim.amount <= last:
        reason = say(_OUTSIDE, period=claim.period)
        yield _found(
            claim, "arithmetic_error", reason, stated=claim.amount, arithmetic=by_language(f"{claim.amount:.0f}; {claim.period}"), sentence=_as_sentence(reason)
        )  # fmt: skip


def _ends_of_programmes(book: Book) -> dict[str, date]:
    """Last day of each programme: of the period that most of its claims give."""
    counted: dict[str, Counter[str]] = {}
    for claim in book.claims:
        period = period_of(claim.period)
        if period is not None and period.whole_years and claim.programme not in ("", "none"):
            counted.setdefault(claim.programme, Counter())[claim.period] += 1
    ends = {}
    for programme, periods in counted.items():
        period = period_of(periods.most_common(1)[0][0])
        if period is not None and period.last is not None:
            ends[programme] = period.last
    return ends


def _afterwards(claim: Claim, period: Period, ends: dict[str, date]) -> Iterator[Finding]:
    """What was counted after a programme had ended may still be its result: said, not held against it."""
    end = ends.get(claim.programme)
    result = claim.kind == "achievement" and not math.isnan(claim.amount)
    if end is None or period.first is None or period.first <= end or not result:
        return
    words = {
        "period": claim.period,
        "programme": claim.programme,
        "end": str(end.year),
    }
    yield _found(
        claim,
        "unverifiable",
        say(_AFTER, **words),
        stated=claim.amount,
        arithmetic=by_language(f"{claim.period} > {end.year}"),
    )


def _as_sentence(reason: Text) -> Text:
    return say(Text(*["{reason}."] * 3), reason=capitalised(reason))
