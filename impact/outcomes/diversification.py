"""How many products and destinations, how evenly spread, and what changed: per firm (or country) and year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from impact.core.counts import OutcomeCount, count_table, level_count
from impact.core.errors import DataError
from impact.core.panel import Panel
from impact.engines.relations import Relations
from impact.outcomes.entry_years import make_line_history
from impact.outcomes.line_measures import (
    CHANGES,
    FATE,
    MEASURES,
    make_line_measures,
    potential_lines,
)
from impact.outcomes.line_years import LEVELS, PLURAL, make_line_years
from impact.outcomes.linkage_notes import linkage_notes
from impact.outcomes.region_shares import make_region_shares
from impact.outcomes.shipments import Shipments, level_names, opened
from impact.outcomes.shipments import shipments as take_shipments

_THEIL = ("theil_between_old", "theil_between_new")
_SHARES = ("share_outside_home", "share_eu")
_UNITS = {"n_lines": "lines", "effective_number": "lines", "effective_entropy": "lines", **dict.fromkeys(FATE, "lines"),
          **dict.fromkeys(("top1_share", "top3_share", *_SHARES), "share")}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Diversification:
    """Concentration by firm and year; made by `impact.diversification`.

    Attributes
    ----------
    data : DataFrame
        One row per firm, year and kind of line (`over`), in that order; see `impact.diversification`.
    changes : DataFrame
        One row per firm, year, `over` and `measure` with exports in the year and the year before: `change` since the year before, and its
        parts `continuing` (lines of both years), `new` (of this year only), `dropped` (of the year before only), which
        sum to it.
    unit : str
    potential : dict of str to int
        Number of lines that could be exported, by `over`: the n of the Theil index and of the potential normalised HHI.
    look_back : int
    notes : tuple of str
        What a reader must know, such as firms that were not linked.
    """

    data: pd.DataFrame
    changes: pd.DataFrame
    unit: str
    potential: Mapping[str, int]
    look_back: int
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """A copy of the measures."""
        return self.data.copy()

    def counts(self) -> pd.DataFrame:
        """Rows behind each measure, by kind of line."""
        counts: list[OutcomeCount] = []
        for over, rows in self.data.groupby("over", sort=False):
            n = self.potential[str(over)]
            for name in [c for c in (*MEASURES, *_THEIL, *FATE, *_SHARES) if c in rows]:
                flags = [f"n = {n:,} lines that occur in the data"] if name in _OF_POTENTIAL else []
                if name not in ("n_lines", *FATE):
                    flags.append(
                        "firm-years with exports only; entry with one line raises concentration"
                    )
                label = f"{name.replace('_', ' ')}, {PLURAL[str(over)]}"
                counts.append(level_count(f"{name}_{PLURAL[str(over)]}", label, _UNITS.get(name, "index"), rows[name], flags))  # fmt: skip
        return count_table(counts)

    def onto(self, panel: Panel) -> Panel:
        """Return a panel with the measures as columns, such as `hhi_products` and `n_destinations`.

        Firm-years that the shipments do not hold are missing.
        """
        index = pd.MultiIndex.from_arrays([panel.data[panel.unit], panel.data[panel.time]])
        columns = {}
        for over, rows in self.data.groupby("over", sort=False):
            keyed = rows.set_index([self.unit, "year"])
            for name in [
                c
                for c in (*MEASURES, *_THEIL, *FATE, *_SHARES)
                if c in rows and rows[c].notna().any()
            ]:
                short = {"n_lines": "n"}.get(name, name)
                columns[f"{short}_{PLURAL[str(over)]}"] = keyed[name].reindex(index).to_numpy()
        frame = pd.DataFrame(columns, index=panel.data.index)
        table = self.counts().set_index("outcome")
        labels = {
            c: str(
                table["label"].get(c.replace("n_", "n_lines_", 1) if c.startswith("n_") else c, c)
            )
            for c in frame
        }
        ahead = {c: 2 for c in frame if "_alive_2" in c or "_grown_2" in c}
        counts = tuple(
            level_count(
                c,
                labels[c],
                "lines" if c.startswith("n") else "index",
                frame[c],
                ahead=ahead.get(c, 0),
            )
            for c in frame
        )
        return panel.with_outcomes(frame, counts, self.notes)

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
        Destinations of the home region, for `share_outside_home`.
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
        `effective_number` (1/HHI), `entropy`, `effective_entropy`, `theil = theil_between + theil_within`, `theil_between_old` and
        `theil_between_new`, `top1_share`, `top3_share`, `gini` (with the small-sample factor; missing for one line); `new_lines` of
        the look-back, `new_lines_alive_2` and `new_lines_grown_2` of them two years later; and for destinations `share_eu` (where
        they are country codes) and `share_outside_home`.

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
    if int(look_back) != look_back or look_back < 1:
        raise DataError("look_back is a number of years, 1 or more.")
    home = [home] if isinstance(home, str) else home
    if potential is not None and not isinstance(potential, Mapping):
        raise DataError("potential is a mapping, such as {'product': 5000}.")
    tables, most = [], {}
    with opened(given, panel, minimum=minimum, exports=exports, alive=alive) as (relations, codes):
        make_line_history(relations, look_back=look_back)
        for kind in kinds:
            make_line_years(relations, kind, look_back=look_back)
            most[kind] = _potential(relations, kind, potential)
            make_line_measures(relations, kind, potential=most[kind])
            rows = relations.frame(f"SELECT * FROM {kind}_measures ORDER BY firm, year")
            if kind == "destination":
                rows = _with_regions(relations, given, rows, home)
            tables.append(rows.assign(over=kind))
    rows = pd.concat(tables, ignore_index=True)
    rows[given.unit] = pd.Series(codes.index, index=codes.to_numpy())[rows["firm"]].to_numpy()
    names = [c for c in (*MEASURES, *_THEIL, *FATE, *_SHARES) if c in rows]
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
        linkage_notes(given, panel, exports=exports, alive=alive, minimum=minimum),
    )


def _kinds(given: Shipments, over: str | Sequence[str] | None) -> list[str]:
    if over is None:
        has = {"product": given.product is not None, "destination": given.destination is not None}
        return [
            k for k in LEVELS if all(has[n] for n in ("product", "destination") if k in (n, "pair"))
        ]
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
    given = int(potential[kind])
    most = int(relations.frame(f"SELECT coalesce(max(n), 0) AS n FROM {kind}_years")["n"].iloc[0])
    if given < most:
        raise DataError(
            f"potential['{kind}'] is {given:,}, and a firm exports {most:,} {PLURAL[kind]} in one year."
        )
    return given


def _with_regions(
    relations: Relations, given: Shipments, rows: pd.DataFrame, home: Iterable[str] | None
) -> pd.DataFrame:
    """Shares of exports that leave the home region, and that go to the European Union of the year."""
    codes = [str(d) for d in given.destinations]
    wanted = make_region_shares(relations, codes, rows["year"], home)
    found = relations.frame("SELECT * FROM region_shares")
    rows = rows.merge(found[["firm", "year", *wanted]], on=["firm", "year"], how="left")
    rows[wanted] = rows[wanted].where(rows["exporter"] == 1)
    return rows


def _changes(rows: pd.DataFrame, unit: str) -> pd.DataFrame:
    """The changes since the year before, one row per measure."""
    both = rows[rows["change_n_lines"].notna()]
    parts = [
        pd.DataFrame({
            unit: both[unit], "year": both["year"], "over": both["over"], "measure": name, "place": both.index,
            **{part: both[f"{part}_{name}"].astype("float64") for part in ("change", "continuing", "new", "dropped")},
        })
        for name in CHANGES
    ]  # fmt: skip
    table = pd.concat(parts).sort_values("place", kind="stable")
    return table.drop(columns="place").reset_index(drop=True)
