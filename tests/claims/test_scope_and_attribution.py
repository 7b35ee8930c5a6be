"""R6 and R7: a ratio is of one place, programme, period and price base, and of all the money."""

from __future__ import annotations

import pytest

RATIO = {
    "stated_as": "ratio",
    "stated_ratio": 5,
    "stated_decimals": 0,
    "unit": "EUR per EUR",
    "qualifier": "exact",
}


@pytest.fixture
def ratio(fact):
    """Five euros per euro, of 100 million and a contribution of 20 million."""

    def make(top=None, base=None, **changes):
        return (
            fact("top", 100e6, subject="t", unit="EUR", **(top or {})),
            fact("base", 20e6, **{"subject": "b", "unit": "EUR", "kind": "input", **(base or {})}),
            fact(
                "ratio", None, subject="r", part_of="base", numerator="top", **{**RATIO, **changes}
            ),
        )

    return make


@pytest.mark.parametrize(
    ("top", "base", "verdict"),
    [
        ({}, {}, "unverifiable"),  # nobody says the price base
        ({"price_base": "2015"}, {"price_base": "2015"}, "holds"),
        ({"price_base": "2015"}, {"price_base": "current"}, "undefined"),
        ({"geography": "Peru"}, {}, "undefined"),
        ({"period": "2010"}, {}, "undefined"),
        ({"programme": "Q"}, {}, "undefined"),
        ({"geography": "not said"}, {}, "unverifiable"),
    ],
)
def test_scope(ratio, verdicts, top, base, verdict):
    assert verdicts("R6", *ratio(top, base)) == {"ratio": verdict}


def test_every_difference_is_named(ratio, audited):
    table = audited(
        *ratio({"geography": "Peru", "price_base": "2015"}, {"price_base": "2010"}), lang="es"
    ).tidy()
    row = table[table["rule"] == "R6"].iloc[0]
    assert row["arithmetic"] == "geografía: Peru / Andes; base de precios: 2015 / 2010"
    assert row["sentence"].startswith("No se puede formar tal razón")


def test_the_five_euros_of_the_programme_page(published):
    """84.6 million of one region over 50 million for 18 countries."""
    rows = published.tidy().query("claim_id == 'eu_iv_five_per_euro'").set_index("rule")
    assert rows.loc["R6", "verdict"] == "undefined"
    assert "Mexico, Central America and Cuba / Latin America" in rows.loc["R6", "arithmetic"]
    # 83 % of the cost: 5 x .83 = 4.15 per euro of total cost; 1 / .83 = 1.205.
    assert rows.loc["R7", "verdict"] == "undefined"
    assert rows.loc["R7", "value"] == pytest.approx(4.15)
    assert (rows.loc["R7", "low"], rows.loc["R7", "high"]) == pytest.approx(
        (4.5 * 0.825, 5.5 * 0.835)
    )
    assert "1.205" in rows.loc["R7", "arithmetic"]


@pytest.mark.parametrize(
    ("base", "verdict"),
    [
        ({"stated_as": "per_cent_of", "stated_ratio": 83, "stated_decimals": 0}, "wording"),
        ({"stated_as": "per_cent_of", "stated_ratio": 100, "stated_decimals": 0}, "holds"),
        ({}, "unverifiable"),
    ],
)
def test_attribution(ratio, verdicts, base, verdict):
    assert verdicts("R7", *ratio(base=base)) == {"ratio": verdict}


def test_a_denominator_that_is_no_money_put_in_is_not_attributed(ratio, verdicts):
    assert verdicts("R7", *ratio(base={"kind": "achievement"})) == {}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, {}),
        ({"geography": "Peru"}, {}),  # a share may be of a part of the place
        ({"programme": "Q"}, {"part": "undefined"}),
        ({"period": "2020"}, {"part": "undefined"}),
        ({"period": ""}, {}),
    ],
)
def test_a_share_is_of_one_programme_and_of_the_same_years(fact, share, verdicts, changes, found):
    rows = fact("whole", 49_000, subject="w"), share("part", 11, part_of="whole", **changes)
    assert verdicts("R6", *rows) == found


def test_what_part_of_the_results_is_the_contributions(published):
    """100 / 83.5 = 1.198, 100 / 83 = 1.205, 100 / 82.5 = 1.212."""
    rows = published.tidy().query("claim_id == 'eu_iv_five_per_euro'").set_index("rule")
    assert "1.205 [1.198; 1.212]" in rows.loc["R7", "arithmetic"]
    assert "in proportion to its money, 83" in rows.loc["R7", "sentence_en"]


def test_the_money_of_a_contribution_is_named(fact, audited):
    paid = fact("paid", 25e6, subject="p", kind="input", unit="USD", indicator="contribution")
    paid |= {"stated_ratio": 50, "stated_as": "per_cent_of", "stated_decimals": 0}
    ratio = fact("ratio", None, subject="r", unit="USD per USD", part_of="paid", stated_as="ratio")
    ratio |= {"stated_ratio": 4, "stated_decimals": 0}
    row = audited(paid, ratio).tidy().query("rule == 'R7'").iloc[0]
    assert row["sentence_en"].startswith("Per USD of total cost")


def test_a_share_of_a_contribution_is_no_share_of_the_cost(ratio, fact, verdicts):
    of_eu = {"stated_as": "per_cent_of", "stated_ratio": 60, "stated_decimals": 0, "part_of": "eu"}
    rows = *ratio(base=of_eu), fact("eu", 30e6, subject="e", unit="EUR", kind="input")
    assert verdicts("R7", *rows)["ratio"] == "unverifiable"
