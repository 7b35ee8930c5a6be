"""The verb of the report: a study file in, annex, workbook, results, figures and manifest out."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from impact.core.errors import ReportError
from impact.core.ledger import Ledger
from impact.display.document import Document, Table, as_text
from impact.report.exhibits_intake import euro_ledger_table, intake_blocks, intake_tables
from impact.report.manifest import is_current, provenance, sha256, write_manifest
from impact.report.panel_files import write_panel_files
from impact.report.pdf import write_pdf
from impact.report.receive import Received, receive
from impact.report.results import write_results
from impact.report.workbook import write_workbook

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Built:
    """Where the annex of a study lies, and its headline lines."""

    study: str
    pdf: Path
    headlines: tuple[str, ...]
    unchanged: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Content:
    """What a study computed, before anything is written."""

    document: Document
    estimates: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    ledgers: list[Ledger]
    figures: dict[str, Figure]


def build(
    study: Path,
    *,
    out: Path | None = None,
    if_changed: bool = False,
    max_memory: str | None = None,
) -> Built:
    """Run a study and write its outputs.

    Parameters
    ----------
    study : Path
        study.toml.
    out : Path, optional
        Output folder; the study's own folder where missing.
    if_changed : bool
        Leave the outputs alone when inputs, code, versions and outputs are those of the manifest.
    max_memory : str, optional
        What the engine may hold in memory, such as "2GB", instead of the study's own.

    Returns
    -------
    Built

    Raises
    ------
    ImpactError
        From any stage. Outputs appear under their names only when all of them are whole.
    """
    received = receive(study, max_memory=max_memory)
    folder = out if out is not None else study.parent
    made_from = provenance(study, received.inputs, received.study.study.seed)
    if if_changed and is_current(folder, made_from):
        known = json.loads((folder / "results.json").read_text("utf-8"))
        return Built(known["study"], folder / "appendix.pdf", tuple(known["headlines"]), True)
    content = _content(received)
    try:
        _publish(content, folder, made_from)
        _write_panel(received, study, out)
    except OSError as error:
        place = error.filename or folder
        raise ReportError(f"{place} cannot be written: {error.strerror}.") from error
    lines = tuple(h.shown() for h in content.document.headlines)
    return Built(received.study.study.name, folder / "appendix.pdf", lines, False)


def _publish(content: _Content, folder: Path, made_from: dict[str, Any]) -> None:
    """Write everything beside its final place, then move it there."""
    folder.mkdir(parents=True, exist_ok=True)
    with _staging(folder) as stage:
        outputs = _write(content, stage)
        write_manifest(
            stage / "manifest.json",
            made_from=made_from,
            ledgers=content.ledgers,
            outputs=outputs,
        )
        _move(stage, folder, [*outputs, "manifest.json"])


def _content(received: Received) -> _Content:
    """Everything that is computed; firms and published claims may stand in one study."""
    parts = []
    if received.panel is not None:
        parts.append(_firms_content(received))
    elif received.intake is not None:
        parts.append(_intake_content(received))
    if received.claims is not None:
        parts.append(_claims_content(received))
    return parts[0] if len(parts) == 1 else _joined(*parts)


def _intake_content(received: Received) -> _Content:
    from impact.report.exhibits_intake import intake_content

    document, tables = intake_content(received)
    return _Content(document, pd.DataFrame(), tables, list(received.ledgers), {})


def _claims_content(received: Received) -> _Content:
    from impact.report.exhibits_claims import claims_content

    document, tables = claims_content(received)
    return _Content(document, pd.DataFrame(), tables, list(received.ledgers), {})


def _joined(firms: _Content, claims: _Content) -> _Content:
    """One annex: the evaluation's first lines, then what was claimed."""
    document = replace(
        firms.document,
        sections=(*firms.document.sections, *claims.document.sections),
        colophon=(*firms.document.colophon, *claims.document.colophon),
    )
    return replace(firms, document=document, tables={**firms.tables, **claims.tables})


def _firms_content(received: Received) -> _Content:
    from impact.display.figures import effect_panels
    from impact.display.love import love_figure
    from impact.report.analysis import analyse
    from impact.report.exhibits_firms import firms_document
    from impact.report.exhibits_match import after_what, balance_by_cohort, match_tables
    from impact.report.exhibits_value import value_figures, value_tables

    analysis = analyse(received)
    tables = {
        "balance": analysis.match.balance(),
        "balance_by_cohort": analysis.match.balance(by_cohort=True),
        **match_tables(analysis),
        "checks": pd.concat(
            [one.pretrends.tidy().assign(outcome=one.outcome.name) for one in analysis.effects],
            ignore_index=True,
        ),
    }
    if received.intake is not None:
        tables |= intake_tables(received.intake)
    if analysis.value is not None:
        tables |= value_tables(analysis.value)
    done = after_what(analysis)
    love = balance_by_cohort(analysis)
    love["covariate"] = love["covariate"] + ", " + love["cohort"].astype(str)
    panels = [
        (f"{one.outcome.label}, {one.outcome.unit}", one.group_time.aggregate("event").tidy())
        for one in analysis.effects
    ]
    return _Content(
        document=firms_document(received, analysis),
        estimates=analysis.estimates(),
        tables=tables,
        ledgers=[*received.ledgers, *analysis.ledgers()],
        figures={
            "figures/balance.svg": love_figure(
                love, title="", before=f"before {done}", after=f"after {done}"
            ),
            "figures/event_study.svg": effect_panels(panels),
            **({} if analysis.value is None else value_figures(analysis.value)),
        },
    )


def _write(content: _Content, stage: Path) -> dict[str, Path]:
    """Write every output but the manifest into the staging folder."""
    from impact.display.figures import save_svg

    (stage / "figures").mkdir()
    for name, figure in content.figures.items():
        save_svg(figure, stage / name)
    write_pdf(content.document, stage)
    write_workbook(content.document, stage / "tables.xlsx")
    write_results(
        content.document,
        stage / "results.json",
        estimates=content.estimates,
        ledgers=content.ledgers,
        tables=content.tables,
    )
    names = ["appendix.pdf", "results.json", "tables.xlsx", *sorted(content.figures)]
    return {name: stage / name for name in names}


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder beside the final ones, on the same disk, gone when done or failed."""
    stage = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _move(stage: Path, folder: Path, names: list[str]) -> None:
    """Put whole files under their final names; the manifest last, since it vouches for the others."""
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(stage / name, target)


def _write_panel(received: Received, study: Path, out: Path | None) -> None:
    """Write the firm-years that were analysed below `data_processed/`; they name firms and stay there."""
    if received.panel is None and received.intake is None:
        return
    if out is not None:
        root = out
    else:
        inside = study.resolve().parent.parent.name == "reports"
        root = study.resolve().parent.parent.parent if inside else study.resolve().parent
    folder = root / "data_processed" / received.study.study.name
    folder.mkdir(parents=True, exist_ok=True)
    with _staging(folder) as stage:
        _move(stage, folder, write_panel_files(received, stage))


def describe(received: Received) -> str:
    """What `impact check` prints of what it understood: ledger, linkage, observability, notices, panel."""
    parts = []
    if received.intake is not None:
        if received.ledgers:
            parts.append(as_text(euro_ledger_table(received.ledgers)))
        parts += [as_text(b) for b in intake_blocks(received.intake) if isinstance(b, Table)]
    lines = [] if received.intake is not None else [_ledger_line(x) for x in received.ledgers]
    lines += [f"  note: {notice}" for notice in received.notices]
    if received.panel is not None:
        lines.append(f"  {received.panel.summary()}")
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])])


def _ledger_line(ledger: Ledger) -> str:
    firms = f", {ledger.units_in:,} firms" if ledger.units_in is not None else ""
    return f"  {ledger.table}: {ledger.rows_in:,} rows{firms}"


def verify(folder: Path) -> str:
    """Run a study again and compare every output, byte by byte.

    Returns
    -------
    str
        A sentence that says how many files are equal.

    Raises
    ------
    ReportError
        If an output is missing or differs.
    """
    study = folder / "study.toml"
    with tempfile.TemporaryDirectory() as again:
        build(study, out=Path(again))
        known = json.loads((Path(again) / "manifest.json").read_text("utf-8"))
        names = [*known["outputs_sha256"], "manifest.json"]
        absent = [name for name in names if not (folder / name).is_file()]
        differ = [
            name
            for name in names
            if name not in absent and sha256(folder / name) != sha256(Path(again) / name)
        ]
    if absent:
        raise ReportError(f"{folder} lacks {', '.join(absent)}. Run the study first.")
    if differ:
        raise ReportError(
            f"{folder}: {', '.join(differ)} differ from a second run. Run the study again, or compare "
            "the versions in manifest.json with those installed."
        )
    return f"{folder}: {len(names)} files, each equal to a second run's."
