"""Exact matching: firms that agree on every column stand for one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.registry import METHODS
from impact.design.candidates import Candidates, not_numbers
from impact.design.chosen import Chosen, IntArray, strata_codes
from impact.design.propensity import BoolArray
from impact.design.request import MatchSettings


@METHODS.register(
    "match",
    "exact",
    summary="sets of firms of both arms that agree on every column of `on` and `exact`",
    takes=("cross-section", "panel"),
    estimands=("ATT", "ATE"),
    covariates=True,
    needs=("columns with few distinct values, known before joining", "firms of both arms"),
    options=("exact", "control"),
    reference="Ho, Imai, King and Stuart (2011), MatchIt",
)
def exact(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Make a set of all firms of a cohort that agree; firms without the other arm in their set fall out.

    Numbers agree where they are equal to the last bit; to let numbers that are alike agree, see `coarsened`.
    """
    frame = candidates.frame
    columns = matched_columns(settings)
    refuse_nothing_varies(frame, columns)
    sets = np.zeros(len(frame), dtype=np.int64)
    for rows in candidates.cohorts:
        cohort = frame.iloc[rows]
        treated = cohort["treated"].to_numpy(dtype=bool)
        cells = strata_codes(cohort, columns)
        sets[rows] = sets_of_cells(cells, treated, first=int(sets.max()) + 1)
    return Chosen(score=np.full(len(frame), np.nan), sets=sets)


def text_agrees(data: pd.DataFrame, settings: MatchSettings) -> MatchSettings:
    """Put the columns of `on` that hold no numbers into `exact`, since here both say that firms agree.

    Those of `lags` stay, and are refused: paths are numbers.

    Examples
    --------
    >>> firms = pd.DataFrame({"size": [1, 2], "sector": ["food", "wood"]})
    >>> asked = MatchSettings(on=("size", "sector"), method="exact")
    >>> text_agrees(firms, asked).on, text_agrees(firms, asked).exact
    (('size',), ('sector',))
    """
    text = {
        c for c in settings.on if c in data and c not in settings.lags and len(not_numbers(data[c]))
    }
    return replace(
        settings,
        on=tuple(c for c in settings.on if c not in text),
        exact=tuple(dict.fromkeys((*(c for c in settings.on if c in text), *settings.exact))),
    )


def matched_columns(settings: MatchSettings) -> tuple[str, ...]:
    """Columns of `on` and `exact`, each once."""
    return tuple(dict.fromkeys((*settings.on, *settings.exact)))


def sets_of_cells(cells: IntArray, treated: BoolArray, first: int = 1) -> IntArray:
    """Number the cells that hold firms of both arms.

    Parameters
    ----------
    cells : array of int, shape (n,)
        Number of each firm's cell, from 0.
    treated : array of bool, shape (n,)
    first : int
        Number of the first set.

    Returns
    -------
    array of int, shape (n,)
        Number of each firm's set, in the order of the cells; 0 in cells of one arm.

    Examples
    --------
    >>> treated = np.array([True, False, True, False, False])
    >>> sets_of_cells(np.array([0, 0, 1, 2, 2]), treated, first=7).tolist()
    [7, 7, 0, 0, 0]
    """
    n = int(cells.max(initial=-1)) + 1
    ins = np.bincount(cells[treated], minlength=n)
    outs = np.bincount(cells[~treated], minlength=n)
    both = (ins > 0) & (outs > 0)
    number = np.zeros(n, dtype=np.int64)
    number[both] = first + np.arange(int(both.sum()))
    return np.asarray(number[cells], dtype=np.int64)


def refuse_nothing_varies(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse columns on which all candidates agree: everybody would be matched to everybody.

    Raises
    ------
    DesignError
    """
    if all(frame[c].nunique() == 1 for c in columns):
        raise DesignError(
            f"No covariate varies among these {frame['unit'].nunique():,} firms ({', '.join(columns)}); there is "
            "nothing to match on."
        )
