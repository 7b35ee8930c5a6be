"""The edge to typst: a document to PDF, equal bytes for equal documents."""

from __future__ import annotations

import datetime as dt
import json
from importlib import resources
from pathlib import Path

from impact.core.errors import ReportError
from impact.display.document import Document, printable
from impact.display.numbers import Lang

# typst writes a time into the file's metadata. It is fixed, so that another day gives the same bytes.
_STAMP = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def write_pdf(document: Document, folder: Path, lang: Lang = "en") -> Path:
    """Typeset the annex as `appendix.pdf` in a folder that already holds its figures.

    Parameters
    ----------
    document : Document
        The annex.
    folder : Path
        Where the figures stand and the PDF goes.

    Returns
    -------
    Path
        The PDF.

    Raises
    ------
    ReportError
        If typesetting fails.
    """
    import typst

    template = resources.files("impact.report").joinpath("appendix.typ").read_text("utf-8")
    source = folder / "appendix.typ"
    data = folder / "document.json"
    target = folder / "appendix.pdf"
    source.write_text(template, "utf-8")
    data.write_text(json.dumps(printable(document, lang), ensure_ascii=False), "utf-8")
    try:
        typst.compile(
            str(source),
            output=str(target),
            root=str(folder),
            font_paths=typst.Fonts(include_system_fonts=False),
            sys_inputs={"document": data.name, "lang": lang},
            timestamp=int(_STAMP.timestamp()),
        )
    except typst.TypstError as error:
        raise ReportError(f"The annex could not be typeset: {error}") from error
    finally:
        source.unlink(missing_ok=True)
        data.unlink(missing_ok=True)
    return target
