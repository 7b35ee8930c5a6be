"""What was made fast, against the plain way of doing the same: same pairs, same numbers, nothing of the caller's copied or changed."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.design.candidates import gather
from impact.design.chosen import strata_codes
from impact.design.nearest import _line, matching_order, nearest_by_score
from impact.design.propensity import _clearly_independent, fit_propensity, independent_columns
from impact.design.request import MatchSettings
from impact.engines import glm
from impact.engines.glm import Design, fit_binary, separated_rows

MANY = 10**6

# ---- the search by score ----------------------------------------------------------------------


def linked_by_score(score, turns, room, strata, *, caliper=None, ratio=1):
    """One participant after the other over a line in which whoever is used up is unlinked."""
    n = len(score)
    line = np.lexsort((score, strata))
    place = np.empty(n, dtype=np.int64)
    place[line] = np.arange(1, n + 1)
    along = [np.nan, *score[line].tolist(), np.nan]
    stratum = [-1, *strata[line].tolist(), -1]
    left_over = [1, *room[line].tolist(), 1]
    left = [i if has_room else i - 1 for i, has_room in enumerate(left_over)]
    right = [i if has_room else i + 1 for i, has_room in enumerate(left_over)]
    limit = np.inf if caliper is None else caliper
    reach: dict[int, tuple[int, int]] = {}
    found = []
    for rank in range(1, ratio + 1):
        for t in turns.tolist():
            p = int(place[t])
            low, high = reach.get(t, (p, p))
            i, j = follow(left, low - 1), follow(right, high + 1)
            to_left = abs(along[p] - along[i]) if stratum[i] == stratum[p] else np.inf
            to_right = abs(along[p] - along[j]) if stratum[j] == stratum[p] else np.inf
            if min(to_left, to_right) > limit or min(to_left, to_right) == np.inf:
                continue
            take_left = to_left < to_right or (to_left == to_right and low - i <= j - high)
            chosen = i if take_left else j
            reach[t] = (min(low, chosen), max(high, chosen))
            left_over[chosen] -= 1
            if not left_over[chosen]:
                left[chosen], right[chosen] = chosen - 1, chosen + 1
            found.append((t, int(line[chosen - 1]), rank))
    table = np.array(found, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def follow(link: list[int], i: int) -> int:
    while link[i] != i:
        link[i] = link[link[i]]
        i = link[i]
    return i


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 10**6),
    levels=st.sampled_from([1, 3, 40, 400, 0]),
    strata=st.sampled_from([1, 2, 7, 10**6]),
    treated=st.sampled_from([0.03, 0.1, 0.5, 0.9]),
    order=st.sampled_from(["largest", "smallest", "data", "random"]),
    caliper=st.sampled_from([None, 0.0, 0.01, 0.3]),
    ratio=st.integers(1, 3),
    uses=st.sampled_from([1, 2, 5, MANY]),
)
def test_hundreds_of_firms_find_those_that_they_find_one_by_one(
    seed, levels, strata, treated, order, caliper, ratio, uses
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 600))
    score = rng.integers(-levels, levels + 1, n) / 8 if levels else rng.normal(size=n)
    score[rng.random(n) < 0.05] = -0.0
    arm = rng.random(n) < treated
    room = np.where(arm | (rng.random(n) < 0.1), 0, rng.integers(1, uses + 1, n))
    codes = rng.integers(0, strata, n)
    turns = matching_order(score, arm, order, np.random.default_rng(seed))
    fast = nearest_by_score(score, turns, room, codes, caliper=caliper, ratio=ratio)
    slow = linked_by_score(score, turns, room, codes, caliper=caliper, ratio=ratio)
    for one, other in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 10**6), st.sampled_from([1, 5, 500, 0]), st.sampled_from([1, 3, 70_000, 2**40])
)
def test_the_line_is_a_stable_sort(seed, levels, strata) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 800))
    score = rng.integers(-levels, levels + 1, n) / 4 if levels else rng.normal(size=n)
    score[rng.random(n) < 0.3] *= -0.0 if levels == 1 else 1.0
    codes = rng.integers(0, strata, n)
    np.testing.assert_array_equal(_line(score, codes), np.lexsort((score, codes)))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_strata_are_numbered_as_they_appear(seed, columns) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    frame = pd.DataFrame(
        {
            "text": rng.choice(["a", "b", "ab"], n),
            "year": np.where(rng.random(n) < 0.3, np.nan, rng.integers(0, 3, n)),
            "flag": rng.random(n) < 0.5,
        }
    )
    names = ("text", "year", "flag")[:columns]
    wanted = frame.groupby(list(names), sort=False, dropna=False).ngroup()
    assert strata_codes(frame, names).tolist() == wanted.tolist()


# ---- the score --------------------------------------------------------------------------------


def binary(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3))
    y = (rng.random(n) < 1 / (1 + np.exp(1.5 - z @ [0.8, -0.4, 0.3]))).astype(float)
    return y, np.column_stack([np.ones(n), z])


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("n", [200, 16_385, 70_000])
def test_newton_ends_where_statsmodels_does(n: int, link: glm.Link) -> None:
    y, x = binary(n)
    fit = fit_binary(y, x, link)
    coefficients, covariance, converged = glm._statsmodels(y, x, link, most=200)
    assert converged and fit.converged
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=0, atol=1e-11)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-8, atol=1e-14)


def test_columns_are_standardised_block_by_block() -> None:
    y, x = binary(40_000)
    columns = [100 + 7 * x[:, 1], -3 * x[:, 2]]
    names = ["a", "b"]
    one = fit_propensity(columns, names, y == 1, "logit")
    two = fit_propensity(np.column_stack(columns), names, y == 1, "logit")
    np.testing.assert_array_equal(one.linear, two.linear)
    design = Design(columns, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    whole = np.column_stack([np.ones(40_000), (columns[0] - 1) / 3, (columns[1] - 2) / 4])
    np.testing.assert_array_equal(design.whole(), whole)
    parts = [block.T for _, block in design.blocks()]
    assert len(parts) > 2
    np.testing.assert_array_equal(np.vstack(parts), whole)


def test_a_long_tail_needs_no_linear_programme(monkeypatch: pytest.MonkeyPatch) -> None:
    """A linear predictor beyond 15 is worth a closer look; the derivatives show that there is a maximum."""

    def forbidden(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        raise AssertionError("the linear programme was called")

    rng = np.random.default_rng(0)
    size = np.exp(1.5 * rng.normal(size=20_000))
    y = (rng.random(20_000) < 1 / (1 + np.exp(3 - 0.8 * np.minimum(size, 30)))).astype(float)
    x = np.column_stack([np.ones(20_000), (size - size.mean()) / size.std()])
    monkeypatch.setattr(glm, "separated_rows", forbidden)
    for link in ("logit", "probit"):
        fit = fit_binary(y, x, link)
        assert np.abs(fit.linear_predictor).max() > 15
        assert fit.converged and not fit.separated.any()


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 10**6), st.sampled_from(["logit", "probit"]))
def test_no_separation_is_overlooked(seed: int, link: glm.Link) -> None:
    """Few firms on a coarse grid: the linear programme over all rows is the judge."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 25))
    x = np.column_stack([np.ones(n), rng.integers(-2, 3, (n, int(rng.integers(1, 4))))])
    y = (rng.random(n) < 0.4).astype(float)
    if np.linalg.matrix_rank(x) < x.shape[1] or len(set(y)) < 2:
        return
    np.testing.assert_array_equal(fit_binary(y, x, link).separated, separated_rows(y, x))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10**6), st.floats(1e-9, 1.0))
def test_the_quick_look_at_columns_never_passes_a_combination(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 3)) + rng.choice([0.0, 1e3, 1e6])
    x[:, 2] = x[:, 0] - x[:, 1] + noise * rng.normal(size=30)
    quick = _clearly_independent(list(x.T))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("impact.design.propensity._clearly_independent", lambda _: False)
        kept, dropped = independent_columns(x, ["a", "b", "c"])
    assert not (quick and dropped)
    if quick:
        assert independent_columns(x, ["a", "b", "c"]) == (kept, dropped)


# ---- the table --------------------------------------------------------------------------------


def firms(n: int, index: object = None) -> pd.DataFrame:
    y, x = binary(n)
    columns = {"joined": y.astype(int), "a": x[:, 1], "b": x[:, 2], "c": x[:, 3]}
    return pd.DataFrame(columns, index=index)


def match(data: pd.DataFrame, **options: object) -> impact.MatchResult:
    return impact.match(data, treatment="joined", on=["a", "b", "c"], **options)


def test_columns_are_shared_until_somebody_writes() -> None:
    data = firms(500)
    kept = data.copy(deep=True)
    settings = MatchSettings(on=("a", "b", "c"), treatment="joined")
    assert np.shares_memory(gather(data, settings).frame["a"].to_numpy(), data["a"].to_numpy())
    matched = match(data, caliper=0.2)
    before = matched.candidates.copy(deep=True)
    data.iloc[:, 1] = -1.0  # the caller writes
    data.loc[data.index[0], "b"] = 99.0
    pd.testing.assert_frame_equal(matched.candidates, before)
    pd.testing.assert_frame_equal(matched.data, kept)
    data = kept.copy(deep=True)
    matched = match(data, caliper=0.2)
    matched.candidates.loc[3, "a"] = 7.0  # whoever holds the result writes
    matched.data.loc[4, "b"] = 7.0
    pd.testing.assert_frame_equal(data, kept)


@pytest.mark.parametrize("missing", [False, True])
def test_labels_in_any_order_and_firms_that_left(missing: bool) -> None:
    rng = np.random.default_rng(5)
    data = firms(300)
    if missing:
        data.loc[[4, 90, 212], "b"] = np.nan
    one = match(data, caliper=0.3)
    shuffled = data.iloc[rng.permutation(300)]
    two = match(shuffled, caliper=0.3)
    pd.testing.assert_frame_equal(one.pairs, two.pairs, check_exact=True)
    for name in ("weights", "distance"):
        series = getattr(two, name)
        assert series.index.equals(shuffled.index)
        pd.testing.assert_series_equal(getattr(one, name), series[data.index], check_exact=True)
    assert one.distance.isna().sum() == (3 if missing else 0)
    by_unit = one.candidates.set_index("unit")["weight"]
    assert (one.weights[by_unit.index] == by_unit).all()


def test_memory_does_not_grow_with_the_covariates() -> None:
    n, on = 100_000, [f"x{i}" for i in range(16)]
    rng = np.random.default_rng(1)
    data = pd.DataFrame({name: rng.normal(size=n) for name in on})
    data["joined"] = (rng.random(n) < 0.1).astype(int)

    def peak(covariates: list[str]) -> int:
        impact.match(data.iloc[:2_000], treatment="joined", on=covariates)
        tracemalloc.start()
        impact.match(data, treatment="joined", on=covariates, caliper=0.2)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = peak(on[:2]), peak(on)
    assert few < 30 * 8 * n
    assert many - few < 4 * 8 * n  # of 14 more columns, none is copied
