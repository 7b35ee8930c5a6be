"""Figures of effects: what is drawn, and the same bytes on every run."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest

from impact.core.errors import ImpactError
from impact.display.figures import WIDTH_CM, effect_figure, effect_panels, save_svg


def table(times: list[int], *, reference: int | None = None, band: bool = True) -> pd.DataFrame:
    estimate = np.array([0.1 * t for t in times])
    frame = pd.DataFrame(
        {
            "term": [f"ATT(e={t})" for t in times],
            "event_time": times,
            "estimate": estimate,
            "std_error": 0.1,
            "conf_low": estimate - 0.2,
            "conf_high": estimate + 0.2,
        }
    )
    if band:
        frame["band_low"], frame["band_high"] = estimate - 0.3, estimate + 0.3
    if reference is not None:
        own = frame["event_time"] == reference
        frame.loc[own, "estimate"] = 0.0
        frame.loc[own, frame.columns[3:]] = np.nan
    return frame


def points(figure: matplotlib.figure.Figure, axis: int = 0) -> dict[str, list[float]]:
    """Where the filled and the hollow points of a panel stand."""
    found: dict[str, list[float]] = {"filled": [], "hollow": []}
    for line in figure.axes[axis].lines:
        if line.get_marker() == "o":
            kind = "hollow" if line.get_markerfacecolor() == "white" else "filled"
            found[kind] += [float(x) for x in np.atleast_1d(line.get_xdata())]
    return found


def legend(figure: matplotlib.figure.Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_event_study_with_a_universal_base() -> None:
    figure = effect_figure(table([-3, -2, -1, 0, 1], reference=-1), label="jobs", unit="FTE")
    assert points(figure) == {"filled": [-3, -2, 0, 1], "hollow": [-1]}
    assert legend(figure) == ["estimate", "pointwise interval", "uniform band", "reference year"]
    assert figure.get_supylabel() == "Effect on jobs (FTE)"
    assert figure.get_figwidth() * 2.54 == pytest.approx(WIDTH_CM)


def test_event_study_without_the_year_before() -> None:
    assert points(effect_figure(table([-3, -2, 0, 1]), label="jobs"))["hollow"] == [-1]
    assert points(effect_figure(table([0, 1]), label="jobs"))["hollow"] == [-1]


def test_an_estimated_year_before_is_no_reference() -> None:
    figure = effect_figure(table([-2, -1, 0, 1]), label="jobs")
    assert points(figure) == {"filled": [-2, -1, 0, 1], "hollow": []}
    assert "reference year" not in legend(figure)
    every_second_year = effect_figure(table([-4, -2, 0, 2]), label="jobs")
    assert points(every_second_year)["hollow"] == []


def test_without_a_band_none_is_drawn_or_named() -> None:
    figure = effect_figure(table([-1, 0, 1], band=False), label="jobs")
    assert legend(figure) == ["estimate", "pointwise interval"]
    assert len(figure.axes[0].collections) == 1


def test_ticks_are_whole_years() -> None:
    figure = effect_figure(table([-1, 0]), label="jobs")
    figure.canvas.draw()
    ticks = figure.axes[0].get_xticks()
    assert all(float(t).is_integer() for t in ticks)


def test_cells_get_a_panel_for_each_cohort() -> None:
    cells = pd.concat([table([-1, 0, 1]).assign(cohort=g) for g in (2004, 2006, 2007, 2008)])
    figure = effect_figure(cells, label="jobs")
    assert [ax.get_title() for ax in figure.axes if ax.get_visible()] == [
        "joined in 2004",
        "joined in 2006",
        "joined in 2007",
        "joined in 2008",
    ]


def test_coefficients_stand_in_the_order_of_the_table() -> None:
    rows = table([5, 6, 7]).drop(columns="event_time").assign(cohort=[2004, 2006, 2007])
    figure = effect_figure(rows, label="jobs")
    axes = figure.axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["joined in 2004", "joined in 2006", "joined in 2007"]
    low, high = axes.get_ylim()
    assert low > high  # the first row on top
    assert axes.get_xlabel() == "Effect on jobs"


def test_panels_of_several_outcomes() -> None:
    nothing = table([-1, 0]).assign(estimate=np.nan)
    figure = effect_panels([("jobs", table([-2, -1, 0])), ("sales", nothing)])
    assert [ax.get_title() for ax in figure.axes] == ["jobs", "sales"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["no estimate"]
    with pytest.raises(ImpactError, match="no event study"):
        effect_panels([])


def test_nothing_to_draw() -> None:
    with pytest.raises(ImpactError, match="no estimate of the effect on jobs"):
        effect_figure(table([0, 1]).assign(estimate=np.nan), label="jobs")


@pytest.mark.parametrize("kind", ["event", "coefficients"])
def test_same_frame_same_bytes(tmp_path: Path, kind: str) -> None:
    rows = table([-2, -1, 0, 1], reference=-1)
    if kind == "coefficients":
        rows = rows.drop(columns="event_time")
    first = save_svg(effect_figure(rows, label="jobs"), tmp_path / "first.svg").read_bytes()
    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.grid": True}):
        again = save_svg(effect_figure(rows, label="jobs"), tmp_path / "again.svg").read_bytes()
    assert first == again
    assert b"<dc:date>" not in first
    other = save_svg(effect_figure(rows, label="sales"), tmp_path / "other.svg").read_bytes()
    assert other != first


def test_the_users_settings_stay() -> None:
    before = dict(matplotlib.rcParams)
    effect_figure(table([0, 1]), label="jobs")
    assert dict(matplotlib.rcParams) == before


def test_text_is_eight_to_nine_points() -> None:
    figure = effect_figure(table([-2, -1, 0, 1]), label="jobs")
    figure.canvas.draw()
    sizes = {
        text.get_fontsize()
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_text() and text.get_visible()
    }
    assert min(sizes) >= 8
    assert max(sizes) <= 9
