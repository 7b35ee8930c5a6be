"""The rows of a regression: complete ones, in an order of their own, with their levels, clusters and weights.

Sums of floats depend on their order. Rows are sorted by their fixed effects, then by firm and period or by their own values, so that a
result is the same to the last bit whatever the order of the file was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.core.panel import Panel, as_codes
from impact.core.whole_numbers import by_number, counted
from impact.engines.formula import Evaluated, ParsedFormula, evaluate
from impact.engines.level_terms import level_factors

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_NAMED = 3  # levels that a note names
_SHOWN = 50
_RANGE = 4  # whole numbers that span no more than so many times the rows are their own codes


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """A column of levels: the code of each row, and the words for a level."""

    codes: IntArray
    size: int
    label: Callable[[int], str]

    def kept(self, rows: BoolArray) -> Factor:
        """The levels of some of the rows, numbered without gaps."""
        codes = self.codes[rows]
        present = np.bincount(codes, minlength=self.size) > 0
        number, old = np.cumsum(present) - 1, np.flatnonzero(present)
        return Factor(number[codes], len(old), lambda i: self.label(int(old[i])))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The rows that are used, in the order in which they are summed.

    Attributes
    ----------
    outcome : array, shape (n,)
    terms, endogenous, instruments : dict of arrays
    effects, clusters : dict of Factor
        The effect with the most levels comes first, and rows are sorted by it.
    firms : Factor or None
        Of a panel.
    weights : array or None
    notes : tuple of str
    """

    outcome: FloatArray
    terms: dict[str, FloatArray]
    endogenous: dict[str, FloatArray]
    instruments: dict[str, FloatArray]
    effects: dict[str, Factor]
    clusters: dict[str, Factor]
    firms: Factor | None
    units: npt.NDArray[Any] | None
    weights: FloatArray | None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.outcome)

    def kept(self, rows: BoolArray, note: str) -> Sample:
        """Some of the rows, with a note on those that leave."""
        if not rows.any():
            raise EstimationError(f"No row is left to estimate on. {note}")

        def some(columns: dict[str, FloatArray]) -> dict[str, FloatArray]:
            return {name: column[rows] for name, column in columns.items()}

        firms, units = self.firms, self.units
        if firms is not None and units is not None:
            present = np.bincount(firms.codes[rows], minlength=firms.size) > 0
            firms, units = firms.kept(rows), units[present]
        return replace(
            self,
            outcome=self.outcome[rows],
            terms=some(self.terms),
            endogenous=some(self.endogenous),
            instruments=some(self.instruments),
            effects={name: factor.kept(rows) for name, factor in self.effects.items()},
            clusters={name: factor.kept(rows) for name, factor in self.clusters.items()},
            firms=firms,
            units=units,
            weights=None if self.weights is None else self.weights[rows],
            notes=(*self.notes, note),
        )


def complete_rows(frame: pd.DataFrame, columns: Sequence[str]) -> IntArray | None:
    """Positions of the rows with a value in each column; None where that is all of them."""
    keep: BoolArray | None = None
    for name in columns:
        values = frame[name]
        if isinstance(values.dtype, np.dtype):
            if values.dtype.kind in "iub":
                continue
            with np.errstate(all="ignore"):  # a sum is a number where all its parts are
                if values.dtype.kind == "f" and np.isfinite(values.to_numpy().sum()):
                    continue
        known = values.notna().to_numpy()
        if not known.all():
            keep = known if keep is None else keep & known
    return None if keep is None else np.flatnonzero(keep)


def left_out_words(
    frame: pd.DataFrame, rows: IntArray | None, parsed: ParsedFormula
) -> tuple[str, ...]:
    """A note on rows without a value; those that lack an event time, as firms that never join do, are counted by themselves."""
    gone = 0 if rows is None else len(frame) - len(rows)
    if not gone:
        return ()
    said = [
        f"{counted(gone, 'row')} without a value in the formula {by_number(gone, 'is', 'are')} left out."
    ]
    for name in level_factors(" + ".join((parsed.terms, parsed.endogenous, parsed.instruments))):
        lacking = int(frame[name].isna().sum()) if name in frame else 0
        if lacking:
            said.append(
                f"{name} is missing in {counted(lacking, 'row')}; if these are firms that never join, give them a value, such as the level left "
                "out, to keep them as the comparison."
            )
    return tuple(said)


def without_zero_weights(
    frame: pd.DataFrame, name: str, rows: IntArray | None
) -> tuple[IntArray | None, tuple[str, ...]]:
    """Leave rows of weight 0 out, with a note on how many.

    Raises
    ------
    DataError
        If no row has a weight above 0.
    """
    column = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    zero = (column if rows is None else column[rows]) == 0
    if not zero.any():
        return rows, ()
    if zero.all():
        raise DataError(
            f"The weight {name!r} is 0 in every row that is used, not above 0 in any; give a positive weight to the rows that count."
        )
    count = int(zero.sum())
    keep = np.flatnonzero(~zero)
    return (keep if rows is None else rows[keep]), (
        f"{counted(count, 'row')} with a weight of 0 {by_number(count, 'is', 'are')} left out.",
    )


def sample_of(
    parsed: ParsedFormula,
    frame: pd.DataFrame,
    data: pd.DataFrame | Panel,
    rows: IntArray | None,
    clusters: Sequence[str],
    weights: str | None,
    family: str,
) -> Sample:
    """Lay the rows of a regression out.

    Parameters
    ----------
    parsed : ParsedFormula
    frame : DataFrame
        The caller's rows.
    data : DataFrame or Panel
        What the caller gave.
    rows : int array, optional
        Positions of the complete rows.
    clusters : sequence of str
    weights : str, optional
    family : str

    Raises
    ------
    EstimationError
        If a term cannot be evaluated, or the outcome never varies where it must.
    DataError
        If a weight is not a positive number, or an outcome is none of the family.
    """
    columns = _Columns(frame, rows)
    effects = {name: columns.factor(name.split("^")) for name in parsed.effects}
    effects = dict(sorted(effects.items(), key=lambda item: -item[1].size))
    groups = {
        name: columns.factor([name] if name in frame else name.split("^")) for name in clusters
    }
    firms, units, keys = None, None, [factor.codes for factor in effects.values()]
    if isinstance(data, Panel):
        codes, units = columns.levels(data.unit)
        firms = Factor(codes, len(units), _words(units))
        keys = [
            *keys[:1],
            *([] if keys and keys[0] is codes else [codes]),
            columns.levels(data.time)[0],
        ]
    order = canonical_order(keys, lambda: _values(frame, parsed, clusters, weights, rows))
    if order is not None:
        rows = order if rows is None else rows[order]
        effects = {name: replace(f, codes=f.codes[order]) for name, f in effects.items()}
        groups = {name: replace(f, codes=f.codes[order]) for name, f in groups.items()}
        firms = None if firms is None else replace(firms, codes=firms.codes[order])
    found: Evaluated = evaluate(parsed, frame, rows)
    if family != "gaussian":
        _refuse_outcome(found.outcome, parsed.outcome, family, frame, rows)
    return Sample(
        outcome=found.outcome,
        terms=found.terms,
        endogenous=found.endogenous,
        instruments=found.instruments,
        effects=effects,
        clusters=groups,
        firms=firms,
        units=units,
        weights=None if weights is None else _weights(frame, weights, rows),
    )


def _values(
    frame: pd.DataFrame,
    parsed: ParsedFormula,
    clusters: Sequence[str],
    weights: str | None,
    rows: IntArray | None,
) -> list[npt.NDArray[Any]]:
    """All that is used of each row, to tell rows with the same effects apart."""
    parts = [part for name in clusters for part in ([name] if name in frame else name.split("^"))]
    names = dict.fromkeys([*parsed.columns, *parts, *([weights] if weights else [])])
    found = []
    for name in names:
        column = frame[name]
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufb":
            values = column.to_numpy()
            found.append(values if rows is None else values[rows])
        else:
            found.append(level_codes(column, rows)[0])
    return found


def canonical_order(
    keys: Sequence[IntArray], values: Callable[[], list[npt.NDArray[Any]]]
) -> IntArray | None:
    """The order of rows by whole-number keys, ties by their values; None where they stand in it already.

    Examples
    --------
    >>> canonical_order([np.array([1, 0, 0])], lambda: [np.array([5.0, 7.0, 6.0])]).tolist()
    [2, 1, 0]
    """
    if not keys:
        columns = values()
        order = np.arange(len(columns[0]))
        order = _by_values(order, np.ones(len(order) - 1, dtype=bool), columns)
        return None if (order[1:] > order[:-1]).all() else order
    key = keys[0]
    for more in keys[1:]:
        size = int(more.max()) + 1
        if (int(key.max()) + 1) * size >= 2**62:  # numbered again, so that the next fits
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
        key = key * size + more
    if (key[1:] > key[:-1]).all():
        return None
    order = np.arange(len(key))
    if (key[1:] < key[:-1]).any():
        for part in reversed(keys):
            order = order[_counting_sort(part[order])]
    ranked = key[order]
    same = ranked[1:] == ranked[:-1]
    if same.any():
        order = _by_values(order, same, values())
    return None if (order[1:] > order[:-1]).all() else order


def _counting_sort(codes: IntArray) -> IntArray:
    """Positions by code, those of one code in the order they have: faster than any comparison of rows."""
    from scipy import sparse

    n = len(codes)
    table = sparse.coo_array(
        (np.ones(n, dtype=np.int8), (codes, np.arange(n))), shape=(int(codes.max()) + 1, n)
    )
    return np.asarray(table.tocsr().indices, dtype=np.int64)


def _by_values(order: IntArray, same: BoolArray, columns: Sequence[npt.NDArray[Any]]) -> IntArray:
    """Put rows that tie with the one before them in the order of one column after the other, until none tie."""
    for values in columns:
        if not same.any():
            break
        at = np.flatnonzero(np.concatenate([[False], same]) | np.concatenate([same, [False]]))
        group = np.cumsum(~np.concatenate([[False], same]))[at]
        group = np.cumsum(np.concatenate([[True], group[1:] != group[:-1]])) - 1
        among = order[at]
        inner = np.argsort(values[among])
        if group[-1]:
            inner = inner[_counting_sort(group[inner])]
        order[at] = among[inner]
        own = values[among[inner]]
        tied = (group[1:] == group[:-1]) & (own[1:] == own[:-1])
        same = np.zeros(len(same), dtype=bool)
        same[at[:-1][tied]] = True
    return order


def level_codes(column: pd.Series, rows: IntArray | None) -> tuple[IntArray, npt.NDArray[Any]]:
    """Sorted codes of a key column, and its levels; whole numbers of a small range need no table."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        values = column.to_numpy()
        values = values if rows is None else values[rows]
        low, high = int(values.min()), int(values.max())
        if high - low < _RANGE * len(values) + 1_000 and abs(low) < 2**62 and high < 2**62:
            codes = values.astype(np.int64, copy=False)
            codes = codes if low == 0 else codes - low
            present = np.bincount(codes) > 0
            levels = np.flatnonzero(present)
            if len(levels) < len(present):
                codes = (np.cumsum(present) - 1)[codes]
            return codes, np.asarray(levels + low)
    return as_codes(column if rows is None else column.iloc[rows])


class _Columns:
    """Columns as levels, each read once however often it is asked for."""

    def __init__(self, frame: pd.DataFrame, rows: IntArray | None) -> None:
        self.frame, self.rows = frame, rows
        self._seen: dict[str, tuple[IntArray, npt.NDArray[Any]]] = {}

    def levels(self, name: str) -> tuple[IntArray, npt.NDArray[Any]]:
        """Codes and levels of a column."""
        if name not in self._seen:
            self._seen[name] = level_codes(self.frame[name], self.rows)
        return self._seen[name]

    def factor(self, names: Sequence[str]) -> Factor:
        """The levels of a column, or the pairs of several, such as `sector^year`."""
        codes, levels = self.levels(names[0])
        factor = Factor(codes, len(levels), _words(levels))
        for name in names[1:]:
            more, others = self.levels(name)
            factor = _pairs(factor, more, len(others), _words(others))
        return factor


def _pairs(one: Factor, codes: IntArray, size: int, label: Callable[[int], str]) -> Factor:
    pair = one.codes * size + codes
    if one.size * size <= _RANGE * len(pair) + 1_000:
        present = np.bincount(pair, minlength=one.size * size) > 0
        seen, pair = np.flatnonzero(present), (np.cumsum(present) - 1)[pair]
    else:
        seen, pair = np.unique(pair, return_inverse=True)
    return Factor(
        pair,
        len(seen),
        lambda i: f"{one.label(int(seen[i]) // size)} in {label(int(seen[i]) % size)}",
    )


def _words(levels: npt.NDArray[Any]) -> Callable[[int], str]:
    return lambda i: f"{levels[i]!s:.40}"


def _weights(frame: pd.DataFrame, name: str, rows: IntArray | None) -> FloatArray:
    column = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    values = column if rows is None else column[rows]
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(bad):
        places = bad if rows is None else rows[bad]
        faults = [
            Fault(
                f"this weight is not above 0, at index {frame.index[i]}",
                "give a positive weight, or leave the row out",
                column=name,
                value=frame[name].iloc[i],
            )
            for i in np.sort(places)[:_SHOWN]
        ]
        raise DataError("A regression cannot be weighted by this column.", faults)
    return np.asarray(values)


def _refuse_outcome(
    y: FloatArray, name: str, family: str, frame: pd.DataFrame, rows: IntArray | None
) -> None:
    """Refuse outcomes that the family cannot have, with their rows."""
    bad = np.flatnonzero(y < 0 if family == "poisson" else (y != 0) & (y != 1))
    what = "0 or more" if family == "poisson" else "0 or 1"
    if len(bad):
        places = bad if rows is None else rows[bad]
        shown = np.argsort(places)[:_SHOWN]
        faults = [
            Fault(
                f"the outcome is not {what}, at index {frame.index[places[i]]}",
                "correct the value, leave the row out, or use the family 'gaussian'",
                column=name,
                value=float(y[bad[i]]),
            )
            for i in shown
        ]
        raise DataError(
            f"The family {family!r} takes an outcome of {what}; {counted(len(bad), 'row')} {by_number(len(bad), 'has', 'have')} another.",
            faults,
        )
    if family == "poisson" and not y.any():
        raise EstimationError(
            "The outcome is 0 in every row that is used; a Poisson regression needs some above 0."
        )
    if family == "logit" and not 0 < y.sum() < len(y):
        raise EstimationError(
            "The outcome is the same in every row that is used; a logit needs both 0 and 1."
        )


def without_level(sample: Sample, family: str, singletons: str) -> Sample:
    """Leave out the levels of effects that can tell nothing, again and again until none is left.

    A level with a single row (where asked for), a level whose outcome is always 0 (Poisson), or never varies (logit): its effect predicts
    these rows without error.
    """
    keep = np.ones(len(sample), dtype=bool)
    alone: dict[str, list[int]] = {name: [] for name in sample.effects}
    flat: dict[str, list[int]] = {name: [] for name in sample.effects}
    again = family != "gaussian" or singletons == "drop"
    while again:
        again = False
        for name, factor in sample.effects.items():
            codes = factor.codes if keep.all() else factor.codes[keep]
            number = np.bincount(codes, minlength=factor.size)
            gone = np.zeros(factor.size, dtype=bool)
            if singletons == "drop":
                gone |= number == 1
                alone[name] += np.flatnonzero(gone).tolist()
            if family != "gaussian":
                outcome = sample.outcome if keep.all() else sample.outcome[keep]
                total = np.bincount(codes, outcome, minlength=factor.size)
                same = (total == 0) | ((total == number) & (family == "logit"))
                same &= (number > 0) & ~gone
                flat[name] += np.flatnonzero(same).tolist()
                gone |= same
            if gone.any():
                keep &= ~gone[factor.codes]
                again = True
    if keep.all():
        return sample
    said = [_level_words(sample, alone, "with a single row")]
    said.append(
        _level_words(
            sample,
            flat,
            "whose outcome is always 0" if family == "poisson" else "whose outcome never varies",
        )
    )
    left = len(sample) - int(keep.sum())
    return sample.kept(
        keep,
        f"{counted(left, 'row')} {by_number(left, 'is', 'are')} left out: {'; '.join(s for s in said if s)}. Such levels tell nothing of "
        "the coefficients.",
    )


def _level_words(sample: Sample, levels: dict[str, list[int]], what: str) -> str:
    parts = []
    for name, found in levels.items():
        if found:
            label = sample.effects[name].label
            some = ", ".join(label(i) for i in sorted(found)[:_NAMED])
            more = ", ..." if len(found) > _NAMED else ""
            parts.append(f"{counted(len(found), 'level')} of {name} {what} ({some}{more})")
    return "; ".join(parts)
