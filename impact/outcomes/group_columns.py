"""Groups of firms in a table: what their column is called, and who is in none."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd


def group_column(name: str, taken: Collection[str]) -> str:
    """The column of the groups is called as in the panel; `group` where a column of the table has that name already.

    Examples
    --------
    >>> group_column("sector", ["year", "net"]), group_column("year", ["year", "net"])
    ('sector', 'group')
    """
    return "group" if name in taken else name


def ungrouped(groups: pd.Series, name: str) -> list[str]:
    """Say how many firms have no group; they are in no row of the table.

    Examples
    --------
    >>> ungrouped(pd.Series(["x", None], index=["a", "b"]), "sector")
    ["1 firms without a value of 'sector' are in no group."]
    """
    lacking = int(groups.isna().sum())
    return [f"{lacking:,} firms without a value of '{name}' are in no group."] if lacking else []
