"""How many products and destinations, how evenly spread, and what changed: per firm (or country) and year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.core.counts import OutcomeCount, count_table, level_count
from impact.core.errors import DataError
from impact.core.panel import Panel
from impact.core.whole_numbers import whole_number
from impact.engines.relations import Relations
from impact.outcomes.entry_years import make_line_history
from impact.outcomes.line_measures import (
    CHANGES,
    FATE,
    MEASURES,
    PLAIN_CHANGES,
    make_line_measures,
    potential_lines,
)
from impact.outcomes.line_years import LEVELS, PLURAL, make_line_years
from impact.outcomes.linkage_notes import linkage_notes
from impact.outcomes.region_shares import RegionShares, make_region_shares, named
from impact.outcomes.shipments import Shipments, level_names, opened
from impact.outcomes.shipments import shipments as take_shipments

_THEIL = ("theil_between_old", "theil_between_new")
_SHARES = ("share_outside_home", "share_eu")
_UNITS = {"n_lines": "lines", "effective_number": "lines", "effective_entropy": "lines", **dict.fromkeys(FATE, "lines"),
          **dict.fromkeys(("entropy", "theil", "theil_between", "theil_within", *_THEIL), "nats"),
          **dict.fromkeys(("top1_share", "top3_share", *_SHARES), "share")}  # fmt: skip
_LATER = {"new_lines_alive_2": "are exported two years later", "new_lines_grown_2": "are, with no less value than on entry"}  # fmt: skip
"""Of new lines whose second year after is observed."""


@dataclass(frozen=True, slots=True, eq=False)
class Diversification:
    """Concentration by firm and year; made by `impact.diversification`.

    Attributes
    ----------
    data : DataFrame
        One row per firm, year and kind of line (`over`), in that order; see `impact.diversification`.
    changes : DataFrame
        One row per firm, year, `over` and `measure`: `change` since the year before, and its parts `continuing` (lines of both years), `new`
        (of this year only), `dropped` (of the year before only), which sum to it. `n_lines` has a row wherever both years are known: an
        entrant goes from 0 to n, a firm that exports in neither stays at 0. The others have one where the firm exports in both years, since
        there are no shares otherwise: `hhi`, `entropy` and `theil` with their parts; `hhi_normalised`, `effective_number`, `top1_share`,
        `top3_share`, `gini` and the shares of regions have their change alone: their parts are missing.
    unit : str
    potential : dict of str to int
        Number of lines that could be exported, by `over`: the n of the Theil index and of the potential normalised HHI.
    look_back : int
    notes : tuple of str
        What a reader must know, such as firms that were not linked.
    no_country : tuple of str
        Destinations that are no country of ISO 3166, among codes that are.
    """

    data: pd.DataFrame
    changes: pd.DataFrame
    unit: str
    potential: Mapping[str, int]
    look_back: int
    notes: tuple[str, ...] = ()
    no_country: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """A copy of the measures."""
        return self.data.copy()

    def counts(self) -> pd.DataFrame:
        """Rows behind each measure, by kind of line.

        Of `new_lines_alive_2` and `new_lines_grown_2`, new lines whose second year after is observed are at risk; those that are alive
        (grown) have the event.
        """
        counts = [
            self._count(name, str(over), f"{name}_{PLURAL[str(over)]}", rows)
            for over, rows in self.data.groupby("over", sort=False)
            for name in _COLUMNS
            if name in rows
        ]
        return count_table(counts)

    def _count(self, name: str, over: str, outcome: str, rows: pd.DataFrame) -> OutcomeCount:
        """What stands behind a measure in some firm-years."""
        label = f"{name.replace('_', ' ')}, {PLURAL[over]}"
        values = rows[name]
        if name in _LATER:
            known = values.notna()
            n, events = int(rows.loc[known, "new_lines"].sum()), int(values[known].sum())
            said = [f"of new lines whose second year after is observed, those that {_LATER[name]}"]
            said += [] if n else ["nobody is at risk"]
            return OutcomeCount(outcome, label, _UNITS[name], int(known.sum()), n, events, events / n if n else float("nan"),
                                tuple(said), ahead=2)  # fmt: skip
        flags = [f"n = {self.potential[over]:,} potential lines"] if name in _OF_POTENTIAL else []
        if name not in ("n_lines", *FATE):
            flags.append("firm-years with exports only; entry with one line raises concentration")
        if name in _SHARES:
            flags = ["firm-years with exports only"]
            if self.no_country:
                flags.append(
                    f"missing where exports go to what is no country of ISO 3166: {named(self.no_country)}"
                )
        return level_count(outcome, label, _UNITS.get(name, "index"), values, flags)

    def onto(self, panel: Panel) -> Panel:
        """Return a panel with the measures as columns, such as `hhi_products` and `n_destinations`.

        Firm-years that the shipments do not hold are missing.
        """
        index = pd.MultiIndex.from_arrays([panel.data[panel.unit], panel.data[panel.time]])
        columns: dict[str, pd.Series] = {}
        counts = []
        for over, rows in self.data.groupby("over", sort=False):
            names = [c for c in _COLUMNS if c in rows]
            found = rows.set_index([self.unit, "year"])[names].reindex(index)
            found.index = panel.data.index
            for name in [c for c in names if rows[c].notna().any()]:
                column = f"{'n' if name == 'n_lines' else name}_{PLURAL[str(over)]}"
                columns[column] = found[name]
                counts.append(self._count(name, str(over), column, found))
        frame = pd.DataFrame(columns, index=panel.data.index)
        return panel.with_outcomes(frame, tuple(counts), self.notes)

    def summary(self) -> str:
        """Say the means over firm-years with exports, by kind of line."""
        lines = []
        for over, rows in self.data.groupby("over", sort=False):
            active = rows[rows["n_lines"] > 0]
            word = PLURAL[str(over)]
            lines.append(
                f"{len(active):,} firm-years with exports: {active['n_lines'].mean():.2f} {word} on average, HHI {active['hhi'].mean():.3f}, "
                f"entropy {active['entropy'].mean():.3f}, Theil {active['theil'].mean():.3f} (of {self.potential[str(over)]:,} {word} in the data)."
            )
        return "\n".join(
            [
                *lines,
                "Concentration is known only where something is exported; entry with one line raises its mean.",
                *self.notes,
            ]
        )

    def __repr__(self) -> str:
        return self.summary()


_COLUMNS = (*MEASURES, *_THEIL, *FATE, *_SHARES)
_OF_POTENTIAL = {"hhi_normalised_potential", "theil", "theil_between", *_THEIL}


def diversification(
    data: Shipments | pd.DataFrame,
    *,
    over: str | Sequence[str] | None = None,
    panel: Panel | None = None,
    potential: Mapping[str, int] | None = None,
    home: Iterable[str] | str | None = None,
    look_back: int = 3,
    exports: str | None = None,
    alive: str | None = None,
    minimum: float = 0.0,
    unit: str = "firm_id",
    time: str | None = None,
    product: str | None = None,
    destination: str | None = None,
    value: str | None = None,
) -> Diversification:
    """Measure how exports are spread over products, destinations, or pairs of both.

    Parameters
    ----------
    data : Shipments or DataFrame
        What was exported. The unit may be a firm or a country.
    over : {"product", "destination", "pair"} or several, optional
        Default: all that the data have.
    panel : Panel, optional
        Who was observed: its firms are the population. Without it, the exporters in every year of the data.
    potential : mapping of str to int, optional
        Number of lines that could be exported, by `over`. Default: all that occur in the data.
    home : iterable of str, optional
        Destinations of the home region, for `share_outside_home`. Those that are not in the data are named in a note.
    look_back : int
        Years in which a new line was not exported.
    exports, alive, minimum
        As in `impact.entry`; of the panel.
    unit, time, product, destination, value
        Columns of a DataFrame of shipments: see `impact.shipments`.

    Returns
    -------
    Diversification
        Its `data` have, by firm, `year` and `over`: `n_lines` (0 without exports), and, missing without exports: `hhi`,
        `hhi_normalised` (n is the number of active lines; 1 for one line), `hhi_normalised_potential` (n is the potential number),
        `effective_number` (1/HHI), `entropy`, `effective_entropy`, `theil = theil_between + theil_within`; `theil_between_old` and
        `theil_between_new`, between terms of another split, into lines of the year before, others, and inactive ones (its within part is
        theil less both), where new means unused in the year before, not in the look-back; `top1_share`, `top3_share`, `gini` (with the small-sample factor; missing for one line); `new_lines` of
        the look-back, `new_lines_alive_2` and `new_lines_grown_2` of them two years later; and for destinations `share_eu` (where
        they are codes of countries) and `share_outside_home`. Of codes that are no country of ISO 3166, such as `EU` or `XX`, nobody knows
        where they are: both shares are missing where exports go there, and a note names them.

    Raises
    ------
    DataError
        If a column is missing, or a firm has more lines than `potential`.

    Notes
    -----
    HHI = sum of s^2; entropy = -sum of s ln s; Theil T = ln n - entropy, of which ln(n / n_active) lies between active and inactive
    lines (the extensive margin) and ln n_active - entropy within the active ones.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm_id": "a", "year": 2015, "product": ["x", "y", "z"], "value": [50.0, 30.0, 20.0]})
    >>> found = impact.diversification(rows, over="product", potential={"product": 10}).data
    >>> found.loc[0, ["theil", "theil_between", "hhi"]].astype(float).round(10).tolist()
    [1.2729320789, 1.2039728043, 0.38]
    """
    given = take_shipments(
        data, unit=unit, time=time, product=product, destination=destination, value=value
    )
    kinds = _kinds(given, over)
    level_names(given, kinds)
    look_back = whole_number("look_back", look_back, least=1)
    home = [home] if isinstance(home, str) else home
    if potential is not None and not isinstance(potential, Mapping):
        raise DataError("potential is a mapping, such as {'product': 5000}.")
    strange = [str(k) for k in potential or {} if k not in kinds]
    if strange:
        raise DataError(
            f"potential names {', '.join(map(repr, strange))}, which is not measured here; its keys are of {', '.join(map(repr, kinds))}."
        )
    tables, most = [], {}
    regions = RegionShares(())
    with opened(given, panel, minimum=minimum, exports=exports, alive=alive) as (relations, codes):
        make_line_history(relations, look_back=look_back)
        for kind in kinds:
            make_line_years(relations, kind, look_back=look_back)
            most[kind] = _potential(relations, kind, potential)
            make_line_measures(relations, kind, potential=most[kind])
            rows = relations.frame(f"SELECT * FROM {kind}_measures ORDER BY firm, year")
            if kind == "destination":
                rows, regions = _with_regions(relations, given, rows, home)
            tables.append(rows.assign(over=kind))
    rows = pd.concat(tables, ignore_index=True)
    rows[given.unit] = pd.Series(codes.index, index=codes.to_numpy())[rows["firm"]].to_numpy()
    names = [c for c in _COLUMNS if c in rows]
    rows[names] = rows[names].astype("float64")
    place = rows["over"].map({k: i for i, k in enumerate(kinds)})
    rows = (
        rows.assign(place=place)
        .sort_values(["firm", "year", "place"], kind="stable")
        .reset_index(drop=True)
    )
    return Diversification(
        rows[[given.unit, "year", "over", *names]],
        _changes(rows, given.unit),
        given.unit,
        most,
        look_back,
        (
            *linkage_notes(given, panel, exports=exports, alive=alive, minimum=minimum),
            *regions.notes(),
        ),
        regions.unknown,
    )


def _kinds(given: Shipments, over: str | Sequence[str] | None) -> list[str]:
    if over is None:
        has = {"product": given.product is not None, "destination": given.destination is not None}
        found = [
            k for k in LEVELS if all(has[n] for n in ("product", "destination") if k in (n, "pair"))
        ]
        if not found:
            raise DataError(
                "The shipments have neither products nor destinations; name one: product='...', destination='...'."
            )
        return found
    kinds = [over] if isinstance(over, str) else list(over)
    unknown = [k for k in kinds if k not in LEVELS]
    if unknown or not kinds:
        raise DataError(
            f"There is no kind of line '{(unknown or [''])[0]}'; choose from {', '.join(LEVELS)}."
        )
    return list(dict.fromkeys(kinds))


def _potential(relations: Relations, kind: str, potential: Mapping[str, int] | None) -> int:
    if potential is None or kind not in potential:
        return potential_lines(relations, kind)
    given = whole_number(f"potential['{kind}']", potential[kind], least=1, of=PLURAL[kind])
    most = int(relations.frame(f"SELECT coalesce(max(n), 0) AS n FROM {kind}_years")["n"].iloc[0])
    if given < most:
        raise DataError(
            f"potential['{kind}'] is {given:,}, and a firm exports {most:,} {PLURAL[kind]} in one year."
        )
    return given


def _with_regions(
    relations: Relations, given: Shipments, rows: pd.DataFrame, home: Iterable[str] | None
) -> tuple[pd.DataFrame, RegionShares]:
    """Shares of exports that leave the home region, and that go to the European Union of the year."""
    codes = [str(d) for d in given.destinations]
    regions = make_region_shares(relations, codes, rows["year"], home)
    wanted = list(regions.shares)
    found = relations.frame("SELECT * FROM region_shares")
    rows = rows.merge(found[["firm", "year", *wanted]], on=["firm", "year"], how="left")
    rows[wanted] = rows[wanted].where(rows["exporter"] == 1)
    return rows, regions


def _changes(rows: pd.DataFrame, unit: str) -> pd.DataFrame:
    """The changes since the year before, one row per measure; `rows` have a row for each year of a firm, in order."""
    keys = [unit, "year", "over"]
    parts = ["change", "continuing", "new", "dropped"]
    tables = []
    for name in CHANGES:
        known = rows.loc[rows[f"change_{name}"].notna(), [*keys, *(f"{part}_{name}" for part in parts)]]  # fmt: skip
        made = known.set_axis([*keys, *parts], axis=1)
        tables.append(made.astype(dict.fromkeys(parts, "float64")).assign(measure=name))
    by_line = rows.groupby(["over", "firm"], sort=False)
    for name in [c for c in (*PLAIN_CHANGES, *_SHARES) if c in rows]:
        change = by_line[name].diff()
        there = change.notna()
        tables.append(rows.loc[there, keys].assign(measure=name, change=change[there], continuing=np.nan, new=np.nan, dropped=np.nan))  # fmt: skip
    table = pd.concat(tables).sort_index(kind="stable").reset_index(drop=True)
    return table[[*keys, "measure", *parts]]
