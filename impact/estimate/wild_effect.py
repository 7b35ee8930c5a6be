"""The wild cluster bootstrap of an effect: of the regression behind it, or of its influence functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray, cluster_sums, infer
from impact.core.tidy import estimate_table
from impact.core.whole_numbers import counted
from impact.estimate.effect import EffectResult
from impact.estimate.wild_regressions import regression_of
from impact.estimate.wild_result import Asked, BootstrapResult, Kind
from impact.estimate.wild_sums import ClusterSums

KEEPS_LEVEL = 20
"""Clusters from which on the test kept its level in the simulations of `tests/estimate/test_wild_bootstrap_size.py`."""

_KEYS = ("term", "cohort", "time", "event_time", "dose", "group")
_COUNTS = ("n_treated", "n_control", "n_obs")
_FEW_OF_AN_ARM = 4


def bootstrap_effect(
    effect: EffectResult,
    term: str | Sequence[str] | None,
    asked: Asked,
    conf_level: float | None,
) -> BootstrapResult:
    """Bootstrap rows of an effect; see `impact.wild_bootstrap`."""
    kind, sums_at, why = sums_of(effect)
    assert effect.firms is not None
    level = effect.conf_level if conf_level is None else conf_level
    rows = _rows(effect, term)
    plan = asked.plan(int(effect.firms["cluster"].nunique()), level)
    shown = effect.estimates.iloc[rows].reset_index(drop=True)
    known = np.isfinite(shown["std_error"].to_numpy(dtype=np.float64))
    numbers = np.full((len(rows), 6), np.nan)
    numbers[:, 0] = shown["estimate"]
    statistics = np.full((plan.count, len(rows)), np.nan)
    notes: list[str] = []
    for i in np.flatnonzero(known).tolist():
        sums = sums_at(rows[i])
        found = asked.test(sums, plan, level)
        numbers[i, 1:] = sums.std_error, found.statistic, found.p_value, found.conf_low, found.conf_high  # fmt: skip
        statistics[:, i] = found.statistics
        notes += found.notes
    table = infer(numbers[:, 0], numbers[:, 1], conf_level=level)
    table[["statistic", "p_value", "conf_low", "conf_high"]] = numbers[:, 2:]
    keys = [c for c in _KEYS if c in shown]
    counts = shown[[c for c in _COUNTS if c in shown]]
    table = pd.concat([shown[keys], table, counts], axis=1)
    table["n_clusters"], table["n_draws"] = plan.clusters, plan.count
    return BootstrapResult(
        estimate_table(table, [c for c in keys if c != "term"]),
        statistics,
        _words(effect, kind, plan.words),
        tuple(
            dict.fromkeys([*_notes(effect, kind, why), *_few(effect, plan.clusters, rows), *notes])
        ),
        kind,
    )


def _rows(effect: EffectResult, term: str | Sequence[str] | None) -> list[int]:
    """Positions of the rows that are asked for."""
    known = effect.estimates["term"].tolist()
    asked = known if term is None else [term] if isinstance(term, str) else list(term)
    unknown = [t for t in asked if t not in known]
    if unknown:
        raise EstimationError(
            f"The effect has no row {', '.join(map(repr, unknown))}; its rows: {', '.join(map(repr, known))}."
        )
    return [known.index(t) for t in asked]


def _words(effect: EffectResult, kind: Kind, drawn: str) -> str:
    of = {
        "wild": "wild cluster bootstrap of the least-squares regression behind it",
        "score": "cluster score bootstrap of its influence functions",
    }
    return f"{effect.estimand} on {effect.label} by {effect.method}; {of[kind]}, {drawn}; no small-sample factor"


def _notes(effect: EffectResult, kind: Kind, why: str) -> list[str]:
    notes = []
    if kind == "score":
        notes.append(f"Score bootstrap, since {why}.")
    elif effect.aggregation is not None and not effect.fixed_shares:
        notes.append("The sizes of cohorts are taken as given.")
    return notes


def _few(effect: EffectResult, clusters: int, rows: Sequence[int]) -> list[str]:
    """Where so few clusters make the test itself unsure."""
    assert effect.firms is not None
    names = effect.firms["cluster"].to_numpy()
    least = min(len(np.unique(names[arm > 0])) for j in rows for arm in _arms(effect, j).T)
    notes = []
    if clusters < KEEPS_LEVEL:
        notes.append(
            f"Only {clusters} clusters: in simulated programmes without effect the test at 5 % rejects in 6 to 8 of 100 with 8 clusters and in 5 to 7 with "
            f"12 (normal critical values in 14 to 19 and in 10 to 13); with {KEEPS_LEVEL} it keeps its level."
        )
    if least < _FEW_OF_AN_ARM:
        notes.append(
            f"Participants or comparison firms of a row lie in {counted(least, 'cluster')}: with fewer than {_FEW_OF_AN_ARM} on a side the wild bootstrap "
            "can reject far too rarely or too often; impact.randomization_test needs no more than that who joined could have been others."
        )
    return notes


def sums_of(effect: EffectResult) -> tuple[Kind, Callable[[int], ClusterSums], str]:
    """How rows of an effect are bootstrapped, the sums over clusters of a row, and why not by a regression.

    Raises
    ------
    EstimationError
        If the effect has no influence functions, or one cluster.
    """
    if effect.influence is None or effect.firms is None:
        raise EstimationError(
            "This result has no influence functions. For a coefficient of a regression, give its formula: impact.wild_bootstrap('y ~ d | firm + year', "
            "data, 'd', cluster='region')."
        )
    if effect.firms["cluster"].nunique() < 2:
        raise EstimationError("There is one cluster; the bootstrap needs two at the least.")
    found = regression_of(effect)
    if not isinstance(found, str):
        return "wild", found.sums, ""
    return "score", lambda j: _scores(effect, j), found


def _scores(effect: EffectResult, position: int) -> ClusterSums:
    """Influences summed within clusters and arms, drawn from as if the number were a difference of two means.

    What a test of another value adds to the influences, and what a draw takes off again because both means are estimated, is that of the
    difference between the weighted means of participants and of the others. Where the number is that, this is the regression's bootstrap.
    """
    assert effect.influence is not None and effect.firms is not None
    influence = effect.influence.iloc[:, position].to_numpy() / len(effect.firms)
    weight = _arms(effect, position)
    share = weight / weight.sum(axis=0)
    borne = share / weight.sum(axis=0)  # a change, as far as this firm bears it
    borne /= borne.sum()
    columns = np.concatenate([(share > 0) * influence[:, None], share, borne], axis=1)
    arms = share.shape[1]
    sums = cluster_sums(columns, effect.firms["cluster"].to_numpy())
    own, means, leverage = (sums[:, j * arms : (j + 1) * arms] for j in range(3))
    own = own - means * own.sum(axis=0)
    value = float(effect.estimates["estimate"].iloc[position])
    scores = own.sum(axis=1)
    by = own + value * leverage
    return ClusterSums(
        estimate=value,
        std_error=float(np.sqrt((scores**2).sum())),
        dy=by.sum(axis=1),
        dx=leverage.sum(axis=1),
        across=means,
        by=by,
        bx=leverage,
        inverse=np.eye(arms),
        own=scores,
        factor=1.0,
    )


def _arms(effect: EffectResult, position: int) -> FloatArray:
    """Weight of each firm in its arm (n, arms): participants of the row, and those that never join (or else all others)."""
    assert effect.firms is not None
    cohort = effect.firms["cohort"].to_numpy(dtype=np.float64)
    weight = effect.firms["weight"].to_numpy(dtype=np.float64)
    row = effect.estimates.iloc[position]
    joined = np.isfinite(cohort)
    named = row.get("cohort")
    treated = joined if named is None or pd.isna(named) else cohort == float(named)
    arms = [np.where(arm, weight, 0.0) for arm in (treated, ~treated)]
    return np.column_stack([arm for arm in arms if arm.sum() > 0] or [np.ones(len(cohort))])
