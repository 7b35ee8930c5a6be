"""Read the references of stacked difference in differences; the data are those of ../twfe."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
SETTING = ["kappa_pre", "kappa_post", "control", "weights"]


def references() -> pd.DataFrame:
    """Raw output: `package, version, kappa_pre, kappa_post, control, weights, event_time, estimate, std_error`."""
    return pd.read_csv(HERE / "packages.csv")
