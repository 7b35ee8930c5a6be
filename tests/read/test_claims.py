"""The contracts of claims.csv and budget.csv: every fault, in one pass, by row and column."""

from __future__ import annotations

import csv
import io
import math

import pandas as pd
import pytest

from impact.core.errors import DataError
from impact.read.claims import (
    BUDGET_COLUMNS,
    CLAIM_COLUMNS,
    CLAIM_OPTIONAL,
    check_budget,
    check_claims,
    read_budget,
    read_claims,
)

CLAIM = {
    "claim_id": "tools",
    "source": "close_out",
    "publisher": "Chamber",
    "phrase": "superada en 205%",
    "subject": "tools",
    "indicator": "firms with tools",
    "unit": "firms",
    "period": "2009-2013",
    "geography": "Andes",
    "programme": "P",
    "kind": "target_vs_achieved",
    "qualifier": "exact",
    "target": "11600",
    "achieved": "23810",
    "stated_ratio": "205",
    "stated_as": "per_cent_above_target",
    "stated_decimals": "0",
}
LINE = {
    "programme": "P",
    "phase": "I",
    "line": "grant",
    "source_of_funds": "EU",
    "amount_eur": "50000000",
    "share_of_total": "0.83",
    "qualifier": "exact",
    "source": "page",
    "phrase": "€50 million (83% of the total cost)",
}


def written(tmp_path, rows, columns, name="claims.csv"):
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / name
    path.write_text(buffer.getvalue(), encoding="utf-8")
    return path


def claims_file(tmp_path, *changes, columns=CLAIM_COLUMNS):
    return written(tmp_path, [{**CLAIM, **change} for change in changes], columns)


def budget_file(tmp_path, *changes, columns=BUDGET_COLUMNS):
    return written(tmp_path, [{**LINE, **change} for change in changes], columns, "budget.csv")


def faults_of(read, path):
    with pytest.raises(DataError) as caught:
        read(path)
    return caught.value.faults


def test_a_good_file_is_read_with_numbers_and_missing_values(tmp_path):
    frame = read_claims(claims_file(tmp_path, {}, {
        "claim_id": "jobs", "kind": "achievement", "target": "", "stated_ratio": "",
        "stated_as": "", "stated_decimals": "", "qualifier": "more_than"}))  # fmt: skip
    assert frame["target"][0] == 11600.0
    assert math.isnan(frame["target"][1])
    assert frame["part_of"].tolist() == ["", ""]
    assert frame["row"].tolist() == [2, 3]
    assert frame["stated_ratio"].dtype == "float64"


def test_optional_columns_may_be_left_out(tmp_path):
    columns = [column for column in CLAIM_COLUMNS if column not in CLAIM_OPTIONAL]
    row = {key: value for key, value in CLAIM.items() if key in columns}
    frame = read_claims(written(tmp_path, [row], columns))
    words = [column for column in CLAIM_OPTIONAL if column not in ("stage", "stated_as")]
    assert (frame[words] == "").all(axis=None)
    assert frame["stage"].isna().all()
    assert frame["stated_as"].tolist() == ["per_cent_above_target"]  # read from the phrase


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path):
    path = claims_file(tmp_path, {})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_claims(path)["claim_id"].tolist() == ["tools"]


def test_a_table_meets_the_same_contract_and_is_not_changed(tmp_path):
    frame = read_claims(claims_file(tmp_path, {}, {"claim_id": "other"}))
    before = frame.copy(deep=True)
    pd.testing.assert_frame_equal(check_claims(frame), before)
    pd.testing.assert_frame_equal(frame, before)
    mixed = frame.astype({"target": "object", "stated_decimals": "Int64"})
    pd.testing.assert_frame_equal(check_claims(mixed), before)


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("target", "many", "expected a number"),
        ("achieved", "23,810", "thousands are separated"),
        ("achieved", "5.375.000", "thousands are separated"),
        ("stated_ratio", "205%", "expected a number"),
        ("achieved", "nan", "expected a number"),
        ("achieved", "1e5", "expected a number"),
        ("kind", "boast", "not a known word"),
        ("qualifier", "roughly", "not a known word"),
        ("stated_as", "per_cent", "not a known word"),
        ("source", "", "the cell is empty"),
        ("claim_id", "", "the cell is empty"),
        ("subject", "Firms Peru", "not a slug"),
        ("phrase", "one two three four five six seven eight nine ten eleven", "11 words"),
        ("target", "", "needs both figures"),
        ("stated_decimals", "1.5", "not a count of decimals"),
        ("stated_decimals", "-1", "not a count of decimals"),
        ("part_of", "nobody", "no claim has this claim_id"),
        ("numerator", "tools", "cannot refer to itself"),
        ("target", "-5", "below zero"),
        ("achieved", "-5", "below zero"),
        ("price_base", "last year", "not a year of prices"),
        ("stage", "0", "not a place in a funnel"),
        ("stage", "first", "expected a number"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(tmp_path, column, value, problem):
    good = {"claim_id": "first"}
    faults = faults_of(read_claims, claims_file(tmp_path, good, {column: value}))
    here = [fault for fault in faults if fault.column == column]
    assert here, faults
    assert problem in here[0].problem
    assert here[0].row == 3
    assert here[0].value == value
    assert here[0].file.endswith("claims.csv")
    assert all(fault.remedy for fault in faults)


def test_every_fault_is_told_in_one_pass_in_the_order_of_rows(tmp_path):
    path = claims_file(
        tmp_path,
        {"target": "many"},
        {"claim_id": "tools", "kind": "boast"},
        {"claim_id": "third", "qualifier": "roughly", "phrase": "a " * 11},
    )
    faults = faults_of(read_claims, path)
    found = [(fault.row, fault.column) for fault in faults]
    assert found == sorted(found, key=lambda place: place[0])
    assert set(found) == {
        (2, "target"), (3, "kind"), (3, "claim_id"), (4, "qualifier"), (4, "phrase")}  # fmt: skip


def test_a_repeated_claim_id_names_its_first_row(tmp_path):
    (fault,) = faults_of(read_claims, claims_file(tmp_path, {}, {"claim_id": "b"}, {}))
    assert (fault.row, fault.column, fault.value) == (4, "claim_id", "tools")
    assert "row 2" in fault.problem


def test_missing_and_unknown_columns_are_both_named(tmp_path):
    columns = [column for column in CLAIM_COLUMNS if column != "achieved"]
    row = {key: value for key, value in CLAIM.items() if key != "achieved"}
    path = written(tmp_path, [{**row, "acheived": "1"}], [*columns, "acheived"])
    faults = faults_of(read_claims, path)
    assert {(fault.column, fault.row) for fault in faults} == {("achieved", 1), ("acheived", 1)}


def test_a_ratio_and_its_reading_come_together(tmp_path):
    unclear = {"stated_as": "", "phrase": "un aumento de 205%"}
    (fault,) = faults_of(read_claims, claims_file(tmp_path, unclear))
    assert (fault.column, fault.row) == ("stated_as", 2)
    # Where the words say it, they are what is read.
    frame = read_claims(claims_file(tmp_path, {"stated_as": "", "phrase": "superada en 205%"}))
    assert frame["stated_as"].iloc[0] == "per_cent_above_target"
    (fault,) = faults_of(
        read_claims, claims_file(tmp_path, {"stated_ratio": "", "stated_decimals": ""})
    )
    assert fault.column == "stated_as"


def test_decimals_that_the_ratio_exceeds_are_a_fault(tmp_path):
    (fault,) = faults_of(read_claims, claims_file(tmp_path, {"stated_ratio": "205.26"}))
    assert fault.column == "stated_decimals"
    good = claims_file(tmp_path, {"stated_ratio": "205.26", "stated_decimals": "2"})
    assert read_claims(good)["stated_decimals"].tolist() == [2.0]


def test_a_plan_has_no_achievement_and_an_achievement_no_target(tmp_path):
    none = {"stated_ratio": "", "stated_as": "", "stated_decimals": ""}
    (fault,) = faults_of(read_claims, claims_file(tmp_path, {"kind": "plan", **none}))
    assert fault.column == "achieved"
    (fault,) = faults_of(read_claims, claims_file(tmp_path, {"kind": "achievement", **none}))
    assert fault.column == "target"
    empty = {"kind": "plan", "target": "", "achieved": "", **none}
    (fault,) = faults_of(read_claims, claims_file(tmp_path, empty))
    assert "no figure" in fault.problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"claim_id,source\n\xff\xfe,x\n", "UTF-8"),
        (b"claim_id,source\na,b,c\nd\n", "found 3"),
        (",".join(CLAIM_COLUMNS).encode() + b"\n", "no row follows"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, problem):
    path = tmp_path / "claims.csv"
    path.write_bytes(content)
    faults = faults_of(read_claims, path)
    assert problem in faults[0].problem


def test_rows_of_the_wrong_length_are_all_named(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text("claim_id,source\na,b\na,b,c\n\nd\n", encoding="utf-8")
    assert [fault.row for fault in faults_of(read_claims, path)] == [3, 5]


def test_a_file_that_is_not_there_is_named(tmp_path):
    (fault,) = faults_of(read_claims, tmp_path / "nowhere.csv")
    assert "no such file" in fault.problem
    assert fault.file.endswith("nowhere.csv")


def test_a_long_hostile_cell_is_cut_in_the_message(tmp_path):
    path = claims_file(tmp_path, {"target": "x" * 100_000})
    with pytest.raises(DataError) as caught:
        read_claims(path)
    assert len(str(caught.value)) < 1000


def test_a_budget_is_read_with_the_precision_of_its_shares(tmp_path):
    frame = read_budget(
        budget_file(
            tmp_path,
            {},
            {"line": "fees", "share_of_total": "0.835"},
            {"line": "calls", "part_of_line": "grant", "share_of_total": ""},
        )
    )
    assert frame["amount_eur"].tolist() == [50e6] * 3
    assert frame["share_decimals"].tolist()[:2] == [0.0, 1.0]
    assert math.isnan(frame["share_of_total"][2])
    assert math.isnan(frame["share_decimals"][2])
    pd.testing.assert_frame_equal(check_budget(frame), frame)


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("amount_eur", "50 million", "expected a number"),
        ("amount_eur", "50.000.000", "thousands"),
        ("amount_eur", "-5", "below zero"),
        ("share_of_total", "83", "up to 1"),
        ("share_of_total", "0", "up to 1"),
        ("qualifier", "roughly", "not a known word"),
        ("part_of_line", "nothing", "no such line"),
        ("part_of_line", "other", "part of itself"),
        ("source", "", "empty"),
        ("phrase", "a b c d e f g h i j k", "11 words"),
    ],
)
def test_a_bad_budget_cell_is_named_by_row_and_column(tmp_path, column, value, problem):
    path = budget_file(tmp_path, {}, {"line": "other", column: value})
    (fault,) = faults_of(read_budget, path)
    assert (fault.row, fault.column, fault.value) == (3, column, value)
    assert problem in fault.problem


def test_a_budget_line_needs_an_amount_or_a_share_and_stands_once(tmp_path):
    path = budget_file(tmp_path, {}, {}, {"line": "x", "amount_eur": "", "share_of_total": ""})
    faults = faults_of(read_budget, path)
    assert {(fault.row, fault.column) for fault in faults} == {(3, "line"), (4, "amount_eur")}
