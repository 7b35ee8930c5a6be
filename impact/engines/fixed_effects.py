"""The edge to linearmodels: least squares with fixed effects, arrays in, plain estimates out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import FloatArray


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """A least-squares fit before any small-sample factor.

    Attributes
    ----------
    coefficients : array, shape (k,)
    covariance : array, shape (k, k)
        Sandwich without any factor when clusters were given; otherwise
        `sigma^2 (X'X)^-1` with sigma^2 the residual sum of squares over N.
    residuals : array, shape (n,)
    """

    coefficients: FloatArray
    covariance: FloatArray
    residuals: FloatArray


def least_squares(
    outcome: FloatArray,
    design: FloatArray,
    effects: list[npt.NDArray[np.int64]],
    clusters: npt.NDArray[np.int64] | None = None,
    weights: FloatArray | None = None,
) -> LeastSquares:
    """Regress an outcome on a design matrix, with up to two fixed effects absorbed exactly.

    Parameters
    ----------
    outcome : array, shape (n,)
    design : array, shape (n, k)
        Full column rank after absorption; no constant column where effects are given.
    effects : list of int arrays
        Codes of none, one or two fixed effects.
    clusters : int array, optional
        Codes of the clusters.
    weights : array, optional
        Positive weights.

    Raises
    ------
    EstimationError
        With more than two fixed effects, or a design that is collinear after absorption.
    """
    from linearmodels.panel import PanelOLS
    from linearmodels.panel.utility import AbsorbingEffectError
    from linearmodels.shared.exceptions import MemoryWarning

    if len(effects) > 2:
        raise EstimationError(
            f"{len(effects)} fixed effects were asked for; one or two can be absorbed. "
            "Join two of them into one column, or write one as C(name) among the terms."
        )
    index = pd.MultiIndex.from_arrays([np.arange(len(outcome)), np.zeros(len(outcome), np.int64)])
    options: dict[str, Any] = {}
    if effects:
        names = [f"effect_{i}" for i in range(len(effects))]
        options["other_effects"] = pd.DataFrame(
            dict(zip(names, effects, strict=True)), index=index
        ).astype("category")
    if weights is not None:
        options["weights"] = pd.Series(weights, index=index)
    x = pd.DataFrame(design, index=index, columns=[f"x{i}" for i in range(design.shape[1])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MemoryWarning)
        try:
            model = PanelOLS(pd.Series(outcome, index=index, name="y"), x, **options)
            if clusters is None:
                fit = model.fit(
                    cov_type="unadjusted", debiased=False, auto_df=False, count_effects=False
                )
            else:
                groups = pd.DataFrame({"cluster": clusters}, index=index)
                fit = model.fit(
                    cov_type="clustered", clusters=groups, debiased=False, group_debias=False,
                    auto_df=False, count_effects=False,
                )  # fmt: skip
        except (AbsorbingEffectError, ValueError) as error:
            raise EstimationError(
                "The terms are collinear once the fixed effects are taken out; drop a term that "
                "does not vary within them."
            ) from error
    return LeastSquares(
        np.asarray(fit.params, dtype=np.float64),
        np.asarray(fit.cov, dtype=np.float64),
        np.asarray(fit.resids, dtype=np.float64),
    )
