"""The command `impact`. It parses, calls one function, prints, and turns a refusal into an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impact import __version__
from impact.core.errors import ImpactError
from impact.report.option_words import CUSTOMS_FLAGS, CUSTOMS_LISTS, CUSTOMS_NUMBERS, CUSTOMS_WORDS

if TYPE_CHECKING:
    from impact.report.build import Built

_EXIT_CODES = """\
exit codes:
  0 done   2 wrong use of this command   10 refused   11 study.toml   12 data   13 design
  14 estimation   15 report, or outputs that differ   16 a library is missing
"""

_AUDIT = """\
For each published claim a verdict (holds, wording, arithmetic error, conflict, undefined,
implausible, unverifiable), the arithmetic, and the sentence that would be true.
The columns of claims.csv are explained in data_raw/al_invest/README.md.

with --results a claim is also held against a study's own estimate (inside, above or below
its interval):
  results.json  the column `estimate` of claims.csv names what the claim is held against:
                outcome/row of the value table   jobs/total_at_horizon
                outcome/method of an estimate    exports_eur_2015/group_time, overall
                a name that is not there is refused with those that are
  a csv         subject,estimate,conf_low,conf_high (and unit); a claim is held against the
                row of its own `subject`
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
    run.add_argument(
        "--out",
        type=Path,
        help="output folder (default: beside the study.toml); the firm-years, which name firms, then go to data_processed/NAME inside it, "
        "and not beside reports/: do not publish the folder whole",
    )
    run.add_argument(
        "--if-changed", action="store_true", help="leave a study alone whose outputs are current"
    )
    run.add_argument("--max-memory", metavar="SIZE", help=_MEMORY)
    run.set_defaults(run=_run)

    audit = commands.add_parser(
        "audit",
        help="verdict and corrected sentence for published claims",
        description=_AUDIT,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    audit.add_argument("claims", type=Path, help="claims.csv")
    audit.add_argument(
        "--results",
        type=Path,
        help="results.json of a study (the column estimate of the claims names its estimates), or a csv with subject, estimate, conf_low, conf_high",
    )
    audit.add_argument("--lang", choices=("en", "es", "pt"), default="en", help="language")
    audit.set_defaults(run=_audit)

    _add_dynamics(commands)

    verify = commands.add_parser("verify", help="run a study again and compare every byte")
    verify.add_argument("folder", type=Path, help="folder with study.toml and its outputs")
    verify.set_defaults(run=_verify)

    methods = commands.add_parser("methods", help="list every method with its abilities")
    methods.set_defaults(run=_methods)
    return parser


def _add_dynamics(commands: Any) -> None:
    dynamics = commands.add_parser(
        "dynamics", help="entry, exit, survival, concentration of a country's exporters",
        description="The indicators of the Exporter Dynamics Database from customs files (firm_id, date or year, product, destination, "
        "value, currency): CSV, gzip, XLSX, Parquet; or from a study.toml with [customs]. Prints a table and writes dynamics.csv, "
        "dynamics.xlsx and a figure.",
    )  # fmt: skip
    dynamics.add_argument(
        "files", nargs="+", metavar="FILE", help="customs files, or one study.toml"
    )
    dynamics.add_argument(
        "--by",
        metavar="WHAT",
        help="destination, product, or (with a study.toml) a column of its panel, such as sector",
    )
    dynamics.add_argument("--digits", type=int, metavar="N", help="with --by product: the first N digits")  # fmt: skip
    dynamics.add_argument("--exit-dating", choices=("first_absent", "last"), default="first_absent",
                          help="date exits at the first year without exports, or at the last with")  # fmt: skip
    dynamics.add_argument("--growth", choices=("log", "rate", "midpoint"), default="log", help="of exports (A11, A12)")  # fmt: skip
    dynamics.add_argument("--minimum", type=float, metavar="AMOUNT", help="exports a year up to it make no exporter")  # fmt: skip
    dynamics.add_argument("--out", type=Path, metavar="FOLDER", help="default: FILE_dynamics in the working folder, with the settings in its name; what is in it is replaced")  # fmt: skip
    dynamics.add_argument("--first-year", type=int, metavar="YEAR")
    dynamics.add_argument("--last-year", type=int, metavar="YEAR")
    dynamics.add_argument("--max-memory", metavar="SIZE", help=_MEMORY)
    keys = dynamics.add_argument_group("keys of [customs] in study.toml")
    keys.add_argument("--column", action="append", default=[], metavar="NAME=HEADING",
                      help="a column that has another heading, such as firm_id=RUC")  # fmt: skip
    keys.add_argument("--drop-unreadable", action="append", metavar="NAME", help="rows leave whose cell cannot be read")  # fmt: skip
    keys.add_argument("--exclude-products", action="append", metavar="PREFIX", help="products that begin so leave, such as 27")  # fmt: skip
    keys.add_argument("--exclude-regimes", action="append", metavar="WORD", help="shipments under a customs regime leave")  # fmt: skip
    keys.add_argument("--restore-leading-zeros", action="store_true", default=None)
    for name in CUSTOMS_WORDS:
        keys.add_argument(f"--{name.replace('_', '-')}", metavar="WORD")
    for name in CUSTOMS_NUMBERS:
        keys.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N")
    dynamics.set_defaults(run=_dynamics)


def _dynamics(options: argparse.Namespace) -> int:
    from impact.report.dynamics_files import run_dynamics

    pairs = [text.partition("=") for text in options.column]
    if any(not name or not heading for name, _, heading in pairs):
        print("impact: --column takes NAME=HEADING, such as firm_id=RUC", file=sys.stderr)
        return 2
    names = (*CUSTOMS_WORDS, *CUSTOMS_FLAGS, *CUSTOMS_NUMBERS)
    customs = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    if pairs:
        customs["columns"] = {name: heading for name, _, heading in pairs}
    for name in CUSTOMS_LISTS:
        if getattr(options, name):
            customs[name] = tuple(getattr(options, name))
    done = run_dynamics(
        options.files, by=options.by, digits=options.digits, exit_dating=options.exit_dating, growth=options.growth,
        minimum=options.minimum, out=options.out, first_year=options.first_year, last_year=options.last_year,
        max_memory=options.max_memory, customs=customs,
    )  # fmt: skip
    print(done.text)
    print("\n".join(f"{_shown(path)} (written)" for path in done.files))
    return 0


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

    print(audit(options.claims, options.results, lang=options.lang).summary())
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
