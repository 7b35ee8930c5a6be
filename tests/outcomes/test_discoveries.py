"""Discoveries: what may stand for a number of years."""

from __future__ import annotations

from pathlib import Path
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


DRAWN = """
product   2010  2011  2012  2013  2014  2015
coffee    a b   a b   a     a     a     a
cocoa     .     a c   c     c d   d e   .
roses     .     .     .     .     b     b
"""


def test_discoveries_of_a_drawing_with_their_counts_and_flags(tmp_path: Path) -> None:
    """Who exports what: coffee was there in the first year, cocoa is discovered in 2011 by a and c, roses in 2014 by b."""
    lines = [line.split("  ") for line in DRAWN.strip().splitlines()]
    years = [int(y) for y in " ".join(lines[0]).split()[1:]]
    rows = []
    for line in DRAWN.strip().splitlines()[1:]:
        name, cells = line.split()[0], [line[10 + 6 * k : 16 + 6 * k].split() for k in range(6)]
        rows += [
            (f, y, name, 1.0)
            for y, firms in zip(years, cells, strict=True)
            for f in firms
            if f != "."
        ]
    frame = pd.DataFrame(rows, columns=["firm_id", "year", "product", "value"])
    found = impact.discoveries(frame, look_back=1, followers_within=3)
    assert found["product"].tolist() == ["cocoa", "roses"] and found["year"].tolist() == [
        2011,
        2014,
    ]
    assert found["pioneers"].tolist() == [2, 1]
    assert found["alive_2"].tolist()[0] == 1 and np.isnan(
        found["alive_2"].tolist()[1]
    )  # c alone in 2013
    assert found["followers"].tolist()[0] == 2 and np.isnan(
        found["followers"].tolist()[1]
    )  # d and e
    assert found["flags"].tolist() == [
        "",
        "2 years later is not observed; not all of the 3 years after are observed",
    ]
    alive, followers = found.attrs["counts"]
    assert [alive[c] for c in ("n_obs", "n_at_risk", "n_event", "value")] == [1, 2, 1, 0.5]
    assert alive["flags"] == "1 discoveries of which 2 years later is not observed"
    assert (followers["n_obs"], followers["value"]) == (1, 2.0)
    found.to_parquet(tmp_path / "found.parquet")  # attrs go along, as JSON
    assert pd.read_parquet(tmp_path / "found.parquet").attrs["counts"] == found.attrs["counts"]
