"""The command `impact`. It parses, calls one function, prints, and turns a refusal into an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from impact import __version__
from impact.core.errors import ImpactError

if TYPE_CHECKING:
    from impact.report.build import Built

_EXIT_CODES = """\
exit codes:
  0 done   2 wrong use of this command   10 refused   11 study.toml   12 data   13 design
  14 estimation   15 report, or outputs that differ   16 a library is missing
"""

_MEMORY = "what the engine may hold in memory, such as 2GB; the rest is written to disk"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after `impact`; those of the process where missing.
    """
    # Sums of floats depend on the number of threads; one thread gives the same bytes everywhere.
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ImpactError as error:
        print(f"impact: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("impact: stopped; outputs of an earlier run are as they were.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away, as `impact methods | head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="impact",
        description="Did a public programme that helps small firms to trade change what they export, "
        "for whom, by how much, and what did each euro buy?",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"impact {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    check = commands.add_parser("check", help="read and validate everything that a study names")
    check.add_argument("study", type=Path, help="study.toml, or its folder")
    check.add_argument("--max-memory", metavar="SIZE", help=_MEMORY)
    check.set_defaults(run=_check)

    run = commands.add_parser("run", help="run studies and write annex, tables, results, manifest")
    run.add_argument(
        "studies", type=Path, nargs="+", metavar="study", help="study.toml, or its folder"
    )
    run.add_argument("--out", type=Path, help="output folder (default: beside the study.toml)")
    run.add_argument(
        "--if-changed", action="store_true", help="leave a study alone whose outputs are current"
    )
    run.add_argument("--max-memory", metavar="SIZE", help=_MEMORY)
    run.set_defaults(run=_run)

    audit = commands.add_parser("audit", help="verdict and corrected sentence for published claims")
    audit.add_argument("claims", type=Path, help="claims.csv")
    audit.add_argument("--lang", choices=("en", "es", "pt"), default="en", help="language")
    audit.set_defaults(run=_audit)

    verify = commands.add_parser("verify", help="run a study again and compare every byte")
    verify.add_argument("folder", type=Path, help="folder with study.toml and its outputs")
    verify.set_defaults(run=_verify)

    methods = commands.add_parser("methods", help="list every method with its abilities")
    methods.set_defaults(run=_methods)
    return parser


def _study_file(path: Path) -> Path:
    """A study may be named by its file or by its folder."""
    return path / "study.toml" if path.is_dir() else path


def _check(options: argparse.Namespace) -> int:
    from impact.report.build import describe
    from impact.report.receive import inspect

    path = _study_file(options.study)
    received, refusal = inspect(path, max_memory=options.max_memory)
    if received is not None and (refusal is None or received.intake is not None):
        shown = describe(received)
        if refusal is None:
            shown = "\n".join(filter(None, [f"{path}: no fault found.", shown]))
        if shown:
            print(shown)
    if refusal is not None:
        raise refusal
    return 0


def _run(options: argparse.Namespace) -> int:
    """Run each study; one that fails does not keep the others from running."""
    from impact.report.build import build

    if options.out is not None and len(options.studies) > 1:
        print("impact: --out takes one study", file=sys.stderr)
        return 2
    done, code = [], 0
    for path in map(_study_file, options.studies):
        try:
            done.append(
                build(
                    path,
                    out=options.out,
                    if_changed=options.if_changed,
                    max_memory=options.max_memory,
                )
            )
        except ImpactError as error:
            named = str(error) if str(path) in error.message else f"{path}: {error}"
            print(f"impact: {named}", file=sys.stderr)
            code = code or error.exit_code
    print("\n\n".join(_report(one) for one in done), end="\n" if done else "")
    return code


def _report(built: Built) -> str:
    state = "unchanged" if built.unchanged else "written"
    return "\n".join([f"{_shown(built.pdf)} ({state})", *(f"  {line}" for line in built.headlines)])


def _shown(path: Path) -> str:
    """A path below the working folder is shown from there."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _audit(options: argparse.Namespace) -> int:
    from impact.claims.audit import audit

    print(audit(options.claims, lang=options.lang).summary())
    return 0


def _verify(options: argparse.Namespace) -> int:
    from impact.report.build import verify

    folder = options.folder.parent if options.folder.name == "study.toml" else options.folder
    print(verify(folder))
    return 0


def _methods(options: argparse.Namespace) -> int:
    from impact.catalogue import methods

    table = methods()
    for verb, part in table.groupby("verb", sort=True):
        print(verb)
        for row in part.itertuples():
            print(f"  {row.method}: {row.summary}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
