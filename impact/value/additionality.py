"""From gross to net: leakage, displacement, substitution, multiplier; and a deadweight, where nothing was estimated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.core.inference import FloatArray, delta_ratio, fieller, infer, quantile_interval
from impact.display.digits import number_text
from impact.display.numbers import format_number, format_percent
from impact.estimate.effect import EffectResult

Prior = float | tuple[float, float] | tuple[str, float, float]
"""A number; or mean and standard deviation; or a distribution with its two parameters: ("beta", a, b), ("lognormal", mu, sigma)."""

SHARES = ("leakage", "displacement", "substitution")
_NETTED = ("deadweight", "reference", "counterfactual")


@dataclass(frozen=True, slots=True)
class Additionality:
    """What is taken off an effect that is already net of the counterfactual, and what follows from it elsewhere.

    Parameters
    ----------
    leakage : Prior
        Share that goes to those who were not meant, such as firms outside the region.
    displacement : Prior
        Share taken from other firms of the same market.
    substitution : Prior
        Share by which participants merely did one thing in place of another.
    multiplier : Prior
        Factor of further rounds, 1.1 for 10 % more.

    Raises
    ------
    DataError
        Shares outside 0 to 1, a multiplier that is not above 0, priors that do not exist: all in one pass.

    Notes
    -----
    Each is a number or a prior: `(mean, sd)` is the Beta distribution with these moments (a log-normal for the multiplier). They are independent of
    each other and of the effect. The factor is `(1 - L)(1 - Dp)(1 - S) M`. A deadweight is not among them: an effect against comparison firms has
    lost it already.

    Examples
    --------
    >>> round(Additionality(displacement=0.25, multiplier=1.1).factor, 6)
    0.825
    >>> Additionality(displacement=(0.25, 0.1)).label().replace("\u00a0", " ")
    'after displacement 25 % (sd 10 %)'
    """

    leakage: Prior = 0.0
    displacement: Prior = 0.0
    substitution: Prior = 0.0
    multiplier: Prior = 1.0

    def __post_init__(self) -> None:
        faults = [fault for name in _names() for fault in _prior_faults(name, getattr(self, name))]
        if faults:
            raise DataError("The additionality cannot be used.", faults)

    @property
    def uncertain(self) -> bool:
        """Whether any of the four is a prior with spread."""
        return any(self._moments(name)[1] > 0 for name in _names())

    @property
    def factor(self) -> float:
        """Mean of `(1 - L)(1 - Dp)(1 - S) M`."""
        return math.prod(mean for mean, _ in self._kept())

    @property
    def variance(self) -> float:
        """Variance of the factor: of a product of independent numbers."""
        kept = self._kept()
        squared = math.prod(mean**2 for mean, _ in kept)
        return math.prod(mean**2 + sd**2 for mean, sd in kept) - squared if self.uncertain else 0.0

    def draws(self, number: int, seed: int) -> FloatArray:
        """Draws of the factor; the same for the same seed."""
        total = np.ones(number)
        for stream, name in enumerate(_names()):
            rng = np.random.default_rng([seed, 2, stream])
            drawn = _drawn(name, getattr(self, name), number, rng)
            total *= drawn if name == "multiplier" else 1.0 - drawn
        return total

    def label(self) -> str:
        """What was taken off, in words."""
        said = []
        for name in _names():
            mean, sd = self._moments(name)
            if name == "multiplier" and (mean != 1.0 or sd > 0):
                spread = f" (sd {_short(sd)})" if sd else ""
                said.append(f"multiplier {_short(mean)}{spread}")
            elif name != "multiplier" and (mean > 0 or sd > 0):
                spread = f" (sd {_percent(sd)})" if sd else ""
                said.append(f"{name} {_percent(mean)}{spread}")
        return f"after {', '.join(said)}" if said else "nothing taken off"

    def tidy(self) -> pd.DataFrame:
        """One row per component: `component, prior, mean, std_dev, low, high` (the middle 95 % of a prior)."""
        rows = []
        for stream, name in enumerate(_names()):
            prior = getattr(self, name)
            mean, sd = self._moments(name)
            low = high = mean
            if sd > 0:
                low, high = quantile_interval(
                    _drawn(name, prior, 20_000, np.random.default_rng([0, stream]))
                )
            rows.append(
                {
                    "component": name,
                    "prior": _kind(name, prior),
                    "mean": mean,
                    "std_dev": sd,
                    "low": low,
                    "high": high,
                }
            )
        return pd.DataFrame(rows)

    def _moments(self, name: str) -> tuple[float, float]:
        return _moments(name, getattr(self, name))

    def _kept(self) -> list[tuple[float, float]]:
        """Mean and standard deviation of what each leaves."""
        found = [(1.0 - mean, sd) for mean, sd in (self._moments(name) for name in SHARES)]
        return [*found, self._moments("multiplier")]


def as_additionality(value: Additionality | Mapping[str, Any] | None) -> Additionality:
    """Read what was declared for an effect that is already net of the counterfactual.

    Raises
    ------
    EstimationError
        A deadweight among it: that would be removed twice.
    DataError
        Keys that are not known.

    Examples
    --------
    >>> as_additionality({"displacement": 0.25}).factor
    0.75
    """
    if value is None:
        return Additionality()
    if isinstance(value, Additionality):
        return value
    if not isinstance(value, Mapping):
        fault = Fault(
            "this is no additionality",
            "give {'displacement': 0.25} or impact.Additionality(displacement=0.25)",
            value=value,
        )
        raise DataError("The additionality cannot be used.", [fault])
    twice = [name for name in value if name in _NETTED]
    if twice:
        raise EstimationError(
            f"A {twice[0]} beside an estimated effect is double counting: the effect is already net of what would have happened anyway, and a deadweight "
            "that is already removed is not removed again. Leave it out; without an effect, impact.additionality takes it."
        )
    unknown = [Fault("this is not known", f"choose from {', '.join(_names())}", column=str(name), value=value[name])
               for name in value if name not in _names()]  # fmt: skip
    if unknown:
        raise DataError("The additionality cannot be used.", unknown)
    return Additionality(
        **{
            name: tuple(prior) if isinstance(prior, list) else prior
            for name, prior in value.items()
        }
    )


@dataclass(frozen=True, slots=True, eq=False)
class AdditionalityResult:
    """What a gross count leaves under assumptions; made by `impact.additionality`, never changed.

    Attributes
    ----------
    table : DataFrame
        Rows `gross, deadweight` (the reference case) `, net`: `term, estimate` to `conf_high`, `unit, label, basis, status`.
    arithmetic, sentence : str
        The sum shown, and the finding.
    notes : tuple of str
    """

    table: pd.DataFrame
    arithmetic: str
    sentence: str
    notes: tuple[str, ...]

    @property
    def estimate(self) -> float:
        """The net figure."""
        return float(self.table.set_index("term").loc["net", "estimate"])

    def tidy(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.table.copy()

    def summary(self) -> str:
        """The arithmetic, the finding, the notes."""
        return "\n".join([self.arithmetic, self.sentence, *self.notes])

    def __repr__(self) -> str:
        return self.summary()


def additionality(
    gross: float | tuple[float, float],
    *,
    deadweight: Prior | None = None,
    reference: float | tuple[float, float] | None = None,
    leakage: Prior = 0.0,
    displacement: Prior = 0.0,
    substitution: Prior = 0.0,
    multiplier: Prior = 1.0,
    reference_leakage: Prior | None = None,
    reference_displacement: Prior | None = None,
    reference_substitution: Prior | None = None,
    reference_multiplier: Prior | None = None,
    unit: str = "units",
    conf_level: float = 0.95,
    draws: int = 10_000,
    seed: int = 20160516,
) -> AdditionalityResult:
    """Net additional impact of a gross figure where no counterfactual was estimated: an assumption, and labelled so.

    Parameters
    ----------
    gross : float or (float, float)
        What the programme reports, GI, or with a standard error. An effect of `impact.att` is refused: it is net already.
    deadweight : Prior, optional
        Share that would have happened anyway; the reference case is then this share of the gross figure.
    reference : float or (float, float), optional
        What would have happened anyway, GI*, in place of a share.
    leakage, displacement, substitution, multiplier : Prior
        See `impact.Additionality`.
    reference_leakage, reference_displacement, reference_substitution, reference_multiplier : Prior, optional
        Of the reference case; the same as above where missing.
    unit : str
    conf_level : float
    draws, seed : int
        Of the interval, where something is a prior or has a standard error.

    Returns
    -------
    AdditionalityResult

    Raises
    ------
    EstimationError
        An estimated effect; both or neither of deadweight and reference.
    DataError
        Numbers that cannot be.

    Notes
    -----
    `[GI (1 - L)(1 - Dp)(1 - S) M] - [GI* (1 - L*)(1 - Dp*)(1 - S*) M*]` (Homes and Communities Agency, Additionality Guide, 2014).

    Examples
    --------
    >>> additionality(20_000, deadweight=0.4, displacement=0.25, multiplier=1.1).estimate
    9900.0
    """
    if isinstance(gross, EffectResult):
        raise EstimationError(
            "This is an estimated effect, which is net of what would have happened anyway. Give it to impact.cost_effectiveness with "
            "additionality={'displacement': ...}; this function is for gross figures."
        )
    if (deadweight is None) == (reference is None):
        raise EstimationError(
            "Without a counterfactual, say once what would have happened anyway: deadweight=0.4 (a share) or reference=8_000 (an amount). "
            "0 is an assumption, too, and may be given."
        )
    whole, error = _figure("gross", gross)
    case = Additionality(leakage, displacement, substitution, multiplier)
    other = Additionality(
        leakage if reference_leakage is None else reference_leakage,
        displacement if reference_displacement is None else reference_displacement,
        substitution if reference_substitution is None else reference_substitution,
        multiplier if reference_multiplier is None else reference_multiplier,
    )
    same = other == case
    anyway, spread = _reference(whole, error, deadweight, reference)
    first, second = whole * case.factor, anyway * other.factor
    net = _rounded(first - second)
    uncertain = error > 0 or spread > 0 or case.uncertain or other.uncertain
    drawn = None
    if uncertain:
        drawn = _net_draws(whole, error, deadweight, reference, case, other, same, draws, seed)
    rows = [
        _row("gross", _rounded(first), None, unit, f"gross {unit}, {case.label()}", conf_level),
        _row("deadweight", _rounded(second), None, unit, f"{unit} that would have happened anyway, {other.label()}", conf_level),
        _row("net", net, drawn, unit, f"net {unit}, by assumption", conf_level),
    ]  # fmt: skip
    table = pd.DataFrame(rows).assign(
        basis=["gross", "reference case", "net by assumption"], status="assumption"
    )
    arithmetic = f"{_product(whole, case)} - {_product(anyway, other)} = {number_text(net) if net % 1 else format_number(net, 0)} {unit}"
    last = rows[-1]
    interval = (
        f" ({100 * conf_level:g} % of draws lie between {number_text(last['conf_low'])} and {number_text(last['conf_high'])})"
        if uncertain
        else ""
    )
    sentence = (
        f"{format_number(whole, 0 if whole % 1 == 0 else 2)} gross {unit} leave {number_text(net) if net % 1 else format_number(net, 0)} net{interval}, if the "
        "assumptions hold."
    )
    note = "Driven by assumptions: no counterfactual was estimated, and the interval, where there is one, holds the spread of the assumptions alone."
    return AdditionalityResult(table, arithmetic, sentence, (note,))


def implied_deadweight(
    total: tuple[float, float], gross: float | tuple[float, float], *, conf_level: float = 0.95
) -> pd.DataFrame:
    """The share of a reported gross figure that would have happened anyway, according to an estimated effect.

    Parameters
    ----------
    total : (float, float)
        Net total of participants, `sum N ATT`, and its standard error.
    gross : float or (float, float)
        What participants reported.
    conf_level : float

    Returns
    -------
    DataFrame
        One row, `term, estimate` to `conf_high`, `kind, interval, label, sentence`. Not cut at 0 or 1: below 0 more was brought about than reported,
        above 1 participants did worse than they would have.

    Notes
    -----
    `1 - total / gross`; the interval is Fieller's, turned.

    Examples
    --------
    >>> implied_deadweight((300.0, 50.0), 1_000.0)[["estimate", "conf_low"]].round(3).to_dict("records")
    [{'estimate': 0.7, 'conf_low': 0.602}]
    """
    net, error = _figure("total", total)
    reported, spread = _figure("gross", gross)
    faults = (
        []
        if reported > 0
        else [
            Fault(
                "nothing was reported",
                "give a gross figure above zero",
                column="gross",
                value=reported,
            )
        ]
    )
    if faults:
        raise DataError("A deadweight cannot be formed.", faults)
    ratio, ratio_error = delta_ratio(net, reported, error**2, spread**2)
    found = fieller(net, reported, error**2, spread**2, conf_level=conf_level)
    bounded = found.kind == "bounded" and ratio_error > 0
    row = infer([1.0 - ratio], [ratio_error], conf_level=conf_level).iloc[0].to_dict()
    low, high = (1.0 - found.high, 1.0 - found.low) if bounded else (math.nan, math.nan)
    words = f"{_percent(low)} to {_percent(high)}" if bounded else "no interval"
    share = _percent(1.0 - ratio)
    if ratio > 1:
        said = f"More was brought about than was reported: {format_percent(100 * ratio, 1)} of it."
    elif ratio < 0:
        said = "Participants did worse than they would have: nothing of what was reported is due to the programme."
    else:
        said = f"{share} of what was reported would have happened anyway ({words})."
    # Whether the deadweight is 0 is no question that is asked of it; its test would mislead.
    row |= {"statistic": math.nan, "p_value": math.nan, "conf_low": low, "conf_high": high}
    return pd.DataFrame(
        [{"term": "implied_deadweight", **row, "kind": "bounded" if bounded else "undefined", "interval": words,
          "label": "share of the reported figure that would have happened anyway", "sentence": said}]
    )  # fmt: skip


# --- priors ----------------------------------------------------------------------------------------


def _names() -> tuple[str, ...]:
    return tuple(field.name for field in fields(Additionality))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _prior_faults(name: str, prior: Any) -> list[Fault]:
    share = name != "multiplier"
    kind = "beta" if share else "lognormal"
    remedy = (
        f"write a share between 0 and 1, (mean, sd), or ('{kind}', a, b)"
        if share
        else f"write a factor above 0, (mean, sd), or ('{kind}', mu, sigma)"
    )
    if _is_number(prior):
        good = 0.0 <= prior <= 1.0 if share else prior > 0
        problem = "a share lies between 0 and 1" if share else "a multiplier is above 0"
        return [] if good else [Fault(problem, remedy, column=name, value=prior)]
    if isinstance(prior, tuple) and len(prior) == 2 and all(map(_is_number, prior)):
        mean, sd = prior
        if share and not (0 < mean < 1 and 0 < sd**2 < mean * (1 - mean)):
            return [
                Fault(
                    "no Beta distribution has this mean and standard deviation",
                    "give a mean between 0 and 1 and a smaller sd",
                    column=name,
                    value=prior,
                )
            ]
        if not share and not (mean > 0 and sd > 0):
            return [
                Fault(
                    "no log-normal distribution has this mean and standard deviation",
                    "give both above 0",
                    column=name,
                    value=prior,
                )
            ]
        return []
    if (
        isinstance(prior, tuple)
        and len(prior) == 3
        and prior[0] == kind
        and all(map(_is_number, prior[1:]))
    ):
        good = prior[2] > 0 and (not share or prior[1] > 0)
        return (
            []
            if good
            else [
                Fault(
                    "the parameters of the prior are not above 0", remedy, column=name, value=prior
                )
            ]
        )
    return [Fault("this is no number and no prior", remedy, column=name, value=prior)]


def _kind(name: str, prior: Any) -> str:
    if _is_number(prior):
        return "point"
    return "beta" if name != "multiplier" else "lognormal"


def _parameters(name: str, prior: Any) -> tuple[float, float]:
    """Parameters of the Beta (a, b) or log-normal (mu, sigma) distribution of a prior."""
    if len(prior) == 3:
        return float(prior[1]), float(prior[2])
    mean, sd = map(float, prior)
    if name == "multiplier":
        sigma = math.sqrt(math.log1p((sd / mean) ** 2))
        return math.log(mean) - sigma**2 / 2, sigma
    size = mean * (1 - mean) / sd**2 - 1
    return mean * size, (1 - mean) * size


def _moments(name: str, prior: Any) -> tuple[float, float]:
    if _is_number(prior):
        return float(prior), 0.0
    a, b = _parameters(name, prior)
    if name == "multiplier":
        mean = math.exp(a + b**2 / 2)
        return mean, mean * math.sqrt(math.expm1(b**2))
    return a / (a + b), math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))


def _drawn(name: str, prior: Any, number: int, rng: np.random.Generator) -> FloatArray:
    if _is_number(prior):
        return np.full(number, float(prior))
    a, b = _parameters(name, prior)
    return rng.lognormal(a, b, number) if name == "multiplier" else rng.beta(a, b, number)


# --- the formula -----------------------------------------------------------------------------------


def _figure(name: str, given: Any) -> tuple[float, float]:
    value, error = given if isinstance(given, tuple) else (given, 0.0)
    good = _is_number(value) and _is_number(error) and error >= 0
    if not good:
        fault = Fault(
            "this is no figure",
            "give a number, or (number, standard error)",
            column=name,
            value=given,
        )
        raise DataError("The figures cannot be used.", [fault])
    return float(value), float(error)


def _reference(whole: float, error: float, deadweight: Any, reference: Any) -> tuple[float, float]:
    """What would have happened anyway, and how uncertain it is by itself."""
    if reference is not None:
        return _figure("reference", reference)
    faults = _prior_faults("displacement", deadweight)
    if faults:
        raise DataError(
            "The deadweight cannot be used.",
            [Fault(f.problem, f.remedy, column="deadweight", value=deadweight) for f in faults],
        )
    mean, sd = _moments("displacement", deadweight)
    return whole * mean, abs(whole) * sd


def _net_draws(
    whole: float, error: float, deadweight: Any, reference: Any, case: Additionality, other: Additionality, same: bool, draws: int, seed: int
) -> FloatArray:  # fmt: skip
    rng = np.random.default_rng([seed, 3])
    gross = whole + error * rng.standard_normal(draws)
    if reference is not None:
        value, spread = _figure("reference", reference)
        anyway = value + spread * rng.standard_normal(draws)
    else:
        anyway = gross * _drawn("displacement", deadweight, draws, rng)
    factor = case.draws(draws, seed)
    # One world has one displacement: where both cases share a prior they share its draw.
    return np.asarray(
        gross * factor - anyway * (factor if same else other.draws(draws, seed + 1)),
        dtype=np.float64,
    )


def _row(
    term: str, value: float, drawn: FloatArray | None, unit: str, label: str, conf_level: float
) -> dict[str, Any]:
    row = infer([value], [math.nan]).iloc[0].to_dict()
    if drawn is not None:
        low, high = quantile_interval(drawn, conf_level)
        row |= {"std_error": float(drawn.std(ddof=1)), "conf_low": low, "conf_high": high}
    return {"term": term, **row, "unit": unit, "label": label}


def _product(value: float, case: Additionality) -> str:
    parts = [format_number(value, 0 if value % 1 == 0 else 2)]
    for name in _names():
        mean = case._moments(name)[0]
        if name == "multiplier":
            parts += [_short(mean)] if mean != 1 else []
        elif mean:
            parts.append(f"(1 - {_short(mean)})")
    return " x ".join(parts)


def _rounded(value: float) -> float:
    """Without the last bits that products of decimals leave: 9,900 and not 9,899.999999999998."""
    return float(f"{value:.12g}")


def _short(value: float) -> str:
    return f"{value:.4g}"


def _percent(share: float) -> str:
    return format_percent(100 * share, 0 if abs(100 * share - round(100 * share)) < 1e-9 else 1)
