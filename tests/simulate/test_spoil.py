"""Hostile variants: each changes what it says, where it says, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from impact.core.errors import ImpactError
from impact.simulate.deliveries import Deliveries, deliveries
from impact.simulate.spoil import FAULTS, Expected, spoil


@pytest.fixture(scope="module")
def got() -> Deliveries:
    return deliveries(firms=150, seed=2)


def spoilt(got: Deliveries, fault: str) -> tuple[pd.DataFrame, pd.DataFrame, Expected]:
    whole = getattr(got, FAULTS[fault].table)
    made, expected = spoil(whole, fault, np.random.default_rng(1))
    return whole, made, expected


@pytest.mark.parametrize("fault", FAULTS)
def test_the_table_that_came_is_not_changed_and_the_seed_decides(
    got: Deliveries, fault: str
) -> None:
    whole = getattr(got, FAULTS[fault].table)
    copy = whole.copy()
    made, expected = spoil(whole, fault, np.random.default_rng(1))
    again, same = spoil(whole, fault, np.random.default_rng(1))
    pd.testing.assert_frame_equal(whole, copy)
    pd.testing.assert_frame_equal(made, again)
    assert expected == same
    assert not made.equals(whole)
    assert (made.dtypes == "str").all()
    assert list(made.columns) == list(whole.columns)


CELLS = [f for f, how in FAULTS.items() if how.column and f not in {"negative corrections", "rows before the firm's birth"}]  # fmt: skip


@pytest.mark.parametrize("fault", CELLS)
def test_only_the_named_cells_differ(got: Deliveries, fault: str) -> None:
    whole, made, expected = spoilt(got, fault)
    differ = (made != whole).to_numpy()
    assert {made.columns[j] for j in np.unique(np.nonzero(differ)[1])} == {expected.column}
    assert tuple(int(i) + 2 for i in np.unique(np.nonzero(differ)[0])) == expected.rows
    assert expected.rows


def test_lost_zeros_join_nobody_that_had_them(got: Deliveries) -> None:
    whole, made, expected = spoilt(got, "lost leading zeros")
    assert (made["firm_id"].astype(int) == whole["firm_id"].astype(int)).all()
    changed = made["firm_id"].iloc[[r - 2 for r in expected.rows]]
    assert not set(changed) & set(got.register["firm_id"])
    assert expected.outcome == "ask"


@pytest.mark.parametrize(
    ("fault", "pattern"),
    [
        ("product without its zero", r"[1-9]\d{4}|[1-9]\d{8}"),
        ("product in scientific notation", r"\d\.\dE\+0\d"),
        ("product as a date", r"(ene|feb|mar|abr|may|jun|jul|ago|sep|oct|nov|dic)-\d\d"),
        ("ambiguous thousands", r"\d{1,3}(\.\d{3})+"),
        ("decimal commas", r"\d+,\d{2}"),
        ("currency sign in the value", r"US\$ \d+\.\d{2}"),
        ("mixed date orders", r"\d\d/(1[3-9]|2\d)/\d{4}"),
        ("dates as serial numbers", r"(39|4\d)\d{3}"),
        ("negative corrections", r"-\d+\.\d{2}"),
        ("empty firm identifier", r""),
        ("letter O for zero", r"[1-9O]{9}"),
        ("blanks around the identifier", "\ufeff\\d{9}\u00a0"),
        ("look-alike letters", r"[A-ZАСЕОР]{2}"),
        ("Namibia taken for missing", r""),
        ("formula in a cell", r"=cmd\|' /C calc'!A0"),
        ("NUL in a cell", r"\d+\.\d{2}\x00"),
        ("endless cell", r"\d{2250000}"),
        ("participation before the programme", r"\d\d/\d\d/1997"),
    ],
)
def test_spoilt_cells_have_the_form_they_are_named_after(
    got: Deliveries, fault: str, pattern: str
) -> None:
    _, made, expected = spoilt(got, fault)
    assert expected.column is not None
    cells = made[expected.column].iloc[[r - 2 for r in expected.rows]]
    if fault == "endless cell":
        assert [len(c) for c in cells] == [2_250_000]
    else:
        assert cells.str.fullmatch(pattern).all(), cells.head().tolist()


def test_look_alike_letters_are_of_another_alphabet(got: Deliveries) -> None:
    _, made, expected = spoilt(got, "look-alike letters")
    cells = made["destination"].iloc[[r - 2 for r in expected.rows]]
    assert all(not c.isascii() for c in cells)


def test_all_values_of_an_ambiguous_column_are_whole_thousands(got: Deliveries) -> None:
    whole, made, expected = spoilt(got, "ambiguous thousands")
    assert len(expected.rows) == len(whole)
    back = made["value"].str.replace(".", "").astype(int)
    assert (back == whole["value"].astype(float).round() + 1_000).all()


def test_the_total_stands_in_the_last_row(got: Deliveries) -> None:
    whole, made, expected = spoilt(got, "total row")
    assert expected.rows == (len(whole) + 2,)
    last = made.iloc[-1]
    assert last["firm_id"] == "TOTAL" and last["date"] == ""
    assert float(last["value"]) == pytest.approx(whole["value"].astype(float).sum(), abs=0.01)


def test_a_second_header_stands_in_row_two(got: Deliveries) -> None:
    whole, made, expected = spoilt(got, "second header row")
    assert expected.rows == (2,)
    assert made.iloc[0].tolist()[:2] == ["Firm id", "Date"]
    pd.testing.assert_frame_equal(made.iloc[1:].reset_index(drop=True), whole)


def test_a_file_that_was_delivered_twice_holds_each_row_twice(got: Deliveries) -> None:
    whole, made, expected = spoilt(got, "delivered twice")
    n = len(whole)
    assert expected.rows == tuple(range(n + 2, 2 * n + 2))
    pd.testing.assert_frame_equal(made.iloc[n:].reset_index(drop=True), whole)


def test_corrections_are_smaller_than_their_shipments_and_in_their_month(got: Deliveries) -> None:
    whole, made, expected = spoilt(got, "negative corrections")
    keys = ["firm_id", "date", "product", "destination", "currency"]
    back = made.iloc[[r - 2 for r in expected.rows]].merge(whole, on=keys, suffixes=("", "_of"))
    assert len(back) >= len(expected.rows)
    assert (-back["value"].astype(float)).min() > 0
    assert back.groupby(keys).apply(
        lambda d: -d["value"].astype(float).iloc[0] < d["value_of"].astype(float).max()
    ).all()  # fmt: skip
    pd.testing.assert_frame_equal(made.iloc[: len(whole)], whole)


def test_one_rate_is_missing(got: Deliveries) -> None:
    whole, made, expected = spoilt(got, "missing rate")
    assert len(made) == len(whole) - 1
    assert set(made["year"]) < set(whole["year"])
    assert expected.rows == ()


def test_rows_before_the_birth_are_those_that_are_named(got: Deliveries) -> None:
    _, made, expected = spoilt(got, "rows before the firm's birth")
    early = made["year"].astype(int) < made["birth_year"].astype(int)
    assert tuple(np.flatnonzero(early.to_numpy()) + 2) == expected.rows
    assert expected.rows


def test_what_is_asked_or_refused_stops_the_study() -> None:
    outcomes = {how.outcome for how in FAULTS.values()}
    assert outcomes == {"accept", "repair", "ask", "refuse"}
    stops = {o: Expected("f", o, "customs", None, ()).stops for o in sorted(outcomes)}
    assert stops == {"accept": False, "ask": True, "refuse": True, "repair": False}
    assert {how.table for how in FAULTS.values()} == {"customs", "roster", "register", "rates"}


def test_an_unknown_fault_or_a_wrong_table_is_refused(got: Deliveries) -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(
        ImpactError, match="There is no fault 'gremlins'; choose from 'lost leading"
    ):
        spoil(got.customs, "gremlins", rng)
    with pytest.raises(
        ImpactError, match="'decimal commas' spoils the column 'value' of the customs"
    ):
        spoil(got.roster, "decimal commas", rng)
    none = got.customs[got.customs["destination"] != "NA"].reset_index(drop=True)
    with pytest.raises(ImpactError, match="no cell that this fault could spoil"):
        spoil(none, "Namibia taken for missing", rng)
