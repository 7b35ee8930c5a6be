"""What a programme says about itself: published claims and budget lines, read under a contract.

Every fault of a file is found in one pass and named by row as a person counts it: the header is
row 1. A figure that a text does not give stays missing.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd

from impact.core.errors import DataError, Fault
from impact.read.claim_phrases import reading_of

KINDS = ("target_vs_achieved", "achievement", "plan", "input", "context")
"""What a claim is: a target with its achievement, one of the two, money put in, background."""

QUALIFIERS = (
    "exact",
    "more_than",
    "at_least",
    "fewer_than",
    "at_most",
    "almost",
    "about",
)
"""How the text bounds its figure."""

READINGS = ("per_cent_of_target", "per_cent_above_target", "per_cent_of", "ratio")
"""What the wording says that a stated percentage or ratio is."""

CLAIM_COLUMNS = (
    "claim_id", "source", "publisher", "phrase", "subject", "indicator", "unit", "period",
    "geography", "programme", "kind", "qualifier", "target", "achieved", "stated_ratio",
    "stated_as", "stated_decimals", "part_of", "numerator", "listed", "basis", "price_base",
    "stage", "estimate", "note",
)  # fmt: skip
"""Columns of a claims file, in order."""

CLAIM_OPTIONAL = (
    "publisher", "stated_as", "part_of", "numerator", "listed", "basis", "price_base", "stage", "estimate", "note",
)  # fmt: skip
"""Columns that a claims file may leave out; they are then empty."""

BUDGET_COLUMNS = (
    "programme", "phase", "line", "source_of_funds", "amount_eur", "share_of_total", "period",
    "geography", "part_of_line", "qualifier", "source", "phrase",
)  # fmt: skip
"""Columns of a budget file, in order."""

BUDGET_OPTIONAL = ("geography", "part_of_line")
"""Columns that a budget file may leave out; they are then empty."""

PHRASE_WORDS = 10
"""Longest quotation, in words: enough to find the place, too short to reprint the text."""

_PLAIN = re.compile(r"-?\d+(\.\d+)?")
_GROUPED = re.compile(r"-?\d{1,3}([.,  ]\d{3})+([.,]\d+)?")
_SLUG = re.compile(r"[a-z0-9_]+")
_PRICES = re.compile(r"\d{4}|current|not said")

_ADDED = ("row", "share_decimals")  # columns that reading adds
_FIGURES = ("target", "achieved", "stated_ratio", "stated_decimals", "stage")
_AMOUNTS = ("amount_eur", "share_of_total", "share_decimals")

Row = Mapping[str, str]


def read_claims(path: str | Path) -> pd.DataFrame:
    """Read a file of published claims.

    Parameters
    ----------
    path : path
        A comma-separated file in UTF-8 with the columns of `CLAIM_COLUMNS`.

    Returns
    -------
    DataFrame
        One row per claim: texts as `str` (empty where the file is), `target`, `achieved`,
        `stated_ratio` and `stated_decimals` as `float64` (missing where the file is empty), and
        `row`, the row of the file as a person counts it.

    Raises
    ------
    DataError
        With every fault of the file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "claims.csv"
    >>> _ = path.write_text("claim_id,source\\njobs,page\\n")
    >>> read_claims(path)
    Traceback (most recent call last):
    ...
    impact.core.errors.DataError: The claims cannot be read.
    ...
    """
    rows, header, name = _cells_of_file(path, "The claims cannot be read.")
    return _claims_frame(rows, header, name)


def check_claims(frame: pd.DataFrame, file: str = "claims") -> pd.DataFrame:
    """Hold a table of claims against the contract of a claims file.

    Parameters
    ----------
    frame : DataFrame
        With the columns of `CLAIM_COLUMNS`; it is not changed.
    file : str
        Name for messages.

    Returns
    -------
    DataFrame
        As `read_claims` returns it.

    Raises
    ------
    DataError
        With every fault of the table.
    """
    rows, header = _cells_of_frame(frame)
    return _claims_frame(rows, header, file)


def read_budget(path: str | Path) -> pd.DataFrame:
    """Read a file of stated amounts and shares.

    Parameters
    ----------
    path : path
        A comma-separated file in UTF-8 with the columns of `BUDGET_COLUMNS`.

    Returns
    -------
    DataFrame
        One row per stated amount, `amount_eur` in euros and `share_of_total` between 0 and 1 as
        `float64` (missing where the file is empty); `share_decimals` is the number of decimals of
        the share *in per cent*, which its rounding window needs; `row` as in `read_claims`.

    Raises
    ------
    DataError
        With every fault of the file.
    """
    rows, header, name = _cells_of_file(path, "The budget cannot be read.")
    return _budget_frame(rows, header, name)


def check_budget(frame: pd.DataFrame, file: str = "budget") -> pd.DataFrame:
    """Hold a table of amounts against the contract of a budget file; see `read_budget`."""
    rows, header = _cells_of_frame(frame)
    return _budget_frame(rows, header, file)


# ---------------------------------------------------------------------------------------- cells


def _cells_of_file(path: str | Path, refused: str) -> tuple[list[dict[str, str]], list[str], str]:
    """Read a comma-separated file as text; faults of its form stop it here."""
    place = Path(path)
    name = str(path)
    try:
        with place.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except FileNotFoundError:
        fault = Fault("there is no such file", "check the path", file=name)
        raise DataError(refused, [fault]) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problem = f"cannot be read as comma-separated UTF-8 text ({error})"
        raise DataError(refused, [Fault(problem, "save it as UTF-8", file=name)]) from None
    if not lines:
        raise DataError(refused, [Fault("the file is empty", "write a header row", file=name)])
    header = [cell.strip() for cell in lines[0]]
    faults = [
        Fault(
            f"expected {len(header)} cells, found {len(line)}",
            "quote cells that hold a comma",
            file=name,
            row=number,
        )
        for number, line in enumerate(lines[1:], start=2)
        if line and len(line) != len(header)
    ]
    if faults:
        raise DataError(refused, faults)
    rows = [
        {"row": str(number), **dict(zip(header, (cell.strip() for cell in line), strict=True))}
        for number, line in enumerate(lines[1:], start=2)
        if line
    ]
    return rows, header, name


def _cells_of_frame(frame: pd.DataFrame) -> tuple[list[dict[str, str]], list[str]]:
    """Write a table as text cells, so that files and tables meet the same contract."""
    header = [str(column) for column in frame.columns if column not in _ADDED]
    numbered = "row" in frame.columns
    rows = []
    for position, record in enumerate(frame.to_dict("records")):
        cells = {str(key): _as_text(value) for key, value in record.items()}
        rows.append({**cells, "row": cells["row"] if numbered else str(position + 2)})
    return rows, header


def _as_text(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float) and math.isfinite(value):
        # A column of whole numbers with gaps is a float column in pandas: 12.0 was written 12.
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    return str(value).strip()


# --------------------------------------------------------------------------------------- checks


class _Contract:
    """Collects the faults of one file, so that all of them are told at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []

    def fault(self, row: Row, column: str, problem: str, remedy: str) -> None:
        self.faults.append(
            Fault(
                problem,
                remedy,
                file=self.file,
                row=int(row["row"]),
                column=column,
                value=row.get(column, ""),
            )
        )

    def table(
        self,
        rows: Sequence[dict[str, str]],
        header: Sequence[str],
        known: Sequence[str],
        optional: Sequence[str],
    ) -> None:
        """Check the header and fill in absent optional columns; a typo is an unknown column."""
        counts = Counter(header)
        for column in known:
            if column not in counts and column not in optional:
                self._header(column, "the column is missing", "add it; cells may be empty")
        for column, count in counts.items():
            if column not in known:
                self._header(column, "the column is not known", f"use {', '.join(known)}")
            elif count > 1:
                self._header(column, "the column stands twice", "keep one")
        if not rows:
            self.faults.append(Fault("no row follows the header", "write one", file=self.file))
        for row in rows:
            for column in optional:
                row.setdefault(column, "")

    def _header(self, column: str, problem: str, remedy: str) -> None:
        self.faults.append(Fault(problem, remedy, file=self.file, row=1, column=column))

    def filled(self, row: Row, columns: Iterable[str]) -> None:
        for column in columns:
            if not row[column]:
                self.fault(row, column, "the cell is empty", f"write the {column}")

    def slug(self, row: Row, columns: Iterable[str]) -> None:
        for column in columns:
            if row[column] and not _SLUG.fullmatch(row[column]):
                self.fault(row, column, "not a slug", "use small letters, digits, underscores")

    def one_of(self, row: Row, column: str, choices: Sequence[str], *, empty: bool = False) -> None:
        if row[column] in choices or (empty and not row[column]):
            return
        self.fault(row, column, "not a known word", f"write one of {', '.join(choices)}")

    def number(self, row: Row, column: str) -> float:
        """The number in a cell, missing if the cell is empty or holds something else."""
        cell = row[column]
        if not cell:
            return math.nan
        if _PLAIN.fullmatch(cell):
            return float(cell)
        if _GROUPED.fullmatch(cell):
            problem, remedy = "thousands are separated", "write digits with a dot for decimals only"
        else:
            problem, remedy = "expected a number", "write digits, or leave the cell empty"
        self.fault(row, column, problem, remedy)
        return math.nan

    def phrase(self, row: Row) -> None:
        words = len(row["phrase"].split())
        if words > PHRASE_WORDS:
            self.fault(
                row,
                "phrase",
                f"the phrase has {words} words",
                f"quote the decisive {PHRASE_WORDS} words at most",
            )

    def unique(self, rows: Sequence[Row], key: Callable[[Row], str], column: str) -> None:
        first: dict[str, Row] = {}
        for row in rows:
            if key(row) and key(row) in first:
                where = first[key(row)]["row"]
                self.fault(row, column, f"already used in row {where}", "make it unique")
            first.setdefault(key(row), row)

    def refuse_if_faulty(self, refused: str) -> None:
        if self.faults:
            raise DataError(refused, sorted(self.faults, key=lambda fault: fault.row or 0))


# --------------------------------------------------------------------------------------- claims


def _claims_frame(rows: list[dict[str, str]], header: list[str], file: str) -> pd.DataFrame:
    refused = "The claims cannot be read."
    contract = _Contract(file)
    contract.table(rows, header, CLAIM_COLUMNS, CLAIM_OPTIONAL)
    contract.refuse_if_faulty(refused)
    numbers = [_check_claim(contract, row) for row in rows]
    contract.unique(rows, lambda row: row["claim_id"], "claim_id")
    known = {row["claim_id"] for row in rows}
    for row in rows:
        _check_links(contract, row, known)
    contract.refuse_if_faulty(refused)
    return _typed(rows, numbers, CLAIM_COLUMNS, _FIGURES)


def _check_claim(contract: _Contract, row: dict[str, str]) -> dict[str, float]:
    needed = ("claim_id", "source", "phrase", "subject", "indicator", "unit")
    contract.filled(row, needed)
    contract.slug(row, ("claim_id", "subject"))
    contract.one_of(row, "kind", KINDS)
    contract.one_of(row, "qualifier", QUALIFIERS)
    if row["stated_ratio"] and not row["stated_as"] and row["kind"] == "target_vs_achieved":
        row["stated_as"] = (
            reading_of(row["phrase"]) or ""
        )  # what the words say, where the file leaves it to them
    contract.one_of(row, "stated_as", READINGS, empty=True)
    contract.phrase(row)
    numbers = {column: contract.number(row, column) for column in _FIGURES}
    for column in ("target", "achieved"):
        if numbers[column] < 0:
            contract.fault(
                row,
                column,
                "a figure below zero",
                "write its size, and name the fall in the indicator",
            )
    if row["price_base"] and not _PRICES.fullmatch(row["price_base"]):
        contract.fault(
            row, "price_base", "not a year of prices", "write a year, current, or leave it empty"
        )
    if numbers["stage"] < 1 or numbers["stage"] % 1 > 0:
        contract.fault(
            row, "stage", "not a place in a funnel", "write 1, 2, 3, ... or leave it empty"
        )
    _check_figures(contract, row)
    _check_ratio(contract, row, numbers["stated_ratio"], numbers["stated_decimals"])
    return numbers


def _check_figures(contract: _Contract, row: Row) -> None:
    """Which figures a claim of each kind must and must not carry."""
    if row["kind"] == "target_vs_achieved":
        for column in ("target", "achieved"):
            if not row[column]:
                contract.fault(row, column, "a target against an achievement needs both figures",
                               "write it, or change the kind")  # fmt: skip
        return
    other = "achieved" if row["kind"] == "plan" else "target"
    if row["kind"] in KINDS and row[other]:
        contract.fault(row, other, f"a claim of the kind {row['kind']} has no such figure",
                       "move it to the other column, or change the kind")  # fmt: skip
    if not any(row[column] for column in ("target", "achieved", "stated_ratio", "listed")):
        contract.fault(row, "achieved", "the claim carries no figure",
                       "write its target, achieved, stated_ratio or listed")  # fmt: skip


def _check_ratio(contract: _Contract, row: Row, ratio: float, decimals: float) -> None:
    if bool(row["stated_ratio"]) != bool(row["stated_as"]):
        contract.fault(row, "stated_as", "a stated ratio and its reading come together",
                       "fill both or neither")  # fmt: skip
    if math.isnan(decimals):
        return
    if decimals not in range(7):
        contract.fault(row, "stated_decimals", "not a count of decimals", "write 0 to 6")
    elif math.isnan(ratio):
        contract.fault(row, "stated_decimals", "there is no ratio", "empty the cell")
    elif round(ratio, int(decimals)) != ratio:
        contract.fault(row, "stated_decimals", f"the ratio {row['stated_ratio']} has more",
                       "count the decimals that the text prints")  # fmt: skip


def _check_links(contract: _Contract, row: Row, known: set[str]) -> None:
    for column in ("part_of", "numerator"):
        if row[column] and row[column] not in known:
            contract.fault(row, column, "no claim has this claim_id", "write one of the file")
        elif row[column] and row[column] == row["claim_id"]:
            contract.fault(row, column, "a claim cannot refer to itself", "name the other claim")


# --------------------------------------------------------------------------------------- budget


def _budget_frame(rows: list[dict[str, str]], header: list[str], file: str) -> pd.DataFrame:
    refused = "The budget cannot be read."
    contract = _Contract(file)
    contract.table(rows, header, BUDGET_COLUMNS, BUDGET_OPTIONAL)
    contract.refuse_if_faulty(refused)
    numbers = [_check_amount(contract, row) for row in rows]
    contract.unique(rows, _budget_key, "line")
    lines = {(row["programme"], row["line"]) for row in rows}
    for row in rows:
        whole = row["part_of_line"]
        if whole and (row["programme"], whole) not in lines:
            contract.fault(row, "part_of_line", "the programme has no such line", "write its line")
        elif whole and whole == row["line"]:
            contract.fault(row, "part_of_line", "a line cannot be part of itself", "empty it")
    contract.refuse_if_faulty(refused)
    return _typed(rows, numbers, BUDGET_COLUMNS, _AMOUNTS)


def _budget_key(row: Row) -> str:
    return " | ".join(row[column] for column in ("programme", "line", "source_of_funds"))


def _check_amount(contract: _Contract, row: Row) -> dict[str, float]:
    contract.filled(row, ("programme", "line", "source_of_funds", "source", "phrase"))
    contract.one_of(row, "qualifier", QUALIFIERS)
    contract.phrase(row)
    amount = contract.number(row, "amount_eur")
    share = contract.number(row, "share_of_total")
    if amount < 0:
        contract.fault(row, "amount_eur", "an amount below zero", "write what was paid in")
    if not (math.isnan(share) or 0 < share <= 1):
        contract.fault(row, "share_of_total", "a share above 0 and up to 1 is expected",
                       "write 0.83 for 83 per cent")  # fmt: skip
    if not row["amount_eur"] and not row["share_of_total"]:
        contract.fault(row, "amount_eur", "neither an amount nor a share", "write what is stated")
    return {
        "amount_eur": amount,
        "share_of_total": share,
        "share_decimals": _share_decimals(row, share),
    }


def _share_decimals(row: Row, share: float) -> float:
    """Decimals that the share prints in per cent; a table that was read once already has them."""
    if math.isnan(share):
        return math.nan
    if row.get("share_decimals"):
        return float(row["share_decimals"])
    # 0.83 stands for 83 per cent, so two of its decimals are not decimals of the percentage.
    return float(max(len(row["share_of_total"].partition(".")[2]) - 2, 0))


def _typed(
    rows: Sequence[Row],
    numbers: Sequence[Mapping[str, float]],
    columns: Sequence[str],
    figures: Sequence[str],
) -> pd.DataFrame:
    """Make the frame: texts as `str`, figures as `float64`, the row of the file last."""
    texts = [column for column in columns if column not in figures]
    data: dict[str, pd.Series] = {
        column: pd.Series([row[column] for row in rows], dtype="str") for column in texts
    }
    for column in figures:
        data[column] = pd.Series([record[column] for record in numbers], dtype="float64")
    data["row"] = pd.Series([int(row["row"]) for row in rows], dtype="int64")
    extra = [column for column in figures if column not in columns]
    return pd.DataFrame(data)[[*columns, *extra, "row"]]
