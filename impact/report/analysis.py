"""What a study of firms computes, in the order of its questions: design, effects, checks, value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from impact.core.errors import StudyError
from impact.core.inference import SMALL_SAMPLE
from impact.core.ledger import Ledger
from impact.core.panel import Panel
from impact.core.registry import METHODS
from impact.core.tidy import COUNT_COLUMNS
from impact.design.match import MatchResult, match
from impact.diagnose.check import CheckResult, check
from impact.estimate.att import att
from impact.estimate.effect import EffectResult
from impact.estimate.regress import regress
from impact.report.receive import Received
from impact.report.study import OutcomeSection, Study, default_family
from impact.report.study_value import budget_costs, price_base_of
from impact.value.cost_effectiveness import ValueResult, cost_effectiveness
from impact.value.costs import TOTAL


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeEffects:
    """The three estimates of one outcome, and the check of the group-time one."""

    outcome: OutcomeSection
    regression: EffectResult
    matched: EffectResult
    group_time: EffectResult
    pretrends: CheckResult
    ledger: Ledger
    other_errors: tuple[EffectResult, ...] = ()
    control: str = "never"
    base_period: str = "varying"
    further: tuple[EffectResult, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """Everything that the annex of an evaluation prints."""

    panel: Panel
    match: MatchResult
    effects: tuple[OutcomeEffects, ...]
    value: ValueResult | None

    def estimates(self) -> pd.DataFrame:
        """Every estimate in canonical columns, with its method, outcome, label and factor."""
        parts = []
        for one in self.effects:
            for same in one.other_errors:
                parts.append(_labelled(same, "fixed effects, other standard errors"))
            for effect in (one.regression, one.matched, one.group_time, *one.further):
                parts.append(_labelled(effect, effect.method))
                if effect is not one.regression:
                    for kind in ("overall", "event"):
                        parts.append(_labelled(effect.aggregate(kind), f"{effect.method}, {kind}"))
        table = pd.concat(parts, ignore_index=True)
        counts = [c for c in (*COUNT_COLUMNS, "cohort", "time", "event_time") if c in table]
        return table.astype(dict.fromkeys(counts, "Int64"))

    def ledgers(self) -> list[Ledger]:
        """Rows used by each outcome's regression, and firms through the match."""
        return [*(one.ledger for one in self.effects), self.match.ledger]


def _labelled(effect: EffectResult, method: str) -> pd.DataFrame:
    return effect.tidy().assign(
        outcome=effect.outcome,
        method=method,
        label=f"{effect.estimand} on {effect.label}",
        small_sample=effect.small_sample,
    )


def analyse(received: Received) -> Analysis:
    """Run the design, then the effects, then the checks, then the value of a study of firms.

    Raises
    ------
    ImpactError
        From the stage that cannot answer.
    """
    study, panel = received.study, received.panel
    if panel is None or study.match is None:
        raise StudyError(f"The study {study.study.name!r} has no firms to analyse.")
    matched = match(panel, **study.match.arguments(study.study.seed))
    effects = tuple(_effects(study, panel, matched, outcome) for outcome in study.outcome)
    value = _value(received, panel)
    return Analysis(panel, matched, effects, value)


def _effects(
    study: Study, panel: Panel, matched: MatchResult, outcome: OutcomeSection
) -> OutcomeEffects:
    level, seed = study.study.conf_level, study.study.seed
    r = study.regress
    assert r is not None
    terms = [*r.terms, *outcome.controls]
    regression = regress(
        f"{outcome.name} ~ {' + '.join(terms)} | {' + '.join(r.fixed_effects)}",
        panel,
        family=outcome.model,
        cluster=r.cluster,
        small_sample=r.small_sample,
        conf_level=level,
    )
    lost = [term for term in r.terms if term not in set(regression.tidy()["term"])]
    if lost:
        raise StudyError(
            f"The regression of {outcome.label} has no estimate for {', '.join(lost)}, which the study asks for: {' '.join(regression.notes)}"
        )
    others = _other_errors(study, panel, outcome)
    compared = att(
        matched,
        outcome.name,
        method="matched_did",
        family=outcome.model,
        conf_level=level,
        seed=seed,
    )
    groups = _group_time(study, panel, outcome.name, outcome.model)
    further = tuple(_further(study, panel, outcome, name) for name in outcome.estimators)
    used = [outcome.name, *terms, *r.fixed_effects, r.cluster]
    return OutcomeEffects(
        outcome, regression, compared, groups, check(groups, ["pretrends"]),
        _sample_ledger(panel, outcome, used),
        others,
        study.group_time.control if study.group_time else "never",
        study.group_time.base_period if study.group_time else "varying",
        further,
    )  # fmt: skip


def _further(study: Study, panel: Panel, outcome: OutcomeSection, method: str) -> EffectResult:
    """Another estimator of the same effect; one that compares levels only keeps to them."""
    level, seed = study.study.conf_level, study.study.seed
    takes = next(m.families for m in METHODS.of("att") if m.name == method)
    family = outcome.model if outcome.model in takes else "gaussian"
    return att(panel, outcome.name, method=method, family=family, conf_level=level, seed=seed)


def _other_errors(study: Study, panel: Panel, outcome: OutcomeSection) -> tuple[EffectResult, ...]:
    """The same regression with the standard errors that other packages print, for comparison."""
    r = study.regress
    assert r is not None
    formula = f"{outcome.name} ~ {' + '.join([*r.terms, *outcome.controls])} | " + " + ".join(
        r.fixed_effects
    )
    level = study.study.conf_level
    classical = regress(formula, panel, family=outcome.model, conf_level=level)
    factors = [name for name in SMALL_SAMPLE if name not in (r.small_sample, "none")]
    clustered = [
        regress(
            formula,
            panel,
            family=outcome.model,
            cluster=r.cluster,
            small_sample=name,
            conf_level=level,
        )
        for name in factors
    ]
    return (classical, *clustered)


def _group_time(study: Study, panel: Panel, outcome: str, family: str) -> EffectResult:
    g = study.group_time
    assert g is not None
    return att(
        panel,
        outcome,
        method="group_time",
        family=family,
        conf_level=study.study.conf_level,
        seed=study.study.seed,
        control=g.control,
        base_period=g.base_period,
        anticipation=g.anticipation,
        unbalanced=g.unbalanced,
    )


def _sample_ledger(panel: Panel, outcome: OutcomeSection, used: list[str]) -> Ledger:
    """Rows of the panel that an outcome's regression uses, the others by the column they lack."""
    left = panel.data
    ledger = Ledger.opened(f"sample: {outcome.label}", len(left), int(left[panel.unit].nunique()))
    for column in dict.fromkeys(used):
        keep = left[left[column].notna()]
        if len(keep) < len(left):
            reason = f"{panel.label(column)} missing"
            ledger = ledger.dropped(reason, len(left) - len(keep), int(keep[panel.unit].nunique()))
        left = keep
    return ledger


def _value(received: Received, panel: Panel) -> ValueResult | None:
    """What the declared outcomes cost, over the participants of the roster."""
    study = received.study
    v = study.value
    if v is None:
        return None
    models = {outcome.name: outcome.model for outcome in study.outcome}
    effects = {
        name: _group_time(study, panel, column, models.get(column) or default_family(column))
        for name, column in v.columns.items()
    }
    participants = _participants(panel, effects)
    costs = _costs(received, participants)
    sources = sorted({str(source) for source in costs["source_of_funds"]})
    base_year = (
        study.money.base_year if study.money is not None and study.budget is not None else None
    )
    return cost_effectiveness(
        effects if v.outcomes else effects[""],
        costs,
        denominator=v.denominator
        if v.denominator is not None
        else sources
        if study.cost
        else TOTAL,
        participants=participants,
        price_base=price_base_of(v.columns, base_year),
        seed=study.study.seed,
        **v.arguments(),
    )


def _participants(panel: Panel, effects: Mapping[str, EffectResult]) -> dict[int, int]:
    """Participants of the roster in the cohorts that have an effect.

    Firms that joined before the data begin have no year before joining: no effect, so no cost either.
    """
    cohorts = {int(g) for effect in effects.values() for g in effect.tidy()["cohort"]}
    joined = panel.unit_cohort().dropna().astype("int64")
    joined = joined[joined.isin(cohorts)].value_counts().sort_index()
    return {int(g): int(n) for g, n in joined.items()}


def _costs(received: Received, participants: Mapping[int, int]) -> pd.DataFrame:
    """The lines of `[[cost]]`, one for each cohort; or what the budget says was disbursed."""
    study = received.study
    assert study.value is not None
    if not study.cost:
        assert received.intake is not None and received.intake.budget is not None
        return budget_costs(received.intake.budget.lines, study.value)
    return pd.DataFrame(
        [
            {
                "item": c.item,
                "year": year,
                "amount": c.amount_per_participant * count,
                "currency": c.currency,
                "source_of_funds": c.source_of_funds,
                "assumed": c.assumed,
            }
            for c in study.cost
            for year, count in participants.items()
        ]
    )
