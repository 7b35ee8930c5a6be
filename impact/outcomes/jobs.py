"""Jobs of firms and their flows: growth with entry and death, creation, destruction, reallocation, and declared indirect jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from impact.core.counts import OutcomeCount, level_count
from impact.core.errors import DataError
from impact.core.panel import Panel, require_panel
from impact.outcomes.group_columns import group_column, ungrouped
from impact.outcomes.job_flows import COLUMNS, FLOWS, growth, job_flows
from impact.outcomes.job_levels import CONCEPTS, UNITS, JobsAsked, asked_for, job_levels
from impact.outcomes.transform import lag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROSS = (
    "Gross job creation is what firms that grew added, with or without a programme. Jobs that participants created are not jobs that the "
    "programme created: for these, compare the change of 'jobs' or 'jobs_growth' with that of comparable firms."
)
"""What is said wherever job creation is printed."""

LARGE_MULTIPLIER = 2.5
"""Jobs in all per direct job from which on a declared multiplier is flagged as large."""


@dataclass(frozen=True, slots=True)
class IndirectJobs:
    """Indirect jobs as somebody declared them; an assumption, never an estimate.

    Attributes
    ----------
    multiplier : float
        Jobs in all per direct job, 1 or more.
    source : str
        Where it was taken from.
    """

    multiplier: float
    source: str

    def of(self, direct: float) -> float:
        """Indirect jobs that go with direct ones: `direct x (multiplier - 1)`."""
        return direct * (self.multiplier - 1)

    @property
    def said(self) -> str:
        """The assumption in words, with a flag where it is large."""
        text = f"assumed: {self.multiplier:g} jobs in all per direct job ({self.source})"
        if self.multiplier > LARGE_MULTIPLIER:
            text += f"; more than {LARGE_MULTIPLIER:g} is large, and needs a source that measured it in this place and sector"
        return text


@dataclass(frozen=True, slots=True, eq=False)
class JobsResult:
    """Jobs of firms and their flows; made by `impact.jobs`.

    Attributes
    ----------
    panel : Panel
        The panel with `jobs`, `jobs_change`, `jobs_growth`, `job_creation`, `job_destruction`, and their counts.
    flows : DataFrame
        One row per year (and group): see `impact.outcomes.job_flows.job_flows`.
    kind, concept : str
        What is counted.
    group : str or None
        Column of the groups in `flows` and `tidy()`: that of the panel, or `group` where its name is taken there.
    indirect : IndirectJobs or None
    notes : tuple of str
        What a reader must know.
    """

    panel: Panel
    flows: pd.DataFrame
    kind: str
    concept: str
    group: str | None
    indirect: IndirectJobs | None
    notes: tuple[str, ...]

    def tidy(self) -> pd.DataFrame:
        """Flows in long form: `year` [group] `flow label amount unit rate status n n_entering n_dying n_unobserved flags`.

        `rate` is the share of the mean of jobs in both years; that of `net` is the midpoint growth of the sum. `n` firms with jobs in
        one of the years are behind a flow. `net_indirect` follows where a multiplier was declared; its status is assumption.
        """
        rows: list[dict[str, Any]] = []
        for found in self.flows.to_dict("records"):
            rows += self._year(found)
        keys = ["year", *([] if self.group is None else [self.group])]
        return pd.DataFrame(rows, columns=[*keys, *_TIDY])

    def _year(self, found: Mapping[Any, Any]) -> list[dict[str, Any]]:
        same = {k: found[k] for k in ("year", "n_entering", "n_dying", "n_unobserved")}
        same |= {"unit": UNITS[self.kind], "n": found["n_firms"], "flags": _flags(found)}
        if self.group is not None:
            same[self.group] = found[self.group]
        rows = [
            same | {"flow": flow, "label": label, "amount": found[flow], "rate": found[f"{flow}_rate"], "status": "known"}
            for flow, label in FLOWS.items()
        ]  # fmt: skip
        if self.indirect is not None:
            rows.append(same | {
                "flow": "net_indirect", "label": f"indirect jobs that go with the net change, {self.indirect.said}",
                "amount": self.indirect.of(found["net"]), "rate": float("nan"), "status": "assumption",
            })  # fmt: skip
        return rows

    def counts(self) -> pd.DataFrame:
        """Counts behind each column of the panel."""
        return self.panel.counts()

    def summary(self) -> str:
        """Say year by year how many jobs came and went, and what that is not."""
        unit = UNITS[self.kind]
        lines = [
            f"{'Full-time equivalents' if self.kind == 'fte' else 'Heads'}; {CONCEPTS[self.concept]}."
        ]
        for found in self.flows.to_dict("records"):
            who = "" if self.group is None else f", {found[self.group]}"
            if pd.isna(found["net"]):
                lines.append(f"{found['year']}{who}: no firm was observed in both years.")
                continue
            lines.append(
                f"{found['year']}{who}: +{found['creation']:,.1f} - {found['destruction']:,.1f} = {found['net']:+,.1f} {unit}"
                f"{_percent(found['net_rate'])}; {found['n_firms']:,} firms, {found['n_entering']:,} from no jobs ("
                f"{found['n_born']:,} born), {found['n_dying']:,} to no jobs ({found['n_closed']:,} known to have died); {found['n_unobserved']:,} not observed in both years and left out."
            )
            if self.indirect is not None:
                indirect = self.indirect.of(found["net"])
                lines.append(f"  with it {indirect:+,.1f} indirect {unit} (assumed).")
        if self.indirect is not None:
            lines.append(f"Indirect {unit}, {self.indirect.said}.")
        return "\n".join([*lines, *self.notes, GROSS])

    def plot(self) -> Figure:
        """Creation, destruction and the net change by year."""
        from impact.display.jobs_figure import jobs_figure

        rows = self.flows
        if self.group is not None:
            rows = rows.rename(columns={self.group: "group"}).astype({"group": "str"})
        return jobs_figure(rows, unit=UNITS[self.kind])

    def __repr__(self) -> str:
        return self.summary()


_TIDY = ("flow", "label", "amount", "unit", "rate", "status", "n", "n_entering", "n_dying", "n_unobserved", "flags")  # fmt: skip


def _percent(rate: float) -> str:
    return "" if pd.isna(rate) else f" ({100 * rate:+.1f} % of the mean of both years)"


def _flags(found: Mapping[Any, Any]) -> str:
    said = []
    if pd.isna(found["net"]):
        said.append("no firm was observed in both years")
    if found["n_unobserved"]:
        said.append(
            f"{found['n_unobserved']:,} firms not observed in both years are left out, with {found['jobs_out_of_sight']:,.1f} jobs before "
            f"and {found['jobs_into_sight']:,.1f} now"
        )
    for event, state, word in (("n_entering", "n_born", "were not active in the year before"),
                               ("n_dying", "n_closed", "are known to be inactive")):  # fmt: skip
        if found[event] and found[event] != found[state]:
            said.append(f"of {found[event]:,} {event[2:]}, {found[state]:,} {word}")
    return "; ".join(said)


def jobs(
    data: Panel,
    *,
    concept: str | None = None,
    employees: str | Sequence[str] = "employees",
    kind: str = "headcount",
    hours: str | Sequence[str] | None = None,
    contract_hours: float | str | None = None,
    alive: str | None = None,
    group: str | None = None,
    multiplier: float | None = None,
    indirect_per_direct: float | None = None,
    indirect_source: str | None = None,
) -> JobsResult:
    """Add jobs and their growth to a panel, and sum them to flows: creation, destruction, net, reallocation.

    Parameters
    ----------
    data : Panel
        Firms in years.
    concept : {"stock", "person"}
        What a unit of employment is: a job that exists (a stock), or a person who worked at any time of the year, of whom there are more.
        It has no default, since nothing in a column shows it. Hires of a year, a flow, are refused.
    employees : str or sequence of str
        Column of jobs in the year; or the twelve columns of its months, whose average is taken. An average of months is to be preferred
        to December, which seasonal firms make of any size.
    kind : {"headcount", "fte"}
        Heads, or full-time equivalents.
    hours : str or sequence of str, optional
        Column of hours (or days) worked in the year, or the columns of its months; `kind="fte"` only.
    contract_hours : float or str, optional
        Hours (or days) of a full-time job in a year, or the column that has them. There is no default: it differs by country and law.
    alive : str, optional
        Column that is true where the firm was active. Default: what a column `state` says.
    group : str, optional
        Column that is constant within the firm, such as a mark of participants; flows are then given for each group, in a column of that
        name. Firms without a value are in no group, and counted in a note.
    multiplier : float, optional
        Jobs in all per direct job, 1 or more, as somebody declares it; indirect jobs are `direct x (multiplier - 1)`.
    indirect_per_direct : float, optional
        The same as indirect jobs per direct job, 0 or more: give one of the two.
    indirect_source : str, optional
        Where that number was taken from; needed with it.

    Returns
    -------
    JobsResult
        Its `panel` has the new columns

        - `jobs`: 0 where the firm is known to be inactive, before its birth and after its death; missing where it was not observed;
        - `jobs_change`: since the year before; missing where one of the two is, so gaps are not jumped over;
        - `jobs_growth`: midpoint growth, `2 (L(t) - L(t-1)) / (L(t) + L(t-1))`: 2 on entry, -2 on death, missing where both are 0;
        - `job_creation`, `job_destruction`: the positive and the negative part of the change, both 0 or more.

    Raises
    ------
    DataError
        If the concept is not declared, a column is missing or holds what is no number of jobs, the arguments do not fit
        together, or an indirect multiplier is below 1 or has no source.

    Notes
    -----
    Davis, Haltiwanger and Schuh (1996), *Job Creation and Destruction*. Rates weight a firm's growth by its mean jobs in both years, so that
    creation - destruction = net, which is the midpoint growth of the sum; gross reallocation = creation + destruction; excess
    reallocation = reallocation - |net|. A death is unconditional, jobs 0; of surviving firms alone, use `jobs` where the firm is active.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm": ["a", "a", "b", "b", "c", "c"], "year": [2013, 2014] * 3,
    ...                      "state": ["active_nonexporter"] * 3 + ["inactive"] + ["active_nonexporter", "unobserved"],
    ...                      "employees": [10.0, 14.0, 5.0, None, 8.0, None]})
    >>> found = impact.jobs(impact.panel(rows, unit="firm", time="year"), concept="stock")
    >>> found.panel.data["jobs_growth"].round(3).tolist()
    [nan, 0.333, nan, -2.0, nan, nan]
    >>> found.flows[["creation", "destruction", "net", "n_dying", "n_unobserved"]].iloc[0].tolist()
    [4.0, 5.0, -1.0, 1.0, 1.0]
    """
    data = require_panel(data, "jobs")
    asked = asked_for(employees, kind, concept, hours, contract_hours, alive)
    indirect = _indirect(multiplier, indirect_per_direct, indirect_source)
    groups = None if group is None else data.by_unit(group)
    levels, notes = job_levels(data, asked)
    columns = _columns(data, levels["jobs"])
    made = data.with_outcomes(columns, _counts(columns, asked, levels["gone"]))
    key = None if group is None else group_column(group, {"year", *COLUMNS, *_TIDY})
    flows = job_flows(
        _wide(data, levels["jobs"]), _wide(data, levels["gone"]) == 1, groups, name=key or "group"
    )
    said = [*notes, *_said(data, asked, group, groups)]
    return JobsResult(made, flows, kind, asked.concept, key, indirect, tuple(said))


def _indirect(
    multiplier: float | None, per_direct: float | None, source: str | None
) -> IndirectJobs | None:
    if multiplier is None and per_direct is None:
        if source:
            raise DataError(
                "indirect_source was given and no number: add multiplier= or indirect_per_direct=."
            )
        return None
    if multiplier is not None and per_direct is not None:
        raise DataError("Give either multiplier or indirect_per_direct; they say the same.")
    value = 1 + per_direct if per_direct is not None else multiplier
    if value is None or not 1 <= value < float("inf"):
        raise DataError(
            f"A multiplier is jobs in all per direct job, so 1 or more; {value} was given."
        )
    if not source or not source.strip():
        raise DataError(
            "A multiplier is an assumption, and is printed with its source: say indirect_source='...'."
        )
    return IndirectJobs(float(value), source.strip())


def _columns(data: Panel, levels: pd.Series) -> pd.DataFrame:
    before = lag(levels, data.data[data.unit], data.data[data.time])
    change = levels - before
    return pd.DataFrame({
        "jobs": levels, "jobs_change": change, "jobs_growth": growth(levels, before),
        "job_creation": change.clip(lower=0.0), "job_destruction": (-change).clip(lower=0.0),
    })  # fmt: skip


def _counts(columns: pd.DataFrame, asked: JobsAsked, gone: pd.Series) -> tuple[OutcomeCount, ...]:
    unit = UNITS[asked.kind]
    closed = int((gone & columns["jobs"].notna()).sum())
    flags = [f"{closed:,} firm-years without activity count as 0"] if closed else []
    none = int((columns["jobs_change"].notna() & columns["jobs_growth"].isna()).sum())
    empty = [f"{none:,} firm-years without jobs in both years have no growth"] if none else []
    words = {
        "jobs": (CONCEPTS[asked.concept], unit, flags),
        "jobs_change": ("change of jobs since the year before", unit, []),
        "jobs_growth": ("midpoint growth of jobs, 2 on entry and -2 on death", "share of the mean of both years", empty),
        "job_creation": ("jobs added since the year before (gross)", unit, []),
        "job_destruction": ("jobs lost since the year before (gross)", unit, []),
    }  # fmt: skip
    return tuple(level_count(c, *words[c][:2], columns[c], words[c][2]) for c in columns)


def _wide(data: Panel, values: pd.Series) -> pd.DataFrame:
    """Firms (sorted) by every year between the first and the last."""
    long = pd.DataFrame({
        "unit": data.data[data.unit], "year": data.data[data.time], "value": values.astype("float64")
    })  # fmt: skip
    wide = long.pivot(index="unit", columns="year", values="value").sort_index()
    return wide.reindex(columns=range(data.periods[0], data.periods[-1] + 1))


def _said(data: Panel, asked: JobsAsked, group: str | None, groups: pd.Series | None) -> list[str]:
    said = []
    if asked.concept == "person":
        said.append(
            "Persons who worked at any time of the year are more than the jobs at any moment, and one who worked in two firms is counted in both."
        )
    if groups is not None:
        said += ungrouped(groups, str(group))
    if data.weights is not None:
        said.append("Sampling weights are not applied: the flows are those of the firms of the panel.")  # fmt: skip
    return said
