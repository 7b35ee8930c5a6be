"""Margins of firm-years and of growth: ten firms drawn as text, sums that close, and a plain twin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact

# Firm, product, destination; exports of 2014 and 2015.
PAIRS = """
A coffee DE   10  14     # grows by 4
A coffee FR   10   7     # shrinks by 3
B coffee DE   20  20     # stays
B tea    US    .   5     # a pair added
C tea    US    6   .     # a pair dropped
C tea    DE    4   9     # grows by 5
D cocoa  FR    .  30     # enters
D cocoa  DE    .  10     # with two pairs
E cocoa  US   25   .     # leaves
F coffee US    8   .     # leaves
G tea    FR    5   8     # grows by 3
H coffee DE    3   3     # stays
I cocoa  FR    7   1     # shrinks by 6
J tea    DE    2   .     # swaps one pair
J cocoa  DE    .   2     # for another
"""


def read(drawing: str, first: int = 2014) -> pd.DataFrame:
    rows = []
    for line in drawing.strip().splitlines():
        firm, product, to, *amounts = line.split("#")[0].split()
        rows += [
            (firm, first + i, product, to, float(a)) for i, a in enumerate(amounts) if a != "."
        ]
    return pd.DataFrame(rows, columns=["firm_id", "year", "product", "destination", "value"])


def test_growth_is_parted() -> None:
    """2014: 100. 2015: 109. Entrants 40, exiters 33; added 5 + 2, dropped 6 + 2; grown 4 + 5 + 3, shrunk 3 + 6."""
    growth = impact.margins(read(PAIRS)).growth
    assert len(growth) == 1
    row = growth.iloc[0]
    assert row[["value_before", "value", "change"]].tolist() == [100, 109, 9]
    assert row[["entrants", "exiters", "added", "dropped", "grown", "shrunk"]].tolist() == [
        40,
        -33,
        7,
        -8,
        12,
        -9,
    ]
    assert row[["n_entrants", "n_exiters", "n_continuing", "n_unobserved"]].tolist() == [1, 2, 7, 0]
    assert row["growth"] == 9 / 104.5
    assert row["entrants_contribution"] == 40 / 104.5
    table = impact.margins(read(PAIRS)).tidy()
    assert table["contribution"].sum() == pytest.approx(row["growth"], abs=1e-15)
    # Added by B and J; dropped by C and J; A, C and G grew, A and I shrank.
    assert table.set_index("margin")["n"].tolist() == [1, 2, 2, 2, 3, 2]


def test_the_identity_of_a_firm_year() -> None:
    """A sells one product to two places; density is 1. Of three products to two places by four of six pairs, 2/3."""
    found = impact.margins(read(PAIRS)).identity.set_index(["firm_id", "year"])
    assert found.loc[
        ("A", 2014), ["value", "destinations", "products", "pairs", "density", "average"]
    ].tolist() == [20, 2, 1, 2, 1, 10]
    rows = pd.DataFrame(
        {
            "firm_id": "z",
            "year": 2014,
            "product": list("abca"),
            "destination": ["DE", "DE", "FR", "FR"],
            "value": [1.0, 2.0, 3.0, 6.0],
        }
    )
    z = impact.margins(rows).identity.iloc[0]
    assert z["density"] == pytest.approx(2 / 3) and z["average"] == 3
    logs = impact.margins(read(PAIRS)).identity
    parts = logs[["ln_destinations", "ln_products", "ln_density", "ln_average"]].sum(axis=1)
    np.testing.assert_allclose(parts, logs["ln_value"], atol=1e-12)
    np.testing.assert_allclose(logs["ln_value"], np.log(logs["value"]), atol=1e-12)


def test_growth_of_participants_and_others() -> None:
    """A, B and D take part. Both groups together are all firms; a firm that is not observed leaves both years."""
    firms = pd.DataFrame([(f, y, "active_exporter", f in "ABD") for f in "ABCDEFGHIJ" for y in (2014, 2015)],
                         columns=["firm_id", "year", "state", "takes_part"])  # fmt: skip
    none = {("D", 2014), ("E", 2015), ("F", 2015)}
    firms["state"] = ["active_nonexporter" if (f, y) in none else s
                      for f, y, s in zip(firms["firm_id"], firms["year"], firms["state"], strict=True)]  # fmt: skip
    panel = impact.panel(firms, unit="firm_id", time="year")
    both = impact.margins(read(PAIRS), panel=panel, group="takes_part").growth.set_index(
        "takes_part"
    )
    assert both.loc[
        True, ["value_before", "value", "entrants", "added", "grown", "shrunk"]
    ].tolist() == [40, 86, 40, 5, 4, -3]
    assert both["change"].sum() == 9
    lost = firms.assign(
        state=firms["state"].mask((firms["firm_id"] == "D") & (firms["year"] == 2014), "unobserved")
    )
    row = impact.margins(
        read(PAIRS), panel=impact.panel(lost, unit="firm_id", time="year")
    ).growth.iloc[0]
    assert row[["entrants", "n_entrants", "n_unobserved", "value_unobserved"]].tolist() == [
        0,
        0,
        1,
        40,
    ]
    assert row["value"] == 69


def test_logs_become_columns_of_a_panel() -> None:
    frame = pd.DataFrame({"firm_id": ["A", "E"], "year": [2015, 2015]})
    panel = impact.margins(read(PAIRS)).onto(impact.panel(frame, unit="firm_id", time="year"))
    assert panel.data["ln_products"].tolist()[0] == 0 and panel.data[
        "ln_products"
    ].isna().tolist() == [False, True]
    # E left: its growth is known, its logarithms are not.
    assert panel.counts()["n_obs"].tolist() == [*[1] * 5, 2]
    assert panel.data["exports_growth"].tolist() == [2 * 1 / 41, -2]


def test_growth_of_a_firm_is_midpoint_growth() -> None:
    """D enters: 2; E and F leave: -2; B and C as worked by hand; J's exports stay at 2 while its pair changes: 0.

    K is in the panel and exports nothing: no growth. I was not observed in 2014: its growth is not known, though it exports in 2015.
    """
    rows = [(f, y, "active_nonexporter") for f in "ABCDEFGHIJK" for y in (2014, 2015)]
    firms = pd.DataFrame(rows, columns=["firm_id", "year", "state"])
    firms.loc[(firms["firm_id"] == "I") & (firms["year"] == 2014), "state"] = "unobserved"
    sold = read(PAIRS)
    sold = sold[(sold["firm_id"] != "I") | (sold["year"] == 2015)]
    found = impact.margins(sold, panel=impact.panel(firms, unit="firm_id", time="year"))
    table = found.firm_growth.set_index("firm_id")
    assert (table["year"] == 2015).all() and "K" not in table.index
    assert table.loc[["A", "D", "E", "I"], "kind"].tolist() == ["continuing", "entrant", "exiter", "unobserved"]  # fmt: skip
    expected = {
        "A": 2 / 41,
        "B": 10 / 45,
        "C": -2 / 19,
        "D": 2,
        "E": -2,
        "F": -2,
        "G": 6 / 13,
        "H": 0,
        "J": 0,
    }
    assert table["exports_growth"].dropna().to_dict() == pytest.approx(expected)
    assert table.loc["I", ["value_before", "value"]].isna().all()
    # Weighted by the mean of both years, firms' growth is that of all: 109 less I's 1, by 100 less I's 7.
    weight = (table["value"] + table["value_before"]) / (108 + 93)
    assert (weight * table["exports_growth"]).sum() == pytest.approx(found.growth.loc[0, "growth"])
    assert found.growth.loc[0, "growth"] == 2 * 15 / 201
    made = found.onto(impact.panel(firms, unit="firm_id", time="year"))
    grown = made.data.set_index(["firm_id", "year"])["exports_growth"]
    assert grown[("D", 2015)] == 2 and pd.isna(grown[("K", 2015)]) and grown.xs(2014, level=1).isna().all()  # fmt: skip
    count = made.counts().set_index("outcome").loc["exports_growth"]
    assert count["n_obs"] == 9 and "have no growth" in count["flags"]
    assert found.counts().set_index("outcome").loc["exports_growth", "n_obs"] == 9


def test_effects_on_the_logs_of_margins_add_up() -> None:
    """|sum of the four - that on ln_value| < 1e-10, by least squares with fixed effects."""
    rng = np.random.default_rng(3)
    n = 600
    rows = pd.DataFrame({
        "firm_id": rng.integers(0, 30, n), "year": rng.integers(2010, 2016, n), "product": rng.choice(list("abcd"), n),
        "destination": rng.choice(["DE", "FR", "US"], n), "value": rng.lognormal(8, 2, n).round(2),
    })  # fmt: skip
    firms = pd.DataFrame([(f, y) for f in range(30) for y in range(2010, 2016)], columns=["firm_id", "year"])  # fmt: skip
    panel = impact.margins(rows).onto(impact.panel(firms, unit="firm_id", time="year"))
    data = panel.data.assign(takes_part=(panel.data["firm_id"] < 12) & (panel.data["year"] > 2012))
    data["takes_part"] = data["takes_part"].astype("float64")
    effects = {
        name: impact.regress(f"{name} ~ takes_part | firm_id + year", data)
        .tidy()["estimate"]
        .iloc[0]
        for name in ("ln_value", "ln_destinations", "ln_products", "ln_density", "ln_average")
    }
    whole = effects.pop("ln_value")
    assert abs(whole) > 1e-3 and abs(sum(effects.values()) - whole) < 1e-10


def test_what_must_be_said_goes_onto_a_panel() -> None:
    """C to F and J ship, and are in no row of the panel; H and I have no sector, so they are in no group."""
    rows = pd.DataFrame([(f, y, "active_exporter") for f in "ABGHI" for y in (2014, 2015)],
                        columns=["firm_id", "year", "state"])  # fmt: skip
    rows["sector"] = rows["firm_id"].map({"A": "food", "B": "food", "G": "wood"})
    panel = impact.panel(rows, unit="firm_id", time="year")
    found = impact.margins(read(PAIRS), panel=panel, group="sector")
    assert found.growth.groupby("sector")["change"].sum().to_dict() == {"food": 6, "wood": 3}
    alone = "2 firms without a value of 'sector' are in no group."
    assert alone in found.notes and alone in found.summary()
    made = found.onto(panel)
    assert made.notes == found.notes and any("not in the panel" in note for note in made.notes)


def test_the_column_of_groups_has_its_own_name_unless_it_is_taken() -> None:
    rows = pd.DataFrame([(f, y, "active_exporter", f in "AB") for f in "ABGHI" for y in (2014, 2015)],
                        columns=["firm_id", "year", "state", "growth"])  # fmt: skip
    panel = impact.panel(rows, unit="firm_id", time="year")
    found = impact.margins(read(PAIRS), panel=panel, group="growth")
    assert found.growth.set_index("group")["growth"].to_dict() == {False: -3 / 13.5, True: 6 / 43}
    assert list(found.tidy())[:2] == ["year", "group"] and found.group == "group"


def test_what_cannot_be_asked() -> None:
    with pytest.raises(impact.DataError, match="no column of destinations"):
        impact.margins(read(PAIRS).drop(columns="destination"))
    with pytest.raises(impact.DataError, match="give panel="):
        impact.margins(read(PAIRS), group="sector")
    changing = pd.DataFrame({"firm_id": ["A", "A"], "year": [2014, 2015], "sector": ["x", "y"]})
    with pytest.raises(impact.DataError, match="'sector' changes within 1 firms"):
        impact.margins(
            read(PAIRS), panel=impact.panel(changing, unit="firm_id", time="year"), group="sector"
        )


cell = st.tuples(st.sampled_from("abcdef"), st.integers(2010, 2013), st.sampled_from("xyz"), st.sampled_from(["DE", "FR"]),
                 st.floats(0.01, 1000))  # fmt: skip


@settings(max_examples=20)
@given(st.lists(cell, min_size=1, max_size=60))
def test_margins_agree_with_loops(drawn: list[tuple[str, int, str, str, float]]) -> None:
    rows = pd.DataFrame(drawn, columns=["firm_id", "year", "product", "destination", "value"])
    growth = impact.margins(rows).growth.set_index("year")
    pairs: dict[int, dict[tuple[str, str, str], float]] = {}
    for firm, year, product, to, value in drawn:
        held = pairs.setdefault(year, {})
        held[firm, product, to] = held.get((firm, product, to), 0) + value
    years = [y for y in pairs if y - 1 in pairs]
    assert sorted(growth.index) == sorted(years)
    for y in years:
        now, before = pairs[y], pairs[y - 1]
        who, was = {k[0] for k in now}, {k[0] for k in before}
        stay = {k for k in {*now, *before} if k[0] in who & was}
        change = {k: now.get(k, 0) - before.get(k, 0) for k in stay}
        plain = {
            "entrants": sum(v for k, v in now.items() if k[0] not in was),
            "exiters": -sum(v for k, v in before.items() if k[0] not in who),
            "added": sum(v for k, v in change.items() if k not in before),
            "dropped": sum(v for k, v in change.items() if k not in now),
            "grown": sum(max(v, 0) for k, v in change.items() if k in now and k in before),
            "shrunk": sum(min(v, 0) for k, v in change.items() if k in now and k in before),
        }
        for margin, value in plain.items():
            assert growth.loc[y, margin] == pytest.approx(value, rel=1e-9, abs=1e-9), margin
        total = sum(growth.loc[y, f"{m}_contribution"] for m in plain)
        assert total == pytest.approx(growth.loc[y, "growth"], abs=1e-12)
        assert -2 <= growth.loc[y, "growth"] <= 2
