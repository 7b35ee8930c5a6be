"""Randomisation inference: what effect would be found if others had joined?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import comb, prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError, ImpactError
from impact.core.inference import FloatArray, share_beyond
from impact.core.panel import Panel, require_panel
from impact.core.registry import METHODS
from impact.core.tidy import estimate_table
from impact.display.digits import table_text
from impact.estimate.att import att
from impact.estimate.effect import Aggregation, EffectResult

IntArray = npt.NDArray[np.int64]
Statistic = Literal["statistic", "estimate"]


@dataclass(frozen=True, slots=True, eq=False)
class RandomizationResult:
    """What `impact.randomization_test` found.

    Attributes
    ----------
    estimates : DataFrame
        The rows of the effect, with `p_value` from the permutations, `n_draws` of them; intervals are missing, since the test gives none.
    draws : DataFrame
        The statistic of each permutation, one column for each row of the effect.
    effect : EffectResult
        The effect as it was found.
    notes : tuple of str
    """

    estimates: pd.DataFrame
    draws: pd.DataFrame
    effect: EffectResult
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.estimates.copy()

    def summary(self) -> str:
        """The table, and how it came about."""
        return "\n".join([table_text(self.estimates), *self.notes])

    def __repr__(self) -> str:
        return self.summary()


def randomization_test(
    panel: Panel,
    outcome: str,
    *,
    method: str,
    aggregate: Aggregation | None = "overall",
    cluster: str | None = None,
    strata: str | None = None,
    statistic: Statistic = "statistic",
    draws: int = 999,
    seed: int = 20160516,
    **options: Any,
) -> RandomizationResult:
    """Test that nobody was affected, by giving the years of joining to others and estimating again.

    The test is exact for any number of clusters where who joined when was drawn by lot, within `strata` if it was drawn so; elsewhere it asks how
    unusual the effect would be if it had been.

    Parameters
    ----------
    panel : Panel
        Firm-years with their cohorts.
    outcome : str
    method : str
        An estimator of `impact.att` for panels.
    aggregate : {"overall", "event", "cohort", "calendar"} or None
        What is tested; None for the estimator's own rows, as for estimators that have no cells to average.
    cluster : str, optional
        Column of the groups that joined together; each firm by itself where missing.
    strata : str, optional
        Column within which joining was drawn.
    statistic : {"statistic", "estimate"}
        What is compared: estimate over standard error, which keeps its level also for the weaker hypothesis of no effect on average, or the estimate.
    draws : int
        Permutations. If there are no more ways to join than that, each is taken once.
    seed : int
    **options
        Further arguments of `impact.att`.

    Returns
    -------
    RandomizationResult

    Raises
    ------
    EstimationError
        If firms of a cluster joined in different years, a cluster lies in two strata, there is only one way to join, or an argument is none.

    References
    ----------
    Fisher (1935); Wu and Ding (2021) for studentized statistics; Roth and Sant'Anna (2023) for staggered roll-outs.

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, _ = programme(firms=8, periods=4, cohorts=(3,), seed=1, effect="constant", size=5.0)
    >>> panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> found = impact.randomization_test(panel, "exports", method="group_time").tidy()
    >>> found[["p_value", "n_draws"]].round(4).values.tolist()
    [[0.0286, 70.0]]
    """
    require_panel(panel, "randomization_test")
    if isinstance(draws, bool) or not isinstance(draws, (int, np.integer)) or draws < 19:
        raise EstimationError(f"draws is {draws!r}; it is a whole number from 19.")
    if statistic not in ("statistic", "estimate"):
        raise EstimationError(f"statistic is {statistic!r}; choose from 'statistic', 'estimate'.")

    def estimated(of: Panel) -> EffectResult:
        found = att(of, outcome, method=method, cluster=cluster, **options)
        cells = found.aggregation is None and {"cohort", "event_time"} <= set(found.estimates)
        return found.aggregate(aggregate) if aggregate is not None and cells else found

    reads = METHODS.find("att", method).reads
    if reads:
        raise EstimationError(
            f"{method} reads {reads}, which does not move with the year of joining that is permuted here; choose a method that compares "
            "years of joining, such as 'group_time'."
        )
    lots = _lots(panel, cluster, strata)
    effect = estimated(panel)
    terms = list(effect.estimates["term"])
    rows, failed = [], 0
    assignments, complete = lots.assignments(int(draws), seed)
    for given in assignments:
        try:
            table = estimated(lots.panel(panel, given)).estimates.set_index("term")
        except ImpactError:
            failed += 1
            continue
        rows.append(table[statistic].reindex(terms).to_numpy(dtype=np.float64))
    if not rows:
        raise EstimationError("No permutation could be estimated, so nothing can be tested.")
    drawn = pd.DataFrame(np.array(rows), columns=terms)
    if len(rows) > 1 and (drawn.nunique(dropna=False) == 1).all():
        raise EstimationError(
            "Every permutation gives the same number, so the estimator does not use the years of joining that were permuted."
        )
    return RandomizationResult(
        _table(effect, drawn, statistic, complete=complete and not failed),
        drawn,
        effect,
        _notes(lots, len(rows), failed, complete, cluster, strata, statistic),
    )


def _table(
    effect: EffectResult, drawn: pd.DataFrame, statistic: str, *, complete: bool
) -> pd.DataFrame:
    """The rows of the effect with the p-values of the permutations."""
    table = effect.tidy()
    shares = []
    for term, found in zip(table["term"], table[statistic], strict=True):
        of = drawn[term].to_numpy()
        known = of[np.isfinite(of)]
        whole = complete and len(known) == len(of)
        shares.append(share_beyond(known, float(found), complete=whole) if len(known) else np.nan)
    table["p_value"] = shares
    table[["conf_low", "conf_high"]] = np.nan
    table = table.drop(columns=[c for c in ("band_low", "band_high") if c in table])
    table["n_draws"] = drawn.notna().sum().reindex(table["term"]).to_numpy()
    keys = [c for c in ("cohort", "time", "event_time") if c in table]
    return estimate_table(table, keys)


def _notes(
    lots: _Lots,
    count: int,
    failed: int,
    complete: bool,
    cluster: str | None,
    strata: str | None,
    statistic: str,
) -> tuple[str, ...]:
    who = "firms" if cluster is None else f"clusters by {cluster}"
    within = "" if strata is None else f" within {strata}"
    taken = f"each of {count:,} ways to join" if complete else f"{count:,} permutations"
    what = "estimate over standard error" if statistic == "statistic" else "estimate"
    notes = [
        f"Randomisation test: {taken} of {len(lots.cohort):,} {who}{within}, by the {what}. p-values hold for the hypothesis that nobody was affected."
    ]
    if failed:
        notes.append(f"Permutations that could not be estimated are left out: {failed:,}.")
    return tuple(notes)


@dataclass(frozen=True, slots=True, eq=False)
class _Lots:
    """Clusters with the year in which each joined, and how firms belong to them.

    Attributes
    ----------
    cohort : array, shape (G,)
        Infinite means never.
    stratum : array of int, shape (G,)
    of_row : array of int, shape (rows,)
        Cluster of each row of the panel.
    """

    cohort: FloatArray
    stratum: IntArray
    of_row: IntArray

    def panel(self, panel: Panel, cohort: FloatArray) -> Panel:
        """The panel as it would be had clusters joined in the given years."""
        given = np.where(np.isinf(cohort), np.nan, cohort)[self.of_row]
        assert panel.cohort is not None
        return replace(panel, data=panel.data.assign(**{panel.cohort: given}))

    def ways(self) -> int:
        """How many ways there are to hand out the years within the strata."""
        count = 1
        for s in np.unique(self.stratum):
            sizes = np.unique(self.cohort[self.stratum == s], return_counts=True)[1]
            left = np.cumsum(sizes[::-1])[::-1]
            count *= prod(comb(int(n), int(k)) for n, k in zip(left, sizes, strict=True))
        return count

    def assignments(self, draws: int, seed: int) -> tuple[Iterator[FloatArray], bool]:
        """Years of joining by cluster, and whether every way is among them."""
        if self.ways() <= draws:
            return self._every(), True
        rng = np.random.default_rng(seed)
        groups = [np.flatnonzero(self.stratum == s) for s in np.unique(self.stratum)]

        def drawn() -> Iterator[FloatArray]:
            for _ in range(draws):
                given = self.cohort.copy()
                for own in groups:
                    given[own] = rng.permutation(self.cohort[own])
                yield given

        return drawn(), False

    def _every(self) -> Iterator[FloatArray]:
        done = [np.empty(0)]
        order: list[IntArray] = []
        for s in np.unique(self.stratum):
            own = np.flatnonzero(self.stratum == s)
            order.append(own)
            ways = list(_arrangements(self.cohort[own]))
            done = [np.concatenate([one, way]) for one in done for way in ways]
        place = np.argsort(np.concatenate(order), kind="stable")
        return (one[place] for one in done)


def _arrangements(values: FloatArray) -> Iterator[FloatArray]:
    """Every different order of values of which some are equal."""
    known, counts = np.unique(values, return_counts=True)

    def rest(left: list[int]) -> Iterator[list[float]]:
        if not any(left):
            yield []
            return
        for k, n in enumerate(left):
            if n:
                yield from (
                    [float(known[k]), *more] for more in rest([*left[:k], n - 1, *left[k + 1 :]])
                )

    return (np.array(one) for one in rest(counts.tolist()))


def _lots(panel: Panel, cluster: str | None, strata: str | None) -> _Lots:
    cohort = panel.unit_cohort()
    groups = (
        pd.Series(cohort.index, index=cohort.index) if cluster is None else panel.by_unit(cluster)
    )
    strata_of = pd.Series(0, index=cohort.index) if strata is None else panel.by_unit(strata)
    if groups.isna().any() or strata_of.isna().any():
        raise EstimationError("A firm has no cluster or stratum; give each firm one.")
    codes, labels = pd.factorize(groups, sort=True)
    years = cohort.fillna(np.inf).to_numpy(dtype=np.float64)
    levels = pd.factorize(strata_of, sort=True)[0]
    own, stratum = np.zeros(len(labels)), np.zeros(len(labels), dtype=np.int64)
    own[codes], stratum[codes] = years, levels
    if (own[codes] != years).any():
        raise EstimationError(
            f"Firms of one '{cluster}' joined in different years, so it did not join as one; name the level at which joining was decided."
        )
    if (stratum[codes] != levels).any():
        raise EstimationError(f"A '{cluster}' lies in more than one '{strata}'.")
    lots = _Lots(own, stratum, codes[cohort.index.get_indexer(panel.data[panel.unit])])
    if lots.ways() < 2:
        raise EstimationError(
            "There is only one way to join within the strata, so nothing can be permuted."
        )
    return lots
