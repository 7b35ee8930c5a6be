"""The overlap plot shows the shares of the arms, mirrored, and the common support."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import impact
from impact.display.overlap import overlap_figure


def scores() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "score": [0.0, 0.5, 1.0, 0.0, 0.0, 0.5],
            "treated": [True, True, True, False, False, False],
            "before": 1.0,
            "after": [0.0, 1.0, 0.0, 0.5, 0.0, 1.5],
        }
    )


def heights(ax) -> list[float]:
    return [round(p.get_height(), 6) for p in ax.patches if p.get_width() < 0.6]


def test_bars_are_weighted_shares_upwards_and_downwards() -> None:
    figure = overlap_figure(scores(), bins=2)
    before, after = figure.axes
    assert heights(before) == [
        pytest.approx(v, abs=1e-5) for v in (100 / 3, 200 / 3, -200 / 3, -100 / 3)
    ]
    assert heights(after) == [0, 100, -25, -75]
    assert before.get_ylim() == after.get_ylim()


def test_the_common_support_is_marked_where_there_is_one() -> None:
    def marks(support: tuple[float, float] | None) -> set[float]:
        ax = overlap_figure(scores(), support=support).axes[0]
        return {float(line.get_xdata()[0]) for line in ax.lines if line.get_linestyle() == "--"}

    assert marks((0.1, 0.5)) == {0.1, 0.5}
    assert marks((0.6, 0.5)) == set()
    assert marks(None) == set()


def test_one_score_for_all_can_be_drawn() -> None:
    same = scores().assign(score=0.3)
    assert len(overlap_figure(same, support=(0.3, 0.3)).axes) == 2


def test_a_match_draws_it_in_words_of_ones_own() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"joined": [1, 0, 0, 1, 0, 0] * 20, "size": rng.normal(size=120)})
    matched = impact.match(data, treatment="joined", on=["size"])
    figure = matched.plot("overlap", participants="empresas", title="Soporte")
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert legend == ["empresas", "comparison firms", "common support"]
    assert figure.axes[0].get_xlabel() == "Probability of joining"
    assert figure.get_suptitle() == "Soporte"
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
