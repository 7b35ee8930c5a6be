"""Read the references of synthetic difference in differences, and draw the panels they are of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
PROP99 = HERE.parents[3] / "shared" / "data" / "method_reference" / "california_prop99.csv"
CASES = {
    "one": (40, 30, {21: 1}),
    "several": (60, 12, {9: 8}),
    "staggered": (50, 14, {7: 5, 10: 9}),
}
"""Firms, years, and how many firms join in which year."""


def panel_of(case: str) -> pd.DataFrame | None:
    """`unit, year, joined, y`: a drawn panel, or Proposition 99 where it is beside the repository."""
    if case == "prop99":
        if not PROP99.exists():
            return None
        frame = pd.read_csv(PROP99).rename(columns={"State": "unit", "Year": "year"})
        joined = np.where(frame["unit"] == "California", 1989.0, np.nan)
        return frame.assign(joined=joined, y=frame["PacksPerCapita"])[
            ["unit", "year", "joined", "y"]
        ]
    firms, years, cohorts = CASES[case]
    rng = np.random.default_rng([20160516, firms])
    joined = np.full(firms, np.nan)
    last = firms
    for g, size in cohorts.items():
        joined[last - size : last] = g
        last -= size
    # Two common factors, which participants load on more; noise that lasts from year to year.
    loading = rng.normal(size=(firms, 2)) + 0.7 * np.isfinite(joined)[:, None]
    factor = np.cumsum(rng.normal(size=(years, 2)), axis=0)
    noise = rng.normal(scale=0.7, size=(firms, years))
    for t in range(1, years):
        noise[:, t] += 0.5 * noise[:, t - 1]
    year = np.arange(1, years + 1)
    effect = 0.5 * (year - np.nan_to_num(joined, nan=np.inf)[:, None] + 1).clip(0)
    y = rng.normal(scale=3, size=(firms, 1)) + loading @ factor.T + noise + effect
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(firms), years),
            "year": np.tile(year, firms),
            "joined": np.repeat(joined, years),
            "y": y.ravel().round(6),
        }
    )


def references() -> pd.DataFrame:
    """Raw output of the packages: `source, case, control, cohort, quantity, key, value`."""
    return pd.read_csv(HERE / "packages.csv")
