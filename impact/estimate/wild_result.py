"""What is asked of a wild bootstrap, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.display.digits import table_text
from impact.estimate.wild_sums import ClusterSums, Draws, Verdict, Weights, judged

Kind = Literal["wild", "score"]


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapResult:
    """What `impact.wild_bootstrap` found.

    Attributes
    ----------
    estimates : DataFrame
        A row for each number: `term`, `estimate`, the cluster-robust `std_error` and `statistic`, and of the bootstrap `p_value`, `conf_low`,
        `conf_high`; counts, `n_clusters`, `n_draws`. An end of the interval is missing where the test rejects no value on that side.
    statistics : array, shape (draws,), or (draws, rows) of an effect
        The t statistics of the draws, each around the value that they were drawn under.
    variance : str
        How they were drawn, in words.
    notes : tuple of str
    kind : {"wild", "score"}
        Whether residuals of a regression were drawn from, or the influence functions of an estimator.
    """

    estimates: pd.DataFrame
    statistics: FloatArray
    variance: str
    notes: tuple[str, ...] = ()
    kind: Kind = "wild"

    def tidy(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.estimates.copy()

    def summary(self) -> str:
        """The table, and how it came about."""
        return "\n".join([table_text(self.estimates), f"{self.variance}.", *self.notes])

    def __repr__(self) -> str:
        return self.summary()


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a call, checked."""

    draws: int
    signs: Weights | None
    seed: int
    impose_null: bool
    value: float

    def __post_init__(self) -> None:
        whole = isinstance(self.draws, (int, np.integer)) and not isinstance(self.draws, bool)
        if not whole or self.draws < 99:
            raise EstimationError(f"draws is {self.draws!r}; it is a whole number from 99.")
        if self.signs not in (None, "rademacher", "webb"):
            raise EstimationError(f"signs is {self.signs!r}; choose from 'rademacher', 'webb'.")
        if not isinstance(self.value, Real) or not np.isfinite(float(self.value)):
            raise EstimationError(f"value is {self.value!r}; name the number that is tested.")

    def plan(self, clusters: int, conf_level: float) -> Draws:
        """The draws of so many clusters."""
        return Draws.of(
            clusters, self.signs, int(self.draws), self.seed, self.impose_null, conf_level
        )

    def test(self, sums: ClusterSums, plan: Draws, conf_level: float) -> Verdict:
        """Test the value of one number."""
        return judged(sums, float(self.value), plan, conf_level)
