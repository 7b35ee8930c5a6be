"""Of whom, and compared to whom: the sample, its ledger, the comparison and its balance."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pandas as pd

from impact.core.ledger import Ledger
from impact.display.document import (
    Block,
    Cell,
    Column,
    Figure,
    Interval,
    Number,
    Prose,
    Row,
    Table,
    prose,
)
from impact.report.analysis import Analysis
from impact.report.cells import (
    capital,
    count_number,
    decimals_of,
    listed,
    optional,
)
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
    paired = _paired_units(analysis)
    rows = []
    for name, members in [
        *(
            (f"joined in {int(g)}", cohorts.index[cohorts == g])
            for g in sorted(cohorts.dropna().unique())
        ),
        ("never joined", cohorts.index[cohorts.isna()]),
    ]:
        rows.append(_firms_row(analysis, name, members, paired))
    rows.append(_firms_row(analysis, "all firms", cohorts.index, paired, "total"))
    return Table(
        "T1a",
        "Firms by first year of participation",
        (Column("", "left", 1.0), Column("firms"), Column("firm-years"), Column("matched firms")),
        tuple(rows),
        ("Matched firms stand in a pair of the comparison in T2.",),
    )


def _firms_row(
    analysis: Analysis, name: str, members: pd.Index, paired: set[object], kind: str = "body"
) -> Row:
    panel = analysis.panel
    rows = int(panel.data[panel.unit].isin(members).sum())
    cells: tuple[Cell, ...] = (
        name,
        count_number(len(members), f"firms, {name}"),
        count_number(rows, f"firm-years, {name}"),
        count_number(len(set(members) & paired), f"matched firms, {name}"),
    )
    return Row(cells, "total" if kind == "total" else "body")


def _paired_units(analysis: Analysis) -> set[object]:
    pairs = analysis.match.pairs
    return set(pairs["treated"]) | set(pairs["control"])


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


def comparison_blocks(received: Received, analysis: Analysis) -> list[Block]:
    """Who is compared to whom, and how alike they are."""
    ledger = "T1b" if received.intake is None else "T1e"
    matched = analysis.match
    s = matched.settings
    panel = analysis.panel
    on = listed([panel.label(c) for c in s.on])
    exact = f", within the same {listed([panel.label(c) for c in s.exact])}" if s.exact else ""
    numbers: dict[str, Number | Interval] = {
        "p": count_number(len(matched.pairs), "matched pairs"),
        "t": count_number(int(matched.pairs["treated"].nunique()), "participants matched"),
        "all": count_number(int(panel.unit_cohort().notna().sum()), "participants"),
    }
    partners = "a firm" if s.ratio == 1 else f"up to {s.ratio} firms"
    near = "nearest Mahalanobis distance" if s.distance == "mahalanobis" else "nearest score"
    if s.caliper is not None:
        scale = (
            "standard deviations of the score" if s.caliper_scale == "sd" else "on its own scale"
        )
        near += f", no further apart than {{c}} {scale}"
        numbers["c"] = Number(s.caliper, f"caliper in {scale}", decimals_of(s.caliper))
    text = (
        f"Each participant is paired with {partners} that never took part, on {on} in the year before "
        f"joining{exact}: {near}, each comparison firm used once over all cohorts. {{t}} of {{all}} "
        f"participants found a partner, in {{p}} pairs; table {ledger} says why the others did not. Outcomes "
        "after joining play no part in the pairing."
    )
    return [prose(text, **numbers), _balance_table(analysis), *_imbalance(analysis), _love_figure()]


_WARN = 0.25  # Rubin's bound on a standardised difference


def _imbalance(analysis: Analysis) -> list[Prose]:
    """Say where the comparison failed: a covariate that still differs, a cohort without partners."""
    said = []
    used: dict[str, Number | Interval] = {}
    table = balance_by_cohort(analysis)
    worst = (
        table.loc[table["smd_after"].abs().idxmax()] if table["smd_after"].notna().any() else None
    )
    if worst is not None and abs(worst["smd_after"]) > _WARN:
        used["w"] = Number(abs(float(worst["smd_after"])), "largest SMD after matching", 2)
        said.append(
            f"After matching, {worst['covariate']} of the {worst['cohort']} cohort still differs by {{w}} "
            "standard deviations."
        )
    cohorts = set(analysis.panel.unit_cohort().dropna().astype(int))
    without = sorted(cohorts - set(analysis.match.pairs["cohort"].astype(int)))
    if without:
        joined = listed([str(g) for g in without])
        said.append(f"No firm that joined in {joined} has a partner.")
    if not said:
        return []
    said.append("The matched comparison below is not to be relied on.")
    return [prose(" ".join(said), **used)]


def balance_by_cohort(analysis: Analysis) -> pd.DataFrame:
    """Balance within each cohort, with words for the covariates.

    Pooled over cohorts, differences of opposite sign cancel; within a cohort they cannot.
    """
    words = {**analysis.match.labels(), "distance": "propensity score"}
    balance = analysis.match.balance(by_cohort=True)
    # Codes of a covariate that is matched exactly are equal by construction, one row for each.
    balance = balance[balance["covariate"].isin(list(words))]
    return balance.assign(covariate=[words.get(c, c) for c in balance["covariate"]])


def _balance_table(analysis: Analysis) -> Table:
    rows = []
    for cohort, part in balance_by_cohort(analysis).groupby("cohort", sort=True):
        rows.append(Row((f"Joined in {cohort}",), "panel"))
        firms = int((analysis.match.candidates["cohort"] == cohort).sum())
        rows += [_balance_row(b, int(str(cohort)), firms) for b in part.to_dict("records")]
    matched = analysis.match
    return Table(
        "T2",
        "Participants and comparison firms in the year before joining",
        (
            Column("", "left", 1.0),
            Column("partic., before"),
            Column("others, before"),
            Column("SMD before"),
            Column("partic., after"),
            Column("compar., after"),
            Column("SMD after"),
            Column("variance ratio"),
        ),
        tuple(rows),
        (
            "SMD: standardised mean difference, the difference in means over the standard deviation "
            "of participants before matching. Below 0.1 in absolute value is good, above 0.25 a "
            "warning. Variance ratio after matching: participants over comparison firms; a dash for "
            "yes/no covariates, whose variance follows from the mean.",
            *matched.notes,
        ),
    )


def _balance_row(b: dict[Hashable, Any], cohort: int, firms: int) -> Row:
    name = str(b["covariate"])

    def cell(key: str, what: str, decimals: int = 3) -> Number:
        return Number(optional(b[key]), f"{name}, cohort {cohort}: {what}", decimals, n=firms)

    return Row(
        (
            capital(name),
            cell("mean_treated_before", "mean of participants, before matching"),
            cell("mean_control_before", "mean of others, before matching"),
            cell("smd_before", "standardised mean difference, before matching"),
            cell("mean_treated_after", "mean of participants, after matching"),
            cell("mean_control_after", "mean of comparison firms, after matching"),
            cell("smd_after", "standardised mean difference, after matching"),
            cell("variance_ratio_after", "variance ratio, after matching", 2),
        )
    )


def _love_figure() -> Figure:
    return Figure(
        "F1",
        "Standardised mean differences before and after matching",
        "figures/balance.svg",
        "Dot plot: for each covariate and cohort the standardised mean difference between participants "
        "and others before matching and after it; the numbers are in table T2.",
    )
