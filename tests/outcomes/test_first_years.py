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


def to_june() -> pd.DataFrame:
    """w ships every June to 2015; a enters in November 2013, b in February 2014."""
    shipped = [("w", f"{y}-06-15", 1.0) for y in range(2010, 2016)]
    shipped += [("a", "2013-11-05", 10.0), ("a", "2014-03-01", 50.0), ("a", "2015-02-01", 20.0)]
    shipped += [("b", "2014-02-01", 11.0), ("b", "2015-03-01", 6.0)]
    return pd.DataFrame(shipped, columns=["firm_id", "date", "value"])


def test_the_calendar_year_in_which_the_data_end_in_june_is_not_known() -> None:
    """2015 has six months. It is a's third and b's second calendar year; half a year would look like a fall."""
    found = impact.first_years(to_june())
    data = found.data.set_index("firm_id")
    assert data.loc["a", ["calendar_1", "calendar_2"]].tolist() == [10, 50]
    assert pd.isna(data.loc["a", "calendar_3"])
    assert data.loc["b", "calendar_1"] == 11
    assert data.loc["b", ["calendar_2", "calendar_3", "calendar_growth"]].isna().all()
    # Twelve months from February 2014 are whole: 11; those that begin in February 2015 are not.
    assert data.loc["b", "anniversary_1"] == 11 and pd.isna(data.loc["b", "anniversary_2"])
    said = "the data end in month 6 of 2015: that calendar year is not whole"
    assert said in found.warnings[0] and said in found.summary()
    assert found.counts()["flags"].str.contains(said).all()


@pytest.mark.parametrize(("correction", "of_a"), [("scaled", np.log(50 / (10 * 12 / 2))), ("first_full_year", np.nan)])  # fmt: skip
def test_nor_is_growth_that_needs_it(correction: str, of_a: float) -> None:
    """Scaled, a's growth is from 2013 to 2014; that to 2015 needs 2015, and so does b's."""
    data = impact.first_years(to_june(), correction=correction).data.set_index("firm_id")  # type: ignore[arg-type]
    assert data.loc["a", "growth"] == pytest.approx(of_a, nan_ok=True)
    assert pd.isna(data.loc["b", "growth"]) and pd.isna(data.loc["b", "partial_year_bias"])


def test_a_year_that_ends_in_december_is_whole_and_one_far_from_any_entry_is_not_told() -> None:
    assert not impact.first_years(rows()).warnings
    late = pd.concat([to_june(), pd.DataFrame({"firm_id": "w", "date": [f"{y}-06-15" for y in (2016, 2017, 2018)], "value": 1.0})])  # fmt: skip
    assert not impact.first_years(late).warnings
    # Years alone are taken as whole.
    years = to_june().assign(year=lambda d: d["date"].str[:4].astype(int)).drop(columns="date")
    assert impact.first_years(years).data.set_index("firm_id").loc["a", "calendar_3"] == 20
    with pytest.raises(impact.DataError, match=r"look_back is 1\.5"):
        impact.first_years(rows(), look_back=1.5)  # type: ignore[arg-type]
