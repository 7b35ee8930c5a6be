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

impact.methods()  # loads the rooms
ALL = [m.name for m in METHODS.of("att") if "panel" in m.takes]
OPTIONS: dict[str, dict[str, Any]] = {"dose": {"dose": "hours"}}


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
    return impact.att(panel, "y", method=name, **OPTIONS.get(name, {}), **more)


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


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", ALL)
def test_an_answer_with_its_limits_or_a_refusal(name: str, design: str) -> None:
    try:
        effect = estimated(name, DESIGNS[design]())
    except ImpactError as refusal:
        assert len(str(refusal)) > 40 and "Traceback" not in str(refusal)
        return
    judged(effect)
    if {"cohort", "time", "event_time"} <= set(effect.estimates) and effect.aggregation is None:
        for kind in ("overall", "event", "cohort", "calendar"):
            try:
                judged(effect.aggregate(kind))
            except ImpactError as refusal:
                assert len(str(refusal)) > 40


@pytest.mark.parametrize("name", [n for n in ALL if METHODS.find("att", n).covariates])
def test_covariates_that_say_nothing(name: str) -> None:
    frame = firms([3.0] * 12 + [5.0] * 12 + NEVER * 2).assign(one=1.0, again=lambda f: f["size"])
    more = {"cohort": 3} if name == "two_by_two" else {}
    effect = estimated(name, frame, covariates=["one", "size", "again"], **more)
    judged(effect)
    said = " ".join(effect.notes)
    assert "one" in said and "again" in said


@pytest.mark.parametrize("change", ["two years of joining", "half a year"])
def test_the_panel_refuses_what_no_estimator_could_take(change: str) -> None:
    frame = firms([3.0] * 8 + NEVER)
    if change == "half a year":
        frame["year"] = frame["year"] + 0.5
    else:
        frame.loc[frame.index[2], "joined"] = 4.0
    with pytest.raises(ImpactError, match="firm-year panel"):
        impact.panel(frame, unit="firm", time="year", cohort="joined")
