"""Effects on a matched sample: what participants have more of than the firms they were matched to.

Matching without replacement gives disjoint sets of one participant and its controls. Sets are the
clusters of every variance here: clustering at the level of the match is valid for estimates after
matching without replacement (Abadie and Spiess 2022), where treating firms as independent is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.core.inference import FloatArray
from impact.core.registry import METHODS
from impact.design.match import MatchResult
from impact.design.propensity import independent_columns
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.estimate.firm_periods import firm_periods, panel_of
from impact.estimate.request import AttRequest

_SHOWN_TERMS = 6
FEW_SETS = 30

_ROUNDING = 1e-12  # of the largest outcome


@dataclass(frozen=True, slots=True, eq=False)
class MatchedSets:
    """Disjoint sets of one participant and its controls, as positions in an array of firms.

    Attributes
    ----------
    treated : array of int, shape (s,)
        The participant of each set.
    control, of_set : array of int, shape (p,)
        The controls, and the set to which each belongs.
    cohort : array, shape (s,)
        Cohort of each set; missing for a cross-section.
    number : array of int, shape (s,)
        Number of the set in `MatchResult.pairs`.
    """

    treated: npt.NDArray[np.int64]
    control: npt.NDArray[np.int64]
    of_set: npt.NDArray[np.int64]
    cohort: FloatArray
    number: npt.NDArray[np.int64]

    def cell(self, values: FloatArray, among: npt.NDArray[np.bool_]) -> _Cell:
        """Mean over sets of the participant's value less the mean of its controls' values.

        Parameters
        ----------
        values : array, shape (n,)
            A value per firm; missing where it is not observed.
        among : array of bool, shape (s,)
            The sets to use; those without the participant or without any control observed fall out.
        """
        seen = np.isfinite(values)
        per_set = np.bincount(self.of_set[seen[self.control]], minlength=len(self.treated))
        use = among & seen[self.treated] & (per_set > 0)
        member = use[self.of_set] & seen[self.control]
        controls, share = self.control[member], 1.0 / per_set[self.of_set[member]]
        weight = np.zeros(len(values))
        np.add.at(weight, controls, share)
        weight[self.treated[use]] = 1.0
        return _Cell(values, self.treated[use], controls, weight, int((among & ~use).sum()))


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    """One comparison: participants and controls that are observed, and each firm's weight."""

    values: FloatArray
    treated: npt.NDArray[np.int64]
    control: npt.NDArray[np.int64]
    weight: FloatArray  # participants 1; the controls of a set share 1
    lost: int

    def estimate(self) -> tuple[float, FloatArray]:
        """Mean difference, and each firm's influence on it (n,), scaled so that its mean is the error.

        Each arm's total weight is the number of sets, so the influence of a firm is its weight times
        its distance from the mean of its arm, times n / sets.
        """
        n, sets = len(self.values), len(self.treated)
        influence = np.zeros(n)
        means = []
        for firms, sign in ((self.treated, 1.0), (self.control, -1.0)):
            mean = float(self.weight[firms] @ self.values[firms]) / sets
            influence[firms] = sign * self.weight[firms] * (self.values[firms] - mean) * n / sets
            means.append(mean)
        return means[0] - means[1], influence


@METHODS.register(
    "att",
    "difference",
    summary="weighted difference in means between participants and their controls",
    takes=("matched",),
    estimands=("ATT",),
    families=("gaussian",),
    needs=("a cross-section matched without replacement",),
    reference="Abadie and Spiess (2022), section 2",
)
def difference(request: AttRequest) -> EffectResult:
    """Compare the mean outcome of matched participants with that of their controls.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; no options.

    Returns
    -------
    EffectResult
        One row. The matched set is the cluster.

    Raises
    ------
    EstimationError
        After matching with replacement, or if no set has its outcome observed in both arms.

    Examples
    --------
    >>> import impact, pandas as pd
    >>> firms = pd.DataFrame({"joined": [1, 1, 0, 0, 0], "size": [3.0, 9.0, 2.0, 8.0, 30.0],
    ...                       "exports": [7.0, 9.0, 4.0, 4.0, 99.0]})
    >>> pairs = impact.match(firms, treatment="joined", on=["size"], distance="size")
    >>> impact.att(pairs, "exports", method="difference").tidy()["estimate"].tolist()
    [4.0]
    """
    matched = _without_replacement(request)
    frame = _cross_section(matched)
    sets = matched_sets(matched, frame.index)
    outcome = _numbers(frame, [request.outcome])[0]
    cell = sets.cell(outcome, np.ones(len(sets.treated), dtype=bool))
    if not len(cell.treated):
        raise EstimationError(f"No pair has '{request.outcome}' observed in both arms.")
    estimate, influence = cell.estimate()
    return _cross_section_result(
        request, matched, sets, cell, estimate, influence, "difference", _lost_note(cell, request)
    )


@METHODS.register(
    "att",
    "g_computation",
    summary="matched difference, adjusted by a regression of the outcome among the controls",
    takes=("matched",),
    estimands=("ATT",),
    families=("gaussian",),
    covariates=True,
    needs=("a cross-section matched without replacement", "more controls than covariates"),
    reference="Robins (1986); Abadie and Spiess (2022), section 3; Ho, Imai, King and Stuart (2007)",
)
def g_computation(request: AttRequest) -> EffectResult:
    """Subtract from each participant what the regression among controls predicts for it.

    This is least squares with treatment interacted with every covariate, read at the participants'
    means. Covariates are those of the match where none are named.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; no options.

    Returns
    -------
    EffectResult
        One row. The influence functions count the participants' covariate means as estimated; the
        matched set is the cluster.

    Raises
    ------
    EstimationError
        After matching with replacement, or with as many parameters as controls.

    Examples
    --------
    >>> import impact, pandas as pd
    >>> firms = pd.DataFrame({"joined": [1, 1, 1, 0, 0, 0, 0], "size": [3.0, 9, 5, 2, 8, 6, 30],
    ...                       "exports": [16.0, 28, 20, 4, 16, 12, 60]})
    >>> pairs = impact.match(firms, treatment="joined", on=["size"], distance="size")
    >>> effect = impact.att(pairs, "exports", method="g_computation")
    >>> effect.tidy()["estimate"].round(8).tolist()
    [10.0]
    """
    matched = _without_replacement(request)
    frame = _cross_section(matched)
    sets = matched_sets(matched, frame.index)
    names = request.covariates or matched.settings.on
    outcome, *columns = _numbers(frame, [request.outcome, *names])
    x = np.column_stack(columns)
    known = np.where(np.isfinite(x).all(axis=1), outcome, np.nan)
    cell = sets.cell(known, np.ones(len(sets.treated), dtype=bool))
    if not len(cell.treated):
        raise EstimationError(f"No pair has '{request.outcome}' and the covariates in both arms.")
    kept, dropped = independent_columns(x[cell.control], names)
    if len(cell.control) <= len(kept) + 1:
        raise EstimationError(
            f"{len(kept) + 1} parameters cannot be estimated on {len(cell.control)} controls; use "
            "fewer covariates."
        )
    estimate, influence = _adjusted(cell, x[:, kept])
    notes = [f"'{name}' {why} among the controls and was left out." for name, why in dropped]
    return _cross_section_result(
        request,
        matched,
        sets,
        cell,
        estimate,
        influence,
        "g_computation",
        (*_lost_note(cell, request), *notes),
    )


def _adjusted(cell: _Cell, x: FloatArray) -> tuple[float, FloatArray]:
    """Mean over participants of outcome less prediction, and the influence of each firm.

    A participant counts through its own residual; a control through the coefficients b, whose
    influence is A^-1 w x e with A the weighted cross-product, read at the participants' mean.
    """
    n, t, c = len(cell.values), cell.treated, cell.control
    center, scale = x[c].mean(axis=0), x[c].std(axis=0)
    design = np.column_stack([np.ones(n), (x - center) / scale])
    cross = (design[c] * cell.weight[c][:, None]).T @ design[c]
    b = np.linalg.solve(cross, design[c].T @ (cell.weight[c] * cell.values[c]))
    residual = cell.values - design @ b
    # A fit without error leaves rounding, which must not pass for a standard error.
    residual[np.abs(residual) <= _ROUNDING * np.abs(cell.values).max()] = 0.0
    gain = residual[t]
    estimate = float(gain.mean())
    influence = np.zeros(n)
    influence[t] = (gain - estimate) * n / len(t)
    reach = design[c] @ np.linalg.solve(cross, design[t].mean(axis=0))
    influence[c] = -n * reach * cell.weight[c] * residual[c]
    return estimate, influence


@METHODS.register(
    "att",
    "matched_did",
    summary="matched difference in differences, by cohort and year",
    takes=("matched panel",),
    estimands=("ATT",),
    families=("gaussian",),
    needs=("a panel matched without replacement", "the outcome in the year before joining"),
    reference="Heckman, Ichimura and Todd (1997), section 7; Abadie and Spiess (2022)",
)
def matched_did(request: AttRequest) -> EffectResult:
    """Compare each participant's change since the year before joining with its controls' change.

    For cohort g and year t the effect is the mean over matched sets of
    `[Y(i, t) - Y(i, g-1)] - mean over its controls c of [Y(c, t) - Y(c, g-1)]`, over the sets whose
    participant and at least one control are observed in both years. Years before g - 1 compare
    trends before joining.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; no options. `cluster` may name a column that is coarser than the
        matched set, such as a chamber on which firms were matched exactly.

    Returns
    -------
    EffectResult
        One row per cohort and year but g - 1, keys `cohort, time, event_time`. A cell of one set
        stands without a standard error.

    Raises
    ------
    DataError
        If the outcome is no number.
    EstimationError
        After matching with replacement; if no set is observed in two years; if clusters cut sets.

    Examples
    --------
    >>> import impact, pandas as pd
    >>> rows = pd.DataFrame({"firm": list("aabbccdd"), "year": [1, 2] * 4,
    ...                      "joined": [2.0] * 4 + [None] * 4, "size": [3, 3, 5, 5, 2, 2, 6, 6],
    ...                      "exports": [10.0, 16, 10, 12, 7, 8, 9, 9]})
    >>> panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    >>> matched = impact.match(panel, on=["size"], distance="size")
    >>> impact.att(matched, "exports", method="matched_did").tidy()["estimate"].tolist()
    [3.5]
    """
    return _by_cohort(request, _plan, changes=True)


@METHODS.register(
    "att",
    "at_joining",
    summary="matched difference in the year of joining, of outcomes that look ahead of it",
    takes=("matched panel",),
    estimands=("ATT",),
    families=("gaussian",),
    needs=("a panel matched without replacement", "the outcome in the year of joining"),
    reference="Abadie and Spiess (2022), section 2",
)
def at_joining(request: AttRequest) -> EffectResult:
    """Compare each participant in its year of joining with its controls in the same year.

    For outcomes that look ahead of their year, such as `entry_within_2` or `export_survival_1`: whether the firm exports within
    two years *of joining*, and its matched control within two years of the same year. They have no year before that the
    programme has not touched, so there is no difference in differences of them; that the firms are alike rests on the match.

    Parameters
    ----------
    request : AttRequest
        What `impact.att` was asked; no options. `cluster` as in `matched_did`.

    Returns
    -------
    EffectResult
        One row per cohort, keys `cohort, time, event_time` (time is the cohort, event_time 0).

    Raises
    ------
    DataError
        If the outcome is no number.
    EstimationError
        After matching with replacement; if no set is observed in the year of joining; if clusters cut sets.

    Examples
    --------
    >>> import impact, pandas as pd
    >>> rows = pd.DataFrame({"firm": list("aabbccdd"), "year": [1, 2] * 4, "joined": [2.0] * 4 + [None] * 4,
    ...                      "size": [3, 3, 5, 5, 2, 2, 6, 6], "stays": [None, 1, None, 1, None, 0, None, 1]})
    >>> panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
    >>> matched = impact.match(panel, on=["size"], distance="size")
    >>> impact.att(matched, "stays", method="at_joining").tidy()["estimate"].tolist()
    [0.5]
    """
    return _by_cohort(
        request, lambda sets, _: [(int(g), int(g)) for g in sorted(set(sets.cohort))], changes=False
    )


def _by_cohort(
    request: AttRequest,
    planned: Callable[[MatchedSets, npt.NDArray[np.int64]], list[tuple[int, int]]],
    *,
    changes: bool,
) -> EffectResult:
    """One cell per planned cohort and year: of changes since the year before joining, or of the outcome as it is."""
    matched = _without_replacement(request)
    data = firm_periods(request)
    sets = matched_sets(matched, data.units)
    plan = planned(sets, data.periods)
    cells = []
    for g, time in plan:
        t, base = np.searchsorted(data.periods, [time, g - 1])
        before = data.outcome[:, base] if changes else 0.0
        cells.append(sets.cell(data.outcome[:, t] - before, sets.cohort == g))
    if not any(len(cell.treated) for cell in cells):
        when = (
            "in the year before joining and in another year"
            if changes
            else "in the year of joining"
        )
        raise EstimationError(f"No pair has '{request.outcome}' {when}.")
    terms = [f"ATT({g},{time})" for g, time in plan]
    own = data.cluster if request.cluster not in (None, panel_of(matched).unit) else None
    firms = _firms(sets, cells, data.units, own, request.cluster)
    estimate, influence, reasons = _filled(cells, firms, data.units)
    return effect_from_influence(
        keys=pd.DataFrame(
            {
                "term": terms,
                "cohort": [g for g, _ in plan],
                "time": [time for _, time in plan],
                "event_time": [time - g for g, time in plan],
            }
        ),
        estimate=estimate,
        influence=influence,
        firms=firms,
        counts=_counts(cells),
        method=request.method,
        outcome=request.outcome,
        family=request.family,
        label=panel_of(matched).label(request.outcome),
        conf_level=request.conf_level,
        variance=_variance(request, own is not None),
        notes=(*data.notes, *_panel_notes(request, sets, cells, terms, reasons, firms)),
        source=matched,
        seed=request.seed,
    )


def _plan(sets: MatchedSets, periods: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Every cohort and year but the year before joining, which is the base."""
    cohorts = sorted({int(g) for g in sets.cohort})
    return [(g, t) for g in cohorts for t in periods.tolist() if t != g - 1]


def _filled(
    cells: Sequence[_Cell], firms: pd.DataFrame, units: pd.Index
) -> tuple[FloatArray, FloatArray, list[str]]:
    """Estimates, influence over the firms in use, and why a cell has no standard error."""
    rows = units.get_indexer(firms.index)
    clusters = pd.Series(firms["cluster"].to_numpy(), index=rows)
    estimate = np.full(len(cells), np.nan)
    influence = np.full((len(rows), len(cells)), np.nan)
    reasons = []
    for k, cell in enumerate(cells):
        reason = "no pair is observed" if not len(cell.treated) else ""
        if not reason:
            estimate[k], column = cell.estimate()
            influence[:, k] = column[rows] * (len(rows) / len(units))
            if clusters.loc[cell.treated].nunique() < 2:
                influence[:, k] = np.nan
                reason = "one pair or cluster, so no standard error"
        reasons.append(reason)
    return estimate, influence, reasons


def _firms(
    sets: MatchedSets,
    cells: Sequence[_Cell],
    units: pd.Index,
    own: npt.NDArray[Any] | None,
    cluster: str | None,
) -> pd.DataFrame:
    """The firms of sets that are observed in some cell: cohort, weight and cluster.

    Cohort shares in an average are the participants behind the cohort, each with weight 1; controls
    have no cohort. The cluster is the number of the set, or the coarser cluster that holds it.
    """
    used = np.zeros(len(units), dtype=bool)
    for cell in cells:
        used[cell.treated] = True
    in_use = used[sets.treated]
    member = in_use[sets.of_set]
    cohort = np.full(len(units), np.nan)
    cohort[sets.treated] = sets.cohort
    number = np.zeros(len(units), dtype=np.int64)
    number[sets.treated] = sets.number
    number[sets.control] = sets.number[sets.of_set]
    # In the order of the sets, which does not depend on the order of rows.
    keep = np.concatenate([sets.treated[in_use], sets.control[member]])
    if own is not None:
        apart = own[sets.control[member]] != own[sets.treated[sets.of_set[member]]]
        if apart.any():
            raise EstimationError(
                f"{int(apart.sum()):,} of {int(member.sum()):,} controls have another '{cluster}' than "
                "their participant, so clustering by it would cut matched sets in two. Match exactly "
                f"on '{cluster}', or leave `cluster` out: the matched set is then the cluster."
            )
    return pd.DataFrame(
        {
            "cohort": cohort[keep],
            "weight": 1.0,
            "cluster": number[keep] if own is None else own[keep],
        },
        index=units[keep],
    )


def matched_sets(matched: MatchResult, units: pd.Index) -> MatchedSets:
    """The sets of a match as positions in `units`.

    Raises
    ------
    EstimationError
        If a matched firm is not among them.
    """
    pairs = matched.pairs
    treated, control = units.get_indexer(pairs["treated"]), units.get_indexer(pairs["control"])
    if min(treated.min(), control.min()) < 0:
        raise EstimationError("A matched firm is not in the data of the match.")
    number, first, of_set = np.unique(
        pairs["pair"].to_numpy(), return_index=True, return_inverse=True
    )
    cohort = np.full(len(number), np.nan)
    if "cohort" in pairs:
        cohort = pairs["cohort"].to_numpy(dtype=np.float64)[first]
    return MatchedSets(treated[first], control, of_set, cohort, number)


def _without_replacement(request: AttRequest) -> MatchResult:
    assert isinstance(request.data, MatchResult)
    if request.data.settings.replace:
        raise EstimationError(
            "These firms were matched with replacement: controls that serve several participants tie "
            "the pairs together, and the standard errors for that (Abadie and Imbens 2006, 2016) are "
            "not offered by this method. Match with replace=False."
        )
    return request.data


def _cross_section(matched: MatchResult) -> pd.DataFrame:
    assert isinstance(matched.data, pd.DataFrame)
    return matched.data


def _numbers(frame: pd.DataFrame, names: Sequence[str]) -> list[FloatArray]:
    """Columns as numbers, refusing text and infinite values with their rows."""
    faults: list[Fault] = []
    arrays = []
    for name in names:
        column = pd.to_numeric(frame[name], errors="coerce")
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        arrays.append(values)
        bad = (np.isnan(values) & frame[name].notna().to_numpy()) | np.isinf(values)
        faults += [
            Fault(
                f"this is not a finite number, at index {frame.index[i]}",
                "write a number, or leave the cell empty",
                column=name,
                value=frame[name].iloc[i],
            )
            for i in np.flatnonzero(bad)
        ]
    if faults:
        raise DataError("A column cannot be estimated on.", faults)
    return arrays


def _cross_section_result(
    request: AttRequest,
    matched: MatchResult,
    sets: MatchedSets,
    cell: _Cell,
    estimate: float,
    influence: FloatArray,
    method: str,
    notes: tuple[str, ...],
) -> EffectResult:
    frame = _cross_section(matched)
    own = None if request.cluster is None else frame[request.cluster].to_numpy()
    firms = _firms(sets, [cell], frame.index, own, request.cluster)
    rows = frame.index.get_indexer(firms.index)
    column = influence[rows] * (len(rows) / len(frame))
    single = firms["cluster"].nunique() < 2
    said = ["One pair or cluster, so no standard error."] if single else []
    return effect_from_influence(
        keys=pd.DataFrame({"term": ["ATT"]}),
        estimate=np.array([estimate]),
        influence=np.full((len(rows), 1), np.nan) if single else column[:, None],
        firms=firms,
        counts=_counts([cell]),
        method=method,
        outcome=request.outcome,
        family=request.family,
        label=request.outcome.replace("_", " "),
        conf_level=request.conf_level,
        variance=_variance(request, own is not None),
        band=False,
        notes=(*_matched_note(matched), *notes, *said, *_few(firms)),
        source=matched,
        seed=request.seed,
    )


def _counts(cells: Sequence[_Cell]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "n_treated": [len(cell.treated) for cell in cells],
            "n_control": [len(cell.control) for cell in cells],
        }
    )


def _variance(request: AttRequest, coarser: bool) -> str:
    by = request.cluster if coarser else "matched set"
    return f"standard errors from influence functions, clustered by {by}"


def _matched_note(matched: MatchResult) -> tuple[str, ...]:
    sizes = matched.sizes()["n_treated"]
    lost = int(sizes["before"] - sizes["after"])
    if not lost:
        return ()
    return (
        f"The effect is on the {int(sizes['after']):,} of {int(sizes['before']):,} participants that "
        "were matched; the others are like none of the comparison firms, and nothing is said on them.",
    )


def _lost_note(cell: _Cell, request: AttRequest) -> tuple[str, ...]:
    if not cell.lost:
        return ()
    return (
        f"{cell.lost:,} of {cell.lost + len(cell.treated):,} pairs are left out: '{request.outcome}' or "
        "a covariate is missing for the participant or for all of its controls.",
    )


def _panel_notes(
    request: AttRequest,
    sets: MatchedSets,
    cells: Sequence[_Cell],
    terms: Sequence[str],
    reasons: Sequence[str],
    firms: pd.DataFrame,
) -> list[str]:
    notes = []
    never = len(sets.treated) - int(firms["cohort"].notna().sum())
    if never:
        notes.append(
            f"{never:,} of {len(sets.treated):,} pairs are in no cell: '{request.outcome}' is not "
            "observed for both firms in the years that are compared."
        )
    lost = [f"{t} {c.lost:,}" for t, c in zip(terms, cells, strict=True) if c.lost]
    if lost:
        notes.append(
            f"Pairs without '{request.outcome}' in the years that are compared: {_some(lost)}."
        )
    for reason in dict.fromkeys(r for r in reasons if r):
        which = [t for t, r in zip(terms, reasons, strict=True) if r == reason]
        notes.append(f"{_some(which)}: {reason}.")
    return [*notes, *_few(firms)]


def _some(items: Sequence[str]) -> str:
    more = len(items) - _SHOWN_TERMS
    return ", ".join(items[:_SHOWN_TERMS]) + (f" and {more} more" if more > 0 else "")


def _few(firms: pd.DataFrame) -> list[str]:
    clusters = firms["cluster"].nunique()
    if clusters >= FEW_SETS:
        return []
    return [
        f"Only {clusters} clusters (fewer than {FEW_SETS}): normal critical values may make the "
        "intervals too short."
    ]
