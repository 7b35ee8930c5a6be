"""What an effect on asinh(x) or log(1 + x) says in each unit of x, and what to estimate instead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.inference import infer
from impact.core.panel import Panel, require_columns
from impact.core.tidy import estimate_table
from impact.outcomes.two_by_two import TwoByTwo
from impact.outcomes.zero_transforms import (
    TRANSFORMS,
    UNITS,
    known_transform,
    transformed,
    unit_words,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 50


@dataclass(frozen=True, slots=True, eq=False)
class FormResult:
    """An outcome with zeros under a transform, in four units, and without it; made by `impact.functional_form`.

    Attributes
    ----------
    estimates : DataFrame
        See `tidy`.
    transform : str
    outcome, label : str
    before, after : int or None
        The periods that are compared; None where firms were seen once.
    zeros : float
        Share of the outcomes that are 0.
    counterfactual_mean : float
        Mean of the participants' outcome, had it grown at the rate of the others.
    notes : tuple of str
        Who is compared, and who was left out.
    """

    estimates: pd.DataFrame
    transform: str
    outcome: str
    label: str
    before: int | None
    after: int | None
    zeros: float
    counterfactual_mean: float
    notes: tuple[str, ...]

    def tidy(self) -> pd.DataFrame:
        """Estimates: four rows of the transform, one a unit of the outcome, and four rows that do not depend on the unit.

        `term` is `asinh` or `log1p` (its `unit` says how the outcome is counted); `poisson`, the log of the ratio that a Poisson regression
        with firm and period effects gives; `level_effect`, the same in % of the counterfactual mean, with the interval of `poisson` carried over
        and its p-value; `level_difference`, in units of the outcome; `extensive_margin`, in percentage points of firms above 0.
        """
        return self.estimates.copy()

    def by_unit(self) -> pd.Series:
        """Estimate on the transform by unit of the outcome."""
        rows = self.estimates[self.estimates["term"] == self.transform]
        return pd.Series(rows["estimate"].to_numpy(), index=list(UNITS), name=self.transform)

    def row(self, term: str) -> pd.Series:
        """The row of a term other than the transform."""
        return self.estimates.set_index("term").loc[term]

    @property
    def recommended(self) -> str:
        """What to estimate instead, with its numbers, as a sentence without its final stop."""
        level, entry = self.row("level_effect"), self.row("extensive_margin")
        if math.isfinite(level["estimate"]):
            number = (
                f"{level['estimate']:+.1f} % of the counterfactual mean{_interval(level, ' %')}"
            )
        else:
            number = "not defined here, since a group has a mean of 0"
        return (
            f"estimate the effect on the level as a Poisson regression does, the same in every unit: {number}; and the "
            f"effect on being above 0: {entry['estimate']:+.1f} percentage points{_interval(entry, '')}; of "
            f"{level['n_treated']:,} participants against {level['n_control']:,} others{self._when()}"
        )

    def _when(self) -> str:
        return "" if self.before is None else f", from {self.before} to {self.after}"

    def summary(self) -> str:
        """The table of units in words, why it cannot be read as a percentage, and what to report instead."""
        written = TRANSFORMS[self.transform].replace("x", self.outcome)
        n = self.estimates.iloc[0]
        lines = [
            f"Effect on {written}, of {n['n_treated']:,} participants against {n['n_control']:,} others: {unit_words(self.by_unit())}. "
            "The firms and the effect are the same in each; only the unit differs.",
            self._why(),
            f"Instead, {self.recommended}.",
        ]
        return "\n".join([*lines, *self.notes])

    def _why(self) -> str:
        entry = self.row("extensive_margin")["estimate"]
        if self.zeros == 0:
            return "No outcome is 0, so nothing asks for this transform: use the logarithm, or the level."
        slope = math.log(1000) * entry / 100
        return (
            f"{100 * self.zeros:.1f} % of the outcomes are 0, and {entry:+.1f} percentage points more firms are above 0: that alone adds about "
            f"{slope:+.2f} with each unit that is a thousand times finer. It is no percentage (Chen and Roth 2024)."
        )

    def plot(self) -> Figure:
        """The estimate on the transform, unit by unit."""
        from impact.display.figures import effect_figure

        rows = self.estimates[self.estimates["term"] == self.transform].copy()
        rows["term"] = list(UNITS)
        return effect_figure(
            rows, label=f"{TRANSFORMS[self.transform].replace('x', self.label)}, by unit"
        )

    def __repr__(self) -> str:
        return self.summary()


def _interval(row: pd.Series, unit: str) -> str:
    if not math.isfinite(row["conf_low"]):
        return ""
    return f" ({row['conf_low']:+.1f} to {row['conf_high']:+.1f}{unit})"


def functional_form(
    data: Panel | pd.DataFrame,
    outcome: str,
    *,
    transform: str = "asinh",
    treatment: str | None = None,
    before: int | None = None,
    after: int | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
) -> FormResult:
    """Show how an effect on asinh(x) or log(1 + x) depends on the unit of x, and compute what does not.

    Parameters
    ----------
    data : Panel or DataFrame
        A panel: participants and others are compared in their change between two periods. A table with one row a firm: as they are.
    outcome : str
        Column of the outcome, 0 or more.
    transform : {"asinh", "log1p"}
        What was asked for; "ihs", "arcsinh" and "log(1 + x)" are other names.
    treatment : str, optional
        Column with 1 for participants and 0 for others, constant within the firm. Default: the panel's cohort, where participants
        are the firms that joined after `before` and by `after`, and the others those that had not joined by `after`.
    before, after : int, optional
        The two periods of a panel. Default: the period before the first joining (the first, where `treatment` is given), and the last.
    cluster : str, optional
        Column of the clusters of the variance, constant within the firm; each firm is its own where missing.
    conf_level : float
        Level of the intervals; t distribution with G - 1 degrees of freedom.

    Returns
    -------
    FormResult
        `tidy()` has the estimate on the transform with the outcome counted in hundredths, ones, thousands and millions, and, the same in every
        unit, the effect on the level in % of the counterfactual mean, on the level, and on being above 0.

    Raises
    ------
    DataError
        If a column is missing, an outcome is negative or no number, participants or others are missing, or the arguments do not fit.

    Notes
    -----
    Chen and Roth (2024), "Logs with zeros? Some problems and solutions", *Quarterly Journal of Economics* 139. The level effect is
    `exp(b) - 1` of a Poisson regression with firm and period effects, in closed form:
    `exp(b) = (T2 / T1) / (C2 / C1)`, T and C the sums of participants and others at both times. It takes the growth of the others
    for what the participants' would have been. Standard errors from the influence of each firm, with the factor of fixest.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm": [1, 1, 2, 2, 3, 3, 4, 4], "year": [2012, 2013] * 4, "joined": [2013.0] * 4 + [None] * 4,
    ...                      "exports_eur": [100.0, 150.0, 0.0, 30.0, 100.0, 120.0, 20.0, 0.0]})
    >>> form = impact.functional_form(impact.panel(rows, unit="firm", time="year", cohort="joined"), "exports_eur")
    >>> form.by_unit().round(2).to_dict()
    {'hundredths': 8.61, 'ones': 4.0, 'thousands': 0.04, 'millions': 0.0}
    >>> float(round(form.row("level_effect")["estimate"], 6))
    80.0
    """
    transform = known_transform(transform)
    named = [outcome, *(c for c in (treatment, cluster) if c is not None)]
    when: tuple[int | None, int | None] = (None, None)
    if isinstance(data, Panel):
        require_columns(data.data, named)
        _refuse_cells(data.data, outcome)
        compared, when, notes = _panel_groups(data, outcome, treatment, before, after, cluster)
    else:
        require_columns(data, named)
        _refuse_cells(data, outcome)
        compared, notes = _row_groups(data, outcome, treatment, (before, after), cluster)
    for who, n in (("participants", compared.treated.sum()), ("others", (~compared.treated).sum())):
        if n == 0:
            raise DataError(
                f"No {who} with a known '{outcome}' are left, so there is nothing to compare. {' '.join(notes)}"
            )
    label = data.label(outcome) if isinstance(data, Panel) else outcome.replace("_", " ")
    both = (
        compared.after
        if compared.before is None
        else np.concatenate([compared.before, compared.after])
    )
    return FormResult(
        _estimates(compared, outcome, transform, conf_level), transform, outcome, label, *when,
        float((both == 0).mean()), compared.counterfactual_mean(), tuple(notes),
    )  # fmt: skip


def _refuse_cells(frame: pd.DataFrame, outcome: str) -> None:
    cells = frame[outcome]
    number = pd.to_numeric(cells, errors="coerce").astype("float64")
    with np.errstate(invalid="ignore"):
        bad = (number.isna() & cells.notna()) | (number < 0) | np.isinf(number)
    faults = [
        Fault(f"this is no number of 0 or more, at index {frame.index[i]}", "correct the cell, or leave it empty where it is not known",
              column=outcome, value=cells.iloc[i])
        for i in np.flatnonzero(bad.to_numpy())[:_SHOWN]
    ]  # fmt: skip
    if faults:
        raise DataError(
            "An effect in % of the level needs an outcome of 0 or more, such as sales, exports or jobs.",
            faults,
        )


def _panel_groups(
    data: Panel, outcome: str, treatment: str | None, before: int | None, after: int | None, cluster: str | None
) -> tuple[TwoByTwo, tuple[int, int], list[str]]:  # fmt: skip
    """Firms that were seen in both periods, in the order of their names."""
    marks = None if treatment is None else _marks(data.by_unit(treatment), treatment)
    first, last = _periods(data, marks is None, before, after)
    wide = data.wide(outcome).astype("float64")
    at = [wide[t] if t in wide else pd.Series(np.nan, index=wide.index) for t in (first, last)]
    seen = at[0].notna() & at[1].notna()
    if marks is None:
        cohort = data.unit_cohort().reindex(wide.index)
        marks = ((cohort > first) & (cohort <= last)).astype("float64").mask(cohort <= first)
        span = f"in {last}" if first + 1 == last else f"from {first + 1} to {last}"
        who = f"Participants joined {span}; the others had not joined by {last}."
    else:
        who = f"Participants are those with 1 in '{treatment}'."
    used = seen & marks.notna()
    notes = [f"Change between {first} and {last}. {who}"]
    for n, words in ((int((marks.isna() & seen).sum()), f"firms that had joined by {first}, or are not marked, are left out"),
                     (int((~seen).sum()), f"firms without '{outcome}' in one of the two periods are left out")):  # fmt: skip
        if n:
            notes.append(f"{n:,} {words}.")
    if data.weights is not None:
        notes.append("Sampling weights are not applied: the numbers are of the firms of the panel.")
    groups = None if cluster is None else _clusters(data.by_unit(cluster)[used], cluster)
    compared = TwoByTwo(at[0][used].to_numpy(), at[1][used].to_numpy(), (marks[used] == 1).to_numpy(), groups)  # fmt: skip
    return compared, (first, last), notes


def _periods(
    data: Panel, from_cohort: bool, before: int | None, after: int | None
) -> tuple[int, int]:
    periods = data.periods
    last = periods[-1] if after is None else int(after)
    if before is not None:
        first = int(before)
    elif from_cohort:
        joined = data.unit_cohort().dropna()
        later = joined[(joined > periods[0]) & (joined <= last)]
        if later.empty:
            raise DataError(
                f"No firm joined after {periods[0]} and by {last}, so none was seen before and after joining. Give treatment=, a column with "
                "1 for participants and 0 for others, or earlier periods."
            )
        first = int(later.min()) - 1
    else:
        first = periods[0]
    if first >= last:
        raise DataError(
            f"The period before is {first} and the period after is {last}; give before= and after=, two periods of the panel, in "
            "this order. Firms that were seen once can be compared in a table with one row a firm."
        )
    absent = [t for t in (first, last) if t not in periods]
    if absent:
        raise DataError(
            f"The panel has no row for {absent[0]}; its periods are {', '.join(map(str, periods))}. Name two of them: before=, after=."
        )
    return first, last


def _row_groups(
    data: pd.DataFrame, outcome: str, treatment: str | None, periods: tuple[int | None, int | None], cluster: str | None
) -> tuple[TwoByTwo, list[str]]:  # fmt: skip
    if treatment is None:
        raise DataError(
            "Who took part? Name the column: treatment='...', 1 for participants and 0 for others; or give a panel with cohorts."
        )
    if periods != (None, None):
        raise DataError(
            "A table with one row a firm has no periods. Give the firm-years their roles first: impact.panel(...)."
        )
    marks = _marks(data[treatment], treatment)
    rows = pd.DataFrame({
        "y": pd.to_numeric(data[outcome]).astype("float64"), "mark": marks,
        "group": marks if cluster is None else data[cluster],
    })  # fmt: skip
    used = rows[rows["y"].notna() & rows["mark"].notna()]
    # Sums of floats depend on their order: rows go by their values, whatever the file's order was.
    used = used.sort_values(["mark", "y", "group"], kind="stable")
    lost = len(rows) - len(used)
    notes = ["Participants and others are compared as they are, without a period before."]
    if lost:
        notes.append(f"{lost:,} rows without '{outcome}' or '{treatment}' are left out.")
    groups = None if cluster is None else _clusters(used["group"], cluster)
    return TwoByTwo(None, used["y"].to_numpy(), (used["mark"] == 1).to_numpy(), groups), notes


def _marks(column: pd.Series, name: str) -> pd.Series:
    number = pd.to_numeric(column, errors="coerce").astype("float64")
    bad = column.notna() & ~number.isin([0, 1])
    if bad.any():
        raise DataError(
            f"'{name}' must be 1 for participants and 0 for others; {int(bad.sum()):,} firms have something else, such as {column[bad].iloc[0]!r}."
        )
    return number


def _clusters(column: pd.Series, name: str) -> npt.NDArray[Any]:
    if column.isna().any():
        raise DataError(
            f"{int(column.isna().sum()):,} firms have no '{name}', so no cluster; fill it in, or leave cluster= out."
        )
    return np.asarray(pd.factorize(column, sort=True)[0])


def _estimates(compared: TwoByTwo, outcome: str, transform: str, conf_level: float) -> pd.DataFrame:
    after, before = compared.after, compared.before
    rows: list[tuple[str, str, str, float, float]] = []
    written = TRANSFORMS[transform].replace("x", outcome)
    for unit, factor in UNITS.items():
        old = None if before is None else transformed(before, transform, factor)
        found = compared.difference(transformed(after, transform, factor), old)
        rows.append(
            (transform, f"{outcome} in {unit}", f"effect on {written}; depends on the unit", *found)
        )
    log, log_error = compared.log_ratio()
    ratio = math.exp(log) if not math.isnan(log) else math.nan
    log = log if math.isfinite(log) else math.nan
    entry = compared.difference(*_above_zero(after, before))
    rows += [
        ("poisson", "log points", "log of the ratio to the counterfactual mean", log, log_error),
        ("level_effect", "% of the counterfactual mean", "effect on the level; the same in every unit",
         100 * (ratio - 1), 100 * ratio * log_error),
        ("level_difference", f"units of {outcome}", "difference in the change of the level" if before is not None
         else "difference in the level", *compared.difference(after, before)),
        ("extensive_margin", "percentage points", "effect on being above 0; the same in every unit",
         100 * entry[0], 100 * entry[1]),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["term", "unit", "label", "estimate", "std_error"])
    df = float(compared.n_clusters - 1) if compared.n_clusters > 1 else None
    table = infer(frame.pop("estimate"), frame.pop("std_error"), conf_level=conf_level, df=df)
    table = pd.concat([frame, table], axis=1)
    table = _through_the_logarithm(table)
    table["n_treated"], table["n_control"] = int(compared.treated.sum()), int((~compared.treated).sum())  # fmt: skip
    table["n_obs"] = len(after) * (1 if before is None else 2)
    table["n_units"], table["n_clusters"] = len(after), compared.n_clusters
    return estimate_table(table, keys=["unit", "label"])


def _above_zero(
    after: npt.NDArray[np.float64], before: npt.NDArray[np.float64] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]:
    now = (after > 0).astype("float64")
    return now, None if before is None else (before > 0).astype("float64")


def _through_the_logarithm(table: pd.DataFrame) -> pd.DataFrame:
    """The interval and p-value of the level effect are those of its logarithm, which is nearer to normal and never passes -100 %."""
    log, level = (table.index[table["term"] == t][0] for t in ("poisson", "level_effect"))
    table.loc[level, ["statistic", "p_value"]] = table.loc[log, ["statistic", "p_value"]].to_numpy()
    ends = table.loc[log, ["conf_low", "conf_high"]].to_numpy(dtype="float64")
    table.loc[level, ["conf_low", "conf_high"]] = 100 * np.expm1(ends)
    return table
