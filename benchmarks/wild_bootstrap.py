"""The wild cluster bootstrap: seconds and growth in firms, of a formula and of effects, against pyfixest where it is installed.

300 and 2,000 firms by ten years, six cohorts and firms that never join, each firm a cluster, 9,999 draws. pyfixest hands the test to wildboottest,
which writes firms and years out as dummies; it gives a p-value, ours the interval too. Each case runs in a process of its own that warms up on a
few firms and times from the data on, the estimate itself included. The peer is asked up to 300 firms: its time grows with the cube of their number, and with 2,000
firms it did not come to an end here while other work ran (it did once, in 55.6 s).

Give the Python that has the peer: `python benchmarks/wild_bootstrap.py [--peer PYTHON] [firms ...]`.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from group_time import draw, draw_small

SIZES = (300, 2_000)  # firms
DRAWS = 9_999
MOST = 300  # firms that the peer is asked
CASES = {
    "formula": "formula, firm and year effects",
    "twfe": "twfe",
    "overall": "group_time, overall",
    "imputation": "imputation, overall",
    "score": "group_time with covariates, overall (scores)",
    "peer": "pyfixest, firm and year effects",
}


def _formula(frame: Any, draws: int) -> float:
    import impact

    found = impact.wild_bootstrap("exports ~ d | firm + year", frame, "d", cluster="firm", draws=draws)  # fmt: skip
    return float(found.tidy()["p_value"].iloc[0])


def _effect(frame: Any, draws: int, method: str, **options: Any) -> float:
    import impact

    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    effect = impact.att(panel, "exports", method=method, **options)
    effect = effect if method == "twfe" else effect.aggregate("overall")
    return float(impact.wild_bootstrap(effect, draws=draws).tidy()["p_value"].iloc[0])


def _pyfixest(frame: Any, draws: int) -> float:
    import pyfixest

    fit = pyfixest.feols("exports ~ d | firm + year", frame, vcov={"CRV1": "firm"})
    return float(fit.wildboottest(param="d", reps=draws, cluster="firm", seed=1)["Pr(>|t|)"])


def run(case: str, firms: int) -> dict[str, float]:
    """Time one case in this process."""
    frame = draw(firms)
    frame["d"] = ((frame["joined"] > 0) & (frame["year"] >= frame["joined"])).astype(float)
    small = draw_small(frame)
    if case not in ("peer", "formula"):
        frame, small = (f.assign(joined=f["joined"].where(f["joined"] > 0)) for f in (frame, small))
    covariates = [c for c in frame.columns if c.startswith("x")]
    calls: dict[str, Callable[[Any, int], float]] = {
        "formula": _formula,
        "twfe": lambda data, n: _effect(data, n, "twfe"),
        "overall": lambda data, n: _effect(data, n, "group_time"),
        "imputation": lambda data, n: _effect(data, n, "imputation"),
        "score": lambda data, n: _effect(data, n, "group_time", covariates=covariates),
        "peer": _pyfixest,
    }
    calls[case](small, 99)
    start, cpu = time.perf_counter(), time.process_time()
    p = calls[case](frame, DRAWS)
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "p": p}


def measure(python: str, case: str, firms: int) -> dict[str, float] | None:
    """Run one case in a process of its own; None where it fails."""
    done = subprocess.run([python, "-W", "ignore", __file__, "--run", case, str(firms)],
                          capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        print(f"{firms:>8,} {CASES[case]:46} skipped: {last[:70]}")
        return None
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(sizes: tuple[int, ...], peer: str) -> None:
    """Print a line for every number of draws and case."""
    print(
        f"{'firms':>8} {'':46} {'seconds':>8} {'cpu':>7} {'growth':>7} {'x pyfixest':>11} {'p':>8}"
    )
    before: dict[str, tuple[int, float]] = {}
    for firms in sizes:
        lines = {
            case: measure(peer if case == "peer" else sys.executable, case, firms)
            for case in CASES
            if case != "peer" or firms <= MOST
        }
        other = lines.get("peer")
        for case, line in lines.items():
            if line is None:
                continue
            growth = "–"
            if case in before:
                n, seconds = before[case]
                growth = f"{math.log(line['seconds'] / seconds) / math.log(firms / n):.2f}"
            before[case] = (firms, line["seconds"])
            ratio = "–" if other is None else f"{line['seconds'] / other['seconds']:.4f}"
            print(f"{firms:>8,} {CASES[case]:46} {line['seconds']:>8.2f} {line['cpu']:>7.2f} {growth:>7} {ratio:>11} {line['p']:>8.4f}",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(run(sys.argv[2], int(sys.argv[3]))))
    else:
        words = sys.argv[1:]
        python = sys.executable
        if words[:1] == ["--peer"]:
            python, words = words[1], words[2:]
        main(tuple(int(w) for w in words) or SIZES, python)
