"""Subclassification: agreement with MatchIt, a slow twin that moves firms one by one, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DesignError
from impact.design.subclass import even_quantiles, even_sizes, filled, score_classes
from tests.design.test_exact import agree, firms, panel
from tests.reference.matchit_strata import reader


@pytest.mark.parametrize("case", [c for c in reader.CALLS if c.startswith("subclass")])
def test_agrees_with_matchit(case: str) -> None:
    agree(case)


def slow_filled(
    classes: list[int], score: list[float], treated: list[bool], min_n: int
) -> list[int]:
    """Move one firm at a time and count anew after each."""
    out, n = list(classes), max(classes) + 1
    for arm in (True, False):
        mine = [i for i in range(len(out)) if treated[i] == arm]
        for least in range(1, min_n + 1):
            while True:
                size = [sum(out[i] == k for i in mine) for k in range(n)]
                short = [k for k in range(n) if size[k] < least]
                if not short:
                    break
                s = short[0]
                spare = [max(size[k] - (least - 1) - 1, 0) for k in range(n)]
                left = sum(spare[k] / (s - k) for k in range(s))
                right = sum(spare[k] / (k - s) for k in range(s + 1, n))
                go_left = s == n - 1 or (s > 0 and left >= right)
                able = [k for k in range(n) if size[k] >= least and (k < s if go_left else k > s)]
                giver = max(able) if go_left else min(able)
                who = [i for i in mine if out[i] == giver]
                edge = max if go_left else min
                out[edge(who, key=lambda i: (score[i], i))] = s
    return out


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=4, max_size=40),
    st.integers(2, 8),
    st.integers(1, 3),
    st.booleans(),
)
def test_slow_twin(rows: list[tuple[bool, int]], n: int, min_n: int, everybody: bool) -> None:
    treated, score = np.array([r[0] for r in rows]), np.array([r[1] / 12 for r in rows])
    assume(treated.any() and not treated.all())
    classes = score_classes(score, treated, n, everybody=everybody)
    base = score if everybody else score[treated]
    cuts = np.quantile(base, np.arange(1, n) / n)  # the same by another way, but for rounding
    assert np.allclose(even_quantiles(base, n), cuts, rtol=0, atol=1e-12)
    slow = [int(sum(c <= v for c in even_quantiles(base, n))) for v in score]
    assert classes.tolist() == [sorted({*slow}).index(k) for k in slow]
    made = classes.max() + 1
    assume(made * min_n <= min(treated.sum(), (~treated).sum()))
    got = filled(classes, score, treated, min_n)
    assert got.tolist() == slow_filled(classes.tolist(), score.tolist(), treated.tolist(), min_n)
    for arm in (treated, ~treated):
        assert (np.bincount(got[arm], minlength=made) >= min_n).all()
        assert (np.diff(got[arm][np.argsort(score[arm], kind="stable")]) >= 0).all()
    if min_n == 1 and (np.bincount(classes[treated], minlength=made) > 0).all():
        assert (got[treated] == classes[treated]).all()  # nobody moves without need


def test_sizes_by_hand() -> None:
    assert even_sizes([5, 0, 0, 2], 1) == [3, 1, 1, 2]
    assert even_sizes([0, 0, 3], 1) == [1, 1, 1]
    assert even_sizes([3, 0, 3], 1) == [2, 1, 3]  # as much on both sides: from the left
    assert even_sizes([3, 0, 4], 1) == [3, 1, 3]
    assert even_sizes([1, 5, 2], 2) == [2, 4, 2]


def test_quantiles_that_are_scores_are_exactly_those() -> None:
    x = np.random.default_rng(1).normal(size=31)
    assert set(even_quantiles(x, 6)) <= set(x)
    assert set(even_quantiles(x, 30)) <= set(x)


def test_min_n_of_zero_lets_subclasses_without_the_other_arm_fall_out() -> None:
    data = firms(120, 3)
    call = {"treatment": "joined", "method": "subclass", "on": ["wage"], "distance": "wage"}
    far = data.assign(
        wage=data["wage"]
        + 100 * (data["joined"] == 1) * (data["wage"] > data["wage"].quantile(0.7))
    )
    kept = impact.match(far, n_subclasses=4, **call)
    lost = impact.match(far, n_subclasses=4, min_n=0, **call)
    assert kept.sizes().loc["after", "n_treated"] == data["joined"].sum()
    assert any("moved to a neighbouring subclass" in note for note in kept.notes)
    assert lost.sizes().loc["after", "n_treated"] < data["joined"].sum()
    assert "no comparison firm in its stratum" in str(lost.ledger)


def test_one_cohort_that_is_too_small_gets_fewer_subclasses() -> None:
    data = panel()
    frame = data.data
    few = frame.loc[frame["joined"] == 4, "firm"].unique()[3:]
    small = impact.panel(frame[~frame["firm"].isin(few)], unit="firm", time="year", cohort="joined")
    result = impact.match(small, method="subclass", on=["wage"], distance="wage")
    sets = result.candidates.groupby("cohort")["pair"].nunique()
    assert sets.to_dict() == {3: 6, 4: 3}
    assert any("of the cohort of 4 do not fill 6 subclasses" in note for note in result.notes)


def test_few_distinct_scores_leave_fewer_subclasses() -> None:
    data = firms()
    result = impact.match(data, treatment="joined", method="subclass", on=["size"], n_subclasses=10)
    assert result.candidates["pair"].nunique() <= 5
    assert any("Equal scores left" in note for note in result.notes)


def test_two_of_three_scores() -> None:
    data = firms()
    by = {"treatment": "joined", "method": "subclass", "on": ["size", "wage"]}
    logit, linear = impact.match(data, **by), impact.match(data, distance="linear_logit", **by)
    assert set(logit.score_model["term"]) == {"constant", "size", "wage"}
    # A quantile between two scores is not the same on both scales; who lies beyond both is.
    same = (logit.candidates["pair"] == linear.candidates["pair"]).mean()
    assert same > 0.95


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_subclasses": 1}, "n_subclasses is 1; it is a whole number from 2"),
        ({"n_subclasses": 2.5}, "n_subclasses is 2.5"),
        ({"n_subclasses": True}, "n_subclasses is True"),
        ({"min_n": -1}, "min_n is -1; it is a whole number from 0"),
        ({"n_subclasses": 150}, "ask for fewer by `n_subclasses`"),
        ({"distance": "mahalanobis"}, "choose 'logit', 'probit', 'linear_logit'"),
        ({"exact": ["sector"]}, "does not use exact"),
        ({"subclasses": 3}, "does not use subclasses"),
    ],
)
def test_refusals(options: dict[str, object], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        impact.match(firms(), treatment="joined", method="subclass", on=["size", "wage"], **options)


def test_arms_apart_are_refused() -> None:
    apart = firms().assign(score=lambda f: f["joined"] + f["wage"] / 1000)
    with pytest.raises(DesignError, match="do not overlap"):
        impact.match(apart, treatment="joined", method="subclass", on=["wage"], distance="score")
    with pytest.raises(DesignError, match="No covariate varies"):
        impact.match(firms().assign(size=1.0), treatment="joined", method="subclass", on=["size"])


def test_subclasses_bring_the_means_together() -> None:
    data = firms(1000, 5)
    table = impact.match(data, treatment="joined", method="subclass", on=["size", "wage"]).balance()
    assert table["smd_before"].abs().max() > 0.3
    assert table["smd_after"].abs().max() < 0.1
    assert isinstance(table, pd.DataFrame)
