"""A ratio of two uncertain numbers, with a confidence set that may have no upper bound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.core.inference import critical_value, delta_ratio, fieller, power_of_two, shifted
from impact.display.digits import number_text

Kind = Literal["bounded", "complement", "unbounded", "undefined"]
RatioMethod = Literal["fieller", "delta"]

_NEAREST = 1e-100  # a denominator in units of its error
_NO_UPPER = (
    "The denominator cannot be told from zero at this level: the Fieller set of the ratio has no "
    "upper bound, and a delta-method interval is not to be relied on."
)


@dataclass(frozen=True, slots=True)
class RatioResult:
    """A ratio and its confidence set; made by `impact.ratio`, never changed.

    Attributes
    ----------
    estimate, std_error : float
        Numerator over denominator, and the delta-method standard error; missing where undefined.
    conf_low, conf_high : float
        Ends of the confidence set, read with `kind`.
    kind : {"bounded", "complement", "unbounded", "undefined"}
        `bounded`: [conf_low, conf_high]. `complement`: all but the gap between `conf_high` and
        `conf_low`, that is [conf_low, inf) and (-inf, conf_high], so `conf_low > conf_high`; an end
        is infinite where that half does not exist. `unbounded`: the whole line. `undefined`: no
        interval.
    method : {"fieller", "delta"}
    conf_level : float
    notes : tuple of str
        What a reader must know.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    kind: Kind
    method: RatioMethod
    conf_level: float
    notes: tuple[str, ...] = ()

    def contains(self, value: float) -> bool:
        """Whether a value lies in the confidence set.

        Raises
        ------
        EstimationError
            If the set is undefined: neither answer would be true.

        Examples
        --------
        >>> ratio((10.96e6, 0.0), (1200.0, 800.0)).contains(1e9)
        True
        """
        if self.kind == "undefined":
            raise EstimationError(
                "This ratio has no interval, so no value is inside or outside it."
            )
        if self.kind == "unbounded":
            return True
        if self.kind == "complement":
            return value >= self.conf_low or value <= self.conf_high
        return self.conf_low <= value <= self.conf_high

    def interval_text(self) -> str:
        """The confidence set in words: two numbers, or why there are not two."""
        if self.kind == "bounded":
            return f"{number_text(self.conf_low)} to {number_text(self.conf_high)}"
        if self.kind == "complement" and math.isinf(self.conf_high):
            return f"no upper bound (every value from {number_text(self.conf_low)} on)"
        if self.kind == "complement" and math.isinf(self.conf_low):
            return f"no lower bound (every value up to {number_text(self.conf_high)})"
        if self.kind == "complement":
            return (
                f"no upper bound (every value but those between {number_text(self.conf_high)} "
                f"and {number_text(self.conf_low)})"
            )
        if self.kind == "unbounded":
            return "no upper bound and no lower bound (no value is excluded)"
        return "no interval"

    def tidy(self) -> pd.DataFrame:
        """One row that is safe to print.

        Returns
        -------
        DataFrame
            `term` to `conf_high`, then `kind, interval, method, conf_level`. Where the set is not
            bounded the estimate, its standard error and the absent ends are missing, since nothing in
            the data supports them; `conf_low` then holds the least positive value of the set, if the
            set leaves out zero. `statistic` and `p_value` are missing: that a ratio is zero is a
            hypothesis on its numerator alone.
        """
        estimate, std_error, low, high = (
            self.estimate,
            self.std_error,
            self.conf_low,
            self.conf_high,
        )
        if self.kind in ("complement", "unbounded"):
            estimate = std_error = math.nan
            low = low if self.kind == "complement" and high < 0 < low < math.inf else math.nan
            high = math.nan
        return pd.DataFrame(
            {
                "term": ["ratio"],
                "estimate": [estimate],
                "std_error": [std_error],
                "statistic": [math.nan],
                "p_value": [math.nan],
                "conf_low": [low],
                "conf_high": [high],
                "kind": [self.kind],
                "interval": [self.interval_text()],
                "method": [self.method],
                "conf_level": [self.conf_level],
            }
        )

    def summary(self) -> str:
        """The ratio in a sentence; where its set has no upper bound, in words and without a number.

        Examples
        --------
        >>> print(ratio((10.96e6, 0.0), (1200.0, 500.0)).summary())
        Ratio 9,133 (95 % Fieller interval 5,028 to 49,814).
        """
        name = "Fieller" if self.method == "fieller" else "delta-method"
        level = f"{100 * self.conf_level:g} %"
        if self.kind in ("complement", "unbounded"):
            text = (
                f"The ratio has {self.interval_text()}: its denominator cannot be told from zero "
                f"({level} {name} set)."
            )
        elif self.kind == "undefined":
            known = "undefined" if math.isnan(self.estimate) else number_text(self.estimate)
            text = f"Ratio {known} (no interval)."
        else:
            text = (
                f"Ratio {number_text(self.estimate)} ({level} {name} interval "
                f"{self.interval_text()})."
            )
        return " ".join([text, *self.notes])

    def __repr__(self) -> str:
        return self.summary()


def ratio(
    numerator: tuple[float, float | None],
    denominator: tuple[float, float | None],
    *,
    cov: float = 0.0,
    method: RatioMethod = "fieller",
    conf_level: float = 0.95,
    df: float | None = None,
) -> RatioResult:
    """Divide one uncertain number by another, with a confidence set that is honest near zero.

    Parameters
    ----------
    numerator, denominator : tuple of (float, float)
        Value and standard error. A standard error of 0 is a number known for certain, such as a cost
        that was paid; a missing one leaves the interval undefined.
    cov : float
        Covariance of the two.
    method : {"fieller", "delta"}
        Fieller's set (1954), or the symmetric delta-method interval, which is wrong where the
        denominator is near zero and is offered for comparison.
    conf_level : float
        Level of the set.
    df : float, optional
        Degrees of freedom of the t distribution; the normal distribution where missing.

    Returns
    -------
    RatioResult

    Raises
    ------
    DataError
        A value that is not a finite number, a negative standard error, a covariance larger than the
        standard errors allow, an unknown method, no level, no degrees of freedom: all in one pass. A
        ratio that no float can hold.

    Notes
    -----
    Fieller's set is every theta with
    `(a - theta b)^2 <= z^2 (s_aa - 2 theta s_ab + theta^2 s_bb)`. For a known cost C and an uncertain
    count J it is `[C / J_high, C / J_low]` where the interval of J is above zero; where it contains
    zero, the cost per unit has no upper bound.

    Examples
    --------
    >>> ratio((60.0, 18.0), (16.9, 0.5))
    Ratio 3.550 (95 % Fieller interval 1.461 to 5.664).
    >>> ratio((10.96e6, 0.0), (1200.0, 800.0)).kind
    'complement'
    """
    a, se_a, b, se_b = _understood(numerator, denominator, cov, method, conf_level, df)
    # In units in which both are about 1: squares of errors of 1e-200 or 1e200 are no floats.
    up, down = power_of_two(a, _or_zero(se_a)), power_of_two(b, _or_zero(se_b))
    a, se_a, b, se_b = (shifted(a, -up), shifted(se_a, -up), shifted(b, -down), shifted(se_b, -down))  # fmt: skip
    cov = shifted(float(cov), -up - down)
    estimate, std_error = delta_ratio(a, b, se_a**2, se_b**2, cov)
    critical = critical_value(conf_level, df)
    found = fieller(a, b, se_a**2, se_b**2, cov, conf_level=conf_level, df=df)
    why = _why_no_interval(a, se_a, b, se_b, std_error)
    if why or (method == "delta" and math.isnan(std_error)):
        (estimate,), nan = _written([estimate], up - down), math.nan
        notes = (why,) if why else ()
        return RatioResult(estimate, nan, nan, nan, "undefined", method, conf_level, notes)
    ends: tuple[float, float] = found.low, found.high
    kind, notes = found.kind, ()
    if method == "delta":
        ends = estimate - critical * std_error, estimate + critical * std_error
        kind, notes = "bounded", () if found.kind == "bounded" else (_NO_UPPER,)
    if kind == "bounded":
        estimate, std_error, low, high = _written([estimate, std_error, *ends], up - down)
    else:  # a denominator of next to nothing: the set is known, and the quotient may be no number
        low, high = _written(ends, up - down)
        estimate, std_error = (_or_missing(x, up - down) for x in (estimate, std_error))
    return RatioResult(estimate, std_error, low, high, kind, method, conf_level, notes)


def _why_no_interval(a: float, se_a: float, b: float, se_b: float, std_error: float) -> str:
    if math.isnan(se_a) or math.isnan(se_b):
        return "A standard error is missing."
    if b == 0 and se_b == 0:
        return "The denominator is zero."
    if se_a == 0 and se_b == 0:
        return "Both numbers are known for certain."
    if a == 0 and se_a == 0:
        return "The numerator is zero for certain."
    # Nearer to zero the error is too large for a float, and not too small.
    if a != 0 and abs(b) > _NEAREST and math.isnan(std_error):
        return "The standard error of the ratio cannot be told from rounding: the two numbers move together exactly, or are as good as certain."
    return ""


def _or_zero(std_error: float) -> float:
    return 0.0 if math.isnan(std_error) else std_error


def _written(scaled: Iterable[float], power: int) -> list[float]:
    """The numbers in their own units, or a refusal where a float cannot hold one."""
    given = list(scaled)
    numbers = [shifted(value, power) for value in given]
    too_large = any(
        math.isinf(back) and math.isfinite(x) for x, back in zip(given, numbers, strict=True)
    )
    # One that is 0 beside the others is 0; where all are, their digits are gone.
    too_small = any(given) and not any(numbers)
    lost = too_large or too_small
    if lost:
        fault = Fault(
            "the ratio or an end of its interval is too large or too small for a number",
            "give the two in other units, in millions say",
        )
        raise DataError("This ratio cannot be formed.", [fault])
    return numbers


def _or_missing(value: float, power: int) -> float:
    back = shifted(value, power)
    return back if math.isfinite(back) else math.nan


# --- what was given --------------------------------------------------------------------------------


def _understood(
    numerator: Any, denominator: Any, cov: Any, method: Any, conf_level: Any, df: Any
) -> tuple[float, float, float, float]:
    """Values and standard errors, a missing one as NaN; every fault in one pass."""
    faults: list[Fault] = []
    a, se_a = _pair("numerator", numerator, faults)
    b, se_b = _pair("denominator", denominator, faults)
    if not _finite(cov) or _too_large(float(cov), se_a, se_b):
        faults.append(
            Fault(
                "no two numbers with these standard errors have this covariance",
                "give a covariance no larger than the product of the standard errors",
                column="cov",
                value=cov,
            )
        )
    if method not in ("fieller", "delta"):
        faults.append(Fault("there is no such method", "write 'fieller' or 'delta'", value=method))
    if not (_finite(conf_level) and 0 < conf_level < 1):
        faults.append(
            Fault(
                "this is no level of confidence",
                "write a number between 0 and 1, 0.95 say",
                column="conf_level",
                value=conf_level,
            )
        )
    # Infinitely many are those of the normal distribution.
    if df is not None and not (_real(df) and df > 0):
        faults.append(
            Fault(
                "degrees of freedom are above 0",
                "give a number above 0, or leave it out for the normal distribution",
                column="df",
                value=df,
            )
        )
    if faults:
        raise DataError("This ratio cannot be formed.", faults)
    return a, se_a, b, se_b


def _pair(name: str, given: Any, faults: list[Fault]) -> tuple[float, float]:
    if not _is_pair(given):
        faults.append(
            Fault(
                "this is no number with its standard error",
                "write (value, standard error), with 0 for a number that is known for certain",
                column=name,
                value=given,
            )
        )
        return math.nan, math.nan
    value, std_error = given
    if not _finite(value):
        faults.append(Fault("not a finite number", "give a number", column=name, value=value))
    missing = std_error is None or std_error is pd.NA or (_real(std_error) and std_error != std_error)  # fmt: skip
    if not missing and not (_finite(std_error) and std_error >= 0):
        faults.append(
            Fault(
                "a standard error cannot be negative or infinite",
                "give 0 for a number that is known, or leave it missing",
                column=name,
                value=std_error,
            )
        )
    number = float(value) if _finite(value) else math.nan
    return number, float(std_error) if not missing and _finite(std_error) else math.nan


def _is_pair(given: Any) -> bool:
    if isinstance(given, str) or not isinstance(given, Sequence):
        return getattr(given, "shape", None) == (2,)
    return len(given) == 2


def _real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _finite(value: Any) -> bool:
    try:
        return _real(value) and math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _too_large(cov: float, se_a: float, se_b: float) -> bool:
    """Whether a covariance is beyond what the standard errors allow; no bound is known where one is missing."""
    if math.isnan(se_a) or math.isnan(se_b):
        return False
    up, down = power_of_two(0.0, se_a), power_of_two(0.0, se_b)
    # A hair of slack: a covariance computed in floating point may exceed the bound by rounding.
    most = shifted(se_a, -up) * shifted(se_b, -down) * (1 + 1e-9)
    return abs(shifted(cov, -up - down)) > most
