"""Write panel.csv (drawn from a seed) and packages.csv: cells by pyfixest's and statsmodels' Poisson regressions of two groups over two periods.

Run by hand where these are installed: `python make_reference.py`. Each cell is the regression of the outcome on firm and period effects and "participant in the
target period", on the cohort and the firms that never join, in the base and the target period. `reg` is the regression on the latter firms with the covariate
times the target period, and the mean of the cohort's outcome at the base times the growth that it predicts.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest as pf
import statsmodels.api as sm

HERE = Path(__file__).parent
FIRMS, PERIODS = 90, 6


def draw() -> pd.DataFrame:
    """90 firms by 6 years, cohorts 3 and 5; a tenth of the outcomes are 0, one firm has nothing but zeros, growth depends on x."""
    rng = np.random.default_rng(20230817)
    joined = np.resize([3.0, 5.0, np.nan], FIRMS)
    x = np.round(rng.normal(size=FIRMS) + 0.3 * np.isfinite(joined), 3)
    level = 0.9 + 0.6 * rng.normal(size=FIRMS) + 0.3 * np.isfinite(joined) + 0.2 * x
    level[[4, 17]] = -9.0
    t = np.arange(1, PERIODS + 1)
    index = level[:, None] + (0.1 + 0.05 * x[:, None]) * t + 0.25 * (t >= joined[:, None])
    shock = np.exp(0.3 * rng.normal(size=index.shape) - 0.045)
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(FIRMS), PERIODS),
            "year": np.tile(t, FIRMS),
            "joined": np.repeat(joined, PERIODS),
            "region": np.repeat(np.arange(FIRMS) // 3 % 12, PERIODS),
            "x": np.repeat(x, PERIODS),
            "weight": np.repeat(np.round(rng.uniform(0.5, 2, FIRMS), 2), PERIODS),
            "exports": rng.poisson(np.exp(index) * shock).ravel(),
            "moving": np.round(np.repeat(x, PERIODS) * np.tile(t, FIRMS) % 1.7, 3),
            "absent": (rng.uniform(size=index.size) < 0.1).astype(int),
        }
    )


def dummies(
    rows: pd.DataFrame, weights: pd.Series, terms: pd.DataFrame, cluster: str
) -> tuple[float, float]:
    """Coefficient of the first of `terms` by GLM with a dummy for each firm, and its sandwich without a factor; firms of zeros are left out."""
    use = rows.groupby("firm")["exports"].transform("sum") > 0
    firms = pd.get_dummies(rows.loc[use, "firm"], dtype=float)
    x = np.column_stack([terms[use], firms])
    y, w = rows.loc[use, "exports"].to_numpy(float), weights[use].to_numpy()
    fit = sm.GLM(y, x, sm.families.Poisson(), freq_weights=w).fit(tol=1e-14, maxiter=300)
    mean = np.exp(x @ fit.params)
    score = (
        pd.DataFrame(x * (w * (y - mean))[:, None])
        .groupby(rows.loc[use, cluster].to_numpy())
        .sum()
        .to_numpy()
    )
    bread = np.linalg.inv((x * (w * mean)[:, None]).T @ x)
    return fit.params[0], float(np.sqrt((bread @ (score.T @ score) @ bread)[0, 0]))


def cells(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for g in (3, 5):
        for t in range(1, PERIODS + 1):
            if t == g - 1:
                continue
            rows = frame[
                (frame["joined"].isna() | (frame["joined"] == g)) & frame["year"].isin([g - 1, t])
            ].copy()
            rows["late"] = (rows["year"] == t).astype(float)
            rows["d"] = rows["late"] * rows["joined"].notna()
            rows["xlate"] = rows["late"] * rows["x"]
            for weights in ("", "weight"):
                for cluster in ("firm", "region"):
                    given = {"weights": weights} if weights else {}
                    fit = pf.fepois("exports ~ d | firm + year", rows, vcov={"CRV1": cluster}, iwls_tol=1e-13, fixef_tol=1e-13,
                                    ssc=pf.ssc(k_adj=False, G_adj=False), **given)  # fmt: skip
                    found.append(
                        ("pyfixest", "cell", weights, cluster, g, t, fit.coef()["d"], fit.se()["d"])
                    )
                    w = rows[weights] if weights else pd.Series(1.0, rows.index)
                    b, se = dummies(rows, w, rows[["d", "late"]], cluster)
                    found.append(("statsmodels", "cell", weights, cluster, g, t, b, se))
                others, own = rows[rows["joined"].isna()], rows[rows["joined"].notna()]
                fit = pf.fepois(
                    "exports ~ late + xlate | firm",
                    others,
                    iwls_tol=1e-13,
                    fixef_tol=1e-13,
                    **given,
                )
                w = (own[weights] if weights else pd.Series(1.0, own.index)).to_numpy()
                early, late = (own["year"] == when for when in (g - 1, t))
                grown = own["exports"] * np.exp(fit.coef()["late"] + fit.coef()["xlate"] * own["x"])
                att = np.average(own.loc[late, "exports"], weights=w[late]) - np.average(
                    grown[early], weights=w[early]
                )
                found.append(("pyfixest", "reg", weights, "firm", g, t, att, np.nan))
    return found


def imputed(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """Poisson regression on firm and period effects and a covariate of the same year, on years without participation; then outcome less prediction."""
    found: list[tuple[object, ...]] = []
    frame = frame[frame["absent"] == 0]
    frame = frame[frame.groupby("firm")["exports"].transform("size") >= 2]
    free = frame["joined"].isna() | (frame["year"] < frame["joined"])
    frame = frame[free.groupby(frame["firm"]).transform("any")]
    free = free[frame.index]
    for what, terms in (("imputation", []), ("imputation, moving", ["moving"])):
        for weights in ("", "weight"):
            w = frame[weights] if weights else pd.Series(1.0, frame.index)
            some = free & (
                frame["exports"].where(free, 0).groupby(frame["firm"]).transform("sum") > 0
            )
            rows = frame[some]
            firms, years = (
                pd.get_dummies(frame["firm"], dtype=float),
                pd.get_dummies(frame["year"], dtype=float),
            )
            firms = firms.loc[:, firms[some].any()]
            x = np.column_stack([frame[terms], firms, years.iloc[:, 1:]])
            fit = sm.GLM(
                rows["exports"].to_numpy(float),
                x[some],
                sm.families.Poisson(),
                freq_weights=w[some].to_numpy(),
            ).fit(tol=1e-14, maxiter=300)
            known = frame["firm"].isin(rows["firm"])
            mean = np.where(known, np.exp(x @ fit.params), 0.0)
            part = frame.assign(effect=frame["exports"] - mean, w=w)[~free]
            for (g, t), cell in part.groupby(["joined", "year"]):
                found.append(
                    (
                        "statsmodels",
                        what,
                        weights,
                        "firm",
                        int(g),
                        t,
                        np.average(cell["effect"], weights=cell["w"]),
                        np.nan,
                    )
                )
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    frame = draw()
    frame.to_csv(HERE / "panel.csv", index=False)
    columns = ["package", "what", "weights", "cluster", "cohort", "time", "estimate", "std_error"]
    pd.DataFrame(cells(frame) + imputed(frame), columns=columns).to_csv(
        HERE / "packages.csv", index=False, float_format="%.14g"
    )
