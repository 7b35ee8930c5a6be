"""Numbers as three languages write them."""

from __future__ import annotations

import locale
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import ImpactError
from impact.display.numbers import (
    LANGUAGES,
    MISSING,
    format_integer,
    format_interval,
    format_money,
    format_number,
    format_percent,
    format_quantity,
    is_missing,
    qualified,
    unit_word,
)

numbers = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def read_back(text: str, lang: str) -> Fraction:
    """The number that a formatted text stands for."""
    thousands, point = (",", ".") if lang == "en" else (".", ",")
    return Fraction(text.replace(thousands, "").replace(point, ".").replace("\u2212", "-"))


@pytest.mark.parametrize(
    ("lang", "expected"), [("en", "23,810.50"), ("es", "23.810,50"), ("pt", "23.810,50")]
)
def test_separators_of_each_language(lang, expected):
    assert format_number(23810.5, 2, lang) == expected


@pytest.mark.parametrize("value", [None, float("nan"), np.nan, pd.NA, pd.NaT])
def test_a_missing_number_is_a_dash_and_never_zero(value):
    assert is_missing(value)
    assert format_number(value, 2) == MISSING == "\u2013"
    assert format_percent(value) == format_money(value) == format_quantity(value, "jobs") == MISSING
    assert format_interval(value, 3) == format_interval(3, value) == MISSING


def test_zero_is_not_missing_and_has_no_sign():
    assert format_number(0) == "0"
    assert format_number(-0.0, 1) == "0.0"
    assert format_number(-0.004, 2) == "0.00"


def test_minus_is_the_true_minus_sign():
    assert format_number(-1234.5, 1) == "\u22121,234.5"
    assert "-" not in format_number(-1e6, 2)


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [(0.5, 0, "1"), (1.5, 0, "2"), (2.5, 0, "3"), (-2.5, 0, "\u22123"), (2.675, 2, "2.68")],
)
def test_halves_go_away_from_zero_as_the_reader_sees_them(value, decimals, expected):
    assert format_number(value, decimals) == expected


def test_whole_numbers_and_years():
    assert format_integer(1999.6, "es") == "2.000"
    assert format_number(2009, grouping=False) == "2009"
    assert format_quantity(2009, "year", "pt") == "2009"


def test_per_cent_keeps_its_sign_on_the_line():
    assert format_percent(205.26, 1, "es") == "205,3\u00a0%"


def test_unbounded_intervals_are_said_in_words():
    assert format_interval(4028.4, math.inf, 0) == "[4,028; no upper bound]"
    assert format_interval(4, math.inf, 0, "es") == "[4; sin límite superior]"
    assert format_interval(-math.inf, 4, 0, "pt") == "[sem limite inferior; 4]"
    assert format_number(math.inf) == "∞"
    assert format_number(-math.inf) == "\u2212∞"


def test_money_carries_its_currency():
    assert plain(format_money(84_599_457)) == "EUR 84,599,457"
    assert plain(format_money(84_599_457, "es")) == "84.599.457 EUR"
    assert (
        plain(format_money(16_919_891, "pt", millions=True, decimals=2)) == "16,92 milhões de EUR"
    )
    assert plain(format_money(12.5, currency="USD", decimals=2)) == "USD 12.50"


def test_quantities_name_their_unit_in_the_language():
    assert plain(format_quantity(1, "jobs")) == "1 job"
    assert plain(format_quantity(20_000, "jobs", "es")) == "20.000 empleos"
    assert plain(format_quantity(1, "nuclei", "pt")) == "1 núcleo"
    assert plain(format_quantity(11, "per cent", "es")) == "11 %"
    assert plain(format_quantity(2, "widgets", "es")) == "2 widgets"
    assert unit_word("widgets") == "widgets"


def test_qualifiers_are_put_before_the_number():
    assert qualified("5.300", "more_than", "es") == "más de 5.300"
    assert qualified("12", "exact") == "12"
    with pytest.raises(ImpactError, match="roughly"):
        qualified("12", "roughly")


def test_an_unknown_language_is_refused():
    with pytest.raises(ImpactError, match="'de'"):
        format_number(1, 0, "de")  # type: ignore[arg-type]


def test_the_locale_of_the_machine_is_not_asked():
    before = locale.setlocale(locale.LC_ALL)
    try:
        for name in ("C", "C.UTF-8", "de_DE.UTF-8"):
            try:
                locale.setlocale(locale.LC_ALL, name)
            except locale.Error:
                continue
            assert format_number(1234.5, 1, "es") == "1.234,5"
    finally:
        locale.setlocale(locale.LC_ALL, before)


@given(numbers, st.integers(0, 6), st.sampled_from(LANGUAGES))
def test_what_is_printed_is_within_half_a_unit_of_the_number(value, decimals, lang):
    printed = read_back(format_number(value, decimals, lang), lang)
    assert abs(printed - Fraction(repr(value))) <= Fraction(1, 2 * 10**decimals)


@given(numbers, st.integers(0, 4))
def test_a_number_and_its_negative_differ_by_the_sign_alone(value, decimals):
    one, other = format_number(abs(value), decimals), format_number(-abs(value), decimals)
    assert other.removeprefix("\u2212") == one


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_float_can_be_written(value):
    assert format_number(value, 2)
