"""The row ledger: every row and every euro that comes in is used, or dropped for a named reason.

The ledger is a value. Each step returns a new one, and a ledger whose lines do not add up cannot be
made, so the identity `in = used + sum of dropped` is a property of the type and not of good manners.
Euros are counted in whole cents, as integers: the identity is exact, not exact up to a tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import SupportsIndex

import pandas as pd

from impact.core.errors import ImpactError


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """Rows (and firms and euro cents, where they are counted) that left at one step for one reason.

    Attributes
    ----------
    reason : str
        Why they left.
    rows : int
        How many.
    units : int, optional
        Firms of which no row is left.
    cents : int, optional
        Euro cents on the rows; negative where corrections outweigh.
    cents_unknown : bool
        The rows have an amount that nobody knows, such as a cell that cannot be read. It was never part
        of the cents that came in, so nothing leaves with it; print shows a dash and not 0.
    """

    reason: str
    rows: int
    units: int | None = None
    cents: int | None = None
    cents_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows in, rows dropped by reason, rows used, of one table; euro cents likewise where counted.

    Parameters
    ----------
    table : str
        What is counted: a file, or a sample made from it.
    rows_in, rows_used : int
        Rows at the start and at the end.
    units_in, units_used : int, optional
        Firms at the start and at the end.
    lines : tuple of LedgerLine
        Rows dropped, in the order of the steps.
    cents_in, cents_used : int, optional
        Euro cents at the start and at the end, of all rows whose amount is known.

    Raises
    ------
    ImpactError
        If rows or cents are lost or invented: `rows_in != rows_used + sum(dropped)`, and the same in
        cents; if a line of a ledger in cents does not say how many left; if cents are not integers.

    Examples
    --------
    >>> ledger = Ledger.opened("firms.csv", 471).dropped("employment missing", 31)
    >>> ledger.rows_used
    440
    >>> print(Ledger.opened("customs.csv", 5, cents=1_000_050)
    ...       .dropped("destination unknown", 2, cents=50)
    ...       .dropped("value cannot be read", 1, cents_unknown=True))
    customs.csv
      rows read: 5 rows, 10,000.50 euros
      - destination unknown: 2 rows, 0.50 euros
      - value cannot be read: 1 row, – euros
      rows used: 2 rows, 10,000.00 euros
    """

    table: str
    rows_in: int
    rows_used: int
    units_in: int | None = None
    units_used: int | None = None
    lines: tuple[LedgerLine, ...] = ()
    cents_in: int | None = None
    cents_used: int | None = None

    def __post_init__(self) -> None:
        dropped = sum(line.rows for line in self.lines)
        least = min([self.rows_in, self.rows_used, *(line.rows for line in self.lines)])
        if self.rows_in != self.rows_used + dropped or least < 0:
            raise ImpactError(
                f"The row ledger of {self.table} does not add up: "
                f"{self.rows_in} in, {self.rows_used} used, {dropped} dropped."
            )
        problem = _cents_problem(self)
        if problem:
            raise ImpactError(f"The ledger of {self.table} does not add up in cents: {problem}.")

    @classmethod
    def opened(
        cls,
        table: str,
        rows: int,
        units: int | None = None,
        cents: SupportsIndex | None = None,
    ) -> Ledger:
        """Start a ledger in which every row is still used."""
        known = _whole(table, cents)
        return cls(table, rows, rows, units, units, (), known, known)

    def dropped(
        self,
        reason: str,
        rows: int,
        units_left: int | None = None,
        cents: SupportsIndex | None = None,
        *,
        cents_unknown: bool = False,
    ) -> Ledger:
        """Return the ledger after `rows` rows left for `reason`.

        Parameters
        ----------
        reason : str
            Why they left.
        rows : int
            How many; a line of no rows is kept too, since "none" is a finding.
        units_left : int, optional
            Firms that remain, where firms are counted.
        cents : int, optional
            Euro cents that left with the rows; needed where the ledger counts cents and rows left.
        cents_unknown : bool
            Say instead that the amount of these rows was never known.
        """
        gone = None
        if units_left is not None and self.units_used is not None:
            gone = self.units_used - units_left
        left = _whole(self.table, cents)
        if left is None and self.cents_used is not None and rows == 0 and not cents_unknown:
            left = 0  # no row, no euro: a count, not a guess
        return replace(
            self,
            rows_used=self.rows_used - rows,
            units_used=units_left if units_left is not None else self.units_used,
            cents_used=None if self.cents_used is None else self.cents_used - (left or 0),
            lines=(*self.lines, LedgerLine(reason, rows, gone, left, cents_unknown)),
        )

    def tidy(self) -> pd.DataFrame:
        """Give one row per line: `table, line, reason, rows, units, cents`; `in` first, `used` last.

        What is not counted, and an amount that is unknown, is missing.
        """
        rows: list[tuple[str, str, str, int, int | None, int | None]] = [
            (self.table, "in", "rows read", self.rows_in, self.units_in, self.cents_in)
        ]
        rows += [(self.table, "dropped", x.reason, x.rows, x.units, x.cents) for x in self.lines]
        rows.append(
            (self.table, "used", "rows used", self.rows_used, self.units_used, self.cents_used)
        )
        frame = pd.DataFrame(rows, columns=["table", "line", "reason", "rows", "units", "cents"])
        # Column by column from the integers themselves: by way of a float, large cents would change.
        whole = {c: pd.array([row[i] for row in rows], dtype="Int64") for i, c in _OPTIONAL}
        return frame.assign(**whole).astype({"rows": "int64"})

    def __str__(self) -> str:
        lines = [("rows read", self.rows_in, self.cents_in)]
        lines += [(f"- {x.reason}", x.rows, x.cents) for x in self.lines]
        lines.append(("rows used", self.rows_used, self.cents_used))
        said = [self.table]
        for reason, rows, cents in lines:
            euros = "" if self.cents_in is None else f", {euros_text(cents)} euros"
            said.append(f"  {reason}: {rows:,} row{'' if rows == 1 else 's'}{euros}")
        return "\n".join(said)


_OPTIONAL = ((4, "units"), (5, "cents"))


def euros_text(cents: int | None) -> str:
    """Write whole cents as euros, exactly; a dash where the amount is unknown.

    Examples
    --------
    >>> euros_text(-123456), euros_text(5), euros_text(None)
    ('-1,234.56', '0.05', '–')
    """
    if cents is None:
        return "–"
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{rest:02d}"


def tidy_ledgers(ledgers: Sequence[Ledger]) -> pd.DataFrame:
    """Stack several ledgers into one tidy table, in the order given."""
    if not ledgers:
        return Ledger.opened("", 0).tidy().iloc[:0]
    return pd.concat([ledger.tidy() for ledger in ledgers], ignore_index=True)


def _whole(table: str, cents: SupportsIndex | None) -> int | None:
    """Cents as a Python integer, whichever integer type an engine gave; a float is refused."""
    if cents is None:
        return None
    try:
        return index(cents)
    except TypeError:
        raise ImpactError(
            f"The ledger of {table} counts whole cents; it was given {cents!r}."
        ) from None


def _cents_problem(ledger: Ledger) -> str | None:
    """Why the cents of a ledger do not add up, or None."""
    known = [line.cents for line in ledger.lines if line.cents is not None]
    amounts = [a for a in (ledger.cents_in, ledger.cents_used, *known) if a is not None]
    if any(type(a) is not int for a in amounts):
        return "an amount is not a whole number of cents"
    if ledger.cents_in is None or ledger.cents_used is None:
        counted = bool(amounts) or any(line.cents_unknown for line in ledger.lines)
        return "cents are counted on some lines only" if counted else None
    for line in ledger.lines:
        if line.cents is None and line.rows and not line.cents_unknown:
            return f"'{line.reason}' says neither how many cents left nor that they are unknown"
        if line.cents is not None and line.cents_unknown:
            return f"'{line.reason}' says how many cents left and that they are unknown"
        if line.rows == 0 and line.cents:
            return f"'{line.reason}' drops {line.cents} cents and no row"
    if ledger.cents_in != ledger.cents_used + sum(known):
        return f"{ledger.cents_in} in, {ledger.cents_used} used, {sum(known)} dropped"
    for rows, cents in ((ledger.rows_in, ledger.cents_in), (ledger.rows_used, ledger.cents_used)):
        if rows == 0 and cents:
            return f"{cents} cents stand on no row"
    return None
