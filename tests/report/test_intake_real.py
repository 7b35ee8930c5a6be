"""Real files through the intake: European trade as shipments, an Ecuadorian firm survey as register."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from impact.report.receive import Received, receive

SHARED = Path(__file__).parents[3] / "shared" / "data"
TRADE = SHARED / "eurostat_eu15_trade_2007_2016" / "trade.csv.gz"
ECUADOR = SHARED / "ecuador_enai_2012_2014"


def panel_of(received: Received) -> pd.DataFrame:
    assert received.intake is not None and received.intake.parquet is not None
    with duckdb.connect() as con:
        return con.execute(f"SELECT * FROM '{received.intake.parquet}'").df()


def trade_study(folder: Path, engine: str = "duckdb") -> Path:
    """Origins as exporters; the file is read where it lies."""
    (folder / "study.toml").write_text(
        f"""
[study]
name = "trade"
title = "Trade within the EU 15"
programme = "none"
source = "Eurostat"
first_year = 2007
last_year = 2016
engine = "{engine}"
[customs]
files = ["{TRADE}"]
classification = "other"
currency = "EUR"
[customs.columns]
firm_id = "origin"
value = "value_eur"
""",
        "utf-8",
    )
    return folder / "study.toml"


@pytest.mark.skipif(not TRADE.exists(), reason="the European trade file is not here")
class TestTrade:
    def test_agrees_with_a_plain_twin(self, tmp_path: Path) -> None:
        received = receive(trade_study(tmp_path))
        made = panel_of(received).set_index(["firm_id", "year"]).sort_index()
        with gzip.open(TRADE) as file:
            rows = pd.read_csv(file, dtype={"product": "str"}, keep_default_na=False)
        twin = {}
        for key, part in rows.groupby(["origin", "year"]):
            total = part["value_eur"].sum()
            line = {"exports_eur": total, "pairs": len(part), "shipments": len(part)}
            for what in ("product", "destination"):
                sums = part.groupby(what)["value_eur"].sum()
                line[f"{what}s"] = len(sums)
                line[f"hhi_{what}s"] = float(((sums / total) ** 2).sum())
            line["hhi_pairs"] = float(((part["value_eur"] / total) ** 2).sum())
            twin[key] = line
        expected = pd.DataFrame.from_dict(twin, orient="index").sort_index()
        assert len(made) == len(expected) == 150
        assert (made["state"] == "active_exporter").all()
        for column in expected:
            np.testing.assert_allclose(made[column].astype(float), expected[column], rtol=1e-12)

    def test_every_euro_is_used(self, tmp_path: Path) -> None:
        (ledger,) = receive(trade_study(tmp_path)).ledgers
        with gzip.open(TRADE) as file:
            total = sum(int(line.split(b",")[4]) for line in list(file)[1:])
        assert (ledger.rows_in, ledger.rows_used) == (38325, 38325)
        assert ledger.cents_in == ledger.cents_used == 100 * total

    def test_coverage_raises_no_alarm(self, tmp_path: Path) -> None:
        assert not [
            n for n in receive(trade_study(tmp_path)).notices if "not to be trusted" in str(n)
        ]


@pytest.mark.skipif(not ECUADOR.exists(), reason="the Ecuadorian survey is not here")
def test_ecuador_firms_that_were_not_alive_are_no_nonexporters(tmp_path: Path) -> None:
    firms = pd.read_csv(ECUADOR / "firms.csv", dtype="str", keep_default_na=False)
    panel = pd.read_csv(ECUADOR / "panel.csv", dtype="str", keep_default_na=False)
    merged = panel.merge(
        firms[["firm_id", "start_year", "isic4_section", "province"]], on="firm_id"
    )
    merged.to_csv(tmp_path / "register.csv", index=False)
    used = firms[firms["export_promotion_status"] == "used"]
    used[["firm_id"]].assign(joined="2013").to_csv(tmp_path / "roster.csv", index=False)
    years = "".join(f"USD,{y},1.3\n" for y in (2012, 2013, 2014))
    (tmp_path / "rates.csv").write_text("currency,year,rate\n" + years)
    (tmp_path / "study.toml").write_text(
        """
[study]
name = "ecuador"
title = "Export promotion in Ecuador"
programme = "export promotion"
source = "INEC"
first_year = 2012
last_year = 2014
[register]
file = "register.csv"
employment = "headcount"
currency = "USD"
active_needs = "staff_and_sales"
[register.columns]
sales = "sales_usd"
exports = "exports_usd"
birth_year = "start_year"
sector = "isic4_section"
region = "province"
[roster]
file = "roster.csv"
[money]
rates = "rates.csv"
quoted = "currency_per_euro"
"""
    )
    received = receive(tmp_path / "study.toml")
    made = panel_of(received)
    number = merged.astype({"year": int, "employees": float, "sales_usd": float, "exports_usd": float, "start_year": int})  # fmt: skip
    first = number[number["year"] == 2012].set_index("firm_id")
    alive = (first["employees"] > 0) & (first["sales_usd"] > 0) & (first["start_year"] <= 2012)
    state = made[made["year"] == 2012].set_index("firm_id")["state"]
    exporting = first["exports_usd"] > 0
    assert (state[exporting.index[exporting]] == "active_exporter").all()
    silent = first.index[~exporting & alive]
    assert (state[silent] == "active_nonexporter").all()
    assert (state[first.index[~exporting & ~alive]] == "inactive").all()
    assert len(silent) < (~exporting).sum()  # counting the dead as non-exporters would give more
    total = (number["exports_usd"] / 1.3).sum()
    assert made["exports_eur"].sum() == pytest.approx(total, rel=1e-9)
    assert received.intake is not None and received.intake.linkage is not None
    assert made.loc[made["joined"].notna(), "firm_id"].nunique() == 59
