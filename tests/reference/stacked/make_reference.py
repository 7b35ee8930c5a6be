"""Run diff-diff (corrected weights) and pyfixest (no weights) on ../twfe/firms.csv, and write packages.csv; see README.md."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "twfe"))
from reader import firms  # noqa: E402

SETTINGS = [
    (2, 1, "not_yet"),
    (3, 1, "not_yet"),
    (1, 0, "not_yet"),
    (2, 2, "never"),
    (3, 1, "never"),
]
Row = tuple[str, str, int, int, str, str, int, float, float]


def stack(frame: pd.DataFrame, pre: int, post: int, control: str) -> pd.DataFrame:
    """All stacks below each other, as a person would make them."""
    parts, last, first = [], frame["year"].max(), frame["year"].min()
    for g in sorted(frame["joined"].dropna().unique()):
        if g - pre < first or g + post > last:
            continue
        late = frame["joined"].isna()
        if control == "not_yet":
            late |= frame["joined"] > g + post
        part = frame[((frame["joined"] == g) | late) & frame["year"].between(g - pre, g + post)]
        part = part.assign(
            stack=int(g),
            event=(part["year"] - g).astype(int),
            own=(part["joined"] == g).astype(int),
        )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def run_diff_diff(frame: pd.DataFrame, pre: int, post: int, control: str) -> Iterator[Row]:
    from diff_diff import StackedDiD

    fit = StackedDiD(
        kappa_pre=pre,
        kappa_post=post,
        control_group="never_treated" if control == "never" else "not_yet_treated",
    ).fit(
        frame.assign(first=frame["joined"].fillna(0.0)),
        outcome="exports",
        unit="firm",
        time="year",
        first_treat="first",
    )
    for e, row in sorted(fit.event_study_effects.items()):
        yield (
            "diff-diff",
            version("diff-diff"),
            pre,
            post,
            control,
            "corrected",
            e,
            row["effect"],
            row["se"],
        )


def run_pyfixest(frame: pd.DataFrame, pre: int, post: int, control: str) -> Iterator[Row]:
    import pyfixest as pf

    data = stack(frame, pre, post, control)
    data["firm_stack"] = data["firm"] + "_" + data["stack"].astype(str)
    data["year_stack"] = data["year"].astype(str) + "_" + data["stack"].astype(str)
    events = [e for e in range(-pre, post + 1) if e != -1]
    for e in events:
        data[f"e{e + 50}"] = data["own"] * (data["event"] == e)
    terms = [f"e{e + 50}" for e in events]
    fit = pf.feols(
        f"exports ~ {' + '.join(terms)} | firm_stack + year_stack",
        data,
        vcov={"CRV1": "firm"},
        ssc=pf.ssc(k_adj=False, G_adj=False),
        fixef_tol=1e-12,
    )
    for e, term in zip(events, terms, strict=True):
        yield (
            "pyfixest",
            version("pyfixest"),
            pre,
            post,
            control,
            "none",
            e,
            fit.coef()[term],
            fit.se()[term],
        )


def main() -> None:
    warnings.simplefilter("ignore")
    frame, rows = firms("plain"), []
    for setting in SETTINGS:
        rows += [*run_diff_diff(frame, *setting), *run_pyfixest(frame, *setting)]
        print(setting, len(rows), flush=True)
    columns = [
        "package",
        "version",
        "kappa_pre",
        "kappa_post",
        "control",
        "weights",
        "event_time",
        "estimate",
        "std_error",
    ]
    pd.DataFrame(rows, columns=columns).to_csv(
        HERE / "packages.csv", index=False, float_format="%.12g"
    )


if __name__ == "__main__":
    np.random.seed(0)
    main()
