"""Imputation with an event study and its uniform band: seconds, memory and growth, against diff-diff where it is installed.

No covariates, ten years, six cohorts and firms that never join (two fifths): the firms of `group_time.py`. Each case runs in a process of its own that
draws the firms, warms up on a few of them and times, from a data frame on: `overall` up to the one number with its conservative error, `event`
up to the table of the event study. "peak" is that of the whole process, interpreter, libraries and data included; "data" is what it was before. "growth" is
the exponent of time in the number of firms.

The peer is asked up to 100,000 firms. Give the Python that has it: `python benchmarks/imputation.py [--peer PYTHON] [thousand firms ...]`.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from group_time import draw, draw_small, peak_mb

SIZES = (10, 100, 1_000)  # thousand firms
CASES = {
    "overall": "imputation, overall",
    "event": "imputation, event study",
    "leads": "imputation, event study and 2 leads",
    "saturated": "interaction_weighted, event study",
    "peer_overall": "diff-diff, overall",
    "peer_event": "diff-diff, event study",
}
PEERS = {"overall": "peer_overall", "event": "peer_event"}
MOST = 100_000  # firms that the peer is asked


def _impact(frame: Any, kind: str, method: str = "imputation", **options: Any) -> float:
    import impact

    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    effect = impact.att(panel, "exports", method=method, **options)
    table = effect.aggregate(kind).tidy()  # type: ignore[arg-type]
    if kind == "event":
        table = table[table["event_time"] == 2]
    return float(table["estimate"].iloc[0])


def _diff_diff(frame: Any, kind: str) -> float:
    from diff_diff import ImputationDiD

    found = ImputationDiD().fit(frame, "exports", "firm", "year", "joined")
    if kind == "overall":
        return float(found.overall_att)
    table = found.aggregate("event_study").to_dataframe()
    return float(table.loc[table["event_time"] == 2, "att"].iloc[0])


def run(case: str, firms: int) -> dict[str, float]:
    """Time one case in this process."""
    frame = draw(firms)
    if not case.startswith("peer"):
        frame["joined"] = frame["joined"].where(frame["joined"] > 0)
    calls: dict[str, Callable[[Any], float]] = {
        "overall": lambda data: _impact(data, "overall"),
        "event": lambda data: _impact(data, "event"),
        "leads": lambda data: _impact(data, "event", pretrends=2),
        "saturated": lambda data: _impact(data, "event", method="interaction_weighted"),
        "peer_overall": lambda data: _diff_diff(data, "overall"),
        "peer_event": lambda data: _diff_diff(data, "event"),
    }
    calls[case](draw_small(frame))
    before, start, cpu = peak_mb(), time.perf_counter(), time.process_time()
    effect = calls[case](frame)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "data_mb": before,
        "peak_mb": peak_mb(),
        "effect": effect,
    }


def measure(python: str, case: str, firms: int) -> dict[str, float] | None:
    """Run one case in a process of its own; None where it fails."""
    done = subprocess.run([python, "-W", "ignore", __file__, "--run", case, str(firms)],
                          capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        print(f"{firms:>10,} {CASES[case]:36} skipped: {last[:70]}")
        return None
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(sizes: tuple[int, ...], peer: str) -> None:
    """Print a line for every size and case."""
    print(
        f"{'firms':>10} {'':36} {'seconds':>8} {'cpu':>6} {'growth':>7} {'x diff-diff':>12} {'data MB':>8} {'peak MB':>8} {'effect':>9}"
    )
    before: dict[str, tuple[int, float]] = {}
    for thousands in sizes:
        firms = thousands * 1_000
        lines = {}
        for case in CASES:
            if case not in PEERS.values() or firms <= MOST:
                lines[case] = measure(
                    peer if case in PEERS.values() else sys.executable, case, firms
                )
        for case, line in lines.items():
            if line is None:
                continue
            growth = "–"
            if case in before:
                n, seconds = before[case]
                growth = f"{math.log(line['seconds'] / seconds) / math.log(firms / n):.2f}"
            before[case] = (firms, line["seconds"])
            other = lines.get(PEERS.get(case, ""))
            ratio = "–" if other is None else f"{line['seconds'] / other['seconds']:.3f}"
            print(f"{firms:>10,} {CASES[case]:36} {line['seconds']:>8.2f} {line['cpu']:>6.2f} {growth:>7} {ratio:>12} "
                  f"{line['data_mb']:>8.0f} {line['peak_mb']:>8.0f} {line['effect']:>9.5f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(run(sys.argv[2], int(sys.argv[3]))))
    else:
        words = sys.argv[1:]
        python = sys.executable
        if words[:1] == ["--peer"]:
            python, words = words[1], words[2:]
        main(tuple(int(w) for w in words) or SIZES, python)
