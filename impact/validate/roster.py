"""The roster: who took part, when, in which services; a firm may stand in it many times."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from impact.core.errors import Fault
from impact.core.ledger import Ledger
from impact.core.money import Money, to_cents
from impact.core.notice import Notice
from impact.validate.amounts import amount_faults, amount_of
from impact.validate.choices import understand_flags, understand_text
from impact.validate.dates import understand_dates
from impact.validate.identifiers import IdentifierRules, understand_identifiers
from impact.validate.numbers import NumberFormat
from impact.validate.reading import SHOWN, Reading

ROSTER_COLUMNS = (
    "firm_id", "programme", "service", "joined", "left", "hours", "cost", "currency", "nucleus",
    "partner", "consortium", "country", "women_led",
)  # fmt: skip
ROSTER_REQUIRED = ("firm_id", "joined")
ROSTER_NUMBERS = ("hours", "cost")
WORDS = ("programme", "service", "nucleus", "partner", "consortium", "country")


@dataclass(frozen=True, slots=True, eq=False)
class RosterRules:
    """What the study declares about its roster.

    Attributes
    ----------
    programmes : tuple of str
        The programmes under study; rows of others leave, counted. Empty: all.
    starts, ends : int, optional
        Years of the programme; participation outside is a fault.
    """

    programmes: tuple[str, ...] = ()
    starts: int | None = None
    ends: int | None = None
    date_format: str | None = None
    currency: str | None = None
    numbers: NumberFormat = field(default_factory=NumberFormat)
    identifiers: IdentifierRules = field(default_factory=IdentifierRules)


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """Who took part.

    Attributes
    ----------
    services : DataFrame
        One row per used row of the file: `firm_id, programme, service, joined_year, joined_month, left_year,
        left_month, hours, cost_cents, nucleus, partner, consortium, country, women_led`.
    firms : DataFrame
        One row per firm: `firm_id, joined (first year), joined_month, services, hours, cost_cents, ...` with the
        words of its first participation.
    ledger : Ledger
    """

    services: pd.DataFrame
    firms: pd.DataFrame
    ledger: Ledger


def read_roster(reading: Reading, rules: RosterRules, money: Money) -> Roster | None:
    """Understand the roster and sum it to firms; None where there are faults."""
    rows = reading.rows()
    made = pd.DataFrame(index=rows.index)
    reasons = pd.Series(0, index=rows.index, dtype="int64")

    def take(column: str, found: pd.DataFrame, parts: dict[str, str]) -> None:
        nonlocal reasons
        keyed = found.set_index("text")
        texts = rows[column].astype("str")
        for part, name in parts.items():
            made[name] = texts.map(keyed[part]).to_numpy() if part in keyed else None
        codes = texts.map(keyed["reason"]).fillna(0).astype("int64")
        reasons = reasons.where(reasons > 0, codes)

    firm = reading.read("firm_id", lambda t: understand_identifiers(t, rules.identifiers))
    take("firm_id", firm, {"firm_id": "firm_id"})
    when = {"year": "joined_year", "month": "joined_month", "day": "joined_day"}
    take("joined", reading.read("joined", partial(understand_dates, column="joined", declared=rules.date_format)), when)  # fmt: skip
    for column in WORDS:
        if reading.has(column):
            take(column, reading.read(column, partial(understand_text, column=column)), {column: column})  # fmt: skip
    if reading.has("women_led"):
        take("women_led", reading.read("women_led", partial(understand_flags, column="women_led")),
             {"women_led": "women_led"})  # fmt: skip
    if reading.has("left"):
        left = reading.read(
            "left",
            partial(
                understand_dates, column="left", declared=rules.date_format, empty_allowed=True
            ),
        )
        take("left", left, {"year": "left_year", "month": "left_month", "day": "left_day"})
    for column in ROSTER_NUMBERS:
        if reading.has(column):
            made[column] = _amounts(reading, rows[column], column, rules.numbers)
    reasons = _other_programmes(reading, made, reasons, rules)
    _refuse_outside(reading, rows, made, reasons == 0, rules)
    # A row that leaves by its firm needs neither currency nor rate; its cost is unknown.
    stays = ~rows["firm_id"].astype("str").isin(reading.gone)
    made["cost_cents"] = _costs(reading, rows, made, stays, rules, money)
    if reading.faults:
        return None
    return _summed(reading, made, reasons)


def _amounts(reading: Reading, cells: pd.Series, column: str, numbers: NumberFormat) -> pd.Series:
    """Exact numbers; an empty cell is missing."""
    reading.faults += amount_faults(reading.kept(), column, numbers, empty_allowed=True,
                                    negative_allowed=False)  # fmt: skip
    written = numbers if reading.types[column] == "text" else NumberFormat()
    return pd.Series(
        [amount_of(cell, written) for cell in cells], index=cells.index, dtype="object"
    )


def _other_programmes(
    reading: Reading, made: pd.DataFrame, reasons: pd.Series, rules: RosterRules
) -> pd.Series:
    if not rules.programmes:
        return reasons
    if "programme" not in made:
        reading.faults.append(Fault("programmes are declared, and the roster has no such column",
                                    "map the column programme, or leave programmes out",
                                    file=reading.files(), column="programme"))  # fmt: skip
        return reasons
    known = {p.strip().casefold() for p in rules.programmes}
    there = {str(p).strip().casefold() for p in made["programme"].dropna()}
    for absent in sorted(p for p in rules.programmes if p.strip().casefold() not in there):
        found = ", ".join(sorted(map(str, made["programme"].dropna().unique()))[:8])
        reading.faults.append(Fault("no row of the roster belongs to this programme",
                                    f"name one that the roster has: {found}", file=reading.files(),
                                    column="programme", value=absent))  # fmt: skip
    other = ~made["programme"].astype("str").str.strip().str.casefold().isin(known)
    if other.any():
        code = reading.reason("roster: another programme than those under study")
        reasons = reasons.where((reasons > 0) | ~other, code)
    return reasons


def _refuse_outside(
    reading: Reading, rows: pd.DataFrame, made: pd.DataFrame, stays: pd.Series, rules: RosterRules
) -> None:
    """Participation before the programme began or after it ended, or that ends before it begins."""
    joined = made["joined_year"].astype("Int64")
    if rules.starts is not None:
        _name(reading, rows, stays & (joined < rules.starts),
              f"participation before the programme began in {rules.starts}",
              "correct the date, or starts under [roster]")  # fmt: skip
    if rules.ends is not None:
        _name(reading, rows, stays & (joined > rules.ends),
              f"participation after the programme ended in {rules.ends}",
              "correct the date, or ends under [roster]")  # fmt: skip
    if "left_year" in made:
        # What is not known of a date is taken as late for leaving, and as early for joining.
        left, began = _day(made, "left", 12, 31), _day(made, "joined", 1, 1)
        _name(reading, rows, stays & (left < began), "the firm left before it joined",
              "exchange or correct the dates", column="left")  # fmt: skip


def _day(made: pd.DataFrame, column: str, month: int, day: int) -> pd.Series:
    """A date as one number that grows with it, its unknown parts filled in."""
    parts = [made[f"{column}_{part}"].astype("Int64") for part in ("year", "month", "day")]
    return parts[0] * 10_000 + parts[1].fillna(month) * 100 + parts[2].fillna(day)


def _name(
    reading: Reading,
    rows: pd.DataFrame,
    bad: pd.Series,
    problem: str,
    remedy: str,
    column: str = "joined",
) -> None:
    """Faults for bad rows; a row is told by all of its cells that say who, where and when."""
    told = [c for c in ("firm_id", "programme", "joined", "left") if reading.has(c)]
    texts = rows.loc[bad.fillna(False).astype(bool), told].itertuples(index=False, name=None)
    found = reading.rows_holding(told, set(texts))
    at = told.index(column)
    reading.faults += [
        Fault(problem, remedy, file=file, row=row, column=reading.heading(column), value=cells[at])
        for file, row, cells in found[:SHOWN]
    ]
    if len(found) > SHOWN:
        reading.faults.append(Fault(f"{problem}, in {len(found) - SHOWN:,} more rows", remedy,
                                    file=reading.files(), column=reading.heading(column),
                                    count=len(found) - SHOWN))  # fmt: skip


def _costs(
    reading: Reading,
    rows: pd.DataFrame,
    made: pd.DataFrame,
    stays: pd.Series,
    rules: RosterRules,
    money: Money,
) -> pd.Series:
    """Cost in euro cents of each row, at the rate of the year of joining."""
    none = pd.Series(pd.array([pd.NA] * len(made), "Int64"), index=made.index)
    if "cost" not in made or made["cost"].isna().all():
        return none
    if reading.has("currency"):
        codes = rows["currency"].str.strip().str.upper().replace("", None)
        codes = codes if rules.currency is None else codes.fillna(rules.currency)
    elif rules.currency is not None:
        codes = pd.Series(rules.currency, index=made.index)
    else:
        reading.faults.append(Fault("costs have no currency",
                                    'declare currency = "EUR" under [roster], or map the column',
                                    file=reading.files(), column="cost"))  # fmt: skip
        return none
    wanted = made["cost"].notna() & made["joined_year"].notna() & stays
    if (wanted & codes.isna()).any():
        reading.faults += reading.rows_with("currency", lambda t: not t.strip(), lambda _: (
            "the cost has no currency", "fill it in, or declare currency under [roster]"))  # fmt: skip
        return none
    pairs = sorted({(str(c), int(y)) for c, y in zip(codes[wanted], made.loc[wanted, "joined_year"], strict=True)})  # fmt: skip
    table, faults = money.factors(pairs)
    reading.faults += faults
    if faults:
        return none
    factor = {
        (c, y): f for c, y, f in table[["currency", "year", "factor"]].itertuples(index=False)
    }
    cents = [
        to_cents(amount, factor[str(c), int(y)]) if ok else pd.NA
        for amount, c, y, ok in zip(made["cost"], codes, made["joined_year"], wanted, strict=True)
    ]
    return pd.Series(pd.array(cents, "Int64"), index=made.index)


def _summed(reading: Reading, made: pd.DataFrame, reasons: pd.Series) -> Roster:
    """Close the ledger, drop rows that stand twice, and sum services to firms."""
    again = made.duplicated() & (reasons == 0)
    if again.any():
        code = reading.reason("roster: the same participation stands in another row")
        reasons = reasons.where(~again, code)
        reading.notices.append(Notice("the same participation (every cell equal) stands more than once "
                                      "and is counted once", file=reading.files(),
                                      rows=int(again.sum())))  # fmt: skip
    known = made["cost_cents"].fillna(0).astype("int64")
    has_cost = bool(made["cost_cents"].notna().any())
    ledger = Ledger.opened("roster", len(made), int(made["firm_id"].nunique()),
                           cents=int(known.sum()) if has_cost else None)  # fmt: skip
    kept = made
    for code, words in enumerate(reading.reasons, 1):
        gone = reasons == code
        left = kept[~gone.reindex(kept.index)]
        nobody_knows = has_cost and bool(gone.any()) and bool(made.loc[gone, "cost_cents"].isna().all())  # fmt: skip
        ledger = ledger.dropped(words, int(gone.sum()), int(left["firm_id"].nunique()),
                                cents=int(known[gone].sum()) if has_cost and not nobody_knows else None,
                                cents_unknown=nobody_knows)  # fmt: skip
        kept = left
    order = [
        c for c in ("firm_id", "joined_year", "joined_month", "joined_day", "service") if c in kept
    ]
    kept = kept.sort_values(order, kind="stable", na_position="last").reset_index(drop=True)
    _note_partial_sums(reading, kept)
    return Roster(kept, _firms(kept), ledger)


def _note_partial_sums(reading: Reading, kept: pd.DataFrame) -> None:
    """Say how many participations lack their amount: the sums of their firms are of what is known."""
    for column in ROSTER_NUMBERS:
        if column not in kept or kept[column].notna().sum() == 0:
            continue  # where nothing is known there is no sum
        blank = kept[column].isna()
        if blank.any():
            who = kept.loc[blank, "firm_id"]
            firms = "1 firm" if who.nunique() == 1 else f"{who.nunique():,} firms"
            reading.notices.append(Notice(
                f"participations of {firms} have no {column}; their sums are of what is known",
                file=reading.files(), column=column, rows=int(blank.sum()),
                examples=tuple(sorted(map(str, who.unique()))[:3])))  # fmt: skip


def _firms(kept: pd.DataFrame) -> pd.DataFrame:
    groups = kept.groupby("firm_id", sort=True)
    first = kept.drop_duplicates("firm_id").set_index("firm_id")
    firms = pd.DataFrame({
        "joined": groups["joined_year"].min().astype("Int64"),
        "joined_month": first["joined_month"].astype("Int64"),
        "services": groups.size().astype("int64"),
    })  # fmt: skip
    if "hours" in kept:
        firms["hours"] = groups["hours"].agg(_known_sum).map(lambda v: None if v is None else float(v)).astype("float64")  # fmt: skip
    firms["cost_cents"] = groups["cost_cents"].sum(min_count=1).astype("Int64")
    for column in (*WORDS, "women_led"):
        if column in kept:
            firms[column] = first[column]
    return firms.reset_index()


def joined_outside(roster: Roster, first_year: int, last_year: int, files: str) -> list[Notice]:
    """Say which participants joined outside the declared period: no year before, or none after, is in the panel.

    Parameters
    ----------
    roster : Roster
    first_year, last_year : int
        The period of the study.
    files : str
        The roster, in words.
    """
    joined = roster.firms["joined"]
    cases = (
        (joined < first_year, f"joined before {first_year}, where the declared period begins: they are treated in all of "
         "its years, none of which shows what was before"),
        (joined > last_year, f"joined after {last_year}, where the declared period ends: they count as not yet treated in all of its years"),
    )  # fmt: skip
    notices = []
    for wanted, words in cases:
        who = roster.firms.loc[wanted.fillna(False).astype(bool)]
        if len(who):
            examples = tuple(
                f"{f}: {y}" for f, y in who[["firm_id", "joined"]].head(3).itertuples(index=False)
            )
            notices.append(
                Notice(
                    f"{len(who):,} firm{'' if len(who) == 1 else 's'} {words}",
                    file=files,
                    column="joined",
                    examples=examples,
                )
            )
    return notices


def _known_sum(values: pd.Series) -> object:
    known = [v for v in values if v is not None and not pd.isna(v)]
    return sum(known) if known else None
