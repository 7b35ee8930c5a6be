"""Packed files: what is in them, and what is never unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.read import containers
from impact.read.containers import Content, Unreadable, contents_of
from impact.read.deliveries import Delivery

TABLE = b"firm_id,value\n1,2\n"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return target.getvalue()


def look(folder: Path, content: bytes, name: str) -> tuple[list[Content], str, str]:
    path = folder / name
    path.write_bytes(content)
    found, faults, notices = contents_of(Delivery(name, path))
    assert all(fault.file and fault.remedy for fault in faults)
    return found, "\n".join(map(str, faults)), "\n".join(map(str, notices))


@pytest.mark.parametrize(
    ("pack", "name"),
    [(gzip.compress, "t.csv.gz"), (bz2.compress, "t.csv.bz2"), (gzip.compress, "t.gz"),
     (lambda b: zipped(("in/t.csv", b)), "t.zip"), (lambda b: zipped(("t.csv", b), method=0), "t.zip"),
     (lambda b: zipped(("t.csv", b), method=zipfile.ZIP_LZMA), "t.zip"), (lambda b: b, "t.csv")],
)  # fmt: skip
def test_what_was_packed_comes_out(
    tmp_path: Path, pack: Callable[[bytes], bytes], name: str
) -> None:
    (found,), faults, _ = look(tmp_path, pack(TABLE), name)
    assert not faults and found.kind == "text" and found.name == name
    assert b"".join(found.chunks()) == TABLE
    unpacked = found.unpack(tmp_path / "out")
    assert unpacked.path.read_bytes() == TABLE and unpacked.packing == ""


def test_every_table_of_an_archive_is_a_delivery_and_the_rest_is_said(tmp_path: Path) -> None:
    content = zipped(
        ("b.csv", TABLE), ("a/", b""), ("a/2012.csv", TABLE), ("readme.txt", b"note"),
        ("codes.pdf", b"%PDF-"), ("__MACOSX/._b.csv", b"x"),
    )  # fmt: skip
    found, faults, notices = look(tmp_path, content, "t.zip")
    assert [c.name for c in found] == ["t.zip/a/2012.csv", "t.zip/b.csv"] and not faults
    assert "passed over" in notices and "codes.pdf" in notices and "readme.txt" in notices
    assert "MACOSX" not in notices


def test_a_text_file_is_a_table_where_no_other_is(tmp_path: Path) -> None:
    found, _, notices = look(tmp_path, zipped(("t.txt", TABLE), ("map.pdf", b"%PDF-")), "t.zip")
    assert [c.name for c in found] == ["t.zip"] and "map.pdf" in notices
    found, _, notices = look(tmp_path, zipped(("data", TABLE)), "t.zip")
    assert [c.name for c in found] == ["t.zip"] and not notices


def test_names_that_climb_out_of_the_archive_are_only_names(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    content = zipped(("../../../evil.csv", TABLE), ("/tmp/evil.csv", TABLE))
    found, faults, _ = look(tmp_path / "in", content, "t.zip")
    assert not faults and len(found) == 2
    found[0].unpack(tmp_path / "in" / "out")
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["out", "t.zip"]


def locked() -> bytes:
    content = bytearray(zipped(("t.csv", TABLE)))
    content[6] |= 1  # the flag in the local header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "name", "parts"),
    [
        (b"", "t.csv", ["the file is empty"]),
        (gzip.compress(b""), "t.csv.gz", ["the file in the archive is empty"]),
        (gzip.compress(TABLE)[:-9], "t.csv.gz", ["damaged or cut off", "send the file again"]),
        (gzip.compress(TABLE)[:15], "t.csv.gz", ["damaged or cut off"]),
        (bz2.compress(TABLE)[:-9], "t.csv.bz2", ["damaged or cut off"]),
        (zipped(("t.csv", TABLE))[:-30], "t.zip", ["the archive is damaged or cut off"]),
        (zipped(("xl/workbook.xml", TABLE))[:-30], "t.xlsx", ["the workbook is damaged"]),
        (zipped(), "t.zip", ["the archive holds no table"]),
        (zipped(("a.pdf", b"%PDF-"), ("b.doc", b"x")), "t.zip", ["holds no table"]),
        (locked(), "t.zip", ["under a password"]),
        (zipped(("in.zip", zipped(("t.csv", TABLE)))), "t.zip", ["an archive lies within"]),
        (zipped(("t.csv.gz", gzip.compress(TABLE))), "t.zip", ["an archive lies within"]),
        (zipped(("t.csv", zipped(("t.csv", TABLE)))), "t.zip", ["an archive lies within"]),
        (gzip.compress(gzip.compress(TABLE)), "t.csv.gz", ["an archive lies within"]),
        (gzip.compress(b"%PDF-1"), "t.csv.gz", ["the file in the archive is a PDF", "'.csv'"]),
        (zipped(("t.parquet", TABLE)), "t.zip", ["in the archive is text", "'.parquet'"]),
        (zipped(("word/document.xml", b""), ("[Content_Types].xml", b"")), "t.xlsx", ["no workbook"]),
        (zipped(("xl/workbook.bin", b""), ("[Content_Types].xml", b"")), "t.xlsx", ["XLSB"]),
        (zipped(("mimetype", b""), ("content.xml", b"")), "t.xlsx", ["OpenDocument"]),
        (zipped(("t.csv", TABLE)), "t.xlsx", ["a zip archive", "'.xlsx'"]),
        (zipped(("xl/workbook.xml", b""), ("[Content_Types].xml", b"")), "t.zip", ["an XLSX workbook", "'.zip'"]),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "t.xls", ["old XLS format"]),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * (1 << 20) + "EncryptedPackage".encode("utf-16-le"),
         "t.xlsx", ["under a password", "save it without one"]),
    ],
)  # fmt: skip
def test_what_is_not_unpacked_says_why(
    tmp_path: Path, content: bytes, name: str, parts: list[str]
) -> None:
    found, faults, _ = look(tmp_path, content, name)
    assert not found
    assert all(part in faults for part in [*parts, name]), faults


def test_damage_further_down_is_found_when_it_is_unpacked(tmp_path: Path) -> None:
    noise = b"firm_id,value\n" + bytes(range(48, 122)) * 50_000
    content = bytearray(gzip.compress(noise, 0))
    content[-20] ^= 1
    (found,), faults, _ = look(tmp_path, bytes(content), "t.csv.gz")
    assert not faults
    with pytest.raises(Unreadable, match="damaged"):
        found.unpack(tmp_path / "out")


@pytest.mark.parametrize(
    ("pack", "name"), [(gzip.compress, "t.csv.gz"), (bz2.compress, "t.csv.bz2")]
)
def test_a_bomb_is_stopped_while_it_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes], name: str
) -> None:
    monkeypatch.setattr(containers, "BOMB_BYTES", 3_000_000)
    (found,), faults, _ = look(tmp_path, pack(b"firm_id,value\n" + b"0" * 20_000_000), name)
    assert not faults
    with pytest.raises(Unreadable, match="unpacks to more than 3 MB and 200 times its size"):
        found.unpack(tmp_path / "out")
    assert (tmp_path / "out").stat().st_size < 6_000_000


def test_zip_bombs_are_refused_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "BOMB_BYTES", 3_000_000)
    many = zipped(*((f"{n}.csv", b"0" * 1_000_000) for n in range(5)))
    book = zipped(("[Content_Types].xml", b""), ("xl/workbook.xml", b" " * 5_000_000))
    for content, name in [(many, "t.zip"), (book, "t.xlsx")]:
        found, faults, _ = look(tmp_path, content, name)
        assert not found and "unpacks to more than" in faults
    (found_inside,), faults, _ = look(tmp_path, zipped(("t.xlsx", book)), "t2.zip")
    assert not faults  # what lies inside is known once it is unpacked
    with pytest.raises(Unreadable, match="unpacks to more than"):
        found_inside.unpack(tmp_path / "out")


def test_a_small_file_that_packs_well_is_no_bomb(tmp_path: Path) -> None:
    (found,), faults, _ = look(tmp_path, gzip.compress(b"firm_id,value\n" * 1_000_000), "t.csv.gz")
    assert not faults and found.unpack(tmp_path / "out").path.stat().st_size == 14_000_000


def test_a_member_that_lies_about_its_size_unpacks_to_no_more(tmp_path: Path) -> None:
    content = bytearray(zipped(("t.csv", b"firm_id,value\n" + b"0" * 3_000_000)))
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (1000).to_bytes(4, "little")
    found, faults, _ = look(tmp_path, bytes(content), "t.zip")
    if not faults:
        with pytest.raises(Unreadable, match="damaged"):
            found[0].unpack(tmp_path / "out")
        assert (tmp_path / "out").stat().st_size <= 1000


@settings(max_examples=100)
@given(st.data())
def test_a_corrupted_archive_is_said_or_unpacked(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    pack, name = data.draw(st.sampled_from([
        (gzip.compress, "t.csv.gz"), (bz2.compress, "t.csv.bz2"), (lambda b: zipped(("t.csv", b), ("u.csv", b)), "t.zip"),
        (lambda b: zipped(("t.csv", b), method=zipfile.ZIP_LZMA), "t.zip"),
    ]))  # fmt: skip
    content = bytearray(pack(TABLE * 20))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    folder = tmp_path_factory.mktemp("corrupted")
    found, faults, _ = look(folder, bytes(content), name)
    assert found or faults
    for one in found:
        try:
            one.unpack(folder / "out")
        except Unreadable as error:
            assert error.problem and error.remedy
