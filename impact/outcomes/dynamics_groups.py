"""Whose dynamics: all exporters, those to each destination, of each product, or of groups of firms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from impact.core.errors import DataError
from impact.core.panel import Panel
from impact.core.whole_numbers import whole_number
from impact.engines.relations import Relations
from impact.outcomes.shipments import Shipments, level_names

UNKNOWN = "(not known)"
"""The group of firms that have none, so that groups sum to the whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """What tells exporters apart.

    Attributes
    ----------
    kind : {"all", "destination", "product", "firm"}
    name : str or None
        Column of the groups in the result.
    digits : int or None
        First digits of a product that make a group.
    firms : Series or None
        Firm -> group.
    notes : tuple of str
    """

    kind: str
    name: str | None = None
    digits: int | None = None
    firms: pd.Series | None = None
    notes: tuple[str, ...] = ()

    @property
    def single(self) -> str | None:
        """What each group holds one of."""
        if self.kind == "destination" or (self.kind == "product" and self.digits is None):
            return self.kind
        return None

    def put(
        self, relations: Relations, firms: pd.Series, products: pd.Series, destinations: pd.Series
    ) -> tuple[list[object], str, list[str]]:
        """Put `dynamics_groups` where it is needed; gives the groups in order, the kind for `make_exporters`, and notes."""
        if self.kind == "all":
            return [None], "all", list(self.notes)
        if self.kind == "destination":
            return list(destinations), "destination", list(self.notes)
        if self.kind == "product":
            words = products if self.digits is None else products.astype("str").str[: self.digits]
            of = pd.Series(words.to_numpy(), index=products.index)
            notes: list[str] = []
        else:
            assert self.firms is not None
            of = self.firms.reindex(firms.index)
            lacking = int(of.isna().sum())
            if lacking == len(of):
                raise DataError(
                    f"No firm of the shipments, such as {firms.index[0]!r}, has a group in '{self.name}', "
                    f"which knows firms such as {self.firms.index[0]!r}."
                )
            notes = [f"{lacking:,} firms have no {self.name}; they are in '{UNKNOWN}'."] if lacking else []  # fmt: skip
            of = pd.Series(of.astype(object).where(of.notna(), UNKNOWN).to_numpy(), index=firms.to_numpy())  # fmt: skip
        codes, groups = _sorted_codes(of)
        relations.put("dynamics_groups", pd.DataFrame({"code": of.index.astype("int64"), "grp": codes + 1}))  # fmt: skip
        return groups, self.kind, [*self.notes, *notes]


ALL = Grouping("all")


def _sorted_codes(of: pd.Series) -> tuple[Any, list[object]]:
    """Codes in the order of the groups; firms of no known group come last."""
    known = [g for g in of.unique() if g != UNKNOWN]
    try:
        groups = sorted(known)
    except TypeError:  # numbers and texts
        groups = sorted(known, key=str)
    groups += [UNKNOWN] if (of == UNKNOWN).any() else []
    return of.map(pd.Series(np.arange(len(groups)), index=pd.Index(groups, dtype=object))).to_numpy(dtype="int64"), groups  # fmt: skip


def grouping(
    by: str | pd.Series | Mapping[Any, Any] | None,
    digits: int | None,
    source: Shipments,
    panel: Panel | None,
    data: pd.DataFrame | None,
) -> Grouping:
    """Understand `by`.

    Parameters
    ----------
    by, digits
        As in `impact.dynamics`.
    source : Shipments
    panel : Panel, optional
    data : DataFrame, optional
        The shipments as they came.

    Raises
    ------
    DataError
        If it is no column, or leads to no group.
    """
    if digits is not None:
        digits = whole_number("digits", digits, least=1, of="digits")
        if not isinstance(by, str) or by != "product":
            raise DataError("digits goes with by='product'.")
    if by is None:
        return ALL
    if not isinstance(by, str):
        return _of_mapping(by)
    if by in ("destination", "product"):
        level_names(source, [by])
        if digits is not None:
            _refuse_numbers(source, digits)
        return Grouping(by, by, digits)
    for frame, unit, time in (
        *([] if panel is None else [(panel.data, panel.unit, panel.time)]),
        *([] if data is None else [(data, source.unit, source.time)]),
    ):
        if by in frame:
            return by_column(frame, unit, time, by)
    raise DataError(
        f'There are no groups \'{by}\': give "destination", "product", a column of the panel or of the shipments, or a '
        "mapping from firm to group."
    )


def _refuse_numbers(source: Shipments, digits: int) -> None:
    """Products that are numbers have lost the zero in front: of 90111, which is 090111, the first two digits name another chapter."""
    numbers = [p for p in source.products if not isinstance(p, str)]
    if not numbers:
        return
    column = source.product
    raise DataError(
        f"'{column}' holds numbers, such as {numbers[0]}, and a number has no zeros in front: the first {digits} digits of coffee, 090111, would "
        f"be those of another chapter, 90. Read the column as text (pd.read_csv(..., dtype={{'{column}': str}})), or give the zeros back where all "
        f"codes have the same length: frame['{column}'].astype(str).str.zfill(6)."
    )


def _of_mapping(by: pd.Series | Mapping[Any, Any]) -> Grouping:
    firms = by if isinstance(by, pd.Series) else pd.Series(dict(by), dtype=object)
    name = str(firms.name) if firms.name is not None else "group"
    if firms.index.has_duplicates:
        twice = firms.index[firms.index.duplicated()][0]
        raise DataError(f"The groups name firm {twice!r} more than once. Give one group per firm.")
    if firms.empty:
        raise DataError("The groups name no firm.")
    return Grouping("firm", "group" if name in _TAKEN else name, None, firms)


_MOST_NUMBERS = 50  # as many two-digit codes of sectors, say, are groups; a head count is none

_TAKEN = {"year", "code", "indicator", "statistic", "value", "n", "n_at_risk", "n_event", "unit", "flags"}  # fmt: skip


def by_column(frame: pd.DataFrame, unit: str, time: str, by: str) -> Grouping:
    """Groups of firms from a column of firm-years: the last known value of each firm.

    A firm that changed its group would seem to leave one and enter another.

    Parameters
    ----------
    frame : DataFrame
    unit, time, by : str
        Its columns of firms, years and groups.

    Raises
    ------
    DataError
        If the column is missing in every row.
    """
    known = frame.loc[frame[by].notna(), [unit, time, by]]
    values = known[by]
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > _MOST_NUMBERS:
        raise DataError(
            f"'{by}' holds {values.nunique():,} different numbers: each would be a group of its own. Name a column of classes, such as sector "
            "or size_class."
        )
    if known.empty:
        raise DataError(f"The column '{by}' is missing in every row.")
    ordered = known.assign(text=known[by].astype("str")).sort_values([unit, time, "text"], kind="stable")  # fmt: skip
    last = ordered.drop_duplicates(unit, keep="last").set_index(unit)[by]
    changed = int((known.groupby(unit)[by].nunique() > 1).sum())
    notes = (f"{changed:,} firms have more than one {by} over the years; each is in its last one.",) if changed else ()  # fmt: skip
    return Grouping("firm", "group" if by in _TAKEN else by, None, last, notes)
