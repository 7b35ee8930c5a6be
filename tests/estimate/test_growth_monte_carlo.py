"""Effects by growth on programmes whose true effect is known: the panel of the validation plan, made multiplicative.

240 firms by 8 years, cohorts 4 and 6 and never; outcomes `Poisson(shock x exp(firm + year + effect))` with lognormal shocks of mean one that follow an AR(1), levels that rise
with the cohort, some firms that hardly export (all-zero firms occur), and effects of 10 per cent (log points) more in each year, half as much again for cohort 4. Trends are
parallel in per cent and not in levels. With a covariate, growth and joining both depend on it. That proof
has 720 firms: odds of euros rest on few large firms, and of 240 firms, of which 70 are in a cohort, intervals cover 93.4 (reg), 93.1 (ipw) and 93.0 (dr) per cent of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import impact

SEED = 20160516
QUICK, LONG = 60, 2000
FIRMS, PERIODS = 240, 8
YEARS = np.arange(1, PERIODS + 1)
BUMPS = np.array([0.0, 0.15, -0.05, 0.2, 0.1, -0.1, 0.15, 0.05])
LEVEL = {4.0: 0.9, 6.0: 0.6, np.inf: 0.2}
SPREAD, SHOCK, FEW = 0.7, 0.4, 0.06
# Of a firm one standard deviation larger: growth per year, and log odds of joining.
DRIVEN, JOINS = 0.05, 0.6


def added(joined: np.ndarray) -> np.ndarray:
    """Effect in log points, firm by year."""
    on = joined[:, None] <= YEARS
    years = np.where(on, YEARS - np.where(np.isinf(joined), 99, joined)[:, None] + 1, 0)
    return 0.1 * years * np.where(joined == 4, 1.5, 1.0)[:, None]


def exports(r: int, driven: bool, firms: int = FIRMS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Replication r: outcome (firm by year), year of joining, covariate."""
    rng = np.random.default_rng([SEED, r])
    size = rng.normal(size=firms)
    joined = np.resize([4.0, 6.0, np.inf], firms)
    if driven:
        joins = rng.uniform(size=firms) < 1 / (1 + np.exp(-0.3 - JOINS * size))
        joined = np.where(joins, np.where(rng.uniform(size=firms) < 0.5, 4.0, 6.0), np.inf)
    level = np.array([LEVEL[g] for g in joined]) + SPREAD * rng.normal(size=firms)
    level = level - 4.0 * (rng.uniform(size=firms) < FEW)
    index = level[:, None] + BUMPS + 0.1 * YEARS + added(joined)
    if driven:
        index = index + DRIVEN * size[:, None] * YEARS
    shock = rng.normal(size=(firms, PERIODS))
    for t in range(1, PERIODS):
        shock[:, t] = 0.5 * shock[:, t - 1] + np.sqrt(0.75) * shock[:, t]
    y = rng.poisson(np.exp(index + SHOCK * shock - SHOCK**2 / 2)).astype(float)
    return y, joined, size


def truth(driven: bool) -> float:
    """Effect over all treated cells in per cent of what they would have had, by numerical integration."""
    grid = np.linspace(-9, 9, 4001)
    density = np.exp(-(grid**2) / 2)
    if driven:
        density = density / (1 + np.exp(-0.3 - JOINS * grid))
    effect = base = 0.0
    for g in (4.0, 6.0):
        own = added(np.array([g]))[0]
        for t in range(PERIODS):
            if YEARS[t] < g:
                continue
            grows = np.exp(DRIVEN * driven * grid * YEARS[t])
            mean = np.exp(LEVEL[g] + BUMPS[t] + 0.1 * YEARS[t]) * (density @ grows) / density.sum()
            base += mean
            effect += mean * np.expm1(own[t])
    return 100 * effect / base


Estimator = dict[str, Any]
PLAIN: dict[str, Estimator] = {
    "group_time": {"method": "group_time"},
    "group_time, not yet": {"method": "group_time", "control": "not_yet"},
    "imputation": {"method": "imputation"},
    "gaussian": {"method": "group_time", "family": "gaussian"},
}
COVARIATE: dict[str, Estimator] = {
    name: {"method": "group_time", "estimator": name, "covariates": ["size"]}
    for name in ("reg", "ipw", "dr")
} | {"no covariate": {"method": "group_time"}}


def draws(count: int, asked: dict[str, Estimator], driven: bool, firms: int) -> pd.DataFrame:
    """One row per replication and estimator: bias, error in per cent, and the error with the baseline taken as known."""
    true, rows = truth(driven), []
    for r in range(count):
        y, joined, size = exports(r, driven, firms)
        frame = pd.DataFrame(
            {
                "firm": np.repeat(np.arange(firms), PERIODS),
                "year": np.tile(YEARS, firms),
                "joined": np.repeat(np.where(np.isinf(joined), np.nan, joined), PERIODS),
                "size": np.repeat(size, PERIODS),
                "exports": y.ravel(),
            }
        )
        panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
        for name, options in asked.items():
            effect = impact.att(panel, "exports", **{"family": "poisson", **options})
            units = effect.aggregate("overall")
            share = units.percent().tidy().iloc[0]
            given = 100 * units.tidy()["std_error"].item() / units.baseline[0]
            rows.append((name, share["estimate"] - true, share["std_error"], given))
    return pd.DataFrame(rows, columns=["name", "off", "error", "given"])


def verdict(rows: pd.DataFrame) -> pd.Series:
    t, spread = rows["off"] / rows["error"], rows["off"].std()
    return pd.Series(
        {
            "bias": rows["off"].mean(),
            "allowed": max(3 * spread / np.sqrt(len(rows)), 0.06 * spread),
            "coverage": (t.abs() < stats.norm.ppf(0.975)).mean(),
            "given": ((rows["off"] / rows["given"]).abs() < stats.norm.ppf(0.975)).mean(),
            "ratio": rows["error"].mean() / spread,
            "uniform": stats.kstest(2 * stats.norm.sf(t.abs()), "uniform").pvalue,
        }
    )


def table(
    count: int, asked: dict[str, Estimator], driven: bool, firms: int = FIRMS
) -> pd.DataFrame:
    return (
        draws(count, asked, driven, firms).groupby("name")[["off", "error", "given"]].apply(verdict)
    )


def some(asked: dict[str, Estimator], *names: str) -> dict[str, Estimator]:
    return {name: asked[name] for name in names}


def test_parallel_growth_is_covered_and_parallel_levels_are_biased() -> None:
    found = table(QUICK, some(PLAIN, "group_time", "imputation", "gaussian"), driven=False)
    for name in ("group_time", "imputation"):
        assert abs(found.loc[name, "bias"]) <= found.loc[name, "allowed"], found
        assert 0.86 <= found.loc[name, "coverage"] <= 1.0, found
        assert 0.75 <= found.loc[name, "ratio"] <= 1.3, found
        assert found.loc[name, "given"] <= found.loc[name, "coverage"], found
    assert abs(found.loc["gaussian", "bias"]) > found.loc["gaussian", "allowed"], found


def test_growth_that_depends_on_a_covariate() -> None:
    found = table(2 * QUICK // 3, some(COVARIATE, "reg", "no covariate"), driven=True)
    assert abs(found.loc["reg", "bias"]) <= found.loc["reg", "allowed"], found
    assert 0.83 <= found.loc["reg", "coverage"] <= 1.0, found
    assert abs(found.loc["no covariate", "bias"]) > found.loc["no covariate", "allowed"], found


@pytest.mark.proof
@pytest.mark.parametrize(
    ("asked", "driven", "wrong", "firms"),
    [(PLAIN, False, "gaussian", FIRMS), (COVARIATE, True, "no covariate", 3 * FIRMS)],
    ids=["plain", "covariate"],
)
def test_long(asked: dict[str, Estimator], driven: bool, wrong: str, firms: int) -> None:
    found = table(LONG, asked, driven, firms)
    print(found.round(4).to_string())
    right = found.drop(index=wrong)
    assert (right["bias"].abs() <= right["allowed"]).all(), found
    assert right["coverage"].between(0.935, 0.965).all(), found
    assert right["ratio"].between(0.95, 1.06).all(), found
    assert abs(found.loc[wrong, "bias"]) > found.loc[wrong, "allowed"], found
    assert found.loc[wrong, "coverage"] < 0.9, found
    assert (right["given"] < 0.93).all(), found
