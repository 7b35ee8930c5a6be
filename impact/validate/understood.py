"""What the distinct texts of a column mean.

A country's customs file has fifty million rows and a few thousand distinct dates, products and destinations. Each
distinct text is understood once, in Python, by rules that can be read and tested; the engine then joins rows to meanings.
So both engines read the same, and a rule costs nothing per row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from impact.core.errors import Fault
from impact.core.notice import Notice


@dataclass(frozen=True, slots=True, eq=False)
class Understood:
    """The meaning of each distinct text of one column, or why it has none.

    Every distinct text stands once in `meaning` or once in `misread`, never in both.

    Attributes
    ----------
    column : str
        Canonical name of the column.
    meaning : DataFrame
        `text`, then one column per part of the meaning (`year`, `month`; `firm_id`; ...), then `reason`: missing
        where rows with this text are used, else the ledger's reason for leaving them out.
    misread : DataFrame
        `text, problem, remedy`: texts that mean nothing; each row that holds one is a fault.
    faults : tuple of Fault
        Of the column as a whole: questions that only a person can answer. Without file and row.
    notices : tuple of Notice
        What was repaired or accepted.
    """

    column: str
    meaning: pd.DataFrame
    misread: pd.DataFrame
    faults: tuple[Fault, ...] = field(default=())
    notices: tuple[Notice, ...] = field(default=())


def misread_table(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """A table of misread texts from `(text, problem, remedy)`."""
    # Objects, not `str`: a text from Python may hold half a surrogate pair, which no Arrow string can.
    return pd.DataFrame(rows, columns=["text", "problem", "remedy"], dtype="object")
