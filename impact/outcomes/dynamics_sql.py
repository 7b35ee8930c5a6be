"""Exporters by year with their past and future, for the indicators of exporter dynamics: one set of SQL for both engines.

An exporter is a firm, or a firm in one group of its exports, such as those to one destination. Nothing is crossed with years:
a row is a year in which it exports, and its neighbours say what came before and after. What is not observed is missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from impact.engines.relations import Relations
from impact.outcomes.firm_states import STATES
from impact.outcomes.line_years import firm_spans

LINES = ("product", "destination")
"""What an exporter's sales may be parted into."""

EXPORTERS = "dynamics_exporters"

_AHEAD = (1, 2, 3)


def make_exporters(
    relations: Relations, group: str, lines: Sequence[str], *, minimum: int = 0
) -> None:
    """Make the relation `dynamics_exporters`, one row per group, firm and year of an exporter.

    Its columns: `cents`; `before`, `after` (1 where it exports in the year before, after; 0 where it does not; missing where
    that is not known); `survives_2`, `survives_3` (in every year to t + 2, t + 3; missing unless all of them are known);
    `cents_before`, `cents_after`; and for each of `lines`, such as products:

    - `products`, their number; `product_entry` and `product_share`: lines that are new since the year before by all lines, in
      number and in value, of the year for one that exported before, and of the *next* year for an entrant that goes on;
    - `product_exit`: lines of the year before that are gone, by all lines of that year, for one that exported before;
    - `product_survival`: lines that are new in the year and still sold in the next, by new lines, for one that exports
      before, in and after the year; missing where it has no new line.

    Parameters
    ----------
    relations : Relations
        Holds what `sum_cells` made, and `firm_states`.
    group : {"all", "destination", "firm", "product"}
        Whose exporters are told apart: all, those to each destination, or those of the groups that relation
        `dynamics_groups(code, grp)` gives to firms or products.
    lines : sequence of str
        Of `LINES`.
    minimum : int
        Sales up to this sum, in the unit of the cells, do not make an exporter.
    """
    relations.view("dynamics_pairs", _pairs(group))
    relations.make(
        "dynamics_totals",
        "SELECT grp, firm, year, CAST(sum(cents) AS BIGINT) AS cents FROM dynamics_pairs GROUP BY grp, firm, year "
        f"HAVING sum(cents) > {minimum}",
    )
    for line in lines:
        _make_lines(relations, line, minimum)
    _make_known(relations)
    relations.make(EXPORTERS, _exporters(lines))


def _pairs(kind: str) -> str:
    """Exported pairs with their group."""
    picked = "p.firm, p.year, p.product, p.destination, p.cents FROM export_pairs p"
    if kind == "all":
        return f"SELECT CAST(1 AS INT) AS grp, {picked}"
    if kind == "destination":
        return f"SELECT p.destination AS grp, {picked}"
    return f"SELECT CAST(g.grp AS INT) AS grp, {picked} JOIN dynamics_groups g ON g.code = p.{kind}"


def _lines(line: str, minimum: int) -> str:
    """Lines of exporters: one row per group, firm, year and line."""
    if minimum == 0:  # whoever has a line has sales above 0
        source = "dynamics_pairs s WHERE 1 = 1"
    else:
        source = (
            "dynamics_pairs s JOIN dynamics_totals t ON t.grp = s.grp AND t.firm = s.firm AND t.year = s.year "
            "WHERE 1 = 1"
        )
    return (
        f"SELECT s.grp, s.firm, s.year, s.{line} AS line, CAST(sum(s.cents) AS BIGINT) AS cents FROM {source} {{firms}} "
        f"GROUP BY s.grp, s.firm, s.year, s.{line}"
    )


def _make_lines(relations: Relations, line: str, minimum: int) -> None:
    """Relations `dynamics_products` (lines by year) and `dynamics_product_lines` (how many exporters each line has)."""
    whole = _lines(line, minimum)
    relations.make(
        f"dynamics_{line}_lines",
        "SELECT grp, year, exporters, count(*) AS lines FROM (SELECT grp, year, line, count(*) AS exporters FROM "
        f"({whole.format(firms='')}) l GROUP BY grp, year, line) m GROUP BY grp, year, exporters",
    )
    spans = firm_spans(relations)
    if len(spans) == 1:
        relations.make(f"dynamics_{line}s", _line_years(whole.format(firms="")))
        return
    # Each part is sorted in memory, so that nothing is sorted on disk.
    parts = [f"dynamics_{line}s_{i}" for i in range(len(spans))]
    for part, span in zip(parts, spans, strict=True):
        firms = f"AND s.firm BETWEEN {span.first} AND {span.last}"
        relations.make(part, _line_years(whole.format(firms=firms)))
    relations.view(f"dynamics_{line}s", " UNION ALL ".join(f"SELECT * FROM {p}" for p in parts))


def _line_years(lines: str) -> str:
    window = "OVER (PARTITION BY grp, firm, line ORDER BY year)"
    new, gone = "(before IS NULL OR before < year - 1)", "(after IS NULL OR after > year + 1)"

    def total(what: str, condition: str) -> str:
        return f"CAST(sum(CASE WHEN {condition} THEN {what} ELSE 0 END) AS BIGINT)"

    return (
        f"SELECT grp, firm, year, count(*) AS n, {total('1', new)} AS new_n, {total('cents', new)} AS new_cents, "
        f"{total('1', gone)} AS gone_n, {total('1', f'{new} AND after = year + 1')} AS kept_n FROM "
        f"(SELECT grp, firm, year, cents, lag(year) {window} AS before, lead(year) {window} AS after FROM ({lines}) l) w "
        "GROUP BY grp, firm, year"
    )


def _make_known(relations: Relations) -> None:
    """Relation `dynamics_known`: whether a firm's exports are known in the years around each year.

    They are where it did not export, and where its shipments are there; a panel may know an exporter whose shipments are not.
    """
    window = "OVER (PARTITION BY firm ORDER BY year)"
    known = "CASE WHEN s.exporter = 0 OR e.cents IS NOT NULL THEN 1 ELSE 0 END"
    ahead = ", ".join(f"coalesce(lead(known, {h}) {window}, 0) AS known_{h}" for h in _AHEAD)
    relations.make(
        "dynamics_known",
        f"SELECT firm, year, known, coalesce(lag(known) {window}, 0) AS known_before, {ahead} FROM (SELECT s.firm, s.year, "
        f"{known} AS known FROM {STATES} s LEFT JOIN export_years e ON e.firm = s.firm AND e.year = s.year) k",
    )


def observed_years(relations: Relations) -> list[tuple[int, bool]]:
    """Every year from the first to the last, and whether anybody's exports are known in it."""
    found = relations.frame(
        "SELECT year, max(known) AS known FROM dynamics_known GROUP BY year ORDER BY year"
    )
    return [
        (int(y), bool(k)) for y, k in found[["year", "known"]].itertuples(index=False, name=None)
    ]


def _ratio(above: str, below: str) -> str:
    return f"CAST({above} AS DOUBLE) / CAST({below} AS DOUBLE)"


def _exporters(lines: Sequence[str]) -> str:
    window = "OVER (PARTITION BY t.grp, t.firm ORDER BY t.year)"
    joined = ["t.grp", "t.firm", "t.year", "t.cents", f"lag(t.year) {window} AS year_before", f"lag(t.cents) {window} AS cents_lag",
              f"lead(t.cents) {window} AS cents_lead",
              *(f"lead(t.year, {h}) {window} AS year_{h}" for h in _AHEAD)]  # fmt: skip
    joins = "dynamics_totals t"
    for line in lines:
        x = line[0]
        joined += [f"{x}.{c} AS {line}_{c}" for c in ("n", "new_n", "new_cents", "kept_n")]
        joined += [f"lag({x}.{c}) {window} AS {line}_{c}_before" for c in ("n", "gone_n")]
        joined += [f"lead({x}.{c}) {window} AS {line}_{c}_after" for c in ("n", "new_n", "new_cents")]  # fmt: skip
        joins += f" LEFT JOIN dynamics_{line}s {x} ON {x}.grp = t.grp AND {x}.firm = t.firm AND {x}.year = t.year"
    every = {h: " AND ".join(f"e.year_{i} = e.year + {i}" for i in range(1, h + 1)) for h in _AHEAD}
    known = {h: " AND ".join(f"k.known_{i} = 1" for i in range(1, h + 1)) for h in _AHEAD}

    def alive(h: int) -> str:
        # A year that is gone from the rows compares as missing, and so falls to 0.
        return f"CASE WHEN {known[h]} THEN CASE WHEN {every[h]} THEN 1e0 ELSE 0e0 END ELSE NULL END"

    inner = [
        "e.*",
        "CASE WHEN k.known_before = 1 THEN CASE WHEN e.year_before = e.year - 1 THEN 1e0 ELSE 0e0 END ELSE NULL END AS before",
        f"{alive(1)} AS after", f"{alive(2)} AS survives_2", f"{alive(3)} AS survives_3",
    ]  # fmt: skip
    picked = [
        "grp", "firm", "year", "cents", "before", "after", "survives_2", "survives_3",
        "CASE WHEN before = 1 THEN CAST(cents_lag AS DOUBLE) ELSE NULL END AS cents_before",
        "CASE WHEN after = 1 THEN CAST(cents_lead AS DOUBLE) ELSE NULL END AS cents_after",
    ]  # fmt: skip
    for line in lines:
        goes_on = "before = 0 AND after = 1"
        picked += [
            f"CAST({line}_n AS DOUBLE) AS {line}s",
            f"CASE WHEN before = 1 THEN {_ratio(f'{line}_new_n', f'{line}_n')} "
            f"WHEN {goes_on} THEN {_ratio(f'{line}_new_n_after', f'{line}_n_after')} ELSE NULL END AS {line}_entry",
            f"CASE WHEN before = 1 THEN {_ratio(f'{line}_new_cents', 'cents')} "
            f"WHEN {goes_on} THEN {_ratio(f'{line}_new_cents_after', 'cents_lead')} ELSE NULL END AS {line}_share",
            f"CASE WHEN before = 1 THEN {_ratio(f'{line}_gone_n_before', f'{line}_n_before')} ELSE NULL END AS {line}_exit",
            f"CASE WHEN before = 1 AND after = 1 AND {line}_new_n > 0 THEN {_ratio(f'{line}_kept_n', f'{line}_new_n')} "
            f"ELSE NULL END AS {line}_survival",
        ]
    return (
        f"SELECT {', '.join(picked)} FROM (SELECT {', '.join(inner)} FROM (SELECT {', '.join(joined)} FROM {joins}) e "
        "JOIN dynamics_known k ON k.firm = e.firm AND k.year = e.year) x"
    )
