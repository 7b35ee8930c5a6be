"""Columns of words: yes or no, and names as they stand."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

import pandas as pd

from impact.core.errors import shown
from impact.validate.meanings import Meanings, by_text
from impact.validate.understood import Understood

_YES = ("1", "1.0", "x", "yes", "y", "true", "si", "s", "sim", "verdadero", "verdadeiro")
_NO = ("0", "0.0", "no", "n", "false", "nao", "falso")
_FLAGS = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)
_PAIR = {"t": True, "f": False}  # f alone may be a woman
_LONGEST = 1000  # characters; a longer cell is a damaged file, not a name
_JOINERS = "\u200c\u200d"  # part of words in some scripts


def understand_flags(texts: pd.Series, column: str) -> Understood:
    """Understand a column of yes and no, in English, Spanish and Portuguese; the part is named as the column.

    Parameters
    ----------
    texts : Series
        Index: distinct texts as received; values: rows.
    column : str
        Canonical name.

    Returns
    -------
    Understood
        Part of dtype `boolean`, missing where the cell is empty. A column that only says yes leaves open whether its
        empty cells mean no: they stay missing, and a notice says so.

    Examples
    --------
    >>> found = understand_flags(pd.Series([2, 1, 1], index=["Sí", "não", ""]), "women_led")
    >>> found.meaning["women_led"].tolist()
    [<NA>, True, False]
    """
    found = Meanings(column, {column: "boolean"})
    seen: set[bool] = set()
    empty = 0
    cells = list(by_text(texts))
    known = _FLAGS | (_PAIR if set(_PAIR) <= {text.lower() for _, text, _ in cells} else {})
    for raw, text, rows in cells:
        flag = known.get(_plain(text)) if len(text) <= 20 else None
        if flag is not None:
            found.means(raw, flag)
            seen.add(flag)
        elif not text:
            found.empty(raw, allowed=True)
            empty += rows
        else:
            found.misread(raw, "expected yes or no", "write yes or no, or leave the cell empty if it is unknown")  # fmt: skip
    if seen == {True} and empty:
        found.noted("the column says yes and never no; its empty cells are missing, not no", empty)
    return found.understood()


def understand_text(texts: pd.Series, column: str) -> Understood:
    """Understand a column of words: kept as they are, without outer blanks; the part is named as the column.

    Parameters
    ----------
    texts : Series
        Index: distinct texts as received; values: rows.
    column : str
        Canonical name.

    Returns
    -------
    Understood
        Part of dtype `str`, missing where the cell is empty. Runs of blanks and line ends become one blank, invisible signs
        go, and accents are written in one way, each with a notice. Control characters, formulas, halves of characters and
        cells of more than 1,000 characters are misread.

    Examples
    --------
    >>> found = understand_text(pd.Series([1, 1, 1], index=[" Norte ", "", "=A1"]), "region")
    >>> found.meaning["region"].tolist(), found.misread["problem"].tolist()
    ([nan, 'Norte'], ['this looks like a formula'])
    """
    found = Meanings(column, {column: "str"})
    alike: dict[str, dict[str, int]] = defaultdict(dict)
    for raw, text, rows in by_text(texts):
        if not text:
            found.empty(raw, allowed=True)
            continue
        words = (
            text if text.isascii() and text.isprintable() and "  " not in text else _tidied(text)
        )
        problem = _problem(words)
        if problem is not None:
            found.misread(raw, *problem)
            continue
        if words != text:
            found.noted("line ends, doubled blanks, invisible signs or loose accents were written plainly", rows, text)  # fmt: skip
        found.means(raw, words or None)
        alike[_plain(words)][words] = rows
    twins = [w for group in alike.values() if len(group) > 1 for w in sorted(group)]
    if twins:
        found.noted("texts that differ in case or accents alone are kept apart",
                    sum(alike[_plain(w)][w] for w in twins), *twins)  # fmt: skip
    return found.understood()


def _plain(text: str) -> str:
    """Lower case, without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def _tidied(text: str) -> str:
    if len(text) > _LONGEST:
        return text
    joined = re.sub(r"[^\S\x1c-\x1f]+", " ", unicodedata.normalize("NFC", text))
    return "".join(c for c in joined if unicodedata.category(c) != "Cf" or c in _JOINERS).strip()


def _problem(text: str) -> tuple[str, str] | None:
    if len(text) > _LONGEST:
        return (
            f"the cell holds {len(text):,} characters",
            "correct the cell; a quote may be open in the file",
        )
    if text[:1] in ("=", "@"):
        return "this looks like a formula", "export the values, not the formulas"
    if text.isprintable():
        return None
    bad = next((c for c in text if unicodedata.category(c) in ("Cc", "Cs")), None)
    if bad is not None:
        name = "half a character" if "\ud800" <= bad <= "\udfff" else "a control character"
        return f"the cell holds {name}", f"correct the cell {shown(text[:40])}, or its encoding"
    return None
