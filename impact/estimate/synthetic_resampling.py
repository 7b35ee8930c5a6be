"""Placebo and bootstrap of synthetic difference in differences: every draw weighs and estimates anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray, infer, uniform_critical_value
from impact.core.tidy import estimate_table
from impact.core.whole_numbers import counted
from impact.estimate.aggregate import AVERAGES
from impact.estimate.did_scores import BoolArray
from impact.estimate.effect import EffectResult
from impact.estimate.firm_periods import panel_of
from impact.estimate.group_time import cluster_notes
from impact.estimate.request import AttRequest
from impact.estimate.staggered import key_table
from impact.estimate.synthetic_blocks import FEWEST_OTHERS, SyntheticOptions
from impact.estimate.synthetic_fitted import SyntheticData, counts_of, estimates
from impact.estimate.two_way import IntArray

_SHOWN_TERMS = 6
_TRIES = 20  # for each draw of the bootstrap that is wanted
Draw = tuple[FloatArray, dict[int, int]]
"""Estimates of the rows, and how many firms each cohort has in the draw."""


def resampled(
    request: AttRequest, options: SyntheticOptions, fitted: SyntheticData, notes: tuple[str, ...]
) -> EffectResult:
    """The effects, or averages of them, with the covariance of draws.

    Raises
    ------
    EstimationError
        If the placebo has too few comparison firms, clusters, or firms that join later among these; if the bootstrap draws nothing that can be estimated.
    """
    found = np.full(len(fitted.plan), np.nan)
    for block, fit in zip(fitted.blocks, fitted.fits, strict=True):
        found[fitted.positions(block)] = estimates(block, fit, fitted.data.outcome)[0]
    averages = _Averages.of(fitted, options, found)
    placebo = options.inference == "placebo"
    make = _placebos if placebo else _bootstraps
    draws = list(make(request, options, fitted))
    # A placebo has the dates of the cohorts and their sizes; a sample drawn anew has sizes of its own.
    values = np.array([averages.means(x, sizes) for x, sizes in draws])
    vcov = np.atleast_2d(np.cov(values, rowvar=False, bias=True))
    said = [*notes, *fitted.reasons.notes()]
    if not placebo:
        alone = averages.touched(_of_one_cluster(fitted))
        if alone.any():
            vcov[alone, :] = vcov[:, alone] = np.nan
            terms = averages.keys.loc[alone, "term"].head(_SHOWN_TERMS)
            said.append(
                f"No standard error where a cohort is one firm or one cluster, which every sample drawn anew repeats: {', '.join(terms)}."
            )
        said += cluster_notes(fitted.data)
    own = {b.cohort: len(b.treated) for b in fitted.blocks}
    estimate = averages.means(found, own)
    return _result(request, options, averages, estimate, vcov, len(draws), tuple(said))


@dataclass(frozen=True, slots=True, eq=False)
class _Averages:
    """The rows that were asked for, as means over cells: key columns, counts, and for each row its cells and whether sizes weight them."""

    keys: pd.DataFrame
    counts: pd.DataFrame
    rows: list[tuple[IntArray, bool]]
    cohort: IntArray

    @classmethod
    def of(cls, fitted: SyntheticData, options: SyntheticOptions, found: FloatArray) -> _Averages:
        """Cells as they are, or averages of those that have an estimate.

        Raises
        ------
        EstimationError
            If nothing can be averaged.
        """
        keys, counts = key_table(fitted.plan), counts_of(fitted)
        cohort = keys["cohort"].to_numpy(dtype=np.int64)
        if options.average is None:
            return cls(keys, counts, [(np.array([i]), False) for i in range(len(keys))], cohort)
        known = np.flatnonzero(np.isfinite(found))
        cells = counts.assign(cohort=cohort).iloc[known]
        rows = AVERAGES[options.average](keys.iloc[known].reset_index(drop=True))
        if not rows:
            raise EstimationError(
                "No cell from joining on has an estimate; there is nothing to average."
            )
        parts = [cells.iloc[r.cells] for r in rows]
        number = {
            "n_treated": [int(c.groupby("cohort")["n_treated"].max().sum()) for c in parts],
            "n_control": [int(c["n_control"].max()) for c in parts],
        }
        names = pd.DataFrame([{"term": r.term, **r.keys} for r in rows])
        return cls(names, pd.DataFrame(number), [(known[r.cells], r.by_size) for r in rows], cohort)

    def means(self, values: FloatArray, sizes: dict[int, int]) -> FloatArray:
        """One mean a row, of cohorts of these sizes."""
        size = np.array([sizes.get(int(g), 0) for g in self.cohort], dtype=np.float64)
        return np.array(
            [np.average(values[c], weights=size[c] if by else None) for c, by in self.rows]
        )

    def touched(self, cohorts: set[int]) -> BoolArray:
        """Rows in which one of these cohorts takes part."""
        return np.array([bool(cohorts & set(self.cohort[c].tolist())) for c, _ in self.rows])


def _of_one_cluster(fitted: SyntheticData) -> set[int]:
    clusters = fitted.data.cluster
    return {b.cohort for b in fitted.blocks if len(pd.unique(clusters[b.treated])) == 1}


def _placebos(
    request: AttRequest, options: SyntheticOptions, fitted: SyntheticData
) -> Iterator[Draw]:
    """Comparison firms take the place of the cohorts, the rest of them is the comparison (algorithm 4)."""
    if request.cluster not in (None, panel_of(request.data).unit):
        raise EstimationError(
            "The placebo exchanges single firms, not clusters; leave `cluster` out, or take inference='jackknife' or 'bootstrap'."
        )
    if options.control != "never":
        raise EstimationError(
            "The placebo needs comparison firms that never join; take control='never', or inference='jackknife' or 'bootstrap'."
        )
    blocks = list(zip(fitted.blocks, fitted.fits, strict=True))
    pool = fitted.blocks[0].others
    sizes = {b.cohort: len(b.treated) for b in fitted.blocks}
    wanted = sum(sizes.values())
    if len(pool) - wanted < FEWEST_OTHERS:
        raise EstimationError(
            f"The placebo needs more comparison firms than participants, by two at least: there are {len(pool):,} and {wanted:,}. Take "
            "inference='jackknife' or 'bootstrap'."
        )
    if wanted == 1:
        order = [np.roll(np.arange(len(pool)), -i) for i in range(len(pool))]
    else:
        rng = np.random.default_rng(request.seed)
        order = [rng.permutation(len(pool)) for _ in range(options.draws)]
    for places in order:
        others = pool[np.sort(places[wanted:])]
        values, start = np.full(len(fitted.plan), np.nan), 0
        for block, fit in blocks:
            stop = start + len(block.treated)
            own = pool[np.sort(places[start:stop])]
            values[fitted.positions(block)] = block.again(fitted.data.outcome, fit, own, others)
            start = stop
        yield values, sizes


def _bootstraps(
    request: AttRequest, options: SyntheticOptions, fitted: SyntheticData
) -> Iterator[Draw]:
    """Samples of clusters with replacement; those that miss a cohort or its comparison are drawn again (algorithm 2)."""
    data, blocks = fitted.data, list(zip(fitted.blocks, fitted.fits, strict=True))
    codes, names = pd.factorize(data.cluster, sort=True)
    rng, made = np.random.default_rng(request.seed), 0
    for _ in range(_TRIES * options.draws):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[codes]
        arms = [(_repeated(b.treated, times), _repeated(b.others, times)) for b, _ in blocks]
        if any(not len(own) or len(others) < FEWEST_OTHERS for own, others in arms):
            continue
        values = np.full(len(fitted.plan), np.nan)
        for (block, fit), (own, others) in zip(blocks, arms, strict=True):
            values[fitted.positions(block)] = block.again(data.outcome, fit, own, others)
        yield values, {b.cohort: len(own) for (b, _), (own, _) in zip(blocks, arms, strict=True)}
        made += 1
        if made == options.draws:
            return
    raise EstimationError(
        f"The bootstrap could not draw {options.draws:,} samples with every cohort in them; cohorts are too small for it. Take inference='jackknife', or "
        "'placebo' for a cohort of one firm."
    )


def _repeated(firms: IntArray, times: IntArray) -> IntArray:
    return np.repeat(firms, times[firms])


def _result(
    request: AttRequest,
    options: SyntheticOptions,
    averages: _Averages,
    estimate: FloatArray,
    vcov: FloatArray,
    draws: int,
    notes: tuple[str, ...],
) -> EffectResult:
    columns = infer(estimate, np.sqrt(np.diag(vcov)), conf_level=request.conf_level)
    table = pd.concat([averages.keys, columns], axis=1)
    critical = uniform_critical_value(vcov, conf_level=request.conf_level, seed=request.seed)
    table["band_low"] = table["estimate"] - critical * table["std_error"]
    table["band_high"] = table["estimate"] + critical * table["std_error"]
    table = pd.concat([table, averages.counts], axis=1)
    panel = panel_of(request.data)
    by = "firm" if request.cluster is None else panel.label(request.cluster)
    words = {
        "placebo": f"standard errors from {counted(draws, 'placebo')} among the comparison firms",
        "bootstrap": f"standard errors from a bootstrap of {counted(draws, 'sample')}, by {by}",
    }
    if options.average is None:
        notes = (
            *notes,
            "Averages of these rows have no influence functions to come from: ask for them with average='overall', 'event', 'cohort' or 'calendar'.",
        )
    return EffectResult(
        estimates=estimate_table(table, [c for c in averages.keys.columns if c != "term"]),
        vcov=vcov,
        influence=None,
        firms=None,
        method="synthetic",
        estimand="ATT",
        outcome=request.outcome,
        family=request.family,
        label=panel.label(request.outcome),
        conf_level=request.conf_level,
        df=None,
        small_sample="none",
        variance=words[options.inference],
        aggregation=options.average,
        notes=notes,
        source=request.data,
        seed=request.seed,
        anticipation=options.anticipation,
    )
