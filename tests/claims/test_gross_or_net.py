"""R8: a result says whether it is gross or net; what a programme did itself needs no such word."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("basis", "phrase", "verdict"),
    [
        ("direct; net of comparison firms", "creation of 20 000 jobs", "holds"),
        ("direct; gross", "creation of 20 000 jobs", "wording"),
        ("direct", "creation of 20 000 jobs", "undefined"),
        ("", "20 000 jobs", "undefined"),
    ],
)
def test_jobs(fact, verdicts, basis, phrase, verdict):
    row = fact("jobs", 20_000, unit="jobs", basis=basis, phrase=phrase)
    assert verdicts("R8", row) == {"jobs": verdict}


@pytest.mark.parametrize(
    ("changes", "reached"),
    [
        ({"unit": "EUR", "phrase": "worth 84 million", "basis": "gross"}, {"one": "unverifiable"}),
        ({"unit": "firms", "phrase": "served 60 000 firms", "basis": "gross"}, {}),
        (
            {"unit": "firms", "phrase": "6 500 firms increased their exports", "basis": "gross"},
            {"one": "wording"},
        ),
        ({"unit": "nuclei", "phrase": "created 22 nuclei"}, {}),
        (
            {
                "unit": "firms",
                "phrase": "created 22 nuclei, benefiting 341 firms",
                "basis": "gross",
            },
            {},
        ),
        ({"unit": "EUR", "kind": "input", "phrase": "a contribution of 50 million"}, {}),
        ({"unit": "jobs", "kind": "plan", "target": 5, "phrase": "5 jobs"}, {}),
    ],
)
def test_what_is_an_effect_and_what_is_not(fact, verdicts, changes, reached):
    amount = None if changes.get("kind") == "plan" else 5
    assert verdicts("R8", fact("one", amount, **changes)) == reached


def test_the_jobs_of_the_programme_page(published):
    rows = published.tidy().query("rule == 'R8'").set_index("claim_id")
    assert rows.loc["eu_iv_direct_jobs_20000", "verdict"] == "wording"
    assert (
        "not net of what would have happened anyway"
        in rows.loc["eu_iv_direct_jobs_20000", "sentence_en"]
    )
    assert rows.loc["eu_iv_direct_jobs_20000", "sentence_es"].startswith("Más de 20")
    assert "eu_iv_firms_60000" not in rows.index
    assert "eu_iv_contribution_50m" not in rows.index
