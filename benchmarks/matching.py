"""Nearest-neighbour matching by score, and weights: seconds, memory and growth, against Python packages where they are installed.

Ten covariates, one firm in ten a participant. Each case runs in a process of its own that draws the firms, warms up on a few of
them and times one call of `impact.match`: data frame in, result out, the logit included; "search" is the part that looks for the
neighbours. "peak" is that of the whole process, interpreter, libraries and data included; "data" is what it was before the
call. "growth" is the exponent of time in the number of firms since the size before.

Peers, each for the case that it answers: scikit-learn, with replacement (`LogisticRegression` without penalty and
`NearestNeighbors`; no caliper, strata, order, ledger or result), and pymatchit-causal, without replacement and with a caliper,
which measures everybody against everybody and is asked up to 100,000 firms. Give the Python that has them:
`python benchmarks/matching.py [--peer PYTHON] [thousand firms ...]`.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

SIZES = (100, 1_000, 10_000)  # thousand firms
COVARIATES = 10
CASES: dict[str, dict[str, Any]] = {
    "without": {"caliper": 0.2},
    "with": {"replace": True},
    "strata": {"caliper": 0.2, "exact": ["sector"]},
    "entropy": {"method": "entropy"},
    "ipw": {"method": "ipw"},
}
SAID = {
    "without": "without replacement, caliper 0.2",
    "with": "with replacement",
    "strata": "without, caliper 0.2, 20 strata",
    "entropy": "entropy balancing of means",
    "ipw": "inverse probability weights",
    "sklearn": "scikit-learn, with replacement",
    "pymatchit": "pymatchit-causal, without, caliper",
}
PEER = {"with": "sklearn", "without": "pymatchit"}
MOST = {"pymatchit": 100_000}  # firms
MEMORY = 16 * 2**30


def draw(firms: int) -> Any:
    """Firms of which one in ten joined, the more so the larger the first five covariates."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(firms)
    x = np.empty((COVARIATES, firms))
    for row in x:
        row[:] = rng.standard_normal(firms)
    frame = pd.DataFrame(x.T, columns=[f"x{i}" for i in range(COVARIATES)], copy=False)
    chance = x[0].copy()
    for row in x[1:5]:
        chance += row
    chance = 1 / (1 + np.exp(2.4 - 0.3 * chance))
    frame["joined"] = (rng.random(firms) < chance).astype(np.int64)
    frame["sector"] = rng.integers(0, 20, firms)
    return frame


def peak_mb() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(case: str, firms: int) -> dict[str, float]:
    """Time one case in this process."""
    frame = draw(firms)
    if case in PEER.values():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        return _of_peer(frame, _sklearn if case == "sklearn" else _pymatchit)
    import impact
    from impact.design import nearest

    inside: list[float] = []
    search = nearest.nearest_by_score

    def timed(*args: Any, **words: Any) -> Any:
        start = time.perf_counter()
        found = search(*args, **words)
        inside.append(time.perf_counter() - start)
        return found

    nearest.nearest_by_score = timed
    options = {"treatment": "joined", "on": [f"x{i}" for i in range(COVARIATES)], **CASES[case]}
    impact.match(frame.iloc[:2_000], **options)
    before, start, cpu = peak_mb(), time.perf_counter(), time.process_time()
    matched = impact.match(frame, **options)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "search": inside[-1] if inside else math.nan,
        "data_mb": before,
        "peak_mb": peak_mb(),
        "pairs": len(matched.pairs),
    }


def _of_peer(frame: Any, match: Callable[[Any], tuple[float, int]]) -> dict[str, float]:
    match(frame.iloc[:2_000])
    before, start, cpu = peak_mb(), time.perf_counter(), time.process_time()
    search, pairs = match(frame)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "search": search,
        "data_mb": before,
        "peak_mb": peak_mb(),
        "pairs": pairs,
    }


def _sklearn(data: Any) -> tuple[float, int]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import NearestNeighbors

    x, joined = data.iloc[:, :COVARIATES].to_numpy(), data["joined"].to_numpy() == 1
    model = LogisticRegression(C=math.inf, tol=1e-8, max_iter=1_000).fit(x, joined)
    score = model.predict_proba(x)[:, [1]]
    start = time.perf_counter()
    near = NearestNeighbors(n_neighbors=1).fit(score[~joined])
    _, place = near.kneighbors(score[joined])
    return time.perf_counter() - start, len(place)


def _pymatchit(data: Any) -> tuple[float, int]:
    from pymatchit import MatchIt

    with contextlib.redirect_stdout(io.StringIO()):
        matched = MatchIt(data, method="nearest", caliper=0.2)
        matched.fit("joined ~ " + " + ".join(f"x{i}" for i in range(COVARIATES)))
    return math.nan, int((matched.weights[data["joined"] == 1] > 0).sum())


def measure(python: str, case: str, firms: int) -> dict[str, float] | None:
    """Run one case in a process of its own; None where it fails."""
    if firms > MOST.get(case, firms):
        return None
    done = subprocess.run([python, "-W", "ignore", __file__, "--run", case, str(firms)],
                          capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        print(f"{firms:>12,} {SAID[case]:35} skipped: {last[:70]}")
        return None
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(sizes: tuple[int, ...], peer: str) -> None:
    """Print a line for every size and case."""
    print(f"{'firms':>12} {'':35} {'seconds':>8} {'cpu':>6} {'search':>7} {'growth':>7} {'x peer':>7} "
          f"{'data MB':>8} {'peak MB':>8} {'pairs':>9}")  # fmt: skip
    before: dict[str, tuple[int, float]] = {}
    for thousands in sizes:
        firms = thousands * 1_000
        lines = {case: measure(sys.executable, case, firms) for case in CASES}
        lines |= {case: measure(peer, case, firms) for case in PEER.values()}
        for case, line in lines.items():
            if line is None:
                continue
            growth, ratio, other = "–", "–", lines.get(PEER.get(case, ""))
            if case in before:
                n, seconds = before[case]
                growth = f"{math.log(line['seconds'] / seconds) / math.log(firms / n):.2f}"
            if other is not None:
                ratio = f"{line['seconds'] / other['seconds']:.3f}"
            before[case] = (firms, line["seconds"])
            print(f"{firms:>12,} {SAID[case]:35} {line['seconds']:>8.2f} {line['cpu']:>6.2f} {line['search']:>7.2f} "
                  f"{growth:>7} {ratio:>7} {line['data_mb']:>8.0f} {line['peak_mb']:>8.0f} {line['pairs']:>9,.0f}",
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
