"""The comparisons behind a two-way fixed effects coefficient: what each finds, over how much it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from impact.display.canvas import WIDTH_CM, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCH = 2.54
_MARKERS = ("o", "s", "X", "D")


def bacon_figure(
    comparisons: pd.DataFrame,
    *,
    coefficient: float,
    label: str,
    x_label: str = "Weight",
    y_label: str = "Difference in differences",
    line_label: str = "coefficient",
) -> Figure:
    """Draw each comparison of two groups as a point: its estimate over its weight, by kind.

    Parameters
    ----------
    comparisons : DataFrame
        `comparison`, `weight`, `estimate`, as `impact.bacon(...).tidy()` gives them.
    coefficient : float
        Where the dashed line stands: the mean of the points by their weights.
    label : str
        Words for the outcome.
    x_label, y_label, line_label : str
        The texts of the figure.

    Returns
    -------
    Figure
        Not shown and not registered with pyplot, so nothing has to be closed.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"comparison": ["joined vs never"], "weight": [1.0], "estimate": [0.3]})
    >>> len(bacon_figure(rows, coefficient=0.3, label="exports").axes)
    1
    """
    import seaborn as sns

    kinds = list(dict.fromkeys(comparisons["comparison"]))
    with figure_style():
        figure = new_figure(WIDTH_CM / _INCH, 3.4)
        axes = figure.subplots()
        axes.axhline(coefficient, color="0.4", linestyle="--", linewidth=0.8, label=line_label)
        sns.scatterplot(
            data=comparisons,
            x="weight",
            y="estimate",
            hue="comparison",
            style="comparison",
            markers=dict(zip(kinds, _MARKERS, strict=False)),
            palette=dict(zip(kinds, sns.color_palette("colorblind"), strict=False)),
            s=36,
            linewidth=0,
            ax=axes,
            zorder=3,
        )
        # Room for whole markers at the largest weight; not clipping them makes the layout leave a gap.
        axes.set_xlim(0, 1.05 * float(comparisons["weight"].max()))
        axes.margins(y=0.1)
        axes.yaxis.set_major_formatter("{x:,.10g}")
        axes.set(xlabel=x_label, ylabel=y_label, title=label)
        handles, names = axes.get_legend_handles_labels()
        legend = axes.get_legend()
        if legend is not None:
            legend.remove()  # it stands below the axes, where it hides no point
        figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    return figure
