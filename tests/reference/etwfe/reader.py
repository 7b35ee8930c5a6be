"""Read what the packages gave, and the panel that was drawn for them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
KEYS = ["data", "family", "control", "effects", "covariates", "weights", "cluster"]
OUTCOMES = ["amount", "count", "yes"]


def panel(variant: str = "panel") -> pd.DataFrame:
    """120 firms by 6 years; in `unbalanced` the outcomes of a tenth of the firm-years are missing (the packages get these rows left out)."""
    frame = pd.read_csv(HERE / "panel.csv")
    if variant == "unbalanced":
        gone = frame["absent"] == 1
        frame[OUTCOMES] = frame[OUTCOMES].mask(gone)
    return frame


def references() -> pd.DataFrame:
    """One row per package, setting, scale and cell."""
    return pd.read_csv(HERE / "packages.csv", keep_default_na=False, na_values=["nan"])
