"""What every figure is drawn on: one style, one width, no pyplot and its hidden list of figures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_CM = 16.0
"""Width at which a figure is placed on an A4 page; text is then 8 to 9 points high."""

_DPI = 110  # on a screen
_FONT_SIZE = 8.5


@contextmanager
def figure_style() -> Iterator[None]:
    """Settings in which every figure is made and saved: seaborn's ticks, nothing of the user's."""
    import matplotlib
    import seaborn

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(seaborn.axes_style("ticks"))
        matplotlib.rcParams.update(
            {
                "font.family": "DejaVu Sans",  # ships with matplotlib, so every machine has it
                "font.size": _FONT_SIZE,
                "axes.labelsize": _FONT_SIZE,
                "axes.titlesize": _FONT_SIZE,
                "xtick.labelsize": 8.0,
                "ytick.labelsize": 8.0,
                "legend.fontsize": 8.0,
                "axes.linewidth": 0.6,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "svg.hashsalt": "impact",
                "svg.fonttype": "path",
            }
        )
        yield


@cache
def _picture() -> type[Figure]:
    """The class is made when it is first needed, so that nothing loads matplotlib before."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that a notebook shows when it is the last value of a cell."""

        def _repr_png_(self) -> bytes:
            out = io.BytesIO()
            self.savefig(out, format="png", dpi=_DPI)
            return out.getvalue()

    return Picture


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure.

    Parameters
    ----------
    width, height : float
        Size in inches.

    Returns
    -------
    Figure
        Not registered with pyplot, so nothing has to be closed; shown by a notebook on its own.

    Examples
    --------
    >>> new_figure(4, 3)._repr_png_()[1:4]
    b'PNG'
    """
    return _picture()(figsize=(width, height), layout="constrained")
