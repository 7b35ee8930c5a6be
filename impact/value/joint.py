"""Effects on several outcomes of the same firms, with the covariance between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray, influence_covariance
from impact.estimate.effect import EffectResult

_SAME = 1e-6  # two covariances that differ by less, relatively, are one


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """The rows of several effects as one vector.

    Attributes
    ----------
    estimate : array, shape (k,)
    vcov : array, shape (k, k)
        Missing in rows and columns whose effect has no standard error.
    offset : dict of str to int
        Where the rows of each effect begin.
    conf_level, df
        Of the intervals.
    """

    estimate: FloatArray
    vcov: FloatArray
    offset: Mapping[str, int]
    conf_level: float
    df: float | None

    def total(self, weights: FloatArray) -> float:
        """`w'b` over the rows that have weight."""
        used = np.flatnonzero(weights)
        return float(weights[used] @ self.estimate[used])

    def covariance(self, first: FloatArray, second: FloatArray) -> float:
        """`v'Vw` over the rows that have weight; missing if one of them has no uncertainty."""
        rows, columns = np.flatnonzero(first), np.flatnonzero(second)
        block = self.vcov[np.ix_(rows, columns)]
        return float(first[rows] @ block @ second[columns])


def joint(effects: Mapping[str, EffectResult]) -> Joint:
    """Put effects side by side.

    Parameters
    ----------
    effects : mapping of str to EffectResult

    Returns
    -------
    Joint
        Of one effect with its own covariance. Of several, from their influence functions: firms are known by their names, a firm that
        is in one sample alone has influence there alone, and firms that are a cluster for one effect are a cluster for all.

    Raises
    ------
    EstimationError
        Several effects of which one has no influence functions, or whose firms do not agree; intervals of different levels.

    Notes
    -----
    With psi_a the influence of n_a firms on effect a, the covariance of a and b is `sum_c s_ca s_cb / (n_a n_b)`, s the sums within clusters.
    """
    every = list(effects.values())
    levels = sorted({effect.conf_level for effect in every})
    if len(levels) > 1:
        raise EstimationError(
            f"The effects have intervals of different levels ({', '.join(map(str, levels))}). Estimate them with one conf_level."
        )
    sizes = [len(effect.estimates) for effect in every]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
    estimate = np.concatenate(
        [effect.estimates["estimate"].to_numpy(dtype=np.float64) for effect in every]
    )
    vcov = every[0].vcov if len(every) == 1 else _joint_covariance(effects)
    df = every[0].df if len(every) == 1 else None
    return Joint(estimate, vcov, dict(zip(effects, map(int, starts), strict=True)), levels[0], df)


def _joint_covariance(effects: Mapping[str, EffectResult]) -> FloatArray:
    for name, effect in effects.items():
        _require_influence(name, effect)
    firms = _same_firms(effects)
    clusters = _common_clusters(effects, firms)
    parts = []
    for effect in effects.values():
        assert effect.influence is not None
        psi = effect.influence.to_numpy(dtype=np.float64)
        spread = np.zeros((len(firms), psi.shape[1]))
        # Scaled as if all firms of all samples had been asked: the mean over n of them is unchanged.
        spread[firms.get_indexer(effect.influence.index)] = psi * (len(firms) / len(psi))
        parts.append(spread)
    return influence_covariance(np.hstack(parts), clusters)


def _require_influence(name: str, effect: EffectResult) -> None:
    if effect.influence is None or effect.firms is None:
        raise EstimationError(
            f"The effect on {name!r} ({effect.method}) has no influence functions, so that its covariance with the others is not known. "
            "Give it to a call of its own, or take a method that has them, such as group_time."
        )
    if not effect.influence.index.is_unique:
        raise EstimationError(
            f"The effect on {name!r} names firms twice (repeated cross-sections): it has no covariance with other outcomes by firm. "
            "Give it to a call of its own."
        )
    own = influence_covariance(
        effect.influence.to_numpy(dtype=np.float64), effect.firms["cluster"].to_numpy()
    )
    known = np.isfinite(own) & np.isfinite(effect.vcov)
    if not np.allclose(
        own[known],
        effect.vcov[known],
        rtol=_SAME,
        atol=_SAME * float(np.abs(own[known]).max(initial=0.0)),
    ):
        raise EstimationError(
            f"The standard errors of the effect on {name!r} do not come from its influence functions ({effect.variance}), so that a "
            "covariance with the others is not known. Give it to a call of its own."
        )


def _same_firms(effects: Mapping[str, EffectResult]) -> pd.Index:
    """All firms of all samples; a firm that joined in two years, according to two effects, is refused."""
    cohorts: pd.Series | None = None
    for name, effect in effects.items():
        assert effect.firms is not None
        own = effect.firms["cohort"].astype("float64")
        if cohorts is not None:
            both = cohorts.index.intersection(own.index)
            one, other = cohorts.loc[both].to_numpy(), own.loc[both].to_numpy()
            differ = both[~((one == other) | (np.isnan(one) & np.isnan(other)))]
            if len(differ) or not len(both):
                what = (
                    f"firm {differ[0]!r} joined in another year"
                    if len(differ)
                    else "no firm is in both samples"
                )
                raise EstimationError(
                    f"The effect on {name!r} is not of the same programme as those before it: {what}. Estimate all outcomes on one panel."
                )
            own = pd.concat([cohorts, own.loc[own.index.difference(both, sort=False)]])
        cohorts = own
    assert cohorts is not None
    return cohorts.index


def _common_clusters(effects: Mapping[str, EffectResult], firms: pd.Index) -> npt.NDArray[np.int64]:
    """Components of firms that share a cluster in any of the effects."""
    n, rows, columns, used = len(firms), [], [], 0
    for effect in effects.values():
        assert effect.firms is not None
        codes, labels = pd.factorize(effect.firms["cluster"])
        rows.append(firms.get_indexer(effect.firms.index))
        columns.append(n + used + codes)
        used += len(labels)
    ends = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(n + used, n + used))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component[:n], dtype=np.int64)
