"""Coverage breaks: the ones that are known are found, and growth, noise and real trade stay silent."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import DataError, StudyError
from impact.validate.coverage import (
    MONTHS_SQL,
    PREFIX_SQL,
    YEARLY_SQL,
    coverage_breaks,
    notices,
)

TRADE = Path(__file__).parents[3] / "shared" / "data" / "eurostat_eu15_trade_2007_2016"


def by_year(first: int = 2000, **columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    return frame.assign(year=range(first, first + len(frame)))


def found(breaks: pd.DataFrame) -> list[tuple[int, str]]:
    return list(zip(breaks["year"], breaks["measure"], strict=True))


# Chilean census of plants, 1990-96: 2,408 plants in 1992, about 5,000 in other years (32,452 in all).
CHILE = by_year(1990, firms=[4950, 4980, 2408, 5020, 5010, 5030, 5054])


def test_the_chilean_break_is_found_and_is_one_break() -> None:
    assert CHILE["firms"].sum() == 32_452
    breaks = coverage_breaks(CHILE)
    assert found(breaks) == [(1992, "firms")]
    (row,) = breaks.to_dict("records")
    # Against the geometric mean of its neighbours, sqrt(4980 * 5020) = 4999.96: 51.8 % are missing.
    assert row["expected"] == pytest.approx(math.sqrt(4980 * 5020))
    assert row["change"] == pytest.approx(2408 / math.sqrt(4980 * 5020) - 1)
    # ln(2408 / 4980) departs from the usual growth of 0.4 % by 0.731, over sqrt((0.2 / 3.5)^2 + 1/2408 + 1/4980);
    # the return is the larger of the two scores.
    assert row["score"] == pytest.approx(0.731 / 0.0623, abs=0.1)
    (said,) = notices(breaks, file="plants.csv")
    assert said.file == "plants.csv"
    assert "1992: 2,408 firms where its neighbours suggest 5,000 (-52 %)" in str(said)
    assert "check that the delivery of 1992 is complete" in str(said)
    assert "entry and exit in 1992 and beside it are not to be trusted" in str(said)


def test_the_score_by_hand() -> None:
    # Six logarithmic changes of 0 or ln 2 at the end: the usual one is 0, their spread the floor 0.2 / 3.5.
    # Chance: 1/1000 + 1/2000. Score = ln 2 / sqrt((0.2 / 3.5)^2 + 0.0015) = 10.041
    breaks = coverage_breaks(by_year(firms=[1000] * 6 + [2000]))
    assert found(breaks) == [(2006, "firms")]
    expected = math.log(2) / math.sqrt((0.2 / 3.5) ** 2 + 1 / 1000 + 1 / 2000)
    assert breaks["score"].item() == pytest.approx(expected)
    assert breaks["score"].item() == pytest.approx(10.041, abs=1e-3)
    assert breaks["expected"].item() == pytest.approx(1000)


def test_the_spread_of_a_restless_series_is_its_own() -> None:
    # Changes by turns +0.5 and -0.3: the median is 0.1, each departs by 0.4, and 1.4826 * 0.4 = 0.59 is cut
    # to ln(2) / 3.5 = 0.198; 0.4 is 2.02 of these. A smooth series would call 0.4 a break.
    steps = np.cumsum([0, *[0.5, -0.3] * 4])
    restless = by_year(firms=np.exp(steps) * 1e6)
    assert coverage_breaks(restless).empty
    smooth = by_year(firms=np.exp(np.cumsum([0, *[0.1] * 7, 0.5])) * 1e6)
    assert found(coverage_breaks(smooth)) == [(2008, "firms")]
    # And no restlessness excuses a fall to a third.
    worse = by_year(firms=np.exp([*steps, steps[-1] - 1.1]) * 1e6)
    assert (2009, "firms") in found(coverage_breaks(worse))


@pytest.mark.parametrize("years", [2, 3, 4, 5, 7, 20])
def test_smooth_growth_is_no_break(years: int) -> None:
    for growth in (1.1, 1.2, 0.85, 1.0):
        firms = [round(4000 * growth**t) for t in range(years)]
        table = by_year(firms=firms, rows=[9 * n for n in firms], cents=[10**7 * n for n in firms])
        assert coverage_breaks(table).empty, growth


def test_growth_of_a_half_every_year_is_usual_once_it_is_seen_often() -> None:
    firms = [100 * 1.5**t for t in range(8)]
    assert coverage_breaks(by_year(firms=np.multiply(firms, 100))).empty
    assert len(coverage_breaks(by_year(firms=np.multiply(firms[:3], 100)))) == 2  # twice: who knows


@given(st.integers(0, 10**6), st.integers(3, 15))
def test_noise_of_three_per_cent_is_no_break(seed: int, years: int) -> None:
    rng = np.random.default_rng(seed)
    level = 3000 * 1.05 ** np.arange(years)
    table = by_year(
        firms=level * np.exp(np.clip(rng.normal(0, 0.03, years), -0.07, 0.07)),
        rows=level * 8 * np.exp(np.clip(rng.normal(0, 0.03, years), -0.07, 0.07)),
        cents=level * 1e8 * np.exp(np.clip(rng.normal(0, 0.03, years), -0.07, 0.07)),
    )
    assert coverage_breaks(table).empty


def test_few_firms_come_and_go_by_chance() -> None:
    assert coverage_breaks(by_year(firms=[9, 12, 8, 11, 7, 10])).empty
    assert found(coverage_breaks(by_year(firms=[900, 1200, 800, 1100, 1010]))) != []


@pytest.mark.parametrize(
    ("firms", "years"),
    [
        ([5000, 2400], [2001]),  # two years: the later one is named, whichever is wrong
        ([5000, 2400, 5000], [2001]),
        ([5000, 5000, 2400], [2002]),
        ([2400, 5000, 5000], [2000]),  # all others agree: the first is what lacks something
        ([2500, 5000, 5050, 5000, 5020, 5000], [2000]),
        ([5000, 2400, 5000, 5100], [2001]),
        ([5000, 5100, 2400, 5000], [2002]),
        ([5000, 2400, 5000, 5100, 5050], [2001]),
        ([5000, 5000, 2400, 2400, 2450, 2500], [2002]),  # a step is one break too
        ([5000, 2400, 5000, 5000, 5000, 2400, 5000, 5000, 5000], [2001, 2005]),
    ],
)
def test_few_years_are_enough(firms: list[int], years: list[int]) -> None:
    assert found(coverage_breaks(by_year(firms=firms))) == [(y, "firms") for y in years]


def test_a_year_in_another_unit_is_found_by_its_value() -> None:
    table = by_year(firms=[3000] * 6, cents=[10**12, 10**12, 10**15, 10**12, 10**12, 10**12])
    breaks = coverage_breaks(table)
    assert found(breaks) == [(2002, "cents")]
    assert "10,000,000,000,000 euros where its neighbours suggest 10,000,000,000" in str(
        notices(breaks)[0]
    )


def test_values_may_move_more_than_counts() -> None:
    jump = [1.0, 1.0, 1.0, 1.35, 1.35, 1.35]  # ln 1.35 = 0.30: above 0.2, below 0.4
    firms = [3_000_000] * 6
    assert coverage_breaks(by_year(firms=firms, cents=np.multiply(jump, 1e12))).empty
    assert found(coverage_breaks(by_year(firms=firms, rows=np.multiply(jump, 1e8)))) == [
        (2003, "rows")
    ]


def test_a_few_firms_may_carry_the_value() -> None:
    # 60 firms: one in ten carries the value, so chance is 3.5 * sqrt(10 / 30) = 2.02; ln 7 = 1.95, ln 9 = 2.20.
    for times, breaks in ((7, []), (9, [(2003, "cents")])):
        table = by_year(firms=[60] * 6, cents=[10**9, 10**9, 10**9, *[times * 10**9] * 3])
        assert found(coverage_breaks(table)) == breaks


def test_a_year_whose_values_are_not_above_zero_is_found() -> None:
    table = by_year(firms=[3000] * 4, cents=[10**9, -5, 10**9, 10**9])
    breaks = coverage_breaks(table)
    assert found(breaks) == [(2001, "cents")]
    assert "is no total of a year" in str(notices(breaks)[0])


def test_what_is_missing_is_not_looked_at() -> None:
    nothing = by_year(
        firms=[3000] * 4, cents=[0, 0, 0, 0], rows=pd.array([None] * 4, dtype="Int64")
    )
    assert coverage_breaks(nothing).empty
    hole = by_year(firms=[3000] * 4, rows=pd.array([9000, None, 9100, 9050], dtype="Int64"))
    assert coverage_breaks(hole).empty
    assert coverage_breaks(by_year(firms=[])).empty
    assert coverage_breaks(by_year(firms=[5])).empty


def test_a_year_without_rows_is_named_and_bridged() -> None:
    table = by_year(firms=[4000, 4400, 0, 5324, 5856])  # 10 % a year
    assert found(coverage_breaks(table)) == [(2002, "no_rows")]
    left_out = table[table["firms"] > 0]
    assert found(coverage_breaks(left_out)) == [(2002, "no_rows")]
    breaks = coverage_breaks(left_out, period=(1999, 2005))
    assert found(breaks) == [(1999, "no_rows"), (2002, "no_rows"), (2005, "no_rows")]
    assert "coverage breaks in 2002: no row at all" in str(notices(breaks)[1])
    long = pd.DataFrame({"year": [2000, 2001, 2005, 2006], "firms": [4000, 4400, 6442, 7086]})
    assert set(coverage_breaks(long)["measure"]) == {"no_rows"}
    after = long.assign(firms=[4000, 4400, 3000, 3300])  # where 4,400 * 1.1^4 = 6,442 were usual
    assert coverage_breaks(after).iloc[-1][["year", "expected"]].tolist() == [
        2005,
        pytest.approx(6442, abs=1),
    ]


def test_a_year_of_ten_months_is_named() -> None:
    breaks = coverage_breaks(by_year(firms=[3000] * 3, missing_months=[0, 0, 2]))
    assert found(breaks) == [(2002, "missing_months")]
    assert "2 months without a row" in str(notices(breaks)[0])


def test_months_that_every_year_lacks_are_a_season() -> None:
    season = coverage_breaks(by_year(firms=[300] * 5, missing_months=[8, 8, 9, 8, 8]))
    assert season.empty
    short = coverage_breaks(by_year(firms=[300] * 5, missing_months=[8, 8, 10, 8, 8]))
    assert found(short) == [(2002, "missing_months")]
    assert short[["expected", "change"]].to_numpy().tolist() == [[8, 2]]
    assert "10 months without a row, where 8 are usual" in str(notices(short)[0])
    two = by_year(firms=[300] * 2, missing_months=[0, 2])
    assert found(coverage_breaks(two)) == [(2001, "missing_months")]
    assert coverage_breaks(by_year(firms=[300], missing_months=[8])).empty


@pytest.mark.parametrize("size", [19, 20])
def test_of_fewer_than_twenty_firms_there_is_no_saying(size: int) -> None:
    one = {"9:80": size}
    table = by_year(
        firms=[size] * 6,
        cents=[10**9, 10**9, -5, 10**9, 10**9, 10**9],
        new_share=[1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
    )
    breaks = coverage_breaks(table, mixes(one, one, {"8:80": size}, one, one, one))
    assert bool(len(breaks)) == (size == 20)
    hole = coverage_breaks(by_year(firms=[3, 3, 0, 3], missing_months=[0, 0, 12, 6]))
    assert found(hole) == [(2002, "no_rows"), (2003, "missing_months")]


@pytest.mark.parametrize(
    ("firms", "years"),
    [
        ([200, 200, 200, 200, 160, 200, 200, 200, 200, 200], [2004]),
        ([200, 164, 200, 200, 200, 200, 200, 200, 200, 200], [2001]),  # 18 %
        ([200, 166, 200, 200, 200, 200, 200, 200, 200, 200], []),  # 17 %
        (
            [200, 200, 200, 160, 200, 208, 200, 200],
            [],
        ),  # firms come and go: 4 % is above a tenth of 0.2
        ([200, 200, 240, 200, 200, 200, 200], []),  # a rise is no delivery that lacks firms
        ([200, 160, 200, 200], []),  # one other change shows nothing
    ],
)
def test_a_fifth_that_is_gone_for_a_year_is_found_where_nothing_else_moves(
    firms: list[int], years: list[int]
) -> None:
    breaks = coverage_breaks(by_year(firms=firms))
    assert found(breaks) == [(y, "firms") for y in years]
    assert years == [] or breaks["expected"].item() == pytest.approx(200)


def test_a_first_year_that_lacks_half_of_the_firms_is_accused_itself() -> None:
    table = by_year(
        2005, firms=[1500, 3000, 3010, 2990, 3000, 3000], rows=[15000, *[30000] * 5],
        cents=[10**11, *[2 * 10**11] * 5], new_share=[1, 0.6, 0.1, 0.1, 0.1, 0.1],
    )  # fmt: skip
    breaks = coverage_breaks(table)
    assert found(breaks) == [(2005, m) for m in ("firms", "rows", "cents")]
    assert breaks["change"].tolist() == pytest.approx([-0.5] * 3, abs=0.01)
    (said,) = notices(breaks)
    assert "breaks in 2005: 1,500 firms where its neighbours suggest 2,990 (-50 %)" in str(said)
    other = coverage_breaks(table.assign(new_share=[1, 1.0, 0.1, 0.1, 0.1, 0.1]))
    assert (2006, "new_share") in found(other)  # more than the missing half: other identifiers


def test_new_identifiers_are_found_where_counts_are_smooth() -> None:
    # A third of the firms is new each year, but from 2004 all have other codes.
    table = by_year(
        firms=[3000] * 7,
        new_share=[1.0, 0.40, 0.33, 0.30, 1.0, 0.38, 0.31],
        lost_share=[0.30, 0.31, 0.33, 1.0, 0.30, 0.35, 1.0],
    )
    breaks = coverage_breaks(table)
    assert found(breaks) == [(2003, "lost_share"), (2004, "new_share")]
    assert breaks["expected"].tolist() == pytest.approx([(0.33 + 0.30) / 2, (0.30 + 0.38) / 2])
    (said,) = notices(breaks)  # one story, of the year that has other codes
    assert "coverage breaks in 2004: 100% of the firms of 2003 were never seen again" in str(said)
    assert "100% of the firms were never seen before, where 34% were to be expected" in str(said)
    assert "ask whether the identifiers of firms were changed in 2004" in str(said)


def test_shares_that_drift_towards_the_ends_of_the_data_are_no_break() -> None:
    table = by_year(
        firms=[3000] * 6,
        new_share=[1.0, 0.60, 0.42, 0.33, 0.30, 0.28],
        lost_share=[0.28, 0.30, 0.33, 0.42, 0.60, 1.0],
    )
    assert coverage_breaks(table).empty


def test_two_years_without_a_common_firm_are_a_break() -> None:
    breaks = coverage_breaks(by_year(firms=[800, 810], new_share=[1, 0.99], lost_share=[0.99, 1]))
    assert found(breaks) == [(2000, "lost_share"), (2001, "new_share")]
    fine = by_year(firms=[800, 810], new_share=[1, 0.7], lost_share=[0.7, 1])
    assert coverage_breaks(fine).empty


def mixes(*years: dict[str, int], first: int = 2000) -> pd.DataFrame:
    rows = [(first + i, p, n) for i, mix in enumerate(years) for p, n in mix.items()]
    return pd.DataFrame(rows, columns=["year", "prefix", "firms"])


def test_a_changed_mix_of_identifiers_is_found() -> None:
    usual, other = {"9:80": 700, "9:90": 300}, {"8:80": 500, "9:80": 200, "9:90": 300}
    table = by_year(firms=[1000] * 5)
    step = coverage_breaks(table, mixes(usual, usual, other, other, other))
    assert found(step) == [(2002, "prefixes")]
    assert step["value"].item() == pytest.approx(0.5)  # half of the firms changed their beginning
    peak = coverage_breaks(table, mixes(usual, usual, other, usual, usual))
    assert found(peak) == [(2002, "prefixes")]
    assert found(coverage_breaks(table, mixes(usual, other, usual))) == [(2001, "prefixes")]
    twice = coverage_breaks(table, mixes(usual, usual, other, {"7:70": 1000}, {"7:70": 1000}))
    assert found(twice) == [(2002, "prefixes"), (2003, "prefixes")]
    assert "the identifiers of 50% of the firms begin otherwise" in str(notices(step)[0])


def test_a_mix_that_moves_slowly_or_by_chance_is_no_break() -> None:
    drift = [{"9:80": 1000 - 80 * t, "9:90": 80 * t} for t in range(8)]
    assert coverage_breaks(by_year(firms=[1000] * 8), mixes(*drift)).empty
    rng = np.random.default_rng(1)
    few = [
        {str(p): n for p, n in enumerate(rng.multinomial(30, [0.05] * 20)) if n} for _ in range(8)
    ]  # thirty other firms each year over twenty beginnings: far apart, and by chance
    assert coverage_breaks(by_year(firms=[30] * 8), mixes(*few)).empty


def test_breaks_of_one_year_are_one_notice() -> None:
    table = CHILE.assign(rows=CHILE["firms"] * 7, missing_months=[0, 0, 6, 0, 0, 0, 0])
    breaks = coverage_breaks(table)
    assert found(breaks) == [(1992, "missing_months"), (1992, "firms"), (1992, "rows")]
    assert len(notices(breaks)) == 1


def test_the_order_of_rows_does_not_matter_and_the_table_is_not_changed() -> None:
    before = CHILE.copy()
    shuffled = CHILE.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(coverage_breaks(shuffled), coverage_breaks(CHILE))
    pd.testing.assert_frame_equal(CHILE, before)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**9),
            st.one_of(st.none(), st.integers(-(10**17), 10**17)),
            st.one_of(st.none(), st.floats(0, 1)),
        ),
        max_size=8,
    )
)
def test_no_table_of_totals_breaks_the_detector(
    rows: list[tuple[int, int | None, float | None]],
) -> None:
    table = by_year(
        firms=pd.array([a for a, _, _ in rows], dtype="int64"),
        cents=pd.array([b for _, b, _ in rows], dtype="Int64"),
        new_share=pd.array([c for _, _, c in rows], dtype="Float64"),
    )
    breaks = coverage_breaks(table)
    assert list(breaks.columns) == ["year", "measure", "value", "expected", "change", "score"]
    assert [str(t) for t in breaks.dtypes] == ["int64", "str", *["float64"] * 4]
    assert all(str(n) for n in notices(breaks))


def test_a_table_that_cannot_be_compared_is_refused() -> None:
    with pytest.raises(DataError, match="years stand twice: \\[2000\\]"):
        coverage_breaks(pd.DataFrame({"year": [2000, 2000], "firms": [1, 2]}))
    with pytest.raises(DataError):
        coverage_breaks(pd.DataFrame({"year": [2000]}))
    with pytest.raises(StudyError):
        coverage_breaks(CHILE, k=0)


# ------------------------------------------------------------------------------------------- the SQL


def firm_years(seed: int = 0) -> pd.DataFrame:
    """A few hundred firms that come and go."""
    rng = np.random.default_rng(seed)
    codes = [f"{rng.integers(8, 10)}{i:0{rng.integers(4, 6)}d}" for i in range(300)]
    rows = [
        (code, 2000 + t, int(rng.integers(1, 10**9)), 3)
        for code in codes
        for t in range(6)
        if rng.random() < 0.6
    ]
    return pd.DataFrame(rows, columns=["firm_id", "year", "cents", "shipments"])


def queried(frame: pd.DataFrame, sql: str, name: str = "firm_years") -> pd.DataFrame:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        connection.register("given", frame)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        return connection.execute(sql).df()


def test_the_yearly_totals_in_sql_are_those_of_a_plain_loop() -> None:
    frame = firm_years()
    table = queried(frame, YEARLY_SQL)
    firms = {y: set(part["firm_id"]) for y, part in frame.groupby("year")}
    for row in table.to_dict("records"):
        y = row["year"]
        part = frame[frame["year"] == y]
        before = set().union(*(f for x, f in firms.items() if x < y))
        after = set().union(*(f for x, f in firms.items() if x > y))
        assert row["firms"] == len(part)
        assert row["rows"] == part["shipments"].sum()
        assert row["cents"] == part["cents"].sum()
        new = len(firms[y] - before) / len(firms[y])
        lost = len(firms[y] - after) / len(firms[y])
        assert row["new_share"] == new if y > 2000 else math.isnan(row["new_share"])
        assert row["lost_share"] == lost if y < 2005 else math.isnan(row["lost_share"])
    assert table["year"].tolist() == list(range(2000, 2006))


def test_the_mix_of_identifiers_in_sql_is_that_of_a_plain_loop() -> None:
    frame = firm_years()
    table = queried(frame, PREFIX_SQL)
    frame["prefix"] = [f"{len(i)}:{i[:2]}" for i in frame["firm_id"]]
    plain = frame.groupby(["year", "prefix"]).size()
    assert {(y, p): n for y, p, n in table.itertuples(index=False)} == plain.to_dict()
    assert table["prefix"].str[:2].nunique() > 1  # of more than one length


def test_missing_months_in_sql() -> None:
    frame = pd.DataFrame({"year": [2000] * 13 + [2001] * 2, "month": [*range(1, 13), 1, 5, 6]})
    table = queried(frame, MONTHS_SQL, "months")
    assert table.to_numpy().tolist() == [[2000, 0], [2001, 10]]


def test_identifiers_that_lose_their_zeros_are_found_from_the_rows() -> None:
    frame = firm_years()
    frame["firm_id"] = "0" + frame["firm_id"]
    assert coverage_breaks(queried(frame, YEARLY_SQL), queried(frame, PREFIX_SQL)).empty
    late = frame["year"] >= 2003
    frame.loc[late, "firm_id"] = frame.loc[late, "firm_id"].str.lstrip("0")
    breaks = coverage_breaks(queried(frame, YEARLY_SQL), queried(frame, PREFIX_SQL))
    assert found(breaks) == [(2002, "lost_share"), (2003, "new_share"), (2003, "prefixes")]


@pytest.mark.skipif(not TRADE.exists(), reason="the European trade file is not here")
@pytest.mark.parametrize("unit", [["origin", "product"], ["origin", "product", "destination"]])
def test_european_trade_has_no_break(unit: list[str]) -> None:
    flows = pd.read_csv(TRADE / "trade.csv.gz", dtype={"product": "str"})
    flows["firm_id"] = flows[unit].agg("-".join, axis=1)
    frame = flows.groupby(["firm_id", "year"], as_index=False).agg(
        cents=("value_eur", "sum"), shipments=("value_eur", "size")
    )
    frame["cents"] *= 100
    breaks = coverage_breaks(queried(frame, YEARLY_SQL), queried(frame, PREFIX_SQL))
    assert breaks.empty, breaks
    half = frame[(frame["year"] != 2012) | (frame["firm_id"] < "GB")]
    broken = coverage_breaks(queried(half, YEARLY_SQL), queried(half, PREFIX_SQL))
    assert (2012, "firms") in found(broken)
