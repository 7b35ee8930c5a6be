"""Euro cents are conserved like rows: exactly, and unknown is not zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import ImpactError
from impact.core.ledger import Ledger, LedgerLine, euros_text, tidy_ledgers


def test_a_ledger_worked_by_hand() -> None:
    # 1,234.56 euros in; 200.06 leave with two rows, a correction of -0.50 leaves with one.
    ledger = (
        Ledger.opened("customs.csv", 10, units=4, cents=123_456)
        .dropped("destination unknown", 2, units_left=3, cents=20_006)
        .dropped("correction of an earlier year", 1, cents=-50)
        .dropped("firm unknown", 0)
        .dropped("value cannot be read", 1, cents_unknown=True)
    )
    assert ledger.cents_used == 123_456 - 20_006 + 50 == 103_500
    assert ledger.rows_used == 6
    tidy = ledger.tidy()
    assert list(tidy.columns) == ["table", "line", "reason", "rows", "units", "cents"]
    assert tidy["cents"].dtype == "Int64"
    assert tidy["cents"].tolist() == [123_456, 20_006, -50, 0, pd.NA, 103_500]
    assert str(ledger).splitlines()[-2:] == [
        "  - value cannot be read: 1 row, – euros",
        "  rows used: 6 rows, 1,035.00 euros",
    ]


def test_a_ledger_without_cents_prints_and_tidies_without() -> None:
    ledger = Ledger.opened("firms.csv", 3).dropped("no sector", 1)
    assert "euros" not in str(ledger)
    assert ledger.tidy()["cents"].isna().all()
    assert ledger.tidy()["cents"].dtype == "Int64"


def test_cents_beyond_what_a_float_holds_stay_exact() -> None:
    large = 2**53 + 1  # the first integer that a float cannot hold
    ledger = Ledger.opened("customs.csv", 2, cents=large).dropped("no firm", 1, cents_unknown=True)
    assert ledger.tidy()["cents"].tolist() == [large, pd.NA, large]
    stacked = tidy_ledgers([ledger, Ledger.opened("firms.csv", 3)])
    assert stacked["cents"].tolist() == [large, pd.NA, large, pd.NA, pd.NA]


def test_cents_lost_without_a_reason_are_refused() -> None:
    with pytest.raises(ImpactError, match="cents: 100 in, 70 used, 29 dropped"):
        Ledger("t", 3, 2, lines=(LedgerLine("missing", 1, cents=29),), cents_in=100, cents_used=70)


def test_a_line_that_drops_rows_must_say_how_many_cents() -> None:
    with pytest.raises(ImpactError, match="'missing' says neither"):
        Ledger.opened("t", 3, cents=100).dropped("missing", 1)


def test_a_line_cannot_know_and_not_know() -> None:
    with pytest.raises(ImpactError, match="and that they are unknown"):
        Ledger.opened("t", 3, cents=100).dropped("missing", 1, cents=3, cents_unknown=True)


@pytest.mark.parametrize("how", [{"cents": 5}, {"cents_unknown": True}])
def test_cents_on_a_line_of_a_ledger_that_does_not_count_them_are_refused(how: dict) -> None:
    with pytest.raises(ImpactError, match="on some lines only"):
        Ledger.opened("t", 3).dropped("missing", 1, **how)


def test_cents_without_rows_are_refused() -> None:
    with pytest.raises(ImpactError, match="drops 5 cents and no row"):
        Ledger.opened("t", 3, cents=100).dropped("missing", 0, cents=5)
    with pytest.raises(ImpactError, match="95 cents stand on no row"):
        Ledger.opened("t", 3, cents=100).dropped("missing", 3, cents=5)
    with pytest.raises(ImpactError, match="1 cents stand on no row"):
        Ledger.opened("t", 0, cents=1)


def test_rows_cannot_be_invented_on_a_line() -> None:
    with pytest.raises(ImpactError, match="does not add up"):
        Ledger.opened("t", 3).dropped("missing", 2).dropped("found again", -1)


@pytest.mark.parametrize("cents", [1.0, "100", np.float64(100)])
def test_only_whole_cents_are_counted(cents: object) -> None:
    with pytest.raises(ImpactError, match="whole cents"):
        Ledger.opened("t", 3, cents=cents)  # type: ignore[arg-type]
    with pytest.raises(ImpactError, match="not a whole number"):
        Ledger("t", 3, 3, cents_in=cents, cents_used=cents)  # type: ignore[arg-type]


def test_an_engine_may_give_its_own_integers() -> None:
    ledger = Ledger.opened("t", 3, cents=np.int64(100)).dropped("missing", 1, cents=np.int64(40))
    assert ledger.cents_used == 60
    assert type(ledger.cents_used) is int


@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.one_of(st.none(), st.integers(-(2**70), 2**70))),
        max_size=6,
    ),
    st.integers(-(2**70), 2**70),
)
def test_in_is_used_plus_dropped_in_cents(drops: list[tuple[int, int | None]], used: int) -> None:
    known = [cents for _, cents in drops if cents is not None]
    ledger = Ledger.opened("t", sum(n for n, _ in drops) + 7, cents=used + sum(known))
    for n, cents in drops:
        ledger = ledger.dropped("reason", n, cents=cents, cents_unknown=cents is None)
    assert ledger.cents_used == used
    assert [line.cents for line in ledger.lines] == [cents for _, cents in drops]
    if known:
        lines = list(ledger.lines)
        at = next(i for i, line in enumerate(lines) if line.cents is not None)
        first = lines[at]
        assert first.cents is not None
        lines[at] = LedgerLine("reason", first.rows, cents=first.cents + 1)
        with pytest.raises(ImpactError, match="cents"):
            Ledger("t", ledger.rows_in, ledger.rows_used, lines=tuple(lines),
                   cents_in=ledger.cents_in, cents_used=ledger.cents_used)  # fmt: skip


def test_euros_are_written_exactly() -> None:
    assert euros_text(10**20 + 7) == "1,000,000,000,000,000,000.07"
    assert euros_text(-1) == "-0.01"
    assert euros_text(0) == "0.00"
