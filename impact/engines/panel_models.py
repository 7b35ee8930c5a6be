"""The edge to linearmodels: random effects, first differences, means of firms, pooled rows, and the within estimator to hold them against."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError

FloatArray = npt.NDArray[np.float64]
Model = Literal["random", "first_difference", "between", "pooled", "within"]


@dataclass(frozen=True, slots=True)
class PanelFit:
    """A fitted model of k coefficients.

    Attributes
    ----------
    coefficients : array, shape (k,)
    covariance : array, shape (k, k)
        Classical, or clustered without a small-sample factor.
    n_obs : int
        Rows of the regression: differences, or firms, where it is one of these.
    residual_variance : float
        Squared residuals of the (transformed) regression over N - K, or over N when clustered.
    firm_variance, noise_variance : float
        Of the effects of firms and of the rest; missing but for random effects.
    """

    coefficients: FloatArray
    covariance: FloatArray
    n_obs: int
    residual_variance: float
    firm_variance: float = float("nan")
    noise_variance: float = float("nan")


def fit_panel(
    model: Model,
    outcome: FloatArray,
    design: pd.DataFrame,
    firm: npt.NDArray[np.int64],
    period: npt.NDArray[np.int64],
    cluster: npt.NDArray[np.int64] | None,
) -> PanelFit:
    """Fit one model by linearmodels.

    Parameters
    ----------
    model : {"random", "first_difference", "between", "pooled", "within"}
        `within` takes firm means off and needs a design without a constant.
    outcome : array, shape (n,)
    design : DataFrame, shape (n, k)
    firm, period : int arrays, shape (n,)
        Codes; rows sorted by them.
    cluster : int array, shape (n,), optional
        Clusters; the classical variance where missing.

    Raises
    ------
    EstimationError
        If linearmodels cannot fit it, in its words.

    Examples
    --------
    >>> x = pd.DataFrame({"x": [0.0, 1.0, 0.0, 3.0]})
    >>> firm, year = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> fit_panel("first_difference", np.array([1.0, 3.0, 5.0, 11.0]), x, firm, year, None).coefficients
    array([2.])
    """
    from linearmodels import panel

    index = pd.MultiIndex.from_arrays([firm, period], names=["firm", "period"])
    y, x = pd.Series(outcome, index=index, name="outcome"), design.set_axis(index)
    makers: dict[str, Any] = {
        "random": panel.RandomEffects,
        "first_difference": panel.FirstDifferenceOLS,
        "between": panel.BetweenOLS,
        "pooled": panel.PooledOLS,
    }
    asked: dict[str, Any] = {"cov_type": "unadjusted"}
    if cluster is not None:
        clusters = pd.DataFrame({"cluster": cluster}, index=index)
        asked = {"cov_type": "clustered", "clusters": clusters, "debiased": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # on rows that a difference cannot use; these are counted
            if model == "within":
                found = panel.PanelOLS(y, x, entity_effects=True).fit(**asked)
            else:
                if model == "random":
                    asked["small_sample"] = (
                        True  # the exact variance of the effects where panels are unbalanced
                    )
                found = makers[model](y, x).fit(**asked)
    except (ValueError, ZeroDivisionError, np.linalg.LinAlgError) as error:
        raise EstimationError(f"The model cannot be fitted: {str(error).strip()}") from error
    parts = found.variance_decomposition if model == "random" else {}
    return PanelFit(
        found.params.to_numpy(dtype=np.float64),
        found.cov.to_numpy(dtype=np.float64),
        int(found.nobs),
        float(found.s2),
        float(parts.get("Effects", np.nan)),
        float(parts.get("Residual", np.nan)),
    )
