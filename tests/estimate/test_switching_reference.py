"""`switching` against two packages: see tests/reference/switching/README.md for what agrees and why not all does."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact

FOLDER = Path(__file__).parent.parent / "reference" / "switching"
READER = runpy.run_path(str(FOLDER / "reader.py"))
TWIN = runpy.run_path(str(FOLDER / "twin.py"))
CASES, PACKAGES = READER["cases"](), READER["references"]()
ENTERING = [name for name in CASES if name.startswith("in")] + ["absorbing"]
EFFECTS, ERRORS = 1e-10, 1e-9


@cache
def fit(case: str, **options: Any) -> impact.EffectResult:
    frame, asked = CASES[case]
    weights = "weight" if "weightsname" in asked else None
    panel = impact.panel(frame, unit="firm", time="year", treatment="member", weights=weights)
    same = {k: v for k, v in asked.items() if k in ("switchers", "cluster")}
    if "normalized" in asked:
        same["normalized"] = True
    return impact.att(panel, "y", method="switching", **same, **options)


def both(case: str, package: str, kind: str, **options: Any) -> pd.DataFrame:
    """Rows of a package beside ours, by event time."""
    own = PACKAGES[(PACKAGES[["package", "case", "kind"]] == [package, case, kind]).all(axis=1)]
    own = own.dropna(subset=["estimate"]).set_index("event_time")
    ours = fit(case, by="horizon", **options).estimates.set_index("event_time")
    assert len(own) >= 7
    return own.join(ours[["estimate", "std_error", "n_treated"]].add_prefix("our_"))


@pytest.mark.parametrize("case", ENTERING)
def test_firms_that_enter_have_the_effects_and_errors_of_moderndid(case: str) -> None:
    rows = both(case, "moderndid", "no factor")
    np.testing.assert_allclose(rows["our_estimate"], rows["estimate"], atol=EFFECTS)
    np.testing.assert_allclose(rows["our_std_error"], rows["std_error"], rtol=ERRORS)
    if "missing" not in case:  # moderndid counts firms without weight
        assert (rows["our_n_treated"] == rows["n_switchers"]).all()


@pytest.mark.parametrize("case", [c for c in CASES if "missing" not in c and "clusters" not in c])
def test_the_small_sample_factor_is_that_of_moderndid(case: str) -> None:
    rows = both(case, "moderndid", "factor", small_sample=True)
    np.testing.assert_allclose(rows["our_std_error"], rows["std_error"], rtol=ERRORS)


def test_firms_that_leave_have_the_effects_of_moderndid_with_the_sign_turned() -> None:
    rows = both("out", "moderndid", "no factor")
    np.testing.assert_allclose(rows["our_estimate"], -rows["estimate"], atol=EFFECTS)
    np.testing.assert_allclose(rows["our_std_error"], rows["std_error"], rtol=ERRORS)


@pytest.mark.parametrize("case", ["plain", "once", "absorbing"])
def test_all_switches_have_the_effects_of_diff_diff(case: str) -> None:
    rows = both(case, "diff-diff", "own cohort")
    np.testing.assert_allclose(rows["our_estimate"], rows["estimate"], atol=EFFECTS)
    assert (rows["our_n_treated"] == rows["n_switchers"]).all()
    rows = both(case, "moderndid", "no factor")  # whose errors do not depend on the sign
    np.testing.assert_allclose(rows["our_std_error"], rows["std_error"], rtol=ERRORS)


@pytest.mark.parametrize("case", ["plain", "once", "absorbing"])
def test_errors_differ_from_diff_diff_by_where_comparison_firms_are_centred(case: str) -> None:
    rows = both(case, "diff-diff", "own cohort")
    paths = TWIN["paths_of"](CASES[case][0])
    by_formula = [TWIN["own_cohort_error"](paths, e) for e in rows.index]
    np.testing.assert_allclose(by_formula, rows["std_error"], rtol=ERRORS)
    ratio = rows["our_std_error"] / rows["std_error"]
    assert (ratio >= 1 - 1e-9).all() and (ratio < 1.03).all()


@pytest.mark.parametrize("case", ["plain", "once", "absorbing"])
def test_switches_between_adjacent_periods_have_the_effects_of_diff_diff(case: str) -> None:
    own = PACKAGES[(PACKAGES["case"] == case) & PACKAGES["kind"].str.startswith("DID_M")].set_index(
        "kind"
    )["estimate"]
    ours = fit(case, effects="instantaneous").estimates.set_index("term")["estimate"]
    assert ours["ATT"] == pytest.approx(own["DID_M"], abs=EFFECTS)
    assert ours["ATT(joining)"] == pytest.approx(own["DID_M joining"], abs=EFFECTS)
    assert ours["placebo"] == pytest.approx(-own["DID_M placebo"], abs=EFFECTS)
    if "ATT(leaving)" in ours:
        assert ours["ATT(leaving)"] == pytest.approx(own["DID_M leaving"], abs=EFFECTS)


def test_the_total_is_that_of_both_where_nobody_comes_back() -> None:
    for case, package, kind in (
        ("absorbing", "moderndid", "total no factor"),
        ("absorbing", "diff-diff", "total"),
        ("once", "diff-diff", "total"),
    ):
        own = PACKAGES[
            (PACKAGES[["package", "case", "kind"]] == [package, case, kind]).all(axis=1)
        ].iloc[0]
        row = fit(case, by="total").estimates.iloc[0]
        assert row["estimate"] == pytest.approx(own["estimate"], abs=EFFECTS)
        if package == "moderndid":
            assert row["std_error"] == pytest.approx(own["std_error"], rel=ERRORS)


@pytest.mark.parametrize("case", ["plain", "in", "out", "once"])
def test_event_averages_of_the_cells_are_the_horizons(case: str) -> None:
    """Firms that never take part, or always do, compare with every cohort as long as the data go."""
    cells, rows = fit(case), fit(case, by="horizon").estimates
    average = cells.aggregate("event").estimates
    np.testing.assert_allclose(average["estimate"], rows["estimate"], atol=1e-12)
    np.testing.assert_allclose(average["std_error"], rows["std_error"], rtol=1e-10)
    np.testing.assert_allclose(average["n_treated"], rows["n_treated"])
