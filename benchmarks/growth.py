"""How time and memory grow with the number of firms; each size in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

SIZES = (2_000, 20_000, 200_000)


def one(task: str, firms: int) -> None:
    """Run one task at one size and print seconds and peak memory."""
    import numpy as np
    import pandas as pd

    import impact
    from impact.simulate.programme import programme

    if task == "match":
        rng = np.random.default_rng(firms)
        x = rng.normal(size=(firms, 5))
        frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(5)])
        frame["joined"] = (rng.uniform(size=firms) < 0.1 / (1 + np.exp(-x[:, 0]))).astype(int)
        start = time.perf_counter()
        impact.match(frame, treatment="joined", on=list(frame.columns[:5]), caliper=0.2)
    else:
        frame, _ = programme(firms=firms, periods=8, cohorts=(4, 6), seed=1)
        panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
        start = time.perf_counter()
        impact.att(panel, "exports", method="group_time").aggregate("event")
    took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{task:12}{firms:>10,} firms {took:>9.2f} s {peak:>9.0f} MB peak of the process")


def main() -> None:
    """Run every task at every size."""
    for task in ("match", "group_time"):
        for firms in SIZES:
            subprocess.run([sys.executable, __file__, task, str(firms)], check=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        one(sys.argv[1], int(sys.argv[2]))
    else:
        main()
