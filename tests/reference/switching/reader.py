"""Read the references of `switching`: the firms (drawn by make_reference.py) and what packages made of them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent


def cases() -> dict[str, tuple[pd.DataFrame, dict[str, Any]]]:
    """Data and arguments (in moderndid's words) of each case."""
    made = runpy.run_path(str(HERE / "make_reference.py"))["cases"]
    return dict(made(pd.read_csv(HERE / "firms.csv")))


def references() -> pd.DataFrame:
    """Raw output: `package, version, case, kind, event_time, estimate, std_error, n_switchers`."""
    return pd.read_csv(HERE / "packages.csv")
