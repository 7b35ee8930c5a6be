"""Log and lag: their edge cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import DataError
from impact.outcomes.transform import lag, log


def test_log_of_zero_is_refused_with_its_row() -> None:
    with pytest.raises(DataError) as caught:
        log(pd.Series([1.0, 0.0, -2.0, None], index=[2, 3, 4, 5], name="sales"))
    assert [(f.row, f.column, f.value) for f in caught.value.faults] == [
        (3, "sales", 0.0),
        (4, "sales", -2.0),
    ]


def test_lag_does_not_jump_over_a_gap() -> None:
    rows = pd.DataFrame(
        {"f": ["a", "a", "a", "b"], "t": [2010, 2011, 2013, 2011], "x": [1.0, 2, 3, 4]}
    )
    got = lag(rows["x"], rows["f"], rows["t"])
    np.testing.assert_array_equal(got, [np.nan, 1.0, np.nan, np.nan])


def test_before_first_fills_the_first_period_of_the_data_only() -> None:
    rows = pd.DataFrame({"f": ["a", "a", "b"], "t": [1, 2, 2], "x": [5.0, 6.0, 7.0]})
    got = lag(rows["x"], rows["f"], rows["t"], before_first=0)
    np.testing.assert_array_equal(got, [0.0, 5.0, np.nan])


@given(st.permutations(range(8)))
def test_lag_does_not_depend_on_row_order(order: list[int]) -> None:
    rows = pd.DataFrame({"f": list("aaaabbbb"), "t": [1, 2, 3, 4] * 2, "x": np.arange(8.0)})
    plain = lag(rows["x"], rows["f"], rows["t"])
    mixed = rows.iloc[order]
    pd.testing.assert_series_equal(lag(mixed["x"], mixed["f"], mixed["t"]).sort_index(), plain)


def test_lag_is_what_michigan_ships() -> None:
    from linearmodels.datasets import jobtraining

    data = jobtraining.load()
    made = lag(data["grant"], data["fcode"], data["year"], before_first=0)
    np.testing.assert_array_equal(made, data["grant_1"])
    data["log"] = log(data["scrap"])
    np.testing.assert_allclose(data["log"], data["lscrap"], atol=1e-6)
