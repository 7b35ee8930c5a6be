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


def with_more_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns that others span, and levels for `i()`."""
    return rows.assign(
        size=rows["sector"] * 2.5,
        two=2 * rows["x"],
        mix=rows["x"] - 3 * rows["z"] + 1,
        trend=rows["year"],
        one=1.0,
        far=rows["x"] + 1e4,
        again=3 * rows["q"] - rows["x"],
        t=rows["year"] - 2003,
        treat=rows["firm"] % 2,
        sec=rows["sector"].map({0: "a", 1: "b", 2: "c", 3: "d"}),
    )


def collinear() -> pd.DataFrame:
    """Raw output of pyfixest: formulas with collinear terms and with `i()`, one row per setting and term."""
    return pd.read_csv(
        HERE / "collinear.csv", keep_default_na=False, na_values={"std_error": ["", "nan"]}
    )
