"""Read the references of `impact.regress`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def rows() -> pd.DataFrame:
    """The firm-years that every package ran on."""
    return pd.read_csv(HERE / "rows.csv")


def packages() -> pd.DataFrame:
    """Raw output of Python packages and R: one row per package, setting and term."""
    tables = [
        pd.read_csv(
            HERE / name,
            keep_default_na=False,
            na_values={"p_value": [""], "std_error": ["", "NaN"]},
        )
        for name in ("packages.csv", "r.csv")
    ]
    return pd.concat(tables, ignore_index=True)


def first_stages() -> pd.DataFrame:
    """Raw output of linearmodels: F statistics of first stages."""
    return pd.read_csv(HERE / "first_stages.csv", keep_default_na=False)
