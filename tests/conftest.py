"""Settings and studies that the tests share."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Sums of floats depend on the number of threads; the bytes that are compared do not tolerate it.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# A shared machine pauses at times; a slow example is no failure. Failures are replayed from their seed.
settings.register_profile("impact", deadline=None, derandomize=True, database=None)
settings.load_profile("impact")

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Run:
    """A study that was run into a folder of its own."""

    folder: Path
    results: dict[str, Any]


def run(name: str, folder: Path) -> Run:
    from impact.report.build import build

    build(ROOT / "reports" / name / "study.toml", out=folder)
    return Run(folder, json.loads((folder / "results.json").read_text("utf-8")))


@pytest.fixture(scope="session")
def michigan(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run("michigan", tmp_path_factory.mktemp("michigan"))


@pytest.fixture(scope="session")
def al_invest(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run("al_invest", tmp_path_factory.mktemp("al_invest"))


@pytest.fixture
def study_from_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the Michigan study over a CSV file, with its text and its rows changed at will."""
    import bz2

    from impact.read.delimited import packaged_file

    def make(
        study: Callable[[str], str] = lambda t: t,
        rows: Callable[[list[str]], list[str]] = lambda r: r,
    ) -> Path:
        folder = tmp_path / "reports" / "michigan"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        text = (ROOT / "reports" / "michigan" / "study.toml").read_text("utf-8")
        text = text.replace('package = "linearmodels.datasets.jobtraining"', 'file = "firms.csv"')
        (folder / "study.toml").write_text(study(text), "utf-8")
        lines = bz2.decompress(packaged_file("linearmodels.datasets.jobtraining").read_bytes())
        (folder / "firms.csv").write_text(
            "\n".join(rows(lines.decode().splitlines())) + "\n", "utf-8"
        )
        return folder / "study.toml"

    return make
