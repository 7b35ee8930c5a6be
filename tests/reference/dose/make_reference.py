"""Make firms.csv (drawn here) and run diff-diff and moderndid on it; writes packages.csv. See README.md."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
AT = [2.0, 4.5, 7.0]
SHAPES = {"linear": (1, 0), "quadratic": (2, 0), "spline": (3, 0), "spline, 2 knots": (3, 2)}
Row = tuple[str, str, str, str, str, str, float, float, float]


def draw() -> pd.DataFrame:
    """Firms of three cohorts and of none, with doses between 1 and 9, over six years."""
    rng = np.random.default_rng(20240112)
    n, years = 160, np.arange(1, 7)
    joined = np.array([3.0, 4.0, 6.0, np.nan])[np.arange(n) % 4]
    hours = np.round(rng.uniform(1, 9, n), 3)
    hours[:3], hours[4:7] = 1.0, 9.0
    grade = rng.integers(1, 4, n)
    frame = pd.DataFrame(
        {
            "firm": np.repeat([f"f{i:03d}" for i in range(n)], 6),
            "year": np.tile(years, n),
            "joined": np.repeat(joined, 6),
            "hours": np.repeat(np.where(np.isnan(joined), 0.0, hours), 6),
            "grade": np.repeat(np.where(np.isnan(joined), 0, grade), 6),
            "weight": np.repeat(np.round(rng.uniform(0.5, 2, n), 3), 6),
        }
    )
    treated = frame["year"] >= frame["joined"]
    effect = 0.4 * np.sqrt(frame["hours"]) * (1 + 0.2 * (frame["year"] - frame["joined"]).fillna(0))
    noise = rng.normal(scale=0.7, size=len(frame))
    frame["y"] = np.round(
        np.repeat(rng.normal(size=n), 6) + 0.2 * frame["year"] + treated * effect + noise, 9
    )
    return frame


def cases(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """One cohort and firms of none; all."""
    one = frame[frame["joined"].isna() | (frame["joined"] == 4)]
    return {"one cohort": one, "cohorts": frame}


def run_diff_diff(name: str, frame: pd.DataFrame, control: str) -> Iterator[Row]:
    from diff_diff import ContinuousDiD

    v, group = (
        version("diff-diff"),
        {"never": "never_treated", "not_yet": "not_yet_treated"}[control],
    )
    data = frame.assign(first=frame["joined"].fillna(0).astype(int))
    columns = {"outcome": "y", "unit": "firm", "time": "year", "first_treat": "first"}
    for shape, (degree, knots) in SHAPES.items():
        fit = ContinuousDiD(
            degree=degree, num_knots=knots, dvals=AT, control_group=group, base_period="universal"
        ).fit(data, dose="hours", **columns)
        yield (
            "diff-diff",
            v,
            name,
            control,
            shape,
            "ATT",
            np.nan,
            fit.overall_att,
            fit.overall_att_se,
        )
        yield (
            "diff-diff",
            v,
            name,
            control,
            shape,
            "ACRT",
            np.nan,
            fit.overall_acrt,
            fit.overall_acrt_se,
        )
        for kind, part in (("ATT", fit.dose_response_att), ("ACRT", fit.dose_response_acrt)):
            for d, b, se in zip(part.dose_grid, part.effects, part.se, strict=True):
                yield "diff-diff", v, name, control, shape, kind, d, b, se
    if name == "one cohort":
        fit = ContinuousDiD(
            treatment_type="discrete", control_group=group, base_period="universal"
        ).fit(data, dose="grade", **columns)
        part = fit.dose_response_att
        for d, b, se in zip(part.dose_grid, part.effects, part.se, strict=True):
            yield "diff-diff", v, name, control, "bins", "ATT", d, b, se


def without_strict_is_in() -> None:
    """moderndid 0.2.0 compares whole numbers with floats, which polars 2 refuses; compare both as floats."""
    import polars as pl

    strict = pl.Expr.is_in

    def is_in(self: pl.Expr, other: object, **more: object) -> pl.Expr:
        if isinstance(other, list | np.ndarray) and all(
            isinstance(x, int | float | np.number) for x in other
        ):
            return strict(self.cast(pl.Float64), [float(x) for x in other], **more)
        return strict(self, other, **more)

    pl.Expr.is_in = is_in


def run_moderndid(name: str, frame: pd.DataFrame, control: str) -> Iterator[Row]:
    import moderndid

    v, group = version("moderndid"), {"never": "nevertreated", "not_yet": "notyettreated"}[control]
    data = frame.assign(
        id=pd.factorize(frame["firm"])[0], first=frame["joined"].fillna(0).astype(int)
    )
    for shape, (degree, knots) in SHAPES.items():
        fit = moderndid.cont_did(
            data, yname="y", tname="year", idname="id", gname="first", dname="hours", dvals=np.array(AT), degree=degree, num_knots=knots,
            control_group=group, base_period="varying", target_parameter="level", aggregation="dose", biters=10,
        )  # fmt: skip

        def error(influence: np.ndarray) -> float:
            return float(np.sqrt((influence**2).sum()) / len(influence))

        yield (
            "moderndid",
            v,
            name,
            control,
            shape,
            "ATT",
            np.nan,
            fit.overall_att,
            error(fit.overall_att_inf_func),
        )
        yield (
            "moderndid",
            v,
            name,
            control,
            shape,
            "ACRT",
            np.nan,
            fit.overall_acrt,
            error(fit.overall_acrt_inf_func),
        )
        for j, d in enumerate(fit.dose):
            yield (
                "moderndid",
                v,
                name,
                control,
                shape,
                "ATT",
                d,
                fit.att_d[j],
                error(fit.att_d_inf_func[:, j]),
            )
            yield (
                "moderndid",
                v,
                name,
                control,
                shape,
                "ACRT",
                d,
                fit.acrt_d[j],
                error(fit.acrt_d_inf_func[:, j]),
            )


def main() -> None:
    warnings.simplefilter("ignore")
    without_strict_is_in()
    frame = draw()
    frame.to_csv(HERE / "firms.csv", index=False)
    rows: list[Row] = []
    for name, data in cases(frame).items():
        for control in ("never", "not_yet"):
            rows += [*run_diff_diff(name, data, control), *run_moderndid(name, data, control)]
            print(name, control, len(rows), flush=True)
    columns = [
        "package",
        "version",
        "case",
        "control",
        "shape",
        "kind",
        "dose",
        "estimate",
        "std_error",
    ]
    pd.DataFrame(rows, columns=columns).to_csv(
        HERE / "packages.csv", index=False, float_format="%.12g"
    )


if __name__ == "__main__":
    main()
