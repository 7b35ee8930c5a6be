"""Numbers by year that jump: amounts, shares and mixes, each held against its neighbours."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

_SWING = {"cents": 2.0}  # prices move values more than they move counts
_FEW_CARRY = {"cents": 10.0}  # as if one firm in ten carried the value, so concentrated is trade
_ENOUGH = 5  # changes; with fewer, one bad year makes up half of them and hides in their spread
_ALWAYS = math.log(2)  # a count that halves or doubles is said, however restless the series
_STILL = 0.1  # of the least change: what all other changes stay within where nothing moves
_ENOUGH_STILL = 3  # other changes that must show that nothing moves
_HALF = 0.5  # of the firms new or lost, where two years are all there is to judge by
_NORMAL = 1.4826  # median absolute deviation -> standard deviation of a normal distribution

Floats = npt.NDArray[np.float64]


class Break(NamedTuple):
    """One measure of one year that differs from what its neighbours suggest."""

    year: int
    measure: str
    value: float
    expected: float = math.nan
    change: float = math.nan
    score: float = math.nan


def numbers_of(column: pd.Series) -> Floats:
    """Numbers of a column whatever its type; missing is NaN."""
    values: Floats = column.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
    return values


def amount_breaks(present: pd.DataFrame, measure: str, k: float, min_change: float) -> list[Break]:
    """Years whose amount jumps from the year before, or stands apart from both its neighbours.

    Parameters
    ----------
    present : DataFrame
        Index = year, increasing; `firms` (above 0) and the measure.
    measure : str
        `firms`, `rows` or `cents`.
    k, min_change
        As in `coverage_breaks`.
    """
    values, firms = numbers_of(present[measure]), numbers_of(present["firms"])
    if not (values > 0).any():
        return []  # nobody gave amounts
    years = present.index.to_numpy(dtype="int64")
    # No logarithm, and no total of a year of trade: corrections outweigh it, or its amounts are lost.
    found = [Break(int(y), measure, float(v), score=math.inf)
             for y, v in zip(years, values, strict=True) if v <= 0]  # fmt: skip
    known = values > 0
    years, values, firms = years[known], values[known], firms[known]
    if len(years) < 2:
        return found
    swing = _SWING.get(measure, 1.0)
    logs, gaps = np.log(values), np.diff(years).astype("float64")
    steps = np.diff(logs)
    usual = _usual(steps / gaps, min_change * swing)
    away = steps - gaps * usual
    chance = _FEW_CARRY.get(measure, 1.0) * (1 / firms[1:] + 1 / firms[:-1])
    spread = _spread(away, min_change * swing / k, max(_ALWAYS, min_change) * swing / k)
    scores = np.abs(away) / np.sqrt(spread**2 + chance)
    jumps = _jumps(away, scores > k)
    dip = _dip(away, min_change * swing)
    if dip is not None and not jumps:  # where firms do not come and go, chance excuses nothing
        jumps, scores = [(dip, True)], np.abs(away) / spread
    for j, returns in jumps:
        if j == 0 and not returns and away[0] > 0 and len(away) > 1 and scores[1] <= k:
            # All later years agree, so that the first one is what lacks something.
            log_expected = logs[1] - gaps[0] * usual
            value, expected = float(values[0]), math.exp(log_expected)
            found.append(
                Break(
                    int(years[0]), measure, value, expected, value / expected - 1, float(scores[0])
                )
            )
            continue
        if returns:  # the year between is out of line with both its neighbours
            weight = gaps[j] / (gaps[j] + gaps[j + 1])
            log_expected = (1 - weight) * logs[j] + weight * logs[j + 2]
        else:
            log_expected = logs[j] + gaps[j] * usual
        value, expected = float(values[j + 1]), math.exp(log_expected)
        score = float(scores[j : j + 2].max() if returns else scores[j])
        year = int(years[j + 1])
        found.append(Break(year, measure, value, expected, value / expected - 1, score))
    return found


def _usual(rates: Floats, most: float) -> float:
    """The usual change a year: the median, bounded while few changes are known.

    Of an even number the middle one nearer to no change is taken, and none where they disagree in sign:
    the mean of the two would lie half-way to a jump.
    """
    ordered = np.sort(rates)
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    if low * high <= 0 or len(rates) == 1:
        return 0.0
    middle = low if abs(low) < abs(high) else high
    return middle if len(rates) >= _ENOUGH else max(-most, min(most, middle))


def _spread(away: Floats, least: float, most: float) -> float:
    """Robust standard deviation of departures from the usual, kept between two bounds."""
    if len(away) < _ENOUGH:
        return least
    deviation = _NORMAL * float(np.median(np.abs(away - np.median(away))))
    return min(max(deviation, least), most)


def _jumps(away: Floats, flagged: npt.NDArray[np.bool_]) -> list[tuple[int, bool]]:
    """Positions of the jumps, and whether the next change takes each back."""
    found, j = [], 0
    while j < len(away):
        back = (
            bool(flagged[j])
            and j + 1 < len(away)
            and bool(flagged[j + 1])
            and away[j] * away[j + 1] < 0
        )
        if flagged[j]:
            found.append((j, back))
        j += 2 if back else 1
    return found


def _dip(away: Floats, min_change: float) -> int | None:
    """Position of the one fall that the next change takes back, where no other change is worth the name."""
    if len(away) < 2 + _ENOUGH_STILL:
        return None
    j = int(np.argmin(away[:-1]))
    others = np.abs(np.delete(away, [j, j + 1]))
    # In whole per cent, as it is said: 0.2 in logarithms is a fall by 18 %.
    least = round(-math.expm1(-min_change), 2) - 1e-9
    fall = -math.expm1((away[j] - away[j + 1]) / 2)
    return j if fall >= least and others.max() <= _STILL * min_change else None


def share_breaks(present: pd.DataFrame, measure: str, k: float, min_change: float) -> list[Break]:
    """Years in which a share stands above both its neighbours.

    Only peaks count: by themselves the share of new firms falls from the first year on, as the past that is
    known grows, and that of lost firms rises towards the last.
    """
    inner = present.iloc[1:] if measure == "new_share" else present.iloc[:-1]
    inner = inner[~np.isnan(numbers_of(inner[measure]))]
    shares, firms = numbers_of(inner[measure]), numbers_of(inner["firms"])
    before, after = np.r_[np.nan, shares[:-1]], np.r_[shares[1:], np.nan]
    edge = np.isnan(before) | np.isnan(after)
    inside = np.where(np.isnan(before), after, before)
    expected = np.where(edge, inside, (before + after) / 2)
    expected = np.where(np.isnan(expected), _HALF, expected)
    away = shares - expected
    # One neighbour instead of two, at the end where the share moves most by itself: twice the allowance.
    spread = np.where(edge, 2.0, 1.0) * min_change / k
    chance = np.clip(expected * (1 - expected), 0, None) / firms
    scores = away / np.sqrt(spread**2 + chance)
    return [
        Break(int(inner.index[j]), measure, float(shares[j]), float(expected[j]), float(away[j]),
              float(scores[j]))
        for j in np.flatnonzero(scores > k)
    ]  # fmt: skip


def prefix_breaks(prefixes: pd.DataFrame, k: float, min_change: float) -> list[Break]:
    """Years whose mix of identifiers is far from that of the year before, in total variation."""
    mix = prefixes.pivot_table(index="year", columns="prefix", values="firms", aggfunc="sum")
    mix = mix.fillna(0).sort_index()  # a prefix without firms: a true 0
    mix = mix[mix.sum(axis=1) > 0]
    if len(mix) < 2:
        return []
    years, counts = mix.index, mix.to_numpy(dtype="float64")
    firms = counts.sum(axis=1)
    shares = counts / firms[:, None]
    distance = np.abs(np.diff(shares, axis=0)).sum(axis=1) / 2
    pooled = (counts[1:] + counts[:-1]) / (firms[1:] + firms[:-1])[:, None]
    each = pooled * (1 - pooled) * (1 / firms[1:] + 1 / firms[:-1])[:, None]
    by_chance = np.sqrt(2 / np.pi * each).sum(axis=1) / 2  # mean distance of two draws from one mix
    # A mix that is another one every second year is not a usual one.
    expected = np.maximum(by_chance, min(float(np.median(distance)), min_change))
    away = distance - expected
    scores = away * k / min_change
    found, last = [], -1
    for j in np.flatnonzero(scores > k):
        if j == last + 1 and last >= 0 and _returns(shares[j - 1], shares[j], shares[j + 1]):
            continue  # the mix is back where it was: the year between is said already
        found.append(Break(int(years[j + 1]), "prefixes", float(distance[j]), float(expected[j]),
                           float(away[j]), float(scores[j])))  # fmt: skip
        last = int(j)
    return found


def _returns(before: Floats, between: Floats, after: Floats) -> bool:
    return bool(np.abs(after - before).sum() < np.abs(after - between).sum() / 2)
