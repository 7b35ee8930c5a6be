"""Rows of data of a sheet: which cells can be used, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from impact.core.notice import Notice
from impact.read.found import Found
from impact.read.heading import Heading, Row
from impact.read.spreadsheet import EXACT_DIGITS, Sheet, SheetRow

_CALCULATE = "open the workbook in a spreadsheet program, let it calculate, and save it"


def sheet_body(
    sheet: Sheet,
    rows: Iterator[SheetRow],
    heading: Heading,
    numeric: Collection[str],
    found: Found,
) -> Iterator[Row]:
    """Give the rows of data whose used cells are sound, each with as many cells as the header names.

    Parameters
    ----------
    sheet : Sheet
        The sheet.
    rows : iterator
        Its rows, from the first.
    heading : Heading
        Its header.
    numeric : collection of str
        Canonical names of numbers and dates; in other columns digits and zeros are part of a code.
    found : Found
        Where cells go that cannot be used.

    Yields
    ------
    Row
        Without blank rows.
    """
    used = {place: heading.names[place] for place in heading.places.values()}
    codes = {place for c, place in heading.places.items() if c not in numeric}
    width, last, padded = len(heading.names), heading.row, 0
    unnamed: dict[int, tuple[int, str]] = {}
    for number, cells, odd in rows:
        if number <= heading.row or not (odd or any(map(str.strip, cells))):
            continue
        last = number
        for place, cell in enumerate(cells):
            if cell and (place >= width or not heading.names[place]):
                unnamed.setdefault(place, (number, cell))
        cells = (cells + [""] * (width - len(cells)))[:width]
        good = True
        for place, what, text in odd:
            if place in used:
                if what != "padded":
                    good &= not _note_cell(found, what, number, place, used[place], text, place in codes)  # fmt: skip
                elif place in codes:
                    cells[place], padded = text, padded + 1
        if good and any(map(str.strip, cells)):
            yield number, cells
    _note_unnamed(found, unnamed, heading)
    _note_merged(found, sheet, heading, used, last, set(unnamed))
    _say(sheet, found.file, padded)


def _note_cell(
    found: Found, what: str, row: int, place: int, column: str, text: str, code: bool
) -> bool:
    """Note a cell that cannot be used; say whether it is one."""
    at = f"{letters(place)}{row}"
    if what == "formula":
        found.note("formulas without a value", f"cell {at} holds a formula whose value was never calculated",
                   _CALCULATE, row=row, column=column, value=text or None)  # fmt: skip
    elif what == "error":
        found.note("cells that hold an error", f"cell {at} holds an error instead of a value",
                   "mend its formula, or leave the cell empty if the value is unknown", row=row,
                   column=column, value=text)  # fmt: skip
    elif what == "long":
        found.note("cells that are too long", f"cell {at} has {len(text):,} characters",
                   "shorten it", row=row, column=column, value=text)  # fmt: skip
    elif code:
        found.note("codes whose last digits are lost",
                   f"cell {at} holds a number of more than {EXACT_DIGITS} digits, of which spreadsheet programs "
                   "turn the last ones to zero", "deliver the column as text, from the source", row=row,
                   column=column, value=text)  # fmt: skip
    else:
        return False
    return True


def _note_unnamed(found: Found, unnamed: dict[int, tuple[int, str]], heading: Heading) -> None:
    for place, (row, text) in sorted(unnamed.items()):
        found.note("columns without a name", f"column {letters(place)} holds cells but has no name in row {heading.row}",
                   "name it in the header, or clear it", row=row, value=text)  # fmt: skip


def _note_merged(
    found: Found, sheet: Sheet, heading: Heading, used: dict[int, str], last: int, unnamed: set[int]
) -> None:
    """Only the first of merged cells holds their value: in the header others have no name, below no value."""
    named = {place for place, name in enumerate(heading.names) if name}
    for left, top, right, bottom in sheet.merged:
        places = set(range(left - 1, right))
        where = f"the cells {letters(left - 1)}{top}:{letters(right - 1)}{bottom} are merged"
        if top <= heading.row <= bottom and places & (named | unnamed):
            found.note("merged cells in the header", f"{where} in the header, so that only one column has the name",
                       f"unmerge them, and give each column its name in row {heading.row}",
                       row=heading.row)  # fmt: skip
            continue
        emptied = places if bottom > top else places - {left - 1}
        hit = sorted(emptied & set(used))
        if heading.row < top <= last and hit:
            found.note("merged cells", f"{where}, so that only the first of them holds the value",
                       "unmerge them, and fill in each cell", row=top, column=used[hit[0]])  # fmt: skip


def _say(sheet: Sheet, file: str, padded: int) -> None:
    if sheet.hidden:
        sheet.notices.append(
            Notice("hidden rows were read like the others", file, rows=sheet.hidden)
        )
    if padded:
        said = "numbers that the sheet shows with leading zeros were read as it shows them"
        sheet.notices.append(Notice(said, file, rows=padded))


def letters(place: int) -> str:
    """Name a column as a spreadsheet does.

    Examples
    --------
    >>> letters(0), letters(25), letters(26), letters(16_383)
    ('A', 'Z', 'AA', 'XFD')
    """
    name = ""
    count = place + 1
    while count:
        count, rest = divmod(count - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
