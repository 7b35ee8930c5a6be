"""Rows of exporter dynamics: values by year in one long table, with what must be said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from impact.engines.relations import Relations
from impact.outcomes.dynamics_sql import EXPORTERS
from impact.outcomes.edd_indicators import (
    Cells,
    Indicator,
    YearOf,
    exiter_values,
    line_values,
    year_values,
)
from impact.validate.coverage import YEARLY_SQL, coverage_breaks

PLAUSIBLE = (0.15, 0.65)
"""Rates of entry and exit outside are warned of. Published ones: entry of 30 to 60 % a year across studies (Freund and Pierola
2010); the United States, entry 37 % and exit 35 % in 1994, both about 30 % by 2014 (FEDS Notes 2020)."""

_COLUMNS = ("code", "indicator", "statistic", "value", "n", "n_at_risk", "n_event", "unit", "flags")


def values_by_year(
    relations: Relations, years: Sequence[tuple[int, bool]], lines: Sequence[str], groups: int,
    per_unit: float, growth: str, exit_dating: str,
) -> dict[tuple[int, str], Cells]:  # fmt: skip
    """Values of each year and code."""
    fetched = {"": _by_year(relations, EXPORTERS, "grp, cents, firm", years)}
    for line in lines:
        fetched[line] = _by_year(relations, f"dynamics_{line}_lines", "grp, exporters", years)
    found: dict[tuple[int, str], Cells] = {}
    for year, _ in years:
        here = YearOf(fetched[""](year), groups, per_unit, growth)
        made = year_values(here, lines)
        for code, line in (("B5", "product"), ("B6", "destination")):
            if line in lines:
                made |= line_values(code, fetched[line](year), groups)
        found |= {(year, code): cells for code, cells in made.items()}
        seen = year + 1 if exit_dating == "first_absent" else year
        found |= {(seen, code): cells for code, cells in exiter_values(here).items()}
    return found


_AT_ONCE = 200_000


def _by_year(
    relations: Relations, name: str, order: str, years: Sequence[tuple[int, bool]]
) -> Callable[[int], pd.DataFrame]:
    """Rows of one year of a relation: fetched together where they are few, else when they are asked for."""
    count = int(relations.frame(f"SELECT count(*) AS n FROM {name}")["n"].iloc[0])
    if count > _AT_ONCE:
        return lambda year: relations.frame(
            f"SELECT * FROM {name} WHERE year = {year} ORDER BY {order}"
        )
    rows = relations.frame(f"SELECT * FROM {name} ORDER BY year, {order}")
    parts = {int(str(year)): part for year, part in rows.groupby("year")}
    return lambda year: parts.get(year, rows.iloc[:0])


def indicator_table(
    values: Mapping[tuple[int, str], Cells], years: Sequence[tuple[int, bool]], listed: Sequence[Indicator], names: Sequence[object],
    by: str | None, unit: str, growth: str, lines: Sequence[str], single: str | None,
) -> pd.DataFrame:  # fmt: skip
    """Rows of `tidy`: what needs a year that was not observed is missing."""
    observed = dict(years)
    words = {"amount": unit, "growth": {"log": "log points"}.get(growth, "share")}
    no_lines = {
        "B3": "product", "B5": "product", "D": "product", "B4": "destination", "B6": "destination", "E": "destination"
    }  # fmt: skip
    size = len(names)
    parts = []
    for year, _ in years:
        for one in listed:
            lacking = [year + h for h in (0, *one.needs) if not observed.get(year + h, False)]
            cells = values.get((year, one.code))
            flag = ""
            if lacking:
                flag = f"exports of {' and '.join(map(str, sorted(lacking)))} are not observed"
            elif cells is None:
                line = no_lines.get(one.code[:2]) or no_lines[one.code[0]]
                flag = f"each group is one {line}" if line == single else f"the data have no column of {line}s"  # fmt: skip
            if lacking or cells is None:
                none = np.zeros(size, dtype="int64")
                cells = Cells(np.full(size, np.nan), none)
            risk = np.full(size, np.nan) if cells.at_risk is None else cells.at_risk
            event = np.full(size, np.nan) if cells.event is None else cells.event
            part = {"value": cells.value, "n": cells.n, "n_at_risk": risk, "n_event": event}
            parts.append((year, one, flag, part))
    rows = {c: np.concatenate([p[c] for *_, p in parts]) for c in ("value", "n", "n_at_risk", "n_event")}  # fmt: skip
    frame = pd.DataFrame({
        "group": np.tile(np.arange(size), len(parts)),
        "year": np.repeat([y for y, *_ in parts], size),
        "code": np.repeat(np.array([o.code for _, o, _, _ in parts], dtype=object), size),
        "indicator": np.repeat(np.array([o.words for _, o, _, _ in parts], dtype=object), size),
        "statistic": np.repeat(np.array([o.statistic for _, o, _, _ in parts], dtype=object), size),
        **rows,
        "unit": np.repeat(np.array([words.get(o.unit, o.unit) for _, o, _, _ in parts], dtype=object), size),
        "flags": np.repeat(np.array([f for _, _, f, _ in parts], dtype=object), size),
    })  # fmt: skip
    if by is None:
        frame = frame.drop(columns="group")
    else:
        # Stable: the order of years and indicators stays.
        frame = frame.sort_values("group", kind="stable", ignore_index=True)
        frame[by] = pd.Series(list(names), dtype=object)[frame.pop("group")].to_numpy()
        frame = frame[[by, "year", *_COLUMNS]]
    whole = dict.fromkeys(("n", "n_at_risk", "n_event"), "Int64")
    texts = dict.fromkeys(("code", "indicator", "statistic", "unit", "flags"), "str")
    return frame.astype({**whole, **texts})


def coverage_of(relations: Relations) -> pd.DataFrame:
    """Breaks of coverage, of the firms' exports as a whole."""
    relations.view("dynamics_coverage", "SELECT firm AS firm_id, year, cents, shipments FROM export_years")  # fmt: skip
    return coverage_breaks(relations.frame(YEARLY_SQL.replace("firm_years", "dynamics_coverage")))


def flagged(table: pd.DataFrame, breaks: pd.DataFrame) -> pd.DataFrame:
    """Say in the rows what is missing for want of firms, implausible, or beside a break of coverage."""
    flags = table["flags"].copy()

    def add(where: pd.Series, text: str | pd.Series) -> None:
        there = flags[where]
        said = text[where] if isinstance(text, pd.Series) else text
        flags[where] = (there.where(there == "", there + "; ") + said).astype("str")

    missing = table["value"].isna() & (flags == "")
    rate = table["n_at_risk"].notna()
    add(missing & (table["statistic"] == "sd") & (table["n"] == 1), "one value has no spread")
    add(missing & rate, "nobody is at risk")
    add(missing & ~rate & (table["n"] == 0), "nobody is behind it")
    low, high = PLAUSIBLE
    implausible = table["code"].isin(["C1", "C2"]) & table["value"].notna() & ~table["value"].between(low, high)  # fmt: skip
    add(implausible, f"outside {100 * low:.0f} to {100 * high:.0f} %")
    years = {int(y) for y in breaks["year"]}
    beside = {y + step for y in years for step in (-1, 0, 1)}
    dynamic = table["code"].isin(["A2", "A3", "A4", "A5", "C1", "C2", "C3", "C4", "C5", "C6"])
    add(dynamic & table["value"].notna() & table["year"].isin(beside), "coverage breaks nearby")
    return table.assign(flags=flags)


def warnings_of(table: pd.DataFrame, by: str | None, breaks: pd.DataFrame) -> list[str]:
    """Say which rates are implausible, where coverage is likely to break, and who is left out."""
    low, high = PLAUSIBLE
    said = []
    for code, word in (("C1", "entry"), ("C2", "exit")):
        rows = table[table["code"] == code]
        out = rows[rows["flags"].str.contains("outside ", regex=False)]
        if len(out) and by is None:
            shown = [
                f"{y} ({100 * v:.0f} %)" for y, v in zip(out["year"], out["value"], strict=True)
            ]
            more = f" and {len(shown) - 4} more years" if len(shown) > 4 else ""
            said.append(f"the {word} rate is outside {100 * low:.0f} to {100 * high:.0f} % in {', '.join(shown[:4])}{more}; {_PUBLISHED[code]}. "
                        "Look whether all firms, months and identifiers are there.")  # fmt: skip
        elif len(out):
            said.append(f"the {word} rate is outside {100 * low:.0f} to {100 * high:.0f} % in {len(out):,} of {int(rows['value'].notna().sum()):,} "
                        "groups and years; in groups of few firms it may be chance (see flags).")  # fmt: skip
    for year, found in breaks.groupby("year", sort=True):
        said.append(f"a break of coverage is likely in {year} ({', '.join(_MEASURES.get(m, m) for m in found['measure'])}); entry, exit and survival "
                    "there and beside it are not to be trusted.")  # fmt: skip
    left = _left_out(table, by)
    return said + ([left] if left else [])


_PUBLISHED = {
    "C1": "published rates are 30 to 60 % a year",
    "C2": "in the United States it is 30 to 35 % a year",
}

_MEASURES = {
    "firms": "number of firms", "rows": "shipments", "cents": "value", "new_share": "firms never seen before",
    "lost_share": "firms never seen again", "prefixes": "identifiers", "no_rows": "no row", "missing_months": "months are missing",
}  # fmt: skip


def _left_out(table: pd.DataFrame, by: str | None) -> str:
    """Exporters whose year before a panel does not know."""
    keys = [*([by] if by else []), "year"]
    entry = table[(table["code"] == "C1") & table["value"].notna()]
    both = entry.merge(table[table["code"] == "A1"], on=keys, suffixes=("", "_all"))
    short = int((both["n_all"] - both["n"]).sum())
    if not short:
        return ""
    return (
        f"{short:,} exporter{'' if short == 1 else 's'} (over all years) whose exports of the year before are not observed are left out of entry; "
        "n says how many are in."
    )
