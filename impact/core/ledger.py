"""The row ledger: every row that comes in is used, or dropped for a named reason.

The ledger is a value. Each step returns a new one, and a ledger whose lines do not add up cannot be
made, so the identity `in = used + sum of dropped` is a property of the type and not of good manners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from impact.core.errors import ImpactError


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """Rows (and firms, where they are counted) that left at one step for one reason."""

    reason: str
    rows: int
    units: int | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows in, rows dropped by reason, rows used, of one table.

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

    Raises
    ------
    ImpactError
        If rows are lost or invented: `rows_in != rows_used + sum(dropped)`.

    Examples
    --------
    >>> ledger = Ledger.opened("firms.csv", 471).dropped("employment missing", 31)
    >>> ledger.rows_used
    440
    """

    table: str
    rows_in: int
    rows_used: int
    units_in: int | None = None
    units_used: int | None = None
    lines: tuple[LedgerLine, ...] = ()

    def __post_init__(self) -> None:
        dropped = sum(line.rows for line in self.lines)
        if self.rows_in != self.rows_used + dropped or min(self.rows_in, self.rows_used) < 0:
            raise ImpactError(
                f"The row ledger of {self.table} does not add up: "
                f"{self.rows_in} in, {self.rows_used} used, {dropped} dropped."
            )

    @classmethod
    def opened(cls, table: str, rows: int, units: int | None = None) -> Ledger:
        """Start a ledger in which every row is still used."""
        return cls(table, rows, rows, units, units)

    def dropped(self, reason: str, rows: int, units_left: int | None = None) -> Ledger:
        """Return the ledger after `rows` rows left for `reason`.

        Parameters
        ----------
        reason : str
            Why they left.
        rows : int
            How many; a line of no rows is kept too, since "none" is a finding.
        units_left : int, optional
            Firms that remain, where firms are counted.
        """
        gone = None
        if units_left is not None and self.units_used is not None:
            gone = self.units_used - units_left
        return replace(
            self,
            rows_used=self.rows_used - rows,
            units_used=units_left if units_left is not None else self.units_used,
            lines=(*self.lines, LedgerLine(reason, rows, gone)),
        )

    def tidy(self) -> pd.DataFrame:
        """Give one row per line: `table, line, reason, rows, units`; `in` first, `used` last."""
        rows: list[tuple[str, str, str, int, int | None]] = [
            (self.table, "in", "rows read", self.rows_in, self.units_in)
        ]
        rows += [(self.table, "dropped", x.reason, x.rows, x.units) for x in self.lines]
        rows.append((self.table, "used", "rows used", self.rows_used, self.units_used))
        frame = pd.DataFrame(rows, columns=["table", "line", "reason", "rows", "units"])
        return frame.astype({"rows": "int64", "units": "Int64"})


def tidy_ledgers(ledgers: Sequence[Ledger]) -> pd.DataFrame:
    """Stack several ledgers into one tidy table, in the order given."""
    if not ledgers:
        return Ledger.opened("", 0).tidy().iloc[:0]
    return pd.concat([ledger.tidy() for ledger in ledgers], ignore_index=True)
