"""`impact.match(method="optimal")`: against all assignments, dense solvers and published totals."""

from __future__ import annotations

import runpy
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import impact
from impact.core.errors import DesignError
from impact.design import optimal as module
from impact.design.optimal import (
    distance_block,
    least_total_pairs,
    pairs_by_levels,
    pairs_in_reach,
)

REFERENCE = Path(__file__).parent.parent / "reference"
LALONDE = runpy.run_path(str(REFERENCE / "matchit_lalonde" / "reader.py"))
OPTMATCH = runpy.run_path(str(REFERENCE / "optmatch" / "reader.py"))
ON = list(LALONDE["COVARIATES"])


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
        data, treatment="joined", **{"on": ["size", "wage"], "method": "optimal", **options}
    )


def dense(distance: np.ndarray, caliper: float, ratio: int) -> tuple[int, int, float]:
    """Participants matched, pairs, least total: by the dense solver, with a spare control for each place."""
    n = len(distance) * ratio
    real = np.repeat(np.where(distance <= caliper, distance, np.inf), ratio, axis=0)
    spare = np.full((n, n), np.inf)
    np.fill_diagonal(spare, 1e3)
    if ratio > 1:
        spare[np.arange(0, n, ratio), np.arange(0, n, ratio)] = 1e5
    a, b = linear_sum_assignment(np.hstack([real, spare]))
    used = b < distance.shape[1]
    return len(set(a[used] // ratio)), int(used.sum()), float(real[a[used], b[used]].sum())


# ---- agreement --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row", [r for r in OPTMATCH["totals"]() if "pairs" in r["problem"]], ids=lambda r: r["problem"]
)
def test_totals_on_lalonde(row: dict[str, Any], lalonde: pd.DataFrame) -> None:
    matched = impact.match(lalonde, treatment="treat", on=ON, **OPTMATCH["CALLS"][row["problem"]])
    assert len(matched.pairs) == row["distances"]
    assert matched.pairs["distance"].sum() == pytest.approx(row["total_ortools"], abs=1e-10)


def test_published_pairs_of_matchit(lalonde: pd.DataFrame) -> None:
    row = next(r for r in OPTMATCH["PUBLISHED"] if r["settings"]["method"] == "optimal")
    matched = impact.match(lalonde, treatment="treat", on=ON, **row["settings"])
    assert tuple(matched.sizes().loc["after", ["n_treated", "n_control"]]) == row["sizes"]
    score = matched.balance().set_index("covariate").loc["distance"]
    printed = [score["mean_treated_after"], score["mean_control_after"]]
    np.testing.assert_allclose(printed, row["means"], rtol=0, atol=0.51e-4)
    spread = matched.distance[lalonde["treat"] == 1].std()
    assert 0.98 * row["pair_distance"] <= matched.pairs["distance"].mean() / spread
    assert matched.pairs["distance"].mean() / spread <= row["pair_distance"] + 0.5e-4


def test_pairs_of_the_optmatch_vignette() -> None:
    plants = OPTMATCH["nuclear"]()
    if plants is None:
        pytest.skip("nuclearplants.csv is not beside the repository")
    found = impact.match(plants, treatment="pr", on=["cap"], distance="cap", method="optimal").pairs
    printed = sum(abs(plants.loc[t, "cap"] - plants.loc[c, "cap"]) for t, c in OPTMATCH["NUCLEAR"])
    assert found["distance"].sum() == printed
    assert sorted(found["treated"]) == sorted(pair[0] for pair in OPTMATCH["NUCLEAR"])


@settings(max_examples=60)
@given(st.data())
def test_all_assignments(data: st.DataObject) -> None:
    """The slow twin: every way to give each participant a control."""
    n_in, n_out = data.draw(st.integers(1, 4)), data.draw(st.integers(4, 6))
    width = data.draw(st.integers(1, 2))
    values = st.lists(st.integers(0, 9), min_size=width, max_size=width)
    x = np.array([data.draw(values) for _ in range(n_in + n_out)], dtype=np.float64)
    arm = np.arange(len(x)) < n_in
    t, c = least_total_pairs(x, arm, ~arm, np.zeros(len(x), dtype=np.int64))
    d = np.linalg.norm(x[:n_in][:, None] - x[n_in:][None], axis=2)
    least = min(
        sum(d[i, j] for i, j in enumerate(choice)) for choice in permutations(range(n_out), n_in)
    )
    assert np.linalg.norm(x[t] - x[c], axis=1).sum() == pytest.approx(least, abs=1e-10)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 10**6),
    n_in=st.integers(1, 8),
    n_out=st.integers(1, 14),
    ratio=st.integers(1, 3),
    decimals=st.integers(0, 6),
    caliper=st.sampled_from([np.inf, 0.3, 1.0]),
    width=st.integers(1, 2),
)
def test_sparse_and_closed_forms_are_as_good_as_dense(
    seed: int, n_in: int, n_out: int, ratio: int, decimals: int, caliper: float, width: int
) -> None:
    rng = np.random.default_rng(seed)
    arm = np.arange(n_in + n_out) < n_in
    x = np.round(rng.normal(size=(len(arm), width)) + arm[:, None] * rng.normal(), decimals)
    t, c = least_total_pairs(
        x, arm, ~arm, np.zeros(len(arm), dtype=np.int64), caliper=caliper, ratio=ratio
    )
    wanted = dense(distance_block(x, np.flatnonzero(arm), np.flatnonzero(~arm)), caliper, ratio)
    got = np.linalg.norm(x[t] - x[c], axis=1)
    assert (len(set(t)), len(t)) == wanted[:2]
    assert got.sum() == pytest.approx(wanted[2], abs=1e-10)
    assert len(set(c)) == len(c)
    assert (got <= caliper + 1e-12).all()


def test_reach_is_smaller_than_all_and_larger_than_the_nearest() -> None:
    rng = np.random.default_rng(5)
    ins, outs = rng.normal(1.0, 1, 60), rng.normal(0, 1, 300)
    t, _ = pairs_in_reach(ins, outs, np.inf, 1)
    assert len(t) < 0.2 * 60 * 300
    d = np.abs(ins[:, None] - outs[None, :])
    a, b = pairs_by_levels(ins, outs, 1)
    least = d[linear_sum_assignment(d)].sum()
    assert d[a, b].sum() == pytest.approx(least, abs=1e-10)
    two_nearest = np.full_like(d, np.inf)  # the wrong variant: one neighbour on each side
    for i, row in enumerate(d):
        two_nearest[i, np.argsort(row)[:2]] = row[np.argsort(row)[:2]]
    with pytest.raises(ValueError, match="infeasible"):
        linear_sum_assignment(two_nearest)


def test_scores_that_differ_by_rounding_alone_end() -> None:
    """On such distances SciPy's sparse solver did not end."""
    rng = np.random.default_rng(2)
    score = np.repeat(rng.random(40), 25)
    score *= 1 + rng.integers(-2, 3, score.size) * np.finfo(float).eps
    arm = np.arange(score.size) % 10 == 0
    for options in ({"ratio": 2}, {"ratio": 1, "caliper": 0.02}, {"ratio": 3, "caliper": 0.02}):
        t, _ = least_total_pairs(
            score[:, None], arm, ~arm, np.zeros(score.size, dtype=np.int64), **options
        )
        assert len(t) == arm.sum() * options["ratio"]


# ---- properties -------------------------------------------------------------------------------


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), ratio=st.integers(1, 2))
def test_never_above_nearest(seed: int, ratio: int) -> None:
    data = firms(seed=seed)
    best, greedy = (solve(data, method=m, ratio=ratio) for m in ("optimal", "nearest"))
    assert len(best.pairs) == len(greedy.pairs)
    assert best.pairs["distance"].sum() <= greedy.pairs["distance"].sum() + 1e-12


def test_below_nearest_where_greed_takes_anothers_only_control() -> None:
    data = pd.DataFrame({"joined": [1, 1, 0, 0], "size": [2.0, 1.0, 1.4, 4.0]}, index=list("abcd"))
    one = impact.match(data, treatment="joined", on=["size"], distance="size")
    other = impact.match(data, treatment="joined", on=["size"], distance="size", method="optimal")
    assert one.pairs["distance"].sum() == pytest.approx(3.6)
    assert other.pairs["distance"].sum() == pytest.approx(2.4)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_row_order_does_not_matter(random: Any) -> None:
    data = firms().round({"size": 1, "wage": 1})
    order = list(data.index)
    random.shuffle(order)
    for options in ({}, {"ratio": 2, "exact": ["sector"]}, {"distance": "mahalanobis"}):
        one, other = solve(data, **options), solve(data.loc[order], **options)
        pd.testing.assert_frame_equal(one.pairs, other.pairs)


def test_controls_far_off_change_nothing() -> None:
    data = firms()
    far = pd.DataFrame({"joined": 0, "size": [90.0, -90.0], "wage": 1.0}, index=["X", "Y"])
    for options in ({}, {"caliper": 0.2, "caliper_scale": "raw"}, {"ratio": 2}):
        one = solve(data, distance="size", **options)
        other = solve(pd.concat([data, far]), distance="size", **options)
        pd.testing.assert_frame_equal(one.pairs, other.pairs)


# ---- the verb ---------------------------------------------------------------------------------


def test_as_many_as_possible_then_nearest() -> None:
    data = pd.DataFrame(
        {"joined": [1, 1, 1, 0, 0], "size": [0.0, 1.0, 9.0, 0.1, 1.5]}, index=list("abcde")
    )
    matched = impact.match(data, treatment="joined", on=["size"], distance="size", method="optimal")
    assert list(zip(matched.pairs["treated"], matched.pairs["control"], strict=True)) == [
        ("a", "d"),
        ("b", "e"),
    ]
    lines = {line.reason: line.rows for line in matched.ledger.lines}
    assert lines["participant: no comparison firm left"] == 1
    narrow = impact.match(
        data, treatment="joined", on=["size"], distance="size", method="optimal", ratio=2,
        caliper=2, caliper_scale="raw",
    )  # fmt: skip
    assert narrow.pairs["treated"].tolist() == ["a", "b"]  # one each before two for one


def test_strata_ranks_and_words() -> None:
    data = firms()
    matched = solve(data, exact=["sector"], ratio=2, caliper=1.0)
    of = data["sector"]
    pairs = matched.pairs
    assert (of[pairs["treated"]].to_numpy() == of[pairs["control"]].to_numpy()).all()
    assert pairs["control"].is_unique
    for _, found in pairs.groupby("treated"):
        assert found["rank"].tolist() == list(range(1, len(found) + 1))
        assert found["distance"].is_monotonic_increasing
    text = matched.summary()
    assert "least total distance" in text and "nearest neighbour" not in text
    assert "choosing first" not in text
    assert matched.balance()["smd_after"].abs().max() < 1
    assert "in the order" not in solve(data, distance="mahalanobis").summary()


@pytest.mark.parametrize("caliper", [None, 0.6])
def test_mahalanobis_is_least(caliper: float | None) -> None:
    data = firms()
    scale = {} if caliper is None else {"caliper": caliper, "caliper_scale": "raw"}
    best, greedy = (
        solve(data, distance="mahalanobis", method=m, **scale) for m in ("optimal", "nearest")
    )
    assert len(best.pairs) >= len(greedy.pairs)
    if caliper is None:
        assert best.pairs["distance"].sum() < greedy.pairs["distance"].sum()
    else:
        assert best.pairs["distance"].max() <= caliper


def test_cohorts_share_no_control() -> None:
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
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    matched = impact.match(panel, on=["size"], method="optimal")
    assert matched.pairs["control"].is_unique
    assert matched.pairs["cohort"].nunique() == 2


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DesignError, match="does not use replace"):
        solve(firms(), replace=True)
    monkeypatch.setattr(module, "CELLS", 100)
    with pytest.raises(DesignError, match=r"narrower caliper.*method=.nearest."):
        solve(firms(), distance="mahalanobis")
    assert len(solve(firms()).pairs)
