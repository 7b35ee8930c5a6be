"""What a two-way fixed effects coefficient is made of: every comparison of two groups, with its weight (Goodman-Bacon 2021).

For a pair of groups the difference of their participation over time is 1 in one run of periods and 0 in all others, so that the pair's part of
the coefficient is the slope of the difference of their mean outcomes on it. That slope is a mean of two differences in differences: of the run with the
periods before it, and of the run with those after it, in which the earlier group is a comparison that already participates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray, infer, influence_covariance
from impact.core.panel import Panel, require_panel
from impact.core.whole_numbers import counted
from impact.display.digits import number_text, table_text
from impact.engines.one_thread import on_one_thread
from impact.estimate.firm_periods import FirmPeriods, firm_periods
from impact.estimate.lone_cluster import lone_cluster
from impact.estimate.request import AttRequest
from impact.estimate.staggered import observed
from impact.estimate.two_way import IntArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEVER = "joined vs never"
NOT_YET = "earlier vs later"
ALREADY = "later vs earlier"
ALWAYS = "joined vs always"
KINDS = (NEVER, NOT_YET, ALREADY, ALWAYS)
FORBIDDEN = (ALREADY, ALWAYS)
"""Comparisons whose comparison firms already participate."""

MEANING = {
    NEVER: "firms that join against firms that never do",
    NOT_YET: "firms that join against firms that join later",
    ALREADY: "firms that join against firms that joined earlier and already participate",
    ALWAYS: "firms that join against firms that participate since before the data begin",
}
"""What is compared with what, in words."""


@dataclass(frozen=True, slots=True, eq=False)
class BaconResult:
    """The comparisons behind a two-way fixed effects coefficient; made by `impact.bacon`.

    Attributes
    ----------
    comparisons : DataFrame
        One row per comparison of two groups: `term`, `comparison` (its kind), `cohort` that is treated, `control_cohort` (missing: never),
        `estimate` to `conf_high`, `weight`, `n_treated`, `n_control`.
    coefficient : float
        The two-way fixed effects coefficient, which is the sum of weight x estimate.
    outcome, label : str
    conf_level : float
    variance : str
        How the errors were computed, in words.
    notes : tuple of str
    source : Panel
    """

    comparisons: pd.DataFrame
    coefficient: float
    outcome: str
    label: str
    conf_level: float
    variance: str
    notes: tuple[str, ...]
    source: Panel

    def tidy(self) -> pd.DataFrame:
        """A copy of the table, one row per comparison."""
        return self.comparisons.copy()

    def kinds(self) -> pd.DataFrame:
        """By kind of comparison: `comparison`, `weight` (their share), `estimate` (their weighted mean), `n` comparisons, `forbidden`."""
        return by_kind(self.comparisons)

    @property
    def forbidden(self) -> float:
        """Share of weight on comparisons with firms that already participate."""
        table = self.comparisons
        return float(table.loc[table["comparison"].isin(FORBIDDEN), "weight"].sum())

    def summary(self) -> str:
        """The table by kind and a sentence."""
        table = table_text(self.kinds())
        sentence = (
            f"Two-way fixed effects coefficient on {self.label}: {number_text(self.coefficient)}, the sum of weight x estimate of {len(self.comparisons):,} comparisons; "
            f"{self.forbidden:.0%} of the weight lies on comparisons with firms that already participate."
        )
        return "\n".join([table, sentence, *self.notes])

    def plot(self) -> Figure:
        """Draw each comparison: its estimate over its weight, by kind."""
        from impact.display.bacon_figure import bacon_figure

        return bacon_figure(self.comparisons, coefficient=self.coefficient, label=self.label)

    def __repr__(self) -> str:
        return self.summary()


@on_one_thread
def bacon(
    panel: Panel, outcome: str, *, cluster: str | None = None, conf_level: float = 0.95
) -> BaconResult:
    """Take a two-way fixed effects coefficient apart into comparisons of two groups of firms (Goodman-Bacon 2021).

    Parameters
    ----------
    panel : Panel
        Every firm must be observed in every period.
    outcome : str
        Column of the outcome.
    cluster : str, optional
        Column of the clusters of the errors; each firm is its own where missing.
    conf_level : float
        Level of the intervals.

    Returns
    -------
    BaconResult
        `tidy()` has one row per comparison; the sum of weight x estimate is the coefficient of `impact.att(panel, outcome, method="twfe")`.

    Raises
    ------
    DataError
        If a column is missing or holds no numbers.
    EstimationError
        If the panel is not balanced, its weights change over time, or there is no coefficient to take apart.

    Notes
    -----
    Groups are the cohorts, firms that never join, and firms that participate since before the data begin. Of two groups with sizes n_a, n_b and
    starts a < b, the comparison of the earlier group with the later one, which does not participate yet, has a weight of `n_a n_b m p`, and that of the later
    with the earlier one, which already participates, `n_a n_b m q`: p, m and q are the shares of periods before a, between, and from b on
    (theorem 1 of the paper, its equations 10e-10g multiplied out). Sampling weights count as sizes. Each comparison has a standard error of its own, from
    the changes of its firms, without a small-sample factor.

    References
    ----------
    Goodman-Bacon, A. (2021), "Difference-in-differences with variation in treatment timing", Journal of Econometrics 225(2).

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=8, cohorts=(4, 6), seed=1, noise=0.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> impact.bacon(panel, "exports").kinds().round(4)
             comparison  weight  estimate  n  forbidden
    0   joined vs never  0.7143     0.325  2      False
    1  earlier vs later  0.1429     0.225  1      False
    2  later vs earlier  0.1429    -0.175  1       True
    """
    from impact.estimate.att import att  # the verb knows what is refused; it stands after this file

    panel = require_panel(panel, "bacon")
    whole = att(panel, outcome, method="twfe", cluster=cluster, conf_level=conf_level)
    request = AttRequest(panel, outcome, "twfe", cluster=cluster, conf_level=conf_level)
    data = regression_sample(firm_periods(request), outcome)
    reason = not_decomposed(data)
    if reason:
        raise EstimationError(
            f"The coefficient cannot be taken apart: {reason}. Keep the firms that are observed in every period (and one weight for each), or see the "
            "negative weights in the notes of method='twfe', which need neither."
        )
    by = "firm" if cluster is None else panel.label(cluster)
    return BaconResult(
        comparisons=comparisons(data, conf_level),
        coefficient=float(whole.estimates["estimate"].iloc[0]),
        outcome=outcome,
        label=panel.label(outcome),
        conf_level=conf_level,
        variance=f"standard errors from the changes of firms, clustered by {by}, no small-sample factor",
        notes=data.notes,
        source=panel,
    )


def by_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Share of weight and weighted mean of the estimates of each kind of comparison that occurs."""
    rows = []
    for kind in KINDS:
        own = table[table["comparison"] == kind]
        weight = float(own["weight"].sum())
        if len(own):
            mean = float((own["weight"] * own["estimate"]).sum() / weight)
            rows.append((kind, weight, mean, len(own), kind in FORBIDDEN))
    return pd.DataFrame(rows, columns=["comparison", "weight", "estimate", "n", "forbidden"])


def shares(data: FirmPeriods) -> dict[str, float]:
    """Share of weight of each kind of comparison that occurs: weights need no outcome.

    Parameters
    ----------
    data : FirmPeriods
        Balanced, with one weight a firm.
    """
    found = list(_pairs(_groups(data), data.weights[:, 0], len(data.periods)))
    total = sum(pair.weight for pair in found)
    by = {kind: sum(p.weight for p in found if p.kind == kind) / total for kind in KINDS}
    return {kind: share for kind, share in by.items() if share > 0}


def regression_sample(data: FirmPeriods, outcome: str) -> FirmPeriods:
    """The firms and periods of a two-way regression: firms that are seen twice, periods in which anybody is seen."""
    data = observed(data, outcome)
    used = ~np.isnan(data.outcome).all(axis=0)
    return replace(
        data,
        periods=data.periods[used],
        outcome=data.outcome[:, used],
        covariates=data.covariates[:, :, used],
        weights=data.weights[:, used],
    )


def not_decomposed(data: FirmPeriods) -> str:
    """Why the coefficient on these firms cannot be taken apart; empty where it can."""
    holes = np.isnan(data.outcome)
    if holes.any():
        return (
            f"the panel is not balanced ({counted(int(holes.any(axis=1).sum()), 'firm')} of {len(holes):,} "
            "without the outcome in some period)"
        )
    if (data.weights != data.weights[:, :1]).any():
        return "weights change over time within firms"
    return ""


@dataclass(frozen=True, slots=True)
class _Group:
    """Firms that start together: position of their first period with participation (0: always, P: never)."""

    start: int
    cohort: float
    firms: IntArray


@dataclass(frozen=True, slots=True)
class _TwoByTwo:
    """A comparison: its kind, the two groups, the periods (from, to) of base and target, and its weight before these add to 1."""

    kind: str
    treated: _Group
    control: _Group
    base: slice
    target: slice
    weight: float


def comparisons(data: FirmPeriods, conf_level: float) -> pd.DataFrame:
    """Every comparison of two groups with its weight, estimate and error; see `bacon`.

    Parameters
    ----------
    data : FirmPeriods
        Balanced, with one weight a firm.
    conf_level : float
    """
    weight = data.weights[:, 0]
    found = list(_pairs(_groups(data), weight, len(data.periods)))
    # Firms' own level takes no part; without it sums over periods keep their digits.
    level = data.outcome - data.outcome.mean(axis=1, keepdims=True)
    sums = np.concatenate([np.zeros((len(level), 1)), np.cumsum(level, axis=1)], axis=1)
    clusters = pd.factorize(data.cluster, sort=True)[0]
    estimate, error = np.empty(len(found)), np.empty(len(found))
    for i, pair in enumerate(found):
        estimate[i], error[i] = _difference(pair, sums, weight, clusters)
    total = sum(pair.weight for pair in found)
    table = infer(estimate, error, conf_level=conf_level)
    keys = pd.DataFrame(
        {
            "term": [_term(pair) for pair in found],
            "comparison": [pair.kind for pair in found],
            "cohort": [int(pair.treated.cohort) for pair in found],
            "control_cohort": pd.array([_control(pair) for pair in found], dtype="Int64"),
        }
    )
    counts = pd.DataFrame(
        {
            "weight": [pair.weight / total for pair in found],
            "n_treated": [len(pair.treated.firms) for pair in found],
            "n_control": [len(pair.control.firms) for pair in found],
        }
    )
    return pd.concat([keys, table, counts], axis=1)


def _groups(data: FirmPeriods) -> list[_Group]:
    """Groups in the order in which they start to participate."""
    start = np.searchsorted(data.periods, data.cohort)  # never, and after the data: P
    found = []
    for s in np.unique(start).tolist():
        firms = np.flatnonzero(start == s)
        cohort = np.inf if s == len(data.periods) else float(data.cohort[firms].min())
        found.append(_Group(s, cohort, firms))
    return found


def _pairs(groups: list[_Group], weight: FloatArray, periods: int) -> Iterator[_TwoByTwo]:
    """Every comparison that has weight, by treated cohort."""
    size = {g.start: float(weight[g.firms].sum()) / len(weight) for g in groups}
    found: list[_TwoByTwo] = []
    for i, early in enumerate(groups):
        for late in groups[i + 1 :]:
            a, b = early.start, late.start
            pair = size[a] * size[b] * (b - a) / periods
            if a > 0:
                kind = NEVER if b == periods else NOT_YET
                found.append(_TwoByTwo(kind, early, late, slice(0, a), slice(a, b), pair * a / periods))  # fmt: skip
            if b < periods:
                kind = ALWAYS if a == 0 else ALREADY
                found.append(_TwoByTwo(kind, late, early, slice(a, b), slice(b, periods), pair * (periods - b) / periods))  # fmt: skip
    yield from sorted(found, key=lambda p: (KINDS.index(p.kind), p.treated.start, p.control.start))


def _difference(
    pair: _TwoByTwo, sums: FloatArray, weight: FloatArray, clusters: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Difference in differences of the two groups' mean outcomes, and its standard error."""
    effect, parts = 0.0, []
    for group, sign in ((pair.treated, 1.0), (pair.control, -1.0)):
        total = sums[group.firms]
        change = _mean(total, pair.target) - _mean(total, pair.base)
        own = weight[group.firms] / weight[group.firms].sum()
        mean = float(own @ change)
        effect += sign * mean
        parts.append(sign * own * (change - mean))
    firms = np.concatenate([pair.treated.firms, pair.control.firms])
    if any(lone_cluster(clusters[g.firms], np.ones(len(g.firms), dtype=bool)) for g in (pair.treated, pair.control)):  # fmt: skip
        return effect, np.nan
    influence = np.concatenate(parts)[:, None] * len(firms)
    return effect, float(np.sqrt(influence_covariance(influence, clusters[firms])[0, 0]))


def _mean(sums: FloatArray, periods: slice) -> FloatArray:
    return np.asarray(
        (sums[:, periods.stop] - sums[:, periods.start]) / (periods.stop - periods.start)
    )


def _control(pair: _TwoByTwo) -> Any:
    return pd.NA if np.isinf(pair.control.cohort) else int(pair.control.cohort)


def _term(pair: _TwoByTwo) -> str:
    other = {NEVER: "never", ALWAYS: "always"}.get(pair.kind)
    return f"{int(pair.treated.cohort)} vs {int(pair.control.cohort) if other is None else other}"
