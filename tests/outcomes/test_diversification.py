"""Diversification: known values, firms drawn as text, identities, and the European trade file against plain pandas."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DataError

TRADE = (
    Path(__file__).parents[3] / "shared" / "data" / "eurostat_eu15_trade_2007_2016" / "trade.csv.gz"
)


def read(drawing: str, *, first: int = 2010) -> pd.DataFrame:
    """Rows of firm and product, cells of years; `.` is none."""
    rows = []
    for line in drawing.strip().splitlines():
        firm, product, *amounts = line.split("#")[0].split()
        rows += [(firm, first + i, product, float(a)) for i, a in enumerate(amounts) if a != "."]
    return pd.DataFrame(rows, columns=["firm_id", "year", "product", "value"])


TEN = """
A coffee   50  50  50
A tea      30  30  .     # loses two of three products
A cocoa    20  20  .
B coffee   10  10  10
B tea      .   10  10    # adds a second, and keeps it
C coffee   1   .   .     # stops
D coffee   5   .   5     # stops for a year
E coffee   4   4   2
E tea      4   4   6     # shifts between two
F coffee   .   9   9
F tea      .   .   27    # enters with one, then a second
G cocoa    8   8   8
H tea      6   2   2
H cocoa    .   4   4
I tea      3   3   3
I coffee   3   3   3
I cocoa    3   3   3     # even
J cocoa    .   .   7
"""


@pytest.fixture(scope="module")
def ten() -> impact.Diversification:
    return impact.diversification(read(TEN), over="product", look_back=1)


def of(found: impact.Diversification, firm: str, year: int) -> pd.Series:
    data = found.data
    return data[(data["firm_id"] == firm) & (data["year"] == year)].iloc[0]


def test_the_values_that_others_computed() -> None:
    """x = (50, 30, 20) and seven lines without exports."""
    rows = pd.DataFrame(
        {"firm_id": "a", "year": 2015, "product": list("xyz"), "value": [50.0, 30.0, 20.0]}
    )
    got = impact.diversification(rows, over="product", potential={"product": 10}).data.iloc[0]
    expected = {"theil": 1.2729320789, "theil_between": 1.2039728043, "theil_within": 0.0689592746, "hhi": 0.38,
                "hhi_normalised": 0.07, "hhi_normalised_potential": 0.3111111111, "entropy": 1.0296530141,
                "effective_number": 2.6315789474, "effective_entropy": 2.8000940}  # fmt: skip
    for name, value in expected.items():
        assert got[name] == pytest.approx(
            value, abs=1e-7 if name == "effective_entropy" else 6e-11
        ), name
    assert got[["n_lines", "top1_share", "top3_share"]].tolist() == [3, 0.5, 1.0]
    # Mean absolute difference 20 over all ordered pairs of different lines, by twice the mean of 100/3.
    assert got["gini"] == pytest.approx(20 / (2 * 100 / 3))


def test_firm_by_firm(ten: impact.Diversification) -> None:
    """Three products occur in the data, so n = 3."""
    a = of(ten, "A", 2010)
    assert a["n_lines"] == 3 and a["hhi"] == 0.38 and a["theil_between"] == 0
    a = of(ten, "A", 2012)
    assert a[["n_lines", "hhi", "hhi_normalised", "effective_number", "entropy"]].tolist() == [
        1,
        1,
        1,
        1,
        0,
    ]
    assert math.isclose(a["theil"], math.log(3)) and math.isclose(a["theil_between"], math.log(3))
    assert pd.isna(a["gini"])
    even = of(ten, "I", 2011)
    assert even["hhi_normalised"] == pytest.approx(0, abs=1e-15) and even["gini"] == 0
    assert even["effective_number"] == pytest.approx(3)
    assert of(ten, "E", 2012)["top1_share"] == 0.75


def test_without_exports_the_count_is_0_and_concentration_is_not_defined(
    ten: impact.Diversification,
) -> None:
    none = of(ten, "D", 2011)
    assert none["n_lines"] == 0 and none["new_lines"] == 0
    for name in ("hhi", "entropy", "theil", "gini", "top1_share"):
        assert pd.isna(none[name]), name


def test_change_is_of_lines_that_stayed_came_and_went(ten: impact.Diversification) -> None:
    changes = ten.changes.set_index(["firm_id", "year", "measure"])[
        ["change", "continuing", "new", "dropped"]
    ]
    # A loses tea and cocoa: squares of .3 and .2 go, coffee's grows from .25 to 1.
    assert changes.loc[("A", 2012, "hhi")].tolist() == pytest.approx([0.62, 0.75, 0.0, -0.13])
    assert changes.loc[("A", 2012, "n_lines")].tolist() == [-2, 0, 0, -2]
    # B adds tea: its share .5 brings .25, and coffee falls from 1 to .25.
    assert changes.loc[("B", 2011, "hhi")].tolist() == pytest.approx([-0.5, -0.75, 0.25, 0.0])
    assert changes.loc[("B", 2011, "n_lines")].tolist() == [1, 0, 1, 0]
    # Theil: the between part falls by ln 2 when a second line of equal size comes.
    assert changes.loc[("B", 2011, "theil"), "change"] == pytest.approx(-math.log(2))
    # Who did not export in one of the years has no change: C, D; F and J in their first year.
    assert not {
        ("C", 2011, "hhi"),
        ("D", 2011, "hhi"),
        ("D", 2012, "hhi"),
        ("F", 2011, "hhi"),
    } & set(changes.index)
    # Three groups: of F's 36 in 2012, 9 are of the old line and 27 of the new one; n = 3.
    f = of(ten, "F", 2012)
    assert f["theil_between_old"] == pytest.approx(0.25 * math.log(0.25 * 3))
    assert f["theil_between_new"] == pytest.approx(0.75 * math.log(0.75 * 3))


def test_the_number_of_lines_changes_wherever_both_years_are_known() -> None:
    """F goes from 0 to 1 and D to 0 and back; C stays at 0; Q was not observed in 2011, so its changes of 2011 and 2012 are not known."""
    states = {"e": "active_exporter", ".": "active_nonexporter", "?": "unobserved"}
    drawn = {"C": "e..", "D": "e.e", "F": ".ee", "Q": "e?e"}
    rows = pd.DataFrame([(f, 2010 + i, states[s]) for f, x in drawn.items() for i, s in enumerate(x)],
                        columns=["firm_id", "year", "state"])  # fmt: skip
    found = impact.diversification(read("""
        C coffee   1   .   .
        D coffee   5   .   5
        D tea      5   .   .
        F coffee   .   9   9
        F tea      .   .   27
        Q coffee   1   .   1
        Z cocoa    1   1   1    # not in the panel: it leaves, and every year is observed
    """), over="product", look_back=1, panel=impact.panel(rows, unit="firm_id", time="year"))  # fmt: skip
    changes = found.changes.set_index(["measure", "firm_id", "year"])
    counted = changes.loc["n_lines", ["change", "continuing", "new", "dropped"]]
    expected = {
        ("C", 2011): [-1, 0, 0, -1], ("C", 2012): [0, 0, 0, 0], ("D", 2011): [-2, 0, 0, -2], ("D", 2012): [1, 0, 1, 0],
        ("F", 2011): [1, 0, 1, 0], ("F", 2012): [1, 0, 1, 0],
    }  # fmt: skip
    assert {k: v.tolist() for k, v in counted.iterrows()} == expected
    # Shares exist in both years for F in 2012 alone.
    assert changes.loc["hhi"].index.tolist() == [("F", 2012)]


def test_the_change_of_measures_without_parts(ten: impact.Diversification) -> None:
    """B in 2011: from one line to two even ones. E in 2012: from even lines to shares of .25 and .75."""
    changes = ten.changes.set_index(["measure", "firm_id", "year"])
    for measure, value in (
        ("hhi_normalised", -1),
        ("effective_number", 1),
        ("top1_share", -0.5),
        ("top3_share", 0),
    ):
        row = changes.loc[(measure, "B", 2011)]
        assert row["change"] == pytest.approx(value), measure
        assert row[["continuing", "new", "dropped"]].isna().all(), measure
    assert ("gini", "B", 2011) not in changes.index  # one line has no Gini
    # (2 - 6)^2: mean absolute difference 4 by twice the mean of 4.
    assert changes.loc[("gini", "E", 2012), "change"] == pytest.approx(0.5)
    assert ("top1_share", "F", 2011) not in changes.index  # nothing was exported in 2010


def test_what_became_of_new_lines() -> None:
    """New after one year without: of 2011, two years later."""
    found = impact.diversification(read("""
        A coffee  5  5  5  5    # old
        A tea     .  5  .  6    # new in 2011, there in 2013 with more
        A cocoa   .  5  5  4    # with less
        A wine    .  5  5  .    # gone
    """), over="product", look_back=1)  # fmt: skip
    rows = found.data.set_index("year")[["new_lines", "new_lines_alive_2", "new_lines_grown_2"]]
    assert rows.loc[2011].tolist() == [3, 2, 1]
    assert rows.loc[2010].isna().all()  # no year before
    assert rows.loc[2012, "new_lines"] == 0 and pd.isna(
        rows.loc[2012, "new_lines_alive_2"]
    )  # 2014 is not in the data


def test_regions_and_the_union() -> None:
    rows = pd.DataFrame({"firm_id": "a", "year": [2012, 2012, 2012, 2013], "destination": ["HR", "EC", "DE", "HR"],
                         "value": [1.0, 2.0, 5.0, 3.0]})  # fmt: skip
    data = impact.diversification(rows, home=["EC", "PE"]).data
    assert data["share_outside_home"].tolist() == [0.75, 1.0]
    assert data["share_eu"].tolist() == [0.625, 1.0]  # Croatia joined in 2013
    named = impact.diversification(rows.replace({"DE": "Germany"}))
    assert "share_eu" not in named.data  # no codes of countries: not known, so not said
    with pytest.raises(impact.DataError, match="No destination of the home region"):
        impact.diversification(rows, home=["XX"])


def test_codes_that_are_no_country_have_no_region() -> None:
    """a sells 1 of 4 to 'EU', b to Croatia and Greece alone, c to 'R4' after it joined the data; d to Peru and 'XX'."""
    rows = pd.DataFrame(
        [("a", 2013, "EU", 1.0), ("a", 2013, "DE", 3.0), ("b", 2013, "HR", 1.0), ("b", 2013, "EL", 1.0), ("c", 2013, "DE", 2.0),
         ("c", 2014, "R4", 2.0), ("d", 2013, "PE", 1.0), ("d", 2013, "XX", 1.0), ("d", 2014, "PE", 1.0)],
        columns=["firm_id", "year", "destination", "value"],
    )  # fmt: skip
    found = impact.diversification(rows, over="destination", home=["PE", "EC", "BO"])
    keyed = found.data.set_index(["firm_id", "year"])
    assert keyed["share_eu"].dropna().to_dict() == {
        ("b", 2013): 1, ("c", 2013): 1, ("d", 2014): 0,
    }  # fmt: skip
    assert keyed["share_outside_home"].dropna().to_dict() == {
        ("b", 2013): 1, ("c", 2013): 1, ("d", 2014): 0,
    }  # fmt: skip
    said = found.summary()
    assert "no country of ISO 3166: 'EU', 'R4', 'XX'" in said
    assert "Destinations of the home region that are not in the data: 'BO', 'EC'." in said
    counts = found.counts().set_index("outcome")
    for share in ("share_eu_destinations", "share_outside_home_destinations"):
        assert counts.loc[share, "n_obs"] == 3 and "'EU', 'R4', 'XX'" in counts.loc[share, "flags"]
    # A code that the home region names is of it, whatever it is.
    at_home = impact.diversification(rows, home=["PE", "XX"], over="destination").data.set_index(["firm_id", "year"])  # fmt: skip
    assert at_home.loc[("d", 2013), "share_outside_home"] == 0 and pd.isna(at_home.loc[("d", 2013), "share_eu"])  # fmt: skip
    changes = found.changes.set_index(["measure", "firm_id", "year"])
    assert not {"share_eu", "share_outside_home"} & set(changes.index.get_level_values(0))


def test_of_names_of_countries_the_home_region_is_known_and_the_union_is_not() -> None:
    rows = pd.DataFrame({"firm_id": "a", "year": [2012, 2012, 2013], "destination": ["Peru", "Germany", "Peru"], "value": [1.0, 3.0, 2.0]})  # fmt: skip
    found = impact.diversification(rows, home="Peru")
    assert found.data["share_outside_home"].tolist() == [0.75, 0]
    assert "not all codes of ISO 3166, such as 'Germany'" in found.summary()
    change = found.changes.set_index("measure").loc["share_outside_home"]
    assert change["change"] == -0.75 and pd.isna(change["new"])


def test_flags_and_units_go_onto_a_panel() -> None:
    """Of the three new lines of 2011 two are alive in 2013, one with no less; the new one of 2012 is at risk of nothing: 2014 is not there."""
    found = impact.diversification(read("""
        A coffee  5  5  5  5
        A tea     .  5  .  6
        A cocoa   .  5  5  4
        A wine    .  5  5  .
        A milk    .  .  5  5
    """), over="product", look_back=1)  # fmt: skip
    rows = pd.DataFrame({"firm_id": "A", "year": range(2010, 2014)})
    panel = found.onto(impact.panel(rows, unit="firm_id", time="year"))
    counts = panel.counts().set_index("outcome")
    for table in (counts, found.counts().set_index("outcome")):
        for fate, events in (("alive", 2), ("grown", 1)):
            row = table.loc[f"new_lines_{fate}_2_products"]
            assert row[["unit", "n_obs", "n_at_risk", "n_event"]].tolist() == [
                "lines",
                1,
                3,
                events,
            ]
            assert row["value"] == pytest.approx(events / 3)
            assert "second year after is observed" in row["flags"]
        units = {"top1_share_products": "share", "entropy_products": "nats", "hhi_products": "index", "effective_number_products": "lines",
                 "new_lines_products": "lines"}  # fmt: skip
        assert table.loc[list(units), "unit"].to_dict() == units
        assert "n = 5 potential lines" in table.loc["theil_products", "flags"]
        assert "entry with one line raises concentration" in table.loc["hhi_products", "flags"]
    assert {c.outcome for c in panel.outcomes if c.ahead} == {"new_lines_alive_2_products", "new_lines_grown_2_products"}  # fmt: skip
    assert counts.loc["n_products", "unit"] == "lines"


def test_measures_become_columns_of_a_panel(ten: impact.Diversification) -> None:
    frame = pd.DataFrame({"firm_id": ["A", "A", "Z"], "year": [2010, 2012, 2010]})
    panel = ten.onto(impact.panel(frame, unit="firm_id", time="year"))
    assert panel.data["hhi_products"].tolist()[:2] == [0.38, 1.0] and pd.isna(
        panel.data["hhi_products"][2]
    )
    assert panel.data["n_products"].tolist()[:2] == [3.0, 1.0]
    counts = panel.counts().set_index("outcome")
    assert counts.loc["hhi_products", "n_obs"] == 2 and "hhi" in counts.loc["hhi_products", "label"]


def test_discoveries_have_followers() -> None:
    """Tea: exported by A in 2012, after two years in which nobody did; B follows in 2013, C in 2014, A counts once."""
    rows = read("""
        A coffee  5  5  5  5  5
        A tea     .  .  5  5  .
        B tea     .  .  .  5  5
        C tea     .  .  .  .  5
        D coffee  .  5  .  .  .
    """)
    table = impact.discoveries(rows, look_back=2, followers_within=1)
    assert table[["product", "year", "pioneers", "followers"]].values.tolist() == [
        ["tea", 2012, 1, 1]
    ]
    table = impact.discoveries(rows, look_back=2, followers_within=2)
    assert table["followers"].tolist() == [2] and table["alive_2"].tolist() == [0]
    late = impact.discoveries(rows, look_back=2, followers_within=3)
    assert late["followers"].isna().all()  # 2015 is not in the data
    assert impact.discoveries(rows, look_back=2, threshold=100.0).empty


def twin(lines: pd.Series, n: int) -> dict[str, float]:
    """By loops, from the definitions."""
    x = [v for v in lines.tolist() if v > 0]
    total = math.fsum(x)
    s = [v / total for v in x]
    every = s + [0.0] * (n - len(s))
    theil = math.fsum(v * n * math.log(v * n) for v in every if v > 0) / n
    inside = math.fsum(v * math.log(v * len(s)) for v in s)
    gini = math.fsum(abs(a - b) for a in x for b in x) / (2 * len(x) ** 2 * total / len(x))
    return {"n_lines": len(x), "hhi": math.fsum(v * v for v in s), "entropy": -math.fsum(v * math.log(v) for v in s), "theil": theil,
            "theil_within": inside, "theil_between": theil - inside, "top1_share": max(s), "top3_share": math.fsum(sorted(s)[-3:]),
            "gini": gini * len(x) / (len(x) - 1) if len(x) > 1 else math.nan}  # fmt: skip


@settings(max_examples=15)
@given(
    st.lists(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=12), min_size=1, max_size=8),
    st.integers(-3, 3),
)
def test_every_measure_agrees_with_loops(firms: list[list[float]], power: int) -> None:
    """And the unit of money does not matter, the parts of Theil add up, and shares of halves double the number."""
    rows = pd.DataFrame(
        [(f"f{i}", 2015, p, v) for i, values in enumerate(firms) for p, v in enumerate(values)],
        columns=["firm_id", "year", "product", "value"],
    )
    potential = {"product": 13}
    got = impact.diversification(rows, over="product", potential=potential).data
    for i, values in enumerate(firms):
        for name, value in twin(pd.Series(values), 13).items():
            assert got.loc[i, name] == pytest.approx(value, rel=1e-9, abs=1e-11, nan_ok=True), name
    assert (got["theil_between"] + got["theil_within"] - got["theil"]).abs().max() < 1e-12
    scaled = impact.diversification(
        rows.assign(value=rows["value"] * 10.0**power), over="product", potential=potential
    ).data
    np.testing.assert_allclose(scaled["hhi"], got["hhi"], rtol=1e-8)
    half = rows.assign(value=rows["value"] / 2)
    halves = pd.concat([half, half.assign(product=half["product"] + 100)])
    twice = impact.diversification(halves, over="product").data["effective_number"]
    np.testing.assert_allclose(twice, 2 * got["effective_number"], rtol=1e-9)


@pytest.mark.skipif(not TRADE.exists(), reason="the shared data are not beside this checkout")
def test_european_trade_agrees_with_pandas() -> None:
    """Origins as units, 2007 to 2016: counts, HHI, entropy and Theil over products, destinations and pairs, to 1e-12."""
    trade = pd.read_csv(TRADE)
    found = impact.diversification(trade, unit="origin", value="value_eur", look_back=1).data
    keys = {
        "product": ["product"],
        "destination": ["destination"],
        "pair": ["product", "destination"],
    }
    for over, columns in keys.items():
        lines = (
            trade[trade["value_eur"] > 0].groupby(["origin", "year", *columns])["value_eur"].sum()
        )
        by = lines.groupby(["origin", "year"])
        share = lines / by.transform("sum")
        n = len(trade[columns].drop_duplicates())
        firm_years = share.groupby(["origin", "year"])
        plain = pd.DataFrame({
            "n_lines": by.size(), "hhi": (share**2).groupby(["origin", "year"]).sum(),
            "entropy": -(share * np.log(share)).groupby(["origin", "year"]).sum(),
            "theil": (share * np.log(share * n)).groupby(["origin", "year"]).sum(), "top1_share": firm_years.max(),
        })  # fmt: skip
        got = found[found["over"] == over].set_index(["origin", "year"])[list(plain)]
        assert len(got) == len(plain) == 150
        np.testing.assert_allclose(
            got.loc[plain.index].to_numpy(dtype=float), plain.to_numpy(), rtol=0, atol=1e-12
        )
    parts = found["theil_between"] + found["theil_within"] - found["theil"]
    assert parts.abs().max() < 1e-12
    changes = impact.diversification(trade, unit="origin", value="value_eur", over="pair").changes
    plain = changes["measure"].isin(["hhi_normalised", "effective_number", "top1_share", "top3_share", "gini"])  # fmt: skip
    parts = changes[["continuing", "new", "dropped"]]
    assert parts[plain].isna().all(axis=None) and parts[~plain].notna().all(axis=None)
    assert (parts.sum(axis=1) - changes["change"])[~plain].abs().max() < 1e-12
    assert set(changes["measure"][~plain]) == {"n_lines", "hhi", "entropy", "theil"}


def test_changes_hold_known_changes_only() -> None:
    """Every firm has one product, so Gini is never known: it has no rows, and no row is empty."""
    rows = [(f, y, "coffee", 10.0) for f in "ab" for y in (2014, 2015, 2016)]
    frame = pd.DataFrame(rows, columns=["firm_id", "year", "product", "value"])
    found = impact.diversification(frame).changes
    assert found.notna()[["firm_id", "year", "over", "measure", "change"]].all(axis=None)
    assert "gini" not in set(found["measure"]) and len(found) == 4 * found["measure"].nunique()
    assert pd.api.types.is_integer_dtype(found["year"])
    one = impact.diversification(frame[frame["year"] == 2015]).changes
    assert one.empty and list(one) == list(found)


def test_potential_and_lines_that_are_not_there_are_refused() -> None:
    frame = pd.DataFrame({"firm_id": ["a"], "year": [2015], "product": ["x"], "value": [1.0]})
    with pytest.raises(DataError, match="potential names 'products'"):
        impact.diversification(frame, over="product", potential={"products": 10})
    with pytest.raises(DataError, match="whole number"):
        impact.diversification(frame, over="product", potential={"product": 10.5})  # type: ignore[dict-item]
    with pytest.raises(DataError, match="neither products nor destinations"):
        impact.diversification(frame.drop(columns="product"))
