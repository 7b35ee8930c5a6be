"""`dose` against two packages: see tests/reference/dose/README.md for what agrees and why not all does."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import impact

FOLDER = Path(__file__).parent.parent / "reference" / "dose"
READER = runpy.run_path(str(FOLDER / "reader.py"))
Twin = runpy.run_path(str(FOLDER / "twin.py"))["Twin"]
CASES, PACKAGES = READER["cases"](), READER["references"]()
SHAPES = ["linear", "quadratic", "spline", "spline, 2 knots"]
EFFECTS, ERRORS = 1e-10, 1e-9


@cache
def ours(case: str, control: str, shape: str, kind: str) -> pd.DataFrame:
    panel = impact.panel(CASES[case], unit="firm", time="year", cohort="joined")
    asked = {"control": control, "average": "cohort"}
    if shape == "bins":
        effect = impact.att(panel, "y", method="dose", dose="grade", bins=[1, 2], **asked)
        return effect.estimates.iloc[1:].set_index("dose")
    more = {"knots": 2} if "knots" in shape else {}
    curve = "slope" if kind == "ACRT" else "level"
    effect = impact.att(
        panel, "y", method="dose", dose="hours", shape=shape.split(",")[0], at=[2.0, 4.5, 7.0], curve=curve, **more, **asked
    )  # fmt: skip
    return effect.estimates.set_index("dose")


def beside(package: str, case: str, control: str, shape: str, kind: str) -> pd.DataFrame:
    """Rows of a package beside ours; the first is the average."""
    own = PACKAGES[
        (
            PACKAGES[["package", "case", "control", "shape", "kind"]]
            == [package, case, control, shape, kind]
        ).all(axis=1)
    ]
    assert len(own) == (3 if shape == "bins" else 4)
    rows = ours(case, control, shape, kind)
    np.testing.assert_array_equal(own["dose"].to_numpy(), rows.index.to_numpy())
    return own.reset_index(drop=True).join(
        rows.reset_index(drop=True)[["estimate", "std_error"]].add_prefix("our_")
    )


@pytest.mark.parametrize("package", ["diff-diff", "moderndid"])
@pytest.mark.parametrize("kind", ["ATT", "ACRT"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("case", list(CASES))
def test_effects_are_those_of_the_packages(
    case: str, control: str, shape: str, kind: str, package: str
) -> None:
    rows = beside(package, case, control, shape, kind)
    apart = package == "moderndid" and case == "cohorts" and "knots" in shape
    np.testing.assert_allclose(
        rows["our_estimate"], rows["estimate"], atol=0.004 if apart else EFFECTS
    )


@pytest.mark.parametrize("kind", ["ATT", "ACRT"])
@pytest.mark.parametrize("shape", SHAPES)
def test_errors_of_one_cohort_are_those_of_diff_diff(shape: str, kind: str) -> None:
    rows = beside("diff-diff", "one cohort", "never", shape, kind)
    held = rows.iloc[1:] if kind == "ACRT" and shape != "linear" else rows
    np.testing.assert_allclose(held["our_std_error"], held["std_error"], rtol=ERRORS)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_grades_have_effects_and_errors_of_diff_diff(control: str) -> None:
    rows = beside("diff-diff", "one cohort", control, "bins", "ATT")
    np.testing.assert_allclose(rows["our_estimate"], rows["estimate"], atol=EFFECTS)
    np.testing.assert_allclose(rows["our_std_error"], rows["std_error"], rtol=ERRORS)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_error_of_the_average_slope_is_that_of_moderndid_with_its_factor(shape: str) -> None:
    row = beside("moderndid", "one cohort", "never", shape, "ACRT").iloc[0]
    frame = CASES["one cohort"].drop_duplicates("firm")
    factor = len(frame) / frame["joined"].notna().sum()
    assert row["our_std_error"] == pytest.approx(factor * row["std_error"], rel=ERRORS)


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("shape", ["linear", "spline, 2 knots"])
def test_errors_of_cohorts_differ_from_diff_diff_by_what_is_taken_as_given(
    shape: str, control: str
) -> None:
    twin = Twin(CASES["cohorts"], "hours", control, "cohort")
    name, inner = shape.split(",")[0], 2 if "knots" in shape else 0
    for kind in ("ATT", "ACRT"):
        rows = beside("diff-diff", "cohorts", control, shape, kind)
        for _, row in rows.iterrows():
            if row["dose"] == 4.5:
                continue

            def estimate(
                w: np.ndarray, given: bool, row: pd.Series = row, kind: str = kind
            ) -> float:
                if kind == "ATT" and np.isnan(row["dose"]):
                    return float(twin.mean(lambda d: d > 0, w, given))
                return float(twin.curve(row["dose"], kind, name, w, inner, given))

            assert estimate(twin.even, True) == pytest.approx(row["estimate"], abs=1e-8)
            assert twin.error(lambda w: estimate(w, True)) == pytest.approx(
                row["std_error"], rel=1e-5
            )
            assert twin.error(lambda w: estimate(w, False)) == pytest.approx(
                row["our_std_error"], rel=1e-5
            )
