"""Least totals that others found, and the calls that they belong to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
DATA = HERE.parents[3] / "shared" / "data" / "method_reference"

CALLS: dict[str, dict[str, Any]] = {
    "pairs": {"method": "optimal"},
    "pairs, two controls": {"method": "optimal", "ratio": 2},
    "pairs, caliper 0.2": {"method": "optimal", "caliper": 0.2},
    "pairs, exact race": {"method": "optimal", "exact": ["race"]},
    "full": {"method": "full"},
    "full, caliper 0.2": {"method": "full", "caliper": 0.2},
    "full, exact race": {"method": "full", "exact": ["race"]},
    "full, from 1/2 to 3": {"method": "full", "min_controls": 1 / 2, "max_controls": 3},
    "full, from 1/4 to 5": {"method": "full", "min_controls": 1 / 4, "max_controls": 5},
    "full, from 1/5 to 20, caliper 0.2": {
        "method": "full", "min_controls": 1 / 5, "max_controls": 20, "caliper": 0.2,
    },
    "full, from 1 to 6": {"method": "full", "min_controls": 1, "max_controls": 6},
}  # fmt: skip

PUBLISHED: list[dict[str, Any]] = [
    # Mean distance of a pair in standard deviations of the score, and means of the score in both arms.
    {"source": "MatchIt, reference page of method_optimal", "pair_distance": 0.0436,
     "means": (0.4972, 0.4901), "sizes": (116, 116), "settings": {"method": "optimal", "exact": ["race"]}},
    {"source": "MatchIt, vignette 'Getting started'", "pair_distance": 0.0198, "means": (0.5773, 0.5764),
     "sizes": (185, 429), "settings": {"method": "full", "distance": "probit"}},
    {"source": "a user's printed summary of MatchIt", "pair_distance": 0.0188, "means": (0.3023, 0.3010),
     "sizes": (185, 429), "settings": {"method": "full", "estimand": "ATE"}},
]  # fmt: skip

PLANTS = "HIAJBKLMCNOPQRSTUDVEWFXGYZ"
"""Letters of the plants of nuclearplants.csv, in its order; those after them have a turnkey guarantee."""
NUCLEAR = ("AJ", "BI", "CL", "DQ", "ER", "FU", "GN")


def totals() -> list[dict[str, Any]]:
    """Problems with their least totals."""
    return json.loads((HERE / "totals.json").read_text(encoding="utf-8"))


def nuclear() -> pd.DataFrame | None:
    """Plants by letter; None where the file is absent."""
    path = DATA / "nuclearplants.csv"
    if not path.exists():
        return None
    frame = pd.read_csv(path)
    frame = frame[frame["pt"] == 0]
    return frame.set_axis(list(PLANTS))
