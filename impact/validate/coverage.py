"""Breaks in coverage: a year whose firms, values or identifiers jump by more than its neighbours allow.

Where a delivery lacks half of a year, absence looks like exit, and the return like entry. No formula of
dynamics can tell the two apart afterwards; so the yearly totals are looked at before any is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from impact.core.errors import DataError, Fault, StudyError
from impact.core.notice import Notice
from impact.core.panel import require_columns
from impact.validate.breaks import Break, amount_breaks, numbers_of, prefix_breaks, share_breaks

YEARLY_SQL = """
SELECT f.year AS year,
       count(*) AS firms,
       CAST(sum(f.shipments) AS BIGINT) AS rows,
       CAST(sum(f.cents) AS BIGINT) AS cents,
       CASE WHEN f.year > e.first_year THEN
         CAST(sum(CASE WHEN f.year = s.first_year THEN 1 ELSE 0 END) AS DOUBLE) / count(*)
       END AS new_share,
       CASE WHEN f.year < e.last_year THEN
         CAST(sum(CASE WHEN f.year = s.last_year THEN 1 ELSE 0 END) AS DOUBLE) / count(*)
       END AS lost_share
FROM firm_years f
JOIN (SELECT firm_id, min(year) AS first_year, max(year) AS last_year
      FROM firm_years GROUP BY firm_id) s ON f.firm_id = s.firm_id
CROSS JOIN (SELECT min(year) AS first_year, max(year) AS last_year FROM firm_years) e
GROUP BY f.year, e.first_year, e.last_year
ORDER BY year
"""
"""`yearly` of `coverage_breaks`, but for the months, from `firm_years(firm_id, year, cents, shipments)`: one row
per firm and year. Who is new in the first year of the data, and who is lost in the last, is not known: NULL."""

PREFIX_SQL = """
SELECT year, concat(CAST(length(firm_id) AS STRING), ':', substr(firm_id, 1, 2)) AS prefix,
       count(*) AS firms
FROM firm_years
GROUP BY year, concat(CAST(length(firm_id) AS STRING), ':', substr(firm_id, 1, 2))
ORDER BY year, prefix
"""
"""`prefixes` of `coverage_breaks`: first two characters of the identifiers, with their length, since codes that
lose a zero or gain a check digit may keep their beginning."""

MONTHS_SQL = """
SELECT year, 12 - count(DISTINCT month) AS missing_months FROM months GROUP BY year ORDER BY year
"""
"""`missing_months` of `yearly`, from `months(year, month)`: one row or more per month with a shipment."""

AMOUNTS = ("firms", "rows", "cents")
SHARES = ("new_share", "lost_share")
COLUMNS = ("year", "measure", "value", "expected", "change", "score")
_TOO_FEW = 20  # firms in the middle year; of fewer, nobody can say what is usual
_MONTHS_MORE = (
    2  # months that a year must lack beyond the middle year; firms may ship in one season
)


def coverage_breaks(
    yearly: pd.DataFrame,
    prefixes: pd.DataFrame | None = None,
    *,
    period: tuple[int, int] | None = None,
    k: float = 3.5,
    min_change: float = 0.2,
) -> pd.DataFrame:
    """Find years whose coverage differs from that of their neighbours.

    Parameters
    ----------
    yearly : DataFrame
        One row per year: `year`, `firms`, and as far as known `rows`, `cents`, `new_share` (share of the
        firms never seen before), `lost_share` (never seen after), `missing_months`. Missing cells are not
        looked at, nor is who is new in the first year or lost in the last.
    prefixes : DataFrame, optional
        `year, prefix, firms`: how many firms have identifiers that begin so.
    period : (int, int), optional
        First and last year that should have rows; by default those of `yearly`.
    k : float
        How many robust standard deviations a change may differ from the usual one.
    min_change : float
        The least that counts: in logarithms for firms and rows (0.2 is 22 % up or 18 % down), twice that
        for values, in shares for identifiers.

    Returns
    -------
    DataFrame
        `year, measure, value, expected, change, score`, one row per break. `measure` is a column of
        `yearly`, or `prefixes` (total variation distance to the year before), or `no_rows`. `expected` is
        what the neighbours of the year suggest; `change` is value / expected - 1 for amounts, and
        value - expected for shares. `score` is in robust standard deviations; missing where the finding
        needs none (`missing_months`, `no_rows`).

    Raises
    ------
    StudyError
        If `k` or `min_change` is not positive.
    DataError
        If a column is missing, or a year is missing or stands twice.

    Notes
    -----
    For amounts, each change from year to year, in logarithms, is held against the median of the changes;
    their spread is 1.4826 times the median absolute deviation, at least `min_change / k`, so that a smooth
    series does not alarm on trifles, and at most log(2) / k, so that a wild one does not excuse everything.
    The chance that so few firms come and go by is added (1/n of both years), but for one fall and its return where at
    least three other changes all stay within a tenth of `min_change`: firms that never move do not vanish by chance. Fewer than five changes give no
    spread; then `min_change` decides, and growth beyond it is no usual one. A jump and its return are one
    break, of the year between; a rise from the first year to all others is a break of the first. Values are held ten times as uncertain by chance as counts of firms.

    A share counts where it stands `min_change` above the mean of its neighbours, or twice that above the one
    neighbour it has. A mix of identifiers counts where its distance to the year before is `min_change` above
    the usual one and above what chance gives.

    `missing_months` counts where a year lacks at least two more than the middle year: firms may ship in one season.
    Where the middle year has fewer than 20 firms, only years without a row and missing months are looked for.

    Examples
    --------
    Plants of the Chilean census, with the year of which half is missing:

    >>> import pandas as pd
    >>> plants = pd.DataFrame({"year": range(1990, 1997),
    ...                        "firms": [4950, 4980, 2408, 5020, 5010, 5030, 5054]})
    >>> coverage_breaks(plants)[["year", "measure", "value", "expected"]].round()
       year measure   value  expected
    0  1992   firms  2408.0    5000.0
    """
    if not (k > 0 and min_change > 0):
        raise StudyError(f"k = {k!r} and min_change = {min_change!r} must be above 0.")
    require_columns(yearly, ["year", "firms"])
    _require_one_row_a_year(yearly)
    table = yearly.set_index(yearly["year"].astype("int64")).sort_index()
    present = table[numbers_of(table["firms"]) > 0]
    found = _empty_years(table, present, period) + _short_years(present)
    if prefixes is not None:
        require_columns(prefixes, ["year", "prefix", "firms"])
    if len(present) and float(np.median(numbers_of(present["firms"]))) >= _TOO_FEW:
        found += _jumps_of(present, prefixes, k, min_change)
    order = ("no_rows", "missing_months", *AMOUNTS, *SHARES, "prefixes")
    found.sort(key=lambda b: (b.year, order.index(b.measure)))
    frame = pd.DataFrame(found, columns=list(COLUMNS))
    floats = dict.fromkeys(COLUMNS[2:], "float64")
    return frame.astype({"year": "int64", "measure": "str", **floats})


def _jumps_of(
    present: pd.DataFrame, prefixes: pd.DataFrame | None, k: float, min_change: float
) -> list[Break]:
    """Breaks of amounts, of shares and of the mix of identifiers."""
    found: list[Break] = []
    for measure in AMOUNTS:
        if measure in present:
            found += amount_breaks(present, measure, k, min_change)
    first = [b for b in found if b.measure == "firms" and b.year == present.index[0]]
    for measure in SHARES:
        if measure in present:
            found += share_breaks(present, measure, k, min_change)
    if first:  # whom the first year lacks is new in the second: that is no other finding
        lacking, second = -first[0].change, present.index[1]
        found = [
            b
            for b in found
            if (b.year, b.measure) != (second, "new_share") or b.change > lacking + min_change
        ]
    if prefixes is not None:
        found += prefix_breaks(prefixes, k, min_change)
    return found


def notices(breaks: pd.DataFrame, *, file: str | None = None) -> list[Notice]:
    """Say, for each year with a break, what jumped, by how much, and what to do.

    Parameters
    ----------
    breaks : DataFrame
        From `coverage_breaks`.
    file : str, optional
        What the person calls the delivery.

    Returns
    -------
    list of Notice
        One a year. Firms that are lost after a year speak of the year that follows.

    Examples
    --------
    >>> import pandas as pd
    >>> plants = pd.DataFrame({"year": range(1990, 1997),
    ...                        "firms": [4950, 4980, 2408, 5020, 5010, 5030, 5054]})
    >>> print(*notices(coverage_breaks(plants), file="plants.csv"))
    plants.csv: coverage breaks in 1992: 2,408 firms where its neighbours suggest 5,000 (-52 %); check that the delivery of 1992 is complete and in the same unit as the others; entry and exit in 1992 and beside it are not to be trusted.
    """
    said: dict[int, list[Break]] = {}
    for row in breaks[list(COLUMNS)].itertuples(index=False, name=None):
        one = Break(*row)
        said.setdefault(one.year + (one.measure == "lost_share"), []).append(one)
    return [_notice(year, found, file) for year, found in sorted(said.items())]


def _require_one_row_a_year(yearly: pd.DataFrame) -> None:
    years = yearly["year"]
    if years.isna().any() or years.duplicated().any():
        again = sorted({int(y) for y in years[years.duplicated()].dropna()})
        what = f"years stand twice: {again}" if again else "a year is missing"
        raise DataError("Coverage cannot be compared.", [
            Fault(what, "give one row per year", column="year")])  # fmt: skip


def _empty_years(
    table: pd.DataFrame, present: pd.DataFrame, period: tuple[int, int] | None
) -> list[Break]:
    """Years of the period without a firm."""
    if period is None:
        if table.empty:
            return []
        period = int(table.index.min()), int(table.index.max())
    have = set(present.index)
    return [Break(y, "no_rows", 0.0) for y in range(period[0], period[1] + 1) if y not in have]


def _short_years(present: pd.DataFrame) -> list[Break]:
    if "missing_months" not in present:
        return []
    months = numbers_of(present["missing_months"])
    known = np.sort(months[~np.isnan(months)])
    if not len(known):
        return []
    usual = float(known[(len(known) - 1) // 2])  # of two middle years the fuller one
    return [
        Break(int(y), "missing_months", m, usual, m - usual)
        for y, m in zip(present.index, months, strict=True)
        if m >= usual + _MONTHS_MORE
    ]


_OF_IDENTIFIERS = {*SHARES, "prefixes"}


def _notice(year: int, found: Sequence[Break], file: str | None) -> Notice:
    what = "; ".join(_said(one) for one in found)
    todo = []
    if any(one.measure not in _OF_IDENTIFIERS for one in found):
        todo.append(
            f"check that the delivery of {year} is complete and in the same unit as the others"
        )
    if any(one.measure in _OF_IDENTIFIERS for one in found):
        todo.append(f"ask whether the identifiers of firms were changed in {year}")
    return Notice(
        f"coverage breaks in {year}: {what}; {', and '.join(todo)}; entry and exit in {year} and beside "
        "it are not to be trusted",
        file=file,
    )


def _said(one: Break) -> str:
    percent = f"{100 * one.change:+,.0f} %"
    if one.measure == "no_rows":
        return "no row at all"
    if one.measure == "missing_months":
        usually = f", where {one.expected:.0f} are usual" if one.expected > 0 else ""
        return f"{one.value:.0f} months without a row{usually}"
    if one.measure == "cents":
        value, expected = f"{one.value / 100:,.0f} euros", f"{one.expected / 100:,.0f}"
    elif one.measure in AMOUNTS:
        value, expected = f"{one.value:,.0f} {one.measure}", f"{one.expected:,.0f}"
    else:
        value = {
            "new_share": f"{one.value:.0%} of the firms were never seen before",
            "lost_share": f"{one.value:.0%} of the firms of {one.year} were never seen again",
            "prefixes": f"the identifiers of {one.value:.0%} of the firms begin otherwise than the year before",
        }[one.measure]
        return f"{value}, where {one.expected:.0%} were to be expected"
    if math.isnan(one.expected):
        return f"{value} in all, which is no total of a year"
    return f"{value} where its neighbours suggest {expected} ({percent})"
