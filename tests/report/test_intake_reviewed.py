"""What a reader of real deliveries met: total rows, regimes that no row has, blank costs, repayments."""

from __future__ import annotations

from pathlib import Path

import pytest

from impact.core.errors import Fault
from impact.core.ledger import Ledger
from impact.core.notice import Notice
from impact.report.receive import Received, inspect

STUDY = """
[study]
name = "reviewed"
title = "A few rows"
programme = "A programme"
source = "worked by hand"
first_year = 2008
last_year = 2010
[customs]
file = "customs.csv"
{customs}
[roster]
file = "roster.csv"
currency = "EUR"
{roster}
[register]
file = "register.csv"
currency = "EUR"
{register}
[budget]
file = "budget.csv"
{budget}
[linkage]
accept_below = 0.0
reason = "a few rows by hand"
"""
FILES = {
    "customs": "firm_id,date,product,destination,value,currency,regime\n"
    "001,15/01/2008,090111,DE,100.00,EUR,10-EXPORTACION\n002,13/05/2009,180100,FR,50.50,EUR,60-REEXPORTACION\n",
    "roster": "firm_id,programme,joined,hours,cost\n001,AL,13/05/2009,8,1500.00\n002,AL,14/06/2009,4,20.00\n",
    "register": "firm_id,year,sales,wages,exports\n001,2008,10,5,4\n002,2009,20,6,3\n",
    "budget": "programme,year,line,source,committed,disbursed,currency\nAL,2009,services,EU,3000,2500.00,EUR\n",
}
TOTAL = "TOTAL,,,,150.50,,\n"
BARE_TOTAL = ",,,,150.50,,\n"
LET_GO = 'drop_unreadable = ["firm_id"]'


def look(
    folder: Path, declared: dict[str, str] | None = None, **more: str
) -> tuple[Received, list[Fault]]:
    """The study with lines declared and rows added."""
    for name, text in FILES.items():
        (folder / f"{name}.csv").write_text(text + more.get(name, ""), "utf-8")
    sections = dict.fromkeys(FILES, "") | (declared or {})
    (folder / "study.toml").write_text(STUDY.format(**sections), "utf-8")
    received, refusal = inspect(folder / "study.toml")
    assert received is not None
    return received, [] if refusal is None else list(refusal.faults)


def ledger_of(received: Received, table: str) -> Ledger:
    return next(x for x in received.ledgers if x.table == table)


def said(received: Received, words: str) -> list[Notice]:
    return [n for n in received.notices if words in n.said]


def test_the_files_as_they_are_give_no_fault(tmp_path: Path) -> None:
    assert look(tmp_path)[1] == []


@pytest.mark.parametrize("row", [TOTAL, BARE_TOTAL, "TOTAL,x,y,z,v,?,\n", "TOTAL,,,,1e99,EUR,\n"])
def test_a_row_that_leaves_by_its_firm_has_no_other_fault(tmp_path: Path, row: str) -> None:
    received, faults = look(tmp_path, {"customs": LET_GO}, customs=row)
    assert faults == []
    ledger = ledger_of(received, "customs")
    assert (ledger.rows_in, ledger.rows_used, ledger.cents_used) == (3, 2, 15050)
    (line,) = [x for x in ledger.lines if x.rows]
    # Its year is not known, hence no rate and no amount in euros: a dash, and not 0.00.
    assert (line.reason, line.rows) == ("customs: firm_id cannot be read", 1)
    assert line.cents is None and line.cents_unknown


def test_a_row_that_leaves_takes_the_euros_with_it_that_are_known(tmp_path: Path) -> None:
    row = "TOTAL,31/12/2010,,,7.25,EUR,\n"
    received, faults = look(tmp_path, {"customs": LET_GO}, customs=row)
    assert faults == []
    (line,) = [x for x in ledger_of(received, "customs").lines if x.rows]
    assert (line.cents, line.cents_unknown) == (725, False)


def test_a_rate_is_not_asked_for_a_row_that_leaves(tmp_path: Path) -> None:
    received, faults = look(tmp_path, {"customs": LET_GO}, customs="TOTAL,31/12/2010,,,7.25,PEN,\n")
    assert faults == []
    assert [x.cents for x in ledger_of(received, "customs").lines if x.rows] == [None]


def test_the_rows_that_stay_are_still_checked_and_are_the_only_ones_named(tmp_path: Path) -> None:
    rows = "TOTAL,,,,150.50,,\n001,15/01/2008,,DE,1.00,EUR,10\n001,15/01/2008,090111,DE,,EUR,10\n"
    _, faults = look(tmp_path, {"customs": LET_GO}, customs=rows)
    assert [(f.row, f.column) for f in faults] == [(5, "product"), (6, "value")]


def test_a_total_row_is_one_fault(tmp_path: Path) -> None:
    _, (fault,) = look(tmp_path, customs=TOTAL)
    assert fault.row == 4 and fault.column == "firm_id" and "total row" in fault.problem


def test_a_total_row_without_the_word_is_told_by_its_sum(tmp_path: Path) -> None:
    _, (fault,) = look(tmp_path, customs=BARE_TOTAL)
    assert fault.row == 4 and "total row" in fault.problem and LET_GO in fault.remedy


def test_an_empty_row_of_another_value_is_no_total(tmp_path: Path) -> None:
    _, faults = look(tmp_path, customs=",,,,150.51,,\n")
    assert len(faults) >= 4 and not any("total" in f.problem for f in faults)


def test_totals_of_roster_and_register_leave_too(tmp_path: Path) -> None:
    received, faults = look(
        tmp_path, {"roster": LET_GO, "register": LET_GO},
        roster="TOTAL,,,,n.a.\n", register="TOTAL,,-,x,-7\n",
    )  # fmt: skip
    assert faults == []
    roster = ledger_of(received, "roster")
    assert [(x.rows, x.cents, x.cents_unknown) for x in roster.lines if x.rows] == [(1, None, True)]
    assert roster.cents_used == 152000
    assert ledger_of(received, "register").rows_used == 2


def test_a_budget_lets_its_total_go(tmp_path: Path) -> None:
    total = "TOTAL,,,,3000,?,\n"
    _, faults = look(tmp_path, budget=total)
    assert {f.column for f in faults} >= {"year", "disbursed"}
    received, faults = look(tmp_path, {"budget": 'drop_unreadable = ["year"]'}, budget=total)
    assert faults == [] and received.intake is not None and received.intake.budget is not None
    ledger = ledger_of(received, "budget")
    assert [(x.rows, x.cents_unknown) for x in ledger.lines] == [(1, True)]
    assert (ledger.rows_used, ledger.cents_used) == (1, 250000)
    assert len(received.intake.budget.lines) == 1


def test_a_regime_is_told_by_its_code(tmp_path: Path) -> None:
    received, faults = look(tmp_path, {"customs": 'exclude_regimes = ["60"]'})
    assert faults == [] and not said(received, "exclude_regimes")
    gone = [(x.reason, x.cents) for x in ledger_of(received, "customs").lines if x.rows]
    assert gone == [("customs: regime 60-REEXPORTACION is excluded by the study", 5050)]


def test_what_is_excluded_and_absent_is_said(tmp_path: Path) -> None:
    received, faults = look(tmp_path, {"customs": 'exclude_regimes = ["6"]\nexclude_products = ["27", "18"]'})  # fmt: skip
    assert faults == [] and ledger_of(received, "customs").rows_used == 1
    (regime,) = said(received, "exclude_regimes")
    assert "'6'" in regime.said and "'60-REEXPORTACION'" in regime.said
    (product,) = said(received, "exclude_products")
    assert "'27'" in product.said and "'09'" in product.said


def test_a_blank_cost_is_said_and_not_taken_as_nothing(tmp_path: Path) -> None:
    received, faults = look(tmp_path, roster="001,AL,15/07/2009,,\n001,AL,16/07/2009,3,\n")
    assert faults == []
    cost, hours = sorted(said(received, "sums are of what is known"), key=lambda n: n.column or "")
    assert (cost.column, cost.rows, cost.examples) == ("cost", 2, ("001",))
    assert (hours.column, hours.rows) == ("hours", 1) and "1 firm " in hours.said


def test_exports_below_zero_are_a_fault_sales_and_wages_are_said(tmp_path: Path) -> None:
    received, faults = look(tmp_path, register="001,2009,-30.00,-2,1\n002,2010,-4,3,1\n")
    assert faults == []
    sales, wages = sorted(said(received, "corrections"), key=lambda n: n.column or "")
    assert (sales.column, sales.rows, sales.examples) == ("sales", 2, ("-30.00",))
    assert (wages.column, wages.rows) == ("wages", 1)
    _, (fault,) = look(tmp_path, register="001,2009,1,1,-1\n")
    assert fault.column == "exports" and fault.row == 4


def test_odd_lines_of_the_budget_are_said(tmp_path: Path) -> None:
    rows = "BX,2009,services,EU,10,10.01,EUR\nAL,2011,services,EU,10,-5,EUR\n"
    received, faults = look(tmp_path, {"roster": 'programmes = ["al"]'}, budget=rows)
    assert faults == []
    found = {w: [(n.rows, n.examples) for n in said(received, w)]
             for w in ("repayments", "than committed", "outside the study's period", "none of those under study")}  # fmt: skip
    assert found == {
        "repayments": [(1, ("-5.00, 2011",))],
        "than committed": [(1, ("10.01, 2009",))],
        "outside the study's period": [(1, ("2011",))],
        "none of those under study": [(1, ("BX, 2009",))],
    }
    assert ledger_of(received, "budget").cents_used == 250000 + 1001 - 500
