"""Compared to whom: how comparison firms were found, how many they are, and how alike the arms became."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from impact.design.balance import effective_sample_size
from impact.design.joint_balance import joint_sentence
from impact.design.match import MatchResult
from impact.design.overlap import overlap_sentence
from impact.design.request import MatchSettings
from impact.display.document import (
    Block,
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
    matched_adjective,
    optional,
)
from impact.report.receive import Received


def comparison_blocks(received: Received, analysis: Analysis) -> list[Block]:
    """Who is compared to whom, and how alike they are."""
    ledger = "T1b" if received.intake is None else "T1e"
    said = _nearest_words if _is_plain(analysis.match.settings) else _method_words
    sizes = [] if analysis.match.kind == "pairs" else [_sizes_table(analysis)]
    return [
        said(analysis, ledger),
        *sizes,
        _balance_table(analysis),
        *_imbalance(analysis),
        _love_figure(analysis),
    ]


def _is_plain(settings: MatchSettings) -> bool:
    """Nearest neighbours among firms that never joined, on the year before: said in words for readers, not for referees."""
    return settings.method == "nearest" and not settings.lags and settings.control == "never"


def _nearest_words(analysis: Analysis, ledger: str) -> Prose:
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
    return prose(text, **numbers)


def _method_words(analysis: Analysis, ledger: str) -> Prose:
    """The sentences on the method that the match itself gives; their figures stand in the tables of the match, too."""
    text = " ".join(match_sentences(analysis.match).values())
    # The ledger has a line for those only that were left out.
    left = (
        ""
        if _everybody(analysis)
        else f" Table {ledger} says why the other participants were left out."
    )
    return prose(
        f"{text}{left} Outcomes after joining play no part in this.".replace("{", "{{").replace(
            "}", "}}"
        )
    )


def _everybody(analysis: Analysis) -> bool:
    candidates = analysis.match.candidates
    inside = candidates.loc[candidates["treated"] & (candidates["weight"] > 0), "unit"]
    return int(inside.nunique()) == int(analysis.panel.unit_cohort().notna().sum())


def match_sentences(matched: MatchResult) -> dict[str, str]:
    """What `summary()` says in words, by what it is about."""
    said = {
        "method": matched.methods_sentence(),
        "joint balance": joint_sentence(
            matched.joint_balance(), "weighting" if matched.kind == "weights" else "matching"
        ),
    }
    if matched.candidates["distance"].notna().any():
        said["overlap"] = overlap_sentence(matched.overlap())
    return {about: words for about, words in said.items() if words}


def match_tables(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Tables of results.json on the match, where the annex gives its own sentences."""
    matched = analysis.match
    if _is_plain(matched.settings):
        return {}
    said = [*match_sentences(matched).items(), *(("note", note) for note in unnamed(matched))]
    sentences = pd.DataFrame(said, columns=["about", "words"])
    return {
        "match": sentences,
        "match_sizes": _sizes(matched),
        "joint_balance": matched.joint_balance().rename_axis("sample").reset_index(),
    }


def _sizes(matched: MatchResult) -> pd.DataFrame:
    """Firms of each arm by cohort and over all, with the effective size and the largest share of those that are compared with."""
    by_cohort = [
        _size_row(int(g), rows) for g, rows in matched.candidates.groupby("cohort", sort=True)
    ]
    firms = matched.candidates.groupby(["treated", "unit"], sort=True)["weight"].sum().reset_index()
    total = _size_row(None, firms)
    if matched.kind == "sets":
        sets = (
            matched.candidates.loc[matched.candidates["weight"] > 0]
            .groupby("cohort")["pair"]
            .nunique()
        )
        for row, n in zip(
            [*by_cohort, total],
            [*sets.reindex([r["cohort"] for r in by_cohort], fill_value=0), sets.sum()],
            strict=True,
        ):
            row["n_sets"] = int(n)
    return pd.DataFrame([*by_cohort, total]).astype({"cohort": "Int64"})


def _size_row(cohort: int | None, rows: pd.DataFrame) -> dict[str, Any]:
    ins, outs = (
        rows.loc[rows["treated"] == arm, "weight"].to_numpy(np.float64) for arm in (True, False)
    )
    return {
        "cohort": cohort,
        "n_treated_before": len(ins),
        "n_treated": int((ins > 0).sum()),
        "n_control_before": len(outs),
        "n_control": int((outs > 0).sum()),
        "ess_control": effective_sample_size(outs),
        "largest_share": float(outs.max() / outs.sum()) if outs.sum() > 0 else float("nan"),
    }


def _sizes_table(analysis: Analysis) -> Table:
    matched = analysis.match
    table = _sizes(matched)
    sets = "n_sets" in table
    rows = [_sizes_cells(row, sets) for row in table.to_dict("records")]
    if len(rows) == 2:  # one cohort: the total says the same again
        rows = rows[:1]
    else:
        rows[-1] = Row(rows[-1].cells, "total")
    who = "with weight" if matched.kind == "weights" else "in a set"
    return Table(
        "T2a",
        "How many firms are compared, and how many they are worth",
        (
            Column("", "left", 1.0),
            Column("partic."),
            Column(who),
            Column("others"),
            Column(who),
            Column("effective number"),
            Column("largest share, %"),
            *([Column("sets")] if sets else []),
        ),
        tuple(rows),
        (
            "Firms whose covariates are known. Effective number of comparison firms: as many firms of equal weight would tell as "
            "much, (sum of weights)² over sum of squared weights. Largest share: that of the one comparison firm with the most "
            "weight."
            + (
                " All cohorts: a firm that is compared with several counts once, with the sum of its weights."
                if len(rows) > 1
                else ""
            ),
        ),
    )


def _sizes_cells(row: dict[Hashable, Any], sets: bool) -> Row:
    name = "all cohorts" if pd.isna(row["cohort"]) else f"joined in {int(row['cohort'])}"
    n = int(row["n_control"])
    share = optional(row["largest_share"])
    return Row(
        (
            capital(name),
            count_number(int(row["n_treated_before"]), f"{name}: participants"),
            count_number(int(row["n_treated"]), f"{name}: participants that are compared"),
            count_number(int(row["n_control_before"]), f"{name}: other firms"),
            count_number(n, f"{name}: comparison firms"),
            Number(
                float(row["ess_control"]), f"{name}: effective number of comparison firms", 1, n=n
            ),
            Number(
                None if share is None else 100 * share,
                f"{name}: largest share of the comparison firms' weight",
                1,
                "%",
                n,
            ),
            *([count_number(int(row["n_sets"]), f"{name}: sets")] if sets else []),
        )
    )


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
        used["w"] = Number(
            abs(float(worst["smd_after"])), f"largest SMD after {after_what(analysis)}", 2
        )
        said.append(
            f"After {after_what(analysis)}, {worst['covariate']} of the {worst['cohort']} cohort still differs by {{w}} "
            "standard deviations."
        )
    cohorts = set(analysis.panel.unit_cohort().dropna().astype(int))
    candidates = analysis.match.candidates
    inside = candidates.loc[candidates["treated"] & (candidates["weight"] > 0), "cohort"]
    without = sorted(cohorts - set(inside.astype(int)))
    if without:
        joined = listed([str(g) for g in without])
        found = {
            "pairs": "has a partner",
            "sets": "has a comparison firm",
            "weights": "is given weight",
        }
        said.append(f"No firm that joined in {joined} {found[analysis.match.kind]}.")
    if not said:
        return []
    said.append(f"The {matched_adjective(analysis)} comparison below is not to be relied on.")
    return [prose(" ".join(said), **used)]


def balance_by_cohort(analysis: Analysis) -> pd.DataFrame:
    """Balance within each cohort, with words for the covariates.

    Pooled over cohorts, differences of opposite sign cancel; within a cohort they cannot.
    """
    words = {**analysis.match.labels(), "distance": _score_name(analysis)}
    balance = analysis.match.balance(by_cohort=True)
    # Codes of a covariate that is matched exactly are equal by construction, one row for each: shown where there is nothing else.
    numbers = balance[balance["covariate"].isin(list(words))]
    balance = balance if numbers.empty else numbers
    return balance.assign(covariate=[_in_words(c, words) for c in balance["covariate"]])


def _score_name(analysis: Analysis) -> str:
    settings = analysis.match.settings
    if settings.given is not None:
        return f"score ({analysis.panel.label(settings.given)})"
    return (
        "linear predictor of joining" if settings.distance == "linear_logit" else "propensity score"
    )


def _in_words(covariate: str, words: dict[str, str]) -> str:
    """The label of a covariate, or of the column whose level it is."""
    column, _, level = covariate.partition(": ")
    return words.get(covariate, f"{words.get(column, column)}: {level}" if level else covariate)


def after_what(analysis: Analysis) -> str:
    """What the comparison firms went through, as the words beside balance say it."""
    return "weighting" if analysis.match.kind == "weights" else "matching"


def _balance_table(analysis: Analysis) -> Table:
    rows = []
    for cohort, part in balance_by_cohort(analysis).groupby("cohort", sort=True):
        rows.append(Row((f"Joined in {cohort}",), "panel"))
        firms = int((analysis.match.candidates["cohort"] == cohort).sum())
        done = after_what(analysis)
        rows += [_balance_row(b, int(str(cohort)), firms, done) for b in part.to_dict("records")]
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
            f"of participants before {after_what(analysis)}. Below 0.1 in absolute value is good, above 0.25 a "
            f"warning. Variance ratio after {after_what(analysis)}: participants over comparison firms; a dash for "
            "yes/no covariates, whose variance follows from the mean.",
            *unnamed(analysis.match),
        ),
    )


def unnamed(matched: MatchResult) -> tuple[str, ...]:
    """The notes of the match without the firms that they name: no firm leaves the folder of working data."""
    notes = []
    for note in matched.notes:
        if "'" in note:
            for unit in matched.candidates["unit"].unique():
                if f"'{unit}'" in note:
                    note = note.replace(f", '{unit}',", "").replace(f"'{unit}'", "a firm")
        notes.append(note)
    return tuple(notes)


def _balance_row(b: dict[Hashable, Any], cohort: int, firms: int, done: str) -> Row:
    name = str(b["covariate"])

    def cell(key: str, what: str, decimals: int = 3) -> Number:
        return Number(optional(b[key]), f"{name}, cohort {cohort}: {what}", decimals, n=firms)

    return Row(
        (
            capital(name),
            cell("mean_treated_before", f"mean of participants, before {done}"),
            cell("mean_control_before", f"mean of others, before {done}"),
            cell("smd_before", f"standardised mean difference, before {done}"),
            cell("mean_treated_after", f"mean of participants, after {done}"),
            cell("mean_control_after", f"mean of comparison firms, after {done}"),
            cell("smd_after", f"standardised mean difference, after {done}"),
            cell("variance_ratio_after", f"variance ratio, after {done}", 2),
        )
    )


def _love_figure(analysis: Analysis) -> Figure:
    done = after_what(analysis)
    return Figure(
        "F1",
        f"Standardised mean differences before and after {done}",
        "figures/balance.svg",
        "Dot plot: for each covariate and cohort the standardised mean difference between participants "
        f"and others before {done} and after it; the numbers are in table T2.",
    )
