"""Read the references of group-time effects, and make the variants of mpdta that they are about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent

KEYS = ["case", "estimator", "control", "covariates", "base"]


def references() -> pd.DataFrame:
    """Raw output of the packages: one row per package, case, setting and estimate."""
    return pd.read_csv(
        HERE / "packages.csv",
        dtype={"covariates": str},
        keep_default_na=False,
        na_values={"estimate": [""], "std_error": [""], "cohort": [""], "key": [""]},
    )


def variant(frame: pd.DataFrame, case: str) -> pd.DataFrame:
    """The data of a case, made from mpdta (columns `county`, `year`, `joined`, `lpop`, `lemp`).

    `plain`, `anticipation_1`, `anticipation_2` use the data as they are. `weights` uses `weight`,
    `moving` the covariate `moving` that changes over time, `clusters` the clusters in `region`, and
    `unbalanced` lacks 1 row in 9. All are functions of the county number and the year.
    """
    county = frame["county"].to_numpy()
    year = frame["year"].to_numpy()
    frame = frame.assign(
        weight=1 + (county % 7) / 3,
        moving=frame["lpop"]
        + 0.1 * (year - 2003) * ((county % 5) - 2)
        + 0.3 * np.sin(county * year),
        region=county // 2 % 25,
    )
    if case == "unbalanced":
        frame = frame[(county // 2 + 3 * (year - 2003)) % 9 != 0]
    return frame
