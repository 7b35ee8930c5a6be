"""The verb `att`: by how much did the outcome of participants change?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from impact.core.errors import EstimationError
from impact.core.panel import Panel, require_columns, require_panel
from impact.core.registry import METHODS, Method
from impact.core.whole_numbers import years
from impact.design.match import MatchResult
from impact.engines.one_thread import on_one_thread

# Imported for what they register.
from impact.estimate import dose as _dose  # noqa: F401
from impact.estimate import etwfe as _etwfe  # noqa: F401
from impact.estimate import group_time as _group_time  # noqa: F401
from impact.estimate import imputation as _imputation  # noqa: F401
from impact.estimate import interaction_weighted as _interaction_weighted  # noqa: F401
from impact.estimate import matched as _matched  # noqa: F401
from impact.estimate import matched_did as _matched_did  # noqa: F401
from impact.estimate import stacked as _stacked  # noqa: F401
from impact.estimate import switching as _switching  # noqa: F401
from impact.estimate import synthetic as _synthetic  # noqa: F401
from impact.estimate import twfe as _twfe  # noqa: F401
from impact.estimate import two_by_two as _two_by_two  # noqa: F401
from impact.estimate.effect import EffectResult
from impact.estimate.request import DEFAULT_SEED, AttRequest
from impact.estimate.zero_logarithms import zero_logarithm_refused
from impact.outcomes.zero_transforms import asked_transform


def att(
    data: Panel | MatchResult,
    outcome: str,
    *,
    method: str | None = None,
    family: str = "gaussian",
    covariates: Sequence[str] | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
    seed: int | None = None,
    **options: Any,
) -> EffectResult:
    """Estimate the average effect of participation on participants (ATT).

    Parameters
    ----------
    data : Panel or MatchResult
        Firm-years from `impact.panel`, or a matched sample from `impact.match`.
    outcome : str
        Column of the outcome.
    method : str
        An estimator, which must be named; `impact.methods()` lists them with what each needs and accepts.
    family : str
        Outcome family, `gaussian` unless the method offers more. `poisson` is for exports and other amounts with zeros: it compares growth, not change,
        and `percent()` of the result is the effect in per cent.
    covariates : sequence of str, optional
        Covariates, dated at the base period.
    cluster : str, optional
        Column of the clusters of the variance; each firm is its own where missing.
    conf_level : float
        Level of the intervals.
    seed : int, optional
        Seed of the uniform band.
    **options
        Options of the method.

    Returns
    -------
    EffectResult

    Notes
    -----
    On a panel: `group_time` (`control`, `estimator`, `base_period`, `anticipation`, `unbalanced`), `imputation` (`by`, `anticipation`,
    `pretrends`, `leave_one_out`), `interaction_weighted` (`anticipation`), `etwfe`
    (`control`, `effects`, `scale`, `anticipation`), `stacked` (`kappa_pre`, `kappa_post`,
    `control`, `weights`), `two_by_two` (`cohort`, `before`, `after`, `average`), `twfe`, `switching`
    (`effects`, `by`, `normalized`, `switchers`, `unbalanced`, `small_sample`), `dose` (`dose`, `shape`, `bins`, `knots`, `at`,
    `curve`, `average`, `control`, `unbalanced`), `synthetic` (`control`,
    `anticipation`, `zeta_omega`, `inference`, `average`, `draws`, `before`, `unbalanced`). On a
    matched panel: `matched_did`, `at_joining`, `group_time` (pairs only). On a matched cross-section: `difference`
    (`neighbours`, with replacement), `g_computation`, `aipw`.

    `family="poisson"` is taken by `group_time`, `imputation`, `etwfe`, `two_by_two` and `matched_did`, `family="logit"` by `etwfe`.

    Raises
    ------
    EstimationError
        If no method is named, it does not exist, does not accept what it was given, or cannot identify the
        effect on these data; if the outcome is asinh(y) or log(1 + y), whose effects depend on the unit of y; if it is
        the treatment or the cohort.
    DataError
        If a column is missing.

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> firms, truth = programme(firms=240, periods=6, cohorts=(3, 5), seed=1, effect="constant")
    >>> panel = impact.panel(firms, unit="firm", time="year", cohort="joined")
    >>> row = impact.att(panel, "exports", method="group_time").aggregate("overall").tidy().iloc[0]
    >>> bool(row["conf_low"] <= truth["att"].iloc[0] <= row["conf_high"])
    True
    """
    if not isinstance(data, (Panel, MatchResult)):
        data = require_panel(data, "att")
    _check_kinds(outcome, cluster, conf_level, seed)
    if method is None:
        raise _no_method(data)
    found = METHODS.find("att", method)
    if isinstance(covariates, str):
        covariates = [covariates]
    _check_abilities(found, data, family, covariates, options)
    inner = data.data
    frame = inner.data if isinstance(inner, Panel) else inner
    asked = None if outcome in frame else asked_transform(outcome)
    if asked is not None and asked.column in frame:
        source = data if isinstance(data, Panel) else inner
        raise zero_logarithm_refused(asked, frame, source)
    require_columns(frame, [outcome, *(covariates or ()), *([cluster] if cluster else [])])
    if frame[outcome].isna().all():
        raise EstimationError(
            f"'{outcome}' has no value in any of {len(frame):,} rows; name the column that holds the outcome."
        )
    _refuse_participation(data, outcome)
    _refuse_looking_ahead(found, data, outcome)
    _refuse_weights_of_cohorts(found, data)
    request = AttRequest(
        data=data,
        outcome=outcome,
        method=method,
        family=family,
        covariates=tuple(covariates or ()),
        cluster=cluster,
        conf_level=conf_level,
        seed=DEFAULT_SEED if seed is None else seed,
        options=dict(options),
    )
    result = on_one_thread(found.function)(request)
    assert isinstance(result, EffectResult)
    return replace(result, asked=request)


def _kind(data: Panel | MatchResult) -> str:
    """What the data are, in the words in which methods register what they take."""
    if isinstance(data, Panel):
        return "panel"
    return "matched panel" if isinstance(data.data, Panel) else "matched"


_KINDS = {
    "panel": "a panel",
    "matched panel": "a matched panel",
    "matched": "a matched cross-section",
}


def _no_method(data: Panel | MatchResult) -> EstimationError:
    """Which methods take data of this kind."""
    kind = _kind(data)
    known = ", ".join(repr(m.name) for m in METHODS.of("att") if kind in m.takes)
    return EstimationError(
        f"`method` is missing: which estimator? On {_KINDS[kind]}: {known}. impact.methods() says what each does and needs."
    )


def _refuse_participation(data: Panel | MatchResult, outcome: str) -> None:
    """What says who participates is no outcome: its effect would be 1, or the year of joining, by construction."""
    inner = data.data if isinstance(data, MatchResult) else data
    roles: dict[str | None, str] = {}
    if isinstance(inner, Panel):
        roles = {inner.treatment: "treatment", inner.cohort: "cohort"}
    elif isinstance(data, MatchResult):
        roles = {data.settings.treatment: "treatment"}
    if outcome in roles:
        raise EstimationError(
            f"'{outcome}' is the {roles[outcome]}: it says who participates, and participation has no effect on itself. Name the column "
            "of an outcome."
        )


def _check_kinds(outcome: object, cluster: object, conf_level: object, seed: object) -> None:
    """One column of the outcome, one of the clusters, a level between 0 and 1, a seed from 0."""
    for name, value in (("outcome", outcome), ("cluster", cluster)):
        if not (isinstance(value, str) or (value is None and name == "cluster")):
            raise EstimationError(f"{name} is {value!r}; name one column.")
    number = isinstance(conf_level, Real) and not isinstance(conf_level, bool)
    if not number or not 0 < float(conf_level) < 1:  # type: ignore[arg-type]
        raise EstimationError(
            f"conf_level is {conf_level!r}; it lies between 0 and 1, as 0.95 does."
        )
    whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
    if seed is not None and not (whole and int(seed) >= 0):  # type: ignore[call-overload]
        raise EstimationError(f"seed is {seed!r}; it is a whole number from 0.")


def _refuse_looking_ahead(method: Method, data: Panel | MatchResult, outcome: str) -> None:
    """An outcome that looks ahead of its year holds years of participation already in the year before joining."""
    inner = data.data if isinstance(data, MatchResult) else data
    if not isinstance(inner, Panel) or method.name == "at_joining":
        return
    ahead = inner.ahead(outcome)
    if ahead:
        raise EstimationError(
            f"'{outcome}' looks {years(ahead)} ahead of its row: in the year before joining it already holds "
            "exports of the first year of participation, so that year is no base, and its trend before joining is none. Match firms "
            f"first and compare them in the year of joining: impact.att(impact.match(panel, ...), '{outcome}', method='at_joining'). "
            "(If it is a column of your own that does not look ahead, give it another name.)"
        )


def _refuse_weights_of_cohorts(method: Method, data: Panel | MatchResult) -> None:
    """A comparison firm in sets or with weights has another weight in each cohort, which one weight a firm cannot carry."""
    if not isinstance(data, MatchResult) or method.name != "group_time":
        return
    if data.settings.control == "not_yet":
        raise EstimationError(
            "group_time takes one weight for each firm; matched with control='not_yet', a firm can be a comparison first and a participant later. "
            "Use method='matched_did', which compares cohort by cohort, or group_time on the panel itself."
        )
    if data.kind != "pairs":
        raise EstimationError(
            f"group_time takes one weight for each firm; matched by {data.settings.method!r}, a comparison firm has another in each cohort. Use "
            "method='matched_did', which compares cohort by cohort."
        )


def _who_takes(family: str, kind: str) -> str:
    """The methods that have a family on data of a kind, as a sentence."""
    able = [repr(m.name) for m in METHODS.of("att") if family in m.families and kind in m.takes]
    if able:
        return f" On {_KINDS[kind]}, these have it: {', '.join(able)}."
    if family in {f for m in METHODS.of("att") for f in m.families}:
        return f" On {_KINDS[kind]}, no method has it."
    return ""


def _check_abilities(
    method: Method,
    data: Panel | MatchResult,
    family: str,
    covariates: Sequence[str] | None,
    options: Mapping[str, Any],
) -> None:
    kind = _kind(data)
    said = f"The method {method.name!r}"
    if kind not in method.takes:
        raise EstimationError(
            f"{said} works on {' or '.join(method.takes)} data; it was given {kind} data."
        )
    estimand = data.settings.estimand if isinstance(data, MatchResult) else "ATT"
    if estimand not in method.estimands:
        raise EstimationError(
            f"{said} has the estimands {', '.join(method.estimands)}; the match is for the {estimand}."
        )
    if family not in method.families:
        raise EstimationError(
            f"{said} has the families {', '.join(method.families)}; {family!r} was asked for.{_who_takes(family, kind)}"
        )
    if covariates and not method.covariates:
        raise EstimationError(f"{said} does not use covariates; leave `covariates` out.")
    unknown = sorted(set(options) - set(method.options))
    if unknown:
        known = ", ".join(method.options) or "none"
        raise EstimationError(f"{said} has no option {', '.join(unknown)}; its options: {known}.")
