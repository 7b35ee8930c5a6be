"""The search for the nearest firm: by hand, and against a slow twin that looks at everybody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from impact.design.nearest import (
    _whitened,
    matching_order,
    nearest_by_covariates,
    nearest_by_score,
)

T, F = True, False


def one_stratum(n: int) -> np.ndarray:
    return np.zeros(n, dtype=np.int64)


def by_score(score: list[float], treated: list[bool], order: str = "largest", **options: object):
    values, arm = np.array(score, dtype=float), np.array(treated)
    turns = matching_order(values, arm, order, np.random.default_rng(0))
    strata = np.array(options.pop("strata", one_stratum(len(score))))
    t, c, rank = nearest_by_score(values, turns, ~arm, strata, **options)
    return list(zip(t.tolist(), c.tolist(), rank.tolist(), strict=True))


def test_largest_score_chooses_first() -> None:
    # 0.9 takes 0.8, which 0.7 would have liked; 0.7 is left with 0.5.
    assert by_score([0.7, 0.9, 0.8, 0.5], [T, T, F, F]) == [(1, 2, 1), (0, 3, 1)]
    assert by_score([0.7, 0.9, 0.8, 0.5], [T, T, F, F], "smallest") == [(0, 2, 1), (1, 3, 1)]
    assert by_score([0.7, 0.9, 0.8, 0.5], [T, T, F, F], "data") == [(0, 2, 1), (1, 3, 1)]


def test_equal_scores_choose_in_the_order_of_identifiers() -> None:
    assert by_score([0.5, 0.5, 0.4, 0.1], [T, T, F, F]) == [(0, 2, 1), (1, 3, 1)]


def test_caliper_is_kept_to_the_edge() -> None:
    assert by_score([0.5, 0.25], [T, F], caliper=0.25) == [(0, 1, 1)]
    assert by_score([0.5, 0.25], [T, F], caliper=0.2499) == []


def test_a_tie_takes_fewer_steps_then_left() -> None:
    # Equal distance on both sides, one step each: left.
    assert by_score([0.25, 0.5, 0.75], [F, T, F]) == [(1, 0, 1)]
    # Equal distance, but another participant stands between on the left: right is one step nearer.
    assert by_score([0.25, 0.375, 0.5, 0.75], [F, T, T, F], "largest")[0] == (2, 3, 1)


def test_ratio_makes_rounds_over_all_participants() -> None:
    # Everyone gets a first control before anyone a second: 0.6 does not take 0.5 and 0.4 at once.
    got = by_score([0.6, 0.55, 0.5, 0.4, 0.3], [T, T, F, F, F], ratio=2)
    assert got == [(0, 2, 1), (1, 3, 1), (0, 4, 2)]


def test_steps_of_a_later_round_start_at_the_firm_taken_before() -> None:
    # Four equal controls around an equal participant: left, right, then outwards alternately.
    got = by_score([0.5] * 5, [F, F, T, F, F], ratio=4)
    assert [c for _, c, _ in got] == [1, 0, 3, 4]


def test_replacement_lets_a_control_serve_twice_but_not_the_same_participant() -> None:
    got = by_score([0.6, 0.55, 0.5, 0.1], [T, T, F, F], ratio=2, replace=True)
    assert got == [(0, 2, 1), (1, 2, 1), (0, 3, 2), (1, 3, 2)]


def test_strata_are_not_crossed() -> None:
    assert by_score([0.5, 0.5, 0.1], [T, F, F], strata=[0, 1, 0]) == [(0, 2, 1)]
    assert by_score([0.5, 0.5, 0.1], [T, F, F], strata=[2, 1, 0]) == []


def slow_by_score(score, turns, eligible, strata, caliper, ratio, replace):
    """Look at every firm each time; the rule is the sort key."""
    line = sorted(range(len(score)), key=lambda i: (strata[i], score[i], i))
    place = {unit: p for p, unit in enumerate(line)}
    free, reach, own, found = set(np.flatnonzero(eligible).tolist()), {}, {}, []
    for rank in range(1, ratio + 1):
        for t in turns:
            low, high = reach.get(t, (place[t], place[t]))
            keys = []
            for c in free - own.get(t, set()):
                distance = abs(score[c] - score[t])
                if strata[c] == strata[t] and (caliper is None or distance <= caliper):
                    left = place[c] < place[t]
                    steps = low - place[c] if left else place[c] - high
                    keys.append((distance, steps, not left, c))
            if keys:
                c = min(keys)[-1]
                own.setdefault(t, set()).add(c)
                reach[t] = (min(low, place[c]), max(high, place[c]))
                free -= set() if replace else {c}
                found.append((t, c, rank))
    return found


@st.composite
def problems(draw: st.DrawFn):
    """Few distinct scores, so that ties are the rule."""
    n = draw(st.integers(2, 14))
    grid = st.integers(0, draw(st.integers(0, 6))).map(lambda k: k / 8)
    score = np.array(draw(st.lists(grid, min_size=n, max_size=n)), dtype=float)
    treated = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    strata = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=np.int64)
    return score, treated, strata


@settings(deadline=None, max_examples=400)
@given(
    problems(),
    st.sampled_from(["largest", "smallest", "data", "random"]),
    st.sampled_from([None, 0.125, 0.25]),
    st.integers(1, 3),
    st.booleans(),
)
def test_agrees_with_the_slow_twin(problem, order, caliper, ratio, replace) -> None:
    score, treated, strata = problem
    turns = matching_order(score, treated, order, np.random.default_rng(5))
    fast = nearest_by_score(
        score, turns, ~treated, strata, caliper=caliper, ratio=ratio, replace=replace
    )
    slow = slow_by_score(score, turns.tolist(), ~treated, strata, caliper, ratio, replace)
    assert [tuple(map(int, row)) for row in zip(*fast, strict=True)] == slow


@settings(deadline=None, max_examples=100)
@given(problems(), st.booleans(), st.integers(1, 2))
def test_one_covariate_is_a_score_without_steps(problem, replace, ratio) -> None:
    """On one covariate both searches find controls at the same distances."""
    score, treated, strata = problem
    turns = matching_order(score, treated, "data", np.random.default_rng(0))
    one = nearest_by_score(score, turns, ~treated, strata, ratio=1, replace=True)
    two = nearest_by_covariates(score[:, None], turns, ~treated, strata, ratio=1, replace=True)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_allclose(
        abs(score[one[0]] - score[one[1]]), abs(score[two[0]] - score[two[1]])
    )
    greedy = nearest_by_covariates(
        score[:, None], turns, ~treated, strata, ratio=ratio, replace=replace
    )
    pairs = list(zip(greedy[0].tolist(), greedy[1].tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert replace or len(set(greedy[1].tolist())) == len(pairs)


def test_mahalanobis_distance_is_the_textbook_one() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 0.3], [0.0, 0.0, 30.0]])
    treated = np.arange(40) < 15
    x[treated] += 1.0
    within = sum(np.cov(x[arm].T) * (arm.sum() - 1) for arm in (treated, ~treated)) / 38
    textbook = cdist(x, x, "mahalanobis", VI=np.linalg.inv(within))
    white = _whitened(x, treated, ("a", "b", "c"))
    np.testing.assert_allclose(cdist(white, white), textbook, atol=1e-10)


def test_mahalanobis_takes_the_nearest_and_the_first_of_equals() -> None:
    x = np.array([[0.0], [1.0], [-1.0], [1.0]])
    eligible = np.array([F, T, T, T])
    turns = np.array([0])
    _, c, _ = nearest_by_covariates(x, turns, eligible, one_stratum(4))
    assert c.tolist() == [1]
    _, c, _ = nearest_by_covariates(x, turns, eligible, one_stratum(4), caliper=0.5)
    assert c.tolist() == []


def test_random_order_follows_its_seed() -> None:
    score, treated = np.linspace(0, 1, 30), np.arange(30) % 2 == 0

    def turns(seed: int) -> list[int]:
        return matching_order(score, treated, "random", np.random.default_rng(seed)).tolist()

    assert turns(1) == turns(1) != turns(2)
    assert sorted(turns(1)) == np.flatnonzero(treated).tolist()


@pytest.mark.parametrize("order", ["largest", "smallest"])
def test_order_without_a_score_is_that_of_identifiers(order: str) -> None:
    missing, treated = np.full(4, np.nan), np.array([T, F, T, T])
    got = matching_order(missing, treated, order, np.random.default_rng(0))
    assert got.tolist() == [0, 2, 3]
