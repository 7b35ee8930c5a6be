"""Where exports and their growth come from: destinations, products, how densely they are crossed, and value per pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.counts import OutcomeCount, count_table, level_count
from impact.core.errors import DataError
from impact.core.panel import Panel
from impact.engines.relations import Relations
from impact.outcomes.firm_states import STATES
from impact.outcomes.group_columns import group_column, ungrouped
from impact.outcomes.job_flows import growth as midpoint_growth
from impact.outcomes.line_years import make_line_years
from impact.outcomes.linkage_notes import linkage_notes
from impact.outcomes.shipments import Shipments, level_names, opened
from impact.outcomes.shipments import shipments as take_shipments

LOGS = ("ln_value", "ln_destinations", "ln_products", "ln_density", "ln_average")
"""The logarithm of a firm-year's exports, and the four that sum to it."""

GROWTH = "exports_growth"
"""Midpoint growth of a firm's exports (Davis, Haltiwanger and Schuh 1996), between -2 and 2."""

MARGINS = {
    "entrants": "firms that did not export in the year before",
    "exiters": "firms that do not export any more",
    "added": "pairs that continuing firms added",
    "dropped": "pairs that continuing firms dropped",
    "grown": "pairs of continuing firms that grew",
    "shrunk": "pairs of continuing firms that shrank",
}
"""Where the change of a group's exports comes from; losses have a negative sign."""


@dataclass(frozen=True, slots=True, eq=False)
class Margins:
    """Margins of firm-years and of the growth of groups; made by `impact.margins`.

    Attributes
    ----------
    identity : DataFrame
        One row per firm-year with exports: `value, destinations, products, pairs`, `density = pairs / (destinations x products)`,
        `average = value / pairs`, and the logarithms: `ln_value = ln_destinations + ln_products + ln_density + ln_average`.
    growth : DataFrame
        One row per year (and group, in a column of the group's own name): `value_before, value, change`, and its six parts `entrants`, `exiters`, `added`, `dropped`, `grown`,
        `shrunk`, which sum to it; the same with `_contribution`, over the mean of both years, which sum to `growth`; `n_entrants, n_exiters,
        n_continuing`, and of these `n_added, n_dropped, n_grown, n_shrunk`; `n_unobserved` firms that exported in one of the years and were not observed in the other, which are
        left out, with `value_unobserved`.
    firm_growth : DataFrame
        One row per firm and year in which it exported, then or in the year before: `kind` (entrant, exiter, continuing, unobserved in one of
        the two years), `value_before`, `value`, and `exports_growth = 2 (value - value_before) / (value + value_before)`: 2 on entry, -2 on
        exit. Weighted by the mean of both values it sums to the growth of a group. All three are missing for those that are unobserved.
    unit : str
    group : str or None
        Column of the groups in `growth` and `tidy()`: that of the panel, or `group` where its name is taken there.
    notes : tuple of str
        What a reader must know, such as firms that were not linked.
    """

    identity: pd.DataFrame
    growth: pd.DataFrame
    firm_growth: pd.DataFrame
    unit: str
    group: str | None
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Growth in long form: `year` [group] `margin label amount contribution n flags`.

        `n` firms are behind a margin: entrants, exiters, and the continuing firms that added, dropped, grew or shrank a pair.
        """
        keys = ["year", *([] if self.group is None else [self.group])]
        rows = []
        for row in self.growth.to_dict("records"):
            lost = int(row["n_unobserved"])
            flag = f"{lost:,} firms not observed in one of the years are left out" if lost else ""
            for margin, label in MARGINS.items():
                rows.append({
                    **{k: row[k] for k in keys}, "margin": margin, "label": label, "amount": row[margin],
                    "contribution": row[f"{margin}_contribution"], "n": row[f"n_{margin}"], "flags": flag,
                })  # fmt: skip
        return pd.DataFrame(rows, columns=[*keys, *_TIDY])

    def counts(self) -> pd.DataFrame:
        """Rows behind each logarithm, and behind the growth of firms."""
        keys = [self.unit, "year"]
        growth = self.firm_growth[[*keys, GROWTH]]
        return count_table(
            self._counts(self.identity[[*keys, *LOGS]].merge(growth, how="outer", on=keys))
        )

    @staticmethod
    def _counts(rows: pd.DataFrame) -> tuple[OutcomeCount, ...]:
        words = {"ln_value": "log of exports", "ln_destinations": "log of destinations", "ln_products": "log of products",
                 "ln_density": "log of the share of product-destination pairs in use", "ln_average": "log of exports per pair"}  # fmt: skip
        logs = (
            level_count(c, words[c], "log points", rows[c], ("firm-years with exports only",))
            for c in LOGS
        )
        growth = level_count(GROWTH, "midpoint growth of exports, 2 on entry and -2 on exit", "share of the mean of both years", rows[GROWTH],
                             ("firm-years without exports in both years have no growth",))  # fmt: skip
        return (*logs, growth)

    def onto(self, panel: Panel) -> Panel:
        """Return a panel with the five logarithms and `exports_growth` as columns.

        Logarithms are missing where nothing is exported; estimates on the four parts sum to that on `ln_value`. Growth is missing where
        nothing is exported in both years, or one of the two was not observed.
        """
        index = pd.MultiIndex.from_arrays([panel.data[panel.unit], panel.data[panel.time]])
        columns = pd.DataFrame(index=panel.data.index)
        for table, names in ((self.identity, list(LOGS)), (self.firm_growth, [GROWTH])):
            found = table.set_index([self.unit, "year"])[names].reindex(index)
            columns[names] = found.to_numpy()
        return panel.with_outcomes(columns, self._counts(columns), self.notes)

    def summary(self) -> str:
        """Say year by year what growth came from."""
        lines = []
        for row in self.growth.to_dict("records"):
            who = "" if self.group is None else f", {self.group} = {row[self.group]}"
            parts = ", ".join(f"{m} {_signed(row[f'{m}_contribution'])}" for m in MARGINS)
            lines.append(
                f"{row['year']}{who}: {_signed(row['growth'])} % of the mean of both years = {parts}."
            )
        nothing = "No two years in a row were observed, so there is no growth to part."
        return "\n".join([*(lines or [nothing]), *self.notes])

    def __repr__(self) -> str:
        return self.summary()


_TIDY = ("margin", "label", "amount", "contribution", "n", "flags")


def _signed(share: float) -> str:
    """Per cent with a sign; what rounds to 0 has none of its own."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def margins(
    data: Shipments | pd.DataFrame,
    *,
    panel: Panel | None = None,
    group: str | None = None,
    exports: str | None = None,
    alive: str | None = None,
    minimum: float = 0.0,
    unit: str = "firm_id",
    time: str | None = None,
    product: str | None = None,
    destination: str | None = None,
    value: str | None = None,
) -> Margins:
    """Part the exports of each firm-year, and the growth of exports of groups of firms, into margins.

    Parameters
    ----------
    data : Shipments or DataFrame
        With products and destinations.
    panel : Panel, optional
        Who was observed: its firms are the population. Without it, the exporters in every year of the data.
    group : str, optional
        Column of the panel, constant within the firm, such as a mark of participants; growth is then parted for each group, in a column
        of that name. Firms without a value are in no group, and counted in a note.
    exports, alive, minimum
        As in `impact.entry`; of the panel.
    unit, time, product, destination, value
        Columns of a DataFrame of shipments: see `impact.shipments`.

    Returns
    -------
    Margins

    Raises
    ------
    DataError
        If products or destinations are not in the data, or the group changes within a firm.

    Notes
    -----
    value = destinations x products x density x average value per pair, so that the logarithms add. The change of a group's exports is
    that of entrants less exiters, and, for continuing firms, pairs added less dropped, and the growth and shrinkage of pairs that
    stayed. Divided by the mean of both years they sum to midpoint growth (Davis, Haltiwanger and Schuh 1996), between -2 and 2.
    Firms that were not observed in one of the two years are left out of both.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm_id": ["a", "a", "b"], "year": [2014, 2015, 2015], "product": "x", "destination": "DE",
    ...                      "value": [100.0, 130.0, 30.0]})
    >>> impact.margins(rows).growth.loc[0, ["change", "entrants", "grown"]].tolist()
    [60.0, 30.0, 30.0]
    """
    given = take_shipments(
        data, unit=unit, time=time, product=product, destination=destination, value=value
    )
    level_names(given, ["pair"])
    groups = _groups(panel, group)
    with opened(given, panel, minimum=minimum, exports=exports, alive=alive) as (relations, codes):
        identity = _identity(relations)
        make_line_years(relations, "pair", look_back=1)
        growth = _growth(
            relations, None if groups is None else groups.reindex(codes.index).to_numpy(), codes
        )
        firms = _firm_growth(relations)
    names = pd.Series(codes.index, index=codes.to_numpy())
    identity[given.unit] = names[identity["firm"]].to_numpy()
    firms.insert(0, given.unit, names[firms.pop("firm")].to_numpy())
    scale = 10.0**given.decimals
    firms[["value_before", "value"]] /= scale
    identity["value"] /= scale
    identity["average"] /= scale
    identity["ln_value"] -= np.log(scale)
    identity["ln_average"] -= np.log(scale)
    first = [given.unit, "year", "value", "destinations", "products", "pairs", "density", "average"]
    key = None if group is None else group_column(group, {*_finished(growth, scale, None), *_TIDY})
    notes = linkage_notes(given, panel, exports=exports, alive=alive, minimum=minimum)
    alone = [] if groups is None else ungrouped(groups, str(group))
    return Margins(identity[[*first, *LOGS]], _finished(growth, scale, key), firms, given.unit, key, (*notes, *alone))  # fmt: skip


def _groups(panel: Panel | None, group: str | None) -> pd.Series | None:
    if group is None:
        return None
    if panel is None:
        raise DataError("group is a column of the panel: give panel=, too.")
    return panel.by_unit(group)


_IDENTITY = """
SELECT firm, year, CAST(cents AS DOUBLE) AS value, destinations, products, pairs,
  CAST(pairs AS DOUBLE) / (CAST(destinations AS DOUBLE) * CAST(products AS DOUBLE)) AS density,
  CAST(cents AS DOUBLE) / CAST(pairs AS DOUBLE) AS average, ln(CAST(cents AS DOUBLE)) AS ln_value,
  ln(CAST(destinations AS DOUBLE)) AS ln_destinations, ln(CAST(products AS DOUBLE)) AS ln_products,
  ln(CAST(pairs AS DOUBLE)) - ln(CAST(destinations AS DOUBLE)) - ln(CAST(products AS DOUBLE)) AS ln_density,
  ln(CAST(cents AS DOUBLE)) - ln(CAST(pairs AS DOUBLE)) AS ln_average
FROM export_years
"""


def make_margins(relations: Relations) -> None:
    """Make the view `export_margins`: the identity of each firm-year with exports, in cents.

    Parameters
    ----------
    relations : Relations
        Holds `export_years`.
    """
    relations.view("export_margins", _IDENTITY)


def _identity(relations: Relations) -> pd.DataFrame:
    make_margins(relations)
    return relations.frame(
        f"SELECT m.* FROM export_margins m JOIN {STATES} s ON s.firm = m.firm AND s.year = m.year "
        "WHERE s.exporter = 1 ORDER BY m.firm, m.year"
    )


def make_growth_margins(relations: Relations) -> None:
    """Make the view `firm_growth`, one row per firm and year but the first: what it adds to the change of exports, in cents.

    `kind` is entrant, exiter, continuing, or unobserved in one of the two years; firms that export in neither have no row.

    Parameters
    ----------
    relations : Relations
        Holds `firm_states` and `pair_years`.
    """
    relations.view(
        "firm_growth",
        "SELECT firm, year, kind, CASE WHEN kind IN ('exiter', 'continuing') THEN before ELSE 0 END AS value_before, "
        "CASE WHEN kind IN ('entrant', 'continuing') THEN now ELSE 0 END AS value, "
        "CASE WHEN kind = 'entrant' THEN now ELSE 0 END AS entrants, CASE WHEN kind = 'exiter' THEN -before ELSE 0 END AS exiters, "
        "CASE WHEN kind = 'continuing' THEN added ELSE 0 END AS added, CASE WHEN kind = 'continuing' THEN -gone ELSE 0 END AS dropped, "
        "CASE WHEN kind = 'continuing' THEN up ELSE 0 END AS grown, CASE WHEN kind = 'continuing' THEN -down ELSE 0 END AS shrunk, "
        "CASE WHEN kind = 'unobserved' THEN now + before ELSE 0 END AS value_unobserved FROM ("
        "SELECT s.firm, s.year, coalesce(l.cents, 0) AS now, coalesce(b.cents, 0) AS before, coalesce(l.added_cents, 0) AS added, "
        "coalesce(b.left_cents, 0) AS gone, coalesce(l.up, 0) AS up, coalesce(l.down, 0) AS down, "
        # An exporter without a shipment: what it exported is not known.
        "CASE WHEN s.exporter IS NULL OR p.exporter IS NULL OR (s.exporter = 1 AND l.cents IS NULL) OR (p.exporter = 1 AND b.cents IS NULL) "
        "THEN 'unobserved' WHEN p.exporter = 0 THEN 'entrant' "
        "WHEN s.exporter = 0 THEN 'exiter' ELSE 'continuing' END AS kind "
        f"FROM {STATES} s JOIN {STATES} p ON p.firm = s.firm AND p.year = s.year - 1 "
        "LEFT JOIN pair_years l ON l.firm = s.firm AND l.year = s.year AND s.exporter = 1 "
        "LEFT JOIN pair_years b ON b.firm = s.firm AND b.year = s.year - 1 AND p.exporter = 1 "
        "WHERE s.exporter = 1 OR p.exporter = 1) kinds",
    )


def _firm_growth(relations: Relations) -> pd.DataFrame:
    """`firm, year, kind, value_before, value, exports_growth` of `firm_growth`, in cents."""
    found = relations.frame(
        "SELECT firm, year, kind, CAST(value_before AS DOUBLE) AS value_before, CAST(value AS DOUBLE) AS value FROM firm_growth "
        "ORDER BY firm, year"
    )
    values = ["value_before", "value"]
    found[values] = found[values].mask(found["kind"] == "unobserved")
    return found.assign(**{GROWTH: midpoint_growth(found["value"], found["value_before"])})


def _growth(
    relations: Relations, labels: npt.NDArray[Any] | None, codes: pd.Series
) -> pd.DataFrame:
    """Sums of `firm_growth` by year and group."""
    make_growth_margins(relations)
    sums = ", ".join(
        f"CAST(sum({c}) AS BIGINT) AS {c}"
        for c in ("value_before", "value", *MARGINS, "value_unobserved")
    )
    heads = ", ".join(
        f"CAST(sum(CASE WHEN kind = '{kind}' THEN 1 ELSE 0 END) AS BIGINT) AS {name}"
        for name, kind in (("n_entrants", "entrant"), ("n_exiters", "exiter"), ("n_continuing", "continuing"),
                           ("n_unobserved", "unobserved"))
    )  # fmt: skip
    heads += "".join(
        f", CAST(sum(CASE WHEN {margin} <> 0 THEN 1 ELSE 0 END) AS BIGINT) AS n_{margin}"
        for margin in ("added", "dropped", "grown", "shrunk")
    )
    if labels is None:
        return relations.frame(
            f"SELECT year, {sums}, {heads} FROM firm_growth GROUP BY year ORDER BY year"
        )
    known = pd.notna(labels)
    number, words = pd.factorize(pd.Series(labels)[known], sort=True)
    relations.put("firm_groups", pd.DataFrame({"firm": codes.to_numpy()[known], "place": number}))
    found = relations.frame(
        f"SELECT f.year, g.place, {sums}, {heads} FROM firm_growth f JOIN firm_groups g ON g.firm = f.firm "
        "GROUP BY f.year, g.place ORDER BY f.year, g.place"
    )
    return found.assign(group=np.asarray(words)[found.pop("place").to_numpy()])


def _finished(found: pd.DataFrame, scale: float, group: str | None) -> pd.DataFrame:
    """Amounts, midpoint contributions and counts; a year in which nobody's change was seen has no row."""
    counts = ["n_entrants", "n_exiters", "n_continuing", "n_unobserved"]
    found = found[found[counts[:3]].sum(axis=1) > 0].reset_index(drop=True)
    mean = (found["value"] + found["value_before"]) / 2
    table = pd.DataFrame({"year": found["year"]})
    if group is not None:
        table[group] = found["group"]
    table["value_before"], table["value"] = found["value_before"] / scale, found["value"] / scale
    table["change"] = (found["value"] - found["value_before"]) / scale
    for margin in MARGINS:
        table[margin] = found[margin] / scale
    table["growth"] = (found["value"] - found["value_before"]) / mean
    for margin in MARGINS:
        table[f"{margin}_contribution"] = found[margin] / mean
    table[counts] = found[counts]
    more = [f"n_{margin}" for margin in ("added", "dropped", "grown", "shrunk")]
    table[more] = found[more]
    table["value_unobserved"] = found["value_unobserved"] / scale
    return table
