"""Repeated cross-sections by csdid, diff-diff and moderndid; writes rows.csv (drawn here) and raw.csv.

Run with a Python that has them: `python tests/reference/cross_sections/make.py`.
"""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
Row = tuple[int, int, float, float]


def rows() -> pd.DataFrame:
    """600 firms, each seen in one of five years; composition by cohort is the same in each year."""
    rng = np.random.default_rng(20260516)
    n = 600
    x = rng.normal(size=n)
    cohort = np.where(rng.random(n) < 1 / (1 + np.exp(-0.4 * x)), rng.choice([3, 4], n), 0)
    year = rng.integers(1, 6, n)
    y = (
        0.5 * x
        + 0.1 * year * (1 + x)
        + 0.4 * ((cohort > 0) & (year >= cohort))
        + rng.normal(size=n)
    )
    return pd.DataFrame(
        {"firm": np.arange(n), "year": year, "joined": cohort, "x": x, "y": y, "weight": rng.uniform(0.5, 2, n)}
    ).round(6)  # fmt: skip


def csdid(
    data: pd.DataFrame, method: str, control: str, covariate: bool, weight: bool
) -> Iterator[Row]:
    from csdid.att_gt import ATTgt

    found = ATTgt(yname="y", tname="year", idname="firm", gname="joined", data=data.copy(), panel=False,
                  control_group="nevertreated" if control == "never" else "notyettreated",
                  xformla="y ~ x" if covariate else None, weights_name="weight" if weight else None,
                  ).fit(est_method=method, bstrap=False)  # fmt: skip
    r = found.results
    yield from zip(r["group"], r["year"], r["att"], r["se"], strict=True)


def diff_diff(
    data: pd.DataFrame, method: str, control: str, covariate: bool, weight: bool
) -> Iterator[Row]:
    from diff_diff import CallawaySantAnna

    if weight:
        return
    found = CallawaySantAnna(control_group="never_treated" if control == "never" else "not_yet_treated",
                             estimation_method=method, panel=False, vcov_type="hc1", pscore_trim=1e-9).fit(
        data, "y", "firm", "year", "joined", covariates=["x"] if covariate else None)  # fmt: skip
    for (g, t), cell in found.group_time_effects.items():
        yield g, t, cell["effect"], cell["se"]


def moderndid(
    data: pd.DataFrame, method: str, control: str, covariate: bool, weight: bool
) -> Iterator[Row]:
    from moderndid import att_gt

    found = att_gt(data=data, yname="y", tname="year", idname=None, gname="joined", panel=False, est_method=method,
                   xformla="~ x" if covariate else "~1", weightsname="weight" if weight else None,
                   control_group="nevertreated" if control == "never" else "notyettreated", boot=False)  # fmt: skip
    yield from zip(found.groups, found.times, found.att_gt, found.se_gt, strict=True)


def main() -> None:
    frame = rows()
    frame.to_csv(HERE / "rows.csv", index=False)
    out = []
    for name, run in (("csdid", csdid), ("diff-diff", diff_diff), ("moderndid", moderndid)):
        for method in ("dr", "ipw", "reg"):
            for control in ("never", "not_yet"):
                for covariate in (False, True):
                    for weight in (False, True):
                        try:
                            with (
                                warnings.catch_warnings(),
                                contextlib.redirect_stdout(io.StringIO()),
                            ):
                                warnings.simplefilter("ignore")
                                found = list(run(frame, method, control, covariate, weight))
                        except Exception as error:  # a setting that a package does not have
                            print(
                                name,
                                method,
                                control,
                                covariate,
                                weight,
                                repr(error)[:100],
                                file=sys.stderr,
                            )
                            continue
                        out += [(name, version(name), method, control, covariate, weight, int(g), int(t), a, s)
                                for g, t, a, s in found]  # fmt: skip
    columns = [
        "package",
        "version",
        "estimator",
        "control",
        "covariate",
        "weight",
        "cohort",
        "time",
        "estimate",
        "std_error",
    ]
    pd.DataFrame(out, columns=columns).to_csv(HERE / "raw.csv", index=False, float_format="%.10g")


if __name__ == "__main__":
    main()
