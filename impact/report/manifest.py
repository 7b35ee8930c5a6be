"""manifest.json: what went in, with what it was made, what came out. It holds no date and no path."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from impact.core.ledger import Ledger, tidy_ledgers
from impact.report.results import records

_LIBRARIES = (
    "duckdb",
    "formulaic",
    "linearmodels",
    "matplotlib",
    "numpy",
    "openpyxl",
    "pandas",
    "pyarrow",
    "pydantic",
    "scipy",
    "seaborn",
    "statsmodels",
    "typst",
    "xlsxwriter",
)


def sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python, of `impact` and of what it computes and prints with."""
    import impact

    found = {name: metadata.version(name) for name in _LIBRARIES}
    return {"python": platform.python_version(), "impact": impact.__version__, **found}


def code_sha256() -> str:
    """One hash over the package's own files, so that a changed line of code is a changed input."""
    digest = hashlib.sha256()
    root = Path(str(resources.files("impact")))
    for path in sorted(p for p in root.rglob("*") if p.suffix in {".py", ".typ"}):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def provenance(study: Path, inputs: dict[str, str], seed: int) -> dict[str, Any]:
    """What determines the outputs: study file, inputs, code, versions, seed."""
    return {
        "study_sha256": sha256(study),
        "inputs_sha256": dict(sorted(inputs.items())),
        "code_sha256": code_sha256(),
        "versions": versions(),
        "seed": seed,
    }


def write_manifest(
    path: Path, *, made_from: dict[str, Any], ledgers: list[Ledger], outputs: dict[str, Path]
) -> Path:
    """Write `manifest.json` beside the annex.

    Parameters
    ----------
    made_from : dict
        From `provenance`.
    ledgers : list of Ledger
        Rows in, dropped and used.
    outputs : dict of str to Path
        Name below the output folder -> file.
    """
    content = {
        **made_from,
        "ledger": records(tidy_ledgers(ledgers)),
        "outputs_sha256": {name: sha256(p) for name, p in sorted(outputs.items())},
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def is_current(folder: Path, made_from: dict[str, Any]) -> bool:
    """Whether a folder holds exactly what these inputs gave before, every byte of it."""
    try:
        known = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(known, dict) or any(known.get(k) != v for k, v in made_from.items()):
        return False
    outputs = known.get("outputs_sha256", {})
    return (
        isinstance(outputs, dict)
        and bool(outputs)
        and all(
            (folder / name).is_file() and sha256(folder / name) == digest
            for name, digest in outputs.items()
        )
    )
