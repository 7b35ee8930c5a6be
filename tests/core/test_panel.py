"""Roles of columns: what a panel accepts, what it refuses, and that it never touches the caller's data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from impact.core.errors import DataError
from impact.core.panel import as_codes, panel


def rows(**change: object) -> pd.DataFrame:
    """Three firms, two years: 01 joins in 2, 1 joins in 1, b never.

    '01' and '1' are two firms: identifiers are text.
    """
    data = {
        "firm": ["01", "01", "1", "1", "b", "b"],
        "year": [1, 2, 1, 2, 1, 2],
        "joined": [2.0, 2.0, 1.0, 1.0, None, None],
        "grant": [0, 1, 1, 0, 0, 0],
        "jobs": [5.0, 6.0, 7.0, None, 3.0, 3.0],
    }
    return pd.DataFrame({**data, **change})


def test_missing_cohort_means_never() -> None:
    cohorts = panel(rows(), unit="firm", time="year", cohort="joined").unit_cohort()
    assert cohorts.to_dict() == pytest.approx({"01": 2.0, "1": 1.0, "b": float("nan")}, nan_ok=True)


def test_a_treatment_gives_the_cohort_and_says_when_it_switches_off() -> None:
    made = panel(rows(), unit="firm", time="year", treatment="grant")
    assert made.cohort == "cohort"
    assert made.unit_cohort().to_dict()["01"] == 2.0
    assert made.notes == (
        "Participation is 0 again after its first year (firms: 1); effects are counted from the first "
        "year on.",
    )
    assert "1 joined in 1, 1 joined in 2, 1 never" in made.summary()


def test_a_column_of_the_callers_named_cohort_stays_what_it_is() -> None:
    made = panel(rows(cohort="x"), unit="firm", time="year", treatment="grant")
    assert made.cohort == "cohort_"
    assert made.data["cohort"].tolist() == ["x"] * 6


def test_all_faults_come_in_one_pass() -> None:
    bad = rows(
        firm=["01", "01", "1", None, "b", "b"],
        year=[1, 1, 1.5, 2, 1, 2],
        joined=[2.0, 1.0, 0.0, 1.0, None, None],
        grant=[0, 2, 1, 0, 0, 0],
    )
    with pytest.raises(DataError) as caught:
        panel(bad, unit="firm", time="year", cohort="joined", treatment="grant")
    text = str(caught.value)
    for part in (
        "firm identifier is missing",
        "not a whole number",
        "stands 2 times in period 1",
        "participation must be 0 or 1",
        "cohort is not a year",
        "more than one cohort",
    ):
        assert part in text


def test_a_missing_column_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean 'year'"):
        panel(rows(), unit="firm", time="yaer")


def test_the_callers_data_are_not_changed_and_a_panel_is_frozen() -> None:
    data = rows()
    before = data.copy(deep=True)
    made = panel(data, unit="firm", time="year", treatment="grant")
    pd.testing.assert_frame_equal(data, before)
    copy = made.tidy()
    copy["jobs"] = 0.0
    assert made.data["jobs"].iloc[0] == 5.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.unit = "x"  # type: ignore[misc]


def test_wide_keeps_missing_missing() -> None:
    wide = panel(rows().iloc[1:], unit="firm", time="year").wide("jobs")
    assert wide.index.tolist() == ["01", "1", "b"]
    assert wide.isna().to_numpy().tolist() == [[True, False], [False, True], [False, False]]


def test_a_panel_without_cohort_says_so() -> None:
    with pytest.raises(DataError, match="no cohort"):
        panel(rows(), unit="firm", time="year").unit_cohort()


def test_weights_must_be_positive() -> None:
    with pytest.raises(DataError, match="positive"):
        panel(rows(w=[1, 1, 0, 1, 1, 1]), unit="firm", time="year", weights="w")


@given(
    st.lists(st.integers(-120, 120), min_size=1, max_size=60),
    st.sampled_from(["int8", "int16", "int32", "int64", "float64", "str"]),
)
@example(list(range(-120, 121, 2)), "int8")
def test_codes_are_those_of_pandas_whatever_the_type(numbers: list[int], kind: str) -> None:
    """A narrow type does not hold the span of its own numbers."""
    values = pd.Series(numbers, dtype=kind)
    codes, levels = as_codes(values)
    told, known = pd.factorize(values, sort=True)
    np.testing.assert_array_equal(codes, told)
    assert list(levels) == list(known)


@given(st.integers(2, 12), st.integers(2, 6), st.data())
def test_a_firm_year_that_stands_twice_is_found_and_no_other(
    n: int, periods: int, data: st.DataObject
) -> None:
    frame = pd.DataFrame(
        {"firm": np.repeat(np.arange(n), periods) - 3, "year": np.tile(np.arange(periods), n)}
    )
    assert len(panel(frame, unit="firm", time="year").data) == len(frame)
    again = data.draw(st.integers(0, len(frame) - 1))
    twice = pd.concat([frame, frame.iloc[[again]]], ignore_index=True)
    with pytest.raises(DataError, match=f"stands 2 times in period {frame['year'].iloc[again]}"):
        panel(twice, unit="firm", time="year")


def test_what_is_written_into_the_frame_later_does_not_reach_the_panel() -> None:
    frame = pd.DataFrame({"firm": [1, 1, 2, 2], "year": [1, 2, 1, 2], "y": [1.0, 2.0, 3.0, 4.0]})
    made = panel(frame, unit="firm", time="year")
    frame.loc[0, "y"] = 99.0
    frame["y"] += 1
    frame.iloc[1, 2] = -5.0
    assert made.data["y"].tolist() == [1.0, 2.0, 3.0, 4.0]
    made.data.loc[0, "y"] = 7.0
    assert frame["y"].tolist() == [100.0, -5.0, 4.0, 5.0]
