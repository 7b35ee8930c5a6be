"""How long a person waits before anything happens: whole processes, alternated, medians of ratios."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 15
COMMANDS = {
    "impact --help": [sys.executable, "-m", "impact", "--help"],
    "import impact": [sys.executable, "-c", "import impact"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the median time of each command and its median ratio to a bare interpreter."""
    bare = [sys.executable, "-c", "pass"]
    seconds(bare)
    for name, command in COMMANDS.items():
        seconds(command)
        pairs = [(seconds(command), seconds(bare)) for _ in range(RUNS)]
        ours = statistics.median(a for a, _ in pairs)
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name}: {1000 * ours:.0f} ms, {ratio:.1f} x a bare interpreter")


if __name__ == "__main__":
    main()
