"""Regressions of a sample: least squares, two-stage least squares, Poisson and logit, each with what its variance needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from impact.core.errors import EstimationError
from impact.core.whole_numbers import by_number, counted
from impact.engines.fixed_effects import DENSE_LEVELS, Effects, effects_of
from impact.engines.fixed_effects_glm import Family, fit_glm
from impact.engines.fixed_effects_iterative import projection
from impact.engines.normal_equations import (
    CollinearTerms,
    gram,
    inverse,
    refuse_collinear,
    regression,
    spreads,
    weighted,
)
from impact.estimate.regress_rows import Sample, without_level

FloatArray = npt.NDArray[np.float64]

_SMALL = 20  # rows of a level, below which a logit's effects bias its coefficients
_NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Coefficients and the parts of every variance.

    Attributes
    ----------
    names : list of str
        Terms, in the order of the coefficients.
    coefficients : array, shape (k,)
    design : array, shape (k, n)
        Regressors less their effects; for two-stage least squares, what the first stage says of them.
    slopes : array, shape (n,)
        Residual times weight: `design * slopes` are the scores, which add up to 0.
    bread : array, shape (k, k)
        Inverse of `design W design'`.
    curvature : array or None
        Weights `W` of the rows.
    error : float or None
        Weighted sum of squared residuals; None where the family knows its variance.
    effects : Effects or None
    sample : Sample
        What was estimated on.
    unknown : tuple of str
        Terms that separated rows alone could tell.
    notes : tuple of str
    """

    names: list[str]
    coefficients: FloatArray
    design: FloatArray
    slopes: FloatArray
    bread: FloatArray
    curvature: FloatArray | None
    error: float | None
    effects: Effects | None
    sample: Sample
    unknown: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    def leverage(self) -> FloatArray:
        """Share of each row's own outcome in its prediction."""
        own = np.einsum("jn,jn->n", self.design, self.bread @ self.design)
        if self.curvature is not None:
            own *= self.curvature
        if self.effects is not None:
            own += projection(self.effects, self.curvature).leverage()
        return np.asarray(own)


def effects_in(sample: Sample) -> Effects | None:
    """The fixed effects of a sample."""
    return effects_of([f.codes for f in sample.effects.values()]) if sample.effects else None


def fit_least_squares(sample: Sample, dense: int = DENSE_LEVELS) -> Fit:
    """Least squares with fixed effects (within estimator).

    Raises
    ------
    EstimationError
        If terms are collinear.
    """
    effects, names = effects_in(sample), list(sample.terms)
    refuse_degenerate(sample.terms, len(sample), has_effects=effects is not None)
    columns = np.empty((len(names) + 1, len(sample)))
    for row, values in zip(columns, [*sample.terms.values(), sample.outcome], strict=True):
        row[:] = values
    spread = spreads(columns[:-1], sample.weights)
    if effects is not None:
        projection(effects, sample.weights, dense=dense).residuals(columns)
    design, outcome = columns[:-1], columns[-1]
    squares = gram(design, sample.weights)
    with naming(names):
        refuse_collinear(squares, spread)
        b, residual = regression(design, outcome, sample.weights, squares)
    slopes = weighted(residual, sample.weights)
    return Fit(
        names,
        b,
        design,
        slopes,
        inverse(squares),
        sample.weights,
        float(residual @ slopes),
        effects,
        sample,
    )


@contextmanager
def naming(names: list[str]) -> Iterator[None]:
    """Say which terms are collinear by their names."""
    try:
        yield
    except CollinearTerms as error:
        said = ", ".join(repr(names[j]) for j in error.columns[:5])
        raise EstimationError(
            f"{said}: the terms are collinear once the fixed effects are taken out; drop a term that does not vary within them."
        ) from error


def refuse_degenerate(terms: dict[str, FloatArray], n: int, *, has_effects: bool) -> None:
    """Refuse more terms than rows, and terms that never vary.

    Raises
    ------
    EstimationError
        With the first such term.
    """
    if n <= len(terms):
        raise EstimationError(f"{counted(n, 'row')} cannot carry {counted(len(terms), 'term')}.")
    for name, column in terms.items():
        if column[0] == column[-1] and (column == column[0]).all():
            if column[0] == 0:
                raise EstimationError(
                    f"The term {name!r} is 0 in every row that is used; leave it out."
                )
            if has_effects:
                raise EstimationError(
                    f"The term {name!r} does not vary, so it is collinear with the fixed effects; leave it out."
                )


def fit_likelihood(
    sample: Sample, family: Family, singletons: str, dense: int = DENSE_LEVELS
) -> Fit:
    """Poisson or logit; rows that are predicted without error are left out, counted and named.

    Raises
    ------
    EstimationError
        If terms are collinear, or no maximum is found.
    """
    refuse_degenerate(sample.terms, len(sample), has_effects=bool(sample.effects))
    unknown: list[str] = []
    separated = False
    while True:
        sample = without_level(sample, family, singletons)
        effects = effects_in(sample)
        names = [name for name in sample.terms if name not in unknown]
        if not names:
            raise EstimationError(
                "No term is left to estimate: each is told only by rows whose outcome it predicts without error. "
                + " ".join(sample.notes)
            )
        design = [sample.terms[name] for name in names]
        try:
            fit = fit_glm(family, sample.outcome, design, effects, sample.weights, dense=dense)
        except CollinearTerms as error:
            if not separated:
                with naming(names):
                    raise
            unknown += [names[j] for j in error.columns]
            continue
        if not fit.separated.any():
            break
        separated = True
        sample = sample.kept(~fit.separated, _separated_words(sample, fit.separated, family))
    squares = gram(fit.design, fit.weights)
    notes = _unknown_words(unknown) + (_bias_words(sample) if family == "logit" else ())
    return Fit(
        names, fit.coefficients, fit.design, fit.slopes, inverse(squares), fit.weights, None, effects, sample,
        tuple(unknown), notes,
    )  # fmt: skip


def _separated_words(sample: Sample, rows: npt.NDArray[np.bool_], family: str) -> str:
    count = int(rows.sum())
    some = ""
    if sample.effects:
        name, factor = next(iter(sample.effects.items()))
        levels = np.unique(factor.codes[rows])
        more = ", ..." if len(levels) > _NAMED else ""
        some = f" (in {counted(len(levels), 'level')} of {name}: {', '.join(factor.label(int(i)) for i in levels[:_NAMED])}{more})"
    what = "is 0" if family == "poisson" else "is known"
    return (
        f"{counted(count, 'separated row')} {by_number(count, 'is', 'are')} left out{some}: a combination of terms and effects says that "
        f"the outcome {what} there, without error, so that no finite coefficient would fit them best (Correia, Guimaraes and Zylkin 2019)."
    )


def _unknown_words(unknown: list[str]) -> tuple[str, ...]:
    if not unknown:
        return ()
    have = by_number(len(unknown), "has", "have")
    return (f"{', '.join(unknown)} {have} no estimate: only the separated rows could tell.",)


def _bias_words(sample: Sample) -> tuple[str, ...]:
    """The incidental parameters problem, where levels are small."""
    for name, factor in sample.effects.items():
        rows = len(sample) / factor.size
        if rows < _SMALL:
            return (
                f"With {rows:.1f} rows to a level of {name}, the effects of a logit are estimated from too little, and its coefficients are "
                "too large (incidental parameters, Neyman and Scott 1948; with two periods, twice as large). Prefer a linear probability "
                "model (family 'gaussian') or a conditional logit.",
            )
    return ()
