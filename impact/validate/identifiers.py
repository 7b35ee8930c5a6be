"""Identifiers of firms: text that is tidied, counted, and never made into a number.

`00123` and `123` are two firms until the study says otherwise. What the study declares (width, zeros, check digit) is done
to all; what only looks wrong (O and 0, I and 1) is never mended here, and serves the diagnosis of linkage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from impact.core.errors import StudyError
from impact.core.notice import Notice
from impact.engines import check_digits
from impact.validate.identifier_text import (
    BLANKS,
    EXACT,
    FLOAT,
    LONGEST,
    PROBLEMS,
    REPAIRS,
    SUSPECT,
    read_identifier,
)
from impact.validate.understood import Understood, misread_table

_NUMBER = "[0-9]+[A-Z]?"  # perhaps with a letter as its check digit
_SURELY_A_TAIL = 10  # texts: ten check digits that are all 0 are an accident of 1 in 10^10
_NO_CHECK_DIGIT = 0.8  # share of invalid numbers; a digit drawn at random is wrong in 10 of 11

Check = Literal["off", "warn", "refuse"]
Misreading = tuple[str, str, str]
Step = tuple[pd.DataFrame, list[Misreading], list[Notice]]


@dataclass(frozen=True, slots=True)
class IdentifierRules:
    """What the study declares about the identifiers of one file.

    Parameters
    ----------
    country : str, optional
        ISO alpha-2; its number of firms is looked up in `impact.engines.check_digits.FIRM_NUMBERS`.
    kind : str, optional
        Another number, as python-stdnum calls it: `co.nit`, `br.cpf`.
    check : {"off", "warn", "refuse"}, optional
        What a wrong check digit does. Default: "warn" where there is a country or a kind, else "off".
    width : int, optional
        Zeros are put in front of shorter numbers, after a check digit was dropped.
    strip_leading_zeros : bool
        Zeros in front of numbers are taken away; before zeros are put in front.
    drop_check_digit : bool
        The last character of every identifier is taken away, after it was tested.
    separators : str
        Characters taken away wherever they stand.

    Raises
    ------
    StudyError
        If a value makes no sense.

    Examples
    --------
    >>> IdentifierRules(country="co").number
    'co.nit'
    >>> IdentifierRules(width=0)
    Traceback (most recent call last):
    ...
    impact.core.errors.StudyError: identifiers.width is 0; declare a number of characters between 1 and 64.
    """

    country: str | None = None
    kind: str | None = None
    check: Check | None = None
    width: int | None = None
    strip_leading_zeros: bool = False
    drop_check_digit: bool = False
    separators: str = " .-/"

    def __post_init__(self) -> None:
        if self.country is not None and not re.fullmatch(r"[A-Za-z]{2}", self.country):
            raise StudyError(
                f"identifiers.country is {self.country!r}; declare two letters, such as 'CO'."
            )
        if self.check not in (None, "off", "warn", "refuse"):
            raise StudyError(
                f"identifiers.check is {self.check!r}; declare 'off', 'warn' or 'refuse'."
            )
        if self.width is not None and not 1 <= self.width <= LONGEST:
            raise StudyError(
                f"identifiers.width is {self.width}; declare a number of characters between 1 and {LONGEST}."
            )
        letters = [c for c in self.separators if c.isalnum()]
        if letters:
            raise StudyError(
                f"identifiers.separators holds {letters[0]!r}; letters and digits are the identifier itself."
            )
        if self.check in ("warn", "refuse") and self.number is None:
            whose = f"; none is known for {self.country.upper()}" if self.country else ""
            raise StudyError(
                f"identifiers.check = {self.check!r} needs identifiers.country or identifiers.kind{whose}."
            )

    @property
    def number(self) -> str | None:
        """The kind of number whose form and check digit are tested, or None."""
        if self.kind is not None:
            return self.kind
        return check_digits.FIRM_NUMBERS.get(self.country.upper()) if self.country else None


def understand_identifiers(
    texts: pd.Series,
    rules: IdentifierRules,
    column: str = "firm_id",
    dropped: Mapping[str, str] | None = None,
) -> Understood:
    """Read the distinct texts of an identifier column.

    Outer blanks are cut in silence. Every other repair is counted in a Notice: one width and script of characters, capitals,
    blanks and separators inside, a spreadsheet's quotation marks, letters that look Latin, and what the rules declare.

    Parameters
    ----------
    texts : Series
        Index = distinct texts as received, values = number of rows.
    rules : IdentifierRules
        What the study declares.
    column : str
        Canonical name of the column.
    dropped : mapping of str to str, optional
        Texts that leave for a reason of the ledger, such as `OTH`; compared without blanks, separators and case. The empty
        text may be one of them.

    Returns
    -------
    Understood
        Its `meaning` holds `text, firm_id, reason`, sorted by text; `firm_id` is missing where there is a reason.

    Raises
    ------
    MissingEngine
        If the study asks for a check of digits and python-stdnum is not installed. Where the check is only the default, a
        Notice says that there was none.
    StudyError
        If python-stdnum does not know the kind of number.

    Notes
    -----
    `123.0` is a number that a table of numbers made decimal, or 123 with the check digit 0. The column decides: ten or more
    such texts and no other decimal are repaired; beside at least as many other decimals, 0 is a check digit; else each is a fault.

    Examples
    --------
    >>> texts = pd.Series({" 900.123-4 ": 2, "0009001": 1, "1.5E+09": 1, "OTH": 7})
    >>> found = understand_identifiers(texts, IdentifierRules(), dropped={"OTH": "firm not named"})
    >>> found.meaning.fillna("").values.tolist()
    [[' 900.123-4 ', '9001234', ''], ['0009001', '0009001', ''], ['OTH', '', 'firm not named']]
    >>> found.misread["text"].tolist()
    ['1.5E+09']
    """
    table = pd.DataFrame(
        {"text": _strings(texts.index.tolist()), "rows": texts.to_numpy("int64")}
    ).sort_values("text", ignore_index=True)
    table["trimmed"] = table["text"].str.strip(BLANKS)
    table["reason"] = _reasons(table["trimmed"], rules, dropped or {})
    gone = table["reason"].notna()
    read, misread, notices = _read(table[~gone], rules, column)
    for step in (_strip_zeros, _test, _drop_check_digit, _pad):
        read, refused, said = step(read, rules, column)
        misread += refused
        notices += said
    notices += [
        *_two_forms(read, column),
        *_merged(read, rules, column),
        *_suspicious(read, column),
    ]
    table = table.assign(firm_id=read["firm_id"].astype("str").reindex(table.index))
    meaning = table.loc[gone | table["firm_id"].notna(), ["text", "firm_id", "reason"]]
    return Understood(column, meaning.reset_index(drop=True), _misread(misread), (), tuple(notices))


def _strings(values: Sequence[str | None]) -> pd.Series:
    """A text column, also where a text cannot be encoded (lone surrogates)."""
    try:
        return pd.Series(values, dtype="str")
    except UnicodeEncodeError:
        return pd.Series(values, dtype=pd.StringDtype("python", na_value=np.nan))


def _said(rows: pd.DataFrame, words: str, column: str) -> list[Notice]:
    """A notice with the number of rows and the first texts, or none where no row is concerned."""
    if rows.empty:
        return []
    examples = tuple(rows["text"].head(3).tolist())
    return [Notice(words, column=column, rows=int(rows["rows"].sum()), examples=examples)]


def _reasons(trimmed: pd.Series, rules: IdentifierRules, dropped: Mapping[str, str]) -> pd.Series:
    """Why rows of a text leave, as the study declares it; missing where they stay."""
    if not dropped:
        return pd.Series(None, index=trimmed.index, dtype="str")
    blank = str.maketrans("", "", BLANKS + rules.separators)

    def key(text: str) -> str:
        return text.upper().translate(blank) if len(text) <= LONGEST else text

    exact = {text.strip(BLANKS): reason for text, reason in dropped.items()}
    close = {key(text): reason for text, reason in exact.items() if key(text) or not text}
    found = [exact.get(text) or close.get(key(text)) for text in trimmed.tolist()]
    return pd.Series(found, index=trimmed.index, dtype="str")


def _read(
    table: pd.DataFrame, rules: IdentifierRules, column: str
) -> tuple[pd.DataFrame, list[Misreading], list[Notice]]:
    """Read every text: the common ones as a column, the odd ones one by one."""
    tails = _tails(table["trimmed"])
    table, repaired = _read_common(table, rules, tails == "cut")
    odd = table.loc[table["firm_id"].isna(), "trimmed"]
    readings = [read_identifier(text, rules.separators, tails) for text in odd.tolist()]
    table.loc[odd.index, "firm_id"] = _strings([firm for firm, _, _ in readings]).set_axis(
        odd.index
    )
    problem = _strings([problem for _, _, problem in readings]).set_axis(odd.index)
    problem = problem[problem != ""]
    misread = [
        (text, *PROBLEMS[why])
        for text, why in zip(table.loc[problem.index, "text"], problem, strict=True)
    ]
    notices: list[Notice] = []
    for repair, words in REPAIRS.items():
        mended = [repair in repairs for _, repairs, _ in readings]
        rows = repaired.get(repair, odd.index[:0]).union(odd.index[mended])
        notices += _said(table.loc[rows], words, column)
    return table.drop(index=problem.index), misread, notices


def _read_common(
    table: pd.DataFrame, rules: IdentifierRules, cut: bool
) -> tuple[pd.DataFrame, dict[str, pd.Index]]:
    """Read texts of plain letters, digits and separators all at once, as `read_identifier` reads them.

    Gives the table with `firm_id`, missing where a text must be read alone, and the rows that each repair touched.
    """
    text = table["trimmed"]
    parts = "".join(c for c in rules.separators if c in " .-/")
    common = text.str.fullmatch(rf"[0-9A-Za-z{re.escape(parts)}]{{1,{LONGEST}}}")
    common &= text.str.contains("[0-9]", regex=True) & text.str.contains("^[0-9A-Za-z]", regex=True)
    capital = text.str.upper()
    firm = capital.str.replace(f"[{re.escape(parts)}]", "", regex=True) if parts else capital
    common &= ~(capital.str.fullmatch(SUSPECT) | firm.str.fullmatch(SUSPECT))
    numbers = text.str.fullmatch("[0-9]{1,15}[.,]0{1,2}") & cut
    firm = firm.where(~numbers, text.str.replace("[.,]0+$", "", regex=True))
    repaired = {
        "capitals": table.index[common & (capital != text)],
        "separators": table.index[common & (firm != capital)],
        "tail": table.index[numbers],
    }
    return table.assign(firm_id=firm.where(common | numbers)), repaired


def _tails(trimmed: pd.Series) -> Literal["ask", "cut", "keep"]:
    """Whether `.0` is what a table of numbers left, or a check digit: what the other decimals say."""
    zeros = int(trimmed.str.fullmatch(FLOAT).sum())
    others = int(trimmed.str.fullmatch("[0-9]+[.,][1-9]").sum())
    if others == 0:
        return "cut" if zeros >= _SURELY_A_TAIL else "ask"
    return "keep" if others >= zeros else "ask"


def _strip_zeros(read: pd.DataFrame, rules: IdentifierRules, column: str) -> Step:
    """Take zeros in front of numbers away, where the study asks for it."""
    if not rules.strip_leading_zeros:
        return read, [], []
    zeros = read["firm_id"].str.fullmatch(f"0+{_NUMBER}")
    bare = read["firm_id"].str.replace(f"^0+({_NUMBER})$", r"\1", regex=True)
    words = "zeros in front of identifiers were taken away, as declared"
    return read.assign(firm_id=bare), [], _said(read[zeros], words, column)


def _test(read: pd.DataFrame, rules: IdentifierRules, column: str) -> Step:
    """Test form and check digit of each number, before any character of it is dropped."""
    kind, check = rules.number, rules.check or "warn"
    if check == "off" or read.empty:
        return read, [], []
    if kind is None:
        words = f"check digits were not tested: no number of firms is known for {rules.country}"
        return read, [], [Notice(words, column=column)] if rules.country else []
    if rules.check is None and not check_digits.is_installed():
        words = "check digits were not tested; that needs pip install 'impact[identifiers]'"
        return read, [], [Notice(words, column=column)]
    width = (rules.width or 0) + (1 if rules.drop_check_digit else 0)
    good = check_digits.valid_numbers(_padded(read["firm_id"], width).tolist(), kind)
    if good.all():
        return read, [], []
    wrong, words = read[~good], _invalid(good, kind)
    if check == "warn":
        return read, [], _said(wrong, words, column)
    problem = f"the identifier is no valid {kind}: its length, form or check digit is wrong"
    remedy = "correct it at the source, or declare identifiers.check = 'warn'"
    refused = [(text, problem, remedy) for text in wrong["text"]]
    return read[good], refused, _said(wrong, words, column)


def _invalid(good: NDArray[np.bool_], kind: str) -> str:
    share = float((~good).mean())
    words = (
        f"{int((~good).sum()):,} of {len(good):,} identifiers ({share:.0%}) are no valid {kind}: wrong length, form or "
        "check digit"
    )
    if share >= _NO_CHECK_DIGIT:
        words += "; if the column holds numbers without their check digit, declare identifiers.check = 'off'"
    return words


def _drop_check_digit(read: pd.DataFrame, rules: IdentifierRules, column: str) -> Step:
    """Take the last character away, where the study asks for it."""
    if not rules.drop_check_digit:
        return read, [], []
    problem = "the identifier has one character, and its check digit is to be dropped"
    remedy = "correct the cell, or declare identifiers.drop_check_digit = false"
    long = read["firm_id"].str.len() > 1
    short = [(text, problem, remedy) for text in read.loc[~long, "text"]]
    rest = read[long]
    words = "the last character of identifiers was dropped as their check digit, as declared"
    dropped = rest.assign(firm_id=rest["firm_id"].str.slice(stop=-1))
    return dropped, short, _said(rest, words, column)


def _pad(read: pd.DataFrame, rules: IdentifierRules, column: str) -> Step:
    """Put zeros in front of numbers up to the declared width."""
    if rules.width is None:
        return read, [], []
    padded = _padded(read["firm_id"], rules.width)
    words = f"zeros were put in front of identifiers up to the declared width {rules.width}"
    said = _said(read[padded != read["firm_id"]], words, column)
    longer = read["firm_id"].str.len() > rules.width
    words = (
        f"identifiers are longer than the declared width {rules.width} and were kept as they are"
    )
    return read.assign(firm_id=padded), [], said + _said(read[longer], words, column)


def _padded(firms: pd.Series, width: int) -> pd.Series:
    return firms.where(~firms.str.fullmatch(_NUMBER), firms.str.rjust(width, "0"))


def _two_forms(read: pd.DataFrame, column: str) -> list[Notice]:
    """Say which numbers occur with and without zeros in front: they stay different firms."""
    firms = read["firm_id"]
    if not firms.str.fullmatch(f"0+{_NUMBER}").any():
        return []
    forms = read.assign(bare=firms.str.lstrip("0"))[firms.str.fullmatch(_NUMBER)]
    forms = forms.drop_duplicates("firm_id")
    forms = forms[forms.duplicated("bare", keep=False)]
    if forms.empty:
        return []
    numbers = sorted(forms["bare"].unique().tolist())
    words = (
        f"{len(numbers):,} number{' occurs' if len(numbers) == 1 else 's occur'} with and without zeros in front and were "
        "kept as different firms; declare identifiers.width or identifiers.strip_leading_zeros if they are one"
    )
    examples = tuple(sorted(forms.loc[forms["bare"] == numbers[0], "firm_id"].tolist()))
    rows = int(read.loc[_among(firms, forms["firm_id"]), "rows"].sum())
    return [Notice(words, column=column, rows=rows, examples=examples)]


def _among(values: pd.Series, known: pd.Series) -> list[bool]:
    """`values.isin(known)`, which takes ten times as long for text in pandas 3."""
    found = set(known.tolist())
    return [value in found for value in values.tolist()]


def _merged(read: pd.DataFrame, rules: IdentifierRules, column: str) -> list[Notice]:
    """Say which identifiers were written in ways that differ by more than case and blanks."""
    again = read[read["firm_id"].duplicated(keep=False)]
    if again.empty:
        return []
    bare = str.maketrans("", "", BLANKS)
    written = [text.upper().translate(bare) for text in again["text"].tolist()]
    ways = again.assign(written=_strings(written).set_axis(again.index))
    ways = ways.drop_duplicates(["firm_id", "written"])
    ways = ways[ways.duplicated("firm_id", keep=False)]
    if ways.empty:
        return []
    firms = sorted(ways["firm_id"].unique().tolist())
    words = (
        f"{len(firms):,} identifier{' was' if len(firms) == 1 else 's were'} written in several ways that became one; "
        f"where these are different firms, {' and '.join(_made_one(ways, rules))}"
    )
    examples = tuple(ways.loc[ways["firm_id"] == firms[0], "text"].tolist())
    rows = int(again.loc[_among(again["firm_id"], ways["firm_id"]), "rows"].sum())
    return [Notice(words, column=column, rows=rows, examples=examples)]


def _made_one(ways: pd.DataFrame, rules: IdentifierRules) -> list[str]:
    """What keeps several ways of writing apart: each step that made ways one, taken in the order of reading."""
    firms, texts = ways["firm_id"].tolist(), ways["written"].tolist()
    apart = len(set(zip(firms, texts, strict=True)))
    parts = str.maketrans("", "", rules.separators)
    zeros = ["identifiers.width"] * (rules.width is not None)
    zeros += ["identifiers.strip_leading_zeros"] * rules.strip_leading_zeros
    steps: list[tuple[bool, Callable[[str], str], str]] = [
        (True, lambda text: text.translate(parts), 'keep the separators: identifiers.separators = ""'),
        (bool(zeros), lambda text: text.lstrip("0"),
         f"keep the zeros in front as they are: leave out {' and '.join(zeros)}"),
        (rules.drop_check_digit, lambda text: text[:-1],
         "keep the last character: identifiers.drop_check_digit = false"),
    ]  # fmt: skip
    found = []
    for declared, step, remedy in steps:
        if declared:
            texts = [step(text) for text in texts]
            left = len(set(zip(firms, texts, strict=True)))
            if left < apart:
                found.append(remedy)
            apart = left
    if apart > len(set(firms)):
        found.append(
            "correct them at the source: letters of another alphabet or width, or a spreadsheet's signs, were read as plain text"
        )
    return found


def _suspicious(read: pd.DataFrame, column: str) -> list[Notice]:
    """Say which identifiers are read as they stand, and yet may be none."""
    firms = read["firm_id"]
    words = "identifiers of one repeated digit were kept; if they stand for unknown firms, declare identifiers.dropped"
    repeated = "|".join(["00+", *(f"{digit}{{5,}}" for digit in "123456789")])
    notices = _said(read[firms.str.fullmatch(repeated)], words, column)
    words = "identifiers of several words look like names; names do not link firms, for they are written in many ways"
    names = read["trimmed"].str.contains(" ", regex=False) & ~firms.str.contains(
        "[0-9]", regex=True
    )
    notices += _said(read[names], words, column)
    long = read[firms.str.fullmatch(f"[0-9]{{{EXACT + 1},}}")]
    beyond = "".join(long["firm_id"].str.slice(EXACT).tolist())
    if len(beyond) >= 3 and not beyond.strip("0"):
        words = (
            f"all identifiers of more than {EXACT} digits end in zeros: a spreadsheet may have rounded them; "
            "export the column as text"
        )
        notices += _said(long, words, column)
    return notices


def _misread(rows: list[Misreading]) -> pd.DataFrame:
    rows = sorted(rows)
    try:
        return misread_table(rows)
    except UnicodeEncodeError:
        columns = zip(("text", "problem", "remedy"), zip(*rows, strict=True), strict=True)
        return pd.DataFrame({name: _strings(cells) for name, cells in columns})
