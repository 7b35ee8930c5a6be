"""What `impact.att` refuses before any estimator runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, EstimationError
from impact.core.registry import METHODS
from impact.design.match import MatchResult

impact.methods()  # loads the rooms


def firm_years() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    firm = np.repeat([f"f{i:02d}" for i in range(60)], 5)
    joined = np.repeat(np.where(rng.random(60) < 0.4, 3.0, np.nan), 5)
    frame = pd.DataFrame({"firm": firm, "year": np.tile(np.arange(1, 6), 60), "joined": joined})
    frame["member"] = (frame["year"] >= frame["joined"]).astype(int)
    return frame.assign(x=rng.normal(size=300), y=rng.normal(size=300))


def panel(**roles: str) -> impact.Panel:
    words = roles or {"cohort": "joined"}
    return impact.panel(firm_years(), unit="firm", time="year", **words)


def cross_section(**words: Any) -> MatchResult:
    frame = firm_years().query("year == 3").set_index("firm")
    return impact.match(frame, treatment="member", on=["x"], **words)


def data_for(name: str) -> list[impact.Panel | MatchResult]:
    """Each kind of data that the method takes."""
    both = panel(cohort="joined", treatment="member")
    found: list[impact.Panel | MatchResult] = []
    for kind in METHODS.find("att", name).takes:
        if kind == "panel":
            found.append(both)
        elif kind == "matched panel":
            found.append(impact.match(both, on=["x"]))
        else:
            found.append(cross_section(method="ipw"))
    return found


@pytest.mark.parametrize("name", [m.name for m in METHODS.of("att")])
def test_participation_is_no_outcome(name: str) -> None:
    for data in data_for(name):
        inner = data.data if isinstance(data, MatchResult) else data
        roles = {"member": "treatment"}
        if isinstance(inner, impact.Panel):
            roles["joined"] = "cohort"
        for column, role in roles.items():
            with pytest.raises(EstimationError, match=f"'{column}' is the {role}: it says who"):
                impact.att(data, column, method=name)


def test_a_cohort_that_was_made_of_the_treatment_is_no_outcome_either() -> None:
    made = panel(treatment="member")
    for column in ("member", "cohort"):
        with pytest.raises(EstimationError, match="participation has no effect on itself"):
            impact.att(made, column, method="group_time")


def test_a_method_must_be_named_and_those_for_the_data_are_listed() -> None:
    given = {
        "panel": (panel(), "On a panel: "),
        "matched panel": (impact.match(panel(), on=["x"]), "On a matched panel: "),
        "matched": (cross_section(), "On a matched cross-section: "),
    }
    for kind, (data, opening) in given.items():
        known = sorted(m.name for m in METHODS.of("att") if kind in m.takes)
        assert known
        listed = opening + ", ".join(map(repr, known)) + "."
        for words in ({}, {"method": None}):
            with pytest.raises(EstimationError) as caught:
                impact.att(data, "y", **words)
            assert listed in str(caught.value)


def test_rows_without_roles_are_told_how_to_become_a_panel_first() -> None:
    with pytest.raises(DataError, match=r"impact.panel\(frame"):
        impact.att(firm_years(), "y")  # type: ignore[arg-type]
