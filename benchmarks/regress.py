"""Regressions with fixed effects: seconds, memory and growth, against fereg and pyfixest in the same run.

Firms x 10 years; each firm is in one of 50 sectors, so that firm and sector-year effects have 500 levels beside the firms. `least squares`
and `Poisson` have three regressors, `event study` eight dummies of years around joining, `Poisson event` the same; `gaps` is `Poisson` with
one row in five missing at random, so that few firms stand in the same years; `two huge` has 20,000 further levels that one row in ten changes, which
takes the iterating solver; `all` repeats `least squares` with rows in random order and names of firms as text.
Standard errors are clustered by firm. Each case and each engine runs in a process of its own that draws the rows, runs once on a
hundredth of them, and then times three calls, data frame in, result out; the fastest counts. "peak" is that of the whole process, interpreter,
libraries and data included; "data" is what it was before the calls. "growth" is the exponent of time in the number of rows since the size before.

`python benchmarks/regress.py [--peer PYTHON] [thousand rows ...]`, where PYTHON has fereg and pyfixest.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time
from typing import Any

SIZES = (100, 1_000, 5_000)  # thousand rows
YEARS, SECTORS = 10, 50
THREE = "x0 + x1 + x2"
EVENT = " + ".join(f"d{i}" for i in range(8))
CASES = {
    "least squares": ("y", THREE, "firm + cell"),
    "event study": ("y", EVENT, "firm + cell"),
    "all": ("y", THREE, "firm + cell"),
    "Poisson": ("sales", THREE, "firm + cell"),
    "Poisson event": ("sales", EVENT, "firm + cell"),
    "gaps": ("sales", THREE, "firm + cell"),
    "two huge": ("y", THREE, "firm + buyer"),
}
ENGINES = ("impact", "fereg", "pyfixest")
MOST = {"pyfixest": 1_000_000}  # rows; it takes 8 GB for five million


def draw(case: str, rows: int) -> Any:
    """Firm-years; only the columns that the case needs."""
    import numpy as np
    import pandas as pd

    firms = rows // YEARS
    rng = np.random.default_rng(firms)
    firm, year = np.repeat(np.arange(firms), YEARS), np.tile(np.arange(YEARS), firms)
    frame = pd.DataFrame({"firm": firm})
    own = rng.normal(size=firms)[firm]
    if case == "two huge":
        buyers = max(20, rows // 50)
        buyer = np.where(
            rng.random(rows) < 0.1,
            rng.integers(0, buyers, rows),
            rng.integers(0, buyers, firms)[firm],
        )
        frame["buyer"] = buyer
        own += rng.normal(size=buyers)[buyer]
    else:
        frame["cell"] = rng.integers(0, SECTORS, firms)[firm] * YEARS + year
        own += 0.3 * rng.normal(size=SECTORS * YEARS)[frame["cell"]]
    outcome, terms, _ = CASES[case]
    if terms == EVENT:
        since = year - rng.integers(2, 20, firms)[firm]
        for i, k in enumerate((-4, -3, -2, 0, 1, 2, 3, 4)):
            frame[f"d{i}"] = (since == k).astype(np.float64)
        own += 0.1 * (since >= 0)
    else:
        for i in range(3):
            frame[f"x{i}"] = rng.normal(size=rows) + 0.1 * year
        own += 0.2 * frame["x0"].to_numpy()
    if outcome == "y":
        frame["y"] = own + rng.normal(size=rows)
    else:
        frame["sales"] = rng.poisson(np.exp(own - 0.5)).astype(np.float64)
    if case == "gaps":
        frame = frame[rng.random(rows) < 0.8].reset_index(drop=True)
    if case == "all":
        frame = frame.sample(frac=1, random_state=1).reset_index(drop=True)
        frame["firm"] = "F" + frame["firm"].astype(str)
    return frame


def peak_mb() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def call(engine: str, case: str, frame: Any) -> tuple[float, float, int]:
    """Run one regression; gives the first coefficient, its standard error and the rows used."""
    outcome, terms, effects = CASES[case]
    formula, poisson = f"{outcome} ~ {terms} | {effects}", outcome == "sales"
    if engine == "impact":
        import impact

        row = (
            impact.regress(
                formula, frame, family="poisson" if poisson else "gaussian", cluster="firm"
            )
            .tidy()
            .iloc[0]
        )
        return float(row["estimate"]), float(row["std_error"]), int(row["n_obs"])
    library = __import__(engine)
    fit = (library.fepois if poisson else library.feols)(
        formula, frame, vcov={"CRV1": "firm"}, fixef_rm="none"
    )
    return float(fit.coef().iloc[0]), float(fit.se().iloc[0]), int(fit._N)


def run(engine: str, case: str, rows: int) -> dict[str, float]:
    """Time one case in this process."""
    frame = draw(case, rows)
    call(engine, case, draw(case, max(2_000, rows // 100)))
    before, seconds, cpu = peak_mb(), math.inf, math.inf
    for _ in range(3):
        start, used = time.perf_counter(), time.process_time()
        b, se, n = call(engine, case, frame)
        seconds, cpu = (
            min(seconds, time.perf_counter() - start),
            min(cpu, time.process_time() - used),
        )
    return {
        "seconds": seconds,
        "cpu": cpu,
        "data_mb": before,
        "peak_mb": peak_mb(),
        "b": b,
        "se": se,
        "n": n,
    }


def measure(python: str, engine: str, case: str, rows: int) -> dict[str, float] | None:
    """Run one case in a process of its own; None where it fails."""
    if rows > MOST.get(engine, rows):
        return None
    done = subprocess.run(
        [python, "-W", "ignore", __file__, "--run", engine, case, str(rows)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        print(f"{rows:>10,} {case:14} {engine:9} skipped: {last[:80]}", flush=True)
        return None
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(sizes: tuple[int, ...], peer: str | None) -> None:
    """Print a line for every case, size and engine."""
    print(f"{'rows':>10} {'case':14} {'engine':9} {'seconds':>8} {'cpu':>6} {'growth':>7} {'x best':>7} {'data MB':>8} {'peak MB':>8} "
          f"{'coefficient':>13} {'error':>12}")  # fmt: skip
    before: dict[tuple[str, str], tuple[int, float]] = {}
    for case in CASES:
        for thousands in sizes:
            rows = thousands * 1_000
            engines = ENGINES if peer else ENGINES[:1]
            lines = {
                e: measure(sys.executable if e == "impact" else str(peer), e, case, rows)
                for e in engines
            }
            found = {e: line for e, line in lines.items() if line is not None}
            others = [line["seconds"] for e, line in found.items() if e != "impact"]
            for engine, line in found.items():
                growth = "–"
                if (case, engine) in before:
                    n, seconds = before[case, engine]
                    growth = f"{math.log(line['seconds'] / seconds) / math.log(rows / n):.2f}"
                before[case, engine] = (rows, line["seconds"])
                ratio = f"{line['seconds'] / min(others):.2f}" if others else "–"
                print(f"{rows:>10,} {case:14} {engine:9} {line['seconds']:>8.3f} {line['cpu']:>6.2f} {growth:>7} {ratio:>7} "
                      f"{line['data_mb']:>8.0f} {line['peak_mb']:>8.0f} {line['b']:>13.9f} {line['se']:>12.9f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(run(sys.argv[2], sys.argv[3], int(sys.argv[4]))))
    else:
        words = sys.argv[1:]
        other = None
        if words[:1] == ["--peer"]:
            other, words = words[1], words[2:]
        main(tuple(int(w) for w in words) or SIZES, other)
