"""The sentence on the method that a report needs, made from what was done."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from impact.design.request import MatchSettings

_SCORES = {
    "logit": "the probability of joining estimated by logit",
    "linear_logit": "the linear predictor of a logit for joining",
    "probit": "the probability of joining estimated by probit",
    "mahalanobis": "the Mahalanobis distance between covariates",
}
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
    panel: bool,
    cohorts: pd.DataFrame | None = None,
) -> str:
    """Say who was matched to whom, on what, when, how, how many, and how alike they became."""
    matched = treated[treated["weight"] > 0]
    names = [labels.get(c, c) for c in settings.on]
    parts = [
        f"{len(matched):,} of {len(treated):,} participants with known covariates were matched to "
        f"{_controls(settings, panel)}",
        f"by nearest neighbour on {_distance(settings)} (covariates: {', '.join(names)})",
    ]
    if settings.exact:
        parts.append(f"exactly on {', '.join(labels.get(c, c) for c in settings.exact)}")
    parts.append(_caliper(settings))
    if panel:
        parts.append("all measured in the year before joining")
    parts.append(_ORDERS[settings.order].format(seed=settings.seed))
    if settings.order in ("largest", "smallest") and settings.distance == "mahalanobis":
        parts[-1] = _ORDERS["data"]
    sentences = [", ".join(parts) + ".", *_by_cohort(treated, panel), _worst(balance, labels)]
    if cohorts is not None:  # pooled, cohorts out of balance in opposite directions look balanced
        sentences.append(_worst(cohorts, labels, "Within a single cohort it was"))
    return " ".join(sentences)


def _controls(settings: MatchSettings, panel: bool) -> str:
    many = "one comparison firm" if settings.ratio == 1 else f"up to {settings.ratio} firms"
    who = {"never": "never joined", "not_yet": "had not joined"}[settings.control]
    if not panel:
        who = "did not participate"
    how = "with replacement" if settings.replace else "without replacement"
    return f"{many} each that {who}, {how}"


def _distance(settings: MatchSettings) -> str:
    return _SCORES.get(settings.distance, f"the score in column '{settings.distance}'")


def _caliper(settings: MatchSettings) -> str:
    if settings.caliper is None:
        return "without a caliper"
    unit = "standard deviations of the score" if settings.caliper_scale == "sd" else "of distance"
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
) -> str:
    covariates = balance[balance["covariate"] != "distance"]
    said = []
    for when in ("before", "after"):
        size = covariates[f"smd_{when}"].abs()
        if size.notna().any():
            row = covariates.loc[size.idxmax()]
            name = labels.get(row["covariate"], row["covariate"])
            if "cohort" in row.index:
                name = f"{name}, cohort {row['cohort']}"
            said.append(f"{size.max():.3f} {when} matching ({name})")
    if not said:
        return "No standardised mean difference is defined."
    return f"{opening} {' and '.join(said)}."
