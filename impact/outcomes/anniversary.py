"""The first year of an exporter is rarely a whole one: growth after entry, in years that begin with the first shipment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from impact.core.counts import count_table, level_count
from impact.core.errors import DataError
from impact.core.panel import Panel
from impact.core.whole_numbers import whole_number, years_before
from impact.engines.relations import Relations
from impact.outcomes.entry_years import make_entry_years
from impact.outcomes.linkage_notes import linkage_notes, year_that_is_not_whole
from impact.outcomes.shipments import Shipments, opened
from impact.outcomes.shipments import shipments as take_shipments

Correction = Literal["anniversary", "scaled", "first_full_year"]
_YEARS = 3  # years after entry that are summed


@dataclass(frozen=True, slots=True, eq=False)
class FirstYears:
    """Exports of new exporters in their first years; made by `impact.first_years`.

    Attributes
    ----------
    data : DataFrame
        One row per entry, by firm and year; see `impact.first_years`.
    correction : {"anniversary", "scaled", "first_full_year"}
        What `growth` is.
    unit : str
    warnings : tuple of str
    """

    data: pd.DataFrame
    correction: str
    unit: str
    warnings: tuple[str, ...]

    def tidy(self) -> pd.DataFrame:
        """A copy of the rows."""
        return self.data.copy()

    def counts(self) -> pd.DataFrame:
        """Entries behind each growth rate."""
        words = {
            "growth": f"growth after entry, {self.correction.replace('_', ' ')}",
            "calendar_growth": "growth from the calendar year of entry to the next, not corrected",
            "partial_year_bias": "calendar growth less corrected growth",
        }
        return count_table(
            [level_count(c, w, "log points", self.data[c], self.warnings) for c, w in words.items()]
        )

    def summary(self) -> str:
        """Say how much of the growth after entry is a partial first year."""
        both = self.data[["growth", "calendar_growth"]].dropna()
        how = {
            "anniversary": "twelve months from the first shipment against the next twelve",
            "scaled": "the first calendar year, scaled to twelve months, against the next; noisy",
            "first_full_year": "the first full calendar year against the next",
        }[self.correction]
        text = f"{len(self.data):,} entries. "
        if len(both):
            text += (
                f"For the {len(both):,} with both: growth from calendar year to calendar year {both['calendar_growth'].mean():+.3f} log points on "
                f"average, corrected {both['growth'].mean():+.3f} ({how})."
            )
        else:
            text += "For none are both the calendar and the corrected growth known."
        return "\n".join([text, *(f"Warning: {w}" for w in self.warnings)])

    def __repr__(self) -> str:
        return self.summary()


def first_years(
    data: Shipments | pd.DataFrame,
    *,
    panel: Panel | None = None,
    correction: Correction | None = None,
    look_back: int = 1,
    exports: str | None = None,
    alive: str | None = None,
    minimum: float = 0.0,
    unit: str = "firm_id",
    time: str | None = None,
    value: str | None = None,
) -> FirstYears:
    """Exports of new exporters in their first years, with the partial first year corrected.

    A firm that begins in November has two months in its first calendar year; its growth to the next would be that of the
    calendar.

    Parameters
    ----------
    data : Shipments or DataFrame
        With dates or months, for the correction by anniversary.
    panel : Panel, optional
        Who was observed: its firms are the population.
    correction : {"anniversary", "scaled", "first_full_year"}, optional
        "anniversary": twelve months from the first shipment, and the twelve after them. "scaled": the first calendar year times
        12 / (13 - month of the first shipment). "first_full_year": the second calendar year of exporting against the third. Default:
        "anniversary" where months are known; else "first_full_year", with a warning.
    look_back : int
        Years without exports before an entry.
    exports, alive, minimum
        As in `impact.entry`; of the panel.
    unit, time, value
        Columns of a DataFrame of shipments: see `impact.shipments`.

    Returns
    -------
    FirstYears
        Its `data` have one row per entry: the firm, `year`, `first_month`; `calendar_1, calendar_2, calendar_3` (value in the calendar
        years from entry on), `anniversary_1, anniversary_2, anniversary_3` (in years from the first shipment); `calendar_growth` = ln
        of the second over the first calendar year; `growth`, as corrected; `partial_year_bias`, their difference. Missing where a
        year was not observed, or not to its end, and where nothing was exported: where the last shipment of dated data is in June, that calendar
        year is not whole, and neither it nor what needs it is known (a warning says so).

    Raises
    ------
    DataError
        If months are needed and not there, or nobody enters.

    Notes
    -----
    Bernard, Boler, Massari, Reyes and Taglioni (2017) describe the bias.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm_id": "a", "date": ["2012-11-05", "2013-02-01", "2013-12-20", "2014-03-01"],
    ...                      "value": [10.0, 20.0, 30.0, 5.0]})
    >>> other = pd.DataFrame({"firm_id": "b", "date": ["2011-01-01", "2014-12-31"], "value": [1.0, 1.0]})
    >>> found = impact.first_years(pd.concat([rows, other])).data
    >>> found.loc[0, ["calendar_1", "calendar_2", "anniversary_1", "anniversary_2"]].tolist()
    [10.0, 50.0, 30.0, 35.0]
    """
    given = take_shipments(data, unit=unit, time=time, value=value)
    look_back = whole_number("look_back", look_back, least=1)
    chosen, warnings = _correction(given, correction)
    part = year_that_is_not_whole(given)
    with opened(given, panel, minimum=minimum, exports=exports, alive=alive) as (relations, codes):
        make_entry_years(relations, look_back=look_back, horizons=(), sustained=2)
        _put_months(relations, given)
        found = relations.frame(_query())
    if found.empty:
        raise DataError(
            f"Nobody is seen to enter who did not export {years_before(look_back)}, so there is no first year."
        )
    table = pd.DataFrame({given.unit: pd.Series(codes.index, index=codes.to_numpy())[found["firm"]].to_numpy(), "year": found["year"],
                          "first_month": found["first_month"].astype("float64")})  # fmt: skip
    for place in range(1, _YEARS + 1):
        amount = given.amount(found[f"calendar_{place}"])
        whole = found["year"] + place - 1 != (part[0] if part else None)
        table[f"calendar_{place}"] = amount.where(whole).to_numpy()
    for place in range(1, _YEARS + 1):
        table[f"anniversary_{place}"] = given.amount(found[f"anniversary_{place}"]).to_numpy()
    table["calendar_growth"] = _log_ratio(table["calendar_2"], table["calendar_1"])
    table["growth"] = _growth(table, chosen)
    table["partial_year_bias"] = table["calendar_growth"] - table["growth"]
    # What an unfinished last year means here is said below.
    notes = linkage_notes(
        given, panel, exports=exports, alive=alive, minimum=minimum, whole_years=False
    )
    if part and (table["year"] + _YEARS > part[0]).any():
        warnings = (
            *warnings,
            f"the data end in month {part[1]} of {part[0]}: that calendar year is not whole, so that it is missing, and so is what needs it",
        )
    return FirstYears(table, chosen, given.unit, (*warnings, *notes))


def _correction(given: Shipments, asked: str | None) -> tuple[str, tuple[str, ...]]:
    known = ("anniversary", "scaled", "first_full_year")
    if asked is not None and asked not in known:
        raise DataError(f"There is no correction '{asked}'; choose from {', '.join(known)}.")
    if asked in ("anniversary", "scaled") and not given.dated:
        raise DataError(
            f"The correction '{asked}' needs the months of shipments, and these have years only. Give dates, or ask for "
            "correction='first_full_year'."
        )
    if given.dated:
        return asked or "anniversary", ()
    return "first_full_year", (
        "months are not known, so the first calendar year cannot be made whole: growth is taken from the second calendar year to "
        "the third, and firms that export for two years or less have none",
    )


def _log_ratio(now: pd.Series, before: pd.Series) -> pd.Series:
    """Logarithm of a ratio; missing where one of the two is not positive."""
    good = (now > 0) & (before > 0)
    return np.log(now.where(good) / before.where(good))


def _growth(table: pd.DataFrame, correction: str) -> pd.Series:
    if correction == "anniversary":
        return _log_ratio(table["anniversary_2"], table["anniversary_1"])
    if correction == "scaled":
        return _log_ratio(
            table["calendar_2"], table["calendar_1"] * 12 / (13 - table["first_month"])
        )
    return _log_ratio(table["calendar_3"], table["calendar_2"])


def _put_months(relations: Relations, given: Shipments) -> None:
    months = given.months
    period = months["year"] * 12 + months["month"].astype("float64").fillna(1).astype("int64") - 1
    relations.put("export_months", pd.DataFrame(
        {"firm": months["firm"].astype("int64"), "period": period.astype("int64"), "cents": months["cents"].astype("int64")}))  # fmt: skip


def _unknown(k: int) -> str:
    """Whether exports of the k-th year are not known: not observed, or those of an exporter without a shipment."""
    return f"(s{k}.exporter IS NULL OR (s{k}.exporter = 1 AND y{k}.cents IS NULL))"


def _query() -> str:
    """Entries with the exports of the years that follow; a sum over a year that was not observed whole is missing.

    Each year is missing unless its exporters were observed; each anniversary year, unless the calendar years that it touches were, and
    the data go on to its last month.
    """
    calendar = ", ".join(
        f"CASE WHEN {_unknown(k)} THEN NULL ELSE coalesce(y{k}.cents, 0) END AS calendar_{k + 1}"
        for k in range(_YEARS)
    )
    touched = ", ".join(
        f"CASE WHEN e.first_month IS NULL OR e.start + {12 * k + 11} > last_period OR {_unknown(k)} OR "
        f"({_unknown(k + 1)} AND e.first_month > 1) OR (y{k}.cents > 0 AND y{k}.first_month IS NULL) OR "
        f"(y{k + 1}.cents > 0 AND y{k + 1}.first_month IS NULL AND e.first_month > 1) THEN NULL ELSE coalesce(a.a{k}, 0) END AS anniversary_{k + 1}"
        for k in range(_YEARS)
    )
    joins = " ".join(
        f"LEFT JOIN firm_states s{k} ON s{k}.firm = e.firm AND s{k}.year = e.year + {k}" for k in range(_YEARS + 1)
    ) + " " + " ".join(
        f"LEFT JOIN export_years y{k} ON y{k}.firm = e.firm AND y{k}.year = e.year + {k}" for k in range(_YEARS + 1)
    )  # fmt: skip
    sums = ", ".join(
        f"CAST(sum(CASE WHEN m.period BETWEEN n.start + {12 * k} AND n.start + {12 * k + 11} THEN m.cents ELSE 0 END) AS BIGINT) AS a{k}"
        for k in range(_YEARS)
    )
    entries = (
        "SELECT n.firm, n.year, y.first_month, n.year * 12 + y.first_month - 1 AS start FROM entry_years n "
        "JOIN export_years y ON y.firm = n.firm AND y.year = n.year WHERE n.new_entrant = 1"
    )
    return (
        f"WITH entries AS ({entries}), a AS (SELECT n.firm, n.year, {sums} FROM entries n JOIN export_months m ON m.firm = n.firm "
        f"AND m.period >= n.start GROUP BY n.firm, n.year), ends AS (SELECT max(period) AS last_period FROM export_months) "
        f"SELECT e.firm, e.year, e.first_month, {calendar}, {touched} FROM entries e CROSS JOIN ends "
        f"LEFT JOIN a ON a.firm = e.firm AND a.year = e.year {joins} ORDER BY e.firm, e.year"
    )
