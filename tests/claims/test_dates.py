"""R14: the calendar."""

from __future__ import annotations

import calendar
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.claims.dates import period_of


@pytest.mark.parametrize(
    ("amount", "unit", "period", "verdict"),
    [
        (24, "months", "2016-2018", "unverifiable"),
        (36, "months", "2016-2018", "unverifiable"),
        (37, "months", "2016-2018", "arithmetic_error"),
        (
            12,
            "months",
            "2016-2018",
            "arithmetic_error",
        ),  # from the last day of 2016 to the first of 2018 is more
        (4, "years", "2016-2020", "unverifiable"),
        (6, "years", "2016-2020", "arithmetic_error"),
        (1, "years", "2016-2016", "unverifiable"),
    ],
)
def test_durations(fact, audited, amount, unit, period, verdict):
    table = audited(fact("d", amount, unit=unit, period=period, kind="context")).tidy()
    row = table[table["rule"] == "R14"].iloc[0]
    assert row["verdict"] == verdict
    assert bool(row["sentence_en"]) == (verdict == "arithmetic_error")


def test_a_period_that_runs_backwards(fact, verdicts):
    assert verdicts("R14", fact("d", 5, period="2013-2009")) == {"d": "arithmetic_error"}


def test_a_year_outside_its_own_period(fact, verdicts):
    row = fact("d", 2008, unit="year", kind="context", period="2009-2013")
    assert verdicts("R14", row) == {"d": "arithmetic_error"}
    assert verdicts("R14", {**row, "achieved": 2009}) == {}
    assert verdicts("R14", {**row, "achieved": 2030, "period": "2009-"}) == {}


def test_what_was_counted_after_the_end(fact, verdicts):
    usual = [fact(f"a{i}", 5, subject=f"a{i}") for i in range(3)]  # 2009-2013
    assert verdicts("R14", *usual, fact("late", 70, subject="late", period="2014-04")) == {
        "late": "unverifiable"
    }
    assert verdicts("R14", *usual, fact("late", 70, subject="late", period="2013-12")) == {}
    assert (
        verdicts("R14", *usual, fact("late", 70, subject="late", period="2014-04", programme="Q"))
        == {}
    )


@pytest.mark.parametrize(
    ("phrase", "verdict"),
    [
        ("on Monday, 16 May 2016", {"d": "unverifiable"}),
        ("on Tuesday, 16 May 2016", {"d": "arithmetic_error"}),
        ("el lunes 16 de mayo de 2016", {"d": "unverifiable"}),
        ("el jueves 16 de mayo de 2016", {"d": "arithmetic_error"}),
        ("na segunda-feira, 16 de maio de 2016", {"d": "unverifiable"}),
        ("na sexta-feira, 16 de maio de 2016", {"d": "arithmetic_error"}),
        ("on 16 May 2016", {}),
        ("on Monday, 31 April 2016", {"d": "arithmetic_error"}),
        ("el lunes 30 de febrero de 2016", {"d": "arithmetic_error"}),
    ],
)
def test_weekdays(fact, verdicts, phrase, verdict):
    assert verdicts("R14", fact("d", 5, phrase=phrase)) == verdict


@given(st.dates(date(1990, 1, 1), date(2030, 12, 31)), st.integers(0, 6))
def test_only_the_right_weekday_holds(fact, verdicts, day, weekday):
    month = calendar.month_name[day.month]
    phrase = f"{calendar.day_name[weekday]}, {day.day} {month} {day.year}"
    said = "unverifiable" if weekday == day.weekday() else "arithmetic_error"
    assert verdicts("R14", fact("d", 5, phrase=phrase)) == {"d": said}


@pytest.mark.parametrize("text", ["", "not said", "2016-13", "20166", "May 2016", "2016-02-30"])
def test_what_is_no_period_is_left_alone(text):
    assert period_of(text) is None


def test_the_real_dates(published):
    rows = published.tidy().query("rule == 'R14'").set_index("claim_id")
    assert rows["verdict"].to_dict() == {
        "ccl_duration_4_years": "unverifiable",
        "eu_pilot_2_years": "unverifiable",
        "eu_5_deadline": "unverifiable",
        "eu_iv_farmers_70": "unverifiable",
        "pp_duration_24": "unverifiable",
    }
    # By hand: 2016-05-16 is 16 weeks after 2016-01-25, a Monday. The pilot of two years from 1994 and a first phase from 1995 on leave two whole
    # years at most. The text dates its 70 farmers itself, so that April 2014 is nothing to correct.
    assert "2016-05-16 was a Monday" in rows.loc["eu_5_deadline", "reason"]
    assert "possible only from the first day" in rows.loc["eu_pilot_2_years", "reason"]
    assert rows.loc["eu_iv_farmers_70", "sentence_en"] == ""


def test_a_wrong_weekday_is_corrected_in_three_languages(fact, audited):
    row = audited(fact("d", 5, phrase="el martes 16 de mayo de 2016")).tidy().iloc[0]
    assert [row[f"sentence_{lang}"] for lang in ("en", "es", "pt")] == [
        "2016-05-16 was a Monday.", "2016-05-16 fue lunes.", "2016-05-16 foi segunda-feira.",
    ]  # fmt: skip
