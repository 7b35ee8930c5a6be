"""What stands behind an outcome: rows where it is known, who could have had the event, who had it, and flags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS = ("outcome", "label", "unit", "n_obs", "n_at_risk", "n_event", "value", "flags")


_LOOKS_AHEAD = re.compile(
    r"(?:entry_within|sustained_entry_within|entry_after|exporter_after|export_survival|new_lines_(?:alive|grown)"
    r")_(\d+)(?:_products|_destinations|_pairs)?"
)


def years_ahead(name: str) -> int:
    """Years that an outcome looks ahead of its row, by its name: names of such outcomes are reserved; 0 for any other.

    So an outcome is known for what it is after a panel was written to a file, or made again from its rows.

    Examples
    --------
    >>> years_ahead("entry_within_2"), years_ahead("new_lines_alive_2_products"), years_ahead("entrant")
    (2, 2, 0)
    """
    found = _LOOKS_AHEAD.fullmatch(name)
    return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """One outcome with its counts.

    Attributes
    ----------
    outcome : str
        Column of the outcome.
    label : str
        What it is, in words.
    unit : str
        Such as `0/1`, `lines`, `share`, `EUR`.
    n_obs : int
        Rows where it is known; everywhere else it is missing, never 0.
    n_at_risk : int or None
        Rows where the event could have happened; for an outcome that is no event, the rows where it is defined.
    n_event : int or None
        Of those at risk, the rows where it happened; None for an outcome that is no event.
    value : float
        Events by rows at risk; the mean for an outcome that is no event. Missing where nobody is at risk.
    flags : tuple of str
        What a reader must know of it.
    ahead : int
        Years after that of the row which it looks at. Such an outcome of the year before joining already holds years of
        participation, so it has no difference in differences.
    """

    outcome: str
    label: str
    unit: str
    n_obs: int
    n_at_risk: int | None
    n_event: int | None
    value: float
    flags: tuple[str, ...] = ()
    ahead: int = 0


def event_count(
    outcome: str,
    label: str,
    values: pd.Series,
    at_risk: pd.Series,
    flags: Iterable[str] = (),
    *,
    ahead: int = 0,
) -> OutcomeCount:
    """Count an event: 0, 1 or missing by row, among the rows at risk.

    Examples
    --------
    >>> count = event_count("entrant", "entry", pd.Series([1, 0, None, 0]),
    ...                     pd.Series([True, True, True, False]))
    >>> count.n_obs, count.n_at_risk, count.n_event, count.value
    (3, 2, 1, 0.5)
    """
    known = values.notna()
    risk = known & at_risk.fillna(False).astype(bool)
    n, events = int(risk.sum()), int((risk & (values == 1)).sum())
    said = tuple(flags) if n else (*flags, "nobody is at risk")
    return OutcomeCount(
        outcome, label, "0/1", int(known.sum()), n, events, events / n if n else np.nan, said, ahead
    )


def level_count(
    outcome: str,
    label: str,
    unit: str,
    values: pd.Series,
    flags: Iterable[str] = (),
    *,
    ahead: int = 0,
) -> OutcomeCount:
    """Count an outcome that is a size; its value is the mean of the rows where it is known.

    Examples
    --------
    >>> level_count("products", "products", "lines", pd.Series([1.0, 3.0, None])).value
    2.0
    """
    known = values.dropna()
    n = len(known)
    mean = float(np.mean(np.sort(known.to_numpy(dtype="float64")))) if n else np.nan
    return OutcomeCount(outcome, label, unit, n, n, None, mean, tuple(flags), ahead)


def count_table(counts: Iterable[OutcomeCount]) -> pd.DataFrame:
    """Lay counts out, one row an outcome: `outcome label unit n_obs n_at_risk n_event value flags`.

    Examples
    --------
    >>> count_table([level_count("products", "products", "lines", pd.Series([2.0]))])["n_obs"].tolist()
    [1]
    """
    rows = [
        (c.outcome, c.label, c.unit, c.n_obs, c.n_at_risk, c.n_event, c.value, "; ".join(c.flags))
        for c in counts
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"n_obs": "Int64", "n_at_risk": "Int64", "n_event": "Int64"})
