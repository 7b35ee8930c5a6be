"""Subclassification: firms with scores in the same range stand for one another (Rosenbaum and Rubin 1984).

Conventions are those of R MatchIt 4.7: the ranges end at quantiles of the participants' scores, and a range that one arm does not
reach gets firms of that arm from its neighbours.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.core.whole_numbers import by_number, counted
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen, IntArray
from impact.design.exact import sets_of_cells
from impact.design.pairing import score_cohort
from impact.design.propensity import BoolArray
from impact.design.request import MatchSettings

_SUBCLASSES = 6


@METHODS.register(
    "match",
    "subclass",
    summary="sets of firms of both arms whose scores lie between the same quantiles",
    takes=("cross-section", "panel"),
    estimands=("ATT", "ATE"),
    covariates=True,
    needs=("numeric covariates known before joining", "firms of both arms"),
    options=("distance", "control", "n_subclasses", "min_n"),
    reference="Rosenbaum and Rubin (1984); Ho, Imai, King and Stuart (2011), MatchIt",
)
def subclass(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Cut the score at quantiles of the participants' scores (ATT) or of all firms' (ATE), cohort by cohort.

    Options
    -------
    n_subclasses : int
        Number of subclasses; 6 if nothing is said. A cohort of a panel with too few firms to fill them gets as many as
        it can fill, and a note; a cross-section is refused.
    min_n : int
        Firms of each arm that a subclass must have; 1 if nothing is said. Where an arm has fewer, the firm with the
        nearest score comes over from the next subclass, from the side that has more to spare (`filled`). With 0
        nobody is moved, and firms in a subclass of one arm fall out.

    Notes
    -----
    All comparison firms take part: those with scores beyond the participants' stand in the first or last subclass. Of firms
    with equal scores the first identifiers stay in the lower subclass, where MatchIt looks at the order of rows.
    """
    asked, min_n = _asked(settings)
    frame = candidates.frame
    score, sets = np.full(len(frame), np.nan), np.zeros(len(frame), dtype=np.int64)
    models, notes = [], []
    for rows in candidates.cohorts:
        cohort = frame.iloc[rows]
        treated = cohort["treated"].to_numpy(dtype=bool)
        values, model, said = score_cohort(cohort, settings)
        score[rows] = values
        if model is not None:
            models.append(model.assign(cohort=cohort["cohort"].iloc[0]))
        classes, reduced = _classes(cohort, values, settings.estimand, asked, min_n)
        notes += [*said, *reduced]
        placed = filled(classes, values, treated, min_n)
        notes += _moved(classes, placed, cohort)
        sets[rows] = sets_of_cells(placed, treated, first=int(sets.max()) + 1)
    return Chosen(
        score=score,
        sets=sets,
        model=pd.concat(models, ignore_index=True) if models else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def _asked(settings: MatchSettings) -> tuple[int, int]:
    if settings.distance == "mahalanobis":
        raise DesignError(
            "Subclasses are ranges of a score, which distance='mahalanobis' does not give: choose 'logit', 'probit', 'linear_logit' or a "
            "column with a score."
        )
    found = []
    for name, default, least in (("n_subclasses", _SUBCLASSES, 2), ("min_n", 1, 0)):
        value = settings.option(name, default)
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise DesignError(f"{name} is {value!r}; it is a whole number from {least}.")
        found.append(int(value))
    return found[0], found[1]


def _classes(
    cohort: pd.DataFrame, score: FloatArray, estimand: str, asked: int, min_n: int
) -> tuple[IntArray, list[str]]:
    """Subclasses of one cohort, as many as were asked for or as its firms can fill, and what must be said of their number."""
    treated = cohort["treated"].to_numpy(dtype=bool)
    classes = score_classes(score, treated, asked, everybody=estimand == "ATE")
    made = int(classes.max()) + 1
    ins, outs = int(treated.sum()), int((~treated).sum())
    if made * min_n <= min(ins, outs):
        said = f"Equal scores left {made:,} of {counted(asked, 'subclass', 'subclasses')}{_when(cohort)}."
        return classes, [said] if made < asked else []
    there = f"{counted(ins, 'participant')} and {counted(outs, 'comparison firm')}{_when(cohort)}"
    need = f"{counted(made, 'subclass', 'subclasses')} with at least {min_n:,} of each arm"
    if pd.isna(cohort["cohort"].iloc[0]):
        raise DesignError(
            f"{there} do not fill {need}: ask for fewer by `n_subclasses`, or set min_n=0 to leave out the firms of a "
            "subclass without the other arm."
        )
    fit = max(1, min(ins, outs) // min_n)
    classes = score_classes(score, treated, fit, everybody=estimand == "ATE")
    if fit == 1 and min(ins, outs) < min_n:
        return classes, [f"{there} are fewer than {min_n:,} of each arm; they stand in one set."]
    return classes, [f"{there} do not fill {need}; they stand in {fit:,}."]


def score_classes(
    score: FloatArray, treated: BoolArray, n: int, *, everybody: bool = False
) -> IntArray:
    """Number of each firm's subclass, from 0, without gaps: its score lies at or above that many inner quantiles.

    Parameters
    ----------
    score : array, shape (m,)
    treated : array of bool, shape (m,)
    n : int
        Number of subclasses. Equal scores can leave fewer.
    everybody : bool
        Take the quantiles of all firms instead of those of the participants.

    Examples
    --------
    >>> score = np.array([0.1, 0.2, 0.3, 0.4, 0.0, 0.25, 0.9])
    >>> treated = np.array([True] * 4 + [False] * 3)
    >>> score_classes(score, treated, 2).tolist()
    [0, 0, 1, 1, 0, 1, 1]
    """
    cuts = even_quantiles(score if everybody else score[treated], n)
    classes = np.searchsorted(cuts, score, side="right")
    return np.asarray(np.unique(classes, return_inverse=True)[1], dtype=np.int64)


def even_quantiles(x: FloatArray, n: int) -> FloatArray:
    """The n - 1 quantiles that part x evenly (R's type 7).

    Places between two values are counted in whole numbers, so that a quantile that is a value of x is exactly that value.

    Examples
    --------
    >>> even_quantiles(np.array([4.0, 1.0, 3.0, 2.0]), 3).tolist()
    [2.0, 3.0]
    """
    line = np.sort(x)
    place, part = np.divmod((len(x) - 1) * np.arange(1, n), n)
    low, high = line[place], line[np.minimum(place + 1, len(x) - 1)]
    share = part / n
    return np.where((part == 0) | (low == high), low, (1 - share) * low + share * high)


def filled(classes: IntArray, score: FloatArray, treated: BoolArray, min_n: int) -> IntArray:
    """Move firms of each arm to neighbouring subclasses until every subclass has `min_n` of them.

    Parameters
    ----------
    classes : array of int, shape (m,)
        Subclasses from 0 without gaps, which do not fall along the score.
    score : array, shape (m,)
    treated : array of bool, shape (m,)
    min_n : int
        Both arms must have at least as many firms as `min_n` times the number of subclasses.

    Returns
    -------
    array of int, shape (m,)

    Notes
    -----
    The first empty subclass takes from the nearest one on the left or right that is not empty: from the side with the larger
    sum of what its subclasses can spare, each divided by how far it lies away; left if equal. The firm that comes over
    is the one at the edge. What `min_n` = 1 asks is done first, then one more for each, and so on.

    Examples
    --------
    >>> score = np.array([0.1, 0.2, 0.3, 0.7, 0.1, 0.8, 0.9])
    >>> treated = np.array([True] * 4 + [False] * 3)
    >>> filled(np.array([0, 0, 1, 2, 0, 2, 2]), score, treated, 1).tolist()
    [0, 0, 1, 2, 0, 1, 2]
    """
    out = classes.copy()
    n = int(classes.max()) + 1
    if n == 1:
        return out
    for arm in (treated, ~treated):
        members = np.flatnonzero(arm)
        sizes = even_sizes(np.bincount(classes[members], minlength=n).tolist(), min_n)
        order = members[np.lexsort((score[members], classes[members]))]
        out[order] = np.repeat(np.arange(n), sizes)
    return out


def even_sizes(sizes: list[int], min_n: int) -> list[int]:
    """Sizes of one arm's subclasses once each has `min_n` firms; see `filled`.

    Examples
    --------
    >>> even_sizes([5, 0, 0, 2], 1)
    [3, 1, 1, 2]
    """
    spare = list(sizes)
    for _ in range(min_n):
        while 0 in spare:
            empty = spare.index(0)
            pull = sum((k - 1) / (i - empty) for i, k in enumerate(spare) if k > 1)
            to_left = empty > 0 and (pull <= 0 or empty == len(spare) - 1)
            step = -1 if to_left else 1
            giver = empty + step
            while spare[giver] == 0:
                giver += step
            spare[giver] -= 1
            spare[empty] += 1
        spare = [k - 1 for k in spare]
    return [k + min_n for k in spare]


def _moved(before: IntArray, after: IntArray, cohort: pd.DataFrame) -> list[str]:
    moved = int((before != after).sum())
    if not moved:
        return []
    return [
        f"{counted(moved, 'firm')}{_when(cohort)} {by_number(moved, 'was', 'were')} moved to a neighbouring subclass, so that each subclass has firms of both arms."
    ]


def _when(cohort: pd.DataFrame) -> str:
    g = cohort["cohort"].iloc[0]
    return "" if pd.isna(g) else f" of the cohort of {int(g)}"
