"""Files as they arrive: every fault with its row, nothing uncaught, nothing converted."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.core.errors import DataError
from impact.read.delimited import packaged_file, read_delimited


def write(tmp_path: Path, content: bytes, name: str = "f.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_cells_stay_text_and_keep_their_row(tmp_path: Path) -> None:
    table = read_delimited(write(tmp_path, b"\xef\xbb\xbfid,n\n\n00123, 1.50 \n123,NA\n"))
    assert list(table.cells.columns) == ["id", "n"]
    assert table.cells["id"].to_dict() == {3: "00123", 4: "123"}
    assert table.cells["n"].tolist() == ["1.50", "NA"]


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, "csv.gz"), (bz2.compress, "csv.bz2")])
def test_packed_files(tmp_path: Path, pack: object, ending: str) -> None:
    assert callable(pack)
    table = read_delimited(write(tmp_path, pack(b"a;b\n1;2\n"), f"f.{ending}"), delimiter=";")
    assert table.cells.loc[2].tolist() == ["1", "2"]
    with pytest.raises(DataError, match="not a"):
        read_delimited(write(tmp_path, b"a,b\n", f"g.{ending}"))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["the file is empty"]),
        (b"a,b\n1,2,3\n4\n", ["row 2: 3 cells where the header has 2", "row 3: 1 cells"]),
        (b"a,b\n", ["a header but no row"]),
        (b"a;b\n1;2\n", ["row 1", "split at ','", 'delimiter = ";"']),
        (b"PK\x03\x04rest", ["a workbook", "save the sheet as CSV"]),
        (b"a,a,\n1,2,3\n", ["two columns have this name", "column 3 has no name"]),
        (b"a,b\n1,\xff2\n", ["row 2", "not UTF-8"]),
        (b"a,b\n1,\x002\n", ["row 2", "NUL"]),
        (b'a,b\n1,"2\n', ["row 2", "close the quotes"]),
    ],
)
def test_faults_name_row_and_remedy(tmp_path: Path, content: bytes, parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        read_delimited(write(tmp_path, content))
    text = str(caught.value)
    assert all(part in text for part in [*parts, "f.csv", "To mend:"]), text


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_delimited(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_delimited(tmp_path)


def test_a_cell_of_ten_megabytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_delimited(write(tmp_path, b"a,b\n1," + b"x" * 10_000_000 + b"\n"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("hostile"), b"a,b\n" + content)
    try:
        table = read_delimited(path)
    except DataError as error:
        assert error.faults and all(f.file == "f.csv" and f.remedy for f in error.faults)
    else:
        assert list(table.cells.columns) == ["a", "b"]


def test_a_packaged_data_set_is_found_or_refused() -> None:
    assert packaged_file("linearmodels.datasets.jobtraining").name == "jobtraining.csv.bz2"
    for wrong in ("linearmodels.datasets.none", "no.such.package", "os"):
        with pytest.raises(DataError, match="name an installed data set"):
            packaged_file(wrong)
