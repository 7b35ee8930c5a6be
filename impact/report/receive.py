"""Read and validate everything a study names, before anything is computed; all faults in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from impact.core.errors import DataError, Fault, ImpactError, StudyError, how_many
from impact.core.ledger import Ledger
from impact.core.notice import Notice
from impact.core.panel import Panel, panel
from impact.outcomes.transform import lag, log
from impact.read.claims import read_budget, read_claims
from impact.read.delimited import TextTable, packaged_file, read_delimited
from impact.report.intake import Intake, take_in
from impact.report.manifest import sha256
from impact.report.refused_forms import refused_forms
from impact.report.study import DataSection, Study, read_study, used_columns
from impact.validate.firm_years import FirmYearContract, check_firm_years
from impact.value.flows import persistence_shares


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
        Published claims, and the amounts that were published with them.
    inputs : dict of str to str
        Name of each input file -> hash of its bytes.
    ledgers : tuple of Ledger
        One per table that came in.
    intake : Intake or None
        What the deliveries became, where the study has them.
    notices : tuple of Notice
        What was accepted or repaired.
    """

    study: Study
    path: Path
    panel: Panel | None
    claims: pd.DataFrame | None
    budget: pd.DataFrame | None
    inputs: dict[str, str]
    ledgers: tuple[Ledger, ...]
    intake: Intake | None = None
    notices: tuple[Notice, ...] = ()


def receive(path: Path, *, max_memory: str | None = None) -> Received:
    """Read a study and its files.

    Parameters
    ----------
    path : Path
        study.toml.
    max_memory : str, optional
        What the engine may hold in memory, such as "2GB", instead of the study's own.

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
    received, refusal = inspect(path, max_memory=max_memory)
    if refusal is not None:
        raise refusal
    assert received is not None
    return received


def inspect(
    path: Path, *, max_memory: str | None = None
) -> tuple[Received | None, ImpactError | None]:
    """Read a study and its files, and give what was understood beside the refusal, if there is one.

    Returns
    -------
    Received or None
        As far as it could be read; None where study.toml itself cannot be understood.
    ImpactError or None
        What `receive` would raise.
    """
    study, study_faults = read_study(path)
    if study is None:
        return None, _refusal(path, study_faults, [])
    faults: list[Fault] = []
    inputs: dict[str, str] = {}
    ledgers: list[Ledger] = []
    intake = None
    if study.has_deliveries and not study_faults:
        intake = take_in(study, path.parent, columns=used_columns(study), max_memory=max_memory)
        faults += intake.faults
        inputs.update(intake.inputs)
        ledgers += intake.ledgers
        made, found = _delivered(study, intake)
    else:
        made, found = _firms(study, path.parent, inputs, ledgers, usable=not study_faults)
    faults += found
    said = {f.column for f in found}
    faults += [f for f in refused_forms(study) if f.column not in said]  # where no panel was made
    named = (None, None) if study.claims is None else (study.claims.file, study.claims.budget)
    claims, found = _file(named[0], path.parent, read_claims, inputs)
    faults += found
    budget, found = _file(named[1], path.parent, read_budget, inputs)
    faults += found
    for name, table in (("claims", claims), ("published amounts", budget)):
        if table is not None:
            ledgers.append(Ledger.opened(name, len(table)))
    notices = tuple(intake.notices) if intake is not None else ()
    received = Received(study, path, made, claims, budget, inputs, tuple(ledgers), intake, notices)
    refused = [*study_faults, *faults]
    return received, _refusal(path, study_faults, faults) if refused else None


def _refusal(path: Path, study_faults: list[Fault], data_faults: list[Fault]) -> ImpactError:
    faults = [*study_faults, *data_faults]
    message = f"{path}: {how_many(faults)} found; nothing was estimated and nothing was written."
    return StudyError(message, faults) if study_faults else DataError(message, faults)


def _delivered(study: Study, intake: Intake) -> tuple[Panel | None, list[Fault]]:
    """The panel of a study whose firms come as deliveries; None where no effect is asked for."""
    if intake.frame is None or not study.evaluates:
        return None, []
    frame, faults = _derived(intake.frame, study, "the panel")
    if faults:
        return None, faults
    try:
        made = _panel(frame, study)
    except DataError as error:
        return None, [replace(f, file="the panel") for f in error.faults]
    return made, _participation_faults(made, study, "the roster")


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
    roles = study.roles
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
        carried = len(persistence_shares(study.value.persistence))
        if study.value.horizon > longest + carried:
            faults.append(Fault(f"no firm was observed for longer than {longest} years after joining",
                                "choose a shorter horizon, or declare a persistence; nothing else is extrapolated",
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
    roles = study.roles
    assert roles is not None
    given = frame
    faults = refused_forms(study, given, lambda: _panel(given, study))
    for name, rule in study.derive.items():
        if rule.zero_logarithm is not None:
            continue
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
                made = lag(source, frame[roles.unit], frame[roles.time],
                           before_first=rule.before_first)  # fmt: skip
        except DataError as error:
            faults += [replace(f, file=file) for f in error.faults]
            continue
        frame = frame.assign(**{name: made})
    return frame, faults


def _panel(frame: pd.DataFrame, study: Study) -> Panel:
    roles = study.roles
    assert roles is not None
    words = {**study.labels, **{o.name: o.label for o in study.outcome}}
    return panel(frame, unit=roles.unit, time=roles.time, cohort=roles.cohort,
                 treatment=roles.treatment, labels=words)  # fmt: skip


def _file(
    file: str | None,
    folder: Path,
    read: Callable[[Path], pd.DataFrame],
    inputs: dict[str, str],
) -> tuple[pd.DataFrame | None, list[Fault]]:
    if not file:
        return None, []
    path = folder / file
    try:
        table = read(path)
    except DataError as error:
        return None, [replace(f, file=f.file or file) for f in error.faults]
    # The manifest names no place of this machine.
    inputs[Path(file).name if Path(file).is_absolute() else file] = sha256(path)
    return table, []
