"""A published number against a study's own estimate."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from impact.core.errors import DataError


def results(low, estimate, high, subject="tools"):
    return pd.DataFrame(
        [{"subject": subject, "estimate": estimate, "conf_low": low, "conf_high": high}]
    )


@pytest.mark.parametrize(
    ("qualifier", "claimed", "verdict", "where"),
    [
        ("exact", 1_200, "holds", "inside"),
        ("exact", 20_000, "conflict", "above"),
        ("exact", 100, "conflict", "below"),
        ("more_than", 20_000, "conflict", "above"),
        ("more_than", 1_000, "holds", "inside"),
        ("fewer_than", 100, "conflict", "below"),
    ],
)
def test_inside_above_or_below(fact, audited, qualifier, claimed, verdict, where):
    row = fact("jobs", claimed, qualifier=qualifier)
    found = audited(row, results=results(220, 1_200, 2_180)).tidy().iloc[0]
    assert (found["rule"], found["verdict"]) == ("estimate", verdict)
    assert where in found["reason"]
    assert (found["value"], found["low"], found["high"]) == (1_200, 220, 2_180)
    assert bool(found["sentence"]) == (verdict == "conflict")


def test_an_estimate_without_an_interval_decides_nothing(fact, verdicts):
    found = verdicts("estimate", fact("jobs", 5), results=results(math.nan, 5, math.nan))
    assert found == {"jobs": "undefined"}


def test_other_subjects_and_plans_are_not_compared(fact, verdicts):
    plan = fact("plan", None, kind="plan", target=10)
    assert verdicts("estimate", plan, results=results(1, 2, 3)) == {}
    assert verdicts("estimate", fact("a", 5), results=results(1, 2, 3, subject="else")) == {}


def test_results_without_a_column_or_with_a_subject_twice_are_refused(fact, audited):
    with pytest.raises(DataError, match="conf_low"):
        audited(fact("a", 5), results=results(1, 2, 3).drop(columns="conf_low"))
    with pytest.raises(DataError, match="'tools'"):
        audited(fact("a", 5), results=pd.concat([results(1, 2, 3)] * 2))
