"""The annex of an evaluation of firms: sample, comparison, effects, durability, cost."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd

from impact.core.inference import SMALL_SAMPLE
from impact.core.ledger import Ledger
from impact.display.document import (
    Block,
    Cell,
    Column,
    Document,
    Figure,
    Interval,
    Number,
    Prose,
    Row,
    Section,
    StdError,
    Table,
    prose,
)
from impact.estimate.effect import EffectResult
from impact.report.analysis import Analysis, OutcomeEffects
from impact.report.receive import Received
from impact.report.study import OutcomeSection
from impact.value.cost_effectiveness import one_of

_LOG = "log points"
_FEW = 10  # participants under which the normal approximation is not to be trusted
_POWER = 2.8016  # z(.975) + z(.80): smallest effect seen with 80 % power, in standard errors


def firms_document(received: Received, analysis: Analysis) -> Document:
    """Lay out the annex of a study of firms."""
    study = received.study.study
    level = f"{study.conf_level:.0%}".replace("%", " %")
    return Document(
        study=study.name,
        title=study.title,
        subtitle=f"{study.programme}. Data: {study.source}.",
        headlines=headlines(received, analysis, level),
        sections=(
            Section("What was asked, and of whom", tuple(_sample(received, analysis))),
            Section("Compared to whom", tuple(_comparison(analysis))),
            Section("By how much", tuple(_effects(received, analysis, level))),
            Section("How long, and can it be believed", tuple(_durability(analysis, level))),
            *_efficiency(received, analysis, level),
        ),
        colophon=(
            "Every number of this annex stands in results.json with its count, interval and label; "
            "manifest.json holds the hashes of what went in, the versions of what computed it, and "
            "the row ledger. Exhibits keep their numbers across studies; those that a study does not "
            "need are absent.",
        ),
    )


# --- first page ------------------------------------------------------------------------------------


def headlines(received: Received, analysis: Analysis, level: str) -> tuple[Prose, ...]:
    """Three lines: the first outcome, the cost, the other outcomes."""
    first, *others = analysis.effects
    lines = [_headline(first, level)]
    if analysis.value is not None:
        lines.append(_cost_headline(received, analysis, level))
    if others:
        lines.append(_others_headline(others, level))
    return tuple(lines)


def overall_number(one: OutcomeEffects) -> Number:
    """The overall group-time effect of an outcome."""
    row = one.group_time.aggregate("overall").tidy().iloc[0]
    return _number(row, one.outcome, "overall group-time effect")


def _headline(one: OutcomeEffects, level: str) -> Prose:
    number = overall_number(one)
    name = _capital(one.outcome.label)
    if contains_zero(number):
        text = (
            f"{name}: the effect cannot be distinguished from zero. The estimate is {{b}} "
            f"{one.outcome.unit} ({level} interval {{i}}; {{n}} firms)."
        )
    else:
        text = (
            f"{name}: {{b}} {one.outcome.unit} on average over the years since joining "
            f"({level} interval {{i}}; {{n}} firms)."
        )
    return prose(text, b=number, i=Interval(number), n=_count(number.n, "firms used"))


def _cost_headline(received: Received, analysis: Analysis, level: str) -> Prose:
    assert analysis.value is not None
    assert received.study.value is not None
    unit = received.study.value.outcome_unit
    one = one_of(unit)
    table = analysis.value.tidy().set_index("term")
    total = _value_number(table.loc["total_at_horizon"], analysis)
    cost = _value_number(table.loc["cost"], analysis)
    currency = str(table.loc["cost", "currency"])
    assumed = "an assumed " if table.loc["cost", "status"] == "assumption" else ""
    if contains_zero(total):
        return prose(
            f"Cost per {one} has no upper bound: for {assumed}{currency} {{c}} the net change is {{t}} "
            f"{unit} ({level} interval {{i}}, which contains zero).",
            c=cost,
            t=total,
            i=Interval(total),
        )
    few = _few_participants(analysis.value_effect)
    price = _value_number(table.loc["cost_per_unit"], analysis)
    if price.value is None:
        return prose(
            f"No cost per {one}: for {assumed}{currency} {{c}} the net change is {{t}} {unit} "
            f"({level} interval {{i}}).{few}",
            c=cost,
            t=total,
            i=Interval(total),
        )
    return prose(
        f"Cost per net {one}: {currency} {{p}} ({level} Fieller interval {{i}}), from {assumed}"
        f"{currency} {{c}} and {{t}} net {unit}.{few}",
        p=price,
        i=Interval(price),
        c=cost,
        t=total,
    )


def _few_participants(effect: EffectResult | None) -> str:
    """A warning where an interval rests on too few participants to be trusted."""
    if effect is None:
        return ""
    count = int(effect.aggregate("overall").tidy()["n_treated"].iloc[0])
    return (
        "" if count >= _FEW else f" Only {count} participants: the interval is not to be trusted."
    )


def _others_headline(others: list[OutcomeEffects], level: str) -> Prose:
    seen, unseen = [], []
    used: dict[str, Number | Interval] = {}
    for i, one in enumerate(others):
        number = overall_number(one)
        if contains_zero(number):
            unseen.append(one.outcome.label)
            continue
        used |= {f"b{i}": number, f"i{i}": Interval(number)}
        text = f"{one.outcome.label} ({{b{i}}} {one.outcome.unit} on average, interval {{i{i}}}"
        path, more = _path_words(one, str(i))
        seen.append(f"{text}{path})")
        used |= more
    text = ""
    if seen:
        text += f"Distinguishable from zero at {level}: {_listed(seen)}. "
    if unseen:
        text += f"Not distinguishable from zero: {_listed(unseen)}."
    return prose(text.strip(), **used)


def _path_words(one: OutcomeEffects, key: str) -> tuple[str, dict[str, Number | Interval]]:
    """First and last year of an effect, since an average hides one that fades, and its pre-trend."""
    event = one.group_time.aggregate("event").tidy()
    after = event[(event["event_time"] >= 0) & event["std_error"].notna()]
    text = ""
    used: dict[str, Number | Interval] = {}
    if len(after) > 1:
        first, last = after.iloc[0], after.iloc[-1]
        years = int(last["event_time"])
        used |= {
            f"f{key}": _number(first, one.outcome, "in the year of joining"),
            f"l{key}": _number(last, one.outcome, f"{years} years after joining"),
        }
        when = "year" if years == 1 else "years"
        text += f"; {{f{key}}} in the year of joining, {{l{key}}} after {years} {when}"
    failed = _failed(one)
    if failed is not None:
        used[f"p{key}"] = failed
        text += f"; the path before joining may have differed, p = {{p{key}}}"
    return text, used


def _failed(one: OutcomeEffects) -> Number | None:
    """The p-value of a pre-trend test that failed."""
    table = one.pretrends.tidy()
    bad = table[table["verdict"] == "fails"]
    if bad.empty:
        return None
    return Number(_float(bad["p_value"].iloc[0]), f"{one.outcome.label}: pre-trend test, p-value", 3,
                  floor=0.001)  # fmt: skip


# --- sample ----------------------------------------------------------------------------------------


def _sample(received: Received, analysis: Analysis) -> list[Block]:
    panel, study = analysis.panel, received.study.study
    cohorts = panel.unit_cohort()
    joined = _count(int(cohorts.notna().sum()), "firms that took part")
    never = _count(int(cohorts.isna().sum()), "firms that never took part")
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
    blocks += [_firms_table(analysis), _ledger_table(received, analysis)]
    return blocks


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
        _count(len(members), f"firms, {name}"),
        _count(rows, f"firm-years, {name}"),
        _count(len(set(members) & paired), f"matched firms, {name}"),
    )
    return Row(cells, "total" if kind == "total" else "body")


def _paired_units(analysis: Analysis) -> set[object]:
    pairs = analysis.match.pairs
    return set(pairs["treated"]) | set(pairs["control"])


def _ledger_table(received: Received, analysis: Analysis) -> Table:
    rows: list[Row] = []
    for ledger in [*received.ledgers, *analysis.ledgers()]:
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
    first: tuple[Cell, ...] = (name, _count(ledger.rows_in, f"{name}: rows in"))
    firms: Cell = "–"
    if ledger.units_used is not None:
        firms = _count(ledger.units_used, f"{name}: firms used")
    last: tuple[Cell, ...] = (_count(ledger.rows_used, f"{name}: rows used"), firms)
    lines: list[tuple[Cell, ...]] = [
        (
            _count(line.rows, f"{name}: left out, {line.reason}"),
            "–" if line.units is None else _count(line.units, f"{name}: firms out, {line.reason}"),
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


# --- comparison ------------------------------------------------------------------------------------


def _comparison(analysis: Analysis) -> list[Block]:
    matched = analysis.match
    s = matched.settings
    panel = analysis.panel
    on = _listed([panel.label(c) for c in s.on])
    exact = f", within the same {_listed([panel.label(c) for c in s.exact])}" if s.exact else ""
    numbers: dict[str, Number | Interval] = {
        "p": _count(len(matched.pairs), "matched pairs"),
        "t": _count(int(matched.pairs["treated"].nunique()), "participants matched"),
        "all": _count(int(panel.unit_cohort().notna().sum()), "participants"),
    }
    near = "nearest Mahalanobis distance" if s.distance == "mahalanobis" else "nearest score"
    if s.caliper is not None:
        scale = (
            "standard deviations of the score" if s.caliper_scale == "sd" else "on its own scale"
        )
        near += f", no further apart than {{c}} {scale}"
        numbers["c"] = Number(s.caliper, f"caliper in {scale}", _decimals_of(s.caliper))
    text = (
        f"Each participant is paired with a firm that never took part, on {on} in the year before "
        f"joining{exact}: {near}, each comparison firm used once over all cohorts. {{t}} of {{all}} "
        "participants found a partner, in {p} pairs; table T1b says why the others did not. Outcomes "
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
        joined = _listed([str(g) for g in without])
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
        rows += [_balance_row(b, int(str(cohort))) for b in part.to_dict("records")]
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


def _balance_row(b: dict[Hashable, Any], cohort: int) -> Row:
    name = str(b["covariate"])

    def cell(key: str, what: str, decimals: int = 3) -> Number:
        return Number(_float(b[key]), f"{name}, cohort {cohort}: {what}", decimals)

    return Row(
        (
            _capital(name),
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


# --- effects ---------------------------------------------------------------------------------------


def _effects(received: Received, analysis: Analysis, level: str) -> list[Block]:
    regress = received.study.regress
    assert regress is not None
    rows: list[Row] = []
    for one in analysis.effects:
        rows.append(Row((f"{_capital(one.outcome.label)} ({one.outcome.unit})",), "panel"))
        for term, row in _terms(one.regression, regress.terms):
            name = f"firm and year effects: {analysis.panel.label(term)}"
            rows.append(_effect_row(name, row, one.outcome))
        for effect, name in (
            (one.matched, "matched comparison"),
            (one.group_time, "group-time effects"),
        ):
            row = effect.aggregate("overall").tidy().iloc[0]
            mark = " †" if int(row["n_treated"]) < _FEW else ""
            rows.append(_effect_row(f"{name}: overall{mark}", row, one.outcome))
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


def _effect_notes(analysis: Analysis, factor: str, cluster: str) -> tuple[str, ...]:
    controls = {
        one.outcome.label: [analysis.panel.label(c) for c in one.outcome.controls]
        for one in analysis.effects
        if one.outcome.controls
    }
    said = [f"{_listed(names)} as control for {label}" for label, names in controls.items()]
    first = analysis.effects[0]
    return (
        f"Firm and year effects: least squares, clustered by {analysis.panel.label(cluster)}; "
        f"small-sample factor {SMALL_SAMPLE[factor]}; t distribution with clusters - 1 degrees of "
        f"freedom{'; ' + _listed(said) if said else ''}.",
        "Matched comparison: change since the year before joining, participant minus its pair, "
        f"averaged over pairs and years; {first.matched.variance}; no small-sample factor.",
        "Group-time effects (Callaway and Sant'Anna 2021): change since the year before joining, "
        "participants minus firms that never took part, averaged over cohorts and years by cohort "
        f"size; {first.group_time.variance}; no small-sample factor.",
        "In per cent: 100 (exp(estimate) - 1), for outcomes in logs only.",
        "Firms: all firms behind the estimate, on both sides. Rows are counted for regressions.",
        *_few(analysis),
    )


def _few(analysis: Analysis) -> list[str]:
    """Name the estimates that rest on too few firms for a normal approximation."""
    few = []
    for one in analysis.effects:
        for effect, name in ((one.matched, "matched"), (one.group_time, "group-time")):
            row = effect.aggregate("overall").tidy().iloc[0]
            count = int(row["n_treated"])
            if count < _FEW:
                few.append(f"{one.outcome.label}, {name} ({count} participants)")
    if not few:
        return []
    return [f"† Under {_FEW} participants, too few for the interval to be trusted: {_listed(few)}."]


def _effect_row(name: str, row: pd.Series, outcome: OutcomeSection) -> Row:
    number = _number(row, outcome, name)
    p = Number(_float(row["p_value"]), f"{number.label}: p-value", 3, n=number.n, floor=0.001)
    percent: Cell = "–"
    if outcome.unit == _LOG:
        value = 100 * math.expm1(float(row["estimate"]))
        percent = Number(value, f"{number.label}, in per cent", 1, "per cent", number.n)
    n_rows = row.get("n_obs")
    rows: Cell = "–" if n_rows is None or pd.isna(n_rows) else _count(int(n_rows), f"rows, {name}")
    firms = _count(number.n, f"firms, {name}")
    return Row((name, number, StdError(number), Interval(number), p, percent, firms, rows))


def _terms(effect: EffectResult, terms: tuple[str, ...]) -> list[tuple[str, pd.Series]]:
    table = effect.tidy().set_index("term")
    return [(term, table.loc[term]) for term in terms]


# --- durability ------------------------------------------------------------------------------------


def _durability(analysis: Analysis, level: str) -> list[Block]:
    rows: list[Row] = []
    for one in analysis.effects:
        rows.append(Row((f"{_capital(one.outcome.label)} ({one.outcome.unit})",), "panel"))
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
            "Year 0 is the year of joining. Before joining the row shows the change in the year itself "
            "against the year before, which should be near zero. The uniform band covers all rows of "
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


def _tested_cohorts(analysis: Analysis) -> str:
    cells = pd.concat([one.group_time.tidy() for one in analysis.effects])
    cells = cells[(cells["event_time"] < 0) & cells["std_error"].notna()]
    cohorts = sorted({int(g) for g in cells["cohort"]})
    if not cohorts:
        return "No cohort was observed for two years before joining."
    return f"It rests on the firms that joined in {_listed([str(g) for g in cohorts])}."


def _checks_words(analysis: Analysis) -> list[Prose]:
    found = [(one.outcome.label, _failed(one)) for one in analysis.effects]
    failing = {f"p{i}": (label, p) for i, (label, p) in enumerate(found) if p is not None}
    if not failing:
        return []
    named = _listed([f"{label} (p = {{{key}}})" for key, (label, _) in failing.items()])
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
    number = _number(row, outcome, f"{e} years since joining")
    band = Number(number.value, f"{number.label}, uniform band", number.decimals, number.unit,
                  number.n, number.std_error, _float(row["band_low"]), _float(row["band_high"]))  # fmt: skip
    cells: tuple[Cell, ...] = (
        f"{e:+d}".replace("-", "−") if e else "0",
        number,
        StdError(number),
        Interval(number),
        Interval(band),
        _count(int(row["n_treated"]), f"participants, {number.label}"),
        _count(int(row["n_control"]), f"comparison firms, {number.label}"),
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
                        _capital(one.outcome.label),
                        Number(_float(row["statistic"]), f"{label}, chi-squared", 2),
                        Number(_float(row["df"]), f"{label}, degrees of freedom"),
                        Number(_float(row["p_value"]), f"{label}, p-value", 3, floor=0.001),
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


# --- efficiency ------------------------------------------------------------------------------------


def _efficiency(received: Received, analysis: Analysis, level: str) -> list[Section]:
    value, declared = analysis.value, received.study.value
    if value is None or declared is None:
        return []
    table = value.tidy()
    rows = []
    for row in table.to_dict("records"):
        number = _value_number(pd.Series(row), analysis)
        bounded = row["kind"] == "bounded"
        interval: Cell = Interval(number) if bounded else str(row["interval"])
        rows.append(
            Row(
                (
                    _capital(str(row["label"])),
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
    total = _value_number(analysis.value.tidy().set_index("term").loc["total_at_horizon"], analysis)
    smallest = Number(
        None if total.std_error is None else _POWER * total.std_error,
        f"smallest total of {unit} that this design sees with 80 % power",
        0,
        unit,
        total.n,
    )
    used: dict[str, Number | Interval] = {"t": total, "i": Interval(total), "m": smallest}
    if contains_zero(total):
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


def _value_number(row: pd.Series, analysis: Analysis) -> Number:
    """A row of the value table; amounts of money and totals are printed without decimals."""
    value = _float(row["estimate"])
    small = value is not None and abs(value) < 100
    return Number(
        value,
        str(row["label"]),
        1 if small else 0,
        str(row["unit"]),
        int(row["n_units"]),
        _float(row["std_error"]),
        _float(row["conf_low"]),
        _float(row["conf_high"]),
        note=str(row["status"]),
    )


# --- small words -----------------------------------------------------------------------------------


def contains_zero(number: Number) -> bool:
    """Whether an interval contains zero; an undefined one cannot exclude it."""
    if number.low is None or number.high is None:
        return True
    return number.low <= 0 <= number.high


def _number(row: pd.Series, outcome: OutcomeSection, what: str) -> Number:
    counts = [row.get("n_treated"), row.get("n_control")]
    n = row.get("n_units")
    if all(c is not None and not pd.isna(c) for c in counts):
        n = sum(int(c) for c in counts if c is not None)
    return Number(
        _float(row["estimate"]),
        f"{outcome.label}: {what}",
        3 if outcome.unit == _LOG else 2,
        outcome.unit,
        None if n is None or pd.isna(n) else int(n),
        _float(row["std_error"]),
        _float(row["conf_low"]),
        _float(row["conf_high"]),
    )


def _count(n: int | None, label: str) -> Number:
    return Number(n, label, 0, "", n)


def _float(value: object) -> float | None:
    return None if value is None or pd.isna(value) else float(value)  # type: ignore[arg-type]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _decimals_of(value: float) -> int:
    return len(f"{value:.10f}".rstrip("0").partition(".")[2])
