"""Run pyfixest, linearmodels and diff-diff on firms.csv and on mpdta, and write what they print; see README.md."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from reader import cases, firms, participation  # noqa: E402

DATA = HERE.parents[3] / "shared" / "data" / "method_reference"
Row = tuple[str, str, str, str, float, float]


def mpdta() -> pd.DataFrame:
    frame = pd.read_csv(DATA / "mpdta.csv")
    return frame.assign(
        firm=frame["countyreal"],
        joined=frame["first.treat"].where(frame["first.treat"] > 0),
        exports=frame["lemp"],
    )


def panels() -> Iterator[tuple[str, pd.DataFrame]]:
    for case in cases():
        yield case, firms(case)
    yield "mpdta", mpdta()


def run_pyfixest(case: str, frame: pd.DataFrame) -> Iterator[Row]:
    import pyfixest as pf

    more = " + size" if case == "covariate" else ""
    by = "chamber" if case == "clusters" else "firm"
    for factor, ssc in {
        "none": pf.ssc(k_adj=False, G_adj=False),
        "fixest": pf.ssc(),
    }.items():
        fit = pf.feols(
            f"exports ~ d{more} | firm + year",
            frame,
            vcov={"CRV1": by},
            ssc=ssc,
            weights="weight" if case == "weights" else None,
            fixef_tol=1e-12,
        )
        yield "pyfixest", version("pyfixest"), case, factor, fit.coef()["d"], fit.se()["d"]


def run_linearmodels(case: str, frame: pd.DataFrame) -> Iterator[Row]:
    from linearmodels import PanelOLS

    index = frame.set_index(["firm", "year"])
    x = index[["d", "size"] if case == "covariate" else ["d"]]
    fit = PanelOLS(
        index["exports"],
        x,
        entity_effects=True,
        time_effects=True,
        weights=index["weight"] if case == "weights" else None,
    )
    clusters = {"cluster_entity": True} if case != "clusters" else {"clusters": index["chamber"]}
    got = fit.fit(cov_type="clustered", **clusters)
    yield (
        "linearmodels",
        version("linearmodels"),
        case,
        "linearmodels",
        got.params["d"],
        got.std_errors["d"],
    )


def run_diff_diff(case: str, frame: pd.DataFrame) -> tuple[list[tuple], tuple | None]:
    from diff_diff import BaconDecomposition, SurveyDesign, twowayfeweights

    data = frame.assign(first=frame["joined"].fillna(0.0))
    rows = []
    if case not in ("covariate", "clusters", "unbalanced"):
        survey = SurveyDesign(weights="weight") if case == "weights" else None
        got = BaconDecomposition().fit(
            data,
            outcome="exports",
            unit="firm",
            time="year",
            first_treat="first",
            survey_design=survey,
        )
        for c in got.comparisons:
            control = "never" if c.comparison_type == "treated_vs_never" else int(c.control_group)
            rows.append(
                (case, c.comparison_type, int(c.treated_group), control, c.estimate, c.weight)
            )
    if case in ("weights", "covariate", "clusters", "unbalanced"):
        return rows, None
    found = twowayfeweights(data, outcome="exports", unit="firm", time="year", treatment="d")
    treated = found.weights.merge(frame.loc[frame["d"] == 1, ["firm", "year"]])
    negative = treated.loc[treated["weight"] < 0, "weight"].sum()
    return rows, (case, found.fraction_negative, negative, found.beta_fe)


def run_plm() -> list[Row]:
    """R: the panels go there and the coefficients come back as csv files in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        for case, frame in panels():
            if case not in ("weights", "clusters"):
                columns = [
                    "firm",
                    "year",
                    "exports",
                    "d",
                    *(["size"] if case == "covariate" else []),
                ]
                frame.assign(d=participation(frame))[columns].to_csv(
                    Path(folder) / f"{case}.csv", index=False
                )
        subprocess.run(["Rscript", HERE / "plm.R", folder], check=True)
        return list(pd.read_csv(Path(folder) / "plm.out").itertuples(index=False, name=None))


def main() -> None:
    warnings.simplefilter("ignore")
    coefficients, comparisons, negatives = run_plm(), [], []
    for case, frame in panels():
        frame = frame.assign(d=participation(frame))
        coefficients += [*run_pyfixest(case, frame), *run_linearmodels(case, frame)]
        rows, negative = run_diff_diff(case, frame)
        comparisons += rows
        negatives += [] if negative is None else [negative]
        print(case, len(coefficients), len(comparisons), flush=True)
    for name, rows, columns in (
        (
            "coefficients",
            coefficients,
            ["package", "version", "case", "factor", "estimate", "std_error"],
        ),
        ("comparisons", comparisons, ["case", "kind", "treated", "control", "estimate", "weight"]),
        ("negative_weights", negatives, ["case", "fraction_negative", "sum_negative", "beta_fe"]),
    ):
        pd.DataFrame(rows, columns=columns).to_csv(
            HERE / f"{name}.csv", index=False, float_format="%.12g"
        )


if __name__ == "__main__":
    np.random.seed(0)
    main()
