"""Study B: both wordings, implied denominators, unit costs with their basis, and every verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent


def rows(results: dict[str, Any], table: str, **keys: object) -> list[dict[str, Any]]:
    return [r for r in results[table] if all(r[k] == v for k, v in keys.items())]


def test_targets_in_both_wordings(al_invest: Any) -> None:
    targets = {r["claim_id"]: r for r in al_invest.results["targets"]}
    tools = targets["pc_tools_205"]
    assert tools["pct_of_target"] == pytest.approx(100 * 23810 / 11600, rel=1e-9)
    assert tools["pct_above"] == pytest.approx(100 * (23810 / 11600 - 1), rel=1e-9)
    printed = {
        (n["row"], n["column"]): n["shown"]
        for n in rows(al_invest.results, "numbers", exhibit="T13")
    }
    name = "firms with management tools for internationalisation (Andean Region)"
    assert printed[name, "% of target"] == "205.3"
    assert printed[name, "% above target"] == "105.3"
    assert printed[name, "% stated"] == "205"


def test_what_contribution_would_make_five_euros_per_euro_true(al_invest: Any) -> None:
    (row,) = rows(al_invest.results, "audit", claim_id="eu_iv_five_per_euro", rule="R5")
    assert row["value"] == pytest.approx(84599457 / 5, rel=1e-9)
    assert row["low"] == pytest.approx(84599457 / 5.5, rel=1e-9)
    assert row["high"] == pytest.approx(84599457 / 4.5, rel=1e-9)
    assert "16.92\u00a0million" in al_invest.results["headlines"][2]


def test_leverage_and_cofinancing(al_invest: Any) -> None:
    table = {
        r["quantity"]: r for r in rows(al_invest.results, "cofinancing", programme="AL-INVEST IV")
    }
    assert table["total_cost"]["value"] == pytest.approx(50e6 / 0.83, rel=1e-9)
    assert (table["total_cost"]["low"], table["total_cost"]["high"]) == pytest.approx(
        (50e6 / 0.835, 50e6 / 0.825), rel=1e-9
    )
    assert table["leverage_total_per_contribution"]["value"] == pytest.approx(1 / 0.83, rel=1e-9)
    unknown = rows(
        al_invest.results, "cofinancing", programme="AL-INVEST 5.0", quantity="total_cost"
    )
    assert unknown[0]["value"] is None and unknown[0]["reason"]


def test_unit_costs_name_their_basis_and_refuse_another_ground(al_invest: Any) -> None:
    table = al_invest.results["unit_costs"]
    assert all(r["basis"] for r in table)
    five = [r for r in table if r["claim_id"] == "ccl_firms_total_49000"]
    assert five[0]["cost_per_unit_eur"] == pytest.approx(25e6 / 49000, rel=1e-9)
    jobs = [r for r in table if r["unit"] == "jobs"]
    assert jobs and not any(r["same_scope"] for r in jobs)
    printed = [n for n in rows(al_invest.results, "numbers", exhibit="T13d") if "job" in n["label"]]
    per_unit = [n for n in printed if n["column"] == "EUR per unit"]
    assert per_unit and all(n["shown"] == "–" for n in per_unit)


def test_every_claim_has_a_verdict_and_a_wrong_one_the_true_sentence(al_invest: Any) -> None:
    audit = al_invest.results["audit"]
    claims = (ROOT / "data_raw" / "al_invest" / "claims.csv").read_text("utf-8")
    assert len({r["claim_id"] for r in audit}) >= 40
    assert {r["claim_id"] for r in audit} == set(re.findall(r"^(\w+),", claims, flags=re.M)) - {
        "claim_id"
    }
    for row in audit:
        if row["verdict"] not in ("holds", "unverifiable"):
            assert row["sentence_en"] and row["sentence_es"] and row["sentence_pt"]
            assert row["arithmetic"]
        if row["verdict"] == "unverifiable":
            assert row["reason"]


def test_the_pages_hold_the_verdicts(al_invest: Any) -> None:
    from pypdf import PdfReader

    pages = PdfReader(al_invest.folder / "appendix.pdf").pages
    text = re.sub(r"\s+", " ", " ".join(p.extract_text() for p in pages))
    for title in ("T13", "T13b", "T13c", "T13d", "T15a", "T15b", "T15c", "T15d"):
        assert f"{title}. " in text
    assert "the target was exceeded by 105" in text


def test_firms_and_claims_may_stand_in_one_study(
    study_from_file: Callable[..., Path], tmp_path: Path
) -> None:
    from impact.report.build import build

    study = study_from_file(study=lambda t: t + '\n[claims]\nfile = "claims.csv"\n')
    claims = ROOT / "data_raw" / "al_invest" / "claims.csv"
    (study.parent / "claims.csv").write_bytes(claims.read_bytes())
    build(study, out=tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    exhibits = {n["exhibit"] for n in results["numbers"]}
    assert {"T4", "T12", "T13", "T15a"} <= exhibits
    assert results["audit"] and results["estimates"]


def test_a_fault_in_the_claims_names_its_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from impact.cli import main

    text = (ROOT / "reports" / "al_invest" / "study.toml").read_text("utf-8")
    text = re.sub(r"\[budget\]\nfile = .*\n", "", text)
    (tmp_path / "study.toml").write_text(
        re.sub(r'file = ".*"', 'file = "claims.csv"', text), "utf-8"
    )
    lines = (ROOT / "data_raw" / "al_invest" / "claims.csv").read_text("utf-8").splitlines()
    lines[1] = lines[1].replace("23810", "23,81O", 1).replace("23,81O", '"23,81O"')
    (tmp_path / "claims.csv").write_text("\n".join(lines) + "\n", "utf-8")
    assert main(["run", str(tmp_path / "study.toml")]) == 12
    said = capsys.readouterr().err
    assert "claims.csv, row 2, column 'achieved', value '23,81O'" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["claims.csv", "study.toml"]
