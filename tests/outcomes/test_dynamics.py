"""Exporter dynamics: ten firms worked by hand, a slow twin for all 98 indicators, and what must not matter."""

from __future__ import annotations

import gzip
import statistics
from collections import defaultdict
from math import ceil, log, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.outcomes import dynamics_sql, dynamics_table, line_years
from impact.outcomes.edd_indicators import spread_of

TRADE = (
    Path(__file__).parents[3] / "shared" / "data" / "eurostat_eu15_trade_2007_2016" / "trade.csv.gz"
)

# Each firm is a row, each year a cell; p6+q4 is 6 of product p and 4 of product q.
TEN_FIRMS = """
     2010   2011   2012   2013   2014
a    p6+q4  p10    p6+r4  p6+r6  p12
b    p20    p20    .      .      .
c    p5     .      p5     p5     .
d    .      q8     q8+r2  q10    q10
e    .      p4     .      .      .
f    .      q2     q3     .      q4
g    .      .      r10    r10    .
h    .      .      r6     .      .
i    .      .      .      p9+q1  p8+q2
j    .      .      .      .      r30
"""


def drawn(text: str) -> pd.DataFrame:
    head, *lines = text.strip().splitlines()
    rows = []
    for line in lines:
        firm, *cells = line.split()
        for year, cell in zip(head.split(), cells, strict=True):
            for part in [] if cell == "." else cell.split("+"):
                rows.append((firm, int(year), part[0], "DE", float(part[1:])))
    return pd.DataFrame(rows, columns=["firm_id", "year", "product", "destination", "value"])


def values(found: impact.DynamicsResult, code: str) -> list[float]:
    rows = found.tidy()
    return [float(v) for v in rows.loc[rows["code"] == code, "value"]]


def same(found: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=0)


@pytest.fixture(scope="module")
def ten() -> impact.DynamicsResult:
    return impact.dynamics(drawn(TEN_FIRMS))


class TestTenFirms:
    """Values in the order of 2010 to 2014; every missing one is missing for a reason, never 0."""

    def test_counts(self, ten: impact.DynamicsResult) -> None:
        # abc; abdef; acdfgh; acdgi; adfij
        same(values(ten, "A1"), [3, 5, 6, 5, 5])
        # def; cgh; i; fj
        same(values(ten, "A2"), [nan, 3, 3, 1, 2])
        # c; be; fh; cg
        same(values(ten, "A3"), [nan, 1, 2, 2, 2])
        # df of def; cg of cgh; i; nobody knows of fj
        same(values(ten, "A4"), [nan, 2, 2, 1, nan])
        # ab; adf; acdg; adi
        same(values(ten, "A5"), [nan, 2, 3, 4, 3])

    def test_rates(self, ten: impact.DynamicsResult) -> None:
        same(values(ten, "C1"), [nan, 3 / 5, 3 / 6, 1 / 5, 2 / 5])
        same(
            values(ten, "C2"), [nan, 1 / 3, 2 / 5, 2 / 6, 2 / 5]
        )  # of the exporters of the year before
        same(values(ten, "C3"), [nan, 2 / 3, 2 / 3, 1.0, nan])
        # Exports 14 of def in 44, 21 of cgh in 44, 10 of i in 47, 34 of fj in 66.
        same(values(ten, "C4"), [nan, 14 / 44, 21 / 44, 10 / 47, 34 / 66])
        # To t + 2: d of def; nobody of cgh; 2015 is not there for i. To t + 3: d.
        same(values(ten, "C5"), [nan, 1 / 3, 0.0, nan, nan])
        same(values(ten, "C6"), [nan, 1 / 3, nan, nan, nan])

    def test_values_per_exporter(self, ten: impact.DynamicsResult) -> None:
        # 2012: 3 5 6 10 10 10. Place 1.5 is the second, 3 is the mean of third and fourth, 4.5 the fifth.
        assert [values(ten, f"A6{s}")[2] for s in ("i", "ii", "iv", "v")] == [
            44 / 6,
            8.0,
            5.0,
            10.0,
        ]
        # Squares sum to 370, less 44^2/6, by 5.
        same([values(ten, "A6iii")[2]], [((370 - 44**2 / 6) / 5) ** 0.5])
        same(values(ten, "A7i"), [nan, 14 / 3, 7.0, 10.0, 17.0])
        # In their last year: c 5; b 20, e 4; f 3, h 6; c 5, g 10.
        same(values(ten, "A8i"), [nan, 5.0, 12.0, 4.5, 7.5])
        # In the year of entry: d 8, f 2; c 5, g 10; i 10.
        same(values(ten, "A9i"), [nan, 5.0, 7.5, 10.0, nan])
        same(values(ten, "A10i"), [nan, 15.0, 23 / 3, 37 / 4, 32 / 3])
        assert values(ten, "A9iii")[3] is not None and np.isnan(values(ten, "A9iii")[3])  # one firm

    def test_growth(self, ten: impact.DynamicsResult) -> None:
        # 2012: a 10 to 10, d 8 to 10, f 2 to 3.
        same([values(ten, "A11ii")[2]], [log(10) - log(8)])
        # Entrants of 2011 that go on: d 8 to 10, f 2 to 3; of 2012: c 5 to 5, g 10 to 10; of 2013: i 10 to 10.
        same(values(ten, "A12v"), [nan, log(3) - log(2), 0.0, 0.0, nan])
        rate = impact.dynamics(drawn(TEN_FIRMS), growth="rate")
        same(values(rate, "A12i"), [nan, (0.25 + 0.5) / 2, 0.0, 0.0, nan])
        midpoint = impact.dynamics(drawn(TEN_FIRMS), growth="midpoint")
        same([values(midpoint, "A12i")[1]], [(2 * 2 / 18 + 2 * 1 / 5) / 2])

    def test_concentration(self, ten: impact.DynamicsResult) -> None:
        same([values(ten, "B1")[0]], [(10**2 + 20**2 + 5**2) / 35**2])
        # Of six exporters the top 1 % and 5 % are one, the top 25 % are two.
        assert [values(ten, f"B2{s}")[2] for s in ("i", "ii", "iii")] == [10 / 44, 10 / 44, 20 / 44]
        same(values(ten, "B3i"), [4 / 3, 1.0, 8 / 6, 7 / 5, 6 / 5])
        # 2012: p of a c, q of d f, r of a d g h.
        assert [values(ten, f"B5{s}")[2] for s in ("i", "ii")] == [8 / 3, 2.0]
        same([values(ten, "B5iii")[2]], [(4 / 3) ** 0.5])
        same(values(ten, "B6i"), [3, 5, 6, 5, 5])

    def test_products(self, ten: impact.DynamicsResult) -> None:
        # New products of incumbents. 2012: a r of pr, d r of qr, f none. 2014: a none, d none, i none.
        same(values(ten, "D1i"), [nan, 0.0, (1 / 2 + 1 / 2 + 0) / 3, 0.0, 0.0])
        same(values(ten, "D3i"), [nan, 0.0, (4 / 10 + 2 / 10 + 0) / 3, 0.0, 0.0])
        # Entrants of 2011 in 2012: d r of qr, f none.
        same(values(ten, "D2i"), [nan, 1 / 4, 0.0, 0.0, nan])
        same(values(ten, "D4i"), [nan, 1 / 10, 0.0, 0.0, nan])
        # Gone: 2011 a q of pq, b none; 2013 d r of qr, a c g none; 2014 a r of pr, d i none.
        same(values(ten, "D5i"), [nan, 1 / 4, 0.0, 1 / 8, 1 / 6])
        # New in 2012 and there in 2013: a r yes, d r no. In other years nobody has a new product.
        same(values(ten, "D6i"), [nan, nan, 1 / 2, nan, nan])
        rows = ten.tidy().set_index(["code", "year"])
        assert rows.loc[("D6i", 2012), "n"] == 2
        assert rows.loc[("D6i", 2013), "flags"] == "nobody is behind it"

    def test_exit_dated_at_the_last_year(self) -> None:
        last = impact.dynamics(drawn(TEN_FIRMS), exit_dating="last")
        same(values(last, "A3"), [1, 2, 2, 2, nan])
        same(values(last, "C2"), [1 / 3, 2 / 5, 2 / 6, 2 / 5, nan])
        same(values(last, "A8i"), [5.0, 12.0, 4.5, 7.5, nan])
        assert "Exit dating 'last'" in last.summary()
        assert "of the exporters of the year." in last.summary()

    def test_every_number_has_its_count(self, ten: impact.DynamicsResult) -> None:
        rows = ten.tidy().set_index(["code", "year"])
        assert rows.loc[("C2", 2013), ["n", "n_at_risk", "n_event"]].tolist() == [6, 6, 2]
        assert rows.loc[("C3", 2011), ["n", "n_at_risk", "n_event"]].tolist() == [3, 3, 2]
        assert rows.loc[("A8i", 2012), "n"] == 2
        assert (rows.loc[rows["value"].notna(), "n"] > 0).all()
        assert rows.loc[rows["value"].isna(), "flags"].ne("").all()
        assert rows.loc[("C1", 2010), "flags"] == "exports of 2009 are not observed"
        assert rows.loc[("C6", 2012), "flags"] == "exports of 2015 are not observed"

    def test_the_first_and_the_last_year_are_missing(self, ten: impact.DynamicsResult) -> None:
        rows = ten.tidy()
        past = rows["code"].str.match(r"A[2345789]|A1[012]|C|D|E")
        future = rows["code"].str.match(r"A[49]|A12|C[356]|[DE][246]")
        assert rows.loc[past & (rows["year"] == 2010), "value"].isna().all()
        assert rows.loc[future & (rows["year"] == 2014), "value"].isna().all()
        assert rows.loc[~past & rows["statistic"].ne("sd"), "value"].notna().all()

    def test_no_warning_for_plausible_rates(self, ten: impact.DynamicsResult) -> None:
        assert ten.notes == ()
        assert "Warning" not in ten.summary()

    def test_a_gap_makes_missing_what_needs_it(self) -> None:
        rows = drawn(TEN_FIRMS)
        found = impact.dynamics(rows[rows["year"] != 2012])
        same(values(found, "A1"), [3, 5, nan, 5, 5])
        same(values(found, "C1"), [nan, 3 / 5, nan, nan, 2 / 5])
        same(values(found, "C2"), [nan, 1 / 3, nan, nan, 2 / 5])
        same(values(found, "C3"), [nan] * 5)

    def test_the_table_fits_a_terminal(self, ten: impact.DynamicsResult) -> None:
        table = ten.summary().split("\n\n")[0].splitlines()
        assert len(table) == 7
        assert max(map(len, table)) <= 100
        assert table[2].split() == [
            "2010",
            "3",
            "–",
            "–",
            "–",
            "–",
            "–",
            "–",
            "57.1",
            "0.4286",
            "12",
        ]

    def test_wide(self, ten: impact.DynamicsResult) -> None:
        wide = ten.wide()
        assert wide.shape == (98, 5)
        assert wide.index.get_level_values("code")[:6].tolist() == [
            "A1",
            "A2",
            "A3",
            "A4",
            "A5",
            "A6i",
        ]


def test_a_rate_out_of_the_band_is_warned_of() -> None:
    stays = pd.DataFrame(
        {"firm_id": list("abcd") * 3, "year": sorted([2010, 2011, 2012] * 4), "value": 1.0}
    )
    found = impact.dynamics(stays)
    assert len(found.notes) == 2
    assert "the entry rate is outside 15 to 65 % in 2011 (0 %), 2012 (0 %)" in found.summary()
    flagged = found.tidy().query("flags.str.contains('outside')", engine="python")
    assert set(flagged["code"]) == {"C1", "C2"} and set(flagged["year"]) == {2011, 2012}


def test_a_break_of_coverage_is_warned_of() -> None:
    rng = np.random.default_rng(5)
    rows = [(f"f{i}", y) for y in range(2008, 2016) for i in range(200) if rng.random() < (0.35 if y == 2011 else 0.85)]  # fmt: skip
    found = impact.dynamics(pd.DataFrame(rows, columns=["firm_id", "year"]).assign(value=5.0))
    assert any("a break of coverage is likely in 2011 (number of firms" in n for n in found.notes)
    flags = found.tidy().set_index(["code", "year"])["flags"]
    assert "coverage breaks nearby" in flags[("C1", 2012)]
    assert "coverage breaks nearby" not in flags[("C1", 2015)]


def random_rows(seed: int, firms: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for firm in range(firms):
        for year in range(2001, 2008):
            if rng.random() < 0.55:
                for _ in range(rng.integers(1, 5)):
                    rows.append((f"f{firm:02}", year, f"{rng.integers(10, 14)}0{rng.integers(1, 3)}",
                                 str(rng.choice(["DE", "FR", "US"])), round(float(rng.lognormal(3, 2)), 2)))  # fmt: skip
    return pd.DataFrame(rows, columns=["firm_id", "year", "product", "destination", "value"])


def twin(rows: pd.DataFrame, exit_dating: str = "first_absent", minimum: float = 0.0) -> dict[tuple[str, int], float]:  # fmt: skip
    """All 98 indicators, by loops over firms."""
    sold: dict[str, dict[int, dict[str, dict[Any, float]]]] = defaultdict(dict)
    for firm, year, product, destination, value in rows[["firm_id", "year", "product", "destination", "value"]].itertuples(index=False):  # fmt: skip
        cell = sold[firm].setdefault(
            year, {"product": defaultdict(float), "destination": defaultdict(float)}
        )
        cell["product"][product] += value
        cell["destination"][destination] += value
    total = {
        f: {y: sum(c["product"].values()) for y, c in years.items()} for f, years in sold.items()
    }
    total = {f: {y: x for y, x in years.items() if x > minimum} for f, years in total.items()}
    first, last = int(rows["year"].min()), int(rows["year"].max())
    found: dict[tuple[str, int], float] = {}

    def spread(code: str, year: int, numbers: list[float], k: int) -> None:
        numbers = sorted(numbers)

        def quantile(quarters: int) -> float:
            place = quarters * len(numbers) / 4
            if place == int(place):
                return (numbers[int(place) - 1] + numbers[int(place)]) / 2
            return numbers[ceil(place) - 1]

        n = len(numbers)
        five = [nan] * 5 if not n else [
            statistics.fmean(numbers), quantile(2), statistics.stdev(numbers) if n > 1 else nan, quantile(1), quantile(3)]  # fmt: skip
        for roman, number in zip(("i", "ii", "iii", "iv", "v")[:k], five, strict=False):
            found[f"{code}{roman}", year] = number

    def rate(above: float, below: float) -> float:
        return above / below if below else nan

    for t in range(first, last + 1):

        def exports(f: str, y: int) -> bool:
            return y in total[f]

        past, future = t > first, t < last
        everyone = [f for f in total if exports(f, t)]
        entrants = [f for f in everyone if not exports(f, t - 1)] if past else []
        incumbents = [f for f in everyone if exports(f, t - 1)] if past else []
        survivors = [f for f in entrants if exports(f, t + 1)] if future else []
        base = t - 1 if exit_dating == "first_absent" else t
        told = first <= base < last
        exiters = (
            [f for f in total if exports(f, base) and not exports(f, base + 1)] if told else []
        )
        x = {f: total[f][t] for f in everyone}
        found["A1", t] = len(everyone)
        found["A2", t] = len(entrants) if past else nan
        found["A3", t] = len(exiters) if told else nan
        found["A4", t] = len(survivors) if past and future else nan
        found["A5", t] = len(incumbents) if past else nan
        spread("A6", t, list(x.values()), 5)
        spread("A7", t, [x[f] for f in entrants], 5)
        spread("A8", t, [total[f][base] for f in exiters], 5)
        spread("A9", t, [x[f] for f in survivors], 5)
        spread("A10", t, [x[f] for f in incumbents], 5)
        spread("A11", t, [log(x[f]) - log(total[f][t - 1]) for f in incumbents], 5)
        spread("A12", t, [log(total[f][t + 1]) - log(x[f]) for f in survivors], 5)
        whole = sum(x.values())
        found["B1", t] = sum((v / whole) ** 2 for v in x.values()) if x else nan
        for roman, share in (("i", 1), ("ii", 5), ("iii", 25)):
            top = sorted(x.values(), reverse=True)[: -(-share * len(x) // 100)]
            found[f"B2{roman}", t] = rate(sum(top), whole)
        found["C1", t] = rate(len(entrants), len(everyone)) if past else nan
        found["C2", t] = rate(len(exiters), sum(exports(f, base) for f in total)) if told else nan
        found["C4", t] = rate(sum(x[f] for f in entrants), whole) if past else nan
        for code, h in (("C3", 1), ("C5", 2), ("C6", 3)):
            alive = sum(all(exports(f, t + i) for i in range(1, h + 1)) for f in entrants)
            found[code, t] = rate(alive, len(entrants)) if past and t + h <= last else nan
        for letter, per, each, line in (
            ("D", "B3", "B5", "product"),
            ("E", "B4", "B6", "destination"),
        ):

            def of(f: str, y: int, line: str = line) -> dict[Any, float]:
                return sold[f][y][line]

            spread(per, t, [len(of(f, t)) for f in everyone], 3)
            holders: dict[Any, int] = defaultdict(int)
            for f in everyone:
                for one in of(f, t):
                    holders[one] += 1
            spread(each, t, list(holders.values()), 3)
            for i, (who, y) in enumerate(((incumbents, t), (survivors, t + 1)), 1):
                new = {f: [k for k in of(f, y) if k not in of(f, y - 1)] for f in who}
                spread(f"{letter}{i}", t, [len(new[f]) / len(of(f, y)) for f in who], 3)
                spread(
                    f"{letter}{i + 2}",
                    t,
                    [sum(of(f, y)[k] for k in new[f]) / total[f][y] for f in who],
                    3,
                )
            spread(
                f"{letter}5",
                t,
                [
                    sum(k not in of(f, t) for k in of(f, t - 1)) / len(of(f, t - 1))
                    for f in incumbents
                ],
                3,
            )
            kept = []
            for f in incumbents if future else []:
                fresh = [k for k in of(f, t) if k not in of(f, t - 1)]
                if exports(f, t + 1) and fresh:
                    kept.append(sum(k in of(f, t + 1) for k in fresh) / len(fresh))
            spread(f"{letter}6", t, kept, 3)
    return found


def agrees(
    found: impact.DynamicsResult, expected: dict[tuple[str, int], float], rtol: float = 1e-11
) -> None:
    rows = found.tidy()
    assert len(rows) == len(expected)
    wanted = [expected[code, year] for code, year in zip(rows["code"], rows["year"], strict=True)]
    np.testing.assert_allclose(rows["value"], wanted, rtol=rtol, atol=1e-12)


class TestTwin:
    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("exit_dating", ["first_absent", "last"])
    def test_all_indicators(self, seed: int, exit_dating: str) -> None:
        rows = random_rows(seed)
        agrees(impact.dynamics(rows, exit_dating=exit_dating), twin(rows, exit_dating))

    def test_with_a_minimum(self) -> None:
        rows = random_rows(11)
        agrees(impact.dynamics(rows, minimum=60.0), twin(rows, minimum=60.0))

    def test_few_firms(self) -> None:
        rows = random_rows(4, firms=4)
        assert rows["year"].nunique() == 7
        agrees(impact.dynamics(rows), twin(rows))

    def test_fetched_year_by_year(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = random_rows(19)
        monkeypatch.setattr(dynamics_table, "_AT_ONCE", 10)
        agrees(impact.dynamics(rows), twin(rows))

    def test_in_parts_that_fit_into_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = random_rows(12)
        monkeypatch.setattr(line_years, "_ROWS_A_PART", 60)
        agrees(impact.dynamics(rows), twin(rows))

    def test_by_destination_is_the_file_of_that_destination(self) -> None:
        rows = random_rows(13, firms=90)
        found = impact.dynamics(rows, by="destination")
        assert found.by == "destination"
        for destination, part in found.tidy().groupby("destination"):
            alone = impact.dynamics(rows[rows["destination"] == destination]).tidy()
            single = alone["code"].str.match("E|B4|B6")
            left = part.reset_index(drop=True)
            pd.testing.assert_frame_equal(
                left.loc[~single, ["year", "code", "value", "n", "n_at_risk", "n_event"]],
                alone.loc[~single, ["year", "code", "value", "n", "n_at_risk", "n_event"]],
            )
            assert left.loc[single & (left["year"] == 2004), "value"].isna().all()
            assert set(left.loc[single & (left["year"] == 2004), "flags"]) == {
                "each group is one destination"
            }

    def test_by_first_digits_of_products(self) -> None:
        rows = random_rows(14, firms=90)
        found = impact.dynamics(rows, by="product", digits=2).tidy()
        assert found["product"].unique().tolist() == ["10", "11", "12", "13"]
        alone = impact.dynamics(rows[rows["product"].str.startswith("11")]).tidy()
        np.testing.assert_array_equal(found.loc[found["product"] == "11", "value"], alone["value"])
        whole = impact.dynamics(rows, by="product").tidy()
        assert whole.loc[whole["code"].str.startswith("D"), "value"].isna().all()

    def test_numbers_have_lost_the_zero_that_begins_a_chapter(self) -> None:
        """Coffee is 090111, chapter 09; of the number 90111 the first two digits are 90, instruments. Refused, with the way out."""
        rows = pd.DataFrame({"firm_id": list("aabb"), "year": [2010, 2011] * 2, "product": [90111, 901890, 90111, 901890],
                             "value": 1.0})  # fmt: skip
        for numbers in (rows, rows.astype({"product": "float64"}), impact.shipments(rows),
                        rows.assign(product=pd.Categorical(rows["product"]))):  # fmt: skip
            with pytest.raises(impact.DataError, match=r"'product' holds numbers, such as 90111.*zfill\(6\)"):  # fmt: skip
                impact.dynamics(numbers, by="product", digits=2)
        assert len(impact.dynamics(rows, by="product").tidy())  # whole codes are told apart
        text = rows.assign(product=rows["product"].astype(str).str.zfill(6))
        found = impact.dynamics(text, by="product", digits=np.int64(2)).tidy()  # type: ignore[arg-type]
        assert found["product"].unique().tolist() == ["09", "90"]
        mixed = rows.assign(product=["090111", 901890, "090111", 901890])
        with pytest.raises(impact.DataError, match="such as 901890"):
            impact.dynamics(mixed, by="product", digits=2)

    def test_by_sector_of_firms(self) -> None:
        rows = random_rows(15)
        names = sorted(rows["firm_id"].unique())
        sector = pd.Series({f: "food" if i % 2 else "cloth" for i, f in enumerate(names[:-4])}, name="sector")  # fmt: skip
        found = impact.dynamics(rows, by=sector)
        tidy = found.tidy()
        assert tidy["sector"].unique().tolist() == ["cloth", "food", "(not known)"]
        assert any("4 firms have no sector" in n for n in found.notes)
        food = rows[rows["firm_id"].map(sector) == "food"]
        np.testing.assert_array_equal(tidy.loc[tidy["sector"] == "food", "value"], impact.dynamics(food).tidy()["value"])  # fmt: skip
        counts = tidy[tidy["code"] == "A1"].groupby("year")["value"].sum()
        assert counts.tolist() == values(impact.dynamics(rows), "A1")
        column = impact.dynamics(rows.assign(sector=rows["firm_id"].map(sector)), by="sector")
        pd.testing.assert_frame_equal(column.tidy(), tidy)

    def test_the_order_of_rows_and_the_names_of_firms_do_not_matter(self) -> None:
        rows = random_rows(16)
        found = impact.dynamics(rows)
        shuffled = rows.sample(frac=1, random_state=1)
        pd.testing.assert_frame_equal(impact.dynamics(shuffled).tidy(), found.tidy())
        renamed = rows.assign(firm_id=rows["firm_id"].str[::-1])
        np.testing.assert_allclose(impact.dynamics(renamed).tidy()["value"], found.tidy()["value"], rtol=1e-13)  # fmt: skip

    def test_the_data_are_not_changed(self) -> None:
        rows = random_rows(17)
        copy = rows.copy()
        impact.dynamics(rows)
        pd.testing.assert_frame_equal(rows, copy)


class TestPanel:
    """A firm that a panel did not observe stays out of what needs it."""

    def test_unobserved_firm_years(self) -> None:
        rows = drawn(TEN_FIRMS)
        years = pd.MultiIndex.from_product([list("abcdefghij"), range(2010, 2015)], names=["firm_id", "year"]).to_frame(index=False)  # fmt: skip
        value = rows.groupby(["firm_id", "year"])["value"].sum().rename("exports_eur").reset_index()
        full = years.merge(value, how="left").fillna({"exports_eur": 0.0})
        panel = impact.panel(full, unit="firm_id", time="year")
        pd.testing.assert_frame_equal(
            impact.dynamics(rows, panel=panel).tidy(), impact.dynamics(rows).tidy()
        )
        # j of 2013 was not observed: its entry in 2014 is not known, and 1 of 4 entered.
        blind = full[~((full["firm_id"] == "j") & (full["year"] == 2013))]
        found = impact.dynamics(rows, panel=impact.panel(blind, unit="firm_id", time="year"))
        same(values(found, "C1"), [nan, 3 / 5, 3 / 6, 1 / 5, 1 / 4])
        same(values(found, "A1"), [3, 5, 6, 5, 5])
        assert any(n.startswith("1 exporter (over all years)") for n in found.notes)
        flags = found.tidy().set_index(["year", "code"])["flags"].unstack()
        left = "1 exporter left out: a year that decides it is not observed"
        for code in ("A2", "A5", "A7i", "A11iii", "C1", "C3", "C4", "D1i"):
            assert flags[code].str.contains(left).tolist() == [False] * 4 + [code != "C3"], code
        assert not flags[["A1", "A6i", "B1", "B3i"]].apply(lambda c: c.str.contains("left out")).any().any()  # fmt: skip

    def test_exporters_whose_years_are_not_observed_are_counted_by_year(self) -> None:
        """a, b and c export in 2012; whether they did in 2011 is not known. d exports throughout, e enters in 2012, f in 2011."""
        rows = pd.DataFrame([(f, y, 5.0) for f, years in {"a": (2010, 2012), "b": (2010, 2012), "c": (2012,), "d": (2010, 2011, 2012), "e": (2012,),
                                                           "f": (2011, 2012)}.items() for y in years], columns=["firm_id", "year", "value"])  # fmt: skip
        states = [
            (f, y, "unobserved" if y == 2011 and f in "abc" else "active_nonexporter")
            for f in "abcdef"
            for y in (2010, 2011, 2012)
        ]
        frame = pd.DataFrame(states, columns=["firm_id", "year", "state"])
        sold = set(zip(rows["firm_id"], rows["year"], strict=True))
        frame.loc[[(f, y) in sold for f, y in zip(frame["firm_id"], frame["year"], strict=True)], "state"] = "active_exporter"  # fmt: skip
        panel = impact.panel(frame, unit="firm_id", time="year")
        for by, dating in ((None, "first_absent"), ("kind", "first_absent"), (None, "last")):
            found = impact.dynamics(rows.assign(kind="all"), panel=panel, by=by, exit_dating=dating)
            flags = found.tidy().set_index(["code", "year"])["flags"]
            for code in ("A2", "C1", "A5", "C4"):
                assert "3 exporters left out: a year that decides" in flags[code, 2012], (code, by)
                assert "left out" not in flags[code, 2011]
            # Of the exporters of 2010, a and b are not seen in 2011.
            for code in ("A3", "C2", "A8i"):
                seen = 2011 if dating == "first_absent" else 2010
                assert "2 exporters left out" in flags[code, seen], code


def test_refusals_say_what_to_do() -> None:
    rows = drawn(TEN_FIRMS)
    for wrong, said in (
        ({"exit_dating": "soon"}, "choose from first_absent, last"),
        ({"growth": "big"}, "choose from log, rate, midpoint"),
        ({"minimum": -1.0}, "0 or more"),
        ({"by": "sector"}, "There are no groups 'sector'"),
        ({"digits": 2}, "goes with by='product'"),
        ({"digits": 1.5, "by": "product"}, r"digits is 1\.5"),
        ({"by": {"zz": "food"}}, "No firm of the shipments, such as 'a'"),
        ({"by": pd.Series(["x", "y"], index=["a", "a"])}, "names? firm 'a' more than once"),
    ):
        with pytest.raises(impact.DataError, match=said):
            impact.dynamics(rows, **wrong)  # type: ignore[arg-type]
    with pytest.raises(impact.DataError, match="no column of destinations"):
        impact.dynamics(rows.drop(columns="destination"), by="destination")


def test_without_products_and_destinations() -> None:
    found = impact.dynamics(drawn(TEN_FIRMS).drop(columns=["product", "destination"]))
    same(values(found, "C1"), [nan, 3 / 5, 3 / 6, 1 / 5, 2 / 5])
    rows = found.tidy()
    lines = rows["code"].str.match("B[3456]|D|E")
    assert rows.loc[lines, "value"].isna().all()
    assert "the data have no column of products" in set(rows.loc[lines, "flags"])


def test_quantiles_are_those_of_numpy_by_that_name() -> None:
    rng = np.random.default_rng(1)
    for n in range(1, 30):
        x = rng.normal(size=n)
        found = spread_of(x, np.zeros(n, dtype="int64"), 1)
        for name, p in (("q1", 0.25), ("median", 0.5), ("q3", 0.75)):
            same([found[name][0]], [np.quantile(x, p, method="averaged_inverted_cdf")])


def test_figures(ten: impact.DynamicsResult) -> None:
    figure = ten.plot()
    assert [a.get_ylabel() for a in figure.axes] == ["per cent", "exporters"]
    assert figure._repr_png_()[1:4] == b"PNG"
    rows = random_rows(18, firms=60)
    groups = impact.dynamics(rows, by="destination")
    assert len(groups.plot().axes) == 6
    assert len(groups.plot("DE").axes) == 2
    with pytest.raises(impact.DataError, match="There is no group 'XX' of destination"):
        groups.plot("XX")


def trade_rows() -> pd.DataFrame:
    with gzip.open(TRADE) as file:
        found = pd.read_csv(file, dtype={"product": "str"}, keep_default_na=False)
    found["firm_id"] = found["origin"] + found["product"]
    # Small sales are left out, so that exporters come and go.
    return found[found["value_eur"] > 5_000_000].rename(columns={"value_eur": "value"})


@pytest.mark.skipif(not TRADE.exists(), reason="the European trade file is not here")
class TestTrade:
    """Origin and product as the firm."""

    def test_counts_and_concentration_agree_with_pandas(self) -> None:
        rows = trade_rows()
        found = impact.dynamics(rows)
        by_firm = rows.groupby(["year", "firm_id"])["value"].sum()
        hhi = by_firm.groupby("year").apply(lambda x: ((x / x.sum()) ** 2).sum())
        np.testing.assert_allclose(values(found, "B1"), hhi, rtol=1e-12)
        assert values(found, "A1") == by_firm.groupby("year").size().tolist()
        assert max(values(found, "C1")[1:]) > 0

    def test_every_indicator_agrees_with_the_twin(self) -> None:
        rows = trade_rows()
        agrees(impact.dynamics(rows), twin(rows), rtol=1e-10)


def test_the_queries_hold_no_quote() -> None:
    """Texts of a person never come into a query."""
    assert "'" not in dynamics_sql._exporters(dynamics_sql.LINES)
