"""Hostile files: the outcome is a staged table or a fault, and what is accepted is what the exact reader reads."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from impact.read.exact import TextRows, body_rows
from impact.read.found import Found
from impact.read.staging import locate

ENDINGS = [
    "csv",
    "tsv",
    "txt",
    "xlsx",
    "xls",
    "parquet",
    "csv.gz",
    "csv.bz2",
    "zip",
    "pdf",
    "unknown",
    "",
]
HEADER = b"firm_id,value\n"


def exactly(file: Any, content: bytes) -> list[tuple[str, ...]]:
    """Cells of the canonical columns by the exact reader."""
    origin = file.origin
    rows = TextRows(io.BytesIO(content), origin.encoding, origin.delimiter, Found("f"),
                    header_row=origin.heading.row)  # fmt: skip
    return sorted(
        tuple(cells[p] for p in origin.heading.places.values())
        for _, cells in body_rows(rows, origin.heading)
    )


def sound(got: Any) -> None:
    """Every fault can be printed and says what to do; every file can be read."""
    assert got.staged.files or got.staged.faults
    for fault in got.staged.faults:
        assert fault.problem and fault.remedy
        str(fault).encode()
    for file in got.staged.files:
        assert file.rows == len(got.cells(file)) > 0
        assert file.parquet.exists() and len(file.sha256) == 64
        _, totals = locate(file, {c: (lambda _: True) for c in file.present}, limit=1)
        assert set(totals.values()) == {file.rows}


@settings(max_examples=80)
@given(st.binary(max_size=120), st.sampled_from(ENDINGS), st.booleans())
@example(b"\xef\xbb\xbf", "csv", False)
@example(b"\n\n\n", "csv", False)
@example(b"\0" * 50, "csv", True)
@example(b"\r\r\n", "csv", True)
def test_random_bytes_under_any_ending(
    receive_in: Any,
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    ending: str,
    headed: bool,
) -> None:
    name = f"f.{ending}" if ending else "f"
    got = receive_in(
        tmp_path_factory.mktemp("bytes"), {name: (HEADER if headed else b"") + content}
    )
    sound(got)


TOKENS = st.sampled_from(
    [b"a", b"1", b",", b",", b";", b"\n", b"\n", b"\r\n", b"\r", b'"', b'""', b' "', b'" ', b"\t", b" ", b"\xa0",
     "é".encode(), "\u00a0".encode(), "\ufeff".encode(), "\u2028".encode(), b"\xe9", b"\0", b"=1", b"#", b"\\", b"\x1a",
     b"\x0b", b"\x85", b"'", b"NULL", b'"x\ny"', b'"a,b"', b"1,2\n", b'"3","4"\n'],
)  # fmt: skip


@settings(max_examples=120)
@given(
    st.lists(TOKENS, max_size=40).map(b"".join),
    st.sampled_from(["utf-8", "utf-8", "latin-1", "cp1252"]),
    st.sampled_from(
        [b"firm_id,value\n", b"firm_id,value\r\n", b'"firm_id","value"\n', b"x,firm_id,value,\n"]
    ),
    st.sampled_from([None, ","]),
)
@example(b'1, "2"\n', "utf-8", HEADER, None)
@example(b'"1" ,2\n', "utf-8", HEADER, None)
@example(b"1,2,\n3,4\n", "utf-8", HEADER, ",")
@example("1,2\n\u00a0,\u2003\n".encode(), "utf-8", HEADER, ",")
@example(b"1,2\n , \n", "utf-8", HEADER, ",")
@example("1,2\n\x1c,\x85\n".encode(), "utf-8", HEADER, ",")
@example(b"1,\x002\n", "utf-8", HEADER, ",")
def test_hostile_text_is_staged_exactly_or_said(
    receive_in: Any,
    tmp_path_factory: pytest.TempPathFactory,
    body: bytes,
    encoding: str,
    header: bytes,
    delimiter: str | None,
) -> None:
    got = receive_in(tmp_path_factory.mktemp("text"), {"f.csv": header + body}, encoding=encoding,
                     delimiter=delimiter, numeric=())  # fmt: skip
    sound(got)
    for file in got.staged.files:
        assert sorted(got.cells(file)) == exactly(file, header + body)


def whole_files() -> dict[str, bytes]:
    text = HEADER + b"".join(b"%05d,%d.5\n" % (n, n) for n in range(40))
    book = openpyxl.Workbook()
    for line in text.decode().splitlines():
        book.active.append(line.split(","))
    sheet, table, packed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    book.save(sheet)
    pq.write_table(pa.table({"firm_id": ["00001", "2"], "value": [1, 2]}), table)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("f.csv", text)
        archive.writestr("g.xlsx", sheet.getvalue())
    return {
        "f.csv": text,
        "f.xlsx": sheet.getvalue(),
        "f.parquet": table.getvalue(),
        "f.zip": packed.getvalue(),
        "f.csv.gz": gzip.compress(text),
        "f.csv.bz2": bz2.compress(text),
    }


WHOLE = whole_files()


@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_files_are_accepted(receive: Any, name: str) -> None:
    got = receive({name: WHOLE[name]})
    sound(got)
    assert not got.text or name == "f.zip"  # the same rows twice


@settings(max_examples=120)
@given(st.data())
def test_a_damaged_file_is_a_fault_or_still_whole(
    receive_in: Any, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(WHOLE)))
    content = bytearray(WHOLE[name])
    cut = data.draw(st.booleans())
    if name != "f.parquet":  # its pages are read later, by the engine
        for _ in range(data.draw(st.integers(0, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if cut or name == "f.parquet":
        content = content[: data.draw(st.integers(1, len(content) - 1))]
    folder = tmp_path_factory.mktemp("damaged")
    got = receive_in(folder, {name: bytes(content)})
    sound(got)
    assert not list((folder / "scratch").glob("*.unpacked"))


def test_a_formula_for_a_spreadsheet_stays_text(receive: Any, tmp_path: Path) -> None:
    got = receive({"f.csv": HEADER + b"=cmd|' /C calc'!A0,1\n+1,2\n@x,3\n-4,4\n"})
    assert not got.text
    assert sorted(c[0] for c in got.cells()) == ["+1", "-4", "=cmd|' /C calc'!A0", "@x"]
