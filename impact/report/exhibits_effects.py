"""By how much, how long, and can it be believed: effects, event studies, checks."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from impact.core.inference import SMALL_SAMPLE
from impact.display.document import (
    Block,
    Cell,
    Column,
    Figure,
    Interval,
    Number,
    Prose,
    Row,
    StdError,
    Table,
    prose,
)
from impact.estimate.effect import EffectResult
from impact.estimate.matched_words import matched_note, score_note
from impact.report.analysis import Analysis, OutcomeEffects
from impact.report.cells import (
    FEW,
    LOG,
    capital,
    count_number,
    estimate_number,
    failed_pretrend,
    listed,
    matched_adjective,
    optional,
)
from impact.report.receive import Received
from impact.report.study import OutcomeSection

_FEW_CLUSTERS = 30


def effect_blocks(received: Received, analysis: Analysis, level: str) -> list[Block]:
    """Effects by outcome and estimator."""
    regress = received.study.regress
    assert regress is not None
    rows: list[Row] = []
    for one in analysis.effects:
        rows.append(Row((f"{capital(one.outcome.label)} ({one.outcome.unit})",), "panel"))
        poisson = one.outcome.model == "poisson"
        for term, row in _terms(one.regression, regress.terms):
            words = _effects_words(analysis, regress.fixed_effects)
            model = ", Poisson, log points" if poisson else ""
            rows.append(
                _effect_row(
                    f"{words}{model}: {analysis.panel.label(term)}", row, one.outcome, log=poisson
                )
            )
        for effect, name in (
            (one.matched, f"{matched_adjective(analysis)} comparison"),
            (one.group_time, "group-time effects"),
            *((further, further.method.replace("_", " ")) for further in one.further),
        ):
            overall = effect.aggregate("overall")
            row = overall.tidy().iloc[0]
            mark = " †" if int(row["n_treated"]) < FEW else ""
            model = ", Poisson" if effect.family == "poisson" else ""
            share = _of_baseline(overall) if effect.family == "poisson" else None
            rows.append(
                _effect_row(f"{name}{model}: overall{mark}", row, one.outcome, percent=share)
            )
    columns = (
        Column("", "left", 1.0),
        Column("estimate"),
        Column("std. error"),
        Column(f"{level} interval", "center"),
        Column("p-value"),
        Column("in per cent"),
        Column("firms"),
        Column("rows"),
    )
    return [
        Table("T4", "Effects on participants, by outcome and estimator", columns, tuple(rows),
              _effect_notes(analysis, regress.small_sample, regress.cluster))
    ]  # fmt: skip


def _base_words(one: OutcomeEffects) -> str:
    early = one.group_time.anticipation
    return "the year before joining" if early == 0 else f"{early + 1} years before joining"


def _control_words(one: OutcomeEffects) -> str:
    if one.control == "never":
        return "firms that never took part"
    return "firms that had not joined by then"


def _effects_words(analysis: Analysis, effects: tuple[str, ...]) -> str:
    """The regression by what it takes out: firm and year effects, or what the study declares."""
    panel = analysis.panel
    names = {panel.unit: "firm", panel.time: "year"}
    return f"{listed([names.get(e, panel.label(e)) for e in effects])} effects"


def _regression_warnings(analysis: Analysis) -> list[str]:
    """What a reader of the regression must know: few clusters, and comparisons among participants."""
    notes = []
    clusters = min(int(one.regression.tidy()["n_clusters"].iloc[0]) for one in analysis.effects)
    if clusters < _FEW_CLUSTERS:
        notes.append(
            f"Only {clusters} clusters in a regression: its standard errors are too small."
        )
    if analysis.panel.unit_cohort().nunique() > 1:
        notes.append(
            "The regression also compares firms that joined later with firms that joined before; where "
            "effects change over the years its average misleads, and the group-time effects do not."
        )
    return notes


def _effect_notes(analysis: Analysis, factor: str, cluster: str) -> tuple[str, ...]:
    controls = {
        one.outcome.label: [analysis.panel.label(c) for c in one.outcome.controls]
        for one in analysis.effects
        if one.outcome.controls
    }
    said = [f"{listed(names)} as control for {label}" for label, names in controls.items()]
    first = analysis.effects[0]
    return (
        f"Firm and year effects: least squares{_or_poisson(analysis)}, clustered by {analysis.panel.label(cluster)}; "
        f"small-sample factor {SMALL_SAMPLE[factor]}; t distribution with clusters - 1 degrees of "
        f"freedom{'; ' + listed(said) if said else ''}.",
        f"{capital(matched_adjective(analysis))} comparison: change since the year before joining, "
        f"{_compared_with(analysis)}; {first.matched.variance}; no small-sample factor.",
        *_matched_notes(analysis),
        f"Group-time effects (Callaway and Sant'Anna 2021): change since {_base_words(first)}, "
        f"participants minus {_control_words(first)}, averaged over cohorts and years by cohort "
        f"size; {first.group_time.variance}; no small-sample factor.",
        *_regression_warnings(analysis),
        "In per cent: 100 (exp(estimate) - 1), for outcomes in logs"
        + _poisson_words(analysis)
        + ".",
        f"Firms: all firms behind the estimate, on both sides{_twice(analysis)}. Rows are counted for regressions.",
        *_few(analysis),
    )


def _compared_with(analysis: Analysis) -> str:
    return {
        "pairs": "participant minus its pair, averaged over pairs and years",
        "sets": "participants minus the comparison firms of their set, sets weighted by their participants, averaged over cohorts and "
        "years by cohort size",
        "weights": "participants minus weighted comparison firms, averaged over cohorts and years by cohort size",
    }[analysis.match.kind]


def _matched_notes(analysis: Analysis) -> list[str]:
    """What must be said beside effects on sets and weights, whatever the outcome; whom pairs leave out stands in the ledger."""
    matched = analysis.match
    left = () if matched.kind == "pairs" else matched_note(matched)
    return [*left, *score_note(matched)]


def _twice(analysis: Analysis) -> str:
    """With comparison firms that join later, a firm can stand on both sides."""
    later = analysis.match.settings.control == "not_yet"
    return ", a firm that is compared with before it joins on each" if later else ""


def _few(analysis: Analysis) -> list[str]:
    """Name the estimates that rest on too few firms for a normal approximation."""
    few = []
    for one in analysis.effects:
        for effect, name in (
            (one.matched, matched_adjective(analysis)),
            (one.group_time, "group-time"),
        ):
            row = effect.aggregate("overall").tidy().iloc[0]
            count = int(row["n_treated"])
            if count < FEW:
                few.append(f"{one.outcome.label}, {name} ({count} participants)")
    if not few:
        return []
    return [f"† Under {FEW} participants, too few for the interval to be trusted: {listed(few)}."]


def _or_poisson(analysis: Analysis) -> str:
    return (
        " (Poisson where it is said)"
        if any(one.outcome.model == "poisson" for one in analysis.effects)
        else ""
    )


def _poisson_words(analysis: Analysis) -> str:
    if all(one.outcome.model == "gaussian" for one in analysis.effects):
        return " only"
    return (
        " and coefficients of a Poisson regression; other Poisson effects in per cent of what participants would have had. Poisson: without the "
        "programme exports would have grown alike in per cent, zeros included"
    )


def _of_baseline(overall: EffectResult) -> float | None:
    """The effect in per cent of what participants would have had; missing where that is not above zero."""
    value = float(overall.percent().tidy()["estimate"].iloc[0])
    return None if math.isnan(value) else value


def _effect_row(
    name: str,
    row: pd.Series,
    outcome: OutcomeSection,
    *,
    log: bool = False,
    percent: float | None = None,
) -> Row:
    """One line; `log` where the number is a coefficient of a logarithm whatever the outcome is in."""
    number = estimate_number(row, outcome, name)
    p = Number(optional(row["p_value"]), f"{number.label}: p-value", 3, n=number.n, floor=0.001)
    if log:
        number = replace(number, decimals=3, unit=LOG)
    if outcome.unit == LOG or log:
        percent = 100 * math.expm1(float(row["estimate"]))
    share: Cell = "–"
    if percent is not None:
        share = Number(percent, f"{number.label}, in per cent", 1, "per cent", number.n)
    n_rows = row.get("n_obs")
    rows: Cell = (
        "–" if n_rows is None or pd.isna(n_rows) else count_number(int(n_rows), f"rows, {name}")
    )
    firms = count_number(number.n, f"firms, {name}")
    return Row((name, number, StdError(number), Interval(number), p, share, firms, rows))


def _terms(effect: EffectResult, terms: tuple[str, ...]) -> list[tuple[str, pd.Series]]:
    table = effect.tidy().set_index("term")
    return [(term, table.loc[term]) for term in terms]


def durability_blocks(analysis: Analysis, level: str) -> list[Block]:
    """Effects by years since joining, and what the years before say."""
    rows: list[Row] = []
    for one in analysis.effects:
        rows.append(Row((f"{capital(one.outcome.label)} ({one.outcome.unit})",), "panel"))
        for row in one.group_time.aggregate("event").tidy().to_dict("records"):
            rows.append(_event_row(pd.Series(row), one.outcome))
    table = Table(
        "T5",
        "Group-time effects by years since joining",
        (
            Column("years since joining", "left", 1.0),
            Column("estimate"),
            Column("std. error"),
            Column(f"{level} interval", "center"),
            Column(f"{level} uniform band", "center"),
            Column("participants"),
            Column("others"),
        ),
        tuple(rows),
        (
            "Year 0 is the year of joining. Rows before it should be near zero: they show the change "
            f"{_before_words(analysis)}. The uniform band covers all rows of "
            "an outcome together at the stated level.",
        ),
    )
    figure = Figure(
        "F2",
        "Effects by years since joining",
        "figures/event_study.svg",
        "One panel per outcome: estimate by years since joining with its pointwise interval and its "
        "uniform band, and a line at zero; the numbers are in table T5.",
        (
            "Grey bars: pointwise interval. Shaded: uniform band. Rows before 0 test the comparison.",
        ),
    )
    return [table, _checks_table(analysis), *_checks_words(analysis), figure]


def _before_words(analysis: Analysis) -> str:
    if analysis.effects[0].base_period == "varying":
        return "in the year itself against the year before"
    return "from the last year before joining, which is 0 by construction"


def _tested_cohorts(analysis: Analysis) -> str:
    cells = pd.concat([one.group_time.tidy() for one in analysis.effects])
    cells = cells[(cells["event_time"] < 0) & cells["std_error"].notna()]
    cohorts = sorted({int(g) for g in cells["cohort"]})
    if not cohorts:
        return "No cohort was observed for two years before joining."
    return f"It rests on the firms that joined in {listed([str(g) for g in cohorts])}."


def _checks_words(analysis: Analysis) -> list[Prose]:
    found = [(one.outcome.label, failed_pretrend(one)) for one in analysis.effects]
    failing = {f"p{i}": (label, p) for i, (label, p) in enumerate(found) if p is not None}
    if not failing:
        return []
    named = listed([f"{label} (p-value {{{key}}})" for key, (label, _) in failing.items()])
    used: dict[str, Number | Interval] = {key: p for key, (_, p) in failing.items()}
    return [
        prose(
            f"Before joining, participants may already have been on another path in {named}. Part of what "
            "is measured there may be that path and not the programme.",
            **used,
        )
    ]


_VERDICTS = {"passes": "no difference seen", "fails": "differed", "cannot tell": "cannot tell"}


def _event_row(row: pd.Series, outcome: OutcomeSection) -> Row:
    e = int(row["event_time"])
    number = estimate_number(row, outcome, f"{e} years since joining")
    band = Number(number.value, f"{number.label}, uniform band", number.decimals, number.unit,
                  number.n, number.std_error, optional(row["band_low"]), optional(row["band_high"]))  # fmt: skip
    cells: tuple[Cell, ...] = (
        f"{e:+d}".replace("-", "−") if e else "0",
        number,
        StdError(number),
        Interval(number),
        Interval(band),
        count_number(int(row["n_treated"]), f"participants, {number.label}"),
        count_number(int(row["n_control"]), f"comparison firms, {number.label}"),
    )
    return Row(cells)


def _checks_table(analysis: Analysis) -> Table:
    rows = []
    for one in analysis.effects:
        for row in one.pretrends.tidy().to_dict("records"):
            label = f"{one.outcome.label}: {row['check']}"
            rows.append(
                Row(
                    (
                        capital(one.outcome.label),
                        Number(
                            optional(row["statistic"]), f"{label}, chi-squared", 2, n=int(row["n"])
                        ),
                        Number(
                            optional(row["df"]), f"{label}, degrees of freedom", n=int(row["n"])
                        ),
                        Number(
                            optional(row["p_value"]),
                            f"{label}, p-value",
                            3,
                            n=int(row["n"]),
                            floor=0.001,
                        ),
                        _VERDICTS.get(str(row["verdict"]), str(row["verdict"])),
                    )
                )
            )
    return Table(
        "T14",
        "Did the paths differ before joining?",
        (
            Column("", "left", 1.0),
            Column("chi-squared"),
            Column("df"),
            Column("p-value"),
            Column("verdict", "left"),
        ),
        tuple(rows),
        (
            "Joint test that the effects before joining are zero. No difference seen is no proof that "
            "the paths would have stayed alike: the test sees only large differences in a sample of "
            f"this size. {_tested_cohorts(analysis)}",
        ),
    )
