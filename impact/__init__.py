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
    from impact.core.panel import Panel, panel
    from impact.design.match import MatchResult, match
    from impact.diagnose.check import CheckResult, check
    from impact.estimate.att import att
    from impact.estimate.effect import EffectResult
    from impact.estimate.regress import regress
    from impact.outcomes.entry import entry, export_survival
    from impact.outcomes.shipments import Shipments, shipments
    from impact.report.receive import Received, receive
    from impact.value.cost_effectiveness import ValueResult, cost_effectiveness
    from impact.value.ratio import RatioResult, ratio

__version__ = "0.1.0"

_WHERE = {
    "AuditResult": "impact.claims.audit",
    "CheckResult": "impact.diagnose.check",
    "DataError": "impact.core.errors",
    "DesignError": "impact.core.errors",
    "EffectResult": "impact.estimate.effect",
    "EstimationError": "impact.core.errors",
    "Fault": "impact.core.errors",
    "ImpactError": "impact.core.errors",
    "MatchResult": "impact.design.match",
    "MissingEngine": "impact.core.errors",
    "Panel": "impact.core.panel",
    "RatioResult": "impact.value.ratio",
    "Received": "impact.report.receive",
    "ReportError": "impact.core.errors",
    "Shipments": "impact.outcomes.shipments",
    "StudyError": "impact.core.errors",
    "ValueResult": "impact.value.cost_effectiveness",
    "att": "impact.estimate.att",
    "audit": "impact.claims.audit",
    "check": "impact.diagnose.check",
    "cost_effectiveness": "impact.value.cost_effectiveness",
    "entry": "impact.outcomes.entry",
    "export_survival": "impact.outcomes.entry",
    "match": "impact.design.match",
    "methods": "impact.catalogue",
    "panel": "impact.core.panel",
    "ratio": "impact.value.ratio",
    "receive": "impact.report.receive",
    "regress": "impact.estimate.regress",
    "shipments": "impact.outcomes.shipments",
}

__all__ = [
    "AuditResult",
    "CheckResult",
    "DataError",
    "DesignError",
    "EffectResult",
    "EstimationError",
    "Fault",
    "ImpactError",
    "MatchResult",
    "MissingEngine",
    "Panel",
    "RatioResult",
    "Received",
    "ReportError",
    "Shipments",
    "StudyError",
    "ValueResult",
    "att",
    "audit",
    "check",
    "cost_effectiveness",
    "entry",
    "export_survival",
    "match",
    "methods",
    "panel",
    "ratio",
    "receive",
    "regress",
    "shipments",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'impact' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
