"""The Ecuadorian innovation survey: who entered and who stayed, among firms that were alive.

Use of support is known for 2012-2014 as a whole, not by year, so 2012 is partly treated: what is counted here are firms by status. It is a
count, not an effect of export promotion.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import impact

ECUADOR = Path(__file__).parents[3] / "shared" / "data" / "ecuador_enai_2012_2014"
pytestmark = pytest.mark.skipif(not ECUADOR.exists(), reason="the Ecuadorian survey is not here")

STATUS = "export_promotion_status"
TABLE = """
status            at_risk  entered_by_2014  exports_2014  exporters_2012  stay_2013  stay_2014
applied_not_used        6                1             1               3          3          3
aware_not_used        124                4             3              44         42         42
unaware              1141               27            22             138        131        124
used                   15                2             2              43         43         43
"""


@pytest.fixture(scope="module")
def survey() -> pd.DataFrame:
    """Firm-years, with those that were alive: staff, sales, and started by then."""
    firms = pd.read_csv(ECUADOR / "firms.csv")
    rows = pd.read_csv(ECUADOR / "panel.csv").merge(firms, on="firm_id")
    staffed = (rows["employees"] > 0) & (rows["sales_usd"] > 0)
    return rows.assign(alive=staffed & (rows["start_year"] <= rows["year"]))


@pytest.fixture(scope="module")
def panel(survey: pd.DataFrame) -> impact.Panel:
    # No cohort: a year of joining is not in these data.
    return impact.panel(survey, unit="firm_id", time="year")


def entered(panel: impact.Panel, alive: str | None) -> impact.Panel:
    return impact.entry(panel, exports="exports_usd", alive=alive, look_back=1, horizons=(0, 1))


def base_year(panel: impact.Panel, column: str) -> pd.DataFrame:
    """Rows at risk and events of the base year 2013 by status: what 2012 was like, and what came after."""
    rows = panel.data[(panel.data["year"] == 2013) & panel.data[column].notna()]
    return rows.groupby(STATUS)[column].agg(n="size", events="sum").astype(int)


def drawn() -> pd.DataFrame:
    lines = [line.split() for line in TABLE.strip().splitlines()]
    rows = {line[0]: [int(v) for v in line[1:]] for line in lines[1:]}
    return pd.DataFrame.from_dict(rows, orient="index", columns=lines[0][1:])


def plain(survey: pd.DataFrame, alive: bool = True) -> pd.DataFrame:
    """The same from three columns of a wide table."""
    wide = survey.pivot(index="firm_id", columns="year", values="exports_usd") > 0
    first = survey[survey["year"] == 2012].set_index("firm_id").loc[wide.index]
    before = first["alive"] if alive else pd.Series(True, index=wide.index)
    status = first[STATUS]
    risk, exported = before & ~wide[2012], before & wide[2012]

    def count(which: pd.Series) -> pd.Series:
        return which.groupby(status).sum()

    return pd.DataFrame({
        "at_risk": count(risk), "entered_by_2014": count(risk & (wide[2013] | wide[2014])), "exports_2014": count(risk & wide[2014]),
        "exporters_2012": count(exported), "stay_2013": count(exported & wide[2013]), "stay_2014": count(exported & wide[2014]),
    })  # fmt: skip


def test_the_counts_are_those_of_the_survey(survey: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(plain(survey), drawn(), check_names=False)


def test_entrants_among_firms_that_were_alive_and_did_not_export(panel: impact.Panel) -> None:
    """Alive in 2012 and no exports in 2012, so at risk in 2013: who exported in 2013 or 2014, and who exports in 2014."""
    made = entered(panel, "alive")
    expected = drawn()
    for column, name in (("entry_within_1", "entered_by_2014"), ("entry_after_1", "exports_2014")):
        got = base_year(made, column)
        assert got["n"].to_dict() == expected["at_risk"].to_dict()
        assert got["events"].to_dict() == expected[name].to_dict()
    count = made.counts().set_index("outcome").loc["entry_after_1"]
    assert (count["n_at_risk"], count["n_event"]) == (1286, 28)
    assert (
        count["label"]
        == "exports 1 year after the base year, of firms without exports in the year before"
    )


def test_survivors_among_exporters_of_2012(panel: impact.Panel) -> None:
    """All 43 users stay: nothing varies among them, so no hazard of theirs can be estimated."""
    made = impact.export_survival(panel, exports="exports_usd", alive="alive", horizons=[1])
    expected = drawn()
    got = base_year(made, "exporter_after_1")
    assert got["n"].to_dict() == expected["exporters_2012"].to_dict()
    assert got["events"].to_dict() == expected["stay_2014"].to_dict()
    exporting = impact.entry(panel, exports="exports_usd", alive="alive", look_back=1, horizons=()).data  # fmt: skip
    before = exporting[exporting["year"] == 2012].set_index("firm_id")["exporter"]
    in_2013 = exporting[exporting["year"] == 2013].set_index("firm_id")
    stays = in_2013[before.reindex(in_2013.index) == 1].groupby(STATUS)["exporter"].sum()
    assert stays.astype(int).to_dict() == expected["stay_2013"].to_dict()
    assert (got.loc["used"] == [43, 43]).all()


def test_the_answer_moves_if_firms_that_were_not_alive_count_as_non_exporters(
    panel: impact.Panel, survey: pd.DataFrame
) -> None:
    """52 firms had no staff, no sales or no start by 2012. As "non-exporters" they bring 52 at risk and 6 entrants that began from nothing.

    One of them used the programme: its rate of entry would rise from 2 of 15 to 3 of 16, and no longer be that of firms which could choose
    to export in 2012.
    """
    right, wrong = (base_year(entered(panel, alive), "entry_after_1") for alive in ("alive", None))
    moved = pd.DataFrame({"n": wrong["n"] - right["n"], "events": wrong["events"] - right["events"]})  # fmt: skip
    assert moved.sum().tolist() == [52, 6]
    assert moved.loc["used"].tolist() == [1, 1]
    assert right.loc["used"].tolist() == [15, 2] and wrong.loc["used"].tolist() == [16, 3]
    rate = right["events"] / right["n"] - wrong["events"] / wrong["n"]
    np.testing.assert_allclose(rate["used"], 2 / 15 - 3 / 16)  # 13.3 % instead of 18.8 %
    # And the twin says the same of both.
    for got, alive in ((right, True), (wrong, False)):
        table = plain(survey, alive=alive)
        assert got["n"].to_dict() == table["at_risk"].to_dict()
        assert got["events"].to_dict() == table["exports_2014"].to_dict()


def test_through_a_study_the_register_says_who_was_alive(tmp_path: Path, survey: pd.DataFrame) -> None:  # fmt: skip
    """`active_needs = "staff_and_sales"` and the birth year give the states; the states give the same counts."""
    survey.drop(columns=["alive", STATUS]).to_csv(tmp_path / "register.csv", index=False)
    used = survey.loc[survey[STATUS] == "used", ["firm_id"]].drop_duplicates()
    # The intake wants a year of joining; which one is not known, and nothing below uses it.
    used.assign(joined=2013).to_csv(tmp_path / "roster.csv", index=False)
    (tmp_path / "rates.csv").write_text("currency,year,rate\nUSD,2012,1\nUSD,2013,1\nUSD,2014,1\n")
    (tmp_path / "study.toml").write_text("""
[study]
name = "ecuador"
title = "Export promotion in Ecuador"
programme = "export promotion"
source = "INEC"
first_year = 2012
last_year = 2014
[register]
file = "register.csv"
employment = "headcount"
currency = "USD"
active_needs = "staff_and_sales"
[register.columns]
sales = "sales_usd"
exports = "exports_usd"
birth_year = "start_year"
sector = "isic4_section"
region = "province"
[roster]
file = "roster.csv"
[money]
rates = "rates.csv"
quoted = "currency_per_euro"
""")
    received = impact.receive(tmp_path / "study.toml")
    assert received.intake is not None and received.intake.parquet is not None
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT firm_id, year, state, exporter, employees FROM '{received.intake.parquet}'").df()  # fmt: skip
    rows["year"] = rows["year"].astype(int)
    status = survey.astype({"firm_id": "str"}).drop_duplicates("firm_id").set_index("firm_id")[STATUS]  # fmt: skip
    rows[STATUS] = rows["firm_id"].astype("str").map(status)
    made = impact.panel(rows, unit="firm_id", time="year")
    expected = drawn()
    got = base_year(impact.entry(made, look_back=1, horizons=(0, 1)), "entry_after_1")
    assert got["n"].to_dict() == expected["at_risk"].to_dict()
    assert got["events"].to_dict() == expected["exports_2014"].to_dict()
    stays = base_year(impact.export_survival(made, horizons=[1]), "exporter_after_1")
    assert stays["events"].to_dict() == expected["stay_2014"].to_dict()


def test_jobs_by_status_are_gross_flows_and_no_effect(panel: impact.Panel, survey: pd.DataFrame) -> None:  # fmt: skip
    got = impact.jobs(panel, concept="stock", alive="alive", group=STATUS)
    staff = survey["employees"].where(survey["alive"], 0)
    wide = survey.assign(jobs=staff).pivot(index="firm_id", columns="year", values="jobs")
    status = survey.drop_duplicates("firm_id").set_index("firm_id")[STATUS]
    flows = got.flows.set_index(["year", STATUS])
    for year in (2013, 2014):
        change = wide[year] - wide[year - 1]
        np.testing.assert_array_equal(flows.loc[year, "creation"], change.clip(lower=0).groupby(status).sum())  # fmt: skip
        np.testing.assert_array_equal(flows.loc[year, "net"], change.groupby(status).sum())
    assert flows["n_unobserved"].sum() == 0
    assert "not jobs that the programme created" in got.summary()
