"""Coarsened exact matching: firms stand for one another that agree once numbers are put into bins.

Bins are those of R MatchIt 4.7 (Ho, Imai, King and Stuart 2011): equal widths from the smallest to the largest value, their
number by the rules of R's `hist`; a value on a cut point belongs to the bin above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.linalg import lsmr

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.core.whole_numbers import by_number, counted
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen, IntArray, set_weights, strata_codes
from impact.design.exact import matched_columns, refuse_nothing_varies, sets_of_cells
from impact.design.mahalanobis import nearest_by_covariates
from impact.design.propensity import BoolArray, independent_columns
from impact.design.request import MatchSettings

RULES = ("sturges", "scott", "fd")
"""Rules for the number of bins: Sturges, Scott, Freedman-Diaconis."""

_ROUNDING = 1e-12  # of the range: a value this close to a cut point of equal widths lies on it
_TIE = 1e-9  # distances that differ by less, relative to the smaller, are equal
_CROWD = 2_000  # from so many comparison firms in a cell on, a tree finds the nearest sooner

Cut = str | int | tuple[float, ...]
"""How one column is cut: by a rule, into a number of bins, or at given points."""


@METHODS.register(
    "match",
    "coarsened",
    summary="sets of firms of both arms that agree on binned covariates (CEM), or pairs within them",
    takes=("cross-section", "panel"),
    estimands=("ATT", "ATE"),
    covariates=True,
    needs=("numeric covariates known before joining", "firms of both arms"),
    options=("exact", "control", "cutpoints", "k2k"),
    reference="Iacus, King and Porro (2012); Ho, Imai, King and Stuart (2011), MatchIt",
)
def coarsened(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Coarsen the columns of `on`, keep those of `exact`, and make a set of the firms in a cell.

    Options
    -------
    cutpoints : {"sturges", "scott", "fd"}, int, or dict
        Rule for the number of bins ("sturges" if nothing is said), or that number, for every column of `on`; or a dict
        from columns to either, or to a list of cut points. One bin leaves a column out of the cells. Each cohort's bins
        are made from its own candidates.
    k2k : bool
        Match pairs within the cells instead (ATT): each participant, in the order of identifiers, takes the comparison
        firm of its cell that is nearest by Mahalanobis distance and still free; equal distances go to the first
        identifier. In a panel a firm serves once over all cohorts, the first cohorts choosing first.

    Notes
    -----
    The notes of the result hold the L1 imbalance over the cells (`l1_imbalance`).
    """
    k2k = _asked_k2k(settings)
    cuts = cuts_of(settings)
    frame = candidates.frame
    columns = matched_columns(settings)
    refuse_nothing_varies(frame, columns)
    treated = frame["treated"].to_numpy(dtype=bool)
    cells, sets = np.zeros(len(frame), dtype=np.int64), np.zeros(len(frame), dtype=np.int64)
    notes: list[str] = []
    for rows in candidates.cohorts:
        cohort = frame.iloc[rows]
        notes += _constant_notes(cohort, settings)
        inside = cells_of(cohort, cuts, settings.exact)
        sets[rows] = sets_of_cells(inside, treated[rows], first=int(sets.max()) + 1)
        cells[rows] = inside + (0 if rows[0] == 0 else int(cells.max()) + 1)
    pairs = _pairs(candidates, settings, sets) if k2k else None
    notes.append(_l1_note(candidates, settings, cells, sets, pairs))
    score = np.full(len(frame), np.nan)
    if pairs is not None:
        return Chosen(score=score, pairs=pairs, notes=tuple(notes))
    return Chosen(score=score, sets=sets, notes=tuple(notes))


def _asked_k2k(settings: MatchSettings) -> bool:
    k2k = settings.option("k2k", False)
    if not isinstance(k2k, (bool, np.bool_)):
        raise DesignError(f"k2k is {k2k!r}; it is True or False.")
    if k2k and settings.estimand != "ATT":
        raise DesignError(
            f"With k2k=True each participant has one control, which gives the ATT; {settings.estimand!r} was asked for. "
            "Leave `k2k` out to weight the sets to all firms."
        )
    return bool(k2k)


def cuts_of(settings: MatchSettings) -> dict[str, Cut]:
    """How each column of `on` is cut, but for those that are in `exact` too.

    Raises
    ------
    DesignError
        If `cutpoints` is none of its choices, or names a column that is not cut.
    """
    asked = settings.option("cutpoints", "sturges")
    columns = [c for c in settings.on if c not in settings.exact]
    if not isinstance(asked, Mapping):
        if not isinstance(asked, (str, Real)):
            raise DesignError(
                f"cutpoints is {asked!r}; give cut points by column, for example cutpoints={{{columns[0] if columns else 'size'!r}: [10, 50]}}."
            )
        return {c: _cut(asked, "cutpoints") for c in columns}
    unknown = [c for c in asked if c not in columns]
    if unknown:
        raise DesignError(
            f"`cutpoints` names {', '.join(map(repr, unknown))}, but the columns that are coarsened are "
            f"{', '.join(map(repr, columns)) or 'none'}: name the column in `on` alone."
        )
    return {c: _cut(asked.get(c, "sturges"), f"cutpoints[{c!r}]") for c in columns}


def _cut(asked: Any, name: str) -> Cut:
    wrong = (
        f"{name} is {asked!r}; it is one of {', '.join(map(repr, RULES))}, a whole number of bins from 1, or (by column) a list "
        "of finite cut points."
    )
    if isinstance(asked, str):
        if asked not in RULES:
            raise DesignError(wrong)
        return asked
    if isinstance(asked, Integral) and not isinstance(asked, bool) and int(asked) >= 1:
        return int(asked)
    if isinstance(asked, (bool, Real)) or not isinstance(asked, (Sequence, np.ndarray, pd.Series)):
        raise DesignError(wrong)
    try:
        points = np.unique(np.asarray(asked, dtype=np.float64))
    except (TypeError, ValueError):
        raise DesignError(wrong) from None
    if not len(points) or not np.isfinite(points).all():
        raise DesignError(wrong)
    return tuple(points.tolist())


def cells_of(frame: pd.DataFrame, cuts: Mapping[str, Cut], exact: tuple[str, ...] = ()) -> IntArray:
    """Number of each firm's cell: the combination of its bins and its exact values.

    Examples
    --------
    >>> firms = pd.DataFrame({"size": [1.0, 2.0, 9.0], "sector": ["a", "b", "a"]})
    >>> cells_of(firms, {"size": 2}).tolist(), cells_of(firms, {"size": 2}, ("sector",)).tolist()
    ([0, 0, 1], [0, 1, 2])
    """
    bins = {c: coarsen(frame[c].to_numpy(dtype=np.float64), cut) for c, cut in cuts.items()}
    table = pd.DataFrame({**bins, **{c: frame[c] for c in exact}}, index=frame.index)
    return strata_codes(table, tuple(table.columns))


def coarsen(x: FloatArray, cut: Cut) -> IntArray:
    """Number of each value's bin, from 0; a value on a cut point is in the bin above.

    Parameters
    ----------
    x : array, shape (n,)
    cut : str, int, or tuple of float
        Rule for the number of bins of equal width from the smallest to the largest value, or that number, or the points.

    Notes
    -----
    Where bins have equal widths, a value within rounding of a cut point (1e-12 of the range) lies on it, so that a change
    of units moves nobody. R compares the rounded numbers: of `seq(0, 1, 0.1)` in 10 bins it puts 0.3 into the third.

    Examples
    --------
    >>> coarsen(np.array([0.0, 0.3, 0.5, 1.0]), 10).tolist()
    [0, 3, 5, 9]
    >>> coarsen(np.array([0.0, 10.0, 11.0]), (10.0,)).tolist()
    [0, 1, 1]
    """
    if isinstance(cut, tuple):
        return np.asarray(np.searchsorted(np.array(cut), x, side="right"), dtype=np.int64)
    bins = cut if isinstance(cut, int) else number_of_bins(x, cut)
    low, high = float(x.min()), float(x.max())
    if bins == 1 or low == high:
        return np.zeros(len(x), dtype=np.int64)
    points = np.linspace(low, high, bins + 1)[1:-1] - _ROUNDING * (high - low)
    return np.asarray(np.searchsorted(points, x, side="right"), dtype=np.int64)


def number_of_bins(x: FloatArray, rule: str) -> int:
    """Number of bins by a rule, as R's `nclass.Sturges`, `nclass.scott` and `nclass.FD` count them.

    Notes
    -----
    Sturges: log2(n) + 1. Scott: range / (3.5 s n^(-1/3)). Freedman-Diaconis: range / (2 IQR n^(-1/3)), the quartiles
    of values rounded to five digits; where they are equal, quantiles further out stand in, at last Scott's rule. All are
    rounded up.

    Examples
    --------
    >>> x = np.arange(100.0)
    >>> [number_of_bins(x, rule) for rule in RULES]
    [8, 5, 5]
    """
    n = len(x)
    if rule == "sturges":
        return int(np.ceil(np.log2(n) + 1))
    spread = float(x.max() - x.min())
    if n < 2 or spread == 0:
        return 1
    scott = 3.5 * float(x.std(ddof=1))
    width = scott if rule == "scott" else _freedman_diaconis(x) or scott
    return max(1, int(np.ceil(spread / width * n ** (1 / 3))))


def _freedman_diaconis(x: FloatArray) -> float:
    """Twice the interquartile range; where it is 0, the same slope between quantiles further out."""
    rounded = _five_digits(x)
    share, width = 0.25, 0.0
    while width == 0 and share >= 1 / 512:
        low, high = np.quantile(rounded, [share, 1 - share])
        width = float(high - low) * (2 if share == 0.25 else 1 / (1 - 2 * share))
        share /= 2
    return width


def _five_digits(x: FloatArray) -> FloatArray:
    safe = np.where(x == 0, 1.0, np.abs(x))
    power = 4 - np.floor(np.log10(safe))
    up, down = 10.0 ** np.maximum(power, 0), 10.0 ** np.maximum(-power, 0)
    return np.asarray(np.rint(x * up / down) * down / up)


def l1_imbalance(cells: IntArray, treated: BoolArray, weights: FloatArray | None = None) -> float:
    """Multivariate L1 imbalance of Iacus, King and Porro (2011): half the sum over cells of the difference in shares.

    Parameters
    ----------
    cells : array of int, shape (n,)
        Number of each firm's cell, for example of `cells_of`.
    treated : array of bool, shape (n,)
    weights : array, shape (n,), optional
        Weights, zero for firms that are not matched.

    Returns
    -------
    float
        0 where the arms have the same share in every cell, 1 where they share no cell; missing for an empty arm.

    Notes
    -----
    It depends on the cells: compare designs over the same ones. After coarsened matching it is 0 over the cells of the
    matching, by construction; over finer ones it says what is left.

    Examples
    --------
    >>> l1_imbalance(np.array([0, 0, 0, 1]), np.array([True, True, False, False]))
    0.5
    """
    weight = np.ones(len(cells)) if weights is None else np.asarray(weights, dtype=np.float64)
    arms = [np.bincount(cells, weight * arm) for arm in (treated, ~treated)]
    if not min(arm.sum() for arm in arms) > 0:
        return float("nan")
    return float(np.abs(arms[0] / arms[0].sum() - arms[1] / arms[1].sum()).sum() / 2)


def _l1_note(
    candidates: Candidates,
    settings: MatchSettings,
    cells: IntArray,
    sets: IntArray,
    pairs: pd.DataFrame | None,
) -> str:
    """Cells, those with both arms, and the imbalance over them before and after matching."""
    treated = candidates.frame["treated"].to_numpy(dtype=bool)
    before = np.ones(len(cells))
    for rows in candidates.cohorts:  # as in balance(): no difference between calendar years
        outs = rows[~treated[rows]]
        if len(candidates.cohorts) > 1:
            before[outs] = (len(rows) - len(outs)) / len(outs)
    if pairs is None:
        after = set_weights(treated, sets, settings.estimand) if sets.any() else np.zeros(len(sets))
    else:
        after = np.zeros(len(cells))
        after[pairs["treated"]] = after[pairs["control"]] = 1.0
    both = len(np.unique(sets[sets > 0]))
    return (
        f"{both:,} of {counted(int(cells.max()) + 1, 'cell')} of the coarsening {by_number(both, 'has', 'have')} firms of both arms. L1 imbalance over the cells: "
        f"{l1_imbalance(cells, treated, before):.3f} before matching, {l1_imbalance(cells, treated, after):.3f} after, by "
        "construction; balance() shows what is left within cells."
    )


def _constant_notes(cohort: pd.DataFrame, settings: MatchSettings) -> list[str]:
    g = cohort["cohort"].iloc[0]
    when = "" if pd.isna(g) else f" for the cohort of {int(g)}"
    return [
        f"'{c}' is constant{when} and parts no firms."
        for c in settings.on
        if c not in settings.exact and cohort[c].nunique() == 1
    ]


def _pairs(candidates: Candidates, settings: MatchSettings, sets: IntArray) -> pd.DataFrame:
    """Pairs within the sets, cohort by cohort; a firm serves once."""
    frame = candidates.frame
    units = pd.factorize(frame["unit"])[0]
    free = np.ones(len(frame), dtype=bool)
    found = []
    for rows in candidates.cohorts:
        cohort = frame.iloc[rows]
        treated = cohort["treated"].to_numpy(dtype=bool)
        x = distance_space(cohort, treated, settings)
        pairs = pairs_within(x, treated, np.where(treated | free[rows], sets[rows], 0))
        found.append(
            pd.DataFrame(
                {
                    "treated": rows[pairs.treated],
                    "control": rows[pairs.control],
                    "rank": 1,
                    "distance": pairs.distance,
                }
            )
        )
        free &= ~np.isin(units, units[rows[pairs.control]])
    return pd.concat(found, ignore_index=True)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Positions of participants and their controls, and the distance between them."""

    treated: IntArray
    control: IntArray
    distance: FloatArray


def pairs_within(x: FloatArray, treated: BoolArray, sets: IntArray) -> Pairs:
    """Pairs within sets: each participant takes the nearest control that is left; ties by position.

    Parameters
    ----------
    x : array, shape (n, k)
        Points between which distances are Euclidean.
    treated : array of bool, shape (n,)
    sets : array of int, shape (n,)
        Number of each firm's set; 0 for firms that take no part.

    Notes
    -----
    Distances are equal that differ by no more than rounding; in sets of more than 2,000 controls only those that are equal to
    the last bit (`impact.design.mahalanobis.nearest_by_covariates`).

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [2.0], [5.0]])
    >>> pairs = pairs_within(x, np.array([True, True, False, False]), np.array([1, 1, 1, 1]))
    >>> pairs.control.tolist(), pairs.distance.tolist()
    ([2, 3], [1.0, 3.0])
    """
    outs_of = np.bincount(sets[~treated], minlength=int(sets.max(initial=0)) + 1)
    crowded = (sets > 0) & (outs_of[sets] > _CROWD)
    turns, room = np.flatnonzero(crowded & treated), (crowded & ~treated).astype(np.int64)
    one, other, _ = nearest_by_covariates(x, turns, room, sets)
    apart = np.linalg.norm(x[one] - x[other], axis=1)
    found = list(zip(one.tolist(), other.tolist(), apart.tolist(), strict=True))
    sets = np.where(crowded, 0, sets)
    order = np.argsort(sets, kind="stable")
    order = order[np.searchsorted(sets[order], 1) :]
    bounds = np.flatnonzero(np.diff(sets[order])) + 1
    for members in np.split(order, bounds):
        outs = members[~treated[members]]
        for t in members[treated[members]].tolist():
            if not len(outs):
                break
            distance = np.sqrt(((x[outs] - x[t]) ** 2).sum(axis=1))
            best = int(np.argmax(distance <= distance.min() * (1 + _TIE)))
            found.append((t, int(outs[best]), float(distance[best])))
            outs = np.delete(outs, best)
    found.sort()
    t, c, d = zip(*found, strict=True) if found else ((), (), ())
    return Pairs(np.array(t, dtype=np.int64), np.array(c, dtype=np.int64), np.array(d, dtype=float))


def distance_space(cohort: pd.DataFrame, treated: BoolArray, settings: MatchSettings) -> FloatArray:
    """Covariates turned so that Euclidean distance is Mahalanobis distance within a cell.

    The covariance is that within the arms, pooled (n - 2), given the exact columns: firms of a cell agree on them. This is
    what MatchIt computes, which gives each level of a factor a column. Directions without variance count for nothing.
    """
    x = cohort[list(settings.on)].to_numpy(dtype=np.float64)
    kept, _ = independent_columns(x, settings.on)
    if not kept or len(x) < 3:
        return np.zeros((len(x), 1))
    z = (x[:, kept] - x[:, kept].mean(axis=0)) / x[:, kept].std(axis=0)
    arms_and_levels = [treated.astype(np.int64), *_levels(cohort, settings.exact)]
    design = sparse.hstack([_indicators(level) for level in arms_and_levels], format="csr")
    rest = z.copy()
    for j in range(z.shape[1]):
        rest[:, j] -= design @ lsmr(design, z[:, j], atol=1e-14, btol=1e-14, maxiter=10_000)[0]
    values, vectors = np.linalg.eigh(rest.T @ rest / (len(z) - 2))
    there = values > 1e-12 * max(float(values.max()), 1.0)
    turn = vectors[:, there] / np.sqrt(values[there])
    turned: FloatArray = np.zeros((len(z), max(1, int(there.sum()))))
    for column, row in zip(z.T, turn, strict=True):  # by columns, so that equal firms stay equal
        if len(row):
            turned += column[:, None] * row
    return turned


def _levels(cohort: pd.DataFrame, exact: tuple[str, ...]) -> list[IntArray]:
    return [strata_codes(cohort, (column,)) for column in exact]


def _indicators(level: IntArray) -> sparse.csr_array:
    n = len(level)
    return sparse.csr_array((np.ones(n), (np.arange(n), level)), shape=(n, int(level.max()) + 1))
