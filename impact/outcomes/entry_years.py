"""Entry, re-entry and staying, from the states of firm-years: one set of windows over each firm's years.

Every firm has a row for every year in `firm_states`, so that a row before is a year before. What is not observed is missing,
and makes missing whatever would have needed it.
"""

from __future__ import annotations

from collections.abc import Sequence

from impact.core.errors import ImpactError
from impact.engines.relations import Relations
from impact.outcomes.firm_states import STATES

ALL_EXPORT = "every firm exports in some year: of firms that export in the end"
"""Flag of a rate of entry in data that may hold exporters only, filled up with zeros: firms that never enter are not in it."""


def make_entry_years(
    relations: Relations, *, look_back: int, horizons: Sequence[int], sustained: int
) -> None:
    """Make the relation `entry_years`, one row per firm and year of `firm_states`.

    - `exporter`; `entrant`, `new_entrant`, `first_time_exporter`, `re_entrant`: 1, 0 or missing (OUTCOMES section 2);
    - `look_back_observed`: whether exports of each of the `look_back` years before are known;
    - `entry_at_risk`, `new_entry_at_risk`: no exports in the year before, or in each of the `look_back` years before, by a firm
      that was not known to be inactive in the year before; `first_entry_at_risk`, `re_entry_at_risk`: of the firms at risk of
      entry whose whole past in the data is known, those that never exported and those that did, missing where it is not known;
    - for each horizon h: `entry_within_h` (exports in any of the years t to t + h) and `sustained_entry_within_h` (in
      `sustained` years in a row within them), known only for those at risk of new entry in t; so is `entry_after_h`, h above 0
      (exports in t + h, whatever it did before);
      `exporter_after_h` (exports in t + h) and `export_survival_h` (in each of t + 1 to t + h), known only for exporters of t - 1.

    Parameters
    ----------
    relations : Relations
        Holds `firm_states`.
    look_back : int
        Years without exports before a new entry.
    horizons : sequence of int
        Years, 0 or more.
    sustained : int
        Years in a row that make an entry a sustained one.

    Raises
    ------
    ImpactError
        If a number of years is out of range.
    """
    if look_back < 1 or sustained < 2 or any(h < 0 for h in horizons):
        raise ImpactError("look_back is 1 or more, sustained 2 or more, and horizons 0 or more.")
    relations.make("entry_years", _query(look_back, tuple(horizons), sustained))


def entry_columns(horizons: Sequence[int], sustained: int) -> list[str]:
    """Names of the outcomes in `entry_years`, in order."""
    names = ["exporter", "entrant", "new_entrant", "first_time_exporter", "re_entrant"]
    names += ["entry_at_risk", "new_entry_at_risk", "first_entry_at_risk", "re_entry_at_risk"]
    names += ["look_back_observed"]
    for h in horizons:
        names.append(f"entry_within_{h}")
        if h >= sustained - 1:
            names.append(f"sustained_entry_within_{h}")
        names += [f"entry_after_{h}"] if h else []
        names += [f"exporter_after_{h}"]
        names += [f"export_survival_{h}"] if h else []
    return names


def _over(frame: str) -> str:
    return f"OVER (PARTITION BY firm ORDER BY year ROWS BETWEEN {frame})"


def _ahead(first: int, last: int) -> str:
    edge = "CURRENT ROW" if first == 0 else f"{first} FOLLOWING"
    return _over(f"{edge} AND {'CURRENT ROW' if last == 0 else f'{last} FOLLOWING'}")


def _any(column: str, first: int, last: int) -> str:
    """1 where any of the rows ahead is 1, 0 where all are 0; missing unless all are known.

    A 1 that is seen before the window closes says nothing of those who are not seen to its end: known ones and unknown
    zeros would make every rate too high in the last years of the data.
    """
    window = _ahead(first, last)
    return (
        f"CASE WHEN count({column}) {window} < {last - first + 1} THEN NULL "
        f"WHEN sum({column}) {window} > 0 THEN 1 ELSE 0 END"
    )


def _all(column: str, first: int, last: int) -> str:
    """1 where all of the rows ahead are 1, else 0; missing unless all are known."""
    window = _ahead(first, last)
    whole = last - first + 1
    return (
        f"CASE WHEN count({column}) {window} < {whole} THEN NULL "
        f"WHEN sum({column}) {window} = {whole} THEN 1 ELSE 0 END"
    )


def _query(look_back: int, horizons: tuple[int, ...], sustained: int) -> str:
    near, far = _over(f"{look_back} PRECEDING AND 1 PRECEDING"), _over("UNBOUNDED PRECEDING AND 1 PRECEDING")  # fmt: skip
    by_year = "OVER (PARTITION BY firm ORDER BY year)"
    runs = (
        f"SELECT *, {_all('exporter', 0, sustained - 1)} AS run, lag(exporter) {by_year} AS before, "
        f"lag(alive) {by_year} AS alive_before, count(exporter) {near} AS near_known, "
        f"coalesce(sum(exporter) {near}, 0) AS near_exports, count(exporter) {far} AS far_known, "
        f"coalesce(sum(exporter) {far}, 0) AS far_exports, row_number() {by_year} - 1 AS passed FROM {STATES}"
    )
    ahead = []
    for h in horizons:
        ahead.append(f"{_any('exporter', 0, h)} AS any_{h}")
        if h >= sustained - 1:
            ahead.append(f"{_any('run', 0, h - sustained + 1)} AS run_{h}")
        ahead.append(f"{_any('exporter', h, h)} AS at_{h}")
        if h:
            ahead.append(f"{_all('exporter', 1, h)} AS all_{h}")
    clean = f"near_known = {look_back} AND near_exports = 0"
    # The look-back is known, nothing was exported in it, and the firm was not known to be inactive the year before.
    risk = f"({clean} AND coalesce(alive_before, TRUE))"
    could = "(before = 0 AND coalesce(alive_before, TRUE))"
    entrant = (
        "CASE WHEN exporter IS NULL OR before IS NULL THEN NULL "
        "WHEN exporter = 1 AND before = 0 THEN 1 ELSE 0 END"
    )
    picked = [
        "firm", "year", "exporter", f"{entrant} AS entrant",
        f"CASE WHEN exporter IS NULL OR near_known < {look_back} THEN NULL WHEN exporter = 1 AND near_exports = 0 THEN 1 "
        "ELSE 0 END AS new_entrant",
        # Of those whose whole past is known: else an old exporter would be recognised, and a first-time one never.
        f"CASE WHEN ({entrant}) IS NULL OR far_known < passed THEN NULL WHEN ({entrant}) = 1 AND far_exports = 0 THEN 1 "
        "ELSE 0 END AS first_time_exporter",
        f"CASE WHEN ({entrant}) IS NULL OR far_known < passed THEN NULL WHEN ({entrant}) = 1 AND far_exports > 0 THEN 1 "
        "ELSE 0 END AS re_entrant",
        f"CASE WHEN before IS NULL THEN NULL WHEN {could} THEN 1 ELSE 0 END AS entry_at_risk",
        f"CASE WHEN before IS NULL OR far_known < passed THEN NULL WHEN {could} AND far_exports = 0 THEN 1 ELSE 0 END AS first_entry_at_risk",
        f"CASE WHEN before IS NULL OR far_known < passed THEN NULL WHEN {could} AND far_exports > 0 THEN 1 ELSE 0 END AS re_entry_at_risk",
        f"CASE WHEN near_known < {look_back} THEN NULL WHEN {risk} THEN 1 ELSE 0 END AS new_entry_at_risk",
        f"CASE WHEN near_known = {look_back} THEN 1 ELSE 0 END AS look_back_observed",
        "CASE WHEN far_known = passed THEN passed ELSE NULL END AS years_known",
        "far_exports - near_exports AS exports_before_look_back",
    ]  # fmt: skip
    for h in horizons:
        picked.append(f"CASE WHEN {risk} THEN any_{h} ELSE NULL END AS entry_within_{h}")
        if h >= sustained - 1:
            picked.append(
                f"CASE WHEN {risk} THEN run_{h} ELSE NULL END AS sustained_entry_within_{h}"
            )
        picked.append(f"CASE WHEN before = 1 THEN at_{h} ELSE NULL END AS exporter_after_{h}")
        if h:
            picked.append(f"CASE WHEN {risk} THEN at_{h} ELSE NULL END AS entry_after_{h}")
            picked.append(f"CASE WHEN before = 1 THEN all_{h} ELSE NULL END AS export_survival_{h}")
    return f"SELECT {', '.join(picked)} FROM (SELECT *, {', '.join(ahead) or 'firm AS none_ahead'} FROM ({runs}) runs) ahead"


def make_line_history(relations: Relations, *, look_back: int) -> None:
    """Make the relation `line_history(firm, year, lines_known, past_known)`: whose products and destinations are known.

    Those of a firm that does not export are (it has none), and those of a firm-year with shipments. Of an exporter without any
    shipment (a link that was not found, say) they are not: not 0 new lines, and no line that ended. `past_known` is 1 where each of the
    `look_back` years before is known.

    Parameters
    ----------
    relations : Relations
        Holds `firm_states` and `export_years`.
    look_back : int
    """
    known = "CASE WHEN s.exporter = 0 OR (s.exporter = 1 AND e.cents > 0) THEN 1 ELSE NULL END"
    before = _over(f"{look_back} PRECEDING AND 1 PRECEDING")
    relations.make(
        "line_history",
        f"SELECT firm, year, exporter, alive, lines_known, CASE WHEN count(lines_known) {before} = {look_back} THEN 1 ELSE 0 END AS past_known "
        f"FROM (SELECT s.firm, s.year, s.exporter, s.alive, {known} AS lines_known FROM {STATES} s "
        "LEFT JOIN export_years e ON e.firm = s.firm AND e.year = s.year) known",
    )


def make_line_entry(relations: Relations, level: str, *, look_back: int) -> None:
    """Make the relation `product_entry`, `destination_entry` or `pair_entry`: new lines of each firm-year.

    `new` lines and `share_new` of the firm's lines, `value_share_new` of its value, `adds` (1 where there is any): missing where
    lines of the year or of one of the `look_back` years before are not known; the shares also where nothing is exported.
    `served` lines of the look-back; `alive` as in `firm_states`.

    Parameters
    ----------
    relations : Relations
        Holds `line_history` and the `line_years` of the level, made with the same look-back.
    level : {"product", "destination", "pair"}
    look_back : int
    """
    served = " + ".join(
        f"coalesce(lag(l.unused_{gap}, {gap}) OVER (PARTITION BY e.firm ORDER BY e.year), 0)"
        for gap in range(1, look_back + 1)
    )
    known = "lines_known = 1 AND past_known = 1"
    relations.make(
        f"{level}_entry",
        f"SELECT firm, year, alive, CASE WHEN {known} THEN CASE WHEN exporter = 1 THEN new_n ELSE 0 END ELSE NULL END AS new, "
        f"CASE WHEN {known} THEN CASE WHEN exporter = 1 AND new_n > 0 THEN 1 ELSE 0 END ELSE NULL END AS adds, "
        f"CASE WHEN {known} AND exporter = 1 THEN CAST(new_n AS DOUBLE) / CAST(n AS DOUBLE) ELSE NULL END AS share_new, "
        f"CASE WHEN {known} AND exporter = 1 THEN CAST(new_cents AS DOUBLE) / CAST(cents AS DOUBLE) ELSE NULL END AS value_share_new, "
        f"CASE WHEN {known} THEN CAST(served AS BIGINT) ELSE NULL END AS served "
        "FROM (SELECT e.firm, e.year, e.exporter, e.lines_known, e.past_known, e.alive, l.n, l.cents, l.new_n, l.new_cents, "
        f"{served} AS served FROM line_history e LEFT JOIN {level}_years l ON l.firm = e.firm AND l.year = e.year) joined",
    )
