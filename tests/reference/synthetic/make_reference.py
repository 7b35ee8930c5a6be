"""Run cvxpy (Clarabel), diff-diff and synthdid-py on the panels of reader.py and write packages.csv; see README.md."""

from __future__ import annotations

import runpy
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cvxpy as cp
import numpy as np
import pandas as pd
from diff_diff import SyntheticDiD
from diff_diff.utils import _sc_weight_nnls, compute_sdid_estimator
from synthdid import staggered_synthdid_estimate, synthdid_estimate
from synthdid.staggered import staggered_panel_matrices

HERE = Path(__file__).parent
READER = runpy.run_path(str(HERE / "reader.py"))
TIGHT = {"CLARABEL": {f"tol_{x}": 1e-13 for x in ("gap_abs", "gap_rel", "feas")}}
Row = tuple[str, Any, Any, Any, str, Any, float]


def exact(a: np.ndarray, b: np.ndarray, ridge: float) -> np.ndarray:
    """Weights by an interior point method of another library."""
    a, b = a - a.mean(axis=0), b - b.mean()
    w = cp.Variable(a.shape[1])
    loss = cp.sum_squares(a @ w - b) + ridge * cp.sum_squares(w)
    cp.Problem(cp.Minimize(loss), [w >= 0, cp.sum(w) == 1]).solve(
        solver="CLARABEL", **TIGHT["CLARABEL"]
    )
    found = np.where(w.value > 1e-9, w.value, 0.0)
    return found / found.sum()


class Block:
    """A cohort and its comparison firms, as matrices."""

    def __init__(self, own: np.ndarray, others: np.ndarray, before: int) -> None:
        self.own, self.others, self.before = own, others, before
        after = own.shape[1] - before
        noise = np.diff(others[:, :before], axis=1).std(ddof=1)
        self.zeta = (len(own) * after) ** 0.25 * noise, 1e-6 * noise

    def problems(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        t = self.before
        yield self.others[:, :t].T, self.own[:, :t].mean(axis=0)
        yield self.others[:, :t], self.others[:, t:].mean(axis=1)

    def exact(self, zeta: tuple[float, float] | None = None) -> list[np.ndarray]:
        pairs = zip(self.problems(), zeta or self.zeta, strict=True)
        return [exact(a, b, z**2 * len(b)) for (a, b), z in pairs]

    def active_set(self) -> list[np.ndarray]:
        """The active set of diff-diff, which has no constant: all is centred before."""
        found = []
        for (a, b), z in zip(self.problems(), self.zeta, strict=True):
            centred = np.column_stack([a - a.mean(axis=0), b - b.mean()])
            weights, converged = _sc_weight_nnls(centred, z, return_convergence=True)
            assert converged
            found.append(weights)
        return found

    def arms(self) -> tuple[np.ndarray, ...]:
        t = self.before
        return self.others[:, :t].T, self.others[:, t:].T, self.own[:, :t].T, self.own[:, t:].T

    def estimate(self, omega: np.ndarray, lambda_: np.ndarray) -> float:
        a, b, c, d = self.arms()
        return float(compute_sdid_estimator(a, b, c.mean(axis=1), d.mean(axis=1), omega, lambda_))


def one_cohort(
    case: str,
    control: str,
    g: int,
    end: int,
    units: tuple[np.ndarray, np.ndarray],
    wide: pd.DataFrame,
) -> Iterator[Row]:
    """Weights, curve, estimate and errors of one block."""
    years = wide.columns[wide.columns < end]
    before = int((years < g).sum())
    own, others = (wide.loc[u, years].to_numpy() for u in units)
    block = Block(own, others, before)

    def row(source: str, quantity: str, key: Any, value: float) -> Row:
        return source, case, control, g, quantity, key, value

    omega, lambda_ = block.exact()
    yield from (row("cvxpy", "omega", u, w) for u, w in zip(units[1], omega, strict=True))
    yield from (row("cvxpy", "lambda", t, w) for t, w in zip(years, lambda_, strict=False))
    yield row("cvxpy", "att", "", block.estimate(omega, lambda_))
    yield row("diff-diff, active set", "att", "", block.estimate(*block.active_set()))
    stacked, n0 = np.vstack([others, own]), len(others)
    default = synthdid_estimate(stacked, n0, before)
    yield row("synthdid-py", "att", "", float(default))
    given = {"omega": omega, "lambda": lambda_}
    fixed = synthdid_estimate(
        stacked, n0, before, weights=given, update_omega=False, update_lambda=False
    )
    yield from (
        row("synthdid-py, exact weights", "effect", t, x)
        for t, x in zip(years[before:], fixed.effect_curve(), strict=True)
    )
    if len(own) > 1:
        yield row("synthdid-py, exact weights", "jackknife", "", fixed.se(method="jackknife"))
        error = SyntheticDiD(variance_method="jackknife")._jackknife_se(
            *block.arms(), omega, lambda_
        )[0]
        yield row("diff-diff, exact weights", "jackknife", "", error)
    else:
        found = []
        for j in range(n0):
            rest = Block(others[[j]], np.delete(others, j, axis=0), before)
            found.append(rest.estimate(*rest.exact(block.zeta)))
        yield row("cvxpy", "placebo", "", float(np.std(found)))


def rows(case: str) -> Iterator[Row]:
    frame = READER["panel_of"](case)
    wide = frame.pivot(index="unit", columns="year", values="y")
    joined = frame.groupby("unit")["joined"].first()
    cohorts = sorted(int(g) for g in joined.dropna().unique())
    for control in ("never", "not_yet") if len(cohorts) > 1 else ("never",):
        for i, g in enumerate(cohorts):
            end = np.inf
            free = joined.isna()
            if control == "not_yet" and i + 1 < len(cohorts):  # until the next cohort joins
                end = cohorts[i + 1]
                free |= joined >= end
            units = wide.index[joined == g], wide.index[free]
            yield from one_cohort(case, control, g, end, units, wide)
    if len(cohorts) > 1:
        treated = frame.assign(d=(frame["year"] >= frame["joined"]).astype(int))
        matrices = staggered_panel_matrices(treated, "unit", "year", "y", "d")
        found = staggered_synthdid_estimate(matrices)
        yield "synthdid-py", case, "never", "", "overall", "", float(found)
        yield "synthdid-py", case, "never", "", "jackknife", "", found.se(method="jackknife")


def main() -> None:
    warnings.simplefilter("ignore")
    found = [row for case in (*READER["CASES"], "prop99") for row in rows(case)]
    columns = ["source", "case", "control", "cohort", "quantity", "key", "value"]
    table = pd.DataFrame(found, columns=columns)
    table.to_csv(HERE / "packages.csv", index=False, float_format="%.12g", lineterminator="\n")
    print({name: version(name) for name in ("cvxpy", "clarabel", "diff-diff", "synthdid-py")})


if __name__ == "__main__":
    main()
