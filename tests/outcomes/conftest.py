"""Firms drawn as text, a row a firm and a cell a year, so that the tests of outcomes can be read as their manual."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import impact

SIGNS = {".": "active_nonexporter", "x": "inactive", "?": "unobserved"}


def cells(drawing: str) -> tuple[list[int], dict[str, list[str]]]:
    """Years of the first line, and the cells of each firm."""
    lines = [line.split("#")[0].split() for line in drawing.strip().splitlines()]
    lines = [line for line in lines if line]
    years = [int(y) for y in lines[0]]
    assert all(len(line) == len(years) + 1 for line in lines[1:]), "a firm lacks a year"
    return years, {line[0]: line[1:] for line in lines[1:]}


@pytest.fixture
def drawn() -> Callable[..., impact.Panel]:
    """Read a drawing: a number is exports, `.` active and none, `x` not active, `?` not observed."""

    def read(drawing: str, **roles: object) -> impact.Panel:
        years, firms = cells(drawing)
        rows = [
            (firm, year, SIGNS.get(sign, "active_exporter"), 0.0 if sign == "." else np.nan if sign in "x?" else float(sign))
            for firm, signs in firms.items() for year, sign in zip(years, signs, strict=True)
        ]  # fmt: skip
        frame = pd.DataFrame(rows, columns=["firm", "year", "state", "exports_eur"])
        frame = frame.assign(**{str(k): frame["firm"].map(v) for k, v in roles.items()})  # type: ignore[arg-type]
        return impact.panel(frame, unit="firm", time="year", cohort="joined" if "joined" in roles else None)  # fmt: skip

    return read


@pytest.fixture
def shown() -> Callable[[impact.Panel, str], dict[str, list[str]]]:
    """Draw a column of a panel: `.` is 0, `?` is missing, else the whole number."""

    def draw(panel: impact.Panel, column: str) -> dict[str, list[str]]:
        wide = panel.wide(column)
        return {
            str(firm): ["?" if pd.isna(v) else "." if v == 0 else f"{v:g}" for v in row]
            for firm, row in zip(wide.index, wide.to_numpy(), strict=True)
        }

    return draw


@pytest.fixture
def expected() -> Callable[[str], dict[str, list[str]]]:
    """Read a drawing of results."""
    return lambda drawing: cells(drawing)[1]
