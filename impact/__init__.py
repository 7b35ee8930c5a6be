"""Did a programme that helps small firms to trade change what they export, and what did a euro buy?

Every public name is listed here and loaded when it is first used, so that `import impact` and
`impact --help` cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impact.catalogue import methods
    from impact.claims.audit import AuditResult, audit
    from impact.core.errors import (
        DataError,
        DesignError,
        EstimationError,
        Fault,
        ImpactError,
        MissingEngine,
        ReportError,
        StudyError,
    )
    from impact.core.money import Money
    from impact.core.panel import Panel, panel
    from impact.core.rate_tables import DeflatorTable, RateTable
    from impact.design.match import MatchResult, match
    from impact.diagnose.check import CheckResult, check
    from impact.estimate.att import att
    from impact.estimate.bacon import BaconResult, bacon
    from impact.estimate.effect import EffectResult
    from impact.estimate.panel_models import HausmanResult, hausman, panel_model
    from impact.estimate.randomization import RandomizationResult, randomization_test
    from impact.estimate.regress import regress
    from impact.estimate.synthetic_weights import SyntheticWeights, synthetic_weights
    from impact.estimate.wild_bootstrap import wild_bootstrap
    from impact.estimate.wild_result import BootstrapResult
    from impact.outcomes.anniversary import FirstYears, first_years
    from impact.outcomes.discoveries import discoveries
    from impact.outcomes.diversification import Diversification, diversification
    from impact.outcomes.dynamics import DynamicsResult, dynamics
    from impact.outcomes.entry import entry, export_survival
    from impact.outcomes.functional_form import FormResult, functional_form
    from impact.outcomes.jobs import JobsResult, jobs
    from impact.outcomes.margins import Margins, margins
    from impact.outcomes.shipments import Shipments, shipments
    from impact.outcomes.spells import SpellTable, spells
    from impact.read.ecb_rates import ecb_rates
    from impact.report.receive import Received, receive
    from impact.value.additionality import (
        Additionality,
        AdditionalityResult,
        additionality,
    )
    from impact.value.benchmarks import benchmarks
    from impact.value.cost_effectiveness import ValueResult, cost_effectiveness
    from impact.value.deadweight import ImpliedDeadweight, implied_deadweight
    from impact.value.discounting import internal_rate_of_return, net_present_value
    from impact.value.poisson_total import poisson_total
    from impact.value.ratio import RatioResult, ratio
    from impact.value.resampled import bootstrap_value
    from impact.value.shared_costs import share_costs

__version__ = "0.1.0"

_WHERE = {
    "Additionality": "impact.value.additionality",
    "AdditionalityResult": "impact.value.additionality",
    "AuditResult": "impact.claims.audit",
    "BaconResult": "impact.estimate.bacon",
    "BootstrapResult": "impact.estimate.wild_result",
    "CheckResult": "impact.diagnose.check",
    "DataError": "impact.core.errors",
    "DeflatorTable": "impact.core.rate_tables",
    "DesignError": "impact.core.errors",
    "Diversification": "impact.outcomes.diversification",
    "DynamicsResult": "impact.outcomes.dynamics",
    "EffectResult": "impact.estimate.effect",
    "EstimationError": "impact.core.errors",
    "Fault": "impact.core.errors",
    "FirstYears": "impact.outcomes.anniversary",
    "FormResult": "impact.outcomes.functional_form",
    "HausmanResult": "impact.estimate.panel_models",
    "ImpactError": "impact.core.errors",
    "ImpliedDeadweight": "impact.value.deadweight",
    "JobsResult": "impact.outcomes.jobs",
    "Margins": "impact.outcomes.margins",
    "MatchResult": "impact.design.match",
    "MissingEngine": "impact.core.errors",
    "Money": "impact.core.money",
    "Panel": "impact.core.panel",
    "RandomizationResult": "impact.estimate.randomization",
    "RateTable": "impact.core.rate_tables",
    "RatioResult": "impact.value.ratio",
    "Received": "impact.report.receive",
    "ReportError": "impact.core.errors",
    "Shipments": "impact.outcomes.shipments",
    "SpellTable": "impact.outcomes.spells",
    "StudyError": "impact.core.errors",
    "SyntheticWeights": "impact.estimate.synthetic_weights",
    "ValueResult": "impact.value.cost_effectiveness",
    "additionality": "impact.value.additionality",
    "att": "impact.estimate.att",
    "audit": "impact.claims.audit",
    "bacon": "impact.estimate.bacon",
    "benchmarks": "impact.value.benchmarks",
    "bootstrap_value": "impact.value.resampled",
    "check": "impact.diagnose.check",
    "cost_effectiveness": "impact.value.cost_effectiveness",
    "discoveries": "impact.outcomes.discoveries",
    "diversification": "impact.outcomes.diversification",
    "dynamics": "impact.outcomes.dynamics",
    "ecb_rates": "impact.read.ecb_rates",
    "entry": "impact.outcomes.entry",
    "export_survival": "impact.outcomes.entry",
    "first_years": "impact.outcomes.anniversary",
    "functional_form": "impact.outcomes.functional_form",
    "hausman": "impact.estimate.panel_models",
    "implied_deadweight": "impact.value.deadweight",
    "internal_rate_of_return": "impact.value.discounting",
    "jobs": "impact.outcomes.jobs",
    "margins": "impact.outcomes.margins",
    "match": "impact.design.match",
    "methods": "impact.catalogue",
    "net_present_value": "impact.value.discounting",
    "panel": "impact.core.panel",
    "panel_model": "impact.estimate.panel_models",
    "poisson_total": "impact.value.poisson_total",
    "randomization_test": "impact.estimate.randomization",
    "ratio": "impact.value.ratio",
    "receive": "impact.report.receive",
    "regress": "impact.estimate.regress",
    "share_costs": "impact.value.shared_costs",
    "shipments": "impact.outcomes.shipments",
    "spells": "impact.outcomes.spells",
    "synthetic_weights": "impact.estimate.synthetic_weights",
    "wild_bootstrap": "impact.estimate.wild_bootstrap",
}

__all__ = [
    "Additionality",
    "AdditionalityResult",
    "AuditResult",
    "BaconResult",
    "BootstrapResult",
    "CheckResult",
    "DataError",
    "DeflatorTable",
    "DesignError",
    "Diversification",
    "DynamicsResult",
    "EffectResult",
    "EstimationError",
    "Fault",
    "FirstYears",
    "FormResult",
    "HausmanResult",
    "ImpactError",
    "ImpliedDeadweight",
    "JobsResult",
    "Margins",
    "MatchResult",
    "MissingEngine",
    "Money",
    "Panel",
    "RandomizationResult",
    "RateTable",
    "RatioResult",
    "Received",
    "ReportError",
    "Shipments",
    "SpellTable",
    "StudyError",
    "SyntheticWeights",
    "ValueResult",
    "additionality",
    "att",
    "audit",
    "bacon",
    "benchmarks",
    "bootstrap_value",
    "check",
    "cost_effectiveness",
    "discoveries",
    "diversification",
    "dynamics",
    "ecb_rates",
    "entry",
    "export_survival",
    "first_years",
    "functional_form",
    "hausman",
    "implied_deadweight",
    "internal_rate_of_return",
    "jobs",
    "margins",
    "match",
    "methods",
    "net_present_value",
    "panel",
    "panel_model",
    "poisson_total",
    "randomization_test",
    "ratio",
    "receive",
    "regress",
    "share_costs",
    "shipments",
    "spells",
    "synthetic_weights",
    "wild_bootstrap",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'impact' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
