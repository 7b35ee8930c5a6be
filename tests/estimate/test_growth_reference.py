"""Effects by growth against the Poisson regressions of pyfixest, statsmodels and R on one drawn panel."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact

GROWTH = runpy.run_path(str(Path(__file__).parent.parent / "reference" / "growth" / "reader.py"))
REFERENCES = GROWTH["references"]()


def fit(method: str, weights: str = "", *, absent: bool = False, **asked: Any) -> pd.DataFrame:
    frame = GROWTH["panel"](absent=absent)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights or None)
    effect = impact.att(panel, "exports", method=method, family="poisson", **asked)
    share = effect.percent().tidy().set_index(["cohort", "time"])
    table = effect.tidy().set_index(["cohort", "time"])
    return table.assign(percent=share["estimate"], percent_error=share["std_error"])


def known(what: str, package: str, weights: str = "", cluster: str = "firm") -> pd.DataFrame:
    rows = REFERENCES.query(
        "what == @what and package == @package and weights == @weights and cluster == @cluster"
    )
    assert len(rows)
    return rows.set_index(["cohort", "time"])


@pytest.mark.parametrize("package", ["pyfixest", "statsmodels"])
@pytest.mark.parametrize("weights", ["", "weight"])
@pytest.mark.parametrize("cluster", ["firm", "region"])
def test_a_cell_is_the_poisson_regression_of_two_groups_and_two_periods(
    package: str, weights: str, cluster: str
) -> None:
    """Per cent are `100 (exp(b) - 1)`, with the error of b by the delta method."""
    got = fit("group_time", weights, base_period="universal", cluster=cluster)
    want = known("cell", package, weights, cluster)
    ratio = np.exp(want["estimate"])
    got = got.loc[want.index]
    np.testing.assert_allclose(got["percent"], 100 * (ratio - 1), rtol=0, atol=1e-8)
    np.testing.assert_allclose(got["percent_error"], 100 * ratio * want["std_error"], rtol=1e-7)


def test_the_reference_can_say_no() -> None:
    want = known("cell", "statsmodels")
    got = fit("group_time", "weight", base_period="universal").loc[want.index]
    assert (got["percent"] - 100 * np.expm1(want["estimate"])).abs().max() > 1


@pytest.mark.parametrize("weights", ["", "weight"])
def test_regression_with_a_covariate(weights: str) -> None:
    want = known("reg", "pyfixest", weights)
    got = fit("group_time", weights, base_period="universal", estimator="reg", covariates=["x"])
    np.testing.assert_allclose(got.loc[want.index, "estimate"], want["estimate"], rtol=1e-8)


def test_two_by_two() -> None:
    want = known("cell", "pyfixest").loc[(3, 5)]
    got = fit("two_by_two", cohort=3, before=2, after=5).loc[(3, 5)]
    assert got["percent"] == pytest.approx(100 * np.expm1(want["estimate"]), abs=1e-8)


@pytest.mark.parametrize("package", ["statsmodels", "R glm"])
@pytest.mark.parametrize("weights", ["", "weight"])
@pytest.mark.parametrize("covariates", [[], ["moving"]])
def test_imputation(package: str, weights: str, covariates: list[str]) -> None:
    want = known(", ".join(["imputation", *covariates]), package, weights)
    got = fit("imputation", weights, absent=True, covariates=covariates)
    np.testing.assert_allclose(got.loc[want.index, "estimate"], want["estimate"], rtol=1e-8)
