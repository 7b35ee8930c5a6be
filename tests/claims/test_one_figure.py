"""R3: one stated percentage for several bases."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

FIRMS = {"claim_id": "firms", "target": 4_000, "achieved": 5_224, "stated_ratio": 132}
NUCLEI = {"claim_id": "nuclei", "target": 200, "achieved": 324, "stated_ratio": 132, "unit": "nuclei",
          "subject": "nuclei"}  # fmt: skip


def test_132_for_firms_and_for_nuclei(pair, audited):
    table = audited(pair(**FIRMS), pair(**NUCLEI)).tidy().query("rule == 'R3'")
    assert table["verdict"].tolist() == ["arithmetic_error"] * 2
    for text in table["sentence"].str.replace("\u00a0", " "):
        assert "131 % of the target" in text
        assert "162 % of the target" in text
    assert table["arithmetic"].str.contains("130.60").all()
    assert table["arithmetic"].str.contains("162.00").all()
    assert table["reason"].str.contains("right for 0").all()


def test_a_figure_that_is_right_for_one_base_only_is_still_an_error(pair, audited):
    firms = pair(**FIRMS) | {"stated_ratio": 131}
    nuclei = pair(**NUCLEI) | {"stated_ratio": 131}
    table = audited(firms, nuclei).tidy()
    assert table.query("rule == 'R3'")["verdict"].tolist() == ["arithmetic_error"] * 2
    assert table.query("rule == 'R3'")["reason"].str.contains("right for 1").all()
    assert table.query("rule == 'R1'")["verdict"].tolist() == ["holds", "arithmetic_error"]


def test_a_figure_that_is_right_for_both_bases_holds(pair, verdicts):
    nuclei = pair(**NUCLEI) | {"achieved": 264}
    firms = pair(**FIRMS) | {"achieved": 5_280}
    assert verdicts("R3", firms, nuclei) == {"firms": "holds", "nuclei": "holds"}


@pytest.mark.parametrize(
    "change",
    [
        {"phrase": "another phrase"},
        {"source": "another_source"},
        {"stated_ratio": 162},
        {"stated_as": "per_cent_of_target"},
        {"target": 4_000, "achieved": 5_224},
    ],
)
def test_separate_statements_are_not_joined(pair, verdicts, change):
    assert verdicts("R3", pair(**FIRMS), pair(**NUCLEI) | change) == {}


def test_of_one_base_and_above_the_other_is_no_single_truth(pair, verdicts):
    # 150 is per cent *of* the first target and per cent *above* the second.
    first = pair(claim_id="a", target=100, achieved=150, stated_ratio=150)
    second = pair(claim_id="b", target=100, achieved=250, stated_ratio=150)
    assert set(verdicts("R3", first, second).values()) == {"arithmetic_error"}
    assert set(verdicts("R1", first, second).values()) == {"holds"}


@given(st.integers(1, 500), st.integers(2, 50), st.integers(101, 400))
def test_bases_in_one_proportion_share_a_percentage(pair, verdicts, target, times, percent):
    first = pair(claim_id="a", target=100 * target, achieved=percent * target, stated_ratio=percent)
    second = first | {"claim_id": "b", "target": 100 * target * times,
                      "achieved": percent * target * times}  # fmt: skip
    assert set(verdicts("R3", first, second).values()) == {"holds"}


@given(st.integers(101, 400), st.integers(2, 90))
def test_bases_in_different_proportion_do_not(pair, verdicts, percent, gap):
    assume(gap != 100)
    first = pair(claim_id="a", target=1_000, achieved=10 * percent, stated_ratio=percent)
    second = first | {"claim_id": "b", "achieved": 10 * (percent + gap)}
    assert set(verdicts("R3", first, second).values()) == {"arithmetic_error"}
