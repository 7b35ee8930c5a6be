"""Outcomes as columns of a study's panel: entry, survival, new lines, concentration, margins; all in SQL, on either engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from impact.core.counts import OutcomeCount, count_table
from impact.core.whole_numbers import years, years_before
from impact.engines.relations import Relations
from impact.outcomes.entry_years import (
    ALL_EXPORT,
    make_entry_years,
    make_line_entry,
    make_line_history,
)
from impact.outcomes.export_years import only_exporters
from impact.outcomes.firm_states import states_of_exporters, states_of_panel
from impact.outcomes.line_measures import make_line_measures, potential_lines
from impact.outcomes.line_years import (
    LEVELS,
    PLURAL,
    make_in_spans,
    make_line_years,
    state_spans,
)
from impact.outcomes.margins import LOGS, make_margins
from impact.outcomes.region_shares import make_region_shares
from impact.outcomes.spell_masks import make_spells

_FINE = 10**9  # means are of whole numbers of this part of one: no sum depends on the order of rows
_OBSERVED = "exports of a year that decides it were not observed"
_EXPORTED = "no exports, or not observed"
_RISK = "the firm was not at risk, or " + _OBSERVED
_MEASURES = {
    "entropy": ("entropy of the shares of {lines}", "nats"),
    "theil": ("Theil index over all {lines} of the data", "nats"),
    "hhi_normalised": ("Herfindahl-Hirschman index over {lines}, from 0 (even) to 1, of those exported", "index"),
    "top1_share": ("share of the largest of the {lines}", "share"),
}  # fmt: skip
_LOGS = {"ln_value": "logarithm of exports", "ln_destinations": "logarithm of destinations", "ln_products": "logarithm of products",
         "ln_density": "logarithm of the share of pairs in use", "ln_average": "logarithm of exports per pair"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutcomeRules:
    """What `[outcomes]` of a study declares.

    Attributes
    ----------
    look_back : int
        Years without exports (or the line) before a new entry.
    horizons : tuple of int
        Years after a base year.
    sustained : int
        Years in a row that make entry sustained.
    home : tuple of str
        Destinations of the home region.
    firms : bool
        Whether non-exporters are observed, so that entry of firms can be measured.
    lines : bool
        Whether products and destinations are known.
    minimum_cents : int
        Exports up to this sum do not make an exporter.
    """

    look_back: int = 3
    horizons: tuple[int, ...] = (1, 2, 3, 5)
    sustained: int = 2
    home: tuple[str, ...] = ()
    firms: bool = True
    lines: bool = True
    minimum_cents: int = 0


@dataclass(frozen=True, slots=True)
class OutcomeColumn:
    """One outcome of the panel.

    Attributes
    ----------
    name, meaning, unit : str
    missing : str
        What a missing cell means.
    source : str
        Where it stands in SQL.
    risk : str or None
        SQL over the panel: which rows are at risk; None for an outcome that is no event.
    joiners : bool
        Whether it is counted for participants in their year of joining, where there is a roster.
    family : str
        What it is about, as a heading.
    """

    name: str
    meaning: str
    unit: str
    missing: str
    source: str
    risk: str | None = None
    joiners: bool = False
    family: str = "entry into exporting"


def outcome_columns(rules: OutcomeRules) -> list[OutcomeColumn]:
    """Every column that the rules give, in order.

    Examples
    --------
    >>> [c.name for c in outcome_columns(OutcomeRules(horizons=(1,), lines=False))][-3:]
    ['entry_after_1', 'exporter_after_1', 'export_survival_1']
    """
    found = _entry(rules) if rules.firms else []
    if rules.lines:
        for level in LEVELS:
            found += [replace(c, family=PLURAL[level]) for c in _lines(rules, level)]
        more = len(found)
        found.append(
            OutcomeColumn(
                "share_eu",
                "share of exports to the European Union of the year",
                "share",
                _EXPORTED,
                "r.share_eu",
            )
        )
        if rules.home:
            found.append(OutcomeColumn("share_outside_home", "share of exports out of the home region", "share", _EXPORTED,
                                       "r.share_outside_home"))  # fmt: skip
        # The cells are in cents; logarithms are of whole units of money.
        found += [
            OutcomeColumn(c, _LOGS[c], "log points", _EXPORTED,
                          f"m.{c} - ln(100e0)" if c in ("ln_value", "ln_average") else f"m.{c}")
            for c in LOGS
        ]  # fmt: skip
        found[more:] = [
            replace(c, family="margins" if c.name in LOGS else "where exports go")
            for c in found[more:]
        ]
    return found


def _entry(rules: OutcomeRules) -> list[OutcomeColumn]:
    past = years_before(rules.look_back)
    near, new = "entry_at_risk = 1", "new_entry_at_risk = 1"
    rows = [
        ("entrant", "1 where the firm exports and did not in the year before", _OBSERVED, near),
        ("new_entrant", f"1 where it exports and did not {past}", _OBSERVED, new),
        ("first_time_exporter", "1 where it exports for the first time in the data", _OBSERVED, "first_entry_at_risk = 1"),
        ("re_entrant", "1 where it exports again after a year or more without", _OBSERVED, "re_entry_at_risk = 1"),
    ]  # fmt: skip
    found = [OutcomeColumn(n, w, "0/1", m, f"e.{n}", risk) for n, w, m, risk in rows]
    found += [
        OutcomeColumn("entry_at_risk", "1 where it did not export in the year before, and was not inactive then", "0/1", _OBSERVED, "e.entry_at_risk"),
        OutcomeColumn("new_entry_at_risk", f"1 where it did not export {past}, and was not inactive in the last", "0/1", _OBSERVED, "e.new_entry_at_risk"),
        OutcomeColumn("first_entry_at_risk", "1 where it never exported before in the data, and was not inactive in the year before", "0/1", _OBSERVED, "e.first_entry_at_risk"),
        OutcomeColumn("re_entry_at_risk", "1 where it exported before, but did not in the year before, and was not inactive then", "0/1", _OBSERVED, "e.re_entry_at_risk"),
    ]  # fmt: skip
    for h in rules.horizons:
        base = f"within {years(h)} of this year, of firms without exports {past}"
        later = f"{years(h)} after this year, of exporters of the year before"
        span = "the year" if h == 1 else f"each of the {h} years"
        each = f"in {span} after this year, of exporters of the year before"
        several = f"1 where it exports in {rules.sustained} years in a row {base}"
        words = [(f"entry_within_{h}", f"1 where it exports {base}")]
        words += [(f"sustained_entry_within_{h}", several)] if h >= rules.sustained - 1 else []
        still = f"1 where it exports {years(h)} after this year, of firms without exports {past}"
        words += [(f"entry_after_{h}", still)] if h else []
        words += [(f"exporter_after_{h}", f"1 where it exports {later}")]
        words += [(f"export_survival_{h}", f"1 where it exports {each}")] if h else []
        found += [
            OutcomeColumn(
                n, w, "0/1", _RISK, f"e.{n}", f"{n} IS NOT NULL", True, "after a base year"
            )
            for n, w in words
        ]
    return found


def _lines(rules: OutcomeRules, level: str) -> list[OutcomeColumn]:
    lines = PLURAL[level]
    past = f"not exported {years_before(rules.look_back)}"
    living = "state <> 'inactive'"
    found = [
        OutcomeColumn(f"new_{lines}", f"{lines} {past}", "count", _OBSERVED, f"{level}_n.new"),
        OutcomeColumn(f"adds_{level}", f"1 where there is any new {level}", "0/1", _OBSERVED, f"{level}_n.adds", living),
        OutcomeColumn(f"new_{level}_share", f"share of new {lines} in the firm's {lines}", "share", _EXPORTED, f"{level}_n.share_new"),
        OutcomeColumn(f"new_{level}_value_share", f"share of new {lines} in the firm's exports", "share", _EXPORTED, f"{level}_n.value_share_new"),
    ]  # fmt: skip
    found += [
        OutcomeColumn(f"{name}_{lines}", words.format(lines=lines), unit, _EXPORTED, f"{level}_m.{name}")
        for name, (words, unit) in _MEASURES.items()
    ]  # fmt: skip
    return found


def make_outcome_years(
    relations: Relations, rules: OutcomeRules, destinations: Sequence[str] = ()
) -> None:
    """Make the relation `outcome_years(firm, year, ...)` with the columns of `outcome_columns`.

    Parameters
    ----------
    relations : Relations
        Holds `panel_states` and, where lines are known, what `sum_cells` made.
    rules : OutcomeRules
    destinations : sequence of str
        What the destinations 1, 2, ... are.
    """
    if rules.firms:
        states_of_panel(relations)
    else:
        years = relations.frame("SELECT DISTINCT year FROM export_years ORDER BY year")["year"]
        states_of_exporters(relations, [int(y) for y in years], minimum=rules.minimum_cents)
    make_entry_years(
        relations, look_back=rules.look_back, horizons=rules.horizons, sustained=rules.sustained
    )
    joins = []
    if rules.lines and rules.minimum_cents:
        only_exporters(relations)
    if rules.lines:
        make_line_history(relations, look_back=rules.look_back)
        for level in LEVELS:
            make_line_years(relations, level, look_back=rules.look_back)
            make_line_entry(relations, level, look_back=rules.look_back)
            make_line_measures(relations, level, potential=potential_lines(relations, level))
            joins += [f"{level}_entry {level}_n", f"{level}_measures {level}_m"]
        make_margins(relations)
        years = relations.frame("SELECT DISTINCT year FROM firm_states ORDER BY year")["year"]
        make_region_shares(relations, destinations, years, rules.home or None)
        # Exports below the declared minimum are no exports: their margins are not those of an exporter.
        relations.view(
            "exporter_margins",
            "SELECT m.* FROM export_margins m JOIN firm_states s ON s.firm = m.firm AND s.year = m.year WHERE s.exporter = 1",
        )
        relations.view(
            "exporter_regions",
            "SELECT r.* FROM region_shares r JOIN firm_states s ON s.firm = r.firm AND s.year = r.year WHERE s.exporter = 1",
        )
        joins += ["exporter_margins m", "exporter_regions r"]
    parts = [join.split() for join in joins]
    joined = " ".join(
        f"LEFT JOIN (SELECT * FROM {name} WHERE {{firms}}) {alias} ON {alias}.firm = e.firm AND {alias}.year = e.year"
        for name, alias in parts
    )
    picked = ", ".join(f"{c.source} AS {c.name}" for c in outcome_columns(rules))
    query = f"SELECT e.firm, e.year, {picked} FROM (SELECT * FROM entry_years WHERE {{firms}}) e {joined}"
    make_in_spans(relations, "outcome_years", query, state_spans(relations))


def make_all_spells(relations: Relations, rules: OutcomeRules) -> dict[str, str]:
    """Make the spells of firms, products and destinations; give a query for each, in a total order.

    Parameters
    ----------
    relations : Relations
        Holds `firm_states`, `firms` and, where lines are known, what `sum_cells` made.
    rules : OutcomeRules
    """
    levels = ["firm", *(("product", "destination") if rules.lines else ())]
    queries = {}
    for level in levels:
        make_spells(relations, level)
        line = "" if level == "firm" else f", w.text AS {level}"
        join = "" if level == "firm" else f" JOIN {level}_texts w ON w.code = s.{level}"
        order = "" if level == "firm" else ", w.text"
        queries[level] = (
            f"SELECT f.firm_id{line}, s.spell, s.start_year, s.end_year, s.years, s.left_cens, s.right_cens, s.status "
            f"FROM {level}_spells s JOIN firms f ON f.firm = s.firm{join} ORDER BY f.firm_id{order}, s.spell"
        )
    return queries


def outcome_counts(relations: Relations, rules: OutcomeRules, *, roster: bool) -> pd.DataFrame:
    """Count rows known, at risk and with the event, for each outcome of the panel: a `count_table` with `family`.

    Outcomes that look ahead of a base year are counted for participants in their year of joining, where there is a roster.

    Parameters
    ----------
    relations : Relations
        Holds `panel`.
    rules : OutcomeRules
    roster : bool
        Whether the panel has the year of joining.
    """
    columns = outcome_columns(rules)
    sums = []
    for c in columns:
        risk = c.risk or f"{c.name} IS NOT NULL"
        if c.joiners and roster:
            risk = f"({risk}) AND year = joined"
        at_risk = f"{c.name} IS NOT NULL AND {risk}"
        joining = c.joiners and roster
        counted = f"CASE WHEN year = joined THEN {c.name} ELSE NULL END" if joining else c.name
        sums += [
            f"count({counted}) AS known_{c.name}", f"CAST(sum(CASE WHEN {at_risk} THEN 1 ELSE 0 END) AS BIGINT) AS risk_{c.name}",
            f"CAST(sum(CASE WHEN {at_risk} THEN CAST(floor(CAST({c.name} AS DOUBLE) * {_FINE} + 0.5) AS BIGINT) ELSE 0 END) AS BIGINT) "
            f"AS total_{c.name}",
        ]  # fmt: skip
    found = relations.frame(f"SELECT {', '.join(sums)} FROM panel").iloc[0]
    selected = rules.firms and _all_export(relations)
    counts = []
    for c in columns:
        n = int(found[f"risk_{c.name}"] or 0)
        total = int(found[f"total_{c.name}"] or 0) / _FINE
        events = None if c.risk is None else round(total)
        flags = ["participants, from their year of joining"] if c.joiners and roster else []
        flags += [] if n else ["nobody is at risk"]
        flags += [ALL_EXPORT] if selected and _is_entry(c) else []
        counts.append(OutcomeCount(c.name, c.meaning, c.unit, int(found[f"known_{c.name}"]), n, events,
                                   total / n if n else float("nan"), tuple(flags)))  # fmt: skip
    return count_table(counts).assign(family=[c.family for c in columns])


def _is_entry(column: OutcomeColumn) -> bool:
    """Whether an outcome is about the entry of firms; survival is of exporters, and needs nobody else."""
    survival = column.name.startswith(("exporter_after_", "export_survival_"))
    return column.family in ("entry into exporting", "after a base year") and not survival


def _all_export(relations: Relations) -> bool:
    """Whether each firm of the panel that was ever observed exports in some year."""
    found = relations.frame(
        "SELECT count(*) AS never FROM (SELECT firm, max(exporter) AS ever FROM firm_states GROUP BY firm) firms WHERE ever = 0"
    )
    return int(found["never"].iloc[0]) == 0
