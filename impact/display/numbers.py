"""How numbers are written in English, Spanish and Portuguese.

One place decides on separators, signs and the mark of a missing value. The locale of the machine is
never asked, so the same number gives the same characters everywhere.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal, SupportsFloat

import pandas as pd

from impact.core.errors import ImpactError

Lang = Literal["en", "es", "pt"]
LANGUAGES: tuple[Lang, ...] = ("en", "es", "pt")
"""Languages in which the toolkit writes."""

MISSING = "–"
"""What a missing number looks like: an en dash, never 0 and never blank."""

_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)  # enough digits for any float
_MINUS = "\u2212"
_HARD_SPACE = "\u00a0"  # a number and its unit stay on one line
_SEPARATORS: dict[Lang, tuple[str, str]] = {"en": (",", "."), "es": (".", ","), "pt": (".", ",")}
_NO_UPPER: dict[Lang, str] = {
    "en": "no upper bound",
    "es": "sin límite superior",
    "pt": "sem limite superior",
}
_NO_LOWER: dict[Lang, str] = {
    "en": "no lower bound",
    "es": "sin límite inferior",
    "pt": "sem limite inferior",
}
_MILLION: dict[Lang, str] = {
    "en": "{currency} {number} million",
    "es": "{number} millones de {currency}",
    "pt": "{number} milhões de {currency}",
}
_QUALIFIERS: dict[str, dict[Lang, str]] = {
    "exact": {"en": "", "es": "", "pt": ""},
    "more_than": {"en": "more than", "es": "más de", "pt": "mais de"},
    "at_least": {"en": "at least", "es": "al menos", "pt": "pelo menos"},
    "fewer_than": {"en": "under", "es": "menos de", "pt": "menos de"},
    "at_most": {"en": "at most", "es": "como máximo", "pt": "no máximo"},
    "almost": {"en": "almost", "es": "casi", "pt": "quase"},
    "about": {"en": "about", "es": "alrededor de", "pt": "cerca de"},
}
_UNITS: dict[str, dict[Lang, tuple[str, str]]] = {
    "clusters": {"en": ("cluster", "clusters"), "es": ("clúster", "clústeres"),
                 "pt": ("cluster", "clusters")},
    "consortia": {"en": ("consortium", "consortia"), "es": ("consorcio", "consorcios"),
                  "pt": ("consórcio", "consórcios")},
    "countries": {"en": ("country", "countries"), "es": ("país", "países"),
                  "pt": ("país", "países")},
    "entrepreneurs": {"en": ("entrepreneur", "entrepreneurs"),
                      "es": ("empresario", "empresarios"), "pt": ("empresário", "empresários")},
    "families": {"en": ("family", "families"), "es": ("familia", "familias"),
                 "pt": ("família", "famílias")},
    "farmers": {"en": ("farmer", "farmers"), "es": ("productor", "productores"),
                "pt": ("produtor", "produtores")},
    "firms": {"en": ("firm", "firms"), "es": ("empresa", "empresas"),
              "pt": ("empresa", "empresas")},
    "institutions": {"en": ("institution", "institutions"),
                     "es": ("institución", "instituciones"),
                     "pt": ("instituição", "instituições")},
    "jobs": {"en": ("job", "jobs"), "es": ("empleo", "empleos"), "pt": ("emprego", "empregos")},
    "markets": {"en": ("market", "markets"), "es": ("mercado", "mercados"),
                "pt": ("mercado", "mercados")},
    "months": {"en": ("month", "months"), "es": ("mes", "meses"), "pt": ("mês", "meses")},
    "nuclei": {"en": ("nucleus", "nuclei"), "es": ("núcleo", "núcleos"),
               "pt": ("núcleo", "núcleos")},
    "organisations": {"en": ("organisation", "organisations"),
                      "es": ("organización", "organizaciones"),
                      "pt": ("organização", "organizações")},
    "products": {"en": ("product", "products"), "es": ("producto", "productos"),
                 "pt": ("produto", "produtos")},
    "programmes": {"en": ("programme", "programmes"), "es": ("programa", "programas"),
                   "pt": ("programa", "programas")},
    "projects": {"en": ("project", "projects"), "es": ("proyecto", "proyectos"),
                 "pt": ("projeto", "projetos")},
    "proposals": {"en": ("proposal", "proposals"), "es": ("propuesta", "propuestas"),
                  "pt": ("proposta", "propostas")},
    "regions": {"en": ("region", "regions"), "es": ("región", "regiones"),
                "pt": ("região", "regiões")},
    "years": {"en": ("year", "years"), "es": ("año", "años"), "pt": ("ano", "anos")},
    "EUR per EUR": {"en": ("euro per euro", "euros per euro"),
                    "es": ("euro por euro", "euros por euro"),
                    "pt": ("euro por euro", "euros por euro")},
}  # fmt: skip


def require_language(lang: str) -> Lang:
    """Return `lang` if the toolkit writes in it.

    Raises
    ------
    ImpactError
        If it is not one of `LANGUAGES`.

    Examples
    --------
    >>> require_language("pt")
    'pt'
    """
    if lang not in LANGUAGES:
        raise ImpactError(f"The language {lang!r} is not known; choose from en, es, pt.")
    return lang


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN or pandas' missing value.

    Examples
    --------
    >>> is_missing(float("nan")), is_missing(0)
    (True, False)
    """
    return value is None or value is pd.NA or value is pd.NaT or value != value


def format_number(
    value: SupportsFloat | None, decimals: int = 0, lang: Lang = "en", *, grouping: bool = True
) -> str:
    """Write a number with the separators of a language.

    Parameters
    ----------
    value : number or None
        The number; halves are rounded away from zero.
    decimals : int
        Decimals printed.
    lang : {"en", "es", "pt"}
        Language.
    grouping : bool
        Whether thousands are separated; calendar years are not.

    Returns
    -------
    str
        The number with a true minus sign, `∞` if it is infinite, an en dash if it is missing.

    Examples
    --------
    >>> format_number(23810), format_number(23810.5, 1, "es"), format_number(None)
    ('23,810', '23.810,5', '–')
    """
    require_language(lang)
    if value is None or is_missing(value):
        return MISSING
    number = float(value)
    if math.isinf(number):
        return "∞" if number > 0 else f"{_MINUS}∞"
    # repr gives the shortest decimal of the float: 2.675 is rounded as the person sees it.
    rounded = Decimal(repr(number)).quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
    thousands, point = _SEPARATORS[lang]
    whole, _, fraction = f"{abs(rounded):{',' if grouping else ''}.{decimals}f}".partition(".")
    text = whole.replace(",", thousands) + (point + fraction if fraction else "")
    return f"{_MINUS}{text}" if rounded < 0 else text


def format_integer(value: SupportsFloat | None, lang: Lang = "en") -> str:
    """Write a whole number.

    Examples
    --------
    >>> format_integer(-1200, "pt")
    '−1.200'
    """
    return format_number(value, 0, lang)


def format_percent(value: SupportsFloat | None, decimals: int = 0, lang: Lang = "en") -> str:
    """Write a number that is already in per cent; a hard space stands before the sign.

    Parameters
    ----------
    value : number or None
        Per cent, not a share: 205, not 2.05.
    decimals : int
        Decimals printed.
    lang : {"en", "es", "pt"}
        Language.

    Examples
    --------
    >>> format_percent(205.26, 1, "es") == "205,3\\u00a0%"
    True
    """
    text = format_number(value, decimals, lang)
    return text if text == MISSING else f"{text}{_HARD_SPACE}%"


def format_interval(
    low: SupportsFloat | None,
    high: SupportsFloat | None,
    decimals: int = 0,
    lang: Lang = "en",
) -> str:
    """Write an interval; an infinite end is said in words, an undefined interval is a dash.

    Ends are parted by a semicolon, since the comma is a decimal sign in two of the languages.

    Examples
    --------
    >>> format_interval(59.88, 60.61, 2), format_interval(4, float("inf"), 0, "es")
    ('[59.88; 60.61]', '[4; sin límite superior]')
    """
    if low is None or high is None or is_missing(low) or is_missing(high):
        return MISSING
    first = _NO_LOWER[lang] if float(low) == -math.inf else format_number(low, decimals, lang)
    last = _NO_UPPER[lang] if float(high) == math.inf else format_number(high, decimals, lang)
    return f"[{first}; {last}]"


def format_money(
    value: SupportsFloat | None,
    lang: Lang = "en",
    *,
    currency: str = "EUR",
    decimals: int = 0,
    millions: bool = False,
) -> str:
    """Write an amount with its currency code: before the number in English, after it elsewhere.

    Parameters
    ----------
    value : number or None
        Amount in units of the currency.
    lang : {"en", "es", "pt"}
        Language.
    currency : str
        Code of three letters.
    decimals : int
        Decimals printed.
    millions : bool
        Whether to write the amount in millions.

    Examples
    --------
    >>> print(format_money(16_919_891, "es", millions=True, decimals=2).replace("\\u00a0", " "))
    16,92 millones de EUR
    """
    if value is None or is_missing(value):
        return MISSING
    number = format_number(float(value) / 1e6 if millions else value, decimals, lang)
    if millions:
        pattern = _MILLION[lang]
    else:
        pattern = "{currency} {number}" if lang == "en" else "{number} {currency}"
    return pattern.format(currency=currency, number=number).replace(" ", _HARD_SPACE)


def unit_word(unit: str, lang: Lang = "en", *, one: bool = False) -> str:
    """Name a unit of the claims file in a language; a unit that is not known stays as written.

    Examples
    --------
    >>> unit_word("jobs", "es"), unit_word("nuclei", "en", one=True), unit_word("widgets", "pt")
    ('empleos', 'nucleus', 'widgets')
    """
    if unit not in _UNITS:
        return unit
    singular, plural = _UNITS[unit][require_language(lang)]
    return singular if one else plural


def qualified(text: str, qualifier: str, lang: Lang = "en") -> str:
    """Put the word of a qualifier of the claims file before a number that is already written.

    Raises
    ------
    ImpactError
        If the qualifier is not known.

    Examples
    --------
    >>> qualified("5.300", "more_than", "es"), qualified("5.375", "exact", "es")
    ('más de 5.300', '5.375')
    """
    if qualifier not in _QUALIFIERS:
        raise ImpactError(f"The qualifier {qualifier!r} is not known.")
    word = _QUALIFIERS[qualifier][require_language(lang)]
    return f"{word} {text}" if word else text


def format_quantity(
    value: SupportsFloat | None, unit: str, lang: Lang = "en", decimals: int | None = None
) -> str:
    """Write a number with its unit.

    Parameters
    ----------
    value : number or None
        The number, in the unit.
    unit : str
        A unit of the claims file: a currency code, `per cent`, `year`, `firms`, ...
    lang : {"en", "es", "pt"}
        Language.
    decimals : int, optional
        Decimals printed; by default none for whole numbers and two for others.

    Examples
    --------
    >>> for lang in LANGUAGES:
    ...     print(format_quantity(23810, "firms", lang).replace("\\u00a0", " "))
    23,810 firms
    23.810 empresas
    23.810 empresas
    """
    if value is None or is_missing(value):
        return MISSING
    number = float(value)
    places = decimals if decimals is not None else (0 if number.is_integer() else 2)
    if unit == "year":
        return format_number(number, places, lang, grouping=False)
    if unit == "per cent":
        return format_percent(number, places, lang)
    if len(unit) == 3 and unit.isalpha() and unit.isupper():
        return format_money(number, lang, currency=unit, decimals=places)
    return f"{format_number(number, places, lang)}{_HARD_SPACE}{unit_word(unit, lang, one=number == 1)}"
