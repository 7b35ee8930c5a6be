"""results.json: every number of the annex, tidy, with its count, interval and label."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from impact.core.ledger import Ledger, tidy_ledgers
from impact.display.document import Document

# Sums of floats may differ in the last bits between processors. What is written does not.
_DIGITS = 10


def write_results(
    document: Document,
    path: Path,
    *,
    estimates: pd.DataFrame,
    ledgers: list[Ledger],
    tables: Mapping[str, pd.DataFrame],
) -> Path:
    """Write `results.json`.

    Parameters
    ----------
    document : Document
        The annex: its numbers are `numbers`, its first lines `headlines`.
    estimates : DataFrame
        Every estimate in canonical columns, with `method`, `outcome`, `label`, `small_sample`.
    ledgers : list of Ledger
        Rows in, dropped and used.
    tables : mapping of str to DataFrame
        Further tidy tables (balance, audit, targets), one key each.

    Returns
    -------
    Path
        The file. Keys: `study, title, headlines, estimates, ledger, numbers`, and those of `tables`.
    """
    content: dict[str, Any] = {
        "study": document.study,
        "title": document.title,
        "headlines": [h.shown() for h in document.headlines],
        "estimates": records(estimates),
        "ledger": records(tidy_ledgers(ledgers)),
        **{name: records(table) for name, table in tables.items()},
        "numbers": [{k: plain(v) for k, v in row.items()} for row in document.numbers()],
    }
    path.write_text(
        json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8"
    )
    return path


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a tidy table as plain dictionaries; missing is null, infinite is a word."""
    return [
        {str(k): plain(v) for k, v in zip(frame.columns, row, strict=True)}
        for row in frame.itertuples(index=False, name=None)
    ]


def plain(value: Any) -> Any:
    """A value as JSON has it: ten significant digits, null for missing, a word for infinite.

    Examples
    --------
    >>> plain(1 / 3), plain(float("nan")), plain(float("inf"))
    (0.3333333333, None, 'infinity')
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isnan(number):
            return None
        if math.isinf(number):
            return "infinity" if number > 0 else "-infinity"
        return float(f"{number:.{_DIGITS}g}")
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return str(value)
