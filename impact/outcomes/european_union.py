"""Who was a member of the European Union in which year; the state of 31 December counts for the year."""

from __future__ import annotations

_JOINED = {
    1958: ("BE BEL", "DE DEU", "FR FRA", "IT ITA", "LU LUX", "NL NLD"),
    1973: ("DK DNK", "IE IRL", "GB GBR UK"),
    1981: ("GR GRC EL",),
    1986: ("ES ESP", "PT PRT"),
    1995: ("AT AUT", "FI FIN", "SE SWE"),
    2004: ("CY CYP", "CZ CZE", "EE EST", "HU HUN", "LV LVA", "LT LTU", "MT MLT", "PL POL", "SK SVK", "SI SVN"),
    2007: ("BG BGR", "RO ROU"),
    2013: ("HR HRV",),
}  # fmt: skip
_LEFT = {"GB": 2020, "GBR": 2020, "UK": 2020}

_SPANS = {
    code: (year, _LEFT.get(code, 9999))
    for year, countries in _JOINED.items()
    for country in countries
    for code in country.split()
}


def in_european_union(code: str, year: int) -> bool:
    """Say whether a country was a member on 31 December.

    Parameters
    ----------
    code : str
        Two or three letters of ISO 3166, or Eurostat's EL and UK.
    year : int

    Examples
    --------
    >>> in_european_union("HR", 2012), in_european_union("HRV", 2013), in_european_union("GB", 2020)
    (False, True, False)
    """
    joined, left = _SPANS.get(code, (9999, 0))
    return joined <= year < left
