"""Totals and quotients of an account cover the truth; taking cells, or outcomes, as independent does not."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.inference import critical_value

Z = critical_value(0.95)
HORIZON = 2
COST = 250_000.0


def drawn(replication: int, firms: int = 160) -> impact.ValueResult:
    """Two cohorts; half a job more, and 4,000 euros more, in each year of participation up to four; jobs and euros share a shock."""
    rng = np.random.default_rng([20260516, replication])
    group = np.arange(firms) % 4
    joined = np.where(group == 0, 3.0, np.where(group == 1, 4.0, np.nan))
    years = np.arange(1, 7)
    since = np.nan_to_num(np.clip(years - joined[:, None] + 1, 0, 4))
    common = rng.normal(size=(firms, len(years)))
    jobs = rng.normal(0, 3, (firms, 1)) + common + rng.normal(size=since.shape) + 0.5 * since
    euros = 1e4 * (
        rng.normal(0, 1, (firms, 1)) + common + 0.4 * since + rng.normal(size=since.shape)
    )
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), len(years)),
            "year": np.tile(years, firms),
            "joined": np.repeat(joined, len(years)),
            "jobs": jobs.ravel(),
            "euros": euros.ravel(),
        }
    )
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    paid = pd.DataFrame(
        {
            "item": ["all"],
            "year": [3],
            "amount": [COST],
            "currency": ["EUR"],
            "source_of_funds": ["EU"],
        }
    )
    effects = {
        "jobs": impact.att(panel, "jobs", method="group_time"),
        "value_added": impact.att(panel, "euros", method="group_time"),
    }
    return impact.cost_effectiveness(effects, paid, horizon=HORIZON, discount_rate=0.03)


def truth(firms: int = 160) -> tuple[float, float]:
    """Jobs at the horizon, and the present value of three years of euros of both cohorts."""
    size = firms // 4
    jobs = 2 * size * 0.5 * 3
    euros = sum(
        size * 4_000 * (h + 1) / 1.03 ** (joined + h - 3)
        for joined in (3, 4)
        for h in range(HORIZON + 1)
    )
    return jobs, euros


def covered(replications: int) -> dict[str, float]:
    jobs, euros = truth()
    hits: dict[str, list[bool]] = {
        k: [] for k in ("jobs", "per_cost", "npv", "price", "independent")
    }
    for r in range(replications):
        value = drawn(r)
        row = value.tidy().set_index(["outcome", "term"])
        total = row.loc[("jobs", "total_at_horizon")]
        hits["jobs"].append(total["conf_low"] <= jobs <= total["conf_high"])
        per = row.loc[("value_added", "per_unit_of_cost")]
        hits["per_cost"].append(per["conf_low"] <= euros / COST <= per["conf_high"])
        npv = row.loc[("value_added", "net_present_value")]
        hits["npv"].append(npv["conf_low"] <= euros - COST <= npv["conf_high"])
        price = row.loc[("jobs", "cost_per_unit")]
        high = math.inf if math.isnan(price["conf_high"]) else price["conf_high"]
        hits["price"].append(price["conf_low"] <= COST / jobs <= high)
        # The wrong variant: the years of a cohort, and cohorts that share comparison firms, as if independent.
        cells = value.effects["value_added"].tidy().query("0 <= event_time <= 2")
        weight = 40 / 1.03 ** (cells["time"] - 3)
        error = math.sqrt(float(((weight * cells["std_error"]) ** 2).sum()))
        centre = float((weight * cells["estimate"]).sum())
        hits["independent"].append(abs(centre - euros) <= Z * error)
    return {name: float(np.mean(found)) for name, found in hits.items()}


def test_the_account_covers_the_truth_in_short():
    got = covered(40)
    assert all(got[name] >= 0.85 for name in ("jobs", "per_cost", "npv", "price"))
    assert got["independent"] < 0.85


@pytest.mark.proof
def test_the_account_covers_the_truth():
    got = covered(2_000)
    print(got)
    assert all(0.935 <= got[name] <= 0.965 for name in ("jobs", "per_cost", "npv", "price"))
    assert got["independent"] < 0.85
