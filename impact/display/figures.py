"""A tidy frame of estimates in, a figure out; and the one way in which figures become files.

Figures are made without pyplot and without the user's matplotlib settings, so that the same frame
gives the same bytes on another day and another machine.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from impact.core.errors import ImpactError
from impact.display.canvas import WIDTH_CM, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_INCH = 2.54
_FONT_SIZE = 8.5
_COHORTS_PER_ROW = 3
_KEYS = ("outcome", "group", "method", "cohort", "time")

_BAND, _INTERVAL = "uniform band", "pointwise interval"


def effect_figure(estimates: pd.DataFrame, *, label: str, unit: str = "") -> Figure:
    """Draw a table of estimates.

    A table with `event_time` becomes an event study (one panel for each `cohort`, where the table
    has cohorts): points, pointwise intervals in grey, the uniform band lighter and wider, a line
    at zero, and a broken line before joining. Where the year before joining is the reference, it
    is a hollow point at zero. Any other table becomes a coefficient plot, one line per row.

    Parameters
    ----------
    estimates : DataFrame
        `term, estimate, conf_low, conf_high`, perhaps `band_low, band_high`, and key columns.
    label : str
        The outcome in words.
    unit : str
        Unit of the estimates.

    Returns
    -------
    Figure
        A matplotlib figure, 16 cm wide.

    Raises
    ------
    ImpactError
        If no row has an estimate.

    Examples
    --------
    >>> rows = pd.DataFrame({"term": ["ATT(e=0)", "ATT(e=1)"], "event_time": [0, 1],
    ...                      "estimate": [0.1, 0.2], "std_error": [0.05, 0.1],
    ...                      "conf_low": [0.0, 0.0], "conf_high": [0.2, 0.4]})
    >>> effect_figure(rows, label="employment").axes[0].get_xlabel()
    'Years since joining'
    """
    if not estimates["estimate"].notna().any():
        raise ImpactError(f"There is no estimate of the effect on {label} to draw.")
    said = f"Effect on {label}" + (f" ({unit})" if unit else "")
    with figure_style():
        if "event_time" in estimates:
            return _event_study(estimates, said)
        return _coefficients(estimates, said)


def save_svg(figure: Figure, path: str | Path) -> Path:
    """Write a figure as SVG: the same figure, the same bytes.

    Parameters
    ----------
    figure : Figure
    path : str or Path
        File to write; its folder must exist.

    Returns
    -------
    Path
        Where it was written.
    """
    target = Path(path)
    with figure_style():
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target


def effect_panels(panels: Sequence[tuple[str, pd.DataFrame]], *, columns: int = 2) -> Figure:
    """Draw the event studies of several outcomes side by side, each on its own scale.

    Parameters
    ----------
    panels : sequence of (str, DataFrame)
        For each outcome its words (with the unit) and its event study, as for `effect_figure`.
    columns : int
        Panels in a row.

    Returns
    -------
    Figure
        A matplotlib figure, 16 cm wide; an outcome without an estimate has an empty panel that
        says so.

    Raises
    ------
    ImpactError
        If there is no panel.
    """
    if not panels:
        raise ImpactError("There is no event study to draw.")
    with figure_style():
        figure = _event_studies(list(panels), columns=columns, own_scale=True)
        figure.supylabel("Effect, in the unit named above each panel", fontsize=_FONT_SIZE)
    return figure


def _event_study(estimates: pd.DataFrame, said: str) -> Figure:
    panels = [("", estimates)]
    if "cohort" in estimates:
        panels = [(f"joined in {int(g)}", x) for g, x in estimates.groupby("cohort", sort=True)]
    figure = _event_studies(panels, columns=_COHORTS_PER_ROW, own_scale=False)
    figure.supylabel(said, fontsize=_FONT_SIZE)
    return figure


def _event_studies(
    panels: list[tuple[str, pd.DataFrame]], *, columns: int, own_scale: bool
) -> Figure:
    columns = min(len(panels), columns)
    rows = -(-len(panels) // columns)
    height = 8.5 if len(panels) == 1 else 2.0 + 5.5 * rows
    figure, axes = _new_figure(height, rows, columns, share="none" if own_scale else "all")
    times = pd.concat([frame["event_time"] for _, frame in panels])
    reference = False
    for ax, (title, frame) in zip(axes, panels, strict=False):
        reference |= _event_panel(ax, frame)
        ax.set_xlim(min(times.min(), -1) - 0.6, max(times.max(), 0) + 0.6)
        ax.set_title(textwrap.fill(title, 100 // columns))
        ax.set_xlabel("Years since joining")
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    _legend(figure, band=any(_has_band(frame) for _, frame in panels), reference=reference)
    return figure


def _new_figure(
    height_cm: float, rows: int = 1, columns: int = 1, share: Literal["none", "all"] = "none"
) -> tuple[Figure, list[Axes]]:
    figure = new_figure(WIDTH_CM / _INCH, height_cm / _INCH)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=share)
    return figure, list(grid.ravel())


def _event_panel(ax: Axes, rows: pd.DataFrame) -> bool:
    """Draw one event study; says whether it has a reference point."""
    from matplotlib.ticker import MaxNLocator

    rows = rows[rows["estimate"].notna()]
    if rows.empty:
        ax.text(0.5, 0.5, "no estimate", transform=ax.transAxes, ha="center", va="center")
        ax.set_yticks([])
        return False
    is_reference = (rows["estimate"] == 0) & rows["std_error"].isna() & (rows["event_time"] < 0)
    shown = rows[~is_reference]
    points = rows.loc[is_reference, "event_time"].tolist()
    if not points and _lacks_year_before(rows["event_time"]):
        points = [-1]
    ax.axhline(0, color="0.3", linewidth=0.6, zorder=2.5)
    ax.axvline(-0.5, color="0.5", linewidth=0.6, linestyle=(0, (4, 3)), zorder=1)
    _intervals(ax, shown["event_time"], shown, vertical=True)
    ax.plot(points, np.zeros(len(points)), "o", markersize=4.5, markerfacecolor="white",
            markeredgecolor=_colour(), markeredgewidth=0.9, zorder=4)  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    return bool(points)


def _lacks_year_before(event_time: pd.Series) -> bool:
    """Whether yearly event times leave out -1, as designs do that measure from that year."""
    times = np.unique(event_time.to_numpy())
    if -1 in times:
        return False
    before = times[times < 0]
    return len(before) == 0 or bool((before == -2).any() and np.diff(times).min() == 1)


def _coefficients(estimates: pd.DataFrame, said: str) -> Figure:
    rows = estimates[estimates["estimate"].notna()]
    figure, (ax, *_) = _new_figure(2.6 + 0.62 * len(rows))
    place = pd.Series(np.arange(len(rows), dtype=float), index=rows.index)
    ax.axvline(0, color="0.3", linewidth=0.6, zorder=2.5)
    _intervals(ax, place, rows, vertical=False)
    ax.set_yticks(place.to_numpy(), _row_labels(rows))
    ax.set_ylim(len(rows) - 0.4, -0.6)  # the first row of the table on top
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(said)
    _legend(figure, band=_has_band(rows), reference=False)
    return figure


def _row_labels(rows: pd.DataFrame) -> list[str]:
    """Words for the rows: the keys that tell them apart, else the terms."""
    keys = [c for c in _KEYS if c in rows and rows[c].nunique() > 1]
    if not keys:
        return [str(term) for term in rows["term"]]
    return [", ".join(_words(c, row[c]) for c in keys) for _, row in rows.iterrows()]


def _words(key: str, value: object) -> str:
    if pd.isna(value):
        return "all"
    return f"joined in {value}" if key == "cohort" else str(value)


def _intervals(ax: Axes, place: pd.Series, rows: pd.DataFrame, *, vertical: bool) -> None:
    """Points with the pointwise interval in grey over the uniform band in a lighter colour."""
    lines = ax.vlines if vertical else ax.hlines
    if _has_band(rows):
        lines(place, rows["band_low"], rows["band_high"], colors=_colour(light=True),
              linewidth=5.5, zorder=2)  # fmt: skip
    lines(place, rows["conf_low"], rows["conf_high"], colors="0.45", linewidth=1.3, zorder=3)
    x, y = (place, rows["estimate"]) if vertical else (rows["estimate"], place)
    ax.plot(x, y, "o", color=_colour(), markersize=4.0, zorder=4)


def _has_band(rows: pd.DataFrame) -> bool:
    """A band over a single row is its interval, so it is drawn from two rows on."""
    return "band_low" in rows and int(rows["band_low"].notna().sum()) > 1


def _colour(light: bool = False) -> tuple[float, float, float]:
    import seaborn

    blue = seaborn.color_palette("colorblind")[0]
    if not light:
        return tuple(blue)
    return tuple(1 - 0.3 * (1 - c) for c in blue)


def _legend(figure: Figure, *, band: bool, reference: bool) -> None:
    """One legend above the axes, holding only what is drawn."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", linestyle="", color=_colour(), markersize=4.0, label="estimate"),
        Line2D([], [], color="0.45", linewidth=1.3, label=_INTERVAL),
    ]
    if band:
        handles.append(Line2D([], [], color=_colour(light=True), linewidth=5.5, label=_BAND))
    if reference:
        handles.append(
            Line2D([], [], marker="o", linestyle="", markersize=4.5, markerfacecolor="white",
                   markeredgecolor=_colour(), label="reference year")
        )  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
