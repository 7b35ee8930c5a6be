"""Two-stage least squares with fixed effects, and how strong its first stage is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.whole_numbers import counted
from impact.engines.fixed_effects import DENSE_LEVELS
from impact.engines.normal_equations import (
    CollinearTerms,
    Spanned,
    gram,
    independent,
    inverse,
    refuse_collinear,
    solved,
    weighted,
)
from impact.estimate.regress_collinear import Columns, collinear_words, columns_of, effects_in
from impact.estimate.regress_fit import Fit, located, refuse_few_rows
from impact.estimate.regress_rows import Sample
from impact.estimate.regress_variance import variance_of

_WEAK = 10.0  # Staiger and Stock (1997); for a 5 % test of one effect, 104.7 (Lee, McCrary, Moreira and Porter 2022)


@dataclass(frozen=True, slots=True, eq=False)
class TwoStages:
    """The second stage as a fit, and a fit of each first stage."""

    second: Fit
    first: tuple[Fit, ...]


def fit_two_stages(sample: Sample, dense: int = DENSE_LEVELS) -> TwoStages:
    """Two-stage least squares: outcome on terms and endogenous regressors, these told by terms and instruments.

    Terms that are collinear with terms before them, instruments with terms, and endogenous regressors with either kind before them are left out,
    and named.

    Raises
    ------
    EstimationError
        If there are fewer instruments than endogenous regressors, or no endogenous regressor is left.
    """
    instruments = {n: c for n, c in sample.instruments.items() if n not in sample.terms}
    _refuse_few_instruments(len(sample.endogenous), len(instruments), "")
    sample = replace(sample, instruments=instruments)
    parts = [c for part in _parts(sample) for c in part.values()]
    found = columns_of(sample, [*parts, sample.outcome], len(parts) + 1, dense)
    sample, at = _told_apart(sample, found)
    exogenous, endogenous = list(sample.terms), list(sample.endogenous)
    refuse_few_rows(sample, len(exogenous) + len(sample.instruments))
    inner, many = len(exogenous), len(exogenous) + len(sample.instruments)
    values, means, w = found.values[at], found.means[at], sample.weights
    outside, inside, y = values[:many], values[many:], found.values[-1]
    squares = gram(outside, w)
    told = np.stack([solved(squares, outside @ weighted(d, w)) for d in inside])
    first = _first_stages(sample, [*exogenous, *sample.instruments], outside, inside, told, squares)
    design = np.concatenate([told @ outside, values[:inner]])
    own = gram(design, w)
    spread = np.concatenate([found.spread[at][many:], found.spread[at][:inner]])
    try:
        refuse_collinear(own, spread)
        b = solved(own, design @ weighted(y, w))
    except CollinearTerms as error:
        raise EstimationError(
            f"The instruments ({', '.join(sample.instruments)}) tell nothing of {', '.join(endogenous)} that the terms and the other endogenous "
            "regressors do not tell; give instruments that move each of them."
        ) from error
    residual = y - b @ np.concatenate([inside, values[:inner]])
    slopes = weighted(residual, w)
    second = Fit(
        [*endogenous, *exogenous], b, design, slopes, inverse(own), w, float(residual @ slopes), found.effects, sample,
    )  # fmt: skip
    shift = np.concatenate([means[many:], means[:inner]])
    return TwoStages(located(second, shift, float(found.means[-1])), first)


def _parts(sample: Sample) -> tuple[dict[str, FloatArray], ...]:
    return sample.terms, sample.instruments, sample.endogenous


def _told_apart(sample: Sample, found: Columns) -> tuple[Sample, list[int]]:
    """A sample without collinear columns, and the places of those that are kept: terms, instruments, endogenous regressors."""
    names = [name for part in _parts(sample) for name in part]
    inner = len(sample.terms)
    many = inner + len(sample.instruments)
    kept, spanned = _independent(found, list(range(many)), sample)
    left, lost = _independent(found, [*range(inner), *range(many, len(names))], sample)
    notes: tuple[str, ...] = ()
    for what, group in (
        ("The term ", [s for s in spanned if s.column < inner]),
        ("The instrument ", [s for s in spanned if s.column >= inner]),
        ("The endogenous regressor ", [s for s in lost if s.column >= inner]),
    ):
        notes += collinear_words(sample, group, names, what)
    at = [*kept, *(j for j in left if j >= many)]
    before = np.cumsum([0, *(len(part) for part in _parts(sample))])
    terms, instruments, endogenous = (
        {name: part[name] for j, name in enumerate(part, start) if j in at}
        for start, part in zip(before, _parts(sample), strict=False)
    )
    said = "".join(f" {note}" for note in notes)
    if not endogenous:
        raise EstimationError(
            f"No endogenous regressor is left.{said} Give one that varies beyond the terms and effects, or leave the instruments out."
        )
    _refuse_few_instruments(len(endogenous), len(instruments), said)
    return replace(
        sample, terms=terms, endogenous=endogenous, instruments=instruments, notes=(*sample.notes, *notes)
    ), at  # fmt: skip


def _independent(found: Columns, at: list[int], sample: Sample) -> tuple[list[int], list[Spanned]]:
    """Independent columns among some, by their places among all."""
    kept, spanned = independent(gram(found.values[at], sample.weights), found.spread[at])
    return [at[j] for j in kept], [
        Spanned(at[one.column], tuple(at[j] for j in one.others)) for one in spanned
    ]


def _refuse_few_instruments(endogenous: int, instruments: int, why: str) -> None:
    if instruments < endogenous:
        raise EstimationError(
            f"{counted(endogenous, 'endogenous regressor')} cannot be told by {counted(instruments, 'instrument')}; give one for "
            f"each at least, which is not among the terms.{why}"
        )


def _first_stages(
    sample: Sample,
    names: list[str],
    outside: FloatArray,
    inside: FloatArray,
    told: FloatArray,
    squares: FloatArray,
) -> tuple[Fit, ...]:
    bread, effects = inverse(squares), effects_in(sample)
    found = []
    for b, d in zip(told, inside, strict=True):
        residual = d - b @ outside
        slopes = weighted(residual, sample.weights)
        error = float(residual @ slopes)
        found.append(Fit(names, b, outside, slopes, bread, sample.weights, error, effects, sample))
    return tuple(found)


def first_stage_notes(stages: TwoStages, kind: str, small_sample: str) -> tuple[str, ...]:
    """The F statistic of the excluded instruments in each first stage, with the same variance as the effect.

    With one endogenous regressor and a robust or clustered variance it is the rank statistic of Kleibergen and Paap (2006) as an F.
    """
    sample, said = stages.second.sample, []
    excluded = [name for name in sample.instruments if name not in sample.terms]
    robust = bool(sample.clusters) or kind != "iid"
    for name, fit in zip(sample.endogenous, stages.first, strict=True):
        value = first_stage_f(fit, excluded, kind, small_sample)
        what = "F (Kleibergen-Paap)" if robust and len(stages.first) == 1 else "F"
        weak = (
            "; that is weak, and neither the estimate nor its interval can be trusted"
            if value < _WEAK
            else ""
        )
        said.append(
            f"First stage of {name}: {what} of {counted(len(excluded), 'excluded instrument')} {value:,.2f}{weak}."
        )
    if len(stages.first) > 1:
        said.append(
            "With several endogenous regressors, each F can be large although the instruments cannot tell them apart."
        )
    return tuple(said)


def first_stage_f(fit: Fit, excluded: list[str], kind: str, small_sample: str) -> float:
    """Wald statistic of the excluded instruments, divided by their number."""
    at = [fit.names.index(name) for name in excluded]
    vcov = variance_of(replace(fit), kind, small_sample).vcov[np.ix_(at, at)]
    b = fit.coefficients[at]
    return float(b @ np.linalg.solve(vcov, b)) / len(at)
