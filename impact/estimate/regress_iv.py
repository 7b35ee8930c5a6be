"""Two-stage least squares with fixed effects, and how strong its first stage is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.core.whole_numbers import counted
from impact.engines.fixed_effects import DENSE_LEVELS
from impact.engines.fixed_effects_iterative import projection
from impact.engines.normal_equations import (
    gram,
    inverse,
    refuse_collinear,
    solved,
    spreads,
    weighted,
)
from impact.estimate.regress_fit import Fit, effects_in, naming, refuse_degenerate
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

    Raises
    ------
    EstimationError
        If there are fewer instruments than endogenous regressors, or columns are collinear.
    """
    exogenous, endogenous = list(sample.terms), list(sample.endogenous)
    instruments = [name for name in sample.instruments if name not in sample.terms]
    if len(instruments) < len(endogenous):
        raise EstimationError(
            f"{counted(len(endogenous), 'endogenous regressor')} cannot be told by {counted(len(instruments), 'instrument')}; give one for "
            "each at least, which is not among the terms."
        )
    effects = effects_in(sample)
    excluded = {name: sample.instruments[name] for name in instruments}
    parts = {**sample.terms, **excluded, **sample.endogenous}
    refuse_degenerate(parts, len(sample), has_effects=effects is not None)
    columns = np.stack(
        [*sample.terms.values(), *excluded.values(), *sample.endogenous.values(), sample.outcome]
    )
    spread = spreads(columns[:-1], sample.weights)
    if effects is not None:
        projection(effects, sample.weights, dense=dense).residuals(columns)
    inner, many = len(exogenous), len(exogenous) + len(instruments)
    outside, inside, y = columns[:many], columns[many:-1], columns[-1]
    w = sample.weights
    squares = gram(outside, w)
    with naming([*exogenous, *instruments]):
        refuse_collinear(squares, spread[:many])
        told = np.stack([solved(squares, outside @ weighted(d, w)) for d in inside])
    first = _first_stages(sample, [*exogenous, *instruments], outside, inside, told, squares)
    design = np.concatenate([told @ outside, columns[:inner]])
    own = gram(design, w)
    names = [*endogenous, *exogenous]
    with naming(names):
        refuse_collinear(own, np.concatenate([spread[many:], spread[:inner]]))
        b = solved(own, design @ weighted(y, w))
    residual = y - b @ np.concatenate([inside, columns[:inner]])
    slopes = weighted(residual, w)
    second = Fit(
        names, b, design, slopes, inverse(own), w, float(residual @ slopes), effects, sample
    )
    return TwoStages(second, first)


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
