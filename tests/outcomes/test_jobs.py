"""Jobs and their flows, on ten firms over four years. A number is jobs, `x` not active (unborn or closed), `?` not observed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact

FIRMS = """
     2011  2012  2013  2014
A      10    12    12    15     # grows, stays, grows
B      10     8     8     4     # shrinks
C       x     x     5     6     # is born in 2013 with five
D       6     3     x     x     # shrinks, and closes in 2013
E       0     0     2     0     # its owner works alone, hires two, and works alone again
F       7     ?     7     9     # was not observed in 2012
G       x     x     x     x     # was never active
H       4     4     4     ?     # is lost from sight in 2014
I       0     0     0     0     # is active, without staff
J      20    20    10    30     # halves, and triples
"""

Read = Callable[[str], dict[str, list[str]]]
Show = Callable[[impact.Panel, str], dict[str, list[str]]]


def staff(drawing: str, **more: object) -> impact.Panel:
    lines = [line.split("#")[0].split() for line in drawing.strip().splitlines()]
    years = [int(y) for y in lines[0]]
    rows = [
        (line[0], year, {"x": "inactive", "?": "unobserved"}.get(cell, "active_nonexporter"),
         np.nan if cell in "x?" else float(cell))
        for line in lines[1:] for year, cell in zip(years, line[1:], strict=True)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["firm", "year", "state", "employees"])
    frame = frame.assign(**{k: frame["firm"].map(v) for k, v in more.items()})  # type: ignore[arg-type]
    return impact.panel(frame, unit="firm", time="year")


@pytest.fixture(scope="module")
def found() -> impact.JobsResult:
    return impact.jobs(staff(FIRMS), concept="stock")


def year(result: impact.JobsResult, which: int) -> pd.Series:
    return result.flows.set_index("year").loc[which]


def test_a_firm_that_is_not_active_has_no_jobs_and_one_not_observed_is_not_known(
    found: impact.JobsResult, shown: Show, expected: Read
) -> None:
    """Before birth and after death the jobs are 0, unconditionally; what was not observed is never 0."""
    assert shown(found.panel, "jobs") == expected("""
     2011  2012  2013  2014
A      10    12    12    15
B      10     8     8     4
C       .     .     5     6
D       6     3     .     .
E       .     .     2     .
F       7     ?     7     9
G       .     .     .     .
H       4     4     4     ?
I       .     .     .     .
J      20    20    10    30
""")


def test_growth_is_over_the_mean_of_both_years(found: impact.JobsResult) -> None:
    """2 on entry (C, E), -2 on death (D) and on the loss of all staff (E); nothing where there were no jobs in both years (G, I).

    The gap of F is not jumped over.
    """
    nan = np.nan
    expected = {
        "A": [nan, 2 / 11, 0, 3 / 13.5],
        "B": [nan, -2 / 9, 0, -4 / 6],
        "C": [nan, nan, 2, 1 / 5.5],
        "D": [nan, -3 / 4.5, -2, nan],
        "E": [nan, nan, 2, -2],
        "F": [nan, nan, nan, 2 / 8],
        "G": [nan, nan, nan, nan],
        "H": [nan, 0, 0, nan],
        "I": [nan, nan, nan, nan],
        "J": [nan, 0, -10 / 15, 20 / 20],
    }
    wide = found.panel.wide("jobs_growth")
    np.testing.assert_allclose(wide.to_numpy(), list(expected.values()), rtol=1e-15)


def test_creation_and_destruction_are_the_two_sides_of_the_change(
    found: impact.JobsResult, shown: Show, expected: Read
) -> None:
    assert shown(found.panel, "job_creation") == expected("""
     2011  2012  2013  2014
A       ?     2     .     3
B       ?     .     .     .
C       ?     .     5     1
D       ?     .     .     .
E       ?     .     2     .
F       ?     ?     ?     2
G       ?     .     .     .
H       ?     .     .     ?
I       ?     .     .     .
J       ?     .     .    20
""")
    assert shown(found.panel, "job_destruction") == expected("""
     2011  2012  2013  2014
A       ?     .     .     .
B       ?     2     .     4
C       ?     .     .     .
D       ?     3     3     .
E       ?     .     .     2
F       ?     ?     ?     .
G       ?     .     .     .
H       ?     .     .     ?
I       ?     .     .     .
J       ?     .    10     .
""")


def test_the_flows_of_a_year(found: impact.JobsResult) -> None:
    """2013: C and E enter with 5 + 2, D closes with 3, J loses 10; F was not seen in 2012 and brings 7 into sight."""
    assert list(found.flows["year"]) == [2012, 2013, 2014]  # the first year has no year before
    got = year(found, 2013)
    assert got[["jobs_before", "jobs"]].tolist() == [47, 41]
    assert got[["creation", "creation_entry", "destruction", "destruction_death", "net"]].tolist() == [7, 7, 13, 3, -6]  # fmt: skip
    assert got[["reallocation", "excess_reallocation"]].tolist() == [20, 14]
    assert got[["n_firms", "n_entering", "n_born", "n_dying", "n_closed"]].tolist() == [7, 2, 1, 1, 1]  # fmt: skip
    assert got[["n_no_jobs", "n_unobserved", "jobs_into_sight", "jobs_out_of_sight"]].tolist() == [2, 1, 7, 0]  # fmt: skip
    np.testing.assert_allclose(got[["creation_rate", "destruction_rate", "net_rate"]].astype(float), [7 / 44, 13 / 44, -6 / 44])  # fmt: skip


def test_a_firm_without_staff_any_more_is_not_said_to_have_closed(found: impact.JobsResult) -> None:
    got = year(found, 2014)
    assert got[["n_dying", "n_closed", "creation", "destruction", "net"]].tolist() == [1, 0, 26, 6, 20]  # fmt: skip
    flags = found.tidy().query("year == 2014")["flags"].iloc[0]
    assert "of 1 dying, 0 are known to be inactive" in flags
    assert "1 firms not observed in both years are left out, with 4.0 jobs before" in flags


def test_totals_reconcile(found: impact.JobsResult) -> None:
    """What the file's totals change by = net flow + jobs that came into sight - jobs that went out of it."""
    total = found.panel.data.groupby("year")["jobs"].sum()
    for row in found.flows.to_dict("records"):
        change = total[row["year"]] - total[row["year"] - 1]
        assert change == row["net"] + row["jobs_into_sight"] - row["jobs_out_of_sight"]


def test_the_table_carries_counts_labels_and_status(found: impact.JobsResult) -> None:
    table = found.tidy()
    assert list(table) == ["year", "flow", "label", "amount", "unit", "rate", "status", "n", "n_entering", "n_dying", "n_unobserved", "flags"]  # fmt: skip
    assert len(table) == 3 * 7
    assert set(table["status"]) == {"known"} and set(table["unit"]) == {"jobs"}
    counts = found.counts().set_index("outcome")
    assert counts.loc["jobs_growth", ["n_obs", "n_at_risk"]].tolist() == [
        18,
        18,
    ]  # 5 + 7 + 6 firms with jobs
    assert "firm-years without jobs in both years" in counts.loc["jobs_growth", "flags"]
    assert "8 firm-years without activity count as 0" in counts.loc["jobs", "flags"]


def test_the_summary_says_what_gross_creation_is_not(found: impact.JobsResult) -> None:
    said = found.summary()
    assert "2013: +7.0 - 13.0 = -6.0 jobs (-13.6 % of the mean of both years); 7 firms, 2 from no jobs (1 born), 1 to no jobs (1 known to have died)" in said  # fmt: skip
    assert "Jobs that participants created are not jobs that the programme created" in said
    assert repr(found) == said


def test_flows_by_group_sum_to_the_flows_of_all() -> None:
    """A, C and J took part; B has no mark, and is in no group."""
    marks = {**dict.fromkeys("ACJ", "participant"), **dict.fromkeys("DEFGHI", "other")}
    got = impact.jobs(staff(FIRMS, group=marks), concept="stock", group="group")
    table = got.flows.set_index(["year", "group"])
    assert table.loc[(2014, "participant"), ["creation", "destruction", "net"]].tolist() == [24, 0, 24]  # fmt: skip
    assert table.loc[(2014, "other"), ["creation", "destruction", "net"]].tolist() == [2, 2, 0]
    assert "1 firms without a value of 'group' are in no group." in got.notes
    whole = impact.jobs(staff(FIRMS), concept="stock").flows.set_index("year")
    without_b = table[["creation", "net"]].groupby("year").sum()
    np.testing.assert_array_equal(without_b["net"], whole["net"] - [-2, 0, -4])
    assert list(got.tidy())[:2] == ["year", "group"]
    # A column of groups is called as in the panel, in every table, as in margins; unless that name is taken.
    named = impact.jobs(staff(FIRMS, takes_part=marks), concept="stock", group="takes_part")
    assert list(named.flows)[:2] == list(named.tidy())[:2] == ["year", "takes_part"]
    assert named.flows.rename(columns={"takes_part": "group"}).equals(got.flows)
    assert named.summary() == got.summary().replace("'group'", "'takes_part'")
    assert len(named.plot().axes) == 2
    taken = impact.jobs(staff(FIRMS, net=marks), concept="stock", group="net")
    assert taken.flows.equals(got.flows) and taken.group == "group"
    with pytest.raises(impact.DataError, match="'employees' changes within"):
        impact.jobs(staff(FIRMS), concept="stock", group="employees")


def plain_flows(panel: impact.Panel) -> list[dict[str, float]]:
    """The textbook: each firm's growth, weighted by its share of mean jobs (Davis, Haltiwanger and Schuh 1996)."""
    known: dict[tuple[str, int], float] = {}
    for row in panel.data.to_dict("records"):
        if row["state"] == "inactive":
            known[row["firm"], row["year"]] = 0.0
        elif row["state"] != "unobserved" and not np.isnan(row["employees"]):
            known[row["firm"], row["year"]] = row["employees"]
    firms = {f for f, _ in known}
    out = []
    for year in panel.periods[1:]:
        pairs = [(known[f, year - 1], known[f, year]) for f in firms if (f, year) in known and (f, year - 1) in known]  # fmt: skip
        total = sum(a + b for a, b in pairs)
        up = down = 0.0
        for before, now in pairs:
            if before + now == 0:
                continue
            g = 2 * (now - before) / (now + before)
            w = (now + before) / total
            up, down = up + w * max(g, 0), down + w * max(-g, 0)
        out.append({"creation_rate": up, "destruction_rate": down, "net_rate": up - down,
                    "reallocation_rate": up + down, "excess_reallocation_rate": up + down - abs(up - down)})  # fmt: skip
    return out


def random_panel(seed: int, firms: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"firm": np.repeat([f"f{i:03d}" for i in range(firms)], 4), "year": np.tile([2011, 2012, 2013, 2014], firms)})  # fmt: skip
    rows["employees"] = rng.poisson(4, len(rows)).astype(float)
    rows["state"] = rng.choice(["active_nonexporter", "inactive", "unobserved"], len(rows), p=[0.75, 0.15, 0.1])  # fmt: skip
    rows.loc[rows["state"] == "unobserved", "employees"] = np.nan
    rows.loc[rng.random(len(rows)) < 0.05, "employees"] = np.nan
    return rows[rng.random(len(rows)) > 0.05]  # some firm-years have no row


@pytest.mark.parametrize("seed", [1, 2])
def test_rates_are_the_weighted_growth_of_firms(seed: int) -> None:
    panel = impact.panel(random_panel(seed), unit="firm", time="year")
    got = impact.jobs(panel, concept="stock").flows
    for row, plain in zip(got.to_dict("records"), plain_flows(panel), strict=True):
        for name, value in plain.items():
            assert row[name] == pytest.approx(value, rel=1e-12), name
        # Identities: to the last digit.
        assert row["creation"] - row["destruction"] == row["net"] == row["jobs"] - row["jobs_before"]  # fmt: skip
        mean = (row["jobs"] + row["jobs_before"]) / 2
        assert row["net_rate"] == pytest.approx((row["jobs"] - row["jobs_before"]) / mean)


@settings(max_examples=25)
@given(seed=st.integers(0, 10), scale=st.sampled_from([0.5, 8.0]), turn=st.randoms())
def test_rows_names_and_units_do_not_matter(seed: int, scale: float, turn: object) -> None:
    rows = random_panel(seed, firms=12)
    plain = impact.jobs(impact.panel(rows, unit="firm", time="year"), concept="stock").flows
    names = dict(zip(sorted(rows["firm"].unique()), sorted(rows["firm"].unique(), reverse=True), strict=True))  # fmt: skip
    mixed = rows.sample(frac=1, random_state=turn.randrange(99))  # type: ignore[attr-defined]
    mixed = mixed.assign(firm=mixed["firm"].map(names), employees=mixed["employees"] * scale)
    got = impact.jobs(impact.panel(mixed, unit="firm", time="year"), concept="stock").flows
    for column in plain:
        amount = not column.startswith("n_") and not column.endswith("_rate") and column != "year"
        np.testing.assert_allclose(got[column], plain[column] * (scale if amount else 1))


class TestWhatIsCounted:
    def test_the_concept_must_be_declared(self) -> None:
        with pytest.raises(impact.DataError, match=r"was not declared; say concept='stock'"):
            impact.jobs(staff(FIRMS))
        with pytest.raises(impact.DataError, match=r"no concept of employment 'jobs'"):
            impact.jobs(staff(FIRMS), concept="jobs")

    def test_hires_are_a_flow_already(self) -> None:
        with pytest.raises(
            impact.DataError, match="Hires or contracts of a year are a flow already"
        ):
            impact.jobs(staff(FIRMS), concept="flow")

    def test_persons_are_more_than_jobs_and_it_is_said(self) -> None:
        got = impact.jobs(staff(FIRMS), concept="person")
        assert "one who worked in two firms is counted in both" in got.summary()

    def test_an_average_of_months_and_not_december(self) -> None:
        """A summer hotel: 12 in three months, none in December."""
        months = [f"m{m}" for m in range(1, 13)]
        rows = pd.DataFrame([["hotel", 2013, *[4.0] * 12], ["hotel", 2014, *[0.0] * 6, 12.0, 12.0, 12.0, 0.0, 0.0, 0.0]],
                            columns=["firm", "year", *months])  # fmt: skip
        got = impact.jobs(impact.panel(rows, unit="firm", time="year"), concept="stock", employees=months)  # fmt: skip
        assert got.panel.data["jobs"].tolist() == [4, 3]
        assert "average of 12 months: 7.0 over all firm-years; 'm12' alone would give 4.0" in got.notes[0]  # fmt: skip
        rows.loc[1, "m3"] = np.nan
        got = impact.jobs(impact.panel(rows, unit="firm", time="year"), concept="stock", employees=months)  # fmt: skip
        assert got.panel.data["jobs"].isna().tolist() == [False, True]
        assert "1 firm-years with some months known and others not are missing" in got.notes[0]

    def test_full_time_equivalents_from_hours(self) -> None:
        """Two at 1,760 hours and one at half of that: 2.5 full-time jobs; a contract may also stand in a column."""
        rows = pd.DataFrame({"firm": "a", "year": [2013, 2014], "hours": [4400.0, 3520.0], "full": [1760.0, 1760.0]})  # fmt: skip
        panel = impact.panel(rows, unit="firm", time="year")
        for contract in (1760, "full"):
            got = impact.jobs(panel, concept="stock", kind="fte", hours="hours", contract_hours=contract)  # fmt: skip
            assert got.panel.data["jobs"].tolist() == [2.5, 2.0]
            assert got.tidy()["unit"].unique().tolist() == ["FTE"]
        assert "1,760, the length of a full-time job in a year, as declared" in impact.jobs(
            panel, concept="stock", kind="fte", hours="hours", contract_hours=1760).summary()  # fmt: skip
        given = impact.jobs(panel, concept="stock", kind="fte", employees="full")
        assert "'full' is taken as full-time equivalents, as it is." in given.notes

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"hours": "employees"}, "give hours= and contract_hours="),
            ({"contract_hours": 1760}, "give hours= and contract_hours="),
            ({"hours": "employees", "contract_hours": 1760}, "write kind='fte'"),
            ({"kind": "fte", "hours": "employees", "contract_hours": 0}, "above 0"),
            ({"kind": "heads"}, "choose headcount or fte"),
            ({"employees": ["a", "b"]}, "name one for the year, or twelve"),
            ({"employees": "staff"}, "this column is missing"),
            ({"multiplier": 0.8, "indirect_source": "x"}, "so 1 or more; 0.8 was given"),
            ({"multiplier": 1.5}, "say indirect_source="),
            ({"multiplier": 1.5, "indirect_per_direct": 0.5, "indirect_source": "x"}, "Give either"),
            ({"indirect_source": "x"}, "no number"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_together_is_refused(self, arguments: dict[str, object], said: str) -> None:  # fmt: skip
        with pytest.raises(impact.DataError, match=said):
            impact.jobs(staff(FIRMS), concept="stock", **arguments)  # type: ignore[arg-type]

    def test_every_cell_that_is_no_number_of_jobs_is_named(self) -> None:
        rows = pd.DataFrame({"firm": ["a", "b", "c", "d"], "year": 2013, "employees": ["5", "-1", "some", np.inf]})  # fmt: skip
        with pytest.raises(impact.DataError) as caught:
            impact.jobs(impact.panel(rows, unit="firm", time="year"), concept="stock")
        assert [f.value for f in caught.value.faults] == ["-1", "some", np.inf]


class TestIndirect:
    def test_indirect_jobs_are_printed_as_an_assumption(self) -> None:
        got = impact.jobs(staff(FIRMS), concept="stock", multiplier=1.5, indirect_source="input-output table 2012, type I")  # fmt: skip
        row = got.tidy().query("year == 2014 and flow == 'net_indirect'").iloc[0]
        assert (row["amount"], row["status"]) == (10.0, "assumption")
        assert "assumed: 1.5 jobs in all per direct job (input-output table 2012, type I)" in row["label"]  # fmt: skip
        assert "large" not in row["label"]
        assert "with it +10.0 indirect jobs (assumed)." in got.summary()
        direct = impact.jobs(staff(FIRMS), concept="stock").tidy()
        pd.testing.assert_frame_equal(got.tidy().query("status == 'known'").reset_index(drop=True), direct)  # fmt: skip

    def test_twenty_thousand_direct_and_sixty_thousand_indirect_is_a_multiplier_of_four(self) -> None:  # fmt: skip
        got = impact.jobs(staff(FIRMS), concept="stock", indirect_per_direct=3, indirect_source="press release")  # fmt: skip
        assert got.indirect is not None
        assert (got.indirect.multiplier, got.indirect.of(20_000)) == (4.0, 60_000)
        assert "more than 2.5 is large" in got.summary()


class TestEdges:
    def test_one_firm(self) -> None:
        got = impact.jobs(staff("2013 2014\nA 4 6"), concept="stock").flows.iloc[0]
        assert got[["creation", "net", "n_firms"]].tolist() == [2, 2, 1]
        assert got["net_rate"] == 0.4

    def test_one_year_has_no_flow(self) -> None:
        got = impact.jobs(staff("2013\nA 4"), concept="stock")
        assert got.flows.empty and got.tidy().empty
        assert "net" in got.flows
        assert "not jobs that the programme created" in got.summary()
        with pytest.raises(impact.ReportError, match="no flow to draw"):
            got.plot()

    def test_all_closed(self) -> None:
        """The last jobs go; in the year after there are none to lose, and no rate."""
        got = impact.jobs(staff("2013 2014 2015\nA 4 x x\nB 6 x x"), concept="stock").flows
        assert got["net_rate"].iloc[0] == -2
        assert got.loc[1, ["creation", "destruction", "net"]].tolist() == [0, 0, 0]
        assert np.isnan(got["net_rate"].iloc[1])
        assert got.loc[1, ["n_firms", "n_no_jobs"]].tolist() == [0, 2]

    def test_nobody_observed_is_not_zero(self) -> None:
        got = impact.jobs(staff("2013 2014\nA ? 5\nB 6 ?"), concept="stock")
        row = got.flows.iloc[0]
        assert row[["creation", "net", "net_rate", "jobs"]].isna().all()
        assert row[["n_firms", "n_unobserved", "jobs_into_sight", "jobs_out_of_sight"]].tolist() == [0, 2, 5, 6]  # fmt: skip
        assert "2014: no firm was observed in both years." in got.summary()

    def test_a_year_without_rows_is_a_gap(self) -> None:
        rows = pd.DataFrame({"firm": "a", "year": [2012, 2014], "employees": [5.0, 9.0]})
        got = impact.jobs(impact.panel(rows, unit="firm", time="year"), concept="stock")
        assert got.panel.data["jobs_change"].isna().all()
        assert list(got.flows["year"]) == [2013, 2014] and got.flows["net"].isna().all()

    def test_staff_of_a_firm_that_is_not_active_count_as_none_and_it_is_said(self) -> None:
        """Ten on the books of a firm without sales; and a 0 that somebody filled in for a firm that was not observed."""
        rows = pd.DataFrame({"firm": ["a", "a", "b", "b"], "year": [2013, 2014] * 2, "employees": [10.0, 10.0, 5.0, 0.0],
                             "state": ["active_exporter", "inactive", "active_exporter", "unobserved"]})  # fmt: skip
        got = impact.jobs(impact.panel(rows, unit="firm", time="year"), concept="stock")
        np.testing.assert_array_equal(got.panel.data["jobs"], [10, 0, 5, np.nan])
        assert "1 firm-years that are inactive stand in the file with jobs (10.0 in all); they count as 0." in got.notes  # fmt: skip
        assert "1 firm-years that were not observed stand in the file with 0 jobs; they are missing here." in got.notes  # fmt: skip

    def test_jobs_of_a_firm_whose_exports_were_not_observed_are_known(self) -> None:
        """In a study without customs every state is unobserved; the register's staff are there all the same."""
        rows = pd.DataFrame({"firm": "a", "year": [2013, 2014], "employees": [5.0, 7.0], "state": "unobserved"})  # fmt: skip
        got = impact.jobs(impact.panel(rows, unit="firm", time="year"), concept="stock")
        assert got.flows["net"].tolist() == [2]

    def test_who_was_active_may_stand_in_a_column(self) -> None:
        rows = pd.DataFrame({"firm": "a", "year": [2013, 2014], "employees": [5.0, np.nan], "alive": [True, False]})  # fmt: skip
        panel = impact.panel(rows, unit="firm", time="year")
        assert impact.jobs(panel, concept="stock", alive="alive").flows["net"].tolist() == [-5]
        assert (
            impact.jobs(panel, concept="stock").flows["net"].isna().all()
        )  # closed, or not observed?

    def test_the_callers_data_stay_as_they_are(self) -> None:
        panel = staff(FIRMS)
        before = panel.data.copy()
        impact.jobs(panel, concept="stock")
        pd.testing.assert_frame_equal(panel.data, before)

    def test_sampling_weights_are_not_applied_and_it_is_said(self) -> None:
        rows = staff("2013 2014\nA 4 6").data.assign(weight=2.0)
        got = impact.jobs(impact.panel(rows, unit="firm", time="year", weights="weight"), concept="stock")  # fmt: skip
        assert any("Sampling weights are not applied" in n for n in got.notes)


def test_the_figure_has_a_panel_for_each_group() -> None:
    marks = {**dict.fromkeys("ACJ", 1), **dict.fromkeys("BDEFGHI", 0)}
    figure = impact.jobs(staff(FIRMS, took_part=marks), concept="stock", group="took_part").plot()
    assert [ax.get_title() for ax in figure.axes] == ["0", "1"]
