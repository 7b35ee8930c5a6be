"""Match quality: how far apart are pairs, how often does a control serve, and on how few firms does it rest?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from impact.core.inference import FloatArray
from impact.design.balance import effective_sample_size, weighted_variance

QUANTILES = {
    "min": 0.0,
    "p25": 0.25,
    "p50": 0.5,
    "p75": 0.75,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "max": 1.0,
}
_HEAVIEST = 5

Rows = list[tuple[str, str | None, str, float]]


def quality_table(frame: pd.DataFrame, pairs: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Describe a match by its pairs or sets, and by its weights.

    Parameters
    ----------
    frame : DataFrame
        Candidates: `unit`, `cohort`, `treated`, `distance`, `weight`, `pair`.
    pairs : DataFrame
        `pair`, `treated`, `control`, `distance`, perhaps `cohort`.
    kind : {"pairs", "sets", "weights"}

    Returns
    -------
    DataFrame
        See `MatchResult.quality`.
    """
    rows: Rows = []
    if kind == "pairs":
        rows += _of_pairs(frame, pairs)
    if kind == "sets":
        rows += _of_sets(frame)
    return pd.DataFrame(
        [*rows, *_of_weights(frame)], columns=["measure", "arm", "level", "value"]
    ).astype({"value": "float64"})


def _of_pairs(frame: pd.DataFrame, pairs: pd.DataFrame) -> Rows:
    rows = _quantiles("distance", None, pairs["distance"].to_numpy(dtype=np.float64))
    rows += _quantiles("score difference in SD", None, _in_sd(frame, pairs))
    rows += _counts("participants with so many controls", pairs.groupby("pair").size())
    uses = pairs["control"].value_counts()
    rows += _counts("controls used so many times", uses)
    return [*rows, ("uses of a control", None, "max", float(uses.max()))]


def _in_sd(frame: pd.DataFrame, pairs: pd.DataFrame) -> FloatArray:
    """Differences of the score within pairs, in SD (n - 1) of the score over all candidates of the cohort; missing without score."""
    score = frame["distance"].to_numpy(dtype=np.float64)
    if np.isnan(score).all():
        return np.full(len(pairs), np.nan)
    spread = frame.groupby(frame["cohort"].fillna(0))["distance"].std(ddof=1)
    several = "cohort" in pairs
    keys = pd.MultiIndex.from_arrays([frame["cohort"].fillna(0).astype("int64"), frame["unit"]])
    cohort = pairs["cohort"].astype("int64") if several else pd.Series(0, index=pairs.index)
    ends = [
        score[keys.get_indexer(pd.MultiIndex.from_arrays([cohort, pairs[arm]]))]
        for arm in ("treated", "control")
    ]
    scale = spread.reindex(cohort.astype("float64")).to_numpy(dtype=np.float64)
    return np.asarray(np.abs(ends[0] - ends[1]) / np.where(scale > 0, scale, np.nan))


def _of_sets(frame: pd.DataFrame) -> Rows:
    inside = frame[frame["pair"].notna() & (frame["weight"] > 0)]
    sizes = inside.groupby(inside["pair"].astype("int64"))["treated"].agg(["sum", "size"])
    rows: Rows = [("sets", None, "number", float(len(sizes)))]
    rows += _quantiles("firms in a set", None, sizes["size"].to_numpy(dtype=np.float64))
    ins = sizes["sum"].to_numpy(dtype=np.float64)
    rows += _quantiles("firms in a set", "participants", ins)
    return rows + _quantiles("firms in a set", "comparison firms", sizes["size"].to_numpy() - ins)


def _of_weights(frame: pd.DataFrame) -> Rows:
    """Weights of firms over all cohorts, by arm."""
    rows: Rows = []
    firms = frame.groupby(["treated", "unit"], sort=False)["weight"].sum()
    for arm, treated in (("participants", True), ("comparison firms", False)):
        weights = firms.loc[treated].to_numpy(dtype=np.float64)
        weights = np.sort(weights[weights > 0])
        total = float(weights.sum())
        rows += [
            ("firms with weight", arm, "number", float(len(weights))),
            ("effective sample size", arm, "number", effective_sample_size(weights)),
            *_quantiles("weight", arm, weights),
            ("share of the weight", arm, "largest", _share(weights[-1:], total)),
            ("share of the weight", arm, f"{_HEAVIEST} largest", _share(weights[-_HEAVIEST:], total)),
        ]  # fmt: skip
    return rows


def _share(part: FloatArray, total: float) -> float:
    return float(part.sum()) / total if total > 0 else float("nan")


def _quantiles(measure: str, arm: str | None, values: FloatArray) -> Rows:
    known = values[~np.isnan(values)]
    found = (
        np.quantile(known, list(QUANTILES.values()))
        if len(known)
        else np.full(len(QUANTILES), np.nan)
    )
    return [(measure, arm, level, float(v)) for level, v in zip(QUANTILES, found, strict=True)]


def _counts(measure: str, each: pd.Series) -> Rows:
    found = each.value_counts().sort_index()
    return [(measure, None, str(int(str(many))), float(n)) for many, n in found.items()]


def left_out(
    frame: pd.DataFrame,
    unmatched: Mapping[str, Iterable[object]],
    no_candidates: Mapping[str, Sequence[object]],
) -> pd.DataFrame:
    """Participants that were left out, one row each: `unit`, `cohort`, `candidate`, `reason`.

    Parameters
    ----------
    frame : DataFrame
        Candidates: `unit`, `cohort`, `treated`.
    unmatched : mapping
        Candidates by the reason for which they were not matched, as in the ledger.
    no_candidates : mapping
        Firms that were no candidates, by the reason.
    """
    said = "participant: "
    rows = []
    for reasons, candidate in ((no_candidates, False), (unmatched, True)):
        for reason, units in reasons.items():
            if reason.startswith(said):
                rows += [(unit, candidate, reason.removeprefix(said)) for unit in units]
    table = pd.DataFrame(rows, columns=["unit", "candidate", "reason"])
    joined = frame.loc[frame["treated"]].drop_duplicates("unit").set_index("unit")["cohort"]
    table.insert(1, "cohort", table["unit"].map(joined).astype("float64"))
    return table


def unmatched_table(
    columns: pd.DataFrame, treated: FloatArray, before: FloatArray, after: FloatArray
) -> pd.DataFrame:
    """Compare participants that were matched with those that were not, covariate by covariate.

    Parameters
    ----------
    columns : DataFrame
        Covariates of the candidates.
    treated : array of bool, shape (n,)
    before, after : array, shape (n,)
        Weights before and after matching.

    Returns
    -------
    DataFrame
        `covariate, mean_matched, mean_unmatched, difference, smd`; `smd` divides the difference (unmatched less matched) by the
        standard deviation of all participants. Missing where nobody is on one side, or participants do not vary.

    Examples
    --------
    >>> x = pd.DataFrame({"size": [1.0, 3.0, 8.0]})
    >>> table = unmatched_table(x, np.ones(3, dtype=bool), np.ones(3), np.array([1.0, 1.0, 0.0]))
    >>> table[["mean_matched", "mean_unmatched", "difference"]].iloc[0].tolist()
    [2.0, 8.0, 6.0]
    """
    rows = []
    of = np.asarray(treated, dtype=bool)
    inside = after[of] > 0
    for name in columns.columns:
        x = columns[name].to_numpy(dtype=np.float64)[of]
        means = [float(x[p].mean()) if p.any() else float("nan") for p in (inside, ~inside)]
        binary = bool(np.isin(columns[name].to_numpy(dtype=np.float64), (0.0, 1.0)).all())
        variance = weighted_variance(x, before[of], binary=binary)
        scale = float(np.sqrt(variance)) if variance > 0 else float("nan")
        apart = means[1] - means[0]
        rows.append((str(name), *means, apart, apart / scale))
    return pd.DataFrame(
        rows, columns=["covariate", "mean_matched", "mean_unmatched", "difference", "smd"]
    )
