"""Effects on a matched cross-section: what participants have more of than the firms they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.core.whole_numbers import counted
from impact.design.match import MatchResult
from impact.design.propensity import independent_columns
from impact.estimate.arms import Cell, arms_of
from impact.estimate.columns import cross_section, numbers_of
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.matched_words import (
    counts_of,
    few_clusters,
    lost_note,
    matched_note,
    refuse_replacement,
    score_note,
    variance_words,
)
from impact.estimate.replacement import with_replacement
from impact.estimate.request import AttRequest


@METHODS.register(
    "att",
    "difference",
    summary="weighted difference in means between participants and their controls",
    takes=("matched",),
    estimands=("ATT", "ATE", "ATO"),
    families=("gaussian",),
    needs=("a matched cross-section",),
    options=("neighbours",),
    reference="Abadie and Spiess (2022), section 2; Abadie and Imbens (2006), (2016) with replacement",
)
def difference(request: AttRequest) -> EffectResult:
    """Compare the mean outcome of matched participants with that of their controls.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked. Option `neighbours`: after matching with replacement, the firms of the same arm that tell a firm's noise
        (default 4, from 2).

    Returns
    -------
    EffectResult
        One row. After matching without replacement the matched set is the cluster. With replacement the variance is that
        of Abadie and Imbens: for a known score or covariates that of 2006, for an estimated score that of 2016; there are then no
        influence functions. Estimated weights add the influence of their estimation; firms of subclasses, whose borders are
        taken as fixed, are their own clusters.

    Raises
    ------
    EstimationError
        If no set has its outcome observed in both arms; for a cluster after matching with replacement.

    Examples
    --------
    >>> import impact, pandas as pd
    >>> firms = pd.DataFrame({"joined": [1, 1, 0, 0, 0], "size": [3.0, 9.0, 2.0, 8.0, 30.0],
    ...                       "exports": [7.0, 9.0, 4.0, 4.0, 99.0]})
    >>> pairs = impact.match(firms, treatment="joined", on=["size"], distance="size")
    >>> impact.att(pairs, "exports", method="difference").tidy()["estimate"].tolist()
    [4.0]
    """
    matched = _matched(request)
    if matched.settings.replace:
        return with_replacement(request, matched)
    if request.options:
        raise EstimationError("neighbours is for matches with replacement; leave it out.")
    return _estimated(request, matched, (), lambda cell, _: cell.difference())


@METHODS.register(
    "att",
    "g_computation",
    summary="matched difference, adjusted by a regression of the outcome among the controls",
    takes=("matched",),
    estimands=("ATT", "ATE"),
    families=("gaussian",),
    covariates=True,
    needs=(
        "a cross-section matched without replacement, in sets or by weights",
        "more controls than covariates",
    ),
    reference="Robins (1986); Abadie and Spiess (2022), section 3; Ho, Imai, King and Stuart (2007)",
)
def g_computation(request: AttRequest) -> EffectResult:
    """Subtract from each participant what the regression among controls predicts for it.

    This is weighted least squares with treatment interacted with every covariate, read at the participants' means (ATE: at those of
    all firms that are compared). Covariates are those of the match where none are named. On weights from a score this is inverse
    probability weighted regression adjustment.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; no options.

    Returns
    -------
    EffectResult
        One row. The influence functions count the participants' covariate means as estimated, and the weights where they
        were; the matched set is the cluster, or the firm where there are only weights.

    Raises
    ------
    EstimationError
        After matching with replacement, or with as many parameters as controls.

    Examples
    --------
    >>> import impact, pandas as pd
    >>> firms = pd.DataFrame({"joined": [1, 1, 1, 0, 0, 0, 0], "size": [3.0, 9, 5, 2, 8, 6, 30],
    ...                       "exports": [16.0, 28, 20, 4, 16, 12, 60]})
    >>> pairs = impact.match(firms, treatment="joined", on=["size"], distance="size")
    >>> effect = impact.att(pairs, "exports", method="g_computation")
    >>> effect.tidy()["estimate"].round(8).tolist()
    [10.0]
    """
    matched = _matched(request)
    refuse_replacement(matched)
    names = request.covariates or matched.settings.on
    return _estimated(request, matched, names, lambda cell, x: cell.adjusted(x))


@METHODS.register(
    "att",
    "aipw",
    summary="weighted difference of the errors of an outcome regression: right if the score or the regression is",
    takes=("matched",),
    estimands=("ATT", "ATE"),
    families=("gaussian",),
    covariates=True,
    needs=(
        "a cross-section with weights (ipw, entropy, cbps)",
        "more firms of an arm than covariates",
    ),
    reference="Robins, Rotnitzky and Zhao (1994); Glynn and Quinn (2010)",
)
def aipw(request: AttRequest) -> EffectResult:
    """Augmented inverse probability weighting (doubly robust).

    With w the weights of the match, m_d(x) least squares in arm d without weights (of the match's covariates where none are
    named): for the ATT `mean over participants of Y - m_0(x)` less `sum of w (Y - m_0(x)) / sum of w` over controls; for the ATE `mean of
    m_1(x) - m_0(x)` over all firms plus the same weighted mean error of participants less that of controls.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; no options.

    Returns
    -------
    EffectResult
        One row. The influence functions count the estimation of the weights and of the regressions.

    Raises
    ------
    EstimationError
        On pairs, sets or overlap weights; with as many parameters as firms of an arm.

    Examples
    --------
    >>> import impact, pandas as pd
    >>> firms = pd.DataFrame({"joined": [1, 0, 1, 0, 1, 0, 0, 0], "size": [3.0, 1, 4, 2, 5, 3, 6, 4],
    ...                       "exports": [16.0, 2, 18, 4, 20, 6, 12, 8]})
    >>> weighted = impact.match(firms, treatment="joined", on=["size"], method="ipw")
    >>> impact.att(weighted, "exports", method="aipw").tidy()["estimate"].round(8).tolist()
    [10.0]
    """
    matched = _matched(request)
    if matched.kind != "weights":
        raise EstimationError(
            f"aipw works on weights; these firms were matched by {matched.settings.method!r}. Match with method='ipw', 'entropy' or 'cbps', or "
            "adjust the matched sample with method='g_computation'."
        )
    names = request.covariates or matched.settings.on
    return _estimated(request, matched, names, lambda cell, x: cell.augmented(x))


def _matched(request: AttRequest) -> MatchResult:
    assert isinstance(request.data, MatchResult)
    return request.data


def _estimated(
    request: AttRequest,
    matched: MatchResult,
    names: Sequence[str],
    estimate: Callable[[Cell, FloatArray], tuple[float, FloatArray]],
) -> EffectResult:
    """Read the columns, compare the arms, and put the one row together."""
    if request.outcome in matched.settings.columns:
        raise EstimationError(
            f"'{request.outcome}' was matched on, so the arms were made alike in it: its difference says how good the match is (balance()), and "
            "nothing about the programme. Name an outcome of a later year."
        )
    frame = cross_section(matched)
    arms = arms_of(matched, frame.index)
    outcome, *columns = numbers_of(frame, [request.outcome, *names])
    x = np.column_stack(columns) if columns else np.empty((len(frame), 0))
    cell = arms.cell(np.where(np.isfinite(x).all(axis=1), outcome, np.nan))
    if not (len(cell.treated) and len(cell.control)):
        what = f"'{request.outcome}'" + (" and the covariates" if columns else "")
        who = "pair" if arms.what == "pairs" else "matched sample"
        raise EstimationError(f"No {who} has {what} observed in both arms.")
    kept, notes = _independent(x, cell, names)
    value, influence = estimate(cell, x[:, kept])
    own = None if request.cluster is None else frame[request.cluster].to_numpy()
    firms = arms.firms([cell], frame.index, own, request.cluster)
    rows = frame.index.get_indexer(firms.index)
    column = influence[rows] * (len(rows) / len(frame))
    alone = arms.what == "firms" and min(len(cell.treated), len(cell.control)) < 2
    single = firms["cluster"].nunique() < 2 or alone
    said = ["One pair or cluster, so no standard error."] if single else []
    if alone:
        said = ["One firm in an arm, so no standard error."]
    return effect_from_influence(
        keys=pd.DataFrame({"term": [matched.settings.estimand]}),
        estimate=np.array([value]),
        influence=np.full((len(rows), 1), np.nan) if single else column[:, None],
        firms=firms,
        counts=counts_of([cell]),
        method=request.method,
        estimand=matched.settings.estimand,
        outcome=request.outcome,
        family=request.family,
        label=request.outcome.replace("_", " "),
        conf_level=request.conf_level,
        variance=variance_words(request, arms, own is not None),
        band=False,
        notes=(
            *matched_note(matched),
            *lost_note(cell, request, arms.what),
            *notes,
            *said,
            *([] if single else few_clusters(firms, [cell])),
            *score_note(matched),
        ),
        source=matched,
        seed=request.seed,
    )


def _independent(x: FloatArray, cell: Cell, names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Covariates that the regression of every arm can tell apart; the others are left out and named."""
    if not names:
        return [], []
    kept, dropped = independent_columns(x[cell.control], names)
    arms = [("control", cell.control)] + ([("participant", cell.treated)] if cell.everyone else [])
    notes = [f"'{name}' {why} among the controls and was left out." for name, why in dropped]
    if cell.everyone:
        among, gone = independent_columns(x[cell.treated][:, kept], [names[j] for j in kept])
        notes += [f"'{name}' {why} among the participants and was left out." for name, why in gone]
        kept = [kept[j] for j in among]
    for who, firms in arms:
        if len(firms) <= len(kept) + 1:
            raise EstimationError(
                f"{counted(len(kept) + 1, 'parameter')} cannot be estimated on {counted(len(firms), who)}; use "
                "fewer covariates."
            )
    return kept, notes
