"""Published figures: each with a definition and a source, and no yardstick for another definition."""

from __future__ import annotations

import math

import pytest

from impact import benchmarks
from impact.core.errors import EstimationError
from impact.value.benchmarks import COMPARABLE, compared


def test_every_figure_has_a_definition_and_a_source():
    table = benchmarks()
    assert (table[["definition", "source"]].apply(lambda column: column.str.len()) > 20).all(
        axis=None
    )
    assert (table["low"] <= table["high"]).all()
    assert set(table["quantity"]) == set(COMPARABLE)


def test_the_figures_are_those_of_their_sources():
    table = benchmarks().set_index(["benchmark", "quantity"])
    ends = table[["low", "high"]].apply(tuple, axis=1).to_dict()
    assert ends[
        "meta-analysis of export promotion, after publication bias",
        "effect on exports of participants",
    ] == (1, 9)
    assert ends["Denmark, small firms", "value added per unit of cost"] == (3, 3)
    assert ends["Croatia", "value added per unit of cost"] == (1.395, 1.395)
    assert ends["Tunisia, FAMEX", "profit per unit of cost"] == (2, 2)


def test_another_definition_is_no_yardstick():
    quantity = "value added per unit of cost"
    same = compared(quantity, 2.0, COMPARABLE[quantity])
    assert dict(zip(same["benchmark"], same["place"], strict=True)) == {
        "Denmark, small firms": "below",
        "Croatia": "above",
    }
    other = compared(quantity, 2.0, "gross sales per unit of cost")
    assert (other["place"] == "").all()
    assert other["comparable"].str.startswith("not comparable").all()
    assert (compared(quantity, math.nan, COMPARABLE[quantity])["place"] == "").all()
    assert compared("exports per unit of cost", 5.0).empty
    with pytest.raises(EstimationError, match="no published figure"):
        benchmarks("exports per unit of cost")
