"""Read the references of the imputation estimator."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def references() -> pd.DataFrame:
    """Raw output of the packages: one row per package, case, variance and estimate."""
    return pd.read_csv(HERE / "packages.csv")
