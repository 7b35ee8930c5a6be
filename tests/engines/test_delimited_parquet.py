"""A plain file staged by DuckDB: what is accepted has the cells of Python's strict reader, and nothing else is accepted."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from impact.engines.duckdb_relations import DuckRelations, NotPlain

Rows = list[tuple[str, ...]]
Stage = Callable[..., Rows]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Write bytes to a file, stage it, and read the rows back."""
    folder = tmp_path_factory.mktemp("staged")
    path, out = folder / "a[1] it's.csv", folder / "out.parquet"
    duck = DuckRelations(threads=4)

    def stage(raw: bytes, width: int = 2, **form: Any) -> Rows:
        path.write_bytes(raw)
        out.unlink(missing_ok=True)
        names = [f"n{i}" for i in range(width)]
        try:
            count = duck.stage_delimited(
                path, out, names=names, columns={f"c{i}": f"n{i}" for i in range(width)}, **form
            )
        except NotPlain:
            assert not out.exists()
            raise
        rows = [tuple(row) for row in pd.read_parquet(out).itertuples(index=False)]
        assert len(rows) == count
        return sorted(rows)

    yield stage
    duck.close()


def strict(
    raw: bytes,
    width: int,
    skip_rows: int = 1,
    encoding: str = "utf-8",
    delimiter: str = ",",
    quote: str = '"',
) -> Rows | None:
    """The oracle: rows of Python's reader without blank ones; None where it refuses, or a row has another width."""
    csv.field_size_limit(1_000_000)
    try:
        text = io.StringIO(raw.decode("utf-8-sig" if encoding == "utf-8" else encoding), newline="")
        if quote:
            rows = list(csv.reader(text, delimiter=delimiter, quotechar=quote, strict=True))
        else:
            lines = text.getvalue().split("\n")
            rows = [line.rstrip("\r").split(delimiter) for line in lines]
    except (csv.Error, UnicodeDecodeError):
        return None
    rows = [row for row in rows[skip_rows:] if any(cell.strip() for cell in row)]
    return sorted(map(tuple, rows)) if all(len(row) == width for row in rows) else None


ACCEPTED: dict[str, tuple[bytes, Rows]] = {
    "plain": (b"a,b\n1,2\n", [("1", "2")]),
    "no last line end": (b"a,b\n1,2\n3,4", [("1", "2"), ("3", "4")]),
    "returns and feeds": (b"a,b\r\n1,2\r\n", [("1", "2")]),
    "returns alone": (b"a,b\r1,2\r3,4\r", [("1", "2"), ("3", "4")]),
    "a byte-order mark": (b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2")]),
    "a quoted header": (b'"a","b,""c"""\n1,2\n', [("1", "2")]),
    "quotes": (b'a,b\n"x,y","say ""hi"""\n"",2\n', [("", "2"), ("x,y", 'say "hi"')]),
    "a quote within a cell": (b'a,b\nx"y,2"\n5" pipe,3\n', [('5" pipe', "3"), ('x"y', '2"')]),
    "spaces beside quotes within a cell": (
        b'a,b\n"1 "" tube , "" x","a "", b"\n', [('1 " tube , " x', 'a ", b')]),
    "empty cells at the end": (b"a,b\n1,\n,2\n", [("", "2"), ("1", "")]),
    "blank rows": (b'a,b\n\n1,2\n,\n , \t\n"",""\n\n \n3,4\n\n', [("1", "2"), ("3", "4")]),
    "blanks of other alphabets": ("a,b\n\u00a0,\u3000\n\u00a01,\u20282\n".encode(), [("\u00a01", "\u20282")]),
    "nothing is missing": (b"a,b\nNULL,NA\nNaN,null\n", [("NULL", "NA"), ("NaN", "null")]),
    "backslashes and marks of comments": (b"a,b\n#1,\\\n\\\\,\\n\n", [("#1", "\\"), ("\\\\", "\\n")]),
    "outer blanks stay": (b"a,b\n 1 ,\t2\n", [(" 1 ", "\t2")]),
    "no row": (b"a,b\n", []),
    "other control signs": (b"a,b\n1\x0b,\x1c2\x7f\n", [("1\x0b", "\x1c2\x7f")]),
    "a cell that looks like a formula": (b"a,b\n=cmd|' /C calc'!A0,2\n", [("=cmd|' /C calc'!A0", "2")]),
    "a long cell": (b"a,b\n" + b"x" * 900_000 + b",2\n", [("x" * 900_000, "2")]),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_plain_files_by_hand(stage: Stage, name: str) -> None:
    raw, rows = ACCEPTED[name]
    assert stage(raw) == rows == strict(raw, 2)


REFUSED = {
    "a short row": b"a,b\n1,2\n3\n",
    "a long row": b"a,b\n1,2,3\n",
    "one delimiter too many": b"a,b\n1,2,\n3,4\n",
    "an empty cell too many": b'a,b\n1,2,""\n3,4\n',
    "a quote that is never closed": b'a,b\n"1,2\n3,4\n',
    "text after a quote": b'a,b\n"1"x,2\n',
    "a space before a quote": b'a,b\n "1",2\n',
    "a space after a quote": b'a,b\n"1" ,2\n',
    "two quoted texts in a cell": b'a,b\n"1" "2",2\n',
    "an escaped quote of another kind": b'a,b\n"1\\"",2\n',
    "a line end within quotes": b'a,b\n"1\n2",3\n',
    "line ends of two kinds": b"a,b\r\n1,2\n3,4\r\n",
    "a NUL": b"a,b\n1\x00,2\n",
    "bytes that are not UTF-8": b"a,b\n\xe9,2\n",
    "half a sign": b"a,b\n\xc3,2\n",
    "a surrogate": b"a,b\n\xed\xa0\x80,2\n",
    "a header that is not UTF-8": b"a,\xf1\n1,2\n",
    "a header on two lines": b'a,"b\nc"\n1,2\n',
    "a line that is too long": b"a,b\n" + b"x" * 1_000_001 + b",2\n",
    "a long cell of many lines": b'a,b\n"' + b"x\n" * 600_000 + b'",2\n',
    "no line end at all": b"a" * 9_000_000,
    "UTF-16": "a,b\n1,2\n".encode("utf-16"),
    "a workbook": b"PK\x03\x04\x14\x00\x06\x00\x08\x00\n,\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_left_to_the_exact_reader(stage: Stage, name: str) -> None:
    with pytest.raises(NotPlain):
        stage(REFUSED[name])


def test_latin_1_and_other_encodings(stage: Stage) -> None:
    raw = "a,b\nñandú,çÿ\xa0\n".encode("latin-1")
    for encoding in ("latin-1", "ISO-8859-1", "latin1"):
        assert stage(raw, encoding=encoding) == [("ñandú", "çÿ\xa0")]
    with pytest.raises(NotPlain):
        stage(
            b"a,b\n\x80,2\n", encoding="latin-1"
        )  # a euro sign of Windows, which the exact reader asks about
    for encoding in ("cp1252", "utf-16", "no such"):
        with pytest.raises(NotPlain):
            stage(raw, encoding=encoding)


def test_archives(stage: Stage) -> None:
    one, two = gzip.compress(b"a,b\n1,2\n"), gzip.compress(b"3,4\n")
    assert stage(one, compression="gzip") == [("1", "2")]
    assert stage(one + two, compression="gzip") == [("1", "2"), ("3", "4")]
    wrong_sum = one[:-8] + bytes(8)
    for damaged in (one[:-6], one[:-12], one + b"xx", wrong_sum, b"a,b\n1,2\n", b""):
        with pytest.raises(NotPlain):
            stage(damaged, compression="gzip")
    with pytest.raises(NotPlain):
        stage(one, compression="zstd")


def test_only_the_columns_that_are_asked_for_are_kept(tmp_path: Path) -> None:
    path, out = tmp_path / "x.csv", tmp_path / "x.parquet"
    path.write_bytes(b"Firm ID;Year;Note\n00123;2015;a\n")
    duck = DuckRelations()
    assert duck.stage_delimited(path, out, names=["Firm ID", "Year", "Note"], columns={"year": "Year", "firm_id": "Firm ID"},
                                delimiter=";") == 1  # fmt: skip
    assert pd.read_parquet(out).to_dict("list") == {"year": ["2015"], "firm_id": ["00123"]}
    for bad in (
        b"Firm ID;Year;Note\n00123;2015\n",
        b"Firm ID;Year;Note\n1;2015;a;b\n",
        b"Firm ID;Year;Note\n1;2015;\xff\n",
    ):
        path.write_bytes(bad)  # a fault in a column that is not asked for
        with pytest.raises(NotPlain):
            duck.stage_delimited(
                path,
                out,
                names=["Firm ID", "Year", "Note"],
                columns={"year": "Year"},
                delimiter=";",
            )
    duck.close()


def test_lines_above_the_data_are_passed_over(stage: Stage) -> None:
    raw = b'Exports of "Peru"\n\n"a","b,c"\n1,2\n3,4\n'
    assert stage(raw, skip_rows=3) == [("1", "2"), ("3", "4")]
    assert stage(raw, skip_rows=2) == [("1", "2"), ("3", "4"), ("a", "b,c")]
    assert stage(raw, skip_rows=4) == [("3", "4")]
    with pytest.raises(NotPlain):  # the title is a short row
        stage(raw, skip_rows=0)


def test_without_quotes_a_quote_is_a_sign(stage: Stage) -> None:
    raw = b'a\tb\n"1\t2" x\n 3" \t""\n'
    assert stage(raw, delimiter="\t", quote="") == [(' 3" ', '""'), ('"1', '2" x')]
    assert stage(b"a\tb\r\n1\t2\r\n", delimiter="\t", quote="") == [("1", "2")]
    for odd in (b"a\tb\n1\r1\t2\n", b"a\tb\r1\t2\r"):  # a return is text in a cell
        with pytest.raises(NotPlain):
            stage(odd, delimiter="\t", quote="")


@pytest.mark.parametrize("sign", [" ", "", "ab", "é", "\n", '"', "\0"])
def test_odd_delimiters_are_left_to_the_exact_reader(stage: Stage, sign: str) -> None:
    with pytest.raises(NotPlain):
        stage(b"a,b\n1,2\n", delimiter=sign)


# --- drawn files ----------------------------------------------------------------------------------------------------------------

PLAIN_SIGNS = st.sampled_from(list("ab1é𝄞 \t\\'\u00a0.-"))


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, int, dict[str, Any]]:
    """Text that is nearly a delimited file, its width, and how it is declared."""
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", "."]))
    quote = draw(st.sampled_from(['"', '"', '"', "'", ""]))
    q = quote or '"'
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    width = draw(st.integers(1, 4))
    oddities = draw(st.sampled_from([0, 0, 1, 3]))
    bare = st.text(PLAIN_SIGNS, max_size=5).map(lambda t: t.replace(delimiter, "").replace(q, ""))
    inner = st.lists(st.sampled_from([delimiter, q + q, "a", " ", "é", "\t"]), max_size=5).map(
        "".join
    )
    odd = st.sampled_from([
        q, f" {q}a{q}", f"{q}a{q} ", f"{q}a{q} {q}b{q}", f"{q}a{q}b", f"{q}a{end}{q}", f"{q}\n{q}", f"{q}\r{q}", "a\rb", "a\nb",
        "\0", f"{q}{q}", f" {q}", f"{q} ", f"{q}a{q}{q}{delimiter} {q}{q}b{q}", delimiter, end, f"{delimiter}{q}{q}", "\ufeff",
    ])  # fmt: skip
    cell = st.one_of(bare, bare, inner.map(lambda t: f"{q}{t}{q}"), bare.map(lambda t: f"a{q}{t}"))
    grid = draw(st.lists(st.lists(cell, min_size=width, max_size=width), max_size=8))
    for _ in range(oddities if grid else 0):
        row = draw(st.sampled_from(grid))
        row[draw(st.integers(0, width - 1))] = draw(odd)
    lines = [delimiter.join(row) for row in grid]
    skip = draw(st.integers(0, 2))
    head = draw(
        st.lists(
            st.sampled_from(["a", f"{q}b{q}", f"{q}x{delimiter}y{q}", "b b", ""]),
            min_size=skip,
            max_size=skip,
        )
    )
    text = end.join([*head, *lines]) + draw(st.sampled_from(["", end, end + end]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "latin-1"]))
    raw = text.encode(encoding, "replace")
    if encoding == "utf-8" and draw(st.booleans()):
        raw = b"\xef\xbb\xbf" + raw
    return (
        raw,
        width,
        {"delimiter": delimiter, "quote": quote, "encoding": encoding, "skip_rows": skip},
    )


@settings(max_examples=150)
@given(files())
@example((b'"1" "2"', 1, {"skip_rows": 0}))
@example((b'\xef\xbb\xbf "1"', 1, {"skip_rows": 0}))
@example((b"a\n\xff\n", 1, {"skip_rows": 2}))
def test_what_is_accepted_has_the_cells_of_the_strict_reader(
    stage: Stage, file: tuple[bytes, int, dict[str, Any]]
) -> None:
    raw, width, form = file
    try:
        staged = stage(raw, width, **form)
    except NotPlain:
        event("refused")
        return
    event("accepted")
    assert staged == strict(raw, width, **form)


@settings(max_examples=150)
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=6), min_size=3, max_size=3), max_size=6),
       st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))  # fmt: skip
def test_what_python_writes_on_single_lines_is_accepted(
    stage: Stage, rows: list[Sequence[str]], end: str, quoting: Any
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting).writerows([["a", "b", "c"], *rows])
    raw = text.getvalue().encode()
    expected = strict(raw, 3)
    assert expected is not None
    assert stage(raw, 3) == expected


@settings(max_examples=100)
@given(st.binary(max_size=80))
def test_any_bytes_are_accepted_rightly_or_refused(stage: Stage, raw: bytes) -> None:
    try:
        staged = stage(b"a\n" + raw, 1)
    except NotPlain:
        return
    assert staged == strict(b"a\n" + raw, 1)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_are_not_lost_between_buffers(stage: Stage, end: str) -> None:
    """DuckDB reads some megabytes at a time, in several threads; cells of odd sizes meet every edge."""
    rows = [
        (f"{i:06d}", "é" * (i % 37), f'"{i % 11},""x"""' if i % 3 else "") for i in range(400_000)
    ]
    raw = end.join(",".join(row) for row in [("a", "b", "c"), *rows]).encode()
    assert len(raw) > 16_000_000
    assert stage(raw, 3) == strict(raw, 3)


def test_a_loss_is_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from impact.engines import delimited

    count = delimited.count_lines
    for change in (-1, 1):
        with monkeypatch.context() as patch:
            patch.setattr(delimited, "count_lines", lambda *a, c=change, **k: count(*a, **k) + c)
            with pytest.raises(NotPlain, match="2 rows"):
                stage(b"a,b\n1,2\n3,4\n")


def test_an_error_of_our_own_is_not_the_fault_of_a_file(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impact.engines import delimited

    monkeypatch.setattr(delimited, "_filled", lambda width: "no_such_column")
    with pytest.raises(Exception, match="no_such_column") as caught:
        stage(b"a,b\n1,2\n")
    assert not isinstance(caught.value, NotPlain)


def test_a_table_of_text_becomes_parquet(tmp_path: Path) -> None:
    texts = ["", None, "00123", "a\0b", "it's", "é𝄞", "NULL"]
    frame = pd.DataFrame({"firm id": texts, "all": pd.Series([None] * 7, dtype="str")})
    duck = DuckRelations()
    duck.stage_frame(frame, tmp_path / "it's.parquet")
    duck.close()
    found = pd.read_parquet(tmp_path / "it's.parquet")
    assert list(found["firm id"]) == ["", "", "00123", "a\0b", "it's", "é𝄞", "NULL"]
    assert list(found["all"]) == [""] * 7
