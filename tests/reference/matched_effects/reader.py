"""Read the LaLonde data, and what R finds on them; the data are not part of this repository."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
DATA = HERE.parents[3] / "shared" / "data" / "method_reference"
COVARIATES = {
    "lalonde": ["age", "educ", "black", "hispan", "married", "nodegree", "re74", "re75"],
    "cps": ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"],
    "nsw": ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"],
}
_FILES = {"lalonde": "lalonde", "cps": "nsw_treated_cps_controls", "nsw": "nsw_mixtape"}


def sample(name: str) -> pd.DataFrame | None:
    """One of the samples, rows numbered from 1; None where the file is absent."""
    path = DATA / f"{_FILES[name]}.csv"
    if not path.exists():
        return None
    frame = pd.read_csv(path)
    if name == "lalonde":
        frame["black"], frame["hispan"] = (
            (frame["race"] == r).astype(int) for r in ("black", "hispan")
        )
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


def expected(name: str) -> dict[str, float]:
    """What R printed for a sample."""
    lines = (
        line.split() for line in (HERE / "output.txt").read_text(encoding="utf-8").splitlines()
    )
    return {what: float(value) for sample, what, value in lines if sample == name}
