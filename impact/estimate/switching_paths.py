"""Paths of participation: who takes part when, where it begins to differ from the first period, and what gaps leave unknown."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from impact.core.inference import FloatArray
from impact.core.panel import OFF_AGAIN, Panel, as_codes
from impact.estimate.did_scores import BoolArray
from impact.estimate.firm_periods import FirmPeriods
from impact.estimate.two_way import IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Participation of n firms in T periods.

    Attributes
    ----------
    treatment : array, shape (n, T)
        0 or 1; missing where a firm has no row and its rows around the gap do not agree.
    start : array of int, shape (n,)
        Participation in the first period in which the firm has a row.
    first : array of int, shape (n,)
        Position of the first period in which participation differs from that; T where it never does.
    """

    treatment: FloatArray
    start: IntArray
    first: IntArray

    def kept(self, keep: BoolArray) -> Paths:
        """The paths of some of the firms."""
        return Paths(self.treatment[keep], self.start[keep], self.first[keep])


def read_paths(panel: Panel, data: FirmPeriods) -> tuple[FirmPeriods, Paths]:
    """Participation in every period, from the panel's treatment or, where it has none, from its cohort.

    Returns
    -------
    data : FirmPeriods
        Its cohort is the first period that differs from the start (infinite where none does). Outcomes after a gap over which participation
        changed are set aside: when it changed is not known.
    paths : Paths

    Examples
    --------
    >>> import pandas as pd, impact
    >>> rows = pd.DataFrame({"firm": [1, 1, 1, 2, 2, 2], "year": [1, 2, 3] * 2, "in": [0, 1, 0, 1, 1, 0], "y": 0.0})
    >>> panel = impact.panel(rows, unit="firm", time="year", treatment="in")
    >>> from impact.estimate.firm_periods import firm_periods
    >>> from impact.estimate.request import AttRequest
    >>> data, paths = read_paths(panel, firm_periods(AttRequest(panel, "y", "switching")))
    >>> paths.start.tolist(), data.cohort.tolist()
    ([0, 1], [2.0, 3.0])
    """
    # Here effects are not counted on after a firm has left, as the panel says that they are elsewhere.
    kept = tuple(note for note in data.notes if not note.startswith(OFF_AGAIN))
    data = replace(data, notes=kept)
    if panel.treatment is None:
        always = (data.periods >= data.cohort[:, None]).astype(np.float64)
        return _with_first(data, always, np.full(len(always), len(data.periods)))
    frame = panel.data
    rows, _ = as_codes(frame[panel.unit])
    columns, _ = as_codes(frame[panel.time])
    known: FloatArray = np.full(data.outcome.shape, np.nan)
    known[rows, columns] = frame[panel.treatment].to_numpy(dtype=np.float64)
    filled, until = _filled(known)
    count = int((until < known.shape[1]).sum())
    if count:
        after = np.arange(known.shape[1]) >= until[:, None]
        outcome = np.where(after, np.nan, data.outcome)
        data = replace(data, outcome=outcome).noted(
            f"Participation changed during a gap in a firm's rows (firms: {count:,}); when is not known, so the firm is used up to the gap."
        )
    return _with_first(data, filled, until)


def _filled(known: FloatArray) -> tuple[FloatArray, IntArray]:
    """Participation with gaps filled where both sides agree, and the position from which a firm's path is not known."""
    width = known.shape[1]
    place = np.arange(width)
    there = ~np.isnan(known)
    last = np.maximum.accumulate(np.where(there, place, -1), axis=1)
    following = np.where(there, place, width)[:, ::-1]
    following = np.minimum.accumulate(following, axis=1)[:, ::-1]
    before = np.take_along_axis(known, np.maximum(last, 0), axis=1)
    after = np.take_along_axis(known, np.minimum(following, width - 1), axis=1)
    changed = (before != after) & ~np.isnan(before) & ~np.isnan(after)
    filled = np.where(np.isnan(before), after, before)
    filled[changed] = np.nan
    until = np.where(changed.any(axis=1), np.argmax(changed, axis=1), width)
    return filled, until.astype(np.int64)


def _with_first(
    data: FirmPeriods, treatment: FloatArray, until: IntArray
) -> tuple[FirmPeriods, Paths]:
    width = treatment.shape[1]
    differs = (treatment != treatment[:, [0]]) & (np.arange(width) < until[:, None])
    first = np.where(differs.any(axis=1), np.argmax(differs, axis=1), width).astype(np.int64)
    years = np.append(data.periods.astype(np.float64), np.inf)
    paths = Paths(treatment, treatment[:, 0].astype(np.int64), first)
    return replace(data, cohort=years[first]), paths
