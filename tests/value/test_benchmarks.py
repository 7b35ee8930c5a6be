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
    assert set(COMPARABLE) <= set(table["quantity"])


def test_the_figures_are_those_of_their_sources():
    table = benchmarks().set_index(["benchmark", "quantity"])
    ends = table[["low", "high"]].apply(tuple, axis=1).to_dict()
    assert ends[
        "meta-analysis of export promotion, after publication bias",
        "effect on exports of participants",
    ] == (1, 9)
    assert ends["Denmark, small firms", "value added per unit of cost"] == (3, 3)
    # "the benefits created in value added are 139.5% of the grant scheme cost"
    croatia = "Croatia, export-oriented grants"
    assert ends[croatia, "value added per unit of cost"] == (1.395, 1.395)
    # "a 6% to 11%, respectively for Belgium and Peru, higher probability of survival on the export market"
    survival = "effect on export survival of participants"
    assert ends["Belgium, recession of 2009", survival] == (6, 6)
    assert ends["Peru, recession of 2009", survival] == (11, 11)
    assert ends["Tunisia, FAMEX", "profit per unit of cost"] == (2, 2)


def test_exports_per_dollar_are_printed_and_compare_with_nothing():
    found = compared("exports per unit of cost", 5.0, "exports per dollar")
    assert found["low"].tolist() == [15, 87]
    assert found["source"].nunique() == 2
    assert (found["place"] == "").all()
    said = found["comparable"].str.removeprefix("not comparable: ")
    assert said.tolist() == found["definition"].tolist()
    assert (compared("effect on export survival of participants", 8.0, "any")["place"] == "").all()


def test_another_definition_is_no_yardstick():
    quantity = "value added per unit of cost"
    same = compared(quantity, 2.0, COMPARABLE[quantity])
    assert dict(zip(same["benchmark"], same["place"], strict=True)) == {
        "Denmark, small firms": "below",
        "Croatia, export-oriented grants": "above",
    }
    other = compared(quantity, 2.0, "gross sales per unit of cost")
    assert (other["place"] == "").all()
    assert other["comparable"].str.startswith("not comparable").all()
    assert (compared(quantity, math.nan, COMPARABLE[quantity])["place"] == "").all()
    assert compared("sales per unit of cost", 5.0).empty
    with pytest.raises(EstimationError, match="no published figure"):
        benchmarks("sales per unit of cost")
