"""Regressions of asinh(y) or log(1 + y): refused, with their own coefficients in four units and what to estimate instead."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError, ImpactError
from impact.core.panel import Panel
from impact.core.whole_numbers import by_number
from impact.engines.formula import ParsedFormula, parse
from impact.estimate.effect import EffectResult
from impact.outcomes.functional_form import FormResult, functional_form
from impact.outcomes.zero_transforms import (
    TRANSFORMS,
    UNITS,
    AskedTransform,
    number_words,
    transformed,
    unit_words,
    why_not,
)

_TERMS = 5
_OUTCOME = "outcome_in_another_unit"


def untransformed(parsed: ParsedFormula, asked: AskedTransform) -> ParsedFormula:
    """The formula with the column in the place of its transform, so that its other columns can be checked as ever.

    Examples
    --------
    >>> from impact.engines.formula import parse
    >>> untransformed(parse("asinh(y) ~ grant | firm"), AskedTransform("asinh", "y")).columns
    ('grant', 'y', 'firm')
    """
    effects = f" | {' + '.join(parsed.effects)}" if parsed.effects else ""
    return parse(f"`{asked.column}` ~ {parsed.terms}{effects}")


def zero_logarithm_refused(
    asked: AskedTransform,
    rows: pd.DataFrame,
    data: pd.DataFrame | Panel,
    fitted: Callable[[pd.DataFrame, str], EffectResult] | None = None,
) -> EstimationError:
    """The refusal of an effect on asinh(y) or log(1 + y).

    Parameters
    ----------
    asked : AskedTransform
        What was asked for.
    rows : DataFrame
        The rows that would be used.
    data : DataFrame or Panel
        What the caller gave; with the cohorts of a panel the alternative is computed.
    fitted : callable, optional
        Fits rows with the named outcome, as the caller would.

    Returns
    -------
    EstimationError
        It says what the estimates would be with the outcome counted in other units, and what to estimate instead.
    """
    zeros = float((pd.to_numeric(rows[asked.column], errors="coerce") == 0).mean())
    reason = why_not(asked.transform, asked.column)
    lines = [f"{reason[0].upper()}{reason[1:]}. It is refused."]
    form = _form(asked, data)
    if fitted is not None:
        lines += _table(asked, rows, fitted)
    elif form is not None:
        lines.append(f"Participants against others, it is {unit_words(form.by_unit())}.")
    if zeros == 0:
        lines.append(
            f"No '{asked.column}' is 0 in the rows that are used, so nothing asks for it: use log({asked.column})."
        )
        return EstimationError("\n".join(lines))
    return EstimationError("\n".join([*lines, _instead(asked, form)]))


def _form(asked: AskedTransform, data: pd.DataFrame | Panel) -> FormResult | None:
    """Participants against others, where the data say who they are."""
    if not isinstance(data, Panel) or data.cohort is None:
        return None
    try:
        return functional_form(data, asked.column, transform=asked.transform)
    except ImpactError:
        return None


def _table(
    asked: AskedTransform,
    rows: pd.DataFrame,
    fitted: Callable[[pd.DataFrame, str], EffectResult],
) -> list[str]:
    """The regression that was asked for, with the outcome counted in each unit."""
    found = {}
    try:
        values = pd.to_numeric(rows[asked.column]).to_numpy(dtype=np.float64)
        for unit, factor in UNITS.items():
            counted = rows.assign(**{_OUTCOME: transformed(values, asked.transform, factor)})
            table = fitted(counted, _OUTCOME).tidy().set_index("term")
            found[unit] = table["estimate"].drop("Intercept", errors="ignore")
    except (ImpactError, ValueError, TypeError):  # the reason stands without its numbers
        return []
    table = pd.DataFrame(found)
    width = max([len(str(t)) for t in table.index[:_TERMS]] + [4])
    written = TRANSFORMS[asked.transform].replace("x", asked.column)
    lines = [
        f"The same regression of {written}, on {len(rows):,} rows, with '{asked.column}' counted in"
    ]
    lines.append(" " * (width + 2) + "".join(f"{unit:>12}" for unit in UNITS))
    for term, estimates in table.iloc[:_TERMS].iterrows():
        lines.append(f"  {term!s:<{width}}" + "".join(f"{number_words(e):>12}" for e in estimates))
    if len(table) > _TERMS:
        more = len(table) - _TERMS
        lines.append(f"  and {more:,} more {by_number(more, 'term')}.")
    return lines


def _instead(asked: AskedTransform, form: FormResult | None) -> str:
    y = asked.column
    if form is not None:
        return (
            f"Instead, {form.recommended}. See impact.functional_form(panel, '{y}'); over all cohorts and years: "
            f"impact.att(panel, '{y}', method='group_time', family='poisson'), whose .aggregate().percent() is in %."
        )
    return (
        f"Instead, estimate the effect on the level of '{y}' as a Poisson regression does: in %, the same in every unit; and "
        f"the effect on '{y}' being above 0. impact.functional_form(data, '{y}', treatment='...') gives both for participants against others."
    )
