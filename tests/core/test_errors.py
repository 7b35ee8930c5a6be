"""Errors: what was found, where, what to do; one exit code a class; bounded output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.core import errors
from impact.core.errors import DataError, Fault, ImpactError, shown


def all_classes() -> list[type[ImpactError]]:
    found, todo = [], [ImpactError]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += one.__subclasses__()
    return found


def test_exit_codes_are_distinct_and_leave_the_shell_its_own() -> None:
    codes = [c.exit_code for c in all_classes()]
    assert len(codes) == len(set(codes)) == 7
    assert not set(codes) & {0, 1, 2} and max(codes) < 126


def test_a_fault_names_file_row_column_value_and_remedy() -> None:
    fault = Fault(
        "expected a number", "write 12", file="f.csv", row=3, column="jobs", value="twelve"
    )
    assert str(fault) == (
        "f.csv, row 3, column 'jobs', value 'twelve': expected a number. To mend: write 12."
    )


def test_all_faults_are_counted_and_fifty_are_shown() -> None:
    error = DataError("Refused.", [Fault(f"fault {i}.", "mend") for i in range(60)])
    lines = str(error).splitlines()
    assert len(lines) == 52
    assert lines[1] == "  fault 0. To mend: mend."
    assert lines[-1] == "  … and 10 more."


@given(st.text())
def test_a_hostile_value_is_one_short_printable_line(value: str) -> None:
    text = shown(value)
    assert len(text) <= 83
    assert text.isprintable()


def test_the_tree_has_one_root() -> None:
    named = [getattr(errors, n) for n in ("StudyError", "DesignError", "EstimationError")]
    assert all(issubclass(c, ImpactError) for c in named)
    with pytest.raises(ImpactError):
        raise DataError("x")
