"""Where exports go, by region: out of the home region, and to the European Union of the year."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from impact.core.errors import DataError
from impact.engines.relations import Relations
from impact.outcomes.european_union import in_european_union, is_country_code


def make_region_shares(
    relations: Relations,
    destinations: Sequence[str],
    years: Iterable[int],
    home: Iterable[str] | None = None,
) -> list[str]:
    """Make the relation `region_shares`, one row per firm and year with exports, and say which shares are known.

    Parameters
    ----------
    relations : Relations
        Holds `export_destinations`.
    destinations : sequence of str
        What the destinations 1, 2, ... are.
    years : iterable of int
        Years of the data.
    home : iterable of str, optional
        Destinations of the home region.

    Returns
    -------
    list of str
        `share_outside_home` where `home` is given; `share_eu` where all destinations are codes of countries.

    Raises
    ------
    DataError
        If no destination of the home region is in the data.
    """
    region = set() if home is None else {str(h) for h in home}
    if home is not None and not region & set(destinations):
        some = ", ".join(sorted(region)[:5])
        raise DataError(f"No destination of the home region is in the data: {some}.")
    known = sorted({int(y) for y in years})
    rows = [
        (place, year, int(code not in region), int(in_european_union(code, year)))
        for place, code in enumerate(destinations, 1)
        for year in known
    ]
    columns = ["destination", "year", "outside", "eu"]
    relations.put("destination_regions", pd.DataFrame(rows, columns=columns))
    share = "CAST(sum(l.cents * r.{mark}) AS DOUBLE) / CAST(sum(l.cents) AS DOUBLE) AS {name}"
    relations.make(
        "region_shares",
        f"SELECT l.firm, l.year, {share.format(mark='outside', name='share_outside_home')}, "
        f"{share.format(mark='eu', name='share_eu')} FROM export_destinations l "
        "JOIN destination_regions r ON r.destination = l.destination AND r.year = l.year GROUP BY l.firm, l.year",
    )
    coded = bool(destinations) and all(is_country_code(c) for c in destinations)
    wanted = (("share_outside_home", home is not None), ("share_eu", coded))
    return [name for name, ask in wanted if ask]
