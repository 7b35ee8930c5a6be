"""The 98 indicators of the Exporter Dynamics Database, and their values in one year for all groups at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

STATISTICS = ("mean", "median", "sd", "q1", "q3")
_ROMAN = ("i", "ii", "iii", "iv", "v")
_TOPS = (1, 5, 25)


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator.

    Attributes
    ----------
    code : str
        As the World Bank names it: A6i is the mean of A6, ii the median, iii the standard deviation, iv and v the quartiles.
    words : str
    statistic : str
        One of `STATISTICS`; empty for counts, rates and shares of the whole.
    unit : str
        `firms`, `amount`, `growth`, `share`, `index`, `products`, `destinations`.
    needs : tuple of int
        Years that must be observed, counted from the row's own.
    of : str
        What is counted in `n`.
    """

    code: str
    words: str
    statistic: str
    unit: str
    needs: tuple[int, ...]
    of: str = "firms"


def indicators(exit_dating: str) -> list[Indicator]:
    """All indicators, in order.

    Examples
    --------
    >>> found = indicators("first_absent")
    >>> len(found), found[0].words, found[5].code
    (98, 'exporters', 'A6i')
    """
    left = (-1,) if exit_dating == "first_absent" else (1,)
    entered, stayed, both = (-1,), (-1, 1), (-1,)
    found = [
        Indicator("A1", "exporters", "", "firms", ()),
        Indicator("A2", "entrants", "", "firms", entered),
        Indicator("A3", "exiters", "", "firms", left),
        Indicator("A4", "surviving entrants", "", "firms", stayed),
        Indicator("A5", "incumbents", "", "firms", both),
    ]

    def spread(
        code: str, words: str, unit: str, needs: tuple[int, ...], k: int, of: str = "firms"
    ) -> None:
        found.extend(Indicator(f"{code}{_ROMAN[i]}", words, STATISTICS[i], unit, needs, of) for i in range(k))  # fmt: skip

    groups = (("exporter", ()), ("entrant", entered), ("exiter", left), ("surviving entrant", stayed), ("incumbent", both))  # fmt: skip
    for i, (who, needs) in enumerate(groups, 6):
        spread(f"A{i}", f"export value per {who}", "amount", needs, 5)
    spread("A11", "growth of incumbents", "growth", both, 5)
    spread("A12", "growth of surviving entrants", "growth", stayed, 5)
    found.append(Indicator("B1", "Herfindahl-Hirschman index", "", "index", ()))
    found += [Indicator(f"B2{_ROMAN[i]}", f"share of the top {p} % of exporters in exports", "", "share", ())
              for i, p in enumerate(_TOPS)]  # fmt: skip
    spread("B3", "products per exporter", "products", (), 3)
    spread("B4", "destinations per exporter", "destinations", (), 3)
    spread("B5", "exporters per product", "firms", (), 3, "products")
    spread("B6", "exporters per destination", "firms", (), 3, "destinations")
    found += [
        Indicator("C1", "entry rate", "", "share", entered),
        Indicator("C2", "exit rate", "", "share", left),
        Indicator("C3", "first-year survival rate of entrants", "", "share", stayed),
        Indicator("C4", "share of entrants in exports", "", "share", entered),
        Indicator("C5", "second-year survival rate of entrants", "", "share", (-1, 1, 2)),
        Indicator("C6", "third-year survival rate of entrants", "", "share", (-1, 1, 2, 3)),
    ]
    for letter, line in (("D", "product"), ("E", "destination")):
        spread(f"{letter}1", f"{line} entry rate of incumbents", "share", both, 3)
        spread(f"{letter}2", f"{line} entry rate of surviving entrants", "share", stayed, 3)
        spread(f"{letter}3", f"share of new {line}s in exports of incumbents", "share", both, 3)
        spread(
            f"{letter}4",
            f"share of new {line}s in exports of surviving entrants",
            "share",
            stayed,
            3,
        )
        spread(f"{letter}5", f"{line} exit rate of incumbents", "share", both, 3)
        spread(f"{letter}6", f"{line} survival rate of 2-year incumbents", "share", stayed, 3)
    return found


@dataclass(frozen=True, slots=True)
class Cells:
    """Values of one indicator in one year, one per group, with the counts behind them."""

    value: Floats
    n: Whole
    at_risk: Whole | None = None
    event: Whole | None = None


def spread_of(values: Floats, group: Whole, groups: int) -> dict[str, Floats]:
    """Mean, median, standard deviation and quartiles by group: `n` and `STATISTICS`; missing where there is no value.

    A quantile p of n sorted values is the value at place p n rounded up, or the mean of it and the next where p n is
    whole: Stata's, and numpy's "averaged_inverted_cdf". The standard deviation has n - 1 below, and is missing for one value.

    Examples
    --------
    >>> found = spread_of(np.array([4.0, 1.0, 2.0, 3.0]), np.zeros(4, dtype="int64"), 1)
    >>> [float(found[s][0]) for s in ("n", "mean", "median", "q1", "q3")]
    [4.0, 2.5, 2.5, 1.5, 3.5]
    """
    known = ~np.isnan(values)
    order = np.lexsort((values[known], group[known]))
    x, g = values[known][order], group[known][order]
    n = np.bincount(g, minlength=groups)
    first = np.cumsum(n) - n
    some, many = n > 0, n > 1
    mean, sd = np.full(groups, np.nan), np.full(groups, np.nan)
    mean[some] = _sums(x, first[some]) / n[some]
    squares = _sums((x - mean[g]) ** 2, first[some])
    sd[many] = np.sqrt(squares[many[some]] / (n[many] - 1))
    found = {"n": n.astype("float64"), "mean": mean, "sd": sd}
    for name, quarters in (("q1", 1), ("median", 2), ("q3", 3)):
        at = np.full(groups, np.nan)
        exact = quarters * n[some]
        above = first[some] + (exact + 3) // 4 - 1
        also = np.where(exact % 4 == 0, above + 1, above)
        at[some] = (x[above] + x[also]) / 2
        found[name] = at
    return found


def _sums(values: npt.NDArray[np.float64], starts: Whole) -> Floats:
    """Sums of runs of an array; each begins where the one before ends."""
    if not len(starts):
        return np.zeros(0)
    return np.asarray(np.add.reduceat(values, starts), dtype="float64")


def _ratio(above: npt.NDArray[np.generic], below: npt.NDArray[np.generic]) -> Floats:
    """A quotient that is missing where nobody is below."""
    x, n = np.asarray(above, dtype="float64"), np.asarray(below, dtype="float64")
    return np.asarray(np.divide(x, n, out=np.full(len(x), np.nan), where=n > 0))


def growth_of(now: Floats, before: Floats, growth: str) -> Floats:
    """Growth from one year to the next: "log", "rate" (x/y - 1) or "midpoint" (2(x - y)/(x + y)).

    Examples
    --------
    >>> growth_of(np.array([3.0]), np.array([1.0]), "midpoint").tolist()
    [1.0]
    """
    if growth == "log":
        return np.asarray(np.log(now) - np.log(before))
    if growth == "rate":
        return now / before - 1
    return 2 * (now - before) / (now + before)


class YearOf:
    """The exporters of one year, by group, and what is made of them."""

    def __init__(self, rows: pd.DataFrame, groups: int, per_unit: float, growth: str) -> None:
        self.groups, self.per_unit, self.growth = groups, per_unit, growth
        self.columns = {str(c): rows[c].to_numpy() for c in rows.columns}
        self.group = self.columns["grp"].astype("int64") - 1
        self.cents = self.columns["cents"].astype("int64")
        before, after = self.float("before"), self.float("after")
        self.everyone = np.ones(len(rows), dtype=bool)
        self.known = ~np.isnan(before)
        self.entrant, self.incumbent = before == 0, before == 1
        self.followed = ~np.isnan(after)
        self.left = after == 0
        self.survivor = self.entrant & (after == 1)

    def float(self, name: str) -> Floats:
        """A column of doubles; missing throughout where the data do not have it."""
        found = self.columns.get(name)
        if found is None:
            return np.full(len(self.group), np.nan)
        return np.asarray(found, dtype="float64")

    def count(self, which: npt.NDArray[np.bool_]) -> Whole:
        """Rows of each group."""
        return np.bincount(self.group[which], minlength=self.groups)

    def exports(self, which: npt.NDArray[np.bool_]) -> Whole:
        """Sum of exports of each group, exact."""
        sums = np.zeros(self.groups, dtype="int64")
        np.add.at(sums, self.group[which], self.cents[which])
        return sums

    def of_event(self, risk: npt.NDArray[np.bool_], event: npt.NDArray[np.bool_], *, someone: npt.NDArray[np.bool_]) -> tuple[Cells, Cells]:  # fmt: skip
        """How many had an event, and their rate. `someone`: rows that make a count of 0 with nobody at risk unknown."""
        n, k = self.count(risk), self.count(risk & event)
        unknown = (n == 0) & (self.count(someone) > 0)
        number = np.where(unknown, np.nan, k.astype("float64"))
        return Cells(number, n, n, k), Cells(_ratio(k, n), n, n, k)

    def spread(self, code: str, values: Floats, which: npt.NDArray[np.bool_], k: int) -> dict[str, Cells]:  # fmt: skip
        """The first k statistics of values of some rows."""
        found = spread_of(values[which], self.group[which], self.groups)
        n = found["n"].astype("int64")
        return {f"{code}{_ROMAN[i]}": Cells(found[STATISTICS[i]], n) for i in range(k)}


def exiter_values(year: YearOf) -> dict[str, Cells]:
    """A3, C2 and A8 from the exporters of the last year before an exit."""
    number, rate = year.of_event(year.followed, year.left, someone=year.everyone)
    amounts = year.cents / year.per_unit
    return {"A3": number, "C2": rate, **year.spread("A8", amounts, year.left, 5)}


def year_values(year: YearOf, lines: Sequence[str]) -> dict[str, Cells]:
    """All other indicators of the exporters of a year."""
    amounts = year.cents / year.per_unit
    n = year.count(year.everyone)
    entered, entry = year.of_event(year.known, year.entrant, someone=year.everyone)
    risk = year.entrant & year.followed
    survived, survival = year.of_event(risk, year.survivor, someone=year.entrant)
    stayed, _ = year.of_event(year.known, year.incumbent, someone=year.everyone)
    found = {"A1": Cells(n.astype("float64"), n), "A2": entered, "A4": survived, "A5": stayed, "C1": entry, "C3": survival}  # fmt: skip
    for code, which in (("A6", year.everyone), ("A7", year.entrant), ("A9", year.survivor), ("A10", year.incumbent)):  # fmt: skip
        found |= year.spread(code, amounts, which, 5)
    now, last, later = year.cents.astype("float64"), year.float("cents_before"), year.float("cents_after")  # fmt: skip
    found |= year.spread("A11", growth_of(now, last, year.growth), year.incumbent, 5)
    found |= year.spread("A12", growth_of(later, now, year.growth), year.survivor, 5)
    found |= _concentration(year, n)
    new = year.exports(year.entrant)
    found["C4"] = Cells(_ratio(new, year.exports(year.known)), entered.n, entered.n, entered.event)
    for code, years in (("C5", 2), ("C6", 3)):
        alive = year.float(f"survives_{years}")
        _, found[code] = year.of_event(year.entrant & ~np.isnan(alive), alive == 1, someone=year.entrant)  # fmt: skip
    for letter, per, line in (("D", "B3", "product"), ("E", "B4", "destination")):
        if line in lines:
            found |= year.spread(per, year.float(f"{line}s"), year.everyone, 3)
            found |= _line_churn(year, letter, line)
    return found


def _line_churn(year: YearOf, letter: str, line: str) -> dict[str, Cells]:
    entry, share = year.float(f"{line}_entry"), year.float(f"{line}_share")
    found: dict[str, Cells] = {}
    for i, (values, which) in enumerate((
        (entry, year.incumbent), (entry, year.survivor), (share, year.incumbent), (share, year.survivor),
        (year.float(f"{line}_exit"), year.incumbent), (year.float(f"{line}_survival"), year.incumbent),
    ), 1):  # fmt: skip
        found |= year.spread(f"{letter}{i}", values, which, 3)
    return found


def _concentration(year: YearOf, n: Whole) -> dict[str, Cells]:
    """B1 and B2: exporters by size, the largest first; the top p % of n exporters are p n / 100 of them, rounded up."""
    order = np.lexsort((-year.cents, year.group))
    cents, group = year.cents[order], year.group[order]
    total = year.exports(year.everyone)
    first = np.cumsum(n) - n
    some = n > 0
    share = cents / np.where(total > 0, total, 1)[group]
    hhi = np.full(year.groups, np.nan)
    hhi[some] = _sums(share**2, first[some])
    found = {"B1": Cells(hhi, n)}
    place = np.arange(len(cents)) - first[group]
    for i, percent in enumerate(_TOPS):
        k = (percent * n + 99) // 100
        top = np.zeros(year.groups, dtype="int64")
        within = place < k[group]
        np.add.at(top, group[within], cents[within])
        found[f"B2{_ROMAN[i]}"] = Cells(_ratio(top, total), n, n, k)
    return found


def line_values(code: str, counts: pd.DataFrame, groups: int) -> dict[str, Cells]:
    """B5 or B6 of one year from `grp, exporters, lines`: how many lines have so many exporters."""
    times = counts["lines"].to_numpy(dtype="int64")
    values = np.repeat(counts["exporters"].to_numpy(dtype="float64"), times)
    found = spread_of(values, np.repeat(counts["grp"].to_numpy(dtype="int64") - 1, times), groups)
    n = found["n"].astype("int64")
    return {f"{code}{_ROMAN[i]}": Cells(found[STATISTICS[i]], n) for i in range(3)}
