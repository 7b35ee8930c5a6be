"""From deliveries to a panel: stage, understand, link, count, assemble, in that order, all faults in one pass."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.ledger import Ledger
from impact.core.notice import Notice
from impact.engines.duckdb_relations import DuckRelations
from impact.engines.relations import Relations, open_relations
from impact.outcomes.export_years import make_export_years
from impact.outcomes.firm_panel import (
    ROSTER_WORDS,
    PanelSources,
    make_panel,
    panel_columns,
    state_counts,
)
from impact.outcomes.outcome_years import make_all_spells, outcome_counts
from impact.read.staging import Staged, stage
from impact.report.customs_alone import customs_breaks, number_firms
from impact.report.intake_rules import (
    Tables,
    budget_rules,
    customs_columns,
    customs_rules,
    read_tables,
    register_rules,
    roster_rules,
    table_format,
)
from impact.report.study import Study
from impact.report.study_files import CustomsSection, Delivery
from impact.validate.births import early_lives, early_participants
from impact.validate.coverage import notices as coverage_notices
from impact.validate.customs import (
    CUSTOMS_COLUMNS,
    CUSTOMS_NUMBERS,
    CUSTOMS_REQUIRED,
    CustomsMeaning,
    join_shipments,
    understand_customs,
)
from impact.validate.linkage import Linkage, link
from impact.validate.products import vintage_births
from impact.validate.reading import Reading, open_reading
from impact.validate.register import (
    REGISTER_COLUMNS,
    REGISTER_NUMBERS,
    REGISTER_REQUIRED,
    RegisterMeaning,
    join_register,
    understand_register,
)
from impact.validate.repeats import look_for_repeats
from impact.validate.roster import (
    ROSTER_COLUMNS,
    ROSTER_NUMBERS,
    ROSTER_REQUIRED,
    Roster,
    joined_outside,
    read_roster,
)
from impact.validate.spending import (
    BUDGET_COLUMNS,
    BUDGET_NUMBERS,
    BUDGET_REQUIRED,
    Budget,
    read_budget_lines,
    without_participants,
)


class Scratch:
    """A folder that is gone when nobody refers to it any more, or the process ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="impact-"))
        self._gone = weakref.finalize(self, shutil.rmtree, self.path, True)


@dataclass(slots=True, eq=False)
class Intake:
    """What the deliveries of a study became; parts that faults kept from being made are missing.

    Attributes
    ----------
    frame : DataFrame or None
        Firm-years, the columns that the study uses.
    parquet : Path or None
        The whole panel, in `scratch`.
    columns : list of str
        Columns of the whole panel.
    described : DataFrame or None
        Their types and numbers of missing cells: `column, type, missing`.
    present : dict of str to tuple of str
        Table -> columns that its files have.
    states : DataFrame or None
        Firm-years by year and state.
    linkage : Linkage or None
    coverage : DataFrame or None
        Breaks that were found.
    roster : Roster or None
    budget : Budget or None
    destinations : tuple of str
        Codes of the countries of destination, in order.
    outcomes : DataFrame or None
        Counts of the outcomes of the panel: see `impact.core.counts`.
    extra : dict of str to Path
        Name of a further file of working data -> where it lies in `scratch`.
    money : str
        The price base in words.
    """

    scratch: Scratch
    frame: pd.DataFrame | None = None
    parquet: Path | None = None
    columns: list[str] = field(default_factory=list)
    described: pd.DataFrame | None = None
    present: dict[str, tuple[str, ...]] = field(default_factory=dict)
    states: pd.DataFrame | None = None
    linkage: Linkage | None = None
    coverage: pd.DataFrame | None = None
    roster: Roster | None = None
    budget: Budget | None = None
    destinations: tuple[str, ...] = ()
    outcomes: pd.DataFrame | None = None
    extra: dict[str, Path] = field(default_factory=dict)
    money: str = ""
    ledgers: list[Ledger] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)


_TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "customs": (CUSTOMS_COLUMNS, CUSTOMS_REQUIRED, CUSTOMS_NUMBERS),
    "register": (REGISTER_COLUMNS, REGISTER_REQUIRED, REGISTER_NUMBERS),
    "roster": (ROSTER_COLUMNS, ROSTER_REQUIRED, ROSTER_NUMBERS),
    "budget": (BUDGET_COLUMNS, BUDGET_REQUIRED, BUDGET_NUMBERS),
}
_DATES = {
    "customs": ("date", "year", "month"),
    "register": ("year", "birth_year"),
    "roster": ("joined", "left"),
    "budget": ("year",),
}


def take_in(
    study: Study, folder: Path, *, columns: list[str], max_memory: str | None = None
) -> Intake:
    """Read, check and assemble the deliveries of a study.

    Parameters
    ----------
    study : Study
        With at least one of customs, register and roster.
    folder : Path
        Of study.toml; paths are relative to it.
    columns : list of str
        Columns of the panel to load.
    max_memory : str, optional
        Instead of the study's own.

    Returns
    -------
    Intake
        With every fault in `faults`; nothing is raised for what stands in a file.
    """
    intake = Intake(Scratch())
    scratch = intake.scratch.path
    memory = max_memory or study.study.max_memory
    tables = read_tables(study, folder)
    intake.faults += tables.faults
    intake.notices += tables.notices
    intake.inputs.update(tables.inputs)
    intake.money = tables.money.label()
    with open_relations("duckdb", max_memory=memory) as duck:
        assert isinstance(duck, DuckRelations)
        staged = {t: _stage(t, d, folder, scratch, duck, intake) for t, d in _deliveries(study)}
        if study.study.engine == "duckdb":
            _attempt(study, tables, staged, duck, intake, columns)
    if study.study.engine != "duckdb":
        with open_relations(study.study.engine, max_memory=memory) as other:
            _attempt(study, tables, staged, other, intake, columns)
    # A rate that two files lack is one fault; a table of rates that cannot be read is not one that was not declared.
    undeclared = None if study.money.rates is None else "money.rates"
    found = dict.fromkeys(intake.faults)
    intake.faults = [f for f in found if f.column != undeclared or f.file != "study.toml"]
    return intake


def _attempt(
    study: Study,
    tables: Tables,
    staged: dict[str, Staged],
    relations: Relations,
    intake: Intake,
    columns: list[str],
) -> None:
    """Understand the tables; a delivered Parquet whose pages turn out to be damaged is a fault like any other."""
    try:
        _understand(study, tables, staged, relations, intake, columns)
    except DataError as error:
        intake.faults += error.faults or [Fault(error.message, "deliver the file again")]


def _deliveries(study: Study) -> list[tuple[str, Delivery]]:
    sections = {"customs": study.customs, "register": study.register_, "roster": study.roster,
                "budget": study.budget}  # fmt: skip
    return [(t, s) for t, s in sections.items() if s is not None]


def _stage(
    table: str,
    section: Delivery,
    folder: Path,
    scratch: Path,
    duck: DuckRelations,
    intake: Intake,
) -> Staged:
    canonical, required, numbers = _TABLES[table]
    columns: Any = section.columns
    if isinstance(section, CustomsSection):
        columns = customs_columns(section, intake.faults, intake.notices)
    staged = stage(
        table,
        table_format(section),
        columns,
        canonical=canonical,
        required=required,
        numeric=(*numbers, *_DATES[table]),
        folder=folder,
        scratch=scratch,
        duck=duck,
    )
    intake.faults += staged.faults
    intake.notices += staged.notices
    intake.inputs.update({f.name: f.sha256 for f in staged.files})
    return staged


def _understand(
    study: Study,
    tables: Tables,
    staged: dict[str, Staged],
    relations: Relations,
    intake: Intake,
    columns: list[str],
) -> None:
    """Everything from staged files to the panel, on one engine."""
    readings = {}
    for table, files in staged.items():
        if not files.files or not set(_TABLES[table][1]) <= set(files.present):
            continue  # what cannot be read cannot be understood; its faults are noted
        droppable = getattr(dict(_deliveries(study))[table], "drop_unreadable", ())
        intake.present[table] = files.present
        readings[table] = open_reading(table, relations, files, numbers=_TABLES[table][2],
                                       droppable=droppable)  # fmt: skip
    budget = readings.get("budget")
    if budget is not None:
        intake.budget = read_budget_lines(budget, budget_rules(study), tables.money)
    roster = readings.get("roster")
    if roster is not None:
        intake.roster = read_roster(roster, roster_rules(study), tables.money)
    register, customs = readings.get("register"), readings.get("customs")
    known = None if register is None else understand_register(register, register_rules(study))
    rules = None if customs is None else customs_rules(study, tables)
    shipped = None if customs is None or rules is None else understand_customs(customs, rules)
    firms = _firms(relations, intake.roster, known, shipped)
    ledgers: dict[str, Ledger | None] = {}
    if customs is not None and shipped is not None and not customs.faults:
        ledgers["customs"] = _customs(study, tables, customs, shipped, firms, intake)
    if register is not None and known is not None and not register.faults:
        ledgers["register"] = join_register(
            register, known, register_rules(study), tables.register_money, firms
        )
    _look_at_lives(study, relations, readings, ledgers, intake)
    for reading in readings.values():
        intake.faults += reading.faults
        intake.notices += reading.notices
    ledgers["roster"] = intake.roster.ledger if intake.roster is not None else None
    ledgers["budget"] = intake.budget.ledger if intake.budget is not None else None
    if intake.budget is not None and intake.roster is not None and budget is not None:
        services = intake.roster.services
        if "programme" in services and not roster_rules(study).programmes:
            intake.notices += without_participants(
                intake.budget, services["programme"], budget.files()
            )
    order = ("roster", "register", "customs", "budget")
    intake.ledgers += [found for t in order if (found := ledgers.get(t)) is not None]
    if not any(s.faults for s in staged.values()):
        # Of a file that lacks rows, or a header, it is not known who is not in it.
        _link(study, relations, ledgers, intake)
    if intake.faults:
        return
    reports = register is not None and register.has("exports")
    _assemble(study, relations, intake, columns, reports_exports=reports)


def _firms(
    relations: Relations,
    roster: Roster | None,
    register: RegisterMeaning | None,
    customs: CustomsMeaning | None,
) -> pd.Series:
    """Number every firm of any file, in the order of identifiers: relation `firms`."""
    parts = [m.firms["firm_id"] for m in (register, customs) if m is not None]
    if roster is not None:
        parts.append(roster.firms["firm_id"])
    known = pd.concat(parts).dropna().astype("str") if parts else pd.Series([], dtype="str")
    return number_firms(relations, known)


def _customs(
    study: Study,
    tables: Tables,
    reading: Reading,
    meaning: CustomsMeaning,
    firms: pd.Series,
    intake: Intake,
) -> Ledger | None:
    rules = customs_rules(study, tables)
    shipments = join_shipments(reading, meaning, rules, tables.money, firms)
    if shipments is None:
        return None
    make_export_years(
        reading.relations,
        shipments.ledger,
        netted=shipments.netted,
        keep=study.outcomes is not None,
    )
    intake.destinations = tuple(str(t) for t in shipments.destinations["text"])
    if study.outcomes is not None:
        reading.relations.put("product_texts", shipments.products[["code", "text"]])
        reading.relations.put("destination_texts", shipments.destinations[["code", "text"]])
    look_for_repeats(reading, "date" if "date" in meaning.dates else "year")
    _look_at_coverage(study, reading, meaning, shipments.products, intake)
    return shipments.ledger


def _look_at_coverage(
    study: Study,
    reading: Reading,
    meaning: CustomsMeaning,
    products: pd.DataFrame,
    intake: Intake,
) -> None:
    """Breaks of coverage and of nomenclature, before any dynamics is computed."""
    relations = reading.relations
    first, last = study.study.first_year, study.study.last_year
    assert first is not None and last is not None
    intake.coverage = customs_breaks(relations, meaning, (first, last))
    intake.notices += coverage_notices(intake.coverage, file=reading.files())
    customs = study.customs
    assert customs is not None
    if isinstance(customs.nomenclature, dict) and customs.concordance is None:
        births = relations.frame(
            "SELECT product, min(year) AS first_year, count(DISTINCT firm) AS firms FROM export_cells "
            "GROUP BY product ORDER BY product"
        )
        births["product"] = births["product"].map(products.set_index("code")["text"])
        said = vintage_births(births, {int(y): v for y, v in customs.nomenclature.items()})
        intake.notices += [said] if said is not None else []


def _look_at_lives(
    study: Study,
    relations: Relations,
    readings: Mapping[str, Reading],
    ledgers: Mapping[str, Ledger | None],
    intake: Intake,
) -> None:
    """Dates that contradict one another over files, and participation that the panel cannot show."""
    register = ledgers.get("register") is not None
    if register:
        files = readings["register"].files()
        customs = ledgers.get("customs") is not None
        intake.notices += early_lives(relations, files, customs=customs)
    if intake.roster is not None:
        files, roster = readings["roster"].files(), intake.roster
        first, last = study.study.first_year, study.study.last_year
        assert first is not None and last is not None
        intake.notices += joined_outside(roster, first, last, files)
        if register:
            joined = roster.firms[["firm_id", "joined"]]
            intake.notices += early_participants(relations, joined, files)


def _link(
    study: Study, relations: Relations, ledgers: Mapping[str, Ledger | None], intake: Intake
) -> None:
    """Who of the roster is in the register, and who ships."""
    if intake.roster is None or not (ledgers.get("register") or ledgers.get("customs")):
        return
    if study.register_ is not None and ledgers.get("register") is None:
        return
    if study.customs is not None and ledgers.get("customs") is None:
        return

    def years_of(table: str, relation: str) -> pd.DataFrame | None:
        if ledgers.get(table) is None:
            return None
        return relations.frame(f"SELECT f.firm_id, x.year FROM {relation} x JOIN firms f ON f.firm = x.firm "
                               "ORDER BY f.firm_id, x.year")  # fmt: skip

    roster = intake.roster.firms.rename(columns={"joined": "joined_year"})
    rules = study.linkage
    intake.linkage = link(
        roster[["firm_id", "joined_year"]],
        years_of("register", "register_years"),
        years_of("customs", "export_years"),
        warn_below=rules.warn_below,
        refuse_below=rules.refuse_below,
        accept_below=rules.accept_below,
    )
    intake.faults += intake.linkage.faults
    intake.notices += intake.linkage.notices


def _assemble(
    study: Study,
    relations: Relations,
    intake: Intake,
    columns: list[str],
    *,
    reports_exports: bool,
) -> None:
    """Make the panel, write it whole, load what the study uses."""
    sources = _sources(study, relations, intake, reports_exports)
    if intake.roster is not None:
        _put_roster(relations, intake.roster, sources.suffix)
    make_panel(relations, sources)
    intake.states = state_counts(relations)
    intake.columns = panel_columns(sources)
    intake.described = _described(relations, intake.columns)
    intake.parquet = intake.scratch.path / "panel.parquet"
    relations.write(
        f"SELECT {', '.join(intake.columns)} FROM panel ORDER BY firm_id, year", intake.parquet
    )
    if sources.outcomes is not None:
        intake.outcomes = outcome_counts(relations, sources.outcomes, roster=sources.roster)
        never = intake.outcomes.loc[intake.outcomes["n_obs"] == 0, "outcome"]
        if len(never):
            span = f"{sources.first_year} to {sources.last_year}"
            intake.notices.append(Notice(
                f"no firm-year is known of {len(never)} outcomes, such as {never.iloc[0]}: the look-back ({sources.outcomes.look_back} years) "
                f"and the horizons ask for more years than {span} holds, or what they need was not observed"))  # fmt: skip
        if not sources.outcomes.firms:
            intake.notices.append(Notice(
                "these data hold exporters only, so entry of firms into exporting cannot be measured, and is not among the outcomes; "
                "add a register of firms that export and firms that do not"))  # fmt: skip
        _write_outcomes(study, relations, sources, intake)
    if not study.evaluates:
        return  # the panel is written; nothing is computed from it
    wanted = [c for c in intake.columns if c in {"firm_id", "year", "state", *columns}]
    intake.frame = relations.frame(f"SELECT {', '.join(wanted)} FROM panel ORDER BY firm_id, year")


def _write_outcomes(
    study: Study, relations: Relations, sources: PanelSources, intake: Intake
) -> None:
    """Cells of exports and spells, for work in Python; they name firms and stay with the panel."""
    assert study.outcomes is not None and sources.outcomes is not None
    queries = {}
    if "cells" in study.outcomes.files and sources.customs:
        queries["export_cells"] = (
            "SELECT f.firm_id, c.year, p.text AS product, d.text AS destination, CAST(c.cents AS DOUBLE) / 100 AS "
            f"exports_{sources.suffix}, c.shipments, c.first_month, c.last_month FROM export_cells c JOIN firms f ON f.firm = c.firm "
            "JOIN product_texts p ON p.code = c.product JOIN destination_texts d ON d.code = c.destination "
            "WHERE c.cents > 0 ORDER BY f.firm_id, c.year, p.text, d.text"
        )
    if "spells" in study.outcomes.files:
        found = make_all_spells(relations, sources.outcomes)
        queries |= {f"spells_of_{level}s": query for level, query in found.items()}
    for name, query in queries.items():
        path = intake.scratch.path / f"{name}.parquet"
        relations.write(query, path)
        intake.extra[path.name] = path


def _described(relations: Relations, columns: list[str]) -> pd.DataFrame:
    known = ", ".join(f"count({c}) AS {c}" for c in columns)
    counts = relations.frame(f"SELECT count(*) AS all_rows, {known} FROM panel").iloc[0]
    missing = [int(counts["all_rows"]) - int(counts[c]) for c in columns]
    return pd.DataFrame({"column": columns, "missing": missing})


def _sources(
    study: Study, relations: Relations, intake: Intake, reports_exports: bool
) -> PanelSources:
    sources = replace(study.sources(), destinations=intake.destinations)
    has = intake.present.get("register", ())
    measures = any(c == "sales" or c.startswith("employees") for c in has)
    if not sources.customs:
        return replace(sources, register_exports=reports_exports, register_measures=measures)
    years = relations.frame("SELECT DISTINCT year FROM export_years ORDER BY year")["year"]
    return replace(sources, customs_years=tuple(int(y) for y in years), register_measures=measures)


def _put_roster(relations: Relations, roster: Roster, suffix: str) -> None:
    firms = roster.firms
    none = pd.Series(float("nan"), index=firms.index, dtype="float64")
    cost = firms["cost_cents"].astype("Float64") / 100
    words = {
        c: pd.Series(firms.get(c), index=firms.index).astype("str")
        for c in (*ROSTER_WORDS, "country")
    }
    led = pd.Series(firms.get("women_led"), index=firms.index)
    columns = {
        "firm_id": firms["firm_id"].astype("str"),
        "joined": firms["joined"].astype("Int64"),
        "joined_month": firms["joined_month"].astype("Int64"),
        "services": firms["services"].astype("int64"),
        "hours": firms.get("hours", none),
        f"cost_{suffix}": cost.astype("float64"),
        **words,
        "women_led": led.astype("boolean"),
    }
    relations.put("roster_firms", pd.DataFrame(columns))
