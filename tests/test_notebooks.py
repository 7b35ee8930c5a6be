"""The notebooks run as they stand, from public names only, and are stored without output."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def test_there_is_a_notebook() -> None:
    assert [p.name for p in NOTEBOOKS][:1] == ["01_michigan.py"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_only_public_names(path: Path) -> None:
    import impact

    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] != "impact"
        if isinstance(node, ast.Import):
            assert not [a for a in node.names if a.name.startswith("impact.")]
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "impact":
            assert node.attr in impact.__all__


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs_without_error_or_warning(path: Path, tmp_path: Path) -> None:
    import jupytext
    import nbclient

    notebook = jupytext.read(path)
    nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert not [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert sum("image/png" in o.get("data", {}) for o in outputs) >= 2


def test_the_michigan_chapter_says_what_it_computes(tmp_path: Path) -> None:
    """Figures named in its prose are those of its cells."""
    import impact
    from impact.read.delimited import packaged_file  # noqa: F401

    text = (ROOT / "notebooks" / "01_michigan.py").read_text("utf-8")
    import numpy as np
    from linearmodels.datasets import jobtraining

    firms = jobtraining.load().assign(log_scrap=lambda d: np.log(d["scrap"]))
    panel = impact.panel(firms, unit="fcode", time="year", treatment="grant")
    row = impact.regress(
        "log_scrap ~ grant + grant_1 | fcode + year", panel, cluster="fcode"
    ).tidy()
    assert round(100 * np.expm1(row["estimate"][0])) == -22 and "about 22 per cent" in text
    assert round(100 * np.expm1(row["estimate"][1])) == -34 and "by a third" in text
    hours = impact.att(panel, "hrsemp", method="group_time").aggregate("event").tidy()
    by_year = hours.set_index("event_time")["estimate"]
    assert round(by_year[0]) == 33 and "some 33 hours more" in text
    assert round(by_year[-1]) == 4 and "some four hours" in text
