"""Customs files by themselves, without a study around them: read and checked as a study's are, and left as relations."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pandas as pd

from impact.core.errors import DataError, Fault, collapsed, how_many
from impact.core.ledger import Ledger
from impact.core.money import Money
from impact.core.notice import Notice
from impact.core.rate_tables import code_problem
from impact.engines.duckdb_relations import DuckRelations
from impact.engines.relations import Relations, open_relations
from impact.outcomes.export_years import make_export_years
from impact.read.staging import Staged, stage
from impact.report.intake_rules import (
    Tables,
    customs_columns,
    customs_rules,
    read_tables,
    table_format,
)
from impact.report.option_words import fault_with_options, notices_with_options
from impact.report.study import Study
from impact.validate.coverage import PREFIX_SQL, YEARLY_SQL, coverage_breaks
from impact.validate.customs import (
    CUSTOMS_COLUMNS,
    CUSTOMS_NUMBERS,
    CUSTOMS_REQUIRED,
    CustomsMeaning,
    Shipments,
    join_shipments,
    understand_customs,
)
from impact.validate.reading import Reading, open_reading
from impact.validate.repeats import look_for_repeats

PERIOD = (1900, 2100)
"""Years of a delivery of which nobody says which it should have."""

_GAP = (
    10  # years without a shipment between two with some: a slip in a date, more likely than a gap
)


@dataclass(frozen=True, slots=True)
class OwnCurrency(Money):
    """Amounts that stay in the one currency they stand in; several cannot be added.

    Attributes
    ----------
    seen : list of str
        The currency, once it was met.

    Examples
    --------
    >>> money = OwnCurrency()
    >>> table, faults = money.factors([("USD", 2012), ("EUR", 2012)])
    >>> print(faults[0])
    column 'currency', value 'EUR, USD': amounts stand in several currencies, and cannot be added. To mend: write ...
    """

    seen: list[str] = field(default_factory=list)

    def factors(self, pairs: Iterable[tuple[str, int]]) -> tuple[pd.DataFrame, list[Fault]]:
        """One unit of the currency is one unit, in every year; a second currency is a fault."""
        met = sorted({(str(c), int(y)) for c, y in pairs})
        codes = sorted({c for c, _ in met})
        faults = [Fault(*wrong, column="currency", value=c) for c in codes if (wrong := code_problem(c))]  # fmt: skip
        if len(codes) > 1 and not faults:
            faults.append(Fault(
                "amounts stand in several currencies, and cannot be added",
                'write a study.toml with [customs] and [money]: rates = "rates.csv", and run impact dynamics study.toml; '
                "or deliver the rows of one currency", column="currency", value=", ".join(codes)))  # fmt: skip
        if not self.seen and not faults:
            self.seen.extend(codes)
        known = [] if faults else [(c, y) for c, y in met if c in self.seen]
        frame = pd.DataFrame({
            "currency": pd.Series([c for c, _ in known], dtype="str"),
            "year": pd.Series([y for _, y in known], dtype="int64"),
            "factor": pd.Series([Decimal(1) for _ in known], dtype="object"),
        })  # fmt: skip
        lacking = [Fault("another currency", "", value=c) for c, _ in met if c not in self.seen]
        return frame, faults or lacking


@dataclass(frozen=True, slots=True, eq=False)
class CustomsAlone:
    """What customs files hold, found whole.

    Attributes
    ----------
    relations : Relations
        Holds what `make_export_years` made, for as long as the block lasts.
    ledger : Ledger
    firms : Series
        Identifier -> code.
    products, destinations : Series
        Code -> what it means.
    unit, money : str
        What amounts stand in, and in words how they came to.
    years : list of int
        Those with exports.
    breaks : DataFrame
        Of coverage.
    notices : list of Notice
    ends : (int, int) or None
        The last year and its last month, where dates tell that it is not December.
    """

    relations: Relations
    ledger: Ledger
    firms: pd.Series
    products: pd.Series
    destinations: pd.Series
    unit: str
    money: str
    years: list[int]
    breaks: pd.DataFrame
    notices: list[Notice]
    ends: tuple[int, int] | None = None


@contextmanager
def received_customs(
    study: Study, folder: Path, *, name: str, advice: str = "", options: bool = False, max_memory: str | None = None
) -> Iterator[CustomsAlone]:  # fmt: skip
    """Read, check and sum the customs files of a study.

    Parameters
    ----------
    study : Study
        With [customs]; without exchange rates and price levels, amounts stay in the one currency that they stand in.
    folder : Path
        What file names start from.
    name : str
        What the person calls the delivery.
    advice : str
        Said below the faults: where what a remedy asks for is given.
    options : bool
        Whether remedies name options of the command, and not keys of study.toml.
    max_memory : str, optional
        Instead of the study's own.

    Yields
    ------
    CustomsAlone

    Raises
    ------
    DataError
        With every fault, found in one pass; nothing was computed then.
    """
    memory = max_memory or study.study.max_memory
    tables = read_tables(study, folder)
    own = study.money.rates is None and study.money.base_year is None
    if own:
        tables.money = OwnCurrency()
    found = _Found(list(tables.faults), list(tables.notices))
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="impact-")))
        relations: Relations = stack.enter_context(open_relations("duckdb", max_memory=memory))
        assert isinstance(relations, DuckRelations)
        staged = _staged(study, folder, scratch, relations, found, options)
        if study.study.engine != "duckdb":
            relations = stack.enter_context(open_relations(study.study.engine, max_memory=memory))
        made = _made(study, tables, staged, relations, found)
        if found.faults or made is None:
            faults = collapsed(dict.fromkeys(found.faults))
            faults = [fault_with_options(f) for f in faults] if options else faults
            message = f"{name}: {how_many(faults)} found; nothing was computed and nothing was written.{advice}"
            raise DataError(message, faults)
        yield replace(made, notices=notices_with_options(made.notices)) if options else made


@dataclass(slots=True)
class _Found:
    faults: list[Fault]
    notices: list[Notice]


def _staged(
    study: Study, folder: Path, scratch: Path, duck: DuckRelations, found: _Found, options: bool
) -> Staged:  # fmt: skip
    section = study.customs
    assert section is not None
    staged = stage(
        "customs",
        table_format(section),
        customs_columns(section, found.faults, found.notices),
        canonical=CUSTOMS_COLUMNS,
        required=CUSTOMS_REQUIRED,
        numeric=(*CUSTOMS_NUMBERS, "date", "year", "month"),
        folder=folder,
        scratch=scratch,
        duck=duck,
    )
    found.faults += staged.faults
    found.notices += staged.notices
    if section.currency is not None:
        found.notices += _unmapped_currencies(staged, section.currency, options)
    return staged


_CURRENCY = re.compile(r"curr|moned|moeda|devise|divisa|valuta|w(ä|ae)hrung|^(cur|ccy|mon)$", re.IGNORECASE)  # fmt: skip


def _unmapped_currencies(staged: Staged, declared: str, options: bool) -> list[Notice]:
    """A column that seems to hold currencies and is not read, while one currency is declared for all amounts."""
    found = []
    for file in staged.files:
        read = set(file.headings.values())
        unread = [] if "currency" in file.present else [h for h in file.origin.heading.names if h not in read]  # fmt: skip
        for heading in filter(_CURRENCY.search, unread):
            how = f"--column currency={heading}" if options else "map currency under [customs.columns]"  # fmt: skip
            found.append(Notice(
                f"all amounts are taken to be {declared}, as declared, and this column is not read: if it holds currencies, {how}",
                file=file.name, column=heading))  # fmt: skip
    return found


def _made(
    study: Study, tables: Tables, staged: Staged, relations: Relations, found: _Found
) -> CustomsAlone | None:
    """Understand the codes, join the rows, sum the cells; None where there are faults."""
    section = study.customs
    assert section is not None
    if not staged.files or not set(CUSTOMS_REQUIRED) <= set(staged.present):
        return None
    try:
        reading = open_reading(
            "customs", relations, staged, numbers=CUSTOMS_NUMBERS, droppable=section.drop_unreadable
        )
        rules = customs_rules(study, tables)
        meaning = understand_customs(reading, rules)
        firms = number_firms(relations, meaning.firms["firm_id"].dropna().astype("str"))
        joined = None
        if not reading.faults:
            joined = join_shipments(reading, meaning, rules, tables.money, firms)
        if joined is not None:
            make_export_years(relations, joined.ledger, netted=joined.netted)
            look_for_repeats(reading, "date" if "date" in meaning.dates else "year")
    except DataError as error:  # pages of a Parquet file that turn out to be damaged
        found.faults += error.faults or [Fault(error.message, "deliver the file again")]
        return None
    found.faults += reading.faults
    found.notices += reading.notices
    if joined is None:
        return None
    return _described(study, tables, reading, meaning, joined, firms, found)


def _described(
    study: Study, tables: Tables, reading: Reading, meaning: CustomsMeaning, joined: Shipments, firms: pd.Series, found: _Found
) -> CustomsAlone | None:  # fmt: skip
    relations = reading.relations
    held = relations.frame("SELECT DISTINCT year FROM export_years ORDER BY year")["year"]
    years = [int(y) for y in held]
    if not years:
        found.faults.append(Fault("no shipment is left, so nothing was exported",
                                  "look at the period, the exclusions and the values", file=reading.files()))  # fmt: skip
        return None
    begins, ends = study.study.first_year, study.study.last_year
    assert begins is not None and ends is not None
    period = None if (begins, ends) == PERIOD else (begins, ends)
    if period is None:
        found.faults += _slips(years, reading.files())
    money = tables.money
    if isinstance(money, OwnCurrency):
        unit, words = money.seen[0], f"{money.seen[0]} of each year, as delivered"
    else:
        unit, words = money.column_suffix().upper().replace("_", " "), money.label()
    return CustomsAlone(
        relations, joined.ledger, firms, _coded(joined.products), _coded(joined.destinations), unit, words, years,
        customs_breaks(relations, meaning, period), found.notices, _ends(relations, years[-1]),
    )  # fmt: skip


def _ends(relations: Relations, year: int) -> tuple[int, int] | None:
    month = relations.frame(f"SELECT max(last_month) AS month FROM export_years WHERE year = {year}")["month"].iloc[0]  # fmt: skip
    return (year, int(month)) if pd.notna(month) and month < 12 else None


def _slips(years: Sequence[int], file: str) -> list[Fault]:
    """Years that stand far from all others."""
    return [
        Fault(f"no year between {a} and {b} has a shipment: is one of them a slip?",
              "correct the dates, or declare the period: --first-year and --last-year", file=file, column="date")
        for a, b in pairwise(years) if b - a > _GAP
    ]  # fmt: skip


def _coded(table: pd.DataFrame) -> pd.Series:
    return pd.Series(table["text"].to_numpy(), index=table["code"].to_numpy())


def number_firms(relations: Relations, names: Iterable[str]) -> pd.Series:
    """Number firms in the order of their identifiers: relation `firms(firm, firm_id, linkable)`, and identifier -> code."""
    ordered = sorted(set(names))
    codes = pd.Series(
        range(1, len(ordered) + 1), index=pd.Index(ordered, dtype="str"), dtype="int64"
    )
    relations.put("firm_codes", pd.DataFrame(
        {"firm": codes.to_numpy(), "firm_id": pd.Series(ordered, dtype="str"), "linkable": True}))  # fmt: skip
    relations.make("firms", "SELECT CAST(firm AS INT) AS firm, firm_id, linkable FROM firm_codes")
    return codes


def customs_breaks(
    relations: Relations, meaning: CustomsMeaning, period: tuple[int, int] | None
) -> pd.DataFrame:
    """Breaks of coverage, with the identifiers of firms and the months of shipments.

    Parameters
    ----------
    relations : Relations
        Holds `export_years` and `firms`.
    meaning : CustomsMeaning
        Tells which months occur, where there are dates.
    period : (int, int) or None
        Declared first and last year.
    """
    relations.view("firm_years", "SELECT f.firm_id, e.year, e.cents, e.shipments, e.first_month, e.last_month "
                   "FROM export_years e JOIN firms f ON f.firm = e.firm")  # fmt: skip
    yearly = relations.frame(YEARLY_SQL)
    if "date" in meaning.dates:
        days = meaning.dates["date"]
        months = days.loc[days["reason"] == 0, ["year", "month"]].dropna().drop_duplicates()
        missing = (12 - months.groupby("year").size()).rename("missing_months")
        yearly = yearly.merge(missing, left_on="year", right_index=True, how="left")
    return coverage_breaks(yearly, relations.frame(PREFIX_SQL), period=period)
