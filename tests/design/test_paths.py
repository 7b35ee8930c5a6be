"""Paths before joining: by hand, within the years that a design may see, and never later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, DesignError

FIRMS = {"a": 4.0, "b": 3.0, "c": np.nan, "d": np.nan, "e": np.nan}
SIZE = {"a": 1.0, "b": 5.0, "c": 1.1, "d": 5.1, "e": 0.0}


def by_hand() -> pd.DataFrame:
    frame = pd.DataFrame(
        [(f, y, g, SIZE[f], 10 * y + SIZE[f]) for f, g in FIRMS.items() for y in range(1, 6)],
        columns=["firm", "year", "joined", "size", "exports"],
    )
    frame.loc[frame["year"] >= 3, "exports"] += 1000  # what a design must not see of b
    return frame


def as_panel(frame: pd.DataFrame) -> impact.Panel:
    return impact.panel(
        frame, unit="firm", time="year", cohort="joined", labels={"exports": "Exports (euros)"}
    )


@pytest.fixture
def matched():
    return impact.match(as_panel(by_hand()), on=["size"], distance="size")


def row(table: pd.DataFrame, sample: str, event_time: int) -> pd.Series:
    found = table[(table["sample"] == sample) & (table["event_time"] == event_time)]
    assert len(found) == 1
    return found.iloc[0]


def test_means_by_hand(matched) -> None:
    assert set(zip(matched.pairs["treated"], matched.pairs["control"], strict=True)) == {
        ("a", "c"),
        ("b", "d"),
    }
    table = matched.paths("exports")
    assert table["event_time"].tolist() == [-3, -2, -1] * 2
    # Year -2: a in 2, b in 1. Controls before: c, d and e in both years, each cohort counting once.
    got = row(table, "before", -2)
    assert got["mean_treated"] == pytest.approx((21 + 15) / 2)
    assert got["mean_control"] == pytest.approx(15 + (1.1 + 5.1) / 3)
    assert (got["n_treated"], got["n_control"], got["n_cohorts"]) == (2, 3, 2)
    got = row(table, "after", -2)
    assert got["mean_control"] == pytest.approx((21.1 + 15.1) / 2)
    assert got["difference"] == pytest.approx(-0.1)
    assert (got["n_treated"], got["n_control"]) == (2, 2)
    # Year -3: only a has one, and only its control counts.
    got = row(table, "after", -3)
    assert (got["mean_treated"], got["mean_control"]) == (11.0, 11.1)
    assert (got["n_treated"], got["n_control"], got["n_cohorts"]) == (1, 1, 1)


def test_the_year_before_joining_agrees_with_balance(matched) -> None:
    balance = matched.balance().set_index("covariate").loc["size"]
    table = matched.paths("size")
    for sample in ("before", "after"):
        got = row(table, sample, -1)
        assert got["mean_treated"] == pytest.approx(balance[f"mean_treated_{sample}"])
        assert got["mean_control"] == pytest.approx(balance[f"mean_control_{sample}"])


def test_nothing_from_joining_on_is_looked_at(matched) -> None:
    frame = by_hand()
    table = matched.paths("exports")
    assert table["event_time"].max() == -1
    later = frame["joined"].notna() & (frame["year"] >= frame["joined"])
    other = frame.assign(exports=frame["exports"].where(~later, -1e9))
    again = impact.match(as_panel(other), on=["size"], distance="size").paths("exports")
    pd.testing.assert_frame_equal(table, again)


@pytest.mark.parametrize("years", [0, -1, 1.5, True, "2"])
def test_years_from_joining_on_are_refused(years: object, matched) -> None:
    with pytest.raises(DesignError, match="whole number from 1"):
        matched.paths("exports", years_before=years)


def test_an_outcome_that_looks_ahead_ends_earlier() -> None:
    frame = by_hand()
    frame["exports_ahead_1"] = frame.groupby("firm")["exports"].shift(-1)
    panel = as_panel(frame)
    panel.data.attrs["impact_looks_ahead"] = {"exports_ahead_1": 1}
    assert panel.ahead("exports_ahead_1") == 1
    matched = impact.match(panel, on=["size"], distance="size")
    table = matched.paths("exports_ahead_1")
    assert table["event_time"].unique().tolist() == [-3, -2]
    with pytest.raises(DesignError, match="looks 1 year ahead"):
        matched.paths("exports_ahead_1", years_before=1)
    with pytest.raises(DesignError, match="looks 1 year ahead"):
        matched.overlap("exports_ahead_1")


def test_fewer_years_on_request_and_more_are_not_invented(matched) -> None:
    assert matched.paths("exports", 1)["event_time"].tolist() == [-1, -1]
    assert matched.paths("exports", 9)["event_time"].min() == -3


def test_unknown_values_are_left_out_and_counted() -> None:
    frame = by_hand()
    frame.loc[(frame["firm"] == "d") & (frame["year"] == 1), "exports"] = np.nan
    matched = impact.match(as_panel(frame), on=["size"], distance="size")
    got = row(matched.paths("exports"), "after", -2)
    # The control of b is unknown in year 1, so the cohort of b does not count in that year.
    assert (got["mean_treated"], got["mean_control"]) == (21.0, 21.1)
    assert (got["n_treated"], got["n_control"], got["n_cohorts"]) == (1, 1, 1)
    frame["exports"] = np.nan
    none = impact.match(as_panel(frame), on=["size"], distance="size").paths("exports")
    assert none[["mean_treated", "mean_control", "difference"]].isna().all(axis=None)
    assert (none[["n_treated", "n_control"]] == 0).all(axis=None)


def test_refusals(matched) -> None:
    with pytest.raises(DataError, match="missing"):
        matched.paths("export")
    with pytest.raises(DesignError, match="has a role"):
        matched.paths("joined")
    data = pd.DataFrame({"joined": [1, 0, 0], "size": [2.5, 2.0, 3.0]})
    flat = impact.match(data, treatment="joined", on=["size"], distance="size")
    with pytest.raises(DesignError, match="cross-section"):
        flat.paths("size")
    for kind, outcome in (("paths", None), ("overlap", "exports"), ("tree", None)):
        with pytest.raises(DesignError, match="draw 'love' or 'overlap'"):
            matched.plot(kind, outcome=outcome)


def test_texts_are_refused() -> None:
    matched = impact.match(as_panel(by_hand().assign(name="x")), on=["size"], distance="size")
    with pytest.raises(DesignError, match="does not hold numbers"):
        matched.paths("name")
