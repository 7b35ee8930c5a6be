"""The edge to Spark: a session of our own where none is running, quiet, and gone with its files."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impact.core.errors import MissingEngine, StudyError
from impact.core.notice import Notice
from impact.engines.relations import memory_bytes, thread_count

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LEAST_JAVA = 17
_LEAST_MEMORY = 512_000_000  # Spark itself refuses to start with less
_DIALECT = {
    "spark.sql.ansi.enabled": "true",  # overflow and division by zero are errors, not NULL
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.parser.escapedStringLiterals": "true",  # a backslash is a backslash
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
_PARTITIONS = "8"  # tasks after a shuffle on one machine; Spark's 200 are for a cluster
_CONFIGURED = ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT")


@dataclass(frozen=True, slots=True)
class Session:
    """A Spark session, whether it is ours to stop, and what must be said of it."""

    spark: SparkSession
    is_ours: bool
    notices: tuple[Notice, ...]

    def close(self) -> None:
        """Stop the session if it was started here."""
        if self.is_ours:
            self.spark.stop()


def open_session(max_memory: str | None, threads: int | None) -> Session:
    """Join the Spark session that is running, or start one.

    Parameters
    ----------
    max_memory : str, optional
        Memory of the driver, which in local mode does all the work.
    threads : int, optional
        Cores in local mode.

    Returns
    -------
    Session
        A session with SQL settings and temporary views of its own; those of a running one stay as they are.

    Raises
    ------
    MissingEngine
        If pyspark or Java is missing, or Spark does not start.
    StudyError
        If `max_memory` is too small for Spark.

    Notes
    -----
    The memory of a Java process is set when it starts. Where one is running already, `max_memory` and `threads` have
    no effect, which is said in `notices`. Settings of a cluster (SPARK_HOME, SPARK_CONF_DIR, PYSPARK_SUBMIT_ARGS) are
    respected; its nodes must then all see the folder that TMPDIR names.
    """
    size = memory_bytes(max_memory)
    count = thread_count(threads)
    if size is not None and size < _LEAST_MEMORY:
        raise StudyError(
            f"max_memory = {max_memory!r} is too small for Spark, which needs 512MB. To mend: raise it, or set "
            'engine = "duckdb".'
        )
    _require_spark()
    with warnings.catch_warnings():
        # Tables go in and out as Parquet files, so that Spark never meets pandas.
        warnings.simplefilter("ignore", FutureWarning)
        from pyspark import SparkContext

        running = SparkContext._active_spark_context is not None
        started = SparkContext._gateway is not None
        spark = _running() if running else _started(size, count)
        own = spark.newSession() if running else spark
    for name, value in _DIALECT.items():
        own.conf.set(name, value)
    # Spark writes each error of a query to the log as well as raising it.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    notices: tuple[Notice, ...] = ()
    if (running or started) and (size is not None or count is not None):
        said = "Spark was running already, so that its memory and threads are those it was started with"
        notices = (Notice(said),)
    return Session(own, not running, notices)


def _require_spark() -> None:
    if find_spec("pyspark") is None:
        raise MissingEngine(
            'Spark is not installed. To mend: pip install "impact[spark]", or set engine = "duckdb".'
        )


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    found = Path(home) / "bin" / "java" if home else shutil.which("java")
    if found is None or not Path(found).exists():
        wrong = f"JAVA_HOME is {home}, which has no bin/java" if home else "there is no java"
    else:
        said = subprocess.run([str(found), "-version"], capture_output=True, text=True).stderr
        read = re.search(r'version "(?:1\.)?(\d+)', said)
        if read is None or int(read.group(1)) >= _LEAST_JAVA:  # what cannot be read may be new
            return
        wrong = f"{found} is version {read.group(1)}"
    raise MissingEngine(
        f"Spark needs Java {_LEAST_JAVA} or newer, and {wrong}. To mend: install Java {_LEAST_JAVA}, or set "
        'engine = "duckdb".'
    )


def _running() -> SparkSession:
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def _started(size: int | None, threads: int | None) -> SparkSession:
    from pyspark import SparkConf, SparkContext, java_gateway
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    if SparkContext._gateway is None and "PYSPARK_GATEWAY_PORT" not in os.environ:
        _require_java()
    folder = _java_folder()
    settings = SparkConf()
    for name, value in _settings(folder, size, threads).items():
        settings.set(name, value)
    log = folder / "spark.log"
    try:
        with log.open("wb") as file:
            if SparkContext._gateway is None:
                # Started by hand: the only way to keep Java's words off the terminal.
                launch: Any = java_gateway.launch_gateway
                gateway = launch(settings, {"stdout": file, "stderr": file})
                context = SparkContext(conf=settings, gateway=gateway)
            else:
                context = SparkContext(conf=settings)
        return SparkSession(context)
    except PySparkException as error:
        raise MissingEngine(
            f"Spark does not start ({_last_words(log) or error}). To mend: look at the installation of Java and Spark, "
            'or set engine = "duckdb".'
        ) from error


@cache
def _java_folder() -> Path:
    """Where Java writes. It outlives a session: Java goes on until Python ends, and remembers its folders."""
    folder = Path(tempfile.mkdtemp(prefix="impact-java-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _settings(folder: Path, size: int | None, threads: int | None) -> dict[str, str]:
    settings = {
        "spark.app.name": "impact",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    settings |= {} if size is None else {"spark.driver.memory": f"{size >> 20}m"}
    if any(name in os.environ for name in _CONFIGURED):
        return settings
    return settings | {
        "spark.master": f"local[{threads or '*'}]",
        "spark.driver.host": "127.0.0.1",  # nobody else needs to reach it
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder / "spill"),
        "spark.sql.shuffle.partitions": _PARTITIONS,
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={folder}",
    }


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").split("\n")
    said = [line for line in lines if "Error" in line or "Exception" in line]
    return said[0].strip()[:300] if said else ""
