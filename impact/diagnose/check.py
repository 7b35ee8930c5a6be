"""The verb `check`: should we believe this effect?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from impact.core.errors import EstimationError
from impact.core.registry import METHODS

# Imported for what they register.
from impact.diagnose import influence, pretrends  # noqa: F401
from impact.diagnose.finding import Finding
from impact.estimate.effect import EffectResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHECK_COLUMNS = ("check", "verdict", "statistic", "df", "p_value", "size", "n", "sentence")
"""Columns of a table of checks."""


@dataclass(frozen=True, slots=True, eq=False)
class CheckResult:
    """Findings on one effect; made by `impact.check`, never changed.

    Attributes
    ----------
    table : DataFrame
        One row per check: `check, verdict, statistic, df, p_value, size, n, sentence`.
    effect : EffectResult
        What was checked.
    """

    table: pd.DataFrame
    effect: EffectResult

    def tidy(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.table.copy()

    def summary(self) -> str:
        """Give one line per check: its name, its verdict, and its sentence."""
        rows = zip(self.table["check"], self.table["verdict"], self.table["sentence"], strict=True)
        return "\n".join(f"{name}: {verdict}. {sentence}" for name, verdict, sentence in rows)

    def plot(self) -> Figure:
        """Draw the estimates before joining, with the size that one of them could have missed.

        Raises
        ------
        EstimationError
            If no check among these has something to draw.
        """
        from impact.display.check_figure import pretrends_figure

        asked = self.table[self.table["check"] == "pretrends"]
        rows = pretrends.before_joining(self.effect)
        if asked.empty or rows.empty:
            raise EstimationError(
                "There is nothing to draw: only 'pretrends' has a figure, and it needs an estimate "
                "before joining."
            )
        return pretrends_figure(
            rows, label=self.effect.label, detectable=float(asked["size"].iloc[0])
        )

    def __repr__(self) -> str:
        return self.summary()


def check(effect: EffectResult, checks: str | Sequence[str] = ("pretrends",)) -> CheckResult:
    """Ask an effect the questions that a referee would.

    Parameters
    ----------
    effect : EffectResult
        What `impact.att` returned.
    checks : str or sequence of str
        Names of checks, run in this order; `impact.methods()` lists them.

    Returns
    -------
    CheckResult

    Raises
    ------
    ImpactError
        If a check does not exist.
    EstimationError
        If no check was named, or one was named twice.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from impact.estimate.effect import effect_from_influence
    >>> firms = pd.DataFrame({"cohort": [3.0, 3.0, np.nan, np.nan], "weight": 1.0,
    ...                       "cluster": range(4)})
    >>> effect = effect_from_influence(
    ...     keys=pd.DataFrame({"term": ["ATT(3,2)", "ATT(3,3)"], "cohort": [3, 3], "time": [2, 3],
    ...                        "event_time": [-1, 0]}),
    ...     estimate=np.array([0.1, 2.0]),
    ...     influence=np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]), firms=firms,
    ...     counts=pd.DataFrame({"n_treated": [2, 2], "n_control": [2, 2]}), method="group_time",
    ...     outcome="jobs", family="gaussian", label="jobs", conf_level=0.95, variance="by firm")
    >>> check(effect, ["pretrends"]).tidy()["verdict"].tolist()
    ['passes']
    """
    names = [checks] if isinstance(checks, str) else list(checks)
    if not names or len(set(names)) < len(names):
        raise EstimationError(f"Name each check once, and at least one; given: {names}.")
    methods = [METHODS.find("check", name) for name in names]  # refuse before anything is run
    found = [method.function(effect) for method in methods]
    assert all(isinstance(one, Finding) for one in found)
    table = pd.DataFrame([{c: getattr(one, c) for c in CHECK_COLUMNS} for one in found])
    return CheckResult(table.astype({"n": "Int64"}), effect)
