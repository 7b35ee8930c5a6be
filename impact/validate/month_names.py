"""Names of months in the languages of the files: Spanish, Portuguese, English."""

from __future__ import annotations

_NAMES = (  # Spanish, Portuguese, English, then how they are cut short
    ("enero", "janeiro", "january", "ene", "jan"),
    ("febrero", "fevereiro", "february", "feb", "fev"),
    ("marzo", "março", "march", "mar", "mzo", "marco"),
    ("abril", "abril", "april", "abr", "apr"),
    ("mayo", "maio", "may", "mai"),
    ("junio", "junho", "june", "jun"),
    ("julio", "julho", "july", "jul"),
    ("agosto", "agosto", "august", "ago", "aug"),
    ("septiembre", "setembro", "september", "setiembre", "sep", "sept", "set"),
    ("octubre", "outubro", "october", "oct", "out"),
    ("noviembre", "novembro", "november", "nov"),
    ("diciembre", "dezembro", "december", "dic", "dez", "dec"),
)  # no name stands for two months in two of the languages
MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names}
ENGLISH = tuple(names[2].capitalize() for names in _NAMES)


def month_named(word: str) -> int | None:
    """Number of the month that a word names, full or cut short; None where it names none.

    Examples
    --------
    >>> month_named("Ago."), month_named("outubro"), month_named("brumaire")
    (8, 10, None)
    """
    return MONTHS.get(word.lower().rstrip("."))
