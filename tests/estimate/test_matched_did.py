"""Effects on matched samples: by hand, exact relations, and Monte Carlo with a known truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DataError, EstimationError
from impact.estimate.effect import EffectResult

TRUTH = 0.20


def long(rows: list[tuple[str, float | None, float, list[float]]]) -> pd.DataFrame:
    """Firm, cohort, size and the outcome of years 1, 2, …, as firm-years."""
    return pd.DataFrame(
        [
            {"firm": firm, "year": t, "joined": joined, "size": size, "exports": y}
            for firm, joined, size, series in rows
            for t, y in enumerate(series, start=1)
        ]
    )


def by_hand() -> pd.DataFrame:
    """Three pairs: a-p and b-q join in 2, c-r joins in 3."""
    return long(
        [
            ("a", 2.0, 1.0, [10.0, 16.0, 18.0]),
            ("b", 2.0, 2.0, [10.0, 12.0, 13.0]),
            ("c", 3.0, 3.0, [5.0, 6.0, 9.0]),
            ("p", None, 1.1, [7.0, 8.0, 9.0]),
            ("q", None, 2.1, [9.0, 9.0, 12.0]),
            ("r", None, 3.1, [4.0, 6.0, 7.0]),
        ]
    )


def as_panel(frame: pd.DataFrame) -> impact.Panel:
    return impact.panel(frame, unit="firm", time="year", cohort="joined")


def matched(frame: pd.DataFrame, **options: object) -> impact.MatchResult:
    return impact.match(as_panel(frame), on=["size"], **{"distance": "size", **options})


def did(frame: pd.DataFrame, cluster: str | None = None, **options: object) -> EffectResult:
    return impact.att(matched(frame, **options), "exports", method="matched_did", cluster=cluster)


# ---- worked by hand ---------------------------------------------------------------------------


def test_cells_by_hand() -> None:
    table = did(by_hand()).tidy().set_index("term")
    # Cohort 2, base 1. Year 2: a 6 - 1, b 2 - 0. Year 3: a 8 - 2, b 3 - 3. Cohort 3, base 2.
    assert table["estimate"].to_dict() == {
        "ATT(2,2)": 3.5,
        "ATT(2,3)": 3.0,
        "ATT(3,1)": 1.0,  # c from 2 back to 1: -1, against r: -2
        "ATT(3,3)": 2.0,
    }
    # Two pairs with differences 5 and 2: variance of their mean, sum of squares / 2^2.
    assert table.loc["ATT(2,2)", "std_error"] == pytest.approx(np.sqrt((1.5**2 + 1.5**2) / 4))
    assert table.loc["ATT(2,3)", "std_error"] == pytest.approx(np.sqrt((3.0**2 + 3.0**2) / 4))
    assert table["n_treated"].tolist() == table["n_control"].tolist() == [2, 2, 1, 1]


def test_one_pair_has_an_estimate_and_no_standard_error() -> None:
    effect = did(by_hand())
    row = effect.tidy().set_index("term").loc["ATT(3,3)"]
    assert row["estimate"] == 2.0
    assert row[["std_error", "statistic", "p_value", "conf_low", "conf_high"]].isna().all()
    assert any("ATT(3,3): one pair" in note for note in effect.notes)


def test_average_weights_cohorts_by_their_pairs() -> None:
    frame = pd.concat([by_hand(), by_hand().assign(firm=lambda d: d["firm"] + "2")])
    effect = did(frame)
    # Four pairs of cohort 2 with 3.5 and 3.0, two of cohort 3 with 2.0.
    overall = effect.aggregate("overall").tidy()
    assert overall["estimate"][0] == pytest.approx((4 * 3.5 + 4 * 3.0 + 2 * 2.0) / 10)
    event = effect.aggregate("event").tidy().set_index("event_time")["estimate"]
    assert event[0] == pytest.approx((4 * 3.5 + 2 * 2.0) / 6)
    assert event[1] == pytest.approx(3.0)
    assert event[-2] == pytest.approx(1.0)
    assert effect.firms.groupby("cohort")["weight"].sum().to_dict() == {2.0: 4.0, 3.0: 2.0}


def test_pairs_that_are_not_observed_are_counted_and_left_out() -> None:
    frame = by_hand()
    frame.loc[(frame["firm"] == "q") & (frame["year"] == 3), "exports"] = np.nan
    frame = frame[~((frame["firm"] == "r") & (frame["year"] == 2))]
    effect = did(frame, caliper=0.5, caliper_scale="raw", exact=None)
    table = effect.tidy().set_index("term")
    assert table.loc["ATT(2,2)", "estimate"] == 3.5
    assert table.loc["ATT(2,3)", ["estimate", "n_treated"]].tolist() == [6.0, 1.0]
    notes = " ".join(effect.notes)
    assert "ATT(2,3) 1" in notes
    assert "ATT(3,3)" not in table.index  # r was no candidate without its year before joining


def test_a_pair_without_its_base_year_is_in_no_cell_and_in_no_cohort_share() -> None:
    frame = by_hand()
    frame.loc[(frame["firm"] == "b") & (frame["year"] == 1), "exports"] = np.nan
    effect = did(frame)
    assert effect.tidy().set_index("term").loc["ATT(2,2)", "estimate"] == 5.0
    assert set(effect.firms.index) == {"a", "p", "c", "r"}
    assert any(note.startswith("1 of 3 pairs is in no cell") for note in effect.notes)
    assert effect.firms["cohort"].value_counts().to_dict() == {2.0: 1, 3.0: 1}


def test_two_controls_share_the_weight_of_one() -> None:
    frame = long(
        [
            ("a", 2.0, 1.0, [0.0, 10.0]),
            ("b", 2.0, 5.0, [0.0, 20.0]),
            ("p", None, 1.1, [0.0, 1.0]),
            ("q", None, 1.2, [0.0, 3.0]),
            ("r", None, 5.1, [0.0, 4.0]),
        ]
    )
    effect = did(frame, ratio=2, caliper=0.5, caliper_scale="raw")
    row = effect.tidy().iloc[0]
    assert row["estimate"] == pytest.approx(((10 - 2) + (20 - 4)) / 2)
    assert row["std_error"] == pytest.approx(np.sqrt((4.0**2 + 4.0**2) / 4))
    assert row["n_control"] == 3


def cross_section() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(160, 2))
    joined = (rng.random(160) < 1 / (1 + np.exp(1 - x[:, 0]))).astype(int)
    exports = x @ [1.0, -0.5] + 0.4 * x[:, 0] * joined + rng.normal(size=160)
    return pd.DataFrame({"joined": joined, "size": x[:, 0], "wage": x[:, 1], "exports": exports})


def section(frame: pd.DataFrame, **options: object) -> impact.MatchResult:
    return impact.match(
        frame, treatment="joined", on=["size", "wage"], **{"caliper": 0.3, **options}
    )


@pytest.mark.parametrize("ratio", [1, 2])
def test_difference_is_the_weighted_regression_clustered_by_pair(ratio: int) -> None:
    data = cross_section()
    found = section(data, ratio=ratio)
    effect = impact.att(found, "exports", method="difference").tidy().iloc[0]
    used = found.weights > 0
    pair = found.candidates.set_index("unit")["pair"].reindex(data.index)[used].astype(int)
    design = sm.add_constant(data.loc[used, "joined"].astype(float))
    fit = sm.WLS(data.loc[used, "exports"], design, weights=found.weights[used]).fit(
        cov_type="cluster", cov_kwds={"groups": pair, "use_correction": False}
    )
    assert effect["estimate"] == pytest.approx(fit.params["joined"], rel=1e-10)
    assert effect["std_error"] == pytest.approx(fit.bse["joined"], rel=1e-8)


def test_g_computation_is_the_interacted_regression() -> None:
    data = cross_section()
    found = section(data, ratio=2)
    effect = impact.att(found, "exports", method="g_computation").tidy().iloc[0]
    used = found.weights > 0
    d = data.loc[used, "joined"].astype(float)
    x = (
        data.loc[used, ["size", "wage"]]
        - data.loc[used & (data["joined"] == 1), ["size", "wage"]].mean()
    )
    design = sm.add_constant(
        pd.concat([d.rename("d"), x, x.mul(d, axis=0).add_suffix("_d")], axis=1)
    )
    fit = sm.WLS(data.loc[used, "exports"], design, weights=found.weights[used]).fit()
    assert effect["estimate"] == pytest.approx(fit.params["d"], rel=1e-10)


@pytest.mark.parametrize("method", ["difference", "g_computation"])
def test_standard_error_agrees_with_leaving_out_one_pair(method: str) -> None:
    """The jackknife over pairs knows no formula for the influence function."""
    data = cross_section()
    found = section(data)
    effect = impact.att(found, "exports", method=method).tidy().iloc[0]
    pairs, estimates = found.pairs, []
    for one in pairs["pair"]:
        gone = pairs.loc[pairs["pair"] == one, ["treated", "control"]].to_numpy().ravel()
        without = data.assign(exports=data["exports"].where(~data.index.isin(gone)))
        again = section(without)
        estimates.append(impact.att(again, "exports", method=method).tidy()["estimate"][0])
    m = len(pairs)
    jackknife = np.sqrt((m - 1) / m * ((np.array(estimates) - np.mean(estimates)) ** 2).sum())
    assert effect["std_error"] == pytest.approx(jackknife, rel=0.08)


def test_clustering_by_firm_would_give_another_answer() -> None:
    """Paired outcomes move together, and the pair as a cluster sees it."""
    rng = np.random.default_rng(3)
    common = rng.normal(scale=3.0, size=50)
    rows = [(f"t{i}", 2.0, float(i), [0.0, common[i] + 1]) for i in range(50)]
    rows += [(f"c{i}", None, i + 0.1, [0.0, common[i] + rng.normal(scale=0.1)]) for i in range(50)]
    effect = did(long(rows))
    by_pair = effect.tidy()["std_error"][0]
    influence = effect.influence.to_numpy()[:, 0]
    by_firm = np.sqrt((influence**2).sum()) / len(influence)
    assert by_pair < 0.05
    assert by_firm > 0.5


# ---- exact relations --------------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.floats(-50, 50), st.sampled_from([1e-3, -2.0, 1000.0]))
def test_unit_origin_and_order_of_the_outcome(seed: int, shift: float, k: float) -> None:
    frame = simulated(seed, firms=60)
    base = did(frame).tidy()
    firm = frame["firm"].map(lambda f: (f * 7919) % 13)
    moved = frame.assign(exports=k * frame["exports"] + shift + firm).sample(
        frac=1.0, random_state=seed
    )
    other = did(moved).tidy()
    np.testing.assert_allclose(other["estimate"], k * base["estimate"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other["std_error"], abs(k) * base["std_error"], rtol=1e-8)
    shuffled = did(frame.sample(frac=1.0, random_state=seed)).tidy()
    pd.testing.assert_frame_equal(base, shuffled, check_exact=True)


def test_every_pair_twice_divides_the_standard_error_by_root_two() -> None:
    frame = simulated(1, firms=80)
    twins = frame.assign(firm=frame["firm"] + 10_000, size=frame["size"] + 1000.0)
    options = {"caliper": 2.0, "caliper_scale": "raw"}
    one = did(frame, **options).tidy()
    two = did(pd.concat([frame, twins]), **options).tidy()
    np.testing.assert_allclose(two["estimate"], one["estimate"], rtol=1e-10)
    np.testing.assert_allclose(two["std_error"], one["std_error"] / np.sqrt(2), rtol=1e-10)


def test_swapping_the_arms_of_matched_pairs_flips_the_sign() -> None:
    frame = long(
        [(f"t{i}", 2.0, float(i), [0.0, i % 3]) for i in range(9)]
        + [(f"c{i}", None, i + 0.01, [0.0, i % 2]) for i in range(9)]
    )
    swapped = frame.assign(joined=frame["joined"].isna().map({True: 2.0, False: np.nan}))
    one, two = did(frame).tidy().iloc[0], did(swapped).tidy().iloc[0]
    assert one["estimate"] == pytest.approx(-two["estimate"])
    assert one["std_error"] == pytest.approx(two["std_error"])


def test_same_as_group_time_where_every_firm_is_matched() -> None:
    """One control each and nobody left over: the comparison is that of the two arms."""
    frame = long(
        [(f"t{i}", 3.0, float(i), [0.0, i % 2, i % 3, i % 5]) for i in range(10)]
        + [(f"c{i}", None, i + 0.01, [1.0, i % 3, i % 4, i % 2]) for i in range(10)]
    )
    panel = as_panel(frame)
    plain = impact.att(panel, "exports", method="group_time", base_period="universal").tidy()
    pairs = did(frame).tidy()
    plain = plain.set_index("term")["estimate"].drop("ATT(3,2)")
    pd.testing.assert_series_equal(
        pairs.set_index("term")["estimate"], plain, check_exact=False, rtol=1e-12
    )


def test_outcomes_of_unmatched_firms_are_not_read() -> None:
    frame = simulated(2, firms=80)
    found = matched(frame, caliper=0.05, caliper_scale="raw")
    unmatched = ~frame["firm"].isin([*found.pairs["treated"], *found.pairs["control"]])
    assert unmatched.any()
    noise = frame.assign(exports=frame["exports"].where(~unmatched, 1e6))
    options = {"caliper": 0.05, "caliper_scale": "raw"}
    pd.testing.assert_frame_equal(
        did(frame, **options).tidy(), did(noise, **options).tidy(), check_exact=True
    )


def test_data_are_untouched() -> None:
    frame = by_hand()
    panel = as_panel(frame)
    kept = panel.data.copy(deep=True)
    impact.att(impact.match(panel, on=["size"], distance="size"), "exports", method="matched_did")
    pd.testing.assert_frame_equal(panel.data, kept)


# ---- clusters and refusals --------------------------------------------------------------------


def test_coarser_clusters_that_hold_the_pairs() -> None:
    frame = simulated(4, firms=120).assign(chamber=lambda d: d["firm"] % 5)
    pairs = did(frame, exact=["chamber"])
    chambers = did(frame, cluster="chamber", exact=["chamber"])
    assert chambers.tidy()["n_clusters"][0] == 5
    np.testing.assert_allclose(pairs.tidy()["estimate"], chambers.tidy()["estimate"])
    assert not np.allclose(pairs.tidy()["std_error"], chambers.tidy()["std_error"])
    sums = chambers.influence.groupby(chambers.firms["cluster"]).sum().to_numpy()
    np.testing.assert_allclose(
        chambers.tidy()["std_error"], np.sqrt((sums**2).sum(axis=0)) / len(chambers.firms)
    )
    assert did(frame, cluster="firm", exact=["chamber"]).tidy().equals(pairs.tidy())


def test_clusters_that_cut_pairs_are_refused() -> None:
    frame = simulated(4, firms=120).assign(chamber=lambda d: d["firm"] % 5)
    with pytest.raises(EstimationError, match="cut matched sets in two"):
        did(frame, cluster="chamber")


def test_matching_with_replacement_is_refused() -> None:
    with pytest.raises(EstimationError, match="replace=False"):
        did(by_hand(), replace=True)
    with pytest.raises(EstimationError, match="replace=False"):
        impact.att(section(cross_section(), replace=True), "exports", method="g_computation")


def test_other_refusals() -> None:
    frame = by_hand()
    with pytest.raises(EstimationError, match="'exports' has no value in any of 18 rows"):
        did(frame.assign(exports=np.nan))
    with pytest.raises(DataError):
        did(frame.assign(exports="many"))
    with pytest.raises(EstimationError, match="works on matched panel data"):
        impact.att(section(cross_section()), "exports", method="matched_did")
    data = cross_section()
    with pytest.raises(DataError, match="cannot be estimated on"):
        impact.att(section(data.assign(exports="many")), "exports", method="difference")
    with pytest.raises(EstimationError, match="has no value in any of 160 rows"):
        impact.att(section(data.assign(exports=np.nan)), "exports", method="difference")
    names = [f"v{i}" for i in range(6)]
    noise = np.random.default_rng(0).normal(size=(12, 6))
    few = data.iloc[:12].join(pd.DataFrame(noise, columns=names))
    pairs = impact.match(few, treatment="joined", on=["size"], distance="size", caliper=9.0)
    with pytest.raises(EstimationError, match="use fewer covariates"):
        impact.att(pairs, "exports", method="g_computation", covariates=names)


def test_one_pair_of_a_cross_section_has_no_standard_error() -> None:
    data = pd.DataFrame({"joined": [1, 0, 0], "size": [1.0, 1.1, 9.0], "exports": [5.0, 3.0, 0.0]})
    close = {"distance": "size", "caliper": 1.0, "caliper_scale": "raw"}
    found = impact.match(data, treatment="joined", on=["size"], **close)
    row = impact.att(found, "exports", method="difference").tidy().iloc[0]
    assert row["estimate"] == 2.0
    assert np.isnan(row["std_error"])
    assert np.isnan(row["p_value"])


def test_unmatched_participants_are_named_beside_the_effect() -> None:
    data = cross_section()
    found = section(data, caliper=0.02)
    effect = impact.att(found, "exports", method="difference")
    n = int(data["joined"].sum())
    assert any(f"the {len(found.pairs)} of {n} participants" in note for note in effect.notes)


# ---- Monte Carlo ------------------------------------------------------------------------------


def simulated(seed: int | list[int], firms: int = 300) -> pd.DataFrame:
    """Larger firms grow faster and join more often; joining adds 0.20 in every year after."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=firms)
    joins = rng.random(firms) < 1 / (1 + np.exp(1.2 - 0.7 * x))
    joined = np.where(joins, np.where(rng.random(firms) < 0.5, 3.0, 4.0), np.nan)
    years = np.arange(1, 5)
    y = rng.normal(size=(firms, 1)) + 0.5 * x[:, None] * years
    y += rng.normal(scale=0.6, size=(firms, 4)) + TRUTH * (years >= joined[:, None])
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), 4),
            "year": np.tile(years, firms),
            "joined": np.repeat(joined, 4),
            "size": np.repeat(x, 4),
            "exports": y.ravel(),
        }
    )


def on_matched_firms(seed: list[int]) -> EffectResult:
    pairs = impact.match(as_panel(simulated(seed)), on=["size"], caliper=0.05)
    return impact.att(pairs, "exports", method="matched_did").aggregate("overall")


def on_all_firms(seed: list[int]) -> EffectResult:
    return impact.att(as_panel(simulated(seed)), "exports", method="group_time").aggregate(
        "overall"
    )


def replications(
    estimator: Callable[[list[int]], EffectResult], count: int, seed: int
) -> pd.DataFrame:
    """Replication r draws from `default_rng([seed, r])`."""
    rows = [estimator([seed, r]).estimates.iloc[0] for r in range(count)]
    table = pd.DataFrame(rows)[["estimate", "std_error", "conf_low", "conf_high"]].astype(float)
    covered = (table["conf_low"] <= TRUTH) & (table["conf_high"] >= TRUTH)
    return table.assign(covered=covered)


def assert_bands(table: pd.DataFrame, z: float) -> None:
    count, spread = len(table), table["estimate"].std()
    bias = abs(table["estimate"].mean() - TRUTH)
    assert bias <= max(3 * spread / np.sqrt(count), 0.06 * spread)
    assert abs(table["covered"].mean() - 0.95) <= z * np.sqrt(0.95 * 0.05 / count)
    # The standard deviation of a standard deviation is about 1 / sqrt(2 R) of it.
    assert abs(table["std_error"].mean() / spread - 1) <= z / np.sqrt(2 * count)


def test_matched_firms_find_the_truth_and_all_firms_do_not() -> None:
    assert_bands(replications(on_matched_firms, 200, seed=20160516), z=3.0)
    naive = replications(on_all_firms, 25, seed=20160516)
    assert naive["estimate"].mean() > 1.5 * TRUTH
    assert naive["covered"].mean() < 0.5


@pytest.mark.proof
def test_proof_matched_firms() -> None:
    """Two thousand draws: coverage within 93.5 to 96.5 per cent, and nought without matching."""
    table = replications(on_matched_firms, 2000, seed=7)
    assert_bands(table, z=3.08)
    assert 0.935 <= table["covered"].mean() <= 0.965
    assert 0.95 <= table["std_error"].mean() / table["estimate"].std() <= 1.06
    assert replications(on_all_firms, 300, seed=7)["covered"].mean() < 0.5
