"""What one text of an identifier column says: an identifier, or damage with a name.

Identifiers are text, so that nothing is done here that could make two firms one without being counted: zeros stay, O and 0
stay. What a spreadsheet, a keyboard or a fixed-width export put around an identifier is taken away.
"""

from __future__ import annotations

import re
import unicodedata

EXACT = 15  # digits that a spreadsheet's number keeps
LONGEST = 64  # characters; no country's number is half as long
BLANKS = (
    " \t\n\r\f\v\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\u200c\u200d\u2060\ufeff"
)
"""Outer blanks: white space, no-break space, zero-width characters, byte order mark."""

PROBLEMS = {
    "empty": ("the identifier is empty",
              "fill it in, or declare why such rows are left out under identifiers.dropped"),
    "long": (f"the identifier is longer than {LONGEST} characters",
             "correct the cell, or look for a quotation mark or delimiter that is missing"),
    "control": ("the identifier holds a control character or one that no alphabet has",
                "export the file again; it is damaged, or in another encoding"),
    "symbol": ("the identifier holds a sign that no identifier has",
               "correct the cell; declare the sign under identifiers.separators where it only separates; "
               "where letters are broken, declare the encoding of the file"),
    "formula": ("the text begins like a formula or a signed number",
                "write the identifier itself, as text"),
    "exponent": ("a spreadsheet has rounded the identifier to a number with an exponent; digits are lost",
                 "export it again from the source, with the column formatted as text"),
    "float": ("the identifier ends like a decimal number, and the last 0 may be a check digit",
              "write the identifier without '.0' or, where 0 is its check digit, with '-' before it; "
              "export the column as text"),
    "rounded": ("the identifier was a decimal number of more than 15 digits; its last digits are lost",
                "export it again from the source, with the column formatted as text"),
    "thousands": ("the identifier is written like a number with thousands separators",
                  "declare the comma under identifiers.separators, or export the column as text"),
    "date": ("the identifier looks like a date; a spreadsheet makes dates of identifiers such as 10-12-49",
             "write the identifier as it is in the source, with the column formatted as text"),
    "total": ("the identifier looks like a total row",
              "delete the row, or declare drop_unreadable"),
    "note": ("the identifier looks like a note under the table",
             "delete the row, or declare drop_unreadable"),
    "heading": ("the identifier repeats the heading of the column",
                "delete the row: a table has one header row"),
    "nobody": ("the text stands for no firm, or for several",
               "declare why such rows are left out under identifiers.dropped"),
}  # fmt: skip
"""Why a text is no identifier -> what is said, and what to do."""

REPAIRS = {
    "capitals": "small letters of identifiers were written as capitals",
    "separators": "blanks and separators inside identifiers were removed",
    "quotes": "the quotation marks or the apostrophe by which a spreadsheet marks text were removed",
    "invisible": "invisible characters inside identifiers were removed",
    "width": "letters and digits of another width or script were written as plain ones",
    "lookalike": "letters of another alphabet that look Latin were read as Latin ones",
    "tail": "identifiers that had become decimal numbers lost their '.0'; zeros in front of them may be lost too",
}
"""What was mended -> what is said."""

Reading = tuple[str, tuple[str, ...], str]
"""An identifier, its repairs, and a key of PROBLEMS (empty where there is none)."""

_PLAIN = re.compile(r"[0-9A-Z]{0,2}[0-9][0-9A-Z]{0,61}")  # a digit this early: no word, no month
_ALMOST = re.compile(r"[0-9A-Za-z]{0,2}[0-9][0-9A-Za-z .\-/]{0,61}")
_ASCII_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r"=?\s*\"([^\"]*)\"|'+([^']*)'?")
_FOREIGN = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_UNKNOWN_SIGN = re.compile(r"[\"!?;|<>=$%@\[\]{}^~`\\]")

_MONTHS = """
    JAN JANUARY FEB FEBRUARY MAR MARCH APR APRIL MAY JUN JUNE JUL JULY AUG AUGUST SEP SEPT SEPTEMBER OCT OCTOBER NOV
    NOVEMBER DEC DECEMBER ENE ENERO FEBRERO MARZO ABR ABRIL MAYO JUNIO JULIO AGO AGOSTO SEPTIEMBRE SET SETIEMBRE OCTUBRE
    NOVIEMBRE DIC DICIEMBRE JANEIRO FEV FEVEREIRO MARÇO MAI MAIO JUNHO JULHO SETEMBRO OUT OUTUBRO NOVEMBRO DEZ DEZEMBRO
    JANV JANVIER FÉV FÉVR FÉVRIER FEVRIER MARS AVR AVRIL JUIN JUIL JUILLET AOÛ AOÛT AOUT SEPTEMBRE OCTOBRE NOVEMBRE DÉC
    DÉCEMBRE JANUAR FEBRUAR MÄR MRZ MÄRZ OKT OKTOBER DEZEMBER GEN MAG GIU LUG OTT
"""
_MONTH = f"(?:{'|'.join(_MONTHS.split())})\\.?"
_DAY, _YEAR = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:19|20)[0-9]{2}"
_CLOCK = "(?:[T ]+[0-9]{1,2}:[0-9:.Z ]*)?"
_DATE = (
    f"{_YEAR}[-/.]{_DAY}[-/.]{_DAY}{_CLOCK}|{_DAY}[-/.]{_DAY}[-/.]{_YEAR}{_CLOCK}|{_DAY}/{_DAY}/[0-9]{{2}}{_CLOCK}|"
    f"(?:{_DAY}[-/. ])?{_MONTH}[-/. ](?:[0-9]{{2}}|{_YEAR})|{_DAY}[-/. ]{_MONTH}"
)
_EXPONENT = "[0-9]+(?:[.,][0-9]*)?E[+][0-9]{1,3}|[0-9]+[.,][0-9]*E-?[0-9]{1,3}"
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
FLOAT = "([0-9]+)[.,](0{1,2})"
"""A number that became a decimal number: `123.0`."""

_TOTAL = (
    "(?:(?:GRAND?E?|SUB|SUMA|SOMA)[^0-9A-Z]*)*TOTA(?:L|LE|LES|LI|IS|UX|LEN)(?:E?S)?"
    "(?:(?:[^0-9A-ZÀ-ɏ_]|GEN|GER|19|20).*)?"
)
_TOTALS_WORDS = """
    SUM SUMA SUMAS SUMATORIA SOMA SOMMA SOMME SUMME ENSEMBLE INSGESAMT GESAMT GESAMTSUMME TOTAAL TOTALT RAZEM SUMMA
    CELKEM SPOLU ÖSSZESEN YHTEENSÄ TOPLAM UKUPNO SKUPAJ VISO KOPĀ KOKKU ИТОГО ВСЕГО ВСЬОГО ОБЩО УКУПНО ΣΥΝΟΛΟ ΣΎΝΟΛΟ
    JUMLAH 合计 合計 总计 總計 总和 총계 합계 المجموع الإجمالي
"""
_TOTALS = frozenset(_TOTALS_WORDS.split())
_NOTE = "(?:FUENTE|SOURCE|FONTE|QUELLE|NOTAS?|NOTES?|ELABORA[A-ZÓ]+) *[:.].*"
_IS_DATE, _IS_EXPONENT, _IS_FLOAT, _IS_TOTAL, _IS_NOTE = (
    re.compile(pattern).fullmatch for pattern in (_DATE, _EXPONENT, FLOAT, _TOTAL, _NOTE)
)
SUSPECT = "|".join((_DATE, _EXPONENT, FLOAT, _TOTAL, _NOTE))
"""What letters, digits and separators may hide: a text that matches must be read alone. (In the part of the language of
regular expressions that Arrow shares with Python, so that a column is searched at once.)"""
_NOBODY_WORDS = """
    NA NAN NULL NULO NONE NIL ND SN NOAPLICA NODISPONIBLE NOTAVAILABLE SINDATO SINDATOS SINNIT SINRUC SININFORMACION
    SININFORMACIÓN DESCONOCIDO DESCONOCIDA DESCONHECIDO UNKNOWN INCONNU UNBEKANNT NOIDENTIFICADO OTH OTHER OTHERS OTRO
    OTROS OTRA OTRAS OUTROS VARIOS VARIAS DIVERSOS RESTO REST #NA #ND #REF! #VALUE! #VALOR! #¡VALOR! #NAME? #¿NOMBRE?
    #NULL! #DIV0! <NA>
"""
_NOBODY = frozenset(_NOBODY_WORDS.split())
_HEADINGS_WORDS = """
    FIRMID FIRM_ID IDFIRM EMPRESA NIT RUC RUT RFC CUIT CNPJ TAXID TAX_ID
"""
_HEADINGS = frozenset(_HEADINGS_WORDS.split())

_LOOKS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜҮΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ",
    "ABESIJKMHOPCTYXQWYABEZHIKMNOPTYXC",
)
"""Cyrillic and Greek capitals -> the Latin ones that they look like. Never O -> 0 or I -> 1."""


def latin_twin(text: str) -> str:
    """Give capitals of another alphabet as the Latin ones that they look like.

    Examples
    --------
    >>> latin_twin("\\u0421\\u041e"), latin_twin("CO")
    ('CO', 'CO')
    """
    return text.upper().translate(_LOOKS)


def read_identifier(text: str, separators: str, tails: str = "ask") -> Reading:
    """Read one text, without its outer blanks.

    Parameters
    ----------
    text : str
        As received, stripped of `BLANKS`.
    separators : str
        Characters that only part groups of digits.
    tails : {"ask", "cut", "keep"}
        Whether `123.0` is a question, the number 123, or 123 with the check digit 0: the column decides.

    Returns
    -------
    tuple
        The identifier, the repairs (keys of `REPAIRS`), the problem (a key of `PROBLEMS`, or empty).

    Examples
    --------
    >>> read_identifier("900.123.456-7", " .-/")
    ('9001234567', ('separators',), '')
    >>> read_identifier("1.23E+09", " .-/")
    ('', (), 'exponent')
    """
    if _PLAIN.fullmatch(text):
        return text, (), ""
    if not text:
        return "", (), "empty"
    if len(text) > LONGEST:
        return "", (), "long"
    if text.isascii():
        return _read_latin(text, separators, tails)
    plain, repairs, problem = _latinised(text)
    if problem:
        return "", (), problem
    firm, more, problem = _read_latin(plain, separators, tails)
    if problem:
        return "", (), problem
    # a mark that stood after a separator may now stand after a letter
    return unicodedata.normalize("NFKC", firm), (*repairs, *more), ""


def _read_latin(text: str, separators: str, tails: str) -> Reading:
    """Read a text whose characters are plain ones."""
    repairs: list[str] = []
    capital = text.upper()
    if capital != text:
        repairs.append("capitals")
    quoted = _QUOTED.fullmatch(capital)
    if quoted:
        repairs.append("quotes")
        capital = (quoted[1] or quoted[2] or "").strip(BLANKS)
    tail = _IS_FLOAT(capital)
    if tail and not (tails == "keep" and tail[2] == "0"):
        if len(tail[1].lstrip("0")) > EXACT:
            return "", (), "rounded"
        if tails != "cut":
            return "", (), "float"
        repairs.append("tail")
        capital = tail[1]
    firm = capital
    for sign in separators:
        firm = firm.replace(sign, "")
    if firm != capital:
        repairs.append("separators")
    problem = _damage(capital) or ("" if _PLAIN.fullmatch(firm) else _damage(firm))
    if not problem and _UNKNOWN_SIGN.search(firm):
        problem = "symbol"
    if not problem and "," not in separators and _thousands(capital, firm):
        problem = "thousands"
    return ("", (), problem) if problem else (firm, tuple(repairs), "")


def _damage(text: str) -> str:
    """Name what is wrong with a text of capitals, or nothing."""
    if not text or not text.strip(" .-/_"):
        return "empty"
    if _ASCII_CONTROL.search(text):
        return "control"
    if _IS_DATE(text):
        return "date"
    if _IS_EXPONENT(text):
        return "exponent"
    if _ALMOST.fullmatch(text):
        return ""
    if text[0] in "=+@-":
        return "formula"
    return _word(text)


def _thousands(capital: str, firm: str) -> bool:
    return "," in firm and bool(_THOUSANDS.fullmatch(capital) or _THOUSANDS.fullmatch(firm))


def _word(text: str) -> str:
    """Name the text that is a word and no identifier: a total, a note, a heading, nobody."""
    word = text.rstrip(":. ")
    close = re.sub(r"[ ./\-:]", "", text)
    if word in _TOTALS or close in _TOTALS or _IS_TOTAL(word):
        return "total"
    if _IS_NOTE(text):
        return "note"
    if close in _NOBODY:
        return "nobody"
    return "heading" if close in _HEADINGS else ""


def _latinised(text: str) -> Reading:
    """Write a text in plain characters: no invisible ones, one width, one kind of blank, dash and digit."""
    repairs: list[str] = []
    kept: list[str] = []
    for sign in text:
        kind = unicodedata.category(sign)
        if kind == "Cf":
            repairs.append("invisible")
        elif kind[0] == "C":
            return "", (), "control"
        elif kind[0] == "Z":
            kept.append(" ")
        elif kind == "Pd" or sign == "\u2212":
            kept.append("-")
        elif kind in ("So", "Sk", "Sc"):
            return "", (), "symbol"
        else:
            kept.append(sign)
    seen = "".join(kept)
    plain = "".join(_digit(c) for c in unicodedata.normalize("NFKC", seen))
    if plain != seen:
        repairs.append("width")
    capital = unicodedata.normalize("NFKC", plain.upper())
    if capital != plain:
        repairs.append("capitals")
    twin = capital.translate(_LOOKS)
    if twin != capital and not _FOREIGN.search(twin):  # a word of that alphabet stays in it
        repairs.append("lookalike")
        capital = twin
    capital = capital.strip(BLANKS)
    if len(capital) > LONGEST:
        return "", (), "long"
    return capital, tuple(dict.fromkeys(repairs)), ""


def _digit(sign: str) -> str:
    value = unicodedata.decimal(sign, None)
    return sign if value is None else str(value)
