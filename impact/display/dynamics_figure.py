"""Figure of exporter dynamics: rates of entry, exit and survival by year over the number of exporters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from impact.core.errors import ReportError
from impact.display.canvas import WIDTH_CM, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RATES = (
    ("entry", "entry rate", "#1f3b57", "o", "-"),
    ("exit", "exit rate", "#b5541c", "s", "-"),
    ("survival_1", "entrants that export in the next year", "#5b8c5a", "^", "--"),
)
_GREY = "#b3b3b3"
_INCH = 2.54


@figure_style()
def dynamics_figure(rows: pd.DataFrame) -> Figure:
    """Draw entry, exit and first-year survival, and below them the number of exporters.

    Parameters
    ----------
    rows : DataFrame
        `year, exporters, entry, exit, survival_1`, rates between 0 and 1; and `group`, one column of panels each, at most four. What is
        missing is not drawn, and no line is drawn over it.

    Returns
    -------
    Figure
        Made without pyplot.

    Raises
    ------
    ReportError
        If there is no row.

    Examples
    --------
    >>> figure = dynamics_figure(pd.DataFrame({"year": [2010, 2011], "exporters": [9.0, 11.0], "entry": [np.nan, 0.4],
    ...                                        "exit": [np.nan, 0.3], "survival_1": [np.nan, np.nan]}))
    >>> figure.axes[1].get_ylabel()
    'exporters'
    """
    from matplotlib.ticker import MaxNLocator

    if rows.empty:
        raise ReportError("There is no year of exporters to draw.")
    parts = [("", rows)] if "group" not in rows else [(str(g), p) for g, p in rows.groupby("group", sort=False)]  # fmt: skip
    figure = new_figure(WIDTH_CM / _INCH, 10.5 / _INCH)
    axes = figure.subplots(
        2, len(parts), squeeze=False, sharex="col", height_ratios=[2.4, 1], sharey="row"
    )
    for column, (title, part) in enumerate(parts):
        top, bottom = axes[0, column], axes[1, column]
        _rates(top, part)
        top.set_title(title)
        bottom.bar(part["year"], part["exporters"], width=0.7, color=_GREY, linewidth=0)
        _years(bottom, part["year"], len(parts))
    axes[0, 0].set_ylabel("per cent")
    axes[1, 0].set_ylabel("exporters")
    for count in axes[1]:
        count.yaxis.set_major_locator(
            MaxNLocator(nbins=4, integer=True)
        )  # half an exporter is none
    axes[1, 0].yaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _rates(axes: Axes, rows: pd.DataFrame) -> None:
    years = np.arange(int(rows["year"].min()), int(rows["year"].max()) + 1)
    for name, label, colour, marker, line in _RATES:
        # A year that is not there breaks the line.
        values = 100 * rows.set_index("year")[name].reindex(years)
        axes.plot(years, values, line, marker=marker, color=colour, linewidth=1.3, markersize=4.0, label=label, clip_on=False)  # fmt: skip
    axes.set_ylim(0, 100)
    axes.set_yticks(range(0, 101, 20))
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def _years(axes: Axes, years: pd.Series, columns: int) -> None:
    first, last = int(years.min()), int(years.max())
    step = max(1, -(-(last - first + 1) * columns // 12))
    axes.set_xlim(first - 0.6, last + 0.6)
    axes.set_xticks(np.arange(first, last + 1, step))
