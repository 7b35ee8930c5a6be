"""Deliveries of any kind, staged: every fault of all files in one pass, and no cell changed."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from impact.engines.duckdb_relations import NotPlain
from impact.read import batches
from impact.read.staging import locate, locate_rows

PLAIN = b"firm_id,date,value\n00123,2012-01-01,5\n123,2012-02-01,1.50\n"


def parquet(**columns: Any) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def archive(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        for name, content in members.items():
            packed.writestr(name.replace("_", "."), content)
    return target.getvalue()


def test_cells_are_staged_as_received_under_canonical_names(receive: Any) -> None:
    content = (
        "\ufeffNIT;Fecha;Valor FOB;x\n"
        " 00123;01/03/2012;1.234,50;a\n"
        "\n"
        "NA;NULL;N/A;b\n"
        "=1+1;+2;@x;c\n"
        ' 7 ;"a;""b""\nc";;d\n'
    )
    got = receive(
        {"t.csv": content.encode()},
        columns={"firm_id": "NIT", "date": "Fecha", "value": "Valor FOB"},
        numeric=("value",),
    )
    assert not got.text and not got.notices
    (file,) = got.staged.files
    assert sorted(got.cells()) == sorted(
        [
            (" 00123", "01/03/2012", "1.234,50"),
            ("NA", "NULL", "N/A"),
            ("=1+1", "+2", "@x"),
            (" 7 ", 'a;"b"\nc', ""),
        ]
    )
    assert (file.name, file.rows, file.typed) == ("t.csv", 4, False)
    assert file.present == ("firm_id", "date", "value")
    assert file.columns == {"firm_id": "firm_id", "date": "date", "value": "value"}
    assert file.headings == {"firm_id": "NIT", "date": "Fecha", "value": "Valor FOB"}
    assert file.sha256 == hashlib.sha256(content.encode()).hexdigest()


def test_files_come_by_name_and_a_column_that_one_lacks_is_empty_there(receive: Any) -> None:
    got = receive(
        {"b.csv": PLAIN, "a.csv.gz": gzip.compress(b"firm_id|value|unit\n9|8|kg\n")}, "*.csv*"
    )
    assert not got.text
    assert [f.name for f in got.staged.files] == ["a.csv.gz", "b.csv"]
    assert [f.present for f in got.staged.files] == [
        ("firm_id", "value", "unit"),
        ("firm_id", "date", "value"),
    ]
    assert got.staged.present == ("firm_id", "date", "value", "unit")
    assert got.cells(0) == [("9", "", "8", "kg")]
    assert got.cells(1) == [("00123", "2012-01-01", "5", ""), ("123", "2012-02-01", "1.50", "")]
    both = got.duck.frame(
        "SELECT count(*) AS n FROM read_parquet(['{}', '{}'])".format(
            *(f.parquet for f in got.staged.files)
        )
    )
    assert both["n"].iloc[0] == 3


def test_faults_of_all_files_and_all_rows_come_at_once(receive: Any) -> None:
    got = receive(
        {
            "a.csv": b"firm_id,value\n1,2,3\n4\n5,6\n",
            "b.csv": b"firm_id;Value\n1;2\n",
            "c.csv": b"",
            "d.csv": workbook(["firm_id", "value"]),
            "e.csv": "firm_id,value\nSão,1\n".encode("latin-1"),
            "f.csv": b"firm_id,value\n",
            "g.csv": b"%PDF-1.7",
            "h.csv": "firm_id,value\n1,2\n".encode("utf-16"),
            "i.csv": b'firm_id,value\n1,"2\n3,4\n',
        },
        ["*.csv", "*.xlsx"],
    )
    for part in [
        "*.xlsx: no file matches",
        "a.csv, row 2, value '3': 3 cells where the header names 2",
        "a.csv, row 3: 1 cell where the header names 2",
        "b.csv, row 1, column 'value': the column is missing",
        "did you mean 'Value'?",
        "c.csv: the file is empty",
        "d.csv: the file is an XLSX workbook, though its name ends in '.csv'",
        "e.csv, row 2, column 'firm_id', value 'S�o': the cell is not UTF-8 text; as latin-1 it would read 'São'",
        'declare encoding = "latin-1" under [customs]',
        "f.csv, row 1: there is a header but no row",
        "g.csv: the file is a PDF document",
        "h.csv: the file is UTF-16 text",
        "i.csv, row 2, value '1,\"2': a quote is opened and never closed",
    ]:
        assert part in got.text, part
    assert [(f.name, f.rows) for f in got.staged.files] == [
        ("a.csv", 1),
        ("i.csv", 1),
    ]


def test_a_declared_encoding_is_obeyed_unless_the_file_shows_another(receive: Any) -> None:
    latin = "firm_id,value\nSão,1\n".encode("latin-1")
    assert receive({"a.csv": latin}, encoding="latin-1").cells() == [("São", "1")]
    windows = "firm_id,value\n“São”,€\n".encode("cp1252")
    assert receive({"b.csv": windows}, encoding="cp1252").cells() == [("“São”", "€")]
    got = receive({"c.csv": "firm_id,value\nSão,1\n".encode()}, encoding="latin-1")
    assert "declared as latin-1 and is UTF-8" in got.text and 'encoding = "utf-8"' in got.text
    assert not receive({"d.csv": b"firm_id,value\nSao,1\n"}, encoding="latin-1").text


def test_delimiters_are_declared_or_decided(receive: Any) -> None:
    for sign in ",;\t|":
        content = f"firm_id{sign}value\n1{sign}2\n".encode()
        assert receive({"t.csv": content}).cells() == [("1", "2")]
        shown = "\\t" if sign == "\t" else sign
        other = ";" if sign != ";" else ","
        text = receive({"t.csv": content}, delimiter=other).text
        assert f'declare delimiter = "{shown}"' in text and "one cell" in text
    assert receive({"t.csv": b"firm_id#value\n1#2\n"}, delimiter="#").cells() == [("1", "2")]
    text = receive({"t.csv": b"firm_id#value\n1#2\n"}).text
    assert "no comma, semicolon, tab or bar parts this row" in text and "'firm_id', 'value'" in text
    assert "not one character" in receive({"t.csv": PLAIN}, delimiter="::").text


def test_titles_above_the_header(receive: Any) -> None:
    content = b"Exports, 2012\n\nsep\nfirm_id,value\n1,2\n"
    assert "row 4 does. To mend: declare header_row = 4" in receive({"t.csv": content}).text
    got = receive({"t.csv": content}, header_row=4)
    assert not got.text and got.cells() == [("1", "2")]
    assert locate(got.staged.files[0], {"value": {"2"}})[0] == [(5, "value", "2")]


def test_a_second_header_row(receive: Any) -> None:
    text = receive({"t.csv": b"firm_id,date,value\nid,day,USD\n1,2012-01-01,2\n"}).text
    assert "row 2, column 'date', value 'day': this looks like a second header row" in text


def test_the_same_file_twice_is_refused_with_both_names(receive: Any) -> None:
    got = receive({"a.csv": PLAIN, "b.csv": PLAIN, "c.csv": PLAIN + b"7,2012-01-01,8\n"}, "*.csv")
    assert got.text == (
        "b.csv: the file is byte for byte the same as 'a.csv'. To mend: deliver it once, or send the file that was meant."
    )
    assert [f.name for f in got.staged.files] == ["a.csv", "c.csv"]


def test_the_same_rows_in_another_packing_order_or_format_are_refused(receive: Any) -> None:
    swapped = b"value;firm_id;date;note\n1.50;123;2012-02-01;x\n5;00123;2012-01-01;y\n"
    got = receive({"a.csv": PLAIN, "b.csv.gz": gzip.compress(PLAIN), "c.csv": swapped}, "*.csv*")
    assert "b.csv.gz: the file holds the same 2 rows as 'a.csv'" in got.text
    assert "c.csv: the file holds the same 2 rows as 'a.csv'" in got.text
    sheet = workbook(
        ["firm_id", "date", "value"], ["00123", "2012-01-01", 5], ["123", "2012-02-01", "1.50"]
    )
    assert (
        "t.xlsx: the file holds the same 2 rows as 'a.csv'"
        in receive({"a.csv": PLAIN, "t.xlsx": sheet}).text
    )


def test_rows_that_stand_twice_count_twice(receive: Any) -> None:
    a = b"firm_id,value\n1,1\n1,1\n2,2\n3,3\n"
    b = b"firm_id,value\n1,1\n2,2\n2,2\n3,3\n"
    assert not receive({"a.csv": a, "b.csv": b}).text
    assert not receive({"a.csv": b"firm_id,value\n1,2\n", "b.csv": b"firm_id,value\n2,1\n"}).text


def test_two_tables_of_one_archive(receive: Any) -> None:
    got = receive({"t.zip": archive(a_csv=PLAIN, b_csv=b"firm_id,value\n9,9\n", n_pdf=b"%PDF")})
    assert not got.text and "n.pdf" in got.notices
    assert [f.name for f in got.staged.files] == ["t.zip/a.csv", "t.zip/b.csv"]
    assert (
        "t.zip/b.csv: the file holds the same"
        in receive({"t.zip": archive(a_csv=PLAIN, b_csv=PLAIN)}).text
    )


def test_nothing_is_left_in_the_scratch_folder_but_what_is_staged(
    receive: Any, tmp_path: Path
) -> None:
    got = receive({"a.csv.gz": gzip.compress(PLAIN), "b.csv": b"firm_id,value\n1\n2,3\n"})
    assert sorted((tmp_path / "scratch").iterdir()) == sorted(f.parquet for f in got.staged.files)
    locate(got.staged.files[0], {"value": {"5"}})
    assert len(list((tmp_path / "scratch").iterdir())) == 2


def test_a_file_that_the_engine_refuses_is_read_exactly_and_equal(
    receive: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = "".join(f'{n:05d},"a ""{n}""",{n}\r\n' for n in range(1000))
    files = {"t.csv": f"firm_id,unit,value\r\n{content}".encode()}
    fast = receive(files)

    def refuse(*_: object, **__: object) -> int:
        raise NotPlain

    monkeypatch.setattr(type(fast.duck), "stage_delimited", refuse)
    monkeypatch.setattr(batches, "_ROWS", 64)  # many parts
    slow = receive(files)
    assert not fast.text and not slow.text
    assert sorted(slow.cells()) == sorted(fast.cells()) and len(slow.cells()) == 1000
    assert len(list((tmp_path / "scratch").iterdir())) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"firm_id,value\n1,2\r\n3,4\r5,6\n",  # mixed line ends
        b"firm_id,value\n1,2,\n3,4,\n",  # a delimiter at each end
        b'"firm_id","value"\n 1,"2"\n',
        b'"firm_id","the\nvalue"\n1,2\n',
        b'a "title", quoted\nfirm_id,value\n1,2\n',
    ],
)
def test_odd_files_that_are_sound_are_accepted(receive: Any, content: bytes) -> None:
    row = 2 if content.startswith(b"a ") else 1
    got = receive(
        {"t.csv": content},
        columns={"value": "the value"} if b"the" in content else {},
        header_row=row,
    )
    assert not got.text and got.cells()[0][0].strip() == "1"


def test_files_without_a_header_and_without_quotes(receive: Any) -> None:
    got = receive(
        {"t.txt": b'1;x" pipe;2\n3;y;4\n'},
        names=("firm_id", "unit", "value"),
        quoted=False,
        delimiter=";",
    )
    assert not got.text and sorted(got.cells()) == [("1", "2", 'x" pipe'), ("3", "4", "y")]
    assert locate(got.staged.files[0], {"value": {"4"}})[0] == [(2, "value", "4")]


def test_a_header_where_none_was_expected_is_taken_for_one(receive: Any) -> None:
    names = ("firm_id", "unit", "value")
    got = receive({"t.csv": b"firm_id,unit,value\n1,kg,2\n"}, names=names)
    assert not got.text and got.cells() == [("1", "2", "kg")]


def test_a_file_that_lacks_a_column_is_left_out_and_its_rows_are_looked_at(receive: Any) -> None:
    got = receive({"a.csv": PLAIN, "b.csv": b"firm_id,Value\n1,2\n3\n"}, columns={"value": "value"})
    assert "b.csv, row 1, column 'value': the column is missing" in got.text
    assert "b.csv, row 3: 1 cell where the header names 2" in got.text
    assert [f.name for f in got.staged.files] == ["a.csv"]


def test_columns_found_by_the_header_of_each_file(receive: Any) -> None:
    def layout(names: Any, file: str) -> dict[str, str]:
        return {"value": next(n for n in names if n.upper().startswith("FOB"))}

    got = receive(
        {"a.csv": b"firm_id,FOB\n1,2\n", "b.csv": b"firm_id;fob_usd\n3;4\n"}, columns=layout
    )
    assert not got.text and got.cells(0) + got.cells(1) == [("1", "2"), ("3", "4")]
    assert [f.headings["value"] for f in got.staged.files] == ["FOB", "fob_usd"]


def test_parquet_is_used_in_place_with_its_types(receive: Any, tmp_path: Path) -> None:
    content = parquet(
        NIT=["00123", "9", None], value=[1.5, 2.0, None], day=pa.array([1, 2, 3], pa.timestamp("s"))
    )
    got = receive({"t.parquet": content}, columns={"firm_id": "NIT", "date": "day"})
    assert not got.text
    (file,) = got.staged.files
    assert file.typed and file.parquet == tmp_path / "t.parquet" and file.rows == 3
    assert file.columns == {"firm_id": "NIT", "date": "day", "value": "value"} == file.headings
    assert file.types == {"firm_id": "text", "date": "timestamp", "value": "double"}
    found, totals = locate(
        file, {"firm_id": {"9", ""}, "date": {"1970-01-01"}, "value": lambda t: t.startswith("2")}
    )
    assert found == [(1, "date", "1970-01-01"), (2, "firm_id", "9"), (2, "value", "2.0"), (2, "date", "1970-01-01"),
                     (3, "firm_id", ""), (3, "date", "1970-01-01")]  # fmt: skip
    assert totals == {"firm_id": 2, "date": 3, "value": 1}


def test_parquet_faults(receive: Any) -> None:
    whole = parquet(firm_id=["1"], value=[1])
    got = receive(
        {
            "a.parquet": whole[:-20],
            "b.parquet": parquet(firm_id=["1"], Value=[1]),
            "c.parquet": parquet(firm_id=pa.array([], pa.string()), value=pa.array([], pa.int64())),
            "d.parquet": parquet(firm_id=[["1"]], value=[1]),
            "e.parquet": b"PARE" + whole,
            "f.csv": whole,
            "g.parquet": b"firm_id,value\n1,2\n",
            "h.parquet": whole,
            "i.parquet": parquet(firm_id=["2"], value=[2.5]),
        }
    )
    for part in [
        "a.parquet: the Parquet file cannot be read",
        "b.parquet, column 'value': the column is missing",
        "did you mean 'Value'?",
        "c.parquet: there are columns but no row",
        "d.parquet, column 'firm_id': the column holds lists",
        "e.parquet: the file is an encrypted Parquet file",
        "f.csv: the file is a Parquet file, though its name ends in '.csv'",
        "g.parquet: the file is text, though its name ends in '.parquet'",
        "i.parquet, column 'value': the column is 'value' (double) here",
    ]:
        assert part in got.text, part


def test_parquet_files_that_differ_in_columns_nobody_asks_for(receive: Any) -> None:
    a, b = parquet(firm_id=["1"], value=[1], x=[1]), parquet(firm_id=["2"], value=[2], x=["a"])
    got = receive({"a.parquet": a, "b.parquet": b})
    assert "b.parquet, column 'x': the column is text here and integer in a.parquet" in got.text
    assert [f.name for f in got.staged.files] == ["a.parquet"]


def test_parquet_beside_text_is_refused_and_in_an_archive_read(
    receive: Any, tmp_path: Path
) -> None:
    table = parquet(firm_id=["1"], value=[1])
    got = receive({"a.csv": PLAIN, "b.parquet": table})
    assert "b.parquet: one of 'a.csv' and 'b.parquet' is Parquet and the other is text" in got.text
    got = receive({"c.zip": archive(t_parquet=table)})
    assert not got.text and got.staged.files[0].typed and got.cells() == [("1", 1)]
    assert (tmp_path / "scratch") in got.staged.files[0].parquet.parents
    assert locate(got.staged.files[0], {"firm_id": {"1"}}) == (
        [(1, "firm_id", "1")],
        {"firm_id": 1},
    )


def test_names_of_files_with_signs_of_patterns_and_quotes(receive: Any) -> None:
    one, two = parquet(firm_id=["1"], value=[1]), parquet(firm_id=["2", "3"], value=[1, 2])
    got = receive({"a [1]*?'.csv": PLAIN, "a [1]*.csv": PLAIN + b"7,2012,8\n"}, "a [1]*?'.csv")
    assert not got.text and len(got.cells()) == 2
    got = receive({"b*'.parquet": one, "b2'.parquet": two}, "b*'.parquet")
    assert not got.text and got.staged.files[0].rows == 1 and got.cells() == [("1", 1)]
    assert locate(got.staged.files[0], {"firm_id": {"1", "2"}})[1] == {"firm_id": 1}


def test_cells_are_located_up_to_a_limit_of_each_column_and_counted(receive: Any) -> None:
    content = b"firm_id,value\n" + b"".join(b"%d,x\n\n" % (n % 2) for n in range(100))
    got = receive({"t.csv": content, "u.csv.gz": gzip.compress(content)}, "t.csv")
    found, totals = locate(
        got.staged.files[0], {"value": {"x"}, "firm_id": {"1"}, "date": {""}}, limit=3
    )
    assert found == [(2, "value", "x"), (4, "firm_id", "1"), (4, "value", "x"), (6, "value", "x"), (8, "firm_id", "1"),
                     (12, "firm_id", "1")]  # fmt: skip
    assert totals == {"value": 100, "firm_id": 50, "date": 0}
    packed = receive({}, "u.csv.gz")
    assert locate(packed.staged.files[0], {"value": {"x"}, "firm_id": {"1"}}, limit=3) == (
        found,
        {"value": 100, "firm_id": 50},
    )


def test_rows_are_located_by_several_cells(receive: Any) -> None:
    wanted = [("1", "2012", ""), ("2", "2012", "")]
    columns = ("firm_id", "date", "unit")
    text = receive({"t.csv": b"firm_id,date,value\n1,2012,5\n1,2013,5\n\n2,2012,6\n1,2012,7\n"})
    assert locate_rows(text.staged.files[0], columns, wanted) == [
        (2, wanted[0]), (5, wanted[1]), (6, wanted[0]),
    ]  # fmt: skip
    typed = receive(
        {"t.parquet": parquet(firm_id=["1", "2", None], date=[2012, 2012, 2012], value=[1, 2, 3])}
    )
    assert locate_rows(typed.staged.files[0], columns, [*wanted, ("", "2012", "")]) == [
        (1, wanted[0]), (2, wanted[1]), (3, ("", "2012", "")),
    ]  # fmt: skip
    assert locate_rows(typed.staged.files[0], columns, []) == []


def test_a_disk_that_fails_is_a_fault(receive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("impact.read.staging.stage_text", fail)
    assert "cannot be read to its end (Input/output error)" in receive({"t.csv": PLAIN}).text
