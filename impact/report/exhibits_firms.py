"""The annex of an evaluation of firms: which sections, in which order."""

from __future__ import annotations

from impact.display.document import Document, Section
from impact.report.analysis import Analysis
from impact.report.exhibits_effects import durability_blocks, effect_blocks
from impact.report.exhibits_match import comparison_blocks
from impact.report.exhibits_sample import sample_blocks
from impact.report.exhibits_value import value_sections
from impact.report.headlines import headlines
from impact.report.receive import Received


def firms_document(received: Received, analysis: Analysis) -> Document:
    """Lay out the annex of a study of firms."""
    study = received.study.study
    level = f"{study.conf_level:.0%}".replace("%", " %")
    return Document(
        study=study.name,
        title=study.title,
        subtitle=f"{study.programme}. Data: {study.source}.",
        headlines=headlines(received, analysis, level),
        sections=(
            Section("What was asked, and of whom", tuple(sample_blocks(received, analysis))),
            Section("Compared to whom", tuple(comparison_blocks(received, analysis))),
            Section("By how much", tuple(effect_blocks(received, analysis, level))),
            Section("How long, and can it be believed", tuple(durability_blocks(analysis, level))),
            *value_sections(received, analysis, level),
        ),
        colophon=(
            "Every number of this annex stands in results.json with its count, interval and label; "
            "manifest.json holds the hashes of what went in, the versions of what computed it, and "
            "the row ledger. Exhibits keep their numbers across studies; those that a study does not "
            "need are absent.",
        ),
    )
