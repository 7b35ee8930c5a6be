"""Who can be used where firms join in different years: what regression-based estimators of staggered joining have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.estimate.did_scores import BoolArray
from impact.estimate.firm_periods import FirmPeriods
from impact.estimate.two_way import IntArray

_SHOWN_TERMS = 6


@dataclass(frozen=True, slots=True)
class CohortYear:
    """One row to be estimated: a cohort and a period, and the position of the period."""

    cohort: int
    time: int
    target: int

    @property
    def term(self) -> str:
        """How the row is printed."""
        return f"ATT({self.cohort},{self.time})"


@dataclass(slots=True)
class Reasons:
    """Limitations, each with the rows that share it."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def say(self, reason: str, terms: Sequence[str]) -> None:
        """Remember that these rows share a limitation."""
        if terms:
            self.found.setdefault(reason, []).extend(terms)

    def notes(self) -> list[str]:
        """One note per limitation, naming the first rows that share it."""
        notes = []
        for reason, terms in self.found.items():
            more = len(terms) - _SHOWN_TERMS
            shown = ", ".join(terms[:_SHOWN_TERMS]) + (f" and {more} more" if more > 0 else "")
            notes.append(f"{shown}: {reason}.")
        return notes


def periods_option(given: Mapping[str, Any], name: str) -> int:
    """An option that counts periods: 0, 1, 2, …

    Raises
    ------
    EstimationError
        If it is no such number.
    """
    value = given.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise EstimationError(f"{name}={value!r} is not a number of periods; write 0, 1, 2, …")
    return int(value)


def joining(data: FirmPeriods, anticipation: int) -> FirmPeriods:
    """Leave out who joined before the data can show it; who joins after the data end counts as never."""
    if not len(data.periods) or not len(data.units):
        raise EstimationError(
            "No firm is observed before and after joining, so there is nothing to estimate on. "
            + " ".join(data.notes)
        )
    first, last = int(data.periods[0]), int(data.periods[-1])
    always = data.cohort <= first + anticipation
    values, counts = np.unique(data.cohort[always], return_counts=True)
    named = ", ".join(f"{n:,} in {int(g)}" for g, n in zip(values, counts, strict=True))
    data = data.kept(
        ~always,
        "Left out, joined before there is a period without participation in the data, which begin "
        f"in {first} (firms: {named}).",
    )
    late = np.isfinite(data.cohort) & (data.cohort > last + anticipation)
    if late.any():
        data = replace(data, cohort=np.where(late, np.inf, data.cohort)).noted(
            f"Joined after the data end in {last}, so counted as never (firms: {int(late.sum()):,})."
        )
    return data


def observed(data: FirmPeriods, outcome: str) -> FirmPeriods:
    """Set aside firm-years without a covariate, and firms that are seen once; say what is missing."""
    lacks = ~np.isnan(data.outcome) & np.isnan(data.covariates).any(axis=0)
    if lacks.any():
        data = replace(data, outcome=np.where(lacks, np.nan, data.outcome)).noted(
            f"Firm-years without a covariate are left out (firm-years: {int(lacks.sum()):,}, in firms: "
            f"{int(lacks.any(axis=1).sum()):,})."
        )
    seen = ~np.isnan(data.outcome)
    twice = seen.sum(axis=1) >= 2
    data = data.kept(
        twice,
        f"Firms with '{outcome}' in fewer than two periods are left out (firms: {int((~twice).sum()):,}).",
    )
    partly = int((~seen[twice]).any(axis=1).sum())
    if partly:
        data = data.noted(
            f"'{outcome}' is missing in some period (firms: {partly:,} of {len(data.units):,}); every firm-year that is observed is used."
        )
    return data


def require_participants(data: FirmPeriods, outcome: str) -> None:
    """Refuse data in which nobody is seen to join.

    Raises
    ------
    EstimationError
        If no firm joins within the data.
    """
    if np.isfinite(data.cohort).any():
        return
    if not len(data.periods) or not len(data.units):
        raise EstimationError(
            "No firm is observed before and after joining, so there is nothing to estimate on. "
            + " ".join(data.notes)
        )
    first, last = int(data.periods[0]), int(data.periods[-1])
    raise EstimationError(
        f"No firm joins between the second and the last period ({first} to {last}) with '{outcome}' observed; an effect needs "
        "firms that are seen before and after joining."
    )


def cohorts_of(data: FirmPeriods) -> list[int]:
    """First periods of participation that occur, in order."""
    return [int(g) for g in np.unique(data.cohort[np.isfinite(data.cohort)])]


def key_table(plan: Sequence[CohortYear]) -> pd.DataFrame:
    """Term and keys of the rows."""
    return pd.DataFrame(
        {
            "term": [cell.term for cell in plan],
            "cohort": [cell.cohort for cell in plan],
            "time": [cell.time for cell in plan],
            "event_time": [cell.time - cell.cohort for cell in plan],
        }
    )


def cluster_range(clusters: IntArray, inside: BoolArray) -> tuple[IntArray, IntArray]:
    """Lowest and highest number of a cluster among the firms inside, for each period.

    Where both are the same, or the lowest is above the highest, no spread between clusters can be seen.

    Examples
    --------
    >>> low, high = cluster_range(np.array([4, 7]), np.array([[True, True, False], [False, True, False]]))
    >>> (low < high).tolist()
    [False, True, False]
    """
    most = np.iinfo(np.int64).max
    low = np.where(inside, clusters[:, None], most).min(axis=0, initial=most)
    return low, np.where(inside, clusters[:, None], -1).max(axis=0, initial=-1)
