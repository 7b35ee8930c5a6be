"""Figure of job flows: creation up, destruction down, and the net change between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from impact.core.errors import ReportError
from impact.display.canvas import WIDTH_CM, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CREATION, _DESTRUCTION, _NET = "#1f3b57", "#b5541c", "#222222"
_INCH = 2.54


@figure_style()
def jobs_figure(rows: pd.DataFrame, *, unit: str = "jobs") -> Figure:
    """Draw gross job creation, destruction and the net change by year.

    Parameters
    ----------
    rows : DataFrame
        `year, creation, destruction, net`; and `group`, one panel each. What is missing is not drawn.
    unit : str
        Unit of the flows.

    Returns
    -------
    Figure
        Made without pyplot.

    Raises
    ------
    ReportError
        If there is no flow.

    Examples
    --------
    >>> figure = jobs_figure(pd.DataFrame({"year": [2013, 2014], "creation": [4.0, 6.0], "destruction": [5.0, 1.0],
    ...                                    "net": [-1.0, 5.0]}))
    >>> figure.axes[0].get_ylabel()
    'jobs since the year before'
    """
    if rows.empty or rows["net"].isna().all():
        raise ReportError("There are no two years in a row with jobs, so there is no flow to draw.")
    parts = [("", rows)] if "group" not in rows else list(rows.groupby("group", sort=True))
    figure = new_figure(WIDTH_CM / _INCH, 7.5 / _INCH)
    axes = figure.subplots(1, len(parts), squeeze=False, sharey=True)[0]
    for ax, (title, part) in zip(axes, parts, strict=True):
        years = part["year"].to_numpy()
        ax.bar(years, part["creation"], width=0.6, color=_CREATION, label="created (gross)")
        ax.bar(years, -part["destruction"], width=0.6, color=_DESTRUCTION, label="lost (gross)")
        ax.plot(
            years, part["net"], color=_NET, marker="o", markersize=4, linewidth=1.0, label="net"
        )
        ax.axhline(0.0, color=_NET, linewidth=0.6)
        ax.set_xticks(years)
        ax.set_title(str(title))
    axes[0].set_ylabel(f"{unit} since the year before")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
    )
    return figure
