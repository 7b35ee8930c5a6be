"""Draw the rows and run every package on them; see README.md. Writes rows.csv and packages.csv beside itself.

Needs an environment of its own: pyfixest, fereg, linearmodels, statsmodels. `make_reference.R` adds R.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
FORMULAS = [
    ("y ~ x + z", "gaussian", ""),
    ("y ~ x + z | firm", "gaussian", ""),
    ("y ~ x + z | firm + year", "gaussian", ""),
    ("y ~ x + z | firm + year", "gaussian", "w"),
    ("y ~ x + z | sector + year", "gaussian", "w"),
    ("y ~ x + z | firm + sector^year + district", "gaussian", ""),
    ("y ~ x + z | firm + year | h ~ q", "gaussian", ""),
    ("y ~ x + z | firm + year | h ~ q + r", "gaussian", "w"),
    ("y ~ x | firm + year | h + z ~ q + r", "gaussian", ""),
    ("y ~ x + z | h ~ q + r", "gaussian", ""),
    ("c ~ x + z", "poisson", ""),
    ("c ~ x + z | firm + year", "poisson", ""),
    ("c ~ x + z | firm + year", "poisson", "w"),
    ("e ~ x + z | firm + sector^year", "poisson", ""),
    ("e ~ x + z | firm + sector^year + district", "poisson", ""),
    ("b ~ x + z", "logit", ""),
    ("b ~ x + z | sector + year", "logit", ""),
    ("b ~ x + z | firm + year", "logit", ""),
]
VARIANCES: dict[str, Any] = {
    "iid": "iid",
    "hetero": "hetero",
    "firm": {"CRV1": "firm"},
    "sector": {"CRV1": "sector"},
    "firm+year": {"CRV1": "firm+year"},
    "district+year": {"CRV1": "district+year"},
}


def draw(seed: int = 3, firms: int = 60, years: int = 7) -> pd.DataFrame:
    """Firm-years with holes, two firms of a single row, an endogenous regressor and outcomes of each family."""
    rng = np.random.default_rng(seed)
    firm = pd.DataFrame({"firm": np.arange(firms), "a": rng.normal(size=firms)})
    firm["sector"], firm["region"] = rng.integers(0, 4, firms), rng.integers(0, 5, firms)
    rows = firm.merge(pd.DataFrame({"year": 2000 + np.arange(years)}), how="cross")
    n, t = len(rows), rows["year"] - 2000
    rows["x"] = rng.normal(size=n) + 0.3 * rows["a"]
    rows["z"] = rng.normal(size=n) + 0.1 * t
    rows["q"], rows["r"], u = rng.normal(size=(3, n))
    rows["h"] = 0.7 * rows["q"] + 0.4 * rows["r"] + 0.4 * rows["x"] + 0.6 * u + rng.normal(size=n)
    mean = (
        0.5 * rows["x"] - 0.2 * rows["z"] + 0.8 * rows["h"] + rows["a"] + 0.1 * t * rows["sector"]
    )
    rows["y"] = mean + u + rng.normal(size=n)
    rows["c"] = rng.poisson(np.exp(0.4 * rows["x"] - 0.3 * rows["z"] + 0.6 * rows["a"] - 0.5))
    rows["e"] = (rows["c"] * np.exp(rng.normal(size=n)) * 1000).round(2)
    chance = 1 / (1 + np.exp(-(0.6 * rows["x"] - 0.4 * rows["z"] + 0.5 * rows["a"])))
    rows["b"] = (rng.random(n) < chance).astype(int)
    rows["w"] = rng.uniform(0.5, 2, n)
    rows["district"] = rng.integers(0, 9, n)
    seen = (rng.random(n) < 0.85) & ~((rows["firm"] < 2) & (rows["year"] != 2003))
    return rows[seen].drop(columns="a").round(9).reset_index(drop=True)


def fixest_like(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """pyfixest and fereg: every formula, every variance."""
    import fereg
    import pyfixest

    found = []
    for library in (pyfixest, fereg):
        for formula, family, weights in FORMULAS:
            for variance, vcov in VARIANCES.items():
                for name in ("fixest", "none"):
                    for singles in ("keep", "drop"):
                        one = _one(library, rows, formula, family, weights, vcov, name, singles)
                        if one is None:
                            continue
                        for term, line in one.tidy().iterrows():
                            found.append({
                                "library": library.__name__, "formula": formula, "family": family, "weights": weights,
                                "variance": variance, "small_sample": name, "singletons": singles, "term": term,
                                "estimate": line["Estimate"], "std_error": line["Std. Error"],
                                "p_value": line["Pr(>|t|)"], "n_obs": int(one._N),
                            })  # fmt: skip
    return found


def _one(
    library: Any,
    rows: pd.DataFrame,
    formula: str,
    family: str,
    weights: str,
    vcov: Any,
    name: str,
    singles: str,
) -> Any:
    if singles == "drop" and (name == "none" or "|" not in formula.split("h ~")[0]):
        return None
    options = {
        "vcov": vcov,
        "ssc": library.ssc() if name == "fixest" else library.ssc(k_adj=False, G_adj=False),
        "fixef_rm": "none" if singles == "keep" else "singleton",
    }
    if weights:
        options["weights"] = weights
    try:
        if family == "gaussian":
            return library.feols(formula, rows, **options)
        if family == "poisson":
            return library.fepois(formula, rows, iwls_tol=1e-13, **options)
        return library.feglm(formula, rows, family="logit", iwls_tol=1e-13, **options)
    except Exception as error:  # each has errors of its own
        print(library.__name__, formula, vcov, "cannot:", str(error)[:70])
        return None


def dummies(rows: pd.DataFrame, formula: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Exogenous columns with a dummy for each level (one left out of each effect but the first), endogenous, instruments."""
    body, *tails = formula.partition("~")[2].split("|")
    stage = tails.pop() if tails and "~" in tails[-1] else ""
    terms = rows[[c.strip() for c in body.split("+")]].astype(float)
    if not tails:
        terms = terms.assign(Intercept=1.0)
    for i, effect in enumerate(tails[0].split("+") if tails else []):
        parts = [p.strip() for p in effect.strip().split("^")]
        key = rows[parts].astype(str).agg("-".join, axis=1)
        levels = pd.get_dummies(key, prefix=effect.strip(), dtype=float)
        terms = pd.concat([terms, levels.iloc[:, min(i, 1) :]], axis=1)
    # Levels that others span are left out one by one.
    keep: list[str] = []
    for column in terms:
        if np.linalg.matrix_rank(terms[[*keep, column]].to_numpy()) > len(keep):
            keep.append(column)
    left, _, right = stage.partition("~")
    columns = [[c.strip() for c in side.split("+") if c.strip()] for side in (left, right)]
    return terms[keep], rows[columns[0]], rows[columns[1]]


def dense(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """statsmodels and linearmodels on explicit dummies, without small-sample factors."""
    found = []
    for formula, family, weights in FORMULAS:
        y = formula.partition("~")[0].strip()
        used = rows
        if family != "gaussian" and "firm" in formula:
            total = rows.groupby("firm")[y].transform("sum")
            count = rows.groupby("firm")[y].transform("size")
            used = rows[(total > 0) & ((total < count) | (family != "logit"))].reset_index(
                drop=True
            )
        x, endogenous, instruments = dummies(used, formula)
        for variance in VARIANCES:
            run = _instrumented if len(endogenous.columns) else _generalised
            names, b, se = run(used, y, x, endogenous, instruments, family, weights, variance)
            for term, estimate, error in zip(names, b, se, strict=True):
                if term in ("x", "z", "h", "Intercept"):
                    found.append({
                        "library": "linearmodels" if len(endogenous.columns) else "statsmodels", "formula": formula,
                        "family": family, "weights": weights, "variance": variance, "small_sample": "none",
                        "singletons": "keep", "term": term, "estimate": estimate, "std_error": error,
                        "n_obs": len(used),
                    })  # fmt: skip
    return found


def _groups(rows: pd.DataFrame, variance: str) -> pd.DataFrame:
    return rows[variance.split("+")].apply(lambda s: pd.factorize(s)[0])


def _generalised(
    rows: pd.DataFrame,
    y: str,
    x: pd.DataFrame,
    _d: Any,
    _z: Any,
    family: str,
    weights: str,
    variance: str,
) -> Any:
    import statsmodels.api as sm

    options: dict[str, Any] = {"cov_type": "nonrobust"}
    if variance == "hetero":
        options = {"cov_type": "HC0"}
    elif variance != "iid":
        groups = _groups(rows, variance).to_numpy()
        options = {
            "cov_type": "cluster",
            "cov_kwds": {
                "groups": groups if groups.shape[1] > 1 else groups[:, 0],
                "use_correction": False,
            },
        }
    if family == "gaussian":
        fit = sm.WLS(rows[y], x, weights=rows[weights] if weights else 1.0).fit(**options)
        return x.columns, fit.params, fit.bse
    kind = sm.families.Poisson() if family == "poisson" else sm.families.Binomial()
    # Weights of the mean, not of the number of rows: their squares stand in the meat.
    model = sm.GLM(rows[y], x, family=kind, var_weights=rows[weights] if weights else None)
    fit = model.fit(tol=1e-14, maxiter=200, **options)
    return x.columns, fit.params, fit.bse


def _instrumented(
    rows: pd.DataFrame,
    y: str,
    x: pd.DataFrame,
    d: Any,
    z: Any,
    family: str,
    weights: str,
    variance: str,
) -> Any:
    from linearmodels.iv import IV2SLS

    model = IV2SLS(rows[y], x, d, z, weights=rows[weights] if weights else None)
    if variance == "iid":
        fit = model.fit(cov_type="unadjusted", debiased=True)  # sigma^2 over N - K, as ours
    elif variance == "hetero":
        fit = model.fit(cov_type="robust", debiased=False)
    else:
        fit = model.fit(cov_type="clustered", clusters=_groups(rows, variance), debiased=False)
    return fit.params.index, fit.params, fit.std_errors


def first_stages(rows: pd.DataFrame) -> pd.DataFrame:
    """Partial F of linearmodels, dummies written out; a chi-squared statistic over the number of instruments."""
    from linearmodels.iv import IV2SLS

    found = []
    for formula, _, weights in FORMULAS:
        x, d, z = dummies(rows, formula)
        if not len(d.columns):
            continue
        for variance in ("iid", "hetero", "firm"):
            options: dict[str, Any] = {
                "cov_type": {"iid": "unadjusted", "hetero": "robust"}.get(variance, "clustered")
            }
            if variance == "firm":
                options["clusters"] = _groups(rows, variance)
            model = IV2SLS(rows["y"], x, d, z, weights=rows[weights] if weights else None)
            table = model.fit(debiased=variance == "iid", **options).first_stage.diagnostics
            for name, line in table.iterrows():
                value = line["f.stat"] if variance == "iid" else line["f.stat"] / z.shape[1]
                found.append(
                    {
                        "formula": formula,
                        "weights": weights,
                        "variance": variance,
                        "endogenous": name,
                        "f": value,
                    }
                )
    return pd.DataFrame(found)


def main() -> None:
    """Write the files."""
    warnings.simplefilter("ignore")
    rows = draw()
    rows.to_csv(HERE / "rows.csv", index=False)
    found = pd.DataFrame([*fixest_like(rows), *dense(rows)])
    found.to_csv(HERE / "packages.csv", index=False, float_format="%.12g")
    first_stages(rows).to_csv(HERE / "first_stages.csv", index=False, float_format="%.12g")


if __name__ == "__main__":
    main()
