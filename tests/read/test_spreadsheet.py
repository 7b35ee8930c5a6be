"""Sheets: what the person sees in the cells, and what they cannot see."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.read.sheet_body import letters
from impact.read.spreadsheet import number_text
from impact.read.staging import locate

HEADER = ["firm_id", "date", "value"]


def book(*rows: list[Any], change: Callable[[Any], object] = lambda sheet: None) -> bytes:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for row in rows:
        sheet.append(row)
    change(sheet)
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def with_part(content: bytes, name: str, change: Callable[[str], str]) -> bytes:
    """A workbook with one of its parts rewritten."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for part in old.namelist():
            text = old.read(part)
            new.writestr(part, change(text.decode()) if part == name else text)
    return target.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def test_cells_become_the_text_that_is_seen(receive: Any) -> None:
    rows = [
        ["00123", dt.date(2012, 3, 1), 1e5],
        [123, dt.datetime(2012, 3, 1, 14, 30), 0.1 + 0.2],
        ["NA", "01/03/2012", -1.5e-7],
        ["=x" if False else "x@y", 2012, True],
        [901.0, dt.time(8, 15), 123456789012345],
        ["N/A", None, "1.234,50"],
    ]
    got = receive({"t.xlsx": book(HEADER, *rows)})
    assert not got.text
    assert got.cells() == [
        ("00123", "2012-03-01", "100000"),
        ("123", "2012-03-01T14:30:00", "0.3"),
        ("NA", "01/03/2012", "-0.00000015"),
        ("x@y", "2012", "TRUE"),
        ("901", "08:15:00", "123456789012345"),
        ("N/A", "", "1.234,50"),
    ]
    assert got.staged.files[0].rows == 6


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (-0.0, "0"), (1234.5600000000002, "1234.56"), (1e22, "1" + "0" * 22), (1e-9, "0.000000001"),
     (12345678.9, "12345678.9"), (999999999999999.0, "999999999999999"), (2.675, "2.675"), (-901.0, "-901")],
)  # fmt: skip
def test_a_number_is_written_without_exponent_and_noise(number: float, text: str) -> None:
    assert number_text(number) == text


@given(st.decimals(-(10**9), 10**9, places=4))
def test_a_number_typed_with_up_to_fifteen_digits_comes_back(typed: Any) -> None:
    text = number_text(float(typed))
    assert float(text) == float(typed) and "e" not in text.lower() and not text.endswith(".0")
    assert len(text.replace("-", "").replace(".", "").lstrip("0")) <= 15


def test_blank_rows_count_and_are_passed_over_and_rows_are_found_again(receive: Any) -> None:
    content = book(
        ["Exports of 2012"], [], HEADER, [], ["1", "2012", 5], ["", " ", None], ["2", "2013", 6]
    )
    got = receive({"t.xlsx": content})
    assert (
        "row 1 does not hold the column names; row 3 does. To mend: declare header_row = 3"
        in got.text
    )
    got = receive({"t.xlsx": content}, header_row=3)
    assert not got.text and [row[0] for row in got.cells()] == ["1", "2"]
    found, totals = locate(got.staged.files[0], {"value": {"6"}, "firm_id": lambda text: True})
    assert found == [(5, "firm_id", "1"), (7, "firm_id", "2"), (7, "value", "6")]
    assert totals == {"value": 1, "firm_id": 2}


def test_which_sheet_is_asked_and_not_guessed(receive: Any) -> None:
    def two(sheet: Any) -> None:
        sheet.parent.create_sheet("2013").append(["x"])
        sheet.parent.create_sheet("empty")
        sheet.parent.create_sheet("lists").append(["kg"])
        sheet.parent["lists"].sheet_state = "hidden"

    content = book(HEADER, ["1", "2012", 5], change=two)
    got = receive({"t.xlsx": content})
    assert "several sheets hold data: 'Sheet', '2013'. To mend: declare sheet = " in got.text
    assert got.text.endswith("which is it?") and "lists" not in got.text
    assert receive({"t.xlsx": content}, sheet="Sheet").cells() == [("1", "2012", "5")]
    assert "there is no sheet '2014'" in receive({"t.xlsx": content}, sheet="2014").text

    def one(sheet: Any) -> None:
        two(sheet)
        del sheet.parent["2013"]

    got = receive({"t.xlsx": book(HEADER, ["1", "2012", 5], change=one)})
    assert (
        not got.text and "hidden sheets hold data and were not read, such as 'lists'" in got.notices
    )


def test_a_hidden_sheet_is_not_read_unasked(receive: Any) -> None:
    def hide(sheet: Any) -> None:
        sheet.parent.create_sheet("front")
        sheet.sheet_state = "hidden"

    got = receive({"t.xlsx": book(HEADER, ["1", "2012", 5], change=hide)})
    assert "only hidden sheets hold data: 'Sheet'" in got.text
    assert "the workbook holds no data" in receive({"u.xlsx": book()}).text


@pytest.mark.parametrize(
    ("cells", "parts"),
    [
        ("A1:B1", ["row 1: the cells A1:B1 are merged in the header", "unmerge"]),
        ("A1:A2", ["row 1: the cells A1:A2 are merged in the header"]),
        ("A2:A3", ["row 2, column 'firm_id': the cells A2:A3 are merged", "fill in each cell"]),
        ("B2:C2", ["row 2, column 'value': the cells B2:C2 are merged"]),
    ],
)
def test_merged_cells_are_said(receive: Any, cells: str, parts: list[str]) -> None:
    content = book(
        HEADER, ["1", "2012", 5], ["2", "2013", 6], change=lambda s: s.merge_cells(cells)
    )
    text = receive({"t.xlsx": content}).text
    assert all(part in text for part in parts), text


@pytest.mark.parametrize("cells", ["A5:C5", "C2:D2", "E2:F9"])
def test_cells_merged_outside_the_table_do_no_harm(receive: Any, cells: str) -> None:
    content = book(
        HEADER, ["1", "2012", 5], ["2", "2013", 6], change=lambda s: s.merge_cells(cells)
    )
    assert not receive({"t.xlsx": content}).text


def test_formulas_errors_and_lost_digits_name_their_cells(receive: Any) -> None:
    content = book(
        [*HEADER, "note"],
        ["1", "2012", "=1+1", "=2"],
        ["2", "2013", "#N/A"],
        ["3", "2013", "#REF!"],
        [1234567890123456789, "2013", 1e17],
        ["5", "2014", 7],
    )  # fmt: skip
    got = receive({"t.xlsx": content})
    assert got.cells() == [("5", "2014", "7")]
    lines = got.text.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("t.xlsx, row 2, column 'value': cell C2 holds a formula whose value")
    assert lines[1].startswith(
        "t.xlsx, row 3, column 'value', value '#N/A': cell C3 holds an error"
    )
    assert lines[2].startswith("t.xlsx, row 4, column 'value', value '#REF!'")
    assert (
        lines[3].startswith("t.xlsx, row 5, column 'firm_id', value '12345678901234")
        and "A5" in lines[3]
    )
    assert "as text, from the source" in lines[3]


def test_formulas_with_values_are_read_and_those_of_a_program_that_never_calculated_are_not(
    receive: Any,
) -> None:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ["1", "2012"])
        sheet.write_formula("C2", "=2+3", None, 5)
        sheet.write_row(2, 0, ["2", "2012"])
        sheet.write_formula("C3", "=2+4")  # the library writes 0
        sheet.write_row(3, 0, ["3", "2012"])
        sheet.write_formula("C4", '=""', None, "")
    content = with_part(target.getvalue(), SHEET, lambda x: x.replace('r="C4"', 'r="C4" t="str"'))
    got = receive({"t.xlsx": content})
    assert got.cells() == [("1", "2012", "5"), ("3", "2012", "")]
    assert got.text.startswith("t.xlsx, row 3, column 'value', value '0': cell C3 holds a formula")
    saved = with_part(content, "xl/workbook.xml", lambda x: x.replace(' fullCalcOnLoad="1"', ""))
    got = receive({"t.xlsx": saved})
    assert not got.text and got.cells()[1] == ("2", "2012", "0")


def test_an_error_is_told_from_its_text(receive: Any) -> None:
    def text(sheet: Any) -> None:
        sheet["A2"].data_type = "s"

    got = receive({"t.xlsx": book(HEADER, ["#N/A", "2012", 5], change=text)})
    assert not got.text and got.cells() == [("#N/A", "2012", "5")]


def test_zeros_that_only_the_format_shows_are_read_as_shown(receive: Any) -> None:
    def zeros(sheet: Any) -> None:
        sheet["A2"].number_format = sheet["C2"].number_format = "00000"

    got = receive({"t.xlsx": book(HEADER, [123, "2012", 45], ["9", "2012", 5], change=zeros)})
    assert got.cells() == [("00123", "2012", "45"), ("9", "2012", "5")]
    assert "leading zeros were read as it shows them (1 row)" in got.notices
    assert locate(got.staged.files[0], {"firm_id": {"00123"}})[0] == [(2, "firm_id", "00123")]


def test_hidden_and_filtered_rows_are_read_and_counted(receive: Any) -> None:
    def hide(sheet: Any) -> None:
        for row in (2, 4, 9):
            sheet.row_dimensions[row].hidden = True

    got = receive({"t.xlsx": book(HEADER, *[[str(n), "2012", n] for n in range(5)], change=hide)})
    assert len(got.cells()) == 5 and "hidden rows were read like the others (2 rows)" in got.notices


def test_a_date_that_is_none_is_an_error_of_its_cell(receive: Any) -> None:
    def date(sheet: Any) -> None:
        sheet["B2"].number_format = "yyyy-mm-dd"

    text = receive({"t.xlsx": book(HEADER, ["1", 10**9, 5], change=date)}).text
    assert "row 2, column 'date', value '#VALUE!'" in text


def test_columns_without_a_name(receive: Any) -> None:
    assert receive({"t.xlsx": book(["", *HEADER], ["", "1", "2012", 5])}).cells() == [
        ("1", "2012", "5")
    ]
    text = receive({"u.xlsx": book([*HEADER[:2], "", "value"], ["1", "2012", "x", 5, "y"])}).text
    assert "row 2, value 'x': column C holds cells but has no name in row 1" in text
    assert "row 2, value 'y': column E holds cells" in text


def test_a_second_header_row(receive: Any) -> None:
    text = receive({"t.xlsx": book(HEADER, ["(text)", "(day)", "(USD)"], ["1", "2012", 5])}).text
    assert "row 2, column 'date', value '(day)'" in text and "second header row" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.replace('<row r="2"', '<row r="99999999999"'), "the sheet has a row 99999999999 after row 1"),
        (lambda x: x.replace('<row r="3"', '<row r="2"'), "the sheet has a row 2 after row 2"),
        (lambda x: x.replace('r="A2"', 'r="ZZZ2"'), "the sheet has a cell in column 18278"),
        (lambda x: x.replace('r="A2"', 'r="A"'), "the workbook cannot be read"),
        (lambda x: x.replace("</sheetData>", ""), "the workbook cannot be read"),
        (lambda x: re.sub(r"<v>5</v>", "<v>5x</v>", x), "the workbook cannot be read"),
        (lambda x: re.sub(r"<v>5</v>", "<v>1e999</v>", x), "cell C2 holds an error"),
        (lambda x: re.sub(r't="inlineStr"', 't="s"', x).replace("<is><t>1</t></is>", "<v>77</v>"),
         "the workbook cannot be read"),
        (lambda x: '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
            f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)) + "]>"
            + x.split("?>")[-1].replace("<t>1</t>", "<t>&j;</t>"), "its part 'xl/worksheets/sheet1.xml' declares entities"),
    ],
)  # fmt: skip
def test_a_damaged_or_hostile_sheet_is_a_fault(
    receive: Any, change: Callable[[str], str], words: str
) -> None:
    content = book(HEADER, ["1", "2012", 5], ["2", "2012", 6])
    changed = with_part(content, SHEET, change)
    assert changed != content
    text = receive({"t.xlsx": changed}).text
    assert words in text and "To mend:" in text, text


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", SHEET, "xl/styles.xml", "xl/_rels/workbook.xml.rels"]
)
def test_a_workbook_without_one_of_its_parts_is_a_fault_or_whole(receive: Any, part: str) -> None:
    content = book(HEADER, ["1", "2012", 5])
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name != part:
                new.writestr(name, old.read(name))
    got = receive({"t.xlsx": target.getvalue()})
    assert got.text or got.cells() == [("1", "2012", "5")]


def test_a_workbook_in_an_archive(receive: Any) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("t.xlsx", book(HEADER, ["1", "2012", 5]))
    got = receive({"t.zip": target.getvalue()})
    assert not got.text and got.cells() == [("1", "2012", "5")]
    assert locate(got.staged.files[0], {"value": {"5"}}) == ([(2, "value", "5")], {"value": 1})


def test_letters_of_columns() -> None:
    from openpyxl.utils import get_column_letter

    assert [letters(n) for n in range(800)] == [get_column_letter(n + 1) for n in range(800)]


CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(dt.date(1900, 3, 1)).map(lambda d: dt.datetime(d.year, d.month, d.day)),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=8),
    st.sampled_from(["#N/A", "#REF!", "=1", "=cmd|' /C calc'!A0", "@x", "+1", "NA", "0901", " ", "\t", "a\nb"]),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.lists(CELL, max_size=4), min_size=1, max_size=5), st.booleans())
def test_any_cells_are_staged_as_seen_or_said(
    receive_in: Any, tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]], headed: bool
) -> None:
    content = book(*([HEADER] if headed else []), *rows)
    got = receive_in(tmp_path_factory.mktemp("cells"), {"t.xlsx": content}, numeric=())
    assert got.text or got.staged.files
    if got.text or not headed:
        return
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    told = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2, max_col=3)]
    told = [row for row in told if any(v is not None and str(v).strip() for v in row)]
    assert len(got.cells()) == len(told)
    for here, there in zip(got.cells(), told, strict=True):
        for text, value in zip(here, [*there, None, None], strict=False):
            assert same(text, value), (text, value)


def same(text: str, value: Any) -> bool:
    """Whether a text says what a cell holds."""
    if isinstance(value, bool):
        return text == str(value).upper()
    if isinstance(value, int | float):
        return float(text) == pytest.approx(value, rel=1e-14, abs=0) and "e" not in text
    if isinstance(value, dt.datetime):
        return text == value.date().isoformat()
    return text == (value or "")
