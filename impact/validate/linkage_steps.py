"""The steps of linkage: which firms of one file are found in another, counted by year and arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from impact.core.errors import DataError, Fault
from impact.core.notice import Notice

ROSTER_TO_REGISTER = "roster -> register"
ROSTER_TO_CUSTOMS = "roster -> customs"
REGISTER_TO_CUSTOMS = "register -> customs"
CUSTOMS_TO_REGISTER = "customs -> register"

PARTICIPANTS, OTHERS = "participants", "others"
UNDATED = "participants, year of joining missing"
NOT_IN_REGISTER = "not in the register in any year"
NOT_THAT_YEAR = "in the register, but not in this year"
SOMETIMES = "in the register, but not in every year of its shipments"
NO_SHIPMENT = "not in the customs data in any year: without exports, or not linked"

Flags = NDArray[np.bool_]
Row = dict[str, Any]

NO_LIMIT = "matched: with shipments; no limit applies"
"""Said of a step that counts and does not judge."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Rows of one step and arm, the firms that were not found, and where they were looked for."""

    step: str
    arm: str
    rows: pd.DataFrame
    unmatched: pd.DataFrame
    known: pd.Index
    tables: tuple[pd.Index, ...] = ()
    """Identifiers of every file: what [identifiers] declares is done to all of them."""
    judged: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class _Years:
    """Firm-years of one file as numbers: the code of the firm, the year, and both in one key."""

    code: NDArray[np.int64]
    year: NDArray[np.int64]
    key: NDArray[np.int64]
    firms: Flags
    """Which codes occur."""


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """The three files with one code for each firm; codes are in the order of the identifiers."""

    ids: pd.Index
    joined: pd.Series
    """Year of joining, missing where it is not known; index = code of the participant."""
    register: _Years | None
    customs: _Years | None
    without_firm: dict[str, int]

    @classmethod
    def of(
        cls, roster: pd.DataFrame, register: pd.DataFrame | None, customs: pd.DataFrame | None
    ) -> Files:
        given = {"roster": roster, "register": register, "customs": customs}
        whole, lost = {}, {}
        for name, frame in given.items():
            if frame is not None:
                whole[name], lost[name] = _complete(frame, name)
        codes, ids = pd.factorize(
            pd.concat([f["firm_id"] for f in whole.values()], ignore_index=True), sort=True
        )
        parts = dict(
            zip(whole, np.split(codes, np.cumsum([len(f) for f in whole.values()])[:-1]), strict=True)
        )  # fmt: skip
        years = {
            name: _years(parts[name], whole[name]["year"], len(ids)) for name in whole if name != "roster"
        }  # fmt: skip
        first = pd.to_numeric(whole["roster"]["joined_year"]).astype("Int64")
        joined = first.groupby(parts["roster"]).min()
        return cls(pd.Index(ids), joined, years.get("register"), years.get("customs"), lost)

    @property
    def arm(self) -> Flags:
        """Whether each code is a participant."""
        arm = np.zeros(len(self.ids), dtype=np.bool_)
        arm[self.joined.index.to_numpy()] = True
        return arm

    @property
    def tables(self) -> tuple[pd.Index, ...]:
        """Identifiers of each file."""
        files = [f.firms for f in (self.register, self.customs) if f is not None]
        return tuple(self.ids[firms] for firms in (self.arm, *files))

    def steps(self) -> list[Step]:
        steps: list[Step] = []
        if len(self.joined) and self.register is not None:
            steps.append(self._roster(ROSTER_TO_REGISTER, self.register, NOT_IN_REGISTER))
        elif len(self.joined) and self.customs is not None:
            steps.append(self._roster(ROSTER_TO_CUSTOMS, self.customs, NO_SHIPMENT))
        if self.register is not None and self.customs is not None:
            for arm, inside in ((PARTICIPANTS, self.arm), (OTHERS, ~self.arm)):
                steps.append(_shipping(self.register, self.customs, arm, inside))
            for arm, inside in ((PARTICIPANTS, self.arm), (OTHERS, ~self.arm)):
                steps.append(self._registered(self.register, self.customs, arm, inside))
        return steps

    def _roster(self, step: str, target: _Years, why: str) -> Step:
        """Participants who are found in any year, by the year in which they joined."""
        codes = self.joined.index.to_numpy()
        found = target.firms[codes]
        years = self.joined.to_numpy("float64", na_value=np.nan)
        known = ~np.isnan(years)
        rows = _by_year(step, PARTICIPANTS, years[known].astype("int64"), found[known])
        if not known.all():
            rows.append(_row(step, UNDATED, None, found[~known]))
        rows.append(_row(step, PARTICIPANTS, None, found))
        for row in rows:
            row["why"] = _counted({why: int(row["unmatched"])})
        reasons = np.full(int((~found).sum()), why, dtype=object)
        if self.customs is not None and step == ROSTER_TO_REGISTER:
            reasons[self.customs.firms[codes[~found]]] = f"{why}; in the customs data"
        unmatched = self._named(codes[~found], step, PARTICIPANTS, reasons)
        known = self.ids[target.firms]
        return Step(step, PARTICIPANTS, pd.DataFrame(rows), unmatched, known, self.tables)

    def _registered(self, register: _Years, customs: _Years, arm: str, inside: Flags) -> Step:
        """Shipping firms that the register holds: by year in that year, over all years in any."""
        step = CUSTOMS_TO_REGISTER
        mine = inside[customs.code]
        code, year = customs.code[mine], customs.year[mine]
        found = np.isin(customs.key[mine], register.key)
        ever = register.firms[code]
        covered = np.isin(year, register.year)
        rows = _by_year(step, arm, year[covered], found[covered])
        elsewhere = pd.Series(ever[covered] & ~found[covered]).groupby(year[covered]).sum()
        for row in rows:
            later = int(elsewhere[row["year"]])
            row["why"] = _counted(
                {NOT_IN_REGISTER: int(row["unmatched"]) - later, NOT_THAT_YEAR: later}
            )
        rows += _unknown(step, arm, year[~covered], "no register data in this year")
        firms = np.unique(code[covered])
        if len(firms):
            total = _row(step, arm, None, register.firms[firms])
            total["why"] = _counted({NOT_IN_REGISTER: int(total["unmatched"])})
            rows = [*sorted(rows, key=lambda r: r["year"]), total]
        never = firms[~register.firms[firms]]
        sometimes = np.unique(code[covered & ever & ~found])
        reasons = np.array(
            [NOT_IN_REGISTER] * len(never) + [SOMETIMES] * len(sometimes), dtype=object
        )
        unmatched = self._named(np.concatenate([never, sometimes]), step, arm, reasons)
        known = self.ids[register.firms]
        return Step(step, arm, pd.DataFrame(rows), unmatched, known, self.tables)

    def _named(
        self, codes: NDArray[np.int64], step: str, arm: str, why: NDArray[np.object_]
    ) -> pd.DataFrame:
        frame = pd.DataFrame(
            {"code": codes, "firm_id": self.ids[codes], "arm": arm, "step": step, "why": why}
        )
        return frame.sort_values("code").drop(columns="code")

    def notices(self) -> list[Notice]:
        found = []
        for name, rows in self.without_firm.items():
            if rows:
                words = f"rows of the {name} without a firm{'' if name == 'roster' else ' or a year'} link to nothing"
                found.append(Notice(words, column="firm_id", rows=rows))
        undated = int(self.joined.isna().sum())
        if undated:
            words = f"{_firms(undated)} of the roster without a year of joining: participants of no cohort"
            found.append(Notice(words, column="joined_year"))
        if self.customs is not None and not len(self.customs.code):
            found.append(
                Notice(
                    "the customs data hold no firm: no exports are known, which is not exports of 0"
                )
            )
        if self.register is not None and self.customs is not None:
            alone = self.customs.firms & ~self.register.firms & self.arm
            if alone.any():
                words = (
                    f"{_firms(int(alone.sum()))} of the roster in the customs data and not in the register: left unlinked, "
                    "for the years without shipments are unknown"
                )
                found.append(Notice(words, column="firm_id", examples=tuple(self.ids[alone][:3])))
        return found

    def faults(self) -> list[Fault]:
        if not len(self.joined):
            return [
                Fault(
                    "the roster holds no firm",
                    "give a roster with at least one firm",
                    column="firm_id",
                )
            ]
        if self.register is None and self.customs is None:
            remedy = "declare a register or customs data in study.toml"
            return [
                Fault(
                    "there is neither a register nor customs data to look for the roster in", remedy
                )
            ]
        return []


def _firms(count: int) -> str:
    return f"{count:,} firm{'' if count == 1 else 's'}"


def _complete(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, int]:
    """Rows that name a firm (and a year, but for the roster), and how many do not."""
    needed = ["firm_id", "joined_year" if name == "roster" else "year"]
    absent = [column for column in needed if column not in frame.columns]
    if absent:
        raise DataError(f"The table of the {name} lacks the column {absent[0]!r}.")
    filled = frame["firm_id"].notna()
    if name != "roster":
        filled &= frame["year"].notna()
    return frame.loc[filled, needed], int((~filled).sum())


def _years(code: NDArray[np.int64], year: pd.Series, count: int) -> _Years:
    """Distinct firm-years."""
    number = pd.to_numeric(year).to_numpy("int64")
    key = np.unique(number * np.int64(count) + code)
    distinct = key % count if count else key
    firms = np.zeros(count, dtype=np.bool_)
    firms[distinct] = True
    return _Years(distinct, key // count if count else key, key, firms)


def _row(step: str, arm: str, year: int | None, found: Flags) -> Row:
    firms, matched = len(found), int(found.sum())
    return {"step": step, "arm": arm, "year": year, "firms": firms, "matched": matched,
            "unmatched": firms - matched, "share": matched / firms, "why": ""}  # fmt: skip


def _by_year(step: str, arm: str, years: NDArray[np.int64], found: Flags) -> list[Row]:
    order = np.argsort(years, kind="stable")
    distinct, starts = np.unique(years[order], return_index=True)
    groups = np.split(found[order], starts[1:]) if len(distinct) else []
    return [_row(step, arm, int(y), g) for y, g in zip(distinct, groups, strict=True)]


def _unknown(step: str, arm: str, years: NDArray[np.int64], why: str) -> list[Row]:
    """Years in which there is nothing to be matched with: the firms are counted, and no share is made."""
    distinct, firms = np.unique(years, return_counts=True)
    return [
        {"step": step, "arm": arm, "year": int(y), "firms": int(n), "matched": None, "unmatched": None,
         "share": np.nan, "why": why}
        for y, n in zip(distinct, firms, strict=True)
    ]  # fmt: skip


def _shipping(register: _Years, customs: _Years, arm: str, inside: Flags) -> Step:
    """Firms of the register that ship in the year: what they do, and not whether they are linked."""
    mine = inside[register.code]
    year = register.year[mine]
    ships = np.isin(register.key[mine], customs.key)
    covered = np.isin(year, customs.year)
    rows = _by_year(REGISTER_TO_CUSTOMS, arm, year[covered], ships[covered])
    for row in rows:
        row["why"] = NO_LIMIT
    rows += _unknown(REGISTER_TO_CUSTOMS, arm, year[~covered], "no customs data in this year")
    rows.sort(key=lambda row: row["year"])
    nothing = pd.DataFrame()
    return Step(REGISTER_TO_CUSTOMS, arm, pd.DataFrame(rows), nothing, pd.Index([]), judged=False)


def _counted(reasons: dict[str, int]) -> str:
    return "; ".join(f"{count:,} {why}" for why, count in reasons.items() if count)
