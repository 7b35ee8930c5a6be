"""DuckDB and Spark run the same queries and give equal panels. Skips where Java or pyspark is absent."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from impact.report.receive import Received, receive

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    shutil.which("java") is None or find_spec("pyspark") is None, reason="no Java, or no pyspark"
)


def rows_of(received: Received) -> tuple[list[tuple[str, str]], list[tuple[object, ...]]]:
    """Columns with their types, and rows, of the Parquet panel."""
    assert received.intake is not None and received.intake.parquet is not None
    with duckdb.connect() as con:
        path = received.intake.parquet
        types = con.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
        rows = con.execute(f"SELECT * FROM '{path}' ORDER BY firm_id, year").fetchall()
    return [(t[0], t[1]) for t in types], rows


def with_engine(folder: Path, engine: str) -> Path:
    """The example with deliveries, on an engine, with a concordance that puts two codes into one."""
    home = folder / engine / "reports" / "andes"
    home.mkdir(parents=True)
    shutil.copytree(ROOT / "data_raw" / "andes", folder / engine / "data_raw" / "andes")
    text = (ROOT / "reports" / "andes" / "study.toml").read_text("utf-8")
    text = text.replace('negative = "net"', 'negative = "net"\nconcordance = "concordance.csv"')
    text = text.replace("first_year = 2008", f'first_year = 2008\nengine = "{engine}"', 1)
    (home / "concordance.csv").write_text("from_code,to_code\n090121,090111\n620462,620342\n")
    (home / "study.toml").write_text(text, "utf-8")
    return home / "study.toml"


def test_both_engines_give_equal_panels_ledgers_and_tables(tmp_path: Path) -> None:
    # Corrections and a concordance take the ways that clean files do not.
    made = {}
    for engine in ("duckdb", "spark"):
        path = with_engine(tmp_path, engine)
        file = path.parents[2] / "data_raw" / "andes" / "customs_2010.csv.gz"
        spoil(file)
        made[engine] = receive(path)
    duck, spark = made["duckdb"], made["spark"]
    equal_but_for_logarithms(rows_of(duck), rows_of(spark))
    assert duck.intake is not None and spark.intake is not None
    for table in ("export_cells", "spells_of_firms", "spells_of_products"):
        one, two = (r.intake.extra[f"{table}.parquet"] for r in (duck, spark))
        pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(two), check_exact=True)
    assert duck.intake.outcomes is not None and spark.intake.outcomes is not None
    pd.testing.assert_frame_equal(duck.intake.outcomes, spark.intake.outcomes, rtol=1e-9)
    assert duck.ledgers == spark.ledgers
    assert any(line.rows for x in duck.ledgers for line in x.lines if "corrections" in line.reason)
    assert any("famil" in str(n) for n in duck.notices)
    assert [str(n) for n in duck.notices] == [str(n) for n in spark.notices]
    assert duck.intake.states is not None and spark.intake.states is not None
    assert duck.intake.states.equals(spark.intake.states)
    assert duck.intake.linkage is not None and spark.intake.linkage is not None
    assert duck.intake.linkage.table.equals(spark.intake.linkage.table)


# What is made with a logarithm, whose last digit depends on the library of the engine; all else is equal.
LOGARITHMS = ("entropy_", "theil_", "ln_")


def equal_but_for_logarithms(
    one: tuple[list[tuple[str, str]], list[tuple[object, ...]]],
    two: tuple[list[tuple[str, str]], list[tuple[object, ...]]],
) -> None:
    assert one[0] == two[0]
    for place, (name, _) in enumerate(one[0]):
        left, right = ([row[place] for row in rows] for rows in (one[1], two[1]))
        if name.startswith(LOGARITHMS):
            pd.testing.assert_series_equal(
                pd.Series(left, dtype="float64"),
                pd.Series(right, dtype="float64"),
                rtol=0,
                atol=1e-12,
            )
        else:
            assert left == right, name


def spoil(file: Path) -> None:
    """Add corrections: one that takes a whole shipment back, one that takes part of it."""
    import gzip

    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    for number in (1, 2):
        cells = lines[number].split(",")
        cells[4] = f"-{cells[4]}" if number == 1 else "-0.01"
        lines.append(",".join(cells))
    file.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
