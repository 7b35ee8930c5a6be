"""The edge to formulaic: the part of a formula before the bar, to named columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError


@dataclass(frozen=True, slots=True)
class ParsedFormula:
    """`outcome ~ terms | effects`, taken apart.

    `columns` are the columns of the data that any part uses.
    """

    outcome: str
    terms: str
    effects: tuple[str, ...]
    columns: tuple[str, ...]


def parse(formula: str) -> ParsedFormula:
    """Take `y ~ x1 + x2 | firm + year` apart.

    Raises
    ------
    EstimationError
        If there is not exactly one `~`, or more than one bar.

    Examples
    --------
    >>> parse("y ~ x1 + log(x2) | firm + year").effects
    ('firm', 'year')
    """
    from formulaic import Formula
    from formulaic.errors import FormulaSyntaxError

    left, tilde, right = formula.partition("~")
    body, bar, tail = right.partition("|")
    if not tilde or "~" in right or "|" in tail or not left.strip() or not body.strip():
        raise EstimationError(
            f"The formula {formula!r} cannot be read. Write outcome ~ terms | fixed effects, "
            "for example 'log_sales ~ grant | firm_id + year'."
        )
    effects = tuple(part.strip() for part in tail.split("+") if part.strip()) if bar else ()
    if bar and not effects:
        raise EstimationError(f"The formula {formula!r} names no fixed effect after the bar.")
    try:
        used = Formula(f"{left.strip()} ~ {body.strip()}").required_variables
    except FormulaSyntaxError as error:
        raise EstimationError(f"The formula {formula!r} cannot be read: {error}") from error
    columns = tuple(dict.fromkeys([*sorted(str(v) for v in used), *effects]))
    return ParsedFormula(left.strip(), body.strip(), effects, columns)


def matrices(parsed: ParsedFormula, rows: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Evaluate the outcome and the terms on complete rows.

    Returns
    -------
    tuple of Series and DataFrame
        Outcome, and design with one named column per term; the constant is left out where fixed
        effects take its place.

    Raises
    ------
    EstimationError
        If a term cannot be evaluated, or gives a value that is not finite.
    """
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    try:
        # A log of 0 is refused below with its name; numpy's warning would only say it worse.
        with np.errstate(all="ignore"):
            both = model_matrix(f"{parsed.outcome} ~ {parsed.terms}", rows, na_action="ignore")
    except (FormulaicError, ValueError, TypeError) as error:
        raise EstimationError(
            f"The formula '{parsed.outcome} ~ {parsed.terms}' cannot be evaluated: {error}"
        ) from error
    outcome = pd.DataFrame(both.lhs).astype("float64")
    design = pd.DataFrame(both.rhs).astype("float64")
    if outcome.shape[1] != 1:
        raise EstimationError("The left side of the formula must be one numeric column.")
    if parsed.effects and "Intercept" in design:
        design = design.drop(columns="Intercept")
    for name, column in [*outcome.items(), *design.items()]:
        if not np.isfinite(column.to_numpy()).all():
            raise EstimationError(
                f"The term {name!r} is not finite in some rows, as the log of 0 is not; "
                "drop those rows or choose another form."
            )
    return outcome.iloc[:, 0], design
