"""Tables of rates and deflators: what is understood, what is asked, which row is at fault."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import StudyError
from impact.core.money import Money
from impact.read.delimited import TextTable, read_delimited
from impact.validate.rates import read_deflators, read_rates

MACRO = Path(__file__).parents[3] / "shared" / "data" / "reference_macro"


def table(text: str, name: str = "rates.csv") -> TextTable:
    """A table as the reader gives it: the header is row 1."""
    header, *body = [line.split("|") for line in text.split("\n")]
    cells = pd.DataFrame(body, columns=header, dtype="object")
    cells.index = pd.RangeIndex(2, 2 + len(body), name="row")
    return TextTable(name, "", cells)


def test_rates_are_read_exactly() -> None:
    made, faults, notices = read_rates(
        table(
            "year|currency|rate\n2010|COP|2516.4731\n 2010|USD\u00a0|1.3257\n\ufeff2010|PEN|\u200b3.7E0"
        ),
        quoted="currency_per_euro",
    )
    assert (faults, notices) == ([], [])
    assert made is not None
    assert dict(made.rates) == {
        ("COP", 2010): Decimal("2516.4731"),
        ("USD", 2010): Decimal("1.3257"),
        ("PEN", 2010): Decimal("3.7"),
    }
    assert made.name == "rates.csv"


def test_every_bad_row_is_reported_in_one_pass() -> None:
    made, faults, _ = read_rates(
        table(
            "year|currency|rate\n"
            "2010|COP|2500.5\n"  # 2: good
            "2010|COP|2501\n"  # 3: again
            "2011|cop|2600\n"  # 4: code
            "2012|COP|0\n"  # 5: not positive
            "2013|COP|-1\n"  # 6: not positive
            "2014|COP|n.a.\n"  # 7: not a number
            "15|COP|3000\n"  # 8: year
            "2016.0|COP|3000\n"  # 9: year
            "2017|COP|1,234.5\n"  # 10: thousands
            "0001|peso|x\n"  # 11: all three cells
            "2018|EUR|1.1"  # 12: the euro
        ),
        quoted="currency_per_euro",
    )
    assert made is None
    where = [(f.row, f.column) for f in faults]
    assert where == [
        (3, "year"),
        (4, "currency"),
        (5, "rate"),
        (6, "rate"),
        (7, "rate"),
        (8, "year"),
        (9, "year"),
        (10, "rate"),
        (11, "year"),
        (11, "currency"),
        (11, "rate"),
        (12, "rate"),
    ]
    assert "COP 2010 stands in row 2 already" in str(faults[0])
    assert "write 'COP'" in faults[1].remedy
    assert {f.file for f in faults} == {"rates.csv"}


def test_a_point_before_three_digits_everywhere_is_asked_about() -> None:
    text = "year|currency|rate\n2010|COP|2.516\n2011|COP|2.569\n2012|COP|2310"
    made, faults, _ = read_rates(table(text), quoted="currency_per_euro")
    assert made is None
    assert len(faults) == 1
    assert faults[0].value == "2.516"
    assert faults[0].remedy.endswith('Declare decimal = "." or decimal = ","')
    point, faults, _ = read_rates(table(text), quoted="currency_per_euro", decimal=".")
    assert faults == [] and point is not None
    assert point.rates["COP", 2010] == Decimal("2.516")
    _, faults, _ = read_rates(table(text), quoted="currency_per_euro", decimal=",")
    assert [f.row for f in faults] == [
        2,
        3,
    ]  # then they are thousands, which the table may not have


@pytest.mark.parametrize("proof", ["1.32", "1.3257", "0.125", "1234.567"])
def test_one_cell_can_prove_the_decimal_mark(proof: str) -> None:
    for mark in ".,":
        text = f"year|currency|rate\n2010|COP|2.516\n2010|USD|{proof}".replace(".", mark)
        made, faults, _ = read_rates(table(text), quoted="currency_per_euro")
        assert faults == [] and made is not None
        assert made.rates["COP", 2010] == Decimal("2.516")
        assert made.rates["USD", 2010] == Decimal(proof)


def test_two_decimal_marks_are_asked_about() -> None:
    _, faults, _ = read_rates(
        table("year|currency|rate\n2010|COP|2516.47\n2010|USD|1,32"), quoted="currency_per_euro"
    )
    assert "both '.' and ',' stand before decimals" in faults[0].problem


def test_a_missing_rate_is_left_missing_and_said() -> None:
    made, faults, notices = read_rates(
        table("year|currency|rate\n2010|COP|2500\n2011|COP|\n2012|COP|.."),
        quoted="currency_per_euro",
        missing=[".."],
    )
    assert faults == [] and made is not None
    assert [n.rows for n in notices] == [2]
    _, lacking = Money(made).factors([("COP", 2011)])
    assert len(lacking) == 1


def test_a_redenomination_is_noticed() -> None:
    _, _, notices = read_rates(
        table("year|currency|rate\n2004|TRY|1777052.5\n2005|TRY|1.67"), quoted="currency_per_euro"
    )
    assert "the rate of TRY goes from 1777052.5 in 2004 to 1.67 in 2005" in str(notices[0])


def test_an_upside_down_table_names_its_rows() -> None:
    _, faults, _ = read_rates(
        table("year|currency|rate\n2010|COP|2500\n2010|USD|1.32"), quoted="euro_per_currency"
    )
    assert [f.row for f in faults] == [2]
    assert 'quoted as "currency_per_euro"' in faults[0].remedy


def test_columns_may_be_called_otherwise_and_a_missing_one_is_named() -> None:
    text = "anio|moneda|cambio\n2010|COP|2500"
    made, faults, _ = read_rates(
        table(text),
        quoted="currency_per_euro",
        columns={"year": "anio", "currency": "moneda", "rate": "cambio"},
    )
    assert faults == [] and made is not None
    _, faults, _ = read_rates(table(text), quoted="currency_per_euro")
    assert [f.column for f in faults] == ["year", "currency", "rate"]
    assert "the file has: anio, moneda, cambio" in faults[0].remedy


def test_deflators_by_area_by_currency_or_of_one_area() -> None:
    by_area, *_ = read_deflators(table("year|area|index\n2010|EMU|95.5"), kind="index")
    by_currency, *_ = read_deflators(table("year|currency|index\n2010|EUR|95.5"), kind="index")
    of_one, *_ = read_deflators(table("year|index\n2010|95.5"), kind="index", area="EUR")
    assert by_area is not None and by_currency is not None and of_one is not None
    assert by_area.areas() == ["EMU"]
    assert dict(by_currency.values) == dict(of_one.values) == {("EUR", 2010): Decimal("95.5")}
    none, faults, _ = read_deflators(table("year|index\n2010|95.5"), kind="index")
    assert none is None
    assert [f.column for f in faults] == ["area"]


@pytest.mark.parametrize("name", ["E\0U", "EMU\u202e", "E" * 10_000_000])
def test_an_area_that_cannot_be_printed_is_a_fault(name: str) -> None:
    cells = pd.DataFrame({"year": ["2010"] * 2, "area": [name] * 2, "index": ["95.5"] * 2})
    _, faults, _ = read_deflators(TextTable("x.csv", "", cells), kind="index")
    assert [f.problem for f in faults[:1]] == ["this is no name of an area"]
    assert len(str(faults[0])) < 400


def test_inflation_may_be_negative_and_an_index_may_not() -> None:
    text = "year|area|{}\n2009|EMU|-0.3\n2010|EMU|1.6"
    made, faults, _ = read_deflators(table(text.format("inflation_pct")), kind="inflation_pct")
    assert faults == [] and made is not None
    assert made.ratio("EMU", 2010, 2009) == Fraction(1016, 1000)
    _, faults, _ = read_deflators(table(text.format("index")), kind="index")
    assert [(f.row, f.column) for f in faults] == [(2, "index")]


def test_an_area_without_a_name_and_a_second_row_of_a_year_are_faults() -> None:
    _, faults, _ = read_deflators(
        table("year|area|index\n2010||95.5\n2011|EMU|97.5\n2011|EMU|97.5"), kind="index"
    )
    assert [(f.row, f.column) for f in faults] == [(2, "area"), (4, "year")]


def test_unknown_words_are_refused() -> None:
    rates, prices = table("year|currency|rate\n2010|COP|1"), table("year|area|index\n2010|EMU|1")
    with pytest.raises(StudyError, match="quoted = 'usual'"):
        read_rates(rates, quoted="usual")  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="decimal = ';'"):
        read_rates(rates, quoted="currency_per_euro", decimal=";")  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="kind = 'cpi'"):
        read_deflators(prices, kind="cpi")  # type: ignore[arg-type]


HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="0123456789.,-+eE ٣\u00a0"),
    st.characters(categories=["Cs"]),
    st.sampled_from(
        ["=cmd|' /C calc'!A0", "\0", "9" * 5000, "1E99", "NaN", "Infinity", "٢٠١٥", "²", "1_000"]
    ),
)


@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE), min_size=1, max_size=4))
def test_hostile_cells_never_get_out(rows: list[tuple[str, str, str]]) -> None:
    rows = [*rows, *[("2010", "COP", c) for _, _, c in rows], *[(a, "COP", "1") for a, *_ in rows]]
    cells = pd.DataFrame(rows, columns=["year", "currency", "rate"], dtype="object")
    cells.index = pd.RangeIndex(2, 2 + len(rows))
    before = cells.copy()
    made, faults, notices = read_rates(TextTable("x.csv", "", cells), quoted="currency_per_euro")
    assert (made is None) == bool(faults)
    assert all(str(item) for item in [*faults, *notices])
    cells.columns = pd.Index(["year", "area", "inflation_pct"])
    prices, faults, notices = read_deflators(
        TextTable("x.csv", "", cells), kind="inflation_pct", decimal="."
    )
    assert (prices is None) == bool(faults)
    assert all(str(item) for item in [*faults, *notices])
    assert cells.to_numpy().tolist() == before.to_numpy().tolist()


def test_a_cell_of_ten_megabytes_is_a_fault_like_any_other() -> None:
    cells = pd.DataFrame({"year": ["2010"], "currency": ["COP"], "rate": ["9" * 10_000_000]})
    _, faults, _ = read_rates(TextTable("x.csv", "", cells), quoted="currency_per_euro")
    assert len(faults) == 1
    assert len(str(faults[0])) < 400


@pytest.mark.skipif(not MACRO.exists(), reason="reference data are not here")
def test_the_inflation_of_the_world_bank() -> None:
    received = read_delimited(MACRO / "wb_inflation.csv")
    made, faults, notices = read_deflators(
        received,
        kind="inflation_pct",
        columns={"area": "isocode", "inflation_pct": "gdp_deflator_inflation_pct"},
    )
    assert faults == [] and made is not None
    gaps = (received.cells["gdp_deflator_inflation_pct"] == "").sum()
    assert notices[0].rows == gaps > 0
    money = Money(None, made, 2015, "convert_then_deflate", areas={"EUR": "EMU"})
    assert Decimal("1.05") < money.factor("EUR", 2010) < Decimal("1.08")
    lacking = Money(None, made, 2015, "deflate_then_convert", areas={"EUR": "ARG"})
    _, faults = lacking.factors([("EUR", 2014)])
    assert faults  # Argentina has no deflator in this file, in any year
