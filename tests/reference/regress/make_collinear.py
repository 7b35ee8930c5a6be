"""Run pyfixest on formulas with collinear terms and with `i()`; see README.md. Writes collinear.csv beside itself.

Needs an environment of its own: pyfixest. The rows are those of rows.csv with the columns that `reader.with_more_columns` adds.
"""

from __future__ import annotations

import runpy
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
READER = runpy.run_path(str(HERE / "reader.py"))
FORMULAS = [
    ("y ~ x + size + z | firm + year", "gaussian", ""),
    ("y ~ x + two + z | firm + year", "gaussian", ""),
    ("y ~ z + x + mix | firm", "gaussian", ""),
    ("y ~ trend + x | firm + year", "gaussian", "w"),
    ("y ~ x + one + z", "gaussian", ""),
    ("y ~ x + mix + z", "gaussian", "w"),
    ("y ~ x + two + z | firm + sector^year + district", "gaussian", ""),
    ("y ~ x + two + z | firm + year | h ~ q + r", "gaussian", ""),
    ("y ~ x + size | firm + year | h ~ q + r", "gaussian", "w"),
    ("y ~ x | firm + year | h ~ q + r + again", "gaussian", ""),
    ("c ~ x + two + size | firm + year", "poisson", ""),
    ("c ~ x + one + z", "poisson", ""),
    ("b ~ x + two + z | sector + year", "logit", ""),
    ("b ~ x + one + mix", "logit", ""),
    ("y ~ i(t, treat, ref=-1) | firm + year", "gaussian", ""),
    ("y ~ i(t, treat, ref=-1) | firm + year", "gaussian", "w"),
    ("y ~ i(t, treat) | firm + year", "gaussian", ""),
    ("y ~ i(t, treat, ref=-1) | firm + sector^year", "gaussian", ""),
    ("y ~ x + i(t, ref=-1) | firm", "gaussian", ""),
    ("y ~ i(t) | firm", "gaussian", ""),
    ("y ~ i(sec) + x", "gaussian", ""),
    ("y ~ i(sec, x) | firm + year", "gaussian", ""),
    ("y ~ x + i(sec, x, ref='b') | firm + year", "gaussian", ""),
    ("y ~ log(w) + i(t, treat, ref=-1) | firm + year", "gaussian", ""),
    ("y ~ i(t, treat, ref=-1) | firm + year | h ~ q", "gaussian", ""),
    ("c ~ i(t, treat, ref=-1) | firm + year", "poisson", ""),
    ("b ~ i(t, treat, ref=-1) | sector + year", "logit", ""),
]
VARIANCES: dict[str, Any] = {"iid": "iid", "hetero": "hetero", "firm": {"CRV1": "firm"}}


def fits(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Every formula with every variance."""
    import pyfixest

    found = []
    for formula, family, weights in FORMULAS:
        for variance, vcov in VARIANCES.items():
            options: dict[str, Any] = {"vcov": vcov, "fixef_rm": "none"}
            if weights:
                options["weights"] = weights
            options["fixef_tol"] = 1e-13
            if family == "gaussian":
                fit = pyfixest.feols(formula, rows, **options)
            elif family == "poisson":
                fit = pyfixest.fepois(formula, rows, iwls_tol=1e-13, **options)
            else:
                fit = pyfixest.feglm(formula, rows, family="logit", iwls_tol=1e-13, **options)
            for term, line in fit.tidy().iterrows():
                found.append(
                    {
                        "formula": formula,
                        "family": family,
                        "weights": weights,
                        "variance": variance,
                        "dropped": ";".join(fit._collin_vars or []),
                        "term": term,
                        "estimate": line["Estimate"],
                        "std_error": line["Std. Error"],
                        "n_obs": int(fit._N),
                    }
                )
    return found


def main() -> None:
    """Write the file."""
    warnings.simplefilter("ignore")
    rows = READER["with_more_columns"](READER["rows"]())
    pd.DataFrame(fits(rows)).to_csv(HERE / "collinear.csv", index=False, float_format="%.12g")


if __name__ == "__main__":
    main()
