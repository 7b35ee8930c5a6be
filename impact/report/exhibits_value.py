"""Was it worth it: what was bought, and at what cost."""

from __future__ import annotations

import pandas as pd

from impact.core.inference import critical_value
from impact.display.document import (
    Cell,
    Column,
    Interval,
    Number,
    Prose,
    Row,
    Section,
    Table,
    prose,
)
from impact.report.analysis import Analysis
from impact.report.cells import (
    capital,
    contains_zero,
    value_number,
)
from impact.report.receive import Received
from impact.value.cost_effectiveness import one_of


def value_sections(received: Received, analysis: Analysis, level: str) -> list[Section]:
    """What the programme bought; nothing where the study declares no value."""
    value, declared = analysis.value, received.study.value
    if value is None or declared is None:
        return []
    table = value.tidy()
    rows = []
    for row in table.to_dict("records"):
        number = value_number(pd.Series(row), analysis)
        bounded = row["kind"] == "bounded"
        interval: Cell = Interval(number) if bounded else str(row["interval"])
        rows.append(
            Row(
                (
                    capital(str(row["label"])),
                    number,
                    interval,
                    str(row["unit"]),
                    str(row["status"]),
                )
            )
        )
    notes = [c.note for c in received.study.cost if c.note]
    exhibit = Table(
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
            "not taken off. The roster is the list of participants.",
            *(n for n in value.notes if n not in notes),
        ),
    )
    return [Section("Was it worth it", (_efficiency_words(received, analysis, level), exhibit))]


def _efficiency_words(received: Received, analysis: Analysis, level: str) -> Prose:
    assert analysis.value is not None
    assert received.study.value is not None
    unit = received.study.value.outcome_unit
    one = one_of(unit)
    total = value_number(analysis.value.tidy().set_index("term").loc["total_at_horizon"], analysis)
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
    level = analysis.value_effect.conf_level if analysis.value_effect else 0.95
    return critical_value(level) + critical_value(2 * 0.80 - 1)
