"""Mean outcomes of the arms of a matched cell: what participants would have had, and effects by growth, each with its influence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from impact.core.inference import FloatArray
from impact.estimate.arms import Cell
from impact.estimate.growth_scores import refuse_no_growth


@dataclass(frozen=True, slots=True)
class CellEffect:
    """Effect and baseline of a cell, and the influence of n firms on each."""

    estimate: float
    influence: FloatArray
    baseline: float
    baseline_influence: FloatArray


def arm_mean(cell: Cell, values: FloatArray, *, treated: bool) -> tuple[float, FloatArray]:
    """Weighted mean of participants, or of controls, and the influence of each firm on it, by way of estimated weights, too."""
    firms = cell.treated if treated else cell.control
    alone = np.zeros(len(values))
    alone[firms] = values[firms]
    mean, influence = replace(cell, values=alone).difference()  # the other arm is 0
    return (mean, influence) if treated else (-mean, -influence)


def by_difference(cell: Cell, after: FloatArray) -> CellEffect:
    """Difference of the cell's values; the baseline is participants' mean outcome afterwards less it."""
    effect, moved = cell.difference()
    mean, of_mean = arm_mean(cell, after, treated=True)
    return CellEffect(effect, moved, mean - effect, of_mean - moved)


def by_growth(cell: Cell, before: FloatArray, after: FloatArray) -> CellEffect:
    """Participants' mean outcome less what it was before times the growth of the controls' mean.

    Raises
    ------
    NotIdentified
        If a mean that is divided by, or that growth starts from, is 0.
    """
    mean, of_mean = arm_mean(cell, after, treated=True)
    base, of_base = arm_mean(cell, before, treated=True)
    others, of_others = arm_mean(cell, after, treated=False)
    others_base, of_others_base = arm_mean(cell, before, treated=False)
    refuse_no_growth(np.array(base), np.array(others_base), np.array(others))
    growth = others / others_base
    without = base * growth
    of_growth = (of_others - growth * of_others_base) / others_base
    moved = growth * of_base + base * of_growth
    return CellEffect(mean - without, of_mean - moved, without, moved)
