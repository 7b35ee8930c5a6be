"""Firms go through in parts that fit into memory: with parts of a few rows, every number is the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact


def tables(shipments: impact.Shipments) -> dict[str, pd.DataFrame]:
    spread = impact.diversification(shipments)
    return {
        "measures": spread.data,
        "changes": spread.changes,
        "entry": impact.entry(shipments, level="pair", look_back=2).data,
        "growth": impact.margins(shipments).growth,
        "spells": impact.spells(shipments, level="product", gap=1).data,
        "firm spells": impact.spells(shipments).data,
    }


def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    n = 500
    rows = pd.DataFrame({
        "firm_id": rng.integers(0, 25, n), "year": rng.integers(2008, 2014, n), "month": rng.integers(1, 13, n),
        "product": rng.choice(list("abcde"), n), "destination": rng.choice(["DE", "FR", "US"], n), "value": rng.lognormal(5, 1, n).round(2),
    })  # fmt: skip
    shipments = impact.shipments(rows)
    whole = tables(shipments)
    monkeypatch.setattr("impact.outcomes.line_years._ROWS_A_PART", 60)
    monkeypatch.setattr("impact.outcomes.line_years._FIRM_YEARS_A_PART", 20)
    parts = tables(shipments)
    for name, table in whole.items():
        pd.testing.assert_frame_equal(table, parts[name], check_exact=True)
