"""Read what the packages gave, and the firms that were drawn for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def slopes(case: str) -> tuple[float, float, float, float, float]:
    """Slopes on z of y and of x, their errors, and their covariance: least squares with a constant, 78 degrees of freedom."""
    firms = pd.read_csv(HERE / "firms.csv")
    z, x, y = firms.loc[firms["case"] == case, ["z", "x", "y"]].to_numpy().T
    z, both = z - z.mean(), np.stack([y - y.mean(), x - x.mean()])
    slope = both @ z / (z @ z)
    left = both - slope[:, None] * z
    covariance = left @ left.T / (len(z) - 2) / (z @ z)
    error = np.sqrt(np.diag(covariance))
    return float(slope[0]), float(error[0]), float(slope[1]), float(error[1]), float(covariance[0, 1])  # fmt: skip


def ivmodels() -> pd.DataFrame:
    """Kind and ends of Anderson-Rubin sets, by case, critical value and level."""
    return pd.read_csv(HERE / "ivmodels.csv")


def r() -> pd.DataFrame:
    """Kind and ends by R multcomp, estimate and error by R car."""
    return pd.read_csv(HERE / "r.csv")
