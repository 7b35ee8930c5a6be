"""What the pair methods share: cohort by cohort a score, an order, and how often a control may serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.whole_numbers import by_number, counted
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen, strata_codes
from impact.design.propensity import BoolArray, fit_propensity, independent_columns
from impact.design.request import MatchSettings, instead_of_separation, takes
from impact.engines.glm import Link

IntArray = npt.NDArray[np.int64]
Found = tuple[IntArray, IntArray, IntArray]
"""Participants, controls (positions) and the round in which they met."""


@dataclass(frozen=True, slots=True, eq=False)
class Firms:
    """The candidates of one cohort, ready for the search.

    Attributes
    ----------
    frame : DataFrame
        Their rows of the candidates' frame.
    treated : array of bool, shape (n,)
    score : array, shape (n,)
        Missing for Mahalanobis distance without one.
    turns : array of int
        Positions of the participants in the order in which they choose.
    capacity : array of int, shape (n,)
        How many participants each firm can still serve; 0 for participants.
    strata : array of int, shape (n,)
    caliper : float or None
        Largest distance in units of the score, or of Mahalanobis distance where there is no score.
    """

    frame: pd.DataFrame
    treated: BoolArray
    score: FloatArray
    turns: IntArray
    capacity: IntArray
    strata: IntArray
    caliper: float | None


Search = Callable[[Firms, MatchSettings], tuple[Found, FloatArray]]
"""Gives who found whom, and how far apart they are."""


def pair_by_cohort(candidates: Candidates, settings: MatchSettings, search: Search) -> Chosen:
    """Match cohort by cohort; a control serves as often as allowed over all cohorts, the first cohorts choosing first."""
    frame = candidates.frame
    score = np.full(len(frame), np.nan)
    most = _most_uses(settings, unlimited=len(frame) * (settings.ratio + 1))
    left = np.where(frame["treated"].to_numpy(dtype=bool), 0, most)
    random = np.random.default_rng(settings.seed)
    pairs, models, notes = [], [], []
    cohorts = candidates.cohorts
    units = pd.factorize(frame["unit"])[0] if len(cohorts) > 1 else None
    for rows in cohorts:
        cohort = frame if units is None else frame.iloc[rows]
        values, model, said = score_cohort(cohort, settings)
        score[rows] = values
        notes += said
        if model is not None:
            models.append(model.assign(cohort=cohort["cohort"].iloc[0]))
        (t, c, rank), distance = search(
            _firms(cohort, values, left[rows], settings, random), settings
        )
        pairs.append(
            pd.DataFrame(
                {"treated": rows[t], "control": rows[c], "rank": rank, "distance": distance}
            )
        )
        if units is not None:
            used = np.bincount(units[rows[c]], minlength=int(units.max()) + 1)[units]
            left = np.maximum(left - used, 0)
    return Chosen(
        pairs=pd.concat(pairs, ignore_index=True),
        score=score,
        model=pd.concat(models, ignore_index=True) if models else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def _most_uses(settings: MatchSettings, unlimited: int) -> int:
    """How many participants a control may serve."""
    most = settings.option("max_uses", None)
    if most is None:
        return unlimited if settings.replace else 1
    if isinstance(most, bool) or not isinstance(most, (int, np.integer)) or most < 1:
        raise DesignError(f"max_uses is {most!r}; it is a whole number from 1, or None.")
    if not settings.replace:
        raise DesignError(
            f"max_uses={most} limits how often a control is used again, but without replacement it serves once: "
            "write replace=True, or leave `max_uses` out."
        )
    return int(most)


def _firms(
    cohort: pd.DataFrame,
    score: FloatArray,
    capacity: IntArray,
    settings: MatchSettings,
    random: np.random.Generator,
) -> Firms:
    treated = cohort["treated"].to_numpy(dtype=bool)
    caliper = settings.caliper
    if caliper is not None and settings.caliper_scale == "sd":
        caliper *= float(score.std(ddof=1))
    return Firms(
        frame=cohort,
        treated=treated,
        score=score,
        turns=matching_order(score, treated, settings.order, random),
        capacity=capacity,
        strata=strata_codes(cohort, settings.exact),
        caliper=caliper,
    )


def score_cohort(
    cohort: pd.DataFrame, settings: MatchSettings
) -> tuple[FloatArray, pd.DataFrame | None, list[str]]:
    """The score of one cohort's candidates, its model, and what must be said of it."""
    treated = cohort["treated"].to_numpy(dtype=bool)
    _both_arms(treated, cohort)
    columns = [cohort[c].to_numpy(dtype=np.float64) for c in settings.on]
    notes = []
    if settings.method == "mahalanobis" or settings.distance == "mahalanobis":
        notes = _dropped_notes(independent_columns(columns, settings.on)[1], cohort)
    if settings.distance == "mahalanobis":
        if settings.order in ("largest", "smallest"):
            notes.append(
                "Mahalanobis distance gives no score to sort by: participants chose in the order of "
                "their identifiers."
            )
        notes += _overlap_of_covariates(columns, treated, cohort, settings)
        return np.full(len(cohort), np.nan), None, notes
    if settings.given is not None:
        given = cohort[settings.given].to_numpy(dtype=np.float64)
        return given, None, [*notes, *_overlap(given, treated, cohort, settings)]
    link: Link = "probit" if settings.distance == "probit" else "logit"
    try:
        fit = fit_propensity(
            columns, settings.on, treated, link, instead=instead_of_separation(settings)
        )
    except DesignError as error:
        place = _when(cohort)
        raise DesignError(
            f"{error.message} This was found{place}." if place else error.message
        ) from None
    notes += _dropped_notes(fit.dropped, cohort)
    score = fit.linear if settings.distance == "linear_logit" else fit.probability
    return score, fit.model, [*notes, *_overlap(score, treated, cohort, settings)]


def _dropped_notes(dropped: Sequence[tuple[str, str]], cohort: pd.DataFrame) -> list[str]:
    return [
        f"'{name}' {why}{_when(cohort)} and does not count in the distance."
        for name, why in dropped
    ]


def _when(cohort: pd.DataFrame) -> str:
    g = cohort["cohort"].iloc[0]
    return "" if pd.isna(g) else f" for the cohort of {int(g)}"


def _both_arms(treated: BoolArray, cohort: pd.DataFrame) -> None:
    if treated.all() or not treated.any():
        arm = "comparison firm" if treated.all() else "participant"
        raise DesignError(f"There is no {arm}{_when(cohort)} whose covariates are all known.")


def _overlap(
    score: FloatArray, treated: BoolArray, cohort: pd.DataFrame, settings: MatchSettings
) -> list[str]:
    """Count participants outside the range of the comparison firms' scores.

    Where the ranges do not even touch and no caliper says how far is too far, this is refused.
    """
    low, high = score[~treated].min(), score[~treated].max()
    apart = score[treated].min() > high or score[treated].max() < low
    if apart and settings.caliper is None:
        raise DesignError(
            f"The scores of participants and comparison firms do not overlap{_when(cohort)}: "
            f"{score[treated].min():.4g} to {score[treated].max():.4g} against {low:.4g} to "
            f"{high:.4g}. No comparison firm is like a participant: {_far(settings)}use fewer covariates, or find other comparison firms."
        )
    outside = int(((score[treated] < low) | (score[treated] > high)).sum())
    if low == high and score.min() == score.max():
        return [
            f"Every firm has the same score{_when(cohort)}: it tells nobody apart, and pairs follow the identifiers alone."
        ]
    if not outside:
        return []
    return [
        f"{outside:,} of {counted(int(treated.sum()), 'participant')}{_when(cohort)} {by_number(outside, 'has', 'have')} a score outside the "
        "range of the comparison firms."
    ]


def _far(settings: MatchSettings) -> str:
    """The advice to set a caliper, to methods that take one."""
    return "set a caliper that says how far is too far, " if takes(settings, "caliper") else ""


def _overlap_of_covariates(
    columns: Sequence[FloatArray], treated: BoolArray, cohort: pd.DataFrame, settings: MatchSettings
) -> list[str]:
    """Without a score: participants outside the range of some covariate; refused where ranges of one do not even touch."""
    outside = np.zeros(int(treated.sum()), dtype=bool)
    for name, x in zip(settings.on, columns, strict=True):
        ins, outs = x[treated], x[~treated]
        low, high = outs.min(), outs.max()
        if low < high and (ins.min() > high or ins.max() < low) and settings.caliper is None:
            raise DesignError(
                f"'{name}' of participants and comparison firms does not overlap{_when(cohort)}: {ins.min():.4g} to {ins.max():.4g} "
                f"against {low:.4g} to {high:.4g}. No comparison firm is like a participant: {_far(settings)}"
                "leave the covariate out, or find other comparison firms."
            )
        outside |= (ins < low) | (ins > high)
    n = int(outside.sum())
    if not n:
        return []
    return [
        f"{n:,} of {counted(len(outside), 'participant')}{_when(cohort)} {by_number(n, 'lies', 'lie')} outside the range of the comparison firms in some "
        "covariate."
    ]


def matching_order(
    score: FloatArray, treated: BoolArray, order: str, random: np.random.Generator
) -> IntArray:
    """Positions of the participants in the order in which they choose.

    Equal scores keep the order of the identifiers; without a score (Mahalanobis distance) "largest"
    and "smallest" mean the order of the identifiers too.

    Examples
    --------
    >>> score, treated = np.array([0.2, 0.9, 0.5, 0.9]), np.array([True, True, False, True])
    >>> matching_order(score, treated, "largest", np.random.default_rng(1)).tolist()
    [1, 3, 0]
    """
    positions = np.flatnonzero(treated)
    if order == "random":
        return np.asarray(random.permutation(positions), dtype=np.int64)
    if order == "data" or np.isnan(score).any():
        return positions
    sign = -1.0 if order == "largest" else 1.0
    return positions[np.argsort(sign * score[positions], kind="stable")]
