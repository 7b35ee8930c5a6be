"""The verbs whose queries no study runs, on Spark as on DuckDB. Skips where Java or pyspark is absent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.engines.relations import Relations, open_relations

pytestmark = pytest.mark.skipif(
    shutil.which("java") is None or find_spec("pyspark") is None, reason="no Java, or no pyspark"
)


def rows(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame({
        "firm_id": rng.integers(0, 12, n), "year": rng.integers(2008, 2014, n), "month": rng.integers(1, 13, n),
        "product": rng.choice(list("abcde"), n), "destination": rng.choice(["DE", "FR", "US", "XX"], n), "value": rng.lognormal(5, 1, n).round(2),
    })  # fmt: skip


def every_table(shipments: impact.Shipments) -> dict[str, pd.DataFrame]:
    spread = impact.diversification(shipments, look_back=1, home=["FR", "PE"])
    margins = impact.margins(shipments)
    return {
        "measures": spread.data,
        "changes": spread.changes,
        "firm growth": margins.firm_growth,
        "dynamics": impact.dynamics(shipments).tidy(),
        "growth": margins.growth,
        "first_years": impact.first_years(shipments).data,
        "discoveries": impact.discoveries(
            shipments, look_back=1, followers_within=1, threshold=300.0
        ),
        "spells": impact.spells(shipments, level="pair", gap=1).data,
    }


def test_the_verbs_give_equal_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    shipments = impact.shipments(rows())
    duck = every_table(shipments)

    @contextmanager
    def on_spark(engine: str = "duckdb", **given: Any) -> Iterator[Relations]:
        with open_relations("spark", threads=2) as relations:
            yield relations

    monkeypatch.setattr("impact.outcomes.shipments.open_relations", on_spark)
    spark = every_table(shipments)
    for name, table in duck.items():
        assert len(table) > 0, name
        pd.testing.assert_frame_equal(table, spark[name], rtol=1e-12, atol=1e-12, check_dtype=False)
