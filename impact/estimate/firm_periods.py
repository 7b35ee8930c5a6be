"""Outcome, covariates and weights as arrays of firms by periods: what panel estimators compute on.

Firms and periods are sorted, so that the order of the caller's rows cannot change a number, and a
firm-year that was not observed stays missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.core.inference import FloatArray
from impact.core.panel import Panel, as_codes
from impact.design.match import MatchResult
from impact.estimate.did_scores import BoolArray
from impact.estimate.request import AttRequest


@dataclass(frozen=True, slots=True, eq=False)
class FirmPeriods:
    """n firms by T periods.

    Attributes
    ----------
    units : Index, length n
        Firm identifiers, sorted.
    periods : array of int, shape (T,)
    outcome : array, shape (n, T)
        Missing where the firm-year is absent or its outcome is missing.
    covariates : array, shape (p, n, T)
    weights : array, shape (n, T)
        Sampling weight, times the matching weight of a matched panel; missing where absent.
    cohort : array, shape (n,)
        First period of participation; infinite means never.
    cluster : array, shape (n,)
    notes : tuple of str
        What was left out, and why.
    """

    units: pd.Index
    periods: npt.NDArray[np.int64]
    outcome: FloatArray
    covariates: FloatArray
    weights: FloatArray
    cohort: FloatArray
    cluster: npt.NDArray[Any]
    notes: tuple[str, ...] = field(default=())

    def kept(self, keep: BoolArray, note: str) -> FirmPeriods:
        """The firms in `keep`, with a note on those that leave, if any do."""
        if keep.all():
            return self
        return replace(
            self,
            units=self.units[keep],
            outcome=self.outcome[keep],
            covariates=self.covariates[:, keep],
            weights=self.weights[keep],
            cohort=self.cohort[keep],
            cluster=self.cluster[keep],
            notes=(*self.notes, note),
        )

    def noted(self, note: str) -> FirmPeriods:
        """The same firms with a further note."""
        return replace(self, notes=(*self.notes, note))

    def first_weight(self) -> FloatArray:
        """Weight of each firm in its first observed period: its weight in cohort shares."""
        first = np.argmax(~np.isnan(self.outcome), axis=1)
        return np.asarray(self.weights[np.arange(len(first)), first])

    def firms(self, *, by_rows: bool = False) -> pd.DataFrame:
        """One row per firm: `cohort` (missing = never), `weight` (of all its rows where asked `by_rows`), `cluster`."""
        weight = self.first_weight()
        if by_rows:
            weight = np.where(np.isnan(self.outcome), 0.0, self.weights).sum(axis=1)
        return pd.DataFrame(
            {
                "cohort": np.where(np.isinf(self.cohort), np.nan, self.cohort),
                "weight": weight,
                "cluster": self.cluster,
            },
            index=self.units,
        )


def panel_of(data: Panel | MatchResult) -> Panel:
    """The panel behind a request.

    Raises
    ------
    EstimationError
        If a cross-section was matched.
    """
    inner = data.data if isinstance(data, MatchResult) else data
    if not isinstance(inner, Panel):
        raise EstimationError(
            "This method follows firms over periods; match an impact.panel, not a cross-section."
        )
    return inner


def firm_periods(request: AttRequest) -> FirmPeriods:
    """Lay the data of a request out as arrays.

    Raises
    ------
    DataError
        Text or infinite values among the numbers; a cluster that is missing or changes within a
        firm; a panel without cohorts.
    """
    panel = panel_of(request.data)
    frame = panel.data
    rows, units = as_codes(frame[panel.unit])
    columns, periods = as_codes(frame[panel.time])
    shape = (len(units), len(periods))

    def wide(values: FloatArray) -> FloatArray:
        table = np.full(shape, np.nan)
        table[rows, columns] = values
        return table

    numbers = _numbers(panel, [request.outcome, *request.covariates])
    weights = np.ones(len(frame))
    if panel.weights is not None:
        weights = frame[panel.weights].to_numpy(dtype=np.float64)
    matched = isinstance(request.data, MatchResult)
    if isinstance(request.data, MatchResult):
        weights = weights * request.data.weights.reindex(frame.index).to_numpy(dtype=np.float64)
    cohort = panel.unit_cohort().to_numpy(dtype=np.float64)
    data = FirmPeriods(
        units=pd.Index(units, name=panel.unit),
        periods=np.asarray(periods, dtype=np.int64),
        outcome=wide(numbers[0]),
        covariates=np.array([wide(x) for x in numbers[1:]]).reshape((-1, *shape)),
        weights=wide(weights),
        cohort=np.where(np.isnan(cohort), np.inf, cohort),
        cluster=_clusters(panel, request.cluster, rows, units),
        notes=panel.notes,
    )
    return _matched_firms(data) if matched else data


def _matched_firms(data: FirmPeriods) -> FirmPeriods:
    """Leave out the firms that matching left out, and say who they were."""
    weight = np.nan_to_num(np.nanmax(data.weights, axis=1))
    lost = weight <= 0
    participants = int((lost & np.isfinite(data.cohort)).sum())
    others = int((lost & np.isinf(data.cohort)).sum())
    note = (
        f"Left out of the matched sample (participants without a match: {participants:,}, other "
        f"firms: {others:,}); matching weights are taken as given."
    )
    return data.kept(~lost, note)


def _numbers(panel: Panel, names: Sequence[str]) -> list[FloatArray]:
    """The named columns as numbers, refusing text and infinite values with their rows."""
    faults: list[Fault] = []
    arrays = []
    for name in names:
        column = pd.to_numeric(panel.data[name], errors="coerce")
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        arrays.append(values)
        text = np.isnan(values) & panel.data[name].notna().to_numpy()
        faults += _cell_faults(panel, name, text, "this is not a number", "write a number")
        faults += _cell_faults(
            panel,
            name,
            np.isinf(values),
            "this is infinite (the logarithm of zero?)",
            "leave the cell empty, or use an outcome that is defined at zero",
        )
    if faults:
        raise DataError("A column cannot be estimated on.", faults)
    return arrays


def _cell_faults(
    panel: Panel, column: str, bad: BoolArray, problem: str, remedy: str
) -> list[Fault]:
    frame = panel.data
    return [
        Fault(
            f"{problem}: firm {frame[panel.unit].iloc[i]!s:.80}, period {frame[panel.time].iloc[i]}",
            remedy,
            column=column,
            value=frame[column].iloc[i],
        )
        for i in np.flatnonzero(bad)
    ]


def _clusters(
    panel: Panel,
    cluster: str | None,
    rows: npt.NDArray[np.int64],
    units: npt.NDArray[Any],
) -> npt.NDArray[Any]:
    """Cluster of each firm: the firm itself, or the value of a column constant within the firm."""
    if cluster is None:
        return units
    values, levels = as_codes(panel.data[cluster])
    low = np.full(len(units), np.iinfo(np.int64).max)
    high = np.full(len(units), -1)
    np.minimum.at(low, rows, values)
    np.maximum.at(high, rows, values)
    faults = [
        Fault(
            "the cluster is missing in a row of this firm"
            if low[i] < 0
            else "this firm has more than one cluster",
            "give each firm one cluster, the same in every row",
            column=cluster,
            value=units[i],
        )
        for i in np.flatnonzero(low != high)
    ]
    faults += [
        Fault("the cluster is missing", "give the firm a cluster", column=cluster, value=units[i])
        for i in np.flatnonzero((low == high) & (low < 0))
    ]
    if faults:
        raise DataError("Firms cannot be sorted into clusters.", faults)
    return np.asarray(levels[low])
