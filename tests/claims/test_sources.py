"""R4: two places on the same subject."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

QUALIFIERS = ("exact", "more_than", "at_least", "fewer_than", "at_most", "almost", "about")


def two(fact, first, second, **changes):
    return (
        fact("a", first[1], qualifier=first[0], source="one", publisher="One"),
        fact("b", second[1], qualifier=second[0], source="two", publisher="Two") | changes,
    )


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (("more_than", 6_500), ("exact", 6_438), "conflict"),
        (("more_than", 6_500), ("exact", 6_500), "conflict"),
        (("at_least", 6_500), ("exact", 6_500), "holds"),
        (("more_than", 5_300), ("exact", 5_375), "holds"),
        (("almost", 60_000), ("exact", 59_000), "holds"),
        (("almost", 60_000), ("exact", 60_000), "conflict"),
        (("almost", 60_000), ("exact", 40_000), "conflict"),
        (("exact", 6), ("exact", 6), "holds"),
        (("exact", 6), ("exact", 7), "conflict"),
        (("fewer_than", 15), ("exact", 13), "holds"),
        (("fewer_than", 15), ("more_than", 15), "conflict"),
        (("more_than", 10), ("more_than", 1_000), "holds"),
    ],
)
def test_the_words_before_the_numbers_decide(fact, verdicts, first, second, verdict):
    assert verdicts("R4", *two(fact, first, second)) == {"a": verdict, "b": verdict}


@pytest.mark.parametrize(
    ("part", "verdict"),
    [(5_375, "holds"), (5_145, "holds"), (5_100, "conflict"), (5_700, "conflict")],
)
def test_11_per_cent_of_49000_against_a_count(fact, share, verdicts, part, verdict):
    rows = (
        fact("whole", 49_000, subject="all"),
        share("share", 11, subject="peru", part_of="whole"),
        fact("count", part, subject="peru"),
    )
    assert verdicts("R4", *rows) == {"share": verdict, "count": verdict}


def test_percentages_are_compared_with_their_rounding(share, verdicts):
    exact = share("a", 13)
    assert verdicts("R4", exact, share("b", 15, qualifier="fewer_than")) == {
        "a": "holds", "b": "holds"}  # fmt: skip
    assert set(verdicts("R4", exact, share("b", 13.4, stated_decimals=1)).values()) == {"holds"}
    assert set(verdicts("R4", exact, share("b", 13.6, stated_decimals=1)).values()) == {"conflict"}


def test_the_sentence_names_who_says_what(fact, audited):
    row = audited(*two(fact, ("more_than", 6_500), ("exact", 6_438))).tidy().iloc[0]
    assert row["sentence_en"].replace("\u00a0", " ") == (
        "The sources disagree: more than 6,500 firms (One); 6,438 firms (Two)."
    )
    assert "más de 6.500" in row["sentence_es"]
    assert "mais de 6.500" in row["sentence_pt"]
    assert (row["stated"], row["value"]) == (6_500, 6_438)


def test_of_several_places_the_one_that_clashes_is_shown(fact, audited):
    rows = [fact("a", 5), fact("b", 5), fact("c", 9)]
    table = audited(*rows).tidy().set_index("claim_id")
    assert table["verdict"].tolist() == ["conflict"] * 3
    assert table["value"].tolist() == [9, 9, 5]


def test_agreement_within_one_source_is_said_to_be_that(fact, audited):
    same = audited(fact("a", 6), fact("b", 6)).tidy()
    assert same["reason"].str.contains("no other source confirms it").all()
    other = audited(fact("a", 6), fact("b", 6, source="another")).tidy()
    assert other["reason"].str.contains("1 of them in another source").all()


def test_another_unit_cannot_be_compared(fact, verdicts):
    rows = two(fact, ("exact", 3_700), ("exact", 5_224), unit="entrepreneurs")
    assert verdicts("R4", *rows) == {"a": "undefined", "b": "undefined"}


def test_another_subject_is_no_rival(fact, verdicts):
    assert verdicts("R4", *two(fact, ("exact", 6), ("exact", 7), subject="else")) == {}


def test_a_plan_does_not_conflict_with_an_achievement(fact, pair, verdicts):
    plan = fact("plan", None, kind="plan", target=25_000)
    done = fact("done", 49_000)
    assert verdicts("R4", plan, done) == {}
    # ... but two targets for one subject do conflict.
    both = pair(claim_id="both", target=30_000, achieved=49_000)
    assert verdicts("R4", plan, both) == {"plan": "conflict", "both": "conflict"}


@given(
    st.sampled_from(QUALIFIERS), st.integers(1, 1_000), st.sampled_from(QUALIFIERS),
    st.integers(1, 1_000),
)  # fmt: skip
def test_conflict_is_mutual(fact, verdicts, first, one, second, other):
    found = verdicts("R4", *two(fact, (first, one), (second, other)))
    assert found["a"] == found["b"]


@given(st.sampled_from(QUALIFIERS), st.integers(1, 10**6))
def test_no_statement_conflicts_with_itself(fact, verdicts, qualifier, value):
    found = verdicts("R4", *two(fact, (qualifier, value), (qualifier, value)))
    assert set(found.values()) == {"holds"}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"geography": "Peru"}, "undefined"),
        ({"period": "2016-2020"}, "undefined"),
        ({"geography": "not said"}, "conflict"),
        ({"period": ""}, "conflict"),
        ({"period": "2009-"}, "conflict"),  # the same years, their end left open
    ],
)
def test_numbers_of_other_ground_do_not_conflict(fact, audited, changes, verdict):
    rows = two(fact, ("exact", 100), ("exact", 90), **changes)
    if changes.get("period") == "2009-":
        rows[0]["period"] = "2009-2013"
    table = audited(*rows).tidy().query("rule == 'R4'")
    assert table["verdict"].tolist() == [verdict] * 2
    assert (table["sentence_es"] != "").all()
    if verdict == "undefined":
        assert "Andes" in table["reason"].iloc[0] or "2009-2013" in table["reason"].iloc[0]


def test_numbers_of_other_ground_that_agree_hold(fact, verdicts):
    rows = two(fact, ("more_than", 90), ("exact", 100), geography="Peru")
    assert verdicts("R4", *rows) == {"a": "holds", "b": "holds"}


def test_words_that_differ_are_shown_where_numbers_do(published):
    """6,438 firms consolidated and internationalised; more than 6,500 that increased their exports: a conflict only if these are the same firms."""
    rows = published.tidy().query("rule == 'R4'").set_index("claim_id")
    reason = rows.loc["eu_iv_exports_increased", "reason"]
    assert "“firms that increased their exports” here" in reason
    assert "“firms consolidated and internationalised” there" in reason
