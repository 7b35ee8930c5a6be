"""Entry into exporting, and into products, destinations and pairs, as columns of a panel with their risk sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real

import numpy as np
import pandas as pd

from impact.core.counts import OutcomeCount, event_count, level_count
from impact.core.errors import DataError
from impact.core.panel import Panel, require_panel
from impact.core.panel import panel as make_a_panel
from impact.core.whole_numbers import whole_number, years, years_before
from impact.engines.relations import Relations, open_relations
from impact.outcomes.entry_years import (
    ALL_EXPORT,
    make_entry_years,
    make_line_entry,
    make_line_history,
)
from impact.outcomes.firm_states import put_states
from impact.outcomes.line_years import LEVELS, PLURAL, make_line_years
from impact.outcomes.linkage_notes import linkage_notes, unfinished_flags
from impact.outcomes.panel_states import panel_states
from impact.outcomes.shipments import Shipments, level_names, opened
from impact.outcomes.shipments import shipments as take_shipments

_WORDS = {
    "exporter": "exports in the year",
    "entrant": "exports, and did not in the year before",
    "new_entrant": "exports, and did not {past}",
    "first_time_exporter": "exports for the first time in the data",
    "re_entrant": "exports again after a year or more without",
}
_RISKS = {"entrant": "entry_at_risk", "new_entrant": "new_entry_at_risk", "first_time_exporter": "first_entry_at_risk",
          "re_entrant": "re_entry_at_risk"}  # fmt: skip


def entry(
    data: Panel | Shipments | pd.DataFrame,
    shipments: Shipments | pd.DataFrame | None = None,
    *,
    level: str = "firm",
    exports: str | None = None,
    alive: str | None = None,
    minimum: float = 0.0,
    look_back: int = 3,
    horizons: Sequence[int] | int = (1, 2, 3, 5),
    sustained: int = 2,
    unit: str = "firm_id",
    time: str | None = None,
    product: str | None = None,
    destination: str | None = None,
    value: str | None = None,
) -> Panel:
    """Add entry to a panel: into exporting, or into products, destinations or pairs.

    Parameters
    ----------
    data : Panel
        Firms in years, exporters and others. Shipments alone hold exporters only: they do for `level` other than "firm".
    shipments : Shipments or DataFrame, optional
        What the firms of the panel exported (see `impact.shipments`); needed for `level` other than "firm".
    level : {"firm", "product", "destination", "pair"}
        What is entered.
    exports : str, optional
        Column of the panel with exports, or 0/1 for exporters. Default: `exporter`, else `exports` or `exports_` with a currency
        (and a base year), such as `exports_eur_2015`; else what a column `state` says.
    alive : str, optional
        Column that is true where the firm was active. Default: what a column `state` says.
    minimum : float
        Exports up to this value do not make an exporter.
    look_back : int
        Years without exports (or without the line) before a new entry.
    horizons : sequence of int
        Years h after a base year, for `entry_within_h` and `entry_after_h`; `level="firm"` only.
    sustained : int
        Years in a row that make entry a sustained one.
    unit, time, product, destination, value
        Columns of a DataFrame of shipments: see `impact.shipments`. Those of the panel have their roles.

    Returns
    -------
    Panel
        With new columns, all 1, 0 or missing; `counts()` has their rows at risk and events. For `level="firm"`:

        - `exporter` (unless it is there), `entrant`, `new_entrant`, `first_time_exporter`, `re_entrant`;
        - `entry_at_risk`, `new_entry_at_risk`: whether the firm could have entered: no exports in the year before (in each
          of the `look_back` years), and not known to be inactive in the year before; `first_entry_at_risk` and `re_entry_at_risk`: of
          these, firms that never exported before and firms that did, missing unless all years before are known. They are the rows at
          risk that `counts()` has for `entrant`, `new_entrant`, `first_time_exporter` and `re_entrant`;
        - `entry_within_h`, `sustained_entry_within_h`: taking the row's year t as the base (the year of joining, say),
          whether the firm exports in any of t to t + h, and in `sustained` years in a row of them; missing for firms not at risk;
        - `entry_after_h`, for h above 0: whether such a firm exports in t + h, so that entrants who stopped again do not count.

        For another level: `new_products` (lines not served in the look-back), `adds_product`, `new_product_share` of lines and
        `new_product_value_share` of value; and so on for destinations and pairs.

    Raises
    ------
    DataError
        If the data hold exporters only, or every participant whose year before joining is known exported in it (or was not active),
        and entry into exporting is asked for; if a level has no column, or a number of years is out of range.

    Notes
    -----
    With E the exporter of a year, entrant = E(t) (1 - E(t-1)), as in the Exporter Dynamics Database; new entrant = E(t) times the
    product of 1 - E(t-l) over l = 1 ... look_back; first-time exporter, over all years before; re-entrant = entrant
    that exported earlier, so that entrant = first-time exporter + re-entrant; both are known where all years before are. The values are
    products, so that of a firm that exported in the look-back is 0, and so is the first-time exporter of a former one: it is not at risk.
    Whatever would need a year that was not observed is missing.
    The first years of the data have no past, so nothing is known there.

    Outcomes that look ahead of their row have no difference in differences, and `impact.att` refuses it; their names are reserved, so that
    this holds for a panel that was made again from its rows.

    Where every firm exports in some year, the panel may hold exporters only, filled up with zeros: a note and the flags of all counts say so.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm": ["a"] * 4 + ["b"] * 4, "year": [2012, 2013, 2014, 2015] * 2,
    ...                      "exports_eur": [0.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 0.0]})
    >>> firms = impact.entry(impact.panel(rows, unit="firm", time="year"), horizons=())
    >>> firms.data["new_entrant"].tolist()
    [nan, nan, nan, 1.0, nan, nan, nan, 0.0]
    >>> firms.counts().set_index("outcome").loc["new_entrant", ["n_at_risk", "n_event", "value"]].tolist()
    [2.0, 1.0, 0.5]
    """
    if level not in ("firm", *LEVELS):
        raise DataError(f"There is no level '{level}'; choose from firm, {', '.join(LEVELS)}.")
    horizons = _as_horizons(horizons, 0)
    look_back = whole_number("look_back", look_back, least=1)
    sustained = whole_number("sustained", sustained, least=2)
    roles = {
        "unit": unit,
        "time": time,
        "product": product,
        "destination": destination,
        "value": value,
    }
    given = None if shipments is None else take_shipments(shipments, **roles)  # type: ignore[arg-type]
    if not isinstance(data, Panel):
        made, given = _exporters_only(data, given, level, minimum, roles)
    else:
        made = data
    if level != "firm":
        if given is None:
            raise DataError(
                f"Entry into {PLURAL[level]} needs the shipments: impact.entry(panel, shipments, level='{level}')."
            )
        level_names(given, [level])
        return _line_entry(made, given, level, exports, alive, minimum, look_back)
    return _firm_entry(made, given, exports, alive, minimum, look_back, tuple(horizons), sustained)


def export_survival(
    data: Panel,
    *,
    exports: str | None = None,
    alive: str | None = None,
    minimum: float = 0.0,
    horizons: Sequence[int] | int = (1, 2, 3, 5),
) -> Panel:
    """Add to a panel whether those who exported in the year before a base year still export later.

    Parameters
    ----------
    data : Panel
    exports, alive, minimum
        As in `impact.entry`.
    horizons : sequence of int
        Years h after the base year, 1 or more.

    Returns
    -------
    Panel
        With, for each row's year t as the base and for firms that exported in t - 1 only: `exporter_after_h` (exports in t + h)
        and `export_survival_h` (exports in each of the years t + 1 to t + h); 1, 0, or missing where that is not known.

    Raises
    ------
    DataError
        If the panel has no column of exports, or no firm exported in the year before any row.

    Notes
    -----
    The survival of those who *entered* after joining is conditional on entry, which the programme may have caused: use
    `sustained_entry_within_h` of `impact.entry`, which is defined for all who could have entered.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm": ["a"] * 3 + ["b"] * 3, "year": [2012, 2013, 2014] * 2,
    ...                      "exports_eur": [5.0, 0.0, 7.0, 5.0, 6.0, 0.0]})
    >>> firms = impact.export_survival(impact.panel(rows, unit="firm", time="year"), horizons=[1])
    >>> firms.data["export_survival_1"].tolist()
    [nan, 1.0, nan, nan, 0.0, nan]
    """
    data = require_panel(data, "export_survival")
    horizons = _as_horizons(horizons, 1)
    if not horizons:
        raise DataError("horizons are whole numbers of years, 1 or more; none was given.")
    rows = _entry_rows(data, None, exports, alive, minimum, 1, tuple(horizons), 2)
    names = [n for h in horizons for n in (f"exporter_after_{h}", f"export_survival_{h}")]
    columns = _aligned(data, rows, names)
    risk = columns.notna().any(axis=1)
    if not risk.any():
        raise DataError(
            f"No firm-year has an exporter of the year before and {years(max(horizons))} after it observed, so nobody is known to survive or to stop; "
            "choose shorter horizons, or name the column of exports."
        )
    ends = unfinished_flags(data.notes)
    counts = [
        event_count(
            n,
            _survival_label(n),
            columns[n],
            columns[n].notna(),
            ends,
            ahead=int(n.rsplit("_", 1)[1]),
        )
        for n in names
    ]
    return data.with_outcomes(columns, tuple(counts))


def _survival_label(name: str) -> str:
    word, h = name.rsplit("_", 1)
    of = "of exporters of the year before the base year"
    if word == "exporter_after":
        return f"exports {years(int(h))} after the base year, {of}"
    each = "the year" if h == "1" else f"each of the {h} years"
    return f"exports in {each} after the base year, {of}"


def _as_horizons(horizons: Sequence[int] | int, least: int) -> list[int]:
    """One horizon or several, of Python or numpy."""
    given = [horizons] if isinstance(horizons, (int, Real, str)) else list(horizons)
    return [whole_number("a horizon", h, least=least) for h in given]


def _exporters_only(
    data: Shipments | pd.DataFrame, given: Shipments | None, level: str, minimum: float, roles: dict[str, str | None]
) -> tuple[Panel, Shipments]:  # fmt: skip
    """Shipments in the place of the panel: entry of firms is refused, entry into lines is not."""
    columns = list(data.columns) if isinstance(data, pd.DataFrame) else []
    lines = {roles["product"] or "product", roles["destination"] or "destination"}
    if isinstance(data, pd.DataFrame) and not lines & set(columns) and level == "firm":
        raise DataError(
            "Give the firm-years their roles first: impact.panel(frame, unit=..., time=..., cohort=...)."
        )
    if level == "firm":
        raise DataError(
            "These data hold exporters only: a firm is in them because it exports, so nobody is seen who could have entered and did "
            "not, and a rate of entry would have no denominator. Give a panel of firms from a register, exporters and others; "
            "or ask impact.dynamics for the share of entrants among exporters, which needs exporters only."
        )
    source = given or take_shipments(data, **roles)  # type: ignore[arg-type]
    with opened(source, minimum=minimum) as (relations, _):
        rows = relations.frame(
            "SELECT s.firm, s.year, s.exporter, coalesce(e.cents, 0) AS cents FROM firm_states s "
            "LEFT JOIN export_years e ON e.firm = s.firm AND e.year = s.year ORDER BY s.firm, s.year"
        )
    known = rows["exporter"].notna()
    frame = pd.DataFrame({
        source.unit: source.firms[rows["firm"].to_numpy() - 1], "year": rows["year"],
        "exporter": rows["exporter"].astype("float64"), source.value: source.amount(rows["cents"]).where(known),
    })  # fmt: skip
    return make_a_panel(frame, unit=source.unit, time="year"), source


def _entry_rows(
    data: Panel, given: Shipments | None, exports: str | None, alive: str | None, minimum: float,
    look_back: int, horizons: tuple[int, ...], sustained: int,
) -> pd.DataFrame:  # fmt: skip
    """Rows of `entry_years` with the firm's identifier as `unit`."""

    def fetch(relations: Relations) -> pd.DataFrame:
        make_entry_years(relations, look_back=look_back, horizons=horizons, sustained=sustained)
        return relations.frame("SELECT * FROM entry_years ORDER BY firm, year")

    if given is not None:
        with opened(
            given, data, minimum=minimum, exports=exports, alive=alive, panel_years=True
        ) as (relations, codes):
            rows = fetch(relations)
        return rows.assign(
            unit=pd.Series(codes.index, index=codes.to_numpy())[rows["firm"]].to_numpy()
        )
    states = panel_states(data, exports=exports, alive=alive, minimum=minimum)
    codes, firms = pd.factorize(states["unit"], sort=True)
    with open_relations(threads=1) as relations:
        put_states(relations, states.assign(firm=codes + 1)[["firm", "year", "exporter", "alive"]])
        rows = fetch(relations)
    return rows.assign(unit=np.asarray(firms)[rows["firm"].to_numpy() - 1])


def _aligned(data: Panel, rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Columns of outcome rows in the order and with the index of the panel."""
    keyed = rows.set_index(["unit", "year"])[list(names)]
    wanted = pd.MultiIndex.from_arrays([data.data[data.unit], data.data[data.time]])
    found = keyed.reindex(wanted).astype("float64")
    return pd.DataFrame(found.to_numpy(), columns=list(names), index=data.data.index)


def _firm_entry(
    data: Panel, given: Shipments | None, exports: str | None, alive: str | None, minimum: float,
    look_back: int, horizons: tuple[int, ...], sustained: int,
) -> Panel:  # fmt: skip
    rows = _entry_rows(data, given, exports, alive, minimum, look_back, horizons, sustained)
    if not rows["exporter"].notna().any():
        raise DataError(
            "Of no firm-year is it known whether it exports: the column of exports is empty. Name another: exports='...'."
        )
    if not (rows["exporter"] == 0).any():
        raise DataError(
            "This panel holds exporters only: no firm-year without exports is observed, so nobody could have entered. Entry is not 0 "
            "here, it cannot be measured. Add firms that do not export, from a register."
        )
    names = [n for n in _WORDS if n != "exporter" or n not in data.data]
    names += _RISKS.values()
    windows = ("entry_within_", "sustained_entry_within_", "entry_after_")
    ahead = [c for c in rows if str(c).startswith(windows)]
    extra = ["entrant", "years_known", "exports_before_look_back", "exporter"]
    columns = _aligned(data, rows, [*dict.fromkeys([*names, *ahead, *extra])])
    base = None if data.cohort is None else data.data[data.time] == data.data[data.cohort]
    if base is not None:
        _refuse_participants_who_export(columns, base)
    always = columns["exporter"].groupby(data.data[data.unit]).max().dropna()
    selected = [ALL_EXPORT] if (always == 1).all() else []
    notes = (
        []
        if given is None
        else [*linkage_notes(given, data, exports=exports, alive=alive, minimum=minimum)]
    )
    said = [*selected, *unfinished_flags(notes)]
    counts = _firm_counts(columns, names, ahead, look_back, base, sustained, said)
    if selected:
        notes.append(
            "Every firm of the panel exports at some time: if firms are in the data because they export, the rates of entry are of "
            "those who entered in the end."
        )
    return data.with_outcomes(columns[[*names, *ahead]], counts, tuple(notes))


def _refuse_participants_who_export(columns: pd.DataFrame, base: pd.Series) -> None:
    """A programme that took in exporters only has no effect on entry to estimate.

    Exports in the year before joining settle it, however much of the look-back before was observed.
    """
    known = columns.loc[base, "entry_at_risk"].dropna()
    if len(known) and not known.any():
        raise DataError(
            f"No participant could have entered: each of the {len(known):,} whose year before joining is known exported in it, or was "
            "not active. A programme that takes in exporters only has no effect on entry to estimate; it is not 0. Ask for entry into "
            "products or destinations (level=...), or for survival."
        )


def _firm_counts(
    columns: pd.DataFrame, names: Sequence[str], ahead: Sequence[str], look_back: int, base: pd.Series | None, sustained: int,
    selected: Sequence[str],
) -> tuple[OutcomeCount, ...]:  # fmt: skip
    past = years_before(look_back)
    counts = []
    for name in [n for n in names if n in _WORDS]:
        at_risk = columns[_RISKS[name]] == 1 if name in _RISKS else columns[name].notna()
        flags = [*_entry_flags(columns, name, at_risk, look_back), *selected]
        counts.append(
            event_count(name, _WORDS[name].format(past=past), columns[name], at_risk, flags)
        )
    for name in ahead:
        h = name.rsplit("_", 1)[1]
        kind = (
            f"exports in {sustained} years in a row" if name.startswith("sustained") else "exports"
        )
        span = years(int(h))
        when = f"{span} after" if name.startswith("entry_after") else f"within {span} of"
        label = f"{kind} {when} the base year, of firms without exports {past}"
        at_risk = columns[name].notna()
        if base is not None:
            at_risk &= base
        said = [] if base is None else ["counted for participants, from the year of joining"]
        said += selected
        values = columns[name] if base is None else columns[name].where(base)
        counts.append(event_count(name, label, values, at_risk, said, ahead=int(h)))
    return tuple(counts)


def _entry_flags(columns: pd.DataFrame, name: str, at_risk: pd.Series, look_back: int) -> list[str]:
    flags = []
    events = int(((columns[name] == 1) & ~at_risk).sum()) if name != "exporter" else 0
    if events:
        flags.append(
            f"entries by firms that were not active the year before are not counted: {events:,}"
        )
    if name == "new_entrant":
        longer = (columns[name] == 1) & (columns["years_known"] > look_back)
        if longer.any():
            before = (columns.loc[longer, "exports_before_look_back"] > 0).mean()
            flags.append(
                f"of {int(longer.sum()):,} new entrants whose longer past is known, {100 * before:.1f} % had exported before the look-back"
            )
    if name == "first_time_exporter":
        flags.append("first in the data: an earlier time before them is not seen")
    return flags


def _line_entry(
    data: Panel, given: Shipments, level: str, exports: str | None, alive: str | None, minimum: float, look_back: int
) -> Panel:  # fmt: skip
    with opened(given, data, minimum=minimum, exports=exports, alive=alive) as (relations, codes):
        make_line_history(relations, look_back=look_back)
        make_line_years(relations, level, look_back=look_back)
        make_line_entry(relations, level, look_back=look_back)
        rows = relations.frame(f"SELECT * FROM {level}_entry ORDER BY firm, year")
        keys = {"product": "product", "destination": "destination", "pair": "product, destination"}[
            level
        ]
        potential = int(relations.frame(
            f"SELECT count(*) AS n FROM (SELECT DISTINCT {keys} FROM export_pairs) lines")["n"].iloc[0])  # fmt: skip
    rows["unit"] = pd.Series(codes.index, index=codes.to_numpy())[rows["firm"]].to_numpy()
    names = {"new": f"new_{PLURAL[level]}", "adds": f"adds_{level}", "share_new": f"new_{level}_share",
             "value_share_new": f"new_{level}_value_share"}  # fmt: skip
    rows = rows.assign(living=rows["alive"].fillna(True).astype("float64"))
    columns = _aligned(data, rows, [*names, "served", "living"])
    living = (columns.pop("living") == 1) & columns["new"].notna()
    served = columns.pop("served")
    columns = columns.rename(columns=names)
    notes = linkage_notes(given, data, exports=exports, alive=alive, minimum=minimum)
    ends = tuple(unfinished_flags(notes))
    counts = _line_counts(columns, names, level, look_back, potential, served, living)
    flagged = tuple(replace(c, flags=(*c.flags, *ends)) for c in counts)
    return data.with_outcomes(columns, flagged, notes)


def _line_counts(
    columns: pd.DataFrame, names: dict[str, str], level: str, look_back: int, potential: int, served: pd.Series, living: pd.Series
) -> tuple[OutcomeCount, ...]:  # fmt: skip
    lines = PLURAL[level]
    past = f"not exported {years_before(look_back)}"
    new = columns[names["new"]]
    cells = int(potential * living.sum() - served[living].sum())
    events = int(new[living].sum())
    return (
        OutcomeCount(
            names["new"], f"new {lines}: {past}", "lines", int(new.notna().sum()), cells, events,
            events / cells if cells else np.nan,
            (f"at risk: {lines} of {potential:,} in the data that the firm did not export in the look-back",),
        ),
        event_count(names["adds"], f"any new {level}", columns[names["adds"]], living),
        level_count(names["share_new"], f"share of new {lines} in the firm's {lines}", "share", columns[names["share_new"]]),
        level_count(names["value_share_new"], f"share of new {lines} in the firm's exports", "share",
                    columns[names["value_share_new"]]),
    )  # fmt: skip
