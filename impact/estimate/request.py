"""What was asked of an estimator, checked against its abilities before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from impact.core.panel import Panel
from impact.design.match import MatchResult

DEFAULT_SEED = 20160516


@dataclass(frozen=True, slots=True)
class AttRequest:
    """The arguments of `impact.att` as an estimator receives them.

    `options` holds only names that the method registered.
    """

    data: Panel | MatchResult
    outcome: str
    method: str
    family: str = "gaussian"
    covariates: tuple[str, ...] = ()
    cluster: str | None = None
    conf_level: float = 0.95
    seed: int = DEFAULT_SEED
    options: Mapping[str, Any] = field(default_factory=dict)
