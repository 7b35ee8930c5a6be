"""The exact reader: rows as a spreadsheet counts them, and every fault with its place."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from impact.read import exact
from impact.read.exact import TextRows, body_rows
from impact.read.found import Found
from impact.read.heading import Heading, Row

AB = Heading(1, ("a", "b"), {"a": 0, "b": 1})


def rows_of(content: bytes, heading: Heading = AB, **more: object) -> tuple[list[Row], list[str]]:
    found = Found("f.csv")
    settings = {"encoding": "utf-8", "delimiter": ",", "header_row": heading.row, **more}
    body = body_rows(TextRows(io.BytesIO(content), found=found, **settings), heading)  # type: ignore[arg-type]
    return list(body), [str(fault) for fault in found.faults()]


def test_blank_rows_count_and_are_passed_over() -> None:
    rows, faults = rows_of(b"\xef\xbb\xbfa,b\n\n00123, 1.50 \n , \n,\nNA,NULL\n=1+1,@x\n")
    assert not faults
    assert rows == [(3, ["00123", " 1.50 "]), (6, ["NA", "NULL"]), (7, ["=1+1", "@x"])]


def test_a_quoted_cell_of_several_lines_is_one_row() -> None:
    rows, faults = rows_of(b'a,b\r\n"x\r\ny","say ""so"""\r\n3,4\r\n')
    assert not faults and rows == [(2, ["x\r\ny", 'say "so"']), (3, ["3", "4"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_all_systems(end: str) -> None:
    rows, faults = rows_of(end.join(["a,b", "1,2", "3,4"]).encode())
    assert not faults and rows == [(2, ["1", "2"]), (3, ["3", "4"])]


def test_every_fault_of_a_file_in_one_pass_and_the_sound_rows() -> None:
    content = b'a,b\n1,2,3\n4\n5,\xff6\n7,\x008\n"x"y,1\n9,"open\n10,11\n'
    rows, faults = rows_of(content)
    assert rows == [(8, ["10", "11"])]
    assert len(faults) == 6
    for place, words in [
        ("row 2, value '3'", "3 cells where the header names 2"),
        ("row 3", "1 cell where the header names 2. To mend: complete the row"),
        ("row 4, column 'b', value '�6'", "not UTF-8 text; as latin-1 it would read 'ÿ6'"),
        ("row 5, column 'b', value '�8'", "NUL"),
        ("row 6, value '\"x\"y,1'", "text follows a closed quote"),
        ("row 7, value '9,\"open'", "a quote is opened and never closed"),
    ]:
        assert any(f.startswith(f"f.csv, {place}:") and words in f for f in faults), (place, faults)
    assert any(
        'encoding = "latin-1" under [customs]' in f for f in rows_of(content, table="customs")[1]
    )


def test_a_delimiter_at_the_end_of_a_row_is_no_cell() -> None:
    rows, faults = rows_of(b"a,b,\n1,2,\n3,4\n5,6,,\n7,8, \n")
    assert rows == [(2, ["1", "2"]), (3, ["3", "4"]), (4, ["5", "6"])]
    assert len(faults) == 1 and "row 5, value ' '" in faults[0]


def test_the_first_fifty_of_a_kind_are_shown_and_the_rest_counted() -> None:
    _, faults = rows_of(b"a,b\n" + b"1\n" * 1060)
    assert len(faults) == 51
    assert "row 51:" in faults[49]
    assert faults[50] == "f.csv: 1,010 more rows with too few cells. To mend: complete the row."


def test_titles_above_the_header_are_not_held_against_it() -> None:
    heading = Heading(3, ("a", "b"), {"a": 0, "b": 1})
    rows, faults = rows_of(b'Exports "2012" \xff,x,y\n\na,b\n1,2\n', heading)
    assert not faults and rows == [(4, ["1", "2"])]


def test_a_cell_of_ten_megabytes_is_named_and_the_next_row_is_read() -> None:
    rows, faults = rows_of(
        b"a,b\n1," + b"x" * 10_000_000 + b'\n"' + b"y\n" * 600_000 + b'",2\n3,4\n'
    )
    assert rows == [(4, ["3", "4"])]
    assert "row 2, column 'b'" in faults[0] and "10,000,000 characters" in faults[0]
    assert "row 3, column 'a'" in faults[1] and "1,200,000 characters" in faults[1]
    assert len(faults) == 2 and all(len(f) < 300 for f in faults)


def test_a_cell_of_a_million_characters_is_taken() -> None:
    rows, faults = rows_of(b"a,b\n1," + b"x" * 1_000_000 + b"\n")
    assert not faults and len(rows[0][1][1]) == 1_000_000


def test_a_file_without_line_ends_is_not_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "ROW_LIMIT", 1000)
    rows, faults = rows_of(b"a,b\n" + b"1,2," * 5000 + b"\n3,4\n")
    assert rows == [(3, ["3", "4"])]
    assert (
        len(faults) == 1 and "row 2:" in faults[0] and "longer than 1,000 characters" in faults[0]
    )


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exact, "ROW_LIMIT", 1000)
    rows, faults = rows_of(b'a,b\n1,"2\n' + b"3,4\n" * 5000 + b'5,"6\n')
    assert len(rows) == 5000 and rows[0] == (3, ["3", "4"]) and rows[-1][0] == 5002
    assert ["row 2," in faults[0], "row 5003," in faults[1], len(faults)] == [True, True, 2]


def test_other_encodings_and_their_undefined_bytes() -> None:
    assert rows_of("a,b\nSão,€\n".encode("cp1252"), encoding="cp1252")[0] == [(2, ["São", "€"])]
    rows, faults = rows_of(b"a,b\nS\xe3o,\x81\n", encoding="cp1252")
    assert not rows and "column 'b'" in faults[0] and "not CP1252 text" in faults[0]
    assert rows_of("a,b\nSão,ñ\n".encode("latin-1"), encoding="latin-1")[0] == [(2, ["São", "ñ"])]


def test_the_encoding_that_is_offered_has_letters_for_the_bytes() -> None:
    assert 'encoding = "latin-1"' in rows_of(b"a,b\nS\xe3o,1\n")[1][0]
    faults = rows_of("a,b\n“São”,1\n".encode("cp1252"))[1]
    assert "as cp1252 it would read '“São”'" in faults[0] and 'encoding = "cp1252"' in faults[0]


def test_without_quotes_a_quote_is_a_sign_and_a_carriage_return_stands_in_a_cell() -> None:
    rows, faults = rows_of(b'a,b\r\n1" pipe,"x\r\n2,y\rz\r\n', quoted=False)
    assert not faults and rows == [(2, ['1" pipe', '"x']), (3, ["2", "y\rz"])]


SIGNS = st.sampled_from(
    [*"ab01 ,;\"\n\r\t\\'=", "\r\n", '""', "é", "\u2028", "\x85", "\x0b", "\x1a", "\xa0"]
)


@given(st.lists(SIGNS, max_size=60).map("".join))
@example('"\n')
@example('a,"b\nc,d"\ne,"')
@example("\r\r\n")
def test_a_file_without_faults_holds_what_the_csv_module_reads(body: str) -> None:
    text = "a,b\n" + body
    rows, faults = rows_of(text.encode())
    try:
        plain = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        assert faults
        return
    told = [(n, r) for n, r in enumerate(plain, 1) if n > 1 and any(c.strip() for c in r)]
    for _, cells in told:
        while len(cells) > 2 and not cells[-1]:
            cells.pop()
    if not faults:
        assert rows == told
    else:
        assert rows == [(n, r) for n, r in told if len(r) == 2]


@given(st.binary(max_size=300), st.sampled_from(["utf-8", "latin-1", "cp1252", "cp850"]))
def test_no_bytes_raise_and_accepted_cells_are_text(content: bytes, encoding: str) -> None:
    rows, faults = rows_of(b"a,b\n" + content, encoding=encoding)
    assert all(len(cells) == 2 for _, cells in rows)
    assert not any("\0" in cell for _, cells in rows for cell in cells)
    for _, cells in rows:
        "".join(cells).encode("utf-8")
    assert all("To mend:" in fault and fault.isprintable() for fault in faults)
