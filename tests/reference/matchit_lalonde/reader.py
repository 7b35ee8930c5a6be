"""Read lalonde, and what R MatchIt finds on it; the data are not part of this repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
DATA = HERE.parents[3] / "shared" / "data" / "method_reference" / "lalonde.csv"
COVARIATES = ("age", "educ", "black", "hispan", "married", "nodegree", "re74", "re75")


def lalonde() -> pd.DataFrame | None:
    """614 persons with zero-one columns for race; None where the file is absent."""
    if not DATA.exists():
        return None
    frame = pd.read_csv(DATA)
    return frame.assign(
        black=(frame["race"] == "black").astype(int), hispan=(frame["race"] == "hispan").astype(int)
    )


def expected() -> dict[str, Any]:
    """Published values."""
    return json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
