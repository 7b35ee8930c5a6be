"""Extended two-way model on programmes whose true effect is known: bias, coverage, and models that must fail.

Linear: the panel of the validation plan. Poisson: 150 firms by 6 years, outcomes `Poisson(shock x exp(firm + year + 0.25))`, lognormal shocks
of mean one, firms' levels correlated with the cohort, and growth, so that trends are parallel in per cent and not in levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import impact
from impact.simulate.programme import programme

SEED = 20160516
QUICK, LONG = 200, 2000
DYNAMIC = 0.35625
LOG_POINTS = 0.25
PER_CENT = 100 * (np.exp(LOG_POINTS) - 1)
Numbers = dict[str, tuple[float, float, float]]  # estimate, standard error, truth


def exports(r: int, effect: float = LOG_POINTS) -> np.ndarray:
    """Replication r: firm by year, in the order of `firms()`."""
    rng = np.random.default_rng([SEED, r])
    joined = np.resize([3.0, 5.0, np.inf], 150)
    firm = 0.3 + 0.5 * rng.normal(size=150) + np.select([joined == 3, joined == 5], [0.6, 0.3])
    years = np.arange(1, 7)
    index = firm[:, None] + 0.15 * years + rng.normal(scale=0.1, size=6)
    index = index + effect * (years >= joined[:, None])
    shock = np.exp(rng.normal(scale=0.3, size=(150, 6)) - 0.045)
    return rng.poisson(np.exp(index) * shock).ravel().astype(float)


def firms() -> impact.Panel:
    joined = np.resize([3.0, 5.0, np.nan], 150)
    frame = pd.DataFrame(
        {"firm": np.repeat(np.arange(150), 6), "year": np.tile(np.arange(1, 7), 150)}
    )
    frame["joined"] = np.repeat(joined, 6)
    return impact.panel(frame.assign(exports=exports(0)), unit="firm", time="year", cohort="joined")


def row(effect: impact.EffectResult, truth: float) -> tuple[float, float, float]:
    line = effect.tidy().iloc[0]
    return line["estimate"], line["std_error"], truth


def linear(panel: impact.Panel, controls: Sequence[str] = ("not_yet", "never")) -> Numbers:
    numbers = {}
    for control in controls:
        effect = impact.att(panel, "exports", method="etwfe", control=control)
        numbers[control] = row(effect.aggregate("overall"), DYNAMIC)
        errors = effect.tidy().query("event_time >= 0")["std_error"]
        # The covariances of the cells left out: a wrong standard error, to be seen to fail.
        apart = float(np.sqrt((errors**2).sum()) / len(errors))
        numbers[f"{control}, independent cells"] = (*numbers[control][:1], apart, DYNAMIC)
    return numbers


def poisson(panel: impact.Panel) -> Numbers:
    def fit(**asked: str) -> impact.EffectResult:
        return impact.att(panel, "exports", method="etwfe", **asked)

    level = fit(family="poisson").aggregate("overall")
    link = fit(family="poisson", scale="link").aggregate("overall")
    wrong = fit().aggregate("overall")
    given = level.tidy()["std_error"].item() / level.baseline[0] * 100
    return {
        "per cent": row(level.percent(), PER_CENT),
        "link": row(link, LOG_POINTS),
        "linear in levels": row(wrong.percent(), PER_CENT),
        "baseline taken as known": (row(level.percent(), 0)[0], given, PER_CENT),
    }


def draws_of_programmes(count: int) -> pd.DataFrame:
    frame, _ = programme(seed=0)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")

    def one(r: int) -> impact.Panel:
        return panel.with_columns(exports=programme(seed=[SEED, r])[0]["exports"])

    return table(count, one, linear)


def draws_of_counts(count: int) -> pd.DataFrame:
    panel = firms()

    def one(r: int) -> impact.Panel:
        y = pd.Series(exports(r), index=panel.data.index)
        return panel.with_columns(exports=y)

    return table(count, one, poisson)


def table(
    count: int, draw: Callable[[int], impact.Panel], estimator: Callable[[impact.Panel], Numbers]
) -> pd.DataFrame:
    """Bias, coverage and the like of each estimator; replication r depends on the seed and r alone."""
    rows = [(name, *numbers) for r in range(count) for name, numbers in estimator(draw(r)).items()]
    frame = pd.DataFrame(rows, columns=["estimator", "estimate", "std_error", "truth"])
    return frame.groupby("estimator")[["estimate", "std_error", "truth"]].apply(verdict)


def verdict(rows: pd.DataFrame) -> pd.Series:
    t = (rows["estimate"] - rows["truth"]) / rows["std_error"]
    spread = rows["estimate"].std()
    return pd.Series(
        {
            "bias": (rows["estimate"] - rows["truth"]).mean(),
            "allowed": max(3 * spread / np.sqrt(len(rows)), 0.06 * spread),
            "coverage": (t.abs() < stats.norm.ppf(0.975)).mean(),
            "ratio": rows["std_error"].mean() / spread,
            "uniform": stats.kstest(2 * stats.norm.sf(t.abs()), "uniform").pvalue,
        }
    )


def test_growing_effects_are_found_and_covered() -> None:
    got = draws_of_programmes(QUICK)
    good = got.loc[["not_yet", "never"]]
    assert (good["bias"].abs() <= good["allowed"]).all()
    assert good["coverage"].between(0.904, 0.996).all()  # three standard errors of 200 draws
    assert good["ratio"].between(0.86, 1.16).all()
    wrong = got.loc["not_yet, independent cells"]
    assert wrong["coverage"] < 0.88 and wrong["ratio"] < 0.8


def test_effects_in_per_cent_are_found_and_wrong_models_fail() -> None:
    got = draws_of_counts(QUICK)
    good = got.loc[["per cent", "link"]]
    assert (good["bias"].abs() <= good["allowed"]).all()
    assert good["coverage"].between(0.904, 0.996).all()
    assert good["ratio"].between(0.86, 1.16).all()
    wrong = got.loc["linear in levels"]
    assert abs(wrong["bias"]) > wrong["allowed"] and wrong["coverage"] < 0.75
    assert got.loc["baseline taken as known", "ratio"] < 0.86


@pytest.mark.proof
def test_long_linear() -> None:
    got = draws_of_programmes(LONG)
    print(got.round(4).to_string())
    held(got.loc[["not_yet", "never"]])


@pytest.mark.proof
def test_long_poisson() -> None:
    got = draws_of_counts(LONG)
    print(got.round(4).to_string())
    held(got.loc[["per cent", "link"]])
    assert got.loc["linear in levels", "coverage"] < 0.6
    assert got.loc["baseline taken as known", "coverage"] < 0.92


def held(good: pd.DataFrame) -> None:
    assert (good["bias"].abs() <= good["allowed"]).all(), good
    assert good["coverage"].between(0.935, 0.965).all(), good
    assert good["ratio"].between(0.95, 1.06).all(), good
    assert (good["uniform"] > 0.001).all(), good
