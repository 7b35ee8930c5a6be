"""Read what R MatchIt makes of lalonde and LL in sets, and the same calls of `impact.match`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
FOLDER = HERE.parents[3] / "shared" / "data" / "method_reference"

NUMERIC = ["age", "educ", "re74", "re75"]
ALL = ["age", "educ", "black", "hispan", "married", "nodegree", "re74", "re75"]
EVERY = [
    "age",
    "education",
    "black",
    "married",
    "nodegree",
    "re74",
    "re75",
    "hispanic",
    "u74",
    "u75",
]
FEW = ["black", "hispan", "married", "nodegree"]
MIXED = {"on": ["age", "educ", "re74", "married"], "exact": ["race"]}
GIVEN = {"age": [22, 28, 35], "educ": [8.5, 11.5], "re74": [1, 5000], "re75": "scott"}

CALLS: dict[str, dict[str, Any]] = {
    "exact_att": {"method": "exact", "on": FEW},
    "exact_ate": {"method": "exact", "on": FEW, "estimand": "ATE"},
    "exact_educ": {"method": "exact", "on": [*FEW, "educ", "age"]},
    "exact_race": {"method": "exact", "on": ["educ"], "exact": ["race"]},
    "cem_sturges": {"method": "coarsened", "on": NUMERIC},
    "cem_scott": {"method": "coarsened", "on": NUMERIC, "cutpoints": "scott"},
    "cem_fd": {"method": "coarsened", "on": NUMERIC, "cutpoints": "fd"},
    "cem_four": {"method": "coarsened", "on": NUMERIC, "cutpoints": 4},
    "cem_given": {"method": "coarsened", "on": NUMERIC, "cutpoints": GIVEN},
    "cem_by_age": {"method": "coarsened", "on": NUMERIC, "cutpoints": {"age": 5}},
    "cem_ate": {"method": "coarsened", "on": NUMERIC, "cutpoints": 4, "estimand": "ATE"},
    "cem_mixed": {"method": "coarsened", **MIXED},
    "cem_ll": {"method": "coarsened", "on": ["age", "education", "black", "nodegree", "re74"]},
    "cem_ll_every": {"method": "coarsened", "on": EVERY},
    "k2k_numeric": {"method": "coarsened", "on": NUMERIC, "k2k": True},
    "k2k_four": {"method": "coarsened", "on": NUMERIC, "k2k": True, "cutpoints": 4},
    "k2k_mixed": {"method": "coarsened", **MIXED, "k2k": True},
    "k2k_ll": {"method": "coarsened", "on": EVERY, "k2k": True},
    "subclass_six": {"method": "subclass", "on": ALL},
    "subclass_four": {"method": "subclass", "on": ALL, "n_subclasses": 4},
    "subclass_ate": {"method": "subclass", "on": ALL, "estimand": "ATE"},
    "subclass_probit": {"method": "subclass", "on": ALL, "distance": "probit"},
    "subclass_linear": {"method": "subclass", "on": ALL, "distance": "linear_logit"},
    "subclass_thirty": {"method": "subclass", "on": ALL, "n_subclasses": 30},
    "subclass_hundred": {"method": "subclass", "on": ALL, "n_subclasses": 100},
    "subclass_min4": {"method": "subclass", "on": ALL, "n_subclasses": 15, "min_n": 4},
    "subclass_min0": {"method": "subclass", "on": ALL, "n_subclasses": 60, "min_n": 0},
    "subclass_ate20": {"method": "subclass", "on": ALL, "n_subclasses": 20, "estimand": "ATE"},
    "subclass_age": {"method": "subclass", "on": ["age"], "distance": "age"},
    "subclass_ll": {"method": "subclass", "on": EVERY, "n_subclasses": 8},
}
"""The arguments of `impact.match` that ask for what each case of `run.R` asks of MatchIt."""


def lalonde() -> pd.DataFrame | None:
    """614 persons with zero-one columns for race; None where the file is absent."""
    if not (FOLDER / "lalonde.csv").exists():
        return None
    frame = pd.read_csv(FOLDER / "lalonde.csv")
    return frame.assign(
        black=(frame["race"] == "black").astype(int), hispan=(frame["race"] == "hispan").astype(int)
    )


def ll() -> pd.DataFrame | None:
    """722 persons of the package `cem`; None where the file is absent."""
    if not (FOLDER / "cem_LL.csv").exists():
        return None
    return pd.read_csv(FOLDER / "cem_LL.csv").rename(columns={"treated": "treat"})


def expected() -> pd.DataFrame:
    """The raw output: `case`, `what`, `row` (from 1), `value`, `set`."""
    return pd.read_csv(HERE / "raw.csv", comment="#")
