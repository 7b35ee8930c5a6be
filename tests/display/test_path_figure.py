"""Paths before joining are drawn as they stand in the table, and end before joining."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from impact.core.errors import ImpactError
from impact.display.paths import path_figure


def paths() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample": ["before"] * 2 + ["after"] * 2,
            "event_time": [-2, -1] * 2,
            "mean_treated": [1.0, 2.0, 1.0, 2.5],
            "mean_control": [0.0, 0.5, np.nan, 2.4],
            "n_treated": [3, 4, 3, 3],
            "n_control": [900, 1200, 3, 3],
        }
    )


def test_both_arms_are_drawn_before_and_after() -> None:
    figure = path_figure(paths(), label="Exports")
    before, after = figure.axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in before.lines}
    assert drawn == {"participants": [1.0, 2.0], "comparison firms": [0.0, 0.5]}
    assert after.lines[1].get_ydata().tolist() == [1.0, 2.5]
    assert before.get_ylabel() == "Exports"
    assert (
        before.get_title() == "before matching\n3 to 4 participants,\n900 to 1,200 comparison firms"
    )
    assert after.get_title() == "after matching\n3 participants,\n3 comparison firms"
    assert before.get_xlim()[1] < 0


def test_texts_can_be_said_in_another_language() -> None:
    figure = path_figure(
        paths(), label="x", participants="con", controls="sin", before="antes", after="después",
        x_label="años", title="Sendas",
    )  # fmt: skip
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["con", "sin"]
    assert figure.axes[1].get_title().startswith("después")
    assert figure.axes[0].get_xlabel() == "años"


def test_a_year_from_joining_on_is_refused() -> None:
    with pytest.raises(ImpactError, match="end before joining"):
        path_figure(paths().assign(event_time=[-1, 0, -1, 0]), label="x")


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(ImpactError, match="No mean of x is known"):
        path_figure(paths().assign(mean_treated=np.nan, mean_control=np.nan), label="x")
