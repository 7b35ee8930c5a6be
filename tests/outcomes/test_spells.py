"""Spells of exporting, on ten firms over seven years. A number is exports, `.` none, `x` not active, `?` not observed."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

import impact

FIRMS = """
        2010  2011  2012  2013  2014  2015  2016
A         .     5     5     .     .     .     .     # two years, then exit
B         5     5     5     .     .     .     .     # may have begun before 2010
C         .     .     .     .     5     5     5     # goes on
D         .     5     .     5     5     .     .     # a gap of one year
E         .     5     .     .     5     .     .     # a gap of two years
F         .     5     5     ?     .     .     .     # lost from sight
G         .     ?     5     5     .     .     .     # began out of sight, perhaps
H         .     .     5     x     x     x     x     # dies
I         .     .     .     .     .     5     .     # one year, near the end
J         .     .     .     .     .     .     .     # never
"""
SHOWN = [
    "firm",
    "start",
    "end",
    "length",
    "order",
    "left_cens",
    "right_cens",
    "gap_filled",
    "status",
]


def table(found: impact.SpellTable) -> list[str]:
    """A line a spell: firm, years, order, then what censors, fills or ends it."""
    lines = []
    for s in found.data.itertuples():
        marks = [
            "left" if s.left_cens else "",
            f"gap {s.gap_filled}" if s.gap_filled else "",
            str(s.status),
        ]
        lines.append(
            " ".join(
                [s.firm, f"{s.start}-{s.end}", f"{s.length}y", f"#{s.order}", *filter(None, marks)]
            )
        )
    return lines


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def test_a_spell_is_a_run_of_years_with_exports(drawn: Callable[..., impact.Panel]) -> None:
    found = impact.spells(drawn(FIRMS))
    assert table(found) == lines("""
        A 2011-2012 2y #1 exit
        B 2010-2012 3y #1 left exit
        C 2014-2016 3y #1 end of data
        D 2011-2011 1y #1 exit
        D 2013-2014 2y #2 exit
        E 2011-2011 1y #1 exit
        E 2014-2014 1y #2 exit
        F 2011-2012 2y #1 unobserved
        G 2012-2013 2y #1 left exit
        H 2012-2012 1y #1 firm death
        I 2015-2015 1y #1 exit
    """)
    data = found.data.set_index(["firm", "order"])
    assert data.index[data["right_cens"]].tolist() == [("C", 1), ("F", 1)]
    assert (data["event"] == (~data["right_cens"]).astype(int)).all()


def test_a_gap_of_one_year_is_bridged_when_asked(drawn: Callable[..., impact.Panel]) -> None:
    """D's gap is bridged, E's is too long; that of F may hide in what was not observed.

    I stopped in 2016, the last year: had it come back in 2017, that would be the same spell, so it has no known end. A, D, E and F begin in
    the second year: had they exported in 2009, before a gap of one year, that would be the same spell, so their age is not known.
    """
    found = impact.spells(drawn(FIRMS), gap=1)
    assert table(found) == lines("""
        A 2011-2012 2y #1 left exit
        B 2010-2012 3y #1 left exit
        C 2014-2016 3y #1 end of data
        D 2011-2014 4y #1 left gap 1 exit
        E 2011-2011 1y #1 left exit
        E 2014-2014 1y #2 exit
        F 2011-2012 2y #1 left unobserved
        G 2012-2013 2y #1 left exit
        H 2012-2012 1y #1 firm death
        I 2015-2015 1y #1 exit
    """)
    firms = found.data.set_index("firm").index
    assert firms[found.data["open_gap"]].tolist() == ["I"]
    assert firms[found.data["right_cens"]].tolist() == ["C", "F", "I"]
    assert "ended too late for a gap in them to be seen" in found.counts()["flags"][0]
    # Of known age: C, E's second, H and I. E and H end at age 1, I is lost from sight then, C later.
    assert found.risk_table().values.tolist() == [[1, 4, 2, 1], [2, 1, 0, 0], [3, 1, 0, 1]]
    rows = found.person_period()
    assert rows.loc[rows["event"] == 1, ["firm", "year"]].values.tolist() == [
        ["E", 2014],
        ["H", 2012],
    ]
    assert rows.loc[rows["firm"] == "I", "event"].tolist() == [0]


def test_a_longer_gap_needs_more_years_on_both_sides(drawn: Callable[..., impact.Panel]) -> None:
    """With gaps of two years, three years before and after must be seen: of K they are; of L the third before is not, of M the second after."""
    found = impact.spells(drawn("""
            2010  2011  2012  2013  2014  2015  2016  2017
        K      .     .     .     5     5     .     .     .
        L      ?     .     .     5     .     .     .     .
        M      .     .     .     .     5     .     ?     .
        N      .     .     .     5     x     x     x     x
    """), gap=2)  # fmt: skip
    data = found.data.set_index("firm")
    assert data["left_cens"].to_dict() == {"K": False, "L": True, "M": False, "N": False}
    assert data["right_cens"].to_dict() == {"K": False, "L": False, "M": True, "N": False}
    assert data["open_gap"].equals(data["right_cens"]) and data.loc["M", "status"] == "exit"


def test_at_risk_by_age(drawn: Callable[..., impact.Panel]) -> None:
    """Without B and G, of unknown age: nine spells; at age 1 D, E, E, H and I end; at 2 A and D end and F is lost; C goes on."""
    found = impact.spells(drawn(FIRMS))
    assert found.risk_table().values.tolist() == [[1, 9, 5, 0], [2, 4, 2, 1], [3, 1, 0, 1]]
    count = found.counts().iloc[0]
    assert count[["n_obs", "n_at_risk", "n_event"]].tolist() == [11, 9, 7]
    assert "2 spells of unknown age" in count["flags"]


def test_person_periods_end_with_the_event(drawn: Callable[..., impact.Panel]) -> None:
    found = impact.spells(drawn(FIRMS))
    rows = found.person_period()
    assert set("BG") & set(rows["firm"]) == set()
    by_age = rows.groupby("age")["event"].agg(["size", "sum"]).reset_index()
    assert (
        by_age.to_numpy().tolist()
        == found.risk_table()[["age", "n_at_risk", "n_event"]].to_numpy().tolist()
    )
    d = rows[rows["firm"] == "D"]
    assert d[["order", "year", "age", "event"]].values.tolist() == [
        [1, 2011, 1, 1],
        [2, 2013, 1, 0],
        [2, 2014, 2, 1],
    ]
    assert len(found.person_period(left_censored=True)) == len(rows) + 5


PRODUCTS = """
              2010  2011  2012  2013  2014
a coffee         .     5     5     .     5
a tea            .     .     .     5     5
b coffee         7     .     .     .     .
"""


@pytest.fixture
def shipments() -> pd.DataFrame:
    rows = []
    for line in PRODUCTS.strip().splitlines()[1:]:
        firm, product, *amounts = line.split()
        for year, amount in zip(range(2010, 2015), amounts, strict=True):
            if amount != ".":
                rows.append((firm, year, year % 12 + 1, product, "DE", float(amount)))
    return pd.DataFrame(
        rows, columns=["firm_id", "year", "month", "product", "destination", "value"]
    )


def test_spells_of_products(shipments: pd.DataFrame) -> None:
    """The same rule for each product of a firm; the start has its month and value."""
    data = impact.spells(shipments, level="product").data
    assert data[["firm_id", "product", "start", "end", "order"]].values.tolist() == [
        ["a", "coffee", 2011, 2012, 1], ["a", "coffee", 2014, 2014, 2], ["a", "tea", 2013, 2014, 1], ["b", "coffee", 2010, 2010, 1],
    ]  # fmt: skip
    assert data["start_month"].tolist() == [8, 11, 10, 7]
    assert data["start_value"].tolist() == [5, 5, 5, 7]
    assert data["left_cens"].tolist() == [False, False, False, True]
    pairs = impact.spells(shipments, level="pair").data
    assert pairs.drop(columns="destination").equals(data)
    to = impact.spells(shipments, level="destination").data
    assert to[["start", "end", "start_value"]].values.tolist() == [[2011, 2014, 5], [2010, 2010, 7]]
    firms = impact.spells(shipments).data
    assert firms[["firm_id", "start", "end", "start_month"]].values.tolist() == [
        ["a", 2011, 2014, 8],
        ["b", 2010, 2010, 7],
    ]


def test_the_panel_says_who_died_and_who_was_lost(shipments: pd.DataFrame) -> None:
    """Without a panel b's end is an exit. With it: dead in 2011; a was not observed in 2010."""
    states = {
        "a": ["unobserved"] + ["active_exporter"] * 4,
        "b": ["active_exporter"] + ["inactive"] * 4,
    }
    rows = pd.DataFrame([(f, y, s) for f, x in states.items() for y, s in zip(range(2010, 2015), x, strict=True)],
                        columns=["firm_id", "year", "state"])  # fmt: skip
    panel = impact.panel(rows, unit="firm_id", time="year")
    data = impact.spells(shipments, level="product", panel=panel).data
    assert data["left_cens"].tolist() == [True, False, False, True]
    assert data["status"].tolist() == ["exit", "end of data", "end of data", "firm death"]
    assert impact.spells(shipments, level="product").data["status"].tolist()[-1] == "exit"


def test_a_year_without_any_shipment_is_not_observed(shipments: pd.DataFrame) -> None:
    """A missing file is no year in which everyone stopped."""
    lost = shipments[shipments["year"] != 2013]
    data = impact.spells(lost, level="product").data
    assert data["status"].tolist()[:2] == ["unobserved", "end of data"]
    assert data["left_cens"].tolist()[:3] == [False, True, True]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gap": -1}, "0 or more"),
        ({"level": "x"}, "choose from"),
        ({"level": "product"}, "no column of products"),
    ],
)
def test_what_cannot_be_asked(shipments: pd.DataFrame, given: dict[str, object], said: str) -> None:
    with pytest.raises(impact.DataError, match=said):
        impact.spells(shipments.drop(columns="product"), **given)  # type: ignore[arg-type]


def test_a_panel_has_no_products(drawn: Callable[..., impact.Panel]) -> None:
    with pytest.raises(impact.DataError, match="panel=panel"):
        impact.spells(drawn(FIRMS), level="product")
    with pytest.raises(impact.DataError, match="Nobody exports"):
        impact.spells(drawn("2010 2011\nA . ."))
