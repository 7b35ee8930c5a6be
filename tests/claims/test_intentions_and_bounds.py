"""R15 and R16: what should be is not what was; and "more than" against another place's number."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "phrase",
    [
        "More than 25 000 companies are expected",
        "The project provides for 260 firms",
        "se espera que 260 empresas exporten",
        "permitirá que 260 empresas exporten",
        "pretende alcançar 260 empresas",
        "espera-se que 260 empresas exportem",
    ],
)
def test_an_intention_is_no_achievement(fact, audited, phrase):
    table = audited(fact("one", 260, phrase=phrase)).tidy()
    row = table[table["rule"] == "R15"].iloc[0]
    assert row["verdict"] == "wording"
    assert row["sentence_es"].startswith("Se previeron 260")
    assert row["arithmetic"] == f"«{phrase}»"


@pytest.mark.parametrize(
    "phrase",
    ["served almost 60,000 SMEs", "se logró conformar 64 núcleos", "foram atendidas 300 empresas"],
)
def test_what_was_done_is_left_alone(fact, verdicts, phrase):
    assert verdicts("R15", fact("one", 64, phrase=phrase)) == {}


def test_a_plan_that_another_text_repeats_as_the_result(fact, verdicts):
    plan = fact(
        "plan",
        None,
        kind="plan",
        target=260,
        subject="s",
        source="sheet",
        phrase="260 firms to be reached",
    )
    done = fact("done", 260, subject="s", source="press", phrase="260 firms were reached")
    assert verdicts("R15", plan, done) == {"plan": "unverifiable", "done": "unverifiable"}
    assert "done" not in verdicts("R15", plan, {**done, "achieved": 261})


def test_the_expectation_of_the_programme_page(published, audited):
    """Said as an intention there; the same words given as an achievement would be refused."""
    table = published.tidy().query("rule == 'R15'").set_index("claim_id")
    assert table.loc["eu_5_expected_25000", "verdict"] == "unverifiable"
    row = published.claims.query("claim_id == 'eu_5_expected_25000'").iloc[0].to_dict()
    told = {**row, "kind": "achievement", "achieved": 25_000, "target": None}
    found = audited({k: v for k, v in told.items() if k != "row"}).tidy()
    assert found.loc[found["rule"] == "R15", "verdict"].tolist() == ["wording"]


@pytest.mark.parametrize(
    ("qualifier", "bound", "other", "verdict"),
    [
        ("more_than", 5_300, 5_375, "holds"),
        ("more_than", 6_500, 6_438, "conflict"),
        ("more_than", 6_438, 6_438, "conflict"),
        ("at_least", 6_438, 6_438, "holds"),
        ("fewer_than", 100, 99, "holds"),
        ("at_most", 100, 101, "conflict"),
    ],
)
def test_bounds(fact, verdicts, qualifier, bound, other, verdict):
    rows = fact("bound", bound, qualifier=qualifier), fact("number", other, source="other")
    assert verdicts("R16", *rows) == {"bound": verdict}


@pytest.mark.parametrize(
    ("other", "little"), [(5_375, False), (5_830, False), (5_831, True), (49_000, True)]
)
def test_a_bound_far_below_the_number_says_little(fact, audited, other, little):
    """A tenth of 5,300 is 530."""
    rows = fact("bound", 5_300, qualifier="more_than"), fact("number", other, source="other")
    row = audited(*rows, lang="pt").tidy().query("rule == 'R16'").iloc[0]
    assert row["verdict"] == "holds"
    assert ("diz pouco" in row["reason"]) == little


@pytest.mark.parametrize("phrase", ["reached 205 % of its target", "a targeted programme served 300", "a meta prevista foi superada"])  # fmt: skip
def test_a_target_that_was_reached_is_no_intention(fact, verdicts, phrase):
    assert verdicts("R15", fact("one", 260, phrase=phrase)) == {}


def test_a_bound_is_held_against_another_source_first(fact, audited):
    rows = (
        fact("bound", 100, qualifier="more_than"),
        fact("own", 101),
        fact("other", 99, source="other", publisher="Ministry"),
    )
    table = audited(*rows).tidy()
    row = table[table["rule"] == "R16"].iloc[0]
    assert (row["verdict"], row["value"]) == ("conflict", 99)
    assert row["sentence_en"].startswith("Ministry gives 99")


def test_a_bound_against_a_bound_says_nothing(fact, verdicts):
    rows = (
        fact("a", 100, qualifier="more_than"),
        fact("b", 200, qualifier="more_than", source="other"),
    )
    assert verdicts("R16", *rows) == {}


def test_the_real_bounds(published):
    """More than 6,500 against 6,438: 62 short, 1.0 %. More than 5,300 against 5,375."""
    rows = published.tidy().query("rule == 'R16'").set_index("claim_id")
    assert rows.loc["eu_iv_exports_increased", "verdict"] == "conflict"
    assert "−62 (1.0\u00a0%)" in rows.loc["eu_iv_exports_increased", "arithmetic"]
    assert rows.loc["ccl_firms_peru_headline", "verdict"] == "holds"


@pytest.mark.parametrize(
    "phrase",
    [
        "trained 500 firms that plan to export",
        "capacitó a 500 empresas que buscan exportar",
        "capacitou 500 empresas que pretendem exportar",
        "served 500 firms, more than was expected",
        "500 empresas exportaram camarão",
        "helped 500 firms to be certified",
        "delivered 500 export plans to SMEs",
    ],
)
def test_the_plans_of_firms_and_what_was_exceeded_are_no_intention(fact, verdicts, phrase):
    assert verdicts("R15", fact("one", 500, phrase=phrase)) == {}


@pytest.mark.parametrize(
    "phrase",
    [
        "500 companies that will benefit",
        "300 trained, 500 to be trained",
        "500 empresas que van a recibir apoyo",
    ],
)
def test_an_intention_about_firms_is_one(fact, verdicts, phrase):
    assert verdicts("R15", fact("one", 500, phrase=phrase)) == {"one": "wording"}


def test_a_bound_of_another_place_is_not_failed(fact, verdicts):
    rows = (
        fact("bound", 5_000, qualifier="more_than", geography="Peru"),
        fact("other", 400, geography="Lima", source="elsewhere"),
    )
    assert verdicts("R16", *rows) == {}
    assert verdicts("R16", rows[0], {**rows[1], "geography": "Peru"}) == {"bound": "conflict"}
