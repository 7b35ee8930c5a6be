"""R9 and R10: what direct and indirect results imply, and ratios against published ones of the same definition."""

from __future__ import annotations

import pytest

from impact.claims.multiplier import BOUND


@pytest.mark.parametrize(
    ("indirect", "verdict"),
    [
        (60_000, "implausible"),
        (20_001, "implausible"),
        (20_000, "unverifiable"),
        (2_000, "unverifiable"),
    ],
)
def test_multiplier(fact, verdicts, indirect, verdict):
    assert BOUND == 2
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
    """(20,000 + 60,000) / 20,000 = 4: three quarters of each round spent again in the region."""
    row = (
        published.tidy()
        .query("rule == 'R9'")
        .set_index("claim_id")
        .loc["eu_iv_indirect_jobs_60000"]
    )
    assert row["verdict"] == "implausible"
    assert row["value"] == pytest.approx(4)
    assert "75\u00a0%" in row["reason"]


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
        (5.0, "profit per euro", "net", "implausible"),
    ],
)
def test_unit_cost(fact, audited, value, indicator, basis, verdict):
    table = audited(stated(fact, value, indicator=indicator, basis=basis)).tidy()
    row = table[table["rule"] == "R10"].iloc[0]
    assert row["verdict"] == verdict
    if verdict == "implausible":
        assert "outside what programmes like it have shown" in row["sentence_en"]


def test_new_business_has_no_yardstick(published):
    row = published.tidy().query("rule == 'R10'").set_index("claim_id").loc["eu_iv_five_per_euro"]
    assert row["verdict"] == "unverifiable"
    assert "no published figure has this definition" in row["reason"]
