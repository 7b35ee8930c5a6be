"""The command as a person meets it: help at once, exit codes, no traceback, quiet when nothing is to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from impact.cli import main

ROOT = Path(__file__).parent.parent
HEAVY = (
    "numpy",
    "pandas",
    "scipy",
    "pydantic",
    "matplotlib",
    "statsmodels",
    "linearmodels",
    "typst",
)


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys\nfrom impact.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as e:\n    assert e.code == 0\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: impact")
    assert done.stdout.splitlines()[-1] == "[]"


def test_import_impact_loads_no_heavy_library_and_knows_its_names() -> None:
    code = f"import sys, impact\nprint([m for m in {HEAVY!r} if m in sys.modules], dir(impact))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[] [")
    assert "cost_effectiveness" in done.stdout


def test_every_public_name_loads_and_is_documented() -> None:
    import impact

    for name in impact.__all__:
        assert (getattr(impact, name).__doc__ or "").strip(), name
    with pytest.raises(AttributeError, match="no attribute 'matchh'"):
        _ = impact.matchh


def test_check_prints_what_was_received(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(ROOT / "reports" / "michigan" / "study.toml")]) == 0
    out = capsys.readouterr().out
    assert "no fault found" in out
    assert "471 rows, 157 firms" in out
    assert "36 joined in 1988, 30 joined in 1989, 91 never" in out


def test_check_of_nothing_is_an_error_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path / "study.toml")]) == 11
    assert "give the path of a study.toml" in capsys.readouterr().err


def test_wrong_use_is_exit_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["frobnicate"])
    assert caught.value.code == 2


def test_audit_prints_verdicts_in_a_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(ROOT / "data_raw" / "al_invest" / "claims.csv"), "--lang", "es"]) == 0
    out = capsys.readouterr().out.replace("\u00a0", " ")
    assert "205 % de la meta" in out
    assert "105 %" in out


def test_methods_lists_every_registered_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("group_time", "matched_did", "nearest", "pretrends", "R2"))


def test_run_twice_if_changed_then_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "reports" / "al_invest"
    folder.mkdir(parents=True)
    source = ROOT / "reports" / "al_invest" / "study.toml"
    (folder / "study.toml").write_text(source.read_text("utf-8"), "utf-8")
    data = tmp_path / "data_raw" / "al_invest"
    data.mkdir(parents=True)
    for name in ("claims.csv", "budget.csv"):
        (data / name).write_bytes((ROOT / "data_raw" / "al_invest" / name).read_bytes())
    study = str(folder / "study.toml")

    assert main(["verify", str(folder)]) == 15
    assert "Run the study first" in capsys.readouterr().err
    assert main(["run", "--if-changed", study]) == 0
    first = capsys.readouterr().out
    assert "(written)" in first
    assert len(first.splitlines()) == 4  # where the PDF lies, and three lines
    assert main(["run", "--if-changed", study]) == 0
    assert capsys.readouterr().out == first.replace("(written)", "(unchanged)")
    assert main(["verify", str(folder)]) == 0
    assert "each equal to a second run's" in capsys.readouterr().out

    (folder / "results.json").write_text("{}", "utf-8")  # a damaged output is made again
    assert main(["verify", str(folder)]) == 15
    assert "results.json differ" in capsys.readouterr().err
    assert main(["run", "--if-changed", study]) == 0
    assert "(written)" in capsys.readouterr().out
    assert not list(folder.glob(".building-*"))


def test_no_host_of_a_registry_and_no_place_of_this_machine_is_committed() -> None:
    """The lock names no address, and no file names a folder of whoever made it."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in lock and "--index" not in lock and "--find-links" not in lock
    assert "impact" not in lock.splitlines()
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        text = (ROOT / name).read_bytes()
        for place in (b"/" + b"work/", b"/" + b"root/", b"/" + b"home/"):
            assert place not in text, name
