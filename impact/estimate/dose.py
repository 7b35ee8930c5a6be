"""Effects by dose: hours or euros of service, of firms that received more or less of it.

Firms with a dose are compared with firms without; how effects differ between doses is read off firms that received them (Callaway, Goodman-Bacon and
Sant'Anna 2024). The first is difference in differences as always; the second is a causal curve only under a stronger assumption, which every result says.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.core.inference import FloatArray
from impact.core.panel import Panel, as_codes, require_columns
from impact.core.registry import METHODS
from impact.estimate.did_scores import BoolArray
from impact.estimate.dose_shapes import Curve, DoseOptions, choose_curve
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.firm_periods import FirmPeriods, firm_periods, panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.lone_cluster import lone_cluster
from impact.estimate.request import AttRequest
from impact.estimate.staggered import Reasons, joining, require_participants
from impact.estimate.two_way import IntArray

MEANING = (
    "Each row is the effect on the firms that chose this dose, against none (parallel trends). That one dose is better than another is not shown: "
    "firms with different doses differ, and comparing rows is descriptive unless, at every dose, all participants would have had the same "
    "effect on average (strong parallel trends)."
)
MEANING_OF_SLOPES = (
    "Slopes compare firms with different doses: they are effects of more dose only if, at every dose, all participants would have had the same effect "
    "on average (strong parallel trends); otherwise they describe, and mix in who chose which dose."
)


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    """A cohort in a period from joining on: positions of its firms and of the comparison firms, changes of the outcome, weights, later outcomes.

    `counted` is the weight of each participant's year in averages.
    """

    cohort: int
    time: int
    own: IntArray
    others: IntArray
    change: FloatArray
    trend: FloatArray
    weight: FloatArray
    of_others: FloatArray
    counted: FloatArray
    after: FloatArray

    @property
    def term(self) -> str:
        """How the cell is printed."""
        return f"ATT({self.cohort},{self.time})"

    @property
    def mean_trend(self) -> float:
        """Mean change of the comparison firms."""
        return float(self.of_others @ self.trend / self.of_others.sum())


@dataclass(slots=True)
class _Rows:
    """k estimates, influence (n, k), the baseline and its influence, and the firms behind."""

    estimate: FloatArray
    influence: FloatArray
    baseline: FloatArray
    of_baseline: FloatArray
    treated: BoolArray
    control: BoolArray
    reasons: Reasons = field(default_factory=Reasons)

    @classmethod
    def empty(cls, n: int, k: int) -> _Rows:
        """Nothing estimated yet."""
        return cls(
            estimate=np.zeros(k),
            influence=np.zeros((n, k)),
            baseline=np.zeros(k),
            of_baseline=np.zeros((n, k)),
            treated=np.zeros((n, k), dtype=bool),
            control=np.zeros((n, k), dtype=bool),
        )


@METHODS.register(
    "att",
    "dose",
    summary="effects by hours or euros of service, each dose against none",
    takes=("panel",),
    estimands=("ATT",),
    families=("gaussian",),
    weights=True,
    needs=(
        "a column with the dose of each participant, the same in all years from joining on",
        "a period before joining",
        "firms that never join, or join later",
    ),
    options=("dose", "shape", "bins", "knots", "at", "curve", "average", "control", "unbalanced"),
    reference="Callaway, Goodman-Bacon and Sant'Anna (2024), theorems 3.1-3.3, equations 4.1-4.3",
    reads="how much each firm received",
)
def dose(request: AttRequest) -> EffectResult:
    """Estimate ATT(d): the effect on firms that received dose d, against none.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked, with the options

        dose : str
            Column of the dose: hours, euros. Read from the year of joining on, in which it must not change; those that never join have none.
        shape : {"bins", "linear", "quadratic", "spline"}
            `bins`: the mean effect of the firms in each bin of the dose, which assumes nothing. Otherwise the effect as a function of the dose
            among participants, fitted in each cohort and year and averaged over these.
        bins : int or sequence of float
            Number of bins, which hold equally many firms (4), or the upper limits of all bins but the last.
        knots : int
            Interior knots of the cubic spline, at quantiles of the dose (0: a cubic).
        at : int or sequence of float
            Doses at which the curve is told: so many quantiles of the dose among participants (9: its deciles), or values.
        curve : {"level", "slope"}
            `level`: effects. `slope`: what a further unit of dose goes with (ACRT), averaged over participants in the first row; of fitted shapes only.
        average : {"overall", "cohort"}
            Every year of every participant counts alike; or the years of a cohort are averaged first, so that early cohorts do not count more
            (as R contdid does).
        control : {"never", "not_yet"}
            Comparison firms: those that never join, or these and all that have not joined by the period.
        unbalanced : {"pairwise", "balanced"}
            Each comparison takes the firms observed in both of its periods; or only firms observed in every period are used at all.

    Returns
    -------
    EffectResult
        First the average over all participants, which is the `overall` of `group_time`; then a row per bin or dose, key `dose` (of a bin: the mean
        dose of its firms). Of a fitted curve, effects without a programme (the baseline of `percent`) are told for the average only.

    Raises
    ------
    DataError
        If the dose is missing as a column, no number, negative, or changes after joining; if a firm that never joins has one.
    EstimationError
        If `dose=` is not named, nobody can be compared, or no cohort has enough different doses for the shape.

    Notes
    -----
    Changes are from the last period before joining. Influence functions count that the numbers of firms (in cohorts, in bins) and, for the average slope, the
    doses of firms are those of a sample; limits of bins, knots and the doses of the rows are taken as given. diff-diff takes numbers and doses as
    given, too; moderndid counts doses (tests/reference/dose).

    References
    ----------
    Callaway, B., Goodman-Bacon, A. and Sant'Anna, P. (2024), "Difference-in-differences with a continuous treatment", NBER working paper 32117.

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=4, cohorts=(3,), seed=1, noise=0.0, effect="constant")
    >>> joined = frame["joined"].notna()
    >>> frame["hours"] = (frame["firm"].str[1:].astype(int) % 8 + 1).where(joined, 0)
    >>> frame["exports"] += 0.1 * frame["hours"] * (frame["year"] >= frame["joined"])
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> effect = impact.att(panel, "exports", method="dose", dose="hours", bins=[4])
    >>> effect.tidy()[["term", "dose", "estimate", "n_treated"]].round(6)
                   term  dose  estimate  n_treated
    0               ATT   NaN  0.636667         30
    1  ATT(dose 2 to 4)   3.0  0.450000         16
    2  ATT(dose 6 to 8)   7.0  0.850000         14
    """
    options = DoseOptions.read(request.options)
    panel = panel_of(request.data)
    if options.dose == request.outcome:
        raise EstimationError(
            f"'{request.outcome}' is the dose; it has no effect on itself. Name the column of an outcome."
        )
    given = _doses(panel, options.dose)
    data = joining(firm_periods(request), 0)
    data = _observed(data, options.unbalanced, request.outcome)
    data, received = _with_dose(data, given, panel.label(options.dose))
    require_participants(data, request.outcome)
    cells, reasons = _cells(data, options)
    curve = choose_curve(options, received, data.first_weight(), np.isfinite(data.cohort))
    rows = _estimate(data, cells, received, curve, options, reasons)
    return _result(request, data, curve, rows, options)


def _doses(panel: Panel, column: str) -> pd.Series:
    """Dose of each firm, from the year of joining on; missing where none is told.

    Raises
    ------
    DataError
        One fault for each cell that is no dose, and each firm with several or with one it cannot have.
    """
    frame = panel.data
    require_columns(frame, [column])
    rows, units = as_codes(frame[panel.unit])
    number = pd.to_numeric(frame[column], errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    cohort = panel.unit_cohort().to_numpy(dtype=np.float64)[rows]
    never = np.isnan(cohort)
    inside = frame[panel.time].to_numpy() >= np.where(never, np.inf, cohort)
    told = inside & ~np.isnan(number)
    text = np.isnan(number) & frame[column].notna().to_numpy()
    faults = [
        Fault(
            f"this is not a dose: firm {units[rows[i]]!s:.80}",
            "write a number of units from 0 on",
            column=column,
            value=frame[column].iloc[i],
        )
        for i in np.flatnonzero(text | np.isinf(number) | (told & (number < 0)))
    ]
    faults += [
        Fault(
            "this firm has a dose but never joins",
            "give its year of joining, or leave the dose empty",
            column=column,
            value=units[i],
        )
        for i in np.unique(rows[never & (number > 0)])
    ]
    low, high = np.full(len(units), np.inf), np.full(len(units), -np.inf)
    np.minimum.at(low, rows[told], number[told])
    np.maximum.at(high, rows[told], number[told])
    faults += [
        Fault(
            f"the dose of this firm changes after joining, from {low[i]:g} to {high[i]:g}",
            "give one dose for all of its years, such as the total or the yearly mean",
            column=column,
            value=units[i],
        )
        for i in np.flatnonzero(low < high)
    ]
    if faults:
        raise DataError("The dose cannot be read.", faults)
    return pd.Series(np.where(np.isfinite(low), low, np.nan), index=units)


def _observed(data: FirmPeriods, policy: str, outcome: str) -> FirmPeriods:
    """Apply the policy for firms that are not observed in every period."""
    seen = ~np.isnan(data.outcome)
    if policy == "balanced":
        keep = np.asarray(seen.all(axis=1))
        why = f"Firms without '{outcome}' in every period are left out, by the policy 'balanced'"
    else:
        keep = np.asarray(seen.sum(axis=1) >= 2)
        why = f"Firms with '{outcome}' in fewer than two periods are left out"
    data = data.kept(keep, f"{why} (firms: {int((~keep).sum()):,}).")
    partly = int((~seen[keep]).any(axis=1).sum())
    if partly:
        data = data.noted(
            f"'{outcome}' is missing in some period (firms: {partly:,} of {len(data.units):,}); each comparison uses the firms observed in both "
            "of its periods (policy 'pairwise')."
        )
    return data


def _with_dose(data: FirmPeriods, given: pd.Series, label: str) -> tuple[FirmPeriods, FloatArray]:
    """Leave out participants without a dose, which are neither treated with a known one nor untreated."""
    received = given.reindex(data.units).to_numpy(dtype=np.float64)
    joined = np.isfinite(data.cohort)
    missing, none = joined & np.isnan(received), joined & (received == 0)
    keep = ~(missing | none)
    data = data.kept(
        keep,
        f"Left out, participants without a dose (firms with {label} missing: {int(missing.sum()):,}, of 0: {int(none.sum()):,}).",
    )
    return data, received[keep]


def _cells(data: FirmPeriods, options: DoseOptions) -> tuple[list[_Cell], Reasons]:
    """Every cohort in every period from joining on that can be compared."""
    reasons, seen = Reasons(), ~np.isnan(data.outcome)
    found: list[_Cell] = []
    for g in np.unique(data.cohort[np.isfinite(data.cohort)]).astype(int).tolist():
        first = int(np.searchsorted(data.periods, g))
        base, cells = first - 1, []
        for target in range(first, len(data.periods)):
            time = int(data.periods[target])
            control = np.isinf(data.cohort)
            if options.control == "not_yet":
                control |= data.cohort > time
            both = seen[:, base] & seen[:, target]
            own, others = np.flatnonzero((data.cohort == g) & both), np.flatnonzero(control & both)
            if not len(own) or not len(others):
                what = "firm of the cohort" if not len(own) else "comparison firm"
                reasons.say(
                    f"left out, no {what} is observed in both periods", [f"ATT({g},{time})"]
                )
                continue
            cells.append((time, target, own, others))
        for time, target, own, others in cells:
            weight = data.weights[own, base]
            counted = weight / len(cells) if options.average == "cohort" else weight
            change = data.outcome[:, target] - data.outcome[:, base]
            found.append(
                _Cell(g, time, own, others, change[own], change[others], weight, data.weights[others, base], counted, data.outcome[own, target])
            )  # fmt: skip
    if not found:
        never = (
            "Use control='not_yet', or add comparison firms."
            if options.control == "never"
            else "Add comparison firms."
        )
        raise EstimationError(
            f"No participant can be compared. {' '.join(reasons.notes())} {never}"
        )
    return found, reasons


def _estimate(
    data: FirmPeriods,
    cells: list[_Cell],
    received: FloatArray,
    curve: Curve,
    options: DoseOptions,
    reasons: Reasons,
) -> _Rows:
    """The average and the rows of the curve, side by side."""
    n, k = len(data.units), 1 + len(curve.terms)
    rows = _Rows.empty(n, k)
    rows.reasons = reasons
    if curve.bin is not None:
        members = np.column_stack(
            [np.isfinite(data.cohort), curve.bin[:, None] == np.arange(k - 1)]
        )
        _means(rows, cells, members, np.arange(k))
    else:
        fitted = np.arange(k)
        if options.curve == "level":
            _means(rows, cells, np.isfinite(data.cohort)[:, None], np.arange(1))
            fitted = fitted[1:]
        _fits(rows, cells, received, curve, options, fitted)
    clusters = pd.factorize(data.cluster)[0]
    for j in range(k):
        if lone_cluster(clusters, rows.treated[:, j]) or lone_cluster(clusters, rows.control[:, j]):
            rows.influence[:, j] = rows.of_baseline[:, j] = np.nan
            reasons.say(
                "no standard error, its firms or comparison firms are one firm or one cluster",
                [["average", *curve.terms][j]],
            )
    return rows


def _means(rows: _Rows, cells: list[_Cell], members: BoolArray, into: IntArray) -> None:
    """Mean effect of the firms of each column of `members` over all of their years."""
    n, k = len(members), members.shape[1]
    total, effect, level = np.zeros(k), np.zeros(k), np.zeros(k)
    sums, moved, moved_level = np.zeros((n, k)), np.zeros((n, k)), np.zeros((n, k))
    for cell in cells:
        share = cell.counted[:, None] * members[cell.own]
        mean = cell.mean_trend
        mass = share.sum(axis=0)
        total += mass
        effect += share.T @ (cell.change - mean)
        level += share.T @ cell.after
        sums[cell.own] += share
        moved[cell.own] += share * (cell.change - mean)[:, None]
        moved_level[cell.own] += share * cell.after[:, None]
        of_trend = cell.of_others / cell.of_others.sum() * (cell.trend - mean)
        moved[cell.others] -= of_trend[:, None] * mass
        rows.treated[np.ix_(cell.own, into)] |= members[cell.own]
        rows.control[np.ix_(cell.others, into)] |= mass > 0
    with np.errstate(invalid="ignore"):
        effect, level = effect / total, level / total
        influence = n * (moved - sums * effect) / total
        rows.of_baseline[:, into] = n * (moved_level - sums * level) / total - influence
    rows.estimate[into], rows.baseline[into] = effect, level - effect
    rows.influence[:, into] = influence


def _fits(
    rows: _Rows,
    cells: list[_Cell],
    received: FloatArray,
    curve: Curve,
    options: DoseOptions,
    into: IntArray,
) -> None:
    """The curve of each cohort and year at the doses of the rows, averaged over those that can be fitted."""
    slope = options.curve == "slope"
    told = curve.design(curve.doses, slope)
    n, total = len(received), 0.0
    value, sums, moved = np.zeros(len(into)), np.zeros(n), np.zeros((n, len(into)))
    short: set[str] = set()
    for cell in cells:
        own, design = received[cell.own], curve.design(received[cell.own])
        root = np.sqrt(cell.weight)[:, None]
        if len(own) <= design.shape[1] or np.linalg.matrix_rank(root * design) < design.shape[1]:
            rows.reasons.say(
                f"not in the curve, too few firms or different doses for shape='{options.shape}'",
                [cell.term],
            )
            continue
        if own.min() > curve.doses.min() or own.max() < curve.doses.max():
            short.add(f"{cell.cohort} ({own.min():g} to {own.max():g})")
        inverse = np.linalg.inv(design.T @ (cell.weight[:, None] * design))
        effect = cell.change - cell.mean_trend
        slopes = inverse @ (design.T @ (cell.weight * effect))
        residual = effect - design @ slopes
        asked = told
        if slope:
            each = curve.design(own, derivative=True)
            asked = np.vstack([cell.weight @ each / cell.weight.sum(), told])
        got, mass = asked @ slopes, float(cell.counted.sum())
        total, value = total + mass, value + mass * got
        sums[cell.own] += cell.counted
        moved[cell.own] += (
            mass * ((cell.weight * residual)[:, None] * design) @ inverse @ asked.T
            + cell.counted[:, None] * got
        )
        if slope:  # the doses of firms, over which slopes are averaged, are a sample's
            moved[cell.own, 0] += mass * cell.weight / cell.weight.sum() * (each @ slopes - got[0])
        else:  # a constant is among the columns, so that the trend of comparison firms moves levels one to one, and no slope
            of_trend = cell.of_others / cell.of_others.sum() * (cell.trend - cell.mean_trend)
            moved[cell.others] -= mass * of_trend[:, None]
        rows.treated[np.ix_(cell.own, into)] = True
        rows.control[np.ix_(cell.others, into)] = True
    if not total:
        raise EstimationError(
            f"No cohort has enough firms with different doses for shape='{options.shape}'. {' '.join(rows.reasons.notes())} Use shape='bins' or 'linear'."
        )
    if short:
        rows.reasons.say(
            "the doses of this cohort do not reach all doses of the rows, where its curve is carried on beyond them",
            sorted(short),
        )
    value = value / total
    rows.estimate[into] = value
    rows.influence[:, into] = n * (moved - sums[:, None] * value) / total
    rows.baseline[into], rows.of_baseline[:, into] = np.nan, np.nan


def _result(
    request: AttRequest, data: FirmPeriods, curve: Curve, rows: _Rows, options: DoseOptions
) -> EffectResult:
    panel = panel_of(request.data)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    slope = options.curve == "slope"
    notes = [MEANING_OF_SLOPES if slope else MEANING]
    if curve.bin is not None:
        notes.append(
            "A bin is the mean over its firms and all of their years of participation, so bins with other cohorts may differ for that reason too."
        )
    return effect_from_influence(
        keys=pd.DataFrame(
            {"term": ["ACRT" if slope else "ATT", *curve.terms], "dose": [np.nan, *curve.doses]}
        ),
        estimate=rows.estimate,
        influence=rows.influence,
        firms=data.firms(),
        counts=pd.DataFrame(
            {"n_treated": rows.treated.sum(axis=0), "n_control": rows.control.sum(axis=0)}
        ),
        method="dose",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome)
        + (f", per unit of {panel.label(options.dose)}" if slope else ""),
        conf_level=request.conf_level,
        estimand="ACRT" if slope else "ATT",
        variance=f"standard errors from influence functions, clustered by {by}",
        notes=(*notes, *data.notes, *rows.reasons.notes(), *cluster_notes(data)),
        source=request.data,
        seed=request.seed,
        baseline=None if slope else rows.baseline,
        baseline_influence=None if slope else rows.of_baseline,
    )
