"""The last, small step of a regression: columns from which the effects are gone, to coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_GONE = 1e-9  # of a column's spread that the fixed effects leave; less is rounding
_SPANNED = 1e-9  # of a column's square that the columns before it leave, as in R fixest
_PART = 1e-4  # of columns of one size: a smaller coefficient is no part of a combination
_ROUNDING = 64 * np.finfo(np.float64).eps
_BLOCK = 16_384  # rows


@dataclass(frozen=True, slots=True)
class Spanned:
    """A column of which others leave nothing.

    Attributes
    ----------
    column : int
    others : tuple of int
        The columns before it that it is a combination of, beside the effects; none of them where it has no variation beyond the effects.
    """

    column: int
    others: tuple[int, ...]


class CollinearTerms(Exception):
    """Some columns are spanned by the fixed effects and the columns before them; whoever knows their names says so.

    Attributes
    ----------
    columns : tuple of int
        Which ones.
    spanned : tuple of Spanned
        The same, with what spans them; empty where a system could not be solved.
    """

    def __init__(self, columns: tuple[int, ...], spanned: tuple[Spanned, ...] = ()) -> None:
        self.columns, self.spanned = columns, spanned
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


def independent(squares: FloatArray, spread: FloatArray) -> tuple[list[int], list[Spanned]]:
    """Tell columns that add something to the effects and to the columns before them from those that do not.

    Parameters
    ----------
    squares : array, shape (k, k)
        `X'WX` after the effects, or the means where there is a constant, are taken out.
    spread : array, shape (k,)
        See `spreads`.

    Returns
    -------
    kept : list of int
    spanned : list of Spanned
        A column is spanned where the effects leave 1e-9 of its spread, or the columns before it 1e-9 of its square (R fixest's tolerance of a
        pivot), or less. Both are shares: the unit of a column does not matter.

    Examples
    --------
    >>> x = np.array([[1.0, -1, 0, 0], [0, 0, 1, -1], [3, -3, 2, -2]])
    >>> independent(gram(x), spreads(x))
    ([0, 1], [Spanned(column=2, others=(0, 1))])
    """
    size = np.sqrt(np.diag(squares))
    gone = size <= _GONE * spread
    scale = np.where(gone, 1.0, size)
    scaled = squares / np.outer(scale, scale)
    left = scaled.copy()
    kept: list[int] = []
    spanned: list[Spanned] = []
    for j in range(len(left)):
        if gone[j]:
            spanned.append(Spanned(j, ()))
        elif left[j, j] <= _SPANNED:
            found = np.linalg.lstsq(scaled[np.ix_(kept, kept)], scaled[kept, j])[0]
            spanned.append(Spanned(j, tuple(np.array(kept)[np.abs(found) > _PART].tolist())))
        else:
            kept.append(j)
            left = left - np.outer(left[:, j] / left[j, j], left[j])
    return kept, spanned


def refuse_collinear(squares: FloatArray, spread: FloatArray) -> None:
    """Refuse columns of which the effects, or the columns before them, leave nothing; see `independent`.

    Raises
    ------
    CollinearTerms
        With the columns.
    """
    spanned = independent(squares, spread)[1]
    if spanned:
        raise CollinearTerms(tuple(one.column for one in spanned), tuple(spanned))


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
