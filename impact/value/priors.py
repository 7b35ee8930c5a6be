"""What is assumed of a share or a factor: a number, a mean with its standard deviation, or a distribution."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from impact.core.errors import Fault
from impact.core.inference import FloatArray, critical_value

Prior = float | tuple[float, float] | tuple[str, float, float]
"""A number; or mean and standard deviation; or a distribution with its two parameters: ("beta", a, b), ("lognormal", mu, sigma)."""

_TOO_WIDE = "its mean or its standard deviation is too large for a number"


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, and no truth value.

    Examples
    --------
    >>> is_number(0.4), is_number(True), is_number(float("nan")), is_number("0.4")
    (True, False, False, False)
    """
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def prior_faults(name: str, prior: Any, *, share: bool) -> list[Fault]:
    """What is wrong with a prior of a share (0 to 1, a Beta) or of a factor (above 0, a log-normal).

    Examples
    --------
    >>> for fault in prior_faults("leakage", (0.5, 0.6), share=True):
    ...     print(fault)
    column 'leakage', value '(0.5, 0.6)': no Beta distribution has this mean and standard deviation. To mend: give an sd below 0.5 or a number.
    """
    kind, remedy = (
        ("beta", "write a share between 0 and 1, (mean, sd), or ('beta', a, b)")
        if share
        else ("lognormal", "write a factor above 0, (mean, sd), or ('lognormal', mu, sigma)")
    )

    def fault(problem: str, other: str = remedy) -> list[Fault]:
        return [Fault(problem, other, column=name, value=prior)]

    if is_number(prior):
        good = 0.0 <= prior <= 1.0 if share else prior > 0
        problem = "a share lies between 0 and 1" if share else "a multiplier is above 0"
        return [] if good else fault(problem)
    if not isinstance(prior, tuple):
        return fault("this is no number and no prior")
    if len(prior) == 2 and all(map(is_number, prior)):
        return _moment_faults(prior, share, fault)
    if len(prior) == 3 and prior[0] == kind and all(map(is_number, prior[1:])):
        if prior[2] <= 0 or (share and prior[1] <= 0):
            return fault("the parameters of the prior are not above 0")
        return [] if _has_moments(prior, share) else fault(_TOO_WIDE)
    return fault("this is no number and no prior")


def _moment_faults(prior: tuple[float, float], share: bool, fault: Any) -> list[Fault]:
    mean, sd = prior
    within = 0 <= mean <= 1 if share else mean > 0
    if not within or sd < 0:
        problem = "a share lies between 0 and 1" if share else "a multiplier is above 0"
        return list(fault(f"{problem}, and an sd is not below 0"))
    if sd == 0:
        return []
    most = math.sqrt(mean * (1 - mean)) if share else math.inf
    if not sd < most:
        remedy = f"give an sd below {most:.3g} or a number" if most else "give the number alone"
        return list(fault("no Beta distribution has this mean and standard deviation", remedy))
    return [] if _has_moments(prior, share) else list(fault(_TOO_WIDE))


def _has_moments(prior: Any, share: bool) -> bool:
    try:
        mean, sd = prior_moments(prior, share=share)
    except (OverflowError, ZeroDivisionError, ValueError):
        return False
    return 0 < mean < (1 if share else math.inf) and 0 < sd < math.inf


def prior_kind(prior: Prior, *, share: bool) -> str:
    """`point`, `beta` or `lognormal`.

    Examples
    --------
    >>> prior_kind(0.25, share=True), prior_kind((0.25, 0.1), share=True)
    ('point', 'beta')
    """
    if _point(prior):
        return "point"
    return "beta" if share else "lognormal"


def prior_moments(prior: Prior, *, share: bool) -> tuple[float, float]:
    """Mean and standard deviation.

    Examples
    --------
    >>> prior_moments(("beta", 2.0, 8.0), share=True)[0]
    0.2
    """
    if _point(prior):
        return _mean(prior), 0.0
    a, b = _parameters(prior, share)
    if share:
        mean = a / (a + b)
        return mean, math.sqrt(mean * (1 - mean) / (a + b + 1))
    mean = math.exp(a + b**2 / 2)
    return mean, mean * math.sqrt(math.expm1(b**2))


def prior_range(prior: Prior, *, share: bool, level: float = 0.95) -> tuple[float, float]:
    """Ends that leave out equal tails of the prior.

    Examples
    --------
    >>> low, high = prior_range((0.25, 0.1), share=True)
    >>> round(low, 3), round(high, 3)
    (0.084, 0.469)
    """
    from scipy import stats

    if _point(prior):
        return _mean(prior), _mean(prior)
    a, b = _parameters(prior, share)
    if share:
        low, high = stats.beta.ppf([(1 - level) / 2, (1 + level) / 2], a, b)
        return float(low), float(high)
    half = critical_value(level) * b
    return math.exp(a - half), math.exp(a + half)


def prior_draws(prior: Prior, number: int, rng: np.random.Generator, *, share: bool) -> FloatArray:
    """Draws of a prior.

    Examples
    --------
    >>> prior_draws(0.25, 2, np.random.default_rng(1), share=True).tolist()
    [0.25, 0.25]
    """
    if _point(prior):
        return np.full(number, _mean(prior))
    a, b = _parameters(prior, share)
    return rng.beta(a, b, number) if share else rng.lognormal(a, b, number)


def _point(prior: Any) -> bool:
    return not isinstance(prior, tuple) or (len(prior) == 2 and prior[1] == 0)


def _mean(prior: Any) -> float:
    return float(prior[0] if isinstance(prior, tuple) else prior)


def _parameters(prior: Any, share: bool) -> tuple[float, float]:
    """Parameters of the Beta (a, b) or log-normal (mu, sigma) distribution."""
    if len(prior) == 3:
        return float(prior[1]), float(prior[2])
    mean, sd = map(float, prior)
    if not share:
        sigma = math.sqrt(math.log1p((sd / mean) ** 2))
        return math.log(mean) - sigma**2 / 2, sigma
    size = mean * (1 - mean) / sd**2 - 1
    return mean * size, (1 - mean) * size
