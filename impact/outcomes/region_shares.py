"""Where exports go, by region: out of the home region, and to the European Union of the year."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from impact.core.errors import DataError
from impact.engines.relations import Relations
from impact.outcomes.european_union import in_european_union
from impact.validate.country_names import OTHER_CODES, iso_countries

_NOT_KNOWN = -1
_CODE = re.compile(r"[A-Z0-9]{2,3}")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class RegionShares:
    """Which shares are known, and of which destinations nothing is.

    Attributes
    ----------
    shares : tuple of str
        `share_outside_home` where the home region is given; `share_eu` where destinations are codes of countries.
    unknown : tuple of str
        Codes that are no country of ISO 3166, among codes that are.
    absent : tuple of str
        Destinations of the home region that are not in the data.
    uncoded : str or None
        Where destinations are no codes of countries: one of them.
    """

    shares: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    uncoded: str | None = None

    def notes(self) -> list[str]:
        """Say it in words.

        Examples
        --------
        >>> RegionShares(("share_eu",), unknown=("EU", "XX")).notes()
        ["Destinations that are no country of ISO 3166: 'EU', 'XX'. Shares of exports by region are missing where something goes there, but \
for a home region that names them."]
        """
        said = []
        if self.unknown:
            said.append(
                f"Destinations that are no country of ISO 3166: {named(self.unknown)}. Shares of exports by region are missing where "
                "something goes there, but for a home region that names them."
            )
        if self.absent:
            said.append(
                f"Destinations of the home region that are not in the data: {named(self.absent)}."
            )
        if self.uncoded is not None:
            said.append(
                f"Destinations are not all codes of ISO 3166, such as '{self.uncoded}': the share that goes to the European Union is not known."
            )
        return said


def named(codes: Sequence[str]) -> str:
    """Codes in quotes, the first ten.

    Examples
    --------
    >>> named(["EU", "XX"])
    "'EU', 'XX'"
    """
    more = f" and {len(codes) - _SHOWN:,} more" if len(codes) > _SHOWN else ""
    return ", ".join(f"'{c}'" for c in codes[:_SHOWN]) + more


def country_of(code: str) -> str | None:
    """Alpha-3 code of a country of ISO 3166 by its letters, or by those that files use instead, such as UK and EL; else None.

    Examples
    --------
    >>> country_of("HR"), country_of("HRV"), country_of("EL"), country_of("EU"), country_of("XX")
    ('HRV', 'HRV', 'GRC', None, None)
    """
    if not code.isalpha():
        return None
    iso = iso_countries()
    other = OTHER_CODES.get(code)
    return iso.alpha3.get(code) or iso.alpha2.get(code) or (None if other is None else other[0])


def make_region_shares(
    relations: Relations,
    destinations: Sequence[str],
    years: Iterable[int],
    home: Iterable[str] | None = None,
) -> RegionShares:
    """Make the relation `region_shares`, one row per firm and year with exports, and say which shares are known.

    Where destinations are codes of countries, what goes to a code that is none (`EU`, `XX`, `R4`) may go anywhere: the shares of such a firm-year
    are missing. A destination that the home region names is of the home region, whatever it is.

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
    RegionShares

    Raises
    ------
    DataError
        If no destination of the home region is in the data.
    """
    region = set() if home is None else {str(h) for h in home}
    absent = tuple(sorted(region - set(destinations)))
    if home is not None and len(absent) == len(region):
        raise DataError(
            f"No destination of the home region is in the data: {', '.join(absent[:5])}."
        )
    countries = {code: country_of(code) for code in destinations}
    # Names of countries, or a country's own numbers, say nothing here; of names a home region can be told all the same.
    strange = [c for c in destinations if not _CODE.fullmatch(c)]
    coded = not strange and any(countries.values())
    known = sorted({int(y) for y in years})
    rows = []
    for place, code in enumerate(destinations, 1):
        country = countries[code]
        outside = int(code not in region)
        if coded and country is None:
            outside = _NOT_KNOWN if outside else 0
        for year in known:
            eu = _NOT_KNOWN if country is None else int(in_european_union(country, year))
            rows.append((place, year, outside, eu))
    columns = ["destination", "year", "outside", "eu"]
    relations.put("destination_regions", pd.DataFrame(rows, columns=columns))
    share = (
        "CASE WHEN min(r.{mark}) < 0 THEN NULL ELSE CAST(sum(l.cents * r.{mark}) AS DOUBLE) / CAST(sum(l.cents) AS DOUBLE) END "
        "AS {name}"
    )
    relations.make(
        "region_shares",
        f"SELECT l.firm, l.year, {share.format(mark='outside', name='share_outside_home')}, "
        f"{share.format(mark='eu', name='share_eu')} FROM export_destinations l "
        "JOIN destination_regions r ON r.destination = l.destination AND r.year = l.year GROUP BY l.firm, l.year",
    )
    wanted = (("share_outside_home", home is not None), ("share_eu", coded))
    return RegionShares(
        tuple(name for name, ask in wanted if ask),
        tuple(sorted(c for c in destinations if coded and countries[c] is None)),
        absent,
        None if coded or not destinations else next(iter([*strange, *destinations])),
    )
