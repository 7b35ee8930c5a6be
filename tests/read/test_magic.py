"""A file's content against its name."""

from __future__ import annotations

import bz2
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.read.magic import READ, REMEDIES, WORDS, at_odds, ending_kind, kind_of


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"a,b\n1,2\n", "text"),
        ("\ufeffaño;v\n".encode(), "text"),
        ("año;v\n".encode("latin-1"), "text"),
        (b"PK\x03\x04rest", "zip"),
        (gzip.compress(b"a,b"), "gz"),
        (bz2.compress(b"a,b"), "bz2"),
        (bz2.compress(b""), "bz2"),
        (b"BZhello,b\n", "text"),
        (b"PAR1....", "parquet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
        (b"%PDF-1.7", "pdf"),
        (b"<html><table>", "markup"),
        (b"\xef\xbb\xbf\r\n <?xml version='1.0'?>", "markup"),
        (b"<!DOCTYPE html>", "markup"),
        (b"<5,>10\n", "text"),
        ("a,b\n1,2\n".encode("utf-16"), "utf-16"),
        ("a,b\n1,2\n".encode("utf-16-le"), "utf-16"),
        ("a,b\n1,2\n".encode("utf-16-be"), "utf-16"),
        (b"a,b\n1,\x002\n", "text"),
        (b"\0\0\0\x01\0\0\0\x02\0\0\0\x03", "binary"),
        (b"\0" * 257 + b"ustar", "tar"),
        (b"a" * 257 + b"ustar", "tar"),
        (b"x", "text"),
    ],
)
def test_first_bytes_tell_the_kind(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


@pytest.mark.parametrize(
    ("name", "kind", "parts"),
    [
        ("x.csv", "xlsx", ["an XLSX workbook", "ends in '.csv'", "'.xlsx'"]),
        ("x.csv", "gz", ["a gzip archive", "'.csv'", "'.gz'"]),
        ("x.xls", "markup", ["a web page", "'.xls'", "'CSV UTF-8'"]),
        ("x.csv", "markup", ["a web page", "'.csv'"]),
        ("x.xls", "ole", ["old XLS format", "save it as XLSX"]),
        ("x.xlsx", "locked", ["password", "save it without one"]),
        ("x.csv", "pdf", ["a PDF document", "ask for the table itself"]),
        ("x.csv", "parquet", ["a Parquet file", "'.parquet'"]),
        ("x.xlsx", "text", ["is text", "'.xlsx'", "'.csv'"]),
        ("x.parquet", "text", ["is text", "'.parquet'"]),
        ("x.xls", "text", ["is text", "'.xls'", "rename it to end in '.csv'"]),
        ("x.csv", "utf-16", ["UTF-16", "CSV UTF-8"]),
        ("x.rar", "rar", ["a RAR archive", "unpack it"]),
        ("x.csv.gz", "text", ["is text", "'.gz'"]),
    ],
)
def test_a_name_at_odds_with_the_content_is_said(name: str, kind: str, parts: list[str]) -> None:
    odd = at_odds(name, kind)
    assert odd is not None
    assert all(part in " ".join(odd) for part in parts), odd


@pytest.mark.parametrize(
    ("name", "kind"),
    [("x.csv", "text"), ("x.TXT", "text"), ("x", "text"), ("x.2012", "xlsx"), ("X.XLSX", "xlsx"),
     ("x.pq", "parquet"), ("x.csv.gz", "gz"), ("x.zip", "zip"), ("x.bz2", "bz2")],
)  # fmt: skip
def test_a_name_that_fits_is_let_through(name: str, kind: str) -> None:
    assert at_odds(name, kind) is None


def test_every_kind_has_words_and_those_not_read_a_remedy() -> None:
    assert set(READ) | set(REMEDIES) <= set(WORDS)
    for kind in WORDS:
        odd = at_odds("x.dta", kind)
        assert (odd is None) == (kind in READ)
    assert ending_kind("a.csv") == "text" and ending_kind("a.b.c") is None


@given(st.binary(max_size=400))
def test_any_bytes_have_a_kind(head: bytes) -> None:
    assert kind_of(head) in WORDS
