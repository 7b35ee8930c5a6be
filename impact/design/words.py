"""The sentence on the method that a report needs, made from what was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from impact.core.whole_numbers import by_number, counted
from impact.design.request import MatchSettings, waiting_firms

_SCORES = {
    "logit": "the probability of joining estimated by logit",
    "linear_logit": "the linear predictor of a logit for joining",
    "probit": "the probability of joining estimated by probit",
    "mahalanobis": "the Mahalanobis distance between covariates",
}
_ALIKE = 0.0005
_ORDERS = {
    "largest": "participants with the largest score choosing first",
    "smallest": "participants with the smallest score choosing first",
    "data": "participants choosing in the order of their identifiers",
    "random": "participants choosing in random order (seed {seed})",
}


def methods_sentence(
    settings: MatchSettings,
    balance: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    treated: pd.DataFrame,
    controls: int,
    panel: bool,
    everyone: int,
    cohorts: pd.DataFrame | None = None,
) -> str:
    """Say who was matched to whom, on what, when, how, how many, and how alike they became."""
    matched = treated[treated["weight"] > 0]
    names = [labels.get(c, c) for c in settings.on]
    some = f"{len(matched):,} of {counted(len(treated), 'participant')} with known covariates"
    if everyone > len(treated):
        some += f" ({everyone:,} participate in all)"
    were = by_number(len(matched), "was", "were")
    if settings.method in _WEIGHTS:
        parts = [
            f"{some} {were} compared with {_who(controls, settings, panel)}",
            f"weighted {_WEIGHTS[settings.method](settings)} (covariates: {', '.join(names)})",
        ]
    elif settings.method in _SETS:
        others = (
            f"{_who(controls, settings, panel)}, in {counted(matched['pair'].nunique(), 'set')}"
        )
        if settings.option("k2k", False):
            others = _controls(settings, panel)
        some = f"{some} {were}"
        names = [labels.get(c, c) for c in settings.on if c not in settings.exact]
        also = [labels.get(c, c) for c in settings.exact]
        parts = _SETS[settings.method](settings, some, others, names, also)
    else:
        parts = [
            f"{some} {were} matched to {_controls(settings, panel)}",
            f"{_HOW.get(settings.method, 'by nearest neighbour')} on {_distance(settings)} (covariates: {', '.join(names)})",
        ]
    if settings.exact and settings.method not in _SETS:
        parts.append(f"exactly on {', '.join(labels.get(c, c) for c in settings.exact)}")
    if settings.method not in {*_WEIGHTS, *_SETS}:
        parts.append(_caliper(settings))
    if panel:
        parts.append(f"all measured in the year{'s' if settings.lags else ''} before joining")
    if settings.method not in {*_WEIGHTS, *_SETS, *_HOW}:
        parts.append(_ORDERS[settings.order].format(seed=settings.seed))
        if settings.order in ("largest", "smallest") and settings.distance == "mahalanobis":
            parts[-1] = _ORDERS["data"]
    what = "weighting" if settings.method in _WEIGHTS else "matching"
    sentences = [
        ", ".join(parts) + ".",
        *_by_cohort(treated, panel),
        _worst(balance, labels, what=what),
    ]
    if cohorts is not None:  # pooled, cohorts out of balance in opposite directions look balanced
        sentences.append(_worst(cohorts, labels, "Within a single cohort it was", what=what))
    return " ".join(sentences)


def _who(number: int, settings: MatchSettings, panel: bool) -> str:
    return f"{counted(number, 'firm')} that {waiting_firms(settings) if panel else 'did not participate'}"


def _ipw(settings: MatchSettings) -> str:
    score = _SCORES.get(settings.distance, f"the probability in column '{settings.distance}'")
    target = {
        "ATT": "to the participants",
        "ATE": "to all firms",
        "ATO": "to the firms that could have been of either arm (overlap weights)",
    }[settings.estimand]
    stable = ", stabilized" if settings.option("stabilized", False) else ""
    return f"{target} by {score}{stable}{_trimmed(settings.option('trim', None))}"


def _trimmed(trim: Any) -> str:
    if trim is None:
        return ""
    if trim == "crump":
        return ", trimmed where that lowers the variance most (Crump et al. 2009)"
    low, high = (trim, 1 - trim) if isinstance(trim, (int, float)) else trim
    return f", scores outside {low:g} to {high:g} trimmed"


def _entropy(settings: MatchSettings) -> str:
    target = {"ATT": "the participants", "ATE": "all firms"}[settings.estimand]
    moments = {1: "means", 2: "means and variances", 3: "first three moments"}
    base = settings.option("base_weights", None)
    start = "" if base is None else f", starting from the weights in '{base}'"
    return (
        f"by entropy balancing to the {moments[settings.option('moments', 1)]} of {target}{start}"
    )


def _cbps(settings: MatchSettings) -> str:
    return "by a covariate balancing propensity score (just identified)"


_WEIGHTS: Mapping[str, Callable[[MatchSettings], str]] = {
    "ipw": _ipw, "entropy": _entropy, "cbps": _cbps,
}  # fmt: skip


def _exact(
    settings: MatchSettings, some: str, others: str, names: list[str], also: list[str]
) -> list[str]:
    agree = ", ".join([*names, *also])
    return [f"{some} grouped with {others} of firms that agree on {agree}", _target(settings)]


def _coarsened(
    settings: MatchSettings, some: str, others: str, names: list[str], also: list[str]
) -> list[str]:
    bins = [f"in the same bins of {', '.join(names)} ({_cuts(settings)})"] if names else []
    cell = " ".join([*bins, *([f"with the same {', '.join(also)}"] if also else [])])
    if settings.option("k2k", False):
        nearest = f"the nearest by Mahalanobis distance among those {cell}"
        return [f"{some} matched to {others}", nearest, _ORDERS["data"]]
    return [f"{some} grouped with {others} of firms {cell}", _target(settings)]


_RULES = {
    "sturges": "Sturges's rule",
    "scott": "Scott's rule",
    "fd": "Freedman and Diaconis's rule",
}


def _cuts(settings: MatchSettings) -> str:
    cuts = settings.option("cutpoints", "sturges")
    if not isinstance(cuts, Mapping):
        return _cut(cuts)
    named = [f"{name} by {_cut(rule)}" for name, rule in cuts.items()]
    others = [] if set(settings.on) <= set(cuts) else [f"the others by {_RULES['sturges']}"]
    return "; ".join([*named, *others])


def _cut(rule: Any) -> str:
    if isinstance(rule, str):
        return _RULES[rule]
    if isinstance(rule, int):
        return f"{rule} of equal width"
    return "cut points " + ", ".join(f"{x:g}" for x in rule)


def _subclass(
    settings: MatchSettings, some: str, others: str, names: list[str], also: list[str]
) -> list[str]:
    among = {"ATT": "the participants", "ATE": "all firms"}[settings.estimand]
    return [
        f"{some} grouped with {others} between the quantiles, among {among}, of {_distance(settings)} "
        f"(covariates: {', '.join(names)})",
        _target(settings),
    ]


def _full(
    settings: MatchSettings, some: str, others: str, names: list[str], also: list[str]
) -> list[str]:
    given = [
        (word, float(settings.options[name]))
        for name, word in (("min_controls", "at least"), ("max_controls", "at most"))
        if settings.option(name, None) is not None
    ]
    limits = " and ".join(f"{word} {number:.3g}" for word, number in given)
    return [
        f"{some} fully matched with {others} at the least total distance, each of one participant with controls or of one "
        f"control with participants, on {_distance(settings)} (covariates: {', '.join(names)})",
        *([f"exactly on {', '.join(also)}"] if also else []),
        *([f"with {limits} {by_number(given[-1][1], 'control')} per participant"] if given else []),
        _caliper(settings),
        _target(settings),
    ]


def _target(settings: MatchSettings) -> str:
    return "weighted to " + {"ATT": "the participants", "ATE": "all firms"}[settings.estimand]


_HOW: Mapping[str, str] = {"optimal": "as the pairs with the least total distance"}
"""How pairs are found that do not choose one after another."""

_SETS: Mapping[str, Callable[[MatchSettings, str, str, list[str], list[str]], list[str]]] = {
    "exact": _exact, "coarsened": _coarsened, "subclass": _subclass, "full": _full,
}  # fmt: skip


def _controls(settings: MatchSettings, panel: bool) -> str:
    many = "one comparison firm" if settings.ratio == 1 else f"up to {settings.ratio} firms"
    who = waiting_firms(settings) if panel else "did not participate"
    how = "with replacement" if settings.replace else "without replacement"
    most = settings.option("max_uses", None)
    if most is not None:
        how += f" (each serving at most {'once' if most == 1 else f'{most} times'})"
    return f"{many} each that {who}, {how}"


def _distance(settings: MatchSettings) -> str:
    if settings.method == "mahalanobis":
        kind = "robust (rank-based) " if settings.option("robust", False) else ""
        return f"the {kind}Mahalanobis distance between covariates"
    return _SCORES.get(settings.distance, f"the score in column '{settings.distance}'")


def _caliper(settings: MatchSettings) -> str:
    if settings.caliper is None:
        return "without a caliper"
    spread = by_number(settings.caliper, "standard deviation of", "standard deviations of")
    unit = f"{spread} the score" if settings.caliper_scale == "sd" else "of distance"
    scored = settings.method == "mahalanobis" and settings.distance != "mahalanobis"
    if scored:
        score = _SCORES.get(settings.distance, f"the score in column '{settings.distance}'")
        unit = f"{spread if settings.caliper_scale == 'sd' else 'on'} {score}"
    return f"within a caliper of {settings.caliper:g} {unit}"


def _by_cohort(treated: pd.DataFrame, panel: bool) -> list[str]:
    if not panel or treated["cohort"].nunique() < 2:
        return []
    matched = (treated["weight"] > 0).groupby(treated["cohort"].astype("int64"))
    parts = [f"{int(of_cohort.sum())} of {len(of_cohort)} in {g}" for g, of_cohort in matched]
    return [f"By year of joining: {', '.join(parts)}."]


def _worst(
    balance: pd.DataFrame,
    labels: Mapping[str, str],
    opening: str = "The largest absolute standardised mean difference of a covariate was",
    *,
    what: str = "matching",
) -> str:
    covariates = balance[balance["covariate"] != "distance"]
    said = []
    for when in ("before", "after"):
        size = covariates[f"smd_{when}"].abs()
        if size.max() < _ALIKE:  # which one is the largest is a matter of rounding
            said.append(f"below {_ALIKE:g} {when} {what}")
        elif size.notna().any():
            row = covariates.loc[size.idxmax()]
            name = labels.get(row["covariate"], row["covariate"])
            if "cohort" in row.index:
                name = f"{name}, cohort {row['cohort']}"
            said.append(f"{size.max():.3f} {when} {what} ({name})")
    if not said:
        return "No standardised mean difference is defined."
    return f"{opening} {' and '.join(said)}."
