"""The firm register: one row per firm and year, its amounts in euros, its years of life."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import pandas as pd

from impact.core.errors import Fault
from impact.core.ledger import Ledger
from impact.core.money import Money
from impact.core.notice import Notice
from impact.validate.amounts import (
    amount_expression,
    amount_faults,
    cents_per_unit,
    converted,
    own_expression,
)
from impact.validate.choices import understand_flags, understand_text
from impact.validate.dates import understand_years
from impact.validate.identifiers import IdentifierRules, understand_identifiers
from impact.validate.numbers import NumberFormat
from impact.validate.reading import SHOWN, Reading

MONTHS = tuple(f"employees_{m:02d}" for m in range(1, 13))
"""Monthly employment, where a register has it."""

REGISTER_COLUMNS = (
    "firm_id", "year", "employees", "sales", "wages", "exports", "currency", "sector", "region", "country",
    "birth_year", "size_class", "women_led", *MONTHS,
)  # fmt: skip
REGISTER_REQUIRED = ("firm_id", "year")
REGISTER_NUMBERS = ("employees", "sales", "wages", "exports", *MONTHS)
WORDS = ("sector", "region", "country", "size_class")
MONEY = ("sales", "wages", "exports")


@dataclass(frozen=True, slots=True, eq=False)
class RegisterRules:
    """What the study declares about its register.

    Attributes
    ----------
    first_year, last_year : int
        Rows outside leave, counted.
    employment : {"headcount", "fte"}, optional
        What `employees` counts; asked for where there is such a column.
    currency : str, optional
        Of sales and wages, where there is no column.
    absent : {"unobserved", "inactive"}
        What a firm-year without a row means, once the firm was seen: nothing is known, or (in a register of
        all firms) the firm was not active.
    """

    first_year: int
    last_year: int
    employment: Literal["headcount", "fte"] | None = None
    currency: str | None = None
    absent: Literal["unobserved", "inactive"] = "unobserved"
    numbers: NumberFormat = field(default_factory=NumberFormat)
    identifiers: IdentifierRules = field(default_factory=IdentifierRules)


@dataclass(frozen=True, slots=True, eq=False)
class RegisterMeaning:
    """What the codes of the register mean."""

    firms: pd.DataFrame
    years: pd.DataFrame
    words: dict[str, pd.DataFrame]
    flags: pd.DataFrame | None
    births: pd.DataFrame | None


def understand_register(reading: Reading, rules: RegisterRules) -> RegisterMeaning:
    """Understand every code of the register; faults gather in `reading`."""
    firms = reading.read("firm_id", lambda t: understand_identifiers(t, rules.identifiers))
    years = reading.read("year", understand_years)
    outside = (years["year"] < rules.first_year) | (years["year"] > rules.last_year)
    outside = outside.fillna(False) & (years["reason"] == 0)
    if outside.any():
        years.loc[outside, "reason"] = reading.reason(
            f"register: outside the declared period {rules.first_year}-{rules.last_year}"
        )
    words = {c: reading.read(c, partial(understand_text, column=c)) for c in WORDS if reading.has(c)}  # fmt: skip
    flags = (
        reading.read("women_led", partial(understand_flags, column="women_led"))
        if reading.has("women_led")
        else None
    )
    births = None
    if reading.has("birth_year"):
        births = reading.read(
            "birth_year",
            partial(understand_years, column="birth_year", earliest=1200, empty_allowed=True),
        )
    for column in REGISTER_NUMBERS:
        if reading.has(column):
            reading.amounts(column, partial(
                amount_faults, column=column, numbers=rules.numbers, empty_allowed=True,
                negative_allowed=column in _MAY_BE_NEGATIVE,
            ))  # fmt: skip
    for column in _MAY_BE_NEGATIVE:
        if reading.has(column) and not reading.faults:
            _note_negative(reading, column, rules)
    if rules.employment is None and any(reading.has(c) for c in ("employees", *MONTHS)):
        reading.faults.append(Fault("does employment count heads or full-time equivalents?",
                                    'declare employment = "headcount" or "fte" under [register]',
                                    file=reading.files(), column="employees"))  # fmt: skip
    return RegisterMeaning(firms, years, words, flags, births)


_MAY_BE_NEGATIVE = ("sales", "wages")
"""Returns and corrections exceed the sales of some years; no firm exports less than nothing."""


def _note_negative(reading: Reading, column: str, rules: RegisterRules) -> None:
    amount = amount_expression(column, reading.types[column], rules.numbers)
    found = reading.relations.frame(
        f"SELECT count(*) AS n, CAST(min(CAST({amount} AS DECIMAL(24,2))) AS STRING) AS least "
        f"FROM {reading.kept().relation} WHERE {amount} < 0"
    ).iloc[0]
    if found["n"]:
        reading.notices.append(Notice("amounts below zero are kept; are they corrections?", file=reading.files(),
                                      column=column, rows=int(found["n"]), examples=(str(found["least"]),)))  # fmt: skip


def join_register(
    reading: Reading,
    meaning: RegisterMeaning,
    rules: RegisterRules,
    money: Money,
    firms: pd.Series,
) -> Ledger | None:
    """Join rows to meanings: relation `register_years`, one row per firm and year.

    Columns: `firm INT, year INT, employees DOUBLE, sales_cents, wages_cents, exports_cents BIGINT, sector, region, country,
    size_class STRING, women_led BOOLEAN, birth_year INT`; a column that the file lacks is missing throughout.

    Returns
    -------
    Ledger or None
        None where there are faults: firm-years that stand twice, money without a rate.
    """
    relations = reading.relations
    firm_map = meaning.firms.assign(firm=meaning.firms["firm_id"].map(firms).astype("Int64"))
    reading.put_map("firm_id", firm_map[["text", "firm", "reason"]])
    reading.put_map("year", meaning.years[["text", "year", "reason"]])
    joins = [
        f"JOIN register_firm_id_map f ON {reading.key('firm_id')} = f.raw",
        f"JOIN register_year_map t ON {reading.key('year')} = t.raw",
    ]
    picked = ["f.firm AS firm", "CAST(t.year AS INT) AS year"]
    codes = ["f.reason", "t.reason"]
    for column, found in _maps(meaning).items():
        reading.put_map(column, found[["text", column, "reason"]])
        joins.append(
            f"JOIN register_{column}_map m_{column} ON {reading.key(column)} = m_{column}.raw"
        )
        picked.append(f"m_{column}.{column} AS {column}")
        codes.append(f"m_{column}.reason")
    picked += [
        f"CAST(NULL AS {sql}) AS {c}" for c, sql in _TYPES.items() if c not in _maps(meaning)
    ]
    picked += _amounts(reading, rules)
    joins += _factors(reading, meaning, rules, money)
    if reading.faults:
        return None
    way_out = " ".join(f"WHEN {c} > 0 THEN {c}" for c in codes)
    amounts = {f"{c}_own": f"{c}_cents" for c in MONEY if reading.has(c)}
    if amounts:
        picked.append("k.factor AS factor")
    query = (
        f"SELECT {', '.join(picked)}, CASE {way_out} ELSE 0 END AS reason "
        f"FROM {reading.relation} r {' '.join(joins)}"
    )
    relations.make("register_rows", converted(query, amounts) if amounts else query)
    _refuse_doubles(reading)
    if reading.faults:
        return None
    relations.view("register_years", "SELECT * FROM register_rows WHERE reason = 0")
    return _ledger(reading)


_TYPES = dict.fromkeys(WORDS, "STRING") | {"women_led": "BOOLEAN", "birth_year": "INT"}


def _maps(meaning: RegisterMeaning) -> dict[str, pd.DataFrame]:
    found = dict(meaning.words)
    if meaning.flags is not None:
        found["women_led"] = meaning.flags
    if meaning.births is not None:
        found["birth_year"] = meaning.births
    return found


def _amounts(reading: Reading, rules: RegisterRules) -> list[str]:
    """The SQL of employment, and of sales and wages in euro cents."""
    monthly = [m for m in MONTHS if reading.has(m)]
    if monthly and not reading.has("employees"):
        values = [_double(reading, m, rules) for m in monthly]
        counted = " + ".join(f"CASE WHEN {v} IS NULL THEN 0 ELSE 1 END" for v in values)
        total = " + ".join(f"coalesce({v}, 0)" for v in values)
        # The year's average over the months that are known; months without a figure are not zero.
        employees = f"({total}) / nullif({counted}, 0)"
        reading.notices.append(Notice("employment is the average of the months that are known",
                                      file=reading.files(), column="employees"))  # fmt: skip
    elif reading.has("employees"):
        employees = _double(reading, "employees", rules)
    else:
        employees = "CAST(NULL AS DOUBLE)"
    picked = [f"{employees} AS employees"]
    for column in MONEY:
        if reading.has(column):
            own = own_expression(f"r.{column}", reading.types[column], rules.numbers)
            picked.append(f"{own} AS {column}_own")
        else:
            picked.append(f"CAST(NULL AS BIGINT) AS {column}_cents")
    return picked


def _double(reading: Reading, column: str, rules: RegisterRules) -> str:
    exact = amount_expression(f"r.{column}", reading.types[column], rules.numbers)
    return (
        exact if reading.types[column] == "double" else f"CAST(CAST({exact} AS STRING) AS DOUBLE)"
    )


def _factors(
    reading: Reading, meaning: RegisterMeaning, rules: RegisterRules, money: Money
) -> list[str]:
    """Join to euros per unit of currency and year, where the register holds money."""
    if not any(reading.has(c) for c in MONEY):
        return []
    column = reading.has("currency")
    if not column and rules.currency is None:
        reading.faults.append(Fault("sales, wages or exports have no currency",
                                    'declare currency = "USD" under [register], or map the column',
                                    file=reading.files(), column="currency"))  # fmt: skip
        return []
    known = meaning.years.loc[meaning.years["reason"] == 0, "year"].dropna().astype(int).unique()
    if column:
        texts = reading.kept_texts("currency").index.tolist()
        codes = {t: t.strip().upper() or rules.currency for t in texts}
    else:
        codes = {"": rules.currency}
    empty = [t for t, c in codes.items() if not c]
    if empty:
        reading.faults += reading.rows_with("currency", empty, lambda _: (
            "the currency is missing", 'fill it in, or declare currency = "USD" for empty cells'))  # fmt: skip
        return []
    pairs = sorted({(str(c), int(y)) for c in codes.values() for y in known})
    table, faults = money.factors(pairs)
    reading.faults += faults
    if faults:
        return []
    texts_codes = pd.DataFrame({"raw": list(codes), "code": list(codes.values())})
    joined = texts_codes.merge(table, left_on="code", right_on="currency")
    reading.relations.put("register_factor_texts", pd.DataFrame(
        {"raw": joined["raw"].astype("str"), "year": joined["year"].astype("int64"),
         "factor_text": [cents_per_unit(f) for f in joined["factor"]]}))  # fmt: skip
    reading.relations.make(
        "register_factors",
        "SELECT raw, year, CAST(factor_text AS DECIMAL(19,13)) AS factor FROM register_factor_texts",
    )
    raw = "coalesce(r.currency, '')" if column else "''"
    return [f"LEFT JOIN register_factors k ON k.raw = {raw} AND k.year = t.year"]


def _refuse_doubles(reading: Reading) -> None:
    """Firm-years that stand twice: which row is true is not for us to choose."""
    twice = reading.relations.frame(
        "SELECT firm, year, count(*) AS n FROM register_rows WHERE reason = 0 GROUP BY firm, year "
        "HAVING count(*) > 1 ORDER BY firm, year"
    )
    if twice.empty:
        return
    reading.faults += _later_rows(reading, twice.head(SHOWN))
    if len(twice) > SHOWN:
        reading.faults.append(Fault(f"{len(twice) - SHOWN:,} more firm-years stand more than once",
                                    "keep one row per firm and year", file=reading.files(),
                                    count=len(twice) - SHOWN))  # fmt: skip


def _later_rows(reading: Reading, twice: pd.DataFrame) -> list[Fault]:
    """A fault for each row of a firm-year but its first; a firm and a year may be written in several ways."""
    reading.relations.put("register_twice", twice.astype("int64"))
    written = reading.relations.frame(
        "SELECT DISTINCT w.firm, w.year, w.n, coalesce(CAST(r.firm_id AS STRING), '') AS text, "
        "coalesce(CAST(r.year AS STRING), '') AS year_text "
        f"FROM {reading.relation} r JOIN register_firm_id_map f ON {reading.key('firm_id')} = f.raw "
        f"JOIN register_year_map t ON {reading.key('year')} = t.raw "
        "JOIN register_twice w ON w.firm = f.firm AND w.year = t.year WHERE f.reason = 0 AND t.reason = 0"
    )
    meant = {(x.text, x.year_text): (x.firm, x.year, x.n) for x in written.itertuples(index=False)}
    first: dict[tuple[int, int, int], str] = {}
    faults = []
    for file, row, (text, year_text) in reading.rows_holding(("firm_id", "year"), set(meant)):
        key = meant[text, year_text]
        if key not in first:
            first[key] = f"row {row}" if len(reading.staged.files) == 1 else f"row {row} of {file}"
            continue
        faults.append(Fault(f"the firm-year {text.strip()}, {key[1]} stands {key[2]} times, first in {first[key]}",
                            "keep one row per firm and year", file=file, row=row,
                            column=reading.heading("firm_id"), value=text))  # fmt: skip
    return faults


def _ledger(reading: Reading) -> Ledger:
    found = reading.relations.frame(
        "SELECT reason, count(*) AS n FROM register_rows GROUP BY reason ORDER BY reason"
    ).set_index("reason")["n"]
    received = int(
        reading.relations.frame(f"SELECT count(*) AS n FROM {reading.relation}")["n"].iloc[0]
    )
    ledger = Ledger.opened("register", received)
    for code, words in enumerate(reading.reasons, 1):
        ledger = ledger.dropped(words, int(found.get(code, 0)))
    return ledger
