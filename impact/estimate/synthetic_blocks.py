"""Which cohort is compared with whom, over which years: the blocks that synthetic difference in differences is fitted to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.whole_numbers import by_number, counted
from impact.estimate.did_scores import BoolArray
from impact.estimate.effect import Aggregation
from impact.estimate.firm_periods import FirmPeriods
from impact.estimate.staggered import (
    CohortYear,
    Reasons,
    cohorts_of,
    joining,
    periods_option,
    require_participants,
)
from impact.estimate.synthetic_fit import SyntheticFit, fit_weights, since_before
from impact.estimate.two_way import IntArray

FEWEST_BEFORE = 2
FEWEST_OTHERS = 2
DRAWS = 200

Inference = Literal["jackknife", "placebo", "bootstrap"]
_CHOICES: dict[str, tuple[Any, ...]] = {
    "control": ("never", "not_yet"),
    "unbalanced": ("balanced", "refuse"),
    "inference": get_args(Inference),
    "average": (None, *get_args(Aggregation)),
    "before": (False, True),
}


@dataclass(frozen=True, slots=True)
class SyntheticOptions:
    """Options of `synthetic`; see there."""

    control: Literal["never", "not_yet"] = "never"
    anticipation: int = 0
    zeta_omega: float | None = None
    inference: Inference = "jackknife"
    average: Aggregation | None = None
    draws: int = DRAWS
    before: bool = False
    unbalanced: Literal["balanced", "refuse"] = "balanced"

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> SyntheticOptions:
        """Check the options of a request.

        Raises
        ------
        EstimationError
            If an option has a value that does not exist.
        """
        for name, known in _CHOICES.items():
            if name in given and not any(given[name] is k or given[name] == k for k in known):
                raise EstimationError(
                    f"{name}={given[name]!r} does not exist for synthetic; choose from {', '.join(map(repr, known))}."
                )
        draws = given.get("draws", DRAWS)
        if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 2:
            raise EstimationError(f"draws={draws!r} is no number of draws; write 200, say.")
        zeta = given.get("zeta_omega")
        number = isinstance(zeta, Real) and not isinstance(zeta, bool)
        if zeta is not None and not (number and 0 < float(zeta) < np.inf):
            raise EstimationError(
                f"zeta_omega={zeta!r} is no ridge; write a number above 0 in the unit of the outcome, or leave it out for that of the paper. (Without a "
                "ridge the weights of firms are not unique.)"
            )
        wait = periods_option(given, "anticipation")
        return cls(**{**given, "anticipation": wait, "zeta_omega": zeta})


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A cohort, its comparison firms, and the periods for which these serve.

    Attributes
    ----------
    cohort : int
    treated, others : array of int
        Positions of the firms.
    before, after : array of int
        Positions of the periods before joining (and anticipation), and of those to be estimated.
    shown : array of int
        Positions of the periods that get a row.
    """

    cohort: int
    treated: IntArray
    others: IntArray
    before: IntArray
    after: IntArray
    shown: IntArray

    def fit(self, outcome: FloatArray, zeta_omega: float | None) -> SyntheticFit:
        """Weights of the block."""
        mean, others = outcome[self.treated].mean(axis=0), outcome[self.others]
        return fit_weights(
            mean, others, self.before, self.after, n_treated=len(self.treated), zeta_omega=zeta_omega
        )  # fmt: skip

    def again(
        self, outcome: FloatArray, fit: SyntheticFit, treated: IntArray, others: IntArray
    ) -> FloatArray:
        """Estimates of the rows with other firms in both arms: weights anew, ridges as they were."""
        mean, rest = outcome[treated].mean(axis=0), outcome[others]
        new = fit_weights(
            mean,
            rest,
            self.before,
            self.after,
            n_treated=len(treated),
            zeta_omega=fit.zeta_omega,
            zeta_lambda=fit.zeta_lambda,
        )
        own = since_before(mean[None, :], self.before, self.shown, new.time_weights)[0]
        change = since_before(rest, self.before, self.shown, new.time_weights)
        return np.asarray(own - new.unit_weights @ change)


def usable(data: FirmPeriods, options: SyntheticOptions, outcome: str) -> FirmPeriods:
    """Firms that are observed in every period and can be in a block.

    Raises
    ------
    EstimationError
        If nobody joins within the data, nobody is left to compare with, or firms are incomplete and that was to be refused.
    """
    data = joining(data, options.anticipation)
    seen = ~np.isnan(data.outcome)
    data = _without_empty_periods(data, np.asarray(seen.any(axis=0)))
    complete = np.asarray((~np.isnan(data.outcome)).all(axis=1))
    lost = ~complete
    if lost.any():
        own = int((lost & np.isfinite(data.cohort)).sum())
        who = f"participants: {own:,}, other firms: {int(lost.sum()) - own:,}"
        if options.unbalanced == "refuse" or not complete.any():
            raise EstimationError(
                f"Synthetic difference in differences needs '{outcome}' of every firm in every period, and some lack it ({who}). Leave these firms or "
                "periods out (unbalanced='balanced' leaves the firms out and counts them), or use method='imputation', which takes gaps."
            )
        data = data.kept(
            complete,
            f"Firms without '{outcome}' in every period are left out, by the policy 'balanced' ({who}).",
        )
    require_participants(data, outcome)
    if options.control == "never" and np.isfinite(data.cohort).all():
        raise EstimationError(
            "There is no firm that never joins and is observed in every period, and control='never' was asked for. Use control='not_yet' to compare with "
            "firms that join later, or add comparison firms."
        )
    return data


def _without_empty_periods(data: FirmPeriods, known: BoolArray) -> FirmPeriods:
    if known.all():
        return data
    gone = ", ".join(str(t) for t in data.periods[~known])
    return replace(
        data,
        periods=data.periods[known],
        outcome=data.outcome[:, known],
        covariates=data.covariates[:, :, known],
        weights=data.weights[:, known],
    ).noted(f"No firm is observed in {gone}, so that the years on both sides follow each other.")


def blocks_of(
    data: FirmPeriods, options: SyntheticOptions, reasons: Reasons
) -> tuple[list[Block], list[CohortYear]]:
    """The blocks, and the rows of all cohorts in order; rows that belong to no block get their reason.

    Firms that have not joined yet serve until they do: the years of a cohort are cut where another one joins, and each piece has comparison firms,
    and weights, of its own.
    """
    blocks, plan = [], []
    for g in cohorts_of(data):
        start = g - options.anticipation
        before = np.flatnonzero(data.periods < start)
        after = np.flatnonzero(data.periods >= start)
        shown = np.concatenate([before, after]) if options.before else after
        rows = [CohortYear(g, int(data.periods[t]), int(t)) for t in shown]
        plan += rows
        treated = np.flatnonzero(data.cohort == g)
        if len(before) < FEWEST_BEFORE:
            reasons.say(
                f"no estimate, {counted(len(before), 'period')} before joining {by_number(len(before), 'is', 'are')} too few to weigh (2 are the fewest)",
                [r.term for r in rows],
            )
            continue
        first = True
        for others, part in _pieces(data, options, g, after):
            own = np.concatenate([before, part]) if options.before and first else part
            if len(others) < FEWEST_OTHERS:
                reasons.say(
                    f"no estimate, {counted(len(others), 'comparison firm')} {by_number(len(others), 'is', 'are')} too few to weigh (2 are the fewest)",
                    [r.term for r in rows if r.target in own],
                )
                continue
            blocks.append(Block(g, treated, others, before, part, own))
            first = False
    return blocks, plan


def _pieces(
    data: FirmPeriods, options: SyntheticOptions, cohort: int, after: IntArray
) -> Iterator[tuple[IntArray, IntArray]]:
    """Comparison firms and the periods that they serve."""
    never = np.isinf(data.cohort)
    if options.control == "never":
        yield np.flatnonzero(never), after
        return
    starts = data.cohort - options.anticipation
    later = np.unique(starts[np.isfinite(starts) & (starts > cohort - options.anticipation)])
    for part in np.split(after, np.searchsorted(data.periods[after], later)):
        if len(part):
            free = never | (starts > data.periods[part[-1]])
            yield np.flatnonzero(free & (data.cohort != cohort)), part
