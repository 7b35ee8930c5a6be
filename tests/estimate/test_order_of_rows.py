"""The order of the caller's rows changes no bit of an effect on a matched sample, by any method of match."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.registry import METHODS
from impact.design.match import MatchResult

impact.methods()  # loads the rooms

DESIGNS: dict[str, dict[str, Any]] = {
    "nearest": {},
    "nearest_replaced": {"method": "nearest", "replace": True, "ratio": 2},
    "nearest_known": {"method": "nearest", "distance": "score", "replace": True},
    "mahalanobis": {},
    "mahalanobis_replaced": {"method": "mahalanobis", "replace": True},
    "optimal": {"ratio": 2},
    "full": {},
    "full_ate": {"method": "full", "estimand": "ATE"},
    "exact": {"on": ["level"], "exact": ["sector"]},
    "exact_ate": {"method": "exact", "on": ["level"], "estimand": "ATE"},
    "exact_many": {"method": "exact", "on": ["fine"]},
    "coarsened": {"exact": ["sector"]},
    "coarsened_pairs": {"method": "coarsened", "k2k": True},
    "subclass": {},
    "subclass_ate": {"method": "subclass", "estimand": "ATE"},
    "entropy": {"moments": 2},
    "entropy_ate": {"method": "entropy", "estimand": "ATE"},
    "ipw": {},
    "ipw_given": {"method": "ipw", "distance": "score"},
    "ipw_overlap": {"method": "ipw", "estimand": "ATO"},
    "ipw_probit": {"method": "ipw", "distance": "probit", "estimand": "ATE"},
    "ipw_trimmed": {"method": "ipw", "trim": (0.1, 0.6)},
    "ipw_crump": {"method": "ipw", "trim": "crump", "estimand": "ATE"},
    "cbps": {},
    "cbps_ate": {"method": "cbps", "estimand": "ATE"},
}
"""Arguments of a match, by a name that is its method where none is given; covariates `a` and `b` where none are named."""


def firms(seed: int, n: int = 400) -> pd.DataFrame:
    """Firms of identifiers in no order; a few outcomes are missing."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.exponential(size=n)
    chance = 1 / (1 + np.exp(1 - 0.6 * a + 0.3 * b))
    joined = rng.random(n) < chance
    return pd.DataFrame(
        {
            "a": a,
            "b": b,
            "score": chance,
            "level": np.round(a).clip(-1, 1),
            "fine": np.round(a * 12),
            "sector": rng.choice(["food", "wood", "metal"], n),
            "area": rng.integers(0, 60, n),
            "joined": joined.astype(int),
            "y": np.where(rng.random(n) < 0.03, np.nan, a - b + joined + rng.normal(size=n)),
        },
        index=[f"F{i:04d}" for i in rng.permutation(n)],
    )


def matched(frame: pd.DataFrame, design: str) -> MatchResult:
    words = {"on": ["a", "b"], "method": design, **DESIGNS[design]}
    return impact.match(frame, treatment="joined", **words)


def effects(frame: pd.DataFrame, design: str) -> dict[str, pd.DataFrame]:
    """Each effect that the design has, with and without a cluster of the caller's own."""
    match = matched(frame, design)
    found = {"difference": impact.att(match, "y", method="difference").tidy()}
    if match.settings.estimand != "ATO" and not match.settings.replace:
        adjusted = impact.att(match, "y", method="g_computation", covariates=["a", "b"])
        found["g_computation"] = adjusted.tidy()
    if match.kind == "weights":
        own = impact.att(match, "y", method="difference", cluster="area")
        found["cluster"] = own.tidy()
        if match.settings.estimand != "ATO":
            found["aipw"] = impact.att(match, "y", method="aipw").tidy()
    return found


def test_every_method_of_match_is_here() -> None:
    assert {m.name for m in METHODS.of("match")} <= set(DESIGNS)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_order_of_rows_changes_no_bit(design: str) -> None:
    for seed in (1, 2):
        frame = firms(seed)
        one = effects(frame, design)
        orders = [frame.sort_index(), frame.sample(frac=1.0, random_state=3), frame.iloc[::-1]]
        for again in orders:
            two = effects(again, design)
            assert one.keys() == two.keys()
            for method, table in one.items():
                for column in ("estimate", "std_error"):
                    assert table[column].notna().all(), (method, column)
                    assert table[column].tolist() == two[method][column].tolist(), (method, column)
