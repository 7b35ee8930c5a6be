"""Averages of group-time effects: one number, an event study, by cohort, by year.

An average has two sources of noise: the effects, and the sizes of the cohorts that weight them. Both
are in the influence functions here (Callaway and Sant'Anna 2021, section 3 and corollary 2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.estimate.effect import Aggregation, EffectResult, effect_from_influence

_SHOWN_TERMS = 6


@dataclass(frozen=True, slots=True)
class _Row:
    """One average: its key, the positions of its cells, and whether cohort sizes weight them."""

    term: str
    keys: dict[str, int]
    cells: npt.NDArray[np.int64]
    by_size: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """The cells of an effect that have an estimate and an influence function."""

    table: pd.DataFrame
    estimate: FloatArray  # (k,)
    influence: FloatArray  # (n, k)
    membership: FloatArray  # (n, k): weight of the firm where it belongs to the cell's cohort

    def average(self, row: _Row) -> tuple[float, FloatArray]:
        """Weighted mean of the cells of a row, and its influence function (n,)."""
        effects, influence = self.estimate[row.cells], self.influence[:, row.cells]
        if not row.by_size:
            return float(effects.mean()), np.asarray(influence.mean(axis=1))
        membership = self.membership[:, row.cells]
        return _weighted_mean(effects, influence, membership)


def _weighted_mean(
    effects: FloatArray, influence: FloatArray, membership: FloatArray
) -> tuple[float, FloatArray]:
    """Mean of effects weighted by estimated cohort sizes, and its influence function.

    With sizes p = mean(membership) and weights w = p / sum(p), the estimate is w'effects. A firm
    moves it through the effects, and through the sizes: the derivative of w'effects with respect
    to p_k is (effect_k - w'effects) / sum(p).
    """
    size = membership.mean(axis=0)
    estimate = float(size @ effects / size.sum())
    through_effects = influence @ (size / size.sum())
    through_sizes = (membership - size) @ (effects - estimate) / size.sum()
    return estimate, np.asarray(through_effects + through_sizes)


def aggregate(effect: EffectResult, kind: Aggregation = "overall") -> EffectResult:
    """Average the group-time cells of an effect.

    Parameters
    ----------
    effect : EffectResult
        Group-time effects, with columns `cohort, time, event_time` and influence functions.
    kind : {"overall", "event", "cohort", "calendar"}
        `overall`: one average over all cells from joining on, weighted by the size of the cohort
        (R did: "simple"). `event`: by years since joining, over cohorts by size ("dynamic").
        `cohort`: by cohort, over years equally ("group"). `calendar`: by year, over the cohorts
        that have joined, by size.

    Returns
    -------
    EffectResult
        Sizes are sums of the firms' weights. Counts are the different firms behind a row. Cells
        without an estimate or a standard error are left out and named in `notes`.

    Raises
    ------
    EstimationError
        If the effect has no group-time cells, or none that can be averaged.

    References
    ----------
    Callaway and Sant'Anna (2021), section 3.1, table 1.

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=90, periods=5, cohorts=(3, 4), seed=1, noise=0.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="group_time")
    >>> effect.aggregate("overall").tidy()["estimate"].round(6).tolist()
    [0.24]
    """
    if kind not in _ROWS:
        raise EstimationError(
            f"There is no aggregation {kind!r}; choose from {', '.join(map(repr, _ROWS))} (in R did: "
            "simple, dynamic, group, calendar)."
        )
    cells, missing = _usable_cells(effect)
    rows = _ROWS[kind](cells.table)
    if not rows:
        raise EstimationError(
            "No cell from joining on has an estimate with a standard error; there is nothing to "
            "average. " + " ".join(effect.notes)
        )
    averages = [cells.average(row) for row in rows]
    notes = [*effect.notes, *_missing_notes(missing), *_pre_period_notes(kind, rows, averages)]
    return _result(
        effect,
        keys=pd.DataFrame([{"term": row.term, **row.keys} for row in rows]),
        estimate=np.array([estimate for estimate, _ in averages]),
        influence=np.column_stack([influence for _, influence in averages]),
        counts=pd.DataFrame([_counts(cells, row) for row in rows]),
        kind=kind,
        notes=tuple(dict.fromkeys(notes)),
    )


def overall_of(aggregated: EffectResult) -> EffectResult:
    """One average of the rows of an aggregated effect, as R did prints above each table.

    Parameters
    ----------
    aggregated : EffectResult
        What `aggregate` returned. `event`: the mean over years since joining from 0 on, each year
        alike. `calendar`: the mean over years alike. `cohort`: the mean over cohorts by size.
        `overall` is returned as it is.

    Returns
    -------
    EffectResult
        One row.

    Raises
    ------
    EstimationError
        If `aggregated` is not an aggregated effect, or has no row from joining on.

    References
    ----------
    Callaway and Sant'Anna (2021), equations 3.8-3.11.
    """
    kind = aggregated.aggregation
    if kind is None or aggregated.influence is None or aggregated.firms is None:
        raise EstimationError(
            "overall_of averages the rows of an aggregated effect; aggregate first."
        )
    if kind == "overall":
        return aggregated
    table = aggregated.estimates
    used = np.ones(len(table), dtype=bool)
    if kind == "event":
        used = table["event_time"].to_numpy() >= 0
    if not used.any():
        raise EstimationError(
            "No year from joining on has an estimate; there is nothing to average."
        )
    effects = table.loc[used, "estimate"].to_numpy()
    influence = aggregated.influence.to_numpy()[:, used]
    if kind == "cohort":
        membership = _membership(aggregated.firms, table["cohort"].to_numpy())
        estimate, column = _weighted_mean(effects, influence, membership)
    else:
        estimate, column = float(effects.mean()), influence.mean(axis=1)
    # Cohorts are disjoint, so their firms add up; rows by year contain each other's firms.
    treated = table.loc[used, "n_treated"]
    counts = {
        "n_treated": treated.sum() if kind == "cohort" else treated.max(),
        "n_control": table.loc[used, "n_control"].max(),
    }
    return _result(
        aggregated,
        keys=pd.DataFrame({"term": [f"ATT(mean by {kind})"]}),
        estimate=np.array([estimate]),
        influence=column[:, None],
        counts=pd.DataFrame([counts]).astype("int64"),
        kind="overall",
        notes=aggregated.notes,
    )


def _result(
    effect: EffectResult,
    *,
    keys: pd.DataFrame,
    estimate: FloatArray,
    influence: FloatArray,
    counts: pd.DataFrame,
    kind: Aggregation,
    notes: tuple[str, ...],
) -> EffectResult:
    assert effect.firms is not None
    return effect_from_influence(
        keys=keys,
        estimate=estimate,
        influence=influence,
        firms=effect.firms,
        counts=counts,
        method=effect.method,
        outcome=effect.outcome,
        family=effect.family,
        label=effect.label,
        conf_level=effect.conf_level,
        variance=effect.variance,
        estimand=effect.estimand,
        aggregation=kind,
        notes=notes,
        source=effect.source,
        seed=effect.seed,
        anticipation=effect.anticipation,
    )


def _usable_cells(effect: EffectResult) -> tuple[_Cells, list[str]]:
    """The cells that can be averaged, and the terms of those that cannot."""
    table = effect.estimates
    if effect.aggregation is not None:
        raise EstimationError("This effect is averaged already; aggregate the group-time effect.")
    if effect.influence is None or effect.firms is None or "event_time" not in table:
        raise EstimationError(
            f"The method {effect.method!r} has no effects by cohort and year, so there is nothing to "
            "aggregate."
        )
    influence = effect.influence.to_numpy()
    good = np.isfinite(influence).all(axis=0) & np.isfinite(table["estimate"].to_numpy())
    kept = table[good].reset_index(drop=True)
    cells = _Cells(
        table=kept,
        estimate=kept["estimate"].to_numpy(),
        influence=influence[:, good],
        membership=_membership(effect.firms, kept["cohort"].to_numpy()),
    )
    return cells, table.loc[~good, "term"].tolist()


def _membership(firms: pd.DataFrame, cohorts: npt.NDArray[np.int64]) -> FloatArray:
    """Weight of each firm in each cohort, 0 where it belongs to another."""
    inside = firms["cohort"].to_numpy()[:, None] == cohorts[None, :]
    return np.asarray(firms["weight"].to_numpy()[:, None] * inside)


def _overall_rows(table: pd.DataFrame) -> list[_Row]:
    cells = np.flatnonzero(table["event_time"] >= 0)
    return [_Row("ATT", {}, cells, by_size=True)] if len(cells) else []


def _event_rows(table: pd.DataFrame) -> list[_Row]:
    if not (table["event_time"] >= 0).any():
        return []
    return [
        _Row(f"ATT(e={e})", {"event_time": e}, _where(table, "event_time", e), by_size=True)
        for e in sorted(table["event_time"].unique().tolist())
    ]


def _cohort_rows(table: pd.DataFrame) -> list[_Row]:
    after = table["event_time"] >= 0
    return [
        _Row(f"ATT(cohort={g})", {"cohort": g}, _where(table, "cohort", g, after), by_size=False)
        for g in sorted(table.loc[after, "cohort"].unique().tolist())
    ]


def _calendar_rows(table: pd.DataFrame) -> list[_Row]:
    after = table["event_time"] >= 0
    return [
        _Row(f"ATT(time={t})", {"time": t}, _where(table, "time", t, after), by_size=True)
        for t in sorted(table.loc[after, "time"].unique().tolist())
    ]


_ROWS: dict[str, Callable[[pd.DataFrame], list[_Row]]] = {
    "overall": _overall_rows,
    "event": _event_rows,
    "cohort": _cohort_rows,
    "calendar": _calendar_rows,
}


def _where(
    table: pd.DataFrame, column: str, value: int, among: pd.Series | None = None
) -> npt.NDArray[np.int64]:
    found = table[column] == value
    return np.flatnonzero(found if among is None else found & among)


def _counts(cells: _Cells, row: _Row) -> dict[str, int]:
    """Different firms behind a row.

    Firms with influence on a cell are counted once. A firm whose change equals the mean exactly has
    none, so the counts of the cells are the lower limit: cohorts add up, comparison firms do not.
    """
    table = cells.table.iloc[row.cells]
    touched = cells.influence[:, row.cells] != 0
    own = cells.membership[:, row.cells] != 0
    by_cohort = table.groupby("cohort")["n_treated"].max()
    return {
        "n_treated": max(int((touched & own).any(axis=1).sum()), int(by_cohort.sum())),
        "n_control": max(int((touched & ~own).any(axis=1).sum()), int(table["n_control"].max())),
    }


def _missing_notes(missing: list[str]) -> list[str]:
    if not missing:
        return []
    shown = ", ".join(missing[:_SHOWN_TERMS])
    if len(missing) > _SHOWN_TERMS:
        shown += f" and {len(missing) - _SHOWN_TERMS} more"
    return [f"Left out of the averages, without estimate or standard error: {shown}."]


def _pre_period_notes(
    kind: str, rows: list[_Row], averages: list[tuple[float, FloatArray]]
) -> list[str]:
    """An event study with fewer than two tested years before joining says little on trends."""
    before = sum(
        row.keys.get("event_time", 0) < 0
        and bool(influence.any())  # a reference year tests nothing
        for row, (_, influence) in zip(rows, averages, strict=True)
    )
    if kind != "event" or before >= 2:
        return []
    return [
        f"Fewer than two years before joining can be compared ({before}): the event study says little "
        "or nothing on whether trends were parallel."
    ]
