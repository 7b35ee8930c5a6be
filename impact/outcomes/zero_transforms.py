"""Logarithms that swallow zeros: asinh(x) and log(1 + x), how to recognise one, and what to say of it.

Both are about log(x) for large x and about 0 for x = 0, so that a firm which goes from 0 to x counts as log(x): the more, the smaller
the unit. An average effect on them can be made of any size by a change of unit (Chen and Roth 2024, *Quarterly Journal of Economics*).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.core.errors import DataError

FloatArray = npt.NDArray[np.float64]

TRANSFORMS = {"asinh": "asinh(x)", "log1p": "log(1 + x)"}
"""The transforms and how they are written."""

UNITS = {"hundredths": 100.0, "ones": 1.0, "thousands": 1e-3, "millions": 1e-6}
"""Units in which an amount can be counted, and the factor that takes it there."""

_ASINH = {"asinh", "arcsinh", "ihs", "arsinh"}
_LOG1P = {"log1p"}
_LOGS = {"log", "ln", "log2", "log10"}


def transformed(values: FloatArray, transform: str, unit: float = 1.0) -> FloatArray:
    """Apply a transform to amounts counted in another unit.

    Parameters
    ----------
    values : array
    transform : {"asinh", "log1p"}
    unit : float
        Factor that takes the amounts to the unit.

    Raises
    ------
    DataError
        If there is no such transform.

    Examples
    --------
    >>> transformed(np.array([0.0, 1e6]), "log1p", 1e-3).round(2).tolist()
    [0.0, 6.91]
    """
    return np.asarray(
        np.arcsinh(values * unit)
        if known_transform(transform) == "asinh"
        else np.log1p(values * unit)
    )


def known_transform(name: str) -> str:
    """The transform of a name, under which it may be known elsewhere.

    Raises
    ------
    DataError
        If there is no such transform.

    Examples
    --------
    >>> known_transform("ihs"), known_transform("log(1 + x)")
    ('asinh', 'log1p')
    """
    plain = name.lower().replace(" ", "")
    if plain in _ASINH:
        return "asinh"
    if plain in _LOG1P | {"log(1+x)", "log(x+1)", "ln(1+x)", "ln(x+1)"}:
        return "log1p"
    raise DataError(f"There is no transform '{name}' to show: choose from {', '.join(TRANSFORMS)}.")


@dataclass(frozen=True, slots=True)
class AskedTransform:
    """A transform that was found in an expression.

    Attributes
    ----------
    transform : {"asinh", "log1p"}
    column : str
        The first column inside it.
    """

    transform: str
    column: str


def asked_transform(expression: str) -> AskedTransform | None:
    """Find asinh or log(1 + x), in any spelling, in an expression such as the left side of a formula.

    A logarithm of a column plus any positive number is taken for log(1 + x): its effects depend on the unit in the same way.

    Examples
    --------
    >>> asked_transform("np.log(exports_eur + 1)")
    AskedTransform(transform='log1p', column='exports_eur')
    >>> asked_transform("I(np.arcsinh(exports_eur / 1000))").transform
    'asinh'
    >>> asked_transform("log(exports_eur)") is None
    True
    """
    # The formula's own quotes: {python} and `a column name`.
    quoted: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        quoted[f"_quoted_{len(quoted)}"] = match[1]
        return f"_quoted_{len(quoted) - 1}"

    plain = re.sub(r"`([^`]*)`", name, expression).replace("{", "(").replace("}", ")").strip()
    try:
        tree = ast.parse(plain, mode="eval")
    except SyntaxError:
        return None  # whoever reads the formula says what is wrong with it
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        transform = _transform(_called(node), node.args[0])
        columns = [n for n in _columns(node.args[0]) if n]
        if transform is not None and columns:
            return AskedTransform(transform, quoted.get(columns[0], columns[0]))
    return None


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _transform(called: str, argument: ast.expr) -> str | None:
    if called in _ASINH:
        return "asinh"
    if called in _LOG1P:
        return "log1p"
    if called in _LOGS and isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Add):
        sides = (argument.left, argument.right)
        if any(isinstance(s, ast.Constant) and isinstance(s.value, (int, float)) and s.value > 0 for s in sides):  # fmt: skip
            return "log1p"
    return None


def _columns(node: ast.expr) -> list[str]:
    """Names in an expression that are not called and not modules, in the order in which they are written."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    modules = {id(n.value) for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in called | modules]
    return [n.id for n in sorted(names, key=lambda n: n.col_offset)]


def unit_words(estimates: Iterable[float]) -> str:
    """Say the estimates of the units of `UNITS`, in their order.

    Examples
    --------
    >>> unit_words([0.79, 0.56, 0.22, 0.007])
    '0.79 in hundredths, 0.56 in ones, 0.22 in thousands, 0.0070 in millions'
    """
    return ", ".join(f"{number_words(e)} in {u}" for u, e in zip(UNITS, estimates, strict=True))


def number_words(value: float) -> str:
    """A number with two digits that count, for a message.

    Examples
    --------
    >>> number_words(12.345), number_words(-0.0071), number_words(float("nan")), number_words(3e-9)
    ('12.35', '-0.0071', 'unknown', '3e-09')
    """
    if not np.isfinite(value):
        return "unknown"
    if value == 0 or abs(value) >= 0.1:
        return f"{value:.2f}"
    return f"{value:.4f}" if abs(value) >= 0.00095 else f"{value:.1g}"


def why_not(transform: str, column: str) -> str:
    """Why an effect on a transform is no answer, in words and without numbers.

    Examples
    --------
    >>> why_not("log1p", "exports_eur").startswith("an effect on log(1 + exports_eur) is no percentage")
    True
    """
    written = TRANSFORMS[transform].replace("x", column)
    return (
        f"an effect on {written} is no percentage: it depends on the unit of '{column}', and can be made of any size by a change of unit "
        "where firms go from 0 to something (Chen and Roth 2024)"
    )
