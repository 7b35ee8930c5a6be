"""`switching` on a programme that firms enter, leave and enter again, whose effects are known: bias, coverage, and a wrong comparison."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import impact

SEED = 20160516
QUICK, LONG = 200, 2000
PERIODS = 8
KINDS = {  # participation by year, share
    "00000000": 0.25,
    "00011111": 0.15,
    "00011000": 0.1,
    "00000111": 0.15,
    "11111111": 0.2,
    "11110000": 0.1,
    "11110011": 0.05,
}


def programme(firms: int = 240) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Participation, what it does, and what it would do had firms stayed as they began: the same in every draw, (firms, periods)."""
    counts = np.round(np.array(list(KINDS.values())) * firms).astype(int)
    d = np.repeat([[int(x) for x in path] for path in KINDS], counts, axis=0)

    def effect(path: np.ndarray) -> np.ndarray:
        """0.2 in the period itself, and 0.1 for what was so before, which fades by half."""
        past = path[:, 0].astype(float)
        out = np.zeros(path.shape)
        for t in range(path.shape[1]):
            out[:, t] = 0.2 * path[:, t] + 0.1 * past
            past = 0.5 * past + 0.5 * path[:, t]
        return out

    return d, effect(d), effect(np.repeat(d[:, :1], PERIODS, axis=1))


def truths() -> dict[str, float]:
    d, did, stayed = programme()
    switch = (d != d[:, [0]]).any(axis=1)
    first = np.argmax(d != d[:, [0]], axis=1)
    sign = 1 - 2 * d[:, 0]
    gained = sign[:, None] * (did - stayed)
    each = {
        e: [gained[i, first[i] + e] for i in np.flatnonzero(switch) if first[i] + e < PERIODS]
        for e in (0, 1)
    }
    after = switch[:, None] & (np.arange(PERIODS) >= first[:, None])
    return {
        "ATT(e=0)": float(np.mean(each[0])),
        "ATT(e=1)": float(np.mean(each[1])),
        "placebo": 0.0,
        "total": float(gained[after].sum() / (d != d[:, [0]])[after].sum()),
    }


def draws(count: int) -> pd.DataFrame:
    d, effect, _ = programme()
    n = len(d)
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), PERIODS),
            "year": np.tile(np.arange(PERIODS), n),
            "member": d.ravel(),
            "y": 0.0,
        }
    )
    panel = impact.panel(frame, unit="firm", time="year", treatment="member")
    rows = []
    for r in range(count):
        rng = np.random.default_rng([SEED, r])
        shocks = rng.normal(scale=0.6, size=d.shape)
        shocks[:, 0] /= np.sqrt(0.75)
        for t in range(1, PERIODS):
            shocks[:, t] += 0.5 * shocks[:, t - 1]
        # Firms that begin inside have another trend: only those that began alike can be compared.
        y = (
            rng.normal(size=(n, 1))
            + d[:, [0]]
            + 0.15 * np.arange(PERIODS) * (1 + d[:, [0]])
            + shocks
            + effect
        )
        drawn = panel.with_columns(y=pd.Series(y.ravel(), index=panel.data.index))
        event = (
            impact.att(drawn, "y", method="switching", by="horizon").tidy().set_index("event_time")
        )
        for name, e in (("ATT(e=0)", 0), ("ATT(e=1)", 1), ("placebo", -2)):
            rows.append((name, event.loc[e, "estimate"], event.loc[e, "std_error"]))
        total = impact.att(drawn, "y", method="switching", by="total").tidy().iloc[0]
        rows.append(("total", total["estimate"], total["std_error"]))
        rows.append(("wrong", *anyone(y, d)))
    return pd.DataFrame(rows, columns=["name", "estimate", "std_error"])


def anyone(y: np.ndarray, d: np.ndarray) -> tuple[float, float]:
    """Firms that switch from 3 to 4, each way, against all others, whatever they began as: to be seen to fail."""
    change = y[:, 4] - y[:, 3]
    moved = (d[:, 4] != d[:, 3]) * (1 - 2 * d[:, 3])
    leave, others = change[moved == -1], change[moved == 0]
    error = np.sqrt(leave.var() / len(leave) + others.var() / len(others))
    return float(-(leave.mean() - others.mean())), float(error)


def verdict(rows: pd.DataFrame, truth: float) -> pd.Series:
    t = (rows["estimate"] - truth) / rows["std_error"]
    spread = rows["estimate"].std()
    return pd.Series(
        {
            "bias": rows["estimate"].mean() - truth,
            "allowed": max(3 * spread / np.sqrt(len(rows)), 0.06 * spread),
            "coverage": (t.abs() < stats.norm.ppf(0.975)).mean(),
            "ratio": rows["std_error"].mean() / spread,
            "uniform": stats.kstest(2 * stats.norm.sf(t.abs()), "uniform").pvalue,
        }
    )


@pytest.fixture(scope="module")
def quick() -> pd.DataFrame:
    return draws(QUICK)


@pytest.mark.parametrize("name", ["ATT(e=0)", "ATT(e=1)", "placebo", "total"])
def test_effects_are_found_and_covered(quick: pd.DataFrame, name: str) -> None:
    got = verdict(quick[quick["name"] == name], truths()[name])
    assert abs(got["bias"]) <= got["allowed"]
    assert 0.904 <= got["coverage"] <= 0.996  # three standard errors of 200 draws
    assert 0.86 <= got["ratio"] <= 1.16
    assert got["uniform"] > 0.001


def test_a_comparison_with_anyone_is_wrong(quick: pd.DataFrame) -> None:
    """Firms that leave are compared with firms of another trend."""
    got = verdict(quick[quick["name"] == "wrong"], 0.2)
    assert got["coverage"] < 0.9
    assert abs(got["bias"]) > 2 * got["allowed"]


@pytest.mark.proof
def test_long() -> None:
    rows, true = draws(LONG), truths()
    table = pd.DataFrame(
        {name: verdict(own, true.get(name, 0.2)) for name, own in rows.groupby("name")}
    ).T
    print(table.round(4).to_string())
    right = table.drop(index="wrong")
    assert (right["bias"].abs() <= right["allowed"]).all(), table
    assert right["coverage"].between(0.935, 0.965).all(), table
    assert right["ratio"].between(0.95, 1.06).all(), table
    assert (right["uniform"] > 0.001).all(), table
    assert table.loc["wrong", "coverage"] < 0.9, table
