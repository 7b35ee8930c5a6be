"""Outcomes that look ahead: refused where a year before is needed, compared in the year of joining, with a known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.counts import level_count
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
    # Under another name, and so not known for what it is.
    renamed = panel.data.rename(columns={"entry_within_1": "enters"})
    unmarked = impact.panel(renamed, unit="firm", time="year", cohort="joined")
    wrong = impact.att(unmarked, "enters", method="group_time").aggregate("event").tidy()
    found = wrong.set_index("event_time").loc[0]
    assert found["estimate"] + 3 * found["std_error"] < 0.9**2 - 0.5**2
    impact.att(panel, "entrant", method="group_time")  # looks at its own year


@pytest.mark.parametrize("outcome", ["entry_within_1", "sustained_entry_within_2", "entry_after_2", "exporter_after_1",
                                     "export_survival_1"])  # fmt: skip
def test_a_panel_made_again_from_its_rows_is_refused_too(outcome: str) -> None:
    """By what pandas carries along, and by the name alone where the rows went through a file."""
    panel = firms(3, n=60)
    again = impact.panel(panel.data, unit="firm", time="year", cohort="joined")
    bare = pd.DataFrame({c: panel.data[c].to_numpy() for c in panel.data})
    assert not bare.attrs
    from_a_file = impact.panel(bare, unit="firm", time="year", cohort="joined")
    for made in (again, from_a_file):
        assert made.ahead(outcome) == int(outcome[-1]) and made.ahead("entrant") == 0
        with pytest.raises(EstimationError, match=f"'{outcome}' looks {outcome[-1]} year"):
            impact.att(made, outcome, method="group_time")
    assert from_a_file.ahead("entry_within_0") == 0


def test_what_looks_ahead_under_a_name_of_its_own_is_carried_along() -> None:
    """With rows that pandas copies, cuts or sorts; a column that is made again and looks at its own year is free again."""
    frame = pd.DataFrame(
        {"firm": ["a", "a", "b", "b"], "year": [1, 2] * 2, "joined": [2.0, 2.0, np.nan, np.nan]}
    )
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    values = pd.DataFrame({"later": [0.0, 1.0, 0.0, 0.0]})
    made = panel.with_outcomes(
        values, (level_count("later", "later", "0/1", values["later"], ahead=3),)
    )
    kept = made.data.sort_values("year").query("year > 0").copy()
    assert impact.panel(kept, unit="firm", time="year", cohort="joined").ahead("later") == 3
    assert not frame.attrs and not panel.data.attrs
    free = made.with_outcomes(values, (level_count("later", "now", "0/1", values["later"]),))
    assert impact.panel(free.data, unit="firm", time="year", cohort="joined").ahead("later") == 0


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
