"""Read mpdta, and the values that were published for it; the data are not part of this repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
DATA = HERE.parents[3] / "shared" / "data" / "method_reference" / "mpdta.csv"


def mpdta() -> pd.DataFrame | None:
    """500 counties by 5 years with the cohort in `joined`; None where the file is absent."""
    if not DATA.exists():
        return None
    frame = pd.read_csv(DATA)
    frame["joined"] = frame["first.treat"].where(frame["first.treat"] > 0)
    return frame.rename(columns={"countyreal": "county"})


def expected() -> dict[str, Any]:
    """Published values."""
    return json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
