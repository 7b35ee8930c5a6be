"""Designs at the edge, for every estimator of panels: an answer with a named limitation, or a refusal that says what would be needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import ImpactError
from impact.core.registry import METHODS
from impact.estimate.effect import EffectResult
from tests.metamorphic.subjects import VARIANTS, matched_units

ALL = [m.name for m in METHODS.of("att") if "panel" in m.takes]
OPTIONS: dict[str, dict[str, Any]] = {"dose": {"dose": "hours"}}
SETTINGS = ("group_time, not yet", "group_time, Poisson", "imputation, Poisson")
"""Settings that compare with other firms or years, or of another family. Of variants whose outcome is yes or no see below."""
MATCHES = ("nearest", "full", "ipw")
"""Pairs, sets and weights; the others make one of these from the same firms."""


def firms(
    joined: list[float], *, years: tuple[int, ...] = (1, 2, 3, 4, 5, 6), seed: int = 1
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n, periods = len(joined), len(years)
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), periods),
            "year": np.tile(years, n),
            "joined": np.repeat(np.array(joined, dtype=float), periods),
            "size": np.repeat(rng.normal(size=n), periods),
            "hours": np.repeat(np.where(np.isnan(joined), 0.0, rng.uniform(1, 9, n)), periods),
        }
    )
    frame["y"] = (
        5
        + np.repeat(rng.normal(size=n), periods)
        + rng.normal(size=len(frame))
        + (frame["year"] >= frame["joined"])
    )
    return frame


NEVER = [np.nan] * 12
DESIGNS: dict[str, Callable[[], pd.DataFrame]] = {
    "no firm that never joins": lambda: firms([3.0] * 12 + [5.0] * 12),
    "one cohort and nobody else": lambda: firms([4.0] * 12),
    "one cohort": lambda: firms([4.0] * 12 + NEVER),
    "everybody joined before the data": lambda: firms([1.0] * 12 + NEVER),
    "some joined before the data": lambda: firms([1.0] * 6 + [4.0] * 8 + NEVER),
    "all join in the last year": lambda: firms([6.0] * 12 + NEVER),
    "a cohort of one firm": lambda: firms([3.0] + [5.0] * 8 + NEVER),
    "one participant": lambda: firms([4.0, *NEVER]),
    "one comparison firm": lambda: firms([4.0] * 12 + [np.nan]),
    "a gap in the years": lambda: firms([4.0] * 8 + [6.0] * 8 + NEVER, years=(1, 2, 4, 5, 6, 8)),
    "a cohort that falls into a gap": lambda: firms(
        [3.0] * 8 + [5.0] * 8 + NEVER, years=(1, 2, 4, 5, 6)
    ),
    "one year before joining": lambda: firms([2.0] * 10 + NEVER, years=(1, 2, 3)),
    "two years in all": lambda: firms([2.0] * 10 + NEVER, years=(1, 2)),
    "joined after the data": lambda: firms([4.0] * 8 + [9.0] * 6 + NEVER),
    "an outcome that never changes": lambda: firms([4.0] * 8 + NEVER).assign(y=3.0),
    "a firm seen once": lambda: firms([4.0] * 8 + NEVER).query("firm != 2 or year == 5"),
    "holes everywhere": lambda: firms([3.0] * 10 + [5.0] * 10 + NEVER).sample(
        frac=0.6, random_state=4
    ),
    "an outcome missing for a whole year": lambda: firms([3.0] * 8 + [5.0] * 8 + NEVER).assign(
        y=lambda f: f["y"].where(f["year"] != 4)
    ),
    "nobody is observed after joining": lambda: firms([4.0] * 8 + NEVER).assign(
        y=lambda f: f["y"].where(~(f["year"] >= f["joined"]))
    ),
    "no outcome at all": lambda: firms([4.0] * 8 + NEVER).assign(y=np.nan),
}


def estimated(name: str, frame: pd.DataFrame, **more: Any) -> EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    method, asked = VARIANTS.get(name, (name, OPTIONS.get(name, {})))
    return impact.att(panel, "y", method=method, **{**asked, **more})


def attempt(estimate: Callable[[], EffectResult]) -> EffectResult | None:
    """The answer; None where it is refused in words."""
    try:
        return estimate()
    except ImpactError as refusal:
        told = len(str(refusal)) > 40 and "Traceback" not in str(refusal)
        assert told, str(refusal)
        return None


def judged(effect: EffectResult) -> None:
    """Every number has its error and counts; what lacks an error has no p-value and no interval, and a note says why."""
    table = effect.tidy()
    inference = ["statistic", "p_value", "conf_low", "conf_high"]
    lacks = table["std_error"].isna()
    assert table.loc[lacks, inference].isna().all(axis=None)
    assert (table.loc[~lacks, "std_error"] > 0).all()
    assert np.isfinite(table.loc[~lacks, ["estimate", *inference]].to_numpy(dtype=float)).all()
    if lacks.any():
        assert effect.notes
    assert effect.summary()


def judged_with_averages(effect: EffectResult) -> None:
    judged(effect)
    if {"cohort", "time", "event_time"} <= set(effect.estimates) and effect.aggregation is None:
        for kind in ("overall", "event", "cohort", "calendar"):
            average = attempt(lambda kind=kind: effect.aggregate(kind))
            if average is not None:
                judged(average)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", [*ALL, *SETTINGS])
def test_an_answer_with_its_limits_or_a_refusal(name: str, design: str) -> None:
    frame = DESIGNS[design]()
    if "Poisson" in name:
        frame["y"] = frame["y"].clip(lower=0)
    effect = attempt(lambda: estimated(name, frame))
    if effect is not None:
        judged_with_averages(effect)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("options", [{"family": "poisson"}, {"average": True}], ids=str)
def test_growth_and_averages_of_two_by_two(options: dict[str, Any], design: str) -> None:
    frame = DESIGNS[design]()
    frame["y"] = frame["y"].clip(lower=0)
    effect = attempt(lambda: estimated("two_by_two", frame, **options))
    if effect is not None:
        judged(effect)


@pytest.mark.parametrize("design", DESIGNS)
def test_yes_or_no(design: str) -> None:
    frame = DESIGNS[design]()
    frame["y"] = (frame["y"] > 5).astype(float).where(frame["y"].notna())
    effect = attempt(lambda: estimated("etwfe, logit", frame))
    if effect is not None:
        judged_with_averages(effect)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("by", MATCHES)
def test_a_match_or_a_refusal_and_an_answer_or_a_refusal(by: str, design: str) -> None:
    panel = impact.panel(DESIGNS[design](), unit="firm", time="year", cohort="joined")
    try:
        match = impact.match(panel, on=["size"], method=by)
    except ImpactError as refusal:
        assert len(str(refusal)) > 40
        return
    for unit in matched_units("matched panel", by):
        method = unit.split("/")[0]
        effect = attempt(lambda method=method: impact.att(match, "y", method=method))
        if effect is not None:
            judged_with_averages(effect)


REGRESSIONS = {
    "fixed effects": ("y ~ d | firm + year", {"cluster": "firm"}),
    "no effects": ("y ~ d", {"variance": "hetero"}),
    "Poisson": ("y ~ d | firm + year", {"cluster": "firm", "family": "poisson"}),
    "logit": ("yes ~ d | year", {"cluster": "firm", "family": "logit"}),
    "instruments": ("y ~ 1 | firm + year | d ~ size", {"cluster": "firm"}),
}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("regression", REGRESSIONS)
def test_a_regression_or_a_refusal(regression: str, design: str) -> None:
    frame = DESIGNS[design]()
    known = frame["y"].notna()
    frame = frame.assign(
        y=frame["y"].clip(lower=0),
        yes=(frame["y"] > 5).astype(float).where(known),
        d=(frame["year"] >= frame["joined"]).astype(float),
    )
    formula, options = REGRESSIONS[regression]
    effect = attempt(lambda: impact.regress(formula, frame, **options))
    if effect is None:
        return
    judged(effect)


@pytest.mark.parametrize("name", [n for n in ALL if METHODS.find("att", n).covariates])
def test_covariates_that_say_nothing(name: str) -> None:
    frame = firms([3.0] * 12 + [5.0] * 12 + NEVER * 2).assign(one=1.0, again=lambda f: f["size"])
    more = {"cohort": 3} if name == "two_by_two" else {}
    effect = estimated(name, frame, covariates=["one", "size", "again"], **more)
    judged(effect)
    said = " ".join(effect.notes)
    assert "one" in said and "again" in said


@pytest.mark.parametrize("name", [n for n in ALL if METHODS.find("att", n).covariates])
def test_covariates_that_all_say_nothing(name: str) -> None:
    """The effect is then the one without covariates, with a note; or a refusal that names them."""
    frame = firms([3.0] * 12 + [5.0] * 12 + NEVER * 2).assign(one=1.0, two=2.0)
    more = {"cohort": 3} if name == "two_by_two" else {}
    try:
        effect = estimated(name, frame, covariates=["one", "two"], **more)
    except ImpactError as refusal:
        assert "one" in str(refusal)
        return
    judged(effect)
    said = " ".join(effect.notes)
    assert "'one'" in said and "'two'" in said
    plain = estimated(name, frame, **more)
    np.testing.assert_allclose(effect.estimates["estimate"], plain.estimates["estimate"])


@pytest.mark.parametrize("name", ALL)
def test_a_path_with_one_year_before_joining(name: str) -> None:
    """Of years before joining nothing can be said: a path from the year of joining on, or what would be needed."""
    frame = firms([2.0] * 10 + [3.0] * 10 + NEVER, years=(1, 2, 3, 4))
    frame = frame[
        frame["year"].gt(1) | frame["joined"].ne(3.0)
    ]  # both cohorts have one year before
    earlier = {"imputation": {"pretrends": 2}, "synthetic": {"before": True}, "etwfe": {"control": "never"}}  # fmt: skip
    more = {"cohort": 2} if name == "two_by_two" else earlier.get(name, {})
    try:
        path = estimated(name, frame, **more)
        if "event_time" in path.estimates and "cohort" in path.estimates:
            path = path.aggregate("event")
    except ImpactError as refusal:
        assert len(str(refusal)) > 40
        return
    judged(path)
    if "event_time" in path.estimates:
        before = path.estimates[path.estimates["event_time"] < -1]
        assert before["estimate"].isna().all()


@pytest.mark.parametrize("change", ["two years of joining", "half a year"])
def test_the_panel_refuses_what_no_estimator_could_take(change: str) -> None:
    frame = firms([3.0] * 8 + NEVER)
    if change == "half a year":
        frame["year"] = frame["year"] + 0.5
    else:
        frame.loc[frame.index[2], "joined"] = 4.0
    with pytest.raises(ImpactError, match="firm-year panel"):
        impact.panel(frame, unit="firm", time="year", cohort="joined")
