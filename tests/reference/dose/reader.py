"""Read the references of `dose`: the firms (drawn by make_reference.py) and what packages made of them."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def cases() -> dict[str, pd.DataFrame]:
    """Data of each case."""
    made = runpy.run_path(str(HERE / "make_reference.py"))["cases"]
    return dict(made(pd.read_csv(HERE / "firms.csv")))


def references() -> pd.DataFrame:
    """Raw output: `package, version, case, control, shape, kind, dose, estimate, std_error`; a missing dose is the average."""
    return pd.read_csv(HERE / "packages.csv")
