"""Read and validate everything a study names, before anything is computed; all faults in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from impact.core.errors import DataError, Fault, StudyError
from impact.core.ledger import Ledger
from impact.core.panel import Panel, panel
from impact.outcomes.transform import lag, log
from impact.read.claims import read_budget, read_claims
from impact.read.delimited import TextTable, packaged_file, read_delimited
from impact.report.manifest import sha256
from impact.report.study import DataSection, FileSection, Study, read_study
from impact.validate.firm_years import FirmYearContract, check_firm_years


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """A study with its data, read and found whole.

    Attributes
    ----------
    study : Study
    path : Path
        The study file.
    panel : Panel or None
    claims, budget : DataFrame or None
    inputs : dict of str to str
        Name of each input file -> hash of its bytes.
    ledgers : tuple of Ledger
        One per table that came in.
    """

    study: Study
    path: Path
    panel: Panel | None
    claims: pd.DataFrame | None
    budget: pd.DataFrame | None
    inputs: dict[str, str]
    ledgers: tuple[Ledger, ...]


def receive(path: Path) -> Received:
    """Read a study and its files.

    Parameters
    ----------
    path : Path
        study.toml.

    Returns
    -------
    Received

    Raises
    ------
    StudyError
        If study.toml has faults; those of its data are listed with them.
    DataError
        If only the data have faults.
    """
    study, study_faults = read_study(path)
    data_faults: list[Fault] = []
    made: Panel | None = None
    claims = budget = None
    inputs: dict[str, str] = {}
    ledgers: list[Ledger] = []
    if study is not None:
        made, found = _firms(study, path.parent, inputs, ledgers, usable=not study_faults)
        data_faults += found
        claims, found = _file(study.claims, path.parent, read_claims, inputs)
        data_faults += found
        budget, found = _file(study.budget, path.parent, read_budget, inputs)
        data_faults += found
    faults = [*study_faults, *data_faults]
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        message = f"{path}: {count} found; nothing was estimated and nothing was written."
        raise StudyError(message, faults) if study_faults else DataError(message, faults)
    assert study is not None
    for name, table in (("claims", claims), ("budget", budget)):
        if table is not None:
            ledgers.append(Ledger.opened(name, len(table)))
    return Received(study, path, made, claims, budget, inputs, tuple(ledgers))


def _firms(
    study: Study, folder: Path, inputs: dict[str, str], ledgers: list[Ledger], *, usable: bool
) -> tuple[Panel | None, list[Fault]]:
    data, roles = study.data, study.panel
    if data is None or roles is None:
        return None, []
    first, last = study.study.first_year, study.study.last_year
    contract = FirmYearContract(
        columns=data.columns,
        unit=roles.unit,
        time=roles.time,
        first_year=first if first is not None else -(10**6),
        last_year=last if last is not None else 10**6,
        text=data.text,
        missing=data.missing,
    )
    try:
        table = _table(data, folder)
    except DataError as error:
        return None, list(error.faults)
    inputs[table.name] = table.sha256
    frame, faults = check_firm_years(table, contract)
    if faults or not usable:
        return None, faults
    frame, faults = _derived(frame, study, table.name)
    if faults:
        return None, faults
    try:
        made = _panel(frame, study)
    except DataError as error:
        return None, [replace(f, file=table.name) for f in error.faults]
    faults = _participation_faults(made, study, table.name)
    if faults:
        return None, faults
    ledgers.append(Ledger.opened(table.name, len(frame), int(frame[roles.unit].nunique())))
    return made, []


def _participation_faults(made: Panel, study: Study, file: str) -> list[Fault]:
    """What no comparison can answer, found before anything is computed."""
    roles = study.panel
    assert roles is not None
    column = roles.treatment or roles.cohort
    cohorts = made.unit_cohort()
    joined = cohorts.dropna()
    usable = joined[(joined > made.periods[0]) & (joined <= made.periods[-1])]
    faults = []
    if joined.empty:
        faults.append(Fault("no firm took part", "mark participation, or correct the column",
                            file=file, column=column))  # fmt: skip
    elif usable.empty:
        faults.append(Fault("no firm joined after the first year of the data, so none has a year before",
                            "add earlier years", file=file, column=column))  # fmt: skip
    if cohorts.notna().all():
        faults.append(Fault("every firm took part, so none is left to compare with",
                            "add firms that never took part", file=file, column=column))  # fmt: skip
    if study.value is not None and len(usable):
        longest = made.periods[-1] - int(usable.min())
        if study.value.horizon > longest:
            faults.append(Fault(f"no firm was observed for longer than {longest} years after joining",
                                "choose a shorter horizon; nothing is extrapolated",
                                file="study.toml", column="value.horizon",
                                value=study.value.horizon))  # fmt: skip
    return faults


def _table(data: DataSection, folder: Path) -> TextTable:
    if data.package is not None:
        return read_delimited(packaged_file(data.package), name=data.package,
                              delimiter=data.delimiter)  # fmt: skip
    assert data.file is not None
    return read_delimited(folder / data.file, name=data.file, delimiter=data.delimiter)


def _derived(frame: pd.DataFrame, study: Study, file: str) -> tuple[pd.DataFrame, list[Fault]]:
    """Add the columns of `[derive]`, each from declared or earlier derived ones."""
    assert study.panel is not None
    faults: list[Fault] = []
    for name, rule in study.derive.items():
        if rule.source not in frame:
            faults.append(Fault("the column it is made from comes later or could not be made",
                                "put it first, or mend that column", file="study.toml",
                                column=f"derive.{name}", value=rule.source))  # fmt: skip
            continue
        source = frame[rule.source]
        try:
            if rule.log is not None:
                made = log(source)
            else:
                made = lag(source, frame[study.panel.unit], frame[study.panel.time],
                           before_first=rule.before_first)  # fmt: skip
        except DataError as error:
            faults += [replace(f, file=file) for f in error.faults]
            continue
        frame = frame.assign(**{name: made})
    return frame, faults


def _panel(frame: pd.DataFrame, study: Study) -> Panel:
    roles = study.panel
    assert roles is not None
    words = {**study.labels, **{o.name: o.label for o in study.outcome}}
    return panel(frame, unit=roles.unit, time=roles.time, cohort=roles.cohort,
                 treatment=roles.treatment, labels=words)  # fmt: skip


def _file(
    section: FileSection | None,
    folder: Path,
    read: Callable[[Path], pd.DataFrame],
    inputs: dict[str, str],
) -> tuple[pd.DataFrame | None, list[Fault]]:
    if section is None:
        return None, []
    path = folder / section.file
    try:
        table = read(path)
    except DataError as error:
        return None, [replace(f, file=f.file or section.file) for f in error.faults]
    # The manifest names no place of this machine.
    inputs[Path(section.file).name if Path(section.file).is_absolute() else section.file] = sha256(
        path
    )
    return table, []
