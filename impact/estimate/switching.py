"""Programmes that firms enter and leave: firms that switch against firms that began alike and have not switched yet.

Each firm is followed from its first change of participation. Until then its comparison firms had the same participation as the firm, in every period;
so nobody is compared with a firm whose own effect is under way (de Chaisemartin and D'Haultfoeuille 2020, 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.estimate.did_scores import BoolArray
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.firm_periods import FirmPeriods, firm_periods, panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.request import AttRequest
from impact.estimate.staggered import Reasons
from impact.estimate.switching_adjacent import adjacent
from impact.estimate.switching_paths import Paths, read_paths
from impact.estimate.two_way import IntArray

By = Literal["cohort", "horizon", "total"]
_WORDS = {0: "firms that enter", 1: "firms that leave"}


@dataclass(frozen=True, slots=True)
class SwitchingOptions:
    """Options of `switching`; see there."""

    effects: Literal["intertemporal", "instantaneous"] = "intertemporal"
    by: By = "cohort"
    normalized: bool = False
    switchers: Literal["both", "in", "out"] = "both"
    unbalanced: Literal["pairwise", "balanced"] = "pairwise"
    small_sample: bool = False

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> SwitchingOptions:
        """Check the options of a request.

        Raises
        ------
        EstimationError
            If an option has a value that does not exist, or two do not go together.
        """
        choices: dict[str, tuple[Any, ...]] = {
            "effects": ("intertemporal", "instantaneous"),
            "by": ("cohort", "horizon", "total"),
            "switchers": ("both", "in", "out"),
            "unbalanced": ("pairwise", "balanced"),
        }
        for name, known in choices.items():
            if name in given and given[name] not in known:
                raise EstimationError(
                    f"{name}={given[name]!r} does not exist for switching; choose from {', '.join(map(repr, known))}."
                )
        for name in ("normalized", "small_sample"):
            if not isinstance(given.get(name, False), bool | np.bool_):
                raise EstimationError(f"{name}={given[name]!r} is neither True nor False.")
        if given.get("effects") == "instantaneous":
            extra = [n for n in ("by", "normalized", "switchers", "small_sample") if n in given]
            if extra:
                raise EstimationError(
                    f"effects='instantaneous' gives joining and leaving firms, and both, in one table; leave {', '.join(extra)} out."
                )
        if given.get("normalized"):
            if given.get("by", "horizon") == "cohort":
                raise EstimationError(
                    "A mean of effects per period of participation is not the effect per period of the whole: normalized=True goes with by='horizon'."
                )
            given = {"by": "horizon", **given}
        return cls(**given)


@METHODS.register(
    "att",
    "switching",
    summary="firms that enter or leave a programme, against firms that began alike and have not switched yet",
    takes=("panel",),
    estimands=("ATT",),
    families=("gaussian",),
    weights=True,
    needs=(
        "participation in each period (treatment=), which may begin and end",
        "for each switch, firms that began alike and switch later or never",
    ),
    options=("effects", "by", "normalized", "switchers", "unbalanced", "small_sample"),
    reference="de Chaisemartin and D'Haultfoeuille (2024), equations 3-8; (2020), theorem 3",
    reads="who took part in each year",
)
def switching(request: AttRequest) -> EffectResult:
    """Estimate effects of participation that firms enter and leave.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked, with the options

        effects : {"intertemporal", "instantaneous"}
            `intertemporal`: what became of firms since their first switch, against staying as they began, whatever they did afterwards (DID_l).
            `instantaneous`: effect in the very period of a switch, of every switch between adjacent periods (DID_M), right where what a firm did
            before does not matter.
        by : {"cohort", "horizon", "total"}
            Rows of `intertemporal`. `cohort`: one for each period of first switch and each period, to be averaged by `aggregate`.
            `horizon`: one for each number of periods since the switch, weighted as in the paper, by the firms that can be compared. `total`: one
            number, the effects of all periods over the changes in participation that brought them.
        normalized : bool
            Divide effects by horizon by the periods of participation that firms had more (or fewer) up to then; printed as `denominator`.
        switchers : {"both", "in", "out"}
            Firms that enter first, that leave first, or both: of those that leave the sign is turned, so that all are effects of taking part.
        unbalanced : {"pairwise", "balanced"}
            Each comparison takes the firms observed in both of its periods; or only firms observed in every period are used at all.
        small_sample : bool
            Multiply deviations from the mean of g clusters by sqrt(g / (g - 1)), as `did_multiplegt_dyn` does.

    Returns
    -------
    EffectResult
        `by="cohort"`: keys `cohort` (the period of first switch), `time, event_time`; rows before the switch are placebos, and the last period
        before it is a reference row of 0. `aggregate("event")` and `aggregate("overall")` give the averages of the paper where every firm
        that switches can be compared as long as others of its cohort; a note says where not, and `by="horizon"` is exact there too. A cohort of one
        firm (or cluster) has no standard error, so `aggregate` leaves it out; `by="horizon"` keeps it.
        `instantaneous`: one row each for all, joining and leaving firms, and a placebo, key `group`.

    Raises
    ------
    DataError
        If the outcome holds text or infinite values, a cluster changes within a firm, or the panel says nothing about participation.
    EstimationError
        If no firm switches, or none can be compared.

    Notes
    -----
    A firm that switches in period F is compared, over the periods F-1 to F-1+l, with firms that began as it did and have not switched by F-1+l. Its
    placebo goes from F-1 back to F-1-l and takes the same firms on both sides as the effect, so that it tests what the effect l rests on. Both sides of a comparison are in the
    programme, or both outside, up to F-1. Without leavers this is `group_time` with `control="not_yet"` and a universal base: same effects, but
    placebos with fewer comparison firms.

    Standard errors take paths of participation as given, and with them the numbers that weight cohorts and directions; deviations are from the mean
    of the switching cohort and from the mean of its comparison firms in that period, as in the authors' `did_multiplegt_dyn`. The formula in the paper (and diff-diff)
    centres comparison firms on their own cohort of later switching instead; both are right for the same assumption, and the latter sees no
    noise in cohorts of one firm. A cohort or comparison group of one cluster is measured from the mean of both together. `did_multiplegt_dyn` and moderndid
    have the small-sample factor always.

    Gaps: a firm without rows has the participation of the rows around the gap if these agree; if not, it is used up to the gap only. A firm that is first
    seen later than others began as it is first seen.

    References
    ----------
    de Chaisemartin, C. and D'Haultfoeuille, X. (2020), "Two-way fixed effects estimators with heterogeneous treatment effects", American Economic
    Review 110(9). de Chaisemartin, C. and D'Haultfoeuille, X. (2024), "Difference-in-differences estimators of intertemporal treatment
    effects", Review of Economics and Statistics.

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, truth = programme(firms=60, periods=6, cohorts=(3, 5), seed=1, noise=0.0)
    >>> frame["member"] = (frame["year"] >= frame["joined"]).astype(int)
    >>> panel = impact.panel(frame, unit="firm", time="year", treatment="member")
    >>> effect = impact.att(panel, "exports", method="switching")
    >>> effect.aggregate("event").tidy()[["term", "estimate"]].round(6).tail(4)
           term  estimate
    3  ATT(e=0)     0.125
    4  ATT(e=1)     0.250
    5  ATT(e=2)     0.450
    6  ATT(e=3)     0.600
    >>> impact.att(panel, "exports", method="switching", effects="instantaneous").tidy()["estimate"].round(6).tolist()
    [0.125, 0.125, 0.0]
    """
    options = SwitchingOptions.read(request.options)
    data, paths = read_paths(panel_of(request.data), firm_periods(request))
    data, paths = _observed(data, paths, options, request.outcome)
    if options.effects == "instantaneous":
        return adjacent(request, data, paths)
    data, paths = _eligible(data, paths, options, request.outcome)
    order = np.lexsort((paths.first, paths.start))
    layout = _Layout.of(data, paths, order)
    plan = _plan(data, paths, options.by)
    sums = _sums(data, layout, plan, options)
    return _result(request, data, layout, order, plan, sums, options)


def _observed(
    data: FirmPeriods, paths: Paths, options: SwitchingOptions, outcome: str
) -> tuple[FirmPeriods, Paths]:
    """Apply the policy for firms that are not observed in every period."""
    seen = ~np.isnan(data.outcome)
    if options.unbalanced == "balanced":
        keep = np.asarray(seen.all(axis=1))
        why = f"Firms without '{outcome}' in every period are left out, by the policy 'balanced'"
    else:
        keep = np.asarray(seen.sum(axis=1) >= 2)
        why = f"Firms with '{outcome}' in fewer than two periods are left out"
    data, paths = data.kept(keep, f"{why} (firms: {int((~keep).sum()):,})."), paths.kept(keep)
    partly = int((~seen[keep]).any(axis=1).sum())
    if partly:
        data = data.noted(
            f"'{outcome}' is missing in some period (firms: {partly:,} of {len(data.units):,}); each comparison uses the firms observed in both "
            "of its periods (policy 'pairwise')."
        )
    return data, paths


def _eligible(
    data: FirmPeriods, paths: Paths, options: SwitchingOptions, outcome: str
) -> tuple[FirmPeriods, Paths]:
    """Leave out firms whose kind never switches, in either role; refuse where nobody switches."""
    width = len(data.periods)
    used = np.zeros(len(paths.first), dtype=bool)
    for start, name in ((0, "in"), (1, "out")):
        alike = paths.start == start
        if options.switchers in ("both", name) and (paths.first[alike] < width).any():
            used |= alike
    if not used.any():
        kind = {
            "both": "enters or leaves",
            "in": "enters, not having begun inside,",
            "out": "leaves, having begun inside,",
        }
        raise EstimationError(
            f"No firm {kind[options.switchers]} between {data.periods[0]} and {data.periods[-1]} with '{outcome}' observed; an effect needs "
            "firms that are seen before and after they switch. Give participation in each period: impact.panel(..., treatment=...)."
        )
    inside, outside = ((~used & (paths.start == s)).sum() for s in (1, 0))
    note = (
        f"Left out, as no firm that began alike is in a comparison as switching (firms that began inside: {int(inside):,}, outside: "
        f"{int(outside):,})."
    )
    data, paths = data.kept(used, note), paths.kept(used)
    changes = (np.diff(paths.treatment, axis=1) != 0) & ~np.isnan(np.diff(paths.treatment, axis=1))
    again = int((changes.sum(axis=1) > 1).sum())
    if again:
        data = data.noted(
            f"Firms that switch more than once are followed from their first switch, whatever they did afterwards (firms: {again:,}); "
            "normalized=True divides by their periods of participation."
        )
    return data, paths


@dataclass(frozen=True, slots=True)
class _Row:
    """A row to be estimated: its name and its keys."""

    term: str
    keys: dict[str, int]
    reference: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """k rows, and the row of each first switch (position of its period) and target period."""

    rows: list[_Row]
    row_of: dict[tuple[int, int], int]


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Firms sorted by how they began and when they first switch, so that the arms of each comparison stand side by side; periods by firms.

    Attributes
    ----------
    outcome, weights : array, shape (T, n)
    current, received : array, shape (T, n)
        Whether participation differs from the start, and in how many periods up to this one it has.
    start, first, clusters : array of int, shape (n,)
    """

    outcome: FloatArray
    weights: FloatArray
    current: FloatArray
    received: FloatArray
    start: IntArray
    first: IntArray
    clusters: IntArray

    @classmethod
    def of(cls, data: FirmPeriods, paths: Paths, order: IntArray) -> _Layout:
        """Sort and turn."""
        differs = np.abs(paths.treatment - paths.start[:, None])[order].T
        current = np.nan_to_num(np.ascontiguousarray(differs))
        return cls(
            np.ascontiguousarray(data.outcome[order].T),
            np.ascontiguousarray(data.weights[order].T),
            current,
            np.cumsum(current, axis=0),
            paths.start[order],
            paths.first[order],
            pd.factorize(data.cluster)[0][order],
        )

    def alike(self, start: int) -> slice:
        """Where the firms stand that began this way."""
        return slice(*np.searchsorted(self.start, [start, start + 1]).tolist())

    def from_on(self, start: int, position: int) -> slice:
        """Where, among them, those stand that switch in this period or later, or never."""
        alike = self.alike(start)
        low = np.searchsorted(self.first[alike], position)
        return slice(alike.start + int(low), alike.stop)


@dataclass(slots=True)
class _Sums:
    """What is summed, comparison by comparison, for k rows; firms in the order of the layout.

    Attributes
    ----------
    effect, size, dose, outcome : array, shape (k,)
        Weighted sums over switching firms: signed effects, ones, changes in participation, and outcomes without the programme.
    influence, of_outcome : array, shape (k, n)
        Influence of each firm on the sums of effects and of outcomes.
    treated, control : array of bool, shape (k, n)
        The firms behind the row.
    spread : array of bool, shape (k,)
        Whether some comparison group of the row is in several clusters.
    """

    effect: FloatArray
    size: FloatArray
    dose: FloatArray
    outcome: FloatArray
    influence: FloatArray
    of_outcome: FloatArray
    treated: BoolArray
    control: BoolArray
    spread: BoolArray
    reasons: Reasons = field(default_factory=Reasons)

    @classmethod
    def empty(cls, k: int, n: int) -> _Sums:
        """Nothing summed yet."""
        return cls(
            effect=np.zeros(k),
            size=np.zeros(k),
            dose=np.zeros(k),
            outcome=np.zeros(k),
            influence=np.zeros((k, n)),
            of_outcome=np.zeros((k, n)),
            treated=np.zeros((k, n), dtype=bool),
            control=np.zeros((k, n), dtype=bool),
            spread=np.zeros(k, dtype=bool),
        )


def _mirrored(first: int, target: int) -> int:
    """Position up to which comparison firms must not switch: the target, or as far after the base as a placebo lies before it."""
    return target if target >= first else 2 * (first - 1) - target


def _plan(data: FirmPeriods, paths: Paths, by: By) -> _Plan:
    """The rows: cohorts and periods in order, or periods since the switch, or all in one."""
    width, years = len(data.periods), data.periods.tolist()
    cells = [
        (c, t)
        for c in np.unique(paths.first[paths.first < width]).tolist()
        for t in range(width)
        if _mirrored(c, t) < width
    ]
    if by == "cohort":
        rows = [
            _Row(
                f"ATT({years[c]},{years[t]})",
                {"cohort": years[c], "time": years[t], "event_time": years[t] - years[c]},
                t == c - 1,
            )
            for c, t in cells
        ]
        return _Plan(rows, {cell: i for i, cell in enumerate(cells)})
    if by == "horizon":
        events = sorted({t - c for c, t in cells})
        rows = [_Row(f"ATT(e={e})", {"event_time": e}, e == -1) for e in events]
        return _Plan(rows, {(c, t): events.index(t - c) for c, t in cells})
    return _Plan([_Row("ATT per period", {})], {(c, t): 0 for c, t in cells if t >= c})


def _sums(data: FirmPeriods, layout: _Layout, plan: _Plan, options: SwitchingOptions) -> _Sums:
    """Go through every comparison of a cohort that began alike, and add it to its row."""
    sums = _Sums.empty(len(plan.rows), len(layout.first))
    for (c, t), row in plan.row_of.items():
        for start in (0, 1):
            ahead = layout.from_on(start, c)
            own = slice(ahead.start, layout.from_on(start, c + 1).start)
            others = layout.from_on(start, max(c, _mirrored(c, t)) + 1)
            if own.start == own.stop:
                continue
            reason = _add(sums, layout, row, (c, t, start), (own, others), options)
            if reason:
                sums.reasons.say(reason, [f"ATT({data.periods[c]},{data.periods[t]})"])
    return sums


def _seen(layout: _Layout, where: slice, periods: set[int]) -> IntArray | slice:
    """Positions of the firms that are observed in all of these periods: the whole slice, mostly."""
    there = np.isfinite(layout.outcome[sorted(periods), where]).all(axis=0)
    return where if there.all() else where.start + np.flatnonzero(there)


def _add(
    sums: _Sums,
    layout: _Layout,
    row: int,
    cell: tuple[int, int, int],
    arms: tuple[slice, slice],
    options: SwitchingOptions,
) -> str:
    """Add one comparison to its row; otherwise the reason why not."""
    c, t, start = cell
    base, sign = c - 1, 1.0 - 2.0 * start
    own, others = (_seen(layout, where, {base, t, _mirrored(c, t)}) for where in arms)
    weight, of_others = layout.weights[base, own], layout.weights[base, others]
    if not len(weight):
        return f"none of the {_WORDS[start]} is observed in its periods"
    if not len(of_others):
        return f"no comparison for {_WORDS[start]}, all that began alike have switched or are not observed"
    total, mass = weight.sum(), of_others.sum()
    sums.treated[row, own] = sums.control[row, others] = True
    if t == base:
        return ""
    after = layout.outcome[t, own]
    change, trend = (
        after - layout.outcome[base, own],
        layout.outcome[t, others] - layout.outcome[base, others],
    )
    mean, mean_trend = weight @ change / total, of_others @ trend / mass
    moved, moved_others = _deviations(
        layout, (own, others), (change, trend), (mean, mean_trend), (weight, of_others), options
    )
    sums.spread[row] |= not _lone(layout.clusters[others])
    sums.effect[row] += sign * total * (mean - mean_trend)
    sums.size[row] += total
    changed = layout.current[t] if options.by == "total" else layout.received[_mirrored(c, t)]
    sums.dose[row] += weight @ changed[own]
    sums.influence[row, own] += sign * moved
    sums.influence[row, others] -= sign * total / mass * moved_others
    # Without the programme: what those that enter would have had, and what those that leave have.
    level = weight @ after
    sums.outcome[row] += level - (0.0 if start else total * (mean - mean_trend))
    sums.of_outcome[row, own] += weight * (after - level / total) - (0.0 if start else moved)
    if not start:
        sums.of_outcome[row, others] += total / mass * moved_others
    return ""


def _lone(clusters: IntArray) -> bool:
    return bool(clusters.min() == clusters.max())


def _deviations(
    layout: _Layout,
    arms: tuple[IntArray | slice, IntArray | slice],
    changes: tuple[FloatArray, FloatArray],
    means: tuple[float, float],
    weights: tuple[FloatArray, FloatArray],
    options: SwitchingOptions,
) -> tuple[FloatArray, FloatArray]:
    """Weighted deviations of both arms from their means; an arm of one cluster is measured from the mean of both together."""
    together = sum(w.sum() * m for w, m in zip(weights, means, strict=True)) / sum(
        w.sum() for w in weights
    )
    clusters = [layout.clusters[arm] for arm in arms]
    found = []
    for own, change, mean, weight in zip(clusters, changes, means, weights, strict=True):
        lone = _lone(own)
        deviation = weight * (change - (together if lone else mean))
        if options.small_sample:
            among = np.concatenate(clusters) if lone else own
            count = len(np.unique(among))
            deviation *= np.sqrt(count / (count - 1)) if count > 1 else 1.0
        found.append(deviation)
    return found[0], found[1]


def _divisor(sums: _Sums, options: SwitchingOptions) -> FloatArray:
    """What sums over switching firms are divided by: their number, or changes in participation."""
    per_dose = options.normalized or options.by == "total"
    divisor = sums.dose if per_dose else sums.size
    return np.where(divisor > 0, divisor, np.nan)


def _result(
    request: AttRequest,
    data: FirmPeriods,
    layout: _Layout,
    order: IntArray,
    plan: _Plan,
    sums: _Sums,
    options: SwitchingOptions,
) -> EffectResult:
    n, divisor = len(order), _divisor(sums, options)
    reference = np.array([row.reference for row in plan.rows])
    estimate = np.where(reference & sums.control.any(axis=1), 0.0, sums.effect / divisor)
    if np.isnan(estimate[~reference]).all():
        raise EstimationError(
            "No firm that switches can be compared. " + " ".join(sums.reasons.notes())
        )
    terms = np.array([row.term for row in plan.rows], dtype=object)
    told = np.isfinite(estimate) & ~reference
    unseen = np.array([told[i] and _unseen(layout, sums, i) for i in range(len(terms))])
    sums.reasons.say(
        "no standard error, one firm or cluster switches, or is there to compare with",
        terms[unseen].tolist(),
    )
    scale = np.where(reference, 0.0, n / np.where(reference, 1.0, divisor))
    scale[unseen] = np.nan
    panel = panel_of(request.data)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    factor = ", deviations times sqrt(g / (g - 1))" if options.small_sample else ""
    return effect_from_influence(
        keys=pd.DataFrame([{"term": row.term, **row.keys} for row in plan.rows]),
        estimate=estimate,
        influence=_as_firms(sums.influence, scale, order),
        firms=data.firms(),
        counts=_counts(sums, divisor, reference, options),
        method="switching",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        variance=f"standard errors from influence functions, paths of participation as given, clustered by {by}{factor}",
        aggregation={"cohort": None, "horizon": "event", "total": "overall"}[options.by],
        band=options.by != "total",
        notes=(
            *data.notes,
            *_meaning(sums, options, _partly(data, plan, sums, estimate)),
            *sums.reasons.notes(),
            *cluster_notes(data),
        ),
        source=request.data,
        seed=request.seed,
        baseline=np.where(
            reference, np.nan, sums.outcome / np.where(sums.size > 0, sums.size, np.nan)
        ),
        baseline_influence=_as_firms(
            sums.of_outcome, n / np.where(sums.size > 0, sums.size, np.nan), order
        ),
        fixed_shares=True,
    )


def _unseen(layout: _Layout, sums: _Sums, row: int) -> bool:
    """Whether the switching firms of a row are one cluster, or all its comparison groups are."""
    own = layout.clusters[sums.treated[row]]
    return not len(own) or _lone(own) or not sums.spread[row]


def _as_firms(wide: FloatArray, scale: FloatArray, order: IntArray) -> FloatArray:
    """Rows by sorted firms, scaled, as firms in their own order by rows."""
    out = np.empty((wide.shape[1], wide.shape[0]))
    out[order] = (wide * scale[:, None]).T
    return out


def _counts(
    sums: _Sums, divisor: FloatArray, reference: BoolArray, options: SwitchingOptions
) -> pd.DataFrame:
    """Different firms behind each row, and what its effects were divided by."""
    found = pd.DataFrame(
        {"n_treated": sums.treated.sum(axis=1), "n_control": sums.control.sum(axis=1)}
    )
    if options.normalized or options.by == "total":
        found["denominator"] = np.where(
            reference, np.nan, divisor / np.where(sums.size > 0, sums.size, np.nan)
        )
    return found


def _partly(data: FirmPeriods, plan: _Plan, sums: _Sums, estimate: FloatArray) -> bool:
    """Whether a cell has fewer switching firms than its cohort, whose size weights it in averages."""
    firms = pd.Series(data.cohort).value_counts()
    return any(
        0 < int(sums.treated[i].sum()) < int(firms.get(float(row.keys["cohort"]), 0))
        for i, row in enumerate(plan.rows)
        if "cohort" in row.keys and not row.reference and np.isfinite(estimate[i])
    )


def _meaning(sums: _Sums, options: SwitchingOptions, partly: bool) -> list[str]:
    """What the rows are, where their names do not say it."""
    if options.by == "total":
        return [
            "Effects of all periods since the first switch, added up, over the periods in which participation differed from the start."
        ]
    if options.normalized:
        return [
            "Effects are per period of participation; `denominator` is the mean number of periods up to then."
        ]
    if options.by == "cohort" and partly:
        return [
            "Where a part of a cohort cannot be compared or is not observed, averages still weight it by all of its firms; by='horizon' weights by the "
            "firms that can be compared."
        ]
    return []
