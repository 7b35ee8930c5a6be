"""What one check found: the value that every check returns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["passes", "fails", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of a `CheckResult`.

    Attributes
    ----------
    check : str
        Name of the check.
    verdict : {"passes", "fails", "cannot tell"}
        `passes` is the absence of evidence against, never a proof for.
    sentence : str
        The finding, fit for a report.
    statistic, df, p_value : float
        Of the test; missing where the check is not a test.
    size : float
        The magnitude the check speaks of, in the unit of the outcome: what a test could have missed,
        or the largest change.
    n : int or None
        Firms behind it.
    """

    check: str
    verdict: Verdict
    sentence: str
    statistic: float = math.nan
    df: float = math.nan
    p_value: float = math.nan
    size: float = math.nan
    n: int | None = None
