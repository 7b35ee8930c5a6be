"""A study's own estimates, read so that claims can be held against them."""

from __future__ import annotations

import csv
import difflib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from impact.core.errors import DataError, Fault

RESULT_COLUMNS = ("subject", "estimate", "conf_low", "conf_high")
"""Columns of a table of a study's own estimates."""

_REFUSED = "The results cannot be compared with the claims."
_LISTED = 12


def read_results(path: str | Path, claims: pd.DataFrame) -> pd.DataFrame:
    """Read what a study found: `results.json` of a run, or a comma-separated file.

    Parameters
    ----------
    path : path
        `results.json`, whose estimates are called by the column `estimate` of the claims: `jobs/total_at_horizon` (outcome and row of T12), or
        `exports_eur_2015/group_time, overall` (outcome and method). Or a file with `subject, estimate, conf_low, conf_high`, whose subjects are
        those of the claims.
    claims : DataFrame
        As `impact.read.claims.read_claims` returns them.

    Returns
    -------
    DataFrame
        `subject, estimate, conf_low, conf_high`, one row per subject, and `unit` where the file gives it.

    Raises
    ------
    DataError
        A file that cannot be read; a claim that names an estimate that is not there, is in another unit, or is no number; a plan that names one; two
        claims of a subject that name two: all in one pass.
    """
    place = Path(path)
    if place.suffix.lower() == ".csv":
        return checked_results(_table(place), str(path))
    named = claims[claims["estimate"] != ""]
    found = _estimates(place)
    if named.empty:
        problem = "no claim says which estimate it is held against"
        fault = Fault(
            problem, f"add a column estimate with one of: {_choice(found)}", column="estimate"
        )
        raise DataError(_REFUSED, [fault])
    faults: list[Fault] = []
    rows: dict[str, dict[str, Any]] = {}
    called: dict[str, str] = {}
    for claim in named.to_dict("records"):
        name, subject = str(claim["estimate"]), str(claim["subject"])
        row = found.get(name)
        if claim["kind"] == "plan":
            faults.append(Fault("a plan is not held against an estimate", "empty the cell",
                                row=int(claim["row"]), column="estimate", value=name))  # fmt: skip
            continue
        if called.setdefault(subject, name) != name:
            faults.append(Fault(f"another claim of the subject {subject} names '{called[subject]}'", "name one estimate for a subject",
                                row=int(claim["row"]), column="estimate", value=name))  # fmt: skip
            continue
        if row is None:
            near = difflib.get_close_matches(name, found, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {_choice(found)}"
            faults.append(Fault(f"{place.name} has no such estimate", hint, row=int(claim["row"]), column="estimate", value=name))  # fmt: skip
            continue
        unit = str(row.get("unit") or "")
        if unit and unit != claim["unit"]:
            faults.append(Fault(f"the estimate is in {unit} and the claim is in {claim['unit']}", "name an estimate of the same unit",
                                row=int(claim["row"]), column="estimate", value=name))  # fmt: skip
            continue
        try:
            ends = [_number(row.get(key)) for key in RESULT_COLUMNS[1:]]
        except (TypeError, ValueError):
            faults.append(Fault(f"{place.name} gives it no numbers", "give the results.json of a run, as it was written",
                                row=int(claim["row"]), column="estimate", value=name))  # fmt: skip
            continue
        rows[subject] = {**dict(zip(RESULT_COLUMNS[1:], ends, strict=True)), "unit": unit}
    if faults:
        raise DataError(_REFUSED, faults)
    return pd.DataFrame([{"subject": subject, **row} for subject, row in rows.items()])


def checked_results(results: pd.DataFrame, file: str | None = None) -> pd.DataFrame:
    """Hold a table of estimates against its contract: the columns are there, no subject stands twice, numbers are numbers."""
    faults = [
        Fault(
            "the column is missing", f"give {', '.join(RESULT_COLUMNS)}", file=file, column=column
        )
        for column in RESULT_COLUMNS
        if column not in results.columns
    ]
    if faults:
        raise DataError(_REFUSED, faults)
    repeated = results.loc[results["subject"].duplicated(), "subject"]
    faults = [
        Fault(
            "the subject stands twice",
            "keep one estimate",
            file=file,
            column="subject",
            value=subject,
        )
        for subject in repeated
    ]
    if faults:
        raise DataError(_REFUSED, faults)
    return results.loc[:, [*RESULT_COLUMNS, *(["unit"] if "unit" in results.columns else [])]]


def _table(place: Path) -> pd.DataFrame:
    try:
        with place.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            _REFUSED,
            [
                Fault(
                    f"cannot be read ({error})", "check the path; save it as UTF-8", file=str(place)
                )
            ],
        ) from None
    faults = []
    for number, row in enumerate(rows, start=2):
        for column in RESULT_COLUMNS[1:]:
            try:
                row[column] = float(row[column]) if row.get(column) else math.nan
            except ValueError:
                faults.append(Fault("expected a number", "write digits with a dot for decimals, or leave the cell empty",
                                    file=str(place), row=number, column=column, value=row[column]))  # fmt: skip
    if faults:
        raise DataError(_REFUSED, faults)
    return pd.DataFrame(rows)


def _estimates(place: Path) -> dict[str, Mapping[str, Any]]:
    """Every estimate of a results.json by the name that claims call it by."""
    try:
        content = json.loads(place.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        fault = Fault(
            f"cannot be read as JSON ({error})", "give the results.json of a run", file=str(place)
        )
        raise DataError(_REFUSED, [fault]) from None
    named: dict[str, Mapping[str, Any]] = {}
    for row in _rows(content, "value", "term"):
        outcome = row.get("outcome")
        named[f"{outcome}/{row['term']}" if outcome else str(row["term"])] = row
    for row in _rows(content, "estimates", "outcome"):
        if str(row.get("method", "")).endswith(", overall"):
            named.setdefault(f"{row['outcome']}/{row['method']}", row)
    if not named:
        fault = Fault(
            "this holds no estimates",
            "give the results.json of a run with outcomes",
            file=str(place),
        )
        raise DataError(_REFUSED, [fault])
    return named


def _rows(content: object, table: str, key: str) -> list[Mapping[str, Any]]:
    """The rows of a table of results.json; what is not shaped as one has none."""
    rows = content.get(table) if isinstance(content, dict) else None
    listed = rows if isinstance(rows, list) else []
    return [row for row in listed if isinstance(row, dict) and key in row]


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _choice(found: Mapping[str, object]) -> str:
    names = list(found)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
