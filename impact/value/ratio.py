"""A ratio of two uncertain numbers, with a confidence set that may have no upper bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.core.inference import critical_value, delta_ratio, fieller, infer
from impact.display.digits import number_text

Kind = Literal["bounded", "complement", "unbounded", "undefined"]
RatioMethod = Literal["fieller", "delta"]

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
        `conf_low`, that is [conf_low, inf) and (-inf, conf_high], so `conf_low > conf_high`.
        `unbounded`: the whole line. `undefined`: no interval.
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
            low = low if self.kind == "complement" and high < 0 < low else math.nan
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
        standard errors allow, an unknown method: all in one pass.

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
    _refuse_impossible(numerator, denominator, cov, method)
    a, se_a = float(numerator[0]), _known(numerator[1])
    b, se_b = float(denominator[0]), _known(denominator[1])
    estimate, std_error = delta_ratio(a, b, se_a**2, se_b**2, cov)
    critical = critical_value(conf_level, df)
    no_interval, notes = _why_no_interval(b, se_a, se_b)
    if no_interval:
        nan = math.nan
        return RatioResult(estimate, nan, nan, nan, "undefined", method, conf_level, notes)
    # The set depends on the level only through its critical value, so a t value enters as the
    # normal level that has the same one.
    found = fieller(a, b, se_a**2, se_b**2, cov, conf_level=_normal_level(critical, conf_level, df))
    if method == "fieller":
        return RatioResult(
            estimate, std_error, found.low, found.high, found.kind, method, conf_level
        )
    if math.isnan(std_error):
        nan = math.nan
        return RatioResult(estimate, nan, nan, nan, "undefined", method, conf_level)
    half = critical * std_error
    notes = () if found.kind == "bounded" else (_NO_UPPER,)
    return RatioResult(
        estimate, std_error, estimate - half, estimate + half, "bounded", method, conf_level, notes
    )


def _known(std_error: float | None) -> float:
    return math.nan if std_error is None else float(std_error)


def _normal_level(critical: float, conf_level: float, df: float | None) -> float:
    return conf_level if df is None else 1 - float(infer([critical], [1.0])["p_value"].iloc[0])


def _why_no_interval(b: float, se_a: float, se_b: float) -> tuple[bool, tuple[str, ...]]:
    if math.isnan(se_a) or math.isnan(se_b):
        return True, ("A standard error is missing.",)
    if b == 0 and se_b == 0:
        return True, ("The denominator is zero.",)
    if se_a == 0 and se_b == 0:
        return True, ("Both numbers are known for certain.",)
    return False, ()


def _refuse_impossible(
    numerator: tuple[float, float | None],
    denominator: tuple[float, float | None],
    cov: float,
    method: str,
) -> None:
    faults = []
    for name, (value, std_error) in (("numerator", numerator), ("denominator", denominator)):
        if not math.isfinite(value):
            faults.append(Fault("not a finite number", "give a number", column=name, value=value))
        if std_error is not None and (std_error < 0 or math.isinf(std_error)):
            faults.append(
                Fault(
                    "a standard error cannot be negative or infinite",
                    "give 0 for a number that is known, or leave it missing",
                    column=name,
                    value=std_error,
                )
            )
    # A hair of slack: a covariance computed in floating point may exceed the bound by rounding.
    most = _known(numerator[1]) * _known(denominator[1]) * (1 + 1e-9)
    if not math.isfinite(cov) or abs(cov) > most:
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
    if faults:
        raise DataError("This ratio cannot be formed.", faults)
