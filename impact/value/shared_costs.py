"""Joint cost, shared among those it was paid for by a declared key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.panel import require_columns
from impact.value.priors import is_number

JOINT = "joint"
"""What the column of units says of a line that was paid for all of them."""


def share_costs(
    costs: pd.DataFrame,
    key: Mapping[Any, float] | Mapping[int, Mapping[Any, float]],
    *,
    over: str = "activity",
    shared: str = JOINT,
    key_name: str = "",
) -> pd.DataFrame:
    """Share joint lines of cost among units (services, countries, partners) in proportion to a key.

    Parameters
    ----------
    costs : DataFrame
        At least `amount` and the column `over`.
    key : mapping
        Unit to its size, such as participants or hours; or year to such a mapping, where the key changes.
    over : str
        Column that says what a line was paid for.
    shared : str
        What it says of joint lines; missing cells are joint, too.
    key_name : str
        What the key is ("participants"), for the note.

    Returns
    -------
    DataFrame
        The other lines as they were, and each joint line as one line for each unit that gets a part of it; `shared_by` says by which key a line was
        shared, and is empty for the others; `shared_line` numbers the joint lines, and is missing for the others. The parts of a line are whole cents
        and add up to it; what a line has beyond whole cents goes to the largest. A `std_error` is shared as its amount is, and the parts of a line err
        together.

    Raises
    ------
    DataError
        A key without sizes, below zero, without a year that has joint lines, or without a unit that has lines of its own; amounts that are no
        numbers: all in one pass.

    Examples
    --------
    >>> costs = pd.DataFrame({"item": ["office", "fair"], "year": 2012, "amount": [100.0, 50.0], "activity": ["joint", "missions"]})
    >>> made = share_costs(costs, {"missions": 1, "training": 2}, key_name="participants")
    >>> made[["item", "activity", "amount"]].to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'item': 'fair', 'activity': 'missions', 'amount': 50.0}, {'item': 'office', 'activity': 'missions', 'amount': 33.33},
     {'item': 'office', 'activity': 'training', 'amount': 66.67}]
    """
    if not isinstance(costs, pd.DataFrame):
        raise DataError("The joint costs cannot be shared.", [Fault("this is no table of costs", "give a data frame", value=costs)])  # fmt: skip
    require_columns(costs, ["amount", over])
    joint = costs[over].isna() | (costs[over].astype("object") == shared)
    yearly = isinstance(key, Mapping) and any(isinstance(v, Mapping) for v in key.values())
    if yearly and joint.any():
        require_columns(costs, ["year"])
    faults = _key_faults(key, yearly, shared)
    if not faults:
        faults = _unit_faults(costs.loc[~joint, over], key, over, yearly)
    faults += _line_faults(costs[joint], key, yearly)
    if faults:
        raise DataError("The joint costs cannot be shared.", faults)
    kept = costs.copy()
    if "shared_by" not in kept:
        kept["shared_by"] = ""
    if "shared_line" not in kept:
        kept["shared_line"] = pd.array([pd.NA] * len(kept), dtype="Int64")
    number = int(kept["shared_line"].max()) + 1 if kept["shared_line"].notna().any() else 0
    parts = [kept[~joint]]
    for i, at in enumerate(joint.to_numpy().nonzero()[0]):
        line = kept.iloc[[at]]
        sizes = key[int(line["year"].iloc[0])] if yearly else key
        parts.append(_shared(line, sizes, over, key_name, number + i))  # type: ignore[arg-type]
    return pd.concat(parts, ignore_index=True)


def _shared(
    line: pd.DataFrame, sizes: Mapping[Any, float], over: str, key_name: str, number: int
) -> pd.DataFrame:
    """One line as one for each unit."""
    amount = float(line["amount"].iloc[0])
    each = _parts(amount, sizes)
    whole = math.fsum(sizes.values())
    before = str(line["shared_by"].iloc[0])  # shared before over something else
    by = f"{key_name}: " if key_name else ""
    said = [f"{by}{sizes[unit]:g} of {whole:g}" for unit in each]
    made = line.loc[line.index.repeat(len(each))].assign(
        **{over: list(each), "amount": list(each.values())},
        shared_by=[f"{before}; {words}" if before else words for words in said],
        shared_line=line["shared_line"].fillna(number).iloc[0],
    )
    if "std_error" in made:
        made["std_error"] = made["std_error"] * made["amount"] / amount
    return made


def _parts(amount: float, sizes: Mapping[Any, float]) -> dict[Any, float]:
    """Whole cents that add up to the line: rounded down, and what is left to those who lost most, by name where two lost the same."""
    cents = round(Fraction(amount) * 100)
    whole = sum(Fraction(float(size)) for size in sizes.values())
    exact = {
        unit: cents * Fraction(float(size)) / whole for unit, size in sizes.items() if size > 0
    }
    down = {unit: math.floor(share) for unit, share in exact.items()}
    left = cents - sum(down.values())
    order = sorted(exact, key=lambda unit: (down[unit] - exact[unit], str(unit)))
    for unit in order[:left]:
        down[unit] += 1
    amounts = {unit: down[unit] / 100 for unit in sorted(down, key=str)}
    if cents / 100 != amount:
        most = max(amounts, key=lambda unit: amounts[unit])
        amounts[most] += float(Fraction(amount) - Fraction(cents, 100))
    return {unit: part for unit, part in amounts.items() if part}


def _key_faults(key: Mapping[Any, Any], yearly: bool, shared: str) -> list[Fault]:
    if not isinstance(key, Mapping) or not key:
        return [
            Fault(
                "the key has no units",
                "give the size of each unit, such as {'training': 120, 'missions': 40}",
                column="key",
            )
        ]
    if yearly:
        faults = [
            Fault("a key by year has whole years, and for each a mapping of unit to size",
                  "write {2012: {'training': 120, 'missions': 40}}", column=f"key[{year!r}]", value=sizes)
            for year, sizes in key.items() if not isinstance(sizes, Mapping) or not _is_year(year)
        ]  # fmt: skip
        if faults:
            return faults
    tables = key.items() if yearly else [("", key)]
    faults = []
    for year, sizes in tables:
        name = f"key[{year}]" if yearly else "key"
        if shared in sizes:
            faults.append(Fault(f"{shared!r} says that a line is joint, and is no unit", "leave it out of the key", column=f"{name}[{shared!r}]"))  # fmt: skip
        bad = [unit for unit, size in sizes.items() if not _is_size(size)]
        faults += [
            Fault(
                "a size is a number that is not below zero",
                "correct it",
                column=f"{name}[{unit!r}]",
                value=sizes[unit],
            )
            for unit in bad
        ]
        if not bad and not math.fsum(sizes.values()) > 0:
            faults.append(
                Fault("all sizes are zero", "give a key with a size above zero", column=name)
            )
    return faults


def _is_year(value: Any) -> bool:
    return is_number(value) and float(value) == math.floor(value)


def _is_size(value: Any) -> bool:
    return is_number(value) and float(value) >= 0


def _unit_faults(direct: pd.Series, key: Mapping[Any, Any], over: str, yearly: bool) -> list[Fault]:
    """Units with lines of their own that the key does not know, such as one that is spelled otherwise in it."""
    known = {unit for sizes in key.values() for unit in sizes} if yearly else set(key)
    return [
        Fault("this has costs of its own and no size in the key", "add it to the key, with 0 if no joint cost was for it", column=over, value=unit)
        for unit in sorted(set(direct) - known, key=str)
    ]  # fmt: skip


def _line_faults(joint: pd.DataFrame, key: Any, yearly: bool) -> list[Fault]:
    faults = [
        Fault(
            f"the amount is not a number above zero, at index {at}",
            "write what was paid",
            column="amount",
            value=value,
        )
        for at, value in joint["amount"].items()
        if not (_is_size(value) and float(value) > 0)
    ]
    if yearly:
        faults += [
            Fault(f"the joint line has no year, at index {at}", "write the year of payment, such as 2012", column="year", value=value)
            for at, value in joint["year"].items() if not _is_year(value)
        ]  # fmt: skip
        known = {int(year) for year in key if _is_year(year)}
        faults += [
            Fault(
                "there is a joint line and no key for this year",
                "add the year to the key",
                column="key",
                value=year,
            )
            for year in sorted({int(y) for y in joint["year"] if _is_year(y)} - known)
        ]
    return faults
