"""The example with deliveries: its panel is what was simulated, and the effect that was put in is found."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from impact.report.receive import receive
from impact.simulate.deliveries import Deliveries, deliveries, write

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data_raw" / "andes"
FILES = sorted(p.name for p in DATA.iterdir() if p.name != "README.md")


@pytest.fixture(scope="module")
def drawn() -> Deliveries:
    return deliveries(firms=250, share=0.24, seed=2008)


@pytest.fixture(scope="module")
def current_euros(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The panel of the example in current euros, which are the cents that were simulated."""
    folder = tmp_path_factory.mktemp("andes") / "reports" / "andes"
    folder.mkdir(parents=True)
    shutil.copytree(DATA, folder.parents[1] / "data_raw" / "andes")
    text = (ROOT / "reports" / "andes" / "study.toml").read_text("utf-8")
    text = text[: text.index("[labels]")]
    text = re.sub(r"^(deflators|base_year|order\w*) = .*\n", "", text, flags=re.M)
    (folder / "study.toml").write_text(text, "utf-8")
    received = receive(folder / "study.toml")
    assert received.intake is not None and received.intake.parquet is not None
    with duckdb.connect() as con:
        return con.execute(f"SELECT * FROM '{received.intake.parquet}'").df()


def test_the_committed_files_are_those_that_are_drawn(drawn: Deliveries, tmp_path: Path) -> None:
    write(drawn, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == FILES
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), name


def test_every_firm_year_is_what_was_simulated(
    drawn: Deliveries, current_euros: pd.DataFrame
) -> None:
    truth = drawn.truth.set_index(["firm_id", "year"])
    panel = current_euros.set_index(["firm_id", "year"])
    both = panel.join(truth.add_suffix("_true"), how="inner")
    assert len(both) == len(panel)
    # Exporters and their euros, whatever the register holds.
    exporting = both["exports_cents_true"] > 0
    assert (both.loc[exporting, "state"] == "active_exporter").all()
    assert not (both.loc[~exporting, "state"] == "active_exporter").any()
    cents = (both.loc[exporting, "exports_eur"] * 100).round().astype("int64")
    assert (cents == both.loc[exporting, "exports_cents_true"]).all()
    for column in ("products", "destinations", "first_month"):
        assert (both.loc[exporting, column] == both.loc[exporting, f"{column}_true"]).all()
    # Alive, in the register and silent: a true zero. In no row of the register: nothing is known.
    silent = ~exporting & both["in_register_true"]
    assert (both.loc[silent, "state"] == "active_nonexporter").all()
    assert (both.loc[silent, "exports_eur"] == 0).all()
    lost = ~exporting & ~both["in_register_true"] & both["alive_true"]
    assert lost.sum() > 20 and (both.loc[lost, "state"] == "unobserved").all()
    assert both.loc[lost, "exports_eur"].isna().all()


def test_cohorts_are_those_of_the_roster(drawn: Deliveries, current_euros: pd.DataFrame) -> None:
    joined = current_euros.groupby("firm_id")["joined"].first().dropna().astype("int64")
    true = drawn.truth.groupby("firm_id")["cohort"].first().dropna().astype("int64")
    assert joined.sort_index().to_dict() == true.sort_index().to_dict()


@pytest.fixture(scope="module")
def annex(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from impact.report.build import build

    folder = tmp_path_factory.mktemp("andes_annex")
    build(ROOT / "reports" / "andes" / "study.toml", out=folder)
    return folder


def test_the_effect_on_export_entry_is_found(annex: Path) -> None:
    results = json.loads((annex / "results.json").read_text("utf-8"))
    overall = next(
        e for e in results["estimates"]
        if e["method"] == "group_time, overall" and e["outcome"] == "exporter"
    )  # fmt: skip
    assert overall["conf_low"] > 0  # a tenth was put in
    employees = next(
        e for e in results["estimates"]
        if e["method"] == "group_time, overall" and e["outcome"] == "employees"
    )  # fmt: skip
    assert employees["conf_low"] < 0 < employees["conf_high"]  # nothing was put in


def test_nothing_that_leaves_the_data_folders_names_a_firm(annex: Path, drawn: Deliveries) -> None:
    firms = set(drawn.register["firm_id"])
    for name in ("results.json", "manifest.json"):
        words = set(re.findall(r"\d{9}", (annex / name).read_text("utf-8")))
        assert not words & firms, name


def test_the_readme_shows_what_check_prints(capsys: pytest.CaptureFixture[str]) -> None:
    from impact.cli import main

    assert main(["check", str(ROOT / "reports" / "andes")]) == 0
    printed = capsys.readouterr().out
    readme = (ROOT / "README.md").read_text("utf-8")
    (shown,) = re.findall(r"a test compares it -->\n```\n(T1d.*?)\n```", readme, flags=re.S)
    assert shown in printed


def test_values_of_exports_are_compared_in_growth(annex: Path) -> None:
    """Zeros included, where a study says nothing else; and a further estimator stands beside the three."""
    results = json.loads((annex / "results.json").read_text("utf-8"))
    rows = [r for r in results["estimates"] if r["outcome"] == "exports_eur_2015"]
    overall = {r["method"]: r for r in rows if r["method"].endswith("overall")}
    assert set(overall) == {"matched_did, overall", "group_time, overall", "imputation, overall"}
    labels = {n["label"] for n in results["numbers"]}
    assert "exports: group-time effects, Poisson: overall, in per cent" in labels
    assert "exports: imputation, Poisson: overall" in labels
    assert any("Poisson, log points" in label for label in labels)


def _disbursed(source: str | None = None) -> float:
    """The budget by hand: what was disbursed, in euros of 2015, discounted at 3 % to its first year."""
    level = pd.read_csv(DATA / "deflators.csv").query("area == 'EA'").set_index("year")["index"]
    lines = pd.read_csv(DATA / "budget.csv")
    constant = lines["disbursed"] * level[2015] / lines["year"].map(level)
    present = constant / 1.03 ** (lines["year"] - lines["year"].min())
    return float(present[(lines["source"] == source) | (source is None)].sum())


def test_the_account_is_set_against_what_the_budget_says_was_disbursed(annex: Path) -> None:
    results = json.loads((annex / "results.json").read_text("utf-8"))
    value = {(r["outcome"], r["term"]): r for r in results["value"]}
    assert value["", "cost"]["estimate"] == pytest.approx(_disbursed(), rel=1e-6)
    per_euro, total = value["exports", "per_unit_of_cost"], value["exports", "present_value"]
    assert per_euro["estimate"] == pytest.approx(total["estimate"] / _disbursed(), rel=1e-6)
    assert per_euro["price_base"] == "prices of 2015"
    shares = {r["source_of_funds"]: r["share"] for r in results["value_attribution"]}
    assert shares["EU"] == pytest.approx(_disbursed("EU") / _disbursed(), rel=1e-6)
    assert value["jobs", "cost_per_unit"]["estimate"] is None  # no job was put in
