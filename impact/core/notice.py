"""What was accepted or repaired, and must be said: a warning is a value, printed with the data."""

from __future__ import annotations

from dataclasses import dataclass

from impact.core.errors import shown


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that does not stop the work, and that the reader of its result must know.

    Parameters
    ----------
    said : str
        A sentence without its final stop.
    file, column : str, optional
        Where, as the person knows it.
    rows : int, optional
        How many rows it touches.
    examples : tuple of str
        A few of the values, shown cut.

    Examples
    --------
    >>> print(Notice("letters of another alphabet were read as Latin ones", file="roster.csv",
    ...              column="firm_id", rows=2, examples=("АB12",)))
    roster.csv, column 'firm_id': letters of another alphabet were read as Latin ones (2 rows), such as 'АB12'.
    """

    said: str
    file: str | None = None
    column: str | None = None
    rows: int | None = None
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = [w for w in (self.file, f"column '{self.column}'" if self.column else None) if w]
        count = "" if self.rows is None else f" ({self.rows:,} row{'' if self.rows == 1 else 's'})"
        such = (
            f", such as {', '.join(shown(e) for e in self.examples[:3])}" if self.examples else ""
        )
        text = f"{self.said.rstrip('.')}{count}{such}."
        return f"{', '.join(where)}: {text}" if where else text
