"""The classical difference in differences: participants and the others, before and after, four means and one number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.core.whole_numbers import counted
from impact.estimate.did_scores import (
    TRIM_LIMIT,
    BoolArray,
    NotIdentified,
    Score,
    design_matrix,
    doubly_robust,
    regression,
)
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.etwfe_families import FAMILIES, refuse_outside
from impact.estimate.firm_periods import FirmPeriods, firm_periods, panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.growth_scores import growth_score
from impact.estimate.lone_cluster import lone_cluster
from impact.estimate.request import AttRequest
from impact.estimate.staggered import (
    cohorts_of,
    joining,
    require_participants,
)
from impact.estimate.two_way import IntArray


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared: the cohort, positions of its periods before and after, and of the one in which covariates and weights are dated."""

    cohort: int
    before: IntArray
    after: IntArray
    base: int
    average: bool

    @property
    def term(self) -> str:
        """How it is printed."""
        return f"ATT({self.cohort}, after - before)"


@METHODS.register(
    "att",
    "two_by_two",
    summary="the difference in differences of one cohort between two periods, or between all before and all after",
    takes=("panel",),
    estimands=("ATT",),
    families=("gaussian", "poisson"),
    covariates=True,
    weights=True,
    needs=(
        "participants that joined in one period (or cohort=...)",
        "a period before joining",
        "firms that never join",
    ),
    options=("cohort", "before", "after", "average"),
    reference="Ashenfelter and Card (1985); Bertrand, Duflo and Mullainathan (2004), section IV.C; Sant'Anna and Zhao (2020)",
)
def two_by_two(request: AttRequest) -> EffectResult:
    """Compare the change of one cohort with the change of firms that never join.

    `ATT = [Y(after) - Y(before)] of participants - [Y(after) - Y(before)] of firms that never join`, means over the firms that are observed in
    every period that is used. With `family="poisson"` (exports and other amounts with zeros) it is the ratio of ratios: `ATT = Y(after) - Y(before) x growth` of
    participants, with the growth `Y(after) / Y(before)` of the means of firms that never join.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; covariates are those of `before` and enter by the doubly robust score (Poisson: see `group_time`). Options:

        cohort : int, optional
            The cohort, where there are several; firms that join in another period are left out.
        before, after : int, optional
            The two periods; the last one before joining and the first one from joining on where they are not named.
        average : bool
            Means over all periods before joining and over all from joining on, instead of two periods. Covariates and weights are
            then those of the last period before joining.

    Returns
    -------
    EffectResult
        One row: keys `cohort, time, event_time` for two periods, `cohort` for averages.

    Raises
    ------
    DataError
        If a column holds text or infinite values, the outcome is below 0 (Poisson), or a cluster changes within a firm.
    EstimationError
        If participants joined in different periods and none is named; if a period does not exist or lies on the wrong side of joining; if
        nobody never joins, or the comparison cannot be made.

    Notes
    -----
    Standard errors come from the changes of firms, of which each counts once, so that its outcomes may be correlated over time as they
    like (Bertrand, Duflo and Mullainathan 2004: with averages, the panel collapsed to two periods). There is no small-sample factor: without
    covariates the variance is that of two means, `v1/n1 + v0/n0`, with n and not n - 1 under each v.

    In a panel with one cohort in which every firm is seen in every period, `average=True` is the coefficient of `twfe`, with its error.

    References
    ----------
    Ashenfelter, O. and Card, D. (1985), "Using the longitudinal structure of earnings to estimate the effect of training programs", Review of
    Economics and Statistics 67(4). Bertrand, M., Duflo, E. and Mullainathan, S. (2004), "How much should we trust differences-in-differences
    estimates?", Quarterly Journal of Economics 119(1). Sant'Anna and Zhao (2020), equation (2.5).

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=4, cohorts=(3,), seed=1, noise=0.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> impact.att(panel, "exports", method="two_by_two", after=4).tidy()[["term", "estimate"]].round(6)
           term  estimate
    0  ATT(3,4)       0.2
    >>> impact.att(panel, "exports", method="two_by_two", average=True).tidy()["estimate"].round(6).tolist()
    [0.15]
    """
    data = firm_periods(request)
    family = FAMILIES[request.family]
    if family.name == "poisson":
        refuse_outside(data, family, request.outcome)
    data = joining(data, 0)
    require_participants(data, request.outcome)
    data = one_cohort(data, request.options)
    found = comparison_of(data, request.options)
    data = usable(data, found, request.outcome)
    treated = np.isfinite(data.cohort)
    after = data.outcome[:, found.after].mean(axis=1)
    before = data.outcome[:, found.before].mean(axis=1)
    weights = data.weights[:, found.base]
    score, parameters, said = _score(
        data, before, after, treated, weights, found.base, request.covariates, family.name
    )
    if family.said:
        said.insert(0, f"Family {family.name}: {family.said}.")
    influence = score.influence
    own = weights * treated
    mean = float(own @ after / own.sum())
    of_mean = len(own) * own / own.sum() * (after - mean)
    reason = _undefined(data, treated, parameters)
    if reason:
        influence = np.full_like(influence, np.nan)
        said.append(f"No standard error: {reason}.")
    panel = panel_of(request.data)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    return effect_from_influence(
        keys=_keys(data, found),
        estimate=score.att,
        influence=influence,
        firms=data.firms(),
        counts=pd.DataFrame({"n_treated": [int(treated.sum())], "n_control": [int((~treated).sum())]}),
        method="two_by_two",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"standard errors from the changes of firms, clustered by {by}, no small-sample factor",
        band=False,
        notes=(*data.notes, _periods_note(data, found), *said, *cluster_notes(data)),
        source=request.data,
        seed=request.seed,
        baseline=mean - score.att,
        baseline_influence=of_mean[:, None] - influence,
    )  # fmt: skip


def one_cohort(data: FirmPeriods, options: Mapping[str, Any]) -> FirmPeriods:
    """The firms of one cohort and those that never join."""
    cohorts = cohorts_of(data)
    sizes = ", ".join(f"{g}: {counted(int((data.cohort == g).sum()), 'firm')}" for g in cohorts)
    asked = options.get("cohort")
    if asked is not None and asked not in cohorts:
        raise EstimationError(
            f"cohort={asked!r} is not a period in which firms join; they join in {sizes}."
        )
    if asked is None and len(cohorts) > 1:
        raise EstimationError(
            f"Participants joined in {len(cohorts)} different periods ({sizes}), so there is no one before and after. Use method='group_time', "
            f"which gives each cohort and year its effect and averages them, or name one cohort: cohort={cohorts[0]}."
        )
    if not np.isinf(data.cohort).any():
        raise EstimationError(
            "No firm never joins, so there is nobody to compare with. Use method='group_time' with control='not_yet', which compares with firms "
            "that join later, or add comparison firms."
        )
    chosen = cohorts[0] if asked is None else int(asked)
    keep = np.asarray(np.isinf(data.cohort) | (data.cohort == chosen))
    return data.kept(
        keep, f"Firms that join in another period are left out (firms: {int((~keep).sum()):,})."
    )


def comparison_of(data: FirmPeriods, options: Mapping[str, Any]) -> Comparison:
    """The periods that were asked for, or the defaults."""
    cohort = cohorts_of(data)[0]
    early = np.flatnonzero(data.periods < cohort)
    late = np.flatnonzero(data.periods >= cohort)
    average = options.get("average", False)
    if not isinstance(average, bool | np.bool_):
        raise EstimationError(f"average={average!r} is neither True nor False.")
    named = [name for name in ("before", "after") if options.get(name) is not None]
    if average and named:
        raise EstimationError(
            f"average=True takes all periods before and after joining; leave {' and '.join(named)} out."
        )
    if average:
        return Comparison(cohort, early, late, int(early[-1]), average=True)
    before = _period(data, options, "before", early, int(early[-1]), "before")
    after = _period(data, options, "after", late, int(late[0]), "from")
    return Comparison(cohort, np.array([before]), np.array([after]), before, average=False)


def _period(
    data: FirmPeriods, options: Mapping[str, Any], name: str, among: IntArray, default: int, side: str
) -> int:  # fmt: skip
    """Position of a named period, which must be in the data and on its side of joining."""
    asked = options.get(name)
    if asked is None:
        return default
    known = data.periods[among].tolist()
    if isinstance(asked, bool) or asked not in known:
        joined = cohorts_of(data)[0]
        raise EstimationError(
            f"{name}={asked!r} is not a period of the data {side} joining in {joined}{' on' if side == 'from' else ''}; there are "
            f"{', '.join(map(str, known))}. (Years before joining are compared by method='group_time'.)"
        )
    return int(among[known.index(asked)])


def usable(data: FirmPeriods, found: Comparison, outcome: str) -> FirmPeriods:
    """The firms that are observed in every period that is used, with covariates at the base."""
    used = np.concatenate([found.before, found.after])
    seen = ~np.isnan(data.outcome[:, used]).any(axis=1)
    seen = np.asarray(seen & ~np.isnan(data.covariates[:, :, found.base]).any(axis=0))
    lost = int((~seen).sum())
    data = data.kept(
        seen,
        f"Firms without '{outcome}' in every period that is used, or without a covariate, are left out (firms: {lost:,}).",
    )
    for who, arm in (
        ("participant", np.isfinite(data.cohort)),
        ("comparison firm", np.isinf(data.cohort)),
    ):
        if not arm.any():
            periods = ", ".join(str(p) for p in data.periods[used])
            hint = "name other periods" if not found.average else "name two periods (before, after)"
            raise EstimationError(
                f"No {who} has '{outcome}' (and covariates) in each of the periods {periods}; {hint}, or check who is missing when."
            )
    return data


def _score(
    data: FirmPeriods,
    before: FloatArray,
    after: FloatArray,
    treated: BoolArray,
    weights: FloatArray,
    base: int,
    names: tuple[str, ...],
    family: str,
) -> tuple[Score, int, list[str]]:
    """The effect, the number of parameters of each model, and what must be said of them."""
    design, dropped = design_matrix(data.covariates[:, :, base].T, names)
    said = [f"Covariate '{name}' left out, it {reason}." for name, reason in dropped]
    estimator = doubly_robust if design.shape[1] > 1 else regression
    try:
        if family == "poisson":
            score = growth_score("dr", before[:, None], after[:, None], treated, weights, design)
        else:
            score = estimator((after - before)[:, None], treated, weights, design)
    except NotIdentified as reason:
        raise EstimationError(f"The effect cannot be estimated: {reason}.") from reason
    if score.trimmed:
        said.append(
            f"Comparison firms with a propensity of {TRIM_LIMIT} or more are left out (firms: {score.trimmed:,})."
        )
    return score, int(design.shape[1]), said


def _undefined(data: FirmPeriods, treated: BoolArray, parameters: int) -> str:
    """Why the spread between clusters cannot be seen; empty where it can."""
    clusters = pd.factorize(data.cluster)[0]
    if lone_cluster(clusters, treated):
        return "the participants are one firm or one cluster"
    if lone_cluster(clusters, ~treated) or int((~treated).sum()) <= parameters:
        return "too few comparison firms or clusters"
    return ""


def _keys(data: FirmPeriods, found: Comparison) -> pd.DataFrame:
    if found.average:
        return pd.DataFrame({"term": [found.term], "cohort": [found.cohort]})
    time = int(data.periods[found.after[0]])
    return pd.DataFrame(
        {
            "term": [f"ATT({found.cohort},{time})"],
            "cohort": [found.cohort],
            "time": [time],
            "event_time": [time - found.cohort],
        }
    )


def _periods_note(data: FirmPeriods, found: Comparison) -> str:
    early, late = data.periods[found.before].tolist(), data.periods[found.after].tolist()
    if found.average:
        return (
            f"Mean of {counted(len(early), 'period')} before joining ({early[0]} to {early[-1]}) against the mean of {len(late)} from joining on "
            f"({late[0]} to {late[-1]})."
        )
    return f"Change from {early[0]} to {late[0]}."
