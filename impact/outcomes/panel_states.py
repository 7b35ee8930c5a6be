"""What a panel says of its firm-years: exporter or not, alive or not, or not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from impact.core.amount_names import amount_columns
from impact.core.errors import DataError
from impact.core.panel import Panel, require_columns, value_faults

_INACTIVE, _UNOBSERVED = "inactive", "unobserved"
_EXPORTS = {"active_exporter": 1.0, "active_nonexporter": 0.0}


def exports_column(panel: Panel, exports: str | None) -> str | None:
    """The column that tells who exports: the named one, else `exporter`, else the one that is called as amounts of exports are.

    That is `exports`, or `exports_` with a currency and a base year; `exports_growth` begins so too, and is no amount.

    Raises
    ------
    DataError
        If the named column is missing, or several could be meant.
    """
    if exports is not None:
        require_columns(panel.data, [exports])
        return exports
    if "exporter" in panel.data:
        return "exporter"
    near = amount_columns(panel.data, "exports")
    if len(near) > 1:
        raise DataError(
            f"Which column tells who exports: {', '.join(near)}? Name it: exports='{near[0]}'."
        )
    return near[0] if near else None


def panel_states(
    panel: Panel,
    *,
    exports: str | None = None,
    alive: str | None = None,
    minimum: float = 0.0,
    need_exports: bool = True,
) -> pd.DataFrame:
    """Say of each row of a panel what is known of it.

    Parameters
    ----------
    panel : Panel
    exports : str, optional
        Column of exports, or of 0/1 for exporters; see `exports_column`. Where there is none, what a column `state` says.
    alive : str, optional
        Column that is true (or 1) where the firm was active in the year. Default: what a column `state` says; where there is
        none, it is not known.
    minimum : float
        Exports up to this value do not make an exporter.
    need_exports : bool
        Whether a panel without a column of exports is refused.

    Returns
    -------
    DataFrame
        In the panel's order, with its index: `unit, year, exporter` (1.0, 0.0, missing), `alive` (boolean, with missing),
        `observed` (bool).

    Raises
    ------
    DataError
        If there is no column of exports or it holds no numbers, a state is none of the four, or `alive` is not true or false.
    """
    data = panel.data
    column = exports_column(panel, exports)
    _check_states(data)
    told = data["state"].isin(_EXPORTS) if "state" in data else pd.Series(False, index=data.index)
    if column is None and need_exports and not told.any():
        near = [str(c) for c in data if str(c).startswith("export")]
        said = f" Is it one of {', '.join(near)}?" if near else ""
        raise DataError(
            "The panel has no column of exports that is known by its name, as `exports` and `exports_eur` are. "
            f"Name it: exports='...'.{said}"
        )
    life = activity(panel, alive)
    active = life["alive"]
    exporter = pd.Series(np.nan, index=data.index)
    if column is None and told.any():
        if minimum:
            raise DataError(
                f"minimum is {minimum:g}, and the panel has no amounts of exports to hold against it. Name them: exports='...'."
            )
        exporter = data["state"].map(_EXPORTS).astype("float64")
    elif column is not None:
        amount = pd.to_numeric(data[column], errors="coerce").astype("float64")
        faults = value_faults(data, column, amount.notna() | data[column].isna(), "exports are no number",
                              "name a column of amounts, or of 0 and 1: exports='...'")  # fmt: skip
        if column == "exporter":
            faults += value_faults(data, column, amount.isin([0, 1]) | amount.isna(), "an exporter is 1, another firm 0",
                                   "name a column of amounts: exports='...'")  # fmt: skip
        else:
            faults += value_faults(data, column, ~(amount < 0), "exports are negative",
                                   "net corrections against the shipments that they correct, or leave the cell empty")  # fmt: skip
        if faults:
            raise DataError(f"'{column}' does not tell who exports.", faults)
        floor = 0.0 if column == "exporter" else minimum
        exporter = (amount > floor).astype("float64").where(amount.notna())
    if column == "exporter" and minimum and need_exports:
        raise DataError(
            f"minimum is {minimum:g}, and 'exporter' tells who exports without an amount. Name the amounts: exports='...'."
        )
    gone = (active == False).fillna(False)  # noqa: E712  (a boolean with missing values)
    exporter = exporter.mask(gone & exporter.isna(), 0.0).mask(~life["observed"])
    return pd.DataFrame({
        "unit": data[panel.unit], "year": data[panel.time].astype("int64"), "exporter": exporter,
        "alive": active, "observed": life["observed"],
    })  # fmt: skip


def _check_states(data: pd.DataFrame) -> None:
    """Words of a column `state` that nobody can read; a state that is not understood would be silently unknown."""
    if "state" not in data:
        return
    known = (*_EXPORTS, _INACTIVE, _UNOBSERVED)
    good = data["state"].isin(known) | data["state"].isna()
    faults = value_faults(
        data, "state", good, "there is no such state", f"write one of {', '.join(known)}"
    )
    if faults:
        raise DataError("The column 'state' says in which of four states a firm-year is.", faults)


def activity(panel: Panel, alive: str | None = None) -> pd.DataFrame:
    """Say of each row of a panel whether the firm was active, as far as that is known.

    Parameters
    ----------
    panel : Panel
    alive : str, optional
        As in `panel_states`.

    Returns
    -------
    DataFrame
        With the panel's index: `alive` (boolean, with missing), `observed` (bool; false where a column `state` says unobserved).

    Raises
    ------
    DataError
        If `alive` is not true or false.
    """
    data = panel.data
    state = data["state"].astype("str") if "state" in data else pd.Series("", index=data.index)
    return pd.DataFrame({"alive": _alive(data, alive, state), "observed": state != _UNOBSERVED})


def _alive(data: pd.DataFrame, alive: str | None, state: pd.Series) -> pd.Series:
    if alive is None:
        known = state.isin(["active_exporter", "active_nonexporter", _INACTIVE])
        return (state != _INACTIVE).astype("boolean").where(known)
    require_columns(data, [alive])
    number = pd.to_numeric(data[alive], errors="coerce")
    bad = data[alive].notna() & ~number.isin([0, 1])
    if bad.any():
        raise DataError(
            f"'{alive}' must be true or false (1 or 0) in each row, or missing; {int(bad.sum()):,} rows are not, the first "
            f"at index {data.index[int(np.flatnonzero(bad)[0])]}."
        )
    return number.astype("boolean")
