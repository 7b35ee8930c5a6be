"""An account whose intervals come from doing design and estimate again on firms drawn with replacement."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.errors import EstimationError, ImpactError
from impact.core.inference import FloatArray, quantile_interval
from impact.core.panel import Panel
from impact.design.match import MatchResult
from impact.display.digits import number_text
from impact.display.numbers import format_number
from impact.estimate.effect import EffectResult
from impact.value.additionality import Additionality
from impact.value.amounts import turned_price
from impact.value.cost_effectiveness import ValueResult
from impact.value.gross import declared_additionality
from impact.value.outcome_rows import MILLION
from impact.value.totals import FixedSizes

Estimate = Callable[[Panel], EffectResult | Mapping[str, EffectResult]]
"""From a panel to the effects of an account: everything that looks at the data, the design included."""

_FEWEST = (
    0.9  # of the draws; with fewer that can be estimated, those that can are another population
)
_LEAST = 1e-12  # what stands for nothing where a number must lie above zero
_PRICES = {"cost_per_unit": "total_per_million", "cost_per_unit_year": "unit_years_per_million"}
_DRAWN = ("total_at_horizon", "unit_years", "total_per_million", "unit_years_per_million", "present_value", "per_unit_of_cost",
          "domestic_value_added_per_unit_of_cost", "benefit_cost_ratio", "net_present_value")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Draws:
    keys: list[tuple[str, str]]
    values: FloatArray  # (draws, rows)
    failed: int
    reason: str


def bootstrap_value(
    value: ValueResult,
    data: Panel,
    estimate: Estimate,
    *,
    draws: int = 999,
    cluster: str | None = None,
    seed: int = 20160516,
) -> ValueResult:
    """Give an account intervals that count the design, too: firms are drawn, matched and estimated again.

    Parameters
    ----------
    value : ValueResult
        The account; its numbers stay, its intervals are replaced.
    data : Panel
        The panel that it came from.
    estimate : callable
        From a panel to an effect, or a mapping of effects as in the account. What is done inside is done again in each draw:
        `lambda p: impact.att(impact.match(p, on=["size"]), "jobs", method="matched_did")`.
    draws : int
    cluster : str, optional
        Column whose groups are drawn together, such as a nucleus or a chamber; firms where missing.
    seed : int

    Returns
    -------
    ValueResult
        Estimates as before; standard errors are those of the draws, intervals their percentiles; p-values are missing. A cost per unit has
        the interval of units per cost, turned over, and no upper bound where that contains zero.

    Raises
    ------
    EstimationError
        Matching with replacement, for which no bootstrap is valid (Abadie and Imbens 2008); an estimate that does not give the account's number
        on the panel itself; more than a tenth of the draws that cannot be estimated.

    Notes
    -----
    Firms are drawn within cohorts, and never-participants among themselves, so that the participants, which are taken as known, stay as they are
    and no cohort is lost; whole clusters are drawn where a cluster is named. Draws that cannot be estimated are left out and counted.

    Examples
    --------
    >>> import impact
    >>> from impact.simulate.programme import programme
    >>> frame, _ = programme(firms=60, periods=4, cohorts=(3,), seed=1)
    >>> data = impact.panel(frame, unit="firm", time="year", cohort="joined")
    >>> costs = pd.DataFrame({"item": ["all"], "year": [3], "amount": [1e5], "currency": ["EUR"], "source_of_funds": ["public"]})
    >>> estimate = lambda p: impact.att(p, "exports", method="group_time")
    >>> value = impact.cost_effectiveness(estimate(data), costs, horizon=1, outcome_unit="units")
    >>> again = impact.bootstrap_value(value, data, estimate, draws=20)
    >>> bool(again.table["estimate"].equals(value.table["estimate"]))
    True
    """
    for name, number, least in (("draws", draws, 2), ("seed", seed, 0)):
        if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < least:
            raise EstimationError(f"{name} is {number!r}; write a whole number from {least} on.")
    _refuse_replacement(value)
    arguments = dict(value.arguments)
    _check_same(value, data, estimate, arguments)
    found = _draw(data, estimate, arguments, draws, cluster, seed)
    if found.failed > (1 - _FEWEST) * draws:
        raise EstimationError(
            f"{format_number(found.failed)} of {format_number(draws)} draws could not be estimated (the last: {found.reason}). Intervals of "
            "the others would be of another population; use the analytic ones."
        )
    table = _with_intervals(value, found)
    what = "firms" if cluster is None else f"groups of {cluster!r}"
    lost = (
        f"; {format_number(found.failed)} could not be estimated and are left out"
        if found.failed
        else ""
    )
    note = f"Intervals are percentiles of {format_number(draws)} draws of {what} (seed {seed}), with design and estimate done again in each{_drawn_too(value)}{lost}."
    return dataclasses.replace(
        value, table=table, notes=(*value.notes, note), sentence=_sentence(value, table)
    )


def _drawn_too(value: ValueResult) -> str:
    declared = declared_additionality(value.arguments["additionality"], value.arguments["gross"])
    also = ["the priors of additionality"] if declared.uncertain else []
    also += ["the costs that are estimates"] if (value.costs["std_error"] > 0).any() else []
    also_drawn = f", {' and '.join(also)} drawn as well" if also else ""
    rates = value.table["term"] == "internal_rate_of_return"
    return also_drawn + ("; that of the internal rate of return is analytic" if rates.any() else "")


def _refuse_replacement(value: ValueResult) -> None:
    for effect in value.effects.values():
        source = effect.source
        if isinstance(source, MatchResult) and source.settings.replace:
            raise EstimationError(
                "The effect comes from matching with replacement, for which the bootstrap is not valid (Abadie and Imbens 2008). Match without "
                "replacement, by sets or by weights."
            )


def _check_same(
    value: ValueResult, data: Panel, estimate: Estimate, arguments: dict[str, Any]
) -> None:
    """What is done again must be what was done."""
    arguments["effects"] = estimate(data)
    again = value.again(effects=arguments["effects"])
    one, other = value.table["estimate"].to_numpy(), again.table["estimate"].to_numpy()
    if len(one) != len(other) or not np.allclose(one, other, rtol=1e-6, atol=0.0, equal_nan=True):
        raise EstimationError(
            "On the panel itself, `estimate` does not give the numbers of the account. Write into it what the account was made by: design, outcome, "
            "method and options."
        )


def _draw(
    data: Panel,
    estimate: Estimate,
    arguments: dict[str, Any],
    draws: int,
    cluster: str | None,
    seed: int,
) -> _Draws:
    from impact.value.cost_effectiveness import cost_effectiveness

    groups = _groups(data, cluster)
    base = cost_effectiveness(**arguments)
    declared = declared_additionality(arguments["additionality"], arguments["gross"])
    factors = declared.draws(draws, seed) if declared.uncertain else None
    keys = [
        (str(o), str(t))
        for o, t in zip(base.table["outcome"], base.table["term"], strict=True)
        if t in _DRAWN
    ]
    sizes = _participants(base)
    values, failed, reason = [], 0, ""
    for number in range(draws):
        rng = np.random.default_rng([seed, number])
        try:
            drawn = _panel_of(data, groups, rng)
            effects = estimate(drawn)
            changed = {**arguments, "costs": _costs(arguments["costs"], rng), "draws": 2}
            if factors is not None:  # one number that stands for the product of all priors
                changed["additionality"] = Additionality(
                    multiplier=max(float(factors[number]), _LEAST)
                )
            at = _estimates(changed, effects, sizes)
        except ImpactError as error:
            failed, reason = failed + 1, str(error).splitlines()[0]
            continue
        values.append([float(at.get(key, math.nan)) for key in keys])
    return _Draws(keys, np.array(values, dtype=np.float64).reshape(-1, len(keys)), failed, reason)


def _estimates(
    changed: dict[str, Any], effects: Any, sizes: Mapping[str, FixedSizes]
) -> Mapping[Any, float]:
    """The numbers of one draw, outcome by outcome: each has the participants of its own sample."""
    from impact.value.cost_effectiveness import cost_effectiveness

    each = {"": effects} if isinstance(effects, EffectResult) else dict(effects)
    units = dict(changed["units"] or {})
    parts = []
    for name, effect in each.items():
        alone = effect if not name else {name: effect}
        own = {name: units[name]} if name in units else None
        terms = {**changed, "effects": alone, "units": own, "participants": sizes[name]}
        parts.append(cost_effectiveness(**terms).table)
    together = pd.concat(parts).set_index(["outcome", "term"])["estimate"]
    first: Mapping[Any, float] = together.groupby(level=[0, 1]).first().to_dict()
    return first


def _costs(costs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The costs of one draw: those with a standard error vary, the parts of one shared line together."""
    if "std_error" not in costs or not (costs["std_error"] > 0).any():
        return costs
    paid = costs["amount" if "amount" in costs else "disbursed"].astype("float64")
    lines = pd.Series(np.arange(len(costs), dtype=np.float64), index=costs.index)
    if "shared_line" in costs:
        shared = costs["shared_line"].astype("float64")
        lines = shared.add(len(costs)).where(shared.notna(), lines)
    codes, names = pd.factorize(lines)
    normal = rng.standard_normal(len(names))[codes]
    amount = np.maximum(paid + costs["std_error"].astype("float64") * normal, _LEAST * paid)
    return costs.drop(columns=["disbursed"], errors="ignore").assign(amount=amount, std_error=0.0)


def _participants(base: ValueResult) -> dict[str, FixedSizes]:
    """Participants per outcome and cohort as the account counted them: the same in every draw."""
    declared = base.arguments["participants"]
    found = {}
    for name, effect in base.effects.items():
        assert effect.firms is not None
        counted = effect.firms["cohort"].dropna().astype("int64").value_counts()
        if declared is not None:
            counted = pd.Series(dict(declared))
        cells = effect.estimates
        joined = cells.loc[(cells["event_time"] >= 0) & cells["estimate"].notna(), "cohort"]
        found[name] = FixedSizes((int(g), int(counted[int(g)])) for g in sorted(joined.unique()))
    return found


def _groups(data: Panel, cluster: str | None) -> list[list[npt.NDArray[np.intp]]]:
    """Strata of groups of rows: firms within their cohort, or all clusters together."""
    frame = data.data
    by = data.unit if cluster is None else cluster
    if by not in frame.columns:
        raise EstimationError(
            f"The panel has no column {by!r} to draw by; it has {', '.join(map(str, frame.columns))}."
        )
    rows = frame.groupby(by, sort=True, dropna=False).indices
    if cluster is not None:
        return [list(rows.values())]
    cohorts = data.unit_cohort()
    strata: dict[float, list[npt.NDArray[np.intp]]] = {}
    for firm, at in rows.items():
        joined = cohorts.loc[firm]
        strata.setdefault(math.inf if pd.isna(joined) else float(joined), []).append(at)
    return [strata[key] for key in sorted(strata)]


def _panel_of(
    data: Panel, strata: list[list[npt.NDArray[np.intp]]], rng: np.random.Generator
) -> Panel:
    """The panel of groups drawn with replacement; a firm that is drawn twice is two firms."""
    picked = [
        groups[which] for groups in strata for which in rng.integers(0, len(groups), len(groups))
    ]
    at = np.concatenate(picked)
    copy_of = np.repeat(np.arange(len(picked)), [len(rows) for rows in picked])
    frame = data.data.iloc[at].reset_index(drop=True)
    firms = pd.MultiIndex.from_arrays([copy_of, frame[data.unit]])
    frame = frame.assign(**{data.unit: pd.factorize(firms)[0]})
    return dataclasses.replace(
        data, data=frame.sort_values([data.unit, data.time], ignore_index=True)
    )


def _with_intervals(value: ValueResult, found: _Draws) -> pd.DataFrame:
    table = value.table.copy()
    level = value.effect.conf_level
    column = {key: i for i, key in enumerate(found.keys)}
    for at, line in table.iterrows():
        outcome, term = str(line["outcome"]), str(line["term"])
        key = (outcome, _PRICES.get(term, term))
        if key not in column or term in ("cost", "cost_per_participant"):
            continue
        drawn = found.values[:, column[key]]
        drawn = drawn[np.isfinite(drawn)]
        low, high = quantile_interval(drawn, level)
        if term in _PRICES:
            changed = turned_price(low, high, per=MILLION)
            if changed["kind"] != "bounded":
                changed["estimate"] = math.nan
            changed["std_error"] = math.nan
        else:
            words = f"{number_text(low)} to {number_text(high)}"
            error = float(drawn.std(ddof=1))
            changed = {
                "std_error": error,
                "conf_low": low,
                "conf_high": high,
                "kind": "bounded",
                "interval": words,
            }
        for name, new in {"statistic": math.nan, "p_value": math.nan, **changed}.items():
            table.loc[at, name] = new
    return table


def _sentence(value: ValueResult, table: pd.DataFrame) -> str:
    """The primary number of each outcome with its new interval."""
    level = f"{100 * value.effect.conf_level:g} %"
    said = []
    for line in table[table["term"].isin(["total_per_million", "per_unit_of_cost"])].to_dict(
        "records"
    ):
        words = str(line["label"])
        said.append(
            f"{words[0].upper()}{words[1:]}: {number_text(line['estimate'])} ({level} bootstrap interval {line['interval']})."
        )
    return " ".join(said)
