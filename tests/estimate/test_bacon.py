"""`impact.bacon`: comparisons of published values and of diff-diff, the paper's formulas, a plain twin, refusals."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DataError, EstimationError
from impact.simulate.programme import programme

REFERENCE = Path(__file__).parent.parent / "reference"
TWFE = runpy.run_path(str(REFERENCE / "twfe" / "reader.py"))
DATA = runpy.run_path(str(REFERENCE / "mpdta" / "reader.py"))["mpdta"]()
CASTLE = REFERENCE.parents[2] / "shared" / "data" / "method_reference" / "bacon_castle.csv"
PACKAGES = TWFE["decompositions"]()
KINDS = {
    "treated_vs_never": "joined vs never",
    "earlier_vs_later": "earlier vs later",
    "later_vs_earlier": "later vs earlier",
}


def panel_of(frame: pd.DataFrame, sampling: str | None = None) -> impact.Panel:
    return impact.panel(frame, unit="firm", time="year", cohort="joined", weights=sampling)


def of_case(case: str) -> impact.BaconResult:
    if case == "mpdta":
        if DATA is None:
            pytest.skip("mpdta is not beside the repository")
        return impact.bacon(panel_of(DATA.rename(columns={"county": "firm"})), "lemp")
    return impact.bacon(panel_of(TWFE["firms"](case), "weight" if case == "weights" else None), "exports")  # fmt: skip


# Other people's numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["plain", "always", "no_never", "weights", "mpdta"])
def test_every_comparison_of_diff_diff(case: str) -> None:
    got = of_case(case).tidy()
    # diff-diff counts firms that always participate among the firms that never do.
    got["kind"] = got["comparison"].replace("joined vs always", "joined vs never")
    got["control"] = got["control_cohort"].astype("string").where(got["kind"] != "joined vs never", "never")  # fmt: skip
    got["part"] = got["weight"] * got["estimate"]
    got = got.groupby(["kind", "cohort", "control"], as_index=False)[["weight", "part"]].sum()
    got["estimate"] = got["part"] / got["weight"]
    theirs = PACKAGES[PACKAGES["case"] == case].assign(kind=lambda d: d["kind"].map(KINDS))
    both = got.merge(theirs, left_on=["kind", "cohort", "control"], right_on=["kind", "treated", "control"])  # fmt: skip
    assert len(both) == len(got) == len(theirs)
    np.testing.assert_allclose(both["estimate_x"], both["estimate_y"], atol=1e-8)
    np.testing.assert_allclose(both["weight_x"], both["weight_y"], atol=1e-8)


@pytest.mark.skipif(not CASTLE.exists(), reason="castle is not beside the repository")
def test_castle_doctrine_as_bacondecomp_prints_it() -> None:
    """R bacondecomp's example: 0.05976 at -0.00554, 0.03190 at 0.07032, 0.90834 at 0.08796; in all 0.0818."""
    frame = pd.read_csv(CASTLE, usecols=["state", "year", "post", "l_homicide"])
    panel = impact.panel(frame, unit="state", time="year", treatment="post")
    got = impact.bacon(panel, "l_homicide")
    kinds = got.kinds().set_index("comparison").round(5)
    assert kinds.loc["earlier vs later", ["weight", "estimate"]].tolist() == [0.05976, -0.00554]
    assert kinds.loc["later vs earlier", ["weight", "estimate"]].tolist() == [0.03190, 0.07032]
    assert kinds.loc["joined vs never", ["weight", "estimate"]].tolist() == [0.90834, 0.08796]
    assert round(got.coefficient, 4) == 0.0818


# The paper, and a plain twin ---------------------------------------------------------------------


def formula(frame: pd.DataFrame) -> dict[tuple[str, float, float], float]:
    """Weights by equations 10e-10g: variances of participation in each pair of groups, as the paper writes them."""
    first = frame.groupby("firm")["joined"].first()
    years = np.sort(frame["year"].unique())
    share = first.fillna(np.inf).value_counts(normalize=True)
    time = {g: float((years >= g).mean()) for g in share.index}
    groups = sorted(share.index)
    weights: dict[tuple[str, float, float], float] = {}
    for k in groups:
        if time[k] in (0.0, 1.0):
            continue
        for u in groups:
            pair = share[k] + share[u]
            n = share[k] / pair
            if time[u] in (0.0, 1.0):
                kind = "joined vs never" if time[u] == 0 else "joined vs always"
                weights[kind, k, u] = pair**2 * n * (1 - n) * time[k] * (1 - time[k])
            elif u > k:
                d_k, d_l = time[k], time[u]
                weights["earlier vs later", k, u] = (
                    (pair * (1 - d_l)) ** 2
                    * n
                    * (1 - n)
                    * (d_k - d_l)
                    / (1 - d_l)
                    * (1 - d_k)
                    / (1 - d_l)
                )
                weights["later vs earlier", u, k] = (
                    (pair * d_k) ** 2 * n * (1 - n) * d_l / d_k * (d_k - d_l) / d_k
                )
    total = sum(weights.values())
    return {key: w / total for key, w in weights.items()}  # fmt: skip


def difference(frame: pd.DataFrame, row: Any) -> tuple[float, float]:
    """Difference in differences of two groups by their means, with the error of two independent means."""
    wide = frame.pivot(index="firm", columns="year", values="exports")
    first = frame.groupby("firm")["joined"].first().fillna(np.inf)
    control = np.inf if pd.isna(row.control_cohort) else float(row.control_cohort)
    years = wide.columns.to_numpy()
    if control > row.cohort:
        early, late = years < row.cohort, (years >= row.cohort) & (years < control)
    else:
        early, late = (years >= control) & (years < row.cohort), years >= row.cohort
    change = wide.loc[:, late].mean(axis=1) - wide.loc[:, early].mean(axis=1)
    one, two = change[first == row.cohort], change[first == control]
    return one.mean() - two.mean(), float(np.sqrt(one.var(ddof=0) / len(one) + two.var(ddof=0) / len(two)))  # fmt: skip


@pytest.mark.parametrize("case", ["plain", "always", "no_never"])
def test_weights_of_the_paper_and_differences_by_hand(case: str) -> None:
    frame = TWFE["firms"](case)
    expected = formula(frame)
    table = of_case(case).tidy()
    assert len(table) == len(expected)
    for row in table.itertuples():
        control = np.inf if pd.isna(row.control_cohort) else float(row.control_cohort)
        assert row.weight == pytest.approx(expected[row.comparison, row.cohort, control], abs=1e-12)
        estimate, error = difference(frame, row)
        assert row.estimate == pytest.approx(estimate, abs=1e-12)
        assert row.std_error == pytest.approx(error, abs=1e-12)


def drawn(seed: int, always: bool, never: bool, gap: bool) -> pd.DataFrame:
    frame, _ = programme(firms=48, periods=7, cohorts=(2, 4, 5), seed=seed)
    number = frame["firm"].str[1:].astype(int)
    if always:
        frame.loc[number % 7 == 0, "joined"] = np.where(number[number % 7 == 0] % 2, 1.0, -0.0 + 1)
    if not never:
        frame = frame[frame["joined"].notna()]
    if gap:
        frame = frame[frame["year"] != 4]
    return frame.assign(weight=1 + number % 3, chamber=number % 9).reset_index(drop=True)


panels = st.builds(drawn, st.integers(0, 10_000), st.booleans(), st.booleans(), st.booleans())
some = settings(max_examples=12, deadline=None, derandomize=True)


@some
@given(panels, st.sampled_from([None, "weight"]))
def test_the_sum_is_the_coefficient(frame: pd.DataFrame, sampling: str | None) -> None:
    panel = panel_of(frame, sampling)
    got = impact.bacon(panel, "exports")
    table = got.tidy()
    whole = impact.att(panel, "exports", method="twfe").tidy()["estimate"].item()
    assert (table["weight"] * table["estimate"]).sum() == pytest.approx(whole, abs=1e-10)
    assert got.coefficient == whole
    assert table["weight"].sum() == pytest.approx(1, abs=1e-12)
    assert (table["weight"] > 0).all()
    kinds = got.kinds()
    assert (kinds["weight"] * kinds["estimate"]).sum() == pytest.approx(whole, abs=1e-10)
    assert got.forbidden == pytest.approx(kinds.loc[kinds["forbidden"], "weight"].sum())


@some
@given(panels, st.integers(0, 99))
def test_order_of_rows_and_names(frame: pd.DataFrame, seed: int) -> None:
    one = impact.bacon(panel_of(frame), "exports", cluster="chamber").tidy()
    mixed = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    two = impact.bacon(panel_of(mixed), "exports", cluster="chamber").tidy()
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    renamed = frame.assign(firm="x" + (1000 - frame["firm"].str[1:].astype(int)).astype(str))
    three = impact.bacon(panel_of(renamed), "exports", cluster="chamber").tidy()
    pd.testing.assert_frame_equal(one, three, rtol=1e-9)


@some
@given(panels)
def test_level_unit_and_firms_twice(frame: pd.DataFrame) -> None:
    one = impact.bacon(panel_of(frame), "exports").tidy()
    number = frame["firm"].str[1:].astype(int)
    moved = frame.assign(exports=1000 * frame["exports"] + 1e6 * (number % 5) + 9.0 * frame["year"])
    two = impact.bacon(panel_of(moved), "exports").tidy()
    np.testing.assert_allclose(two["estimate"], 1000 * one["estimate"], rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(two["std_error"], 1000 * one["std_error"], rtol=1e-7)
    again = pd.concat([frame, frame.assign(firm=frame["firm"] + "b")])
    three = impact.bacon(panel_of(again), "exports").tidy()
    np.testing.assert_allclose(three["weight"], one["weight"], rtol=1e-10)
    np.testing.assert_allclose(three["std_error"], one["std_error"] / np.sqrt(2), rtol=1e-9)


# What it says, and what it refuses ---------------------------------------------------------------


def test_growing_effects_turn_the_forbidden_comparison_over() -> None:
    """Every effect is positive, yet the comparison with firms that already participate finds a negative one."""
    frame, _ = programme(firms=60, periods=8, cohorts=(4, 6), seed=1, noise=0.0)
    table = impact.bacon(panel_of(frame), "exports").kinds().set_index("comparison")
    assert table.loc["later vs earlier", "estimate"] < 0
    assert (table.loc[["joined vs never", "earlier vs later"], "estimate"] > 0).all()


def test_one_cohort_is_one_comparison() -> None:
    frame, _ = programme(firms=60, periods=6, cohorts=(4,), seed=1)
    got = impact.bacon(panel_of(frame), "exports")
    row = got.tidy().iloc[0]
    plain = impact.att(panel_of(frame), "exports", method="two_by_two", average=True).tidy().iloc[0]
    assert (len(got.tidy()), row["weight"], got.forbidden) == (1, 1.0, 0.0)
    assert row["estimate"] == pytest.approx(plain["estimate"], abs=1e-12)
    assert row["std_error"] == pytest.approx(plain["std_error"], abs=1e-12)
    assert (row["n_treated"], row["n_control"]) == (30, 30)


def test_summary_plot_and_frozen() -> None:
    got = of_case("always")
    assert f"{got.forbidden:.0%} of the weight" in got.summary()
    assert repr(got) == got.summary()
    figure = got.plot()
    assert figure.axes[0].get_xlabel() == "Weight"
    table = got.tidy()
    table["weight"] = 0.0
    assert got.tidy()["weight"].sum() == pytest.approx(1)
    with pytest.raises(AttributeError):
        got.outcome = "jobs"  # type: ignore[misc]


def test_a_cohort_of_one_firm_has_no_standard_error_of_its_own() -> None:
    frame, _ = programme(firms=40, periods=6, cohorts=(3, 5), seed=1)
    alone = frame.loc[frame["joined"] == 5, "firm"].unique()[1:]
    table = impact.bacon(panel_of(frame[~frame["firm"].isin(alone)]), "exports").tidy()
    mine = (table["cohort"] == 5) | (table["control_cohort"] == 5).fillna(False)
    assert table.loc[mine, ["std_error", "p_value", "conf_low"]].isna().all(axis=None)
    assert table.loc[~mine, "std_error"].notna().all()
    assert table["estimate"].notna().all()


def test_refusals() -> None:
    frame, _ = programme(firms=40, periods=6, cohorts=(3, 5), seed=1)
    with pytest.raises(EstimationError, match=r"not balanced \(1 firm of 40 without the outcome"):
        impact.bacon(panel_of(frame.drop(index=3)), "exports")
    moving = frame.assign(weight=1.0 + frame["year"])
    with pytest.raises(EstimationError, match="weights change over time"):
        impact.bacon(panel_of(moving, "weight"), "exports")
    with pytest.raises(EstimationError, match="does not vary beyond"):
        impact.bacon(panel_of(frame[frame["year"] > 4]), "exports")
    with pytest.raises(EstimationError, match="participation has no effect on itself"):
        impact.bacon(panel_of(frame), "joined")
    with pytest.raises(DataError, match="takes a panel"):
        impact.bacon(frame, "exports")  # type: ignore[arg-type]
    with pytest.raises(DataError):
        impact.bacon(panel_of(frame), "exprots")
