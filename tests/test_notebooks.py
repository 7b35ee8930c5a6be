"""The notebooks run as they stand, from public names only, and are stored without output."""

from __future__ import annotations

import ast
import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.fixture(autouse=True)
def _tables_as_before() -> Iterator[None]:
    """Chapters set how tables look; other tests must not see it."""
    yield
    for name in ("float_format", "width", "max_colwidth", "max_columns"):
        pd.reset_option(f"display.{name}")


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


def _run(name: str) -> tuple[str, dict[str, Any]]:
    """The text of a chapter, its line breaks taken out, and the values that its cells leave."""
    import jupytext

    notebook = jupytext.read(ROOT / "notebooks" / name)
    values: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                exec(cell.source, values)
    said = " ".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    return " ".join(said.split()), values


def test_the_matching_chapter_says_what_it_computes() -> None:
    text, values = _run("03_matching.py")
    estimate, p, overall = values["estimate"], values["p_value"], values["overall"]["estimate"]

    assert len(estimate) == 8 and "in each of the eight designs" in text
    assert (round(estimate[0].min()), round(estimate[0].max())) == (31, 35)
    assert "had grown by 31 to 35 more per employee" in text
    assert (round(estimate[1].min(), 1), round(estimate[1].max(), 1)) == (-3.4, 3.3)
    assert "between −3.4 and +3.3 hours" in text and (p[1] > 0.05).all()
    assert (round(overall.min()), round(overall.max())) == (19, 23) and "19 to 23 hours" in text
    assert (round(estimate[-2].min(), 1), round(estimate[-2].max(), 1)) == (-12.1, -4.4)
    assert "negative in all eight, from −12.1 to −4.4" in text
    low = list(p.index[p[-2] < 0.05])
    assert [n.split()[0].strip(",") for n in low] == [
        "nearest",
        "Mahalanobis",
        "optimal",
        "subclasses",
    ]
    assert "four (nearest, Mahalanobis, optimal, subclasses)" in text
    left = estimate[0] + estimate[-2]
    assert (round(left.min()), round(left.max())) == (19, 31) and "Some 19 to 31 hours" in text
    known = values["participants"]
    assert (known[0].min(), known[0].max()) == (32, 43) and "32 to 43 whose hours" in text
    assert (known[-2].min(), known[-2].max()) == (13, 18) and "13 to 18 firms" in text

    before = values["before"]["change"].round(1)
    assert list(before) == [4.9, -7.3] and "rose by 4.9" in text and "fell by 7.3" in text
    assert values["known"].sum() == 13 and "In these 13 pairs" in text
    gap = values["matched"].paths("hrsemp").query("sample == 'after'")["difference"].round(1)
    assert list(gap) == [-4.5, -0.6] and "4.5 hours less" in text and "0.6 hours less" in text

    assert "66 firms got a grant" in text and "known of 46 of them, and 43 of these" in text
    assert values["panel"].data.groupby("fcode")["grant"].max().sum() == 66
    assert list(values["matched"].sizes()["n_treated"]) == [46, 43]
    match = values["impact"].match(values["panel"], on=["log_employ", "log_avgsal", "union"])
    assert match.sizes().loc["after", "n_treated"] == 57 and "57 of the 66 could be matched" in text
    assert "57 of the 66 participants" in _prose("01_michigan.py")


def _prose(name: str) -> str:
    text = (ROOT / "notebooks" / name).read_text("utf-8")
    return " ".join(line.removeprefix("#").strip() for line in text.splitlines())


def test_the_chapter_of_effects_says_what_it_computes() -> None:
    from impact.simulate.programme import programme

    text, values = _run("04_effects.py")
    impact, rows = values["impact"], values["rows"]
    assert (rows["log_exports"].to_numpy() == programme(firms=1200, seed=1)[0]["exports"]).all()

    table = values["table"].round(3)
    truth = round(values["true_overall"], 3)
    assert truth == 0.356 and list(table.loc["twfe", ["estimate", "conf_high"]]) == [0.26, 0.32]
    assert "truth is 0.356; the coefficient is 0.260, with an interval that ends at 0.320" in text
    assert (table.drop(index="twfe")["conf_low"] < truth).all()
    assert (table.drop(index="twfe")["conf_high"] > truth).all()
    kinds = impact.bacon(values["quiet_panel"], "log_exports").kinds()
    assert kinds["estimate"].round(3).iloc[2] == -0.175 and "estimate of −0.175" in text
    assert round(1 / kinds["weight"].iloc[2]) == 7 and "One seventh of the weight" in text
    before = values["event"].tidy().set_index("event_time").loc[-1]
    assert round(before["estimate"], 3) == 0.065 and before["conf_low"] < 0 < before["conf_high"]
    lead = values["imputed"].aggregate("event").tidy().set_index("event_time").loc[-1]
    assert lead["conf_low"] > 0 > lead["band_low"]
    errors = {n: t["std_error"].loc[0:].to_numpy() for n, t in values["compared"].items()}
    gain = [1 - errors[n] / errors["group_time"] for n in ("imputation", "etwfe")]
    assert all(0.015 < g < 0.055 for gs in gain for g in gs[:3]) and "2 to 5 per cent" in text
    assert all(0.085 < g < 0.12 for gs in gain for g in gs[3:]) and "about a tenth" in text

    hours = values["hours"]
    assert round(values["overall"](hours)["estimate"], 1) == 21.8 and "years is 21.8 hours" in text
    assert round(values["coefficient"]["estimate"], 1) == 30.2 and "says 30.2" in text
    parts = impact.bacon(values["michigan"], "hrsemp").tidy()
    clean = parts[parts["comparison"] != "later vs earlier"]
    assert round(np.average(clean["estimate"], weights=clean["weight"]), 1) == 26.4
    assert round(parts["estimate"].iloc[-1], 1) == 67.2 and "67.2" in text and "26.4" in text
    at = hours.aggregate("event").tidy().set_index("event_time")["estimate"]
    assert round(at[0], 1) == 33.3 and round(at[1]) == 0 and "33.3 in the year of the grant" in text
    total = impact.att(values["everybody"], "hrsemp", method="switching", by="total").tidy().iloc[0]
    assert round(total["estimate"], 1) == 32.6 and "32.6 hours *per year with a grant*" in text

    assert round(values["in_euros"]) == 23_693 and "EUR 23,693" in text
    assert [round(x) for x in values["euros"]["estimate"]] == [31_820, 23_702]
    assert [round(x) for x in values["per_cent"]["estimate"]] == [46, 31]
    assert "EUR 31,820" in text and "EUR 23,702, and 31 per cent" in text
    assert values["euros"].loc["linear", "conf_low"] > values["in_euros"]
    assert values["per_cent"].loc["linear", "conf_low"] > 30

    found = {
        n: sum(r.tidy()["p_value"].iloc[0] < 0.05 for r in rs) for n, rs in values["found"].items()
    }
    assert list(found.values()) == [22, 3, 3] and "found to have one. Clustered by region 3" in text
    tests = [values[n] for n in ("by_firm", "by_region")] + [
        values[n].tidy() for n in ("wild", "lots")
    ]
    assert [round(t["p_value"].iloc[0], 3) for t in tests] == [0.005, 0.065, 0.072, 0.069]
    assert "p = 0.005" in text and "p = 0.065 to 0.072" in text
    error = values["factors"]
    assert round(1 - error["not clustered"]["grant_1"] / error["fixest"]["grant_1"], 2) == 0.26
    assert "a quarter smaller, and p = 0.048 instead of 0.14" in text
