"""The files that an evaluator would receive of a programme whose truth is known: customs, roster, register, budget."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from impact.core.errors import ImpactError
from impact.simulate.firm_lives import Bools, FirmLives, Floats, firm_lives
from impact.simulate.programme_papers import (
    COUNTRIES,
    Firms,
    budget_lines,
    draw_firms,
    register_rows,
    roster_rows,
)

CUSTOMS_COLUMNS = (
    "firm_id", "date", "product", "destination", "value", "currency", "quantity", "unit", "regime",
)  # fmt: skip
EXPORT, REEXPORT = "40", "60"
"""Regimes: goods of the country, and goods that only pass through it."""

# Six digits that the nomenclatures of 2007, 2012 and 2017 share; price of a unit in euros, and the unit.
_PRODUCTS: tuple[tuple[str, float, str], ...] = (
    ("060311", 4.1, "kg"), ("071080", 1.6, "kg"), ("080450", 1.2, "kg"), ("080610", 1.7, "kg"),
    ("081190", 2.2, "kg"), ("090111", 3.4, "kg"), ("090121", 8.5, "kg"), ("120740", 1.9, "kg"),
    ("160414", 4.6, "kg"), ("170490", 3.1, "kg"), ("180100", 2.4, "kg"), ("180310", 3.6, "kg"),
    ("180632", 7.9, "kg"), ("200799", 3.3, "kg"), ("210111", 9.8, "kg"), ("220840", 6.2, "l"),
    ("330510", 5.4, "kg"), ("392690", 6.7, "kg"), ("420221", 28.0, "u"), ("420292", 9.5, "u"),
    ("482010", 2.8, "kg"), ("610510", 7.4, "u"), ("610910", 4.9, "u"), ("611020", 9.1, "u"),
    ("620342", 10.2, "u"), ("620462", 11.0, "u"), ("640399", 21.5, "u"), ("691110", 5.8, "kg"),
    ("711311", 34.0, "u"), ("940350", 85.0, "u"), ("940360", 62.0, "u"), ("950300", 6.3, "u"),
)  # fmt: skip
# Namibia's code is NA, which careless readers take for a missing cell.
_DESTINATIONS = (
    "US", "CO", "PE", "EC", "BO", "CL", "MX", "PA", "BR", "DE", "ES", "FR", "NL", "IT", "GB", "CA",
    "JP", "CN", "NA",
)  # fmt: skip
_EURO_AREA = {"DE", "ES", "FR", "NL", "IT"}
_PASSES_THROUGH = ("847130", 380.0, "u", "")
_PAIRS, _OFTEN = (
    8,
    4,
)  # products in places, and shipments of each, that a firm has in a year at most
_REEXPORTS = 0.01  # of the years of a firm's life, whether it exports or not


@dataclass(frozen=True, slots=True, eq=False)
class Deliveries:
    """What was delivered, all of it text, and what is true.

    Attributes
    ----------
    customs : DataFrame
        Shipments: `firm_id, date` (dd/mm/yyyy), `product` (6 or 10 digits), `destination` (ISO alpha-2), `value` (FOB),
        `currency, quantity, unit, regime` ("40" exports, "60" re-exports).
    roster : DataFrame
        `firm_id, programme, service, joined, left, hours, cost, currency, nucleus, partner, consortium,
        country, women_led`; a firm has a row for each service.
    register : DataFrame
        `firm_id, year, employees, sales, wages, currency, sector, region, country, birth_year, size_class, women_led`, a row
        for each year of life, but for a few gaps, which lie between two years that have rows.
    budget : DataFrame
        `programme, year, line, source, committed, disbursed, currency`; services cost what the roster says.
    rates : DataFrame
        `currency, year, rate`: units for a euro.
    deflators : DataFrame
        `area, year, index`.
    truth : DataFrame
        One row per firm and year: `firm_id, year, cohort` (missing = never), `alive, in_register, exporter,
        exporter_without` (without the programme), `effect` (log points), `exports_cents` and `reexports_cents`
        (euro cents of the shipments), `products` (of six digits), `destinations, first_month`.
    """

    customs: pd.DataFrame
    roster: pd.DataFrame
    register: pd.DataFrame
    budget: pd.DataFrame
    rates: pd.DataFrame
    deflators: pd.DataFrame
    truth: pd.DataFrame


def deliveries(
    *,
    firms: int = 400,
    first_year: int = 2008,
    last_year: int = 2015,
    programme_years: Sequence[int] = (2010, 2011, 2012),
    share: float = 0.15,
    seed: int | Sequence[int],
    effect: float = 0.3,
    entry_effect: float = 0.1,
) -> Deliveries:
    """Draw a programme and what an evaluator would receive of it.

    Staff, sales and wages are not moved by the programme. Participants are better firms from the start (see `firm_lives`).

    Parameters
    ----------
    firms : int
        Number of firms that ever live.
    first_year, last_year : int
        Years of the files.
    programme_years : sequence of int
        Years in which firms join.
    share : float
        Share of firms that join.
    seed : int or sequence of int
        Seed; the same seed gives the same cells on every machine.
    effect : float
        Log points that participation adds to yearly exports, from the year of joining on.
    entry_effect : float
        Points that it adds to the probability that a firm begins to export.

    Returns
    -------
    Deliveries

    Raises
    ------
    ImpactError
        If the years do not fit, or too few firms can join.

    Examples
    --------
    >>> got = deliveries(firms=200, seed=1)
    >>> got.roster["firm_id"].nunique(), len(got.truth)
    (30, 1600)
    >>> got.truth.loc[got.truth["cohort"].notna(), "effect"].unique().tolist()
    [0.0, 0.3]
    """
    _refuse(firms, first_year, last_year, programme_years, share)
    years = list(range(first_year, last_year + 1))
    rng = np.random.default_rng(seed)
    lives = firm_lives(firms=firms, years=years, programme_years=programme_years, share=share,
                       effect=effect, entry_effect=entry_effect, rng=rng)  # fmt: skip
    known = draw_firms(firms, rng)
    rates = _rates(years, rng)
    customs = _customs(lives, known, years, rates, rng)
    roster = roster_rows(lives, known, years, rng)
    register, in_register = register_rows(lives, known, years, rng)
    deflators = _deflators(years)
    truth = _truth(lives, known, years, in_register, customs, rates)
    return Deliveries(customs, roster, register, budget_lines(roster), rates, deflators, truth)


def write(delivered: Deliveries, folder: Path) -> list[Path]:
    """Write the files as offices send them; the same deliveries give the same bytes.

    Parameters
    ----------
    delivered : Deliveries
        What to write; the truth is not written.
    folder : Path
        Made where it is missing.

    Returns
    -------
    list of Path
        `customs_<year>.csv.gz` (one a year), `roster.csv` (semicolons and a byte order mark, as spreadsheets write),
        `register.csv`, `budget.csv`, `rates.csv`, `deflators.csv`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     paths = write(deliveries(firms=80, seed=1), Path(name))
    >>> paths[0].name, paths[-1].name
    ('customs_2008.csv.gz', 'deflators.csv')
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    year = delivered.customs["date"].str[-4:]
    for y in sorted(year.unique()):
        paths.append(folder / f"customs_{y}.csv.gz")
        paths[-1].write_bytes(_zipped(_csv(delivered.customs[year == y])))
    paths.append(folder / "roster.csv")
    paths[-1].write_bytes(b"\xef\xbb\xbf" + _csv(delivered.roster, ";"))
    for name in ("register", "budget", "rates", "deflators"):
        paths.append(folder / f"{name}.csv")
        paths[-1].write_bytes(_csv(getattr(delivered, name)))
    return paths


def _csv(frame: pd.DataFrame, delimiter: str = ",") -> bytes:
    text = frame.to_csv(index=False, sep=delimiter, lineterminator="\n")
    return str(text).encode("utf-8")


def _zipped(raw: bytes) -> bytes:
    """Without the time and the name, which would make other bytes each time."""
    out = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(raw)
    return out.getvalue()


def _refuse(
    firms: int, first_year: int, last_year: int, programme_years: Sequence[int], share: float
) -> None:
    if not programme_years or not all(first_year < g <= last_year for g in programme_years):
        raise ImpactError(
            f"Firms must join within {first_year + 1} to {last_year}; got {list(programme_years)}."
        )
    if not 0 < share < 1:
        raise ImpactError(f"share is {share}; it must lie between 0 and 1.")
    if firms < 20:
        raise ImpactError(f"{firms} firms are too few; ask for 20 at least.")


def _rates(years: Sequence[int], rng: np.random.Generator) -> pd.DataFrame:
    """Dollars for a euro. The last digit is odd, so that no amount of whole cents falls on half a euro cent."""
    steps = 13_300 + np.cumsum(rng.integers(-450, 451, len(years)))
    tens = np.clip(steps, 11_000, 15_500) // 10
    text = [f"{(10 * int(t) + 1) / 10_000:.4f}" for t in tens]
    rows = {"currency": "USD", "year": [str(y) for y in years], "rate": text}
    return pd.DataFrame(rows, dtype="str")


def _deflators(years: Sequence[int]) -> pd.DataFrame:
    index = [f"{100 + 1.4 * t:.1f}" for t in range(len(years))]
    rows = {"area": "EA", "year": [str(y) for y in years], "index": index}
    return pd.DataFrame(rows, dtype="str")


def _customs(
    lives: FirmLives,
    known: Firms,
    years: Sequence[int],
    rates: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    rate = dict(zip(rates["year"], rates["rate"].astype("float64"), strict=True))
    rows: list[tuple[str, ...]] = []
    for i, firm_id in enumerate(known.firm_id):
        basket = _basket(COUNTRIES[known.country[i]], rng)
        for t, year in enumerate(years):
            # Each firm-year takes equally many draws, so that an effect on one firm leaves the others' cells alone.
            draws = rng.random((_PAIRS + 1, _OFTEN, 5))
            own = draws[_PAIRS].ravel()
            units = rate[str(year)]
            if lives.alive[i, t] and own[0] < _REEXPORTS:
                line = (_PASSES_THROUGH, basket[0][1], 2_000 + 9_000 * float(own[1]), REEXPORT)
                rows.append(_shipment(firm_id, line, year, 1, units, own[15:]))
            if not lives.exporter[i, t]:
                continue
            # An entrant's first year is a part of one.
            entrant = t > 0 and not lives.exporter[i, t - 1]
            opens = int(own[2] * 9) + 1 if entrant else 1
            for line, cell in _lines(basket, float(lives.exports[i, t]), draws):
                rows.append(_shipment(firm_id, line, year, opens, units, cell))
    frame = pd.DataFrame(rows, columns=[*CUSTOMS_COLUMNS], dtype="str")
    day = frame["date"].str[6:] + frame["date"].str[3:5] + frame["date"].str[:2]
    by = ["day", "firm_id", "product", "destination", "value"]
    return (
        frame.assign(day=day).sort_values(by, kind="stable", ignore_index=True).drop(columns="day")
    )


_Good = tuple[str, float, str, str]  # six digits, price, unit, national digits
_Line = tuple[_Good, str, float, str]  # destination, euros, regime


def _basket(home: str, rng: np.random.Generator) -> list[tuple[_Good, str]]:
    """Products and destinations of a firm, the main one first."""
    first = int(rng.integers(0, len(_PRODUCTS)))
    # Neighbours in the nomenclature are made by the same firm more often than strangers.
    goods = [_PRODUCTS[(first + int(s)) % len(_PRODUCTS)] for s in (0, *rng.integers(1, 4, 3))]
    digits = f"{10 * int(rng.integers(0, 10)):02d}00" if rng.random() < 0.6 else ""
    keys = np.argsort(rng.random(len(_DESTINATIONS)) * np.arange(2, len(_DESTINATIONS) + 2))
    places = [_DESTINATIONS[k] for k in keys if _DESTINATIONS[k] != home]
    return [((*goods[j // 2], digits), places[j]) for j in range(_PAIRS)]


def _lines(
    basket: list[tuple[_Good, str]], exports: float, draws: Floats
) -> list[tuple[_Line, Floats]]:
    """Shipments of a year: larger exporters sell more products in more places."""
    own = draws[_PAIRS].ravel()
    widest = min(_PAIRS, 1 + int(max(np.log(exports) - 8.5, 0) * 1.4))
    picked = [
        (j, k) for j in range(1 + int(own[3] * widest)) for k in range(1 + int(own[4 + j] * _OFTEN))
    ]
    weights = [0.3 + float(draws[j, k, 0]) for j, k in picked]
    whole = sum(weights)
    return [
        ((*basket[j], exports * w / whole, EXPORT), draws[j, k])
        for (j, k), w in zip(picked, weights, strict=True)
    ]


def _shipment(
    firm_id: str, line: _Line, year: int, opens: int, rate: float, draws: Floats
) -> tuple[str, ...]:
    (code, price, unit, digits), destination, euros, regime = line
    _, when, day, how, dear = (float(d) for d in draws)
    date = f"{1 + int(28 * day):02d}/{opens + int((13 - opens) * when):02d}/{year}"
    in_euros = destination in _EURO_AREA and how < 0.75
    value = max(round(euros * (1.0 if in_euros else rate), 2), 0.01)
    quantity = max(round(euros / (price * (0.8 + 0.4 * dear)), 2), 0.01)
    currency = "EUR" if in_euros else "USD"
    return (firm_id, date, code + digits, destination, f"{value:.2f}", currency,
            f"{quantity:.2f}", unit, regime)  # fmt: skip


def euro_cents(value: str, rate: str) -> int:
    """Whole euro cents of an amount, exactly; halves go away from zero.

    Examples
    --------
    >>> euro_cents("100.00", "1.25"), euro_cents("-0.01", "2")
    (8000, -1)
    """
    cents = Fraction(value) * 100 / Fraction(rate)
    whole = (2 * abs(cents) + 1) // 2
    return int(whole if cents > 0 else -whole)


def _truth(
    lives: FirmLives,
    known: Firms,
    years: Sequence[int],
    in_register: Bools,
    customs: pd.DataFrame,
    rates: pd.DataFrame,
) -> pd.DataFrame:
    n, t = lives.alive.shape
    joined = pd.Series(np.repeat(lives.joined, t), dtype="Int64")
    frame = pd.DataFrame(
        {
            "firm_id": pd.Series(np.repeat(known.firm_id, t), dtype="str"),
            "year": np.tile(np.asarray(years), n),
            "cohort": joined.where(joined > 0),
            "alive": lives.alive.ravel(),
            "in_register": in_register.ravel(),
            "exporter": lives.exporter.ravel(),
            "exporter_without": lives.exporter_without.ravel(),
            "effect": lives.effect.ravel(),
        }
    )
    frame = frame.merge(_shipped(customs, rates), on=["firm_id", "year"], how="left")
    return frame.fillna(dict.fromkeys(_COUNTED, 0)).astype(dict.fromkeys(_COUNTED, "int64"))


_COUNTED = ("exports_cents", "reexports_cents", "products", "destinations")


def _shipped(customs: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """Firm-years of the shipments, one shipment after the other in plain Python: no reader has a part in it."""
    rate = {(c, y): r for c, y, r in rates.itertuples(index=False)}
    sums: dict[tuple[str, int], list[int]] = {}
    kinds: dict[tuple[str, int], tuple[set[str], set[str], set[int]]] = {}
    for row in customs.itertuples(index=False):
        year = row.date[-4:]
        key = (row.firm_id, int(year))
        cents = euro_cents(row.value, rate.get((row.currency, year), "1"))
        own = row.regime == EXPORT
        sums.setdefault(key, [0, 0])[0 if own else 1] += cents
        goods, places, months = kinds.setdefault(key, (set(), set(), set()))
        if own:
            goods.add(row.product[:6])
            places.add(row.destination)
            months.add(int(row.date[3:5]))
    rows = [(*k, *sums[k], len(g), len(p), min(m, default=None)) for k, (g, p, m) in kinds.items()]
    columns = [*_COUNTED, "first_month"]
    frame = pd.DataFrame(rows, columns=["firm_id", "year", *columns])
    return frame.astype({"firm_id": "str"} | dict.fromkeys(columns, "Int64"))
