"""The blocks of synthetic difference in differences with their weights: estimates, counts, and words on how they fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.panel import Panel
from impact.core.whole_numbers import counted
from impact.estimate.firm_periods import FirmPeriods
from impact.estimate.staggered import CohortYear, Reasons
from impact.estimate.synthetic_blocks import Block, SyntheticOptions, blocks_of, usable
from impact.estimate.synthetic_fit import SyntheticFit, since_before
from impact.estimate.two_way import IntArray

_SHOWN_BLOCKS = 6
_SHOWN_YEARS = 4
_LARGEST = 1e150


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticData:
    """What is fitted: firms by periods, blocks with their weights, rows, and what must be said."""

    data: FirmPeriods
    blocks: list[Block]
    fits: list[SyntheticFit]
    plan: list[CohortYear]
    reasons: Reasons

    def positions(self, block: Block) -> IntArray:
        """Rows of the plan that belong to the block."""
        at = {(row.cohort, row.target): i for i, row in enumerate(self.plan)}
        return np.array([at[block.cohort, int(t)] for t in block.shown], dtype=np.int64)


def prepared(
    data: FirmPeriods, panel: Panel, options: SyntheticOptions, outcome: str
) -> SyntheticData:
    """Choose the firms, lay out the blocks, and weigh them.

    Raises
    ------
    EstimationError
        If the panel has sampling weights, squares of the outcome overflow, or there is no block.
    """
    if panel.weights is not None:
        raise EstimationError(
            f"synthetic chooses the weights of firms itself and takes no sampling weights; this panel has '{panel.weights}'. Make it without, or use "
            "method='group_time'."
        )
    _refuse_huge(data, outcome)
    data = usable(data, options, outcome)
    reasons = Reasons()
    blocks, plan = blocks_of(data, options, reasons)
    if not blocks:
        why = reasons.notes() or [
            "No cohort has participants, comparison firms and two years before joining that are all observed."
        ]
        raise EstimationError("No effect can be estimated. " + " ".join(why))
    fits = [block.fit(data.outcome, options.zeta_omega) for block in blocks]
    return SyntheticData(data, blocks, fits, plan, reasons)


def estimates(
    block: Block, fit: SyntheticFit, outcome: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Effects of the rows of a block, and what the cohort would have had without them."""
    mean, others = outcome[block.treated].mean(axis=0), outcome[block.others]
    own = since_before(mean[None, :], block.before, block.shown, fit.time_weights)[0]
    rest = since_before(others, block.before, block.shown, fit.time_weights)
    effect = own - fit.unit_weights @ rest
    return effect, mean[block.shown] - effect


def counts_of(fitted: SyntheticData) -> pd.DataFrame:
    """Participants of the cohort and firms of the pool, row by row."""
    own = {row.cohort: 0 for row in fitted.plan}
    for g in own:
        own[g] = int((fitted.data.cohort == g).sum())
    pool = np.zeros(len(fitted.plan), dtype=np.int64)
    for block in fitted.blocks:
        pool[fitted.positions(block)] = len(block.others)
    return pd.DataFrame({"n_treated": [own[row.cohort] for row in fitted.plan], "n_control": pool})


def fit_notes(fitted: SyntheticData, options: SyntheticOptions) -> list[str]:
    """How well the weights close the gap before joining, how many firms carry them, and which years."""
    notes = []
    for block, fit in list(zip(fitted.blocks, fitted.fits, strict=True))[:_SHOWN_BLOCKS]:
        years = fitted.data.periods
        heavy = np.argsort(-fit.time_weights, kind="stable")[:_SHOWN_YEARS]
        shown = [t for t in sorted(heavy.tolist()) if fit.time_weights[t] >= 0.01]
        when = ", ".join(f"{years[block.before[t]]} ({fit.time_weights[t]:.0%})" for t in shown)
        piece = "" if options.control == "never" else f" in {_span(years[block.after])}"
        weights = fit.unit_weights
        notes.append(
            f"Cohort {block.cohort}{piece}: the gap before joining is {fit.gap:.3g} (root mean square over {counted(len(block.before), 'period')}; "
            f"ridge {fit.zeta_omega:.3g}); {int((weights > 0).sum()):,} of {len(weights):,} comparison firms carry weight, as many as "
            f"{1 / float(weights @ weights):.1f} of equal weight, the largest {weights.max():.1%}; years before that weigh most: {when}."
        )
    if len(fitted.blocks) > _SHOWN_BLOCKS:
        more = len(fitted.blocks) - _SHOWN_BLOCKS
        notes.append(f"The fit of {more} more is in impact.synthetic_weights.")
    if options.before:
        notes.append(
            "Rows before joining are what the weights leave of a gap that they were chosen to close: they show the fit, and are no test of the comparison."
        )
    return notes


def _span(years: IntArray) -> str:
    return f"{years[0]}" if len(years) == 1 else f"{years[0]} to {years[-1]}"


def _refuse_huge(data: FirmPeriods, outcome: str) -> None:
    """Weights are chosen by squares of the outcome, which must be numbers, too."""
    largest = float(np.nanmax(np.abs(data.outcome), initial=0.0))
    if largest > _LARGEST:
        raise EstimationError(
            f"'{outcome}' has values of about {largest:.0e}, whose squares are beyond the numbers of a computer. Express it in a larger unit: divide it, "
            "for example by its largest value."
        )
