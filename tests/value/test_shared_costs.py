"""Joint cost: shared by a declared key, to the cent."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact import share_costs
from impact.core.errors import DataError


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
    got = share_costs(costs(), {2011: {"a": 1, "b": 1}, 2012: {"a": 1}})
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
