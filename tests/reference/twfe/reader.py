"""Read the references of two-way fixed effects and of its decomposition, and make the variants of the data that they are about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def firms(case: str = "plain") -> pd.DataFrame:
    """The drawn firms of a case.

    `plain` has no firm that participates from the beginning; `always` has; in `no_never` every firm joins; `weights`, `covariate` and `clusters` are
    `plain` with the columns `weight`, `size` and `chamber`; `unbalanced` lacks 1 row in 7.
    """
    frame = pd.read_csv(HERE / "firms.csv")
    if case not in ("always", "no_never"):
        frame = frame[frame["joined"] != 2010]
    if case == "no_never":
        frame = frame[frame["joined"].notna() & (frame["joined"] != 2010)]
    if case == "unbalanced":
        number = frame["firm"].str[1:].astype(int) * 3 + frame["year"] * 5
        frame = frame[number % 7 != 0]
    return frame.reset_index(drop=True)


def cases() -> list[str]:
    """Names of the cases."""
    return ["plain", "always", "no_never", "weights", "covariate", "clusters", "unbalanced"]


def coefficients() -> pd.DataFrame:
    """What packages print: `package, version, case, factor, estimate, std_error`."""
    return pd.read_csv(HERE / "coefficients.csv")


def decompositions() -> pd.DataFrame:
    """Comparisons by diff-diff: `case, kind, treated, control, estimate, weight`."""
    return pd.read_csv(HERE / "comparisons.csv", dtype={"control": str}, keep_default_na=False)


def negative_weights() -> pd.DataFrame:
    """diff-diff's `twowayfeweights`: `case, fraction_negative, sum_negative, beta_fe`."""
    return pd.read_csv(HERE / "negative_weights.csv")


def participation(frame: pd.DataFrame) -> pd.Series:
    """1 from the first period of participation on."""
    return (frame["year"] >= frame["joined"].fillna(np.inf)).astype(int)
