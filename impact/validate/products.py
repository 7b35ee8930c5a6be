"""What was shipped: codes of the Harmonised System, whole, in one length, and over the years in one nomenclature.

A code is text. A spreadsheet takes the zero of 0901 for nothing, the point of 8471.30 for a decimal point, and some codes
for dates; what can be told is repaired and said, what cannot is asked about or refused with its cause.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from impact.core.errors import DataError, Fault, StudyError
from impact.core.notice import Notice
from impact.validate.meanings import Meanings, by_text, stripped
from impact.validate.month_names import MONTHS
from impact.validate.understood import Understood

HS_REVISIONS: Mapping[int, str] = {
    1988: "HS 1988/92", 1996: "HS 1996", 2002: "HS 2002", 2007: "HS 2007", 2012: "HS 2012",
    2017: "HS 2017", 2022: "HS 2022",
}  # fmt: skip
"""First year of each revision of the Harmonised System; countries may take it up later."""

_PLAIN = re.compile(r"\d{1,10}", re.ASCII)
_NOTATION = re.compile(r"['’`]?\d+(?:[. ]\d+)*['’`]?", re.ASCII)
_FLOAT = re.compile(r"(\d{1,10})\.0", re.ASCII)
_EXPONENT = re.compile(r"\d+(?:[.,]\d+)?e[+-]?\d+", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"(?:\d{1,4}[-/ ])?[^\W\d_]{3,}\.?(?:[-/ ]\d{1,4})?")
_DAY = re.compile(r"\d{1,2}([./ -])\d{1,2}\1\d{4}|(?:19|20)\d{2}([./ -])\d{1,2}\2\d{1,2}", re.ASCII)
_TRUNCATED = (
    "a spreadsheet read the code as a number and cut its last zeros",
    "export the column again as text",
)


def understand_products(
    texts: pd.Series,
    column: str = "product",
    *,
    digits: int = 6,
    restore_zeros: bool = False,
    exclude: Sequence[str] = (),
    empty_allowed: bool = False,
) -> Understood:
    """Understand a column of HS codes, as text of exactly `digits` digits.

    Parameters
    ----------
    texts : Series
        Index: distinct texts as received; values: rows.
    column : str
        Canonical name.
    digits : {2, 4, 6, 8, 10}
        Digits of the study's product line. Longer codes are cut, shorter ones misread.
    restore_zeros : bool
        Whether codes of 1, 3, 5, 7 or 9 digits get the zero back that a spreadsheet took; else the column is asked about.
    exclude : sequence of str
        Beginnings of codes whose rows leave, such as `27`; they come before every check of the code itself.
    empty_allowed : bool
        Whether an empty cell is missing rather than misread.

    Returns
    -------
    Understood
        Part `product`.

    Raises
    ------
    StudyError
        If `digits` is no length of the Harmonised System, or a beginning holds other signs than digits.

    Notes
    -----
    Chapters 00 and 77 do not exist: their codes are misread. Chapters 98 and 99 are each country's own (ships' stores,
    confidential goods): they are kept, and counted in a notice.

    Examples
    --------
    >>> texts = pd.Series([3, 1, 1], index=["0901.11.00", "090111", "2709001000"])
    >>> found = understand_products(texts, exclude=["27"])
    >>> found.meaning["product"].tolist(), found.meaning["reason"].dropna().tolist()
    (['090111', '090111', '270900'], ['product excluded by the study: 27'])
    """
    excluded = _checked(digits, exclude)
    found = Meanings(column, {"product": "str"})
    cells: list[tuple[str, str, str, int]] = []  # as received, stripped, digits, rows
    for raw, text, rows in by_text(texts):
        if not text:
            found.empty(raw, empty_allowed)
            continue
        code = text if _PLAIN.fullmatch(text) else _code_of(text)
        if code is None:
            found.misread(raw, *_why_no_code(text))
            continue
        if code != text:
            found.noted("points, blanks and quotes were taken out of codes", rows, text)
        cells.append((raw, text, code, rows))
    whole = _with_zeros(found, cells, digits, restore_zeros)
    _read_codes(found, _long_enough(found, whole, digits, excluded), digits, excluded)
    return found.understood()


def _checked(digits: int, exclude: Sequence[str]) -> tuple[str, ...]:
    if digits not in (2, 4, 6, 8, 10):
        raise StudyError(f"Products have 2, 4, 6, 8 or 10 digits, not {digits}.")
    for prefix in exclude:
        if not _PLAIN.fullmatch(prefix):
            raise StudyError(f"A product to exclude is the beginning of a code, not '{prefix}'.")
    return tuple(sorted(exclude, key=len, reverse=True))


def _code_of(text: str) -> str | None:
    """Digits of a code in another notation; None where the notation tells that digits are gone."""
    if len(text) > 20:
        return None
    if match := _FLOAT.fullmatch(text):
        return match[1]
    if not _NOTATION.fullmatch(text):
        return None
    first, *more = re.split("[. ]", text.strip("'’`"))
    # 0901.11.00 has pairs behind its points: a single digit there was a pair whose zero a number lost. After a chapter
    # alone (09.01) there are only pairs, since 01.05.2008 is a date.
    pairs = all(len(g) == 2 if len(first) < 3 else len(g) % 2 == 0 for g in more)
    if not pairs or len(first) + sum(map(len, more)) > 10:
        return None
    return "".join([first, *more])


def _why_no_code(text: str) -> tuple[str, str]:
    again = "export the column again as text"
    if len(text) > 80:
        return "expected an HS code", "write 4 to 10 digits"
    if _EXPONENT.fullmatch(text):
        return "a spreadsheet shortened the code, and its last digits are lost", again
    if _DATE.fullmatch(text) and any(w.lower() in MONTHS for w in re.findall(r"[^\W\d_]+", text)):
        return "a spreadsheet made a date of the code", again
    if _DAY.fullmatch(text):
        return "this looks like a date", again
    if text[0] in "=@+":
        return "expected an HS code; this looks like a formula", again
    if text[0] == "#":
        return "expected an HS code; this is an error of a spreadsheet", again
    if re.fullmatch(r"\d+", text, re.ASCII):
        return "the code has more than 10 digits", "map the column of the HS code"
    if _NOTATION.fullmatch(text) and len(re.sub(r"\D", "", text)) <= 10:
        return _TRUNCATED
    if re.search(r"[^\W\d_]", text):
        return "an HS code has no letters", "write 4 to 10 digits, or drop the row"
    return "expected an HS code", "write 4 to 10 digits"


def _with_zeros(
    found: Meanings, cells: list[tuple[str, str, str, int]], digits: int, restore: bool
) -> list[tuple[str, str, str, int]]:
    """Put back the leading zero of codes of odd length, or ask; every other code as it is."""
    whole, open_ = [], []
    for raw, text, code, rows in cells:
        if len(code) % 2 == 0:
            whole.append((raw, text, code, rows))
        elif code[0] == "0":  # a zero stands in front already: some other digit is missing
            found.misread(raw, f"the code has {len(code)} digits, and HS codes come in pairs",
                          "correct the code")  # fmt: skip
        elif restore or len(code) + 1 < digits:
            whole.append((raw, text, "0" + code, rows))
            if restore:
                found.noted("the leading zero of codes was put back", rows, text)
        else:
            open_.append((raw, code, rows))
    if open_:
        rows = sum(n for _, _, n in open_)
        _, code, _ = open_[0]
        found.ask(
            f"{rows:,} rows have codes with an odd number of digits: a spreadsheet seems to have lost the leading zero "
            f"(0{code})",
            "declare restore_leading_zeros = true, or export the column again as text",
            code,
        )
        for raw, _, _ in open_:
            found.undecided(raw)
    return whole


def _long_enough(
    found: Meanings, cells: list[tuple[str, str, str, int]], digits: int, excluded: tuple[str, ...]
) -> list[tuple[str, str, str, int]]:
    """Take out the codes that are shorter than the study's; where they are the most, ask once."""
    short = [c for c in cells if len(c[2]) < digits and not c[2].startswith(excluded)]
    if not short:
        return cells
    gone = {raw for raw, _, _, _ in short}
    rows, most = sum(c[3] for c in short), sum(c[3] for c in cells)
    longest = max(len(c[2]) for c in short)
    remedy = f"declare product_digits = {longest}, or deliver longer codes"
    if 2 * rows > most:
        found.ask(f"most codes have at most {longest} digits, and the study's products have {digits}",
                  remedy, short[0][1])  # fmt: skip
    for raw, text, code, _ in short:
        if 2 * rows > most:
            found.undecided(raw)
        else:
            length = len(re.sub("[^0-9]", "", text))
            found.misread(raw, f"the code has {length} digits, and the study's products have {digits}",
                          f"declare product_digits = {len(code)}, or correct the code")  # fmt: skip
    return [c for c in cells if c[0] not in gone]


def _read_codes(
    found: Meanings, cells: list[tuple[str, str, str, int]], digits: int, excluded: tuple[str, ...]
) -> None:
    for raw, text, code, rows in cells:
        product = code[:digits] if len(code) >= digits else None
        prefix = next((p for p in excluded if code.startswith(p)), None)
        if prefix is not None:
            found.means(raw, product, reason=f"product excluded by the study: {prefix}")
        elif code[:2] in ("00", "77"):
            found.misread(raw, f"the Harmonised System has no chapter {code[:2]}",
                          f'correct the code, or declare exclude_products = ["{code[:2]}"]')  # fmt: skip
        else:
            found.means(raw, product)
            if code.startswith("9999"):
                found.noted("codes 9999 stand for confidential or unspecified goods; they are kept", rows, text)  # fmt: skip
            elif code[:2] in ("98", "99"):
                found.noted("codes of chapters 98 and 99 are each country's own; they are kept", rows, text)  # fmt: skip


def concordance_families(table: pd.DataFrame, *, digits: int = 6) -> pd.DataFrame:
    """Families of codes that a concordance links, directly or through other codes.

    Parameters
    ----------
    table : DataFrame
        Columns `from_code`, `to_code`: text.
    digits : int
        Digits of the study's products; every code of the table has as many.

    Returns
    -------
    DataFrame
        `product, family`: each code of the table once, and the smallest code of its family, in the order of codes.

    Raises
    ------
    DataError
        If a code is no text of `digits` digits; all such codes at once.

    Examples
    --------
    >>> table = pd.DataFrame({"from_code": ["852520", "852520"], "to_code": ["851712", "852560"]})
    >>> concordance_families(table)["family"].unique().tolist()
    ['851712']
    """
    sides = [table[name].map(lambda c: stripped(str(c))) for name in ("from_code", "to_code")]
    faults = []
    for side, cells in zip(("from_code", "to_code"), sides, strict=True):
        bad = sorted({c for c in cells if not re.fullmatch(rf"[0-9]{{{digits}}}", c)})
        faults += [Fault(f"a code of the concordance has {digits} digits, as the study's products",
                         "write it as text, zeros in front", column=side, value=c) for c in bad]  # fmt: skip
    if faults:
        raise DataError("The concordance cannot be used.", faults)
    codes = sorted({*sides[0], *sides[1]})
    place = {code: i for i, code in enumerate(codes)}
    rows, columns = (cells.map(place).to_numpy(dtype="int64") for cells in sides)
    links = coo_array((np.ones(len(rows), dtype="int8"), (rows, columns)), shape=(len(codes),) * 2)
    _, label = connected_components(links, directed=False) if codes else (0, np.empty(0, int))
    smallest: dict[int, str] = {}
    for code, group in zip(codes, label.tolist(), strict=True):
        smallest.setdefault(group, code)  # codes come in their order
    families = [smallest[group] for group in label.tolist()]
    return pd.DataFrame({"product": codes, "family": families}, dtype="str")


def consolidate(understood: Understood, families: pd.DataFrame) -> Understood:
    """Put each product in its family; a code that the concordance does not know stays as it is.

    Parameters
    ----------
    understood : Understood
        Of `understand_products`.
    families : DataFrame
        Of `concordance_families`.

    Examples
    --------
    >>> found = understand_products(pd.Series([1, 1], index=["852520", "090111"]))
    >>> families = pd.DataFrame({"product": ["852520"], "family": ["851712"]})
    >>> consolidate(found, families).meaning["product"].tolist()
    ['090111', '851712']
    """
    family = dict(zip(families["product"], families["family"], strict=True))
    meaning = understood.meaning.copy()
    before = meaning["product"]
    known = before.isin(list(family))
    meaning["product"] = before.map(lambda c: family.get(c, c), na_action="ignore").astype(
        before.dtype
    )
    used = before[known].nunique(), meaning["product"][known].nunique()
    notices = list(understood.notices)
    if used[0]:
        notices.append(Notice(f"{used[0]:,} codes were put in {used[1]:,} families by the concordance",
                              column=understood.column))  # fmt: skip
    strange = sorted(before[~known & before.notna() & meaning["reason"].isna()].unique())
    if strange:
        notices.append(
            Notice(f"{len(strange):,} codes are not in the concordance and stay as they are",
                   column=understood.column, examples=tuple(strange[:3]))
        )  # fmt: skip
    return replace(understood, meaning=meaning, notices=tuple(notices))


def vintage_births(
    first_year_by_product: pd.DataFrame, vintages: Mapping[int, str]
) -> Notice | None:
    """Say how many codes appear first in a year in which the nomenclature changed.

    Parameters
    ----------
    first_year_by_product : DataFrame
        `product, first_year, firms`: the year in which a code is first shipped, and the firms that shipped it then.
    vintages : mapping of int to str
        First year of each declared nomenclature and its name, such as `HS_REVISIONS`.

    Returns
    -------
    Notice or None
        None where no nomenclature begins after the first year of the data and up to the last.

    Examples
    --------
    >>> births = pd.DataFrame({"product": ["1", "2", "3", "4"], "first_year": [2010, 2011, 2012, 2012],
    ...                        "firms": [5, 1, 2, 3]})
    >>> print(vintage_births(births, {2012: "HS 2012"}))
    column 'product': no concordance is given, and a new nomenclature makes new codes of old products: 2 codes (5 firms)
    appear first in 2012, when HS 2012 begins, against 1 in other years (median).
    """
    births: dict[int, int] = defaultdict(int)
    firms: dict[int, int] = defaultdict(int)
    for year, count in first_year_by_product[["first_year", "firms"]].itertuples(index=False):
        births[int(year)] += 1
        firms[int(year)] += int(count)
    if not births:
        return None
    first, last = min(births), max(births)
    changes = sorted(y for y in vintages if first < y <= last)
    if not changes:
        return None
    others = [births[y] for y in range(first + 1, last + 1) if y not in changes]
    usual = f", against {np.median(others):,.0f} in other years (median)" if others else ""
    said = ", ".join(
        f"{births[y]:,} codes ({firms[y]:,} firms) appear first in {y}, when {vintages[y]} begins" for y in changes
    )  # fmt: skip
    return Notice(
        "no concordance is given, and a new nomenclature makes new codes of old products: "
        f"{said}{usual}",
        column="product",
    )
