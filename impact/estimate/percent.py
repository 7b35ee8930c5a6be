"""Effects in per cent of the baseline: what participants would have had without the programme."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import critical_value, ratio_interval
from impact.estimate.effect import EffectResult, effect_from_influence

_KEYS = ("term", "cohort", "time", "event_time", "dose", "group")
_COUNTS = ("n_treated", "n_control", "n_obs", "n_units")


def percent(effect: EffectResult) -> EffectResult:
    """See `EffectResult.percent`.

    With effect a and baseline b the estimate is `100 a / b`, and a firm moves it by `100 (a's influence - a / b x b's influence) / b`.
    """
    if effect.scale != "outcome":
        raise EstimationError(
            f"These effects are in {'per cent' if effect.scale == 'percent' else 'units of the link'} and not in the unit of the outcome."
        )
    if effect.baseline is None or effect.baseline_influence is None or effect.influence is None:
        raise EstimationError(
            f"The method {effect.method!r} gives no mean outcome without the programme, of which the effect would be a per cent."
        )
    assert effect.firms is not None
    table = effect.estimates
    above = effect.baseline > 0
    base = np.where(above, effect.baseline, np.nan)
    ratio = table["estimate"].to_numpy(dtype=np.float64) / base
    influence = 100 * (effect.influence.to_numpy() - effect.baseline_influence * ratio) / base
    notes = list(effect.notes)
    low = np.isfinite(effect.baseline) & ~above
    if low.any():
        terms = ", ".join(table.loc[low, "term"].head(6))
        notes.append(
            f"No per cent where the baseline is not above 0: {terms}{' and more' if low.sum() > 6 else ''}."
        )
    told = np.isfinite(ratio) & np.isfinite(table["std_error"].to_numpy(dtype=np.float64))
    none = told & (ratio <= -1)
    if none.any():
        terms = ", ".join(table.loc[none, "term"].head(6))
        notes.append(
            f"No interval in per cent where participants' mean outcome is not above 0: {terms}{' and more' if none.sum() > 6 else ''}."
        )
    made = effect_from_influence(
        keys=table[[c for c in _KEYS if c in table]],
        estimate=100 * ratio,
        influence=influence,
        firms=effect.firms,
        counts=table[[c for c in _COUNTS if c in table]],
        method=effect.method,
        outcome=effect.outcome,
        family=effect.family,
        label=effect.label,
        conf_level=effect.conf_level,
        variance=effect.variance,
        estimand=effect.estimand,
        aggregation=effect.aggregation,
        band="band_low" in table,
        notes=tuple(notes),
        source=effect.source,
        seed=effect.seed,
        anticipation=effect.anticipation,
        scale="percent",
    )
    return replace(made, estimates=_with_inference(made.estimates, table, effect.conf_level))


def _with_inference(
    percents: pd.DataFrame, effects: pd.DataFrame, conf_level: float
) -> pd.DataFrame:
    """Intervals of the ratio on the scale of its logarithm, and the test of the effect itself."""
    out = percents.copy()
    errors = out["std_error"].to_numpy(dtype=np.float64)
    known = np.isfinite(errors)
    for column in ("statistic", "p_value"):
        out[column] = np.where(known, effects[column].to_numpy(dtype=np.float64), np.nan)
    critical = {"conf": critical_value(conf_level)}
    if "band_low" in out:
        half = (out["band_high"] - out["estimate"]) / out["std_error"]
        critical["band"] = float(half.max())  # one for all rows
    ratio = 1 + out["estimate"].to_numpy(dtype=np.float64) / 100
    for name, value in critical.items():
        low, high = ratio_interval(ratio, errors / 100, critical=value)
        out[f"{name}_low"], out[f"{name}_high"] = 100 * (low - 1), 100 * (high - 1)
    return out
