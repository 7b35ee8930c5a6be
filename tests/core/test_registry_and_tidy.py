"""The registry refuses doubles and unknown names; a tidy table has one order and a glossary."""

from __future__ import annotations

import pandas as pd
import pytest

from impact.core.errors import ImpactError
from impact.core.inference import infer
from impact.core.registry import Registry
from impact.core.tidy import ESTIMATE_COLUMNS, GLOSSARY, estimate_table


def test_a_method_is_found_by_verb_and_name() -> None:
    registry = Registry()

    @registry.register("att", "difference", summary="means", reference="none", takes=("matched",))
    def difference() -> int:
        return 7

    assert registry.find("att", "difference").function() == 7
    assert registry.table()["takes"].tolist() == ["matched"]
    with pytest.raises(ImpactError, match="choose from 'difference'"):
        registry.find("att", "differnce")
    with pytest.raises(ImpactError, match="registered twice"):
        registry.register("att", "difference", summary="", reference="")(difference)


def test_estimates_come_in_the_canonical_order() -> None:
    frame = infer([1.0], [2.0]).assign(n_obs=3, cohort=1988, term="ATT")
    table = estimate_table(frame, ["cohort"])
    assert list(table.columns) == ["term", "cohort", *ESTIMATE_COLUMNS[1:], "n_obs"]


def test_an_unknown_or_absent_column_is_refused() -> None:
    frame = infer([1.0], [2.0]).assign(term="x")
    with pytest.raises(ImpactError, match="glossary"):
        estimate_table(frame.assign(coef=1))
    with pytest.raises(ImpactError, match="lacks term"):
        estimate_table(frame.drop(columns="term"))
    assert set(ESTIMATE_COLUMNS) <= set(GLOSSARY)
    assert isinstance(frame, pd.DataFrame)
