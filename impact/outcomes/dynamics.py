"""Exporter dynamics: who exports, enters, leaves and survives, year by year, in the indicators of the Exporter Dynamics Database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from impact.core.errors import DataError
from impact.core.panel import Panel, require_panel
from impact.engines.relations import Relations
from impact.outcomes.dynamics_groups import Grouping, grouping
from impact.outcomes.dynamics_sql import EXPORTERS, LINES, make_exporters, observed_years
from impact.outcomes.dynamics_table import (
    coverage_of,
    flagged,
    indicator_table,
    left_out,
    values_by_year,
    warnings_of,
)
from impact.outcomes.edd_indicators import indicators
from impact.outcomes.linkage_notes import linkage_notes
from impact.outcomes.shipments import Shipments, opened
from impact.outcomes.shipments import shipments as take_shipments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXIT_DATING = {
    "first_absent": "exiters of a year exported in the year before and not in it; the exit rate is of the exporters of the year before",
    "last": "exiters of a year exported in it and not in the next; the exit rate is of the exporters of the year",
}
GROWTH = {
    "log": "growth is the change of the logarithm of exports",
    "rate": "growth is exports over those of the year before, less 1",
    "midpoint": "growth is the change of exports over the mean of both years",
}
_SHOWN = 20  # groups in a summary


@dataclass(frozen=True, slots=True, eq=False)
class DynamicsResult:
    """Exporter dynamics of a country; made by `impact.dynamics`.

    Attributes
    ----------
    table : DataFrame
        See `tidy`.
    by : str or None
        What the groups are; the column of that name holds them.
    unit : str
        Currency of amounts, or the column that held them.
    exit_dating, growth : str
        The conventions.
    notes : tuple of str
        Warnings, and what a reader must know.
    minimum : float
        Exports up to it do not make an exporter.
    """

    table: pd.DataFrame
    by: str | None
    unit: str
    exit_dating: str
    growth: str
    notes: tuple[str, ...]
    minimum: float = 0.0

    def tidy(self) -> pd.DataFrame:
        """One row per group, year and indicator.

        `[group,] year, code, indicator, statistic` (mean, median, sd, q1, q3, or empty), `value` (shares and rates between 0 and
        1), `n` (firms, products or destinations behind it), `n_at_risk` and `n_event` (of rates and counts), `unit`, `flags`.
        """
        return self.table.copy()

    def wide(self) -> pd.DataFrame:
        """One row per indicator (and group), one column per year."""
        keys = [*([self.by] if self.by else []), "code", "indicator", "statistic"]
        order = self.table[keys].drop_duplicates()
        wide = self.table.pivot(index=keys, columns="year", values="value")
        return wide.reindex(pd.MultiIndex.from_frame(order)).rename_axis(columns=None)

    def rates(self) -> pd.DataFrame:
        """The few that say most: one row per year (and group).

        `year, exporters, entry, exit, survival_1, survival_2, survival_3, entrant_share, top_5, hhi, mean_exports`.
        """
        names = {"A1": "exporters", "C1": "entry", "C2": "exit", "C3": "survival_1", "C5": "survival_2", "C6": "survival_3",
                 "C4": "entrant_share", "B2ii": "top_5", "B1": "hhi", "A6i": "mean_exports"}  # fmt: skip
        keys = [*([self.by] if self.by else []), "year"]
        few = self.table[self.table["code"].isin(list(names))]
        wide = few.pivot(index=keys, columns="code", values="value")[list(names)]
        order = self.table[keys].drop_duplicates()
        rows = wide.reindex(pd.MultiIndex.from_frame(order) if self.by else order["year"])
        return rows.rename(columns=names).rename_axis(columns=None).reset_index()

    def summary(self) -> str:
        """A table that fits a terminal, the conventions by name, and the warnings."""
        rates = self.rates()
        told = _by_group(rates, self.by, self.unit) if self.by else _by_year(rates, self.unit)
        said = [f"Exit dating '{self.exit_dating}': {EXIT_DATING[self.exit_dating]}. {_upper(GROWTH[self.growth])} "
                f"('{self.growth}'). – is not known, and not 0."]  # fmt: skip
        if self.minimum:
            said += [
                f"Exports of up to {self.minimum:,.10g} {self.unit} a year do not make an exporter (minimum)."
            ]
        said += [f"Warning: {note}" for note in self.notes]
        return "\n".join([*told, "", *said])

    def plot(self, group: object = None) -> Figure:
        """Entry, exit and first-year survival by year, and the number of exporters.

        Parameters
        ----------
        group : optional
            One of the groups; by default the four with most exporters.

        Raises
        ------
        DataError
            If there is no such group.
        """
        from impact.display.dynamics_figure import dynamics_figure

        rates = self.rates()
        if self.by is None:
            return dynamics_figure(rates)
        size = rates.groupby(self.by, sort=True)["exporters"].mean()
        if group is not None and group not in size.index:
            raise DataError(
                f"There is no group {group!r} of {self.by}; there are {', '.join(map(str, size.index[:8]))}, ..."
            )
        shown = [group] if group is not None else list(size.sort_values(ascending=False, kind="stable").index[:4])  # fmt: skip
        rows = pd.concat([rates[rates[self.by] == g] for g in shown])
        return dynamics_figure(rows.rename(columns={self.by: "group"}))

    def __repr__(self) -> str:
        return self.summary()


def dynamics(
    data: Shipments | pd.DataFrame,
    *,
    by: str | pd.Series | Mapping[object, object] | None = None,
    digits: int | None = None,
    exit_dating: str = "first_absent",
    growth: str = "log",
    minimum: float = 0.0,
    panel: Panel | None = None,
    exports: str | None = None,
    alive: str | None = None,
    currency: str | None = None,
    unit: str = "firm_id",
    time: str | None = None,
    product: str | None = None,
    destination: str | None = None,
    value: str | None = None,
) -> DynamicsResult:
    """Compute the indicators of the World Bank's Exporter Dynamics Database, by year, and by sector or destination.

    Parameters
    ----------
    data : Shipments or DataFrame
        What firms exported (see `impact.shipments`).
    by : str, Series or mapping, optional
        "destination" or "product": exporters to each destination (of each product) are a set of their own, which a firm may enter and
        leave. Or a group of firms, such as their sector: a mapping or Series from firm to group, or a column of the panel or of
        `data`; a firm that changes its group belongs to the last one.
    digits : int, optional
        With `by="product"`: how many of the first digits of a product make a group, such as 2.
    exit_dating : {"first_absent", "last"}
        An exiter of year t exported in t - 1 and not in t, and the exit rate is of the exporters of t - 1; or it exported in t and not
        in t + 1, and the rate is of the exporters of t.
    growth : {"log", "rate", "midpoint"}
        Growth g of exports from y to x (A11, A12): ln x - ln y, x/y - 1, or 2(x - y)/(x + y).
    minimum : float
        Exports (to the destination, of the product) up to this value do not make an exporter.
    panel : Panel, optional
        Firms that were observed; then a firm-year that was not stays out of whatever needs it: `flags` say
        in each row how many exporters are left out so. Without it, a firm that does not
        export in a year of the data did not export.
    exports, alive : str, optional
        As in `impact.entry`; of the panel.
    currency : str, optional
        What amounts are labelled with. Default: the name of the value column.
    unit, time, product, destination, value
        Columns of a DataFrame of shipments: see `impact.shipments`.

    Returns
    -------
    DynamicsResult

    Raises
    ------
    DataError
        If an argument is no choice, a column is missing, or the groups name no firm.

    Notes
    -----
    The 98 indicators and their codes are those of source 30 of the World Bank's interface (Cebeci, Fernandes, Freund and Pierola 2012,
    Policy Research Working Paper 6229), read in its public list of labels: D and E have mean, median and standard
    deviation; A4 carries a wrong label there, and is taken to be the number of surviving entrants. The labels do not hold the
    formulas. These are *our reading*, E being exporters, K the products of a firm in a year, t the row's year:

    - entrant of t: E in t, not in t - 1; incumbent: in both; surviving entrant of t: an entrant that exports in t + 1, too. Its rows
      stand in the year of entry: A9 is its value in t, A12 its growth from t to t + 1, D2 and D4 what is new in t + 1.
    - C1 entrants by exporters of t; C3 surviving entrants by entrants; C5 and C6: exporting in *every* year to t + 2, t + 3, of entrants
      for whom all those years are known; C4 exports of entrants by exports of all.
    - A8: what exiters exported in their last year.
    - B1 from shares of exporters in exports; B2: the top p % of N exporters are p N / 100 of them, rounded up.
    - D1 = #(K_t not in K_t-1) / #K_t of incumbents; D3 the same in value; D5 = #(K_t-1 not in K_t) / #K_t-1; D6, of firms that
      export in t - 1, t and t + 1, is the part of #(K_t not in K_t-1) that is in K_t+1. All are averaged over firms, not pooled.
    - A quantile is Stata's (the mean of two neighbours where the place is whole); standard deviations have n - 1 below.

    In the first year nobody's past is known, in the last nobody's future; what needs them is missing, never 0, and so is all that needs a
    year in which nobody exports. By destination, what counts destinations of a firm (B4, B6, E) is missing; by product, what counts products,
    unless `digits` leaves several in a group.

    Rates of entry and exit outside 15 to 65 % are flagged, and so are years in which coverage is likely to break: an identifier that changes looks like
    exit and entry.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm_id": ["a", "a", "a", "b", "b", "c"], "year": [2010, 2011, 2012, 2011, 2012, 2010],
    ...                      "value": [5.0, 6.0, 7.0, 1.0, 2.0, 4.0]})
    >>> found = impact.dynamics(rows)
    >>> found.wide().loc[["C1", "C2", "C3"]].droplevel(["indicator", "statistic"])
          2010  2011  2012
    code
    C1     NaN   0.5   0.0
    C2     NaN   0.5   0.0
    C3     NaN   1.0   NaN
    """
    _check(exit_dating, growth, minimum)
    given = take_shipments(data, unit=unit, time=time, product=product, destination=destination, value=value)  # fmt: skip
    if panel is not None:
        panel = require_panel(panel, "panel=")
    groups = grouping(by, digits, given, panel, data if isinstance(data, pd.DataFrame) else None)
    linked = linkage_notes(given, panel, exports=exports, alive=alive, minimum=minimum)
    groups = replace(groups, notes=(*groups.notes, *linked))
    with opened(given, panel, minimum=minimum, exports=exports, alive=alive) as (relations, codes):
        return dynamics_of(
            relations, groups, firms=codes, products=pd.Series(given.products, index=range(1, len(given.products) + 1)),
            destinations=pd.Series(given.destinations, index=range(1, len(given.destinations) + 1)),
            decimals=given.decimals, minimum=minimum, unit=currency or given.value, exit_dating=exit_dating, growth=growth, months=given.months,
        )  # fmt: skip


def _check(exit_dating: str, growth: str, minimum: float) -> None:
    for name, value, known in (("exit_dating", exit_dating, EXIT_DATING), ("growth", growth, GROWTH)):  # fmt: skip
        if value not in known:
            raise DataError(f"There is no {name} '{value}'; choose from {', '.join(known)}.")
    if not minimum >= 0:
        raise DataError("minimum is an amount, 0 or more.")


def dynamics_of(
    relations: Relations,
    groups: Grouping,
    *,
    firms: pd.Series,
    products: pd.Series,
    destinations: pd.Series,
    decimals: int,
    unit: str,
    exit_dating: str,
    growth: str,
    minimum: float = 0.0,
    breaks: pd.DataFrame | None = None,
    months: pd.DataFrame | None = None,
) -> DynamicsResult:
    """Compute the indicators on relations that hold what `sum_cells` made, and `firm_states`.

    Parameters
    ----------
    relations : Relations
    groups : Grouping
    firms : Series
        Identifier -> code.
    products, destinations : Series
        Code -> what it means; empty where the data do not part exports so.
    decimals : int
        Of the cells.
    unit : str
        Of amounts.
    exit_dating, growth, minimum
        As in `dynamics`.
    breaks : DataFrame, optional
        Of coverage; looked for here where missing.
    months : DataFrame, optional
        `year, month` of the shipments, for breaks that are looked for here.

    Returns
    -------
    DynamicsResult
    """
    _check(exit_dating, growth, minimum)
    names, kind, notes = groups.put(relations, firms, products, destinations)
    held = {"product": len(products) > 0, "destination": len(destinations) > 0}
    lines = [x for x in LINES if held[x] and x != groups.single]
    make_exporters(relations, kind, lines, minimum=int(np.floor(minimum * 10.0**decimals)))
    if minimum and not relations.frame(f"SELECT count(*) AS n FROM {EXPORTERS}")["n"].iloc[0]:
        raise DataError(
            f"No exporter is left: nobody's exports of a year{_to_each(groups)} are above the minimum of {minimum:,.10g} {unit}. Is it in the unit of the "
            "amounts? Name a smaller one."
        )
    years = observed_years(relations)
    listed = indicators(exit_dating)
    values = values_by_year(
        relations, years, lines, len(names), 10.0**decimals, growth, exit_dating
    )
    table = indicator_table(
        values, years, listed, names, groups.name, unit, growth, lines, groups.single
    )
    found = coverage_of(relations, months) if breaks is None else breaks
    table = flagged(table, found, left_out(relations, names, groups.name, exit_dating))
    notes = [*notes, *warnings_of(table, groups.name, found)]
    return DynamicsResult(table, groups.name, unit, exit_dating, growth, tuple(notes), minimum)


def _to_each(groups: Grouping) -> str:
    return {"destination": " to a destination", "product": " of a product"}.get(groups.kind, "")


def _by_year(rates: pd.DataFrame, unit: str) -> list[str]:
    heads = [
        "year",
        "exporters",
        "entry",
        "exit",
        "alive 1",
        "alive 2",
        "alive 3",
        "entrants'",
        "top 5 %",
        "HHI",
        "mean",
    ]
    under = ["", "", "%", "%", "%", "%", "%", "share %", "share %", "", unit[:14]]
    lines = []
    for r in rates.itertuples():
        shares = (
            r.entry,
            r.exit,
            r.survival_1,
            r.survival_2,
            r.survival_3,
            r.entrant_share,
            r.top_5,
        )
        lines.append([str(r.year), _number(r.exporters, 0), *(_number(100 * s, 1) for s in shares),
                      _number(r.hhi, 4), _number(r.mean_exports, 0)])  # fmt: skip
    return _columns([heads, under, *lines])


def _by_group(rates: pd.DataFrame, by: str | None, unit: str) -> list[str]:
    """Means over the years in which a rate is known, the groups with most exporters first."""
    means = rates.groupby(by, sort=True)[
        ["exporters", "entry", "exit", "survival_1", "mean_exports"]
    ].mean()
    means = means.sort_values("exporters", ascending=False, kind="stable")
    heads = [str(by), "exporters a year", "entry", "exit", "alive 1", "mean"]
    lines = [[str(r.Index)[:24], _number(r.exporters, 1), *(_number(100 * s, 1) for s in (r.entry, r.exit, r.survival_1)),
              _number(r.mean_exports, 0)] for r in means.head(_SHOWN).itertuples()]  # fmt: skip
    told = _columns([heads, ["", "", "%", "%", "%", unit[:14]], *lines])
    more = len(means) - _SHOWN
    return told + ([f"… and {more:,} more groups; means over the years that are known."] if more > 0 else
                   ["Means over the years that are known."])  # fmt: skip


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))).rstrip()
        for r in rows
    ]  # fmt: skip


def _number(value: float, decimals: int) -> str:
    return "–" if np.isnan(value) else f"{value:,.{decimals}f}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
