"""Extended two-way model against statsmodels, pyfixest and diff-diff, and against published values of mpdta."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import impact

REFERENCE = Path(__file__).parent.parent / "reference"
ETWFE = runpy.run_path(str(REFERENCE / "etwfe" / "reader.py"))
MPDTA = runpy.run_path(str(REFERENCE / "mpdta" / "reader.py"))["mpdta"]()
PACKAGES = ETWFE["references"]()
KEYS = ETWFE["KEYS"]
OUTCOME = {"gaussian": "amount", "poisson": "count", "logit": "yes"}
SETTINGS = list(PACKAGES.groupby(KEYS, sort=False).groups)
WITH_PYFIXEST = list(PACKAGES[PACKAGES["package"] == "pyfixest"].groupby(KEYS, sort=False).groups)
EFFECTS, ERRORS = 1e-6, 1e-5


@cache
def fit(
    data: str, family: str, control: str, effects: str, covariates: str, weights: str, cluster: str, scale: str
) -> pd.DataFrame:  # fmt: skip
    if data == "mpdta" and MPDTA is None:
        pytest.skip("mpdta is not beside the repository")
    frame = MPDTA.rename(columns={"county": "firm"}) if data == "mpdta" else ETWFE["panel"](data)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights or None)
    return impact.att(
        panel,
        "lemp" if data == "mpdta" else OUTCOME[family],
        method="etwfe",
        family=family,
        covariates=[covariates] if covariates else None,
        cluster=cluster if cluster != "firm" else None,
        control=control,
        effects=effects,
        scale=scale,
    ).tidy()


def rows_of(setting: tuple[str, ...], package: str, scale: str) -> pd.DataFrame:
    rows = PACKAGES[(PACKAGES["package"] == package) & (PACKAGES["scale"] == scale)]
    for key, value in zip(KEYS, setting, strict=True):
        rows = rows[rows[key] == value]
    return rows.reset_index(drop=True)


def beside(setting: tuple[str, ...], package: str, scale: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of a package and ours, cell by cell."""
    theirs = rows_of(setting, package, scale)
    mine = fit(*setting, scale.split(",")[0]).set_index(["cohort", "time"])
    assert set(map(tuple, theirs[["cohort", "time"]].to_numpy())) == set(mine.index)
    mine = mine.loc[list(map(tuple, theirs[["cohort", "time"]].to_numpy()))]
    return theirs, mine.reset_index()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: "-".join(x or "none" for x in s))
def test_statsmodels(setting: tuple[str, ...]) -> None:
    """The pooled model with dummies, cells and all; the counterfactual here comes from free firm-years alone."""
    for scale in ("response", "link"):
        theirs, mine = beside(setting, "statsmodels", scale)
        assert len(theirs) >= 6
        np.testing.assert_allclose(mine["estimate"], theirs["estimate"], rtol=0, atol=EFFECTS)
        np.testing.assert_allclose(mine["std_error"], theirs["std_error"], rtol=0, atol=ERRORS)


@pytest.mark.parametrize("setting", WITH_PYFIXEST, ids=lambda s: "-".join(x or "none" for x in s))
def test_pyfixest(setting: tuple[str, ...]) -> None:
    """Coefficients of the cells; errors where no covariate is evaluated at an estimated mean."""
    theirs, mine = beside(setting, "pyfixest", "link, mean given")
    np.testing.assert_allclose(mine["estimate"], theirs["estimate"], rtol=0, atol=EFFECTS)
    if not setting[KEYS.index("covariates")]:
        np.testing.assert_allclose(mine["std_error"], theirs["std_error"], rtol=0, atol=ERRORS)


def test_diff_diff() -> None:
    """Effects, and errors without their factor G/(G-1) (N-1)/(N-K), K counting cells, cohorts (not firms) and years."""
    rows = PACKAGES[PACKAGES["package"] == "diff-diff"]
    settings = list(rows.groupby(KEYS, sort=False).groups)
    assert len(settings) == 8
    for setting in settings:
        theirs, mine = beside(setting, "diff-diff", "response")
        frame = ETWFE["panel"](setting[0])
        n, g = int(frame["amount"].notna().sum()), frame["firm"].nunique()
        k = len(theirs) + 5 + 1 + (0 if setting[KEYS.index("effects")] == "firm" else 2)
        factor = g / (g - 1) * (n - 1) / (n - k)
        np.testing.assert_allclose(mine["estimate"], theirs["estimate"], rtol=0, atol=EFFECTS)
        np.testing.assert_allclose(
            mine["std_error"] * np.sqrt(factor), theirs["std_error"], rtol=0, atol=ERRORS
        )


def test_taking_the_firms_of_a_cell_as_given_is_another_error() -> None:
    """The same derivative without the averaging, as most programs print it: the same effects, other errors."""
    setting = ("panel", "poisson", "not_yet", "cohort", "x", "", "firm")
    theirs, mine = beside(setting, "statsmodels", "response, cell given")
    np.testing.assert_allclose(mine["estimate"], theirs["estimate"], rtol=0, atol=EFFECTS)
    assert (np.abs(mine["std_error"] / theirs["std_error"] - 1) > 0.01).any()


def test_two_packages_stand_behind_every_unweighted_coefficient() -> None:
    plain = PACKAGES[(PACKAGES["weights"] == "") & (PACKAGES["scale"] == "link, mean given")]
    assert (plain.groupby(KEYS)["package"].nunique() == 2).all()
    assert len(plain.groupby(KEYS)) == 48


def test_mpdta_is_the_published_imputation() -> None:
    if MPDTA is None:
        pytest.skip("mpdta is not beside the repository")
    panel = impact.panel(MPDTA, unit="county", time="year", cohort="joined")
    overall = impact.att(panel, "lemp", method="etwfe").aggregate("overall").tidy()
    assert round(overall["estimate"].item(), 5) == -0.04771
    never = impact.att(panel, "lemp", method="etwfe", control="never").tidy()
    after = never[never["event_time"] >= 0].set_index(["cohort", "time"])["estimate"].round(4)
    assert after.tolist() == [-0.0105, -0.0704, -0.1373, -0.1008, -0.0046, -0.0412, -0.0261]
