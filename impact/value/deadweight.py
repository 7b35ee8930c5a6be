"""The deadweight that an estimated effect implies: what share of a reported figure would have happened anyway."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from impact.core.errors import DataError, Fault
from impact.display.numbers import format_percent
from impact.value.ratio import Kind, RatioResult, ratio

_LABEL = "share of the reported figure that would have happened anyway"


@dataclass(frozen=True, slots=True)
class ImpliedDeadweight:
    """A share of what was reported, and its confidence set; made by `impact.implied_deadweight`, never changed.

    Attributes
    ----------
    share : RatioResult
        The share with its Fieller set, read as that of any ratio. It is not cut at 0 or 1.
    sentence : str
        The finding in words.
    """

    share: RatioResult
    sentence: str

    @property
    def estimate(self) -> float:
        """The share, 0.7 for 70 %."""
        return self.share.estimate

    @property
    def conf_low(self) -> float:
        """Lower end of the confidence set; see `RatioResult`."""
        return self.share.conf_low

    @property
    def conf_high(self) -> float:
        """Upper end of the confidence set; see `RatioResult`."""
        return self.share.conf_high

    @property
    def kind(self) -> Kind:
        """Shape of the confidence set."""
        return self.share.kind

    def contains(self, value: float) -> bool:
        """Whether a share lies in the confidence set."""
        return self.share.contains(value)

    def tidy(self) -> pd.DataFrame:
        """One row: that of the ratio, with `label` and `sentence`."""
        return self.share.tidy().assign(
            term="implied_deadweight", label=_LABEL, sentence=self.sentence
        )

    def summary(self) -> str:
        """The finding in words."""
        return " ".join([self.sentence, *self.share.notes])

    def __repr__(self) -> str:
        return self.summary()


def implied_deadweight(
    total: tuple[float, float | None],
    gross: float | tuple[float, float],
    *,
    cov: float = 0.0,
    conf_level: float = 0.95,
    df: float | None = None,
) -> ImpliedDeadweight:
    """The share of a reported gross figure that would have happened anyway, according to an estimated effect.

    Parameters
    ----------
    total : (float, float)
        Net total of participants, `sum N ATT`, and its standard error.
    gross : float or (float, float)
        What participants reported, or with a standard error where it is from a sample.
    cov : float
        Covariance of the two, where both are of the same firms.
    conf_level : float
    df : float, optional
        Degrees of freedom of the t distribution; the normal distribution where missing.

    Returns
    -------
    ImpliedDeadweight
        Not cut at 0 or 1: below 0 more was brought about than reported, above 1 participants did worse than they would have.

    Raises
    ------
    DataError
        Nothing was reported, or what `impact.ratio` refuses.

    Notes
    -----
    `1 - total / gross`; the set is Fieller's, turned.

    Examples
    --------
    >>> print(implied_deadweight((300.0, 50.0), 1_000.0).summary().replace("\\u00a0", " "))
    70 % of what participants reported would have happened anyway (95 % interval 60.2 % to 79.8 %).
    """
    reported = gross if isinstance(gross, tuple) else (gross, 0.0)
    try:
        found = ratio(total, reported, cov=cov, conf_level=conf_level, df=df)
    except DataError as error:
        names = {"numerator": "total", "denominator": "gross"}
        faults = [replace(f, column=names.get(f.column or "", f.column)) for f in error.faults]
        raise DataError("A deadweight cannot be formed.", faults) from None
    if not reported[0] > 0:
        fault = Fault(
            "nothing was reported", "give a gross figure above zero", column="gross", value=gross
        )
        raise DataError("A deadweight cannot be formed.", [fault])
    share = replace(
        found,
        estimate=1.0 - found.estimate,
        conf_low=1.0 - found.conf_high,
        conf_high=1.0 - found.conf_low,
    )
    return ImpliedDeadweight(share, _sentence(share))


def _sentence(share: RatioResult) -> str:
    if share.kind in ("complement", "unbounded"):
        return "No share can be given: what was reported cannot be told from zero, so that the deadweight has no bounds."
    level = f"{100 * share.conf_level:g} % interval"
    interval = (
        f"{level} {_percent(share.conf_low)} to {_percent(share.conf_high)}"
        if share.kind == "bounded"
        else "no interval"
    )
    said = _percent(share.estimate)
    nearest = min(max(share.estimate, 0.0), 1.0)
    by_chance = share.kind == "bounded" and share.contains(nearest)
    if share.estimate < 0:
        return (
            f"The programme brought about {_percent(1.0 - share.estimate)} of what participants reported, so that the implied deadweight is below "
            f"zero ({said}, {interval}): {'chance, ' if by_chance else ''}a report that is not complete, or an effect that is overstated."
        )
    if share.estimate > 1:
        may = "may be chance" if by_chance else "is due to the programme in no part"
        return (
            f"Participants did worse than they would have without the programme, so that the implied deadweight is above 100 % ({said}, {interval}): "
            f"{'that ' if by_chance else 'what was reported '}{may}."
        )
    return f"{said} of what participants reported would have happened anyway ({interval})."


def _percent(share: Any) -> str:
    whole = math.isclose(100 * share, round(100 * share), abs_tol=1e-9)
    return format_percent(100 * share, 0 if whole else 1)
