"""The first lines of an evaluation: the first outcome, the cost, the other outcomes."""

from __future__ import annotations

from impact.display.document import (
    Interval,
    Number,
    Prose,
    prose,
)
from impact.estimate.effect import EffectResult
from impact.report.analysis import Analysis, OutcomeEffects
from impact.report.cells import (
    FEW,
    capital,
    contains_zero,
    count_number,
    counted_outcome,
    estimate_number,
    failed_pretrend,
    listed,
    overall_number,
    value_number,
)
from impact.report.receive import Received
from impact.value.roles import one_of


def headlines(received: Received, analysis: Analysis, level: str) -> tuple[Prose, ...]:
    """Three lines: the first outcome, the cost, the other outcomes."""
    first, *others = analysis.effects
    lines = [_headline(first, level)]
    if analysis.value is not None:
        lines.append(_cost_headline(analysis, level))
    if others:
        lines.append(_others_headline(others, level))
    return tuple(lines)


def _headline(one: OutcomeEffects, level: str) -> Prose:
    number = overall_number(one)
    few = _few_participants(one.group_time)
    name = capital(one.outcome.label)
    if number.low is None:
        text = (
            f"{name}: no interval can be given, so nothing can be said of an effect. The estimate is "
            f"{{b}} {one.outcome.unit} ({{n}} firms).{few}"
        )
        return prose(text, b=number, n=count_number(number.n, "firms used"))
    if contains_zero(number):
        text = (
            f"{name}: the effect cannot be distinguished from zero. The estimate is {{b}} "
            f"{one.outcome.unit} ({level} interval {{i}}; {{n}} firms).{few}"
        )
    else:
        text = (
            f"{name}: {{b}} {one.outcome.unit} on average over the years since joining "
            f"({level} interval {{i}}; {{n}} firms).{few}"
        )
    return prose(text, b=number, i=Interval(number), n=count_number(number.n, "firms used"))


def _cost_headline(analysis: Analysis, level: str) -> Prose:
    """What the first outcome that is counted cost; where all are money, what came back."""
    assert analysis.value is not None
    table = analysis.value.tidy()
    cost = value_number(table.set_index("term").loc["cost"], analysis)
    outcome = counted_outcome(analysis.value)
    if outcome is None:
        return _money_headline(analysis, cost, level)
    rows = table[table["outcome"] == outcome].set_index("term")
    unit = str(rows.loc["total_at_horizon", "unit"])
    one = one_of(unit)
    total = value_number(rows.loc["total_at_horizon"], analysis)
    currency = str(table["currency"].iloc[0])
    few = _few_participants(analysis.value.effects.get(outcome, analysis.value.effect))
    assumed = (
        "an assumed "
        if table.loc[table["term"] == "cost", "status"].iloc[0] == "assumption"
        else ""
    )
    if total.low is None:
        return prose(
            f"No cost per {one}: for {assumed}{currency} {{c}} the net change is {{t}} {unit}, and no "
            f"interval can be given for it.{few}",
            c=cost,
            t=total,
        )
    if contains_zero(total):
        return prose(
            f"Cost per {one} has no upper bound: for {assumed}{currency} {{c}} the net change is {{t}} "
            f"{unit} ({level} interval {{i}}, which contains zero).",
            c=cost,
            t=total,
            i=Interval(total),
        )
    price = value_number(rows.loc["cost_per_unit"], analysis)
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


def _money_headline(analysis: Analysis, cost: Number, level: str) -> Prose:
    assert analysis.value is not None
    row = analysis.value.tidy().set_index("term").loc["per_unit_of_cost"]
    per = value_number(row, analysis)
    currency = str(row["currency"])
    what = str(row["outcome"]).replace("_", " ")
    if per.low is None:
        return prose(
            f"For {currency} {{c}} the net change of {what} per {currency} is {{p}}, without an interval.",
            c=cost,
            p=per,
        )
    unclear = ", which contains zero" if contains_zero(per) else ""
    return prose(
        f"Net {what} per {currency} of cost: {{p}} ({level} interval {{i}}{unclear}), from {currency} {{c}}.",
        c=cost, p=per, i=Interval(per),
    )  # fmt: skip


def _few_participants(effect: EffectResult | None) -> str:
    """A warning where an interval rests on too few participants to be trusted."""
    if effect is None:
        return ""
    count = int(effect.aggregate("overall").tidy()["n_treated"].iloc[0])
    return "" if count >= FEW else f" Only {count} participants: the interval is not to be trusted."


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
        text += f"Distinguishable from zero at {level}: {listed(seen)}. "
    if unseen:
        text += f"Not distinguishable from zero: {listed(unseen)}."
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
            f"f{key}": estimate_number(first, one.outcome, "in the year of joining"),
            f"l{key}": estimate_number(last, one.outcome, f"{years} years after joining"),
        }
        when = "year" if years == 1 else "years"
        text += f"; {{f{key}}} in the year of joining, {{l{key}}} after {years} {when}"
    failed = failed_pretrend(one)
    if failed is not None:
        used[f"p{key}"] = failed
        text += f"; the path before joining may have differed, p-value {{p{key}}}"
    return text, used
