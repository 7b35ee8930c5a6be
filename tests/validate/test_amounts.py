"""Money in SQL against its twin in Python: exact to the cent, ties away from zero, on whole tables."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.core.money import to_cents
from impact.engines.relations import Relations, open_relations
from impact.validate.amounts import cents_per_unit, converted, own_expression
from impact.validate.numbers import NumberFormat

AMOUNTS = st.decimals(min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=2)
FACTORS = st.one_of(
    st.decimals(min_value=Decimal("0.000000001"), max_value=Decimal("9999"), places=15),
    st.sampled_from(
        [Decimal("0.5"), Decimal("0.05"), Decimal("0.005"), Decimal(1), Decimal("0.25")]
    ),
).map(lambda f: f.quantize(Decimal("1e-15")))


@pytest.fixture(scope="module")
def duck():
    with open_relations("duckdb") as relations:
        yield relations


def in_sql(relations: Relations, pairs: list[tuple[str, Decimal]], kind: str = "text") -> list[int]:
    relations.put(
        "pairs_in",
        pd.DataFrame(
            {
                "n": range(len(pairs)),
                "value": pd.Series([v for v, _ in pairs], dtype="str"),
                "factor": pd.Series([cents_per_unit(f) for _, f in pairs], dtype="str"),
            }
        ),
    )
    cast = {"text": "value", "double": "CAST(value AS DOUBLE)", "decimal": "CAST(value AS DECIMAL(24,6))"}  # fmt: skip
    relations.view("typed", f"SELECT n, {cast[kind]} AS value, factor FROM pairs_in")
    own = own_expression("value", kind, NumberFormat())
    query = f"SELECT n, {own} AS own, CAST(factor AS DECIMAL(19,13)) AS factor FROM typed"
    relations.view("in_cents", converted(query, {"own": "cents"}))
    made = relations.frame("SELECT n, cents FROM in_cents ORDER BY n")["cents"]
    for name in ("in_cents", "typed", "pairs_in"):
        relations.drop(name)
    return [int(c) for c in made]


@given(st.lists(st.tuples(AMOUNTS, FACTORS), min_size=1, max_size=40))
@settings(max_examples=150)
def test_equal_to_exact_arithmetic(duck: Relations, pairs: list[tuple[Decimal, Decimal]]) -> None:
    made = in_sql(duck, [(f"{a:f}", f) for a, f in pairs])
    assert made == [to_cents(a, f) for a, f in pairs]


@pytest.mark.parametrize("kind", ["text", "decimal", "double"])
def test_ties_leave_zero_behind(duck: Relations, kind: str) -> None:
    half, tenth = Decimal("0.5"), Decimal("0.05")
    pairs = [("0.01", half), ("-0.01", half), ("0.03", half), ("-0.03", half), ("0.10", tenth),
             ("-0.10", tenth), ("1e0" if kind == "double" else "1.00", Decimal("0.005"))]  # fmt: skip
    assert in_sql(duck, pairs, kind) == [1, -1, 2, -2, 1, -1, 1]


def test_a_double_alone_would_round_wrong(duck: Relations) -> None:
    """What the exact rest is there for: above 2^53 thousandths of a cent, doubles miss halves."""
    factor = Decimal("0.728361904757619")
    amounts = [Decimal("993456789012.35") + Decimal(step) / 100 for step in range(4000)]
    exact = [to_cents(a, factor) for a in amounts]
    doubles = [int(float(a) * float(factor.scaleb(2)) + 0.5) for a in amounts]
    assert doubles != exact
    assert in_sql(duck, [(f"{a:f}", factor) for a in amounts]) == exact


def test_third_decimals_are_rounded_away_from_zero(duck: Relations) -> None:
    one = Decimal(1)
    assert in_sql(duck, [("0.005", one), ("-0.005", one), ("12.3449", one)]) == [1, -1, 1234]


def test_missing_stays_missing(duck: Relations, tmp_path: Path) -> None:
    duck.put("empty", pd.DataFrame({"value": pd.Series([""], dtype="str")}))
    own = own_expression("value", "text", NumberFormat())
    duck.view("none", converted(f"SELECT {own} AS own, CAST(1 AS DECIMAL(19,13)) AS factor FROM empty", {"own": "cents"}))  # fmt: skip
    assert duck.frame("SELECT cents FROM none")["cents"].isna().all()
