"""Spark that cannot be had: said before anything starts, with what to do. No session is started here."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from impact.core.errors import MissingEngine, StudyError
from impact.engines import spark_session
from impact.engines.relations import open_relations
from impact.engines.spark_relations import SparkRelations


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_missing_library_says_what_to_install(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_session, "find_spec", lambda name: None)
    with (
        pytest.raises(
            MissingEngine, match=r'pip install "impact\[spark\]", or set engine = "duckdb"'
        ) as caught,
        open_relations("spark"),
    ):
        pass
    assert caught.value.exit_code == 16
    assert list(scratch.iterdir()) == []


def test_a_missing_java_says_what_to_install(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(
        MissingEngine, match=r"Java 17 or newer, and JAVA_HOME is /nowhere, which has no bin/java"
    ):
        spark_session._require_java()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(scratch))
    with pytest.raises(MissingEngine, match="and there is no java"):
        spark_session._require_java()


def test_too_little_memory_is_said_before_spark_starts(scratch: Path) -> None:
    with pytest.raises(
        StudyError, match=r"max_memory = '200MB' is too small for Spark, which needs 512MB"
    ):
        SparkRelations(max_memory="200MB")
    with pytest.raises(StudyError, match="is no size of memory"):
        SparkRelations(max_memory="much")
    assert list(scratch.iterdir()) == []


def fake_java(folder: Path, version: str) -> Path:
    """A home of Java that knows its version and does nothing."""
    java = folder / "home" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        f"""#!/bin/sh
[ "$1" = "-version" ] && echo 'openjdk version "{version}" 2020-01-14' >&2 && exit 0
echo 'java.lang.NoClassDefFoundError: a class is gone' >&2
exit 1
"""
    )
    java.chmod(0o755)
    return folder / "home"


@pytest.mark.parametrize(("version", "read"), [("1.8.0_232", 8), ("11.0.22", 11), ("9", 9)])
def test_a_java_that_is_too_old_is_said(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, version: str, read: int
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(scratch, version)))
    with pytest.raises(MissingEngine, match=rf"Java 17 or newer, and .*/java is version {read}\."):
        spark_session._require_java()


@pytest.mark.parametrize("version", ["17.0.15", "21", "unheard-of"])
def test_a_java_that_is_new_enough_passes(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(scratch, version)))
    spark_session._require_java()


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not here")
def test_a_spark_that_does_not_start_says_why(scratch: Path) -> None:
    program = """if True:
        from impact.core.errors import MissingEngine
        from impact.engines.relations import open_relations
        try:
            with open_relations("spark"):
                pass
        except MissingEngine as error:
            print(error)
    """
    new = {"JAVA_HOME": str(fake_java(scratch, "17.0.15")), "TMPDIR": str(scratch / "tmp")}
    (scratch / "tmp").mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | new,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Spark does not start (java.lang.NoClassDefFoundError: a class is gone)" in ran.stdout
    assert ran.stdout.count("\n") == 1 and ran.stderr == ""
    assert list((scratch / "tmp").iterdir()) == []


def test_settings_of_one_machine_and_of_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in spark_session._CONFIGURED:
        monkeypatch.delenv(name, raising=False)
    local = spark_session._settings(tmp_path, 1_500_000_000, 3)
    assert local["spark.master"] == "local[3]"
    assert local["spark.driver.memory"] == "1430m"  # 1 500 000 000 / 2^20 = 1430.5
    assert local["spark.local.dir"] == str(tmp_path / "spill")
    assert spark_session._settings(tmp_path, None, None)["spark.master"] == "local[*]"
    monkeypatch.setenv("SPARK_CONF_DIR", "/etc/spark")
    assert not {"spark.master", "spark.local.dir"} & set(spark_session._settings(tmp_path, None, 3))
