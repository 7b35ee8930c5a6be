"""Simulated deliveries: the truth agrees with the files, by another way than the one that wrote it."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from impact.core.errors import ImpactError
from impact.simulate.deliveries import Deliveries, deliveries, euro_cents, write

TABLES = ("customs", "roster", "register", "budget", "rates", "deflators")


@pytest.fixture(scope="module")
def got() -> Deliveries:
    return deliveries(seed=1)


def test_the_same_seed_gives_the_same_cells_and_another_seed_does_not() -> None:
    first, again, other = (deliveries(firms=120, seed=s) for s in ([7, 3], [7, 3], [7, 4]))
    for name in (*TABLES, "truth"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
    assert not first.customs.equals(other.customs)


def test_every_delivered_cell_is_text_without_missing_values(got: Deliveries) -> None:
    for name in TABLES:
        frame = getattr(got, name)
        assert len(frame) > 0
        assert (frame.dtypes == "str").all(), name
        assert frame.notna().all().all(), name


def test_shipments_look_as_customs_send_them(got: Deliveries) -> None:
    shipments = got.customs
    assert shipments["firm_id"].str.fullmatch(r"\d{9}").all()
    assert shipments["date"].str.fullmatch(r"\d{2}/\d{2}/\d{4}").all()
    assert (shipments["date"].str[:2].astype(int) > 12).any()
    assert set(shipments["product"].str.len()) == {6, 10}
    assert shipments["product"].str.startswith("0").any()
    assert shipments["value"].str.fullmatch(r"\d+\.\d{2}").all()
    assert "NA" in set(shipments["destination"])
    assert set(shipments["currency"]) == {"EUR", "USD"}
    assert set(shipments["regime"]) == {"40", "60"}
    when = shipments["date"].str[6:] + shipments["date"].str[3:5] + shipments["date"].str[:2]
    assert when.is_monotonic_increasing


def test_no_firm_ships_to_its_own_country(got: Deliveries) -> None:
    home = got.register.drop_duplicates("firm_id").set_index("firm_id")["country"]
    known = got.customs[got.customs["firm_id"].isin(home.index)]
    assert (known["destination"] != known["firm_id"].map(home)).all()
    assert {"CO", "PE", "EC", "BO"} <= set(known["destination"])


def test_identifiers_without_their_zeros_are_still_different(got: Deliveries) -> None:
    ids = got.truth["firm_id"].unique()
    assert len(ids) == 400
    assert sum(i.startswith("0") for i in ids) > 40
    assert len({int(i) for i in ids}) == 400


def test_the_true_exports_are_those_of_the_shipments_to_the_cent(got: Deliveries) -> None:
    """Decimals here, fractions there."""
    rates = {(r.currency, r.year): Decimal(r.rate) for r in got.rates.itertuples()}
    rates |= {("EUR", r.year): Decimal(1) for r in got.rates.itertuples()}
    sums: Counter[tuple[str, int, str]] = Counter()
    for row in got.customs.itertuples():
        euros = Decimal(row.value) / rates[row.currency, row.date[-4:]]
        cents = int((euros * 100).quantize(Decimal(1), ROUND_HALF_UP))
        sums[row.firm_id, int(row.date[-4:]), row.regime] += cents
    for row in got.truth.itertuples():
        assert row.exports_cents == sums.pop((row.firm_id, row.year, "40"), 0)
        assert row.reexports_cents == sums.pop((row.firm_id, row.year, "60"), 0)
    assert not sums


def test_no_amount_falls_on_half_a_euro_cent(got: Deliveries) -> None:
    """So that every way to round gives the same cents: the rates are odd numbers of ten-thousandths."""
    assert got.rates["rate"].str.fullmatch(r"1\.\d{3}[13579]").all()
    assert got.rates["rate"].nunique() > 4


@pytest.mark.parametrize(
    ("value", "rate", "cents"),
    [("100.00", "1.25", 8000), ("0.01", "2", 1), ("-0.01", "2", -1), ("0.01", "2.0001", 0), ("7", "1", 700)],
)  # fmt: skip
def test_euro_cents_by_hand(value: str, rate: str, cents: int) -> None:
    assert euro_cents(value, rate) == cents


def test_truth_has_each_firm_in_each_year_and_agrees_with_the_shipments(got: Deliveries) -> None:
    truth = got.truth
    assert len(truth) == 400 * 8
    assert not truth.duplicated(["firm_id", "year"]).any()
    assert ((truth["exports_cents"] > 0) == truth["exporter"]).all()
    assert (truth["first_month"].notna() == truth["exporter"]).all()
    assert not (truth["exporter"] & ~truth["alive"]).any()
    own = got.customs[got.customs["regime"] == "40"].assign(
        year=lambda d: d["date"].str[-4:].astype(int)
    )
    by_firm = own.assign(hs6=own["product"].str[:6]).groupby(["firm_id", "year"])
    counted = by_firm.agg(products=("hs6", "nunique"), destinations=("destination", "nunique"))
    exporters = truth[truth["exporter"]].set_index(["firm_id", "year"]).sort_index()
    pd.testing.assert_frame_equal(exporters[["products", "destinations"]], counted)
    assert counted["destinations"].max() > 3 and counted["products"].max() > 1


def test_some_firms_only_pass_goods_through(got: Deliveries) -> None:
    only = (got.truth["reexports_cents"] > 0) & (got.truth["exports_cents"] == 0)
    assert only.any()


def test_an_entrant_s_first_year_is_a_part_of_one(got: Deliveries) -> None:
    truth = got.truth.sort_values(["firm_id", "year"])
    before = truth.groupby("firm_id")["exporter"].shift(fill_value=True)
    first = truth.loc[truth["exporter"] & ~before, "first_month"]
    going_on = truth.loc[truth["exporter"] & before, "first_month"]
    assert first.mean() > going_on.mean() + 1


def test_the_register_has_a_row_for_each_year_of_life_but_for_gaps(got: Deliveries) -> None:
    truth = got.truth.set_index(["firm_id", "year"])
    rows = pd.MultiIndex.from_arrays([got.register["firm_id"], got.register["year"].astype(int)])
    assert not rows.duplicated().any()
    assert set(rows) == set(truth.index[truth["in_register"]])
    assert not (truth["in_register"] & ~truth["alive"]).any()
    lost = truth["alive"] & ~truth["in_register"]
    unknown = ~truth["in_register"].groupby("firm_id").transform("any")
    assert 0 < (lost & ~unknown).sum() < 0.05 * truth["alive"].sum()
    assert 0 < unknown.groupby("firm_id").first().sum() < 20
    alive_years = truth.index[truth["alive"]].to_frame(index=False).groupby("firm_id")["year"]
    ends = set(alive_years.min().items()) | set(alive_years.max().items())
    assert not ends & set(truth.index[lost & ~unknown])  # a gap is never at the end of a life


def test_the_register_is_sensible(got: Deliveries) -> None:
    staff = got.register["employees"].astype(int)
    assert staff.between(1, 60).all()
    assert 5 <= staff.median() <= 15
    size = pd.cut(staff, [0, 9, 49, 249], labels=["micro", "small", "medium"]).astype("str")
    assert (size == got.register["size_class"]).all()
    assert got.register["sector"].str.fullmatch(r"\d{4}").all()
    assert (got.register["birth_year"].astype(int) <= got.register["year"].astype(int)).all()
    assert 0 < (got.register["sales"] == "").mean() < 0.03


def test_the_roster_names_the_firms_that_joined_and_when(got: Deliveries) -> None:
    joined = got.roster["joined"].str[-4:].astype(int)
    first = joined.groupby(got.roster["firm_id"]).min().sort_index()
    cohort = got.truth.drop_duplicates("firm_id").set_index("firm_id")["cohort"].dropna()
    assert first.to_dict() == cohort.astype(int).sort_index().to_dict()
    assert len(first) == 60
    rows = got.roster.groupby("firm_id").size()
    assert set(rows) == {1, 2}
    assert got.roster["service"].nunique() == 2
    assert (joined != got.roster["firm_id"].map(first)).any()  # a second service in a later year


def test_services_of_a_firm_cost_three_to_fifteen_thousand_euros(got: Deliveries) -> None:
    cost = got.roster["cost"].astype(float).groupby(got.roster["firm_id"]).sum()
    assert cost.between(3_000, 15_000).all()
    assert set(got.roster["currency"]) == {"EUR"}


def test_the_budget_spends_what_the_roster_costs(got: Deliveries) -> None:
    spent = got.budget.assign(cents=got.budget["disbursed"].map(lambda v: int(v.replace(".", ""))))
    services = spent[spent["line"] != "Administration"]
    cost = got.roster["cost"].map(lambda v: int(v.replace(".", "")))
    assert services["cents"].sum() == cost.sum()
    by_year = services.groupby("year")["cents"].sum()
    assert by_year.to_dict() == cost.groupby(got.roster["joined"].str[-4:]).sum().to_dict()
    whole = spent.groupby("source")["cents"].sum() / spent["cents"].sum()
    assert whole.round(3).to_dict() == {"EU": 0.7, "firms": 0.1, "partner": 0.2}
    assert (got.budget["committed"].astype(float) >= got.budget["disbursed"].astype(float)).all()


def test_small_exporters_sell_about_thirty_thousand_euros_a_year() -> None:
    truth = deliveries(firms=2_000, seed=3, effect=0.0).truth
    median = truth.loc[truth["exporter"], "exports_cents"].median() / 100
    assert 25_000 < median < 36_000


def test_the_effect_reaches_the_shipments() -> None:
    with_effect, without = (deliveries(firms=300, seed=5, effect=e).truth for e in (0.3, 0.0))
    treated = with_effect["exporter"] & (with_effect["effect"] > 0)
    ratio = with_effect.loc[treated, "exports_cents"] / without.loc[treated, "exports_cents"]
    assert ratio.to_numpy() == pytest.approx(
        1.3498588, rel=1e-3
    )  # exp(0.3); each shipment is rounded
    pd.testing.assert_frame_equal(with_effect[~treated].drop(columns="effect"),
                                  without[~treated].drop(columns="effect"))  # fmt: skip


def test_files_have_the_same_bytes_each_time_and_give_the_cells_back(
    tmp_path: Path, got: Deliveries
) -> None:
    paths = write(got, tmp_path / "one")
    again = write(deliveries(seed=1), tmp_path / "two")
    assert [p.name for p in paths] == [
        *(f"customs_{y}.csv.gz" for y in range(2008, 2016)),
        "roster.csv", "register.csv", "budget.csv", "rates.csv", "deflators.csv",
    ]  # fmt: skip
    for a, b in zip(paths, again, strict=True):
        assert a.read_bytes() == b.read_bytes()
    text = "".join(gzip.decompress(p.read_bytes()).decode() for p in paths[:8])
    rows = [r for r in csv.reader(text.splitlines()) if r[0] != "firm_id"]
    assert rows == got.customs.to_numpy().tolist()
    raw = (tmp_path / "one" / "roster.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbffirm_id;programme;")
    assert list(csv.reader(raw.decode("utf-8-sig").splitlines(), delimiter=";"))[1:] == (
        got.roster.to_numpy().tolist()
    )


def test_a_zipped_file_holds_no_time_and_no_name(tmp_path: Path, got: Deliveries) -> None:
    head = write(got, tmp_path)[0].read_bytes()[:10]
    assert head[3] == 0  # no name
    assert head[4:8] == b"\0\0\0\0"  # no time


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"programme_years": ()}, "Firms must join within 2009 to 2015"),
        ({"programme_years": (2008,)}, "Firms must join within 2009 to 2015"),
        ({"programme_years": (2016,)}, "Firms must join within 2009 to 2015"),
        ({"share": 0.0}, "share is 0.0; it must lie between 0 and 1"),
        ({"share": 1.5}, "share is 1.5; it must lie between 0 and 1"),
        ({"firms": 3}, "3 firms are too few"),
    ],
)
def test_what_does_not_fit_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ImpactError, match=message):
        deliveries(seed=1, **asked)
