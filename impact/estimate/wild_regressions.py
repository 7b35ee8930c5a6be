"""Which least-squares regression stands behind an effect, if one does.

It is laid out from the same firms, and an effect counts as its coefficient only if it has the same value: with covariates, missing firm-years or weights
that change, several estimators are no regression of this kind any more, and are then not treated as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd

from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.estimate.aggregate import weights_of
from impact.estimate.bacon import regression_sample
from impact.estimate.effect import Aggregation, EffectResult
from impact.estimate.firm_periods import FirmPeriods, firm_periods
from impact.estimate.interaction_weighted import compared
from impact.estimate.request import AttRequest
from impact.estimate.stacked import Stack, StackedOptions, in_some_stack, stacks_of
from impact.estimate.staggered import joining
from impact.estimate.two_by_two import comparison_of, one_cohort, usable
from impact.estimate.two_way import IntArray
from impact.estimate.wild_cells import CellRegression, FittedCells

MOST_CELLS = 1_200
_SAME = 1e-8  # of an estimate or its standard error


def regression_of(effect: EffectResult) -> FittedCells | str:
    """The fitted regression whose numbers are the rows of an effect, or why there is none.

    Parameters
    ----------
    effect : EffectResult
        Of `impact.att`, or averages of it.
    """
    asked = effect.asked
    if not isinstance(asked, AttRequest):
        return "it is computed from other effects"
    if asked.method not in _LAYOUTS or asked.family != "gaussian":
        return f"{asked.method} ({asked.family}) is no least-squares regression"
    if asked.covariates and asked.method not in ("twfe", "interaction_weighted"):
        return f"with covariates, {asked.method} is no least-squares regression of firm and cell effects"
    cells = effect
    # Without corrective weights stacked has rows by event time that nobody has averaged.
    if effect.aggregation is not None and asked.options.get("weights") != "none":
        cells = METHODS.find("att", asked.method).function(asked)
    told = _LAYOUTS[asked.method](asked, cells)
    if told is None:
        return f"it has more than {MOST_CELLS:,} cells of cohorts and years, or rows that are no such cells"
    if cells is not effect:
        kind = cast(Aggregation, effect.aggregation)
        told = replace(told, target=told.target @ weights_of(cells, kind))
    return _same(told, effect)


def _same(told: CellRegression, effect: EffectResult) -> FittedCells | str:
    """The regression, where every row with a standard error is its coefficient."""
    known = np.isfinite(effect.estimates["std_error"].to_numpy(dtype=np.float64))
    estimate = effect.estimates["estimate"].to_numpy(dtype=np.float64)
    if told.target.shape[1] != len(estimate):
        return "it is computed from other effects"
    error = effect.estimates["std_error"].to_numpy(dtype=np.float64)
    told = replace(told, target=np.where(known, np.nan_to_num(told.target), 0.0))
    fitted = told.fit()
    off = np.abs(fitted.estimates - estimate) > _SAME * np.maximum(np.abs(estimate), error)
    if (known & (off | np.logical_not(fitted.determined))).any():
        return f"{effect.method} and the regression with firm and cell effects differ on these data (missing firm-years, changing weights or its options)"
    return fitted


def _layout(
    data: FirmPeriods,
    group: IntArray,
    design: FloatArray,
    target: FloatArray,
    *,
    covariates: bool = False,
) -> CellRegression:
    seen = ~np.isnan(data.outcome)
    x = data.covariates if covariates else data.covariates[:0]
    return CellRegression(
        outcome=np.where(seen, data.outcome, 0.0),
        weights=np.where(seen, data.weights, 0.0),
        group=group,
        cluster=pd.factorize(data.cluster, sort=True)[0],
        design=design,
        target=np.concatenate([target, np.zeros((len(x), target.shape[1]))]),
        covariates=np.where(seen, x, 0.0),
    )


def _keys(cells: EffectResult) -> list[tuple[int, int]] | None:
    """Cohort and year of each row; nothing where the rows have none."""
    table = cells.estimates
    if not {"cohort", "time"} <= set(table.columns):
        return None
    return list(zip(table["cohort"].astype(int), table["time"].astype(int), strict=True))


def _same_firms(asked: AttRequest, cells: EffectResult) -> FirmPeriods:
    """The firms of an effect, with the cohorts that it has them in."""
    data = firm_periods(asked)
    assert cells.firms is not None
    place = data.units.get_indexer(cells.firms.index)
    cohort = cells.firms["cohort"].to_numpy(dtype=np.float64)
    return replace(
        data,
        units=cells.firms.index,
        outcome=data.outcome[place],
        covariates=data.covariates[:, place],
        weights=data.weights[place],
        cohort=np.where(np.isnan(cohort), np.inf, cohort),
        cluster=data.cluster[place],
    )


def _saturated(
    data: FirmPeriods,
    keys: Sequence[tuple[int, int]],
    cells: EffectResult,
    *,
    varying: bool = False,
    not_yet: bool = False,
    covariates: bool = False,
) -> CellRegression | None:
    """Every cohort and period of its own; rows are differences of differences of them."""
    cohorts, group = np.unique(data.cohort, return_inverse=True)
    periods, k = data.periods, len(keys)
    if len(cohorts) * len(periods) > MOST_CELLS:
        return None
    weight = np.bincount(group, np.nan_to_num(data.first_weight()))
    wait = cells.anticipation
    contrast = np.zeros((len(cohorts), len(periods), k))
    for i, (g, time) in enumerate(keys):
        target = int(np.searchsorted(periods, time))
        base = int(np.flatnonzero(periods < g - wait)[-1])
        if varying and time < g - wait:
            base = target - 1
        own = int(np.searchsorted(cohorts, g))
        others = np.arange(len(cohorts)) == len(cohorts) - 1
        if not_yet:
            others = (cohorts > periods[max(target, base)] + wait) & (cohorts != g)
        share = np.where(others, weight, 0.0) / max(float(weight[others].sum()), 1e-300)
        for at, sign in ((target, 1.0), (base, -1.0)):
            contrast[:, at, i] -= sign * share
            contrast[own, at, i] += sign
    size = len(cohorts) * len(periods)
    return _layout(data, group, np.eye(size), contrast.reshape(size, k), covariates=covariates)


def _group_time(asked: AttRequest, cells: EffectResult) -> CellRegression | None:
    keys = _keys(cells)
    options = asked.options
    if keys is None:
        return None
    return _saturated(
        _same_firms(asked, cells),
        keys,
        cells,
        varying=options.get("base_period", "varying") == "varying",
        not_yet=options.get("control", "never") == "not_yet",
    )


def _interaction_weighted(asked: AttRequest, cells: EffectResult) -> CellRegression | None:
    keys = _keys(cells)
    data, control = compared(firm_periods(asked), cells.anticipation, asked.outcome)
    # The comparison stands last, as those that never join do.
    data = replace(data, cohort=np.where(control, np.inf, data.cohort))
    return None if keys is None else _saturated(data, keys, cells, covariates=True)


def _extended(asked: AttRequest, cells: EffectResult) -> CellRegression | None:
    """Period effects, and a coefficient for each cohort and year of participation."""
    keys = _keys(cells)
    data = _same_firms(asked, cells)
    cohorts, group = np.unique(data.cohort, return_inverse=True)
    periods = data.periods
    if keys is None or len(cohorts) * len(periods) > MOST_CELLS:
        return None
    tested = asked.method == "imputation"  # its years before joining come from another regression
    design = np.tile(np.eye(len(periods)), (len(cohorts), 1))
    columns, target = [], np.zeros((len(periods) + len(keys), len(keys)))
    for i, (g, time) in enumerate(keys):
        column = np.zeros((len(cohorts), len(periods)))
        target[len(periods) + i, i] = 1.0
        if not (tested and time < g - cells.anticipation):
            column[np.searchsorted(cohorts, g), np.searchsorted(periods, time)] = 1.0
        columns.append(column.ravel())
    return _layout(data, group, np.column_stack([design, *columns]), target)


def _twfe(asked: AttRequest, cells: EffectResult) -> CellRegression | None:
    """Period effects, and participation with one coefficient."""
    data = regression_sample(firm_periods(asked), asked.outcome)
    cohorts, group = np.unique(data.cohort, return_inverse=True)
    periods = data.periods
    if len(cohorts) * len(periods) > MOST_CELLS:
        return None
    joined = (periods >= cohorts[:, None]).astype(np.float64)
    design = np.column_stack([np.tile(np.eye(len(periods)), (len(cohorts), 1)), joined.ravel()])
    return _layout(data, group, design, np.eye(design.shape[1])[:, -1:], covariates=True)


def _two_by_two(asked: AttRequest, cells: EffectResult) -> CellRegression | None:
    data = one_cohort(joining(firm_periods(asked), 0), asked.options)
    found = comparison_of(data, asked.options)
    data = usable(data, found, asked.outcome)
    means = [data.outcome[:, at].mean(axis=1) for at in (found.before, found.after)]
    weights = data.weights[:, [found.base]].repeat(2, axis=1)
    data = replace(
        data, outcome=np.column_stack(means), weights=weights, covariates=data.covariates[:0, :, :2]
    )
    treated = np.isfinite(data.cohort).astype(np.int64)
    return _layout(data, treated, np.eye(4), np.array([[1.0], [-1.0], [-1.0], [1.0]]))


def _stacked(asked: AttRequest, cells: EffectResult) -> CellRegression | None:
    """Firms once for each stack they are in; a stack's participants and comparison firms have periods of their own."""
    options = StackedOptions.read(asked.options)
    data = joining(firm_periods(asked), 0)
    stacks, _ = stacks_of(data, options, asked.outcome)
    data, stacks = in_some_stack(data, stacks)
    width = options.kappa_pre + options.kappa_post + 1
    if 2 * len(stacks) * width > MOST_CELLS:
        return None
    firms = np.concatenate([s.firms for s in stacks])
    group = np.concatenate([2 * j + s.treated for j, s in enumerate(stacks)]).astype(np.int64)
    cluster = pd.factorize(data.cluster, sort=True)[0]
    weight = [data.weights[s.firms, s.window[s.base]] for s in stacks]
    design, target = _of_stacks(stacks, width, options)
    return CellRegression(
        outcome=np.concatenate([data.outcome[np.ix_(s.firms, s.window)] for s in stacks]),
        weights=np.concatenate(weight)[:, None].repeat(width, axis=1),
        group=group,
        cluster=cluster[firms],
        design=design,
        target=target,
        covariates=np.zeros((0, len(firms), width)),
    )


def _of_stacks(
    stacks: Sequence[Stack], width: int, options: StackedOptions
) -> tuple[FloatArray, FloatArray]:
    """Design and targets: a coefficient for each stack and period, or, without corrective weights, one for each event time."""
    count, base = len(stacks), options.kappa_pre - 1
    periods = np.kron(np.eye(count), np.vstack([np.eye(width)] * 2))
    participants = np.vstack([np.zeros((width, width)), np.eye(width)])
    own = np.kron(np.eye(count), participants)
    if options.weights == "none":
        own = np.vstack([participants] * count)
    design = np.column_stack([periods, own])
    coefficients = own.shape[1]
    target = np.zeros((design.shape[1], coefficients))
    first = periods.shape[1]
    for i in range(coefficients):
        target[first + i, i] += 1.0
        target[first + i - i % width + base, i] -= 1.0
    return design, target


_LAYOUTS = {
    "etwfe": _extended,
    "group_time": _group_time,
    "imputation": _extended,
    "interaction_weighted": _interaction_weighted,
    "stacked": _stacked,
    "twfe": _twfe,
    "two_by_two": _two_by_two,
}
