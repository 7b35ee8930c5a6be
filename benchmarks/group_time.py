"""Group-time effects with an event study and its uniform band: seconds, memory and growth, against packages where they are installed.

Doubly robust, three covariates, ten years, six cohorts and firms that never join (two fifths). Each case runs in a process of its own that draws the
firms, warms up on a few of them and times, from a data frame to the table of the event study: `impact.panel`, `impact.att` and
`aggregate("event")` here; the peers' one call with 999 draws of the multiplier bootstrap, which for us the band replaces. "peak" is that of the whole
process, interpreter, libraries and data included; "data" is what it was before. "growth" is the exponent of time in the number of firms.

Peers: diff-diff and csdid, up to 100,000 firms. Give the Python that has them: `python benchmarks/group_time.py [--peer PYTHON] [thousand firms ...]`.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

SIZES = (10, 100, 1_000)  # thousand firms
YEARS = 10
COHORTS = (3, 4, 5, 6, 7, 8)
COVARIATES = ["x0", "x1", "x2"]
CASES = {
    "impact": "impact, doubly robust",
    "unconditional": "impact, no covariates",
    "diff_diff": "diff-diff, doubly robust, 999 draws",
    "csdid": "csdid, doubly robust, 999 draws",
}
PEERS = ("diff_diff", "csdid")
MOST = 100_000  # firms that peers are asked


def draw(firms: int) -> Any:
    """Firm-years of a programme that larger firms join more often, with effects that grow."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(firms)
    x = rng.standard_normal((firms, 3))
    order = np.argsort(x.sum(axis=1) + 3 * rng.standard_normal(firms), kind="stable")
    group = np.zeros(firms)
    part = firms // 10
    for k, g in enumerate(COHORTS):
        group[order[firms - (k + 1) * part : firms - k * part]] = g
    years = np.arange(1, YEARS + 1)
    y = rng.standard_normal(firms)[:, None] + 0.1 * years + 0.05 * x.sum(axis=1)[:, None] * years
    y = y + 0.1 * np.clip(years - group[:, None] + 1, 0, None) * (group[:, None] > 0)
    y += rng.standard_normal((firms, YEARS))
    frame = pd.DataFrame(
        {"firm": np.repeat(np.arange(firms), YEARS), "year": np.tile(years, firms)}
    )
    frame["joined"] = np.repeat(group, YEARS)
    frame["exports"] = y.ravel()
    for j, name in enumerate(COVARIATES):
        frame[name] = np.repeat(x[:, j], YEARS)
    return frame


def peak_mb() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _impact(frame: Any, covariates: list[str] | None = None) -> float:
    import impact

    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    effect = impact.att(panel, "exports", method="group_time", covariates=covariates)
    table = effect.aggregate("event").tidy().set_index("event_time")
    return float(table.loc[2, "estimate"])


def _diff_diff(frame: Any) -> float:
    from diff_diff import CallawaySantAnna

    found = CallawaySantAnna(n_bootstrap=999, seed=1).fit(
        frame, "exports", "firm", "year", "joined", covariates=COVARIATES, aggregate="event_study"
    )
    return float(found.event_study_effects[2]["effect"])


def _csdid(frame: Any) -> float:
    from csdid.att_gt import ATTgt

    found = ATTgt(yname="exports", tname="year", idname="firm", gname="joined", data=frame,
                  xformla="exports ~ x0 + x1 + x2", biters=999).fit(est_method="dr", bstrap=True)  # fmt: skip
    found.aggte(typec="dynamic")
    told = found.atte
    return float(dict(zip(list(told["egt"]), list(told["att_egt"]), strict=True))[2])


def run(case: str, firms: int) -> dict[str, float]:
    """Time one case in this process."""
    frame = draw(firms)
    if "impact" in CASES[case]:
        frame["joined"] = frame["joined"].where(frame["joined"] > 0)
    wanted = COVARIATES if case == "impact" else None
    calls: dict[str, Callable[[Any], float]] = {
        "impact": lambda data: _impact(data, wanted),
        "unconditional": _impact,
        "diff_diff": _diff_diff,
        "csdid": _csdid,
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


def draw_small(frame: Any) -> Any:
    """The first firms, to warm up on."""
    return frame[frame["firm"] < 500]


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
            if case not in PEERS or firms <= MOST:
                lines[case] = measure(peer if case in PEERS else sys.executable, case, firms)
        other = lines.get("diff_diff")
        for case, line in lines.items():
            if line is None:
                continue
            growth = "–"
            if case in before:
                n, seconds = before[case]
                growth = f"{math.log(line['seconds'] / seconds) / math.log(firms / n):.2f}"
            before[case] = (firms, line["seconds"])
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
