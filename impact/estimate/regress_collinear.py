"""Collinear terms: which columns of a sample add nothing, and the words that name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from impact.core.errors import EstimationError
from impact.core.whole_numbers import by_number
from impact.engines.fixed_effects import DENSE_LEVELS, Effects, effects_of
from impact.engines.fixed_effects_iterative import projection
from impact.engines.normal_equations import Spanned, gram, independent, spreads, weighted
from impact.estimate.regress_rows import Sample

FloatArray = npt.NDArray[np.float64]

CONSTANT = "Intercept"
_NAMED = 5  # terms


def effects_in(sample: Sample) -> Effects | None:
    """The fixed effects of a sample."""
    return effects_of([f.codes for f in sample.effects.values()]) if sample.effects else None


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Columns of a sample less their effects; less their means where a constant takes the place of effects.

    So neither a decision nor a sum depends on where the zero of a column lies.

    Attributes
    ----------
    values : array, shape (q, n)
    spread : array, shape (q,)
        What they varied by before; see `spreads`.
    means : array, shape (q,)
        What was taken off; zeros with effects, or without a constant.
    effects : Effects or None
    """

    values: FloatArray
    spread: FloatArray
    means: FloatArray
    effects: Effects | None


def columns_of(
    sample: Sample, columns: Iterable[FloatArray], count: int, dense: int = DENSE_LEVELS
) -> Columns:
    """Take effects, or means, out of columns of a sample."""
    effects = effects_in(sample)
    values = np.empty((count, len(sample)))
    for row, column in zip(values, columns, strict=True):
        row[:] = column
    spread = spreads(values, sample.weights)
    means = np.zeros(count)
    if effects is not None:
        projection(effects, sample.weights, dense=dense).residuals(values)
    elif CONSTANT in sample.terms:
        means = centred(values, sample)
    return Columns(values, spread, means, effects)


def centred(values: FloatArray, sample: Sample) -> FloatArray:
    """Take the mean off each column but the constant, in place; gives what was taken off."""
    total = len(sample) if sample.weights is None else float(sample.weights.sum())
    means = np.zeros(len(values))
    for j, row in enumerate(values):
        if row[0] == row[-1] == 1.0 and (row == 1.0).all():
            continue  # the constant itself; a column like it is spanned by it
        for _ in range(2):  # the second takes the rounding of the first away
            mean = float(weighted(row, sample.weights).sum()) / total
            row -= mean
            means[j] += mean
    return means


def without_collinear(sample: Sample, dense: int = DENSE_LEVELS) -> tuple[Sample, dict[str, str]]:
    """A sample without its collinear terms, and why each was left out.

    Raises
    ------
    EstimationError
        If no term is left.
    """
    found = columns_of(sample, sample.terms.values(), len(sample.terms), dense)
    _, spanned = independent(gram(found.values, sample.weights), found.spread)
    if not spanned:
        return sample, {}
    names = list(sample.terms)
    reasons = {names[one.column]: why_spanned(sample, one, names) for one in spanned}
    return without_terms(sample, spanned, names), reasons


def without_terms(sample: Sample, spanned: Sequence[Spanned], names: list[str]) -> Sample:
    """Leave collinear terms out, with a note that names each and says with what it is collinear.

    Raises
    ------
    EstimationError
        If no term is left beside the constant.
    """
    said = collinear_words(sample, spanned, names)
    gone = {names[one.column] for one in spanned}
    terms = {name: column for name, column in sample.terms.items() if name not in gone}
    if not set(terms) - {CONSTANT} and not sample.endogenous:
        need = (
            f"a term that varies within {_effect_words(sample)}, or leave out the effect that takes it up"
            if sample.effects
            else "a term that varies"
        )
        raise EstimationError(f"No term is left to estimate. {' '.join(said)} Give {need}.")
    return replace(sample, terms=terms, notes=(*sample.notes, *said))


def collinear_words(
    sample: Sample, spanned: Sequence[Spanned], names: list[str], what: str = ""
) -> tuple[str, ...]:
    """A note for each collinear column; for very many, one for those that are alike."""
    alike: dict[str, list[str]] = {}
    for one in spanned:
        alike.setdefault(why_spanned(sample, one, names), []).append(names[one.column])
    found = []
    for why, some in alike.items():
        more = f" and {len(some) - _NAMED} more" if len(some) > _NAMED else ""
        one_or_more = by_number(len(some), "is left out: it", "are left out: each")
        found.append(f"{what}{', '.join(some[:_NAMED])}{more} {one_or_more} {why}.")
    return tuple(found)


def why_spanned(sample: Sample, one: Spanned, names: list[str]) -> str:
    """With what a column is collinear, in words that follow 'it'."""
    others = [names[j] for j in one.others if names[j] != CONSTANT]
    if others:
        more = ", ..." if len(others) > _NAMED else ""
        beside = " and the fixed effects" if sample.effects else ""
        return f"is collinear with terms before it ({', '.join(others[:_NAMED])}{more}){beside}"
    column = _column(sample, names[one.column])
    if not column.any():
        return "is 0 in every row that is used"
    if sample.effects:
        return (
            f"is collinear with the fixed effects, it does not vary within {_effect_words(sample)}"
        )
    return "does not vary, so that it is collinear with the constant"


def _column(sample: Sample, name: str) -> FloatArray:
    for part in (sample.terms, sample.instruments, sample.endogenous):
        if name in part:
            return part[name]
    raise KeyError(name)


def _effect_words(sample: Sample) -> str:
    names = list(sample.effects)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
