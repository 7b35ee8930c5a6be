"""Entry, on ten firms over seven years. A number is exports, `.` none, `x` not active (unborn or dead), `?` not observed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError

FIRMS = """
        2010  2011  2012  2013  2014  2015  2016
A         .     .     .     5     5     5     5     # enters in 2013
B         5     5     5     5     5     5     5     # always exports
C         .     .     .     .     .     .     .     # never does
D         5     .     .     .     5     .     .     # comes back after three years
E         5     .     .     5     5     .     5     # comes back after two years, and after one
F         .     ?     .     5     .     .     .     # was not observed in 2011
G         x     x     .     5     5     .     .     # is born in 2012
H         .     .     .     5     x     x     x     # enters, and dies
I         x     x     x     5     5     5     5     # is born an exporter in 2013
J         .     .     .     .     .     5     ?     # enters, and is lost from sight
"""

Draw = Callable[[impact.Panel, str], dict[str, list[str]]]
Read = Callable[[str], dict[str, list[str]]]


@pytest.fixture
def firms(drawn: Callable[..., impact.Panel]) -> impact.Panel:
    return impact.entry(drawn(FIRMS), look_back=3, horizons=(0, 1))


def row(panel: impact.Panel, outcome: str) -> pd.Series:
    return panel.counts().set_index("outcome").loc[outcome]


def test_an_entrant_exports_and_did_not_the_year_before(
    firms: impact.Panel, shown: Draw, expected: Read
) -> None:
    """The first year has no year before; after a year that was not observed nothing is known."""
    assert shown(firms, "entrant") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     .     .     1     .     .     .
B         ?     .     .     .     .     .     .
C         ?     .     .     .     .     .     .
D         ?     .     .     .     1     .     .
E         ?     .     .     1     .     .     1
F         ?     ?     ?     1     .     .     .
G         ?     .     .     1     .     .     .
H         ?     .     .     1     .     .     .
I         ?     .     .     1     .     .     .
J         ?     .     .     .     .     1     ?
""")


def test_a_new_entrant_has_three_years_without(
    firms: impact.Panel, shown: Draw, expected: Read
) -> None:
    """D had three, E had two. Of F one of the three is not known until 2015."""
    assert shown(firms, "new_entrant") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     ?     ?     1     .     .     .
B         ?     ?     ?     .     .     .     .
C         ?     ?     ?     .     .     .     .
D         ?     ?     ?     .     1     .     .
E         ?     ?     ?     .     .     .     .
F         ?     ?     ?     ?     ?     .     .
G         ?     ?     ?     1     .     .     .
H         ?     ?     ?     1     .     .     .
I         ?     ?     ?     1     .     .     .
J         ?     ?     ?     .     .     1     ?
""")


def test_a_first_timer_never_exported_and_a_re_entrant_did(
    firms: impact.Panel, shown: Draw, expected: Read
) -> None:
    """Whether F exported in 2011 is not known, so that its later entry would be neither; it leaves both, in every year."""
    assert shown(firms, "first_time_exporter") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     .     .     1     .     .     .
B         ?     .     .     .     .     .     .
C         ?     .     .     .     .     .     .
D         ?     .     .     .     .     .     .
E         ?     .     .     .     .     .     .
F         ?     ?     ?     ?     ?     ?     ?
G         ?     .     .     1     .     .     .
H         ?     .     .     1     .     .     .
I         ?     .     .     1     .     .     .
J         ?     .     .     .     .     1     ?
""")
    assert shown(firms, "re_entrant") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     .     .     .     .     .     .
B         ?     .     .     .     .     .     .
C         ?     .     .     .     .     .     .
D         ?     .     .     .     1     .     .
E         ?     .     .     1     .     .     1
F         ?     ?     ?     ?     ?     ?     ?
G         ?     .     .     .     .     .     .
H         ?     .     .     .     .     .     .
I         ?     .     .     .     .     .     .
J         ?     .     .     .     .     .     ?
""")
    data = firms.data
    known = data["first_time_exporter"].notna()
    parts = data["first_time_exporter"] + data["re_entrant"]
    assert (parts[known] == data.loc[known, "entrant"]).all()


def test_at_risk_is_who_could_have_entered(firms: impact.Panel) -> None:
    """2013: A C G H J (I was not yet born, of F too little is known); 2014: C D J; 2015: C J; 2016: C.

    A and G and H, then D, then J entered: 5 of 11. I entered without having been at risk, and is named.
    """
    found = row(firms, "new_entrant")
    assert (found["n_at_risk"], found["n_event"]) == (11, 5)
    assert found["value"] == 5 / 11
    assert "not active the year before are not counted: 1" in found["flags"]
    at_risk = firms.data[firms.data["new_entry_at_risk"] == 1].groupby("year")["firm"].agg("".join)
    assert at_risk.to_dict() == {
        2013: "ACGHJ",
        2014: "CDJ",
        2015: "CJ",
        2016: "C",
    }


def test_first_timers_are_among_those_who_never_exported_and_re_entrants_among_former_exporters(
    firms: impact.Panel, shown: Draw, expected: Read
) -> None:
    """At risk: no exports in the year before, active then, and the whole past known.

    Never exported before: A in 2011 to 2013, C in six years, G in 2013 (in 2011 and 2012 it was not yet active the year before), H in 2011 to
    2013, J in 2011 to 2015: 18, of whom A, G, H, J enter; I was born an exporter. Former exporters: D in four years, E in three, G in
    2016; H is dead: 8, of whom D enters once and E twice. Of F 2011 is not known.
    """
    assert shown(firms, "first_entry_at_risk") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     1     1     1     .     .     .
B         ?     .     .     .     .     .     .
C         ?     1     1     1     1     1     1
D         ?     .     .     .     .     .     .
E         ?     .     .     .     .     .     .
F         ?     1     ?     ?     ?     ?     ?
G         ?     .     .     1     .     .     .
H         ?     1     1     1     .     .     .
I         ?     .     .     .     .     .     .
J         ?     1     1     1     1     1     .
""")
    assert shown(firms, "re_entry_at_risk") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     .     .     .     .     .     .
B         ?     .     .     .     .     .     .
C         ?     .     .     .     .     .     .
D         ?     .     1     1     1     .     1
E         ?     .     1     1     .     .     1
F         ?     .     ?     ?     ?     ?     ?
G         ?     .     .     .     .     .     1
H         ?     .     .     .     .     .     .
I         ?     .     .     .     .     .     .
J         ?     .     .     .     .     .     .
""")
    first, again = row(firms, "first_time_exporter"), row(firms, "re_entrant")
    assert (first["n_at_risk"], first["n_event"], first["value"]) == (18, 4, 4 / 18)
    assert "not active the year before are not counted: 1" in first["flags"]
    assert (again["n_at_risk"], again["n_event"], again["value"]) == (8, 3, 3 / 8)
    # Values are as defined for all: a former exporter's first time is 0, and not missing.
    assert first["n_obs"] == again["n_obs"] == firms.data["first_time_exporter"].notna().sum()


def test_entry_within_a_year_of_a_base_year(
    firms: impact.Panel, shown: Draw, expected: Read
) -> None:
    """Taking each year as that of joining: does the firm export in it or in the next? Of those at risk only.

    J exports in 2015 and is lost in 2016. It leaves base year 2015 as it would had it not exported: who is kept must not depend on what is
    found.
    """
    assert shown(firms, "entry_within_1") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     ?     ?     1     ?     ?     ?
B         ?     ?     ?     ?     ?     ?     ?
C         ?     ?     ?     .     .     .     ?
D         ?     ?     ?     ?     1     ?     ?
E         ?     ?     ?     ?     ?     ?     ?
F         ?     ?     ?     ?     ?     ?     ?
G         ?     ?     ?     1     ?     ?     ?
H         ?     ?     ?     1     ?     ?     ?
I         ?     ?     ?     ?     ?     ?     ?
J         ?     ?     ?     .     1     ?     ?
""")


def test_sustained_entry_needs_two_years_in_a_row(
    firms: impact.Panel, shown: Draw, expected: Read
) -> None:
    """H died after one year, D stopped after one: hit and run. Whether J went on in 2016 is not known.

    C does not export in 2016; the two years that begin there end after the data, so it leaves the window, as all do.
    """
    assert shown(firms, "sustained_entry_within_1") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     ?     ?     1     ?     ?     ?
B         ?     ?     ?     ?     ?     ?     ?
C         ?     ?     ?     .     .     .     ?
D         ?     ?     ?     ?     .     ?     ?
E         ?     ?     ?     ?     ?     ?     ?
F         ?     ?     ?     ?     ?     ?     ?
G         ?     ?     ?     1     ?     ?     ?
H         ?     ?     ?     .     ?     ?     ?
I         ?     ?     ?     ?     ?     ?     ?
J         ?     ?     ?     .     .     ?     ?
""")
    assert "sustained_entry_within_0" not in firms.data


def test_entrants_who_still_export_h_years_after_the_base_year(
    firms: impact.Panel, shown: Draw, expected: Read
) -> None:
    """Whatever was exported before: H enters in 2013 and is dead in 2014; D enters in 2014 and stopped; I was not alive in 2012."""
    assert shown(firms, "entry_after_1") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     ?     ?     1     ?     ?     ?
B         ?     ?     ?     ?     ?     ?     ?
C         ?     ?     ?     .     .     .     ?
D         ?     ?     ?     ?     .     ?     ?
E         ?     ?     ?     ?     ?     ?     ?
F         ?     ?     ?     ?     ?     ?     ?
G         ?     ?     ?     1     ?     ?     ?
H         ?     ?     ?     .     ?     ?     ?
I         ?     ?     ?     ?     ?     ?     ?
J         ?     ?     ?     .     1     ?     ?
""")
    assert "entry_after_0" not in firms.data


def test_participants_are_counted_from_their_year_of_joining(
    drawn: Callable[..., impact.Panel],
) -> None:
    """A, C and D join in 2014: A exports already; D enters, C does not."""
    panel = impact.entry(drawn(FIRMS, joined=dict.fromkeys("ACD", 2014)), horizons=(1,))
    found = row(panel, "entry_within_1")
    assert (found["n_at_risk"], found["n_event"]) == (2, 1)
    assert "from the year of joining" in found["flags"]


def test_exporters_stay_or_stop(
    drawn: Callable[..., impact.Panel], shown: Draw, expected: Read
) -> None:
    """Of firms that exported in t - 1: in each of t + 1 and t + 2. H is dead in 2014, which is not exporting.

    D and G are seen to stop in 2016. For base year 2015 the window ends in 2017, after the data: they leave it, as A does, which
    may go on.
    """
    panel = impact.export_survival(drawn(FIRMS), horizons=[1, 2])
    assert shown(panel, "export_survival_2") == expected("""
        2010  2011  2012  2013  2014  2015  2016
A         ?     ?     ?     ?     1     ?     ?
B         ?     1     1     1     1     ?     ?
C         ?     ?     ?     ?     ?     ?     ?
D         ?     .     ?     ?     ?     ?     ?
E         ?     .     ?     ?     .     ?     ?
F         ?     ?     ?     ?     .     ?     ?
G         ?     ?     ?     ?     .     ?     ?
H         ?     ?     ?     ?     .     ?     ?
I         ?     ?     ?     ?     1     ?     ?
J         ?     ?     ?     ?     ?     ?     ?
""")
    assert shown(panel, "exporter_after_1")["E"] == ["?", ".", "?", "?", ".", "1", "?"]


@pytest.mark.parametrize("level", ["product", "destination", "pair"])
def test_new_lines_of_a_firm(level: str) -> None:
    """Coffee to Germany, then tea too (2013), then coffee again to the same place: only tea is new, and only once."""
    rows = pd.DataFrame(
        [("a", 2010, "coffee", "DE"), ("a", 2011, "coffee", "DE"), ("a", 2012, "coffee", "DE"),
         ("a", 2013, "coffee", "DE"), ("a", 2013, "tea", "FR"), ("a", 2014, "tea", "FR"), ("b", 2010, "tea", "US")],
        columns=["firm_id", "year", "product", "destination"]).assign(value=[1, 1, 1, 1, 3, 1, 1])  # fmt: skip
    panel = impact.entry(rows, level=level)
    word = {"product": "products", "destination": "destinations", "pair": "pairs"}[level]
    first = panel.data[panel.data["firm_id"] == "a"].set_index("year")
    assert first[f"new_{word}"].isna().tolist() == [True, True, True, False, False]
    assert first.loc[[2013, 2014], f"new_{word}"].tolist() == [1, 0]
    assert first.loc[2013, f"new_{level}_share"] == 0.5
    assert first.loc[2013, f"new_{level}_value_share"] == 0.75
    found = row(panel, f"new_{word}")
    # Lines in the data: two products, or three of the others. 2013 and 2014 are known for a and b. a served one line before 2013 and
    # two before 2014; b served one before 2013 (its tea of 2010) and none in 2011 to 2013.
    potential = 2 if level == "product" else 3
    assert found["n_at_risk"] == 4 * potential - (1 + 2 + 1 + 0)
    assert found["n_event"] == 1
    assert row(panel, f"adds_{level}")[["n_at_risk", "n_event"]].tolist() == [4, 1]


def test_exporters_only_have_no_rate_of_entry(drawn: Callable[..., impact.Panel]) -> None:
    shipments = pd.DataFrame(
        {
            "firm_id": ["a", "b"],
            "year": [2014, 2015],
            "product": "x",
            "destination": "DE",
            "value": 1.0,
        }
    )
    with pytest.raises(impact.DataError, match=r"exporters only.*register"):
        impact.entry(shipments)
    with pytest.raises(impact.DataError, match="exporters only"):
        impact.entry(impact.shipments(shipments))
    with pytest.raises(impact.DataError, match="Entry is not 0 here, it cannot be measured"):
        impact.entry(drawn("2010 2011\nA 5 5\nB 3 2"))
    made = impact.entry(drawn("2010 2011\nA 5 5\nB . 2"), look_back=1)
    assert "Every firm of the panel exports at some time" in made.notes[0]
    # The zeros of a rectangle tell nothing of firms that never export: every rate of entry says so.
    flag = "every firm exports in some year: of firms that export in the end"
    assert made.counts()["flags"].str.contains(flag, regex=False).all() and len(made.counts()) > 5
    assert not impact.entry(drawn(FIRMS)).counts()["flags"].str.contains(flag, regex=False).any()
    # A firm of which nothing is ever known is no firm that never exports.
    made = impact.entry(drawn("2010 2011\nA 5 5\nB . 2\nC ? ?"), look_back=1)
    assert made.counts()["flags"].str.contains(flag, regex=False).all()


def test_a_programme_of_exporters_has_no_effect_on_entry(
    drawn: Callable[..., impact.Panel],
) -> None:
    with pytest.raises(impact.DataError, match=r"No participant could have entered.*it is not 0"):
        impact.entry(drawn(FIRMS, joined={"B": 2014}))
    # Of one who joins in 2011 three years before are not seen, but that it exported in the last of them is, and settles it.
    with pytest.raises(impact.DataError, match="each of the 1 whose year before joining is known"):
        impact.entry(drawn(FIRMS, joined={"B": 2011}))
    # D did not export in 2013, so it could have entered, whatever B did.
    impact.entry(drawn(FIRMS, joined={"B": 2011, "D": 2014}))
    # Of one who joins in 2010 no year before is seen: nothing is known, so nothing is refused.
    found = row(impact.entry(drawn(FIRMS, joined={"B": 2010})), "entry_within_1")
    assert (
        found["n_at_risk"] == 0
        and pd.isna(found["value"])
        and "nobody is at risk" in found["flags"]
    )


def test_who_was_not_active_is_no_non_exporter(drawn: Callable[..., impact.Panel]) -> None:
    """A column of one's own may say who was alive; then the dead are not at risk."""
    rows = pd.DataFrame({"firm": ["a", "a", "b", "b"], "year": [2012, 2013] * 2, "exports": [0.0, 4.0, 0.0, 0.0],
                         "alive": [True, True, False, True]})  # fmt: skip
    panel = impact.panel(rows, unit="firm", time="year")
    without = row(impact.entry(panel, look_back=1, horizons=(0,)), "entrant")
    told = row(impact.entry(panel, look_back=1, horizons=(0,), alive="alive"), "entrant")
    assert without[["n_at_risk", "n_event"]].tolist() == [2, 1]
    assert told[["n_at_risk", "n_event"]].tolist() == [1, 1]


def test_a_minimum_makes_the_exporter(drawn: Callable[..., impact.Panel]) -> None:
    panel = impact.entry(drawn("2010 2011 2012\nA . 5 50\nB . . ."), minimum=10.0, look_back=1)
    assert panel.data["entrant"].tolist()[1:3] == [0.0, 1.0]


def test_shipments_tell_who_exports() -> None:
    """A panel without exports: its firms are at risk, and what they shipped says who entered. z is not of the panel."""
    rows = pd.DataFrame({"firm": list("aabb"), "year": [2012, 2013] * 2})
    shipped = [("a", 2013, "x", "DE", 7.0), ("z", 2012, "x", "DE", 7.0)]
    columns = ["firm", "year", "product", "destination", "value"]
    shipments = impact.shipments(pd.DataFrame(shipped, columns=columns), unit="firm")
    panel = impact.panel(rows, unit="firm", time="year")
    made = impact.entry(panel, shipments, look_back=1, horizons=())
    assert np.array_equal(made.data["entrant"], [np.nan, 1.0, np.nan, 0.0], equal_nan=True)
    # Of 2012 there is no shipment by anybody: whether a exported then is not known, unless the states say so.
    alone = impact.shipments(pd.DataFrame(shipped[:1], columns=columns), unit="firm")
    made = impact.entry(panel, alone, look_back=1, horizons=())
    assert made.data["entrant"].isna().all()
    told = impact.panel(rows.assign(state="active_nonexporter"), unit="firm", time="year")
    made = impact.entry(told, alone, look_back=1, horizons=())
    assert np.array_equal(made.data["entrant"], [np.nan, 1.0, np.nan, 0.0], equal_nan=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"level": "village"}, "choose from firm, product"),
        ({"look_back": 0}, "1 or more"),
        ({"look_back": 1.5}, "look_back is 1.5; it is a whole number of years, 1 or more"),
        ({"look_back": np.float64("nan")}, "look_back is nan"),
        ({"look_back": True}, "look_back is True"),
        ({"sustained": 2.5}, "sustained is 2.5"),
        ({"horizons": [1, 1.5]}, "a horizon is 1.5"),
        ({"horizons": "2"}, "a horizon is '2'"),
        ({"horizons": (-1,)}, "0 or more"),
        ({"level": "product"}, "needs the shipments"),
        ({"exports": "sales"}, "sales"),
        ({"alive": "exports_eur"}, "must be true or false"),
    ],
)
def test_what_cannot_be_asked(
    drawn: Callable[..., impact.Panel], given: dict[str, Any], said: str
) -> None:
    with pytest.raises(impact.DataError, match=said):
        impact.entry(drawn(FIRMS), **given)


def test_the_panel_is_not_touched_and_the_order_of_rows_is_its_own(
    drawn: Callable[..., impact.Panel],
) -> None:
    panel = drawn(FIRMS)
    before = panel.data.copy(deep=True)
    mixed = impact.panel(panel.data.sample(frac=1, random_state=3), unit="firm", time="year")
    one, two = impact.entry(panel), impact.entry(mixed)
    pd.testing.assert_frame_equal(panel.data, before)
    pd.testing.assert_frame_equal(one.data, two.data.loc[one.data.index])
    pd.testing.assert_frame_equal(one.counts(), two.counts())


def test_counts_of_years_may_be_numpy_s(drawn: Callable[..., impact.Panel]) -> None:
    plain = impact.entry(drawn(FIRMS), look_back=2, horizons=[1], sustained=2)
    one = impact.entry(
        drawn(FIRMS), look_back=np.int64(2), horizons=np.array([1]), sustained=np.int8(2)
    )  # type: ignore[arg-type]
    two = impact.entry(drawn(FIRMS), look_back=2.0, horizons=np.float64(1.0), sustained=2)  # type: ignore[arg-type]
    for other in (one, two):
        pd.testing.assert_frame_equal(other.data, plain.data)


def test_one_year_is_the_year_before(drawn: Callable[..., impact.Panel]) -> None:
    made = impact.entry(drawn(FIRMS), look_back=1, horizons=[1])
    labels = made.counts().set_index("outcome")["label"]
    assert labels["new_entrant"] == "exports, and did not in the year before"
    assert (
        labels["entry_within_1"]
        == "exports within 1 year of the base year, of firms without exports in the year before"
    )
    survival = impact.export_survival(drawn(FIRMS), horizons=[1]).counts().set_index("outcome")
    assert survival.loc["export_survival_1", "label"].startswith("exports in the year after")
    assert not labels.str.contains("1 years").any()


def test_columns_of_shipments_can_be_named() -> None:
    """RUC, HS and FOB are this file's names; the same cells under the usual ones give the same panel."""
    rows = pd.DataFrame({"RUC": ["a", "a", "b"], "when": [2010, 2011, 2011], "HS": ["x", "y", "x"], "to": "DE",
                         "FOB": [1.0, 3.0, 2.0]})  # fmt: skip
    names = {"unit": "RUC", "time": "when", "product": "HS", "destination": "to", "value": "FOB"}
    made = impact.entry(rows, level="product", look_back=1, **names)
    usual = rows.rename(columns={"RUC": "firm_id", "when": "year", "HS": "product", "to": "destination", "FOB": "value"})  # fmt: skip
    plain = impact.entry(usual, level="product", look_back=1)
    assert made.unit == "RUC" and made.data["new_products"].tolist()[1] == 1
    pd.testing.assert_series_equal(made.data["new_products"], plain.data["new_products"])
    firms = impact.panel(pd.DataFrame({"firm": ["a", "a", "b", "b"], "year": [2010, 2011] * 2}), unit="firm", time="year")  # fmt: skip
    beside = impact.entry(firms, rows, level="product", look_back=1, **names)
    assert beside.data["new_products"].tolist()[1::2] == [1, 1]
    with pytest.raises(impact.DataError, match="exporters only"):
        impact.entry(rows, **names)


@pytest.mark.parametrize(
    ("column", "known"),
    [("exports", True), ("exports_eur", True), ("exports_kusd", True), ("exports_eur_2015", True),
     ("exports_growth", False), ("exports_rank", False), ("exports_lag", False), ("exports_2014", False)],
)  # fmt: skip
def test_a_column_that_merely_begins_with_exports_is_no_amount(column: str, known: bool) -> None:
    rows = pd.DataFrame({"firm": ["a", "a", "b", "b"], "year": [2012, 2013] * 2, column: [0.0, 4.0, 0.0, 0.0]})  # fmt: skip
    panel = impact.panel(rows, unit="firm", time="year")
    if known:
        assert impact.entry(panel, look_back=1, horizons=()).data["entrant"].tolist()[1] == 1
    else:
        with pytest.raises(impact.DataError, match=f"no column of exports.*Is it one of {column}"):
            impact.entry(panel)
        named = impact.entry(panel, exports=column, look_back=1, horizons=())
        assert named.data["entrant"].tolist()[1] == 1
    # Beside the amounts it is not in the way.
    both = impact.panel(rows.assign(exports_growth=0.1, exports_usd=rows[column]).drop(columns=column),
                        unit="firm", time="year")  # fmt: skip
    assert impact.entry(both, look_back=1, horizons=()).data["entrant"].tolist()[1] == 1
    shipped = pd.DataFrame({"firm_id": ["a"], "year": [2012], column: [4.0]})
    if known:
        assert impact.shipments(shipped).value == column
    else:
        with pytest.raises(impact.DataError, match="'value'"):
            impact.shipments(shipped)


def test_a_year_of_corrections_is_not_observed() -> None:
    """In 2011 there is a correction and nothing else: whether a exported then is not known, so that its spell has no end."""
    rows = pd.DataFrame({"firm_id": ["a", "a", "b", "b"], "year": [2010, 2011, 2010, 2012], "value": [5.0, -1.0, 2.0, 2.0]})  # fmt: skip
    shipments = impact.shipments(rows)
    assert shipments.years == [2010, 2012]
    assert set(impact.spells(shipments).data["status"]) == {"unobserved", "end of data"}


def test_corrections_stay_in_their_cell() -> None:
    """Tea to France sums to -4: it is no line, and takes nothing from the 10 of coffee."""
    rows = pd.DataFrame({"firm_id": "a", "year": 2010, "product": ["coffee", "tea", "tea"], "destination": ["DE", "FR", "FR"],
                         "value": [10.0, 3.0, -7.0]})  # fmt: skip
    found = impact.margins(rows).identity.iloc[0]
    assert (found["value"], found["products"]) == (10, 1)


def test_a_column_that_cannot_tell_who_exports_is_refused() -> None:
    rows = pd.DataFrame({"firm": [1, 1, 1, 2, 2, 2], "year": [2012, 2013, 2014] * 2})

    def made(values: list[float], name: str = "exports") -> impact.Panel:
        return impact.panel(rows.assign(**{name: values}), unit="firm", time="year")

    with pytest.raises(DataError, match="does not tell who exports") as caught:
        impact.entry(made([0, -5, 3, 0, 0, 1]), look_back=1)
    assert "exports are negative" in str(caught.value) and "-5" in str(caught.value)
    with pytest.raises(DataError, match="an exporter is 1, another firm 0"):
        impact.entry(made([0, 2, 1, 0, 0, 1], "exporter"), look_back=1)
    with pytest.raises(DataError, match="Of no firm-year is it known"):
        impact.entry(made([np.nan] * 6), look_back=1)
    with pytest.raises(DataError, match="5 years after it observed"):
        impact.export_survival(made([1.0] * 6), horizons=[5])


def test_a_last_year_that_is_not_whole_is_told() -> None:
    """The shipments end in June 2014: b, which ships in autumn, is taken to have stopped. The counts say so, and those of survival after them."""
    rows = pd.DataFrame({"firm_id": list("aaabbc"), "date": ["2012-03-01", "2013-12-01", "2014-06-30", "2012-10-01", "2013-10-01", "2013-01-01"],
                         "product": "x", "value": 5.0})  # fmt: skip
    years = pd.DataFrame({"firm_id": np.repeat(list("abcd"), 3), "year": [2012, 2013, 2014] * 4})
    panel = impact.panel(years, unit="firm_id", time="year")
    flag = "the last year, 2014, ends in month 6"
    made = impact.entry(panel, rows, look_back=1)
    assert made.counts()["flags"].str.contains(flag).all()
    assert sum("ends in month 6" in n for n in made.notes) == 1
    assert impact.export_survival(made, horizons=[1]).counts()["flags"].str.contains(flag).all()
    lines = impact.entry(rows, level="product", look_back=1)
    assert lines.counts()["flags"].str.contains(flag).all()
    whole = pd.concat([rows, rows[:1].assign(date="2014-12-01")])
    made = impact.entry(panel, whole, look_back=1)
    assert not made.counts()["flags"].str.contains("ends in month").any() and not made.notes
