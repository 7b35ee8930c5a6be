"""The annex of published claims: targets in both wordings, implied money, unit costs, verdicts."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from impact.claims.audit import AuditResult, audit
from impact.core.errors import StudyError
from impact.display.document import (
    Block,
    Cell,
    Column,
    Document,
    Interval,
    Number,
    Prose,
    Row,
    Section,
    Table,
    prose,
)
from impact.report.cells import capital, count_number, optional
from impact.report.receive import Received
from impact.value.funding import cofinancing_table, unit_costs
from impact.value.targets import targets_table

_QUANTITIES = {
    "contribution": "contribution, stated",
    "share_of_total": "share of the total, stated",
    "total_cost": "total cost that the share implies",
    "others_money": "money of others: total less contribution",
    "others_share": "share of others",
    "leverage_total_per_contribution": "leverage: total per euro contributed",
    "leverage_others_per_contribution": "leverage: others' money per euro contributed",
    "leverage_private_per_contribution": "leverage: private money per euro contributed",
}
_VERDICTS = {
    "holds": "holds",
    "wording": "wording",
    "arithmetic_error": "arithmetic error",
    "conflict": "conflict",
    "undefined": "undefined",
    "implausible": "implausible",
    "unverifiable": "unverifiable",
}
_FAULTS = {
    "arithmetic_error": "wrong in their arithmetic",
    "wording": "wrong in their wording",
    "conflict": "in conflict with another statement",
    "undefined": "undefined as stated",
    "implausible": "implausible",
}
_BOUNDS = {"less_than": "< ", "more_than": "> "}


def claims_content(received: Received) -> tuple[Document, dict[str, pd.DataFrame]]:
    """Lay out the annex of published claims.

    Returns
    -------
    Document
        The annex.
    dict of str to DataFrame
        `targets, cofinancing, unit_costs, audit`: the tidy tables behind it.
    """
    claims, budget = received.claims, received.budget
    if claims is None:
        raise StudyError(f"The study {received.study.study.name!r} has neither firms nor claims.")
    study = received.study.study
    found = audit(claims)
    targets = targets_table(claims)
    tables = {"targets": targets, "audit": found.tidy()}
    sections = [
        Section("Were the targets met", (_targets_words(), _targets(targets))),
    ]
    if budget is not None:
        tables["cofinancing"] = cofinancing_table(budget)
        tables["unit_costs"] = unit_costs(claims, budget)
        sections.append(Section("What the stated figures imply", (
            _implied(found), _cofinancing(tables["cofinancing"]), _unit_costs(tables["unit_costs"]),
        )))  # fmt: skip
    sections.append(Section("Do the claims hold", tuple(_audit(found))))
    document = Document(
        study=study.name,
        title=study.title,
        subtitle=f"{study.programme}. {study.source}.",
        headlines=_headlines(found, targets),
        sections=tuple(sections),
        colophon=(
            "Figures are transcribed from the published texts with the phrase they stand in; nothing "
            "here estimates an effect. Every number stands in results.json; manifest.json holds the "
            "hashes of what went in.",
        ),
    )
    return document, tables


# --- first page ------------------------------------------------------------------------------------


def _headlines(found: AuditResult, targets: pd.DataFrame) -> tuple[Prose, ...]:
    verdicts = found.by_claim()["verdict"].value_counts()
    n = int(verdicts.sum())
    bad = ("arithmetic_error", "wording", "conflict", "undefined", "implausible")
    parts = [f"{{{v}}} {_FAULTS[v]}" for v in bad if verdicts.get(v, 0)]
    used = {v: count_number(int(verdicts.get(v, 0)), f"claims with verdict {v}") for v in bad
            if verdicts.get(v, 0)}  # fmt: skip
    checked = prose(
        "Of {n} published figures {h} agree with whatever else is printed, {u} cannot be checked from the texts"
        + (f"; the others, each at its gravest: {', '.join(parts)}." if parts else "."),
        n=count_number(n, "claims"),
        h=count_number(int(verdicts.get("holds", 0)), "claims that hold"),
        u=count_number(int(verdicts.get("unverifiable", 0)), "claims that cannot be checked"),
        **used,
    )
    return (checked, *_wording_headline(found, targets), *_denominator_headline(found))


def _wording_headline(found: AuditResult, targets: pd.DataFrame) -> list[Prose]:
    """The claims whose percentage of the target is worded as a percentage above it."""
    tidy = found.tidy()
    wrong = tidy.loc[(tidy["rule"] == "R2") & (tidy["verdict"] == "wording"), "claim_id"]
    if wrong.empty:
        return []
    row = targets[targets["claim_id"].isin(wrong)].iloc[0]
    return [
        prose(
            "{k} targets are said to be exceeded by what is in truth the percentage reached: "
            f"{row['indicator']}, for example, reached {{of}} % of the target and so exceeded it by "
            "{above} %, not by {said} %.",
            k=count_number(len(wrong), "claims with the wording of R2"),
            of=_percent(row["pct_of_target"], f"{row['indicator']}: per cent of target"),
            above=_percent(row["pct_above"], f"{row['indicator']}: per cent above target"),
            said=_percent(row["stated_ratio"], f"{row['indicator']}: per cent stated"),
        )
    ]


def _denominator_headline(found: AuditResult) -> list[Prose]:
    """Ratios that are true only over another denominator than the stated one."""
    tidy = found.tidy()
    implied = tidy[(tidy["quantity"] == "implied denominator") & (tidy["verdict"] != "holds")]
    return [Prose(_escaped(str(s))) for s in implied["sentence"].dropna().head(1) if s]


# --- targets ---------------------------------------------------------------------------------------


def _targets_words() -> Prose:
    return Prose(
        "A figure that is 205 % of its target exceeds the target by 105 %. Both wordings are given for "
        "each target; a text that uses the first number with the second wording overstates by the "
        "whole target."
    )


def _targets(targets: pd.DataFrame) -> Table:
    rows = []
    for t in targets.to_dict("records"):
        name = str(t["indicator"])
        said: Cell = "–"
        if not pd.isna(t["stated_ratio"]):
            said = _percent(t["stated_ratio"], f"{name}: per cent stated")
        rows.append(
            Row(
                (
                    f"{name} ({t['geography']})",
                    Number(t["target"], f"{name}: target", unit=t["unit"]),
                    Number(t["achieved"], f"{name}: achieved", unit=t["unit"]),
                    _percent(t["pct_of_target"], f"{name}: per cent of target", 1),
                    _percent(t["pct_above"], f"{name}: per cent above target", 1),
                    said,
                    {"per_cent_above_target": "above", "per_cent_of_target": "of"}.get(
                        str(t["stated_as"]), "–"
                    ),
                )
            )
        )
    return Table(
        "T13",
        "Targets against achievements, in both wordings",
        (
            Column("indicator", "left", 1.0),
            Column("target"),
            Column("achieved"),
            Column("% of target"),
            Column("% above target"),
            Column("% stated"),
            Column("stated as", "left"),
        ),
        tuple(rows),
        (
            "Stated as: whether the text words its percentage as one of the target or one above it. A "
            "dash: the text states no percentage.",
        ),
    )


# --- money -----------------------------------------------------------------------------------------


def _implied(found: AuditResult) -> Table:
    tidy = found.tidy()
    rows = []
    for r in tidy[tidy["rule"] == "R5"].to_dict("records"):
        share = str(r["unit"]) == "per cent"
        number = Number(
            None if _open(r) else r["value"], f"{r['indicator']}: {r['quantity']}", 1 if share else 0, str(r["unit"]),
            None, None, optional(r["low"]), optional(r["high"]),
        )  # fmt: skip
        window: Cell = Interval(number) if _bounded(number) else "–"
        rows.append(Row((capital(str(r["indicator"])), str(r["quantity"]), number, window,
                         str(r["unit"]), str(r["reason"]))))  # fmt: skip
    return Table(
        "T13b",
        "Implied denominators, parts and shares",
        (
            Column("claim", "left", 1.2),
            Column("implied", "left", 0.8),
            Column("value"),
            Column("window", "center"),
            Column("unit", "left"),
            Column("", "left", 1.6),
        ),
        tuple(rows),
        (
            "Window: what the rounding of the stated figures leaves open. A stated 5 stands for anything "
            "from 4.5 to 5.5. A dash: a figure of the text is a bound (“more than”), so the window is open.",
        ),
    )


def _cofinancing(table: pd.DataFrame) -> Table:
    rows: list[Row] = []
    for programme, part in table.groupby("programme", sort=False):
        rows.append(Row((f"{programme}",), "panel"))
        unknown = part[part["value"].isna()]
        for r in part[part["value"].notna()].to_dict("records"):
            rows.append(_cofinancing_row(str(programme), r))
        if len(unknown):
            rows.append(Row((_not_known(unknown, part), "", "", "")))
    return Table(
        "T13c",
        "Co-financing and leverage, from the stated contribution and its share",
        (
            Column("", "left", 1.0),
            Column("value"),
            Column("window", "center"),
            Column("unit", "left"),
        ),
        tuple(rows),
        (
            "The three forms of leverage answer different questions and must not be compared with one "
            "another. None of them says that the money of others came because of the contribution.",
        ),
    )


def _not_known(unknown: pd.DataFrame, part: pd.DataFrame) -> str:
    reason = str(unknown["reason"].iloc[0])
    if len(unknown) == 1:
        quantity = str(unknown["quantity"].iloc[0])
        return f"not known: {_QUANTITIES.get(quantity, quantity)} ({reason})"
    return f"not known: the other {len(part) - 1} quantities, since {reason}"


def _cofinancing_row(programme: str, r: dict[str, Any]) -> Row:
    decimals = 0 if r["unit"] == "EUR" else 1 if r["unit"] == "per cent" else 3
    label = f"{programme}, {_QUANTITIES.get(str(r['quantity']), str(r['quantity']))}"
    number = Number(r["value"], label, decimals, str(r["unit"]), None, None, r["low"], r["high"])
    exact = r["low"] == r["high"]
    window: Cell = "exact" if exact else Interval(number)
    return Row((label.partition(", ")[2], number, window, str(r["unit"])))


def _unit_costs(table: pd.DataFrame) -> Table:
    rows: list[Row] = []
    for (programme, indicator), part in table.groupby(["programme", "indicator"], sort=False):
        rows.append(Row((f"{programme}: {indicator}",), "panel"))
        for r in part.to_dict("records"):
            label = str(r["label"])
            count = Number(r["count"], f"{indicator}, {programme}", unit=str(r["unit"]))
            rows.append(_unit_cost_row(r, label, count))
    return Table(
        "T13d",
        "Money per unit counted",
        (
            Column("money", "left", 1.0),
            Column("count"),
            Column("as worded", "left"),
            Column("EUR per unit"),
            Column("window", "left", 0.8),
            Column("basis of the count", "left", 1.0),
        ),
        tuple(rows),
        (
            "Money over a gross count is no effect and no cost of an effect: it does not say what would "
            "have happened without the programme. Where the money covers more ground than the count, "
            "the quotient is not printed. < and >: “more than” and “almost” in the text bound the quotient "
            "on one side. Window: what rounding leaves open.",
        ),
    )


def _unit_cost_row(r: dict[Hashable, Any], label: str, count: Number) -> Row:
    bound = str(r["bound"])
    number = Number(
        r["cost_per_unit_eur"] if r["same_scope"] else None,
        label,
        0,
        "EUR",
        low=optional(r["low"]),
        high=optional(r["high"]),
        prefix=_BOUNDS.get(bound, ""),
    )
    window: Cell = "" if r["same_scope"] else "not given: money and count cover different ground"
    if r["same_scope"] and bound == "about" and _bounded(number):
        window = Interval(number)
    said = str(r["qualifier"]).replace("_", " ")
    return Row((str(r["money"]), count, said, number, window, str(r["basis"])))


# --- audit -----------------------------------------------------------------------------------------


def _audit(found: AuditResult) -> list[Block]:
    tidy = found.tidy()
    holds, open_ones = tidy["verdict"] == "holds", tidy["verdict"] == "unverifiable"
    remark = tidy["remark"]
    return [
        _counts(found),
        _failing(tidy[~holds & ~open_ones]),
        _holding(tidy[holds & ~remark]),
        _unverifiable(tidy[open_ones & ~remark]),
        _not_refuted(tidy[remark]),
    ]


def _counts(found: AuditResult) -> Table:
    by_claim = found.by_claim()
    rows = []
    for (publisher, source), part in by_claim.groupby(["publisher", "source"], sort=True):
        counts = part["verdict"].value_counts()
        text = f"{publisher} ({str(source).replace('_', ' ')})"
        rows.append(Row((text, *(
            count_number(int(counts.get(v, 0)), f"{source}: {_VERDICTS[v]}") for v in _shown(by_claim)
        ), count_number(len(part), f"{source}: claims"))))  # fmt: skip
    counts = by_claim["verdict"].value_counts()
    total = (count_number(int(counts.get(v, 0)), f"all texts: {v}") for v in _shown(by_claim))
    rows.append(
        Row(("all texts", *total, count_number(len(by_claim), "all texts: claims")), "total")
    )
    heads = [Column(_VERDICTS[v]) for v in _shown(by_claim)]
    return Table(
        "T15a",
        "Verdicts by text",
        (Column("text", "left", 1.0), *heads, Column("claims")),
        tuple(rows),
        ("A claim that several rules examine has the gravest of their verdicts.",),
    )


def _shown(by_claim: pd.DataFrame) -> list[str]:
    return [v for v in _VERDICTS if (by_claim["verdict"] == v).any()]


def _failing(tidy: pd.DataFrame) -> Table:
    order = list(_FAULTS)
    rows: list[Row] = []
    for verdict, part in sorted(tidy.groupby("verdict"), key=lambda x: order.index(str(x[0]))):
        rows.append(Row((capital(_VERDICTS[str(verdict)]),), "panel"))
        for r in part.to_dict("records"):
            rows.append(Row((*_claim_cells(r), f"{capital(str(r['reason']))}. {r['sentence']}")))
    return Table(
        "T15b",
        "Claims that do not hold as published",
        (*_CLAIM_COLUMNS, Column("why, and what would be true", "left", 2.0)),
        tuple(rows),
        (_RULES,),
        wide=True,
    )


def _holding(tidy: pd.DataFrame) -> Table:
    return Table(
        "T15c",
        "Checks that a claim passes",
        (*_CLAIM_COLUMNS, Column("what that shows", "left", 1.0)),
        tuple(Row((*_claim_cells(r), capital(str(r["reason"])))) for r in tidy.to_dict("records")),
        (
            "A claim may pass one rule and fail another; those that fail any stand in T15b too. Agreement "
            "of a text with itself is no confirmation.",
        ),
        wide=True,
    )


def _claim_cells(r: dict[Hashable, Any]) -> tuple[str, str, str, str]:
    return f"“{r['phrase']}”", str(r["publisher"]), str(r["rule"]), str(r["arithmetic"])


_CLAIM_COLUMNS = (
    Column("as published", "left", 1.0),
    Column("publisher", "left", 0.7),
    Column("rule", "left"),
    Column("arithmetic", "left", 1.5),
)
_RULES = (
    "R1: recomputed within the rounding of the stated figure. R2: per cent of a target against per cent "
    "above it. R3: one figure for two bases. R4: two statements on one thing. R5: implied denominators and "
    "shares. R6: numerator and denominator of one scope. R7: results of all money over the money of one. R8: gross or net. R9: "
    "the multiplier that direct and indirect results imply. R10: a ratio to cost against published ones. R11: stages of a funnel. "
    "R12: a list against its stated length. R13: whole numbers behind a percentage. R14: dates and durations. R15: intentions told "
    "as results. R16: bounds against another number. Square brackets: what rounding leaves open."
)


def _not_refuted(tidy: pd.DataFrame) -> Table:
    return Table(
        "T15e",
        "Looked at, and not refuted",
        (*_CLAIM_COLUMNS, Column("what was looked at", "left", 1.0)),
        tuple(Row((*_claim_cells(r), capital(str(r["reason"])))) for r in tidy.to_dict("records")),
        ("These rules can refute a claim and not confirm it.",),
        wide=True,
    )


def _unverifiable(tidy: pd.DataFrame) -> Table:
    rows = [
        Row((f"“{r['phrase']}”", str(r["publisher"]), str(r["indicator"]), str(r["reason"])))
        for r in tidy.to_dict("records")
    ]
    return Table(
        "T15d",
        "Claims that cannot be checked from the texts, and what would be needed",
        (
            Column("as published", "left", 1.3),
            Column("publisher", "left", 0.8),
            Column("indicator", "left", 1.0),
            Column("why", "left", 1.5),
        ),
        tuple(rows),
        ("Unverifiable is not false: the texts give nothing to hold the figure against.",),
        wide=True,
    )


# --- small words -----------------------------------------------------------------------------------


def _percent(value: float, label: str, decimals: int = 0) -> Number:
    return Number(value, label, decimals, "per cent")


def _open(r: dict[Hashable, Any]) -> bool:
    """Two bounds in the same direction bound no quotient: nothing is known of it."""
    return float(r["low"]) <= 0 and float(r["high"]) == float("inf")


def _bounded(number: Number) -> bool:
    ends = (number.low, number.high)
    return all(e is not None and abs(e) != float("inf") for e in ends)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
