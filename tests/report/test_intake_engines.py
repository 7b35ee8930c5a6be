"""DuckDB and Spark run the same queries and give equal panels. Skips where Java or pyspark is absent."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import duckdb
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
    assert rows_of(duck) == rows_of(spark)
    assert duck.ledgers == spark.ledgers
    assert any(line.rows for x in duck.ledgers for line in x.lines if "corrections" in line.reason)
    assert any("famil" in str(n) for n in duck.notices)
    assert [str(n) for n in duck.notices] == [str(n) for n in spark.notices]
    assert duck.intake is not None and spark.intake is not None
    assert duck.intake.states is not None and spark.intake.states is not None
    assert duck.intake.states.equals(spark.intake.states)
    assert duck.intake.linkage is not None and spark.intake.linkage is not None
    assert duck.intake.linkage.table.equals(spark.intake.linkage.table)


def spoil(file: Path) -> None:
    """Add corrections: one that takes a whole shipment back, one that takes part of it."""
    import gzip

    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    for number in (1, 2):
        cells = lines[number].split(",")
        cells[4] = f"-{cells[4]}" if number == 1 else "-0.01"
        lines.append(",".join(cells))
    file.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
