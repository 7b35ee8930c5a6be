"""Of whom: the sample and its ledger."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from impact.core.ledger import Ledger
from impact.display.document import Block, Cell, Column, Number, Row, Table, prose
from impact.report.analysis import Analysis
from impact.report.cells import count_number, matched_adjective
from impact.report.exhibits_intake import euro_ledger_table, intake_blocks
from impact.report.receive import Received


def sample_blocks(received: Received, analysis: Analysis) -> list[Block]:
    """What was asked, who took part, and which rows were used."""
    panel, study = analysis.panel, received.study.study
    cohorts = panel.unit_cohort()
    joined = count_number(int(cohorts.notna().sum()), "firms that took part")
    never = count_number(int(cohorts.isna().sum()), "firms that never took part")
    blocks: list[Block] = []
    if study.question:
        blocks.append(prose(study.question.replace("{", "{{").replace("}", "}}")))
    before = min(int(g) for g in cohorts.dropna().unique()) - panel.periods[0]
    blocks.append(
        prose(
            "{j} firms took part, {n} never did. What follows compares the change in participants with "
            "the change in similar firms over the same years. It is an effect of the programme only if "
            "both would have changed alike without it. The first cohort was observed for {p} "
            + (
                "year before joining, so that nothing shows whether it was on another path already."
                if before < 2
                else "years before joining, which allows a look at the paths before."
            ),
            j=joined,
            n=never,
            p=Number(before, "years observed before the first cohort joined"),
        )
    )
    blocks.append(_firms_table(analysis))
    if received.intake is None:
        return [*blocks, _ledger_table(list(received.ledgers), analysis)]
    return [
        *blocks,
        euro_ledger_table(received.ledgers),
        *intake_blocks(received.intake),
        replace(_ledger_table([], analysis), key="T1e", title="From the panel to each estimate"),
    ]


def _firms_table(analysis: Analysis) -> Table:
    panel = analysis.panel
    cohorts = panel.unit_cohort()
    compared = _compared_units(analysis)
    rows = []
    for name, members in [
        *(
            (f"joined in {int(g)}", cohorts.index[cohorts == g])
            for g in sorted(cohorts.dropna().unique())
        ),
        ("never joined", cohorts.index[cohorts.isna()]),
    ]:
        rows.append(_firms_row(analysis, name, members, compared))
    rows.append(_firms_row(analysis, "all firms", cohorts.index, compared, "total"))
    return Table(
        "T1a",
        "Firms by first year of participation",
        (
            Column("", "left", 1.0),
            Column("firms"),
            Column("firm-years"),
            Column(f"{matched_adjective(analysis)} firms"),
        ),
        tuple(rows),
        (_compared_words(analysis),),
    )


def _compared_words(analysis: Analysis) -> str:
    said = {
        "pairs": "Matched firms stand in a pair of the comparison in T2.",
        "sets": "Matched firms stand in a set of the comparison in T2.",
        "weights": "Weighted firms are those to which the comparison in T2 gives weight.",
    }[analysis.match.kind]
    if analysis.match.settings.control == "not_yet":
        said += " A firm that joined in the period also counts where it is only compared with, before it joins."
    return said


def _firms_row(
    analysis: Analysis, name: str, members: pd.Index, compared: set[object], kind: str = "body"
) -> Row:
    panel = analysis.panel
    rows = int(panel.data[panel.unit].isin(members).sum())
    cells: tuple[Cell, ...] = (
        name,
        count_number(len(members), f"firms, {name}"),
        count_number(rows, f"firm-years, {name}"),
        count_number(len(set(members) & compared), f"{matched_adjective(analysis)} firms, {name}"),
    )
    return Row(cells, "total" if kind == "total" else "body")


def _compared_units(analysis: Analysis) -> set[object]:
    candidates = analysis.match.candidates
    return set(candidates.loc[candidates["weight"] > 0, "unit"])


def _ledger_table(received: list[Ledger], analysis: Analysis) -> Table:
    rows: list[Row] = []
    for ledger in [*received, *analysis.ledgers()]:
        rows += _ledger_rows(ledger)
    return Table(
        "T1b",
        "Row ledger: every row is used, or left out for a named reason",
        (
            Column("", "left"),
            Column("rows in"),
            Column("left out"),
            Column("firms out"),
            Column("because", "left", 1.0),
            Column("rows used"),
            Column("firms used"),
        ),
        tuple(rows),
        (
            "Rows in = rows left out + rows used, in each part. A cell without a value is missing and "
            "never counted as 0. Firms out: firms of which no row is left.",
        ),
    )


def _ledger_rows(ledger: Ledger) -> list[Row]:
    """One row per reason; rows in stand on the first, rows and firms used on the last."""
    name = ledger.table.rpartition("/")[2]  # the file, not the way to it
    first: tuple[Cell, ...] = (name, count_number(ledger.rows_in, f"{name}: rows in"))
    firms: Cell = "–"
    if ledger.units_used is not None:
        firms = count_number(ledger.units_used, f"{name}: firms used")
    last: tuple[Cell, ...] = (count_number(ledger.rows_used, f"{name}: rows used"), firms)
    lines: list[tuple[Cell, ...]] = [
        (
            count_number(line.rows, f"{name}: left out, {line.reason}"),
            "–"
            if line.units is None
            else count_number(line.units, f"{name}: firms out, {line.reason}"),
            line.reason,
        )
        for line in ledger.lines
        if line.rows
    ] or [("–", "–", "")]
    rows = []
    for i, line in enumerate(lines):
        begin = first if i == 0 else ("", "")
        end = last if i == len(lines) - 1 else ("", "")
        rows.append(Row((*begin, *line, *end)))
    return rows
