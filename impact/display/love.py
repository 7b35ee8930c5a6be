"""The love plot: how far apart the arms stand on each covariate, before and after matching."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from impact.display.canvas import WIDTH_CM, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 0.26  # inches of height per covariate
_INCH = 2.54


def love_figure(
    balance: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    threshold: float = 0.1,
    title: str = "Balance before and after matching",
    x_label: str = "Absolute standardised mean difference",
    before: str = "before matching",
    after: str = "after matching",
    threshold_label: str = "threshold",
) -> Figure:
    """Draw absolute standardised mean differences, one row per covariate, the worst before on top.

    Parameters
    ----------
    balance : DataFrame
        `covariate`, `smd_before`, `smd_after`, as `MatchResult.balance()` gives them.
    labels : mapping, optional
        Words for covariates.
    threshold : float
        Where the dashed line stands; 0.1 is the usual one.
    title, x_label, before, after, threshold_label : str
        The texts of the figure.

    Returns
    -------
    Figure
        Not shown and not registered with pyplot, so nothing has to be closed.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"covariate": ["size"], "smd_before": [0.5], "smd_after": [-0.05]})
    >>> len(love_figure(rows).axes)
    1
    """
    import seaborn as sns

    words = labels or {}
    rows = balance.assign(
        name=[words.get(c, c) for c in balance["covariate"]], size=balance["smd_before"].abs()
    ).sort_values("size", ascending=False, kind="stable", na_position="last")
    rows["place"] = range(len(rows))
    points = pd.concat(
        [
            pd.DataFrame({"place": rows["place"], "smd": rows[f"smd_{w}"].abs(), "when": text})
            for w, text in (("before", before), ("after", after))
        ],
        ignore_index=True,
    )
    colors = sns.color_palette("colorblind")
    with figure_style():
        figure = new_figure(WIDTH_CM / _INCH, 1.0 + _ROW * max(len(rows), 3))
        axes = figure.subplots()
        axes.axvline(
            threshold,
            color="0.4",
            linestyle="--",
            linewidth=0.8,
            label=f"{threshold_label} {threshold:g}",
        )
        axes.hlines(
            rows["place"], rows["smd_after"].abs(), rows["size"], color="0.8", linewidth=1.0
        )
        sns.scatterplot(
            data=points,
            x="smd",
            y="place",
            hue="when",
            style="when",
            markers={before: "o", after: "s"},
            palette={before: colors[1], after: colors[0]},
            s=30,
            linewidth=0,
            ax=axes,
            zorder=3,
            clip_on=False,  # a difference of exactly zero sits on the axis and is shown whole
        )
        axes.set_yticks(rows["place"], rows["name"])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set(xlabel=x_label, ylabel="", title=title)
        handles, names = axes.get_legend_handles_labels()
        legend = axes.get_legend()
        if legend is not None:
            legend.remove()  # it stands below the axes, where it hides no row
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
        axes.tick_params(axis="y", length=0, pad=8)  # clear of a marker at zero
    return figure
