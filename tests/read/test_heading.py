"""The header: which columns, parted where, in which row."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core.errors import Fault
from impact.read.heading import (
    Heading,
    Wanted,
    choose_delimiter,
    plain_name,
    read_heading,
    second_header,
)

WANTED = Wanted(
    {"value": "Valor FOB"}, ("firm_id", "date", "value"), ("firm_id", "value"), ("date", "value")
)


def read(
    *rows: Sequence[str], row: int = 1, wanted: Wanted = WANTED, **more: object
) -> tuple[Heading | None, str]:
    numbered = [(n, list(cells)) for n, cells in enumerate(rows, 1) if cells]
    heading, faults = read_heading(numbered, wanted, row, "f.csv", **more)  # type: ignore[arg-type]
    return heading, "\n".join(map(str, faults))


def test_columns_are_found_by_their_names_and_the_rest_is_left() -> None:
    heading, faults = read(["\ufefffirm_id ", "x", " Valor\nFOB"], ["1", "", "2"])
    assert not faults and heading is not None
    assert heading.places == {"firm_id": 0, "value": 2} and heading.name_of("value") == "Valor FOB"
    heading, _ = read(["date", "firm_id", "Valor FOB", "", ""], ["2012", "1", "2"])
    assert heading is not None and heading.places == {"firm_id": 1, "date": 0, "value": 2}
    assert heading.names == ("date", "firm_id", "Valor FOB")


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([], ["the file is empty"]),
        ([["", " "]], ["the file is empty"]),
        ([["firm_id", "valor_fob"]], ["row 1, column 'Valor FOB'", "calls it 'value'", "did you mean 'valor_fob'?"]),
        ([["company", "Valor FOB"]], ["column 'firm_id'", "the file has: 'company', 'Valor FOB'"]),
        ([["firm_id", "", "Valor FOB"]], ["row 1: column 2 has no name"]),
        ([["firm_id", "Valor FOB", "firm_id"]], ["column 'firm_id': columns 1 and 3 have the same name"]),
        ([["Exports"], [], ["firm_id", "Valor FOB"]], ["row 3 does", "header_row = 3"]),
        ([["firm_id", "of the exporter"], ["firm_id", "Valor FOB"]], ["declare header_row = 2"]),
        ([[""], ["", ""], ["1", "2"]], ["should hold the column names is empty"]),
        ([["firm_id", "Valor FOB"], ["(text)", "(US dollars)"]],
         ["row 2, column 'Valor FOB', value '(US dollars)'", "second header row", "delete the row"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_header(rows: list[list[str]], parts: list[str]) -> None:
    _, faults = read(*rows)
    assert all(part in faults for part in [*parts, "f.csv", "To mend:"]), faults


def test_all_faults_of_a_header_in_one_pass() -> None:
    _, faults = read(["a", "", "a"])
    assert faults.count("To mend") == 4  # no name, doubled, and two columns missing


def test_a_declared_row_is_taken() -> None:
    heading, faults = read(["Title"], ["firm_id", "Valor FOB"], ["1", "2"], row=2)
    assert not faults and heading is not None and heading.row == 2


def test_names_that_are_given_leave_every_row_to_the_data() -> None:
    heading, faults = read(["1", "x"], row=0, given=("firm_id", "Valor FOB"))
    assert not faults and heading == Heading(
        0, ("firm_id", "Valor FOB"), {"firm_id": 0, "value": 1}
    )


def test_columns_that_a_layout_finds_by_the_header() -> None:
    asked: list[tuple[list[str], str]] = []

    def resolve(names: Sequence[str], file: str) -> dict[str, str]:
        asked.append((list(names), file))
        return {"value": next(n for n in names if n.startswith("FOB"))}

    wanted = Wanted({}, ("firm_id", "value"), ("firm_id", "value"), (), resolve)
    heading, faults = read(["firm_id", "FOB_2012"], ["1", "2"], wanted=wanted)
    assert not faults and heading is not None and heading.name_of("value") == "FOB_2012"
    assert asked == [(["firm_id", "FOB_2012"], "f.csv")]


@pytest.mark.parametrize(
    ("cells", "second"),
    [
        (["date", "USD"], True),
        (["", "USD"], True),
        (["", ""], False),
        (["NA", "n/a"], False),
        (["date", "1"], False),
        (["jan-12", "x"], False),
        (["٢٠١٢", "x"], False),
        (["x"], True),
    ],
)
def test_a_first_row_of_words_is_a_second_header(cells: list[str], second: bool) -> None:
    heading = Heading(1, ("d", "v"), {"date": 0, "value": 1})
    faults: list[Fault] = second_header((2, cells), heading, ("date", "value"), "f.csv")
    assert bool(faults) == second


def test_a_delimiter_is_chosen_by_the_names_it_yields() -> None:
    def rows(sign: str, *lines: str) -> list[tuple[int, list[str]]]:
        return [(n, line.split(sign)) for n, line in enumerate(lines, 1)]

    def chosen(*lines: str, row: int = 1) -> str | None:
        previews = {sign: rows(sign, *lines) for sign in (",", ";", "\t", "|")}
        return choose_delimiter(previews, WANTED, row)

    assert chosen("firm_id;a,b,c,d;Valor FOB") == ";"
    assert chosen("firm_id|Valor FOB") == "|"
    assert chosen("firm_id\tValor FOB") == "\t"
    assert chosen("a title, with, commas, in, it", "firm_id;Valor FOB") == ";"
    assert chosen("x;y;z") == ";"  # no name is known; the names are then said to be missing
    assert chosen("firm_id") == ","
    assert chosen("firma") is None


@given(st.text(max_size=300))
def test_a_name_is_one_printable_line(text: str) -> None:
    name = plain_name(text)
    assert name.isprintable() and name == name.strip() and len(name) <= 200
    assert plain_name(name) == name
    name.encode()


CELLS = st.lists(
    st.sampled_from(["firm_id", "Valor FOB", "", " ", "1", "x", "NA", "\ud800", "a\0b"]), max_size=4
)


@given(st.lists(CELLS, max_size=5), st.integers(1, 4))
def test_any_first_rows_give_a_heading_or_a_fault(rows: list[list[str]], row: int) -> None:
    heading, faults = read(*rows, row=row)
    assert heading is not None or faults
    assert faults.isprintable() or "\n" in faults
    if heading is not None:
        assert all(heading.names[p] == WANTED.names()[c] for c, p in heading.places.items())
