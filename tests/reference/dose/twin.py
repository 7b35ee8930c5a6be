"""A slow, plain version of the estimators of Callaway, Goodman-Bacon and Sant'Anna (2024), as a function of the weights of firms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.interpolate import BSpline


def columns(doses: np.ndarray, shape: str, knots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the regression and their derivatives, in another basis than the package's: raw powers, or B-splines without the first."""
    x = np.asarray(doses, dtype=float)
    if shape != "spline":
        degree = {"linear": 1, "quadratic": 2}[shape]
        powers = np.column_stack([x**k for k in range(degree + 1)])
        slopes = np.column_stack(
            [np.zeros(len(x))] + [k * x ** (k - 1) for k in range(1, degree + 1)]
        )
        return powers, slopes
    number = len(knots) - 4
    values, slopes = [np.ones(len(x))], [np.zeros(len(x))]
    for j in range(1, number):
        one = BSpline(knots, np.eye(number)[j], 3)
        values.append(one(x))
        slopes.append(one.derivative()(x))
    return np.column_stack(values), np.column_stack(slopes)


def all_knots(doses: np.ndarray, inner: int) -> np.ndarray:
    between = np.quantile(doses, np.linspace(0, 1, inner + 2)[1:-1])
    return np.concatenate([[doses.min()] * 4, between, [doses.max()] * 4])


class Twin:
    """Cells are a list, and every average is taken again for each set of weights."""

    def __init__(self, frame: pd.DataFrame, dose: str, control: str, average: str) -> None:
        y = {(r.firm, int(r.year)): float(r.y) for r in frame.itertuples()}
        one = frame.drop_duplicates("firm").set_index("firm")
        self.joined, self.dose = one["joined"].to_numpy(float), one[dose].to_numpy(float)
        years = sorted(int(t) for t in frame["year"].unique())
        self.average = average
        self.even = np.ones(len(one))
        self.cells = []
        for g in sorted({int(j) for j in self.joined if j == j}):
            for t in [t for t in years if t >= g]:
                own = [i for i, j in enumerate(self.joined) if j == g]
                others = [
                    i
                    for i, j in enumerate(self.joined)
                    if j != j or (control == "not_yet" and j > t)
                ]
                change = np.array([y[f, t] - y[f, g - 1] for f in one.index])
                if others:
                    self.cells.append((g, np.array(own), np.array(others), change))
        self._columns: dict[object, list[tuple[np.ndarray, np.ndarray]]] = {}

    def effects(
        self, cell: tuple[int, np.ndarray, np.ndarray, np.ndarray], w: np.ndarray
    ) -> np.ndarray:
        _, own, others, change = cell
        return np.asarray(change[own] - np.average(change[others], weights=w[others]))

    def years(self, g: int) -> int:
        """What the weight of a firm's year is divided by."""
        return sum(cell[0] == g for cell in self.cells) if self.average == "cohort" else 1

    def mean(
        self, members: Callable[[np.ndarray], np.ndarray], w: np.ndarray, given: bool = False
    ) -> float:
        """Mean effect over the years of firms whose dose is a member's; numbers as given or not."""
        top = bottom = 0.0
        for cell in self.cells:
            own = cell[1]
            inside = members(self.dose[own])
            if inside.any():
                size = (self.even if given else w)[own][inside].sum() / self.years(cell[0])
                top += size * np.average(self.effects(cell, w)[inside], weights=w[own][inside])
                bottom += size
        return float(top / bottom)

    def curve(
        self, at: float, kind: str, shape: str, w: np.ndarray, inner: int = 0, given: bool = False
    ) -> float:
        """ATT(d) or ACRT(d); at a missing dose ACRT averaged over participants."""
        knots = all_knots(self.dose[~np.isnan(self.joined)], inner)
        if (shape, inner) not in self._columns:
            self._columns[shape, inner] = [
                columns(self.dose[cell[1]], shape, knots) for cell in self.cells
            ]
        told = None if np.isnan(at) else columns(np.array([at]), shape, knots)[kind == "ACRT"]
        top = bottom = 0.0
        for cell, (x, slopes) in zip(self.cells, self._columns[shape, inner], strict=True):
            own = cell[1]
            root = np.sqrt(w[own])
            beta = np.linalg.lstsq(root[:, None] * x, root * self.effects(cell, w), rcond=None)[0]
            size = (self.even if given else w)[own]
            value = (
                np.average(slopes @ beta, weights=size) if told is None else float((told @ beta)[0])
            )
            top += size.sum() / self.years(cell[0]) * value
            bottom += size.sum() / self.years(cell[0])
        return float(top / bottom)

    def error(self, estimate: Callable[[np.ndarray], float], step: float = 1e-4) -> float:
        """Standard error from the derivative of an estimate in the weight of each firm."""
        moved = []
        for i in range(len(self.even)):
            ends = []
            for s in (step, -step):
                w = self.even.copy()
                w[i] += s
                ends.append(estimate(w))
            moved.append((ends[0] - ends[1]) / (2 * step))
        return float(np.sqrt(np.sum(np.square(moved))))
