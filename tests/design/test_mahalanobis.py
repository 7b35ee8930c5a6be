"""Mahalanobis matching: the distance by its definition, the search against a look at everybody, the verb."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

import impact
from impact.core.errors import DesignError
from impact.design import mahalanobis as module
from impact.design.mahalanobis import nearest_by_covariates, whitened
from impact.design.nearest import matching_order, nearest_by_score

T, F = True, False
MANY = 10**6
ONE = np.zeros(4, dtype=np.int64)


# ---- the distance -----------------------------------------------------------------------------


def example(n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 0.3], [0.0, 0.0, 30.0]])
    treated = np.arange(n) < 15
    x[treated] += 1.0
    return x, treated


def test_plain_distance_is_the_textbook_one() -> None:
    x, treated = example()
    within = sum(np.cov(x[arm].T) * (arm.sum() - 1) for arm in (treated, ~treated)) / 38
    textbook = cdist(x, x, "mahalanobis", VI=np.linalg.inv(within))
    white = whitened(x, treated, ("a", "b", "c"))
    np.testing.assert_allclose(cdist(white, white), textbook, atol=1e-10)
    over_all = cdist(x, x, "mahalanobis", VI=np.linalg.inv(np.cov(x.T)))
    assert np.abs(over_all - textbook).max() > 0.01  # the wrong variant: arms not centred


def rosenbaum(x: np.ndarray) -> np.ndarray:
    """Rosenbaum (2010, ch. 8): ranks, their covariance rescaled to the variance of untied ranks."""
    ranks = np.column_stack([rankdata(column) for column in x.T])
    covariance = np.cov(ranks.T)
    untied = np.var(np.arange(1, len(x) + 1), ddof=1)
    ratio = np.diag(np.sqrt(untied / np.diag(covariance)))
    return cdist(ranks, ranks, "mahalanobis", VI=np.linalg.inv(ratio @ covariance @ ratio))


def test_robust_distance_is_rosenbaums() -> None:
    x, treated = example()
    x[:, 1] = np.round(x[:, 1])  # ties
    x[:, 2] = x[:, 2] > 40  # and a rare category
    white = whitened(x, treated, ("a", "b", "c"), robust=True)
    np.testing.assert_allclose(cdist(white, white), rosenbaum(x), atol=1e-10)


def test_a_rare_category_is_not_far_from_everything() -> None:
    """Without the adjustment of ties a category of one in twenty is twice as far as with it."""
    rare = np.zeros(40)
    rare[[3, 30]] = 1.0
    other = np.random.default_rng(0).permutation(40).astype(float)
    x, treated = np.column_stack([rare, other]), np.arange(40) < 10
    same = np.abs(other[3] - other) < 3
    apart = {}
    for robust in (False, True):
        white = whitened(x, treated, ("rare", "other"), robust=robust)
        apart[robust] = np.linalg.norm(white[3] - white[same & (rare == 0)], axis=1).max()
    assert apart[True] < 2.0 < 4.0 < apart[False]


def test_ranks_do_not_see_monotone_changes_or_how_far_out_a_firm_lies() -> None:
    x, treated = example()
    other = np.column_stack([np.exp(x[:, 0]), x[:, 1] ** 3, x[:, 2]])
    other[np.argmax(other[:, 2]), 2] = 1e9
    np.testing.assert_array_equal(
        whitened(x, treated, ("a", "b", "c"), robust=True),
        whitened(other, treated, ("a", "b", "c"), robust=True),
    )


# ---- the search -------------------------------------------------------------------------------


def test_takes_the_nearest_and_the_first_of_equals() -> None:
    x = np.array([[0.0], [1.0], [-1.0], [1.0]])
    room, turns = np.array([0, 1, 1, 1]), np.array([0])
    assert nearest_by_covariates(x, turns, room, ONE)[1].tolist() == [1]
    assert nearest_by_covariates(x, turns, room, ONE, caliper=0.5)[1].tolist() == []
    score = np.array([0.0, 5.0, 0.5, 0.1])
    found = nearest_by_covariates(x, turns, room, ONE, score=score, score_caliper=1.0)
    assert found[1].tolist() == [2]  # 1 is as near and comes first, but its score is too far off


def slow_by_covariates(x, turns, room, strata, caliper, score, score_caliper, ratio):
    """Measure everybody each time."""
    left, own, found = room.copy(), {}, []
    for rank in range(1, ratio + 1):
        for t in turns.tolist():
            can = (left > 0) & (strata == strata[t])
            can[own.get(t, [])] = False
            if score is not None:
                can &= np.abs(score - score[t]) <= score_caliper
            places = np.flatnonzero(can)
            distance = np.sqrt(((x[places] - x[t]) ** 2).sum(axis=1))
            if not len(places) or (caliper is not None and distance.min() > caliper):
                continue
            c = int(places[np.argmin(distance)])
            own.setdefault(t, []).append(c)
            left[c] -= 1
            found.append((t, c, rank))
    return found


@st.composite
def problems(draw: st.DrawFn):
    """On a coarse grid equal firms and equal distances are the rule; drawn normally there are none."""
    n, k = draw(st.integers(2, 30)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    kind = draw(st.sampled_from(["grid", "thirds", "normal"]))
    grid = rng.integers(0, draw(st.integers(1, 3)) + 1, (n, k))
    x = {"grid": grid / 8, "thirds": grid * 0.1 + 1 / 3, "normal": rng.normal(size=(n, k))}[kind]
    return (
        np.ascontiguousarray(x, dtype=float),
        rng.random(n) < draw(st.sampled_from([0.2, 0.5, 0.8])),
        rng.integers(0, 2, n),
        rng.integers(0, 4, n) / 4,
    )


@pytest.mark.parametrize(
    ("few", "more", "batch"), [(12, 8, 8_192), (1, 2, 3)], ids=["usual", "starved"]
)
@settings(deadline=None, max_examples=250)
@given(
    problem=problems(),
    caliper=st.sampled_from([None, 0.125, 0.3, 1.0]),
    by_score=st.sampled_from([None, 0.0, 0.25]),
    ratio=st.integers(1, 3),
    uses=st.sampled_from([1, 2, MANY]),
)
def test_agrees_with_the_slow_twin(
    few, more, batch, problem, caliper, by_score, ratio, uses
) -> None:
    x, treated, strata, score = problem
    turns = matching_order(score, treated, "largest", np.random.default_rng(1))
    room = np.where(treated, 0, uses)
    limits = {"caliper": caliper, "score": score if by_score is not None else None}
    limits["score_caliper"] = by_score
    with (
        pytest.MonkeyPatch.context() as patch
    ):  # so few neighbours that all the later ways are walked
        patch.setattr(module, "_FEW", few)
        patch.setattr(module, "_MORE", more)
        patch.setattr(module, "_BATCH", batch)
        fast = nearest_by_covariates(x, turns, room, strata, ratio=ratio, **limits)
    slow = slow_by_covariates(x, turns, room, strata, ratio=ratio, **limits)
    assert [tuple(map(int, row)) for row in zip(*fast, strict=True)] == slow


@settings(deadline=None, max_examples=50)
@given(problems())
def test_one_covariate_is_a_score(problem) -> None:
    """On one covariate both searches find controls at the same distances."""
    x, treated, strata, _ = problem
    turns, room = np.flatnonzero(treated), np.where(treated, 0, MANY)
    one = nearest_by_score(x[:, 0], turns, room, strata)
    two = nearest_by_covariates(x[:, :1], turns, room, strata)
    np.testing.assert_array_equal(one[0], two[0])
    apart = [np.abs(x[t, 0] - x[c, 0]) for t, c, _ in (one, two)]
    np.testing.assert_array_equal(*apart)


def test_thousands_of_equal_firms_need_no_memory_of_their_pairs() -> None:
    n = 40_000
    x = np.repeat([[0.0, 0.0], [1.0, 1.0]], n // 2, axis=0)
    treated = np.arange(n) % 4 == 0
    t, c, _ = nearest_by_covariates(
        x, np.flatnonzero(treated), np.where(treated, 0, 1), np.zeros(n, dtype=np.int64)
    )
    assert len(t) == treated.sum()
    assert (x[t] == x[c]).all()
    first = np.flatnonzero(~treated)[: len(t) // 2]
    np.testing.assert_array_equal(c[: len(first)], first)  # equal firms go by their order


# ---- the verb ---------------------------------------------------------------------------------


def firms(n: int = 120, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size, wage = rng.normal(size=(2, n))
    return pd.DataFrame(
        {
            "joined": (rng.random(n) < 1 / (1 + np.exp(1 - size))).astype(int),
            "size": size,
            "wage": np.exp(wage),
            "sector": rng.integers(0, 3, n).astype(str),
            "risk": size + rng.normal(size=n),
        },
        index=[f"F{i:03d}" for i in rng.permutation(n)],
    )


def match(data: pd.DataFrame, **options: object) -> impact.MatchResult:
    options = {"method": "mahalanobis", **options}
    return impact.match(data, treatment="joined", on=["size", "wage"], **options)


@pytest.mark.parametrize(
    "options",
    [{}, {"ratio": 2, "replace": True}, {"exact": ["sector"]}, {"order": "random", "seed": 7},
     {"replace": True, "max_uses": 2}],
    ids=str,
)  # fmt: skip
def test_is_nearest_by_that_distance(options: dict[str, object]) -> None:
    data = firms()
    one = match(data, **options)
    two = match(data, method="nearest", distance="mahalanobis", **options)
    pd.testing.assert_frame_equal(one.pairs, two.pairs, check_exact=True)
    pd.testing.assert_series_equal(one.weights, two.weights, check_exact=True)
    assert one.score_model is None
    assert one.distance.isna().all()


@pytest.mark.parametrize("distance", ["logit", "linear_logit", "probit", "risk"])
def test_caliper_counts_the_score_and_the_distance_finds_the_firm(distance: str) -> None:
    data = firms()
    matched = match(data, distance=distance, caliper=0.25, replace=True)
    score, limit = matched.distance, 0.25 * matched.distance.std()
    frame = matched.candidates.set_index("unit")
    x = whitened(frame[["size", "wage"]].to_numpy(), frame["treated"].to_numpy(), ("size", "wage"))
    white = pd.DataFrame(x, index=frame.index)
    controls = frame.index[~frame["treated"]]
    expected = {}
    for t in frame.index[frame["treated"]]:
        near = controls[(score[controls] - score[t]).abs() <= limit]
        if len(near):
            apart = np.linalg.norm(white.loc[near] - white.loc[t], axis=1)
            expected[t] = (near[np.argmin(apart)], apart.min())
    pairs = matched.pairs.set_index("treated")
    assert pairs["control"].to_dict() == {t: c for t, (c, _) in expected.items()}
    np.testing.assert_allclose(pairs["distance"], [expected[t][1] for t in pairs.index])
    unlimited = match(data, replace=True).pairs.set_index("treated")["control"]
    assert (unlimited[pairs.index] != pairs["control"]).any()
    assert "Mahalanobis distance between covariates" in matched.methods_sentence()
    assert "within a caliper of 0.25 standard deviations of the" in matched.methods_sentence()


def test_robust_differs_and_is_said() -> None:
    data = firms()
    data.iloc[0, data.columns.get_loc("wage")] = 1e7
    plain, robust = match(data, replace=True), match(data, replace=True, robust=True)
    assert not plain.pairs["control"].equals(robust.pairs["control"])
    assert "robust (rank-based) Mahalanobis" in robust.methods_sentence()
    apart = rosenbaum(robust.candidates[["size", "wage"]].to_numpy())
    place = {u: i for i, u in enumerate(robust.candidates["unit"])}
    found = [apart[place[t], place[c]] for t, c in robust.pairs[["treated", "control"]].to_numpy()]
    np.testing.assert_allclose(robust.pairs["distance"], found, atol=1e-10)


def test_row_order_does_not_matter() -> None:
    data = firms().round(1)
    for options in ({"caliper": 0.3}, {"robust": True}, {"ratio": 2, "replace": True}):
        one, two = match(data, **options), match(data.sample(frac=1.0, random_state=1), **options)
        pd.testing.assert_frame_equal(one.pairs, two.pairs, check_exact=True)


def test_firms_outside_the_caliper_are_never_taken() -> None:
    data = firms()
    controls = data[data["joined"] == 0]
    twins = controls.assign(risk=1e6).set_axis([f"A{i}" for i in range(len(controls))])
    options = {"distance": "risk", "caliper": 0.3, "caliper_scale": "raw"}
    both = match(pd.concat([data, twins]), **options)  # the same covariates, earlier names
    assert not both.pairs["control"].str.startswith("A").any()
    assert match(pd.concat([data, twins])).pairs["control"].str.startswith("A").any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"distance": "probit"}, "give a caliper"),
        ({"distance": "risk"}, "give a caliper"),
        ({"distance": "mahalanobis", "caliper": 0.2}, "raw"),
        ({"robust": "yes"}, "True or False"),
        ({"estimand": "ATE"}, "'ATT'"),
        ({"metric": "euclidean"}, "does not use metric"),
    ],
    ids=str,
)
def test_refusals(options: dict[str, object], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        match(firms(), **options)


def test_covariates_that_do_not_vary() -> None:
    with pytest.raises(DesignError, match="No covariate varies"):
        match(firms().assign(size=1.0, wage=2.0))
    with pytest.raises(DesignError, match="in every direction"):
        match(firms().assign(wage=lambda d: d["joined"] * 1.0))
    named = match(firms().assign(wage=3.0))
    assert "'wage' is constant" in " ".join(named.notes)
