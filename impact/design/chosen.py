"""What a method of `match` returns to the verb: who stands for whom, and with what weight.

There are three kinds of comparison. A *pair* method names controls of each participant; a *set* method parts the candidates
into sets of both arms; a *weighting* method leaves everybody in and gives each firm a weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.inference import FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Weighting:
    """How weights follow from what was estimated, so that a variance can count the estimation.

    Attributes
    ----------
    rows : array of int, shape (m,)
        The candidates of one cohort (positions in the candidates' frame); all of a cross-section.
    gradient : array, shape (m, p)
        Derivative of each firm's weight with respect to the p parameters behind the weights.
    influence : array, shape (m, p)
        Influence of each firm on the estimated parameters, scaled so that its mean is their error.
    """

    rows: IntArray
    gradient: FloatArray
    influence: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What a matching method returns to the verb: `pairs`, or `sets`, or `weights`.

    Attributes
    ----------
    score : array, shape (n,)
        Score of each candidate; missing where the method has none.
    pairs : DataFrame or None
        `treated`, `control` (positions in the candidates' frame), `rank`, `distance`.
    sets : array of int, shape (n,), or None
        Number of the matched set of each candidate, from 1 over all cohorts; 0 for those in none. Each set has both arms,
        and lies within one cohort.
    weights : array, shape (n,), or None
        Weight of each candidate.
    weighting : tuple of Weighting
        One for each cohort, where weights depend on estimated parameters.
    model : DataFrame or None
        Coefficients of the score, by cohort.
    notes : tuple of str
    """

    score: FloatArray
    pairs: pd.DataFrame | None = None
    sets: IntArray | None = None
    weights: FloatArray | None = None
    weighting: tuple[Weighting, ...] = ()
    model: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()


def strata_codes(cohort: pd.DataFrame, exact: tuple[str, ...]) -> IntArray:
    """One number per combination of the exact columns."""
    if not exact:
        return np.zeros(len(cohort), dtype=np.int64)
    codes = np.zeros(len(cohort), dtype=np.int64)
    for number, column in enumerate(exact):
        level, levels = pd.factorize(cohort[column], use_na_sentinel=False)
        codes = level if number == 0 else pd.factorize(codes * len(levels) + level)[0]
    return np.asarray(codes, dtype=np.int64)


def set_weights(treated: npt.NDArray[np.bool_], sets: IntArray, estimand: str) -> FloatArray:
    """Weights of the members of matched sets.

    Parameters
    ----------
    treated : array of bool, shape (n,)
    sets : array of int, shape (n,)
        Number of each firm's set, 0 for none.
    estimand : {"ATT", "ATE"}
        Whose mean the arms are weighted to: that of the participants, or of all firms in sets.

    Returns
    -------
    array, shape (n,)
        For the ATT participants have 1, and the controls of a set its participants over its controls; for the ATE
        both arms have the set's firms over those of the arm. Each weighted arm (of the ATT: the controls) is scaled to
        its number of firms in sets, as MatchIt does. Firms in no set have 0.

    Examples
    --------
    >>> treated = np.array([True, True, False, True, False, False])
    >>> set_weights(treated, np.array([1, 1, 1, 2, 2, 2]), "ATT").tolist()
    [1.0, 1.0, 2.0, 1.0, 0.5, 0.5]
    """
    n = int(sets.max(initial=0)) + 1
    inside = sets > 0
    ins = np.bincount(sets[inside & treated], minlength=n).astype(np.float64)
    outs = np.bincount(sets[inside & ~treated], minlength=n).astype(np.float64)
    weights = np.zeros(len(sets))
    for arm, count in ((treated, ins), (~treated, outs)):
        member = inside & arm
        if estimand == "ATT" and arm is treated:
            weights[member] = 1.0
            continue
        target = ins if estimand == "ATT" else ins + outs
        weights[member] = (target[sets[member]]) / count[sets[member]]
        weights[member] *= member.sum() / weights[member].sum()
    return weights
