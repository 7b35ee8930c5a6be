"""The header of a table: where it stands, how it is parted, and which column is which."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from impact.core.errors import Fault

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 10
"""Rows in which a header is looked for."""

_NAME_LIMIT = 200  # a cell of ten megabytes may stand in the header, and a name is printed in full
_ABSENT = {"", "-", "--", ".", "..", "na", "n/a", "nan", "null", "none", "nd", "n.d.", "s/d", "sd", "#n/a"}  # fmt: skip

Row = tuple[int, list[str]]
"""Number as the person counts it, and cells."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns that a study looks for in a table.

    Attributes
    ----------
    columns : mapping of str to str
        Canonical name -> name in the file, where the study maps it.
    canonical : tuple of str
        Every canonical name of the table; an unmapped one is taken from a column that has exactly that name.
    required : collection of str
        Canonical names without which the table is of no use.
    numeric : collection of str
        Canonical names of numbers and dates, whose cells hold digits.
    resolve : callable, optional
        Finds columns by the header of each file, where a layout has several spellings: takes the names and the
        file, gives canonical name -> name in the file. It is called once for each file.
    """

    columns: Mapping[str, str]
    canonical: Sequence[str]
    required: Collection[str]
    numeric: Collection[str] = ()
    resolve: Callable[[Sequence[str], str], Mapping[str, str]] | None = None

    def resolved(self, names: Sequence[str], file: str) -> Wanted:
        """The same, with the columns that a layout finds in a header."""
        if self.resolve is None:
            return self
        return replace(self, columns={**self.columns, **self.resolve(names, file)}, resolve=None)

    def names(self) -> dict[str, str]:
        """Canonical name -> name to look for, blanks made plain."""
        return {c: plain_name(self.columns.get(c, c)) for c in self.canonical}

    def expected(self) -> dict[str, str]:
        """The same, of the columns that must be there: mapped or required."""
        return {c: n for c, n in self.names().items() if c in self.columns or c in self.required}


@dataclass(frozen=True, slots=True)
class Heading:
    """A header that was found.

    Attributes
    ----------
    row : int
        Its row, as the person counts it.
    names : tuple of str
        Names of the columns, blanks made plain; unnamed columns at the end are left out.
    places : dict of str to int
        Canonical name -> position, of the columns that the file has, in the order of the canonical names.
    complete : bool
        Whether every mapped and every required column is there.
    """

    row: int
    names: tuple[str, ...]
    places: dict[str, int]
    complete: bool = True

    def name_of(self, canonical: str) -> str:
        """Give the name that a canonical column has in the file."""
        return self.names[self.places[canonical]]


def plain_name(text: str) -> str:
    """Write a column name on one line without outer blanks and without signs that nobody sees.

    Examples
    --------
    >>> plain_name(chr(0xFEFF) + " Valor" + chr(10) + "FOB ")
    'Valor FOB'
    """
    seen = "".join(c for c in text[: 5 * _NAME_LIMIT] if unicodedata.category(c) != "Cf")
    words = " ".join(seen.split())[:_NAME_LIMIT]
    return words if words.isprintable() else "".join(c if c.isprintable() else "�" for c in words)


def choose_delimiter(
    previews: Mapping[str, Sequence[Row]], wanted: Wanted, header_row: int
) -> str | None:
    """Choose the sign that parts the header into the expected names.

    Parameters
    ----------
    previews : mapping of str to sequence of Row
        First rows of the file, split at each sign.
    wanted : Wanted
        What is expected.
    header_row : int
        Declared row of the header.

    Returns
    -------
    str or None
        The sign under which most expected names are found, in the declared row, or else in another of the first
        rows; failing that the one that makes most cells; None where no sign parts the row.

    Examples
    --------
    >>> wanted = Wanted({"value": "FOB"}, ("firm_id", "value"), ("firm_id",))
    >>> choose_delimiter({",": [(1, ["firm_id;FOB"])], ";": [(1, ["firm_id", "FOB"])]}, wanted, 1)
    ';'
    """

    def rank(sign: str) -> tuple[tuple[int, int], tuple[int, int], int]:
        rows = previews[sign]
        at_row = next((cells for number, cells in rows if number == header_row), [])
        anywhere = max((_hits(cells, wanted) for _, cells in rows), default=(0, 0))
        return _hits(at_row, wanted), anywhere, len(at_row)

    if not previews:
        return None
    best = max(previews, key=rank)  # the first of equals, in the order of DELIMITERS
    _, anywhere, cells = rank(best)
    return best if any(anywhere) or cells > 1 else None


def read_heading(
    rows: Sequence[Row],
    wanted: Wanted,
    header_row: int,
    file: str,
    *,
    given: Sequence[str] = (),
    unnamed_allowed: bool = False,
) -> tuple[Heading | None, list[Fault]]:
    """Find the expected columns in the header.

    Parameters
    ----------
    rows : sequence of Row
        First rows of the file, those above the header among them.
    wanted : Wanted
        What is expected.
    header_row : int
        Row of the header; 0 where the file has none.
    file : str
        The file, for messages.
    given : sequence of str
        Names of a file without a header; where its first row holds most of them, that is a header after all.
    unnamed_allowed : bool
        Whether a column may be without a name, as an empty one of a sheet is.

    Returns
    -------
    Heading or None
        None where nothing below can be understood.
    list of Fault
        A header in another row, names that are missing, doubled or empty, a second header row.
    """
    if not any(any(map(plain_name, cells)) for _, cells in rows):
        return None, [Fault("the file is empty", "deliver it again, with a header row and data", file=file)]  # fmt: skip
    if given and _names_stand_in(rows[0][1], given):
        header_row, given = rows[0][0], ()
    moved = None if given else _header_elsewhere(rows, wanted, header_row, file)
    if moved:
        return None, [moved]
    header = given or next((cells for number, cells in rows if number == header_row), [])
    names = [plain_name(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        return None, [Fault("the row that should hold the column names is empty",
                            "declare header_row = the row that holds them", file=file, row=header_row)]  # fmt: skip
    faults = _bad_names(names, header_row or None, file, unnamed_allowed)
    places, missing = _places(names, wanted.resolved(names, file), header_row or None, file)
    heading = Heading(0 if given else header_row, tuple(names), places, not missing)
    faults += missing
    first = next((row for row in rows if row[0] > header_row and any(map(plain_name, row[1]))), None)  # fmt: skip
    if first and not missing and not given:
        faults += second_header(first, heading, wanted.numeric, file)
    return (heading if places else None), faults


def second_header(first: Row, heading: Heading, numeric: Collection[str], file: str) -> list[Fault]:
    """Say so where the first row of data holds words in every column of numbers and dates.

    Parameters
    ----------
    first : Row
        The first row below the header that is not blank.
    heading : Heading
        The header.
    numeric : collection of str
        Canonical names of numbers and dates.
    file : str
        The file, for messages.

    Examples
    --------
    >>> heading = Heading(1, ("firm_id", "FOB"), {"firm_id": 0, "value": 1})
    >>> print(second_header((2, ["", "US dollars"]), heading, ["value"], "x.csv")[0])
    x.csv, row 2, column 'FOB', value 'US dollars': this looks like a second header row, since no column of ...
    """
    number, cells = first
    told = {
        c: plain_name(cells[heading.places[c]])
        for c in heading.places
        if c in numeric and heading.places[c] < len(cells)
    }
    told = {c: text for c, text in told.items() if text.casefold() not in _ABSENT}
    if not told or any(any(sign.isdigit() for sign in text) for text in told.values()):
        return []
    column, text = next(iter(told.items()))
    return [
        Fault(
            "this looks like a second header row, since no column of numbers or dates holds a digit in it",
            f"delete the row, or declare header_row = {number} if it holds the names",
            file=file,
            row=number,
            column=heading.name_of(column),
            value=text,
        )
    ]


def _hits(cells: Iterable[str], wanted: Wanted) -> tuple[int, int]:
    """Number of names in a row that must be there, and of those that may."""
    names = set(map(plain_name, cells))
    must, may = set(wanted.expected().values()), set(wanted.names().values())
    return len(must & names), len(may & names)


def _names_stand_in(cells: Iterable[str], given: Sequence[str]) -> bool:
    names = set(map(plain_name, cells))
    return 2 * sum(plain_name(name) in names for name in given) > len(given)


def _header_elsewhere(
    rows: Sequence[Row], wanted: Wanted, header_row: int, file: str
) -> Fault | None:
    """The declared row is no header, and another one holds more of the expected names."""
    expected = set(wanted.expected().values())
    which = 0 if expected else 1
    hits = {number: _hits(cells, wanted)[which] for number, cells in rows}
    best = max(hits, key=lambda number: (hits[number], -number))
    if hits[best] < min(2, len(expected) or 2) or hits[best] <= hits.get(header_row, 0):
        return None
    return Fault(
        f"row {header_row} does not hold the column names; row {best} does",
        f"declare header_row = {best}",
        file=file,
        row=header_row,
    )


def _bad_names(
    names: Sequence[str], row: int | None, file: str, unnamed_allowed: bool
) -> list[Fault]:
    faults = []
    for position, name in enumerate(names):
        if not name and unnamed_allowed:
            continue
        if not name:
            faults.append(
                Fault(f"column {position + 1} has no name", "name it", file=file, row=row)
            )
        elif name in names[:position]:
            what = f"columns {names.index(name) + 1} and {position + 1} have the same name"
            faults.append(Fault(what, "rename one", file=file, row=row, column=name))
    return faults


def _places(
    names: Sequence[str], wanted: Wanted, row: int | None, file: str
) -> tuple[dict[str, int], list[Fault]]:
    places, faults = {}, []
    expected = wanted.expected()
    for canonical, name in wanted.names().items():
        if name in names:
            places[canonical] = names.index(name)
        elif canonical in expected:
            faults.append(missing_column(canonical, name, names, row, file))
    return places, faults


def missing_column(
    canonical: str, name: str, names: Sequence[str], row: int | None, file: str
) -> Fault:
    """Say that a column is missing, and which one comes nearest.

    Examples
    --------
    >>> print(missing_column("value", "Valor FOB", ["firma", "valor_fob"], 1, "x.csv"))
    x.csv, row 1, column 'Valor FOB': the column is missing; the study calls it 'value'. To mend: correct its ...
    """
    folded = {n.casefold(): n for n in reversed(names) if n}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.7)
    listed = ", ".join(f"'{n[:40]}'" for n in names[:20]) + (", …" if len(names) > 20 else "")
    hint = f"did you mean '{folded[near[0]]}'?" if near else f"the file has: {listed}"
    where = "the column is missing" + ("" if name == canonical else f"; the study calls it '{canonical}'")  # fmt: skip
    return Fault(where, f"correct its name under columns in study.toml; {hint}", file=file, row=row,
                 column=name)  # fmt: skip
