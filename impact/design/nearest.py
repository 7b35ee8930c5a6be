"""Nearest-neighbour matching: each participant takes the closest comparison firm that is left.

Conventions are those of R MatchIt 4.7 (Ho, Imai, King and Stuart 2011), so that pairs agree: the
caliper counts standard deviations (n - 1) of the score over all firms; firms are sorted by score,
ties by identifier; the search goes out to the left and to the right of the participant; the smaller
distance wins, then fewer steps, then left; `ratio` k makes k rounds over all participants, and in
later rounds steps are counted from the outermost firms the participant has taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.design.candidates import Candidates
from impact.design.chosen import Chosen, strata_codes
from impact.design.propensity import BoolArray, fit_propensity, independent_columns
from impact.design.request import MatchSettings
from impact.engines.glm import Link

IntArray = npt.NDArray[np.int64]
Found = tuple[IntArray, IntArray, IntArray]
"""Participants, controls (positions) and the round in which they met."""


@METHODS.register(
    "match",
    "nearest",
    summary="each participant with its nearest comparison firms, by score or Mahalanobis distance",
    takes=("cross-section", "panel"),
    estimands=("ATT",),
    covariates=True,
    needs=("numeric covariates known before joining", "firms of both arms"),
    options=(
        "exact",
        "distance",
        "caliper",
        "caliper_scale",
        "ratio",
        "replace",
        "order",
        "seed",
        "control",
    ),
    reference="Rubin (1973); Rosenbaum and Rubin (1985); Ho, Imai, King and Stuart (2011), MatchIt",
)
def nearest(candidates: Candidates, settings: MatchSettings) -> Chosen:
    """Match cohort by cohort; without replacement a control serves once over all cohorts."""
    frame = candidates.frame
    score = np.full(len(frame), np.nan)
    free = np.ones(len(frame), dtype=bool)
    units = pd.factorize(frame["unit"])[0]
    random = np.random.default_rng(settings.seed)
    pairs, models, notes = [], [], []
    for rows in candidates.cohorts:
        cohort = frame.iloc[rows]
        values, model, said = _score(cohort, settings)
        score[rows] = values
        notes += said
        if model is not None:
            models.append(model.assign(cohort=cohort["cohort"].iloc[0]))
        t, c, rank, distance = _match_cohort(cohort, values, free[rows], settings, random)
        pairs.append(
            pd.DataFrame(
                {"treated": rows[t], "control": rows[c], "rank": rank, "distance": distance}
            )
        )
        if not settings.replace:
            free &= ~np.isin(units, units[rows[c]])
    return Chosen(
        pairs=pd.concat(pairs, ignore_index=True),
        score=score,
        model=pd.concat(models, ignore_index=True) if models else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def _score(
    cohort: pd.DataFrame, settings: MatchSettings
) -> tuple[FloatArray, pd.DataFrame | None, list[str]]:
    """The score of one cohort's candidates, its model, and what must be said of it."""
    treated = cohort["treated"].to_numpy(dtype=bool)
    _both_arms(treated, cohort)
    x = cohort[list(settings.on)].to_numpy(dtype=np.float64)
    if settings.distance == "mahalanobis":
        notes = _dropped_notes(independent_columns(x, settings.on)[1], cohort)
        if settings.order in ("largest", "smallest"):
            notes.append(
                "Mahalanobis distance gives no score to sort by: participants chose in the order of "
                "their identifiers."
            )
        return np.full(len(cohort), np.nan), None, notes
    if settings.given is not None:
        given = cohort[settings.given].to_numpy(dtype=np.float64)
        return given, None, _overlap(given, treated, cohort, settings)
    link: Link = "probit" if settings.distance == "probit" else "logit"
    try:
        fit = fit_propensity(x, settings.on, treated, link)
    except DesignError as error:
        place = _when(cohort)
        raise DesignError(
            f"{error.message} This was found{place}." if place else error.message
        ) from None
    notes = _dropped_notes(fit.dropped, cohort)
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
            f"{high:.4g}. No comparison firm is like a participant: set a caliper that says how far "
            "is too far, use fewer covariates, or find other comparison firms."
        )
    outside = int(((score[treated] < low) | (score[treated] > high)).sum())
    if not outside:
        return []
    return [
        f"{outside:,} of {int(treated.sum()):,} participants{_when(cohort)} have a score outside the "
        "range of the comparison firms."
    ]


def _match_cohort(
    cohort: pd.DataFrame,
    score: FloatArray,
    free: BoolArray,
    settings: MatchSettings,
    random: np.random.Generator,
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    treated = cohort["treated"].to_numpy(dtype=bool)
    turns = matching_order(score, treated, settings.order, random)
    strata = strata_codes(cohort, settings.exact)
    eligible = ~treated & free
    if settings.distance == "mahalanobis":
        x = _whitened(cohort[list(settings.on)].to_numpy(dtype=np.float64), treated, settings.on)
        t, c, rank = nearest_by_covariates(
            x,
            turns,
            eligible,
            strata,
            caliper=settings.caliper,
            ratio=settings.ratio,
            replace=settings.replace,
        )
        return t, c, rank, np.asarray(np.linalg.norm(x[t] - x[c], axis=1), dtype=np.float64)
    caliper = settings.caliper
    if caliper is not None and settings.caliper_scale == "sd":
        caliper *= float(score.std(ddof=1))
    t, c, rank = nearest_by_score(
        score,
        turns,
        eligible,
        strata,
        caliper=caliper,
        ratio=settings.ratio,
        replace=settings.replace,
    )
    return t, c, rank, np.abs(score[t] - score[c])


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


def nearest_by_score(
    score: FloatArray,
    turns: IntArray,
    eligible: BoolArray,
    strata: IntArray,
    *,
    caliper: float | None = None,
    ratio: int = 1,
    replace: bool = False,
) -> Found:
    """Greedy nearest neighbours on one number.

    Parameters
    ----------
    score : array, shape (n,)
        Scores of all firms, in the order of their identifiers.
    turns : array
        Positions of the participants in the order in which they choose.
    eligible : array of bool, shape (n,)
        Firms that can be chosen.
    strata : array of int, shape (n,)
        Firms are matched within equal numbers only.
    caliper : float, optional
        Largest distance, in units of the score.
    ratio, replace : int, bool
        Controls per participant; whether one may serve several.

    Returns
    -------
    tuple of arrays
        Participants, controls, and the round in which they met, in the order of the meetings.

    Notes
    -----
    Firms stand sorted in a line; whoever is taken is unlinked, and paths to the next free firm are
    shortened as they are walked, so the cost grows as n log n.

    Examples
    --------
    >>> score = np.array([0.5, 0.4, 0.6, 0.1])
    >>> t, c, _ = nearest_by_score(score, np.array([0]), np.array([False, True, True, True]),
    ...                            np.zeros(4, dtype=np.int64))
    >>> c.tolist()
    [1]
    """
    n = len(score)
    line = np.lexsort((score, strata))  # stable: equal scores stay in the order of identifiers
    place = np.empty(n, dtype=np.int64)
    place[line] = np.arange(1, n + 1)
    # Places 1 to n, with a free place 0 and n + 1 in no stratum where every search ends.
    along = [np.nan, *score[line].tolist(), np.nan]
    stratum = [-1, *strata[line].tolist(), -1]
    open_place = [True, *eligible[line].tolist(), True]
    left = [i if is_open else i - 1 for i, is_open in enumerate(open_place)]
    right = [i if is_open else i + 1 for i, is_open in enumerate(open_place)]
    limit = np.inf if caliper is None else caliper

    reach: dict[int, tuple[int, int]] = {}
    found: list[tuple[int, int, int]] = []
    for rank in range(1, ratio + 1):
        for t in turns.tolist():
            p = int(place[t])
            low, high = reach.get(t, (p, p))
            i, j = _follow(left, low - 1), _follow(right, high + 1)
            to_left = abs(along[p] - along[i]) if stratum[i] == stratum[p] else np.inf
            to_right = abs(along[p] - along[j]) if stratum[j] == stratum[p] else np.inf
            if min(to_left, to_right) > limit or min(to_left, to_right) == np.inf:
                continue
            take_left = to_left < to_right or (to_left == to_right and low - i <= j - high)
            chosen = i if take_left else j
            reach[t] = (min(low, chosen), max(high, chosen))
            if not replace:
                left[chosen], right[chosen] = chosen - 1, chosen + 1
            found.append((t, int(line[chosen - 1]), rank))
    return _columns(found)


def _follow(link: list[int], i: int) -> int:
    """The next open place from `i` along the links, halving the path on the way."""
    while link[i] != i:
        link[i] = link[link[i]]
        i = link[i]
    return i


def nearest_by_covariates(
    x: FloatArray,
    turns: IntArray,
    eligible: BoolArray,
    strata: IntArray,
    *,
    caliper: float | None = None,
    ratio: int = 1,
    replace: bool = False,
) -> Found:
    """Greedy nearest neighbours by Euclidean distance between rows; ties by position.

    Every participant is compared with every free firm, so the cost is participants times firms.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    >>> t, c, _ = nearest_by_covariates(x, np.array([0]), np.array([False, True, True]),
    ...                                 np.zeros(3, dtype=np.int64))
    >>> c.tolist()
    [2]
    """
    free = eligible.copy()
    limit = np.inf if caliper is None else caliper
    taken: dict[int, list[int]] = {}
    found: list[tuple[int, int, int]] = []
    for rank in range(1, ratio + 1):
        for t in turns.tolist():
            among = free & (strata == strata[t])
            among[taken.get(t, [])] = False
            places = np.flatnonzero(among)
            if not len(places):
                continue
            distance = np.sqrt(((x[places] - x[t]) ** 2).sum(axis=1))
            best = int(np.argmin(distance))
            if distance[best] > limit:
                continue
            chosen = int(places[best])
            taken.setdefault(t, []).append(chosen)
            free[chosen] = replace
            found.append((t, chosen, rank))
    return _columns(found)


def _columns(found: list[tuple[int, int, int]]) -> Found:
    table = np.array(found, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _whitened(x: FloatArray, treated: BoolArray, names: tuple[str, ...]) -> FloatArray:
    """Covariates turned so that Euclidean distance is Mahalanobis distance.

    The covariance is the one within the arms, pooled (n - 2): the difference between the arms is what
    matching removes, and must not shrink the distance along it.
    """
    kept, _ = independent_columns(x, names)
    if not kept or len(x) < 3:
        raise DesignError("No covariate varies among these firms; there is nothing to match on.")
    z = x[:, kept] / x[:, kept].std(axis=0)
    centred = z.copy()
    for arm in (treated, ~treated):
        centred[arm] -= z[arm].mean(axis=0)
    covariance = centred.T @ centred / (len(z) - 2)
    values, vectors = np.linalg.eigh(covariance)
    if values.min() <= 1e-12 * values.max():
        raise DesignError(
            "The covariates do not vary within the arms in every direction, so Mahalanobis distance "
            "is not defined; leave a covariate out, or match on a score."
        )
    turn = vectors / np.sqrt(values)
    turned: FloatArray = np.zeros(z.shape)
    for column, row in zip(z.T, turn, strict=True):  # by columns, so that equal firms stay equal
        turned += column[:, None] * row
    return turned
