"""The weights behind a synthetic difference in differences: which firms and which years stand for a cohort."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.panel import Panel, require_columns, require_panel
from impact.engines.one_thread import on_one_thread
from impact.estimate.firm_periods import firm_periods
from impact.estimate.request import AttRequest
from impact.estimate.synthetic_blocks import SyntheticOptions
from impact.estimate.synthetic_fitted import SyntheticData, fit_notes, prepared

_OPTIONS = ("control", "anticipation", "zeta_omega", "unbalanced")


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticWeights:
    """Weights of firms and of years, cohort by cohort; made by `impact.synthetic_weights`.

    Attributes
    ----------
    firms : DataFrame
        `cohort, piece, unit, weight`: comparison firms in falling order of weight, those without any too. The piece is the first year for which they serve.
    years : DataFrame
        `cohort, piece, time, weight, mean_treated, mean_synthetic, gap`: the cohort, and the weighted comparison firms moved up or down by the weighted
        mean gap of the years before, so that `gap` is the effect from joining on, and what the weights leave before. Years that are not before joining
        have no weight.
    fit : DataFrame
        `cohort, piece, n_treated, n_control, n_weighted, n_effective, noise, zeta_omega, rms_gap`: firms with weight; of how many equal weights they are
        worth; root mean square of the gap before joining, its mean taken away.
    notes : tuple of str
        Who was left out, how the weights fit.
    """

    firms: pd.DataFrame
    years: pd.DataFrame
    fit: pd.DataFrame
    notes: tuple[str, ...] = field(default=())

    def tidy(self) -> pd.DataFrame:
        """A copy of the weights of firms."""
        return self.firms.copy()

    def summary(self) -> str:
        """How the weights fit, cohort by cohort, and the notes."""
        table = self.fit.to_string(index=False, float_format=lambda x: f"{x:.4g}")
        return "\n".join([table, *self.notes])

    def __repr__(self) -> str:
        return self.summary()


@on_one_thread
def synthetic_weights(data: Panel, outcome: str, **options: Any) -> SyntheticWeights:
    """Show which comparison firms and which years `impact.att(..., method="synthetic")` rests on.

    Parameters
    ----------
    data : Panel
    outcome : str
        Column of the outcome.
    **options
        `control`, `anticipation`, `zeta_omega`, `unbalanced`, as for the estimate.

    Returns
    -------
    SyntheticWeights

    Raises
    ------
    EstimationError
        As for the estimate.

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=6, cohorts=(5,), seed=1)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> weights = impact.synthetic_weights(panel, "exports")
    >>> weights.fit[["cohort", "n_treated", "n_control"]].values.tolist()
    [[5, 30, 30]]
    >>> round(float(weights.firms["weight"].sum()), 6), round(float(weights.years["weight"].sum()), 6)
    (1.0, 1.0)
    """
    panel = require_panel(data, "synthetic_weights")
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise EstimationError(
            f"synthetic_weights has no option {', '.join(unknown)}; its options: {', '.join(_OPTIONS)}."
        )
    require_columns(panel.data, [outcome])
    asked = SyntheticOptions.read(options)
    request = AttRequest(panel, outcome, "synthetic", options=options)
    fitted = prepared(firm_periods(request), panel, asked, outcome)
    parts = [_tables(fitted, i) for i in range(len(fitted.blocks))]
    firms, years, fit = (pd.concat(p, ignore_index=True) for p in zip(*parts, strict=True))
    notes = (*fitted.data.notes, *fit_notes(fitted, asked), *fitted.reasons.notes())
    return SyntheticWeights(firms, years, fit, notes)


def _tables(fitted: SyntheticData, i: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Firms, years and fit of one block."""
    data, block, fit = fitted.data, fitted.blocks[i], fitted.fits[i]
    key = {"cohort": block.cohort, "piece": int(data.periods[block.after[0]])}
    weights = fit.unit_weights
    order = np.argsort(-weights, kind="stable")
    firms = pd.DataFrame({**key, "unit": data.units[block.others][order], "weight": weights[order]})
    own = data.outcome[block.treated].mean(axis=0)
    mixed = weights @ data.outcome[block.others]
    mixed = mixed + fit.time_weights @ (own - mixed)[block.before]
    shown = np.concatenate([block.before, block.after])
    years = pd.DataFrame(
        {
            **key,
            "time": data.periods[shown],
            "weight": np.append(fit.time_weights, np.full(len(block.after), np.nan)),
            "mean_treated": own[shown],
            "mean_synthetic": mixed[shown],
            "gap": (own - mixed)[shown],
        }
    )
    row = {
        **key,
        "n_treated": len(block.treated),
        "n_control": len(weights),
        "n_weighted": int((weights > 0).sum()),
        "n_effective": 1 / float(weights @ weights),
        "noise": fit.noise,
        "zeta_omega": fit.zeta_omega,
        "rms_gap": fit.gap,
    }
    return firms, years, pd.DataFrame([row])
