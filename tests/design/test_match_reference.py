"""`impact.match` against R MatchIt on its own data: pairs, effects and balance."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact

READER = runpy.run_path(
    str(Path(__file__).parent.parent / "reference" / "matchit_lalonde" / "reader.py")
)
EXPECTED = READER["expected"]()
ON = list(READER["COVARIATES"])


@pytest.fixture(scope="module")
def lalonde() -> pd.DataFrame:
    frame = READER["lalonde"]()
    if frame is None:
        pytest.skip("lalonde.csv is not beside the repository")
    return frame


def weighted_difference(frame: pd.DataFrame, weights: pd.Series) -> float:
    treated = frame["treat"] == 1
    means = [
        np.average(frame.loc[arm, "re78"], weights=weights[arm]) for arm in (treated, ~treated)
    ]
    return float(means[0] - means[1])


@pytest.mark.parametrize(
    "row", EXPECTED["matches"], ids=lambda r: f"{r['distance']}-{r['caliper']}"
)
def test_pairs_and_difference(row: dict[str, Any], lalonde: pd.DataFrame) -> None:
    matched = impact.match(
        lalonde, treatment="treat", on=ON, distance=row["distance"], caliper=row["caliper"]
    )
    half_a_digit = 0.5 * 10.0 ** -row["digits"] + 1e-9
    assert len(matched.pairs) == row["pairs"]
    assert weighted_difference(lalonde, matched.weights) == pytest.approx(
        row["difference"], abs=half_a_digit
    )
    effect = impact.att(matched, "re78", method="difference").tidy()
    assert effect["estimate"][0] == pytest.approx(row["difference"], abs=half_a_digit)
    assert effect["n_clusters"][0] == row["pairs"]


@pytest.mark.parametrize("row", EXPECTED["balance"], ids=lambda r: str(r["settings"]))
def test_balance_tables(row: dict[str, Any], lalonde: pd.DataFrame) -> None:
    settings = {"on": ON, **row["settings"]}
    matched = impact.match(lalonde, treatment="treat", **settings)
    sizes = matched.sizes().loc["after"]
    assert (sizes["n_treated"], sizes["n_control"]) == (row["n_treated"], row["n_control"])
    assert sizes["ess_control"] == pytest.approx(row["ess_control"], abs=0.005)
    table = matched.balance().set_index("covariate")
    for when in ("before", "after"):
        columns = [f"{c}_{when}" for c in row["columns"]]
        for name, values in row[when].items():
            wanted = np.array(values, dtype=np.float64)
            got = table.loc[name, columns].to_numpy(dtype=np.float64)
            np.testing.assert_allclose(got, wanted, rtol=0, atol=0.5e-4 + 1e-9, err_msg=name)


def test_another_tie_order_gives_other_pairs(lalonde: pd.DataFrame) -> None:
    """The agreement above is not an accident: the rule for equal scores decides some pairs."""
    reversed_ties = lalonde.set_axis(range(len(lalonde), 0, -1))
    matched = impact.match(reversed_ties, treatment="treat", on=ON, caliper=0.2)
    difference = weighted_difference(reversed_ties, matched.weights)
    assert difference != pytest.approx(1571.7, abs=0.05)


def test_row_order_of_the_file_does_not_matter(lalonde: pd.DataFrame) -> None:
    shuffled = lalonde.sample(frac=1.0, random_state=3)
    for settings in ({"caliper": 0.2}, {"ratio": 2, "replace": True}, {"distance": "mahalanobis"}):
        one = impact.match(lalonde, treatment="treat", on=ON, **settings)
        two = impact.match(shuffled, treatment="treat", on=ON, **settings)
        pd.testing.assert_frame_equal(one.pairs, two.pairs, check_exact=True)
        pd.testing.assert_frame_equal(one.balance(), two.balance(), check_exact=True)
        pd.testing.assert_series_equal(one.weights, two.weights.sort_index(), check_exact=True)
