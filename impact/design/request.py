"""What was asked of `match`, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from impact.core.errors import DesignError
from impact.core.registry import METHODS, Method
from impact.core.whole_numbers import years

DEFAULT_SEED = 20160516
SCORES = ("logit", "linear_logit", "probit")
"""Distances that are estimated from the covariates."""

Scale = Literal["sd", "raw"]
Order = Literal["largest", "smallest", "data", "random"]
Control = Literal["never", "not_yet"]
Estimand = Literal["ATT", "ATE", "ATO"]

_CHOICES = {
    "caliper_scale": ("sd", "raw"),
    "order": ("largest", "smallest", "data", "random"),
    "estimand": ("ATT", "ATE", "ATO"),
    "control": ("never", "not_yet"),
}


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """The arguments of `match`, as they were carried out.

    Raises
    ------
    DesignError
        If a value is none of its choices, or two of them contradict each other.
    """

    on: tuple[str, ...]
    exact: tuple[str, ...] = ()
    treatment: str | None = None
    method: str = "nearest"
    distance: str = "logit"
    caliper: float | None = None
    caliper_scale: Scale = "sd"
    ratio: int = 1
    replace: bool = False
    order: Order = "largest"
    estimand: Estimand = "ATT"
    seed: int = DEFAULT_SEED
    control: Control = "never"
    years_after: int = 0
    lags: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                known = ", ".join(map(repr, choices))
                raise DesignError(f"{name} is {value!r}; choose from {known}.")
        if not self.on and not (self.exact and self.method in ("exact", "coarsened")):
            raise DesignError("`on` is empty: name the covariates to match on.")
        for name in ("on", "exact"):
            columns = getattr(self, name)
            if len(set(columns)) < len(columns):
                raise DesignError(f"`{name}` names a column twice: {', '.join(columns)}.")
        if not _is_whole(self.ratio) or self.ratio < 1:
            raise DesignError(f"ratio is {self.ratio!r}; it is a whole number from 1.")
        if not isinstance(self.replace, (bool, np.bool_)):
            raise DesignError(f"replace is {self.replace!r}; it is True or False.")
        if not _is_whole(self.seed):
            raise DesignError(f"seed is {self.seed!r}; it is a whole number.")
        if self.treatment is not None and self.control == "not_yet":
            raise DesignError(
                "control='not_yet' is for a Panel, which knows who joined when; leave it out."
            )
        if not _is_whole(self.years_after) or self.years_after < 0:
            raise DesignError(f"years_after is {self.years_after!r}; it is a whole number from 0.")
        if self.years_after and self.control == "never":
            raise DesignError(
                "years_after is how long firms that join later must wait; it goes with control='not_yet'."
            )
        self._check_caliper()
        if self.method == "mahalanobis" and self.caliper is None:
            if self.distance not in ("logit", "mahalanobis"):
                raise DesignError(
                    f"distance is {self.distance!r}, but Mahalanobis matching uses a score for its caliper alone: give a "
                    "caliper, or leave `distance` out."
                )
            object.__setattr__(self, "distance", "mahalanobis")  # no score is estimated for nothing

    def _check_caliper(self) -> None:
        if self.caliper is None:
            return
        number = isinstance(self.caliper, (int, float, np.number)) and not isinstance(
            self.caliper, bool
        )
        if not (number and np.isfinite(self.caliper) and self.caliper > 0):
            raise DesignError(f"caliper is {self.caliper!r}; it is a positive number, or None.")
        if self.distance == "mahalanobis" and self.caliper_scale == "sd":
            raise DesignError(
                "Mahalanobis distance is already in standard deviations and has no score whose "
                'spread a caliper could count: write caliper_scale="raw", or leave `caliper` out.'
            )

    def check_abilities(self, method: Method) -> None:
        """Refuse what the method does not do, rather than pass over it.

        Raises
        ------
        DesignError
            If an argument that it does not use was given, or an estimand that it does not have.
        """
        said = f"The method {method.name!r}"
        if self.estimand not in method.estimands:
            known = ", ".join(map(repr, method.estimands))
            raise DesignError(f"{said} has the estimands {known}; {self.estimand!r} was asked for.")
        always = {
            *("on", "exact", "treatment", "method", "estimand"),
            *("control", "years_after", "lags", "options"),
        }
        given = [
            f.name
            for f in fields(self)
            if f.name not in always
            and f.default is not MISSING
            and getattr(self, f.name) != f.default
        ]
        if self.exact and "exact" not in method.options:
            given.append("exact")
        unknown = sorted({*given, *self.options} - set(method.options))
        if unknown:
            known = ", ".join(method.options) or "none"
            raise DesignError(f"{said} does not use {', '.join(unknown)}; its options: {known}.")

    def option(self, name: str, default: Any) -> Any:
        """An option of the method, or its default where it was not given or is None."""
        value = self.options.get(name)
        return default if value is None else value

    @property
    def lagged(self) -> dict[str, tuple[str, int]]:
        """Covariates made of years before the one before joining: their names, columns, and years before joining."""
        return {
            lag_name(column, years): (column, years)
            for column, most in self.lags.items()
            for years in range(2, most + 1)
        }

    @property
    def given(self) -> str | None:
        """The column that holds a score from elsewhere, where `distance` names one."""
        return None if self.distance in (*SCORES, "mahalanobis") else self.distance

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that must hold numbers: the covariates, a given score, base weights."""
        given = () if self.given is None else (self.given,)
        base = self.options.get("base_weights")
        return tuple(dict.fromkeys((*self.on, *given, *(() if base is None else (base,)))))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that must be known of a firm."""
        return tuple(dict.fromkeys((*self.numbers, *self.exact)))


def waiting_firms(settings: MatchSettings) -> str:
    """Which firms of a panel are compared with, in words that follow "firms that"."""
    if settings.control == "never":
        return "never joined"
    k = settings.years_after
    if not k:
        return "had not joined by the same year"
    return f"had not joined within {years(k)} after it"


def takes(settings: MatchSettings, option: str) -> bool:
    """Whether the method takes an option, so that a message does not advise what would be refused."""
    return option in METHODS.find("match", settings.method).options


def instead_of_separation(settings: MatchSettings) -> str:
    """What to do about a covariate that tells who joined, by what the method can take."""
    where = "name it in `exact`"
    if not takes(settings, "exact"):
        where = "match by method='nearest' and name it in `exact`"
    return f"Leave the covariate out, or {where} so that those firms are left unmatched."


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def lag_name(column: str, years: int) -> str:
    """What a column is called as it was some years before joining; the year before is the column itself."""
    return column if years == 1 else f"{column}_{years}_before"


def with_lags(on: tuple[str, ...], lags: Mapping[str, int]) -> tuple[str, ...]:
    """The covariates, and the columns of `lags` in each of their years.

    Raises
    ------
    DesignError
        If a number of years is none.

    Examples
    --------
    >>> with_lags(("size",), {"exports": 2})
    ('size', 'exports', 'exports_2_before')
    """
    if not isinstance(lags, Mapping):
        raise DesignError(
            f"lags is {lags!r}; it names columns with their numbers of years, as {{'exports': 2}} does."
        )
    for column, most in lags.items():
        if isinstance(most, bool) or not isinstance(most, (int, np.integer)) or most < 1:
            raise DesignError(
                f"lags[{column!r}] is {most!r}; it is a number of years before joining, from 1."
            )
    paths = [lag_name(c, k) for c, most in lags.items() for k in range(1, most + 1)]
    return tuple(dict.fromkeys((*on, *paths))) if paths else on


def as_names(value: Sequence[str] | None, name: str) -> tuple[str, ...]:
    """Read a list of column names; a bare string is one name and not a list of letters."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    names = tuple(value)
    if not all(isinstance(n, str) for n in names):
        raise DesignError(f"`{name}` is a list of column names; it holds {names!r}.")
    return names
