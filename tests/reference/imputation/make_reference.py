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
CASES = ["plain", "moving", "unbalanced", "anticipation_1", "clusters", "weights"]
LEADS = 2
Row = tuple[str, Any, Any, float, float]  # table, cohort, key, estimate, std_error


def run_diff_diff(data: pd.DataFrame, case: str, leave_one_out: bool) -> Iterator[Row]:
    from diff_diff import ImputationDiD, SurveyDesign

    if leave_one_out and case == "weights":
        return
    fit = ImputationDiD(
        anticipation=int(case == "anticipation_1"),
        cluster="region" if case == "clusters" else None,
        leave_one_out=leave_one_out,
    ).fit(
        data,
        "lemp",
        "county",
        "year",
        "first.treat",
        covariates=["moving"] if case == "moving" else None,
        survey_design=SurveyDesign(weights="weight") if case == "weights" else None,
    )
    yield "overall", "", "", fit.overall_att, fit.overall_se
    for kind, table, key in (("event_study", "event", "event_time"), ("group", "cohort", None)):
        frame = fit.aggregate(kind).to_dataframe()
        key = key or "label"
        for row in frame.to_dict("records"):
            if np.isfinite(row["se"]):
                yield table, "", row[key], row["att"], row["se"]


def run_pyfixest(data: pd.DataFrame, case: str) -> Iterator[Row]:
    """Effects from its prediction of the outcome without participation; the leads from a regression of their own."""
    import pyfixest as pf

    wait = int(case == "anticipation_1")
    data = data.assign(start=data["first.treat"].where(data["first.treat"] > 0, 9999) - wait)
    data["treated"] = data["year"] >= data["start"]
    right = f"{'moving' if case == 'moving' else '1'} | county + year"
    asked: dict[str, Any] = {
        "weights": "weight" if case == "weights" else None,
        "vcov": {"CRV1": "region" if case == "clusters" else "county"},
        "ssc": pf.ssc(k_adj=False, G_adj=False),
        "fixef_rm": "none",
        "fixef_tol": 1e-12,
    }
    fit = pf.feols(f"lemp ~ {right}", data[~data["treated"]], **asked)
    own = data[data["treated"]].copy()
    own["effect"] = own["lemp"] - fit.predict(newdata=own, atol=1e-13, btol=1e-13)
    own["w"] = own["weight"] if case == "weights" else 1.0
    own["event"] = own["year"] - own["first.treat"]
    own = own[own["effect"].notna()]  # counties that are never observed before they join
    for table, keys in (("cell", ["first.treat", "year"]), ("event", ["event"])):
        for key, part in own.groupby(keys):
            cohort = key[0] if table == "cell" else ""
            yield table, cohort, key[-1], np.average(part["effect"], weights=part["w"]), np.nan
    yield "overall", "", "", np.average(own["effect"], weights=own["w"]), np.nan
    before = data[~data["treated"]].copy()
    lead = before["start"] - before["year"]
    first = before["year"].min()
    known = (lead <= LEADS) & (before["year"] > first)
    label = (
        before["first.treat"].astype(int).astype(str) + "_" + before["year"].astype(int).astype(str)
    )
    before["lead"] = np.where(known, label, "none")
    fit = pf.feols(f"lemp ~ i(lead, ref='none') + {right}", before, **asked).tidy()
    for name, row in fit.iterrows():
        if "lead" in str(name):
            cohort, year = str(name).split("::")[1].strip("[]T. ").split("_")
            yield "lead", int(cohort), int(year), row["Estimate"], row["Std. Error"]


def main() -> None:
    warnings.simplefilter("ignore")
    data = pd.read_csv(DATA).rename(columns={"countyreal": "county"})
    rows: list[tuple[Any, ...]] = []
    for case in CASES:
        for apart in (False, True):
            frame = variant(data, case)
            found = run_diff_diff(frame, case, apart)
            rows += [("diff-diff", case, apart, *row) for row in found]
        rows += [("pyfixest", case, False, *row) for row in run_pyfixest(variant(data, case), case)]
    columns = [
        "package",
        "case",
        "leave_one_out",
        "table",
        "cohort",
        "key",
        "estimate",
        "std_error",
    ]
    pd.DataFrame(rows, columns=columns).to_csv(
        HERE / "packages.csv", index=False, float_format="%.10g", lineterminator="\n"
    )
    print({name: version(name) for name in ("diff-diff", "pyfixest")})


if __name__ == "__main__":
    main()
