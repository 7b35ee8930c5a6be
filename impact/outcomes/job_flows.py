"""Job creation, destruction and reallocation from the jobs of firms in two years, after Davis, Haltiwanger and Schuh."""

from __future__ import annotations

import numpy as np
import pandas as pd

FLOWS = {
    "creation": "jobs of firms that entered or grew (gross)",
    "creation_entry": "of them, jobs of firms that had none in the year before",
    "destruction": "jobs that firms which shrank or closed lost (gross)",
    "destruction_death": "of them, jobs of firms that have none any more",
    "net": "creation less destruction",
    "reallocation": "creation plus destruction",
    "excess_reallocation": "reallocation beyond what the net change needs",
}
"""Flows of jobs between two years in a row."""

COUNTS = ("n_firms", "n_entering", "n_born", "n_dying", "n_closed", "n_no_jobs", "n_unobserved")

COLUMNS = ("jobs_before", "jobs", *FLOWS, *(f"{flow}_rate" for flow in FLOWS), *COUNTS, "jobs_into_sight", "jobs_out_of_sight")  # fmt: skip
"""Columns of a table of flows, beside the year and the group."""


def growth(now: pd.Series, before: pd.Series) -> pd.Series:
    """Midpoint growth `2 (now - before) / (now + before)`: 2 on entry, -2 on death; missing where both are 0 or one is not known.

    Examples
    --------
    >>> growth(pd.Series([12.0, 5.0, 0.0, 0.0, 4.0]), pd.Series([8.0, 0.0, 5.0, 0.0, None])).tolist()
    [0.4, 2.0, -2.0, nan, nan]
    """
    mean = (now + before) / 2
    return (now - before) / mean.where(mean > 0)


def job_flows(
    jobs: pd.DataFrame,
    gone: pd.DataFrame,
    groups: pd.Series | None = None,
    *,
    name: str = "group",
) -> pd.DataFrame:
    """Flows of each year, and group.

    Parameters
    ----------
    jobs : DataFrame
        Firms (sorted) by years, every year between the first and the last; missing where not known.
    gone : DataFrame of bool
        Whether the firm is known to be inactive.
    groups : Series, optional
        Group of each firm; firms without one are left out.
    name : str
        Column of the groups.

    Returns
    -------
    DataFrame
        `year`, the column of the groups where there are any, `jobs_before jobs`, the flows of `FLOWS` in jobs and, with `_rate`, as shares of the mean of jobs in both years;
        `n_firms` with jobs in one of the years at least, of which `n_entering` (`n_born`: were not active before) and `n_dying`
        (`n_closed`: are not active any more); `n_no_jobs` in either; `n_unobserved` in one of the years or both, which are in no flow,
        with their jobs of the one year that is known: `jobs_into_sight`, `jobs_out_of_sight`.
    """
    parts: list[tuple[object, pd.Index]] = [(None, jobs.index)]
    if groups is not None:
        known = groups.dropna()
        parts = [(g, known.index[known == g]) for g in sorted(known.unique())]
    rows = []
    for year in jobs.columns[1:]:
        for group, firms in parts:
            row: dict[str, object] = {"year": int(year)}
            if groups is not None:
                row[name] = group
            now, before = jobs.loc[firms, year], jobs.loc[firms, year - 1]
            rows.append(
                row
                | _one_year(now, before, gone.loc[firms, year], gone.loc[firms, year - 1])
                | _seen_once(now, before)
            )
    keys = ["year", *([] if groups is None else [name])]
    return pd.DataFrame(rows, columns=None if rows else [*keys, *COLUMNS])


def _one_year(
    now: pd.Series, before: pd.Series, gone_now: pd.Series, gone_before: pd.Series
) -> dict[str, object]:
    seen = now.notna() & before.notna()
    now, before = now[seen], before[seen]
    change = now - before
    entering, dying = (before == 0) & (now > 0), (now == 0) & (before > 0)
    behind = int(((now > 0) | (before > 0)).sum())
    if seen.any():
        up, down = float(change[change > 0].sum()), 0.0 - float(change[change < 0].sum())
        flows = {
            "creation": up, "creation_entry": float(change[entering].sum()),
            "destruction": down, "destruction_death": 0.0 - float(change[dying].sum()),
            # From the two, so that the identity holds to the last digit.
            "net": up - down, "reallocation": up + down, "excess_reallocation": up + down - abs(up - down),
        }  # fmt: skip
        levels = {"jobs_before": float(before.sum()), "jobs": float(now.sum())}
    else:  # nobody was seen in both years: nothing is known, which is not 0
        flows = dict.fromkeys(FLOWS, np.nan)
        levels = {"jobs_before": np.nan, "jobs": np.nan}
    mean = (levels["jobs_before"] + levels["jobs"]) / 2
    rates = {f"{k}_rate": v / mean if mean > 0 else np.nan for k, v in flows.items()}
    counts = {
        "n_firms": behind,
        "n_entering": int(entering.sum()), "n_born": int((entering & gone_before[seen]).sum()),
        "n_dying": int(dying.sum()), "n_closed": int((dying & gone_now[seen]).sum()),
        "n_no_jobs": int(seen.sum()) - behind, "n_unobserved": int((~seen).sum()),
    }  # fmt: skip
    return {**levels, **flows, **rates, **counts}


def _seen_once(now: pd.Series, before: pd.Series) -> dict[str, object]:
    return {
        "jobs_into_sight": float(now[before.isna()].sum()),
        "jobs_out_of_sight": float(before[now.isna()].sum()),
    }
