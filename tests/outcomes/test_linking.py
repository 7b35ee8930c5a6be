"""Panels and shipments that do not quite agree: what is not linked is not known, and is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact

YEARS = range(2010, 2014)


@pytest.fixture
def shipments() -> pd.DataFrame:
    rows = [(f, y, p, "DE", 5.0) for f in "abcd" for y in YEARS for p in ("coffee", "tea")]
    return pd.DataFrame(rows, columns=["firm_id", "year", "product", "destination", "value"])


@pytest.fixture
def panel() -> impact.Panel:
    """a to d export in each year, n never."""
    rows = [
        (f, y, "active_nonexporter" if f == "n" else "active_exporter")
        for f in "abcdn"
        for y in YEARS
    ]
    return impact.panel(
        pd.DataFrame(rows, columns=["firm_id", "year", "state"]), unit="firm_id", time="year"
    )


def test_an_exporter_without_shipments_has_unknown_lines(
    panel: impact.Panel, shipments: pd.DataFrame
) -> None:
    """d's shipments of 2012 were not found. It did not drop its products then, nor add them in 2013."""
    lost = shipments[~((shipments["firm_id"] == "d") & (shipments["year"] == 2012))]
    made = impact.entry(panel, lost, level="product", look_back=1)
    d = made.data[made.data["firm_id"] == "d"].set_index("year")["new_products"]
    assert np.array_equal(d, [np.nan, 0, np.nan, np.nan], equal_nan=True)
    assert (
        "1 of 16 exporter firm-years of the panel have no shipment, such as 'd' in 2012"
        in made.notes[0]
    )
    spread = impact.diversification(lost, panel=panel, over="product", look_back=1)
    rows = spread.data[spread.data["firm_id"] == "d"].set_index("year")
    assert np.array_equal(rows["n_lines"], [2, 2, np.nan, 2], equal_nan=True)
    assert np.array_equal(rows["new_lines"], d, equal_nan=True)
    assert "have no shipment" in spread.summary()
    growth = impact.margins(lost, panel=panel).growth.set_index("year")
    assert growth.loc[[2012, 2013], ["change", "n_unobserved"]].values.tolist() == [[0, 1], [0, 1]]
    spells = impact.spells(lost, level="product", panel=panel).data.set_index("firm_id").loc["d"]
    assert spells["status"].tolist() == ["unobserved", "end of data"] * 2
    assert spells["left_cens"].tolist() == [True] * 4


def test_firms_that_are_not_in_the_panel_are_named(
    panel: impact.Panel, shipments: pd.DataFrame
) -> None:
    more = pd.concat([shipments, shipments.assign(firm_id="z")])
    assert (
        "1 of 5 firms of the shipments are not in the panel, such as 'z'"
        in impact.spells(more, panel=panel).notes[0]
    )
    assert impact.spells(shipments, panel=panel).notes == ()


def test_identifiers_that_mostly_differ_are_refused(
    panel: impact.Panel, shipments: pd.DataFrame
) -> None:
    other = shipments.assign(firm_id=shipments["firm_id"].replace({"a": "A", "b": "B", "c": "C"}))
    with pytest.raises(
        impact.DataError, match=r"12 of 16 exporter firm-years.*written in the same way"
    ):
        impact.margins(other, panel=panel)
    numbers = shipments.assign(firm_id=shipments["firm_id"].map({"a": 1, "b": 2, "c": 3, "d": 4}))
    with pytest.raises(impact.DataError, match=r"'a', text.*1, a number.*zfill"):
        impact.spells(numbers, panel=panel)


def test_a_state_that_nobody_knows_is_refused(panel: impact.Panel) -> None:
    spoiled = panel.data.assign(state=panel.data["state"].replace({"active_nonexporter": "dead"}))
    with pytest.raises(
        impact.DataError, match=r"there is no such state.*write one of active_exporter"
    ) as caught:
        impact.entry(impact.panel(spoiled, unit="firm_id", time="year"), look_back=1)
    assert caught.value.faults[0].value == "dead"


def test_exports_that_are_no_number_are_refused(panel: impact.Panel) -> None:
    with pytest.raises(impact.DataError, match="'state' does not tell who exports"):
        impact.entry(panel, exports="state", look_back=1)
    with pytest.raises(impact.DataError, match="no amounts of exports to hold against it"):
        impact.entry(panel, minimum=5.0, look_back=1)


VERBS: list[tuple[str, dict[str, Any]]] = [
    ("shipments", {}), ("diversification", {}), ("margins", {}), ("first_years", {}), ("discoveries", {}), ("dynamics", {}),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "given"), VERBS, ids=[v for v, _ in VERBS])
def test_a_panel_is_no_table_of_shipments(
    panel: impact.Panel, verb: str, given: dict[str, Any]
) -> None:
    with pytest.raises(
        impact.DataError, match="Shipments are needed, and a panel of firm-years was given"
    ):
        getattr(impact, verb)(panel, **given)
    with pytest.raises(impact.DataError, match="a list was given"):
        getattr(impact, verb)([1, 2], **given)


def test_a_table_is_no_panel(panel: impact.Panel, shipments: pd.DataFrame) -> None:
    frame = panel.data
    for call in (
        lambda: impact.export_survival(frame),
        lambda: impact.jobs(frame, concept="stock"),
        lambda: impact.att(frame, "state", method="group_time"),
        lambda: impact.spells(shipments, panel=frame),
        lambda: impact.margins(shipments, panel=frame),
        lambda: impact.dynamics(shipments, panel=frame),
    ):
        with pytest.raises(impact.DataError, match="takes a panel, and was given a DataFrame"):
            call()


def test_small_kindnesses(panel: impact.Panel, shipments: pd.DataFrame) -> None:
    """One horizon, one home country, a table without rows."""
    assert "entry_within_1" in impact.entry(panel, look_back=1, horizons=1).data
    assert (
        impact.diversification(shipments, home="DE").data["share_outside_home"].dropna().eq(0).all()
    )
    with pytest.raises(impact.DataError, match="has no rows"):
        impact.shipments(shipments[:0])
    with pytest.raises(impact.DataError, match="potential is a mapping"):
        impact.diversification(shipments, potential=100)  # type: ignore[arg-type]
    with pytest.raises(impact.DataError, match="minimum is '5'"):
        impact.spells(shipments, minimum="5")  # type: ignore[arg-type]


def test_years_without_any_shipment_are_not_observed() -> None:
    """The panel has a year more at each end. Its non-exporters alone would be known there, and all exporters of 2011 entrants."""
    shipped = pd.DataFrame(
        [(f, y, "x", "DE", 5.0) for f in "ab" for y in (2011, 2012)],
        columns=["firm_id", "year", "product", "destination", "value"],
    )
    rows = [
        (f, y, "active_nonexporter" if f == "n" else "active_exporter")
        for f in "abn"
        for y in range(2010, 2014)
    ]
    panel = impact.panel(
        pd.DataFrame(rows, columns=["firm_id", "year", "state"]), unit="firm_id", time="year"
    )
    assert impact.margins(shipped, panel=panel).growth["year"].tolist() == [2012]
    made = impact.entry(panel, shipped, level="product", look_back=1).data.set_index(
        ["firm_id", "year"]
    )
    assert made["new_products"].dropna().index.get_level_values("year").unique().tolist() == [2012]
    rates = impact.dynamics(shipped, panel=panel).rates().set_index("year")
    assert (
        rates.loc[[2010, 2011, 2013], "entry"].isna().all()
        and rates.loc[2013, ["exit"]].isna().all()
    )
    assert rates.loc[2012, "entry"] == 0


def test_a_minimum_is_held_against_amounts() -> None:
    rows = pd.DataFrame(
        {
            "firm_id": list("ab"),
            "year": 2012,
            "value": [0.29, 5.0],
            "product": "x",
            "destination": "DE",
        }
    )
    assert impact.spells(rows, minimum=0.29).data["firm_id"].tolist() == ["b"]
    panel = impact.panel(
        pd.DataFrame({"firm": ["a"], "year": [2012], "exporter": [1]}), unit="firm", time="year"
    )
    with pytest.raises(impact.DataError, match="tells who exports without an amount"):
        impact.entry(panel, minimum=5.0, look_back=1)


def test_corrections_begin_nothing() -> None:
    rows = pd.DataFrame(
        {"firm_id": "a", "date": ["2012-01-05", "2012-06-01"], "value": [-5.0, 60.0]}
    )
    assert impact.spells(rows).data["start_month"].tolist() == [6]


def test_a_minimum_holds_at_every_level() -> None:
    """a ships 5 in 2011, below the minimum: no export of the firm, and none of its product; x is new in 2012."""
    rows = pd.DataFrame({"firm_id": list("aaabbb"), "year": [2011, 2012, 2013] * 2, "product": list("xyxzzz"),
                         "value": [5.0, 100, 100, 50, 60, 70]})  # fmt: skip
    for level in ("firm", "product"):
        data = impact.spells(rows, level=level, minimum=10).data
        assert data.loc[data["firm_id"] == "a", "start"].min() == 2012
    made = impact.entry(rows, level="product", minimum=10, look_back=1).data.set_index(
        ["firm_id", "year"]
    )
    assert made.loc[("a", 2011), "exporter"] == 0
    assert made.loc["a", "new_products"].dropna().tolist() == [1, 1]
    spread = impact.diversification(rows, over="product", minimum=10, look_back=1).data.set_index(
        ["firm_id", "year"]
    )
    assert spread.loc["a", "n_lines"].tolist() == [0, 1, 1] and spread.loc[
        "a", "new_lines"
    ].dropna().tolist() == [1, 1]
    assert (
        impact.entry(rows, level="product", look_back=2)
        .data.set_index(["firm_id", "year"])
        .loc[("a", 2013), "new_products"]
        == 0
    )


def test_numbers_of_numpy_are_numbers(panel: impact.Panel) -> None:
    assert "export_survival_1" in impact.export_survival(panel, horizons=np.int64(1)).data  # type: ignore[arg-type]


def test_a_last_year_that_ends_early_is_said_by_each_outcome() -> None:
    dates = ["2013-02-01", "2014-05-01", "2015-03-31"]
    rows = pd.DataFrame(
        {
            "firm_id": "a",
            "date": pd.to_datetime(dates),
            "product": "x",
            "destination": "DE",
            "value": 1.0,
        }
    )
    said = "The last year, 2015, ends in month 3"
    for found in (impact.spells(rows), impact.diversification(rows), impact.margins(rows)):
        assert any(note.startswith(said) for note in found.notes), type(found).__name__
    whole = rows.assign(date=pd.to_datetime([*dates[:2], "2015-12-31"]))
    assert not any("ends in month" in note for note in impact.spells(whole).notes)
    years = rows.assign(year=[2013, 2014, 2015]).drop(columns="date")
    assert not any("ends in month" in note for note in impact.spells(years).notes)


def test_shipments_of_a_year_that_the_panel_calls_unobserved_are_told(
    shipments: pd.DataFrame,
) -> None:
    """They prove an exporter, whatever the panel says; how often is said."""
    rows = [(f, y, "unobserved" if (f, y) in {("a", 2011), ("b", 2012), ("n", 2012)} else "active_nonexporter" if f == "n" else "active_exporter")
            for f in "abcdn" for y in YEARS]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["firm_id", "year", "state"])
    panel = impact.panel(frame, unit="firm_id", time="year")
    made = impact.entry(panel, shipments, look_back=1)
    said = "2 firm-years that the panel calls unobserved have shipments, such as 'a' in 2011: they count as observed"
    assert said in " ".join(made.notes)
    assert said in impact.dynamics(shipments, panel=panel).summary()
    assert made.data.set_index(["firm_id", "year"]).loc[("a", 2011), "exporter"] == 1
