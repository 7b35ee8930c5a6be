"""A study's own results by file: which estimate a claim is held against, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from impact.claims.audit import audit
from impact.cli import main
from impact.core.errors import DataError

RESULTS = {
    "value": [
        {
            "outcome": "jobs",
            "term": "total_at_horizon",
            "estimate": 145.0,
            "conf_low": 20.0,
            "conf_high": 270.0,
            "unit": "jobs",
        },
        {
            "outcome": "jobs",
            "term": "cost_per_unit",
            "estimate": None,
            "conf_low": 2284.0,
            "conf_high": None,
            "unit": "EUR per job",
        },
    ],
    "estimates": [
        {
            "outcome": "exporter",
            "method": "group_time, overall",
            "estimate": 0.14,
            "conf_low": 0.01,
            "conf_high": 0.26,
        },
        {
            "outcome": "exporter",
            "method": "group_time, event",
            "estimate": 0.2,
            "conf_low": 0.0,
            "conf_high": 0.4,
        },
    ],
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(RESULTS), "utf-8")
    return path


@pytest.mark.parametrize(
    ("claimed", "verdict", "side"),
    [(200, "holds", "inside"), (300, "conflict", "above"), (5, "conflict", "below")],
)
def test_inside_above_and_below(
    fact: Any, results: Path, claimed: int, verdict: str, side: str
) -> None:
    row = fact("jobs", claimed, unit="jobs", estimate="jobs/total_at_horizon", subject="net_jobs")
    table = audit(pd.DataFrame([row]), results).tidy()
    (found,) = table[table["rule"] == "estimate"].to_dict("records")
    assert found["verdict"] == verdict
    assert side in found["reason"]
    assert (found["low"], found["high"]) == (20, 270)


def test_an_estimate_without_an_interval_is_undefined(fact: Any, results: Path) -> None:
    row = fact("price", 9_000, unit="EUR per job", estimate="jobs/cost_per_unit")
    table = audit(pd.DataFrame([row]), results).tidy()
    assert table.loc[table["rule"] == "estimate", "verdict"].tolist() == ["undefined"]


def test_every_fault_comes_in_one_pass(fact: Any, results: Path) -> None:
    rows = [
        fact("a", 5, unit="jobs", estimate="jobs/total_at_horizn", subject="a"),
        fact("b", 5, unit="firms", estimate="jobs/total_at_horizon", subject="b"),
        fact("c", 0.1, unit="share", estimate="exporter/group_time, overall", subject="c"),
    ]
    with pytest.raises(DataError) as caught:
        audit(pd.DataFrame(rows), results)
    assert [(f.row, f.column, f.value) for f in caught.value.faults] == [
        (2, "estimate", "jobs/total_at_horizn"),
        (3, "estimate", "jobs/total_at_horizon"),
    ]
    assert "did you mean 'jobs/total_at_horizon'?" in caught.value.faults[0].remedy


def test_claims_that_name_no_estimate_are_told_which_there_are(fact: Any, results: Path) -> None:
    with pytest.raises(DataError, match="exporter/group_time, overall"):
        audit(pd.DataFrame([fact("a", 5)]), results)


def test_a_file_of_estimates(fact: Any, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("subject,estimate,conf_low,conf_high\ntools,10,5,15\n", "utf-8")
    table = audit(pd.DataFrame([fact("a", 12)]), path).tidy()
    assert table.loc[table["rule"] == "estimate", "verdict"].tolist() == ["holds"]
    path.write_text("subject,estimate,conf_low,conf_high\ntools,ten,5,x\n", "utf-8")
    with pytest.raises(DataError) as caught:
        audit(pd.DataFrame([fact("a", 12)]), path)
    assert [(f.row, f.column) for f in caught.value.faults] == [(2, "estimate"), (2, "conf_high")]


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_what_is_no_results_file_is_refused(fact: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError):
        audit(pd.DataFrame([fact("a", 12, estimate="jobs/x")]), path)


def test_the_command(
    fact: Any, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = fact("jobs", 300, unit="jobs", estimate="jobs/total_at_horizon", subject="net_jobs")
    claims = tmp_path / "claims.csv"
    pd.DataFrame([row]).to_csv(claims, index=False)
    assert main(["audit", str(claims), "--results", str(results), "--lang", "pt"]) == 0
    assert "acima do intervalo" in capsys.readouterr().out
    assert main(["audit", str(claims), "--results", str(tmp_path / "absent.json")]) != 0
    printed = capsys.readouterr().err
    assert "absent.json" in printed
    assert "Traceback" not in printed


def test_a_plan_and_a_second_estimate_of_a_subject_are_refused(fact: Any, results: Path) -> None:
    named = {"unit": "jobs", "estimate": "jobs/total_at_horizon"}
    rows = [
        fact("a", 5, subject="s", **named),
        fact("b", 5, subject="s", unit="share", estimate="exporter/group_time, overall"),
        fact("c", None, subject="p", kind="plan", target=5, **named),
    ]
    with pytest.raises(DataError) as caught:
        audit(pd.DataFrame(rows), results)
    assert [f.row for f in caught.value.faults] == [3, 4]


def test_another_claim_of_the_subject_in_another_unit_is_not_compared(
    fact: Any, results: Path
) -> None:
    rows = [
        fact("a", 200, subject="s", unit="jobs", estimate="jobs/total_at_horizon"),
        fact("b", 200, subject="s", unit="firms"),
    ]
    table = audit(pd.DataFrame(rows), results).tidy().query("rule == 'estimate'")
    assert table["verdict"].tolist() == ["holds", "undefined"]
    assert "in jobs, and the claim in firms" in table["reason"].iloc[1]


@pytest.mark.parametrize(
    "content",
    [{"value": "none"}, {"value": [5]}, {"value": [{"outcome": "jobs"}]}, {"estimates": {"a": 1}}, {"estimates": [{"method": "x, overall"}]}],
)  # fmt: skip
def test_a_results_file_of_another_shape_is_refused_and_does_not_fail(
    fact: Any, tmp_path: Path, content: Any
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(DataError, match="holds no estimates"):
        audit(pd.DataFrame([fact("a", 12, estimate="jobs/x")]), path)


def test_an_estimate_that_is_no_number_is_named(fact: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    row = {**RESULTS["value"][0], "conf_low": "low"}
    path.write_text(json.dumps({"value": [row]}), "utf-8")
    with pytest.raises(DataError) as caught:
        audit(pd.DataFrame([fact("a", 12, unit="jobs", estimate="jobs/total_at_horizon")]), path)
    assert [(f.row, f.value) for f in caught.value.faults] == [(2, "jobs/total_at_horizon")]


def test_an_estimate_without_an_upper_end(fact: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    row = {**RESULTS["value"][0], "conf_high": "infinity"}
    path.write_text(json.dumps({"value": [row]}), "utf-8")
    claim = fact("a", 12_000, unit="jobs", estimate="jobs/total_at_horizon")
    table = audit(pd.DataFrame([claim]), path).tidy().query("rule == 'estimate'")
    assert table["verdict"].tolist() == ["holds"]


def test_the_help_says_how_claims_and_estimates_meet(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    said = capsys.readouterr().out
    assert all(
        word in said
        for word in ("jobs/total_at_horizon", "subject,estimate,conf_low", "exit codes")
    )
