"""What the first number becomes under other assumptions, one at a time: the rows of a tornado."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from impact.core.errors import EstimationError
from impact.value.additionality import Additionality, as_additionality
from impact.value.costs import counted_for, named_denominators
from impact.value.flows import persistence_shares
from impact.value.gross import declared_additionality
from impact.value.outcome_rows import PER_COST

if TYPE_CHECKING:
    from impact.value.cost_effectiveness import ValueResult

HORIZONS = (1, 2, 3, 4, 5)
PERSISTENCE = (0, 3, 5)
DISCOUNT_RATES = (0.0, 0.03, 0.05)
ADDITIONALITY: tuple[Mapping[str, float], ...] = ({}, {"displacement": 0.25}, {"displacement": 0.5})
"""Displacement of none, a quarter and a half: values to try, not findings."""

_COLUMNS = [
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "kind",
    "interval",
    "unit",
    "label",
    "status",
]


def tornado(
    value: ValueResult,
    *,
    term: str | None = None,
    outcome: str | None = None,
    horizons: Sequence[int] = HORIZONS,
    persistence: Sequence[Any] = PERSISTENCE,
    discount_rates: Sequence[float] = DISCOUNT_RATES,
    denominators: Sequence[str | Sequence[str]] | None = None,
    additionality: Sequence[Mapping[str, Any] | Additionality] = ADDITIONALITY,
) -> pd.DataFrame:
    """Change one assumption at a time and compute the account again.

    Parameters
    ----------
    value : ValueResult
    term, outcome : str, optional
        Which row is followed. Where missing: unit-years per million of the first stock (the horizon changes them as well as the stock), euros per
        euro of the first money, events per million.
    horizons : sequence of int
        Those that no cohort is observed for are left out: they would need a persistence.
    persistence : sequence
        Years carried on, each after the horizon of the account, which is longer by as many years.
    discount_rates : sequence of float
    denominators : sequence, optional
        Each source of public funds, all public ones, and total where missing.
    additionality : sequence of mapping

    Returns
    -------
    DataFrame
        `dimension, scenario, estimate` to `conf_high`, `kind, interval, unit, label, status, swing` (of the dimension: largest less smallest estimate),
        `base` (whether it is the account's own). Sorted by swing, widest first.

    Examples
    --------
    See `impact.cost_effectiveness`; `value.plot("tornado")` draws it.
    """
    _require_lists(horizons=horizons, persistence=persistence, discount_rates=discount_rates,
                   denominators=denominators or (), additionality=additionality)  # fmt: skip
    followed = _followed(value, term, outcome)
    rows = []
    for dimension, scenario, changes, base in _scenarios(
        value, horizons, persistence, discount_rates, denominators, additionality
    ):
        try:
            table = value.again(**changes).table
        except (
            EstimationError
        ):  # a horizon that no cohort is observed for, or a cohort that is not there yet
            if dimension not in ("horizon", "persistence"):
                raise
            continue
        at = table[(table["term"] == followed[0]) & (table["outcome"] == followed[1])].iloc[0]
        rows.append(
            {"dimension": dimension, "scenario": scenario, **at[_COLUMNS].to_dict(), "base": base}
        )
    found = pd.DataFrame(rows)
    swing = found.groupby("dimension", sort=False)["estimate"].agg(lambda x: x.max() - x.min())
    found["swing"] = found["dimension"].map(swing)
    order = found.assign(place=range(len(found))).sort_values(
        ["swing", "place"], ascending=[False, True], kind="stable"
    )
    # A dimension stays together also where two have one swing.
    places = {name: i for i, name in enumerate(dict.fromkeys(order["dimension"]))}
    order = order.assign(rank=order["dimension"].map(places)).sort_values(
        ["rank", "place"], kind="stable"
    )
    return order.drop(columns=["place", "rank"]).reset_index(drop=True)


def _require_lists(**given: Any) -> None:
    for name, values in given.items():
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise EstimationError(f"{name} is {values!r}; give the values to try as a list.")


def _followed(value: ValueResult, term: str | None, outcome: str | None) -> tuple[str, str]:
    table = value.table
    wanted = (
        (term,) if term is not None else ("unit_years_per_million", PER_COST, "total_per_million")
    )
    of = table if outcome is None else table[table["outcome"] == outcome]
    for name in wanted:
        found = of[of["term"] == name]
        if len(found):
            return name, str(found["outcome"].iloc[0])
    there = ", ".join(dict.fromkeys(table["term"]))
    raise EstimationError(f"The account has no row {term or outcome!r}; its rows are {there}.")


def _scenarios(
    value: ValueResult,
    horizons: Sequence[int],
    persistence: Sequence[Any],
    discount_rates: Sequence[float],
    denominators: Sequence[str | Sequence[str]] | None,
    additionality: Sequence[Mapping[str, Any] | Additionality],
) -> Iterator[tuple[str, str, dict[str, Any], bool]]:
    own = value.arguments
    horizon = int(own["horizon"])
    # Years of the horizon that nothing but a persistence fills; a persistence within what was observed fills none.
    filled = max(horizon - _longest(value), 0)
    for years in _with(horizons, horizon):
        yield (
            "horizon",
            f"{years} year{'s' if years != 1 else ''}",
            {"horizon": years},
            years == horizon,
        )
    for more in _with(persistence, own["persistence"]):
        shares = persistence_shares(more)
        longer = horizon - filled + len(shares)
        text = f"{len(shares)} years carried on" if len(shares) != 1 else "1 year carried on"
        changes = {"persistence": more, "horizon": longer}
        as_declared = shares == persistence_shares(own["persistence"]) and longer == horizon
        yield "persistence", _carried(text, shares), changes, as_declared or not (shares or filled)
    for rate in _with(discount_rates, own["discount_rate"]):
        yield (
            "discount rate",
            f"{100 * rate:g} %",
            {"discount_rate": rate},
            rate == own["discount_rate"],
        )
    private = set(value.costs.loc[~value.costs["public"], "source_of_funds"])
    named = (
        [d for d in named_denominators(value.costs) if d not in private]
        if denominators is None
        else denominators
    )
    same = counted_for(value.costs, own["denominator"])
    others = [d for d in named if not counted_for(value.costs, d).equals(same)]
    for funds in (own["denominator"], *others):
        text = funds if isinstance(funds, str) else " and ".join(funds)
        yield "denominator", f"{text} cost", {"denominator": funds}, funds == own["denominator"]
    mine = declared_additionality(own["additionality"], own["gross"])
    for one in _with([as_additionality(after) for after in additionality], mine):
        text = "none taken off" if one == Additionality() else one.label()
        yield "additionality", text, {"additionality": one}, one == mine


def _longest(value: ValueResult) -> int:
    """Years after joining that some cohort was observed."""
    last = 0
    for effect in value.effects.values():
        known = effect.estimates[effect.estimates["estimate"].notna()]
        last = max(last, int(known["event_time"].max()))
    return last


def _carried(text: str, shares: Sequence[float]) -> str:
    """Years that are carried on in part say so: 3 whole years and 3 halves are two scenarios."""
    if all(share == 1.0 for share in shares):
        return text
    return f"{text} at {', '.join(f'{100 * share:g}' for share in shares)} %"


def _with(values: Sequence[Any], own: Any) -> list[Any]:
    """The values to try, with the account's own: a tornado without it would not say where the account stands."""
    return list(values) if any(value == own for value in values) else [own, *values]
