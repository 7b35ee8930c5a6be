"""The one tree of errors. Each says what was found, where, and what to do.

A person meets an error as text without a traceback, and a build meets it as an exit code. Both come
from here, so a new kind of failure is one class with one number and no change in the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest

_CUT = 80  # a hostile cell may hold ten megabytes; a message shows its beginning
_SHOWN = 50  # faults printed in full; the rest is counted


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, where it stands, and how to mend it.

    Parameters
    ----------
    problem : str
        What was found, as a sentence without its final stop.
    remedy : str
        What the person should do, as a sentence without its final stop.
    file : str, optional
        Name of the file, as the person wrote it.
    row : int, optional
        Row or line as the person counts it in that file: the header is row 1.
    column : str, optional
        Column or key.
    value : object, optional
        The offending value; it is shown cut at 80 characters.
    count : int
        How many it stands for, where it says how many more there are of its kind.

    Examples
    --------
    >>> print(Fault("expected a number", "write 12", file="firms.csv", row=3, column="employees",
    ...             value="twelve"))
    firms.csv, row 3, column 'employees', value 'twelve': expected a number. To mend: write 12.
    """

    problem: str
    remedy: str
    file: str | None = None
    row: int | None = None
    column: str | None = None
    value: object = None
    count: int = 1

    def __str__(self) -> str:
        where = []
        if self.file is not None:
            where.append(self.file)
        if self.row is not None:
            where.append(f"row {self.row}")
        if self.column is not None:
            where.append(f"column '{self.column}'")
        if self.value is not None:
            where.append(f"value {shown(self.value)}")
        place = ", ".join(where)
        remedy = self.remedy if self.remedy.endswith("?") else f"{self.remedy.rstrip('.')}."
        problem = self.problem if self.problem.endswith("?") else f"{self.problem.rstrip('.')}."
        text = f"{problem} To mend: {remedy}"
        return f"{place}: {text}" if place else text


def collapsed(faults: Iterable[Fault], *, above: int = 5) -> list[Fault]:
    """Make one fault of many equal ones of a column, with their number and the first rows; a few stay as they are.

    One wrong declaration makes every cell of a column a fault, and fifty lines hide what else is wrong.

    Parameters
    ----------
    faults : iterable of Fault
    above : int
        As many equal faults are named one by one.

    Examples
    --------
    >>> many = [Fault("this is no date", "write 2012-05-31", "x.csv", row, "date", "soon") for row in range(2, 40)]
    >>> for fault in collapsed(many):
    ...     print(fault)
    x.csv, column 'date', value 'soon': this is no date (38 cells, in rows 2, 3, 4, 5, 6, ...). To mend: write 2012-05-31.
    """
    groups: dict[tuple[str | None, str | None, str, str], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.file, fault.column, fault.problem, fault.remedy), []).append(fault)
    found = []
    for group in groups.values():
        rows = [f.row for f in group if f.row is not None]
        if len(group) <= above or len(rows) < len(group):
            found += group
            continue
        listed = ", ".join(f"{row}" for row in rows[:5])
        said = f"{group[0].problem.rstrip('.')} ({len(group):,} cells, in rows {listed}, ...)"
        found.append(replace(group[0], problem=said, row=None, count=len(group)))
    return found


def shown(value: object) -> str:
    """Write a value for a message: one line, no control characters, cut at 80 characters.

    Examples
    --------
    >>> shown("a" * 100) == "'" + "a" * 80 + "…'"
    True
    """
    text = value if isinstance(value, str) else str(value)
    cut = text[:_CUT]
    clean = "".join(c if c.isprintable() else "�" for c in cut)
    return f"'{clean}{'…' if len(text) > _CUT else ''}'"


def _some_of_each(faults: Sequence[Fault]) -> list[Fault]:
    """The faults to print, in their order: where there are too many, some of every file and column."""
    if len(faults) <= _SHOWN:
        return list(faults)
    places: dict[tuple[str | None, str | None], list[int]] = {}
    for number, fault in enumerate(faults):
        places.setdefault((fault.file, fault.column), []).append(number)
    rounds = (n for turn in zip_longest(*places.values()) for n in turn if n is not None)
    return [faults[n] for n in sorted(islice(rounds, _SHOWN))]


class ImpactError(Exception):
    """Root of everything that `impact` refuses, with the faults that caused it.

    Parameters
    ----------
    message : str
        One sentence on what was refused.
    faults : iterable of Fault, optional
        Every fault that was found in the same pass.

    Attributes
    ----------
    exit_code : int
        What the command `impact` returns to the shell for this class.
    """

    exit_code = 10

    def __init__(self, message: str, faults: Iterable[Fault] = ()) -> None:
        self.message = message
        self.faults = tuple(faults)
        super().__init__(message)

    def __str__(self) -> str:
        named = [fault for fault in self.faults if fault.count == 1]
        lines = [self.message]
        lines += [f"  {fault}" for fault in _some_of_each(named)]
        # What a reader already counted is said, however many others there are.
        lines += [f"  {fault}" for fault in self.faults if fault.count > 1]
        if len(named) > _SHOWN:
            lines.append(f"  … and {len(named) - _SHOWN:,} more.")
        return "\n".join(lines)


def how_many(faults: Iterable[Fault]) -> str:
    """Say how many faults there are, counting those that one of them stands for.

    Examples
    --------
    >>> how_many([Fault("a", "b"), Fault("40 more", "c", count=40)])
    '41 faults'
    """
    count = sum(fault.count for fault in faults)
    return f"{count:,} fault{'' if count == 1 else 's'}"


class StudyError(ImpactError):
    """study.toml asks for something that does not exist or does not fit together."""

    exit_code = 11


class DataError(ImpactError):
    """A file, or a table handed to a function, breaks its contract."""

    exit_code = 12


class DesignError(ImpactError):
    """A comparison group cannot be built as asked."""

    exit_code = 13


class EstimationError(ImpactError):
    """The data cannot identify the effect that was asked for."""

    exit_code = 14


class ReportError(ImpactError):
    """The annex could not be written, or differs from the one it is compared with."""

    exit_code = 15


class MissingEngine(ImpactError):
    """An optional library is needed and is not installed."""

    exit_code = 16
