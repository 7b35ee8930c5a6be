"""Shares of linkage below which a study is warned, and below which it is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from impact.core.errors import Fault, StudyError
from impact.core.notice import Notice
from impact.validate.linkage_causes import Cause, guess_cause
from impact.validate.linkage_steps import (
    CUSTOMS_TO_REGISTER,
    ROSTER_TO_CUSTOMS,
    ROSTER_TO_REGISTER,
    SOMETIMES,
    Step,
)

_FEW = 20  # firms; a year with fewer is judged with the others and not alone
_WORTH_SAYING = 0.1  # share of the missing that a cause must explain to be said


@dataclass(frozen=True, slots=True)
class Limits:
    """Shares below which linkage is said, and refused."""

    warn_below: float
    refuse_below: float
    accept_below: float | None

    def __post_init__(self) -> None:
        if not 0 <= self.refuse_below <= self.warn_below <= 1:
            raise StudyError(
                f"linkage.refuse_below ({self.refuse_below}) and linkage.warn_below ({self.warn_below}) must be shares "
                "between 0 and 1, the first not above the second."
            )
        if self.accept_below is not None and not 0 <= self.accept_below < self.refuse_below:
            raise StudyError(
                f"linkage.accept_below is {self.accept_below}; declare the lowest share that the study accepts, "
                f"between 0 and refuse_below ({self.refuse_below})."
            )

    def verdict(self, share: float) -> str:
        if share >= self.warn_below:
            return "fine"
        if share >= self.refuse_below:
            return "warn"
        accepted = self.accept_below is not None and share >= self.accept_below
        return "accepted" if accepted else "refuse"


_SUBJECT = {
    ROSTER_TO_REGISTER: ("firms of the roster", "are in the register", "the roster", "the register"),
    ROSTER_TO_CUSTOMS: ("firms of the roster", "are in the customs data", "the roster", "the customs data"),
    CUSTOMS_TO_REGISTER: ("shipping firms", "are in the register", "the customs data", "the register"),
}  # fmt: skip


def judge(step: Step, limits: Limits) -> tuple[list[Notice], list[Fault]]:
    """Hold one step against the limits: over all years first, then year by year."""
    rows = step.rows
    if rows.empty or rows["share"].isna().all():
        return [], []
    whole = rows[rows["year"].isna() & (rows["arm"] == step.arm)].iloc[0]
    share = float(whole["share"])
    verdict = limits.verdict(share)
    if share == 0 and step.step != CUSTOMS_TO_REGISTER:
        verdict = "refuse"  # whatever the study accepts: it would make all participants disappear
    yearly = rows[rows["year"].notna() & (rows["firms"] >= _FEW) & rows["share"].notna()]
    verdicts = yearly["share"].map(limits.verdict)
    if verdict == "refuse":
        return [], [_fault(step, whole, share)]
    if verdict != "fine":
        said = [_notice(step, whole, accepted=verdict == "accepted")]
    else:
        said = _years_said(step, yearly[verdicts.isin(["warn", "accepted"])])
        said += _mistaken(step, whole)
    return said, _years_refused(step, yearly[verdicts == "refuse"])


def _sentence(step: Step, row: pd.Series) -> tuple[str, Cause | None]:
    subject, found, lost_in, known_in = _SUBJECT[step.step]
    of = f" of the {step.arm}" if step.step == CUSTOMS_TO_REGISTER else ""
    words = f"{row['matched']:,} of {row['firms']:,} {subject}{of} ({row['share']:.1%}) {found}"
    missing = step.unmatched.loc[step.unmatched["why"] != SOMETIMES, "firm_id"]
    # All known firms may be meant: a firm with two services may stand in the roster in two spellings, one of them right.
    causes = guess_cause(
        pd.Index(missing), step.known, missing_in=lost_in, known_in=known_in, tables=step.tables
    )
    if causes and causes[0].would_match >= _WORTH_SAYING * len(missing):
        more = " more" if row["matched"] else ""
        return f"{words}; {causes[0].would_match:,}{more} would be if {causes[0].words}", causes[0]
    return words, None


def _fault(step: Step, row: pd.Series, share: float) -> Fault:
    words, cause = _sentence(step, row)
    if cause is not None:
        return Fault(words, cause.remedy, column="firm_id")
    if not len(step.known):
        return Fault(
            f"{words}, which holds no firm",
            "check the file that study.toml names, and whether its years lie in the declared period",
            column="firm_id",
        )
    check = "check that both files carry the same number of the firm, written alike"
    if share == 0:
        return Fault(words, f"{check}; no usual damage explains it", column="firm_id")
    return Fault(words, f"{check}; if so few can be linked, {_accept(share)}", column="firm_id")


def _accept(share: float) -> str:
    """What to declare; a share below 1 % is not cut to 0, which would accept anything."""
    lowest = math.floor(share * 100) / 100 or math.floor(share * 1e6) / 1e6
    return f"declare linkage.accept_below = {lowest:g}"


def _not_found(step: Step, words: str) -> Notice:
    """A notice whose examples are said to be the firms that were not found."""
    lost = step.unmatched.loc[step.unmatched["why"] != SOMETIMES, "firm_id"]
    if lost.empty:
        return Notice(words, column="firm_id")
    examples = tuple(lost.head(3).tolist())
    return Notice(f"{words}; {len(lost):,} not found", column="firm_id", examples=examples)


def _notice(step: Step, row: pd.Series, *, accepted: bool) -> Notice:
    words, cause = _sentence(step, row)
    if accepted:
        words += "; the study accepts this, and what it finds holds for the firms that are linked"
    if cause is not None:
        words += f"; to mend, {cause.remedy}"
    return _not_found(step, words)


def _mistaken(step: Step, row: pd.Series) -> list[Notice]:
    """Few participants are missing, and yet some stand in the other file in another form, as firms that never took part."""
    if step.step == CUSTOMS_TO_REGISTER or not row["unmatched"]:
        return []
    words, cause = _sentence(step, row)
    if cause is None:
        return []
    return [_not_found(step, f"{words}; to mend, {cause.remedy}")]


def _years_listed(rows: pd.DataFrame) -> str:
    shown = [f"{r.year:.0f} ({r.matched:,} of {r.firms:,})" for r in rows.head(5).itertuples()]
    return ", ".join(shown) + (f" and {len(rows) - 5} more years" if len(rows) > 5 else "")


def _years_said(step: Step, rows: pd.DataFrame) -> list[Notice]:
    if rows.empty:
        return []
    subject, found, *_ = _SUBJECT[step.step]
    words = f"few {subject} ({step.arm}) {found} in {_years_listed(rows)}"
    return [Notice(words, column="firm_id")]


def _years_refused(step: Step, rows: pd.DataFrame) -> list[Fault]:
    if rows.empty:
        return []
    subject, found, *_ = _SUBJECT[step.step]
    words = f"too few {subject} ({step.arm}) {found} in {_years_listed(rows)}"
    lowest = float(rows["share"].min())
    if lowest > 0:
        remedy = (
            "check whether identifiers were written anew or part of a file is missing in these years; if so few can be "
            f"linked, {_accept(lowest)}"
        )
    else:  # not one firm: no limit to accept, but a delivery that is missing or written otherwise
        none = rows.loc[rows["share"] == 0, "year"].astype("int64")
        years = ", ".join(map(str, none.head(5))) + (" and later" if len(none) > 5 else "")
        remedy = f"check the delivery of {years}: whether it is there, and whether its identifiers were written anew"
    return [Fault(words, remedy, column="firm_id")]
