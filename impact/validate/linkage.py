"""Linkage: which firms of one file are found in another, by year and arm, and why the others are not.

An evaluation stands or falls here. A participant who is not found is neither a comparison firm nor a firm without exports;
nothing is known of it, and it is named.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from impact.core.errors import Fault
from impact.core.notice import Notice
from impact.validate.linkage_limits import Limits, judge
from impact.validate.linkage_steps import ROSTER_TO_CUSTOMS, ROSTER_TO_REGISTER, Files

TABLE_COLUMNS = ["step", "arm", "year", "firms", "matched", "unmatched", "share", "why"]


@dataclass(frozen=True, slots=True, eq=False)
class Linkage:
    """What was found of each file in the others.

    Attributes
    ----------
    table : DataFrame
        `step, arm, year, firms, matched, unmatched, share, why`; a missing year means all years. `matched`, `unmatched` and
        `share` are missing where there is nothing to be matched with: no customs data in that year is not 0 %.
    unmatched : DataFrame
        `firm_id, arm, step, why`: each firm once per step.
    unlinked_participants : Index of str
        Firms of the roster of which nothing is known: not in the register or, where there is none, not in the customs
        data. They are no comparison firms and no firms without exports.
    notices : tuple of Notice
        What was accepted, and must be said.
    faults : tuple of Fault
        Why the panel may not be built.
    """

    table: pd.DataFrame
    unmatched: pd.DataFrame
    unlinked_participants: pd.Index
    notices: tuple[Notice, ...]
    faults: tuple[Fault, ...]

    def tidy(self) -> pd.DataFrame:
        """Give the table: one row per step, arm and year."""
        return self.table.copy()

    def summary(self) -> str:
        """Give one line per step and arm over all years, then what must be said of them."""
        whole = self.table[self.table["year"].isna() & self.table["share"].notna()]
        lines = [
            f"{row.step}, {row.arm}: {row.matched:,} of {row.firms:,} firms ({row.share:.1%})"
            + (f"; {row.why}" if row.why else "")
            for row in whole.itertuples(index=False)
        ]
        return "\n".join([*lines, *map(str, self.notices), *map(str, self.faults)])


def link(
    roster: pd.DataFrame,
    register: pd.DataFrame | None,
    customs: pd.DataFrame | None,
    *,
    warn_below: float = 0.9,
    refuse_below: float = 0.5,
    accept_below: float | None = None,
) -> Linkage:
    """Look for the firms of each file in the others.

    Parameters
    ----------
    roster : DataFrame
        `firm_id, joined_year`; a firm may stand there several times, and its earliest year counts. The year may be missing.
    register : DataFrame or None
        `firm_id, year`.
    customs : DataFrame or None
        `firm_id, year` of each firm with shipments in a year.
    warn_below, refuse_below : float
        Shares of firms found; below the first a Notice, below the second a Fault.
    accept_below : float, optional
        Lowest share that the study accepts. A roster of which no firm is found is refused all the same.

    Returns
    -------
    Linkage

    Raises
    ------
    DataError
        If a table lacks a column.
    StudyError
        If the limits make no sense.

    Notes
    -----
    The limits hold for the roster (in the register in any year; in the customs data where there is no register) and for the
    shipping firms of each arm (over all years: in the register in any year, counted over years that the register covers; by
    year: in the register in that year). A year with fewer than 20 firms is not judged alone. How many firms of the register
    ship is not a matter of linkage and has no limit.

    Examples
    --------
    >>> roster = pd.DataFrame({"firm_id": ["123", "456"], "joined_year": [2010, 2011]})
    >>> register = pd.DataFrame({"firm_id": ["00123", "00456", "00789"], "year": [2010, 2010, 2010]})
    >>> print(link(roster, register, None).faults[0].problem)
    0 of 2 firms of the roster (0.0%) are in the register; 2 would be if leading zeros were ignored: the roster has lost them
    """
    limits = Limits(warn_below, refuse_below, accept_below)
    files = Files.of(roster, register, customs)
    steps = files.steps()
    notices, faults = files.notices(), files.faults()
    for step in steps:
        if step.judged:
            said, refused = judge(step, limits)
            notices += said
            faults += refused
    table = _stack([s.rows for s in steps], TABLE_COLUMNS)
    table = table.astype(
        {"year": "Int64", "firms": "int64", "matched": "Int64", "unmatched": "Int64", "share": "float64"}
    )  # fmt: skip
    unmatched = _stack([s.unmatched for s in steps], ["firm_id", "arm", "step", "why"])
    unlinked = unmatched[unmatched["step"].isin([ROSTER_TO_REGISTER, ROSTER_TO_CUSTOMS])]
    return Linkage(
        table,
        unmatched,
        pd.Index(unlinked["firm_id"], name="firm_id"),
        tuple(notices),
        tuple(faults),
    )


def _stack(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    full = [frame for frame in frames if not frame.empty]
    text = {c: "str" for c in columns if c in ("step", "arm", "why", "firm_id")}
    if not full:
        return pd.DataFrame(columns=columns).astype(text)
    return pd.concat(full, ignore_index=True)[columns].astype(text)
