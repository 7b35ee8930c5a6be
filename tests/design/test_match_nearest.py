"""The search for the nearest firm: by hand, and against a slow twin that looks at everybody."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DesignError
from impact.design.nearest import matching_order, nearest_by_score

T, F = True, False
MANY = 10**6


def one_stratum(n: int) -> np.ndarray:
    return np.zeros(n, dtype=np.int64)


def by_score(score: list[float], treated: list[bool], order: str = "largest", **options: object):
    values, arm = np.array(score, dtype=float), np.array(treated)
    turns = matching_order(values, arm, order, np.random.default_rng(0))
    strata = np.array(options.pop("strata", one_stratum(len(score))))
    room = np.where(arm, 0, options.pop("max_uses", 1))
    t, c, rank = nearest_by_score(values, turns, room, strata, **options)
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
    got = by_score([0.6, 0.55, 0.5, 0.1], [T, T, F, F], ratio=2, max_uses=MANY)
    assert got == [(0, 2, 1), (1, 2, 1), (0, 3, 2), (1, 3, 2)]


def test_a_control_leaves_when_it_has_served_as_often_as_allowed() -> None:
    # 0.5 is the nearest of all three, but serves twice; who comes third takes 0.1.
    arms = [T, T, T, F, F]
    got = by_score([0.6, 0.55, 0.52, 0.5, 0.1], arms, max_uses=2)
    assert got == [(0, 3, 1), (1, 3, 1), (2, 4, 1)]
    # In the second round 0.1 has one use left, which the first to choose takes.
    got = by_score([0.6, 0.55, 0.52, 0.5, 0.1], arms, max_uses=2, ratio=2)
    assert got[3:] == [(0, 4, 2)]


def test_strata_are_not_crossed() -> None:
    assert by_score([0.5, 0.5, 0.1], [T, F, F], strata=[0, 1, 0]) == [(0, 2, 1)]
    assert by_score([0.5, 0.5, 0.1], [T, F, F], strata=[2, 1, 0]) == []


def slow_by_score(score, turns, room, strata, caliper, ratio):
    """Look at every firm each time; the rule is the sort key."""
    line = sorted(range(len(score)), key=lambda i: (strata[i], score[i], i))
    place = {unit: p for p, unit in enumerate(line)}
    left, reach, own, found = dict(enumerate(room)), {}, {}, []
    for rank in range(1, ratio + 1):
        for t in turns:
            low, high = reach.get(t, (place[t], place[t]))
            keys = []
            for c in {c for c in left if left[c]} - own.get(t, set()):
                distance = abs(score[c] - score[t])
                if strata[c] == strata[t] and (caliper is None or distance <= caliper):
                    is_left = place[c] < place[t]
                    steps = low - place[c] if is_left else place[c] - high
                    keys.append((distance, steps, not is_left, c))
            if keys:
                c = min(keys)[-1]
                own.setdefault(t, set()).add(c)
                reach[t] = (min(low, place[c]), max(high, place[c]))
                left[c] -= 1
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
    st.sampled_from([1, 2, 3, MANY]),
)
def test_agrees_with_the_slow_twin(problem, order, caliper, ratio, uses) -> None:
    score, treated, strata = problem
    turns = matching_order(score, treated, order, np.random.default_rng(5))
    room = np.where(treated, 0, uses)
    fast = nearest_by_score(score, turns, room, strata, caliper=caliper, ratio=ratio)
    slow = slow_by_score(score, turns.tolist(), room.tolist(), strata, caliper, ratio)
    assert [tuple(map(int, row)) for row in zip(*fast, strict=True)] == slow


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


# ---- through the verb -------------------------------------------------------------------------


def firms(n: int = 60, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size, wage = rng.normal(size=(2, n))
    joined = (rng.random(n) < 1 / (1 + np.exp(0.7 - size))).astype(int)
    return pd.DataFrame(
        {"joined": joined, "size": size, "wage": wage, "score": size + 0.1 * wage},
        index=[f"F{i:02d}" for i in range(n)],
    )


def match(data: pd.DataFrame, **options: object) -> impact.MatchResult:
    return impact.match(data, **{"treatment": "joined", "on": ["size", "wage"], **options})


def test_max_uses_holds_and_is_said() -> None:
    data = firms()
    free = match(data, replace=True).pairs["control"].value_counts()
    assert free.max() > 2
    limited = match(data, replace=True, max_uses=2)
    assert limited.pairs["control"].value_counts().max() == 2
    assert "at most 2 times" in limited.summary()
    once = match(data, replace=True, max_uses=1).pairs
    columns = ["treated", "control", "distance"]
    pd.testing.assert_frame_equal(once[columns], match(data).pairs[columns])


def test_max_uses_counts_over_all_cohorts() -> None:
    rng = np.random.default_rng(0)
    joined = np.repeat([3.0] * 12 + [4.0] * 12 + [np.nan] * 10, 5)
    frame = pd.DataFrame(
        {
            "firm": np.repeat([f"F{i:02d}" for i in range(34)], 5),
            "year": np.tile(np.arange(1, 6), 34),
            "joined": joined,
            "size": rng.normal(size=170),
        }
    )
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    pairs = impact.match(panel, on=["size"], replace=True, max_uses=2).pairs
    assert pairs["control"].value_counts().max() == 2
    assert len(pairs) == 20
    assert (pairs["cohort"] == 3).sum() == 12  # the first cohort chooses first
    assert impact.match(panel, on=["size"], replace=True).pairs["control"].value_counts().max() > 2


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "two"])
def test_max_uses_is_a_whole_number(most: object) -> None:
    with pytest.raises(DesignError, match="whole number from 1"):
        match(firms(), replace=True, max_uses=most)


def test_max_uses_without_replacement_is_refused() -> None:
    with pytest.raises(DesignError, match="replace=True"):
        match(firms(), max_uses=3)


def test_one_participant_finds_its_firm() -> None:
    data = firms()
    middle = data["size"].abs().idxmin()  # inside the others' range, so the score exists
    data["joined"] = (data.index == middle).astype(int)
    matched = match(data)
    assert matched.pairs["treated"].tolist() == [middle]
    others = matched.distance.drop(middle)
    assert matched.pairs["control"].tolist() == [(others - matched.distance[middle]).abs().idxmin()]
    assert match(data, distance="score", caliper=5.0).pairs["treated"].tolist() == [middle]


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (np.inf, "must be finite"),
        (-np.inf, "must be finite"),
        ("high", "must be a number"),
        (1 + 2j, "must be a number"),
    ],
)
def test_a_given_score_must_be_a_finite_number(score: object, words: str) -> None:
    data = firms().astype({"score": object})
    data.iloc[7, data.columns.get_loc("score")] = score
    with pytest.raises(DesignError, match=words) as error:
        match(data, distance="score")
    assert "F07" in str(error.value)


def test_a_missing_score_is_a_counted_drop() -> None:
    data = firms()
    data.iloc[[2, 9], data.columns.get_loc("score")] = np.nan
    matched = match(data, distance="score", caliper=3.0)
    lost = {x.reason: x.rows for x in matched.ledger.lines if "score is missing" in x.reason}
    assert sum(lost.values()) == 2
    assert matched.distance.isna().sum() == 2
    assert not {"F02", "F09"} & set(matched.candidates["unit"])


def test_nobody_agrees_on_the_exact_columns() -> None:
    data = firms().assign(region=lambda d: np.where(d["joined"] == 1, "north", "south"))
    with pytest.raises(DesignError, match="match exactly on fewer columns"):
        match(data, exact=["region"])


def test_a_constant_score_matches_everybody_it_can() -> None:
    data = firms().assign(score=0.5)
    matched = match(data, distance="score", caliper=0.2)
    ins = int(data["joined"].sum())
    assert len(matched.pairs) == min(ins, len(data) - ins)
    assert (matched.pairs["distance"] == 0).all()


def test_many_more_participants_than_controls() -> None:
    data = firms()
    keep = (data["joined"] == 1) | (data.index == data.index[data["joined"] == 0][0])
    data = data[keep]
    matched = match(data, distance="score", caliper=50.0)
    assert len(matched.pairs) == 1
    lines = {x.reason: x.rows for x in matched.ledger.lines}
    assert lines["participant: no comparison firm left within the caliper"] == len(data) - 2
    everybody = match(data, distance="score", caliper=50.0, replace=True).pairs
    assert len(everybody) == len(data) - 1
