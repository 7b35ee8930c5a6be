"""The README shows a real table, and its example runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_table_is_that_of_the_study(michigan: Any) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "readme_table", ROOT / "tests" / "readme_table.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.with_table(README, module.table(michigan.results)) == README
    assert README.count("  firm and year effects: ") == 8


def test_the_first_screen_says_what_for_whom_and_the_two_commands() -> None:
    first = "\n".join(README.splitlines()[:45])
    assert all(
        x in first for x in ("evaluator", "economist", "make report", "make test", "Log employment")
    )


def test_the_python_examples_run() -> None:
    wanted = (
        ("pretrends",),
        ("new_entrant", "spells of exporting of firms and products"),
        ("smd_after", "effective sample size", "wald", "counting that the weights were estimated"),
        ("jobs per 1 million USD", "no upper bound", "discount rate"),
    )
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    for block, words in zip(blocks, wanted, strict=True):
        done = subprocess.run(
            [sys.executable, "-c", block], capture_output=True, text=True, check=True
        )
        assert all(word in done.stdout for word in words)


def test_commands_and_files_that_are_named_exist() -> None:
    from impact.cli import _parser

    helped = _parser().format_help()
    for command in set(re.findall(r"impact (check|run|verify|audit|\w+) ", README)):
        if f".venv/bin/impact {command} " in README:
            assert f"    {command} " in helped, command
    for name in re.findall(r"`((?:reports|notebooks|tests)/[\w/.]+)`", README):
        assert (ROOT / name).exists(), name


def test_the_message_shown_is_the_message_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from impact.cli import main

    text = (ROOT / "reports" / "michigan" / "study.toml").read_text("utf-8")
    (tmp_path / "study.toml").write_text(text.replace("exact =", "exacct ="), "utf-8")
    main(["run", str(tmp_path / "study.toml")])
    said = capsys.readouterr().err.splitlines()[1]
    assert said in README
