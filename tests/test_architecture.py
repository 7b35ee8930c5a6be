"""The house: imports only point back along the arrows, edges stay at the edge, ARCHITECTURE.md agrees."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "impact"
ROOMS = [
    "core",
    "display",
    "engines",
    "simulate",
    "read",
    "validate",
    "outcomes",
    "design",
    "estimate",
    "diagnose",
    "value",
    "claims",
    "report",
]
ANYWHERE = {"numpy", "pandas", "scipy"}
EDGES = {"engines", "display", "read", "report"}
FILES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"matplotlib", "seaborn", "statsmodels", "linearmodels", "typst", "xlsxwriter", "formulaic",
         "duckdb", "pyspark", "pyarrow", "openpyxl", "stdnum"}  # fmt: skip


def imports(path: Path) -> list[tuple[str, bool]]:
    """Modules that a file imports when it runs, and whether it does so as soon as it is loaded."""
    return imports_of(path.read_text("utf-8"))


def imports_of(source: str) -> list[tuple[str, bool]]:
    tree = ast.parse(source)
    lazy, typing = set(), set()
    for node in ast.walk(tree):
        inner = {id(x) for x in ast.walk(node)}
        if isinstance(node, ast.FunctionDef):
            lazy |= inner
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            typing |= inner
    found = []
    for node in ast.walk(tree):
        if id(node) in typing:  # read by mypy, never run
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in lazy) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.append((node.module or "", id(node) not in lazy))
    return found


def room_of(path: Path) -> str | None:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else None


def wrong_way(room: str, modules: list[tuple[str, bool]]) -> list[str]:
    """Imports of a room that point forward along the arrows."""
    bad = []
    for module, _ in modules:
        parts = module.split(".")
        if parts[0] == "impact" and len(parts) > 1:
            target = parts[1]
            if target not in ROOMS or ROOMS.index(target) > ROOMS.index(room):
                bad.append(module)
    return bad


def test_every_folder_is_a_room() -> None:
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(ROOMS)


@pytest.mark.parametrize(
    "path", [p for p in FILES if room_of(p)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_imports_point_back_along_the_arrows(path: Path) -> None:
    room = room_of(path)
    assert room is not None
    assert wrong_way(room, imports(path)) == []


def test_a_forward_import_is_seen() -> None:
    source = "def f():\n    from impact.report.build import build\n"
    assert wrong_way("core", imports_of(source)) == ["impact.report.build"]
    assert wrong_way("report", imports_of(source)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_foreign_libraries_stay_at_the_edge_and_load_when_used(path: Path) -> None:
    import sys

    for module, at_load in imports(path):
        top = module.split(".")[0]
        if top in sys.stdlib_module_names or top in ANYWHERE or top in {"impact", "__future__"}:
            continue
        assert room_of(path) in EDGES, f"{module} is imported in {path.relative_to(ROOT)}"
        assert not (at_load and top in HEAVY), f"{module} is loaded with {path.relative_to(ROOT)}"


def test_inference_is_written_once() -> None:
    """No file but core/inference.py asks a distribution for a p-value or a critical value."""
    pattern = re.compile(r"\b(norm|t|chi2|stats)\.(ppf|sf|cdf|isf)\b")
    users = {str(p.relative_to(PACKAGE)) for p in FILES if pattern.search(p.read_text("utf-8"))}
    assert users == {"core/inference.py"}


def test_architecture_md_names_the_rooms_in_their_order() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)/` \|", text, flags=re.M)
    assert listed == ROOMS


def test_no_bag_of_helpers() -> None:
    names = {p.stem for p in FILES} | {p.parent.name for p in FILES}
    assert not names & {"utils", "util", "helpers", "common", "misc"}
