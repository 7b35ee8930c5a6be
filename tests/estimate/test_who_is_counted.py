"""Firms behind a matched effect: counted once, and only those that are compared; few of them are said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DesignError, EstimationError


def firm_years(seed: int = 1, firms: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    joined = np.array([3.0, 4.0, np.nan, np.nan])[np.arange(firms) % 4]
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), 5),
            "year": np.tile(np.arange(1, 6), firms),
            "joined": np.repeat(joined, 5),
            "size": np.repeat(rng.normal(size=firms), 5),
        }
    )
    frame["y"] = rng.normal(size=len(frame)) + frame["size"]
    frame.loc[frame["firm"] % 3 == 0, "y"] = np.nan  # never observed, but they bear on weights
    return frame


def as_panel(frame: pd.DataFrame) -> impact.Panel:
    return impact.panel(frame, unit="firm", time="year", cohort="joined")


@pytest.mark.parametrize("kind", ["overall", "event", "cohort", "calendar"])
@pytest.mark.parametrize(
    "method", ["entropy", "ipw", "cbps", "full", "subclass", "nearest", "optimal"]
)
def test_counts_of_averages_are_the_firms_that_are_compared(method: str, kind: str) -> None:
    frame = firm_years()
    matched = impact.match(as_panel(frame), on=["size"], method=method)
    effect = impact.att(matched, "y", method="matched_did")
    seen = frame[frame["y"].notna()].groupby("firm")["year"].agg(set)
    weight = matched.candidates[matched.candidates["weight"] > 0]
    cells = effect.estimates.dropna(subset=["std_error"])
    averaged = effect.aggregate(kind)
    for row in averaged.estimates.itertuples():
        if kind == "event":
            own = cells[cells["event_time"] == row.event_time]
        else:
            own = cells[cells["event_time"] >= 0]
            if kind != "overall":
                key = "cohort" if kind == "cohort" else "time"
                own = own[own[key] == getattr(row, key)]
        treated, control = set(), set()
        for cell in own.itertuples():
            there = {f for f, years in seen.items() if {cell.time, cell.cohort - 1} <= years}
            firms = weight[weight["cohort"] == cell.cohort]
            treated |= set(firms.loc[firms["treated"], "unit"]) & there
            control |= set(firms.loc[~firms["treated"], "unit"]) & there
        if method in ("entropy", "ipw", "cbps"):
            assert (row.n_treated, row.n_control) == (len(treated), len(control))
        else:  # sets whose other arm is not observed fall out
            assert row.n_treated <= len(treated) and row.n_control <= len(control)
            assert row.n_treated == own["n_treated"].groupby(own["cohort"]).max().sum()


def cross_section(participants: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"joined": [1] * participants + [0] * 300, "size": rng.normal(size=participants + 300)}
    )
    return frame.assign(
        y=rng.normal(size=len(frame)), sector=np.where(frame["size"] > 0, "food", "metal")
    )


@pytest.mark.parametrize("method", ["entropy", "ipw", "subclass", "exact"])
def test_few_participants_are_said_however_many_others_there_are(method: str) -> None:
    asked = {"exact": ["sector"]} if method == "exact" else {"on": ["size"]}
    more = {"n_subclasses": 2} if method == "subclass" else {}
    few = impact.att(
        impact.match(cross_section(), treatment="joined", method=method, **asked, **more),
        "y",
        method="difference",
    )
    assert any(note.startswith("Only 5 participants (fewer than 30)") for note in few.notes)
    many = impact.att(
        impact.match(cross_section(60), treatment="joined", method=method, **asked, **more),
        "y",
        method="difference",
    )
    assert not any(note.startswith("Only") for note in many.notes)


def test_an_outcome_that_was_matched_on_is_refused() -> None:
    matched = impact.match(cross_section(), treatment="joined", on=["size"])
    with pytest.raises(EstimationError, match="'size' was matched on"):
        impact.att(matched, "size", method="difference")
    panel = impact.match(as_panel(firm_years()), on=["size"], lags={"size": 2})
    assert len(
        impact.att(panel, "size", method="matched_did").estimates
    )  # the years after joining are others


def test_participants_that_never_came_to_be_compared_are_said_with_the_effect() -> None:
    frame = firm_years()
    frame.loc[(frame["firm"] == 0) & (frame["year"] == 2), "size"] = np.nan
    for method in ("entropy", "nearest"):
        effect = impact.att(
            impact.match(as_panel(frame), on=["size"], method=method), "y", method="matched_did"
        )
        assert any("Not among the candidates: 1 participant" in note for note in effect.notes)


def test_words_and_refusals_of_the_match() -> None:
    panel = as_panel(firm_years())
    with pytest.raises(DesignError, match="it names columns with their numbers of years"):
        impact.match(panel, on=["size"], lags=["size"])
    with pytest.raises(DesignError, match="write 2 or less"):
        impact.match(panel, on=["size"], control="not_yet", years_after=3)
    waits = impact.match(panel, on=["size"], control="not_yet", years_after=2)
    assert any("No firm that joins later waits long enough" in note for note in waits.notes)
    everyone = firm_years()
    everyone = everyone[everyone["joined"].notna()]
    with pytest.raises(DesignError, match="control='not_yet'"):
        impact.match(as_panel(everyone), on=["size"])
    later = impact.match(as_panel(everyone), on=["size"], control="not_yet")
    assert later.unmatched().attrs["reasons"]["every other firm had joined by then"] == 30
    with pytest.raises(DesignError) as caught:
        impact.match(cross_section(), treatment="joined", on=["sector"])
    assert len(caught.value.faults) == 1 and "305 of 305 rows" in str(caught.value)
    even = impact.match(
        cross_section(60), treatment="joined", on=["size"], method="entropy"
    ).summary()
    assert "below 0.0005 after weighting" in even and "before weighting chi2" in even
