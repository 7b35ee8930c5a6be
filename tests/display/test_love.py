"""The love plot shows what the balance table says."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import impact
from impact.display.love import love_figure


@pytest.fixture
def balance() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "covariate": ["distance", "size", "union", "same"],
            "smd_before": [1.2, -0.4, 0.6, np.nan],
            "smd_after": [0.05, 0.0, -0.12, np.nan],
        }
    )


def points(figure) -> dict[str, set[tuple[float, float]]]:
    """Points by row name: the absolute differences drawn there."""
    axes = figure.axes[0]
    names = {
        p: t.get_text() for p, t in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
    }
    drawn = [
        offset
        for collection in axes.collections
        if hasattr(collection, "get_sizes") and len(collection.get_sizes())
        for offset in np.ma.filled(collection.get_offsets(), np.nan)
    ]
    out: dict[str, set[float]] = {name: set() for name in names.values()}
    for x, y in drawn:
        out[names[round(float(y))]].add(round(float(x), 6))
    return out


def test_every_difference_is_drawn_in_its_row(balance: pd.DataFrame) -> None:
    drawn = points(love_figure(balance))
    assert drawn["distance"] == {1.2, 0.05}
    assert drawn["size"] == {0.4, 0.0}
    assert drawn["union"] == {0.6, 0.12}


def test_the_worst_before_matching_stands_on_top(balance: pd.DataFrame) -> None:
    axes = love_figure(balance).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["distance", "union", "size", "same"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_texts_and_labels_can_be_said_in_another_language(balance: pd.DataFrame) -> None:
    figure = love_figure(
        balance,
        labels={"size": "tamaño"},
        title="Equilibrio",
        x_label="Diferencia",
        before="antes",
        after="después",
        threshold=0.25,
        threshold_label="umbral",
    )
    axes = figure.axes[0]
    assert (axes.get_title(), axes.get_xlabel()) == ("Equilibrio", "Diferencia")
    assert "tamaño" in [t.get_text() for t in axes.get_yticklabels()]
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert set(legend) == {"umbral 0.25", "antes", "después"}
    assert axes.get_xlim()[0] == 0


def test_two_covariates_with_the_same_words_keep_their_rows(balance: pd.DataFrame) -> None:
    axes = love_figure(balance, labels={"size": "x", "union": "x"}).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["distance", "x", "x", "same"]


def test_a_match_draws_itself_without_pyplot_state() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"joined": [1, 0, 0, 1, 0, 0] * 5, "firm_size": rng.normal(size=30)})
    matched = impact.match(data, treatment="joined", on=["firm_size"])
    figure = matched.plot(title="Balance")
    assert "firm size" in [t.get_text() for t in figure.axes[0].get_yticklabels()]
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
