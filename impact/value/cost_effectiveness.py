"""The verb `cost_effectiveness`: how many net jobs did each million buy, what did a job cost, what came back per euro?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from impact.core.amount_names import amount_parts
from impact.core.errors import DataError, EstimationError, Fault
from impact.core.money import Money
from impact.display.digits import number_text
from impact.display.numbers import format_number
from impact.estimate.effect import EffectResult
from impact.value.additionality import Additionality
from impact.value.amounts import Amount, known
from impact.value.costs import (
    discounted_costs,
    funder_shares,
    present_value,
    present_variance,
)
from impact.value.flows import Persistence, persistence_shares, yearly_rows
from impact.value.gross import GrossToNet, declared_additionality
from impact.value.joint import joint
from impact.value.labels import CostWords, OutcomeWords, funds_text, short_text, span_text
from impact.value.outcome_rows import PER_COST, PRIMARY, Outcome, Terms, outcome_rows, row
from impact.value.priors import is_number
from impact.value.returns import return_rows
from impact.value.roles import Role, one_of, outcome_roles
from impact.value.totals import (
    ShortCohorts,
    at_horizon,
    at_risk_per_cohort,
    firm_cohorts,
    participants_per_cohort,
    treated_cells,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PRIMARY", "ValueResult", "cost_effectiveness", "one_of"]

_SHOWN = ["outcome", "term", "estimate", "interval", "unit", "status"]
_FEWEST_DRAWS = 2  # an interval needs two ends; how many are enough is the caller's
_WHOLE = 1e-9  # shares of costs that differ from 1 by less are all of it


@dataclass(frozen=True, slots=True, eq=False)
class ValueResult:
    """What the programme bought; made by `impact.cost_effectiveness`, never changed.

    Attributes
    ----------
    table : DataFrame
        Tidy rows. Of each outcome: `total_at_horizon, unit_years, total_per_million, unit_years_per_million, cost_per_unit,
        cost_per_unit_year` (a stock), `total_at_horizon, total_per_million, cost_per_unit` (an event), or `present_value,
        per_unit_of_cost` (money). Of value added also `benefit_cost_ratio, net_present_value, internal_rate_of_return`. Of the programme:
        `cost, cost_per_participant`. Columns: `estimate` to `conf_high`; `kind` and `interval` (the confidence set in words); `unit`;
        `delta_low` and `delta_high` beside a price; `label, numerator, denominator, horizon, basis, price_base, geography, currency, cost_share, attribution` (which number this is);
        `status` (`known`, `estimate`, or `assumption` where something in it is assumed); `outcome`; `n_participants, n_treated, n_units`. A
        cost per unit is missing wherever its set is not a bounded, positive interval.
    costs : DataFrame
        The costs with `counted`, `discount_factor` and `present_value`.
    effects : mapping of str to EffectResult
        Where the numerators came from.
    notes : tuple of str
        What a reader must know.
    label : str
        The primary number in words.
    sentence : str
        The finding, fit for a report.
    arguments : mapping
        What the verb was called with; `again` changes some of it.
    """

    table: pd.DataFrame
    costs: pd.DataFrame
    effects: Mapping[str, EffectResult]
    notes: tuple[str, ...]
    label: str
    sentence: str
    arguments: Mapping[str, Any]

    @property
    def effect(self) -> EffectResult:
        """The first effect."""
        return next(iter(self.effects.values()))

    def tidy(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.table.copy()

    def again(self, **changes: Any) -> ValueResult:
        """The same account with other arguments, such as `horizon=3` or `denominator="total"`."""
        return cost_effectiveness(**{**self.arguments, **changes})

    def attribution(self) -> pd.DataFrame:
        """Totals shared among those who paid, in proportion to what they paid.

        Returns
        -------
        DataFrame
            One row per outcome and source of funds: `outcome, source_of_funds, share` (of the present value of all costs), `estimate` to
            `conf_high`, `unit, label`. To divide all results by the money of one funder alone would count them 1 / share times.
        """
        from impact.value.attribution import attribution

        return attribution(self)

    def leverage(self, contribution: str | None = None) -> pd.DataFrame:
        """The three ratios that are all called leverage, for the source that paid most or a `contribution` named; see `impact.value.funding`."""
        from impact.value.attribution import leverage_of_costs

        return leverage_of_costs(self, contribution)

    def tornado(
        self, term: str | None = None, outcome: str | None = None, **scenarios: Any
    ) -> pd.DataFrame:
        """What the first number becomes under other horizons, persistence, discount rates, denominators and additionality.

        See `impact.value.scenarios.tornado`.
        """
        from impact.value.scenarios import tornado

        return tornado(self, term=term, outcome=outcome, **scenarios)

    def acceptability(
        self, thresholds: Sequence[float] | None = None, outcome: str | None = None
    ) -> pd.DataFrame:
        """How likely a unit cost no more than each of several prices; see `impact.value.acceptability.acceptability`."""
        from impact.value.acceptability import acceptability

        return acceptability(self, thresholds, outcome)

    def benchmarks(self) -> pd.DataFrame:
        """Published figures beside each estimate, with whether their definition is the same; see `impact.benchmarks`."""
        from impact.value.attribution import benchmarks_beside

        return benchmarks_beside(self)

    def summary(self) -> str:
        """The table, the finding in a sentence, and the notes."""
        shown = self.table[_SHOWN].copy()
        shown["estimate"] = [
            "" if math.isnan(x) else number_text(x) for x in self.table["estimate"]
        ]
        if len(self.effects) == 1:
            shown = shown.drop(columns="outcome")
        return "\n".join([shown.to_string(index=False), self.sentence, *self.notes])

    def plot(self, kind: str = "primary") -> Figure:
        """Draw the primary number with its interval, the tornado, or the acceptability curve.

        Parameters
        ----------
        kind : {"primary", "tornado", "acceptability"}
        """
        from impact.display import value_figure

        if kind == "tornado":
            return value_figure.tornado_figure(self.tornado())
        if kind == "acceptability":
            return value_figure.acceptability_figure(self.acceptability())
        if kind != "primary":
            raise EstimationError(
                f"There is no figure {kind!r}; choose primary, tornado or acceptability."
            )
        return value_figure.value_figure(self.table[self.table["label"] == self.label])

    def __repr__(self) -> str:
        return self.summary()


def cost_effectiveness(
    effects: EffectResult | Mapping[str, EffectResult],
    costs: pd.DataFrame,
    *,
    horizon: int,
    discount_rate: float = 0.0,
    persistence: Persistence = 0,
    additionality: Additionality | Mapping[str, Any] | None = None,
    denominator: str | Sequence[str] = "public",
    outcome_unit: str = "jobs",
    units: Mapping[str, str | tuple[str, str]] | None = None,
    currency: str | None = None,
    price_base: str | int | None = None,
    geography: str | None = None,
    money: Money | None = None,
    participants: Mapping[int, int] | None = None,
    gross: bool = False,
    short_cohorts: ShortCohorts = "last_observed",
    domestic_share: float | None = None,
    cost_of_public_funds: float = 0.0,
    mid_year: bool = False,
    draws: int = 10_000,
    seed: int = 20160516,
) -> ValueResult:
    """Set the net outcomes of a programme against what was paid for it.

    Parameters
    ----------
    effects : EffectResult or mapping of str to EffectResult
        Group-time effects (rows with `cohort`, `time`, `event_time`, not aggregated) on outcomes in *levels*. Whether an outcome is a
        logarithm cannot be seen from its effect: that it is a count of `outcome_unit` is the caller's word. Several effects are a mapping
        by what they are: `jobs`; `exports`, `value_added`, `profit`, `tax`, `wages` (money); `new_exporters`, `surviving_exporters` (events,
        counted once); or any name with `units`. Their covariance comes from the firms that they share.
    costs : DataFrame
        One row per payment; see `impact.value.costs.discounted_costs`.
    horizon : int
        Years after joining at which an outcome is counted, and up to which money is added; 0 is the year of joining. Never beyond the last
        year that was observed, unless a persistence is declared.
    discount_rate : float
        Yearly rate at which costs and outcomes in money are discounted to the first year of cost, 0.03 for 3 %. Units of another outcome are
        counted, not discounted.
    persistence : int or sequence of float
        Years that the last observed effect of a cohort is carried on, within the horizon, or the share of it that is left in each of these
        years. What is carried on is labelled, and is an assumption.
    additionality : Additionality or mapping, optional
        Leakage, displacement, substitution and multiplier, as numbers or priors; see `impact.Additionality`. The effect is already net of what
        would have happened anyway, so a deadweight is refused; it is an assumption that may be declared where `gross` says that nothing was estimated.
    denominator : str or sequence of str
        Whose costs count: "public", "total", a source of funds, or several.
    outcome_unit : str
        What one unit of a single outcome is, in the plural; the currency for money.
    units : mapping, optional
        Units of outcomes whose name is not known: `{"hours": "hours"}`, or `{"orders": ("first orders", "event")}`.
    currency : str, optional
        Currency of all costs; that of the table where missing.
    price_base : str or int, optional
        Year of the prices of costs and outcomes; current prices where missing. An outcome whose name says other prices or another currency
        (`exports_eur_2015`) is refused, and so is a line of cost that does.
    geography : str, optional
        Where the effects were measured. A line of cost that names another place is refused.
    money : Money, optional
        Rates and deflators that bring costs to constant euros.
    participants : mapping of int to int, optional
        Participants per cohort in the roster. Where missing, the participants of the estimation
        sample are counted, which are fewer wherever the outcome of some was not observed. Events are always counted among those at risk in
        the sample.
    gross : bool
        Declares that the effect is not net of a counterfactual. An effect whose estimand is ATT is
        net, and a deadweight that is already removed is not removed, or put back, again.
    short_cohorts : {"last_observed", "refuse"}
        What to do with a cohort that was not observed up to the horizon: count it at its last
        observed year, and say so in the label; or refuse.
    domestic_share : float, optional
        Share of exports that is domestic value added, between 0 and 1; gives that row for exports.
    cost_of_public_funds : float
        What a public euro costs beyond itself, 0.2 for 20 %; in the rows of benefits against all costs.
    mid_year : bool
        Discount as if money flowed in the middle of its year.
    draws, seed : int
        Of the intervals that priors need.

    Returns
    -------
    ValueResult

    Raises
    ------
    EstimationError
        An effect without group-time cells, one in per cent or in logarithms, a horizon that is not observed, an effect that is called gross and
        is net, a deadweight beside an effect, effects of different firms.
    DataError
        Faults in the costs, in the outcomes or in `participants`, all in one pass for each.

    Notes
    -----
    With N_g participants in cohort g the total at horizon h is `sum_g N_g ATT(g, g + h)`, and its variance is `w'Vw` with V the joint covariance of
    the cells, of all outcomes, and w what each weighs; participants are taken as known. Money is `sum_g sum_t N_g ATT(g, t) (1 + r)^-(t - t0)`.
    Cost per unit is given with Fieller's set (see `impact.ratio`).

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
    >>> value = cost_effectiveness(effect, costs, horizon=0)
    >>> print(value.sentence.split(". ")[0])
    Net jobs in the year of joining: 4.000 over 2 participants (95 % interval 2.040 to 5.960)
    """
    arguments = dict(locals())
    _refuse_arguments(arguments)
    shares = persistence_shares(persistence)
    adjusted = declared_additionality(additionality, gross)
    paid = discounted_costs(
        costs, currency=currency, denominator=denominator, discount_rate=discount_rate, mid_year=mid_year,
        money=money, price_base=price_base, geography=geography,
    )  # fmt: skip
    currency = str(paid["currency"].iloc[0])
    price_base = money.base_year if price_base is None and money is not None else price_base
    _refuse_shares(domestic_share, cost_of_public_funds)
    roles = outcome_roles(effects, outcome_unit, units, currency)
    _refuse_other_money(roles, currency, price_base)
    words = CostWords(
        currency=currency,
        funds=funds_text(denominator),
        prices="current prices" if price_base in (None, "current") else f"prices of {price_base}",
        discount=discount_rate,
        mid_year=mid_year,
        first_year=int(paid["year"].min()),
        assumed=bool(paid.loc[paid["counted"], "assumed"].any()),
    )
    terms = Terms(
        joint=joint({name: effect for name, (_, effect) in roles.items()}),
        cost=Amount(present_value(paid), math.sqrt(present_variance(paid))),
        words=words,
        additionality=adjusted,
        rate=discount_rate,
        mid_year=mid_year,
        draws=draws,
        seed=seed,
        domestic_share=domestic_share,
    )
    outcomes, size_notes = _outcomes(
        roles,
        terms,
        horizon=horizon,
        shares=shares,
        gross=gross,
        participants=participants,
        short_cohorts=short_cohorts,
    )
    table = _table(outcomes, terms, paid, cost_of_public_funds)
    table = table.assign(
        horizon=horizon,
        basis="gross" if gross else "net",
        price_base=words.prices,
        geography=_geography(geography, paid),
        currency=currency,
        cost_share=_cost_share(paid),
        attribution=_attribution_text(paid),
    )
    primary = table[table["term"].isin([PRIMARY, PER_COST])].iloc[0]
    travelling = dict.fromkeys(note for _, effect in roles.values() for note in effect.notes)
    return ValueResult(
        table=table,
        costs=paid,
        effects={name: effect for name, (_, effect) in roles.items()},
        notes=(*size_notes, *_notes(outcomes, terms, paid, horizon), *travelling),
        label=str(primary["label"]),
        sentence=" ".join(_sentence(one, table, terms) for one in outcomes)
        + (" The cost is an assumption." if words.assumed else ""),
        arguments=arguments,
    )


def _outcomes(
    roles: Mapping[str, tuple[Role, EffectResult]],
    terms: Terms,
    *,
    horizon: int,
    shares: tuple[float, ...],
    gross: bool,
    participants: Mapping[int, int] | None,
    short_cohorts: ShortCohorts,
) -> tuple[list[Outcome], dict[str, None]]:
    """Which years of which cohorts count for each outcome, over how many participants, and what must be said of these."""
    words = terms.words
    outcomes: list[Outcome] = []
    size_notes: dict[str, None] = {}
    every = {
        name: treated_cells(effect, horizon, gross, len(shares))
        for name, (_, effect) in roles.items()
    }
    cohorts = frozenset(int(g) for cells in every.values() for g in cells["cohort"])
    for name, (role, effect) in roles.items():
        cells = every[name]
        yearly = yearly_rows(cells, horizon, shares)
        last = at_horizon(cells, yearly, horizon, short_cohorts)
        sizes, notes = (
            at_risk_per_cohort(effect, last)
            if role.kind == "event"
            else participants_per_cohort(effect, cells, participants, cohorts)
        )
        size_notes |= dict.fromkeys(notes)
        outcomes.append(
            Outcome(
                role, effect, yearly, last, sizes,
                OutcomeWords(
                    role, "gross" if gross else "net", horizon, short_text(last, horizon), span_text(yearly, horizon),
                    f" ({words.currency}, {words.prices}{words.discounted})", f", {terms.additionality.label()}" if terms.adjusted else "",
                ),
            )
        )  # fmt: skip
    return outcomes, size_notes


def _table(
    outcomes: list[Outcome], terms: Terms, paid: pd.DataFrame, cost_of_public_funds: float
) -> pd.DataFrame:
    """All rows: the cost, what each outcome gave, benefits against all costs, the cost per participant."""
    words, cost = terms.words, terms.cost
    status = "assumption" if words.assumed else "known"
    most = max(outcomes, key=lambda one: sum(one.sizes.values()))
    participants = sum(most.sizes.values())
    total = _paid(cost, terms)
    parts = [({**row("cost", words.currency, words.cost, "", status, total), "outcome": ""}, most)]
    for one in outcomes:
        parts += [(line, one) for line in outcome_rows(one, terms)]
    for one in outcomes:
        if one.role.name == "value_added":
            parts += [(line, one) for line in return_rows(one, terms, paid, cost_of_public_funds)]
    each = row(
        "cost_per_participant", f"{words.currency} per participant", words.cost, "participants", status,
        _paid(cost.times(1 / participants), terms), each="participant",
    )  # fmt: skip
    parts.append(({**each, "outcome": ""}, most))
    return pd.DataFrame(
        [
            {
                **line,
                "n_participants": sum(one.sizes.values()),
                "n_treated": int(firm_cohorts(one.effect).isin(list(one.sizes)).sum()),
                "n_units": len(firm_cohorts(one.effect)),
            }
            for line, one in parts
        ]
    )


def _paid(amount: Amount, terms: Terms) -> dict[str, Any]:
    if amount.std_error == 0:
        return known(amount.value)
    from impact.value.amounts import plain

    return plain(amount, terms.joint.conf_level, None)


# --- what is refused -------------------------------------------------------------------------------


def _refuse_arguments(given: Mapping[str, Any]) -> None:
    """Arguments that no table or effect is needed to refuse; all in one pass."""
    faults = []

    def fault(name: str, problem: str, remedy: str) -> None:
        faults.append(Fault(problem, remedy, column=name, value=given[name]))

    for name, least in (("draws", _FEWEST_DRAWS), ("seed", 0)):
        value = given[name]
        if not (
            isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least
        ):
            fault(name, "this does not do", f"write a whole number from {least} on")
    for name in ("gross", "mid_year"):
        if not isinstance(given[name], bool | np.bool_):
            fault(name, "this is neither True nor False", "write True or False")
    if not (isinstance(given["outcome_unit"], str) and given["outcome_unit"].strip()):
        fault(
            "outcome_unit",
            "this is no unit",
            "write a plural such as 'jobs', or the currency for money",
        )
    if given["units"] is not None and not isinstance(given["units"], Mapping):
        fault("units", "these are no units", "give a mapping such as {'hours': 'hours'}")
    if given["participants"] is not None and not isinstance(
        given["participants"], Mapping | pd.Series
    ):
        fault(
            "participants",
            "these are no participants per cohort",
            "give a mapping such as {2011: 40, 2012: 35}",
        )
    if given["money"] is not None and not isinstance(given["money"], Money):
        fault("money", "these are no rates and deflators", "give impact.Money(...)")
    if faults:
        raise DataError("The account cannot be made.", faults)


def _refuse_shares(domestic_share: float | None, cost_of_public_funds: float) -> None:
    if domestic_share is not None and not (
        is_number(domestic_share) and 0.0 <= domestic_share <= 1.0
    ):
        raise EstimationError(
            f"domestic_share is {domestic_share!r}; give a share between 0 and 1, such as 0.7."
        )
    if not (is_number(cost_of_public_funds) and cost_of_public_funds >= 0.0):
        raise EstimationError(
            f"cost_of_public_funds is {cost_of_public_funds!r}; give what a euro of tax costs beyond itself, such as 0.2."
        )


def _refuse_other_money(
    roles: Mapping[str, tuple[Role, EffectResult]], currency: str, price_base: str | int | None
) -> None:
    """Refuse an outcome whose name says that it is in another currency, other prices, or thousands."""
    faults = []
    for name, (role, effect) in roles.items():
        if role.kind != "money":
            continue
        said, scale, base = amount_parts(effect.outcome)
        column = f"effects[{name!r}]" if name else "effects"
        if said is not None and said != currency:
            faults.append(Fault(f"the outcome is in {said} and the costs are in {currency}",
                                "estimate the outcome in the currency of the costs, or convert the costs (money=)",
                                column=column, value=effect.outcome))  # fmt: skip
        if scale:
            faults.append(Fault(f"the outcome is in {'thousands' if scale == 'k' else 'millions'} and the costs are not",
                                "estimate the effect on the amount itself", column=column, value=effect.outcome))  # fmt: skip
        if base is not None and str(base) != str(price_base):
            there = (
                "current prices" if price_base in (None, "current") else f"prices of {price_base}"
            )
            faults.append(Fault(f"the outcome is in prices of {base} and the costs are in {there}",
                                f"bring the costs to prices of {base} (money=), or say price_base={base} if they are",
                                column=column, value=effect.outcome))  # fmt: skip
    if faults:
        raise DataError("Numerator and denominator are not in the same money.", faults)


# --- the words -------------------------------------------------------------------------------------


def _geography(geography: str | None, paid: pd.DataFrame) -> str:
    if geography is not None:
        return geography
    there = sorted(
        {str(place) for place in paid.loc[paid["counted"], "geography"].dropna() if str(place)}
    )
    return ", ".join(there) if there else "not said"


def _cost_share(paid: pd.DataFrame) -> float:
    """Share of all costs that the denominator counts."""
    return math.fsum(paid.loc[paid["counted"], "present_value"]) / math.fsum(paid["present_value"])


def _attribution_text(paid: pd.DataFrame) -> str:
    """Who paid which share of the whole, and so which share of the results is theirs."""
    shares = funder_shares(paid)
    return ", ".join(
        f"{source} {100 * share:.1f} %"
        for source, share in zip(shares["source_of_funds"], shares["share"], strict=True)
    )


def _notes(outcomes: list[Outcome], terms: Terms, paid: pd.DataFrame, horizon: int) -> list[str]:
    words = terms.words
    counted = [one for one in outcomes if one.role.kind != "money"]
    notes = []
    if counted:
        notes.append(
            f"Units of the outcome are counted, not discounted; the denominator is {words.cost}."
        )
        notes += [
            f"The outcome is taken to be in {one.role.unit}, not in logarithms." for one in counted
        ]
    if len(counted) < len(outcomes):
        how = words.discounted.removeprefix(", ") or "not discounted"
        notes.append(
            f"Outcomes in money are {how}, as costs are; exports are a gross output and no gain to anybody by themselves."
        )
    share = _cost_share(paid)
    if share < 1 - _WHOLE:
        notes.append(
            f"All results are set against {100 * share:.1f} % of the cost ({words.funds}); results in proportion to what each paid are in "
            "attribution(), and against all costs with denominator='total'."
        )
    later = sorted(
        {
            int(e)
            for one in outcomes
            for e in one.effect.estimates["event_time"].dropna()
            if e > horizon
        }
    )
    if later:
        notes.append(
            f"Effects observed after the horizon are not counted: {', '.join(map(str, later))} years after joining."
        )
    early = sorted(
        {
            int(t)
            for one in outcomes
            if one.role.kind == "money"
            for t in one.yearly["time"]
            if t < words.first_year
        }
    )
    if early:
        notes.append(
            f"Years of effect before the first cost ({words.first_year}): {', '.join(map(str, early))}; are costs missing?"
        )
    if any(one.assumed for one in outcomes):
        notes.append(
            "Years carried on were not observed: they repeat the last observed effect, as declared, with its uncertainty and no other."
        )
    if terms.adjusted:
        anyway = (
            "no counterfactual was estimated, so the result is driven by assumptions"
            if isinstance(terms.additionality, GrossToNet)
            else "the effect itself is net of what would have happened anyway"
        )
        notes.append(f"Totals are {terms.additionality.label()}, as declared; {anyway}.")
    assumed = paid[paid["counted"] & paid["assumed"]]
    if len(assumed):
        items = ", ".join(
            f"{item} ({year})" for item, year in zip(assumed["item"], assumed["year"], strict=True)
        )
        notes.append(f"Assumed, not recorded: {items}.")
    return notes


def _sentence(outcome: Outcome, table: pd.DataFrame, terms: Terms) -> str:
    name = outcome.role.name or outcome.role.unit
    rows = table[table["outcome"] == name].set_index("term")
    if outcome.role.kind == "money":
        return _money_sentence(outcome, rows, terms)
    return _unit_sentence(outcome, rows, terms)


def _money_sentence(outcome: Outcome, rows: pd.DataFrame, terms: Terms) -> str:
    level = f"{100 * terms.joint.conf_level:g} %"
    total, per_cost = rows.loc["present_value"], rows.loc[PER_COST]
    people = f"{format_number(total['n_participants'])} participants"
    said = f"{_capital(outcome.words.sum)}: {number_text(total['estimate'])} over {people}"
    if total["kind"] == "undefined":
        return f"{said}, without an interval."
    cost = terms.words
    of = (
        "less than nothing"
        if per_cost["estimate"] < 0
        else f"{cost.currency} {number_text(per_cost['estimate'])}"
    )
    unclear = (
        " The effect cannot be told from zero."
        if total["conf_low"] <= 0 <= total["conf_high"]
        else ""
    )
    return (
        f"{said} ({level} interval {total['interval']}).{unclear} Per {cost.currency} of {cost.funds} cost: {of} "
        f"({level} interval {per_cost['interval']})."
    )


def _unit_sentence(outcome: Outcome, rows: pd.DataFrame, terms: Terms) -> str:
    """The finding; where the interval of the total contains zero it says so first, and prices nothing."""
    words, cost = outcome.words, terms.words
    level = f"{100 * terms.joint.conf_level:g} %"
    total, primary, price = (
        rows.loc[term] for term in ("total_at_horizon", PRIMARY, "cost_per_unit")
    )
    people = f"{format_number(total['n_participants'])} participants"
    one = outcome.role.one
    if total["kind"] == "undefined":
        return (
            f"{_capital(words.total)}: {number_text(total['estimate'])} over {people}, without an "
            f"interval; nothing can be said on the cost per {words.basis} {one}."
        )
    count = (
        f"{_capital(words.total)}: {number_text(total['estimate'])} over {people} ({level} interval "
        f"{total['interval']})."
    )
    if price["kind"] in ("complement", "unbounded"):
        finding = (
            f"The effect on {outcome.role.words} cannot be told from zero, and cost per {one} has no "
            f"upper bound. {count}"
        )
    elif price["kind"] == "undefined":
        finding = f"{count} The effect is below zero: cost per {one} is not defined."
    else:
        finding = (
            f"{count} One {words.basis} {one} cost {cost.currency} "
            f"{number_text(price['estimate'])} ({level} {'' if terms.additionality.uncertain else 'Fieller '}interval {price['interval']})."
        )
    each_million = (
        f"{_capital(words.basis)} {primary['unit']} of {cost.funds} cost: "
        f"{number_text(primary['estimate'])} ({level} interval {primary['interval']})."
    )
    return f"{finding} {each_million}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
