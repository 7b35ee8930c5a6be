"""Hostile variants of deliveries, as spreadsheets, offices and attackers make them: one fault at a time, where it stands known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from impact.core.errors import ImpactError

Outcome = Literal["accept", "repair", "ask", "refuse"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a careful reader does with a spoilt table.

    Attributes
    ----------
    fault : str
        Name in `FAULTS`.
    outcome : {"accept", "repair", "ask", "refuse"}
        Take it as it is, mend it and say so, ask what is meant, or refuse. The last two stop the study; a question can be
        answered in study.toml.
    table : str
        The delivery that can have this fault.
    column : str or None
        Where it stands; None = the whole row or file.
    rows : tuple of int
        Rows of the spoilt table as the person counts them, the header being row 1, in order.
    """

    fault: str
    outcome: Outcome
    table: str
    column: str | None
    rows: tuple[int, ...]

    @property
    def stops(self) -> bool:
        """Whether the study stops until somebody acts."""
        return self.outcome in ("ask", "refuse")


Made = tuple[pd.DataFrame, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Spoiling:
    """One way to spoil a table: the columns of `Expected`, and how it is done."""

    table: str
    column: str | None
    outcome: Outcome
    make: Callable[[pd.DataFrame, np.random.Generator], Made]


def spoil(
    frame: pd.DataFrame, fault: str, rng: np.random.Generator
) -> tuple[pd.DataFrame, Expected]:
    """Spoil a delivered table in one way.

    Parameters
    ----------
    frame : DataFrame
        The table of text that `FAULTS[fault].table` names, as `deliveries` gives it; it is not changed.
    fault : str
        Name in `FAULTS`.
    rng : Generator
        Picks the rows.

    Returns
    -------
    frame : DataFrame
        The spoilt table.
    expected : Expected
        What should be done with it, and which rows are spoilt.

    Raises
    ------
    ImpactError
        If there is no such fault, or the table has nothing that it could spoil.

    Examples
    --------
    >>> rates = pd.DataFrame({"currency": "USD", "year": ["2008", "2009"], "rate": ["1.47", "1.39"]}, dtype="str")
    >>> fewer, expected = spoil(rates, "missing rate", np.random.default_rng(1))
    >>> len(fewer), expected.outcome
    (1, 'refuse')
    """
    if fault not in FAULTS:
        raise ImpactError(
            f"There is no fault {fault!r}; choose from {', '.join(map(repr, FAULTS))}."
        )
    how = FAULTS[fault]
    if how.column is not None and how.column not in frame:
        raise ImpactError(f"{fault!r} spoils the column {how.column!r} of the {how.table}.")
    made, positions = how.make(frame.copy(), rng)
    rows = tuple(int(p) + 2 for p in sorted(positions))
    return made, Expected(fault, how.outcome, how.table, how.column, rows)


def _some(
    frame: pd.DataFrame, rng: np.random.Generator, where: pd.Series, least: int = 3
) -> np.ndarray:
    """Positions of a tenth of the rows that can be spoilt, three at least."""
    can = np.flatnonzero(where.to_numpy(dtype=bool))
    if not len(can):
        raise ImpactError("The table holds no cell that this fault could spoil.")
    n = min(len(can), max(least, len(can) // 10))
    return np.sort(rng.permutation(can)[:n])


def _cells(
    column: str,
    change: Callable[[str], str],
    where: Callable[[pd.Series], pd.Series] = lambda cells: cells != "",
    *,
    all_of_them: bool = False,
) -> Callable[[pd.DataFrame, np.random.Generator], Made]:
    """Change some cells of a column, or all that can be changed."""

    def make(frame: pd.DataFrame, rng: np.random.Generator) -> Made:
        can = where(frame[column])
        at = np.flatnonzero(can.to_numpy()) if all_of_them else _some(frame, rng, can)
        if not len(at):
            raise ImpactError("The table holds no cell that this fault could spoil.")
        cells = frame[column].to_numpy(dtype=object, copy=True)
        cells[at] = [change(c) for c in cells[at]]
        return frame.assign(**{column: pd.Series(cells, index=frame.index, dtype="str")}), tuple(at)

    return make


def _leads_with_zero(cells: pd.Series) -> pd.Series:
    return cells.str.startswith("0")


def _scientific(code: str) -> str:
    """As a spreadsheet shows a long number in a narrow column."""
    return f"{int(code):.1E}"


def _as_date(code: str) -> str:
    """`10-49` is a product's heading and sub-heading to an office, and October 1949 to a spreadsheet."""
    months = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")
    return f"{months[int(code[:2]) % 12]}-{int(code[2:4]):02d}"


def _with_thousands(value: str) -> str:
    """12500.37 -> 12.501: whole units with a point at each thousand, which could be a decimal point."""
    return f"{round(float(value)) + 1_000:,}".replace(",", ".")


def _month_first(date: str) -> str:
    return f"{date[3:5]}/{date[:2]}{date[5:]}"


def _serial(date: str) -> str:
    """Days since the spreadsheet's day zero."""
    when = pd.Timestamp(year=int(date[6:]), month=int(date[3:5]), day=int(date[:2]))
    return str((when - pd.Timestamp(1899, 12, 30)).days)


_LOOK_ALIKE = str.maketrans("ACEOP", "АСЕОР")  # Latin to Cyrillic


def _total_row(frame: pd.DataFrame, rng: np.random.Generator) -> Made:
    total = dict.fromkeys(frame.columns, "") | {
        "firm_id": "TOTAL",
        "value": f"{frame['value'].astype('float64').sum():.2f}",
    }
    last = pd.DataFrame([total], dtype="str")
    return pd.concat([frame, last], ignore_index=True), (len(frame),)


def _second_header(frame: pd.DataFrame, rng: np.random.Generator) -> Made:
    words = {c: c.replace("_", " ").capitalize() for c in frame.columns}
    return pd.concat([pd.DataFrame([words], dtype="str"), frame], ignore_index=True), (0,)


def _twice(frame: pd.DataFrame, rng: np.random.Generator) -> Made:
    n = len(frame)
    return pd.concat([frame, frame], ignore_index=True), tuple(range(n, 2 * n))


def _corrections(frame: pd.DataFrame, rng: np.random.Generator) -> Made:
    """A part of a shipment taken back in the same month, as customs offices do."""
    at = _some(frame, rng, frame["value"] != "")
    part = frame["value"].iloc[at].astype("float64") / 4
    back = frame.iloc[at].assign(value=[f"-{v:.2f}" for v in part])
    n = len(frame)
    return pd.concat([frame, back], ignore_index=True), tuple(range(n, n + len(at)))


def _without_a_rate(frame: pd.DataFrame, rng: np.random.Generator) -> Made:
    at = int(rng.integers(0, len(frame)))
    return frame.drop(index=frame.index[at]).reset_index(drop=True), ()


def _born_late(frame: pd.DataFrame, rng: np.random.Generator) -> Made:
    """Some firms are born, by the register's own word, after rows that the register holds of them."""
    first = frame["year"].astype("int64").groupby(frame["firm_id"]).transform("min")
    last = frame["year"].astype("int64").groupby(frame["firm_id"]).transform("max")
    known = frame["firm_id"].iloc[_some(frame, rng, last >= first + 2)].unique()
    late = frame["firm_id"].isin(known)
    born = frame["birth_year"].where(~late, (first + 2).astype("str"))
    wrong = late & (frame["year"].astype("int64") < first + 2)
    return frame.assign(birth_year=born), tuple(np.flatnonzero(wrong.to_numpy()))


def _blank_rows(frame: pd.DataFrame, rng: np.random.Generator) -> Made:
    n = len(frame)
    empty = pd.DataFrame([dict.fromkeys(frame.columns, "")] * 3, dtype="str")
    return pd.concat([frame, empty], ignore_index=True), (n, n + 1, n + 2)


FAULTS: Mapping[str, Spoiling] = {
    "lost leading zeros": Spoiling("roster", "firm_id", "ask", _cells(
        "firm_id", lambda c: c.lstrip("0"), _leads_with_zero, all_of_them=True)),
    "product without its zero": Spoiling("customs", "product", "ask", _cells(
        "product", lambda c: c.lstrip("0"), _leads_with_zero, all_of_them=True)),
    "product in scientific notation": Spoiling("customs", "product", "refuse", _cells(
        "product", _scientific)),
    "product as a date": Spoiling("customs", "product", "refuse", _cells("product", _as_date)),
    "total row": Spoiling("customs", None, "refuse", _total_row),
    "second header row": Spoiling("customs", None, "refuse", _second_header),
    "blank rows at the end": Spoiling("customs", None, "accept", _blank_rows),
    "delivered twice": Spoiling("customs", None, "refuse", _twice),
    "ambiguous thousands": Spoiling("customs", "value", "ask", _cells(
        "value", _with_thousands, all_of_them=True)),
    "decimal commas": Spoiling("customs", "value", "ask", _cells(
        "value", lambda c: c.replace(".", ","), all_of_them=True)),
    "currency sign in the value": Spoiling("customs", "value", "refuse", _cells(
        "value", lambda c: f"US$ {c}")),
    "mixed date orders": Spoiling("customs", "date", "ask", _cells(
        "date", _month_first, lambda cells: cells.str[:2].astype("int64") > 12)),
    "dates as serial numbers": Spoiling("customs", "date", "refuse", _cells("date", _serial)),
    "missing rate": Spoiling("rates", None, "refuse", _without_a_rate),
    "negative corrections": Spoiling("customs", "value", "ask", _corrections),
    "empty firm identifier": Spoiling("customs", "firm_id", "refuse", _cells(
        "firm_id", lambda c: "")),
    "letter O for zero": Spoiling("customs", "firm_id", "accept", _cells(
        "firm_id", lambda c: c.replace("0", "O"), lambda cells: cells.str.contains("0"))),
    "blanks around the identifier": Spoiling("customs", "firm_id", "accept", _cells(
        "firm_id", lambda c: f"\ufeff{c}\u00a0")),
    "look-alike letters": Spoiling("customs", "destination", "repair", _cells(
        "destination", lambda c: c.translate(_LOOK_ALIKE), lambda cells: cells.str.contains("[ACEOP]"))),
    "Namibia taken for missing": Spoiling("customs", "destination", "refuse", _cells(
        "destination", lambda c: "", lambda cells: cells == "NA", all_of_them=True)),
    "formula in a cell": Spoiling("customs", "firm_id", "refuse", _cells(
        "firm_id", lambda c: "=cmd|' /C calc'!A0")),
    "NUL in a cell": Spoiling("customs", "value", "refuse", _cells("value", lambda c: c + "\0")),
    "endless cell": Spoiling("customs", "firm_id", "refuse", _cells(
        "firm_id", lambda c: c * 250_000, lambda cells: pd.Series(np.arange(len(cells)) == 0))),
    "participation before the programme": Spoiling("roster", "joined", "refuse", _cells(
        "joined", lambda c: c[:6] + "1997")),
    "rows before the firm's birth": Spoiling("register", "birth_year", "repair", _born_late),
}  # fmt: skip
"""Name -> the table that it spoils, the column, what a careful reader does, and how it is made."""
