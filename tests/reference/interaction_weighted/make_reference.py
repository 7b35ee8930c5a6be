"""Run diff-diff and pyfixest on mpdta and write packages.csv; see README.md."""

from __future__ import annotations

import runpy
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
variant = runpy.run_path(str(HERE.parent / "group_time" / "reader.py"))["variant"]

DATA = HERE.parents[3] / "shared" / "data" / "method_reference" / "mpdta.csv"
CASES = ["plain", "moving", "unbalanced", "anticipation_1", "clusters", "weights", "last_cohort"]
Row = tuple[str, Any, Any, float, float]  # table, cohort, key, estimate, std_error


def run_diff_diff(data: pd.DataFrame, case: str) -> Iterator[Row]:
    from diff_diff import SunAbraham

    if case in ("weights", "last_cohort"):
        return  # its survey variance has other factors; it refuses data without a firm that never joins
    # A cohort without a reference year stays in its regression, with a year that collinearity chooses.
    known = data["first.treat"] - int(case == "anticipation_1") > data["year"].min()
    data = data[known | (data["first.treat"] == 0)]
    fit = SunAbraham(
        anticipation=int(case == "anticipation_1"),
        cluster="region" if case == "clusters" else "county",
    ).fit(
        data,
        "lemp",
        "county",
        "year",
        "first.treat",
        covariates=["moving"] if case == "moving" else None,
    )
    for (cohort, event), row in fit.cohort_effects.items():
        yield "cell", int(cohort), int(cohort + event), row["effect"], row["se"]
    for event, row in fit.event_study_effects.items():
        yield "event", "", int(event), row["effect"], row["se"]


def run_pyfixest(data: pd.DataFrame, case: str) -> Iterator[Row]:
    """The saturated regression written out, and its own event study where that can be asked for this case."""
    import pyfixest as pf

    wait = int(case == "anticipation_1")
    first, start = data["year"].min(), data["first.treat"]
    data = data[(start == 0) | (start - wait > first)].copy()
    if case == "last_cohort":
        data = data[(data["first.treat"] > 0) & (data["year"] < data["first.treat"].max())]
    control = data["first.treat"].isin(
        [0, data["first.treat"].max() if case == "last_cohort" else 0]
    )
    label = data["first.treat"].astype(int).astype(str) + "_" + data["year"].astype(int).astype(str)
    reference = data["year"] == data["first.treat"] - wait - 1
    data["cell"] = np.where(control | reference, "none", label)
    fit = pf.feols(
        f"lemp ~ i(cell, ref='none'){' + moving' if case == 'moving' else ''} | county + year",
        data,
        vcov={"CRV1": "region" if case == "clusters" else "county"},
        weights="weight" if case == "weights" else None,
        ssc=pf.ssc(k_adj=False, G_adj=False),
        fixef_tol=1e-12,
    )
    for name, row in fit.tidy().iterrows():
        if "cell" in str(name):
            cohort, year = str(name).split("::")[1].strip("[]T. ").split("_")
            yield "cell", int(cohort), int(year), row["Estimate"], row["Std. Error"]
    if case == "plain":
        frame = data.assign(g=data["first.treat"].astype(int))
        own = pf.event_study(
            frame,
            yname="lemp",
            idname="county",
            tname="year",
            gname="g",
            estimator="saturated",
            cluster="county",
        )
        for event, row in own.aggregate(weighting="shares").iterrows():
            yield "event", "", int(float(str(event))), row["Estimate"], row["Std. Error"]


def main() -> None:
    warnings.simplefilter("ignore")
    data = pd.read_csv(DATA).rename(columns={"countyreal": "county"})
    rows: list[tuple[Any, ...]] = []
    for case in CASES:
        frame = variant(data, case)
        rows += [("diff-diff", case, *row) for row in run_diff_diff(frame, case)]
        rows += [("pyfixest", case, *row) for row in run_pyfixest(frame, case)]
    columns = ["package", "case", "table", "cohort", "key", "estimate", "std_error"]
    pd.DataFrame(rows, columns=columns).to_csv(
        HERE / "packages.csv", index=False, float_format="%.10g", lineterminator="\n"
    )
    print({name: version(name) for name in ("diff-diff", "pyfixest")})


if __name__ == "__main__":
    main()
