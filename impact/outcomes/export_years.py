"""Shipments to firm-years: value, lines, concentration, months, in one set of SQL texts for both engines.

Rows are summed once to cells (firm, year, product, destination); products, destinations and firm-years come from
the cells. Sums are of whole cents and squares of whole cents, so that they are equal on every engine, in every order; the one
division of a concentration index is of two numbers.
"""

from __future__ import annotations

from impact.core.errors import ImpactError
from impact.core.ledger import Ledger
from impact.engines.relations import Relations

_CELLS = """
SELECT s.firm, s.year, s.product, s.destination, CAST(sum(s.cents) AS BIGINT) AS cents,
  count(*) AS lines, CAST(sum(CASE WHEN s.cents > 0 THEN 1 ELSE 0 END) AS BIGINT) AS shipments,
  min(CASE WHEN s.cents > 0 THEN s.month ELSE NULL END) AS first_month,
  max(CASE WHEN s.cents > 0 THEN s.month ELSE NULL END) AS last_month
FROM customs_rows s WHERE s.reason = 0 {netted}
GROUP BY s.firm, s.year, s.product, s.destination
"""

_NOT_NETTED = """AND NOT EXISTS (SELECT 1 FROM customs_netted x WHERE x.firm = s.firm AND x.year = s.year
  AND x.month = coalesce(s.month, 0) AND x.product = s.product AND x.destination = s.destination)"""

# Cells whose corrections of other months outweigh their shipments hold no exports in that year.
_POSITIVE = "FROM export_cells WHERE cents > 0"

_BY_PRODUCT = f"""
SELECT firm, year, product, CAST(sum(cents) AS BIGINT) AS cents, count(*) AS pairs,
  CAST(sum(shipments) AS BIGINT) AS shipments,
  CAST(sum(CAST(cents AS DECIMAL(38,0)) * CAST(cents AS DECIMAL(38,0))) AS DECIMAL(38,0)) AS pair_squares,
  min(first_month) AS first_month, max(last_month) AS last_month
{_POSITIVE} GROUP BY firm, year, product
"""

_BY_DESTINATION = f"""
SELECT firm, year, destination, CAST(sum(cents) AS BIGINT) AS cents, min(first_month) AS first_month
{_POSITIVE} GROUP BY firm, year, destination
"""


def _share(squares: str, total: str) -> str:
    """Sum of squares over the squared sum; decimals become doubles through text, which rounds right."""
    whole = f"CAST(CAST({total} AS STRING) AS DOUBLE)"
    return f"CAST(CAST({squares} AS STRING) AS DOUBLE) / ({whole} * {whole})"


_SQUARES = "CAST(sum(CAST(cents AS DECIMAL(38,0)) * CAST(cents AS DECIMAL(38,0))) AS DECIMAL(38,0))"

_FIRM_YEARS = f"""
SELECT p.firm, p.year, p.cents, p.shipments, p.products, d.destinations, p.pairs,
  {_share("p.squares", "p.cents")} AS hhi_products,
  {_share("d.squares", "d.cents")} AS hhi_destinations,
  {_share("p.pair_squares", "p.cents")} AS hhi_pairs,
  p.first_month, p.last_month
FROM (
  SELECT firm, year, CAST(sum(cents) AS BIGINT) AS cents, CAST(sum(shipments) AS BIGINT) AS shipments,
    count(*) AS products, CAST(sum(pairs) AS BIGINT) AS pairs, {_SQUARES} AS squares,
    CAST(sum(pair_squares) AS DECIMAL(38,0)) AS pair_squares,
    min(first_month) AS first_month, max(last_month) AS last_month
  FROM export_products GROUP BY firm, year
) p JOIN (
  SELECT firm, year, CAST(sum(cents) AS BIGINT) AS cents, count(*) AS destinations, {_SQUARES} AS squares
  FROM export_destinations GROUP BY firm, year
) d ON p.firm = d.firm AND p.year = d.year
"""


def make_export_years(
    relations: Relations, ledger: Ledger, *, netted: bool, keep: bool = False
) -> None:
    """Sum the used rows of `customs_rows` to firm-years.

    Makes the relation `export_cells` (`firm, year, product, destination, cents, lines, shipments, first_month,
    last_month`) and the relation `export_years` (`firm, year, cents, shipments, products, destinations, pairs,
    hhi_products, hhi_destinations, hhi_pairs, first_month, last_month`).

    Parameters
    ----------
    relations : Relations
        Holds `customs_rows`, and `customs_netted` where corrections were netted.
    ledger : Ledger
        Of the shipments: what must be used.
    netted : bool
        Whether corrections were netted.
    keep : bool
        Whether outcomes follow: see `sum_cells`.

    Raises
    ------
    ImpactError
        If the cells hold other rows or euros than the ledger has used.
    """
    relations.make("export_cells", _CELLS.format(netted=_NOT_NETTED if netted else ""))
    used = relations.frame(
        "SELECT CAST(coalesce(sum(lines), 0) AS BIGINT) AS n, "
        "CAST(coalesce(sum(cents), 0) AS BIGINT) AS cents FROM export_cells"
    ).iloc[0]
    if (int(used["n"]), int(used["cents"])) != (ledger.rows_used, ledger.cents_used):
        raise ImpactError(
            f"Shipments were lost: the cells hold {used['n']:,} rows and {used['cents']:,} cents, the ledger has "
            f"{ledger.rows_used:,} and {ledger.cents_used or 0:,}. This is a defect of impact; please report it."
        )
    sum_cells(relations, keep=keep)


def only_exporters(relations: Relations) -> None:
    """Make the lines again, of exporters alone: exports below the declared minimum are no exports at any level.

    Parameters
    ----------
    relations : Relations
        Holds what `sum_cells` made, and `firm_states`.
    """
    relations.make(
        "exporter_cells",
        "SELECT c.* FROM export_cells c JOIN firm_states s ON s.firm = c.firm AND s.year = c.year WHERE s.exporter = 1",
    )
    for name in ("export_products", "export_destinations", "export_pairs"):
        relations.drop(name)
    _name_lines(relations, "exporter_cells", keep=True)


def _name_lines(relations: Relations, cells: str, *, keep: bool) -> None:
    name = relations.make if keep else relations.view
    name("export_products", _BY_PRODUCT.replace("export_cells", cells))
    name("export_destinations", _BY_DESTINATION.replace("export_cells", cells))
    pairs = f"SELECT firm, year, product, destination, cents, first_month {_POSITIVE}"
    relations.view("export_pairs", pairs.replace("export_cells", cells))


def sum_cells(relations: Relations, *, keep: bool = True) -> None:
    """Sum `export_cells` to lines and firm-years: `export_products`, `export_destinations`, `export_pairs`, `export_years`.

    With `keep`, the lines are computed once, for outcomes that read them several times; else they are views.

    A cell is firm, year, product and destination, with its corrections in it. Lines and firm-years are the sums of the cells above 0: a line
    is there in a year in which it has such a cell, and a cell whose corrections outweigh its shipments takes nothing from the others.
    """
    _name_lines(relations, "export_cells", keep=keep)
    relations.make("export_years", _FIRM_YEARS)
