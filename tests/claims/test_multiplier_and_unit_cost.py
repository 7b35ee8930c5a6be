"""R9 and R10: what direct and indirect results imply, and ratios against published ones of the same definition."""

from __future__ import annotations

import math

import pytest

from impact.claims.multiplier import BOUND, PUBLISHED


@pytest.mark.parametrize(
    ("indirect", "verdict"),
    [
        (60_000, "implausible"),
        (50_001, "implausible"),
        (50_000, "unverifiable"),
        (2_000, "unverifiable"),
    ],
)
def test_multiplier(fact, verdicts, indirect, verdict):
    assert BOUND == 3.5 and len(PUBLISHED) == 3
    rows = (
        fact("d", 20_000, subject="d", unit="jobs", indicator="direct jobs"),
        fact("i", indirect, subject="i", unit="jobs", indicator="indirect jobs"),
    )
    assert verdicts("R9", *rows) == {"i": verdict}


def test_other_programmes_are_not_mixed(fact, verdicts):
    rows = (
        fact("d", 20_000, subject="d", unit="jobs", indicator="direct jobs", programme="Q"),
        fact("i", 60_000, subject="i", unit="jobs", indicator="indirect jobs"),
    )
    assert verdicts("R9", *rows) == {}


def test_the_indirect_jobs_of_the_programme_page(published):
    """(20,000 + 60,000) / 20,000 = 4, that is 3 further jobs per job; the most that an abstract gives is 2.5, so 3.5."""
    rows = published.tidy().query("rule == 'R9'").set_index("claim_id")
    row = rows.loc["eu_iv_indirect_jobs_60000"]
    assert row["verdict"] == "implausible"
    assert row["value"] == pytest.approx(4)
    assert (row["low"], row["high"]) == (1, math.inf)  # "more than" twice bounds no quotient
    assert "3.5 (skilled jobs in the tradable sector of a US city; Moretti 2010" in row["reason"]
    assert (
        row["sentence_pt"]
        .replace("\u00a0", " ")
        .startswith("Mais de 20.000 empregos foram comunicados")
    )


def test_years_that_differ_are_no_multiplier(fact, verdicts):
    rows = (
        fact("d", 20_000, subject="d", unit="jobs", indicator="direct jobs", period="2009"),
        fact("i", 60_000, subject="i", unit="jobs", indicator="indirect jobs"),
    )
    assert verdicts("R9", *rows) == {}


def stated(fact, value, **changes):
    row = {"unit": "EUR per EUR", "stated_ratio": value, "stated_as": "ratio", "stated_decimals": 1}
    return fact("ratio", None, **{**row, **changes})


@pytest.mark.parametrize(
    ("value", "indicator", "basis", "verdict"),
    [
        (2.0, "value added per euro", "net", "unverifiable"),
        (9.0, "value added per euro", "net", "implausible"),
        (0.2, "valor agregado por euro", "net", "implausible"),
        (9.0, "value added per euro", "gross", "unverifiable"),
        (9.0, "new business per euro", "net", "unverifiable"),
        (5.0, "profit per euro", "net", "unverifiable"),  # one published figure is no range
        (5.0, "lucros por euro", "líquido", "unverifiable"),
        (9.0, "valor acrescentado por euro", "líquido", "implausible"),
        (
            5.0,
            "exports per euro",
            "net",
            "unverifiable",
        ),  # none of those published is of a programme
    ],
)
def test_unit_cost(fact, audited, value, indicator, basis, verdict):
    table = audited(stated(fact, value, indicator=indicator, basis=basis)).tidy()
    row = table[table["rule"] == "R10"].iloc[0]
    assert row["verdict"] == verdict
    if verdict == "implausible":
        assert "outside what programmes like it have shown" in row["sentence_en"]


def test_new_business_has_no_yardstick(published):
    """15 and 87 dollars of exports per dollar of export promotion are not new business per euro of an EU contribution."""
    row = published.tidy().query("rule == 'R10'").set_index("claim_id").loc["eu_iv_five_per_euro"]
    assert row["verdict"] == "unverifiable" and row["remark"]
    assert "not comparable" in row["reason"]
    assert "15 (trade promotion organizations" in row["arithmetic"]
    assert math.isnan(row["low"])


def test_money_per_firm_is_computed_and_not_judged(published):
    """25,000,000 / 49,000 = 510.2; 50,000,000 / 60,000 = 833.3, and more, since almost 60,000 are fewer. Jobs of four countries have no money of their own."""
    rows = published.tidy().query("rule == 'R10'").set_index("claim_id")
    assert rows["value"].round(1).to_dict() == {
        "ccl_firms_total_49000": 510.2, "eu_iv_firms_60000": 833.3, "eu_iv_five_per_euro": pytest.approx(math.nan, nan_ok=True),
    }  # fmt: skip
    assert rows["verdict"].eq("unverifiable").all()
    served = rows.loc["eu_iv_firms_60000"]
    assert served["low"] == pytest.approx(50e6 / 60_000) and served["high"] == pytest.approx(
        50e6 / 54_000
    )


def test_money_of_another_place_is_not_divided(fact, verdicts):
    paid = fact("paid", 1e6, subject="p", kind="input", unit="EUR")
    assert verdicts("R10", paid, fact("n", 100)) == {"n": "unverifiable"}
    assert verdicts("R10", {**paid, "geography": "Peru"}, fact("n", 100)) == {}
    assert verdicts("R10", {**paid, "programme": "Q"}, fact("n", 100)) == {}


def test_both_together_are_not_the_indirect_ones_and_only_jobs_are_judged(fact, verdicts):
    direct = fact("d", 1_000, subject="d", unit="jobs", indicator="direct jobs")
    both = fact("b", 4_000, subject="b", unit="jobs", indicator="direct and indirect jobs")
    assert verdicts("R9", direct, both) == {}
    people = {"unit": "persons", "period": "2010"}
    rows = (
        fact("d", 1_000, subject="d", indicator="direct beneficiaries", **people),
        fact("i", 5_000, subject="i", indicator="indirect beneficiaries", **people),
    )
    assert verdicts("R9", *rows) == {}


def test_money_per_job_is_not_held_against_money_per_money(fact, verdicts):
    row = fact("one", None, unit="EUR per job", indicator="value added per job", basis="net")
    row |= {"stated_ratio": 20_000, "stated_as": "ratio", "stated_decimals": 0}
    assert verdicts("R10", row) == {"one": "unverifiable"}
    assert verdicts("R10", {**row, "unit": "EUR per EUR"}) == {"one": "implausible"}
    assert verdicts("R10", {**row, "unit": "EUR per EUR", "basis": "gross or net not said"}) == {
        "one": "unverifiable"
    }
