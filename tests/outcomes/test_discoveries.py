"""Discoveries: what may stand for a number of years."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact


@pytest.mark.parametrize(
    ("given", "said"),
    [({"look_back": 1.5}, r"look_back is 1\.5; it is a whole number of years, 1 or more"), ({"look_back": "2"}, "look_back is '2'"),
     ({"followers_within": 0}, "followers_within is 0"), ({"threshold": -1.0}, "threshold is -1")],
)  # fmt: skip
def test_counts_of_discoveries_are_whole(given: dict[str, Any], said: str) -> None:
    rows = pd.DataFrame({"firm_id": "a", "year": [2010, 2011], "product": ["x", "y"], "value": 5.0})
    with pytest.raises(impact.DataError, match=said):
        impact.discoveries(rows, **given)
    plain = impact.discoveries(rows, look_back=1, followers_within=1)
    numpys = impact.discoveries(rows, look_back=np.int64(1), followers_within=np.int32(1))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(plain, numpys)
