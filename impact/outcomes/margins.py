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
from impact.outcomes.line_years import make_line_years
from impact.outcomes.linkage_notes import linkage_notes
from impact.outcomes.shipments import Shipments, level_names, opened
from impact.outcomes.shipments import shipments as take_shipments

LOGS = ("ln_value", "ln_destinations", "ln_products", "ln_density", "ln_average")
"""The logarithm of a firm-year's exports, and the four that sum to it."""

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
        One row per year (and group): `value_before, value, change`, and its six parts `entrants`, `exiters`, `added`, `dropped`, `grown`,
        `shrunk`, which sum to it; the same with `_contribution`, over the mean of both years, which sum to `growth`; `n_entrants, n_exiters,
        n_continuing`, and of these `n_added, n_dropped, n_grown, n_shrunk`; `n_unobserved` firms that exported in one of the years and were not observed in the other, which are
        left out, with `value_unobserved`.
    unit : str
    group : str or None
    notes : tuple of str
        What a reader must know, such as firms that were not linked.
    """

    identity: pd.DataFrame
    growth: pd.DataFrame
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
        columns = [*keys, "margin", "label", "amount", "contribution", "n", "flags"]
        return pd.DataFrame(rows, columns=columns)

    def counts(self) -> pd.DataFrame:
        """Rows behind each logarithm."""
        return count_table(self._counts(self.identity))

    @staticmethod
    def _counts(rows: pd.DataFrame) -> tuple[OutcomeCount, ...]:
        words = {"ln_value": "log of exports", "ln_destinations": "log of destinations", "ln_products": "log of products",
                 "ln_density": "log of the share of product-destination pairs in use", "ln_average": "log of exports per pair"}  # fmt: skip
        return tuple(
            level_count(c, words[c], "log points", rows[c], ("firm-years with exports only",))
            for c in LOGS
        )

    def onto(self, panel: Panel) -> Panel:
        """Return a panel with the five logarithms as columns; missing where nothing is exported.

        Estimates on the four parts sum to that on `ln_value`.
        """
        index = pd.MultiIndex.from_arrays([panel.data[panel.unit], panel.data[panel.time]])
        found = self.identity.set_index([self.unit, "year"])[list(LOGS)].reindex(index)
        columns = pd.DataFrame(found.to_numpy(), columns=list(LOGS), index=panel.data.index)
        return panel.with_outcomes(columns, self._counts(columns))

    def summary(self) -> str:
        """Say year by year what growth came from."""
        lines = []
        for row in self.growth.to_dict("records"):
            who = "" if self.group is None else f", {self.group} = {row[self.group]}"
            parts = ", ".join(f"{m} {_signed(row[f'{m}_contribution'])}" for m in MARGINS)
            lines.append(
                f"{row['year']}{who}: {_signed(row['growth'])} % of the mean of both years = {parts}."
            )
        return (
            "\n".join(lines)
            or "No two years in a row were observed, so there is no growth to part."
        )

    def __repr__(self) -> str:
        return self.summary()


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
        Column of the panel, constant within the firm, such as a mark of participants; growth is then parted for each group.
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
    identity[given.unit] = pd.Series(codes.index, index=codes.to_numpy())[
        identity["firm"]
    ].to_numpy()
    scale = 10.0**given.decimals
    identity["value"] /= scale
    identity["average"] /= scale
    identity["ln_value"] -= np.log(scale)
    identity["ln_average"] -= np.log(scale)
    first = [given.unit, "year", "value", "destinations", "products", "pairs", "density", "average"]
    return Margins(identity[[*first, *LOGS]], _finished(growth, scale, group), given.unit, group,
                   linkage_notes(given, panel, exports=exports, alive=alive, minimum=minimum))  # fmt: skip


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
