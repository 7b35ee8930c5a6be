"""What the weighting methods share: cohort by cohort, weights of both arms and what they were estimated from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen, Weighting
from impact.design.propensity import BoolArray, independent_columns
from impact.design.request import MatchSettings

_HEAVY = 0.1  # one firm with more than this share of its arm's weight is worth a word


@dataclass(frozen=True, slots=True, eq=False)
class CohortWeights:
    """Weights of one cohort's candidates.

    Attributes
    ----------
    weights : array, shape (m,)
    score : array, shape (m,)
        Missing where the method has none.
    gradient, influence : array, shape (m, p), or None
        See `Weighting`; None where nothing was estimated.
    model : DataFrame or None
    notes : tuple of str
    """

    weights: FloatArray
    score: FloatArray
    gradient: FloatArray | None = None
    influence: FloatArray | None = None
    model: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()


def weigh_cohorts(
    candidates: Candidates,
    settings: MatchSettings,
    weigh: Callable[[pd.DataFrame, MatchSettings], CohortWeights],
) -> Chosen:
    """Weigh each cohort's candidates by itself and put the weights together.

    A comparison firm of a panel has a weight in each cohort.
    """
    frame = candidates.frame
    weights, score = np.zeros(len(frame)), np.full(len(frame), np.nan)
    models, notes, weighting = [], [], []
    for rows in candidates.cohorts:
        cohort = frame.iloc[rows]
        refuse_one_arm(cohort)
        try:
            found = weigh(cohort, settings)
        except DesignError as error:
            place = said_when(cohort)
            raise DesignError(
                f"{error.message} This was found{place}." if place else error.message
            ) from None
        weights[rows], score[rows] = found.weights, found.score
        if found.model is not None:
            models.append(found.model.assign(cohort=cohort["cohort"].iloc[0]))
        if found.gradient is not None and found.influence is not None:
            weighting.append(Weighting(rows, found.gradient, found.influence))
        notes += [*found.notes, *_heavy(cohort, found.weights, settings)]
    return Chosen(
        score=score,
        weights=weights,
        weighting=tuple(weighting),
        model=pd.concat(models, ignore_index=True) if models else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def said_when(cohort: pd.DataFrame) -> str:
    """Which cohort, for a message; nothing for a cross-section."""
    g = cohort["cohort"].iloc[0]
    return "" if pd.isna(g) else f" for the cohort of {int(g)}"


def refuse_one_arm(cohort: pd.DataFrame) -> None:
    """Refuse a cohort without participants or without comparison firms."""
    treated = cohort["treated"].to_numpy(dtype=bool)
    if treated.all() or not treated.any():
        arm = "comparison firm" if treated.all() else "participant"
        raise DesignError(f"There is no {arm}{said_when(cohort)} whose covariates are all known.")


def covariates_of(
    cohort: pd.DataFrame, settings: MatchSettings
) -> tuple[FloatArray, list[str], tuple[str, ...]]:
    """Standardised covariates that carry information of their own, their names, and what is said of the others.

    Raises
    ------
    DesignError
        If none varies.
    """
    x = cohort[list(settings.on)].to_numpy(dtype=np.float64)
    kept, dropped = independent_columns(x, settings.on)
    if not kept:
        raise DesignError(
            f"No covariate varies among these {len(x):,} firms ({', '.join(settings.on)}); there is nothing "
            "to weight on."
        )
    z = (x[:, kept] - x[:, kept].mean(axis=0)) / x[:, kept].std(axis=0)
    notes = [f"'{name}' {why}{said_when(cohort)} and is not used." for name, why in dropped]
    return z, [settings.on[j] for j in kept], tuple(notes)


_BLOCK = (
    4096  # rows; larger products wake BLAS threads, which cost more than they save on a few columns
)


def rows_times(x: FloatArray, by: FloatArray) -> FloatArray:
    """`x @ by` for many rows of few columns, block by block."""
    out = np.empty((len(x), *by.shape[1:]))
    for start in range(0, len(x), _BLOCK):
        out[start : start + _BLOCK] = x[start : start + _BLOCK] @ by
    return out


def weighted_sum(weights: FloatArray, x: FloatArray) -> FloatArray:
    """`weights @ x` for many rows of few columns."""
    out = np.zeros(x.shape[1])
    for start in range(0, len(x), _BLOCK):
        out += weights[start : start + _BLOCK] @ x[start : start + _BLOCK]
    return out


def cross_product(x: FloatArray, weights: FloatArray) -> FloatArray:
    """Sum over rows of `weights x x'`."""
    out = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), _BLOCK):
        rows = x[start : start + _BLOCK]
        out += (rows * weights[start : start + _BLOCK, None]).T @ rows
    return out


def solved_rows(matrix: FloatArray, rows: FloatArray) -> FloatArray:
    """Each row r as the solution y of `matrix y = r`, for a symmetric matrix."""
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        inverse = np.linalg.pinv(matrix, hermitian=True)
    return rows_times(rows, np.asarray(inverse))


def solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve a positive definite system; by the pseudo-inverse where it is at the edge of being one."""
    try:
        return np.asarray(np.linalg.solve(matrix, right))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrix, hermitian=True) @ right)


def _heavy(cohort: pd.DataFrame, weights: FloatArray, settings: MatchSettings) -> list[str]:
    treated = cohort["treated"].to_numpy(dtype=bool)
    arms: Sequence[tuple[str, BoolArray]] = [("comparison firms", ~treated)]
    if settings.estimand != "ATT":
        arms = [*arms, ("participants", treated)]
    notes = []
    for name, arm in arms:
        total = float(weights[arm].sum())
        if not total > 0:
            continue
        share = float(weights[arm].max()) / total
        if share > _HEAVY and int((weights[arm] > 0).sum()) > 1 / _HEAVY:
            unit = cohort["unit"].to_numpy()[arm][int(np.argmax(weights[arm]))]
            advice = (
                "Trim the score, or ask for overlap weights."
                if settings.method == "ipw"
                else "Balance fewer covariates, or match within a caliper."
            )
            notes.append(
                f"One of the {name}, '{unit}', carries {share:.0%} of their weight{said_when(cohort)}: the comparison rests on it. {advice}"
            )
    return notes
