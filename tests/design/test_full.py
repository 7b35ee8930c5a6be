"""`impact.match(method="full")`: against all sets of pairs, an integer programme and published values."""

from __future__ import annotations

import runpy
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds as Box
from scipy.optimize import LinearConstraint, milp

import impact
from impact.core.errors import DesignError
from impact.design.full import Bounds, least_total_sets

REFERENCE = Path(__file__).parent.parent / "reference"
LALONDE = runpy.run_path(str(REFERENCE / "matchit_lalonde" / "reader.py"))
OPTMATCH = runpy.run_path(str(REFERENCE / "optmatch" / "reader.py"))
ON = list(LALONDE["COVARIATES"])
LIMITS = [
    Bounds(),
    Bounds(high_t=3.0, high_c=2.0),
    Bounds(high_t=2.0),
    Bounds(high_c=1.0),
    Bounds(high_t=1.0, high_c=3.0),
    Bounds(low_t=2, high_t=4.0, high_c=1.0),
    Bounds(low_c=2, high_c=4.0, high_t=1.0),
]


@pytest.fixture(scope="module")
def lalonde() -> pd.DataFrame:
    frame = LALONDE["lalonde"]()
    if frame is None:
        pytest.skip("lalonde.csv is not beside the repository")
    return frame


def firms(n: int = 90, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    joined = rng.random(n) < 1 / (1 + np.exp(1 - 0.8 * x[:, 0] + 0.4 * x[:, 1]))
    return pd.DataFrame(
        {
            "joined": joined.astype(int),
            "size": x[:, 0],
            "wage": np.exp(x[:, 1]),
            "sector": rng.integers(0, 3, n).astype(str),
        },
        index=[f"F{i:03d}" for i in rng.permutation(n)],
    )


def solve(data: pd.DataFrame, **options: Any) -> impact.MatchResult:
    return impact.match(
        data, treatment="joined", **{"on": ["size", "wage"], "method": "full", **options}
    )


def distances_of_sets(x: np.ndarray, arm: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Distances between participants and controls of each set, which has one of either in its middle."""
    found = [np.empty(0)]
    for number in np.unique(sets[sets > 0]):
        ins, outs = np.flatnonzero((sets == number) & arm), np.flatnonzero((sets == number) & ~arm)
        assert min(len(ins), len(outs)) == 1
        found.append(np.linalg.norm(x[ins][:, None] - x[outs][None], axis=2).ravel())
    return np.concatenate(found)


def of_result(matched: impact.MatchResult) -> np.ndarray:
    frame = matched.candidates
    x = frame[["distance"]].to_numpy(dtype=np.float64)
    sets = frame["pair"].fillna(0).to_numpy(dtype=np.int64)
    return distances_of_sets(x, frame["treated"].to_numpy(dtype=bool), sets)


def programme(d: np.ndarray, caliper: float, bounds: Bounds) -> float | None:
    """Least total with everybody in a set who has a partner within the caliper; None if that cannot be."""
    near = d <= caliper
    shape = d.shape
    rows = [np.eye(shape[0])[i][:, None] * np.ones(shape[1]) for i in range(shape[0])]
    rows += [np.ones(shape[0])[:, None] * np.eye(shape[1])[j] for j in range(shape[1])]
    low = np.repeat([bounds.low_t, bounds.low_c], shape) * np.append(near.any(1), near.any(0))
    solved = milp(
        np.where(near, d, 0.0).ravel(),
        constraints=LinearConstraint(
            np.array([r.ravel() for r in rows]),
            low,
            np.repeat([bounds.high_t, bounds.high_c], shape),
        ),
        integrality=np.ones(d.size),
        bounds=Box(0, near.ravel().astype(float)),
    )
    return float(solved.fun) if solved.status == 0 else None


# ---- agreement --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row", [r for r in OPTMATCH["totals"]() if "full" in r["problem"]], ids=lambda r: r["problem"]
)
def test_totals_on_lalonde(row: dict[str, Any], lalonde: pd.DataFrame) -> None:
    matched = impact.match(lalonde, treatment="treat", on=ON, **OPTMATCH["CALLS"][row["problem"]])
    assert of_result(matched).sum() == pytest.approx(row["total_ortools"], abs=1e-10)


def test_both_solvers_of_the_reference_agree() -> None:
    both = [r for r in OPTMATCH["totals"]() if "total_networkx" in r]
    assert len(both) == 3
    for row in both:
        assert row["total_networkx"] == pytest.approx(row["total_ortools"], abs=1e-12)


@pytest.mark.parametrize(
    "row", [r for r in OPTMATCH["PUBLISHED"] if r["settings"]["method"] == "full"],
    ids=lambda r: r["source"],
)  # fmt: skip
def test_no_set_is_wider_than_published(row: dict[str, Any], lalonde: pd.DataFrame) -> None:
    matched = impact.match(lalonde, treatment="treat", on=ON, **row["settings"])
    assert tuple(matched.sizes().loc["after", ["n_treated", "n_control"]]) == row["sizes"]
    score = matched.balance().set_index("covariate").loc["distance"]
    printed = [score["mean_treated_after"], score["mean_control_after"]]
    np.testing.assert_allclose(printed, row["means"], rtol=0, atol=3e-4)
    treated = lalonde["treat"] == 1
    spread = matched.distance[treated].std()
    if row["settings"].get("estimand") == "ATE":
        spread = np.sqrt((spread**2 + matched.distance[~treated].var()) / 2)
    mean = of_result(matched).mean() / spread
    assert 0.97 * row["pair_distance"] <= mean <= row["pair_distance"] + 0.5e-4


@settings(max_examples=40)
@given(st.data())
def test_all_sets_of_pairs(data: st.DataObject) -> None:
    """The slow twin: every set of pairs in which everybody has a partner."""
    n_in, n_out = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    width = data.draw(st.integers(1, 2))
    values = st.lists(st.integers(0, 6), min_size=width, max_size=width)
    x = np.array([data.draw(values) for _ in range(n_in + n_out)], dtype=np.float64)
    arm = np.arange(len(x)) < n_in
    d = np.linalg.norm(x[:n_in][:, None] - x[n_in:][None], axis=2)
    covers = (np.reshape(chosen, d.shape) for chosen in product([False, True], repeat=d.size))
    least = min(d[cover].sum() for cover in covers if cover.any(0).all() and cover.any(1).all())
    sets = least_total_sets(x, arm, np.zeros(len(x), dtype=np.int64))
    assert (sets > 0).all()
    assert distances_of_sets(x, arm, sets).sum() == pytest.approx(least, abs=1e-10)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 10**6),
    n_in=st.integers(1, 7),
    n_out=st.integers(1, 10),
    decimals=st.integers(0, 6),
    caliper=st.sampled_from([np.inf, np.inf, 1.0]),
    width=st.integers(1, 2),
    bounds=st.sampled_from(LIMITS),
)
def test_as_good_as_an_integer_programme(
    seed: int, n_in: int, n_out: int, decimals: int, caliper: float, width: int, bounds: Bounds
) -> None:
    rng = np.random.default_rng(seed)
    arm = rng.permutation(np.arange(n_in + n_out) < n_in)
    x = np.round(rng.normal(size=(len(arm), width)), decimals)
    d = np.linalg.norm(x[arm][:, None] - x[~arm][None], axis=2)
    least = programme(d, caliper, bounds)
    strata = np.zeros(len(arm), dtype=np.int64)
    if least is None and max(bounds.low_t, bounds.low_c) > 1:
        with pytest.raises(DesignError, match="cannot hold with every firm in a set"):
            least_total_sets(x, arm, strata, caliper=caliper, bounds=bounds)
        return
    try:
        sets = least_total_sets(x, arm, strata, caliper=caliper, bounds=bounds)
    except DesignError:  # somebody has no partner within the caliper, and sets need two
        assert max(bounds.low_t, bounds.low_c) > 1 and not np.isinf(caliper)
        return
    found = distances_of_sets(x, arm, sets)
    if least is not None:
        assert found.sum() == pytest.approx(least, abs=1e-9)
    for number in np.unique(sets[sets > 0]):
        ins, outs = int((arm & (sets == number)).sum()), int((~arm & (sets == number)).sum())
        low, high = (bounds.low_t, bounds.high_t) if ins == 1 else (bounds.low_c, bounds.high_c)
        assert ins == outs == 1 or low <= max(ins, outs) <= high


def test_as_few_left_out_as_possible() -> None:
    x = np.array([[0.0], [0.1], [0.2], [0.3], [5.0]])
    arm = np.array([True, False, False, False, False])
    sets = least_total_sets(
        x, arm, np.zeros(5, dtype=np.int64), bounds=Bounds(high_t=2.0, high_c=2.0)
    )
    assert sets.tolist() == [1, 1, 1, 0, 0]


# ---- properties -------------------------------------------------------------------------------


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_between_half_and_all_of_the_nearest_distances(seed: int) -> None:
    """To give everybody its nearest costs no less; each distance of a set covers at most two firms."""
    matched = solve(firms(seed=seed))
    frame = matched.candidates
    arm, score = frame["treated"].to_numpy(dtype=bool), frame["distance"].to_numpy()
    d = np.abs(score[arm][:, None] - score[~arm][None])
    nearest = d.min(axis=0).sum() + d.min(axis=1).sum()
    assert nearest / 2 - 1e-12 <= of_result(matched).sum() <= nearest + 1e-12
    assert (frame["pair"].notna()).all()


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_row_order_does_not_matter(random: Any) -> None:
    data = firms().round({"size": 1, "wage": 1})
    order = list(data.index)
    random.shuffle(order)
    for options in (
        {},
        {"exact": ["sector"]},
        {"distance": "mahalanobis"},
        {"max_controls": 4, "min_controls": 0.5},
    ):
        one, other = solve(data, **options), solve(data.loc[order], **options)
        pd.testing.assert_frame_equal(one.candidates, other.candidates)


def test_controls_far_off_change_nothing_within_a_caliper() -> None:
    data = firms()
    far = pd.DataFrame({"joined": 0, "size": [90.0, -90.0], "wage": 1.0}, index=["X", "Y"])
    for options in ({}, {"max_controls": 5, "min_controls": 1 / 3}):
        options |= {"distance": "size", "caliper": 0.5, "caliper_scale": "raw"}
        one, other = solve(data, **options), solve(pd.concat([data, far]), **options)
        pd.testing.assert_series_equal(one.weights, other.weights[data.index])
        assert (other.weights[["X", "Y"]] == 0).all()


# ---- the verb ---------------------------------------------------------------------------------


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_weights_of_sets(estimand: str) -> None:
    data = firms()
    matched = solve(data, exact=["sector"], estimand=estimand)
    frame = matched.candidates.set_index("unit")
    assert matched.kind == "sets" and matched.pairs.empty
    assert (frame.groupby("pair")["sector"].nunique() == 1).all()
    # Both weighted arms have the same make-up of sets.
    share = frame.groupby(["treated", "pair"])["weight"].sum().unstack("treated")
    np.testing.assert_allclose(share[True] / share[True].sum(), share[False] / share[False].sum())
    size = frame.groupby("pair")["treated"].agg("sum" if estimand == "ATT" else "size")
    np.testing.assert_allclose(share[True] / share[True].sum(), size / size.sum())
    assert matched.sizes().loc["after", "n_control"] == (data["joined"] == 0).sum()
    assert matched.balance()["smd_after"].abs().max() < 1
    assert "fully matched" in matched.summary() and "exactly on sector" in matched.summary()


def test_those_without_a_partner_are_counted() -> None:
    matched = solve(firms(), caliper=0.02, max_controls=3)
    lines = {line.reason: line.rows for line in matched.ledger.lines}
    where = "in its stratum within the caliper that has room"
    assert lines[f"participant: no comparison firm {where}"] > 0
    assert lines[f"comparison firm: no participant {where}"] > 0
    assert of_result(matched).max() <= 0.02 * matched.distance.std()
    assert "at most 3 controls per participant" in matched.summary()


def test_a_firm_may_be_in_a_set_of_each_cohort() -> None:
    rng = np.random.default_rng(3)
    n = 60
    joined = np.array([3, 4, np.nan, np.nan])[rng.integers(0, 4, n)]
    frame = pd.DataFrame(
        {
            "firm": np.repeat([f"F{i:02d}" for i in range(n)], 5),
            "year": np.tile(np.arange(1, 6), n),
            "joined": np.repeat(joined, 5),
            "size": rng.normal(size=5 * n),
        }
    )
    matched = impact.match(
        impact.panel(frame, unit="firm", time="year", cohort="joined"), on=["size"], method="full"
    )
    table = matched.candidates
    assert (table.groupby("pair")["cohort"].nunique() == 1).all()
    assert not table.loc[~table["treated"], "unit"].is_unique
    assert not table.duplicated(["unit", "pair"]).any()
    weight = table.groupby("unit")["weight"].sum()
    seen = matched.weights.groupby(frame["firm"]).first()
    np.testing.assert_allclose(seen[weight.index], weight)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_controls": 3, "max_controls": 2}, "the first is from 0 to the second"),
        ({"max_controls": "two"}, "it is a number of controls"),
        ({"max_controls": 0}, "above 0"),
        ({"min_controls": 2.2, "max_controls": 2.7}, "whole number"),
        ({"min_controls": 30}, "cannot hold with every firm in a set"),
        ({"ratio": 2}, "does not use ratio"),
        ({"estimand": "ATO"}, "has the estimands"),
    ],
)
def test_refusals(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        solve(firms(), **options)
