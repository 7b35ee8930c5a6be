"""The term `i()` of R fixest: a column for each level of one column, or its interaction with another."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError

FloatArray = npt.NDArray[np.float64]

_MOST = 2_000  # levels: each is a column of its own
_SHOWN = 8
_CALL = re.compile(r"(?<![\w.])i\s*\(")
_HOW = "Write i(column), i(column, ref=level), or i(column, other, ref=level), with ref=[...] for several levels."


@dataclass(frozen=True, slots=True)
class LevelTerm:
    """`i(factor, other, ref=..., ref2=...)`, taken apart."""

    factor: str
    other: str | None = None
    ref: Any = None
    ref2: Any = None

    @property
    def columns(self) -> list[str]:
        """Columns of the data that it reads."""
        return [self.factor] if self.other is None else [self.factor, self.other]


def level_term(text: str) -> LevelTerm | None:
    """Read a term such as `i(year, treated, ref=-1)`; None where it is anything else.

    Examples
    --------
    >>> level_term("i(year, treated, ref=-1)")
    LevelTerm(factor='year', other='treated', ref=-1, ref2=None)
    >>> level_term("log(sales)") is None
    True
    """
    if not _CALL.match(text.strip()):
        return None
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not all(isinstance(a, ast.Name) for a in call.args):
            return None
        names = [a.id for a in call.args if isinstance(a, ast.Name)]
        options = {str(k.arg): _kept(ast.literal_eval(k.value)) for k in call.keywords}
    except (SyntaxError, ValueError):
        return None
    if not 0 < len(names) <= 2 or not set(options) <= {"ref", "ref2"}:
        raise EstimationError(f"The term {text.strip()!r} cannot be read. {_HOW}")
    return LevelTerm(*names, **options)


def _kept(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, set)) else value


def level_factors(text: str) -> list[str]:
    """The columns whose levels are asked for by `i()` anywhere in a formula.

    Examples
    --------
    >>> level_factors("x + i(event_time, treated, ref=-1) + x:i(sector)")
    ['event_time', 'sector']
    """
    return list(dict.fromkeys(re.findall(_CALL.pattern + r"\s*([A-Za-z_]\w*)", text)))


def level_columns(
    factor: pd.Series,
    other: pd.Series | None = None,
    ref: Any = None,
    ref2: Any = None,
    *,
    reduced: bool,
) -> dict[str, FloatArray]:
    """The columns of `i()`, named as fixest does: `year::3`, `year::3:treated`, `year::3:sector::food`.

    Parameters
    ----------
    factor, other : Series
        Complete; a number is multiplied with, other values are levels, too.
    ref, ref2 : scalar or list
        Levels that are left out.
    reduced : bool
        Whether the first level of a lone factor without `ref` is left out, since a constant or fixed effects stand beside it.

    Raises
    ------
    EstimationError
        If a level that is to be left out is not there, none is left, or there are very many.

    Examples
    --------
    >>> found = level_columns(pd.Series([-1.0, 0, 1], name="t"), pd.Series([1, 1, 0], name="d"), -1, reduced=True)
    >>> {name: column.tolist() for name, column in found.items()}
    {'t::0:d': [0.0, 1.0, 0.0], 't::1:d': [0.0, 0.0, 0.0]}
    """
    first = _levels(factor, ref, reduced=reduced and other is None)
    if other is None:
        return first
    if pd.api.types.is_numeric_dtype(other.dtype):
        if ref2 is not None:
            raise EstimationError(
                f"ref2={ref2!r} is a level to leave out, and {other.name!r} holds numbers that levels are multiplied with. Leave ref2 out."
            )
        values = other.to_numpy(dtype=np.float64)
        return {f"{name}:{other.name}": column * values for name, column in first.items()}
    second = _levels(other, ref2, reduced=False)
    return {f"{a}:{b}": x * z for a, x in first.items() for b, z in second.items()}


def _levels(column: pd.Series, ref: Any, *, reduced: bool) -> dict[str, FloatArray]:
    codes, levels = pd.factorize(column, sort=True)
    called = f"i({column.name})"
    if len(levels) > _MOST:
        raise EstimationError(
            f"{called} asks for a column for each of {len(levels):,} levels; up to {_MOST:,} are written out. Absorb them: ... | {column.name}."
        )
    words = [_word(level) for level in levels]
    left_out = {0} if reduced and ref is None else set()
    for one in ref if isinstance(ref, (list, tuple, set)) else [] if ref is None else [ref]:
        same = [j for j, word in enumerate(words) if word == _word(one)]
        if not same:
            shown = ", ".join(words[:_SHOWN]) + (", ..." if len(words) > _SHOWN else "")
            raise EstimationError(
                f"{called} is to leave out the level {_word(one)}, which no row that is used has; its levels are {shown}."
            )
        left_out |= set(same)
    if len(left_out) == len(words):
        raise EstimationError(
            f"{called} has no level beside those that are left out ({', '.join(words[:_SHOWN])}); give it a column that varies."
        )
    return {
        f"{column.name}::{word}": (codes == j).astype(np.float64)
        for j, word in enumerate(words)
        if j not in left_out
    }


def _word(level: Any) -> str:
    """A level in words; whole numbers without a point, however a missing value elsewhere made pandas hold them."""
    if isinstance(level, (float, np.floating)) and float(level).is_integer():
        return str(int(level))
    if isinstance(level, (pd.Timestamp, np.datetime64)):
        return str(pd.Timestamp(level)).removesuffix(" 00:00:00")
    return str(level)


def formulaic_level_term() -> Callable[..., Any]:
    """`i` for formulaic, where it stands in an interaction or beside functions of columns."""
    from formulaic.materializers.types import FactorValues

    def i(factor: Any, other: Any = None, *, ref: Any = None, ref2: Any = None) -> Any:
        if not isinstance(factor, pd.Series) or not (other is None or isinstance(other, pd.Series)):
            raise EstimationError(f"i() takes columns. {_HOW}")

        def encoded(_values: Any, reduced_rank: bool, *_: Any, **__: Any) -> Any:
            found = level_columns(factor, other, ref, ref2, reduced=reduced_rank)
            return FactorValues(
                pd.DataFrame(found, index=factor.index),
                kind="categorical",
                column_names=tuple(found),
                format="{field}",
                spans_intercept=False,
                encoded=True,
            )

        return FactorValues(
            factor,
            kind="categorical",
            spans_intercept=other is None and ref is None,
            encoder=encoded,
        )

    return i
