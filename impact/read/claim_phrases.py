"""What the words of a phrase say, in English, Spanish and Portuguese: of or above a target, an intention, an effect."""

from __future__ import annotations

import re

from impact.read.claim_wordings import ABOVE, OF

_PER_CENT = re.compile(
    r"\d+(?:[.,]\d+)*\s*(?:%|per\s?cent\b|percentage\s+points\b|por\s+cien(?:to)?\b|por\s+cento\b)",
    re.IGNORECASE,
)
# The words count only where they are tied to the percentage, which stands as § in what is searched; [^§,;.] is what may lie between.
_ABOVE = re.compile(
    r"(?:exceed|surpass|outperform|overshot|topp?ed|beat)\w*\b[^§;.]*\bby\b[^§,;.]{0,20}§"
    r"|§[^§,;.]{0,15}\b(?:above|beyond|in\s+excess|more\s+than|higher\s+than|over(?=\s+(?:the\s+|its\s+|their\s+|our\s+)?(?:\w+\s+)?(?:target|goal|plan|objective|aim)|\s*$))\b|§\s*(?:more|extra|additional)\b|\b(?:additional|extra)\s+§"
    r"|(?:super|exced|sobrepas|rebas|ultrapass)\w*\b[^§;.]*\be[nm]\b[^§,;.]{0,15}§"
    r"|(?:super|exced|sobrepas|rebas|ultrapass)\w*\b\s+(?:l?[ao]s?\s+|el\s+)?(?:meta|objetivo|indicador|previsto)s?\s+por\s+(?:un\s+)?§"
    r"|§\s*(?:más|mais|a\s+mais|adiciona\w+|extra)\b|\badiciona\w+\s+(?:de\s+|del\s+|do\s+)?(?:un\s+)?§"
    r"|§[^§,;.]{0,15}\b(?:por\s+encima|por\s+sobre|acima)\b",
    re.IGNORECASE,
)
_OF = re.compile(
    r"§\s+of\s+(?:the\s+|its\s+|their\s+|our\s+|what\s+was\s+)?(?:\w+\s+)?(?:target|goal|plan|objective|aim)"
    r"|(?:reach|achiev|attain|fulfil|hit)\w*\b[^§,;.]{0,25}§"
    r"|§\s+(?:de\s+(?:la\s+|las\s+|los\s+|lo\s+|su\s+|sus\s+)|del\s+|d[ao]s?\s+|da\s+sua\s+)(?:meta|objetivo|previst|planific|planead|planejad|programad)"
    r"|(?:alcanz|logr|cumpl|lleg[oó]|alcanç|ating|cumpri|cheg(?:ou|aram))\w*\b[^§,;.]{0,25}§",
    re.IGNORECASE,
)
_INTENDED = re.compile(
    r"\bwill\b|\bshall\b|\b(?:is|are|was|were)\s+(?:\w+ly\s+)?(?:expected|planned|intended|foreseen|designed)\b|\bexpect(?:s|ed)?\s+to\b|\bplans?\s+to\b"
    r"|\baims?\s+(?:at|to)\b|\bintends?\s+to\b|\bseeks?\s+to\b|\bprovides?\s+for\b|\bto\s+be\s+\w+ed\b|\bshould\b"
    r"|\bse\s+esperan?\b|\bse\s+prev[eé]n?\b|\bestán?\s+previst[ao]s?\b|\bpretenden?\b|\bbusca(?:n|rá|rán)?\s+\w+[aei]r\b|\bdeberían?\b|\bvan?\s+a\s+\w+[aei]r\b"
    r"|\btienen?\s+(?:como|por)\s+(?:objetivo|meta)\b"
    r"|\besperam?-se\b|\bprev(?:ê|êem|eem)(?:-se)?\b|\best(?:á|ão)\s+previst[ao]s?\b|\bpretendem?\b|\bvisam?\s+\w+[aei]r\b|\bdeveriam?\b|\bv(?:ai|ão)\s+\w+[aei]r\b"
    r"|\bt[eê]m\s+(?:como|por)\s+(?:objetivo|meta)\b",
    re.IGNORECASE,
)
# "beneficiará", "crearán", "gerarão": the future of Spanish and Portuguese. Names (Paraná, Ceará) begin with a capital and are no verbs.
# What was exceeded, what firms themselves want, plans that are papers, shrimp: none of these is an intention of the programme.
_NO_INTENTION = re.compile(
    r"\b(?:than\s+(?:is|are|was|were)|what\s+(?:was|were))\s+(?:\w+ly\s+)?(?:expected|planned|intended|foreseen)\b"
    r"|\b(?:de\s+l[oa]s?|d[oa]s?)\s+que\s+(?:se\s+)?(?:esperan?|prev[eé]n?|prevê|preveem)(?:-se)?\b"
    r"|\b(?:firms|companies|enterprises|SMEs|MSMEs|exporters|producers|entrepreneurs|farmers)\s+(?:that|which|who)\s+(?:plan|aim|intend|seek)\b"
    r"|\b(?:empresas|mipymes|pymes|exportador[ae]s|productores|produtores|empresari[oa]s|empresári[oa]s|emprendedores|empreendedores)"
    r"\s+que\s+(?:buscan|pretende[mn]|visam)\b"
    r"|\b\d[\d.,]*\s+(?:\w+\s+){0,2}plans\b|\b(?:helped|enabled|trained|supported)\b[^,;.]*\bto\s+be\b|\bcamarão\b",
    re.IGNORECASE,
)
_FUTURE = re.compile(
    r"\b[a-zñçáéíóúâêôãõü]{2,}(?:[aei]rá|[aei]rán|[aei]rão)\b|\b(?:ha[br]|pod|ten|pon|ven|sal|quer|sab|d?i|ser)d?rán?\b|\bserão\b|\bserán?\b"
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
    """What a phrase says that a percentage of a target is; nothing where it does not say.

    Examples
    --------
    >>> [reading_of(p) for p in ("superada en 205%", "se alcanzó el 205 % de la meta", "um aumento de 5 %")]
    ['per_cent_above_target', 'per_cent_of_target', None]
    """
    marked = _PER_CENT.sub("§", phrase)
    # "Exceeded by 105 % of the target" and "reached 105 % above the target" say above: words of excess that are tied to the number decide.
    if _ABOVE.search(marked):
        return ABOVE
    return OF if _OF.search(marked) else None


def intends(phrase: str) -> bool:
    """Whether a phrase speaks of what should be.

    Examples
    --------
    >>> intends("More than 25 000 companies are expected"), intends("served almost 60,000 SMEs")
    (True, False)
    """
    own = _NO_INTENTION.sub(" § ", phrase)
    return _INTENDED.search(own) is not None or _FUTURE.search(own) is not None


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
