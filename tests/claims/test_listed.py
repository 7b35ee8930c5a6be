"""R12: lists against stated counts."""

from __future__ import annotations

import pytest

REGIONS = "Piura|Barranca|Cajamarca|Cusco|Piura|Puno"


@pytest.mark.parametrize(
    ("count", "listed", "verdict"),
    [
        (4, "CCL|PeruCámaras|Adex|SNI", "holds"),
        (5, REGIONS, "holds"),
        (6, REGIONS, "conflict"),
        (7, REGIONS, "conflict"),
        (3, "CCL|PeruCámaras|Adex|SNI", "conflict"),
        (5, "CCL|PeruCámaras|Adex|SNI", "conflict"),
        (2, "CCL| ccl |SNI", "holds"),
    ],
)
def test_length_and_repetition(fact, verdicts, count, listed, verdict):
    assert verdicts("R12", fact("list", count, listed=listed)) == {"list": verdict}


def test_the_name_that_stands_twice_is_said(fact, audited):
    row = audited(fact("list", 5, listed=REGIONS)).tidy().iloc[0]
    assert "Piura" in row["reason"]
    assert "Cusco" not in row["reason"]
    assert row["value"] == 6
    assert row["arithmetic"].startswith("6 entries in the list, 5 of them different")
    assert row["sentence"] == ""


def test_a_bounded_count_allows_a_longer_list(fact, verdicts):
    row = fact("list", 3, qualifier="more_than", listed="a|b|c|d")
    assert verdicts("R12", row) == {"list": "holds"}


def test_a_list_without_a_count_is_unverifiable_and_counted(fact, audited):
    row = audited(fact("list", None, listed="a|b|c")).tidy().iloc[0]
    assert (row["rule"], row["verdict"]) == ("none", "unverifiable")
    assert "3" in row["reason"]


def test_a_list_that_is_long_enough_by_repetition_is_not_called_short(fact, audited):
    row = audited(fact("list", 6, listed=REGIONS)).tidy().iloc[0]
    assert row["verdict"] == "conflict"
    assert row["reason"] == "the list is as long as stated only because it names twice: Piura"
