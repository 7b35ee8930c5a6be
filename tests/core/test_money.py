"""Constant euros: worked by hand in both orders, nothing filled in, the same cents in SQL as in Python."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import DataError, StudyError
from impact.core.money import Money, to_cents
from impact.core.rate_tables import DeflatorTable, RateTable

MACRO = Path(__file__).parents[3] / "shared" / "data" / "reference_macro"


def rates(**by_code: dict[int, str]) -> RateTable:
    return RateTable(
        {(c, y): Decimal(r) for c, series in by_code.items() for y, r in series.items()},
        "currency_per_euro",
        name="rates.csv",
    )


def prices(**by_area: dict[int, str]) -> DeflatorTable:
    return DeflatorTable(
        {(a, y): Decimal(p) for a, series in by_area.items() for y, p in series.items()},
        "index",
        name="prices.csv",
    )


# Pesos: 2,500 to the euro in 2010, 3,000 in 2015. Prices rise 95 -> 100 in the euro area, 80 -> 100 in Colombia.
PESO = rates(COP={2010: "2500", 2015: "3000"})
LEVELS = prices(EUR={2010: "95", 2015: "100"}, COP={2010: "80", 2015: "100"})


@pytest.mark.parametrize(
    ("money", "factor", "cents"),
    [
        # 1/2500 = 0.0004: a million pesos are 400.00 euros of 2010.
        (Money(PESO), "0.000400000000000", 40_000),
        # 1/2500 * 100/95 = 1/2375 = 0.00042105263157894...: 421.05 euros of 2015.
        (Money(PESO, LEVELS, 2015, "convert_then_deflate"), "0.000421052631579", 42_105),
        # 100/80 / 3000 = 1/2400 = 0.000416666...: 416.67 euros of 2015.
        (Money(PESO, LEVELS, 2015, "deflate_then_convert"), "0.000416666666667", 41_667),
        # Back to prices of 2010: nothing to deflate, and the rate of 2010 in both orders.
        (Money(PESO, LEVELS, 2010, "convert_then_deflate"), "0.000400000000000", 40_000),
        (Money(PESO, LEVELS, 2010, "deflate_then_convert"), "0.000400000000000", 40_000),
    ],
)
def test_a_million_pesos_of_2010(money: Money, factor: str, cents: int) -> None:
    assert money.factor("COP", 2010) == Decimal(factor)
    assert money.factor("COP", 2010).as_tuple().exponent == -15
    assert to_cents(Decimal("1000000.00"), money.factor("COP", 2010)) == cents


def test_euros_need_no_rate() -> None:
    assert Money().factor("EUR", 1999) == 1
    assert Money(PESO).factor("EUR", 1999) == 1
    for order in ("convert_then_deflate", "deflate_then_convert"):
        deflated = Money(None, LEVELS, 2015, order)  # type: ignore[arg-type]
        assert deflated.factor("EUR", 2010) == Decimal("1.052631578947368")  # 100/95
        assert deflated.factor("EUR", 2015) == 1


def test_both_directions_of_a_rate_give_the_same_factor() -> None:
    other = RateTable({("COP", 2010): Decimal("0.0004")}, "euro_per_currency")
    assert Money(other).factor("COP", 2010) == Money(PESO).factor("COP", 2010)


def test_a_factor_is_rounded_once_and_half_to_even() -> None:
    # 1/65536 = 0.0000152587890625 has sixteen decimals and ends on 5; the even neighbour is ...062.
    table = rates(AAA={2000: "65536"}, BBB={2000: "21845.3333333333333333333333"})
    assert Money(table).factor("AAA", 2000) == Decimal("0.000015258789062")
    # 3/65536 = 0.0000457763671875: the even neighbour is ...188. A rounded quotient would miss the tie.
    exact = RateTable({("AAA", 2000): Decimal("0.0000457763671875")}, "euro_per_currency")
    assert Money(exact).factor("AAA", 2000) == Decimal("0.000045776367188")


def test_inflation_is_chained_over_every_year_between() -> None:
    # 2013 -> 2015: 1.25 * 1.60 = 2.
    inflation = DeflatorTable(
        {("EMU", 2014): Decimal(25), ("EMU", 2015): Decimal(60), ("EMU", 2018): Decimal(0)},
        "inflation_pct",
    )
    money = Money(None, inflation, 2015, "convert_then_deflate", areas={"EUR": "EMU"})
    assert [money.factor("EUR", y) for y in (2013, 2014, 2015)] == [2, Decimal("1.6"), 1]
    back = Money(None, inflation, 2013, "convert_then_deflate", areas={"EUR": "EMU"})
    assert back.factor("EUR", 2015) == Decimal("0.5")
    with pytest.raises(DataError) as broken:
        money.factor("EUR", 2018)
    assert [fault.value for fault in broken.value.faults] == ["EMU 2016", "EMU 2017"]


def test_every_missing_rate_and_price_is_named_in_one_pass() -> None:
    levels = prices(EUR={2010: "95", 2012: "98", 2015: "100"})
    money = Money(PESO, levels, 2015, "convert_then_deflate")
    pairs = [
        ("PEN", 2010),
        ("COP", 2010),
        ("COP", 2012),
        ("COP", 2011),
        ("EUR", 2011),
        ("COP", 2010),
    ]
    table, faults = money.factors(pairs)
    assert table[["currency", "year"]].values.tolist() == [["COP", 2010]]
    said = [str(f) for f in faults]
    assert len(said) == 4  # the price level of 2011 is missing once, whoever needs it
    assert said[0].startswith(
        "rates.csv, value 'COP 2011': there is no exchange rate of COP for 2011."
    )
    assert said[1].startswith(
        "prices.csv, value 'EUR 2011': there is no price level of EUR for 2011"
    )
    assert said[2].startswith(
        "rates.csv, value 'COP 2012': there is no exchange rate of COP for 2012."
    )
    assert said[3].startswith(
        "rates.csv, value 'PEN 2010': there is no exchange rate of PEN for 2010."
    )
    assert "no rate is carried forward or interpolated" in said[0]


def test_a_rate_of_the_neighbouring_years_does_not_stand_in() -> None:
    table, faults = Money(rates(COP={2010: "2500", 2012: "2500"})).factors([("COP", 2011)])
    assert table.empty and len(faults) == 1


def test_local_prices_use_the_rate_of_the_base_year_only() -> None:
    only_base = rates(COP={2015: "3000"})
    money = Money(only_base, LEVELS, 2015, "deflate_then_convert")
    assert money.factor("COP", 2010) == Decimal("0.000416666666667")
    lacking = Money(rates(COP={2010: "2500"}), LEVELS, 2015, "deflate_then_convert")
    _, faults = lacking.factors([("COP", 2010), ("COP", 2015)])
    assert [f.value for f in faults] == ["COP 2015"]


def test_an_area_that_the_table_calls_otherwise_is_asked_for() -> None:
    money = Money(None, prices(EMU={2010: "95", 2015: "100"}), 2015, "convert_then_deflate")
    _, faults = money.factors([("EUR", 2010), ("EUR", 2011)])
    assert len(faults) == 1
    assert "(it has: EMU)" in faults[0].remedy


def test_amounts_in_a_currency_without_any_rates_are_refused() -> None:
    _, faults = Money().factors([("USD", 2010), ("USD", 2011)])
    assert [f.problem for f in faults] == [
        "amounts stand in USD and no exchange rates are declared"
    ]


def test_the_table_of_factors() -> None:
    table, faults = Money(PESO).factors([("EUR", 2015), ("COP", 2015), ("COP", 2010)])
    assert faults == []
    assert list(table.columns) == ["currency", "year", "factor"]
    assert [str(t) for t in table.dtypes] == ["str", "int64", "object"]
    assert table["factor"].tolist() == [Decimal("0.0004"), Decimal("0.000333333333333"), Decimal(1)]
    empty, _ = Money(PESO).factors([])
    assert [str(t) for t in empty.dtypes] == ["str", "int64", "object"]


@pytest.mark.parametrize("code", ["eur", "EURO", "", "E1R", "ÉUR", "EUR\n", "EUR "])
def test_a_code_of_another_shape_is_a_fault(code: str) -> None:
    table, faults = Money(PESO).factors([(code, 2010)])
    assert table.empty
    assert "not a currency code" in faults[0].problem


@pytest.mark.parametrize(
    ("levels", "size"),
    [({1990: "1", 2015: "100000000000"}, "much"), ({1990: "100000000000", 2015: "1"}, "little")],
)
def test_a_factor_that_does_not_fit_its_decimals_is_a_fault(
    levels: dict[int, str], size: str
) -> None:
    money = Money(rates(ARS={2015: "10"}), prices(ARS=levels), 2015, "deflate_then_convert")
    _, faults = money.factors([("ARS", 1990)])
    assert f"too {size} to be counted in cents" in faults[0].problem


def test_words_for_print() -> None:
    assert Money().label() == "current euros"
    assert Money(PESO).label() == "current euros, converted at yearly average rates"
    assert Money(PESO, LEVELS, 2015, "convert_then_deflate").label() == (
        "constant 2015 euros, converted at yearly average rates, then deflated (euro area)"
    )
    assert Money(PESO, LEVELS, 2015, "deflate_then_convert").label() == (
        "constant 2015 euros, deflated (prices of each currency's area), then converted at the rate of 2015"
    )
    assert Money(None, LEVELS, 2015, "convert_then_deflate").label() == (
        "constant 2015 euros, deflated (euro area)"
    )
    assert Money(PESO).column_suffix() == "eur"
    assert Money(PESO, LEVELS, 2015, "convert_then_deflate").column_suffix() == "eur_2015"


def test_what_is_not_declared_is_asked_for() -> None:
    with pytest.raises(StudyError, match="no table of deflators"):
        Money(PESO, None, 2015, "convert_then_deflate")
    with pytest.raises(
        StudyError, match="declare 'convert_then_deflate' or 'deflate_then_convert'"
    ):
        Money(PESO, LEVELS, 2015)
    with pytest.raises(StudyError, match="order = 'both'"):
        Money(PESO, LEVELS, 2015, "both")  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="base year 15"):
        Money(PESO, LEVELS, 15, "convert_then_deflate")
    with pytest.raises(StudyError, match="quoted = 'usual'"):
        RateTable({}, "usual")  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="kind = 'cpi'"):
        DeflatorTable({}, "cpi")  # type: ignore[arg-type]


def test_a_rate_that_is_upside_down_is_asked_about() -> None:
    # 2,500 pesos to the euro, declared as euros to the peso: a peso of 2,500 euros.
    with pytest.raises(DataError, match="one COP would be worth 2,500 euros in 2010") as refused:
        RateTable({("COP", 2010): Decimal(2500)}, "euro_per_currency")
    assert 'are the rates quoted as "currency_per_euro"' in str(refused.value)
    with pytest.raises(DataError, match="2,500 euros"):
        RateTable({("COP", 2010): Decimal("0.0004")}, "currency_per_euro")
    # The dearest unit in use, the Kuwaiti dinar, passes in the direction that is right.
    assert rates(KWD={2015: "0.33"}).euros("KWD", 2015) == Fraction(100, 33)


@pytest.mark.parametrize(
    ("key", "rate"),
    [
        (("COP", 2010), "0"),
        (("COP", 2010), "-1"),
        (("COP", 2010), "NaN"),
        (("COP", 2010), "Infinity"),
        (("COP", 2010), "1E+999999"),
        (("COP", 2010), "1E-999999"),
        (("EUR", 2010), "1.1"),
        (("cop", 2010), "2500"),
        (("COP", 15), "2500"),
    ],
)
def test_what_cannot_be_a_rate_is_refused(key: tuple[str, int], rate: str) -> None:
    with pytest.raises(DataError):
        RateTable({key: Decimal(rate)}, "currency_per_euro")


@pytest.mark.parametrize("value", ["-100", "NaN", "1E+20", "1E-999999"])
def test_what_cannot_be_an_inflation_is_refused(value: str) -> None:
    with pytest.raises(DataError):
        DeflatorTable({("EMU", 2010): Decimal(value)}, "inflation_pct")


def test_floats_are_refused_since_they_are_not_exact() -> None:
    with pytest.raises(DataError, match="not exact"):
        RateTable({("COP", 2010): 2500.0}, "currency_per_euro")  # type: ignore[dict-item]
    with pytest.raises(DataError, match="not exact"):
        DeflatorTable({("EMU", 2010): 2.5}, "inflation_pct")  # type: ignore[dict-item]


def test_a_table_cannot_be_changed_behind_its_back() -> None:
    given_rates = {("COP", 2010): Decimal(2500)}
    table = RateTable(given_rates, "currency_per_euro")
    given_rates["COP", 2010] = Decimal(1)
    assert table.euros("COP", 2010) == Fraction(1, 2500)


def test_a_redenomination_is_said() -> None:
    # Turkey took six zeros from the lira between 2004 and 2005, and kept its name in many tables.
    table = rates(TRY={2003: "1694851", 2004: "1777052", 2005: "1.6771"}, USD={2003: "1.13"})
    (notice,) = Money(table).notices()
    assert "the rate of TRY goes from 1777052 in 2004 to 1.6771 in 2005" in str(notice)
    assert notice.file == "rates.csv"
    # A depreciation to a third in one year, as in Argentina in 2002, is none.
    assert Money(rates(ARS={2001: "0.9", 2002: "2.9"})).notices() == []


def test_figures_of_the_other_kind_are_doubted() -> None:
    as_index = prices(EMU={2010: "3.1", 2011: "0.4", 2012: "2.2"})
    assert "yearly inflation in %" in str(as_index.notices()[0])
    as_inflation = DeflatorTable(
        {("EMU", 2010): Decimal(95), ("EMU", 2011): Decimal(98)}, "inflation_pct"
    )
    assert "not a price index" in str(as_inflation.notices()[0])
    assert LEVELS.notices() == []
    jump = prices(EMU={2010: "95", 2011: "9800"})
    assert "factor of 103.2 between 2010 and 2011" in str(jump.notices()[0])


@given(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.integers(10**6, 10**16).map(lambda n: Decimal(n).scaleb(-15)),
)
def test_cents_are_rounded_half_away_from_zero(hundredths: int, factor: Decimal) -> None:
    exact = hundredths * Fraction(factor)
    half_away = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    assert to_cents(Decimal(hundredths).scaleb(-2), factor) == half_away


def test_an_amount_that_the_engines_cannot_hold_is_refused() -> None:
    assert to_cents(Decimal("9999999999999999.99"), Decimal(1)) == 10**18 - 1
    for amount in ("10000000000000000", "NaN", "Infinity", "1E+999999"):
        with pytest.raises(DataError, match="18 digits"):
            to_cents(Decimal(amount), Decimal(1))
    with pytest.raises(DataError, match="BIGINT"):
        to_cents(Decimal("9999999999999999.99"), Decimal(9999))
    assert to_cents(Decimal("1E-999999"), Decimal(1)) == 0
    assert to_cents(Decimal("0E+999999"), Decimal(1)) == 0


@pytest.mark.skipif(not MACRO.exists(), reason="reference data are not here")
def test_real_rates_and_prices_of_colombia() -> None:
    """Pesos per dollar over euros per dollar, then euro-area inflation: against plain floats."""
    pwt = pd.read_csv(MACRO / "pwt1001_xr_prices.csv", dtype={"xr": "str"})
    dollar = {(c, y): Decimal(x) for c, y, x in zip(pwt.isocode, pwt.year, pwt.xr, strict=True)}
    table = RateTable(
        {("COP", y): dollar["COL", y] / dollar["DEU", y] for y in range(1999, 2020)},
        "currency_per_euro",
    )
    wb = pd.read_csv(MACRO / "wb_inflation.csv", dtype="str").dropna()
    deflators = DeflatorTable(
        {(c, int(y)): Decimal(p) for c, y, p in
         zip(wb.isocode, wb.year, wb.gdp_deflator_inflation_pct, strict=True)},
        "inflation_pct",
    )  # fmt: skip
    areas = {"EUR": "EMU", "COP": "COL"}
    plain = wb.set_index(["isocode", "year"])["gdp_deflator_inflation_pct"].astype(float)
    grown = dict.fromkeys(("EMU", "COL"), 1.0)
    for year in range(2006, 2016):
        for area in grown:
            grown[area] *= 1 + plain[area, str(year)] / 100
    peso = {y: float(table.rates["COP", y]) for y in (2005, 2015)}
    assert 2800 < peso[2005] < 3000 and 2900 < peso[2015] < 3100  # as it was quoted in these years

    a = Money(table, deflators, 2015, "convert_then_deflate", areas).factor("COP", 2005)
    assert float(a) == pytest.approx(grown["EMU"] / peso[2005], rel=1e-9)
    b = Money(table, deflators, 2015, "deflate_then_convert", areas).factor("COP", 2005)
    assert float(b) == pytest.approx(grown["COL"] / peso[2015], rel=1e-9)
    assert (
        b > a
    )  # the peso lost less against the euro than Colombian prices rose: the orders differ
    assert Money(table, deflators, 2015, "convert_then_deflate", areas).notices() == []
