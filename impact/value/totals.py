"""From effects per firm to cells of a programme: which cells count, for how many participants."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.display.numbers import format_number
from impact.estimate.effect import EffectResult

ShortCohorts = Literal["last_observed", "refuse"]
"""What to do with a cohort that was not observed up to the horizon."""


class FixedSizes(dict[int, int]):
    """Participants of an account that is drawn again: they stay what they were, also where a draw holds more firms of a cohort."""


def treated_cells(
    effect: EffectResult, horizon: int, gross: bool, carried_years: int = 0
) -> pd.DataFrame:
    """Cells from the year of joining on that have an estimate, with their position in `vcov`."""
    table = effect.estimates
    lacking = [c for c in ("cohort", "time", "event_time") if c not in table.columns]
    if lacking or effect.aggregation is not None or effect.firms is None:
        raise EstimationError(
            "Totals need group-time effects with their firms, before aggregation; this effect comes "
            f"from {effect.method!r}. Estimate it with method='group_time' and hand over the result."
        )
    if effect.scale != "outcome":
        raise EstimationError(
            f"The effect is {'in per cent' if effect.scale == 'percent' else 'a coefficient'} and not in the unit of the outcome. "
            "Hand over the effect as it was estimated, in levels of the outcome."
        )
    if bool(gross) == (effect.estimand == "ATT"):
        raise EstimationError(
            "An ATT is already net of what would have happened anyway: leave `gross` out."
            if gross
            else f"The estimand {effect.estimand!r} is not net of a counterfactual: say gross=True."
        )
    if not isinstance(horizon, int | np.integer) or isinstance(horizon, bool) or horizon < 0:
        raise EstimationError(f"horizon is {horizon!r}; give whole years after joining, 0 or more.")
    cells = table[["cohort", "time", "event_time", "estimate", "std_error"]].reset_index(drop=True)
    cells = cells.assign(position=np.arange(len(cells)))
    cells = cells[(cells["event_time"] >= 0) & np.isfinite(cells["estimate"])]
    if cells.empty:
        raise EstimationError("No cell from the year of joining on has an estimate.")
    cells = cells.astype({"cohort": "int64", "time": "int64", "event_time": "int64"})
    longest = int(cells["event_time"].max())
    if horizon > longest + carried_years:
        carried = (
            f", and persistence carries them on for {carried_years} more" if carried_years else ""
        )
        raise EstimationError(
            f"A horizon of {horizon} was asked for, and no cohort is observed longer than "
            f"{longest} after joining{carried}; effects are not extrapolated beyond that. "
            f"Ask for horizon={longest + carried_years} or less, or declare a longer persistence."
        )
    return cells


def at_horizon(
    cells: pd.DataFrame, yearly: pd.DataFrame, horizon: int, short_cohorts: ShortCohorts
) -> pd.DataFrame:
    """One row per cohort: the horizon, or the last year before it that counts, where that is allowed."""
    if short_cohorts not in ("last_observed", "refuse"):
        raise EstimationError(
            f"short_cohorts is {short_cohorts!r}; write 'last_observed' or 'refuse'."
        )
    last = yearly.groupby("cohort", sort=True).tail(1)
    absent = sorted(set(cells["cohort"]) - set(last["cohort"]))
    if absent:
        raise EstimationError(
            f"Cohorts without an estimate up to event time {horizon}: {_listed(absent)}. Ask for a "
            "longer horizon."
        )
    short = last.loc[last["event_time"] < horizon, "cohort"]
    if len(short) and short_cohorts == "refuse":
        raise EstimationError(
            f"Cohorts not observed {years_after(horizon)}: {_listed(short)}. Effects are not "
            "extrapolated; ask for a shorter horizon, or short_cohorts='last_observed'."
        )
    return last


def firm_cohorts(effect: EffectResult) -> pd.Series:
    """First year of participation of each firm in the estimation sample; missing means never."""
    assert effect.firms is not None  # treated_cells has refused effects without firms
    return effect.firms["cohort"]


def participants_per_cohort(
    effect: EffectResult,
    cells: pd.DataFrame,
    participants: Mapping[int, int] | None,
    elsewhere: frozenset[int] = frozenset(),
) -> tuple[dict[int, int], tuple[str, ...]]:
    """Participants per cohort, from the roster or counted in the sample, and which of the two.

    `elsewhere` are cohorts that have an effect on another outcome of the same account.
    """
    cohorts = sorted(int(g) for g in cells["cohort"].unique())
    firm_cohort = firm_cohorts(effect)
    sample = {g: int((firm_cohort == g).sum()) for g in cohorts}
    if participants is not None:
        kind = FixedSizes if isinstance(participants, FixedSizes) else dict
        roster = kind((g, n) for g, n in participants.items() if g in sample or g not in elsewhere)
        faults = _roster_faults(roster, sample)
        if faults:
            raise DataError("The participants per cohort do not fit the effect.", faults)
        sizes = {g: int(roster[g]) for g in cohorts}
        notes = [
            f"Participants by the roster: {sizes_text(sizes)}. The effect is estimated on "
            f"{sizes_text(sample)}, and is taken to hold for those not observed."
        ]
        left = sorted(elsewhere - set(cohorts))
        if left:
            notes.append(
                f"Cohorts without an effect on {effect.label}: {_listed(left)}. They are in no total of it, while costs paid for them "
                "are in the denominator."
            )
        return sizes, tuple(notes)
    _refuse_weighted(effect, firm_cohort.isin(cohorts))
    notes = [
        f"Participants counted in the estimation sample: {sizes_text(sample)}; a roster with more "
        "would give a larger total."
    ]
    without = int((firm_cohort.notna() & ~firm_cohort.isin(cohorts)).sum())
    if without:
        notes.append(
            "Firms that joined in years for which no effect could be estimated: "
            f"{format_number(without)}. They are in no total, while costs paid for them are in the "
            "denominator."
        )
    return sample, tuple(notes)


def at_risk_per_cohort(
    effect: EffectResult, last: pd.DataFrame
) -> tuple[dict[int, int], tuple[str, ...]]:
    """Participants who could have the event, per cohort: an effect on entry is one on firms that did not export, not on the whole roster."""
    counts = effect.estimates["n_treated"].to_numpy()
    sizes = {
        int(g): int(counts[int(at)]) for g, at in zip(last["cohort"], last["position"], strict=True)
    }
    _refuse_weighted(effect, firm_cohorts(effect).isin(list(sizes)))
    return sizes, (
        f"Events of {effect.label} are counted among participants at risk of them in the sample: {sizes_text(sizes)}; a roster holds others, too.",
    )


def _refuse_weighted(effect: EffectResult, joined: pd.Series) -> None:
    """Refuse to count the firms of a weighted sample: each stands for an unknown number."""
    assert effect.firms is not None
    weight = effect.firms.loc[joined, "weight"]
    if not np.allclose(weight, 1.0):
        raise DataError(
            "The participants carry weights, so that counting them does not give the programme's size.",
            [Fault("no number of participants", "give participants={cohort: number}")],
        )


def _roster_faults(roster: Mapping[Any, Any], sample: Mapping[int, int]) -> list[Fault]:
    faults = []
    for cohort, found in sample.items():
        number = roster.get(cohort)
        if number is None:
            problem = "this cohort has an effect and no number of participants"
        elif not _is_count(number):
            problem = "the number of participants is not a whole number above zero"
        elif number < found and not isinstance(roster, FixedSizes):
            problem = f"the roster has fewer participants than the sample, which has {found}"
        else:
            continue
        faults.append(
            Fault(
                problem,
                "give the participants of this cohort in the roster",
                column=f"participants[{cohort}]",
                value=number,
            )
        )
    for cohort in sorted(set(roster) - set(sample), key=str):
        faults.append(
            Fault(
                "participants were given for a cohort without an estimated effect",
                "leave it out, together with its costs, or use a design that identifies it",
                column=f"participants[{cohort}]",
            )
        )
    return faults


def _is_count(value: Any) -> bool:
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    return real and float(value) == math.floor(value) and value >= 1


def years_after(horizon: int) -> str:
    """Say an event time in words.

    Examples
    --------
    >>> years_after(0), years_after(1), years_after(3)
    ('in the year of joining', '1 year after joining', '3 years after joining')
    """
    if horizon == 0:
        return "in the year of joining"
    return f"{horizon} year{'s' if horizon > 1 else ''} after joining"


def sizes_text(sizes: Mapping[int, int]) -> str:
    """Write the participants and their cohorts.

    Examples
    --------
    >>> sizes_text({1989: 30, 1988: 36})
    '66 (36 joined in 1988, 30 joined in 1989)'
    """
    each = ", ".join(f"{format_number(n)} joined in {g}" for g, n in sorted(sizes.items()))
    return f"{format_number(sum(sizes.values()))} ({each})"


def _listed(values: Sequence[int] | pd.Series) -> str:
    return ", ".join(str(int(v)) for v in values)
