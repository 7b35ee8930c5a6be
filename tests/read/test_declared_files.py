"""Which files are there: patterns, links, folders, pipes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impact.read.deliveries import find_deliveries, printable


def names(folder: Path, *patterns: str) -> list[str]:
    found, faults, _ = find_deliveries(folder, patterns)
    assert not faults, faults
    return [delivery.name for delivery in found]


def test_files_come_in_the_order_of_their_names_each_once(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt", "deep/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert names(tmp_path, "*.csv") == ["a.csv", "b.csv"]
    assert names(tmp_path, "b.csv", "*.csv", "./a.csv") == ["a.csv", "b.csv"]
    assert names(tmp_path, "**/*.csv") == ["a.csv", "b.csv", "deep/d.csv"]
    assert names(tmp_path / "deep", "../?.csv") == ["../a.csv", "../b.csv"]
    absolute = str(tmp_path / "a.csv")
    assert names(tmp_path / "deep", absolute) == [absolute]


def test_a_name_that_looks_like_a_pattern_is_a_name_first(tmp_path: Path) -> None:
    (tmp_path / "exports [2012].csv").write_text("x")
    assert names(tmp_path, "exports [2012].csv") == ["exports [2012].csv"]
    assert names(tmp_path, "exports*.csv") == ["exports [2012].csv"]


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("customs_*.csv", "customs_*.csv: no file matches"),
        ("customs.csv", "customs.csv: the file does not exist"),
        ("", "the file does not exist"),
        ("a\0b", "a�b: the file does not exist"),
        ("[z-a].csv", "no file matches"),
    ],
)
def test_a_pattern_without_files_is_a_fault(tmp_path: Path, pattern: str, problem: str) -> None:
    found, faults, _ = find_deliveries(tmp_path, [pattern])
    assert not found and len(faults) == 1
    assert problem in str(faults[0]) and "relative to study.toml" in str(faults[0])


def test_what_is_no_file_is_a_fault_and_the_others_are_found(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("x")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "broken.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "good.csv")
    os.mkfifo(tmp_path / "pipe.csv")  # opening it would wait for ever
    found, faults, notices = find_deliveries(tmp_path, ["*.csv"])
    assert [d.name for d in found] == ["good.csv", "link.csv"]
    said = {fault.file: fault.problem for fault in faults}
    assert set(said) == {"folder.csv", "broken.csv", "loop.csv", "pipe.csv"}
    assert said["folder.csv"] == "this is a folder, not a file"
    assert said["broken.csv"] == "the link leads nowhere"
    assert "pipe" in said["pipe.csv"]
    assert [n.file for n in notices] == ["link.csv"]


def test_a_file_that_may_not_be_read_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.csv").write_text("x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    found, faults, _ = find_deliveries(tmp_path, ["secret.csv"])
    assert not found and "Permission denied" in str(faults[0]) and faults[0].file == "secret.csv"


def test_a_name_with_control_signs_and_half_characters_can_be_printed(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/a\x1b[2J\xff.csv", "wb") as file:
        file.write(b"x")
    (found,), _, _ = find_deliveries(tmp_path, ["*.csv"])
    assert found.name == "a�[2J�.csv" == printable(found.path.name)
    found.name.encode()


@given(st.text(st.characters(exclude_characters="/"), max_size=30))
def test_no_pattern_raises(pattern: str) -> None:
    found, faults, _ = find_deliveries(Path("no-such-folder"), [pattern])
    assert not found and len(faults) == 1
