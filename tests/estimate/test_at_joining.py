"""Outcomes that look ahead: refused where a year before is needed, compared in the year of joining, with a known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import EstimationError

JOINING = 2014


def firms(seed: int, n: int = 1500) -> impact.Panel:
    """A third joins in 2014. Until then nobody joins by what it does; participants export with chance .5 from then on, others .1."""
    rng = np.random.default_rng(seed)
    joined = rng.random(n) < 1 / 3
    rows = []
    for i in range(n):
        size = rng.normal()
        for year in range(2010, 2018):
            chance = 0.5 if joined[i] and year >= JOINING else 0.1
            rows.append(
                (
                    i,
                    year,
                    float(JOINING) if joined[i] else np.nan,
                    size,
                    float(rng.random() < chance),
                )
            )
    frame = pd.DataFrame(rows, columns=["firm", "year", "joined", "size", "exporter"])
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    return impact.export_survival(
        impact.entry(panel, look_back=1, horizons=(0, 1, 2)), horizons=(1,)
    )


def test_the_truth_is_found_in_the_year_of_joining() -> None:
    """Of those without exports in 2013: within h years 1 - .5^(h+1) of participants and 1 - .9^(h+1) of the others."""
    panel = firms(1)
    matched = impact.match(panel, on=["size"], distance="size")
    for h in (1, 2):
        row = impact.att(matched, f"entry_within_{h}", method="at_joining").tidy().iloc[0]
        truth = 0.9 ** (h + 1) - 0.5 ** (h + 1)
        assert abs(row["estimate"] - truth) < 3 * row["std_error"]
        assert row["std_error"] < 0.05 and row["event_time"] == 0 and row["time"] == JOINING


def test_a_difference_in_differences_of_it_is_refused() -> None:
    """The wrong variant: with the year before as base, half of the effect is in the base and is taken away."""
    panel = firms(2)
    matched = impact.match(panel, on=["size"], distance="size")
    for data, method in ((panel, "group_time"), (matched, "matched_did"), (matched, "group_time")):
        with pytest.raises(EstimationError, match=r"looks 1 year ahead of its row.*at_joining"):
            impact.att(data, "entry_within_1", method=method)
    with pytest.raises(EstimationError, match="looks 2 years ahead"):
        impact.att(panel, "sustained_entry_within_2", method="group_time")
    unmarked = impact.panel(panel.data, unit="firm", time="year", cohort="joined")
    wrong = impact.att(unmarked, "entry_within_1", method="group_time").aggregate("event").tidy()
    found = wrong.set_index("event_time").loc[0]
    assert found["estimate"] + 3 * found["std_error"] < 0.9**2 - 0.5**2
    impact.att(panel, "entrant", method="group_time")  # looks at its own year


def test_by_hand() -> None:
    """Pairs of a with c and b with d in 2012; b's outcome of that year is not known, so one pair is left."""
    rows = pd.DataFrame({
        "firm": np.repeat(list("abcdef"), 2), "year": [2011, 2012] * 6, "joined": np.repeat([2012.0, 2012.0, 2012.0, np.nan, np.nan, np.nan], 2),
        "size": np.repeat([1.0, 5.0, 9.0, 1.1, 5.1, 9.1], 2), "stays": [0, 1, 0, np.nan, 0, 1, 1, 0, 1, 1, 1, 1],
    })  # fmt: skip
    matched = impact.match(
        impact.panel(rows, unit="firm", time="year", cohort="joined"), on=["size"], distance="size"
    )
    found = impact.att(matched, "stays", method="at_joining")
    row = found.tidy().iloc[0]
    # a 1 against d 0, c 1 against f 1: the mean of 1 and 0.
    assert row["estimate"] == 0.5 and row["n_treated"] == 2
    # Influence by pair: half of (difference less the mean): sums of squares (.5^2 + .5^2) / 2^2.
    assert row["std_error"] == pytest.approx(np.sqrt(0.5) / 2)
    assert any("1 of 3 pairs" in note or "ATT(2012,2012) 1" in note for note in found.notes)
