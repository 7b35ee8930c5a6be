"""An account without a counterfactual: a deadweight is assumed where nothing was estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from impact.core.errors import DataError, Fault
from impact.core.inference import FloatArray
from impact.display.numbers import format_percent
from impact.value.additionality import Additionality, as_additionality
from impact.value.priors import Prior, prior_draws, prior_faults, prior_moments


@dataclass(frozen=True, slots=True)
class GrossToNet:
    """Additionality with a deadweight: `(1 - dw)(1 - L)(1 - Dp)(1 - S) M`, all of it assumed (Additionality Guide, with starred factors as the others)."""

    rest: Additionality
    deadweight: Prior

    @property
    def uncertain(self) -> bool:
        """Whether anything has spread."""
        return self.rest.uncertain or self._moments[1] > 0

    @property
    def factor(self) -> float:
        """Mean of the product."""
        return (1.0 - self._moments[0]) * self.rest.factor

    @property
    def variance(self) -> float:
        """Variance of a product of independent numbers."""
        mean, sd = 1.0 - self._moments[0], self._moments[1]
        whole = (mean**2 + sd**2) * (self.rest.factor**2 + self.rest.variance)
        return whole - (mean * self.rest.factor) ** 2 if self.uncertain else 0.0

    def draws(self, number: int, seed: int) -> FloatArray:
        """Draws of the product; the same for the same seed."""
        drawn = prior_draws(self.deadweight, number, np.random.default_rng([seed, 7]), share=True)
        return np.asarray((1.0 - drawn) * self.rest.draws(number, seed), dtype=np.float64)

    def label(self) -> str:
        """What was taken off, in words."""
        mean, sd = self._moments
        spread = f" (sd {format_percent(100 * sd, 0)})" if sd else ""
        said = f"after deadweight {format_percent(100 * mean, 0)}{spread}"
        more = "" if self.rest == Additionality() else self.rest.label().removeprefix("after")
        return f"{said},{more} (assumed)" if more else f"{said} (assumed)"

    @property
    def _moments(self) -> tuple[float, float]:
        return prior_moments(self.deadweight, share=True)


def declared_additionality(
    value: Additionality | GrossToNet | Mapping[str, Any] | None, gross: bool
) -> Additionality | GrossToNet:
    """Read what was declared: beside a net effect a deadweight is double counting; beside a gross one it is an assumption.

    Raises
    ------
    EstimationError
        A deadweight beside a net effect.
    DataError
        Priors that cannot be.

    Examples
    --------
    >>> round(declared_additionality({"deadweight": 0.4, "displacement": 0.25, "multiplier": 1.1}, gross=True).factor, 6)
    0.495
    """
    if isinstance(value, GrossToNet):
        return value if gross else as_additionality({"deadweight": value.deadweight})
    if not gross or not isinstance(value, Mapping) or "deadweight" not in value:
        return as_additionality(value)
    deadweight = value["deadweight"]
    prior = tuple(deadweight) if isinstance(deadweight, list) else deadweight
    faults = prior_faults("deadweight", prior, share=True)
    try:
        rest = as_additionality(
            {name: given for name, given in value.items() if name != "deadweight"}
        )
    except DataError as error:
        raise DataError("The additionality cannot be used.", [*faults, *error.faults]) from None
    if faults:
        raise DataError(
            "The additionality cannot be used.",
            [Fault(f.problem, f.remedy, column=f.column, value=f.value) for f in faults],
        )
    return GrossToNet(rest, prior)
