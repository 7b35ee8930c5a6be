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


def coverage_of(relations: Relations, months: pd.DataFrame | None = None) -> pd.DataFrame:
    """Breaks of coverage, of the firms' exports as a whole; with `year, month` of shipments, of months too."""
    relations.view("dynamics_coverage", "SELECT firm AS firm_id, year, cents, shipments FROM export_years")  # fmt: skip
    yearly = relations.frame(YEARLY_SQL.replace("firm_years", "dynamics_coverage"))
    if months is not None and len(months):
        held = months[["year", "month"]].drop_duplicates().groupby("year").size()
        yearly = yearly.merge((12 - held).rename("missing_months"), left_on="year", right_index=True, how="left")  # fmt: skip
    return coverage_breaks(yearly)


_UNKNOWN = {
    "past": ("A2", "A5", "A7", "A10", "A11", "C1", "C4", "D1", "D3", "D5", "E1", "E3", "E5"),
    "future": ("A3", "A8", "C2"),
    "entrants_1": ("A4", "A9", "A12", "C3", "D2", "D4", "E2", "E4"), "entrants_2": ("C5",), "entrants_3": ("C6",),
    "incumbents": ("D6", "E6"),
}  # fmt: skip
"""Which exporters are left out of an indicator where a year of theirs is not observed."""


def left_out(
    relations: Relations, names: Sequence[object], by: str | None, exit_dating: str
) -> pd.DataFrame:
    """Exporters that are left out of an indicator, since a year of theirs was not observed: `[by,] year, base, left_out`.

    Without a panel the firms are observed together, and a year of nobody is said elsewhere.
    """
    entrant, stays = "before = 0 AND {} IS NULL", "before = 1 AND after IS NULL"
    conditions = {
        "past": "before IS NULL", "future": "after IS NULL", "incumbents": f"before IS NULL OR ({stays})",
        **{f"entrants_{h}": f"before IS NULL OR ({entrant.format(c)})" for h, c in ((1, "after"), (2, "survives_2"), (3, "survives_3"))},
    }  # fmt: skip
    sums = ", ".join(f"CAST(sum(CASE WHEN {c} THEN 1 ELSE 0 END) AS BIGINT) AS {n}" for n, c in conditions.items())  # fmt: skip
    found = relations.frame(f"SELECT grp, year, {sums} FROM {EXPORTERS} GROUP BY grp, year ORDER BY grp, year")  # fmt: skip
    parts = []
    for name, codes in _UNKNOWN.items():
        step = int(name == "future" and exit_dating == "first_absent")
        for code in codes:
            parts.append(pd.DataFrame({"grp": found["grp"].astype("int64"), "year": found["year"].astype("int64") + step, "base": code,
                                       "left_out": found[name].astype("int64")}))  # fmt: skip
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["left_out"] > 0]
    group = rows.pop("grp").to_numpy() - 1
    if by is not None:
        rows[by] = pd.Series(list(names), dtype=object)[group].to_numpy()
    return rows


def flagged(
    table: pd.DataFrame, breaks: pd.DataFrame, without: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Say in the rows what is missing for want of firms, who is left out, what is implausible, or beside a break of coverage."""
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
    if without is not None and len(without):
        keys = [c for c in without if c != "left_out"]
        told = table.assign(base=table["code"].str.extract(r"^([A-E]\d+)", expand=False))
        number = told.merge(without, on=keys, how="left")["left_out"].to_numpy(dtype="float64")
        some = pd.Series(number, index=table.index).where(~flags.str.contains("not observed|no column|each group"))  # fmt: skip
        said = some.map(lambda n: "" if pd.isna(n) else f"{n:,.0f} exporter{'' if n == 1 else 's'} left out: a year that decides it is not observed")  # fmt: skip
        add(some.notna(), said)
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
