"""Figure of the estimates before joining, beside the size of a pre-trend that could be missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from impact.core.errors import ReportError
from impact.display.canvas import figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK = "#1f3b57"
_GREY = "#8c8c8c"
_BAND = "#d9d9d9"


@figure_style()
def pretrends_figure(rows: pd.DataFrame, *, label: str, detectable: float) -> Figure:
    """Draw each estimate before joining with its pointwise interval.

    Parameters
    ----------
    rows : DataFrame
        `event_time, estimate, conf_low, conf_high`, and `cohort` where there are several per year.
    label : str
        Words for the outcome.
    detectable : float
        Size that the best measured estimate would miss one time in five; drawn as a band.

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
    >>> import pandas as pd
    >>> figure = pretrends_figure(pd.DataFrame({"event_time": [-2, -1], "estimate": [0.1, 0.0],
    ...     "conf_low": [-0.2, -0.3], "conf_high": [0.4, 0.3]}), label="jobs", detectable=0.42)
    >>> figure.axes[0].get_xlabel()
    'years since joining'
    """
    if rows.empty:
        raise ReportError("There is no estimate before joining to draw.")
    rank = rows.groupby("event_time").cumcount()
    several = int(rank.max()) + 1
    # Cohorts of one year stand side by side, within a third of the way to the next year.
    place = rows["event_time"] + (rank - (several - 1) / 2) / several / 1.5
    figure = new_figure(6.5, 3.8)
    axes = figure.subplots()
    axes.axhspan(
        -detectable,
        detectable,
        color=_BAND,
        alpha=0.5,
        linewidth=0,
        label="size missed more than one time in five",
    )
    axes.axhline(0.0, color=_GREY, linewidth=1.0, linestyle="--")
    axes.vlines(place, rows["conf_low"], rows["conf_high"], color=_INK, linewidth=1.6)
    axes.plot(place, rows["estimate"], "o", color=_INK, markersize=6, label="estimate")
    axes.set_xticks(np.unique(rows["event_time"]))
    axes.set_xlabel("years since joining")
    axes.set_ylabel(f"difference in {label}")
    axes.spines[["top", "right"]].set_visible(False)
    # Above the axes: inside, it would hide an estimate or the band.
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    return figure
