"""Overlap: where does the score of both arms reach, and what would trimming drop, in firms and in euros?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from impact.core.errors import DesignError
from impact.core.inference import FloatArray
from impact.core.whole_numbers import counted
from impact.design.ipw import crump_limit
from impact.design.propensity import BoolArray
from impact.design.request import MatchSettings

COMMON_SUPPORT = "common support"
ARMS = ("participants", "comparison firms")
_SURE = 1e-12  # a fitted probability this close to 0 or 1 is as good as certain

Limits = tuple[float, float]


def score_of(frame: pd.DataFrame, settings: MatchSettings) -> tuple[FloatArray, bool]:
    """The score of each candidate, as a probability where it is one, and whether it is.

    A score on the scale of the logit is turned into a probability; a given score is one where it lies between 0 and 1.

    Raises
    ------
    DesignError
        If the method has no score.
    """
    score = frame["distance"].to_numpy(dtype=np.float64)
    if np.isnan(score).all():
        raise DesignError(
            f"The method {settings.method!r} made no score, so there is no overlap of scores to look at. Look at `balance()` and "
            "`quality()`; or see whom a score would find alike: impact.match(..., method='nearest', distance='logit').overlap()."
        )
    if settings.distance == "linear_logit":
        return 1 / (1 + np.exp(-score)), True
    known = score[~np.isnan(score)]
    return score, settings.given is None or bool(((known > 0) & (known < 1)).all())


def common_support(score: FloatArray, treated: BoolArray) -> Limits:
    """From the larger of the arms' smallest scores to the smaller of their largest.

    Examples
    --------
    >>> common_support(np.array([0.2, 0.9, 0.1, 0.6]), np.array([True, True, False, False]))
    (0.2, 0.6)
    """
    arms = score[treated], score[~treated]
    return float(max(a.min() for a in arms)), float(min(a.max() for a in arms))


def overlap_table(
    frame: pd.DataFrame,
    settings: MatchSettings,
    *,
    amount: FloatArray | None = None,
    value: str | None = None,
    limits: Limits | None = None,
    by_cohort: bool = False,
) -> pd.DataFrame:
    """What lies outside the common support and outside the usual limits of the score.

    Parameters
    ----------
    frame : DataFrame
        Candidates: `unit`, `cohort`, `treated`, `distance`.
    settings : MatchSettings
    amount : array, shape (n,), optional
        An amount of each candidate before joining, and its name in `value`.
    limits : (low, high), optional
        Further limits of the score.
    by_cohort : bool
        One block for each cohort.

    Returns
    -------
    DataFrame
        See `MatchResult.overlap`.
    """
    score, probability = score_of(frame, settings)
    treated = frame["treated"].to_numpy(dtype=bool)
    cohorts = np.maximum(pd.factorize(frame["cohort"], sort=True)[0], 0)
    years = np.sort(frame["cohort"].dropna().unique())
    if by_cohort and not len(years):
        raise DesignError("A cross-section has no cohorts; leave `by_cohort` out.")
    rows = []
    for rule, limits_of in _rules(probability, _checked(limits)).items():
        found = [
            limits_of(score[cohorts == g], treated[cohorts == g]) for g in range(cohorts.max() + 1)
        ]
        low, high = (np.array(side)[cohorts] for side in zip(*found, strict=True))
        outside = np.where(np.isnan(low), np.nan, (score < low) | (score > high))
        table = pd.DataFrame(
            {"unit": frame["unit"].to_numpy(), "treated": treated, "score": score, "out": outside}
        ).assign(amount=np.nan if amount is None else amount)
        if not by_cohort:
            one = found[0] if len(set(found)) == 1 else (np.nan, np.nan)
            rows += _arm_rows(table, {"rule": rule}, one, value)
            continue
        for g, year in enumerate(years):
            key = {"cohort": int(year), "rule": rule}
            rows += _arm_rows(table[cohorts == g], key, found[g], value)
    out = pd.DataFrame(rows).astype({"n_outside": "Int64"})
    if by_cohort:
        out = out.sort_values("cohort", kind="stable").reset_index(drop=True)
    out.attrs["scale"] = "probability" if probability else "score"
    return out


def _checked(limits: Limits | None) -> Limits | None:
    if limits is None:
        return None
    try:
        low, high = (float(x) for x in limits)
    except (TypeError, ValueError):
        raise DesignError(f"limits is {limits!r}; it is a pair (low, high) of scores.") from None
    if not low < high:
        raise DesignError(f"limits is {limits!r}; the lower one stands first.")
    return low, high


def _rules(
    probability: bool, limits: Limits | None
) -> dict[str, Callable[[FloatArray, BoolArray], Limits]]:
    def fixed(low: float, high: float) -> Callable[[FloatArray, BoolArray], Limits]:
        return lambda score, treated: (low, high)

    def crump(score: FloatArray, treated: BoolArray) -> Limits:
        low = crump_limit(np.clip(score, _SURE, 1 - _SURE))
        return low, 1 - low

    nowhere = fixed(np.nan, np.nan)
    rules = {
        COMMON_SUPPORT: common_support,
        "[0.01, 0.99]": fixed(0.01, 0.99) if probability else nowhere,
        "[0.1, 0.9]": fixed(0.1, 0.9) if probability else nowhere,
        "Crump optimal": crump if probability else nowhere,
    }
    if limits is not None:
        rules[f"[{limits[0]:g}, {limits[1]:g}]"] = fixed(*limits)
    return rules


def _arm_rows(
    table: pd.DataFrame, keys: dict[str, object], limits: Limits, value: str | None
) -> list[dict[str, object]]:
    """One row for each arm: a firm is outside where it is so for every cohort that it was offered to."""
    out = []
    for arm, in_arm in zip(ARMS, (table["treated"], ~table["treated"]), strict=True):
        part = table[in_arm]
        firms = part.groupby("unit", sort=False).agg({"out": "min", "amount": "mean"})
        known = not firms["out"].isna().any()
        gone = firms["out"] > 0
        row = {
            **keys,
            "arm": arm,
            "low": limits[0],
            "high": limits[1],
            "score_min": float(part["score"].min()),
            "score_max": float(part["score"].max()),
            "n": len(firms),
            "n_outside": int(gone.sum()) if known else pd.NA,
            "share_outside": float(gone.mean()) if known else np.nan,
        }
        if value is not None:
            total = float(firms["amount"].sum(min_count=1))
            dropped = float(firms.loc[gone, "amount"].sum()) if known else np.nan
            if gone.any() and firms.loc[gone, "amount"].isna().all():
                dropped = np.nan
            row |= {
                f"{value}_all": total,
                f"{value}_dropped": dropped,
                f"{value}_share_dropped": dropped / total if total else np.nan,
                f"{value}_unknown": int(firms["amount"].isna().sum()),
            }
        out.append(row)
    return out


def overlap_sentence(table: pd.DataFrame) -> str:
    """One line on the common support."""
    ins, outs = (row for _, row in table[table["rule"] == COMMON_SUPPORT].iterrows())
    where = "" if np.isnan(ins["low"]) else f" [{ins['low']:.3g}, {ins['high']:.3g}]"
    if ins["low"] > ins["high"]:
        return "The scores of the arms do not overlap."
    return (
        f"Outside the common support of the score{where}: {ins['n_outside']:,} of {counted(ins['n'], 'participant')} and "
        f"{outs['n_outside']:,} of {counted(outs['n'], 'comparison firm')}."
    )
