"""The overlap plot: the scores of both arms, mirrored, before and after matching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.display.canvas import WIDTH_CM, figure_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCH = 2.54
_HEIGHT_CM = 7.6


def overlap_figure(
    scores: pd.DataFrame,
    *,
    support: tuple[float, float] | None = None,
    bins: int = 30,
    title: str = "",
    x_label: str = "Score",
    y_label: str = "Share of the arm (%)",
    participants: str = "participants",
    controls: str = "comparison firms",
    before: str = "before matching",
    after: str = "after matching",
    support_label: str = "common support",
) -> Figure:
    """Draw histograms of the score, participants upwards and comparison firms downwards.

    Parameters
    ----------
    scores : DataFrame
        `score`, `treated` (bool), and the weights `before` and `after`.
    support : (low, high), optional
        Limits of the common support, marked where the first is no larger than the second.
    bins : int
        Bars over the range of all scores.
    title, x_label, y_label, participants, controls, before, after, support_label : str
        The texts of the figure.

    Returns
    -------
    Figure
        Not shown and not registered with pyplot. Bars are shares of the weight of an arm, so arms of different size compare.

    Examples
    --------
    >>> scores = pd.DataFrame({"score": [0.2, 0.6, 0.1, 0.3], "treated": [True, True, False, False],
    ...                        "before": 1.0, "after": [1.0, 0.0, 0.0, 1.0]})
    >>> len(overlap_figure(scores, support=(0.2, 0.3)).axes)
    2
    """
    import seaborn as sns
    from matplotlib.patches import Patch

    scores = scores[scores["score"].notna()]
    low, high = float(scores["score"].min()), float(scores["score"].max())
    room = 0.5 if high <= low else 0.0
    edges = np.linspace(low - room, high + room, bins + 1)
    blue, orange = sns.color_palette("colorblind")[:2]
    with figure_style():
        figure = new_figure(WIDTH_CM / _INCH, _HEIGHT_CM / _INCH)
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        tallest = 0.0
        for ax, when, said in zip(axes, ("before", "after"), (before, after), strict=True):
            if support is not None and support[0] <= support[1]:
                ax.axvspan(*support, color="0.93", linewidth=0, zorder=0)
                for limit in support:
                    ax.axvline(limit, color="0.4", linestyle="--", linewidth=0.8, zorder=1)
            for treated, colour, sign in ((True, blue, 1.0), (False, orange, -1.0)):
                arm = scores[scores["treated"] == treated]
                share = _shares(arm["score"], arm[when], edges)
                ax.bar(
                    edges[:-1], sign * share, np.diff(edges), align="edge", color=colour,
                    edgecolor="white", linewidth=0.3, zorder=2,
                )  # fmt: skip
                tallest = max(tallest, float(share.max()))
            ax.axhline(0, color="0.3", linewidth=0.6, zorder=3)
            ax.set_title(said)
            ax.set_xlabel(x_label)
        for ax in axes:
            ax.set_ylim(-1.05 * tallest, 1.05 * tallest)
            ax.yaxis.set_major_formatter(lambda y, _: f"{abs(y):g}")
        axes[0].set_ylabel(y_label)
        if title:
            figure.suptitle(title, fontsize=8.5)
        handles = [Patch(color=blue, label=participants), Patch(color=orange, label=controls)]
        if support is not None and support[0] <= support[1]:
            handles.append(
                Patch(facecolor="0.93", edgecolor="0.4", linestyle="--", label=support_label)
            )
        figure.legend(
            handles=handles, loc="outside lower center", ncols=len(handles), frameon=False
        )
    return figure


def _shares(
    score: pd.Series, weights: pd.Series, edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Per cent of the weight in each bar; nothing where there is no weight."""
    height = np.histogram(score, bins=edges, weights=weights)[0]
    total = float(height.sum())
    return np.asarray(100 * height / total if total > 0 else height, dtype=np.float64)
