"""From gross to net: leakage, displacement, substitution, multiplier; and a deadweight, where nothing was estimated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import DataError, EstimationError, Fault
from impact.core.inference import FloatArray, infer, quantile_interval
from impact.display.digits import number_text
from impact.display.numbers import format_number, format_percent
from impact.estimate.effect import EffectResult
from impact.value.priors import (
    Prior,
    is_number,
    prior_draws,
    prior_faults,
    prior_kind,
    prior_moments,
    prior_range,
)

SHARES = ("leakage", "displacement", "substitution")
_NETTED = ("deadweight", "reference", "counterfactual")
_FEWEST_DRAWS = 100  # an interval of fewer is of its outermost draws


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
    Each is a number or a prior: `(mean, sd)` is the Beta distribution with these moments (a log-normal for the multiplier), `("beta", a, b)` and
    `("lognormal", mu, sigma)` have their own parameters. They are independent of each other and of the effect. The factor is `(1 - L)(1 - Dp)(1 - S) M`. A deadweight is not among them: an effect against comparison firms has
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
        faults = [f for name in _names() for f in _faults(name, getattr(self, name))]
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
        for name in _names():
            total *= self._left(name, number, seed)
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
        """One row per component: `component, prior, mean, sd, low, high` (the middle 95 % of a prior)."""
        rows = []
        for name in _names():
            prior, share = getattr(self, name), name in SHARES
            mean, sd = self._moments(name)
            low, high = prior_range(prior, share=share)
            kind = prior_kind(prior, share=share)
            rows.append((name, kind, mean, sd, low, high))
        return pd.DataFrame(rows, columns=["component", "prior", "mean", "sd", "low", "high"])

    def _moments(self, name: str) -> tuple[float, float]:
        return prior_moments(getattr(self, name), share=name in SHARES)

    def _kept(self) -> list[tuple[float, float]]:
        """Mean and standard deviation of what each leaves."""
        found = [(1.0 - mean, sd) for mean, sd in (self._moments(name) for name in SHARES)]
        return [*found, self._moments("multiplier")]

    def _left(self, name: str, number: int, seed: int, stream: int = 2) -> FloatArray:
        """Draws of what one component leaves: each has its own stream, so that one prior does not move the draws of another."""
        rng = np.random.default_rng([seed, stream, _names().index(name)])
        drawn = prior_draws(getattr(self, name), number, rng, share=name in SHARES)
        return 1.0 - drawn if name in SHARES else drawn


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
        Numbers that cannot be: all in one pass.

    Notes
    -----
    `[GI (1 - L)(1 - Dp)(1 - S) M] - [GI* (1 - L*)(1 - Dp*)(1 - S*) M*]` (Homes and Communities Agency, Additionality Guide, 2014). Standard errors are
    exact, of products of independent numbers; intervals are percentiles of draws. A prior that both cases share is drawn once for both: one world has
    one displacement.

    Examples
    --------
    >>> additionality(20_000, deadweight=0.4, displacement=0.25, multiplier=1.1).estimate
    9900.0
    """
    if isinstance(gross, EffectResult) or isinstance(reference, EffectResult):
        raise EstimationError(
            "This is an estimated effect, which is net of what would have happened anyway. Give it to impact.cost_effectiveness with "
            "additionality={'displacement': ...}; this function is for gross figures."
        )
    if (deadweight is None) == (reference is None):
        raise EstimationError(
            "Without a counterfactual, say once what would have happened anyway: deadweight=0.4 (a share) or reference=8_000 (an amount). "
            "0 is an assumption, too, and may be given."
        )
    mine = dict(zip(_names(), (leakage, displacement, substitution, multiplier), strict=True))
    starred = (reference_leakage, reference_displacement, reference_substitution, reference_multiplier)  # fmt: skip
    theirs = dict(zip(_names(), starred, strict=True))
    _refuse_impossible(gross, deadweight, reference, mine, theirs, conf_level, draws, seed)
    case = Additionality(**mine)
    other = Additionality(**{k: mine[k] if v is None else v for k, v in theirs.items()})
    cases = _Cases(_figure(gross), deadweight, None if reference is None else _figure(reference), case, other)  # fmt: skip
    return _result(cases, unit, conf_level, draws, seed)


def _refuse_impossible(
    gross: Any, deadweight: Any, reference: Any, mine: dict[str, Any], theirs: dict[str, Any], conf_level: Any, draws: Any, seed: Any
) -> None:  # fmt: skip
    faults = [*_figure_faults("gross", gross)]
    faults += [] if reference is None else _figure_faults("reference", reference)
    faults += [] if deadweight is None else prior_faults("deadweight", deadweight, share=True)
    faults += [f for name, prior in mine.items() for f in _faults(name, prior)]
    for name, prior in theirs.items():
        share = name in SHARES
        faults += [] if prior is None else prior_faults(f"reference_{name}", prior, share=share)
    if not (is_number(conf_level) and 0 < conf_level < 1):
        faults.append(Fault("this is no level of confidence", "write a number between 0 and 1, 0.95 say", column="conf_level", value=conf_level))  # fmt: skip
    for name, value, least in (("draws", draws, _FEWEST_DRAWS), ("seed", seed, 0)):
        if not (is_number(value) and value == int(value) >= least):
            faults.append(Fault("this does not do", f"write a whole number from {least} on", column=name, value=value))  # fmt: skip
    if faults:
        raise DataError("The additionality cannot be used.", faults)


# --- the formula -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cases:
    """The intervention and the reference case."""

    gross: tuple[float, float]
    deadweight: Prior | None
    reference: tuple[float, float] | None
    case: Additionality
    other: Additionality

    @property
    def share(self) -> tuple[float, float]:
        return prior_moments(self.deadweight, share=True) if self.deadweight is not None else (0.0, 0.0)  # fmt: skip

    @property
    def anyway(self) -> float:
        return self.gross[0] * self.share[0] if self.reference is None else self.reference[0]

    @property
    def uncertain(self) -> bool:
        spreads = (self.gross[1], self.share[1], self.reference[1] if self.reference else 0.0)
        return any(s > 0 for s in spreads) or self.case.uncertain or self.other.uncertain

    def shared(self, name: str) -> bool:
        return bool(getattr(self.case, name) == getattr(self.other, name))

    def draws(self, number: int, seed: int) -> tuple[FloatArray, FloatArray]:
        """Draws of both cases, after their factors."""
        normal = np.random.default_rng([seed, 3]).standard_normal((2, number))
        first = self.gross[0] + self.gross[1] * normal[0]
        if self.reference is not None:
            second = self.reference[0] + self.reference[1] * normal[1]
        else:
            assert self.deadweight is not None
            rng = np.random.default_rng([seed, 5])
            second = first * prior_draws(self.deadweight, number, rng, share=True)
        for name in _names():
            kept = self.case._left(name, number, seed)
            first = first * kept
            second = second * (kept if self.shared(name) else self.other._left(name, number, seed, 4))  # fmt: skip
        return first, second

    def std_errors(self) -> tuple[float, float, float]:
        """Of the first case, of the second, and of their difference: products of independent numbers."""
        (g, se_g), (share, sd), anyway = self.gross, self.share, self.anyway
        of_gross = g**2 + se_g**2
        if self.reference is None:
            squares = of_gross, of_gross * share, of_gross * (share**2 + sd**2)
        else:
            squares = of_gross, g * anyway, anyway**2 + self.reference[1] ** 2
        mine, theirs = self.case._kept(), self.other._kept()
        both = [
            m**2 + s**2 if self.shared(name) else m * n
            for name, (m, s), (n, _) in zip(_names(), mine, theirs, strict=True)
        ]
        first = squares[0] * math.prod(m**2 + s**2 for m, s in mine)
        cross = squares[1] * math.prod(both)
        second = squares[2] * math.prod(m**2 + s**2 for m, s in theirs)
        a, b = g * self.case.factor, anyway * self.other.factor
        variances = first - a**2, second - b**2, first - 2 * cross + second - (a - b) ** 2
        # Squares of what is known for certain cancel up to rounding.
        kept = [v if v > 1e-14 * (first + second) else 0.0 for v in variances]
        return math.sqrt(kept[0]), math.sqrt(kept[1]), math.sqrt(kept[2])


def _result(
    cases: _Cases, unit: str, conf_level: float, draws: int, seed: int
) -> AdditionalityResult:
    first, second = cases.gross[0] * cases.case.factor, cases.anyway * cases.other.factor
    net = _rounded(first - second)
    values, errors = (_rounded(first), _rounded(second), net), (0.0, 0.0, 0.0)
    drawn: list[FloatArray | None] = [None, None, None]
    if cases.uncertain:
        errors, (one, two) = cases.std_errors(), cases.draws(int(draws), int(seed))
        drawn = [one, two, one - two]
    labels = (
        f"gross {unit}, {cases.case.label()}",
        f"{unit} that would have happened anyway, {cases.other.label()}",
        f"net {unit}, by assumption",
    )
    terms = ("gross", "deadweight", "net")
    parts = zip(terms, values, errors, drawn, labels, strict=True)
    rows = [_row(term, value, error, sample, unit, label, conf_level) for term, value, error, sample, label in parts]  # fmt: skip
    table = pd.DataFrame(rows).assign(
        basis=["gross", "reference case", "net by assumption"], status="assumption"
    )
    arithmetic = f"{_product(cases.gross[0], cases.case)} - {_product(cases.anyway, cases.other)} = {_amount(net)} {unit}"
    low, high = rows[2]["conf_low"], rows[2]["conf_high"]
    interval = (
        "" if math.isnan(low) else f" ({100 * conf_level:g} % of draws lie between {number_text(low)} and {number_text(high)})"
    )  # fmt: skip
    sentence = f"{_amount(cases.gross[0])} gross {unit} leave {_amount(net)} net{interval}, if the assumptions hold."
    notes = [
        "Driven by assumptions: no counterfactual was estimated, and the interval, where there is one, holds the spread of what was declared and no more."
    ]
    if net < 0:
        notes.append(
            "By these assumptions more would have happened without the programme than with it."
        )
    return AdditionalityResult(table, arithmetic, sentence, tuple(notes))


def _row(
    term: str, value: float, error: float, drawn: FloatArray | None, unit: str, label: str, conf_level: float
) -> dict[str, Any]:  # fmt: skip
    row = infer([value], [math.nan]).iloc[0].to_dict()
    if drawn is not None and error > 0:
        low, high = quantile_interval(drawn, conf_level)
        row |= {"std_error": error, "conf_low": low, "conf_high": high}
    return {"term": term, **row, "unit": unit, "label": label}


# --- what was given, and words ---------------------------------------------------------------------


def _names() -> tuple[str, ...]:
    return tuple(field.name for field in fields(Additionality))


def _faults(name: str, prior: Any) -> list[Fault]:
    return prior_faults(name, prior, share=name in SHARES)


def _figure_faults(name: str, given: Any) -> list[Fault]:
    value, error = given if isinstance(given, tuple) and len(given) == 2 else (given, 0.0)
    if not (is_number(value) and is_number(error) and error >= 0):
        remedy = "give a number, or (number, standard error)"
        return [Fault("this is no figure", remedy, column=name, value=given)]
    if value < 0:
        remedy = "give what was reported, as a count or an amount from 0 on"
        return [Fault("a reported figure is not below zero", remedy, column=name, value=given)]
    return []


def _figure(given: Any) -> tuple[float, float]:
    value, error = given if isinstance(given, tuple) else (given, 0.0)
    return float(value), float(error)


def _product(value: float, case: Additionality) -> str:
    parts = [format_number(value, 0 if value % 1 == 0 else 2)]
    for name in _names():
        mean = case._moments(name)[0]
        if name == "multiplier":
            parts += [_short(mean)] if mean != 1 else []
        elif mean:
            parts.append(f"(1 - {_short(mean)})")
    return " x ".join(parts)


def _amount(value: float) -> str:
    return number_text(value) if value % 1 else format_number(value, 0)


def _rounded(value: float) -> float:
    """Without the last bits that products of decimals leave: 9,900 and not 9,899.999999999998."""
    return float(f"{value:.12g}")


def _short(value: float) -> str:
    return f"{value:.4g}"


def _percent(share: float) -> str:
    return format_percent(100 * share, 0 if abs(100 * share - round(100 * share)) < 1e-9 else 1)
