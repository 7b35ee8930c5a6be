"""The panel: every firm of the study in every year, with the state in which it was observed.

A firm-year is an active exporter, an active non-exporter, inactive, or unobserved. Exports of an active non-exporter and
of a firm that has died are 0; those of an unobserved firm-year are missing, and stay so. Before its birth a firm is
inactive, and has no exports to speak of: they are missing too, since a 0 would turn each birth into growth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from impact.core.errors import ImpactError
from impact.engines.relations import Relations
from impact.outcomes.outcome_years import OutcomeRules, make_outcome_years, outcome_columns

ROSTER_WORDS = ("programme", "service", "nucleus", "partner", "consortium")
"""Words of a firm's first participation."""

STATES = ("active_exporter", "active_nonexporter", "inactive", "unobserved")


@dataclass(frozen=True, slots=True)
class PanelSources:
    """Which relations there are, and what their absence of rows means.

    Attributes
    ----------
    first_year, last_year : int
        Years of the panel.
    customs, register, roster : bool
        Whether the study has the file.
    absent : {"unobserved", "inactive"}
        What a firm-year without a register row means once the firm was seen: nothing is known, or (in a
        register of all firms) the firm was not active.
    active_needs : {"staff_or_sales", "staff_and_sales"}
        What a register row must hold for its firm to be active.
    register_measures : bool
        Whether the register has staff or sales: then a row without either proves no activity.
    register_exports : bool
        Whether the register itself reports exports; used where there are no customs files.
    minimum_cents : int
        Exports up to this sum do not make an exporter.
    suffix : str
        Of amounts: `eur`, or `eur_2015`.
    customs_years : tuple of int
        Years for which customs files hold any row; in others no firm's exports are observed.
    outcomes : OutcomeRules or None
        Which outcomes become columns.
    destinations : tuple of str
        What the destinations 1, 2, ... of the shipments are.
    """

    first_year: int
    last_year: int
    customs: bool
    register: bool
    roster: bool
    absent: Literal["unobserved", "inactive"] = "unobserved"
    active_needs: Literal["staff_or_sales", "staff_and_sales"] = "staff_or_sales"
    register_exports: bool = False
    register_measures: bool = False
    minimum_cents: int = 0
    suffix: str = "eur"
    customs_years: tuple[int, ...] = ()
    outcomes: OutcomeRules | None = None
    destinations: tuple[str, ...] = ()


_REGISTER_COLUMNS = {
    "employees": "DOUBLE", "sales_cents": "BIGINT", "wages_cents": "BIGINT", "sector": "STRING",
    "region": "STRING", "country": "STRING", "size_class": "STRING", "women_led": "BOOLEAN",
    "birth_year": "INT", "exports_cents": "BIGINT",
}  # fmt: skip
_EXPORT_COLUMNS = ("cents", "shipments", "products", "destinations", "pairs", "hhi_products",
                   "hhi_destinations", "hhi_pairs", "first_month", "last_month")  # fmt: skip


def make_panel(relations: Relations, sources: PanelSources) -> None:
    """Make the relation `panel`, one row per firm and year.

    Parameters
    ----------
    relations : Relations
        Holds `firms(firm, firm_id, linkable)`, and as declared `export_years`, `register_years` and
        `roster_firms`.
    sources : PanelSources
        What there is.

    Raises
    ------
    ImpactError
        If the panel does not hold each firm in each year once.
    """
    years = range(sources.first_year, sources.last_year + 1)
    relations.put("panel_years", pd.DataFrame({
        "year": list(years),
        "customs": [y in sources.customs_years for y in years],
    }))  # fmt: skip
    relations.view("panel_exports", _exports(sources))
    relations.view("panel_register", _register(sources))
    relations.view("panel_lives", _lives(sources))
    relations.make("panel_states", _states(sources))
    if sources.outcomes is not None:
        make_outcome_years(relations, sources.outcomes, sources.destinations)
    relations.view("panel", _panel(sources))
    found = relations.frame(
        "SELECT (SELECT count(*) FROM panel_states) AS held, (SELECT count(*) FROM firms) AS firms"
    ).iloc[0]
    if int(found["held"]) != int(found["firms"]) * len(years):
        raise ImpactError(
            f"The panel holds {found['held']:,} firm-years where {found['firms']:,} firms have {len(years)} "
            "years each. This is a defect of impact; please report it."
        )


def _exports(sources: PanelSources) -> str:
    if sources.customs:
        return "SELECT firm, year, " + ", ".join(_EXPORT_COLUMNS) + " FROM export_years"
    kinds = ["BIGINT"] * 5 + ["DOUBLE"] * 3 + ["INT"] * 2
    if sources.register_exports:
        unknown = zip(_EXPORT_COLUMNS[1:], kinds[1:], strict=True)
        lines = ", ".join(f"CAST(NULL AS {k}) AS {c}" for c, k in unknown)
        return f"SELECT firm, year, exports_cents AS cents, {lines} FROM register_years WHERE exports_cents > 0"
    empty = ", ".join(
        f"CAST(NULL AS {k}) AS {c}" for c, k in zip(_EXPORT_COLUMNS, kinds, strict=True)
    )
    return f"SELECT CAST(NULL AS INT) AS firm, CAST(NULL AS INT) AS year, {empty} WHERE 1 = 0"


def _register(sources: PanelSources) -> str:
    if sources.register:
        return "SELECT firm, year, " + ", ".join(_REGISTER_COLUMNS) + " FROM register_years"
    empty = ", ".join(f"CAST(NULL AS {kind}) AS {c}" for c, kind in _REGISTER_COLUMNS.items())
    return f"SELECT CAST(NULL AS INT) AS firm, CAST(NULL AS INT) AS year, {empty} WHERE 1 = 0"


def _lives(sources: PanelSources) -> str:
    """When each firm of the register was born and first seen."""
    return (
        "SELECT firm, min(birth_year) AS birth_year, min(year) AS first_seen "
        "FROM panel_register GROUP BY firm"
    )


def _states(sources: PanelSources) -> str:
    """State of each firm-year; the first rule that holds decides.

    1. Exports above the minimum: an exporter, whatever the register says; customs are proof of activity.
    2. Exports that do not reach the minimum: active, and no exporter.
    3. Before its birth, as the register has it: inactive.
    4. A register row without staff and sales (or without either, as declared): inactive. What is missing in the
       row proves nothing.
    5. A register row, with staff or sales where the register has them, of a year in which exports were
       observed: a non-exporter.
    6. No register row, where the register is of all firms and the firm was seen before: inactive.
    7. Anything else: unobserved.
    """
    word = "AND" if sources.active_needs == "staff_or_sales" else "OR"
    zero = ["r.employees = 0", "r.sales_cents = 0"]
    # Where one of the two is missing, the other decides.
    dead = f"(({zero[0]} {word} {zero[1]}) OR ({zero[0]} AND r.sales_cents IS NULL) OR (r.employees IS NULL AND {zero[1]}))"
    looked = "y.customs" if sources.customs else "r.exports_cents IS NOT NULL"
    rules = [
        f"WHEN e.cents > {sources.minimum_cents} THEN 'active_exporter'",
        "WHEN e.cents IS NOT NULL THEN 'active_nonexporter'",
        "WHEN y.year < l.birth_year THEN 'inactive'",
        f"WHEN {dead} THEN 'inactive'",
    ]
    if sources.customs or sources.register_exports:
        known = "(r.employees IS NOT NULL OR r.sales_cents IS NOT NULL)"
        row = (
            f"r.firm IS NOT NULL AND {known}" if sources.register_measures else "r.firm IS NOT NULL"
        )
        rules.append(f"WHEN {row} AND {looked} AND f.linkable THEN 'active_nonexporter'")
    if sources.absent == "inactive":
        rules.append("WHEN r.firm IS NULL AND l.first_seen < y.year THEN 'inactive'")
    return (
        f"SELECT f.firm, CAST(y.year AS INT) AS year, CASE {' '.join(rules)} ELSE 'unobserved' END AS state "
        "FROM firms f CROSS JOIN panel_years y "
        "LEFT JOIN panel_exports e ON e.firm = f.firm AND e.year = y.year "
        "LEFT JOIN panel_register r ON r.firm = f.firm AND r.year = y.year "
        "LEFT JOIN panel_lives l ON l.firm = f.firm"
    )


def _panel(sources: PanelSources) -> str:
    seen = "s.state IN ('active_exporter', 'active_nonexporter', 'inactive')"
    observed = f"{seen} AND y.customs" if sources.customs else seen
    if not (sources.customs or sources.register_exports):
        observed = "1 = 0"
    born = "(l.birth_year IS NULL OR s.year >= l.birth_year OR e.cents IS NOT NULL)"
    observed = f"{observed} AND {born}"
    dead = f"r.firm IS NULL AND s.state = 'inactive' AND {born}"

    def count(column: str) -> str:
        """A count or sum: 0 where exports were observed and there were none, missing where not observed."""
        if column != "cents" and not sources.customs:
            return "CAST(NULL AS BIGINT)"  # a register knows the sum of exports, not their lines
        return f"CASE WHEN {observed} THEN coalesce(e.{column}, 0) ELSE NULL END"

    eur = sources.suffix
    picked = [
        "f.firm_id AS firm_id", "s.year AS year", "s.state AS state",
        f"CASE WHEN s.state = 'active_exporter' THEN 1 WHEN {observed} THEN 0 ELSE NULL END AS exporter",
        f"CAST({count('cents')} AS DOUBLE) / 100 AS exports_{eur}",
        *(f"{count(c)} AS {c}" for c in ("destinations", "products", "pairs", "shipments")),
        *(f"e.{c} AS {c}" for c in ("hhi_products", "hhi_destinations", "hhi_pairs", "first_month", "last_month")),
        # Staff and sales of a firm that has died are 0; where the register gives a figure, that figure.
        f"CASE WHEN {dead} THEN CAST(0 AS DOUBLE) ELSE r.employees END AS employees",
        *(f"CASE WHEN {dead} THEN CAST(0 AS DOUBLE) "
          f"ELSE CAST(r.{c}_cents AS DOUBLE) / 100 END AS {c}_{eur}" for c in ("sales", "wages")),
        *(f"r.{c} AS {c}" for c in ("sector", "region", "size_class")),
        # A participant that the register says nothing about is known from the roster.
        *(f"coalesce(r.{c}, p.{c}) AS {c}" if sources.roster else f"r.{c} AS {c}"
          for c in ("country", "women_led")),
        "l.birth_year AS birth_year",
    ]  # fmt: skip
    joins = (
        "FROM panel_states s JOIN firms f ON f.firm = s.firm JOIN panel_years y ON y.year = s.year "
        "LEFT JOIN panel_exports e ON e.firm = s.firm AND e.year = s.year "
        "LEFT JOIN panel_register r ON r.firm = s.firm AND r.year = s.year "
        "LEFT JOIN panel_lives l ON l.firm = s.firm"
    )
    if sources.roster:
        picked += ["p.joined AS joined", "p.joined_month AS joined_month",
                   "CASE WHEN s.year >= p.joined THEN 1 ELSE 0 END AS after_joining",
                   "p.services AS services",
                   "p.hours AS programme_hours", f"p.cost_{eur} AS programme_cost_{eur}",
                   *(f"p.{c} AS {c}" for c in ROSTER_WORDS)]  # fmt: skip
        joins += " LEFT JOIN roster_firms p ON p.firm_id = f.firm_id"
    if sources.outcomes is not None:
        picked += [f"o.{c.name} AS {c.name}" for c in outcome_columns(sources.outcomes)]
        joins += " LEFT JOIN outcome_years o ON o.firm = s.firm AND o.year = s.year"
    return f"SELECT {', '.join(picked)} {joins}"


def panel_columns(sources: PanelSources) -> list[str]:
    """Names of the panel's columns, in order."""
    roster = ["joined", "joined_month", "after_joining", "services", "programme_hours",
              f"programme_cost_{sources.suffix}", *ROSTER_WORDS] if sources.roster else []  # fmt: skip
    eur = sources.suffix
    outcomes = (
        [] if sources.outcomes is None else [c.name for c in outcome_columns(sources.outcomes)]
    )
    return [
        "firm_id", "year", "state", "exporter", f"exports_{eur}", "destinations", "products", "pairs",
        "shipments", "hhi_products", "hhi_destinations", "hhi_pairs", "first_month", "last_month",
        "employees", f"sales_{eur}", f"wages_{eur}", "sector", "region", "size_class", "country",
        "women_led", "birth_year", *roster, *outcomes,
    ]  # fmt: skip


def state_counts(relations: Relations) -> pd.DataFrame:
    """Firm-years by year and state: `year`, one column per state, `firms`."""
    found = relations.frame(
        "SELECT year, state, count(*) AS n FROM panel_states GROUP BY year, state ORDER BY year, state"
    )
    wide = found.pivot(index="year", columns="state", values="n").reindex(columns=list(STATES))
    wide = wide.fillna(0).astype("int64")
    wide["firms"] = wide.sum(axis=1)
    return wide.rename_axis(columns=None).reset_index()
