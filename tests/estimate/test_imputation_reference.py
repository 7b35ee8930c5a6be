"""Imputation against the published value and against two packages on mpdta."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import impact

REFERENCE = Path(__file__).parent.parent / "reference"
DATA = runpy.run_path(str(REFERENCE / "mpdta" / "reader.py"))["mpdta"]()
variant = runpy.run_path(str(REFERENCE / "group_time" / "reader.py"))["variant"]
PACKAGES = runpy.run_path(str(REFERENCE / "imputation" / "reader.py"))["references"]()
CASES = ["plain", "moving", "unbalanced", "anticipation_1", "clusters", "weights"]

pytestmark = pytest.mark.skipif(DATA is None, reason="mpdta is not beside the repository")

EFFECTS, ERRORS = 1e-8, 1e-8


@cache
def fit(case: str, leave_one_out: bool = False) -> impact.EffectResult:
    panel = impact.panel(
        variant(DATA, case),
        unit="county",
        time="year",
        cohort="joined",
        weights="weight" if case == "weights" else None,
    )
    return impact.att(
        panel,
        "lemp",
        method="imputation",
        covariates=["moving"] if case == "moving" else None,
        cluster="region" if case == "clusters" else None,
        anticipation=int(case == "anticipation_1"),
        pretrends=2,
        leave_one_out=leave_one_out,
    )


def averages(case: str, leave_one_out: bool) -> pd.DataFrame:
    """Cells, leads, and averages over observed participants' years, in the layout of packages.csv."""
    effect = fit(case, leave_one_out)
    wait = int(case == "anticipation_1")
    table = effect.tidy()
    of = table["n_treated"].to_numpy(dtype=float)
    if case == "weights":
        data = variant(DATA, case)
        size = data.groupby(["joined", "year"])["weight"].sum()
        of = size.reindex(pd.MultiIndex.from_frame(table[["cohort", "time"]])).to_numpy()
    treated = (table["event_time"] >= -wait).to_numpy()
    rows = []
    for i, row in table.iterrows():
        kind = "cell" if treated[i] else "lead"
        rows.append((kind, row["cohort"], row["time"], row["estimate"], row["std_error"]))
    wanted = [("overall", np.nan, treated)]
    wanted += [("event", e, treated & (table["event_time"] == e)) for e in range(-wait, 4)]
    wanted += [("cohort", g, treated & (table["cohort"] == g)) for g in (2004, 2006, 2007)]
    for kind, key, used in wanted:
        if used.any():
            share = np.where(used, of, 0.0) / of[used].sum()
            # A row that has no estimate bears on no average.
            good = share > 0
            estimate = share[good] @ table["estimate"].to_numpy()[good]
            error = np.sqrt(share[good] @ effect.vcov[np.ix_(good, good)] @ share[good])
            rows.append((kind, np.nan, key, estimate, error))
    return pd.DataFrame(rows, columns=["table", "cohort", "key", "ours", "our_error"])


def test_published_value() -> None:
    """The overall effect on mpdta that the issue names, by the simple call."""
    row = fit("plain").aggregate("overall").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(-0.04771, abs=5e-6)
    theirs = PACKAGES.query("package == 'diff-diff' and case == 'plain' and table == 'overall'")
    assert row["estimate"] == pytest.approx(theirs["estimate"].iloc[0], abs=EFFECTS)
    assert row["std_error"] == pytest.approx(theirs["std_error"].iloc[0], abs=ERRORS)


@pytest.mark.parametrize(("kind", "key"), [("event", "event_time"), ("cohort", "cohort")])
@pytest.mark.parametrize("leave_one_out", [False, True])
def test_averages_of_aggregate(kind: str, key: str, leave_one_out: bool) -> None:
    """Where every firm is observed in every year, `aggregate` is the packages' average, with its error."""
    theirs = PACKAGES.query("package == 'diff-diff' and case == 'plain' and table == @kind")
    theirs = theirs[theirs["leave_one_out"] == leave_one_out].set_index("key")
    mine = fit("plain", leave_one_out).aggregate(kind).tidy().set_index(key).loc[theirs.index]
    np.testing.assert_allclose(mine["estimate"], theirs["estimate"], rtol=0, atol=EFFECTS)
    np.testing.assert_allclose(mine["std_error"], theirs["std_error"], rtol=0, atol=ERRORS)


@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_packages(case: str, leave_one_out: bool) -> None:
    rows = PACKAGES.query("case == @case and leave_one_out == @leave_one_out")
    both = rows.merge(averages(case, leave_one_out), on=["table", "cohort", "key"], how="left")
    if both.empty:
        assert case == "weights"
        return
    assert len(both) > 10 or leave_one_out
    assert both["ours"].notna().all(), "a row that a package estimates is missing here"
    np.testing.assert_allclose(both["ours"], both["estimate"], rtol=0, atol=EFFECTS)
    both = both[both["std_error"].notna()]
    if case in ("clusters", "weights"):  # conventions of diff-diff that are not ours; see below
        both = both[both["package"] != "diff-diff"]
    np.testing.assert_allclose(both["our_error"], both["std_error"], rtol=0, atol=ERRORS)


def test_two_packages_stand_behind_every_effect() -> None:
    rows = PACKAGES[PACKAGES["table"].isin(["overall", "event"]) & ~PACKAGES["leave_one_out"]]
    witnesses = rows.groupby(["case", "table", "key"], dropna=False)["package"].nunique()
    assert set(rows["case"]) == set(CASES)
    assert (witnesses == 2).all()


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_diff_diff_compares_with_the_mean_over_firms_where_clusters_are_coarser(
    leave_one_out: bool,
) -> None:
    """Its error is that of the influences of firms as clusters, summed within clusters afterwards; ours is the authors' program's."""
    theirs = PACKAGES.query("package == 'diff-diff' and case == 'clusters' and table == 'overall'")
    theirs = theirs[theirs["leave_one_out"] == leave_one_out]["std_error"].item()
    effect = fit("plain", leave_one_out).aggregate("overall")
    region = variant(DATA, "clusters").groupby("county")["region"].first()
    sums = effect.influence["ATT"].groupby(region).sum()
    assert np.sqrt((sums**2).sum()) / len(region) == pytest.approx(theirs, abs=ERRORS)
    ours = fit("clusters", leave_one_out).aggregate("overall").tidy()["std_error"].item()
    assert abs(ours - theirs) > 1e-4


def test_diff_diff_centres_influences_under_sampling_weights() -> None:
    """Its survey variance is n/(n-1) times the sum of squares around their mean."""
    theirs = PACKAGES.query("package == 'diff-diff' and case == 'weights' and table == 'event'")
    effect = fit("weights")
    for key, error in zip(theirs["key"], theirs["std_error"], strict=True):
        table = effect.tidy()
        data = variant(DATA, "weights")
        size = data.groupby(["joined", "year"])["weight"].sum()
        own = table[table["event_time"] == key]
        share = size.reindex(pd.MultiIndex.from_frame(own[["cohort", "time"]])).to_numpy()
        influence = effect.influence[own["term"]].to_numpy() @ (share / share.sum())
        n = len(influence)
        assert influence.std(ddof=1) / np.sqrt(n) == pytest.approx(error, abs=ERRORS)
