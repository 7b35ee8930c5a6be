"""Products that are new to the whole country: who found them, whether they lasted, and who followed."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from impact.core.counts import OutcomeCount, level_count
from impact.core.errors import DataError
from impact.core.whole_numbers import whole_number
from impact.outcomes.shipments import Shipments, least_units, level_names, opened
from impact.outcomes.shipments import shipments as take_shipments


def discoveries(
    data: Shipments | pd.DataFrame,
    *,
    look_back: int = 3,
    threshold: float = 0.0,
    followers_within: int = 3,
    unit: str = "firm_id",
    time: str | None = None,
    product: str | None = None,
    value: str | None = None,
) -> pd.DataFrame:
    """Find the products that became exports of the country, and count the firms that followed the first.

    Parameters
    ----------
    data : Shipments or DataFrame
        All exports of the country, by product.
    look_back : int
        Years before in which no firm exported the product for more than `threshold`.
    threshold : float
        Value that a firm's exports of the product in a year must exceed to count, then and now.
    followers_within : int
        Years after the discovery in which a follower is counted.
    unit, time, product, value
        Columns of a DataFrame of shipments: see `impact.shipments`.

    Returns
    -------
    DataFrame
        One row per discovery, by product and year: `product`, `year`, `pioneers` (firms in that year), `value` of theirs,
        `alive_2` (pioneers that export it two years later), `followers` (other firms that export it within `followers_within` years);
        the last two missing where the data end before, or a year was not observed: `flags` says so. `attrs["counts"]` has the
        counts of both: pioneers at risk and alive, and discoveries whose followers are known; read it with `pd.DataFrame(found.attrs["counts"])`.

    Raises
    ------
    DataError
        If there is no column of products, or a number of years is out of range.

    Notes
    -----
    A product is new only in one nomenclature: where codes were split or merged, consolidate them first, else each change of
    the nomenclature is a discovery. The first `look_back` years of the data have no past, and hold none.

    Examples
    --------
    >>> import impact
    >>> rows = pd.DataFrame({"firm_id": list("aab"), "year": [2010, 2012, 2013], "product": ["x", "y", "y"], "value": 5.0})
    >>> found = impact.discoveries(rows.assign(year=[2011, 2012, 2013]), look_back=1, followers_within=1)
    >>> found[["product", "year", "pioneers", "value", "alive_2", "followers"]]
      product  year  pioneers  value  alive_2  followers
    0       y  2012         1    5.0      NaN        1.0
    >>> found["flags"].tolist()
    ['2 years later is not observed']
    """
    look_back = whole_number("look_back", look_back, least=1)
    followers_within = whole_number("followers_within", followers_within, least=1)
    if not 0 <= threshold < float("inf"):
        raise DataError(f"threshold is {threshold!r}; it is an amount, 0 or more.")
    given = take_shipments(data, unit=unit, time=time, product=product, value=value)
    level_names(given, ["product"])
    least = least_units(threshold, given.decimals)
    years = given.years
    with opened(given) as (relations, _):
        relations.put("seen_years", pd.DataFrame({"year": years}))
        relations.make(
            "above", f"SELECT firm, year, product, cents FROM export_products WHERE cents > {least}"
        )
        found = relations.frame(_query(look_back, followers_within))
    ends = pd.Series(
        {y: all(y + k in years for k in range(1, followers_within + 1)) for y in years}
    )
    two = pd.Series({y: y + 2 in years for y in years})
    table = pd.DataFrame({
        "product": given.products[found["product"].to_numpy() - 1], "year": found["year"], "pioneers": found["pioneers"],
        "value": given.amount(found["cents"]).to_numpy(),
        "alive_2": found["alive_2"].astype("float64").where(found["year"].map(two)),
        "followers": found["followers"].astype("float64").where(found["year"].map(ends)),
    })  # fmt: skip
    table["flags"] = _flags(table, followers_within)
    # Plain values: what stands in attrs goes into a Parquet file as JSON.
    table.attrs["counts"] = [{**asdict(c), "flags": "; ".join(c.flags)} for c in _counts(table, followers_within)]  # fmt: skip
    return table.rename(columns={"product": str(given.product)})


def _flags(table: pd.DataFrame, within: int) -> pd.Series:
    """Why a number is missing."""
    said = pd.Series("", index=table.index, dtype="object")
    said[table["alive_2"].isna()] = "2 years later is not observed"
    lost = table["followers"].isna()
    words = (
        "the year after is not observed"
        if within == 1
        else f"not all of the {within} years after are observed"
    )
    return said.mask(lost, (said + "; ").where(said != "", "") + words)


def _counts(table: pd.DataFrame, within: int) -> tuple[OutcomeCount, OutcomeCount]:
    known = table["alive_2"].notna()
    risk, alive = int(table.loc[known, "pioneers"].sum()), int(table["alive_2"].sum())
    lost, later = int((~known).sum()), int(table["followers"].isna().sum())
    flags = (f"{lost:,} discoveries of which 2 years later is not observed",) if lost else ()
    return (
        OutcomeCount("alive_2", "pioneers that export the product two years later", "pioneers", int(known.sum()), risk, alive,
                     alive / risk if risk else float("nan"), flags),
        level_count("followers", f"firms that follow within {within} year{'s' if within > 1 else ''}", "firms", table["followers"],
                    (f"{later:,} discoveries whose next years are not observed",) if later else ()),
    )  # fmt: skip


def _query(look_back: int, within: int) -> str:
    """Firm-products of the first year after a clean look-back, and what came later."""
    return f"""
    WITH totals AS (SELECT product, year, count(*) AS firms FROM above GROUP BY product, year),
    starts AS (
      SELECT t.product, t.year FROM totals t
      WHERE NOT EXISTS (SELECT 1 FROM totals b WHERE b.product = t.product AND b.year < t.year AND b.year >= t.year - {look_back})
        AND (SELECT count(*) FROM seen_years y WHERE y.year < t.year AND y.year >= t.year - {look_back}) = {look_back}
    ),
    pioneers AS (SELECT s.product, s.year, a.firm, a.cents FROM starts s JOIN above a ON a.product = s.product AND a.year = s.year),
    lasting AS (
      SELECT p.product, p.year, count(*) AS pioneers, CAST(sum(p.cents) AS BIGINT) AS cents,
        CAST(sum(CASE WHEN l.firm IS NULL THEN 0 ELSE 1 END) AS BIGINT) AS alive_2
      FROM pioneers p LEFT JOIN above l ON l.product = p.product AND l.firm = p.firm AND l.year = p.year + 2
      GROUP BY p.product, p.year
    ),
    followers AS (
      SELECT s.product, s.year, count(DISTINCT a.firm) AS followers FROM starts s
      JOIN above a ON a.product = s.product AND a.year > s.year AND a.year <= s.year + {within}
      LEFT JOIN pioneers p ON p.product = s.product AND p.year = s.year AND p.firm = a.firm
      WHERE p.firm IS NULL GROUP BY s.product, s.year
    )
    SELECT l.product, l.year, l.pioneers, l.cents, l.alive_2, coalesce(f.followers, 0) AS followers
    FROM lasting l LEFT JOIN followers f ON f.product = l.product AND f.year = l.year ORDER BY l.product, l.year
    """
