"""The partial first year: when a firm begins in November, its first calendar year has two months."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact

# Firm, date, value. `w` ships every year from 2010 on, so that the years are observed to December 2015.
ROWS = """
w 2010-01-15   1
w 2011-01-15   1
w 2012-01-15   1
w 2013-01-15   1
w 2014-01-15   1
w 2015-12-15   1
a 2012-11-05  10    # begins in November: two months in 2012
a 2013-02-01  20    # within twelve months of the first shipment
a 2013-12-20  30    # after them
a 2014-03-01   5    # still in the second twelve
b 2013-01-03  40    # begins in January: the calendar year is whole
b 2014-06-01  60
c 2015-03-01   7    # the twelve months end after the data
d 2012-05-01  10    # stops: nothing in the second twelve months
"""


def rows() -> pd.DataFrame:
    found = [line.split("#")[0].split() for line in ROWS.strip().splitlines()]
    return pd.DataFrame(
        [(f, d, float(v)) for f, d, v in found], columns=["firm_id", "date", "value"]
    )


def test_anniversary_years() -> None:
    found = impact.first_years(rows())
    data = found.data.set_index("firm_id")
    assert found.correction == "anniversary" and not found.warnings
    assert data.loc["a", ["year", "first_month", "calendar_1", "calendar_2"]].tolist() == [
        2012,
        11,
        10,
        50,
    ]
    assert data.loc["a", ["anniversary_1", "anniversary_2", "anniversary_3"]].tolist() == [
        30,
        35,
        0,
    ]
    assert data.loc["a", "calendar_growth"] == pytest.approx(np.log(5))
    assert data.loc["a", "growth"] == pytest.approx(np.log(35 / 30))
    assert data.loc["a", "partial_year_bias"] == pytest.approx(np.log(5) - np.log(35 / 30))
    assert data.loc["b", "partial_year_bias"] == 0
    assert data.loc["c", ["anniversary_1", "growth"]].isna().all()  # March 2015 to February 2016
    assert data.loc["d", "anniversary_2"] == 0 and pd.isna(data.loc["d", "growth"])  # a log of 0
    counts = found.counts().set_index("outcome")
    assert counts.loc["growth", "n_obs"] == 2
    assert (
        "w" not in data.index
    )  # exported in the first year of the data: when it began is not known


def test_scaling_is_on_demand() -> None:
    data = impact.first_years(rows(), correction="scaled").data.set_index("firm_id")
    assert data.loc["a", "growth"] == pytest.approx(np.log(50 / (10 * 12 / 2)))


def test_without_months_growth_begins_with_the_first_full_year_and_is_flagged() -> None:
    plain = rows().assign(year=lambda d: d["date"].str[:4].astype(int)).drop(columns="date")
    found = impact.first_years(plain)
    data = found.data.set_index("firm_id")
    assert found.correction == "first_full_year"
    assert data.loc["a", "growth"] == pytest.approx(np.log(5 / 50))
    assert data["anniversary_1"].isna().all() and data["first_month"].isna().all()
    assert "months are not known" in found.warnings[0]
    assert "Warning: months are not known" in found.summary()
    assert "months are not known" in found.counts()["flags"][0]
    with pytest.raises(impact.DataError, match="needs the months"):
        impact.first_years(plain, correction="anniversary")


def test_months_of_a_sum_over_the_year_do_not_date_the_rest() -> None:
    """Cells of a year have a first month, and no months of what followed."""
    cells = pd.DataFrame(
        {
            "firm_id": ["w", "w", "a"],
            "year": [2010, 2011, 2011],
            "first_month": [1, 1, 11],
            "value": 1.0,
        }
    )
    assert impact.first_years(cells).correction == "first_full_year"


def test_nobody_enters() -> None:
    with pytest.raises(impact.DataError, match="Nobody is seen to enter"):
        impact.first_years(rows()[rows()["firm_id"] == "w"])
    with pytest.raises(impact.DataError, match="choose from anniversary"):
        impact.first_years(rows(), correction="magic")  # type: ignore[arg-type]


def test_a_shipment_without_a_month_leaves_its_year_unknown() -> None:
    """What was shipped in 2013, and when, is half known: no twelve months that touch 2013 are summed, and none is 0."""
    data = rows().assign(
        year=lambda d: d["date"].str[:4].astype(int),
        month=lambda d: d["date"].str[5:7].astype(float),
    )
    undated = data["date"].isin(["2013-12-20"])
    plain = data.assign(month=data["month"].mask(undated)).drop(columns="date")
    found = impact.first_years(plain).data.set_index("firm_id")
    assert found.loc["a", ["anniversary_1", "anniversary_2", "growth"]].isna().all()
    assert found.loc["a", "calendar_2"] == 50
    assert (
        found.loc["b", "growth"]
        == impact.first_years(rows()).data.set_index("firm_id").loc["b", "growth"]
    )


def test_exports_that_were_not_linked_are_not_0() -> None:
    """The panel has a as an exporter of 2013, and no shipment of then is found: what touches 2013 is not known."""
    shipped = [("a", "2012-11-05", 10.0), ("a", "2014-03-01", 40.0), ("a", "2014-11-01", 5.0), ("b", "2011-01-01", 1.0),
               ("b", "2012-01-01", 1.0), ("b", "2013-01-01", 1.0), ("b", "2015-12-31", 1.0)]  # fmt: skip
    frame = pd.DataFrame({"firm_id": list("aaaaabbbbb"), "year": list(range(2011, 2016)) * 2,
                          "exports": [0, 10, 70, 45, 0, 1, 1, 1, 1, 1]})  # fmt: skip
    panel = impact.panel(frame, unit="firm_id", time="year")
    shipments = pd.DataFrame(shipped, columns=["firm_id", "date", "value"])
    row = impact.first_years(shipments, panel=panel).data.set_index("firm_id").loc["a"]
    assert row[["calendar_2", "anniversary_1", "anniversary_2", "growth"]].isna().all()
    assert row["calendar_1"] == 10 and row["calendar_3"] == 45


def test_a_correction_without_a_month_leaves_its_year_unknown() -> None:
    frame = pd.DataFrame({"firm_id": list("aaabbb"), "year": [2012, 2012, 2013, 2011, 2013, 2014],
                          "month": [1, np.nan, 1, 1, 1, 12], "value": [100.0, -60, 100, 1, 1, 1]})  # fmt: skip
    row = impact.first_years(frame).data.iloc[0]
    assert row["calendar_1"] == 40 and row[["anniversary_1", "growth"]].isna().all()
