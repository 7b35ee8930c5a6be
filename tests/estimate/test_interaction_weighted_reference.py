"""The interaction-weighted event study against two packages on mpdta, and against group_time where they are one estimator."""

from __future__ import annotations

import runpy
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.inference import small_sample_factor

REFERENCE = Path(__file__).parent.parent / "reference"
DATA = runpy.run_path(str(REFERENCE / "mpdta" / "reader.py"))["mpdta"]()
variant = runpy.run_path(str(REFERENCE / "group_time" / "reader.py"))["variant"]
PACKAGES = runpy.run_path(str(REFERENCE / "interaction_weighted" / "reader.py"))["references"]()
CASES = ["plain", "moving", "unbalanced", "anticipation_1", "clusters", "weights", "last_cohort"]

pytestmark = pytest.mark.skipif(DATA is None, reason="mpdta is not beside the repository")

EFFECTS, ERRORS = 1e-8, 1e-8


def firm_years(case: str) -> pd.DataFrame:
    data = variant(DATA, case)
    return data[data["joined"].notna()] if case == "last_cohort" else data


@cache
def fit(case: str) -> impact.EffectResult:
    panel = impact.panel(
        firm_years(case),
        unit="county",
        time="year",
        cohort="joined",
        weights="weight" if case == "weights" else None,
    )
    return impact.att(
        panel,
        "lemp",
        method="interaction_weighted",
        covariates=["moving"] if case == "moving" else None,
        cluster="region" if case == "clusters" else None,
        anticipation=int(case == "anticipation_1"),
    )


def factor(case: str) -> float:
    """What diff-diff multiplies standard errors by: the small-sample factor of fixest."""
    effect = fit(case)
    data = firm_years(case)
    data = data[data["county"].isin(effect.firms.index)]
    slopes = int(effect.tidy()["std_error"].notna().sum()) + (case == "moving")
    effects = {"county": (len(effect.firms), True), "year": (5, False)}
    clusters = int(effect.firms["cluster"].nunique())
    found = small_sample_factor(
        "fixest", n_obs=len(data), n_slopes=slopes, effect_sizes=effects, n_clusters=clusters
    )
    return float(np.sqrt(found))


@pytest.mark.parametrize("package", ["diff-diff", "pyfixest"])
@pytest.mark.parametrize("case", CASES)
def test_cells(package: str, case: str) -> None:
    theirs = PACKAGES.query("package == @package and case == @case and table == 'cell'")
    if theirs.empty:
        assert package == "diff-diff" and case in ("weights", "last_cohort")
        return
    mine = fit(case).tidy()
    both = theirs.merge(
        mine,
        left_on=["cohort", "key"],
        right_on=["cohort", "time"],
        suffixes=("", "_ours"),
        how="left",
    )
    assert len(both) == mine["std_error"].notna().sum()
    np.testing.assert_allclose(both["estimate_ours"], both["estimate"], rtol=0, atol=EFFECTS)
    scale = factor(case) if package == "diff-diff" else 1.0
    np.testing.assert_allclose(
        scale * both["std_error_ours"], both["std_error"], rtol=0, atol=ERRORS
    )


@pytest.mark.parametrize("package", ["diff-diff", "pyfixest"])
def test_event_study_with_shares_taken_as_given(package: str) -> None:
    theirs = PACKAGES.query("package == @package and case == 'plain' and table == 'event'")
    theirs = theirs.set_index("key")
    mine = replace(fit("plain"), fixed_shares=True).aggregate("event").tidy()
    mine = mine.set_index("event_time").loc[theirs.index]
    np.testing.assert_allclose(mine["estimate"], theirs["estimate"], rtol=0, atol=EFFECTS)
    np.testing.assert_allclose(
        factor("plain") * mine["std_error"], theirs["std_error"], rtol=0, atol=ERRORS
    )


def test_event_study_counts_shares_as_estimated() -> None:
    """As group_time does; the difference to shares taken as given is seen where cohorts differ."""
    effect = fit("plain")
    given = replace(effect, fixed_shares=True).aggregate("event").tidy().set_index("event_time")
    mine = effect.aggregate("event").tidy().set_index("event_time")
    assert mine.loc[0, "std_error"] > given.loc[0, "std_error"]
    panel = effect.source
    other = impact.att(panel, "lemp", method="group_time", base_period="universal")
    pd.testing.assert_frame_equal(
        effect.aggregate("event").tidy(), other.aggregate("event").tidy(), rtol=1e-9, atol=1e-9
    )


def test_group_time_where_every_firm_is_observed_in_every_year() -> None:
    """Never-joined comparison, universal base, no covariates: effects, errors and baselines to 1e-10."""
    effect = fit("plain")
    other = impact.att(effect.source, "lemp", method="group_time", base_period="universal")
    pd.testing.assert_frame_equal(effect.tidy(), other.tidy(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(effect.influence, other.influence, rtol=0, atol=1e-10)
    np.testing.assert_allclose(effect.baseline, other.baseline, rtol=0, atol=1e-10)


def test_group_time_says_no_where_it_is_another_estimator() -> None:
    effect = fit("unbalanced")
    other = impact.att(effect.source, "lemp", method="group_time", base_period="universal")
    assert (effect.tidy()["estimate"] - other.tidy()["estimate"]).abs().max() > 1e-4
