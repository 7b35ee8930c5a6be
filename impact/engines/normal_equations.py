"""The last, small step of a regression: columns from which the effects are gone, to coefficients."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_GONE = 1e-9  # of a column's spread that the fixed effects leave; less is rounding
_SPANNED = 1e-13  # of a column's square that the columns before it leave
_ROUNDING = 64 * np.finfo(np.float64).eps
_BLOCK = 16_384  # rows


class CollinearTerms(Exception):
    """Some columns are spanned by the fixed effects and the columns before them; whoever knows their names says so.

    Attributes
    ----------
    columns : tuple of int
        Which ones.
    """

    def __init__(self, columns: tuple[int, ...]) -> None:
        self.columns = columns
        super().__init__(f"columns {columns} are collinear")


def weighted(column: FloatArray, weights: FloatArray | None) -> FloatArray:
    """A column times the weights; the column itself where there are none."""
    return column if weights is None else column * weights


def gram(columns: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """`X'WX` of columns, shape (k, n), a block of rows at a time.

    Examples
    --------
    >>> gram(np.array([[1.0, 2.0]]), np.array([1.0, 3.0])).tolist()
    [[13.0]]
    """
    out = np.zeros((len(columns), len(columns)))
    for low in range(0, columns.shape[1], _BLOCK):
        part = columns[:, low : low + _BLOCK]
        out += (part if weights is None else part * weights[low : low + _BLOCK]) @ part.T
    return (out + out.T) / 2


def spreads(columns: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """What each column varies by before effects are taken out: root of its squares about the mean, less what is rounding."""
    out = np.empty(len(columns))
    total = columns.shape[1] if weights is None else weights.sum()
    for j, column in enumerate(columns):
        own = weighted(column, weights)
        square, mean = float(own @ column), float(own.sum()) / total
        # A variable that is large beside its variation, such as a year, leaves that much rounding.
        rounding = _ROUNDING * np.sqrt(square)
        out[j] = np.sqrt(max(square - mean * mean * total, 0.0)) + rounding / _GONE
    return out


def refuse_collinear(squares: FloatArray, spread: FloatArray) -> None:
    """Refuse columns of which the effects, or the columns before them, leave nothing.

    Parameters
    ----------
    squares : array, shape (k, k)
        `X'WX` after the effects are taken out.
    spread : array, shape (k,)
        See `spreads`.

    Raises
    ------
    CollinearTerms
        With the columns.
    """
    size = np.sqrt(np.diag(squares))
    gone = size <= _GONE * spread
    scale = np.where(gone, 1.0, size)
    left = squares / np.outer(scale, scale)
    bad = []
    for j in range(len(left)):
        if gone[j] or left[j, j] <= _SPANNED:
            bad.append(j)
            continue
        step = left[:, j] / left[j, j]
        left = left - np.outer(step, left[j])
    if bad:
        raise CollinearTerms(tuple(bad))


def solved(squares: FloatArray, right: FloatArray) -> FloatArray:
    """`(X'WX)^-1 X'Wy`, columns scaled to one size first.

    Examples
    --------
    >>> solved(np.array([[4.0, 0.0], [0.0, 1e12]]), np.array([2.0, 1e12])).tolist()
    [0.5, 1.0]
    """
    from scipy.linalg import solve

    scale = 1.0 / np.sqrt(np.diag(squares))
    scaled = squares * np.outer(scale, scale)
    try:
        found = solve(scaled, (right.T * scale).T, assume_a="pos")
    except np.linalg.LinAlgError as error:
        raise CollinearTerms(tuple(range(len(squares)))) from error
    return np.asarray((found.T * scale).T)


def inverse(squares: FloatArray) -> FloatArray:
    """The inverse of `X'WX`, symmetric."""
    found = solved(squares, np.eye(len(squares)))
    return np.asarray((found + found.T) / 2)


def regression(
    columns: FloatArray, outcome: FloatArray, weights: FloatArray | None, squares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Least squares of an outcome on columns, both without their effects: coefficients and residual.

    Solved once more on what is left, which takes the rounding of squares away.
    """
    b = solved(squares, columns @ weighted(outcome, weights))
    residual = outcome - b @ columns
    more = solved(squares, columns @ weighted(residual, weights))
    residual -= more @ columns
    return b + more, residual
