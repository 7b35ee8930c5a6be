"""`impact.regress` against pyfixest, fereg, linearmodels, statsmodels, and R's plm and sandwich, on rows of our own."""

from __future__ import annotations

import re
import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import impact

READER = runpy.run_path(str(Path(__file__).parent.parent / "reference" / "regress" / "reader.py"))
ROWS = READER["rows"]()
PACKAGES = READER["packages"]()
KEYS = ["formula", "family", "weights", "variance", "small_sample", "singletons"]
SETTINGS = list(PACKAGES.groupby(KEYS, sort=False).groups)
KINDS = ("iid", "hetero", "HC2", "HC3")
FIXEST = ("fereg", "pyfixest")
FIXED = "had a negative eigenvalue"


@cache
def fit(
    formula: str, family: str, weights: str, variance: str, small_sample: str, singletons: str
) -> impact.EffectResult:
    options = {"variance": variance} if variance in KINDS else {"cluster": variance.split("+")}
    return impact.regress(
        formula, ROWS, family=family, weights=weights or None, small_sample=small_sample, singletons=singletons, **options,
    )  # fmt: skip


def same_rows(family: str, formula: str, library: str) -> bool:
    """fereg and pyfixest keep firms whose outcome is always 1; their coefficients are the same, N and factors are not."""
    return not (family == "logit" and "firm" in formula and library in FIXEST)


@pytest.mark.parametrize("setting", SETTINGS, ids="-".join)
def test_every_package_gives_the_same_numbers(setting: tuple[str, ...]) -> None:
    formula, family, _, variance, small_sample, _ = setting
    theirs = PACKAGES.set_index(KEYS).sort_index().loc[setting]
    result = fit(*setting)
    ours = result.tidy().set_index("term")
    for row in theirs.itertuples():
        mine = ours.loc[str(row.term).removeprefix("(").replace("Intercept)", "Intercept")]
        assert mine["estimate"] == pytest.approx(row.estimate, rel=1e-8, abs=1e-10), row
        comparable = same_rows(family, formula, row.library) or small_sample == "none"
        if comparable and FIXED not in " ".join(result.notes):
            error = row.std_error
            if (family, variance, small_sample) == (
                "gaussian",
                "iid",
                "none",
            ) and row.library in FIXEST:
                # Without a factor they divide by N - 1; a classical variance of ours is over N - K, always.
                error *= np.sqrt((row.n_obs - 1) / result.df)
            if (family, variance, row.library) == ("gaussian", "iid", "statsmodels"):
                # Dummies that others span are no parameters: what reghdfe counts, and fixest does not.
                mine = fit(*setting[:4], "stata", "keep").tidy().set_index("term").loc[mine.name]
            assert mine["std_error"] == pytest.approx(error, rel=tolerance(family, row.library)), (
                row
            )
            if row.p_value == row.p_value and small_sample == "fixest":
                assert mine["p_value"] == pytest.approx(row.p_value, abs=1e-7), row
        if same_rows(family, formula, row.library):
            assert mine["n_obs"] == row.n_obs


def tolerance(family: str, library: str) -> float:
    """pyfixest iterates to 1e-8 by default, and takes the variance of a likelihood one step before its end."""
    return 2e-6 if library == "pyfixest" else (1e-6 if family != "gaussian" else 1e-8)


@pytest.mark.parametrize(
    "row",
    READER["first_stages"]().to_dict("records"),
    ids=lambda r: f"{r['formula']}-{r['variance']}-{r['endogenous']}",
)
def test_first_stages(row: dict[str, object]) -> None:
    """F of the excluded instruments, as linearmodels has it; robust ones there are chi-squared without any factor."""
    small = "fixest" if row["variance"] == "iid" else "none"
    notes = fit(
        str(row["formula"]), "gaussian", str(row["weights"]), str(row["variance"]), small, "keep"
    ).notes
    (said,) = [n for n in notes if n.startswith(f"First stage of {row['endogenous']}")]
    value = float(
        re.search(r"([\d,.]+\d)[;.]", said.partition("instrument")[2])[1].replace(",", "")
    )  # type: ignore[index]
    assert value == pytest.approx(row["f"], abs=0.0051)
