"""What an outcome is to the account: a stock at a moment, money that flows, or an event that happens once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from impact.core.amount_names import is_currency
from impact.core.errors import DataError, Fault
from impact.display.numbers import unit_word
from impact.estimate.effect import EffectResult

Kind = Literal["stock", "money", "event"]
KINDS: tuple[Kind, ...] = ("stock", "money", "event")

UNIT = "unit"
"""One of an outcome whose unit has no known singular."""

_SINGULAR = {"new exporters": "new exporter", "surviving exporters": "surviving exporter"}


@dataclass(frozen=True, slots=True)
class Role:
    """An outcome as an account sees it.

    Parameters
    ----------
    name : str
        Key of the outcome; empty where there is one outcome and it needs no name.
    unit : str
        What one unit is, in the plural; the currency for money.
    kind : {"stock", "money", "event"}
        A stock (jobs) is counted at the horizon and as unit-years; money is added over years and discounted; an event (a first
        export) is counted once.
    words : str
        What is bought, in words: "jobs", "exports (a gross output, not a gain)".
    """

    name: str
    unit: str
    kind: Kind
    words: str

    @property
    def one(self) -> str:
        """One of it: "job", or "unit" where the singular is not known."""
        return one_of(self.unit)


KNOWN: dict[str, tuple[Kind, str]] = {
    "jobs": ("stock", "jobs"),
    "exports": ("money", "exports"),
    "value_added": ("money", "value added"),
    "profit": ("money", "profit"),
    "tax": ("money", "tax"),
    "wages": ("money", "wages"),
    "new_exporters": ("event", "new exporters"),
    "surviving_exporters": ("event", "surviving exporters"),
}
"""Names of outcomes that need no further word: kind, and what they are called."""


def one_of(unit: str) -> str:
    """One of a plural unit, in words; "unit" where the singular is not known.

    Examples
    --------
    >>> one_of("jobs"), one_of("new exporters"), one_of("euros of exports")
    ('job', 'new exporter', 'unit')
    """
    if unit in _SINGULAR:
        return _SINGULAR[unit]
    single = unit_word(unit, one=True)
    return single if single != unit else UNIT


def outcome_roles(
    effects: EffectResult | Mapping[str, EffectResult],
    outcome_unit: str,
    units: Mapping[str, str | tuple[str, str]] | None,
    currency: str,
) -> dict[str, tuple[Role, EffectResult]]:
    """The role of each effect, in the order given.

    Raises
    ------
    DataError
        A name that is not known and has no unit, a kind that does not exist: all in one pass.
    """
    if isinstance(effects, EffectResult):
        faults = _other_currency("outcome_unit", outcome_unit, currency)
        if faults:
            raise DataError("The outcomes cannot be counted.", faults)
        return {"": (_alone(outcome_unit, currency), effects)}
    declared = dict(units or {})
    faults = _faults(effects, declared, currency)
    if faults:
        raise DataError("The outcomes cannot be counted.", faults)
    return {
        name: (_named(name, declared.get(name), currency), effect)
        for name, effect in effects.items()
    }


def _other_currency(column: str, unit: str, currency: str) -> list[Fault]:
    """Money in another currency than the costs; to count it as a unit would price one money in another."""
    said = unit.strip()
    if not is_currency(said) or said == currency.upper():
        return []
    return [Fault(f"the outcome is in {said} and the costs are in {currency}", "estimate the outcome in the currency of the costs, or convert the costs (money=)",
                  column=column, value=unit)]  # fmt: skip


def _alone(outcome_unit: str, currency: str) -> Role:
    if outcome_unit.strip().upper() == currency.upper():
        return Role("", currency, "money", currency)
    events = {words for kind, words in KNOWN.values() if kind == "event"}
    return Role("", outcome_unit, "event" if outcome_unit in events else "stock", outcome_unit)


def _named(name: str, declared: str | tuple[str, str] | None, currency: str) -> Role:
    if declared is None:
        kind, words = KNOWN[name]
        return Role(name, currency if kind == "money" else words, kind, words)
    unit, given = (declared, None) if isinstance(declared, str) else declared
    if unit.strip().upper() == currency.upper():
        return Role(name, currency, "money", name.replace("_", " "))
    return Role(name, unit, "stock" if given is None else given, unit)  # type: ignore[arg-type]


def _faults(effects: object, declared: Mapping[str, object], currency: str) -> list[Fault]:
    if not isinstance(effects, Mapping) or not effects:
        return [
            Fault(
                "no effect was given",
                "give an effect, or a mapping such as {'jobs': effect, 'exports': effect}",
            )
        ]
    faults = []
    for name, effect in effects.items():
        if not isinstance(effect, EffectResult):
            faults.append(
                Fault(
                    "this is not an effect",
                    "give a result of impact.att",
                    column=f"effects[{name!r}]",
                    value=effect,
                )
            )
        elif name not in KNOWN and name not in declared:
            known = ", ".join(KNOWN)
            remedy = f"name it one of {known}, or say its unit: units={{{name!r}: 'hours'}}"
            faults.append(
                Fault(
                    "the unit of this outcome is not known",
                    remedy,
                    column=f"effects[{name!r}]",
                    value=name,
                )
            )
    for name, unit in declared.items():
        if name not in effects:
            faults.append(
                Fault(
                    "a unit was given for an outcome that has no effect",
                    "leave it out",
                    column="units",
                    value=name,
                )
            )
        elif not (
            isinstance(unit, str)
            or (
                isinstance(unit, tuple)
                and len(unit) == 2
                and isinstance(unit[0], str)
                and unit[1] in KINDS
            )
        ):
            remedy = "write a plural such as 'hours', or ('first orders', 'event')"
            faults.append(Fault("this is no unit", remedy, column=f"units[{name!r}]", value=unit))
        else:
            word = unit if isinstance(unit, str) else unit[0]
            faults += _other_currency(f"units[{name!r}]", word, currency)
    return faults
