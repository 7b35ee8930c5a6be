"""Years before birth are said with their firms, and nothing else is."""

from __future__ import annotations

import pandas as pd
import pytest

from impact.engines.duckdb_relations import DuckRelations
from impact.validate.births import early_lives, early_participants

# A is born in 2009 and stands in the register of 2008; B has two years of birth; C has none; D is as it should be.
REGISTER = pd.DataFrame(
    [(1, 2008, 2009), (1, 2009, 2009), (2, 2009, 2008), (2, 2010, 2005), (3, 2008, None), (4, 2008, 2000)],
    columns=["firm", "year", "birth_year"],
).astype({"birth_year": "Int64"})  # fmt: skip
EXPORTS = pd.DataFrame([(1, 2007, 3), (1, 2008, 2), (1, 2009, 9), (2, 2004, 1), (3, 2008, 5), (4, 2008, 1)],
                       columns=["firm", "year", "shipments"])  # fmt: skip


@pytest.fixture
def relations() -> DuckRelations:
    duck = DuckRelations()
    duck.put("firms", pd.DataFrame({"firm": [1, 2, 3, 4], "firm_id": ["A", "B", "C", "D"]}))
    duck.put("register_years", REGISTER)
    duck.put("export_years", EXPORTS)
    return duck


def test_rows_and_shipments_before_a_birth(relations: DuckRelations) -> None:
    several, register, shipped = early_lives(relations, "register.csv", customs=True)
    assert several.said.startswith("1 firm had more than one") and several.examples == ("B",)
    assert register.said.startswith("1 firm had rows") and register.rows == 1
    assert register.examples == ("A: 2008, born 2009",)
    assert shipped.said.startswith("2 firms shipped") and shipped.rows == 3 + 2 + 1
    assert shipped.examples == ("A: 2007, born 2009", "B: 2004, born 2005")
    assert {n.file for n in (several, register, shipped)} == {"register.csv"}


def test_participation_before_a_birth(relations: DuckRelations) -> None:
    joined = pd.DataFrame({"firm_id": ["A", "B", "C", "X"], "joined": pd.array([2008, 2005, 1990, 1990], "Int64")})  # fmt: skip
    (said,) = early_participants(relations, joined, "roster.csv")
    assert said.rows == 1 and said.examples == ("A: 2008, born 2009",)


def test_nothing_is_said_of_lives_in_order() -> None:
    duck = DuckRelations()
    duck.put("firms", pd.DataFrame({"firm": [4], "firm_id": ["D"]}))
    duck.put("register_years", REGISTER[REGISTER["firm"] == 4])
    duck.put("export_years", EXPORTS[EXPORTS["firm"] == 4])
    assert early_lives(duck, "register.csv", customs=True) == []
