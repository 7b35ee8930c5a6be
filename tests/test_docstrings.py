"""Every public name says what it is, and every example in a docstring gives what it shows."""

from __future__ import annotations

import ast
import doctest
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "impact"
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.stem not in {"__main__"})


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_examples_run(path: Path) -> None:
    module = importlib.import_module(module_name(path))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testmod(module, optionflags=flags)
    assert found.failed == 0


def test_there_are_examples() -> None:
    count = sum(p.read_text("utf-8").count(">>> ") for p in FILES)
    assert count > 150


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_public_names_have_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    if path.stem != "__init__" or path.parent == PACKAGE:
        assert ast.get_docstring(tree), path
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize(
    "name",
    [
        "panel",
        "match",
        "att",
        "regress",
        "check",
        "cost_effectiveness",
        "ratio",
        "audit",
        "dynamics",
        "functional_form",
        "jobs",
    ],
)
def test_verbs_describe_arguments_results_and_errors(name: str) -> None:
    import impact

    text = getattr(impact, name).__doc__
    for section in ("Parameters", "Returns", "Raises", "Examples"):
        assert f"{section}\n    ---" in text, section
