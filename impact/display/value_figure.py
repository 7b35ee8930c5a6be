"""Figure of value for money: what one million bought, with its interval and a line at zero."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from impact.core.errors import ReportError
from impact.display.canvas import figure_style, new_figure
from impact.display.numbers import format_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK = "#1f3b57"
_GREY = "#8c8c8c"


@figure_style()
def value_figure(rows: pd.DataFrame) -> Figure:
    """Draw each row of a value table as a point with its interval, and a line at zero.

    Parameters
    ----------
    rows : DataFrame
        `estimate, conf_low, conf_high, unit, label`, all in one unit. A row without an interval is an
        open circle: a point that looks precise would claim what is not known.

    Returns
    -------
    Figure
        Made without pyplot, so that nothing is shown or kept.

    Raises
    ------
    ReportError
        If there is no row, or the rows are in more than one unit.

    Examples
    --------
    >>> import pandas as pd
    >>> figure = value_figure(pd.DataFrame({"estimate": [4.0], "conf_low": [-1.0],
    ...     "conf_high": [9.0], "unit": ["jobs per 1 million EUR"], "label": ["net jobs"]}))
    >>> figure.axes[0].get_xlabel()
    'jobs per 1 million EUR'
    """
    units = list(dict.fromkeys(rows["unit"]))
    if len(units) != 1:
        raise ReportError(
            f"A value figure has one axis and one unit; it was given {len(units)} units."
        )
    figure = new_figure(7.0, 1.6 + 0.6 * len(rows))
    axes = figure.subplots()
    axes.axvline(0.0, color=_GREY, linewidth=1.0, linestyle="--", zorder=1)
    for height, row in enumerate(rows.itertuples()):
        estimate, low, high = float(row.estimate), float(row.conf_low), float(row.conf_high)
        defined = math.isfinite(low) and math.isfinite(high)
        if defined:
            axes.plot([low, high], [height, height], color=_INK, linewidth=2.0, zorder=2)
        axes.plot(
            [estimate],
            [height],
            marker="o",
            markersize=7,
            color=_INK,
            markerfacecolor=_INK if defined else "white",
            linestyle="none",
            zorder=3,
        )
        text = _digits(estimate, low, high) if defined else "no interval"
        axes.annotate(
            text,
            (estimate, height),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},  # over the line at zero
        )
    axes.set_yticks(range(len(rows)), ["\n".join(textwrap.wrap(t, 32)) for t in rows["label"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)  # first row on top, with room for its number
    axes.set_xlabel(units[0])
    axes.margins(x=0.08)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def _digits(estimate: float, low: float, high: float) -> str:
    """Write the three numbers with as many decimals as the width of the interval deserves."""
    width = max(high - low, abs(estimate) * 1e-6)
    decimals = min(max(2 - math.floor(math.log10(width)), 0), 6) if width > 0 else 0
    numbers = [format_number(x, decimals) for x in (estimate, low, high)]
    return f"{numbers[0]} [{numbers[1]}; {numbers[2]}]"
