"""Participants and others, before and after: differences and ratios of means with the influence of each firm.

With two periods and the same firms in both, the coefficient of a Poisson regression with firm and year effects is the log of a
ratio of ratios of sums, and no iteration is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from impact.core.inference import influence_covariance, small_sample_factor

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TwoByTwo:
    """Firms in two groups, once or twice.

    Attributes
    ----------
    before : array, shape (n,), or None
        Outcome before participation; None where firms were seen once, and the groups are compared as they are.
    after : array, shape (n,)
    treated : array of bool, shape (n,)
    clusters : array, shape (n,), or None
        Cluster of each firm; each firm is its own where None.
    """

    before: FloatArray | None
    after: FloatArray
    treated: npt.NDArray[np.bool_]
    clusters: npt.NDArray[Any] | None = None

    @property
    def n_clusters(self) -> int:
        """Clusters of the variance."""
        return len(self.after) if self.clusters is None else len(np.unique(self.clusters))

    def difference(self, after: FloatArray, before: FloatArray | None) -> tuple[float, float]:
        """Difference (in differences) of means of a function of the outcome, with its standard error.

        Parameters
        ----------
        after, before : array, shape (n,)
            The function at both times.
        """
        change = after if before is None else after - before
        influence = np.zeros(len(change))
        means = []
        for group, sign in ((self.treated, 1.0), (~self.treated, -1.0)):
            mean = float(change[group].mean())
            means.append(mean)
            influence[group] = sign * (change[group] - mean) * len(change) / group.sum()
        return means[0] - means[1], self._std_error(influence)

    def log_ratio(self) -> tuple[float, float]:
        """Log of the participants' mean over that of the others, each over its own mean before, with its standard error.

        Missing where one of the means is 0; -inf, without a standard error, where only the participants' mean after is.
        """
        n = len(self.after)
        influence = np.zeros(n)
        value = 0.0
        times = [(self.after, 1.0)] + ([] if self.before is None else [(self.before, -1.0)])
        for y, time in times:
            for group, sign in ((self.treated, time), (~self.treated, -time)):
                mean = float(y[group].mean())
                if mean == 0:
                    lost = y is self.after and group is self.treated and self._others_positive()
                    return (-np.inf if lost else np.nan), np.nan
                value += sign * float(np.log(mean))
                influence[group] += sign * (y[group] - mean) / mean * n / group.sum()
        return value, self._std_error(influence)

    def counterfactual_mean(self) -> float:
        """What the participants' mean would be, had it grown at the rate of the others."""
        other = float(self.after[~self.treated].mean())
        if self.before is None:
            return other
        start = float(self.before[~self.treated].mean())
        own = float(self.before[self.treated].mean())
        return own * other / start if start > 0 else np.nan

    def _others_positive(self) -> bool:
        means = [self.after[~self.treated].mean()]
        if self.before is not None:
            means += [self.before[self.treated].mean(), self.before[~self.treated].mean()]
        return all(m > 0 for m in means)

    def _std_error(self, influence: FloatArray) -> float:
        n = len(influence)
        if min(int(self.treated.sum()), int((~self.treated).sum())) < 2:
            return float("nan")  # one firm has no spread, and the variance of its group is not 0
        periods = 1 if self.before is None else 2
        effects = {} if self.before is None else {"firm": (n, True), "year": (2, False)}
        clusters = self.n_clusters
        if clusters < 2:
            return float("nan")
        factor = small_sample_factor(
            "fixest", n_obs=n * periods, n_slopes=1, effect_sizes=effects, n_clusters=clusters
        )
        variance = influence_covariance(influence[:, None], self.clusters)[0, 0] * factor
        return float(np.sqrt(variance))
