"""The budget: what was committed and disbursed, by programme, year, line and source of funds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from impact.core.errors import Fault
from impact.core.ledger import Ledger, euros_text
from impact.core.money import Money, to_cents
from impact.core.notice import Notice
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
    """What the study declares about its budget.

    Attributes
    ----------
    first_year, last_year : int, optional
        The study's period; lines of other years are kept, and said.
    programmes : tuple of str
        The programmes under study, as the roster declares them; lines of others are kept, and said.
    """

    currency: str | None = None
    numbers: NumberFormat = field(default_factory=NumberFormat)
    first_year: int | None = None
    last_year: int | None = None
    programmes: tuple[str, ...] = ()


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
    reading.gate = "year"  # a line without a year is a total, or belongs nowhere
    made, reasons = _understood(reading, rows)
    amounts = [c for c in BUDGET_NUMBERS if reading.has(c)]
    if not amounts:
        reading.faults.append(Fault("the budget has neither committed nor disbursed amounts",
                                    "map one of them under [budget.columns]", file=reading.files()))  # fmt: skip
    for column in amounts:
        reading.faults += amount_faults(reading.kept(), column, rules.numbers, empty_allowed=True)
    dated = made["year"].notna()
    codes = _currencies(reading, rows, dated, rules)
    if reading.faults or codes is None:
        return None
    pairs = sorted({(c, int(y)) for c, y in zip(codes[dated], made.loc[dated, "year"], strict=True)})  # fmt: skip
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
        cents = [pd.NA if n is None or pd.isna(y) else to_cents(n, factor[c, int(y)])
                 for n, c, y in zip(numbers, codes, made["year"], strict=True)]  # fmt: skip
        made[f"{column}_cents"] = pd.array(cents, "Int64")
    counted = "disbursed_cents" if "disbursed_cents" in made else "committed_cents"
    ledger = _ledger(reading, made[counted], reasons)
    kept = made[reasons == 0].reset_index(drop=True)
    _note_oddities(reading, kept, rules)
    return Budget(kept, ledger)


def _understood(reading: Reading, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The words and the year of each line, and why it leaves (0: it stays)."""
    made = pd.DataFrame(index=rows.index)
    reasons = pd.Series(0, index=rows.index, dtype="int64")
    for column in ("year", "programme", "line", "source"):
        if not reading.has(column):
            continue
        meant = understand_years if column == "year" else partial(understand_text, column=column)
        found = reading.read(column, meant).set_index("text")
        texts = rows[column].astype("str")
        made[column] = texts.map(found[column]).to_numpy()
        codes = texts.map(found["reason"]).fillna(0).astype("int64")
        reasons = reasons.where(reasons > 0, codes)
    made["year"] = made["year"].astype("Int64")
    return made[[c for c in ("programme", "line", "source", "year") if c in made]], reasons


def _ledger(reading: Reading, cents: pd.Series, reasons: pd.Series) -> Ledger:
    ledger = Ledger.opened("budget", len(cents), cents=int(cents.fillna(0).sum()))
    for code, words in enumerate(reading.reasons, 1):
        gone = cents[reasons == code]
        unknown = len(gone) > 0 and bool(gone.isna().all())
        ledger = ledger.dropped(words, len(gone), cents_unknown=unknown,
                                cents=None if unknown else int(gone.fillna(0).sum()))  # fmt: skip
    return ledger


def _note_oddities(reading: Reading, lines: pd.DataFrame, rules: BudgetRules) -> None:
    """Lines that are kept and may be wrong."""

    def note(said: str, column: str, wanted: pd.Series, shown: str) -> None:
        odd = lines[wanted.fillna(False).astype(bool)]
        if len(odd):
            first = odd.iloc[0]
            amount = first[shown]
            told = euros_text(int(amount)) if shown.endswith("_cents") else str(amount)
            where = "" if shown == "year" else f", {first['year']}"
            reading.notices.append(Notice(said, file=reading.files(), column=column, rows=len(odd),
                                          examples=(told + where,)))  # fmt: skip

    for column in BUDGET_NUMBERS:
        if f"{column}_cents" in lines:
            note("amounts below zero are kept and lower the sums; are they repayments?", column,
                 lines[f"{column}_cents"] < 0, f"{column}_cents")  # fmt: skip
    if "committed_cents" in lines and "disbursed_cents" in lines:
        note("more was disbursed than committed", "disbursed",
             lines["disbursed_cents"] > lines["committed_cents"], "disbursed_cents")  # fmt: skip
    if rules.first_year is not None and rules.last_year is not None:
        note(f"the year is outside the study's period {rules.first_year}-{rules.last_year}; the lines are kept",
             "year", ~lines["year"].between(rules.first_year, rules.last_year), "year")  # fmt: skip
    if rules.programmes and "programme" in lines:
        known = {p.strip().casefold() for p in rules.programmes}
        named = lines["programme"].notna()
        other = named & ~lines["programme"].astype("str").str.casefold().isin(known)
        note("the programme is none of those under study; the lines are kept", "programme", other,
             "programme")  # fmt: skip


def without_participants(budget: Budget, programmes: pd.Series, files: str) -> list[Notice]:
    """Say which programmes have money and, in the roster, nobody who took part.

    Parameters
    ----------
    budget : Budget
    programmes : Series
        The column `programme` of the roster's services.
    files : str
        The budget, in words.

    Examples
    --------
    >>> from impact.core.ledger import Ledger
    >>> lines = pd.DataFrame({"programme": ["AL", "BX", "BX"]})
    >>> print(*without_participants(Budget(lines, Ledger.opened("budget", 3)), pd.Series(["al"]), "budget.csv"))
    budget.csv, column 'programme': no row of the roster belongs to the programme (2 rows), such as 'BX'.
    """
    if "programme" not in budget.lines:
        return []
    known = set(programmes.dropna().astype("str").str.strip().str.casefold())
    named = budget.lines["programme"].dropna().astype("str")
    other = named[~named.str.casefold().isin(known)]
    if not known or other.empty:
        return []
    return [Notice("no row of the roster belongs to the programme", file=files, column="programme",
                   rows=len(other), examples=tuple(sorted(other.unique())[:3]))]  # fmt: skip


def _currencies(
    reading: Reading, rows: pd.DataFrame, dated: pd.Series, rules: BudgetRules
) -> pd.Series | None:
    """The currency of each line; a line without a year needs none."""
    if not reading.has("currency"):
        if rules.currency is None:
            reading.faults.append(Fault("the budget has no currency",
                                        'declare currency = "EUR" under [budget], or map the column',
                                        file=reading.files(), column="currency"))  # fmt: skip
            return None
        return pd.Series(rules.currency, index=rows.index)
    codes = rows["currency"].str.strip().str.upper().replace("", rules.currency or "")
    if ((codes == "") & dated).any():
        reading.faults += reading.rows_with("currency", lambda t: not t.strip(), lambda _: (
            "the currency is missing", "fill it in, or declare currency under [budget]"))  # fmt: skip
        return None
    return codes
