"""A sentence in the three languages at once, with its numbers written as each language writes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from impact.display.numbers import (
    LANGUAGES,
    Lang,
    format_interval,
    format_money,
    format_number,
    format_percent,
    format_quantity,
    qualified,
    require_language,
)
from impact.value.windows import Window


@dataclass(frozen=True, slots=True)
class Text:
    """One text in English, Spanish and Portuguese.

    Examples
    --------
    >>> Text("jobs", "empleos", "empregos").to("es")
    'empleos'
    """

    en: str = ""
    es: str = ""
    pt: str = ""

    def to(self, lang: Lang) -> str:
        """The text in one language."""
        return {"en": self.en, "es": self.es, "pt": self.pt}[require_language(lang)]

    def __bool__(self) -> bool:
        return bool(self.en)


NOTHING = Text()
"""No text, in any language."""

Part = str | Text | Callable[[Lang], str]
"""What may stand in a sentence: the same words everywhere, a text, or a number still to write."""


def written(part: Part, lang: Lang) -> str:
    """Write one part in one language."""
    if isinstance(part, str):
        return part
    return part.to(lang) if isinstance(part, Text) else part(lang)


def by_language(part: Part) -> Text:
    """Write a part in every language."""
    return Text(**{lang: written(part, lang) for lang in LANGUAGES})


def capitalised(part: Part) -> Text:
    """A part with a capital first letter in every language, as a sentence begins.

    Examples
    --------
    >>> capitalised(Text("more than 5", "más de 5", "mais de 5")).es
    'Más de 5'
    """
    text = by_language(part)
    return Text(*[words[:1].upper() + words[1:] for words in (text.en, text.es, text.pt)])


def say(template: Text, **parts: Part) -> Text:
    """Fill the named places of a template, in every language.

    Examples
    --------
    >>> say(Text("{n} of them", "{n} de ellos", "{n} deles"), n=number(1200)).pt
    '1.200 deles'
    """
    return by_language(
        lambda lang: template.to(lang).format(
            **{name: written(part, lang) for name, part in parts.items()}
        )
    )


def number(value: float, decimals: int | None = None) -> Part:
    """A bare number: by default without decimals if it is whole, else with two."""
    places = decimals if decimals is not None else (0 if float(value).is_integer() else 2)
    return lambda lang: format_number(value, places, lang)


def percent(value: float, decimals: int = 0) -> Part:
    """A number that is already in per cent."""
    return lambda lang: format_percent(value, decimals, lang)


def quantity(value: float, unit: str, qualifier: str = "exact") -> Part:
    """A number with its unit and the word that the text puts before it."""
    return lambda lang: qualified(format_quantity(value, unit, lang), qualifier, lang)


def computed(of: Window, unit: str) -> Part:
    """A computed number with its unit, no more precise than a reader can use, and its window.

    Money from a million up is written in millions. The window of a count shows the whole numbers in
    it, since there is no half firm.
    """
    money = len(unit) == 3 and unit.isupper()
    if money and abs(of.value) >= 1e6:
        scaled = Window(of.value / 1e6, of.low / 1e6, of.high / 1e6)
        return lambda lang: (
            f"{format_money(of.value, lang, currency=unit, decimals=2, millions=True)} "
            f"{format_interval(scaled.low, scaled.high, 2, lang)}"
        )
    if money or unit == "per cent":
        return lambda lang: (
            f"{format_quantity(of.value, unit, lang, decimals=2)} "
            f"{format_interval(of.low, of.high, 2, lang)}"
        )
    low, high = whole_numbers(of)
    return lambda lang: (
        f"{format_quantity(of.value, unit, lang, decimals=0)} {format_interval(low, high, 0, lang)}"
    )


def whole_numbers(of: Window) -> tuple[float, float]:
    """The smallest and the largest whole number in a window; its ends where there is none.

    Examples
    --------
    >>> whole_numbers(Window(65.0, 63.7, 66.3))
    (64.0, 66.0)
    """
    low = float(math.ceil(of.low)) if math.isfinite(of.low) else of.low
    high = float(math.floor(of.high)) if math.isfinite(of.high) else of.high
    return (low, high) if low <= high else (of.low, of.high)


def bounded_percent(of: Window, decimals: int = 1) -> Part:
    """A percentage with the word that its window puts before it: "at least", "under", none."""
    qualifier = "exact"
    if of.value == of.low < of.high:
        qualifier = "more_than" if of.low_open else "at_least"
    elif of.low < of.high == of.value:
        qualifier = "fewer_than" if of.high_open else "at_most"
    return lambda lang: qualified(format_percent(of.value, decimals, lang), qualifier, lang)


def window(of: Window, decimals: int) -> Part:
    """The ends of a window."""
    return lambda lang: format_interval(of.low, of.high, decimals, lang)


def joined(parts: Sequence[Part], mark: str = "; ") -> Part:
    """Several parts in a row."""
    return lambda lang: mark.join(written(part, lang) for part in parts)
