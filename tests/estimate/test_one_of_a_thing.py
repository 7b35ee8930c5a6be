"""One firm is no "1 firms": what is said of a single thing is in the singular, in every message on a match and its effect."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import ImpactError
from impact.core.whole_numbers import by_number, counted

WRONG = re.compile(
    r"(?<![\d.,])1 (?:of the |matched |comparison |participating )*"
    r"(?:firms|participants|pairs|sets|controls|clusters|cells|subclasses|rows|levels|terms|parameters|years|standard deviations)\b"
    r"|(?<![\d.,])1 of [\d,]+ [a-z ]+? (?:have|are|were|lie|serve|hold)\b"
    r"|\b1 (?:firm|pair|row|level|control|set|participant)\b(?:(?! and )[^.;:(])*? (?:have|are|were|serve|hold)\b"
)


def read(*texts: str) -> str:
    """All that is said, which must not speak of one thing as of many."""
    said = "\n".join(texts)
    assert not (found := WRONG.search(said)), f"{found[0]!r} in: {said}"
    return said


def firms(n: int = 40, joined: int = 10) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    return frame.assign(joined=(np.arange(n) < joined).astype(int), y=rng.normal(size=n))


def matched(frame: pd.DataFrame, **words: Any) -> impact.MatchResult:
    return impact.match(frame, treatment="joined", **{"on": ["x"], **words})


def test_a_count_has_its_noun_and_a_verb_that_agrees() -> None:
    assert counted(1, "firm") == "1 firm" and counted(2, "firm") == "2 firms"
    assert counted(0, "cell") == "0 cells" and counted(1234, "class", "classes") == "1,234 classes"
    assert [by_number(n, "has", "have") for n in (0, 1, 2)] == ["have", "has", "have"]


def test_one_participant_and_one_control() -> None:
    two = firms(2, 1).assign(x=[1.0, 1.1])
    three = firms(3, 1).assign(x=[1.0, 1.1, 9.0])
    said = read(matched(three, distance="x", caliper=1.0).summary())
    assert "1 of 1 participant with known covariates was matched" in said
    assert "within a caliper of 1 standard deviation of the score" in said
    said = read(matched(two, on=["x"], method="coarsened", cutpoints=1).summary())
    assert "was grouped with 1 firm that did not participate, in 1 set of firms" in said
    assert "1 of 1 cell of the coarsening has firms of both arms" in said
    with pytest.raises(ImpactError) as caught:
        matched(two, distance="x", caliper=0.01, caliper_scale="raw")
    assert "The only participant found no comparison firm; widen the caliper." in str(caught.value)
    read(impact.att(matched(three, distance="x", caliper=1.0), "y", method="difference").summary())


def test_one_pair_of_a_panel() -> None:
    rows = pd.DataFrame({"firm": np.repeat(list("abcd"), 3), "year": [1, 2, 3] * 4})
    rows["joined"] = rows["firm"].map({"a": 2.0, "b": 3.0})
    rows = rows.assign(x=[3.0] * 3 + [5.0] * 3 + [3.1] * 3 + [5.1] * 3, y=np.arange(12.0) ** 2)
    rows.loc[rows["firm"] == "b", "y"] = np.nan
    panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    got = impact.match(panel, on=["x"], distance="x", caliper=0.5, caliper_scale="raw")
    said = read(got.summary(), impact.att(got, "y", method="matched_did").summary())
    assert "Only 1 cluster (fewer" in said and "1 of 2 pairs is in no cell" in said
    said = read(impact.att(panel, "y", method="group_time").summary())
    assert "Only 1 participating cluster (fewer" in said


def test_one_participant_outside() -> None:
    frame = firms().assign(s=np.r_[9.0, np.linspace(-1, 1, 9), np.linspace(-1.05, 1.05, 30)])
    got = matched(frame, distance="s", caliper=0.5)
    said = read(got.summary())
    assert "1 of 10 participants has a score outside the range" in said
    said = read(impact.att(got, "y", method="difference").summary())
    assert "9 of 10 participants that were matched; the other found no comparison firm" in said
    assert "nothing is said on it." in said
    said = read(matched(frame, on=["s"], method="mahalanobis").summary())
    assert "1 of 10 participants lies outside the range" in said
    said = read(matched(frame, distance="s", replace=True, ratio=3).summary())
    assert "serve more than once, one of them" in said


def test_one_control_serves_twice_and_one_has_too_few() -> None:
    frame = pd.DataFrame({"x": [1.0, 1.1, 5.0, 1.05, 5.1], "joined": [1, 1, 1, 0, 0]})
    said = read(*matched(frame, distance="x", replace=True).notes)
    assert "1 of 2 controls serves more than once, 2 times." in said
    frame = pd.DataFrame({"x": [1.0, 5.0, 1.0, 5.0, 5.0], "joined": [1, 1, 0, 0, 0]})
    said = read(*matched(frame, distance="x", ratio=2).notes)
    assert "1 matched participant has fewer than 2 controls." in said


def test_one_pair_or_firm_or_row_without_an_outcome() -> None:
    frame = firms()
    frame.loc[0, "y"] = np.nan
    pairs = impact.att(matched(frame), "y", method="difference")
    assert "1 of 10 pairs is left out: 'y'" in read(pairs.summary())
    again = impact.att(matched(frame, replace=True), "y", method="difference")
    assert "1 pair is left out: 'y'" in read(again.summary())
    weights = impact.att(matched(frame, method="ipw"), "y", method="difference")
    assert "1 firm with weight left out" in read(weights.summary())
    rows = impact.regress("y ~ x", frame)
    assert "1 row without a value in the formula is left out." in read(rows.summary())


def test_one_firm_that_is_trimmed_or_moved_or_separated() -> None:
    frame = firms().assign(s=lambda f: np.where(f.index == 0, 0.99, 0.4))
    said = read(*matched(frame, method="ipw", distance="s", trim=(0.05, 0.95)).notes)
    assert "1 participant and 0 comparison firms were trimmed" in said
    frame = firms(12, 6).assign(x=[1.0] * 5 + [2.0] + [1.0] * 6)
    with pytest.raises(ImpactError) as caught:
        matched(frame)
    read(str(caught.value))
    assert "for 1 of 12 firms the covariates tell without error whether it joined" in str(
        caught.value
    )


def test_one_pair_that_a_cluster_would_cut() -> None:
    frame = firms(4, 2).assign(x=[1.0, 5.0, 1.1, 5.1], area=["a", "b", "a", "c"])
    for method in ("nearest", "full"):
        with pytest.raises(ImpactError) as caught:
            impact.att(
                matched(frame, distance="x", method=method),
                "y",
                method="difference",
                cluster="area",
            )
        read(str(caught.value))
    assert "1 matched set holds firms of more than one 'area'" in str(caught.value)
    assert "would cut it in two" in str(caught.value)
