"""`[value]` and `[[cost]]` of study.toml: what is bought, who paid, and what a study cannot ask of `impact.cost_effectiveness`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from pydantic import Field

from impact.core.amount_names import amount_parts
from impact.core.errors import ImpactError
from impact.report.study_files import Section
from impact.value.additionality import as_additionality
from impact.value.flows import persistence_shares
from impact.value.roles import KINDS, KNOWN

Add = Callable[..., None]
"""Notes a fault: place of the key, problem, remedy, value."""

CURRENCY = r"^[A-Z]{3}$"


class ValueSection(Section):
    """`[value]`: what is bought, and over how long. The keys are the arguments of `impact.cost_effectiveness`.

    One outcome is `outcome` with its `outcome_unit`; several are `outcomes`, by what they are to the account.
    """

    outcome: str | None = None
    outcome_unit: str | None = None
    outcomes: dict[str, str] = Field(default_factory=dict)
    units: dict[str, Any] = Field(default_factory=dict)
    horizon: int = Field(ge=0)
    discount_rate: float = Field(ge=0, lt=1)
    persistence: Any = 0
    additionality: dict[str, Any] = Field(default_factory=dict)
    denominator: str | tuple[str, ...] | None = None
    public: tuple[str, ...] | None = None
    domestic_share: float | None = Field(default=None, ge=0, le=1)
    cost_of_public_funds: float = Field(default=0.0, ge=0, le=2)
    mid_year: bool = False
    geography: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """Outcomes of the account by name, and their columns; one outcome has no name."""
        return dict(self.outcomes) if self.outcomes else {"": str(self.outcome)}

    def arguments(self) -> dict[str, Any]:
        """What the verb takes beside effects, costs, currency and participants."""
        units = {
            name: tuple(unit) if isinstance(unit, list | tuple) else unit
            for name, unit in self.units.items()
        }
        given: dict[str, Any] = {
            "horizon": self.horizon,
            "discount_rate": self.discount_rate,
            "persistence": self.persistence,
            "additionality": _priors(self.additionality) or None,
            "units": units or None,
            "domestic_share": self.domestic_share,
            "cost_of_public_funds": self.cost_of_public_funds,
            "mid_year": self.mid_year,
            "geography": self.geography,
        }
        return given if self.outcome_unit is None else {**given, "outcome_unit": self.outcome_unit}


class CostSection(Section):
    """`[[cost]]`: one line of cost, where there is no budget."""

    item: str
    amount_per_participant: float = Field(gt=0)
    currency: str = Field(pattern=CURRENCY)
    source_of_funds: str
    assumed: bool
    note: str = ""


def _priors(declared: dict[str, Any]) -> dict[str, Any]:
    """Lists of TOML are the tuples that the verb takes."""
    return {
        name: tuple(value) if isinstance(value, list | tuple) else value
        for name, value in declared.items()
    }


def value_faults(
    section: ValueSection, *, has_cost: bool, has_budget: bool, logs: dict[str, str], add: Add
) -> None:
    """Every fault of `[value]` that can be seen without data.

    Parameters
    ----------
    section : ValueSection
    has_cost, has_budget : bool
        Whether the study has `[[cost]]`, and a `[budget]`.
    logs : dict of str to str
        Derived logarithms, and the column that each was made from.
    add : callable
    """
    if not has_cost and not has_budget:
        add(("value",), "[value] needs a cost", "add a [[cost]], or [budget]")
    if has_cost and has_budget:
        add(("cost",), "the cost stands twice, in [budget] and in [[cost]]", "keep one of them")
    if bool(section.outcomes) == (section.outcome is not None):
        add(("value",), "what was bought is not said once",
            'give outcome and outcome_unit, or outcomes = { jobs = "employees", exports = "exports_eur" }')  # fmt: skip
    if section.outcome is not None and section.outcome_unit is None:
        add(
            ("value",),
            "the outcome has no unit",
            'add outcome_unit = "jobs", or the currency for money',
        )
    if section.outcomes and section.outcome_unit is not None:
        add(
            ("value", "outcome_unit"),
            "several outcomes have no single unit",
            "leave it out, or give units",
            section.outcome_unit,
        )
    _name_faults(section, add)
    for key, column in section.columns.items():
        if column in logs:
            place = ("value", "outcomes", key) if key else ("value", "outcome")
            add(
                place,
                "a logarithm cannot be added over firms",
                f"name the level it was made from, '{logs[column]}'",
                column,
            )
    _understood(("value", "persistence"), persistence_shares, section.persistence, add)
    _understood(("value", "additionality"), as_additionality, _priors(section.additionality), add)


def _name_faults(section: ValueSection, add: Add) -> None:
    for name in section.outcomes:
        if name not in KNOWN and name not in section.units:
            add(("value", "outcomes", name), "the unit of this outcome is not known",
                f'name it one of {", ".join(KNOWN)}, or add units = {{ {name} = "hours" }}', name)  # fmt: skip
    for name, unit in section.units.items():
        good = isinstance(unit, str) or (
            isinstance(unit, list | tuple) and len(unit) == 2 and unit[1] in KINDS
        )
        if name not in section.outcomes:
            add(
                ("value", "units", name),
                "this outcome is not among the outcomes",
                "leave it out",
                unit,
            )
        elif not good:
            add(
                ("value", "units", name),
                "this is no unit",
                'write a plural such as "hours", or ["first orders", "event"]',
                unit,
            )


def _understood(
    place: tuple[str, ...], read: Callable[[Any], object], value: Any, add: Add
) -> None:
    """What the verb would refuse is a fault of the file."""
    try:
        read(value)
    except ImpactError as error:
        faults = getattr(error, "faults", ())
        problem = "; ".join(
            f"{f.column}: {f.problem}, {f.remedy}" if f.column else f"{f.problem}, {f.remedy}"
            for f in faults
        )
        add(place, problem or str(error), "correct the value", value)


def budget_costs(lines: pd.DataFrame, section: ValueSection) -> pd.DataFrame:
    """The lines of a study's budget as a table of costs: what was disbursed, in euros of the study's prices.

    Parameters
    ----------
    lines : DataFrame
        `programme, year, line, source, committed_cents, disbursed_cents` of an intake.
    section : ValueSection
        Its `public` names the sources that are public money.

    Returns
    -------
    DataFrame
        See `impact.value.costs.discounted_costs`. Lines without an amount, or with none left, are left out: nothing was paid.
    """
    amount = "disbursed_cents" if "disbursed_cents" in lines else "committed_cents"
    paid = lines[lines[amount].fillna(0) > 0]
    table = pd.DataFrame(
        {
            "item": paid["line"].astype(str),
            "year": paid["year"].astype("int64"),
            "amount": paid[amount].astype("float64") / 100,
            "currency": "EUR",
            "source_of_funds": paid["source"].astype(str),
            "kind": amount.removesuffix("_cents"),
            "assumed": False,
        }
    ).reset_index(drop=True)
    return (
        table
        if section.public is None
        else table.assign(public=table["source_of_funds"].isin(section.public))
    )


def price_base_of(columns: dict[str, str], declared: int | None) -> int | None:
    """Year of the prices: that of the study's money, or the one that an outcome's name says."""
    if declared is not None:
        return declared
    named = {
        base
        for column in columns.values()
        for base in [amount_parts(column)[2]]
        if base is not None
    }
    return named.pop() if len(named) == 1 else None
