"""Study A end to end: known answers, honest words, every number of the page in results.json."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

KNOWN = [
    # outcome, term, estimate, digits, clustered standard error, firms, rows
    ("log_scrap", "grant", -0.252315, 6, 0.1434, 54, 162),
    ("log_scrap", "grant_year_before", -0.421590, 6, 0.2825, 54, 162),
    ("log_employment", "grant", 0.0333, 4, None, 150, 440),
    ("training_hours", "grant", 34.228, 3, None, 135, 390),
    ("log_sales", "grant", -0.0040, 4, None, 128, 373),
]


def estimates(results: dict[str, Any], **keys: object) -> list[dict[str, Any]]:
    rows = results["estimates"]
    return [r for r in rows if all(r[k] == v for k, v in keys.items())]


@pytest.mark.parametrize("known", KNOWN, ids=lambda k: f"{k[0]}-{k[1]}")
def test_known_answers_stand_in_results_json(known: tuple[Any, ...], michigan: Any) -> None:
    outcome, term, value, digits, se, firms, rows = known
    (row,) = estimates(michigan.results, outcome=outcome, term=term, method="fixed effects")
    assert row["estimate"] == pytest.approx(value, abs=0.5 * 10.0**-digits)
    assert (row["n_units"], row["n_obs"]) == (firms, rows)
    assert row["small_sample"] == "fixest"
    if se is not None:
        assert row["std_error"] == pytest.approx(se, abs=5e-5)


OTHER = [  # outcome, term, factor, standard error, digits
    ("log_scrap", "grant", "classical", 0.1506, 4),
    ("log_scrap", "grant_year_before", "classical", 0.2102, 4),
    ("log_scrap", "grant", "linearmodels", 0.1421, 4),
    ("log_scrap", "grant_year_before", "linearmodels", 0.2798, 4),
    ("log_employment", "grant", "classical", 0.0400, 4),
    ("training_hours", "grant", "classical", 2.858, 3),
    ("log_sales", "grant", "classical", 0.0679, 4),
]


@pytest.mark.parametrize("known", OTHER, ids=lambda k: f"{k[0]}-{k[1]}-{k[2]}")
def test_known_standard_errors_by_their_factor(known: tuple[Any, ...], michigan: Any) -> None:
    outcome, term, factor, se, digits = known
    method = "fixed effects, other standard errors"
    (row,) = estimates(
        michigan.results, outcome=outcome, term=term, method=method, small_sample=factor
    )
    assert row["std_error"] == pytest.approx(se, abs=0.5 * 10.0**-digits)


def test_every_estimate_has_an_interval_a_count_and_a_label(michigan: Any) -> None:
    rows = michigan.results["estimates"]
    assert {r["outcome"] for r in rows} == {k[0] for k in KNOWN}
    assert {r["method"].partition(",")[0] for r in rows} == {
        "fixed effects", "matched_did", "group_time",
    }  # fmt: skip
    for row in rows:
        assert row["label"] and row["small_sample"]
        if row["estimate"] is None:  # a cell in which no pair was observed: said, not filled
            assert row["n_treated"] == 0 and row["std_error"] is None
            continue
        assert row["n_obs"] or (row["n_treated"] and row["n_control"])
        if row["std_error"] is None:  # a cell of one pair: undefined, so missing and never 0
            assert row["n_treated"] == 1
            assert row["conf_low"] is row["conf_high"] is row["p_value"] is None
        else:
            assert row["std_error"] > 0
            assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_the_page_says_in_words_that_the_cost_of_a_job_has_no_upper_bound(michigan: Any) -> None:
    text = pdf_text(michigan.folder)
    assert "Cost per job has no upper bound" in text
    assert "not distinguishable from zero" in text
    value = {r["term"]: r for r in michigan.results["value"]}
    assert value["total_at_horizon"]["conf_low"] < 0 < value["total_at_horizon"]["conf_high"]
    assert value["cost_per_unit"]["estimate"] is None
    assert value["cost_per_unit"]["status"] == "assumption"


def test_every_cost_table_says_that_the_grant_is_assumed(michigan: Any) -> None:
    text = pdf_text(michigan.folder)
    assert "USD 20,000 a grant is an assumption of this study" in text
    uses_cost = [r for r in michigan.results["numbers"] if "USD" in r["unit"]]
    assert len(uses_cost) >= 5
    assert all(r["note"] == "assumption" for r in uses_cost if r["exhibit"] == "T12")


def test_the_ledger_adds_up_in_print(michigan: Any) -> None:
    lines = michigan.results["ledger"]
    for table in {r["table"] for r in lines}:
        part = [r for r in lines if r["table"] == table]
        total = {
            k: sum(r["rows"] for r in part if r["line"] == k) for k in ("in", "used", "dropped")
        }
        assert total["in"] == total["used"] + total["dropped"], table


def test_every_number_of_the_pdf_is_in_results_json(michigan: Any, al_invest: Any) -> None:
    for made in (michigan, al_invest):
        tidy = {k: v for k, v in made.results.items() if k not in ("headlines", "title")}
        known = figures_in(json.dumps(tidy, ensure_ascii=False))
        printed = figures_in(pdf_text(made.folder))
        fixed = figures_in(fixed_words(made.folder))
        assert printed - known - fixed == set()
        assert len(printed & known) > 100


def test_a_number_that_is_not_in_results_json_is_seen(michigan: Any) -> None:
    known = figures_in(json.dumps(michigan.results, ensure_ascii=False))
    assert figures_in("a confident 1,234.5 jobs") - known == {"1234.5"}


def fixed_words(folder: Path) -> str:
    """Words of the template and of the study file, whose numbers are no results: years, rules, tables."""
    root = Path(__file__).parent.parent.parent
    study = json.loads((folder / "results.json").read_text("utf-8"))["study"]
    parts = [(root / "reports" / study / "study.toml").read_text("utf-8")]
    parts += [p.read_text("utf-8") for p in (root / "impact" / "report").glob("exhibits_*.py")]
    return " ".join([*parts, *(str(i) for i in range(1, 20))])


def figures_in(text: str) -> set[str]:
    """Numbers of a text, without thousands separators."""
    return {m.replace(",", "") for m in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)}


def pdf_text(folder: Path) -> str:
    from pypdf import PdfReader

    pages = PdfReader(folder / "appendix.pdf").pages
    text = "\n".join(page.extract_text() for page in pages)
    return re.sub(r"\s+", " ", text.replace("-\n", ""))


def test_a_second_run_gives_the_same_bytes(michigan: Any, tmp_path: Path) -> None:
    from impact.report.build import build

    study = Path(__file__).parent.parent.parent / "reports" / "michigan" / "study.toml"
    build(study, out=tmp_path)
    first = {p.relative_to(michigan.folder): p.read_bytes() for p in files(michigan.folder)}
    second = {p.relative_to(tmp_path): p.read_bytes() for p in files(tmp_path)}
    assert set(map(str, first)) == {
        "appendix.pdf", "results.json", "tables.xlsx", "manifest.json", "figures/balance.svg",
        "figures/event_study.svg", "figures/tornado.svg", "figures/acceptability.svg", "data_processed/michigan/panel.parquet",
        "data_processed/michigan/dictionary.csv",
    }  # fmt: skip
    assert first == second


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_another_row_order_gives_the_same_results(
    study_from_file: Callable[..., Path], michigan: Any, tmp_path: Path
) -> None:
    from impact.report.build import build

    study = study_from_file(rows=lambda r: [r[0], *sorted(r[1:], key=lambda line: line[::-1])])
    build(study, out=tmp_path / "out")
    again = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    skip = {"ledger", "numbers"}  # they name the file, which is another one
    for key in set(again) - skip:
        assert again[key] == michigan.results[key], key
    assert [r["shown"] for r in again["numbers"]] == [
        r["shown"] for r in michigan.results["numbers"]
    ]


def test_no_firm_leaves_the_folder_of_working_data(michigan: Any) -> None:
    panel = pd.read_parquet(michigan.folder / "data_processed" / "michigan" / "panel.parquet")
    firms = set(panel["firm_id"])
    assert len(firms) == 157
    for path in (michigan.folder / "results.json", michigan.folder / "manifest.json"):
        text = path.read_text("utf-8")
        assert not [f for f in firms if re.search(rf"\b{f}\b", text)]
    printed = pdf_text(michigan.folder)
    assert not [f for f in firms if f in printed]
    import zipfile

    with zipfile.ZipFile(michigan.folder / "tables.xlsx") as book:
        text = "".join(book.read(n).decode("utf-8", "replace") for n in book.namelist())
    assert not [f for f in firms if re.search(rf"\b{f}\b", text)]


def test_the_manifest_names_what_went_in_and_no_place_or_day(michigan: Any) -> None:
    text = (michigan.folder / "manifest.json").read_text("utf-8")
    manifest = json.loads(text)
    assert set(manifest["inputs_sha256"]) == {"linearmodels.datasets.jobtraining"}
    assert manifest["seed"] == 20160516
    assert manifest["versions"]["linearmodels"]
    assert set(manifest["outputs_sha256"]) >= {"appendix.pdf", "results.json", "tables.xlsx"}
    assert str(Path.cwd()) not in text and str(Path.home()) not in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_the_workbook_holds_numbers_at_full_precision(michigan: Any) -> None:
    import zipfile

    with zipfile.ZipFile(michigan.folder / "tables.xlsx") as book:
        sheets = "".join(
            book.read(n).decode() for n in book.namelist() if n.startswith("xl/worksheets")
        )
    assert "-0.25231" in sheets
    assert "<f>" not in sheets
