"""Group-time effects against published values and against three other packages on mpdta."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.estimate.aggregate import overall_of

REFERENCE = Path(__file__).parent.parent / "reference"
MPDTA = runpy.run_path(str(REFERENCE / "mpdta" / "reader.py"))
GROUP_TIME = runpy.run_path(str(REFERENCE / "group_time" / "reader.py"))
DATA = MPDTA["mpdta"]()
PACKAGES = GROUP_TIME["references"]()
SETTINGS = list(PACKAGES.groupby(GROUP_TIME["KEYS"], sort=False).groups)

pytestmark = pytest.mark.skipif(DATA is None, reason="mpdta is not beside the repository")

EFFECTS, ERRORS = 1e-6, 1e-5


@cache
def fit(case: str, estimator: str, control: str, covariates: str, base: str) -> impact.EffectResult:
    panel = impact.panel(
        GROUP_TIME["variant"](DATA, case),
        unit="county",
        time="year",
        cohort="joined",
        weights="weight" if case == "weights" else None,
    )
    return impact.att(
        panel,
        "lemp",
        method="group_time",
        covariates=[covariates] if covariates else None,
        cluster="region" if case == "clusters" else None,
        estimator=estimator,
        control=control,
        base_period=base,
        anticipation=int(case[-1]) if case.startswith("anticipation") else 0,
    )


KINDS = {"dynamic": "event", "group": "cohort", "calendar": "calendar", "simple": "overall"}
KEYS = {"event": "event_time", "cohort": "cohort", "calendar": "time"}


def ours(effect: impact.EffectResult, tables: set[str]) -> pd.DataFrame:
    """The estimates of an effect in the layout of packages.csv."""
    rows: list[tuple[str, float, float, float, float]] = []
    for row in effect.tidy().itertuples():
        rows.append(("cell", row.cohort, row.time, row.estimate, row.std_error))
    for table, kind in KINDS.items():
        if not tables & {table, f"{table}_overall"}:
            continue
        averages = effect.aggregate(kind)
        for record in averages.tidy().to_dict("records"):
            key = record.get(KEYS.get(kind), np.nan)
            rows.append((table, np.nan, key, record["estimate"], record["std_error"]))
        one = overall_of(averages).tidy().iloc[0]
        rows.append((f"{table}_overall", np.nan, np.nan, one["estimate"], one["std_error"]))
    return pd.DataFrame(rows, columns=["table", "cohort", "key", "ours", "our_error"])


def other_convention(row: pd.Series) -> bool:
    """Whether a package computes this number by a rule that is not ours; README.md says which."""
    package, case, average = row["package"], row["case"], row["table"] != "cell"
    if package == "diff-diff":
        return bool(
            (row["estimator"] == "dr" and row["covariates"])  # odds divided by the treated count
            or (case == "unbalanced" and average)  # cohorts weighted by the firms of each cell
            or (case == "anticipation_2" and row["base"] == "varying")  # short base inside
        )
    if package == "moderndid":
        return bool(
            (case == "weights" and average)  # cohorts weighted by heads, not by sampling weights
            or (case == "anticipation_2" and row["base"] == "varying")
            or earlier_covariates(row)
        )
    return earlier_covariates(row)


def earlier_covariates(row: pd.Series) -> bool:
    """Cells before a universal base, where csdid and moderndid take the target year's covariates."""
    if row["case"] != "moving" or row["base"] != "universal":
        return False
    before = row["key"] < (row["cohort"] if row["table"] == "cell" else 0)
    return bool(row["table"] in ("cell", "dynamic") and before)


def test_published_values() -> None:
    expected: dict[str, Any] = MPDTA["expected"]()
    effect = fit("plain", "dr", "never", "", "varying")
    table = effect.tidy().set_index(["cohort", "time"])["estimate"].round(expected["digits"])
    published = {
        (int(g), int(t)): value
        for g, times in expected["cells"].items()
        for t, value in times.items()
    }
    assert table.to_dict() == published
    simple = effect.aggregate("overall").tidy().iloc[0]
    assert round(simple["estimate"], 4) == expected["simple"]["estimate"]
    assert round(simple["std_error"], 4) == expected["simple"]["std_error"]
    for kind, name in (("event", "dynamic"), ("cohort", "group")):
        average = overall_of(effect.aggregate(kind)).tidy()["estimate"][0]
        assert round(average, 4) == expected[name]["estimate"]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: "-".join(x or "none" for x in s))
def test_packages(setting: tuple[str, ...]) -> None:
    rows = PACKAGES
    for key, value in zip(GROUP_TIME["KEYS"], setting, strict=True):
        rows = rows[rows[key] == value]
    rows = rows[rows["estimate"].notna()]
    mine = ours(fit(*setting), set(rows["table"]))
    both = rows.merge(mine, on=["table", "cohort", "key"], how="left")
    assert both["ours"].notna().all(), "a cell that a package estimates is missing here"
    same = both[~both.apply(other_convention, axis=1)]
    assert len(same) >= 8
    np.testing.assert_allclose(same["ours"], same["estimate"], rtol=0, atol=EFFECTS)
    # A reference year has no error here, and 0 or nothing in the packages.
    spread = same[same["our_error"].notna()]
    assert (same.loc[same["our_error"].isna(), "estimate"] == 0).all()
    np.testing.assert_allclose(spread["our_error"], spread["std_error"], rtol=0, atol=ERRORS)


def test_two_packages_stand_behind_every_setting_of_the_grid() -> None:
    grid = PACKAGES[(PACKAGES["case"] == "plain") & (PACKAGES["table"] == "cell")]
    grid = grid[~grid.apply(other_convention, axis=1)]
    witnesses = grid.groupby(GROUP_TIME["KEYS"])["package"].nunique()
    assert len(witnesses) == 24
    assert (witnesses >= 2).all()


def package_rows(package: str, table: str, **setting: str) -> pd.DataFrame:
    rows = PACKAGES[(PACKAGES["package"] == package) & (PACKAGES["table"] == table)]
    for key, value in setting.items():
        rows = rows[rows[key] == value]
    return rows


def test_diff_diff_weights_cohorts_by_the_firms_of_each_cell() -> None:
    setting = {"estimator": "reg", "control": "never", "covariates": "", "base": "varying"}
    theirs = package_rows("diff-diff", "simple_overall", case="unbalanced", **setting)
    cells = fit("unbalanced", **setting).tidy().query("event_time >= 0")
    by_cell = np.average(cells["estimate"], weights=cells["n_treated"])
    assert theirs["estimate"].item() == pytest.approx(by_cell, abs=EFFECTS)


def test_moderndid_averages_weighted_cells_by_heads() -> None:
    setting = {"estimator": "reg", "control": "never", "covariates": "", "base": "varying"}
    theirs = package_rows("moderndid", "simple_overall", case="weights", **setting)
    cells = fit("weights", **setting).tidy().query("event_time >= 0")
    by_heads = np.average(cells["estimate"], weights=cells["n_treated"])
    assert theirs["estimate"].item() == pytest.approx(by_heads, abs=EFFECTS)


@pytest.mark.parametrize("package", ["diff-diff", "moderndid"])
def test_short_base_inside_the_anticipating_years(package: str) -> None:
    setting = {"estimator": "dr", "control": "never", "covariates": "", "base": "varying"}
    theirs = package_rows(package, "cell", case="anticipation_2", **setting)
    theirs = theirs[(theirs["cohort"] == 2007) & (theirs["key"] == 2006)]["estimate"].item()

    def cell(case: str) -> float:
        table = fit(case, **setting).tidy()
        return float(table[(table["cohort"] == 2007) & (table["time"] == 2006)]["estimate"].item())

    assert theirs == pytest.approx(cell("plain"), abs=EFFECTS)
    assert abs(theirs - cell("anticipation_2")) > 1e-3


def test_diff_diff_divides_the_odds_by_the_number_of_participants() -> None:
    """Their doubly robust cell, from two regressions of another library and their normalisation."""
    import statsmodels.api as sm

    setting = {"estimator": "dr", "control": "never", "covariates": "lpop", "base": "varying"}
    theirs = package_rows("diff-diff", "cell", case="plain", **setting)
    theirs = theirs[(theirs["cohort"] == 2006) & (theirs["key"] == 2007)]["estimate"].item()
    wide = DATA.pivot(index="county", columns="year", values="lemp")
    firms = DATA.groupby("county").first()
    keep = firms["joined"].isna() | (firms["joined"] == 2006)
    change, treated = (wide[2007] - wide[2005])[keep], firms["joined"].notna()[keep]
    x = sm.add_constant(firms.loc[keep, ["lpop"]])
    p = sm.Logit(treated.astype(float), x).fit(disp=0, tol=1e-14).predict()
    rest = change - sm.OLS(change[~treated], x[~treated]).fit().predict(x)
    odds = (p / (1 - p))[~treated.to_numpy()]
    by_treated = rest[treated].mean() - odds @ rest[~treated] / treated.sum()
    by_odds = rest[treated].mean() - odds @ rest[~treated] / odds.sum()
    table = fit("plain", **setting).tidy()
    mine = table[(table["cohort"] == 2006) & (table["time"] == 2007)]["estimate"].item()
    assert theirs == pytest.approx(by_treated, abs=1e-8)
    assert mine == pytest.approx(by_odds, abs=1e-8)
    assert abs(by_treated - by_odds) > 1e-7


@pytest.mark.parametrize("package", ["csdid", "moderndid"])
def test_covariates_of_the_target_year_before_a_universal_base(package: str) -> None:
    from impact.estimate.did_scores import design_matrix, doubly_robust

    setting = {"estimator": "dr", "control": "never", "covariates": "moving", "base": "universal"}
    theirs = package_rows(package, "cell", case="moving", **setting)
    theirs = theirs[(theirs["cohort"] == 2007) & (theirs["key"] == 2003)]["estimate"].item()
    data = GROUP_TIME["variant"](DATA, "moving")
    wide = data.pivot(index="county", columns="year", values=["lemp", "moving"])
    joined = data.groupby("county")["joined"].first()
    keep = (joined.isna() | (joined == 2007)).to_numpy()
    change = (wide["lemp"][2003] - wide["lemp"][2006]).to_numpy()[keep, None]
    treated = joined.notna().to_numpy()[keep]
    got = {}
    for year in (2003, 2006):
        x, _ = design_matrix(wide["moving"][[year]].to_numpy()[keep], ["moving"])
        got[year] = doubly_robust(change, treated, np.ones(len(treated)), x).att[0]
    table = fit("moving", **setting).tidy()
    mine = table[(table["cohort"] == 2007) & (table["time"] == 2003)]["estimate"].item()
    assert theirs == pytest.approx(got[2003], abs=EFFECTS)
    assert mine == pytest.approx(got[2006], abs=1e-12)
    assert abs(got[2003] - got[2006]) > 1e-4
