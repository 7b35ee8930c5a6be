"""Synthetic difference in differences against the published value, two solvers of other libraries, and the formulas of two packages."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact

READER = runpy.run_path(str(Path(__file__).parent.parent / "reference" / "synthetic" / "reader.py"))
PACKAGES = READER["references"]()
EXACT, ERRORS = 1e-8, 1e-8  # beside Clarabel's 1e-13, and the packages' formulas at its weights
BLOCKS = [
    ("one", "never", 21),
    ("several", "never", 9),
    ("staggered", "never", 7),
    ("staggered", "never", 10),
    ("staggered", "not_yet", 7),
    ("staggered", "not_yet", 10),
    ("prop99", "never", 1989),
]
blocks = pytest.mark.parametrize(("case", "control", "cohort"), BLOCKS)


@cache
def panel(case: str) -> impact.Panel:
    frame = READER["panel_of"](case)
    if frame is None:
        pytest.skip("Proposition 99 is not beside the repository")
    return impact.panel(frame, unit="unit", time="year", cohort="joined")


@cache
def fit(case: str, control: str, **asked: Any) -> impact.EffectResult:
    return impact.att(panel(case), "y", method="synthetic", control=control, **asked)


def theirs(case: str, control: str, cohort: int, source: str, quantity: str) -> pd.DataFrame:
    asked = {"case": case, "control": control, "source": source, "quantity": quantity}
    rows = PACKAGES[(PACKAGES[list(asked)] == pd.Series(asked)).all(axis=1)]
    return rows[rows["cohort"] == cohort]


def curve(case: str, control: str, cohort: int) -> pd.Series:
    """Our effects in the years that the packages estimate: until the next cohort joins, with comparison firms that join later."""
    rows = fit(case, control).tidy().query("cohort == @cohort").set_index("time")["estimate"]
    known = theirs(case, control, cohort, "synthdid-py, exact weights", "effect")["key"]
    return rows.loc[known.astype(int)]


def test_published_values() -> None:
    """Table 1 of the paper: -15.6 for Proposition 99; its standard error, 8.4, is of placebos drawn by chance, on an earlier run of its program."""
    got = curve("prop99", "never", 1989).mean()
    assert got == pytest.approx(-15.6, abs=0.05)
    # The years that the program prints.
    years = impact.synthetic_weights(panel("prop99"), "y").years.set_index("time")["weight"]
    np.testing.assert_allclose(years.loc[[1986, 1987, 1988]], [0.366, 0.206, 0.427], atol=6e-4)
    assert years.loc[:1985].max() == 0


@blocks
def test_weights_are_those_of_another_solver(case: str, control: str, cohort: int) -> None:
    weights = impact.synthetic_weights(panel(case), "y", control=control)
    first = weights.fit.query("cohort == @cohort")["piece"].iloc[0]
    for quantity, table, key in (
        ("omega", weights.firms, "unit"),
        ("lambda", weights.years, "time"),
    ):
        rows = theirs(case, control, cohort, "cvxpy", quantity)
        own = table[(table["cohort"] == cohort) & (table["piece"] == first)].assign(
            key=lambda x, k=key: x[k].astype(str)
        )
        both = rows.merge(own, on="key", how="left")
        assert len(both) == len(rows) > 5
        np.testing.assert_allclose(both["weight"], both["value"], rtol=0, atol=2e-7)
        assert own["weight"].sum() == pytest.approx(1.0, abs=1e-14)


@blocks
def test_effects(case: str, control: str, cohort: int) -> None:
    ours = curve(case, control, cohort)
    exact = theirs(case, control, cohort, "cvxpy", "att")["value"].item()
    assert ours.mean() == pytest.approx(exact, abs=EXACT * max(1, abs(exact)))
    second = theirs(case, control, cohort, "diff-diff, active set", "att")["value"].item()
    assert ours.mean() == pytest.approx(second, abs=EXACT * max(1, abs(exact)))
    rows = theirs(case, control, cohort, "synthdid-py, exact weights", "effect")
    np.testing.assert_allclose(ours, rows["value"], rtol=0, atol=1e-6)


@blocks
def test_packages_stop_short_of_the_optimum(case: str, control: str, cohort: int) -> None:
    """What a reader will see beside other programs: the same to two or three digits, not to more."""
    ours = curve(case, control, cohort).mean()
    default = theirs(case, control, cohort, "synthdid-py", "att")["value"].item()
    assert 1e-5 < abs(ours - default) < 1e-2


@blocks
def test_errors(case: str, control: str, cohort: int) -> None:
    effect = fit(case, control)
    if case in ("one", "prop99"):
        assert effect.tidy()["std_error"].isna().all()
        assert any("inference='placebo'" in note for note in effect.notes)
        found = (
            impact.att(panel(case), "y", method="synthetic", inference="placebo", average="overall")
            .tidy()
            .iloc[0]
        )
        error = theirs(case, control, cohort, "cvxpy", "placebo")["value"].item()
        assert found["std_error"] == pytest.approx(error, rel=1e-8)
        assert found["estimate"] == pytest.approx(curve(case, control, cohort).mean(), abs=1e-12)
        return
    used = effect.tidy()["cohort"].eq(cohort) & effect.tidy()["time"].isin(
        curve(case, control, cohort).index
    )
    ours = np.sqrt(effect.vcov[np.ix_(used, used)].mean())
    for source in ("synthdid-py, exact weights", "diff-diff, exact weights"):
        error = theirs(case, control, cohort, source, "jackknife")["value"].item()
        assert ours == pytest.approx(error, abs=ERRORS)


def test_overall_weights_cohorts_by_their_firm_years() -> None:
    rows = PACKAGES.query("source == 'synthdid-py' and case == 'staggered'").set_index("quantity")[
        "value"
    ]
    effect = fit("staggered", "never").aggregate("overall").tidy().iloc[0]
    by_cohort = [curve("staggered", "never", g).mean() for g in (7, 10)]
    assert effect["estimate"] == pytest.approx(
        np.average(by_cohort, weights=[5 * 8, 9 * 5]), abs=1e-12
    )
    assert effect["estimate"] == pytest.approx(
        rows["overall"], abs=5e-3
    )  # their weights stop short
    # A firm left out of the average as a whole takes its years along; ours are the cells' jackknives, larger by a part of the size of 1 / participants.
    whole = whole_jackknife()
    assert whole == pytest.approx(rows["jackknife"], abs=2e-3)
    assert whole < effect["std_error"] < whole * (1 + 1 / 14)


def whole_jackknife() -> float:
    """Leave each firm out of the overall average, shares of cohorts included."""
    data = panel("staggered")
    weights = impact.synthetic_weights(data, "y")
    wide, joined = data.wide("y"), data.unit_cohort()
    found = []
    for gone in wide.index:
        total = size = 0.0
        for g in (7, 10):
            omega = (
                weights.firms.query("cohort == @g")
                .set_index("unit")["weight"]
                .drop(gone, errors="ignore")
            )
            lambda_ = weights.years.query("cohort == @g and time < @g").set_index("time")["weight"]
            change = wide.loc[:, g:].mean(axis=1) - wide[lambda_.index] @ lambda_
            own = change[joined == g].drop(gone, errors="ignore")
            part = len(own) * (14 - g + 1)
            total += part * (own.mean() - omega / omega.sum() @ change[omega.index])
            size += part
        found.append(total / size)
    n = len(found)
    return float(np.sqrt((n - 1) * np.var(found)))


def test_every_block_has_its_witnesses() -> None:
    rows = PACKAGES[PACKAGES["quantity"] == "att"]
    found = rows.groupby(["case", "control", "cohort"])["source"].nunique()
    assert set(found.index) == set(BLOCKS)
    assert (found == 3).all()
