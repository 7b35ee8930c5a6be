"""Relation 15: with one cohort and two periods every estimator of levels is the same difference of differences, and of growth the same ratio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metamorphic.subjects import SUBJECTS, UNITS, Formula, panel_rows

TOLERANCE = 1e-10
TWO_PERIODS: dict[str, dict[str, Any]] = {
    "two_by_two": {"cohort": 2},
    "stacked": {"kappa_pre": 1, "kappa_post": 0},
    "imputation": {"pretrends": 0},  # where it is asked for some
}
GROWTH = [name for name in SUBJECTS if name.endswith(", Poisson")]
APART = {
    "dose": "rows are bins of the dose; of their average see test_dose_twin.py",
    "synthetic": "it needs two years before joining",
    "etwfe, logit": "the outcome is yes or no",
}
"""Panel methods that are no difference of differences of levels, or of growth."""
OF_PANELS = [s.name for s in SUBJECTS.values() if s.kind == "panel" and s.name not in APART]
LEVELS = [name for name in OF_PANELS if name not in GROWTH]
BY_EXACT = [u for u in UNITS if u.endswith("/exact")]
"""Matched methods: where firms are of one kind, the match is everybody. Other matches weigh or choose firms."""
LATE = Formula(terms=("d", "late"))
few = settings(max_examples=2, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 10_000)


def two_periods(seed: int) -> pd.DataFrame:
    frame = panel_rows(seed, periods=2, cohorts=(2,), never=2)
    change = frame.groupby("firm")["y"].diff()
    return frame.assign(
        change=change, late=frame["year"] == 2, d=(frame["year"] >= frame["joined"]).astype(float)
    ).astype({"late": float})


def sums(frame: pd.DataFrame) -> tuple[float, float, float, float]:
    """Mean outcomes: participants before and after, others before and after."""
    mean = frame.groupby([frame["joined"].notna(), "year"])["y"].mean()
    return mean[True, 1], mean[True, 2], mean[False, 1], mean[False, 2]


def by_hand(frame: pd.DataFrame) -> float:
    before, after, c_before, c_after = sums(frame)
    return (after - before) - (c_after - c_before)


def found(name: str, frame: pd.DataFrame) -> float:
    """The estimate of a unit."""
    subject = UNITS[name]
    if subject.verb == "panel_model":
        (effect,) = subject.fit(frame, formula=LATE).values()
        return float(effect.estimates.set_index("term").loc["d", "estimate"])
    if subject.verb == "regress":
        (effect,) = subject.fit(
            frame, formula=Formula(terms=("d",), effects=("firm", "year"))
        ).values()
        return float(effect.estimates["estimate"].iloc[0])
    if subject.verb == "match":
        # Exact matching asks for something that varies: some firms of another kind, which find nobody.
        others = frame[frame["joined"].isna()].head(6)
        others = others.assign(firm=others["firm"] + 5000, sector=2, y=99.0, change=99.0)
        frame = pd.concat([frame.assign(sector=1), others], ignore_index=True)
        if subject.cross:
            frame = frame[frame["year"] == 2].assign(joins=frame["joined"].notna().astype(int))
        change = "y" if name.startswith(("matched_did", "group_time")) else "change"
        effect = subject.fit(frame, outcome=change, only=name)[name]
        return float(effect.estimates["estimate"].iloc[-1])
    more = {
        k: v
        for k, v in TWO_PERIODS.get(subject.method, {}).items()
        if k in subject.asked or k != "pretrends"
    }
    rows = subject.fit(frame, **more)[name].estimates
    row = rows[rows["event_time"] == 0] if "event_time" in rows else rows
    return float(row["estimate"].iloc[0])


MODELS = ["panel_model, first_difference", "panel_model, mundlak", "regress, fixed effects", "regress, fixed effects of a panel"]  # fmt: skip


@pytest.mark.parametrize("name", [*LEVELS, *BY_EXACT, *MODELS])
def test_15_one_cohort_and_two_periods_are_two_by_two(name: str) -> None:
    @few
    @given(seeds)
    def holds(seed: int) -> None:
        frame = two_periods(seed)
        assert found(name, frame) == pytest.approx(by_hand(frame), abs=TOLERANCE)

    holds()


@pytest.mark.parametrize("name", GROWTH)
def test_15_growth_is_that_of_the_means(name: str) -> None:
    """What participants had, less what they had before times the growth of the others."""

    @few
    @given(seeds)
    def holds(seed: int) -> None:
        frame = two_periods(seed)
        before, after, c_before, c_after = sums(frame)
        want = after - before * c_after / c_before
        assert found(name, frame) == pytest.approx(want, abs=TOLERANCE)

    holds()


@few
@given(seeds)
def test_15_a_poisson_regression_is_that_growth_as_a_logarithm(seed: int) -> None:
    frame = two_periods(seed)
    before, after, c_before, c_after = sums(frame)
    want = np.log(after / before) - np.log(c_after / c_before)
    assert found("regress, poisson", frame) == pytest.approx(want, abs=TOLERANCE)


def test_15_can_say_no() -> None:
    """Two periods of three are no two-by-two: the mean of years is another number."""
    frame = two_periods(1)
    wrong: Callable[[pd.DataFrame], float] = lambda f: by_hand(f) + 1e-9  # noqa: E731
    assert wrong(frame) != pytest.approx(by_hand(frame), abs=TOLERANCE)
    other = frame.assign(joined=frame["joined"].where(frame["firm"] != 0))
    assert found("group_time", other) != pytest.approx(by_hand(frame), abs=TOLERANCE)


def test_15_runs_every_estimator_of_panels() -> None:
    panels = {s.name for s in SUBJECTS.values() if s.kind == "panel"}
    assert panels == {*LEVELS, *GROWTH, *APART}
    assert {"matched_did/exact", "at_joining/exact", "difference/exact"} <= set(BY_EXACT)
