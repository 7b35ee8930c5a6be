"""Faults of one file while it is read: the first of each kind in full, the rest counted."""

from __future__ import annotations

from impact.core.errors import Fault

SHOWN = 50


class Found:
    """Collect what is wrong in one file, so that a million bad rows are fifty faults and a number.

    Parameters
    ----------
    file : str
        The file as the person knows it.

    Examples
    --------
    >>> found = Found("firms.csv")
    >>> for row in range(2, 60):
    ...     found.note("rows with too few cells", "1 cell where the header names 2",
    ...                "complete the row", row=row)
    >>> len(found.faults()), found.faults()[-1].problem
    (51, '8 more rows with too few cells')
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._faults: list[Fault] = []
        self._counts: dict[str, int] = {}
        self._remedies: dict[str, str] = {}
        self._shown: dict[str, int] = {}

    def note(
        self,
        kind: str,
        problem: str,
        remedy: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
        shown: int = SHOWN,
    ) -> None:
        """Count one thing that is wrong, and keep it while few of its kind have been seen.

        Parameters
        ----------
        kind : str
            What is counted, in the plural: `rows with too few cells`.
        problem, remedy, row, column, value
            As in `Fault`.
        shown : int
            How many of this kind are kept.
        """
        self._counts[kind] = seen = self._counts.get(kind, 0) + 1
        self._remedies[kind], self._shown[kind] = remedy, shown
        if seen <= shown:
            self._faults.append(Fault(problem, remedy, self.file, row, column, value))

    def faults(self) -> list[Fault]:
        """Faults in the order of their rows, and a count of those that are not shown."""
        rest = [
            Fault(
                f"{seen - self._shown[kind]:,} more {kind}",
                self._remedies[kind],
                self.file,
                count=seen - self._shown[kind],
            )
            for kind, seen in self._counts.items()
            if seen > self._shown[kind]
        ]
        return [*sorted(self._faults, key=lambda fault: fault.row or 0), *rest]
