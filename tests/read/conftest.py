"""Files written, received and staged in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from impact.engines.relations import open_relations
from impact.read.staging import Staged, StagedFile, TableFormat, stage

CANONICAL = ("firm_id", "date", "product", "value", "unit")


@dataclass(frozen=True)
class Received:
    """What came of a delivery."""

    staged: Staged
    duck: Any

    @property
    def text(self) -> str:
        return "\n".join(map(str, self.staged.faults))

    @property
    def notices(self) -> str:
        return "\n".join(map(str, self.staged.notices))

    def cells(self, file: StagedFile | int = 0) -> list[tuple[str, ...]]:
        """Rows of a staged file in their order, by the engine."""
        staged = self.staged.files[file] if isinstance(file, int) else file
        self.duck.parquet("cells_of_test", [staged.parquet])
        frame = self.duck.frame("SELECT * FROM cells_of_test")
        self.duck.drop("cells_of_test")
        return [tuple(row) for row in frame.itertuples(index=False)]


Receive = Callable[..., Received]


@pytest.fixture(scope="session")
def duck() -> Iterator[Any]:
    with open_relations("duckdb") as relations:
        yield relations


@pytest.fixture(scope="session")
def receive_in(duck: Any) -> Receive:
    """Write files into a folder, and stage those that a pattern matches."""

    def receive(
        folder: Path,
        files: Mapping[str, bytes],
        pattern: str | Sequence[str] | None = None,
        *,
        columns: Mapping[str, str] | Callable[..., Mapping[str, str]] | None = None,
        canonical: Sequence[str] = CANONICAL,
        required: Sequence[str] = ("firm_id", "value"),
        numeric: Sequence[str] = ("date", "value"),
        **declared: Any,
    ) -> Received:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        patterns = tuple(files) if pattern is None else pattern
        patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        staged = stage(
            "customs", TableFormat(patterns, **declared), columns or {}, canonical=canonical,
            required=required, numeric=numeric, folder=folder, scratch=folder / "scratch", duck=duck,
        )  # fmt: skip
        return Received(staged, duck)

    return receive


@pytest.fixture
def receive(receive_in: Receive, tmp_path: Path) -> Receive:
    """The same in a folder of the test's own."""

    def here(files: Mapping[str, bytes], pattern: Any = None, **more: Any) -> Received:
        return receive_in(tmp_path, files, pattern, **more)

    return here
