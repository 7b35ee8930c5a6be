"""Write panel.csv (drawn from a seed) and packages.csv: etwfe by statsmodels, pyfixest and diff-diff.

Run by hand where these are installed: `python make_reference.py`. Effects by statsmodels are written out here: dummies for
everything, `GLM` for the coefficients, its scores and Hessian for the sandwich, and central differences for the derivative of the mean
effect of a cell, whose averaging over firms is counted. mpdta is used for the linear rows where it lies beside the repository.
"""

from __future__ import annotations

import runpy
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
COHORTS, PERIODS, FIRMS = (3, 5), 6, 120
OUTCOMES = {"gaussian": "amount", "poisson": "count", "logit": "yes"}
COLUMNS = ["package", "data", "family", "control", "effects", "covariates", "weights", "cluster", "scale", "cohort", "time",
           "estimate", "std_error"]  # fmt: skip


def draw() -> pd.DataFrame:
    """120 firms by 6 years; growth depends on a covariate that differs between cohorts."""
    rng = np.random.default_rng(20210928)
    joined = np.resize([3.0, 5.0, np.nan], FIRMS)
    x = np.round(rng.normal(size=FIRMS) + 0.4 * np.nan_to_num(joined, nan=2.0) - 1.2, 3)
    level = rng.normal(scale=0.4, size=FIRMS)
    rows = []
    for i in range(FIRMS):
        for t in range(1, PERIODS + 1):
            on = t >= joined[i]
            index = (
                0.9 + level[i] + 0.1 * t + 0.15 * x[i] + 0.04 * x[i] * t + on * (0.3 + 0.1 * x[i])
            )
            rows.append(
                (f"f{i:03d}", t, joined[i], f"r{i // 3 % 10}", x[i], round(0.5 + i % 7 / 4, 2),
                 round(index + rng.normal(scale=0.5), 4), rng.poisson(np.exp(index)),
                 int(rng.uniform() < 1 / (1 + np.exp(1.2 - index))))
            )  # fmt: skip
    names = ["firm", "year", "joined", "region", "x", "weight", "amount", "count", "yes"]
    frame = pd.DataFrame(rows, columns=names)
    frame["absent"] = (rng.uniform(size=len(frame)) < 0.1).astype(int)
    return frame


def bases(control: str, cohorts: list[int], years: list[int]) -> list[tuple[int, int]]:
    """Cells that are estimated."""
    return [
        (g, t)
        for g in cohorts
        for t in years
        if (t >= g if control == "not_yet" else t != max(y for y in years if y < g))
    ]


def design(
    frame: pd.DataFrame,
    cells: list[tuple[int, int]],
    effects: str,
    covariate: str,
    weights: np.ndarray,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cells with their slopes; covariates by cohort and period; dummies."""
    cohort, year = frame["joined"].fillna(0).astype(int), frame["year"]
    dummy = pd.get_dummies(frame["firm"] if effects == "firm" else cohort, prefix="level").astype(
        float
    )
    years = pd.get_dummies(year, prefix="year").astype(float).iloc[:, 1:]
    own, slopes = {}, {}
    x = frame[covariate] if covariate else None
    if x is not None:
        firms = frame.assign(w=weights).groupby("firm").first()
        for t in sorted(year.unique())[1:]:
            slopes[f"x_year_{t}"] = x * (year == t)
        if effects == "cohort":
            for g in sorted(cohort.unique()):
                slopes[f"x_cohort_{g}"] = x * (cohort == g)
    for g, t in cells:
        inside = ((cohort == g) & (year == t)).astype(float)
        own[f"cell_{g}_{t}"] = inside
        if x is not None:
            some = firms["joined"] == g
            middle = np.average(firms.loc[some, covariate], weights=firms.loc[some, "w"])
            own[f"cellx_{g}_{t}"] = inside * (x - middle)
    treated = pd.DataFrame(own, index=frame.index)
    return treated, pd.DataFrame(slopes, index=frame.index), pd.concat([dummy, years], axis=1)


def by_statsmodels(
    frame: pd.DataFrame, outcome: str, family: str, cells: list[tuple[int, int]], effects: str, covariate: str,
    weights: np.ndarray, cluster: str,
) -> Iterator[tuple[str, int, int, float, float]]:  # fmt: skip
    import statsmodels.api as sm

    links = {
        "gaussian": sm.families.Gaussian(),
        "poisson": sm.families.Poisson(),
        "logit": sm.families.Binomial(),
    }
    treated, slopes, dummies = design(frame, cells, effects, covariate, weights)
    x = pd.concat([treated, slopes, dummies], axis=1)
    y = frame[outcome].to_numpy(float)
    model = sm.GLM(y, x, family=links[family], var_weights=weights)
    fitted = model.fit(tol=1e-14, maxiter=200, tol_criterion="params")
    b = fitted.params.to_numpy()
    scores = model.score_obs(b, scale=1.0)
    assert np.abs(scores.sum(axis=0)).max() < 1e-6 * np.abs(scores).sum(axis=0).max()
    bread = np.linalg.inv(-model.hessian(b, scale=1.0))
    groups = pd.factorize(frame[cluster])[0]
    if (weights == 1).all():
        again = model.fit(tol=1e-14, maxiter=200, tol_criterion="params", cov_type="cluster",
                          cov_kwds={"groups": groups, "use_correction": False})  # fmt: skip
        mine = np.zeros((groups.max() + 1, len(b)))
        np.add.at(mine, groups, scores)
        np.testing.assert_allclose(
            np.diag(bread @ mine.T @ mine @ bread), np.diag(again.cov_params()), rtol=1e-5
        )

    def error(rows: np.ndarray) -> float:
        sums = np.bincount(groups, rows)
        return float(np.sqrt((sums**2).sum()))

    moved = scores @ bread
    names = list(x.columns)
    for g, t in cells:
        k = names.index(f"cell_{g}_{t}")
        inside = x[f"cell_{g}_{t}"].to_numpy() == 1
        x1 = x.to_numpy()[inside]
        x0 = x1.copy()
        x0[:, [i for i, n in enumerate(names) if n.startswith("cell")]] = 0.0
        share = weights[inside] / weights[inside].sum()

        def each(at: np.ndarray, x1: np.ndarray = x1, x0: np.ndarray = x0) -> np.ndarray:
            return model.family.fitted(x1 @ at) - model.family.fitted(x0 @ at)

        effect = float(share @ each(b))
        slope = np.zeros(len(b))
        for i in range(len(b)):
            h = np.zeros(len(b))
            h[i] = 1e-5
            slope[i] = share @ (each(b + h) - each(b - h)) / 2e-5
        rows = moved @ slope
        yield "response, cell given", g, t, effect, error(rows)
        rows[inside] += share * (each(b) - effect)
        yield "response", g, t, effect, error(rows)
        yield "link, mean given", g, t, float(b[k]), error(moved[:, k])
        rows = moved[:, k].copy()
        if covariate:  # a firm moves the mean at which slopes are evaluated
            own = (frame["joined"] == g).to_numpy() & ~frame["firm"].duplicated().to_numpy()
            size = weights[own] / weights[own].sum()
            value = frame[covariate].to_numpy()[own]
            rows[own] += size * (value - size @ value) * b[names.index(f"cellx_{g}_{t}")]
        yield "link", g, t, float(b[k]), error(rows)


def by_pyfixest(
    frame: pd.DataFrame, outcome: str, family: str, cells: list[tuple[int, int]], effects: str, covariate: str,
    weights: np.ndarray, cluster: str,
) -> Iterator[tuple[str, int, int, float, float]]:  # fmt: skip
    import pyfixest as pf

    treated, slopes, _ = design(frame, cells, effects, covariate, weights)
    data = pd.concat(
        [frame.assign(cohort=frame["joined"].fillna(0), w=weights), treated, slopes], axis=1
    )
    right = " + ".join([*treated.columns, *slopes.columns])
    level = "firm" if effects == "firm" else "cohort"
    asked: dict[str, Any] = {
        "data": data,
        "vcov": {"CRV1": cluster},
        "ssc": pf.ssc(k_adj=False, G_adj=False),
    }
    if family == "gaussian":
        fit = pf.feols(f"{outcome} ~ {right} | {level} + year", weights=None if (weights == 1).all() else "w",
                       fixef_tol=1e-12, **asked)  # fmt: skip
    elif (weights != 1).any():
        return
    elif family == "poisson":
        fit = pf.fepois(f"{outcome} ~ {right} | {level} + year", fixef_tol=1e-12, iwls_tol=1e-12, iwls_maxiter=100,
                        separation_check=None, **asked)  # fmt: skip
    else:
        fit = pf.feglm(f"{outcome} ~ {right} | {level} + year", family="logit", fixef_tol=1e-12, iwls_tol=1e-12,
                       iwls_maxiter=100, **asked)  # fmt: skip
    b, se = fit.coef(), fit.se()
    for g, t in cells:
        yield "link, mean given", g, t, float(b[f"cell_{g}_{t}"]), float(se[f"cell_{g}_{t}"])


def by_diff_diff(
    frame: pd.DataFrame, outcome: str, family: str, control: str
) -> Iterator[tuple[str, int, int, float, float]]:
    from diff_diff import WooldridgeDiD

    method = {"gaussian": "ols"}.get(family, family)
    groups = {"not_yet": "not_yet_treated", "never": "never_treated"}
    data = frame.assign(
        first=frame["joined"].fillna(0).astype(int), unit=pd.factorize(frame["firm"])[0]
    )
    fit = WooldridgeDiD(method=method, control_group=groups[control]).fit(
        data, outcome=outcome, unit="unit", time="year", first_treat="first"
    )
    for (g, t), cell in fit.group_time_effects.items():
        yield "response", int(g), int(t), float(cell["att"]), float(cell["se"])


def settings() -> Iterator[dict[str, str]]:
    for family in OUTCOMES:
        for control in ("not_yet", "never"):
            for covariates in ("", "x"):
                for data in ("panel", "unbalanced"):
                    for effects in ("cohort", "firm"):
                        if family == "logit" and effects == "firm":
                            continue
                        yield {"data": data, "family": family, "control": control, "effects": effects,
                               "covariates": covariates, "weights": "", "cluster": "firm"}  # fmt: skip
        for more in (
            {"weights": "weight", "cluster": "firm"},
            {"weights": "", "cluster": "region"},
        ):
            for covariates in ("", "x"):
                yield {"data": "panel", "family": family, "control": "not_yet", "effects": "cohort",
                       "covariates": covariates, **more}  # fmt: skip


def with_diff_diff(setting: dict[str, str]) -> bool:
    """Where diff-diff fits the same model: its linear one has firm effects, its others cohort effects and no years before joining."""
    plain = not setting["covariates"] and not setting["weights"] and setting["cluster"] == "firm"
    linear = setting["family"] == "gaussian"
    level = "firm" if linear else "cohort"
    return plain and setting["effects"] == level and (linear or setting["control"] == "not_yet")


def main() -> None:
    warnings.simplefilter("ignore")
    draw().to_csv(HERE / "panel.csv", index=False)
    panel = pd.read_csv(HERE / "panel.csv")
    rows: list[dict[str, Any]] = []
    for setting in settings():
        frame = panel[panel["absent"] == 0] if setting["data"] == "unbalanced" else panel
        frame = frame.reset_index(drop=True)
        cells = bases(setting["control"], list(COHORTS), sorted(frame["year"].unique()))
        weights = (
            frame[setting["weights"]].to_numpy() if setting["weights"] else np.ones(len(frame))
        )
        asked = (frame, OUTCOMES[setting["family"]], setting["family"], cells, setting["effects"],
                 setting["covariates"], weights, setting["cluster"])  # fmt: skip
        found = [("statsmodels", by_statsmodels(*asked)), ("pyfixest", by_pyfixest(*asked))]
        if with_diff_diff(setting):
            found.append(
                ("diff-diff", by_diff_diff(frame, asked[1], setting["family"], setting["control"]))
            )
        for package, lines in found:
            for scale, g, t, estimate, error in lines:
                rows.append({"package": package, **setting, "scale": scale, "cohort": g, "time": t,
                             "estimate": estimate, "std_error": error})  # fmt: skip
        print(setting, len(rows), flush=True)
    mpdta = runpy.run_path(str(HERE.parent / "mpdta" / "reader.py"))["mpdta"]()
    if mpdta is not None:
        frame = mpdta.rename(columns={"county": "firm"})
        cells = bases("not_yet", [2004, 2006, 2007], list(range(2003, 2008)))
        for covariates in ("", "lpop"):
            asked = (
                frame,
                "lemp",
                "gaussian",
                cells,
                "cohort",
                covariates,
                np.ones(len(frame)),
                "firm",
            )
            for package, lines in (
                ("statsmodels", by_statsmodels(*asked)),
                ("pyfixest", by_pyfixest(*asked)),
            ):
                for scale, g, t, estimate, error in lines:
                    rows.append({"package": package, "data": "mpdta", "family": "gaussian", "control": "not_yet",
                                 "effects": "cohort", "covariates": covariates, "weights": "", "cluster": "firm",
                                 "scale": scale, "cohort": g, "time": t, "estimate": estimate, "std_error": error})  # fmt: skip
    pd.DataFrame(rows)[COLUMNS].to_csv(HERE / "packages.csv", index=False, float_format="%.12g")


if __name__ == "__main__":
    main()
