"""T1 of a study with deliveries: who was linked to what, what was observed, and which rows and euros were used."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from impact.core.ledger import Ledger
from impact.core.notice import Notice
from impact.display.document import (
    Block,
    Cell,
    Column,
    Document,
    Number,
    Prose,
    Row,
    Section,
    Table,
    prose,
)
from impact.outcomes.firm_panel import STATES
from impact.report.cells import count_number
from impact.report.intake import Intake
from impact.report.receive import Received
from impact.validate.linkage_steps import NO_LIMIT

_STATE_WORDS = {
    "active_exporter": "exporters",
    "active_nonexporter": "active, not exporting",
    "inactive": "not active",
    "unobserved": "unobserved",
}


def intake_blocks(intake: Intake) -> list[Block]:
    """Linkage, observability and notices of a study with deliveries."""
    blocks: list[Block] = []
    if intake.linkage is not None:
        blocks.append(linkage_table(intake.linkage.table))
    if intake.states is not None:
        blocks.append(states_table(intake.states))
    if intake.outcomes is not None:
        blocks.append(outcomes_table(intake.outcomes))
    blocks += notice_blocks(intake.notices)
    return blocks


def outcomes_table(counts: pd.DataFrame) -> Table:
    """T1f: for each outcome, who could have had it and who did."""
    rows: list[Row] = []
    family = None
    for line in counts.to_dict("records"):
        name = str(line["outcome"])
        if line["family"] != family:
            family = line["family"]
            rows.append(Row((str(family),), "panel"))
        n = int(line["n_at_risk"])
        event = not pd.isna(line["n_event"])
        share = 100.0 if line["unit"] in ("0/1", "share") else 1.0
        unit = "%" if share == 100 else str(line["unit"])
        decimals = 1 if share == 100 else 3 if unit in ("nats", "index", "log points") else 2
        value = float(line["value"])
        cells: tuple[Cell, ...] = (
            name,
            count_number(int(line["n_obs"]), f"{name}: firm-years known"),
            count_number(n, f"{name}: firm-years at risk") if event else "–",
            count_number(int(line["n_event"]), f"{name}: events") if event else "–",
            Number(share * value, f"{name}: {'events by firm-years at risk' if event else 'mean'}", decimals, unit, n),
            unit,
        )  # fmt: skip
        rows.append(Row(cells))
    return Table(
        "T1f",
        "Outcomes: who could have had them, and who did",
        (Column("", "left", 1.0), Column("known"), Column("at risk"), Column("events"), Column("rate or mean"), Column("unit", "left")),
        tuple(rows),
        ("Firm-years. At risk of entry is a firm that did not export in the year before (new: in each year of the look-back), and was "
         "not inactive then. Outcomes within or after years of a base year are counted for participants, from their year of joining. What "
         "was not observed is missing, and is neither at risk nor without the event. These are counts, not effects.",),
    )  # fmt: skip


def linkage_table(table: pd.DataFrame) -> Table:
    """T1c: firms at each step from roster to register to customs."""
    rows: list[Row] = []
    for step, part in table.groupby("step", sort=False):
        rows.append(Row((str(step).replace("->", "→"),), "panel"))
        rows += [_linkage_row(str(step), line) for line in part.itertuples(index=False)]
    return Table(
        "T1c",
        "Linkage: which firms of one file stand in the next",
        (Column("", "left"), Column("year", "center"), Column("firms"), Column("matched"),
         Column("unmatched"), Column("share, %"), Column("why", "left", 1.0)),
        tuple(rows),
        ("A firm of the roster that is in no other file is unobserved: never counted as one that does not export, and "
         "never as one that did not take part. From register to customs, matched firms are those with shipments; the "
         "others are active and do not export. A firm that took part several times counts from its first year.",),
    )  # fmt: skip


def _linkage_row(step: str, line: object) -> Row:
    arm, year = getattr(line, "arm"), getattr(line, "year")  # noqa: B009
    when = "all" if pd.isna(year) else str(int(year))
    name = f"{step}, {arm}, {when}"

    def count(column: str) -> Cell:
        value = getattr(line, column)
        return "–" if pd.isna(value) else count_number(int(value), f"{name}: {column}")

    share = getattr(line, "share")  # noqa: B009
    firms = getattr(line, "firms")  # noqa: B009
    shown: Cell = "–"
    if not pd.isna(share):
        shown = Number(100 * float(share), f"{name}: share matched", 1, "%", int(firms))
    why = getattr(line, "why")  # noqa: B009
    said = "" if pd.isna(why) or str(why) == NO_LIMIT else str(why)
    return Row((str(arm), when, count("firms"), count("matched"), count("unmatched"), shown, said))


def states_table(states: pd.DataFrame) -> Table:
    """T1d: firm-years by year and state."""
    rows = []
    for line in states.to_dict("records"):
        year = str(int(line["year"]))
        cells = [count_number(int(line[s]), f"{_STATE_WORDS[s]} in {year}") for s in STATES]
        rows.append(Row((year, *cells, count_number(int(line["firms"]), f"firms in {year}"))))
    total = [count_number(int(states[s].sum()), f"firm-years {_STATE_WORDS[s]}") for s in STATES]
    rows.append(
        Row(("all years", *total, count_number(int(states["firms"].sum()), "firm-years")), "total")
    )
    return Table(
        "T1d",
        "Observability: each firm in each year",
        (Column("year", "left", 1.0), *(Column(_STATE_WORDS[s]) for s in STATES), Column("firms")),
        tuple(rows),
        ("Exports of a firm that is active and does not export, or that has died, are 0. Those of an "
         "unobserved firm-year, and of a firm before its birth, are missing and stay missing.",),
    )  # fmt: skip


def euro_ledger_table(ledgers: Sequence[Ledger]) -> Table:
    """T1b with euros: rows and euros in = left out, by reason, + used."""
    rows: list[Row] = []
    for ledger in ledgers:
        rows += _ledger_rows(ledger)
    return Table(
        "T1b",
        "Row ledger: every row and every euro is used, or left out for a named reason",
        (Column("", "left"), Column("because", "left", 1.0), Column("rows"), Column("euros")),
        tuple(rows),
        ("Rows in = rows left out + rows used, and the same in euros, to the cent; each row's amount is rounded to the cent. A dash: the table holds "
         "no amounts, or the amount cannot be known.",),
    )  # fmt: skip


def _ledger_rows(ledger: Ledger) -> list[Row]:
    name = ledger.table
    lines: list[tuple[str, str, int, int | None]] = [("in", "", ledger.rows_in, ledger.cents_in)]
    lines += [("left out", x.reason.partition(": ")[2] or x.reason, x.rows, None if x.cents_unknown else x.cents)
              for x in ledger.lines if x.rows]  # fmt: skip
    lines.append(("used", "", ledger.rows_used, ledger.cents_used))
    rows = [Row((name,), "panel")]
    for what, why, count, cents in lines:
        label = f"{name}: {what}{', ' + why if why else ''}"
        euros: Cell = "–"
        if cents is not None:
            euros = Number(cents / 100, f"{label}, euros", 2, "EUR", count)
        cells = (what, why, count_number(count, f"{label}, rows"), euros)
        rows.append(Row(cells, "total" if what == "used" else "body"))
    return rows


def notice_blocks(notices: Sequence[Notice]) -> list[Prose]:
    """What was accepted or repaired, a sentence each; the values themselves stay in the check."""
    return [
        # The file, not the way to it.
        prose(_plain(Notice(n.said, n.file and n.file.rpartition("/")[2], n.column, n.rows)))
        for n in notices
    ]


def _plain(notice: Notice) -> str:
    return str(notice).replace("{", "{{").replace("}", "}}")


def intake_tables(intake: Intake) -> dict[str, pd.DataFrame]:
    """Tidy tables of the intake for results.json; nothing in them names a firm."""
    tables = {}
    if intake.linkage is not None:
        tables["linkage"] = intake.linkage.table
    if intake.states is not None:
        tables["observability"] = intake.states
    if intake.coverage is not None:
        tables["coverage_breaks"] = intake.coverage
    if intake.outcomes is not None:
        tables["outcomes"] = intake.outcomes
    return tables


def intake_content(received: Received) -> tuple[Document, dict[str, pd.DataFrame]]:
    """The annex of a study that asks for no effect: what was received, and what can be observed."""
    intake = received.intake
    assert intake is not None
    study = received.study.study
    blocks = (euro_ledger_table(received.ledgers), *intake_blocks(intake))
    document = Document(
        study=study.name,
        title=study.title,
        subtitle=f"{study.programme}. Data: {study.source}.",
        headlines=_headlines(intake),
        sections=(Section("What was received, and can it be trusted", blocks),),
        colophon=("Every number of this annex stands in results.json with its count and label.",),
    )
    return document, intake_tables(intake)


def _headlines(intake: Intake) -> tuple[Prose, ...]:
    states = intake.states
    if states is None:
        return ()
    unobserved = int(states["unobserved"].sum())
    total = int(states["firms"].sum())
    return (
        prose(
            "{f} firms over {y} years: {e} firm-years with exports, {u} unobserved ({s} %).",
            f=count_number(int(states["firms"].max()), "firms"),
            y=count_number(len(states), "years"),
            e=count_number(int(states["active_exporter"].sum()), "firm-years with exports"),
            u=count_number(unobserved, "unobserved firm-years"),
            s=Number(100 * unobserved / total, "share of firm-years unobserved", 1, "%", total),
        ),
    )
