"""The edge to formulaic: a formula taken apart, and its terms as columns of numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError

FloatArray = npt.NDArray[np.float64]

_NAME = re.compile(r"[A-Za-z_]\w*|`[^`]+`")
_HOW = (
    "Write outcome ~ terms | fixed effects, for example 'log_sales ~ grant | firm_id + year'; with instruments, "
    "outcome ~ terms | fixed effects | endogenous ~ instruments."
)


@dataclass(frozen=True, slots=True)
class ParsedFormula:
    """`outcome ~ terms | effects | endogenous ~ instruments`, taken apart.

    `columns` are the columns of the data that any part uses; an effect such as `sector^year` is the pair of both.
    """

    outcome: str
    terms: str
    effects: tuple[str, ...]
    columns: tuple[str, ...]
    endogenous: str = ""
    instruments: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """The parts of a formula as numbers: names, and one array of rows for each."""

    outcome: FloatArray
    terms: dict[str, FloatArray]
    endogenous: dict[str, FloatArray]
    instruments: dict[str, FloatArray]


def parse(formula: str) -> ParsedFormula:
    """Take `y ~ x1 + x2 | firm + year` apart.

    Raises
    ------
    EstimationError
        If there is no outcome or no terms, or a part that has no meaning here.

    Examples
    --------
    >>> parse("y ~ x1 + log(x2) | firm + year").effects
    ('firm', 'year')
    >>> parse("y ~ x1 | firm + sector^year | hours ~ distance").columns
    ('x1', 'y', 'distance', 'hours', 'firm', 'sector', 'year')
    """
    left, tilde, right = formula.partition("~")
    body, *tails = right.split("|")
    cannot = f"The formula {formula!r} cannot be read. {_HOW}"
    stage = tails.pop() if tails and "~" in tails[-1] else ""
    if not tilde or "~" in body or not left.strip() or not body.strip() or len(tails) > 1:
        raise EstimationError(cannot)
    effects = effect_names(tails[0]) if tails else ()
    if tails and not effects and tails[0].strip() != "0":
        raise EstimationError(f"The formula {formula!r} names no fixed effect after the bar.")
    endogenous, _, instruments = (part.strip() for part in stage.partition("~"))
    if "~" in instruments or (stage and not (endogenous and instruments)):
        raise EstimationError(cannot)
    used = _variables(f"{left.strip()} ~ {body.strip()}", formula)
    told = _variables(f"{endogenous} ~ {instruments}", formula) if stage else []
    columns = tuple(dict.fromkeys([*used, *told, *effect_columns(effects)]))
    return ParsedFormula(left.strip(), body.strip(), effects, columns, endogenous, instruments)


def with_stage_of(parsed: ParsedFormula, other: ParsedFormula) -> ParsedFormula:
    """A formula with the endogenous regressors and instruments of another."""
    if not other.endogenous:
        return parsed
    told = _variables(f"{other.endogenous} ~ {other.instruments}", other.outcome)
    columns = tuple(dict.fromkeys([*parsed.columns, *told]))
    return replace(
        parsed, columns=columns, endogenous=other.endogenous, instruments=other.instruments
    )


def effect_names(text: str) -> tuple[str, ...]:
    """The names between the plus signs; no blanks within `sector^year`."""
    parts = (part.replace(" ^", "^").replace("^ ", "^").strip() for part in text.split("+"))
    return tuple(dict.fromkeys(p for p in parts if p and p != "0"))


def effect_columns(effects: tuple[str, ...]) -> list[str]:
    """The columns of effects, those of `sector^year` one by one.

    Raises
    ------
    EstimationError
        If a slope is asked for, as in `firm[size]`.
    """
    for name in effects:
        if "[" in name:
            raise EstimationError(
                f"'{name}' asks for a slope of its own in each level, which is not offered. Write the interaction among the terms, "
                "for example C(sector):size."
            )
    return [part.strip() for name in effects for part in name.split("^")]


def _variables(text: str, formula: str) -> list[str]:
    from formulaic import Formula
    from formulaic.errors import FormulaParsingError, FormulaSyntaxError

    powers = text
    while (inner := re.sub(r"\w*\([^()]*\)", "", powers)) != powers:
        powers = inner  # what stands in parentheses is a function's, or a sum whose power is its interactions
    power = re.search(r"([A-Za-z_]\w*)\s*(?:\^|\*\*)\s*\d", powers)
    if power:
        raise EstimationError(
            f"A power of one column, as in {power.group(0)!r}, means the column itself in a formula: write I({power.group(1)}**2)."
        )
    try:
        return sorted(str(v) for v in Formula(text).required_variables)
    except (FormulaSyntaxError, FormulaParsingError) as error:
        raise EstimationError(f"The formula {formula!r} cannot be read: {error}") from error


def evaluate(
    parsed: ParsedFormula, data: pd.DataFrame, rows: npt.NDArray[np.int64] | None
) -> Evaluated:
    """Evaluate the outcome and the terms on complete rows.

    Parameters
    ----------
    parsed : ParsedFormula
    data : DataFrame
    rows : int array, optional
        Positions of the rows, in the order that is wanted; all of them, as they stand, where missing.

    Returns
    -------
    Evaluated
        One named column for each term; the constant is left out where fixed effects take its place.

    Raises
    ------
    EstimationError
        If a term cannot be evaluated, or gives a value that is not finite.
    """
    chosen: dict[str, pd.DataFrame] = {}

    def columns(text: str, *, constant: bool) -> dict[str, FloatArray]:
        plain = _plain(text, data)
        if plain is not None:
            found = {name: _numbers(data, name, rows) for name in plain}
            if constant:
                length = len(data) if rows is None else len(rows)
                found = {"Intercept": np.ones(length), **found}
        else:
            if "" not in chosen:
                used = data[list(dict.fromkeys(parsed.columns))]
                chosen[""] = used if rows is None else used.iloc[rows].reset_index(drop=True)
            found = _evaluated(text, chosen[""], parsed)
            if not constant:
                found.pop("Intercept", None)
        _refuse_infinite(found)
        return found

    outcome = columns(
        f"0 + {parsed.outcome}" if _plain(parsed.outcome, data) is None else parsed.outcome,
        constant=False,
    )
    if len(outcome) != 1:
        raise EstimationError("The left side of the formula must be one numeric column.")
    return Evaluated(
        next(iter(outcome.values())),
        columns(parsed.terms, constant=not parsed.effects),
        columns(parsed.endogenous, constant=False) if parsed.endogenous else {},
        columns(parsed.instruments, constant=False) if parsed.instruments else {},
    )


def _plain(text: str, data: pd.DataFrame) -> list[str] | None:
    """Names of numeric columns joined by plus signs, which need no evaluation; None for all else."""
    names = []
    for part in text.split("+"):
        name = part.strip()
        if not _NAME.fullmatch(name):
            return None
        name = name.strip("`")
        if (
            name not in data
            or not isinstance(data[name].dtype, np.dtype)
            or data[name].dtype.kind not in "iuf"
        ):
            return None
        names.append(name)
    return list(dict.fromkeys(names))


def _numbers(data: pd.DataFrame, name: str, rows: npt.NDArray[np.int64] | None) -> FloatArray:
    values = data[name].to_numpy()
    return np.asarray(values if rows is None else values[rows], dtype=np.float64)


def _evaluated(text: str, rows: pd.DataFrame, parsed: ParsedFormula) -> dict[str, FloatArray]:
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    try:
        # A log of 0 is refused below with its name; numpy's warning would only say it worse.
        with np.errstate(all="ignore"):
            matrix = pd.DataFrame(model_matrix(text, rows, na_action="ignore"))
        return {str(name): column.to_numpy(dtype=np.float64) for name, column in matrix.items()}
    except (FormulaicError, ValueError, TypeError) as error:
        raise EstimationError(
            f"The formula '{parsed.outcome} ~ {parsed.terms}' cannot be evaluated: {error}"
        ) from error


def _refuse_infinite(columns: dict[str, FloatArray]) -> None:
    for name, column in columns.items():
        if not np.isfinite(column.sum()) and not np.isfinite(column).all():
            raise EstimationError(
                f"The term {name!r} is not finite in some rows, as the log of 0 is not; "
                "drop those rows or choose another form."
            )
