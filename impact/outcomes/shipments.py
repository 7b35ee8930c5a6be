"""Shipments with roles, as Python knows them, and the way from them to the relations that outcomes are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from impact.core.amount_names import amount_columns
from impact.core.errors import DataError, Fault
from impact.core.ledger import Ledger
from impact.core.panel import Panel, require_columns, require_panel, value_faults
from impact.engines.relations import Relations, open_relations
from impact.outcomes.export_years import only_exporters, sum_cells
from impact.outcomes.firm_states import put_states, states_of_exporters
from impact.outcomes.panel_states import panel_states

_ROOM = 9.0e18  # a whole number of 64 bits, and the square of a firm's total is one of 38 digits


@dataclass(frozen=True, slots=True, eq=False)
class Shipments:
    """What firms exported, summed to firm, year, product and destination; made by `impact.shipments`, never changed.

    Attributes
    ----------
    cells : DataFrame
        `firm, year, product, destination` as codes, `cents` (value in units of 10^-decimals), `lines`, `shipments`,
        `first_month`, `last_month`; in the order of the keys.
    months : DataFrame
        `firm, year, month, cents` of the cells that hold exports; empty where months are not known.
    unit, time, value : str
        What the caller's columns are called.
    product, destination : str or None
        None where the data do not part exports so.
    firms, products, destinations : array
        What the codes 1, 2, ... stand for, in order.
    decimals : int
        Decimals that a value is kept with: all of them where the values have few, else as many as 64 bits hold.
    ledger : Ledger
        Rows that came in and what became of them.
    """

    cells: pd.DataFrame
    months: pd.DataFrame
    unit: str
    time: str
    value: str
    product: str | None
    destination: str | None
    firms: npt.NDArray[Any]
    products: npt.NDArray[Any]
    destinations: npt.NDArray[Any]
    decimals: int
    ledger: Ledger

    @property
    def years(self) -> list[int]:
        """The years that hold a cell with exports, in order.

        Only these count as observed: a year that holds corrections alone, whose cells are all 0 or less, is not observed, so that nothing is
        known of it and nobody is taken to have stopped in it.
        """
        held = self.cells.loc[self.cells["cents"] > 0, "year"]
        return sorted(int(y) for y in held.unique())

    @property
    def dated(self) -> bool:
        """Whether months are known."""
        return len(self.months) > 0

    def amount(self, cents: pd.Series | npt.NDArray[Any]) -> pd.Series:
        """Whole numbers of the cells as amounts."""
        return pd.Series(cents).astype("float64") / 10.0**self.decimals

    def codes_of(self, firms: pd.Series) -> pd.Series:
        """Codes of identifiers of firms; missing where a firm has no shipment."""
        return firms.map(pd.Series(np.arange(1, len(self.firms) + 1), index=pd.Index(self.firms)))

    def summary(self) -> str:
        """Say in words what the shipments hold."""
        years = self.years
        parts = [f"{len(self.firms):,} firms", f"{years[0]} to {years[-1]}"]
        for name, levels in ((self.product, self.products), (self.destination, self.destinations)):
            if name is not None:
                parts.append(f"{len(levels):,} values of {name}")
        return f"{self.ledger.rows_in:,} rows: {', '.join(parts)}."

    def __repr__(self) -> str:
        return self.summary()


def shipments(
    data: pd.DataFrame | Shipments,
    *,
    unit: str = "firm_id",
    time: str | None = None,
    product: str | None = None,
    destination: str | None = None,
    value: str | None = None,
    month: str | None = None,
) -> Shipments:
    """Give the columns of a table of shipments their roles, check them, and sum them to cells.

    Parameters
    ----------
    data : DataFrame
        One row per shipment, or per any sum of them: firm, year, product, destination, value. In any order; never changed.
    unit : str
        Exporter.
    time : str, optional
        Year in whole numbers, or a date (then months are known, too). Default: `year`, else `date`.
    product, destination : str, optional
        Default: `product` and `destination`, where the table has them.
    value : str, optional
        Value in one currency. Default: `value`, else `exports`, or the one column that has one of the two before a currency (and a base
        year): `value_usd`, `exports_eur_2015`.
    month : str, optional
        Month, 1 to 12, where `time` is a year. Default: `month`, where the table has it. Rows that are sums over a year may have
        `first_month` instead: then the start of spells is dated, and nothing else.

    Returns
    -------
    Shipments

    Raises
    ------
    DataError
        Missing columns, missing keys, years that are not whole numbers, values that are no finite number: all in one pass.
        If no value is positive.

    Notes
    -----
    Negative values are corrections: they are netted within firm, year, product and destination, and a cell in which nothing
    is left holds no exports. Values are kept as whole numbers of a decimal unit, so that sums do not depend on the order of
    rows.

    Examples
    --------
    >>> rows = pd.DataFrame({"firm_id": ["a", "a", "b"], "year": [2014, 2015, 2015], "product": ["0901", "0901", "2204"],
    ...                      "destination": ["DE", "DE", "US"], "value_eur": [100.0, 250.5, 80.0]})
    >>> shipments(rows)
    3 rows: 2 firms, 2014 to 2015, 2 values of product, 2 values of destination.
    """
    if isinstance(data, Shipments):
        return data
    if not isinstance(data, pd.DataFrame):
        what = "a panel of firm-years" if isinstance(data, Panel) else f"a {type(data).__name__}"
        raise DataError(
            f"Shipments are needed, and {what} was given: a DataFrame with one row per firm, year (or date), product, destination and value."
        )
    if data.empty:
        raise DataError("The table of shipments has no rows.")
    roles = _roles(data, unit, time, product, destination, value, month)
    faults: list[Fault] = []
    year, months = _when(data, roles, faults)
    amount = pd.to_numeric(data[roles["value"]], errors="coerce").astype("float64")
    finite = np.isfinite(amount)
    faults += value_faults(
        data, roles["value"], finite, "the value is not a number", "write a number such as 1200.50"
    )
    keys = [roles[r] for r in ("unit", "product", "destination") if r in roles]
    for column in keys:
        faults += value_faults(
            data, column, data[column].notna(), "the cell is missing", "fill it in, or drop the row"
        )
    if faults:
        raise DataError("These are not shipments that can be counted.", faults)
    units, decimals = whole_units(amount)
    coded = {
        r: _coded(data[roles[r]]) if r in roles else None
        for r in ("unit", "product", "destination")
    }
    one = np.ones(len(data), dtype="int64")
    rows = pd.DataFrame({
        **{name: one if c is None else c[0] for name, c in zip(("firm", "product", "destination"), coded.values(), strict=True)},
        "year": year.to_numpy(dtype="int64"), "cents": units, "positive": units > 0, "month": months.to_numpy(),
        # A correction, or a row of no value, begins nothing.
        "shipped": months.where(units > 0).to_numpy(),
    })  # fmt: skip
    # Of a firm-year in which a shipment or correction has no month, neither its first month nor its course is known.
    undated = (
        ((rows["cents"] != 0) & rows["month"].isna())
        .groupby([rows["firm"], rows["year"]])
        .transform("any")
    )
    rows["shipped"] = rows["shipped"].mask(undated)
    by = rows.groupby(["firm", "year", "product", "destination"], sort=True)
    cells = by.agg(cents=("cents", "sum"), lines=("cents", "size"), shipments=("positive", "sum"),
                   first_month=("shipped", "min"), last_month=("shipped", "max")).reset_index()  # fmt: skip
    # The first month of a sum over the year does not tell when the rest of it was shipped.
    dated = rows["month"].notna() & ~undated & ("first_month" not in roles)
    kept = rows[(by["cents"].transform("sum") > 0) & dated]
    monthly = kept.groupby(["firm", "year", "month"], sort=True)["cents"].sum().reset_index()
    ledger = Ledger.opened("shipments", len(data), len(coded["unit"][1]) if coded["unit"] else 0)
    if not (cells["cents"] > 0).any():
        raise DataError(f"No cell of '{roles['value']}' is positive, so nothing was exported.")
    none = np.array([], dtype=object)
    firms, products, destinations = (none if c is None else c[1] for c in coded.values())
    return Shipments(
        cells, monthly, roles["unit"], roles["time"], roles["value"], roles.get("product"), roles.get("destination"),
        firms, products, destinations, decimals, ledger,
    )  # fmt: skip


def _roles(
    data: pd.DataFrame,
    unit: str,
    time: str | None,
    product: str | None,
    destination: str | None,
    value: str | None,
    month: str | None,
) -> dict[str, str]:
    """Which column holds what; a role that nobody named is found by its usual name."""
    columns = [str(c) for c in data.columns]
    roles = {"unit": unit}
    roles["time"] = time or next((c for c in ("year", "date") if c in columns), "year")
    for role, given in (("product", product), ("destination", destination)):
        if given is not None or role in columns:
            roles[role] = given or role
    if value is None:
        near = amount_columns(columns, "value", "exports")
        if "value" not in columns and len(near) > 1:
            raise DataError(
                f"Which column is the value: {', '.join(near)}? Name it: value='{near[0]}'."
            )
        value = "value" if "value" in columns or not near else near[0]
    roles["value"] = value
    if month is not None or "month" in columns:
        roles["month"] = month or "month"
    elif "first_month" in columns:
        roles["first_month"] = "first_month"
    require_columns(data, list(dict.fromkeys(roles.values())))
    return roles


def _when(
    data: pd.DataFrame, roles: Mapping[str, str], faults: list[Fault]
) -> tuple[pd.Series, pd.Series]:
    """Years and months of the rows; months are missing where nothing tells them."""
    column = data[roles["time"]]
    number = pd.to_numeric(column, errors="coerce") if not _is_date(column) else None
    if number is not None and number.notna().any():
        whole = number.notna() & (number == np.floor(number)) & np.isfinite(number)
        faults += value_faults(
            data,
            roles["time"],
            whole,
            "the year is not a whole number",
            "write a year such as 2012",
        )
        months = pd.Series(np.nan, index=data.index)
        dated = roles.get("month") or roles.get("first_month")
        if dated is not None:
            months = pd.to_numeric(data[dated], errors="coerce").astype("float64")
            good = months.isna() | (months.between(1, 12) & (months == np.floor(months)))
            faults += value_faults(
                data,
                dated,
                good,
                "the month is not 1 to 12",
                "write a month, or leave it empty",
            )
        return number, months
    dates = (
        column if _is_date(column) else pd.to_datetime(column, errors="coerce", format="ISO8601")
    )
    faults += value_faults(
        data,
        roles["time"],
        dates.notna(),
        "this is neither a year nor a date",
        "write 2012 or 2012-05-31",
    )
    return dates.dt.year, dates.dt.month.astype("float64")


def _is_date(column: pd.Series) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(column))


def _coded(column: pd.Series) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Codes 1, 2, ... in the order of the values, and the values."""
    try:
        codes, levels = pd.factorize(column, sort=True)
    except TypeError:  # numbers and texts in one column
        codes, levels = pd.factorize(column.astype("str"), sort=True)
    return codes.astype("int64") + 1, np.asarray(levels, dtype=object)


def whole_units(amount: pd.Series) -> tuple[npt.NDArray[np.int64], int]:
    """Amounts as whole numbers of 10^-decimals, and the decimals.

    The fewest decimals that hold every value exactly (as a decimal number); where a value has more than twelve, as many as
    leave the sum of all within 64 bits.

    Examples
    --------
    >>> whole_units(pd.Series([10.25, 3.0]))
    (array([1025,  300]), 2)
    """
    values = amount.to_numpy(dtype="float64")
    total = float(np.abs(values).sum())
    most = 12 if total == 0 else int(min(12, np.floor(np.log10(_ROOM / total))))
    for decimals in range(max(most, 0) + 1):
        scaled = values * 10.0**decimals
        if (np.abs(scaled - np.rint(scaled)) <= 4 * np.spacing(np.abs(scaled))).all():
            return np.rint(scaled).astype("int64"), decimals
    # Values of very many digits, or very large ones: the finest unit that has room.
    finest = most if total == 0 else int(np.floor(np.log10(_ROOM / total)))
    return np.rint(values * 10.0**finest).astype("int64"), finest


def least_units(minimum: float, decimals: int) -> int:
    """The largest whole number of 10^-decimals that is no more than an amount, by its decimal digits.

    Examples
    --------
    >>> least_units(0.29, 2)
    29
    """
    return int(Decimal(str(minimum)).scaleb(decimals).to_integral_value(ROUND_FLOOR))


@contextmanager
def opened(
    source: Shipments,
    panel: Panel | None = None,
    *,
    minimum: float = 0.0,
    exports: str | None = None,
    alive: str | None = None,
    panel_years: bool = False,
) -> Iterator[tuple[Relations, pd.Series]]:
    """Relations of shipments: `export_cells`, what `sum_cells` makes of them, and `firm_states`.

    Parameters
    ----------
    source : Shipments
    panel : Panel, optional
        Who was observed, and alive; its firms are then the population. Without it, a firm that exports at some time is
        taken not to export in every other year of the data.
    minimum : float
        Exports up to this value do not make an exporter.
    exports, alive : str, optional
        Columns of the panel: see `panel_states`.
    panel_years : bool
        Whether a year without any shipment keeps what the panel says of it. Else nothing is known of it: were non-exporters known there,
        and exporters not, every exporter of the next year would be an entrant.

    Yields
    ------
    Relations
        An engine that lives for the length of the block.
    Series
        Codes of the firms, by their identifier.
    """
    if isinstance(minimum, bool) or not isinstance(minimum, Real) or not 0 <= minimum < np.inf:
        raise DataError(f"minimum is {minimum!r}; it is an amount, 0 or more.")
    if panel is not None:
        panel = require_panel(panel, "panel=")
    codes = pd.Series(np.arange(1, len(source.firms) + 1), index=pd.Index(source.firms))
    cells = source.cells
    least = least_units(minimum, source.decimals)
    known = None
    if panel is not None:
        known, codes = _population(source, panel, codes, exports, alive, minimum)
        cells = cells[cells["firm"].isin(codes.to_numpy())]
    with open_relations(threads=1 if len(cells) < 100_000 else None) as relations:
        months = {c: cells[c].astype("Int64") for c in ("first_month", "last_month")}
        relations.put("received_cells", cells.assign(**months))
        relations.make(
            "export_cells",
            "SELECT CAST(firm AS INT) AS firm, CAST(year AS INT) AS year, CAST(product AS INT) AS product, "
            "CAST(destination AS INT) AS destination, cents, lines, shipments, CAST(first_month AS INT) AS first_month, "
            "CAST(last_month AS INT) AS last_month FROM received_cells",
        )
        sum_cells(relations)
        if known is None:
            states_of_exporters(relations, source.years, minimum=least)
        else:
            put_states(relations, _with_exports(relations, known, least, source.years, panel_years))
        if least > 0:
            only_exporters(relations)
        yield relations, codes


def _population(
    source: Shipments,
    panel: Panel,
    codes: pd.Series,
    exports: str | None,
    alive: str | None,
    minimum: float,
) -> tuple[pd.DataFrame, pd.Series]:
    """States of the panel's firms, and their codes; those that never exported get codes of their own."""
    states = panel_states(panel, exports=exports, alive=alive, minimum=minimum, need_exports=False)
    firms = pd.Index(states["unit"].unique())
    both = firms[firms.isin(codes.index)]
    others = firms[~firms.isin(codes.index)]
    if not len(both):
        one, two = firms[0], codes.index[0]
        kinds = {"text" if isinstance(x, str) else "a number" for x in (one, two)}
        remedy = " Make both text, with the same zeros in front: frame[...].astype(str).str.zfill(...)." if len(kinds) > 1 else ""  # fmt: skip
        raise DataError(
            f"No firm of the panel ('{panel.unit}', such as {_said(one)}) is found in the shipments ('{source.unit}', such as "
            f"{_said(two)}). Are they the same identifiers?{remedy}"
        )
    more = pd.Series(np.arange(len(codes) + 1, len(codes) + 1 + len(others)), index=others)
    found = pd.concat([codes[both], more])
    return states.assign(firm=found.reindex(states["unit"]).to_numpy()), found


def _said(identifier: object) -> str:
    return f"'{identifier}', text" if isinstance(identifier, str) else f"{identifier}, a number"


def _with_exports(
    relations: Relations, known: pd.DataFrame, least: int, years: Sequence[int], panel_years: bool
) -> pd.DataFrame:
    """States of the panel, where shipments prove an exporter and a row of the panel without exports a non-exporter."""
    shipped = relations.frame(
        f"SELECT firm, year, CAST(CASE WHEN cents > {least} THEN 1 ELSE 0 END AS DOUBLE) AS shipped FROM export_years "
        "ORDER BY firm, year"
    )
    shipped = shipped[shipped["firm"].isin(known["firm"])]
    both = known.merge(shipped, on=["firm", "year"], how="outer")
    both["observed"] = both["observed"].fillna(False).astype(bool)
    seen = both["shipped"].notna()
    # A row of the panel that was not found to be unobserved: no shipment in a year of the data is no export.
    silent = ~seen & both["observed"] & both["year"].isin(years)
    exporter = both["shipped"].where(
        seen, both["exporter"].where(both["exporter"].notna(), np.where(silent, 0.0, np.nan))
    )
    if not panel_years:
        exporter = exporter.where(both["year"].isin(years))
    alive = both["alive"].mask(both["shipped"] > 0, True)
    return both.assign(exporter=exporter, alive=alive)[["firm", "year", "exporter", "alive"]]


def level_names(source: Shipments, levels: Sequence[str]) -> None:
    """Refuse a level that the data cannot show.

    Raises
    ------
    DataError
        One sentence for the first.
    """
    for level in levels:
        for need, column in (("product", source.product), ("destination", source.destination)):
            if level in (need, "pair") and column is None:
                raise DataError(
                    f"These shipments have no column of {need}s, so there are no lines of the level '{level}'. "
                    f"Name it: {need}='...'."
                )
