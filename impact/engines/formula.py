"""The edge to formulaic: a formula taken apart, and its terms as columns of numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.engines.level_terms import (
    LevelTerm,
    formulaic_level_term,
    level_columns,
    level_term,
)

FloatArray = npt.NDArray[np.float64]

_NAME = re.compile(r"[A-Za-z_]\w*|`[^`]+`")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_QUOTED = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"")
_CALLED = re.compile(r"(?<![\w.`])([A-Za-z_]\w*)\s*\(")
_ON_THE_LEFT = {"log1p", "asinh", "arcsinh"}  # an outcome that is refused with its reason elsewhere
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
                f"'{name}' asks for a slope of its own in each level, which is not offered among the fixed effects. Write the "
                "interaction among the terms, as far as levels are few: i(sector, size)."
            )
    return [part.strip() for name in effects for part in name.split("^")]


def _variables(text: str, formula: str) -> list[str]:
    from formulaic import Formula
    from formulaic.errors import FormulaParsingError, FormulaSyntaxError

    _refuse_functions(text)
    powers = text
    while (inner := re.sub(r"\w*\([^()]*\)", "", powers)) != powers:
        powers = inner  # what stands in parentheses is a function's, or a sum whose power is its interactions
    power = re.search(r"([A-Za-z_]\w*)\s*(?:\^|\*\*)\s*\d", powers)
    if power:
        raise EstimationError(
            f"A power of one column, as in {power.group(0)!r}, means the column itself in a formula: write I({power.group(1)}**2)."
        )
    try:
        used = {str(v) for v in Formula(text).required_variables}
    except (FormulaSyntaxError, FormulaParsingError) as error:
        raise EstimationError(
            f"The formula {formula!r} cannot be read: {_in_words(error)} Functions of columns stand in I(), for example I(x % 2)."
        ) from error
    if "i" in _CALLED.findall(text) and not re.search(r"(?<![\w.])i(?![\w.])(?!\s*\()", text):
        used.discard("i")
    return sorted(used)


def _refuse_functions(text: str) -> None:
    """Refuse functions that a formula does not know, and `lag`, which would take the row before for the period before."""
    from formulaic.transforms import TRANSFORMS

    left, _, right = _QUOTED.sub("", text).partition("~")
    called = [name for name in _CALLED.findall(left) if name not in _ON_THE_LEFT]
    for name in [*called, *_CALLED.findall(right)]:
        if name == "lag":
            raise EstimationError(
                "lag() in a formula takes the row before, of whatever firm it is. Make a column of the period before: "
                "data.sort_values(['firm', 'year']).groupby('firm')['x'].shift(1)."
            )
        if name in TRANSFORMS or name == "i":
            continue
        hint = (
            f"write np.{name}(...)"
            if callable(getattr(np, name, None))
            else "make a column of it first, or use numpy's functions as np.sqrt(...)"
        )
        raise EstimationError(f"A formula knows no function {name!r}; {hint}.")


def _in_words(error: Exception) -> str:
    """What formulaic says, in one line and without the colours of a terminal."""
    said = _COLOURS.sub("", str(error)).replace("⧛", "").replace("⧚", "")
    return " ".join(said.split()).rstrip(".") + "."


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

    def columns(text: str, *, constant: bool, of_outcome: bool = False) -> dict[str, FloatArray]:
        plain = None if of_outcome and "(" in text else _plain(text, data)
        if plain is not None:
            found: dict[str, FloatArray] = {}
            if constant:
                found["Intercept"] = np.ones(len(data) if rows is None else len(rows))
            for part in plain:
                found |= _written(part, data, rows)
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
        of_outcome=True,
    )
    if len(outcome) != 1:
        raise EstimationError("The left side of the formula must be one numeric column.")
    return Evaluated(
        next(iter(outcome.values())),
        columns(parsed.terms, constant=not parsed.effects),
        columns(parsed.endogenous, constant=False) if parsed.endogenous else {},
        columns(parsed.instruments, constant=False) if parsed.instruments else {},
    )


def _plain(text: str, data: pd.DataFrame) -> list[str | LevelTerm] | None:
    """Numeric columns and terms `i()` joined by plus signs, which need no evaluation; None for all else."""
    parts: list[str | LevelTerm] = []
    for part in _summands(text):
        name = part.strip()
        term = level_term(name)
        if term is not None:
            if not set(term.columns) <= set(data.columns):
                return None
            parts.append(term)
            continue
        if not _NAME.fullmatch(name):
            return None
        name = name.strip("`")
        if (
            name not in data
            or not isinstance(data[name].dtype, np.dtype)
            or data[name].dtype.kind not in "iuf"
        ):
            return None
        parts.append(name)
    return list(dict.fromkeys(parts))


def _summands(text: str) -> list[str]:
    """What stands between plus signs that are in no parentheses.

    Examples
    --------
    >>> _summands("x + i(t, ref=[1, 2]) + log(a + b)")
    ['x ', ' i(t, ref=[1, 2]) ', ' log(a + b)']
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "+" and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _written(
    part: str | LevelTerm, data: pd.DataFrame, rows: npt.NDArray[np.int64] | None
) -> dict[str, FloatArray]:
    """The columns of a plain part."""
    if isinstance(part, str):
        return {part: _numbers(data, part, rows)}
    taken = [data[name] if rows is None else data[name].iloc[rows] for name in part.columns]
    other = taken[1] if len(taken) > 1 else None
    # Beside it there is a constant, or effects in its place: a formula without either is none of plain parts.
    return level_columns(taken[0], other, part.ref, part.ref2, reduced=True)


def _numbers(data: pd.DataFrame, name: str, rows: npt.NDArray[np.int64] | None) -> FloatArray:
    values = data[name].to_numpy()
    return np.asarray(values if rows is None else values[rows], dtype=np.float64)


def _evaluated(text: str, rows: pd.DataFrame, parsed: ParsedFormula) -> dict[str, FloatArray]:
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    try:
        # A log of 0 is refused below with its name; numpy's warning would only say it worse.
        with np.errstate(all="ignore"):
            known = {"i": formulaic_level_term()}
            matrix = pd.DataFrame(model_matrix(text, rows, context=known, na_action="ignore"))
        return {str(name): column.to_numpy(dtype=np.float64) for name, column in matrix.items()}
    except (FormulaicError, ValueError, TypeError) as error:
        refused = error.__cause__
        if isinstance(refused, EstimationError):
            raise refused from error
        raise EstimationError(
            f"The formula '{parsed.outcome} ~ {parsed.terms}' cannot be evaluated: {_in_words(error)}"
        ) from error


def _refuse_infinite(columns: dict[str, FloatArray]) -> None:
    for name, column in columns.items():
        if not np.isfinite(column.sum()) and not np.isfinite(column).all():
            raise EstimationError(
                f"The term {name!r} is not finite in some rows, as the log of 0 is not; "
                "drop those rows or choose another form."
            )
