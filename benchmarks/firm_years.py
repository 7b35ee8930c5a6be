"""Shipments to firm-years: the intake against the bare query, pandas and Polars, in one run on one machine.

Each contender runs in a process of its own and gives the same columns of the same Parquet file: value, shipments, products,
destinations, pairs, three concentration indices, first and last month. The intake also reads every code against its contract,
converts dollars to euros row by row, closes the ledger to the cent and writes the panel. `python benchmarks/firm_years.py
[million shipments ...]`; needs polars for its line.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SIZES = (2, 10, 50)
CONTENDERS = ("bare", "intake", "pandas", "polars")
MEMORY = "1GB"

STUDY = """
[study]
name = "benchmark"
title = "Benchmark"
programme = "none"
source = "simulated"
first_year = 2010
last_year = 2019
max_memory = "1GB"
[customs]
files = ["shipments.parquet"]
[money]
rates = "rates.csv"
quoted = "currency_per_euro"
"""


def draw(folder: Path, millions: int) -> None:
    """Write shipments of a country whose number of firms grows with its number of shipments."""
    import duckdb

    firms = 8_000 * millions
    con = duckdb.connect(
        config={"threads": 2, "memory_limit": "4GB", "temp_directory": str(folder / "spill")}
    )
    con.execute("SELECT setseed(0.5)")
    con.execute(
        f"""COPY (
        SELECT printf('%09d', firm) AS firm_id,
          CAST(date_add(DATE '2010-01-01', to_days(CAST(day AS INT))) AS DATE) AS date,
          printf('%06d', 10000 + (abs(hash(firm * 7919 + pk)) % 5000) * 17) AS product,
          list_extract(['DEU','FRA','USA','ESP','ITA','BRA','ARG','CHL','COL','ECU','MEX','NAM','CHN','JPN',
            'GBR','PRT','NLD','BEL','CAN','URY','PRY','BOL','VEN','PAN','CRI','GTM','HND','SLV','NIC','DOM'],
            CAST(1 + abs(hash(firm * 31 + dk)) % 30 AS INT)) AS destination,
          CAST(round(exp(7 + 2 * z), 2) AS DECIMAL(18,2)) AS value, 'USD' AS currency
        FROM (SELECT CAST(floor({firms} * power(random(), 3)) AS BIGINT) AS firm, floor(random() * 3652) AS day,
          CAST(floor(12 * power(random(), 2)) AS BIGINT) AS pk, CAST(floor(6 * power(random(), 2)) AS BIGINT) AS dk,
          sqrt(-2 * ln(random() + 1e-12)) * cos(6.283185 * random()) AS z FROM range({millions * 1_000_000}))
        ) TO '{folder / "shipments.parquet"}' (FORMAT parquet)"""
    )
    rates = "".join(f"USD,{y},{1.1 + (y - 2010) / 100:.4f}\n" for y in range(2010, 2020))
    (folder / "rates.csv").write_text("currency,year,rate\n" + rates)
    (folder / "study.toml").write_text(STUDY)


def bare(folder: Path) -> None:
    """The aggregate as it would be typed into DuckDB, without a check, a ledger or a conversion."""
    import duckdb

    con = duckdb.connect(
        config={"threads": 2, "memory_limit": MEMORY, "temp_directory": str(folder / "spill")}
    )
    con.execute("SET preserve_insertion_order = false")
    con.execute(
        f"""COPY (
        WITH cells AS (SELECT firm_id, year(date) AS year, product, destination, sum(value) AS v, count(*) AS n,
            min(month(date)) AS m0, max(month(date)) AS m1
          FROM '{folder / "shipments.parquet"}' GROUP BY ALL),
        p AS (SELECT firm_id, year, product, sum(v) AS v, sum(n) AS n, min(m0) AS m0, max(m1) AS m1,
            count(*) AS pairs, sum(v::DOUBLE * v::DOUBLE) AS vv FROM cells GROUP BY ALL),
        d AS (SELECT firm_id, year, destination, sum(v) AS v FROM cells GROUP BY ALL),
        fp AS (SELECT firm_id, year, sum(v) AS value, sum(n) AS shipments, count(*) AS products,
            sum(pairs) AS pairs, sum(v::DOUBLE * v::DOUBLE) / sum(v)::DOUBLE ^ 2 AS hhi_products,
            sum(vv) / sum(v)::DOUBLE ^ 2 AS hhi_pairs, min(m0) AS first_month, max(m1) AS last_month
          FROM p GROUP BY ALL),
        fd AS (SELECT firm_id, year, count(*) AS destinations,
            sum(v::DOUBLE * v::DOUBLE) / sum(v)::DOUBLE ^ 2 AS hhi_destinations FROM d GROUP BY ALL)
        SELECT * FROM fp JOIN fd USING (firm_id, year)
        ) TO '{folder / "bare.parquet"}' (FORMAT parquet)"""
    )


def intake(folder: Path) -> None:
    """The whole intake, as `impact check` does it."""
    from impact.report.intake import take_in
    from impact.report.study import read_study

    study, faults = read_study(folder / "study.toml")
    assert study is not None and not faults, faults
    found = take_in(study, folder, columns=[])
    assert not found.faults, found.faults[:3]


def pandas(folder: Path) -> None:
    """The same columns by hand in pandas."""
    import pandas as pd

    s = pd.read_parquet(
        folder / "shipments.parquet", columns=["firm_id", "date", "product", "destination", "value"]
    )
    s["value"] = s["value"].astype("float64")
    for column in ("firm_id", "product", "destination"):
        s[column] = s[column].astype("category")
    when = pd.to_datetime(s.pop("date"))
    s["year"], s["month"] = when.dt.year.astype("int16"), when.dt.month.astype("int8")
    del when
    keys = ["firm_id", "year"]
    cells = s.groupby([*keys, "product", "destination"], observed=True, sort=False).agg(
        v=("value", "sum"), n=("value", "size"), m0=("month", "min"), m1=("month", "max")).reset_index()  # fmt: skip
    del s
    cells["vv"] = cells["v"] ** 2
    made = cells.groupby(keys, observed=True, sort=False).agg(
        value=("v", "sum"), shipments=("n", "sum"), pairs=("v", "size"), vv=("vv", "sum"),
        first_month=("m0", "min"), last_month=("m1", "max"))  # fmt: skip
    made["hhi_pairs"] = made.pop("vv") / made["value"] ** 2
    for line in ("product", "destination"):
        by = cells.groupby([*keys, line], observed=True, sort=False)["v"].sum().reset_index()
        by["vv"] = by["v"] ** 2
        part = by.groupby(keys, observed=True, sort=False).agg(n=("v", "size"), vv=("vv", "sum"))
        made[f"{line}s"] = part["n"]
        made[f"hhi_{line}s"] = part["vv"] / made["value"] ** 2
    made.reset_index().to_parquet(folder / "pandas.parquet")


def polars(folder: Path) -> None:
    """The same columns by hand in Polars, streaming where it can."""
    import polars as pl

    keys = ["firm_id", "year"]
    v = pl.col("v")
    cells = (
        pl.scan_parquet(folder / "shipments.parquet")
        .with_columns(pl.col("value").cast(pl.Float64), pl.col("date").dt.year().alias("year"),
                      pl.col("date").dt.month().alias("month"))
        .group_by([*keys, "product", "destination"])
        .agg(pl.col("value").sum().alias("v"), pl.len().alias("n"), pl.col("month").min().alias("m0"),
             pl.col("month").max().alias("m1"))
        .collect(engine="streaming").lazy()
    )  # fmt: skip
    made = cells.group_by(keys).agg(
        v.sum().alias("value"), pl.col("n").sum().alias("shipments"), pl.len().alias("pairs"),
        ((v * v).sum() / v.sum() ** 2).alias("hhi_pairs"), pl.col("m0").min().alias("first_month"),
        pl.col("m1").max().alias("last_month"))  # fmt: skip
    for line in ("product", "destination"):
        part = (cells.group_by([*keys, line]).agg(v.sum()).group_by(keys)
                .agg(pl.len().alias(f"{line}s"), ((v * v).sum() / v.sum() ** 2).alias(f"hhi_{line}s")))  # fmt: skip
        made = made.join(part, on=keys)
    made.collect(engine="streaming").write_parquet(folder / "polars.parquet")


def measure(contender: Callable[[Path], None], folder: Path) -> None:
    """Run one contender in this process; print what it took."""
    start = time.perf_counter()
    contender(folder)
    took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": took, "peak_mb": peak}))


def compare(script: str, contenders: Sequence[str], sizes: Sequence[int]) -> None:
    """Draw each size, run every contender of a script on it, print seconds, ratios and peaks."""
    print(f"{'millions':>8} {'':8} {'seconds':>8} {'x bare':>7} {'x pandas':>9} {'peak MB':>8}")
    for millions in sizes:
        folder = Path(tempfile.mkdtemp(prefix="impact-benchmark-"))
        try:
            draw(folder, millions)
            took: dict[str, dict[str, float]] = {}
            for name in contenders:
                done = subprocess.run([sys.executable, script, "--run", name, str(folder)],
                                      capture_output=True, text=True, check=False)  # fmt: skip
                if done.returncode:
                    print(
                        f"{millions:>8} {name:8} failed: {done.stderr.strip().splitlines()[-1][:80]}"
                    )
                    continue
                took[name] = json.loads(done.stdout.strip().splitlines()[-1])
            for name, line in took.items():
                ratios = [
                    f"{line['seconds'] / took[peer]['seconds']:.2f}" if peer in took else "–"
                    for peer in ("bare", "pandas")
                ]
                print(f"{millions:>8} {name:8} {line['seconds']:>8.1f} {ratios[0]:>7} {ratios[1]:>9} "
                      f"{line['peak_mb']:>8.0f}", flush=True)  # fmt: skip
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        measure(globals()[sys.argv[2]], Path(sys.argv[3]))
    else:
        compare(__file__, CONTENDERS, tuple(int(n) for n in sys.argv[1:]) or SIZES)
