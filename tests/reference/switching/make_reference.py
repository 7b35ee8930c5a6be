"""Make firms.csv (drawn here) and run diff-diff and moderndid on it; writes packages.csv. See README.md."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
PERIODS = 8
PATHS = {
    "never": [0] * 8,
    "in 3": [0, 0, 1, 1, 1, 1, 1, 1],
    "in 3 to 4": [0, 0, 1, 1, 0, 0, 0, 0],
    "in 4": [0, 0, 0, 1, 1, 1, 1, 1],
    "in 6": [0, 0, 0, 0, 0, 1, 1, 1],
    "in 6 to 6": [0, 0, 0, 0, 0, 1, 0, 0],
    "always": [1] * 8,
    "out 3": [1, 1, 0, 0, 0, 0, 0, 0],
    "out 5": [1, 1, 1, 1, 0, 0, 0, 0],
    "out 5 to 6": [1, 1, 1, 1, 0, 0, 1, 1],
}
NUMBER = [14, 9, 6, 8, 7, 5, 12, 7, 6, 5]
Row = tuple[str, str, str, str, int, float, float, float]


def draw() -> pd.DataFrame:
    """Firms that enter, leave, and do either again; effects that grow, and fade after leaving."""
    rng = np.random.default_rng(20160516)
    rows = []
    for path, count in zip(PATHS, NUMBER, strict=True):
        for _ in range(count):
            firm = f"f{len(rows):03d}"
            d = np.array(PATHS[path])
            level, lag = rng.normal(), np.convolve(d, 0.4 ** np.arange(8))[:8]
            y = (
                5
                + level
                + 0.2 * np.arange(8) * (1 + 0.5 * d[0])
                + 0.5 * lag
                + rng.normal(scale=0.6, size=8)
            )
            rows.append(
                (firm, d, y, f"c{rng.integers(30):02d}", round(float(rng.uniform(0.5, 2)), 3))
            )
    return pd.DataFrame(
        [
            (firm, t + 1, int(d[t]), round(float(y[t]), 9), cluster, weight)
            for firm, d, y, cluster, weight in rows
            for t in range(PERIODS)
        ],
        columns=["firm", "year", "member", "y", "nucleus", "weight"],
    )


def cases(frame: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, dict[str, object]]]:
    """Data and further arguments (in moderndid's words) of each case."""
    once = frame.groupby("firm")["member"].transform(lambda d: d.diff().abs().sum()) <= 1
    absorbing = frame.groupby("firm")["member"].transform(
        lambda d: d.is_monotonic_increasing and d.iloc[0] == 0
    )
    holes = np.random.default_rng(3).uniform(size=len(frame)) < 0.08
    missing = frame.assign(y=frame["y"].where(~holes))
    entering: dict[str, object] = {"switchers": "in"}
    return {
        "plain": (frame, {}),
        "once": (frame[once], {}),
        "absorbing": (frame[absorbing], {}),
        "in": (frame, entering),
        "out": (frame, {"switchers": "out"}),
        "in, normalized": (frame, {**entering, "normalized": True}),
        "in, clusters": (frame, {**entering, "cluster": "nucleus"}),
        "in, weights": (frame, {**entering, "weightsname": "weight"}),
        "in, missing outcomes": (missing, entering),
        "in, missing rows": (frame[~holes], entering),
    }


def run_moderndid(name: str, frame: pd.DataFrame, asked: dict[str, object]) -> Iterator[Row]:
    import moderndid

    frame = frame.assign(id=pd.factorize(frame["firm"])[0])
    if "cluster" in asked:
        frame["nucleus"] = pd.factorize(frame["nucleus"])[0]
    for less in (False, True):
        fit = moderndid.did_multiplegt(
            frame,
            yname="y",
            tname="year",
            idname="id",
            dname="member",
            effects=6,
            placebo=3,
            less_conservative_se=less,
            **asked,
        )
        for part in (fit.effects, fit.placebos):
            for h, b, se, n in zip(
                part.horizons, part.estimates, part.std_errors, part.n_switchers, strict=True
            ):
                e = int(h) - 1
                yield (
                    "moderndid",
                    version("moderndid"),
                    name,
                    "no factor" if less else "factor",
                    e,
                    b,
                    se,
                    n,
                )
        yield (
            "moderndid",
            version("moderndid"),
            name,
            "total " + ("no factor" if less else "factor"),
            0,
            fit.ate.estimate,
            fit.ate.std_error,
            np.nan,
        )


def run_diff_diff(name: str, frame: pd.DataFrame) -> Iterator[Row]:
    from diff_diff import ChaisemartinDHaultfoeuille

    v = version("diff-diff")
    fit = ChaisemartinDHaultfoeuille(drop_larger_lower=False, placebo=True).fit(
        frame, outcome="y", unit="firm", time="year", treatment="member", L_max=6
    )
    for h, found in fit.event_study_effects.items():
        yield (
            "diff-diff",
            v,
            name,
            "own cohort",
            int(h) - 1,
            found["effect"],
            found["se"],
            found["n_obs"],
        )
    for h, found in (fit.placebo_event_study or {}).items():
        yield (
            "diff-diff",
            v,
            name,
            "own cohort",
            -1 - abs(int(h)),
            found["effect"],
            found["se"],
            found["n_obs"],
        )
    yield "diff-diff", v, name, "total", 0, fit.cost_benefit_delta["delta"], np.nan, np.nan
    one = ChaisemartinDHaultfoeuille(drop_larger_lower=False, placebo=True).fit(
        frame, outcome="y", unit="firm", time="year", treatment="member"
    )
    yield "diff-diff", v, name, "DID_M", 0, one.overall_att, one.overall_se, np.nan
    yield "diff-diff", v, name, "DID_M joining", 0, one.joiners_att, one.joiners_se, np.nan
    yield "diff-diff", v, name, "DID_M leaving", 0, one.leavers_att, one.leavers_se, np.nan
    yield "diff-diff", v, name, "DID_M placebo", -1, one.placebo_effect, one.placebo_se, np.nan


def main() -> None:
    warnings.simplefilter("ignore")
    frame = draw()
    frame.to_csv(HERE / "firms.csv", index=False)
    rows: list[Row] = []
    for name, (data, asked) in cases(frame).items():
        rows += run_moderndid(name, data, asked)
        if not asked:
            rows += run_diff_diff(name, data)
        print(name, len(rows), flush=True)
    columns = [
        "package",
        "version",
        "case",
        "kind",
        "event_time",
        "estimate",
        "std_error",
        "n_switchers",
    ]
    pd.DataFrame(rows, columns=columns).to_csv(
        HERE / "packages.csv", index=False, float_format="%.12g"
    )


if __name__ == "__main__":
    main()
