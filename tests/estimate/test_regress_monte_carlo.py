"""Coverage of `impact.regress`: Poisson with firm and year effects, and instruments; wrong variants are seen to fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import impact

EFFECT, FIRMS, YEARS = 0.25, 150, 6
SLOPE = 1.0


def sales(seed: list[int]) -> pd.DataFrame:
    """Firms of very different size, half of which join; what they sell varies together within the firm, zeros included."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(FIRMS), YEARS), np.tile(np.arange(YEARS), FIRMS)
    joined = np.where(np.arange(FIRMS) % 2 == 0, rng.integers(2, 5, FIRMS), 99)[firm]
    treated = (year >= joined).astype(float)
    shock = np.zeros((FIRMS, YEARS))
    shock[:, 0] = rng.normal(size=FIRMS)
    for t in range(1, YEARS):
        shock[:, t] = 0.6 * shock[:, t - 1] + 0.8 * rng.normal(size=FIRMS)
    noise = np.exp(0.5 * shock.ravel() - 0.125)  # of mean 1, and alike from year to year
    mean = np.exp(1.0 + 0.5 * rng.normal(size=FIRMS)[firm] + 0.1 * year + EFFECT * treated)
    return pd.DataFrame(
        {"firm": firm, "year": year, "d": treated, "y": rng.poisson(mean * noise).astype(float)}
    )


def simultaneous(seed: list[int]) -> pd.DataFrame:
    """A regressor that answers to the same shocks as the outcome, and an instrument that does not."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(FIRMS), YEARS), np.tile(np.arange(YEARS), FIRMS)
    a = rng.normal(size=FIRMS)[firm]
    u, q, v, common = rng.normal(size=(4, len(firm)))
    common = (
        common + rng.normal(size=FIRMS)[firm] * q
    )  # the instrument's noise is alike within the firm
    h = 0.5 * q + 0.7 * u + a + v
    y = SLOPE * h + u + a + common
    return pd.DataFrame({"firm": firm, "year": year, "h": h, "q": q, "y": y})


def coverage(draws: int, seed: int) -> dict[str, float]:
    """Share of intervals that hold the truth."""
    hits = dict.fromkeys(("clustered", "trusting", "instrument", "least squares"), 0)
    for r in range(draws):
        rows = sales([seed, r])
        for name, options in (
            ("clustered", {"cluster": "firm"}),
            ("trusting", {"variance": "iid"}),
        ):
            row = (
                impact.regress("y ~ d | firm + year", rows, family="poisson", **options)
                .tidy()
                .iloc[0]
            )  # type: ignore[arg-type]
            hits[name] += row["conf_low"] <= EFFECT <= row["conf_high"]
        rows = simultaneous([seed, r])
        for name, formula in (
            ("instrument", "y ~ 1 | firm + year | h ~ q"),
            ("least squares", "y ~ h | firm + year"),
        ):
            row = impact.regress(formula, rows, cluster="firm").tidy().iloc[0]
            hits[name] += row["conf_low"] <= SLOPE <= row["conf_high"]
    return {name: count / draws for name, count in hits.items()}


def test_coverage_in_a_few_draws() -> None:
    found = coverage(200, 5)
    assert abs(found["clustered"] - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 200)
    assert abs(found["instrument"] - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 200)
    assert found["trusting"] < 0.85
    assert found["least squares"] < 0.1


@pytest.mark.proof
def test_coverage_in_many_draws() -> None:
    found = coverage(2_000, 6)
    assert 0.935 <= found["clustered"] <= 0.965
    assert 0.935 <= found["instrument"] <= 0.965
