"""The budget: what was committed and disbursed, by programme, year, line and source of funds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from impact.core.errors import Fault
from impact.core.ledger import Ledger
from impact.core.money import Money, to_cents
from impact.validate.amounts import amount_faults, amount_of
from impact.validate.choices import understand_text
from impact.validate.dates import understand_years
from impact.validate.numbers import NumberFormat
from impact.validate.reading import Reading

BUDGET_COLUMNS = ("programme", "year", "line", "source", "committed", "disbursed", "currency")
BUDGET_REQUIRED = ("year", "line", "source")
BUDGET_NUMBERS = ("committed", "disbursed")


@dataclass(frozen=True, slots=True, eq=False)
class BudgetRules:
    """What the study declares about its budget."""

    currency: str | None = None
    numbers: NumberFormat = field(default_factory=NumberFormat)


@dataclass(frozen=True, slots=True, eq=False)
class Budget:
    """Budget lines in euro cents: `programme, year, line, source, committed_cents, disbursed_cents`."""

    lines: pd.DataFrame
    ledger: Ledger


def read_budget_lines(reading: Reading, rules: BudgetRules, money: Money) -> Budget | None:
    """Understand the budget; None where there are faults.

    Amounts are euros of the study's price base. The ledger counts what was disbursed where the file says so,
    else what was committed.
    """
    rows = reading.rows()
    made = pd.DataFrame(index=rows.index)
    for column in ("programme", "line", "source"):
        if reading.has(column):
            found = reading.read(column, partial(understand_text, column=column))
            made[column] = (
                rows[column].astype("str").map(found.set_index("text")[column]).to_numpy()
            )
    years = reading.read("year", understand_years).set_index("text")["year"]
    made["year"] = rows["year"].astype("str").map(years).astype("Int64")
    amounts = [c for c in BUDGET_NUMBERS if reading.has(c)]
    if not amounts:
        reading.faults.append(Fault("the budget has neither committed nor disbursed amounts",
                                    "map one of them under [budget.columns]", file=reading.files()))  # fmt: skip
    for column in amounts:
        reading.faults += amount_faults(reading, column, rules.numbers, empty_allowed=True)
    codes = _currencies(reading, rows, rules)
    if reading.faults or codes is None:
        return None
    pairs = sorted({(c, int(y)) for c, y in zip(codes, made["year"], strict=True)})
    table, faults = money.factors(pairs)
    reading.faults += faults
    if faults:
        return None
    factor = {
        (c, y): f for c, y, f in table[["currency", "year", "factor"]].itertuples(index=False)
    }
    for column in amounts:
        written = rules.numbers if reading.types[column] == "text" else NumberFormat()
        numbers = [amount_of(cell, written) for cell in rows[column]]
        cents = [pd.NA if n is None else to_cents(n, factor[c, int(y)])
                 for n, c, y in zip(numbers, codes, made["year"], strict=True)]  # fmt: skip
        made[f"{column}_cents"] = pd.array(cents, "Int64")
    counted = "disbursed_cents" if "disbursed_cents" in made else "committed_cents"
    ledger = Ledger.opened("budget", len(made), cents=int(made[counted].fillna(0).sum()))
    return Budget(made, ledger)


def _currencies(reading: Reading, rows: pd.DataFrame, rules: BudgetRules) -> list[str] | None:
    if not reading.has("currency"):
        if rules.currency is None:
            reading.faults.append(Fault("the budget has no currency",
                                        'declare currency = "EUR" under [budget], or map the column',
                                        file=reading.files(), column="currency"))  # fmt: skip
            return None
        return [rules.currency] * len(rows)
    codes = [t.strip().upper() or rules.currency for t in rows["currency"]]
    if any(c is None for c in codes):
        reading.faults += reading.rows_with("currency", lambda t: not t.strip(), lambda _: (
            "the currency is missing", "fill it in, or declare currency under [budget]"))  # fmt: skip
        return None
    return [str(c) for c in codes]
