"""DuckDB alone: memory, disk, the scratch folder, the progress bar, the network."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from impact.core.errors import ImpactError, StudyError
from impact.engines.duckdb_relations import DuckRelations
from impact.engines.relations import memory_bytes, open_relations

ROWS = """SELECT n, hash(n) % 3000000 AS firm, 'a text of some length, number ' || n AS text
    FROM (SELECT n FROM range(0, 3000000) AS t(n))"""


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that TMPDIR names."""
    folder = tmp_path / "scratch [1]"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_an_aggregate_larger_than_memory_goes_to_disk(scratch: Path) -> None:
    with open_relations(max_memory="200MB", threads=2) as relations:
        relations.make("rows_made", ROWS)
        relations.make(
            "groups", "SELECT firm, count(*) AS n, max(text) AS text FROM rows_made GROUP BY firm"
        )
        spilled = sum(f.stat().st_size for f in relations.folder.rglob("*") if f.is_file())
        found = relations.frame("SELECT sum(n) AS n, count(*) AS firms FROM groups").iloc[0]
        assert spilled > 50_000_000
    assert int(found["n"]) == 3_000_000
    with open_relations(threads=2) as roomy:
        assert int(found["firms"]) == int(
            roomy.frame(f"SELECT count(DISTINCT firm) AS firms FROM ({ROWS}) AS r")["firms"].iloc[0]
        )
    assert list(scratch.iterdir()) == []


def test_memory_stays_near_its_limit() -> None:
    program = f"""if True:
        import resource
        from impact.engines.relations import open_relations
        with open_relations(max_memory="200MB", threads=2) as relations:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            relations.make("rows_made", {ROWS!r})
            relations.make("groups", "SELECT firm, count(*) AS n, max(text) AS text FROM rows_made GROUP BY firm")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    out = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert int(out.stdout) * 1024 < 300_000_000  # without a limit it takes twice that


def test_memory_that_is_too_small_names_the_setting(scratch: Path) -> None:
    with (
        open_relations(max_memory="2MB", threads=1) as relations,
        pytest.raises(StudyError, match=r"max_memory = 2MB is too small .* raise max_memory"),
    ):
        relations.make("rows_made", ROWS)


def test_a_disk_that_is_too_small_names_the_folder(scratch: Path) -> None:
    with open_relations(max_memory="100MB", threads=2) as relations:
        relations.connection.run("SET max_temp_directory_size = '10MB'", "")  # type: ignore[attr-defined]
        with pytest.raises(StudyError, match=r"disk is too small .* TMPDIR"):
            relations.make(
                "sorted",
                f"SELECT *, row_number() OVER (ORDER BY n % 7919, n) AS place FROM ({ROWS}) r",
            )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_names_the_folder() -> None:
    with open_relations() as relations, pytest.raises(StudyError, match=r"disk is too small"):
        relations.write("SELECT n FROM range(0, 100000) AS t(n)", Path("/dev/full"))


def test_no_scratch_folder_is_left_after_an_error(scratch: Path) -> None:
    def fails() -> None:
        with open_relations(max_memory="100MB") as relations:
            assert relations.folder.parent == scratch
            relations.make("numbers", "SELECT n FROM range(0, 1000) AS t(n)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", ["", "lots", "1", "GB", "-1GB", "1,5GB", "0GB", "10KB", "1GB;", "50%"]
)
def test_a_size_that_is_none_says_what_to_write(scratch: Path, wrong: str) -> None:
    with pytest.raises(StudyError, match=r'Write a number with MB or GB, such as "500MB"'):
        DuckRelations(max_memory=wrong)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("1GB", 10**9),
        ("1.5GiB", 1_610_612_736),
        (" 2 tb ", 2 * 10**12),
        ("2048kib", 2_097_152),
    ],
)
def test_sizes_by_hand(text: str, size: int) -> None:
    assert memory_bytes(text) == size
    with open_relations(max_memory=text) as relations:
        set_to = relations.frame("SELECT current_setting('memory_limit') AS m")["m"].iloc[0]
    number, unit = str(set_to).split()
    assert float(number) * 1024 ** ["KiB", "MiB", "GiB", "TiB"].index(unit) * 1024 == pytest.approx(
        size, rel=0.06
    )


def test_engines_and_threads_that_are_none() -> None:
    with (
        pytest.raises(StudyError, match="no engine 'polars'; choose from duckdb, spark"),
        open_relations("polars"),
    ):
        pass
    with pytest.raises(StudyError, match="threads = 0 is too few"), open_relations(threads=0):
        pass


def test_nothing_is_fetched_from_the_network() -> None:
    with open_relations() as relations:
        for query in (
            "SELECT * FROM read_parquet('https://example.org/x.parquet')",
            "SELECT st_point(1, 2) AS x",
        ):
            with pytest.raises(Exception, match=r"(?i)extension") as caught:
                relations.frame(query)
            assert not isinstance(caught.value, ImpactError)
        settings = relations.frame(
            "SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%known_extensions' ORDER BY name"
        )
        assert list(settings["value"]) == ["false", "false"]


def test_a_variable_of_the_caller_is_no_relation() -> None:
    firms = pd.DataFrame({"firm_id": ["a"]})
    with open_relations() as relations, pytest.raises(Exception, match="firms"):
        relations.frame("SELECT firm_id FROM firms")
    assert len(firms) == 1


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_long_query_shows_a_bar_on_the_error_stream(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from impact.engines import duckdb_connection

    bar = duckdb_connection.progress
    monkeypatch.setattr(duckdb_connection, "progress", lambda *a: bar(*a, after=0.05, every=0.05))
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with open_relations(threads=1) as relations:
        relations.make("rows_made", ROWS)
        relations.make(
            "groups", "SELECT firm, count(*) AS n, max(text) AS text FROM rows_made GROUP BY firm"
        )
    drawn = screen.getvalue().split("\r\x1b[K")
    assert drawn[-1] == "" and any(line.startswith("computing groups [#") for line in drawn)
    said = capfd.readouterr()
    assert said.out == "" and said.err == ""


def test_a_long_query_is_silent_without_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    with open_relations(threads=1) as relations:
        relations.connection.run("SET progress_bar_time = 10", "")  # type: ignore[attr-defined]
        relations.make("rows_made", ROWS)
    assert time.monotonic() - start > 0.05
    said = capfd.readouterr()
    assert said.out == "" and said.err == ""


def test_bytes_of_a_file_do_not_depend_on_threads(tmp_path: Path) -> None:
    def written(threads: int) -> bytes:
        path = tmp_path / f"{threads}.parquet"
        with open_relations(threads=threads) as relations:
            relations.write(
                f"SELECT firm, n, text FROM ({ROWS}) AS r WHERE n < 400000 ORDER BY firm, n", path
            )
        return path.read_bytes()

    assert written(1) == written(3)


def test_an_error_in_our_own_sql_stays_what_it_is() -> None:
    with open_relations() as relations:
        for sql in ("SELECT", "SELECT nothing FROM nowhere", "SELECT 1 AS a, 2 AS a"):
            with pytest.raises(
                Exception, match=r"(?i)pars|nowhere|syntax|select|same name"
            ) as caught:
                relations.make("broken", sql)
            assert not isinstance(caught.value, ImpactError)


def test_a_column_of_nothing_but_null_must_be_cast() -> None:
    with (
        open_relations() as relations,
        pytest.raises(TypeError, match=r"'x' is nothing but NULL: write CAST"),
    ):
        relations.make("nothing", "SELECT NULL AS x")


def test_two_columns_of_a_table_may_not_share_a_name() -> None:
    frame: Any = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with open_relations() as relations, pytest.raises(ValueError, match="same name"):
        relations.put("twice", frame)
