"""What `impact.match` cannot take: one sentence each, no traceback."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DesignError
from impact.core.registry import METHODS
from impact.design.propensity import Propensity


def firms() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=80), "z": rng.normal(size=80)})
    return frame.assign(joined=(rng.random(80) < 0.3).astype(int))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"replace": "no"}, "replace is 'no'; it is True or False"),
        ({"ratio": "two"}, "ratio is 'two'; it is a whole number"),
        ({"ratio": 1.5}, "it is a whole number"),
        ({"caliper": "a"}, "caliper is 'a'; it is a positive number"),
        ({"caliper": True}, "it is a positive number"),
        ({"seed": "a", "order": "random"}, "seed is 'a'"),
        ({"control": "not_yet"}, "is for a Panel"),
        ({"distance": "logti"}, "choose from 'logit', 'linear_logit', 'probit', 'mahalanobis'"),
    ],
)
def test_arguments(words: dict[str, object], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        impact.match(firms(), treatment="joined", on=["x"], **words)  # type: ignore[arg-type]


def test_data() -> None:
    with pytest.raises(DesignError, match="given a list"):
        impact.match([1, 2], treatment="joined", on=["x"])  # type: ignore[arg-type]
    several = firms().set_index(["x", "z"], drop=False)
    several.index.names = ["a", "b"]
    with pytest.raises(DesignError, match="several levels"):
        impact.match(several, treatment="joined", on=["x"])


@pytest.mark.parametrize("method", ["mahalanobis", "nearest", "optimal", "full"])
def test_arms_that_are_apart_are_refused_without_a_score_too(method: str) -> None:
    frame = firms().assign(x=lambda f: f["x"] + 50 * f["joined"])
    words = {} if method == "mahalanobis" else {"distance": "mahalanobis"}
    with pytest.raises(
        DesignError, match="'x' of participants and comparison firms does not overlap"
    ):
        impact.match(frame, treatment="joined", on=["x", "z"], method=method, **words)  # type: ignore[arg-type]
    near = firms().assign(x=lambda f: f["x"] + 3 * f["joined"])
    said = " ".join(
        impact.match(near, treatment="joined", on=["x", "z"], method=method, **words).notes
    )  # type: ignore[arg-type]
    assert "outside the range of the comparison firms in some covariate" in said


def test_a_score_that_tells_nobody_apart_is_said() -> None:
    got = impact.match(firms().assign(s=0.5), treatment="joined", on=["x"], distance="s")
    assert "tells nobody apart" in " ".join(got.notes)


def test_participants_that_cannot_be_compared_are_said() -> None:
    frame = firms()
    lost = frame.index[frame["joined"] == 1][:4]
    frame.loc[lost, "x"] = np.nan
    got = impact.match(frame, treatment="joined", on=["x"])
    assert "Not among the candidates: 4 participants (4 × x is missing)." in got.notes


def test_a_score_of_one_among_comparison_firms_is_refused_and_may_be_trimmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from impact.design import ipw

    fitted = ipw.fit_propensity

    def nearly_certain(*args: object, **words: object) -> Propensity:
        fit = fitted(*args, **words)  # type: ignore[arg-type]
        return replace(fit, probability=np.where(np.arange(80) == first, 1.0, fit.probability))

    first = int(np.flatnonzero(firms()["joined"] == 0)[0])
    monkeypatch.setattr(ipw, "fit_propensity", nearly_certain)
    for estimand in ("ATT", "ATE"):
        with pytest.raises(
            DesignError, match=rf"1 firm of the other arm, '{first}', is 0 or 1 .* its weight"
        ):
            impact.match(firms(), treatment="joined", on=["x"], method="ipw", estimand=estimand)  # type: ignore[arg-type]
    assert (
        impact.match(firms(), treatment="joined", on=["x"], method="ipw", estimand="ATO")
        .weights.gt(0)
        .any()
    )
    got = impact.match(firms(), treatment="joined", on=["x"], method="ipw", trim=0.01)
    assert got.weights[first] == 0 and np.isfinite(got.weights).all()
    assert np.isfinite(impact.att(got, "z", method="difference").tidy()["std_error"].iloc[0])


@pytest.mark.parametrize("method", ["nearest", "optimal", "full", "mahalanobis", "subclass", "ipw"])
def test_the_advice_on_separation_is_one_that_the_method_takes(method: str) -> None:
    frame = firms().assign(x=lambda f: f["x"] + 50 * f["joined"])
    words = {"caliper": 0.2} if method == "mahalanobis" else {}  # which has a score for it alone
    with pytest.raises(DesignError, match="The score cannot be estimated") as caught:
        impact.match(frame, treatment="joined", on=["x", "z"], method=method, **words)  # type: ignore[arg-type]
    said = str(caught.value)
    takes = "exact" in METHODS.find("match", method).options
    assert ("or name it in `exact`" in said) == takes
    assert ("match by method='nearest' and name it in `exact`" in said) != takes


@pytest.mark.parametrize("method", ["entropy", "cbps"])
def test_methods_without_exact_do_not_advise_it(method: str) -> None:
    frame = firms().assign(x=lambda f: f["x"] + 50 * f["joined"])
    with pytest.raises(DesignError) as caught:
        impact.match(frame, treatment="joined", on=["x", "z"], method=method)
    assert "exact" not in str(caught.value)


def test_a_caliper_is_advised_only_where_the_method_takes_one() -> None:
    frame = firms().assign(s=lambda f: f["x"] + 50 * f["joined"])
    with pytest.raises(DesignError, match="set a caliper"):
        impact.match(frame, treatment="joined", on=["x"], distance="s")
    with pytest.raises(DesignError, match="do not overlap") as caught:
        impact.match(frame, treatment="joined", on=["x"], distance="s", method="subclass")
    assert "caliper" not in str(caught.value)


@pytest.mark.parametrize("method", ["nearest", "full", "subclass", "ipw"])
def test_a_score_that_is_no_finite_number_is_called_a_score(method: str) -> None:
    call = {"treatment": "joined", "on": ["x"], "distance": "s", "method": method}
    for value, said in ((np.inf, "a score must be finite"), ("high", "a score must be a number")):
        frame = firms().assign(s=0.3).astype({"s": object})
        frame.loc[7, "s"] = value
        with pytest.raises(DesignError, match=said) as caught:
            impact.match(frame, **call)  # type: ignore[arg-type]
        assert "covariate" not in str(caught.value)
    frame = firms().assign(q=1.0)
    frame.loc[7, "q"] = np.inf
    with pytest.raises(DesignError, match="a base weight must be finite"):
        impact.match(frame, treatment="joined", on=["x"], method="entropy", base_weights="q")
    frame.loc[7, "x"] = np.inf  # also where the score is a covariate
    with pytest.raises(DesignError, match="a covariate must be finite"):
        impact.match(frame, treatment="joined", on=["x"], distance="x")
