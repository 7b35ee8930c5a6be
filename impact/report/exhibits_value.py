"""Was it worth it: what was bought, at what cost, and what other assumptions make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from impact.core.inference import critical_value
from impact.display.document import (
    Block,
    Cell,
    Column,
    Figure,
    Interval,
    Number,
    Prose,
    Row,
    Section,
    Table,
    prose,
)
from impact.display.value_figure import tornado_figure
from impact.report.analysis import Analysis
from impact.report.cells import (
    capital,
    contains_zero,
    counted_outcome,
    value_number,
)
from impact.report.receive import Received
from impact.value.cost_effectiveness import ValueResult
from impact.value.roles import one_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def value_sections(received: Received, analysis: Analysis, level: str) -> list[Section]:
    """What the programme bought; nothing where the study declares no value."""
    if analysis.value is None:
        return []
    blocks: list[Block] = [
        *_words(analysis, level),
        _efficiency(received, analysis, level),
        *_attribution(analysis.value, level),
        *_published(analysis.value),
        *_scenario_blocks(analysis.value, level),
    ]
    if _has_price(analysis.value):
        blocks.append(_acceptability_figure(analysis.value))
    return [Section("Was it worth it", tuple(blocks))]


def value_tables(value: ValueResult) -> dict[str, pd.DataFrame]:
    """The tables behind the exhibits, for results.json."""
    tables = {
        "value": value.tidy(),
        "value_scenarios": pd.concat(
            [value.tornado(outcome=one).assign(outcome=one) for one in _followed(value)],
            ignore_index=True,
        ),
        "value_attribution": value.attribution(),
        "value_leverage": value.leverage(),
        "value_benchmarks": value.benchmarks(),
    }
    return {**tables, "value_acceptability": value.acceptability()} if _has_price(value) else tables


def value_figures(value: ValueResult) -> dict[str, Picture]:
    """The figures of the exhibits by their file."""
    figures = {
        f"figures/{name}.svg": tornado_figure(value.tornado(outcome=one))
        for one, name in _tornados(value).items()
    }
    return (
        {**figures, "figures/acceptability.svg": value.plot("acceptability")}
        if _has_price(value)
        else figures
    )


def _has_price(value: ValueResult) -> bool:
    """Whether an acceptability curve can be drawn: a counted outcome that has an error, and may be above zero."""
    totals = value.table[value.table["term"] == "total_at_horizon"]
    return bool(
        len(totals) and totals["kind"].iloc[0] != "undefined" and totals["conf_high"].iloc[0] > 0
    )


def _efficiency(received: Received, analysis: Analysis, level: str) -> Table:
    assert analysis.value is not None
    value = analysis.value
    table = value.tidy()
    several = len(value.effects) > 1
    rows = []
    for outcome in dict.fromkeys(table["outcome"]):
        lines = table[table["outcome"] == outcome]
        if several and outcome:
            rows.append(Row((capital(str(outcome).replace("_", " ")),), "panel"))
        rows += [_value_row(line, analysis) for _, line in lines.iterrows()]
    notes = [c.note for c in received.study.cost if c.note]
    # What the estimator says of its sample stands under the effects.
    of_effects = {note for effect in value.effects.values() for note in effect.notes}
    return Table(
        "T12",
        "What was bought, and at what cost",
        (
            Column("", "left", 2.2),
            Column("estimate"),
            Column(f"{level} interval", "left", 1.0),
            Column("unit", "left", 0.8),
            Column("status", "left"),
        ),
        tuple(rows),
        (
            *notes,
            "Net: after what changed in comparison firms; what participants took from other firms is "
            "not taken off unless a row says so. The roster is the list of participants.",
            *(n for n in value.notes if n not in notes and n not in of_effects),
        ),
    )


def _value_row(line: pd.Series, analysis: Analysis) -> Row:
    number = value_number(line, analysis)
    bounded = line["kind"] == "bounded"
    interval: Cell = Interval(number) if bounded else str(line["interval"])
    return Row(
        (capital(str(line["label"])), number, interval, str(line["unit"]), str(line["status"]))
    )


def _attribution(value: ValueResult, level: str) -> list[Block]:
    """Who paid which share, and so which share of the results is theirs; leverage in its three forms."""
    shares = value.attribution()
    if shares["source_of_funds"].nunique() < 2:
        return []
    rows = []
    for (outcome, term), lines in shares.groupby(["outcome", "term"], sort=False):
        if term == "unit_years":
            continue
        rows.append(Row((capital(str(outcome).replace("_", " ")),), "panel"))
        for line in lines.to_dict("records"):
            number = Number(
                line["estimate"], str(line["label"]), 0 if abs(line["estimate"]) >= 100 else 1, str(line["unit"]), None,
                None if pd.isna(line["std_error"]) else line["std_error"],
                None if pd.isna(line["conf_low"]) else line["conf_low"],
                None if pd.isna(line["conf_high"]) else line["conf_high"],
            )  # fmt: skip
            share = Number(
                100 * line["share"], f"share of {line['source_of_funds']} in the cost", 1, "%"
            )
            rows.append(
                Row(
                    (
                        str(line["source_of_funds"]),
                        share,
                        number,
                        Interval(number),
                        str(line["unit"]),
                    )
                )
            )
    table = Table(
        "T12a",
        "Results by who paid",
        (Column("", "left", 1.2), Column("share of cost, %"), Column("share of the result"), Column(f"{level} interval", "left"),
         Column("unit", "left")),
        tuple(rows),
        ("In proportion to the present value of what each paid. To set all results against the money of one funder counts them 1 / share times.",),
    )  # fmt: skip
    forms = value.leverage()
    leverage = Table(
        "T12b",
        "Leverage, in the three forms that carry the name",
        (Column("", "left", 2.0), Column("ratio")),
        tuple(
            Row((str(line["formula"]), Number(line["value"], str(line["form"]), 2)))
            for line in forms.to_dict("records") if not pd.isna(line["value"])
        ),
        (f"Contribution: {forms['contribution'].iloc[0]}, in constant prices. Not an effect: money that would have been paid anyway is in it.",),
    )  # fmt: skip
    return [table, leverage]


def _published(value: ValueResult) -> list[Block]:
    """Published figures of the same quantity; where the definition differs, in words and not beside the estimate."""
    found = value.benchmarks()
    if found.empty:
        return []
    columns = [
        c
        for c in ("benchmark", "low", "high", "unit", "definition", "comparable", "source")
        if c in found
    ]
    rows = []
    for line in found.to_dict("records"):
        low, high = line["low"], line["high"]
        ends = [
            Number(float(x), str(line["benchmark"]), 2)
            for x in dict.fromkeys((low, high))
            if not pd.isna(x)
        ]
        cells: list[Cell] = [
            str(line["benchmark"]),
            ends[0] if ends else "",
            ends[-1] if ends else "",
        ]
        cells += [str(line[c]) for c in columns[3:]]
        rows.append(Row(tuple(cells)))
    heads = {"benchmark": "", "low": "from", "high": "to"}
    widths = {"benchmark": 1.2, "definition": 1.6, "source": 1.2}
    return [
        Table(
            "T12c",
            "Published figures, with their definitions",
            tuple(
                Column(
                    heads.get(c, c),
                    "decimal" if c in ("low", "high") else "left",
                    widths.get(c, 0.6),
                )
                for c in columns
            ),
            tuple(rows),
            ("A figure under another definition is no yardstick for the estimate above.",),
        )
    ]


def _followed(value: ValueResult) -> list[str]:
    """The outcomes whose first number is followed under other assumptions: the first that is counted, the first in money."""
    counted = counted_outcome(value)
    money = value.table.loc[value.table["term"] == "per_unit_of_cost", "outcome"]
    return [*([] if counted is None else [counted]), *map(str, money.iloc[:1])]


def _tornados(value: ValueResult) -> dict[str, str]:
    """Name of the figure of each outcome that is followed."""
    return {
        one: "tornado" if i == 0 else f"tornado_{i + 1}" for i, one in enumerate(_followed(value))
    }


def _scenario_blocks(value: ValueResult, level: str) -> list[Block]:
    blocks: list[Block] = []
    for i, (one, name) in enumerate(_tornados(value).items()):
        mark = "de"[i]
        blocks += [
            _scenarios(value, one, f"T12{mark}", level),
            _tornado_figure(one, f"F{3 + i}", f"T12{mark}", name),
        ]
    return blocks


def _scenarios(value: ValueResult, outcome: str, key: str, level: str) -> Table:
    bars = value.tornado(outcome=outcome)
    rows: list[Row] = []
    for dimension, lines in bars.groupby("dimension", sort=False):
        rows.append(Row((capital(str(dimension)),), "panel"))
        for line in lines.to_dict("records"):
            number = Number(
                None if pd.isna(line["estimate"]) else line["estimate"], f"{line['label']}; {dimension}: {line['scenario']}",
                2 if abs(line["estimate"]) < 10 else 1 if abs(line["estimate"]) < 100 else 0, str(line["unit"]), None,
                None if pd.isna(line["std_error"]) else line["std_error"],
                None if pd.isna(line["conf_low"]) else line["conf_low"],
                None if pd.isna(line["conf_high"]) else line["conf_high"],
            )  # fmt: skip
            interval: Cell = (
                Interval(number) if line["kind"] == "bounded" else str(line["interval"])
            )
            mark = " (as in T12)" if line["base"] else ""
            rows.append(Row((f"{line['scenario']}{mark}", number, interval, str(line["status"]))))
    return Table(
        key,
        f"Under other assumptions: {_outcome_words(outcome)}, {bars['unit'].iloc[0]}",
        (
            Column("", "left", 1.6),
            Column("estimate"),
            Column(f"{level} interval", "left"),
            Column("status", "left"),
        ),
        tuple(rows),
        (
            "One assumption is changed at a time. Horizons that no cohort was observed for are left out; years carried on repeat the last observed "
            "effect and lengthen the horizon by as much. Displacement is tried, not known.",
        ),
    )


def _outcome_words(outcome: str) -> str:
    return outcome.replace("_", " ")


def _tornado_figure(outcome: str, key: str, table: str, name: str) -> Figure:
    return Figure(
        key,
        f"Under other assumptions: {_outcome_words(outcome)}",
        f"figures/{name}.svg",
        "One line per assumption: the estimate under it with its interval, the account's own filled; widest assumption first; the numbers are in "
        f"table {table}.",
        ("Filled points: the account of T12. Bars: interval. Dashed: where the account stands.",),
    )


def _acceptability_figure(value: ValueResult) -> Figure:
    outcome = counted_outcome(value)
    unit = str(
        value.table.loc[
            (value.table["term"] == "total_at_horizon") & (value.table["outcome"] == outcome),
            "unit",
        ].iloc[0]
    )
    return Figure(
        f"F{3 + len(_followed(value))}",
        f"How likely is it that one net {one_of(unit)} cost no more than a price?",
        "figures/acceptability.svg",
        "A rising curve of the probability by price, with a line at 0.95; the numbers are in results.json.",
        (
            "Normal probability that price times units is not below the cost. Where it levels off under 0.95, no price is high enough to be sure of.",
        ),
    )


def _words(analysis: Analysis, level: str) -> list[Prose]:
    assert analysis.value is not None
    outcome = counted_outcome(analysis.value)
    return [] if outcome is None else [_efficiency_words(analysis, outcome, level)]


def _efficiency_words(analysis: Analysis, outcome: str, level: str) -> Prose:
    assert analysis.value is not None
    table = analysis.value.tidy()
    row = table[(table["outcome"] == outcome) & (table["term"] == "total_at_horizon")].iloc[0]
    unit = str(row["unit"])
    one = one_of(unit)
    total = value_number(row, analysis)
    smallest = Number(
        None if total.std_error is None else _detectable(analysis) * total.std_error,
        f"smallest total of {unit} that this design sees with 80 % power",
        0,
        unit,
        total.n,
    )
    used: dict[str, Number | Interval] = {"t": total, "i": Interval(total), "m": smallest}
    if total.low is None:
        del used["i"], used["m"]
        text = (
            f"The change is {{t}} net {unit}, and no interval can be given for it; nothing can be said of "
            f"an effect, and no cost per {one} is given."
        )
    elif contains_zero(total):
        text = (
            f"The effect on {unit} is not distinguishable from zero: {{t}} net {unit}, {level} interval "
            f"{{i}}. Since zero {unit} is among the values that the data allow, the cost per {one} has "
            f"no upper bound, and no figure is given for it. Net {unit} per million are given "
            f"instead. The design would have seen an effect of {{m}} {unit} or more in four of five "
            "samples; smaller ones escape it."
        )
    else:
        text = (
            f"The programme is estimated to have brought {{t}} net {unit} ({level} interval {{i}}). "
            f"The design sees an effect of {{m}} {unit} or more in four of five samples."
        )
    return prose(text, **used)


def _detectable(analysis: Analysis) -> float:
    """Smallest effect seen with 80 % power, in standard errors: z(1 - alpha / 2) + z(0.80)."""
    assert analysis.value is not None
    return critical_value(analysis.value.effect.conf_level) + critical_value(2 * 0.80 - 1)
