"""Where to: countries as ISO 3166 alpha-3 codes, since the alpha-2 code of Namibia is NA.

The system of a column is seen from the column as a whole: 850 is the Virgin Islands for ISO and Venezuela for the
customs of Colombia, so that numbers are read as ISO only where nearly all of them are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from impact.core.errors import DataError, Fault
from impact.validate.country_names import OTHER_CODES, iso_countries, name_key
from impact.validate.identifier_text import latin_twin
from impact.validate.meanings import Meanings, by_text, stripped
from impact.validate.understood import Understood

_NEARLY_ALL = 0.8  # of a column's distinct numbers; a quarter of all numbers up to 999 are ISO's
_NUMBER = re.compile(r"(\d{1,3})(?:\.0)?", re.ASCII)
_TABLE = "give it in the table that destination_codes names (columns code, iso; an empty iso lets its rows leave)"


class _Cell(NamedTuple):
    raw: str
    text: str
    rows: int
    system: str
    iso: str | None


def understand_countries(
    texts: pd.Series,
    column: str = "destination",
    *,
    mapping: pd.DataFrame | None = None,
    strict: bool = True,
    empty_allowed: bool = False,
) -> Understood:
    """Understand a column of countries; the part is named as the column.

    Parameters
    ----------
    texts : Series
        Index: distinct texts as received; values: rows.
    column : str
        Canonical name.
    mapping : DataFrame, optional
        Columns `code, iso`: what the file's own codes mean. It comes before the standard; where it holds numbers, no number
        is read by the standard. An empty `iso` lets the rows leave.
    strict : bool
        Whether a text that is no country is misread; else its rows leave with a reason.
    empty_allowed : bool
        Whether an empty cell is missing rather than misread.

    Returns
    -------
    Understood
        Alpha-3 codes; XKX for Kosovo, and ANT, SCG, YUG, SUN, CSK for countries that were divided.

    Raises
    ------
    DataError
        If the mapping gives a code twice with two meanings, or an `iso` that is no code.

    Examples
    --------
    >>> found = understand_countries(pd.Series([5, 2, 1], index=["us", "NA", "EL"]))
    >>> found.meaning["destination"].tolist()
    ['GRC', 'NAM', 'USA']
    """
    own = _own_codes(mapping)
    found = Meanings(column, {column: "str"})
    cells: list[_Cell] = []
    for raw, text, rows in by_text(texts):
        if not text:
            found.empty(raw, empty_allowed)
            continue
        key = _code_key(text)
        if key in own:
            iso = own[key]
            gone = None if iso else f"{column} stands for no country: {_short(text)}"
            found.means(raw, iso or None, reason=gone)
        else:
            cells.append(_Cell(raw, text, rows, *_recognised(text)))
            if cells[-1].iso is None and len(text) <= 3 and not text.upper().isascii():
                cells[-1] = _latin(cells[-1], found)
    cells = _without_foreign_numbers(found, cells, own)
    systems = Counter(c.system for c in cells if c.iso is not None)
    for cell in cells:
        if cell.text.upper() == "NA" and systems["alpha-2"] == 1 and len(systems) > 1:
            found.misread(cell.raw, "NA is Namibia's alpha-2 code, or a missing cell, and no other cell is alpha-2",
                          "write NAM, or leave the cell empty")  # fmt: skip
        elif cell.iso is not None:
            found.means(cell.raw, cell.iso)
            if cell.text.upper() in OTHER_CODES:
                found.noted(OTHER_CODES[cell.text.upper()][1], cell.rows, cell.text)
        elif strict:
            found.misread(cell.raw, _why_unknown(cell, own), f"correct the cell, or {_TABLE}")
        else:
            found.means(cell.raw, None, reason=f"{column} is no known country")
    if len(systems) > 1:
        said = ", ".join(f"{systems[s]} {s}" for s in sorted(systems))
        found.noted(f"codes of several systems stand in one column: {said}", None)
    return found.understood()


def _recognised(text: str) -> tuple[str, str | None]:
    """System and alpha-3 code of a text by itself; a number is settled by its column."""
    iso = iso_countries()
    number = _NUMBER.fullmatch(text)
    if number is not None:
        code = number[1].zfill(3)
        return "numeric", iso.numeric.get(code) or OTHER_CODES.get(code, (None,))[0]
    code = text.upper()
    if len(code) == 2 and text.isascii():
        return "alpha-2", iso.alpha2.get(code) or OTHER_CODES.get(code, (None,))[0]
    if len(code) == 3 and text.isascii():
        known = iso.alpha3.get(code) or OTHER_CODES.get(code, (None,))[0]
        if known is not None:
            return "alpha-3", known
    return "name", iso.names.get(name_key(text)) if len(text) <= 80 else None


def _latin(cell: _Cell, found: Meanings) -> _Cell:
    """Read a code whose letters only look Latin, and say so: the eye cannot tell them apart."""
    system, iso = _recognised(latin_twin(cell.text))
    if iso is None:
        return cell
    found.noted(
        "letters of another alphabet that look Latin were read as Latin ones", cell.rows, cell.text
    )
    return cell._replace(system=system, iso=iso)


def _without_foreign_numbers(
    found: Meanings, cells: list[_Cell], own: Mapping[str, str]
) -> list[_Cell]:
    """Settle whether numbers are ISO's: not where the study has numbers of its own, and else where nearly all are."""
    numbers = [c for c in cells if c.system == "numeric"]
    if not numbers:
        return cells
    if any(key.isdigit() for key in own):
        return [c._replace(iso=None) if c.system == "numeric" else c for c in cells]
    known = [c for c in numbers if c.iso is not None]
    distinct, of_iso = ({int(float(c.text)) for c in group} for group in (numbers, known))
    if len(of_iso) < _NEARLY_ALL * len(distinct):
        strange = max((c for c in numbers if c.iso is None), key=lambda c: (c.rows, c.text))
        found.ask(
            f"{len(of_iso)} of {len(distinct)} numbers are codes of ISO 3166: the column seems to hold another system's codes",
            "give a table with the columns code, iso and name it under destination_codes: whose codes are they?",
            strange.text,
        )
        for cell in numbers:
            found.undecided(cell.raw)
        return [c for c in cells if c.system != "numeric"]
    called = iso_countries().called
    most = sorted(known, key=lambda c: (-c.rows, c.text))[:3]
    found.noted("numbers were read as codes of ISO 3166", sum(c.rows for c in known),
                *(f"{c.text} = {called.get(c.iso or '', c.iso)}" for c in most))  # fmt: skip
    return cells


def _why_unknown(cell: _Cell, own: Mapping[str, str]) -> str:
    if cell.system == "numeric":
        where = "the table of destination_codes" if own else "ISO 3166"
        return f"{where} has no country of this number"
    if cell.text[0] in "=@":
        return "expected a country; this looks like a formula"
    if len(cell.text) <= 3 and latin_twin(cell.text) != cell.text.upper():
        return "no country has this code in ISO 3166; its letters are of another alphabet and only look Latin"
    if len(cell.text) <= 3:
        return "no country has this code in ISO 3166"
    return "expected a country: a code of ISO 3166, or its English name"


def _own_codes(mapping: pd.DataFrame | None) -> dict[str, str]:
    """The study's own codes -> alpha-3, or '' for no country."""
    if mapping is None:
        return {}
    iso = iso_countries()
    valid = {**iso.alpha3, **iso.alpha2, **{c: a3 for c, (a3, _) in OTHER_CODES.items()}}
    own: dict[str, str] = {}
    faults = []
    for row, raw_code, raw_iso in mapping[["code", "iso"]].itertuples(name=None):
        place = row if isinstance(row, int) else None
        wanted = "" if pd.isna(raw_iso) else stripped(str(raw_iso)).upper()
        if wanted and (wanted not in valid or wanted.isdigit()):
            faults.append(Fault("this is no code of ISO 3166", "write the alpha-3 code, such as COL",
                                row=place, column="iso", value=raw_iso))  # fmt: skip
            continue
        meaning = valid[wanted] if wanted else ""
        if own.setdefault(_code_key(stripped(str(raw_code))), meaning) != meaning:
            faults.append(Fault("the code stands here with another country than before", "keep one row",
                                row=place, column="code", value=raw_code))  # fmt: skip
    if faults:
        raise DataError("The table of destination_codes cannot be used.", faults)
    return own


def _code_key(text: str) -> str:
    """A code as it is compared: without case, and numbers without the zeros in front."""
    if len(text) > 80:
        return text
    number = re.fullmatch(r"(\d+)(?:\.0)?", text, re.ASCII)
    return str(int(number[1])) if number else text.casefold()


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
