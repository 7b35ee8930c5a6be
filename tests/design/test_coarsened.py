"""Coarsened exact matching: agreement with MatchIt and the authors of CEM, slow twins, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DesignError
from impact.design.coarsened import (
    cells_of,
    coarsen,
    distance_space,
    l1_imbalance,
    number_of_bins,
    pairs_within,
)
from impact.design.request import MatchSettings
from tests.design.test_exact import agree, firms, panel, slow_weights
from tests.reference.matchit_strata import reader

CASES = [c for c in reader.CALLS if c.startswith(("cem", "k2k"))]


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_matchit(case: str) -> None:
    agree(case)


def test_numbers_of_bins_are_those_of_r() -> None:
    data = reader.lalonde()
    if data is None:
        pytest.skip("the data are not here")
    raw = reader.expected()
    for what, count in raw.loc[raw["case"] == "bins", ["what", "value"]].to_numpy():
        rule, column = what.split()
        assert number_of_bins(data[column].to_numpy(dtype=float), rule) == count, what


values = st.lists(st.integers(-50, 50), min_size=2, max_size=40)


@settings(max_examples=100, deadline=None)
@given(values, st.integers(1, 9))
def test_bins_of_equal_width_by_whole_numbers(x: list[int], bins: int) -> None:
    low, high = min(x), max(x)
    slow = [
        0 if low == high else min((v - low) * bins // (high - low), bins - 1)  # exact, in integers
        for v in x
    ]
    got = coarsen(np.array(x, dtype=float), bins).tolist()
    assert got == slow
    tenths = coarsen(np.array(x) / 10 + 3, bins)  # a change of units moves nobody
    assert tenths.tolist() == slow


@settings(max_examples=50, deadline=None)
@given(values, st.lists(st.integers(-20, 20), min_size=1, max_size=5))
def test_given_cut_points(x: list[int], points: list[int]) -> None:
    got = coarsen(np.array(x, dtype=float), tuple(sorted({*map(float, points)})))
    assert got.tolist() == [sum(p <= v for p in {*points}) for v in x]


@settings(max_examples=60, deadline=None)
@given(values)
def test_rules_by_their_definition(x: list[int]) -> None:
    v = np.array(x, dtype=float)
    n, spread = len(x), max(x) - min(x)
    assert 2 ** (number_of_bins(v, "sturges") - 1) >= n > 2 ** (number_of_bins(v, "sturges") - 2)
    if spread == 0:
        assert number_of_bins(v, "scott") == number_of_bins(v, "fd") == 1
        return
    scott = spread / (3.5 * np.std(x, ddof=1) * n ** (-1 / 3))
    assert number_of_bins(v, "scott") == max(1, np.ceil(np.round(scott, 9)))
    iqr = np.subtract(*np.percentile(x, [75, 25]))
    if iqr > 0:
        fd = spread / (2 * iqr * n ** (-1 / 3))
        assert number_of_bins(v, "fd") in {np.ceil(fd), np.ceil(np.round(fd, 9))}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["ATT", "ATE"]), st.integers(2, 5))
def test_slow_twin(seed: int, estimand: str, bins: int) -> None:
    data = firms(40, seed).sort_index()
    cut = {c: pd.cut(data[c], bins, labels=False, right=False) for c in ("size", "wage")}
    top = {
        c: data[c].ge(data[c].min() + (data[c].max() - data[c].min()) / bins * (bins - 1))
        for c in cut
    }
    cut = {c: v.where(~top[c], bins - 1) for c, v in cut.items()}  # pd.cut widens the last bin
    cells = list(zip(cut["size"], cut["wage"], data["sector"], strict=True))
    weights, members = slow_weights(data["joined"].eq(1).tolist(), cells, estimand)
    call = {"method": "coarsened", "on": ["size", "wage"], "exact": ["sector"], "cutpoints": bins}
    if not members:
        with pytest.raises(DesignError, match="fewer bins"):
            impact.match(data, treatment="joined", estimand=estimand, **call)
        return
    result = impact.match(data, treatment="joined", estimand=estimand, **call)
    assert np.allclose(result.weights, weights, rtol=0, atol=1e-12)


def slow_distances(data: pd.DataFrame, on: list[str], exact: list[str]) -> np.ndarray:
    """Mahalanobis distances as MatchIt has them: every level of a factor a column, a generalised inverse."""
    x = pd.concat(
        [data[on], *(pd.get_dummies(data[c], dtype=float) for c in exact)], axis=1
    ).to_numpy(dtype=float)
    within = x.copy()
    for arm in (0, 1):
        mine = data["joined"].to_numpy() == arm
        within[mine] -= within[mine].mean(axis=0)
    inverse = np.linalg.pinv(within.T @ within / (len(x) - 2), rcond=1e-10)
    gap = x[:, None, :] - x[None, :, :]
    return np.sqrt(np.maximum(np.einsum("ijk,kl,ijl->ij", gap, inverse, gap), 0))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_pairs_within_cells_by_a_slow_twin(seed: int) -> None:
    data = firms(50, seed).sort_index()
    call = {"method": "coarsened", "on": ["size", "wage"], "exact": ["sector"], "cutpoints": 2}
    if not 0 < data["joined"].sum() < len(data):
        return
    result = impact.match(data, treatment="joined", k2k=True, **call)
    distance = slow_distances(data, ["size", "wage"], ["sector"])
    cells = cells_of(data, {"size": 2, "wage": 2}, ("sector",))
    treated = data["joined"].to_numpy() == 1
    free, pairs = set(np.flatnonzero(~treated).tolist()), []
    for t in np.flatnonzero(treated).tolist():
        near = [(round(distance[t, c], 7), c) for c in sorted(free) if cells[c] == cells[t]]
        if near:
            d, c = min(near)
            free.remove(c)
            pairs.append((data.index[t], data.index[c], d))
    got = result.pairs
    assert list(zip(got["treated"], got["control"], strict=True)) == [p[:2] for p in pairs]
    assert np.allclose(got["distance"], [p[2] for p in pairs], atol=1e-6)


def test_distance_counts_the_exact_columns_as_levels() -> None:
    data = firms(80, 4).sort_index()
    call = MatchSettings(on=("size", "wage"), exact=("sector",), method="coarsened")
    x = distance_space(data, data["joined"].to_numpy() == 1, call)
    slow = slow_distances(data, ["size", "wage"], ["sector"])
    same = data["sector"].to_numpy()[:, None] == data["sector"].to_numpy()[None, :]
    here = np.linalg.norm(x[:, None] - x[None, :], axis=2)
    assert np.allclose(here[same], slow[same], rtol=1e-9, atol=1e-9)


def test_equal_distances_go_to_the_first_identifier() -> None:
    x = np.array([[0.0], [0.1 + 0.2], [-0.3]])
    pairs = pairs_within(x, np.array([True, False, False]), np.array([1, 1, 1]))
    assert pairs.control.tolist() == [1]


def test_crowded_cells_are_searched_by_a_tree_with_the_same_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = firms(300, 6).sort_index()
    call = {"method": "coarsened", "on": ["size", "wage"], "exact": ["sector"], "cutpoints": 2}
    one_by_one = impact.match(data, treatment="joined", k2k=True, **call).pairs
    monkeypatch.setattr("impact.design.coarsened._CROWD", 8)
    by_tree = impact.match(data, treatment="joined", k2k=True, **call).pairs
    pd.testing.assert_frame_equal(one_by_one, by_tree)


def test_a_constant_covariate_makes_pairs_by_identifier() -> None:
    data = firms(40).assign(wage=1.0)
    result = impact.match(
        data, treatment="joined", method="coarsened", on=["wage"], exact=["sector"], k2k=True
    )
    assert "'wage' is constant and parts no firms." in result.notes
    assert (result.pairs["distance"] == 0).all()


def test_l1_by_hand_and_over_finer_cells() -> None:
    treated = np.array([True, True, False, False, False])
    cells = np.array([0, 1, 1, 1, 2])
    # Shares 1/2, 1/2, 0 against 0, 2/3, 1/3: half of 1/2 + 1/6 + 1/3.
    assert l1_imbalance(cells, treated) == pytest.approx(0.5)
    assert l1_imbalance(cells, treated, np.array([0, 1, 0.5, 0.5, 0])) == 0
    assert np.isnan(l1_imbalance(cells, treated, np.array([0, 0, 1, 1, 1])))
    data = firms(400).sort_index()
    result = impact.match(data, treatment="joined", method="coarsened", on=["wage"], cutpoints=3)
    arm = data["joined"].to_numpy() == 1
    coarse, fine = (cells_of(data, {"wage": bins}) for bins in (3, 12))
    after = result.weights.to_numpy()
    assert l1_imbalance(coarse, arm, after) == pytest.approx(0, abs=1e-12)
    assert 0.01 < l1_imbalance(fine, arm, after) < l1_imbalance(fine, arm)
    assert f"{l1_imbalance(coarse, arm):.3f} before matching, 0.000 after" in " ".join(result.notes)


def test_l1_of_a_panel_weighs_cohorts_by_their_participants() -> None:
    data = panel()
    result = impact.match(data, method="coarsened", on=["wage"], cutpoints=3)
    frame, total, expected = result.candidates, 0, 0.0
    for _, mine in frame.groupby("cohort"):
        arm = mine["treated"].to_numpy()
        total += arm.sum()
        expected += arm.sum() * l1_imbalance(cells_of(mine, {"wage": 3}), arm)
    assert f"{expected / total:.3f} before matching, 0.000 after" in " ".join(result.notes)


@pytest.mark.parametrize(
    ("cutpoints", "said"),
    [
        ("rice", "'sturges', 'scott', 'fd'"),
        (0, "whole number of bins from 1"),
        (2.5, "whole number of bins from 1"),
        (True, "whole number of bins from 1"),
        ([10, 20], "give cut points by column"),
        ({"size": []}, r"cutpoints\['size'\] is \[\]"),
        ({"size": [1, np.inf]}, "finite cut points"),
        ({"size": ["a"]}, "finite cut points"),
        ({"size": {"at": 3}}, "finite cut points"),
        ({"sector": 3}, "columns that are coarsened are 'size'"),
    ],
)
def test_cut_points_that_are_refused(cutpoints: object, said: str) -> None:
    with pytest.raises(DesignError, match=said):
        impact.match(
            firms(),
            treatment="joined",
            method="coarsened",
            on=["size"],
            exact=["sector"],
            cutpoints=cutpoints,
        )


def test_other_refusals() -> None:
    call = {"treatment": "joined", "method": "coarsened", "on": ["size"]}
    with pytest.raises(DesignError, match="k2k is 1; it is True or False"):
        impact.match(firms(), k2k=1, **call)
    with pytest.raises(DesignError, match="gives the ATT"):
        impact.match(firms(), k2k=True, estimand="ATE", **call)
    with pytest.raises(DesignError, match="does not use bins"):
        impact.match(firms(), bins=3, **call)
    with pytest.raises(DesignError, match="No covariate varies"):
        impact.match(firms().assign(size=2.0), **call)
    apart = firms().assign(size=lambda f: f["joined"] * 10.0)
    with pytest.raises(DesignError, match="coarsen into fewer bins"):
        impact.match(apart, **call)


def test_one_bin_leaves_a_column_out_and_a_column_of_both_lists_is_exact() -> None:
    data = firms()
    call = {"treatment": "joined", "method": "coarsened"}
    out = impact.match(data, on=["size", "wage"], cutpoints={"wage": 1, "size": 2}, **call)
    assert out.weights.equals(impact.match(data, on=["size"], cutpoints=2, **call).weights)
    both = impact.match(data, on=["size"], exact=["size"], cutpoints=2, **call)
    exactly = impact.match(data, on=["size"], treatment="joined", method="exact")
    assert both.weights.equals(exactly.weights)
