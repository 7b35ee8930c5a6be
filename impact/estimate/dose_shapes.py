"""Shapes of an effect in the dose: bins, polynomials, cubic splines; the rows they are told in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.estimate.did_scores import BoolArray
from impact.estimate.two_way import IntArray

BINS, QUANTILES, CUBIC = 4, 9, 3
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class DoseOptions:
    """Options of `dose`; see there."""

    dose: str
    shape: Literal["bins", "linear", "quadratic", "spline"] = "bins"
    bins: int | tuple[float, ...] = BINS
    knots: int = 0
    at: int | tuple[float, ...] = QUANTILES
    curve: Literal["level", "slope"] = "level"
    average: Literal["overall", "cohort"] = "overall"
    control: Literal["never", "not_yet"] = "never"
    unbalanced: Literal["pairwise", "balanced"] = "pairwise"

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> DoseOptions:
        """Check the options of a request.

        Raises
        ------
        EstimationError
            If the dose is not named, an option has a value that does not exist, or two do not go together.
        """
        if not isinstance(given.get("dose"), str):
            raise EstimationError(
                "`dose` is missing: name the column with the dose of each participant, such as dose='hours'."
            )
        choices = {
            "shape": ("bins", "linear", "quadratic", "spline"),
            "curve": ("level", "slope"),
            "average": ("overall", "cohort"),
            "control": ("never", "not_yet"),
            "unbalanced": ("pairwise", "balanced"),
        }
        for name, known in choices.items():
            if name in given and given[name] not in known:
                raise EstimationError(
                    f"{name}={given[name]!r} does not exist for dose; choose from {', '.join(map(repr, known))}."
                )
        shape = given.get("shape", "bins")
        fits = {"bins": shape == "bins", "at": shape != "bins", "knots": shape == "spline"}
        for name, right in fits.items():
            if name in given and not right:
                raise EstimationError(
                    f"`{name}` does not go with shape={shape!r}; leave it out, or choose another shape."
                )
        if given.get("curve") == "slope" and shape == "bins":
            raise EstimationError(
                "Bins have no slope; use shape='linear', 'quadratic' or 'spline' with curve='slope'."
            )
        read = dict(given)
        for name, least in (("bins", 1), ("at", 1)):
            if name in given:
                read[name] = _whole_or_values(name, given[name], least)
        if "knots" in given:
            read["knots"] = _whole("knots", given["knots"], 0)
        return cls(**read)


def _whole(name: str, value: Any, least: int) -> int:
    if (
        isinstance(value, bool | np.bool_)
        or not isinstance(value, int | np.integer)
        or value < least
    ):
        raise EstimationError(f"{name}={value!r} is no whole number from {least} on.")
    return int(value)


def _whole_or_values(name: str, value: Any, least: int) -> int | tuple[float, ...]:
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
        return _whole(name, value, least)
    numbers = [float(v) for v in value if isinstance(v, Real) and not isinstance(v, bool)]
    rising = len(numbers) == len(value) > 0 and all(a < b for a, b in pairwise(numbers))
    if not rising or not np.isfinite(numbers).all():
        raise EstimationError(f"{name}={value!r} are not doses in rising order.")
    return tuple(numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What is estimated: the rows after the average, and how doses become the columns of a regression.

    Attributes
    ----------
    terms : list of str
    doses : array, shape (k,)
        Key of each row.
    bin : array of int, shape (n,), or None
        Bin of each participant; -1 for the others.
    knots : array or None
        All knots of a spline, or None.
    degree : int
    """

    terms: list[str]
    doses: FloatArray
    bin: IntArray | None = None
    knots: FloatArray | None = None
    degree: int = 1
    centre: float = 0.0
    scale: float = 1.0

    def design(self, doses: FloatArray, derivative: bool = False) -> FloatArray:
        """Columns of the regression at these doses, or their derivatives: a constant, and powers or B-splines.

        Examples
        --------
        >>> Curve([], np.array([]), degree=2).design(np.array([3.0])).tolist()
        [[1.0, 3.0, 9.0]]
        """
        if self.knots is not None:
            return _splines(doses, self.knots, derivative)
        x = (doses - self.centre) / self.scale
        powers = np.arange(self.degree + 1)
        if derivative:
            return np.asarray(powers / self.scale * x[:, None] ** np.maximum(powers - 1, 0))
        return np.asarray(x[:, None] ** powers)


def _splines(doses: FloatArray, knots: FloatArray, derivative: bool) -> FloatArray:
    """All B-splines between the outermost knots (they add up to a constant), or their derivatives."""
    from scipy.interpolate import BSpline

    basis = BSpline(knots, np.eye(len(knots) - CUBIC - 1), CUBIC)
    return np.asarray(basis.derivative()(doses) if derivative else basis(doses))


def choose_curve(
    options: DoseOptions, doses: FloatArray, weights: FloatArray, treated: BoolArray
) -> Curve:
    """Bins, or the columns of a regression and the doses at which it is told, from the doses of participants.

    Raises
    ------
    EstimationError
        If a dose that was asked for lies beyond those that were received.
    """
    own, weight = doses[treated], weights[treated]
    if options.shape == "bins":
        return _bins(options.bins, doses, own, weight, treated)
    low, high = float(own.min()), float(own.max())
    at = (
        np.asarray(options.at, dtype=np.float64)
        if isinstance(options.at, tuple)
        else np.unique(_quantiles(own, weight, options.at))
    )
    outside = at[(at < low) | (at > high)]
    if len(outside):
        raise EstimationError(
            f"at={outside[0]:g} lies outside the doses that participants received ({low:g} to {high:g}); nothing is known there."
        )
    name = "ACRT" if options.curve == "slope" else "ATT"
    terms = [f"{name}(dose={d})" for d in _printed(at)]
    if options.shape != "spline":
        degree = 1 if options.shape == "linear" else 2
        return Curve(
            terms, at, degree=degree, centre=(low + high) / 2, scale=(high - low) / 2 or 1.0
        )
    inner = np.quantile(own, np.linspace(0, 1, options.knots + 2)[1:-1])
    ends = CUBIC + 1
    return Curve(
        terms,
        at,
        knots=np.concatenate([[low] * ends, inner, [high] * ends]),
        degree=CUBIC + options.knots,
    )


def _cumulative(own: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Different doses in rising order, the share of weight up to each, and the place of each firm's dose among them."""
    values, place = np.unique(own, return_inverse=True)
    mass = np.cumsum(np.bincount(place, weight))
    return values, mass / mass[-1], place


def _quantiles(own: FloatArray, weight: FloatArray, count: int) -> FloatArray:
    """The smallest doses that 1/(count+1), 2/(count+1), ... of the weight do not exceed: doses that firms received."""
    values, share, _ = _cumulative(own, weight)
    asked = np.arange(1, count + 1) / (count + 1)
    return np.asarray(values[np.searchsorted(share, asked - _TIE)])


def _bins(
    asked: int | tuple[float, ...],
    doses: FloatArray,
    own: FloatArray,
    weight: FloatArray,
    treated: BoolArray,
) -> Curve:
    """Bins of equal weight (firms with the same dose stay together), or between the limits given; empty ones do not exist."""
    if isinstance(asked, tuple):
        of_own = np.searchsorted(np.asarray(asked), own)
    else:
        _, share, place = _cumulative(own, weight)
        of_own = np.maximum(np.ceil(asked * share[place] - _TIE), 1).astype(np.int64) - 1
    _, of_own = np.unique(of_own, return_inverse=True)
    number = int(of_own.max()) + 1
    found = np.full(len(doses), -1)
    found[treated] = of_own
    mean = np.bincount(of_own, weight * own) / np.bincount(of_own, weight)
    limits = np.array(
        [(inside.min(), inside.max()) for inside in (own[of_own == b] for b in range(number))]
    )
    printed = np.reshape(
        _printed(np.unique(limits))[np.unique(limits, return_inverse=True)[1]], limits.shape
    )
    terms = [
        f"ATT(dose {low})" if low == high else f"ATT(dose {low} to {high})" for low, high in printed
    ]
    return Curve(terms, mean, bin=found)


def _printed(doses: FloatArray) -> npt.NDArray[np.object_]:
    """Different doses as short texts that differ.

    Examples
    --------
    >>> _printed(np.array([1.0, 2.5, 1000.123])).tolist()
    ['1', '2.5', '1000']
    """
    for digits in range(4, 18):
        texts = [f"{d:.{digits}g}" for d in doses]
        if len(set(texts)) == len(texts):
            break
    return np.array(texts, dtype=object)
