"""Paths before joining: the mean of both arms in the years in which neither had joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from impact.core.errors import ImpactError
from impact.display.canvas import WIDTH_CM, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCH = 2.54
_HEIGHT_CM = 7.6


def path_figure(
    paths: pd.DataFrame,
    *,
    label: str,
    title: str = "",
    x_label: str = "Years since joining",
    participants: str = "participants",
    controls: str = "comparison firms",
    before: str = "before matching",
    after: str = "after matching",
) -> Figure:
    """Draw the weighted means of both arms by year before joining, before and after matching.

    Parameters
    ----------
    paths : DataFrame
        `sample` (`before` or `after`), `event_time` (below 0), `mean_treated`, `mean_control`, `n_treated`, `n_control`.
    label : str
        The outcome in words.
    title, x_label, participants, controls, before, after : str
        The texts of the figure.

    Returns
    -------
    Figure
        Not shown and not registered with pyplot. Above each panel stand the numbers of firms it rests on.

    Raises
    ------
    ImpactError
        If a year from joining on is in the table, or no mean is known.

    Examples
    --------
    >>> rows = pd.DataFrame({"sample": ["before", "after"], "event_time": -1, "mean_treated": 2.0,
    ...                      "mean_control": [1.0, 1.9], "n_treated": 3, "n_control": [9, 3]})
    >>> path_figure(rows, label="exports").axes[0].get_ylabel()
    'exports'
    """
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    if (paths["event_time"] >= 0).any():
        raise ImpactError("Paths of a design end before joining; the table has a later year.")
    if not paths[["mean_treated", "mean_control"]].notna().any(axis=None):
        raise ImpactError(f"No mean of {label} is known in the years before joining.")
    blue, orange = sns.color_palette("colorblind")[:2]
    with figure_style():
        figure = new_figure(WIDTH_CM / _INCH, _HEIGHT_CM / _INCH)
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for ax, when, said in zip(axes, ("before", "after"), (before, after), strict=True):
            rows = paths[paths["sample"] == when].sort_values("event_time")
            for arm, name, colour, marker in (
                ("control", controls, orange, "s"),
                ("treated", participants, blue, "o"),
            ):
                ax.plot(
                    rows["event_time"], rows[f"mean_{arm}"], color=colour, marker=marker, markersize=4.0,
                    linewidth=1.3, label=name, clip_on=False,
                )  # fmt: skip
            ax.set_title(f"{said}\n{_firms(rows, participants, controls)}")
            ax.set_xlabel(x_label)
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        times = paths["event_time"]
        axes[0].set_xlim(times.min() - 0.4, times.max() + 0.4)
        axes[0].set_ylabel(label)
        if title:
            figure.suptitle(title, fontsize=8.5)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(
            handles[::-1], names[::-1], loc="outside lower center", ncols=2, frameon=False
        )
    return figure


def _firms(rows: pd.DataFrame, participants: str, controls: str) -> str:
    """Firms of both arms in the years that are drawn."""
    said = []
    for arm, name in (("treated", participants), ("control", controls)):
        least, most = int(rows[f"n_{arm}"].min()), int(rows[f"n_{arm}"].max())
        said.append(f"{most:,} {name}" if least == most else f"{least:,} to {most:,} {name}")
    return ",\n".join(said)  # a line each, since numbers may be long
