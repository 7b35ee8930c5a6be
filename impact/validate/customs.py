"""Customs shipments: each received row becomes firm, month, product, destination and euro cents, or leaves for a reason.

The order of a row's way out is the order of reasons: regime, firm, date, destination, product, then its amount. Money is
converted row by row and rounded to the cent, so that euros in = used + dropped holds to the cent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Literal

import pandas as pd

from impact.core.errors import Fault
from impact.core.ledger import Ledger
from impact.core.money import Money
from impact.core.notice import Notice
from impact.read.staging import locate_rows
from impact.validate.amounts import (
    amount_expression,
    amount_faults,
    amount_of,
    cents_per_unit,
    converted,
    own_expression,
)
from impact.validate.choices import understand_text
from impact.validate.countries import understand_countries
from impact.validate.dates import understand_dates, understand_months, understand_years
from impact.validate.identifiers import IdentifierRules, understand_identifiers
from impact.validate.numbers import NumberFormat
from impact.validate.products import consolidate, understand_products
from impact.validate.reading import SHOWN, Reading
from impact.validate.understood import Understood, misread_table

CUSTOMS_COLUMNS = (
    "firm_id", "date", "year", "month", "product", "destination", "value", "currency", "quantity",
    "unit", "regime",
)  # fmt: skip
"""Canonical columns; `date`, or `year` with or without `month`."""

CUSTOMS_REQUIRED = ("firm_id", "product", "destination", "value")
CUSTOMS_NUMBERS = ("value", "quantity")


@dataclass(frozen=True, slots=True, eq=False)
class CustomsRules:
    """What the study declares about its customs files.

    Attributes
    ----------
    first_year, last_year : int
        Shipments outside leave, counted.
    date_format : str, optional
        See `understand_dates`.
    numbers : NumberFormat
        Decimal and thousands signs.
    negative : {"net", "drop"}, optional
        Negative values: netted within firm, product, destination and month, or left out. Where missing,
        they are asked about.
    currency : str, optional
        Of all values, where there is no column.
    classification : {"hs", "other"}
        Whether products are Harmonised System codes; others are taken as the text that they are.
    product_digits : int
        Digits of the product line.
    families : DataFrame, optional
        `product, family`: see `concordance_families`.
    destinations : DataFrame, optional
        `code, iso`: what the file's own codes mean.
    dropped_firms, dropped_destinations, dropped_products : mapping of str to str
        Text -> reason.
    destination_before_hyphen : bool
        Whether destinations are written as code, hyphen, name.
    exclude_products, exclude_regimes : tuple of str
        Prefixes of products, and regimes, that leave.
    """

    first_year: int
    last_year: int
    date_format: str | None = None
    numbers: NumberFormat = field(default_factory=NumberFormat)
    negative: Literal["net", "drop"] | None = None
    currency: str | None = None
    classification: Literal["hs", "other"] = "hs"
    product_digits: int = 6
    restore_leading_zeros: bool = False
    families: pd.DataFrame | None = None
    destinations: pd.DataFrame | None = None
    dropped_firms: Mapping[str, str] = field(default_factory=dict)
    dropped_destinations: Mapping[str, str] = field(default_factory=dict)
    dropped_products: Mapping[str, str] = field(default_factory=dict)
    destination_before_hyphen: bool = False
    exclude_products: tuple[str, ...] = ()
    exclude_regimes: tuple[str, ...] = ()
    identifiers: IdentifierRules = field(default_factory=IdentifierRules)


@dataclass(frozen=True, slots=True, eq=False)
class CustomsMeaning:
    """What the codes of the customs files mean, before rows are joined to it."""

    firms: pd.DataFrame
    dates: dict[str, pd.DataFrame]
    products: pd.DataFrame
    destinations: pd.DataFrame
    regimes: pd.DataFrame | None


def understand_customs(reading: Reading, rules: CustomsRules) -> CustomsMeaning:
    """Understand every code of the customs files; faults gather in `reading`."""
    regimes = None
    if reading.has("regime"):
        regimes = reading.read("regime", partial(_regimes, excluded=rules.exclude_regimes))
        if rules.exclude_regimes:
            _note_unmet_regimes(reading, rules.exclude_regimes)
    elif rules.exclude_regimes:
        reading.faults.append(Fault("regimes are excluded, and the files have no column of regimes",
                                    "map the column, or leave exclude_regimes out", file=reading.files(),
                                    column="regime"))  # fmt: skip
    firms = reading.read(
        "firm_id",
        lambda t: understand_identifiers(t, rules.identifiers, dropped=rules.dropped_firms),
    )
    dates = _dates(reading, rules)
    destinations = reading.read("destination", partial(_destinations, rules=rules))
    products = reading.read("product", partial(_products, rules=rules))
    _note_unmet_products(reading, products, rules.exclude_products)
    reading.amounts("value", lambda kept: amount_faults(kept, "value", rules.numbers))
    if reading.has("quantity"):
        # A quantity is optional: what cannot be read is missing, and said.
        for fault in amount_faults(reading.kept(), "quantity", rules.numbers, empty_allowed=True)[
            :1
        ]:
            reading.notices.append(Notice(f"quantities that cannot be read are missing: {fault.problem}",
                                          file=reading.files(), column="quantity"))  # fmt: skip
    if "firm_id" not in reading.droppable:
        _name_total_rows(reading, rules)
    return CustomsMeaning(firms, dates, products, destinations, regimes)


def _name_total_rows(reading: Reading, rules: CustomsRules) -> None:
    """Rows without firm, product and destination whose value sums the rest of their file: one fault and not four."""
    columns = ("firm_id", "product", "destination", "value")
    heading = reading.heading("firm_id")
    if not any(f.column == heading and not str(f.value or "").strip() for f in reading.faults):
        return
    values = {"value"} | {f.headings.get("value", "value") for f in reading.staged.files}
    if reading.gone or any(f.column in values for f in reading.faults):
        return  # what cannot be read cannot be summed
    picked = ", ".join(f"coalesce(CAST({c} AS STRING), '') AS {c}" for c in columns)
    bare = " AND ".join(f"trim({c}) = ''" for c in columns[:3])
    wanted = reading.relations.frame(
        f"SELECT DISTINCT * FROM (SELECT {picked} FROM {reading.relation}) t WHERE {bare} LIMIT {SHOWN}"
    )
    combinations = set(wanted.itertuples(index=False, name=None))
    for place, file in enumerate(reading.staged.files):
        kind, relation = file.types["value"], f"customs_file_{place}"
        written = rules.numbers if kind == "text" else NumberFormat()
        reading.relations.parquet(relation, [file.parquet])
        amount = amount_expression(f'"{file.columns["value"]}"', kind, rules.numbers)
        total = reading.relations.frame(
            f"SELECT CAST(sum({amount}) AS STRING) AS total FROM {relation}"
        )["total"].iloc[0]
        for row, texts in locate_rows(file, columns, combinations):
            value = amount_of(texts[3], written)
            if value and not pd.isna(total) and 2 * value == Decimal(str(total)):
                reading.faults[:] = [
                    f for f in reading.faults if (f.file, f.row) != (file.name, row)
                ]
                reading.faults.append(Fault(
                    "this looks like a total row: it names no firm, no product and no destination, and its value is the "
                    "sum of the other rows", 'delete it, or declare drop_unreadable = ["firm_id"]',
                    file=file.name, row=row, column=file.headings.get("firm_id", "firm_id")))  # fmt: skip


def _note_unmet_regimes(reading: Reading, excluded: tuple[str, ...]) -> None:
    """Say which declared regimes no row has; the study may write them otherwise than the files."""
    there = sorted({str(t).strip() for t in reading.texts("regime").index} - {""})
    known = {code for text in there for code in _regime_codes(text)}
    for absent in [e for e in excluded if e.strip().upper() not in known]:
        reading.notices.append(Notice(f"exclude_regimes: no row has the regime '{absent}'; {_have(there)}",
                                      file=reading.files(), column="regime"))  # fmt: skip


def _note_unmet_products(
    reading: Reading, products: pd.DataFrame, excluded: tuple[str, ...]
) -> None:
    """Say which beginnings of products no row has."""
    if not excluded:
        return
    # Both as written and as understood: a zero may have been restored, a longer beginning may have come first.
    known = [re.sub(r"[\s.]", "", str(t)) for t in products["text"]]
    known += [str(p) for p in products["product"].dropna()]
    for absent in [e for e in excluded if not any(k.startswith(e) for k in known)]:
        there = sorted({k[:2] for k in known} - {""})
        reading.notices.append(Notice(f"exclude_products: no row has a product that begins with '{absent}'; "
                                      f"{_have(there, 'codes that begin with')}",
                                      file=reading.files(), column="product"))  # fmt: skip


def _have(there: list[str], what: str = "") -> str:
    shown = ", ".join(f"'{text[:40]}'" for text in there[:6])
    more = f" and {len(there) - 6:,} more" if len(there) > 6 else ""
    return f"the files have{' ' + what if what else ''}: {shown or 'none'}{more}"


def _regime_codes(text: str) -> set[str]:
    """A regime as written, and its code alone: `60-REEXPORTACION` is 60."""
    whole = text.strip().upper()
    return {whole, re.split(r"[-\s]", whole, maxsplit=1)[0]} - {""}


def _regimes(texts: pd.Series, excluded: tuple[str, ...]) -> Understood:
    found = understand_text(texts, "regime")
    unused = {e.strip().upper() for e in excluded}
    meaning = found.meaning.copy()
    words = meaning["regime"].astype("str").str.strip().str.upper().fillna("")
    meaning["reason"] = [
        f"regime {w} is excluded by the study" if _regime_codes(w) & unused else None for w in words
    ]
    return Understood("regime", meaning, found.misread, found.faults, found.notices)


def _without(
    texts: pd.Series, column: str, gone: Mapping[str, str]
) -> tuple[pd.Series, pd.DataFrame | None]:
    """Part texts that leave for a declared reason from those that are to be understood."""
    reasons = {t.strip().upper(): why for t, why in gone.items()}
    dropped = [t for t in texts.index if str(t).strip().upper() in reasons]
    if not dropped:
        return texts, None
    why = [reasons[str(t).strip().upper()] for t in dropped]
    return texts.drop(dropped), pd.DataFrame({"text": dropped, column: None, "reason": why})


def _with(found: Understood, extra: pd.DataFrame | None) -> Understood:
    if extra is None:
        return found
    meaning = pd.concat([found.meaning.astype(object), extra.astype(object)], ignore_index=True)
    return replace(found, meaning=meaning)


def _destinations(texts: pd.Series, rules: CustomsRules) -> Understood:
    texts, extra = _without(texts, "destination", rules.dropped_destinations)
    if not rules.destination_before_hyphen:
        return _with(understand_countries(texts, mapping=rules.destinations), extra)
    # "US-ESTADOS UNIDOS": the code is what counts; several texts may have one code.
    codes = pd.Series([str(t).partition("-")[0].strip() for t in texts.index], index=texts.index)
    found = understand_countries(texts.groupby(codes).sum(), mapping=rules.destinations)
    whole = codes.rename_axis("whole").rename("text").reset_index()
    meaning = (
        whole.merge(found.meaning, on="text").drop(columns="text").rename(columns={"whole": "text"})
    )
    misread = (
        whole.merge(found.misread, on="text").drop(columns="text").rename(columns={"whole": "text"})
    )
    return _with(replace(found, meaning=meaning, misread=misread), extra)


def _products(texts: pd.Series, rules: CustomsRules) -> Understood:
    texts, extra = _without(texts, "product", rules.dropped_products)
    if rules.classification == "other":
        return _with(_other_products(texts, rules.exclude_products), extra)
    found = understand_products(
        texts,
        digits=rules.product_digits,
        restore_zeros=rules.restore_leading_zeros,
        exclude=rules.exclude_products,
    )
    return _with(found if rules.families is None else consolidate(found, rules.families), extra)


def _other_products(texts: pd.Series, excluded: tuple[str, ...]) -> Understood:
    """Codes of another classification; only an empty one means nothing."""
    found = understand_text(texts, "product")
    empty = found.meaning["product"].isna()
    meaning = found.meaning[~empty].copy()
    meaning["reason"] = [
        next(
            (f"product excluded by the study: {e}" for e in excluded if str(p).startswith(e)), None
        )
        for p in meaning["product"]
    ]
    blank = misread_table([(t, "the product is empty", "fill it in, or declare drop_unreadable")
                           for t in found.meaning.loc[empty, "text"]])  # fmt: skip
    misread = pd.concat([found.misread, blank], ignore_index=True)
    return Understood(
        "product", meaning.reset_index(drop=True), misread, found.faults, found.notices
    )


def _dates(reading: Reading, rules: CustomsRules) -> dict[str, pd.DataFrame]:
    """Maps of the columns that say when; a year outside the declared period leaves."""

    def within(found: pd.DataFrame) -> pd.DataFrame:
        late = found["year"] > rules.last_year
        early = found["year"] < rules.first_year
        outside = (late | early).fillna(False) & (found["reason"] == 0)
        if outside.any():
            words = f"customs: outside the declared period {rules.first_year}-{rules.last_year}"
            found.loc[outside, "reason"] = reading.reason(words)
        return found

    if reading.has("date"):
        found = reading.read("date", lambda t: understand_dates(t, declared=rules.date_format))
        return {"date": within(found)}
    if not reading.has("year"):
        reading.faults.append(Fault("there is no column of dates",
                                    "map date, or year (and month) under [customs.columns]",
                                    file=reading.files(), column="date"))  # fmt: skip
        return {}
    maps = {"year": within(reading.read("year", understand_years))}
    if reading.has("month"):
        maps["month"] = reading.read("month", understand_months)
    else:
        reading.notices.append(Notice("shipments have no month, so first-year exports are part-year "
                                      "figures that cannot be corrected", file=reading.files()))  # fmt: skip
    return maps


@dataclass(frozen=True, slots=True, eq=False)
class Shipments:
    """Shipments whose every code is understood: relation `customs_rows`, and its ledger.

    Attributes
    ----------
    ledger : Ledger
    products, destinations : DataFrame
        `code, text`: what the codes in the relations mean.
    netted : bool
        Whether corrections were netted, so that `customs_netted` exists.
    """

    ledger: Ledger
    products: pd.DataFrame
    destinations: pd.DataFrame
    netted: bool


def join_shipments(
    reading: Reading,
    meaning: CustomsMeaning,
    rules: CustomsRules,
    money: Money,
    firms: pd.Series,
) -> Shipments | None:
    """Join rows to meanings, convert money, net corrections, and close the ledger.

    Parameters
    ----------
    reading : Reading
        Without faults so far; those found here are added.
    firms : Series
        Firm identifier -> code, over all files of the study.

    Returns
    -------
    Shipments or None
        None where there are faults.
    """
    products, product_map = _coded(meaning.products, "product")
    destinations, destination_map = _coded(meaning.destinations, "destination")
    firm_map = meaning.firms.assign(firm=meaning.firms["firm_id"].map(firms).astype("Int64"))
    reading.put_map("firm_id", firm_map[["text", "firm", "reason"]])
    reading.put_map("product", product_map)
    reading.put_map("destination", destination_map)
    for column, found in meaning.dates.items():
        parts = [c for c in ("year", "month") if c in found]
        reading.put_map(column, found[["text", *parts, "reason"]])
    if meaning.regimes is not None:
        reading.put_map("regime", meaning.regimes[["text", "reason"]])
    _put_factors(reading, meaning, rules, money)
    if reading.faults:
        return None
    _name_rows(reading, meaning, rules)
    closed = _ledger(reading, rules)
    if reading.faults or closed is None:
        return None
    return Shipments(closed[0], products, destinations, closed[1])


def _coded(meaning: pd.DataFrame, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number the distinct meanings in their order; whole numbers are joined and grouped faster than text."""
    words = sorted(meaning[column].dropna().unique())
    codes = pd.DataFrame({"code": range(1, len(words) + 1), "text": words})
    number = pd.Series(codes["code"].to_numpy(), index=words, dtype="Int64")
    coded = meaning.assign(**{column: meaning[column].map(number).astype("Int64")})
    return codes, coded[["text", column, "reason"]]


def _when(meaning: CustomsMeaning) -> str:
    return "date" if "date" in meaning.dates else "year"


def _put_factors(
    reading: Reading, meaning: CustomsMeaning, rules: CustomsRules, money: Money
) -> None:
    """Euros per unit of each currency and year that occur, as relation `customs_factors`."""
    when = _when(meaning)
    years = meaning.dates[when].set_index("text")["year"].to_dict()
    column = "currency" if reading.has("currency") else None
    if column is None and rules.currency is None:
        reading.faults.append(Fault("the files have no column of currencies",
                                    'declare currency = "USD", or map the column', file=reading.files(),
                                    column="currency"))  # fmt: skip
        return
    picked = f"coalesce(CAST({when} AS STRING), '') AS text, " + (
        "coalesce(CAST(currency AS STRING), '') AS currency" if column else "'' AS currency"
    )
    group = f"{when}, currency" if column else when
    met = reading.relations.frame(
        f"SELECT {picked}, count(*) AS n FROM {reading.relation} GROUP BY {group}"
    )
    met["stays"] = True
    if reading.gone:
        kept = reading.relations.frame(f"SELECT DISTINCT {picked} FROM {reading.kept().relation}")
        both = ["text", "currency"]
        met["stays"] = met.set_index(both).index.isin(kept.set_index(both).index)
    met["code"] = (
        met["currency"].str.strip().str.upper().replace("", None) if column else rules.currency
    )
    if rules.currency is not None:
        met["code"] = met["code"].fillna(rules.currency)
    met["year"] = met["text"].map(years)
    empty = met["code"].isna()
    if (empty & met["stays"]).any():
        reading.faults += reading.rows_with("currency", [""], lambda _: (
            "the currency is missing", 'fill it in, or declare currency = "USD" for empty cells'))  # fmt: skip
    told = met[~empty & met["year"].notna()]
    table, faults = money.factors(_pairs(told[told["stays"]]))
    reading.faults += faults
    if reading.faults:
        return
    # Rows that leave by their firm need no rate; where there is none, their euros are unknown.
    for pair in sorted(set(_pairs(told)) - set(_pairs(told[told["stays"]]))):
        more, lacking = money.factors([pair])
        table = table if lacking else pd.concat([table, more], ignore_index=True)
    texts = met[["currency", "code"]].drop_duplicates()
    # A factor travels as text, since a table of Python numbers would round it.
    joined = texts.merge(table, left_on="code", right_on="currency", suffixes=("", "_known"))
    put = pd.DataFrame({"raw": joined["currency"].astype("str"), "year": joined["year"].astype("int64"),
                        "factor_text": [cents_per_unit(f) for f in joined["factor"]]})  # fmt: skip
    reading.relations.put("customs_factor_texts", put)
    reading.relations.make(
        "customs_factors",
        "SELECT raw, year, CAST(factor_text AS DECIMAL(19,13)) AS factor FROM customs_factor_texts",
    )


def _pairs(met: pd.DataFrame) -> list[tuple[str, int]]:
    return sorted({(str(c), int(y)) for c, y in zip(met["code"], met["year"], strict=True)})


def _name_rows(reading: Reading, meaning: CustomsMeaning, rules: CustomsRules) -> None:
    """Two views: `customs_money` (when and how much, for the euros that came in) and `customs_rows` (everything)."""
    when = _when(meaning)
    currency = "coalesce(r.currency, '')" if reading.has("currency") else "''"
    # Rows whose date is unreadable have no year, hence no factor and no known amount.
    money = f"{own_expression('r.value', reading.types['value'], rules.numbers)} AS own, k.factor AS factor"
    source = (
        f"FROM {reading.relation} r JOIN customs_{when}_map t ON {reading.key(when)} = t.raw "
        f"LEFT JOIN customs_factors k ON k.raw = {currency} AND k.year = t.year"
    )
    reading.relations.view("customs_money", converted(f"SELECT {money} {source}", {"own": "cents"}))
    month = "CAST(t.month AS INT)" if when == "date" else "CAST(NULL AS INT)"
    joins = [
        f"JOIN customs_firm_id_map f ON {reading.key('firm_id')} = f.raw",
        f"JOIN customs_product_map p ON {reading.key('product')} = p.raw",
        f"JOIN customs_destination_map d ON {reading.key('destination')} = d.raw",
    ]
    codes = ["f.reason", "t.reason", "d.reason", "p.reason"]
    if "month" in meaning.dates:
        joins.append(f"JOIN customs_month_map mm ON {reading.key('month')} = mm.raw")
        month, codes = "CAST(mm.month AS INT)", [*codes, "mm.reason"]
    if meaning.regimes is not None:
        joins.append(f"JOIN customs_regime_map g ON {reading.key('regime')} = g.raw")
        codes = ["g.reason", *codes]
    zero, negative = _amount_reasons(reading, rules)
    way_out = " ".join(f"WHEN {c} > 0 THEN {c}" for c in codes)
    joined = (
        f"SELECT f.firm AS firm, CAST(t.year AS INT) AS year, {month} AS month, p.product AS product, "
        f"d.destination AS destination, {money}, CASE {way_out} ELSE 0 END AS code "
        f"{source} {' '.join(joins)}"
    )
    reading.relations.view(
        "customs_rows",
        "SELECT firm, year, month, product, destination, cents, CASE WHEN code > 0 THEN code "
        f"WHEN cents = 0 THEN {zero} WHEN cents < 0 THEN {negative} ELSE 0 END AS reason "
        f"FROM ({converted(joined, {'own': 'cents'})}) d",
    )


_ZERO = "customs: the value is 0, or rounds to 0 cents"
_NEGATIVE = "customs: negative value, left out by the study"
_NETTED = "customs: corrections as large as the shipments of their month, with those"


def _amount_reasons(reading: Reading, rules: CustomsRules) -> tuple[int, int]:
    zero = reading.reason(_ZERO)
    return zero, reading.reason(_NEGATIVE) if rules.negative == "drop" else 0


def _ledger(reading: Reading, rules: CustomsRules) -> tuple[Ledger, bool] | None:
    """Rows and euros that came in, left and stay; in and used are counted apart and must agree."""
    came = reading.relations.frame(
        "SELECT count(*) AS n, CAST(sum(cents) AS BIGINT) AS cents, "
        "CAST(sum(CASE WHEN cents < 0 THEN 1 ELSE 0 END) AS BIGINT) AS below, "
        "CAST(sum(CASE WHEN cents = 0 THEN 1 ELSE 0 END) AS BIGINT) AS zero, "
        "CAST(sum(CASE WHEN factor IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS unknown FROM customs_money"
    ).iloc[0]
    below = int(came["below"] or 0)
    if below and rules.negative is None:
        reading.faults += reading.rows_with("value", _is_negative, lambda _: (
            "the value is negative: is it a correction of an earlier shipment?",
            'declare negative = "net" (within firm, product, destination and month) or "drop"'))  # fmt: skip
        if not reading.faults:
            reading.faults.append(Fault(f"{below:,} values are negative: are they corrections?",
                                        'declare negative = "net" or "drop"', file=reading.files(),
                                        column="value"))  # fmt: skip
        return None
    netted = _net(reading) if below and rules.negative == "net" else None
    leaving = _leaving(reading, int(came["zero"] or 0))
    ledger = Ledger.opened("customs", int(came["n"]), cents=int(came["cents"] or 0))
    for reason, rows, cents in leaving:
        ledger = ledger.dropped(reason, rows, cents=cents, cents_unknown=cents is None)
    if netted is not None:
        ledger = ledger.dropped(_NETTED, netted[0], cents=netted[1])
    return ledger, netted is not None


def _is_negative(text: str) -> bool:
    return text.strip().startswith(("-", "−", "(")) or text.strip().endswith("-")


def _net(reading: Reading) -> tuple[int, int]:
    """Months of a firm, product and destination whose corrections leave nothing: relation `customs_netted`."""
    keys = "firm, year, coalesce(month, 0) AS month, product, destination"
    reading.relations.make(
        "customs_corrected",
        f"SELECT DISTINCT {keys} FROM customs_rows WHERE reason = 0 AND cents < 0",
    )
    reading.relations.make(
        "customs_netted",
        "SELECT s.firm, s.year, coalesce(s.month, 0) AS month, s.product, s.destination, count(*) AS n, "
        "CAST(sum(s.cents) AS BIGINT) AS cents FROM customs_rows s JOIN customs_corrected c ON s.firm = c.firm AND "
        "s.year = c.year AND coalesce(s.month, 0) = c.month AND s.product = c.product AND "
        "s.destination = c.destination WHERE s.reason = 0 GROUP BY s.firm, s.year, "
        "coalesce(s.month, 0), s.product, s.destination HAVING sum(s.cents) <= 0",
    )
    gone = reading.relations.frame(
        "SELECT CAST(coalesce(sum(n), 0) AS BIGINT) AS n, CAST(coalesce(sum(cents), 0) AS BIGINT) AS cents "
        "FROM customs_netted"
    ).iloc[0]
    return int(gone["n"]), int(gone["cents"])


def _leaving(reading: Reading, zero: int) -> list[tuple[str, int, int | None]]:
    """Rows and cents that leave, by reason in the order of reasons; no pass over the rows where none can.

    Cents are None where no row of the reason has a known amount.
    """
    amounts = {_ZERO, _NEGATIVE}
    if not zero and set(reading.reasons) <= amounts and _NEGATIVE not in reading.reasons:
        return [(words, 0, 0) for words in reading.reasons]
    found = reading.relations.frame(
        "SELECT reason, count(*) AS n, count(cents) AS known, "
        "CAST(coalesce(sum(cents), 0) AS BIGINT) AS cents FROM customs_rows "
        "WHERE reason > 0 GROUP BY reason ORDER BY reason"
    ).set_index("reason")
    lines: list[tuple[str, int, int | None]] = []
    for code, words in enumerate(reading.reasons, 1):
        if code not in found.index:
            lines.append((words, 0, 0))
            continue
        cents = int(found.at[code, "cents"]) if found.at[code, "known"] else None
        lines.append((words, int(found.at[code, "n"]), cents))
    return lines
