"""Averages of group-time effects: one number, an event study, by cohort, by year.

An average has two sources of noise: the effects, and the sizes of the cohorts that weight them. Both
are in the influence functions here (Callaway and Sant'Anna 2021, section 3 and corollary 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.engines.one_thread import on_one_thread
from impact.estimate.effect import Aggregation, EffectResult, effect_from_influence

_SHOWN_TERMS = 6
_UNTOLD = 0.1  # share of a row's weight whose noise may be left out of its standard error
_BLOCK = 8_192  # firms


@dataclass(frozen=True, slots=True)
class _Row:
    """One average: its key, the positions of its cells, and whether cohort sizes weight them."""

    term: str
    keys: dict[str, int]
    cells: npt.NDArray[np.int64]
    by_size: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Sizes:
    """Which firms are in which cohort, with what weight: cohort sizes are estimated from them.

    Attributes
    ----------
    weight : array, shape (n,)
        0 for firms of no cohort that is averaged.
    code : array of int, shape (n,)
        Position of the firm's cohort among the cohorts, 0 for firms of none.
    of_cell : array of int, shape (k,)
        Position of each cell's cohort.
    """

    weight: FloatArray
    code: npt.NDArray[np.int64]
    of_cell: npt.NDArray[np.int64]

    @classmethod
    def of(cls, firms: pd.DataFrame, cohorts: npt.NDArray[np.int64]) -> _Sizes:
        """Sizes of the cohorts of k cells."""
        known, of_cell = np.unique(cohorts, return_inverse=True)
        own = firms["cohort"].to_numpy(dtype=np.float64)
        code = np.minimum(np.searchsorted(known, own), len(known) - 1)
        weight = np.where(known[code] == own, firms["weight"].to_numpy(dtype=np.float64), 0.0)
        return cls(weight, code, of_cell)

    def shares(self, cells: npt.NDArray[np.int64]) -> FloatArray:
        """Size of the cohort of each cell, over all n firms."""
        size = np.bincount(self.code, self.weight, minlength=self.of_cell.max() + 1)
        return np.asarray(size[self.of_cell[cells]] / len(self.weight))

    def through(self, cells: npt.NDArray[np.int64], apart: FloatArray) -> FloatArray:
        """Influence of each firm by way of the sizes, `apart` being how far each cell is from the mean over all of them.

        With sizes p and weights w = p / sum(p), the derivative of the mean with respect to p_k is (effect_k - mean) / sum(p). Its mean over firms
        is 0, since the p-weighted distances from a mean add up to nothing.
        """
        p = self.shares(cells)
        moved = np.bincount(self.of_cell[cells], apart, minlength=self.of_cell.max() + 1)
        return np.asarray(self.weight * moved[self.code] / p.sum())


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """The cells of an effect that have an estimate; the influence is 0 where their noise is not told."""

    table: pd.DataFrame
    estimate: FloatArray  # (k,)
    influence: FloatArray  # (n, k)
    sizes: _Sizes
    told: npt.NDArray[np.bool_]  # (k,): whether the cell has a standard error
    baseline: FloatArray | None = None  # (k,)
    baseline_influence: FloatArray | None = None  # (n, k)
    fixed_shares: bool = False
    part: npt.NDArray[np.int8] | None = None  # (n, k)

    def averages(self, rows: Sequence[_Row]) -> tuple[FloatArray, FloatArray]:
        """Weighted mean of the cells of each row, and its influence functions (n, rows)."""
        return self._means(rows, self.estimate, self.influence)

    def baselines(self, rows: Sequence[_Row]) -> tuple[FloatArray | None, FloatArray | None]:
        """The same of the baselines, where there are any."""
        if self.baseline is None or self.baseline_influence is None:
            return None, None
        return self._means(rows, self.baseline, self.baseline_influence)

    def _means(
        self, rows: Sequence[_Row], effects: FloatArray, influence: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        weights = self.weights(rows)
        means = np.array([weights[r.cells, j] @ effects[r.cells] for j, r in enumerate(rows)])
        moved = _times(influence, weights)
        moved[:, self.untold(rows) > _UNTOLD] = np.nan
        for j, row in enumerate(rows):
            if row.by_size and not self.fixed_shares:
                moved[:, j] += self.sizes.through(row.cells, effects[row.cells] - means[j])
        return means, moved

    def weights(self, rows: Sequence[_Row]) -> FloatArray:
        """Weight of each cell in each row, (k, rows); those of a row add up to 1."""
        weights = np.zeros((len(self.estimate), len(rows)))
        for j, row in enumerate(rows):
            share = self.sizes.shares(row.cells) if row.by_size else np.ones(len(row.cells))
            weights[row.cells, j] = share / share.sum()
        return weights

    def untold(self, rows: Sequence[_Row]) -> FloatArray:
        """Share of each row's weight in cells whose noise cannot be told, such as those of a cohort of one firm."""
        found = np.zeros(len(rows))
        for j, row in enumerate(rows):
            share = self.sizes.shares(row.cells) if row.by_size else np.ones(len(row.cells))
            found[j] = float(share[~self.told[row.cells]].sum() / share.sum())
        return found

    def counts(self, rows: Sequence[_Row]) -> pd.DataFrame:
        """Different firms behind each row.

        A firm is counted once where the method says what each firm is in each cell. Where it does not, the counts of the cells give a lower limit:
        participants of cohorts add up, comparison firms need not be others.
        """
        inside = np.zeros((len(self.estimate), len(rows)), dtype=np.float32)
        for j, row in enumerate(rows):
            inside[row.cells, j] = 1.0
        counted = [np.zeros(len(rows)), np.zeros(len(rows))]
        if self.part is not None:
            arms = (self.part == 1, self.part == 2)
            counted = [(_times(arm.astype(np.float32), inside) > 0).sum(axis=0) for arm in arms]
        found = []
        for j, row in enumerate(rows):
            table = self.table.iloc[row.cells]
            by_cohort = table.groupby("cohort")["n_treated"].max()
            found.append(
                {
                    "n_treated": max(int(counted[0][j]), int(by_cohort.sum())),
                    "n_control": max(int(counted[1][j]), int(table["n_control"].max())),
                }
            )
        return pd.DataFrame(found)


def _times(matrix: npt.NDArray[Any], weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Product of a tall matrix and a small one, by blocks of rows that fit into a processor's cache."""
    out = np.empty((len(matrix), weights.shape[1]), dtype=matrix.dtype)
    for start in range(0, len(matrix), _BLOCK):
        rows = slice(start, start + _BLOCK)
        np.matmul(matrix[rows], weights, out=out[rows])
    return out


@on_one_thread
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
        without an estimate are left out and named in `notes`. Cells without a standard error, such as those of a cohort of one firm, stay in, so
        that the average is of the same participants; rows of which they are more than a tenth have no standard error, and that of
        other rows leaves their noise out, which `notes` say.

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
    if kind not in AVERAGES:
        raise EstimationError(
            f"There is no aggregation {kind!r}; choose from {', '.join(map(repr, AVERAGES))} (in R did: "
            "simple, dynamic, group, calendar)."
        )
    cells, missing = _usable_cells(effect)
    rows = AVERAGES[kind](cells.table)
    if not rows:
        raise EstimationError(
            "No cell from joining on has an estimate with a standard error; there is nothing to "
            "average. " + " ".join(effect.notes)
        )
    rows = _without_references(rows, cells)
    estimate, influence = cells.averages(rows)
    baseline, baseline_influence = cells.baselines(rows)
    notes = [
        *effect.notes,
        *_missing_notes(missing, cells, rows),
        *_pre_period_notes(kind, rows, influence, _earlier(effect.method)),
    ]
    return _result(
        effect,
        keys=pd.DataFrame([{"term": row.term, **row.keys} for row in rows]),
        estimate=estimate,
        influence=influence,
        counts=cells.counts(rows),
        kind=kind,
        notes=tuple(dict.fromkeys(notes)),
        baseline=baseline,
        baseline_influence=baseline_influence,
    )


def weights_of(effect: EffectResult, kind: Aggregation) -> FloatArray:
    """Weight of each row of a group-time effect in each row of `aggregate(kind)`, shape (k, rows).

    Parameters
    ----------
    effect : EffectResult
        As `aggregate` takes it.
    kind : {"overall", "event", "cohort", "calendar"}
    """
    cells, _ = _usable_cells(effect)
    inside = cells.weights(_without_references(AVERAGES[kind](cells.table), cells))
    weights = np.zeros((len(effect.estimates), inside.shape[1]))
    weights[np.isfinite(effect.estimates["estimate"].to_numpy(dtype=np.float64))] = inside
    return weights


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
        cells = np.arange(len(effects))
        sizes = _Sizes.of(aggregated.firms, table["cohort"].to_numpy())
        share = sizes.shares(cells) / sizes.shares(cells).sum()
        estimate, column = float(share @ effects), influence @ share
        if not aggregated.fixed_shares:
            column = column + sizes.through(cells, effects - estimate)
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
    baseline: FloatArray | None = None,
    baseline_influence: FloatArray | None = None,
) -> EffectResult:
    assert effect.firms is not None
    made = effect_from_influence(
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
        scale=effect.scale,
        baseline=baseline,
        baseline_influence=baseline_influence,
        fixed_shares=effect.fixed_shares,
    )
    return replace(made, asked=effect.asked)


def _usable_cells(effect: EffectResult) -> tuple[_Cells, list[str]]:
    """The cells that can be averaged, and the terms of those that cannot."""
    table = effect.estimates
    if effect.aggregation is not None:
        raise EstimationError("This effect is averaged already; aggregate the group-time effect.")
    if effect.scale == "percent":
        raise EstimationError(
            "A mean of percentages is not the per cent of the whole: aggregate first, then ask for .percent()."
        )
    if effect.influence is None or effect.firms is None or "event_time" not in table:
        raise EstimationError(
            f"The method {effect.method!r} has no effects by cohort and year, so there is nothing to "
            "aggregate."
        )
    influence = effect.influence.to_numpy()
    estimate = table["estimate"].to_numpy(dtype=np.float64)
    good = np.isfinite(estimate)
    told = np.isfinite(influence.sum(axis=0))
    # They are in the averages; what is not known of their noise is missing or small there.
    if not told[good].all():
        influence = np.where(told, influence, 0.0)
    kept = table[good].reset_index(drop=True)
    if not len(kept):
        nothing = _Cells(kept, estimate[good], influence[:, good], _NO_SIZES, told[good])
        return nothing, table["term"].tolist()
    baseline, moved = effect.baseline, effect.baseline_influence
    if baseline is not None and moved is not None:
        baseline = baseline[good]
        # What is missing is missing in its own rows, and must not spoil others in a product.
        known = np.isfinite(moved.sum(axis=0))
        moved = moved if known.all() else np.where(known, moved, 0.0)
        moved = moved if good.all() else moved[:, good]
    cells = _Cells(
        table=kept,
        estimate=estimate[good],
        influence=influence if good.all() else influence[:, good],
        sizes=_Sizes.of(effect.firms, kept["cohort"].to_numpy()),
        told=told[good],
        baseline=baseline,
        baseline_influence=moved,
        fixed_shares=effect.fixed_shares,
        part=None if effect.part is None else effect.part[:, good],
    )
    return cells, table.loc[~good, "term"].tolist()


_NO_SIZES = _Sizes(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))


def _overall_rows(table: pd.DataFrame) -> list[_Row]:
    cells = np.flatnonzero(table["event_time"] >= 0)
    return [_Row("ATT", {}, cells, by_size=True)] if len(cells) else []


def _without_references(rows: list[_Row], cells: _Cells) -> list[_Row]:
    """Drop cells before joining that are 0 by construction from rows that hold others, which they would pull to 0.

    With a universal base and a gap in the years, the base of one cohort is as long before joining as a tested year of another.
    """
    early = cells.table["event_time"].to_numpy() < 0
    made = early & (cells.estimate == 0) & ~cells.influence.any(axis=0)
    if not made.any():
        return rows
    return [r if made[r.cells].all() else replace(r, cells=r.cells[~made[r.cells]]) for r in rows]


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


AVERAGES: dict[str, Callable[[pd.DataFrame], list[_Row]]] = {
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


def _missing_notes(missing: list[str], cells: _Cells, rows: Sequence[_Row]) -> list[str]:
    """Cells that are in no average, and those whose noise is in no standard error."""
    notes = []
    if missing:
        notes.append(f"Left out of the averages, without an estimate: {_some(missing)}.")
    share = cells.untold(rows)
    if (share > 0).any():
        within = {i for row in rows for i in row.cells.tolist() if not cells.told[i]}
        terms = [str(cells.table["term"].iloc[i]) for i in sorted(within)]
        notes.append(
            f"In the averages, but without a standard error of their own: {_some(terms)}. Rows of which they are more than {_UNTOLD:.0%} have none; "
            f"that of others leaves out their noise (up to {share[share <= _UNTOLD].max(initial=0.0):.1%} of a row)."
        )
    return notes


def _some(terms: list[str]) -> str:
    more = len(terms) - _SHOWN_TERMS
    return ", ".join(terms[:_SHOWN_TERMS]) + (f" and {more} more" if more > 0 else "")


def _earlier(method: str) -> str:
    """The option by which a method shows years before joining; nothing for an estimator that is not registered."""
    return next((m.earlier for m in METHODS.of("att") if m.name == method), "")


def _pre_period_notes(
    kind: str, rows: list[_Row], influence: FloatArray, earlier: str
) -> list[str]:
    """An event study with fewer than two tested years before joining says little on trends."""
    before = sum(
        row.keys.get("event_time", 0) < 0
        and bool(influence[:, j].any())  # a reference year tests nothing
        for j, row in enumerate(rows)
    )
    if kind != "event" or before >= 2:
        return []
    if not before and earlier:
        return [
            f"No year before joining is shown, so this event study says nothing on whether trends were parallel; {earlier} adds them."
        ]
    return [
        f"Fewer than two years before joining can be compared ({before}): the event study says little "
        "or nothing on whether trends were parallel."
    ]
