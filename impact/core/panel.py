"""A panel: one row per firm and year, with the role of each column, and the ledger of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.counts import OutcomeCount, count_table, years_ahead
from impact.core.errors import DataError, Fault
from impact.core.ledger import Ledger

OFF_AGAIN = "Participation is 0 again after its first year"
"""How the note begins that an effect is counted on where participation has ended."""

_SHOWN = 50
_COMPACT = 4  # whole numbers that span no more than so many times the rows
_AHEAD = (
    "impact_looks_ahead"  # in the attributes of a frame: column -> years; pandas carries them along
)


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Firm-years with roles; made by `impact.panel`, never changed.

    Attributes
    ----------
    data : DataFrame
        A private copy of the caller's rows, in the caller's order and with the caller's index.
    unit, time : str
        Columns of the firm identifier and the period (whole numbers).
    cohort : str or None
        Column of the first period of participation; missing means never.
    treatment : str or None
        Column of participation in the period (0/1), where it was given.
    weights : str or None
        Column of sampling weights.
    labels : mapping of str to str
        Words for columns, used only in print.
    ledger : Ledger
        Rows that came in and what became of them.
    notes : tuple of str
        What a reader must know, such as a treatment that switches off.
    outcomes : tuple of OutcomeCount
        Counts of the outcomes that were added as columns; `counts()` is their table.
    """

    data: pd.DataFrame
    unit: str
    time: str
    cohort: str | None
    treatment: str | None
    weights: str | None
    labels: Mapping[str, str]
    ledger: Ledger
    notes: tuple[str, ...] = field(default=())
    outcomes: tuple[OutcomeCount, ...] = field(default=())

    def label(self, column: str) -> str:
        """Words for a column: its label, or its name with spaces for underscores."""
        return self.labels.get(column, column.replace("_", " "))

    @property
    def periods(self) -> list[int]:
        """The periods that occur, in order."""
        return sorted(int(t) for t in self.data[self.time].unique())

    def unit_cohort(self) -> pd.Series:
        """First period of participation by firm (sorted by firm); missing means never.

        Raises
        ------
        DataError
            If the panel has no cohort.
        """
        if self.cohort is None:
            raise DataError(
                "This panel has no cohort: give `cohort=` or `treatment=` to impact.panel."
            )
        return self.data.groupby(self.unit, sort=True)[self.cohort].first()

    def by_unit(self, column: str) -> pd.Series:
        """A column that is constant within the firm, by firm (sorted); missing where no row has a value.

        Raises
        ------
        DataError
            If the column is missing, or changes within a firm.
        """
        require_columns(self.data, [column])
        by = self.data.groupby(self.unit, sort=True)[column]
        several = by.nunique()
        changing = several.index[several > 1]
        if len(changing):
            raise DataError(
                f"'{column}' changes within {len(changing):,} firms, such as {changing[0]!r}. Give a column that is "
                "constant within the firm, such as its first value."
            )
        return by.first()

    def wide(self, column: str) -> pd.DataFrame:
        """One column as a table of firms (sorted) by periods (sorted); absent firm-years are missing."""
        require_columns(self.data, [column])
        return self.data.pivot(index=self.unit, columns=self.time, values=column).sort_index()

    def with_columns(self, **columns: pd.Series) -> Panel:
        """Return a panel with further columns, aligned on the index."""
        return replace(self, data=self.data.assign(**columns))

    def with_outcomes(
        self, columns: pd.DataFrame, counts: tuple[OutcomeCount, ...], notes: tuple[str, ...] = ()
    ) -> Panel:
        """Return a panel with the columns of outcomes, their counts and what must be said of them.

        Columns of the same name are replaced.
        """
        words = {**{c.outcome: c.label for c in counts}, **self.labels}
        again = set(columns)
        kept = tuple(c for c in self.outcomes if c.outcome not in again)
        said = tuple(n for n in notes if n not in self.notes)
        data = self.data.assign(**{str(c): columns[c] for c in columns})
        before = {c: h for c, h in data.attrs.get(_AHEAD, {}).items() if c not in again}
        looking = {**before, **{c.outcome: c.ahead for c in counts if c.ahead}}
        if looking or _AHEAD in data.attrs:
            data.attrs = {**data.attrs, _AHEAD: looking}
        return replace(
            self,
            data=data,
            labels=words,
            outcomes=(*kept, *counts),
            notes=(*self.notes, *said),
        )

    def ahead(self, column: str) -> int:
        """Years after that of its row which an outcome looks at; 0 where it looks at its own year, or nothing is known.

        Known from its count; where the panel was made again from rows (`impact.panel(panel.data, ...)`), from what `pandas` carried along
        with them, or from the name (see `years_ahead`).
        """
        counted = [c.ahead for c in self.outcomes if c.outcome == column]
        if counted:
            return counted[0]
        carried = self.data.attrs.get(_AHEAD, {})
        return int(carried.get(column, years_ahead(column)))

    def counts(self) -> pd.DataFrame:
        """Counts of each outcome that was added: rows known, at risk, events, value, flags."""
        return count_table(self.outcomes)

    def tidy(self) -> pd.DataFrame:
        """A copy of the rows."""
        return self.data.copy()

    def summary(self) -> str:
        """Say in words what the panel holds."""
        firms = self.data[self.unit].nunique()
        text = (
            f"{len(self.data):,} rows, {firms:,} firms, "
            f"periods {self.periods[0]} to {self.periods[-1]}."
        )
        if self.cohort is not None:
            sizes = self.unit_cohort().value_counts(dropna=False)
            parts = [f"{n:,} joined in {int(g)}" for g, n in sizes.items() if pd.notna(g)]
            never = int(self.unit_cohort().isna().sum())
            text += (
                " " + ", ".join([*sorted(parts, key=lambda p: p[-4:]), f"{never:,} never"]) + "."
            )
        events = [c for c in self.outcomes if c.n_event is not None and c.n_at_risk]
        if events:
            said = ", ".join(f"{c.outcome} {c.n_event:,} of {c.n_at_risk:,}" for c in events)
            text += f" Events among those at risk: {said}."
        return " ".join([text, *self.notes])

    def __repr__(self) -> str:
        return self.summary()


def require_panel(data: object, verb: str) -> Panel:
    """Give a panel back, and say how to make one of anything else.

    Raises
    ------
    DataError
        If it is none.
    """
    if isinstance(data, Panel):
        return data
    raise DataError(
        f"{verb if verb.endswith('=') else f'impact.{verb}'} takes a panel, and was given a {type(data).__name__}. Give the firm-years their roles first: "
        "impact.panel(frame, unit=..., time=..., cohort=...)."
    )


def require_columns(data: pd.DataFrame, columns: list[str], file: str | None = None) -> None:
    """Refuse a table that lacks a column, naming every missing one and the nearest existing name.

    Raises
    ------
    DataError
        One fault per missing column.
    """
    import difflib

    faults = []
    for column in columns:
        if column in data.columns:
            continue
        near = difflib.get_close_matches(column, [str(c) for c in data.columns], n=1, cutoff=0.7)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(map(str, data))}"
        faults.append(Fault("this column is missing", hint, file=file, column=column))
    if faults:
        raise DataError("A column that is needed is missing.", faults)


def panel(
    data: pd.DataFrame,
    *,
    unit: str,
    time: str,
    cohort: str | None = None,
    treatment: str | None = None,
    weights: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Panel:
    """Give the columns of a firm-year table their roles, and check that they can hold them.

    Parameters
    ----------
    data : DataFrame
        One row per firm and period, in any order. It is copied, never changed.
    unit, time : str
        Firm identifier, and period in whole numbers (years).
    cohort : str, optional
        First period of participation, constant within the firm; missing means never.
    treatment : str, optional
        Participation in the period, 0 or 1. Where `cohort` is not given, the cohort is the first
        period with a 1, and stands in a new column `cohort`.
    weights : str, optional
        Sampling weights, positive.
    labels : mapping, optional
        Words for columns.

    Returns
    -------
    Panel

    Raises
    ------
    DataError
        Missing columns, missing or duplicated firm-years, periods that are not whole numbers,
        a cohort that changes within a firm, a treatment other than 0/1, weights that are not
        positive: all in one pass.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"firm": ["a", "a", "b", "b"], "year": [1, 2, 1, 2],
    ...                      "joined": [2, 2, None, None], "jobs": [5, 7, 4, 4]})
    >>> panel(rows, unit="firm", time="year", cohort="joined").unit_cohort().tolist()
    [2.0, nan]
    """
    roles = [c for c in (unit, time, cohort, treatment, weights) if c is not None]
    require_columns(data, roles)
    faults = [*_key_faults(data, unit, time)]
    if treatment is not None:
        faults += value_faults(
            data,
            treatment,
            data[treatment].isin([0, 1]),
            "participation must be 0 or 1",
            "write 1 or 0",
        )
    if weights is not None:
        good = pd.to_numeric(data[weights], errors="coerce") > 0
        faults += value_faults(
            data,
            weights,
            good,
            "a weight must be a positive number",
            "give the sampling weight, or drop the row",
        )
    if cohort is not None:
        faults += _cohort_faults(data, unit, cohort)
    if faults:
        raise DataError("The table is not a firm-year panel.", faults)

    frame = data.copy(deep=False)  # shared until one of its holders writes to it
    frame[time] = frame[time].astype("int64")
    notes: tuple[str, ...] = ()
    if cohort is not None:
        frame[cohort] = pd.to_numeric(frame[cohort]).astype("float64")
    elif treatment is not None:
        cohort = "cohort"
        while cohort in frame:  # the caller's column of that name stays what it is
            cohort += "_"
        frame[cohort], notes = _derived_cohort(frame, unit, time, treatment)
    ledger = Ledger.opened("panel", len(frame), len(as_codes(frame[unit])[1]))
    return Panel(frame, unit, time, cohort, treatment, weights, dict(labels or {}), ledger, notes)


def _key_faults(data: pd.DataFrame, unit: str, time: str) -> list[Fault]:
    faults = value_faults(
        data,
        unit,
        data[unit].notna(),
        "the firm identifier is missing",
        "fill it in, or drop the row",
    )
    if pd.api.types.is_datetime64_any_dtype(data[time]):
        return [
            *faults,
            Fault(
                "the period is a date, not a whole number",
                "write the year, as data[column].dt.year gives it",
                column=time,
                value=data[time].iloc[0] if len(data) else None,
            ),
        ]
    number = pd.to_numeric(data[time], errors="coerce")
    with np.errstate(invalid="ignore"):
        whole = number.notna() & (number == np.floor(number)) & np.isfinite(number)
    faults += value_faults(
        data, time, whole, "the period is not a whole number", "write a year such as 2012"
    )
    if not faults and _each_once(data[unit], data[time]):
        return []
    again = data.duplicated([unit, time], keep=False) & data[unit].notna() & whole
    for (firm, period), rows in list(data[again].groupby([unit, time], sort=True))[:_SHOWN]:
        where = ", ".join(str(i) for i in rows.index[:4])
        faults.append(
            Fault(
                f"this firm stands {len(rows)} times in period {period}, at index {where}",
                "keep one row per firm and period, or add them up first",
                column=unit,
                value=firm,
            )
        )
    return faults


def _each_once(unit: pd.Series, time: pd.Series) -> bool:
    """Whether no firm stands twice in a period; False where that is not seen at once."""
    if time.dtype.kind != "i":
        return False
    (firms, of_firms), (years, of_years) = as_codes(unit), as_codes(time)
    if len(of_firms) * len(of_years) > _COMPACT * len(firms):
        return False
    return int(np.bincount(firms * len(of_years) + years).max(initial=0)) <= 1


def value_faults(
    data: pd.DataFrame, column: str, good: pd.Series, problem: str, remedy: str
) -> list[Fault]:
    """A fault for each row whose cell is not good, with its index; of very many, the first and their number.

    Parameters
    ----------
    data : DataFrame
    column : str
    good : Series of bool
    problem, remedy : str
        See `Fault`.
    """
    bad = np.flatnonzero(~good.to_numpy(dtype=bool))
    faults = [
        Fault(
            f"{problem}, at index {data.index[i]}",
            remedy,
            column=column,
            value=data[column].iloc[i],
        )
        for i in bad[:_SHOWN]
    ]
    more = len(bad) - _SHOWN
    if more > 0:
        faults.append(Fault(f"{more:,} more rows like these", remedy, column=column, count=more))
    return faults


def _cohort_faults(data: pd.DataFrame, unit: str, cohort: str) -> list[Fault]:
    number = pd.to_numeric(data[cohort], errors="coerce")
    text = data[cohort].notna() & (number.isna() | (number <= 0) | (number != np.floor(number)))
    faults = value_faults(
        data,
        cohort,
        ~text,
        "the cohort is not a year",
        "write the first year of participation; leave it empty for never",
    )
    firms, labels = as_codes(data[unit])
    known, values = firms >= 0, number.fillna(-1.0).to_numpy(dtype=np.float64)
    first = np.zeros(len(labels))
    first[firms[known]] = values[known]
    for firm in np.unique(firms[known][values[known] != first[firms[known]]])[:_SHOWN]:
        faults.append(
            Fault(
                "this firm has more than one cohort",
                "give the first year of participation in every row of the firm",
                column=cohort,
                value=labels[firm],
            )
        )
    return faults


def _derived_cohort(
    frame: pd.DataFrame, unit: str, time: str, treatment: str
) -> tuple[pd.Series, tuple[str, ...]]:
    """First treated period of each firm, and a note where participation ends again."""
    first = frame[time].where(frame[treatment] == 1).groupby(frame[unit]).transform("min")
    notes = []
    off = (frame[treatment] == 0) & (frame[time] > first)
    if off.any():
        notes.append(
            f"{OFF_AGAIN} (firms: {frame.loc[off, unit].nunique():,}); "
            "effects are counted from the first year on."
        )
    seen = pd.MultiIndex.from_frame(frame[[unit, time]])
    start = frame[first == frame[time]]
    before = pd.MultiIndex.from_arrays([start[unit], start[time] - 1])
    gap = int((~before.isin(seen) & (start[time] > frame[time].min()).to_numpy()).sum())
    if gap:
        notes.append(
            f"No row for the year before the first year of participation (firms: {gap:,}); they may have "
            "joined earlier than the data show."
        )
    return first.astype("float64"), tuple(notes)


def as_codes(values: pd.Series) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Sorted codes of a key column and its sorted levels, so that row order cannot matter."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "i" and len(values):
        numbers = values.to_numpy(dtype=np.int64)  # the span of a narrow type does not fit into it
        low, high = int(numbers.min()), int(numbers.max())
        # A table of the numbers that occur is faster than a hash.
        if high - low < _COMPACT * len(numbers):
            place = numbers - low
            occurs = np.zeros(high - low + 1, dtype=bool)
            occurs[place] = True
            code = np.cumsum(occurs) - 1
            return code[place], np.flatnonzero(occurs) + low
    codes, levels = pd.factorize(values, sort=True)
    return codes.astype(np.int64, copy=False), np.asarray(levels)
