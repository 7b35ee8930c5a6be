"""The command `impact dynamics`: customs files in; a table, a figure and their data out."""

from __future__ import annotations

import difflib
import glob
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from impact.core.errors import DataError, Fault, ReportError, StudyError, how_many
from impact.display.canvas import figure_style
from impact.display.document import Column, Document, Number, Row, Section, Table
from impact.display.figures import save_svg
from impact.outcomes.dynamics import DynamicsResult, dynamics_of
from impact.outcomes.dynamics_groups import ALL, Grouping, by_column
from impact.outcomes.firm_states import states_of_exporters
from impact.outcomes.linkage_notes import unfinished_year
from impact.report.customs_alone import PERIOD, CustomsAlone, received_customs
from impact.report.receive import receive
from impact.report.study import Study, StudySection, read_study
from impact.report.study_files import CustomsSection, IdentifierSection
from impact.report.workbook import write_workbook

_ROWS_OF_A_SHEET = 20_000
_DIGITS = "%.10g"  # sums of floats may differ in the last bits between processors; what is written does not
_DOTS_PER_INCH = 200
_ADVICE = (
    " Where a remedy names an option (--...), give it as an option of this command; see impact dynamics --help. What has none is declared in a "
    "study.toml with [customs]."
)


@dataclass(frozen=True, slots=True)
class DynamicsRun:
    """What the command prints, and the files it wrote."""

    text: str
    files: tuple[Path, ...]


def run_dynamics(
    files: Sequence[str],
    *,
    by: str | None = None,
    digits: int | None = None,
    exit_dating: str = "first_absent",
    growth: str = "log",
    minimum: float | None = None,
    out: Path | None = None,
    first_year: int | None = None,
    last_year: int | None = None,
    max_memory: str | None = None,
    customs: Mapping[str, Any] | None = None,
) -> DynamicsRun:
    """Compute exporter dynamics of customs files, and write them.

    Parameters
    ----------
    files : sequence of str
        Customs files, or one study.toml with [customs].
    by : str, optional
        "destination", "product", or with a study.toml a column of its panel, such as "sector".
    digits : int, optional
        First digits of a product that make a group.
    exit_dating, growth, minimum
        As in `impact.dynamics`.
    out : Path, optional
        Folder; by default the name of the first file with `_dynamics`, in the working folder, and with the settings that are not the usual
        ones, so that two of them never write over each other. As with `impact run`, the same command writes over its own results.
    first_year, last_year : int, optional
        Shipments outside leave, counted.
    max_memory : str, optional
        What the engine may hold in memory.
    customs : mapping, optional
        Keys of [customs] in study.toml.

    Returns
    -------
    DynamicsRun

    Raises
    ------
    StudyError
        If study.toml has faults, or an option is none.
    DataError
        With every fault of the files; nothing is written then.
    ReportError
        If the folder cannot be written.
    """
    study, folder, advice = _study(files, first_year, last_year, dict(customs or {}))
    assert study.customs is not None
    least = study.customs.minimum_value_eur if minimum is None else minimum
    if digits is not None and by != "product":
        raise StudyError("--digits goes with --by product.")
    grouping = _grouping(by, digits, files, max_memory)
    with received_customs(
        study, folder, name=_named(files), advice=advice, options=bool(advice), max_memory=max_memory
    ) as given:  # fmt: skip
        if least and minimum is None and not given.unit.startswith("EUR"):
            raise DataError(
                f"minimum_value_eur is declared, and amounts stand in {given.unit}. Give exchange rates under [money], or "
                f"--minimum in {given.unit}."
            )
        grouping = replace(grouping, notes=(*grouping.notes, *unfinished_year(given.ends)))
        states_of_exporters(given.relations, given.years, minimum=int(np.floor(least * 100)))
        found = dynamics_of(
            given.relations, grouping, firms=given.firms, products=given.products, destinations=given.destinations, decimals=2,
            minimum=least, unit=given.unit, exit_dating=exit_dating, growth=growth, breaks=given.breaks,
        )  # fmt: skip
        told = _told(given, found)
    settings = {"by": by, "digits": digits, "exit": exit_dating, "growth": growth, "minimum": minimum, "from": first_year, "to": last_year,
                **(customs or {})}  # fmt: skip
    target = out if out is not None else default_folder(files, settings)
    written = _written(found, target)
    return DynamicsRun(told, written)


def _grouping(
    by: str | None, digits: int | None, files: Sequence[str], max_memory: str | None
) -> Grouping:
    """Whose dynamics; the groups of firms are those of the study's panel, each firm in its last one."""
    if by is None:
        return ALL
    if by in ("destination", "product"):
        return Grouping(by, by, digits)
    path = Path(files[0])
    path = path / "study.toml" if path.is_dir() else path
    if path.suffix.lower() != ".toml":
        raise StudyError(
            f"--by {by}: customs files tell destinations and products. Groups of firms, such as their sector, come from a register: name "
            "a study.toml with [customs] and [register]."
        )
    intake = receive(path, max_memory=max_memory).intake
    assert intake is not None and intake.parquet is not None
    words = [c for c in intake.columns if c not in ("firm_id", "year")]
    if by not in words:
        near = difflib.get_close_matches(by, words, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the panel has: {', '.join(words)}."
        raise StudyError(f"--by {by}: the study's panel has no column of this name; {hint}")
    frame = pd.read_parquet(intake.parquet, columns=["firm_id", "year", by])
    return by_column(frame, "firm_id", "year", by)


def _named(files: Sequence[str]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"


_USUAL = {"exit": "first_absent", "growth": "log"}


def default_folder(files: Sequence[str], settings: Mapping[str, Any]) -> Path:
    """Where results go of which nobody says where: named by the files, and by each setting that is not the usual one.

    Examples
    --------
    >>> str(default_folder(["a.csv"], {"by": None, "growth": "log"}))
    'a_dynamics'
    >>> str(default_folder(["a.csv", "b.csv"], {"by": "product", "digits": 2, "minimum": 1000.0, "exclude_products": ("27", "99")}))
    'a_b_dynamics_by_product_digits_2_minimum_1000_exclude_products_27_99'
    """
    stems = list(dict.fromkeys(_stem(f) for f in files))
    names = stems if len(stems) <= _NAMED else [stems[0], "and", str(len(stems) - 1), "more"]
    parts = [*names, "dynamics"]
    for name, value in settings.items():
        if value is None or value == _USUAL.get(name) or name in _READING:
            continue
        parts += [name, *_words(value)]
    return Path(re.sub(r"[^\w.-]+", "-", "_".join(parts))[:_LONGEST].rstrip("_.-"))


def _words(value: Any) -> list[str]:
    if isinstance(value, float):
        return [f"{value:.15g}"]
    return [str(v) for v in value] if isinstance(value, (tuple, list)) else [str(value)]


_NAMED = 3  # files in the name of a folder
_LONGEST = 200  # characters of a name; file systems end at 255
_READING = ("columns", "preset", "date_format", "delimiter", "encoding", "decimal", "thousands", "minus", "header_row", "width", "product_digits",
            "destination_codes", "classification", "restore_leading_zeros")  # fmt: skip
"""How a file is to be read: it has one right reading, and a second attempt replaces the first."""


def _stem(file: str) -> str:
    """Name of a file without what says its form."""
    path = Path(file)
    name = path.resolve().parent.name if path.name == "study.toml" else path.name
    return name.split(".")[0] or "customs"


def _study(
    files: Sequence[str], first: int | None, last: int | None, customs: dict[str, Any]
) -> tuple[Study, Path, str]:
    """The study of the command: read from study.toml, or made of its options."""
    path = Path(files[0])
    _there(files)
    if path.is_dir() and (path / "study.toml").is_file():
        path = path / "study.toml"
    if path.suffix.lower() != ".toml":
        return _made_study(files, first, last, customs), Path(), _ADVICE
    given = [f"--{k.replace('_', '-')}" for k in customs] + [o for o, v in (("--first-year", first), ("--last-year", last)) if v]  # fmt: skip
    if given or len(files) > 1:
        what = f"{', '.join(given)} is declared in it" if given else "it stands alone"
        raise StudyError(f"{path}: with a study.toml, {what}. Leave the rest out.")
    study, faults = read_study(path)
    if study is not None and study.customs is None:
        faults = [*faults, Fault("the study has no [customs]", "add [customs] with files, or name the customs files", file=path.name)]  # fmt: skip
    if study is None or faults:
        raise StudyError(f"{path}: {how_many(faults)} found; nothing was computed and nothing was written.", faults)  # fmt: skip
    return study, path.parent, ""


def _there(files: Sequence[str]) -> None:
    """Refuse names of files that are not there, as the person wrote them, and files that are named twice."""
    absent = [f for f in files if not glob.has_magic(f) and not os.path.lexists(f)]
    if absent:
        faults = [Fault("the file does not exist", "check its name", file=f) for f in absent]
        raise DataError(f"{how_many(faults)} found; nothing was computed and nothing was written.", faults)  # fmt: skip
    met: dict[Path, str] = {}
    again = []
    for named in files:
        for one in (
            sorted(glob.glob(named))
            if glob.has_magic(named) and not os.path.lexists(named)
            else [named]
        ):
            place = Path(one).resolve()
            if place in met:
                first = "" if met[place] == one else f", before as {met[place]}"
                again.append(
                    Fault(
                        f"the file is named twice{first}: each of its shipments would count twice",
                        "name it once",
                        file=one,
                    )
                )
            met.setdefault(place, one)
    if again:
        raise DataError(f"{how_many(again)} found; nothing was computed and nothing was written.", again)  # fmt: skip


def _made_study(
    files: Sequence[str], first: int | None, last: int | None, customs: dict[str, Any]
) -> Study:
    begins, ends = PERIOD[0] if first is None else first, PERIOD[1] if last is None else last
    if begins > ends:
        raise StudyError(f"The period ends before it begins: {begins} to {ends}.")
    width = customs.pop("width", None)
    try:
        return Study(
            study=StudySection(name="dynamics", title="Exporter dynamics", programme="", source="", first_year=begins, last_year=ends),
            customs=CustomsSection(files=tuple(files), **customs),
            identifiers=IdentifierSection(width=width),
        )  # fmt: skip
    except ValidationError as error:
        faults = [
            Fault(str(e["msg"])[:1].lower() + str(e["msg"])[1:], "correct the option, or leave it out",
                  column="--" + str(e["loc"][0]).replace("_", "-"), value=e["input"])
            for e in error.errors()
        ]  # fmt: skip
        raise StudyError("An option of impact dynamics cannot be used.", faults) from None


def _told(given: CustomsAlone, found: DynamicsResult) -> str:
    """What is printed: rows, notices, the table, and what it is not fit for."""
    ledger = given.ledger
    lines = [f"{ledger.rows_in:,} rows read, {ledger.rows_used:,} used; {len(given.firms):,} firms, "
             f"{given.years[0]} to {given.years[-1]}; amounts in {given.money}."]  # fmt: skip
    lines += [f"  - {line.reason}: {line.rows:,} rows" for line in ledger.lines if line.rows]
    lines += [f"  note: {notice}" for notice in given.notices]
    shown = [] if found.by is None else ["The figure shows the four groups with most exporters."]
    return "\n".join([*lines, "", found.summary(), "", *shown,
                      "Working output for the holder of the data: figures of few firms are not suppressed, so nothing here is fit to "
                      "be published as it is."])  # fmt: skip


def _written(found: DynamicsResult, folder: Path) -> tuple[Path, ...]:
    """Write everything beside its place, then move whole files to their names."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
        try:
            names = _files(found, stage)
            for name in names:
                os.replace(stage / name, folder / name)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as error:
        raise ReportError(
            f"{error.filename or folder} cannot be written: {error.strerror}."
        ) from error
    return tuple(folder / name for name in names)


def _files(found: DynamicsResult, stage: Path) -> list[str]:
    found.tidy().to_csv(stage / "dynamics.csv", index=False, lineterminator="\n", float_format=_DIGITS)  # fmt: skip
    names = ["dynamics.csv"]
    wide = found.wide().reset_index()
    if len(wide) <= _ROWS_OF_A_SHEET:
        write_workbook(_document(found, wide), stage / "dynamics.xlsx")
        names.append("dynamics.xlsx")
    figure = found.plot()
    save_svg(figure, stage / "dynamics.svg")
    with figure_style():
        figure.savefig(stage / "dynamics.png", format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})  # fmt: skip
    return [*names, "dynamics.svg", "dynamics.png"]


def _document(found: DynamicsResult, wide: pd.DataFrame) -> Document:
    """The indicators as one sheet: a row each, a column a year."""
    units = found.tidy().drop_duplicates("code").set_index("code")["unit"]
    wide = wide.assign(unit=wide["code"].map(units))
    years = [c for c in wide.columns if not isinstance(c, str)]
    texts = [*([found.by] if found.by else []), "code", "indicator", "statistic", "unit"]
    rows = tuple(
        Row((*(str(row[c]) for c in texts), *(Number(None if pd.isna(row[y]) else float(row[y]), f"{row['indicator']}, {y}")
                                              for y in years)))
        for row in wide.to_dict("records")
    )  # fmt: skip
    columns = (*(Column(c, "left") for c in texts), *(Column(str(y)) for y in years))
    notes = tuple(found.summary().split("\n\n", 1)[1].splitlines())
    table = Table("dynamics", "Exporter dynamics", columns, rows, notes)
    return Document("dynamics", "Exporter dynamics", "", (), (Section("Exporter dynamics", (table,)),))  # fmt: skip
