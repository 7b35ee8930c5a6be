"""Matching on the path to joining: values of g - 1, g - 2, ..., and on nothing later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, DesignError


def rows(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    unit = pd.DataFrame(
        {
            "firm": range(100),
            "a": rng.normal(size=100),
            "joined": [3.0] * 15 + [4.0] * 15 + [np.nan] * 70,
        }
    )
    frame = unit.merge(pd.DataFrame({"year": range(1, 6)}), how="cross")
    return frame.assign(exports=lambda f: f["a"] + f["year"] * rng.normal(size=500))


def panel(frame: pd.DataFrame | None = None) -> impact.Panel:
    frame = rows() if frame is None else frame
    return impact.panel(
        frame, unit="firm", time="year", cohort="joined", labels={"exports": "exports (log)"}
    )


def test_each_covariate_is_of_its_year() -> None:
    matched = impact.match(panel(), on=["a"], lags={"exports": 2})
    assert matched.settings.on == ("a", "exports", "exports_2_before")
    known = rows().set_index(["firm", "year"])["exports"]
    for row in matched.candidates.itertuples():
        assert row.exports == known[(row.unit, row.cohort - 1)]
        assert row.exports_2_before == known[(row.unit, row.cohort - 2)]
    said = matched.methods_sentence()
    assert "exports (log), 2 years before" in said and "in the years before joining" in said
    assert list(matched.balance()["covariate"]) == ["distance", "a", "exports", "exports_2_before"]


def test_a_change_at_or_after_joining_changes_nothing() -> None:
    frame = rows()
    later = frame["year"] >= frame["joined"].fillna(9)
    other = frame.assign(exports=frame["exports"].where(~later, 99.0))
    here = impact.match(panel(frame), on=["a"], lags={"exports": 2}, method="entropy")
    there = impact.match(panel(other), on=["a"], lags={"exports": 2}, method="entropy")
    pd.testing.assert_frame_equal(here.candidates, there.candidates)


def test_a_year_that_is_not_in_the_panel_leaves_the_firm_out_and_is_said() -> None:
    matched = impact.match(panel(), on=["a"], lags={"exports": 3})
    assert set(matched.candidates["cohort"]) == {4.0}
    assert "participant: exports (log) is missing 3 years before joining: 75 rows" in str(
        matched.ledger
    )


def test_a_gap_in_time_is_missing_and_not_the_row_before() -> None:
    frame = rows()
    gap = frame[(frame["year"] != 2) | (frame["firm"] != 99)]
    matched = impact.match(panel(gap), on=["a"], lags={"exports": 2})
    of_cohort = matched.candidates.groupby("cohort")["unit"].apply(set)
    assert 99 not in of_cohort[3.0] and 99 not in of_cohort[4.0]


def test_weights_balance_the_whole_path() -> None:
    table = impact.match(panel(), on=["a"], lags={"exports": 2}, method="entropy").balance(
        by_cohort=True
    )
    assert table["smd_after"].abs().max() < 1e-10


def test_refusals() -> None:
    for lags in ({"exports": 0}, {"exports": 1.5}, {"exports": True}):
        with pytest.raises(DesignError, match="number of years before joining"):
            impact.match(panel(), on=["a"], lags=lags)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="sales"):
        impact.match(panel(), on=["a"], lags={"sales": 2})
    with pytest.raises(DesignError, match="rename that"):
        impact.match(panel(rows().assign(exports_2_before=0.0)), on=["a"], lags={"exports": 2})
    section = (
        rows()
        .query("year == 2")
        .assign(d=lambda f: f["joined"].notna().astype(int))
        .set_index("firm")
    )
    with pytest.raises(DesignError, match="A cross-section has no years before"):
        impact.match(section, treatment="d", on=["a"], lags={"exports": 2})
    with pytest.raises(DesignError, match="looks ahead of its row"):
        impact.match(panel(rows().assign(entry_within_1=0.0)), on=["entry_within_1"])
