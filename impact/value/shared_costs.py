"""Joint cost, shared among those it was paid for by a declared key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from numbers import Real
from typing import Any

import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.panel import require_columns

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
        The other lines as they were, and each joint line as one line for each unit with a size above zero; `shared_by` says by which key a line was
        shared, and is empty for the others. The parts of a line are whole cents and add up to it.

    Raises
    ------
    DataError
        A key without sizes, below zero, or without a year that has joint lines; amounts that are no numbers: all in one pass.

    Examples
    --------
    >>> costs = pd.DataFrame({"item": ["office", "fair"], "year": 2012, "amount": [100.0, 50.0], "activity": ["joint", "missions"]})
    >>> made = share_costs(costs, {"missions": 1, "training": 2}, key_name="participants")
    >>> made[["item", "activity", "amount"]].to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'item': 'fair', 'activity': 'missions', 'amount': 50.0}, {'item': 'office', 'activity': 'missions', 'amount': 33.33},
     {'item': 'office', 'activity': 'training', 'amount': 66.67}]
    """
    require_columns(costs, ["amount", over])
    joint = costs[over].isna() | (costs[over].astype("object") == shared)
    yearly = bool(key) and all(isinstance(value, Mapping) for value in key.values())
    if yearly and joint.any():
        require_columns(costs, ["year"])
    faults = [*_key_faults(key, yearly), *_line_faults(costs[joint], key, yearly)]
    if faults:
        raise DataError("The joint costs cannot be shared.", faults)
    by = f"{key_name}: " if key_name else ""
    parts = [costs[~joint].assign(shared_by="")]
    for _, line in costs[joint].iterrows():
        sizes = key[int(line["year"])] if yearly else key
        for unit, amount in _parts(float(line["amount"]), sizes).items():  # type: ignore[arg-type]
            said = f"{by}{sizes[unit]:g} of {math.fsum(sizes.values()):g}"  # type: ignore[index, union-attr, arg-type]
            parts.append(
                line.to_frame().T.assign(**{over: unit, "amount": amount, "shared_by": said})
            )
    made = pd.concat(parts, ignore_index=True)
    return made.astype(
        {c: costs[c].dtype for c in costs.columns if c not in (over, "amount")}
        | {"amount": "float64"}
    )


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
    return {unit: down[unit] / 100 for unit in sorted(down, key=str)}


def _key_faults(key: Mapping[Any, Any], yearly: bool) -> list[Fault]:
    if not key:
        return [
            Fault(
                "the key has no units",
                "give the size of each unit, such as {'training': 120, 'missions': 40}",
                column="key",
            )
        ]
    tables = key.items() if yearly else [("", key)]
    faults = []
    for year, sizes in tables:
        name = f"key[{year}]" if yearly else "key"
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


def _is_size(value: Any) -> bool:
    return (
        isinstance(value, Real)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and float(value) >= 0
    )


def _line_faults(joint: pd.DataFrame, key: Mapping[Any, Any], yearly: bool) -> list[Fault]:
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
        absent = sorted({int(y) for y in joint["year"]} - {int(y) for y in key})
        faults += [
            Fault(
                "there is a joint line and no key for this year",
                "add the year to the key",
                column="key",
                value=year,
            )
            for year in absent
        ]
    return faults
