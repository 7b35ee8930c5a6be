"""Four files to a panel, worked by hand; read it as the manual of the intake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from impact.cli import main
from impact.core.errors import DataError
from impact.report.receive import Received, inspect, receive

STUDY = """
[study]
name = "small"
title = "Five firms"
programme = "A programme"
source = "worked by hand"
first_year = 2008
last_year = 2010

[customs]
file = "customs.csv"
negative = "net"
exclude_regimes = ["40"]
exclude_products = ["27"]
[customs.columns]
firm_id = "rut"

[roster]
file = "roster.csv"
currency = "EUR"

[register]
file = "register.csv"
employment = "headcount"
currency = "EUR"

[budget]
file = "budget.csv"

[money]
rates = "rates.csv"
quoted = "currency_per_euro"
"""

# 1.25 dollars to the euro: the third row is 100 euros.
CUSTOMS = """
rut,date,product,destination,value,currency,regime
001,15/01/2008,090111,DE,100.00,EUR,10
001,20/03/2008,090111,FR,50.00,EUR,10
001,05/06/2008,180100,DE,125.00,USD,10
002,31/12/2009,090111,NA,10.00,EUR,10
002,01/02/2010,090111,NA,30.00,EUR,40
003,13/05/2010,271012,US,40.00,EUR,10
001,02/02/2010,090111,DE,20.00,EUR,10
001,25/02/2010,090111,DE,-20.00,EUR,10
001,03/03/2010,180100,DE,70.01,EUR,10
"""

# 003 has neither staff nor sales in 2008; 004 is born in 2009; 002 has no row in 2010.
REGISTER = """
firm_id,year,employees,sales,sector,birth_year
001,2008,5,1000.50,C10,2001
001,2009,4,900,C10,2001
001,2010,6,1100,C10,2001
002,2008,3,500,A01,1999
002,2009,3,510,A01,1999
003,2008,0,0,C13,2005
003,2009,2,10,C13,2005
003,2010,2,12,C13,2005
004,2009,1,5,G46,2009
004,2010,1,6,G46,2009
"""

# 005 is in no other file.
ROSTER = """
firm_id,programme,service,joined,hours,cost
001,AL,fair,13/05/2009,8,1500.00
001,AL,advice,02/11/2009,20,500.00
004,AL,fair,01/02/2010,8,1500.00
005,AL,fair,14/02/2010,8,1500.00
"""

BUDGET = """
programme,year,line,source,committed,disbursed,currency
AL,2009,services,EU,3000,2500.00,EUR
AL,2010,services,EU,3000,3125.00,USD
"""

RATES = """
currency,year,rate
USD,2008,1.25
USD,2009,1.25
USD,2010,1.25
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the study, with its text and files changed at will."""

    def make(study: Callable[[str], str] = lambda t: t, **files: str | bytes) -> Path:
        texts: dict[str, str | bytes] = {"customs": CUSTOMS, "register": REGISTER, "roster": ROSTER,
                                         "budget": BUDGET, "rates": RATES}  # fmt: skip
        for name, text in (texts | files).items():
            data = text.lstrip("\n").encode() if isinstance(text, str) else text
            (tmp_path / f"{name}.csv").write_bytes(data)
        (tmp_path / "study.toml").write_text(study(STUDY), "utf-8")
        return tmp_path / "study.toml"

    return make


def faults_of(path: Path) -> list[str]:
    with pytest.raises(DataError) as caught:
        receive(path)
    return [str(f) for f in caught.value.faults]


def panel_of(received: Received) -> dict[tuple[str, int], dict[str, object]]:
    """Firm-years of the Parquet panel."""
    assert received.intake is not None and received.intake.parquet is not None
    with duckdb.connect() as con:
        found = con.execute(f"SELECT * FROM '{received.intake.parquet}'")
        names = [d[0] for d in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {(str(r["firm_id"]), int(r["year"])): r for r in rows}


def test_every_firm_has_every_year_in_one_of_four_states(write: Write) -> None:
    panel = panel_of(receive(write()))
    states = {key: row["state"] for key, row in panel.items()}
    assert states == {
        ("001", 2008): "active_exporter",
        ("001", 2009): "active_nonexporter",
        ("001", 2010): "active_exporter",
        ("002", 2008): "active_nonexporter",
        ("002", 2009): "active_exporter",
        (
            "002",
            2010,
        ): "unobserved",  # its only shipment is a re-export, and the register has no row
        ("003", 2008): "inactive",  # neither staff nor sales
        ("003", 2009): "active_nonexporter",
        ("003", 2010): "active_nonexporter",  # its only shipment is oil, which the study leaves out
        ("004", 2008): "inactive",  # before its birth
        ("004", 2009): "active_nonexporter",
        ("004", 2010): "active_nonexporter",
        ("005", 2008): "unobserved",
        ("005", 2009): "unobserved",
        ("005", 2010): "unobserved",
    }


def test_missing_is_not_zero(write: Write) -> None:
    panel = panel_of(receive(write()))
    assert panel["002", 2008]["exports_eur"] == 0 and panel["002", 2008]["products"] == 0
    assert panel["003", 2008]["exports_eur"] == 0 and panel["003", 2008]["exporter"] == 0
    for key in (("002", 2010), ("005", 2009)):
        assert panel[key]["exports_eur"] is None
        assert panel[key]["exporter"] is None and panel[key]["destinations"] is None
    assert panel["002", 2008]["hhi_products"] is None  # concentration of nothing
    unborn = panel["004", 2008]
    assert (
        unborn["exports_eur"] is None and unborn["exporter"] is None and unborn["employees"] is None
    )


def test_value_lines_concentration_and_months(write: Write) -> None:
    row = panel_of(receive(write()))["001", 2008]
    assert row["exports_eur"] == 250.00
    assert (row["products"], row["destinations"], row["pairs"], row["shipments"]) == (2, 2, 3, 3)
    assert row["hhi_products"] == (150**2 + 100**2) / 250**2
    assert row["hhi_destinations"] == (200**2 + 50**2) / 250**2
    assert row["hhi_pairs"] == (100**2 + 50**2 + 100**2) / 250**2
    assert (row["first_month"], row["last_month"]) == (1, 6)
    assert (row["employees"], row["sales_eur"], row["sector"]) == (5, 1000.50, "C10")


def test_corrections_are_netted_within_their_month(write: Write) -> None:
    row = panel_of(receive(write()))["001", 2010]
    assert row["exports_eur"] == 70.01 and row["products"] == 1 and row["first_month"] == 3


def test_roster_is_summed_to_firms(write: Write) -> None:
    panel = panel_of(receive(write()))
    row = panel["001", 2008]
    assert (row["joined"], row["joined_month"], row["services"]) == (2009, 5, 2)
    assert (row["programme_hours"], row["programme_cost_eur"]) == (28, 2000.00)
    assert panel["002", 2008]["joined"] is None


def test_rows_and_euros_are_conserved(write: Write) -> None:
    received = receive(write())
    ledger = {x.table: x for x in received.ledgers}
    customs = ledger["customs"]
    assert (customs.rows_in, customs.cents_in) == (9, 40001)
    gone = {line.reason: (line.rows, line.cents) for line in customs.lines if line.rows}
    assert gone == {
        "customs: regime 40 is excluded by the study": (1, 3000),
        "customs: product excluded by the study: 27": (1, 4000),
        "customs: corrections as large as the shipments of their month, with those": (2, 0),
    }
    assert (customs.rows_used, customs.cents_used) == (5, 33001)
    assert ledger["roster"].cents_used == 500000
    assert ledger["budget"].cents_used == 250000 + 250000
    assert ledger["register"].rows_used == 10


def test_linkage_counts_the_firm_that_is_nowhere(write: Write) -> None:
    received = receive(write())
    assert received.intake is not None and received.intake.linkage is not None
    table = received.intake.linkage.table
    line = table[(table["step"] == table["step"].iloc[0]) & table["year"].isna()].iloc[0]
    assert (line["firms"], line["matched"], line["unmatched"]) == (3, 2, 1)
    assert any("67" in str(n) or "66" in str(n) for n in received.notices)  # below 90 %: a warning


def test_check_prints_ledger_linkage_states_and_notices(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(write())]) == 0
    out = capsys.readouterr().out
    for words in ("no fault found", "T1b", "T1c", "T1d", "400.01", "330.01", "unobserved", "note:"):
        assert words in out
    assert "\x1b" not in out and "%|" not in out


def test_run_writes_parquet_and_dictionary(write: Write, tmp_path: Path) -> None:
    assert main(["run", str(write())]) == 0
    folder = tmp_path / "data_processed" / "small"
    assert sorted(p.name for p in folder.iterdir()) == ["dictionary.csv", "panel.parquet"]
    with duckdb.connect() as con:
        columns = [r[0] for r in con.execute(f"DESCRIBE SELECT * FROM '{folder / 'panel.parquet'}'").fetchall()]  # fmt: skip
        rows = con.execute(f"SELECT firm_id, year FROM '{folder / 'panel.parquet'}'").fetchall()
        words = con.execute(f"SELECT * FROM read_csv('{folder / 'dictionary.csv'}', all_varchar=true)").fetchall()  # fmt: skip
    assert [w[0] for w in words] == columns
    assert all(w[1] and w[3] and w[4] for w in words)
    assert rows == sorted(rows) and len(rows) == 15
    first = (folder / "panel.parquet").read_bytes()
    assert main(["run", str(tmp_path / "study.toml")]) == 0
    assert (folder / "panel.parquet").read_bytes() == first
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert {"linkage", "observability"} <= set(results)
    for name in ("results.json", "manifest.json", "tables.xlsx", "appendix.pdf"):
        assert (tmp_path / name).is_file()
    assert "005" not in json.dumps(results["linkage"])  # no firm is named outside data_processed


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"customs": CUSTOMS.replace("001,15/01/2008", "001,31/02/2008")}, ["row 2", "date", "31/02/2008"]),
        ({"customs": CUSTOMS.replace("125.00,USD", "125.00,PEN")}, ["PEN", "2008", "rate"]),
        ({"customs": CUSTOMS.replace("100.00,EUR", "abc,EUR")}, ["row 2", "value", "'abc'"]),
        ({"customs": CUSTOMS.replace("180100,DE,125", "18010,DE,125")}, ["row 4", "product", "'18010'"]),
        ({"customs": CUSTOMS.replace("090111,FR", "090111,Q9")}, ["row 3", "destination", "'Q9'"]),
        ({"customs": CUSTOMS + "TOTAL,,,,400.01,EUR,10\n"}, ["row 11", "total"]),
        ({"register": REGISTER + "001,2008,5,1000,C10,2001\n"}, ["001", "2008", "times"]),
        ({"register": REGISTER.replace("2008,5,", "2008,five,")}, ["row 2", "employees", "'five'"]),
        ({"roster": ROSTER.replace("13/05/2009", "13/13/2009")}, ["row 2", "joined", "13/13/2009"]),
        ({"budget": BUDGET.replace("2500.00", "-")}, ["row 2", "disbursed"]),
        ({"rates": RATES.replace("USD,2010,1.25", "USD,2010,0")}, ["rates.csv", "row 4", "'0'"]),
        ({"customs": ""}, ["customs.csv", "empty"]),
        ({"customs": b"rut,date\x00,product\n"}, ["customs.csv", "NUL"]),
    ],
)  # fmt: skip
def test_a_fault_names_file_row_column_and_value(
    write: Write, files: dict[str, str], words: list[str]
) -> None:
    found = faults_of(write(**files))
    assert any(all(w in f for w in words) for f in found), found
    assert all("To mend:" in f for f in found)


def test_faults_of_all_files_come_in_one_pass(write: Write) -> None:
    found = faults_of(write(
        customs=CUSTOMS.replace("100.00,EUR", "abc,EUR").replace("090111,FR", "090111,Q9"),
        register=REGISTER.replace("2008,5,", "2008,five,"),
        roster=ROSTER.replace("13/05/2009", "13/13/2009"),
        budget=BUDGET.replace("2500.00", "x"),
    ))  # fmt: skip
    for words in ("abc", "Q9", "five", "13/13/2009", "'x'"):
        assert any(words in f for f in found), (words, found)


def test_ambiguous_thousands_are_asked_about(write: Write) -> None:
    rows = [f"001,15/01/2008,090111,DE,12.{n}00,EUR,10" for n in range(1, 9)]
    path = write(
        customs="rut,date,product,destination,value,currency,regime\n" + "\n".join(rows) + "\n"
    )
    found = faults_of(path)
    assert any("12.100" in f or "decimal" in f for f in found), found
    path.write_text(STUDY.replace('negative = "net"', 'negative = "net"\ndecimal = "."'), "utf-8")
    assert panel_of(receive(path))["001", 2008]["exports_eur"] == pytest.approx(99.6)


def test_negative_values_are_asked_about(write: Write) -> None:
    found = faults_of(write(lambda t: t.replace('negative = "net"\n', "")))
    assert any("row 9" in f and "-20.00" in f and 'negative = "net"' in f for f in found), found
    received = receive(write(lambda t: t.replace('negative = "net"', 'negative = "drop"')))
    assert panel_of(received)["001", 2010]["exports_eur"] == 90.01


def test_a_roster_that_lost_its_zeros_is_refused_with_the_cause(write: Write) -> None:
    found = faults_of(write(roster=ROSTER.replace("\n00", "\n")))
    assert any("zero" in f for f in found), found


def test_a_low_linkage_needs_a_reason(write: Write) -> None:
    lost = ROSTER.replace("004,AL", "104,AL").replace("005,AL", "105,AL")
    assert any("%" in f for f in faults_of(write(roster=lost)))
    accepted = write(
        lambda t: t + '\n[linkage]\naccept_below = 0.3\nreason = "informal firms"\n', roster=lost
    )
    assert receive(accepted).intake is not None


def test_an_unreadable_column_may_be_let_go_and_is_counted(write: Write) -> None:
    path = write(
        lambda t: t.replace('negative = "net"', 'negative = "net"\ndrop_unreadable = ["destination"]'),
        customs=CUSTOMS.replace("090111,FR", "090111,Q9"),
    )  # fmt: skip
    customs = next(x for x in receive(path).ledgers if x.table == "customs")
    assert ("customs: destination cannot be read", 1, 5000) in [
        (x.reason, x.rows, x.cents) for x in customs.lines
    ]


def test_exporters_only_data_leave_other_years_unobserved(write: Write) -> None:
    def without_register(text: str) -> str:
        head, _, tail = text.partition("[register]")
        return head + tail[tail.index("[budget]") :]

    panel = panel_of(receive(write(without_register, roster=ROSTER.replace("004,", "002,"))))
    assert panel["001", 2009]["state"] == "unobserved" and panel["001", 2009]["exports_eur"] is None


def test_a_register_of_all_firms_knows_who_died(write: Write) -> None:
    path = write(lambda t: t.replace('"headcount"', '"headcount"\nabsent = "inactive"'))
    panel = panel_of(receive(path))
    assert panel["002", 2010]["state"] == "inactive" and panel["002", 2010]["employees"] == 0
    assert panel["005", 2010]["state"] == "unobserved"  # never seen, so nothing is known


def test_inspect_gives_what_was_understood_beside_the_refusal(write: Write) -> None:
    received, refusal = inspect(write(roster=ROSTER.replace("13/05/2009", "13/13/2009")))
    assert refusal is not None and received is not None and received.intake is not None
    assert {x.table for x in received.ledgers} >= {"customs", "register", "budget"}


def test_the_first_fifty_are_shown_and_all_are_counted(write: Write) -> None:
    rows = "".join(f"001,15/01/2008,090111,DE,x{n},EUR,10\n" for n in range(90))
    path = write(
        customs="rut,date,product,destination,value,currency,regime\n" + rows,
        register=REGISTER.replace("2008,5,", "2008,five,"),
    )
    with pytest.raises(DataError) as caught:
        receive(path)
    text = str(caught.value)
    assert "91 faults found" in text
    assert text.count("expected a number") >= 49 and "'five'" in text
    assert "40 more cells of this column" in text  # 50 of the column are named
    assert "and 1 more" in text  # and of 51 single faults, 50 are printed


def test_a_register_row_without_staff_and_sales_proves_no_activity(write: Write) -> None:
    panel = panel_of(receive(write(register=REGISTER.replace("002,2008,3,500,", "002,2008,,,"))))
    assert panel["002", 2008]["state"] == "unobserved"
    assert panel["002", 2008]["exports_eur"] is None


def test_a_form_of_dates_that_is_none_is_a_fault_of_the_study(write: Write) -> None:
    path = write(
        lambda t: t.replace('negative = "net"', 'negative = "net"\ndate_format = "%d/%m/%Y"')
    )
    _, refusal = inspect(path)
    assert refusal is not None and refusal.exit_code == 11
    assert "customs.date_format" in str(refusal) and "dd/mm/yyyy" in str(refusal)
