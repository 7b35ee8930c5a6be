"""The ledger adds up, always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import ImpactError
from impact.core.ledger import Ledger, LedgerLine, tidy_ledgers


def test_rows_lost_without_a_reason_are_refused() -> None:
    with pytest.raises(ImpactError, match="does not add up"):
        Ledger("firms.csv", rows_in=471, rows_used=440, lines=(LedgerLine("missing", 30),))


def test_more_rows_dropped_than_there_are_is_refused() -> None:
    with pytest.raises(ImpactError, match="does not add up"):
        Ledger.opened("firms.csv", 3).dropped("all of them and one", 4)


@given(st.lists(st.integers(0, 50), max_size=6))
def test_in_is_used_plus_dropped(drops: list[int]) -> None:
    ledger = Ledger.opened("t", sum(drops) + 7, units=9)
    for i, n in enumerate(drops):
        ledger = ledger.dropped(f"reason {i}", n, units_left=9 - i)
    tidy = ledger.tidy()
    rows = tidy.set_index("line")["rows"]
    assert rows["in"] == rows["used"] + tidy.loc[tidy["line"] == "dropped", "rows"].sum()
    units = tidy.set_index("line")["units"]
    assert units["in"] == units["used"] + tidy.loc[tidy["line"] == "dropped", "units"].sum()


def test_dropping_returns_a_new_ledger() -> None:
    first = Ledger.opened("t", 10)
    second = first.dropped("missing", 4)
    assert (first.rows_used, second.rows_used) == (10, 6)
    assert len(tidy_ledgers([first, second])) == 5
    assert tidy_ledgers([]).empty
