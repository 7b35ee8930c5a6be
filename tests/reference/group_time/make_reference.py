"""Run three Python packages on mpdta over a grid and write packages.csv; see README.md."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "mpdta")]
from reader import variant  # noqa: E402

DATA = HERE.parents[3] / "shared" / "data" / "method_reference" / "mpdta.csv"

ESTIMATORS, CONTROLS, COVARIATES = ["dr", "ipw", "reg"], ["never", "not_yet"], ["", "lpop"]
SETTINGS = [
    *product(["plain"], ESTIMATORS, CONTROLS, COVARIATES, ["varying", "universal"]),
    *product(["weights"], ESTIMATORS, ["never"], COVARIATES, ["varying"]),
    *product(["moving"], ESTIMATORS, ["never"], ["moving"], ["varying", "universal"]),
    *product(["anticipation_1", "anticipation_2"], ["dr"], CONTROLS, COVARIATES, ["varying"]),
    ("anticipation_2", "dr", "never", "lpop", "universal"),
    *product(["clusters"], ["dr"], ["never"], COVARIATES, ["varying"]),
    *product(["unbalanced"], ["reg"], CONTROLS, COVARIATES, ["varying"]),
    # Not "dr" with covariates: the only package that works pairwise has its own convention there.
    ("unbalanced", "dr", "never", "", "varying"),
    ("unbalanced", "ipw", "never", "lpop", "varying"),
    ("unbalanced", "ipw", "not_yet", "lpop", "universal"),
    ("unbalanced", "reg", "never", "lpop", "universal"),
]
Row = tuple[str, Any, Any, float, float]  # table, cohort, key, estimate, std_error


def anticipation(case: str) -> int:
    return int(case[-1]) if case.startswith("anticipation") else 0


def run_csdid(
    data: pd.DataFrame, case: str, estimator: str, control: str, covariates: str, base: str
) -> Iterator[Row]:
    from csdid.att_gt import ATTgt

    if case == "unbalanced":
        return  # treats an unbalanced panel as repeated cross-sections, another estimator
    fit = ATTgt(
        yname="lemp",
        tname="year",
        idname="county",
        gname="first.treat",
        data=data.copy(),
        control_group="nevertreated" if control == "never" else "notyettreated",
        xformla=f"lemp ~ {covariates}" if covariates else None,
        weights_name="weight" if case == "weights" else None,
        anticipation=anticipation(case),
        clustervar="region" if case == "clusters" else None,
        faster_mode=False,
    ).fit(est_method=estimator, base_period=base, bstrap=False)
    result = fit.results
    for g, t, b, s in zip(
        result["group"], result["year"], result["att"], result["se"], strict=True
    ):
        yield "cell", g, t, b, s
    for kind in ("simple", "dynamic", "group", "calendar"):
        out = fit.aggte(typec=kind, bstrap=False, cband=False).atte
        if kind != "simple":
            for e, b, s in zip(out["egt"], out["att_egt"], np.ravel(out["se_egt"]), strict=True):
                yield kind, "", e, b, s
        yield f"{kind}_overall", "", "", out["overall_att"], np.ravel(out["overall_se"])[0]


def run_moderndid(
    data: pd.DataFrame, case: str, estimator: str, control: str, covariates: str, base: str
) -> Iterator[Row]:
    import moderndid

    if case in ("unbalanced", "clusters"):
        return  # repeated cross-sections; clusters by bootstrap only
    fit = moderndid.att_gt(
        data,
        yname="lemp",
        tname="year",
        idname="county",
        gname="first.treat",
        xformla=f"~ {covariates}" if covariates else None,
        weightsname="weight" if case == "weights" else None,
        boot=False,
        cband=False,
        est_method=estimator,
        anticipation=anticipation(case),
        base_period=base,
        control_group="nevertreated" if control == "never" else "notyettreated",
    )
    for g, t, b, s in zip(fit.groups, fit.times, fit.att_gt, fit.se_gt, strict=True):
        yield "cell", g, t, b, s
    for kind in ("simple", "dynamic", "group", "calendar"):
        out = moderndid.aggte(fit, type=kind, boot=False, cband=False)
        if kind != "simple":
            for e, b, s in zip(out.event_times, out.att_by_event, out.se_by_event, strict=True):
                yield kind, "", e, b, s
        yield f"{kind}_overall", "", "", out.overall_att, out.overall_se


def run_diff_diff(
    data: pd.DataFrame, case: str, estimator: str, control: str, covariates: str, base: str
) -> Iterator[Row]:
    from diff_diff import CallawaySantAnna

    if case in ("weights", "clusters"):
        return  # its survey variance has other factors
    fit = CallawaySantAnna(
        control_group="never_treated" if control == "never" else "not_yet_treated",
        estimation_method=estimator,
        base_period=base,
        anticipation=anticipation(case),
        cband=False,
        pscore_trim=1e-6,
    ).fit(
        data,
        outcome="lemp",
        unit="county",
        time="year",
        first_treat="first.treat",
        covariates=[covariates] if covariates else None,
    )
    for (g, t), cell in fit.group_time_effects.items():
        yield "cell", g, t, cell["effect"], cell["se"]
    if anticipation(case):
        return  # counts anticipating years as treated when it averages
    yield "simple_overall", "", "", fit.overall_att, fit.overall_se
    for ours, theirs, key in (
        ("dynamic", "event_study", "event_time"),
        ("group", "group", "label"),
    ):
        for row in fit.aggregate(theirs).to_dataframe().to_dict("records"):
            yield ours, "", row[key], row["att"], row["se"]


def main() -> None:
    warnings.simplefilter("ignore")
    frame = pd.read_csv(DATA).rename(columns={"countyreal": "county"})
    rows = []
    for setting in SETTINGS:
        data = variant(frame, setting[0])
        for name, run in (
            ("csdid", run_csdid),
            ("moderndid", run_moderndid),
            ("diff-diff", run_diff_diff),
        ):
            with contextlib.redirect_stdout(io.StringIO()):  # csdid prints what it computes
                found = list(run(data, *setting))
            for table, cohort, key, estimate, std_error in found:
                rows.append(
                    (name, version(name), *setting, table, cohort, key, estimate, std_error)
                )
        print(*setting, len(rows), flush=True)
    columns = [
        "package",
        "version",
        "case",
        "estimator",
        "control",
        "covariates",
        "base",
        "table",
        "cohort",
        "key",
        "estimate",
        "std_error",
    ]
    out = pd.DataFrame(rows, columns=columns)
    out.to_csv(HERE / "packages.csv", index=False, float_format="%.9g")


if __name__ == "__main__":
    main()
