"""Yearly averages against those that the bank itself publishes; what it does not publish is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

import impact
from impact.core.errors import DataError, MissingEngine
from impact.read import ecb_rates as room


def test_averages_are_those_of_the_bank():
    pytest.importorskip("currency_converter")
    table = impact.ecb_rates([2012, 2015], ["USD", "GBP", "BRL"])
    # ECB Data Portal, EXR.A.USD.EUR.SP00.A and so on.
    published = {
        ("USD", 2012): 1.2848,
        ("USD", 2015): 1.1095,
        ("GBP", 2012): 0.81087,
        ("BRL", 2015): 3.7004,
    }
    for key, rate in published.items():
        assert float(table.rates[key]) == pytest.approx(rate, abs=6e-5), key
    euros = impact.Money(table).factor("USD", 2015)
    assert float(euros) == pytest.approx(1 / 1.1095, abs=5e-5)


def test_currencies_and_years_that_are_not_there_come_in_one_pass():
    pytest.importorskip("currency_converter")
    with pytest.raises(DataError) as caught:
        impact.ecb_rates([1998, 2012], ["PEN", "COP", "USD"])
    assert [(f.column, f.value) for f in caught.value.faults] == [
        ("currencies", "PEN"),
        ("currencies", "COP"),
        ("years", 1998),
    ]
    with pytest.raises(DataError, match="whole year"):
        impact.ecb_rates([1998])


def test_a_year_that_is_not_whole_has_no_average(monkeypatch):
    from datetime import date, timedelta

    days = [(date(2020, 1, 2) + timedelta(n), {"USD": Decimal(1 + n % 2)}) for n in range(360)]
    later = [(date(2021, 1, 2) + timedelta(n), {"USD": Decimal(3)}) for n in range(300)]
    monkeypatch.setattr(room, "_daily", lambda: days + later)
    room._yearly.cache_clear()
    try:
        table = room.ecb_rates()
        assert dict(table.rates) == {("USD", 2020): Decimal("1.50000000")}
        assert table.euros("USD", 2020) == Fraction(2, 3)
    finally:
        room._yearly.cache_clear()


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(room.resources, "files", absent)
    room._yearly.cache_clear()
    try:
        with pytest.raises(MissingEngine, match=r"impact\[rates\]"):
            room.ecb_rates()
    finally:
        room._yearly.cache_clear()


def test_a_package_without_its_file_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(room.resources, "files", lambda name: tmp_path)
    room._yearly.cache_clear()
    try:
        with pytest.raises(MissingEngine, match="carries no eurofxref"):
            room.ecb_rates()
    finally:
        room._yearly.cache_clear()
