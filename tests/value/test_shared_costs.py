"""Joint cost: shared by a declared key, to the cent."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact import share_costs
from impact.core.errors import DataError
from impact.value.costs import discounted_costs, present_variance


def costs(**changed: Any) -> pd.DataFrame:
    table: dict[str, Any] = {
        "item": ["fair", "office", "audit"],
        "year": [2011, 2011, 2012],
        "amount": [500.0, 100.0, 0.02],
        "activity": ["missions", "joint", None],
    }
    return pd.DataFrame(table | changed)


def test_shares_by_hand():
    got = share_costs(costs(), {"missions": 1, "training": 2, "none": 0}, key_name="participants")
    assert got["amount"].tolist() == [500.0, 33.33, 66.67, 0.01, 0.01]
    assert got["activity"].tolist() == ["missions", "missions", "training", "missions", "training"]
    assert got["shared_by"].tolist()[:2] == ["", "participants: 1 of 3"]
    assert got["year"].tolist() == [2011, 2011, 2011, 2012, 2012]


def test_the_key_may_change_by_year():
    got = share_costs(costs(), {2011: {"a": 1, "b": 1, "missions": 0}, 2012: {"a": 1}})
    assert got["amount"].tolist() == [500.0, 50.0, 50.0, 0.02]


def test_every_fault_comes_in_one_pass():
    with pytest.raises(DataError) as caught:
        share_costs(costs(amount=[500.0, -1.0, 2.0]), {2011: {"a": -1, "b": "x"}, 2013: {"a": 0}})
    assert [f.column for f in caught.value.faults] == [
        "key[2011]['a']",
        "key[2011]['b']",
        "key[2013]",
        "amount",
        "key",
    ]
    with pytest.raises(DataError, match="no units"):
        share_costs(costs(), {})


def faults_of(table: pd.DataFrame, key: Any) -> list[tuple[str | None, Any]]:
    with pytest.raises(DataError) as caught:
        share_costs(table, key)
    return [(f.column, f.value) for f in caught.value.faults]


def test_a_unit_that_is_spelled_otherwise_in_the_key_is_named():
    assert faults_of(costs(), {"mission": 1, "training": 2}) == [("activity", "missions")]
    assert faults_of(costs(), {"missions": 1, "joint": 2}) == [("key['joint']", None)]


def test_keys_and_years_that_cannot_be_read():
    assert faults_of(costs(year=2011), {2011: {"missions": 1}, "b": 2}) == [("key['b']", 2)]
    assert faults_of(costs(), {"2011": {"missions": 1}})[0][0] == "key['2011']"
    assert faults_of(costs(), [1, 2]) == [("key", None)]
    assert faults_of(3, {"a": 1}) == [(None, 3)]  # type: ignore[arg-type]
    (missing,) = faults_of(costs(year=[2011, None, 2011]), {2011: {"missions": 1}})
    assert missing[0] == "year"


def test_the_parts_of_an_estimated_line_err_together():
    table = costs(std_error=[0.0, 10.0, 0.0], source_of_funds="EU", currency="EUR")
    got = discounted_costs(share_costs(table, {"missions": 1, "training": 3}))
    assert got["std_error"].tolist() == [0.0, 2.5, 7.5, 0.0, 0.0]
    # All parts together err as the line did; one unit's part errs in proportion to it.
    assert present_variance(got) == present_variance(discounted_costs(table)) == 100.0
    assert present_variance(got[got["activity"] == "training"]) == 7.5**2
    two = share_costs(table.assign(std_error=[0.0, 8.0, 6.0]), {"missions": 1, "training": 1})
    assert present_variance(discounted_costs(two)) == pytest.approx(8.0**2 + 6.0**2)


def test_a_line_shared_twice_says_both_keys_and_is_still_one_line():
    table = costs(country="joint", std_error=[0.0, 10.0, 0.0], source_of_funds="EU", currency="EUR")
    once = share_costs(table, {"missions": 1, "training": 1}, key_name="hours")
    got = share_costs(once, {"PE": 1, "CO": 1}, over="country", key_name="firms")
    assert "hours: 1 of 2; firms: 1 of 2" in set(got["shared_by"])
    assert present_variance(discounted_costs(got)) == 100.0


def test_what_a_line_has_beyond_cents_is_not_lost_and_nothing_costs_nothing():
    got = share_costs(costs(amount=[500.0, 33.335, 0.02]), {"missions": 1, "a": 1, "b": 1})
    parts = got.loc[got["item"] == "office", "amount"]
    assert math.fsum(parts) == pytest.approx(33.335, abs=1e-12)
    assert (got["amount"] > 0).all()
    assert got.loc[got["item"] == "audit", "amount"].tolist() == [0.01, 0.01]


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=6),
    st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 1000), min_size=1).filter(
        lambda k: sum(k.values()) > 0
    ),
)
@settings(max_examples=60, deadline=None)
def test_the_parts_of_a_line_add_up_to_the_cent(cents, key):
    table = pd.DataFrame(
        {
            "item": np.arange(len(cents)),
            "year": 2011,
            "amount": [c / 100 for c in cents],
            "activity": "joint",
        }
    )
    got = share_costs(table, key)
    for item, lines in got.groupby("item"):
        assert sum(round(Fraction(a) * 100) for a in lines["amount"]) == cents[int(item)]
    whole = sum(key.values())
    for line in got.itertuples():
        exact = cents[int(line.item)] * key[line.activity] / whole
        assert abs(line.amount * 100 - exact) < 1 + 1e-6
    turned = share_costs(table, dict(reversed(list(key.items()))))
    pd.testing.assert_frame_equal(got, turned)
