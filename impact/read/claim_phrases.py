"""What the words of a phrase say, in English, Spanish and Portuguese: of or above a target, an intention, an effect."""

from __future__ import annotations

import re

from impact.read.claim_wordings import ABOVE, OF

_ABOVE = re.compile(
    r"exceed\w*\s+(?:the\s+\w+\s+)?by|above\s+(?:the\s+)?target|over\s+(?:the\s+)?target|more\s+than\s+planned|additional"
    r"|super[oó]\w*\b.*\ben\b|super(?:ad[ao]s?|ando)\s+en|super[oó]\w*\b.*\bem\b|super(?:ad[ao]s?|ando)\s+em|ultrapass\w+\s+em"
    r"|exced\w+\s+(?:en|em|a\s+meta)|%\s*más\b|%\s*a\s+mais\b|por\s+cento\s+a\s+mais|por\s+ciento\s+más|adicional"
    r"|por\s+encima\s+de\s+la\s+meta|acima\s+da\s+meta|sobrepas\w+",
    re.IGNORECASE,
)
_OF = re.compile(
    r"of\s+(?:the\s+|its\s+)?target|reach\w*\s+\d|achiev\w*\s+\d|alcanz\w+\s+(?:el|un)\b|de\s+la\s+meta|cumpl\w+\s+(?:en\s+un|al|el)\b"
    r"|ating\w+\s+(?:os?\b|\d)|da\s+meta|cumpri\w+\s+(?:a|em)\b",
    re.IGNORECASE,
)
_INTENDED = re.compile(
    r"\bwill\b|\bshall\b|\bexpect\w*|\bplan(?:s|ned)?\b|\baims?\b|\bintend\w*|\bprovides?\s+for\b|\bto\s+be\s+\w+ed\b|\bshould\b|\btarget(?:s|ed)?\b"
    r"|\bse\s+espera\w*|\bpermitirá\w*|\bpretend\w+|\bbusca(?:n|rá)?\b|\bprev[eé]\w*|\bdeber[áí]\w*|\bse\s+logrará\w*|\bserán?\b"
    r"|\bespera(?:-se|m-se)\b|\bpermitirá\b|\bpretende\w*|\bvisa(?:m)?\b|\bdever[áã]\w*|\bserão\b",
    re.IGNORECASE,
)
_CAUSED = re.compile(
    r"\bcreat(?:ed|es|ion)\b|\bgenerat\w+|\bincreased\b|\bthanks\s+to\b|\bled\s+to\b|\bbrought\b|\bcontribut\w+"
    r"|\bcre(?:ó|aron|ando)\b|\bcreación\b|\bgener(?:ó|aron|ar|ando|ación)\b|\bgracias\s+a\b|\baument(?:ó|aron)\b|\bincrement(?:ó|aron)\b|\blogr(?:ó|aron)\b"
    r"|\bcriou\b|\bcriaç(?:ão|ões)\b|\bger(?:ou|aram|ação)\b|\bgraças\s+a\b|\baument(?:ou|aram)\b|\bcriaram\b",
    re.IGNORECASE,
)


_CHANGED = re.compile(
    r"\bincreas\w+|\bimprov\w+|\baument(?:ó|aron|ando|aram|ou)\b|\bincrement(?:ó|aron|ando)\b|\bmejor(?:ó|aron)\b|\bmelhor(?:ou|aram)\b",
    re.IGNORECASE,
)


def reading_of(phrase: str) -> str | None:
    """What a phrase says that a percentage of a target is; nothing where it says neither, or both.

    Examples
    --------
    >>> [reading_of(p) for p in ("superada en 205%", "se alcanzó el 205 % de la meta", "um aumento de 5 %")]
    ['per_cent_above_target', 'per_cent_of_target', None]
    """
    above = _ABOVE.search(phrase) is not None
    # "Por encima de la meta" holds "de la meta": only what is left beside words of excess speaks of the target.
    of = _OF.search(_ABOVE.sub(" ", phrase)) is not None
    if above == of:
        return None
    return ABOVE if above else OF


def intends(phrase: str) -> bool:
    """Whether a phrase speaks of what should be.

    Examples
    --------
    >>> intends("More than 25 000 companies are expected"), intends("served almost 60,000 SMEs")
    (True, False)
    """
    return _INTENDED.search(phrase) is not None


def claims_change(phrase: str) -> bool:
    """Whether a phrase says that something of the firms themselves changed: exports that increased, not nuclei that were created.

    Examples
    --------
    >>> claims_change("6 500 SMEs increased their exports"), claims_change("created 22 Nuclei, benefiting 341 SMEs")
    (True, False)
    """
    return _CHANGED.search(phrase) is not None


def claims_effect(phrase: str) -> bool:
    """Whether a phrase says that something was brought about.

    Examples
    --------
    >>> claims_effect("creation of more than 20 000 direct"), claims_effect("in 18 countries")
    (True, False)
    """
    return _CAUSED.search(phrase) is not None
