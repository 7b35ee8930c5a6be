"""An effect: estimates with their uncertainty, their firms and where they came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import (
    FloatArray,
    infer,
    influence_covariance,
    uniform_critical_value,
)
from impact.core.tidy import estimate_table
from impact.display.digits import table_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Aggregation = Literal["overall", "event", "cohort", "calendar"]
Scale = Literal["outcome", "percent", "link"]


@dataclass(frozen=True, slots=True, eq=False)
class EffectResult:
    """Estimated effects; made by `impact.att` and `impact.regress`, never changed.

    Attributes
    ----------
    estimates : DataFrame
        Tidy table, one row per estimate: `term`, key columns (`cohort`, `time`, `event_time`),
        `estimate` to `conf_high`, counts.
    vcov : array, shape (k, k)
        Covariance of the k estimates.
    influence : DataFrame or None
        Influence of each firm (index) on each estimate (columns are the terms), scaled so that
        `vcov = s's / n^2` with s the rows summed within clusters.
    firms : DataFrame or None
        One row per firm, same index as `influence`: `cohort` (missing = never), `weight`, `cluster`.
    method, estimand, outcome, family, label : str
        Which number this is.
    conf_level : float
        Level of the intervals.
    df : float or None
        Degrees of freedom of the t distribution; None is the normal distribution.
    small_sample : str
        Name of the small-sample factor; a key of `impact.core.inference.SMALL_SAMPLE`.
    variance : str
        How the variance was computed, in words for a table note.
    aggregation : str or None
        `None` for the estimator's own rows (for group-time methods the cells), else the kind.
    notes : tuple of str
        What a reader must know.
    source : object
        The `Panel` or `MatchResult` it came from.
    seed : int
        Seed of the uniform band.
    anticipation : int
        Years before joining in which an effect is allowed; they are no test of the comparison.
    scale : {"outcome", "percent", "link"}
        Whether estimates are in the unit of the outcome, in per cent of the baseline, or coefficients (of a logarithm, of log odds).
    baseline : array, shape (k,), or None
        Mean outcome that participants would have had without the programme.
    baseline_influence : array, shape (n, k), or None
        Influence of each firm on it, as `influence`.
    fixed_shares : bool
        Whether averages take the sizes of cohorts as given, which the variance of some methods does.
    part : array of int8, shape (n, k), or None
        What a firm is in each row: 1 a participant, 2 a comparison firm, 0 neither. Where it is None, firms with influence are counted, which is
        right where others have none; estimated weights give influence to firms that are not compared.
    asked : AttRequest or None
        The request that `impact.att` answered, from which `impact.wild_bootstrap` estimates again.
    """

    estimates: pd.DataFrame
    vcov: FloatArray
    influence: pd.DataFrame | None
    firms: pd.DataFrame | None
    method: str
    estimand: str
    outcome: str
    family: str
    label: str
    conf_level: float
    df: float | None
    small_sample: str
    variance: str
    aggregation: str | None = None
    notes: tuple[str, ...] = field(default=())
    source: Any = None
    seed: int = 20160516
    anticipation: int = 0
    scale: Scale = "outcome"
    baseline: FloatArray | None = None
    baseline_influence: FloatArray | None = None
    fixed_shares: bool = False
    part: npt.NDArray[np.int8] | None = None
    asked: Any = None

    def tidy(self) -> pd.DataFrame:
        """A copy of the table of estimates."""
        return self.estimates.copy()

    def aggregate(self, kind: Aggregation = "overall") -> EffectResult:
        """Average group-time effects into an event study, by cohort, by year, or into one number.

        Parameters
        ----------
        kind : {"overall", "event", "cohort", "calendar"}
            `overall` weights every treated cell by the size of its cohort.

        Returns
        -------
        EffectResult
            With influence functions that count the estimation of the cohort shares.

        Raises
        ------
        EstimationError
            If the method has no group-time cells.
        """
        from impact.estimate.aggregate import aggregate

        return aggregate(self, kind)

    def percent(self) -> EffectResult:
        """The same effects in per cent of what participants would have had without the programme.

        Returns
        -------
        EffectResult
            `100 x effect / baseline` with the error of both (delta method), row by row. To speak of an average, aggregate first: it is then the per
            cent of the whole, and not a mean of percentages. Missing where the baseline is not above 0.

            Intervals are those of the ratio `1 + effect / baseline`, symmetric in its logarithm, as R and Stata have them of exponentiated
            coefficients: they are longer upwards, and no end is below -100. They are missing where the ratio is not above 0. Statistic
            and p-value are those of the effect in the unit of the outcome, since the one is 0 where the other is.

        Raises
        ------
        EstimationError
            If the method gives no baseline, or the effects are not in the unit of the outcome.

        Examples
        --------
        >>> import impact
        >>> from impact.simulate.programme import programme
        >>> frame, truth = programme(firms=60, periods=4, cohorts=(3,), seed=1, noise=0.0)
        >>> panel = impact.panel(frame.assign(exports=frame["exports"] + 10), unit="firm", time="year", cohort="joined")
        >>> overall = impact.att(panel, "exports", method="group_time").aggregate("overall")
        >>> overall.percent().tidy()["estimate"].round(3).tolist()
        [1.555]
        """
        from impact.estimate.percent import percent

        return percent(self)

    def summary(self) -> str:
        """The table of estimates and a sentence that says what it is."""
        of_link = self.scale == "link" and self.estimand != "coefficient"
        on = ", per cent," if self.scale == "percent" else ", coefficient," if of_link else ""
        sentence = (
            f"{self.estimand} on {self.label}{on} by {self.method} ({self.family}); {self.variance}; "
            f"{self.conf_level:.0%} intervals."
        )
        return "\n".join([table_text(self.estimates), sentence, *self.notes])

    def plot(self) -> Figure:
        """Draw the estimates with pointwise intervals (grey) and the uniform band."""
        from impact.display.figures import effect_figure

        unit = {"percent": ", per cent", "link": ", coefficient"}.get(self.scale, "")
        return effect_figure(self.estimates, label=f"{self.label}{unit}")

    def __repr__(self) -> str:
        return self.summary()


def effect_from_influence(
    *,
    keys: pd.DataFrame,
    estimate: FloatArray,
    influence: FloatArray,
    firms: pd.DataFrame,
    counts: pd.DataFrame,
    method: str,
    outcome: str,
    family: str,
    label: str,
    conf_level: float,
    variance: str,
    estimand: str = "ATT",
    aggregation: str | None = None,
    band: bool = True,
    notes: tuple[str, ...] = (),
    source: Any = None,
    seed: int = 20160516,
    anticipation: int = 0,
    scale: Scale = "outcome",
    baseline: FloatArray | None = None,
    baseline_influence: FloatArray | None = None,
    fixed_shares: bool = False,
    part: npt.NDArray[np.int8] | None = None,
) -> EffectResult:
    """Build an `EffectResult` from influence functions: the one way for every own estimator.

    Parameters
    ----------
    keys : DataFrame
        Column `term` and the key columns, k rows.
    estimate : array, shape (k,)
    influence : array, shape (n, k)
        See `EffectResult.influence`.
    firms : DataFrame
        n rows in the order of `influence`: `cohort`, `weight`, `cluster`.
    counts : DataFrame
        Count columns such as `n_treated` and `n_control`, k rows.
    band : bool
        Whether to add a uniform band over the rows.
    scale, baseline, baseline_influence, fixed_shares, part
        See `EffectResult`.

    Raises
    ------
    EstimationError
        If the shapes do not agree.
    """
    if influence.shape != (len(firms), len(keys)) or len(estimate) != len(keys):
        raise EstimationError(
            f"{len(keys)} estimates came with influence functions of shape {influence.shape}."
        )
    if (baseline is None) != (baseline_influence is None):
        raise EstimationError("A baseline comes with its influence functions, or not at all.")
    if baseline_influence is not None and baseline_influence.shape != influence.shape:
        raise EstimationError(
            f"A baseline of shape {baseline_influence.shape} came with influence functions of shape {influence.shape}."
        )
    vcov = influence_covariance(influence, firms["cluster"].to_numpy())
    columns = infer(estimate, np.sqrt(np.diag(vcov)), conf_level=conf_level)
    table = pd.concat([keys.reset_index(drop=True), columns], axis=1)
    if band:
        critical = uniform_critical_value(vcov, conf_level=conf_level, seed=seed)
        table["band_low"] = table["estimate"] - critical * table["std_error"]
        table["band_high"] = table["estimate"] + critical * table["std_error"]
    table = pd.concat([table, counts.reset_index(drop=True)], axis=1)
    table["n_clusters"] = int(firms["cluster"].nunique())
    return EffectResult(
        estimates=estimate_table(table, [c for c in keys.columns if c != "term"]),
        vcov=vcov,
        influence=pd.DataFrame(
            influence, index=firms.index, columns=list(keys["term"]), copy=False
        ),
        firms=firms,
        method=method,
        estimand=estimand,
        outcome=outcome,
        family=family,
        label=label,
        conf_level=conf_level,
        df=None,
        small_sample="none",
        variance=variance,
        aggregation=aggregation,
        notes=notes,
        source=source,
        seed=seed,
        anticipation=anticipation,
        scale=scale,
        baseline=baseline,
        baseline_influence=baseline_influence,
        fixed_shares=fixed_shares,
        part=part,
    )
