"""Figures of value for money: what one million bought; what other assumptions make of it; which price is likely enough."""

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


@figure_style()
def tornado_figure(rows: pd.DataFrame) -> Figure:
    """Draw what one number becomes under other assumptions, one at a time.

    Parameters
    ----------
    rows : DataFrame
        `dimension, scenario, estimate, conf_low, conf_high, base, unit`, in the order to be drawn; a line of `base` is the account's own.

    Returns
    -------
    Figure
        A point with its interval for each scenario, those of one assumption together; a dashed line where the account itself stands.
    """
    units = list(dict.fromkeys(rows["unit"]))
    if len(units) != 1:
        raise ReportError(f"A tornado has one axis and one unit; it was given {len(units)} units.")
    figure = new_figure(7.0, 1.3 + 0.34 * len(rows))
    axes = figure.subplots()
    own = rows.loc[rows["base"], "estimate"]
    axes.axvline(0.0, color=_GREY, linewidth=0.8, zorder=1)
    if len(own):
        axes.axvline(float(own.iloc[0]), color=_INK, linewidth=0.8, linestyle="--", zorder=1)
    for height, row in enumerate(rows.itertuples()):
        low, high, at = float(row.conf_low), float(row.conf_high), float(row.estimate)
        if math.isfinite(low) and math.isfinite(high):
            axes.plot([low, high], [height, height], color=_GREY, linewidth=1.6, zorder=2)
        face = _INK if row.base else "white"
        axes.plot(
            [at],
            [height],
            marker="o",
            markersize=5.5,
            color=_INK,
            markerfacecolor=face,
            linestyle="none",
            zorder=3,
        )
    last = None
    for height, dimension in enumerate(rows["dimension"]):
        if last is not None and dimension != last:
            axes.axhline(height - 0.5, color="#e3e3e3", linewidth=0.8, zorder=0)
        last = dimension
    axes.set_yticks(
        range(len(rows)),
        [f"{d}: {s}" for d, s in zip(rows["dimension"], rows["scenario"], strict=True)],
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(units[0])
    axes.margins(x=0.06)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


@figure_style()
def acceptability_figure(rows: pd.DataFrame) -> Figure:
    """Draw the probability that one unit costs no more than each price.

    Parameters
    ----------
    rows : DataFrame
        `threshold, probability, currency, label`.
    """
    figure = new_figure(6.0, 3.4)
    axes = figure.subplots()
    axes.plot(rows["threshold"], rows["probability"], color=_INK, linewidth=2.0)
    axes.axhline(0.95, color=_GREY, linewidth=0.8, linestyle="--")
    axes.annotate("0.95", (1.0, 0.95), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                  va="center", color=_GREY)  # fmt: skip
    axes.set_ylim(0.0, 1.0)
    axes.set_xlim(left=0.0)
    axes.set_xlabel(f"price of one unit, {rows['currency'].iloc[0]}")
    axes.set_ylabel("probability that it costs no more")
    axes.xaxis.set_major_formatter(lambda value, _: format_number(value, 0))
    axes.spines[["top", "right"]].set_visible(False)
    return figure
