"""Spells of exporting: how long a firm, or its sales of a product or to a destination, goes on without a break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from impact.core.counts import OutcomeCount, count_table
from impact.core.errors import DataError
from impact.core.panel import Panel
from impact.engines.relations import Relations, open_relations
from impact.outcomes.firm_states import put_states
from impact.outcomes.line_years import KEYS, LEVELS, PLURAL
from impact.outcomes.linkage_notes import linkage_notes
from impact.outcomes.panel_states import panel_states
from impact.outcomes.shipments import Shipments, level_names, opened
from impact.outcomes.shipments import shipments as take_shipments
from impact.outcomes.spell_masks import make_spell_starts, make_spells


@dataclass(frozen=True, slots=True, eq=False)
class SpellTable:
    """Spells, one row each; made by `impact.spells`.

    Attributes
    ----------
    data : DataFrame
        In the order of firm, line and time. The firm, and the product and destination where the level has them;
        `start`, `end` (years with exports), `length` (`end - start + 1` years), `order` (1 is the first of the firm or line),
        `left_cens` (it may have begun earlier), `right_cens` (it may have gone on), `gap_filled` (years without exports
        that were bridged), `event` (1 where it is known to have ended), `status` of the year after the last one: exit,
        firm death, unobserved, end of data; `open_gap` (with a gap rule: the year after is known and has no exports, but a shipment
        after a gap, which would be of the same spell, would not be seen: so it is right-censored); `start_month` and `start_value` of exports in the first year, where known.
    level : str
    gap : int
    unit : str
    first_year, last_year : int
        Years of the data.
    notes : tuple of str
        What a reader must know, such as firms that were not linked.
    """

    data: pd.DataFrame
    level: str
    gap: int
    unit: str
    first_year: int
    last_year: int
    notes: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        """Columns that name a firm or line."""
        return [str(c) for c in self.data.columns[: self.data.columns.get_loc("start")]]

    def tidy(self) -> pd.DataFrame:
        """A copy of the spells."""
        return self.data.copy()

    def person_period(self, *, left_censored: bool = False) -> pd.DataFrame:
        """One row for each year of each spell: the form in which hazards are estimated.

        Parameters
        ----------
        left_censored : bool
            Whether spells of unknown age are kept; their `age` then counts from the first year of the data, and is too low.

        Returns
        -------
        DataFrame
            The keys, `order`, `year`, `age` (1 in the first year), `event` (1 in the last year of a spell that ended, else 0),
            `left_cens`, `length`. No row follows the event.
        """
        spells = self.data if left_censored else self.data[~self.data["left_cens"]]
        times = spells["length"].to_numpy()
        rows = spells.loc[spells.index.repeat(times), [*self.keys, "order", "start", "length", "left_cens", "event"]]  # fmt: skip
        ends = np.cumsum(times)
        age = np.arange(1, len(rows) + 1) - np.repeat(ends - times, times)
        rows = rows.assign(year=rows["start"].to_numpy() + age - 1, age=age)
        rows["event"] = (rows["event"] == 1) & (rows["age"] == rows["length"])
        rows["event"] = rows["event"].astype("int64")
        picked = [*self.keys, "order", "year", "age", "event", "left_cens", "length"]
        return rows[picked].reset_index(drop=True)

    def risk_table(self) -> pd.DataFrame:
        """Spells at risk by age: `age n_at_risk n_event n_censored`; those of unknown age are left out.

        A spell is at risk of ending at each age that it has reached.
        """
        spells = self.data[~self.data["left_cens"]]
        ages = range(1, int(spells["length"].max()) + 1) if len(spells) else range(0)
        ended = spells.loc[spells["event"] == 1, "length"].value_counts()
        stopped = spells.loc[spells["event"] == 0, "length"].value_counts()
        rows = [
            (age, int((spells["length"] >= age).sum()), int(ended.get(age, 0)), int(stopped.get(age, 0)))
            for age in ages
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["age", "n_at_risk", "n_event", "n_censored"])

    def counts(self) -> pd.DataFrame:
        """How many spells there are, how many could be followed from their beginning, and how many ended."""
        data = self.data
        young = ~data["left_cens"]
        ended = int((data.loc[young, "event"] == 1).sum())
        n = int(young.sum())
        flags = [
            f"{int((~young).sum()):,} spells of unknown age (they may have begun before) are not at risk"
        ]
        if self.gap:
            flags.append(
                f"gaps of up to {self.gap} years are bridged; {int((data['gap_filled'] > 0).sum()):,} spells hold one"
            )
            if data["open_gap"].any():
                flags.append(
                    f"{int(data['open_gap'].sum()):,} spells ended too late for a gap in them to be seen, and are right-censored"
                )
        what = "firm" if self.level == "firm" else f"firm and {self.level}"
        count = OutcomeCount("spell_end", f"end of a spell of exporting, by {what}", "0/1", len(data), n, ended,
                             ended / n if n else np.nan, tuple(flags))  # fmt: skip
        return count_table([count])

    def summary(self) -> str:
        """Say in words how many spells there are and how they ended."""
        data = self.data
        how = data["status"].value_counts()
        parts = [
            f"{int(how[s]):,} {s}"
            for s in ("exit", "firm death", "unobserved", "end of data")
            if s in how
        ]
        what = "firms" if self.level == "firm" else f"firms and {PLURAL[self.level]}"
        rule = f"gaps of up to {self.gap} years bridged" if self.gap else "no gap bridged"
        return (
            f"{len(data):,} spells of exporting of {what}, {self.first_year} to {self.last_year} ({rule}). "
            f"{int(data['left_cens'].sum()):,} are of unknown age. After the last year: {', '.join(parts)}."
            + "".join(f"\n{note}" for note in self.notes)
        )

    def __repr__(self) -> str:
        return self.summary()


def spells(
    data: Panel | Shipments | pd.DataFrame,
    *,
    level: str = "firm",
    gap: int = 0,
    panel: Panel | None = None,
    exports: str | None = None,
    alive: str | None = None,
    minimum: float = 0.0,
    unit: str = "firm_id",
    time: str | None = None,
    product: str | None = None,
    destination: str | None = None,
    value: str | None = None,
) -> SpellTable:
    """Find the spells of exporting of firms, or of their products, destinations or pairs of both.

    Parameters
    ----------
    data : Panel, Shipments or DataFrame
        A panel (`level="firm"` only), or shipments.
    level : {"firm", "product", "destination", "pair"}
        Whose exports make a spell.
    gap : int
        Years without exports that a spell bridges: 0, or 1 as a check of robustness (Besedes and Prusa 2006).
    panel : Panel, optional
        With shipments: who was observed and alive. Without it, who does not export in a year of the data did not export, and
        the death of a firm cannot be told from its exit.
    exports, alive, minimum
        As in `impact.entry`; of a panel.
    unit, time, product, destination, value
        Columns of a DataFrame of shipments: see `impact.shipments`.

    Returns
    -------
    SpellTable

    Raises
    ------
    DataError
        If the level has no column, the gap is no number of years, or nobody exports.

    Notes
    -----
    A spell is left-censored when it begins in the first year of the data or after a year that was not observed: its age
    is not known. It is right-censored when it goes to the last year of the data, or the year after it was not observed. With a gap
    rule the same holds of each of the `gap + 1` years before and after it: a shipment in one of them would be of the same spell. So with
    `gap=1` spells that begin in the second year of the data are of unknown age, and those that stop in the last but one have no known end. Time
    is discrete: a firm that exports in 2005 only has length 1, and ends at age 1.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm_id": ["a", "a", "a", "b"], "year": [2011, 2012, 2014, 2010], "value": [5.0, 6.0, 7.0, 1.0]})
    >>> impact.spells(rows).data[["firm_id", "start", "end", "length", "order", "right_cens", "status"]]
      firm_id  start   end  length  order  right_cens       status
    0       a   2011  2012       2      1        True   unobserved
    1       a   2014  2014       1      2        True  end of data
    2       b   2010  2010       1      1       False         exit
    """
    if level not in ("firm", *LEVELS):
        raise DataError(f"There is no level '{level}'; choose from firm, {', '.join(LEVELS)}.")
    if int(gap) != gap or gap < 0:
        raise DataError("gap is a number of years, 0 or more.")
    if isinstance(data, Panel):
        if level != "firm":
            raise DataError(
                f"A panel has no {PLURAL[level]}: impact.spells(shipments, level='{level}', panel=panel)."
            )
        return _of_panel(data, gap, exports, alive, minimum)
    given = take_shipments(
        data, unit=unit, time=time, product=product, destination=destination, value=value
    )
    level_names(given, [] if level == "firm" else [level])
    with opened(
        given, panel, minimum=minimum, exports=exports, alive=alive, panel_years=level == "firm"
    ) as (relations, codes):
        first, last = make_spells(relations, level, gap=gap)
        found = _fetch(relations, level, starts=True)
    found["start_value"] = given.amount(found.pop("cents")).to_numpy()
    names: dict[str, Sequence[object]] = {
        "firm": pd.Series(codes.index, index=codes.to_numpy())[found["firm"]].to_numpy()
    }
    for line, levels in (("product", given.products), ("destination", given.destinations)):
        if line in found:
            names[line] = levels[found[line].to_numpy() - 1]
    renamed = {"firm": given.unit, "product": given.product, "destination": given.destination}
    keys = pd.DataFrame({renamed[k]: v for k, v in names.items()})
    notes = linkage_notes(given, panel, exports=exports, alive=alive, minimum=minimum)
    return replace(_table(keys, found, level, gap, given.unit, first, last), notes=notes)


def _of_panel(
    data: Panel, gap: int, exports: str | None, alive: str | None, minimum: float
) -> SpellTable:
    states = panel_states(data, exports=exports, alive=alive, minimum=minimum)
    codes, firms = pd.factorize(states["unit"], sort=True)
    with open_relations(threads=1) as relations:
        put_states(relations, states.assign(firm=codes + 1)[["firm", "year", "exporter", "alive"]])
        first, last = make_spells(relations, "firm", gap=gap)
        found = _fetch(relations, "firm", starts=False)
    keys = pd.DataFrame({data.unit: np.asarray(firms)[found["firm"].to_numpy() - 1]})
    return _table(keys, found, "firm", gap, data.unit, first, last)


def _fetch(relations: Relations, level: str, *, starts: bool) -> pd.DataFrame:
    """Spells in the order of firm, line and time; with what was exported in their first year."""
    keys = ["firm", *KEYS.get(level, ())]
    order = ", ".join(f"s.{k}" for k in keys)
    if not starts:
        return relations.frame(f"SELECT s.* FROM {level}_spells s ORDER BY {order}, s.spell")
    make_spell_starts(relations, level)
    return relations.frame(f"SELECT s.* FROM {level}_spell_starts s ORDER BY {order}, s.spell")


def _table(
    keys: pd.DataFrame, found: pd.DataFrame, level: str, gap: int, unit: str, first: int, last: int
) -> SpellTable:
    if found.empty:
        raise DataError("Nobody exports in these data, so there is no spell.")
    fields = pd.DataFrame({
        "start": found["start_year"], "end": found["end_year"], "length": found["years"], "order": found["spell"],
        "left_cens": found["left_cens"], "right_cens": found["right_cens"], "gap_filled": found["years"] - found["active"],
        "event": (~found["right_cens"]).astype("int64"), "status": found["status"], "open_gap": found["open_gap"],
    })  # fmt: skip
    for source, name in (("first_month", "start_month"), ("start_value", "start_value")):
        if source in found:
            fields[name] = found[source].astype("float64").to_numpy()
    return SpellTable(pd.concat([keys, fields], axis=1), level, gap, unit, first, last)
