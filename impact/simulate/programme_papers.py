"""Papers of a simulated programme: its firms, the roster, the register, the budget, all of it text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from impact.simulate.firm_lives import Bools, FirmLives, Floats, Ints

COUNTRIES = ("BO", "CO", "EC", "PE")
PROGRAMME = "Exporta Andes"
SERVICES = ("Asesoría", "Misión comercial")
_SECTORS = (
    "0113",
    "0127",
    "1020",
    "1030",
    "1073",
    "1104",
    "1410",
    "1430",
    "1520",
    "2023",
    "3100",
    "3211",
)
_REGIONS = ("Costa", "Norte", "Sierra", "Sur")
_PARTNERS = ("Cámara del Norte", "Cámara del Sur", "Gremio Sierra")
_NUCLEI = ("Alimentos", "Café y cacao", "Confección", "Cuero", "Hogar")
_SIZES = ((10, "micro"), (50, "small"), (250, "medium"))
_UNREGISTERED = 0.02  # firms that no register knows
_GAP = 0.02  # rows of the register that were lost, within a life


@dataclass(frozen=True, slots=True, eq=False)
class Firms:
    """What does not change about each firm; `country`, `sector` and `region` are positions in their lists."""

    firm_id: list[str]
    country: Ints
    sector: Ints
    region: Ints
    women_led: Bools


def draw_firms(firms: int, rng: np.random.Generator) -> Firms:
    """Draw identifiers of nine digits, with leading zeros for about one in six, and what does not change.

    No two identifiers are one number, so that a file that lost its zeros can be told from one that mixes firms.

    Examples
    --------
    >>> draw_firms(60, np.random.default_rng(1)).firm_id[:3]
    ['779650757', '955417326', '032430577']
    """
    seen: set[int] = set()
    ids: list[str] = []
    while len(ids) < firms:
        u = rng.random()
        digits = 9 if u < 0.83 else 8 if u < 0.95 else 7
        number = int(rng.integers(10 ** (digits - 1), 10**digits))
        if number not in seen:
            seen.add(number)
            ids.append(f"{number:09d}")
    return Firms(
        ids,
        rng.integers(0, len(COUNTRIES), firms),
        rng.integers(0, len(_SECTORS), firms),
        rng.integers(0, len(_REGIONS), firms),
        rng.random(firms) < 0.3,
    )


def roster_rows(
    lives: FirmLives, known: Firms, years: Sequence[int], rng: np.random.Generator
) -> pd.DataFrame:
    """Write a row for each service that a firm received; about half receive both, some in two years.

    All services of a firm cost between 3,000 and 15,000 euros.
    """
    rows: list[tuple[str, ...]] = []
    for i in np.flatnonzero(lives.joined).tolist():
        year = int(lives.joined[i])
        both, later, month, total, first, stays, group = rng.random(7)
        cost = int(300_000 + 1_200_000 * total**1.5)
        first_cost = int(cost * (0.4 + 0.4 * first)) if both < 0.5 else cost
        parts = [(SERVICES[0], year, 1 + int(month * 9), first_cost)]
        if both < 0.5:
            t = year + 1 - years[0]
            goes_on = t < len(years) and bool(lives.alive[i, t])
            then = year + (goes_on and later < 0.4)
            parts.append((SERVICES[1], then, 10 + int(later * 3), cost - first_cost))
        partner = _PARTNERS[int(group * len(_PARTNERS))]
        nucleus = _NUCLEI[known.sector[i] % len(_NUCLEI)]
        consortium = f"Consorcio {1 + int(first * 4)}" if stays < 0.4 else ""
        for service, y, m, cents in parts:
            day = 1 + int(rng.integers(0, 28))
            left = f"{day:02d}/{m:02d}/{y + 1}" if rng.random() < 0.6 else ""
            hours = max(8, round(cents / 4_500 * (0.8 + 0.4 * float(rng.random()))))
            rows.append((known.firm_id[i], PROGRAMME, service, f"{day:02d}/{m:02d}/{y}", left,
                         str(hours), _amount(cents), "EUR", nucleus, partner, consortium,
                         COUNTRIES[known.country[i]], _yes(known.women_led[i])))  # fmt: skip
    columns = ["firm_id", "programme", "service", "joined", "left", "hours", "cost", "currency",
               "nucleus", "partner", "consortium", "country", "women_led"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns, dtype="str")
    return frame.sort_values(["firm_id", "service"], kind="stable", ignore_index=True)


def register_rows(
    lives: FirmLives, known: Firms, years: Sequence[int], rng: np.random.Generator
) -> tuple[pd.DataFrame, Bools]:
    """Write a row for each year of a firm's life, and say which firm-years have one.

    Gaps lie between two years that have rows, so that they cannot be taken for a birth or a death.
    """
    n, t = lives.alive.shape
    unknown = rng.random(size=(n,)) < _UNREGISTERED
    lost = rng.random(size=(n, t)) < _GAP
    first = lives.alive.argmax(axis=1)
    last = t - 1 - lives.alive[:, ::-1].argmax(axis=1)
    at = np.arange(t)[None, :]
    inner = (at > first[:, None]) & (at < last[:, None])
    there = lives.alive & ~unknown[:, None] & ~(lost & inner)
    noise: Floats = rng.random(size=(n, t, 3))
    rows = [
        _register_row(lives, known, i, j, years[j], noise[i, j])
        for i, j in zip(*np.nonzero(there), strict=True)
    ]
    columns = ["firm_id", "year", "employees", "sales", "wages", "currency", "sector", "region",
               "country", "birth_year", "size_class", "women_led"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns, dtype="str")
    return frame.sort_values(["year", "firm_id"], kind="stable", ignore_index=True), there


def _register_row(
    lives: FirmLives, known: Firms, i: int, j: int, year: int, noise: Floats
) -> tuple[str, ...]:
    staff = int(lives.staff[i, j])
    wages = round(staff * 480_000 * (0.8 + 0.4 * float(noise[0])))
    home = staff * 1_900_000 * (0.7 + 0.6 * float(noise[1]))
    abroad = 130 * float(lives.exports[i, j]) if lives.exporter[i, j] else 0.0
    sales = _amount(round(home + abroad)) if noise[2] > 0.01 else ""
    size = next(name for below, name in _SIZES if staff < below)
    return (known.firm_id[i], str(year), str(staff), sales, _amount(wages), "USD",
            _SECTORS[known.sector[i]], _REGIONS[known.region[i]], COUNTRIES[known.country[i]],
            str(lives.born[i]), size, _yes(known.women_led[i]))  # fmt: skip


def budget_lines(roster: pd.DataFrame) -> pd.DataFrame:
    """Write what was committed and spent, by year, line and source of money.

    Services cost in each year what the roster's rows of that year sum to; administration is 15 % on top. The EU pays 70 %, the
    partner 20 %, the firms the rest.

    Examples
    --------
    >>> roster = pd.DataFrame({"programme": ["P"], "service": ["S"], "joined": ["01/02/2010"], "cost": ["100.00"]})
    >>> budget_lines(roster)[["line", "source", "disbursed"]].values.tolist()[:3]
    [['S', 'EU', '70.00'], ['S', 'partner', '20.00'], ['S', 'firms', '10.00']]
    """
    cents = roster["cost"].str.replace(".", "").astype("int64")
    year = roster["joined"].str[-4:]
    sums = cents.groupby([roster["programme"], year, roster["service"]]).sum()
    rows: list[tuple[str, ...]] = []
    for (programme, y), of_year in sums.groupby(level=[0, 1]):
        parts = [(str(service), int(v)) for (_, _, service), v in of_year.items()]
        parts.append(("Administration", int(of_year.sum()) * 15 // 100))
        for line, spent in parts:
            eu, partner = spent * 70 // 100, spent * 20 // 100
            shares = (("EU", eu), ("partner", partner), ("firms", spent - eu - partner))
            # Commitments are round sums, a little above what is spent.
            rows += [(str(programme), str(y), line, source, _amount(-(-x * 105 // 10_000_000) * 100_000),
                      _amount(x), "EUR") for source, x in shares]  # fmt: skip
    columns = ["programme", "year", "line", "source", "committed", "disbursed", "currency"]
    return pd.DataFrame(rows, columns=columns, dtype="str")


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
