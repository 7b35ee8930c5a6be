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


def test_the_results_of_the_texts(published):
    """No text says gross or net of any of these; each is what participants had, the programme's part unknown."""
    rows = published.tidy().query("rule == 'R8'").set_index("claim_id")
    assert rows["verdict"].to_dict() == {
        "pc_internationalised_218": "undefined",
        "eu_iv_new_exports": "undefined",
        "eu_iv_direct_jobs_20000": "undefined",
        "eu_iv_indirect_jobs_60000": "undefined",
        "eu_iv_exports_increased": "undefined",
        "eu_iv_first_exporters": "undefined",
    }
    jobs = rows.loc["eu_iv_direct_jobs_20000"]
    said = [jobs[f"sentence_{lang}"].replace("\u00a0", " ") for lang in ("en", "es", "pt")]
    assert said == [
        "More than 20,000 jobs, as reported; whether that is gross, or net of what would have happened anyway, is not said.",
        "Más de 20.000 empleos, tal como se comunicó; no se dice si es una cifra bruta, o neta de lo que habría ocurrido de todos modos.",
        "Mais de 20.000 empregos, tal como foi comunicado; não se diz se é um valor bruto, ou líquido do que teria acontecido de qualquer modo.",
    ]


@pytest.mark.parametrize("basis", ["empleo neto", "empregos líquidos", "net"])
def test_net_is_read_in_three_languages(fact, verdicts, basis):
    assert verdicts("R8", fact("jobs", 5, unit="jobs", basis=basis)) == {"jobs": "holds"}


def test_a_result_is_known_by_its_indicator_too(fact, verdicts):
    row = fact("one", 5, phrase="of which 5 were new", indicator="first-time exporters")
    assert verdicts("R8", row) == {"one": "undefined"}
    assert verdicts("R8", {**row, "indicator": "firms served"}) == {}


@pytest.mark.parametrize(
    "basis",
    [
        "jobs; gross or net not said",
        "not net",
        "bruto o neto: no se indica",
        "persons; net: not known",
    ],
)
def test_what_is_left_open_is_not_net(fact, audited, basis):
    row = (
        audited(fact("jobs", 5, unit="jobs", phrase="created 5 jobs", basis=basis))
        .tidy()
        .query("rule == 'R8'")
        .iloc[0]
    )
    assert row["verdict"] == "undefined"
    assert "is not said" in row["sentence_en"]


def test_a_gross_figure_without_words_of_cause_is_not_said_to_have_them(fact, audited):
    rows = (
        fact(
            "one",
            5,
            unit="jobs",
            phrase="the firms employ 5",
            indicator="jobs in firms",
            basis="gross",
        ),
        fact("two", 5, unit="jobs", phrase="5 more", indicator="jobs created", basis="gross"),
    )
    found = audited(*rows).tidy().query("rule == 'R8'").set_index("claim_id")
    assert found["verdict"].to_dict() == {"one": "unverifiable", "two": "wording"}
    assert (
        "brought it about" in found.loc["two", "reason"]
        and "not said to be" in found.loc["one", "reason"]
    )
