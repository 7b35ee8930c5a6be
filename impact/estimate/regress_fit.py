"""Regressions of a sample: least squares, two-stage least squares, Poisson and logit, each with what its variance needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from impact.core.errors import EstimationError
from impact.core.whole_numbers import by_number, counted
from impact.engines.fixed_effects import DENSE_LEVELS, Effects
from impact.engines.fixed_effects_glm import Family, NoMaximum, fit_glm
from impact.engines.fixed_effects_iterative import projection
from impact.engines.normal_equations import (
    CollinearTerms,
    gram,
    independent,
    inverse,
    regression,
    weighted,
)
from impact.estimate.regress_collinear import (
    CONSTANT,
    centred,
    columns_of,
    effects_in,
    without_terms,
)
from impact.estimate.regress_rows import Sample, without_level

FloatArray = npt.NDArray[np.float64]

_SMALL = 20  # rows of a level, below which a logit's effects bias its coefficients
_NAMED = 3  # levels
_NAMED_TERMS = 5
_MOST_TRIED = 12  # terms that may separate a logit
_TOGETHER = (
    "The terms are collinear all together, as far as numbers can tell; leave one out, or write them less alike (as deviations from a mean, "
    "in units of a like size)."
)


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
    turn : array, shape (k, k), or None
        Where `design` is less its means: what gives the coefficients of the columns themselves from those of `design`.
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
    turn: FloatArray | None = None

    def leverage(self) -> FloatArray:
        """Share of each row's own outcome in its prediction."""
        own = np.einsum("jn,jn->n", self.design, self.bread @ self.design)
        if self.curvature is not None:
            own *= self.curvature
        if self.effects is not None:
            own += projection(self.effects, self.curvature).leverage()
        return np.asarray(own)


def located(fit: Fit, means: FloatArray, outcome: float) -> Fit:
    """A fit of columns less their means, as one of the columns themselves: the constant takes the means."""
    if not means.any() and not outcome:
        return fit
    at = fit.names.index(CONSTANT)
    turn = np.eye(len(means))
    turn[at] -= means
    b = turn @ fit.coefficients
    b[at] += outcome
    return replace(fit, coefficients=b, turn=turn)


def fit_least_squares(sample: Sample, dense: int = DENSE_LEVELS) -> Fit:
    """Least squares with fixed effects (within estimator); collinear terms are left out, and named.

    Raises
    ------
    EstimationError
        If no term is left.
    """
    found = columns_of(
        sample, [*sample.terms.values(), sample.outcome], len(sample.terms) + 1, dense
    )
    names = list(sample.terms)
    design, outcome, means = found.values[:-1], found.values[-1], found.means[:-1]
    squares = gram(design, sample.weights)
    kept, spanned = independent(squares, found.spread[:-1])
    if spanned:
        sample = without_terms(sample, spanned, names)
        names = list(sample.terms)
        design, squares, means = design[kept], squares[np.ix_(kept, kept)], means[kept]
    refuse_few_rows(sample, len(names))
    b, residual = _solved(design, outcome, sample.weights, squares)
    slopes = weighted(residual, sample.weights)
    fit = Fit(
        names,
        b,
        design,
        slopes,
        inverse(squares),
        sample.weights,
        float(residual @ slopes),
        found.effects,
        sample,
    )
    return located(fit, means, float(found.means[-1]))


def _solved(
    design: FloatArray, outcome: FloatArray, weights: FloatArray | None, squares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    try:
        return regression(design, outcome, weights, squares)
    except CollinearTerms as error:  # not one by one, but all together to rounding
        raise EstimationError(_TOGETHER) from error


def refuse_few_rows(sample: Sample, terms: int) -> None:
    """Refuse as many terms as rows, or more.

    Raises
    ------
    EstimationError
        With both numbers.
    """
    if len(sample) <= terms:
        raise EstimationError(
            f"{counted(len(sample), 'row')} cannot carry {counted(terms, 'term')}."
        )


def fit_likelihood(
    sample: Sample, family: Family, singletons: str, dense: int = DENSE_LEVELS
) -> Fit:
    """Poisson or logit; collinear terms, and rows that are predicted without error, are left out, counted and named.

    Raises
    ------
    EstimationError
        If no term is left, or no maximum is found.
    """
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
        chosen = [sample.terms[name] for name in names]
        design: FloatArray | list[FloatArray] = chosen
        means = np.zeros(len(names))
        if effects is None and CONSTANT in names:
            design = np.stack(chosen)
            means = centred(design, sample)
        try:
            fit = fit_glm(family, sample.outcome, design, effects, sample.weights, dense=dense)
        except CollinearTerms as error:
            if separated:
                unknown += [names[j] for j in error.columns]
            elif error.spanned:
                sample = without_terms(sample, error.spanned, names)
            else:
                raise EstimationError(_TOGETHER) from error
            continue
        except NoMaximum as error:
            told = _telling(error.tells, names)
            if error.complete:
                told = _needed(told, names, family, sample, design, effects)
            raise EstimationError(_no_maximum(error, told)) from error
        if not fit.separated.any():
            break
        separated = True
        told = _telling(fit.tells, names)
        sample = sample.kept(~fit.separated, _separated_words(sample, fit.separated, family, told))
    refuse_few_rows(sample, len(names))
    squares = gram(fit.design, fit.weights)
    notes = _unknown_words(unknown) + (_bias_words(sample) if family == "logit" else ())
    done = Fit(
        names, fit.coefficients, fit.design, fit.slopes, inverse(squares), fit.weights, None, effects, sample,
        tuple(unknown), notes,
    )  # fmt: skip
    return located(done, means, 0.0)


def _telling(tells: FloatArray, names: list[str]) -> list[str]:
    """Terms that take part in what separates rows: no less than a twentieth of the largest, and of the separation itself."""
    large = tells >= 0.05 * max(float(tells.max(initial=0.0)), 1.0)
    return [n for n, part in zip(names, large, strict=True) if part and n != CONSTANT]


def _needed(
    told: list[str],
    names: list[str],
    family: Family,
    sample: Sample,
    design: FloatArray | list[FloatArray],
    effects: Effects | None,
) -> list[str]:
    """Of terms that separate every row together, those without which the others do not: each is left out in turn."""
    needed = told[:_MOST_TRIED]
    for name in list(needed):
        rest = [
            design[j] for j, n in enumerate(names) if n == CONSTANT or (n in needed and n != name)
        ]
        if len(needed) < 2 or not rest:
            break
        try:
            fit_glm(family, sample.outcome, rest, effects, sample.weights)
        except NoMaximum as error:
            if error.complete:
                needed.remove(name)
        except CollinearTerms:
            pass
    return needed


def _no_maximum(error: NoMaximum, told: list[str]) -> str:
    which = ", ".join(told[:_NAMED_TERMS]) + (", ..." if len(told) > _NAMED_TERMS else "")
    if not error.complete:
        return f"{error} In the last step it was {which} that moved." if which else str(error)
    who = f"The {by_number(len(told), 'term', 'terms')} {which}" if told else "The terms"
    tell = "tells" if len(told) == 1 else "together tell"
    return (
        f"{who} {tell} the outcome of every row without error, so that no finite coefficient fits best (complete separation). Leave "
        f"{which or 'such a term'} out, or use the family 'gaussian'."
    )


def _separated_words(
    sample: Sample, rows: npt.NDArray[np.bool_], family: str, told: list[str]
) -> str:
    count = int(rows.sum())
    some = ""
    if sample.effects:
        name, factor = next(iter(sample.effects.items()))
        levels = np.unique(factor.codes[rows])
        more = ", ..." if len(levels) > _NAMED else ""
        some = f" (in {counted(len(levels), 'level')} of {name}: {', '.join(factor.label(int(i)) for i in levels[:_NAMED])}{more})"
    what = "is 0" if family == "poisson" else "is known"
    terms = ", ".join(told[:_NAMED_TERMS]) + (", ..." if len(told) > _NAMED_TERMS else "")
    of = f"{terms} with other terms and effects" if terms else "a combination of terms and effects"
    return (
        f"{counted(count, 'separated row')} {by_number(count, 'is', 'are')} left out{some}: {of} says that "
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
