"""Jobs of a firm-year from what was delivered: a headcount, an average of months, or hours over a full-time contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.panel import Panel, require_columns
from impact.outcomes.panel_states import activity

UNITS = {"headcount": "jobs", "fte": "FTE"}
"""Kinds of jobs and their unit in print."""

CONCEPTS = {
    "stock": "jobs that exist at a time, or on average of the year",
    "person": "persons who worked at any time of the year",
}
"""What one unit of employment is."""

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class JobsAsked:
    """What `impact.jobs` was asked for: the columns, the kind, and the concept.

    Attributes
    ----------
    columns : tuple of str
        One column of the year, or one for each month.
    kind, concept : str
    contract : float or str or None
        Hours (or days) of a full-time job in a year, or the column that has them; None where `columns` are jobs already.
    alive : str or None
    """

    columns: tuple[str, ...]
    kind: str
    concept: str
    contract: float | str | None = None
    alive: str | None = None


def asked_for(
    employees: str | Sequence[str],
    kind: str,
    concept: str | None,
    hours: str | Sequence[str] | None,
    contract_hours: float | str | None,
    alive: str | None,
) -> JobsAsked:
    """Check that the arguments of `impact.jobs` fit together.

    Raises
    ------
    DataError
        If they do not, with what to write instead.
    """
    if kind not in UNITS:
        raise DataError(f"There is no kind of jobs '{kind}'; choose headcount or fte.")
    if concept == "flow":
        raise DataError(
            "Hires or contracts of a year are a flow already; their difference between two years is no change of jobs. Give the jobs "
            "that exist, on average of the year or at its end, with concept='stock'."
        )
    if concept is None or concept not in CONCEPTS:
        found = (
            "The concept of employment was not declared"
            if concept is None
            else f"There is no concept of employment '{concept}'"
        )
        raise DataError(
            f"{found}; say concept='stock' ({CONCEPTS['stock']}) or 'person' ({CONCEPTS['person']})."
        )
    if (hours is None) != (contract_hours is None):
        raise DataError(
            "Full-time equivalents are hours over the hours of a full-time job in a year: give hours= and contract_hours=, both in hours or "
            "both in days."
        )
    if hours is not None and kind != "fte":
        raise DataError("Hours give full-time equivalents, not heads: write kind='fte'.")
    given = employees if hours is None else hours
    columns = (given,) if isinstance(given, str) else tuple(given)
    if len(columns) not in (1, 12):
        raise DataError(
            f"{len(columns)} columns were named: name one for the year, or twelve for its months."
        )
    if isinstance(contract_hours, (int, float)) and not 0 < contract_hours < np.inf:
        raise DataError(
            f"contract_hours is {contract_hours}; it is the hours of a full-time job in a year, above 0."
        )
    return JobsAsked(columns, kind, concept, contract_hours, alive)


def job_levels(panel: Panel, asked: JobsAsked) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Jobs of each row of a panel, by the first rule that holds.

    1. The firm is known to be inactive (not born yet, or closed): 0, whatever the file says.
    2. The row says unobserved and holds no jobs: missing. A 0 there may have been filled in by anybody.
    3. What the file says, missing where it says nothing.

    Parameters
    ----------
    panel : Panel
    asked : JobsAsked

    Returns
    -------
    DataFrame
        With the panel's index: `jobs` (missing where not known), `gone` (whether the firm is known to be inactive).
    tuple of str
        What a reader must know of them.

    Raises
    ------
    DataError
        If a column is missing, or a cell is no number of 0 or more: all of them in one pass.
    """
    roles = [*asked.columns, *([asked.contract] if isinstance(asked.contract, str) else [])]
    require_columns(panel.data, roles)
    told, notes = _told(panel, asked)
    life = activity(panel, asked.alive)
    gone = (life["alive"] == False).fillna(False).astype(bool)  # noqa: E712  (a boolean with missing values)
    doubtful = ~life["observed"] & ~gone & (told == 0)
    staffed = gone & (told > 0)
    if staffed.any():
        notes.append(
            f"{int(staffed.sum()):,} firm-years that are inactive stand in the file with jobs ({told[staffed].sum():,.1f} in all); they count as 0."
        )
    if doubtful.any():
        notes.append(
            f"{int(doubtful.sum()):,} firm-years that were not observed stand in the file with 0 jobs; they are missing here."
        )
    jobs = told.mask(doubtful).mask(gone, 0.0)
    return pd.DataFrame({"jobs": jobs, "gone": gone}), tuple(notes)


def _told(panel: Panel, asked: JobsAsked) -> tuple[pd.Series, list[str]]:
    """What the file says, before the states of firms."""
    data = panel.data
    numbers = _numbers(panel, asked.columns)
    # A year with an unknown month has no average; an average of the others would be of another season.
    known = numbers.notna().all(axis=1)
    notes = []
    partly = int((numbers.notna().any(axis=1) & ~known).sum())
    if partly:
        notes.append(
            f"{partly:,} firm-years with some months known and others not are missing; write 0 where nobody worked."
        )
    total = numbers.sum(axis=1).where(known)
    if asked.contract is None:
        if len(asked.columns) > 1:
            last = asked.columns[-1]
            notes.append(
                f"Jobs are the average of {len(asked.columns)} months: {total.sum() / len(asked.columns):,.1f} over all firm-years; '{last}' alone "
                f"would give {numbers[last].where(known).sum():,.1f}."
            )
        elif asked.kind == "fte":
            notes.append(f"'{asked.columns[0]}' is taken as full-time equivalents, as it is.")
        return total / len(asked.columns), notes
    if isinstance(asked.contract, str):
        contract = _numbers(panel, (asked.contract,), above_zero=True)[asked.contract]
        said = f"'{asked.contract}'"
    else:
        contract = pd.Series(float(asked.contract), index=data.index)
        said = f"{asked.contract:,g}, the length of a full-time job in a year, as declared"
    notes.append(
        f"Full-time equivalents are the year's {', '.join(asked.columns[:1])}{' and following months' if len(asked.columns) > 1 else ''} over {said}."
    )
    return total / contract, notes


def _numbers(panel: Panel, columns: Sequence[str], *, above_zero: bool = False) -> pd.DataFrame:
    """Columns as numbers; every cell that is text, infinite or negative is named."""
    faults = []
    made = {}
    for column in columns:
        cells = panel.data[column]
        number = pd.to_numeric(cells, errors="coerce").astype("float64")
        with np.errstate(invalid="ignore"):
            low = (number <= 0) if above_zero else (number < 0)
        bad = np.flatnonzero(((number.isna() & cells.notna()) | np.isinf(number) | low).to_numpy())
        what = "a number above 0" if above_zero else "a number of 0 or more"
        faults += [
            Fault(f"this is not {what}, at index {panel.data.index[i]}", "correct the cell, or leave it empty where it is not known",
                  column=column, value=cells.iloc[i])
            for i in bad[:_SHOWN]
        ]  # fmt: skip
        made[column] = number
    if faults:
        raise DataError("Jobs cannot be read from these columns.", faults)
    return pd.DataFrame(made)
