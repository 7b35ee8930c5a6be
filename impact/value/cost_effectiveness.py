"""The verb `cost_effectiveness`: how many net jobs did each million buy, and what did a job cost?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from impact.core.errors import EstimationError
from impact.core.inference import infer
from impact.display.digits import number_text
from impact.display.numbers import format_number, unit_word
from impact.estimate.effect import EffectResult
from impact.value.costs import discounted_costs, present_value
from impact.value.ratio import ratio
from impact.value.totals import (
    ShortCohorts,
    firm_cohorts,
    participants_per_cohort,
    rows_at_horizon,
    total_over,
    treated_cells,
    years_after,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRIMARY = "total_per_million"
"""The row to read first: it is well behaved even where the effect cannot be told from zero."""

_MILLION = 1e6
_SHOWN = ["label", "estimate", "interval", "status"]


@dataclass(frozen=True, slots=True, eq=False)
class ValueResult:
    """What the programme bought; made by `impact.cost_effectiveness`, never changed.

    Attributes
    ----------
    table : DataFrame
        Tidy rows `cost, total_at_horizon, unit_years, total_per_million, cost_per_unit,
        cost_per_unit_year, cost_per_participant`, with `estimate` to `conf_high`; `kind` and
        `interval` (the confidence set in words); `unit`; `label, numerator, denominator, horizon,
        basis, price_base, currency` (which number this is); `status` (`known`, `estimate`, or
        `assumption` where a cost in it is assumed); `n_participants, n_treated, n_units`. A cost per
        unit is missing wherever its set is not a bounded, positive interval.
    costs : DataFrame
        The costs with `counted`, `discount_factor` and `present_value`.
    effect : EffectResult
        Where the numerator came from.
    notes : tuple of str
        What a reader must know.
    label : str
        The primary number in words.
    sentence : str
        The finding, fit for a report.
    """

    table: pd.DataFrame
    costs: pd.DataFrame
    effect: EffectResult
    notes: tuple[str, ...]
    label: str
    sentence: str

    def tidy(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.table.copy()

    def summary(self) -> str:
        """The table, the finding in a sentence, and the notes."""
        shown = self.table[_SHOWN].copy()
        shown["estimate"] = [
            "" if math.isnan(x) else number_text(x) for x in self.table["estimate"]
        ]
        return "\n".join([shown.to_string(index=False), self.sentence, *self.notes])

    def plot(self) -> Figure:
        """Draw the primary number with its interval and a line at zero."""
        from impact.display.value_figure import value_figure

        return value_figure(self.table[self.table["term"] == PRIMARY])

    def __repr__(self) -> str:
        return self.summary()


def cost_effectiveness(
    effect: EffectResult,
    costs: pd.DataFrame,
    *,
    horizon: int,
    discount_rate: float = 0.0,
    denominator: str | Sequence[str] = "public",
    outcome_unit: str = "jobs",
    currency: str,
    price_base: str | int | None = None,
    participants: Mapping[int, int] | None = None,
    gross: bool = False,
    short_cohorts: ShortCohorts = "last_observed",
) -> ValueResult:
    """Set the net outcome of a programme against what was paid for it.

    Parameters
    ----------
    effect : EffectResult
        Group-time effects (rows with `cohort`, `time`, `event_time`, not aggregated) on an outcome in
        *levels*. Whether an outcome is a logarithm cannot be seen from its effect: that it is a count
        of `outcome_unit` is the caller's word.
    costs : DataFrame
        One row per payment; see `impact.value.costs.discounted_costs`.
    horizon : int
        Years after joining at which the outcome is counted; 0 is the year of joining. Never beyond
        the last year that was observed.
    discount_rate : float
        Yearly rate at which costs are discounted to the first year of cost, 0.03 for 3 %. Units of
        the outcome are counted, not discounted.
    denominator : str or sequence of str
        Sources of funds whose costs count, or "total".
    outcome_unit : str
        What one unit of the outcome is, in the plural.
    currency : str
        Currency of all costs.
    price_base : str or int, optional
        Year of the prices in which the costs stand; current prices where missing. It is a label.
    participants : mapping of int to int, optional
        Participants per cohort in the roster. Where missing, the participants of the estimation
        sample are counted, which are fewer wherever the outcome of some was not observed.
    gross : bool
        Declares that the effect is not net of a counterfactual. An effect whose estimand is ATT is
        net, and a deadweight that is already removed is not removed, or put back, again.
    short_cohorts : {"last_observed", "refuse"}
        What to do with a cohort that was not observed up to the horizon: count it at its last
        observed year, and say so in the label; or refuse.

    Returns
    -------
    ValueResult

    Raises
    ------
    EstimationError
        An effect without group-time cells, a family other than gaussian, a horizon that is not
        observed, an effect that is called gross and is net, an outcome in money with a discount rate.
    DataError
        Faults in the costs or in `participants`, all in one pass for each.

    Notes
    -----
    With N_g participants in cohort g the total is `sum_g N_g ATT(g, g + h)`, and its variance is
    `w'Vw` with V the joint covariance of the cells and w the participants per cell; the participants
    are taken as known. Cost per unit is given with Fieller's set (see `impact.ratio`).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from impact.estimate.effect import effect_from_influence
    >>> firms = pd.DataFrame({"cohort": [2011.0, 2011.0, np.nan, np.nan], "weight": 1.0,
    ...                       "cluster": range(4)})
    >>> effect = effect_from_influence(
    ...     keys=pd.DataFrame({"term": ["ATT(2011, 2011)"], "cohort": [2011], "time": [2011],
    ...                        "event_time": [0]}),
    ...     estimate=np.array([2.0]), influence=np.array([[1.0], [-1.0], [1.0], [-1.0]]),
    ...     firms=firms, counts=pd.DataFrame({"n_treated": [2], "n_control": [2]}),
    ...     method="group_time", outcome="jobs", family="gaussian", label="jobs", conf_level=0.95,
    ...     variance="clustered by firm")
    >>> costs = pd.DataFrame({"item": ["grants"], "year": [2011], "amount": [50_000.0],
    ...     "currency": ["EUR"], "source_of_funds": ["public"], "assumed": [False]})
    >>> value = cost_effectiveness(effect, costs, horizon=0, currency="EUR")
    >>> print(value.sentence.split(". ")[0])
    Net jobs in the year of joining: 4.000 over 2 participants (95 % interval 2.040 to 5.960)
    """
    cells = treated_cells(effect, horizon, gross)
    at_horizon = rows_at_horizon(cells, horizon, short_cohorts)
    sizes, size_notes = participants_per_cohort(effect, cells, participants)
    _refuse_undiscounted_money(outcome_unit, currency, discount_rate)
    paid = discounted_costs(
        costs, currency=currency, denominator=denominator, discount_rate=discount_rate
    )
    words = _Words(
        unit=outcome_unit,
        currency=currency,
        basis="gross" if gross else "net",
        horizon=horizon,
        funds=_funds(denominator),
        prices="current prices" if price_base is None else f"prices of {price_base}",
        discount=discount_rate,
        first_year=int(paid["year"].min()),
        assumed=bool(paid.loc[paid["counted"], "assumed"].any()),
        short=_short_text(at_horizon, horizon),
        span=_span_text(cells, horizon),
    )
    within = cells[cells["event_time"] <= horizon]
    table = pd.DataFrame(
        _rows(
            words,
            effect,
            cost=present_value(paid),
            total=total_over(effect, at_horizon, sizes),
            unit_years=total_over(effect, within, sizes),
            participants=sum(sizes.values()),
        )
    ).assign(
        horizon=horizon,
        basis=words.basis,
        price_base=words.prices,
        currency=currency,
        n_participants=sum(sizes.values()),
        n_treated=int(firm_cohorts(effect).isin(list(sizes)).sum()),
        n_units=len(firm_cohorts(effect)),
    )
    return ValueResult(
        table=table,
        costs=paid,
        effect=effect,
        notes=(*size_notes, *_notes(words, paid), *effect.notes),
        label=str(table.loc[table["term"] == PRIMARY, "label"].iloc[0]),
        sentence=_sentence(words, table.set_index("term"), effect.conf_level),
    )


_UNIT = "unit"


def one_of(unit: str) -> str:
    """One of a plural unit, in words; "unit" where the singular is not known.

    Examples
    --------
    >>> one_of("jobs"), one_of("euros of exports")
    ('job', 'unit')
    """
    single = unit_word(unit, one=True)
    return single if single != unit else _UNIT


@dataclass(frozen=True, slots=True)
class _Words:
    """The words from which every label is made, so that two labels cannot disagree."""

    unit: str
    currency: str
    basis: str
    horizon: int
    funds: str
    prices: str
    discount: float
    first_year: int
    assumed: bool
    short: str
    span: str

    @property
    def one(self) -> str:
        return one_of(self.unit)

    @property
    def one_year(self) -> str:
        return f"{self.one}-year" if self.one != _UNIT else f"{_UNIT} and year"

    @property
    def unit_years(self) -> str:
        return f"{self.one}-years" if self.one != _UNIT else f"{self.unit}, years added up"

    @property
    def when(self) -> str:
        return f"{years_after(self.horizon)}{self.short}"

    @property
    def total(self) -> str:
        return f"{self.basis} {self.unit} {self.when}"

    @property
    def sum(self) -> str:
        return f"{self.basis} {self.unit_years} {self.span}"

    @property
    def cost(self) -> str:
        text = f"{self.funds} cost ({self.currency}, {self.prices}"
        if self.discount:
            text += f", discounted to {self.first_year} at {100 * self.discount:g} %"
        return text + (", assumed)" if self.assumed else ")")


# --- the rows --------------------------------------------------------------------------------------


def _rows(
    words: _Words,
    effect: EffectResult,
    *,
    cost: float,
    total: tuple[float, float],
    unit_years: tuple[float, float],
    participants: int,
) -> list[dict[str, Any]]:
    paid = "assumption" if words.assumed else "known"
    uses_cost = "assumption" if words.assumed else "estimate"
    million = f"1 million {words.currency}"
    per_million = (total[0] / cost * _MILLION, total[1] / cost * _MILLION)
    return [
        _row("cost", words.currency, words.cost, "", paid, _known(cost)),
        _row("total_at_horizon", words.unit, words.total, "", "estimate", _plain(total, effect)),
        _row("unit_years", words.unit_years, words.sum, "", "estimate", _plain(unit_years, effect)),
        _row(
            PRIMARY,
            f"{words.unit} per {million}",
            words.total,
            f"{million} of {words.cost}",
            uses_cost,
            _plain(per_million, effect),
        ),
        _row(
            "cost_per_unit",
            f"{words.currency} per {words.one}",
            words.cost,
            words.total,
            uses_cost,
            _cost_per(cost, total, effect),
            each=f"{words.basis} {words.one} {words.when}",
        ),
        _row(
            "cost_per_unit_year",
            f"{words.currency} per {words.one_year}",
            words.cost,
            words.sum,
            uses_cost,
            _cost_per(cost, unit_years, effect),
            each=f"{words.basis} {words.one}-year {words.span}",
        ),
        _row(
            "cost_per_participant",
            f"{words.currency} per participant",
            words.cost,
            "participants",
            paid,
            _known(cost / participants),
            each="participant",
        ),
    ]


def _row(
    term: str,
    unit: str,
    numerator: str,
    denominator: str,
    status: str,
    numbers: dict[str, Any],
    *,
    each: str = "",
) -> dict[str, Any]:
    """One row; `each` is the denominator in the singular, where the label needs it."""
    label = f"{numerator} per {each or denominator}" if denominator else numerator
    return {
        "term": term,
        **numbers,
        "unit": unit,
        "label": label,
        "numerator": numerator,
        "denominator": denominator,
        "status": status,
    }


def _known(value: float) -> dict[str, Any]:
    """A number that was counted or paid: it has no sampling error, and no interval is made up."""
    row = infer([value], [math.nan]).iloc[0].to_dict()
    return {**row, "kind": "known", "interval": "no interval: not an estimate"}


def _plain(number: tuple[float, float], effect: EffectResult) -> dict[str, Any]:
    found = infer([number[0]], [number[1]], conf_level=effect.conf_level, df=effect.df)
    row = found.iloc[0].to_dict()
    if math.isnan(row["std_error"]):
        return {**row, "kind": "undefined", "interval": "no interval"}
    words = f"{number_text(row['conf_low'])} to {number_text(row['conf_high'])}"
    return {**row, "kind": "bounded", "interval": words}


def _cost_per(cost: float, units: tuple[float, float], effect: EffectResult) -> dict[str, Any]:
    """Cost per unit with Fieller's set; no number where the data do not support one."""
    missing: dict[str, Any] = infer([math.nan], [math.nan]).iloc[0].to_dict()
    found = ratio((cost, 0.0), units, conf_level=effect.conf_level, df=effect.df)
    if found.kind == "undefined":
        return {**missing, "kind": "undefined", "interval": "no interval"}
    if found.kind == "bounded" and found.estimate < 0:
        # A bounded set below zero prices a loss; "minus 9,000 per job" would read as a saving.
        return {**missing, "kind": "undefined", "interval": "not defined: the effect is below zero"}
    row = found.tidy().iloc[0].to_dict()
    if found.kind == "complement":
        # The cost is positive, so that only the branch above zero is a price; the other is a loss.
        least = number_text(found.conf_low)
        row["interval"] = f"no upper bound (at least {least} if the effect is positive)"
    return {**missing, **{k: row[k] for k in (*missing, "kind", "interval")}}


def _refuse_undiscounted_money(outcome_unit: str, currency: str, discount_rate: float) -> None:
    if discount_rate and outcome_unit.strip().upper() == currency.strip().upper():
        raise EstimationError(
            f"The outcome is in {currency} like the costs, and only the costs would be discounted. "
            "Give discount_rate=0; yearly effects in money are not discounted here."
        )


# --- the words -------------------------------------------------------------------------------------


def _funds(denominator: str | Sequence[str]) -> str:
    return denominator if isinstance(denominator, str) else " and ".join(denominator)


def _short_text(at_horizon: pd.DataFrame, horizon: int) -> str:
    short = at_horizon[at_horizon["event_time"] < horizon]
    if short.empty:
        return ""
    each = "; ".join(
        f"cohort {int(g)} {years_after(int(e))}, its last observed"
        for g, e in zip(short["cohort"], short["event_time"], strict=True)
    )
    return f" ({each})"


def _span_text(cells: pd.DataFrame, horizon: int) -> str:
    number = int((cells["event_time"] <= horizon).sum())
    cohort_years = f"{number} cohort-year{'s' if number > 1 else ''} observed"
    if horizon == 0:
        return f"in the year of joining ({cohort_years})"
    return f"from joining to {years_after(horizon)} ({cohort_years})"


def _notes(words: _Words, paid: pd.DataFrame) -> list[str]:
    notes = [
        f"Units of the outcome are counted, not discounted; the denominator is {words.cost}.",
        f"The outcome is taken to be in {words.unit}, not in logarithms.",
    ]
    assumed = paid[paid["counted"] & paid["assumed"]]
    if len(assumed):
        items = ", ".join(
            f"{item} ({year})" for item, year in zip(assumed["item"], assumed["year"], strict=True)
        )
        notes.append(f"Assumed, not recorded: {items}.")
    return notes


def _sentence(words: _Words, rows: pd.DataFrame, conf_level: float) -> str:
    """The finding; where the interval of the total contains zero it says so first, and prices nothing."""
    level = f"{100 * conf_level:g} %"
    total, primary, price = (
        rows.loc[term] for term in ("total_at_horizon", PRIMARY, "cost_per_unit")
    )
    people = f"{format_number(total['n_participants'])} participants"
    if total["kind"] == "undefined":
        return (
            f"{_capital(words.total)}: {number_text(total['estimate'])} over {people}, without an "
            f"interval; nothing can be said on the cost per {words.basis} {words.one}."
        )
    count = (
        f"{_capital(words.total)}: {number_text(total['estimate'])} over {people} ({level} interval "
        f"{total['interval']})."
    )
    if price["kind"] in ("complement", "unbounded"):
        finding = (
            f"The effect on {words.unit} cannot be told from zero, and cost per {words.one} has no "
            f"upper bound. {count}"
        )
    elif price["kind"] == "undefined":
        finding = f"{count} The effect is below zero: cost per {words.one} is not defined."
    else:
        finding = (
            f"{count} One {words.basis} {words.one} cost {words.currency} "
            f"{number_text(price['estimate'])} ({level} Fieller interval {price['interval']})."
        )
    each_million = (
        f"{_capital(words.basis)} {primary['unit']} of {words.funds} cost: "
        f"{number_text(primary['estimate'])} ({level} interval {primary['interval']})."
    )
    assumed = ["The cost is an assumption."] if words.assumed else []
    return " ".join([finding, each_million, *assumed])


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
