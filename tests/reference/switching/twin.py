"""Slow, plain versions of the formulas of de Chaisemartin and D'Haultfoeuille (2020, 2024), firm by firm: the oracle of the tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

Paths = dict[object, dict[int, tuple[int, float]]]  # firm -> year -> (participation, outcome)
Weights = dict[object, float]


def paths_of(frame: pd.DataFrame) -> Paths:
    found: Paths = {}
    for row in frame.itertuples():
        found.setdefault(row.firm, {})[int(row.year)] = (int(row.member), float(row.y))
    return found


def first_switch(path: dict[int, tuple[int, float]]) -> float:
    start = path[min(path)][0]
    later = [t for t in sorted(path) if path[t][0] != start]
    return later[0] if later else np.inf


def comparisons(
    paths: Paths, e: int
) -> list[tuple[int, int, list[object], list[object], int, int]]:
    """For event time e: sign, target, switching firms, comparison firms, base and year of first switch, one for each cohort and start."""
    years = sorted(next(iter(paths.values())))
    found = []
    for f in years[1:]:
        for start in (0, 1):
            base, target = f - 1, f + e
            limit = target if e >= 0 else 2 * base - target
            if target < years[0] or limit > years[-1]:
                continue
            alike = [g for g, p in paths.items() if p[years[0]][0] == start]
            own = [g for g in alike if first_switch(paths[g]) == f]
            others = [g for g in alike if first_switch(paths[g]) > limit]
            if own and others:
                found.append((1 - 2 * start, target, own, others, base, f))
    return found


def change(paths: Paths, g: object, target: int, base: int) -> float:
    return paths[g][target][1] - paths[g][base][1]


def did(paths: Paths, e: int) -> float:
    """Equation by equation: the mean over switching firms of S_g DID_{g,l}."""
    each = []
    for sign, target, own, others, base, _ in comparisons(paths, e):
        for g in own:
            trend = np.mean([change(paths, h, target, base) for h in others])
            each.append(sign * (change(paths, g, target, base) - trend))
    return float(np.mean(each)) if each else np.nan


def did_with_weights(paths: Paths, e: int, weight: Weights) -> float:
    """The same with numbers of firms as given and means weighted: what a firm moves is its derivative."""
    parts = comparisons(paths, e)
    total = sum(len(own) for _, _, own, *_ in parts)
    found = 0.0
    for sign, target, own, others, base, _ in parts:
        means = [
            np.average(
                [change(paths, g, target, base) for g in arm], weights=[weight[g] for g in arm]
            )
            for arm in (own, others)
        ]
        found += len(own) / total * sign * (means[0] - means[1])
    return float(found)


def jackknife(
    estimate: Callable[[Weights], float], firms: list[object], step: float = 1e-4
) -> float:
    """Standard error from the derivative of an estimate in the weight of each firm."""
    even = dict.fromkeys(firms, 1.0)
    moved = []
    for g in firms:
        up, down = ({**even, g: 1 + s} for s in (step, -step))
        moved.append((estimate(up) - estimate(down)) / (2 * step))
    return float(np.sqrt(np.sum(np.square(moved))))


def own_cohort_error(paths: Paths, e: int) -> float:
    """The paper's variance: contributions of firms, centred on the mean of the firms with the same start and first switch."""
    parts = comparisons(paths, e)
    total = sum(len(own) for _, _, own, *_ in parts)
    moved = dict.fromkeys(paths, 0.0)
    for sign, target, own, others, base, _ in parts:
        for g in own:
            moved[g] += sign * change(paths, g, target, base) / total
        for h in others:
            moved[h] -= sign * len(own) / len(others) * change(paths, h, target, base) / total
    cohorts: dict[object, list[float]] = {}
    for g, p in paths.items():
        cohorts.setdefault((p[min(p)][0], first_switch(p)), []).append(moved[g])
    return float(np.sqrt(sum(np.sum((np.array(v) - np.mean(v)) ** 2) for v in cohorts.values())))


def total(paths: Paths) -> float:
    """Average total effect: effects of all horizons over changes in participation."""
    years = sorted(next(iter(paths.values())))
    effect, dose = 0.0, 0.0
    for e in range(len(years)):
        for sign, target, own, others, base, _ in comparisons(paths, e):
            trend = np.mean([change(paths, h, target, base) for h in others])
            for g in own:
                effect += sign * (change(paths, g, target, base) - trend)
                dose += abs(paths[g][target][0] - paths[g][years[0]][0])
    return effect / dose


def mean_received(paths: Paths, e: int) -> float:
    """Mean number of periods up to event time e in which participation differs from the start."""
    years = sorted(next(iter(paths.values())))
    each = []
    for _, _, own, _, _, f in comparisons(paths, e):
        last = f + e if e >= 0 else f - 2 - e
        each += [
            sum(paths[g][t][0] != paths[g][years[0]][0] for t in range(f, last + 1)) for g in own
        ]
    return float(np.mean(each))


def did_m(paths: Paths, kind: str, weight: Weights | None = None) -> float:
    """DID_M, of firms that join, that leave, all, or the placebo."""
    years = sorted(next(iter(paths.values())))
    w = weight or dict.fromkeys(paths, 1.0)
    effect, number = 0.0, 0
    for i, t in enumerate(years):
        if i == 0 or (kind == "placebo" and i == 1):
            continue
        before, later, base = years[i - 1], t, years[i - 1]
        if kind == "placebo":
            later, base = years[i - 1], years[i - 2]
        for start in (0, 1):
            if (kind == "joining" and start) or (kind == "leaving" and not start):
                continue
            alike = [g for g, p in paths.items() if p[before][0] == start and p[base][0] == start]
            own, others = (
                [g for g in alike if (paths[g][t][0] != start) == s] for s in (True, False)
            )
            if not own or not others:
                continue
            means = [
                np.average(
                    [change(paths, g, later, base) for g in arm], weights=[w[g] for g in arm]
                )
                for arm in (own, others)
            ]
            effect += len(own) * (1 - 2 * start) * (means[0] - means[1])
            number += len(own)
    return effect / number
