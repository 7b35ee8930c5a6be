"""The estimators that the relations are run on, all by one call: rows in, effects by name out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import impact
from impact.core.registry import METHODS
from impact.estimate.effect import EffectResult

impact.methods()  # loads the rooms

Answers = dict[str, EffectResult]
"""Effects by the name of the unit that `table.APART` speaks of, such as `group_time` or `difference/ipw`."""


@dataclass(frozen=True)
class Subject:
    """Something that estimates, with the rows that it is tried on.

    `kind` is the shape of its data: `panel`, `holes` (a panel with firm-years missing), `cross-section` (one row a firm), `regress`.
    """

    name: str
    kind: str
    units: tuple[str, ...]
    drawn: Callable[[int], pd.DataFrame]
    run: Callable[..., Answers]
    verb: str = "att"
    method: str = ""
    asked: dict[str, Any] = field(default_factory=dict)

    def fit(self, frame: pd.DataFrame, **more: Any) -> Answers:
        return self.run(self, frame, **more)

    @property
    def family(self) -> str:
        return str(self.asked.get("family", "gaussian"))

    @property
    def cross(self) -> bool:
        return self.kind == "cross-section"


# --- rows -----------------------------------------------------------------------------------------------------------------------------------


def panel_rows(
    seed: int,
    *,
    firms: int = 36,
    periods: int = 6,
    cohorts: tuple[float, ...] = (3, 5),
    never: int = 2,
) -> pd.DataFrame:
    """Firms of some cohorts, and some that never join, balanced, with an outcome above 0."""
    rng = np.random.default_rng(seed)
    groups = np.array([*cohorts, *[np.nan] * never])
    joined = groups[np.arange(firms) % len(groups)]
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(np.arange(1, periods + 1), firms),
            "joined": np.repeat(joined, periods),
            "size": np.repeat(rng.normal(size=firms), periods),
            "age": np.repeat(rng.normal(size=firms), periods),
            "sector": np.repeat(np.arange(firms) // len(groups) % 3, periods),
            "hours": np.repeat(np.where(np.isnan(joined), 0.0, rng.uniform(1, 9, firms)), periods),
        }
    )
    level = 20 + 2 * rng.normal(size=firms)
    treated = frame["year"] >= frame["joined"]
    shocks = rng.normal(size=len(frame))
    frame["y"] = np.repeat(level, periods) + 0.3 * frame["year"] + 0.8 * treated + shocks
    return frame


def rows_with_holes(seed: int) -> pd.DataFrame:
    """Firm-years are missing by chance, one in ten."""
    frame = panel_rows(seed, firms=48)
    return frame[np.random.default_rng(seed + 1).random(len(frame)) > 0.1].reset_index(drop=True)


def yes_or_no(seed: int) -> pd.DataFrame:
    """Whether the outcome is above its middle; every cohort and year has both."""
    frame = panel_rows(seed, firms=80)
    return frame.assign(y=(frame["y"] > frame["y"].median()).astype(float))


def panel_to_match(seed: int) -> pd.DataFrame:
    return panel_rows(seed, firms=60, periods=5, cohorts=(3, 4), never=4)


def cross_section(seed: int, firms: int = 60) -> pd.DataFrame:
    """One row for each firm, a third of which took part."""
    rng = np.random.default_rng(seed)
    size, age = rng.normal(size=firms), rng.normal(size=firms)
    chance = np.argsort(np.argsort(0.7 * size - 0.4 * age + rng.logistic(size=firms)))
    joins = (chance >= firms - firms // 3).astype(int)
    y = 20 + size + 0.5 * age + 0.8 * joins + rng.normal(size=firms)
    return pd.DataFrame(
        {"firm": np.arange(firms), "joins": joins, "size": size, "age": age, "y": y}
    ).assign(
        sector=np.where((joins == 0) & (np.arange(firms) % 9 == 0), 3, np.arange(firms) % 3),
        joined=np.where(joins == 1, 2.0, np.nan),
    )


def regression_rows(seed: int) -> pd.DataFrame:
    """Firm-years with a treatment, a covariate, an endogenous regressor and its instrument; counts and yes-or-no outcomes, too."""
    frame = panel_rows(seed, firms=40)
    rng = np.random.default_rng(seed + 7)
    n = len(frame)
    d = (frame["year"] >= frame["joined"]).astype(float)
    x, z, both = rng.normal(size=(3, n))
    common = np.repeat(rng.normal(size=40), 6)
    count = rng.poisson(np.exp(0.5 + 0.4 * d + 0.2 * x + 0.5 * common))
    yes = 0.3 * d + 0.5 * x + rng.logistic(size=n) > 0
    frame = frame.assign(d=d, x=x, z=z, w=z + both + 0.4 * x, region=frame["firm"] % 4)
    frame["y"] += 0.5 * x + 0.4 * frame["w"] + 0.6 * both
    return frame.assign(count=count.astype(float), yes=yes.astype(float))


# --- how each is called ---------------------------------------------------------------------------------------------------------------------


def of_panel(
    subject: Subject,
    frame: pd.DataFrame,
    *,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    **more: Any,
) -> Answers:
    weights = "weight" if "weight" in frame else None
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    asked = {**subject.asked, **more}
    if covariates:
        asked["covariates"] = list(covariates)
    result = impact.att(panel, "y", method=subject.method, cluster=cluster, **asked)
    return {subject.units[0]: result}


def of_match(
    subject: Subject,
    frame: pd.DataFrame,
    *,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    only: str | None = None,
    outcome: str = "y",
    **more: Any,
) -> Answers:
    """Match once, and estimate by each method that takes such a match."""
    asked = {"on": ["size", "age"], **subject.asked, **more}
    if covariates:
        asked["on"] = list(covariates)
    if subject.cross:
        rows = frame.set_index("firm")
        match = impact.match(rows, treatment="joins", method=subject.method, **asked)
    else:
        panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
        match = impact.match(panel, method=subject.method, **asked)
    return {
        unit: impact.att(match, outcome, method=unit.split("/")[0], cluster=cluster)
        for unit in subject.units
        if only in (None, unit)
    }


@dataclass(frozen=True)
class Formula:
    """The parts of a formula, so that a relation can change one."""

    outcome: str = "y"
    terms: tuple[str, ...] = ("d", "x")
    effects: tuple[str, ...] = ()
    endogenous: str = ""
    instruments: str = ""

    def text(self, more: Sequence[str] = (), effects: Sequence[str] = ()) -> str:
        parts = [" + ".join([*self.terms, *more])]
        absorbed = [*self.effects, *effects]
        if absorbed:
            parts.append(" + ".join(absorbed))
        if self.endogenous:
            parts.append(f"{self.endogenous} ~ {self.instruments}")
        return f"{self.outcome} ~ {' | '.join(parts)}"


def of_regress(
    subject: Subject,
    frame: pd.DataFrame,
    *,
    covariates: Sequence[str] = (),
    effects: Sequence[str] = (),
    cluster: str | None = None,
    **more: Any,
) -> Answers:
    asked = {**subject.asked, **more}
    formula: Formula = asked.pop("formula")
    as_panel = asked.pop("as_panel", False)
    weights = "weight" if "weight" in frame else None
    if cluster is not None:
        asked.pop("variance", None)
        asked["cluster"] = cluster
    data: Any = frame
    if as_panel:
        data = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    elif weights:
        asked["weights"] = weights
    text = formula.text(covariates, effects)
    return {subject.units[0]: impact.regress(text, data, **asked)}


def of_panel_model(
    subject: Subject,
    frame: pd.DataFrame,
    *,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    **more: Any,
) -> Answers:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    asked = {**subject.asked, **more}
    formula: Formula = asked.pop("formula")
    result = impact.panel_model(formula.text(covariates), panel, cluster=cluster, **asked)
    return {subject.units[0]: result}


# --- all of them ----------------------------------------------------------------------------------------------------------------------------

OPTIONS: dict[str, dict[str, Any]] = {"dose": {"dose": "hours"}, "two_by_two": {"cohort": 3}}
"""What a method must be told."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "group_time, not yet": ("group_time", {"control": "not_yet", "base_period": "universal"}),
    "group_time, cross-sections": ("group_time", {"unbalanced": "cross_sections"}),
    "group_time, Poisson": ("group_time", {"family": "poisson"}),
    "imputation, left out": ("imputation", {"leave_one_out": True, "pretrends": 1}),
    "imputation, Poisson": ("imputation", {"family": "poisson"}),
    "etwfe, never": ("etwfe", {"control": "never", "effects": "firm"}),
    "etwfe, Poisson": ("etwfe", {"family": "poisson"}),
    "etwfe, logit": ("etwfe", {"family": "logit"}),
    "two_by_two, Poisson": ("two_by_two", {"family": "poisson", "cohort": 3}),
    "two_by_two, averages": ("two_by_two", {"cohort": 3, "average": True}),
}
"""Further settings of an estimator of panels, by a name of their own."""

UNBALANCED = (
    "group_time, not yet",
    "group_time, cross-sections",
    "imputation, left out",
    "etwfe, never",
)
"""Of these, those that are also tried on panels with holes."""

MATCHED_BY: dict[str, dict[str, Any]] = {
    "exact": {"on": ["sector"]},
    "coarsened": {"cutpoints": 3},
    "subclass": {"n_subclasses": 3},
}
"""What a method of `match` is told."""

FURTHER_MATCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "cbps, ATE": ("cbps", {"estimand": "ATE"}),
    "coarsened, ATE": ("coarsened", {"estimand": "ATE", "cutpoints": 4}),
    "entropy, ATE": ("entropy", {"estimand": "ATE"}),
    "exact, ATE": ("exact", {"estimand": "ATE", "on": ["sector"]}),
    "full, ATE": ("full", {"estimand": "ATE"}),
    "ipw, ATE": ("ipw", {"estimand": "ATE"}),
    "ipw, ATO": ("ipw", {"estimand": "ATO"}),
    "mahalanobis, by score": ("mahalanobis", {"caliper": 2.0}),
    "nearest, replaced": ("nearest", {"replace": True, "ratio": 2}),
    "subclass, ATE": ("subclass", {"estimand": "ATE", "n_subclasses": 3}),
}
"""Further settings of a match, on cross-sections."""

REGRESSIONS: dict[str, dict[str, Any]] = {
    "least squares": {"formula": Formula(), "cluster": "firm"},
    "least squares, robust": {"formula": Formula(), "variance": "hetero"},
    "fixed effects": {
        "formula": Formula(effects=("firm", "year")),
        "cluster": "firm",
        "small_sample": "none",
    },
    "fixed effects of a panel": {
        "formula": Formula(effects=("firm", "year")),
        "cluster": "firm",
        "as_panel": True,
        "small_sample": "none",
    },
    "instruments": {
        "formula": Formula(
            terms=("d", "x"), effects=("firm", "year"), endogenous="w", instruments="z"
        ),
        "cluster": "firm",
        "small_sample": "none",
    },
    "poisson": {
        "formula": Formula("count", effects=("firm", "year")),
        "cluster": "firm",
        "family": "poisson",
        "small_sample": "none",
    },
    "logit": {
        "formula": Formula("yes", effects=("region", "year")),
        "cluster": "firm",
        "family": "logit",
        "small_sample": "none",
    },
}
MODELS = ("random", "first_difference", "between", "mundlak")


def _panels() -> list[Subject]:
    found = []
    plain = [m.name for m in METHODS.of("att") if "panel" in m.takes]
    asked = {name: (name, OPTIONS.get(name, {})) for name in plain} | VARIANTS
    for name, (method, options) in asked.items():
        rows = yes_or_no if options.get("family") == "logit" else panel_rows
        found.append(Subject(name, "panel", (name,), rows, of_panel, "att", method, options))
    for name in (*plain, *UNBALANCED):
        method, options = asked[name]
        unit = f"{name}, holes"
        subject = Subject(unit, "holes", (unit,), rows_with_holes, of_panel, "att", method, options)
        found.append(subject)
    return found


def matched_units(data: str, by: str) -> tuple[str, ...]:
    """The methods of `att` that take a match by this method, on a panel (`matched panel`) or a cross-section (`matched`)."""
    units = []
    weights = by.split(",")[0] in ("ipw", "entropy", "cbps")
    for method in METHODS.of("att"):
        if data not in method.takes or (method.name == "aipw" and not weights):
            continue
        if by.endswith("replaced") and method.name != "difference":
            continue
        if by.endswith("ATO") and "ATO" not in method.estimands:
            continue
        if method.name == "group_time" and by not in ("nearest", "mahalanobis", "optimal"):
            continue
        units.append(f"{method.name}/{by}")
    return tuple(units)


def _matches() -> list[Subject]:
    found = []
    plain = [m.name for m in METHODS.of("match")]
    asked = {name: (name, MATCHED_BY.get(name, {})) for name in plain}
    for name, (method, options) in (asked | FURTHER_MATCHES).items():
        units = matched_units("matched", name)
        subject = Subject(
            f"match, {name}",
            "cross-section",
            units,
            cross_section,
            of_match,
            "match",
            method,
            options,
        )
        found.append(subject)
    for name, (method, options) in asked.items():
        units = matched_units("matched panel", name)
        subject = Subject(
            f"match of a panel, {name}", "matched panel", units, panel_to_match, of_match, "match", method, options
        )  # fmt: skip
        found.append(subject)
    return found


def _regressions() -> list[Subject]:
    found = []
    for name, options in REGRESSIONS.items():
        unit = f"regress, {name}"
        subject = Subject(
            unit, "regress", (unit,), regression_rows, of_regress, "regress", "", options
        )
        found.append(subject)
    for model in MODELS:
        unit = f"panel_model, {model}"
        options = {"formula": Formula(), "model": model, "small_sample": "none"}
        subject = Subject(
            unit, "regress", (unit,), regression_rows, of_panel_model, "panel_model", "", options
        )
        found.append(subject)
    return found


SUBJECTS: dict[str, Subject] = {s.name: s for s in (*_panels(), *_matches(), *_regressions())}
UNITS: dict[str, Subject] = {unit: s for s in SUBJECTS.values() for unit in s.units}
