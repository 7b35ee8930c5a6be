"""Countries by ISO 3166-1: codes, names, and the codes and names that files use instead."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

KOSOVO = "XKX"
_OUTSIDE: Mapping[str, Mapping[str, str]] = {
    "the European Union's UK and EL were read as GB and GR": {"UK": "GBR", "EL": "GRC"},
    "Kosovo has no code in ISO 3166; the users' own XKX was given": {
        "XK": KOSOVO, "XKX": KOSOVO, "XKV": KOSOVO,
    },
    "withdrawn codes were read as the codes that replaced them": {
        "ROM": "ROU", "ZR": "COD", "ZAR": "COD", "TP": "TLS", "TMP": "TLS", "BU": "MMR", "BUR": "MMR",
        "230": "ETH", "280": "DEU", "736": "SDN", "886": "YEM",
    },
    "countries that have since been divided were kept as they were": {
        "AN": "ANT", "ANT": "ANT", "530": "ANT", "CS": "SCG", "SCG": "SCG", "YU": "YUG", "YUG": "YUG",
        "SU": "SUN", "SUN": "SUN", "810": "SUN", "CSK": "CSK", "200": "CSK",
    },
}  # fmt: skip
OTHER_CODES: Mapping[str, tuple[str, str]] = {
    code: (iso, said) for said, codes in _OUTSIDE.items() for code, iso in codes.items()
}
"""Codes outside the standard that have one meaning: code -> alpha-3, and what is said of it."""

_ALIASES: Mapping[str, str] = {
    "ARE": "UAE",
    "BRN": "Brunei",
    "CHN": "People's Republic of China",
    "CIV": "Ivory Coast; Cote d Ivoire",
    "COD": "DRC; Congo Kinshasa",
    "COG": "Republic of the Congo; Congo Brazzaville",
    "CPV": "Cape Verde",
    "CZE": "Czech Republic",
    "EGY": "Arab Republic of Egypt",
    "FSM": "Micronesia Fed Sts",
    "GBR": "United Kingdom; Great Britain",
    "HKG": "Hong Kong SAR; Hong Kong SAR China",
    "KGZ": "Kyrgyz Republic",
    "KOR": "South Korea",
    "LAO": "Laos; Lao PDR",
    "MAC": "Macau; Macao SAR; Macao SAR China",
    "MKD": "Macedonia; FYROM; Macedonia FYR; Former Yugoslav Republic of Macedonia; Republic of North Macedonia",
    "MMR": "Burma",
    "NLD": "Holland",
    "NRU": "Naoero",
    "PCN": "Pitcairn Islands",
    "PRK": "North Korea; Dem Rep Korea",
    "PSE": "Palestine; West Bank and Gaza; Palestinian Territories; Occupied Palestinian Territory",
    "RUS": "Russia",
    "SHN": "Saint Helena",
    "SVK": "Slovak Republic",
    "SWZ": "Swaziland",
    "SYR": "Syria",
    "TLS": "East Timor",
    "TUR": "Turkey",
    "TWN": "Chinese Taipei; Taiwan China",
    "USA": "United States",
    "VAT": "Vatican; Vatican City; Holy See Vatican City State",
    "VEN": "Venezuela RB",
    "VIR": "Virgin Islands US; US Virgin Islands; United States Virgin Islands",
    "VNM": "Vietnam",
    "YEM": "Republic of Yemen",
    KOSOVO: "Kosovo",
}
_LEFT_OUT = frozenset({"the", "of", "and"})
_WRITTEN_OUT = {"rep": "republic", "dem": "democratic", "st": "saint", "isl": "islands"}


@dataclass(frozen=True, slots=True)
class Countries:
    """The standard as mappings to alpha-3: from alpha-2, alpha-3, numeric and name, and the name of each."""

    alpha2: Mapping[str, str]
    alpha3: Mapping[str, str]
    numeric: Mapping[str, str]
    names: Mapping[str, str]
    called: Mapping[str, str]


@lru_cache(maxsize=1)
def iso_countries() -> Countries:
    """Read the table of ISO 3166-1 that ships with the package.

    Examples
    --------
    >>> countries = iso_countries()
    >>> len(countries.alpha3), countries.alpha2["NA"], countries.numeric["170"]
    (249, 'NAM', 'COL')
    """
    text = files("impact.validate").joinpath("iso3166.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    names = {name_key(row["name"]): row["alpha3"] for row in rows}
    # Bolivia (Plurinational State of) is called Bolivia; Korea alone, of which there are two, is nobody's name.
    bases = [(name_key(row["name"].split(" (")[0]), row["alpha3"]) for row in rows]
    keys = [key for key, _ in bases]
    names |= {key: a3 for key, a3 in bases if keys.count(key) == 1 and key not in names}
    names |= {name_key(n): a3 for a3, known in _ALIASES.items() for n in known.split(";")}
    return Countries(
        alpha2={row["alpha2"]: row["alpha3"] for row in rows},
        alpha3={row["alpha3"]: row["alpha3"] for row in rows},
        numeric={row["numeric"]: row["alpha3"] for row in rows},
        names=names,
        called={row["alpha3"]: row["name"] for row in rows},
    )


def name_key(name: str) -> str:
    """Reduce a name to what does not vary: words without accents, case, order, points and little words.

    Examples
    --------
    >>> name_key("Congo (Democratic Republic of the)") == name_key("Dem. Rep. of Congo")
    True
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c) and c not in "'’`´")
    words = re.findall(r"[a-z0-9]+", plain)
    return " ".join(sorted(_WRITTEN_OUT.get(w, w) for w in words if w not in _LEFT_OUT))
