"""Meanings while they are gathered: the one way in which a column's texts become an `Understood`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

import pandas as pd

from impact.core.errors import Fault
from impact.core.notice import Notice
from impact.validate.understood import Understood, misread_table

OUTER_BLANKS = (
    " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
"""What a cell sheds at both ends: blanks of every width, the byte order mark, marks of direction."""

_EMPTY = ("the cell is empty", "fill it in, or drop the row")


def stripped(text: str) -> str:
    """Return a cell without its outer blanks.

    Examples
    --------
    >>> stripped("\\ufeff 0901\\u00a0")
    '0901'
    """
    return text.strip(OUTER_BLANKS)


def by_text(texts: pd.Series) -> Iterator[tuple[str, str, int]]:
    """Each text as received, the same without outer blanks, and its rows, in the order of the texts.

    What is found must not depend on the order in which an engine hands the texts over.
    """
    received = [str(text) for text in texts.index]
    for raw, rows in sorted(zip(received, texts.tolist(), strict=True)):
        yield raw, raw.strip(OUTER_BLANKS), int(rows)


@dataclass(slots=True, eq=False)
class Meanings:
    """Gathers what each text of a column means.

    Parameters
    ----------
    column : str
        Canonical name.
    parts : mapping of str to str
        Name of each part of the meaning and its dtype.

    Examples
    --------
    >>> found = Meanings("year", {"year": "Int64"})
    >>> found.means("2012", 2012)
    >>> found.misread("MMXII", "expected a year", "write 2012")
    >>> understood = found.understood()
    >>> understood.meaning["year"].tolist(), understood.misread["text"].tolist()
    ([2012], ['MMXII'])
    """

    column: str
    parts: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)
    _meant: list[tuple[object, ...]] = field(default_factory=list)
    _misread: list[tuple[str, str, str]] = field(default_factory=list)
    _noted: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def means(self, raw: str, *meaning: object, reason: str | None = None) -> None:
        """Give a text its meaning, part by part; rows with a `reason` leave."""
        self._meant.append((raw, *meaning, reason))

    def undecided(self, raw: str) -> None:
        """Leave a text without meaning, since a fault of the column asks about it."""
        self._meant.append((raw, *([None] * len(self.parts)), None))

    def empty(self, raw: str, allowed: bool) -> None:
        """Take an empty cell: missing where it is allowed, else misread."""
        if allowed:
            self.undecided(raw)
        else:
            self.misread(raw, *_EMPTY)

    def misread(self, raw: str, problem: str, remedy: str) -> None:
        """Say that a text means nothing."""
        self._misread.append((raw, problem, remedy))

    def noted(self, said: str, rows: int | None, *examples: str) -> None:
        """Count rows, and keep the first examples, under one notice."""
        before, shown = self._noted.get(said, (0, []))
        shown.extend(examples[: 3 - len(shown)])
        self._noted[said] = (before + (rows or 0), shown)

    def ask(self, problem: str, remedy: str, example: str | None = None) -> None:
        """Ask about the column as a whole."""
        self.faults.append(Fault(problem, remedy, column=self.column, value=example))

    def understood(self) -> Understood:
        """Close: tables in the order of the texts."""
        names = ["text", *self.parts, "reason"]
        columns = list(zip(*sorted(self._meant, key=itemgetter(0)), strict=True))
        columns = columns or [() for _ in names]
        dtypes = ["str", *self.parts.values(), "str"]
        meaning = pd.DataFrame(
            {n: _series(c, t) for n, c, t in zip(names, columns, dtypes, strict=True)}
        )
        notices = tuple(
            Notice(said, column=self.column, rows=rows or None, examples=tuple(shown))
            for said, (rows, shown) in self._noted.items()
        )
        return Understood(
            self.column, meaning, _misread_table(sorted(self._misread)), tuple(self.faults), notices
        )


def _series(values: tuple[object, ...], dtype: str) -> pd.Series:
    try:
        return pd.Series(values, dtype=dtype)
    except UnicodeEncodeError:  # half a character, which a damaged export may hold, is no UTF-8
        return pd.Series(values, dtype="object")


def _misread_table(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    try:
        return misread_table(rows)
    except UnicodeEncodeError:
        return pd.DataFrame(rows, columns=["text", "problem", "remedy"], dtype="object")
