"""A good claim, changed where a test needs it; made once, so that property tests may use it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from impact.claims.audit import AuditResult, audit

PAIR = {
    "claim_id": "tools",
    "source": "close_out",
    "publisher": "Chamber",
    "phrase": "superada en 205%",
    "subject": "tools",
    "indicator": "firms with tools",
    "unit": "firms",
    "period": "2009-2013",
    "geography": "Andes",
    "programme": "P",
    "kind": "target_vs_achieved",
    "qualifier": "exact",
    "target": 11_600,
    "achieved": 23_810,
    "stated_ratio": 205,
    "stated_as": "per_cent_above_target",
    "stated_decimals": 0,
}
NO_RATIO = {"stated_ratio": None, "stated_as": "", "stated_decimals": None}


CLAIMS = Path(__file__).resolve().parents[2] / "data_raw" / "al_invest" / "claims.csv"


@pytest.fixture(scope="session")
def published():
    """The audit of the five published texts."""
    return audit(CLAIMS)


@pytest.fixture(scope="session")
def pair():
    """A target with its achievement and a stated percentage."""

    def make(**changes: Any) -> dict[str, Any]:
        return {**PAIR, **changes}

    return make


@pytest.fixture(scope="session")
def fact():
    """One figure without a target."""

    def make(claim_id: str, achieved: float | None, **changes: Any) -> dict[str, Any]:
        row = {**PAIR, **NO_RATIO, "kind": "achievement", "target": None}
        return {**row, "claim_id": claim_id, "achieved": achieved, **changes}

    return make


@pytest.fixture(scope="session")
def share():
    """A percentage of a whole."""

    def make(claim_id: str, ratio: float, **changes: Any) -> dict[str, Any]:
        row = {**PAIR, "kind": "achievement", "target": None, "achieved": None}
        row |= {"stated_ratio": ratio, "stated_as": "per_cent_of", "unit": "per cent"}
        return {**row, "claim_id": claim_id, **changes}

    return make


@pytest.fixture(scope="session")
def audited():
    """The audit of some rows."""

    def run(*rows: dict[str, Any], **options: Any) -> AuditResult:
        return audit(pd.DataFrame(list(rows)), **options)

    return run


@pytest.fixture(scope="session")
def verdicts(audited):
    """What one rule says of each claim it reaches."""

    def run(rule: str, *rows: dict[str, Any], **options: Any) -> dict[str, str]:
        table = audited(*rows, **options).tidy()
        return dict(table.loc[table["rule"] == rule, ["claim_id", "verdict"]].to_numpy().tolist())

    return run
