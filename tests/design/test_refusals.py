"""What `impact.match` cannot take: one sentence each, no traceback."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DesignError
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
            DesignError, match=rf"1 firms .* such as '{first}', is 0 or 1 to the last"
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
