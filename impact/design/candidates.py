"""Who can be matched: the firms of both arms, as they were before joining, and who is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import DesignError, Fault
from impact.core.ledger import Ledger
from impact.core.panel import Panel, require_columns
from impact.core.whole_numbers import by_number, counted
from impact.design.request import SCORES, MatchSettings, takes

_SHOWN = 50
_FEW_CELLS = 5  # wrong cells that are named one by one even where they are most of a column
RESERVED = ("unit", "cohort", "treated", "distance", "weight", "pair")
"""Columns that `MatchResult.candidates` adds; a covariate cannot have one of these names."""

_PARTICIPANT, _CONTROL = "participant", "comparison firm"
NOT_CANDIDATES = "Not among the candidates"
"""How the note begins on participants that never came to be compared."""

_NARROW = 50  # more columns than these stand in one block, since pandas is slow with many

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Firms of both arms with everything that matching needs to know of them.

    Attributes
    ----------
    frame : DataFrame
        One row per candidate firm (and cohort), sorted by cohort and identifier: `unit`, `cohort`
        (missing for a cross-section), `treated` (bool), then the columns of the settings. Where nothing had to be
        sorted or dropped its columns are the caller's own, copied when either is written to.
    rows : Series or None
        Rows of the caller's panel by firm; None for a cross-section, where each firm has one.
    left : dict of str to list
        Firms that are no candidates, by the reason.
    notes : tuple of str
    place : array of int, shape (n,), or None
        Row of the caller's cross-section in which each candidate stands; None for a panel.
    """

    frame: pd.DataFrame
    rows: pd.Series | None
    left: dict[str, list[Any]]
    notes: tuple[str, ...] = ()
    place: IntArray | None = None

    @property
    def cohorts(self) -> list[IntArray]:
        """Positions in `frame` of each cohort, in order; all of them for a cross-section."""
        if self.rows is None:
            return [np.arange(len(self.frame))]
        codes = pd.factorize(self.frame["cohort"], sort=True)[0]
        return [np.flatnonzero(codes == k) for k in range(codes.max() + 1)]

    def ledger(self, table: str, further: Mapping[str, Sized]) -> Ledger:
        """Count the rows and firms of each reason, those of the matching itself after the others.

        A firm leaves once, and not while it serves another cohort that joined before it.
        """
        before = self._gone() if self.rows is not None else self.left
        if self.rows is None:
            remaining = len(self.frame) + sum(map(len, self.left.values()))
            ledger = Ledger.opened(table, remaining, remaining)
        else:
            remaining = len(self.rows)
            ledger = Ledger.opened(table, int(self.rows.sum()), remaining)
        for reason, units in {**before, **further}.items():
            remaining -= len(units)
            rows = len(units) if self.rows is None else int(self.rows.loc[units].sum())
            ledger = ledger.dropped(reason, rows, remaining)
        return ledger

    def _gone(self) -> dict[str, list[Any]]:
        """Firms that are candidates in neither arm, by the reason."""
        stays, gone = set(self.frame["unit"]), {}
        for reason, units in self.left.items():
            gone[reason] = [u for u in units if u not in stays]
            stays.update(units)
        return {reason: units for reason, units in gone.items() if units or not self.left[reason]}


def gather(data: pd.DataFrame | Panel, settings: MatchSettings) -> Candidates:
    """Read the candidates of both arms from a cross-section or a panel.

    Raises
    ------
    DataError
        If a column is missing.
    DesignError
        If a covariate is no number, a treatment is not 0/1, or an arm is empty.
    """
    if not isinstance(data, (Panel, pd.DataFrame)):
        raise DesignError(
            f"match takes a DataFrame with one row per firm, or an impact.panel; it was given a {type(data).__name__}."
        )
    frame = data.data if isinstance(data, Panel) else data
    if settings.given is not None and settings.given not in frame:
        known = ", ".join(map(repr, (*SCORES, "mahalanobis")))
        raise DesignError(
            f"distance is {settings.given!r}, which is no column of the data; choose from {known}, or name a column with a score."
        )
    if settings.lags and not isinstance(data, Panel):
        raise DesignError("A cross-section has no years before: leave `lags` out, or give a Panel.")
    lagged = settings.lagged
    require_columns(
        frame,
        list(dict.fromkeys([*(c for c in settings.columns if c not in lagged), *settings.lags])),
    )
    again = [c for c in lagged if c in frame]
    if again:
        raise DesignError(
            f"`lags` makes a covariate of the name {again[0]!r}, which is a column of the data; rename that."
        )
    taken = [c for c in settings.columns if c in RESERVED and c != settings.given]
    if settings.given in set(RESERVED) - {"distance"}:
        taken.append(settings.given)
    if taken:
        raise DesignError(
            f"A covariate cannot be called {', '.join(map(repr, taken))}: the matched table has a "
            "column of that name. Rename it."
        )
    values = _as_numbers(frame, settings)
    found = (
        _from_panel(data, values, settings)
        if isinstance(data, Panel)
        else _from_cross_section(data, values, settings)
    )
    treated = found.frame["treated"]
    for arm, there in ((_PARTICIPANT, treated.any()), (_CONTROL, (~treated).any())):
        if not there:
            lost = "; ".join(f"{len(u):,} × {r}" for r, u in found.left.items() if u) or "none"
            wait = ""
            if arm == _CONTROL and isinstance(data, Panel) and settings.control == "never":
                wait = (
                    " Firms that join later can be compared with until they do: control='not_yet'."
                )
            raise DesignError(f"There is no {arm} to match.{wait} Firms dropped: {lost}.")
    return replace(found, notes=(*_lost_notes(found), *found.notes))


def _lost_notes(found: Candidates) -> list[str]:
    """Participants that never came to be compared, and why."""
    lost = {r: len(u) for r, u in found.left.items() if u and r.startswith(_PARTICIPANT)}
    if not lost:
        return []
    reasons = "; ".join(f"{n:,} × {r.removeprefix(f'{_PARTICIPANT}: ')}" for r, n in lost.items())
    return [f"{NOT_CANDIDATES}: {counted(sum(lost.values()), 'participant')} ({reasons})."]


def _from_cross_section(
    data: pd.DataFrame, values: pd.DataFrame, settings: MatchSettings
) -> Candidates:
    if settings.treatment is None:
        raise DesignError(
            "treatment is missing: name the 0/1 column of participation, or give a Panel."
        )
    require_columns(data, [settings.treatment])
    if settings.treatment in settings.columns:
        raise DesignError(f"'{settings.treatment}' is the treatment and cannot be matched on.")
    if isinstance(data.index, pd.MultiIndex):
        raise DesignError(
            "The index has several levels; give the data one label per firm (set_index)."
        )
    if not data.index.is_unique:
        again = data.index[data.index.duplicated()][0]
        raise DesignError(
            f"The index label {again!r} occurs more than once; ties are resolved and pairs are named "
            "by the index, so give the data one label per firm."
        )
    given = data[settings.treatment]
    wrong = np.flatnonzero(~_zero_or_one(given)).tolist()
    if wrong:
        raise DesignError(
            "The treatment is not 0 or 1.",
            _cell_faults(
                given,
                wrong,
                "participation must be 0 or 1",
                "write 1 for a participant, 0 for a firm of the comparison group, or drop the row",
            ),
        )
    place = _by_label(data.index)
    treated = given.to_numpy(dtype=bool)
    if place is not None:
        values, treated = values.take(place), treated[place]
    else:
        place = np.arange(len(data))
    values = values.reset_index(drop=True)
    left: dict[str, list[Any]] = {}
    gone = np.zeros(len(data), dtype=bool)
    for arm, column, missing in _missing(values, pd.Series(treated), settings.columns):
        left[f"{arm}: {column} is missing"] = list(data.index[place[missing]])
        gone[missing] = True
    if gone.any():
        values = values[~gone].reset_index(drop=True)
        treated, place = treated[~gone], place[~gone]
    columns: dict[str, Any] = {
        "unit": pd.Series(data.index.take(place), index=values.index),
        "cohort": np.full(len(place), np.nan),
        "treated": treated,
        **{c: values[c] for c in settings.columns},
    }
    return Candidates(lazy_frame(columns, values.index), None, left, place=place)


def lazy_frame(columns: Mapping[str, Any], index: pd.Index[Any]) -> pd.DataFrame:
    """A table of the columns as they are: a Series is shared until one of its holders writes to it."""
    return pd.DataFrame(columns, index=index, copy=len(columns) > _NARROW)


def _zero_or_one(given: pd.Series) -> npt.NDArray[np.bool_]:
    if isinstance(given.dtype, np.dtype) and given.dtype.kind in "biuf":
        values = given.to_numpy()
        return np.asarray((values == 0) | (values == 1), dtype=np.bool_)
    return np.asarray(given.isin([0, 1]), dtype=np.bool_)


def _by_label(index: pd.Index[Any]) -> IntArray | None:
    """The order of the labels, so that the row order of the caller cannot matter; None where it is theirs."""
    if index.is_monotonic_increasing:
        return None
    try:
        _, order = index.sort_values(return_indexer=True)
    except TypeError:
        raise DesignError(_no_order(index)) from None
    return np.asarray(order, dtype=np.int64)


def _no_order(units: Iterable[Any]) -> str:
    kinds = sorted({type(u).__name__ for u in units})
    return f"The firm identifiers mix {' and '.join(kinds)} and have no order; make them all text."


def _from_panel(panel: Panel, values: pd.DataFrame, settings: MatchSettings) -> Candidates:
    """Participants of each cohort and the comparison firms, in the year before that cohort joined."""
    _check_panel(panel, settings)
    cohort = panel.unit_cohort()
    rows = panel.data.groupby(panel.unit, sort=True).size()
    periods = panel.periods
    last = periods[-1]
    before = {g: g - 1 in periods for g in sorted(cohort.dropna().unique()) if g <= last}
    joined_later = cohort[cohort > last].index
    left: dict[str, list[Any]] = {
        f"{_PARTICIPANT}: the year before joining is not in the panel": list(
            cohort[cohort.map(before).eq(False)].index
        )
    }
    never = cohort.isna()
    if settings.control == "never" and len(joined_later):
        left[f"joined after {last}, the last year: neither {_PARTICIPANT} nor {_CONTROL}"] = list(
            joined_later
        )
    _check_wait(settings, [g for g, there in before.items() if there], last)
    known = _with_lags(panel, values, settings).assign(unit=panel.data[panel.unit].to_numpy())
    stacked = []
    nobody: list[Any] = []
    for g in (g for g, there in before.items() if there):
        at_base = known[(panel.data[panel.time] == g - 1).to_numpy()].set_index("unit")
        members = cohort.index[cohort == g]
        waiting = never | (
            (cohort > g + settings.years_after) if settings.control == "not_yet" else False
        )
        if settings.control == "not_yet" and not waiting.any():
            nobody += list(members)
            continue
        firms = members.union(cohort.index[waiting])
        arms = pd.DataFrame({"unit": firms, "cohort": g, "treated": firms.isin(members)})
        stacked.append(
            pd.concat([arms, at_base.reindex(firms).reset_index(drop=True)], axis=1).assign(
                there=firms.isin(at_base.index)
            )
        )
    if nobody:
        left[f"{_PARTICIPANT}: every other firm had joined by then"] = nobody
    if not stacked:
        raise DesignError(
            "No participant can be matched: no cohort joined between the second and the last year."
        )
    frame = _in_order(pd.concat(stacked, ignore_index=True), settings)
    left |= _who_left(frame, settings, panel)
    whole, alone = _with_both_arms(_complete(frame[frame["there"]], settings))
    if alone:
        left[f"{_PARTICIPANT}: no {_CONTROL} with known covariates in the year before joining"] = (
            alone
        )
    notes = _timing_notes(settings, whole, len(joined_later), last)
    return Candidates(whole, rows, left, notes)


def _with_lags(panel: Panel, values: pd.DataFrame, settings: MatchSettings) -> pd.DataFrame:
    """Values of earlier years beside those of each row, so that the row of the year before joining holds the path to it."""
    if not settings.lags:
        return values
    keys = pd.MultiIndex.from_arrays([panel.data[panel.unit], panel.data[panel.time]])
    out = values
    for name, (column, years) in settings.lagged.items():
        earlier = pd.MultiIndex.from_arrays(
            [panel.data[panel.unit], panel.data[panel.time] - (years - 1)]
        )
        place = keys.get_indexer(earlier)
        numbers = values[column].to_numpy(dtype=np.float64)
        out = out.assign(**{name: np.where(place >= 0, numbers[place], np.nan)})
    return out


def _with_both_arms(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Any]]:
    """Cohorts that have participants and comparison firms, and the participants of the others.

    One cohort that cannot be compared is no reason to compare none.
    """
    arms = frame.groupby("cohort")["treated"].nunique()
    lacking = frame["cohort"].isin(arms.index[arms < 2])
    if lacking.all():
        return frame, []
    alone = frame.loc[lacking & frame["treated"], "unit"]
    return frame[~lacking].reset_index(drop=True), list(alone)


def _check_panel(panel: Panel, settings: MatchSettings) -> None:
    if settings.treatment not in (None, panel.treatment):
        raise DesignError(
            f"treatment={settings.treatment!r} was given with a Panel, which already knows who "
            "joined when; leave `treatment` out."
        )
    if panel.weights is not None:
        raise DesignError(
            "The panel has sampling weights, which matching does not use: make the panel without "
            "`weights` to match firms one by one."
        )
    for column in settings.columns:
        source, years = settings.lagged.get(column, (column, 1))
        if panel.ahead(source) >= years:
            raise DesignError(
                f"'{source}' looks ahead of its row, so {years} year{'s' if years > 1 else ''} before joining it has seen what came "
                "after: firms are matched on nothing from the year of joining on. Take it out."
            )
    if panel.cohort in settings.columns or panel.treatment in settings.columns:
        raise DesignError("Participation itself cannot be matched on: take it out of `on`.")


def _check_wait(settings: MatchSettings, cohorts: Sequence[float], last: int) -> None:
    """Refuse a wait of which the panel cannot tell for any cohort."""
    span = last - int(min(cohorts, default=last))
    if cohorts and settings.years_after > span:
        raise DesignError(
            f"years_after={settings.years_after} asks who had not joined so long after the first participants, and the panel ends "
            f"{counted(span, 'year')} after they did: write {span} or less."
        )


def _timing_notes(
    settings: MatchSettings, frame: pd.DataFrame, joined_later: int, last: int
) -> tuple[str, ...]:
    """Comparison firms that join after the last year, and those that join within the panel."""
    if settings.control == "never":
        return ()
    notes = []
    if joined_later:
        notes.append(
            f"{counted(joined_later, 'firm')} that joined after {last}, the last year of the panel, {by_number(joined_later, 'stands', 'stand')} among "
            "the comparison firms: not joined in any year that is compared."
        )
    joined = set(frame.loc[frame["treated"], "unit"])
    both = sum(u in joined for u in frame.loc[~frame["treated"], "unit"].unique())
    if both:
        notes.append(
            f"{counted(both, 'participant')} of later cohorts {by_number(both, 'stands', 'stand')} among the comparison firms of earlier ones, until the "
            "year before joining."
        )
    if not notes:
        notes.append(
            "No firm that joins later waits long enough: the comparison firms are those that never join."
        )
    return tuple(notes)


def _who_left(frame: pd.DataFrame, settings: MatchSettings, panel: Panel) -> dict[str, list[Any]]:
    """Firms that are candidates in no cohort, by the first thing that was missing of them.

    A comparison firm is offered to every cohort and leaves only where none could use it; its reason is
    the one of the first cohort. A participant leaves its own cohort, even where it could serve an earlier one.
    """
    base = "in the year before joining"
    found = [
        (arm, f"{arm}: no row {base}", frame.index[~frame["there"] & in_arm])
        for arm, in_arm in _arms(frame["treated"])
    ]
    there = frame[frame["there"]]
    for arm, column, rows in _missing(there, there["treated"], settings.columns):
        source, years = settings.lagged.get(column, (column, 1))
        when = base if years == 1 else f"{years} years before joining"
        found.append((arm, f"{arm}: {panel.label(source)} is missing {when}", rows))
    found.sort(key=lambda one: one[0], reverse=True)  # participants first; stable within an arm
    reasons = pd.Series(pd.NA, index=frame.index, dtype="object")
    for _, reason, rows in found:
        reasons[rows] = reason
    # A later participant may serve earlier cohorts: what it lacks as a participant counts, and nothing else.
    own = frame["treated"] | ~frame["unit"].isin(frame.loc[frame["treated"], "unit"])
    unit = frame.loc[own, "unit"]
    lost = reasons[own].notna().groupby(unit).all()
    first = reasons[own].groupby(unit).first()[lost]
    left = {reason: list(first.index[first == reason]) for _, reason, _ in found}
    return {reason: units for reason, units in left.items() if units}


def _arms(treated: pd.Series) -> tuple[tuple[str, pd.Series], tuple[str, pd.Series]]:
    return (_PARTICIPANT, treated), (_CONTROL, ~treated)


def _missing(
    frame: pd.DataFrame, treated: pd.Series, columns: Sequence[str]
) -> Iterable[tuple[str, str, pd.Index[Any]]]:
    """Arm, column and rows for each column that is missing; a row is counted at its first column."""
    seen = pd.Series(False, index=frame.index)
    for column in columns:
        missing = frame[column].isna()
        if not missing.any():
            continue
        missing &= ~seen
        seen |= missing
        for arm, in_arm in _arms(treated):
            if (missing & in_arm).any():
                yield arm, column, frame.index[missing & in_arm]


def _complete(frame: pd.DataFrame, settings: MatchSettings) -> pd.DataFrame:
    columns = ["unit", "cohort", "treated", *settings.columns]
    return frame[columns].dropna(subset=list(settings.columns)).reset_index(drop=True)


def _in_order(frame: pd.DataFrame, settings: MatchSettings) -> pd.DataFrame:
    """Sort by cohort and identifier, so that the row order of the caller cannot matter."""
    try:
        pd.Index(frame["unit"].unique()).sort_values()
    except TypeError:
        raise DesignError(_no_order(frame["unit"])) from None
    return frame.sort_values(["cohort", "unit"], kind="stable").reset_index(drop=True)


def _as_numbers(data: pd.DataFrame, settings: MatchSettings) -> pd.DataFrame:
    """The columns that matching needs, numbers as float64; text and infinities are refused."""
    faults: list[Fault] = []
    columns: dict[str, Any] = {}
    for column in settings.columns:
        if column in settings.lagged:  # made of a column that is read here too
            continue
        if column not in settings.numbers:
            columns[column] = _as_they_are(data[column])
            continue
        values = data[column]
        role = "score" if column == settings.given else "base weight"
        what = "a covariate" if column in settings.on else f"a {role}"
        bad = not_numbers(values)
        faults += _cell_faults(
            values, bad, f"{what} must be a number", _number_instead(what, settings)
        )
        if len(bad):
            continue
        number = values
        if values.dtype != np.float64:  # a Series of floats is shared, not copied
            floats = values.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan)
            number = pd.Series(floats, index=data.index, copy=False)
        infinite = np.flatnonzero(np.isinf(number.to_numpy()))
        faults += _cell_faults(
            number,
            infinite,
            f"{what} must be finite",
            "leave the cell empty, or correct it (the logarithm of 0 is a common cause)",
        )
        columns[column] = number
    if faults:
        raise DesignError("A column of the match does not hold finite numbers.", faults)
    return lazy_frame(columns, data.index)


def _cell_faults(
    values: pd.Series, rows: Sequence[int] | IntArray, problem: str, remedy: str
) -> list[Fault]:
    """A fault for each of these cells; where most of the column is wrong, one for all, and else of very many the first and their number."""
    name = str(values.name)
    if len(rows) > _FEW_CELLS and 2 * len(rows) > len(values):
        shown = ", ".join(repr(v) for v in pd.unique(values.iloc[rows])[:3])
        return [
            Fault(
                f"{problem}, in {len(rows):,} of {len(values):,} rows ({shown}, ...)",
                remedy,
                column=name,
            )
        ]
    faults = [
        Fault(f"{problem}, at index {values.index[i]}", remedy, column=name, value=values.iloc[i])
        for i in rows[:_SHOWN]
    ]
    more = len(rows) - len(faults)
    if more:
        faults.append(Fault(f"{more:,} more rows like these", remedy, column=name, count=more))
    return faults


def _number_instead(what: str, settings: MatchSettings) -> str:
    if what != "a covariate":
        return "write a number"
    exact = "in `exact`, or " if takes(settings, "exact") else ""
    return f"write a number; give a category {exact}as 0/1 columns"


def _as_they_are(values: pd.Series) -> pd.Series:
    """A column to match exactly on: numbers and text shared, other kinds as plain objects."""
    kind = values.dtype
    plain = isinstance(kind, np.dtype) and kind.kind in "biuf"
    if plain or isinstance(kind, pd.StringDtype):
        return values
    return pd.Series(values.to_numpy(), index=values.index)


def not_numbers(values: pd.Series) -> npt.NDArray[np.int64]:
    """Positions of cells that hold no number; a missing one is none of them."""
    if pd.api.types.is_bool_dtype(values) or (
        pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_complex_dtype(values)
    ):
        return np.empty(0, dtype=np.int64)
    fine = [bool(pd.isna(v)) or isinstance(v, Real) for v in values]
    return np.flatnonzero(~np.array(fine, dtype=bool))
