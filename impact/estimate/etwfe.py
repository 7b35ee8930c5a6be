"""Extended two-way fixed effects: linear, Poisson or logit, with an effect for each cohort and year (Wooldridge 2021, 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.estimate.did_scores import NotIdentified, design_matrix
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.etwfe_cohort import CohortFit, fit_cohorts
from impact.estimate.etwfe_effects import Cells, clusters_of, effects_of
from impact.estimate.etwfe_families import FAMILIES, Family, refuse_outside
from impact.estimate.etwfe_firm import FirmFit, fit_firms
from impact.estimate.etwfe_layout import Block, Place, blocks_of, plan_of
from impact.estimate.firm_periods import FirmPeriods, firm_periods, panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.request import AttRequest
from impact.estimate.staggered import (
    CohortYear,
    joining,
    key_table,
    periods_option,
    require_participants,
)


@dataclass(frozen=True, slots=True)
class EtwfeOptions:
    """Options of `etwfe`; see there."""

    control: Literal["not_yet", "never"] = "not_yet"
    effects: Literal["cohort", "firm"] = "cohort"
    scale: Literal["response", "link"] = "response"
    anticipation: int = 0

    @classmethod
    def read(cls, given: Mapping[str, Any], family: str) -> EtwfeOptions:
        """Check the options of a request.

        Raises
        ------
        EstimationError
            If an option has a value that does not exist, or firms have effects in a logit.
        """
        choices = {
            "control": ("not_yet", "never"),
            "effects": ("cohort", "firm"),
            "scale": ("response", "link"),
        }
        for name, known in choices.items():
            if name in given and given[name] not in known:
                raise EstimationError(
                    f"{name}={given[name]!r} does not exist for etwfe; choose from {', '.join(map(repr, known))}."
                )
        if family == "logit" and given.get("effects") == "firm":
            raise EstimationError(
                "A logit with an effect of each firm is not consistent over few years (incidental parameters). Use effects='cohort', which "
                "allows for the same differences between cohorts, or family='gaussian', a linear probability."
            )
        return cls(**{**given, "anticipation": periods_option(given, "anticipation")})


_UNIT_OF_LOGIT = {
    "response": "Effects are differences of a probability (or share) between 0 and 1: times 100 they are percentage points.",
    "link": "Effects are differences of log odds, not of a probability.",
}


@METHODS.register(
    "att",
    "etwfe",
    summary="regression with an effect for each cohort and year: linear, Poisson (exports with zeros) or logit",
    takes=("panel",),
    estimands=("ATT",),
    families=("gaussian", "poisson", "logit"),
    covariates=True,
    weights=True,
    needs=("a period before joining", "firms that never join, or join later"),
    options=("control", "effects", "scale", "anticipation"),
    reference="Wooldridge (2021), sections 5-6; Wooldridge (2023), section 3",
    earlier="control='never'",
)
def etwfe(request: AttRequest) -> EffectResult:
    """Estimate ATT(g, t) by a regression that gives every cohort and year of participation an effect of its own.

    The index of the mean is `effect of the cohort + effect of the period`, plus covariates times each of the two, plus a cell of its own
    (with slopes of its own) for each cohort and year of participation. Effects are the mean over a cell's firms of the outcome less the
    outcome that the model gives them without the programme.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; `family` is

        gaussian
            Parallel trends of the mean. The same numbers as imputation on balanced panels without covariates.
        poisson
            Parallel trends in per cent: for exports, counts and other amounts with zeros. `percent()` of the result (or of an
            average of it) is the effect in per cent.
        logit
            Parallel trends of the log odds: for yes or no, and for shares from 0 to 1.

        with the options

        control : {"not_yet", "never"}
            Who tells the path without the programme: all firm-years before joining and the firms that never join, which uses the data
            best; or those that never join alone. Then the years before joining, other than the last one, are cells, too, and show whether
            trends were parallel.
        effects : {"cohort", "firm"}
            Levels of cohorts, or of each firm (not for logit). On balanced panels without covariates these are the same numbers, and with covariates
            in the linear family, too. On unbalanced ones, levels of cohorts move with the firms that come and go; levels of firms do not.
        scale : {"response", "link"}
            Effects in the unit of the outcome, or on the index at the mean covariates of the cohort: log points for Poisson, log odds for logit.
        anticipation : int
            Periods before joining in which firms may already react; they are cells, too.

    Returns
    -------
    EffectResult
        One row per cohort and year, keys `cohort, time, event_time`; `n_control` are the firms of that year that tell the path without the
        programme. Cells that cannot be estimated are missing, and `notes` say why.

    Raises
    ------
    DataError
        If a column holds text or infinite values, the outcome lies outside the family, or a cluster changes within a firm.
    EstimationError
        If there is nobody to compare with, nobody joins after the first period, or no cell can be estimated.

    Notes
    -----
    Covariates are taken at a firm's first period that has them, before joining, so that none is touched by the programme and firms that
    join and that do not are measured alike.

    Standard errors are the derivative of the estimate with respect to each firm's weight, summed within clusters: the sandwich of the
    scores and the delta method, and they count that the mean over the cell's firms is estimated (Stata: `vce(unconditional)`). Programs that
    take the firms of a cell as given report others where covariates or firm effects make effects differ within a cell. There is no small-sample factor.

    A cell whose outcomes are all 0 (logit: or all 1), or for which the model would give a counterfactual of exactly 0 or 1, has no finite coefficient
    and is missing; others are not touched by it. Poisson and logit with effects of cohorts need no dummies of firms, whose number grows with the data;
    Poisson with firms' effects is consistent all the same.

    References
    ----------
    Wooldridge, J. (2021), "Two-way fixed effects, the two-way Mundlak regression, and difference-in-differences estimators" (Empirical
    Economics 69, 2025). Wooldridge, J. (2023), "Simple approaches to nonlinear difference-in-differences with panel data", Econometrics
    Journal 26(3).

    Examples
    --------
    >>> import impact, pandas as pd
    >>> rows = pd.DataFrame({"firm": list("aabbccdd"), "year": [1, 2] * 4, "joined": [2.0] * 4 + [None] * 4,
    ...                      "exports": [10.0, 24, 0, 6, 8, 10, 12, 14]})
    >>> panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="etwfe", family="poisson")
    >>> effect.tidy()["estimate"].round(6).tolist(), effect.percent().tidy()["estimate"].round(6).tolist()
    ([9.0], [150.0])

    Comparison firms grew by a fifth, 20 to 24, so participants would have gone from 5 to 6 on average; they went to 15.
    """
    options = EtwfeOptions.read(request.options, request.family)
    family = FAMILIES[request.family]
    data, z, dropped = _eligible(firm_periods(request), options, family, request)
    middle = _middle(data, family)
    centred = replace(data, outcome=data.outcome - middle)
    blocks = blocks_of(centred, z, options.anticipation, options.control)
    plan, places = plan_of(blocks, data.periods)
    cells = _cells(blocks, plan, places, data, family, options)
    panel = panel_of(request.data)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    response = options.scale == "response"
    return effect_from_influence(
        keys=key_table(plan),
        estimate=cells.estimate,
        influence=cells.influence,
        firms=data.firms(),
        counts=pd.DataFrame({"n_treated": cells.n_treated, "n_control": cells.n_control}),
        method="etwfe",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"standard errors from influence functions, clustered by {by}",
        notes=(
            *data.notes,
            *(f"Covariate '{name}' left out, it {reason}." for name, reason in dropped),
            *([f"Family {family.name}: {family.said}."] if family.said else []),
            *([_UNIT_OF_LOGIT[options.scale]] if family.name == "logit" else []),
            *cells.reasons.notes(),
            *cluster_notes(data),
        ),
        source=request.data,
        seed=request.seed,
        anticipation=options.anticipation,
        scale="outcome" if response else "link",
        baseline=cells.baseline + middle if response else None,
        baseline_influence=cells.baseline_influence,
    )


def _cells(
    blocks: list[Block],
    plan: list[CohortYear],
    places: list[Place],
    data: FirmPeriods,
    family: Family,
    options: EtwfeOptions,
) -> Cells:
    """Fit the model and take every cell from it.

    Raises
    ------
    EstimationError
        If no cell has an estimate.
    """
    fit: CohortFit | FirmFit
    try:
        if options.effects == "firm":
            fit = fit_firms(blocks, family, places)
        else:
            fit = fit_cohorts(blocks, family)
    except NotIdentified as reason:
        raise EstimationError(f"No effect can be estimated: {reason}.") from None
    cells = effects_of(
        fit, plan, places, clusters_of(data.cluster), scale=options.scale, sizes=data.first_weight()
    )
    if np.isnan(cells.estimate).all():
        raise EstimationError("No effect can be estimated. " + " ".join(cells.reasons.notes()))
    return cells


def _eligible(
    data: FirmPeriods, options: EtwfeOptions, family: Family, request: AttRequest
) -> tuple[FirmPeriods, FloatArray, list[tuple[str, str]]]:
    """Firms that can be used, their constant and covariates, and the covariates that add nothing."""
    refuse_outside(data, family, request.outcome)
    data = joining(data, options.anticipation)
    data = _with_first_covariates(data, options, request.covariates)
    data = _observed(data, options, request.outcome)
    require_participants(data, request.outcome)
    if options.control == "never" and np.isfinite(data.cohort).all():
        raise EstimationError(
            "There is no firm that never joins, and control='never' was asked for. Use control='not_yet' to compare with firms that join "
            "later, or add comparison firms."
        )
    z, dropped = design_matrix(data.covariates[:, :, 0].T, request.covariates)
    return replace(data, covariates=data.covariates[:0]), z, dropped


def _with_first_covariates(
    data: FirmPeriods, options: EtwfeOptions, names: tuple[str, ...]
) -> FirmPeriods:
    """Each covariate at the firm's first period that has it, before joining, in the shape (p, n, 1)."""
    if not names:
        return replace(data, covariates=np.zeros((0, len(data.units), 1)))
    before = data.periods < (data.cohort - options.anticipation)[:, None]
    known = ~np.isnan(data.covariates) & before
    first = np.argmax(known, axis=2)[:, :, None]
    values = np.take_along_axis(np.where(known, data.covariates, np.nan), first, axis=2)
    changing = (data.covariates != values) & ~np.isnan(data.covariates)
    moves = changing.any(axis=2)
    for name, own in zip(names, moves, strict=True):
        if own.any():
            data = data.noted(
                f"Covariate '{name}' changes over time (firms: {int(own.sum()):,}); its value in the firm's first period is used throughout."
            )
    complete = ~np.isnan(values).any(axis=(0, 2))
    data = replace(data, covariates=values)
    return data.kept(
        complete,
        f"Firms without a covariate before joining are left out (firms: {int((~complete).sum()):,}).",
    )


def _observed(data: FirmPeriods, options: EtwfeOptions, outcome: str) -> FirmPeriods:
    """Leave out firms that tell nothing, and say what an unbalanced panel means for the effects."""
    seen = ~np.isnan(data.outcome)
    least = 2 if options.effects == "firm" else 1
    enough = seen.sum(axis=1) >= least
    words = "in fewer than two periods" if least == 2 else "in no period"
    data = data.kept(
        enough,
        f"Firms with '{outcome}' {words} are left out (firms: {int((~enough).sum()):,}).",
    )
    partly = int((~seen[enough]).any(axis=1).sum())
    if not partly:
        return data
    how = {
        "cohort": "effects='cohort' compares levels of cohorts, which move with the firms that come and go; effects='firm' compares each firm with "
        "itself and gives other numbers",
        "firm": "effects='firm' compares each firm with itself, in the years in which it is observed; effects='cohort' gives other numbers",
    }
    return data.noted(
        f"'{outcome}' is missing in some period (firms: {partly:,} of {len(data.units):,}); {how[options.effects]}."
    )


def _middle(data: FirmPeriods, family: Family) -> float:
    """A level to take from linear outcomes, so that a large one costs no digits."""
    return float(np.nanmean(data.outcome)) if family.name == "gaussian" else 0.0
