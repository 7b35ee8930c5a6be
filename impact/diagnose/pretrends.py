"""Check `pretrends`: did participants and comparison firms move apart before joining?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from impact.core.inference import critical_value, wald
from impact.core.registry import METHODS
from impact.diagnose.finding import Finding
from impact.display.digits import number_text
from impact.display.numbers import format_number
from impact.estimate.effect import EffectResult

POWER = 0.8
"""Power at which the size of a pre-trend that could be missed is stated."""


def before_joining(effect: EffectResult) -> pd.DataFrame:
    """Estimates for years before joining that have a standard error, with `position` in `vcov`.

    A reference year, which is zero by construction, has no standard error and is no evidence.
    """
    table = effect.estimates.reset_index(drop=True)
    if "event_time" not in table.columns:
        return table.iloc[:0].assign(position=[])
    rows = table.assign(position=np.arange(len(table)))
    return rows[
        (rows["event_time"] < -effect.anticipation) & rows["std_error"].notna()
    ].reset_index(drop=True)


def detectable_lead(std_error: float, conf_level: float, power: float = POWER) -> float:
    """Size of a single lead that a two-sided test would find with this power.

    Parameters
    ----------
    std_error : float
        Standard error of the lead.
    conf_level : float
        One minus the size of the test.
    power : float
        Probability of rejection.

    Returns
    -------
    float
        `(z(1 - size/2) + z(power)) x std_error`: 2.80 standard errors at 5 % and 80 %. The chance
        of rejecting on the wrong side, one in a million at 5 %, is left out.

    Examples
    --------
    >>> round(detectable_lead(1.0, 0.95), 4)
    2.8016
    """
    # The one-sided quantile of the power is the two-sided critical value at level 2 power - 1.
    return (critical_value(conf_level) + critical_value(2 * power - 1)) * std_error


@METHODS.register(
    "check",
    "pretrends",
    summary="joint test that the estimates before joining are zero, and what it could have missed",
    takes=("effect",),
    needs=("an estimate for a year before joining",),
    reference="Callaway and Sant'Anna (2021), section 5; Roth (2022) on its power",
)
def pretrends(effect: EffectResult) -> Finding:
    """Test jointly that all estimates before joining are zero.

    Parameters
    ----------
    effect : EffectResult
        Group-time cells, or an event study.

    Returns
    -------
    Finding
        `statistic, df, p_value` of the Wald test from the joint covariance, and `size`: the pre-trend
        that the best measured of the estimates would miss in one sample of five. `cannot tell` where
        there is no estimate before joining, or too few firms for a joint test.

    Notes
    -----
    Not rejecting is the absence of evidence, and conditioning on it can make things worse (Roth 2022,
    "Pretest with caution", American Economic Review: Insights 4(3)). So the sentence never says that
    trends are parallel, and it states the size of what could have been missed. Years in which
    participants already anticipate joining lie before joining too, and count here.
    """
    rows = before_joining(effect)
    n = None if effect.firms is None else len(effect.firms)
    if rows.empty:
        return Finding(
            "pretrends",
            "cannot tell",
            "There is no estimate for a year before joining, so nothing can be said on whether "
            "trends were parallel.",
            n=n,
        )
    position = rows["position"].to_numpy(dtype=np.int64)
    test = wald(rows["estimate"], effect.vcov[np.ix_(position, position)])
    best = rows.loc[rows["std_error"].idxmin()]
    size = detectable_lead(float(best["std_error"]), effect.conf_level)
    if test.df < len(rows):
        return Finding(
            "pretrends",
            "cannot tell",
            f"The {len(rows)} estimates before joining have a singular covariance (rank {test.df}): "
            f"there are too few firms or clusters to test them jointly. "
            f"{_power_note(best, size, len(rows), _unit(effect))}",
            size=size,
            n=n,
        )
    fails = test.p_value < 1 - effect.conf_level
    return Finding(
        "pretrends",
        "fails" if fails else "passes",
        f"{_sentence(fails, len(rows), test.statistic, test.p_value)} "
        f"{_power_note(best, size, len(rows), _unit(effect))}",
        statistic=test.statistic,
        df=float(test.df),
        p_value=test.p_value,
        size=size,
        n=n,
    )


def _sentence(fails: bool, number: int, statistic: float, p_value: float) -> str:
    many = number > 1
    probability = "p < 0.001" if p_value < 0.001 else f"p = {format_number(p_value, 3)}"
    test = f"(Wald {format_number(statistic, 2)} on {number} df, {probability})"
    subject = f"the {number} estimates" if many else "the one estimate"
    if fails:
        return (
            f"Evidence against parallel trends: {subject} before joining "
            f"{'are jointly' if many else 'is'} different from zero {test}."
        )
    return (
        f"No evidence against parallel trends: {subject} before joining cannot "
        f"{'jointly ' if many else ''}be told from zero {test}. This does not show that trends would "
        "have stayed parallel."
    )


def _unit(effect: EffectResult) -> str:
    """What the numbers are in."""
    units = {"percent": "per cent", "link": "units of the coefficient"}
    return units.get(effect.scale, f"the unit of {effect.label}")


def _power_note(best: pd.Series, size: float, number: int, unit: str) -> str:
    which = "Tested alone, even the best measured of them" if number > 1 else "It"
    return (
        f"{which} ({best['term']}, standard error {number_text(best['std_error'])}) would miss a true "
        f"difference smaller than {number_text(size)} more often than one time in five (both in {unit})."
    )
